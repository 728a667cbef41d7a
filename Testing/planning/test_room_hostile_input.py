"""Whatever is given to a plan: finite doses or one sentence."""

import json
from datetime import datetime

import numpy as np
import pytest
from fixtures.hostile import VALUES, answer_or_sentence

from RNTDosimetryLib import planning
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import to_plain
from RNTDosimetryLib.planar import read_planar_views
from RNTDosimetryLib.planning import Injection, Tumour

TUMOUR = Tumour("T1", 200.0, 5.0)
INJECTION = Injection("right", 1.5, (TUMOUR,), 900.0, 0.05)
MASSES = dict(normal_liver_mass_g=1300.0, lung_shunt_fraction=0.05, lung_mass_g=1000.0, residual_fraction=0.01, previous_lung_dose_gy=1.0,
              whole_normal_liver_mass_g=1500.0, dose_constant_j_per_gbq=49.67, product_file=None)  # fmt: skip
SHARED = dict(nuclide_or_product="Y-90", injections=[INJECTION], tumour_masses_g={"T1": 200.0}, perfused_normal_liver_mass_g=900.0,
              whole_normal_liver_mass_g=1500.0, lung_mass_g=1000.0)  # fmt: skip
SLOT = datetime(2026, 11, 24, 10)
ECHOES = np.ones((4, 3, 3, 3)) * np.array([100.0, 80.0, 60.0, 40.0])[:, None, None, None]
HOLMIUM = planning.holmium_from_r2_star(np.zeros((3, 3, 3)), np.ones((3, 3, 3)), (3.0, 3.0, 3.0), field_t=1.5)
COMPARTMENTS = planning.make_compartments("Y-90", tumours=[TUMOUR], normal_liver_mass_g=1300.0, lung_shunt_fraction=0.05)
CALLS = {
    "Tumour": dict(name="T1", mass_g=200.0, tnr=5.0),
    "Injection": dict(
        name="right",
        activity_gbq=1.5,
        tumours=(TUMOUR,),
        normal_liver_mass_g=900.0,
        lung_shunt_fraction=0.05,
        residual_fraction=0.0,
    ),
    "make_compartments": dict(nuclide_or_product="Y-90", tumours=[TUMOUR], **MASSES),
    "partition_model": dict(nuclide_or_product="Y-90", activity_gbq=2.0, tumours=[TUMOUR], **MASSES),
    "activity_for_limits": dict(nuclide_or_product="Y-90", limits={"normal_liver": 40}, tumours=[TUMOUR], **MASSES),
    "injections_plan": SHARED,
    "scale_injections": SHARED | {"limits": {"normal_liver": 40}},
    "injections_for_goals": SHARED | {"limits": {"normal_liver": 70, "T1": ("min", 60)}},
    "single_compartment_dose": dict(
        nuclide_or_product="Y-90",
        activity_gbq=2.0,
        mass_g=1500.0,
        lung_shunt_fraction=0.05,
        residual_fraction=0.0,
        lung_mass_g=1000.0,
    ),
    "single_compartment_activity": dict(nuclide_or_product="Y-90", dose_gy=50.0, mass_g=1500.0, lung_shunt_fraction=0.05),
    "bsa_activity": dict(height_m=1.75, weight_kg=75.0, tumour_fraction=0.1, lobe_fraction=1.0, lung_shunt_fraction=0.12),
    "order_options": dict(
        product="TheraSphere",
        needed_gbq=2.0,
        administrations=[SLOT],
        perfused_volume_ml=1000.0,
        calibration=None,
        largest_deviation=0.2,
    ),
    "choose_product": dict(
        wanted=("T1", 100.0),
        administrations=[SLOT],
        products=["TheraSphere"],
        calibrations=None,
        tumours=[TUMOUR],
        normal_liver_mass_g=1300.0,
        lung_shunt_fraction=0.05,
    ),
    "decayed_gbq": dict(activity_gbq=2.0, nuclide="Y-90", hours=3.0),
    "activity_from_holmium": dict(found=HOLMIUM, specific_activity_mbq_mg_holmium=10.0),
    "fit_r2_star": dict(echoes=ECHOES, echo_times_ms=[1.0, 2.0, 3.0, 4.0], method="nonlinear", noise_floor=0.0),
    "holmium_from_ct": dict(
        before_hu=np.zeros((3, 3, 3)),
        after_hu=np.ones((3, 3, 3)),
        spacing_mm=(3.0, 3.0, 3.0),
        hounsfield_per_mg_ml_microspheres=20.0,
        holmium_mass_share=0.18,
    ),
    "holmium_from_r2_star": dict(
        before=np.zeros((3, 3, 3)),
        after=np.ones((3, 3, 3)),
        spacing_mm=(3.0, 3.0, 3.0),
        field_t=1.5,
        relaxivity_per_s_ml_mg_holmium=None,
    ),
    "relaxivity_of_holmium": dict(field_t=3.0, reference="holmium"),
    "TreatmentConditions": dict(scenario="bilobar", bilirubin_mg_dl=0.8, impaired_liver=False, disease="HCC"),
    "sensitivity": dict(compartments=COMPARTMENTS, activity_gbq=2.0, relative_change=0.1),
    "activity_table": dict(
        compartments=COMPARTMENTS, activities_gbq=[1.0, 2.0], limits={"normal_liver": 40}, planned_activity_gbq=1.0
    ),
    "sampled_doses": dict(
        compartments=COMPARTMENTS,
        activity_gbq=2.0,
        uncertainty=planning.PlanUncertainty(tnr=0.1),
        limits=None,
        samples=100,
        seed=1,
    ),
}


