"""Alignment by activity, against a motion that the test makes: a body with organs whose activity clears at different rates."""

import numpy as np
import pytest
from fixtures import moving_activity, moving_patient

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ActivityImage, ImageGeometry
from RNTDosimetryLib.registration.by_activity import register_rigid_activity

GEOMETRY = ImageGeometry((40, 56, 64), (6.0, 6.0, 6.0), (-189.0, -165.0, -117.0))
ORGANS = (  # center and half axes in mm, activity at first and days later
    ((0, 0, 0), (150, 100, 200), 3.0, 1.0),
    ((-70, -20, 40), (60, 50, 50), 20.0, 11.0),
    ((60, 40, 10), (25, 22, 40), 60.0, 26.0),
    ((-55, 45, -10), (25, 22, 40), 55.0, 24.0),
    ((75, 10, 60), (30, 25, 35), 40.0, 19.0),
    ((-90, -30, 30), (15, 15, 15), 90.0, 75.0),
    ((20, -40, -70), (40, 25, 20), 25.0, 10.0),
    ((-50, -30, -80), (20, 30, 20), 18.0, 9.0),
)


def motion(degrees: float, shift_mm) -> np.ndarray:
    """4 x 4, reference to scan: a turn about the long axis and a shift."""
    angle = np.deg2rad(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = shift_mm
    return matrix


def scan(later: bool, pose: np.ndarray, seed: int = 1) -> ActivityImage:
    index = np.indices(GEOMETRY.size)[::-1].reshape(3, -1)
    points = (np.linalg.inv(pose) @ GEOMETRY.index_to_lps @ np.vstack([index, np.ones(index.shape[1])]))[:3]
    values = np.zeros(points.shape[1])
    for center, axes, now, then in ORGANS:
        values[(((points.T - center) / axes) ** 2).sum(axis=1) <= 1] = then if later else now
    noisy = np.random.default_rng(seed).poisson(values * 30) / 30 * 1e4
    return ActivityImage("later" if later else "first", GEOMETRY, noisy.reshape(GEOMETRY.size), "Lu-177", 100.0 if later else 4.0)


@pytest.mark.parametrize(("degrees", "shift_mm"), [(0.0, (0, 0, 0)), (4.0, (12, -8, 15)), (-6.0, (-20, 10, -18))])
def test_a_known_motion_is_found_although_the_activity_has_changed(degrees, shift_mm):
    pose = motion(degrees, shift_mm)
    found = register_rigid_activity(scan(False, np.eye(4)), scan(True, pose, seed=2))
    centers = np.array([[*center, 1.0] for center, *_rest in ORGANS]).T
    error_mm = np.linalg.norm(((np.asarray(found.matrix) - pose) @ centers)[:3], axis=0)
    assert error_mm.max() < 2.0
    assert found.quality.correlation > 0.8
    assert any("look at the alignment" in text for text in found.warnings)


@pytest.mark.parametrize(("degrees", "shift_mm", "seed"), [(0.5, 2, 1), (3, 15, 2), (5, 25, 3), (8, 40, 4), (10, 40, 5)])
def test_five_of_the_random_motions_of_the_bench(degrees, shift_mm, seed):
    """SPECT at 4 and 96 h with other voxels and up to 40 mm less field at each end; `make bench` does 50 of them."""
    truth = moving_patient.motion(degrees, shift_mm, seed)
    grid = moving_activity.field_of_view(np.random.default_rng(seed))
    found = register_rigid_activity(moving_activity.activity_scan(), moving_activity.activity_scan(truth, True, grid, seed))
    assert moving_patient.mean_displacement_mm(found.matrix, truth) < 1.0
    assert not any(text.startswith("registration of") for text in found.warnings)
    assert found.quality.bone_dice is None


@pytest.mark.parametrize(
    ("axes", "words"), [((0,), "mirrored head to feet"), ((2,), "mirrored left to right"), ((1, 2), "as prone and supine")]
)
def test_a_mirrored_or_turned_image_is_refused(axes, words):
    moving = scan(True, motion(4.0, (12, -8, 15)), seed=2)
    turned = ActivityImage("later", GEOMETRY, np.flip(moving.concentration_bq_ml, axes), "Lu-177", 100.0)
    with pytest.raises(DosimetryError, match=f"'later' in the orientation of 'first', .* {words}"):
        register_rigid_activity(scan(False, np.eye(4)), turned)


def test_the_same_image_needs_no_motion():
    image = scan(False, np.eye(4))
    np.testing.assert_allclose(register_rigid_activity(image, image).matrix, np.eye(4), atol=0.2)


def test_images_of_other_patients_are_flagged():
    """Noise has nothing in common with the patient but its field of view."""
    rng = np.random.default_rng(3)
    noise = ActivityImage("noise", GEOMETRY, rng.gamma(0.5, 1e4, GEOMETRY.size), "Lu-177", 24.0)
    try:
        found = register_rigid_activity(scan(False, np.eye(4)), noise)
    except DosimetryError:
        return
    assert any("correlation" in text for text in found.warnings)


def test_an_image_without_activity_is_refused():
    empty = ActivityImage("empty", GEOMETRY, np.zeros(GEOMETRY.size), "Lu-177", 24.0)
    with pytest.raises(DosimetryError, match="align it by hand"):
        register_rigid_activity(scan(False, np.eye(4)), empty)
