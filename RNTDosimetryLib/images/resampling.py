"""Images and regions on another grid, through a rigid transform. The input is never changed."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from RNTDosimetryLib.base.checks import checked_kind, number_array
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.images.geometry import SMALLEST_LONGEST_SIDE_MM, ImageGeometry
from RNTDosimetryLib.images.volumes import ActivityImage, Region

IDENTITY = np.eye(4)

_SAMPLES_PER_VOXEL = 2.0
_FEWEST_VOXELS, _FINEST = 200, 8
"""A mask of fewer voxels holds a volume to worse than a quarter of a percent: it is made of finer ones."""
_MOST_SAMPLES_PER_AXIS = 8
_MOST_POINTS = 8_000_000
_MARGIN_VOXELS = 2


@dataclass(frozen=True)
class ResampledActivity(Record):
    """An activity image on another grid. inside: (z, y, x) bool, True where the original image has data."""

    image: ActivityImage
    inside: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    coverage: float = 1.0


def rigid_matrix(matrix: Any, what: str = "the transform") -> np.ndarray:
    """A 4 x 4 rigid LPS matrix, checked: no scaling, shear or mirror. None gives the identity. Raises DosimetryError."""
    result = IDENTITY.copy() if matrix is None else np.array(number_array(matrix, what))
    if result.shape != (4, 4) or not np.all(np.isfinite(result)) or not np.allclose(result[3], [0, 0, 0, 1]):
        raise DosimetryError(
            f"Expected a 4 x 4 matrix with a last row 0 0 0 1 for {what}, received {np.shape(matrix)}; check the transform."
        )
    rotation = result[:3, :3]
    if not np.allclose(rotation.T @ rotation, np.eye(3), atol=1e-4):
        raise DosimetryError(f"Expected a rigid matrix for {what}, received one that scales or shears; register rigidly.")
    if np.linalg.det(rotation) < 0:
        raise DosimetryError(
            f"Expected a rigid matrix for {what}, received one that mirrors the patient; check the orientation of the images."
        )
    return result


def to_sitk(array: np.ndarray, geometry: ImageGeometry) -> Any:
    """SimpleITK image of an array (z, y, x) on its grid."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(array)
    image.SetSpacing(geometry.spacing_mm[::-1])
    image.SetOrigin(geometry.origin_lps_mm)
    image.SetDirection(np.asarray(geometry.direction).ravel().tolist())
    return image


def geometry_of_sitk(image: Any) -> ImageGeometry:
    """Grid of a SimpleITK image with three axes."""
    direction = np.asarray(image.GetDirection()).reshape(3, 3)
    return ImageGeometry(
        size=image.GetSize()[::-1],
        spacing_mm=image.GetSpacing()[::-1],
        origin_lps_mm=image.GetOrigin(),
        direction=tuple(tuple(row) for row in direction),
    )


def sitk_transform(matrix: np.ndarray) -> Any:
    """SimpleITK transform of a 4 x 4 LPS matrix."""
    import SimpleITK as sitk

    transform = sitk.AffineTransform(3)
    transform.SetMatrix(np.asarray(matrix)[:3, :3].ravel().tolist())
    transform.SetTranslation(np.asarray(matrix)[:3, 3].tolist())
    return transform


def resample_array(
    array: np.ndarray,
    geometry: ImageGeometry,
    target: ImageGeometry,
    matrix: Any = None,
    linear: bool = True,
    outside: float = 0.0,
) -> np.ndarray:
    """Array on the target grid: value at target point p is the value at matrix @ p. Linear or nearest neighbor."""
    grid = target.size, target.spacing_mm, target.origin_lps_mm, target.direction
    return _resampled(to_sitk(array, geometry), matrix, *grid, linear, outside)


