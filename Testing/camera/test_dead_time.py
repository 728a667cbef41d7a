"""Dead-time correction by both models, and the dead time of a decaying source of the generator."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.camera.dead_time import MODELS, DeadTime, fit_dead_time, observed_rate_cps, true_rate_cps
from RNTDosimetryLib.phantom import decaying_source

REPEATS = 200
# 200 draws with probability 0.683: mean 136.6, standard deviation 6.6; three standard deviations.
ONE_SIGMA_RANGE = (117, 156)


def test_worked_values():
    """By hand: n tau = 0.2, tau 1 us: paralyzable m = 2e5 exp(-0.2) = 163746.15; non-paralyzable m = 2e5/1.2 = 166666.67."""
    assert float(true_rate_cps(163746.15, 1e-6)) == pytest.approx(2e5, rel=1e-7)
    assert float(true_rate_cps(166666.6667, 1e-6, "non-paralyzable")) == pytest.approx(2e5, rel=1e-9)


@settings(deadline=None, max_examples=60)
@given(busy=st.floats(0, 0.999), tau=st.floats(1e-8, 1e-5), model=st.sampled_from(MODELS))
def test_correction_undoes_the_loss(busy, tau, model):
    """For every true rate below the maximum of the paralyzable model (n tau = 1)."""
    true = busy / tau
    assert float(true_rate_cps(observed_rate_cps(true, tau, model), tau, model)) == pytest.approx(true, rel=1e-6, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(rate=st.floats(0, 1e5), tau=st.floats(0, 3e-6), model=st.sampled_from(MODELS))
def test_correction_never_lowers_a_rate(rate, tau, model):
    assert float(true_rate_cps(rate, tau, model)) >= rate * (1 - 1e-12)


def test_rates_of_projections_are_corrected_together():
    rates = np.array([[1e4, 5e4], [0.0, 1e5]])
    found = true_rate_cps(rates, 1e-6)
    assert found.shape == rates.shape
    assert found[1, 0] == 0
    assert observed_rate_cps(found, 1e-6) == pytest.approx(rates, rel=1e-12)


@pytest.mark.parametrize(("model", "largest"), [("paralyzable", 1 / (math.e * 6e-7)), ("non-paralyzable", 1 / 6e-7)])
def test_rates_beyond_the_maximum_are_refused(model, largest):
    """A paralyzable camera never shows more than 1/(e tau), the other never 1/tau."""
    dead_time = DeadTime(6e-7, model)
    assert dead_time.largest_observed_cps == pytest.approx(largest)
    assert dead_time.factor(0.99 * largest).factor > 1
    with pytest.raises(DosimetryError, match="Expected a wide-spectrum rate below"):
        dead_time.factor(1.001 * largest)


@pytest.mark.parametrize("model", MODELS)
def test_uncertainty_of_the_factor_is_its_slope(model):
    """Against the difference of the factors of two dead times at one observed rate."""
    rate, step = 2.5e5, 1e-10
    both = [DeadTime(6e-7 + sign * step, model).factor(rate).factor for sign in (-1, 1)]
    slope = (both[1] - both[0]) / (2 * step)
    factor = DeadTime(6e-7, model, uncertainty_s=2e-8).factor(rate)
    assert factor.relative_uncertainty == pytest.approx(slope * 2e-8 / factor.factor, rel=1e-5)
    assert DeadTime(6e-7, model).factor(rate).relative_uncertainty is None


def test_heavy_losses_are_warned_about():
    assert DeadTime(6e-7).factor(1e4).warnings == ()
    assert "of the counts are lost" in DeadTime(6e-7).factor(5e5).warnings[0]


@pytest.mark.parametrize("model", MODELS)
def test_dead_time_of_a_decaying_source(model):
    """200 noisy series of the generator: within 1 %, and the truth within 1 sigma at the stated rate."""
    series = decaying_source(model)
    rng = np.random.default_rng(7)
    fits = [fit_dead_time(series.activities_mbq, series.observed_cps(rng), series.duration_s, model) for _ in range(REPEATS)]
    errors = np.array([fit.dead_time_s - series.dead_time_s for fit in fits])
    assert np.abs(errors).max() < 0.01 * series.dead_time_s
    # The uncertainty never shrinks for a small chi-squared and grows for a large one, so it may cover a little more.
    assert ONE_SIGMA_RANGE[0] <= np.sum(np.abs(errors) <= [fit.uncertainty_s for fit in fits]) <= ONE_SIGMA_RANGE[1] + 12
    assert np.mean([fit.wide_spectrum_cps_per_mbq for fit in fits]) == pytest.approx(series.wide_spectrum_cps_per_mbq, rel=2e-4)


def test_the_wrong_model_is_seen():
    series = decaying_source()
    rates = series.observed_cps(1)
    right = fit_dead_time(series.activities_mbq, rates, series.duration_s)
    wrong = fit_dead_time(series.activities_mbq, rates, series.duration_s, "non-paralyzable")
    assert right.warnings == ()
    assert "misses the points" in wrong.warnings[0]
    assert wrong.chi2 > 100 * right.chi2


def test_unusable_series_are_refused():
    with pytest.raises(DosimetryError, match="Expected at least 4 pairs"):
        fit_dead_time([1, 2, 3], [1, 2, 3], 60)
    with pytest.raises(DosimetryError, match="positive activities"):
        fit_dead_time([1, 2, 3, 4], [1, 2, 3, 0], 60)
    with pytest.raises(DosimetryError, match="losses that show the dead time"):
        fit_dead_time([1, 2, 3, 4], [10.0, 20.0, 30.0, 40.0], 60)
    with pytest.raises(DosimetryError, match="model paralyzable or non-paralyzable"):
        true_rate_cps(10.0, 1e-6, "hybrid")
    with pytest.raises(DosimetryError, match="zero or more"):
        true_rate_cps(-1.0, 1e-6)
    with pytest.raises(DosimetryError, match=r"Expected a dead time in s of at least 0 and below 0\.01"):
        DeadTime(float("nan"))
