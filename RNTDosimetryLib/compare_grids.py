"""A dose map on the grid of another for a comparison: averaged over the voxels of the target where it is finer than they are."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from RNTDosimetryLib.images import ImageGeometry
from RNTDosimetryLib.images.resampling import resample_array, rigid_matrix
from RNTDosimetryLib.intake.volume_files import DoseVolume, dose_on_grid

_MOST_SAMPLES_PER_AXIS = 5
_MOST_SHARE_OUTSIDE = 0.5


@dataclass(frozen=True, eq=False)
class GriddedDose:
    """A dose map on the grid of the comparison. dose_gy, uncertainty_gy (None if not known), inside: (z, y, x).

    voxels_per_sample: how many voxels of the grid share one voxel of a coarser map, 1 for a finer one.
    finer: how many voxels of the map lie in one of the grid, 1 for a coarser one.
    """

    dose_gy: np.ndarray
    uncertainty_gy: np.ndarray | None
    inside: np.ndarray
    voxels_per_sample: float = 1.0
    finer: float = 1.0


def on_grid(dose: DoseVolume, target: ImageGeometry, matrix=None, independent: bool = True) -> GriddedDose:
    """The dose on ``target``. matrix: 4 x 4 LPS, from points of the target to points of the dose. independent: noise of its voxels averages out.

    A coarser map is interpolated linearly. A finer one is averaged over each voxel of the target, at up to 5 x 5 x 5 places in it, and independent
    uncertainties fall with the root of the number of its voxels there. Raises DosimetryError when the grids do not meet.
    """
    matrix = rigid_matrix(matrix)
    moved = dose_on_grid(dose, target, matrix)
    inside = np.ones(target.size, dtype=bool) if moved.inside is None else moved.inside
    ratio = target.voxel_volume_ml / dose.geometry.voxel_volume_ml
    counts = _samples_per_axis(dose.geometry, target, matrix)
    if moved is dose or max(counts) == 1:
        return GriddedDose(moved.dose_gy, moved.uncertainty_gy, inside, max(1.0, 1 / ratio), max(1.0, ratio))
    arrays = [dose.dose_gy, *([] if dose.uncertainty_gy is None else [dose.uncertainty_gy**2 if independent else dose.uncertainty_gy])]
    means, share = _averages(arrays, dose.geometry, target, matrix, counts)
    uncertainty = None
    if dose.uncertainty_gy is not None:
        uncertainty = np.sqrt(means[1] / max(1.0, ratio)) if independent else means[1]
    return GriddedDose(means[0], uncertainty, share >= _MOST_SHARE_OUTSIDE, max(1.0, 1 / ratio), max(1.0, ratio))


def _samples_per_axis(source: ImageGeometry, target: ImageGeometry, matrix: np.ndarray) -> tuple[int, int, int]:
    """Places (x, y, z) in a target voxel: about one for each voxel of the source along each axis."""
    steps = (np.linalg.inv(source.index_to_lps) @ matrix @ target.index_to_lps)[:3, :3]
    return tuple(int(np.clip(round(length), 1, _MOST_SAMPLES_PER_AXIS)) for length in np.linalg.norm(steps, axis=0))


def _averages(arrays, source: ImageGeometry, target: ImageGeometry, matrix, counts) -> tuple[list[np.ndarray], np.ndarray]:
    """Means of each array over the places of a target voxel that lie in the source, and the share of places that do."""
    totals, share = [np.zeros(target.size, dtype=np.float64) for _ in arrays], np.zeros(target.size, dtype=np.float64)
    ones = np.ones(source.size, dtype=np.uint8)
    for places in product(*((np.arange(count) + 0.5) / count - 0.5 for count in counts)):
        shifted = replace(target, origin_lps_mm=tuple((target.index_to_lps @ [*places, 1.0])[:3]))
        share += resample_array(ones, source, shifted, matrix, linear=False)
        for total, array in zip(totals, arrays):
            total += resample_array(array, source, shifted, matrix)
    met = np.maximum(share, 1)
    return [(total / met).astype(np.float32) for total in totals], share / float(np.prod(counts))
