"""The activity of the next cycle: for a probability that a limit of the course is exceeded, by sampling, and by a normal approximation beside it.

D = sum D_i (1 + e_i)(1 + e_c) + r k A (1 + e_c): k the dose per activity of the next cycles, r how many are left, A the activity of each.
Every error is log-normal around a mean of 1, so that no dose is negative (docs/course.md).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.base.checks import checked_number, positive_number, whole_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.course.doses import Contribution, Errors, sampled, value_and_slope
from RNTDosimetryLib.course.limits import CourseLimit

SAMPLES = 400_000
"""A probability of 5 % is then known to 0.04 %."""
_MOST_GBQ = 1e6
_VARIATION = "variation of the cycles to come"


@dataclass(frozen=True)
class NextUptake(Record):
    """Dose per activity of the next cycles, Gy/GBq.

    variation: relative standard deviation of the next cycle around the mean, from cycle to cycle or between patients. common: relative uncertainties of
    what it shares with the cycles before. protraction_factor, rbe_factor: of its BED. given_gbq: activities of earlier cycles without any dosimetry,
    whose dose follows the same k.
    """

    gy_per_gbq: float
    variation: float
    common: dict[str, float] = field(default_factory=dict)
    protraction_factor: float | None = None
    rbe_factor: float = 1.0
    given_gbq: tuple[float, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class Outlook(Record):
    """What one limit leaves. Activities in GBq for each of the cycles left; 0 where nothing may be given.

    expected_gbq: the expectation equals the limit. sampled_gbq, normal_gbq: the probability to exceed it is that asked for.
    probability_now: to be above it already. exceeded: whether the expectation of what was given is above it already.
    """

    limit: CourseLimit
    expected_gbq: float
    sampled_gbq: float
    normal_gbq: float
    probability_now: float
    exceeded: bool
    uptake: NextUptake


@dataclass(frozen=True, eq=False)
class SampledLimit:
    """Activities in GBq, sorted, at which each sample reaches the limit: P(A) is the share of them below A."""

    limit: CourseLimit
    activities_gbq: np.ndarray

    def probability(self, activity_gbq: float) -> float:
        """Probability that the limit is exceeded with this activity in each of the cycles left."""
        return float(np.searchsorted(self.activities_gbq, activity_gbq, side="left") / self.activities_gbq.size)

    def activity_gbq(self, probability: float) -> float:
        """Largest activity with at most this probability; 0 where none has it."""
        return max(0.0, float(np.quantile(self.activities_gbq, probability)))


def check_known(past: Sequence[Contribution], limit: CourseLimit, uptake: NextUptake) -> None:
    """DosimetryError, by the name of the contribution, where an uncertainty or a protraction factor that the probability needs is not known."""
    for item in past:
        if not item.is_certain:
            raise DosimetryError(
                f"Expected random and common uncertainty of {item.name} for the probability of {limit.name}, received none; enter both (0 where there is none)."
            )
    if limit.quantity == "bed" and (uptake.protraction_factor is None or any(item.protraction_factor is None for item in past)):
        raise DosimetryError(
            f"Expected effective half-lives in {limit.region} for the BED of {limit.name}, received none; enter effective_half_life_h."
        )


def sample_limit(
    past: Sequence[Contribution],
    uptake: NextUptake,
    limit: CourseLimit,
    cycles_left: int = 1,
    samples: int = SAMPLES,
    seed: int = 1,
) -> SampledLimit:
    """Each sample's activity that reaches the limit, found in closed form. Raises DosimetryError for uncertainties that are not known."""
    check_known(past, limit, uptake)
    whole_number(cycles_left, "cycles_left", 1, 100, "enter the number of cycles that are still planned")
    errors = Errors(samples, [whole_number(seed, "seed", 0, 2**31, "enter 1"), *limit.region.encode()])
    ratio = limit.bed_ratio_gy
    left = limit.value_gy - sampled(past, errors, ratio)
    k = uptake.gy_per_gbq * errors.factor({_VARIATION: uptake.variation}) * errors.factor(uptake.common)
    for activity in uptake.given_gbq:
        left -= value_and_slope(k * activity, uptake.protraction_factor, uptake.rbe_factor, ratio)[0]
    return SampledLimit(limit, np.sort(dose_for(left / cycles_left, uptake, ratio) / k))


def dose_for(quantity_gy, uptake: NextUptake, alpha_beta_gy: float | None):
    """Dose of one cycle that gives a dose or, with alpha/beta, a BED; negative where nothing is left. Number or array."""
    if alpha_beta_gy is None:
        return quantity_gy
    half = alpha_beta_gy / (2 * uptake.protraction_factor)
    found = half * (np.sqrt(1 + 2 * np.maximum(quantity_gy, 0.0) / half) - 1)
    return np.where(np.asarray(quantity_gy) > 0, found, quantity_gy) / uptake.rbe_factor


