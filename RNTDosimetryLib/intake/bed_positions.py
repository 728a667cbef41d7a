"""Bed positions of one long scan, reconstructed apart, joined into one activity image."""

import itertools
import math
from dataclasses import replace

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.resampling import resample_array
from RNTDosimetryLib.images.volumes import ActivityImage

LONGEST_SESSION_H = 2.0
"""Scans that start further apart are time points of their own."""

_LARGEST_COMMON_SHARE = 0.5


def are_bed_positions(first: ActivityImage, second: ActivityImage) -> bool:
    """Whether two images are neighbors along the patient in one session: one frame of reference, one orientation,
    started within two hours, and less than half of their length in common."""
    a, b = first.geometry, second.geometry
    same_frame = bool(first.frame_of_reference_uid) and first.frame_of_reference_uid == second.frame_of_reference_uid
    if (
        not same_frame
        or abs(first.start_h - second.start_h) > LONGEST_SESSION_H
        or not np.allclose(a.direction, b.direction, atol=1e-3)
    ):
        return False
    (low_a, high_a), (low_b, high_b) = _extent(a, a), _extent(a, b)
    common = min(high_a, high_b) - max(low_a, low_b)
    return common < _LARGEST_COMMON_SHARE * min(high_a - low_a, high_b - low_b)


def join_bed_positions(images, decay_constant_per_h: float) -> ActivityImage:
    """One image of several bed positions, at the start of the first, on the lattice of the first.

    Later beds are brought to that start by physical decay. Where beds overlap the mean counts. Beds on another lattice
    are interpolated linearly. Raises DosimetryError when there is a gap between them.
    """
    ordered = sorted(images, key=lambda image: image.start_h)
    first = ordered[0]
    extents = sorted(_extent(first.geometry, image.geometry) for image in ordered)
    for (_, high), (low, _) in itertools.pairwise(extents):
        if low - high > 0.5:
            raise DosimetryError(
                f"Expected bed positions that touch in '{first.name}', received a gap of {(low - high) * first.geometry.spacing_mm[0]:.1f} mm; "
                "name one of them in ignore_series."
            )
    grid = _union(first.geometry, extents)
    total, count = np.zeros(grid.size, dtype=np.float64), np.zeros(grid.size, dtype=np.uint8)
    for image in ordered:
        later = math.exp(decay_constant_per_h * (image.start_h - first.start_h))
        inside = resample_array(np.ones(image.geometry.size, dtype=np.uint8), image.geometry, grid, linear=False) > 0
        total += np.where(inside, resample_array(image.concentration_bq_ml, image.geometry, grid), 0.0) * later
        count += inside
    warning = warned("bed_positions_joined", name=first.name, count=len(ordered), hours=ordered[-1].start_h - first.start_h)
    warnings = tuple(dict.fromkeys([text for image in ordered for text in image.warnings] + [warning]))
    return replace(first, geometry=grid, concentration_bq_ml=total / np.maximum(count, 1), warnings=warnings)


def _extent(lattice: ImageGeometry, geometry: ImageGeometry) -> tuple[float, float]:
    """Lower and upper face of a grid along the normal of a lattice, in slices of the lattice."""
    normal = np.asarray(lattice.direction)[:, 2]
    low = (np.asarray(geometry.origin_lps_mm) - np.asarray(lattice.origin_lps_mm)) @ normal - 0.5 * geometry.spacing_mm[0]
    step = lattice.spacing_mm[0]
    return float(low / step), float((low + geometry.size[0] * geometry.spacing_mm[0]) / step)


def _union(lattice: ImageGeometry, extents) -> ImageGeometry:
    first = math.floor(extents[0][0] + 0.5 + 0.01)
    last = math.ceil(max(high for _, high in extents) - 0.5 - 0.01)
    origin = lattice.index_to_lps @ np.array([0.0, 0.0, first, 1.0])
    return replace(lattice, size=(last - first + 1, *lattice.size[1:]), origin_lps_mm=tuple(origin[:3]))
