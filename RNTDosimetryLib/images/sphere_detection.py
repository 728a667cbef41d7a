"""Find the hot spheres of a recovery phantom in its SPECT and measure the recovery of each."""

from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.region_uncertainty import FWHM_PER_SIGMA, sphere_recovery
from RNTDosimetryLib.images.spheres import sphere_occupancy, sphere_volume_ml
from RNTDosimetryLib.images.volumes import ActivityImage
from RNTDosimetryLib.records import Record

_LEAST_CONTRAST_TO_NOISE = 4.0
_CENTROID_ROUNDS = 6
_SIZE_AGREEMENT = 1.6
_SURROUNDING_FWHM = (1.0, 2.0)
_ASSUMED_CORRELATION_VOXELS = 8.0


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
    level = float(np.median(smooth))
    noise = 1.4826 * float(np.median(np.abs(smooth - level)))
    clear = [place for place in candidates if smooth[tuple(place)] - level > _LEAST_CONTRAST_TO_NOISE * noise]
    if len(clear) < diameters.size:
        raise DosimetryError(
            f"Expected {diameters.size} spheres that stand out from their surroundings, received {len(clear)}; leave out the smallest, or scan longer."
        )
    reach = least_distance_mm / 2.0
    found = [_centroid_and_excess(image, place, reach, fwhm_mm, diameters.max()) for place in clear]
    by_excess = sorted(found, key=lambda item: -item[1])
    by_size = np.argsort(-diameters)
    result: list[DetectedSphere | None] = [None] * diameters.size
    for (centre, excess), number in zip(by_excess, by_size):
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
    centre_uncertainty_mm: float = 0.5,
) -> SpherePhantomScan:
    """Recovery of each sphere within its true outline.

    R = (m - b)/(c - b): m mean over the sphere by partial voxels, b level of the surroundings (measured in the shell from one to
    two FWHM outside when None; type 0 for a cold phantom), c the true concentration at the time of the image. Noise of m:
    spread of the shell, grown to the sphere's counts as for Poisson noise, over its independent samples. A centre that is
    off by u mm along each axis costs 3 curvatures: taken from the image shifted by u. Raises DosimetryError for a sphere
    that leaves the image, and for a concentration not above the surroundings.
    """
    if not true_concentration_bq_ml > 0:
        raise DosimetryError(f"Expected a positive concentration in the spheres, received {true_concentration_bq_ml}; type what was filled in.")
    recoveries, uncertainties, levels, warnings = [], [], [], []
    for sphere in spheres:
        mean = _sphere_mean(image, sphere.centre_lps_mm, sphere.diameter_mm)
        shell = _shell_values(image, sphere, fwhm_mm)
        level = float(shell.mean()) if surroundings_bq_ml is None else float(surroundings_bq_ml)
        contrast = true_concentration_bq_ml - level
        if contrast <= 0:
            raise DosimetryError(
                f"Expected spheres above their surroundings, received {true_concentration_bq_ml:.4g} and {level:.4g} Bq/mL; check the concentrations."
            )
        recovery = (mean - level) / contrast
        shifted = [
            _sphere_mean(image, np.asarray(sphere.centre_lps_mm) + sign * centre_uncertainty_mm * axis, sphere.diameter_mm)
            for axis in np.asarray(image.geometry.direction).T
            for sign in (-1.0, 1.0)
        ]
        # Quadratic loss around the true centre: its mean over a normal misplacement is the mean of the two shifts, axis by axis.
        place = abs(sum(value - mean for value in shifted)) / 2.0 / contrast
        noise = _noise_of_mean(image, sphere, mean, shell, level, fwhm_mm, surroundings_bq_ml is None) / contrast
        recoveries.append(recovery)
        uncertainties.append(float(np.hypot(noise, place)))
        levels.append(level)
        if recovery > 1.1:
            warnings.append(f"sphere of {sphere.diameter_mm:g} mm: recovery {recovery:.2f} is above 1; check concentration and calibration")
    parts = (concentration_relative_uncertainty, image.calibration_uncertainty)
    return SpherePhantomScan(
        spheres=tuple(spheres),
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


def _centroid_and_excess(image: ActivityImage, place: np.ndarray, reach_mm: float, fwhm_mm: float, largest_mm: float):
    """Centre in LPS and activity above the surroundings. The sphere looked into grows with the largest that may be there."""
    values, geometry = image.concentration_bq_ml, image.geometry
    spacing = np.asarray(geometry.spacing_mm)
    radius = max(reach_mm, largest_mm / 2.0 + 0.5 * fwhm_mm)
    centre = place.astype(float)
    for _ in range(_CENTROID_ROUNDS):
        low = np.maximum(np.floor(centre - 1.3 * radius / spacing).astype(int), 0)
        high = np.minimum(np.ceil(centre + 1.3 * radius / spacing).astype(int) + 1, values.shape)
        box = values[tuple(slice(a, b) for a, b in zip(low, high))].astype(np.float64)
        index = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high)), indexing="ij"), axis=-1)
        distance = np.linalg.norm((index - centre) * spacing, axis=-1)
        level = float(np.median(box[(distance > radius) & (distance <= 1.3 * radius)]))
        weight = np.where(distance <= radius, box - level, 0.0)
        # Only what is well above the level moves the centre, so that noise far out does not.
        strong = np.where(weight > 0.3 * weight.max(), weight, 0.0)
        centre = np.tensordot(strong, index, axes=3) / strong.sum()
    excess = float(weight.sum()) * geometry.voxel_volume_ml
    return (geometry.index_to_lps @ np.append(centre[::-1], 1.0))[:3], excess


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