def normal_activity_gbq(
    past: Sequence[Contribution], uptake: NextUptake, limit: CourseLimit, probability: float, cycles_left: int = 1
) -> float:
    """Activity by the normal approximation: root of (L - m) = z sqrt(v), m = S + r k A, v of first order (docs/course.md); 0 where nothing is left."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    check_known(past, limit, uptake)
    z = float(norm.isf(checked_number(probability, "probability", "enter 0.05 for 5 %", 0.0, 1.0, above=True, below=True)))

    def margin(activity_gbq: float) -> float:
        mean, variance = moments(past, uptake, limit, activity_gbq, cycles_left)
        return limit.value_gy - mean - z * math.sqrt(variance)

    if margin(0.0) <= 0:
        return 0.0
    upper = 1.0
    while margin(upper) > 0:
        upper *= 2
        if upper > _MOST_GBQ:
            raise DosimetryError(
                f"Expected a dose per activity that reaches {limit.name}, received {uptake.gy_per_gbq:g} Gy/GBq; check it."
            )
    return float(brentq(margin, 0.0, upper, xtol=1e-9))


def moments(
    past: Sequence[Contribution], uptake: NextUptake, limit: CourseLimit, activity_gbq: float, cycles_left: int = 1
) -> tuple[float, float]:
    """Mean and variance of the quantity of a limit with an activity in each of the cycles left, in first order.

    v = R (1 + C / m^2) + C, R = sum of what is random, C = of what is shared, each (sum of s u D)^2 by source, s = dQ/dD. With one shared u_s of all
    doses this is [sum (u_i D_i)^2 + (r k A CV)^2](1 + u_s^2) + u_s^2 m^2.
    """
    ratio = limit.bed_ratio_gy
    mean = varying = 0.0
    random: dict[str, float] = {}
    common: dict[str, float] = {}
    for item in past:
        value, slope = value_and_slope(item.dose_gy, item.protraction_factor, item.rbe_factor, ratio)
        mean += value
        for parts, into in ((item.random, random), (item.common, common)):
            for source, relative in parts.items():
                into[source] = into.get(source, 0.0) + slope * relative * item.dose_gy
    for activity, count in (*((given, 1) for given in uptake.given_gbq), (activity_gbq, cycles_left)):
        dose = uptake.gy_per_gbq * activity
        value, slope = value_and_slope(dose, uptake.protraction_factor, uptake.rbe_factor, ratio)
        mean += count * value
        varying += count * slope * dose
    random[_VARIATION] = varying * uptake.variation
    for source, relative in uptake.common.items():
        common[source] = common.get(source, 0.0) + varying * relative
    independent, shared = (sum(value**2 for value in parts.values()) for parts in (random, common))
    return mean, independent * (1 + (shared / mean**2 if mean > 0 else 0.0)) + shared


def outlook(
    past: Sequence[Contribution], uptake: NextUptake, drawn: SampledLimit, probability: float, cycles_left: int = 1
) -> Outlook:
    """What a sampled limit leaves for a probability."""
    limit = drawn.limit
    now, _variance = moments(past, uptake, limit, 0.0, cycles_left)
    expected = max(0.0, float(dose_for((limit.value_gy - now) / cycles_left, uptake, limit.bed_ratio_gy))) / uptake.gy_per_gbq
    exceeded = now >= limit.value_gy
    return Outlook(
        limit=limit,
        expected_gbq=expected,
        sampled_gbq=0.0 if exceeded else drawn.activity_gbq(probability),
        normal_gbq=normal_activity_gbq(past, uptake, limit, probability, cycles_left),
        probability_now=drawn.probability(0.0),
        exceeded=exceeded,
        uptake=uptake,
    )


def standard_cycles_left(
    past: Sequence[Contribution],
    uptake: NextUptake,
    limit: CourseLimit,
    activity_gbq: float,
    probability: float,
    most: int,
    seed: int = 1,
) -> int:
    """How many more cycles of this activity keep the probability of exceeding the limit at most as asked for, up to ``most``."""
    positive_number(activity_gbq, "the activity of a standard cycle in GBq")
    count = 0
    while (
        count < most and sample_limit(past, uptake, limit, count + 1, SAMPLES // 4, seed).probability(activity_gbq) <= probability
    ):
        count += 1
    return count


def own_variation(spread: float | None, cycles: int, noise: float, assumed: float, fewest: int) -> tuple[float, bool]:
    """Between-cycle variation: the patient's own spread from enough cycles, else the assumed one. Second: whether it was assumed.

    A spread that is not above the noise of the doses (relative) says nothing of the patient: few cycles can agree by chance.
    """
    own = spread is not None and cycles >= fewest and spread > noise
    return (spread, False) if own else (assumed, True)


def protocol_activity_gbq(uptake: NextUptake, cycle_doses_gy: Sequence[float], cycles_given: int) -> float | None:
    """Activity that gives the dose that a protocol plans for the next cycle, such as 5 Gy and then 6 Gy a cycle; None when it is finished."""
    if cycles_given >= len(cycle_doses_gy):
        return None
    return positive_number(cycle_doses_gy[cycles_given], "dose of a cycle of the protocol in Gy") / uptake.gy_per_gbq
