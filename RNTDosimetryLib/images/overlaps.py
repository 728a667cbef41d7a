"""Rules for regions that share voxels: a lesion in an organ, and what is counted twice."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.resampling import bounding_box, occupancy_on_grid
from RNTDosimetryLib.images.volumes import Region

WITHOUT_LESIONS = " without lesions"
_WORTH_SAYING = 0.01


def whole_organ_name(name: str) -> str:
    """Name of the organ that a region was made from by ``exclude_lesions``; any other name as it is."""
    return name.removesuffix(WITHOUT_LESIONS)


def is_without_lesions(name: str, regions: Any) -> bool:
    """Whether a name is that of an organ without its lesions that ``exclude_lesions`` may make of these regions."""
    names = {region.name for region in regions}
    return name not in names and name.endswith(WITHOUT_LESIONS) and whole_organ_name(name) in names


def exclude_lesions(regions: Any, lesion_kinds: Any = ("lesion",)) -> tuple[Region, ...]:
    """For every organ that a lesion overlaps, the organ without its lesions, as an extra region.

    The organ itself stays as it is, so that both numbers are reported. The new region is named "<organ> without lesions".
    A typed mass is not carried over, because it belongs to the whole organ. An organ that is all lesion gives none, and
    neither does one whose region without lesions is there already.
    """
    names = {region.name for region in regions}
    lesions = [region for region in regions if region.kind in lesion_kinds]
    extra = []
    for organ in regions:
        if organ.kind != "organ" or organ.name.endswith(WITHOUT_LESIONS) or organ.name + WITHOUT_LESIONS in names:
            continue
        remaining = np.array(organ.occupancy)
        touched = False
        for lesion in lesions:
            box, share = _on_grid_of(organ, lesion)
            if np.any((share > 0) & (remaining[box] > 0)):
                touched = True
                remaining = remaining if _is_mask(share) else remaining.astype(np.float32)
                remaining[box] = np.clip(remaining[box] - np.minimum(share, remaining[box]), 0, 1)
        if touched and remaining.any():
            extra.append(replace(organ, name=organ.name + WITHOUT_LESIONS, occupancy=remaining, mass_g=None))
    return tuple(extra)


def join_regions(name: str, regions: Any) -> Region:
    """Regions as one, such as two lungs: on their grid where they share one, else on the finest lattice among them, wide enough for all."""
    grid = regions[0].geometry
    if all(region.geometry.same_grid(grid) for region in regions):
        occupancy = np.maximum.reduce([np.asarray(region.occupancy) for region in regions])
    else:
        grid = _grid_around(regions)
        occupancy = np.maximum.reduce([occupancy_on_grid(region, grid) for region in regions])
    return Region(name, grid, occupancy, density_g_ml=regions[0].density_g_ml)


def _grid_around(regions: Any) -> ImageGeometry:
    lattice = min((region.geometry for region in regions), key=lambda geometry: geometry.voxel_volume_ml)
    to_index = np.linalg.inv(lattice.index_to_lps)
    ends = []
    for region in regions:
        limits = [(part.start - 0.5, part.stop - 0.5) for part in bounding_box(region.occupancy)[::-1]]
        corners = np.array([[x, y, z, 1.0] for x in limits[0] for y in limits[1] for z in limits[2]]).T
        index = (to_index @ region.geometry.index_to_lps @ corners)[:3]
        ends.append((index.min(axis=1), index.max(axis=1)))
    first = np.floor(np.min([low for low, _ in ends], axis=0) + 0.5 + 1e-6).astype(int)
    last = np.ceil(np.max([high for _, high in ends], axis=0) - 0.5 - 1e-6).astype(int)
    origin = (lattice.index_to_lps @ np.append(first, 1.0))[:3]
    return replace(lattice, size=tuple(int(n) for n in (last - first + 1)[::-1]), origin_lps_mm=tuple(origin))


def overlap_warnings(regions: Any) -> tuple[str, ...]:
    """A sentence for every two regions of one kind that share more than 1 % of the smaller: their activity counts in both."""
    warnings = []
    for first, second in combinations([region for region in regions if region.kind in ("organ", "lesion")], 2):
        if first.kind != second.kind or whole_organ_name(first.name) == whole_organ_name(second.name):
            continue
        smaller, larger = sorted((first, second), key=lambda region: region.volume_ml)
        shared_ml = _shared_ml(smaller, larger)
        if shared_ml > _WORTH_SAYING * smaller.volume_ml:
            warnings.append(
                warned(
                    "regions_share_voxels",
                    smaller=smaller.name,
                    larger=larger.name,
                    shared=shared_ml,
                    share=shared_ml / smaller.volume_ml,
                )
            )
    return tuple(warnings)


def _shared_ml(smaller: Region, larger: Region) -> float:
    """What two regions share at least: in a voxel that both fill in part they may lie side by side, as neighbors with one outline do."""
    box, share = _on_grid_of(larger, smaller)
    shared = np.maximum(larger.occupancy[box].astype(np.float32) + share - 1.0, 0.0)
    return float(shared.sum(dtype=np.float64)) * larger.geometry.voxel_volume_ml


def _on_grid_of(region: Region, other: Region) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Box on the grid of ``region`` and the occupancy of ``other`` in it. Regions drawn on one image share the grid: no resampling then."""
    if region.geometry.same_grid(other.geometry):
        box = bounding_box(other.occupancy)
        return box, np.asarray(other.occupancy)[box]
    return (slice(None),) * 3, occupancy_on_grid(other, region.geometry)


def _is_mask(share: np.ndarray) -> bool:
    return share.dtype.kind in "ui"
