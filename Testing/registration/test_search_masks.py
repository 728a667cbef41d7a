"""A mask decides what a registration looks at: parts that moved otherwise do not pull. The motions put in are the truth."""

import numpy as np
import pytest
from fixtures.moving_patient import GRID, motion, scan
from registration import test_by_activity as uptake
from registration import test_deformable as pushed

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ActivityImage, CtImage, ImageGeometry, Region, resample_mask
from RNTDosimetryLib.registration import body_of_ct, register_deformable, register_rigid, register_rigid_activity

FIXED = scan(name="straight")
LOWER, UPPER = motion(2, 8, 3), motion(4, 18, 5)
HEIGHTS_MM = (5.0 * np.arange(GRID.size[0]))[:, None, None]


@pytest.fixture(scope="module")
def bent():
    """A patient whose abdomen moved one way and whose chest another way."""
    halves = scan(LOWER, seed=3), scan(UPPER, seed=4)
    return CtImage("bent", GRID, np.where(HEIGHTS_MM < 150, *(half.hounsfield for half in halves)))


def miss_mm(found, truth, heights) -> float:
    points = np.array([[x, y, z, 1.0] for x in (-110, 0, 110) for y in (-60, 0, 60) for z in heights])
    return float(np.linalg.norm(((np.asarray(found) - truth) @ points.T)[:3], axis=0).mean())


def test_the_part_within_the_mask_is_aligned(bent):
    """Without a mask the registration compromises and misses both halves by more than 5 mm; with one, its half is met within 1 mm."""
    body = body_of_ct(FIXED)
    lower, upper = body & (HEIGHTS_MM < 115), body & (HEIGHTS_MM > 165)
    everywhere = register_rigid(FIXED, bent)
    assert miss_mm(everywhere.matrix, LOWER, (30, 70, 100)) > 5
    assert miss_mm(everywhere.matrix, UPPER, (180, 220, 250)) > 5
    found = register_rigid(FIXED, bent, fixed_mask=lower)
    assert miss_mm(found.matrix, LOWER, (30, 70, 100)) < 1.0
    assert found.quality.correlation > 0.94
    assert miss_mm(register_rigid(FIXED, bent, fixed_mask=upper).matrix, UPPER, (180, 220, 250)) < 1.0


def test_a_region_on_another_grid_is_a_mask_too(bent):
    whole = Region("lower abdomen", GRID, body_of_ct(FIXED) & (HEIGHTS_MM < 115))
    finer = ImageGeometry((40, 100, 140), (3.0, 3.0, 3.0), (-208.5, -148.5, -1.0))
    found = register_rigid(FIXED, bent, fixed_mask=resample_mask(whole, finer))
    assert miss_mm(found.matrix, LOWER, (30, 70, 100)) < 1.0


@pytest.fixture(scope="module")
def injected():
    """(first, later) SPECT with a large hot injection site at the arm, which was lifted by 90 mm between them, and masks without it."""
    later_pose = uptake.motion(4.0, (12, -8, 15))
    images = uptake.scan(False, np.eye(4)), uptake.scan(True, later_pose, seed=2)
    index = np.indices(uptake.GEOMETRY.size)[::-1].reshape(3, -1)
    points = (uptake.GEOMETRY.index_to_lps @ np.vstack([index, np.ones(index.shape[1])]))[:3].T
    found, masks = [], []
    for image, place in zip(images, ((-160, 0, -60), (-150, -90, -60))):
        distance = np.linalg.norm(points - place, axis=1).reshape(uptake.GEOMETRY.size)
        values = np.where(distance < 30, 5e7, image.concentration_bq_ml)
        found.append(ActivityImage(image.name, image.geometry, values, image.nuclide, image.start_h))
        masks.append(distance > 42)
    return found, masks, later_pose


def test_a_hot_injection_site_outside_the_masks_does_not_pull(injected):
    """Unmasked the site is all that is seen and the result is off by more than 50 mm, which its quality says; masked, 2 mm."""
    images, masks, pose = injected
    organs = np.array([[*center, 1.0] for center, *_rest in uptake.ORGANS]).T
    pulled = register_rigid_activity(*images)
    assert np.linalg.norm(((np.asarray(pulled.matrix) - pose) @ organs)[:3], axis=0).max() > 50
    assert pulled.quality.correlation < 0.6
    assert any("correlation" in text for text in pulled.warnings)
    found = register_rigid_activity(*images, fixed_mask=masks[0], moving_mask=masks[1])
    assert np.linalg.norm(((np.asarray(found.matrix) - pose) @ organs)[:3], axis=0).max() < 2.0
    assert found.quality.correlation > 0.9


def with_gas(ct: CtImage, place) -> tuple[CtImage, np.ndarray]:
    """The CT with 270 mL of gas around a place, and where there is none."""
    distance = np.linalg.norm(pushed.points_of(pushed.GRID) - place, axis=-1)
    return CtImage(ct.name, ct.geometry, np.where(distance < 40, -900.0, ct.hounsfield)), distance > 50


def test_bowel_gas_outside_the_masks_does_not_bend_the_organs():
    """Gas that moved by 55 mm tears the unmasked spline until it is refused; masked, 18 points around it are met within 4 mm on average."""
    fixed, moving = pushed.scans()
    (fixed, without), (moving, moving_without) = with_gas(fixed, (40, -20, 70)), with_gas(moving, (75, 10, 95))
    with pytest.raises(DosimetryError, match="folds no tissue"):
        register_deformable(fixed, moving)
    found = register_deformable(fixed, moving, fixed_mask=body_of_ct(fixed) & without, moving_mask=moving_without)
    points = np.array([[x, y, z] for x in (0, 40, 90) for y in (-60, 0, 50) for z in (40, 120)], dtype=float)
    error_mm = np.linalg.norm(found.moving_points(points) - points - pushed.displacement(points), axis=1)
    assert error_mm.mean() < 4.0
    assert found.correlation_deformed > found.correlation_rigid


def test_the_body_of_a_ct_leaves_couch_and_air_out():
    body = body_of_ct(FIXED)
    assert body.shape == GRID.size
    assert body[28, 30, 42]
    assert not body[:, round((128 + 147.5) / 5)].any()
    assert not body[:, :2].any()


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((3, 3, 3), dtype=bool), "of the shape of its image"),
        (np.full(GRID.size, 0.5), "True and False in fixed_mask"),
        (np.zeros(GRID.size, dtype=bool), "50 voxels or more in fixed_mask"),
        ("body", "Expected numbers in fixed_mask"),
    ],
)
def test_masks_that_cannot_be_used_are_refused(mask, message):
    with pytest.raises(DosimetryError, match=message):
        register_rigid(FIXED, scan(seed=2), fixed_mask=mask)


def test_a_mask_thinner_than_the_working_voxels_is_refused():
    fine = ImageGeometry((60, 75, 320), (5.0, 4.0, 1.3), (-208.0, -148.0, 0.0))
    ct = scan(grid=fine)
    leaf = np.zeros(fine.size, dtype=bool)
    leaf[:, :, 100] = True
    with pytest.raises(DosimetryError, match="parts thicker than 4 mm"):
        register_rigid(ct, scan(grid=fine, seed=2), fixed_mask=leaf)
    small = np.zeros(GRID.size, dtype=bool)
    small[20:26, 20:26, 20:26] = True
    with pytest.raises(DosimetryError, match="1000 or more voxels of 5 mm"):
        register_deformable(FIXED, scan(seed=2), fixed_mask=small)
