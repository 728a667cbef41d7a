"""Find the hot spheres of a recovery phantom in its SPECT and measure the recovery of each."""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from RNTDosimetryLib.base.checks import triple
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.drawing import sphere_volume_ml
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import ActivityImage
from RNTDosimetryLib.measurement.uncertainty import FWHM_PER_SIGMA

_LEAST_CONTRAST_TO_NOISE = 4.0
_CENTROID_ROUNDS = 6
_CENTROID_SHARE = 0.3
_SHELL = 1.3
_SIZE_AGREEMENT = 1.6
_SURROUNDING_FWHM = (2.0, 3.0)
_FEWEST_SHELL_VOXELS = 20
_IMPLAUSIBLE_RECOVERY = 1.1


@dataclass(frozen=True)
class DetectedSphere(Record):
    """A sphere found. excess_bq: activity around it above its surroundings (Bq/mL x mL), by which sizes were assigned."""

    center_lps_mm: tuple[float, float, float]
    diameter_mm: float
    excess_bq: float

    @property
    def volume_ml(self) -> float:
        return sphere_volume_ml(self.diameter_mm)


@dataclass(frozen=True)
class SpherePhantomScan(Record):
    """Recovery of every sphere: measured mean inside over the true concentration, above the surroundings.

    uncertainties: random, 1 sigma, absolute: noise and place. systematic_relative_uncertainty: of the true concentration and the
    calibration, common to all spheres; None when not known. surroundings_bq_ml: level around each sphere.
    """

    spheres: tuple[DetectedSphere, ...]
    volumes_ml: tuple[float, ...]
    recoveries: tuple[float, ...]
    uncertainties: tuple[float, ...]
    systematic_relative_uncertainty: float | None
    surroundings_bq_ml: tuple[float, ...]
    warnings: tuple[str, ...] = ()


def detect_spheres(
    image: ActivityImage, diameters_mm, fwhm_mm: float, least_distance_mm: float = 40.0
) -> tuple[DetectedSphere, ...]:
    """Centers of hot spheres of known diameters, in the order of ``diameters_mm``.

    The image is smoothed by one sigma of the resolution; its highest local maxima at least ``least_distance_mm`` apart are
    the candidates, as many as there are diameters. Each center is the centroid of what exceeds the surroundings, and the
    sphere with the most activity above them gets the largest diameter. Raises DosimetryError when fewer stand out from the
    noise, when two diameters are alike to within 5 %, or when an activity does not fit the diameter it would get.
    """
    from scipy import ndimage

    diameters = np.asarray(diameters_mm, dtype=float).ravel()
    _check_diameters(diameters, fwhm_mm)
    geometry = image.geometry
    spacing = np.asarray(geometry.spacing_mm)
    smooth = ndimage.gaussian_filter(image.concentration_bq_ml.astype(np.float64), fwhm_mm / FWHM_PER_SIGMA / spacing)
    candidates = _separate_maxima(smooth, geometry, least_distance_mm, diameters.size)
    reach = max(least_distance_mm / 2.0, diameters.max() / 2.0 + 0.5 * fwhm_mm)
    places = [_to_lps(geometry, place) for place in candidates]
    clear = [place for place in places if _stands_out(smooth, geometry, place, reach)]
    if len(clear) < diameters.size:
        raise DosimetryError(
            f"Expected {diameters.size} spheres that stand out from their surroundings, received {len(clear)}; leave out the smallest, or scan longer."
        )
    found = sorted((_centroid_and_excess(image, place, reach) for place in clear), key=lambda item: -item[1])
    by_size = np.argsort(-diameters)
    # Once more within the outline that fits each: noise far out would weigh more than a small sphere.
    found = [
        _centroid_and_excess(image, center, diameters[number] / 2.0 + fwhm_mm) for (center, _), number in zip(found, by_size)
    ]
    result: list[DetectedSphere | None] = [None] * diameters.size
    for (center, excess), number in zip(sorted(found, key=lambda item: -item[1]), by_size):
        result[number] = DetectedSphere(triple(float(value) for value in center), float(diameters[number]), float(excess))
    _check_sizes(result)
    return tuple(result)


