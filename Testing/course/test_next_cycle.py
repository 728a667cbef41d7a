"""The next activity against numbers computed apart (a free simulation and the normal formula on paper)."""

import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.course import (
    Contribution,
    CourseLimit,
    NextUptake,
    contribution,
    cumulative,
    normal_activity_gbq,
    outlook,
    own_variation,
    population,
    protocol_activity_gbq,
    sample_limit,
    standard_cycles_left,
)
from RNTDosimetryLib.course.doses import CYCLES
from RNTDosimetryLib.dose import lea_catcheside_mono

LIMIT = CourseLimit("kidney_left", "dose", 23.0, "23 Gy")
PAST = [contribution(f"cycle {n}", 4.0, 0.06, 0.10) for n in (1, 2, 3)]
UPTAKE = NextUptake(4.0 / 7.4, 0.12, {CYCLES: 0.10})


@pytest.fixture(scope="module")
def drawn():
    return sample_limit(PAST, UPTAKE, LIMIT)


def test_three_cycles_of_4_gy_towards_23_gy(drawn):
    """Expectation at the limit: 20.35 GBq, P 0.475. Sampled 16.05 and 13.42 GBq, normal formula 16.02 and 13.72, for 16 and 5 %."""
    assert outlook(PAST, UPTAKE, drawn, 0.05).expected_gbq == pytest.approx(20.35, abs=0.005)
    assert [drawn.probability(a) for a in (20.35, 16.02, 13.72)] == pytest.approx([0.475, 0.159, 0.059], abs=0.0015)
    assert [drawn.activity_gbq(p) for p in (0.16, 0.05)] == pytest.approx([16.05, 13.42], abs=0.04)
    assert [normal_activity_gbq(PAST, UPTAKE, LIMIT, p) for p in (0.16, 0.05)] == pytest.approx([16.02, 13.72], abs=0.006)
    assert normal_activity_gbq(PAST, UPTAKE, LIMIT, 0.5) == pytest.approx(20.35, abs=0.005)


def test_the_same_seed_gives_the_same_number(drawn):
    assert sample_limit(PAST, UPTAKE, LIMIT).activity_gbq(0.05) == drawn.activity_gbq(0.05)
    assert sample_limit(PAST, UPTAKE, LIMIT, seed=2).activity_gbq(0.05) != drawn.activity_gbq(0.05)


def test_cycles_left_share_the_activity(drawn):
    """A = A_p / r for a limit of dose: the same uptake in all of them."""
    assert sample_limit(PAST, UPTAKE, LIMIT, 2).activity_gbq(0.05) == pytest.approx(drawn.activity_gbq(0.05) / 2)
    assert normal_activity_gbq(PAST, UPTAKE, LIMIT, 0.05, 2) == pytest.approx(13.72 / 2, abs=0.003)


def test_a_bed_limit_is_reached_where_its_bed_is():
    """Without any spread the activity is that of the BED on paper: 6 x (x + g x^2 / 2.6) = 27 with x = k A, for three cycles left of six."""
    factor = lea_catcheside_mono(51.0, 2.8)
    past = [Contribution(f"cycle {n}", 4.0, {}, {}, factor) for n in (1, 2, 3)]
    uptake = NextUptake(0.5, 0.0, {}, factor)
    limit = CourseLimit("kidney_left", "bed", 27.0, "BED 27 Gy", 2.6)
    left = (27 - cumulative(past, 2.6).value_gy) / 3
    half = 2.6 / (2 * factor)
    dose = half * ((1 + 2 * left / half) ** 0.5 - 1)
    assert dose + factor * dose**2 / 2.6 == pytest.approx(left)
    found = sample_limit(past, uptake, limit, 3)
    assert found.activity_gbq(0.05) == pytest.approx(dose / 0.5)
    assert normal_activity_gbq(past, uptake, limit, 0.05, 3) == pytest.approx(dose / 0.5, rel=1e-6)
    assert outlook(past, uptake, found, 0.05, 3).expected_gbq == pytest.approx(dose / 0.5)


def test_bed_by_the_normal_approximation_is_near_the_sampled_one():
    factor = lea_catcheside_mono(51.0, 2.8)
    past = [contribution(f"cycle {n}", 4.0, 0.06, 0.10, protraction_factor=factor) for n in (1, 2, 3)]
    uptake = NextUptake(4.0 / 7.4, 0.12, {CYCLES: 0.10}, factor)
    limit = CourseLimit("kidney_left", "bed", 27.0, "BED 27 Gy", 2.6)
    found = outlook(past, uptake, sample_limit(past, uptake, limit), 0.05)
    assert found.normal_gbq == pytest.approx(found.sampled_gbq, rel=0.06)
    assert found.sampled_gbq < found.normal_gbq < found.expected_gbq


