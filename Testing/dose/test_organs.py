import math

import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import kind_of
from RNTDosimetryLib.dose import (
    effective_half_life_from_uptakes_d,
    marrow_absorbed_fraction,
    marrow_dose_from_blood,
    marrow_dose_from_vertebrae,
    red_marrow_to_blood_ratio,
    self_dose,
    thyroid_activity_mbq,
    thyroid_dose,
    whole_body_dose,
    whole_body_s_gy_per_mbq_h,
)
from RNTDosimetryLib.nuclides import get_nuclide

GY_G_PER_MBQ_H_MEV = 1.602176634e-13 * 1e6 * 3600 / 1e-3


def test_marrow_to_blood_ratio():
    # dosimetry.md section 5 [R]: 0.19 / (1 - Hct), or 1 for 177Lu peptides
    assert red_marrow_to_blood_ratio(0.45) == pytest.approx(0.19 / 0.55)
    assert red_marrow_to_blood_ratio(peptide=True) == 1.0
    for wrong in (None, 45, 0.0, math.nan):
        with pytest.raises(DosimetryError, match=r"hematocrit between 0\.1 and 0\.7"):
            red_marrow_to_blood_ratio(wrong)


# therapy.md section 10: OLINDA 2 S(RM <- RM) at 1170 g in mGy/(MBq s) [R]: 177Lu 1.15e-5, 90Y 5.61e-5; phi of 161Tb 0.62 and of 131I,
# photons of the marrow included, 0.57 [C]
@pytest.mark.parametrize(
    ("name", "s_mgy_per_mbq_s", "phi"),
    [("Lu-177", 1.15e-5, 0.57), ("Y-90", 5.61e-5, 0.44), ("Tb-161", None, 0.62), ("I-131", None, 0.57)],
)
def test_marrow_self_dose_is_that_of_olinda(name, s_mgy_per_mbq_s, phi):
    energy = get_nuclide(name).electron_energy_mev
    s_gy_per_mbq_h = phi * GY_G_PER_MBQ_H_MEV * energy / 1170
    if s_mgy_per_mbq_s is not None:
        assert s_gy_per_mbq_h == pytest.approx(s_mgy_per_mbq_s * 3.6, rel=0.01)
    # both methods: 1 MBq*h in all of the marrow
    blood = marrow_dose_from_blood(1 / 1170, name, 1.0)
    vertebrae = marrow_dose_from_vertebrae(0.067, name)
    assert blood.dose_gy == pytest.approx(s_gy_per_mbq_h, rel=1e-9)
    assert vertebrae.dose_gy == pytest.approx(s_gy_per_mbq_h, rel=1e-9)
    for result in (blood, vertebrae):
        assert f"absorbed fraction {phi}" in result.method
        assert not any("upper bound" in warning for warning in result.warnings)


def test_marrow_dose_from_blood_by_hand():
    # By hand: 0.02 MBq*h/mL of 177Lu, 1 mL of blood as 1 g, RMBLR 1, 0.148 MeV of which 57 % is absorbed; the marrow mass cancels
    expected = 0.02 * GY_G_PER_MBQ_H_MEV * get_nuclide("Lu-177").electron_energy_mev * 0.57
    result = marrow_dose_from_blood(0.02, "Lu-177", 1.0, blood_tia_uncertainty_mbq_h_ml=0.002)
    assert result.dose_gy == pytest.approx(expected, rel=1e-9)
    # 10 % of the TIA and 10 % of the absorbed fraction, independent of each other
    assert result.dose_uncertainty_gy == pytest.approx(math.hypot(0.1, 0.1) * expected, rel=1e-9)
    assert marrow_dose_from_blood(0.02, "Lu-177", 1.0, red_marrow_mass_g=700).dose_gy == pytest.approx(expected, rel=1e-9)
    assert marrow_dose_from_blood(0.02, "Lu-177", 1.0, blood_density_g_ml=1.06).dose_gy == pytest.approx(
        expected / 1.06, rel=1e-9
    )
    assert any("left out" in warning for warning in result.warnings)


