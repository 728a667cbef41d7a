"""Registration in the scene: by activity, by the user's own transforms, nested ones too, and the eyes' check of it.

The patient is made by formula, and so is the motion between the scans: it is the truth.
"""

import numpy as np
import pytest
from images.moving_activity import ORGANS, SPACING_MM, activity_scan
from images.moving_patient import mean_displacement_mm, motion, scan

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images import ImageGeometry, Region
from RNTDosimetryLib.study import read_study
from RNTDosimetryLib.workflow import run_study_file

TRUTH = motion(4.0, 18.0, 5)
FIELD = ImageGeometry((64, 70, 96), (SPACING_MM,) * 3, (-209.0, -150.0, 0.0))


@pytest.fixture
def two_scans(logic):
    """(logic, parameter node): CT and SPECT at 4 and 96 h, moved by TRUTH in between, and the kidneys as regions."""
    from RNTDosimetryScene import segments, volumes

    parameter_node = logic.getParameterNode()
    parameter_node.nuclide = "Lu-177"
    for index, (hours, matrix) in enumerate(((4.0, None), (96.0, TRUTH))):
        ct = volumes.add_ct(scan(matrix, seed=index, name=f"CT {hours:g} h"))
        activity = volumes.add_activity(activity_scan(matrix, later=index == 1, seed=index))
        activity.SetName(f"SPECT {hours:g} h")
        logic.addTimePoint(parameter_node, activity, hours, ct, 1200.0)
    regions = [kidney(number) for number in (1, 2)]
    parameter_node.segmentation = segments.add_segmentation("Kidneys", regions, parameter_node.ctVolumes[0])
    return logic, parameter_node


def kidney(number: int) -> Region:
    """A kidney of the made-up patient on the grid of the reference CT."""
    from images.moving_patient import GRID

    z, y, x = np.meshgrid(*(np.arange(n) for n in GRID.size), indexing="ij")
    points = (np.stack([x, y, z, np.ones_like(x)], axis=-1) @ GRID.index_to_lps.T)[..., :3]
    center, axes, *_levels = ORGANS[number]
    return Region(f"kidney {number}", GRID, (((points - center) / axes) ** 2).sum(axis=-1) < 1)


def transform(name: str, matrix_lps, parent=None):
    """A transform node of the user: it carries what is under it by the matrix."""
    import slicer
    from RNTDosimetryScene.geometry import lps, vtk_matrix

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    node.SetMatrixTransformToParent(vtk_matrix(lps(np.asarray(matrix_lps))))
    if parent is not None:
        node.SetAndObserveTransformNodeID(parent.GetID())
    return node


def put_under(node, *volumes) -> None:
    for volume in volumes:
        volume.SetAndObserveTransformNodeID(None if node is None else node.GetID())


def scene_method(parameter_node):
    return type(parameter_node.registrationMethod).SCENE


def test_by_activity_the_scene_gives_what_the_command_line_gives(logic, study_path, tmp_path):
    """The demo's study with register_by "activity": doses alike to 1e-6, and the study that the panel writes says it again."""
    from RNTDosimetryLib.report import write_json

    study = read_study(study_path).to_dict()
    study["settings"]["register_by"] = "activity"
    study["dicom_folder"] = str((study_path.parent / study["dicom_folder"]).resolve())
    path = write_json(tmp_path / "study.json", study)
    _images, expected = run_study_file(path)
    assert {item.method.split(",")[0] for item in expected.alignments} == {"reference", "rigid on activity"}
    parameter_node = logic.loadStudyFile(path)
    assert parameter_node.registrationMethod.value == "activity"
    result = logic.run(parameter_node)
    for item in expected.regions:
        np.testing.assert_allclose(result.region(item.name).dose.dose_gy, item.dose.dose_gy, rtol=1e-6)
        np.testing.assert_allclose(result.region(item.name).map_mean_gy, item.map_mean_gy, rtol=1e-6)
    for found, item in zip(result.alignments, expected.alignments):
        np.testing.assert_allclose(found.matrix, item.matrix, atol=1e-6)
    assert result.study.settings.register_by == "activity"
    assert read_study(logic.writeStudyFile(tmp_path / "again.json", parameter_node)).settings.register_by == "activity"


def test_scans_without_a_ct_are_aligned_by_their_activity_when_asked(two_scans):
    logic, parameter_node = two_scans
    parameter_node.ctVolumes = []
    method = type(parameter_node.registrationMethod)
    (_reference, taken) = logic.runStep("register", parameter_node)
    assert taken.method == "taken as aligned"
    assert 'choose activity to activity (register_by: "activity")' in taken.warnings[0]
    parameter_node.registrationMethod = method.ACTIVITY
    assert logic.stepState(parameter_node, "register") == "stale"
    (_reference, found) = logic.runStep("register", parameter_node)
    assert mean_displacement_mm(found.matrix, TRUTH) < 1.0
    assert found.quality.bone_dice is None


