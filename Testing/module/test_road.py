"""The steps one by one on one computed scene; every test puts back what it changes."""

import json

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Cancelled

STEPS = ("register", "measure", "fit", "dose")


def scene_state():
    """Names of all nodes and of all folders."""
    import slicer
    import vtk

    scene = slicer.mrmlScene
    tree, items = scene.GetSubjectHierarchyNode(), vtk.vtkIdList()
    tree.GetItemChildren(tree.GetSceneItemID(), items, True)
    folders = [tree.GetItemName(items.GetId(index)) for index in range(items.GetNumberOfIds())]
    return sorted(scene.GetNthNode(index).GetName() or "" for index in range(scene.GetNumberOfNodes())), sorted(folders)


@pytest.fixture
def computed(computed_scene):
    """(logic, parameter node, result), brought up to date where the test before left it out of date."""
    logic, parameter_node, _result = computed_scene
    result = logic.stepResult("dose", parameter_node)
    return logic, parameter_node, result if logic.resultState(parameter_node) == "current" else logic.run(parameter_node)


def states(logic, parameter_node) -> list[str]:
    return [logic.stepState(parameter_node, step) for step in STEPS]


def test_steps_one_by_one_give_what_the_library_gives(computed, library_run):
    """Every step on its own, from what the one before it left."""
    logic, parameter_node, _result = computed
    images, expected = library_run
    from RNTDosimetryLib.roads.therapy.alignment import align

    assert logic.runStep("register", parameter_node) == align(images.scans, images.reference_index, expected.study.settings)
    curves = logic.runStep("measure", parameter_node)
    assert [curve.activities_mbq for curve in curves] == [
        pytest.approx(item.curve.activities_mbq, rel=1e-6) for item in expected.regions
    ]
    fits = logic.runStep("fit", parameter_node)
    assert [fit.model for fit in fits] == [item.fit.model for item in expected.regions]
    result = logic.runStep("dose", parameter_node)
    for item in expected.regions:
        assert result.region(item.name).dose.dose_gy == pytest.approx(item.dose.dose_gy, rel=1e-6)


def test_a_step_keeps_what_is_current_before_it(computed):
    logic, parameter_node, _result = computed
    alignments, curves = logic.stepResult("register", parameter_node), logic.stepResult("measure", parameter_node)
    parameter_node.model = "mono"
    assert states(logic, parameter_node) == ["current", "current", "stale", "stale"]
    fits = logic.runStep("fit", parameter_node)
    assert {fit.model for fit in fits} == {"mono"}
    assert logic.stepResult("register", parameter_node) is alignments
    assert logic.stepResult("measure", parameter_node) is curves
    assert states(logic, parameter_node) == ["current", "current", "current", "stale"]
    parameter_node.model = "auto"


def test_a_second_run_replaces_the_nodes_of_the_first(computed):
    logic, parameter_node, _result = computed
    before = scene_state()
    logic.run(parameter_node)
    assert scene_state() == before


def test_a_changed_input_makes_the_results_stale(computed):
    logic, parameter_node, result = computed
    before = result.region("liver").recovery_coefficient
    logic.typeRegionValue(parameter_node, "liver", "recovery_coefficient", "0.5")
    assert states(logic, parameter_node) == ["current", "stale", "stale", "stale"]
    with pytest.raises(DosimetryError, match="run again"):
        logic.writeReport("unused", parameter_node)
    assert logic.run(parameter_node).region("liver").recovery_coefficient == 0.5
    assert states(logic, parameter_node) == ["current"] * 4
    logic.typeRegionValue(parameter_node, "liver", "recovery_coefficient", f"{before}")


def test_an_edited_segment_makes_the_results_stale(computed):
    import slicer

    logic, parameter_node, _result = computed
    segmentation, reference = parameter_node.segmentation, parameter_node.ctVolumes[0]
    segment_id = segmentation.GetSegmentation().GetSegmentIdBySegmentName("spleen")
    labels = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, reference).copy()
    edited = labels.copy()
    edited[tuple(np.argwhere(labels)[0])] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(edited, segmentation, segment_id, reference)
    assert states(logic, parameter_node) == ["current", "stale", "stale", "stale"]
    slicer.util.updateSegmentBinaryLabelmapFromArray(labels, segmentation, segment_id, reference)
    assert states(logic, parameter_node) == ["current"] * 4


