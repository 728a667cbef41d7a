"""Scans of calibration sources with known truth: counts as the camera stores them.

scan = uniform_scan()
counts = scan.counts(seed=1)          # Poisson counts, (z, y, x)
"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.special import erf, i0e

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.phantom import dicom as common
from RNTDosimetryLib.phantom.camera import FWHM_PER_SIGMA
from RNTDosimetryLib.phantom.dicom import Session
from RNTDosimetryLib.phantom.dicom_images import NUCLEAR_MEDICINE_IMAGE_STORAGE, detector, energy_window, rotation
from RNTDosimetryLib.phantom.settings import PhantomSettings

_ROOT_2, _ROOT_2_PI = np.sqrt(2.0), np.sqrt(2.0 * np.pi)
_DISC_STEPS = 400
_TABLE_STEPS = 600
_REACH_SIGMA = 7.0


def blurred_point(distance_mm, sigma_mm: float) -> np.ndarray:
    """Density of a point source, per mm3: a normal distribution in three dimensions."""
    distance = np.asarray(distance_mm, dtype=float)
    return np.exp(-0.5 * (distance / sigma_mm) ** 2) / (_ROOT_2_PI * sigma_mm) ** 3


def blurred_sphere(distance_mm, radius_mm: float, sigma_mm: float) -> np.ndarray:
    """Uniform sphere: the convolution of a ball with a normal distribution, in closed form."""
    distance = np.maximum(np.asarray(distance_mm, dtype=float), 1e-6 * sigma_mm)
    inner, outer = (radius_mm - distance) / sigma_mm, (radius_mm + distance) / sigma_mm
    edges = 0.5 * (erf(inner / _ROOT_2) + erf(outer / _ROOT_2))
    # exp(-inner2/2) - exp(-outer2/2) without loss of digits near the center
    difference = -np.exp(-0.5 * inner**2) * np.expm1(-2.0 * radius_mm * distance / sigma_mm**2)
    return edges - sigma_mm / (distance * _ROOT_2_PI) * difference


def blurred_disc(distance_mm, radius_mm: float, sigma_mm: float) -> np.ndarray:
    """Uniform disc in the plane: integral of r/s2 exp(-(r2+d2)/2s2) I0(rd/s2) over r (Rice distribution), from a fine table."""
    distance = np.asarray(distance_mm, dtype=float)
    table = np.linspace(0.0, radius_mm + _REACH_SIGMA * sigma_mm, _TABLE_STEPS)
    nodes, weights = np.polynomial.legendre.leggauss(_DISC_STEPS)
    r = 0.5 * radius_mm * (nodes + 1.0)
    product = np.outer(table, r) / sigma_mm**2
    integrand = r / sigma_mm**2 * np.exp(-0.5 * ((table[:, None] - r) / sigma_mm) ** 2) * i0e(product)
    return np.interp(distance, table, integrand @ weights * 0.5 * radius_mm, right=0.0)


def blurred_slab(position_mm, half_thickness_mm: float, sigma_mm: float) -> np.ndarray:
    """Uniform slab between two planes, along its normal."""
    position = np.asarray(position_mm, dtype=float)
    upper, lower = (half_thickness_mm - position) / sigma_mm, (-half_thickness_mm - position) / sigma_mm
    return 0.5 * (erf(upper / _ROOT_2) - erf(lower / _ROOT_2))


# Two points per axis of Gauss-Legendre average a smooth image over a voxel to fourth order.
_VOXEL_POINTS = (-0.5 / np.sqrt(3.0), 0.5 / np.sqrt(3.0))


@dataclass(frozen=True)
class HotSphere(Record):
    """A sphere of the recovery phantom. center_lps_mm: (x, y, z)."""

    center_lps_mm: tuple[float, float, float]
    diameter_mm: float

    @property
    def volume_ml(self) -> float:
        return float(np.pi / 6.0 * self.diameter_mm**3 / 1000.0)


@dataclass(frozen=True)
class CalibrationScan(Record):
    """A calibration scan with its truth.

    expected_counts: (z, y, x) float64, without noise; a planar image has one plane. activity_mbq: in the field of view at
    ``start``. source_activity_mbq: the same at ``source_measured``. concentration_bq_ml: in the filled volume (spheres: in the
    spheres) at ``start``, None where there is no volume. spheres: of the recovery phantom. fwhm_mm: point spread.
    """

    kind: str
    geometry: ImageGeometry
    expected_counts: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    nuclide: str
    start: datetime
    duration_s: float
    activity_mbq: float
    source_activity_mbq: float
    source_measured: datetime
    sensitivity_cps_per_mbq: float
    fwhm_mm: float
    volume_ml: float | None = None
    concentration_bq_ml: float | None = None
    background_bq_ml: float = 0.0
    spheres: tuple[HotSphere, ...] = ()

    def counts(self, seed: int | np.random.Generator) -> np.ndarray:
        """Poisson counts, (z, y, x) float32. The same seed gives the same counts."""
        return np.random.default_rng(seed).poisson(self.expected_counts).astype(np.float32)


def planar_scan(activity_mbq: float | None = None) -> CalibrationScan:
    """A disc source in air at one head, on a uniform room background. activity_mbq: at the start, another than in the data."""
    data = _data()["planar"]
    sigma = _data()["psf_fwhm_mm"] / FWHM_PER_SIGMA
    radius = data["radius_mm"]
    geometry = _centered(data)
    activity = data["activity_mbq"] if activity_mbq is None else activity_mbq
    share = _voxel_mean(geometry, lambda x, y, z: blurred_disc(np.hypot(x, y), radius, sigma) + 0.0 * z)
    pixel_mm2 = float(np.prod(geometry.spacing_mm[1:]))
    counts = _mean_counts(activity, data) * share * pixel_mm2 / (np.pi * radius**2)
    return _scan("planar", geometry, counts + data["background_cps_per_pixel"] * data["duration_s"], data, activity)


def point_scan(activity_mbq: float | None = None) -> CalibrationScan:
    """A point source in air, reconstructed."""
    data = _data()["point"]
    sigma = _data()["psf_fwhm_mm"] / FWHM_PER_SIGMA
    geometry = _centered(data)
    activity = data["activity_mbq"] if activity_mbq is None else activity_mbq
    x0, y0, z0 = data["offset_mm"]
    density = _voxel_mean(geometry, lambda x, y, z: blurred_point(np.sqrt((x - x0) ** 2 + (y - y0) ** 2 + (z - z0) ** 2), sigma))
    return _scan("point", geometry, _mean_counts(activity, data) * density * geometry.voxel_volume_ml * 1000.0, data, activity)


def uniform_scan(activity_mbq: float | None = None) -> CalibrationScan:
    """A cylinder filled with a uniform solution, its axis along z."""
    data = _data()["uniform"]
    sigma = _data()["psf_fwhm_mm"] / FWHM_PER_SIGMA
    geometry = _centered(data)
    radius, half, (x0, y0, z0) = data["radius_mm"], data["height_mm"] / 2.0, data["offset_mm"]
    volume_ml = float(np.pi * radius**2 * 2.0 * half / 1000.0)
    activity = data["activity_mbq"] if activity_mbq is None else activity_mbq

    def share_at(x, y, z):
        return blurred_disc(np.hypot(x - x0, y - y0), radius, sigma) * blurred_slab(z - z0, half, sigma)

    counts = _mean_counts(activity, data) * _voxel_mean(geometry, share_at) * geometry.voxel_volume_ml / volume_ml
    scan = _scan("uniform", geometry, counts, data, activity, volume_ml=volume_ml, concentration_bq_ml=1e6 * activity / volume_ml)
    return scan


def sphere_scan(background_ratio: float | None = None, fwhm_mm: float | None = None) -> CalibrationScan:
    """Hot spheres on a ring in a cylinder with a background of ``background_ratio`` times their concentration."""
    data = _data()["spheres"]
    fwhm = _data()["psf_fwhm_mm"] if fwhm_mm is None else float(fwhm_mm)
    ratio = data["background_ratio"] if background_ratio is None else float(background_ratio)
    if not 0.0 <= ratio < 1.0:
        raise DosimetryError(
            f"Expected a background of 0 to less than 1 times the spheres, received {ratio}; choose another ratio."
        )
    sigma = fwhm / FWHM_PER_SIGMA
    geometry = _centered(data)
    spheres = _ring(data)
    x0, y0, z0 = data["offset_mm"]

    def share_at(x, y, z):
        total = ratio * blurred_disc(np.hypot(x - x0, y - y0), data["phantom_radius_mm"], sigma)
        total = total * blurred_slab(z - z0, data["phantom_height_mm"] / 2.0, sigma)
        for sphere in spheres:
            a, b, c = sphere.center_lps_mm
            distance = np.sqrt((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2)
            total = total + (1.0 - ratio) * blurred_sphere(distance, sphere.diameter_mm / 2.0, sigma)
        return total

    concentration = data["concentration_mbq_ml"]
    filled_ml = sum(sphere.volume_ml for sphere in spheres)
    phantom_ml = np.pi * data["phantom_radius_mm"] ** 2 * data["phantom_height_mm"] / 1000.0
    activity = concentration * float((1.0 - ratio) * filled_ml + ratio * phantom_ml)
    counts = _mean_counts(concentration, data) * _voxel_mean(geometry, share_at) * geometry.voxel_volume_ml
    return _scan(
        "spheres",
        geometry,
        counts,
        data,
        activity,
        volume_ml=filled_ml,
        concentration_bq_ml=1e6 * concentration,
        background_bq_ml=1e6 * concentration * ratio,
        spheres=spheres,
        fwhm_mm=fwhm,
    )


@lru_cache(maxsize=1)
def _data() -> dict:
    return read_json("phantom", "calibration.json")


def _ring(data: dict) -> tuple[HotSphere, ...]:
    x0, y0, z0 = data["offset_mm"]
    count = len(data["diameters_mm"])
    angles = 2.0 * np.pi * np.arange(count) / count
    ring = data["ring_radius_mm"]
    return tuple(
        HotSphere((x0 + ring * float(np.cos(angle)), y0 + ring * float(np.sin(angle)), z0), float(diameter))
        for angle, diameter in zip(angles, data["diameters_mm"])
    )


def _centered(data: dict) -> ImageGeometry:
    """A grid whose center is the origin."""
    size, spacing = np.asarray(data["size"]), np.asarray(data["spacing_mm"])
    return ImageGeometry(tuple(size), tuple(spacing), tuple((-(size - 1) / 2.0 * spacing)[::-1]))


def _voxel_mean(geometry: ImageGeometry, value_at) -> np.ndarray:
    """Mean of a function of x, y, z in LPS mm over each voxel, (z, y, x)."""
    z, y, x = (
        origin + step * np.arange(size)
        for origin, step, size in zip(geometry.origin_lps_mm[::-1], geometry.spacing_mm, geometry.size)
    )
    dz, dy, dx = geometry.spacing_mm
    total = np.zeros(geometry.size)
    for a in _VOXEL_POINTS:
        for b in _VOXEL_POINTS:
            for c in _VOXEL_POINTS:
                total += value_at((x + c * dx)[None, None, :], (y + b * dy)[None, :, None], (z + a * dz)[:, None, None])
    return total / len(_VOXEL_POINTS) ** 3


def _mean_counts(activity_mbq: float, data: dict) -> float:
    """Counts of an activity over the acquisition, with its decay during it."""
    exponent = get_nuclide(_data()["nuclide"]).decay_constant_per_h * data["duration_s"] / 3600.0
    return _data()["sensitivity_cps_per_mbq"] * activity_mbq * data["duration_s"] * float(-np.expm1(-exponent) / exponent)


def _scan(kind: str, geometry: ImageGeometry, counts: np.ndarray, data: dict, activity: float, **more) -> CalibrationScan:
    start, measured = (datetime.fromisoformat(text) for text in (data["start"], _data()["source_measured"]))
    hours = (start - measured).total_seconds() / 3600.0
    decay = get_nuclide(_data()["nuclide"]).decay_constant_per_h
    values = {
        "kind": kind,
        "geometry": geometry,
        "expected_counts": np.maximum(counts, 0.0),
        "nuclide": _data()["nuclide"],
        "start": start,
        "duration_s": float(data["duration_s"]),
        "activity_mbq": float(activity),
        "source_activity_mbq": float(activity * np.exp(decay * hours)),
        "source_measured": measured,
        "sensitivity_cps_per_mbq": float(_data()["sensitivity_cps_per_mbq"]),
        "fwhm_mm": float(_data()["psf_fwhm_mm"]),
    }
    return CalibrationScan(**(values | more))


@dataclass(frozen=True)
class RateSeries(Record):
    """Wide-spectrum rates of one source at falling activity. expected_cps: without noise, with dead time."""

    activities_mbq: tuple[float, ...]
    expected_cps: tuple[float, ...]
    duration_s: float
    dead_time_s: float
    model: str
    wide_spectrum_cps_per_mbq: float

    def observed_cps(self, seed: int | np.random.Generator) -> np.ndarray:
        """Rates from Poisson counts."""
        counts = np.random.default_rng(seed).poisson(np.asarray(self.expected_cps) * self.duration_s)
        return counts / self.duration_s


def decaying_source(model: str | None = None) -> RateSeries:
    """The series of ``Resources/phantom/calibration.json``, or with another model: "paralyzable" or "non-paralyzable"."""
    data = read_json("phantom", "calibration.json")["dead_time"]
    model = data["model"] if model is None else model
    activities = 1000.0 * np.asarray(data["activities_gbq"])
    true = data["wide_spectrum_cps_per_mbq"] * activities
    busy = true * data["dead_time_s"]
    if model not in ("paralyzable", "non-paralyzable"):
        raise DosimetryError(f"Expected the model paralyzable or non-paralyzable, received '{model}'; choose one.")
    observed = true * np.exp(-busy) if model == "paralyzable" else true / (1.0 + busy)
    return RateSeries(
        activities_mbq=tuple(activities.tolist()),
        expected_cps=tuple(observed.tolist()),
        duration_s=float(data["duration_s"]),
        dead_time_s=float(data["dead_time_s"]),
        model=model,
        wide_spectrum_cps_per_mbq=float(data["wide_spectrum_cps_per_mbq"]),
    )


def write_calibration_scan(folder: str | Path, scan: CalibrationScan, seed: int | None = 1) -> Path:
    """One NM file in counts: a static image of a planar source, else a reconstruction. seed: of the noise; None writes the expected counts.

    Counts above 65535 in a voxel are stored with a slope.
    """
    counts = scan.expected_counts if seed is None else scan.counts(seed)
    stored, slope = (
        common.scaled_pixels(counts) if seed is None or counts.max() > common.UINT16_MAXIMUM else (counts.astype(np.uint16), "1")
    )
    planar, frames = scan.kind == "planar", scan.geometry.size[0]
    session = Session(PhantomSettings(seed=0 if seed is None else seed), 0, f"{scan.kind} source", scan.start)
    dataset = common.new_dataset(session, NUCLEAR_MEDICINE_IMAGE_STORAGE, session.uid(scan.kind), "NM")
    dataset.PatientName, dataset.PatientID = "PHANTOM^CALIBRATION", "RNT-CALIBRATION"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "STATIC" if planar else "RECON TOMO", "EMISSION"]
    common.set_series(dataset, session.uid(scan.kind, "series"), 1, f"{scan.kind} source, counts", scan.start)
    common.set_acquisition(dataset, scan.start)
    common.set_frame_of_reference(dataset, session)
    dataset.InstanceNumber = 1
    dataset.PixelSpacing = common.pixel_spacing(scan.geometry)
    dataset.NumberOfFrames = frames
    dataset.NumberOfEnergyWindows, dataset.NumberOfDetectors = 1, 1
    dataset.EnergyWindowInformationSequence = [energy_window()]
    dataset.DetectorInformationSequence = [detector(scan.geometry)]
    dataset.RadiopharmaceuticalInformationSequence = [
        common.item(
            RadionuclideCodeSequence=common.code(*common.RADIONUCLIDE_CODES[scan.nuclide]),
        )
    ]
    if planar:
        dataset.FrameIncrementPointer = [0x00540010, 0x00540020]
        dataset.EnergyWindowVector, dataset.DetectorVector = [1] * frames, [1] * frames
        dataset.ActualFrameDuration = round(scan.duration_s * 1000.0)
    else:
        dataset.SliceThickness = dataset.SpacingBetweenSlices = common.decimal(scan.geometry.spacing_mm[0])
        dataset.FrameIncrementPointer = [0x00540080]
        dataset.SliceVector, dataset.NumberOfSlices = list(range(1, frames + 1)), frames
        dataset.NumberOfRotations = 1
        dataset.RotationInformationSequence = [rotation(scan.duration_s)]
    dataset.AcquisitionTerminationCondition = "TIME"
    dataset.CorrectedImage = ["UNIF", *([] if planar else ["COR", "ATTN", "SCAT"])]
    dataset.DecayCorrection = "NONE"
    dataset.Units, dataset.RescaleIntercept, dataset.RescaleSlope = "CNTS", "0", slope
    common.set_pixels(dataset, stored)
    path = Path(folder) / f"{scan.kind}.dcm"
    common.save(dataset, path)
    return path
