"""The verb ``verify``: images after treatment on disk to dose by compartment, near the truth of the radioembolisation phantom."""

import importlib
import json

import jsonschema
import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.images.resampling import to_sitk
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.phantom import blurred_map
from RNTDosimetryLib.phantom.radioembolisation import write_tare
from RNTDosimetryLib.phantom.radioembolisation.case import tare_anatomy, tare_concentrations_bq_ml
from RNTDosimetryLib.roads import verify as road
from RNTDosimetryLib.roads.plan import write as write_plan
from RNTDosimetryLib.roads.plan.run import read_plan_result
from RNTDosimetryLib.roads.verify import VerifyResult
from RNTDosimetryLib.roads.verify.request import VerifyRequest
from RNTDosimetryLib.roads.verify.rows import verify_rows

plan_run = importlib.import_module("RNTDosimetryLib.roads.plan.run")
PET_FWHM_MM, SPECT_FWHM_MM = 6.5, 10.0
"""Point spread of PET and SPECT in Resources/phantom/tare_protocol.json."""
REGIONS = {
    "tumour_1": "tumour_1",
    "tumour_2": "tumour_2",
    "normal_liver in right": "normal_right",
    "normal_liver in left": "normal_left",
    "lung_session": "lungs",
}
SEGMENTS = {
    "territories": {"right": "right.nrrd", "left": "left.nrrd"},
    "tumours": {"tumour_1": "tumour_1.nrrd", "tumour_2": "tumour_2.nrrd"},
}
TOLERANCE = 0.02


def save(path, values, geometry):
    import SimpleITK as sitk

    sitk.WriteImage(to_sitk(np.array(values), geometry), str(path))


def plan_of(tare, product="TheraSphere"):
    """The plan by the scout's true ratios and shunts, over the true masses."""
    truth = tare.truth
    injections = [
        {"name": name, "activity_gbq": truth.activities_gbq[name], "residual_fraction": truth.residual_fraction[name],
         "lung_shunt_fraction": truth.position_shunt_fraction[name], "normal_liver_mass_g": truth.regions[f"normal_{name}"].mass_g,
         "tumours": [{"name": tumour, "mass_g": truth.regions[tumour].mass_g, "tnr": truth.tnr[tumour]}]}
        for name, tumour in (("right", "tumour_1"), ("left", "tumour_2"))
    ]  # fmt: skip
    return {"product": product, "keep_activities": True, "lung_mass_g": truth.regions["lungs"].mass_g, "injections": injections}


@pytest.fixture(scope="module")
def folder(tare, tmp_path_factory):
    path = tmp_path_factory.mktemp("verify")
    write_tare(path / "dicom", tare.scans)
    for region in (tare.right, tare.left, *tare.tumours, tare.regions["lungs"]):
        save(path / f"{region.name}.nrrd", np.array(region.occupancy).astype(np.uint8), region.geometry)
    (path / "plan.json").write_text(json.dumps(plan_of(tare)), encoding="utf-8")
    return path


def run(folder, **content):
    (folder / "verify.json").write_text(json.dumps(SEGMENTS | content), encoding="utf-8")
    return road.run(road.read_request(folder / "verify.json"))


