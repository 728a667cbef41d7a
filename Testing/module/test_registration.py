"""Registration in the scene: by activity, by the user's own transforms, nested ones too, and the eyes' check of it.

The patient is made by formula, and so is the motion between the scans: it is the truth.
"""

import numpy as np
import pytest
from fixtures.moving_activity import ORGANS, SPACING_MM, activity_scan
from fixtures.moving_patient import mean_displacement_mm, motion, scan

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ImageGeometry, Region
from RNTDosimetryLib.roads.therapy import run_study_file
from RNTDosimetryLib.roads.therapy.request import read_study

TRUTH = motion(4.0, 18.0, 5)
FIELD = ImageGeometry((64, 70, 96), (SPACING_MM,) * 3, (-209.0, -150.0, 0.0))


@pytest.fixture
def two_scans(logic):
    """(logic, parameter node): CT and SPECT at 4 and 96 h, moved by TRUTH in between, and the kidneys as regions."""
    from RNTDosimetryScene.nodes import segments, volumes

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
    from fixtures.moving_patient import GRID

    z, y, x = np.meshgrid(*(np.arange(n) for n in GRID.size), indexing="ij")
    points = (np.stack([x, y, z, np.ones_like(x)], axis=-1) @ GRID.index_to_lps.T)[..., :3]
    center, axes, *_levels = ORGANS[number]
    return Region(f"kidney {number}", GRID, (((points - center) / axes) ** 2).sum(axis=-1) < 1)


def transform(name: str, matrix_lps, parent=None):
    """A transform node of the user: it carries what is under it by the matrix."""
    import slicer
    from RNTDosimetryScene.nodes.geometry import lps, vtk_matrix

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
    from RNTDosimetryLib.base.documents import write_json

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
    put_under(
        transform("first", first, transform("rest", room @ rest)), parameter_node.ctVolumes[1], parameter_node.activityVolumes[1]
    )
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
    with pytest.raises(
        DosimetryError, match="'SPECT 96 h' under rigid transforms only, received 'bend', which is not linear; harden it"
    ):
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


@pytest.fixture
def compared(panel, two_scans):
    """The panel on two registered scans, the later one clicked. (container, widget, parameter node)"""
    import slicer

    container, widget = panel
    _logic, parameter_node = two_scans
    parameter_node.registrationMethod = scene_method(parameter_node)
    registration = transform("registration", np.linalg.inv(TRUTH))
    put_under(registration, parameter_node.ctVolumes[1], parameter_node.activityVolumes[1])
    widget.logic.runStep("register", widget._parameterNode)
    widget.panel.refresh()
    slicer.util.setSliceViewerLayers(background=parameter_node.activityVolumes[0], foreground=None)
    widget.ui.registrationTableWidget.selectRow(1)
    return container, widget, widget._parameterNode


def shown() -> set:
    import slicer

    return {
        (node.GetBackgroundVolumeID(), node.GetForegroundVolumeID(), node.GetForegroundOpacity(), node.GetLinkedControl())
        for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    }


def checkerboards() -> list:
    import slicer

    found = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    return [node for node in found if node.GetAttribute("RNTDosimetry.VisualCheck")]


def scene_ids() -> list[str]:
    import slicer

    return sorted(slicer.mrmlScene.GetNthNode(index).GetID() for index in range(slicer.mrmlScene.GetNumberOfNodes()))


def test_blend_and_fade_and_back(compared):
    """Both CTs in linked slices, from the one to the other with the slider; a second click brings back what was shown before."""
    _container, widget, node = compared
    before, ids = shown(), scene_ids()
    assert not widget.ui.fadeSliderWidget.enabled
    widget.ui.blendButton.click()
    reference, other = (ct.GetID() for ct in node.ctVolumes)
    assert shown() == {(reference, other, 0.5, 1)}
    assert widget.ui.blendButton.checked
    assert widget.ui.fadeSliderWidget.enabled
    widget.ui.fadeSliderWidget.value = 85
    assert shown() == {(reference, other, 0.85, 1)}
    widget.ui.blendButton.click()
    assert not widget.ui.blendButton.checked
    assert shown() == before
    assert scene_ids() == ids


