"""The plan file: from JSON to doses, report and back, refusals, and the command line."""

import contextlib
import json
import re
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import ranked
from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.planning import (
    Tumour,
    activity_for_limits,
    delivered_dose,
    measure_scout,
    partition_model,
    verify_plan,
    voxel_plan,
)
from RNTDosimetryLib.roads.plan import read_request as read_plan
from RNTDosimetryLib.roads.plan import write as write_plan
from RNTDosimetryLib.roads.plan.report import plan_csv, plan_dose_table, render_plan_report
from RNTDosimetryLib.roads.plan.request import PlanRequest, plan_from_dict, request_from_scout
from RNTDosimetryLib.roads.plan.run import run_plan
from RNTDosimetryLib.roads.verify.report import write_verification_report

SPECT_FWHM_MM = 10.0
"""Point spread of the scout in Resources/phantom/tare_protocol.json."""

ONE = {
    "product": "TheraSphere",
    "title": "Two tumours <b>",
    "tumours": [{"name": "T1", "mass_g": 200, "tnr": 5.0}, {"name": "T2", "mass_g": 60, "tnr": 3.2}],
    "normal_liver_mass_g": 1100,
    "whole_normal_liver_mass_g": 1600,
    "lung_shunt_fraction": 0.06,
    "lung_mass_g": 920,
    "residual_fraction": 0.01,
    "previous_lung_dose_gy": 4.0,
    "limits": {"normal_liver": 75, "lung_session": 30, "lung": 50, "T1": ["min", 205], "T2": ["min", 250]},
    "uncertainty": {"tumour_mass": 0.1, "tnr": 0.15, "lung_shunt_absolute": 0.012},
    "samples": 2000,
    "order": {"administrations": ["2026-11-24T10:00", "2026-11-26T14:00"]},
    "body_surface": {"height_m": 1.75, "weight_kg": 75, "tumour_fraction": 0.2},
}
SEVERAL = {
    "product": "SIR-Spheres",
    "injections": [
        {"name": "right", "activity_gbq": 1.5, "tumours": [{"name": "T1", "mass_g": 120, "tnr": 4}], "normal_liver_mass_g": 700,
         "lung_shunt_fraction": 0.04},
        {"name": "left", "activity_gbq": 0.6, "tumours": [{"name": "T1", "mass_g": 50, "tnr": 5}], "normal_liver_mass_g": 300,
         "lung_shunt_fraction": 0.06, "residual_fraction": 0.02},
    ],
    "tumour_masses_g": {"T1": 150},
    "perfused_normal_liver_mass_g": 950,
    "conditions": {"scenario": "bilobar", "impaired_liver": False},
}  # fmt: skip


@pytest.fixture(scope="module")
def one():
    return run_plan(plan_from_dict(ONE))


def test_plan_file_is_the_library(one):
    case = {key: ONE[key] for key in ("normal_liver_mass_g", "whole_normal_liver_mass_g", "lung_shunt_fraction", "lung_mass_g",
                                      "residual_fraction", "previous_lung_dose_gy", "limits")}  # fmt: skip
    found = activity_for_limits("TheraSphere", tumours=[Tumour(**row) for row in ONE["tumours"]], **case)
    assert one.activity_gbq == found.activity_gbq
    assert one.plan == found.plan
    assert one.binding == "normal_liver"
    assert any(warning.startswith("T2: 240 Gy is below the goal") for warning in one.warnings)
    assert one.body_surface.activity_gbq == pytest.approx(1.903, abs=0.0005)
    assert one.orders[0].dose_factor == pytest.approx(1.0, abs=0.05)


