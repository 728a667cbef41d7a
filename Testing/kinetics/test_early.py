"""What cleared before the first sample: bounds of log-convex curves, and the warning's direction and size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.kinetics import early_activity, fit_time_activity
from RNTDosimetryLib.nuclides import get_nuclide

DECAY = get_nuclide("Lu-177").decay_constant_per_h
TIMES_H = np.array([4.1, 23.7, 71.25, 168.6])
"""Scans of Resources/phantom/protocol.json."""


def curve(region):
    """Amplitudes per administered MBq in 10 L of the region, and effective rates, of the phantom's kinetics."""
    terms = np.array(read_json("phantom", "kinetics.json")["regions"][region]["terms"])
    return terms[:, 0] * 10.0, DECAY + np.log(2) / terms[:, 1]


def values(amplitudes, rates, times_h=TIMES_H):
    return np.exp(-np.outer(times_h, rates)) @ amplitudes


def early(amplitudes, rates, until_h):
    return float((amplitudes / rates * (1 - np.exp(-rates * until_h))).sum())


def said(fit):
    return [text for text in fit.warnings if "fall faster at first" in text]


@settings(deadline=None, max_examples=60)
@given(
    shares=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=3),
    half_lives_h=st.lists(st.floats(3.0, 150.0), min_size=3, max_size=3),
    first_h=st.floats(0.5, 20.0),
)
def test_the_truth_lies_between_least_and_most(shares, half_lives_h, first_h):
    # Any sum of decreasing exponentials; administered is what it starts with.
    amplitudes = np.array(shares)
    rates = DECAY + np.log(2) / np.array(half_lives_h[: len(shares)])
    times_h = first_h + np.array([0.0, 20.0, 70.0, 150.0])
    fit = fit_time_activity(times_h, values(amplitudes, rates, times_h), "Lu-177", relative_uncertainty=0.05)
    found = early_activity(fit, float(amplitudes.sum()) * (1 + 1e-12))
    truth = early(amplitudes, rates, first_h)
    assert found.least_mbq_h <= truth * (1 + 1e-9)
    assert found.most_mbq_h >= truth * (1 - 1e-9)
    assert found.fitted_mbq_h == pytest.approx(early(np.array(fit.amplitudes_mbq), np.array(fit.rates_per_h), first_h), rel=1e-9)


def test_mono_exponential_meets_both_bounds():
    fit = fit_time_activity(TIMES_H, 100 * np.exp(-0.02 * TIMES_H), "Lu-177", relative_uncertainty=0.05)
    found = early_activity(fit, 100.0)
    truth = 100 / 0.02 * (1 - np.exp(-0.02 * 4.1))
    assert (found.least_mbq_h, found.most_mbq_h, found.fitted_mbq_h) == pytest.approx((truth, truth, truth), rel=1e-6)
    assert found.tia_most_mbq_h == pytest.approx(fit.tia_mbq_h, rel=1e-6)
    assert early_activity(fit).most_mbq_h is None
    with pytest.raises(DosimetryError, match=r"Expected at least the 92\.1"):
        early_activity(fit, 50.0)


@pytest.mark.parametrize("noise", [{"relative_uncertainty": 0.05}, {}])
@pytest.mark.parametrize(("region", "low_percent"), [("blood", 28), ("marrow", 13), ("soft_tissue", 21), ("lung", 17)])
def test_an_unseen_fast_phase_is_said_with_direction_and_size(region, low_percent, noise):
    # Truth of Resources/phantom/kinetics.json: sum of A/l. All four are too low, as the warning says, and the truth is above what it names too
    # or within 1 % of it.
    amplitudes, rates = curve(region)
    truth = float((amplitudes / rates).sum())
    fit = fit_time_activity(TIMES_H, values(amplitudes, rates), "Lu-177", model_error=False, **noise)
    assert 100 * (1 - fit.tia_mbq_h / truth) == pytest.approx(low_percent, abs=1)
    (text,) = said(fit)
    assert "more likely too low than too high" in text
    higher = float(text.split("it would be ")[1].split(" %")[0])
    assert " % higher" in text
    assert higher > 10
    assert fit.tia_mbq_h * (1 + higher / 100) <= truth * 1.01


@pytest.mark.parametrize("region", ["kidney_left", "liver", "spleen", "lesion_1", "lesion_3"])
def test_curves_without_an_unseen_phase_are_not_accused(region):
    amplitudes, rates = curve(region)
    assert said(fit_time_activity(TIMES_H, values(amplitudes, rates), "Lu-177", relative_uncertainty=0.05)) == []


def test_noise_alone_seldom_looks_like_an_early_clearance():
    rng = np.random.default_rng(1)
    clean = np.exp(-0.015 * TIMES_H)
    fits = [
        fit_time_activity(
            TIMES_H, clean * (1 + 0.05 * rng.normal(size=4)), "Lu-177", relative_uncertainty=0.05, model_error=False
        )
        for _ in range(150)
    ]
    assert sum(bool(said(fit)) for fit in fits) <= 3
