"""The logic on the real MRML scene."""

import json
import shutil

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError


def node_names(scene) -> list[str]:
    """Of every node but the tree of Data, which every scene of Slicer has."""
    nodes = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
    return sorted(node.GetName() or "" for node in nodes if node.GetClassName() != "vtkMRMLSubjectHierarchyNode")


@pytest.fixture
def loaded(logic, study_path):
    return logic.loadStudyFile(study_path)


@pytest.fixture
def computed(logic, loaded):
    return loaded, logic.run(loaded)


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
    assert [node.GetName() for node in again.activityVolumes] == [
        f"Activity {scan:.4g} h" for scan in result.regions[0].curve.times_h
    ]
    assert again.nuclide == "Lu-177"
    assert again.administeredActivityMBq == pytest.approx(7400)
    assert logic.resultState(again) == "current"
    stored = json.loads(again.resultText.GetText())
    assert [item["dose"]["dose_gy"] for item in stored["regions"]] == [item.dose.dose_gy for item in result.regions]
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(again.doseVolume), np.asarray(result.dose_map))
    rerun = logic.run(again)
    for item in result.regions:
        assert rerun.region(item.name).dose.dose_gy == pytest.approx(item.dose.dose_gy, rel=1e-6)


def test_a_refused_folder_leaves_the_scene_as_it_was(logic, scene, tmp_path):
    parameter_node = logic.getParameterNode()
    before = node_names(scene)
    with pytest.raises(DosimetryError):
        logic.loadDicomFolder(tmp_path, parameter_node)
    assert node_names(scene) == before
    assert parameter_node.activityVolumes == []


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


def test_volumes_with_typed_times_work_without_dicom(logic, scene, library_run):
    """What a user does who has NRRD files: volumes, typed hours, a segmentation, a nuclide."""
    import slicer
    from RNTDosimetryScene.nodes import segments, volumes

    images, expected = library_run
    parameter_node = logic.getParameterNode()
    parameter_node.nuclide = "Lu-177"
    parameter_node.spectResolutionMm = expected.study.settings.spect_resolution_fwhm_mm
    cts = [volumes.add_ct(scan.ct) for scan in images.scans]
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


def test_two_scenes_in_a_row(logic, scene, study_path):
    first = logic.run(logic.loadStudyFile(study_path))
    scene.Clear()
    second = logic.run(logic.loadStudyFile(study_path))
    assert [item.dose.dose_gy for item in first.regions] == [item.dose.dose_gy for item in second.regions]


def test_a_folder_without_regions_can_be_loaded_and_drawn_on(logic, scene, patient, tmp_path):
    """Scans first, regions later: an isocontour finds the hottest organ, and its dose can be computed."""
    shutil.copytree(patient.dicom_folder, tmp_path / "dicom", ignore=shutil.ignore_patterns("SEG"))
    parameter_node = logic.loadDicomFolder(tmp_path / "dicom")
    assert parameter_node.segmentation.GetSegmentation().GetNumberOfSegments() == 0
    assert "region" in logic.missingInput(parameter_node)
    parameter_node.registrationMethod = type(parameter_node.registrationMethod).NONE
    name = logic.addIsocontour(parameter_node, 42)
    result = logic.run(parameter_node)
    assert [item.name for item in result.regions] == [name]
    assert result.regions[0].kind == "lesion"
    assert result.regions[0].dose.dose_gy > 1.0