def test_typed_activity_and_limits_of_the_product():
    content = {key: value for key, value in ONE.items() if key not in ("limits", "order", "uncertainty", "body_surface")}
    result = run_plan(plan_from_dict(content | {"activity_gbq": 7.0}))
    plan = partition_model(
        "TheraSphere", 7.0, tumours=[Tumour(**row) for row in ONE["tumours"]], normal_liver_mass_g=1100, whole_normal_liver_mass_g=1600,
        lung_shunt_fraction=0.06, lung_mass_g=920, residual_fraction=0.01, previous_lung_dose_gy=4.0,
    )  # fmt: skip
    assert result.plan == plan
    limits = {limit.name: limit.dose_gy for limit in result.limits if limit.kind == "max"}
    # Nothing is known of the patient: the whole normal liver is judged by the strictest of 50, 75 and 90 Gy, and that is said first.
    assert limits == {"normal_liver": 120, "whole_normal_liver": 50, "lung_session": 30, "lung": 50}
    assert [check.name for check in result.checks if not check.satisfied] == ["normal_liver", "whole_normal_liver"]
    assert any("above the limit of 120 Gy" in warning for warning in result.warnings)
    assert any(
        "bilirubin in mg/dL was not given; 75 Gy or 90 Gy would hold otherwise" in text for text in ranked(result.warnings)[:3]
    )
    known = {"conditions": {"scenario": "unilobar", "bilirubin_mg_dl": 0.9}}
    asked = run_plan(plan_from_dict(content | {"activity_gbq": 3.2} | known))
    assert {limit.name: limit.dose_gy for limit in asked.limits if limit.kind == "max"} == limits | {"whole_normal_liver": 75}
    # T2 gets 3.2 x 49.67 x 3.2 x 0.94 x 0.99 / 2.292 = 206.5 Gy at 3.2 GBq, 129.1 Gy at 2 GBq: the goal of 200 Gy is judged like a limit.
    assert {check.name: check.satisfied for check in asked.checks if check.kind == "min"} == {"T1": True, "T2": True}
    low = run_plan(plan_from_dict(content | {"activity_gbq": 2.0} | known))
    assert "T2: 129.1 Gy is below the goal of 200 Gy; see what limits the activity." in low.warnings


def test_written_plan_runs_again_to_the_same_numbers(one, tmp_path):
    paths = write_plan(one, tmp_path)
    assert [path.name for path in paths] == ["plan.json", "plan.csv", "plan_report.html"]
    again = run_plan(read_plan(tmp_path / "plan.json"))
    first, second = one.to_dict(), again.to_dict()
    for data in (first, second):
        data.pop("created")
    assert first == second
    assert json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))["activity_gbq"] == one.activity_gbq


def test_report_says_what_matters(one):
    page = render_plan_report(one)
    for words in ("For research only", "Two tumours &lt;b&gt;", "49.67 J/GBq", "within the limit, binding", "below the goal",
                  "Absorbed dose against activity", "Embolic load", "mass of perfused normal liver", "journal table of products, 2023"):  # fmt: skip
        assert words in page
    assert "<b>" not in page
    assert not re.search(r"\b(nan|inf)\b", page.lower())
    assert plan_csv(one).count("T2") >= 2


def test_the_report_names_the_ratio_of_each_territory():
    # T1 lies in both territories of SEVERAL, with ratios 4 and 5.
    result = run_plan(plan_from_dict(SEVERAL))
    rows = {row[0]: row for row in plan_dose_table(result).rows}
    assert rows["T1"][2] == "right: 4; left: 5"
    assert (rows["Normal liver"][2], rows["Normal liver, right"][2]) == (None, 1.0)
    assert "right: 4; left: 5" in render_plan_report(result)


def test_several_injections():
    result = run_plan(plan_from_dict(SEVERAL))
    # Resin, normal liver 40 Gy (30 Gy pre-treated or impaired), in each territory too: the right one, 49.67 * 0.96 / 1.18 Gy/GBq, binds.
    assert result.binding == "normal_liver in right"
    assert result.plan.activities_gbq["right"] == pytest.approx(40 * 1.18 / (49.67 * 0.96), rel=1e-9)
    assert result.plan.activities_gbq["right"] == pytest.approx(2.5 * result.plan.activities_gbq["left"], rel=1e-12)
    assert result.plan.dose_gy["normal_liver"] < 40
    unknown = run_plan(plan_from_dict({key: value for key, value in SEVERAL.items() if key != "conditions"}))
    assert unknown.activity_gbq == pytest.approx(0.75 * result.activity_gbq, rel=1e-9)
    assert any("pre-treated or impaired was not given; 40 Gy would hold" in text for text in unknown.warnings)
    typed = run_plan(plan_from_dict(SEVERAL | {"limits": {"normal_liver": 40}}))
    assert typed.plan.dose_gy["normal_liver"] == pytest.approx(40, rel=1e-9)
    kept = run_plan(plan_from_dict(SEVERAL | {"keep_activities": True}))
    assert kept.activity_gbq == pytest.approx(2.1)
    page = render_plan_report(kept)
    assert "Absorbed dose by injection" in page
    vials = {"order": {"administrations": ["2026-11-24T10:00"], "largest_deviation": 0.2}, "product": "TheraSphere"}
    ordered = run_plan(plan_from_dict(SEVERAL | vials | {"limits": {"normal_liver": 110}}))
    # Each position has its own vial.
    assert {option.injection for option in ordered.orders} == {"right", "left"}
    for option in ordered.orders:
        assert option.needed_gbq == pytest.approx(ordered.plan.activities_gbq[option.injection], rel=1e-12)
    assert "Embolic load" in render_plan_report(ordered)
    assert "above the limit" in page


