"""Activity of a region in an image, with its uncertainty by parts, and the time-activity curve made of several."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from RNTDosimetryLib.base.checks import checked_fwhm, checked_kind, density_number, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.resampling import centers_inside, occupancy_on_grid, rigid_matrix
from RNTDosimetryLib.images.volumes import ActivityImage, Region
from RNTDosimetryLib.measurement.noise import noise_of_mean
from RNTDosimetryLib.measurement.uncertainty import FWHM_PER_SIGMA, content_sensitivity, relative_volume_uncertainty
from RNTDosimetryLib.measurement.unknown_recovery import UnknownRecovery

_ASSUMED_CORRELATION_VOXELS = 8.0
_FULL_COVERAGE = 0.999


@dataclass(frozen=True)
class RegionActivity(Record):
    """Activity of one region at the start of one acquisition.

    mean_concentration_bq_ml: over the image voxels inside, as measured (before recovery). activity_mbq = mean x volume /
    recovery coefficient. volume_ml: of the region as drawn. mass_g: typed, or volume x density.
    boundary_relative_uncertainty: from a wrong outline, in content and, where a curve gave the recovery coefficient, in both together.
    coverage: share of the region's volume within the field of view; below 1 the mean inside is taken for the rest.
    Random parts change from scan to scan: random_uncertainty_mbq (noise). Systematic parts are common to all time
    points and are added once: relative; None when it cannot be known.
    """

    region: str
    time_h: float
    mean_concentration_bq_ml: float
    volume_ml: float
    mass_g: float
    activity_mbq: float
    recovery_coefficient: float
    coverage: float
    voxels: int
    random_uncertainty_mbq: float | None
    volume_relative_uncertainty: float | None
    boundary_relative_uncertainty: float | None
    recovery_relative_uncertainty: float
    calibration_relative_uncertainty: float
    maximum_bq_ml: float = 0.0
    extrapolated: bool = False
    fractional: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def systematic_relative_uncertainty(self) -> float:
        """Boundary, recovery and calibration together; a part that is not known is left out (and warned about)."""
        return _in_squares(self.systematic_parts.values())

    @property
    def systematic_parts(self) -> dict[str, float | None]:
        """Relative, by name; None for one that is not known."""
        return {
            "outline": self.boundary_relative_uncertainty,
            "recovery": self.recovery_relative_uncertainty,
            "calibration": self.calibration_relative_uncertainty,
        }

    @property
    def uncertainty_mbq(self) -> float | None:
        """Random and systematic together, 1 sigma, in MBq."""
        if self.random_uncertainty_mbq is None:
            return None
        return math.hypot(self.random_uncertainty_mbq, self.systematic_relative_uncertainty * self.activity_mbq)


@dataclass(frozen=True)
class TimeActivityCurve(Record):
    """Activity of one region over time.

    uncertainties_mbq: random, 1 sigma, per time. systematic_relative_uncertainty: common to all times, to be added once; systematic_parts: what it is
    made of (calibration, recovery, outline, registration), relative, None for what is not known and not in it; empty in results of older versions.
    unknown_recovery: what blur may have done, where no recovery coefficient was given; it is the recovery part then.
    """

    region: str
    times_h: tuple[float, ...]
    activities_mbq: tuple[float, ...]
    uncertainties_mbq: tuple[float, ...] | None
    systematic_relative_uncertainty: float
    volume_ml: float
    mass_g: float
    coverages: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()
    systematic_parts: dict[str, float | None] = field(default_factory=dict)
    unknown_recovery: UnknownRecovery | None = None

    def with_parts(self, **parts: float | None) -> "TimeActivityCurve":
        """The curve with these systematic parts, relative, added or in place of those it has."""
        parts = {**self.systematic_parts, **parts}
        return replace(self, systematic_parts=parts, systematic_relative_uncertainty=_in_squares(parts.values()))


def _in_squares(parts: Iterable[float | None]) -> float:
    return math.sqrt(sum(part**2 for part in parts if part is not None))


def region_mass_g(region: Region, default_density_g_ml: float | None = None) -> float:
    """Mass: the typed one, else volume times the typed density, else volume times the default density.

    The default is that of soft tissue in Resources/images/measurement.json when None.
    """
    checked_kind(region, Region, "the region")
    if default_density_g_ml is not None:
        density_number(default_density_g_ml)
    if region.mass_g is not None:
        return float(region.mass_g)
    densities = (region.density_g_ml, default_density_g_ml, read_json("images", "measurement.json")["soft_tissue_density_g_ml"])
    return region.volume_ml * float(next(density for density in densities if density is not None))


def field_of_view_coverage(region: Region, image: ActivityImage, region_to_image_matrix=None) -> float:
    """Share of the region's volume whose voxel centers lie within the grid of the image, 0 to 1."""
    matrix = rigid_matrix(region_to_image_matrix)
    checked_kind(image, ActivityImage, "the activity image")
    occupancy = np.asarray(checked_kind(region, Region, "the region").occupancy)
    index = np.nonzero(occupancy)
    weights = occupancy[index].astype(np.float64)
    to_image = np.linalg.inv(image.geometry.index_to_lps) @ matrix @ region.geometry.index_to_lps
    points = to_image[:3, :3] @ np.asarray(index[::-1], dtype=np.float64) + to_image[:3, 3:]
    size = np.array(image.geometry.size[::-1]).reshape(3, 1)
    inside = np.all((points >= -0.5) & (points < size - 0.5), axis=0)
    return float(weights[inside].sum() / weights.sum())


