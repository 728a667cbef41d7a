"""Outlines and masks in planes become regions whose volume is area times slab, whatever the slices of the image are."""

import math

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.contours import Outline, region_of_outlines, region_of_planes
from RNTDosimetryLib.images.geometry import ImageGeometry


def image(slice_mm=5.0, pixel_mm=2.0, size=(40, 80, 80), direction=((1, 0, 0), (0, 1, 0), (0, 0, 1))):
    return ImageGeometry(size, (slice_mm, pixel_mm, pixel_mm), (-80.0, -80.0, -90.0), direction)


def circle(z, radius, center=(0.0, 0.0), points=180, reverse=False):
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)[:: -1 if reverse else 1]
    return np.stack([center[0] + radius * np.cos(angle), center[1] + radius * np.sin(angle), np.full(points, float(z))], axis=1)


def ball(radius, step, first=0.3):
    heights = np.arange(first - 60, 60, step)
    return [Outline(circle(z, math.sqrt(radius**2 - z**2))) for z in heights if abs(z) < radius - 1e-3]


def volume_ml(placed):
    return placed.occupancy.sum(dtype=float) * placed.geometry.voxel_volume_ml


def polygon_ml(outlines, step):
    return sum(np.linalg.norm(item.area_vector_mm2) for item in outlines) * step / 1000


@pytest.mark.parametrize("slice_mm", [1.0, 2.0, 3.0, 5.0])
@pytest.mark.parametrize("step", [1.25, 2.0, 2.5, 3.0, 5.0])
def test_the_slices_of_the_image_do_not_change_a_volume(slice_mm, step):
    outlines = ball(30.0, step)
    placed = region_of_outlines(outlines, image(slice_mm))
    assert volume_ml(placed) == pytest.approx(polygon_ml(outlines, step), rel=2e-3)
    assert volume_ml(placed) == pytest.approx(4 / 3 * math.pi * 27, rel=0.02)


def test_a_region_on_the_slices_of_its_image_keeps_the_grid():
    grid = image(2.5)
    heights = grid.origin_lps_mm[2] + 2.5 * np.arange(20, 30)
    placed = region_of_outlines([Outline(circle(z, 15.0)) for z in heights], grid)
    assert placed.geometry is grid
    assert np.flatnonzero(placed.occupancy.any(axis=(1, 2))).tolist() == list(range(20, 30))


def test_pixels_at_the_rim_hold_what_is_inside():
    """Area of a circle from 30 pixels, and of one smaller than a pixel, within 1 and 5 %."""
    for radius, tolerance in ((6.0, 0.01), (0.6, 0.05)):
        placed = region_of_outlines([Outline(circle(z, radius, (0.3, 0.7))) for z in (0.0, 5.0)], image())
        assert volume_ml(placed) == pytest.approx(math.pi * radius**2 * 10 / 1000, rel=tolerance)


OUTER, INNER = 20.0, 8.0


def combined(*outlines, exclusive=False):
    planes = [Outline(points + [0, 0, z], exclusive) for z in (0.0, 5.0, 10.0) for points in outlines]
    placed = region_of_outlines(planes, image())
    return volume_ml(placed) / 0.015, placed


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
def test_an_outline_inside_another_is_a_hole_whichever_way_it_runs(reverse, exclusive):
    area, placed = combined(circle(0, OUTER), circle(0, INNER, reverse=reverse), exclusive=exclusive)
    assert area == pytest.approx(math.pi * (OUTER**2 - INNER**2), rel=5e-3)
    assert [kind for kind, _ in placed.notes] == ([] if exclusive else ["holes"])


def test_an_island_in_a_hole_counts():
    area, _ = combined(circle(0, OUTER), circle(0, INNER), circle(0, 3.0))
    assert area == pytest.approx(math.pi * (OUTER**2 - INNER**2 + 9), rel=5e-3)


def test_the_same_outline_twice_counts_once():
    area, _ = combined(circle(0, OUTER), circle(0, OUTER))
    assert area == pytest.approx(math.pi * OUTER**2, rel=5e-3)


