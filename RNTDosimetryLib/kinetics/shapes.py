"""The family of curve shapes that samples cannot exclude: one main phase of clearance, slower and faster ones beside it, uptake before.

A shape is a point of independent standard normal scores, so that the population is one plain density whatever the tissue is. The
scores, in this order: main rate, uptake rate, slower rate, its share, faster rate, its share. Eight kinds of curves: with or without
a slower phase, a faster one, uptake. Points are Sobol's, so that the same samples always give the same answer.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.special import expit, ndtri
from scipy.stats import qmc

from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.kinetics.priors import PopulationPrior

SCORES = 6
FARTHEST = 8.0
"""No score lies farther from 0 than this."""
_MAIN, _UPTAKE, _SLOW, _FAST = (0,), (1,), (2, 3), (4, 5)
_LOG_SIZES = {1: 8, 2: 9}
_LOG_SIZE = 11
"""log2 of the number of shapes of a kind, by its scores: 2048, fewer where one or two scores are enough to fill."""


@lru_cache(maxsize=1)
def shape_data() -> dict:
    """Resources/kinetics/shapes.json."""
    return read_json("kinetics", "shapes.json")


@dataclass(frozen=True)
class Kind:
    """One kind of curve. scores: which of the six it has; probability: its weight before any sample."""

    scores: tuple[int, ...]
    probability: float


@lru_cache(maxsize=2)
def kinds(half_life_known: bool = False) -> tuple[Kind, ...]:
    """The eight kinds of curves, in the same order whether the tissue's half-life is known beforehand or not."""
    given = shape_data()["probability_with_half_life" if half_life_known else "probability"]
    phases = (
        (_MAIN, "main_alone"),
        (_MAIN + _SLOW, "with_slow"),
        (_MAIN + _FAST, "with_fast"),
        (_MAIN + _SLOW + _FAST, "with_both"),
    )
    found = []
    for scores, name in phases:
        found.append(Kind(scores, given[name] * (1 - given["uptake"])))
        found.append(Kind(tuple(sorted(scores + _UPTAKE)), given[name] * given["uptake"]))
    return tuple(found)


@dataclass(frozen=True)
class Spread:
    """Log-normal biological rates: median per hour, and the standard deviation of the logarithm below and above it."""

    median_per_h: float
    log_sd_slower: float
    log_sd_faster: float

    def score(self, rate_per_h: float) -> float:
        """The score of a rate, at most ``FARTHEST`` from 0."""
        steps = math.log(max(rate_per_h, 1e-12) / self.median_per_h)
        return min(max(steps / (self.log_sd_faster if steps > 0 else self.log_sd_slower), -FARTHEST), FARTHEST)

    def rates(self, scores: np.ndarray) -> np.ndarray:
        return self.median_per_h * np.exp(np.where(scores > 0, self.log_sd_faster, self.log_sd_slower) * scores)


@dataclass(frozen=True)
class Family:
    """The population of shapes of a tissue: spreads of the main and the uptake rate, and physical decay.

    half_life_known: the main rate is this tissue's or this patient's, not that of all tissues.
    """

    decay_constant_per_h: float
    main: Spread
    uptake: Spread
    half_life_known: bool = False

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return kinds(self.half_life_known)

    def scores_of(self, amplitudes, rates_per_h) -> dict[int, float]:
        """Where a fitted curve lies: index of a score -> score, for those that its exponentials tell, slowest first."""
        found = {}
        slowest = None
        for amplitude, rate in sorted(zip(amplitudes, rates_per_h), key=lambda item: item[1]):
            if amplitude > 0 and slowest is None:
                slowest = amplitude, rate - self.decay_constant_per_h
                found[_MAIN[0]] = self.main.score(slowest[1])
            elif amplitude > 0 and _FAST[0] not in found:
                data = shape_data()
                ratio = math.log(max((rate - self.decay_constant_per_h) / max(slowest[1], 1e-12), 1.001))
                ratio = math.log(ratio / data["fast_phase_rate"]["log_ratio_to_main"]) / data["fast_phase_rate"]["log_sd"]
                share = math.log(amplitude / slowest[0]) - _logit(data["fast_phase_share"]["share"])
                for index, score in zip(_FAST, (ratio, share / data["fast_phase_share"]["logit_sd"])):
                    found[index] = min(max(score, -FARTHEST), FARTHEST)
            elif amplitude < 0 and slowest is not None:
                found[_UPTAKE[0]] = self.uptake.score(rate - slowest[1] - self.decay_constant_per_h)
        return found

    def curves(self, kind: Kind, scores: np.ndarray, times_h: np.ndarray) -> np.ndarray:
        """(n, t): activities at times_h of curves whose integral over all time is 1, for scores (n, 6)."""
        data = shape_data()
        main = self.main.rates(scores[:, 0])
        phases = [(main, np.ones(len(main)))]
        if _SLOW[0] in kind.scores:
            slow, share = data["slow_phase_rate"], data["slow_phase_share"]
            phases.append(
                (
                    main * expit(_logit(slow["share_of_main_rate"]) + slow["logit_sd"] * scores[:, 2]),
                    np.exp(_logit(share["share"]) + share["logit_sd"] * scores[:, 3]),
                )
            )
        if _FAST[0] in kind.scores:
            fast, share = data["fast_phase_rate"], data["fast_phase_share"]
            ratio = np.minimum(fast["log_ratio_to_main"] * np.exp(fast["log_sd"] * scores[:, 4]), _LARGEST_LOG_RATIO)
            phases.append((main * np.exp(ratio), np.exp(_logit(share["share"]) + share["logit_sd"] * scores[:, 5])))
        uptake = self.uptake.rates(scores[:, 1]) if _UPTAKE[0] in kind.scores else None
        values, area = 0.0, 0.0
        for biological, amplitude in phases:
            rate = biological + self.decay_constant_per_h
            values = values + amplitude[:, None] * np.exp(-rate[:, None] * times_h)
            area = area + amplitude * (1 / rate if uptake is None else uptake / (rate * (rate + uptake)))
        if uptake is not None:
            values = values * -np.expm1(-uptake[:, None] * times_h)
        return values / area[:, None]


