"""Weighted least squares of one model for many curves at once, by variable projection.

A grid over all rates finds the valleys, and damped Newton steps on the projected residuals finish (Kaufman 1975; Golub
and Pereyra 2003). Amplitude coefficients are >= 0 (see ``models``) and are solved again at every step, so a rate at its
bound has the amplitude that belongs to it. Shapes as in ``problem``.
"""

from itertools import combinations, pairwise

import numpy as np
from scipy.ndimage import minimum_filter

from RNTDosimetryLib.kinetics.problem import SMALLEST_GAP, Problem, Solution, basis, population_term

GAUSS_NEWTON_STEPS = 8
LARGEST_STEPS = 60
CURVES_PER_BLOCK = 256


def solve(problem: Problem) -> Solution:
    """Best fit of every curve: grid, then refinement, in blocks of curves."""
    blocks = [
        _solve_block(problem.part(slice(first, first + CURVES_PER_BLOCK)))
        for first in range(0, len(problem.activities), CURVES_PER_BLOCK)
    ]
    if len(blocks) == 1:
        return blocks[0]
    return Solution(*(np.concatenate(parts) for parts in zip(*(tuple(vars(block).values()) for block in blocks))))


def _solve_block(problem: Problem) -> Solution:
    count = len(problem.activities)
    unknowns = problem.model.fitted_rates
    if unknowns == 0:
        state = evaluate(problem, np.zeros((count, 0)))
        never = np.zeros(count, bool)
        return Solution(state["c"], np.zeros((count, 0)), state["chi2"], np.zeros(count), never, never, ~never)
    curve, starts = grid_starts(problem)
    x, state, converged = _refine(problem.part(curve), starts)
    order = np.lexsort((state["objective"], curve))
    best = order[np.searchsorted(curve[order], np.arange(count))]
    slowest, fastest = problem.log_rate_limits
    log_rates = np.cumsum(x[best], axis=1)
    free = ~problem.held
    at_fastest = ((log_rates > fastest - 1e-6) & free).any(axis=1) | (free[0] & (log_rates[:, 0] > problem.first_limit - 1e-6))
    return Solution(
        state["c"][best],
        log_rates,
        state["chi2"][best],
        state["penalty"][best],
        x[best, 0] <= slowest + 1e-9,
        at_fastest,
        converged[best],
    )


def _orthonormal(columns: np.ndarray, used: np.ndarray) -> tuple[list, list]:
    """Gram-Schmidt, twice for accuracy. columns (n, c, t); used (c,) bool. Returns directions (n, t) and triangle rows."""
    directions, triangle = [], []
    for k in range(columns.shape[1]):
        v = columns[:, k]
        row = []
        for q in directions:
            s = (q * v).sum(axis=1)
            v = v - q * s[:, None]
            again = (q * v).sum(axis=1)
            v = v - q * again[:, None]
            row.append(s + again)
        norm = np.sqrt((v * v).sum(axis=1)) if used[k] else np.zeros(len(columns))
        row.append(norm)
        directions.append(v / np.where(norm > 0, norm, np.inf)[:, None])
        triangle.append(row)
    return directions, triangle


def _least_squares(columns: np.ndarray, target: np.ndarray, used: np.ndarray):
    directions, triangle = _orthonormal(columns, used)
    residual = target
    projections = []
    for q in directions:
        s = (q * residual).sum(axis=1)
        residual = residual - q * s[:, None]
        projections.append(s)
    count = columns.shape[1]
    coefficients = np.zeros((len(target), count))
    for k in reversed(range(count)):
        value = projections[k].copy()
        for m in range(k + 1, count):
            value -= triangle[m][k] * coefficients[:, m]
        norm = triangle[k][k]
        coefficients[:, k] = np.where(norm > 0, value / np.where(norm > 0, norm, 1.0), 0.0)
    return coefficients, residual, np.stack(directions, axis=1)


