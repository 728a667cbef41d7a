"""The sum of dose maps by voxel: each to BED on its own grid, then onto the coarsest, then added."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.dose import bed, bed_with_factor, dose_volume_histogram, eqd2
from RNTDosimetryLib.images import CtImage, ImageGeometry, Region, occupancy_on_grid
from RNTDosimetryLib.images.resampling import resample_array
from RNTDosimetryLib.intake import load_volume_file
from RNTDosimetryLib.intake.volume_files import SUFFIXES, DoseVolume, load_dose_file
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.registration import register_rigid
from RNTDosimetryLib.roads.compare.sources import DOSE_FILE, load_rtdose
from RNTDosimetryLib.roads.course.entries import MapEntry, VoxelSum

_MOST_SAMPLES = 5


@dataclass(frozen=True, eq=False)
class SummedMaps:
    """Sums on one grid, (z, y, x) float64, Gy. covered: (z, y, x) bool, voxels that lie in every map. names: of the maps. regions: on this grid."""

    geometry: ImageGeometry
    dose_gy: np.ndarray
    bed_gy: np.ndarray
    eqd2_gy: np.ndarray
    covered: np.ndarray
    names: tuple[str, ...]
    regions: tuple[Region, ...]
    frame_of_reference_uid: str = ""
    warnings: tuple[str, ...] = ()


def sum_maps(request: VoxelSum) -> SummedMaps:
    """Dose, BED and EQD2 of all maps. Raises DosimetryError for what is no dose map, and where two maps have no voxel in common."""
    read = [_read(item) for item in request.maps]
    target = max((dose.geometry for dose, _frame in read), key=lambda geometry: geometry.voxel_volume_ml)
    total, biological, covered = np.zeros(target.size), np.zeros(target.size), np.ones(target.size, dtype=bool)
    names, warnings, frames = [], [], []
    matrices = _registrations(request, warnings)
    first = read[0][1]
    # Registrations lead from the first map's frame; where the grid is another map's, its own registration leads back from there.
    owner = next(number for number, (dose, _frame) in enumerate(read) if dose.geometry is target)
    to_first = np.eye(4) if matrices[owner] is None else np.linalg.inv(matrices[owner])
    for number, (item, (dose, frame)) in enumerate(zip(request.maps, read), start=1):
        name = item.name or f"map {number}"
        own = _bed(np.asarray(dose.dose_gy, dtype=float), item, request)
        known = matrices[number - 1]
        matrix = (np.eye(4) if known is None else known) @ to_first
        here = [_on_grid(values, dose.geometry, target, matrix) for values in (np.asarray(dose.dose_gy, dtype=float), own)]
        ones = np.ones(dose.geometry.size, dtype=np.uint8)
        inside = resample_array(ones, dose.geometry, target, matrix, linear=False) > 0
        if not inside.any():
            raise DosimetryError(
                f"Expected {name} to overlap the grid of the sum, received no common voxel; check its registration."
            )
        total += item.times * here[0] * inside
        biological += item.times * here[1] * inside
        covered &= inside
        share = float(np.count_nonzero(inside)) / inside.size
        if share < 1:
            warnings.append(warned("course_map_outside", name=name, share=share))
        if known is None and number > 1 and not (frame and frame == first):
            warnings.append(warned("course_maps_not_registered", name=name))
        warnings += dose.warnings
        names.append(name if item.times == 1 else f"{name}, {item.times} times")
        frames.append(frame)
    regions = tuple(_region(name, path, target, to_first) for name, path in request.regions.items())
    doubled = eqd2(biological, request.alpha_beta_gy)
    return SummedMaps(
        target,
        total,
        biological,
        doubled,
        covered,
        tuple(names),
        regions,
        frames[0] if owner == 0 else "",
        tuple(dict.fromkeys(warnings)),
    )


def _registrations(request: VoxelSum, warnings: list[str]) -> list[np.ndarray | None]:
    """From the first map's frame to each map: entered, or found by their CTs; None where nothing was given."""
    matrices, fixed = [], None
    for number, item in enumerate(request.maps, start=1):
        if item.ct is None:
            matrices.append(None if item.registration is None else np.asarray(item.registration))
            continue
        own = CtImage(item.name or f"map {number}", *load_volume_file(item.ct))
        fixed = own if fixed is None else fixed
        found = register_rigid(fixed, own)
        warnings += [f"{own.name}: {text}" for text in found.warnings]
        matrices.append(np.asarray(found.matrix))
    return matrices


