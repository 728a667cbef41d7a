"""What the samples cannot exclude is in the stated interval and in the standard uncertainty."""

import math

import numpy as np
import pytest
from fixtures.simulation import HIDDEN, LU177_HALF_LIFE_H, Lu177, run_hidden

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.kinetics import (
    KineticFit,
    fit_time_activities,
    fit_time_activity,
    later_cycle,
    population_prior,
    single_time_point,
    two_points,
)

LU = Lu177()
LN2 = np.log(2)
NEEDED = {4: 0.90, 3: 0.80, 2: 0.75, 1: 0.75}
MAIN_ROWS = [HIDDEN[index] for index in (0, 1, 2, 4, 9, 10, 11, 12, 17, 18, 21, 22, 24)]


def mono(times_h, half_life_h):
    return 100 * 2.0 ** (-np.asarray(times_h, float) / half_life_h)


def width(fit):
    return (fit.tia_high_mbq_h - fit.tia_low_mbq_h) / fit.tia_mbq_h


@pytest.mark.parametrize("row", MAIN_ROWS, ids=[f"{row.name}, {row.times_h}" for row in MAIN_ROWS])
def test_hidden_phases_are_inside(row):
    # therapy.md section 4: with the fit's covariance alone 0 to 10 % of these truths were within 2 sigma with three scans
    curves = 30
    held = run_hidden(row, curves)
    needed = NEEDED[len(row.times_h)]
    # one and a half standard deviations of so few curves
    allowed = needed - 1.5 * np.sqrt(needed * (1 - needed) / curves)
    assert held.interval >= allowed
    assert held.two_sigma >= allowed


@pytest.mark.parametrize("half_life_h", [30.0, 50.0, 70.0, 100.0])
def test_four_scans_of_one_phase_stay_within_8_percent(half_life_h):
    # wide for nothing would help nobody: 4, 24, 96, 168 h with 5 %
    times, generator = np.array([4.0, 24, 96, 168]), np.random.default_rng(3)
    exact = mono(times, half_life_h)
    measured = exact * (1 + 0.05 * generator.standard_normal((9, 4)))
    fits = fit_time_activities(times, measured, LU, 0.05 * measured)
    assert np.median([fit.tia_relative_uncertainty for fit in fits]) < 0.08


@pytest.mark.parametrize("half_life_h", [30.0, 50.0, 90.0, 140.0])
def test_a_scan_less_never_narrows(half_life_h):
    found = []
    for times in ([4.0, 24, 96, 168], [4.0, 24, 96], [4.0, 24]):
        values = mono(times, half_life_h)
        found.append(fit_time_activity(times, values, LU, 0.05 * values))
    value = mono([24.0], half_life_h)[0]
    alone = single_time_point(24, value, LU, uncertainty_mbq=0.05 * value)
    assert sorted(map(width, found)) == list(map(width, found))
    sigmas = [fit.tia_relative_uncertainty for fit in (*found, alone)]
    assert sigmas == sorted(sigmas)


def test_more_noise_never_narrows():
    times = [4.0, 24, 96, 168]
    values = mono(times, 60)
    found = [fit_time_activity(times, values, LU, share * values) for share in (0.01, 0.03, 0.1, 0.3)]
    assert [width(fit) for fit in found] == sorted(width(fit) for fit in found)


def test_the_interval_follows_the_unit_of_activity():
    times = np.array([24.0, 48, 120])
    values = mono(times, 40) * [1.02, 0.97, 1.01]
    one = fit_time_activity(times, values, LU, 0.05 * values)
    other = fit_time_activity(times, 1000 * values, LU, 50 * values)
    for name in ("tia_low_mbq_h", "tia_high_mbq_h", "tia_uncertainty_mbq_h", "tia_model_uncertainty_mbq_h"):
        assert getattr(other, name) == pytest.approx(1000 * getattr(one, name), rel=1e-9)


