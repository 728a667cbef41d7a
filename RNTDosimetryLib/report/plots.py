"""Line plots as SVG text: axes with units, bands, error bars, reference lines, and a legend outside the data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.report import svg
from RNTDosimetryLib.report.axes import Axis, Scale, make_scale
from RNTDosimetryLib.report.svg import series_style

WIDTH, DATA_HEIGHT = 640.0, 300.0
_TOP, _RIGHT, _BOTTOM, _SMALL = 34.0, 18.0, 56.0, 11.0
_GRID, _FRAME, _REFERENCE, _REFERENCE_DASH = "#e2e2e2", "#555555", "#444444", "6 3 1.5 3"
_LABEL_WIDTH = 150.0


@dataclass(frozen=True, eq=False)
class Series:
    """Points of one curve. Series with the same label share a legend entry and, when ``style`` is None, a style.

    x, y: (n,). y_error, x_error: (n,) standard uncertainties or None. ``line`` joins the points, ``markers`` draws them.
    dash: SVG dash pattern that replaces the one of the style, "" for a solid line.
    """

    label: str
    x: np.ndarray
    y: np.ndarray
    y_error: np.ndarray | None = None
    x_error: np.ndarray | None = None
    line: bool = True
    markers: bool = False
    style: int | None = None
    dash: str | None = None

    def __post_init__(self):
        _check_arrays(self, ("x", "y"), ("y_error", "x_error"))


@dataclass(frozen=True, eq=False)
class Band:
    """Shaded range between ``lower`` and ``upper``, (n,), e.g. one standard uncertainty around a curve of that label."""

    label: str
    x: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    style: int | None = None

    def __post_init__(self):
        _check_arrays(self, ("x", "lower", "upper"), ())


@dataclass(frozen=True)
class ReferenceLine:
    """A limit or a goal: a straight line across the plot at ``value`` of the "x" or "y" axis, with its text at the edge."""

    label: str
    value: float
    axis: str = "y"
    style: int | None = None

    def __post_init__(self):
        if self.axis not in ("x", "y") or not np.isfinite(self.value):
            raise DosimetryError(
                f'Expected a finite place on axis "x" or "y" for {self.label}, received {self.value} on {self.axis!r}.'
            )


def _check_arrays(item, names: Sequence[str], optional: Sequence[str]):
    sizes = set()
    for name in (*names, *optional):
        value = getattr(item, name)
        if value is None and name in optional:
            continue
        array = np.asarray(value, dtype=float).ravel()
        if not np.all(np.isfinite(array)):
            raise DosimetryError(f"Expected finite numbers to plot for {item.label}, received NaN or infinity in {name}.")
        if name in optional and np.any(array < 0):
            raise DosimetryError(f"Expected uncertainties of zero or more for {item.label}, received negative ones in {name}.")
        object.__setattr__(item, name, array)
        sizes.add(array.size)
    if len(sizes) != 1 or 0 in sizes:
        raise DosimetryError(f"Expected equally many values, at least one, for {item.label}, received {sorted(sizes)}.")


def line_plot(
    title: str,
    x_axis: Axis,
    y_axis: Axis,
    series: Sequence[Series],
    bands: Sequence[Band] = (),
    references: Sequence[ReferenceLine] = (),
    notes: Sequence[str] = (),
    description: str = "",
    from_zero: bool = True,
    data_height: float = DATA_HEIGHT,
) -> str:
    """A plot as one SVG element.

    Linear axes start at zero with ``from_zero``. What a logarithmic axis cannot show (values of zero or less) is left out
    and said in a note under the plot. Raises DosimetryError when there is nothing to plot.
    """
    if not series and not bands:
        raise DosimetryError(f"Expected at least one series for the plot '{title}', received none; leave the plot out.")
    styles = _styles(series, bands)
    x_scale = make_scale(x_axis, _extent(series, bands, references, "x"), from_zero)
    y_scale = make_scale(y_axis, _extent(series, bands, references, "y"), from_zero)
    left = 34.0 + max(svg.text_width(label, _SMALL) for label in y_scale.labels)
    right = _RIGHT + min(_LABEL_WIDTH, max([0.0, *(svg.text_width(r.label, _SMALL) + 6 for r in references if r.axis == "y")]))
    top = _TOP + (18.0 if any(r.axis == "x" for r in references) else 0.0)
    area = _Area(left, top, WIDTH - left - right, data_height, x_scale, y_scale)
    marks = [_band(band, styles[band.label], area) for band in bands]
    marks += [_curve(item, styles[item.label], area) for item in series]
    content = svg.text(left, 20, svg.shortened(title, WIDTH - left, 14), 14, font_weight="bold")
    content += _frame(area, x_axis, y_axis) + svg.clipped(
        area.x - 0.5, area.y - 0.5, area.width + 1, area.height + 1, "".join(marks)
    )
    content += _references(references, area)
    content += "".join(_points(item, styles[item.label], area) for item in series)
    bottom = area.y + area.height + _BOTTOM
    legend, bottom = _legend(series, bands, styles, bottom)
    lost = _not_shown(series, x_axis, y_axis)
    for note in (*notes, *lost):
        content += svg.text(16, bottom, svg.shortened(note, WIDTH - 32, _SMALL), _SMALL, fill="#444")
        bottom += 15
    names = ", ".join(dict.fromkeys(item.label for item in (*series, *bands)))
    description = description or f"{y_axis.heading} against {x_axis.heading}; {names}."
    return svg.drawing(WIDTH, bottom, content + legend, title, description)


@dataclass(frozen=True)
class _Area:
    x: float
    y: float
    width: float
    height: float
    x_scale: Scale
    y_scale: Scale

    def places(self, x, y) -> np.ndarray:
        """Pixels, (n, 2)."""
        across = self.x + self.width * self.x_scale.fraction(x)
        down = self.y + self.height * (1 - self.y_scale.fraction(y))
        return np.stack([across, np.clip(down, -1e5, 1e5)], axis=-1)


def _styles(series: Sequence[Series], bands: Sequence[Band]) -> dict[str, int]:
    styles: dict[str, int] = {}
    for item in (*series, *bands):
        if item.label not in styles or item.style is not None:
            free = next(index for index in range(len(styles) + 1) if index not in styles.values())
            styles[item.label] = item.style if item.style is not None else free
    return styles


def _extent(series, bands, references, axis: str) -> np.ndarray:
    values = [[r.value] for r in references if r.axis == axis]
    for item in series:
        center, error = getattr(item, axis), getattr(item, f"{axis}_error")
        values += [center] if error is None else [center - error, center + error, center]
    for band in bands:
        values += [band.x] if axis == "x" else [band.lower, band.upper]
    return np.concatenate([np.ravel(v) for v in values])


def _not_shown(series: Sequence[Series], x_axis: Axis, y_axis: Axis) -> list[str]:
    lost = sum(int(np.sum((x_axis.log & (item.x <= 0)) | (y_axis.log & (item.y <= 0)))) for item in series if item.markers)
    return [f"{lost} point{'s' if lost > 1 else ''} at or below zero cannot be shown on a logarithmic axis."] if lost else []


def _frame(area: _Area, x_axis: Axis, y_axis: Axis) -> str:
    parts = []
    right, bottom = area.x + area.width, area.y + area.height
    for value, label in zip(area.x_scale.ticks, area.x_scale.labels):
        x = area.places(value, area.y_scale.lower)[0]
        parts += [svg.line(x, area.y, x, bottom, _GRID), svg.line(x, bottom, x, bottom + 5, _FRAME)]
        parts.append(svg.text(x, bottom + 18, label, _SMALL, "middle"))
    for value, label in zip(area.y_scale.ticks, area.y_scale.labels):
        y = area.places(area.x_scale.lower, value)[1]
        parts += [svg.line(area.x, y, right, y, _GRID), svg.line(area.x - 5, y, area.x, y, _FRAME)]
        parts.append(svg.text(area.x - 8, y + 4, label, _SMALL, "end"))
    for value in area.x_scale.minor_ticks:
        x = area.places(value, area.y_scale.lower)[0]
        parts.append(svg.line(x, bottom, x, bottom + 3, _FRAME))
    for value in area.y_scale.minor_ticks:
        y = area.places(area.x_scale.lower, value)[1]
        parts.append(svg.line(area.x - 3, y, area.x, y, _FRAME))
    parts.append(svg.element("rect", x=area.x, y=area.y, width=area.width, height=area.height, fill="none", stroke=_FRAME))
    parts.append(svg.text(area.x + area.width / 2, bottom + 37, x_axis.heading, anchor="middle"))
    middle = area.y + area.height / 2
    turn = f"rotate(-90 14 {svg.number(middle)})"
    parts.append(
        svg.text(
            14.0,
            middle,
            svg.shortened(y_axis.heading, area.height + 40),
            anchor="middle",
            transform=turn,
            dominant_baseline="central",
        )
    )
    return "".join(parts)


def _band(band: Band, style: int, area: _Area) -> str:
    there, back = area.places(band.x, band.upper), area.places(band.x[::-1], band.lower[::-1])
    return svg.element(
        "path", d=svg.path(np.concatenate([there, back]), closed=True), fill=series_style(style)[0], fill_opacity="0.16"
    )


def _curve(item: Series, style: int, area: _Area) -> str:
    if not item.line:
        return ""
    color, dash, _ = series_style(style)
    dash = dash if item.dash is None else item.dash
    return svg.element(
        "path",
        d=svg.path(area.places(item.x, item.y)),
        fill="none",
        stroke=color,
        stroke_width="1.8",
        stroke_linejoin="round",
        stroke_dasharray=dash or None,
    )


def _points(item: Series, style: int, area: _Area) -> str:
    """Markers and error bars, drawn over the frame so that a point on the edge is whole; points outside are left out."""
    if not item.markers:
        return ""
    color, _, kind = series_style(style)
    inside = np.ones(item.x.size, dtype=bool)
    for fraction in (area.x_scale.fraction(item.x), area.y_scale.fraction(item.y)):
        inside &= (fraction >= -1e-9) & (fraction <= 1 + 1e-9)
    parts = []
    for error, cap in ((item.y_error, (4, 0)), (item.x_error, (0, 4))):
        if error is None:
            continue
        dx, dy = (0, error) if cap[0] else (error, 0)
        lows, highs = area.places(item.x - dx, item.y - dy), area.places(item.x + dx, item.y + dy)
        for low, high in zip(lows[inside], highs[inside]):
            low, high = _within(low, area), _within(high, area)
            parts.append(svg.line(*low, *high, color, 1.3))
            parts += [svg.line(x - cap[0], y - cap[1], x + cap[0], y + cap[1], color, 1.3) for x, y in (low, high)]
    parts += [svg.marker(kind, x, y, color) for x, y in area.places(item.x, item.y)[inside]]
    return "".join(parts)


def _within(place: np.ndarray, area: _Area) -> np.ndarray:
    return np.clip(place, (area.x, area.y), (area.x + area.width, area.y + area.height))


def _references(references: Sequence[ReferenceLine], area: _Area) -> str:
    upright = [item for item in references if item.axis == "x"]
    level = [item for item in references if item.axis == "y"]
    right, bottom = area.x + area.width, area.y + area.height
    parts = []
    across = [float(area.places(item.value, area.y_scale.lower)[0]) for item in upright]
    widest = max([0.0, *(svg.text_width(item.label, _SMALL) for item in upright)]) + 4
    for item, x, text_x in zip(upright, across, spread(across, widest, widest / 2, WIDTH - widest / 2)):
        parts.append(svg.line(x, area.y - 4, x, bottom, _reference_color(item), 1.4, _REFERENCE_DASH))
        parts.append(svg.text(text_x, area.y - 8, item.label, _SMALL, "middle", _reference_color(item)))
    down = [float(area.places(area.x_scale.lower, item.value)[1]) for item in level]
    for item, y, text_y in zip(level, down, spread(down, 13.0, area.y, bottom)):
        label = svg.shortened(item.label, _LABEL_WIDTH, _SMALL)
        parts.append(svg.line(area.x, y, right + 4, y, _reference_color(item), 1.4, _REFERENCE_DASH))
        parts.append(svg.text(right + 7, text_y + 4, label, _SMALL, fill=_reference_color(item)))
    return "".join(parts)


def _reference_color(reference: ReferenceLine) -> str:
    return _REFERENCE if reference.style is None else series_style(reference.style)[0]


def spread(places: Sequence[float], gap: float, lowest: float, highest: float) -> list[float]:
    """Places of labels, in the order given, moved apart to at least ``gap`` and kept within the limits where there is room."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = [float(places[index]) for index in order]
    for _ in range(50):
        for i in range(1, len(moved)):
            missing = max(0.0, gap - (moved[i] - moved[i - 1]))
            moved[i - 1] -= missing / 2
            moved[i] += missing / 2
    for i in reversed(range(len(moved))):
        moved[i] = min(moved[i], moved[i + 1] - gap if i + 1 < len(moved) else highest)
    for i in range(len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap if i else lowest)
    result = [0.0] * len(moved)
    for index, place in zip(order, moved):
        result[index] = place
    return result


def _legend(series, bands, styles: dict[str, int], top: float) -> tuple[str, float]:
    """Entries in rows under the plot, one for each label, with what belongs to it: band, line and marker."""
    labels = list(dict.fromkeys(item.label for item in (*series, *bands) if item.label))
    if not labels:
        return "", top
    parts, x, y = [], 16.0, top + 4
    for label in labels:
        shown = svg.shortened(label, WIDTH - 80)
        width = 34 + svg.text_width(shown) + 18
        if x + width > WIDTH and x > 16:
            x, y = 16.0, y + 19
        color, dash, kind = series_style(styles[label])
        if any(band.label == label for band in bands):
            parts.append(svg.element("rect", x=x, y=y - 10, width=28.0, height=12.0, fill=color, fill_opacity="0.16"))
        own = [item for item in series if item.label == label]
        lines = [item for item in own if item.line]
        if lines:
            pattern = dash if lines[0].dash is None else lines[0].dash
            parts.append(svg.line(x, y - 4, x + 28, y - 4, color, 1.8, pattern))
        if any(item.markers for item in own):
            parts.append(svg.marker(kind, x + 14, y - 4, color))
        parts.append(svg.text(x + 34, y, shown))
        x += width
    return "".join(parts), y + 20
