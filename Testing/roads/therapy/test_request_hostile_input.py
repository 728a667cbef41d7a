"""Whatever stands in a study or plan file, or on the command line: one line on stderr that names the field, exit 2, nothing written."""

import copy
import json

import numpy as np
import pytest
from fixtures.hostile import JSON_VALUES

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.roads.camera import CALIBRATE, CalibrationRequest
from RNTDosimetryLib.roads.camera import RECOVERY as RECOVERY_ROAD
from RNTDosimetryLib.roads.plan import read_request as read_plan
from RNTDosimetryLib.roads.plan.scout import measured_request
from RNTDosimetryLib.roads.therapy.request import RegionSettings, StudySettings, read_study, study_from_dict

STUDY = {"dicom_folder": "a", "regions": {"kidney_left": {"mass_g": 150.0}}, "settings": {"density_from_ct": False}}
PLAN = {
    "product": "SIR-Spheres",
    "injections": [
        {
            "name": "right",
            "activity_gbq": 1.0,
            "tumours": [{"name": "T1", "mass_g": 50, "tnr": 4}],
            "normal_liver_mass_g": 800,
            "lung_shunt_fraction": 0.05,
        }
    ],
}


def places(content, path=()):
    """Every place of a nested file, containers included."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(content, path, value):
    content = copy.deepcopy(content)
    place = content
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return content


def refusal(arguments, capsys) -> str:
    """The one line on stderr of a command that is refused."""
    assert main([str(item) for item in arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: Expected ")
    return lines[0]


def read_or_sentence(reader, argument):
    """What was read, which can be written again, or None after a refusal in one sentence."""
    sentence = result = None
    try:
        result = reader(argument)
    except DosimetryError as error:
        sentence = str(error)
    assert sentence is None or sentence.startswith("Expected ")
    if result is not None:
        json.dumps(result.to_dict(), allow_nan=False)
    return result


SETTINGS = {name: 0 for name in ("model", "voxel_model", "dose_method", "density_g_ml", "register", "registrations", "calibration_uncertainty",
                                 "scan_uncertainty", "spect_resolution_fwhm_mm")}  # fmt: skip
REGION = {
    name: 0
    for name in (
        "kind",
        "density_g_ml",
        "recovery_coefficient",
        "recovery_coefficient_uncertainty",
        "recovery_from_file",
        "model",
        "effective_half_life_h",
    )
}
FULL = changed(STUDY, ("settings",), STUDY["settings"] | SETTINGS) | {
    "version": 1,
    "format": 0,
    "title": 0,
    "overrides": 0,
    "calibration_file": 0,
    "calibration_setup": 0,
    "recovery_file": 0,
}
FULL = changed(FULL, ("regions", "kidney_left"), STUDY["regions"]["kidney_left"] | REGION)


@pytest.mark.parametrize("path", list(places(FULL)), ids=str)
def test_a_study_file_with_any_wrong_value_is_read_or_refused(path):
    base = copy.deepcopy(STUDY)
    base.setdefault(path[0], {})
    for value in JSON_VALUES:
        study = read_or_sentence(study_from_dict, changed(base, path, value))
        if study is not None:
            assert type(study.settings.register) is type(study.settings.density_from_ct) is bool


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("regions", "kidney_left", "mass_g"), "150 g", "mass_g"),
        (("regions", "kidney_left", "mass_g"), True, "mass_g"),
        (("regions", "kidney_left", "mass_g"), 1e12, "mass_g of a region, from 1e-06 to 500000 g"),
        (("regions", "kidney_left", "model"), 0, "model"),
        (("regions", "kidney_left", "model"), [], "model"),
        (("version",), "1", "version"),
        (("dicom_folder",), 5, "dicom_folder"),
        (("settings", "registrations"), "abc", "registrations"),
        (("settings", "registrations"), [[[1, 2], [3]]], "registrations"),
        (("settings", "density_from_ct"), "no", "density_from_ct"),
        (("settings", "density_from_ct"), 0, "density_from_ct"),
        (("settings", "register"), "false", "register"),
        (("settings", "register"), [], "register"),
    ],
)
def test_the_line_names_the_field(path, value, words, tmp_path, capsys):
    file = tmp_path / "study.json"
    file.write_text(json.dumps(changed(STUDY, path, value)))
    assert words in refusal(["run", file, "--out", tmp_path / "out"], capsys)
    assert not (tmp_path / "out").exists()


def test_settings_made_in_python_are_as_strict():
    for make in (
        lambda: StudySettings(register="false"),
        lambda: StudySettings(model=0),
        lambda: RegionSettings(model=[]),
        lambda: StudySettings(registrations=5),
    ):
        with pytest.raises(DosimetryError, match="Expected"):
            make()
    # A whole body of 500 kg is the heaviest that can be meant.
    assert RegionSettings(mass_g=5e5).mass_g == 5e5


@pytest.mark.parametrize("path", list(places(PLAN)), ids=str)
def test_a_plan_file_with_any_wrong_value_is_read_or_refused(path, tmp_path):
    file = tmp_path / "plan.json"
    for value in JSON_VALUES:
        file.write_text(json.dumps(changed(PLAN, path, value)))
        read_or_sentence(read_plan, file)


CALIBRATION = {
    "format": CalibrationRequest.NAME, "version": 1, "kind": "planar", "scan": "a.dcm", "title": "", "fwhm_mm": 11.0, "volume_ml": 6800.0,
    "volume_relative_uncertainty": 0.01, "region_radius_mm": 75.0, "background_radius_mm": 110.0, "unit": "CNTS", "start": "2025-03-03T08:00:00",
    "duration_s": 600.0, "decay_correction": "NONE", "frames": [1], "dead_time": {"dead_time_s": 1e-6, "model": "paralyzable"}, "observed_wide_cps": 1e4,
    "setup": {"collimator": "ME"},
    "source": {"nuclide": "Lu-177", "activity_mbq": 500.0, "measured": "2025-03-03T08:00:00", "relative_uncertainty": 0.02, "residual_mbq": 1.0,
               "residual_measured": "2025-03-03T08:00:00", "half_life_h": 159.5},
}  # fmt: skip
RECOVERY = {
    "scan": "a.dcm", "nuclide": "Lu-177", "concentration_mbq_ml": 1.0, "measured": "2025-03-03T08:00:00", "diameters_mm": [10.0, 20.0], "fwhm_mm": 11.0,
    "calibration_file": "c.json", "concentration_relative_uncertainty": 0.01, "background_mbq_ml": 0.0, "centers_lps_mm": [[0.0, 0.0, 0.0], [50.0, 0.0, 0.0]],
    "least_distance_mm": 40.0, "model": "auto", "setup": {"a": "b"},
}  # fmt: skip


@pytest.mark.parametrize(("verb", "content", "path"), [
    *(("calibrate", CALIBRATION, path) for path in places(CALIBRATION)), *(("recovery", RECOVERY, path) for path in places(RECOVERY)),
], ids=str)  # fmt: skip
def test_a_phantom_request_with_any_wrong_value_is_read_or_refused(verb, content, path, tmp_path):
    """Read or refused in one sentence, and then refused because there is no scan: never a fault."""
    road = {"calibrate": CALIBRATE, "recovery": RECOVERY_ROAD}[verb]
    file = tmp_path / "request.json"
    for value in JSON_VALUES:
        file.write_text(json.dumps(changed(content, path, value)))
        request = read_or_sentence(road.read_request, file)
        if request is not None:
            with pytest.raises(DosimetryError, match=r"^Expected "):
                road.run(request)


@pytest.mark.parametrize(
    ("path", "value", "words"), [(("injections", 0, "name"), [], "name"), (("injections", 0, "tumours"), 5, "tumours")]
)
def test_the_line_names_the_field_of_an_injection(path, value, words, tmp_path, capsys):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(changed(PLAN, path, value)))
    assert words in refusal(["plan", file, "--out", tmp_path / "out"], capsys)


@pytest.mark.parametrize("verb", ["run", "plan", "calibrate", "recovery"])
@pytest.mark.parametrize("content", ["[" * 100000, '{"a":' * 100000, "1" * 5000, "\x00", ""])
def test_text_that_is_no_json_is_refused_in_one_line(verb, content, tmp_path, capsys):
    file = tmp_path / "file.json"
    file.write_text(content)
    assert "Expected JSON" in refusal([verb, file, "--out", tmp_path / "out"], capsys)


@pytest.mark.parametrize("reader", [read_study, read_plan])
@pytest.mark.parametrize("path", [None, 5, b"x", "", "\x00", "x" * 5000])
def test_a_path_that_is_none_is_refused(reader, path):
    with pytest.raises(DosimetryError, match="Expected"):
        reader(path)


@pytest.mark.parametrize("arguments", [["validate"], ["demo", "--small"], ["plan", "none.json"], ["run", "none.json"]])
@pytest.mark.parametrize("below", [False, True])
def test_results_that_cannot_be_written_are_refused_before_anything_is_computed(arguments, below, tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("mine")
    line = refusal([*arguments, "--out", file / "deeper" if below else file], capsys)
    assert "a folder to write to" in line
    assert "is a file" in line
    assert file.read_text() == "mine"


@pytest.mark.parametrize("arguments", [[], ["dose"], ["run"], ["run", "a.json", "--outt", "b"], ["demo", "--out"]])
def test_a_mistyped_command_is_refused_in_one_line(arguments, capsys):
    assert "--help" in refusal(arguments, capsys)


@pytest.fixture(scope="module")
def scout_files(tmp_path_factory):
    """(folder, plan file with the part "scout") of a cube with a hot cube in it."""
    import SimpleITK as sitk

    folder, boxes = tmp_path_factory.mktemp("scout"), {"liver": slice(4, 20), "tumour": slice(8, 12)}
    image = np.ones((24, 24, 24), dtype=np.float32)
    image[(boxes["tumour"],) * 3] = 5.0
    masks = {name: np.zeros_like(image) for name in boxes}
    for name, mask in masks.items():
        mask[(boxes[name],) * 3] = 1.0
    for name, values in {"image": image, **masks}.items():
        written = sitk.GetImageFromArray(values)
        written.SetSpacing((5.0, 5.0, 5.0))
        sitk.WriteImage(written, str(folder / f"{name}.nrrd"))
    scout = {"image": "image.nrrd", "territories": {"right": "liver.nrrd"}, "tumours": {"T1": "tumour.nrrd"}, "others": {}, "liver": "liver.nrrd",
             "resolution_fwhm_mm": 10.0, "activities_gbq": {"right": 1.0}, "density_g_ml": 1.04, "ct": None, "lungs": None}  # fmt: skip
    return folder, {"product": "TheraSphere", "lung_shunt_fraction": 0.05, "residual_fraction": 0.01, "scout": scout}


def measured(file):
    return measured_request(read_plan(file))


def test_a_scout_with_any_wrong_value_is_read_or_refused(scout_files):
    folder, plan = scout_files
    file = folder / "plan.json"
    for path in places(plan):
        for value in (*JSON_VALUES, "x" * 5000):
            file.write_text(json.dumps(changed(plan, path, value)))
            read_or_sentence(measured, file)
    file.write_text(json.dumps(changed(plan, ("scout", "resolution_fwhm_mm"), None)))
    # The image is not blurred: the hot cube is five times as hot.
    assert measured(file).tumours[0].tnr == pytest.approx(5.0, rel=1e-6)


@pytest.mark.parametrize("folder", ["nowhere", "x" * 5000, "\x00"])
def test_a_dicom_folder_that_is_none_is_refused(folder, tmp_path, capsys):
    file = tmp_path / "study.json"
    file.write_text(json.dumps({"dicom_folder": folder}))
    assert "the DICOM folder" in refusal(["run", file, "--out", tmp_path / "out"], capsys)