def test_a_chain_of_transforms_counts_as_a_whole(two_scans):
    """The registration split over two nodes, one under the other, in a scene where the reference lies under a transform as well."""
    logic, parameter_node = two_scans
    parameter_node.registrationMethod = scene_method(parameter_node)
    room, first = motion(9, 60, 8), motion(2, 30, 9)
    room_node = transform("room", room)
    put_under(room_node, parameter_node.ctVolumes[0], parameter_node.activityVolumes[0], parameter_node.segmentation)
    rest = np.linalg.inv(TRUTH) @ np.linalg.inv(first)
    put_under(transform("first", first, transform("rest", room @ rest)), parameter_node.ctVolumes[1], parameter_node.activityVolumes[1])
    reference, moved = logic.runStep("register", parameter_node)
    np.testing.assert_allclose(reference.matrix, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(moved.matrix, TRUTH, atol=1e-6)
    assert moved.quality.correlation > 0.85
    assert reference.method == "reference"


def test_doses_do_not_depend_on_where_the_scene_lies(two_scans):
    """The same scans, as they are and with all of it turned by 9 degrees and moved by 60 mm; the dose is shown on the reference."""
    logic, parameter_node = two_scans
    parameter_node.registrationMethod = scene_method(parameter_node)
    scans = list(zip(parameter_node.activityVolumes, parameter_node.ctVolumes))
    registration = transform("registration", np.linalg.inv(TRUTH))
    put_under(registration, *scans[1])
    plain = logic.run(parameter_node)
    room = transform("room", motion(9, 60, 8))
    put_under(room, *scans[0], registration, parameter_node.segmentation)
    assert logic.stepState(parameter_node, "dose") == "current"
    turned = logic.run(parameter_node)
    for item in plain.regions:
        assert turned.region(item.name).dose.dose_gy == pytest.approx(item.dose.dose_gy, rel=1e-6)
        assert turned.region(item.name).map_mean_gy == pytest.approx(item.map_mean_gy, rel=1e-6)
    assert parameter_node.doseVolume.GetParentTransformNode() is room
    assert parameter_node.tiaVolume.GetParentTransformNode() is room


def test_a_spect_that_was_moved_onto_its_ct_is_measured_there(two_scans):
    """SPECT to CT of its session, then CT to the reference CT: each has its own transform, and the quality is that of the CTs."""
    logic, parameter_node = two_scans
    parameter_node.registrationMethod = scene_method(parameter_node)
    slip = motion(0, 12, 4)
    registration = transform("registration", np.linalg.inv(TRUTH))
    put_under(registration, parameter_node.ctVolumes[1])
    put_under(transform("SPECT to CT", slip, registration), parameter_node.activityVolumes[1])
    (_reference, moved) = logic.runStep("register", parameter_node)
    np.testing.assert_allclose(moved.matrix, np.linalg.inv(slip) @ TRUTH, atol=1e-6)
    assert moved.quality.correlation > 0.85


def test_a_registration_leaves_the_users_transforms_alone(two_scans):
    """Registering again changes the node that a registration made; one that the user put a scan under keeps its matrix."""
    import slicer

    logic, parameter_node = two_scans
    own = transform("my idea", motion(3, 10, 7))
    put_under(own, parameter_node.ctVolumes[1], parameter_node.activityVolumes[1])
    kept = slicer.util.arrayFromTransformMatrix(own).copy()
    room = transform("room", motion(9, 60, 8))
    put_under(room, parameter_node.ctVolumes[0], parameter_node.activityVolumes[0])
    logic.runStep("register", parameter_node)
    np.testing.assert_array_equal(slicer.util.arrayFromTransformMatrix(own), kept)
    made = parameter_node.activityVolumes[1].GetParentTransformNode()
    assert made.GetName() == "96 h to reference"
    assert made.GetParentTransformNode() is room
    assert parameter_node.activityVolumes[0].GetParentTransformNode() is room
    count = slicer.mrmlScene.GetNumberOfNodes()
    logic.runStep("register", parameter_node)
    assert parameter_node.activityVolumes[1].GetParentTransformNode() is made
    assert slicer.mrmlScene.GetNumberOfNodes() == count
    parameter_node.registrationMethod = scene_method(parameter_node)
    (_reference, moved) = logic.runStep("register", parameter_node)
    assert mean_displacement_mm(moved.matrix, TRUTH) < 1.0


def bending(name="bend"):
    """A B-spline transform node, as a deformable registration in Slicer makes it."""
    import slicer
    import vtk

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", name)
    plate = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for point in ((0, 0, 0), (200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 200)):
        source.InsertNextPoint(point)
        target.InsertNextPoint(point[0] + (8.0 if point == (0, 0, 200) else 0.0), *point[1:])
    plate.SetSourceLandmarks(source)
    plate.SetTargetLandmarks(target)
    plate.SetBasisToR()
    node.SetAndObserveTransformToParent(plate)
    return node


@pytest.mark.parametrize("nested", [False, True])
def test_a_transform_that_bends_is_refused_until_it_is_hardened(two_scans, nested):
    """Also when it is a parent of a rigid one. Hardened on the volume it is taken: Slicer resamples the volume then."""
    import slicer

    logic, parameter_node = two_scans
    parameter_node.registrationMethod = scene_method(parameter_node)
    bend, scan_node = bending(), parameter_node.activityVolumes[1]
    node = transform("rigid", np.eye(4), bend) if nested else bend
    put_under(node, scan_node)
    assert logic.stepState(parameter_node, "register") == "none"
    with pytest.raises(DosimetryError, match="'SPECT 96 h' under rigid transforms only, received 'bend', which is not linear; harden it"):
        logic.runStep("register", parameter_node)
    before = slicer.util.arrayFromVolume(scan_node).sum()
    slicer.vtkSlicerTransformLogic.hardenTransform(scan_node)
    assert scan_node.GetParentTransformNode() is None
    assert slicer.util.arrayFromVolume(scan_node).sum() == pytest.approx(before, rel=0.05)
    assert logic.runStep("register", parameter_node)[1].method == "transform of the scene"


@pytest.mark.parametrize("diagonal", [(-1, 1, 1, 1), (1.2, 1, 1, 1)])
def test_a_transform_that_mirrors_or_scales_is_refused(two_scans, diagonal):
    logic, parameter_node = two_scans
    parameter_node.registrationMethod = scene_method(parameter_node)
    put_under(transform("odd", np.diag(diagonal)), parameter_node.activityVolumes[1])
    with pytest.raises(DosimetryError, match="received 'odd', which scales, shears or mirrors"):
        logic.runStep("register", parameter_node)
