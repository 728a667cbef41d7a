"""Outlines in planes become a region: what each plane encloses, and which plane it is (DICOM PS3.3 C.8.8.6).

How outlines of one plane combine follows their type. CLOSEDPLANAR_XOR: exclusive or, in any order (C.8.8.6.3). CLOSED_PLANAR: each encloses what lies
within it; the standard knows holes only as a keyhole or by XOR, but much software writes an outline wholly inside another for a hole, so it is taken
as one and said. Crossing ones are joined, the same one twice counts once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.plane_stack import Note, PlacedMask, PlaneFrame, Slabs, planes_of, region_of_planes

_NOT_PLANAR_MM = 0.5
_ALONG_IMAGE_MM = 0.1
"""Largest reach of an outline across the slices of its image at which it lies in one: coordinates are written with one decimal or more."""
_SAME_LINE_MM = 0.1
"""Two outlines are the same, or one lies within another, when what they do not share is less than this along their length."""
_CROSSING_WORTH_SAYING = 0.01
_FARTHEST_MM = 3000.0
_POINTS_ACROSS = 60
_LEAST_FINER, _MOST_FINER = 2, 64
_MOST_FINE_PIXELS = 16_000_000
_GOLDEN = (5**0.5 - 1) / 2
_AXES = ((2, 0, 1), (0, 1, 2), (1, 2, 0))
"""Axis of the image across the planes, and the two within them, so that the three are right-handed; the image's own slices come first."""


@dataclass(frozen=True, eq=False)
class Outline:
    """A closed outline. points_lps_mm: (n, 3). exclusive: combined with the others of its plane by exclusive or (CLOSEDPLANAR_XOR)."""

    points_lps_mm: np.ndarray
    exclusive: bool = False

    @property
    def area_mm2(self) -> float:
        """Area of the polygon, as the shoelace formula has it."""
        return float(np.linalg.norm(self._area_vector))

    @property
    def encloses_something(self) -> bool:
        """Whether its points span a plane; an outline that crosses itself may do so with an area of zero."""
        if len(self.points_lps_mm) < 3:
            return False
        spread = np.linalg.svd(self.points_lps_mm - self.points_lps_mm.mean(axis=0), compute_uv=False)
        return bool(spread[1] > 1e-6 * max(spread[0], 1e-9) and spread[1] > 1e-9)

    @property
    def _area_vector(self) -> np.ndarray:
        points = self.points_lps_mm - self.points_lps_mm[0]
        return 0.5 * np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)

    @property
    def normal(self) -> np.ndarray:
        """Unit vector across the plane of best fit."""
        centered = self.points_lps_mm - self.points_lps_mm.mean(axis=0)
        return np.asarray(np.linalg.svd(centered, full_matrices=False)[2][2])

    @property
    def length_mm(self) -> float:
        return float(np.linalg.norm(np.roll(self.points_lps_mm, -1, axis=0) - self.points_lps_mm, axis=1).sum())


def region_of_outlines(outlines: Sequence[Outline], reference: ImageGeometry, slabs: Slabs | None = None) -> PlacedMask:
    """Region of closed planar outlines. reference: grid of the image they were drawn on; slabs: what is known of the planes besides their positions.

    Pixels at the rim hold the share that is inside, so that the volume is the area of the outlines times their slabs.
    Raises DosimetryError for outlines that are not in parallel planes, or meters away from the image.
    """
    _refuse_far_away(outlines, reference)
    frame = _frame_of(outlines, reference)
    heights = np.array([_height(outline, frame.normal) for outline in outlines])
    planes, members = planes_of(heights, reference)
    flat = [frame.in_pixels(outline.points_lps_mm) for outline in outlines]
    corner = np.floor(np.min([points.min(axis=0) for points in flat], axis=0)).astype(int) - 1
    size = np.ceil(np.max([points.max(axis=0) for points in flat], axis=0)).astype(int) + 2 - corner
    masks, totals = [], _Totals()
    for group in members:
        inside = [_InPlane.of(outlines[index], flat[index] - corner, frame) for index in group]
        masks.append(_combined(inside, (int(size[1]), int(size[0])), totals))
    placed = region_of_planes(planes, masks, frame.moved(corner), reference, slabs or Slabs())
    return PlacedMask(placed.geometry, placed.occupancy, (*totals.notes(), *placed.notes))


def heights_of(outlines: Sequence[Outline], reference: ImageGeometry) -> np.ndarray:
    """Heights of the planes of outlines in mm, from the lowest up. Raises DosimetryError as ``region_of_outlines``."""
    frame = _frame_of(outlines, reference)
    return planes_of(np.array([_height(outline, frame.normal) for outline in outlines]), reference)[0]


