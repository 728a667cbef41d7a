"""Values by region as horizontal bars with uncertainty and each region's own limit or goal."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.report import svg
from RNTDosimetryLib.report.axes import Axis, make_scale
from RNTDosimetryLib.report.colours import series_style
from RNTDosimetryLib.report.numbers import Measured, format_measured

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
        """Words for a row with a limit, so that nothing is said by colour alone; empty without one."""
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
    colour = series_style(1 if exceeded else 0)[0]
    end = place(bar.value)
    parts = [svg.text(left - 8, y + 4, svg.shortened(bar.label, _NAME_WIDTH), anchor="end")]
    parts.append(
        svg.element("rect", x=min(start, end), y=y - 8, width=abs(end - start), height=16.0, fill=colour, fill_opacity="0.75")
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
