"""Mixed trend, dose and response with errors in dose, agreement and paired change."""

import math

import numpy as np
import pytest
from scipy import stats

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.statistics import bland_altman, dose_response, mixed_trend, paired_change

# Peak expiratory flow (L/min) of 17 people, first measurement by the large and by the mini Wright meter: Bland and Altman, Lancet 1986, table 1.
LARGE = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_agreement_of_the_flow_meters():
    """Bland and Altman 1986: mean difference (large minus mini) -2.1, standard deviation 38.8 L/min, limits -79.7 and 75.5 with 2 SD."""
    found = bland_altman(MINI, LARGE, "flow")
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.deviation == pytest.approx(38.8, abs=0.05)
    assert found.limits == pytest.approx((-2.12 - 1.96 * 38.77, -2.12 + 1.96 * 38.77), abs=0.1)
    # Their standard error of a limit is 16.3 (root of 3 s^2/n); the exact factor here is 1/n + 1.96^2/(2(n - 1)).
    assert found.limit_uncertainty == pytest.approx(38.77 * math.sqrt(1 / 17 + 1.96**2 / 32), abs=0.05)
    # Lin's coefficient from its definition.
    first, second = np.array(MINI, float), np.array(LARGE, float)
    expected = 2 * np.cov(first, second, bias=True)[0, 1] / (first.var() + second.var() + (first.mean() - second.mean()) ** 2)
    assert found.concordance == pytest.approx(expected, abs=1e-12)
    assert found.concordance_lower < found.concordance < found.concordance_upper < 1


def test_a_known_ratio_is_the_relative_bias():
    first = np.array([1.0, 2, 4, 8, 16])
    found = bland_altman(first, 1.1 * first)
    assert found.relative_bias_percent == pytest.approx(10.0)
    assert found.relative_limits_percent == pytest.approx((10.0, 10.0))
    assert found.slope == pytest.approx(0.1 / 1.05)
    same = bland_altman(first, first)
    assert (same.bias, same.concordance, same.slope_p_value) == (0.0, 1.0, 1.0)


def test_interval_of_concordance_covers():
    """Bivariate normal of concordance 0.8: 95 % intervals of 200 samples of 30 pairs."""
    covered = 0
    for seed in range(200):
        both = np.random.default_rng(seed).multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 30)
        found = bland_altman(both[:, 0], both[:, 1])
        covered += found.concordance_lower <= 0.8 <= found.concordance_upper
    # Binomial(200, 0.95) lies outside 181 to 198 in 1 % of cases; the interval is asymptotic.
    assert 178 <= covered <= 199


def test_paired_change_by_hand():
    """Differences 1, 2, 3, 4: mean 2.5, standard deviation 1.291, t(0.975, 3) = 3.182; Wilcoxon 2/16."""
    found = paired_change([10, 10, 10, 10], [11, 12, 13, 14], "x")
    assert (found.mean, found.uncertainty) == pytest.approx((2.5, 1.29099 / 2), abs=1e-5)
    assert (found.lower, found.upper) == pytest.approx((2.5 - 3.18245 * 0.645497, 2.5 + 3.18245 * 0.645497), abs=1e-4)
    assert found.p_value == pytest.approx(0.125)
    assert paired_change([1, 2, 3, 4], [1, 2, 3, 4]).p_value is None


def test_a_balanced_mixed_trend_is_that_of_the_differences():
    """Every patient in both cycles: slope = mean difference, its error that of the paired t test, p as well (exact for a balanced design)."""
    random = np.random.default_rng(2)
    level = random.normal(5, 1, 12)
    first, second = level + random.normal(0, 0.3, 12), level + 0.5 + random.normal(0, 0.3, 12)
    found = mixed_trend([*range(12)] * 2, [1] * 12 + [2] * 12, [*first, *second])
    difference = second - first
    assert found.slope == pytest.approx(difference.mean(), rel=1e-6)
    assert found.slope_uncertainty == pytest.approx(difference.std(ddof=1) / math.sqrt(12), rel=1e-3)
    assert found.p_value == pytest.approx(stats.ttest_rel(second, first).pvalue, rel=5e-3)
    # Variances from the analysis of variance: within = half the variance of the differences.
    assert found.within_deviation == pytest.approx(difference.std(ddof=1) / math.sqrt(2), rel=1e-3)
    between = ((first + second) / 2).var(ddof=1) - found.within_deviation**2 / 2
    assert found.between_deviation == pytest.approx(math.sqrt(between), rel=1e-3)


