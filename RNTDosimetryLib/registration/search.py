"""The search for the rigid transform of two images that compare as CTs do: starts, levels, optimizer. No decision about the result."""

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from RNTDosimetryLib.base.checks import number_array
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.resampling import resample_array, to_sitk
from RNTDosimetryLib.images.transforms import rotation_angle_degrees, shift_of_point_mm
from RNTDosimetryLib.images.volumes import CtImage, Region
from RNTDosimetryLib.registration.quality import body_mask, coarse_grid, dilate

_WORKING_SPACING_MM = 4.0
_HOUNSFIELD_RANGE = (-500.0, 400.0)
_SEED = 20240305
_SMALLEST_STEP_MM = 0.01
_EVALUATION_SHRINK = 3
_MASK_MARGIN_MM = 12.0


@dataclass(frozen=True)
class _Level:
    """One level of the search, on images of the working spacing: smoothed, made coarser, a share of the fixed image's voxels sampled."""

    fixed_shrink: int
    moving_shrink: int
    smoothing_mm: float
    sampled: float
    step_mm: float


_COARSE, _MIDDLE, _FINE = _Level(4, 2, 4.0, 0.5, 4.0), _Level(2, 2, 2.0, 0.2, 4.0), _Level(1, 1, 0.0, 0.06, 0.5)
_SAME_MM, _SAME_DEGREES = 2.0, 0.5
"""Two coarse results nearer than this are one: the next level tells no more of them."""


@dataclass(frozen=True)
class Pair:
    """Two SimpleITK images of the working spacing, and where they are compared.

    mask: where in the fixed image, (z, y, x) uint8. center: its middle, LPS mm, about which the search turns.
    body_center: the middle of what is looked for in the moving image when there is no start: of the fixed body or mask.
    moving_center: the middle of the moving body or mask. moving_mask: where in the moving image, None for everywhere.
    """

    fixed: Any
    moving: Any
    mask: np.ndarray
    center: np.ndarray
    body_center: np.ndarray
    moving_center: np.ndarray
    moving_mask: np.ndarray | None = None


def pair_of(fixed: CtImage, moving: CtImage, fixed_mask: np.ndarray | None = None, moving_mask: np.ndarray | None = None) -> Pair:
    """The images at the working spacing with their masks (bool, on the grids of the images); without a mask the fixed body counts.

    Raises DosimetryError for an image without tissue and a mask that is too small for the working spacing.
    """
    fixed_small, moving_small = _working_image(fixed), _working_image(moving)
    bodies = [_body(image, which) for image, which in ((fixed_small, "fixed"), (moving_small, "moving"))]
    given = [
        None if mask is None else _working_mask(mask, image, which)
        for mask, image, which in ((fixed_mask, fixed, "fixed"), (moving_mask, moving, "moving"))
    ]
    # The middles of two masks are those of one part of the body; that of one mask alone says nothing of the other image.
    looked_for = given if all(mask is not None for mask in given) else bodies
    mask = _with_margin(bodies[0], fixed_small) if given[0] is None else given[0]
    return Pair(
        fixed_small,
        moving_small,
        mask.astype(np.uint8),
        _center_of(bodies[0] if given[0] is None else given[0], fixed_small),
        _center_of(looked_for[0], fixed_small),
        _center_of(looked_for[1], moving_small),
        given[1],
    )


def starts_of(pair: Pair) -> list[np.ndarray]:
    """Candidate shifts: none, the centers of the bodies, and the latter with steps along the patient."""
    to_body = pair.moving_center - pair.body_center
    shifts = [np.zeros(3), to_body, np.array([to_body[0], to_body[1], 0.0])]
    shifts += [np.array([to_body[0], to_body[1], dz]) for dz in (-50.0, -25.0, 25.0, 50.0)]
    matrices = []
    for shift in shifts:
        matrix = np.eye(4)
        matrix[:3, 3] = shift
        matrices.append(matrix)
    return matrices


def _factors(ct: CtImage) -> list[int]:
    """How many voxels become one, along x, y, z."""
    factors = [max(1, int(_WORKING_SPACING_MM / step + 0.25)) for step in ct.geometry.spacing_mm]
    return [min(factor, size) for factor, size in zip(factors, ct.geometry.size)][::-1]


