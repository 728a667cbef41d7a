"""Helpers that draw regions, on a scene whose answer is known; and organs by a stand-in of TotalSegmentator."""

import sys
import types

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError

SPACING_MM = 4.0
HOT_RADIUS_MM = 18.0
CENTER_RAS = (10.0, -6.0, 22.0)


@pytest.fixture
def study(logic):
    """Parameter node with one volume: a hot sphere of 100 in a background of 10 kBq/mL, and a weaker one of 50."""
    import slicer
    from RNTDosimetryScene.nodes import volumes

    from RNTDosimetryLib.images import ImageGeometry

    size = (40, 40, 40)
    geometry = ImageGeometry(size, (SPACING_MM,) * 3, (-80.0, -80.0, -60.0))
    k, j, i = np.indices(size)
    x, y, z = -80.0 + SPACING_MM * i, -80.0 + SPACING_MM * j, -60.0 + SPACING_MM * k
    array = np.full(size, 1.0e4)
    array[(x + CENTER_RAS[0]) ** 2 + (y + CENTER_RAS[1]) ** 2 + (z - CENTER_RAS[2]) ** 2 <= HOT_RADIUS_MM**2] = 1.0e5
    array[(x - 40) ** 2 + (y - 30) ** 2 + (z - 60) ** 2 <= 12.0**2] = 5.0e4
    node = volumes.add_volume("SPECT", array, geometry, "Bq/mL")
    parameter_node = logic.getParameterNode()
    parameter_node.nuclide = "Lu-177"
    logic.addTimePoint(parameter_node, node, 24.0)
    assert slicer.mrmlScene.IsNodePresent(node)
    return parameter_node


def volumes_ml(parameter_node) -> dict[str, float]:
    from RNTDosimetryScene.nodes import segments

    content = parameter_node.segmentation.GetSegmentation()
    found = [content.GetNthSegment(index) for index in range(content.GetNumberOfSegments())]
    return {segment.GetName(): segments.volume_ml(segment) for segment in found}


def sphere_ml(radius_mm: float) -> float:
    return 4.0 / 3.0 * np.pi * radius_mm**3 / 1000.0


def test_isocontours_find_the_hottest_first(logic, study):
    assert logic.addIsocontour(study, 42) == "lesion_1"
    assert logic.addIsocontour(study, 42) == "lesion_2"
    found = volumes_ml(study)
    assert found["lesion_1"] == pytest.approx(sphere_ml(HOT_RADIUS_MM), rel=0.1)
    assert found["lesion_2"] == pytest.approx(sphere_ml(12.0), rel=0.15)


def test_an_isocontour_grows_from_a_point(logic, study):
    logic.addIsocontour(study, 60, pointRas=(-40.0, -30.0, 60.0))
    assert volumes_ml(study)["lesion_1"] == pytest.approx(sphere_ml(12.0), rel=0.15)


def under(node, degrees: float, shift):
    """Put a node under a rigid transform of its own."""
    import slicer
    import vtk

    turn = vtk.vtkTransform()
    turn.Translate(*shift)
    turn.RotateWXYZ(degrees, 0.3, 0.5, 0.8)
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(turn.GetMatrix())
    node.SetAndObserveTransformNodeID(transform.GetID())
    return turn


def test_the_contour_is_the_one_of_the_library(logic, study):
    import slicer
    from RNTDosimetryScene.nodes import segments
    from RNTDosimetryScene.study import inputs

    from RNTDosimetryLib.images import isocontour

    logic.addIsocontour(study, 42)
    image = inputs.scans_of_scene(study)[0].activity
    expected = isocontour(image, 0.42)
    ids = study.segmentation.GetSegmentation().GetSegmentIdBySegmentName("lesion_1")
    labels = slicer.util.arrayFromSegmentBinaryLabelmap(study.segmentation, ids, study.activityVolumes[0])
    np.testing.assert_array_equal(labels, expected.region.occupancy)
    assert segments.drawing_of(study.segmentation.GetSegmentation().GetSegment(ids)) == "Threshold 4.2e+04 of 1e+05 as stored"