def test_parts_add_in_squares_and_two_sigma_hold_the_interval():
    times = np.array([24.0, 48, 120])
    values = mono(times, 40) * [1.02, 0.99, 1.0]
    fit = fit_time_activity(times, values, LU, 0.05 * values)
    parts = fit.tia_fit_uncertainty_mbq_h, fit.tia_model_uncertainty_mbq_h
    assert fit.tia_uncertainty_mbq_h == pytest.approx(np.hypot(*parts), rel=1e-12)
    without = fit_time_activity(times, values, LU, 0.05 * values, model_error=False)
    assert without.tia_uncertainty_mbq_h == parts[0]
    assert without.tia_low_mbq_h is None
    assert fit.tia_mbq_h == without.tia_mbq_h
    assert fit.tia_coverage == 0.95
    assert fit.tia_mbq_h - 2 * fit.tia_uncertainty_mbq_h <= fit.tia_low_mbq_h < fit.tia_mbq_h
    assert fit.tia_mbq_h < fit.tia_high_mbq_h <= fit.tia_mbq_h + 2 * fit.tia_uncertainty_mbq_h
    # a tail can only add much, and the interval is as askew
    assert fit.tia_high_mbq_h - fit.tia_mbq_h > 2 * (fit.tia_mbq_h - fit.tia_low_mbq_h)
    assert any("agree with these samples" in text and "would narrow it" in text for text in fit.warnings)


def test_a_common_part_widens_both_ends_by_hand():
    values = mono([24.0, 48, 120], 40)
    fit = fit_time_activity([24.0, 48, 120], values, LU, 0.05 * values)
    low, high = fit.tia_interval_with(0.1)
    # 1.959964 standard deviations hold 95 % of a normal distribution
    common = 1.959964 * 0.1 * fit.tia_mbq_h
    assert low == pytest.approx(fit.tia_mbq_h - np.hypot(fit.tia_mbq_h - fit.tia_low_mbq_h, common), rel=1e-6)
    assert high == pytest.approx(fit.tia_mbq_h + np.hypot(fit.tia_high_mbq_h - fit.tia_mbq_h, common), rel=1e-6)


def test_fits_of_older_versions_still_load():
    values = mono([24.0, 48, 120], 40)
    written = fit_time_activity([24.0, 48, 120], values, LU, 0.05 * values).to_dict()
    for name in ("fit_uncertainty_mbq_h", "model_uncertainty_mbq_h", "low_mbq_h", "high_mbq_h", "coverage"):
        del written[f"tia_{name}"]
    again = KineticFit.from_dict(written)
    assert again.tia_low_mbq_h is None
    assert again.tia_interval_with(0.1) is None


def test_exact_samples_of_unknown_noise_state_nothing():
    times = np.array([4.0, 24, 96])
    fit = fit_time_activity(times, mono(times, 69.3), LU)
    assert fit.tia_uncertainty_mbq_h is None
    assert fit.tia_low_mbq_h is None
    assert any("cannot be stated" in text for text in fit.warnings)


def test_unknown_noise_is_wider_than_the_residuals_that_happen_to_be_small():
    # residuals of a thousandth with one degree of freedom do not make three scans exact
    times = np.array([24.0, 48, 120])
    fit = fit_time_activity(times, mono(times, 40) * [1.001, 0.999, 1.0], LU)
    assert fit.tia_fit_uncertainty_mbq_h < 0.01 * fit.tia_mbq_h
    assert fit.tia_relative_uncertainty > 0.05


def test_a_late_rise_is_inside():
    # straight lines and physical decay after the last sample: 10090 MBq h
    fit = fit_time_activity([4, 24, 72, 168], [10, 14, 16, 30], LU, relative_uncertainty=0.05)
    assert fit.tia_low_mbq_h < 10090 < fit.tia_high_mbq_h


def test_physical_decay_chosen_by_name_is_certain_and_says_so():
    fit = fit_time_activity([24, 96], [10, 7.2], LU, relative_uncertainty=0.05, model="physical")
    assert fit.tia_low_mbq_h is None
    assert fit.tia_relative_uncertainty < 0.05
    assert any("follow physical decay alone" in text for text in fit.warnings)


