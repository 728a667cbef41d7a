"""Rigid registration finds known motions of a made-up patient; the motion put in is the truth."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images import CtImage, ImageGeometry, RigidRegistration, register_rigid
from RNTDosimetryLib.images.registration import rotation_angle_degrees
from RNTDosimetryLib.images.registration_quality import body_mask, registration_quality

GRID = ImageGeometry((56, 60, 84), (5.0, 5.0, 5.0), (-207.5, -147.5, 0.0))


def patient(points):
    """Hounsfield units at LPS points: an elliptic trunk with spine, ribs, liver, kidneys and lungs that end at different heights."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    value = np.where((x / 165) ** 2 + (y / 110) ** 2 < 1, -80.0, -1000.0)
    value = np.where((x / 150) ** 2 + (y / 95) ** 2 < 1, 45.0, value)

    def ellipsoid(cx, cy, cz, rx, ry, rz, hounsfield):
        return np.where(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 < 1, hounsfield, value)

    value = ellipsoid(-70, 0, 260, 55, 70, 60, -800.0)
    value = ellipsoid(75, 5, 265, 50, 65, 70, -800.0)
    value = ellipsoid(-65, -10, 170, 70, 65, 55, 110.0)
    value = ellipsoid(-60, 55, 95, 28, 24, 50, 160.0)
    value = ellipsoid(62, 55, 110, 28, 24, 52, 160.0)
    value = ellipsoid(20, -40, 60, 60, 30, 25, -300.0)
    for level in range(10):
        value = ellipsoid(0, 70, 15 + 29 * level, 24, 20, 10, 350.0)
    ring = np.abs(np.hypot(x / 140, y / 88) - 1) < 0.04
    return np.where(ring & (np.mod(z - 0.25 * y + 0.1 * x, 30) < 9) & (z > 120), 400.0, value)


def scan(matrix=None, grid=GRID, couch=0.0, noise=15.0, seed=1, name="CT"):
    """CT of the moved patient: tissue at p in the reference lies at matrix @ p. The couch does not move with the patient."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in grid.size), indexing="ij")
    points = (np.stack([x, y, z, np.ones_like(x)], axis=-1) @ grid.index_to_lps.T)[..., :3]
    inverse = np.linalg.inv(np.eye(4) if matrix is None else matrix)
    value = patient(points @ inverse[:3, :3].T + inverse[:3, 3])
    table = (np.abs(points[..., 1] - 128 - couch) < 6) & (np.abs(points[..., 0]) < 190)
    value = np.where(table & (value < -500), 200.0, value)
    return CtImage(name, grid, value + np.random.default_rng(seed).normal(0, noise, grid.size))


def motion(degrees, shift_mm, seed):
    random = np.random.default_rng(seed)
    axis, direction = (vector / np.linalg.norm(vector) for vector in random.normal(size=(2, 3)))
    rotation = Rotation.from_rotvec(np.radians(degrees) * axis).as_matrix()
    centre = np.array([0.0, 0.0, 137.5])
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = centre + shift_mm * direction - rotation @ centre
    return matrix


def body_points():
    return np.array([[x, y, z, 1.0] for x in (-110, 0, 110) for y in (-60, 0, 60) for z in (40, 140, 240)])


def mean_displacement_mm(found, truth):
    return float(np.linalg.norm(((np.asarray(found) - truth) @ body_points().T)[:3], axis=0).mean())


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
