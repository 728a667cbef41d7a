"""Camera calibration: sensitivity as a record with its date and half-life, stored in a file and applied to counts."""

import math
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.checks import checked_array, checked_kind, checked_number
from RNTDosimetryLib.base.documents import Result
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.provenance import write_document
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.camera.dead_time import DeadTime, DeadTimeFactor
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import ActivityImage
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.nuclides.decay import acquisition_average_factor

KINDS = ("planar", "point", "uniform", "typed")
OLD_AFTER_DAYS = 400.0
"""A calibration older than this is used with a warning: cameras are calibrated again about once a year."""

_LARGEST_RELATIVE_UNCERTAINTY = 1.0
_HALF_LIFE_AGREEMENT = 1e-3


@dataclass(frozen=True)
class Calibration(Result):
    """Sensitivity of a camera for one nuclide, collimator, energy window and reconstruction.

    sensitivity_cps_per_mbq: counts per second in the image per MBq. parts: its relative standard uncertainties by cause
    (source, counts, volume, dead time); ``relative_uncertainty`` is their sum in squares. unknown_parts: causes without a
    number; while there are any the uncertainty is None. kind: what was scanned. measured: start of the calibration scan,
    None when it is not known. half_life_h: with which the source was decayed, and with which counts must be corrected.
    setup: words about camera, collimator, window, reconstruction; two calibrations are for one another only when equal.
    dead_time: of the camera, for scans whose wide-spectrum rate is typed; None when it was not measured.
    """

    NAME = "RNTDosimetry camera calibration"
    FORMER = ("RNTDosimetry camera calibration 1",)
    WHAT = "a calibration file"
    PAGE = "docs/calibration.md"

    nuclide: str
    sensitivity_cps_per_mbq: float
    half_life_h: float
    kind: str = "typed"
    measured: datetime | None = None
    parts: dict[str, float] = field(default_factory=dict)
    unknown_parts: tuple[str, ...] = ()
    setup: dict[str, str] = field(default_factory=dict)
    dead_time: DeadTime | None = None
    warnings: tuple[str, ...] = ()

    def __post_init__(self):
        if self.kind not in KINDS:
            raise DosimetryError(f"Expected a calibration of kind {', '.join(KINDS)}, received '{self.kind}'; choose one.")
        for name in ("sensitivity_cps_per_mbq", "half_life_h"):
            checked_number(getattr(self, name), f"a positive {name} in the calibration", "measure it again", above=True)
        for cause, part in self.parts.items():
            name = f"a relative uncertainty of {cause}"
            checked_number(part, name, "give 0.03 for 3 %", 0.0, _LARGEST_RELATIVE_UNCERTAINTY, below=True)

    @property
    def relative_uncertainty(self) -> float | None:
        """All parts in squares, 1 sigma; None when a part is not known or none was given."""
        if self.unknown_parts or not self.parts:
            return None
        return math.sqrt(sum(part**2 for part in self.parts.values()))

    @property
    def uncertainty_cps_per_mbq(self) -> float | None:
        relative = self.relative_uncertainty
        return None if relative is None else relative * self.sensitivity_cps_per_mbq


def typed_calibration(
    nuclide,
    sensitivity_cps_per_mbq: float,
    relative_uncertainty: float | None = None,
    measured: datetime | None = None,
    setup=None,
) -> Calibration:
    """A calibration whose sensitivity is known from elsewhere."""
    record = get_nuclide(nuclide)
    return Calibration(
        nuclide=record.name,
        sensitivity_cps_per_mbq=sensitivity_cps_per_mbq,
        half_life_h=record.half_life_h,
        measured=measured,
        parts={} if relative_uncertainty is None else {"typed": relative_uncertainty},
        unknown_parts=("typed",) if relative_uncertainty is None else (),
        setup=dict(setup or {}),
        warnings=sensitivity_warnings(sensitivity_cps_per_mbq),
    )


