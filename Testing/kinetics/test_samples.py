"""What is refused, what is taken with a warning, and how it is said."""

from dataclasses import dataclass

import numpy as np
import pytest
from fixtures.simulation import Lu177

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.kinetics import ExponentialModel, fit_time_activities, fit_time_activity, get_model
from RNTDosimetryLib.nuclides import get_nuclide

LU = Lu177()


@pytest.mark.parametrize(
    ("times", "activities", "keywords", "text"),
    [
        ([24, 96], [5, np.nan], {}, "Expected finite numbers in activities_mbq \\(MBq\\), received 1 NaN"),
        ([24, np.inf], [5, 4], {}, "Expected finite numbers in times_h"),
        ([24, "later"], [5, 4], {}, "Expected numbers in times_h"),
        ([-1, 96], [5, 4], {}, "Expected times in hours after the start of administration, received -1 h"),
        ([24, 96], [5, 4, 3], {}, "Expected one activity for each of the 2 times"),
        ([24, 96], [[5, 4]], {}, "Expected a list of activities"),
        ([], [], {}, "Expected a list of times"),
        ([24, 96], [0, 0], {}, "Expected at least one positive activity, received none"),
        ([24, 96], [0, -1], {}, "Expected at least one positive activity, received none"),
        ([24], [5], {}, r"received one time \(24 h\); use single_time_point, or give a population prior"),
        ([24, 24], [5, 6], {}, "received one time"),
        ([24, 96], [5, 4], {"model": "quad"}, "Expected a model out of auto, physical, mono.* received 'quad'"),
        ([24, 96], [5, 4], {"model": 3}, "Expected 'auto', the name of a model or a list"),
        ([24, 96], [5, 4], {"model": "bi"}, "Expected samples at more times for the model 'bi'"),
        ([24, 96], [5, 4], {"uncertainties_mbq": 0.0}, "Expected positive uncertainties_mbq in MBq, received 0"),
        ([24, 96], [5, 4], {"uncertainties_mbq": [1, 2, 3]}, "Expected uncertainties_mbq as one number or one for each of the 2"),
        ([24, 96], [5, 4], {"uncertainties_mbq": 1, "counts": 10}, "received uncertainties_mbq and counts; give one of them"),
        ([24, 96], [5, 4], {"counts": [100, -1]}, "Expected positive counts"),
        ([24, 96], [5, 4], {"weighting": "best"}, "Expected weighting relative, constant or counts"),
        ([24, 96], [5, 4], {"bootstrap": 50}, "Expected uncertainties or more samples than parameters for a bootstrap"),
        ([24, 96], [5, 4], {"bootstrap": 1}, "Expected at least 2 bootstrap curves"),
    ],
)
def test_refusals(times, activities, keywords, text):
    with pytest.raises(DosimetryError, match=text):
        fit_time_activity(times, activities, LU, **keywords)


def test_nuclide_by_name_or_object():
    by_name = fit_time_activity([24, 96], [5, 3], "Lu-177", 0.2)
    assert by_name.nuclide == "Lu-177"
    assert by_name.tia_mbq_h == fit_time_activity([24, 96], [5, 3], get_nuclide("177Lu"), 0.2).tia_mbq_h
    with pytest.raises(DosimetryError, match="Expected a nuclide name such as 'Lu-177'"):
        fit_time_activity([24, 96], [5, 3], 177)


def test_samples_at_or_below_zero_are_data():
    # late samples scatter around zero; leaving them out would raise the integral
    times, values = [1, 4, 24, 48, 72], [80.0, 52.0, 4.0, -0.5, 0.0]
    fit = fit_time_activity(times, values, LU, 1.0)
    assert "2 samples are zero or negative and were fitted as data; check background and region." in fit.warnings
    assert 0.8 < fit.tia_mbq_h / (95 / (np.log(2) / 4.8)) < 1.2


def test_no_uncertainties_is_said():
    fit = fit_time_activity([4, 24, 96, 168], [38, 31, 15, 8], LU, model="mono")
    # Student's t with two degrees of freedom for 84.13 % is 1.3213 (tables of the distribution)
    text = "no uncertainties given: estimated from the residuals with 2 degrees of freedom; an interval that holds 68 % is 1.32 times as wide; give uncertainties."
    assert text in fit.warnings
    assert fit.uncertainties_mbq is None
    assert fit.chi2 is None
    exact = fit_time_activity([24, 96], [31, 15], LU)
    assert exact.tia_uncertainty_mbq_h is None
    assert exact.standard_errors is None
    assert "the uncertainty cannot be stated: give uncertainties or more samples." in exact.warnings


def test_an_exact_fit_does_not_mean_certainty():
    # three samples, three fitted numbers (one held by a population): the residuals are zero and say nothing of the noise
    fit = fit_time_activity([2, 24, 96], [17.0, 44.0, 20.0], LU)
    assert fit.model == "uptake_held"
    assert fit.tia_uncertainty_mbq_h is None
    assert fit.degrees_of_freedom == 0


