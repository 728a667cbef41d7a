"""After the treatment: dose delivered by 90Y PET, bremsstrahlung SPECT or 166Ho SPECT, against the plan."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.base.checks import checked_fwhm, checked_kind, positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.dose import DoseVolumeHistogram, dose_volume_histogram
from RNTDosimetryLib.images import ActivityImage, ImageGeometry, Region, occupancy_on_grid
from RNTDosimetryLib.images.resampling import resample_array
from RNTDosimetryLib.measurement import region_mass_g
from RNTDosimetryLib.measurement.partial_volume import region_means
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.planning.plausibility import checked_items, checked_shunt
from RNTDosimetryLib.planning.products import dose_constant
from RNTDosimetryLib.planning.scout import coverage_warnings
from RNTDosimetryLib.planning.voxel_plan import DOSE_AT_PERCENT, SphereDoseMap, sphere_dose_map

MODES = ("absolute", "relative")
_MOST_POINTS = 2000
_LEAST_RECOVERED, _MOST_RECOVERED = 0.8, 1.2


@dataclass(frozen=True, eq=False)
class DeliveredDose(Record):
    """Dose of an image after treatment. region_dose_gy: mean by region, corrected for blur when a resolution was given.

    activity_in_field_gbq: at administration, of the whole image. recovered_fraction: of the net activity expected in the liver, as measured in
    absolute terms; None where no net activity was given. A value far from 1 says that the calibration or the input is wrong.
    """

    map: SphereDoseMap
    mode: str
    region_dose_gy: dict[str, float]
    activity_in_field_gbq: float
    recovered_fraction: float | None
    resolution_fwhm_mm: float | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class RegionAgreement(Record):
    """Planned against delivered in one region. percent: 100 (delivered - planned) / planned.

    planned_dose_at_gy, delivered_dose_at_gy: Dx from the maps. correlation: of voxels (Pearson), None without variation.
    root_mean_square_gy: of voxel differences. histogram_difference_gy: mean distance of the two cumulative histograms along the dose axis.
    """

    region: str
    planned_gy: float
    delivered_gy: float
    difference_gy: float
    percent: float | None
    planned_dose_at_gy: dict[str, float]
    delivered_dose_at_gy: dict[str, float]
    correlation: float | None
    root_mean_square_gy: float
    histogram_difference_gy: float


@dataclass(frozen=True, eq=False)
class Verification(Record):
    """Plan against delivery. planned_points_gy, delivered_points_gy: voxels for a scatter plot by region, (n,), evenly picked.

    difference_gy: delivered minus planned, (z, y, x) on ``geometry``.
    """

    regions: dict[str, RegionAgreement]
    geometry: ImageGeometry
    planned_histograms: dict[str, DoseVolumeHistogram]
    delivered_histograms: dict[str, DoseVolumeHistogram]
    planned_points_gy: dict = field(default_factory=dict, metadata=NOT_WRITTEN, repr=False)
    delivered_points_gy: dict = field(default_factory=dict, metadata=NOT_WRITTEN, repr=False)
    difference_gy: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN, repr=False)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class DoseAreaHistogram(Record):
    """Area in cm2 of one slice of a region that receives at least each dose. slice_index: along z; area_cm2: same length as dose_gy."""

    region: str
    slice_index: int
    dose_gy: np.ndarray
    area_cm2: np.ndarray


def delivered_dose(
    image: ActivityImage,
    nuclide_or_product,
    regions: Sequence[Region],
    *,
    mode: str = "absolute",
    liver: Region | None = None,
    net_activity_gbq: float | None = None,
    lung_shunt_fraction: float = 0.0,
    resolution_fwhm_mm: float | None = None,
    lungs: Region | None = None,
    method: str = "local",
    density_g_ml=None,
    dose_constant_j_per_gbq: float | None = None,
    product_file=None,
) -> DeliveredDose:
    """Delivered dose from an image after treatment, spheres staying in place.

    mode "absolute": Bq/mL of the image, corrected for decay from its start to the administration (``image.start_h``).
    mode "relative": the picture alone; what it shows in ``liver`` (everything perfused) is scaled to net_activity_gbq (1 - L), with
    net_activity_gbq the administered activity without the residual. Needs liver and net_activity_gbq.
    regions: those to report; they must not overlap when resolution_fwhm_mm is given, which corrects region means for blur.
    Raises DosimetryError for an image of another nuclide, an unknown mode, or missing input of the mode.
    """
    constant = dose_constant(nuclide_or_product, dose_constant_j_per_gbq, product_file)
    nuclide = get_nuclide(constant.nuclide)
    checked_kind(image, ActivityImage, "the image after treatment")
    regions, resolution_fwhm_mm = checked_items(regions, Region, "the regions"), checked_fwhm(resolution_fwhm_mm)
    if image.nuclide and get_nuclide(image.nuclide).name != nuclide.name:
        raise DosimetryError(
            f"Expected an image of {nuclide.name}, received one of {image.nuclide}; choose the image after treatment."
        )
    if mode not in MODES:
        raise DosimetryError(f"Expected the mode {' or '.join(MODES)}, received '{mode}'; choose one of them.")
    concentration = np.asarray(image.concentration_bq_ml, dtype=float) * 1e-6
    measured = concentration * np.exp(nuclide.decay_constant_per_h * image.start_h)
    warnings = []
    expected = None
    if net_activity_gbq is not None:
        expected = positive_number(net_activity_gbq, "net administered activity in GBq") * (
            1 - checked_shunt(lung_shunt_fraction)
        )
    in_liver = None
    if liver is not None:
        warnings += coverage_warnings(image, [liver])
        in_liver = float((measured * _grown(liver, image, resolution_fwhm_mm)).sum()) * image.geometry.voxel_volume_ml / 1000.0
    recovered = in_liver / expected if in_liver is not None and expected is not None else None
    activity = measured
    if mode == "relative":
        if expected is None or in_liver is None:
            raise DosimetryError(
                "Expected the liver and the net administered activity for patient-relative doses, received not both; give them."
            )
        if not in_liver > 0:
            raise DosimetryError(f"Expected activity of '{image.name}' in the liver, received none; check the registration.")
        activity = measured * (expected / in_liver)
    elif recovered is not None and not _LEAST_RECOVERED <= recovered <= _MOST_RECOVERED:
        warnings.append(warned("image_shows_another_activity", percent=100 * recovered))
    negative = float(-activity[activity < 0].sum() / max(activity.sum(), 1e-12))
    if negative > 0.01:
        warnings.append(warned("negative_voxels_set_to_zero", percent=100 * negative))
    found = sphere_dose_map(
        np.maximum(activity, 0.0), image.geometry, constant, regions=regions, lungs=lungs, method=method, density_g_ml=density_g_ml,
        description=f"{mode}, {method} deposition",
    )  # fmt: skip
    doses, more = dict(found.region_mean_gy), ()
    if resolution_fwhm_mm is not None:
        doses, more = _corrected(activity, image, regions, constant.j_per_gbq, resolution_fwhm_mm, found.region_mean_gy)
    return DeliveredDose(
        map=found,
        mode=mode,
        region_dose_gy=doses,
        activity_in_field_gbq=float(activity.sum()) * image.geometry.voxel_volume_ml / 1000.0,
        recovered_fraction=recovered,
        resolution_fwhm_mm=resolution_fwhm_mm,
        warnings=tuple(dict.fromkeys((*warnings, *found.warnings, *more))),
    )


def verify_plan(
    planned: SphereDoseMap,
    delivered: SphereDoseMap,
    regions: Sequence[Region],
    *,
    planned_region_gy: dict[str, float] | None = None,
    delivered_region_gy: dict[str, float] | None = None,
) -> Verification:
    """Two dose maps against each other on the grid of the delivered one; the planned one is brought there by linear interpolation.

    planned_region_gy, delivered_region_gy: better region means than those of the maps, e.g. corrected for blur; used for the difference.
    Every voxel counts with its share in the region. Regions outside either grid are left out with a warning. Raises DosimetryError when none is left.
    """
    from scipy.stats import wasserstein_distance

    target = checked_kind(delivered, SphereDoseMap, "the delivered dose map").geometry
    checked_kind(planned, SphereDoseMap, "the planned dose map")
    regions = checked_items(regions, Region, "the regions")
    there = np.asarray(delivered.dose.dose_gy, dtype=float)
    if planned.geometry.same_grid(target):
        before, covered = np.asarray(planned.dose.dose_gy, dtype=float), np.ones(target.size, dtype=bool)
    else:
        before = resample_array(np.asarray(planned.dose.dose_gy, dtype=np.float32), planned.geometry, target).astype(float)
        ones = np.ones(planned.geometry.size, dtype=np.uint8)
        covered = resample_array(ones, planned.geometry, target, linear=False) > 0
    rows, warnings, first, second, x, y = {}, [], {}, {}, {}, {}
    for region in regions:
        share = occupancy_on_grid(region, target)
        weight = share * covered
        inside = weight > 0
        if not inside.any():
            warnings.append(f"{region.name}: {warned('region_outside_an_image')}")
            continue
        first[region.name] = dose_volume_histogram(before, weight, name=region.name, dose_at_percent=DOSE_AT_PERCENT)
        second[region.name] = dose_volume_histogram(there, weight, name=region.name, dose_at_percent=DOSE_AT_PERCENT)
        a, b, weight = before[inside], there[inside], weight[inside].astype(float)
        plan = (planned_region_gy or {}).get(region.name, first[region.name].mean_gy)
        dose = (delivered_region_gy or {}).get(region.name, second[region.name].mean_gy)
        rows[region.name] = RegionAgreement(
            region=region.name,
            planned_gy=plan,
            delivered_gy=dose,
            difference_gy=dose - plan,
            percent=100 * (dose - plan) / plan if plan > 0 else None,
            planned_dose_at_gy=first[region.name].dose_at_percent_gy,
            delivered_dose_at_gy=second[region.name].dose_at_percent_gy,
            correlation=_correlation(a, b, weight),
            root_mean_square_gy=float(np.sqrt(np.average((a - b) ** 2, weights=weight))),
            histogram_difference_gy=float(wasserstein_distance(a, b, weight, weight)),
        )
        step = max(1, len(a) // _MOST_POINTS)
        x[region.name], y[region.name] = a[::step], b[::step]
    if not rows:
        raise DosimetryError("Expected a region inside both images, received none; check the registration.")
    return Verification(rows, target, first, second, x, y, there - before, tuple(warnings))


def _correlation(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> float | None:
    """Pearson's, each voxel with its share in the region; None without variation."""
    if len(first) <= 2 or not (np.ptp(first) > 0 and np.ptp(second) > 0):
        return None
    covariance = np.cov(first, second, aweights=weight, ddof=0)
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))


