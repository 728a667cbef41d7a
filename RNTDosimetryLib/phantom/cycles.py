"""The phantom patient over four cycles: kidneys take up more and lesions less, one lesion appears and one vanishes."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

import numpy as np

from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.dose import photon_dose_gy
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import ActivityImage, Region
from RNTDosimetryLib.phantom.body import index_to_patient, load_anatomy
from RNTDosimetryLib.phantom.camera import blurred_map, with_counting_noise
from RNTDosimetryLib.phantom.course import RegionKinetics, load_kinetics, phantom_nuclide, random_stream
from RNTDosimetryLib.phantom.scans import BQ_PER_MBQ, duration_factor, phantom_regions
from RNTDosimetryLib.phantom.settings import PhantomSettings, load_protocol

_SOFT_TISSUE_G_ML = 1.04


@dataclass(frozen=True)
class PhantomCycle(Record):
    """One cycle. number: from 1. dose_gy: true, by drawn region that is there. recovery: coefficient of each for the camera's blur.

    images: in the order of time, at the start of each acquisition. regions: on the grid of the images.
    """

    number: int
    start: datetime
    activity_mbq: float
    dose_gy: dict[str, float]
    recovery: dict[str, float]
    images: tuple[ActivityImage, ...] = field(metadata=NOT_WRITTEN, repr=False)
    regions: tuple[Region, ...] = field(metadata=NOT_WRITTEN, repr=False)


@lru_cache(maxsize=1)
def _plan() -> dict:
    return read_json("phantom", "cycles.json")


def cycle_count() -> int:
    """Cycles of the phantom's course."""
    return len(_plan()["cycles"])


def simulate_cycle(number: int, seed: int = 1, noise: bool = True) -> PhantomCycle:
    """Cycle ``number`` (from 1) on the small grids, without motion; all scans in the first cycle, one in the later ones."""
    plan, protocol = _plan(), load_protocol()
    item, settings = plan["cycles"][number - 1], PhantomSettings(seed=seed, size="small", motion=False, noise=noise)
    kinetics = _kinetics(number)
    geometry = protocol.geometry("small", "spect")
    indices = plan["scans_of_first_cycle"] if number == 1 else plan["scans_of_later_cycles"]
    images = tuple(_image(settings, kinetics, index, number, geometry) for index in indices)
    there = [name for name in plan["drawn"] if name not in item["absent"]]
    drawn = tuple(region for region in _regions(geometry) if region.name in there)
    truth, coefficients = true_doses_gy(number), _recovery(kinetics, geometry, there)
    return PhantomCycle(
        number=number,
        start=datetime.fromisoformat(item["start"]),
        activity_mbq=1000 * item["activity_gbq"],
        dose_gy={region.name: truth[region.name] for region in drawn},
        recovery={region.name: coefficients[region.name] for region in drawn},
        images=images,
        regions=drawn,
    )


def _recovery(kinetics: dict[str, RegionKinetics], geometry: ImageGeometry, names: list[str]) -> dict[str, float]:
    """Mean of the blurred map of time-integrated activity over each region, over its true concentration: spill in from neighbors is in it."""
    anatomy = load_anatomy()
    tia = {name: one.tia_mbq_h_ml for name, one in kinetics.items()}
    blurred = blurred_map(anatomy, tia, geometry, load_protocol().psf_fwhm_mm)
    labels = anatomy.labels(index_to_patient(geometry), geometry.size)
    return {name: float(blurred[anatomy.region_mask(labels, name)].mean(dtype=float)) / tia[name] for name in names}


def _regions(geometry: ImageGeometry) -> tuple[Region, ...]:
    return phantom_regions(PhantomSettings(size="small"), geometry)


def _kinetics(number: int) -> dict[str, RegionKinetics]:
    """Kinetics of one cycle by region."""
    plan = _plan()
    item = plan["cycles"][number - 1]
    known = load_kinetics(item["activity_gbq"])
    around = known[plan["surrounding"]]
    factors = {name: item["uptake"].get(name, 1.0) for name in known}
    return {
        name: replace(around, region=name, kind=one.kind)
        if name in item["absent"]
        else replace(one, amplitudes_mbq_ml=tuple(factors[name] * value for value in one.amplitudes_mbq_ml))
        for name, one in known.items()
    }


def _image(
    settings: PhantomSettings, kinetics: dict[str, RegionKinetics], index: int, number: int, geometry: ImageGeometry
) -> ActivityImage:
    protocol, anatomy = load_protocol(), load_anatomy()
    scan, nuclide = protocol.scans[index], phantom_nuclide()
    hours = scan.duration_s / 3600.0
    means = {name: BQ_PER_MBQ * one.mean_concentration_mbq_ml(scan.start_h, hours) for name, one in kinetics.items()}
    values = blurred_map(anatomy, means, geometry, protocol.psf_fwhm_mm)
    if settings.noise:
        random = random_stream(settings, f"cycle {number}", index)
        values = with_counting_noise(values, geometry.voxel_volume_ml, scan.duration_s, protocol.sensitivity_cps_per_mbq, random)
    return ActivityImage(
        name=f"Activity {scan.start_h:g} h",
        geometry=geometry,
        concentration_bq_ml=values * np.float32(duration_factor(nuclide.decay_constant_per_h, scan.duration_s)),
        nuclide=nuclide.name,
        start_h=scan.start_h,
        duration_s=scan.duration_s,
        calibration_uncertainty=0.0,
    )


@lru_cache(maxsize=8)
def true_doses_gy(number: int) -> dict[str, float]:
    """Dose of every drawn region in a cycle: that of the shipped phantom's kernel map, its electrons scaled with the uptake, the photons of the cycle added.

    The photons of both come from true maps on the small grid, so that what a region gets from others is that of the cycle.
    """
    shipped = _plan()["shipped_dose_kernel_gy"]
    own, before = _kinetics(number), load_kinetics(load_protocol().activity_gbq)
    photons, known = _photons_gy(own), _photons_gy(before)
    return {
        name: (dose - known[name]) * own[name].tia_mbq_h_ml / before[name].tia_mbq_h_ml + photons[name]
        for name, dose in shipped.items()
    }


def _photons_gy(kinetics: dict[str, RegionKinetics]) -> dict[str, float]:
    """Mean photon dose of every drawn region, from the true map of time-integrated activity."""
    anatomy, geometry = load_anatomy(), load_protocol().geometry("small", "spect")
    labels = anatomy.labels(index_to_patient(geometry), geometry.size)
    tia = anatomy.table({name: one.tia_mbq_h_ml for name, one in kinetics.items()})[labels]
    dose = photon_dose_gy(tia, geometry.spacing_mm, phantom_nuclide().name, _SOFT_TISSUE_G_ML)
    return {name: float(dose[anatomy.region_mask(labels, name)].mean(dtype=float)) for name in anatomy.drawn_regions}
