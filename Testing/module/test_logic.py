"""The logic on the real MRML scene."""

import json

import numpy as np
import pytest
import vtk

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.progress import Cancelled


def node_names(scene) -> list[str]:
    return sorted(scene.GetNthNode(index).GetName() or "" for index in range(scene.GetNumberOfNodes()))


@pytest.fixture
def loaded(logic, study_path):
    return logic.loadStudyFile(study_path)


@pytest.fixture
def computed(logic, loaded):
    return loaded, logic.run(loaded)


def test_the_scene_gives_the_numbers_of_the_library(computed, library_run):
    _parameter_node, result = computed
    _images, expected = library_run
    for item in expected.regions:
        found = result.region(item.name)
        assert found.tia_mbq_h == pytest.approx(item.tia_mbq_h, rel=1e-6)
        assert found.dose.dose_gy == pytest.approx(item.dose.dose_gy, rel=1e-6)
        assert found.dose.dose_uncertainty_gy == pytest.approx(item.dose.dose_uncertainty_gy, rel=1e-6)
        assert found.map_mean_gy == pytest.approx(item.map_mean_gy, rel=1e-6)
    np.testing.assert_allclose(np.asarray(result.dose_map), np.asarray(expected.dose_map), rtol=1e-6, atol=1e-6 * expected.dose_map.maximum_gy)


def test_the_nodes_of_the_scene_hold_the_result(computed):
    import slicer

    parameter_node, result = computed
    dose = parameter_node.doseVolume
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(dose), np.asarray(result.dose_map))
    assert dose.GetVoxelValueUnits().GetCodeValue() == "Gy"
    assert parameter_node.tiaVolume.GetVoxelValueUnits().GetCodeValue() == "MBq.h/ml"
    assert parameter_node.activityVolumes[0].GetVoxelValueUnits().GetCodeValue() == "Bq/ml"
    table = parameter_node.resultTable
    assert table.GetNumberOfRows() == len(result.regions)
    headings = [table.GetColumnName(index) for index in range(table.GetNumberOfColumns())]
    column = headings.index("Absorbed dose (Gy)")
    assert float(table.GetCellText(0, column)) == pytest.approx(result.regions[0].dose.dose_gy, rel=5e-3)
    assert parameter_node.timeActivityChart.GetNumberOfPlotSeriesNodes() == 2 * len(result.regions)
    assert parameter_node.histogramChart.GetNumberOfPlotSeriesNodes() == len(result.regions)


def test_the_dose_lies_where_the_activity_lies(computed):
    """RAS of a voxel of the dose node is the mirrored LPS of the library's grid."""
    parameter_node, result = computed
    matrix = vtk.vtkMatrix4x4()
    parameter_node.doseVolume.GetIJKToRASMatrix(matrix)
    ras = matrix.MultiplyPoint((3, 5, 7, 1))[:3]
    lps = (result.tia_map.geometry.index_to_lps @ [3, 5, 7, 1])[:3]
    np.testing.assert_allclose(ras, lps * [-1, -1, 1], atol=1e-9)


def test_transforms_bring_the_scans_onto_the_reference(computed, patient):
    """A landmark of the reference, carried to a scan by the truth, comes back through the node's transform."""
    parameter_node, _result = computed
    for node, scan in list(zip(parameter_node.activityVolumes, patient.truth.scans))[1:]:
        point = np.append(scan.rotation_centre_lps_mm, 1.0)
        moved_ras = (np.asarray(scan.reference_to_scan) @ point) * [-1, -1, 1, 1]
        to_world = vtk.vtkMatrix4x4()
        node.GetParentTransformNode().GetMatrixTransformToWorld(to_world)
        back_lps = np.array(to_world.MultiplyPoint(moved_ras)) * [-1, -1, 1, 1]
        assert np.linalg.norm(back_lps - point) < 1.5


def test_slicerrt_recognizes_the_dose(computed, scene):
    parameter_node, _result = computed
    tree = scene.GetSubjectHierarchyNode()
    assert parameter_node.doseVolume.GetAttribute("DicomRtImport.DoseVolume") == "1"
    parent = tree.GetItemParent(tree.GetItemByDataNode(parameter_node.doseVolume))
    assert tree.GetItemAttribute(parent, "DicomRtImport.DoseUnitName") == "GY"
    assert tree.GetItemAttribute(parent, "DicomRtImport.DoseUnitValue") == "1.0"
    assert tree.GetItemLevel(parent) == "Study"


def test_a_second_run_replaces_the_nodes_of_the_first(logic, computed, scene):
    parameter_node, _result = computed
    before = node_names(scene)
    logic.run(parameter_node)
    assert node_names(scene) == before


