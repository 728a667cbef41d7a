"""Population rates: the data file, and fits with them."""

import numpy as np
import pytest
from fixtures.simulation import Lu177

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.kinetics import (
    PopulationPrior,
    RatePrior,
    fit_time_activity,
    general_rate,
    list_populations,
    population_prior,
)

LU = Lu177()
DECAY = LU.decay_constant_per_h
# medians: abstract of the AAPM 2026 meeting, paper 2620 (20 patients); DOTATATE from memory, marked so in the file
HALF_LIVES = {
    ("177Lu-PSMA-617", "kidney"): (35.5, "R"),
    ("177Lu-PSMA-617", "liver"): (22.9, "R"),
    ("177Lu-PSMA-617", "spleen"): (16.8, "R"),
    ("177Lu-PSMA-617", "parotid"): (42.2, "R"),
    ("177Lu-PSMA-617", "marrow"): (32.0, "R"),
    ("177Lu-DOTATATE", "kidney"): (51.0, "M"),
    ("177Lu-DOTATATE", "liver"): (67.0, "M"),
    ("177Lu-DOTATATE", "spleen"): (67.0, "M"),
    ("177Lu-DOTATATE", "tumour"): (77.0, "M"),
}


def test_stored_populations():
    assert set(list_populations()) == set(HALF_LIVES)
    for (pharmaceutical, tissue), (half_life, status) in HALF_LIVES.items():
        rate = population_prior(pharmaceutical, tissue).clearance
        assert rate.effective_half_life_h(DECAY) == pytest.approx(half_life, rel=1e-9)
        assert rate.status == status
        assert rate.source


def test_every_entry_has_source_and_status():
    data = read_json("kinetics", "populations.json")
    for entry in [*data["clearance"], *data["general"].values()]:
        assert entry["source"]
        assert entry["status"] in ("R", "C", "M", "A")
        assert 0 < entry["log_sd"] < 1
    for name, entry in read_json("kinetics", "rules.json").items():
        assert name == "_about" or (entry["status"] in ("R", "C", "M", "A") and entry["source"])


def test_names_are_read_kindly():
    assert population_prior("177lu psma 617", "Left kidney") == population_prior("177Lu-PSMA-617", "kidney")
    with pytest.raises(
        DosimetryError, match=r"Expected a stored population .*177Lu-DOTATATE tumour.* received '177Lu-PSMA-617' 'brain'"
    ):
        population_prior("177Lu-PSMA-617", "brain")


def test_spread_of_the_half_life_is_carried_to_the_rate():
    # d ln(T) = -(b / (b + lambda)) d ln(b)
    rate = RatePrior.from_effective_half_life(51.0, DECAY, 0.2)
    step = 1e-6
    faster = RatePrior(rate.median_per_h * np.exp(step), rate.log_sd)
    slope = np.log(faster.effective_half_life_h(DECAY) / 51.0) / step
    assert -slope * rate.log_sd == pytest.approx(0.2, rel=1e-5)
    with pytest.raises(DosimetryError, match=r"between 0 and the physical 159\.5 h, received 200"):
        RatePrior.from_effective_half_life(200.0, DECAY, 0.2)


def test_one_sample_gives_the_population_median():
    prior = population_prior("177Lu-PSMA-617", "kidney")
    fit = fit_time_activity([48], [20.0], LU, 1.0, prior=prior)
    rate = np.log(2) / 35.5
    assert fit.model == "mono"
    assert fit.effective_half_life_h == pytest.approx(35.5, rel=1e-6)
    assert fit.tia_mbq_h == pytest.approx(20 * np.exp(rate * 48) / rate, rel=1e-6)
    assert fit.population == "177Lu-PSMA-617 kidney"
    assert any("held by the population '177Lu-PSMA-617 kidney' (read in its source)" in text for text in fit.warnings)


def test_uncertainty_of_one_sample_against_monte_carlo():
    # truth drawn from the population, activity with its noise: the share of |estimate - truth| under the stated uncertainty
    prior = population_prior("177Lu-PSMA-617", "marrow")
    generator = np.random.default_rng(4)
    rates = DECAY + prior.clearance.median_per_h * np.exp(prior.clearance.log_sd * generator.standard_normal(200000))
    for time in (12.0, 46.0, 100.0):
        fit = fit_time_activity([time], [20.0], LU, 1.0, prior=prior)
        truths = (20 + generator.standard_normal(rates.size)) * np.exp(rates * time) / rates
        assert np.mean(np.abs(truths - fit.tia_mbq_h) < fit.tia_fit_uncertainty_mbq_h) == pytest.approx(0.683, abs=0.02)


def test_good_samples_overrule_the_population():
    prior = population_prior("177Lu-PSMA-617", "spleen")
    times = np.array([4.0, 24, 72, 120])
    exact = 50 * np.exp(-times * np.log(2) / 80)
    fit = fit_time_activity(times, exact, LU, 0.005 * exact, model="mono", prior=prior)
    assert fit.effective_half_life_h == pytest.approx(80, rel=0.03)
    assert any("standard deviations away from its population" in text for text in fit.warnings)


def test_maximum_a_posteriori_by_hand():
    prior = PopulationPrior("by hand", clearance=RatePrior(0.01, 0.3))
    times, values, errors = np.array([24.0, 48.0]), np.array([30.0, 24.0]), np.array([3.0, 2.4])
    fit = fit_time_activity(times, values, LU, errors, model="mono", prior=prior)
    logs = np.linspace(-2, 2, 400001) * 0.3 + np.log(0.01)
    shapes = np.exp(-(DECAY + np.exp(logs))[:, None] * times) / errors
    amplitudes = shapes @ (values / errors) / (shapes**2).sum(axis=1)
    objective = ((values / errors - amplitudes[:, None] * shapes) ** 2).sum(axis=1) + ((logs - np.log(0.01)) / 0.3) ** 2
    assert fit.parameters["rate_1_per_h"] == pytest.approx(DECAY + np.exp(logs[objective.argmin()]), rel=1e-5)


def test_a_rate_of_ones_own():
    fit = fit_time_activity([24], [10.0], LU, 0.5, prior=RatePrior(0.01, 0.3))
    assert fit.population == "given by the user"
    own = PopulationPrior("slow uptake", uptake=RatePrior(np.log(2) / 15, 0.2))
    times = np.array([4.0, 24, 96])
    exact = 60 * (np.exp(-times * np.log(2) / 90) - np.exp(-times * (DECAY + np.log(2) / 15)))
    fit = fit_time_activity(times, exact, LU, 0.05 * exact, prior=own)
    assert fit.model == "uptake_held"
    assert fit.parameters["rate_2_per_h"] == pytest.approx(DECAY + np.log(2) / 15, rel=1e-5)
    assert general_rate("uptake").median_per_h == pytest.approx(np.log(2) / 3.5)
    with pytest.raises(DosimetryError, match="positive median rate"):
        RatePrior(-0.01, 0.3)