def _resampled(
    image: Any, matrix: Any, size: Any, spacing_mm: Any, origin_lps_mm: Any, direction: Any, linear: bool, outside: float = 0.0
) -> np.ndarray:
    """Values of a SimpleITK image on a grid (size and spacing z, y, x) that may be finer than an image of a patient may be."""
    import SimpleITK as sitk

    resampler = sitk.ResampleImageFilter()
    resampler.SetSize([int(n) for n in size[::-1]])
    resampler.SetOutputSpacing([float(step) for step in spacing_mm[::-1]])
    resampler.SetOutputOrigin([float(part) for part in origin_lps_mm])
    resampler.SetOutputDirection(np.asarray(direction).ravel().tolist())
    resampler.SetTransform(sitk_transform(IDENTITY if matrix is None else matrix))
    resampler.SetInterpolator(sitk.sitkLinear if linear else sitk.sitkNearestNeighbor)
    resampler.SetDefaultPixelValue(outside)
    return sitk.GetArrayFromImage(resampler.Execute(image))


def resample_activity(image: ActivityImage, target_geometry: ImageGeometry, matrix: Any = None) -> ResampledActivity:
    """Activity concentration on another grid, by linear interpolation.

    matrix: 4 x 4 LPS, from points of the target to points of the image (as RigidRegistration.matrix, fixed to moving).
    Voxels without data are 0 and False in ``inside``. Raises DosimetryError when the grids do not meet at all.
    """
    matrix = rigid_matrix(matrix)
    if image.geometry.same_grid(target_geometry) and np.allclose(matrix, IDENTITY, atol=1e-9):
        return ResampledActivity(image, np.ones(target_geometry.size, dtype=bool))
    values = resample_array(image.concentration_bq_ml, image.geometry, target_geometry, matrix)
    inside = (
        resample_array(np.ones(image.geometry.size, dtype=np.uint8), image.geometry, target_geometry, matrix, linear=False) > 0
    )
    if not inside.any():
        raise DosimetryError(
            f"Expected '{image.name}' to overlap the target grid, received no common voxel; check the registration."
        )
    coverage = float(np.count_nonzero(inside)) / inside.size
    return ResampledActivity(replace(image, geometry=target_geometry, concentration_bq_ml=values), inside, coverage)


def resample_mask(region: Region, target_geometry: ImageGeometry, matrix: Any = None) -> Region:
    """The region as a mask on another grid: a voxel is inside when its center is. Never interpolated and thresholded.

    matrix: 4 x 4 LPS, from points of the target to points of the region. Raises DosimetryError when nothing is left.
    """
    matrix = rigid_matrix(matrix)
    mask = (np.asarray(region.occupancy) >= 0.5).astype(np.uint8)
    if not (region.geometry.same_grid(target_geometry) and np.allclose(matrix, IDENTITY, atol=1e-9)):
        mask = resample_array(mask, region.geometry, target_geometry, matrix, linear=False)
    if not mask.any():
        raise DosimetryError(
            f"Expected region '{region.name}' to contain a voxel center of the target grid, received none; use occupancy_on_grid for small regions."
        )
    return replace(region, geometry=target_geometry, occupancy=mask)


def centers_inside(region: Region, target_geometry: ImageGeometry, matrix: Any = None) -> np.ndarray:
    """Target voxels whose center lies in the region, (z, y, x) bool, with the outline smooth between the region's voxels.

    matrix: 4 x 4 LPS, from points of the target to points of the region. Shape-based interpolation (Raya and Udupa 1990): the
    signed distance to the outline is interpolated, not the mask, so the stairs of the region's own voxels do not mix
    tissue from outside into the mean, and a single voxel is not lost.
    """
    from scipy.ndimage import distance_transform_edt

    matrix = rigid_matrix(matrix)
    mask = np.asarray(region.occupancy) >= 0.5
    if not mask.any() or (region.geometry.same_grid(target_geometry) and np.allclose(matrix, IDENTITY, atol=1e-9)):
        return mask
    box = tuple(
        slice(max(part.start - _MARGIN_VOXELS, 0), min(part.stop + _MARGIN_VOXELS, size))
        for part, size in zip(bounding_box(mask), mask.shape)
    )
    # Padding closes the outline of a region that touches the end of its grid.
    padded = np.pad(mask[box], 1)
    spacing = region.geometry.spacing_mm
    distance = distance_transform_edt(padded, spacing) - distance_transform_edt(~padded, spacing)
    start = np.array([part.start - 1.0 for part in box[::-1]] + [1.0])
    origin = (region.geometry.index_to_lps @ start)[:3]
    geometry = replace(region.geometry, size=padded.shape, origin_lps_mm=tuple(origin))
    return resample_array(distance.astype(np.float32), geometry, target_geometry, matrix, outside=-1.0) > 0


