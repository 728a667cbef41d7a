"""One weighted least-squares problem for many curves at once: its numbers, limits, basis curves and population terms.

For given rates the amplitudes are a linear problem, so only the rates are unknown. The unknowns are x_1 = ln(rate_1) and
the gaps x_k = ln(rate_k / rate_(k-1)): the bounds "never slower than physical decay" and "in order" are then plain boxes.

A rate held by a log-normal population of biological rates adds the term ((ln b - mu) / sigma)^2 to the sum of squares.

Shapes: n curves, t samples, r fitted rates, c coefficients.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from RNTDosimetryLib.kinetics.models import ExponentialModel

SMALLEST_GAP = 0.02
"""Smallest ln(rate_k / rate_(k-1)): closer exponentials cannot be told apart in double precision."""


@dataclass(frozen=True)
class Problem:
    """What is fitted. times_h (t,), activities and weights = 1 / sigma (n, t).

    prior_log_rate, prior_log_sd: (r,), of biological rates per hour; an infinite sd means the rate is free.
    """

    model: ExponentialModel
    times_h: np.ndarray
    activities: np.ndarray
    weights: np.ndarray
    decay_constant_per_h: float
    prior_log_rate: np.ndarray
    prior_log_sd: np.ndarray

    @cached_property
    def log_rate_limits(self) -> tuple[float, float]:
        """Slowest and fastest ln(rate).

        The fastest has a half-life of a tenth of the shortest time between samples, and at least as in ``first_limit`` unless
        the curve starts at zero.
        """
        moments = np.unique(np.concatenate([[0.0], self.times_h]))
        shortest = np.diff(moments).min() if moments.size > 1 else np.log(2.0) / self.decay_constant_per_h
        slowest = float(np.log(self.decay_constant_per_h))
        fastest = np.log(10 * np.log(2.0) / shortest)
        if not self.model.starts_at_zero:
            fastest = min(fastest, self.first_limit)
        if self.held.any():
            quick = self.prior_log_rate[self.held] + 5 * self.prior_log_sd[self.held]
            fastest = max(fastest, np.log(self.decay_constant_per_h + np.exp(quick.max())))
        if self.fixed_rates.size:
            fastest = min(fastest, np.log(self.fixed_rates[0]) - SMALLEST_GAP)
        return slowest, float(max(fastest, slowest + 0.1 * (self.model.fitted_rates + 1)))

    @cached_property
    def first_limit(self) -> float:
        """Largest ln(rate) of clearance: a half-life of a quarter of the first time.

        What has gone before the first sample would only be a large amplitude at time 0.
        """
        first = self.times_h.min()
        return float(np.log(4 * np.log(2.0) / first)) if first > 0 else np.inf

    @cached_property
    def any_held(self) -> bool:
        return bool(self.held.any())

    @cached_property
    def fixed_rates(self) -> np.ndarray:
        return self.decay_constant_per_h + np.array(self.model.fixed_biological_rates_per_h)

    @cached_property
    def held(self) -> np.ndarray:
        return np.isfinite(self.prior_log_sd)

    def part(self, rows) -> "Problem":
        return replace(self, activities=self.activities[rows], weights=self.weights[rows])


@dataclass(frozen=True)
class Solution:
    """Of n curves: coefficients (n, c), log_rates (n, r) of the fitted effective rates, chi2 and penalty (n,),
    at_slowest (n,): the slowest rate is physical decay; at_fastest (n,): a free rate is as fast as the search allows;
    converged (n,)."""

    coefficients: np.ndarray
    log_rates: np.ndarray
    chi2: np.ndarray
    penalty: np.ndarray
    at_slowest: np.ndarray
    at_fastest: np.ndarray
    converged: np.ndarray


def basis(problem: Problem, log_rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Basis curves (..., c, t) and exponentials (..., rates, t) for log_rates (..., r)."""
    rates = np.exp(log_rates)
    fixed = problem.fixed_rates
    if fixed.size:
        rates = np.concatenate([rates, np.broadcast_to(fixed, (*rates.shape[:-1], fixed.size))], axis=-1)
    exponentials = np.exp(-rates[..., None] * problem.times_h)
    curves = exponentials.copy()
    curves[..., :-1, :] -= exponentials[..., 1:, :]
    return curves[..., : problem.model.amplitude_count, :], exponentials


def population_term(problem: Problem, log_rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Prior residuals (..., r) and their derivatives with respect to ln(effective rate)."""
    held = problem.held
    if not problem.any_held:
        zero = np.zeros(log_rates.shape)
        return zero, zero
    rate = np.exp(log_rates)
    lowest = np.where(held, np.exp(problem.prior_log_rate - 8 * np.where(held, problem.prior_log_sd, 0.0)), 1.0)
    biological = np.maximum(rate - problem.decay_constant_per_h, lowest)
    scale = np.where(held, 1.0 / problem.prior_log_sd, 0.0)
    return (np.log(biological) - np.where(held, problem.prior_log_rate, 0.0)) * scale, rate / biological * scale