def test_the_slices_are_centered_on_the_patient(compared):
    """Through the middle of the body of the reference CT: the made-up trunk lies around x = y = 0."""
    import slicer
    from RNTDosimetryScene.nodes.volumes import ct_image

    from RNTDosimetryLib.registration import middle_of_patient

    _container, widget, node = compared
    widget.ui.blendButton.click()
    middle = middle_of_patient(ct_image(node.ctVolumes[0]))
    assert np.abs(middle[:2]).max() < 10
    assert 100 < middle[2] < 180
    place = dict(zip("RAS", middle * (-1, -1, 1)))
    for name, axis in (("Red", "S"), ("Yellow", "R"), ("Green", "A")):
        assert slicer.mrmlScene.GetNodeByID(f"vtkMRMLSliceNode{name}").GetSliceOffset() == pytest.approx(place[axis], abs=0.01)


def test_the_checkerboard_is_made_of_both_and_leaves_nothing(compared):
    """Cubes of 40 mm: of the reference, and of the scan as it lies on it. No node, no layer and no item is left behind."""
    import slicer
    from RNTDosimetryScene.nodes.volumes import ct_image

    from RNTDosimetryLib.images.resampling import resample_array

    _container, widget, node = compared
    before, ids = shown(), scene_ids()
    tree = slicer.mrmlScene.GetSubjectHierarchyNode()
    items = tree.GetNumberOfItems()
    widget.ui.checkerboardButton.click()
    (board,) = checkerboards()
    assert shown() == {(board.GetID(), None, 0.0, 1)}
    assert not board.GetSaveWithScene()
    values = slicer.util.arrayFromVolume(board)
    fixed = slicer.util.arrayFromVolume(node.ctVolumes[0])
    assert values.shape == fixed.shape
    own = np.isclose(values, fixed)
    assert 0.4 < own.mean() < 0.6
    squares = own[: 8 * 7, : 8 * 7, : 8 * 10].reshape(7, 8, 7, 8, 10, 8).mean(axis=(1, 3, 5))
    assert np.array_equal(squares > 0.99, np.indices(squares.shape).sum(axis=0) % 2 == 0)
    scan_there = ct_image(node.ctVolumes[1])
    aligned = resample_array(
        scan_there.hounsfield, scan_there.geometry, ct_image(node.ctVolumes[0]).geometry, TRUTH, outside=-1000.0
    )
    np.testing.assert_allclose(values[~own], aligned[~own], atol=0.5)
    widget.ui.blendButton.click()
    assert checkerboards() == []
    widget.ui.checkerboardButton.click()
    widget.ui.checkerboardButton.click()
    assert not widget.ui.checkerboardButton.checked
    assert shown() == before
    assert scene_ids() == ids
    assert tree.GetNumberOfItems() == items


@pytest.mark.parametrize("button", ["blendButton", "checkerboardButton"])
def test_leaving_the_panel_and_closing_the_scene_end_the_comparison(compared, scene, button, tmp_path):
    import slicer

    container, widget, _node = compared
    before = shown()
    getattr(widget.ui, button).click()
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    container.exit()
    assert shown() == before
    assert checkerboards() == []
    container.enter()
    widget.ui.registrationTableWidget.selectRow(1)
    getattr(widget.ui, button).click()
    assert getattr(widget.ui, button).checked
    scene.Clear()
    assert checkerboards() == []
    assert not getattr(widget.ui, button).checked
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    assert checkerboards() == []


