"""Masks in planes become regions by where they lie."""

import numpy as np
import pytest

from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.plane_stack import PlaneFrame, Slabs, region_of_planes, usual_gap

IMAGE = ImageGeometry((20, 30, 30), (3.0, 2.0, 1.5))
FRAME = PlaneFrame(np.eye(3)[:2], np.array([0.0, 0.0, 1.0]), (1.5, 2.0), np.array([0.0, 0.0, 0.0]))


def masks(count):
    mask = np.zeros((30, 30), dtype=np.uint8)
    mask[3:6, 4:9] = 1
    return [mask] * count


def test_planes_on_the_image_keep_its_grid_and_what_is_not_there_is_empty():
    placed = region_of_planes(np.array([9.0, 3.0, 12.0]), masks(3), FRAME, IMAGE, Slabs(step_mm=3.0))
    assert placed.geometry is IMAGE
    assert placed.occupancy.dtype == np.uint8
    assert np.flatnonzero(placed.occupancy.any(axis=(1, 2))).tolist() == [1, 3, 4]


def test_planes_beside_the_image_keep_a_grid_of_their_own():
    frame = PlaneFrame(FRAME.axes, FRAME.normal, (1.5, 2.0), np.array([100.0, 0.0, 0.0]))
    placed = region_of_planes(np.array([3.0, 9.0, 12.0]), masks(3), frame, IMAGE, Slabs(step_mm=3.0))
    assert placed.geometry.spacing_mm == pytest.approx((3.0, 2.0, 1.5))
    assert placed.geometry.origin_lps_mm == pytest.approx((100.0, 0.0, 3.0))
    assert placed.occupancy.any(axis=(1, 2)).tolist() == [True, False, True, True]
    assert placed.volume_ml == pytest.approx(15 * 3 * 9.0 / 1000)


def test_planes_twice_as_thick_as_the_slices_keep_their_volume():
    placed = region_of_planes(np.array([3.0, 9.0, 15.0]), masks(3), FRAME, IMAGE, Slabs(step_mm=6.0))
    assert placed.volume_ml == pytest.approx(15 * 3 * 3.0 * 6 / 1000)


def test_two_masks_of_one_plane_are_joined():
    other = np.zeros((30, 30), dtype=np.uint8)
    other[3:6, 8:10] = 1
    placed = region_of_planes(np.array([3.0, 3.02]), [masks(1)[0], other], FRAME, IMAGE, Slabs(step_mm=3.0))
    assert placed.occupancy.sum() == 18


def test_the_usual_gap_is_the_lower_median():
    assert usual_gap(np.array([0.0])) is None
    assert usual_gap(np.array([0.0, 5.0, 35.0])) == 5.0
    assert usual_gap(np.array([0.0, 2.0, 4.0, 12.0])) == 2.0
