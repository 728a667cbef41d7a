"""Axes of plots: round tick values, linear and logarithmic, and where a value lies on the page."""

import math
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.report.tables import power_of_ten

_DECADES_WITH_PLAIN_NUMBERS = range(-3, 6)
# Ranges narrower than this, relative and absolute, are one value: floating point leaves no room for ticks.
_NARROWEST, _SMALLEST = 1e-9, 1e-200


@dataclass(frozen=True)
class Axis(Record):
    """Label, unit, and optionally fixed limits or distance of the ticks; ``log`` for a logarithmic axis."""

    label: str
    unit: str = ""
    log: bool = False
    lower: float | None = None
    upper: float | None = None
    step: float | None = None

    def __post_init__(self):
        for limit in (self.lower, self.upper):
            if limit is not None and (not math.isfinite(limit) or (self.log and limit <= 0)):
                raise DosimetryError(
                    f"Expected finite limits, above zero on a logarithmic axis, for '{self.label}', received {limit}."
                )
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise DosimetryError(f"Expected limits in rising order for '{self.label}', received {self.lower} to {self.upper}.")
        if self.step is not None and not (math.isfinite(self.step) and self.step >= 1):
            raise DosimetryError(f"Expected ticks one or more apart for '{self.label}', received {self.step}.")

    @property
    def heading(self) -> str:
        return f"{self.label} ({self.unit})" if self.unit else self.label


@dataclass(frozen=True)
class Scale:
    """A finished axis: value range, ticks with their texts, and the mapping onto pixels."""

    lower: float
    upper: float
    log: bool
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    minor_ticks: tuple[float, ...] = ()

    def fraction(self, values) -> np.ndarray:
        """Place of values along the axis, 0 at its lower and 1 at its upper end; values below a log axis go far below."""
        values = np.asarray(values, dtype=float)
        if not self.log:
            return (values - self.lower) / (self.upper - self.lower)
        floor = self.lower * 1e-3
        return np.log(np.maximum(values, floor) / self.lower) / math.log(self.upper / self.lower)


def linear_ticks(lower: float, upper: float, target: int = 6) -> tuple[list[float], int]:
    """Round tick values (steps 1, 2, 2.5, 5 times a power of ten) from ``lower`` to ``upper``, and the decimals to print.

    The values lie within the range; about ``target`` of them.
    """
    if not (math.isfinite(lower) and math.isfinite(upper) and lower < upper):
        raise DosimetryError(f"Expected a rising range for ticks, received {lower} to {upper}.")
    step, decimals = round_step((upper - lower) / max(target, 1))
    return _multiples(step, decimals, lower, upper), decimals


def _multiples(step: float, decimals: int, lower: float, upper: float) -> list[float]:
    first, last = math.ceil(lower / step - 1e-9), math.floor(upper / step + 1e-9)
    return [round(index * step, decimals + 2) for index in range(first, last + 1)]


def round_step(smallest: float) -> tuple[float, int]:
    """The first of 1, 2, 2.5, 5 times a power of ten that is not below ``smallest``, and the decimals it needs."""
    power = math.floor(math.log10(smallest))
    factor = next(f for f in (1, 2, 2.5, 5, 10) if f * 10.0**power >= smallest * (1 - 1e-9))
    return factor * 10.0**power, max(0, -power + (factor == 2.5) - (factor == 10))


def log_ticks(lower: float, upper: float) -> tuple[list[float], list[float]]:
    """Major and minor ticks of a logarithmic axis: decades, with 2 and 5 among the major ones where decades are few."""
    if not 0 < lower < upper:
        raise DosimetryError(f"Expected a rising range above zero for a logarithmic axis, received {lower} to {upper}.")
    decades = range(math.floor(math.log10(lower) + 1e-9), math.ceil(math.log10(upper) - 1e-9) + 1)
    span = math.log10(upper / lower)
    factors = (1, 2, 5) if span <= 2.5 else (1,)
    stride = max(1, math.ceil(span / 8))
    every = [(f, d) for d in decades for f in range(1, 10) if lower * (1 - 1e-9) <= f * 10.0**d <= upper * (1 + 1e-9)]
    major = [f * 10.0**d for f, d in every if f in factors and d % stride == 0]
    return major, [f * 10.0**d for f, d in every if f * 10.0**d not in major]


