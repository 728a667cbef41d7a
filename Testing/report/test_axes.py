"""Axes: round ticks inside the range, and every value on the page."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.report.axes import Axis, linear_ticks, log_ticks, make_scale

_SUPERSCRIPT = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def read_back(label: str) -> float:
    text = label.replace("−", "-")
    if any(c in text for c in "⁰¹²³⁴⁵⁶⁷⁸⁹"):
        text = text.replace("×10", "e") if "×" in text else text.replace("10", "1e", 1)
    return float(text.translate(_SUPERSCRIPT))


ranges = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-5, 1e7)).map(lambda item: (item[0], item[0] + item[1]))


@given(ranges, st.integers(2, 10))
@settings(deadline=None, max_examples=150)
def test_linear_ticks_are_round_even_and_inside(limits, target):
    lower, upper = limits
    ticks, decimals = linear_ticks(lower, upper, target)
    steps = np.diff(ticks)
    room = 1e-6 * (upper - lower) + 1e-9 * max(map(abs, limits))
    assert all(lower - room <= tick <= upper + room for tick in ticks)
    assert len(ticks) <= target + 1
    if len(steps):
        assert np.ptp(steps) <= room
        mantissa = steps[0] / 10.0 ** math.floor(math.log10(steps[0]) + 1e-4)
        assert min(abs(mantissa - m) for m in (1, 2, 2.5, 5)) < 0.01
    assert all(abs(round(tick, decimals) - tick) <= room for tick in ticks)


@given(st.lists(st.floats(-1e5, 1e5) | st.floats(-1e12, 1e12) | st.floats(-1e-6, 1e-6), min_size=1, max_size=6), st.booleans())
@example([5e-324], True)
@example([1e5, 1e5 + 1e-9], False)
@example([1e9, 1e9 + 1], False)
@settings(deadline=None, max_examples=150)
def test_a_linear_scale_holds_all_values_and_its_labels_say_its_ticks(values, from_zero):
    scale = make_scale(Axis("x"), np.array(values), from_zero)
    fractions = scale.fraction(values)
    assert fractions.min() >= -1e-9
    assert fractions.max() <= 1 + 1e-9
    if from_zero:
        assert scale.lower <= 0 <= scale.upper
    assert len(set(scale.labels)) == len(scale.ticks) >= 2
    for tick, label in zip(scale.ticks, scale.labels):
        assert read_back(label) == pytest.approx(tick, rel=1e-12, abs=1e-3 * (scale.upper - scale.lower))


@given(st.lists(st.floats(1e-12, 1e12), min_size=1, max_size=6))
@settings(deadline=None, max_examples=150)
def test_a_log_scale_holds_all_values_and_its_labels_say_its_ticks(values):
    scale = make_scale(Axis("y", log=True), np.array(values))
    fractions = scale.fraction(values)
    assert fractions.min() >= -1e-9
    assert fractions.max() <= 1 + 1e-9
    assert scale.ticks
    for tick, label in zip(scale.ticks, scale.labels):
        assert read_back(label) == pytest.approx(tick)


def test_known_ticks():
    assert linear_ticks(0, 168, 6) == ([0, 50, 100, 150], 0)
    assert linear_ticks(0, 1, 4) == ([0, 0.25, 0.5, 0.75, 1.0], 2)
    assert log_ticks(1, 1000)[0] == pytest.approx([1, 10, 100, 1000])
    assert log_ticks(2, 50)[0] == pytest.approx([2, 5, 10, 20, 50])
    assert make_scale(Axis("t", "h", step=24), np.array([0.0, 168.0])).ticks == tuple(range(0, 169, 24))


def test_log_scale_is_even_by_decade():
    scale = make_scale(Axis("y", log=True, lower=1, upper=1000), np.array([1.0]))
    np.testing.assert_allclose(scale.fraction([1, 10, 100, 1000]), [0, 1 / 3, 2 / 3, 1], atol=1e-12)
    assert scale.fraction(0.0) < -0.5


def test_limits_that_cannot_be_are_refused():
    with pytest.raises(DosimetryError, match="above zero on a logarithmic axis, for 'Activity', received 0"):
        Axis("Activity", "MBq", log=True, lower=0.0)
    with pytest.raises(DosimetryError, match="Expected limits in rising order for 'Dose', received 5 to 1"):
        Axis("Dose", lower=5, upper=1)
    with pytest.raises(DosimetryError, match="Expected ticks one or more apart"):
        Axis("Dose", step=0)
    with pytest.raises(DosimetryError, match="Expected a rising range"):
        linear_ticks(1, 1)
    with pytest.raises(DosimetryError, match="Expected a rising range above zero"):
        log_ticks(0, 1)
