"""Rigid alignment of two CTs of one patient."""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images.registration_quality import RegistrationQuality, body_mask, registration_quality
from RNTDosimetryLib.images.resampling import IDENTITY, rigid_matrix, to_sitk
from RNTDosimetryLib.images.volumes import CtImage
from RNTDosimetryLib.records import Record

LARGEST_ROTATION_DEGREES = 30.0
LARGEST_SHIFT_MM = 150.0
"""Beyond these a result is refused: a patient on the same kind of couch is not turned or moved so far."""

_WORKING_SPACING_MM = 4.0
_HOUNSFIELD_RANGE = (-500.0, 400.0)
_SEED = 20240305
_SMALLEST_STEP_MM = 0.01
_EVALUATION_SHRINK = 3
_MASK_MARGIN_MM = 12.0


@dataclass(frozen=True)
class _Level:
    """One level of the search, on images of the working spacing: coarser by shrink, smoothed, a share of voxels sampled."""

    shrink: int
    smoothing_mm: float
    sampled: float
    step_mm: float


_COARSE_LEVELS = (_Level(4, 4.0, 0.5, 4.0), _Level(2, 2.0, 0.2, 4.0))
_FINE_LEVEL = (_Level(1, 0.0, 0.06, 0.5),)


@dataclass(frozen=True)
class RigidRegistration(Record):
    """Alignment of a moving CT to a fixed one.

    matrix: 4 x 4, LPS mm, maps a point of the fixed image to the same tissue in the moving image (SimpleITK's
    convention: what a resampler of the moving image onto the fixed grid needs).
    rotation_degrees: angle of the rotation. shift_mm: displacement of the centre of the fixed body. metric: final
    negative mutual information (None when nothing had to be optimised).
    """

    matrix: tuple[tuple[float, ...], ...]
    rotation_degrees: float
    shift_mm: float
    metric: float | None
    quality: RegistrationQuality
    method: str = "rigid, Mattes mutual information, 3 levels"
    warnings: tuple[str, ...] = ()

    @property
    def inverse_matrix(self) -> np.ndarray:
        return np.linalg.inv(np.asarray(self.matrix))


def register_rigid(fixed: CtImage, moving: CtImage, initial_matrix=None) -> RigidRegistration:
    """Rigid transform from the fixed to the moving CT.

    Both are brought to about 4 mm, the couch is masked out, a coarse search finds the shift, and three levels of a
    versor transform maximise mutual information. Same input, same result: regular sampling, fixed seed, one thread.
    initial_matrix: a 4 x 4 LPS start instead of the search. The same CT twice gives the identity.
    Raises DosimetryError when the images do not overlap or the result is not believable.
    """
    if _same_image(fixed, moving):
        return _result(IDENTITY, None, fixed, moving, "identity, same image")
    with one_thread():
        fixed_small, moving_small = _working_image(fixed), _working_image(moving)
        mask_array, body_centre = _fixed_mask(fixed_small)
        if initial_matrix is not None:
            starts = [rigid_matrix(initial_matrix, "the start of the registration")]
        else:
            starts = _starts(fixed_small, moving_small, body_centre)
        matrix, metric = _optimise(fixed_small, moving_small, mask_array, body_centre, starts)
    _refuse_unbelievable(matrix, body_centre, fixed.name, moving.name)
    return _result(matrix, metric, fixed, moving, RigidRegistration.method)


def rotation_angle_degrees(matrix) -> float:
    """Angle of the rotation of a 4 x 4 rigid matrix."""
    cosine = (np.trace(np.asarray(matrix)[:3, :3]) - 1.0) / 2.0
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def _same_image(fixed: CtImage, moving: CtImage) -> bool:
    if fixed is moving:
        return True
    same_frame = bool(fixed.frame_of_reference_uid) and fixed.frame_of_reference_uid == moving.frame_of_reference_uid
    return same_frame and fixed.geometry.same_grid(moving.geometry) and np.array_equal(fixed.hounsfield, moving.hounsfield)


def _working_image(ct: CtImage):
    """CT in a limited Hounsfield range, averaged to about the working spacing."""
    import SimpleITK as sitk

    factors = [max(1, int(_WORKING_SPACING_MM / step + 0.25)) for step in ct.geometry.spacing_mm]
    factors = [min(factor, size) for factor, size in zip(factors, ct.geometry.size)]
    image = to_sitk(np.clip(ct.hounsfield, *_HOUNSFIELD_RANGE), ct.geometry)
    image = sitk.BinShrink(image, factors[::-1])
    return sitk.Cast(image, sitk.sitkFloat32)


def _fixed_mask(image) -> tuple[np.ndarray, np.ndarray]:
    """Body of the fixed image with a margin, (z, y, x) uint8, and its centre in LPS mm."""
    import SimpleITK as sitk

    body = body_mask(sitk.GetArrayFromImage(image))
    if not body.any():
        raise DosimetryError(
            "Expected a patient in the fixed CT, received no tissue above -300 HU; check that the image is a CT in Hounsfield units."
        )
    spacing = image.GetSpacing()
    radius = [max(1, round(_MASK_MARGIN_MM / step)) for step in spacing]
    dilated = sitk.GetArrayFromImage(sitk.BinaryDilate(sitk.GetImageFromArray(body.astype(np.uint8)), radius))
    centre_index = np.array(np.nonzero(body)).mean(axis=1)[::-1]
    return dilated, np.asarray(image.TransformContinuousIndexToPhysicalPoint(centre_index.tolist()))


