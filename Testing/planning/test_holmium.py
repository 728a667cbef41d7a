"""R2* fits on simulated echoes, holmium maps, and intratumoral doses by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ImageGeometry, Region
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.planning import (
    activity_from_holmium,
    fit_r2_star,
    holmium_from_ct,
    holmium_from_r2_star,
    intratumoral_activity_gbq,
    intratumoral_dose,
)

TIMES_MS = (1.2, 2.4, 3.6, 4.8, 6.0, 7.2, 8.4)
SPACING_MM = (4.0, 2.0, 2.0)


def echoes(r2_star, signal=500.0, times_ms=TIMES_MS):
    return signal * np.exp(-np.array(times_ms)[:, None, None, None] / 1000 * r2_star)


@settings(deadline=None, max_examples=25)
@given(st.floats(0.0, 900.0), st.floats(1.0, 4000.0), st.sampled_from(["log-linear", "nonlinear"]))
def test_exact_without_noise(rate, signal, method):
    found = fit_r2_star(echoes(np.full((1, 1, 2), rate), signal), TIMES_MS, method)
    assert found.r2_star_per_s == pytest.approx(rate, abs=1e-3 * max(1.0, rate))
    assert found.signal_at_zero == pytest.approx(signal, rel=2e-5)
    assert found.fitted.all()


def test_nonlinear_fit_is_that_of_a_general_optimizer():
    random = np.random.default_rng(4)
    rates = random.uniform(20, 400, (2, 3, 4))
    noisy = np.abs(echoes(rates) + random.normal(0, 8, (len(TIMES_MS), 2, 3, 4)))
    found = fit_r2_star(noisy, TIMES_MS, "nonlinear")
    seconds = np.array(TIMES_MS) / 1000
    for index in np.ndindex(rates.shape):
        expected, _ = curve_fit(lambda t, a, r: a * np.exp(-t * r), seconds, noisy[(slice(None), *index)], p0=(500, 100))
        assert found.r2_star_per_s[index] == pytest.approx(expected[1], rel=1e-4)
        assert found.signal_at_zero[index] == pytest.approx(expected[0], rel=1e-4)


def test_nonlinear_is_unbiased_where_the_logarithm_is_not():
    # 20 000 voxels with the same R2* and constant noise: the mean of the nonlinear fit is right to its own error of 0.05 1/s.
    random = np.random.default_rng(9)
    noisy = np.abs(echoes(np.full((20, 50, 20), 150.0)) + random.normal(0, 5, (len(TIMES_MS), 20, 50, 20)))
    means = {method: fit_r2_star(noisy, TIMES_MS, method).r2_star_per_s.mean() - 150 for method in ("log-linear", "nonlinear")}
    assert abs(means["nonlinear"]) < 0.2
    assert abs(means["log-linear"]) > abs(means["nonlinear"])


def test_echoes_in_the_noise_are_left_out():
    signal = echoes(np.full((1, 1, 2), 300.0))
    signal[4:] = 60.0
    signal[1:, 0, 0, 1] = 0.0
    found = fit_r2_star(signal, TIMES_MS, noise_floor=100.0)
    assert found.r2_star_per_s[0, 0, 0] == pytest.approx(300.0, rel=1e-4)
    assert found.fitted.tolist() == [[[True, False]]]
    assert found.r2_star_per_s[0, 0, 1] == 0.0
    assert "1 of 2 voxels" in found.warnings[0]


def test_holmium_from_both_scans():
    # 97 1/s per mg/mL: a rise of 48.5 1/s is 0.5 mg/mL; 24 voxels of 0.016 mL hold 0.192 mg.
    before, after = (
        fit_r2_star(echoes(np.full((2, 3, 4), 40.0)), TIMES_MS),
        fit_r2_star(echoes(np.full((2, 3, 4), 88.5)), TIMES_MS),
    )
    found = holmium_from_r2_star(before, after, SPACING_MM, 97.0)
    assert found.concentration_mg_ml == pytest.approx(0.5, rel=1e-4)
    assert found.total_mg == pytest.approx(0.192, rel=1e-4)
    assert activity_from_holmium(found, 10.0) == pytest.approx(5.0, rel=1e-4)
    assert holmium_from_r2_star(after, before, SPACING_MM, 97.0).total_mg == 0.0
    assert holmium_from_r2_star(after, before, SPACING_MM, 97.0, signed=True).total_mg == pytest.approx(-0.192, rel=1e-4)


def test_relaxivity_that_was_not_typed_is_mentioned():
    found = holmium_from_r2_star(np.zeros((1, 1, 1)), np.full((1, 1, 1), 97.5), SPACING_MM)
    assert found.concentration_mg_ml == pytest.approx(1.0)
    assert "not checked" in found.warnings[0]


def test_holmium_from_ct():
    # 30 HU per mg/mL: 45 HU are 1.5 mg/mL.
    found = holmium_from_ct(np.full((2, 2, 2), 50.0), np.full((2, 2, 2), 95.0), 30.0, SPACING_MM)
    assert found.concentration_mg_ml == pytest.approx(1.5)


def test_intratumoral_dose_by_hand():
    geometry = ImageGeometry((15, 15, 15), (3.0, 3.0, 3.0))
    mask = np.zeros(geometry.size, dtype=bool)
    mask[4:11, 4:11, 4:11] = True
    tumour = Region("T", geometry, mask, density_g_ml=1.04)
    activity = np.where(mask, 2.0, 0.0)
    local = intratumoral_dose(activity, geometry, tumour, injected_activity_mbq=2 * tumour.volume_ml / 0.5, method="local")
    # Uniform 2 MBq/mL: 2 * 15.87 / 1.04 Gy.
    assert local.tumour_dose_gy == pytest.approx(2 * 15.87 / 1.04, rel=1e-5)
    assert local.uniform_dose_gy == pytest.approx(local.tumour_dose_gy, rel=1e-5)
    assert local.retained_fraction == pytest.approx(0.5, rel=1e-9)
    assert any("leakage" in warning for warning in local.warnings)
    kernel = intratumoral_dose(activity, geometry, tumour)
    # Electrons of 166Ho leave a 21 mm cube by their range of millimeters: less than local, by no more than a fifth.
    own = 2 * get_nuclide("Ho-166").local_dose_constant_j_per_gbq / 1.04
    assert 0.8 * own < kernel.tumour_dose_gy < own


def test_intratumoral_activity():
    # 100 Gy in 50 g with 80 % retained: 100 * 0.05 / (15.87 * 0.8).
    assert intratumoral_activity_gbq(100, 50, retained_fraction=0.8) == pytest.approx(5 / (15.87 * 0.8), rel=1e-12)
    with pytest.raises(DosimetryError, match=r"0\.9 is 90 %"):
        intratumoral_activity_gbq(100, 50, retained_fraction=80)


@pytest.mark.parametrize(
    ("values", "times", "method", "text"),
    [
        (np.ones((1, 1, 1, 1)), (1.0,), "nonlinear", "two or more echoes"),
        (np.ones((2, 1, 1, 1)), (2.0, 1.0), "nonlinear", "rising echo times"),
        (np.ones((2, 1, 1, 1)), (1.0, 2000.0), "nonlinear", "check the unit"),
        (np.full((2, 1, 1, 1), np.nan), (1.0, 2.0), "nonlinear", "finite signals"),
        (np.ones((2, 1, 1, 1)), (1.0, 2.0), "linear", "log-linear or nonlinear"),
    ],
)
def test_refusals(values, times, method, text):
    with pytest.raises(DosimetryError, match=text):
        fit_r2_star(values, times, method)


def test_maps_must_fit():
    with pytest.raises(DosimetryError, match="one grid"):
        holmium_from_r2_star(np.zeros((1, 1, 1)), np.zeros((1, 1, 2)), SPACING_MM, 97.0)
    with pytest.raises(DosimetryError, match="relaxivity"):
        holmium_from_r2_star(np.zeros((1, 1, 1)), np.zeros((1, 1, 1)), SPACING_MM, -1.0)