def _region(name: str, path: str, target: ImageGeometry, matrix: np.ndarray) -> Region:
    region = Region(name, *load_volume_file(path))
    share = occupancy_on_grid(region, target, matrix)
    if not share.any():
        raise DosimetryError(
            f"Expected region '{name}' on the grid of the sum, received none of it; it must lie in the frame of the first map."
        )
    return Region(name, target, share)


def _read(item: MapEntry) -> tuple[DoseVolume, str]:
    """The dose map of a run's folder, a volume file or an RT Dose; and its frame of reference where known."""
    path = Path(item.run, DOSE_FILE) if item.run else Path(item.file)
    if not os.path.isfile(path):
        raise DosimetryError(f"Expected a dose map at {path}, found none; check the path.")
    if path.name.lower().endswith(SUFFIXES):
        unit = "Gy" if item.run else item.unit
        return load_dose_file(path, {} if unit is None else {"unit": unit}), ""
    dose, stored = load_rtdose(path)
    return dose, stored.frame_of_reference_uid


def _bed(dose_gy: np.ndarray, item: MapEntry, request: VoxelSum) -> np.ndarray:
    """BED of one map before it is resampled: interpolation of the square is not the square of interpolation."""
    if item.kind == "external_beam":
        return bed_with_factor(dose_gy, 1 / item.fractions, request.alpha_beta_gy)
    half_life = item.effective_half_life_h if item.kind == "systemic" else get_nuclide(item.nuclide).half_life_h
    return bed(dose_gy, half_life, request.alpha_beta_gy, request.repair_half_time_h)


def _on_grid(values: np.ndarray, geometry: ImageGeometry, target: ImageGeometry, matrix: np.ndarray) -> np.ndarray:
    """Values on the target grid: linear, and where the target is coarser the mean over places within each of its voxels."""
    if geometry.same_grid(target) and np.allclose(matrix, np.eye(4), atol=1e-9):
        return values
    counts = [int(np.clip(round(wide / fine), 1, _MOST_SAMPLES)) for wide, fine in zip(target.spacing_mm, geometry.spacing_mm)]
    axes = [(np.arange(count) + 0.5) / count - 0.5 for count in counts]
    total = np.zeros(target.size)
    for z in axes[0]:
        for y in axes[1]:
            for x in axes[2]:
                shifted = np.eye(4)
                shifted[:3, 3] = target.index_to_lps[:3, :3] @ np.array([x, y, z])
                total += resample_array(values, geometry, target, matrix @ shifted)
    return total / np.prod(counts)


def means_of(sums: SummedMaps) -> tuple[dict[str, dict[str, float]], dict]:
    """Means of dose, BED and EQD2 by region, and "all" of the voxels that every map covers; histograms of the BED by region."""
    means, histograms = {}, {}
    weights: Sequence[tuple[str, np.ndarray]] = [*((item.name, np.asarray(item.occupancy)) for item in sums.regions)]
    everywhere = sums.covered.astype(float)
    for name, share in (("all", everywhere), *weights):
        inside = share * sums.covered
        if not inside.any():
            raise DosimetryError(
                f"Expected region '{name}' where every map has voxels, received none; check fields of view and registrations."
            )
        means[name] = {
            key: float(np.average(values, weights=inside))
            for key, values in (("dose_gy", sums.dose_gy), ("bed_gy", sums.bed_gy), ("eqd2_gy", sums.eqd2_gy))
        }
        histograms[name] = dose_volume_histogram(sums.bed_gy, inside, name=name)
    return means, histograms
