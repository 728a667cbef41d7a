"""Noise of the mean over a region, from one image: what a blurred uniform region cannot explain, and how far it is correlated.

A model of what may be smooth and true (a gradient, from 60 voxels on a parabola; the region as the camera sees it, the square of that
and its shift; what spills in from other regions) is fitted to the voxels and taken off. What is left, r, is noise. Its covariance is s2 C, C a Gaussian correlation
exp(-d2/(4 w2)) of white noise smoothed with a standard deviation w. Both are found from r with what the fit took away:
E[r'r] = s2 tr(MCM), M = 1 - QQ', Q the orthonormal model, and likewise for the differences of neighbors, whose share of r'r
tells w. The standard error of the mean is s sqrt(1'C1)/n (docs/regions_and_activity.md).
"""

import math
from dataclasses import dataclass

import numpy as np

_WIDTHS = (0.0, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0)
"""Correlations tried, as shares of the standard deviation of the point spread: noise is not correlated farther than the image."""

_TEMPLATE_REACH = 4.0
_MODEL_TOLERANCE = 1e-3
_LEAST_SPILL = 1e-4
_FEWEST_FREE_VOXELS = 12
_FEWEST_FOR_A_PARABOLA = 60
_VOXELS_PER_TERM = 3
_MOST_VOXELS = 20000
_SMALLER_BOX = 32
_UNKNOWN_SIGMA_VOXELS = 2.0
"""Without a resolution: wider than any that the voxels of a camera are chosen for."""


@dataclass(frozen=True)
class MeanNoise:
    """Standard error of a mean in the unit of the image. correlation_sigma_mm: width w of the smoothing that made the noise."""

    standard_error: float
    correlation_sigma_mm: float


def noise_of_mean(
    values: np.ndarray, inside: np.ndarray, occupancy: np.ndarray, spacing_mm, sigma_mm: float | None, others=()
) -> MeanNoise | None:
    """Noise of the mean of ``values`` over the voxels ``inside``, all (z, y, x); None when too few voxels are left to tell.

    occupancy: share of each voxel in the region; others: the same of other regions, whose activity spills in. sigma_mm: standard deviation of the point spread, None when not known. The correlation
    is taken one standard error wider than found, at most that of the point spread. Uneven uptake that the model does not
    follow counts as noise: then this is an upper estimate.
    """
    spacing = np.asarray(spacing_mm, dtype=float)
    sigma = _UNKNOWN_SIGMA_VOXELS * float(spacing.max()) if sigma_mm is None else float(sigma_mm)
    total = int(np.count_nonzero(inside))
    box, inside = _cut_out(inside, np.ceil(_TEMPLATE_REACH * sigma / spacing).astype(int))
    values, index = values[box], np.nonzero(inside)
    count = len(index[0])
    model = _model(occupancy[box], [other[box] for other in others], index, sigma / spacing)
    if count - model.shape[1] < _FEWEST_FREE_VOXELS:
        return None
    measured = values[index].astype(np.float64)
    rest = measured - model @ (model.T @ measured)
    squares = float(rest @ rest)
    if squares <= 1e-12 * float(measured @ measured):
        return MeanNoise(math.sqrt(squares / count), 0.0)
    pairs = _neighbors(index, inside.shape)
    differences = sum(float(((rest[first] - rest[second]) ** 2).sum()) for first, second in pairs)
    expected = [_expected(model, index, inside.shape, pairs, width * sigma, spacing) for width in _WIDTHS]
    of_squares, of_differences, of_mean = (np.array(column) for column in zip(*expected))
    share = differences / squares * (1.0 - math.sqrt(2.0 / (count - model.shape[1])))
    width = float(np.interp(-share, -of_differences / of_squares, _WIDTHS))
    variance = squares / float(np.interp(width, _WIDTHS, of_squares))
    # A region that was cut holds as many more independent parts as it is larger.
    variance *= float(np.interp(width, _WIDTHS, of_mean)) * count / total
    return MeanNoise(math.sqrt(variance), width * sigma)


