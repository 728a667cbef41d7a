"""Two sets of numbers of the same patients: agreement of two methods, and change from before to after."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.statistics.survival import CONFIDENCE
from RNTDosimetryLib.statistics.values import values_of, vary

_FEWEST_PAIRS = 4


@dataclass(frozen=True)
class Agreement(Record):
    """Second method against the first. differences: second minus first.

    bias: mean difference with standard uncertainty; limits: bias -+ 1.96 standard deviations, between which 95 % of differences are expected (Bland and
    Altman 1986), limit_uncertainty: of each limit. relative_*: the same of the ratio in per cent, from the logarithms; None where not all values are positive.
    concordance: Lin's coefficient with its 95 % interval. slope: of the differences over the means with its p: a bias that grows with the value.
    """

    label: str
    pairs: int
    bias: float
    bias_uncertainty: float
    deviation: float
    limits: tuple[float, float]
    limit_uncertainty: float
    concordance: float
    concordance_lower: float
    concordance_upper: float
    slope: float
    slope_p_value: float
    means: tuple[float, ...]
    differences: tuple[float, ...]
    relative_bias_percent: float | None = None
    relative_limits_percent: tuple[float, float] | None = None


@dataclass(frozen=True)
class PairedChange(Record):
    """Change of the same patients or regions, after minus before. mean: with standard uncertainty and 95 % interval (t). p_value: Wilcoxon's
    signed-rank test, two-sided; None where nothing has changed."""

    label: str
    pairs: int
    mean_before: float
    mean: float
    uncertainty: float
    lower: float
    upper: float
    p_value: float | None


def bland_altman(first: Any, second: Any, label: str = "") -> Agreement:
    """Agreement of (n,) values by two methods. Raises DosimetryError for fewer than four pairs or values that do not vary.

    Source: Bland and Altman, Lancet 1986; Lin, Biometrics 1989 (with the correction of 2000).
    """
    first, second = _pairs(first, second)
    if not (vary(first) and vary(second)):
        raise DosimetryError(
            "Expected values that vary for agreement of two methods, received equal ones; choose another quantity."
        )
    difference, mean, number = second - first, (first + second) / 2, first.size
    deviation = float(difference.std(ddof=1))
    width = stats.norm.ppf(0.5 + CONFIDENCE / 2)
    bias = float(difference.mean())
    line = stats.linregress(mean, difference) if vary(difference) and vary(mean) else None
    relative = _relative(first, second, width) if min(first.min(), second.min()) > 0 else (None, None)
    return Agreement(
        label=label,
        pairs=number,
        bias=bias,
        bias_uncertainty=deviation / math.sqrt(number),
        deviation=deviation,
        limits=(bias - width * deviation, bias + width * deviation),
        limit_uncertainty=deviation * math.sqrt(1 / number + width**2 / (2 * (number - 1))),
        **_concordance(first, second, width),
        slope=0.0 if line is None else float(line.slope),
        slope_p_value=1.0 if line is None else float(line.pvalue),
        means=tuple(mean.tolist()),
        differences=tuple(difference.tolist()),
        relative_bias_percent=relative[0],
        relative_limits_percent=relative[1],
    )


def _relative(first, second, width):
    ratio = np.log(second / first)
    percent = [100 * math.expm1(ratio.mean() + sign * width * ratio.std(ddof=1)) for sign in (0, -1, 1)]
    return percent[0], (percent[1], percent[2])


def _concordance(first, second, width) -> dict[str, float]:
    """Lin's coefficient 2 s12 / (s1^2 + s2^2 + (m1 - m2)^2), interval on Fisher's scale."""
    number, shift = first.size, float(first.mean() - second.mean())
    covariance = float(((first - first.mean()) * (second - second.mean())).mean())
    variances = float(first.var()), float(second.var())
    value = 2 * covariance / (sum(variances) + shift**2)
    r = covariance / math.sqrt(variances[0] * variances[1])
    if abs(value) >= 1 - 1e-12 or abs(r) >= 1 - 1e-12 or value == 0:
        return {"concordance": value, "concordance_lower": value, "concordance_upper": value}
    u2 = shift**2 / math.sqrt(variances[0] * variances[1])
    inner = (1 - r**2) * value**2 / ((1 - value**2) * r**2) + 2 * value**3 * (1 - value) * u2 / (r * (1 - value**2) ** 2)
    inner -= value**4 * u2**2 / (2 * r**2 * (1 - value**2) ** 2)
    half = width * math.sqrt(max(inner, 0.0) / (number - 2))
    ends = [math.tanh(math.atanh(value) + sign * half) for sign in (-1, 1)]
    return {"concordance": value, "concordance_lower": ends[0], "concordance_upper": ends[1]}


def paired_change(before: Any, after: Any, label: str = "") -> PairedChange:
    """Mean change of (n,) pairs. Raises DosimetryError for fewer than four pairs."""
    before, after = _pairs(before, after)
    change = after - before
    mean, error = float(change.mean()), float(change.std(ddof=1) / math.sqrt(change.size))
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, change.size - 1)) * error
    p_value = float(stats.wilcoxon(change).pvalue) if np.any(change != 0) else None
    return PairedChange(label, change.size, float(before.mean()), mean, error, mean - half, mean + half, p_value)


def _pairs(first: Any, second: Any) -> tuple[np.ndarray, np.ndarray]:
    first, second = values_of(first, "the first values"), values_of(second, "the second values")
    if first.shape != second.shape or first.ndim != 1 or first.size < _FEWEST_PAIRS:
        raise DosimetryError(
            f"Expected at least {_FEWEST_PAIRS} pairs, received {first.size} and {second.size} values; use more patients or match their names."
        )
    return first, second
