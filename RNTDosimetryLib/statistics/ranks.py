"""Spread and order: what a group of values looks like, how two go together, and where a marker is cut."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from RNTDosimetryLib.base.checks import shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.statistics.survival import CONFIDENCE
from RNTDosimetryLib.statistics.values import values_of, vary

BOOTSTRAPS = 1000
_SEED = 20261201
_WHISKER = 1.5
_FEWEST_PAIRS = 4
_FEWEST_EACH = 3


@dataclass(frozen=True)
class Distribution(Record):
    """Values of a group. Quartiles by linear interpolation; whiskers reach the last value within 1.5 quartile ranges (Tukey); outliers: beyond.

    deviation: standard deviation of the sample, None for one value. geometric_deviation: of the logarithms, None unless all are positive.
    """

    label: str
    number: int
    mean: float
    deviation: float | None
    median: float
    quartiles: tuple[float, float]
    whiskers: tuple[float, float]
    outliers: tuple[float, ...] = ()
    geometric_mean: float | None = None
    geometric_deviation: float | None = None


@dataclass(frozen=True)
class RankCorrelation(Record):
    """Spearman's rank correlation with its 95 % interval and two-sided p."""

    pairs: int
    coefficient: float
    lower: float
    upper: float
    p_value: float


@dataclass(frozen=True)
class CutOff(Record):
    """ROC of a marker. area: under the curve, that of higher markers with the outcome where ``higher`` is true, of lower ones else.

    false_positive, sensitivity: the curve, (points,). cut_off: with the largest sensitivity + specificity - 1 (Youden); its interval and that of the
    area are 95 % of bootstraps. youden: at the cut-off in these patients, and so optimistic; youden_optimism: by how much, mean of bootstraps
    (Harrell 1996); youden_corrected: without it.
    """

    patients: int
    positive: int
    higher: bool
    area: float
    area_lower: float
    area_upper: float
    cut_off: float
    cut_off_lower: float
    cut_off_upper: float
    sensitivity_at_cut_off: float
    specificity_at_cut_off: float
    youden: float
    youden_optimism: float
    youden_corrected: float
    false_positive: tuple[float, ...]
    sensitivity: tuple[float, ...]
    bootstraps: int


def distribution(values: Any, label: str = "") -> Distribution:
    """Median, quartiles, whiskers and spread of (n,) values. Raises DosimetryError for none, NaN or infinity."""
    values = np.sort(values_of(values, f"the values of {label or 'a group'}").ravel())
    if values.size == 0:
        raise DosimetryError(f"Expected values of {label or 'a group'}, received none; leave the group out.")
    low, middle, high = np.percentile(values, (25, 50, 75))
    inside = values[(values >= low - _WHISKER * (high - low)) & (values <= high + _WHISKER * (high - low))]
    logs = np.log(values) if values[0] > 0 else None
    return Distribution(
        label=label,
        number=values.size,
        mean=float(values.mean()),
        deviation=float(values.std(ddof=1)) if values.size > 1 else None,
        median=float(middle),
        quartiles=(float(low), float(high)),
        whiskers=(float(inside[0]), float(inside[-1])),
        outliers=tuple(values[(values < inside[0]) | (values > inside[-1])].tolist()),
        geometric_mean=None if logs is None else float(np.exp(logs.mean())),
        geometric_deviation=float(np.exp(logs.std(ddof=1))) if logs is not None and values.size > 1 else None,
    )


def spearman(first: Any, second: Any) -> RankCorrelation:
    """Rank correlation of (n,) pairs. Interval on Fisher's scale with the variance (1 + r^2/2)/(n - 3) of Bonett and Wright (Psychometrika 2000).

    Raises DosimetryError for fewer than four pairs or values that do not vary.
    """
    first, second = values_of(first, "the first values"), values_of(second, "the second values")
    if first.shape != second.shape or first.ndim != 1 or first.size < _FEWEST_PAIRS:
        raise DosimetryError(
            f"Expected at least {_FEWEST_PAIRS} pairs for a rank correlation, received {first.size} and {second.size} values; use more patients."
        )
    if not (vary(first) and vary(second)):
        raise DosimetryError("Expected values that vary for a rank correlation, received equal ones; choose another quantity.")
    found = stats.spearmanr(first, second)
    r = float(found.statistic)
    if abs(r) >= 1:
        return RankCorrelation(first.size, r, r, r, float(found.pvalue))
    half = stats.norm.ppf(0.5 + CONFIDENCE / 2) * math.sqrt((1 + r * r / 2) / (first.size - 3))
    return RankCorrelation(first.size, r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half), float(found.pvalue))