def test_crossing_outlines_are_joined_and_by_exclusive_or_taken_apart():
    lens = 2 * OUTER**2 * math.acos(10 / OUTER) - 20 * math.sqrt(OUTER**2 - 100)
    both = combined(circle(0, OUTER, (-10.0, 0)), circle(0, OUTER, (10.0, 0)))[0]
    assert both == pytest.approx(2 * math.pi * OUTER**2 - lens, rel=5e-3)
    apart = combined(circle(0, OUTER, (-10.0, 0)), circle(0, OUTER, (10.0, 0)), exclusive=True)[0]
    assert apart == pytest.approx(2 * (math.pi * OUTER**2 - lens), rel=5e-3)


def test_a_keyhole_is_a_hole():
    outer, inner = circle(0, OUTER), circle(0, INNER, reverse=True)
    keyhole = np.concatenate([outer, outer[:1], inner, inner[:1], outer[:1]])
    assert combined(keyhole)[0] == pytest.approx(math.pi * (OUTER**2 - INNER**2), rel=5e-3)


def test_a_region_reaches_beyond_the_image():
    placed = region_of_outlines([Outline(circle(z, 15.0, (-78.0, 0.0))) for z in (0.0, 5.0, 10.0)], image())
    assert volume_ml(placed) == pytest.approx(math.pi * 225 * 15 / 1000, rel=5e-3)


def test_oblique_planes_keep_their_volume():
    turn = np.array([[1, 0, 0], [0, math.cos(0.4), -math.sin(0.4)], [0, math.sin(0.4), math.cos(0.4)]])
    outlines = [Outline(item.points_lps_mm @ turn.T) for item in ball(20.0, 2.5)]
    assert volume_ml(region_of_outlines(outlines, image())) == pytest.approx(polygon_ml(outlines, 2.5), rel=5e-3)


def test_order_of_planes_and_direction_of_points_change_nothing():
    outlines = ball(25.0, 3.0)
    there = region_of_outlines(outlines, image())
    back = region_of_outlines([Outline(item.points_lps_mm[::-1]) for item in outlines[::-1]], image())
    assert np.array_equal(there.occupancy, back.occupancy)


def test_pieces_apart_stay_apart_and_a_forgotten_plane_is_filled():
    pieces = [Outline(circle(z, 10.0)) for z in (0, 5, 10, 40, 45, 50)]
    assert volume_ml(region_of_outlines(pieces, image())) == pytest.approx(math.pi * 100 * 30 / 1000, rel=5e-3)
    forgotten = region_of_outlines([Outline(circle(z, 10.0)) for z in (0, 5, 10, 20, 25, 30)], image())
    assert volume_ml(forgotten) == pytest.approx(math.pi * 100 * 35 / 1000, rel=5e-3)
    assert forgotten.notes[0][0] == "forgotten"


def test_planes_at_uneven_heights_fill_half_the_way_to_each_neighbor():
    heights = np.array([0.0, 2.0, 5.0, 7.0, 10.0])
    placed = region_of_outlines([Outline(circle(z, 10.0)) for z in heights], image())
    assert volume_ml(placed) == pytest.approx(math.pi * 100 * (10 + 2.5) / 1000, rel=0.01)


def test_one_plane_takes_the_stated_slab_or_says_what_was_taken():
    assert volume_ml(region_of_outlines([Outline(circle(0, 10.0))], image(), 3.0)) == pytest.approx(math.pi * 0.3, rel=5e-3)
    placed = region_of_outlines([Outline(circle(0, 10.0))], image())
    assert placed.notes == (("one_plane", {"slab_mm": 5.0}),)


def test_outlines_that_are_not_planar_are_refused():
    bent = circle(0, 10.0)
    bent[:, 2] = np.linspace(0, 4, len(bent))
    with pytest.raises(DosimetryError, match="Expected outlines in parallel planes"):
        region_of_outlines([Outline(bent)], image())


def test_masks_of_a_segmentation_are_placed_by_position_and_empty_planes_stay_empty():
    mask = np.zeros((10, 12), dtype=np.float32)
    mask[3:6, 4:9] = 1
    frame = (np.eye(3)[:2], np.array([0.0, 0.0, 1.0]))
    placed = region_of_planes(
        np.array([3.0, 9.0, 12.0]), [mask] * 3, frame, (1.5, 2.0), np.array([1.0, 2.0, 3.0]), image(), step_mm=3.0
    )
    assert placed.geometry.spacing_mm == pytest.approx((3.0, 2.0, 1.5))
    assert placed.occupancy.any(axis=(1, 2)).tolist() == [True, False, True, True]
    assert volume_ml(placed) == pytest.approx(15 * 3 * 9.0 / 1000)
