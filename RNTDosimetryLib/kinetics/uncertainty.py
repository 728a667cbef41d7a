"""Covariance of fitted curves and the time-integrated activity with its uncertainty, for many curves at once."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from RNTDosimetryLib.kinetics.problem import SMALLEST_GAP, Problem, Solution, basis
from RNTDosimetryLib.kinetics.varpro import amplitude_slopes, evaluate

POSTERIOR_NODES = {1: 41, 2: 13, 3: 7}
"""Nodes of the posterior along each rate."""


@dataclass(frozen=True)
class Analysis:
    """Of n curves of one model; p parameters in the order of ``model.parameter_names``.

    parameters (n, p), covariance (n, p, p), determined (n,): False where the samples do not fix the parameters,
    amplitudes and rates (n, rates) with the fixed ones, tia and tia_sd (n,), tail (n,): integral beyond the last sample.
    """

    parameters: np.ndarray
    covariance: np.ndarray
    determined: np.ndarray
    amplitudes: np.ndarray
    rates: np.ndarray
    tia: np.ndarray
    tia_sd: np.ndarray
    tail: np.ndarray


def analyze(problem: Problem, solution: Solution, scale: np.ndarray) -> Analysis:
    """Linear propagation around the solution. scale (n,): true over assumed uncertainty of the samples.

    A slowest rate at physical decay keeps its place in the covariance as if it were not bounded (a wide answer rather
    than a narrow one). Coefficients at zero and rates beyond the search limit are left out: their variance is zero.
    """
    model = problem.model
    count, size = solution.coefficients.shape
    curves, exponentials = basis(problem, solution.log_rates)
    data_weights = (problem.weights / scale[:, None])[:, None, :]
    columns = curves * data_weights * (solution.coefficients > 0)[..., None]
    slopes = amplitude_slopes(problem, solution.coefficients, solution.log_rates, exponentials) * data_weights
    if not problem.any_held:
        slopes[solution.at_fastest, -1:] = 0.0
    rows = np.concatenate([columns, slopes], axis=1).transpose(0, 2, 1)
    if problem.any_held:
        rows = np.concatenate([rows, _prior_rows(problem, solution, size)], axis=1)
    inverse, determined = _inverse(rows)

    amplitude_steps = model.parameters_from_coefficients
    fitted_rates = np.exp(solution.log_rates)
    change = np.zeros((count, model.parameter_count, model.parameter_count))
    change[:, :size, :size] = amplitude_steps
    index = np.arange(model.fitted_rates)
    change[:, size + index, size + index] = fitted_rates
    covariance = change @ inverse @ change.transpose(0, 2, 1)
    parameters = np.concatenate([solution.coefficients @ amplitude_steps.T, fitted_rates], axis=1)
    amplitudes, rates = model.exponentials(parameters, problem.decay_constant_per_h)
    gradient = np.concatenate([tia_of_basis(rates, size), -(amplitudes / rates)[:, : model.fitted_rates]], axis=1)
    variance = np.einsum("np,npq,nq->n", gradient, inverse, gradient)
    # amplitudes of all sizes fit where two exponentials coincide: nothing finite can be said of them
    finite = np.isfinite(variance) & np.isfinite(covariance).all(axis=(1, 2))
    determined &= finite
    variance, covariance = np.where(finite, variance, 0.0), np.where(finite[:, None, None], covariance, 0.0)
    last = problem.times_h.max() if problem.times_h.size else 0.0
    tia = (solution.coefficients * tia_of_basis(rates, size)).sum(axis=1)
    return Analysis(
        parameters,
        covariance,
        determined,
        amplitudes,
        rates,
        tia,
        np.sqrt(np.maximum(variance, 0.0)),
        np.clip((amplitudes / rates * np.exp(-rates * last)).sum(axis=1), 0.0, tia),
    )


def tia_of_basis(rates: np.ndarray, size: int) -> np.ndarray:
    """(n, size): integrals over all time of the basis curves, 1/rate_k - 1/rate_(k+1)."""
    lifetimes = 1.0 / rates
    lifetimes[:, :-1] = (rates[:, 1:] - rates[:, :-1]) / (rates[:, 1:] * rates[:, :-1])
    return lifetimes[:, :size]


def population_tia_uncertainty(problem: Problem, solution: Solution, analysis: Analysis) -> np.ndarray:
    """(n,) 1-sigma uncertainty of the time-integrated activity over the whole posterior, not only linearly.

    With one or two samples the rate is as uncertain as its population, and where t is near 1/rate the first derivative
    vanishes while the second does not. The posterior is summed on a grid of ln(biological rate), in units of its linear
    standard deviation, with the best amplitude at each node (a scale-free prior of the amplitude). The posterior may be skewed, so
    1 sigma is half of the symmetric interval around the estimate that holds 68.3 % of it.
    """
    count, size, unknowns = len(solution.chi2), problem.model.amplitude_count, problem.model.fitted_rates
    rates = np.exp(solution.log_rates)
    biological = np.maximum(rates - problem.decay_constant_per_h, 1e-9 * rates)
    sd = np.sqrt(np.maximum(np.diagonal(analysis.covariance, axis1=1, axis2=2)[:, size:], 0.0)) / biological
    sd = np.where(problem.held, np.minimum(sd, 1.5 * np.where(problem.held, problem.prior_log_sd, 1.0)), np.minimum(sd, 1.0))
    axis = np.linspace(-4.0, 4.0, POSTERIOR_NODES[unknowns])
    nodes = np.stack(np.meshgrid(*[axis] * unknowns, indexing="ij"), axis=-1).reshape(-1, unknowns)
    logs = np.log(biological)[:, None, :] + nodes * sd[:, None, :]
    log_rates = np.log(problem.decay_constant_per_h + np.exp(logs))
    ordered = (np.diff(log_rates, axis=2) > SMALLEST_GAP / 2).all(axis=2)
    log_rates = np.maximum.accumulate(log_rates + SMALLEST_GAP * np.arange(unknowns) * ~ordered[..., None], axis=2)
    total = len(nodes)
    flat = log_rates.reshape(count * total, unknowns)
    state = evaluate(problem.part(np.repeat(np.arange(count), total)), flat)
    fixed = np.broadcast_to(problem.fixed_rates, (count * total, problem.fixed_rates.size))
    tia = (state["c"] * tia_of_basis(np.concatenate([np.exp(flat), fixed], axis=1), size)).sum(axis=1)
    objective = np.where(ordered, state["objective"].reshape(count, total), np.inf)
    weights = np.exp(-0.5 * (objective - objective.min(axis=1, keepdims=True)))
    weights /= weights.sum(axis=1, keepdims=True)
    given_rates = np.sqrt(np.maximum(_amplitude_variance(problem, solution, analysis), 1e-30 * analysis.tia**2))
    return _half_width(tia.reshape(count, total) - analysis.tia[:, None], weights, np.maximum(given_rates, 1e-300))


def _half_width(deviations: np.ndarray, weights: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """(n,): half of the symmetric interval that holds 68.27 % of weighted deviations (n, nodes), each blurred by noise (n,)."""
    low, high = np.zeros(len(noise)), np.abs(deviations).max(axis=1) + 6 * noise
    for _ in range(40):
        middle = 0.5 * (low + high)
        inside = ndtr((middle[:, None] - deviations) / noise[:, None]) - ndtr((-middle[:, None] - deviations) / noise[:, None])
        enough = (weights * inside).sum(axis=1) > 0.6826894921
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def _amplitude_variance(problem: Problem, solution: Solution, analysis: Analysis) -> np.ndarray:
    """Variance of the time-integrated activity from the amplitudes alone, rates fixed."""
    curves, _ = basis(problem, solution.log_rates)
    columns = curves * problem.weights[:, None, :] * (solution.coefficients > 0)[..., None]
    inverse, _ = _inverse(columns.transpose(0, 2, 1))
    gradient = tia_of_basis(analysis.rates, problem.model.amplitude_count)
    return np.einsum("np,npq,nq->n", gradient, inverse, gradient)


def _prior_rows(problem: Problem, solution: Solution, size: int) -> np.ndarray:
    rates = np.exp(solution.log_rates)
    biological = np.maximum(rates - problem.decay_constant_per_h, 1e-9 * rates)
    slopes = rates / biological / problem.prior_log_sd
    rows = np.zeros((len(rates), problem.model.fitted_rates, problem.model.parameter_count))
    index = np.arange(problem.model.fitted_rates)
    rows[:, index, size + index] = slopes
    return rows


def _inverse(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse of rows' rows (n, p, p) by singular values of the scaled columns; empty columns get zero variance."""
    norms = np.sqrt((rows**2).sum(axis=1))
    lost = (norms > 0) & (norms < 1e-100)
    empty = (norms == 0) | lost
    scaled = rows / np.where(empty, np.inf, norms)[:, None, :]
    if scaled.shape[1] < scaled.shape[2]:
        filler = np.zeros((len(rows), scaled.shape[2] - scaled.shape[1], scaled.shape[2]))
        scaled = np.concatenate([scaled, filler], axis=1)
    _, values, vectors = np.linalg.svd(scaled, full_matrices=False)
    largest = values[:, :1]
    small = values <= 1e-10 * largest
    weights = np.where(small, 0.0, 1.0 / np.where(small, 1.0, values) ** 2)
    inverse = np.einsum("nki,nk,nkj->nij", vectors, weights, vectors)
    scale = np.where(empty, 0.0, 1.0 / np.where(empty, 1.0, norms))
    determined = (small.sum(axis=1) <= empty.sum(axis=1)) & ~lost.any(axis=1)
    return inverse * scale[:, :, None] * scale[:, None, :], determined
