"""The panel, driven as a user drives it."""

import time

import numpy as np


def texts(table) -> list[list[str]]:
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def test_the_panel_opens_within_a_second(module):
    """A new panel in a running application: made, laid out and entered."""
    module.widgetRepresentation()
    started = time.process_time()
    container = module.createNewWidgetRepresentation()
    container.enter()
    assert time.process_time() - started < 1.0
    container.exit()
    container.self().cleanup()


def test_apply_says_what_is_missing(panel):
    _container, widget = panel
    assert not widget.ui.applyButton.enabled
    assert "time points" in widget.ui.applyButton.toolTip
    assert not widget.ui.loadButton.enabled
    assert "folder" in widget.ui.loadButton.toolTip
    assert not widget.ui.writeButton.enabled


def test_from_folder_to_report_by_clicks(panel, patient, library_run, tmp_path):
    _container, widget = panel
    widget.ui.dicomFolderPathLineEdit.currentPath = str(patient.dicom_folder)
    assert widget.ui.loadButton.enabled
    widget.ui.loadButton.click()
    assert len(texts(widget.ui.timePointsTableWidget)) == 4
    assert widget.ui.nuclideComboBox.currentText == "Lu-177"
    assert widget.ui.administeredActivitySpinBox.value == 7400
    assert widget.ui.applyButton.enabled
    _images, expected = library_run
    for row, cells in enumerate(texts(widget.ui.regionsTableWidget)):
        widget.ui.regionsTableWidget.item(row, 3).setText(f"{expected.region(cells[0]).recovery_coefficient:g}")
    widget.ui.spectResolutionSpinBox.value = expected.study.settings.spect_resolution_fwhm_mm
    widget.ui.calibrationUncertaintySpinBox.value = 100 * expected.study.settings.calibration_uncertainty
    widget.ui.applyButton.click()
    assert widget.ui.runStatusLabel.text == "The results are up to date."
    result = widget.logic.lastResult
    for item in expected.regions:
        np.testing.assert_allclose(result.region(item.name).dose.dose_gy, item.dose.dose_gy, rtol=1e-6)
    assert widget.ui.doseTableWidget.rowCount == len(expected.regions)
    assert "lesion_1" in widget.ui.warningsTextEdit.plainText
    assert not widget.ui.writeButton.enabled
    widget.ui.outputFolderPathLineEdit.currentPath = str(tmp_path)
    assert widget.ui.writeButton.enabled
    widget.ui.writeButton.click()
    assert (tmp_path / "report.html").is_file()


def test_scene_close_and_reload_are_clean(panel, scene, study_path, tmp_path):
    import slicer

    _container, widget = panel
    widget.logic.loadStudyFile(study_path)
    path = tmp_path / "scene.mrb"
    slicer.util.saveScene(str(path))
    scene.Clear()
    assert widget.ui.timePointsTableWidget.rowCount == 0
    assert not widget.ui.applyButton.enabled
    slicer.util.loadScene(str(path))
    widget.initializeParameterNode()
    assert widget.ui.timePointsTableWidget.rowCount == 4
    assert widget.ui.applyButton.enabled


def test_a_computed_scene_from_a_file_shows_everything(panel, scene, study_path, tmp_path, library_run):
    """Curves, fits, alignments and warnings come from the results in the scene; nothing is computed again."""
    import slicer

    _container, widget = panel
    result = widget.logic.run(widget.logic.loadStudyFile(study_path))
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    widget.logic._roads.clear()
    widget.panel.refresh()
    assert set(widget.panel.states.values()) == {"current"}
    assert len(widget.logic.getAllParameterNodes()) == 1
    assert widget.logic.lastResult is None
    assert [cells[0] for cells in texts(widget.ui.registrationTableWidget)] == [item.scan for item in result.alignments]
    kinetics = {cells[0]: cells[1] for cells in texts(widget.ui.kineticsTableWidget)}
    assert kinetics == {item.name: item.fit.model for item in result.regions}
    assert widget.ui.warningsTextEdit.plainText == "\n".join(result.all_warnings())
    widget.ui.outputFolderPathLineEdit.currentPath = str(tmp_path / "report")
    widget.ui.writeButton.click()
    assert (tmp_path / "report" / "report.html").is_file()


def test_cancel_by_a_click_leaves_the_scene_as_it_was(panel, scene, study_path, monkeypatch):
    """The click comes while the scans are aligned, through the events that progress lets in."""
    import slicer

    _container, widget = panel
    widget.logic.loadStudyFile(study_path)
    before = sorted(scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes()))

    def click(*unused):
        if widget.ui.progressBar.value >= 40:
            widget.ui.cancelButton.click()

    monkeypatch.setattr(slicer.app, "processEvents", click, raising=False)
    widget.ui.applyButton.click()
    monkeypatch.undo()
    assert widget.ui.runStatusLabel.text == "Cancelled: the scene is as it was."
    assert sorted(scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())) == before
    assert set(widget.panel.states.values()) == {"none"}
    assert widget.ui.applyButton.enabled
    assert not widget.ui.cancelButton.enabled
    assert widget.ui.progressBar.value == 0


def test_studies_are_chosen_and_removed_on_the_panel(panel, scene):
    """Two studies with values of their own; when the last one is removed a new one is there."""
    _container, widget = panel
    first = widget._parameterNode
    widget.ui.planLungShuntSpinBox.value = 7.0
    second = widget.ui.studySelector.addNode()
    assert widget._parameterNode.parameterNode is second
    assert (widget.ui.planLungShuntSpinBox.value, widget.ui.planLungShuntSpinBox.text) == (-1.0, "not given")
    widget.ui.studySelector.setCurrentNode(first.parameterNode)
    assert widget.ui.planLungShuntSpinBox.value == 7.0
    scene.RemoveNode(first.parameterNode)
    assert widget._parameterNode.parameterNode is second
    scene.RemoveNode(second)
    assert scene.IsNodePresent(widget._parameterNode.parameterNode)


def test_reload_and_re_entry_are_clean(module, scene, study_path):
    """What "Reload" does in developer mode: the old widget lets go, the new one shows the same study."""
    import sys

    import slicer
    from host.errors import collected_errors

    container = module.widgetRepresentation()
    container.enter()
    old = container.self()
    old.logic.loadStudyFile(study_path)
    package = sys.modules["RNTDosimetryScene.road"]
    calls = []
    old.panel.refresh = lambda *unused: calls.append("old widget refreshed")
    with collected_errors() as errors:
        old.onReload()
        container.enter()
        new = container.self()
        assert new is not old
        assert new.ui.timePointsTableWidget.rowCount == 4
        calls.clear()
        new.ui.densitySpinBox.value = 1.05
        slicer.app.processEvents()
    assert errors == []
    assert calls == []
    assert old._parameterNode is None
    assert sys.modules["RNTDosimetryScene.road"] is not package
    container.exit()


def test_self_test_passes(module):
    module.instance.runTest(msec=1)
