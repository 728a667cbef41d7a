"""What the application does and a kinder stand-in forgave: each of these failed on the module before."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from host.errors import collected_errors

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def user(panel, monkeypatch):
    import slicer

    said = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **more: said.append(text))
    container, widget = panel
    with collected_errors() as errors:
        yield SimpleNamespace(container=container, widget=widget, ui=widget.ui, said=said)
    assert errors == []


_START_UP = """
import sys
sys.path[:0] = [{root!r}, {root!r} + "/Testing"]
import host
host.start_application()
before = set(sys.modules)
module = host.load_module({root!r} + "/RNTDosimetry", "RNTDosimetry")
host.finish_startup()
print(sorted(set(sys.modules) - before))
import slicer
layout = slicer.app.layoutManager().layoutLogic().GetLayoutNode()
print(layout.IsLayoutDescription(module.instance.LAYOUT))
slicer.mrmlScene.Clear()
print(layout.IsLayoutDescription(module.instance.LAYOUT))
"""


def test_start_up_loads_the_module_file_alone_and_knows_the_layout():
    """Every user of Slicer waits for the start; a scene in the layout of the results is opened before anything is clicked."""
    done = subprocess.run(
        [sys.executable, "-c", _START_UP.format(root=str(ROOT))], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded, known, known_after_closing = done.stdout.strip().splitlines()[-3:]
    heavy = ("scipy", "SimpleITK", "pydicom", "highdicom", "RNTDosimetryLib", "RNTDosimetryScene", "RNTDosimetryPanel")
    assert [name for name in eval(loaded) if name.partition(".")[0] in heavy] == []
    assert (known, known_after_closing) == ("True", "True")


@pytest.mark.parametrize("way", ["select and delete", "backspace"])
def test_a_recovery_curve_can_be_taken_back(user, tmp_path, way):
    """The real path field tells nothing of an empty text: the curve stayed in every dose."""
    from RNTDosimetryScene.study import camera

    ui, node = user.ui, user.widget._parameterNode
    path = tmp_path / "recovery.json"
    path.write_text("{}", encoding="utf-8")
    taken = []

    def choose(parameter_node, path):
        taken.append(path)
        parameter_node.recoveryPath = path

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(camera, "choose_recovery", choose)
        patch.setattr(camera, "recovery_of", lambda parameter_node: None)
        ui.recoveryPathLineEdit.currentPath = str(path)
        if way == "backspace":
            # Half a path is no choice; the last key takes the curve back, though the field has told nothing since.
            line = ui.recoveryPathLineEdit.comboBox().lineEdit()
            blocked = line.blockSignals(True)
            line.setText("r")
            line.blockSignals(blocked)
            ui.recoveryPathLineEdit.updateHasValidInput()
            line.setText("")
            line.textEdited.emit("")
        else:
            ui.recoveryPathLineEdit.currentPath = ""
    assert taken == [str(path), ""]
    assert node.recoveryPath == ""


def test_paths_are_offered_again(user, tmp_path):
    import qt
    from RNTDosimetryPanel.tools import remember_path

    edit, told = user.ui.recoveryPathLineEdit, []
    for name in ("a.json", "b.json"):
        edit.blockSignals(True)
        edit.currentPath = str(tmp_path / name)
        edit.blockSignals(False)
        edit.currentPathChanged.connect(told.append)
        remember_path(edit)
        edit.currentPathChanged.disconnect(told.append)
    assert told == []
    assert qt.QSettings().value("ctkPathLineEdit/RNTDosimetry/Recovery")[:2] == [
        str(tmp_path / "b.json"),
        str(tmp_path / "a.json"),
    ]
    keys = [child.settingKey for child in vars(user.ui).values() if type(child).__name__ == "ctkPathLineEdit"]
    assert len(set(keys)) == len(keys) == 8


def test_the_only_study_is_deleted(user):
    """The selector tells while the study is still in the scene: the panel stayed on a study that was gone."""
    import slicer

    ui, first = user.ui, user.widget._parameterNode.parameterNode
    slicer.mrmlScene.RemoveNode(first)
    node = user.widget._parameterNode.parameterNode
    assert node is not first
    assert slicer.mrmlScene.IsNodePresent(node)
    assert ui.studySelector.currentNode() is node
    ui.nuclideComboBox.currentText = "Lu-177"
    assert user.widget._parameterNode.nuclide == "Lu-177"


def test_one_of_two_studies_is_deleted(user):
    import slicer

    first = user.widget._parameterNode.parameterNode
    second = user.ui.studySelector.addNode()
    assert second.GetName().startswith("Study")
    slicer.mrmlScene.RemoveNode(second)
    assert user.widget._parameterNode.parameterNode is first


def test_the_selector_speaks_of_studies(user):
    """Not of a ScriptedModule."""
    assert user.ui.studySelector.nodeTypeLabel("vtkMRMLScriptedModuleNode") == "dosimetry study"


def test_label_maps_are_no_scans(user):
    import slicer

    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "SPECT")
    for name in ("addActivitySelector", "addCtSelector", "planScoutSelector", "planCtSelector"):
        assert getattr(user.ui, name).nodes() == [volume], name


def test_the_error_box_has_no_wait_cursor(panel, monkeypatch):
    import slicer
    from RNTDosimetryPanel.tools import shown_errors

    from RNTDosimetryLib.base.errors import DosimetryError

    cursors = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **more: cursors.append(slicer.app.overrideCursor()))
    with shown_errors("Not this."):
        assert slicer.app.overrideCursor() is not None
        raise DosimetryError("Expected something else.")
    assert cursors == [None]


def test_a_column_that_the_user_has_drawn_keeps_its_width(panel):
    import qt
    from RNTDosimetryPanel.tools import fill_table, prepare_table

    table = qt.QTableWidget()
    prepare_table(table, ["a", "b", "c"])
    fill_table(table, [["short", "short", ""]])
    table.setColumnWidth(1, 230)
    fill_table(table, [["a much longer text than before", "another long text, longer than that", ""]])
    assert table.columnWidth(1) == 230
    assert table.columnWidth(0) > 100
    fill_table(table, [["x", "y", ""]])
    assert table.columnWidth(1) == 230


def test_one_ct_of_two_scans_is_watched_once(user):
    """Slicer warns of a second observer."""
    import numpy as np
    from RNTDosimetryScene.nodes import volumes
    from RNTDosimetryScene.study import inputs

    from RNTDosimetryLib.images import ImageGeometry

    geometry, node = ImageGeometry((4, 4, 4), (4.0, 4.0, 4.0)), user.widget._parameterNode
    ct = volumes.add_volume("CT", np.zeros((4, 4, 4)), geometry, "HU")
    node.activityVolumes = [volumes.add_volume(name, np.ones((4, 4, 4)), geometry, "Bq/mL") for name in ("A", "B")]
    node.ctVolumes = [ct, ct]
    found = inputs.input_events(node)
    assert len(found) == len(set(found)) == 6


def test_a_sample_overwrites_nothing(user, study_path, monkeypatch):
    """The phantom becomes a study of its own when the open one holds something: by Sample Data, a script or the panel."""
    import slicer
    from RNTDosimetryScene.study import samples

    from RNTDosimetry import loadSample

    monkeypatch.setattr(samples, "make_phantom", lambda **more: study_path)
    monkeypatch.setattr(slicer.modules, "RNTDosimetryWidget", user.widget, raising=False)
    first = user.widget._parameterNode
    loadSample()
    assert len(first.activityVolumes) == 4
    kept = first.segmentation
    user.ui.phantomButton.click()
    second = user.widget._parameterNode
    assert second.parameterNode is not first.parameterNode
    assert (first.segmentation, len(second.activityVolumes)) == (kept, 4)
    assert len(user.widget.logic.getAllParameterNodes()) == 2
    assert user.said == []


def test_a_script_loads_the_sample_as_any_other(user, study_path, monkeypatch):
    """What SampleData.downloadSample ends in: the copied recipe, read by the module's reader."""
    import slicer
    from RNTDosimetryScene.study import samples

    monkeypatch.setattr(samples, "make_phantom", lambda **more: study_path)
    recipe = ROOT / "RNTDosimetry" / "Resources" / "SampleData" / "RNTDosimetryPhantom.rntphantom"
    assert json.loads(recipe.read_text(encoding="utf-8"))["format"] == "RNTDosimetry phantom"
    assert slicer.app.coreIOManager().fileType(str(recipe)) == "RNTDosimetryPhantom"
    assert slicer.util.loadNodeFromFile(str(recipe), "RNTDosimetryPhantom").GetName() == "CT 4.1 h"


