"""When to scan: the expected uncertainty of a time-integrated activity for a schedule, and the best one, two or three times within opening hours.

First order at the truth: ln a_i = ln A - (k + l) t_i + e_i, k biological, l physical, e_i of standard deviation u. With theta = (ln A, ln k) the information is
sum of g g' / u^2 + diag(0, 1/s^2), g = (1, -k t), s the spread of ln k in the population; var ln TIA = h' I^-1 h, h = (1, -k/(k + l)). Its mean is taken over the population.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations, pairwise

import numpy as np
from scipy.special import ndtri

from RNTDosimetryLib.base.checks import checked_number, number_list, positive_number, whole_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.kinetics import RatePrior

MOST_SCANS = 3
_QUANTILES = 41
_SATURDAY = 5


@dataclass(frozen=True)
class Schedule(Record):
    """Times in hours after the administration, with the expected relative uncertainty of the time-integrated activity.

    uncertainty: by a fit that knows the population. alone: by the samples alone, None for one scan. Of a single exponential; what a schedule does not see, an
    early or a late phase, is in neither.
    """

    times_h: tuple[float, ...]
    uncertainty: float
    alone: float | None = None


def schedule_uncertainty(
    times_h: Sequence[float], prior: RatePrior, decay_constant_per_h: float, scan_uncertainty: float
) -> Schedule:
    """Expected uncertainty of one schedule. scan_uncertainty: relative, of the activity of each scan by itself."""
    times = np.array(number_list(times_h, "times of the schedule in h"))
    if times.size == 0 or times.min() < 0 or np.unique(times).size != times.size:
        raise DosimetryError(
            f"Expected different times of 0 h or later for a schedule, received {list(times_h)}; give hours after the administration."
        )
    spread = checked_number(scan_uncertainty, "scan_uncertainty of the schedule", "give 0.05 for 5 %", 0.0, 1.0, above=True)
    first, second = np.array([times.sum()]), np.array([(times**2).sum()])
    with_prior = _uncertainties(times.size, first, second, prior, decay_constant_per_h, spread, True)
    alone = _uncertainties(times.size, first, second, prior, decay_constant_per_h, spread, False) if times.size > 1 else [None]
    return Schedule(tuple(float(time) for time in times), float(with_prior[0]), None if alone[0] is None else float(alone[0]))


def _uncertainties(
    count: int, first: np.ndarray, second: np.ndarray, prior: RatePrior, decay_constant_per_h: float, spread: float, known: bool
) -> np.ndarray:
    """Root of the mean variance over the population, for schedules given by their count and sums of t and t^2."""
    quantiles = ndtri((np.arange(_QUANTILES) + 0.5) / _QUANTILES)
    k = prior.median_per_h * np.exp(prior.log_sd * quantiles)[:, None]
    share = k / (k + positive_number(decay_constant_per_h, "decay constant per hour"))
    weight = 1 / spread**2
    a, b, d = weight * count, -weight * k * first, weight * k**2 * second + (1 / prior.log_sd**2 if known else 0.0)
    variance = (d + 2 * b * share + a * share**2) / (a * d - b**2)
    return np.sqrt(variance.mean(axis=0))


def best_schedule(
    scans: int,
    candidates_h: Sequence[float],
    prior: RatePrior,
    decay_constant_per_h: float,
    scan_uncertainty: float,
    shortest_gap_h: float = 2.0,
) -> Schedule:
    """The schedule of so many scans, from candidate times, with the least expected uncertainty; of a fit alone where there are several scans."""
    whole_number(scans, "number of scans", 1, MOST_SCANS, f"choose 1 to {MOST_SCANS}")
    times = sorted(set(number_list(candidates_h, "candidate times in h")))
    sets = np.array([item for item in combinations(times, scans) if all(b - a >= shortest_gap_h for a, b in pairwise(item))])
    if not sets.size:
        raise DosimetryError(
            f"Expected candidate times for {scans} scans at least {shortest_gap_h:g} h apart, received {len(times)}; open longer or more days."
        )
    spread = checked_number(scan_uncertainty, "scan_uncertainty of the schedule", "give 0.05 for 5 %", 0.0, 1.0, above=True)
    found = _uncertainties(scans, sets.sum(axis=1), (sets**2).sum(axis=1), prior, decay_constant_per_h, spread, scans == 1)
    return schedule_uncertainty(sets[int(np.argmin(found))], prior, decay_constant_per_h, scan_uncertainty)


def opening_times_h(
    administration: datetime, opens: float, closes: float, last_day: int, weekend: bool = False, step_h: float = 3.0
) -> tuple[float, ...]:
    """Candidate times after an administration while a clinic is open, hours, up to ``last_day`` days later. opens, closes: hours of the day."""
    if not 0 <= opens < closes <= 24:
        raise DosimetryError(f"Expected opening hours within a day, received {opens:g} to {closes:g}; give 8 and 17.")
    whole_number(last_day, "last_day of the schedule", 1, 60, "give days after the administration")
    midnight, found = administration.replace(hour=0, minute=0, second=0, microsecond=0), []
    for day in range(last_day + 1):
        start = midnight + timedelta(days=day)
        if start.weekday() >= _SATURDAY and not weekend:
            continue
        count = math.floor((closes - opens) / step_h + 1e-9)
        for number in range(count + 1):
            hours = (start + timedelta(hours=opens + number * step_h) - administration).total_seconds() / 3600
            if hours > 0:
                found.append(round(hours, 3))
    return tuple(found)