def _sphere_mean(image: ActivityImage, centre_lps_mm, diameter_mm: float) -> float:
    box, share = sphere_occupancy(image.geometry, centre_lps_mm, diameter_mm)
    return float((image.concentration_bq_ml[box] * share).sum(dtype=np.float64) / share.sum(dtype=np.float64))


def _shell_values(image: ActivityImage, sphere: DetectedSphere, fwhm_mm: float) -> np.ndarray:
    """Voxels from one to two FWHM outside a sphere."""
    geometry = image.geometry
    centre = (np.linalg.inv(geometry.index_to_lps) @ np.append(sphere.centre_lps_mm, 1.0))[:3][::-1]
    spacing = np.asarray(geometry.spacing_mm)
    inner, outer = (sphere.diameter_mm / 2.0 + factor * fwhm_mm for factor in _SURROUNDING_FWHM)
    low = np.maximum(np.floor(centre - outer / spacing).astype(int), 0)
    high = np.minimum(np.ceil(centre + outer / spacing).astype(int) + 1, geometry.size)
    axes = [((np.arange(a, b) - c) * step) ** 2 for a, b, c, step in zip(low, high, centre, spacing)]
    squared = axes[0][:, None, None] + axes[1][None, :, None] + axes[2][None, None, :]
    box = image.concentration_bq_ml[tuple(slice(a, b) for a, b in zip(low, high))]
    values = box[(squared > inner**2) & (squared <= outer**2)].astype(np.float64)
    if values.size < 20:
        raise DosimetryError(f"Expected surroundings of the sphere of {sphere.diameter_mm:g} mm in the image, received {values.size} voxels; use a larger image.")
    return values


def _noise_of_mean(image, sphere: DetectedSphere, mean: float, shell: np.ndarray, level: float, fwhm_mm: float, level_measured: bool) -> float:
    """Standard error of the mean over the sphere, Bq/mL.

    What differs between opposite voxels of the sphere is noise, as a sphere is symmetric about its centre.
    """
    box, share = sphere_occupancy(image.geometry, sphere.centre_lps_mm, sphere.diameter_mm)
    values = image.concentration_bq_ml[box].astype(np.float64)
    weights = share.astype(np.float64)
    volume_ml = sphere.volume_ml
    variance, correlation_ml = _voxel_variance(image, sphere, values, weights, fwhm_mm)
    effective = max(weights.sum() ** 2 / (weights**2).sum() * image.geometry.voxel_volume_ml, volume_ml)
    of_mean = variance * correlation_ml / max(effective, correlation_ml)
    of_level = 0.0
    if level_measured:
        shell_ml = shell.size * image.geometry.voxel_volume_ml
        of_level = float(shell.var(ddof=1)) * correlation_ml / max(shell_ml, correlation_ml) * (1.0 - sphere_recovery(volume_ml, fwhm_mm)) ** 2
    return float(np.sqrt(of_mean + of_level))


def _voxel_variance(image: ActivityImage, sphere: DetectedSphere, values: np.ndarray, weights: np.ndarray, fwhm_mm: float) -> tuple[float, float]:
    raise NotImplementedError
