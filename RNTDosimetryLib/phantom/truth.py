"""What is true of the phantom patient: volumes, activities, time-integrated activities, doses and poses."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
from scipy.spatial.transform import Rotation

from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.dose import dose_map
from RNTDosimetryLib.dose.decay import GY_G_PER_MBQ_H_MEV
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.phantom.body import index_to_patient, load_anatomy, region_volume_ml
from RNTDosimetryLib.phantom.camera import blurred_map
from RNTDosimetryLib.phantom.course import RegionKinetics, load_kinetics, phantom_nuclide, radiopharmaceutical_name, scan_pose
from RNTDosimetryLib.phantom.scans import session_of
from RNTDosimetryLib.phantom.settings import PhantomSettings, Protocol, load_protocol

DOSE_GRID_MM = 3.0
REST_OF_BODY_DENSITY_G_ML = 1.04
LIVER_WITH_LESIONS = ("liver_with_lesions", ("liver", "lesion_1", "lesion_2", "lesion_3"))


@dataclass(frozen=True)
class RegionTruth(Record):
    """Truth of one drawn region, or of several together.

    kinetics: None for several together. activity_mbq: at the start of each scan. mean_activity_mbq: mean over each scan.
    dose_local_gy: electrons deposited where they arise, TIA * E / mass. dose_kernel_gy: mean of the voxel kernel dose map
    of the whole field (electrons and photons of all regions) on a 3 mm grid. recovery_coefficient: mean of the blurred TIA
    image over the voxels whose center is inside, over the true TIA concentration.
    """

    name: str
    kind: str
    volume_ml: float
    density_g_ml: float
    mass_g: float
    kinetics: RegionKinetics | None
    activity_mbq: tuple[float, ...]
    mean_activity_mbq: tuple[float, ...]
    tia_mbq_h: float
    dose_local_gy: float
    dose_kernel_gy: float
    recovery_coefficient: float


@dataclass(frozen=True)
class ScanTruth(Record):
    """Truth of one time point. reference_to_scan: 4 x 4 LPS, takes a point of the first time point to this one.

    shift_mm: of the rotation center. activity_in_body_mbq: at the start of the scan; the rest has been excreted or has decayed.
    """

    name: str
    start_h: float
    duration_s: float
    acquisition_start: datetime
    frame_of_reference_uid: str
    reference_to_scan: tuple[tuple[float, ...], ...]
    rotation_center_lps_mm: tuple[float, float, float]
    shift_mm: tuple[float, float, float]
    rotation_deg: float
    activity_in_body_mbq: float


@dataclass(frozen=True)
class PhantomTruth(Record):
    """Everything true of one phantom patient, for ``truth.json``. regions: drawn ones by name; combined: several together."""

    settings: PhantomSettings
    nuclide: str
    radiopharmaceutical: str
    administration_start: datetime
    administered_mbq: float
    electron_energy_mev: float
    psf_fwhm_mm: float
    sensitivity_cps_per_mbq: float
    scans: tuple[ScanTruth, ...]
    regions: dict[str, RegionTruth]
    combined: dict[str, RegionTruth]
    concentrations: dict[str, RegionKinetics]
    dose_grid_mm: float = DOSE_GRID_MM
    format: str = "RNTDosimetry phantom truth"
    version: int = 1


def phantom_truth(settings: PhantomSettings | None = None) -> PhantomTruth:
    """Truth of the phantom patient of these settings."""
    settings = PhantomSettings() if settings is None else settings
    protocol, nuclide = load_protocol(), phantom_nuclide()
    regions = _region_truths(settings.size)
    name, members = LIVER_WITH_LESIONS
    return PhantomTruth(
        settings=settings,
        nuclide=nuclide.name,
        radiopharmaceutical=radiopharmaceutical_name(),
        administration_start=protocol.administration_start,
        administered_mbq=protocol.activity_gbq * 1000.0,
        electron_energy_mev=nuclide.electron_energy_mev,
        psf_fwhm_mm=protocol.psf_fwhm_mm,
        sensitivity_cps_per_mbq=protocol.sensitivity_cps_per_mbq,
        scans=tuple(_scan_truth(settings, protocol, index) for index in range(len(protocol.scans))),
        regions=regions,
        combined={name: _combined(name, [regions[member] for member in members])},
        concentrations=load_kinetics(protocol.activity_gbq),
    )


def dose_grid() -> ImageGeometry:
    """Isotropic grid over the field of view of the full-size SPECT, on which the kernel dose is computed."""
    field = load_protocol().geometry("full", "spect")
    lower, upper = load_anatomy().structures[0].shape.bounds()
    bottom = field.origin_lps_mm[2] - field.spacing_mm[0] / 2
    top = bottom + field.size[0] * field.spacing_mm[0]
    corner, end = np.array([lower[0], lower[1], bottom]), np.array([upper[0], upper[1], top])
    counts = np.ceil((end - corner) / DOSE_GRID_MM).astype(int)
    return ImageGeometry(tuple(counts[::-1]), (DOSE_GRID_MM,) * 3, tuple(corner + DOSE_GRID_MM / 2))


def activity_in_body_mbq(time_h: float) -> float:
    """All activity in the patient: the field of view by region, the rest of the body's mass as soft tissue."""
    volumes, mass_g = _field_content()
    kinetics = load_kinetics(load_protocol().activity_gbq)
    in_field = sum(volume * float(kinetics[name].concentration_mbq_ml(time_h)) for name, volume in volumes.items())
    rest_ml = (load_protocol().patient["weight_kg"] * 1000.0 - mass_g) / REST_OF_BODY_DENSITY_G_ML
    return in_field + rest_ml * float(kinetics["soft_tissue"].concentration_mbq_ml(time_h))


