"""Sums over a course against numbers of hand calculations."""

import math

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.course import Contribution, Errors, bed_of, contribution, cumulative, in_2_gy_fractions, sampled, trend_of
from RNTDosimetryLib.dose import bed, lea_catcheside_mono

KIDNEY = {"alpha_beta_gy": 2.6, "repair_half_time_h": 2.8}


def cycles(count, dose_gy, half_life_h=51.0, random=0.06, common=0.10):
    factor = lea_catcheside_mono(half_life_h, KIDNEY["repair_half_time_h"])
    return [contribution(f"cycle {n}", dose_gy, random, common, protraction_factor=factor) for n in range(1, count + 1)]


def test_six_cycles_of_4_gy():
    """By hand: G = 2.8/(2.8 + 51), BED = 4 (1 + 4 G / 2.6) = 4.3203 each, EQD2 = 25.922 / (1 + 2/2.6)."""
    given = cycles(6, 4.0)
    assert cumulative(given).value_gy == pytest.approx(24.0)
    assert bed_of(given[0], 2.6) == pytest.approx(4.3203, abs=5e-5)
    total = cumulative(given, 2.6)
    assert total.value_gy == pytest.approx(25.922, abs=5e-4)
    assert in_2_gy_fractions(total, 2.6).value_gy == pytest.approx(14.651, abs=1e-3)


def test_cycles_until_a_bed_of_27_and_of_40():
    """By hand: 4.5 Gy at 50 h is a BED of 4.9130; five cycles stay under 27, eight under 40."""
    one = bed_of(cycles(1, 4.5, 50.0)[0], 2.6)
    assert one == pytest.approx(4.9130, abs=5e-5)
    assert (math.floor(27 / one), math.floor(40 / one)) == (5, 8)


def test_random_parts_add_in_squares_and_common_ones_linearly():
    """By hand: three times 4 Gy, 6 % random, 10 % common: sqrt(3) 0.24 = 0.4157 and 1.2 Gy."""
    found = cumulative(cycles(3, 4.0))
    assert (found.random_gy, found.common_gy) == (pytest.approx(math.sqrt(3) * 0.24), pytest.approx(1.2))
    assert found.uncertainty_gy == pytest.approx(math.hypot(math.sqrt(3) * 0.24, 1.2))


def test_an_error_that_comes_again_adds_linearly():
    """A dose that was taken over from another cycle has that cycle's error, not one of its own: 2 x 0.06 x 4 Gy."""
    same = {"random, cycle 1": 0.06}
    found = cumulative([Contribution("a", 4.0, same, {}), Contribution("b", 4.0, same, {})])
    assert found.uncertainty_gy == pytest.approx(0.48)


def test_what_is_not_known_is_none_and_not_zero():
    found = cumulative([*cycles(2, 4.0), Contribution("cycle 3", 4.0)])
    assert (found.value_gy, found.uncertainty_gy, found.parts_gy) == (12.0, None, None)
    assert cumulative([Contribution("cycle 1", 4.0, {}, {})], 2.6) is None
    assert cumulative([Contribution("cycle 1", 4.0, {}, {})]).uncertainty_gy == 0


def test_166_ho_177_lu_and_external_beam_in_one_bed():
    """By hand, alpha/beta 2.5 Gy, T_rep 2.5 h: 94.608 + 4 x 2.0552 + 42.0 = 144.828 Gy BED; EQD2 80.460."""
    holmium = Contribution("166Ho", 40.0, {}, {}, lea_catcheside_mono(26.8, 2.5))
    lutetium = [Contribution(f"cycle {n}", 2.0, {}, {}, lea_catcheside_mono(70.0, 2.5)) for n in range(4)]
    beam = Contribution("external beam", 30.0, {}, {}, 1 / 30)
    assert bed_of(holmium, 2.5) == pytest.approx(94.608, abs=5e-4)
    assert cumulative(lutetium, 2.5).value_gy == pytest.approx(8.2207, abs=5e-5)
    assert bed_of(beam, 2.5) == pytest.approx(42.0)
    total = cumulative([holmium, *lutetium, beam], 2.5)
    assert total.value_gy == pytest.approx(144.828, abs=5e-4)
    assert in_2_gy_fractions(total, 2.5).value_gy == pytest.approx(80.460, abs=5e-4)


def test_alphas_are_weighted_before_both_terms():
    """BED = RBE D + g (RBE D)^2 / (alpha/beta)."""
    found = Contribution("223Ra", 2.0, {"r": 0.1}, {}, 0.5, rbe_factor=5.0)
    assert bed_of(found, 10.0) == pytest.approx(10 + 0.5 * 100 / 10)
    # dBED/dD = 5 (1 + 2 0.5 10/10) = 10; times 0.1 x 2 Gy.
    assert cumulative([found], 10.0).uncertainty_gy == pytest.approx(2.0)


def test_first_order_agrees_with_sampling_over_random_courses():
    """Mean and standard deviation of doses and BED of 50 random courses: within 10 % of 40 000 samples."""
    random = np.random.default_rng(5)
    for number in range(50):
        given = [
            contribution(f"cycle {n}", random.uniform(1, 8), random.uniform(0.02, 0.15), random.uniform(0.03, 0.12),
                         protraction_factor=random.uniform(0.03, 0.3))
            for n in range(random.integers(1, 7))
        ]  # fmt: skip
        for ratio in (None, 2.6):
            drawn, found = sampled(given, Errors(40_000, [number]), ratio), cumulative(given, ratio)
            assert found.value_gy == pytest.approx(drawn.mean(), rel=0.02)
            assert found.uncertainty_gy == pytest.approx(drawn.std(), rel=0.10)


def test_trend_of_a_published_course():
    """Kidneys +0.85 Gy and tumors -3.25 Gy from cycle 1 to 6 of 7.4 GBq: 0.17 and -0.65 Gy a cycle."""
    for first, change in ((4.0, 0.85), (20.0, -3.25)):
        doses = first + change / 5 * np.arange(6)
        found = trend_of(range(1, 7), doses / 7.4, [0.06] * 6)
        assert found.slope_gy_per_gbq * 7.4 == pytest.approx(change / 5, rel=1e-9)
        assert found.spearman == pytest.approx(math.copysign(1, change))
    assert trend_of([1], [0.5], [0.06]).slope_gy_per_gbq is None
    assert trend_of([1, 2], [0.5, 0.6], [0.06, 0.06]).spearman is None


@pytest.mark.parametrize(
    "broken", [{"dose_gy": -1.0}, {"dose_gy": math.nan}, {"random": {"r": -0.1}}, {"protraction_factor": 1.5}]
)
def test_what_cannot_be_is_refused(broken):
    with pytest.raises(DosimetryError, match=r"^Expected "):
        Contribution(**({"name": "cycle 1", "dose_gy": 4.0} | broken))


def test_bed_of_a_contribution_is_that_of_the_dose_room():
    assert bed_of(cycles(1, 5.5, 60.0)[0], 2.6) == pytest.approx(bed(5.5, 60.0, 2.6, 2.8))
