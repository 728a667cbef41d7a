"""Voxel plan: the scout's picture scaled to the planned activity becomes a predicted dose map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.base.checks import checked_kind, non_negative_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import MAP, Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.dose import DoseMap, DoseVolumeHistogram, dose_map, dose_volume_histogram, isodose_levels
from RNTDosimetryLib.images import ActivityImage, ImageGeometry, Region, occupancy_on_grid
from RNTDosimetryLib.measurement import region_mass_g
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.planning.plausibility import checked_items, checked_residual, checked_shunt
from RNTDosimetryLib.planning.products import DoseConstant, dose_constant
from RNTDosimetryLib.planning.scout import coverage_warnings

DOSE_AT_PERCENT = (2.0, 50.0, 70.0, 90.0, 95.0, 98.0)
_ISODOSES = (0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, eq=False)
class SphereDoseMap(Record):
    """Absorbed dose of spheres that stay where they are, on the grid of an image.

    dose: map in Gy; activity_mbq_ml: (z, y, x), at administration. region_mean_gy: plain mean of the map by region.
    histograms: by region, exact from the voxels. isodoses: rows of level, volume.
    """

    dose: DoseMap
    geometry: ImageGeometry
    constant: DoseConstant
    activity_mbq_ml: np.ndarray = field(metadata=MAP, repr=False)
    activity_gbq: float = 0.0
    region_mean_gy: dict[str, float] = field(default_factory=dict)
    histograms: dict[str, DoseVolumeHistogram] = field(default_factory=dict)
    isodoses: list = field(default_factory=list)
    method: str = ""
    warnings: tuple[str, ...] = ()


def voxel_plan(
    image: ActivityImage,
    territories: Sequence[Region],
    activities_gbq: Mapping[str, float],
    nuclide_or_product,
    *,
    lung_shunt_fraction: float | Mapping[str, float],
    residual_fraction: float | Mapping[str, float] = 0.0,
    regions: Sequence[Region] = (),
    lungs: Region | None = None,
    method: str = "local",
    density_g_ml=None,
    dose_constant_j_per_gbq: float | None = None,
    product_file=None,
) -> SphereDoseMap:
    """Predicted dose map: in each territory the scout's counts are scaled to A (1-L)(1-R) of its injection (patient-relative).

    image: scout SPECT, any unit, registered to the regions. territories: perfused volumes, by name in activities_gbq (at administration).
    Where territories overlap their parts add. lungs: if given, A L (1-R) of all injections is shared there as the scout shows.
    method: "local" with the dose constant K, or "kernel" with the nuclide's own decay data (docs/dose_maps.md).
    density_g_ml: number, (z, y, x) array or DensityMap on the image's grid; None takes soft tissue, and in the lungs their own density.
    Raises DosimetryError for a territory without counts or outside the image.
    """
    constant = dose_constant(nuclide_or_product, dose_constant_j_per_gbq, product_file)
    checked_kind(image, ActivityImage, "the scout")
    territories = checked_items(territories, Region, "the territories")
    counts = np.maximum(np.asarray(image.concentration_bq_ml, dtype=float), 0.0)
    voxel_ml = image.geometry.voxel_volume_ml
    activity = np.zeros(counts.shape)
    to_lungs = 0.0
    warnings = coverage_warnings(image, territories)
    for territory in territories:
        given = non_negative_number(
            _for(activities_gbq, territory.name, "activity in GBq"), f"activity in GBq of '{territory.name}'"
        )
        shunt = checked_shunt(_for(lung_shunt_fraction, territory.name, "lung shunt fraction"))
        residual = checked_residual(_for(residual_fraction, territory.name, "residual fraction"))
        activity += _shared(counts, territory, image, 1000.0 * given * (1 - shunt) * (1 - residual) / voxel_ml)
        to_lungs += 1000.0 * given * shunt * (1 - residual)
    if lungs is not None and to_lungs > 0:
        activity += _shared(counts, lungs, image, to_lungs / voxel_ml)
    elif to_lungs > 0:
        warnings.append(warned("lungs_not_in_voxel_plan"))
    return sphere_dose_map(
        activity, image.geometry, constant, regions=regions, lungs=lungs, method=method, density_g_ml=density_g_ml,
        description=f"scout scaled to the planned activity, {method} deposition", warnings=tuple(warnings),
    )  # fmt: skip


def sphere_dose_map(
    activity_mbq_ml,
    geometry: ImageGeometry,
    constant: DoseConstant,
    *,
    regions: Sequence[Region] = (),
    lungs: Region | None = None,
    method: str = "local",
    density_g_ml=None,
    description: str = "",
    warnings: tuple[str, ...] = (),
) -> SphereDoseMap:
    """Dose map of a map of activity at administration, all decaying in place; arguments as ``voxel_plan``.

    activity_mbq_ml: (z, y, x) on ``geometry``. regions outside the grid are left out with a warning.
    """
    nuclide = get_nuclide(checked_kind(constant, DoseConstant, "the dose constant").nuclide)
    regions = checked_items(regions, Region, "the regions")
    checked_kind(geometry, ImageGeometry, "the grid of the activity")
    activity = np.asarray(activity_mbq_ml, dtype=float)
    density = _density(density_g_ml, geometry, lungs)
    own = constant.j_per_gbq if method == "local" else None
    dose = dose_map(
        activity / nuclide.decay_constant_per_h, geometry.spacing_mm, nuclide, method, density, local_dose_constant_j_per_gbq=own
    )
    said = [*warnings, *(text for text in dose.warnings if "given by the user" not in text)]
    if method == "kernel":
        said.append(warned("kernel_takes_decay_data", nuclide=nuclide.name, constant=constant.j_per_gbq))
    means, histograms = {}, {}
    for region in regions:
        share = occupancy_on_grid(region, geometry)
        if not share.any():
            said.append(f"{region.name}: {warned('region_outside_the_field')}")
            continue
        histograms[region.name] = dose_volume_histogram(dose, share, name=region.name, dose_at_percent=DOSE_AT_PERCENT)
        means[region.name] = histograms[region.name].mean_gy
    levels = [round(part * dose.maximum_gy, 1) for part in _ISODOSES if round(part * dose.maximum_gy, 1) > 0]
    return SphereDoseMap(
        dose=dose,
        geometry=geometry,
        constant=constant,
        activity_mbq_ml=activity,
        activity_gbq=float(activity.sum()) * geometry.voxel_volume_ml / 1000.0,
        region_mean_gy=means,
        histograms=histograms,
        isodoses=isodose_levels(dose, levels) if levels else [],
        method=description or method,
        warnings=tuple(dict.fromkeys(said)),
    )


def _shared(counts: np.ndarray, region: Region, image: ActivityImage, total: float) -> np.ndarray:
    """``total`` shared over the region as the counts are."""
    weight = counts * occupancy_on_grid(region, image.geometry)
    seen = float(weight.sum())
    if total == 0:
        return np.zeros_like(weight)
    if not seen > 0:
        raise DosimetryError(
            f"Expected counts of '{image.name}' in '{region.name}', received none; check the registration and the region."
        )
    return weight * (total / seen)


def _density(density_g_ml, geometry: ImageGeometry, lungs: Region | None):
    if density_g_ml is not None:
        return density_g_ml
    tissue = float(read_json("images", "measurement.json")["soft_tissue_density_g_ml"])
    if lungs is None:
        return tissue
    share = occupancy_on_grid(lungs, geometry)
    return np.where(share > 0.5, region_mass_g(lungs) / lungs.volume_ml, tissue)


def _for(values, name: str, what: str):
    if not isinstance(values, Mapping):
        return values
    if name not in values:
        raise DosimetryError(f"Expected the {what} of '{name}', received only {', '.join(values)}; give one for each.")
    return values[name]