def _refuse_far_away(outlines: Sequence[Outline], reference: ImageGeometry) -> None:
    center = (reference.index_to_lps @ np.append((np.array(reference.size[::-1]) - 1) / 2, 1.0))[:3]
    reach = float(np.linalg.norm(np.array(reference.size) * np.array(reference.spacing_mm))) / 2
    away = max(float(np.abs(outline.points_lps_mm - center).max()) for outline in outlines)
    if away > reach + _FARTHEST_MM:
        raise DosimetryError(
            f"Expected outlines near the image, received points {away / 1000:.3g} m from its middle; check the unit of the coordinates."
        )


def _frame_of(outlines: Sequence[Outline], reference: ImageGeometry) -> PlaneFrame:
    """Directions and pixels of the planes: those of the image where the outlines lie along its axes."""
    direction, spacing = np.asarray(reference.direction), reference.spacing_mm[::-1]
    for across, first, second in _AXES:
        normal = direction[:, across]
        if all(np.ptp(outline.points_lps_mm @ normal) <= _ALONG_IMAGE_MM for outline in outlines):
            axes = np.array([direction[:, first], direction[:, second]])
            return PlaneFrame(axes, normal, (spacing[first], spacing[second]), np.asarray(reference.origin_lps_mm))
    normal = max(outlines, key=lambda outline: outline.length_mm).normal
    normal = normal if normal @ direction[:, 2] >= 0 else -normal
    start = direction[:, int(np.argmin(np.abs(direction.T @ normal)))]
    row = start - (start @ normal) * normal
    row = row / np.linalg.norm(row)
    pixel = min(spacing[:2])
    return PlaneFrame(np.array([row, np.cross(normal, row)]), normal, (pixel, pixel), np.asarray(reference.origin_lps_mm))


def _height(outline: Outline, normal: np.ndarray) -> float:
    heights = outline.points_lps_mm @ normal
    if np.ptp(heights) > _NOT_PLANAR_MM:
        raise DosimetryError(
            f"Expected outlines in parallel planes, received one that reaches over {np.ptp(heights):.2f} mm across them; draw it slice by slice."
        )
    return float(heights.mean())


@dataclass(frozen=True, eq=False)
class _InPlane:
    """An outline in pixels of the box. area_px, length_px: of it. margin_px: what it may differ in area from another and still be the same."""

    points: np.ndarray
    exclusive: bool
    area_px: float
    length_px: float
    margin_px: float

    @classmethod
    def of(cls, outline: Outline, points: np.ndarray, frame: PlaneFrame) -> "_InPlane":
        pixel_mm2 = frame.spacing_mm[0] * frame.spacing_mm[1]
        length = outline.length_mm
        return cls(
            points,
            outline.exclusive,
            outline.area_mm2 / pixel_mm2,
            length / min(frame.spacing_mm),
            _SAME_LINE_MM * length / pixel_mm2,
        )


@dataclass
class _Totals:
    """Pixels of all planes: filled, taken away by holes, shared by crossing outlines; and outlines that stand there twice."""

    filled: float = 0.0
    holes: float = 0.0
    crossing: float = 0.0
    twice: int = 0

    def notes(self) -> list[Note]:
        found: list[Note] = []
        if self.holes > 0:
            found.append(("holes", {"share": self.holes / (self.filled + self.holes)}))
        if self.crossing > _CROSSING_WORTH_SAYING * self.filled:
            found.append(("crossing", {"share": self.crossing / self.filled}))
        if self.twice:
            found.append(("twice", {"count": float(self.twice)}))
        return found


@dataclass(eq=False)
class _Fine:
    """A mask on fine pixels in its own box. rows, columns: of the box."""

    rows: slice
    columns: slice
    mask: np.ndarray
    count: int

    def shared_with(self, other: "_Fine") -> int:
        """Fine pixels in both."""
        top, bottom = max(self.rows.start, other.rows.start), min(self.rows.stop, other.rows.stop)
        left, right = max(self.columns.start, other.columns.start), min(self.columns.stop, other.columns.stop)
        if top >= bottom or left >= right:
            return 0
        parts = [
            item.mask[top - item.rows.start : bottom - item.rows.start, left - item.columns.start : right - item.columns.start]
            for item in (self, other)
        ]
        return int(np.count_nonzero(parts[0] & parts[1]))


