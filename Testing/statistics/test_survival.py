"""Kaplan-Meier, log-rank and Cox against published numbers."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.statistics import cox_regression, kaplan_meier, log_rank, survival_at

# Weeks of remission of 6-mercaptopurine and placebo: Freireich et al., Blood 1963, table in Gehan, Biometrika 1965.
DRUG = (
    [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
    [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
)
PLACEBO = ([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [1] * 21)


def test_kaplan_meier_of_the_remissions():
    """Survival and Greenwood errors: Kleinbaum and Klein, Survival Analysis, 2nd edition, tables 2.2 and 2.3; median 23 weeks."""
    curve = kaplan_meier(*DRUG)
    assert (curve.patients, curve.events, curve.median_months) == (21, 9, 23.0)
    for week, expected in ((6, 0.8571), (7, 0.8067), (10, 0.7529), (13, 0.6902), (16, 0.6275), (22, 0.5378), (23, 0.4482)):
        assert survival_at(curve, week)[0] == pytest.approx(expected, abs=5e-5)
    value, low, high = survival_at(curve, 10)
    # Greenwood's standard error at 10 weeks is 0.0963.
    assert (high - low) / 2 / 1.959964 == pytest.approx(0.0963, abs=1e-4)
    assert value == pytest.approx((high + low) / 2)
    assert survival_at(curve, 3) == (1.0, None, None)
    assert kaplan_meier(*PLACEBO).median_months == 8.0


def test_log_rank_of_the_remissions():
    """Chi-square 16.79: Kleinbaum and Klein, chapter 2."""
    found = log_rank(DRUG, PLACEBO)
    assert found.statistic == pytest.approx(16.79, abs=5e-3)
    assert found.p_value == pytest.approx(4.17e-5, rel=0.01)


def test_cox_of_the_remissions_with_ties_after_efron():
    """Coefficient 1.5721 (0.4124) and log likelihoods -93.18 and -85.01: R survival, coxph(Surv(time, status) ~ treat, ties = "efron"), of the same data."""
    months, events = np.array(DRUG[0] + PLACEBO[0], float), np.array(DRUG[1] + PLACEBO[1])
    placebo = np.repeat([0.0, 1.0], 21)[:, None]
    found = cox_regression(months, events, placebo, ["placebo"])
    (effect,) = found.effects
    assert effect.coefficient == pytest.approx(1.5721, abs=1e-4)
    assert effect.uncertainty == pytest.approx(0.4124, abs=1e-4)
    assert effect.hazard_ratio == pytest.approx(4.817, abs=1e-3)
    assert (found.null_log_likelihood, found.log_likelihood) == pytest.approx((-93.1843, -85.0084), abs=1e-3)


def test_waltons_and_rossi_where_lifelines_brings_them():
    """n 163, median 56, S(50) 0.61682 (0.542 to 0.692), log-rank 122.249; coefficients of the seven covariates: as lifelines documents them."""
    datasets = pytest.importorskip(
        "lifelines.datasets", reason="the data come with the package lifelines, which is not installed"
    )
    waltons = datasets.load_waltons()
    curve = kaplan_meier(waltons["T"], waltons["E"])
    assert (curve.patients, curve.median_months) == (163, 56.0)
    assert survival_at(curve, 50) == pytest.approx((0.61682, 0.542, 0.692), abs=5e-4)
    groups = [waltons[waltons["group"] == name] for name in ("miR-137", "control")]
    assert log_rank(*((group["T"], group["E"]) for group in groups)).statistic == pytest.approx(122.249, abs=5e-4)
    rossi = datasets.load_rossi()
    expected = {
        "fin": (-0.3794, 0.1914), "age": (-0.0574, 0.0220), "race": (0.3139, 0.3080), "wexp": (-0.1498, 0.2122), "mar": (-0.4337, 0.3819),
        "paro": (-0.0849, 0.1958), "prio": (0.0915, 0.0286),
    }  # fmt: skip
    found = cox_regression(rossi["week"], rossi["arrest"], rossi[list(expected)], expected)
    for effect in found.effects:
        assert (effect.coefficient, effect.uncertainty) == pytest.approx(expected[effect.name], abs=6e-5), effect.name


def test_a_planted_hazard_is_found_within_its_interval():
    """Exponential times with a hazard ratio of 0.5 per unit; 40 cohorts, of which about 95 % must cover it."""
    covered = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        marker = random.normal(size=(60, 1))
        times = random.exponential(20 / 0.5 ** marker[:, 0])
        end = random.uniform(20, 40, 60)
        (effect,) = cox_regression(np.minimum(times, end), times <= end, marker, ["marker"]).effects
        covered += effect.lower <= 0.5 <= effect.hazard_ratio or effect.hazard_ratio <= 0.5 <= effect.upper
    # Binomial(40, 0.95) lies below 34 in 1.4 % of cases.
    assert 34 <= covered <= 40


@given(strategies.lists(strategies.tuples(strategies.floats(0, 100), strategies.booleans()), min_size=1, max_size=30))
def test_survival_falls_from_one_and_its_limits_hold_it(patients):
    months, events = zip(*patients)
    curve = kaplan_meier(months, events)
    values = (1.0, *curve.survival)
    assert all(0 <= later <= earlier + 1e-12 <= 1 + 1e-12 for earlier, later in pairwise(values))
    for low, value, high in zip(curve.lower, curve.survival, curve.upper):
        assert low is None or -1e-12 <= low <= value + 1e-12
        assert high is None or value - 1e-12 <= high <= 1 + 1e-12


def test_units_and_order_do_not_matter_to_cox():
    random = np.random.default_rng(3)
    months, events, values = random.exponential(10, 30), random.random(30) < 0.7, random.normal(size=(30, 2))
    first = cox_regression(months, events, values, ["a", "b"])
    order = random.permutation(30)
    second = cox_regression(months[order] * 30.4, events[order], values[order] * [1000, 1] + [5e4, 0], ["a", "b"])
    assert second.effects[0].coefficient * 1000 == pytest.approx(first.effects[0].coefficient, rel=1e-6)
    assert second.effects[1].uncertainty == pytest.approx(first.effects[1].uncertainty, rel=1e-6)


@pytest.mark.parametrize(
    ("months", "events", "covariates", "words"),
    [
        ([1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 1, 1], [[1]] * 6, "that vary"),
        ([1, 2, 3, 4], [1, 0, 0, 0], [[1], [2], [3], [4]], "more events than covariates"),
        ([1, 2, 3, 10, 11, 12], [1, 1, 1, 0, 0, 0], [[2], [1.5], [1], [0], [0.1], [0.2]], "separate who had an event"),
        ([1, 2, -3], [1, 1, 1], [[1], [2], [3]], "months of zero or more"),
        ([1, 2, 3], [1, 2, 1], [[1], [2], [3]], "events of 0"),
        ([1, 2, float("nan")], [1, 0, 1], [[1], [2], [3]], "finite numbers"),
        ([1, 2, 3, 4, 5], [1, 1, 1, 1, 1], [[1, 2], [2, 4], [5, 10], [3, 6], [4, 8]], "do not follow from one another"),
    ],
)
def test_what_cannot_be_regressed_is_refused(months, events, covariates, words):
    with pytest.raises(DosimetryError, match=words):
        cox_regression(months, events, covariates, [f"c{i}" for i in range(len(covariates[0]))])


def test_no_event_at_all_is_no_test():
    with pytest.raises(DosimetryError, match="at least one event"):
        log_rank(([1, 2], [0, 0]), ([3, 4], [0, 0]))
    curve = kaplan_meier([1, 2], [0, 0])
    assert curve.survival == (1.0, 1.0)
    assert curve.median_months is None
