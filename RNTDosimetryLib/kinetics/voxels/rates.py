"""Curves of two exponentials in every voxel: a grid of rate pairs as matrix products, then damped Gauss-Newton steps."""

import math
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.kinetics.problem import SMALLEST_GAP
from RNTDosimetryLib.kinetics.voxels.series import products_of

GRID_RATIO = 1.5
"""Ratio of neighboring rates on the grid of pairs."""

_CHUNK_VOXELS = 1024
_STEPS = 25
_LARGEST_STEP = 0.5
_GAIN_MARGIN = 4.0
_SETTLED = 1e-6
_TINY = 1e-30


@dataclass(frozen=True)
class PairBlock:
    """Result of one block, float64. amplitudes, rates: (2, voxel), slow first, amplitudes at time zero in the unit of the noise.

    penalty: misfit of the held rate to its population, 0 without one. possible: False where no curve of this kind with coefficients
    above zero beats the simpler ones. jacobian: (parameter, time, voxel); the parameters are the amplitudes, then the rates.
    held_information: (voxel,) inverse variance of the second rate in its population. at_bound: (2, voxel).
    """

    amplitudes: np.ndarray
    rates_per_h: np.ndarray
    residual_sum: np.ndarray
    penalty: np.ndarray
    possible: np.ndarray
    jacobian: np.ndarray
    held_information: np.ndarray
    at_bound: np.ndarray

    def covariance(self, scale: np.ndarray) -> np.ndarray:
        """(parameter, parameter, voxel) for samples of variance ``scale`` (voxel,); zero for a parameter that was held."""
        return _inverse(self.jacobian, scale * self.held_information) * scale


