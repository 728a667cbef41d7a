"""Sensitivity from a scan of a source with known activity: planar source, point source, or uniform phantom."""

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.camera.calibration import Calibration, sensitivity_warnings
from RNTDosimetryLib.camera.dead_time import DeadTimeFactor
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.nuclides.decay import acquisition_average_factor

_BLOCKS_PER_AXIS = 3
_MARGIN_FWHM = 1.5
_POINT_RADIUS_FWHM = 2.0
_LEAST_FWHM_VOXELS = 0.5
_TOTAL_AGREEMENT = 0.05
_LONGEST_WAIT_HALF_LIVES = 10.0


@dataclass(frozen=True)
class CalibrationSource(Record):
    """The source that was scanned: activity at ``measured`` (dose calibrator), less a residual measured at its own time.

    relative_uncertainty: of the dose calibrator, 1 sigma; None when not known. half_life_h: None takes the nuclide's.
    """

    nuclide: str
    activity_mbq: float
    measured: datetime
    relative_uncertainty: float | None = None
    residual_mbq: float = 0.0
    residual_measured: datetime | None = None
    half_life_h: float | None = None

    def __post_init__(self):
        if not (math.isfinite(self.activity_mbq) and self.activity_mbq > 0):
            raise DosimetryError(
                f"Expected a positive source activity in MBq, received {self.activity_mbq}; type what was measured."
            )
        if not 0 <= self.residual_mbq < self.activity_mbq:
            raise DosimetryError(
                f"Expected a residual below the activity of {self.activity_mbq} MBq, received {self.residual_mbq}; check both."
            )
        if self.half_life_h is None:
            object.__setattr__(self, "half_life_h", get_nuclide(self.nuclide).half_life_h)

    @property
    def decay_per_s(self) -> float:
        return math.log(2.0) / (self.half_life_h * 3600.0)

    def activity_at(self, time: datetime) -> float:
        """Net activity in MBq at a time. Raises DosimetryError for a time more than ten half-lives away."""
        residual_at = self.measured if self.residual_measured is None else self.residual_measured
        try:
            away, residual_away = ((time - moment).total_seconds() for moment in (self.measured, residual_at))
        except TypeError as error:
            raise DosimetryError(
                "Expected the times of source and scan both with or both without a timezone, received a mixture; type them alike."
            ) from error
        if abs(away) > _LONGEST_WAIT_HALF_LIVES * self.half_life_h * 3600.0:
            raise DosimetryError(
                f"Expected a scan within {_LONGEST_WAIT_HALF_LIVES:g} half-lives of the source measurement, received {away / 86400:.1f} days; check the dates."
            )
        net = self.activity_mbq * math.exp(-self.decay_per_s * away)
        net -= self.residual_mbq * math.exp(-self.decay_per_s * residual_away)
        if net <= 0:
            raise DosimetryError(
                "Expected activity left after the residual at the scan, received none; check the residual and its time."
            )
        return net


def calibrate_planar(
    counts, source: CalibrationSource, start: datetime, duration_s: float, inside, background=None, dead_time=None, setup=None
) -> Calibration:
    """Sensitivity from a planar image of a source in air (one head, or the sum of two).

    counts: (y, x) raw counts. inside, background: (y, x) masks; the mean of the background's pixels is taken off those
    inside. Attenuation in the source and scatter must be corrected in the counts or be negligible.
    """
    image, mask = _image_and_mask(counts, inside, 2)
    return _from_sum(image, mask, _background_mask(background, mask), "planar", source, start, duration_s, dead_time, setup)


