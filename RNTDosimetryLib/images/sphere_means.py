"""Mean of an image over a sphere of known place and size, with its noise, without the blur of partial voxels.

Between voxels the image is taken as a quintic spline, as a cubic one still blurs a camera whose sigma is one voxel by 1 %. So the mean over a sphere is that of what the camera shows, blurred by
its point spread and its voxels, as in a region of many voxels; weighting voxels by their share would blur once more.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry

_RADII, _FEWEST_DIRECTIONS, _MOST_DIRECTIONS, _POINTS_PER_VOXEL = 14, 60, 300, 4.0
_ORDER = 5
_PADDING_VOXELS = 8
_PROFILE_DEGREE = 7
_LARGEST_CORRELATION = 0.97
_BALL_BEYOND_FWHM = 0.7
_LEAST_VARIANCE_SHARE = 0.05


@lru_cache(maxsize=512)
def sphere_weights(geometry: ImageGeometry, centre_lps_mm: tuple[float, float, float], diameter_mm: float):
    """Box of the grid and the weight of each of its voxels, (z, y, x), sum 1: mean = sum(weights x values).

    The mean of the spline over the ball, by quadrature (radii x directions); its weights are the B-splines at the passed through the spline's prefilter, which is its own transpose. Raises DosimetryError when the sphere leaves the grid.
    """
    from scipy import ndimage

    to_index = np.linalg.inv(geometry.index_to_lps)
    index = (to_index @ np.append(centre_lps_mm, 1.0))[:3]
    reach = diameter_mm / 2.0 * np.linalg.norm(to_index[:3, :3], axis=1)
    if np.any(index - reach < -0.5) or np.any(index + reach > np.array(geometry.size[::-1]) - 0.5):
        raise DosimetryError(
            f"Expected a sphere of {diameter_mm:.4g} mm within the image, received one at {np.round(centre_lps_mm, 1).tolist()} that leaves it; "
            "leave this sphere out or use a larger image."
        )
    voxels = np.pi / 6.0 * diameter_mm**3 / np.prod(geometry.spacing_mm)
    wanted = _POINTS_PER_VOXEL * voxels / _RADII
    points, weights = _ball_points(int(np.clip(10 * round(wanted / 10), _FEWEST_DIRECTIONS, _MOST_DIRECTIONS)))
    places = (index[:, None] + to_index[:3, :3] @ (points.T * diameter_mm / 2.0))[::-1]
    low = np.floor(places.min(axis=1)).astype(int) - _PADDING_VOXELS
    high = np.ceil(places.max(axis=1)).astype(int) + _PADDING_VOXELS + 1
    shape = tuple(int(size) for size in high - low)
    first = np.floor(places).astype(int) - _ORDER // 2
    shares = [_b_splines(place - start) for place, start in zip(places, first)]
    steps = np.arange(_ORDER + 1)
    rows = [start[:, None] - base + steps for start, base in zip(first, low)]
    flat = (rows[0][:, :, None, None] * shape[1] + rows[1][:, None, :, None]) * shape[2] + rows[2][:, None, None, :]
    values = (shares[0] * weights[:, None])[:, :, None, None] * shares[1][:, None, :, None] * shares[2][:, None, None, :]
    box = np.bincount(flat.ravel(), values.ravel(), minlength=int(np.prod(shape))).reshape(shape)
    box = ndimage.spline_filter(box, order=_ORDER, mode="mirror")
    start, stop = np.maximum(low, 0), np.minimum(high, geometry.size)
    box = box[tuple(slice(a - base, b - base) for a, b, base in zip(start, stop, low))]
    return tuple(slice(int(a), int(b)) for a, b in zip(start, stop)), box / box.sum()


@lru_cache(maxsize=64)
def _ball_points(directions: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of the unit ball, (n, 3), and weights of sum 1: Gauss-Legendre radii, directions on a Fibonacci spiral turned for each radius."""
    nodes, weights = np.polynomial.legendre.leggauss(_RADII)
    radii = 0.5 * (nodes + 1.0)
    number = np.arange(directions) + 0.5
    cosine = 1.0 - 2.0 * number / directions
    points = []
    for turn, radius in enumerate(radii):
        angle = np.pi * (1.0 + np.sqrt(5.0)) * number + turn
        sine = np.sqrt(1.0 - cosine**2)
        points.append(radius * np.stack([sine * np.cos(angle), sine * np.sin(angle), cosine * (-1.0) ** turn], axis=-1))
    shell = np.repeat(weights * radii**2, directions)
    return np.concatenate(points), shell / shell.sum()


def _b_splines(offset: np.ndarray) -> np.ndarray:
    """Values of the B-splines around points, (n, order + 1); offset: distance of each point from the first of their centres."""
    half = (_ORDER + 1) / 2.0
    x = offset[:, None] - np.arange(_ORDER + 1) + half
    # Truncated powers; x runs from 0 to order + 1 over the support.
    terms = [(-1.0) ** k * math.comb(_ORDER + 1, k) * np.maximum(x - k, 0.0) ** _ORDER for k in range(_ORDER + 2)]
    return sum(terms) / math.factorial(_ORDER)


def sphere_mean(values: np.ndarray, geometry: ImageGeometry, centre_lps_mm, diameter_mm: float) -> float:
    """Mean over a sphere."""
    box, weights = sphere_weights(geometry, tuple(float(value) for value in centre_lps_mm), float(diameter_mm))
    return float((values[box] * weights).sum(dtype=np.float64))


