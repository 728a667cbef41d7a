"""Choice of the model: corrected Akaike criterion by hand, admission, weights, averaging, the user's choice."""

import numpy as np
import pytest
from fixtures.simulation import Lu177
from scipy.optimize import minimize

from RNTDosimetryLib.kinetics import AUTO_MODELS, fit_time_activities, fit_time_activity

LU = Lu177()
DECAY = LU.decay_constant_per_h
TIMES = np.array([2.0, 6, 24, 48, 72, 96, 120, 168])
RATE = np.log(2)


def scattered(curve, relative, seed):
    """Values with a fixed scatter of the stated size, and their uncertainties."""
    curve = np.asarray(curve)
    return curve * (1 + relative * np.random.default_rng(seed).standard_normal(curve.size)), relative * curve


BI = 60 * np.exp(-TIMES * RATE / 90) + 60 * np.exp(-TIMES * RATE / 6)
QUICK = 60 * np.exp(-TIMES * RATE / 90) + 40 * np.exp(-TIMES * RATE / 1.5)
"""A fast part that no population describes."""
UPTAKE = 60 * (np.exp(-TIMES * RATE / 60) - np.exp(-TIMES * RATE / 5))


def test_aicc_with_known_uncertainties_by_hand():
    values, errors = scattered(BI, 0.05, 1)
    fit = fit_time_activity(TIMES, values, LU, errors, model="bi")
    chi2 = (((values - fit.activity_mbq(TIMES)) / errors) ** 2).sum()
    assert fit.chi2 == pytest.approx(chi2, rel=1e-9)
    # K = 4 fitted parameters, N = 8: chi2 + 2K + 2K(K+1)/(N-K-1)
    assert fit.aicc == pytest.approx(chi2 + 8 + 40 / 3, rel=1e-9)
    assert fit.degrees_of_freedom == 4


def test_aicc_with_unknown_uncertainties_by_hand():
    values, _ = scattered(60 * np.exp(-TIMES * RATE / 60), 0.05, 2)
    fit = fit_time_activity(TIMES, values, LU, model="mono", weighting="constant")
    weighted = (((values - fit.activity_mbq(TIMES)) / (0.05 * values.max())) ** 2).sum()
    # the variance counts as a parameter: K = 3, N = 8
    assert fit.aicc == pytest.approx(8 * np.log(weighted / 8) + 6 + 24 / 4, rel=1e-9)


def test_the_ranking_holds_every_model_and_its_weights():
    values, errors = scattered(QUICK, 0.01, 3)
    fit = fit_time_activity(TIMES, values, LU, errors)
    assert {item.model for item in fit.ranking} == set(AUTO_MODELS) - {"bi_from_zero"}
    assert fit.ranking[0].model == fit.model == "bi"
    assert fit.chosen_by == "auto"
    admitted = [item for item in fit.ranking if item.admitted]
    assert all(item.reason for item in fit.ranking if not item.admitted)
    assert all(item.weight == 0 for item in fit.ranking if not item.admitted)
    aicc = np.array([item.aicc for item in admitted])
    expected = np.exp(-0.5 * (aicc - aicc.min()))
    np.testing.assert_allclose([item.weight for item in admitted], expected / expected.sum(), rtol=1e-12)
    assert sum(item.weight for item in fit.ranking) == pytest.approx(1)


def test_a_parameter_known_worse_than_50_percent_is_not_admitted():
    # a fast part of 12 % seen by two samples with 8 %
    values, errors = scattered(60 * np.exp(-TIMES * RATE / 90) + 8 * np.exp(-TIMES * RATE / 6), 0.08, 4)
    fit = fit_time_activity(TIMES, values, LU, errors)
    reasons = {item.model: item.reason for item in fit.ranking}
    assert "coefficient of variation" in reasons["bi"]
    by_user = fit_time_activity(TIMES, values, LU, errors, model="bi")
    spread = {name: error / abs(by_user.parameters[name]) for name, error in by_user.standard_errors.items()}
    assert max(spread.values()) > 0.5
    assert not by_user.identifiable
    assert any("would not be admitted" in text for text in by_user.warnings)


def test_the_users_choice_wins_and_is_recorded():
    values, errors = scattered(BI, 0.02, 3)
    fit = fit_time_activity(TIMES, values, LU, errors, model="mono")
    assert (fit.model, fit.chosen_by) == ("mono", "user")
    assert fit.ranking[0].model == "mono_early_clearance"
    assert any("poor fit" in text for text in fit.warnings)


def test_a_users_model_with_too_few_samples_says_so():
    # four samples, two amplitudes and two rates: N - K - 1 = -1 with known uncertainties
    times = np.array([4.0, 24, 96, 168])
    exact = 60 * np.exp(-times * RATE / 90) + 60 * np.exp(-times * RATE / 6)
    fit = fit_time_activity(times, exact, LU, 0.02 * exact, model="bi")
    assert "would not be admitted: too few samples for its parameters" in " ".join(fit.warnings)
    assert not next(item for item in fit.ranking if item.model == "bi").admitted


def test_a_list_restricts_the_choice():
    values, errors = scattered(BI, 0.02, 3)
    fit = fit_time_activity(TIMES, values, LU, errors, model=["mono", "uptake"])
    assert (fit.model, fit.chosen_by) == ("mono", "auto")
    assert {item.model for item in fit.ranking} == {"mono", "uptake"}


