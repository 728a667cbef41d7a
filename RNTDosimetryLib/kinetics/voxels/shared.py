"""Curves whose rates are shared by a whole region: amplitudes of every voxel by exact linear least squares."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from RNTDosimetryLib.base.checks import number_array, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.kinetics.models import ExponentialModel, get_model
from RNTDosimetryLib.kinetics.results import KineticFit
from RNTDosimetryLib.kinetics.samples import DecayOnly

_RATE_STEP = 1e-4
_LARGEST_RATE_PER_H = 1e6
_ROUNDING = 1e-9


@dataclass(frozen=True)
class SharedShape:
    """A curve with fixed rates and free amplitudes.

    rates_per_h: effective rates. columns: one tuple per amplitude with the factor of each exponential, so that
    ((1, -1),) is an uptake curve with one amplitude, and ((1, 0), (0, 1)) a bi-exponential with two.
    rate_covariance: (rates, rates) of the rates, per h^2, None when unknown.
    """

    rates_per_h: tuple[float, ...]
    columns: tuple[tuple[float, ...], ...]
    name: str = "shared"
    rate_covariance: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self):
        rates = number_array(self.rates_per_h, "effective rates per hour", "fit the region first")
        if rates.ndim != 1 or rates.size == 0 or not ((rates > 0) & (rates <= _LARGEST_RATE_PER_H)).all():
            raise DosimetryError(
                f"Expected positive effective rates per hour, received {shown(self.rates_per_h)}; fit the region first."
            )
        if not self.columns or any(len(column) != rates.size for column in self.columns):
            raise DosimetryError(
                f"Expected {rates.size} factors per amplitude, one per rate, received {self.columns}; match them."
            )
        if self.rate_covariance is not None and np.shape(self.rate_covariance) != (rates.size, rates.size):
            raise DosimetryError(
                f"Expected a {rates.size} x {rates.size} covariance of the rates, received {np.shape(self.rate_covariance)}; match them."
            )

    @classmethod
    def free(cls, *rates_per_h: float, name: str = "shared") -> "SharedShape":
        """A sum of exponentials, each with its own amplitude of zero or more."""
        return cls(tuple(map(float, rates_per_h)), _rows(np.eye(len(rates_per_h))), name)

    @classmethod
    def of_fit(cls, fit: KineticFit, one_amplitude: bool = False) -> "SharedShape":
        """Rates of a region's fit. The amplitudes are those of its model, or one for the whole curve.

        A curve averaged over models has one amplitude in any case. Raises DosimetryError for a fit without rates or activity.
        """
        amplitudes = np.asarray(fit.amplitudes_mbq, dtype=float)
        if not fit.rates_per_h or not amplitudes.any():
            raise DosimetryError(
                f"Expected a region with fitted rates and activity, received model '{fit.model}' without; fit it again."
            )
        if one_amplitude or fit.averaged:
            return cls(fit.rates_per_h, _rows(amplitudes[None] / np.abs(amplitudes).max()), fit.model)
        model, count = get_model(fit.model), len(fit.rates_per_h)
        columns = (np.eye(count) - np.eye(count, k=1))[: model.amplitude_count]
        return cls(fit.rates_per_h, _rows(columns), fit.model, _rate_covariance(model, fit.covariance))

    def basis(self, times_h: np.ndarray, rates_per_h=None) -> np.ndarray:
        """(time, amplitude)."""
        rates = self.rates_per_h if rates_per_h is None else rates_per_h
        return np.exp(-np.outer(times_h, rates)) @ np.asarray(self.columns, dtype=float).T

    def tia_per_amplitude(self, rates_per_h=None) -> np.ndarray:
        """(amplitude,) hours: analytic integral from zero to infinity."""
        rates = np.asarray(self.rates_per_h if rates_per_h is None else rates_per_h)
        return np.asarray(self.columns, dtype=float) @ (1.0 / rates)


def shared_shape(value, decay: DecayOnly) -> SharedShape:
    """The shared curve in what a caller gives: a ``SharedShape``, the ``KineticFit`` of a region, or effective rates per hour.

    Raises DosimetryError where it falls more slowly than physical decay.
    """
    if isinstance(value, SharedShape):
        shape = value
    elif isinstance(value, KineticFit):
        shape = SharedShape.of_fit(value)
    else:
        rates = np.atleast_1d(number_array(value, "rates per hour of a region", "fit its curve first"))
        if rates.ndim != 1:
            raise DosimetryError(
                f"Expected rates per hour of a region as one number or a list, received shape {rates.shape}; fit its curve first."
            )
        shape = SharedShape.free(*rates.tolist())
    slowest = min(shape.rates_per_h)
    if slowest < decay.decay_constant_per_h * (1 - _ROUNDING):
        raise DosimetryError(
            f"Expected effective rates not below physical decay, {decay.decay_constant_per_h:.4g} per hour for {decay.name}, received {slowest:.4g}; "
            "add the decay constant to a biological rate, and check the unit: per hour expected."
        )
    return shape


def _rows(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, matrix.tolist()))


def _rate_covariance(model: ExponentialModel, covariance: np.ndarray | None) -> tuple[tuple[float, ...], ...] | None:
    """Covariance of all rates of a model, zero for the fixed ones, out of that of its parameters."""
    if covariance is None:
        return None
    whole, fitted = np.zeros((model.rate_count, model.rate_count)), model.fitted_rates
    whole[:fitted, :fitted] = np.asarray(covariance)[model.amplitude_count :, model.amplitude_count :]
    return _rows(whole)


class SharedSolver:
    """Non-negative least squares of all voxels at once, exact because every set of free amplitudes is tried."""

    def __init__(self, shape: SharedShape, times_h: np.ndarray, noise_shape: np.ndarray):
        self.shape, self.times_h, self.noise_shape = shape, times_h, noise_shape
        self.basis = shape.basis(times_h) / noise_shape[:, None]
        self.tia_weights = shape.tia_per_amplitude()
        count = self.basis.shape[1]
        if np.linalg.matrix_rank(self.basis) < count:
            raise DosimetryError(
                f"Expected at least {count} times that tell the {count} shared curves apart, received {len(times_h)}; "
                "share the region's curve as one (SharedShape.of_fit(fit, one_amplitude=True))."
            )
        self.sets = [list(subset) for size in range(count, 0, -1) for subset in combinations(range(count), size)]
        self.solvers = [np.linalg.pinv(self.basis[:, subset]) for subset in self.sets]
        self.variances = [
            float(np.sum((self.tia_weights[subset] @ solver) ** 2)) for subset, solver in zip(self.sets, self.solvers)
        ]
        self.rate_slopes = [self._rate_slopes(subset) for subset in self.sets] if shape.rate_covariance is not None else None

    def fit(self, whitened: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Amplitudes (amplitude, voxel), and (voxel,): the variance of the TIA for unit noise, that from the rates, the residual sum.

        A voxel with no amplitude above zero has the variance of its best determined single curve.
        """
        amplitudes = np.zeros((self.basis.shape[1], whitened.shape[1]))
        alone = [index for index, subset in enumerate(self.sets) if len(subset) == 1]
        variance = np.full(whitened.shape[1], min(self.variances[index] for index in alone))
        from_rates = np.zeros(whitened.shape[1])
        choice = self._best_sets(whitened)
        for index, subset in enumerate(self.sets):
            voxels = np.flatnonzero(choice == index)
            if voxels.size == 0:
                continue
            samples = whitened[:, voxels]
            amplitudes[np.ix_(subset, voxels)] = self.solvers[index] @ samples
            variance[voxels] = self.variances[index]
            if self.rate_slopes is not None:
                slopes = self.rate_slopes[index] @ samples
                from_rates[voxels] = np.einsum("rv,rv->v", slopes, np.asarray(self.shape.rate_covariance) @ slopes)
        residual = whitened - self.basis @ amplitudes
        return amplitudes, variance, np.maximum(from_rates, 0), np.einsum("tv,tv->v", residual, residual)

    def _best_sets(self, whitened: np.ndarray) -> np.ndarray:
        """(voxel,) index of the set of positive amplitudes with the least residual, -1 where none is positive."""
        choice = np.where((self.solvers[0] @ whitened >= 0).all(axis=0), 0, -1)
        open_voxels = np.flatnonzero(choice < 0)
        most = np.zeros(open_voxels.size)
        for index, (subset, solver) in enumerate(zip(self.sets[1:], self.solvers[1:]), start=1):
            solution = solver @ whitened[:, open_voxels]
            explained = np.sum((self.basis[:, subset] @ solution) ** 2, axis=0)
            better = (solution >= 0).all(axis=0) & (explained > most)
            most[better], choice[open_voxels[better]] = explained[better], index
        return choice

    def _rate_slopes(self, subset: list[int]) -> np.ndarray:
        """(rate, time): change of the TIA with each rate, per sample, the amplitudes fitted again."""
        rates = np.asarray(self.shape.rates_per_h)
        slopes = []
        for index in range(rates.size):
            ends = []
            for sign in (1, -1):
                moved = rates.copy()
                moved[index] *= 1 + sign * _RATE_STEP
                basis = self.shape.basis(self.times_h, moved)[:, subset] / self.noise_shape[:, None]
                ends.append(self.shape.tia_per_amplitude(moved)[subset] @ np.linalg.pinv(basis))
            slopes.append((ends[0] - ends[1]) / (2 * _RATE_STEP * rates[index]))
        return np.stack(slopes)
