"""Inverse plans: identity with the forward model, the binding limit, and refusals."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.planning import LimitedActivity, Tumour, activity_for_limits, partition_model

CASE = {
    "nuclide_or_product": "Y-90",
    "tumours": [Tumour("T1", mass_g=200, tnr=5.0)],
    "normal_liver_mass_g": 1300,
    "lung_shunt_fraction": 0.05,
    "lung_mass_g": 1000,
}


def test_worked_limits():
    # By hand: the normal liver gets 49.67 * 0.95 / 2.3 = 20.5159 Gy/GBq, so 40 Gy at 1.94971 GBq; the lungs 30 Gy at 12.0797 GBq.
    found = activity_for_limits(**CASE, limits={"normal_liver": 40, "lung": 30, "T1": ("min", 120)})
    assert found.activity_gbq == pytest.approx(40 * 2.3 / (49.67 * 0.95), rel=1e-12)
    assert found.binding == "normal_liver"
    assert found.goals_reached
    assert found.smallest_activity_gbq == pytest.approx(24 * 2.3 / (49.67 * 0.95), rel=1e-12)
    normal, lung, tumour = found.checks
    assert normal.binding
    assert normal.margin_gy == pytest.approx(0, abs=1e-9)
    assert normal.satisfied
    assert lung.activity_gbq == pytest.approx(30 / (49.67 * 0.05), rel=1e-12)
    assert lung.margin_gy == pytest.approx(30 - found.plan.lung_dose_gy, rel=1e-12)
    assert tumour.dose_gy == pytest.approx(200, rel=1e-12)
    assert tumour.margin_gy == pytest.approx(80, rel=1e-12)


def test_goal_out_of_reach_is_said():
    found = activity_for_limits(**CASE, limits={"normal_liver": 40, "T1": ("min", 250)})
    assert not found.goals_reached
    assert found.binding == "normal_liver"
    assert any("goal is not reached for T1" in warning for warning in found.warnings)
    assert found.checks[1].verdict == "below the goal"


def test_goals_alone_give_the_smallest_activity():
    found = activity_for_limits(**CASE, limits={"T1": ["min", 120], "perfused": ["min", 60]})
    # Perfused mean: 60 * 1.5 / (49.67 * 0.95) = 1.9073 GBq against 1.1698 GBq for the tumour.
    assert found.activity_gbq == pytest.approx(90 / (49.67 * 0.95), rel=1e-12)
    assert found.binding == "perfused"
    assert found.goals_reached
    assert found.largest_activity_gbq is None


def test_the_result_reads_back():
    found = activity_for_limits(**CASE, limits={"normal_liver": 40, "lung": 30, "T1": ("min", 120)})
    again = LimitedActivity.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
    assert (again.binding, again.margins_gy) == (found.binding, found.margins_gy)


def test_earlier_lung_dose_counts():
    case = CASE | {"lung_shunt_fraction": 0.2}
    fresh = activity_for_limits(**case, limits={"lung": 30})
    later = activity_for_limits(**case, limits={"lung": 30}, previous_lung_dose_gy=12)
    assert later.activity_gbq == pytest.approx(0.6 * fresh.activity_gbq, rel=1e-12)
    assert later.plan.cumulative_lung_dose_gy == pytest.approx(30, rel=1e-12)
    session = activity_for_limits(**case, limits={"lung_session": 30}, previous_lung_dose_gy=12)
    assert session.activity_gbq == pytest.approx(fresh.activity_gbq, rel=1e-12)
    with pytest.raises(DosimetryError, match=r"received 31 Gy before"):
        activity_for_limits(**case, limits={"lung": 30}, previous_lung_dose_gy=31)


def test_limit_that_never_binds():
    case = CASE | {"lung_shunt_fraction": 0.0}
    found = activity_for_limits(**case, limits={"normal_liver": 40, "lung": 30})
    assert found.binding == "normal_liver"
    assert found.checks[1].activity_gbq is None
    assert found.checks[1].satisfied
    with pytest.raises(DosimetryError, match="sets the activity"):
        activity_for_limits(**case, limits={"lung": 30})


@settings(deadline=None, max_examples=80)
@given(
    st.floats(0.1, 15),
    st.lists(st.tuples(st.floats(1, 900), st.floats(0.2, 20)), max_size=6),
    st.floats(1, 2500),
    st.floats(0.001, 0.4),
    st.floats(0, 0.2),
    st.floats(0, 10),
    st.data(),
)
def test_inverse_of_forward_is_the_identity(activity, tumours, normal, shunt, residual, earlier, data):
    case = {
        "nuclide_or_product": "Y-90",
        "tumours": [Tumour(f"T{i}", mass, tnr) for i, (mass, tnr) in enumerate(tumours)],
        "normal_liver_mass_g": normal,
        "lung_shunt_fraction": shunt,
        "lung_mass_g": 900,
        "residual_fraction": residual,
        "previous_lung_dose_gy": earlier,
        "whole_normal_liver_mass_g": normal + 100,
    }
    plan = partition_model(activity_gbq=activity, **case)
    doses = plan.tumour_dose_gy | {
        "normal_liver": plan.normal_liver_dose_gy,
        "whole_normal_liver": plan.whole_normal_liver_dose_gy,
        "perfused": plan.perfused_mean_dose_gy,
        "lung": plan.cumulative_lung_dose_gy,
        "lung_session": plan.lung_dose_gy,
    }
    name = data.draw(st.sampled_from(sorted(doses)))
    kind = data.draw(st.sampled_from(["max", "min"]))
    found = activity_for_limits(**case, limits={name: (kind, doses[name])})
    assert found.activity_gbq == pytest.approx(activity, rel=1e-7 if name == "lung" else 1e-10)
    # Limits twice as wide leave the same one to bind.
    wide = {other: 2 * dose for other, dose in doses.items() if other != name}
    assert activity_for_limits(**case, limits={name: doses[name], **wide}).binding in (
        name,
        *(["lung_session"] if name == "lung" else []),
    )


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({}, "at least one"),
        ({"T2": 100}, "T2"),
        ({"whole_normal_liver": 40}, "whole_normal_liver_mass_g too"),
        ({"normal_liver": ("about", 40)}, "max"),
        ({"normal_liver": ("max", 40, 50)}, "max"),
        ({"normal_liver": 0}, "positive limit"),
        ({"normal_liver": None}, "limit in Gy for normal_liver"),
    ],
)
def test_refusals(limits, text):
    with pytest.raises(DosimetryError, match=text):
        activity_for_limits(**CASE, limits=limits)
