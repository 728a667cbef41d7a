"""What the dose of a region does not know, by part: each once, relative to the dose, random or common to all cycles."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.dose.s_values import (
    LARGEST_MASS_G,
    SMALLEST_MASS_G,
    density_relative_uncertainty,
    s_value_relative_uncertainty,
)
from RNTDosimetryLib.images import Region
from RNTDosimetryLib.kinetics import KineticFit
from RNTDosimetryLib.measurement import TimeActivityCurve
from RNTDosimetryLib.measurement.activity import activity_volume_sensitivity, outline_uncertainty
from RNTDosimetryLib.measurement.uncertainty import FWHM_PER_SIGMA, sphere_recovery
from RNTDosimetryLib.measurement.unknown_recovery import ImageResolution, image_resolution, unknown_recovery
from RNTDosimetryLib.registration import RegistrationQuality
from RNTDosimetryLib.roads.therapy.images import StudyImages
from RNTDosimetryLib.roads.therapy.settings import StudySettings

RANDOM, COMMON = "random", "common"
"""Random parts differ from cycle to cycle of one patient, common ones are the same in all of them and add up."""

PART_KINDS = {
    "samples": RANDOM, "model": COMMON, "registration": RANDOM, "calibration": COMMON, "recovery": COMMON, "outline": COMMON, "S value": COMMON, "density": COMMON,
}  # fmt: skip
"""Every part of a dose, in the order of the table. samples: noise, scan to scan and the fit through them. model: other curves that
the samples cannot exclude; the same scan times leave the same open in every cycle. outline: in content, recovery and mass."""

_SCATTER_OF_A_LOSS = 2.0 / 3.0
_LEAST_FWHM_MM = 0.5
_COVERAGE = 2.0


@dataclass(frozen=True)
class UncertaintyPart(Record):
    """One part of the uncertainty of a dose. relative: to the dose, 1 sigma. kind: "random" from cycle to cycle, or "common" to all cycles of a patient."""

    name: str
    relative: float
    kind: str


@dataclass(frozen=True)
class DoseDoubt(Record):
    """Uncertainty of a dose by part. not_included: parts that are not known and not in it. relative: parts in squares; None without that of the samples."""

    parts: tuple[UncertaintyPart, ...]
    not_included: tuple[str, ...]

    @property
    def relative(self) -> float | None:
        return in_squares(self.parts)


def in_squares(parts: Sequence[UncertaintyPart], kind: str | None = None) -> float | None:
    """Root of the sum of squares of all parts or those of one kind; None when that of the samples is not among the parts, for the common ones when there are none."""
    known = {part.name for part in parts}
    if not parts or (kind != COMMON and "samples" not in known):
        return None
    return math.sqrt(sum(part.relative**2 for part in parts if kind in (None, part.kind)))


def has_recovery(region: Region) -> bool:
    """Whether a recovery coefficient was given: by a curve, or entered, with 1 counting only where its uncertainty was entered with it."""
    return (
        region.recovery_volume_sensitivity != 0.0
        or region.recovery_coefficient != 1.0
        or region.recovery_coefficient_uncertainty > 0.0
    )


def with_doubts(
    curves: Sequence[TimeActivityCurve],
    images: StudyImages,
    occupancies: Sequence[Mapping[str, np.ndarray]],
    alignments: Sequence,
    settings: StudySettings,
) -> tuple[TimeActivityCurve, ...]:
    """The curves with what registration and a recovery that nobody gave add to their systematic part. occupancies: by region, on the grid of every scan."""
    activities = [scan.activity for scan in images.scans]
    resolution = image_resolution(
        activities[images.reference_index], occupancies[images.reference_index], settings.spect_resolution_fwhm_mm, images.nuclide
    )
    shifts_mm = [
        0.0 if index == images.reference_index else _shift_mm(alignment.method, alignment.quality, settings)
        for index, alignment in enumerate(alignments)
    ]
    found = []
    for curve, region in zip(curves, images.regions):
        shares = _shares(curve)
        curve = curve.with_parts(registration=registration_part(region.volume_ml, resolution, shifts_mm, shares))
        if not has_recovery(region):
            unknown = unknown_recovery(activities, [item[region.name] for item in occupancies], shares, resolution)
            curve = replace(curve.with_parts(recovery=unknown.relative_uncertainty), unknown_recovery=unknown)
        found.append(curve)
    return tuple(found)


def _shares(curve: TimeActivityCurve) -> np.ndarray:
    """Share of each scan in the integral of what was measured: activity times the time that is nearest to the scan, (scans,)."""
    times = np.asarray(curve.times_h, dtype=float)
    middles = 0.5 * (times[1:] + times[:-1])
    last = 2.0 * times[-1] - middles[-1] if len(middles) else times[-1] + 1.0
    weights = np.asarray(curve.activities_mbq, dtype=float) * np.diff([0.0, *middles, last])
    return weights / weights.sum() if weights.sum() > 0 else np.full(times.size, 1.0 / times.size)


def _shift_mm(method: str, quality: RegistrationQuality | None, settings: StudySettings) -> float:
    """Standard deviation along each axis of where a region may lie in a scan: as entered, else by how the scan was aligned and how well it fits."""
    if settings.alignment_uncertainty_mm is not None:
        return settings.alignment_uncertainty_mm
    data = read_json("images", "resolution.json")["alignment_shift_mm"]
    if method == "taken as aligned":
        return data["not registered"]
    if quality is None:
        return data["quality not known"]
    return next(row["shift"] for row in data["by_correlation"] if quality.correlation >= row["least"])


def registration_part(
    volume_ml: float, resolution: ImageResolution, shifts_mm: Sequence[float], shares: Sequence[float]
) -> float:
    """Relative uncertainty of a TIA from regions that lie beside what they should hold, by normal shifts of these standard deviations along each axis.

    On the average over shifts the image is blurred once more: the loss of a scan is L = 1 - R(v, w)/R(v, FWHM), w2 = FWHM2 + 8 ln 2 shift2; a single loss
    goes with the square of its shift, so its standard deviation is L sqrt(2/3). The mean loss is not corrected: u2 = (sum p L)2 + 2/3 sum (p L)2, p the
    share of each scan. An upper estimate where the surroundings hold activity.
    """
    fwhm_mm = max(resolution.fwhm_mm, _LEAST_FWHM_MM)
    recovery = sphere_recovery(volume_ml, fwhm_mm)
    losses = [
        share * (1.0 - sphere_recovery(volume_ml, math.hypot(fwhm_mm, FWHM_PER_SIGMA * shift)) / recovery)
        for share, shift in zip(shares, shifts_mm)
    ]
    return math.sqrt(sum(losses) ** 2 + _SCATTER_OF_A_LOSS * sum(loss**2 for loss in losses))


def dose_doubt(
    region: Region,
    curve: TimeActivityCurve,
    found: KineticFit,
    nuclide: str,
    mass_exponent: float,
    settings: StudySettings,
    by_s_value: bool = True,
) -> DoseDoubt:
    """Uncertainty of a dose D = TIA S(m), S as m^-c2 with c2 = ``mass_exponent``, by part.

    The outline is in the activity, A as v^k, and in the mass: |k - c2| u(v)/v; in the activity alone where the mass was entered. by_s_value: False for
    local deposition, which has no sphere.
    """
    systematic = {"outline": None, "registration": None, "recovery": None, "calibration": None, **curve.systematic_parts}
    if not curve.systematic_parts:
        systematic["recovery"] = curve.systematic_relative_uncertainty
    parts: dict[str, float | None] = {**_of_the_fit(found), **systematic}
    # Nobody's calibration or coefficient is exact: 0 means that nothing was stated.
    parts |= {name: parts[name] or None for name in ("calibration", "recovery")}
    fwhm_mm, density_g_ml = settings.spect_resolution_fwhm_mm, curve.mass_g / curve.volume_ml
    if fwhm_mm is not None:
        exponent = 0.0 if region.mass_g is not None else mass_exponent
        parts["outline"] = abs(activity_volume_sensitivity(region, fwhm_mm) - exponent) * outline_uncertainty(region, fwhm_mm)
    parts["density"] = None if region.mass_g is not None else mass_exponent * density_relative_uncertainty(density_g_ml)
    parts["S value"] = 0.0
    if by_s_value:
        inside = min(max(curve.mass_g, SMALLEST_MASS_G), LARGEST_MASS_G)
        parts["S value"] = s_value_relative_uncertainty(nuclide, inside, density_g_ml)
    missing = [_MISSING.get(name, name) for name in PART_KINDS if parts[name] is None and name != "density"]
    if region.mass_g is not None:
        missing.append("entered mass")
    known = tuple(UncertaintyPart(name, value, kind) for name, kind in PART_KINDS.items() if (value := parts[name]) is not None)
    return DoseDoubt(known, tuple(missing))


_MISSING = {"samples": "noise and fit"}


def _of_the_fit(found: KineticFit) -> dict[str, float | None]:
    """Samples and model apart, relative to the TIA; together as samples where the fit does not tell them apart."""
    own, model = found.tia_fit_uncertainty_mbq_h, found.tia_model_uncertainty_mbq_h
    if own is None or model is None or found.tia_mbq_h <= 0:
        return {"samples": found.tia_relative_uncertainty, "model": None}
    return {"samples": own / found.tia_mbq_h, "model": model / found.tia_mbq_h}


def dose_range_gy(dose_gy: float, curve: TimeActivityCurve, found: KineticFit, doubt: DoseDoubt) -> tuple[float, float] | None:
    """Low and high dose that agree with what is known, as askew as that is; None where the uncertainty of the samples is not known.

    In squares on each side, relative to the dose: the interval of the time-integrated activity that the fit gives, the true mean that blur may have hidden
    where no recovery coefficient was given, and the other parts twice. The stated dose lies within, although blur alone may only have lowered it.
    """
    unknown, apart = curve.unknown_recovery, set()
    below, above = [], []
    if unknown is not None:
        apart |= {"recovery"}
        below.append(1.0 - unknown.low)
        above.append(unknown.high - 1.0)
    if found.tia_low_mbq_h is not None and found.tia_high_mbq_h is not None and found.tia_mbq_h > 0:
        apart |= {"samples", "model"}
        below.append(1.0 - found.tia_low_mbq_h / found.tia_mbq_h)
        above.append(found.tia_high_mbq_h / found.tia_mbq_h - 1.0)
    elif doubt.relative is None:
        return None
    others = _COVERAGE * math.sqrt(sum(part.relative**2 for part in doubt.parts if part.name not in apart))
    low, high = (math.hypot(others, *(max(side, 0.0) for side in sides)) for sides in (below, above))
    return max(dose_gy * (1.0 - low), 0.0), dose_gy * (1.0 + high)