def dose_area_histogram(
    dose: SphereDoseMap, region: Region, slice_index: int | None = None, levels: int = 101
) -> DoseAreaHistogram:
    """Area of one slice of a region that receives at least each dose. slice_index: None takes the slice with most of the region."""
    share = occupancy_on_grid(region, dose.geometry)
    per_slice = share.sum(axis=(1, 2))
    if not per_slice.any():
        raise DosimetryError(f"Expected region '{region.name}' in the dose map, received none of it; check the field of view.")
    index = int(per_slice.argmax()) if slice_index is None else int(slice_index)
    if not 0 <= index < len(per_slice) or not per_slice[index] > 0:
        raise DosimetryError(
            f"Expected a slice that holds '{region.name}', received {slice_index}; leave it empty for the largest."
        )
    values, weights = np.asarray(dose.dose.dose_gy[index], dtype=float).ravel(), share[index].ravel().astype(float)
    edges = np.linspace(0.0, float(values[weights > 0].max()), levels)
    order = np.argsort(values)
    remaining = np.append(np.cumsum(weights[order][::-1])[::-1], 0.0)
    pixel_cm2 = dose.geometry.spacing_mm[1] * dose.geometry.spacing_mm[2] / 100.0
    return DoseAreaHistogram(region.name, index, edges, remaining[np.searchsorted(values[order], edges, side="left")] * pixel_cm2)


def _grown(region: Region, image: ActivityImage, resolution_fwhm_mm: float | None) -> np.ndarray:
    """The region, grown by the resolution when it is known, so that what blur carries out of it is counted."""
    share = occupancy_on_grid(region, image.geometry)
    if resolution_fwhm_mm is None or not share.any():
        return share
    from scipy.ndimage import distance_transform_edt

    outside = distance_transform_edt(share <= 0.5, sampling=image.geometry.spacing_mm)
    return np.where(outside <= resolution_fwhm_mm, 1.0, share)


def _corrected(activity, image, regions, constant_j_per_gbq, resolution_fwhm_mm, in_map):
    kept = [region for region in regions if region.name in in_map]
    occupancies = {region.name: occupancy_on_grid(region, image.geometry) for region in kept}
    means = region_means(activity, occupancies, image.geometry.spacing_mm, resolution_fwhm_mm)
    per_ml = {region.name: region_mass_g(region) / region.volume_ml for region in kept}
    # MBq/mL times J/GBq over g/mL is Gy.
    return {name: constant_j_per_gbq * mean / per_ml[name] for name, mean in means.mean.items()}, means.warnings
