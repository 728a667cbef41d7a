"""Results of plans and verifications read back equal, also those that older versions wrote."""

import json

import numpy as np
import pytest

from RNTDosimetryLib.planning import Compartment, DeliveredDose, delivered_dose
from RNTDosimetryLib.roads.plan import PlanResult
from RNTDosimetryLib.roads.plan.request import PlanRequest, plan_from_dict
from RNTDosimetryLib.roads.plan.run import read_plan_result, run_plan
from RNTDosimetryLib.roads.verify import VerifyResult

ONE = {
    "product": "TheraSphere",
    "tumours": [{"name": "T1", "mass_g": 200, "tnr": 5.0}],
    "normal_liver_mass_g": 1300,
    "whole_normal_liver_mass_g": 1600,
    "lung_shunt_fraction": 0.05,
    "previous_lung_dose_gy": 4.0,
    "conditions": {"scenario": "unilobar", "bilirubin_mg_dl": 0.8, "disease": "HCC"},
    "uncertainty": {"tnr": 0.1},
    "samples": 200,
    "order": {"administrations": ["2026-11-24T10:00"]},
    "body_surface": {"height_m": 1.75, "weight_kg": 75, "tumour_fraction": 0.2},
}
SEVERAL = {
    "product": "SIR-Spheres",
    "injections": [
        {"name": "right", "activity_gbq": 1.5, "tumours": [{"name": "T1", "mass_g": 120, "tnr": 4}], "normal_liver_mass_g": 700,
         "lung_shunt_fraction": 0.04},
        {"name": "left", "activity_gbq": 0.6, "tumours": [], "normal_liver_mass_g": 300, "lung_shunt_fraction": 0.06},
    ],
    "lung_mass_g": 900,
}  # fmt: skip


@pytest.mark.parametrize(
    "content", [ONE, SEVERAL, SEVERAL | {"keep_activities": True, "uncertainty": {"activity": 0.1}, "samples": 200}]
)
def test_a_plan_reads_back_equal(content):
    result = run_plan(plan_from_dict(content))
    stored = json.loads(json.dumps(result.to_dict()))
    for read in (PlanResult.from_dict, PlanResult.from_content):
        again = read(stored)
        assert again == result
        assert again.to_dict() == stored
    assert PlanRequest.from_content(stored) == result.request
    assert again.plan.dose_of(Compartment("tumor", "T1")) == result.plan.tumour_dose_gy["T1"]
    assert (again.binding, again.plan.activity_gbq) == (result.binding, result.activity_gbq)


def former(of: str) -> dict:
    """A plan.json of version 1, as 0.1.0 wrote it (products, tables and what else it held beside left out)."""
    quantity = {
        "asked_for": "TheraSphere",
        "nuclide": "Y-90",
        "product": "TheraSphere",
        "j_per_gbq": 49.67,
        "source": "convention",
        "status": "read",
    }
    tumour = {"name": "T1", "mass_g": 200.0, "tnr": 5.0}

    def part(activity, tumours, normal, shunt):
        inside = {"constant": quantity, "tumours": tumours, "normal_liver_mass_g": normal, "lung_shunt_fraction": shunt, "lung_mass_g": 1000.0,
                  "residual_fraction": 0.0, "whole_normal_liver_mass_g": None, "previous_lung_dose_gy": 0.0}  # fmt: skip
        return {
            "activity_gbq": activity,
            "compartments": inside,
            "tumour_dose_gy": {},
            "normal_liver_dose_gy": 0.0,
            "lung_dose_gy": 0.0,
        }

    head = {"format": "RNTDosimetry plan results", "version": 1, "research_only": True, "warnings": ["old"], "product": {"name": "TheraSphere"},
            "limits": {"normal_liver": 40.0}, "binding": "normal_liver", "table": None, "sensitivity": [], "sampled": None, "orders": []}  # fmt: skip
    check = {"name": "normal_liver", "kind": "max", "limit_gy": 40.0, "dose_gy": 40.0, "margin_gy": 0.0, "activity_gbq": 1.95, "satisfied": True,
             "binding": True}  # fmt: skip
    if of == "one":
        request = {
            "product": "TheraSphere",
            "tumours": [tumour],
            "normal_liver_mass_g": 1300.0,
            "lung_shunt_fraction": 0.05,
            "impaired_liver": False,
        }
        plan = part(2.0, [tumour], 1300.0, 0.05)
        return head | {"request": request, "activity_gbq": 2.0, "checks": [check], "plan": plan, "injections": None,
                       "limited": {"largest_activity_gbq": 1.9497, "smallest_activity_gbq": None}}  # fmt: skip
    request = {"product": "TheraSphere", "previous_lung_dose_gy": 3.0, "impaired_liver": True, "injections": [
        {"name": "right", "activity_gbq": 1.0, "tumours": [tumour], "normal_liver_mass_g": 700.0, "lung_shunt_fraction": 0.04, "residual_fraction": 0.0},
        {"name": "left", "activity_gbq": 0.5, "tumours": [], "normal_liver_mass_g": 300.0, "lung_shunt_fraction": 0.06, "residual_fraction": 0.0},
    ]}  # fmt: skip
    injections = {
        "activities_gbq": {"right": 2.0, "left": 1.0}, "dose_gy": {}, "dose_by_injection_gy": {},
        "masses_g": {"T1": 250.0, "normal_liver": 950.0, "whole_normal_liver": 1400.0, "lung_session": 1000.0},
        "plans": {"right": part(2.0, [tumour], 700.0, 0.04), "left": part(1.0, [], 300.0, 0.06)},
    }  # fmt: skip
    return head | {
        "request": request,
        "activity_gbq": 3.0,
        "checks": [check],
        "plan": None,
        "limited": None,
        "injections": injections,
    }


