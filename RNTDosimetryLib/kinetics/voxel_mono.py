"""Mono-exponential of every voxel: a grid of rates as one matrix product, then Newton steps on the projected residual."""

import math
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.kinetics.voxel_series import products_of

GRID_STEP = 0.09
"""Step of ln(rate) between grid points; the Newton steps start within half of it."""

_CHUNK_VOXELS = 4096
_NEWTON_STEPS = 5
_SMALLEST_CURVATURE = np.float32(0.1)
_SMALLEST = np.float32(1e-30)
_LARGEST_LEVER = np.float32(1e12)


@dataclass(frozen=True)
class MonoBlock:
    """Result of one block, each (voxel,) float32. Amplitudes are at the first time, in the unit of the noise."""

    rate_per_h: np.ndarray
    amplitude: np.ndarray
    residual_sum: np.ndarray
    tia_h: np.ndarray
    tia_variance_factor: np.ndarray
    at_bound: np.ndarray


class MonoSearch:
    """Mono-exponential A exp(-rate t), A >= 0 and slowest <= rate <= fastest, for samples divided by their noise shape.

    For a given rate the best amplitude is a projection on the unit vector u(rate), and the residual is smallest where
    u(rate) . y is largest. So the grid is one product, and where the product is nowhere positive the amplitude is zero.
    """

    def __init__(self, times_h: np.ndarray, noise_shape: np.ndarray, slowest_per_h: float, fastest_per_h: float):
        self.first_h = float(times_h[0])
        self.delays_h = (times_h - times_h[0]).astype(np.float32)
        self.inverse_shape = (1.0 / noise_shape).astype(np.float32)
        self.slowest, self.fastest = np.float32(slowest_per_h), np.float32(fastest_per_h)
        steps = max(1, math.ceil(math.log(fastest_per_h / slowest_per_h) / GRID_STEP))
        self.rates = np.geomspace(slowest_per_h, fastest_per_h, steps + 1)
        self.ratio = np.float32((fastest_per_h / slowest_per_h) ** (1.0 / steps))
        basis = np.exp(-np.outer(times_h - times_h[0], self.rates)) / noise_shape[:, None]
        self.unit_basis = (basis / np.linalg.norm(basis, axis=0)).astype(np.float32)
        self.moments = np.stack([np.ones_like(self.delays_h), self.delays_h, self.delays_h**2])

    def fit(self, whitened: np.ndarray) -> MonoBlock:
        """whitened: (time, voxel) float32."""
        best = [
            np.argmax(products_of(whitened[:, at : at + _CHUNK_VOXELS], self.unit_basis), axis=1)
            for at in range(0, whitened.shape[1], _CHUNK_VOXELS)
        ]
        start = self.rates[np.concatenate(best)].astype(np.float32)
        low = np.maximum(start / self.ratio, self.slowest)
        high = np.minimum(start * self.ratio, self.fastest)
        rate = start
        for _ in range(_NEWTON_STEPS):
            rate = np.clip(rate + self._newton_step(whitened, rate), low, high)
        return self._result(whitened, rate)

    def _basis(self, rate: np.ndarray) -> np.ndarray:
        return np.exp(-self.delays_h[:, None] * rate) * self.inverse_shape[:, None]

    def _newton_step(self, whitened: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """Newton on ln(u . y): its derivatives are differences of the mean and variance of time under e^2 and under e y."""
        basis = self._basis(rate)
        norm, norm_1, norm_2 = self.moments @ (basis * basis)
        product, product_1, product_2 = self.moments @ (basis * whitened)
        usable = product > _SMALLEST
        product = np.where(usable, product, 1.0)
        mean_p, mean_q = norm_1 / norm, product_1 / product
        variance_p = np.maximum(norm_2 / norm - mean_p**2, _SMALLEST)
        variance_q = product_2 / product - mean_q**2
        # Where the residual is flat or curved the wrong way a long step is taken; it ends at the neighbouring grid points.
        curvature = np.minimum(variance_q - 2 * variance_p, -_SMALLEST_CURVATURE * variance_p)
        return np.where(usable, (mean_q - mean_p) / curvature, 0.0).astype(np.float32)

    def _result(self, whitened: np.ndarray, rate: np.ndarray) -> MonoBlock:
        basis = self._basis(rate)
        norm, norm_1, norm_2 = self.moments @ (basis * basis)
        amplitude = np.maximum(np.einsum("tv,tv->v", basis, whitened) / norm, 0)
        residual = whitened - amplitude * basis
        mean = norm_1 / norm
        variance = np.maximum(norm_2 / norm - mean**2, _SMALLEST)
        per_amplitude = np.exp(rate * np.float32(self.first_h)) / rate
        at_bound = rate <= self.slowest * np.float32(1 + 1e-6)
        # Linear propagation with both parameters, also with the rate at physical decay: a wide answer rather than a narrow one.
        lever = np.minimum((mean + np.float32(self.first_h) - 1 / rate) ** 2 / variance, _LARGEST_LEVER)
        lever[rate >= self.fastest] = 0
        return MonoBlock(
            rate_per_h=rate,
            amplitude=amplitude,
            residual_sum=np.einsum("tv,tv->v", residual, residual),
            tia_h=amplitude * per_amplitude,
            tia_variance_factor=per_amplitude**2 / norm * (1 + lever),
            at_bound=at_bound,
        )
