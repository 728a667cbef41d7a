"""A plan file that names images: the phantom's volumes on disk become a plan near the truth."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Cancelled
from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.images.resampling import to_sitk
from RNTDosimetryLib.roads.plan import ROAD, PlanResult
from RNTDosimetryLib.roads.plan import read_request as read_plan
from RNTDosimetryLib.roads.plan import scout as scout_module
from RNTDosimetryLib.roads.plan.run import run_plan


@pytest.fixture(scope="module")
def folder(tare, tmp_path_factory):
    import SimpleITK as sitk

    path = tmp_path_factory.mktemp("scout")
    sitk.WriteImage(to_sitk(np.array(tare.scans.scout.concentration_bq_ml), tare.scans.scout.geometry), str(path / "scout.nrrd"))
    sitk.WriteImage(to_sitk(np.array(tare.scans.ct.hounsfield), tare.scans.ct.geometry), str(path / "ct.nrrd"))
    for region in (tare.right, tare.left, tare.liver, *tare.tumours, tare.regions["lungs"]):
        sitk.WriteImage(to_sitk(np.array(region.occupancy).astype(np.uint8), region.geometry), str(path / f"{region.name}.nrrd"))
    return path


def content(**scout):
    return {
        "product": "TheraSphere",
        "limits": {"normal_liver": 60, "lung": 30},
        "scout": {
            "image": "scout.nrrd",
            "ct": "ct.nrrd",
            "territories": {"right": "right.nrrd", "left": "left.nrrd"},
            "tumours": {"tumour_1": "tumour_1.nrrd", "tumour_2": "tumour_2.nrrd"},
            "liver": "liver.nrrd",
            "lungs": "lungs.nrrd",
            "resolution_fwhm_mm": 10.0,
            **scout,
        },
    }


def planned(folder, data):
    path = folder / "PLAN.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return run_plan(read_plan(path))


def test_images_become_a_plan(tare, folder):
    result = planned(
        folder, content(activities_gbq=tare.truth.activities_gbq) | {"keep_activities": True, "residual_fraction": 0.0127}
    )
    truth = tare.truth.regions
    # One shunt and one residual stand for both positions: 4 %.
    for name in ("tumour_1", "tumour_2"):
        assert result.plan.dose_gy[name] == pytest.approx(truth[name].planned_dose_gy, rel=0.04)
    assert result.plan.dose_gy["lung"] == pytest.approx(truth["lungs"].planned_dose_gy, rel=0.05)
    assert any("SPECT/CT" in note for note in result.planned.notes)


def test_typed_numbers_win_and_one_territory_is_one_injection(tare, folder):
    data = content(territories={"right": "right.nrrd"}, tumours={"tumour_1": "tumour_1.nrrd"}) | {
        "lung_shunt_fraction": 0.1,
        "lung_mass_g": 800,
    }
    result = planned(folder, data)
    assert result.plan.compartments.lung_shunt_fraction == 0.1
    assert result.plan.compartments.lung_mass_g == 800
    assert result.plan.normal_liver_dose_gy == pytest.approx(60, rel=1e-9)
    assert result.plan.tumour_dose_gy["tumour_1"] == pytest.approx(240, rel=0.03)


def test_command_line_writes_numbers_that_run_again(folder, tmp_path):
    path = folder / "PLAN.json"
    path.write_text(json.dumps(content()), encoding="utf-8")
    assert main(["plan", str(path), "--out", str(tmp_path / "one")]) == 0
    assert main(["plan", str(tmp_path / "one" / "plan.json"), "--out", str(tmp_path / "two")]) == 0
    first, second = (json.loads((tmp_path / name / "plan.json").read_text(encoding="utf-8")) for name in ("one", "two"))
    assert first["plan"] == second["plan"]
    assert "Lung mass" in (tmp_path / "two" / "plan_report.html").read_text(encoding="utf-8")
    # The images are inputs as in every road: named beside the result, hashed, and looked at again.
    assert (tmp_path / "one" / first["request"]["scout"]["image"]).resolve() == (folder / "scout.nrrd").resolve()
    assert {"scout.image", "scout.ct", "scout.liver", "scout.territories.right", "scout.tumours.tumour_1"} <= set(
        first["input_hashes"]
    )
    assert PlanResult.read(tmp_path / "two" / "plan.json").measured.perfused_normal_liver_mass_g > 0


def test_result_with_a_scout_reads_back_and_says_what_changed(tare, folder, tmp_path):
    for name in ("scout", "ct", "right", "tumour_1", "liver", "lungs"):
        (tmp_path / f"{name}.nrrd").write_bytes((folder / f"{name}.nrrd").read_bytes())
    data = content(territories={"right": "right.nrrd"}, tumours={"tumour_1": "tumour_1.nrrd"}) | {"notes": ["Second reader."]}
    result = planned(tmp_path, data)
    again = PlanResult.from_dict(json.loads(json.dumps(result.to_dict())))
    assert again.to_dict() == result.to_dict()
    assert result.request.normal_liver_mass_g is None
    assert result.planned.normal_liver_mass_g == result.plan.compartments.perfused_normal_liver_mass_g
    assert result.planned.notes[-1] == "Second reader."
    assert len(result.planned.notes) > 1
    assert result.binding == "normal_liver"
    path = ROAD.write(result, tmp_path)[0]
    assert not any("changed since" in text for text in ROAD.run_file(path).warnings)
    (tmp_path / "liver.nrrd").write_bytes((folder / "right.nrrd").read_bytes())
    assert any("scout.liver changed since" in text for text in ROAD.run_file(path).warnings)


def test_cancel_stops_before_the_plan(folder):
    path = folder / "PLAN.json"
    path.write_text(json.dumps(content()), encoding="utf-8")
    asked = []
    with pytest.raises(Cancelled):
        ROAD.run(ROAD.read_request(path), cancel=lambda: bool(asked.append(1)) or len(asked) > 1)


def test_segments_of_a_dicom_folder_by_name(tare, folder, monkeypatch, tmp_path):
    point = SimpleNamespace(
        activity=tare.scans.scout,
        ct=SimpleNamespace(load_ct=lambda: tare.scans.ct),
        regions=(tare.right, tare.tumours[0], tare.liver, tare.regions["lungs"]),
    )
    monkeypatch.setattr(scout_module, "read_folder", lambda path: SimpleNamespace(time_points=(point,)))
    scout = {
        "image": ".",
        "territories": ["right"],
        "tumours": ["tumour_1"],
        "liver": "liver",
        "lungs": "lungs",
        "resolution_fwhm_mm": 10.0,
    }
    result = planned(tmp_path, {"product": "TheraSphere", "limits": {"normal_liver": 60}, "scout": scout})
    assert result.plan.tumour_dose_gy["tumour_1"] == pytest.approx(240, rel=0.03)
    with pytest.raises(DosimetryError, match="it has right, tumour_1, liver, lungs"):
        planned(tmp_path, {"product": "TheraSphere", "limits": {"normal_liver": 60}, "scout": scout | {"tumours": ["lesion"]}})


@pytest.mark.parametrize(
    ("scout", "text"),
    [
        ({"image": ""}, "Expected image"),
        ({"image": "none.nrrd"}, "found none"),
        ({"tumour": {}}, "check the spelling"),
        ({"tumours": {"T": "ct.nrrd"}}, "save one segment as a mask"),
        ({"tumours": {"T": "none.nrrd"}}, "found neither"),
        ({"territories": {}}, "at least one territory"),
        ({"lungs": None}, "type it or name the segments"),
    ],
)
def test_refusals(folder, scout, text):
    with pytest.raises(DosimetryError, match=text):
        planned(folder, content(**scout))
