"""Each voxel the best of mono-exponential, uptake and clearance, and bi-exponential, by AICc and the admission rules."""

import math
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.kinetics.models import rules
from RNTDosimetryLib.kinetics.voxel_engines import BlockFit, MonoEngine
from RNTDosimetryLib.kinetics.voxel_pairs import PairBlock, PairSearch
from RNTDosimetryLib.kinetics.voxel_series import VoxelNoise

_PERFECT = 1e-12
"""Residuals under this share of the signal are rounding of the float32 samples; the simpler model then stays."""


@dataclass(frozen=True)
class PairCandidate:
    """A curve of two exponentials that may replace the mono-exponential of a voxel."""

    search: PairSearch
    code: int
    parameter_count: int


class AutoEngine:
    """The mono-exponential is always admitted. A richer curve replaces it where its AICc is lower and it is admitted.

    Admitted: enough samples (N - K - 1 > 0), every parameter's coefficient of variation and every correlation within
    the limits of Resources/kinetics/rules.json. Voxels whose mono-exponential no fit could beat are not fitted again.
    """

    def __init__(self, mono: MonoEngine, candidates: tuple[PairCandidate, ...], times_h: np.ndarray, noise: VoxelNoise):
        self.mono, self.noise, self.times_h = mono, noise, times_h
        self.count, self.known = len(times_h), noise.known != "residuals"
        self.candidates = tuple(item for item in candidates if self._penalty(item.parameter_count) is not None)
        self.nominal_variance = np.float32(rules()["nominal_relative_uncertainty"]["value"] ** 2)
        self.largest_cv = rules()["largest_coefficient_of_variation"]["value"]
        self.largest_correlation = rules()["largest_correlation"]["value"]

    def _penalty(self, parameter_count: int) -> float | None:
        """2K + 2K(K+1)/(N-K-1), K counting the variance when it is unknown; None without the samples for it."""
        k = parameter_count + (0 if self.known else 1)
        return 2 * k + 2 * k * (k + 1) / (self.count - k - 1) if self.count - k - 1 > 0 else None

    def _misfit(self, residual_sum: np.ndarray, scale: np.ndarray | None, floor: np.ndarray) -> np.ndarray:
        if scale is not None:
            return residual_sum / scale
        return self.count * np.log(np.maximum(residual_sum, floor) / self.count)

    def fit(self, samples: np.ndarray) -> BlockFit:
        whitened = samples * self.mono.whitening
        simple, result = self.mono.fit_whitened(whitened)
        penalty = self._penalty(2)
        if penalty is None or not self.candidates:
            return result
        scale = self.noise.variance_scale(whitened)
        floor = np.maximum(_PERFECT * np.einsum("tv,tv->v", whitened, whitened), 1e-30)
        best = self._misfit(simple.residual_sum, scale, floor) + penalty
        imperfect = simple.residual_sum > floor
        for candidate in self.candidates:
            penalty = self._penalty(candidate.parameter_count)
            lowest = penalty if self.known else -np.inf
            voxels = np.flatnonzero(imperfect & (best > lowest))
            if voxels.size == 0:
                continue
            part = np.ascontiguousarray(whitened[:, voxels])
            part_scale = None if scale is None else scale[voxels]
            block = candidate.search.fit(part, self.nominal_variance * np.mean(part * part, axis=0) if scale is None else part_scale)
            aicc = self._misfit(block.residual_sum, part_scale, floor[voxels]) + block.penalty + penalty
            if part_scale is None:
                part_scale = block.residual_sum / (self.count - candidate.parameter_count)
            chosen = (aicc < best[voxels]) & self._admitted(block, part_scale, candidate.search.from_zero)
            best[voxels[chosen]] = aicc[chosen]
            self._replace(result, voxels[chosen], block, chosen, part_scale, candidate)
        return result

    def _admitted(self, block: PairBlock, scale: np.ndarray, from_zero: bool) -> np.ndarray:
        values = np.concatenate([block.amplitudes[: 1 if from_zero else 2], block.rates_per_h])
        variance = np.einsum("ppv->pv", block.covariance)
        identified = (scale * variance <= (self.largest_cv * values) ** 2).all(axis=0)
        spread = np.sqrt(np.where(variance > 0, variance, 1.0))
        correlation = np.abs(block.covariance) / (spread[:, None] * spread[None])
        correlation[np.arange(len(values)), np.arange(len(values))] = 0
        return block.possible & identified & (correlation <= self.largest_correlation).all(axis=(0, 1))

    def _replace(self, result: BlockFit, voxels, block: PairBlock, chosen, scale, candidate: PairCandidate) -> None:
        amplitudes, rates = block.amplitudes[:, chosen], block.rates_per_h[:, chosen]
        per_amplitude = [1 / rates[0] - 1 / rates[1]] if candidate.search.from_zero else [1 / rates[0], 1 / rates[1]]
        slopes = np.stack([*per_amplitude, *(-amplitudes / rates**2)])
        variance = np.einsum("pv,pqv,qv->v", slopes, block.covariance[:, :, chosen], slopes) * scale[chosen]
        result.tia[voxels] = (amplitudes / rates).sum(axis=0)
        if result.tia_uncertainty is not None:
            result.tia_uncertainty[voxels] = np.sqrt(np.maximum(variance, 0))
        result.tail[voxels] = (amplitudes / rates * np.exp(-rates * self.times_h[-1])).sum(axis=0)
        result.code[voxels] = candidate.code
        result.half_life_h[voxels] = math.log(2) / rates[0]
        result.at_bound[voxels] = block.at_bound[0, chosen]
