"""Planes with outlines or masks become a region: where each plane lies decides, not a tag about its thickness (PS3.3 C.8.8.6, C.8.20).

A plane fills its slab: half the way to each neighbor, as far as neighbors are near. What lies on the slices of an image keeps that image's grid;
anything else gets a grid of its own, on which the volume is the sum of area times slab.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry

_SAME_PLANE_MM = 0.02
_ON_SLICE = 0.05
"""Largest distance of a plane from a slice, as a share of the slice spacing, at which it is that slice."""
_NEAR = 1.5
_FORGOTTEN = 2.5
"""A gap up to the first, in usual gaps, is filled half and half; up to the second only where both sides overlap: a forgotten plane."""
_EVEN = 0.05
_SAME_OUTLINE, _INSIDE = 0.98, 0.98
_POINTS_ACROSS = 60
_LEAST_FINER, _MOST_FINER = 4, 64
_MOST_FINE_PIXELS = 16_000_000
_MOST_SLICES = 4000
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, eq=False)
class Outline:
    """A closed outline. points_lps_mm: (n, 3). exclusive: combined with the others of its plane by exclusive or (CLOSEDPLANAR_XOR)."""

    points_lps_mm: np.ndarray
    exclusive: bool = False

    @property
    def area_vector_mm2(self) -> np.ndarray:
        """Normal of the outline with its area as length."""
        points = self.points_lps_mm - self.points_lps_mm[0]
        return 0.5 * np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)


@dataclass(frozen=True, eq=False)
class PlacedMask:
    """Occupancy of a region, (z, y, x), on its grid, and what was noticed: a name for the kind and its numbers."""

    geometry: ImageGeometry
    occupancy: np.ndarray
    notes: tuple[tuple[str, dict[str, float]], ...] = ()


def region_of_outlines(outlines: Sequence[Outline], reference: ImageGeometry, slab_mm: float | None = None) -> PlacedMask:
    """Region of closed planar outlines. reference: grid of the image they were drawn on; slab_mm: thickness that the file states for a plane.

    Outlines of one plane: with ``exclusive`` by exclusive or; else what lies wholly inside another is a hole, crossing ones are joined, and the
    same outline counts once. Pixels at the rim hold the share that is inside. Raises DosimetryError for outlines that are not in parallel planes.
    """
    areas = [outline.area_vector_mm2 for outline in outlines]
    axes, normal = _frame_of(areas[int(np.argmax([np.linalg.norm(area) for area in areas]))], reference)
    along = np.array([_height(outline, normal) for outline in outlines])
    spacing = np.array(reference.spacing_mm[:0:-1])
    origin = np.asarray(reference.origin_lps_mm)
    flat = [(outline.points_lps_mm - origin) @ axes.T / spacing for outline in outlines]
    corner = np.floor(np.min([points.min(axis=0) for points in flat], axis=0)).astype(int) - 1
    size = np.ceil(np.max([points.max(axis=0) for points in flat], axis=0)).astype(int) + 2 - corner
    planes, members = _planes(along)
    notes: list[tuple[str, dict[str, float]]] = []
    masks, filled_mm2, holes_mm2 = [], 0.0, 0.0
    pixel_mm2 = float(np.prod(spacing))
    for group in members:
        share, hole = _combined([flat[index] - corner for index in group], [outlines[index].exclusive for index in group], size)
        masks.append(share)
        filled_mm2, holes_mm2 = filled_mm2 + share.sum() * pixel_mm2, holes_mm2 + hole * pixel_mm2
    if holes_mm2 > 0:
        notes.append(("holes", {"share": holes_mm2 / (filled_mm2 + holes_mm2)}))
    place = origin + corner @ (axes * spacing[:, None])
    placed = _stacked(planes, masks, (axes, normal), spacing, place - (place @ normal) * normal, reference, slab_mm, notes)
    return PlacedMask(placed.geometry, placed.occupancy, tuple(notes))


def region_of_planes(
    along_mm: np.ndarray,
    masks: Sequence[np.ndarray],
    frame: tuple[np.ndarray, np.ndarray],
    spacing_mm: tuple[float, float],
    corner_lps_mm: np.ndarray,
    reference: ImageGeometry,
    step_mm: float | None = None,
) -> PlacedMask:
    """Region of masks in parallel planes. along_mm: height of each along the normal. frame: ((2, 3) row and column direction, normal).

    spacing_mm: (column, row) of the pixels. corner_lps_mm: of the first pixel, any height. step_mm: between the planes of the whole object, for a segment
    of which empty planes are not stored. Masks of one height are joined by the largest value.
    """
    planes, members = _planes(np.asarray(along_mm, dtype=float))
    joined = [np.max([np.asarray(masks[index]) for index in group], axis=0) for group in members]
    notes: list[tuple[str, dict[str, float]]] = []
    base = corner_lps_mm - (corner_lps_mm @ frame[1]) * frame[1]
    placed = _stacked(planes, joined, frame, np.asarray(spacing_mm), base, reference, step_mm, notes, pieces=True)
    return PlacedMask(placed.geometry, placed.occupancy, tuple(notes))


def _frame_of(area_vector: np.ndarray, reference: ImageGeometry) -> tuple[np.ndarray, np.ndarray]:
    """((2, 3) row and column direction, normal): those of the image where the outlines lie in its slices."""
    direction = np.asarray(reference.direction)
    normal = area_vector / np.linalg.norm(area_vector)
    normal = normal if normal @ direction[:, 2] >= 0 else -normal
    if normal @ direction[:, 2] > 1 - 1e-6:
        return direction[:, :2].T, direction[:, 2]
    start = direction[:, int(np.argmin(np.abs(direction.T @ normal)))]
    row = start - (start @ normal) * normal
    row = row / np.linalg.norm(row)
    return np.array([row, np.cross(normal, row)]), normal


def _height(outline: Outline, normal: np.ndarray) -> float:
    heights = outline.points_lps_mm @ normal
    if np.ptp(heights) > 0.5:
        raise DosimetryError(
            f"Expected outlines in parallel planes, received one that reaches over {np.ptp(heights):.2f} mm across them; draw it slice by slice."
        )
    return float(heights.mean())


def _planes(along: np.ndarray) -> tuple[np.ndarray, list[list[int]]]:
    """Heights of the planes in order, and which items lie in each."""
    order = np.argsort(along, kind="stable")
    breaks = np.flatnonzero(np.diff(along[order]) > _SAME_PLANE_MM) + 1
    members = [group.tolist() for group in np.split(order, breaks)]
    return np.array([along[group].mean() for group in members]), members


def _combined(flat: Sequence[np.ndarray], exclusive: Sequence[bool], size: np.ndarray) -> tuple[np.ndarray, float]:
    """(share of every pixel that is inside, pixels that holes take away) of the outlines of one plane, in pixels of the box."""
    areas = [0.5 * abs(float(np.sum(p[:, 0] * np.roll(p[:, 1], -1) - p[:, 1] * np.roll(p[:, 0], -1)))) for p in flat]
    smallest = min(area for area in areas if area > 0)
    finer = int(np.clip(np.ceil(_POINTS_ACROSS / np.sqrt(smallest)), _LEAST_FINER, _MOST_FINER))
    while finer > _LEAST_FINER and finer * finer * int(size[0]) * int(size[1]) > _MOST_FINE_PIXELS:
        finer //= 2
    masks = [_inside(points, size, finer) for points in flat]
    counts = [int(np.count_nonzero(mask)) for mask in masks]
    region = np.zeros(masks[0].shape, dtype=bool)
    kept: list[tuple[np.ndarray, int]] = []
    hole = 0
    for index in sorted(range(len(masks)), key=lambda number: -counts[number]):
        mask, count = masks[index], counts[index]
        if exclusive[index]:
            region ^= mask
            continue
        common = [(int(np.count_nonzero(mask & other)), size_of_other) for other, size_of_other in kept]
        if any(both > _SAME_OUTLINE * max(count, of_other) for both, of_other in common):
            continue
        depth = sum(both >= _INSIDE * count and of_other > count for both, of_other in common) if count else 0
        if depth % 2:
            hole += int(np.count_nonzero(region & mask))
            region &= ~mask
        else:
            region |= mask
        kept.append((mask, count))
    share = region.reshape(int(size[1]), finer, int(size[0]), finer).mean(axis=(1, 3), dtype=np.float64)
    return share.astype(np.float32), hole / finer**2


def _inside(points: np.ndarray, size: np.ndarray, finer: int) -> np.ndarray:
    """Mask (rows, columns) of an outline on pixels ``finer`` times as fine, by even and odd crossings: a keyhole needs nothing special."""
    width, height = int(size[0]) * finer, int(size[1]) * finer
    x, y = ((points[:, axis] + 0.5) * finer - 0.5 for axis in (0, 1))
    x2, y2 = np.roll(x, -1), np.roll(y, -1)
    low, high = np.minimum(y, y2), np.maximum(y, y2)
    first = np.maximum(np.ceil(low), 0).astype(int)
    last = np.minimum(np.ceil(high) - 1, height - 1).astype(int)  # half open, so that a vertex counts once
    counts = np.maximum(last - first + 1, 0)
    edges = np.repeat(np.arange(len(x)), counts)
    toggles = np.zeros((height, width + 1), dtype=np.int16)
    if len(edges):
        rows = first[edges] + np.arange(len(edges)) - np.repeat(np.cumsum(counts) - counts, counts)
        share = (rows - y[edges]) / (y2[edges] - y[edges])
        # The samples of each row stand a little aside from those of the next, or a curve would fall in step with them.
        aside = (rows * _GOLDEN) % 1.0 - 0.5
        crossing = x[edges] + share * (x2[edges] - x[edges]) - aside
        np.add.at(toggles, (rows, np.clip(np.ceil(crossing), 0, width).astype(int)), 1)
    return (np.cumsum(toggles, axis=1)[:, :width] % 2).astype(bool)


def _stacked(planes, masks, frame, spacing, base, reference, stated_mm, notes, pieces=False) -> PlacedMask:
    """The masks of the planes as one array on the image's grid where they lie on its slices, else on a grid of their own."""
    lower, upper = _slabs(planes, masks, stated_mm, float(reference.spacing_mm[0]), notes, pieces)
    on_image = _on_image(planes, lower, upper, masks, frame, spacing, base, reference)
    if on_image is not None:
        return on_image
    thickness = upper - lower
    step = float(thickness.min())
    total = float(upper[-1] - lower[0])
    step = max(step, total / _MOST_SLICES)
    steps_up = (planes - planes[0]) / thickness.mean()
    if np.ptp(thickness) <= _EVEN * step and np.abs(steps_up - np.rint(steps_up)).max() <= _EVEN:
        step = float(thickness.mean())
        layers = np.rint(steps_up).astype(int)
        step = float(planes[-1] - planes[0]) / int(layers[-1]) if layers[-1] else step
        weights = [[(int(layer), 1.0)] for layer in layers]
        count, first = int(layers[-1]) + 1, float(planes[0])
    else:
        count, first = int(np.ceil(total / step - 1e-9)), float(lower[0]) + step / 2
        weights = [_overlaps(low - lower[0], high - lower[0], step, count) for low, high in zip(lower, upper)]
    volume = np.zeros((count, *masks[0].shape), dtype=np.float32)
    for mask, parts in zip(masks, weights):
        for layer, share in parts:
            volume[layer] += np.float32(share) * mask
    np.clip(volume, 0.0, 1.0, out=volume)
    axes, normal = frame
    geometry = ImageGeometry(
        size=volume.shape,
        spacing_mm=(step, float(spacing[1]), float(spacing[0])),
        origin_lps_mm=_triple(base + first * normal),
        direction=tuple(_triple(row) for row in np.column_stack([axes[0], axes[1], normal])),
    )
    return PlacedMask(geometry, _plain(volume))


