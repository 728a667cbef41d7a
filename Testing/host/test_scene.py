"""The started scene behaves as Slicer's: volumes, transforms, segmentations, tables, plots, hierarchy, files."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk

import host
from host.scene import current_host

TESTING = Path(__file__).resolve().parents[1]


def test_start_is_idempotent():
    first = host.start_scene()
    assert host.start_scene() is first
    assert current_host() is first
    assert slicer.mrmlScene is first.scene
    assert slicer.app.mrmlScene() is first.scene


def test_application_keeps_the_scene(application):
    assert host.start_application().application is application
    assert slicer.app is application
    assert application.mrmlScene() is slicer.mrmlScene


def test_logics_of_the_modules_are_there():
    for name in ("Volumes", "Segmentations", "Transforms", "Tables", "Plots", "SubjectHierarchy", "CropVolume", "Terminologies"):
        assert slicer.util.getModule(name).logic() is not None
        assert name in slicer.util.moduleNames()
    with pytest.raises(RuntimeError, match="NoSuchModule"):
        slicer.util.getModule("NoSuchModule")


def test_volume_keeps_values_and_geometry(make_volume):
    array = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
    node = make_volume(array)
    assert np.array_equal(slicer.util.arrayFromVolume(node), array)
    # 2, 3, 4 mm are the column lengths of the fixture's matrix, in the order x, y, z.
    assert node.GetSpacing() == pytest.approx((2.0, 3.0, 4.0))
    assert node.GetOrigin() == pytest.approx((-30.0, 12.0, 100.0))


def test_transform_moves_a_volume(make_volume, scene):
    node = make_volume(np.ones((2, 3, 4), np.float32), ijk_to_ras=np.eye(4))
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Shift")
    matrix = np.eye(4)
    matrix[:3, 3] = (10.0, -5.0, 2.0)
    slicer.util.updateTransformMatrixFromArray(transform, matrix)
    node.SetAndObserveTransformNodeID(transform.GetID())
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    # 4 x 3 x 2 voxels of 1 mm whose first center lies at the shift.
    assert bounds == pytest.approx([9.5, 13.5, -5.5, -2.5, 1.5, 3.5])
    node.HardenTransform()
    assert node.GetParentTransformNode() is None
    assert node.GetOrigin() == pytest.approx((10.0, -5.0, 2.0))


def test_segmentation_gives_back_its_voxels(make_volume, make_segmentation):
    labels = np.zeros((10, 12, 14), np.uint8)
    labels[2:5, 2:6, 3:8] = 1
    labels[6:9, 7:10, 2:12] = 2
    volume = make_volume(labels.astype(np.float32))
    segmentation = make_segmentation(labels, volume, ("Liver", "Kidney"))
    ids = [segmentation.GetSegmentation().GetNthSegmentID(index) for index in range(2)]
    for label, segment_id in enumerate(ids, 1):
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, volume)
        assert np.array_equal(mask > 0, labels == label)
    changed = labels == 1
    changed[0, 0, 0] = True
    slicer.util.updateSegmentBinaryLabelmapFromArray(changed.astype(np.uint8), segmentation, ids[0], volume)
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, ids[0], volume) > 0, changed)


def test_closed_surface_becomes_voxels_again(make_volume, make_segmentation):
    """A structure set arrives as closed surfaces only; its volume is that of the voxels to a few percent."""
    labels = np.zeros((30, 30, 30), np.uint8)
    labels[8:22, 8:22, 8:22] = 1
    volume = make_volume(labels.astype(np.float32), ijk_to_ras=np.eye(4))
    segmentation = make_segmentation(labels, volume, ("Kidney",))
    assert segmentation.CreateClosedSurfaceRepresentation()
    surface_name = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    segmentation.GetSegmentation().SetSourceRepresentationName(surface_name)
    segmentation.RemoveBinaryLabelmapRepresentation()
    segment_id = segmentation.GetSegmentation().GetNthSegmentID(0)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, volume) > 0
    # 14^3 voxels; smoothing of the surface rounds edges and corners.
    assert mask.sum() == pytest.approx(14**3, rel=0.06)


def test_table_keeps_columns(scene):
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "Doses")
    slicer.util.updateTableFromArray(table, (np.array([1.0, 2.0]), np.array([3.5, 4.5])), ["time_h", "activity_mbq"])
    assert table.GetColumnName(1) == "activity_mbq"
    assert slicer.util.arrayFromTableColumn(table, "activity_mbq").tolist() == [3.5, 4.5]


def test_chart_is_shown_in_the_layout(scene):
    data = np.stack([np.arange(5.0), np.arange(5.0) ** 2], axis=1)
    chart = slicer.util.plot(data, xColumnIndex=0, columnNames=["time_h", "activity_mbq"], title="Kidney")
    assert chart.GetNumberOfPlotSeriesNodes() == 1
    views = slicer.util.getNodesByClass("vtkMRMLPlotViewNode")
    assert chart.GetID() in [view.GetPlotChartNodeID() for view in views]


def test_subject_hierarchy_takes_folders(make_volume, scene):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    volume = make_volume(np.zeros((2, 2, 2), np.float32))
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "Study")
    item = hierarchy.GetItemByDataNode(volume) or hierarchy.CreateItem(folder, volume)
    hierarchy.SetItemParent(item, folder)
    hierarchy.SetItemAttribute(folder, "DicomRtImport.DoseUnitName", "GY")
    assert hierarchy.GetItemParent(item) == folder
    assert hierarchy.GetItemAttribute(folder, "DicomRtImport.DoseUnitName") == "GY"


def test_slice_layers_can_be_set(make_volume):
    background = make_volume(np.zeros((4, 5, 6), np.float32), "CT")
    foreground = make_volume(np.zeros((4, 5, 6), np.float32), "Dose")
    slicer.util.setSliceViewerLayers(background=background, foreground=foreground, foregroundOpacity=0.4, fit=True)
    for name in slicer.app.layoutManager().sliceViewNames():
        composite = slicer.app.layoutManager().sliceWidget(name).mrmlSliceCompositeNode()
        assert composite.GetBackgroundVolumeID() == background.GetID()
        assert composite.GetForegroundVolumeID() == foreground.GetID()
        assert composite.GetForegroundOpacity() == pytest.approx(0.4)
    slicer.util.resetSliceViews()


@pytest.mark.parametrize("ending", [".nrrd", ".nii.gz", ".mha"])
def test_volume_file_round_trip(make_volume, tmp_path, ending):
    array = np.random.default_rng(3).normal(size=(4, 5, 6)).astype(np.float32)
    node = make_volume(array, "SPECT 24 h")
    path = tmp_path / f"spect{ending}"
    assert slicer.util.saveNode(node, str(path), {})
    loaded = slicer.util.loadVolume(str(path), {"name": "again"})
    assert loaded.GetName() == "again"
    assert np.array_equal(slicer.util.arrayFromVolume(loaded), array)
    matrices = [vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()]
    node.GetIJKToRASMatrix(matrices[0])
    loaded.GetIJKToRASMatrix(matrices[1])
    assert slicer.util.arrayFromVTKMatrix(matrices[1]) == pytest.approx(slicer.util.arrayFromVTKMatrix(matrices[0]), abs=1e-4)


def test_other_files_round_trip(make_volume, make_segmentation, scene, tmp_path):
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Shift")
    matrix = np.eye(4)
    matrix[:3, 3] = (1.0, 2.0, 3.0)
    slicer.util.updateTransformMatrixFromArray(transform, matrix)
    assert slicer.util.saveNode(transform, str(tmp_path / "shift.h5"), {})
    assert slicer.util.arrayFromTransformMatrix(slicer.util.loadTransform(str(tmp_path / "shift.h5"))) == pytest.approx(matrix)

    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "Doses")
    slicer.util.updateTableFromArray(table, (np.array([1.5, 2.5]),), ["dose_gy"])
    assert slicer.util.saveNode(table, str(tmp_path / "doses.csv"), {})
    assert slicer.util.loadTable(str(tmp_path / "doses.csv")).GetCellText(1, 0) == "2.5"

    labels = np.zeros((6, 6, 6), np.uint8)
    labels[1:4, 1:4, 1:4] = 1
    volume = make_volume(labels.astype(np.float32))
    segmentation = make_segmentation(labels, volume, ("Kidney",))
    assert slicer.util.saveNode(segmentation, str(tmp_path / "organs.seg.nrrd"), {})
    loaded = slicer.util.loadSegmentation(str(tmp_path / "organs.seg.nrrd"), {})
    assert loaded.GetSegmentation().GetNthSegment(0).GetName() == "Kidney"


def test_missing_file_is_refused(scene, tmp_path):
    with pytest.raises(RuntimeError, match="Failed to load"):
        slicer.util.loadVolume(str(tmp_path / "missing.nrrd"), {})


def test_scene_bundle_brings_everything_back(make_volume, make_segmentation, scene, tmp_path):
    array = np.random.default_rng(5).normal(size=(6, 7, 8)).astype(np.float32)
    labels = (array > 0).astype(np.uint8)
    volume = make_volume(array, "SPECT")
    make_segmentation(labels, volume, ("Region",))
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Shift")
    volume.SetAndObserveTransformNodeID(transform.GetID())
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "Doses")
    slicer.util.updateTableFromArray(table, (np.array([1.5]),), ["dose_gy"])
    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path), {})
    scene.Clear()
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    slicer.util.loadScene(str(path), {})
    loaded = slicer.util.getNode("SPECT")
    assert np.array_equal(slicer.util.arrayFromVolume(loaded), array)
    assert loaded.GetParentTransformNode().GetName() == "Shift"
    assert slicer.util.getNode("Doses").GetCellText(0, 0) == "1.5"
    segmentation = slicer.util.getNode("Organs")
    segment_id = segmentation.GetSegmentation().GetSegmentIdBySegmentName("Region")
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, loaded)
    assert np.array_equal(mask > 0, labels > 0)


def run_program(program: str, **environment) -> subprocess.CompletedProcess:
    variables = os.environ | {"PYTHONPATH": str(TESTING)} | environment
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=variables, check=False)


WITHOUT_QT = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("PySide6", "shiboken6"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import host
host.start_scene()
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic
from slicer.parameterNodeWrapper import parameterNodeWrapper
class DemoLogic(ScriptedLoadableModuleLogic):
    pass
@parameterNodeWrapper
class Parameters:
    factor: float = 2.5
print(Parameters(DemoLogic().getParameterNode()).factor)
"""


def test_scene_needs_no_qt():
    result = run_program(WITHOUT_QT, SLICER_SRC="")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "2.5"


def test_application_ends_cleanly():
    """No crash and no message when the process ends with panel, observers and views alive."""
    program = "import host; host.start_application(); import slicer; slicer.qMRMLNodeComboBox().setMRMLScene(slicer.mrmlScene); print('end')"
    result = run_program(program)
    assert result.returncode == 0
    assert result.stdout.strip() == "end"
    assert "rror" not in result.stderr


def test_wrong_source_tree_is_refused(tmp_path):
    result = run_program("import host; host.start_scene()", SLICER_SRC=str(tmp_path))
    assert result.returncode != 0
    assert "Expected SLICER_SRC to name a tree of the Slicer sources" in result.stderr