def test_from_segments_to_plan(tare):
    others = [tare.regions["lungs"], tare.regions["stomach"]]
    case = {"lung_shunt_fraction": tare.truth.lung_shunt_fraction, "lung_mass_g": tare.truth.regions["lungs"].mass_g}
    both = measure_scout(
        tare.scans.scout, [tare.right, tare.left], tare.tumours, liver=tare.liver, others=others, resolution_fwhm_mm=SPECT_FWHM_MM
    )
    request = request_from_scout(both, "TheraSphere", tare.truth.activities_gbq, **case, keep_activities=True)
    result = run_plan(plan_from_dict(json.loads(json.dumps(request.to_dict()))))
    # The scout's shunt of both injections together stands for each, and nothing is left behind: within 4 % of the truth.
    for name in ("tumour_1", "tumour_2"):
        assert result.plan.dose_gy[name] == pytest.approx(tare.truth.regions[name].planned_dose_gy, rel=0.04)
    one = measure_scout(tare.scans.scout, [tare.right], tare.tumours[:1], others=others, resolution_fwhm_mm=SPECT_FWHM_MM)
    single = run_plan(request_from_scout(one, "TheraSphere", **case, limits={"normal_liver": 50}))
    assert single.plan.normal_liver_dose_gy == pytest.approx(50, rel=1e-9)
    assert single.plan.tumour_dose_gy["tumour_1"] == pytest.approx(50 * 4.0, rel=0.03)


def test_verification_report(tare, tmp_path):
    truth = tare.truth
    planned = voxel_plan(
        tare.scans.scout,
        [tare.right, tare.left],
        truth.activities_gbq,
        "TheraSphere",
        lung_shunt_fraction=truth.position_shunt_fraction,
    )
    delivered = delivered_dose(tare.scans.pet, "TheraSphere", tare.parts)
    found = verify_plan(planned, delivered.map, tare.tumours)
    path = write_verification_report(tmp_path / "verification.html", planned, delivered, found, tare.parts, ct=tare.scans.ct)
    page = path.read_text(encoding="utf-8")
    for words in (
        "For research only",
        "Planned against delivered",
        "Dose-area histogram",
        "Voxel doses",
        "corrected for decay",
        "tumour_2, delivered",
    ):
        assert words in page


def test_a_nuclide_instead_of_a_product():
    content = {"product": "Re-188", "activity_gbq": 5, "normal_liver_mass_g": 1500, "lung_shunt_fraction": 0.0}
    result = run_plan(plan_from_dict(content))
    assert result.product is None
    assert result.checks == ()
    assert "decay data" in render_plan_report(result)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"product": ""}, "Expected product"),
        ({"product": "Glass"}, "TheraSphere"),
        ({"tumors": []}, "check the spelling"),
        ({"tumours": [{"name": "T1", "mass": 200, "tnr": 5}]}, "check the spelling"),
        ({"tumours": {"T1": 5}}, "Expected a list"),
        ({"tumours": [{"name": "T1", "mass_g": 200}]}, "with all its fields"),
        ({"tumours": [{"name": "T1", "mass_g": "many", "tnr": 5}]}, "a number for mass_g of a Tumour"),
        ({"lung_shunt_fraction": None}, "lung_shunt_fraction"),
        ({"lung_shunt_fraction": 6}, "0.05 for 5 %"),
        ({"limits": {}}, "an activity or limits"),
        ({"limits": {"normal_liver": "low"}}, "limit in Gy"),
        ({"order": {"administrations": ["next week"]}}, "a date with a time"),
        ({"order": {"administration": []}}, "check the spelling"),
        ({"product": "Y-90"}, "name the product"),
        ({"version": 99}, "update RNTDosimetry"),
        ({"format": "other"}, "plan file"),
        ({"injections": SEVERAL["injections"]}, "inside each injection"),
        ({"uncertainty": {"tnr": -1}}, "relative standard uncertainty"),
        ({"samples": 3}, "samples"),
    ],
)
def test_refusals(changes, text):
    with pytest.raises(DosimetryError, match=text):
        run_plan(plan_from_dict(ONE | changes))