def test_brainsfit_is_a_choice_and_no_default(logic):
    from RNTDosimetryScene.road import alignment

    method = type(logic.getParameterNode().registrationMethod)
    assert [item.name for item in method if alignment.uses_brainsfit(item)] == ["BRAINSFIT"]


class Command:
    """vtkMRMLCommandLineModuleNode of a module that is at work."""

    def __init__(self, busy_times):
        self.left, self.cancelled = busy_times, False

    def GetStatus(self):
        import slicer

        self.left -= 1
        kind = slicer.vtkMRMLCommandLineModuleNode
        return kind.Running if self.left >= 0 else kind.Completed

    def GetProgress(self):
        return 40

    def Cancel(self):
        self.cancelled = True


def test_a_command_line_module_works_beside_the_panel_and_is_stopped(module):
    from RNTDosimetryScene.road import alignment

    from RNTDosimetryLib.base.progress import Cancelled

    seen, command = [], Command(2)
    alignment._wait_for(command, seen.append)
    assert (seen, command.cancelled) == ([0.4, 0.4], False)

    def stop(share):
        raise Cancelled

    command = Command(100)
    with pytest.raises(Cancelled):
        alignment._wait_for(command, stop)
    assert command.cancelled


@pytest.mark.parametrize("stopped", [False, True])
def test_totalsegmentator_speaks_while_it_works_and_is_stopped(module, stopped):
    """A real process that is silent for long: Cancel does not wait for its next word, and the process ends."""
    from RNTDosimetryScene.study import organs

    from RNTDosimetryLib.base.progress import Cancelled

    code = "import time; print('Predicting', flush=True); time.sleep(60)" if stopped else "print('Resampling'); print('Saving')"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = []

    def progress(share, text):
        said.append(text)
        if stopped and len(said) > 3:
            raise Cancelled

    watch = organs._Watch(progress)
    if stopped:
        with pytest.raises(Cancelled):
            watch.process(process)
        assert process.wait(timeout=20) != 0
    else:
        assert watch.process(process, returnOutput=True).split() == ["Resampling", "Saving"]
        assert {"TotalSegmentator: Resampling", "TotalSegmentator: Saving"} <= set(said)
    process.stdout.close()