def _cut_out(inside: np.ndarray, margin):
    """Box around the region with what spills into it, and the region in the box; of a very large one a box about its middle, since its noise is alike everywhere."""
    index = np.nonzero(inside)
    low, high = ([int(function(axis)) for axis in index] for function in (np.min, np.max))
    if len(index[0]) > _MOST_VOXELS:
        middle = [float(axis.mean()) for axis in index]
        nearest = int(np.argmin(sum((axis - at) ** 2 for axis, at in zip(index, middle))))
        half = _SMALLER_BOX // 2
        low = [max(int(axis[nearest]) - half, least) for axis, least in zip(index, low)]
        high = [min(int(axis[nearest]) + half, most) for axis, most in zip(index, high)]
        kept = np.zeros(inside.shape, dtype=bool)
        box = tuple(slice(a, b + 1) for a, b in zip(low, high))
        kept[box] = inside[box]
        inside = kept
    box = tuple(slice(max(a - pad, 0), b + 1 + pad) for a, b, pad in zip(low, high, margin))
    return box, np.asarray(inside[box], dtype=bool)


def _model(occupancy: np.ndarray, others, index, sigma_voxels: np.ndarray) -> np.ndarray:
    """Orthonormal columns, (voxels, terms), of what may be smooth and true."""

    from scipy import ndimage

    def seen(share: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(
            np.asarray(share, dtype=np.float64), sigma_voxels, mode="constant", truncate=_TEMPLATE_REACH
        )

    place = [(axis - axis.mean()) / max(float(np.ptp(axis)), 1.0) for axis in index]
    blurred = seen(occupancy)
    columns = [np.ones(len(index[0])), *place]
    if len(index[0]) >= _FEWEST_FOR_A_PARABOLA:
        columns += [place[first] * place[second] for first in range(3) for second in range(first, 3)]
    columns += [blurred[index], blurred[index] ** 2, *(slope[index] for slope in np.gradient(blurred))]
    spills = sorted((seen(other)[index] for other in others if other.any()), key=np.linalg.norm, reverse=True)
    columns += spills[: max(0, len(index[0]) // _VOXELS_PER_TERM - len(columns))]
    sizes = [float(np.linalg.norm(column)) for column in columns]
    columns = [column / size for column, size in zip(columns, sizes) if size > _LEAST_SPILL * math.sqrt(len(index[0]))]
    basis, singular, _ = np.linalg.svd(np.stack(columns, axis=1), full_matrices=False)
    return basis[:, singular > _MODEL_TOLERANCE * singular[0]]


def _neighbors(index, shape) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of voxels of the region that are next to one another along each axis, as places in the list of its voxels."""
    number = np.full(shape, -1, dtype=np.int64)
    number[index] = np.arange(len(index[0]))
    pairs = []
    for axis in range(3):
        first = np.take(number, range(shape[axis] - 1), axis=axis).ravel()
        second = np.take(number, range(1, shape[axis]), axis=axis).ravel()
        both = (first >= 0) & (second >= 0)
        pairs.append((first[both], second[both]))
    return pairs


def _expected(model, index, shape, pairs, width_mm: float, spacing) -> tuple[float, float, float]:
    """For noise of variance 1 and this correlation: expected r'r, expected squared differences of neighbors, variance of the mean."""
    count = len(index[0])
    along = [_correlation(size, step, width_mm) for size, step in zip(shape, spacing)]
    fields = np.zeros((model.shape[1] + 1, *shape))
    fields[:, index[0], index[1], index[2]] = np.vstack([model.T, np.full(count, 1.0 / count)])
    for axis, matrix in enumerate(along, start=1):
        fields = np.moveaxis(np.tensordot(fields, matrix, axes=(axis, 0)), -1, axis)
    smoothed = fields[:, index[0], index[1], index[2]].T
    inner = model.T @ smoothed[:, :-1]
    neighbors = 0.0
    for (first, second), matrix in zip(pairs, along):
        if not first.size:
            continue
        of_model, of_smoothed = model[first] - model[second], smoothed[first, :-1] - smoothed[second, :-1]
        neighbors += 2.0 * (1.0 - matrix[0, 1]) * first.size - 2.0 * float((of_model * of_smoothed).sum())
        neighbors += float(((of_model.T @ of_model) * inner).sum())
    return count - float(np.trace(inner)), neighbors, float(smoothed[:, -1].mean())


def _correlation(size: int, step_mm: float, width_mm: float) -> np.ndarray:
    """Correlation of noise between the places along one axis, (size, size)."""
    if width_mm == 0:
        return np.eye(size)
    distance = np.subtract.outer(np.arange(size), np.arange(size)) * step_mm
    return np.exp(-(distance**2) / (4.0 * width_mm**2))
