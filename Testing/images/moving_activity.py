"""The made-up patient of ``moving_patient`` as an activity image at two times: organs that clear at different rates, blur and noise."""

import numpy as np
from images.moving_patient import GRID
from scipy.ndimage import gaussian_filter

from RNTDosimetryLib.images import ActivityImage, ImageGeometry

SPACING_MM, FWHM_MM = 4.42, 10.0
FIELD = ImageGeometry((64, 70, 96), (SPACING_MM,) * 3, (-209.0, -150.0, 0.0))

ORGANS = (  # middle and half axes in mm, kBq/mL on the first day and some days later
    ((-65, -10, 170), (70, 65, 55), 90.0, 35.0),  # liver
    ((-60, 55, 95), (28, 24, 50), 400.0, 160.0),  # kidneys
    ((62, 55, 110), (28, 24, 52), 380.0, 170.0),
    ((95, 30, 185), (30, 28, 45), 250.0, 90.0),  # spleen
    ((-85, -30, 195), (14, 14, 14), 700.0, 600.0),  # lesions, which keep their activity
    ((10, 70, 130), (12, 12, 15), 500.0, 420.0),
    ((20, -40, 60), (60, 30, 25), 60.0, 15.0),  # bowel
)
BACKGROUND = (12.0, 3.0)


def uptake(points: np.ndarray, later: bool) -> np.ndarray:
    """Concentration in kBq/mL at LPS points."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    value = np.where((x / 165) ** 2 + (y / 110) ** 2 < 1, BACKGROUND[later], 0.0)
    for (cx, cy, cz), (rx, ry, rz), *levels in ORGANS:
        value = np.where(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 < 1, levels[later], value)
    return value


def activity_scan(matrix=None, later=False, grid=FIELD, seed=1) -> ActivityImage:
    """SPECT of the moved patient: tissue at p in the reference lies at matrix @ p. Blurred to 10 mm, with the noise of counts."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in grid.size), indexing="ij")
    points = (np.stack([x, y, z, np.ones_like(x)], axis=-1) @ grid.index_to_lps.T)[..., :3]
    inverse = np.linalg.inv(np.eye(4) if matrix is None else matrix)
    value = uptake(points @ inverse[:3, :3].T + inverse[:3, 3], later)
    blurred = gaussian_filter(value, [FWHM_MM / 2.355 / step for step in grid.spacing_mm])
    counts = np.random.default_rng(seed).poisson(blurred * 2.0)
    return ActivityImage("later" if later else "first", grid, 1e3 * counts / 2.0, "Lu-177", 96.0 if later else 4.0)


def field_of_view(random) -> ImageGeometry:
    """The field with up to 40 mm less at each end, and other voxels."""
    low, high = random.uniform(0, 40, 2)
    spacing = random.uniform(3.9, 4.8)
    length = GRID.size[0] * GRID.spacing_mm[0] - low - high
    return ImageGeometry((int(length / spacing), int(310 / spacing), int(430 / spacing)), (spacing,) * 3, (-215.0, -155.0, float(low)))
