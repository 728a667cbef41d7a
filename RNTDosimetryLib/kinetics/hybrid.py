"""Hybrid planar-SPECT curves: the course of planar images scaled to one or more quantitative SPECT points."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from RNTDosimetryLib.base.checks import SMALLEST_NUMBER, any_number, as_numbers, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned

_REACH_H = 1.0
_REACH_SHARE = 0.05
_DISAGREEMENT_PROBABILITY = 0.01


@dataclass(frozen=True)
class HybridCurve(Record):
    """A planar curve in MBq.

    times_h, activities_mbq: the planar points times the scale. uncertainties_mbq: from the planar points alone, different at each
    point, so that they may weight a fit; None when unknown. scale_mbq_per_unit: MBq per planar unit.
    scale_relative_uncertainty: common to all points, to be added once to the TIA (``combined_uncertainty``); None when unknown.
    spect_scales: the scale from each SPECT point alone. agreement_probability: of a chi-squared as large as theirs, None for one point.
    """

    times_h: tuple[float, ...]
    activities_mbq: tuple[float, ...]
    uncertainties_mbq: tuple[float, ...] | None
    scale_mbq_per_unit: float
    scale_relative_uncertainty: float | None
    spect_scales: tuple[float, ...]
    agreement_probability: float | None
    method: str
    warnings: tuple[str, ...] = ()

    def combined_uncertainty(self, value: float, random_uncertainty: float | None) -> float | None:
        """Standard uncertainty of a value that is proportional to the curve (the TIA): its random part and the scale's."""
        if random_uncertainty is None or self.scale_relative_uncertainty is None:
            return None
        return math.hypot(random_uncertainty, value * self.scale_relative_uncertainty)


def hybrid_curve(
    planar_times_h,
    planar_values,
    spect_times_h,
    spect_activities_mbq,
    *,
    planar_uncertainties=None,
    spect_uncertainties_mbq=None,
    spect_systematic_relative: float | None = None,
) -> HybridCurve:
    """Scale a planar curve to SPECT.

    planar_times_h, planar_values: (n,), values in any unit proportional to activity, such as the geometric mean counts of conjugate views,
    corrected for background and attenuation. spect_times_h, spect_activities_mbq: (m,) or one number each. Uncertainties are standard
    uncertainties in the unit of the values. spect_systematic_relative: calibration and recovery, common to all SPECT points.
    The planar value at a SPECT time is taken on the straight line of its logarithm between the neighboring planar points. Several
    SPECT points give the mean of the logarithms of their scales, weighted by inverse variance; if they disagree by more
    than their uncertainties allow, the uncertainty grows by sqrt(chi2 / (m - 1)) (Birge 1932). Raises DosimetryError for values that
    are not positive, and for SPECT times outside the planar ones.
    """
    times, values, planar_relative = _points(planar_times_h, planar_values, planar_uncertainties, "planar")
    spect_times, activities, spect_relative = _points(spect_times_h, spect_activities_mbq, spect_uncertainties_mbq, "SPECT")
    if times.size < 2:
        raise DosimetryError(f"Expected at least two planar points, received {times.size}; one point has no course in time.")
    if (
        spect_systematic_relative is not None
        and not 0 <= any_number(spect_systematic_relative, "spect_systematic_relative", "give 0.05 for 5 %") < 1
    ):
        raise DosimetryError(
            f"Expected a systematic fraction from 0 to 1, received {spect_systematic_relative}; give 0.05 for 5 %."
        )
    warnings = []
    shares = _interpolation(times, spect_times, warnings)
    log_scales = np.log(activities) - shares @ np.log(values)
    covariance = None
    if spect_relative is not None and planar_relative is not None:
        # Two SPECT points between the same planar points share the noise of these.
        covariance = np.diag(spect_relative**2) + shares @ np.diag(planar_relative**2) @ shares.T
    log_scale, variance, probability = _mean(log_scales, covariance, warnings)
    if variance is not None and spect_systematic_relative is not None:
        variance += spect_systematic_relative**2
    scale = math.exp(log_scale)
    return HybridCurve(
        times_h=tuple(times.tolist()),
        activities_mbq=tuple((scale * values).tolist()),
        uncertainties_mbq=None if planar_relative is None else tuple((scale * values * planar_relative).tolist()),
        scale_mbq_per_unit=scale,
        scale_relative_uncertainty=None if variance is None else math.sqrt(variance),
        spect_scales=tuple(np.exp(log_scales).tolist()),
        agreement_probability=probability,
        method=f"planar curve of {times.size} points scaled to {spect_times.size} SPECT",
        warnings=tuple(warnings),
    )


