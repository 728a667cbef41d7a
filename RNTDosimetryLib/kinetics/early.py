"""What cleared before the first sample: which way it makes the integral wrong, by how much at least, and how much at most."""

import math
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.checks import SMALLEST_NUMBER, any_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.kinetics.models import TRAPEZOID
from RNTDosimetryLib.kinetics.results import KineticFit

_CONSPICUOUS_SD = 3.0


@dataclass(frozen=True)
class EarlyActivity(Record):
    """Integral from the administration to the first sample, MBq h, for activity that only clears. fitted: of the fitted curve.

    least: by the first two samples; most: by the administered activity, None where it was not given.
    tia_most_mbq_h: the fit's time-integrated activity with the most in the place of its own early part.
    """

    first_time_h: float
    fitted_mbq_h: float
    least_mbq_h: float
    most_mbq_h: float | None
    tia_most_mbq_h: float | None


def early_activity(fit: KineticFit, administered_activity_mbq: float | None = None) -> EarlyActivity:
    """Bounds of what a fit cannot see, before its first sample, of a region that only loses activity.

    A sum of decreasing exponentials is convex on a logarithmic scale. So before the first sample at t_1 it lies above the line through the
    first two samples, and below the line from the administered activity at time 0 to the first sample:
    A_1 (exp(k t_1) - 1) / k with k = ln(A_1 / A_2) / (t_2 - t_1), and (A_0 - A_1) t_1 / ln(A_0 / A_1).
    Both hold for exact samples: their noise comes on top. Not for a region that takes up activity after the first sample.
    Raises DosimetryError for a fit of one sample, and for less administered activity than the first sample holds.
    """
    order = np.argsort(fit.times_h, kind="stable")
    times, values = np.array(fit.times_h)[order], np.array(fit.activities_mbq)[order]
    later = np.flatnonzero((times > times[0]) & (values > SMALLEST_NUMBER))
    if not later.size or not values[0] > SMALLEST_NUMBER:
        raise DosimetryError(
            "Expected a fit with activity at two times or more, received one without; nothing is known of its early part."
        )
    first_h, first, second = float(times[0]), float(values[0]), int(later[0])
    rate = max(math.log(first / values[second]) / (times[second] - first_h), fit.decay_constant_per_h)
    if fit.model == TRAPEZOID:
        fitted = first * first_h
    else:
        amplitudes, rates = np.array(fit.amplitudes_mbq), np.array(fit.rates_per_h)
        fitted = float((amplitudes / rates * -np.expm1(-rates * first_h)).sum())
    most = None
    if administered_activity_mbq is not None:
        given = any_number(administered_activity_mbq, "administered_activity_mbq", "give MBq at the administration")
        if not given >= first:
            raise DosimetryError(
                f"Expected at least the {first:.4g} MBq of the first sample as administered activity, received {given:.4g} MBq; check both."
            )
        most = first_h * (given if given <= first * (1 + 1e-9) else (given - first) / math.log(given / first))
    return EarlyActivity(
        first_h,
        fitted,
        float(first * math.expm1(rate * first_h) / rate),
        most,
        None if most is None else fit.tia_mbq_h - fitted + most,
    )


def falls_faster_at_first(fit: KineticFit, uncertainties: np.ndarray) -> bool:
    """Whether a mono-exponential was taken for samples that fall faster from the first to the second than to the third, beyond noise."""
    values, times = np.array(fit.activities_mbq)[:3], np.array(fit.times_h)[:3]
    if (
        fit.model != "mono"
        or len(times) < 3
        or not times[0] > 0
        or (np.diff(times) <= 0).any()
        or (values <= SMALLEST_NUMBER).any()
    ):
        return False
    # Difference of the two logarithmic slopes as a weighted sum of the logarithms.
    gaps = np.diff(times)
    weights = np.array([1 / gaps[0], -1 / gaps[0] - 1 / gaps[1], 1 / gaps[1]])
    spread = float(np.sqrt(((weights * uncertainties[:3] / values) ** 2).sum()))
    return float(weights @ np.log(values)) > _CONSPICUOUS_SD * spread


def early_clearance_warning(fit: KineticFit, tia_with_clearance_mbq_h: float, half_life_h: float) -> str:
    """Direction and size of the error, in words. tia_with_clearance_mbq_h: of the same samples with an early clearance of that half-life."""
    change = 100 * (tia_with_clearance_mbq_h / fit.tia_mbq_h - 1)
    way = "higher" if change >= 0 else "lower"
    return warned("early_clearance", half_life_h=half_life_h, percent=abs(change), way=way, first_h=fit.times_h[0])
