"""R2* fits on simulated echoes, holmium maps, and intratumoral doses by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import rank_of
from RNTDosimetryLib.images import ImageGeometry, Region
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.planning import (
    activity_from_holmium,
    fit_r2_star,
    holmium_from_ct,
    holmium_from_r2_star,
    intratumoral_activity_gbq,
    intratumoral_dose,
    relaxivity_of_holmium,
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
    # 97 1/s per mg/mL of microspheres: a rise of 48.5 1/s is 0.5 mg/mL; 24 voxels of 0.016 mL hold 0.192 mg, 18 % of it holmium.
    before, after = (
        fit_r2_star(echoes(np.full((2, 3, 4), 40.0)), TIMES_MS),
        fit_r2_star(echoes(np.full((2, 3, 4), 88.5)), TIMES_MS),
    )
    known = {"relaxivity_per_s_ml_mg_microspheres": 97.0, "holmium_mass_share": 0.18}
    found = holmium_from_r2_star(before, after, SPACING_MM, **known)
    assert found.warnings == ()
    assert found.microspheres_mg_ml == pytest.approx(0.5, rel=1e-4)
    assert found.holmium_mg_ml == pytest.approx(0.09, rel=1e-4)
    assert (found.microspheres_mg, found.holmium_mg) == pytest.approx((0.192, 0.192 * 0.18), rel=1e-4)
    assert activity_from_holmium(found, specific_activity_mbq_mg_microspheres=10.0) == pytest.approx(5.0, rel=1e-4)
    assert activity_from_holmium(found, specific_activity_mbq_mg_holmium=10.0) == pytest.approx(0.9, rel=1e-4)
    assert holmium_from_r2_star(after, before, SPACING_MM, **known).microspheres_mg == 0.0
    signed = holmium_from_r2_star(after, before, SPACING_MM, **known, signed=True)
    assert signed.microspheres_mg == pytest.approx(-0.192, rel=1e-4)


def test_the_same_spheres_by_either_reference_and_at_either_field():
    """r2* of 97.5 counts mg of microspheres at 1.5 T; per mg of holmium it is 559 (static dephasing), 5.7 times as much; 3 T doubles both."""
    at = {
        (reference, field): relaxivity_of_holmium(field, reference).per_s_ml_mg
        for reference in ("microspheres", "holmium")
        for field in (1.5, 3.0)
    }
    assert at["microspheres", 1.5] == 97.5
    assert at["holmium", 1.5] == 559
    assert (at["microspheres", 3.0], at["holmium", 3.0]) == (195.0, 1118.0)
    # 17 to 18.7 % of the mass of a sphere is holmium: the two numbers are one.
    assert 0.17 <= at["microspheres", 1.5] / at["holmium", 1.5] <= 0.187
    zero, rise = np.zeros((1, 1, 1)), np.full((1, 1, 1), 97.5)
    by_spheres = holmium_from_r2_star(zero, rise, SPACING_MM, field_t=1.5)
    assert by_spheres.microspheres_mg_ml == pytest.approx(1.0)
    assert by_spheres.holmium_mg_ml == pytest.approx(0.1785)
    by_holmium = holmium_from_r2_star(zero, rise, SPACING_MM, relaxivity_per_s_ml_mg_holmium=559, holmium_mass_share=0.1785)
    assert by_holmium.holmium_mg_ml == pytest.approx(97.5 / 559)
    assert holmium_from_r2_star(zero, rise, SPACING_MM, field_t=3.0).microspheres_mg_ml == pytest.approx(0.5)
    # The activity of 10 MBq per mg of holmium: 5.6 times less than where a mg of spheres is taken for one of holmium.
    assert activity_from_holmium(by_spheres, specific_activity_mbq_mg_holmium=10.0) == pytest.approx(10 / 5.602, rel=1e-3)


def test_relaxivity_of_holmium_by_static_dephasing():
    """R2* = 2 pi / (3 sqrt 3) gamma B0 chi / 3, chi = mu0 n p^2 muB^2 / (3 k T) of Ho3+ (5I8: p^2 = g^2 J (J + 1) = 1.25^2 x 72) at 310 K; CODATA 2018."""
    mu0, bohr, boltzmann, avogadro, gamma = 1.25663706e-6, 9.2740101e-24, 1.380649e-23, 6.02214076e23, 2.67522187e8
    per_m3 = 1000.0 / 164.930 * avogadro  # 1 mg/mL
    chi = mu0 * per_m3 * 1.25**2 * 72 * bohr**2 / (3 * boltzmann * 310.0)
    expected = 2 * np.pi / (3 * np.sqrt(3)) * gamma * 1.5 * chi / 3
    assert relaxivity_of_holmium(1.5, "holmium").per_s_ml_mg == pytest.approx(expected, rel=2e-3)


def test_what_was_not_given_is_said_with_its_spread():
    found = holmium_from_r2_star(np.zeros((1, 1, 1)), np.full((1, 1, 1), 97.5), SPACING_MM, field_t=1.5)
    assert any("97.5 1/s per mg/mL of microspheres at 1.5 T" in text and "not measured" in text for text in found.warnings)
    assert any("17.8 % was taken, uncertain by 2.7 %" in text for text in found.warnings)
    assert [rank_of(text) for text in found.warnings] == [1, 2]
    # 92 to 103 as a rectangle: 11 / (2 sqrt 3) / 97.5.
    assert found.relative_uncertainty == pytest.approx(11 / 2 / np.sqrt(3) / 97.5, rel=1e-9)
    assert holmium_from_ct(*BLANK, SPACING_MM, hounsfield_per_mg_ml_holmium=30.0).relative_uncertainty is None


BLANK = (np.zeros((1, 1, 1)), np.zeros((1, 1, 1)))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: holmium_from_r2_star(*BLANK, SPACING_MM), "field strength of the scanner in T or its relaxivity"),
        (lambda: holmium_from_r2_star(*BLANK, SPACING_MM, field_t=1500), "type 1.5 or 3"),
        (
            lambda: holmium_from_r2_star(
                *BLANK, SPACING_MM, relaxivity_per_s_ml_mg_holmium=559, relaxivity_per_s_ml_mg_microspheres=97
            ),
            "received both",
        ),
        (lambda: holmium_from_r2_star(*BLANK, SPACING_MM, field_t=1.5, holmium_mass_share=18), "0.18 is 18 %"),
        (lambda: holmium_from_ct(*BLANK, SPACING_MM), "of microspheres or of holmium, received neither"),
        (lambda: activity_from_holmium(holmium_from_r2_star(*BLANK, SPACING_MM, field_t=3.0)), "per mg of microspheres or"),
        (lambda: activity_from_holmium(np.ones((1, 1, 1)), specific_activity_mbq_mg_holmium=1.0), "a HolmiumMap"),
    ],
)
def test_what_a_number_refers_to_must_be_given(call, text):
    with pytest.raises(DosimetryError, match=text):
        call()


def test_holmium_from_ct():
    # 30 HU per mg/mL of holmium: 45 HU are 1.5 mg/mL of it, in 8.33 mg/mL of spheres with 18 %.
    before, after = np.full((2, 2, 2), 50.0), np.full((2, 2, 2), 95.0)
    found = holmium_from_ct(before, after, SPACING_MM, hounsfield_per_mg_ml_holmium=30.0, holmium_mass_share=0.18)
    assert found.holmium_mg_ml == pytest.approx(1.5)
    assert found.microspheres_mg_ml == pytest.approx(1.5 / 0.18)
    found = holmium_from_ct(before, after, SPACING_MM, hounsfield_per_mg_ml_microspheres=30.0)
    assert found.microspheres_mg_ml == pytest.approx(1.5)


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
        holmium_from_r2_star(np.zeros((1, 1, 1)), np.zeros((1, 1, 2)), SPACING_MM, field_t=1.5)
    with pytest.raises(DosimetryError, match="relaxivity"):
        holmium_from_r2_star(*BLANK, SPACING_MM, relaxivity_per_s_ml_mg_microspheres=-1.0)