def test_save_clear_load_keeps_everything(logic, computed, scene, tmp_path):
    import slicer

    _parameter_node, result = computed
    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path))
    names = {node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")}
    scene.Clear()
    slicer.util.loadScene(str(path))
    again = logic.getParameterNode()
    assert {node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")} == names
    assert [node.GetName() for node in again.activityVolumes] == [f"Activity {scan:.4g} h" for scan in result.regions[0].curve.times_h]
    assert again.nuclide == "Lu-177"
    assert again.administeredActivityMBq == pytest.approx(7400)
    assert logic.resultState(again) == "current"
    stored = json.loads(again.resultText.GetText())
    assert [item["dose"]["dose_gy"] for item in stored["regions"]] == [item.dose.dose_gy for item in result.regions]
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(again.doseVolume), np.asarray(result.dose_map))
    rerun = logic.run(again)
    for item in result.regions:
        assert rerun.region(item.name).dose.dose_gy == pytest.approx(item.dose.dose_gy, rel=1e-6)


def test_a_changed_input_makes_the_results_stale(logic, computed):
    parameter_node, _result = computed
    assert logic.resultState(parameter_node) == "current"
    logic.typeRegionValue(parameter_node, "liver", "recovery_coefficient", "0.5")
    assert logic.resultState(parameter_node) == "stale"
    with pytest.raises(DosimetryError, match="run again"):
        logic.writeReport("unused", parameter_node)
    assert logic.run(parameter_node).region("liver").recovery_coefficient == 0.5
    assert logic.resultState(parameter_node) == "current"


def test_an_edited_segment_makes_the_results_stale(logic, computed):
    import slicer

    parameter_node, _result = computed
    segmentation, reference = parameter_node.segmentation, parameter_node.ctVolumes[0]
    segment_id = segmentation.GetSegmentation().GetSegmentIdBySegmentName("spleen")
    labels = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, reference).copy()
    labels[tuple(np.argwhere(labels)[0])] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(labels, segmentation, segment_id, reference)
    assert logic.resultState(parameter_node) == "stale"


def test_report_is_written_from_the_scene(logic, computed, tmp_path):
    parameter_node, _result = computed
    paths = logic.writeReport(tmp_path / "report", parameter_node)
    assert {path.name for path in paths} == {"report.html", "results.json", "results.csv", "dose.nrrd", "tia.nrrd", "dose.dcm"}


@pytest.mark.parametrize("stop_at", [0.0, 0.4, 0.8])
def test_cancel_leaves_the_scene_as_it_was(logic, loaded, scene, stop_at):
    before = node_names(scene)
    seen = [0.0]
    with pytest.raises(Cancelled):
        logic.run(loaded, progress=lambda fraction, message: seen.append(fraction), cancel=lambda: seen[-1] >= stop_at)
    assert node_names(scene) == before
    assert logic.resultState(loaded) == "none"


def test_a_refused_folder_leaves_the_scene_as_it_was(logic, scene, tmp_path):
    parameter_node = logic.getParameterNode()
    before = node_names(scene)
    with pytest.raises(DosimetryError):
        logic.loadDicomFolder(tmp_path, parameter_node)
    assert node_names(scene) == before
    assert parameter_node.activityVolumes == []


def test_missing_input_is_named(logic, loaded):
    assert logic.missingInput(loaded) == ""
    segmentation = loaded.segmentation
    loaded.segmentation = None
    assert "segmentation" in logic.missingInput(loaded)
    with pytest.raises(DosimetryError, match="segmentation"):
        logic.run(loaded)
    loaded.segmentation = segmentation
    loaded.activityVolumes = []
    assert "time points" in logic.missingInput(loaded)


def test_an_emptied_segment_is_refused_by_name(logic, loaded, scene):
    import slicer

    segmentation, reference = loaded.segmentation, loaded.ctVolumes[0]
    segment_id = segmentation.GetSegmentation().GetSegmentIdBySegmentName("spleen")
    labels = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, reference)
    slicer.util.updateSegmentBinaryLabelmapFromArray(np.zeros_like(labels), segmentation, segment_id, reference)
    before = node_names(scene)
    with pytest.raises(DosimetryError, match="spleen"):
        logic.run(loaded)
    assert node_names(scene) == before


def test_nan_voxels_are_refused_by_name(logic, loaded):
    import slicer

    node = loaded.activityVolumes[1]
    slicer.util.arrayFromVolume(node)[3, 4, 5] = np.nan
    with pytest.raises(DosimetryError, match="NaN"):
        logic.run(loaded)


def test_volumes_with_typed_times_work_without_dicom(logic, scene, library_run):
    """What a user does who has NRRD files: volumes, typed hours, a segmentation, a nuclide."""
    import slicer
    from RNTDosimetryScene import segments, volumes

    images, expected = library_run
    parameter_node = logic.getParameterNode()
    parameter_node.nuclide = "Lu-177"
    parameter_node.spectResolutionMm = expected.study.settings.spect_resolution_fwhm_mm
    cts = [volumes.add_volume(scan.ct.name, scan.ct.hounsfield, scan.ct.geometry, "HU") for scan in images.scans]
    for index in (2, 0, 3, 1):
        scan = images.scans[index]
        plain = slicer.util.addVolumeFromArray(np.array(scan.activity.concentration_bq_ml), name=f"file {index}")
        volumes.update_volume(plain, scan.activity.concentration_bq_ml, scan.activity.geometry, "Bq/mL")
        logic.addTimePoint(parameter_node, plain, scan.start_h, cts[index], 1200.0)
    parameter_node.segmentation = segments.add_segmentation("Regions", images.regions, cts[0])
    result = logic.run(parameter_node)
    for item in expected.regions:
        assert result.region(item.name).tia_mbq_h == pytest.approx(item.tia_mbq_h, rel=1e-6)
        assert result.region(item.name).dose_per_activity_gy_per_gbq is None


def test_user_transforms_are_used_when_asked(logic, computed):
    parameter_node, result = computed
    parameter_node.registrationMethod = type(parameter_node.registrationMethod).SCENE
    other = logic.run(parameter_node)
    assert {item.method for item in other.alignments} == {"reference", "transform of the scene"}
    for item in result.regions:
        assert other.region(item.name).tia_mbq_h == pytest.approx(item.tia_mbq_h, rel=1e-6)


def test_two_scenes_in_a_row(logic, scene, study_path):
    first = logic.run(logic.loadStudyFile(study_path))
    scene.Clear()
    second = logic.run(logic.loadStudyFile(study_path))
    assert [item.dose.dose_gy for item in first.regions] == [item.dose.dose_gy for item in second.regions]
