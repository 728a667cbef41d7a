"""The rules of selection, which regions and voxels share: against plain formulas, and many curves as one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from RNTDosimetryLib.kinetics import selection

TIMES_H = np.array([2.0, 6.0, 24.0, 48.0, 96.0, 168.0])


def case(seed, curves, starts_at_zero):
    """Parameters (p, n), covariance (p, p, n), rates (r, n) and weights (t, n) of made-up fits."""
    rng = np.random.default_rng(seed)
    rates = np.sort(rng.uniform(0.004, 0.5, (2, curves)), axis=0)
    parameters = np.concatenate([rng.normal(size=(1 if starts_at_zero else 2, curves)), rates])
    factor = rng.normal(size=(curves, len(parameters), len(parameters)))
    covariance = (factor @ factor.transpose(0, 2, 1)).transpose(1, 2, 0)
    return parameters, covariance, rates, rng.uniform(0.5, 2.0, (TIMES_H.size, curves))


def plain(parameters, covariance, rates, weights, starts_at_zero):
    """Coefficients of variation and counting correlations of one curve, by the Jacobian of the centered amplitudes."""
    size = len(rates) - starts_at_zero
    change, centered = np.eye(len(parameters)), parameters.copy()
    for i in range(size):
        curve = [np.exp(-rates[i] * t) - (np.exp(-rates[-1] * t) if starts_at_zero else 0.0) for t in TIMES_H]
        shares = [(value * weight) ** 2 for value, weight in zip(curve, weights)]
        center = sum(share * t for share, t in zip(shares, TIMES_H)) / sum(shares)
        # d(A exp(-rate center)) at a fixed center
        change[i, i] = np.exp(-rates[i] * center)
        change[i, size + i] = -parameters[i] * center * change[i, i]
        centered[i] = parameters[i] * change[i, i]
    covariance = change @ covariance @ change.T
    spread = np.sqrt(np.diag(covariance))
    variation = spread / np.abs(centered)
    correlation = np.abs(covariance) / np.outer(spread, spread)
    known = variation <= 0.1
    correlation[np.outer(known, known) | np.eye(len(spread), dtype=bool)] = 0.0
    return variation, correlation


@pytest.mark.parametrize("starts_at_zero", [False, True])
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([1e-4, 1e-2, 1.0]))
def test_many_curves_are_judged_as_the_plain_formulas_judge_one(starts_at_zero, seed, scale):
    parameters, covariance, rates, weights = case(seed, 5, starts_at_zero)
    covariance = covariance * scale
    free = np.ones(len(parameters), dtype=bool)
    together = selection.determination(parameters, covariance, free, rates, TIMES_H, weights, starts_at_zero)
    for row in range(5):
        pick = slice(row, row + 1)
        alone = selection.determination(
            parameters[:, pick], covariance[..., pick], free, rates[:, pick], TIMES_H, weights[:, pick], starts_at_zero
        )  # fmt: skip
        variation, correlation = plain(parameters[:, row], covariance[..., row], rates[:, row], weights[:, row], starts_at_zero)
        np.testing.assert_allclose(alone.variation[:, 0], together.variation[:, row], rtol=1e-12)
        np.testing.assert_allclose(alone.variation[:, 0], variation, rtol=1e-9)
        np.testing.assert_allclose(alone.correlation[..., 0], correlation, rtol=1e-7, atol=1e-12)
        assert together.too_vague[row] == (variation > 0.5).any()
        assert together.too_correlated[row] == (correlation > 0.8).any()


def test_a_rate_that_a_population_holds_is_not_judged():
    parameters, covariance, rates, weights = case(3, 4, False)
    free = np.array([True, True, True, False])
    judged = selection.determination(parameters, covariance, free, rates, TIMES_H, weights, False)
    everything = selection.determination(parameters, covariance, np.ones(4, bool), rates, TIMES_H, weights, False)
    np.testing.assert_array_equal(judged.variation, everything.variation[:3])


@pytest.mark.parametrize(
    ("samples", "parameters", "known"), [(4, 2, False), (6, 4, False), (6, 3, True), (4, 3, False), (3, 2, True)]
)
def test_parameter_term_is_that_of_burnham_and_anderson(samples, parameters, known):
    # AICc = ... + 2K + 2K(K+1)/(N-K-1), K with the variance where it is estimated (dosimetry.md 4); without freedom plain AIC
    k = parameters if known else parameters + 1
    correction = 2 * k * (k + 1) / (samples - k - 1) if samples - k - 1 > 0 else 0.0
    assert selection.parameter_term(samples, parameters, known) == pytest.approx(2 * k + correction, rel=1e-15)


def test_noise_grows_only_where_the_fit_is_poor_by_the_chi_squared_test():
    # scipy's chi-squared distribution: probability 0.01 with 3 degrees of freedom lies at 11.34
    limit = chi2.isf(0.01, 3)
    residuals = limit * np.array([0.1, 0.999, 1.001, 4.0])
    found = selection.shown_variance(residuals, np.ones(4), 3, known=True)
    np.testing.assert_allclose(found, [1.0, 1.0, residuals[2] / 3, residuals[3] / 3], rtol=1e-12)
    np.testing.assert_allclose(selection.shown_variance(residuals, np.ones(4), 3, known=False), residuals / 3, rtol=1e-12)
    assert selection.shown_variance(residuals, np.ones(4), 0, known=False) is None
    np.testing.assert_array_equal(selection.shown_variance(residuals, np.ones(4), 0, known=True), 1.0)


def test_an_exact_fit_leaves_no_residuals_to_learn_from():
    assert selection.residual_freedom(3, 2, 3, known=False) == 0
    assert selection.residual_freedom(3, 2, 3, known=True) == 1
    assert selection.residual_freedom(4, 2, 3, known=False) == 2