def measure_sphere_recovery(
    image: ActivityImage,
    spheres,
    true_concentration_bq_ml: float,
    fwhm_mm: float,
    concentration_relative_uncertainty: float | None = None,
    surroundings_bq_ml: float | None = None,
    center_uncertainty_mm: float = 0.25,
) -> SpherePhantomScan:
    """Recovery of each sphere within its true outline.

    R = (m - b)/(c - b): m mean over the sphere by partial voxels, b level of the surroundings (measured in the shell from 2 to
    3 FWHM outside when None, without what is near another sphere; type 0 for a cold phantom), c the true concentration at the time of the image. Noise of m:
    what differs from the mean at the same distance from the center, as a sphere looks the same in all directions. A center
    wrong by u along each axis costs a little, taken from the image shifted by u. Raises DosimetryError for a sphere
    that leaves the image, and for a concentration not above the surroundings.
    """
    if not true_concentration_bq_ml > 0:
        raise DosimetryError(
            f"Expected a positive concentration in the spheres, received {true_concentration_bq_ml}; type what was filled in."
        )
    spheres = tuple(spheres)
    recoveries, uncertainties, levels, warnings = [], [], [], []
    places = [(sphere.center_lps_mm, sphere.diameter_mm) for sphere in spheres]
    noises, correlated_voxels = noise_of_means(image.concentration_bq_ml, image.geometry, places, fwhm_mm)
    for sphere, noise in zip(spheres, noises):
        mean = sphere_mean(image.concentration_bq_ml, image.geometry, sphere.center_lps_mm, sphere.diameter_mm)
        level, level_error = (float(surroundings_bq_ml or 0.0), 0.0)
        if surroundings_bq_ml is None:
            shell = _shell_values(image, sphere, spheres, fwhm_mm)
            level, level_error = (
                float(shell.mean()),
                float(shell.std(ddof=1)) / math.sqrt(max(1.0, shell.size / correlated_voxels)),
            )
        contrast = true_concentration_bq_ml - level
        if contrast <= 0:
            raise DosimetryError(
                f"Expected spheres above their surroundings, received {true_concentration_bq_ml:.4g} and {level:.4g} Bq/mL; check the concentrations."
            )
        recovery = (mean - level) / contrast
        place = _place_error(image, sphere, mean, center_uncertainty_mm)
        # dR/dm = 1/contrast, dR/db = (R - 1)/contrast
        recoveries.append(recovery)
        uncertainties.append(math.hypot(noise, place, (1.0 - recovery) * level_error) / contrast)
        levels.append(level)
        if recovery > _IMPLAUSIBLE_RECOVERY:
            warnings.append(warned("sphere_recovers_more_than_all", diameter=sphere.diameter_mm, recovery=recovery))
    parts = (concentration_relative_uncertainty, image.calibration_uncertainty)
    return SpherePhantomScan(
        spheres=spheres,
        volumes_ml=tuple(sphere.volume_ml for sphere in spheres),
        recoveries=tuple(recoveries),
        uncertainties=tuple(uncertainties),
        systematic_relative_uncertainty=None if parts[0] is None else float(np.hypot(*parts)),
        surroundings_bq_ml=tuple(levels),
        warnings=tuple(warnings),
    )


def _check_diameters(diameters: np.ndarray, fwhm_mm: float) -> None:
    if diameters.size == 0 or not np.all(np.isfinite(diameters)) or diameters.min() <= 0 or not fwhm_mm > 0:
        raise DosimetryError(
            f"Expected positive inner diameters and resolution in mm, received {diameters.tolist()} and {fwhm_mm}; type them."
        )
    ordered = np.sort(diameters)
    if np.any(np.diff(ordered) < 0.05 * ordered[1:]):
        raise DosimetryError(
            f"Expected diameters that differ by 5 % or more, received {ordered.tolist()}; give the centers of such spheres yourself."
        )


