"""What users do that nobody planned for: each of these once went wrong or could."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from host.errors import collected_errors

from RNTDosimetryLib.base.errors import DosimetryError

ROOT = Path(__file__).resolve().parents[2]


def texts(table) -> list[list[str]]:
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


@pytest.fixture
def user(panel, monkeypatch):
    """The entered panel; message boxes are collected, nothing may raise."""
    import slicer

    said = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **more: said.append(text))
    container, widget = panel
    with collected_errors() as errors:
        yield SimpleNamespace(container=container, widget=widget, ui=widget.ui, said=said)
    assert errors == []


KEPT = ("liver", "spleen", "lesion_1")


def load(widget, study_path) -> None:
    """The small phantom with three of its regions, its scans as they lie: enough for what is tested here, and quick."""
    node = widget._parameterNode
    widget.logic.loadStudyFile(study_path, node)
    content = node.segmentation.GetSegmentation()
    for segment_id in [content.GetNthSegmentID(index) for index in range(content.GetNumberOfSegments())]:
        if content.GetSegment(segment_id).GetName() not in KEPT:
            content.RemoveSegment(segment_id)
    node.registrationMethod = type(node.registrationMethod).NONE


@pytest.fixture
def computed(user, study_path):
    """The phantom, computed by the button."""
    load(user.widget, study_path)
    user.ui.applyButton.click()
    assert user.widget.panel.states["dose"] == "current"
    return user


def test_a_deleted_volume_takes_its_scan_out(computed):
    import slicer

    node, ui = computed.widget._parameterNode, computed.ui
    slicer.mrmlScene.RemoveNode(node.activityVolumes[1])
    assert [cells[0] for cells in texts(ui.timePointsTableWidget)] == ["Activity 4.1 h", "Activity 71.25 h", "Activity 168.6 h"]
    assert len(node.ctVolumes) == 3
    assert "out of date" in ui.doseCollapsibleButton.text
    slicer.mrmlScene.RemoveNode(node.ctVolumes[0])
    assert [cells[0] for cells in texts(ui.timePointsTableWidget)] == ["Activity 71.25 h", "Activity 168.6 h"]
    assert node.referenceIndex == 0
    ui.applyButton.click()
    assert computed.widget.panel.states["dose"] == "current"
    assert computed.said == []


def test_deleted_results_can_be_computed_again(computed):
    """Dose volume, table, charts and results are deleted in Data one by one; the panel says that the dose is to be computed."""
    import slicer

    node, ui = computed.widget._parameterNode, computed.ui
    for name in ("doseVolume", "resultTable", "histogramChart", "timeActivityChart", "resultText", "tiaVolume"):
        slicer.mrmlScene.RemoveNode(getattr(node, name))
    assert not ui.showDoseButton.enabled
    assert ui.showDoseButton.toolTip == "Compute the dose first"
    ui.applyButton.click()
    assert computed.widget.panel.states["dose"] == "current"
    assert node.doseVolume is not None
    assert node.resultTable is not None
    assert computed.said == []


def test_a_deleted_segmentation_rests_the_steps(computed):
    import slicer

    slicer.mrmlScene.RemoveNode(computed.widget._parameterNode.segmentation)
    assert "segmentation" in computed.ui.measureButton.toolTip
    assert computed.ui.registerButton.enabled
    assert computed.ui.regionsTableWidget.rowCount == 0


def test_a_renamed_and_a_deleted_segment(computed):
    """Typed values stay with the segment; its old name is nowhere any more."""
    ui, content = computed.ui, computed.widget._parameterNode.segmentation.GetSegmentation()
    before = {cells[0]: cells for cells in texts(ui.regionsTableWidget)}
    content.GetSegment(content.GetSegmentIdBySegmentName("spleen")).SetName("milt")
    after = {cells[0]: cells for cells in texts(ui.regionsTableWidget)}
    assert after["milt"][1:] == before["spleen"][1:]
    assert "out of date" in ui.doseCollapsibleButton.text
    content.RemoveSegment(content.GetSegmentIdBySegmentName("lesion_1"))
    assert "lesion_1" not in {cells[0] for cells in texts(ui.regionsTableWidget)}
    ui.applyButton.click()
    names = {cells[0] for cells in texts(ui.doseTableWidget)}
    assert "milt" in names
    assert not names & {"spleen", "lesion_1"}
    ui.doseTableWidget.selectRow(0)
    assert computed.said == []


def test_two_segments_of_one_name_are_refused_by_name(computed):
    content = computed.widget._parameterNode.segmentation.GetSegmentation()
    content.GetSegment(content.GetSegmentIdBySegmentName("spleen")).SetName("liver")
    computed.ui.applyButton.click()
    assert "liver more than once; rename one" in computed.said.pop()
    assert "out of date" in computed.ui.doseCollapsibleButton.text


def test_two_studies_are_switched_back_and_forth(computed):
    """Each shows its own results, states and typed values, however often they are switched."""
    ui, widget = computed.ui, computed.widget
    first = widget._parameterNode.parameterNode
    shown = texts(ui.doseTableWidget)
    second = ui.studySelector.addNode()
    assert texts(ui.doseTableWidget) == []
    ui.nuclideComboBox.currentText = "Y-90"
    for _turn in range(2):
        ui.studySelector.setCurrentNode(first)
        assert texts(ui.doseTableWidget) == shown
        assert widget.panel.states["dose"] == "current"
        assert ui.nuclideComboBox.currentText == "Lu-177"
        ui.studySelector.setCurrentNode(second)
        assert texts(ui.doseTableWidget) == []
        assert widget.panel.states["dose"] == "none"
        assert ui.nuclideComboBox.currentText == "Y-90"
    ui.studySelector.setCurrentNode(first)
    assert computed.said == []


def test_the_scene_is_closed_in_the_middle_of_the_work(user, scene, study_path, monkeypatch):
    """Through the events that progress lets in. The work stops with a word, and a new study can be made at once."""
    import slicer

    ui, widget = user.ui, user.widget
    load(widget, study_path)

    def close(*unused):
        if ui.progressBar.value >= 20 and widget._parameterNode is not None and widget._parameterNode.activityVolumes:
            slicer.mrmlScene.Clear()

    monkeypatch.setattr(slicer.app, "processEvents", close, raising=False)
    ui.applyButton.click()
    monkeypatch.setattr(slicer.app, "processEvents", lambda *unused: None, raising=False)
    assert widget.panel.work is None
    assert ui.runStatusLabel.text == "Stopped: the scene was closed."
    assert ui.studyCollapsibleButton.enabled
    assert not slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    assert texts(ui.timePointsTableWidget) == []
    load(widget, study_path)
    ui.applyButton.click()
    assert widget.panel.states["dose"] == "current"


def test_the_module_is_reloaded_while_a_result_is_shown(module, computed):
    """The new panel shows the results of the scene, and its buttons work."""
    shown = texts(computed.ui.doseTableWidget)
    computed.widget.onReload()
    computed.container.enter()
    widget = computed.container.self()
    assert widget is not computed.widget
    assert texts(widget.ui.doseTableWidget) == shown
    assert widget.panel.states["dose"] == "current"
    widget.ui.showDoseButton.click()
    widget.ui.fitButton.click()
    assert widget.panel.states["fit"] == "current"
    assert computed.said == []


_READ_AGAIN = """
import sys
sys.path[:0] = [{root!r}, {testing!r}]
import host
host.start_application()
module = host.load_module({module!r}, "RNTDosimetry")
import slicer
slicer.util.loadScene({scene!r})
container = module.widgetRepresentation()
container.enter()
widget = container.self()
table = widget.ui.doseTableWidget
print(widget.panel.states)
print([table.item(row, 2).text() for row in range(table.rowCount)])
widget.ui.doseButton.click()
print([table.item(row, 2).text() for row in range(table.rowCount)])
"""


def test_the_scene_is_read_in_another_process(computed, tmp_path):
    """Days later: states and numbers are there before anything is computed, and computing gives them again."""
    import slicer

    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    shown = [cells[2] for cells in texts(computed.ui.doseTableWidget)]
    script = _READ_AGAIN.format(
        root=str(ROOT), testing=str(ROOT / "Testing"), module=str(ROOT / "RNTDosimetry"), scene=str(tmp_path / "scene.mrb")
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    states, before, after = done.stdout.strip().splitlines()[-3:]
    assert states == str(dict.fromkeys(("register", "measure", "fit", "dose"), "current"))
    assert before == after == str(shown)


def test_a_failed_step_changes_nothing(computed, monkeypatch):
    """An error in the middle of the dose: nodes, values and what is shown stay."""
    import slicer

    from RNTDosimetryLib.roads.therapy import steps

    ui, scene = computed.ui, slicer.mrmlScene
    before = (
        texts(ui.doseTableWidget),
        texts(ui.kineticsTableWidget),
        sorted(scene.GetNthNode(i).GetID() for i in range(scene.GetNumberOfNodes())),
    )

    def fail(*unused, **more):
        raise DosimetryError("Expected room for the dose map, received none; close other programs.")

    monkeypatch.setattr(steps, "deposit", fail)
    ui.doseButton.click()
    assert "close other programs" in computed.said.pop()
    after = (
        texts(ui.doseTableWidget),
        texts(ui.kineticsTableWidget),
        sorted(scene.GetNthNode(i).GetID() for i in range(scene.GetNumberOfNodes())),
    )
    assert after == before
    assert computed.widget.panel.work is None


def test_every_button_in_the_wrong_order(user):
    """On an empty scene all of them: those that can be clicked say what is missing, the others rest."""
    import slicer

    found = [child for child in vars(user.ui).values() if type(child).__name__ == "QPushButton"]
    assert len(found) > 30
    for button in found:
        assert button.toolTip, button.objectName
        if button.objectName not in ("phantomButton", "selfCheckButton"):
            button.click()
    assert not slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")


@pytest.mark.parametrize("ending", ["nrrd", "nii.gz"])
def test_volumes_from_files_with_typed_times(user, library_run, tmp_path, ending):
    """Oblique scans saved as NRRD or NIfTI and loaded again: the concentrations of the library at the same places."""
    import slicer
    from RNTDosimetryScene.nodes import volumes
    from RNTDosimetryScene.nodes.geometry import moved
    from RNTDosimetryScene.study import inputs

    images, _expected = library_run
    turn = np.eye(4)
    turn[:3, :3] = [[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]]
    ui = user.ui
    ui.nuclideComboBox.currentText = "Lu-177"
    for scan in images.scans[:2]:
        geometry = moved(scan.activity.geometry, turn)
        node = volumes.add_volume("file", scan.activity.concentration_bq_ml, geometry, "Bq/mL")
        path = tmp_path / f"scan {scan.start_h}.{ending}"
        slicer.util.saveNode(node, str(path))
        slicer.mrmlScene.RemoveNode(node)
        ui.addActivitySelector.setCurrentNode(slicer.util.loadVolume(str(path)))
        ui.addStartHoursSpinBox.value = scan.start_h
        ui.addTimePointButton.click()
    assert user.said == []
    found = inputs.scans_of_scene(user.widget._parameterNode)
    for item, scan in zip(found, images.scans):
        np.testing.assert_allclose(item.activity.concentration_bq_ml, scan.activity.concentration_bq_ml, rtol=1e-6)
        np.testing.assert_allclose(item.activity.geometry.index_to_lps, (turn @ scan.activity.geometry.index_to_lps), atol=1e-3)
    assert "Draw" in ui.applyButton.toolTip or "segmentation" in ui.applyButton.toolTip


def test_a_volume_without_voxels_is_refused(user):
    import slicer

    ui = user.ui
    ui.addActivitySelector.setCurrentNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty"))
    ui.addTimePointButton.click()
    assert "volume with voxels" in user.said.pop()
    assert texts(ui.timePointsTableWidget) == []


@pytest.mark.parametrize("calibration", [0.0, -1.0, float("nan"), "x"])
def test_a_calibration_that_is_none_is_refused(logic, scene, calibration):
    from RNTDosimetryScene.nodes import volumes

    from RNTDosimetryLib.images import ImageGeometry

    node = volumes.add_volume("SPECT", np.ones((4, 4, 4)), ImageGeometry((4, 4, 4), (4.0, 4.0, 4.0)), "Bq/mL")
    parameter_node = logic.getParameterNode()
    parameter_node.nuclide = "Lu-177"
    with pytest.raises(DosimetryError, match="calibration of a scan"):
        logic.addTimePoint(parameter_node, node, 24.0, calibration=calibration)
    assert not parameter_node.activityVolumes


def test_slips_in_the_console_have_their_sentence(computed_scene):
    logic, parameter_node, _result = computed_scene
    for call, words in (
        (lambda: logic.typeRegionValue(parameter_node, "spleen", "massg", "1"), "received 'massg'"),
        (
            lambda: logic.typeRegionValue(parameter_node, "spleen", "model", "tripple"),
            "for the model of spleen, received 'tripple'",
        ),
        (lambda: logic.runStep("segment", parameter_node), "one of the steps register"),
        (lambda: logic.addIsocontour(parameter_node, 40, pointRas=(1.0, 2.0)), "a point as three numbers"),
    ):
        with pytest.raises(DosimetryError, match=words):
            call()
