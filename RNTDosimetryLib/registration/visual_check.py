"""What eyes need to judge a registration: fields of both images in turn, and where the patient is."""

import math

import numpy as np

from RNTDosimetryLib.base.checks import checked_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.resampling import resample_array, rigid_matrix
from RNTDosimetryLib.images.volumes import ActivityImage, CtImage
from RNTDosimetryLib.registration.quality import body_mask, coarse_grid

_FINEST_MM, _FINEST_AXIAL_MM = 2.0, 3.0
_FULL_PERCENTILE = 99.5
_BODY_SHARE = 0.02
_AIR_HU = -1000.0


def checkerboard(fixed, moving, matrix=None, square_mm: float = 40.0) -> tuple[np.ndarray, ImageGeometry]:
    """Cubes of two images of one kind in turn, as (z, y, x) float32 and its grid: edges of organs go on where the alignment is right.

    matrix: 4 x 4 LPS, from the fixed to the moving image. CTs in Hounsfield units; activity images each in percent of nearly
    its highest, so that a scan of days later is seen beside the first. The grid is that of the fixed image, not finer than
    about 2 mm in its slices and 3 mm across. Without data: air, or nothing. Raises DosimetryError for images of two kinds.
    """
    if type(fixed) is not type(moving) or not isinstance(fixed, (CtImage, ActivityImage)):
        raise DosimetryError(
            f"Expected two CTs or two activity images, received {type(fixed).__name__} and {type(moving).__name__}; compare like with like."
        )
    side = checked_number(square_mm, "the side of the squares in mm", "40 is usual", least=5.0, most=500.0)
    grid = coarse_grid(fixed.geometry, (_FINEST_AXIAL_MM, _FINEST_MM, _FINEST_MM))
    outside = _AIR_HU if isinstance(fixed, CtImage) else 0.0
    result = resample_array(_shown(fixed), fixed.geometry, grid, outside=outside)
    other = resample_array(_shown(moving), moving.geometry, grid, rigid_matrix(matrix), outside=outside)
    fields = [np.floor(np.arange(size) * step / side).astype(int) for size, step in zip(grid.size, grid.spacing_mm)]
    odd = (fields[0][:, None, None] + fields[1][None, :, None] + fields[2][None, None, :]) % 2 == 1
    return np.where(odd, other, result).astype(np.float32), grid


def middle_of_patient(image) -> np.ndarray:
    """Middle of the body in LPS mm: of a CT without couch, of an activity image where there is activity; of the grid when there is no body."""
    grid = coarse_grid(image.geometry)
    values = resample_array(image.hounsfield if isinstance(image, CtImage) else image.concentration_bq_ml, image.geometry, grid)
    body = body_mask(values) if isinstance(image, CtImage) else values > _BODY_SHARE * np.percentile(values, _FULL_PERCENTILE)
    index = np.array(np.nonzero(body)).mean(axis=1)[::-1] if body.any() else (np.array(grid.size[::-1]) - 1) / 2
    return (grid.index_to_lps @ np.append(index, 1.0))[:3]


def _shown(image) -> np.ndarray:
    if isinstance(image, CtImage):
        return image.hounsfield
    full = float(np.percentile(image.concentration_bq_ml, _FULL_PERCENTILE))
    full = full if full > 0 and math.isfinite(full) else 1.0
    return image.concentration_bq_ml * np.float32(100.0 / full)
