"""From phantom scans to a patient in counts: calibrate, recovery and run by the command line, against the truth of the generator."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from fixtures.calibration_fixtures import source_of, sphere_request, uniform_request, write_request

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.camera import read_calibration, read_recovery, write_calibration, write_recovery
from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.phantom import planar_scan, point_scan, sphere_scan, uniform_scan
from RNTDosimetryLib.roads.therapy import run_study_file
from RNTDosimetryLib.roads.therapy.images import load_study
from RNTDosimetryLib.roads.therapy.report import render_report
from RNTDosimetryLib.roads.therapy.request import RegionSettings, StudySettings, read_study, study_from_dict

ORGANS = ("kidney_left", "kidney_right", "spleen")


def in_counts(folder: Path, sensitivity_cps_per_mbq: float, unit: str = "CNTS") -> None:
    """The SPECT files of a folder as a camera without calibration writes them: counts over the acquisition, not decay corrected."""
    import pydicom

    for path in folder.rglob("nm.dcm"):
        dataset = pydicom.dcmread(path)
        slope = dataset.RealWorldValueMappingSequence[0].RealWorldValueSlope
        rotation = dataset.RotationInformationSequence[0]
        seconds = float(rotation.ActualFrameDuration) * rotation.NumberOfFramesInRotation / 1000.0
        voxel_ml = float(np.prod([*dataset.PixelSpacing, dataset.SpacingBetweenSlices])) / 1000.0
        del dataset.RealWorldValueMappingSequence
        per_bq_ml = voxel_ml * 1e-6 * sensitivity_cps_per_mbq * (seconds if unit != "CPS" else 1.0)
        dataset.Units, dataset.RescaleIntercept, dataset.RescaleSlope = unit, "0", f"{slope * per_bq_ml:.10g}"
        dataset.save_as(path)


@pytest.fixture(scope="session")
def patient(camera, small_patient, tmp_path_factory):
    """The small patient, stored in counts by the camera of the calibration, with a study that names both files. (folder, truth)."""
    folder = tmp_path_factory.mktemp("patient")
    shutil.copytree(small_patient.dicom_folder, folder / "dicom")
    in_counts(folder, uniform_scan().sensitivity_cps_per_mbq)
    for name in ("calibration.json", "recovery.json"):
        shutil.copy(camera / name, folder)
    write_request(
        folder,
        "study.json",
        dicom_folder="dicom",
        calibration_file="calibration.json",
        recovery_file="recovery.json",
        settings={"spect_resolution_fwhm_mm": 11.0},
    )
    return folder, small_patient.truth


@pytest.fixture(scope="session")
def evaluated(patient):
    return run_study_file(patient[0] / "study.json")


@pytest.mark.parametrize("kind", ["uniform", "planar", "point"])
def test_calibrate_gives_the_sensitivity_of_the_generator_within_one_percent(kind, camera, tmp_path):
    """Source known exactly; counts with noise, read back from DICOM."""
    scan = {"uniform": uniform_scan, "planar": planar_scan, "point": point_scan}[kind]()
    extra = {"uniform": {"fwhm_mm": 11.0, "volume_ml": scan.volume_ml}, "planar": {"region_radius_mm": 75.0, "background_radius_mm": 110.0},
             "point": {"fwhm_mm": 11.0}}[kind]  # fmt: skip
    request = write_request(
        tmp_path, "CALIBRATION.json", kind=kind, scan=str(camera / f"{kind}.dcm"), source=source_of(scan), **extra
    )
    assert main(["calibrate", str(request), "--out", str(tmp_path)]) == 0
    found = read_calibration(tmp_path / "calibration.json")
    assert found.sensitivity_cps_per_mbq == pytest.approx(scan.sensitivity_cps_per_mbq, rel=0.01)
    assert found.measured == scan.start
    assert found.setup == {
        "camera": "RNTDosimetry phantom Simulated SPECT/CT",
        "collimator": "Simulated",
        "energy windows": "187.2 to 228.8 keV",
    }
    assert found.unknown_parts == (("volume",) if kind == "uniform" else ())


def test_recovery_gives_the_resolution_of_the_generator(camera):
    """11 mm and the voxels of 4.8 mm in squares: 11.47 mm; the plot is an SVG."""
    curve = read_recovery(camera / "recovery.json")
    assert curve.model == "gaussian"
    assert curve.parameters["fwhm_mm"] == pytest.approx(np.hypot(11.0, 4.8 / np.sqrt(12) * 2.3548), rel=0.02)
    assert curve.setup["nuclide"] == "Lu-177"
    # Concentration 1 %, and the calibration: source 2 %, volume 0.5 %, counts.
    assert curve.systematic_relative_uncertainty == pytest.approx(np.sqrt(0.01**2 + 0.02**2 + 0.005**2), rel=0.01)
    assert (camera / "recovery.svg").read_text().startswith("<svg xmlns=")


def test_a_patient_in_counts_comes_out_right(patient, evaluated):
    """TIA of kidneys and spleen, which have a camera's blur, within 5 % of the truth (2 to 4 measured), and within two standard uncertainties; without recovery 15 % and more are lost."""
    _folder, truth = patient
    _images, result = evaluated
    for name in ORGANS:
        item, known = result.region(name), truth.regions[name]
        deviation = item.tia_mbq_h / known.tia_mbq_h - 1
        without = item.tia_mbq_h * item.recovery_coefficient / known.tia_mbq_h - 1
        assert item.recovery_source == "curve"
        assert abs(deviation) < 0.05, name
        assert without < -0.15, name
        assert abs(item.tia_mbq_h - known.tia_mbq_h) < 2 * item.tia_uncertainty_mbq_h, name


