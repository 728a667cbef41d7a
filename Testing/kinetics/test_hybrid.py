"""Hybrid planar-SPECT curves: exact scaling, several SPECT points, and the uncertainty against Monte Carlo."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.kinetics.fits import fit_time_activity
from RNTDosimetryLib.kinetics.hybrid import HybridCurve, hybrid_curve

LU_177 = SimpleNamespace(name="Lu-177", half_life_h=159.53, decay_constant_per_h=np.log(2) / 159.53)
PLANAR_H = np.array([1.0, 24.0, 48.0, 96.0, 168.0])  # hybrid protocol of dosimetry.md 2
RATE = np.log(2) / 52.0


def activity(times_h):
    return 120.0 * np.exp(-RATE * np.asarray(times_h))


def test_scale_is_exact_at_and_between_planar_points_of_one_exponential():
    # Truth: planar = 3.7e4 counts per MBq; the logarithm of one exponential is a straight line, so any SPECT time is exact.
    for spect_h in (24.0, 30.0, 168.9, 0.5):
        curve = hybrid_curve(PLANAR_H, 3.7e4 * activity(PLANAR_H), spect_h, activity(spect_h))
        assert curve.scale_mbq_per_unit == pytest.approx(1 / 3.7e4, rel=1e-12)
        np.testing.assert_allclose(curve.activities_mbq, activity(PLANAR_H), rtol=1e-12)
        assert any("outside the planar images" in text for text in curve.warnings) == (spect_h in (168.9, 0.5))


def test_points_go_straight_into_the_fit():
    curve = hybrid_curve(
        PLANAR_H,
        50 * activity(PLANAR_H),
        24.0,
        activity(24.0),
        planar_uncertainties=2.5 * activity(PLANAR_H),
        spect_uncertainties_mbq=3.0,
    )
    np.testing.assert_allclose(curve.uncertainties_mbq, 0.05 * activity(PLANAR_H), rtol=1e-12)
    fit = fit_time_activity(curve.times_h, curve.activities_mbq, LU_177, uncertainties_mbq=curve.uncertainties_mbq, model="mono")
    assert fit.tia_mbq_h == pytest.approx(120.0 / RATE, rel=1e-6)
    total = curve.combined_uncertainty(fit.tia_mbq_h, fit.tia_uncertainty_mbq_h)
    relative = math.hypot(0.05, 3.0 / activity(24.0))
    assert curve.scale_relative_uncertainty == pytest.approx(relative, rel=1e-12)
    assert total == pytest.approx(math.hypot(fit.tia_uncertainty_mbq_h, fit.tia_mbq_h * relative), rel=1e-12)


def test_order_of_points_does_not_matter():
    planar, spect = 50 * activity(PLANAR_H) * [1.0, 1.1, 0.9, 1.05, 1.0], [30.0, 130.0]
    one = hybrid_curve(
        PLANAR_H, planar, spect, [90.0, 25.0], planar_uncertainties=20 + 0.1 * planar, spect_uncertainties_mbq=[4.0, 2.0]
    )
    two = hybrid_curve(
        PLANAR_H[::-1],
        planar[::-1],
        spect[::-1],
        [25.0, 90.0],
        planar_uncertainties=(20 + 0.1 * planar)[::-1],
        spect_uncertainties_mbq=[2.0, 4.0],
    )
    assert one.to_dict() == two.to_dict()


def test_several_spect_points_are_weighted_by_their_variance():
    # By hand: scales 1 and 1.1 with 5 % and 10 %, planar noise negligible: ln scale = (0 * 400 + ln 1.1 * 100) / 500.
    planar = activity(PLANAR_H)
    curve = hybrid_curve(
        PLANAR_H,
        planar,
        [24.0, 96.0],
        [activity(24.0), 1.1 * activity(96.0)],
        planar_uncertainties=1e-9 * planar,
        spect_uncertainties_mbq=[0.05 * activity(24.0), 0.11 * activity(96.0)],
    )
    assert math.log(curve.scale_mbq_per_unit) == pytest.approx(math.log(1.1) / 5, rel=1e-6)
    assert curve.scale_relative_uncertainty == pytest.approx(1 / math.sqrt(500), rel=1e-6)
    assert curve.spect_scales == pytest.approx((1.0, 1.1), rel=1e-9)
    # chi2 = (ln 1.1)^2 / (0.05^2 + 0.1^2) = 0.727 with one degree of freedom: 39.4 % (table of the chi-squared distribution)
    assert curve.agreement_probability == pytest.approx(0.394, abs=0.001)
    assert curve.warnings == ()


def test_spect_points_that_disagree_widen_the_uncertainty_and_warn():
    planar = activity(PLANAR_H)
    curve = hybrid_curve(
        PLANAR_H,
        planar,
        [24.0, 96.0],
        [activity(24.0), 1.5 * activity(96.0)],
        planar_uncertainties=1e-9 * planar,
        spect_uncertainties_mbq=[0.05 * activity(24.0), 0.075 * activity(96.0)],
    )
    # Birge: two equal 5 % points ln 1.5 apart, chi2 = (ln 1.5)^2 / (2 * 0.05^2), u = 0.05 / sqrt(2) * sqrt(chi2) = ln 1.5 / 2.
    assert curve.scale_relative_uncertainty == pytest.approx(math.log(1.5) / 2, rel=1e-6)
    assert curve.agreement_probability < 1e-6
    assert any("50 % apart" in text for text in curve.warnings)


def test_systematic_part_adds_once():
    planar = activity(PLANAR_H)
    curve = hybrid_curve(
        PLANAR_H,
        planar,
        24.0,
        activity(24.0),
        planar_uncertainties=0.03 * planar,
        spect_uncertainties_mbq=0.04 * activity(24.0),
        spect_systematic_relative=0.12,
    )
    assert curve.scale_relative_uncertainty == pytest.approx(0.13, rel=1e-12)


def test_unknown_uncertainty_stays_unknown_or_comes_from_the_scatter():
    planar = activity(PLANAR_H)
    alone = hybrid_curve(PLANAR_H, planar, 24.0, activity(24.0))
    assert alone.uncertainties_mbq is None
    assert alone.scale_relative_uncertainty is None
    assert alone.combined_uncertainty(1.0, 0.1) is None
    assert any("unknown" in text for text in alone.warnings)
    three = hybrid_curve(PLANAR_H, planar, [24.0, 48.0, 96.0], activity([24.0, 48.0, 96.0]) * [0.9, 1.0, 1.1])
    # Standard error of the mean of ln(0.9), 0, ln(1.1) by hand: 0.10037 / sqrt(3).
    assert three.scale_relative_uncertainty == pytest.approx(0.10037 / math.sqrt(3), rel=1e-3)
    assert any("scatter" in text for text in three.warnings)


def test_stated_uncertainty_of_the_tia_against_monte_carlo():
    # 5 % planar and 6 % SPECT noise, one SPECT at 24 h: truth is the spread of 600 simulated curves (3 % standard error). The planar point at
    # the SPECT is counted in the scale and in the fit, which makes the stated uncertainty a little too large, never too small.
    rng = np.random.default_rng(9)
    tia = []
    for _ in range(600):
        planar = activity(PLANAR_H) * (1 + 0.05 * rng.normal(size=5))
        curve = hybrid_curve(PLANAR_H, planar, 24.0, activity(24.0) * (1 + 0.06 * rng.normal()))
        slope, intercept = np.polyfit(curve.times_h, np.log(curve.activities_mbq), 1)
        tia.append(math.exp(intercept) / -slope)
    exact = hybrid_curve(
        PLANAR_H,
        activity(PLANAR_H),
        24.0,
        activity(24.0),
        planar_uncertainties=0.05 * activity(PLANAR_H),
        spect_uncertainties_mbq=0.06 * activity(24.0),
    )
    fit = fit_time_activity(exact.times_h, exact.activities_mbq, LU_177, uncertainties_mbq=exact.uncertainties_mbq, model="mono")
    stated = exact.combined_uncertainty(fit.tia_mbq_h, fit.tia_uncertainty_mbq_h)
    assert 1.0 <= stated / np.std(tia) <= 1.3


def test_result_is_written_and_read():
    curve = hybrid_curve(PLANAR_H, activity(PLANAR_H), [24.0, 96.0], activity([24.0, 96.0]))
    assert HybridCurve.from_dict(curve.to_dict()) == curve


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"planar_times_h": [1.0], "planar_values": [3.0]}, "at least two planar points, received 1"),
        ({"planar_values": [1.0, 2.0]}, "received 5 times and 2 values"),
        ({"planar_values": [1.0, 2.0, 0.0, 1.0, 1.0]}, "planar values above zero"),
        ({"planar_values": [1.0, 2.0, math.nan, 1.0, 1.0]}, "Expected finite numbers in planar values"),
        ({"planar_values": ["a", "b", "c", "d", "e"]}, "Expected numbers in planar values"),
        ({"planar_times_h": [-1.0, 24.0, 48.0, 96.0, 168.0]}, "planar times in hours, not negative"),
        ({"planar_times_h": [24.0, 24.0, 48.0, 96.0, 168.0]}, "different planar times"),
        ({"spect_times_h": 240.0}, r"between the planar images \(1 to 168 h\), received 240 h"),
        ({"spect_activities_mbq": -2.0}, "SPECT values above zero"),
        ({"planar_uncertainties": [0.1, 0.2]}, "positive uncertainty for each planar value"),
        ({"spect_uncertainties_mbq": 0.0}, "positive uncertainty for each SPECT value"),
        ({"spect_systematic_relative": 12.0}, "give 0.05 for 5 %"),
    ],
)
def test_input_that_cannot_be_used_gets_a_sentence(changes, text):
    arguments = {
        "planar_times_h": PLANAR_H,
        "planar_values": activity(PLANAR_H),
        "spect_times_h": 24.0,
        "spect_activities_mbq": 80.0,
    } | changes
    with pytest.raises(DosimetryError, match=text):
        hybrid_curve(**arguments)
