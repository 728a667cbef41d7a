"""Mean concentration of regions with the blur of the camera between them taken back: the geometric transfer matrix."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from RNTDosimetryLib.base.checks import positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned

FWHM_PER_SIGMA = float(np.sqrt(8 * np.log(2)))
_WORST_CONDITION = 50.0
_SMALLEST_SHARE = 1e-6
_LARGEST_SUM = 1.6


@dataclass(frozen=True)
class RegionMeans(Record):
    """Mean by region, in the image's unit. measured: as the image shows; mean: corrected, the same without a resolution.

    amplification: how much the correction amplifies noise at worst (norm of the inverse), 1 without correction.
    """

    mean: dict[str, float]
    measured: dict[str, float]
    amplification: float
    warnings: tuple[str, ...] = ()


def region_means(
    image, occupancies: Mapping[str, np.ndarray], spacing_mm, resolution_fwhm_mm: float | None = None
) -> RegionMeans:
    """Mean of every region, corrected for spill-over among them and with the rest of the image (Rousset et al. 1998).

    image: (z, y, x). occupancies: share of each voxel in each region, (z, y, x), 0 to 1, regions that do not overlap. spacing_mm: (z, y, x).
    resolution_fwhm_mm: Gaussian point spread of the image; None does not correct. Every region, and everything outside them together, is
    taken as uniform. Raises DosimetryError for regions that are empty, overlap, or are too small for the resolution.
    """
    image = np.asarray(image, dtype=float)
    names = list(occupancies)
    stack: dict[str, np.ndarray] = {name: np.asarray(occupancies[name], dtype=np.float32) for name in names}
    total: np.ndarray = np.sum(list(stack.values()), axis=0) if stack else np.zeros(image.shape, dtype=np.float32)
    for name, share in stack.items():
        if share.shape != image.shape:
            raise DosimetryError(
                f"Expected region '{name}' on the image's grid {image.shape}, received {share.shape}; resample it first."
            )
        if not share.any():
            raise DosimetryError(
                f"Expected region '{name}' to reach into the image, received none of it; check the field of view."
            )
    if float(total.max()) > _LARGEST_SUM:
        raise DosimetryError(
            "Expected regions that do not overlap, received voxels in more than one; take tumours out of the liver first."
        )
    # Rounding at shared borders: no voxel is more than full.
    full = np.maximum(total, 1)
    stack, total = {name: share / full for name, share in stack.items()}, total / full
    sizes = np.array([share.sum(dtype=float) for share in stack.values()])
    measured = np.array([float((image * share).sum()) for share in stack.values()]) / sizes
    plain = dict(zip(names, measured.tolist()))
    if resolution_fwhm_mm is None:
        return RegionMeans(plain, plain, 1.0)
    sigma = (
        positive_number(resolution_fwhm_mm, "image resolution FWHM in mm") / FWHM_PER_SIGMA / np.asarray(spacing_mm, dtype=float)
    )
    box = _box_around(total, sigma)
    inside = {name: share[box] for name, share in stack.items()}
    rest = np.clip(1 - total[box], 0, 1)
    parts = [*inside.values(), *([rest] if rest.sum() > _SMALLEST_SHARE else [])]
    blurred = [gaussian_filter(part, sigma, mode="nearest", truncate=4.0) for part in parts]
    counts = np.array([part.sum(dtype=float) for part in parts])
    seen = np.array([float((image[box] * part).sum()) for part in parts]) / counts
    matrix = np.array([[float((part * spread).sum(dtype=float)) for spread in blurred] for part in parts]) / counts[:, None]
    if np.linalg.cond(matrix) > _WORST_CONDITION:
        raise DosimetryError(
            f"Expected regions that the resolution of {resolution_fwhm_mm:g} mm can tell apart, received some too small or too close; "
            "join them, or measure without correction."
        )
    inverse = np.linalg.inv(matrix)
    solved = inverse @ seen
    corrected = dict(zip(names, solved[: len(names)].tolist()))
    negative = [name for name, value in corrected.items() if value < 0]
    warnings = tuple(warned("corrected_mean_below_zero", region=name) for name in negative)
    corrected = {name: max(value, 0.0) for name, value in corrected.items()}
    return RegionMeans(corrected, plain, float(np.abs(inverse).sum(axis=1).max()), warnings)


def _box_around(total: np.ndarray, sigma: np.ndarray) -> tuple[slice, ...]:
    """The regions with a rim in which the rest of the image is learned."""
    rim = np.ceil(3 * sigma).astype(int) + 1
    box = []
    for axis in range(3):
        filled = np.flatnonzero(total.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(max(int(filled[0] - rim[axis]), 0), int(filled[-1] + rim[axis]) + 1))
    return tuple(box)