@dataclass(frozen=True)
class HeldRate:
    """Log-normal population of the biological rate of the second exponential."""

    median_per_h: float
    log_sd: float
    decay_constant_per_h: float

    def misfit(self, logarithm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance from the median in standard deviations, and its slope along the logarithm of the effective rate."""
        rate = np.exp(logarithm)
        biological = np.maximum(rate - self.decay_constant_per_h, self.median_per_h * np.exp(-8 * self.log_sd))
        return np.log(biological / self.median_per_h) / self.log_sd, rate / biological / self.log_sd


class PairSearch:
    """A1 exp(-l1 t) + A2 exp(-l2 t), slowest <= l1 < l2 <= fastest, for samples divided by their noise shape.

    from_zero: A2 = -A1, uptake and clearance. Otherwise A1 >= 0 and A1 + A2 >= 0: never negative, clearing or rising.
    held: population that holds l2 where the samples cannot tell it.
    """

    def __init__(
        self, times_h, noise_shape, slowest_per_h: float, fastest_per_h: float, from_zero: bool, held: HeldRate | None = None
    ):
        self.times_h, self.inverse_shape = times_h[:, None], 1.0 / noise_shape[:, None]
        self.bounds = np.log([slowest_per_h, fastest_per_h])
        self.from_zero, self.held = from_zero, held
        count = max(3, int(np.ceil(np.diff(self.bounds)[0] / np.log(GRID_RATIO))) + 1)
        grid = np.linspace(*self.bounds, count)
        self.pairs = np.stack([grid[index] for index in np.triu_indices(count, k=1)])
        first, second = (np.exp(-times_h[:, None] * np.exp(logarithm)) / noise_shape[:, None] for logarithm in self.pairs)
        rising = _unit(first - second)
        self.directions = [rising]
        if not from_zero:
            second = _unit(second)
            self.directions += [_unit(second - _dot(second, rising) * rising), _unit(rising - _dot(second, rising) * second)]
        self.directions = [direction.astype(np.float32) for direction in self.directions]
        self.pair_penalties = None if held is None else (held.misfit(self.pairs[1])[0] ** 2).astype(np.float32)

    def fit(self, whitened: np.ndarray, scale: np.ndarray, ceiling: np.ndarray) -> PairBlock:
        """whitened: (time, voxel) float32. scale: (voxel,) their variance, which weighs the samples against a held rate.

        ceiling: (voxel,) sum of squares, with that of the held rate, above which the curve is of no use; voxels that cannot
        come below it are left where they are.
        """
        logarithms = np.empty((2, whitened.shape[1]))
        for at in range(0, whitened.shape[1], _CHUNK_VOXELS):
            part = slice(at, at + _CHUNK_VOXELS)
            logarithms[:, part] = self.pairs[:, self._best_pair(whitened[:, part], scale[part])]
        return self._result(self._settle(whitened.astype(float), scale.astype(float), logarithms, ceiling))

    def _best_pair(self, whitened: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """The pair that explains most of the sum of squares; pairs with a negative coefficient do not count."""
        products = [products_of(whitened, direction) for direction in self.directions]
        if self.from_zero:
            explained = products[0] * np.abs(products[0])
        else:
            rising, second, lowest = products
            explained = rising * rising + second * second
            explained[(second < 0) | (lowest < 0)] = 0
        if self.pair_penalties is not None:
            explained -= scale[:, None] * self.pair_penalties
        return np.argmax(explained, axis=1)

    def _settle(self, samples: np.ndarray, scale: np.ndarray, logarithms: np.ndarray, ceiling: np.ndarray) -> "_State":
        damping = np.full(samples.shape[1], 1e-3)
        moving = np.arange(samples.shape[1])
        current = self._state(samples, scale, logarithms)
        for _ in range(_STEPS):
            step, gain = self._step(current, scale[moving], damping[moving])
            hopeless = current.objective - _GAIN_MARGIN * gain > ceiling[moving]
            trial = self._state(samples[:, moving], scale[moving], np.clip(current.logarithms + step, *self.bounds))
            better = (trial.objective <= current.objective) & (trial.inside() | ~current.inside())
            damping[moving] *= np.where(better, 0.2, 6.0)
            current = current.replaced(trial, better)
            logarithms[:, moving] = current.logarithms
            still = (np.abs(step).max(axis=0) > _SETTLED) & (damping[moving] < 1e8) & ~hopeless
            if not still.any():
                break
            moving, current = moving[still], current.selected(still)
        return self._state(samples, scale, logarithms)

    def _state(self, samples: np.ndarray, scale: np.ndarray, logarithms: np.ndarray) -> "_State":
        first = np.minimum(logarithms.min(axis=0), self.bounds[1] - SMALLEST_GAP)
        logarithms = np.stack([first, np.maximum(logarithms.max(axis=0), first + SMALLEST_GAP)])
        first, second = (np.exp(-self.times_h * np.exp(row)) * self.inverse_shape for row in logarithms)
        if self.from_zero:
            rising = first - second
            amplitude = _dot(rising, samples) / np.maximum(_dot(rising, rising), _TINY)
            amplitudes = np.stack([amplitude, -amplitude])
        else:
            norm = np.maximum(_dot(first, first), _TINY)
            shared = _dot(first, second) / norm
            across = second - shared * first
            after = _dot(across, samples) / np.maximum(_dot(across, across), _TINY)
            amplitudes = np.stack([_dot(first, samples) / norm - shared * after, after])
        residual = samples - amplitudes[0] * first - amplitudes[1] * second
        objective = _dot(residual, residual)
        if self.held is not None:
            objective = objective + scale * self.held.misfit(logarithms[1])[0] ** 2
        return _State(logarithms, amplitudes, np.stack([first, second]), residual, objective)

    def _step(self, state: "_State", scale: np.ndarray, damping: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Damped Gauss-Newton step of the two logarithms, amplitudes projected out, and by how much it should lower the objective."""
        slopes = self._slopes(state)
        for direction in self._orthogonal_basis(state.exponentials):
            slopes = [slope - _dot(direction, slope) * direction for slope in slopes]
        gradient = np.stack([_dot(slope, state.residual) for slope in slopes])
        a, d = (_dot(slope, slope) for slope in slopes)
        if self.held is not None:
            misfit, misfit_slope = self.held.misfit(state.logarithms[1])
            gradient[1] -= scale * misfit * misfit_slope
            d = d + scale * misfit_slope**2
        outward = np.where(
            state.logarithms <= self.bounds[0], gradient < 0, (state.logarithms >= self.bounds[1]) & (gradient > 0)
        )
        gradient[outward] = 0
        a, d = a * (1 + damping) + _TINY, d * (1 + damping) + _TINY
        b = np.where(outward.any(axis=0), 0, _dot(*slopes))
        determinant = a * d - b * b
        step = np.stack([d * gradient[0] - b * gradient[1], a * gradient[1] - b * gradient[0]]) / np.maximum(
            determinant, _TINY**2
        )
        gain = np.where((np.abs(step) > _LARGEST_STEP).any(axis=0), np.inf, (gradient * step).sum(axis=0))
        return np.clip(step, -_LARGEST_STEP, _LARGEST_STEP), gain

    def _slopes(self, state: "_State") -> list[np.ndarray]:
        """Derivatives of the curve with respect to ln(l1) and ln(l2), (time, voxel) each."""
        return [
            -np.exp(logarithm) * amplitude * self.times_h * exponential
            for logarithm, amplitude, exponential in zip(state.logarithms, state.amplitudes, state.exponentials)
        ]

    def _orthogonal_basis(self, exponentials: np.ndarray) -> list[np.ndarray]:
        first, second = exponentials
        if self.from_zero:
            return [_unit(first - second)]
        first = _unit(first)
        return [first, _unit(second - _dot(first, second) * first)]

    def _result(self, state: "_State") -> PairBlock:
        at_bound = np.stack([state.logarithms[0] <= self.bounds[0] + 1e-9, state.logarithms[1] >= self.bounds[1] - 1e-9])
        rates = np.exp(state.logarithms)
        first, second = state.exponentials
        columns = [first - second] if self.from_zero else [first, second]
        slopes = [slope / rate for slope, rate in zip(self._slopes(state), rates)]
        penalty, information = np.zeros((2, rates.shape[1]))
        if self.held is not None:
            misfit, misfit_slope = self.held.misfit(state.logarithms[1])
            penalty, information = misfit**2, (misfit_slope / rates[1]) ** 2
        else:
            # Beyond the fastest rate the samples say nothing, so it is held there; at physical decay the full width is kept.
            slopes[1] = np.where(at_bound[1], 0, slopes[1])
        possible = state.inside()
        if self.held is None:
            possible &= ~at_bound[1]
        return PairBlock(
            state.amplitudes,
            rates,
            _dot(state.residual, state.residual),
            penalty,
            possible,
            np.stack([*columns, *slopes]),
            information,
            at_bound,
        )


@dataclass
class _State:
    """Rates and all that follows from them, for the voxels that still move."""

    logarithms: np.ndarray
    amplitudes: np.ndarray
    exponentials: np.ndarray
    residual: np.ndarray
    objective: np.ndarray

    def inside(self) -> np.ndarray:
        """Where the curve is never negative: A1 > 0 and A1 + A2 >= 0."""
        return (self.amplitudes[0] > 0) & (self.amplitudes.sum(axis=0) >= 0)

    def _parts(self) -> tuple[np.ndarray, ...]:
        return self.logarithms, self.amplitudes, self.exponentials, self.residual, self.objective

    def replaced(self, other: "_State", where: np.ndarray) -> "_State":
        return _State(*(np.where(where, new, old) for new, old in zip(other._parts(), self._parts())))

    def selected(self, where: np.ndarray) -> "_State":
        return _State(*(part[..., where] for part in self._parts()))


def _dot(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.einsum("tv,tv->v", left, right)


def _unit(columns: np.ndarray) -> np.ndarray:
    return columns / np.sqrt(np.maximum(_dot(columns, columns), _TINY))


def _inverse(jacobian: np.ndarray, last_information: np.ndarray) -> np.ndarray:
    """(parameter, parameter, voxel) inverse of the normal matrices of (parameter, time, voxel); zero for a parameter held.

    last_information: (voxel,) knowledge of the last parameter besides the samples. Scaled to unit diagonal first, with 1e-12 added
    so that two curves that cannot be told apart get a huge variance.
    """
    normal = np.einsum("ptv,qtv->vpq", jacobian, jacobian)
    normal[:, -1, -1] += last_information
    size = np.sqrt(np.einsum("vpp->vp", normal))
    free = size > _TINY
    weight = np.where(free, 1.0 / np.maximum(size, _TINY), 0.0)
    normal *= weight[:, :, None] * weight[:, None, :]
    normal += np.eye(len(jacobian)) * np.where(free, 1e-12, 1.0)[:, None, :]
    inverse = np.linalg.inv(normal) * weight[:, :, None] * weight[:, None, :]
    return inverse.transpose(1, 2, 0)


GRID_STEP = 0.09
"""Step of ln(rate) between grid points; the Newton steps start within half of it."""

_MONO_CHUNK_VOXELS = 4096
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
            np.argmax(products_of(whitened[:, at : at + _MONO_CHUNK_VOXELS], self.unit_basis), axis=1)
            for at in range(0, whitened.shape[1], _MONO_CHUNK_VOXELS)
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
        # Where the residual is flat or curved the wrong way a long step is taken; it ends at the neighboring grid points.
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
