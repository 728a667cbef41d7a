"""Box plots as SVG: one row a group, with its number, quartiles, whiskers and outliers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.report import svg
from RNTDosimetryLib.report.axes import Axis, make_scale
from RNTDosimetryLib.report.plots import WIDTH
from RNTDosimetryLib.report.svg import series_style

_ROW, _BOX, _TOP, _BOTTOM, _SMALL = 26.0, 12.0, 34.0, 62.0, 11.0
_LABEL, _RIGHT = 220.0, 18.0
_GRID, _FRAME = "#e2e2e2", "#555555"


@dataclass(frozen=True)
class Box:
    """One group. number: of its values. style: its color; groups that belong together share one."""

    label: str
    number: int
    median: float
    quartiles: tuple[float, float]
    whiskers: tuple[float, float]
    outliers: tuple[float, ...] = ()
    style: int = 0


def box_plot(title: str, axis: Axis, boxes: Sequence[Box]) -> str:
    """A plot as one SVG element, values along x. Raises DosimetryError without boxes and for values that are not finite."""
    values = [value for box in boxes for value in (box.median, *box.quartiles, *box.whiskers, *box.outliers)]
    if not boxes or not np.all(np.isfinite(values)):
        raise DosimetryError(
            f"Expected groups of finite numbers for the plot '{title}', received none or others; leave them out."
        )
    scale = make_scale(axis, np.array(values), from_zero=not axis.log)
    left, right, bottom = _LABEL, WIDTH - _RIGHT, _TOP + _ROW * len(boxes)

    def place(value: float) -> float:
        return float(left + (right - left) * np.clip(scale.fraction(value), 0.0, 1.0))

    parts = [svg.text(16, 20, svg.shortened(title, WIDTH - 32, 14), 14, font_weight="bold")]
    for tick, label in zip(scale.ticks, scale.labels):
        parts += [
            svg.line(place(tick), _TOP, place(tick), bottom, _GRID),
            svg.line(place(tick), bottom, place(tick), bottom + 5, _FRAME),
        ]
        parts.append(svg.text(place(tick), bottom + 18, label, _SMALL, "middle"))
    parts.append(svg.element("rect", x=left, y=_TOP, width=right - left, height=bottom - _TOP, fill="none", stroke=_FRAME))
    for number, box in enumerate(boxes):
        parts.append(_row(box, _TOP + _ROW * (number + 0.5), left, place))
    parts.append(svg.text((left + right) / 2, bottom + 37, axis.heading, anchor="middle"))
    names = ", ".join(box.label for box in boxes)
    return svg.drawing(WIDTH, bottom + _BOTTOM - 10, "".join(parts), title, f"{axis.heading} by group; {names}.")


def _row(box: Box, y: float, left: float, place) -> str:
    color, _dash, _marker = series_style(box.style)
    low, high = (place(value) for value in box.quartiles)
    ends = [place(value) for value in box.whiskers]
    parts = [
        svg.text(left - 8, y + 4, svg.shortened(f"{box.label} (n = {box.number})", left - 16, _SMALL), _SMALL, "end"),
        svg.line(ends[0], y, low, y, color, 1.4),
        svg.line(high, y, ends[1], y, color, 1.4),
        *(svg.line(end, y - 4, end, y + 4, color, 1.4) for end in ends),
        svg.element(
            "rect",
            x=low,
            y=y - _BOX / 2,
            width=max(high - low, 1.0),
            height=_BOX,
            fill=color,
            fill_opacity="0.2",
            stroke=color,
            stroke_width="1.4",
        ),
        svg.line(place(box.median), y - _BOX / 2, place(box.median), y + _BOX / 2, color, 2.4),
        *(svg.marker("ring", place(value), y, color, 2.8) for value in box.outliers),
    ]
    return "".join(parts)