def test_a_plan_of_one_injection_of_version_1_still_loads(tmp_path):
    found = PlanResult.from_content(former("one"))
    # The worked case of dosimetry: 41.03, 205.16 and 4.967 Gy at 2 GBq.
    plan = found.plan
    assert (round(plan.normal_liver_dose_gy, 2), round(plan.tumour_dose_gy["T1"], 2), round(plan.lung_dose_gy, 3)) == (
        41.03,
        205.16,
        4.967,
    )
    assert found.checks[0].compartment == Compartment("normal_liver")
    assert (found.checks[0].limit_gy, found.binding, found.largest_activity_gbq) == (40.0, "normal_liver", 1.9497)
    assert [limit.dose_gy for limit in found.limits] == [40.0]
    assert found.request.conditions is None
    assert PlanResult.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(former("one")), encoding="utf-8")
    assert read_plan_result(path).plan == plan


def test_a_plan_of_several_injections_of_version_1_still_loads():
    plan = (found := PlanResult.from_content(former("several"))).plan
    # By hand: right 49.67 * 2 * 0.96 / (0.7 + 1.0) = 56.10 Gy, left 49.67 * 0.94 / 0.3 = 155.63 Gy of normal liver; 0.95 kg in all, T1 0.25 kg.
    right, left = 49.67 * 2 * 0.96 / 1.7, 49.67 * 0.94 / 0.3
    assert plan.dose_gy["T1"] == pytest.approx(200 / 250 * 5 * right, rel=1e-12)
    assert plan.dose_gy["normal_liver"] == pytest.approx((700 * right + 300 * left) / 950, rel=1e-12)
    assert plan.dose_gy["normal_liver in left"] == pytest.approx(left, rel=1e-12)
    assert plan.dose_gy["whole_normal_liver"] == pytest.approx((700 * right + 300 * left) / 1400, rel=1e-12)
    assert plan.dose_gy["lung"] == pytest.approx(3.0 + 49.67 * (2 * 0.04 + 0.06), rel=1e-12)
    assert found.request.conditions.impaired_liver is True


def test_a_delivered_dose_reads_back_equal_arrays_apart(tare):
    found = delivered_dose(tare.scans.pet, "TheraSphere", tare.parts)
    stored = json.loads(json.dumps(found.to_dict()))
    again = DeliveredDose.from_dict(stored)
    assert again == found
    assert again.map.activity_mbq_ml is again.map.dose.dose_gy is None
    assert np.asarray(found.map.dose).any()


def test_a_verification_of_version_1_still_loads(tare):
    delivered = delivered_dose(tare.scans.pet, "TheraSphere", tare.parts).to_dict()
    check = {
        "name": "lung",
        "kind": "max",
        "limit_gy": 30.0,
        "dose_gy": 5.0,
        "margin_gy": 25.0,
        "activity_gbq": None,
        "satisfied": True,
        "binding": False,
    }
    row = {"volume_ml": 1.0, "mass_g": 1.04, "planned_gy": 60.0, "delivered_gy": 66.0, "dose_at_gy": {}}
    content = {
        "format": "RNTDosimetry verification results", "version": 1, "request": {"image": "pet", "product": "Y-90", "tumours": ["T1"]},
        "compartments": [row | {"name": "T1"}, row | {"name": "normal_liver in right"}], "delivered": delivered, "checks": [check],
    }  # fmt: skip
    found = VerifyResult.from_content(json.loads(json.dumps(content)))
    assert [item.compartment for item in found.compartments] == [
        Compartment("tumor", "T1"),
        Compartment("normal_liver", territory="right"),
    ]
    assert found.compartments[0].percent == pytest.approx(10.0)
    assert (found.checks[0].name, found.checks[0].limit_gy) == ("lung", 30.0)
    assert VerifyResult.from_dict(json.loads(json.dumps(found.to_dict()))) == found