def occupancy_on_grid(region: Region, target_geometry: ImageGeometry, matrix: Any = None) -> np.ndarray:
    """Share of each target voxel that lies in the region, (z, y, x) float32, 0 to 1.

    matrix: 4 x 4 LPS, from points of the target to points of the region. Each target voxel is sampled at sub-voxel
    centers, finer than the voxels of the region; then partial voxels are scaled so that the volume is that of the region
    (when it lies wholly within the target grid). Only the box around the region is worked on.
    """
    matrix = rigid_matrix(matrix)
    checked_kind(target_geometry, ImageGeometry, "the target grid")
    occupancy = np.asarray(checked_kind(region, Region, "the region").occupancy)
    if region.geometry.same_grid(target_geometry) and np.allclose(matrix, IDENTITY, atol=1e-9):
        return occupancy.astype(np.float32)
    result = np.zeros(target_geometry.size, dtype=np.float32)
    source_box = bounding_box(occupancy)
    target_box, wholly_inside = _box_on_target(source_box, region.geometry, target_geometry, matrix)
    if target_box is None:
        return result
    cropped, crop_geometry = occupancy[source_box], _sub_grid(region.geometry, source_box)
    box_geometry = _sub_grid(target_geometry, target_box)
    total = _sampled_share(cropped, crop_geometry, box_geometry, matrix)
    if wholly_inside:
        _conserve_volume(total, region.volume_ml / target_geometry.voxel_volume_ml)
    result[target_box] = total
    return result