def _working_image(ct: CtImage):
    """CT in a limited Hounsfield range, averaged to about the working spacing."""
    import SimpleITK as sitk

    image = to_sitk(np.clip(ct.hounsfield, *_HOUNSFIELD_RANGE), ct.geometry)
    return sitk.Cast(sitk.BinShrink(image, _factors(ct)), sitk.sitkFloat32)


def _working_mask(mask: np.ndarray, ct: CtImage, which: str) -> np.ndarray:
    """The mask on the grid of the working image: a voxel belongs to it when at least half of it does."""
    import SimpleITK as sitk

    share = sitk.BinShrink(to_sitk(mask.astype(np.float32), ct.geometry), _factors(ct))
    found = sitk.GetArrayFromImage(share) >= 0.5
    if not found.any():
        raise DosimetryError(
            f"Expected a {which}_mask with parts thicker than {_WORKING_SPACING_MM:g} mm, received a thinner one; draw it larger."
        )
    return found


def _body(image, which: str) -> np.ndarray:
    import SimpleITK as sitk

    body = body_mask(sitk.GetArrayFromImage(image))
    if not body.any():
        raise DosimetryError(
            f"Expected a patient in the {which} CT, received no tissue above -300 HU; check that the image is a CT in Hounsfield units."
        )
    return body


def _with_margin(body: np.ndarray, image) -> np.ndarray:
    import SimpleITK as sitk

    radius = [max(1, round(_MASK_MARGIN_MM / step)) for step in image.GetSpacing()]
    return sitk.GetArrayFromImage(sitk.BinaryDilate(sitk.GetImageFromArray(body.astype(np.uint8)), radius))


def _center_of(mask: np.ndarray, image) -> np.ndarray:
    """Middle of a mask in LPS mm."""
    index = np.array(np.nonzero(mask)).mean(axis=1)[::-1]
    return np.asarray(image.TransformContinuousIndexToPhysicalPoint(index.tolist()))


def optimize(pair: Pair, starts) -> tuple[np.ndarray, float]:
    """Best matrix and its metric: the two most promising starts on coarse levels, the better one on the fine level.

    Raises DosimetryError when the images have nothing in common.
    """
    ranked = rank_starts(pair, starts)
    if not ranked:
        raise DosimetryError(
            "Expected two CTs that overlap, received no common tissue at any start; align them by hand and give initial_matrix."
        )
    coarse = _found(pair, [starts[index] for _, index in ranked[:2]], _COARSE)
    if len(coarse) == 2 and _same(coarse[0][0], coarse[1][0], pair.center):
        coarse = coarse[:1]
    middle = _found(pair, [matrix for matrix, _ in coarse], _MIDDLE)
    final = _run(pair, middle[0][0], _FINE) if middle else None
    if final is None:
        raise DosimetryError(
            "Expected two CTs of one patient, received images that could not be aligned; align them by hand and give initial_matrix."
        )
    return final


def _found(pair: Pair, starts, level: _Level) -> list[tuple[np.ndarray, float]]:
    """Where the starts end, the best first; without those on the way of which the images lost each other."""
    results = [_run(pair, start, level) for start in starts]
    return sorted((result for result in results if result is not None), key=lambda result: result[1])


def _same(matrix: np.ndarray, other: np.ndarray, center: np.ndarray) -> bool:
    between = np.linalg.inv(other) @ matrix
    return shift_of_point_mm(between, center) < _SAME_MM and rotation_angle_degrees(between) < _SAME_DEGREES


def rank_starts(pair: Pair, starts) -> list[tuple[float, int]]:
    """(metric on images of about 12 mm, number of the start), the best first; without those that do not overlap."""
    import SimpleITK as sitk

    factors = [_EVALUATION_SHRINK] * 3
    fixed, moving = (sitk.BinShrink(image, factors) for image in (pair.fixed, pair.moving))
    mask = sitk.Shrink(_mask_image(pair.mask, pair.fixed), factors)
    scores = [(_evaluate(fixed, moving, mask, pair, start), index) for index, start in enumerate(starts)]
    return sorted(score for score in scores if score[0] is not None)


def optimize_coarsely(pair: Pair, start: np.ndarray) -> np.ndarray | None:
    """The first level of the search alone: where the images would come to lie, to about a voxel; None when they lose each other."""
    found = _run(pair, start, _COARSE)
    return None if found is None else found[0]