def test_the_intake_table_says_what_calibrated_the_counts(evaluated, camera):
    images, _result = evaluated
    sensitivity = read_calibration(camera / "calibration.json").sensitivity_cps_per_mbq
    rows = [row for row in images.intake_table if row.what.startswith("calibration")]
    assert [row.what for row in rows] == ["calibration file", "calibration"] * 4
    assert {row.value for row in rows} == {"uniform calibration of 2025-03-03 13:00:00", f"{sensitivity:.8g}"}


def test_the_uncertainty_of_the_calibration_file_is_that_of_the_study(patient, evaluated, camera):
    """2 % source and 0.5 % volume in squares, common to all scans; a typed one comes first."""
    images, result = evaluated
    relative = read_calibration(camera / "calibration.json").relative_uncertainty
    assert relative == pytest.approx(np.hypot(0.02, 0.005), rel=0.01)
    assert [scan.activity.calibration_uncertainty for scan in images.scans] == [relative] * 4
    assert not any("calibration was not stated" in text for text in result.warnings)
    study = read_study(patient[0] / "study.json")
    typed = load_study(replace(study, settings=replace(study.settings, calibration_uncertainty=0.07)), patient[0])
    assert {scan.activity.calibration_uncertainty for scan in typed.scans} == {0.07}


def test_results_json_runs_again_to_identical_numbers(patient, tmp_path):
    """From another folder; both files are found from there, and their hashes stand among the inputs."""
    folder, _truth = patient
    outputs = []
    for name, study in (("first", folder / "study.json"), ("again", tmp_path / "first" / "results.json")):
        assert main(["run", str(study), "--out", str(tmp_path / name)]) == 0
        outputs.append(json.loads((tmp_path / name / "results.json").read_text()))
    for key in ("calibration_file", "recovery_file"):
        assert (
            outputs[0]["input_hashes"][key] == hashlib.sha256((folder / key.replace("_file", ".json")).read_bytes()).hexdigest()
        )
        paths = {(tmp_path / name / item["study"].pop(key)).resolve() for name, item in zip(("first", "again"), outputs)}
        assert paths == {(folder / key.replace("_file", ".json")).resolve()}
    for item in outputs:
        item["study"].pop("dicom_folder")
        item.pop("created"), item.pop("files")
    assert outputs[0] == outputs[1]
    assert outputs[0]["calibration"]["kind"] == "uniform"
    assert outputs[0]["recovery"]["model"] == "gaussian"