def make_scale(axis: Axis, values: np.ndarray, from_zero: bool = False, target: int = 6) -> Scale:
    """Scale that holds all values (those above zero on a log axis), widened to round limits where none are given."""
    values = np.asarray(values, dtype=float).ravel()
    if axis.log:
        values = values[values > 0]
    if not values.size:
        values = np.array([1.0, 10.0]) if axis.log else np.array([0.0, 1.0])
    return _log_scale(axis, values) if axis.log else _linear_scale(axis, values, from_zero, target)


def _linear_scale(axis: Axis, values: np.ndarray, from_zero: bool, target: int) -> Scale:
    lower = axis.lower if axis.lower is not None else float(min(values.min(), 0.0) if from_zero else values.min())
    upper = axis.upper if axis.upper is not None else float(max(values.max(), 0.0) if from_zero else values.max())
    size = max(abs(lower), abs(upper))
    if upper - lower <= max(_NARROWEST * size, _SMALLEST):
        room = 0.1 * size if size > _SMALLEST else 1.0
        lower, upper = (lower if axis.lower is not None else lower - (0 if from_zero else room)), max(lower, upper) + room
    step, decimals = round_step((upper - lower) / target) if axis.step is None else (axis.step, 0)
    lower = math.floor(lower / step + 1e-9) * step if axis.lower is None else lower
    upper = math.ceil(upper / step - 1e-9) * step if axis.upper is None else upper
    ticks = _multiples(step, decimals, lower, upper)
    return Scale(lower, upper, False, tuple(ticks), _linear_labels(ticks, decimals))


def _linear_labels(ticks: list[float], decimals: int) -> tuple[str, ...]:
    largest = max(map(abs, ticks))
    step = ticks[1] - ticks[0] if len(ticks) > 1 else largest
    if (largest >= 1e6 or largest < 1e-3) and step > 1e-4 * largest > 0:
        exponent = math.floor(math.log10(largest))
        return tuple("0" if t == 0 else f"{t / 10.0**exponent:g}".replace("-", "−") + power_of_ten(exponent) for t in ticks)
    return tuple(f"{t:.{decimals}f}".replace("-", "−") if t else "0" for t in ticks)


def _log_scale(axis: Axis, values: np.ndarray) -> Scale:
    lower = axis.lower if axis.lower is not None else _round_log(float(values.min()), down=True)
    upper = axis.upper if axis.upper is not None else _round_log(float(values.max()), down=False)
    if not lower < upper:
        lower, upper = (lower if axis.lower is not None else lower / 10), upper * 10
    major, minor = log_ticks(lower, upper)
    return Scale(lower, upper, True, tuple(major), tuple(_log_label(t) for t in major), tuple(minor))


def _round_log(value: float, down: bool) -> float:
    """The nearest 1, 2 or 5 times a power of ten below or above."""
    decade = math.floor(math.log10(value))
    steps = [f * 10.0**d for d in (decade - 1, decade, decade + 1) for f in (1, 2, 5)]
    return max(s for s in steps if s <= value * (1 + 1e-9)) if down else min(s for s in steps if s >= value * (1 - 1e-9))


def _log_label(tick: float) -> str:
    decade = math.floor(math.log10(tick) + 1e-9)
    if decade in _DECADES_WITH_PLAIN_NUMBERS:
        return f"{tick:g}"
    factor = round(tick / 10.0**decade)
    return f"{factor}{power_of_ten(decade)}" if factor != 1 else power_of_ten(decade)[1:]
