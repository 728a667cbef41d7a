"""Covariance of fitted curves and the time-integrated activity with its uncertainty, for many curves at once."""

from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.kinetics.varpro import Problem, Solution, amplitude_slopes, basis


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


def analyse(problem: Problem, solution: Solution, scale: np.ndarray) -> Analysis:
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
    last = problem.times_h.max() if problem.times_h.size else 0.0
    tia = (solution.coefficients * tia_of_basis(rates, size)).sum(axis=1)
    return Analysis(
        parameters, covariance, determined, amplitudes, rates, tia, np.sqrt(np.maximum(variance, 0.0)),
        np.clip((amplitudes / rates * np.exp(-rates * last)).sum(axis=1), 0.0, tia),
    )


def tia_of_basis(rates: np.ndarray, size: int) -> np.ndarray:
    """(n, size): integrals over all time of the basis curves, 1/rate_k - 1/rate_(k+1)."""
    lifetimes = 1.0 / rates
    lifetimes[:, :-1] = (rates[:, 1:] - rates[:, :-1]) / (rates[:, 1:] * rates[:, :-1])
    return lifetimes[:, :size]


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
    empty = norms == 0
    scaled = rows / np.where(empty, 1.0, norms)[:, None, :]
    if scaled.shape[1] < scaled.shape[2]:
        filler = np.zeros((len(rows), scaled.shape[2] - scaled.shape[1], scaled.shape[2]))
        scaled = np.concatenate([scaled, filler], axis=1)
    _, values, vectors = np.linalg.svd(scaled, full_matrices=False)
    largest = values[:, :1]
    small = values <= 1e-10 * largest
    weights = np.where(small, 0.0, 1.0 / np.where(small, 1.0, values) ** 2)
    inverse = np.einsum("nki,nk,nkj->nij", vectors, weights, vectors)
    scale = np.where(empty, 0.0, 1.0 / np.where(empty, 1.0, norms))
    return inverse * scale[:, :, None] * scale[:, None, :], small.sum(axis=1) <= empty.sum(axis=1)
