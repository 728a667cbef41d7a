"""Slice pictures: CT in gray, a dose overlay in color with its bar in Gy, region outlines, letters and a scale bar."""

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.report import svg
from RNTDosimetryLib.report.axes import Axis, make_scale
from RNTDosimetryLib.report.nrrd import checked_map
from RNTDosimetryLib.report.planes import PLANE_NAMES, Plane, box_of, plane_through, sample_plane
from RNTDosimetryLib.report.svg import difference_colors, dose_colors, outline_style

# Edges of a cell that an outline enters and leaves, by which corners are inside (1 top left, 2 top right, 4 bottom right,
# 8 bottom left), with the inside on the left hand. Cases 5 and 10, two opposite corners, depend on the middle of the cell.
_TOP_SIDE, _RIGHT, _BOTTOM, _LEFT = range(4)
_STEPS = {
    1: [(_LEFT, _TOP_SIDE)], 2: [(_TOP_SIDE, _RIGHT)], 4: [(_RIGHT, _BOTTOM)], 8: [(_BOTTOM, _LEFT)],
    14: [(_TOP_SIDE, _LEFT)], 13: [(_RIGHT, _TOP_SIDE)], 11: [(_BOTTOM, _RIGHT)], 7: [(_LEFT, _BOTTOM)],
    3: [(_LEFT, _RIGHT)], 12: [(_RIGHT, _LEFT)], 6: [(_TOP_SIDE, _BOTTOM)], 9: [(_BOTTOM, _TOP_SIDE)],
}  # fmt: skip
_SADDLES = {
    (5, True): [(_RIGHT, _TOP_SIDE), (_LEFT, _BOTTOM)], (5, False): [(_LEFT, _TOP_SIDE), (_RIGHT, _BOTTOM)],
    (10, True): [(_TOP_SIDE, _LEFT), (_BOTTOM, _RIGHT)], (10, False): [(_TOP_SIDE, _RIGHT), (_BOTTOM, _LEFT)],
}  # fmt: skip


def outlines(values: np.ndarray, level: float = 0.5) -> list[np.ndarray]:
    """Closed curves around where ``values`` (rows, columns) reach ``level`` (above zero), each (n, 2) in (column, row) coordinates.

    Pixel centers have whole coordinates, places between are interpolated linearly. Beyond the border values are
    taken as zero, so every curve closes; the last point is not repeated. Marching squares after Lorensen and Cline.
    """
    field = np.pad(np.asarray(values, dtype=float), 1, constant_values=0.0)
    inside = field >= level
    cases = inside[:-1, :-1] + 2 * inside[:-1, 1:] + 4 * inside[1:, 1:] + 8 * inside[1:, :-1]
    following: dict[tuple, tuple] = {}
    for row, column in zip(*np.nonzero((cases > 0) & (cases < 15))):
        row, column, case = int(row), int(column), int(cases[row, column])
        steps = _STEPS.get(case) or _SADDLES[case, bool(field[row : row + 2, column : column + 2].mean() >= level)]
        for enter, leave in steps:
            following[_edge(row, column, enter)] = _edge(row, column, leave)
    curves = []
    while following:
        start, edge = following.popitem()
        points = [_crossing(field, start, level)]
        while edge != start:
            points.append(_crossing(field, edge, level))
            edge = following.pop(edge)
        curves.append(np.array(points) - 1.0)
    return curves


def _edge(row: int, column: int, side: int) -> tuple[int, int, bool]:
    """Name of a cell edge shared by its two cells: the pixel it starts at, and whether it runs down."""
    if side == _TOP_SIDE:
        return row, column, False
    if side == _BOTTOM:
        return row + 1, column, False
    return row, column + (side == _RIGHT), True


def _crossing(field: np.ndarray, edge: tuple[int, int, bool], level: float) -> tuple[float, float]:
    row, column, down = edge
    first, second = field[row, column], field[row + down, column + (not down)]
    share = (level - first) / (second - first)
    return (column, row + share) if down else (column + share, row)


_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPE = {1: 0, 3: 2}