@pytest.mark.parametrize(("function", "name"), [(function, name) for function, call in CALLS.items() for name in call])
def test_hostile_argument(function, name):
    for value in VALUES:
        result = answer_or_sentence(getattr(planning, function), {**CALLS[function], name: value})
        if result is not None and function not in ("Tumour", "Injection", "TreatmentConditions"):
            json.dumps(to_plain(result), allow_nan=False)


@pytest.mark.parametrize("tumours", [5, [1, 2], "T1", {"T1": TUMOUR}, [TUMOUR, "T2"]])
def test_tumours_that_are_none_are_refused(tumours):
    with pytest.raises(DosimetryError, match="a list of Tumour for the tumours"):
        planning.partition_model("Y-90", 2.0, tumours=tumours, normal_liver_mass_g=1300, lung_shunt_fraction=0.05)


@pytest.mark.parametrize("name", [[], None, 5, "", "  "])
def test_a_name_is_text(name):
    for make in (lambda: Tumour(name, 200.0, 5.0), lambda: Injection(name, 1.0, (), 900.0, 0.05)):
        with pytest.raises(DosimetryError, match="Expected a name for"):
            make()


@pytest.mark.parametrize("wrong", [5, "liver", None, [1, 2]])
def test_images_and_regions_of_another_kind_are_refused(tare, wrong):
    scout, right, tumours, activities = tare.scans.scout, tare.right, tare.tumours, tare.truth.activities_gbq
    for call in (
        lambda: planning.measure_scout(wrong, [right], tumours),
        lambda: planning.measure_scout(scout, wrong, tumours),
        lambda: planning.measure_scout(scout, [right], wrong),
        lambda: planning.lung_shunt_spect(scout, wrong, tare.liver),
        lambda: planning.lung_shunt_spect(wrong, tare.regions["lungs"], tare.liver),
        lambda: planning.lung_mass_from_ct(wrong, tare.regions["lungs"]),
        lambda: planning.lung_mass_from_ct(tare.scans.ct, wrong),
        lambda: planning.extrahepatic_deposits(scout, wrong),
        lambda: planning.voxel_plan(wrong, [right], activities, "Y-90", lung_shunt_fraction=0.05),
        lambda: planning.voxel_plan(scout, wrong, activities, "Y-90", lung_shunt_fraction=0.05),
        lambda: planning.delivered_dose(wrong, "TheraSphere", [right]),
        lambda: planning.delivered_dose(tare.scans.pet, "TheraSphere", wrong),
        lambda: planning.verify_plan(wrong, wrong, [right]),
        lambda: read_planar_views(wrong),
    ):
        with pytest.raises(DosimetryError, match="Expected"):
            call()