def _points(times_h, values, uncertainties, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Times in order, values, and relative uncertainties or None."""
    times = np.atleast_1d(as_numbers(times_h, f"{name} times", "hours"))
    values = np.atleast_1d(as_numbers(values, f"{name} values", "their unit"))
    if times.ndim != 1 or times.shape != values.shape or times.size == 0:
        raise DosimetryError(
            f"Expected one {name} value per time, received {times.size} times and {values.size} values; pair them up."
        )
    if times.min() < 0 or np.unique(times).size != times.size:
        raise DosimetryError(
            f"Expected different {name} times in hours, not negative, received {shown(times.tolist())}; check the clock."
        )
    if values.min() < SMALLEST_NUMBER:
        raise DosimetryError(
            f"Expected {name} values above zero, received {shown(values.tolist())}; leave out points without signal."
        )
    order = np.argsort(times)
    if uncertainties is None:
        return times[order], values[order], None
    sigma = as_numbers(uncertainties, f"{name} uncertainties", "the unit of the values")
    if sigma.shape not in ((), values.shape) or sigma.min() < SMALLEST_NUMBER:
        raise DosimetryError(
            f"Expected a positive uncertainty for each {name} value, received {shown(uncertainties)}; give standard uncertainties."
        )
    return times[order], values[order], (np.broadcast_to(sigma, values.shape) / values)[order]


def _interpolation(times: np.ndarray, wanted: np.ndarray, warnings: list[str]) -> np.ndarray:
    """(wanted, times) shares of ln(planar value) on straight lines; a little beyond the ends the last line goes on."""
    shares = np.zeros((wanted.size, times.size))
    for row, time in zip(shares, wanted):
        outside = max(times[0] - time, time - times[-1], 0.0)
        if outside > max(_REACH_H, _REACH_SHARE * time):
            raise DosimetryError(
                f"Expected SPECT between the planar images ({times[0]:g} to {times[-1]:g} h), received {time:g} h; "
                "add a planar image near it or leave this SPECT out."
            )
        if outside > 0:
            warnings.append(warned("spect_outside_planar", time_h=time))
        upper = int(np.clip(np.searchsorted(times, time), 1, times.size - 1))
        row[upper] = (time - times[upper - 1]) / (times[upper] - times[upper - 1])
        row[upper - 1] = 1.0 - row[upper]
    return shares


def _mean(log_scales: np.ndarray, covariance: np.ndarray | None, warnings: list[str]) -> tuple[float, float | None, float | None]:
    """Best common value, its variance and the probability of the scatter."""
    count = log_scales.size
    if covariance is None:
        if count == 1:
            warnings.append(warned("scale_uncertainty_not_known"))
            return float(log_scales[0]), None, None
        warnings.append(warned("scale_uncertainty_from_scatter"))
        return float(log_scales.mean()), float(log_scales.var(ddof=1)) / count, None
    weights = np.linalg.solve(covariance, np.ones(count))
    variance = 1.0 / weights.sum()
    mean = float(variance * (weights @ log_scales))
    if count == 1:
        return mean, float(variance), None
    rest = log_scales - mean
    chi2 = float(rest @ np.linalg.solve(covariance, rest))
    probability = float(stats.chi2.sf(chi2, count - 1))
    if chi2 > count - 1:
        variance *= chi2 / (count - 1)
    if probability < _DISAGREEMENT_PROBABILITY:
        spread = 100 * (math.exp(np.ptp(log_scales)) - 1)
        warnings.append(warned("scales_differ", percent=spread))
    return mean, float(variance), probability
