"""Beta spectra: theory against evaluated means, and what always holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.nuclides import BetaBranch, get_nuclide, list_nuclides
from RNTDosimetryLib.nuclides.beta_spectrum import beta_spectrum

# Branches whose evaluated mean is known not to be that of its own endpoint and shape:
# 169Er: DDEP means from measured shape factors; 131I 807 keV (1U, 0.4 %): DDEP 267.9 keV, ENSDF 283.2 keV as here.
OUTLIERS = {("Er-169", 0.353), ("Er-169", 0.3446), ("I-131", 0.8069)}


@pytest.mark.parametrize("name", list_nuclides())
def test_spectrum_means_agree_with_the_evaluation_before_scaling(name):
    nuclide = get_nuclide(name)
    for branch in nuclide.betas:
        if branch.intensity < 0.003 or (name, branch.endpoint_mev) in OUTLIERS:
            continue
        spectrum = beta_spectrum(branch, nuclide.mass_number)
        assert spectrum.mean_before_scaling_mev == pytest.approx(branch.mean_mev, rel=0.01), branch


# ENSDF mean of the unique forbidden 807 keV branch of 131I: 283.24 keV (DDEP prints the allowed shape's).
def test_the_unique_branch_of_iodine_has_the_mean_of_ensdf():
    nuclide = get_nuclide("I-131")
    branch = next(row for row in nuclide.betas if row.forbiddenness == "1U")
    assert beta_spectrum(branch, nuclide.mass_number).mean_before_scaling_mev == pytest.approx(0.28324, rel=0.003)


# Unique forbidden shapes matter: 90Y 932.4 keV (ENSDF), 89Sr 584.6 keV (DDEP); the allowed shape gives less for 90Y.
@pytest.mark.parametrize(("name", "mean_mev"), [("Y-90", 0.9324), ("Sr-89", 0.5846)])
def test_unique_forbidden_shape_factor(name, mean_mev):
    nuclide = get_nuclide(name)
    branch = max(nuclide.betas, key=lambda row: row.intensity)
    allowed = BetaBranch.from_dict(branch.to_dict() | {"forbiddenness": ""})
    assert beta_spectrum(branch, nuclide.mass_number).mean_before_scaling_mev == pytest.approx(mean_mev, rel=0.002)
    assert abs(beta_spectrum(allowed, nuclide.mass_number).mean_before_scaling_mev / mean_mev - 1.0) > 0.005


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(["beta-", "beta+"]),
    st.integers(8, 90),
    st.floats(0.02, 4.0),
    st.floats(0.25, 0.6),
    st.sampled_from(["", "1", "1U", "2U", "3U"]),
)
def test_number_and_mean_are_those_of_the_branch(kind, daughter_z, endpoint, share, forbidden):
    branch = BetaBranch(kind, daughter_z, endpoint, share * endpoint, 0.37, forbidden)
    spectrum = beta_spectrum(branch, 2 * daughter_z + 20)
    assert np.all(spectrum.weight >= 0.0)
    assert np.sum(spectrum.weight) == pytest.approx(0.37, rel=1e-9)
    assert np.sum(spectrum.weight * spectrum.energy_mev) == pytest.approx(0.37 * share * endpoint, rel=1e-9)
    assert spectrum.energy_mev.max() < endpoint


# Without charge and mass the allowed spectrum is p^2 q^2, whose mean is half the endpoint; with low energies T^(1/2) q^2: a third.
def test_limits_of_the_shape_without_charge():
    slow = BetaBranch("beta-", 0, 1e-4, 4e-5, 1.0)
    fast = BetaBranch("beta-", 0, 1e4, 4e3, 1.0)
    assert beta_spectrum(slow, 1).mean_before_scaling_mev / 1e-4 == pytest.approx(1.0 / 3.0, rel=1e-3)
    assert beta_spectrum(fast, 1).mean_before_scaling_mev / 1e4 == pytest.approx(0.5, rel=1e-3)


def test_an_impossible_mean_is_refused():
    with pytest.raises(DosimetryError, match="mean beta energy between"):
        beta_spectrum(BetaBranch("beta-", 40, 1.0, 1.2, 1.0), 90)
