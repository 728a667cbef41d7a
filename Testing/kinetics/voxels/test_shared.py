"""fit_voxels with regions: shared rates, conservation of a region's TIA, known half-lives. Truth is analytic or from scipy."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import nnls

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.kinetics.fits import fit_time_activity
from RNTDosimetryLib.kinetics.voxels.fit import fit_voxels
from RNTDosimetryLib.kinetics.voxels.shared import SharedShape, SharedSolver

LU_177 = SimpleNamespace(name="Lu-177", half_life_h=159.53, decay_constant_per_h=np.log(2) / 159.53)
DECAY = LU_177.decay_constant_per_h
FOUR_H, SIX_H = np.array([4.0, 24.0, 96.0, 168.0]), np.array([2.0, 6.0, 24.0, 48.0, 96.0, 168.0])


def two_regions(rng, noise=0.0):
    """Labels 1 (mono, 50 h) and 2 (uptake, 70 h and 4 h) around an empty label 0; images and the true TIA."""
    labels = np.zeros((4, 10, 10), dtype=np.int16)
    labels[:, :, 1:5], labels[:, :, 5:9] = 1, 2
    heights = rng.uniform(2e4, 2e5, labels.shape) * (labels > 0)
    mono, slow, fast = np.log(2) / np.array([50.0, 70.0, 4.0])
    second = labels == 2
    images = np.stack(
        [heights * np.where(second, np.exp(-slow * hour) - np.exp(-fast * hour), np.exp(-mono * hour)) for hour in SIX_H]
    )
    tia = heights * np.where(second, 1 / slow - 1 / fast, 1 / mono) * 1e-6
    return labels, images * (1 + noise * rng.normal(size=images.shape)), tia


def test_shared_rates_give_exact_amplitudes():
    labels, images, tia = two_regions(np.random.default_rng(1))
    rates = {1: np.log(2) / 50, 2: SharedShape((np.log(2) / 70, np.log(2) / 4), ((1.0, -1.0),))}
    fit = fit_voxels(SIX_H, images, LU_177, model="shared", regions=labels, region_rates=rates)
    np.testing.assert_allclose(fit.tia_mbq_h_ml, tia, rtol=1e-6)
    assert fit.voxel_count == (labels > 0).sum()
    assert (fit.model_map[labels == 0] == 0).all()
    assert fit.region_discrepancy == pytest.approx({1: 0, 2: 0}, abs=1e-6)


def test_shared_without_rates_fits_the_mean_curves():
    labels, images, tia = two_regions(np.random.default_rng(2), noise=0.02)
    fit = fit_voxels(SIX_H, images, LU_177, model="shared", regions=labels)
    for label in (1, 2):
        mean = images[:, labels == label].mean(axis=1) * 1e-6
        region = fit_time_activity(SIX_H, mean, LU_177)
        # Amplitudes are linear, so the voxels' mean is the region's TIA to float32.
        assert fit.tia_mbq_h_ml[labels == label].mean() == pytest.approx(region.tia_mbq_h, rel=1e-5)
        assert fit.tia_mbq_h_ml[labels == label].mean() == pytest.approx(tia[labels == label].mean(), rel=0.02)
    assert fit.region_discrepancy == pytest.approx({1: 0, 2: 0}, abs=1e-5)


@pytest.mark.parametrize("model", ["bi", "uptake", "mono", "uptake_held", "tri", "bi_from_zero"])
def test_the_fit_of_a_region_can_be_shared(model):
    # A region's own curve as its voxels: their TIA is the fit's, for each model's set of amplitudes.
    times = np.array([0.1, 1.0, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0, 168.0])
    curve = 5 * np.exp(-np.log(2) / 90 * times) + 4 * np.exp(-np.log(2) / 8 * times) - 8.9 * np.exp(-np.log(2) / 0.5 * times)
    region = fit_time_activity(times, curve, LU_177, model=model, relative_uncertainty=0.05)
    images = np.broadcast_to(curve[:, None, None, None] * 1e6, (9, 1, 2, 2))
    fit = fit_voxels(
        times,
        images,
        LU_177,
        model="shared",
        regions=np.ones((1, 2, 2), int),
        region_rates={1: region},
        relative_uncertainty=0.05,
    )
    np.testing.assert_allclose(fit.tia_mbq_h_ml, region.tia_mbq_h, rtol=1e-4)


def test_shared_amplitudes_are_the_non_negative_least_squares_of_scipy():
    rng = np.random.default_rng(3)
    shape = SharedShape.free(0.006, 0.05, 0.4)
    noise = np.array([1.0, 2.0, 1.0, 0.5, 0.5, 0.3])
    samples = rng.normal(size=(6, 300)) + 0.5
    amplitudes, variance, _, residual_sum = SharedSolver(shape, SIX_H, noise).fit(samples)
    basis = shape.basis(SIX_H) / noise[:, None]
    for column in range(samples.shape[1]):
        truth, residual = nnls(basis, samples[:, column])
        np.testing.assert_allclose(amplitudes[:, column], truth, atol=1e-9)
        assert residual_sum[column] == pytest.approx(residual**2, rel=1e-9)
    # One free amplitude: var(TIA) = (1/rate)^2 / sum(e^2) by hand.
    only_slow = np.flatnonzero((amplitudes[0] > 0) & (amplitudes[1] == 0) & (amplitudes[2] == 0))
    assert only_slow.size > 5
    np.testing.assert_allclose(variance[only_slow], (1 / 0.006) ** 2 / (basis[:, 0] ** 2).sum(), rtol=1e-9)


def test_shared_uncertainty_holds_noise_and_rates():
    # Monte Carlo truth: one curve with constant noise and the shared rate drawn anew, 4000 times (1.1 % standard error).
    rng = np.random.default_rng(4)
    rate, rate_sd, sigma = np.log(2) / 50, 0.05 * np.log(2) / 50, 5e3
    clean = 1e5 * np.exp(-rate * FOUR_H)
    shape = SharedShape((rate,), ((1.0,),), rate_covariance=((rate_sd**2,),))
    labels = np.ones((1, 1, 1), int)
    stated = fit_voxels(
        FOUR_H,
        clean[:, None, None, None],
        LU_177,
        model="shared",
        regions=labels,
        region_rates={1: shape},
        uncertainties_bq_ml=sigma,
        model_error=False,
    )
    found = []
    for _ in range(4000):
        drawn = rng.normal(rate, rate_sd)
        basis = np.exp(-drawn * FOUR_H)
        noisy = clean + sigma * rng.normal(size=4)
        found.append(basis @ noisy / (basis @ basis) / drawn * 1e-6)
    assert stated.tia_uncertainty_mbq_h_ml[0, 0, 0] == pytest.approx(np.std(found), rel=0.05)
    without = fit_voxels(
        FOUR_H,
        clean[:, None, None, None],
        LU_177,
        model="shared",
        regions=labels,
        region_rates={1: rate},
        uncertainties_bq_ml=sigma,
        model_error=False,
    )
    noise_only = sigma / math.sqrt((np.exp(-rate * FOUR_H) ** 2).sum()) / rate * 1e-6
    assert without.tia_uncertainty_mbq_h_ml[0, 0, 0] == pytest.approx(noise_only, rel=1e-5)


@pytest.mark.parametrize("model", ["auto", "mono", "shared"])
def test_conservation_scales_to_the_region_and_reports_what_was_off(model):
    labels, images, _ = two_regions(np.random.default_rng(5), noise=0.5)
    loose = fit_voxels(SIX_H, images, LU_177, model=model, regions=labels)
    tight = fit_voxels(SIX_H, images, LU_177, model=model, regions=labels, conserve_region_tia=True)
    assert tight.region_discrepancy == loose.region_discrepancy
    assert tight.conserved
    assert not loose.conserved
    for label in (1, 2):
        inside = labels == label
        before = loose.tia_mbq_h_ml[inside].mean(dtype=float)
        after = tight.tia_mbq_h_ml[inside].mean(dtype=float)
        assert before / after - 1 == pytest.approx(tight.region_discrepancy[label], abs=1e-6)
        ratio = tight.tia_uncertainty_mbq_h_ml[inside] / loose.tia_uncertainty_mbq_h_ml[inside]
        np.testing.assert_allclose(ratio, after / before, rtol=1e-5)
    if model != "shared":
        # 50 % noise in each voxel biases its own rate: the reason to conserve.
        assert abs(loose.region_discrepancy[1]) > 0.003


def test_conservation_to_a_given_tia():
    labels, images, _ = two_regions(np.random.default_rng(6))
    fit = fit_voxels(
        SIX_H, images, LU_177, model="mono", regions=labels, conserve_region_tia=True, region_tia_mbq_h_ml={1: 12.5, 2: 3.0}
    )
    assert fit.tia_mbq_h_ml[labels == 1].mean(dtype=float) == pytest.approx(12.5, rel=1e-6)
    assert fit.tia_mbq_h_ml[labels == 2].mean(dtype=float) == pytest.approx(3.0, rel=1e-6)
    assert any("Region 2" in text for text in fit.warnings)


def test_one_image_with_a_known_half_life():
    # A(t) e^{kt} / k by hand; u(T)/T = 10 % gives u(TIA)/TIA = 0.1 |1 - k t|.
    rate = math.log(2) / 55.0
    fit = fit_voxels(
        [24.0],
        np.full((1, 2, 2, 2), 3e4),
        LU_177,
        effective_half_life_h=55.0,
        effective_half_life_uncertainty_h=5.5,
        uncertainties_bq_ml=1e-3,
        model_error=False,
    )
    tia = 3e4 * math.exp(24 * rate) / rate * 1e-6
    np.testing.assert_allclose(fit.tia_mbq_h_ml, tia, rtol=1e-6)
    np.testing.assert_allclose(fit.tia_uncertainty_mbq_h_ml, 0.1 * tia * (1 - 24 * rate), rtol=1e-4)
    np.testing.assert_allclose(fit.half_life_h, 55.0)


@pytest.mark.parametrize("model", ["auto", "mono", "shared", "physical"])
def test_one_image_alone_follows_physical_decay_and_says_so(model):
    fit = fit_voxels([24.0], np.full((1, 2, 2, 2), 3e4), LU_177, model=model)
    np.testing.assert_allclose(fit.tia_mbq_h_ml, 3e4 * math.exp(24 * DECAY) / DECAY * 1e-6, rtol=1e-6)
    assert fit.tia_uncertainty_mbq_h_ml is None
    assert any("unknown" in text for text in fit.warnings)
    assert any("physical decay" in text for text in fit.warnings) == (model != "physical")


def test_a_region_below_zero_follows_physical_decay_with_zero_tia():
    labels, images, tia = two_regions(np.random.default_rng(7))
    images[:, labels == 2] = -100.0
    fit = fit_voxels(SIX_H, images, LU_177, model="shared", regions=labels)
    np.testing.assert_array_equal(fit.tia_mbq_h_ml[labels == 2], 0)
    np.testing.assert_allclose(fit.tia_mbq_h_ml[labels == 1], tia[labels == 1], rtol=1e-4)
    assert any("Region 2 has no mean activity" in text for text in fit.warnings)
    assert 2 not in fit.region_discrepancy


def test_rates_for_a_missing_label_are_asked_for():
    labels, images, _ = two_regions(np.random.default_rng(8))
    with pytest.raises(DosimetryError, match="received none for label 2; fit this region too"):
        fit_voxels(SIX_H, images, LU_177, model="shared", regions=labels, region_rates={1: 0.01})


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: SharedShape((0.01, -0.1), ((1.0, 0.0),)), "positive effective rates"),
        (lambda: SharedShape((0.01, 0.1), ((1.0,),)), "factors per amplitude"),
        (lambda: SharedShape((0.01,), ((1.0,),), rate_covariance=((1.0, 0.0),)), "1 x 1 covariance"),
        (lambda: SharedSolver(SharedShape.free(0.01, 0.1), np.array([24.0]), np.ones(1)), "at least 2 times"),
        (
            lambda: SharedShape.of_fit(fit_time_activity(FOUR_H, [4, 3, 2, 1], LU_177, model="trapezoid")),
            "received model 'trapezoid' without",
        ),
    ],
)
def test_shapes_that_cannot_be_shared_are_refused(make, text):
    with pytest.raises(DosimetryError, match=text):
        make()
