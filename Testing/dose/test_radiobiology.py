import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.dose import (
    bed,
    bed_exponentials,
    bed_fractions,
    bed_uncertainty,
    bed_with_factor,
    eqd2,
    lea_catcheside_factor,
    lea_catcheside_mono,
    radiobiology_sets,
)


def test_kidney_bed_of_the_science_notes():
    # dosimetry.md section 7: 4.4 Gy, Teff 50 h, kidney alpha/beta 2.6 Gy, Trep 2.8 h -> 4.7949 Gy
    assert bed(4.4, 50.0, 2.6, 2.8) == pytest.approx(4.7949, abs=5e-5)


def test_eqd2_of_two_gray_fractions_is_their_dose():
    # By definition: 30 fractions of 2 Gy are an EQD2 of 60 Gy, whatever the alpha/beta
    for ratio in (2.6, 10.0):
        assert eqd2(bed_fractions(2.0, 30, ratio), ratio) == pytest.approx(60.0, rel=1e-12)


def test_bed_of_a_map_is_the_bed_of_each_voxel():
    dose = np.array([[[0.0, 4.4], [10.0, 23.0]]])
    half_life = np.array([[[50.0, 50.0], [30.0, 64.1]]])
    result = bed(dose, half_life, 2.6, 2.8)
    assert result.shape == dose.shape
    for index in np.ndindex(dose.shape):
        assert result[index] == pytest.approx(bed(dose[index], half_life[index], 2.6, 2.8), rel=1e-14)


def _numeric_factor(amplitudes, rates, repair_h):
    """G by solving the repair equation in time: y' = R - mu y, y = int R(t') exp(-mu (t-t')) dt', G = 2/D^2 int R y dt."""
    mu = math.log(2) / repair_h

    def dose_rate(t):
        return sum(a * math.exp(-rate * t) for a, rate in zip(amplitudes, rates))

    end = 60 / min(*rates, mu)
    solution = integrate.solve_ivp(
        lambda t, y: [dose_rate(t) - mu * y[0], dose_rate(t) * y[0]], (0, end), [0.0, 0.0], method="LSODA", rtol=1e-10, atol=1e-14
    )
    total = sum(a / rate for a, rate in zip(amplitudes, rates))
    return 2 * solution.y[1, -1] / total**2


@pytest.mark.parametrize(
    ("amplitudes", "rates", "repair_h"),
    [
        ([1.0], [math.log(2) / 50], 2.8),
        ([0.7, 0.3], [math.log(2) / 12, math.log(2) / 70], 2.8),
        ([-1.0, 1.0], [math.log(2) / 1.5, math.log(2) / 60], 0.5),
        ([-1.0, 0.6, 0.4], [0.9, 0.05, 0.008], 1.5),
        ([1.0], [math.log(2) / 2.8], 2.8),
    ],
)
def test_lea_catcheside_factor_against_direct_integration(amplitudes, rates, repair_h):
    expected = _numeric_factor(amplitudes, rates, repair_h)
    assert lea_catcheside_factor(amplitudes, rates, repair_h) == pytest.approx(expected, rel=1e-6)


@settings(deadline=None, max_examples=50)
@given(
    shares=st.lists(st.floats(0.05, 1.0), min_size=1, max_size=3),
    half_lives=st.lists(st.floats(0.5, 200.0), min_size=3, max_size=3),
    repair_h=st.floats(0.1, 10.0),
    unit=st.floats(0.01, 100.0),
)
def test_factor_lies_between_zero_and_one_and_ignores_units(shares, half_lives, repair_h, unit):
    rates = [math.log(2) / t for t in half_lives[: len(shares)]]
    factor = lea_catcheside_factor(shares, rates, repair_h)
    assert 0 < factor <= 1
    # Amplitudes in another unit, and time in another unit, change nothing
    assert lea_catcheside_factor([unit * a for a in shares], rates, repair_h) == pytest.approx(factor, rel=1e-9)
    assert lea_catcheside_factor(shares, [rate * unit for rate in rates], repair_h / unit) == pytest.approx(factor, rel=1e-9)


def test_bed_uncertainty_is_the_slope():
    step = 1e-6
    slope = (bed(10 + step, 50, 2.6, 2.8) - bed(10 - step, 50, 2.6, 2.8)) / (2 * step)
    assert bed_uncertainty(10.0, 0.5, lea_catcheside_mono(50, 2.8), 2.6) == pytest.approx(0.5 * slope, rel=1e-6)


def test_several_exponentials_of_one_rate_are_one():
    rate = math.log(2) / 50
    assert bed_exponentials(4.4, [0.25, 0.5, 0.25], [rate] * 3, 2.6, 2.8) == pytest.approx(bed(4.4, 50, 2.6, 2.8), rel=1e-12)
    # Slow decay against fast repair leaves no quadratic part; instant irradiation leaves all of it
    assert lea_catcheside_mono(1e9, 1.0) == pytest.approx(0, abs=1e-8)
    assert bed_with_factor(10.0, 1.0, 10.0) == pytest.approx(bed_fractions(10.0, 1, 10.0), rel=1e-14)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((math.nan, 50, 2.6, 2.8), "finite values in the absorbed dose"),
        ((-1.0, 50, 2.6, 2.8), "no negative values"),
        ((4.4, 0.0, 2.6, 2.8), "effective half-life above zero"),
        ((4.4, 50, 0.0, 2.8), "positive alpha/beta"),
        ((4.4, 50, 2.6, -2.8), "positive repair half-time"),
        ((4.4, 50, 2.6, "fast"), "repair half-time"),
    ],
)
def test_bad_input_is_refused(arguments, text):
    with pytest.raises(DosimetryError, match=text):
        bed(*arguments)


def test_curves_without_an_integral_are_refused():
    with pytest.raises(DosimetryError, match="does not fall"):
        lea_catcheside_factor([1.0], [0.0], 2.8)
    with pytest.raises(DosimetryError, match="positive integral"):
        lea_catcheside_factor([-1.0], [0.1], 2.8)
    with pytest.raises(DosimetryError, match="as many amplitudes"):
        lea_catcheside_factor([1.0, 2.0], [0.1], 2.8)
    with pytest.raises(DosimetryError, match="between 0 and 1"):
        bed_with_factor(4.4, 1.5, 2.6)
    with pytest.raises(DosimetryError, match="whole number from 1 to 1000 for fractions"):
        bed_fractions(2.0, 2.5, 3.0)


def test_shipped_tissues_have_source_and_status():
    sets = radiobiology_sets()
    # dosimetry.md section 7 [R]: kidney 2.6 Gy and 2.8 h
    assert (sets["kidney"]["alpha_beta_gy"], sets["kidney"]["repair_half_time_h"]) == (2.6, 2.8)
    # The others are unchecked and say so; what is stored must not move unseen: (alpha/beta in Gy, repair half-time in h).
    stored = {
        name: (row["alpha_beta_gy"], row["repair_half_time_h"]) for name, row in sets.items() if row["status"] == "unchecked"
    }
    assert stored == {
        "liver": (2.5, 2.5), "lung": (3.0, 1.5), "bone marrow": (10.0, 0.5), "salivary gland": (4.5, 1.6), "tumour": (10.0, 1.5),
    }  # fmt: skip
    assert all(row["source"] and row["status"] in ("read", "computed", "unchecked") for row in sets.values())