def _slabs(planes, masks, stated_mm, slice_mm: float, notes, pieces: bool) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of the slab of each plane along the normal."""
    gaps = np.diff(planes)
    if pieces and stated_mm:
        usual = stated_mm
    else:
        usual = float(np.median(gaps)) if len(gaps) else float(stated_mm or slice_mm)
    if not len(gaps) and not stated_mm:
        notes.append(("one_plane", {"slab_mm": usual}))
    half = np.full(len(gaps), usual / 2)
    for index, gap in enumerate(gaps):
        if gap <= _NEAR * usual:
            half[index] = gap / 2
        elif not pieces and gap <= _FORGOTTEN * usual and np.any(np.minimum(masks[index], masks[index + 1]) > 0):
            half[index] = gap / 2
            notes.append(("forgotten", {"height_mm": float(planes[index] + gap / 2)}))
    return planes - np.concatenate([[usual / 2], half]), planes + np.concatenate([half, [usual / 2]])


def _on_image(planes, lower, upper, masks, frame, spacing, base, reference: ImageGeometry) -> PlacedMask | None:
    """The masks in slices of the image, when every plane is a slice, every slab as thick as one, and the pixels are those of the image."""
    direction = np.asarray(reference.direction)
    axes, normal = frame
    aligned = np.allclose(axes, direction[:, :2].T, atol=1e-3) and np.allclose(spacing, reference.spacing_mm[:0:-1], rtol=1e-3)
    step = float(reference.spacing_mm[0])
    slices = (planes - np.asarray(reference.origin_lps_mm) @ normal) / step
    if not aligned or np.abs(slices - np.rint(slices)).max() > _ON_SLICE or np.abs((upper - lower) / step - 1).max() > _EVEN:
        return None
    column, row = (base - np.asarray(reference.origin_lps_mm)) @ axes.T / spacing
    corner = np.rint([row, column]).astype(int)
    if np.abs(corner - [row, column]).max() > _ON_SLICE:
        return None
    layers = np.rint(slices).astype(int)
    used = np.any(masks, axis=0)
    filled_rows, filled_columns = np.flatnonzero(used.any(axis=1)), np.flatnonzero(used.any(axis=0))
    if not len(filled_rows) or layers.min() < 0 or layers.max() >= reference.size[0]:
        return None
    low = corner + np.array([filled_rows[0], filled_columns[0]])
    high = corner + np.array([filled_rows[-1], filled_columns[-1]])
    if low.min() < 0 or high[0] >= reference.size[1] or high[1] >= reference.size[2]:
        return None
    inside = tuple(slice(int(first), int(last) + 1) for first, last in zip(low, high))
    taken = (slice(filled_rows[0], filled_rows[-1] + 1), slice(filled_columns[0], filled_columns[-1] + 1))
    whole = all(np.all((mask == 0) | (mask == 1)) for mask in masks)
    volume = np.zeros(reference.size, dtype=np.uint8 if whole else np.float32)
    for mask, layer in zip(masks, layers):
        target = volume[(int(layer), *inside)]
        np.maximum(target, mask[taken].astype(volume.dtype), out=target)
    return PlacedMask(reference, volume)


def _overlaps(low: float, high: float, step: float, count: int) -> list[tuple[int, float]]:
    """(layer, share of the layer) that a slab from ``low`` to ``high`` covers."""
    found = []
    for layer in range(max(int(low / step), 0), min(int(np.ceil(high / step)), count)):
        share = (min(high, (layer + 1) * step) - max(low, layer * step)) / step
        if share > 1e-6:
            found.append((layer, share))
    return found


def _plain(volume: np.ndarray) -> np.ndarray:
    return volume.astype(np.uint8) if np.all((volume == 0) | (volume == 1)) else volume


def _triple(values) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