def test_an_unusual_contour_says_so_on_its_segment(logic, study, tmp_path):
    """The words are saved with the segmentation."""
    import slicer
    from RNTDosimetryScene.nodes import segments

    logic.addIsocontour(study, 70)
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    segment = logic.getParameterNode().segmentation.GetSegmentation().GetNthSegment(0)
    assert "70% of the maximum is outside the usual 30% to 42%" in segments.drawing_of(segment)


def test_oblique_grids_and_parent_transforms_are_kept(logic, study):
    """Everything turned and moved as a patient on the table: the same regions, at the same place in the patient."""
    logic.addIsocontour(study, 42)
    first = volumes_ml(study)["lesion_1"]
    content = study.segmentation.GetSegmentation()
    content.RemoveSegment(content.GetNthSegmentID(0))
    turn = under(study.activityVolumes[0], 25.0, (30.0, -40.0, 55.0))
    under(study.segmentation, -70.0, (5.0, 60.0, -8.0))
    point = turn.TransformPoint(-40.0, -30.0, 60.0)
    assert [logic.addIsocontour(study, 42), logic.addIsocontour(study, 60, pointRas=point)] == ["lesion_1", "lesion_2"]
    found = volumes_ml(study)
    assert found["lesion_1"] == pytest.approx(first, rel=1e-6)
    assert found["lesion_2"] == pytest.approx(sphere_ml(12.0), rel=0.15)
    center = center_of(study, "lesion_1")
    np.testing.assert_allclose(center, turn.TransformPoint(*CENTER_RAS), atol=SPACING_MM / 2)
    logic.addHotSphere(study, 5.0, pointRas=turn.TransformPoint(30.0, 30.0, 40.0))
    np.testing.assert_allclose(center_of(study, "sphere_1"), turn.TransformPoint(30.0, 30.0, 40.0), atol=SPACING_MM / 2)


def center_of(study, name: str) -> np.ndarray:
    """Center of mass of a segment in the world, from its voxels as Slicer itself puts them onto the activity image."""
    import slicer

    activity = study.activityVolumes[0]
    segment_id = study.segmentation.GetSegmentation().GetSegmentIdBySegmentName(name)
    labels = slicer.util.arrayFromSegmentBinaryLabelmap(study.segmentation, segment_id, activity)
    index = np.argwhere(labels).mean(axis=0)[::-1]
    ijk_to_ras = slicer.util.arrayFromVTKMatrix(_matrix_of(activity))
    position = (ijk_to_ras @ np.append(index, 1.0))[:3]
    transform = activity.GetParentTransformNode()
    return position if transform is None else (slicer.util.arrayFromTransformMatrix(transform) @ np.append(position, 1.0))[:3]


def _matrix_of(volume):
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return matrix


@pytest.mark.parametrize("turned", [False, True])
def test_regions_of_other_voxels_than_the_volume_keep_their_own(logic, study, turned):
    """Drawn on an image of 1.5 mm, beside a volume of 4 mm: resampled, the small one would be lost or grow."""
    from RNTDosimetryScene.nodes import segments

    from RNTDosimetryLib.images import ImageGeometry, sphere_region

    grid = ImageGeometry((40, 40, 40), (1.5, 1.5, 1.5), (-30.3, -20.2, 10.1))
    center = np.array([-4.0, 6.0, 35.0])
    drawn = [sphere_region(grid, center, diameter, f"{diameter:g} mm") for diameter in (30.0, 8.0, 2.4)]
    node = segments.add_segmentation("drawn", drawn, study.activityVolumes[0])
    turn = under(node, 30.0, (4.0, -8.0, 11.0)) if turned else None
    for region, again in zip(drawn, segments.regions_of_segmentation(node, study.activityVolumes[0])):
        assert again.volume_ml == pytest.approx(region.volume_ml, rel=0.015)
        index = np.argwhere(again.occupancy)[:, ::-1].mean(axis=0)
        found = (again.geometry.index_to_lps @ np.append(index, 1.0))[:3]
        expected = center * [-1, -1, 1]
        expected = np.array(turn.TransformPoint(*expected)) if turned else expected
        np.testing.assert_allclose(found * [-1, -1, 1], expected, atol=0.5)