def test_pet_from_dicom_folder_to_files_by_the_command_line(tare, folder, capsys):
    content = SEGMENTS | {
        "image": "dicom/treatment", "plan": "plan.json", "scout": "dicom/scout", "lungs": "lungs.nrrd", "resolution_fwhm_mm": PET_FWHM_MM,
    }  # fmt: skip
    (folder / "verify.json").write_text(json.dumps(content), encoding="utf-8")
    assert main(["verify", str(folder / "verify.json"), "--out", str(folder / "out")]) == 0
    assert (
        "Wrote verification.json, verification.csv, verification.html, delivered_dose.nrrd, planned_dose.nrrd"
        in capsys.readouterr().out
    )
    stored = json.loads((folder / "out" / "verification.json").read_text(encoding="utf-8"))
    rows = {row["compartment"]: row for row in stored["compartments"]}
    assert set(rows) == {*REGIONS, "normal_liver"}
    for name, region in REGIONS.items():
        known = tare.truth.regions[region]
        assert rows[name]["planned_gy"] == pytest.approx(known.planned_dose_gy, rel=1e-9), name
        assert rows[name]["delivered_gy"] == pytest.approx(known.delivered_dose_gy, rel=TOLERANCE), name
    # All normal liver together: the energies of both parts over both masses.
    parts = [tare.truth.regions[name] for name in ("normal_right", "normal_left")]
    mean = sum(part.mass_g * part.delivered_dose_gy for part in parts) / sum(part.mass_g for part in parts)
    assert rows["normal_liver"]["delivered_gy"] == pytest.approx(mean, rel=TOLERANCE)
    assert stored["delivered"]["recovered_fraction"] == pytest.approx(1.0, abs=TOLERANCE)
    # TheraSphere's limits at the delivered doses: neither bilirubin nor the mass of the whole liver was given, so the strictest one, 50 Gy.
    checks = {check["limit"]["compartment"]: (check["limit"]["dose_gy"], check["satisfied"]) for check in stored["checks"]}
    assert checks["normal_liver"] == checks["normal_liver in right"] == (50.0, False)
    assert any("is above the limit of 50 Gy" in text for text in stored["warnings"])
    assert stored["verification"]["regions"]["tumour_1"]["correlation"] > 0.5
    page = (folder / "out" / "verification.html").read_text(encoding="utf-8")
    for words in (
        "Dose after treatment",
        "Planned against delivered",
        "Normal liver, right",
        "within the limit",
        "For research only",
    ):
        assert words in page
    assert (folder / "out" / "verification.csv").read_text(encoding="utf-8").count("\n") >= 7
    # What was written runs again to the same numbers, from another folder.
    again = road.run(road.read_request(folder / "out" / "verification.json"))
    assert {row.name: row.delivered_gy for row in again.compartments} == {name: row["delivered_gy"] for name, row in rows.items()}


def test_uncalibrated_bremsstrahlung_counts_in_relative_terms(tare, folder):
    # The same distribution as counts of a SPECT camera: no unit, no time; the net activity of the records makes the dose.
    values = tare_concentrations_bq_ml("treatment", tare.scans.settings)
    # Voxels of 5 mm: with the small phantom's 6.4 mm, the smaller tumour would be 2.1 % too high.
    grid = tare.scans.pet.geometry
    counts = np.random.default_rng(5).poisson(blurred_map(tare_anatomy(), values, grid, SPECT_FWHM_MM) * 3e-3)
    save(folder / "bremsstrahlung.nrrd", counts.astype(np.float32), grid)
    truth = tare.truth
    found = run(
        folder, image="bremsstrahlung.nrrd", mode="relative", product="TheraSphere", net_activity_gbq=truth.net_activity_gbq,
        lung_shunt_fraction=truth.treatment_lung_shunt_fraction, resolution_fwhm_mm=SPECT_FWHM_MM,
    )  # fmt: skip
    doses = {row.name: row for row in found.compartments}
    for name in ("tumour_1", "tumour_2", "normal_liver in right", "normal_liver in left"):
        assert doses[name].delivered_gy == pytest.approx(truth.regions[REGIONS[name]].delivered_dose_gy, rel=TOLERANCE), name
        assert doses[name].planned_gy is None
    assert found.planned is found.verification is None
    assert found.delivered.map.activity_gbq > truth.net_activity_gbq * (1 - truth.treatment_lung_shunt_fraction)