def test_the_report_states_calibration_and_recovery(evaluated):
    _images, result = evaluated
    page = render_report(result)
    resolution = f"gaussian model, fwhm_mm {result.recovery.parameters['fwhm_mm']:.4g} ±"
    for words in (resolution, "cps/MBq of Lu-177", "2025-03-03 13:00", "uniform source", "7 spheres of 0.524 to 113 mL", "Recovery from",
                  "SHA-256", "calibration_file", "recovery_file", "2.06 %, of the calibration file"):  # fmt: skip
        assert words in page, words


def loaded(patient, **changes):
    study = json.loads((patient[0] / "study.json").read_text())
    return load_study(study_from_dict({**study, **changes}), patient[0])


def coefficients(images) -> dict[str, float]:
    return {region.name: region.recovery_coefficient for region in images.regions}


def test_a_typed_coefficient_comes_first_and_a_region_may_opt_out(patient, evaluated):
    by_curve = coefficients(evaluated[0])
    typed = {"liver": {"recovery_coefficient": 0.9}, "spleen": {"recovery_coefficient": 1}, "kidney_left": {"recovery_from_file": False},
             "kidney_right": {"kind": "organ"}}  # fmt: skip
    found = coefficients(loaded(patient, regions=typed))
    assert (found["liver"], found["spleen"], found["kidney_left"]) == (0.9, 1.0, 1.0)
    for name in ("kidney_right", "lesion_1"):
        assert found[name] == by_curve[name] < 1
    with pytest.raises(DosimetryError, match="from the file or typed, received both"):
        RegionSettings(recovery_coefficient=0.9, recovery_from_file=True)


def test_coefficient_of_a_region_is_that_of_its_volume(evaluated, camera):
    images, result = evaluated
    curve = read_recovery(camera / "recovery.json")
    for region, item in zip(images.regions, result.regions):
        expected = curve.coefficient(region.volume_ml)
        assert item.recovery_coefficient == expected.value
        assert item.recovery_coefficient_uncertainty == expected.uncertainty
        for text in expected.warnings:
            assert f"{region.name}: {text}" in images.warnings


def small_folder(patient, tmp_path, unit: str, sensitivity: float | None = None) -> Path:
    """A folder with one scan, in counts of a unit; None leaves it in Bq/mL."""
    (first, *_) = sorted((patient[0] / "dicom").iterdir())
    shutil.copytree(first, tmp_path / "dicom" / first.name)
    import pydicom

    for path in (tmp_path / "dicom").rglob("nm.dcm"):
        dataset = pydicom.dcmread(path)
        if unit == "CPS":
            dataset.RescaleSlope = f"{float(dataset.RescaleSlope) / 1200:.10g}"
        if unit == "BQML":
            voxel_ml = float(np.prod([*dataset.PixelSpacing, dataset.SpacingBetweenSlices])) / 1000.0
            dataset.RescaleSlope = f"{float(dataset.RescaleSlope) / (voxel_ml * 1e-6 * 9.3 * 1200):.10g}"
        dataset.Units = unit
        dataset.save_as(path)
    return tmp_path


@pytest.mark.parametrize("unit", ["CNTS", "CPS", "PROPCNTS", ""])
def test_counts_in_every_unit_give_the_same_activity(unit, patient, evaluated, tmp_path):
    """Counts, counts per second, counts of a file that says proportional or nothing: each calibrated, the last two with a warning."""
    folder = small_folder(patient, tmp_path, unit)
    shutil.copy(patient[0] / "calibration.json", folder)
    images = load_study(study_from_dict({"dicom_folder": "dicom", "calibration_file": "calibration.json"}), folder)
    expected = evaluated[0].scans[0].activity.concentration_bq_ml
    np.testing.assert_allclose(images.scans[0].activity.concentration_bq_ml, expected, rtol=1e-5, atol=1e-3)
    doubtful = [text for text in images.warnings if "taken for counts" in text]
    assert len(doubtful) == (0 if unit in ("CNTS", "CPS") else 1)


