"""The ways to fit one block of voxels; each turns (time, voxel) samples in Bq/mL into a ``BlockFit``."""

import math
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.kinetics.voxels.rates import MonoBlock, MonoSearch
from RNTDosimetryLib.kinetics.voxels.series import VoxelNoise
from RNTDosimetryLib.kinetics.voxels.shared import SharedShape, SharedSolver


@dataclass(frozen=True)
class BlockFit:
    """Result of one block, each (voxel,): TIA and its uncertainty in Bq*h/mL, tail is the TIA after the last time.

    tia_uncertainty is None when neither the noise nor enough residuals are known. code: 0 where the TIA is zero. assumed_noise: voxels
    whose curve meets every sample, so that their uncertainty rests on the nominal one; None where there are no such curves.
    """

    tia: np.ndarray
    tia_uncertainty: np.ndarray | None
    tail: np.ndarray
    code: np.ndarray
    half_life_h: np.ndarray
    at_bound: np.ndarray
    assumed_noise: np.ndarray | None = None


class SharedEngine:
    """Rates given, amplitudes free: also physical decay alone and a single time with a known half-life."""

    def __init__(self, shape: SharedShape, code: int, times_h: np.ndarray, noise: VoxelNoise):
        self.solver, self.noise, self.code = SharedSolver(shape, times_h, noise.shape), noise, code
        self.freedom = len(times_h) - len(shape.columns)
        self.half_life_h = math.log(2) / min(shape.rates_per_h)
        factors = np.exp(-np.asarray(shape.rates_per_h) * times_h[-1]) / np.asarray(shape.rates_per_h)
        self.tail_weights = np.asarray(shape.columns) @ factors

    def fit(self, samples: np.ndarray) -> BlockFit:
        whitened = self.noise.whiten(samples)
        amplitudes, variance, from_rates, residual_sum = self.solver.fit(whitened)
        scale = self.noise.variance(self.noise.nominal_variance(whitened), residual_sum, self.freedom)
        unit = self.noise.unit_bq_ml
        tia = self.solver.tia_weights @ amplitudes * unit
        return BlockFit(
            tia=tia,
            tia_uncertainty=None if scale is None else np.sqrt(variance * scale + from_rates) * unit,
            tail=self.tail_weights @ amplitudes * unit,
            code=np.where(tia > 0, self.code, 0).astype(np.uint8),
            half_life_h=np.where(tia > 0, self.half_life_h, 0),
            at_bound=np.zeros(tia.shape, dtype=bool),
        )


class MonoEngine:
    """Each voxel its own mono-exponential."""

    def __init__(self, code: int, times_h: np.ndarray, noise: VoxelNoise, slowest_per_h: float, fastest_per_h: float):
        self.search, self.noise, self.code = MonoSearch(times_h, noise.shape, slowest_per_h, fastest_per_h), noise, code
        self.freedom, self.last_h = len(times_h) - 2, np.float32(times_h[-1])

    def fit(self, samples: np.ndarray) -> BlockFit:
        return self.fit_whitened(self.noise.whiten(samples))[1]

    def fit_whitened(self, whitened: np.ndarray) -> tuple[MonoBlock, BlockFit]:
        block = self.search.fit(whitened)
        scale = self.noise.variance(self.noise.nominal_variance(whitened), block.residual_sum, self.freedom)
        unit = np.float32(self.noise.unit_bq_ml)
        tia = block.tia_h * unit
        positive = tia > 0
        return block, BlockFit(
            tia=tia,
            tia_uncertainty=None if scale is None else np.sqrt(block.tia_variance_factor * scale) * unit,
            tail=tia * np.exp(-block.rate_per_h * self.last_h),
            code=np.where(positive, self.code, 0).astype(np.uint8),
            half_life_h=np.where(positive, np.float32(math.log(2)) / block.rate_per_h, 0),
            at_bound=positive & block.at_bound,
        )
