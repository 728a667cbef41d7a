"""The course on the panel: the numbers of the command line and of the console, and nothing overwritten."""

import json
from datetime import date, timedelta

import pytest
from host.errors import collected_errors

from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.roads import course as road


def texts(table) -> list[list[str]]:
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


@pytest.fixture
def said(module, monkeypatch):
    import slicer

    found = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **more: found.append(text))
    return found


@pytest.fixture
def ui(computed_panel, said):
    _container, widget = computed_panel
    for name in ("coursePathLineEdit", "courseFolderPathLineEdit"):
        getattr(widget.ui, name).currentPath = ""
    section = widget.panel.section("course")
    section._result = None
    widget.panel.refresh()
    with collected_errors() as errors:
        yield widget.ui
    assert errors == []


@pytest.fixture
def course_file(tmp_path, computed_scene):
    """An earlier cycle that was entered, with limits; the study of the scene comes ten weeks after it."""
    started = computed_scene[2].administration_time.date()
    kidney = {"dose_gy": 4.0, "random_uncertainty": 0.06, "common_uncertainty": 0.1, "effective_half_life_h": 51}
    content = {
        "cycles": [
            {"date": (started - timedelta(days=70)).isoformat(), "administered_activity_mbq": 7400,
             "regions": {"kidney_left": kidney, "kidney_right": kidney}}
        ],
        "limits": [{"region": "kidney_left", "dose_gy": 23}, "kidney_28_gy"],
        "next_cycle": {"between_cycle_variation": 0.12},
    }  # fmt: skip
    path = tmp_path / "COURSE.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_the_section_says_what_is_missing(ui):
    assert ui.courseStatusLabel.text == "Choose a course file first."
    assert not ui.courseComputeButton.enabled
    assert not ui.courseAppendButton.enabled
    assert not ui.courseWriteButton.enabled
    ui.coursePathLineEdit.currentPath = "/nowhere/COURSE.json"
    assert ui.courseComputeButton.toolTip.startswith("This course file is not there yet")


def test_open_append_and_recompute_give_the_numbers_of_file_and_console(ui, computed_scene, course_file, tmp_path):
    _logic, _node, study = computed_scene
    before = course_file.read_bytes()
    ui.coursePathLineEdit.currentPath = str(course_file)
    ui.courseComputeButton.click()
    assert [cells[0] for cells in texts(ui.courseTableWidget)] == ["kidney_left", "kidney_right", "kidneys"]
    assert "Next cycle:" in ui.courseResultLabel.text
    ui.courseAppendButton.click()
    assert ui.courseStatusLabel.text == "Computed."
    day = study.administration_time.date().isoformat()
    assert (tmp_path / "COURSE_1.json").read_bytes() == before
    assert (tmp_path / f"cycle_{day}" / "results.json").is_file()
    shown = {cells[0]: cells for cells in texts(ui.courseTableWidget)}
    assert "lesion_1" in shown
    ui.courseFolderPathLineEdit.currentPath = str(tmp_path / "panel")
    ui.courseWriteButton.click()
    assert main(["course", str(course_file), "--out", str(tmp_path / "file")]) == 0
    panel, file = (json.loads((tmp_path / name / "course_results.json").read_text()) for name in ("panel", "file"))
    for key in ("regions", "next_cycle", "cycles", "warnings", "input_hashes"):
        assert panel[key] == file[key], key
    console = road.run(road.read_request(course_file))
    assert console.to_dict()["regions"] == file["regions"]
    dose = study.region("kidney_left").dose.dose_gy
    assert file["regions"]["kidney_left"]["cumulative_dose_gy"] == pytest.approx(4.0 + dose)
    assert shown["kidney_left"][1].startswith(f"{4.0 + dose:.1f}")


def test_nothing_is_overwritten_and_what_does_not_belong_is_refused(ui, computed_scene, course_file, tmp_path, said):
    ui.coursePathLineEdit.currentPath = str(course_file)
    ui.courseAppendButton.click()
    after = course_file.read_bytes()
    ui.courseAppendButton.click()
    assert "not in the course yet" in said.pop()
    assert course_file.read_bytes() == after
    ui.courseFolderPathLineEdit.currentPath = str(tmp_path / "report")
    ui.courseWriteButton.click()
    ui.courseWriteButton.click()
    assert "nothing is overwritten" in said.pop()
    other = tmp_path / "other"
    other.mkdir()
    content = json.loads(after)
    content["cycles"] = [{"date": date.today().isoformat(), "administered_activity_mbq": -1}]
    (other / "COURSE.json").write_text(json.dumps(content), encoding="utf-8")
    ui.coursePathLineEdit.currentPath = str(other / "COURSE.json")
    assert ui.courseStatusLabel.text == "Out of date: the course file has changed."
    ui.courseComputeButton.click()
    assert "positive administered_activity_mbq" in said.pop()
    assert ui.courseTableWidget.rowCount == 0
    ui.courseAppendButton.click()
    assert said
    assert not list(other.glob("cycle_*"))


def test_a_course_is_begun_by_its_first_study(ui, tmp_path, computed_scene):
    path = tmp_path / "begun.json"
    ui.coursePathLineEdit.currentPath = str(path)
    ui.courseAppendButton.click()
    day = computed_scene[2].administration_time.date().isoformat()
    assert json.loads(path.read_text()) == {
        "format": "RNTDosimetry course", "version": 1, "cycles": [{"date": day, "results": f"cycle_{day}/results.json"}],
    }  # fmt: skip
    assert ui.courseStatusLabel.text == "Computed."
    assert ui.courseTableWidget.rowCount > 5
