"""What the user takes away while work goes on: at every word of progress of every road, chosen at random with a fixed seed."""

import os
import random
import re
import sys
import types

import numpy as np
import pytest
from host.errors import collected_errors

CASES = int(os.environ.get("RNT_REMOVALS", "40"))
"""More in a release check: RNT_REMOVALS=300."""
SIZE = (10, 10, 10)
RESULTS = ("Absorbed dose", "TIA map", "Absorbed dose of regions", "results.json")


@pytest.fixture(autouse=True)
def _totalsegmentator(monkeypatch):
    """TotalSegmentator by a stand-in that runs a process which speaks three times, as the real one does."""
    import slicer
    from RNTDosimetryScene.nodes import segments
    from RNTDosimetryScene.nodes.geometry import geometry_of_volume

    from RNTDosimetryLib.images import Region

    class TotalSegmentatorLogic:
        def setupPythonRequirements(self):
            """Nothing to install."""

        def process(self, volume, segmentation, task, subset):
            for text in ("Resampling", "Predicting", "Saving"):
                self.logCallback(text)
            mask = np.zeros(SIZE, dtype=bool)
            mask[4:8, 4:8, 4:8] = True
            segments.add_region(segmentation, Region(name="spleen", geometry=geometry_of_volume(volume), occupancy=mask))

    stand_in = types.ModuleType("TotalSegmentator")
    stand_in.TotalSegmentatorLogic = TotalSegmentatorLogic
    monkeypatch.setitem(sys.modules, "TotalSegmentator", stand_in)
    monkeypatch.setattr(slicer.modules, "totalsegmentator", object(), raising=False)


def tiny_study(widget) -> None:
    """Two scans of two boxes with their CTs, in the study that the panel shows."""
    from RNTDosimetryScene.nodes import segments, volumes

    from RNTDosimetryLib.images import ImageGeometry, Region

    node, geometry = widget._parameterNode, ImageGeometry(SIZE, (8.0, 8.0, 8.0))
    node.nuclide, node.administeredActivityMBq = "Lu-177", 7400.0
    node.registrationMethod = type(node.registrationMethod).NONE
    masks = []
    for low in (1, 5):
        mask = np.zeros(SIZE, dtype=bool)
        mask[low : low + 3, 2:7, 2:7] = True
        masks.append(mask)
    for hours, height in ((4.0, 1.0), (24.0, 0.8), (96.0, 0.4)):
        activity = volumes.add_volume(
            f"Activity {hours:g} h", 1e3 + 1e5 * height * masks[0] + 5e4 * height * masks[1], geometry, "Bq/mL"
        )
        ct = volumes.add_volume(f"CT {hours:g} h", np.zeros(SIZE), geometry, "HU")
        widget.logic.addTimePoint(node, activity, hours, ct)
    node.segmentation = segments.add_segmentation(
        "Regions", tuple(Region(name, geometry, mask) for name, mask in zip(("liver", "kidney_left"), masks)), node.ctVolumes[0]
    )


def remove_input(chance, container, widget, study):
    import slicer

    inputs = [item for item in [*study.activityVolumes, *study.ctVolumes, study.segmentation] if item is not None]
    if inputs:
        slicer.mrmlScene.RemoveNode(chance.choice(inputs))


def remove_study(chance, container, widget, study):
    import slicer

    if slicer.mrmlScene.IsNodePresent(study.parameterNode):
        slicer.mrmlScene.RemoveNode(study.parameterNode)


def close_scene(chance, container, widget, study):
    import slicer

    slicer.mrmlScene.Clear()


def leave(chance, container, widget, study):
    if container.isEntered:
        container.exit()


def cancel(chance, container, widget, study):
    widget.ui.cancelButton.click()


def remove_everything(chance, container, widget, study):
    import slicer

    for node in [*study.activityVolumes, *study.ctVolumes, study.segmentation, study.parameterNode]:
        if node is not None and slicer.mrmlScene.IsNodePresent(node):
            slicer.mrmlScene.RemoveNode(node)


ACTIONS = (remove_input, remove_input, remove_study, close_scene, leave, cancel, remove_everything)
ROADS = ("applyButton", "registerButton", "measureButton", "fitButton", "doseButton", "organsButton", "writeButton")


def one_case(chance, container, widget, folder, monkeypatch) -> str:
    """Returns what was done, for the message of a failure."""
    import slicer

    slicer.mrmlScene.Clear()
    if not container.isEntered:
        container.enter()
    tiny_study(widget)
    road, study = chance.choice(ROADS), widget._parameterNode
    widget.ui.outputFolderPathLineEdit.currentPath = folder
    if road == "writeButton":
        widget.ui.applyButton.click()
    actions = [chance.choice(ACTIONS) for _ in range(chance.choice((1, 1, 2)))]
    at, seen = chance.randrange(12), [0]

    def events(*unused):
        seen[0] += 1
        if seen[0] > at and actions:
            actions.pop()(chance, container, widget, study)

    what = f"{road} at {at}: {', '.join(action.__name__ for action in actions)}"
    with monkeypatch.context() as patch:
        patch.setattr(slicer.app, "processEvents", events, raising=False)
        getattr(widget.ui, road).click()
    if not container.isEntered:
        container.enter()
    return what


def test_no_road_minds_what_is_taken_away(panel, monkeypatch, tmp_path):
    """No traceback, never: the panel goes on, and results are there as a whole or not at all."""
    import slicer

    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **more: said.append(text))
    container, widget = panel
    chance, said = random.Random(14), []
    for _case in range(CASES):
        said.clear()
        with collected_errors() as errors:
            what = one_case(chance, container, widget, str(tmp_path), monkeypatch)
        assert errors == [], what
        assert widget.panel.work is None, what
        assert widget.panel.is_open(), what
        assert widget.ui.studyCollapsibleButton.enabled, what
        assert all(re.search("Expected|TotalSegmentator", text) for text in said), (what, said)
        made = {
            name for name in RESULTS if slicer.util.getNodesByClass("vtkMRMLNode") and slicer.mrmlScene.GetFirstNodeByName(name)
        }
        assert made in (set(), set(RESULTS)), (what, made)
        assert slicer.mrmlScene.GetFirstNodeByName("TotalSegmentator") is None, what
    tiny_study_runs(widget)


def tiny_study_runs(widget) -> None:
    """The scene is as usable as at the beginning."""
    import slicer

    slicer.mrmlScene.Clear()
    tiny_study(widget)
    widget.ui.applyButton.click()
    assert widget.panel.states["dose"] == "current"


@pytest.mark.parametrize("action", [remove_study, close_scene, leave, cancel])
@pytest.mark.parametrize("share", [0.2, 0.85])
def test_loading_minds_nothing_either(panel, patient, monkeypatch, action, share):
    import slicer

    container, widget = panel
    said, done = [], []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **more: said.append(text))
    study = widget._parameterNode
    widget.ui.dicomFolderPathLineEdit.currentPath = str(patient.dicom_folder)

    def events(*unused):
        if widget.ui.progressBar.value >= 100 * share and not done:
            done.append(action(random.Random(1), container, widget, study))

    with collected_errors() as errors, monkeypatch.context() as patch:
        patch.setattr(slicer.app, "processEvents", events, raising=False)
        widget.ui.loadButton.click()
    assert (errors, said, len(done)) == ([], [], 1)
    assert widget.panel.work is None
    loaded = len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"))
    assert loaded == (8 if action is leave else 0)