def test_an_entered_absorbed_fraction_is_taken_as_it_is():
    bound = marrow_dose_from_blood(0.02, "Lu-177", 1.0, absorbed_fraction=1.0, blood_tia_uncertainty_mbq_h_ml=0.002)
    assert bound.dose_gy == pytest.approx(0.02 * GY_G_PER_MBQ_H_MEV * get_nuclide("Lu-177").electron_energy_mev, rel=1e-9)
    assert bound.dose_uncertainty_gy == pytest.approx(0.1 * bound.dose_gy, rel=1e-9)
    assert any("upper bound" in warning for warning in bound.warnings)
    both = marrow_dose_from_vertebrae(50.0, "Lu-177", absorbed_fraction=1.0)
    assert any("upper bound" in warning for warning in both.warnings)


def test_a_fraction_between_those_of_other_nuclides():
    # falls from 0.57 (177Lu) to 0.44 (90Y) as the electrons get harder; the wider uncertainty is in the dose
    order = ["Lu-177", "Sm-153", "Re-186", "Ho-166", "Re-188", "Y-90"]
    values = [marrow_absorbed_fraction(name).value for name in order]
    assert values == sorted(set(values), reverse=True)
    assert values[-1] == 0.44
    rhenium = marrow_dose_from_blood(0.02, "Re-188", 0.35, blood_tia_uncertainty_mbq_h_ml=0.002)
    assert rhenium.dose_uncertainty_gy == pytest.approx(math.hypot(0.1, 0.15) * rhenium.dose_gy)
    assert "marrow_fraction_between_nuclides" in {kind.code for kind in map(kind_of, rhenium.warnings) if kind}
    # 131I by interpolation alone lies within 5 % of its own value, which has its photons in it
    iodine = get_nuclide("I-131")
    other = type(iodine).from_dict(iodine.to_dict() | {"name": "I-131 once more"})
    assert marrow_absorbed_fraction(other).value == pytest.approx(0.57, rel=0.05)


def test_no_fraction_is_invented():
    for name in ("Ac-225", "Er-169", "Tc-99m"):  # alphas; electrons softer than those of 161Tb
        for method in (lambda name: marrow_dose_from_blood(0.02, name, 1.0), lambda name: marrow_dose_from_vertebrae(50.0, name)):
            with pytest.raises(DosimetryError, match="give absorbed_fraction"):
                method(name)
    assert marrow_dose_from_blood(0.02, "Ac-225", 1.0, absorbed_fraction=0.8).dose_gy > 0


def test_marrow_remainder_adds_and_uncertainty_stays_unknown():
    alone = marrow_dose_from_blood(0.02, "I-131", 0.35, absorbed_fraction=0.8)
    both = marrow_dose_from_blood(
        0.02, "I-131", 0.35, absorbed_fraction=0.8, remainder_tia_mbq_h=1e4, s_remainder_gy_per_mbq_h=2e-6
    )
    assert both.dose_gy == pytest.approx(alone.dose_gy + 0.02, rel=1e-9)
    assert both.parts["from remainder"] == pytest.approx(0.02)
    assert both.warnings == ()
    assert both.dose_uncertainty_gy is None


def test_marrow_dose_from_vertebrae_by_hand():
    energy = get_nuclide("Lu-177").electron_energy_mev
    result = marrow_dose_from_vertebrae(50.0, "Lu-177", sex="female", tia_uncertainty_mbq_h=10.0)
    assert result.tia_mbq_h == pytest.approx(50 / 0.067)
    assert result.dose_gy == pytest.approx(50 / 0.067 * GY_G_PER_MBQ_H_MEV * energy * 0.57 / 900, rel=1e-9)
    assert result.dose_uncertainty_gy == pytest.approx(math.hypot(0.2, 0.1) * result.dose_gy)
    assert any("reference female" in warning for warning in result.warnings)
    # ICRP 89, active marrow of the adults: 900 g and 1170 g
    assert [marrow_dose_from_vertebrae(50.0, "Lu-177", sex=sex).mass_g for sex in ("female", "male")] == [900.0, 1170.0]
    with pytest.raises(DosimetryError, match="Expected vertebrae L2-L4"):
        marrow_dose_from_vertebrae(50.0, "Lu-177", vertebrae="T1")
    with pytest.raises(DosimetryError, match="Expected sex female or male"):
        marrow_dose_from_vertebrae(50.0, "Lu-177", sex="")


