"""The scans of a study played as a sequence, and the frames of a sequence taken as scans."""

import numpy as np
import pytest
import vtk


def node_ids(scene) -> set[str]:
    return {scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())}


@pytest.fixture
def study(logic, study_path):
    return logic.loadStudyFile(study_path)


def test_the_scans_are_frames_at_their_hours(study):
    from RNTDosimetryScene.study import sequences

    browser = sequences.show_scans(study)
    sequence = browser.GetMasterSequenceNode()
    assert (sequence.GetIndexName(), sequence.GetIndexUnit()) == ("time", "h")
    assert [sequence.GetNthIndexValue(index) for index in range(4)] == ["4.1", "23.7", "71.25", "168.6"]


def test_the_voxels_of_the_frames_are_those_of_the_scans(study):
    """Not copies: the same image, so that a sequence costs no memory."""
    from RNTDosimetryScene.study import sequences

    sequence = sequences.show_scans(study).GetMasterSequenceNode()
    for index, scan in enumerate(study.activityVolumes):
        assert sequence.GetNthDataNode(index).GetImageData() is scan.GetImageData()


def test_a_chosen_frame_is_shown_where_its_scan_lies(logic, study):
    """After registration a voxel of the shown frame has the world position of that voxel of the scan."""
    import slicer
    from RNTDosimetryScene.study import sequences

    logic.runStep("register", study)
    browser = sequences.show_scans(study)
    for index, scan in enumerate(study.activityVolumes):
        browser.SetSelectedItemNumber(index)
        activity, ct, position = sequences.shown_nodes(study)
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(activity), slicer.util.arrayFromVolume(scan))
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(ct), slicer.util.arrayFromVolume(study.ctVolumes[index]))
        assert activity.GetParentTransformNode() is position
        assert ct.GetParentTransformNode() is position
        np.testing.assert_allclose(world_of_voxel(activity, (5, 6, 7)), world_of_voxel(scan, (5, 6, 7)), atol=1e-6)
        assert f"time={['4.1', '23.7', '71.25', '168.6'][index]}h" in activity.GetName()
    assert not np.allclose(
        world_of_voxel(study.activityVolumes[2], (5, 6, 7)), world_of_voxel(study.activityVolumes[0], (5, 6, 7)), atol=0.5
    )


def world_of_voxel(node, ijk) -> list[float]:
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    to_world = vtk.vtkGeneralTransform()
    if node.GetParentTransformNode() is not None:
        node.GetParentTransformNode().GetTransformToWorld(to_world)
    return list(to_world.TransformPoint(matrix.MultiplyPoint((*map(float, ijk), 1.0))[:3]))


def test_a_deformation_plays_along(study):
    import slicer
    from RNTDosimetryScene.study import sequences

    spline = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for corner in ((0, 0, 0), (100, 0, 0), (0, 100, 0), (0, 0, 100)):
        source.InsertNextPoint(corner)
        target.InsertNextPoint([value + 5.0 for value in corner])
    target.SetPoint(1, 120.0, 5.0, 5.0)
    spline.SetSourceLandmarks(source)
    spline.SetTargetLandmarks(target)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "Breathing")
    node.SetAndObserveTransformToParent(spline)
    scan = study.activityVolumes[1]
    scan.SetAndObserveTransformNodeID(node.GetID())
    sequences.show_scans(study).SetSelectedItemNumber(1)
    shown = sequences.shown_nodes(study)[0]
    np.testing.assert_allclose(world_of_voxel(shown, (5, 6, 7)), world_of_voxel(scan, (5, 6, 7)), atol=1e-6)


def test_all_frames_have_one_scale(study):
    from RNTDosimetryScene.study import sequences

    browser = sequences.show_scans(study)
    highest = max(node.GetImageData().GetScalarRange()[1] for node in study.activityVolumes)
    for index in range(4):
        browser.SetSelectedItemNumber(index)
        display = sequences.shown_nodes(study)[0].GetDisplayNode()
        assert display.GetWindowLevelMax() == pytest.approx(highest)
        assert not display.GetAutoWindowLevel()


def test_calibrated_scans_are_played_in_becquerel(study):
    import slicer
    from RNTDosimetryScene.study import sequences, timepoints

    timepoints.type_time_point(study, 1, "calibration", "2.5")
    sequences.show_scans(study).SetSelectedItemNumber(1)
    shown = slicer.util.arrayFromVolume(sequences.shown_nodes(study)[0])
    np.testing.assert_allclose(shown, 2.5 * slicer.util.arrayFromVolume(study.activityVolumes[1]), rtol=1e-6)


def test_the_sequences_follow_the_study_and_go_with_it(logic, scene, study):
    from RNTDosimetryScene.study import sequences, timepoints

    before = node_ids(scene)
    sequences.show_scans(study)
    sequences.show_scans(study)
    sequences.keep_up(study)
    sequences.remove_scans(study)
    assert node_ids(scene) == before
    browser = sequences.show_scans(study)
    timepoints.remove_time_point(study, 3)
    sequences.keep_up(study)
    assert sequences.browser_of(study) is not browser
    assert sequences.browser_of(study).GetNumberOfItems() == 3
    scene.RemoveNode(study.parameterNode)
    sequences.keep_up(logic.getParameterNode())
    assert scene.GetFirstNodeByClass("vtkMRMLSequenceBrowserNode") is None
    assert scene.GetFirstNodeByClass("vtkMRMLSequenceNode") is None