def evaluate(problem: Problem, log_rates: np.ndarray) -> dict[str, np.ndarray]:
    """Best non-negative coefficients, residuals and projected Jacobian for log_rates (n, r)."""
    curves, exponentials = basis(problem, log_rates)
    columns = curves * problem.weights[:, None, :]
    target = problem.activities * problem.weights
    size = columns.shape[1]
    c, residual, q = _least_squares(columns, target, np.ones(size, bool))
    wrong = (c < 0).any(axis=1)
    if wrong.any():
        rows = np.flatnonzero(wrong)
        best = (target[rows] ** 2).sum(axis=1)
        c[rows], residual[rows], q[rows] = 0.0, target[rows], 0.0
        for count in range(1, size):
            for subset in combinations(range(size), count):
                used = np.zeros(size, bool)
                used[list(subset)] = True
                trial = _least_squares(columns[rows], target[rows], used)
                chi2 = (trial[1] ** 2).sum(axis=1)
                better = (trial[0] >= 0).all(axis=1) & (chi2 < best)
                best = np.where(better, chi2, best)
                hits = rows[better]
                c[hits], residual[hits], q[hits] = (part[better] for part in trial)
    prior, prior_slope = population_term(problem, log_rates)
    chi2, penalty = (residual**2).sum(axis=1), (prior**2).sum(axis=1)
    return {
        "c": c,
        "residual": residual,
        "q": q,
        "exponentials": exponentials[:, : log_rates.shape[1]],
        "log_rates": log_rates,
        "chi2": chi2,
        "penalty": penalty,
        "objective": chi2 + penalty,
        "prior": prior,
        "prior_slope": prior_slope,
    }


def amplitude_slopes(problem: Problem, coefficients: np.ndarray, log_rates: np.ndarray, exponentials: np.ndarray) -> np.ndarray:
    """(n, r, t): derivative of the curve with respect to ln(rate_j), A_j * (-rate_j t) exp(-rate_j t)."""
    count = log_rates.shape[1]
    amplitudes = np.diff(coefficients, prepend=0.0, append=0.0, axis=1)[:, :count]
    return (-amplitudes * np.exp(log_rates))[..., None] * problem.times_h * exponentials[:, :count]