def _separate_maxima(smooth: np.ndarray, geometry: ImageGeometry, least_distance_mm: float, wanted: int) -> list[np.ndarray]:
    """The highest local maxima, each farther than the distance from every higher one."""
    from scipy import ndimage

    peaks = np.argwhere((smooth == ndimage.maximum_filter(smooth, 3)) & (smooth > np.median(smooth)))
    peaks = peaks[np.argsort(-smooth[tuple(peaks.T)], kind="stable")]
    chosen: list[np.ndarray] = []
    for place in peaks:
        if all(np.linalg.norm((place - other) * geometry.spacing_mm) > least_distance_mm for other in chosen):
            chosen.append(place)
        if len(chosen) == wanted:
            break
    return chosen


def _to_lps(geometry: ImageGeometry, index_zyx) -> np.ndarray:
    return (geometry.index_to_lps @ np.append(np.asarray(index_zyx, dtype=float)[::-1], 1.0))[:3]


def _stands_out(smooth: np.ndarray, geometry: ImageGeometry, center_lps_mm, radius_mm: float) -> bool:
    """Whether a maximum is above the shell around it by several times the scatter there."""
    box, distance = distances_around(geometry, center_lps_mm, _SHELL * radius_mm)
    shell = smooth[box][(distance > radius_mm) & (distance <= _SHELL * radius_mm)]
    level = float(np.median(shell))
    scatter = 1.4826 * float(np.median(np.abs(shell - level)))
    peak = smooth[box][np.unravel_index(int(np.argmin(distance)), distance.shape)]
    return bool(peak - level > _LEAST_CONTRAST_TO_NOISE * scatter)


def _centroid_and_excess(image: ActivityImage, center_lps_mm, radius_mm: float) -> tuple[np.ndarray, float]:
    """Center in LPS mm and activity above the surroundings, in a ball that follows the centroid."""
    geometry = image.geometry
    center, excess = np.asarray(center_lps_mm, dtype=float), 0.0
    for _ in range(_CENTROID_ROUNDS):
        box, distance = distances_around(geometry, center, _SHELL * radius_mm)
        values = image.concentration_bq_ml[box].astype(np.float64)
        level = float(np.median(values[(distance > radius_mm) & (distance <= _SHELL * radius_mm)]))
        weight = np.where(distance <= radius_mm, values - level, 0.0)
        excess = float(weight.sum()) * geometry.voxel_volume_ml
        # Only what is well above the level moves the center, so that noise far out does not.
        strong = np.where(weight > _CENTROID_SHARE * weight.max(), weight, 0.0)
        index = [np.arange(part.start, part.stop) for part in box]
        sums = [
            np.tensordot(strong.sum(axis=tuple(other for other in range(3) if other != axis)), index[axis], axes=1)
            for axis in range(3)
        ]
        center = _to_lps(geometry, np.array(sums) / strong.sum())
    return center, excess


def _check_sizes(spheres) -> None:
    """All spheres hold one concentration: activity over volume must be alike, by the largest sphere."""
    largest = max(spheres, key=lambda sphere: sphere.diameter_mm)
    for sphere in spheres:
        ratio = sphere.excess_bq / sphere.volume_ml / (largest.excess_bq / largest.volume_ml)
        if not 1 / _SIZE_AGREEMENT < ratio < _SIZE_AGREEMENT:
            raise DosimetryError(
                f"Expected spheres filled with one concentration, received {ratio:.2g} times that of the largest in the sphere taken for {sphere.diameter_mm:g} mm; "
                "check the diameters, or give the centers yourself."
            )


def _place_error(image: ActivityImage, sphere: DetectedSphere, mean: float, center_uncertainty_mm: float) -> float:
    """Loss of the mean by a misplaced center, Bq/mL: quadratic, so its mean is that of the shifts both ways, summed over the axes."""
    axes = np.asarray(image.geometry.direction).T
    center = np.asarray(sphere.center_lps_mm)
    shifted = [
        sphere_mean(image.concentration_bq_ml, image.geometry, center + sign * center_uncertainty_mm * axis, sphere.diameter_mm)
        for axis in axes
        for sign in (-1.0, 1.0)
    ]
    return abs(sum(value - mean for value in shifted)) / 2.0