def test_a_checkerboard_of_where_the_scan_no_longer_lies_goes_away(compared):
    """The user corrects the transform while looking: the blend follows it by itself, the checkerboard would lie."""
    from RNTDosimetryScene.nodes.geometry import lps, vtk_matrix

    _container, widget, node = compared
    moved = node.ctVolumes[1].GetParentTransformNode()
    widget.ui.blendButton.click()
    moved.SetMatrixTransformToParent(vtk_matrix(lps(motion(1, 5, 2))))
    widget.panel.refresh()
    assert widget.ui.blendButton.checked
    widget.ui.checkerboardButton.click()
    moved.SetMatrixTransformToParent(vtk_matrix(lps(motion(1, 5, 3))))
    widget.panel.refresh()
    assert not widget.ui.checkerboardButton.checked
    assert checkerboards() == []


def test_another_view_of_the_user_is_not_taken_away(compared):
    """Who shows the SPECT while scans are compared keeps it: the button comes up by itself."""
    import slicer

    _container, widget, node = compared
    widget.ui.blendButton.click()
    slicer.util.setSliceViewerLayers(background=node.activityVolumes[1], foreground=None)
    wanted = shown()
    widget.panel.refresh()
    assert not widget.ui.blendButton.checked
    assert shown() == wanted


def test_scans_without_ct_are_compared_by_their_activity(compared):
    import slicer

    _container, widget, node = compared
    node.ctVolumes = []
    widget.logic.runStep("register", node)
    widget.panel.refresh()
    widget.ui.registrationTableWidget.selectRow(1)
    widget.ui.checkerboardButton.click()
    (board,) = checkerboards()
    assert np.percentile(slicer.util.arrayFromVolume(board), 99.5) == pytest.approx(100.0, abs=15.0)
    widget.ui.blendButton.click()
    assert {item[:2] for item in shown()} == {tuple(volume.GetID() for volume in node.activityVolumes)}


def test_the_reference_cannot_be_compared_with_itself(compared):
    _container, widget, _node = compared
    widget.ui.registrationTableWidget.selectRow(0)
    for button in (widget.ui.blendButton, widget.ui.checkerboardButton, widget.ui.userTransformButton):
        assert not button.enabled
        assert "reference" in button.toolTip


def test_the_table_has_the_three_numbers_of_the_quality(compared):
    """Mutual information, Dice of the bones and common field of view are those of the result."""
    _container, widget, node = compared
    table = widget.ui.registrationTableWidget
    quality = widget.logic.alignments(node)[1].quality
    cells = {table.horizontalHeaderItem(column).text(): table.item(1, column).text() for column in range(table.columnCount)}
    assert float(cells["MI"]) == pytest.approx(quality.mutual_information, rel=0.01)
    assert float(cells["Bones"]) == pytest.approx(quality.bone_dice, rel=0.01)
    assert float(cells["FOV (%)"]) == pytest.approx(100 * quality.overlap, abs=0.5)
    assert {table.item(0, column).text() for column in (3, 4, 5, 6)} == {"-"}


@pytest.mark.parametrize("mode", ["blendButton", "checkerboardButton"])
def test_a_picture_of_the_comparison(compared, mode):
    """What the views draw, kept in out/: the checkerboard of two aligned scans has the contrast of a CT, and fields with other noise."""
    from pathlib import Path

    import slicer
    from host import views

    _container, widget, _node = compared
    getattr(widget.ui, mode).click()
    folder = Path(__file__).resolve().parents[2] / "out" / "registration"
    for name in ("Red", "Green"):
        composite = slicer.mrmlScene.GetNodeByID(f"vtkMRMLSliceCompositeNode{name}")
        background, foreground = (
            slicer.mrmlScene.GetNodeByID(node_id) if node_id else None
            for node_id in (composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID())
        )
        with views.SliceView(name, (500, 500)) as view:
            offset = view.logic.GetSliceOffset()
            view.show(background, foreground, composite.GetForegroundOpacity(), offset_mm=offset)
            picture = view.picture(folder / f"{mode}_{name}.png")
        assert picture.std() > 20
