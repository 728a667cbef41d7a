"""Images of the radioembolisation phantom in memory: CT, planar and SPECT scout, and PET after treatment."""

import zlib
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from scipy.ndimage import gaussian_filter

from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import ActivityImage, CtImage, Region
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.phantom.body import index_to_patient
from RNTDosimetryLib.phantom.camera import FWHM_PER_SIGMA, blurred_map, ct_image, true_map, with_counting_noise
from RNTDosimetryLib.phantom.radioembolisation.case import (
    TareSettings,
    start_of,
    tare_anatomy,
    tare_concentrations_bq_ml,
    tare_geometry,
    tare_protocol,
)

_CM_PER_MM = 0.1


@dataclass(frozen=True, eq=False)
class PlanarScout(Record):
    """Anterior and posterior view of trunk: counts (z, x). path: half the attenuation exponent along each ray, from the CT.

    spacing_mm: (z, x). region_exponent: the part of the exponent that arises in a drawn region, (z, x) by name.
    """

    anterior_counts: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    posterior_counts: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    attenuation_exponent: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    spacing_mm: tuple[float, float]
    duration_s: float
    region_exponent: dict = field(default_factory=dict, metadata=NOT_WRITTEN, repr=False)


@dataclass(frozen=True, eq=False)
class TareScans(Record):
    """Everything the scanners give. scout and pet: true to decay at their start; regions: on the grid of the CT."""

    settings: TareSettings
    ct: CtImage
    scout: ActivityImage
    planar: PlanarScout
    pet: ActivityImage
    regions: tuple[Region, ...]


def simulate_tare(settings: TareSettings | None = None) -> TareScans:
    """All images of the case."""
    settings = TareSettings() if settings is None else settings
    return TareScans(
        settings=settings,
        ct=_ct(settings),
        scout=_activity_image(settings, "scout", "spect", "99mTc-MAA SPECT"),
        planar=simulate_planar(settings),
        pet=_activity_image(settings, "treatment", "pet", "90Y PET"),
        regions=tare_regions(settings),
    )


def tare_regions(settings: TareSettings | None = None, geometry: ImageGeometry | None = None) -> tuple[Region, ...]:
    """The drawn regions (voxel center inside) on the grid of the CT or on another; normal liver is without tumours.

    A region outside the grid is left out.
    """
    settings = TareSettings() if settings is None else settings
    anatomy = tare_anatomy()
    geometry = tare_geometry(settings.size, "ct") if geometry is None else geometry
    labels = anatomy.labels(index_to_patient(geometry), geometry.size)
    masks = {name: anatomy.region_mask(labels, name) for name in anatomy.drawn_regions}
    return tuple(
        Region(name, geometry, mask, tare_protocol()["kinds"][name], density_g_ml=anatomy.region_density_g_ml(name))
        for name, mask in masks.items()
        if mask.any()
    )


def simulate_planar(settings: TareSettings) -> PlanarScout:
    """Parallel-hole views from the front and the back, attenuated by the CT's densities, without scatter."""
    anatomy, camera = tare_anatomy(), tare_protocol()["scout"]["planar"]
    geometry = tare_geometry(settings.size, "spect")
    labels = anatomy.labels(index_to_patient(geometry), geometry.size)
    nuclide = get_nuclide(tare_protocol()["scout"]["nuclide"])
    values = tare_concentrations_bq_ml("scout", settings)
    decay = float(np.exp(-nuclide.decay_constant_per_h * camera["start_h"]))
    activity_mbq = anatomy.table(values)[labels].astype(float) * decay * geometry.voxel_volume_ml * 1e-6
    depth_cm = geometry.spacing_mm[1] * _CM_PER_MM
    thickness = anatomy.density_table()[labels].astype(float) * camera["attenuation_cm2_per_g"] * depth_cm
    # Rays run along y; half of the own voxel attenuates. Row 0 is the front (LPS).
    before = np.cumsum(thickness, axis=1) - thickness / 2
    total = thickness.sum(axis=1)
    scale = camera["sensitivity_cps_per_mbq"] * camera["duration_s"]
    views = [
        (activity_mbq * np.exp(-before)).sum(axis=1) * scale,
        (activity_mbq * np.exp(-(total[:, None] - before))).sum(axis=1) * scale,
    ]
    spacing = (geometry.spacing_mm[0], geometry.spacing_mm[2])
    if settings.blur:
        sigma = camera["psf_fwhm_mm"] / FWHM_PER_SIGMA / np.asarray(spacing)
        views = [gaussian_filter(view, sigma, mode="constant") for view in views]
    if settings.noise:
        views = [_random(settings, f"planar {index}").poisson(view).astype(float) for index, view in enumerate(views)]
    parts = {name: (thickness * anatomy.region_mask(labels, name)).sum(axis=1) / 2 for name in anatomy.drawn_regions}
    return PlanarScout(views[0], views[1], total / 2, spacing, camera["duration_s"], parts)


def _ct(settings: TareSettings) -> CtImage:
    protocol, geometry = tare_protocol()["ct"], tare_geometry(settings.size, "ct")
    random = _random(settings, "ct") if settings.noise else None
    return CtImage("CT", geometry, ct_image(tare_anatomy(), geometry, protocol["blur_fwhm_mm"], protocol["noise_hu"], random))


def _activity_image(settings: TareSettings, part: str, kind: str, name: str) -> ActivityImage:
    protocol = tare_protocol()[part]
    scan, geometry = protocol[kind], tare_geometry(settings.size, kind)
    nuclide = get_nuclide(protocol["nuclide"])
    decay = float(np.exp(-nuclide.decay_constant_per_h * scan["start_h"]))
    values = {region: value * decay for region, value in tare_concentrations_bq_ml(part, settings).items()}
    if settings.blur:
        image = blurred_map(tare_anatomy(), values, geometry, scan["psf_fwhm_mm"])
    else:
        image = true_map(tare_anatomy(), values, geometry)
    if settings.noise:
        image = with_counting_noise(
            image, geometry.voxel_volume_ml, scan["duration_s"], scan["sensitivity_cps_per_mbq"], _random(settings, kind)
        )
    return ActivityImage(
        name=name,
        geometry=geometry,
        concentration_bq_ml=image,
        nuclide=nuclide.name,
        start_h=scan["start_h"],
        acquisition_start=start_of(part) + timedelta(hours=scan["start_h"]),
        duration_s=scan["duration_s"],
    )


def _random(settings: TareSettings, purpose: str) -> np.random.Generator:
    """Own stream for each purpose, so that one image does not depend on whether another was made."""
    return np.random.default_rng([settings.seed, zlib.crc32(purpose.encode())])