def test_unknown_scale_is_taken_from_the_residuals():
    # with the residual scale, uncertainties do not depend on the assumed size: by hand for constant weights
    times, values = np.array([4.0, 24, 96, 168]), np.array([38.0, 31, 15, 8])
    fit = fit_time_activity(times, values, LU, model="mono", weighting="constant")
    residual = np.sqrt(((values - fit.activity_mbq(times)) ** 2).sum() / 2)
    known = fit_time_activity(times, values, LU, residual, model="mono")
    assert list(fit.standard_errors.values()) == pytest.approx(list(known.standard_errors.values()), rel=1e-6)
    assert fit.tia_fit_uncertainty_mbq_h == pytest.approx(known.tia_fit_uncertainty_mbq_h, rel=1e-6)


def test_weights():
    times, values = np.array([4.0, 24, 96, 168]), np.array([38.0, 31, 15, 8])
    relative = fit_time_activity(times, values, LU, relative_uncertainty=0.04)
    assert relative.uncertainties_mbq == pytest.approx(0.04 * values)
    counted = fit_time_activity(times, values, LU, counts=[400, 100, 100, 25])
    assert counted.uncertainties_mbq == pytest.approx(values / np.array([20, 10, 10, 5]))


def test_samples_before_the_peak_are_kept_and_a_mono_exponential_says_so():
    times = np.array([1.0, 24, 96, 168])
    values = 60 * (np.exp(-times * np.log(2) / 60) - np.exp(-times * np.log(2) / 5))
    fit = fit_time_activity(times, values, LU, 0.05 * values, model="mono")
    assert len(fit.times_h) == 4
    assert any("the samples rise until 24 h, which a mono-exponential cannot follow" in text for text in fit.warnings)


def test_a_fit_that_says_nothing_says_so():
    # a vague positive sample after clear negative ones: the amplitude may fall to zero, never below
    fit = fit_time_activity([4, 24, 96], [-9, -9, 0.1], LU, [0.1, 0.1, 5])
    assert fit.tia_mbq_h == 0
    assert any("the fitted activity is zero" in text for text in fit.warnings)
    assert fit.effective_half_life_h is None
    # two samples only where everything has gone: not determined
    fit = fit_time_activity([4, 24, 96], [50.0, 0.0, 0.0], LU, 1.0)
    assert any("limit of what these times can show" in text or "do not determine" in text for text in fit.warnings)


def test_a_model_object_of_ones_own():
    fit = fit_time_activity([4, 24, 96, 168], [38, 31, 15, 8], LU, 1.0, model=get_model("mono"))
    assert (fit.model, fit.chosen_by) == ("mono", "user")


def test_a_new_model_is_one_small_class():
    # a mono-exponential after an early clearance of exactly 2 h
    @dataclass(frozen=True)
    class FixedEarlyClearance(ExponentialModel):
        name: str = "fixed_early_clearance"
        label: str = "mono-exponential after a clearance with 2 h"
        fitted_rates: int = 1
        fixed_biological_rates_per_h: tuple[float, ...] = (np.log(2) / 2,)

    times = np.array([1.0, 4, 24, 72, 144])
    fast = LU.decay_constant_per_h + np.log(2) / 2
    values = 40 * np.exp(-times * np.log(2) / 70) + 25 * np.exp(-times * fast)
    fit = fit_time_activity(times, values, LU, 0.5, model=FixedEarlyClearance())
    assert list(fit.parameters.values()) == pytest.approx([40, 25, np.log(2) / 70], rel=1e-6)
    assert fit.tia_mbq_h == pytest.approx(40 * 70 / np.log(2) + 25 / fast, rel=1e-6)
    assert {item.model for item in fit.ranking} > {"fixed_early_clearance", "mono", "bi"}


def test_a_poor_fit_enlarges_the_uncertainty():
    # by hand: four samples, two parameters, residuals far larger than the given uncertainties
    times, values = np.array([4.0, 24, 96, 168]), np.array([38.0, 24, 19, 8])
    fit = fit_time_activity(times, values, LU, 0.2, model="mono")
    factor = np.sqrt((((values - fit.activity_mbq(times)) / 0.2) ** 2).sum() / 2)
    honest = fit_time_activity(times, values, LU, 0.2 * factor, model="mono")
    assert factor > 5
    assert fit.tia_uncertainty_mbq_h == pytest.approx(honest.tia_uncertainty_mbq_h, rel=1e-6)
    assert any(f"poor fit: chi-squared {2 * factor**2:.3g} for 2 degrees" in text for text in fit.warnings)
    assert any(f"enlarged by {factor:.2g}" in text for text in fit.warnings)
    assert not any("poor fit" in text for text in honest.warnings)


def test_batch_shape():
    with pytest.raises(DosimetryError, match="Expected one activity for each of the 2 times"):
        fit_time_activities([24, 96], [5, 4], LU)