def _run(pair: Pair, start: np.ndarray, level: _Level) -> tuple[np.ndarray, float] | None:
    """Optimize from a start on one level; None when the images lose each other on the way."""
    import SimpleITK as sitk

    transform, method = _versor(start, pair.center), _method(_mask_image(pair.mask, pair.fixed), pair, level)
    method.SetInitialTransform(transform, inPlace=True)
    # The optimizer makes gradients of the whole moving image: of a coarse one that is soon done.
    moving = sitk.BinShrink(pair.moving, [level.moving_shrink] * 3) if level.moving_shrink > 1 else pair.moving
    try:
        method.Execute(pair.fixed, moving)
    except RuntimeError:
        return None
    return _matrix_of(transform), float(method.GetMetricValue())


def _mask_image(mask: np.ndarray, image):
    import SimpleITK as sitk

    found = sitk.GetImageFromArray(mask.astype(np.uint8))
    found.CopyInformation(image)
    return found


def _method(mask, pair: Pair, level: _Level):
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=40)
    method.SetMetricFixedMask(mask)
    if pair.moving_mask is not None:
        method.SetMetricMovingMask(_mask_image(pair.moving_mask, pair.moving))
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(level.sampled, _SEED)
    method.SetShrinkFactorsPerLevel([level.fixed_shrink])
    method.SetSmoothingSigmasPerLevel([level.smoothing_mm])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=level.step_mm,
        minStep=_SMALLEST_STEP_MM,
        numberOfIterations=100,
        relaxationFactor=0.6,
        gradientMagnitudeTolerance=1e-7,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    return method


def _evaluate(fixed, moving, mask, pair: Pair, start) -> float | None:
    method = _method(mask, pair, _Level(1, 1, 0.0, 1.0, 1.0))
    method.SetInitialTransform(_versor(start, pair.center))
    try:
        return float(method.MetricEvaluate(fixed, moving))
    except RuntimeError:
        return None


@contextmanager
def one_thread():
    """One thread while registering: sums over threads differ in their last digits from run to run."""
    import SimpleITK as sitk

    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)


def _versor(matrix: np.ndarray, center: np.ndarray):
    import SimpleITK as sitk

    transform = sitk.VersorRigid3DTransform()
    transform.SetCenter(center.tolist())
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation((matrix[:3, :3] @ center + matrix[:3, 3] - center).tolist())
    return transform


def _matrix_of(transform) -> np.ndarray:
    rotation = np.asarray(transform.GetMatrix()).reshape(3, 3)
    center = np.asarray(transform.GetCenter())
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = np.asarray(transform.GetTranslation()) + center - rotation @ center
    return matrix


_FEWEST_VOXELS = 50


def mask_on_grid(mask, geometry: ImageGeometry, what: str) -> np.ndarray | None:
    """A mask of an image as bool (z, y, x) on its grid, True where the registration looks; None for None.

    mask: a Region, on the same or another grid in the frame of the image, or an array of True and False on the grid itself.
    Raises DosimetryError for another shape, for other values, and for a mask with hardly a voxel in it.
    """
    if mask is None:
        return None
    if isinstance(mask, Region):
        inside: np.ndarray = (np.asarray(mask.occupancy) >= 0.5).astype(np.uint8)
        if not mask.geometry.same_grid(geometry):
            inside = resample_array(inside, mask.geometry, geometry, linear=False)
    else:
        inside = number_array(mask, what)
        if inside.shape != geometry.size:
            raise DosimetryError(
                f"Expected {what} of the shape of its image {geometry.size} (z, y, x), received {inside.shape}; draw it on that image."
            )
        if not np.all((inside == 0) | (inside == 1)):
            raise DosimetryError(f"Expected True and False in {what}, received other values; compare with a threshold first.")
    inside = inside > 0
    if np.count_nonzero(inside) < _FEWEST_VOXELS:
        raise DosimetryError(
            f"Expected {_FEWEST_VOXELS} voxels or more in {what}, received {np.count_nonzero(inside)}; draw it larger or leave it out."
        )
    return inside


def body_of_ct(ct: CtImage) -> np.ndarray:
    """The patient without couch and with a margin of about 8 mm, bool (z, y, x) on the grid of the CT.

    What ``register_rigid`` looks at when it is given no mask: to leave a part out, give ``body_of_ct(ct) & ~part``.
    """
    grid = coarse_grid(ct.geometry)
    body = dilate(body_mask(resample_array(ct.hounsfield, ct.geometry, grid)))
    return resample_array(body.astype(np.uint8), grid, ct.geometry, linear=False) > 0