def logit(share):
    return np.log(share / (1 - share))


def test_one_scan_against_a_plain_simulation_of_the_family():
    # one scan says nothing of the shape: the interval is that of the population itself, drawn here with plain formulas
    data, generator, count = read_json("kinetics", "shapes.json"), np.random.default_rng(1), 200000
    z, kind, time = generator.standard_normal((6, count)), generator.random((2, count)), 48.0
    decay, given = LU.decay_constant_per_h, data["probability"]
    main = data["clearance"]
    sd = np.where(z[0] > 0, main["log_sd_shorter"], main["log_sd_longer"])
    main = LN2 / main["biological_half_life_h"] * np.exp(sd * z[0])
    edges = np.cumsum([given["main_alone"], given["with_slow"], given["with_fast"]])
    slow = (kind[0] > edges[0]) & (kind[0] <= edges[1]) | (kind[0] > edges[2])
    fast = kind[0] > edges[1]
    uptake = np.where(
        kind[1] < given["uptake"], LN2 / data["uptake"]["biological_half_life_h"] * np.exp(data["uptake"]["log_sd"] * z[1]), 1e9
    )
    odds = logit(data["slow_phase_rate"]["share_of_main_rate"]) + data["slow_phase_rate"]["logit_sd"] * z[2]
    ratio = data["fast_phase_rate"]["log_ratio_to_main"] * np.exp(data["fast_phase_rate"]["log_sd"] * z[4])
    activity, tia = np.zeros(count), np.zeros(count)
    for rate, share in (
        (main, np.ones(count)),
        (
            main / (1 + np.exp(-odds)),
            slow * np.exp(logit(data["slow_phase_share"]["share"]) + data["slow_phase_share"]["logit_sd"] * z[3]),
        ),
        (
            main * np.exp(ratio),
            fast * np.exp(logit(data["fast_phase_share"]["share"]) + data["fast_phase_share"]["logit_sd"] * z[5]),
        ),
    ):
        rate = rate + decay
        activity += share * np.exp(-rate * time) * (1 - np.exp(-uptake * time))
        tia += share * (1 / rate - 1 / (rate + uptake))
    low, high = np.quantile(10 * tia / activity, [0.025, 0.975])
    fit = single_time_point(time, 10.0, LU, uncertainty_mbq=1e-4)
    assert fit.tia_low_mbq_h == pytest.approx(low, rel=0.02)
    assert fit.tia_high_mbq_h == pytest.approx(high, rel=0.04)


def test_hanscheid_too_early_is_refused_and_states_its_spread_else():
    with pytest.raises(
        DosimetryError, match=r"near the effective half-life .* received one at 4 h.* measure later or give effective_half_life_h"
    ):
        single_time_point(4, 10.0, LU, uncertainty_mbq=0.5)
    fit = single_time_point(27.7, 10.0, LU, uncertainty_mbq=0.5)
    # therapy.md section 4: 22 to 51 % too low in two kidneys, liver and spleen of a published patient
    for error in (-0.22, -0.21, -0.51, -0.35):
        assert fit.tia_low_mbq_h < fit.tia_mbq_h / (1 + error) < fit.tia_high_mbq_h
        assert fit.tia_mbq_h / (1 + error) < fit.tia_mbq_h + 2 * fit.tia_uncertainty_mbq_h


def test_a_lesion_that_still_takes_up_at_4_hours_is_inside():
    # a lesion at 4 h alone gave 8.8 +- 3.0 Gy where 29.7 Gy are true (issue: one and two scans)
    fit = single_time_point(4, 10.0, LU, "madsen", effective_half_life_h=77.0, uncertainty_mbq=0.5)
    assert fit.tia_high_mbq_h > 29.7 / 8.8 * fit.tia_mbq_h
    assert 2 * fit.tia_uncertainty_mbq_h > (29.7 / 8.8 - 1) * fit.tia_mbq_h


