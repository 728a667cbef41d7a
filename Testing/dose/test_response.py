import math

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.dose import logistic_probability, ntcp_lkb, response_probability, response_sets, tcp_poisson


def test_one_half_at_the_middle_dose():
    # By construction of each model
    assert logistic_probability(52.0, 52.0, 1.7) == pytest.approx(0.5)
    assert ntcp_lkb(28.0, 28.0, 0.1) == pytest.approx(0.5)
    # Poisson: N0 exp(-alpha BED) = ln 2 leaves one half
    assert tcp_poisson(math.log(1e7 / math.log(2)) / 0.3, 1e7, 0.3) == pytest.approx(0.5)


def test_lkb_one_slope_away_is_the_normal_distribution():
    # Phi(1) = 0.841345 and Phi(-2) = 0.022750, tables of the normal distribution
    assert ntcp_lkb(28 * 1.1, 28, 0.1) == pytest.approx(0.841345, abs=1e-6)
    assert ntcp_lkb(28 * 0.8, 28, 0.1) == pytest.approx(0.022750, abs=1e-6)


def test_logistic_slope_at_d50_is_gamma50():
    step = 1e-4
    for gamma50 in (0.8, 2.5):
        slope = (logistic_probability(100 * (1 + step), 100, gamma50) - logistic_probability(100 * (1 - step), 100, gamma50)) / (
            2 * step
        )
        assert slope == pytest.approx(gamma50, rel=1e-6)
    assert logistic_probability(0, 100, 2) == 0
    assert logistic_probability(1e-80, 100, 2) == 0


def test_poisson_of_mixed_doses_is_the_product_of_the_parts():
    dose = np.array([40.0, 60.0])
    parts = [tcp_poisson(value, 0.5 * share * 1e6, 0.25) for value, share in zip(dose, (1.0, 1.0))]
    assert tcp_poisson(dose, 1e6, 0.25) == pytest.approx(math.prod(parts), rel=1e-12)
    weighted = tcp_poisson(dose, 1e6, 0.25, weights=np.array([0.2, 0.6]))
    assert weighted == pytest.approx(tcp_poisson(40, 0.25e6, 0.25) * tcp_poisson(60, 0.75e6, 0.25), rel=1e-12)


def test_shipped_sets_compute_and_say_their_status():
    for name, values in response_sets().items():
        result = response_probability(np.full(20, 45.0), name, volume_ml=10.0)
        assert 0 <= result.probability <= 1
        assert result.source == values["source"]
        assert result.status in ("read", "computed", "unchecked")
        assert bool(result.warnings) == (result.status == "unchecked")
        assert result.effective_dose_gy == pytest.approx(45.0)


def test_set_of_ones_own_uses_its_exponent():
    dose = np.array([10.0, 30.0])
    own = {"model": "lkb", "d50_gy": 30.0, "m": 0.2, "geud_exponent": 2.0, "name": "ours"}
    result = response_probability(dose, own)
    assert result.effective_dose_gy == pytest.approx(math.sqrt((100 + 900) / 2))
    assert result.probability == pytest.approx(ntcp_lkb(result.effective_dose_gy, 30.0, 0.2))
    assert (result.parameter_set, result.warnings) == ("ours", ())


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: response_probability(20.0, "kidney-unknown"), "known are kidney-burman"),
        (lambda: response_probability(20.0, {"model": "magic"}), "lkb, logistic or poisson"),
        (lambda: response_probability(20.0, {"model": "lkb", "geud_exponent": 1.0, "m": 0.1}), "'d50_gy'"),
        (lambda: response_probability(20.0, "tumour-poisson-example"), "volume in mL"),
        (lambda: tcp_poisson([20.0, math.nan], 1e6, 0.2), "NaN"),
        (lambda: tcp_poisson([20.0, 30.0], 1e6, 0.2, weights=[1.0]), "one weight"),
        (lambda: tcp_poisson(20.0, 0.0, 0.2), "positive number of clonogens"),
        (lambda: ntcp_lkb(20.0, 0.0, 0.2), "positive TD50"),
        (lambda: logistic_probability(-1.0, 50, 2), "zero or more"),
    ],
)
def test_bad_input_is_refused(call, text):
    with pytest.raises(DosimetryError, match=text):
        call()
