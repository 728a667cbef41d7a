"""Noise-free curves of every model come back exactly, whatever the weights."""

import numpy as np
import pytest
from fixtures.simulation import Lu177

from RNTDosimetryLib.kinetics import fit_time_activity, get_model, list_models
from RNTDosimetryLib.kinetics.priors import general_rate

LU = Lu177()
DECAY = LU.decay_constant_per_h
TIMES = np.array([0.02, 0.1, 0.5, 1, 2, 4, 8, 24, 48, 72, 120, 168])
RATE = np.log(2)
TRUTHS = {
    "physical": {"amplitude_1_mbq": 80.0},
    "mono": {"amplitude_1_mbq": 80.0, "rate_1_per_h": RATE / 50},
    "uptake": {"amplitude_1_mbq": 80.0, "rate_1_per_h": RATE / 60, "rate_2_per_h": RATE / 3},
    "bi": {"amplitude_1_mbq": 50.0, "amplitude_2_mbq": 30.0, "rate_1_per_h": RATE / 70, "rate_2_per_h": RATE / 5},
    "bi_from_zero": {"amplitude_1_mbq": 50.0, "amplitude_2_mbq": 30.0, "rate_1_per_h": RATE / 70, "rate_2_per_h": RATE / 5},
    "tri": {
        "amplitude_1_mbq": 40.0,
        "amplitude_2_mbq": 30.0,
        "amplitude_3_mbq": 50.0,
        "rate_1_per_h": RATE / 90,
        "rate_2_per_h": RATE / 12,
        "rate_3_per_h": RATE / 0.7,
    },
    # rates that a population holds come back exactly where the truth is the population's median
    "uptake_held": {
        "amplitude_1_mbq": 80.0,
        "rate_1_per_h": RATE / 60,
        "rate_2_per_h": DECAY + general_rate("uptake").median_per_h,
    },
    "mono_early_clearance": {
        "amplitude_1_mbq": 50.0,
        "amplitude_2_mbq": 30.0,
        "rate_1_per_h": RATE / 60,
        "rate_2_per_h": DECAY + general_rate("early_clearance").median_per_h,
    },
}


def test_every_model_is_covered():
    assert {*TRUTHS, "trapezoid"} == set(list_models())


@pytest.mark.parametrize("weighting", [{"uncertainties_mbq": 0.7}, {"relative_uncertainty": 0.05}, {"counts": 1e4}, {}])
@pytest.mark.parametrize("name", TRUTHS)
def test_noise_free_curve_is_recovered(name, weighting):
    truth = TRUTHS[name]
    amplitudes, rates = get_model(name).exponentials(np.array(list(truth.values())), DECAY)
    fit = fit_time_activity(TIMES, np.exp(-TIMES[:, None] * rates) @ amplitudes, LU, model=name, **weighting)
    assert fit.converged
    assert list(fit.parameters) == list(truth)
    np.testing.assert_allclose(list(fit.parameters.values()), list(truth.values()), rtol=1e-6)
    assert fit.tia_mbq_h == pytest.approx((amplitudes / rates).sum(), rel=1e-6)
    late = np.array([0.3, 60.0, 400.0])
    np.testing.assert_allclose(fit.activity_mbq(late), np.exp(-late[:, None] * rates) @ amplitudes, rtol=1e-5)


def test_uptake_with_a_second_initial_activity():
    # a bi-exponential may rise from an activity that is not zero: A2 < 0, A1 + A2 > 0
    activities = 60 * np.exp(-TIMES * RATE / 80) - 25 * np.exp(-TIMES * RATE / 6)
    fit = fit_time_activity(TIMES, activities, LU, 0.5, model="bi")
    assert fit.parameters["amplitude_2_mbq"] == pytest.approx(-25, rel=1e-6)
    assert fit.tia_mbq_h == pytest.approx((60 * 80 - 25 * 6) / RATE, rel=1e-6)


def test_integral_and_tail_agree_with_quadrature():
    fit = fit_time_activity(TIMES, 60 * np.exp(-TIMES * RATE / 80) + 25 * np.exp(-TIMES * RATE / 6), LU, 0.5, model="bi")
    grid = np.concatenate([np.linspace(0, 168, 200001), np.linspace(168, 4000, 200001)[1:]])
    values = fit.activity_mbq(grid)
    areas = np.diff(grid) * 0.5 * (values[1:] + values[:-1])
    assert fit.tia_mbq_h == pytest.approx(areas.sum(), rel=1e-7)
    assert fit.tail_share == pytest.approx(areas[200000:].sum() / areas.sum(), rel=1e-6)


def test_trapezoid_by_hand():
    # 10 MBq from 0 to 2 h, line from 10 to 4 MBq until 26 h, then physical decay from 4 MBq
    fit = fit_time_activity([26, 2], [4, 10], LU, [0.4, 1.0], model="trapezoid")
    assert fit.tia_mbq_h == pytest.approx(20 + 24 * 7 + 4 / DECAY, rel=1e-12)
    assert fit.tail_share == pytest.approx(4 / DECAY / fit.tia_mbq_h, rel=1e-12)
    assert fit.tia_fit_uncertainty_mbq_h == pytest.approx(np.hypot(1.0 * (2 + 12), 0.4 * (12 + 1 / DECAY)), rel=1e-12)
    assert fit.activity_mbq(14.0) == pytest.approx(7.0)
    assert fit.activity_mbq(26 + 159.528) == pytest.approx(2.0)


@pytest.mark.parametrize("half_lives", [(2.0, 0.05), (0.3, 0.02)])
def test_dynamic_imaging_with_many_frames(half_lives):
    # 36 frames of a dynamic PET, minutes in hours; truth known, 3 % noise, seed fixed
    class F18:
        name = "F-18"
        decay_constant_per_h = np.log(2) / 1.82871

    times = np.concatenate([np.arange(12) * 10 + 5, 120 + np.arange(12) * 30 + 15, 480 + np.arange(12) * 180 + 90]) / 3600
    slow = F18.decay_constant_per_h + np.log(2) / half_lives[0]
    fast = F18.decay_constant_per_h + np.log(2) / half_lives[1]
    exact = 100 * (np.exp(-slow * times) - np.exp(-fast * times))
    noisy = exact + 0.5 * np.random.default_rng(3).standard_normal(times.size)
    fit = fit_time_activity(times, noisy, F18(), 0.5)
    assert fit.model in ("uptake", "bi", "bi_from_zero")
    assert abs(fit.tia_mbq_h - 100 * (1 / slow - 1 / fast)) < 3 * fit.tia_fit_uncertainty_mbq_h
    assert fit.tia_fit_uncertainty_mbq_h < 0.05 * fit.tia_mbq_h
    # more than half of the first curve's integral lies after the last frame, where a slower phase may hide
    assert fit.tia_low_mbq_h < 100 * (1 / slow - 1 / fast) < fit.tia_high_mbq_h
    assert fit.tia_high_mbq_h < 1.5 * fit.tia_mbq_h