def _shell_values(image: ActivityImage, sphere: DetectedSphere, others, fwhm_mm: float) -> np.ndarray:
    """Voxels from two to three FWHM outside a sphere, two or more from every other: nearer, spheres spill 0.01 % and more."""
    inner, outer = (sphere.diameter_mm / 2.0 + factor * fwhm_mm for factor in _SURROUNDING_FWHM)
    geometry = image.geometry
    box, distance = distances_around(geometry, sphere.center_lps_mm, outer)
    shell = (distance > inner) & (distance <= outer)
    center = np.linalg.inv(geometry.index_to_lps) @ np.append(sphere.center_lps_mm, 1.0)
    index = [np.arange(part.start, part.stop) for part in box]
    for other in others:
        place = (np.linalg.inv(geometry.index_to_lps) @ np.append(other.center_lps_mm, 1.0))[:3][::-1]
        if np.allclose(place, center[:3][::-1]):
            continue
        squares = [((line - at) * step) ** 2 for line, at, step in zip(index, place, geometry.spacing_mm)]
        near = (other.diameter_mm / 2.0 + _SURROUNDING_FWHM[0] * fwhm_mm) ** 2
        shell &= squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :] > near
    values = image.concentration_bq_ml[box][shell].astype(np.float64)
    if values.size < _FEWEST_SHELL_VOXELS:
        raise DosimetryError(
            f"Expected surroundings of the sphere of {sphere.diameter_mm:g} mm clear of other spheres, received {values.size} voxels; type surroundings_bq_ml."
        )
    return values


_RADII, _FEWEST_DIRECTIONS, _MOST_DIRECTIONS, _POINTS_PER_VOXEL = 14, 60, 300, 4.0
_ORDER = 5
_PADDING_VOXELS = 8
_PROFILE_DEGREE = 7
_LARGEST_CORRELATION = 0.97
_BALL_BEYOND_FWHM = 0.7
_LEAST_VARIANCE_SHARE = 0.05