@lru_cache(maxsize=1)
def _labels_on_dose_grid() -> np.ndarray:
    geometry = dose_grid()
    return load_anatomy().labels(index_to_patient(geometry), geometry.size)


@lru_cache(maxsize=1)
def _field_content() -> tuple[dict[str, float], float]:
    """Volume in mL of every region in the field of view, and the mass in g of the body there."""
    anatomy, labels, voxel_ml = load_anatomy(), _labels_on_dose_grid(), dose_grid().voxel_volume_ml
    counts = np.bincount(labels.ravel(), minlength=len(anatomy.structures) + 1)
    volumes = dict.fromkeys(anatomy.regions, 0.0)
    for item, count in zip(anatomy.structures, counts[1:]):
        if item.region in volumes:
            volumes[item.region] += float(count) * voxel_ml
    mass = float(np.sum(counts[1:] * [item.density_g_ml for item in anatomy.structures])) * voxel_ml
    return volumes, mass


@lru_cache(maxsize=1)
def _kernel_doses_gy() -> dict[str, float]:
    """Mean of the kernel dose map over each drawn region."""
    anatomy, labels = load_anatomy(), _labels_on_dose_grid()
    tia = {name: item.tia_mbq_h_ml for name, item in load_kinetics(load_protocol().activity_gbq).items()}
    dose = dose_map(
        anatomy.table(tia)[labels],
        dose_grid().spacing_mm,
        phantom_nuclide(),
        method="kernel",
        density_g_ml=anatomy.density_table()[labels],
    )
    return {name: float(dose.dose_gy[anatomy.region_mask(labels, name)].mean(dtype=float)) for name in anatomy.drawn_regions}


