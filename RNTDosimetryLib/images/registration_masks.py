"""Where a registration looks: the body that it finds by itself, or what a person chose."""

import numpy as np

from RNTDosimetryLib.base.checks import number_array
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.registration_quality import body_mask, coarse_grid, dilate
from RNTDosimetryLib.images.resampling import resample_array
from RNTDosimetryLib.images.volumes import CtImage, Region

_FEWEST_VOXELS = 50


def mask_on_grid(mask, geometry: ImageGeometry, what: str) -> np.ndarray | None:
    """A mask of an image as bool (z, y, x) on its grid, True where the registration looks; None for None.

    mask: a Region, on the same or another grid in the frame of the image, or an array of True and False on the grid itself.
    Raises DosimetryError for another shape, for other values, and for a mask with hardly a voxel in it.
    """
    if mask is None:
        return None
    if isinstance(mask, Region):
        inside = (np.asarray(mask.occupancy) >= 0.5).astype(np.uint8)
        if not mask.geometry.same_grid(geometry):
            inside = resample_array(inside, mask.geometry, geometry, linear=False)
    else:
        inside = number_array(mask, what)
        if inside.shape != geometry.size:
            raise DosimetryError(f"Expected {what} of the shape of its image {geometry.size} (z, y, x), received {inside.shape}; draw it on that image.")
        if not np.all((inside == 0) | (inside == 1)):
            raise DosimetryError(f"Expected True and False in {what}, received other values; compare with a threshold first.")
    inside = inside > 0
    if np.count_nonzero(inside) < _FEWEST_VOXELS:
        raise DosimetryError(f"Expected {_FEWEST_VOXELS} voxels or more in {what}, received {np.count_nonzero(inside)}; draw it larger or leave it out.")
    return inside


def body_of_ct(ct: CtImage) -> np.ndarray:
    """The patient without couch and with a margin of about 8 mm, bool (z, y, x) on the grid of the CT.

    What ``register_rigid`` looks at when it is given no mask: to leave a part out, give ``body_of_ct(ct) & ~part``.
    """
    grid = coarse_grid(ct.geometry)
    body = dilate(body_mask(resample_array(ct.hounsfield, ct.geometry, grid)))
    return resample_array(body.astype(np.uint8), grid, ct.geometry, linear=False) > 0
