"""Rigid registration finds known motions of a made-up patient; the motion put in is the truth."""

import numpy as np
import pytest
from images.moving_patient import GRID, mean_displacement_mm, motion, scan

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images import CtImage, ImageGeometry, RigidRegistration, register_rigid
from RNTDosimetryLib.images.registration import rotation_angle_degrees
from RNTDosimetryLib.images.registration_quality import body_mask, registration_quality

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


def test_the_same_input_gives_the_same_bits():
    moving = scan(motion(3, 12, 21), seed=4)
    assert register_rigid(FIXED, moving).matrix == register_rigid(FIXED, moving).matrix


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


def test_a_patient_turned_head_to_feet_is_flagged():
    turned = CtImage("turned", GRID, FIXED.hounsfield[::-1])
    try:
        result = register_rigid(FIXED, turned)
    except DosimetryError:
        return
    assert any("check the alignment by eye" in warning for warning in result.warnings)


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
