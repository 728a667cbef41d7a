"""Doses of one region over a course, added up with what is random and what is common: absorbed, biologically effective, in 2 Gy fractions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.checks import checked_number, checked_relative, non_negative_number
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.dose import eqd2

CYCLES = "shared by the cycles"
"""What the cycles of one camera have in common where its parts are not told apart: calibration, recovery, S value, mass."""


@dataclass(frozen=True)
class Contribution(Record):
    """Dose of one region from one cycle, session or course of external beam.

    random, common: relative standard uncertainties by what they come from, None where not known. Errors of one name are one error: what two contributions
    share adds linearly. protraction_factor: g of BED = D + g D^2 / (alpha/beta): G of the dose rate, 1/n of n acute fractions; None where the
    course of the dose rate is not known. rbe_factor: of the dose in the BED, of alphas. estimated: why, where the dose was not measured; "" where it was.
    """

    name: str
    dose_gy: float
    random: dict[str, float] | None = None
    common: dict[str, float] | None = None
    protraction_factor: float | None = None
    rbe_factor: float = 1.0
    estimated: str = ""

    def __post_init__(self) -> None:
        non_negative_number(self.dose_gy, f"dose_gy of {self.name}", "enter the absorbed dose in Gy")
        for part in (self.random or {}, self.common or {}):
            for source, relative in part.items():
                checked_relative(relative, f"{source} of {self.name}")
        if self.protraction_factor is not None:
            checked_number(
                self.protraction_factor, f"protraction_factor of {self.name}", "check half-life and repair half-time", 0.0, 1.0
            )

    @property
    def is_certain(self) -> bool:
        """Whether both parts of the uncertainty are known."""
        return self.random is not None and self.common is not None

    @property
    def random_uncertainty(self) -> float | None:
        """Relative, all random parts together."""
        return None if self.random is None else math.hypot(*self.random.values())

    @property
    def common_uncertainty(self) -> float | None:
        """Relative, all common parts together."""
        return None if self.common is None else math.hypot(*self.common.values())

    @property
    def uncertainty_gy(self) -> float | None:
        """Standard uncertainty of the dose."""
        return self.dose_gy * math.hypot(self.random_uncertainty, self.common_uncertainty) if self.is_certain else None


def contribution(
    name: str, dose_gy: float, random_uncertainty: float | None, common_uncertainty: float | None, **more
) -> Contribution:
    """Contribution of entered uncertainties: the random one its own, the common one shared by the cycles."""
    random = None if random_uncertainty is None else {f"random, {name}": random_uncertainty}
    return Contribution(name, dose_gy, random, None if common_uncertainty is None else {CYCLES: common_uncertainty}, **more)


@dataclass(frozen=True)
class Sum(Record):
    """One quantity over a course, Gy. uncertainty_gy with its random and common part: None where that of a contribution is not known.

    parts_gy: standard uncertainty by what it comes from.
    """

    value_gy: float
    uncertainty_gy: float | None = None
    random_gy: float | None = None
    common_gy: float | None = None
    parts_gy: dict[str, float] | None = None


def value_and_slope(dose_gy, protraction_factor: float | None, rbe_factor: float, alpha_beta_gy: float | None) -> tuple:
    """Dose and 1, or with alpha/beta the BED and dBED/dD. Numbers or arrays."""
    if alpha_beta_gy is None:
        return dose_gy, 1.0
    weighted, bend = rbe_factor * dose_gy, protraction_factor / alpha_beta_gy
    return weighted + bend * weighted**2, rbe_factor * (1 + 2 * bend * weighted)


def cumulative(contributions: Sequence[Contribution], alpha_beta_gy: float | None = None) -> Sum | None:
    """Cumulative dose, or BED with alpha/beta: weeks lie between contributions, so BED adds and no repair is carried over.

    u^2 = sum over sources of (sum_i s_i u_i D_i)^2, s = 1 for the dose and dBED/dD for the BED: random parts in squares, what is shared linearly.
    alpha/beta, half-lives and repair are taken as known. None where a protraction factor is not known.
    """
    if alpha_beta_gy is not None and any(item.protraction_factor is None for item in contributions):
        return None
    found = [value_and_slope(item.dose_gy, item.protraction_factor, item.rbe_factor, alpha_beta_gy) for item in contributions]
    total = float(sum(value for value, _slope in found))
    if not contributions or not all(item.is_certain for item in contributions):
        return Sum(total)
    random: dict[str, float] = {}
    common: dict[str, float] = {}
    for item, (_value, slope) in zip(contributions, found):
        for parts, into in ((item.random, random), (item.common, common)):
            for source, relative in parts.items():
                into[source] = into.get(source, 0.0) + slope * relative * item.dose_gy
    sizes = math.hypot(*random.values()), math.hypot(*common.values())
    return Sum(total, math.hypot(*sizes), *sizes, {**common, **random})


def bed_of(item: Contribution, alpha_beta_gy: float) -> float | None:
    """BED in Gy of one contribution; None where its protraction factor is not known."""
    if item.protraction_factor is None:
        return None
    return float(value_and_slope(item.dose_gy, item.protraction_factor, item.rbe_factor, alpha_beta_gy)[0])


def in_2_gy_fractions(bed: Sum | None, alpha_beta_gy: float) -> Sum | None:
    """EQD2 of a BED with its uncertainty."""
    if bed is None:
        return None
    values = [bed.value_gy, bed.uncertainty_gy, bed.random_gy, bed.common_gy]
    return Sum(*(None if value is None else eqd2(value, alpha_beta_gy) for value in values))


class Errors:
    """Standard normal numbers, one row a source of error, the same wherever the source comes up."""

    def __init__(self, samples: int, seed: Sequence[int]):
        self.samples = samples
        self.random = np.random.default_rng(list(seed))
        self._known: dict[str, np.ndarray] = {}

    def factor(self, parts: Mapping[str, float]) -> np.ndarray:
        """(samples,) product of the factors of all parts, each log-normal around a mean of 1."""
        result = np.ones(self.samples)
        for source, relative in parts.items():
            if source not in self._known:
                self._known[source] = self.random.standard_normal(self.samples)
            if relative > 0:
                result *= log_normal(relative, self._known[source])
        return result


def sampled(contributions: Sequence[Contribution], errors: Errors, alpha_beta_gy: float | None = None) -> np.ndarray:
    """(samples,) cumulative doses, or BED with alpha/beta, Gy."""
    total = np.zeros(errors.samples)
    for item in contributions:
        doses = item.dose_gy * errors.factor(item.random) * errors.factor(item.common)
        total += value_and_slope(doses, item.protraction_factor, item.rbe_factor, alpha_beta_gy)[0]
    return total


def log_normal(relative: float, normal: np.ndarray) -> np.ndarray:
    """Factors around a mean of 1 with a relative standard deviation, of standard normal numbers; never negative."""
    spread = math.sqrt(math.log1p(relative**2))
    return np.exp(spread * normal - spread**2 / 2)


@dataclass(frozen=True)
class Trend(Record):
    """Dose per activity over the cycles. slope: Gy/GBq a cycle, weighted by the random uncertainties; spearman: rank correlation, None under three cycles."""

    mean_gy_per_gbq: float
    slope_gy_per_gbq: float | None = None
    slope_uncertainty_gy_per_gbq: float | None = None
    spearman: float | None = None
    spread: float | None = None


def trend_of(numbers: Sequence[int], gy_per_gbq: Sequence[float], relative: Sequence[float | None]) -> Trend:
    """Weighted mean, slope by weighted least squares and Spearman's rank correlation of measured cycles.

    numbers: of the cycles, 1 for the first. relative: random uncertainties; where one is None or 0 all weigh the same. spread: relative standard deviation
    around the mean, None under two cycles. The uncertainty of the slope follows from the uncertainties given; None without them or under three cycles.
    """
    from scipy.stats import spearmanr

    x, y = np.asarray(numbers, dtype=float), np.asarray(gy_per_gbq, dtype=float)
    known = all(value for value in relative) and bool(np.all(y > 0))
    sigma = np.asarray(relative, dtype=float) * y if known else np.ones_like(y)
    weight = 1 / sigma**2
    mean = float(np.average(y, weights=weight))
    if len(y) < 2:
        return Trend(mean)
    center = np.average(x, weights=weight)
    moment = float(np.sum(weight * (x - center) ** 2))
    slope = float(np.sum(weight * (x - center) * y) / moment)
    several = len(y) > 2
    rank = float(spearmanr(x, y).statistic) if several and np.ptp(y) > 0 else None
    spread = float(np.std(y, ddof=1) / np.mean(y)) if np.mean(y) > 0 else None
    return Trend(mean, slope, 1 / math.sqrt(moment) if known and several else None, rank, spread)
