"""Where to start: a grid over all rates, solved exactly, so that no start values have to be guessed."""

from itertools import combinations, pairwise

import numpy as np
from scipy.ndimage import minimum_filter

from RNTDosimetryLib.kinetics.problem import Problem, basis, population_term

GRID_NODES = {1: 40, 2: 24, 3: 16}
"""Nodes along each rate, by the number of rates."""
START_NODES = {1: 2, 2: 2, 3: 4}
BANDS = 6


def grid_starts(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Where to refine: curve numbers (s,) and x (s, r) of the lowest local minima on an ordered grid over all rates."""
    unknowns = problem.model.fitted_rates
    slowest, fastest = problem.log_rate_limits
    lower = max(slowest, np.log(0.02 / max(problem.times_h.max(), 1e-300)))
    lower = min(lower, fastest - 0.1 * (unknowns + 1))
    axis = np.unique(np.concatenate([[slowest, slowest + 0.05], np.linspace(lower, fastest, GRID_NODES[unknowns])]))
    ordered = np.array(list(combinations(range(axis.size), unknowns)))
    ordered = ordered[axis[ordered[:, 0]] <= max(problem.first_limit, slowest)]
    nodes = axis[ordered]
    curves, _ = basis(problem, nodes)
    prior, _ = population_term(problem, nodes)
    gain = _nonnegative_gain(curves, problem.activities * problem.weights**2, problem.weights**2)
    cube = np.full((len(gain), *[axis.size] * unknowns), np.inf)
    cube[(slice(None), *ordered.T)] = (prior**2).sum(axis=1) - gain
    lowest = minimum_filter(cube, size=(1, *[3] * unknowns), mode="nearest")
    flat = np.where(cube <= lowest, cube, np.inf).reshape(len(gain), -1)
    starts = START_NODES[unknowns]
    minima = np.argpartition(flat, starts, axis=1)[:, :starts]
    # a valley narrower than the grid shows no minimum there: the best node of each band of the fastest rate starts too
    chosen = np.concatenate([minima, _best_of_bands(cube)], axis=1) if unknowns > 1 else minima
    usable = np.isfinite(np.take_along_axis(cube.reshape(len(gain), -1), chosen, axis=1))
    usable[:, :starts] &= np.isfinite(np.take_along_axis(flat, minima, axis=1))
    curve, column = np.nonzero(usable)
    unique = np.unique(curve * flat.shape[1] + chosen[curve, column])
    curve, column = np.divmod(unique, flat.shape[1])
    picked = axis[np.stack(np.unravel_index(column, cube.shape[1:]), axis=1)]
    return curve, np.concatenate([picked[:, :1], np.diff(picked, axis=1)], axis=1)


def _best_of_bands(cube: np.ndarray) -> np.ndarray:
    """(n, bands) flat numbers of the lowest node in each of a few bands of the last axis."""
    count, nodes = cube.shape[0], cube.shape[-1]
    sheets = cube.reshape(count, -1, nodes)
    # the last band is the search limit alone, where an exponential is over before the first sample
    edges = np.append(np.linspace(0, nodes - 1, BANDS).astype(int), nodes)
    columns = []
    for first, last in pairwise(edges):
        row, offset = np.divmod(sheets[:, :, first:last].reshape(count, -1).argmin(axis=1), last - first)
        columns.append(row * nodes + first + offset)
    return np.stack(columns, axis=1)


def _nonnegative_gain(curves: np.ndarray, weighted: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """(n, nodes): by how much coefficients >= 0 on the basis curves (nodes, c, t) lower the sum of squares.

    All subsets of coefficients are tried, which is exact: the best subset whose coefficients are all positive is the answer.
    """
    columns = curves.shape[1]
    right = [weighted @ curves[:, k].T for k in range(columns)]
    gram = {(k, m): squares @ (curves[:, k] * curves[:, m]).T for k in range(columns) for m in range(k, columns)}
    best = np.zeros_like(right[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        for k in range(columns):
            best = np.fmax(best, np.where(right[k] > 0, right[k] ** 2 / gram[k, k], 0.0))
        for k, m in combinations(range(columns), 2):
            determinant = gram[k, k] * gram[m, m] - gram[k, m] ** 2
            first = (right[k] * gram[m, m] - right[m] * gram[k, m]) / determinant
            second = (right[m] * gram[k, k] - right[k] * gram[k, m]) / determinant
            usable = (determinant > 1e-12 * gram[k, k] * gram[m, m]) & (first >= 0) & (second >= 0)
            best = np.fmax(best, np.where(usable, first * right[k] + second * right[m], 0.0))
        if columns == 3:
            best = np.fmax(best, _gain_of_three(right, gram))
    return best


def _gain_of_three(right: list, gram: dict) -> np.ndarray:
    a, b, c = gram[0, 0], gram[0, 1], gram[0, 2]
    d, e, f = gram[1, 1], gram[1, 2], gram[2, 2]
    cofactors = (d * f - e * e, c * e - b * f, b * e - c * d, a * f - c * c, b * c - a * e, a * d - b * b)
    determinant = a * cofactors[0] + b * cofactors[1] + c * cofactors[2]
    x = (cofactors[0] * right[0] + cofactors[1] * right[1] + cofactors[2] * right[2]) / determinant
    y = (cofactors[1] * right[0] + cofactors[3] * right[1] + cofactors[4] * right[2]) / determinant
    z = (cofactors[2] * right[0] + cofactors[4] * right[1] + cofactors[5] * right[2]) / determinant
    usable = (determinant > 1e-13 * a * d * f) & (x >= 0) & (y >= 0) & (z >= 0)
    return np.where(usable, x * right[0] + y * right[1] + z * right[2], 0.0)
