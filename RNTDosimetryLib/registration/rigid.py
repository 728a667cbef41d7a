"""Rigid alignment of two CTs of one patient."""

from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.images.resampling import IDENTITY, rigid_matrix
from RNTDosimetryLib.images.transforms import inverse, rotation_angle_degrees, shift_of_point_mm
from RNTDosimetryLib.images.volumes import CtImage
from RNTDosimetryLib.registration.orientation import better_orientation
from RNTDosimetryLib.registration.quality import RegistrationQuality, registration_quality
from RNTDosimetryLib.registration.search import mask_on_grid, one_thread, optimize, pair_of, starts_of

LARGEST_ROTATION_DEGREES = 30.0
LARGEST_SHIFT_MM = 150.0
"""Beyond these a result is refused: a patient on the same kind of couch is not turned or moved so far."""


@dataclass(frozen=True)
class RigidRegistration(Record):
    """Alignment of a moving CT to a fixed one.

    matrix: 4 x 4, LPS mm, maps a point of the fixed image to the same tissue in the moving image (SimpleITK's
    convention: what a resampler of the moving image onto the fixed grid needs).
    rotation_degrees: angle of the rotation. shift_mm: displacement of the center of the fixed body. metric: final
    negative mutual information (None when nothing had to be optimized).
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
        return inverse(self.matrix)


def register_rigid(fixed: CtImage, moving: CtImage, initial_matrix=None, fixed_mask=None, moving_mask=None) -> RigidRegistration:
    """Rigid transform from the fixed to the moving CT.

    Both are brought to about 4 mm, the couch is masked out, a coarse search finds the shift, and three levels of a
    versor transform maximize mutual information. Same input, same result: regular sampling, fixed seed, one thread.
    initial_matrix: a 4 x 4 LPS start instead of the search. The same CT twice gives the identity.
    fixed_mask, moving_mask: where to look, as a Region or as True and False on the grid of the image; what lies outside (an
    arm that moved, a cable) does not pull, and the quality is that within the masks. Without fixed_mask the fixed body is looked
    at, without moving_mask the whole moving image. ``body_of_ct(ct) & ~arm`` leaves an arm out.
    Raises DosimetryError when the images do not overlap, when the result is not believable, and when one of them is mirrored or
    turned by 180 degrees (looked for without masks).
    """
    masks = mask_on_grid(fixed_mask, fixed.geometry, "fixed_mask"), mask_on_grid(moving_mask, moving.geometry, "moving_mask")
    if _same_image(fixed, moving):
        return _result(IDENTITY, None, fixed, moving, masks, "identity, same image")
    with one_thread():
        pair = pair_of(fixed, moving, *masks)
        starts = starts_of(pair) if initial_matrix is None else [rigid_matrix(initial_matrix, "the start of the registration")]
        matrix, metric = optimize(pair, starts)
    return _judged(pair, matrix, metric, fixed, moving, masks, RigidRegistration.method)


def judge_registration(fixed: CtImage, moving: CtImage, matrix, method: str) -> RigidRegistration:
    """What ``register_rigid`` says of its own result, for a matrix (4 x 4, LPS mm, fixed to moving) that another program found.

    Raises DosimetryError as ``register_rigid`` does: for a result that is not believable, and for a mirrored or turned image.
    """
    matrix, masks = rigid_matrix(matrix, f"the registration of {moving.name} by {method}"), (None, None)
    if _same_image(fixed, moving):
        return _result(matrix, None, fixed, moving, masks, method)
    return _judged(pair_of(fixed, moving, *masks), matrix, None, fixed, moving, masks, method)


def _judged(pair, matrix, metric, fixed: CtImage, moving: CtImage, masks, method: str) -> RigidRegistration:
    _refuse_unbelievable(matrix, pair.center, fixed.name, moving.name)
    result = _result(matrix, metric, fixed, moving, masks, method)
    if all(mask is None for mask in masks):
        _refuse_other_orientation(pair, matrix, result.quality, fixed.name, moving.name)
    return result


def _same_image(fixed: CtImage, moving: CtImage) -> bool:
    if fixed is moving:
        return True
    same_frame = bool(fixed.frame_of_reference_uid) and fixed.frame_of_reference_uid == moving.frame_of_reference_uid
    return same_frame and fixed.geometry.same_grid(moving.geometry) and np.array_equal(fixed.hounsfield, moving.hounsfield)


def _refuse_unbelievable(matrix: np.ndarray, center: np.ndarray, fixed_name: str, moving_name: str) -> None:
    angle, shift = rotation_angle_degrees(matrix), shift_of_point_mm(matrix, center)
    if angle > LARGEST_ROTATION_DEGREES or shift > LARGEST_SHIFT_MM:
        raise DosimetryError(
            f"Expected '{moving_name}' to lie within {LARGEST_ROTATION_DEGREES:g} degrees and {LARGEST_SHIFT_MM:g} mm of '{fixed_name}', received "
            f"{angle:.1f} degrees and {shift:.0f} mm; check the orientation of both and align them by hand."
        )


def _refuse_other_orientation(pair, matrix: np.ndarray, quality: RegistrationQuality, fixed_name: str, moving_name: str) -> None:
    words = better_orientation(pair, matrix, quality)
    if words:
        raise DosimetryError(
            f"Expected '{moving_name}' in the orientation of '{fixed_name}', received an image that fits clearly better {words}; check the patient "
            "position and the order of the slices of both."
        )


def _result(matrix: np.ndarray, metric: float | None, fixed: CtImage, moving: CtImage, masks, method: str) -> RigidRegistration:
    quality, center = registration_quality(fixed, moving, matrix, *masks)
    return RigidRegistration(
        matrix=tuple(tuple(float(value) for value in row) for row in matrix),
        rotation_degrees=rotation_angle_degrees(matrix),
        shift_mm=shift_of_point_mm(matrix, center),
        metric=metric,
        quality=quality,
        method=method,
        warnings=quality.warnings(moving.name),
    )
