"""What the samples of a curve cannot exclude: low and high ends of its time-integrated activity, over a family of curve shapes.

Each shape of ``shapes.py`` is scaled to the samples in closed form and weighted by its likelihood, the scale integrated out. Where few
shapes agree with precise samples, more are drawn where those lie, and all are weighted by the mixture they were drawn from (adaptive
importance sampling with the balance heuristic, Veach and Guibas 1995; Cappe et al. 2004).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtri, ndtri

from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.kinetics.models import rules
from RNTDosimetryLib.kinetics.priors import PopulationPrior
from RNTDosimetryLib.kinetics.results import KineticFit
from RNTDosimetryLib.kinetics.samples import Samples
from RNTDosimetryLib.kinetics.selection import ROUNDING
from RNTDosimetryLib.kinetics.shapes import Family, Kind, family_of, first_curves, first_scores, shape_data, sobol_normals

ENOUGH_SHAPES = 250.0
"""Effective number of shapes (Kish) that fixes the ends of the interval to a few per cent of its width."""
_FEWEST_SHAPES = 20.0
_ROUNDS = 6
_LOG_DRAWS = 9
_SMALLEST_MASS = 0.02
_SMALLEST_SQUARE = 1e-250
_FINEST = 1e-6
"""Uncertainty over the highest sample that no measurement is below."""
_NEGLIGIBLE = 30.0
"""ln of a weight over the largest, under which a shape is left out."""


@dataclass(frozen=True)
class Interval:
    """Of the time-integrated activity, in its unit, around the estimate it was asked for.

    deviation: root mean square from the estimate; shapes: effective number of curves.
    """

    low: float
    high: float
    median: float
    deviation: float
    shapes: float

    def times(self, unit: float) -> "Interval":
        return Interval(self.low * unit, self.high * unit, self.median * unit, self.deviation * unit, self.shapes)


@dataclass(frozen=True)
class _Normal:
    """A normal density that shapes were drawn from: how many, which scores, its center, the inverse of its triangular factor."""

    count: int
    active: list[int]
    center: np.ndarray
    whiten: np.ndarray

    def log_density(self, scores: np.ndarray) -> np.ndarray:
        """ln of count times the density (n,), without the factor of 2 pi that all of a kind have."""
        steps = (scores[:, self.active] - self.center) @ self.whiten.T
        return np.log(self.count) - 0.5 * (steps * steps).sum(axis=1) + np.log(np.diag(self.whiten)).sum()


@dataclass
class _Kindred:
    """The shapes of one kind: scores (n, 6), curves (n, t), and the densities they were drawn from with their counts."""

    scores: np.ndarray
    curves: np.ndarray
    proposals: list[_Normal]
    log_density: np.ndarray


def interval_of(family: Family, times_h, activities, sigmas, known: bool, estimate: float, fitted=((), ())) -> Interval | None:
    """The interval for one curve: times_h, activities, sigmas (t,). None where no curve above zero agrees with the samples.

    fitted: amplitudes and rates of a fitted curve, near which precise samples may lie far from the population. known: the sigmas are uncertainties; else they are nominal, and the likelihood is Student's.
    """
    # Relative to the highest sample, and no finer than a part of it: squares of any unit stay in the range of numbers.
    unit = float(np.max(activities))
    if not unit > 0:
        return None
    activities, sigmas, estimate = np.asarray(activities) / unit, np.maximum(sigmas / unit, _FINEST), estimate / unit
    groups = _first(family, times_h)
    state = _weighted(groups, family, activities, sigmas, known)
    if state is None:
        return None
    for turn in range(_ROUNDS):
        if _effective(state.log_weights) >= ENOUGH_SHAPES:
            break
        _refine(groups, state, family, np.asarray(times_h, dtype=float), turn)
        if turn == 0:
            _seed(groups, family, np.asarray(times_h, dtype=float), family.scores_of(*fitted))
        state = _weighted(groups, family, activities, sigmas, known)
    log_weights = state.log_weights
    if known:
        log_weights = log_weights - (1 - 1 / _misfit(state.chi2.min(), len(times_h))) * -0.5 * state.chi2
    if _effective(log_weights) < _FEWEST_SHAPES:
        log_weights = _tempered(log_weights, _FEWEST_SHAPES)
    weights = np.exp(log_weights - log_weights.max())
    return _summary(state.scale, state.scale_sd, weights / weights.sum(), estimate).times(unit)


def _misfit(least_chi2: float, samples: int) -> float:
    """By how much the variance is larger than given, where not even the best shape agrees with the samples (Birge 1932)."""
    limit = chdtri(samples, rules()["poor_fit_probability"]["value"])
    return least_chi2 / samples if least_chi2 > limit else 1.0


@dataclass
class _State:
    """Of all shapes: group and row, ln of the weight, scale (the integral), its sd, chi2."""

    group: np.ndarray
    row: np.ndarray
    log_weights: np.ndarray
    scale: np.ndarray
    scale_sd: np.ndarray
    chi2: np.ndarray


def _first(family: Family, times_h) -> list[_Kindred]:
    groups = []
    curves = first_curves(family, tuple(float(time) for time in times_h))
    for kind, scores, values in zip(family.kinds, first_scores(), curves):
        active = list(kind.scores)
        population = _Normal(len(scores), active, np.zeros(len(active)), np.eye(len(active)))
        groups.append(_Kindred(scores, values, [population], population.log_density(scores)))
    return groups


def _weighted(groups: list[_Kindred], family: Family, activities, sigmas, known: bool) -> _State | None:
    """Likelihood of every shape, its scale integrated out; shapes of no weight are dropped from the groups."""
    values = np.concatenate([group.curves for group in groups])
    log_prior = np.concatenate(
        [
            np.log(kind.probability) - 0.5 * (group.scores**2).sum(axis=1) - group.log_density
            for kind, group in zip(family.kinds, groups)
        ]
    )
    precision = 1.0 / sigmas**2
    squares = (values * values) @ precision
    products = values @ (precision * activities)
    usable = (products > 0) & (squares > _SMALLEST_SQUARE)
    if not usable.any():
        return None
    squares, products = np.where(usable, squares, 1.0), np.where(usable, products, 1.0)
    scale = products / squares
    chi2 = np.maximum((precision * activities**2).sum() - products * scale, 0.0)
    variance = 1.0 / squares
    if known:
        log_likelihood = -0.5 * chi2
    else:
        nominal, count = shape_data()["unknown_noise_freedom"]["value"], len(activities) - 1
        log_likelihood = -0.5 * (nominal + count) * np.log1p(chi2 / nominal)
        variance = variance * (nominal + chi2) / (nominal + count)
    # an even prior of ln(scale), integrated over a normal likelihood of the scale
    log_weights = log_prior + log_likelihood + 0.5 * np.log(variance) - 0.5 * np.log(scale**2 + variance)
    log_weights = np.where(usable, log_weights, -np.inf)
    keep = log_weights > log_weights.max() - _NEGLIGIBLE
    sizes = [len(group.scores) for group in groups]
    group_of = np.repeat(np.arange(len(groups)), sizes)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    for index, group in enumerate(groups):
        own = keep[starts[index] : starts[index + 1]]
        group.scores, group.curves, group.log_density = group.scores[own], group.curves[own], group.log_density[own]
    group_of = group_of[keep]
    rows = np.concatenate([np.arange(len(group.scores)) for group in groups])
    return _State(group_of, rows, log_weights[keep], scale[keep], np.sqrt(variance[keep]), chi2[keep])


def _effective(log_weights: np.ndarray) -> float:
    weights = np.exp(log_weights - log_weights.max())
    return float(weights.sum() ** 2 / (weights**2).sum())


def _tempered(log_weights: np.ndarray, wanted: float) -> np.ndarray:
    """The weights to the largest power of at most 1 that leaves ``wanted`` effective shapes, or as many as there are."""
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _effective(middle * log_weights) >= wanted else (low, middle)
    return (low or high) * log_weights


def _refine(groups: list[_Kindred], state: _State, family: Family, times_h: np.ndarray, turn: int) -> None:
    """Draw more shapes of each kind that matters, from a normal density around those that agree with the samples."""
    log_weights = state.log_weights if _effective(state.log_weights) >= 60 else _tempered(state.log_weights, 60)
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    for index, (kind, group) in enumerate(zip(family.kinds, groups)):
        own = state.group == index
        mass = weights[own].sum()
        if mass < _SMALLEST_MASS:
            continue
        active = list(kind.scores)
        share, points = weights[own] / mass, group.scores[state.row[own]][:, active]
        center = share @ points
        spread = (points - center).T @ ((points - center) * share[:, None])
        factor = np.linalg.cholesky(1.42 * spread + 1e-8 * np.eye(len(active)))
        _draw(group, kind, family, times_h, center, factor, turn)


def _seed(groups: list[_Kindred], family: Family, times_h: np.ndarray, fitted: dict[int, float]) -> None:
    """Draw shapes of each kind around the fitted curve; what it does not tell as in the population."""
    for kind, group in zip(family.kinds, groups):
        if fitted and set(fitted) <= set(kind.scores):
            center = np.array([fitted.get(index, 0.0) for index in kind.scores])
            _draw(group, kind, family, times_h, center, np.diag([0.5 if index in fitted else 1.0 for index in kind.scores]), 0)


def _draw(group: _Kindred, kind: Kind, family: Family, times_h: np.ndarray, center, factor, turn: int) -> None:
    """Add shapes of a kind from the normal density of this center and triangular factor."""
    active = list(kind.scores)
    normals = sobol_normals(len(active) + 1, _LOG_DRAWS)[:, 1:]
    # each turn moves the points, so that none repeats those of the one before
    normals = normals * (1.0 - 2.0 * (turn % 2)) + 0.05 * turn
    drawn = np.zeros((len(normals), group.scores.shape[1]))
    drawn[:, active] = center + normals @ factor.T
    new = _Normal(len(drawn), active, center + 0.05 * turn * factor.sum(axis=1), np.linalg.inv(factor))
    group.proposals.append(new)
    of_drawn = group.proposals[0].log_density(drawn)
    for proposal in group.proposals[1:]:
        of_drawn = np.logaddexp(of_drawn, proposal.log_density(drawn))
    group.log_density = np.concatenate([np.logaddexp(group.log_density, new.log_density(group.scores)), of_drawn])
    group.curves = np.concatenate([group.curves, family.curves(kind, drawn, times_h)])
    group.scores = np.concatenate([group.scores, drawn])


def _summary(scale, scale_sd, weights, estimate: float) -> Interval:
    """Quantiles of the scales, each blurred by its own noise."""
    nodes = int(np.clip(8192 // len(scale), 1, 16))
    offset = (np.arange(len(scale)) * 0.6180339887498949) % 1.0
    scores = ndtri((offset[:, None] + np.arange(nodes) + 1e-9) / (nodes + 2e-9))
    values = np.maximum(scale[:, None] + scale_sd[:, None] * scores, 0.0).ravel()
    shares = np.repeat(weights / nodes, nodes)
    order = np.argsort(values)
    values, cumulated = values[order], np.cumsum(shares[order]) - 0.5 * shares[order]
    outside = 0.5 * (1 - shape_data()["coverage"]["value"])
    low, median, high = np.interp([outside, 0.5, 1 - outside], cumulated, values)
    deviation = float(np.sqrt((weights * ((scale - estimate) ** 2 + scale_sd**2)).sum()))
    return Interval(float(low), float(high), float(median), deviation, float(1 / (weights**2).sum()))


def with_model_error(fit: KineticFit, samples: Samples, row: int, population: PopulationPrior | None) -> KineticFit:
    """The fit with the interval that its samples leave, and its uncertainty widened to it.

    Each side of the interval is at least what the fit's own uncertainty makes of it, but not more than all shapes together say. One
    standard uncertainty is the larger side over the factor of the coverage: then also plus or minus two of it hold the interval.
    More samples than parameters that lie on the curve to the last digit show no other shape: what was given counts alone.
    """
    own, tia = fit.tia_uncertainty_mbq_h, fit.tia_mbq_h
    if own is not None and tia > 0 and _lies_on_the_curve(fit, samples, row):
        side = coverage_factor() * own
        return widened(fit, Interval(tia - side, tia + side, tia, own, 0.0))
    return with_family(fit, samples, row, family_of(fit.decay_constant_per_h, population))


def _lies_on_the_curve(fit: KineticFit, samples: Samples, row: int) -> bool:
    """Whether samples beyond those that the curve needs differ from it by rounding only, as computed ones do and measured ones never."""
    signal = float(((samples.activities_mbq[row] / samples.sigmas_mbq[row]) ** 2).sum())
    return fit.degrees_of_freedom > 0 and fit.chi2 is not None and fit.chi2 <= ROUNDING * signal


def with_family(fit: KineticFit, samples: Samples, row: int, family: Family) -> KineticFit:
    """As ``with_model_error``, over a family of one's own."""
    if fit.tia_uncertainty_mbq_h is None or not fit.tia_mbq_h > 0:
        return fit
    activities, sigmas = samples.activities_mbq[row], samples.sigmas_mbq[row]
    found = interval_of(
        family, samples.times_h, activities, sigmas, samples.known, fit.tia_mbq_h, (fit.amplitudes_mbq, fit.rates_per_h)
    )
    return fit if found is None else widened(fit, found)


