"""The plots of a dosimetry report: time-activity, dose-volume histogram, dose against activity, agreement."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.report import svg
from RNTDosimetryLib.report.axes import Axis, make_scale
from RNTDosimetryLib.report.plots import Band, ReferenceLine, Series, line_plot
from RNTDosimetryLib.report.svg import series_style
from RNTDosimetryLib.report.tables import Measured, format_measured

_CURVE_POINTS = 160
_TAIL_DASH = "6 4"
_HOURS_BETWEEN_TICKS, _MOST_TICKS = (1, 2, 4, 6, 12, 24, 48, 72, 96, 168, 336, 672), 9


@dataclass(frozen=True, eq=False)
class TimeActivity:
    """One region for ``time_activity_plot``.

    times_h, activities_mbq, uncertainties_mbq: (n,) measured; uncertainties None when not known.
    fit_mbq: function of times in h, (m,) -> (m,) MBq, e.g. the method ``activity_mbq`` of a fit; None without a fit.
    fit_uncertainty_mbq: function of times in h that gives the standard uncertainty of the curve, for the band.
    style: number of color and marker, to give a region the same look in every plot; None takes the next one.
    """

    label: str
    times_h: np.ndarray
    activities_mbq: np.ndarray
    uncertainties_mbq: np.ndarray | None = None
    fit_mbq: Callable[[np.ndarray], np.ndarray] | None = None
    fit_uncertainty_mbq: Callable[[np.ndarray], np.ndarray] | None = None
    style: int | None = None


def time_activity_plot(
    curves: Sequence[TimeActivity],
    title: str = "Time-activity curves",
    log: bool = True,
    tail_until_h: float | None = None,
    activity_label: str = "Activity",
    activity_unit: str = "MBq",
) -> str:
    """Measured points with uncertainty, fitted curve, its extrapolated tail (dashed) and its uncertainty (band).

    The tail is drawn to ``tail_until_h``, by default half again as long as the time of the last point.
    """
    if not curves:
        raise DosimetryError(f"Expected at least one time-activity curve for '{title}', received none; leave the plot out.")
    last_h = max(float(np.max(curve.times_h)) for curve in curves)
    until_h = 1.5 * last_h if tail_until_h is None else tail_until_h
    series, bands, points = [], [], []
    for curve in curves:
        measured = Series(
            curve.label, curve.times_h, curve.activities_mbq, curve.uncertainties_mbq, line=False, markers=True, style=curve.style
        )
        points.append(measured)
        if curve.fit_mbq is None:
            continue
        end_h = float(np.max(curve.times_h))
        measured_h, tail_h = np.linspace(0.0, end_h, _CURVE_POINTS), np.linspace(end_h, max(until_h, end_h), _CURVE_POINTS // 2)
        series.append(Series(curve.label, measured_h, curve.fit_mbq(measured_h), dash=""))
        series.append(Series(curve.label, tail_h, curve.fit_mbq(tail_h), dash=_TAIL_DASH))
        if curve.fit_uncertainty_mbq is not None:
            times_h = np.concatenate([measured_h, tail_h])
            center, spread = np.asarray(curve.fit_mbq(times_h)), np.asarray(curve.fit_uncertainty_mbq(times_h))
            bands.append(Band(curve.label, times_h, center - spread, center + spread))
    fitted = bool(series)
    notes = ["Dashed: extrapolated beyond the last scan."] if fitted else []
    if bands or any(curve.uncertainties_mbq is not None for curve in curves):
        notes.append(
            "Error bars and bands: standard uncertainty (k = 1)." if bands else "Error bars: standard uncertainty (k = 1)."
        )
    axis = Axis(activity_label, activity_unit, log=log, lower=_log_floor(curves, series) if log else None)
    description = "; ".join(
        f"{curve.label}: {np.size(curve.times_h)} points until {np.max(curve.times_h):.3g} h" for curve in curves
    )
    step_h = next((hours for hours in _HOURS_BETWEEN_TICKS if until_h / hours <= _MOST_TICKS), None)
    time_axis = Axis("Time after administration", "h", step=step_h)
    return line_plot(title, time_axis, axis, points + series, bands, (), [" ".join(notes)] if notes else [], description)


def _log_floor(curves: Sequence[TimeActivity], series: Sequence[Series]) -> float | None:
    """Lower end of a logarithmic activity axis: four decades under the highest point at most, below the lowest otherwise.

    A band that reaches zero, or a curve that rises from zero, would stretch the axis without end.
    """
    values = np.concatenate([np.ravel(np.asarray(curve.activities_mbq, dtype=float)) for curve in curves])
    values = values[values > 0]
    if not values.size:
        return None
    ends = [float(item.y[-1]) for item in series if item.y[-1] > 0]
    lowest = max(min([values.min(), *ends]), values.max() * 1e-4)
    decade = 10.0 ** np.floor(np.log10(lowest * 0.8))
    return float(max(step for step in (decade, 2 * decade, 5 * decade) if step <= lowest * 0.8))


@dataclass(frozen=True, eq=False)
class DoseVolumeCurve:
    """Cumulative dose-volume histogram of a region: dose_gy rising, (n,); volume_percent falling from 100, (n,)."""

    label: str
    dose_gy: np.ndarray
    volume_percent: np.ndarray
    style: int | None = None


def dvh_plot(
    curves: Sequence[DoseVolumeCurve],
    title: str = "Cumulative dose-volume histogram",
    limits_gy: Sequence[tuple[str, float]] = (),
    dose_label: str = "Absorbed dose",
) -> str:
    """Share of the volume that gets at least a dose, for several regions; ``limits_gy`` are (text, dose) lines."""
    series = []
    for curve in curves:
        dose, volume = np.asarray(curve.dose_gy, dtype=float), np.asarray(curve.volume_percent, dtype=float)
        if np.any(np.diff(dose) < 0) or np.any(np.diff(volume) > 1e-6) or volume.min() < -1e-6 or volume.max() > 100 + 1e-6:
            raise DosimetryError(
                f"Expected a cumulative histogram for {curve.label}, dose rising and volume falling from 100 %, received another; "
                "give volume_percent between 0 and 100."
            )
        if volume[-1] > 0:
            dose, volume = np.append(dose, dose[-1]), np.append(volume, 0.0)
        series.append(Series(curve.label, dose, volume, style=curve.style))
    references = [ReferenceLine(text, value, "x") for text, value in limits_gy]
    axis = Axis("Volume receiving at least the dose", "%", lower=0.0, upper=100.0)
    return line_plot(title, Axis(dose_label, "Gy", lower=0.0), axis, series, (), references)


@dataclass(frozen=True)
class DoseLine:
    """A compartment for ``dose_against_activity_plot``: absorbed dose for each GBq, with its limit or goal in Gy, or None."""

    label: str
    gy_per_gbq: float
    limit_gy: float | None = None
    limit_kind: str = "max"
    offset_gy: float = 0.0

    def __post_init__(self):
        if self.limit_kind not in ("max", "min"):
            raise DosimetryError(f'Expected limit kind "max" or "min" for {self.label}, received {self.limit_kind!r}.')


def dose_against_activity_plot(
    lines: Sequence[DoseLine],
    largest_activity_gbq: float,
    planned_activity_gbq: float | None = None,
    title: str = "Absorbed dose against administered activity",
    log: bool = False,
) -> str:
    """Absorbed dose of each compartment as activity grows, limits (≤) and goals (≥) in its color, and the planned activity.

    ``offset_gy`` of a line is the dose already received.
    """
    activity = np.linspace(largest_activity_gbq / 100 if log else 0.0, largest_activity_gbq, 101)
    series = [Series(item.label, activity, item.offset_gy + item.gy_per_gbq * activity, style=i) for i, item in enumerate(lines)]
    sign = {"max": "≤", "min": "≥"}
    references = [
        ReferenceLine(f"{item.label} {sign[item.limit_kind]} {item.limit_gy:g} Gy", item.limit_gy, "y", i)
        for i, item in enumerate(lines)
        if item.limit_gy is not None
    ]
    if planned_activity_gbq is not None:
        references.append(ReferenceLine(f"planned {planned_activity_gbq:.3g} GBq", planned_activity_gbq, "x"))
    return line_plot(title, Axis("Administered activity", "GBq"), Axis("Absorbed dose", "Gy", log=log), series, (), references)


def scatter_plot(
    title: str, x_axis: Axis, y_axis: Axis, series: Sequence[Series], identity: bool = False, from_zero: bool = True
) -> str:
    """Points of several groups; with ``identity`` the line on which both axes agree."""
    drawn = [
        Series(s.label, s.x, s.y, s.y_error, s.x_error, line=False, markers=True, style=i if s.style is None else s.style)
        for i, s in enumerate(series)
    ]
    if identity and drawn:
        values = np.concatenate([np.concatenate([s.x, s.y]) for s in drawn])
        low = float(values[values > 0].min()) if x_axis.log or y_axis.log else min(0.0, float(values.min()))
        ends = np.linspace(low, float(values.max()), 60)
        drawn.append(Series("equal", ends, ends, style=7, dash="4 3"))
    return line_plot(title, x_axis, y_axis, drawn, from_zero=from_zero)


WIDTH, ROW = 640.0, 30.0
_TOP, _SMALL = 36.0, 11.0
_LIMIT, _NAME_WIDTH = "#222222", 150.0


@dataclass(frozen=True)
class Bar:
    """One row: value with standard uncertainty (None when unknown), and its limit ("max") or goal ("min"), or None."""

    label: str
    value: float
    uncertainty: float | None = None
    limit: float | None = None
    limit_kind: str = "max"

    def __post_init__(self):
        Measured(self.value, self.uncertainty)
        if self.limit_kind not in ("max", "min") or (self.limit is not None and not np.isfinite(self.limit)):
            raise DosimetryError(
                f'Expected a finite limit of kind "max" or "min" for {self.label}, received {self.limit}, {self.limit_kind!r}.'
            )

    @property
    def verdict(self) -> str:
        """Words for a row with a limit, so that nothing is said by color alone; empty without one."""
        if self.limit is None:
            return ""
        if self.limit_kind == "max":
            return "within the limit" if self.value <= self.limit else "above the limit"
        return "goal reached" if self.value >= self.limit else "below the goal"


def limit_plot(title: str, axis: Axis, bars: Sequence[Bar]) -> str:
    """Bars from zero with whiskers of one standard uncertainty; a limit is a thick tick with ≤ or ≥ and its number."""
    if not bars:
        raise DosimetryError(f"Expected at least one bar for the plot '{title}', received none; leave the plot out.")
    reach = [
        [b.value, b.value - (b.uncertainty or 0), b.value + (b.uncertainty or 0), b.limit if b.limit is not None else b.value]
        for b in bars
    ]
    scale = make_scale(axis, np.array(reach), from_zero=not axis.log)
    texts = [f"{format_measured(b.value, b.uncertainty)}" for b in bars]
    verdicts = [b.verdict + (f" {'≤' if b.limit_kind == 'max' else '≥'} {b.limit:g}" if b.verdict else "") for b in bars]
    left = 22.0 + min(_NAME_WIDTH, max(svg.text_width(b.label) for b in bars))
    right = 16.0 + max(svg.text_width(words, _SMALL) for words in (*texts, *verdicts))
    width, bottom = WIDTH - left - right, _TOP + ROW * len(bars)

    def place(value: float) -> float:
        return left + width * float(np.clip(scale.fraction(value), 0.0, 1.0))

    parts = [svg.text(16, 20, title, 14, font_weight="bold")]
    for tick, label in zip(scale.ticks, scale.labels):
        parts += [
            svg.line(place(tick), _TOP, place(tick), bottom, "#e2e2e2"),
            svg.text(place(tick), bottom + 16, label, _SMALL, "middle"),
        ]
    parts.append(svg.text(left + width / 2, bottom + 34, axis.heading, anchor="middle"))
    start = place(0.0) if not axis.log else left
    for row, (bar, words, verdict) in enumerate(zip(bars, texts, verdicts)):
        parts.append(_row(bar, words, verdict, _TOP + ROW * (row + 0.5), place, start, left, WIDTH - right))
    parts.append(svg.line(start, _TOP, start, bottom, "#555555"))
    bottom += 52
    note = _note(bars)
    if note:
        parts.append(svg.text(16, bottom, note, _SMALL, fill="#444"))
        bottom += 14
    description = "; ".join(f"{b.label}: {t} {axis.unit} {v}".strip() for b, t, v in zip(bars, texts, verdicts)) + "."
    return svg.drawing(WIDTH, bottom, "".join(parts), title, description)


def _row(bar: Bar, words: str, verdict: str, y: float, place, start: float, left: float, right: float) -> str:
    exceeded = bar.verdict in ("above the limit", "below the goal")
    color = series_style(1 if exceeded else 0)[0]
    end = place(bar.value)
    parts = [svg.text(left - 8, y + 4, svg.shortened(bar.label, _NAME_WIDTH), anchor="end")]
    parts.append(
        svg.element("rect", x=min(start, end), y=y - 8, width=abs(end - start), height=16.0, fill=color, fill_opacity="0.75")
    )
    if bar.uncertainty is not None:
        low, high = place(bar.value - bar.uncertainty), place(bar.value + bar.uncertainty)
        parts.append(svg.line(low, y, high, y, "#222", 1.4))
        parts += [svg.line(x, y - 4, x, y + 4, "#222", 1.4) for x in (low, high)]
    if bar.limit is not None:
        x = place(bar.limit)
        parts.append(svg.line(x, y - 13, x, y + 13, _LIMIT, 3.0, "" if bar.limit_kind == "max" else "3 2"))
    parts.append(svg.text(right + 8, y + (-1 if verdict else 4), words, _SMALL))
    if verdict:
        parts.append(svg.text(right + 8, y + 11, verdict, _SMALL, fill=series_style(1)[0] if exceeded else "#444"))
    return "".join(parts)


def _note(bars: Sequence[Bar]) -> str:
    words = []
    if any(b.uncertainty is not None for b in bars):
        words.append("Whiskers: standard uncertainty (k = 1).")
    if any(b.limit is not None and b.limit_kind == "max" for b in bars):
        words.append("Thick tick: limit.")
    if any(b.limit is not None and b.limit_kind == "min" for b in bars):
        words.append("Broken thick tick: goal.")
    return " ".join(words)