def _starts(fixed, moving, body_centre: np.ndarray) -> list[np.ndarray]:
    """Candidate shifts: none, the centres of the bodies, and the best of a coarse correlation of the two images."""
    import SimpleITK as sitk

    moving_body = body_mask(sitk.GetArrayFromImage(moving))
    if not moving_body.any():
        raise DosimetryError(
            "Expected a patient in the moving CT, received no tissue above -300 HU; check that the image is a CT in Hounsfield units."
        )
    centre = np.array(np.nonzero(moving_body)).mean(axis=1)[::-1]
    to_body = np.asarray(moving.TransformContinuousIndexToPhysicalPoint(centre.tolist())) - body_centre
    shifts = [np.zeros(3), to_body, np.array([to_body[0], to_body[1], 0.0])]
    shifts += [np.array([to_body[0], to_body[1], dz]) for dz in (-50.0, -25.0, 25.0, 50.0)]
    matrices = []
    for shift in shifts:
        matrix = np.eye(4)
        matrix[:3, 3] = shift
        matrices.append(matrix)
    return matrices


def _optimise(fixed, moving, mask_array: np.ndarray, centre: np.ndarray, starts) -> tuple[np.ndarray, float]:
    """Best matrix and its metric: the two most promising starts on coarse levels, the better one on the fine level."""
    import SimpleITK as sitk

    mask = sitk.GetImageFromArray(mask_array)
    mask.CopyInformation(fixed)
    small = [sitk.BinShrink(image, [_EVALUATION_SHRINK] * 3) for image in (fixed, moving)]
    scores = [
        (_evaluate(*small, sitk.Shrink(mask, [_EVALUATION_SHRINK] * 3), centre, start), index)
        for index, start in enumerate(starts)
    ]
    scores = sorted(score for score in scores if score[0] is not None)
    if not scores:
        raise DosimetryError(
            "Expected two CTs that overlap, received no common tissue at any start; align them by hand and give initial_matrix."
        )
    coarse = [_run(fixed, moving, mask, centre, starts[index], _COARSE_LEVELS) for _, index in scores[:2]]
    coarse = [result for result in coarse if result is not None]
    best = min(coarse, key=lambda result: result[1], default=None)
    final = None if best is None else _run(fixed, moving, mask, centre, best[0], _FINE_LEVEL)
    if final is None:
        raise DosimetryError(
            "Expected two CTs of one patient, received images that could not be aligned; align them by hand and give initial_matrix."
        )
    return final


def _run(fixed, moving, mask, centre, start: np.ndarray, levels) -> tuple[np.ndarray, float] | None:
    """Optimise from a start; None when the images lose each other on the way."""
    transform, method = _versor(start, centre), _method(mask, levels)
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(fixed, moving)
    except RuntimeError:
        return None
    return _matrix_of(transform), float(method.GetMetricValue())


def _method(mask, levels):
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=40)
    method.SetMetricFixedMask(mask)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentagePerLevel([level.sampled for level in levels], _SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=levels[0].step_mm,
        minStep=_SMALLEST_STEP_MM,
        numberOfIterations=100,
        relaxationFactor=0.6,
        gradientMagnitudeTolerance=1e-7,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([level.shrink for level in levels])
    method.SetSmoothingSigmasPerLevel([level.smoothing_mm for level in levels])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    return method


def _evaluate(fixed, moving, mask, centre, start) -> float | None:
    method = _method(mask, (_Level(1, 0.0, 1.0, 1.0),))
    method.SetInitialTransform(_versor(start, centre))
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


def _versor(matrix: np.ndarray, centre: np.ndarray):
    import SimpleITK as sitk

    transform = sitk.VersorRigid3DTransform()
    transform.SetCenter(centre.tolist())
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation((matrix[:3, :3] @ centre + matrix[:3, 3] - centre).tolist())
    return transform


def _matrix_of(transform) -> np.ndarray:
    rotation = np.asarray(transform.GetMatrix()).reshape(3, 3)
    centre = np.asarray(transform.GetCenter())
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = np.asarray(transform.GetTranslation()) + centre - rotation @ centre
    return matrix


def _refuse_unbelievable(matrix: np.ndarray, centre: np.ndarray, fixed_name: str, moving_name: str) -> None:
    angle, shift = rotation_angle_degrees(matrix), float(np.linalg.norm((matrix @ np.append(centre, 1.0))[:3] - centre))
    if angle > LARGEST_ROTATION_DEGREES or shift > LARGEST_SHIFT_MM:
        raise DosimetryError(
            f"Expected '{moving_name}' to lie within {LARGEST_ROTATION_DEGREES:g} degrees and {LARGEST_SHIFT_MM:g} mm of '{fixed_name}', received "
            f"{angle:.1f} degrees and {shift:.0f} mm; check the orientation of both and align them by hand."
        )


def _result(matrix: np.ndarray, metric: float | None, fixed: CtImage, moving: CtImage, method: str) -> RigidRegistration:
    quality, centre = registration_quality(fixed, moving, matrix)
    return RigidRegistration(
        matrix=tuple(tuple(float(value) for value in row) for row in matrix),
        rotation_degrees=rotation_angle_degrees(matrix),
        shift_mm=float(np.linalg.norm((matrix @ np.append(centre, 1.0))[:3] - centre)),
        metric=metric,
        quality=quality,
        method=method,
        warnings=quality.warnings(moving.name),
    )
