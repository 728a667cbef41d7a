"""Whatever is typed: every public function answers with a finite result or with one sentence."""

import numpy as np
import pytest
from fixtures.hostile import VALUES, answer_or_sentence, arrays_like

from RNTDosimetryLib import dose
from RNTDosimetryLib.base.errors import DosimetryError

SHAPE = (3, 3, 3)
ONES = np.ones(SHAPE)
SPACING = (4.0, 4.0, 4.0)
HALF = np.zeros(SHAPE)
HALF[1:] = 1.0
TABLE = dose.STable("Lu-177", "t", (dose.SValue("liver", "liver", 1e-5, 1800.0),))
HOSTILE = VALUES + arrays_like(ONES)


@pytest.fixture(scope="module")
def dose_map():
    return dose.dose_map(ONES, SPACING, "Y-90")


CALLS = {
    "dose_map": dict(
        tia_mbq_h_ml=ONES,
        spacing_mm=SPACING,
        nuclide="Y-90",
        method="local",
        density_g_ml=1.0,
        tia_uncertainty_mbq_h_ml=ONES,
        local_dose_constant_j_per_gbq=49.67,
        kernel_density_g_ml=1.0,
    ),
    "dose_rate_map": dict(activity_bq_ml=ONES, spacing_mm=SPACING, nuclide="Y-90", method="local", density_g_ml=1.0),
    "photon_dose_gy": dict(tia_mbq_h_ml=ONES, spacing_mm=SPACING, nuclide="Y-90", density_g_ml=1.0),
    "voxel_s_kernel": dict(nuclide="Y-90", spacing_mm=(9.0, 9.0, 9.0), density_g_ml=1.0, extent_mm=20.0),
    "voxel_kernel": dict(nuclide="Y-90", spacing_mm=(9.0, 9.0, 9.0), density_g_ml=1.0, shape=(2, 2, 2)),
    "sphere_s_value": dict(nuclide="Y-90", mass_g=10.0, density_g_ml=1.0),
    "dose_volume_histogram": dict(
        dose_gy=ONES,
        occupancy=ONES,
        spacing_mm=SPACING,
        name="a",
        dose_uncertainty_gy=0.1,
        dose_at_percent=(95,),
        volume_at_dose_gy=(20,),
        geud_exponents=(1,),
        bins=10,
    ),
    "generalized_eud": dict(dose_gy=ONES, exponent=2.0, weights=ONES),
    "isodose_levels": dict(dose_gy=ONES, levels_gy=[1.0], spacing_mm=SPACING),
    "bed": dict(dose_gy=4.4, effective_half_life_h=50.0, alpha_beta_gy=2.6, repair_half_time_h=2.8),
    "bed_with_factor": dict(dose_gy=ONES, protraction_factor=0.5, alpha_beta_gy=2.6),
    "bed_uncertainty": dict(dose_gy=ONES, dose_uncertainty_gy=0.1, protraction_factor=0.5, alpha_beta_gy=2.6),
    "bed_exponentials": dict(
        dose_gy=4.4, amplitudes=[1.0, 2.0], rates_per_h=[0.1, 0.2], alpha_beta_gy=2.6, repair_half_time_h=2.8
    ),
    "eqd2": dict(bed_gy=4.4, alpha_beta_gy=2.6),
    "bed_fractions": dict(dose_per_fraction_gy=2.0, fractions=30, alpha_beta_gy=10.0),
    "density_from_hounsfield": dict(hounsfield=ONES, curve_points=[(-1000, 0.001), (0, 1.0)]),
    "gamma_index": dict(
        reference_gy=ONES,
        evaluated_gy=ONES,
        spacing_mm=SPACING,
        dose_difference_percent=3.0,
        distance_mm=3.0,
        threshold_percent=10.0,
        maximum=2.0,
        steps_per_distance=1,
    ),
    "tcp_poisson": dict(bed_gy=ONES, clonogens=1e6, alpha_per_gy=0.3, weights=ONES),
    "logistic_probability": dict(dose_gy=20.0, d50_gy=30.0, gamma50=2.0),
    "ntcp_lkb": dict(geud_gy=20.0, td50_gy=30.0, m=0.2),
    "response_probability": dict(
        dose_gy=ONES, parameters={"model": "lkb", "d50_gy": 30.0, "m": 0.2, "geud_exponent": 1.0}, weights=ONES
    ),
    "rbe_weighted_dose": dict(dose_gy=2.0, nuclide="Ac-225", rbe=5.0),
    "self_dose": dict(
        tia_mbq_h=100.0,
        nuclide="Lu-177",
        mass_g=300.0,
        density_g_ml=1.0,
        reference_mass_g=310.0,
        tia_uncertainty_mbq_h=5.0,
        volume_uncertainty=0.01,
        tia_volume_sensitivity=0.1,
        s_value_uncertainty=0.01,
    ),
    "doses_from_table": dict(
        tia_mbq_h={"liver": 100.0},
        table=TABLE,
        masses_g={"liver": 1500.0},
        nuclide="Lu-177",
        tia_uncertainties_mbq_h={"liver": 1.0},
    ),
    "SValue": dict(target="a", source="b", s_mgy_per_mbq_s=1.0, reference_mass_g=2.0),
    "STable": dict(nuclide="Lu-177", name="t", values=TABLE.values),
    "read_s_table": dict(path="none.csv", nuclide="Lu-177"),
    "cross_doses": dict(tia_mbq_h_ml=ONES, spacing_mm=SPACING, nuclide="Y-90", regions={"a": HALF}, density_g_ml=1.0),
    "compare_engines": dict(
        tia_mbq_h_ml=ONES,
        spacing_mm=SPACING,
        nuclide="Y-90",
        density_g_ml=1.0,
        regions={"a": HALF},
        reference="local",
        uniform_density_g_ml=1.0,
    ),
    "marrow_dose_from_blood": dict(
        blood_tia_mbq_h_ml=0.1,
        nuclide="Lu-177",
        rmblr=1.0,
        blood_tia_uncertainty_mbq_h_ml=0.01,
        absorbed_fraction=1.0,
        remainder_tia_mbq_h=1.0,
        s_remainder_gy_per_mbq_h=1e-6,
        red_marrow_mass_g=1000.0,
        blood_density_g_ml=1.0,
    ),
    "marrow_dose_from_vertebrae": dict(
        vertebrae_tia_mbq_h=100.0,
        nuclide="Lu-177",
        vertebrae="L2-L4",
        red_marrow_mass_g=None,
        sex="male",
        absorbed_fraction=1.0,
        tia_uncertainty_mbq_h=1.0,
    ),
    "marrow_absorbed_fraction": dict(nuclide="Re-188", absorbed_fraction=None, progeny=True),
    "s_value_uncertainty": dict(nuclide="Lu-177", mass_g=20.0, density_g_ml=1.0, reference_mass_g=300.0, progeny=True),
    "s_value_relative_uncertainty": dict(nuclide="Lu-177", mass_g=20.0, density_g_ml=1.0),
    "density_relative_uncertainty": dict(density_g_ml=1.0),
    "red_marrow_to_blood_ratio": dict(hematocrit=0.4),
    "whole_body_dose": dict(tia_mbq_h=1000.0, body_mass_kg=70.0, nuclide="I-131", tia_uncertainty_mbq_h=1.0),
    "thyroid_dose": dict(activity_mbq=100.0, mass_g=20.0, uptake_percent=50.0, effective_half_life_d=5.0),
    "relative_dose_uncertainty": dict(
        tia_relative=0.1, volume_relative=0.01, mass_exponent=1.0, tia_volume_sensitivity=0.1, s_value_relative=0.01
    ),
}


