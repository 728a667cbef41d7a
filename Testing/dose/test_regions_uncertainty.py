import math

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.dose import mass_exponent_of, relative_dose_uncertainty


def test_volume_and_activity_partly_cancel():
    # dosimetry.md section 6 [C]: v 20 mL, FWHM 12 mm: u(v)/v 0.662, phi 0.759, R 0.649, u(C)/C 0.387 = phi/(2R) u(v)/v.
    # With S ~ m^-1: u(D)/D = |0.585 - 1| * 0.662 = 0.275, far below both parts added as if independent
    volume, sensitivity = 0.662, 0.759 / (2 * 0.649)
    tia = sensitivity * volume
    assert tia == pytest.approx(0.387, abs=5e-4)
    assert relative_dose_uncertainty(tia, volume, 1.0, sensitivity) == pytest.approx((1 - sensitivity) * volume, rel=1e-12)
    assert relative_dose_uncertainty(tia, volume, 1.0, 0.0) == pytest.approx(math.hypot(tia, volume), rel=1e-12)


def test_against_a_monte_carlo():
    # Outside source: the sampled distribution itself. TIA ~ v^k times a free factor, S ~ m^-c2
    generator = np.random.default_rng(7)
    volume = np.exp(generator.normal(0, 0.05, 400_000))
    free = np.exp(generator.normal(0, 0.04, volume.size))
    s_value = np.exp(generator.normal(0, 0.03, volume.size))
    dose = free * volume**0.6 * s_value * volume**-0.95
    tia_relative = math.hypot(0.04, 0.6 * 0.05)
    assert relative_dose_uncertainty(tia_relative, 0.05, 0.95, 0.6, 0.03) == pytest.approx(np.std(np.log(dose)), rel=0.01)


def test_mass_exponent_of_known_laws():
    assert mass_exponent_of(lambda mass: 5 / mass, 20.0) == pytest.approx(1.0, rel=1e-9)
    assert mass_exponent_of(lambda mass: mass**-0.921, 70.0) == pytest.approx(0.921, rel=1e-9)


def test_bad_input_is_refused():
    with pytest.raises(DosimetryError, match="includes its volume part"):
        relative_dose_uncertainty(0.1, 0.5, 1.0, 0.6)
    with pytest.raises(DosimetryError, match="zero or more"):
        relative_dose_uncertainty(-0.1)
    with pytest.raises(DosimetryError, match="number for volume sensitivity"):
        relative_dose_uncertainty(0.1, 0.1, 1.0, math.nan)
