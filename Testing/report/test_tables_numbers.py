"""Numbers as people read them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.report import Measured, format_measured, format_number, measured

_SUPERSCRIPT = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_FINITE = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e200, max_value=1e200)


def read_back(text: str) -> float:
    return float(text.replace("−", "-").replace("×10", "e").translate(_SUPERSCRIPT))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12.345, "12.3"), (0.012345, "0.0123"), (12345.6, "12346"), (1234567.0, "1234567"), (1.0, "1.00"), (0.0, "0"), (-0.0, "0"),
        (-3.14159, "−3.14"), (9.996, "10.0"), (1.2345e-5, "1.23×10⁻⁵"), (1.2345e8, "1.23×10⁸"), (9.999e8, "1.00×10⁹"), (None, "–"),
    ],
)  # fmt: skip
def test_numbers_keep_their_significant_digits(value, text):
    assert format_number(value) == text


# Roundings by the rule of the Particle Data Group (Review of Particle Physics, introduction, section 5.3): its own examples are
# 0.827 +- 0.119 -> 0.83 +- 0.12 and 0.827 +- 0.367 -> 0.8 +- 0.4.
@pytest.mark.parametrize(
    ("value", "uncertainty", "text"),
    [
        (0.827, 0.119, "0.83 ± 0.12"), (0.827, 0.367, "0.8 ± 0.4"), (12.34, 0.41, "12.3 ± 0.4"), (12034.2, 678.0, "12000 ± 700"),
        (12034.2, 152.0, "12030 ± 150"), (5.0, 0.96, "5.0 ± 1.0"), (0.2, 3.4, "0.2 ± 3.4"), (8.788, 48.42, "8.8 ± 48.4"), (0.001, 3.4, "0.0 ± 3.4"), (12.3, 0.0, "12.3 ± 0"), (12.3, None, "12.3"),
        (None, 0.4, "–"), (1.2345e8, 3.0e6, "(1.234 ± 0.030)×10⁸"), (-4.0, 0.5, "−4.0 ± 0.5"),
    ],
)  # fmt: skip
def test_value_is_rounded_to_the_place_of_its_uncertainty(value, uncertainty, text):
    assert format_measured(value, uncertainty) == text


@given(_FINITE, st.integers(1, 8))
@settings(deadline=None, max_examples=150)
def test_printed_number_is_the_number_to_its_digits(value, digits):
    text = format_number(value, digits)
    assert "nan" not in text
    assert "e" not in text
    assert read_back(text) == pytest.approx(value, rel=0.5001 * 10.0 ** (1 - digits), abs=1e-300)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
@settings(deadline=None, max_examples=150)
def test_printed_value_lies_within_a_fifth_of_its_uncertainty(value, uncertainty):
    text = format_measured(value, uncertainty)
    body, _, power = text.partition(")")
    first, second = (float(part.strip("( ").replace("−", "-")) for part in body.split("±"))
    scale = read_back("1" + power) if power else 1.0
    assert abs(first * scale - value) <= 0.2 * uncertainty
    assert second * scale == pytest.approx(uncertainty, rel=0.15)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused(bad):
    with pytest.raises(DosimetryError, match="Expected a finite number to print"):
        format_number(bad)
    with pytest.raises(DosimetryError, match="Expected a finite number to print"):
        format_measured(1.0, bad)
    with pytest.raises(DosimetryError, match="Expected a finite value"):
        Measured(bad)
    with pytest.raises(DosimetryError, match="use None for one that is not known"):
        Measured(1.0, bad)


def test_negative_uncertainty_is_refused():
    with pytest.raises(DosimetryError, match="Expected an uncertainty of zero or more, received -1"):
        Measured(1.0, -1.0)


def test_measured_of_nothing_is_nothing():
    assert measured(None) is None
    assert measured(3, None) == Measured(3.0)