def distances_around(geometry: ImageGeometry, centre_lps_mm, radius_mm: float) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Box of the grid that holds a ball, and the distance in mm of each of its voxels from the centre."""
    spacing = np.asarray(geometry.spacing_mm)
    centre = (np.linalg.inv(geometry.index_to_lps) @ np.append(centre_lps_mm, 1.0))[:3][::-1]
    low = np.maximum(np.floor(centre - radius_mm / spacing).astype(int), 0)
    high = np.minimum(np.ceil(centre + radius_mm / spacing).astype(int) + 1, geometry.size)
    axes = [((np.arange(a, b) - c) * step) ** 2 for a, b, c, step in zip(low, high, centre, spacing)]
    distance = np.sqrt(axes[0][:, None, None] + axes[1][None, :, None] + axes[2][None, None, :])
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high)), distance


@dataclass(frozen=True)
class _Residuals:
    """Differences of an image from the mean at each distance around one sphere.

    box: place of the arrays in the image. fitted: mean at that distance, 0 outside the ball looked at. normal: difference over
    the square root of fitted.
    """

    box: tuple[slice, slice, slice]
    fitted: np.ndarray
    normal: np.ndarray


def noise_of_means(values: np.ndarray, geometry: ImageGeometry, spheres, fwhm_mm: float) -> tuple[list[float], float]:
    """Standard errors of the means over spheres, in the unit of the image, and how many voxels count as one independent one.

    spheres: pairs (centre_lps_mm, diameter_mm). A sphere looks the same in all directions, so what differs from the mean at its
    distance is noise. Its variance is in proportion to the value, as for counts; the factor is taken from all spheres
    together, as is the correlation of neighbours (a Gaussian with the measured value at one voxel's distance along each axis).
    Raises DosimetryError for a sphere that leaves the grid, and for spheres within one another.
    """
    _check_places(geometry, spheres)
    parts = [_residuals(values, geometry, centre, diameter, fwhm_mm) for centre, diameter in spheres]
    pooled = sum(float((part.normal**2).sum()) for part in parts) / sum(int(np.count_nonzero(part.fitted)) for part in parts)
    correlated_voxels = 1.0
    for axis in range(3):
        correlation = min(max(_neighbour_correlation(parts, axis), 0.0), _LARGEST_CORRELATION)
        correlated_voxels *= 1.0 + 2.0 * sum(correlation ** (step * step) for step in range(1, 12))
    variance = np.zeros(geometry.size)
    errors = []
    for (centre, diameter), part in zip(spheres, parts):
        box, weights = sphere_weights(geometry, tuple(float(value) for value in centre), float(diameter))
        variance[part.box] = pooled * part.fitted
        independent = float((weights**2 * variance[box]).sum()) * correlated_voxels
        whole = float((np.abs(weights) * variance[box]).sum())
        variance[part.box] = 0.0
        errors.append(float(np.sqrt(min(independent, whole))))
    return errors, correlated_voxels


def _check_places(geometry: ImageGeometry, spheres) -> None:
    for centre, diameter in spheres:
        sphere_weights(geometry, tuple(float(value) for value in centre), float(diameter))
    for (centre, diameter), (other, other_diameter) in combinations(spheres, 2):
        apart = math.dist(centre, other)
        if apart < 0.5 * (diameter + other_diameter):
            raise DosimetryError(
                f"Expected spheres beside one another, received those of {diameter:g} and {other_diameter:g} mm with centers {apart:.3g} mm apart; "
                "correct the centers."
            )


def _residuals(values: np.ndarray, geometry: ImageGeometry, centre_lps_mm, diameter_mm: float, fwhm_mm: float) -> _Residuals:
    radius = diameter_mm / 2.0 + _BALL_BEYOND_FWHM * fwhm_mm
    box, distance = distances_around(geometry, centre_lps_mm, radius)
    around = values[box].astype(np.float64)
    inside = distance <= radius
    basis = np.polynomial.chebyshev.chebvander(2.0 * (distance[inside] / radius) ** 2 - 1.0, _PROFILE_DEGREE)
    profile = basis @ np.linalg.lstsq(basis, around[inside], rcond=None)[0]
    smooth = np.maximum(profile, _LEAST_VARIANCE_SHARE * float(np.abs(profile).max()))
    fitted, normal = np.zeros(around.shape), np.zeros(around.shape)
    fitted[inside] = smooth
    share_left = 1.0 - (_PROFILE_DEGREE + 1.0) / np.count_nonzero(inside)
    normal[inside] = (around[inside] - profile) / np.sqrt(smooth * share_left)
    return _Residuals(box, fitted, normal)


def _neighbour_correlation(parts: list[_Residuals], axis: int) -> float:
    """Correlation of residuals one voxel apart, over all spheres."""
    product = square = 0.0
    for part in parts:
        inside, size = part.fitted > 0, part.normal.shape[axis]
        first, second = (np.take(part.normal, range(start, size - 1 + start), axis=axis) for start in (0, 1))
        both = np.take(inside, range(size - 1), axis=axis) & np.take(inside, range(1, size), axis=axis)
        product += float((first * second)[both].sum())
        square += float(0.5 * (first**2 + second**2)[both].sum())
    return product / square if square > 0 else 0.0
