"""Rigid alignment of two activity images of one patient, for scans without a CT."""

from dataclasses import replace

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.resampling import resample_array
from RNTDosimetryLib.images.volumes import ActivityImage, CtImage
from RNTDosimetryLib.registration.rigid import RigidRegistration, register_rigid
from RNTDosimetryLib.registration.search import mask_on_grid

_BODY_SHARE = 0.02
_NEARLY_HIGHEST_PERCENT = 99.5
_LOWEST_CORRELATION, _LOWEST_OVERLAP, _FEWEST_VOXELS = 0.6, 0.5, 100
_AIR_HU, _BODY_HU, _HOTTEST_HU = -1000.0, -200.0, 400.0


def register_rigid_activity(
    fixed: ActivityImage, moving: ActivityImage, initial_matrix=None, fixed_mask=None, moving_mask=None
) -> RigidRegistration:
    """Rigid transform from the fixed to the moving activity image, in the convention of ``register_rigid``.

    The concentrations are brought to a logarithmic scale over what is above 2 % of nearly the highest, so that organs
    weigh as much as lesions and clearance between the scans hardly matters, and are then aligned as CTs are. Less
    exact than CT to CT: some millimeters. A warning says so. fixed_mask, moving_mask: as in ``register_rigid``; the scale is
    taken within them, so that a hot injection site outside neither pulls nor dims the rest. Raises DosimetryError as it does.
    """
    masks = mask_on_grid(fixed_mask, fixed.geometry, "fixed_mask"), mask_on_grid(moving_mask, moving.geometry, "moving_mask")
    fixed_tissue, moving_tissue = (_as_tissue(image, mask) for image, mask in zip((fixed, moving), masks))
    found = register_rigid(fixed_tissue, moving_tissue, initial_matrix, *masks)
    if found.metric is None:
        return found
    correlation = _correlation_in_body(fixed_tissue, moving_tissue, found.matrix, *masks)
    warnings = [warned("aligned_by_activity", name=moving.name)]
    if correlation < _LOWEST_CORRELATION:
        warnings.append(warned("low_correlation", name=moving.name, correlation=correlation))
    if found.quality.overlap < _LOWEST_OVERLAP:
        warnings.append(warned("little_of_the_body_in_both", name=moving.name, share=found.quality.overlap))
    return replace(
        found,
        method="rigid on activity, Mattes mutual information, 3 levels",
        quality=replace(found.quality, bone_dice=None, correlation=correlation),
        warnings=tuple(warnings),
    )


def _correlation_in_body(fixed: CtImage, moving: CtImage, matrix, fixed_mask, moving_mask) -> float:
    """Correlation over the voxels with activity in both: the air of an activity image is noise and would only lower it."""
    moved = resample_array(moving.hounsfield, moving.geometry, fixed.geometry, matrix, outside=_AIR_HU)
    both = (fixed.hounsfield > _AIR_HU) & (moved > _BODY_HU)
    if fixed_mask is not None:
        both &= fixed_mask
    if moving_mask is not None:
        both &= resample_array(moving_mask.astype(np.uint8), moving.geometry, fixed.geometry, matrix, linear=False) > 0
    if np.count_nonzero(both) < _FEWEST_VOXELS:
        return 0.0
    x, y = fixed.hounsfield[both].astype(float), moved[both].astype(float)
    return float(np.corrcoef(x, y)[0, 1]) if x.std() > 0 and y.std() > 0 else 0.0


def _as_tissue(image: ActivityImage, mask: np.ndarray | None) -> CtImage:
    """Activity on a scale of Hounsfield units: air where there is little, rising with the logarithm of the concentration."""
    values = np.asarray(image.concentration_bq_ml, dtype=np.float32)
    seen = values if mask is None else values[mask]
    positive = seen[seen > 0]
    if positive.size == 0:
        raise DosimetryError(f"Expected activity in '{image.name}' to align it by, received none; align it by hand.")
    highest = float(np.percentile(positive, _NEARLY_HIGHEST_PERCENT))
    least = _BODY_SHARE * highest
    share = np.log(np.clip(values, least, highest) / least) / np.log(1.0 / _BODY_SHARE)
    scaled = np.where(values > least, _BODY_HU + (_HOTTEST_HU - _BODY_HU) * share, _AIR_HU)
    return CtImage(image.name, image.geometry, scaled.astype(np.float32), image.frame_of_reference_uid)
