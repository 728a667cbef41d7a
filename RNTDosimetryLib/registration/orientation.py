"""Whether an image was mirrored or turned by 180 degrees: a rigid search stops somewhere all the same, and organs change sides.

A wrong patient position or a reversed slice order in the header mirrors the image along its own axes or turns it by half a turn.
A search within 30 degrees cannot undo that. So the seven other orientations are tried coarsely, and the one that the
images themselves prefer is named.
"""

from dataclasses import replace
from itertools import combinations

import numpy as np

from RNTDosimetryLib.images.resampling import geometry_of_sitk, to_sitk
from RNTDosimetryLib.images.volumes import CtImage
from RNTDosimetryLib.registration.quality import FixedPart, RegistrationQuality, fixed_part, mutual_information_against
from RNTDosimetryLib.registration.search import Pair, one_thread, optimize_coarsely, rank_starts, starts_of

_CONVINCING_CORRELATION, _CONVINCING_BONE_DICE = 0.8, 0.75
_CLEARLY_BETTER = 1.15
"""Ratio of mutual information. Of made-up patients the wrong orientations reach at most 0.83 of the right one."""

_WORDS = {
    "x": "mirrored left to right",
    "y": "mirrored front to back",
    "z": "mirrored head to feet",
    "xy": "turned by 180 degrees about its long axis, as prone and supine",
    "xz": "turned by 180 degrees about the axis from front to back, head to feet",
    "yz": "turned by 180 degrees about the axis from left to right",
    "xyz": "mirrored in all three axes",
}
_TURNS = tuple(axes for count in (1, 2, 3) for axes in combinations(range(3), count))


def better_orientation(pair: Pair, matrix: np.ndarray, quality: RegistrationQuality) -> str:
    """How the moving image would fit clearly better, in words; empty when it fits best as it is.

    pair, matrix: what the search compared and found. quality: of the result; where it is convincing only the mirror image from left to right is tried.
    """
    bones = quality.bone_dice
    convincing = bones is not None and bones > _CONVINCING_BONE_DICE and quality.correlation > _CONVINCING_CORRELATION
    # A trunk is nearly its own mirror image: only its organs tell left from right, and correlation and bones hardly see them.
    turns = [turn for turn in _TURNS if not convincing or _patient_axes(pair.moving, turn) == "x"]
    fixed = fixed_part(_as_ct(pair.fixed))
    found = mutual_information_against(fixed, _as_ct(pair.moving), matrix)
    best, axes = max((_tried(pair, fixed, turn), turn) for turn in turns)
    return _WORDS[_patient_axes(pair.moving, axes)] if best > _CLEARLY_BETTER * found else ""


def _tried(pair: Pair, fixed: FixedPart, axes: tuple[int, ...]) -> float:
    """Mutual information that the best coarse alignment reaches with the moving image reversed along array axes (z, y, x)."""
    turned = _turned(pair, axes)
    with one_thread():
        starts = starts_of(turned)
        ranked = rank_starts(turned, starts)
        matrix = optimize_coarsely(turned, starts[ranked[0][1]]) if ranked else None
    return -np.inf if matrix is None else mutual_information_against(fixed, _as_ct(turned.moving), matrix)


def _turned(pair: Pair, axes: tuple[int, ...]) -> Pair:
    import SimpleITK as sitk

    geometry = geometry_of_sitk(pair.moving)
    values = np.ascontiguousarray(np.flip(sitk.GetArrayFromImage(pair.moving), axes))
    index = np.asarray(pair.moving.TransformPhysicalPointToContinuousIndex(pair.moving_center.tolist()))
    for axis in axes:
        index[2 - axis] = geometry.size[axis] - 1 - index[2 - axis]
    center = np.asarray(pair.moving.TransformContinuousIndexToPhysicalPoint(index.tolist()))
    return replace(pair, moving=to_sitk(values, geometry), moving_center=center)


def _as_ct(image) -> CtImage:
    import SimpleITK as sitk

    return CtImage("", geometry_of_sitk(image), sitk.GetArrayFromImage(image))


def _patient_axes(image, axes: tuple[int, ...]) -> str:
    """Names of the patient's axes that lie nearest to the array axes (z, y, x)."""
    direction = np.abs(np.asarray(image.GetDirection()).reshape(3, 3))
    return "".join(sorted("xyz"[int(np.argmax(direction[:, 2 - axis]))] for axis in axes))