def png_bytes(pixels: np.ndarray) -> bytes:
    """PNG file of a picture, (rows, columns) gray or (rows, columns, 3) RGB, uint8; row 0 is the top."""
    array = np.asarray(pixels)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or array.size == 0 or (array.ndim == 3 and array.shape[2] != 3):
        raise DosimetryError(f"Expected a gray or RGB picture of 8-bit pixels, received {array.dtype} of shape {array.shape}.")
    rows, columns = array.shape[:2]
    channels = 1 if array.ndim == 2 else 3
    flat = np.ascontiguousarray(array).reshape(rows, columns * channels)
    lines = np.hstack([np.full((rows, 1), 2, np.uint8), np.diff(flat, axis=0, prepend=np.zeros((1, flat.shape[1]), np.uint8))])
    header = struct.pack(">IIBBBBB", columns, rows, 8, _COLOR_TYPE[channels], 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)) + _chunk(b"IEND", b"")


def png_data_uri(pixels: np.ndarray) -> str:
    """The picture as a ``data:`` address, for pages that must hold everything themselves."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(pixels)).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


WIDTH = 760.0
SOFT_TISSUE_WINDOW_HU = (-160.0, 240.0)
_BODY_HU, _BODY_MARGIN_MM = -300.0, 8.0
_SMALLEST_PIXEL_MM, _MOST_PIXELS = 0.8, 420
_GAP, _TOP, _HIGHEST = 10.0, 32.0, 420.0
_FULL_OPACITY_AT = 0.15
_SCALE_BAR_MM = 50.0


@dataclass(frozen=True, eq=False)
class GrayImage:
    """Background of a picture, (z, y, x), with the values shown as black and white; HU by default."""

    values: np.ndarray = field(repr=False)
    geometry: ImageGeometry
    window: tuple[float, float] = SOFT_TISSUE_WINDOW_HU

    def __post_init__(self):
        checked_map(self.values, self.geometry, "the gray image")
        if not self.window[0] < self.window[1]:
            raise DosimetryError(f"Expected a window from low to high, received {self.window}.")


@dataclass(frozen=True, eq=False)
class Overlay:
    """Color overlay, (z, y, x), on its own grid.

    Colors run from zero to ``maximum`` (default: the highest value). Values below ``threshold`` of the maximum are
    transparent; above, the color comes in and covers ``opacity`` of the gray from 15 % of the maximum on, so that an overlay
    ends softly. With ``signed`` the colors run from minus to plus ``maximum``, blue to red, for the difference of two maps.
    """

    values: np.ndarray = field(repr=False)
    geometry: ImageGeometry
    label: str = "Absorbed dose"
    unit: str = "Gy"
    maximum: float | None = None
    threshold: float = 0.02
    opacity: float = 0.6
    signed: bool = False

    def __post_init__(self):
        checked_map(self.values, self.geometry, self.label)
        if self.maximum is None:
            object.__setattr__(self, "maximum", self.highest)
        if not self.maximum > 0 or not np.isfinite(self.maximum):
            raise DosimetryError(f"Expected a highest value above zero for the colors of {self.label}, received {self.maximum}.")
        if not (0 <= self.threshold < 1 and 0 < self.opacity <= 1):
            raise DosimetryError(f"Expected threshold and opacity between 0 and 1, received {self.threshold} and {self.opacity}.")

    @property
    def highest(self) -> float:
        """The highest value, or the largest difference of either sign."""
        return float(self.values.max()) if not self.signed else float(max(self.values.max(), -self.values.min()))

    def colors(self, fractions: np.ndarray) -> np.ndarray:
        """RGB, (..., 3), of values given as fractions of ``maximum``."""
        return difference_colors(fractions) if self.signed else dose_colors(fractions)


@dataclass(frozen=True, eq=False)
class Outline:
    """Region to draw as a line: occupancy or mask, (z, y, x), on its own grid; the line runs where it is one half."""

    label: str
    occupancy: np.ndarray = field(repr=False)
    geometry: ImageGeometry

    def __post_init__(self):
        checked_map(self.occupancy, self.geometry, f"region '{self.label}'")


def slice_figure(
    title: str,
    background: GrayImage | None = None,
    overlay: Overlay | None = None,
    regions: Sequence[Outline] = (),
    point_lps_mm: Sequence[float] | None = None,
    planes: Sequence[str] = PLANE_NAMES,
    crop: bool = True,
) -> str:
    """Axial, coronal and sagittal slice through a point, side by side at one scale, as an SVG element with PNG inside.

    The point is by default where the overlay is highest, else the middle of the first region, else of the image. The
    pictures are in radiological order (patient's right on the left). With ``crop`` the air around the body is left out.
    """
    sources = [item for item in (background, overlay, *regions) if item is not None]
    if not sources:
        raise DosimetryError(f"Expected an image for the picture '{title}', received none; leave the picture out.")
    point = np.asarray(point_lps_mm if point_lps_mm is not None else _default_point(background, overlay, regions), dtype=float)
    if point.shape != (3,) or not np.all(np.isfinite(point)):
        raise DosimetryError(f"Expected a point (x, y, z) in LPS mm for the picture '{title}', received {point_lps_mm}.")
    box = _body_box(background) if crop and background is not None else box_of(sources[0].geometry)
    if np.any(point < box[0]) or np.any(point > box[1]):
        box = np.stack([np.minimum(box[0], point - 5.0), np.maximum(box[1], point + 5.0)])
    pixel_mm = max(
        min(min(item.geometry.spacing_mm) for item in sources), _SMALLEST_PIXEL_MM, float((box[1] - box[0]).max()) / _MOST_PIXELS
    )
    views = [plane_through(name, point, box, pixel_mm) for name in planes]
    room = WIDTH - (_bar_width(overlay) if overlay is not None else 0.0) - _GAP * (len(views) - 1)
    px_per_mm = min(room / sum(view.width_mm for view in views), _HIGHEST / max(view.height_mm for view in views))
    parts, x = [svg.text(0, 15, svg.shortened(title, WIDTH, 14), 14, font_weight="bold")], 0.0
    bottom = _TOP + max(view.height_mm for view in views) * px_per_mm
    met: set[int] = set()
    for view in views:
        panel, numbers = _panel(view, x, px_per_mm, background, overlay, regions, point)
        parts.append(panel)
        met |= numbers
        x += view.width_mm * px_per_mm + _GAP
    if overlay is not None:
        top = _TOP + 13.0 * len(_bar_heading(overlay))
        parts.append(_color_bar(overlay, x + 6, top, min(max(bottom - top, 90.0), 260.0)))
        bottom = max(bottom, top + 90)
    legend, bottom = _legend(regions, met, bottom + 18)
    shown = ", ".join([*([overlay.label] if overlay else []), *(region.label for region in regions)])
    where = "R" if point[0] < 0 else "L", "A" if point[1] < 0 else "P", "I" if point[2] < 0 else "S"
    place = ", ".join(f"{letter} {abs(value):.0f} mm" for letter, value in zip(where, point))
    notes = f"Slices through {place}. Bar: 5 cm."
    if overlay is not None and overlay.highest > overlay.maximum * (1 + 1e-6):
        notes += (
            f" Colors end at {overlay.maximum:.3g} {overlay.unit}; the highest value is {overlay.highest:.3g} {overlay.unit}."
        )
    parts.append(svg.text(0, bottom, notes, 11, fill="#444"))
    description = f"{', '.join(planes)} slices through {place}; {shown}."
    return svg.drawing(WIDTH, bottom + 8, "".join(parts) + legend, title, description)


def blend(gray: np.ndarray | None, overlay: np.ndarray | None, window: tuple[float, float], style: Overlay | None) -> np.ndarray:
    """RGB picture, (rows, columns, 3) uint8, of a gray slice with an overlay slice on top; either may be None."""
    shape = (gray if gray is not None else overlay).shape
    shade = np.zeros(shape) if gray is None else np.clip((gray - window[0]) / (window[1] - window[0]), 0.0, 1.0)
    picture = np.repeat(shade[..., None] * 255.0, 3, axis=2)
    if overlay is not None:
        fraction = overlay / style.maximum
        rise = ((np.abs(fraction) if style.signed else fraction) - style.threshold) / max(
            _FULL_OPACITY_AT - style.threshold, 1e-3
        )
        share = style.opacity * np.clip(rise, 0.0, 1.0)[..., None]
        picture = (1 - share) * picture + share * style.colors(fraction)
    return np.rint(picture).astype(np.uint8)


def _default_point(background, overlay, regions) -> np.ndarray:
    if overlay is not None:
        values = np.abs(overlay.values) if overlay.signed else overlay.values
        geometry, index = overlay.geometry, np.unravel_index(int(np.argmax(values)), values.shape)
    elif regions:
        geometry, voxels = regions[0].geometry, np.argwhere(np.asarray(regions[0].occupancy) > 0)
        index = voxels.mean(axis=0) if len(voxels) else (np.asarray(geometry.size) - 1) / 2
    else:
        geometry = background.geometry
        index = (np.asarray(geometry.size) - 1) / 2
    return (geometry.index_to_lps @ np.append(np.asarray(index, dtype=float)[::-1], 1.0))[:3]


def _body_box(background: GrayImage) -> np.ndarray:
    """LPS box around what is denser than air, with a margin, within the image; the whole image when nothing is."""
    body = np.asarray(background.values) > _BODY_HU
    whole = box_of(background.geometry)
    if not body.any():
        return whole
    spans = [np.flatnonzero(body.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    box = box_of(background.geometry, [span[0] for span in spans], [span[-1] for span in spans])
    return np.stack([np.maximum(box[0] - _BODY_MARGIN_MM, whole[0]), np.minimum(box[1] + _BODY_MARGIN_MM, whole[1])])


def _panel(plane: Plane, x: float, scale: float, background, overlay, regions, point: np.ndarray) -> tuple[str, set[int]]:
    """A plane with everything on it, and the numbers of the regions that it meets."""
    gray = None if background is None else sample_plane(background.values, background.geometry, plane, background.window[0])
    color = None if overlay is None else sample_plane(overlay.values, overlay.geometry, plane)
    if gray is None and color is None:
        gray = np.zeros((plane.rows, plane.columns), dtype=np.float32)
    pixels = blend(gray, color, background.window if background is not None else (0.0, 1.0), overlay)
    width, height, pixel = plane.width_mm * scale, plane.height_mm * scale, plane.pixel_mm * scale
    parts = [svg.element("image", x=x, y=_TOP, width=width, height=height, preserveAspectRatio="none", href=png_data_uri(pixels))]
    drawn = [_outline(region, number, plane, x, pixel) for number, region in enumerate(regions)]
    parts.append(svg.clipped(x, _TOP, width, height, "".join(lines for lines, _ in drawn) + "".join(tag for _, tag in drawn)))
    parts += [_cross(plane, point, x, pixel, width, height), _letters(plane, x, width, height), _scale_bar(x, scale, height)]
    return "".join(parts), {number for number, (lines, _) in enumerate(drawn) if lines}


def _outline(region: Outline, number: int, plane: Plane, x: float, pixel: float) -> tuple[str, str]:
    """Lines of a region on a plane, and the number at its highest point."""
    curves = outlines(sample_plane(region.occupancy, region.geometry, plane))
    curves = [(curve + 0.5) * pixel + (x, _TOP) for curve in curves if len(curve) > 3]
    if not curves:
        return "", ""
    color, dash = outline_style(number)
    data = " ".join(svg.path(curve, closed=True) for curve in curves)
    lines = svg.element("path", d=data, fill="none", stroke="#000000", stroke_width="2.6", stroke_opacity="0.55")
    lines += svg.element("path", d=data, fill="none", stroke=color, stroke_width="1.4", stroke_dasharray=dash or None)
    longest = max(curves, key=len)
    top = longest[np.argmin(longest[:, 1])]
    return lines, _halo(float(top[0]), float(max(top[1] - 3, _TOP + 25)), str(number + 1), "middle", color)


def _halo(x: float, y: float, words: str, anchor: str, fill: str = "#ffffff") -> str:
    """Text with a dark border, readable on any picture."""
    style = {"font_weight": "bold", "stroke": "#000000", "stroke_width": "2.4", "stroke_linejoin": "round"}
    return svg.text(x, y, words, 11, anchor, "#000000", **style) + svg.text(x, y, words, 11, anchor, fill, font_weight="bold")


def _cross(plane: Plane, point: np.ndarray, x: float, pixel: float, width: float, height: float) -> str:
    """Ticks at the edges that show where the other two planes cut this one."""
    column, row = plane.pixel_of(point)
    across, down, reach = x + (column + 0.5) * pixel, _TOP + (row + 0.5) * pixel, 7.0
    ends = [(across, _TOP, across, _TOP + reach), (across, _TOP + height - reach, across, _TOP + height)]
    ends += [(x, down, x + reach, down), (x + width - reach, down, x + width, down)]
    return "".join(svg.line(*end, "#ffffff", 1.2) for end in ends)


def _letters(plane: Plane, x: float, width: float, height: float) -> str:
    left, right, top, bottom = plane.letters
    middle = _TOP + height / 2 - 8
    return (
        _halo(x + 4, middle, left, "start")
        + _halo(x + width - 4, middle, right, "end")
        + _halo(x + width / 2 + 10, _TOP + 12, top, "middle")
        + _halo(x + width / 2 + 10, _TOP + height - 5, bottom, "middle")
        + svg.text(x, _TOP - 4, plane.name, 11, fill="#444")
    )


def _scale_bar(x: float, scale: float, height: float) -> str:
    y, length = _TOP + height - 9, _SCALE_BAR_MM * scale
    return "".join(svg.line(x + 8, y, x + 8 + length, y, color, width) for color, width in (("#000000", 4.0), ("#ffffff", 2.0)))


def _bar_heading(overlay: Overlay) -> list[str]:
    return [*overlay.label.split(), *([f"({overlay.unit})"] if overlay.unit else [])]


def _bar_width(overlay: Overlay) -> float:
    return 14.0 + max(60.0, *(svg.text_width(line, 11) for line in _bar_heading(overlay)))


def _color_bar(overlay: Overlay, x: float, y: float, height: float) -> str:
    """The colors with their values, label and unit above."""
    lowest = -1.0 if overlay.signed else 0.0
    limits = lowest * overlay.maximum, float(overlay.maximum)
    scale = make_scale(Axis(overlay.label, overlay.unit, lower=limits[0], upper=limits[1]), np.array(limits))
    colors = overlay.colors(np.linspace(1.0, lowest, 128))[:, None, :]
    lines = _bar_heading(overlay)
    parts = [svg.text(x, y - 4 - 13 * (len(lines) - 1 - i), line, 11) for i, line in enumerate(lines)]
    y, height = y + 6, height - 12
    address = png_data_uri(np.rint(colors).astype(np.uint8))
    parts.append(svg.element("image", x=x, y=y, width=16.0, height=height, preserveAspectRatio="none", href=address))
    for tick, label in zip(scale.ticks, scale.labels):
        level = y + height * (1 - float(scale.fraction(tick)))
        parts += [svg.line(x + 16, level, x + 20, level, "#222"), svg.text(x + 23, level + 4, label, 11)]
    return "".join(parts)


def _legend(regions: Sequence[Outline], met: set[int], top: float) -> tuple[str, float]:
    """Line and name of each region, and the end of the legend; a region that no plane meets is marked as not seen here."""
    parts, x, y = [], 0.0, top
    for number, region in enumerate(regions):
        words = f"{number + 1} {region.label}" + ("" if number in met else " (not in these slices)")
        words = svg.shortened(words, WIDTH - 60)
        width = 32 + svg.text_width(words) + 16
        if x + width > WIDTH and x > 0:
            x, y = 0.0, y + 18
        color, dash = outline_style(number)
        parts.append(svg.line(x, y - 4, x + 26, y - 4, "#333333", 5.0) + svg.line(x, y - 4, x + 26, y - 4, color, 2.0, dash))
        parts.append(svg.text(x + 32, y, words))
        x += width
    return "".join(parts), (y + 18 if regions else y)
