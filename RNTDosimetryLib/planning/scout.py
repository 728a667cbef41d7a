"""From the segments and the scout scan to the compartments: masses, ratios, and activity where none should be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import ndimage

from RNTDosimetryLib.base.checks import checked_fwhm, checked_kind, triple
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images import ActivityImage, ImageGeometry, Region, occupancy_on_grid
from RNTDosimetryLib.measurement import region_mass_g
from RNTDosimetryLib.measurement.activity import field_of_view_coverage
from RNTDosimetryLib.measurement.partial_volume import region_means
from RNTDosimetryLib.planning.compartments import Injection, Tumour
from RNTDosimetryLib.planning.plausibility import checked_items

_NORMAL = "normal liver"
_SHARE_TO_NAME = 0.01
_FULL_COVERAGE = 0.999


@dataclass(frozen=True)
class TerritoryMeasurement(Record):
    """One territory as the scout shows it. tnr, tumour_mass_g: of the tumours inside, with the mass inside the territory.

    share: of the scout's activity in all territories, each voxel counted in the first territory that holds it.
    """

    name: str
    normal_mass_g: float
    normal_mean: float
    tumour_mass_g: dict[str, float]
    tnr: dict[str, float]
    share: float


@dataclass(frozen=True)
class ScoutMeasurement(Record):
    """Everything the scout and the segments say, for ``injections_plan``.

    tumour_masses_g: whole tumours. perfused_normal_mass_g: each gram once. whole_normal_mass_g: None without the whole liver.
    means: mean of every piece by (territories, tissue) in words. pieces: (z, y, x) masks on the grid ``geometry`` by the same names.
    """

    territories: tuple[TerritoryMeasurement, ...]
    tumour_masses_g: dict[str, float]
    perfused_normal_mass_g: float
    whole_normal_mass_g: float | None
    resolution_fwhm_mm: float | None
    means: dict[str, float]
    geometry: ImageGeometry
    pieces: dict = field(default_factory=dict, metadata=NOT_WRITTEN, repr=False)
    warnings: tuple[str, ...] = ()

    def injections(
        self, activities_gbq: Mapping[str, float], lung_shunt_fraction: float | Mapping[str, float], residual_fraction=0.0
    ) -> tuple[Injection, ...]:
        """The territories as injections. lung_shunt_fraction, residual_fraction: one number, or one for each territory by name."""
        return tuple(
            Injection(
                name=item.name,
                activity_gbq=_for(activities_gbq, item.name, "activity"),
                tumours=tuple(Tumour(name, item.tumour_mass_g[name], ratio) for name, ratio in item.tnr.items()),
                normal_liver_mass_g=item.normal_mass_g,
                lung_shunt_fraction=_for(lung_shunt_fraction, item.name, "lung shunt fraction"),
                residual_fraction=_for(residual_fraction, item.name, "residual fraction"),
            )
            for item in self.territories
        )


@dataclass(frozen=True)
class ExtrahepaticDeposit(Record):
    """A hot place outside liver and lungs. share: of all activity in the image; ratio: its mean over that of the liver."""

    volume_ml: float
    share: float
    ratio: float
    center_lps_mm: tuple[float, float, float]


def measure_scout(
    image: ActivityImage,
    territories: Sequence[Region],
    tumours: Sequence[Region],
    *,
    liver: Region | None = None,
    others: Sequence[Region] = (),
    resolution_fwhm_mm: float | None = None,
    default_density_g_ml: float | None = None,
) -> ScoutMeasurement:
    """Masses and tumour-to-normal ratios of every territory from segments and a scout image (99mTc-MAA or 166Ho scout).

    image: any unit, registered to the segments; only ratios are used. territories: perfused volume of each injection, tumours included;
    they may overlap. tumours: each drawn once; liver: the whole liver, for the dose of all normal liver. others: lungs and other
    regions with activity, which help the correction of blur. resolution_fwhm_mm: see ``region_means``; None measures plain means,
    which are too low in small tumours. Ratio: mean concentration of the tumour inside the territory over that of its normal liver.
    Where territories overlap the image shows the sum of their injections, and the ratios of the overlap hold for that sum.
    Raises DosimetryError for territories outside the image and for a territory with tumour but without activity.
    """
    checked_kind(image, ActivityImage, "the scout")
    territories, tumours = checked_items(territories, Region, "the territories"), checked_items(tumours, Region, "the tumours")
    others, resolution_fwhm_mm = checked_items(others, Region, "the other regions"), checked_fwhm(resolution_fwhm_mm)
    if not territories:
        raise DosimetryError("Expected at least one territory, received none; draw the perfused volume of each injection.")
    grid = territories[0].geometry
    masks = {region.name: _mask(region, grid) for region in (*territories, *tumours)}
    if len(masks) < len(territories) + len(tumours):
        raise DosimetryError("Expected territories and tumours with different names, received some twice; rename them.")
    warnings = []
    warnings += coverage_warnings(image, territories)
    pieces = _pieces(masks, [region.name for region in territories], [region.name for region in tumours], warnings)
    voxel_ml = grid.voxel_volume_ml
    density = {region.name: region_mass_g(region, default_density_g_ml) / region.volume_ml for region in (*territories, *tumours)}
    occupancies: dict[Any, np.ndarray] = {}
    for (inside, tissue), mask in pieces.items():
        occupancies[inside, tissue] = occupancy_on_grid(Region("piece", grid, mask), image.geometry)
    outside: dict[Any, np.ndarray] = {("other", region.name): occupancy_on_grid(region, image.geometry) for region in others}
    _take_apart(outside, occupancies)
    found: Any = region_means(
        image.concentration_bq_ml, {**occupancies, **outside}, image.geometry.spacing_mm, resolution_fwhm_mm
    )
    mass = {
        key: float(np.count_nonzero(mask)) * voxel_ml * density[key[1] if key[1] != _NORMAL else key[0][0]]
        for key, mask in pieces.items()
    }
    total = sum(found.mean[key] * mass[key] for key in pieces)
    measured, seen = [], set()
    for region in territories:
        here = [key for key in pieces if region.name in key[0]]
        fresh = [key for key in here if key not in seen]
        seen.update(fresh)
        share = sum(found.mean[key] * mass[key] for key in fresh) / total if total > 0 else 0.0
        measured.append(_territory(region.name, here, mass, found.mean, share))
    missed = [region.name for region in tumours if not any(key[1] == region.name for key in pieces)]
    warnings += [warned("tumour_in_no_territory", name=name) for name in missed]
    perfused = sum(mass[key] for key in pieces if key[1] == _NORMAL)
    whole = None
    if liver is not None:
        elsewhere = _mask(liver, grid)
        for mask in masks.values():
            elsewhere &= ~mask
        whole = (
            perfused
            + float(np.count_nonzero(elsewhere)) * voxel_ml * region_mass_g(liver, default_density_g_ml) / liver.volume_ml
        )
    if resolution_fwhm_mm is None:
        warnings.append(warned("scout_resolution_not_given"))
    return ScoutMeasurement(
        territories=tuple(measured),
        tumour_masses_g={
            region.name: max(
                region_mass_g(region, default_density_g_ml), sum(mass[key] for key in pieces if key[1] == region.name)
            )
            for region in tumours
        },
        perfused_normal_mass_g=perfused,
        whole_normal_mass_g=whole,
        resolution_fwhm_mm=resolution_fwhm_mm,
        means={_words(key): found.mean[key] for key in pieces},
        geometry=grid,
        pieces={_words(key): mask for key, mask in pieces.items()},
        warnings=(
            *warnings,
            *(f"{_words(name)}: {warned('scout_mean_below_zero')}" for name, value in found.mean.items() if value == 0),
        ),
    )


def coverage_warnings(image: ActivityImage, regions: Sequence[Region]) -> list[str]:
    """A sentence for every region of which a part lies outside the image."""
    shares = {region.name: field_of_view_coverage(region, image) for region in regions}
    return [
        f"{name}: {warned('region_partly_in_view', percent=100 * share, image=image.name)}"
        for name, share in shares.items()
        if share < _FULL_COVERAGE
    ]


def extrahepatic_deposits(
    image: ActivityImage,
    liver: Region,
    lungs: Region | None = None,
    *,
    ratio: float = 0.25,
    margin_mm: float = 15.0,
    smallest_ml: float = 2.0,
) -> tuple[ExtrahepaticDeposit, ...]:
    """Hot places outside liver and lungs: connected voxels above ``ratio`` times the mean of the liver, away from both by ``margin_mm``.

    The margin keeps the blur of liver and lungs out, so a deposit that touches them is not seen. Largest share first. A deposit is a
    reason to look, not a diagnosis: free pertechnetate in stomach, thyroid and bladder shows here too.
    """
    values = np.asarray(checked_kind(image, ActivityImage, "the scout").concentration_bq_ml, dtype=float)
    spacing = image.geometry.spacing_mm
    inside = occupancy_on_grid(liver, image.geometry) > 0.5
    if not inside.any():
        raise DosimetryError(
            f"Expected the liver in the field of view of '{image.name}', received none of it; check the registration."
        )
    mean = float(values[inside].mean())
    kept = inside.copy()
    if lungs is not None:
        kept |= occupancy_on_grid(lungs, image.geometry) > 0.5
    away = ndimage.distance_transform_edt(~kept, sampling=spacing) > margin_mm
    # One voxel of smoothing, so that single noisy voxels are no deposit.
    smooth = ndimage.gaussian_filter(values, 0.7)
    labels, count = ndimage.label((smooth > ratio * mean) & away)
    total, voxel_ml = float(values.sum()), image.geometry.voxel_volume_ml
    found = []
    for number in range(1, count + 1):
        mask = labels == number
        volume = float(np.count_nonzero(mask)) * voxel_ml
        if volume < smallest_ml:
            continue
        center = np.array([*ndimage.center_of_mass(mask)[::-1], 1.0])
        point = triple(float(value) for value in (image.geometry.index_to_lps @ center)[:3])
        found.append(ExtrahepaticDeposit(volume, float(values[mask].sum()) / total, float(values[mask].mean()) / mean, point))
    return tuple(sorted(found, key=lambda item: -item.share))


def _pieces(masks, territory_names, tumour_names, warnings) -> dict[tuple[tuple[str, ...], str], np.ndarray]:
    """Disjoint masks by (territories that hold it, tissue); a voxel in two tumours belongs to the first."""
    tissue = np.zeros(next(iter(masks.values())).shape, dtype=np.int16)
    for number, name in enumerate(tumour_names, start=1):
        if np.any(masks[name] & (tissue > 0)):
            warnings.append(warned("tumours_overlap", name=name))
        tissue[masks[name] & (tissue == 0)] = number
    code = np.zeros(tissue.shape, dtype=np.int32)
    for bit, name in enumerate(territory_names):
        code |= masks[name].astype(np.int32) << bit
    pieces = {}
    for value in np.unique(code[code > 0]):
        names = tuple(name for bit, name in enumerate(territory_names) if value >> bit & 1)
        here = code == value
        for number in np.unique(tissue[here]):
            label = _NORMAL if number == 0 else tumour_names[number - 1]
            mask = here & (tissue == number)
            whole = np.count_nonzero(masks[label]) if number else min(np.count_nonzero(masks[name]) for name in names)
            if np.count_nonzero(mask) >= _SHARE_TO_NAME * whole:
                pieces[names, label] = mask
    return pieces


def _territory(name: str, keys, mass, mean, share: float) -> TerritoryMeasurement:
    normal = [key for key in keys if key[1] == _NORMAL]
    normal_mass = sum(mass[key] for key in normal)
    normal_mean = sum(mass[key] * mean[key] for key in normal) / normal_mass if normal else 0.0
    tumour_mass: dict[str, float] = {}
    content: dict[str, float] = {}
    for key in keys:
        if key[1] != _NORMAL:
            tumour_mass[key[1]] = tumour_mass.get(key[1], 0.0) + mass[key]
            content[key[1]] = content.get(key[1], 0.0) + mass[key] * mean[key]
    if normal and tumour_mass and not normal_mean > 0:
        raise DosimetryError(
            f"Expected activity in the normal liver of territory '{name}', received none; without it there is no ratio: type the ratios."
        )
    reference = normal_mean
    if not normal and tumour_mass:
        # Without normal liver only the ratios among tumours count: the first is 1.
        first = next(iter(tumour_mass))
        reference = content[first] / tumour_mass[first]
        if not reference > 0:
            raise DosimetryError(f"Expected activity in territory '{name}', received none; check the registration of the scout.")
    tnr = {label: content[label] / tumour_mass[label] / reference for label in tumour_mass}
    return TerritoryMeasurement(name, normal_mass, normal_mean, tumour_mass, tnr, share)


def _take_apart(outside: dict, occupancies: dict) -> None:
    """Other regions give way to the pieces and to those before them."""
    taken = sum(occupancies.values())
    for name, share in outside.items():
        outside[name] = np.clip(share, 0, np.clip(1 - taken, 0, 1))
        taken = taken + outside[name]


def _mask(region: Region, grid: ImageGeometry) -> np.ndarray:
    return occupancy_on_grid(region, grid) > 0.5


def _words(key) -> str:
    where, tissue = key
    return f"{tissue} in {' and '.join(where)}" if isinstance(where, tuple) else str(tissue)


def _for(values, name: str, what: str):
    if not isinstance(values, Mapping):
        return values
    if name not in values:
        raise DosimetryError(f"Expected the {what} of territory '{name}', received only {', '.join(values)}; give one for each.")
    return values[name]