def calibrate_point(
    counts,
    geometry: ImageGeometry,
    source: CalibrationSource,
    start: datetime,
    duration_s: float,
    fwhm_mm: float,
    dead_time=None,
    setup=None,
) -> Calibration:
    """Sensitivity from a reconstructed point source: counts within two FWHM of its centroid, less the shell outside.

    counts: (z, y, x). The sphere holds 99.998 % of a Gaussian point spread.
    """
    image = _checked_counts(counts, 3)
    if image.shape != geometry.size:
        raise DosimetryError(f"Expected counts of shape {geometry.size}, received {image.shape}; check the geometry.")
    if not fwhm_mm > 0:
        raise DosimetryError(f"Expected a positive resolution in mm, received {fwhm_mm}; measure it from the point source.")
    if fwhm_mm < _LEAST_FWHM_VOXELS * max(geometry.spacing_mm):
        raise DosimetryError(
            f"Expected a resolution of at least half a voxel of {max(geometry.spacing_mm):.3g} mm, received a FWHM of {fwhm_mm:g} mm; type what was measured, in mm."
        )
    radius = _POINT_RADIUS_FWHM * fwhm_mm
    center = np.array(np.unravel_index(int(np.argmax(image)), image.shape), dtype=float)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in image.shape), indexing="ij"), axis=-1)
    for _ in range(3):
        distance = np.linalg.norm((index - center) * geometry.spacing_mm, axis=-1)
        weight = np.where(distance <= radius, image, 0.0)
        center = np.tensordot(weight, index, axes=3) / weight.sum()
    distance = np.linalg.norm((index - center) * geometry.spacing_mm, axis=-1)
    edge = np.min(np.minimum(center + 0.5, np.array(image.shape) - 0.5 - center) * geometry.spacing_mm)
    if edge < radius:
        raise DosimetryError(
            f"Expected the point source at least {radius:.0f} mm inside the image, received {edge:.0f} mm; center it."
        )
    shell = (distance > 1.25 * radius) & (distance <= 1.75 * radius)
    return _from_sum(image, distance <= radius, shell, "point", source, start, duration_s, dead_time, setup)


def calibrate_uniform(
    counts,
    geometry: ImageGeometry,
    source: CalibrationSource,
    start: datetime,
    duration_s: float,
    volume_ml: float,
    fwhm_mm: float,
    volume_relative_uncertainty: float | None = None,
    dead_time=None,
    setup=None,
) -> Calibration:
    """Sensitivity from a uniformly filled phantom: counts per voxel well inside it, over activity per mL of its filled volume.

    counts: (z, y, x). Inside: above half the level of the phantom, 1.5 FWHM or more away from the edge and the ends of the
    image, so that partial volume plays no part. Noise: from the scatter of the means of 3 x 3 x 3 blocks, so that
    correlated noise of a reconstruction is included. The counts of the whole image must agree within 5 %, or a warning says so.
    """
    image = _checked_counts(counts, 3)
    if image.shape != geometry.size:
        raise DosimetryError(f"Expected counts of shape {geometry.size}, received {image.shape}; check the geometry.")
    if not (volume_ml > 0 and fwhm_mm > 0):
        raise DosimetryError(
            f"Expected a positive filled volume and resolution, received {volume_ml} mL and {fwhm_mm} mm; measure both."
        )
    core = _core_of_phantom(image, geometry, fwhm_mm)
    mean = float(image[core].mean())
    factor, dead_part = _dead_time(dead_time)
    mean_activity = source.activity_at(start) / float(acquisition_average_factor(source.decay_per_s, _duration(duration_s)))
    per_ml = mean * factor / (geometry.voxel_volume_ml * duration_s)
    sensitivity = per_ml * volume_ml / mean_activity
    total = float(image.sum()) * factor / duration_s / mean_activity
    warnings = []
    if abs(total / sensitivity - 1.0) > _TOTAL_AGREEMENT:
        warnings.append(warned("tank_disagrees_with_whole_image", total=total, inside=sensitivity))
    parts = {
        "counts": _block_scatter(image, core) / mean,
        "source": source.relative_uncertainty,
        "volume": volume_relative_uncertainty,
    }
    return _calibration("uniform", source, start, sensitivity, parts | dead_part, setup, [*warnings, *_dead_warnings(dead_time)])


def _from_sum(image, mask, background, kind, source, start, duration_s, dead_time, setup) -> Calibration:
    total, pixels = float(image[mask].sum()), int(np.count_nonzero(mask))
    net, variance = total, total
    if background is not None:
        share = pixels / np.count_nonzero(background)
        net -= share * float(image[background].sum())
        variance += share**2 * float(image[background].sum())
    if net <= 0:
        raise DosimetryError("Expected more counts in the source than in its background, received fewer; check the masks.")
    factor, dead_part = _dead_time(dead_time)
    mean_activity = source.activity_at(start) / float(acquisition_average_factor(source.decay_per_s, _duration(duration_s)))
    parts = {"counts": math.sqrt(variance) / net, "source": source.relative_uncertainty} | dead_part
    return _calibration(kind, source, start, net * factor / duration_s / mean_activity, parts, setup, _dead_warnings(dead_time))


