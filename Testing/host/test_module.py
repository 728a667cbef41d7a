"""A scripted module, loaded and driven as by a user: selection, values, Apply, closing, saving, reloading."""

import sys
from pathlib import Path

import numpy as np
import pytest
import slicer

import host
from host.mini_module import NAME


@pytest.fixture
def patient(make_volume, make_segmentation):
    array = np.zeros((10, 12, 14), np.float32)
    array[2:5, 2:5, 2:5], array[6:8] = 8.0, 2.0
    volume = make_volume(array, "SPECT 24 h")
    segmentation = make_segmentation(np.where(array == 8, 1, np.where(array == 2, 2, 0)), volume, ("Kidney", "Liver"))
    return volume, segmentation


@pytest.fixture
def panel(module):
    """The panel, entered."""
    panel = module.widgetRepresentation()
    panel.enter()
    yield panel
    panel.exit()


def choose(widget, patient) -> None:
    """Select the volume and the segmentation as a user does."""
    widget.ui.volume.setCurrentNode(patient[0])
    widget.ui.segmentation.setCurrentNode(patient[1])


def test_module_describes_itself(module, module_folder):
    assert module.title == "Host Mini"
    assert module.instance.parent.categories == ["Nuclear Medicine"]
    assert Path(slicer.util.modulePath(NAME)) == module_folder / "HostMini.py"
    assert slicer.modules.hostmini is module
    assert getattr(slicer.modules, NAME + "Instance") is module.instance
    assert NAME in slicer.util.moduleNames()
    assert "HostMini" in module.instance.getDefaultModuleDocumentationLink().replace("hostmini", "HostMini")


def test_module_is_loaded_once(module, module_folder, tmp_path):
    assert host.load_module(module_folder, NAME) is module
    with pytest.raises(RuntimeError, match="Expected one module of the name HostMini"):
        host.load_module(tmp_path, NAME)
    with pytest.raises(RuntimeError, match="found none"):
        host.load_module(tmp_path, "Missing")


def test_start_of_the_application_is_announced(module):
    assert not module.python_module.HostMini.started
    host.finish_startup()
    assert module.python_module.HostMini.started


def test_self_test_runs(module):
    module.instance.runTest(msec=1)
    slicer.selfTests[NAME](msec=1)
    assert module.python_module.HostMiniTest.ran == 2


def test_apply_waits_for_its_inputs(panel, patient):
    widget = panel.self()
    volume, segmentation = patient
    assert slicer.util.getModuleWidget(NAME) is widget
    widget.ui.volume.setCurrentNode(volume)
    assert widget.parameters.volume is volume
    assert not widget.ui.applyButton.enabled
    assert widget.ui.applyButton.toolTip == "Select volume and segmentation"
    widget.ui.segmentation.setCurrentNode(segmentation)
    assert widget.ui.applyButton.enabled
    assert widget.ui.applyButton.toolTip == "Compute"


def test_values_go_both_ways(panel):
    widget = panel.self()
    statistic = widget.parameters.statistic.__class__
    widget.ui.statistic.currentIndex = 1
    widget.ui.factor.value = 2.5
    widget.ui.note.text = "second cycle"
    widget.ui.rounded.checked = False
    parameters = widget.parameters
    assert parameters.statistic is statistic.MAXIMUM
    assert (parameters.factor, parameters.note, parameters.rounded) == (2.5, "second cycle", False)
    parameters.factor = 3.5
    parameters.statistic = statistic.MEAN
    assert widget.ui.factor.value == 3.5
    assert widget.ui.statistic.currentText == "Mean"
    # The range of the annotation is the range of the widget.
    assert (widget.ui.factor.minimum, widget.ui.factor.maximum) == (0.1, 1000)
    widget.ui.factor.value = 5000
    assert parameters.factor == 1000


def test_apply_computes(panel, patient):
    widget = panel.self()
    choose(widget, patient)
    widget.ui.factor.value = 2.0
    widget.ui.applyButton.click()
    model = widget.ui.tableView.model()
    rows = [(model.index(row, 0).data(), float(model.index(row, 1).data())) for row in range(model.rowCount())]
    assert rows == [("Kidney", 16.0), ("Liver", 4.0)]


def test_failure_reaches_the_caller_and_frees_the_cursor(panel, patient):
    import qt

    widget = panel.self()
    choose(widget, patient)
    widget.ui.note.text = "fail"
    with pytest.raises(ValueError, match="Expected another note"):
        widget.onApply()
    assert qt.QApplication.overrideCursor() is None


def test_closing_the_scene_starts_afresh(panel, patient):
    widget = panel.self()
    widget.ui.factor.value = 7.0
    slicer.mrmlScene.Clear()
    assert widget.parameters is not None
    assert widget.parameters.factor == 1.5
    assert widget.ui.factor.value == 1.5
    assert widget.ui.volume.currentNode() is None
    assert not widget.ui.applyButton.enabled


def test_scene_bundle_restores_the_panel(panel, patient, tmp_path):
    widget = panel.self()
    choose(widget, patient)
    widget.ui.factor.value = 2.5
    widget.ui.applyButton.click()
    assert slicer.util.saveScene(str(tmp_path / "study.mrb"), {})
    slicer.mrmlScene.Clear()
    slicer.util.loadScene(str(tmp_path / "study.mrb"), {})
    panel.enter()
    assert widget.ui.factor.value == 2.5
    assert widget.ui.volume.currentNode().GetName() == "SPECT 24 h"
    assert widget.ui.segmentation.currentNode().GetName() == "Organs"
    assert widget.parameters.table.GetCellText(0, 0) == "Kidney"
    assert widget.ui.applyButton.enabled


def test_leaving_lets_go_of_the_parameter_node(panel):
    widget = panel.self()
    node = widget.parameters.parameterNode
    panel.exit()
    widget.ui.factor.value = 9.0
    assert node.GetParameter("factor") == "1.5"


def test_reload_brings_the_changed_file(panel, module_folder, patient):
    file = module_folder / "HostMini.py"
    before = panel.self()
    file.write_text(file.read_text(encoding="utf-8").replace('MEAN = "Mean"', 'MEAN = "Average"'), encoding="utf-8")
    slicer.util.reloadScriptedModule(NAME)
    after = panel.self()
    assert before.cleanedUp
    assert after is not before
    assert getattr(slicer.modules, NAME + "Widget") is after
    assert after.ui.statistic.currentText == "Average"


def test_unloading_cleans_up(application, module_folder):
    module = host.load_module(module_folder, NAME)
    widget = module.widgetRepresentation().self()
    host.unload_module(NAME)
    assert widget.cleanedUp
    assert not hasattr(slicer.modules, "hostmini")
    assert NAME not in sys.modules


def test_panel_picture_is_not_empty(panel, application, tmp_path):
    from PySide6 import QtGui

    panel.resize(400, 500)
    panel.show()
    application.processEvents()
    assert panel.grab().save(str(tmp_path / "panel.png"))
    image = QtGui.QImage(str(tmp_path / "panel.png"))
    colors = {image.pixel(x, y) for x in range(0, 400, 5) for y in range(0, 500, 5)}
    assert (image.width(), image.height()) == (400, 500)
    assert len(colors) > 10
