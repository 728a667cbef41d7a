"""Masks in parallel planes become a region: where each plane lies decides how thick it is, not a tag about thickness (DICOM PS3.3 C.8.8.6.2, C.8.20).

A plane fills its slab: half the way to each neighbor, as far as neighbors are near. What lies on the slices of an image keeps that image's grid;
anything else gets a grid of its own, on which the volume is the sum of area times slab.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from RNTDosimetryLib.images.geometry import ImageGeometry

_SAME_PLANE_MM, _SAME_PLANE_SHARE = 0.1, 0.25
"""Planes are one when they are nearer than this, and nearer than this share of a slice of the image."""
_ON_SLICE = 0.05
"""Largest distance of a plane from a slice, as a share of the slice spacing, at which it is that slice."""
_EVEN = 0.05
_NEAR, _FORGOTTEN = 1.5, 2.5
"""A gap up to the first, in usual gaps, is filled half and half; up to the second only where both sides overlap: a forgotten plane."""
_SAME_PIECE = 0.5
"""Share of the smaller of two planes that the other covers, from which a wide gap between them is said."""
_FEW_PLANES = 2.5
_MOST_SLICES = 4000

Note = tuple[str, dict[str, float]]
"""Something noticed: a name for its kind, and its numbers."""


@dataclass(frozen=True, eq=False)
class PlacedMask:
    """Occupancy of a region, (z, y, x), on its grid, and what was noticed on the way."""

    geometry: ImageGeometry
    occupancy: np.ndarray
    notes: tuple[Note, ...] = ()

    @property
    def volume_ml(self) -> float:
        return float(self.occupancy.sum(dtype=np.float64)) * self.geometry.voxel_volume_ml


@dataclass(frozen=True, eq=False)
class PlaneFrame:
    """Pixels in parallel planes. axes: (2, 3), along a row of pixels and along a column. normal: across. spacing_mm: along the axes.
    corner_lps_mm: of the center of the first pixel; its height does not matter."""

    axes: np.ndarray
    normal: np.ndarray
    spacing_mm: tuple[float, float]
    corner_lps_mm: np.ndarray

    def in_pixels(self, points_lps_mm: np.ndarray) -> np.ndarray:
        """(n, 2) of points along the axes, in pixels from the first."""
        return np.asarray((points_lps_mm - self.corner_lps_mm) @ self.axes.T / np.asarray(self.spacing_mm))

    def moved(self, pixels: np.ndarray) -> "PlaneFrame":
        """The frame with another first pixel."""
        corner = self.corner_lps_mm + pixels @ (self.axes * np.asarray(self.spacing_mm)[:, None])
        return PlaneFrame(self.axes, self.normal, self.spacing_mm, corner)

    @property
    def base_lps_mm(self) -> np.ndarray:
        """The first pixel at height 0."""
        return np.asarray(self.corner_lps_mm - (self.corner_lps_mm @ self.normal) * self.normal)


@dataclass(frozen=True)
class Slabs:
    """What is known of the planes besides where they lie.

    step_mm: distance of the planes of the whole stack; then a plane that is not there is empty. None: the planes of a region tell it.
    stated_mm: thickness that the file states for a plane, for one that stands alone. usual_mm: distance of the planes of its neighbors, likewise.
    """

    step_mm: float | None = None
    stated_mm: float | None = None
    usual_mm: float | None = None


def planes_of(heights: np.ndarray, reference: ImageGeometry) -> tuple[np.ndarray, list[list[int]]]:
    """Heights of the planes in order, and which items lie in each."""
    nearest = min(_SAME_PLANE_MM, _SAME_PLANE_SHARE * min(reference.spacing_mm))
    order = np.argsort(heights, kind="stable")
    breaks = np.flatnonzero(np.diff(heights[order]) > nearest) + 1
    members = [sorted(group.tolist()) for group in np.split(order, breaks)]
    return np.array([heights[group].mean() for group in members]), members


def usual_gap(planes: np.ndarray) -> float | None:
    """Distance that most neighboring planes have: the median, the lower one of two; None for fewer than two planes."""
    gaps = np.sort(np.diff(planes))
    return float(gaps[(len(gaps) - 1) // 2]) if len(gaps) else None


def region_of_planes(
    heights: np.ndarray, masks: Sequence[np.ndarray], frame: PlaneFrame, reference: ImageGeometry, slabs: Slabs
) -> PlacedMask:
    """Region of masks in parallel planes. heights: of each along the normal, mm. masks: (rows, columns) share of each pixel inside, 0 to 1, of one size.

    Masks of one height are joined by the larger value. reference: grid of the image that they were drawn on.
    """
    planes, members = planes_of(np.asarray(heights, dtype=float), reference)
    joined = [masks[group[0]] if len(group) == 1 else np.max([masks[index] for index in group], axis=0) for group in members]
    on_slices = _slice_numbers(planes, frame, reference)
    notes: list[Note] = []
    lower, upper = _slab_ends(planes, joined, slabs, reference, on_slices is not None, notes)
    on_image = None if on_slices is None else _on_image(on_slices, upper - lower, joined, frame, reference)
    geometry, occupancy = on_image or _on_own_grid(planes, lower, upper, joined, frame)
    return PlacedMask(geometry, occupancy, tuple(notes))


def is_on_grid(planes: np.ndarray, frame: PlaneFrame, reference: ImageGeometry) -> bool:
    """Whether planes are slices of an image, with the pixels of it."""
    return _slice_numbers(planes, frame, reference) is not None and _first_pixel(frame, reference) is not None


def _slice_numbers(planes: np.ndarray, frame: PlaneFrame, reference: ImageGeometry) -> np.ndarray | None:
    """Number of the slice, also beyond the ends of the image, that each plane is; None when one is none."""
    direction = np.asarray(reference.direction)
    if not np.allclose(frame.normal, direction[:, 2], atol=1e-3):
        return None
    numbers = (planes - np.asarray(reference.origin_lps_mm) @ frame.normal) / reference.spacing_mm[0]
    return None if np.abs(numbers - np.rint(numbers)).max() > _ON_SLICE else np.rint(numbers).astype(int)


def _first_pixel(frame: PlaneFrame, reference: ImageGeometry) -> np.ndarray | None:
    """(row, column) of the frame's first pixel on the image, None when the pixels are not those of the image."""
    direction, spacing = np.asarray(reference.direction), np.asarray(reference.spacing_mm)[:0:-1]
    if not (np.allclose(frame.axes, direction[:, :2].T, atol=1e-3) and np.allclose(frame.spacing_mm, spacing, rtol=1e-3)):
        return None
    corner = (frame.corner_lps_mm - np.asarray(reference.origin_lps_mm)) @ frame.axes.T / spacing
    return None if np.abs(corner - np.rint(corner)).max() > _ON_SLICE else np.rint(corner).astype(int)[::-1]