@lru_cache(maxsize=512)
def sphere_weights(geometry: ImageGeometry, center_lps_mm: tuple[float, float, float], diameter_mm: float):
    """Box of the grid and the weight of each of its voxels, (z, y, x), sum 1: mean = sum(weights x values).

    The mean of the spline over the ball, by quadrature (radii x directions); its weights are the B-splines at the passed through the spline's prefilter, which is its own transpose. Raises DosimetryError when the sphere leaves the grid.
    """
    from scipy import ndimage

    to_index = np.linalg.inv(geometry.index_to_lps)
    index = (to_index @ np.append(center_lps_mm, 1.0))[:3]
    reach = diameter_mm / 2.0 * np.linalg.norm(to_index[:3, :3], axis=1)
    if np.any(index - reach < -0.5) or np.any(index + reach > np.array(geometry.size[::-1]) - 0.5):
        raise DosimetryError(
            f"Expected a sphere of {diameter_mm:.4g} mm within the image, received one at {np.round(center_lps_mm, 1).tolist()} that leaves it; "
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
    """Values of the B-splines around points, (n, order + 1); offset: distance of each point from the first of their centers."""
    half = (_ORDER + 1) / 2.0
    x = offset[:, None] - np.arange(_ORDER + 1) + half
    # Truncated powers; x runs from 0 to order + 1 over the support.
    terms = [(-1.0) ** k * math.comb(_ORDER + 1, k) * np.maximum(x - k, 0.0) ** _ORDER for k in range(_ORDER + 2)]
    return sum(terms) / math.factorial(_ORDER)


def sphere_mean(values: np.ndarray, geometry: ImageGeometry, center_lps_mm, diameter_mm: float) -> float:
    """Mean over a sphere."""
    box, weights = sphere_weights(geometry, triple(map(float, center_lps_mm)), float(diameter_mm))  # type: ignore[arg-type]
    return float((values[box] * weights).sum(dtype=np.float64))


def distances_around(geometry: ImageGeometry, center_lps_mm, radius_mm: float) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Box of the grid that holds a ball, and the distance in mm of each of its voxels from the center."""
    spacing = np.asarray(geometry.spacing_mm)
    center = (np.linalg.inv(geometry.index_to_lps) @ np.append(center_lps_mm, 1.0))[:3][::-1]
    low = np.maximum(np.floor(center - radius_mm / spacing).astype(int), 0)
    high = np.minimum(np.ceil(center + radius_mm / spacing).astype(int) + 1, geometry.size)
    axes = [((np.arange(a, b) - c) * step) ** 2 for a, b, c, step in zip(low, high, center, spacing)]
    distance = np.sqrt(axes[0][:, None, None] + axes[1][None, :, None] + axes[2][None, None, :])
    return triple(slice(int(a), int(b)) for a, b in zip(low, high)), distance


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

    spheres: pairs (center_lps_mm, diameter_mm). A sphere looks the same in all directions, so what differs from the mean at its
    distance is noise. Its variance is in proportion to the value, as for counts; the factor is taken from all spheres
    together, as is the correlation of neighbors (a Gaussian with the measured value at one voxel's distance along each axis).
    Raises DosimetryError for a sphere that leaves the grid, and for spheres within one another.
    """
    _check_places(geometry, spheres)
    parts = [_residuals(values, geometry, center, diameter, fwhm_mm) for center, diameter in spheres]
    pooled = sum(float((part.normal**2).sum()) for part in parts) / sum(int(np.count_nonzero(part.fitted)) for part in parts)
    correlated_voxels = 1.0
    for axis in range(3):
        correlation = min(max(_neighbor_correlation(parts, axis), 0.0), _LARGEST_CORRELATION)
        correlated_voxels *= 1.0 + 2.0 * sum(correlation ** (step * step) for step in range(1, 12))
    variance = np.zeros(geometry.size)
    errors = []
    for (center, diameter), part in zip(spheres, parts):
        box, weights = sphere_weights(geometry, triple(map(float, center)), float(diameter))  # type: ignore[arg-type]
        variance[part.box] = pooled * part.fitted
        independent = float((weights**2 * variance[box]).sum()) * correlated_voxels
        whole = float((np.abs(weights) * variance[box]).sum())
        variance[part.box] = 0.0
        errors.append(float(np.sqrt(min(independent, whole))))
    return errors, correlated_voxels


def _check_places(geometry: ImageGeometry, spheres) -> None:
    for center, diameter in spheres:
        sphere_weights(geometry, triple(map(float, center)), float(diameter))  # type: ignore[arg-type]
    for (center, diameter), (other, other_diameter) in combinations(spheres, 2):
        apart = math.dist(center, other)
        if apart < 0.5 * (diameter + other_diameter):
            raise DosimetryError(
                f"Expected spheres beside one another, received those of {diameter:g} and {other_diameter:g} mm with centers {apart:.3g} mm apart; "
                "correct the centers."
            )


def _residuals(values: np.ndarray, geometry: ImageGeometry, center_lps_mm, diameter_mm: float, fwhm_mm: float) -> _Residuals:
    radius = diameter_mm / 2.0 + _BALL_BEYOND_FWHM * fwhm_mm
    box, distance = distances_around(geometry, center_lps_mm, radius)
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


def _neighbor_correlation(parts: list[_Residuals], axis: int) -> float:
    """Correlation of residuals one voxel apart, over all spheres."""
    product = square = 0.0
    for part in parts:
        inside, size = part.fitted > 0, part.normal.shape[axis]
        first, second = (np.take(part.normal, range(start, size - 1 + start), axis=axis) for start in (0, 1))
        both = np.take(inside, range(size - 1), axis=axis) & np.take(inside, range(1, size), axis=axis)
        product += float((first * second)[both].sum())
        square += float(0.5 * (first**2 + second**2)[both].sum())
    return product / square if square > 0 else 0.0
