"""Box plots, Spearman and ROC cut-offs."""

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.statistics import distribution, roc_cut_off, spearman


def test_box_of_known_numbers():
    """By hand: quartiles 2.25, 4 and 5.75 of 1..6, 7 (linear), whisker at 7, 40 beyond 5.75 + 1.5 x 3.5."""
    found = distribution([1, 2, 3, 4, 5, 6, 40, 4], "x")
    assert (found.median, *found.quartiles) == (4.0, 2.75, 5.25)
    assert found.whiskers == (1.0, 6.0)
    assert found.outliers == (40.0,)
    # exp of the mean of the logarithms of 1 and 100 is 10; exp(ln(100)/sqrt 2) is 25.95.
    other = distribution([1, 100])
    assert (other.geometric_mean, other.geometric_deviation) == pytest.approx((10.0, 25.955), rel=1e-4)
    assert distribution([3.0]).deviation is None
    assert distribution([-1, 1]).geometric_mean is None


def test_spearman_of_a_textbook():
    """IQ and hours of television of ten people: -29/165 = -0.1758 (the worked example of the encyclopedias)."""
    iq, hours = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110], [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
    found = spearman(iq, hours)
    assert found.coefficient == pytest.approx(-29 / 165, abs=1e-9)
    assert found.p_value == pytest.approx(0.627188, abs=1e-5)
    # Fisher's scale: atanh(-0.1758) -+ 1.96 sqrt((1 + 0.0309/2)/7).
    assert (found.lower, found.upper) == pytest.approx((-0.7287, 0.5164), abs=2e-3)


def test_area_is_the_share_of_pairs_in_order():
    """By hand: of 3 x 3 pairs 7.5 are in order (one tie counts half)."""
    found = roc_cut_off([1, 2, 3, 3, 4, 2.5], [0, 0, 0, 1, 1, 1], bootstraps=20)
    assert found.area == pytest.approx(8.0 / 9 - 0.5 / 9)
    assert found.higher
    assert found.cut_off == 2.25
    assert (found.sensitivity_at_cut_off, found.specificity_at_cut_off) == pytest.approx((1.0, 2 / 3))
    assert (found.false_positive[0], found.sensitivity[0], found.false_positive[-1], found.sensitivity[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(found.sensitivity, found.false_positive) == pytest.approx(found.area)


def test_a_marker_that_is_low_with_the_outcome_is_cut_on_the_other_side():
    high = roc_cut_off([1, 2, 3, 3, 4, 2.5], [0, 0, 0, 1, 1, 1], bootstraps=20)
    low = roc_cut_off([-1, -2, -3, -3, -4, -2.5], [0, 0, 0, 1, 1, 1], bootstraps=20)
    assert low.area == pytest.approx(high.area)
    assert not low.higher
    assert low.cut_off == -2.25
    assert low.sensitivity_at_cut_off == pytest.approx(1.0)
    assert np.trapezoid(low.sensitivity, low.false_positive) == pytest.approx(low.area)


def test_the_bootstrap_covers_a_planted_cut_off():
    """Outcome by a step at 100 Gy that 15 % of patients do not follow: the interval holds 100 Gy in nearly all of 12 cohorts."""
    covered = 0
    for seed in range(12):
        random = np.random.default_rng(seed)
        marker = random.uniform(20, 180, 120)
        outcome = (marker > 100) ^ (random.random(120) < 0.15)
        found = roc_cut_off(marker, outcome, bootstraps=100, seed=seed)
        covered += found.cut_off_lower - 1 <= 100 <= found.cut_off_upper + 1
    assert covered >= 10


def test_a_cut_off_of_noise_is_optimistic_and_says_so():
    """A marker that knows nothing: Youden's index is above 0 in the same patients, and about 0 without its optimism (mean of 20 cohorts)."""
    apparent, corrected = [], []
    for seed in range(20):
        random = np.random.default_rng(100 + seed)
        found = roc_cut_off(random.normal(size=40), random.random(40) < 0.5, bootstraps=60, seed=seed)
        apparent.append(found.youden)
        corrected.append(found.youden_corrected)
    assert np.mean(apparent) > 0.15
    assert abs(np.mean(corrected)) < 0.5 * np.mean(apparent)


def test_it_is_the_same_twice():
    random = np.random.default_rng(5)
    marker, outcome = random.normal(size=30), random.random(30) < 0.5
    assert roc_cut_off(marker, outcome) == roc_cut_off(marker, outcome)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: roc_cut_off([1, 2, 3, 4], [1, 1, 1, 0]), "at least 3 patients with and without"),
        (lambda: roc_cut_off([1] * 8, [1, 0] * 4), "that varies"),
        (lambda: roc_cut_off([1, 2, 3, 4], [1, 0, 2, 0]), "outcome of 0 or 1"),
        (lambda: spearman([1, 2, 3], [1, 2, 3]), "at least 4 pairs"),
        (lambda: spearman([1, 1, 1, 1], [1, 2, 3, 4]), "that vary"),
        (lambda: distribution([]), "received none"),
    ],
)
def test_what_cannot_be_used_is_refused(call, words):
    with pytest.raises(DosimetryError, match=words):
        call()