def test_without_spread_between_patients_it_is_a_straight_line():
    """Residuals that alternate within patients: no variance between them, and the slope of ordinary least squares."""
    cycles = [1, 2, 3, 4] * 3
    values = [1.0, 1.3, 1.1, 1.4, 1.2, 1.1, 1.3, 1.2, 1.1, 1.2, 1.2, 1.3]
    found = mixed_trend(np.repeat(["a", "b", "c"], 4), cycles, values)
    assert found.between_deviation == 0
    assert found.slope == pytest.approx(stats.linregress(cycles, values).slope, rel=1e-9)


def test_a_slope_of_an_unbalanced_course_is_covered():
    covered = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        patients = np.repeat(np.arange(15), 4)
        cycles = np.tile([1, 2, 3, 4], 15)
        values = random.normal(0, 1, 15)[patients] - 0.1 * cycles + random.normal(0, 0.3, 60)
        kept = random.random(60) < 0.8
        found = mixed_trend(patients[kept], cycles[kept], values[kept])
        covered += found.slope_lower <= -0.1 <= found.slope_upper
    # Binomial(100, 0.95) lies outside 89 to 99 in 1.5 % of cases.
    assert 89 <= covered <= 100


def _responders(seed, number=300, error=0.3):
    """True D50 100 Gy, slope 4; measured doses with a relative error."""
    random = np.random.default_rng(seed)
    true = np.exp(random.normal(math.log(100), 0.6, number))
    response = random.random(number) < 1 / (1 + (100 / true) ** 4)
    return true * np.exp(error * random.standard_normal(number)), response, error


def test_errors_in_dose_flatten_the_curve_and_are_taken_out():
    """Mean slope of 12 cohorts. Without its errors the slope falls by about the reliability 0.36/(0.36 + 0.09) = 0.8 and more; with them it is 4."""
    plain, corrected, d50 = [], [], []
    for seed in range(12):
        dose, response, error = _responders(seed)
        plain.append(dose_response(dose, response).slope)
        found = dose_response(dose, response, error * dose)
        corrected.append(found.slope)
        d50.append(math.log(found.d50_gy / 100) / (math.log(found.d50_upper_gy / found.d50_lower_gy) / 3.92))
    assert np.mean(plain) < 3.3
    assert np.mean(corrected) == pytest.approx(4.0, abs=3 * 0.7 / math.sqrt(12))
    # ln D50 in units of its stated uncertainty: mean 0, deviation 1 over the cohorts.
    assert abs(np.mean(d50)) < 3 / math.sqrt(12)
    assert 0.5 < np.std(d50, ddof=1) < 1.7


def test_dose_response_by_hand():
    """Four dose groups with 1, 2, 3, 4 of 5 responders in equal steps of ln dose: symmetric, so D50 is the geometric mean; slope from logit lines."""
    doses = np.repeat([10.0, 20, 40, 80], 5)
    response = np.concatenate([[1] * n + [0] * (5 - n) for n in (1, 2, 3, 4)])
    found = dose_response(doses, response)
    assert found.d50_gy == pytest.approx(math.sqrt(20 * 40), rel=1e-4)
    # Score equation of the slope by hand: sum (y - p) x = 0 with x = -1.5 .. 1.5 ln 2.
    x = np.array([-1.5, -0.5, 0.5, 1.5]) * math.log(2)
    p = 1 / (1 + np.exp(-found.slope * x))
    assert float(((np.array([0.2, 0.4, 0.6, 0.8]) - p) * x).sum()) == pytest.approx(0, abs=1e-5)
    assert found.gamma50 == pytest.approx(found.slope / 4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: dose_response([1, 2, 3, 4, 10, 20, 30, 40], [0, 0, 0, 0, 1, 1, 1, 1]), "overlap"),
        (lambda: dose_response([1, 2, 3, 4], [0, 1, 0, 1]), "at least 4 with and without"),
        (lambda: dose_response([0, 2, 3, 4, 5, 6, 7, 8], [0, 1] * 4), "positive doses"),
        (lambda: mixed_trend(["a", "b"], [1, 2], [1, 2]), "at least 3 patients"),
        (lambda: mixed_trend(["a", "b", "c"], [1, 1, 1], [1, 2, 3]), "some of them in several cycles"),
        (lambda: bland_altman([1, 2, 3], [1, 2, 3]), "at least 4 pairs"),
        (lambda: bland_altman([1, 1, 1, 1], [1, 2, 3, 4]), "that vary"),
        (lambda: paired_change([1, 2, 3], [1, 2]), "pairs"),
    ],
)
def test_what_cannot_be_used_is_refused(call, words):
    with pytest.raises(DosimetryError, match=words):
        call()