def test_an_edited_volume_makes_the_results_stale(computed):
    import slicer

    logic, parameter_node, _result = computed
    node = parameter_node.activityVolumes[2]
    array = slicer.util.arrayFromVolume(node)
    kept = array[4, 5, 6]
    array[4, 5, 6] = kept + 1000
    slicer.util.arrayFromVolumeModified(node)
    assert states(logic, parameter_node) == ["current", "stale", "stale", "stale"]
    array[4, 5, 6] = kept
    slicer.util.arrayFromVolumeModified(node)
    assert states(logic, parameter_node) == ["current"] * 4


def test_user_transforms_are_used_when_asked(computed):
    logic, parameter_node, result = computed
    method = type(parameter_node.registrationMethod)
    parameter_node.registrationMethod = method.SCENE
    other = logic.run(parameter_node)
    assert {item.method for item in other.alignments} == {"reference", "transform of the scene"}
    assert all(item.quality.correlation > 0.8 for item in other.alignments if item.quality is not None)
    for item in result.regions:
        assert other.region(item.name).tia_mbq_h == pytest.approx(item.tia_mbq_h, rel=1e-6)
    assert other.study.settings.registrations is not None
    parameter_node.registrationMethod = method.AUTOMATIC


def test_without_registration_the_scans_are_taken_as_aligned(computed):
    logic, parameter_node, _result = computed
    method = type(parameter_node.registrationMethod)
    transforms = [node.GetTransformNodeID() for node in parameter_node.activityVolumes]
    parameter_node.registrationMethod = method.NONE
    alignments = logic.runStep("register", parameter_node)
    assert {item.method for item in alignments} == {"reference", "taken as aligned"}
    parameter_node.registrationMethod = method.AUTOMATIC
    logic.runStep("register", parameter_node)
    assert [node.GetTransformNodeID() for node in parameter_node.activityVolumes] == transforms


class FinishedCommand:
    """What ``slicer.cli.run`` gives back of a finished command-line module."""

    ErrorsMask = 32

    def __init__(self, status=0):
        self.status = status

    def GetStatus(self):
        return self.status

    def GetErrorText(self):
        return "no overlap"


@pytest.fixture
def brainsfit(computed, monkeypatch):
    """A stand-in of the command-line module, which answers with the transforms that the library found."""
    import slicer
    from RNTDosimetryScene.nodes import transforms
    from RNTDosimetryScene.road import alignment

    _logic, parameter_node, result = computed
    answers = {node.GetID(): np.asarray(item.matrix) for node, item in zip(parameter_node.ctVolumes, result.alignments)}
    command = FinishedCommand()

    def run(module, node, parameters, **options):
        transforms.update_registration(
            slicer.mrmlScene.GetNodeByID(parameters["linearTransform"]), answers[parameters["movingVolume"]]
        )
        return command

    monkeypatch.setattr(slicer.modules, "brainsfit", object(), raising=False)
    monkeypatch.setattr(slicer.cli, "run", run)
    monkeypatch.setattr(alignment, "remove_command", lambda node: None)
    method = type(parameter_node.registrationMethod)
    parameter_node.registrationMethod = method.BRAINSFIT
    yield command
    parameter_node.registrationMethod = method.AUTOMATIC


def test_brainsfit_is_used_where_it_is(brainsfit, computed):
    logic, parameter_node, result = computed
    before = scene_state()
    found = logic.runStep("register", parameter_node)
    assert scene_state() == before
    assert [item.method.split(",")[0] for item in found] == ["reference", "BRAINSFit", "BRAINSFit", "BRAINSFit"]
    for item, expected in zip(found, result.alignments):
        np.testing.assert_allclose(item.matrix, expected.matrix, atol=1e-9)
        assert (item.quality is None) == (item.method == "reference")


def test_an_error_of_brainsfit_leaves_the_scene_as_it_was(brainsfit, computed):
    logic, parameter_node, _result = computed
    brainsfit.status = FinishedCommand.ErrorsMask
    before = scene_state()
    with pytest.raises(DosimetryError, match="no overlap; try SimpleITK"):
        logic.runStep("register", parameter_node)
    assert scene_state() == before


def test_brainsfit_is_refused_where_it_is_not(computed):
    logic, parameter_node, _result = computed
    method = type(parameter_node.registrationMethod)
    parameter_node.registrationMethod = method.BRAINSFIT
    with pytest.raises(DosimetryError, match="choose SimpleITK"):
        logic.runStep("register", parameter_node)
    parameter_node.registrationMethod = method.AUTOMATIC