def test_half_life_of_the_patient_varies_less_than_that_of_a_population():
    given = {"effective_half_life_h": 51.0, "uncertainty_mbq": 0.5}
    population = single_time_point(24, 10.0, LU, "madsen", **given)
    patient = single_time_point(24, 10.0, LU, "madsen", half_life_from="earlier_cycle", **given)
    # 25 % between patients, 10 % between the cycles of one (Garske et al. 2012)
    assert population.tia_fit_uncertainty_mbq_h == pytest.approx(
        single_time_point(24, 10.0, LU, "madsen", half_life_log_sd=0.25, **given).tia_fit_uncertainty_mbq_h
    )
    assert patient.tia_fit_uncertainty_mbq_h == pytest.approx(
        single_time_point(24, 10.0, LU, "madsen", half_life_log_sd=0.10, **given).tia_fit_uncertainty_mbq_h
    )
    # d ln(TIA) / d ln(T) = 1 - kt at first order
    assert patient.tia_fit_uncertainty_mbq_h / patient.tia_mbq_h == pytest.approx(
        np.hypot(0.05, 0.1 * (1 - LN2 / 51 * 24)), rel=0.03
    )
    assert width(patient) < width(population)
    assert any("earlier cycle of this patient" in text for text in patient.warnings)
    with pytest.raises(DosimetryError, match="half_life_from population or earlier_cycle, received 'guess'"):
        single_time_point(24, 10.0, LU, "madsen", half_life_from="guess", **given)


def test_the_spread_of_a_population_is_that_of_its_effective_half_life():
    # d ln(T) = -(b / (b + lambda)) d ln(b): the stored 20 % of kidneys are of the effective half-life, those of b are larger
    prior = population_prior("177Lu-DOTATATE", "kidney")
    assert prior.clearance.log_sd > 0.25
    one = single_time_point(24, 10.0, LU, "madsen", prior=prior, uncertainty_mbq=0.5)
    same = single_time_point(24, 10.0, LU, "madsen", effective_half_life_h=51.0, half_life_log_sd=0.2, uncertainty_mbq=0.5)
    assert one.tia_fit_uncertainty_mbq_h == pytest.approx(same.tia_fit_uncertainty_mbq_h, rel=1e-9)


def test_two_scans_with_a_known_half_life():
    times, values = np.array([4.0, 24.0]), mono([4.0, 24.0], 51)
    alone = two_points(times, values, LU, 0.05 * values)
    known = two_points(times, values, LU, 0.05 * values, effective_half_life_h=51.0, half_life_from="earlier_cycle")
    assert known.tia_mbq_h == pytest.approx(alone.tia_mbq_h, rel=0.01)
    assert known.tia_fit_uncertainty_mbq_h < 0.5 * alone.tia_fit_uncertainty_mbq_h
    assert width(known) < width(alone)
    with pytest.raises(DosimetryError, match="Expected prior or effective_half_life_h, received both"):
        two_points(times, values, LU, prior=population_prior("177Lu-DOTATATE", "kidney"), effective_half_life_h=51.0)


def test_a_later_cycle_keeps_what_the_earlier_scans_could_not_exclude():
    values = mono([24.0, 48, 120], 40)
    earlier = fit_time_activity([24.0, 48, 120], values, LU, 0.05 * values)
    fit = later_cycle(48, 20.0, LU, earlier, 1.0)
    assert fit.tia_relative_uncertainty > earlier.tia_relative_uncertainty
    assert fit.tia_high_mbq_h / fit.tia_mbq_h > earlier.tia_high_mbq_h / earlier.tia_mbq_h
    assert fit.tia_fit_uncertainty_mbq_h < fit.tia_uncertainty_mbq_h
    plain = later_cycle(48, 20.0, LU, fit_time_activity([24.0, 48, 120], values, LU, 0.05 * values, model_error=False), 1.0)
    assert any("states no interval" in text for text in plain.warnings)


