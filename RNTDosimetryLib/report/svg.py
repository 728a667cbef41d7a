"""Drawing primitives: SVG elements as text, escaped, with numbers rounded to a tenth of a pixel."""

from collections.abc import Iterable
from functools import lru_cache
from html import escape

import numpy as np

from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.words import printable

FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
TEXT_SIZE = 12.0
_NARROW, _WIDE = "iljtfI.,:;'|!()[] ·", "mwMW%@±×"


def number(value: float) -> str:
    """Coordinate with one decimal and without a trailing zero."""
    text = f"{value:.1f}"
    text = text[:-2] if text.endswith(".0") else text
    return "0" if text == "-0" else text


def element(name: str, content: str = "", **attributes) -> str:
    """``<name ...>content</name>``; underscores in attribute names become hyphens, None is left out, values are escaped."""
    parts = []
    for key, value in attributes.items():
        if value is not None:
            text = number(value) if isinstance(value, (float, np.floating)) else str(value)
            parts.append(f' {key.rstrip("_").replace("_", "-")}="{escape(printable(text), quote=True)}"')
    return f"<{name}{''.join(parts)}>{content}</{name}>" if content else f"<{name}{''.join(parts)}/>"


def text(x: float, y: float, words: str, size: float = TEXT_SIZE, anchor: str = "start", fill: str = "#222", **attributes) -> str:
    """A line of text; ``anchor`` is "start", "middle" or "end"."""
    return element("text", escape(printable(words)), x=x, y=y, font_size=size, text_anchor=anchor, fill=fill, **attributes)


def line(
    x1: float, y1: float, x2: float, y2: float, stroke: str = "#222", width: float = 1.0, dash: str = "", **attributes
) -> str:
    return element(
        "line",
        x1=float(x1),
        y1=float(y1),
        x2=float(x2),
        y2=float(y2),
        stroke=stroke,
        stroke_width=width,
        stroke_dasharray=dash or None,
        **attributes,
    )


def path(points: Iterable[tuple[float, float]], closed: bool = False) -> str:
    """Path data through points; points that fall on the pixel tenth of the one before are left out."""
    steps = []
    for x, y in points:
        step = f"{number(x)},{number(y)}"
        if not steps or steps[-1] != step:
            steps.append(step)
    return "M" + " L".join(steps) + ("Z" if closed else "")


def text_width(words: str, size: float = TEXT_SIZE) -> float:
    """Estimated width of a line of text in pixels, generous for the common sans-serif fonts."""
    return size * sum(
        0.38 if c in _NARROW else 0.95 if c in _WIDE else 0.74 if c.isupper() else 1.05 if ord(c) > 0x2E80 else 0.63
        for c in words
    )


def shortened(words: str, width: float, size: float = TEXT_SIZE) -> str:
    """The text, cut with an ellipsis where it would be wider than ``width``."""
    words = printable(words)
    if text_width(words, size) <= width:
        return words
    while words and text_width(words + "…", size) > width:
        words = words[:-1]
    return words.rstrip() + "…"


def drawing(width: float, height: float, content: str, title: str, description: str) -> str:
    """A whole SVG element with white ground that scales with the page; title and description serve screen readers."""
    head = element("title", escape(printable(title))) + element("desc", escape(printable(description)))
    ground = element("rect", width=width, height=height, fill="#ffffff")
    return element(
        "svg", head + ground + content, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {number(width)} {number(height)}",
        width=width, height=height, role="img", aria_label=title, font_family=FONT,
    )  # fmt: skip


def clipped(x: float, y: float, width: float, height: float, content: str) -> str:
    """Content in page coordinates, cut at the rectangle. A nested viewport needs no id, so figures never collide in a page."""
    box = f"{number(x)} {number(y)} {number(width)} {number(height)}"
    return element("svg", content, x=x, y=y, width=width, height=height, viewBox=box, overflow="hidden")


def marker(kind: str, x: float, y: float, color: str, size: float = 3.6) -> str:
    """A data point. Kinds: circle, square, triangle, diamond, cross, triangle-down, plus, ring."""
    outlines = {
        "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
        "triangle": [(0, -1.25), (1.15, 0.9), (-1.15, 0.9)],
        "triangle-down": [(0, 1.25), (1.15, -0.9), (-1.15, -0.9)],
        "diamond": [(0, -1.4), (1.2, 0), (0, 1.4), (-1.2, 0)],
    }
    if kind in outlines:
        corners = [(x + size * dx, y + size * dy) for dx, dy in outlines[kind]]
        return element("path", d=path(corners, closed=True), fill=color, stroke="#ffffff", stroke_width="0.6")
    if kind in ("cross", "plus"):
        arms = [((-1, -1), (1, 1)), ((-1, 1), (1, -1))] if kind == "cross" else [((-1.3, 0), (1.3, 0)), ((0, -1.3), (0, 1.3))]
        return "".join(line(x + size * a, y + size * b, x + size * c, y + size * d, color, 2.0) for (a, b), (c, d) in arms)
    fill, stroke, width = ("#ffffff", color, "1.8") if kind == "ring" else (color, "#ffffff", "0.6")
    return element("circle", cx=float(x), cy=float(y), r=size, fill=fill, stroke=stroke, stroke_width=width)


@lru_cache(maxsize=1)
def _palette() -> dict:
    return read_json("report", "colors.json")


def series_style(index: int) -> tuple[str, str, str]:
    """Color, dash pattern and marker of the plot series ``index``; they repeat only together after many series."""
    palette = _palette()
    colors, dashes, markers = palette["series"], palette["series_dashes"], palette["markers"]
    turn = index // len(colors)
    return colors[index % len(colors)], dashes[(index + turn) % len(dashes)], markers[(index + turn) % len(markers)]


def outline_style(index: int) -> tuple[str, str]:
    """Color and dash pattern of the region outline ``index`` on a picture."""
    palette = _palette()
    colors, dashes = palette["outlines"], palette["outline_dashes"]
    return colors[index % len(colors)], dashes[(index // len(colors)) % len(dashes)]


def dose_colors(fractions: np.ndarray) -> np.ndarray:
    """RGB, 0 to 255 float, (..., 3), of values between 0 (dark) and 1 (bright); values outside are held at the ends."""
    return _interpolated("dose", fractions)


def difference_colors(fractions: np.ndarray) -> np.ndarray:
    """RGB, 0 to 255 float, (..., 3), of differences from -1 (blue) through 0 (light gray) to 1 (red)."""
    return _interpolated("difference", (np.asarray(fractions, dtype=float) + 1.0) / 2.0)


def _interpolated(name: str, fractions: np.ndarray) -> np.ndarray:
    table = np.asarray(_palette()[name], dtype=float)
    places = np.linspace(0.0, 1.0, len(table))
    fractions = np.clip(np.asarray(fractions, dtype=float), 0.0, 1.0)
    return np.stack([np.interp(fractions, places, table[:, channel]) for channel in range(3)], axis=-1)