def test_a_stretched_volume_is_refused(logic, study):
    import slicer

    scale = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = slicer.util.vtkMatrixFromArray(np.diag([1.2, 1.0, 1.0, 1.0]))
    scale.SetMatrixTransformToParent(matrix)
    study.activityVolumes[0].SetAndObserveTransformNodeID(scale.GetID())
    with pytest.raises(DosimetryError, match="which scales, shears or mirrors; take a rigid one"):
        logic.addIsocontour(study, 42)


def test_the_hottest_sphere_is_found(logic, study):
    """Its center is that of the hot sphere; a second one goes where no region lies yet."""
    logic.addHotSphere(study, 5.0)
    np.testing.assert_allclose(center_of(study, "sphere_1"), CENTER_RAS, atol=2 * SPACING_MM)
    logic.addIsocontour(study, 30)
    logic.addHotSphere(study, 2.0)
    np.testing.assert_allclose(center_of(study, "sphere_2"), (-40.0, -30.0, 60.0), atol=2 * SPACING_MM)


def test_a_sphere_has_the_volume_that_was_asked_for(logic, study):
    logic.addHotSphere(study, 20.0, pointRas=CENTER_RAS)
    assert volumes_ml(study)["sphere_1"] == pytest.approx(20.0, rel=0.1)


@pytest.mark.parametrize(
    ("action", "value", "point", "words"),
    [
        ("addIsocontour", 0, None, "above 0 and below 100"),
        ("addIsocontour", 42, (500.0, 0.0, 0.0), "within the activity image"),
        ("addHotSphere", -1, None, "above 0 and below 5000 mL"),
    ],
)
def test_what_cannot_be_drawn_is_refused(logic, study, action, value, point, words):
    with pytest.raises(DosimetryError, match=words):
        getattr(logic, action)(study, value, point)


def test_a_drawn_lesion_carries_its_terminology(logic, study):
    import vtk

    logic.addIsocontour(study, 42)
    segment = study.segmentation.GetSegmentation().GetNthSegment(0)
    text = vtk.reference("")
    assert segment.GetTag(segment.GetTerminologyEntryTagName(), text)
    # SNOMED CT 108369006 Neoplasm, as in DICOM PS3.16 CID 7159.
    assert "SCT^108369006^Neoplasm" in str(text)


def test_organs_of_totalsegmentator_are_mapped_by_name_and_code(logic, study, monkeypatch):
    import slicer
    from RNTDosimetryScene.nodes import segments, volumes
    from RNTDosimetryScene.nodes.geometry import geometry_of_volume
    from RNTDosimetryScene.study import contours

    from RNTDosimetryLib.images import Region

    with pytest.raises(DosimetryError, match="install it"):
        contours.segment_organs(study)
    activity = study.activityVolumes[0]
    geometry = geometry_of_volume(activity)
    ct = volumes.add_volume("CT", np.zeros(geometry.size), geometry, "HU")
    study.ctVolumes = [ct]

    def box(low):
        mask = np.zeros(geometry.size, dtype=bool)
        mask[low : low + 3, 4:9, 4:9] = True
        return mask

    class TotalSegmentatorLogic:
        def setupPythonRequirements(self):
            """Nothing to install."""

        def process(self, volume, segmentation, task, subset):
            assert (volume, task, "liver" in subset) == (ct, "total", True)
            # One by its name, one turned round, one by its code only, and one that was not asked for.
            for index, (name, code) in enumerate((("liver", ""), ("right kidney", ""), ("organ 3", "spleen"), ("heart", ""))):
                segments.add_region(segmentation, Region(name=name, geometry=geometry, occupancy=box(4 * index), kind="organ"))
                segment = segmentation.GetSegmentation().GetNthSegment(index)
                segment.SetTag(segment.GetTerminologyEntryTagName(), segments.terminology_of(code) if code else "")

    stand_in = types.ModuleType("TotalSegmentator")
    stand_in.TotalSegmentatorLogic = TotalSegmentatorLogic
    monkeypatch.setitem(sys.modules, "TotalSegmentator", stand_in)
    monkeypatch.setattr(slicer.modules, "totalsegmentator", object(), raising=False)
    assert contours.segment_organs(study) == ["kidney_right", "liver", "spleen"]
    assert set(volumes_ml(study)) == {"kidney_right", "liver", "spleen"}
    assert [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")] == ["Regions"]
