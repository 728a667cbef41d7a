"""Several injections: doses add, energies balance, overlaps are counted, goals are reached within limits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.planning import Injection, Tumour, injections_for_goals, injections_plan, partition_model, scale_injections

RIGHT = Injection("right", 1.5, (Tumour("T1", 120, 4.0), Tumour("T2", 60, 3.0)), 700, 0.04)
LEFT = Injection("left", 0.6, (Tumour("T1", 50, 5.0),), 300, 0.06, residual_fraction=0.02)


def test_one_injection_is_the_partition_model():
    alone = injections_plan("Y-90", [RIGHT])
    plan = partition_model("Y-90", 1.5, tumours=RIGHT.tumours, normal_liver_mass_g=700, lung_shunt_fraction=0.04)
    assert alone.dose_gy["T1"] == pytest.approx(plan.tumour_dose_gy["T1"], rel=1e-12)
    assert alone.dose_gy["normal_liver"] == pytest.approx(plan.normal_liver_dose_gy, rel=1e-12)
    assert alone.dose_gy["lung"] == pytest.approx(plan.lung_dose_gy, rel=1e-12)


def test_overlapping_territories_by_hand():
    # T1 weighs 150 g: 120 g in the right and 50 g in the left territory, so 20 g in both. With K = 49.67 J/GBq:
    # right: D_N = 49.67*1.5*0.96/(0.7+0.48+0.18) = 71.5248/1.36; left: D_N = 49.67*0.6*0.94*0.98/(0.3+0.25) = 27.4536024/0.55.
    plan = injections_plan(
        "Y-90", [RIGHT, LEFT], tumour_masses_g={"T1": 150}, perfused_normal_liver_mass_g=950, whole_normal_liver_mass_g=1400
    )
    right, left = 71.5248 / 1.36, 49.67 * 0.6 * 0.94 * 0.98 / 0.55
    assert plan.dose_gy["T1"] == pytest.approx((120 * 4 * right + 50 * 5 * left) / 150, rel=1e-9)
    assert plan.dose_gy["T2"] == pytest.approx(3 * right, rel=1e-9)
    assert plan.dose_gy["normal_liver"] == pytest.approx((700 * right + 300 * left) / 950, rel=1e-9)
    assert plan.dose_gy["whole_normal_liver"] == pytest.approx((700 * right + 300 * left) / 1400, rel=1e-9)
    assert plan.dose_gy["lung"] == pytest.approx(49.67 * (1.5 * 0.04 + 0.6 * 0.06 * 0.98), rel=1e-9)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.floats(0.1, 5), st.floats(10, 500), st.floats(0.5, 10), st.floats(0, 0.3), st.floats(0, 0.1)),
        min_size=1,
        max_size=4,
    )
)
def test_energy_balances_over_all_injections(rows):
    injections = [
        Injection(f"p{i}", activity, (Tumour("T", mass, tnr), Tumour(f"own {i}", mass / 2, tnr)), 200 + mass, shunt, residual)
        for i, (activity, mass, tnr, shunt, residual) in enumerate(rows)
    ]
    whole = sum(item.tumours[0].mass_g for item in injections) * 0.8 + max(item.tumours[0].mass_g for item in injections) * 0.2
    plan = injections_plan("Ho-166", injections, tumour_masses_g={"T": whole}, lung_mass_g=850)
    absorbed = sum(plan.masses_g[region] * plan.dose_gy[region] for region in plan.masses_g) / 1000
    administered = sum(15.87 * item.activity_gbq * (1 - item.residual_fraction) for item in injections)
    assert absorbed == pytest.approx(administered, rel=1e-9)


def test_tumour_outside_every_territory():
    plan = injections_plan("Y-90", [RIGHT], tumour_masses_g={"T3": 40})
    assert plan.dose_gy["T3"] == 0.0
    assert any("T3 lies in no territory" in warning for warning in plan.warnings)


def test_common_factor_keeps_the_limits():
    shared = {"tumour_masses_g": {"T1": 150}, "perfused_normal_liver_mass_g": 950, "previous_lung_dose_gy": 3.0}
    found = scale_injections("Y-90", [RIGHT, LEFT], {"normal_liver": 40, "lung": 30, "T1": ("min", 100)}, **shared)
    assert found.plan.dose_gy["normal_liver"] == pytest.approx(40, rel=1e-9)
    assert found.binding == "normal_liver"
    assert found.goals_reached
    ratio = found.plan.activities_gbq["right"] / found.plan.activities_gbq["left"]
    assert ratio == pytest.approx(2.5, rel=1e-12)
    with pytest.raises(DosimetryError, match="31 Gy before"):
        scale_injections("Y-90", [RIGHT], {"lung": 30}, previous_lung_dose_gy=31)


def test_goals_with_the_least_activity():
    shared = {"tumour_masses_g": {"T1": 150}, "perfused_normal_liver_mass_g": 950}
    found = injections_for_goals("Y-90", [RIGHT, LEFT], {"normal_liver": 60, "T1": ("min", 200), "T2": ("min", 90)}, **shared)
    assert found.goals_reached
    assert all(check.satisfied for check in found.checks)
    assert "T1" in found.binding
    total = sum(found.plan.activities_gbq.values())
    # Any grid of activities that keeps the same limits needs as much or more.
    per_gbq = {
        item.name: injections_plan("Y-90", [Injection(i.name, float(i is item), i.tumours, i.normal_liver_mass_g, i.lung_shunt_fraction,
                                                      i.residual_fraction) for i in (RIGHT, LEFT)], **shared).dose_gy
        for item in (RIGHT, LEFT)
    }  # fmt: skip
    for right in range(81):
        for left in range(81):
            a, b = right / 20, left / 20
            dose = {name: a * per_gbq["right"][name] + b * per_gbq["left"][name] for name in ("T1", "T2", "normal_liver")}
            if dose["T1"] >= 200 and dose["T2"] >= 90 and dose["normal_liver"] <= 60:
                assert a + b >= total - 1e-9
    with pytest.raises(DosimetryError, match="can be reached within the limits"):
        injections_for_goals("Y-90", [RIGHT, LEFT], {"normal_liver": 20, "T1": ("min", 200)}, **shared)
    with pytest.raises(DosimetryError, match="scale_injections"):
        injections_for_goals("Y-90", [RIGHT], {"normal_liver": 20})


@pytest.mark.parametrize(
    ("arguments", "shared", "text"),
    [
        ([], {}, "different names"),
        ([RIGHT, RIGHT], {}, "different names"),
        ([RIGHT, LEFT], {}, "the parts may overlap"),
        ([RIGHT, LEFT], {"tumour_masses_g": {"T1": 100}}, "at least the 120 g"),
        ([RIGHT, LEFT], {"tumour_masses_g": {"T1": 150}, "perfused_normal_liver_mass_g": 600}, "between 700 g"),
        ([RIGHT, LEFT], {"tumour_masses_g": {"T1": 150}, "perfused_normal_liver_mass_g": 1200}, "count each gram once"),
        ([RIGHT], {"whole_normal_liver_mass_g": 500}, "at least the perfused"),
    ],
)
def test_refusals(arguments, shared, text):
    with pytest.raises(DosimetryError, match=text):
        injections_plan("Y-90", arguments, **shared)
