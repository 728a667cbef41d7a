"""Rigid registration finds known motions of a made-up patient; the motion put in is the truth."""

import numpy as np
import pytest
from fixtures.moving_patient import GRID, mean_displacement_mm, motion, scan

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import CtImage, ImageGeometry
from RNTDosimetryLib.images.transforms import rotation_angle_degrees
from RNTDosimetryLib.registration import RigidRegistration, register_rigid
from RNTDosimetryLib.registration.quality import body_mask, registration_quality

FIXED = scan(name="day 1")


@pytest.mark.parametrize(("degrees", "shift_mm", "seed"), [(0.5, 2, 1), (3, 15, 2), (5, 25, 3), (8, 40, 4), (10, 40, 5)])
def test_known_motions_are_found(degrees, shift_mm, seed):
    truth = motion(degrees, shift_mm, seed)
    result = register_rigid(FIXED, scan(truth, couch=-6.0, seed=seed + 10, name="day 2"))
    assert mean_displacement_mm(result.matrix, truth) < 1.0
    assert rotation_angle_degrees(np.linalg.inv(truth) @ np.asarray(result.matrix)) < 0.4
    assert result.quality.correlation > 0.8
    assert result.warnings == ()


def test_another_field_of_view_and_spacing():
    truth = motion(4, 20, 8)
    shorter = ImageGeometry((60, 100, 120), (3.0, 3.0, 3.2), (-190.0, -150.0, 55.0))
    result = register_rigid(FIXED, scan(truth, shorter, couch=10.0))
    assert mean_displacement_mm(result.matrix, truth) < 1.0
    assert result.quality.overlap < 0.75


def test_the_same_input_gives_the_same_bits_with_any_number_of_threads():
    """Matrix, metric and quality, on one, two and four threads; the setting of the caller is left as it was."""
    import SimpleITK as sitk

    moving, before = scan(motion(3, 12, 21), seed=4), sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    found = []
    try:
        for threads in (1, 2, 4):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
            found.append(register_rigid(FIXED, moving))
            assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == threads
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert found[0] == found[1] == found[2]


def test_one_image_needs_no_motion():
    result = register_rigid(FIXED, FIXED)
    assert np.array_equal(result.matrix, np.eye(4))
    assert (result.rotation_degrees, result.shift_mm, result.metric) == (0, 0, None)


def test_a_start_can_be_given():
    truth = motion(12, 90, 6)
    near = motion(11, 85, 6)
    result = register_rigid(FIXED, scan(truth, seed=3), initial_matrix=near)
    assert mean_displacement_mm(result.matrix, truth) < 1.5


def test_result_is_written_and_read():
    result = register_rigid(FIXED, FIXED)
    assert RigidRegistration.from_dict(result.to_dict()) == result
    np.testing.assert_allclose(result.inverse_matrix @ np.asarray(result.matrix), np.eye(4), atol=1e-12)


def test_rotation_beyond_belief_is_refused():
    truth = motion(43, 5, 9)
    with pytest.raises(DosimetryError, match=r"within 30 degrees and 150 mm of 'day 1', received 4\d\.\d degrees"):
        register_rigid(FIXED, scan(truth, seed=3), initial_matrix=truth)


def test_shift_beyond_belief_is_refused():
    truth = motion(0, 170, 9)
    grid = ImageGeometry(
        (56, 80, 110), (5.0, 5.0, 5.0), tuple(np.array(GRID.origin_lps_mm) + truth[:3, 3] * [1, 1, 1] - [65, 50, 0])
    )
    with pytest.raises(DosimetryError, match=r"received .* degrees and 1[67]\d mm"):
        register_rigid(FIXED, scan(truth, grid, couch=9999), initial_matrix=truth)


ORIENTATIONS = {
    (0,): "mirrored head to feet",
    (1,): "mirrored front to back",
    (2,): "mirrored left to right",
    (1, 2): "as prone and supine",
    (0, 2): "from front to back, head to feet",
    (0, 1): "axis from left to right",
    (0, 1, 2): "mirrored in all three axes",
}


@pytest.mark.parametrize("axes", ORIENTATIONS)
@pytest.mark.parametrize("part", ["whole", "short"])
def test_a_mirrored_or_turned_patient_is_refused_by_name(axes, part):
    """All seven wrong orientations, on top of 6 degrees and 25 mm, with the whole trunk and with 120 mm of it in the moving image."""
    grid = GRID if part == "whole" else ImageGeometry((40, 100, 120), (3.0, 3.0, 3.2), (-190.0, -150.0, 55.0))
    moved = scan(motion(6, 25, 3), grid, seed=3, name="day 2")
    turned = CtImage("day 2", grid, np.flip(moved.hounsfield, axes))
    with pytest.raises(DosimetryError, match=f"'day 2' in the orientation of 'day 1', .* {ORIENTATIONS[axes]}"):
        register_rigid(FIXED, turned)


def test_the_axes_of_the_patient_are_named_and_not_those_of_the_array():
    """The same CT with its array stored along other axes, sagittal slices first."""
    moved = scan(motion(3, 10, 3), seed=3, name="day 2")
    sagittal = ImageGeometry(
        (GRID.size[2], GRID.size[0], GRID.size[1]),
        GRID.spacing_mm,
        GRID.origin_lps_mm,
        ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    )
    stored = np.transpose(moved.hounsfield, (2, 0, 1))
    assert mean_displacement_mm(register_rigid(FIXED, CtImage("day 2", sagittal, stored)).matrix, motion(3, 10, 3)) < 1.0
    with pytest.raises(DosimetryError, match="mirrored left to right"):
        register_rigid(FIXED, CtImage("day 2", sagittal, stored[::-1]))


def test_empty_images_are_refused():
    air = CtImage("air", GRID, np.full(GRID.size, -1000.0))
    with pytest.raises(DosimetryError, match="no tissue above -300 HU"):
        register_rigid(air, FIXED)
    with pytest.raises(DosimetryError, match="patient in the moving CT"):
        register_rigid(FIXED, air)


def test_quality_falls_with_misalignment():
    right = registration_quality(FIXED, scan(seed=2), np.eye(4))[0]
    wrong = registration_quality(FIXED, scan(seed=2), motion(0, 15, 3))[0]
    assert right.mutual_information > wrong.mutual_information
    assert right.correlation > wrong.correlation
    assert right.bone_dice > 0.9 > wrong.bone_dice
    assert wrong.warnings("day 2")


def test_body_mask_leaves_the_couch_out():
    body = body_mask(FIXED.hounsfield)
    couch_row = round((128 + 147.5) / 5)
    assert not body[:, couch_row].any()
    assert body[28, 30, 42]
    assert body[50, 30, 28]  # the lung is filled
