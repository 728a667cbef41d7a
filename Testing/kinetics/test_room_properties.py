"""What must hold for any samples."""

from dataclasses import dataclass

import numpy as np
import pytest
from fixtures.simulation import Lu177
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.kinetics import fit_time_activity

LU = Lu177()
DECAY = LU.decay_constant_per_h
# the same samples in every run; no shrinking, which takes minutes. Many random samples determine no fit and are left out; how many
# hangs on the constants that hypothesis finds in the modules loaded by other tests
FIXED = settings(
    deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate), suppress_health_check=[HealthCheck.filter_too_much]
)
FREE_MODELS = ["mono", "uptake", "bi", "physical", "trapezoid"]


@st.composite
def samples(draw, smallest=3, largest=8):
    """Times (h), activities (MBq, some not positive) and uncertainties (MBq)."""
    count = draw(st.integers(smallest, largest))
    times = draw(st.lists(st.integers(1, 400), min_size=count, max_size=count, unique=True))
    activities = draw(st.lists(st.floats(-2, 100), min_size=count, max_size=count))
    activities[draw(st.integers(0, count - 1))] = draw(st.floats(5, 100))
    return 0.5 * np.array(times), np.array(activities), 0.05 * np.abs(activities) + 0.5


@st.composite
def falling_samples(draw):
    """Samples of a mono-exponential within 5 %, with an uncertainty of 10 %: no fit of these is poor."""
    count = draw(st.integers(3, 8))
    times = 0.5 * np.array(draw(st.lists(st.integers(1, 400), min_size=count, max_size=count, unique=True)))
    curve = draw(st.floats(1, 100)) * 2.0 ** (-times / draw(st.floats(20, 150)))
    return times, curve * np.array(draw(st.lists(st.floats(0.95, 1.05), min_size=count, max_size=count))), 0.1 * curve


def fit_what_is_determined(times, activities, sigmas, model, nuclide=LU):
    """A fit, leaving out samples that do not determine it (all but one at zero, say): their answer hangs on rounding."""
    fit = fit_time_activity(times, activities, nuclide, sigmas, model=model)
    assume(fit.identifiable and fit.converged and fit.tia_mbq_h > 0)
    assume(not any("do not determine" in text or "the limit of what" in text for text in fit.warnings))
    return fit


def close(one, other, tolerance=1e-6):
    return one == pytest.approx(other, rel=tolerance, abs=1e-9)


@settings(FIXED, max_examples=20)
@given(samples(), st.sampled_from(["auto", *FREE_MODELS]), st.floats(1e-3, 1e3))
def test_scaling_the_activity_scales_the_integral(data, model, factor):
    times, activities, sigmas = data
    if model in ("uptake", "bi") and len(times) < 4:
        model = "mono"
    one = fit_what_is_determined(times, activities, sigmas, model)
    other = fit_time_activity(times, factor * activities, LU, factor * sigmas, model=model)
    assert other.model == one.model
    assert close(other.tia_mbq_h, factor * one.tia_mbq_h)
    assert close(other.tia_uncertainty_mbq_h, factor * one.tia_uncertainty_mbq_h, 1e-4)


@settings(FIXED, max_examples=20)
@given(samples(), st.sampled_from(["auto", *FREE_MODELS]), st.randoms(use_true_random=False))
def test_the_order_of_the_samples_does_not_matter(data, model, random):
    times, activities, sigmas = data
    if model in ("uptake", "bi") and len(times) < 4:
        model = "mono"
    order = list(range(len(times)))
    random.shuffle(order)
    one = fit_time_activity(times, activities, LU, sigmas, model=model)
    other = fit_time_activity(times[order], activities[order], LU, sigmas[order], model=model)
    assert one.to_dict() == other.to_dict()


@settings(FIXED, max_examples=20)
@given(samples(), st.sampled_from(FREE_MODELS), st.sampled_from([1 / 60, 3600.0, 24.0]))
def test_the_unit_of_time_does_not_matter(data, model, factor):
    # population rates are in hours, so this holds for the models without them
    times, activities, sigmas = data
    if model in ("uptake", "bi") and len(times) < 4:
        model = "mono"

    @dataclass(frozen=True)
    class Scaled:
        name: str = "Lu-177 in another unit of time"
        decay_constant_per_h: float = DECAY / factor

    one = fit_what_is_determined(times, activities, sigmas, model)
    other = fit_time_activity(factor * times, activities, Scaled(), sigmas, model=model)
    assert close(other.tia_mbq_h, factor * one.tia_mbq_h)
    assert close(other.tail_share, one.tail_share, 1e-5)


@settings(FIXED, max_examples=30)
@given(samples(2), st.sampled_from(["auto", "auto averaged", *FREE_MODELS]))
def test_never_negative_and_never_below_physical_decay(data, model):
    times, activities, sigmas = data
    if model in ("uptake", "bi") and len(times) < 4:
        model = "mono"
    fit = fit_time_activity(times, activities, LU, sigmas, model=model.split()[0], model_averaging="averaged" in model)
    grid = np.concatenate([np.linspace(0, times.max(), 200), times.max() + np.linspace(0, 2000, 200)])
    values = fit.activity_mbq(grid)
    assert (values >= 0).all()
    assert fit.tia_mbq_h >= 0
    assert all(rate >= DECAY * (1 - 1e-9) for rate in fit.rates_per_h)
    last = fit.activity_mbq(times.max())
    tail = fit.tail_share * fit.tia_mbq_h
    assert 0 <= tail <= fit.tia_mbq_h
    # a curve without uptake falls at least as fast as physical decay beyond the last sample
    if min(fit.amplitudes_mbq, default=0.0) >= 0:
        assert tail <= last / DECAY * (1 + 1e-6) + 1e-9
    if fit.model in ("mono", "physical", "trapezoid"):
        # everything before the last sample adds to its tail
        assert fit.tia_mbq_h >= last / (max(fit.rates_per_h) if fit.rates_per_h else DECAY) * (1 - 1e-9)
    assert fit.to_dict()["tia_mbq_h"] == fit.tia_mbq_h


@settings(FIXED, max_examples=15)
@given(falling_samples(), st.floats(0.5, 5))
def test_a_common_factor_of_the_uncertainties_moves_only_the_uncertainty(data, factor):
    times, activities, sigmas = data
    one = fit_time_activity(times, activities, LU, sigmas, model="mono")
    other = fit_time_activity(times, activities, LU, factor * sigmas, model="mono")
    assert close(other.tia_mbq_h, one.tia_mbq_h)
    assert close(other.tia_fit_uncertainty_mbq_h, factor * one.tia_fit_uncertainty_mbq_h, 1e-5)


@settings(FIXED, max_examples=15)
@given(falling_samples())
def test_a_sample_given_twice_with_larger_uncertainty_is_the_same_sample(data):
    times, activities, sigmas = data
    one = fit_time_activity(times, activities, LU, sigmas, model="mono")
    twice = np.sqrt(2) * np.concatenate([sigmas, sigmas])
    other = fit_time_activity(np.tile(times, 2), np.tile(activities, 2), LU, twice, model="mono")
    assert close(other.tia_mbq_h, one.tia_mbq_h)
    assert close(other.tia_uncertainty_mbq_h, one.tia_uncertainty_mbq_h, 1e-5)