def _slab_ends(
    planes: np.ndarray, masks: Sequence[np.ndarray], slabs: Slabs, reference: ImageGeometry, on_slices: bool, notes: list[Note]
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of the slab of each plane along the normal."""
    gaps = np.diff(planes)
    overlaps = np.array([_overlap(one, other) for one, other in pairwise(masks)])
    usual = slabs.step_mm or _usual_slab(gaps, overlaps, slabs, reference, on_slices, notes)
    half = np.full(len(gaps), usual / 2)
    half[gaps <= _NEAR * usual] = gaps[gaps <= _NEAR * usual] / 2
    ends = half[[0, -1]] if len(gaps) else np.full(2, usual / 2)
    if slabs.step_mm is None:
        wide = (gaps > _NEAR * usual) & (overlaps > 0)
        forgotten, apart = wide & (gaps <= _FORGOTTEN * usual), wide & (gaps > _FORGOTTEN * usual) & (overlaps >= _SAME_PIECE)
        half[forgotten] = gaps[forgotten] / 2
        for kind, found in (("forgotten", forgotten), ("apart", apart)):
            if found.any():
                first = int(np.argmax(found))
                middle = float(planes[first] + gaps[first] / 2)
                notes.append((kind, {"count": float(found.sum()), "height_mm": middle, "gap_mm": float(gaps[first])}))
    return planes - np.append(ends[0], half), planes + np.append(half, ends[1])


def _usual_slab(
    gaps: np.ndarray, overlaps: np.ndarray, slabs: Slabs, reference: ImageGeometry, on_slices: bool, notes: list[Note]
) -> float:
    """Thickness of a slab as the planes of the region tell it; a plane that stands alone has that of the file, the image, or its neighbors."""
    slice_mm = float(reference.spacing_mm[0])
    own = np.sort(gaps[overlaps > 0])
    if len(own):
        usual = float(own[(len(own) - 1) // 2])
        if on_slices and usual > _FEW_PLANES * slice_mm:
            notes.append(("few_planes", {"gap_mm": usual, "slice_mm": slice_mm}))
        if slabs.stated_mm and abs(slabs.stated_mm / usual - 1) > _EVEN:
            notes.append(("stated_otherwise", {"stated_mm": slabs.stated_mm, "gap_mm": usual}))
        return usual
    if slabs.stated_mm:
        return slabs.stated_mm
    usual = slice_mm if on_slices else slabs.usual_mm or slice_mm
    # Pieces side by side on neighboring slices are no planes that stand alone.
    if not len(gaps) or np.any(gaps > _NEAR * usual):
        notes.append(("one_plane", {"slab_mm": usual}))
    return usual


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the smaller mask that lies in the other."""
    smaller = min(float(one.sum(dtype=np.float64)), float(other.sum(dtype=np.float64)))
    return float(np.minimum(one, other).sum(dtype=np.float64)) / smaller if smaller > 0 else 0.0


def _on_image(
    numbers: np.ndarray, thickness: np.ndarray, masks: Sequence[np.ndarray], frame: PlaneFrame, reference: ImageGeometry
) -> tuple[ImageGeometry, np.ndarray] | None:
    """(grid, occupancy) on the image: when every slab is as thick as a slice, the pixels are those of the image, and all lies within it."""
    corner = _first_pixel(frame, reference)
    if corner is None or np.abs(thickness / reference.spacing_mm[0] - 1).max() > _EVEN:
        return None
    used = np.zeros(masks[0].shape, dtype=bool)
    for mask in masks:
        used |= mask > 0
    rows, columns = np.flatnonzero(used.any(axis=1)), np.flatnonzero(used.any(axis=0))
    if not len(rows) or numbers.min() < 0 or numbers.max() >= reference.size[0]:
        return None
    low, high = corner + np.array([rows[0], columns[0]]), corner + np.array([rows[-1], columns[-1]])
    if low.min() < 0 or high[0] >= reference.size[1] or high[1] >= reference.size[2]:
        return None
    inside = (slice(int(low[0]), int(high[0]) + 1), slice(int(low[1]), int(high[1]) + 1))
    taken = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    whole = all(np.all((mask == 0) | (mask == 1)) for mask in masks)
    volume = np.zeros(reference.size, dtype=np.uint8 if whole else np.float32)
    for mask, number in zip(masks, numbers):
        target = volume[(int(number), *inside)]
        np.maximum(target, mask[taken].astype(volume.dtype), out=target)
    return reference, volume


def _on_own_grid(
    planes: np.ndarray, lower: np.ndarray, upper: np.ndarray, masks: Sequence[np.ndarray], frame: PlaneFrame
) -> tuple[ImageGeometry, np.ndarray]:
    """(grid, occupancy) on a grid along the planes: one slice a plane where they are evenly spaced, else slices that share the slabs."""
    thickness = upper - lower
    step = max(float(thickness.min()), float(upper[-1] - lower[0]) / _MOST_SLICES)
    steps_up = (planes - planes[0]) / thickness.mean()
    if np.ptp(thickness) <= _EVEN * step and np.abs(steps_up - np.rint(steps_up)).max() <= _EVEN:
        layers = np.rint(steps_up).astype(int)
        step = float(planes[-1] - planes[0]) / int(layers[-1]) if layers[-1] else float(thickness.mean())
        weights = [[(int(layer), 1.0)] for layer in layers]
        count, first = int(layers[-1]) + 1, float(planes[0])
    else:
        count, first = int(np.ceil((upper[-1] - lower[0]) / step - 1e-9)), float(lower[0]) + step / 2
        weights = [_overlaps(low - lower[0], high - lower[0], step, count) for low, high in zip(lower, upper)]
    volume = np.zeros((count, *masks[0].shape), dtype=np.float32)
    for mask, parts in zip(masks, weights):
        for layer, share in parts:
            volume[layer] += np.float32(share) * mask
    np.clip(volume, 0.0, 1.0, out=volume)
    geometry = ImageGeometry(
        size=volume.shape,
        spacing_mm=(step, float(frame.spacing_mm[1]), float(frame.spacing_mm[0])),
        origin_lps_mm=_triple(frame.base_lps_mm + first * frame.normal),
        direction=tuple(_triple(row) for row in np.column_stack([frame.axes[0], frame.axes[1], frame.normal])),
    )
    return geometry, volume.astype(np.uint8) if np.all((volume == 0) | (volume == 1)) else volume


def _overlaps(low: float, high: float, step: float, count: int) -> list[tuple[int, float]]:
    """(layer, share of the layer) that a slab from ``low`` to ``high`` covers."""
    found = []
    for layer in range(max(int(low / step), 0), min(int(np.ceil(high / step)), count)):
        share = (min(high, (layer + 1) * step) - max(low, layer * step)) / step
        if share > 1e-6:
            found.append((layer, share))
    return found


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