def test_images_in_bq_ml_are_not_calibrated_twice(patient, tmp_path):
    """All in Bq/mL: refused. Some: those are left alone, with a warning, and the others are calibrated."""
    folder = small_folder(patient, tmp_path, "BQML")
    shutil.copy(patient[0] / "calibration.json", folder)
    study = study_from_dict({"dicom_folder": "dicom", "calibration_file": "calibration.json"})
    with pytest.raises(DosimetryError, match="Expected a series in counts for the calibration file"):
        load_study(study, folder)
    second = sorted((patient[0] / "dicom").iterdir())[1]
    shutil.copytree(second, folder / "dicom" / second.name)
    images = load_study(study, folder)
    assert any("its values are in BQML, so the calibration file was not applied" in text for text in images.warnings)
    assert images.scans[0].activity.calibration_uncertainty == 0
    assert images.scans[1].activity.calibration_uncertainty == pytest.approx(0.0206, rel=0.01)


def test_a_calibration_typed_for_the_images_comes_before_the_file(patient, tmp_path):
    folder = small_folder(patient, tmp_path, "CNTS")
    shutil.copy(patient[0] / "calibration.json", folder)
    overrides = {"calibration_cps_per_mbq": 9.0}
    with pytest.raises(DosimetryError, match="with a calibration of its own"):
        load_study(
            study_from_dict({"dicom_folder": "dicom", "calibration_file": "calibration.json", "overrides": overrides}), folder
        )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nuclide": "Y-90"}, "Expected a calibration for Lu-177, received one for Y-90"),
        (
            {"setup": {"collimator": "high energy"}},
            "Expected a calibration with collimator 'Simulated', received one with 'high energy'",
        ),
    ],
)
def test_a_calibration_of_another_nuclide_or_setup_is_refused(change, words, patient, tmp_path):
    write_calibration(replace(read_calibration(patient[0] / "calibration.json"), **change), tmp_path / "other.json")
    with pytest.raises(DosimetryError, match=words):
        loaded(patient, calibration_file=str(tmp_path / "other.json"))


def test_typed_words_about_the_scans_come_before_those_of_the_files(patient):
    with pytest.raises(DosimetryError, match="collimator 'high energy', received one with 'Simulated'"):
        loaded(patient, calibration_setup={"collimator": "high energy"})
    with pytest.raises(DosimetryError, match="calibration_setup together with calibration_file"):
        study_from_dict({"dicom_folder": "a", "calibration_setup": {"collimator": "x"}})


def test_words_that_the_files_do_not_hold_are_asked_for(patient, tmp_path):
    known = read_calibration(patient[0] / "calibration.json")
    write_calibration(replace(known, setup={**known.setup, "reconstruction": "OSEM 6i8s"}), tmp_path / "words.json")
    path = str(tmp_path / "words.json")
    assert any(
        "reconstruction of the calibration cannot be compared" in text for text in loaded(patient, calibration_file=path).warnings
    )
    asked = loaded(patient, calibration_file=path, calibration_setup={"reconstruction": "OSEM 6i8s"})
    assert not any("cannot be compared" in text for text in asked.warnings)
    with pytest.raises(DosimetryError, match="reconstruction 'FBP', received one with 'OSEM 6i8s'"):
        loaded(patient, calibration_file=path, calibration_setup={"reconstruction": "FBP"})


def test_a_recovery_curve_of_another_nuclide_is_refused(patient, tmp_path):
    curve = read_recovery(patient[0] / "recovery.json")
    write_recovery(replace(curve, setup={**curve.setup, "nuclide": "I-131"}), tmp_path / "other.json")
    with pytest.raises(DosimetryError, match="recovery curve with nuclide 'Lu-177', received one with 'I-131'"):
        loaded(patient, recovery_file=str(tmp_path / "other.json"))