def test_whole_body_power_law():
    # dosimetry.md section 5: S = 1.34e-4 m^-0.921 Gy/(MBq*h), m in kg; 70 kg by hand 2.678e-6
    assert whole_body_s_gy_per_mbq_h(70.0) == pytest.approx(2.678e-6, rel=1e-3)
    dose = whole_body_dose(3.0e5, 20.0, tia_uncertainty_mbq_h=3.0e4)
    assert dose.dose_gy == pytest.approx(3.0e5 * 1.34e-4 * 20**-0.921)
    assert dose.dose_uncertainty_gy == pytest.approx(0.1 * dose.dose_gy)
    assert dose.mass_g == 20000.0
    # It lies between electrons alone and all energy absorbed
    iodine = get_nuclide("I-131")
    for mass_kg in (5.0, 20.0, 70.0, 110.0):
        electrons = GY_G_PER_MBQ_H_MEV * iodine.electron_energy_mev / (1000 * mass_kg)
        everything = electrons + GY_G_PER_MBQ_H_MEV * iodine.photon_energy_mev / (1000 * mass_kg)
        assert electrons < whole_body_s_gy_per_mbq_h(mass_kg) < everything


def test_whole_body_refuses_grams_and_other_nuclides():
    with pytest.raises(DosimetryError, match="unit is kg"):
        whole_body_s_gy_per_mbq_h(70000)
    with pytest.raises(DosimetryError, match="whole-body power law"):
        whole_body_dose(1.0, 70.0, "Lu-177")


def test_thyroid_activity_and_dose_are_inverse():
    # dosimetry.md section 5: A = 24.7 D M / (U% Teff_d): 200 Gy, 20 g, 50 %, 5.5 d -> 359.3 MBq
    activity = thyroid_activity_mbq(200, 20, 50, 5.5)
    assert activity == pytest.approx(359.27, abs=0.01)
    assert thyroid_dose(activity, 20, 50, 5.5).dose_gy == pytest.approx(200, rel=1e-12)


def test_thyroid_integral_by_hand():
    # 100 MBq, half of it in the gland, 5.5 d: 50 MBq * 5.5 * 24 h / ln 2 = 9521.8 MBq*h; and its sphere gives the dose of the formula
    result = thyroid_dose(100, 20, 50, 5.5)
    assert result.tia_mbq_h == pytest.approx(9521.8, rel=1e-4)
    assert self_dose(result.tia_mbq_h, "I-131", 20.0).dose_gy == pytest.approx(result.dose_gy, rel=0.01)


def test_thyroid_half_life_from_two_uptakes():
    # 50 % at 24 h and 25 % at 24 h + 5.5 d are one half-life apart
    assert effective_half_life_from_uptakes_d(50, 24, 25, 24 + 5.5 * 24) == pytest.approx(5.5)
    with pytest.raises(DosimetryError, match="falls between two times"):
        effective_half_life_from_uptakes_d(50, 24, 60, 48)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((200, 0, 50, 5.5), "positive thyroid mass"),
        ((200, 20, 120, 5.5), "at most 100 %"),
        ((200, 20, 50, 132), "check the unit"),
        ((0, 20, 50, 5.5), "positive dose"),
        ((200, 20, math.nan, 5.5), "uptake"),
    ],
)
def test_bad_thyroid_input_is_refused(arguments, text):
    with pytest.raises(DosimetryError, match=text):
        thyroid_activity_mbq(*arguments)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: marrow_dose_from_blood(-0.1, "Lu-177", 1.0), "zero or more"),
        (lambda: marrow_dose_from_blood(0.1, "Lu-177", 0.0), "positive red marrow to blood ratio"),
        (lambda: marrow_dose_from_blood(0.1, "Lu-177", 1.0, absorbed_fraction=1.2), "at most 1"),
        (lambda: marrow_dose_from_blood(0.1, "Lu-717", 1.0), "did you mean"),
        (lambda: marrow_dose_from_vertebrae(math.nan, "Lu-177"), "TIA in MBq"),
        (lambda: whole_body_dose(-1.0, 70.0), "zero or more"),
    ],
)
def test_bad_input_is_refused(call, text):
    with pytest.raises(DosimetryError, match=text):
        call()