def _sampled_share(occupancy: np.ndarray, geometry: ImageGeometry, target: ImageGeometry, matrix: np.ndarray) -> np.ndarray:
    """Mean of the occupancy at evenly spaced points of each target voxel, (z, y, x) float32; slab by slab, so that the points fit in memory."""
    counts = np.array(_samples_per_axis(geometry, target))
    spacing = np.array(target.spacing_mm) / counts
    first = np.append(0.5 / counts[::-1] - 0.5, 1.0)
    image, share = to_sitk(occupancy, geometry), np.empty(target.size, dtype=np.float32)
    points_a_slice = int(np.prod(counts)) * target.size[1] * target.size[2]
    thick = max(_MOST_POINTS // points_a_slice, 1)
    for start in range(0, target.size[0], thick):
        slices = min(thick, target.size[0] - start)
        fine = (slices * counts[0], target.size[1] * counts[1], target.size[2] * counts[2])
        origin = (target.index_to_lps @ (first + np.array([0.0, 0.0, start, 0.0])))[:3]
        points = _resampled(image, matrix, fine, spacing, origin, target.direction, linear=False)
        blocks = points.reshape(slices, counts[0], target.size[1], counts[1], target.size[2], counts[2])
        share[start : start + slices] = blocks.sum(axis=(1, 3, 5), dtype=np.float32)
    return share / np.float32(counts.prod())


def whole_voxels(region: Region) -> Region:
    """The region as a mask of 0 and 1 with the volume of its shares: the voxels of which most lies inside, finer ones where it has fewer than 200.

    For what holds masks only. A region that is a mask already is returned as it is.
    """
    occupancy = np.asarray(region.occupancy)
    if np.all((occupancy == 0) | (occupancy == 1)):
        return region
    box = tuple(
        slice(max(part.start - 1, 0), min(part.stop + 1, size)) for part, size in zip(bounding_box(occupancy), occupancy.shape)
    )
    held = float(occupancy.sum(dtype=np.float64))
    # No finer than an image may be: half a millimeter along its longest side.
    finest = min(_FINEST, int(max(region.geometry.spacing_mm) / SMALLEST_LONGEST_SIDE_MM))
    finer = int(np.clip(np.ceil((_FEWEST_VOXELS / held) ** (1 / 3)), 1, max(finest, 1)))
    if finer == 1:
        mask = np.zeros(occupancy.shape, dtype=np.uint8)
        mask[box] = _fullest(occupancy[box], held)
        return replace(region, occupancy=mask)
    geometry = _finer_grid(_sub_grid(region.geometry, box), finer)
    shares = resample_array(occupancy[box].astype(np.float32), _sub_grid(region.geometry, box), geometry)
    return replace(region, geometry=geometry, occupancy=_fullest(shares, held * finer**3))


def _fullest(shares: np.ndarray, count: float) -> np.ndarray:
    """Mask of so many voxels, those with the largest shares."""
    mask = np.zeros(shares.size, dtype=np.uint8)
    mask[np.argsort(-shares.ravel(), kind="stable")[: max(round(count), 1)]] = 1
    return mask.reshape(shares.shape)


def _finer_grid(geometry: ImageGeometry, finer: int) -> ImageGeometry:
    """The same space in voxels ``finer`` times as fine along each axis."""
    start = np.append(np.full(3, 0.5 / finer - 0.5), 1.0)
    return ImageGeometry(
        size=(geometry.size[0] * finer, geometry.size[1] * finer, geometry.size[2] * finer),
        spacing_mm=(geometry.spacing_mm[0] / finer, geometry.spacing_mm[1] / finer, geometry.spacing_mm[2] / finer),
        origin_lps_mm=tuple((geometry.index_to_lps @ start)[:3]),
        direction=geometry.direction,
    )


def _samples_per_axis(source: ImageGeometry, target: ImageGeometry) -> list[int]:
    finest = min(source.spacing_mm)
    return [int(np.clip(np.ceil(_SAMPLES_PER_VOXEL * step / finest), 3, _MOST_SAMPLES_PER_AXIS)) for step in target.spacing_mm]


def _conserve_volume(total: np.ndarray, expected_voxels: float) -> None:
    """Scale the partial voxels so that the sum is right; full voxels stay full. Repeated because of the limit at 1."""
    for _ in range(4):
        partial = (total > 0) & (total < 1)
        share = float(total[partial].sum(dtype=np.float64))
        missing = expected_voxels - float(total.sum(dtype=np.float64))
        if share <= 0 or abs(missing) < 1e-6 * expected_voxels:
            return
        total[partial] = np.clip(total[partial] * (1.0 + missing / share), 0.0, 1.0)


def bounding_box(occupancy: np.ndarray) -> tuple[slice, slice, slice]:
    """Slices (z, y, x) of the smallest box around what is not 0."""
    box = []
    for axis in range(3):
        filled = np.flatnonzero(occupancy.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(int(filled[0]), int(filled[-1]) + 1))
    return box[0], box[1], box[2]


def _sub_grid(geometry: ImageGeometry, box: Any) -> ImageGeometry:
    start = np.array([box[2].start, box[1].start, box[0].start, 1.0])
    origin = (geometry.index_to_lps @ start)[:3]
    return replace(geometry, size=tuple(part.stop - part.start for part in box), origin_lps_mm=tuple(origin))


def _box_on_target(source_box: Any, source: ImageGeometry, target: ImageGeometry, matrix: np.ndarray) -> Any:
    """Box of target voxels around the region, and whether the region lies wholly within the target grid."""
    limits = [(part.start - 0.5, part.stop - 0.5) for part in source_box[::-1]]
    corners = np.array([[x, y, z, 1.0] for x in limits[0] for y in limits[1] for z in limits[2]]).T
    to_target = np.linalg.inv(target.index_to_lps) @ np.linalg.inv(matrix) @ source.index_to_lps
    index = (to_target @ corners)[:3][::-1]
    low, high = np.floor(index.min(axis=1) + 0.5).astype(int), np.ceil(index.max(axis=1) + 0.5).astype(int)
    size = np.array(target.size)
    wholly = bool(np.all(index.min(axis=1) >= -0.5 - 1e-6) and np.all(index.max(axis=1) <= size - 0.5 + 1e-6))
    low, high = np.maximum(low, 0), np.minimum(high, size)
    if np.any(high <= low):
        return None, False
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high)), wholly