def sensitivity_warnings(sensitivity_cps_per_mbq: float) -> tuple[str, ...]:
    """A sentence for a sensitivity that no camera has: too large a one makes every activity too low, and nothing later shows it.

    Raises DosimetryError for what is no positive number.
    """
    checked_number(
        sensitivity_cps_per_mbq, "a positive sensitivity_cps_per_mbq in the calibration", "measure it again", above=True
    )
    least, most = read_json("images", "camera.json")["credible_sensitivity_cps_per_mbq"]
    if least <= sensitivity_cps_per_mbq <= most:
        return ()
    return (warned("sensitivity_not_credible", value=sensitivity_cps_per_mbq, least=least, most=most),)


def write_calibration(calibration: Calibration, path) -> Path:
    """Write a calibration as JSON."""
    return write_document(path, calibration)


def read_calibration(path) -> Calibration:
    """Read a calibration file. Raises DosimetryError for a file that is missing, another kind, or damaged."""
    return Calibration.read(path)


def check_calibration(
    calibration: Calibration, nuclide, setup=None, acquisition_start: datetime | None = None
) -> tuple[str, ...]:
    """What is doubtful about a calibration for a scan: its own warnings, a sensitivity that no camera has, its age, another half-life, an unknown uncertainty.

    setup: words about the scan; those that the calibration has as well must be equal. Raises DosimetryError for another
    nuclide or another setup.
    """
    record = get_nuclide(nuclide)
    checked_kind(calibration, Calibration, "the calibration")
    if record.name != calibration.nuclide:
        raise DosimetryError(
            f"Expected a calibration for {record.name}, received one for {calibration.nuclide}; choose the right file."
        )
    for key, value in dict(setup or {}).items():
        stored = calibration.setup.get(key)
        if stored is not None and stored != value:
            raise DosimetryError(
                f"Expected a calibration with {key} '{value}', received one with '{stored}'; calibrate that setup."
            )
    # Of a file made by hand or before this was looked at as well.
    credible = sensitivity_warnings(calibration.sensitivity_cps_per_mbq)
    warnings = [
        *dict.fromkeys((*calibration.warnings, *credible)),
        *_age_warnings(calibration, acquisition_start, record.half_life_h),
    ]
    if calibration.relative_uncertainty is None:
        warnings.append(warned("calibration_uncertainty_not_known"))
    return tuple(warnings)


def apply_calibration(
    counts,
    geometry: ImageGeometry,
    calibration: Calibration,
    nuclide,
    duration_s: float,
    start_h: float,
    acquisition_start: datetime | None = None,
    setup=None,
    dead_time: DeadTimeFactor | None = None,
    name: str = "SPECT",
) -> ActivityImage:
    """Activity concentration at the start of acquisition from counts.

    counts: (z, y, x), over the whole acquisition of duration_s. start_h: hours from administration to acquisition. C = counts
    x dead-time factor / (S x duration x voxel volume) x lambda t / (1 - exp(-lambda t)), lambda from the half-life of the
    calibration. setup: words about this scan; those also in the calibration must be equal. The relative uncertainty of
    calibration and dead time goes into ``calibration_uncertainty``; an unknown one stays 0 there with a warning, as the
    image has no other place for it. Raises DosimetryError for another nuclide, another setup, or no duration.
    """
    record = get_nuclide(nuclide)
    checked_kind(geometry, ImageGeometry, "the geometry of the counts")
    warnings = check_calibration(calibration, nuclide, setup, acquisition_start)
    checked_number(duration_s, "a positive acquisition duration in s", "type it", above=True)
    relative = calibration.relative_uncertainty
    factor = 1.0
    if dead_time is not None:
        factor, warnings = dead_time.factor, (*warnings, *dead_time.warnings)
        if dead_time.relative_uncertainty is None:
            warnings += (warned("dead_time_uncertainty_not_known"),)
    elif calibration.dead_time is not None:
        warnings += (warned("dead_time_not_corrected"),)
    parts = (relative, None if dead_time is None else dead_time.relative_uncertainty)
    decay_per_s = math.log(2.0) / (calibration.half_life_h * 3600.0)
    scale = 1e6 * factor / (calibration.sensitivity_cps_per_mbq * duration_s * geometry.voxel_volume_ml)
    scale *= float(acquisition_average_factor(decay_per_s, duration_s))
    return ActivityImage(
        name=name,
        geometry=geometry,
        concentration_bq_ml=checked_array(counts, f"the counts of '{name}'") * scale,
        nuclide=record.name,
        start_h=start_h,
        acquisition_start=acquisition_start,
        duration_s=duration_s,
        calibration_uncertainty=math.sqrt(sum(part**2 for part in parts if part is not None)),
        warnings=warnings,
    )