def test_a_limit_that_is_exceeded_leaves_nothing():
    given = [contribution(f"cycle {n}", 8.0, 0.06, 0.10) for n in (1, 2, 3)]
    found = outlook(given, UPTAKE, sample_limit(given, UPTAKE, LIMIT), 0.05)
    assert (found.exceeded, found.sampled_gbq, found.normal_gbq, found.expected_gbq) == (True, 0.0, 0.0, 0.0)
    assert found.probability_now > 0.5


def test_a_probability_that_is_too_large_already_leaves_nothing():
    given = [contribution(f"cycle {n}", 7.0, 0.06, 0.10) for n in (1, 2, 3)]
    found = outlook(given, UPTAKE, sample_limit(given, UPTAKE, LIMIT), 0.05)
    assert not found.exceeded
    assert found.probability_now > 0.05
    assert (found.sampled_gbq, found.normal_gbq) == (0.0, 0.0)
    assert found.expected_gbq > 0


def test_standard_cycles_left():
    """13.42 GBq are left at 5 %: one cycle of 7.4 GBq, two of 6.7, none of 14."""
    for activity, count in ((7.4, 1), (6.7, 2), (14.0, 0)):
        assert standard_cycles_left(PAST, UPTAKE, LIMIT, activity, 0.05, 20) == count


def test_before_any_dosimetry_the_population_speaks():
    """Cohort: 0.54 +- 0.15 Gy/GBq times 44 GBq is 23.76 +- 6.6 Gy (published 23.8 +- 6.5)."""
    kidney = population("177Lu-DOTATATE")["kidney"]
    assert (kidney.gy_per_gbq * 44, kidney.sd * 44) == (pytest.approx(23.76), pytest.approx(6.6))
    uptake = NextUptake(kidney.gy_per_gbq, kidney.sd / kidney.gy_per_gbq)
    found = sample_limit([], uptake, LIMIT)
    # By hand: log-normal of mean 0.54 and CV 0.2778, s = 0.2726; its 95 % quantile is 0.54 exp(1.6449 s - s^2 / 2) = 0.8146 Gy/GBq.
    assert found.activity_gbq(0.05) == pytest.approx(23 / 0.8146, rel=0.004)
    # Activities given without dosimetry follow the same uptake: they are simply taken off.
    given = NextUptake(kidney.gy_per_gbq, uptake.variation, given_gbq=(7.4, 7.4))
    assert sample_limit([], given, LIMIT).activity_gbq(0.05) == pytest.approx(found.activity_gbq(0.05) - 14.8, rel=1e-6)
    with pytest.raises(DosimetryError, match="a population"):
        population("90Y-water")


def test_a_protocol_of_5_and_then_6_gy():
    """Prospective: 23 Gy in four cycles, 5 Gy and then 6 Gy each; 6 Gy at 0.54054 Gy/GBq are 11.1 GBq."""
    doses = (5.0, 6.0, 6.0, 6.0)
    assert sum(doses) == 23
    assert protocol_activity_gbq(UPTAKE, doses, 1) == pytest.approx(11.1)
    assert protocol_activity_gbq(UPTAKE, doses, 0) == pytest.approx(9.25)
    assert protocol_activity_gbq(UPTAKE, doses, 4) is None


def test_own_variation_only_where_cycles_show_it():
    assert own_variation(0.2, 3, 0.06, 0.12, 3) == (0.2, False)
    assert own_variation(0.2, 2, 0.06, 0.12, 3) == (0.12, True)
    assert own_variation(0.0, 3, 0.0, 0.12, 3) == (0.12, True)
    assert own_variation(0.04, 3, 0.06, 0.12, 3) == (0.12, True)


def test_what_the_probability_needs_is_asked_for():
    with pytest.raises(DosimetryError, match="random and common uncertainty of cycle 1"):
        sample_limit([Contribution("cycle 1", 4.0)], UPTAKE, LIMIT)
    with pytest.raises(DosimetryError, match="effective half-lives in kidney_left"):
        sample_limit(PAST, UPTAKE, CourseLimit("kidney_left", "bed", 27.0, "BED 27 Gy", 2.6))