def test_holmium_spect_in_absolute_terms(tare, folder):
    # As if the spheres had been 166Ho: the same distribution, decayed for 48 h by its half-life; dose by K of QuiremSpheres, 15.87 J/GBq.
    ho = get_nuclide("Ho-166")
    values = tare_concentrations_bq_ml("treatment", tare.scans.settings)
    later = {name: value * np.exp(-ho.decay_constant_per_h * 48.0) for name, value in values.items()}
    grid = tare.scans.pet.geometry
    save(folder / "holmium.nrrd", blurred_map(tare_anatomy(), later, grid, SPECT_FWHM_MM), grid)
    typed = {"nuclide": "Ho-166", "unit": "Bq/mL", "start_h": 48.0, "decay_correction": "START"}
    planned = {"tumour_1": 60.0, "normal_liver in right": 20.0}
    found = run(
        folder,
        image="holmium.nrrd",
        activity=typed,
        product="QuiremSpheres",
        resolution_fwhm_mm=SPECT_FWHM_MM,
        planned_dose_gy=planned,
    )
    doses = {row.name: row for row in found.compartments}
    for name in ("tumour_1", "tumour_2", "normal_liver in right", "normal_liver in left"):
        known = tare.truth.regions[REGIONS[name]]
        assert doses[name].delivered_gy == pytest.approx(15.87 * known.treatment_mbq / known.mass_g, rel=TOLERANCE), name
    expected = 100 * (doses["tumour_1"].delivered_gy / 60.0 - 1)
    assert doses["tumour_1"].percent == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plan": None}, "product or plan in the verification file"),
        ({"mode": "both"}, "absolute or relative in the verification file"),
        ({"plam": "plan.json"}, "received also plam"),
        ({"territories": {}, "tumours": {}}, "name the segments to report"),
        ({"scout": "dicom/scout", "plan": None, "product": "Y-90"}, "the planned map needs them"),
        ({"image": "missing.nrrd", "activity": {}}, "missing.nrrd"),
        ({"tumours": ["tumour_9"]}, "Expected a segment 'tumour_9'"),
        ({"planned_dose_gy": {"tumor_1": 200}}, "received one of tumor_1"),
        ({"mode": "relative", "plan": None, "product": "Y-90"}, "net administered activity"),
        ({"lungs": "lungs.nrrd", "plan": None, "product": "Y-90", "image": "pet.nrrd"}, "mass of the lungs"),
        ({"product": "QuiremSpheres"}, "image of Ho-166, received one of Y-90"),
        ({"activity": {"unit": "Bq/mL"}}, "only for a volume file"),
        ({"format": "RNTDosimetry plan"}, "format 'RNTDosimetry verification'"),
        ({"version": 2}, "update RNTDosimetry"),
        ({"image": "gone.nrrd", "activity": {}}, "Expected an image after treatment at"),
        ({"dose_constant_j_per_gbq": 0}, "dose constant in J/GBq"),
        ({"planned_dose_gy": {"tumour_1": -100}}, "planned dose in Gy of 'tumour_1'"),
        # Without its segment tumour_2 would be normal liver: 79 instead of 53 Gy.
        ({"tumours": {"tumour_1": "tumour_1.nrrd"}}, "none for tumour_2 (tumours here: tumour_1)"),
        ({"tumours": {"tumor_1": "tumour_1.nrrd", "tumour_2": "tumour_2.nrrd"}}, "none for tumour_1"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(tare, folder, changes, words, capsys):
    save(folder / "pet.nrrd", np.array(tare.scans.pet.concentration_bq_ml), tare.scans.pet.geometry)
    typed = {"nuclide": "Y-90", "unit": "Bq/mL", "start_h": 20.0, "decay_correction": "START"}
    (folder / "pet.nrrd.json").write_text(json.dumps(typed), encoding="utf-8")
    (folder / "bad.json").write_text(
        json.dumps(SEGMENTS | {"image": "dicom/treatment", "plan": "plan.json"} | changes), encoding="utf-8"
    )
    assert main(["verify", str(folder / "bad.json"), "--out", str(folder / "bad")]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (folder / "bad").exists()


def test_slips_of_the_unit_are_said(tare, folder):
    found = run(folder, image="dicom/treatment", mode="relative", product="Y-90", net_activity_gbq=3200.0)
    assert any("3200 GBq is unusual" in text for text in found.warnings)
    # 49.67 J/GBq typed in J/TBq
    found = run(folder, image="dicom/treatment", product="Y-90", dose_constant_j_per_gbq=49670.0)
    assert any("49670 J/GBq is 1000 times that of Y-90" in text for text in found.warnings)


def test_names_that_the_plan_has_not_are_said(tare, folder):
    found = run(folder, image="dicom/treatment", plan="plan.json", territories={"Right": "right.nrrd", "left": "left.nrrd"})
    assert (
        "The plan has a territory right without a segment here: it is not compared with the plan; name its segment."
        in found.warnings
    )
    assert "The plan has no territory Right: there is no planned dose of it; check the names." in found.warnings
    found = run(
        folder,
        image="dicom/treatment",
        plan="plan.json",
        territories={"left": "left.nrrd"},
        tumours={"tumour_2": "tumour_2.nrrd"},
    )
    assert not any("plan has no" in text for text in found.warnings)
    # Of two territories the one that is here is compared with its own plan, not with the mean of both.
    row = next(row for row in found.compartments if row.name == "normal_liver in left")
    assert row.planned_gy == pytest.approx(tare.truth.regions["normal_left"].planned_dose_gy, rel=1e-9)


def test_both_tables_show_the_same_dose_of_the_volume(folder):
    found = run(folder, image="dicom/treatment", plan="plan.json", scout="dicom/scout")
    rows = {row.name: row for row in found.compartments}
    for name, agreement in found.verification.regions.items():
        assert agreement.delivered_dose_at_gy == pytest.approx(rows[name].dose_at_gy, rel=1e-9), name


def test_the_result_of_a_plan_is_taken_as_it_is_and_the_verification_reads_back(tare, folder, tmp_path, monkeypatch):
    """A plan.json is not run again: its records are the plan. A plan file gives the same."""
    content = {
        "image": "dicom/treatment",
        "scout": "dicom/scout",
        "lungs": "lungs.nrrd",
        "planned_dose_gy": {"lung_session": 9.0},
    }
    by_file = run(folder, plan="plan.json", **content)
    write_plan(read_plan_result(folder / "plan.json"), folder / "planned")

    def never(request):
        raise AssertionError("the plan was run again")

    monkeypatch.setattr(plan_run, "run_plan", never)
    by_result = run(folder, plan="planned/plan.json", **content)
    assert by_result.compartments == by_file.compartments
    assert by_result.checks == by_file.checks
    assert next(row for row in by_result.compartments if row.compartment.kind == "lung_session").planned_gy == 9.0
    stored = json.loads(json.dumps(by_result.to_dict()))
    for read in (VerifyResult.from_dict, VerifyResult.from_content):
        again = read(stored)
        assert again == by_result
        assert again.to_dict() == stored
    assert VerifyRequest.from_content(stored) == by_result.request


def test_plan_of_one_injection_names_its_normal_liver_as_the_plan_does(tare, folder):
    truth = tare.truth
    plan = {
        "product": "TheraSphere", "activity_gbq": truth.activities_gbq["right"], "residual_fraction": truth.residual_fraction["right"],
        "tumours": [{"name": "tumour_1", "mass_g": truth.regions["tumour_1"].mass_g, "tnr": truth.tnr["tumour_1"]}],
        "normal_liver_mass_g": truth.regions["normal_right"].mass_g, "lung_shunt_fraction": truth.position_shunt_fraction["right"],
        "lung_mass_g": truth.regions["lungs"].mass_g,
    }  # fmt: skip
    (folder / "one.json").write_text(json.dumps(plan), encoding="utf-8")
    found = run(
        folder, image="dicom/treatment", plan="one.json", scout="dicom/scout", territories={"right": "right.nrrd"},
        tumours={"tumour_1": "tumour_1.nrrd"}, resolution_fwhm_mm=PET_FWHM_MM,
    )  # fmt: skip
    rows = {row.name: row for row in found.compartments}
    assert rows["normal_liver"].planned_gy == pytest.approx(truth.regions["normal_right"].planned_dose_gy, rel=1e-9)
    assert set(found.verification.regions) == {"tumour_1", "normal_liver"}
    net = truth.activities_gbq["right"] * (1 - truth.residual_fraction["right"])
    assert found.net_activity_gbq == pytest.approx(net, rel=1e-12)
    assert found.planned.activity_gbq == pytest.approx(net * (1 - truth.position_shunt_fraction["right"]), rel=1e-6)
    # The same compartments as rows of a cohort's table.
    table = {row.region: row for row in verify_rows(found, "p")}
    assert {name: row.dose_gy for name, row in table.items()} == {name: row.delivered_gy for name, row in rows.items()}
    assert (table["tumour_1"].kind, table["normal_liver"].site) == ("lesion", "liver")


def test_files_fit_the_schema_and_slips_do_not():
    schema = jsonschema.Draft202012Validator(read_json("schemas", "verification.schema.json"))
    good = SEGMENTS | {"image": "pet", "plan": "plan.json", "lungs": "lungs.nrrd", "resolution_fwhm_mm": 6.5, "scout": "scout"}
    schema.validate(good)
    schema.validate(json.loads(json.dumps(VerifyRequest(image="a", product="Y-90", tumours=["T1"]).to_dict())))
    for bad in ({"plam": "plan.json"}, {"resolution_fwhm_mm": "6.5 mm"}, {"image": None}, {"planned_dose_gy": {"T1": "high"}}):
        assert not schema.is_valid(good | bad), bad


def test_request_is_stored_and_read_again():
    request = VerifyRequest(image="a.nrrd", product="Y-90", tumours={"T1": "t.nrrd"}, planned_dose_gy={"T1": 120.0})
    assert VerifyRequest.from_dict(request.to_dict()) == request
    with pytest.raises(DosimetryError, match="image of a VerifyRequest"):
        VerifyRequest.from_dict({"image": 3, "product": "Y-90"})
