"""Find the hot spheres of a recovery phantom in its SPECT and measure the recovery of each."""

import math
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.region_uncertainty import FWHM_PER_SIGMA
from RNTDosimetryLib.images.sphere_means import distances_around, noise_of_means, sphere_mean
from RNTDosimetryLib.images.spheres import sphere_volume_ml
from RNTDosimetryLib.images.volumes import ActivityImage

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

    centre_lps_mm: tuple[float, float, float]
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


def detect_spheres(image: ActivityImage, diameters_mm, fwhm_mm: float, least_distance_mm: float = 40.0) -> tuple[DetectedSphere, ...]:
    """Centres of hot spheres of known diameters, in the order of ``diameters_mm``.

    The image is smoothed by one sigma of the resolution; its highest local maxima at least ``least_distance_mm`` apart are
    the candidates, as many as there are diameters. Each centre is the centroid of what exceeds the surroundings, and the
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
    found = [_centroid_and_excess(image, centre, diameters[number] / 2.0 + fwhm_mm) for (centre, _), number in zip(found, by_size)]
    result: list[DetectedSphere | None] = [None] * diameters.size
    for (centre, excess), number in zip(sorted(found, key=lambda item: -item[1]), by_size):
        result[number] = DetectedSphere(tuple(float(value) for value in centre), float(diameters[number]), float(excess))
    _check_sizes(result)
    return tuple(result)


def measure_sphere_recovery(
    image: ActivityImage,
    spheres,
    true_concentration_bq_ml: float,
    fwhm_mm: float,
    concentration_relative_uncertainty: float | None = None,
    surroundings_bq_ml: float | None = None,
    centre_uncertainty_mm: float = 0.25,
) -> SpherePhantomScan:
    """Recovery of each sphere within its true outline.

    R = (m - b)/(c - b): m mean over the sphere by partial voxels, b level of the surroundings (measured in the shell from 2 to
    3 FWHM outside when None, without what is near another sphere; type 0 for a cold phantom), c the true concentration at the time of the image. Noise of m:
    what differs from the mean at the same distance from the centre, as a sphere looks the same in all directions. A centre
    wrong by u along each axis costs a little, taken from the image shifted by u. Raises DosimetryError for a sphere
    that leaves the image, and for a concentration not above the surroundings.
    """
    if not true_concentration_bq_ml > 0:
        raise DosimetryError(f"Expected a positive concentration in the spheres, received {true_concentration_bq_ml}; type what was filled in.")
    spheres = tuple(spheres)
    recoveries, uncertainties, levels, warnings = [], [], [], []
    places = [(sphere.centre_lps_mm, sphere.diameter_mm) for sphere in spheres]
    noises, correlated_voxels = noise_of_means(image.concentration_bq_ml, image.geometry, places, fwhm_mm)
    for sphere, noise in zip(spheres, noises):
        mean = sphere_mean(image.concentration_bq_ml, image.geometry, sphere.centre_lps_mm, sphere.diameter_mm)
        level, level_error = (float(surroundings_bq_ml or 0.0), 0.0)
        if surroundings_bq_ml is None:
            shell = _shell_values(image, sphere, spheres, fwhm_mm)
            level, level_error = float(shell.mean()), float(shell.std(ddof=1)) / math.sqrt(max(1.0, shell.size / correlated_voxels))
        contrast = true_concentration_bq_ml - level
        if contrast <= 0:
            raise DosimetryError(
                f"Expected spheres above their surroundings, received {true_concentration_bq_ml:.4g} and {level:.4g} Bq/mL; check the concentrations."
            )
        recovery = (mean - level) / contrast
        place = _place_error(image, sphere, mean, centre_uncertainty_mm)
        # dR/dm = 1/contrast, dR/db = (R - 1)/contrast
        recoveries.append(recovery)
        uncertainties.append(math.hypot(noise, place, (1.0 - recovery) * level_error) / contrast)
        levels.append(level)
        if recovery > _IMPLAUSIBLE_RECOVERY:
            warnings.append(f"sphere of {sphere.diameter_mm:g} mm: recovery {recovery:.2f} is above 1; check concentration and calibration")
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
        raise DosimetryError(f"Expected positive inner diameters and resolution in mm, received {diameters.tolist()} and {fwhm_mm}; type them.")
    ordered = np.sort(diameters)
    if np.any(np.diff(ordered) < 0.05 * ordered[1:]):
        raise DosimetryError(f"Expected diameters that differ by 5 % or more, received {ordered.tolist()}; give the centres of such spheres yourself.")


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


def _stands_out(smooth: np.ndarray, geometry: ImageGeometry, centre_lps_mm, radius_mm: float) -> bool:
    """Whether a maximum is above the shell around it by several times the scatter there."""
    box, distance = distances_around(geometry, centre_lps_mm, _SHELL * radius_mm)
    shell = smooth[box][(distance > radius_mm) & (distance <= _SHELL * radius_mm)]
    level = float(np.median(shell))
    scatter = 1.4826 * float(np.median(np.abs(shell - level)))
    peak = smooth[box][np.unravel_index(int(np.argmin(distance)), distance.shape)]
    return bool(peak - level > _LEAST_CONTRAST_TO_NOISE * scatter)


def _centroid_and_excess(image: ActivityImage, centre_lps_mm, radius_mm: float) -> tuple[np.ndarray, float]:
    """Centre in LPS mm and activity above the surroundings, in a ball that follows the centroid."""
    geometry = image.geometry
    centre, excess = np.asarray(centre_lps_mm, dtype=float), 0.0
    for _ in range(_CENTROID_ROUNDS):
        box, distance = distances_around(geometry, centre, _SHELL * radius_mm)
        values = image.concentration_bq_ml[box].astype(np.float64)
        level = float(np.median(values[(distance > radius_mm) & (distance <= _SHELL * radius_mm)]))
        weight = np.where(distance <= radius_mm, values - level, 0.0)
        excess = float(weight.sum()) * geometry.voxel_volume_ml
        # Only what is well above the level moves the centre, so that noise far out does not.
        strong = np.where(weight > _CENTROID_SHARE * weight.max(), weight, 0.0)
        index = [np.arange(part.start, part.stop) for part in box]
        sums = [np.tensordot(strong.sum(axis=tuple(other for other in range(3) if other != axis)), index[axis], axes=1) for axis in range(3)]
        centre = _to_lps(geometry, np.array(sums) / strong.sum())
    return centre, excess


def _check_sizes(spheres) -> None:
    """All spheres hold one concentration: activity over volume must be alike, by the largest sphere."""
    largest = max(spheres, key=lambda sphere: sphere.diameter_mm)
    for sphere in spheres:
        ratio = sphere.excess_bq / sphere.volume_ml / (largest.excess_bq / largest.volume_ml)
        if not 1 / _SIZE_AGREEMENT < ratio < _SIZE_AGREEMENT:
            raise DosimetryError(
                f"Expected spheres filled with one concentration, received {ratio:.2g} times that of the largest in the sphere taken for {sphere.diameter_mm:g} mm; "
                "check the diameters, or give the centres yourself."
            )


def _place_error(image: ActivityImage, sphere: DetectedSphere, mean: float, centre_uncertainty_mm: float) -> float:
    """Loss of the mean by a misplaced centre, Bq/mL: quadratic, so its mean is that of the shifts both ways, summed over the axes."""
    axes = np.asarray(image.geometry.direction).T
    centre = np.asarray(sphere.centre_lps_mm)
    shifted = [
        sphere_mean(image.concentration_bq_ml, image.geometry, centre + sign * centre_uncertainty_mm * axis, sphere.diameter_mm)
        for axis in axes
        for sign in (-1.0, 1.0)
    ]
    return abs(sum(value - mean for value in shifted)) / 2.0


def _shell_values(image: ActivityImage, sphere: DetectedSphere, others, fwhm_mm: float) -> np.ndarray:
    """Voxels from two to three FWHM outside a sphere, two or more from every other: nearer, spheres spill 0.01 % and more."""
    inner, outer = (sphere.diameter_mm / 2.0 + factor * fwhm_mm for factor in _SURROUNDING_FWHM)
    geometry = image.geometry
    box, distance = distances_around(geometry, sphere.centre_lps_mm, outer)
    shell = (distance > inner) & (distance <= outer)
    centre = np.linalg.inv(geometry.index_to_lps) @ np.append(sphere.centre_lps_mm, 1.0)
    index = [np.arange(part.start, part.stop) for part in box]
    for other in others:
        place = (np.linalg.inv(geometry.index_to_lps) @ np.append(other.centre_lps_mm, 1.0))[:3][::-1]
        if np.allclose(place, centre[:3][::-1]):
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
