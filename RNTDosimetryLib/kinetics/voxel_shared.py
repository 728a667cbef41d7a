"""Curves whose rates are shared by a whole region: amplitudes of every voxel by exact linear least squares."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from RNTDosimetryLib.errors import DosimetryError


@dataclass(frozen=True)
class SharedShape:
    """A curve with fixed rates and free amplitudes.

    rates_per_h: effective rates. columns: one tuple per amplitude with the factor of each exponential, so that
    ((1, -1),) is an uptake curve with one amplitude, and ((1, 0), (0, 1)) a bi-exponential with two.
    """

    rates_per_h: tuple[float, ...]
    columns: tuple[tuple[float, ...], ...]
    name: str = "shared"

    def __post_init__(self):
        rates = np.asarray(self.rates_per_h, dtype=float)
        if rates.ndim != 1 or rates.size == 0 or not np.isfinite(rates).all() or rates.min() <= 0:
            raise DosimetryError(f"Expected positive effective rates per hour, received {self.rates_per_h}; fit the region first.")
        if not self.columns or any(len(column) != rates.size for column in self.columns):
            raise DosimetryError(f"Expected {rates.size} factors per amplitude, one per rate, received {self.columns}; match them.")

    @classmethod
    def free(cls, *rates_per_h: float, name: str = "shared") -> "SharedShape":
        """A sum of exponentials, each with its own amplitude of zero or more."""
        count = len(rates_per_h)
        return cls(tuple(map(float, rates_per_h)), tuple(map(tuple, np.eye(count).tolist())), name)

    def basis(self, times_h: np.ndarray) -> np.ndarray:
        """(time, amplitude)."""
        return np.exp(-np.outer(times_h, self.rates_per_h)) @ np.asarray(self.columns, dtype=float).T

    def tia_per_amplitude(self) -> np.ndarray:
        """(amplitude,) hours: analytic integral from zero to infinity."""
        return np.asarray(self.columns, dtype=float) @ (1.0 / np.asarray(self.rates_per_h))


class SharedSolver:
    """Non-negative least squares of all voxels at once, exact because every set of free amplitudes is tried."""

    def __init__(self, shape: SharedShape, times_h: np.ndarray, noise_shape: np.ndarray):
        self.shape = shape
        self.basis = shape.basis(times_h) / noise_shape[:, None]
        self.tia_weights = shape.tia_per_amplitude()
        count = self.basis.shape[1]
        if np.linalg.matrix_rank(self.basis) < count:
            raise DosimetryError(
                f"Expected at least {count} times that tell the {count} shared curves apart, received {len(times_h)}; "
                "share a simpler curve."
            )
        self.sets = [subset for size in range(count, 0, -1) for subset in combinations(range(count), size)]
        self.solvers = {subset: np.linalg.pinv(self.basis[:, subset]) for subset in self.sets}

    def fit(self, whitened: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Amplitudes (amplitude, voxel), and (voxel,) the variance of the TIA for unit noise and the residual sum."""
        amplitudes = np.zeros((self.basis.shape[1], whitened.shape[1]))
        variance = np.zeros(whitened.shape[1])
        everything = self.sets[0]
        solution = self.solvers[everything] @ whitened
        inside = (solution >= 0).all(axis=0)
        amplitudes[:, inside] = solution[:, inside]
        variance[:] = self._variance(everything)
        if not inside.all():
            outside = np.flatnonzero(~inside)
            amplitudes[:, outside], variance[outside] = self._best_subset(whitened[:, outside])
        residual = whitened - self.basis @ amplitudes
        return amplitudes, variance, np.einsum("tv,tv->v", residual, residual)

    def _variance(self, subset: tuple[int, ...]) -> float:
        return float(np.sum((self.tia_weights[list(subset)] @ self.solvers[subset]) ** 2))

    def _best_subset(self, whitened: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # With no set feasible every amplitude is zero; the variance is then that of the single curve that fits best.
        best = np.zeros(whitened.shape[1])
        amplitudes = np.zeros((self.basis.shape[1], whitened.shape[1]))
        variance = np.full(whitened.shape[1], min(self._variance(subset) for subset in self.sets if len(subset) == 1))
        for subset in self.sets[1:]:
            solution = self.solvers[subset] @ whitened
            explained = np.sum((self.basis[:, subset] @ solution) ** 2, axis=0)
            better = (solution >= 0).all(axis=0) & (explained > best)
            best[better] = explained[better]
            variance[better] = self._variance(subset)
            amplitudes[:, better] = 0.0
            amplitudes[np.ix_(subset, better)] = solution[:, better]
        return amplitudes, variance