def _calibration(kind, source: CalibrationSource, start, sensitivity: float, parts: dict, setup, warnings) -> Calibration:
    return Calibration(
        nuclide=get_nuclide(source.nuclide).name,
        sensitivity_cps_per_mbq=sensitivity,
        half_life_h=source.half_life_h,
        kind=kind,
        measured=start,
        parts={cause: float(part) for cause, part in parts.items() if part is not None},
        unknown_parts=tuple(cause for cause, part in parts.items() if part is None),
        setup=dict(setup or {}),
        warnings=(*sensitivity_warnings(sensitivity), *warnings),
    )


def _dead_time(dead_time: DeadTimeFactor | None) -> tuple[float, dict]:
    return (1.0, {}) if dead_time is None else (dead_time.factor, {"dead time": dead_time.relative_uncertainty})


def _dead_warnings(dead_time: DeadTimeFactor | None) -> tuple[str, ...]:
    return () if dead_time is None else dead_time.warnings


def _duration(duration_s: float) -> float:
    if not (math.isfinite(duration_s) and duration_s > 0):
        raise DosimetryError(f"Expected a positive acquisition duration in s, received {duration_s}; type it.")
    return duration_s


def _checked_counts(counts, axes: int) -> np.ndarray:
    image = np.asarray(counts, dtype=np.float64)
    if image.ndim != axes:
        raise DosimetryError(f"Expected counts on {axes} axes, received {image.ndim}; give one image.")
    if not np.all(np.isfinite(image)) or image.sum() <= 0:
        raise DosimetryError("Expected finite counts with a sum above 0, received others; check the scan.")
    return image


def _image_and_mask(counts, inside, axes: int) -> tuple[np.ndarray, np.ndarray]:
    image, mask = _checked_counts(counts, axes), np.asarray(inside, dtype=bool)
    if mask.shape != image.shape or not mask.any():
        raise DosimetryError(
            f"Expected a mask of shape {image.shape} with pixels inside, received {mask.shape}; draw the source."
        )
    return image, mask


def _background_mask(background, mask: np.ndarray) -> np.ndarray | None:
    if background is None:
        return None
    outside = np.asarray(background, dtype=bool)
    if outside.shape != mask.shape or not outside.any() or np.any(outside & mask):
        raise DosimetryError(
            "Expected background pixels of the same image and apart from the source, received others; draw them anew."
        )
    return outside


def _core_of_phantom(image: np.ndarray, geometry: ImageGeometry, fwhm_mm: float) -> np.ndarray:
    from scipy import ndimage

    # Smoothed well beyond the resolution: only the place of the edge is wanted, also from few counts.
    smooth = ndimage.gaussian_filter(image, fwhm_mm / np.asarray(geometry.spacing_mm))
    level = float(np.median(smooth[smooth > 0.5 * smooth.max()]))
    labels, _ = ndimage.label(smooth > 0.5 * level)
    filled = np.pad(ndimage.binary_fill_holes(labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])), 1)
    depth = ndimage.distance_transform_edt(filled, geometry.spacing_mm)[1:-1, 1:-1, 1:-1]
    core = depth > _MARGIN_FWHM * fwhm_mm
    if np.count_nonzero(core) < 10 * _BLOCKS_PER_AXIS**3:
        raise DosimetryError(
            f"Expected a phantom with voxels deeper than {_MARGIN_FWHM * fwhm_mm:.0f} mm inside, received {np.count_nonzero(core)}; use a larger one."
        )
    return core


def _block_scatter(image: np.ndarray, core: np.ndarray) -> float:
    """Standard error of the mean over the core, from the scatter of block means."""
    index = np.nonzero(core)
    block = np.zeros(len(index[0]), dtype=int)
    for positions in index:
        low, high = positions.min(), positions.max() + 1
        block = block * _BLOCKS_PER_AXIS + (positions - low) * _BLOCKS_PER_AXIS // (high - low)
    count = np.bincount(block, minlength=_BLOCKS_PER_AXIS**3).astype(float)
    total = np.bincount(block, weights=image[index], minlength=_BLOCKS_PER_AXIS**3)
    used = count > 0.2 * count.max()
    means, weights = total[used] / count[used], count[used]
    mean = float((weights * means).sum() / weights.sum())
    # Block means with variance s2/n_i: s2 from their scatter, then s2 over all voxels.
    variance = float((weights * (means - mean) ** 2).sum()) / (int(used.sum()) - 1)
    return math.sqrt(variance / len(index[0]))