@pytest.mark.parametrize("uncertainties", [True, False])
@pytest.mark.parametrize("count", [3, 4])
def test_three_or_four_samples_with_a_clear_rise_get_an_uptake_model(count, uncertainties):
    times = np.array([2.0, 24, 72, 144])[:count]
    exact = 60 * (np.exp(-times * RATE / 60) - np.exp(-times * RATE / 4))
    fit = fit_time_activity(times, exact, LU, 0.05 * exact if uncertainties else None)
    assert fit.model == "uptake_held"
    assert fit.tia_mbq_h == pytest.approx(60 * (60 - 4) / RATE, rel=0.02)
    assert any("uptake rate is held by a population (half-life 3.5 h, assumed)" in text for text in fit.warnings)


def test_three_or_four_falling_samples_stay_mono_exponential():
    for times in ([24.0, 72, 144], [4.0, 24, 72, 144]):
        times = np.array(times)
        values, errors = scattered(60 * np.exp(-times * RATE / 60), 0.05, 6)
        for given in (errors, None):
            assert fit_time_activity(times, values, LU, given).model == "mono"


def test_averaging_adds_the_spread_between_models():
    values, errors = scattered(QUICK, 0.01, 3)
    best = fit_time_activity(TIMES, values, LU, errors)
    fit = fit_time_activity(TIMES, values, LU, errors, model_averaging=True)
    used = [item for item in fit.ranking if item.weight > 0]
    assert fit.averaged
    assert len(used) > 1
    weights = np.array([item.weight for item in used])
    tias = np.array([item.tia_mbq_h for item in used])
    sds = np.array([item.tia_uncertainty_mbq_h for item in used])
    assert fit.tia_mbq_h == pytest.approx(weights @ tias, rel=1e-12)
    assert fit.tia_fit_uncertainty_mbq_h == pytest.approx(np.sqrt(weights @ (sds**2 + (tias - weights @ tias) ** 2)), rel=1e-12)
    assert fit.tia_fit_uncertainty_mbq_h > min(sds)
    assert not best.averaged
    # the curve belongs to the averaged integral
    assert (np.array(fit.amplitudes_mbq) / np.array(fit.rates_per_h)).sum() == pytest.approx(fit.tia_mbq_h, rel=1e-9)


def test_uncorrected_aic_would_fall_into_the_trap_and_this_does_not():
    # four samples of a mono-exponential: a bi-exponential fits exactly or nearly so; it must never be taken
    generator = np.random.default_rng(8)
    times = np.array([4.0, 24, 96, 168])
    exact = 100 * np.exp(-times * RATE / 60)
    values = exact * (1 + 0.05 * generator.standard_normal((200, 4)))
    fits = fit_time_activities(times, values, LU)
    assert {fit.model for fit in fits} <= {"mono", "uptake_held"}
    assert sum(fit.model == "mono" for fit in fits) >= 190


def test_covariance_agrees_with_the_curvature_of_chi_squared():
    values, errors = scattered(BI, 0.03, 5)
    fit = fit_time_activity(TIMES, values, LU, errors, model="bi")
    best = np.array(list(fit.parameters.values()))

    def chi2(p):
        return (((values - p[0] * np.exp(-p[2] * TIMES) - p[1] * np.exp(-p[3] * TIMES)) / errors) ** 2).sum()

    assert minimize(chi2, best, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).fun >= fit.chi2 * (1 - 1e-9)
    slopes = (
        np.stack(
            [
                np.exp(-best[2] * TIMES),
                np.exp(-best[3] * TIMES),
                -best[0] * TIMES * np.exp(-best[2] * TIMES),
                -best[1] * TIMES * np.exp(-best[3] * TIMES),
            ],
            axis=1,
        )
        / errors[:, None]
    )
    np.testing.assert_allclose(fit.covariance, np.linalg.inv(slopes.T @ slopes), rtol=1e-6)
    np.testing.assert_allclose(list(fit.standard_errors.values()), np.sqrt(np.diag(fit.covariance)), rtol=1e-12)
    gradient = np.array([1 / best[2], 1 / best[3], -best[0] / best[2] ** 2, -best[1] / best[3] ** 2])
    assert fit.tia_fit_uncertainty_mbq_h == pytest.approx(np.sqrt(gradient @ fit.covariance @ gradient), rel=1e-6)
    assert fit.effective_half_life_uncertainty_h == pytest.approx(
        RATE / best[2] ** 2 * fit.standard_errors["rate_1_per_h"], rel=1e-9
    )


def test_bootstrap_agrees_with_the_propagated_covariance():
    values, errors = scattered(BI, 0.03, 5)
    fit = fit_time_activity(TIMES, values, LU, errors, model="bi", bootstrap=400, seed=2)
    # the standard deviation of 400 samples is known to 3.5 %
    assert fit.bootstrap.tia_sd_mbq_h == pytest.approx(fit.tia_fit_uncertainty_mbq_h, rel=0.15)
    assert fit.bootstrap.tia_mean_mbq_h == pytest.approx(fit.tia_mbq_h, rel=0.01)
    assert fit.bootstrap.tia_16th_percentile_mbq_h < fit.tia_mbq_h < fit.bootstrap.tia_84th_percentile_mbq_h
    again = fit_time_activity(TIMES, values, LU, errors, model="bi", bootstrap=400, seed=2)
    assert again.bootstrap == fit.bootstrap


def test_many_curves_at_once_are_the_same_as_one_by_one():
    values = np.stack([BI, UPTAKE, 60 * np.exp(-TIMES * RATE / 60), UPTAKE[::-1]])
    together = fit_time_activities(TIMES, values, LU, relative_uncertainty=0.05)
    for fit, row in zip(together, values):
        alone = fit_time_activity(TIMES, row, LU, relative_uncertainty=0.05)
        assert alone.model == fit.model
        assert alone.tia_mbq_h == pytest.approx(fit.tia_mbq_h, rel=1e-9)
