"""Partition model, single compartment and body surface against numbers worked by hand, and properties that always hold."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.planning import (
    BsaPlan,
    Compartment,
    PartitionPlan,
    Tumour,
    bsa_activity,
    implied_tumour_mass_g,
    partition_model,
    single_compartment_activity,
    single_compartment_dose,
)

WORKED = {"normal_liver_mass_g": 1300, "lung_shunt_fraction": 0.05, "lung_mass_g": 1000}


def worked(**changes):
    values = (
        {"nuclide_or_product": "Y-90", "activity_gbq": 2.0, "tumours": [Tumour("T1", mass_g=200, tnr=5.0)]} | WORKED | changes
    )
    return partition_model(**values)


def test_worked_partition():
    # By hand with K = 49.67 J/GBq: 49.67 * 2 * 0.95 / (1.3 + 5 * 0.2) = 41.032 Gy, five times that, 49.67 * 2 * 0.05 / 1 = 4.967 Gy.
    plan = worked()
    assert plan.normal_liver_dose_gy == pytest.approx(94.373 / 2.3, rel=1e-9)
    assert plan.tumour_dose_gy["T1"] == pytest.approx(5 * 94.373 / 2.3, rel=1e-9)
    assert plan.lung_dose_gy == pytest.approx(4.967, rel=1e-9)
    assert plan.perfused_mean_dose_gy == pytest.approx(94.373 / 1.5, rel=1e-9)
    assert (round(plan.normal_liver_dose_gy, 2), round(plan.tumour_dose_gy["T1"], 2)) == (41.03, 205.16)


def test_two_tumours_share_one_denominator():
    # By hand: 49.67 * 3 * 0.9 * 0.98 / (0.8 + 4 * 0.1 + 2.5 * 0.3) = 131.42682 / 1.95 = 67.3983692...; lung 49.67*3*0.1*0.98/0.8.
    plan = partition_model(
        "90Y", 3.0, tumours=[Tumour("a", 100, 4.0), Tumour("b", 300, 2.5)], normal_liver_mass_g=800, lung_shunt_fraction=0.1,
        lung_mass_g=800, residual_fraction=0.02, whole_normal_liver_mass_g=1600, previous_lung_dose_gy=2.0,
    )  # fmt: skip
    assert plan.normal_liver_dose_gy == pytest.approx(131.42682 / 1.95, rel=1e-9)
    assert plan.tumour_dose_gy == pytest.approx({"a": 4 * 131.42682 / 1.95, "b": 2.5 * 131.42682 / 1.95}, rel=1e-9)
    assert plan.lung_dose_gy == pytest.approx(14.60298 / 0.8, rel=1e-9)
    assert plan.cumulative_lung_dose_gy == pytest.approx(2 + 14.60298 / 0.8, rel=1e-9)
    assert plan.whole_normal_liver_dose_gy == pytest.approx(131.42682 / 1.95 / 2, rel=1e-9)


def test_worked_single_compartments():
    # By hand: 120 * 1.5 / (49.67 * 0.95 * 0.99); lung 49.67 * A * 0.05 * 0.99 = 120 * 1.5 * 0.05 / 0.95; 60 * 1.8 / 15.87.
    glass = single_compartment_activity("TheraSphere", 120, 1500, lung_shunt_fraction=0.05, residual_fraction=0.01)
    assert glass.activity_gbq == pytest.approx(180 / (49.67 * 0.95 * 0.99), rel=1e-9)
    assert round(glass.activity_gbq, 4) == 3.8532
    assert glass.lung_dose_gy == pytest.approx(180 * 0.05 / 0.95, rel=1e-9)
    holmium = single_compartment_activity("Ho-166", 60, 1800, lung_shunt_fraction=0.0)
    assert holmium.activity_gbq == pytest.approx(108 / 15.87, rel=1e-9)
    assert round(holmium.activity_gbq, 3) == 6.805
    again = single_compartment_dose("Ho-166", holmium.activity_gbq, 1800, lung_shunt_fraction=0.0)
    assert again.dose_gy == pytest.approx(60, rel=1e-12)


def test_published_way_to_print_the_partition_model():
    # A = D_T (M_N + M_T r) / (CF r (1 - L)), dosimetric equation as printed for the partition model.
    expected = 205.0 * (1.3 + 0.2 * 5) / (49.67 * 5 * 0.95)
    assert worked(activity_gbq=expected).tumour_dose_gy["T1"] == pytest.approx(205.0, rel=1e-12)


def test_body_surface():
    # 0.20247 * 1.75**0.725 * 75**0.425 = 1.9031 m2; minus 0.2 plus 0.2.
    plan = bsa_activity(1.75, 75, 0.2)
    assert round(plan.activity_gbq, 3) == 1.903
    assert any("was not reduced for the lung shunt" in text for text in plan.warnings)
    # A lobe of 900 of 1500 mL with 270 mL of tumor in it: 0.3 of the lobe (not 0.18 of the liver), (1.9031 - 0.2 + 0.3) * 0.6 = 1.2019 GBq.
    lobe = bsa_activity(1.75, 75, 270 / 900, lobe_fraction=900 / 1500, lung_shunt_fraction=0.05)
    assert lobe.activity_gbq == pytest.approx((1.9031 - 0.2 + 0.3) * 0.6, abs=1e-4)
    assert any("over the lobe, not over the liver" in text for text in lobe.warnings)
    with pytest.raises(DosimetryError, match="m and not cm"):
        bsa_activity(175, 75, 0.2)


@pytest.mark.parametrize(
    ("shunt", "factor"), [(0.0, 1.0), (0.0999, 1.0), (0.10, 0.8), (0.1499, 0.8), (0.15, 0.6), (0.1999, 0.6), (0.20, None)]
)
def test_body_surface_is_reduced_for_the_lung_shunt(shunt, factor):
    """In common use for resin: less 20 % from a shunt of 10 % on, less 40 % from 15 % on, nobody from 20 % on."""
    plan = bsa_activity(1.75, 75, 0.2, lung_shunt_fraction=shunt)
    assert plan.shunt_factor == factor
    if factor is None:
        assert plan.activity_gbq is None
        assert any("it gives no activity" in text for text in plan.warnings)
    else:
        assert plan.activity_gbq == pytest.approx(1.9031 * factor, abs=1e-4)
    assert BsaPlan.from_dict(plan.to_dict()) == plan


def test_segmentectomy_implies_a_tumour_mass():
    # Published case: 350 mL treated, ratio 2.4, 200 Gy to the tumour, 850 MBq of 90Y. With 1.03 g/mL and no shunt the perfused mass is
    # 360.5 g, so m_T = (2.4 * 49.67 * 0.85 / 200 * 1000 - 360.5) / 1.4 = 104.4 g, which is 101 mL.
    mass = implied_tumour_mass_g("Y-90", 0.85, 200, 2.4, 350 * 1.03)
    assert mass == pytest.approx((2.4 * 49.67 * 0.85 / 0.2 - 360.5) / 1.4, rel=1e-12)
    assert round(mass, 1) == 104.4
    plan = partition_model(
        "Y-90", 0.85, tumours=[Tumour("segment", mass, 2.4)], normal_liver_mass_g=360.5 - mass, lung_shunt_fraction=0.0
    )
    assert plan.tumour_dose_gy["segment"] == pytest.approx(200, rel=1e-9)
    assert plan.normal_liver_dose_gy == pytest.approx(200 / 2.4, rel=1e-9)


def test_segmentectomy_that_cannot_be():
    with pytest.raises(DosimetryError, match="implies"):
        implied_tumour_mass_g("Y-90", 0.2, 200, 2.4, 360.5)
    with pytest.raises(DosimetryError, match="other than 1"):
        implied_tumour_mass_g("Y-90", 0.85, 200, 1.0, 360.5)


@st.composite
def cases(draw):
    number = draw(st.integers(0, 8))
    masses = st.floats(0.5, 2000, allow_nan=False)
    return {
        "nuclide_or_product": draw(st.sampled_from(["Y-90", "Ho-166", "TheraSphere", "SIR-Spheres", "QuiremSpheres", "Re-188"])),
        "activity_gbq": draw(st.floats(0.05, 20)),
        "tumours": [Tumour(f"T{i}", draw(masses), draw(st.floats(0.1, 30))) for i in range(number)],
        "normal_liver_mass_g": draw(st.floats(0 if number else 1, 3000)),
        "lung_shunt_fraction": draw(st.one_of(st.just(0.0), st.floats(0.0, 0.6))),
        "lung_mass_g": draw(st.floats(200, 2000)),
        "residual_fraction": draw(st.floats(0.0, 0.3)),
    }


@settings(deadline=None, max_examples=150)
@given(cases())
def test_energy_balances(case):
    plan = partition_model(**case)
    tumours = sum(tumour.mass_g * plan.tumour_dose_gy[tumour.name] for tumour in case["tumours"])
    liver = tumours + case["normal_liver_mass_g"] * plan.normal_liver_dose_gy
    absorbed = (liver + case["lung_mass_g"] * plan.lung_dose_gy) / 1000
    administered = plan.dose_constant_j_per_gbq * case["activity_gbq"] * (1 - case["residual_fraction"])
    assert absorbed == pytest.approx(administered, rel=1e-9)
    assert plan.delivered_energy_j == pytest.approx(administered, rel=1e-9)
    perfused_g = case["normal_liver_mass_g"] + sum(tumour.mass_g for tumour in case["tumours"])
    assert plan.perfused_mean_dose_gy * perfused_g == pytest.approx(liver, rel=1e-9)


@settings(deadline=None, max_examples=60)
@given(cases(), st.floats(1.05, 3))
def test_each_input_moves_the_doses_the_right_way(case, factor):
    case = case | {
        "tumours": [*case["tumours"], Tumour("extra", 150, 3.0)],
        "normal_liver_mass_g": case["normal_liver_mass_g"] + 10,
    }
    case["lung_shunt_fraction"] = min(case["lung_shunt_fraction"], 0.3) + 0.01
    plan = partition_model(**case)

    def doses(**changes):
        changed = partition_model(**case | changes)
        return changed.tumour_dose_gy["extra"], changed.normal_liver_dose_gy, changed.lung_dose_gy

    before = (plan.tumour_dose_gy["extra"], plan.normal_liver_dose_gy, plan.lung_dose_gy)
    assert doses(activity_gbq=case["activity_gbq"] * factor) == pytest.approx([factor * dose for dose in before], rel=1e-9)
    tumour, normal, lung = doses(lung_shunt_fraction=min(case["lung_shunt_fraction"] * factor, 0.95))
    assert tumour < before[0]
    assert normal < before[1]
    assert lung > before[2]
    tumour, normal, lung = doses(normal_liver_mass_g=case["normal_liver_mass_g"] * factor)
    assert tumour < before[0]
    assert normal < before[1]
    assert lung == before[2]
    tumour, normal, lung = doses(tumours=[*case["tumours"][:-1], Tumour("extra", 150, 3.0 * factor)])
    assert tumour > before[0]
    assert normal < before[1]
    assert lung == before[2]
    tumour, normal, lung = doses(residual_fraction=case["residual_fraction"] + 0.1)
    assert tumour < before[0]
    assert normal < before[1]
    assert lung < before[2]
    assert doses(lung_mass_g=case["lung_mass_g"] * factor)[2] < before[2]


def test_no_shunt_gives_no_lung_dose():
    assert worked(lung_shunt_fraction=0.0).lung_dose_gy == 0.0


def test_residual_lowers_the_lung_dose_too():
    assert worked(residual_fraction=0.1).lung_dose_gy == pytest.approx(0.9 * 4.967, rel=1e-9)


def test_no_tumour_is_a_single_compartment():
    plan = worked(tumours=[])
    assert plan.tumour_dose_gy == {}
    assert plan.normal_liver_dose_gy == pytest.approx(94.373 / 1.3, rel=1e-9)
    assert plan.normal_liver_dose_gy == plan.perfused_mean_dose_gy


def test_no_normal_liver_in_the_territory():
    plan = worked(normal_liver_mass_g=0, whole_normal_liver_mass_g=1300)
    assert plan.normal_liver_dose_gy == 0.0
    assert plan.whole_normal_liver_dose_gy == 0.0
    assert plan.tumour_dose_gy["T1"] == pytest.approx(94.373 / 0.2, rel=1e-9)
    assert any("no normal liver" in warning for warning in plan.warnings)


def test_constants_are_named():
    assert worked(nuclide_or_product="QuiremSpheres").dose_constant_j_per_gbq == 15.87
    assert any("15.87 J/GBq: the vendor" in line for line in worked(nuclide_or_product="Ho-166").assumptions)
    plan = worked(dose_constant_j_per_gbq=50.0)
    assert plan.normal_liver_dose_gy == pytest.approx(95 / 2.3, rel=1e-9)
    assert any("given by the user" in line for line in plan.assumptions)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"lung_shunt_fraction": 5}, "0.05 for 5 %"),
        ({"lung_shunt_fraction": float("nan")}, "lung shunt fraction"),
        ({"residual_fraction": 1.0}, "residual fraction"),
        ({"activity_gbq": 0}, "activity in GBq"),
        ({"activity_gbq": -1}, "activity in GBq"),
        ({"lung_mass_g": 0}, "lung mass"),
        ({"normal_liver_mass_g": -1}, "normal liver"),
        ({"normal_liver_mass_g": 0, "tumours": []}, "nowhere to go"),
        ({"whole_normal_liver_mass_g": 1000}, "at least the perfused"),
        ({"previous_lung_dose_gy": -3}, "earlier lung dose"),
        ({"nuclide_or_product": "Y-91m"}, "TheraSphere"),
        ({"dose_constant_j_per_gbq": 0}, "dose constant"),
        ({"tumours": [Tumour("a", 1, 2), Tumour("a", 2, 3)]}, "different names"),
    ],
)
def test_refusals_say_what_to_do(changes, text):
    with pytest.raises(DosimetryError, match=text):
        worked(**changes)


@pytest.mark.parametrize(
    ("name", "mass", "tnr"),
    [
        ("", 1, 1),
        ("lung", 1, 1),
        ("normal_liver in right", 1, 1),
        ("other: x", 1, 1),
        ("T", 0, 1),
        ("T", 1, -2),
        ("T", 1, float("inf")),
    ],
)
def test_a_tumour_that_exists_is_valid(name, mass, tnr):
    with pytest.raises(DosimetryError):
        Tumour(name, mass, tnr)


def test_unusual_numbers_are_mentioned():
    plan = worked(activity_gbq=2000, lung_mass_g=1.0, lung_shunt_fraction=0.3)
    text = " ".join(plan.warnings)
    assert "MBq" in text
    assert "A lung mass of 1 g" in text
    assert "shunt fraction of 30 %" in text


def test_plan_survives_json():
    plan = worked()
    stored = json.loads(json.dumps(plan.to_dict()))
    assert PartitionPlan.from_dict(stored) == plan
    # What scripts read first stands there by name.
    assert stored["tumour_dose_gy"] == plan.tumour_dose_gy
    assert stored["lung_dose_gy"] == plan.lung_dose_gy


def test_a_lung_mass_that_was_not_given_is_a_convention_with_its_spread():
    given, assumed = worked(), worked(lung_mass_g=None)
    assert assumed.lung_dose_gy == given.lung_dose_gy
    assert "Lung mass 1000 g, by convention." in assumed.assumptions
    (said,) = set(assumed.warnings) - set(given.warnings)
    assert said.startswith("No lung mass was given: 1000 g by convention, uncertain by 25 %, and so is the lung dose")
    assert worked(lung_mass_g=None, lung_shunt_fraction=0.0).warnings == ()
    single = single_compartment_activity("TheraSphere", 120, 1500, lung_shunt_fraction=0.05)
    assert said in single.warnings


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("T1", "tumor"),
        ("normal_liver", "normal_liver"),
        ("normal_liver in right", "normal_liver"),
        ("whole_normal_liver", "whole_normal_liver"),
        ("perfused", "perfused"),
        ("lung", "lung"),
        ("lung_session", "lung_session"),
        ("other: stomach", "other"),
    ],
)
def test_a_compartment_is_its_key_and_back(key, kind):
    place = Compartment.of(key)
    assert (place.kind, place.key, str(place)) == (kind, key, key)
    assert Compartment.of(place.key) == place
