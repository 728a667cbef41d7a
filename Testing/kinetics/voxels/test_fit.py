"""fit_voxels: exact curves, brute force, equality with the region fit, invariances. Truth is analytic or from scipy."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from RNTDosimetryLib.kinetics.fits import fit_time_activity
from RNTDosimetryLib.kinetics.voxels.fit import VoxelFit, fit_voxels

LU_177 = SimpleNamespace(name="Lu-177", half_life_h=159.53, decay_constant_per_h=np.log(2) / 159.53)
DECAY = LU_177.decay_constant_per_h
THREE_H = np.array([4.0, 24.0, 96.0])
FOUR_H, SIX_H = np.array([4.0, 24.0, 96.0, 168.0]), np.array([2.0, 6.0, 24.0, 48.0, 96.0, 168.0])
TEN_H = np.array([0.5, 2, 6, 12, 24, 48, 72, 96, 168, 240])
REGION_MODELS = ["mono", "uptake_held", "mono_early_clearance", "uptake", "bi"]


def exponentials(times_h, amplitudes, rates):
    """(time, z, y, x) images of sums of exponentials; amplitudes and rates are lists of numbers or (z, y, x)."""
    return np.stack([sum(a * np.exp(-np.asarray(rate) * hour) for a, rate in zip(amplitudes, rates)) for hour in times_h])


def mono_case(rng, shape=(8, 9, 10), times_h=FOUR_H):
    rate = np.log(2) / rng.uniform(5, 159, shape)
    amplitude = rng.uniform(1e2, 1e7, shape)
    return exponentials(times_h, [amplitude], [rate]), amplitude / rate * 1e-6, rate


def column(values):
    """One curve as an image of one voxel."""
    return np.asarray(values, dtype=float)[:, None, None, None]


def test_mono_recovers_exact_curves_to_float32():
    images, tia, rate = mono_case(np.random.default_rng(1))
    fit = fit_voxels(FOUR_H, images, LU_177, model="mono")
    assert fit.tia_mbq_h_ml.dtype == np.float32
    assert fit.tia_mbq_h_ml.shape == images.shape[1:]
    np.testing.assert_allclose(fit.tia_mbq_h_ml, tia, rtol=3e-6)
    np.testing.assert_allclose(fit.half_life_h, np.log(2) / rate, rtol=3e-6)
    assert (fit.model_map == 1).all()
    assert fit.models[1] == "mono"


def test_mono_is_the_constrained_optimum_of_a_brute_force_search():
    # Truth: the least sum of squares over 20000 rates between physical decay and the fastest allowed, amplitude >= 0 in closed form.
    # The samples are noise around nothing, many of them negative, and small signals.
    rng = np.random.default_rng(2)
    curves = rng.normal(size=(4, 300)) + np.exp(-FOUR_H[:, None] / 60) * rng.integers(0, 4, 300)
    fit = fit_voxels(FOUR_H, curves[:, None, None], LU_177, model="mono", uncertainties_bq_ml=1.0)
    rates = np.geomspace(DECAY, np.log(2) / 5.0, 20000)  # 5 h: a quarter of the shortest gap, 20 h
    basis = np.exp(-np.outer(FOUR_H, rates))
    amplitudes = np.maximum(curves.T @ basis, 0) / (basis**2).sum(axis=0)
    best = ((curves**2).sum(axis=0)[:, None] - amplitudes**2 * (basis**2).sum(axis=0)).argmin(axis=1)
    tia = (amplitudes[np.arange(300), best] / rates[best]) * 1e-6
    seen = tia > 0
    assert 100 < seen.sum() < 300
    np.testing.assert_allclose(fit.tia_mbq_h_ml[0, 0, seen], tia[seen], rtol=2e-3)
    np.testing.assert_array_equal(fit.tia_mbq_h_ml[0, 0, ~seen], 0)
    np.testing.assert_array_equal(fit.model_map[0, 0] == 0, ~seen)


def test_rising_data_end_at_physical_decay_with_the_amplitude_fitted_again():
    # (24 h, 5), (96 h, 6): the best amplitude at the physical rate by hand, A = sum(e y) / sum(e^2), weights constant.
    times = np.array([24.0, 96.0])
    decay = np.exp(-DECAY * times)
    amplitude = decay @ [5.0, 6.0] / (decay @ decay)
    fit = fit_voxels(times, column([5.0, 6.0]), LU_177, model="mono", weighting="constant")
    assert fit.tia_mbq_h_ml[0, 0, 0] == pytest.approx(amplitude / DECAY * 1e-6, rel=1e-6)
    assert fit.half_life_h[0, 0, 0] == pytest.approx(159.53, rel=1e-6)
    assert fit.tail_share == pytest.approx(np.exp(-DECAY * 96), rel=1e-5)
    assert any("after the last image" in text for text in fit.warnings)
    assert any("physical decay" in text for text in fit.warnings)


def test_one_sample_below_zero_is_data_and_not_a_failure():
    # The voxel of dosimetry.md 10: one non-positive sample must not set the TIA to zero. scipy's fit is the outside truth.
    curve = np.array([100.0, 80.0, 20.0, -3.0])
    fit = fit_voxels(FOUR_H, column(curve), LU_177, model="mono", weighting="constant")
    (amplitude, rate), _ = curve_fit(lambda t, a, k: a * np.exp(-k * t), FOUR_H, curve, p0=(100, 0.01), ftol=1e-13, xtol=1e-13)
    assert fit.tia_mbq_h_ml[0, 0, 0] == pytest.approx(amplitude / rate * 1e-6, rel=1e-5)


@pytest.mark.parametrize(
    ("times_h", "amplitudes", "half_lives_h", "name"),
    [
        (TEN_H, (1.0, -1.0), (80.0, 20.0), "uptake"),
        (TEN_H, (0.5, 0.5), (90.0, 1.5), "bi"),
        (SIX_H, (1.0,), (50.0,), "mono"),
    ],
)
def test_auto_finds_the_curve_and_its_integral(times_h, amplitudes, half_lives_h, name):
    rates = np.log(2) / np.array(half_lives_h)
    amplitudes = 1e5 * np.array(amplitudes)
    fit = fit_voxels(times_h, exponentials(times_h, amplitudes, rates)[:, None, None, None], LU_177, relative_uncertainty=0.01)
    assert fit.models[fit.model_map[0, 0, 0]] == name
    assert fit.tia_mbq_h_ml[0, 0, 0] == pytest.approx((amplitudes / rates).sum() * 1e-6, rel=1e-5)
    assert fit.half_life_h[0, 0, 0] == pytest.approx(half_lives_h[0], rel=1e-4)


def noisy_curves(times_h, count, seed):
    """Mono, uptake and bi-exponential curves of 5 % noise, (time, curve) as float32 holds them."""
    rng = np.random.default_rng(seed)
    slow, fast = np.log(2) / rng.uniform(30, 158, count), np.log(2) / rng.uniform(2, 10, count)
    share, kind = rng.uniform(0.2, 0.6, count), np.arange(count) % 3
    first, second = np.choose(kind, [1.0, 1.0, 1 - share]), np.choose(kind, [0.0, -1.0, share])
    clean = 1e5 * (first * np.exp(-np.outer(times_h, slow)) + second * np.exp(-np.outer(times_h, fast)))
    return (clean * (1 + 0.05 * rng.normal(size=clean.shape))).astype(np.float32)


@pytest.mark.parametrize(
    "times_h", [np.array([24.0, 96.0]), THREE_H, FOUR_H, SIX_H, np.array([1.0, 3, 5, 8, 12, 24, 48, 72, 96, 168])]
)
@pytest.mark.parametrize("noise", [{"relative_uncertainty": 0.05}, {}, {"weighting": "counts"}, {"weighting": "constant"}])
def test_equal_voxels_give_the_region_fit(times_h, noise):
    # The same curve in all voxels of an image: model, TIA and uncertainty are those of fit_time_activity with the voxels' models. The model
    # error has a test of its own (test_model_error.py).
    for curve in noisy_curves(times_h, 6, seed=7).T:
        region = fit_time_activity(times_h, curve.astype(float), LU_177, model=REGION_MODELS, **noise, model_error=False)
        images = np.broadcast_to(curve[:, None, None, None], (times_h.size, 2, 3, 2))
        fit = fit_voxels(times_h, images, LU_177, **noise, model_error=False)
        assert {fit.models[code] for code in np.unique(fit.model_map)} == {region.model}
        np.testing.assert_allclose(fit.tia_mbq_h_ml, region.tia_mbq_h * 1e-6, rtol=2e-5)
        if region.tia_uncertainty_mbq_h is None:
            assert fit.tia_uncertainty_mbq_h_ml is None or any("assumed 5 %" in text for text in fit.warnings)
        else:
            np.testing.assert_allclose(fit.tia_uncertainty_mbq_h_ml, region.tia_uncertainty_mbq_h * 1e-6, rtol=2e-3)


def test_a_curve_that_meets_every_sample_says_nothing_of_their_noise():
    # Three samples of a rise: uptake held by a population meets them all, so the region states no uncertainty. A map has one number
    # for all voxels: it is the one for an assumed 5 % (rules.json), the region's with 5 % given, and the warning says so.
    times_h = np.array([2.0, 24.0, 72.0])
    exact = 1e5 * (np.exp(-times_h / 90) - np.exp(-times_h / 6))
    falling = 1e5 * np.exp(-times_h / 90) * [1.02, 0.98, 1.01]
    region = fit_time_activity(times_h, exact, LU_177, model=REGION_MODELS, model_error=False)
    assert (region.model, region.tia_uncertainty_mbq_h) == ("uptake_held", None)
    fit = fit_voxels(times_h, np.stack([exact, falling], axis=1)[:, None, None], LU_177, weighting="relative", model_error=False)
    assert [fit.models[code] for code in fit.model_map.ravel()] == ["uptake_held", "mono"]
    alone = fit_voxels(times_h, column(exact), LU_177, model_error=False)
    given_noise = fit_time_activity(times_h, exact, LU_177, model="uptake_held", relative_uncertainty=0.05, model_error=False)
    assert alone.tia_uncertainty_mbq_h_ml[0, 0, 0] == pytest.approx(given_noise.tia_uncertainty_mbq_h * 1e-6, rel=0.02)
    assert any("50 % of the voxels have a curve that meets every sample" in text for text in fit.warnings)
    assert any("assumed 5 %" in text for text in alone.warnings)


def test_given_uncertainties_give_the_region_fit():
    for curve in noisy_curves(SIX_H, 9, seed=8).T:
        sigma = 0.03 * curve.max() * np.linspace(1.5, 0.5, 6)
        region = fit_time_activity(
            SIX_H, curve.astype(float), LU_177, uncertainties_mbq=sigma, model=REGION_MODELS, model_error=False
        )
        fit = fit_voxels(SIX_H, curve[:, None, None, None], LU_177, uncertainties_bq_ml=sigma, model_error=False)
        assert fit.models[fit.model_map[0, 0, 0]] == region.model
        assert fit.tia_mbq_h_ml[0, 0, 0] == pytest.approx(region.tia_mbq_h * 1e-6, rel=2e-5)
        assert fit.tia_uncertainty_mbq_h_ml[0, 0, 0] == pytest.approx(region.tia_uncertainty_mbq_h * 1e-6, rel=2e-3)


def test_uncertainty_map_covers_the_truth():
    # Linear propagation on 5 % noise: the stated 1-sigma interval holds the truth in 68.3 % of the voxels (normal distribution);
    # 20000 voxels scatter by 0.3 %, curvature adds about 1 %.
    rng = np.random.default_rng(3)
    rate = np.log(2) / rng.uniform(30, 120, (20, 20, 50))
    clean = exponentials(FOUR_H, [1e5], [rate])
    noisy = clean * (1 + 0.05 * rng.normal(size=clean.shape))
    fit = fit_voxels(FOUR_H, noisy, LU_177, model="mono", uncertainties_bq_ml=None, relative_uncertainty=0.05, model_error=False)
    inside = np.abs(fit.tia_mbq_h_ml - 0.1 / rate) < fit.tia_uncertainty_mbq_h_ml
    assert inside.mean() == pytest.approx(0.683, abs=0.03)
    deviation = fit.tia_mbq_h_ml * rate / 0.1 - 1
    assert abs(np.median(deviation)) < 0.002
    assert abs(deviation.mean()) < 0.003


def test_uncertainty_from_residuals_has_the_right_size():
    # Constant noise of 500 Bq/mL known to the test only: the root mean square of the estimated uncertainties is that with it given.
    rng = np.random.default_rng(4)
    clean = exponentials(SIX_H, [1e5], [np.full((10, 20, 20), 0.012)])
    noisy = clean + 500 * rng.normal(size=clean.shape)
    given_noise = fit_voxels(SIX_H, noisy, LU_177, model="mono", uncertainties_bq_ml=500)
    estimated = fit_voxels(SIX_H, noisy, LU_177, model="mono", weighting="constant")
    ratio = np.mean(estimated.tia_uncertainty_mbq_h_ml**2) / np.mean(given_noise.tia_uncertainty_mbq_h_ml**2)
    assert ratio == pytest.approx(1.0, abs=0.05)


def test_dynamic_frames_work_in_the_same_call():
    # 40 frames from 20 s to 100 min of an F-18 nuclide: an uptake curve, exact.
    f_18 = SimpleNamespace(name="F-18", half_life_h=1.8295, decay_constant_per_h=np.log(2) / 1.8295)
    times_h = np.linspace(20, 6000, 40) / 3600
    rates = np.log(2) / np.array([1.5, 0.05])
    fit = fit_voxels(times_h, exponentials(times_h, [4e4, -4e4], rates)[:, None, None, None], f_18, relative_uncertainty=0.05)
    assert fit.models[fit.model_map[0, 0, 0]] == "uptake"
    assert fit.tia_mbq_h_ml[0, 0, 0] == pytest.approx((4e4 / rates[0] - 4e4 / rates[1]) * 1e-6, rel=1e-5)


@settings(deadline=None, max_examples=15)
@given(
    factor=st.floats(1e-3, 1e4), unit=st.floats(0.05, 60.0), seed=st.integers(0, 1000), model=st.sampled_from(["auto", "mono"])
)
def test_activity_scale_time_unit_and_order_do_not_matter(factor, unit, seed, model):
    curves = noisy_curves(SIX_H, 12, seed)[:, None, None]
    base = fit_voxels(SIX_H, curves, LU_177, model=model, relative_uncertainty=0.05, threads=1)
    order = np.random.default_rng(seed).permutation(6)
    slower = SimpleNamespace(name="slower", decay_constant_per_h=DECAY / unit)
    # The held population rates are in hours; only fits without them may be compared in another unit.
    stretched = fit_voxels(
        SIX_H[order] * unit, curves[order] * factor, slower, model="mono", relative_uncertainty=0.05, threads=1
    )
    same = fit_voxels(SIX_H[order], curves[order] * factor, LU_177, model=model, relative_uncertainty=0.05, threads=1)
    np.testing.assert_allclose(same.tia_mbq_h_ml, base.tia_mbq_h_ml * factor, rtol=1e-4)
    np.testing.assert_allclose(same.tia_uncertainty_mbq_h_ml, base.tia_uncertainty_mbq_h_ml * factor, rtol=1e-2)
    np.testing.assert_array_equal(same.model_map, base.model_map)
    mono = base if model == "mono" else fit_voxels(SIX_H, curves, LU_177, model="mono", relative_uncertainty=0.05, threads=1)
    np.testing.assert_allclose(stretched.tia_mbq_h_ml, mono.tia_mbq_h_ml * factor * unit, rtol=1e-4)


@settings(deadline=None, max_examples=25)
@given(
    curve=st.lists(st.floats(-1e6, 1e6, width=32), min_size=6, max_size=6),
    model=st.sampled_from(["auto", "mono", "shared", "physical"]),
    noise=st.sampled_from([{}, {"relative_uncertainty": 0.05}, {"uncertainties_bq_ml": 100.0}]),
    times_h=st.sampled_from(
        [SIX_H, np.array([48.0, 48.05, 72.0, 96.0, 96.1, 168.0]), np.array([0.0, 0.01, 24.0, 48.0, 96.0, 700.0])]
    ),
)
def test_any_samples_give_finite_maps_never_negative_and_never_slower_than_physical_decay(curve, model, noise, times_h):
    images = np.stack([column(curve), column(curve[::-1])], axis=-1)[..., 0, :]
    fit = fit_voxels(times_h, images, LU_177, model=model, threads=1, **noise)
    assert np.isfinite(fit.tia_mbq_h_ml).all()
    assert (fit.tia_mbq_h_ml >= 0).all()
    assert fit.tia_uncertainty_mbq_h_ml is None or np.isfinite(fit.tia_uncertainty_mbq_h_ml).all()
    assert (fit.half_life_h <= 159.53 * (1 + 1e-6)).all()
    assert 0 <= fit.tail_share <= 1
    fit.to_dict()


def test_name_of_a_nuclide_and_frames_of_whole_numbers():
    images, tia, _ = mono_case(np.random.default_rng(5), (2, 2, 2))
    fit = fit_voxels(FOUR_H, list(np.rint(images).astype(np.int32)), "Lu-177", model="mono")
    assert fit.nuclide == "Lu-177"
    np.testing.assert_allclose(fit.tia_mbq_h_ml, tia, rtol=0.02)


def test_result_is_written_without_its_maps_and_read_again():
    images, _, _ = mono_case(np.random.default_rng(6), (2, 2, 2))
    fit = fit_voxels(FOUR_H, images, LU_177, regions=np.ones((2, 2, 2), int))
    stored = json.loads(json.dumps(fit.to_dict()))
    assert "tia_mbq_h_ml" not in stored
    again = VoxelFit.from_dict(stored)
    assert again.models == fit.models
    assert again.region_discrepancy == fit.region_discrepancy
    assert again.times_h == fit.times_h
    assert again.tia_mbq_h_ml is None
