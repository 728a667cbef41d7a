"""Each voxel the best of mono-exponential, uptake and clearance, and bi-exponential, by AICc and the admission rules.

The same candidates as for a region; criterion and rules are those of ``admission``, for voxels side by side.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from RNTDosimetryLib.kinetics.models import get_model
from RNTDosimetryLib.kinetics.priors import general_rate
from RNTDosimetryLib.kinetics.selection import (
    determination,
    enough_samples,
    highest_criterion,
    is_richer,
    misfit_term,
    parameter_term,
    residual_freedom,
    smallest_residual,
    times_needed,
)
from RNTDosimetryLib.kinetics.voxels.engines import BlockFit, MonoEngine
from RNTDosimetryLib.kinetics.voxels.rates import HeldRate, PairBlock, PairSearch
from RNTDosimetryLib.kinetics.voxels.series import VoxelNoise

PAIR_MODELS = ("uptake_held", "mono_early_clearance", "uptake", "bi")
"""Curves of two exponentials that may replace the mono-exponential, simplest first."""

_PERFECT = 1e-12
"""Residuals under this share of the signal are rounding of the float32 samples; the simpler model then stays."""

_MONO_PARAMETERS = 2


@dataclass(frozen=True)
class PairCandidate:
    """A curve of two exponentials that may replace the mono-exponential of a voxel. free_parameters: without a held rate."""

    name: str
    code: int
    search: PairSearch
    parameter_count: int
    free_parameters: int


def pair_candidate(
    name: str, code: int, times_h, noise: VoxelNoise, decay_constant_per_h: float, fastest_per_h: float
) -> PairCandidate:
    """The candidate of one of ``PAIR_MODELS``."""
    model = get_model(name)
    held = None
    if any(model.held):
        population = general_rate(model.held[1])
        held = HeldRate(population.median_per_h, population.log_sd, decay_constant_per_h)
        fastest_per_h = max(fastest_per_h, decay_constant_per_h + population.median_per_h * math.exp(5 * population.log_sd))
    search = PairSearch(times_h, noise.shape, decay_constant_per_h, fastest_per_h, model.starts_at_zero, held)
    return PairCandidate(name, code, search, model.parameter_count, model.parameter_count - int(held is not None))


class AutoEngine:
    """The mono-exponential is always admitted. Another curve replaces it where its AICc is lower and it is admitted.

    One with no more free parameters, its further rate held by a population, is not richer and needs no admission.
    Voxels whose curve no fit of a candidate could beat are not fitted again.
    """

    def __init__(self, mono: MonoEngine, candidates: tuple[PairCandidate, ...], times_h: np.ndarray, noise: VoxelNoise):
        self.mono, self.noise, self.times_h = mono, noise, times_h
        self.count, self.known = len(times_h), noise.known != "residuals"
        self.candidates = tuple(item for item in candidates if self._enough_samples(item))

    def _enough_samples(self, candidate: PairCandidate) -> bool:
        free = candidate.free_parameters
        if self.count < times_needed(free, candidate.search.held is not None):
            return False
        return enough_samples(self.count, free, _MONO_PARAMETERS, self.known)

    def _penalty(self, free_parameters: int) -> float:
        return parameter_term(self.count, free_parameters, self.known)

    def _misfit(self, chi2: np.ndarray, smallest) -> np.ndarray:
        return misfit_term(chi2, self.count, self.known, smallest)

    def _ceiling(self, misfit: np.ndarray, held: bool) -> np.ndarray:
        """The chi-squared, with the population's term, above which the misfit is certainly larger than this one."""
        if self.known:
            return misfit
        # A logarithm of the residuals and the population's term do not add up to one sum of squares.
        return np.full(misfit.shape, np.inf) if held else self.count * np.exp(misfit / self.count)

    def fit(self, samples: np.ndarray) -> BlockFit:
        whitened = self.noise.whiten(samples)
        mono, result = self.mono.fit_whitened(whitened)
        if not self.candidates:
            return result
        result = replace(result, assumed_noise=np.zeros(samples.shape[1], dtype=bool))
        nominal = self.noise.nominal_variance(whitened).astype(float)
        signal = np.einsum("tv,tv->v", whitened, whitened)
        smallest = np.maximum(_PERFECT * signal, 1e-30) / nominal
        simplest = self._misfit(mono.residual_sum / nominal, smallest) + self._penalty(_MONO_PARAMETERS)
        best = simplest.copy()
        imperfect = (mono.residual_sum / nominal > smallest) & (signal > 0)
        for candidate in self.candidates:
            held = candidate.search.held is not None
            penalty = self._penalty(candidate.free_parameters)
            limit = np.minimum(best, highest_criterion(simplest, held))
            voxels = np.flatnonzero(imperfect & (limit > penalty) if self.known else imperfect)
            if voxels.size == 0:
                continue
            ceiling = nominal[voxels] * self._ceiling(limit[voxels] - penalty, held)
            block = candidate.search.fit(np.ascontiguousarray(whitened[:, voxels]), nominal[voxels], ceiling)
            chi2 = block.residual_sum / nominal[voxels]
            least = smallest_residual(self.count, candidate.parameter_count, held, smallest[voxels])
            criterion = self._misfit(chi2, least) + block.penalty + penalty
            freedom = residual_freedom(self.count, candidate.free_parameters, candidate.parameter_count, self.known)
            scale = self.noise.variance(nominal[voxels], block.residual_sum, freedom)
            assumed = scale is None
            scale = nominal[voxels] if assumed else scale
            better = np.flatnonzero(block.possible & (criterion < limit[voxels]))
            chosen = _selected(block, better)
            covariance = chosen.covariance(scale[better])
            admitted = np.ones(better.size, dtype=bool)
            if is_richer(candidate.free_parameters, _MONO_PARAMETERS):
                admitted = self._clear(chosen, covariance, candidate)
            winners = voxels[better[admitted]]
            best[winners] = criterion[better[admitted]]
            self._replace(result, winners, _selected(chosen, admitted), covariance[..., admitted], candidate)
            result.assumed_noise[winners] = assumed
        return result

    def _clear(self, block: PairBlock, covariance: np.ndarray, candidate: PairCandidate) -> np.ndarray:
        """(voxel,): the samples determine the parameters that no population holds."""
        from_zero = candidate.search.from_zero
        parameters = np.concatenate([block.amplitudes[: 1 if from_zero else 2], block.rates_per_h])
        free = np.ones(len(parameters), dtype=bool)
        free[-1] = candidate.search.held is None
        weights = 1.0 / self.noise.shape[:, None]
        known = determination(parameters, covariance, free, block.rates_per_h, self.times_h, weights, from_zero)
        return ~known.too_vague & ~known.too_correlated

    def _replace(
        self, result: BlockFit, voxels: np.ndarray, block: PairBlock, covariance: np.ndarray, candidate: PairCandidate
    ) -> None:
        amplitudes, rates = block.amplitudes, block.rates_per_h
        per_amplitude = [1 / rates[0] - 1 / rates[1]] if candidate.search.from_zero else [1 / rates[0], 1 / rates[1]]
        slopes = np.stack([*per_amplitude, *(-amplitudes / rates**2)])
        variance = ((slopes[:, None] * covariance).sum(axis=0) * slopes).sum(axis=0)
        unit = self.noise.unit_bq_ml
        result.tia[voxels] = (amplitudes / rates).sum(axis=0) * unit
        if result.tia_uncertainty is not None:
            result.tia_uncertainty[voxels] = np.sqrt(np.maximum(variance, 0)) * unit
        result.tail[voxels] = (amplitudes / rates * np.exp(-rates * self.times_h[-1])).sum(axis=0) * unit
        result.code[voxels] = candidate.code
        result.half_life_h[voxels] = math.log(2) / rates[0]
        result.at_bound[voxels] = block.at_bound[0]


def _selected(block: PairBlock, voxels: np.ndarray) -> PairBlock:
    return PairBlock(*(part[..., voxels] for part in vars(block).values()))