@pytest.mark.parametrize("stop_at", [0.0, 0.4, 0.8])
def test_cancel_leaves_the_scene_as_it_was(computed, stop_at):
    logic, parameter_node, _result = computed
    parameter_node.densityGPerMl = 1.0 + stop_at / 100.0
    before, seen = scene_state(), [0.0]
    parameters = {
        name: parameter_node.parameterNode.GetParameter(name) for name in parameter_node.parameterNode.GetParameterNames()
    }
    with pytest.raises(Cancelled):
        logic.run(parameter_node, progress=lambda fraction, message: seen.append(fraction), cancel=lambda: seen[-1] >= stop_at)
    assert scene_state() == before
    assert parameters == {name: parameter_node.parameterNode.GetParameter(name) for name in parameters}
    assert logic.resultState(parameter_node) == "stale"
    parameter_node.densityGPerMl = 1.04


def test_a_failure_while_showing_is_undone(computed, monkeypatch):
    """The last moment at which something can fail: nodes have been added already."""
    import slicer
    from RNTDosimetryScene.show import display

    logic, parameter_node, _result = computed

    def fail(chart, result):
        slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "left over")
        parameter_node.resultFingerprint = "wrong"
        raise RuntimeError("no more memory")

    monkeypatch.setattr(display, "_histogram_chart", fail)
    before, fingerprint = scene_state(), parameter_node.resultFingerprint
    with pytest.raises(RuntimeError, match="no more memory"):
        logic.run(parameter_node)
    assert scene_state() == before
    assert parameter_node.resultFingerprint == fingerprint


def test_missing_input_is_named(computed):
    logic, parameter_node, _result = computed
    assert logic.missingInput(parameter_node) == ""
    segmentation = parameter_node.segmentation
    parameter_node.segmentation = None
    assert "segmentation" in logic.missingInput(parameter_node)
    assert logic.missingInput(parameter_node, "register") == ""
    with pytest.raises(DosimetryError, match="segmentation"):
        logic.run(parameter_node)
    parameter_node.segmentation = segmentation
    volumes, cts = list(parameter_node.activityVolumes), list(parameter_node.ctVolumes)
    parameter_node.activityVolumes = []
    assert "time points" in logic.missingInput(parameter_node)
    parameter_node.activityVolumes, parameter_node.ctVolumes = volumes, cts
    assert logic.missingInput(parameter_node) == ""


def test_nan_voxels_are_refused_by_name(computed):
    """In place, as a script does that forgets to tell the node."""
    import slicer

    logic, parameter_node, _result = computed
    array = slicer.util.arrayFromVolume(parameter_node.activityVolumes[1])
    kept = array[3, 4, 5]
    array[3, 4, 5] = np.nan
    with pytest.raises(DosimetryError, match="NaN"):
        logic.run(parameter_node)
    array[3, 4, 5] = kept


def test_another_model_is_foreseen_and_then_taken(computed):
    """The foreseen dose is the one that the next run gives, but for the photons from elsewhere, which change with the map."""
    logic, parameter_node, result = computed
    tried = logic.tryModel(parameter_node, "spleen", "physical")
    assert tried.dose_is_foreseen
    assert logic.resultState(parameter_node) == "current"
    logic.typeRegionValue(parameter_node, "spleen", "model", "physical")
    logic.runStep("fit", parameter_node)
    shown = logic.regionCurves(parameter_node)["spleen"]
    assert shown.dose_is_foreseen
    assert shown.dose.dose_gy == pytest.approx(tried.dose.dose_gy, rel=1e-9)
    taken = logic.run(parameter_node).region("spleen")
    assert taken.fit.model == "physical"
    assert taken.dose.dose_gy != pytest.approx(result.region("spleen").dose.dose_gy, rel=1e-3)
    assert taken.dose.dose_gy == pytest.approx(tried.dose.dose_gy, rel=0.03)
    logic.typeRegionValue(parameter_node, "spleen", "model", "")


def test_results_are_written_to_the_scene_as_json(computed):
    _logic, parameter_node, result = computed
    assert json.loads(parameter_node.resultText.GetText())["nuclide"] == result.nuclide


def test_two_studies_in_one_scene_keep_apart(computed):
    """Each study has its own inputs, results and states."""
    import slicer

    logic, first, result = computed
    second = logic.addStudy("Second study")
    assert logic.resultState(second) == "none"
    assert logic.missingInput(second)
    second.nuclide = "Y-90"
    assert first.nuclide == "Lu-177"
    assert logic.resultState(first) == "current"
    assert logic.stepResult("dose", first) is result
    assert logic.stepResult("dose", second) is None
    assert len(logic.getAllParameterNodes()) == 2
    assert logic.getParameterNode().nuclide == "Y-90"
    slicer.mrmlScene.RemoveNode(second.parameterNode)
    assert logic.getParameterNode().nuclide == "Lu-177"