def test_covariance_with_a_population_against_the_curvature_of_its_objective():
    # chain rule d ln(b) / d ln(rate) = rate / b: samples on the population's median curve, so that the curvature is exact
    prior = population_prior("177Lu-PSMA-617", "kidney")
    times = np.array([24.0, 96.0])
    exact = mono(times, 35.5)
    fit = fit_time_activity(times, exact, LU, 0.2 * exact, prior=prior, model="mono")
    best = np.array(list(fit.parameters.values()))

    def objective(parameters):
        amplitude, rate = parameters
        residual = (exact - amplitude * np.exp(-rate * times)) / (0.2 * exact)
        step = np.log((rate - LU.decay_constant_per_h) / prior.clearance.median_per_h) / prior.clearance.log_sd
        return 0.5 * (residual @ residual + step**2)

    steps, hessian = 1e-4 * best, np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            a, b = np.eye(2)[i] * steps, np.eye(2)[j] * steps
            ends = objective(best + a + b) - objective(best + a - b) - objective(best - a + b) + objective(best - a - b)
            hessian[i, j] = ends / (4 * steps[i] * steps[j])
    np.testing.assert_allclose(fit.covariance, np.linalg.inv(hessian), rtol=1e-4)


def test_effective_half_life_has_physical_decay_in_it():
    values = mono([24.0, 96], 50)
    fit = fit_time_activity([24.0, 96], values, LU, 0.05 * values, model="mono")
    assert fit.effective_half_life_h == pytest.approx(50, rel=1e-6)
    # T = ln2 / rate: u(T) / T = u(rate) / rate, the rate with physical decay
    share = fit.standard_errors["rate_1_per_h"] / (LN2 / 50)
    assert fit.effective_half_life_uncertainty_h == pytest.approx(50 * share, rel=1e-6)
    fixed = fit_time_activity([24.0, 96], values, LU, 0.5 * values, model="physical")
    assert fixed.effective_half_life_h == pytest.approx(LU177_HALF_LIFE_H, rel=1e-9)
    assert fixed.effective_half_life_uncertainty_h is None


def test_three_scans_that_one_parameter_explains_stay_with_it():
    # N - K - 1 = 1 for physical decay, 0 for the mono-exponential: its criterion does not exist
    times = np.array([24.0, 72, 144])
    values = mono(times, LU177_HALF_LIFE_H) * [1.04, 0.99, 0.95]
    fit = fit_time_activity(times, values, LU, 0.05 * values, model=["physical", "mono"])
    assert fit.model == "physical"
    reasons = {item.model: item.reason for item in fit.ranking}
    assert "a model of fewer parameters explains them" in reasons["mono"]
    falling = mono(times, 60)
    assert fit_time_activity(times, falling, LU, 0.05 * falling, model=["physical", "mono"]).model == "mono"


def test_samples_on_the_curve_to_the_last_digit_leave_no_other_shape():
    """Three computed samples of 100 exp(-0.01 t) MBq, 5 % given: TIA 10000 MBq h with what was given alone; with noise the tail counts again."""
    times, exact = [4.0, 24.0, 96.0], [100 * math.exp(-0.01 * time) for time in (4.0, 24.0, 96.0)]
    fit = fit_time_activity(times, exact, "Lu-177", relative_uncertainty=0.05)
    assert fit.tia_mbq_h == pytest.approx(1e4, rel=1e-9)
    assert fit.tia_model_uncertainty_mbq_h == pytest.approx(0, abs=1e-3)
    assert 0.03 < fit.tia_uncertainty_mbq_h / fit.tia_mbq_h < 0.08
    assert fit.tia_low_mbq_h < fit.tia_mbq_h < fit.tia_high_mbq_h
    measured = fit_time_activity(times, [exact[0] * 1.001, *exact[1:]], "Lu-177", relative_uncertainty=0.05)
    assert measured.tia_uncertainty_mbq_h > 0.1 * measured.tia_mbq_h
    two = fit_time_activity(times[:2], exact[:2], "Lu-177", relative_uncertainty=0.05)
    assert two.tia_model_uncertainty_mbq_h > 0.1 * two.tia_mbq_h