def test_warnings_of_both_files_reach_the_result(patient, tmp_path):
    old = replace(
        read_calibration(patient[0] / "calibration.json"),
        measured=None,
        parts={},
        unknown_parts=("source",),
        warnings=("measured in a hurry",),
    )
    write_calibration(old, tmp_path / "old.json")
    write_recovery(
        replace(read_recovery(patient[0] / "recovery.json"), warnings=("recovery: few spheres",)), tmp_path / "few.json"
    )
    images = loaded(patient, calibration_file=str(tmp_path / "old.json"), recovery_file=str(tmp_path / "few.json"))
    for words in ("measured in a hurry", "uncertainty of the calibration is not known", "recovery curve: few spheres"):
        assert any(words in text for text in images.warnings), words


@pytest.mark.parametrize("key", ["calibration_file", "recovery_file"])
@pytest.mark.parametrize("value", ["none.json", "study.json", ""])
def test_a_file_that_is_not_one_is_refused_in_one_line(key, value, patient, tmp_path, capsys):
    path = write_request(patient[0], "wrong.json", dicom_folder="dicom", **{key: value})
    assert main(["run", str(path), "--out", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: Expected")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("verb", "changes", "words"),
    [
        ("calibrate", {"kind": "sphere"}, "Expected kind planar, point, uniform"),
        ("calibrate", {"fwhm_mm": None}, "Expected fwhm_mm for a uniform calibration"),
        ("calibrate", {"volume": 5}, "received also volume"),
        (
            "calibrate",
            {"source": {"nuclide": "Lu-177", "activity_mbq": 5, "measured": "2025-03-03T08:00:00", "mesured": 1}},
            "received also mesured",
        ),
        (
            "calibrate",
            {"source": {"nuclide": "Y-90", "activity_mbq": 500, "measured": "2025-03-03T08:00:00"}},
            "Expected a scan of Y-90",
        ),
        ("calibrate", {"scan": "planar.dcm"}, "Expected a reconstruction for a uniform calibration"),
        ("calibrate", {"scan": "nothing.dcm"}, "Expected a phantom scan at"),
        ("calibrate", {"unit": "BQML"}, "it was calibrated before"),
        ("calibrate", {"decay_correction": "START"}, "without decay correction"),
        ("calibrate", {"observed_wide_cps": 4e4}, "dead_time and observed_wide_cps together"),
        ("calibrate", {"volume_ml": -3}, "positive volume_ml"),
        ("calibrate", {"version": 9}, "version 1 or older"),
        ("recovery", {"diameters_mm": [10.0, 13.0]}, "Expected"),
        ("recovery", {"model": "spline"}, "Expected the model"),
        ("recovery", {"calibration_file": None}, "Expected a calibration_file"),
        ("recovery", {"unit": "BQML"}, "it was calibrated before"),
        ("recovery", {"nuclide": "I-131"}, "received one of Lu-177"),
        ("recovery", {"measured": "2024-01-01T00:00:00"}, "within 10 half-lives"),
        ("recovery", {"centers_lps_mm": [[0, 0, 0]]}, "Expected a center for each of the 7 spheres"),
        ("recovery", {"scan": "planar.dcm"}, "received a planar image"),
        ("recovery", {"concentration": 1}, "received also concentration"),
        (
            "calibrate",
            {"kind": "point", "scan": "point.dcm", "fwhm_mm": 1.1, "volume_ml": None},
            "at least half a voxel of 4.8 mm",
        ),
        ("calibrate", {"start": "2025-03-03"}, "a date with a time"),
        ("calibrate", {"source": {"nuclide": "Lu-177", "activity_mbq": 511, "measured": "2025-03-03"}}, "a date with a time"),
        ("recovery", {"measured": "2025-03-04"}, "a date with a time"),
        ("recovery", {"centers_lps_mm": [[5000, 40 * n, 0] for n in range(7)]}, "that leaves it"),
        ("recovery", {"centers_lps_mm": [[0, 0, 0]] * 7}, "Expected spheres beside one another"),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(verb, changes, words, camera, tmp_path, capsys):
    absolute = {"scan": str(camera / {"calibrate": "uniform.dcm", "recovery": "spheres.dcm"}[verb])}
    if verb == "recovery":
        absolute["calibration_file"] = str(camera / "calibration.json")
    if "scan" in changes:
        changes = {**changes, "scan": str(camera / changes["scan"])}
    request = {"calibrate": uniform_request, "recovery": sphere_request}[verb](tmp_path, **(absolute | changes))
    assert main([verb, str(request), "--out", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert not (tmp_path / "out").exists()


def test_typed_spheres_and_bq_ml_give_the_same_curve(camera, tmp_path):
    """The same scan in Bq/mL as a volume file with typed values, and the centers typed: the curve of the counts."""
    import SimpleITK as sitk

    scan = sphere_scan()
    values = scan.counts(7) / (scan.geometry.voxel_volume_ml * 1e-6 * scan.sensitivity_cps_per_mbq * scan.duration_s)
    image = sitk.GetImageFromArray(values.astype(np.float32))
    image.SetSpacing(scan.geometry.spacing_mm[::-1])
    image.SetOrigin(scan.geometry.origin_lps_mm)
    sitk.WriteImage(image, str(tmp_path / "spheres.nrrd"))
    request = sphere_request(
        tmp_path,
        scan="spheres.nrrd",
        unit="Bq/mL",
        start=scan.start.isoformat(),
        duration_s=scan.duration_s,
        calibration_file=None,
        centers_lps_mm=[sphere.center_lps_mm for sphere in scan.spheres],
    )
    assert main(["recovery", str(request), "--out", str(tmp_path)]) == 0
    curve, other = read_recovery(tmp_path / "recovery.json"), read_recovery(camera / "recovery.json")
    assert curve.recoveries == pytest.approx(other.recoveries, rel=0.02)
    assert curve.parameters["fwhm_mm"] == pytest.approx(other.parameters["fwhm_mm"], rel=0.01)


def test_dead_time_of_the_calibration_scan_is_corrected(camera, tmp_path):
    """exp(n T) more counts at n = 1e5 cps and T = 1 us, paralyzable; its uncertainty is one of the parts."""
    observed = 1e5 * np.exp(-0.1)
    plain = read_calibration(camera / "calibration.json")
    request = uniform_request(
        tmp_path,
        scan=str(camera / "uniform.dcm"),
        observed_wide_cps=observed,
        dead_time={"dead_time_s": 1e-6, "uncertainty_s": 1e-7},
    )
    assert main(["calibrate", str(request), "--out", str(tmp_path)]) == 0
    found = read_calibration(tmp_path / "calibration.json")
    assert found.sensitivity_cps_per_mbq == pytest.approx(plain.sensitivity_cps_per_mbq * np.exp(0.1), rel=1e-9)
    assert found.parts["dead time"] == pytest.approx(1e5 * 1e-7 / 0.9, rel=1e-6)


def test_resolution_known_or_not(patient):
    """Without a resolution the part from the outline is not known; the coefficient is the same."""
    images = loaded(patient, settings=StudySettings().to_dict())
    assert coefficients(images) == coefficients(loaded(patient))


@pytest.mark.parametrize(("name", "schema"), [("CALIBRATION.json", "calibration_request"), ("RECOVERY.json", "recovery_request")])
def test_requests_fit_their_schemas(name, schema, camera):
    validator = jsonschema.Draft202012Validator(read_json("schemas", f"{schema}.schema.json"))
    content = json.loads((camera / name).read_text())
    validator.validate(content)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**content, "scna": "a.dcm"})