def combine_calibrations(calibrations) -> Calibration:
    """Mean of repeated calibrations of one setup, weighted by the parts that differ between them.

    Parts "counts" are independent; the others (source, volume) are taken as common, the largest of each. If the values
    scatter by more than their counts allow, the counts part grows by sqrt(chi2 / (n - 1)) (Birge). Raises DosimetryError
    for none, for different nuclides or setups, and for a count uncertainty that is missing or 0.
    """
    items = list(calibrations)
    if not items:
        raise DosimetryError("Expected at least one calibration to combine, received none; measure one.")
    first = items[0]
    if any(item.nuclide != first.nuclide or item.setup != first.setup for item in items):
        raise DosimetryError("Expected calibrations of one nuclide and one setup, received different ones; combine them apart.")
    if any(abs(item.half_life_h / first.half_life_h - 1) > _HALF_LIFE_AGREEMENT for item in items):
        raise DosimetryError("Expected calibrations with one half-life, received different ones; calibrate again with one value.")
    if len(items) == 1:
        return first
    noise = np.array([item.parts.get("counts", 0.0) for item in items])
    if noise.min() <= 0:
        raise DosimetryError(
            "Expected an uncertainty from counts in each calibration, received none in one; measure it from a scan."
        )
    values = np.array([item.sensitivity_cps_per_mbq for item in items])
    weights = 1.0 / (noise * values) ** 2
    mean = float((weights * values).sum() / weights.sum())
    # The weights are taken at the mean, so that a low value does not get a larger weight because it is low.
    weights = 1.0 / (noise * mean) ** 2
    mean = float((weights * values).sum() / weights.sum())
    chi2 = float((weights * (values - mean) ** 2).sum())
    counts = math.sqrt(max(1.0, chi2 / (len(items) - 1)) / weights.sum()) / mean
    causes = {cause for item in items for cause in item.parts} - {"counts"}
    parts = {cause: max(item.parts.get(cause, 0.0) for item in items) for cause in sorted(causes)}
    return replace(
        first,
        sensitivity_cps_per_mbq=mean,
        parts={"counts": counts, **parts},
        unknown_parts=tuple(sorted({part for item in items for part in item.unknown_parts})),
        measured=max((item.measured for item in items if item.measured is not None), default=None),
        warnings=tuple(dict.fromkeys(text for item in items for text in item.warnings)),
    )


def _age_warnings(calibration: Calibration, start: datetime | None, half_life_h: float) -> list[str]:
    warnings = []
    if abs(half_life_h / calibration.half_life_h - 1.0) > _HALF_LIFE_AGREEMENT:
        warnings.append(warned("calibration_of_another_half_life", stored=calibration.half_life_h, present=half_life_h))
    if calibration.measured is None or start is None:
        return warnings
    if (calibration.measured.tzinfo is None) != (start.tzinfo is None):
        days = (start.replace(tzinfo=None) - calibration.measured.replace(tzinfo=None)).total_seconds() / 86400.0
    else:
        days = (start - calibration.measured).total_seconds() / 86400.0
    if days < 0:
        warnings.append(warned("calibration_after_the_scan", days=-days))
    if days > OLD_AFTER_DAYS:
        warnings.append(warned("calibration_long_before_the_scan", days=days))
    return warnings