def roc_cut_off(marker: Any, outcome: Any, bootstraps: int = BOOTSTRAPS, seed: int = _SEED) -> CutOff:
    """ROC of a marker (n,) for an outcome (n,) of 0 and 1, and its best cut-off with bootstrap interval and optimism.

    The side on which the outcome lies is taken from the data, and so is part of each bootstrap. Raises DosimetryError for fewer than three patients with and without the
    outcome. Source of the optimism: Harrell, Lee and Mark, Stat Med 1996.
    """
    marker, outcome = values_of(marker, "the marker"), values_of(outcome, "the outcome")
    if marker.ndim != 1 or marker.shape != outcome.shape or not np.isin(outcome, (0, 1)).all():
        raise DosimetryError(
            f"Expected an outcome of 0 or 1 for each of {marker.size} markers, received {shown(outcome.tolist())}; correct the table."
        )
    yes = outcome == 1
    if min(yes.sum(), (~yes).sum()) < _FEWEST_EACH or not vary(marker):
        raise DosimetryError(
            f"Expected a marker that varies over at least {_FEWEST_EACH} patients with and without the outcome, received {int(yes.sum())} and "
            f"{int((~yes).sum())}; use more patients."
        )
    area, higher, cut, youden, curve = _roc(marker, yes)
    generator = np.random.default_rng(seed)
    areas, cuts, optimism = [], [], []
    # Drawn within each group, so that every bootstrap has both.
    groups = np.flatnonzero(yes), np.flatnonzero(~yes)
    for _ in range(bootstraps):
        drawn = np.concatenate([generator.choice(group, group.size) for group in groups])
        if not vary(marker[drawn]):
            continue
        its_area, its_side, its_cut, its_youden, _curve = _roc(marker[drawn], yes[drawn])
        areas.append(its_area if its_side == higher else 1 - its_area)
        cuts.append(its_cut)
        optimism.append(its_youden - _youden_at(marker, yes, its_cut, its_side))
    ends = 100 * (0.5 - CONFIDENCE / 2), 100 * (0.5 + CONFIDENCE / 2)
    called = marker >= cut if higher else marker < cut
    (area_low, area_high), (cut_low, cut_high) = np.percentile(areas, ends).tolist(), np.percentile(cuts, ends).tolist()
    return CutOff(
        marker.size, int(yes.sum()), higher, area, area_low, area_high, cut, cut_low, cut_high,
        float(called[yes].mean()), float((~called)[~yes].mean()), youden, float(np.mean(optimism)), youden - float(np.mean(optimism)),
        curve[0], curve[1], len(cuts),
    )  # fmt: skip


def _roc(marker, yes):
    """Area, side, cut-off, Youden's index and the curve. The cut lies half way between two markers; at or above it counts as high."""
    ranks = stats.rankdata(marker)
    with_, without = int(yes.sum()), int((~yes).sum())
    area = float((ranks[yes].sum() - with_ * (with_ + 1) / 2) / (with_ * without))
    higher = area >= 0.5
    values = np.unique(marker)
    cuts = np.concatenate([[values[0]], (values[1:] + values[:-1]) / 2])
    # Share at or above each cut, of those with and those without the outcome.
    above = [1 - np.searchsorted(np.sort(marker[group]), cuts, side="left") / group.sum() for group in (yes, ~yes)]
    gain = (above[0] - above[1]) * (1 if higher else -1)
    best = int(np.argmax(gain))
    sensitivity, false = (above[0], above[1]) if higher else (1 - above[0], 1 - above[1])
    order = np.lexsort((sensitivity, false))
    curve = tuple((0.0, *part[order].tolist(), 1.0) for part in (false, sensitivity))
    return (area if higher else 1 - area), higher, float(cuts[best]), float(gain[best]), curve


def _youden_at(marker, yes, cut, higher) -> float:
    gain = float((marker[yes] >= cut).mean() - (marker[~yes] >= cut).mean())
    return gain if higher else -gain