def coverage_factor() -> float:
    """Standard deviations of a normal distribution that hold the coverage: 1.96 for 95 %."""
    return float(ndtri(0.5 + 0.5 * shape_data()["coverage"]["value"]))


def widened(fit: KineticFit, found: Interval) -> KineticFit:
    """The fit with the low and high ends, the model part and the whole uncertainty."""
    own, tia, factor = fit.tia_uncertainty_mbq_h, fit.tia_mbq_h, coverage_factor()
    least = factor * min(own, found.deviation)
    low, high = max(min(found.low, tia - least), 0.0), max(found.high, tia + least)
    total = max(own, (tia - low) / factor, (high - tia) / factor)
    coverage = shape_data()["coverage"]["value"]
    model = float(np.sqrt(max(total**2 - own**2, 0.0)))
    texts = fit.warnings
    if model > rules()["few_points_error_warning"]["value"] * tia:
        texts = (*texts, warned("tia_interval_wide", low=low, high=high, coverage=coverage, remedy=_missing_scan(fit)))
    return replace(
        fit,
        tia_uncertainty_mbq_h=total,
        tia_fit_uncertainty_mbq_h=own,
        tia_model_uncertainty_mbq_h=model,
        tia_low_mbq_h=low,
        tia_high_mbq_h=high,
        tia_coverage=coverage,
        warnings=texts,
    )


def _missing_scan(fit: KineticFit) -> str:
    """Where one more scan would say most, in words."""
    first, last = min(fit.times_h), max(fit.times_h)
    if fit.tail_share > rules()["tail_share_warning"]["value"]:
        return f"later than {last:.3g} h"
    return f"before {first:.3g} h" if first > _EARLY_H else "between the others"


_EARLY_H = 6.0