_LARGEST_LOG_RATIO = 12.0


def family_of(decay_constant_per_h: float, population: PopulationPrior | None) -> Family:
    """The family of a tissue: its own rates where the population has them, else the wide general ones."""
    data = shape_data()
    general = data["clearance"]
    main = Spread(math.log(2.0) / general["biological_half_life_h"], general["log_sd_longer"], general["log_sd_shorter"])
    if population is not None and population.clearance is not None:
        main = Spread(population.clearance.median_per_h, population.clearance.log_sd, population.clearance.log_sd)
    uptake = Spread(math.log(2.0) / data["uptake"]["biological_half_life_h"], data["uptake"]["log_sd"], data["uptake"]["log_sd"])
    if population is not None and population.uptake is not None:
        uptake = Spread(population.uptake.median_per_h, population.uptake.log_sd, population.uptake.log_sd)
    return Family(decay_constant_per_h, main, uptake, population is not None and population.clearance is not None)


def family_of_half_life(decay_constant_per_h: float, half_life_h: float, log_sd: float) -> Family:
    """The family whose main phase has this effective half-life and the spread log_sd of its logarithm, up to physical decay itself.

    The biological rates are log-normal above and below their median so that one standard deviation is that of the half-life.
    """
    rate = math.log(2.0) / half_life_h
    median = max(rate - decay_constant_per_h, _LEAST_BIOLOGICAL_SHARE * decay_constant_per_h)
    faster = math.log((rate * math.exp(log_sd) - decay_constant_per_h) / median)
    slower = rate * math.exp(-log_sd) - decay_constant_per_h
    slower = math.log(median / max(slower, 0.1 * _LEAST_BIOLOGICAL_SHARE * decay_constant_per_h, 1e-3 * median))
    main = Spread(median, max(slower, log_sd), max(faster, log_sd))
    return replace(family_of(decay_constant_per_h, None), main=main, half_life_known=True)


_LEAST_BIOLOGICAL_SHARE = 0.03
"""Of physical decay: a biological rate below this cannot be told from none."""


@lru_cache(maxsize=16)
def sobol_normals(dimension: int, log_size: int) -> np.ndarray:
    """(2^log_size, dimension) standard normal scores, evenly filled."""
    size = 2**log_size
    points = qmc.Sobol(dimension, scramble=False).random_base2(log_size) + 0.5 / size
    return ndtri(points)


@lru_cache(maxsize=1)
def first_scores() -> tuple[np.ndarray, ...]:
    """For each kind its scores (n, 6), 0 where the kind has none."""
    found = []
    for kind in kinds():
        normals = sobol_normals(len(kind.scores), _LOG_SIZES.get(len(kind.scores), _LOG_SIZE))
        scores = np.zeros((len(normals), SCORES))
        scores[:, kind.scores] = normals
        found.append(scores)
    return tuple(found)


@lru_cache(maxsize=12)
def first_curves(family: Family, times_h: tuple[float, ...]) -> tuple[np.ndarray, ...]:
    """For each kind the curves (n, t) of ``first_scores`` at these times."""
    times = np.array(times_h)
    return tuple(family.curves(kind, scores, times) for kind, scores in zip(family.kinds, first_scores()))


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