def test_the_sequences_are_not_saved(scene, study, tmp_path):
    import slicer
    from RNTDosimetryScene.study import sequences

    sequences.show_scans(study)
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    scene.Clear()
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    for name in ("vtkMRMLSequenceBrowserNode", "vtkMRMLSequenceNode"):
        assert scene.GetFirstNodeByClass(name) is None
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 8
    assert [node for node in slicer.util.getNodesByClass("vtkMRMLTransformNode") if node.GetName().startswith("Position")] == []


def test_one_scan_cannot_be_played(logic):
    from RNTDosimetryScene.study import sequences

    from RNTDosimetryLib.base.errors import DosimetryError

    with pytest.raises(DosimetryError, match="Expected at least two scans to play, received fewer"):
        sequences.show_scans(logic.getParameterNode())


def dynamic_sequence(scene, unit: str, count: int, values=None):
    """Sequence of small volumes whose voxels fall by half in each frame."""
    import slicer

    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "Dynamic")
    sequence.SetIndexUnit(unit)
    for index in range(count):
        frame = slicer.vtkMRMLScalarVolumeNode()
        frame.SetName("frame")
        image = vtk.vtkImageData()
        image.SetDimensions(4, 3, 2)
        image.AllocateScalars(vtk.VTK_FLOAT, 1)
        image.GetPointData().GetScalars().Fill(1000.0 * 0.5**index)
        frame.SetAndObserveImageData(image)
        frame.SetSpacing(4.0, 4.0, 5.0)
        sequence.SetDataNodeAtValue(frame, str(values[index] if values else 30 * (index + 1)))
    return sequence


@pytest.mark.parametrize(("unit", "seconds"), [("h", 3600), ("min", 60), ("s", 1)])
def test_many_frames_become_scans_at_their_times(logic, scene, unit, seconds):
    from RNTDosimetryScene.nodes import volumes
    from RNTDosimetryScene.study import sequences

    node = logic.getParameterNode()
    node.nuclide = "Lu-177"
    sequence = dynamic_sequence(scene, unit, 40)
    sequences.add_frames(node, sequence, calibration=2.0)
    assert len(node.activityVolumes) == 40
    images = [volumes.activity_image(item) for item in node.activityVolumes]
    assert [image.start_h for image in images] == pytest.approx([30 * (index + 1) * seconds / 3600 for index in range(40)])
    assert [float(image.concentration_bq_ml.max()) for image in images] == pytest.approx(
        [2000.0 * 0.5**index for index in range(40)]
    )
    assert images[0].geometry.spacing_mm == (5.0, 4.0, 4.0)
    assert node.activityVolumes[3].GetImageData() is sequence.GetNthDataNode(3).GetImageData()


def test_the_logic_does_what_the_buttons_do(logic, scene, study):
    browser = logic.playScans(study)
    assert browser.GetPlaybackActive()
    assert browser.GetNumberOfItems() == 4
    logic.stopScans(study)
    assert scene.GetFirstNodeByClass("vtkMRMLSequenceBrowserNode") is None
    other = logic.addStudy("Dynamic")
    other.nuclide = "Lu-177"
    logic.addSequence(other, dynamic_sequence(scene, "h", 5))
    assert len(other.activityVolumes) == 5
    assert len(study.activityVolumes) == 4


def test_a_sequence_is_added_by_a_click(panel, scene):
    """The same selector and button as for a single volume."""
    _container, widget = panel
    widget.ui.nuclideComboBox.currentText = "Lu-177"
    widget.ui.addActivitySelector.setCurrentNode(dynamic_sequence(scene, "min", 12))
    widget.ui.addCalibrationSpinBox.value = 3.0
    widget.ui.addTimePointButton.click()
    table = widget.ui.timePointsTableWidget
    assert [table.item(row, 1).text() for row in range(table.rowCount)] == [f"{0.5 * (row + 1):.2f}" for row in range(12)]
    assert {table.item(row, 5).text() for row in range(12)} == {"3"}


@pytest.mark.parametrize(
    ("unit", "values", "text"),
    [
        ("", None, "times in h, min or s, received the unit ''"),
        ("mm", None, "times in h, min or s, received the unit 'mm'"),
        ("h", [1, 2, "x"], "Expected times as index values"),
    ],
)
def test_a_sequence_without_times_is_refused(logic, scene, unit, values, text):
    import slicer
    from RNTDosimetryScene.study import sequences

    from RNTDosimetryLib.base.errors import DosimetryError

    node = logic.getParameterNode()
    sequence = dynamic_sequence(scene, unit, 3)
    if values:
        sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "Dynamic")
        sequence.SetIndexUnit(unit)
        sequence.SetIndexType(slicer.vtkMRMLSequenceNode.TextIndex)
        for value in values:
            sequence.SetDataNodeAtValue(dynamic_sequence(scene, "h", 1).GetNthDataNode(0), str(value))
    before = node_ids(scene)
    with pytest.raises(DosimetryError, match=text):
        sequences.add_frames(node, sequence)
    assert node_ids(scene) == before


def test_nothing_is_added_when_a_time_is_taken(logic, scene):
    import slicer
    from RNTDosimetryScene.study import sequences

    from RNTDosimetryLib.base.errors import DosimetryError

    node = logic.getParameterNode()
    sequences.add_frames(node, dynamic_sequence(scene, "h", 2, [10, 30]))
    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    before = node_ids(scene)
    other = dynamic_sequence(scene, "h", 2, [20, 30])
    with pytest.raises(DosimetryError, match="another time than the other scans"):
        sequences.add_frames(node, other)
    assert node_ids(scene) == before | {other.GetID()}
    assert len(node.activityVolumes) == 2