@pytest.mark.parametrize("key", ["notes", "scout_warnings"])
def test_notes_that_are_no_sentences_are_refused(key):
    with pytest.raises(DosimetryError, match=f"text for {key}"):
        plan_from_dict(ONE | {key: [[]]})


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from([ONE, SEVERAL]),
    st.sampled_from([*sorted(item.name for item in fields(PlanRequest)), "order.administrations", "order.largest_deviation", "tumours.0.tnr",
                     "body_surface.tumour_fraction", "body_surface.height_m", "uncertainty.tnr", "injections.0.activity_gbq"]),
    st.sampled_from([None, "", "text", True, -1, 0, 1e308, float("nan"), float("inf"), [], [1], [None], {}, {"a": 1}, {"a": None}, [[]], "2026-11-24"]),
)  # fmt: skip
def test_any_wrong_value_is_refused_or_gives_finite_numbers(base, key, value):
    content = json.loads(json.dumps(base | {"samples": 100}))
    place = content
    *path, last = key.split(".")
    for step in path:
        step = int(step) if step.isdigit() else step
        if isinstance(place, dict) and step not in place:
            return
        place = place[step]
    place[last] = value
    with contextlib.suppress(DosimetryError):
        json.dumps(run_plan(plan_from_dict(content)).to_dict(), allow_nan=False)


def test_command_line(tmp_path, capsys):
    path = tmp_path / "PLAN.json"
    path.write_text(json.dumps(ONE), encoding="utf-8")
    assert main(["plan", str(path), "--out", str(tmp_path / "out")]) == 0
    assert "3.719 GBq" in capsys.readouterr().out
    assert (tmp_path / "out" / "plan_report.html").is_file()
    path.write_text(json.dumps(ONE | {"lung_mass_g": 0}), encoding="utf-8")
    assert main(["plan", str(path), "--out", str(tmp_path / "out2")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: Expected")
    assert error.count("\n") == 1
    assert not (tmp_path / "out2").exists()
    path.write_text("{", encoding="utf-8")
    assert main(["plan", str(path)]) == 2
    assert main(["plan", str(tmp_path / "none.json")]) == 2


@pytest.mark.parametrize("outside", [{"activity_gbq": 2.0}, {"residual_fraction": 0.02}])
def test_what_belongs_to_an_injection_is_refused_outside(outside):
    with pytest.raises(DosimetryError, match="inside each injection"):
        run_plan(plan_from_dict(SEVERAL | outside))


def test_progeny_counts_in_plans_as_in_doses():
    found, whole = (run_plan(plan_from_dict(ONE | {"product": name, "order": None})) for name in ("Ac-225", "Ac-225+progeny"))
    assert found.activity_gbq == pytest.approx(whole.activity_gbq, rel=1e-9)
    sentence = "Ac-225+progeny: progeny in equilibrium is taken to decay where its parent decayed"
    assert any(text.startswith(sentence) for text in found.warnings)


def test_a_mass_in_kg_is_seen_beside_usual_ones():
    found = run_plan(plan_from_dict(ONE | {"normal_liver_mass_g": 1.1}))
    assert "A mass of 1.1 g of the normal liver in the territory is unusual: check that masses are in g." in found.warnings
    found = run_plan(plan_from_dict(ONE | {"tumours": [{"name": "T1", "mass_g": 0.2, "tnr": 5.0}, ONE["tumours"][1]]}))
    assert "A mass of 0.2 g of tumour 'T1' is unusual: check that masses are in g." in found.warnings


def test_the_dose_constant_is_said_once(one):
    page = render_plan_report(one)
    assert "49.67 J/GBq, convention of radioembolisation; the evaluated decay data give 49.7" in page
    assert "printed as" not in page
