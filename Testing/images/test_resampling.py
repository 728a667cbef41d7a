"""Images and masks on another grid: positions, fields of view, volumes. Expected values are worked out from the geometry."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import (
    ActivityImage,
    ImageGeometry,
    Region,
    occupancy_on_grid,
    resample_activity,
    resample_mask,
    sphere_region,
    whole_voxels,
)

SMALL = ImageGeometry((12, 14, 16), (7.0, 5.0, 6.0), (-40.0, -30.0, 100.0))
OBLIQUE = ImageGeometry(
    (20, 20, 20), (4.0, 4.0, 4.0), (-30.0, -25.0, 105.0), tuple(map(tuple, Rotation.from_rotvec([0.1, -0.2, 0.15]).as_matrix()))
)


def lps(geometry):
    z, y, x = np.meshgrid(*(np.arange(n) for n in geometry.size), indexing="ij")
    return (np.stack([x, y, z, np.ones_like(x)], axis=-1) @ geometry.index_to_lps.T)[..., :3]


def plane_wave(points):
    """A linear function: linear interpolation must give it exactly."""
    return 1000 + 3 * points[..., 0] - 2 * points[..., 1] + 5 * points[..., 2]


def motion(rotation=(0.05, -0.08, 0.03), shift=(6.0, -4.0, 9.0)):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(rotation).as_matrix()
    matrix[:3, 3] = shift
    return matrix


def image(geometry=SMALL):
    return ActivityImage("SPECT", geometry, plane_wave(lps(geometry)), nuclide="Lu-177", start_h=4)


def test_value_at_a_target_point_is_that_at_the_matrix_times_the_point():
    result = resample_activity(image(), OBLIQUE, motion())
    there = lps(OBLIQUE) @ motion()[:3, :3].T + motion()[:3, 3]
    index = (there - np.array(SMALL.origin_lps_mm)) / np.array([6.0, 5.0, 7.0])
    well_inside = np.all((index >= 0) & (index <= np.array([15, 13, 11])), axis=-1)
    assert well_inside.sum() > 1000
    np.testing.assert_allclose(result.image.concentration_bq_ml[well_inside], plane_wave(there)[well_inside], rtol=1e-5)
    in_field = np.all((index > -0.499) & (index < np.array([15, 13, 11]) + 0.499), axis=-1)
    outside = np.any((index < -0.501) | (index > np.array([15, 13, 11]) + 0.501), axis=-1)
    assert result.inside[in_field].all()
    assert not result.inside[outside].any()
    assert result.image.concentration_bq_ml[outside].max() == 0
    assert result.coverage == pytest.approx(result.inside.mean())


def test_same_grid_and_no_motion_gives_the_image_itself():
    original = image()
    result = resample_activity(original, SMALL)
    assert result.image is original
    assert result.inside.all()


def test_input_is_not_changed():
    original = image()
    before = original.concentration_bq_ml.copy()
    resample_activity(original, OBLIQUE, motion())
    assert np.array_equal(original.concentration_bq_ml, before)


def test_no_overlap_is_refused():
    with pytest.raises(DosimetryError, match="received no common voxel"):
        resample_activity(image(), OBLIQUE, motion(shift=(900, 0, 0)))


@pytest.mark.parametrize(
    ("matrix", "sentence"),
    [
        (np.diag([-1.0, 1.0, 1.0, 1.0]), "mirrors the patient"),
        (np.diag([1.1, 1.0, 1.0, 1.0]), "scales or shears"),
        (np.eye(3), "Expected a 4 x 4 matrix"),
        (np.full((4, 4), np.nan), "Expected a 4 x 4 matrix"),
    ],
)
def test_matrix_that_is_not_rigid_is_refused(matrix, sentence):
    with pytest.raises(DosimetryError, match=sentence):
        resample_activity(image(), OBLIQUE, matrix)


def test_mask_and_back_keeps_a_block_in_place():
    mask = np.zeros(OBLIQUE.size, dtype=bool)
    mask[6:14, 7:15, 5:13] = True
    region = Region("block", OBLIQUE, mask)
    fine = ImageGeometry((80, 80, 80), (1.0, 1.0, 1.0), (-40.0, -30.0, 95.0))
    moved = resample_mask(region, fine, motion())
    assert moved.occupancy.dtype == np.uint8
    assert moved.volume_ml == pytest.approx(region.volume_ml, rel=0.01)
    center = lps(fine)[moved.occupancy > 0].mean(axis=0)
    expected = np.linalg.inv(motion()) @ np.append(lps(OBLIQUE)[mask].mean(axis=0), 1)
    np.testing.assert_allclose(center, expected[:3], atol=0.1)


def test_mask_between_the_voxel_centers_is_refused():
    mask = np.zeros(OBLIQUE.size, dtype=bool)
    mask[10, 10, 10] = True
    coarse = ImageGeometry((3, 3, 3), (40.0, 40.0, 40.0), (-40.0, -40.0, 80.0))
    with pytest.raises(DosimetryError, match="use occupancy_on_grid"):
        resample_mask(Region("dot", OBLIQUE, mask), coarse)


def test_occupancy_of_half_voxels_is_one_half():
    # a region of 2 mm voxels whose edge runs through the middle of the 4 mm target voxels
    fine = ImageGeometry((10, 10, 10), (2.0, 2.0, 2.0))
    mask = np.zeros(fine.size, dtype=bool)
    mask[2:8, 2:8, 2:8] = True  # 3 to 15 mm
    coarse = ImageGeometry((5, 5, 5), (4.0, 4.0, 4.0), (1.0, 1.0, 1.0))  # voxels from -1, 3, 7, ... mm
    whole = occupancy_on_grid(Region("cube", fine, mask), coarse)
    assert set(np.unique(whole)) == {0.0, 1.0}
    shifted = ImageGeometry((5, 5, 5), (4.0, 4.0, 4.0), (1.0, 1.0, 3.0))  # the edge in z through the middle
    np.testing.assert_allclose(occupancy_on_grid(Region("cube", fine, mask), shifted)[0, 1:4, 1:4], 0.5, atol=1e-6)


def test_occupancy_beside_the_target_is_zero():
    far = ImageGeometry((4, 4, 4), (4.0, 4.0, 4.0), (900.0, 0.0, 0.0))
    mask = np.ones(OBLIQUE.size, dtype=bool)
    assert occupancy_on_grid(Region("block", OBLIQUE, mask), far).max() == 0


@pytest.mark.parametrize("radius_mm", [1.5, 2.5, 6.0, 15.0])
def test_whole_voxels_keep_volume_and_place(radius_mm):
    geometry = ImageGeometry((40, 40, 40), (2.5, 2.0, 2.0), (-40.0, -40.0, -50.0))
    shares = sphere_region(geometry, (1.3, -2.1, 0.7), 2 * radius_mm, "lesion")
    mask = whole_voxels(shares)
    assert mask.occupancy.dtype == np.uint8
    assert mask.volume_ml == pytest.approx(shares.volume_ml, rel=0.01)
    index = np.argwhere(mask.occupancy)[:, ::-1].mean(axis=0)
    center = (mask.geometry.index_to_lps @ np.append(index, 1))[:3]
    assert center == pytest.approx([1.3, -2.1, 0.7], abs=0.5)


def test_a_mask_stays_as_it_is():
    region = Region("organ", ImageGeometry((4, 4, 4), (2.0, 2.0, 2.0)), np.eye(4, dtype=np.uint8)[None].repeat(4, axis=0))
    assert whole_voxels(region) is region