def _jacobian(problem: Problem, state: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradient (n, r) and Gauss-Newton matrix (n, r, r) of half the objective with respect to the gaps x.

    The last value, (n,), says where the fastest rate is pinned to the search limit; it then takes no part.
    """
    slopes = amplitude_slopes(problem, state["c"], state["log_rates"], state["exponentials"]) * problem.weights[:, None, :]
    slopes = slopes - np.einsum("nrc,nct->nrt", np.einsum("nrt,nct->nrc", slopes, state["q"]), state["q"])
    prior_slope = state["prior_slope"]
    pull = (slopes[:, -1] * state["residual"]).sum(axis=1) - prior_slope[:, -1] * state["prior"][:, -1]
    pinned = (state["log_rates"][:, -1] >= problem.log_rate_limits[1] - 1e-9) & (pull > 0)
    slopes[pinned, -1] = 0.0
    # x_k moves all rates from k on
    slopes = np.cumsum(slopes[:, ::-1], axis=1)[:, ::-1]
    gradient = -(slopes * state["residual"][:, None, :]).sum(axis=2)
    matrix = slopes @ slopes.transpose(0, 2, 1)
    if problem.any_held:
        prior_slope = prior_slope.copy()
        prior_slope[pinned, -1] = 0.0
        prior_slopes = prior_slope[:, :, None] * np.tri(problem.model.fitted_rates)
        gradient += np.einsum("njk,nj->nk", prior_slopes, state["prior"])
        matrix += np.einsum("njk,njm->nkm", prior_slopes, prior_slopes)
    return gradient, matrix, pinned


def _bounded(problem: Problem, x: np.ndarray) -> np.ndarray:
    """x brought into its box: no rate slower than physical decay, all in order, none faster than the search limit."""
    slowest, fastest = problem.log_rate_limits
    count = x.shape[1]
    x = x.copy()
    x[:, 0] = np.clip(x[:, 0], slowest, max(min(fastest - SMALLEST_GAP * (count - 1), problem.first_limit), slowest))
    reached = x[:, 0].copy()
    for k in range(1, count):
        x[:, k] = np.clip(x[:, k], SMALLEST_GAP, fastest - SMALLEST_GAP * (count - 1 - k) - reached)
        reached += x[:, k]
    return x


def _refine(problem: Problem, x: np.ndarray) -> tuple[np.ndarray, dict, np.ndarray]:
    """Damped Gauss-Newton, later Newton, steps on the projected problem for all curves together; finished curves drop out."""
    count, unknowns = x.shape
    x = _bounded(problem, x)
    final = evaluate(problem, np.cumsum(x, axis=1))
    converged = np.zeros(count, bool)
    damping, growth = np.full(count, 1e-3), np.full(count, 2.0)
    fastest = problem.log_rate_limits[1]
    rows = np.arange(count)
    part, state = problem, final
    smallest = 1e-30 * ((problem.activities * problem.weights) ** 2).sum(axis=1)
    index = np.arange(unknowns)
    for iteration in range(LARGEST_STEPS):
        here = x[rows]
        gradient, matrix, pinned = _jacobian(part, state)
        diagonal = np.einsum("nkk->nk", matrix)
        # a step that the box would undo is not taken, so that the other unknowns move as if it were fixed
        blocked = (np.abs(_bounded(part, here - 1e-6 * np.sign(gradient)) - here) < 1e-9) | (diagonal <= 1e-200)
        keep = ~blocked
        if iteration >= GAUSS_NEWTON_STEPS:
            matrix = _hessian(part, here, gradient, matrix)
        scale = np.where(keep, np.sqrt(np.where(keep, diagonal, 1.0)), 1.0)
        system = matrix * (keep[:, :, None] & keep[:, None, :]) / (scale[:, :, None] * scale[:, None, :])
        system[:, index, index] = np.where(keep, system[:, index, index] + damping[rows, None], 1.0)
        step = -np.linalg.solve(system, (gradient * keep / scale)[..., None])[..., 0] / scale
        step /= np.maximum(np.abs(step).max(axis=1), 1.0)[:, None]
        there = here + step
        there[pinned, -1] = fastest - there[pinned, :-1].sum(axis=1)
        there = _bounded(part, there)
        trial = evaluate(part, np.cumsum(there, axis=1))
        better = trial["objective"] <= state["objective"]
        moved = np.abs(there - here).max(axis=1)
        predicted = -(step * (2 * gradient * keep + (matrix @ step[..., None])[..., 0])).sum(axis=1)
        damping[rows], growth[rows] = _next_damping(
            damping[rows], growth[rows], state["objective"] - trial["objective"], predicted, better
        )
        x[rows[better]] = there[better]
        for key, value in final.items():
            value[rows[better]] = trial[key][better]
        done = (moved < 1e-11) | (predicted <= 1e-16 * state["objective"] + smallest[rows])
        converged[rows[done]] = True
        if done.all():
            break
        rows = rows[~done]
        part = problem.part(rows)
        state = {key: value[rows] for key, value in final.items()}
    return x, final, converged


def _hessian(problem: Problem, x: np.ndarray, gradient: np.ndarray, gauss_newton: np.ndarray) -> np.ndarray:
    """Second derivatives by differences of the gradient, made positive: needed where the model does not fit well."""
    unknowns = x.shape[1]
    rows = []
    for k in range(unknowns):
        shifted = x.copy()
        shifted[:, k] += 1e-5
        moved, _, _ = _jacobian(problem, evaluate(problem, np.cumsum(shifted, axis=1)))
        rows.append((moved - gradient) / 1e-5)
    hessian = np.stack(rows, axis=1)
    hessian = 0.5 * (hessian + hessian.transpose(0, 2, 1))
    diagonal = np.einsum("nkk->nk", gauss_newton)
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    pairs = scale[:, :, None] * scale[:, None, :]
    values, vectors = np.linalg.eigh(hessian / pairs)
    sizes = np.abs(values)
    positive = np.maximum(sizes, np.maximum(1e-6, 1e-10 * sizes.max(axis=1, keepdims=True)))
    return np.einsum("nik,nk,njk->nij", vectors, positive, vectors) * pairs


def _next_damping(damping, growth, reached, predicted, better):
    """Nielsen's rule (1999): damping follows how well the quadratic model predicted the decrease."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.clip(np.where(predicted > 0, reached / predicted, 1.0), -10.0, 10.0)
    smaller = damping * np.clip(1 - (2 * ratio - 1) ** 3, 0.1, 2.0)
    return np.clip(np.where(better, smaller, damping * growth), 1e-10, 1e12), np.where(better, 2.0, np.minimum(growth * 2, 64.0))


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
