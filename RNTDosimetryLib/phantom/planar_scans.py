"""Whole-body planar scans of the phantom patient: primary photons followed through the body, scatter and counting noise."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from scipy.ndimage import gaussian_filter

from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.phantom.body import index_to_patient, load_anatomy
from RNTDosimetryLib.phantom.camera import FWHM_PER_SIGMA
from RNTDosimetryLib.phantom.course import random_stream
from RNTDosimetryLib.phantom.scans import mean_concentrations_bq_ml
from RNTDosimetryLib.phantom.settings import PhantomSettings, ScanPlan, load_protocol

WINDOWS = ("photopeak", "below", "above")


@dataclass(frozen=True)
class PhantomPlanar(Record):
    """One planar scan as a camera stores it.

    counts: (window, view, rows, columns), windows as in ``WINDOWS``, views anterior and posterior, rows from head to feet, the posterior view as its
    camera sees the patient. geometry: of the volume that was projected along its rows (y). duration_s: of the whole scan;
    dwell_s: that each point was looked at.
    """

    name: str
    start_h: float
    acquisition_start: datetime
    duration_s: float
    dwell_s: float
    geometry: ImageGeometry
    counts: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)


def planar_protocol() -> dict:
    """``Resources/phantom/planar.json``."""
    return read_json("phantom", "planar.json")


def planar_geometry(size: str) -> ImageGeometry:
    """Grid that is projected, of a size preset."""
    grid = planar_protocol()["grid"][size]
    half = (np.asarray(grid["size"]) - 1) / 2 * np.asarray(grid["spacing_mm"])
    origin = np.asarray(grid["center_lps_mm"]) - half[::-1]
    return ImageGeometry(tuple(grid["size"]), tuple(grid["spacing_mm"]), tuple(np.round(origin, 6)))


def simulate_planar_scan(start_h: float, settings: PhantomSettings | None = None) -> PhantomPlanar:
    """Conjugate views at a time after the administration, in the pose of the first scan.

    Each voxel's mean activity over the dwell, times exp(-mu x density x path) on the way to each head, is summed along the rays, blurred, and given
    scatter: a share of itself, spread wide. The windows at the sides hold scatter alone.
    """
    settings = PhantomSettings() if settings is None else settings
    camera, anatomy, protocol = planar_protocol(), load_anatomy(), load_protocol()
    geometry = planar_geometry(settings.size)
    dwell_s = camera["field_of_view_mm"] / camera["scan_velocity_mm_s"]
    labels = anatomy.labels(index_to_patient(geometry), geometry.size)
    values = mean_concentrations_bq_ml(ScanPlan(f"{start_h:g} h planar", start_h, dwell_s))
    activity_mbq = anatomy.table(values)[labels].astype(float) * geometry.voxel_volume_ml * 1e-6
    thickness = anatomy.density_table()[labels].astype(float) * camera["attenuation_cm2_per_g"] * geometry.spacing_mm[1] / 10.0
    before = np.cumsum(thickness, axis=1) - thickness / 2  # row 0 is the front (LPS); half of the own voxel attenuates
    behind = thickness.sum(axis=1, keepdims=True) - before
    scale = camera["sensitivity_cps_per_mbq"] * dwell_s
    views = [(activity_mbq * np.exp(-path)).sum(axis=1) * scale for path in (before, behind)]
    expected = np.array([_windows(view, geometry, camera, settings.blur) for view in views]).swapaxes(0, 1)
    if settings.noise:
        expected = random_stream(settings, "planar", round(start_h)).poisson(expected).astype(float)
    counts = expected[:, :, ::-1].copy()
    counts[:, 1] = counts[:, 1, :, ::-1]
    length_mm = geometry.size[0] * geometry.spacing_mm[0]
    return PhantomPlanar(
        name=f"planar {start_h:g} h",
        start_h=start_h,
        acquisition_start=protocol.administration_start + timedelta(hours=start_h),
        duration_s=(length_mm + camera["field_of_view_mm"]) / camera["scan_velocity_mm_s"],
        dwell_s=dwell_s,
        geometry=geometry,
        counts=counts,
    )


def _windows(primary: np.ndarray, geometry: ImageGeometry, camera: dict, blur: bool) -> list[np.ndarray]:
    """Counts of one view in the three windows."""
    spacing = np.array([geometry.spacing_mm[0], geometry.spacing_mm[2]])
    if blur:
        primary = gaussian_filter(primary, camera["psf_fwhm_mm"] / FWHM_PER_SIGMA / spacing, mode="constant")
    scatter = camera["scatter"]
    scattered = scatter["fraction"] * gaussian_filter(primary, scatter["fwhm_mm"] / FWHM_PER_SIGMA / spacing, mode="constant")
    width = {name: upper - lower for name, (lower, upper) in camera["windows_kev"].items()}
    sides = [scattered * scatter[f"density_{name}"] * width[name] / width["photopeak"] for name in ("below", "above")]
    return [primary + scattered, *sides]