@lru_cache(maxsize=4)
def recovery_coefficients(size: str) -> dict[str, float]:
    """Recovery coefficient of each drawn region for the blurred camera on the SPECT grid of a size preset."""
    anatomy, protocol = load_anatomy(), load_protocol()
    geometry = protocol.geometry(size, "spect")
    tia = {name: item.tia_mbq_h_ml for name, item in load_kinetics(protocol.activity_gbq).items()}
    blurred = blurred_map(anatomy, tia, geometry, protocol.psf_fwhm_mm)
    labels = anatomy.labels(index_to_patient(geometry), geometry.size)
    return {
        name: float(blurred[anatomy.region_mask(labels, name)].mean(dtype=float)) / tia[name] for name in anatomy.drawn_regions
    }


@lru_cache(maxsize=4)
def _region_truths(size: str) -> dict[str, RegionTruth]:
    anatomy, protocol, nuclide = load_anatomy(), load_protocol(), phantom_nuclide()
    kinetics, recovery, kernel_doses = load_kinetics(protocol.activity_gbq), recovery_coefficients(size), _kernel_doses_gy()
    truths = {}
    for name in anatomy.drawn_regions:
        curve, volume, density = kinetics[name], region_volume_ml(name), anatomy.region_density_g_ml(name)
        truths[name] = RegionTruth(
            name=name,
            kind=curve.kind,
            volume_ml=volume,
            density_g_ml=density,
            mass_g=volume * density,
            kinetics=curve,
            activity_mbq=tuple(volume * float(curve.concentration_mbq_ml(scan.start_h)) for scan in protocol.scans),
            mean_activity_mbq=tuple(
                volume * curve.mean_concentration_mbq_ml(scan.start_h, scan.duration_s / 3600.0) for scan in protocol.scans
            ),
            tia_mbq_h=volume * curve.tia_mbq_h_ml,
            dose_local_gy=GY_G_PER_MBQ_H_MEV * nuclide.electron_energy_mev * curve.tia_mbq_h_ml / density,
            dose_kernel_gy=kernel_doses[name],
            recovery_coefficient=recovery[name],
        )
    return truths


def _combined(name: str, parts: list[RegionTruth]) -> RegionTruth:
    """Several regions as one: sums, and means weighted by mass (dose) or by TIA (recovery)."""
    mass, tia = sum(part.mass_g for part in parts), sum(part.tia_mbq_h for part in parts)
    volume = sum(part.volume_ml for part in parts)
    return RegionTruth(
        name=name,
        kind="organ",
        volume_ml=volume,
        density_g_ml=mass / volume,
        mass_g=mass,
        kinetics=None,
        activity_mbq=tuple(sum(values) for values in zip(*(part.activity_mbq for part in parts))),
        mean_activity_mbq=tuple(sum(values) for values in zip(*(part.mean_activity_mbq for part in parts))),
        tia_mbq_h=tia,
        dose_local_gy=sum(part.dose_local_gy * part.mass_g for part in parts) / mass,
        dose_kernel_gy=sum(part.dose_kernel_gy * part.mass_g for part in parts) / mass,
        recovery_coefficient=sum(part.recovery_coefficient * part.tia_mbq_h for part in parts) / tia,
    )


def _scan_truth(settings: PhantomSettings, protocol: Protocol, index: int) -> ScanTruth:
    scan, pose = protocol.scans[index], scan_pose(settings, protocol, index)
    center = np.asarray(protocol.motion["rotation_center_lps_mm"])
    session = session_of(settings, index)
    return ScanTruth(
        name=scan.name,
        start_h=scan.start_h,
        duration_s=scan.duration_s,
        acquisition_start=protocol.acquisition_start(scan),
        frame_of_reference_uid=session.frame_of_reference_uid,
        reference_to_scan=tuple(tuple(float(v) for v in row) for row in pose),
        rotation_center_lps_mm=tuple(float(v) for v in center),
        shift_mm=tuple(float(v) for v in pose[:3, :3] @ center + pose[:3, 3] - center),
        rotation_deg=float(np.rad2deg(Rotation.from_matrix(pose[:3, :3]).magnitude())),
        activity_in_body_mbq=activity_in_body_mbq(scan.start_h),
    )