def measure_activity(
    image: ActivityImage,
    region: Region,
    region_to_image_matrix=None,
    resolution_fwhm_mm: float | None = None,
    delineation_fwhm_mm: float | None = None,
    default_density_g_ml: float | None = None,
    occupancies: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> RegionActivity:
    """Activity of a region in one image.

    region_to_image_matrix: 4 x 4 LPS, from points of the region to points of the image (RigidRegistration.matrix when the
    region was drawn on the fixed CT). The image is not interpolated: the region is carried to its voxels, and those whose
    center lies inside are averaged; a region too small to hold one is measured by fractional occupancy, with a warning.
    resolution_fwhm_mm: of the activity image, and delineation_fwhm_mm: of the image the region was drawn on (the
    activity image's when None); without them the uncertainty from the boundary is not known and stays None.
    occupancies: of this and other regions on the grid of the image, by name (``occupancy_on_grid``): what is known to spill in is not
    taken for noise. Raises DosimetryError when the region lies wholly outside the field of view, and for a density or resolution that is none.
    """
    mass_g = region_mass_g(region, default_density_g_ml)
    resolution_fwhm_mm = checked_fwhm(resolution_fwhm_mm)
    delineation_fwhm_mm = checked_fwhm(delineation_fwhm_mm, "resolution in mm of the image the region was drawn on")
    matrix = rigid_matrix(region_to_image_matrix)
    coverage = field_of_view_coverage(region, image, matrix)
    if coverage == 0:
        raise DosimetryError(
            f"Expected region '{region.name}' within the field of view of '{image.name}', received one wholly outside it; "
            "check the registration, or leave the region out at this time."
        )
    warnings = []
    if coverage < _FULL_COVERAGE:
        warnings.append(warned("region_cut_by_the_field_of_view", region=region.name, share=coverage, image=image.name))
    weights, fractional = _weights_on_image(image, region, matrix)
    if fractional:
        warnings.append(warned("region_smaller_than_a_voxel", region=region.name, image=image.name))
    values = image.concentration_bq_ml[weights > 0].astype(np.float64)
    share = weights[weights > 0].astype(np.float64)
    mean = float((values * share).sum() / share.sum())
    if mean < 0:
        warnings.append(warned("region_mean_below_zero", region=region.name, image=image.name))
        mean = 0.0
    recovery = region.recovery_coefficient
    activity = mean * region.volume_ml / 1e6 / recovery
    if region.name not in occupancies:
        occupancies = {
            **occupancies,
            region.name: weights if fractional else occupancy_on_grid(region, image.geometry, np.linalg.inv(matrix)),
        }
    random = _noise_mbq(weights, region.name, occupancies, image, resolution_fwhm_mm, region.volume_ml / 1e6 / recovery)
    volume_part, boundary_part = _boundary_parts(region, image, resolution_fwhm_mm, delineation_fwhm_mm)
    return RegionActivity(
        region=region.name,
        time_h=image.start_h,
        mean_concentration_bq_ml=mean,
        volume_ml=region.volume_ml,
        mass_g=mass_g,
        activity_mbq=activity,
        recovery_coefficient=recovery,
        coverage=coverage,
        voxels=len(values),
        random_uncertainty_mbq=random,
        volume_relative_uncertainty=volume_part,
        boundary_relative_uncertainty=boundary_part,
        recovery_relative_uncertainty=region.recovery_coefficient_uncertainty / recovery,
        calibration_relative_uncertainty=image.calibration_uncertainty,
        maximum_bq_ml=float(values.max()),
        extrapolated=coverage < _FULL_COVERAGE,
        fractional=fractional,
        warnings=tuple(warnings),
    )


def time_activity_curve(measurements) -> TimeActivityCurve:
    """Curve of one region from its measurements, in order of time.

    Raises DosimetryError for none, for different regions, or for two at one time.
    """
    if not isinstance(measurements, Iterable) or isinstance(measurements, (str, bytes, np.ndarray)):
        raise DosimetryError(
            f"Expected a list of measurements of a region, received {shown(measurements)}; measure it at each time."
        )
    ordered = sorted((checked_kind(item, RegionActivity, "a measurement") for item in measurements), key=lambda item: item.time_h)
    if not ordered:
        raise DosimetryError(
            "Expected at least one measurement for a time-activity curve, received none; measure the region first."
        )
    names = {item.region for item in ordered}
    if len(names) > 1:
        raise DosimetryError(
            f"Expected measurements of one region, received {', '.join(sorted(names))}; make one curve for each."
        )
    times = tuple(item.time_h for item in ordered)
    if len(set(times)) < len(times):
        raise DosimetryError(
            f"Expected one measurement at each time for '{ordered[0].region}', received times {times} h; keep one of each."
        )
    random = [item.random_uncertainty_mbq for item in ordered]
    worst = max(ordered, key=lambda item: item.systematic_relative_uncertainty)
    warnings = [warning for item in ordered for warning in item.warnings]
    if any(item.boundary_relative_uncertainty is None for item in ordered):
        warnings.append(warned("outline_not_included", region=ordered[0].region))
    return TimeActivityCurve(
        region=ordered[0].region,
        times_h=times,
        activities_mbq=tuple(item.activity_mbq for item in ordered),
        uncertainties_mbq=None if any(value is None for value in random) else tuple(random),
        systematic_relative_uncertainty=worst.systematic_relative_uncertainty,
        volume_ml=ordered[0].volume_ml,
        mass_g=ordered[0].mass_g,
        coverages=tuple(item.coverage for item in ordered),
        warnings=tuple(dict.fromkeys(warnings)),
        systematic_parts=worst.systematic_parts,
    )


def _weights_on_image(image: ActivityImage, region: Region, matrix: np.ndarray) -> tuple[np.ndarray, bool]:
    """Weight of each image voxel: 1 where its center lies in the region, or the occupied share for a region too small."""
    inverse = np.linalg.inv(matrix)
    centers = centers_inside(region, image.geometry, inverse)
    if centers.any():
        return centers.astype(np.uint8), False
    return occupancy_on_grid(region, image.geometry, inverse), True


def _noise_mbq(
    weights: np.ndarray, name: str, occupancies, image: ActivityImage, fwhm_mm: float | None, mbq_per_bq_ml: float
) -> float | None:
    """Standard error of the mean as MBq; None for fewer than two voxels.

    By ``noise_of_mean``, at most the spread of the voxels, which holds blur and unevenness as well, over the square root of how
    often the correlation volume of the point spread, (4 pi)^1.5 sigma^3, fits in (eight voxels when the resolution is not known).
    The spread alone where too few voxels are left for the other.
    """
    inside = weights > 0
    if np.count_nonzero(inside) < 2:
        return None
    sigma_mm = None if fwhm_mm is None else fwhm_mm / FWHM_PER_SIGMA
    voxel_ml = image.geometry.voxel_volume_ml
    correlated_ml = _ASSUMED_CORRELATION_VOXELS * voxel_ml
    if sigma_mm is not None:
        correlated_ml = max(voxel_ml, (4.0 * math.pi) ** 1.5 * sigma_mm**3 / 1000.0)
    independent = max(1.0, float(weights.sum(dtype=np.float64)) * voxel_ml / correlated_ml)
    spread = float(image.concentration_bq_ml[inside].std(ddof=1, dtype=np.float64)) / math.sqrt(independent)
    others = [share for other, share in occupancies.items() if other != name]
    found = noise_of_mean(image.concentration_bq_ml, inside, occupancies[name], image.geometry.spacing_mm, sigma_mm, others)
    return (spread if found is None else min(spread, found.standard_error)) * mbq_per_bq_ml


def _boundary_parts(region: Region, image: ActivityImage, fwhm_mm, delineation_fwhm_mm) -> tuple[float | None, float | None]:
    """(u(v)/v, u(A)/A from the boundary), None when the resolution is not known."""
    if fwhm_mm is None:
        return None, None
    volume_part = outline_uncertainty(region, fwhm_mm if delineation_fwhm_mm is None else delineation_fwhm_mm)
    return volume_part, abs(activity_volume_sensitivity(region, fwhm_mm)) * volume_part


def outline_uncertainty(region: Region, fwhm_mm: float) -> float:
    """u(v)/v of a region on its grid, drawn on an image of this resolution."""
    voxel_mm = (region.geometry.voxel_volume_ml * 1000.0) ** (1.0 / 3.0)
    return relative_volume_uncertainty(region.volume_ml, voxel_mm, fwhm_mm)


def activity_volume_sensitivity(region: Region, fwhm_mm: float) -> float:
    """d ln A / d ln v of A = C/R: phi/(2R) from the content, less what a recovery curve takes back with the volume."""
    return content_sensitivity(region.volume_ml, fwhm_mm) - region.recovery_volume_sensitivity
