"""Each voxel the best of mono-exponential, uptake and clearance, and bi-exponential, by AICc and the admission rules.

The same candidates, criterion and rules as for a region (see ``selection``), written for voxels side by side.
"""

import math
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.kinetics.models import get_model, rules
from RNTDosimetryLib.kinetics.priors import general_rate
from RNTDosimetryLib.kinetics.voxel_engines import BlockFit, MonoEngine
from RNTDosimetryLib.kinetics.voxel_pairs import HeldRate, PairBlock, PairSearch
from RNTDosimetryLib.kinetics.voxel_series import VoxelNoise

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


def pair_candidate(name: str, code: int, times_h, noise: VoxelNoise, decay_constant_per_h: float, fastest_per_h: float) -> PairCandidate:
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
        limits = rules()
        self.largest_cv = limits["largest_coefficient_of_variation"]["value"]
        self.largest_correlation = limits["largest_correlation"]["value"]
        self.well_known_cv = limits["well_known_coefficient_of_variation"]["value"]
        self.least_gain = limits["least_gain_of_held_models"]["value"]

    def _enough_samples(self, candidate: PairCandidate) -> bool:
        held = candidate.search.held is not None
        if self.count < max(candidate.free_parameters, 3 if held else 1):
            return False
        return candidate.free_parameters <= _MONO_PARAMETERS or self._freedom(candidate.free_parameters) > 0

    def _freedom(self, free_parameters: int) -> int:
        """N - K - 1, K counting the variance when it is unknown."""
        return self.count - free_parameters - (0 if self.known else 1) - 1

    def _penalty(self, free_parameters: int) -> float:
        """2K + 2K(K+1)/(N-K-1), the second term only where the samples are enough for it."""
        k, freedom = free_parameters + (0 if self.known else 1), self._freedom(free_parameters)
        return 2 * k + (2 * k * (k + 1) / freedom if freedom > 0 else 0)

    def _misfit(self, chi2: np.ndarray, smallest) -> np.ndarray:
        return chi2 if self.known else self.count * np.log(np.maximum(chi2, smallest) / self.count)

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
        nominal = self.noise.nominal_variance(whitened).astype(float)
        signal = np.einsum("tv,tv->v", whitened, whitened)
        smallest = np.maximum(_PERFECT * signal, 1e-30) / nominal
        simplest = self._misfit(mono.residual_sum / nominal, smallest) + self._penalty(_MONO_PARAMETERS)
        best = simplest.copy()
        imperfect = (mono.residual_sum / nominal > smallest) & (signal > 0)
        for candidate in self.candidates:
            held = candidate.search.held is not None
            penalty = self._penalty(candidate.free_parameters)
            limit = np.minimum(best, simplest - self.least_gain) if held else best
            voxels = np.flatnonzero(imperfect & (limit > penalty) if self.known else imperfect)
            if voxels.size == 0:
                continue
            ceiling = nominal[voxels] * self._ceiling(limit[voxels] - penalty, held)
            block = candidate.search.fit(np.ascontiguousarray(whitened[:, voxels]), nominal[voxels], ceiling)
            chi2 = block.residual_sum / nominal[voxels]
            least = float(self.count) if held and candidate.parameter_count >= self.count else smallest[voxels]
            criterion = self._misfit(chi2, least) + block.penalty + penalty
            scale = self.noise.variance(nominal[voxels], block.residual_sum, self.count - candidate.free_parameters)
            better = np.flatnonzero(block.possible & (criterion < limit[voxels]))
            chosen = _selected(block, better)
            covariance = chosen.covariance(scale[better])
            admitted = np.ones(better.size, dtype=bool)
            if candidate.free_parameters > _MONO_PARAMETERS:
                admitted = self._clear(chosen, covariance, candidate)
            winners = voxels[better[admitted]]
            best[winners] = criterion[better[admitted]]
            self._replace(result, winners, _selected(chosen, admitted), covariance[..., admitted], candidate)
        return result

    def _clear(self, block: PairBlock, covariance: np.ndarray, candidate: PairCandidate) -> np.ndarray:
        """Coefficients of variation and correlations within the limits, over the parameters that no population holds.

        The amplitude of an exponential counts at the centre of the samples that carry it, and a correlation only where one of the two is
        not well known, as in ``selection``.
        """
        size = 1 if candidate.search.from_zero else 2
        values = np.concatenate([block.amplitudes[:size], block.rates_per_h])
        covariance = covariance.copy()
        for index in range(size):
            carried = np.exp(-self.times_h[:, None] * block.rates_per_h[index])
            if candidate.search.from_zero:
                carried -= np.exp(-self.times_h[:, None] * block.rates_per_h[1])
            shape = (carried / self.noise.shape[:, None]) ** 2
            centre = self.times_h @ shape / np.maximum(shape.sum(axis=0), 1e-300)
            fall = np.exp(-block.rates_per_h[index] * centre)
            slope = -values[index] * centre * fall
            covariance[index] = fall * covariance[index] + slope * covariance[size + index]
            covariance[:, index] = fall * covariance[:, index] + slope * covariance[:, size + index]
            values[index] *= fall
        free = size + (1 if candidate.search.held is not None else 2)
        spread = np.sqrt(np.maximum(np.einsum("ppv->pv", covariance), 0))[:free]
        magnitude = np.abs(values[:free])
        vague = spread > self.well_known_cv * magnitude
        counts = (vague[:, None] | vague[None]) & ~np.eye(free, dtype=bool)[:, :, None]
        correlation = np.abs(covariance[:free, :free]) / np.maximum(spread[:, None] * spread[None], 1e-300) * counts
        return (spread <= self.largest_cv * magnitude).all(axis=0) & (correlation <= self.largest_correlation).all(axis=(0, 1))

    def _replace(self, result: BlockFit, voxels: np.ndarray, block: PairBlock, covariance: np.ndarray, candidate: PairCandidate) -> None:
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