def _combined(outlines: Sequence[_InPlane], size: tuple[int, int], totals: _Totals) -> np.ndarray:
    """Share of every pixel of the box, (rows, columns) float32, that the outlines of one plane enclose."""
    smallest = min((item.area_px for item in outlines if item.area_px > 0), default=1.0)
    finer = int(np.clip(np.ceil(_POINTS_ACROSS / np.sqrt(smallest)), _LEAST_FINER, _MOST_FINER))
    while finer > _LEAST_FINER and finer * finer * size[0] * size[1] > _MOST_FINE_PIXELS:
        finer //= 2
    region = np.zeros((size[0] * finer, size[1] * finer), dtype=bool)
    fine = [_inside(item.points, region.shape, finer) for item in outlines]
    kept: list[tuple[_Fine, float]] = []
    area_px, length_px, plain = 0.0, 0.0, not any(item.exclusive for item in outlines)
    for index in sorted(range(len(outlines)), key=lambda number: -fine[number].count):
        if outlines[index].exclusive:
            continue
        one, margin = fine[index], outlines[index].margin_px * finer**2
        depth, same = 0, False
        for other, other_margin in kept:
            shared = one.shared_with(other)
            if one.count + other.count - 2 * shared <= max(margin, other_margin):
                same = True
            elif one.count - shared <= margin:
                depth += 1
            else:
                totals.crossing += shared / finer**2
                plain = plain and not shared
        if same:
            totals.twice += 1
            continue
        part = region[one.rows, one.columns]
        if depth % 2:
            totals.holes += int(np.count_nonzero(part & one.mask)) / finer**2
            part &= ~one.mask
        else:
            part |= one.mask
        kept.append((one, margin))
        area_px += outlines[index].area_px * (-1 if depth % 2 else 1)
        length_px += outlines[index].length_px
    for item, one in zip(outlines, fine):
        if item.exclusive:
            region[one.rows, one.columns] ^= one.mask
    rows = region.view(np.uint8).reshape(size[0], finer, -1).sum(axis=1, dtype=np.uint16)
    share = rows.reshape(*size, finer).sum(axis=2, dtype=np.float32) / np.float32(finer**2)
    if plain and abs(float(share.sum(dtype=np.float64)) - area_px) <= length_px / finer:
        _conserve_area(share, area_px)
    totals.filled += float(share.sum(dtype=np.float64))
    return np.asarray(share, dtype=np.float32)


def _conserve_area(share: np.ndarray, area_px: float) -> None:
    """Scale the pixels at the rim so that the area is that of the polygons: samples in rows miss up to half a row at each edge."""
    for _ in range(3):
        rim = (share > 0) & (share < 1)
        missing, at_rim = area_px - float(share.sum(dtype=np.float64)), float(share[rim].sum(dtype=np.float64))
        if at_rim <= 0 or abs(missing) < 1e-6 * area_px:
            return
        share[rim] = np.clip(share[rim] * (1.0 + missing / at_rim), 0.0, 1.0)


def _inside(points: np.ndarray, size: tuple[int, ...], finer: int) -> _Fine:
    """An outline on pixels ``finer`` times as fine, by even and odd crossings: a keyhole needs nothing special."""
    x, y = ((points[:, axis] + 0.5) * finer - 0.5 for axis in (0, 1))
    x2, y2 = np.roll(x, -1), np.roll(y, -1)
    top, bottom = max(int(np.floor(y.min())), 0), min(int(np.ceil(y.max())) + 1, size[0])
    left, right = max(int(np.floor(x.min())) - 1, 0), min(int(np.ceil(x.max())) + 2, size[1])
    low, high = np.minimum(y, y2), np.maximum(y, y2)
    first = np.maximum(np.ceil(low), top).astype(int)
    last = np.minimum(np.ceil(high) - 1, bottom - 1).astype(int)  # half open, so that a vertex counts once
    counts = np.maximum(last - first + 1, 0)
    edges = np.repeat(np.arange(len(x)), counts)
    rows = first[edges] + np.arange(len(edges)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = (rows - y[edges]) / (y2[edges] - y[edges])
    # The samples of each row stand a little aside from those of the next, or a curve would fall in step with them.
    crossing = x[edges] + share * (x2[edges] - x[edges]) - ((rows * _GOLDEN) % 1.0 - 0.5)
    columns = np.clip(np.ceil(crossing).astype(int), left, right)
    width = right - left + 1
    toggles = np.zeros((bottom - top, width), dtype=np.uint8)
    np.add.at(toggles, (rows - top, columns - left), 1)
    mask = np.bitwise_xor.accumulate(toggles & 1, axis=1)[:, :-1].view(bool)
    return _Fine(slice(top, bottom), slice(left, right), mask, int(np.count_nonzero(mask)))


def outline_of(contour_data: Any, exclusive: bool = False) -> Outline:
    """Outline of the numbers x, y, z, x, y, z, ... of a contour."""
    return Outline(np.asarray(contour_data, dtype=float).reshape(-1, 3), exclusive)