@pytest.mark.parametrize(("function", "name"), [(function, name) for function, call in CALLS.items() for name in call])
def test_hostile_argument(function, name, tmp_path):
    if (function, name) in {("STable", "nuclide"), ("STable", "name"), ("SValue", "target"), ("SValue", "source")}:
        hostile = (b"x",)
    else:
        hostile = HOSTILE
    for value in hostile:
        answer_or_sentence(getattr(dose, function), {**CALLS[function], name: value})


@pytest.mark.parametrize("name", ["regions", "density_g_ml", "tia_mbq_h"])
def test_hostile_argument_of_region_doses(name, dose_map):
    for value in HOSTILE:
        answer_or_sentence(dose.region_doses, {"dose_map": dose_map, "regions": {"a": HALF}, name: value})
    for value in HOSTILE:
        answer_or_sentence(dose.region_doses, {"dose_map": value, "regions": {"a": HALF}})


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_argument_of_histogram_lookups(value):
    histogram = dose.dose_volume_histogram(ONES)
    answer_or_sentence(histogram.dose_at_volume_percent, {"percent": value})
    answer_or_sentence(histogram.volume_percent_at_dose, {"dose_gy": value})


def test_quantities_of_no_matter_are_refused():
    with pytest.raises(DosimetryError, match="check that the unit is not kg/m3"):
        dose.dose_map(ONES, SPACING, "Y-90", density_g_ml=np.linspace(900, 1100, 27).reshape(SHAPE))
    with pytest.raises(DosimetryError, match="check the unit"):
        dose.sphere_s_value("Y-90", 10.0, 1040.0)
    with pytest.raises(DosimetryError, match="no side under"):
        dose.voxel_s_kernel("Y-90", (4.0, 0.001, 4.0))
    with pytest.raises(DosimetryError, match="masked elements"):
        dose.dose_map(np.ma.masked_array(ONES, mask=HALF), SPACING, "Y-90")


def test_half_precision_does_not_overflow():
    # 60000 MBq*h/mL times 0.53 Gy*g/(MBq*h) fits; times 9.3 MeV of 225Ac's chain does not fit into float16
    tia = np.full(SHAPE, 60000, dtype=np.float16)
    assert np.array_equal(
        dose.dose_map(tia, SPACING, "Ac-225").dose_gy, dose.dose_map(tia.astype(float), SPACING, "Ac-225").dose_gy
    )
