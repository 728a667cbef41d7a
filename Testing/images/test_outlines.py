"""Outlines in planes become regions: volume is area times slab, whatever the slices of the image are; how outlines combine follows their type."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.outlines import Outline, region_of_outlines
from RNTDosimetryLib.images.plane_stack import Slabs


def image(slice_mm=5.0, pixel_mm=2.0, direction=((1, 0, 0), (0, 1, 0), (0, 0, 1))):
    """Grid of 200 mm along each axis about the origin."""
    size = tuple(round(200 / step) for step in (slice_mm, pixel_mm, pixel_mm))
    middle = np.array([(n - 1) / 2 * step for n, step in zip(size[::-1], (pixel_mm, pixel_mm, slice_mm))])
    return ImageGeometry(size, (slice_mm, pixel_mm, pixel_mm), tuple(-np.array(direction) @ middle), direction)


def circle(z, radius, center=(0.0, 0.0), points=180, reverse=False):
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)[:: -1 if reverse else 1]
    return np.stack([center[0] + radius * np.cos(angle), center[1] + radius * np.sin(angle), np.full(points, float(z))], axis=1)


def ball(radius, step, first=0.3, center=(0.0, 0.0)):
    heights = np.arange(first - 80, 80, step)
    return [Outline(circle(z, math.sqrt(radius**2 - z**2), center)) for z in heights if abs(z) < radius - 1e-3]


def torus(major, minor, step, first):
    """A ring about the z axis: two nested circles in each plane."""
    outlines = []
    for z in np.arange(first - 40, 40, step):
        if abs(z) < minor - 1e-3:
            half = math.sqrt(minor**2 - z**2)
            outlines += [Outline(circle(z, major + half), True), Outline(circle(z, major - half), True)]
    return outlines


def box(width, height, planes):
    return [Outline(np.array([[0, 0, z], [width, 0, z], [width, height, z], [0, height, z]], dtype=float)) for z in planes]


def polygon_ml(outlines, step):
    return sum(item.area_mm2 for item in outlines) * step / 1000


def kinds(placed):
    return [kind for kind, _numbers in placed.notes]


# --- volumes against the analytic ones (4/3 pi r3, 2 pi2 R r2, sides) --------------------------------------------------------------


@pytest.mark.parametrize("slice_mm", [1.0, 2.0, 3.0, 5.0])
@pytest.mark.parametrize("step", [1.25, 2.0, 3.0, 5.0])
def test_a_ball_has_its_volume_whatever_the_slices_of_the_image_are(slice_mm, step):
    outlines = ball(30.0, step)
    placed = region_of_outlines(outlines, image(slice_mm))
    assert placed.volume_ml == pytest.approx(polygon_ml(outlines, step), rel=1e-4)
    assert placed.volume_ml == pytest.approx(4 / 3 * math.pi * 27, rel=5e-3)


@pytest.mark.parametrize(("step", "slice_mm"), [(1.0, 2.5), (2.5, 2.5), (3.0, 1.0)])
def test_a_torus_has_its_volume(step, slice_mm):
    outlines = torus(40.0, 12.0, step, 0.4)
    rings = polygon_ml(outlines[::2], step) - polygon_ml(outlines[1::2], step)
    placed = region_of_outlines(outlines, image(slice_mm))
    assert placed.volume_ml == pytest.approx(rings, rel=1e-3)
    assert placed.volume_ml == pytest.approx(2 * math.pi**2 * 40 * 144 / 1000, rel=0.02)


@pytest.mark.parametrize("step", [1.0, 2.0, 4.0])
def test_a_box_has_its_volume(step):
    placed = region_of_outlines(box(31.3, 17.7, step * np.arange(10) + 0.21), image(3.0))
    assert placed.volume_ml == pytest.approx(31.3 * 17.7 * 10 * step / 1000, rel=1e-5)


def test_contours_of_real_life_size_and_smaller_than_a_pixel():
    """Area of a circle from 30 pixels down to a quarter of one."""
    for radius, tolerance in ((6.0, 2e-3), (1.0, 5e-3), (0.6, 5e-3)):
        placed = region_of_outlines([Outline(circle(z, radius, (0.3, 0.7))) for z in (0.0, 5.0)], image())
        assert placed.volume_ml == pytest.approx(math.pi * radius**2 * 10 / 1000, rel=tolerance)


# --- what must not change a volume -------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    slice_mm=st.sampled_from([0.8, 1.5, 2.0, 3.27, 5.0]),
    pixel_mm=st.sampled_from([0.98, 1.95, 2.5]),
    step=st.sampled_from([1.0, 1.95313, 2.5, 4.0]),
    first=st.floats(-3, 3),
    seed=st.integers(0, 1000),
)
def test_slices_order_of_planes_and_direction_of_points_change_no_volume(slice_mm, pixel_mm, step, first, seed):
    random = np.random.default_rng(seed)
    outlines = ball(15.0, step, first, random.uniform(-5, 5, 2))
    expected = polygon_ml(outlines, step)
    shuffled = [
        Outline(np.roll(item.points_lps_mm[:: random.choice([-1, 1])], int(random.integers(180)), axis=0))
        for item in (outlines[index] for index in random.permutation(len(outlines)))
    ]
    grid = image(slice_mm, pixel_mm)
    assert region_of_outlines(outlines, grid).volume_ml == pytest.approx(expected, rel=1e-4)
    assert region_of_outlines(shuffled, grid).volume_ml == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("flips", [(-1, -1, 1), (1, -1, -1), (-1, 1, -1)])
def test_an_image_that_runs_the_other_way_changes_no_volume(flips):
    outlines = ball(15.0, 2.5, 0.4, (3.0, -2.0))
    placed = region_of_outlines(outlines, image(2.5, 2.0, tuple(map(tuple, np.diag(flips).astype(float)))))
    assert placed.volume_ml == pytest.approx(polygon_ml(outlines, 2.5), rel=2e-3)
    index = np.argwhere(placed.occupancy > 0.5)[:, ::-1]
    points = index @ placed.geometry.index_to_lps[:3, :3].T + placed.geometry.index_to_lps[:3, 3]
    assert points.mean(axis=0) == pytest.approx([3.0, -2.0, 0.0], abs=0.5)


def test_a_region_cut_in_two_has_the_volume_of_the_whole():
    outlines = ball(20.0, 2.5)
    whole = region_of_outlines(outlines, image(2.5)).volume_ml
    lower, upper = outlines[: len(outlines) // 2], outlines[len(outlines) // 2 :]
    assert sum(region_of_outlines(part, image(2.5)).volume_ml for part in (lower, upper)) == pytest.approx(whole, rel=1e-3)
    sides = []
    for sign in (-1, 1):
        halves = [item.points_lps_mm.copy() for item in outlines]
        for points in halves:
            points[:, 0] = sign * np.maximum(sign * points[:, 0], 0)
        sides.append(region_of_outlines([Outline(points) for points in halves], image(2.5)).volume_ml)
    assert sum(sides) == pytest.approx(whole, rel=2e-3)


# --- where a region lies -----------------------------------------------------------------------------------------------------------


def test_a_region_on_the_slices_of_its_image_keeps_the_grid():
    grid = image(2.5)
    heights = grid.origin_lps_mm[2] + 2.5 * np.arange(20, 30)
    placed = region_of_outlines([Outline(circle(z, 15.0)) for z in heights], grid)
    assert placed.geometry is grid
    assert np.flatnonzero(placed.occupancy.any(axis=(1, 2))).tolist() == list(range(20, 30))
    assert placed.notes == ()


def test_positions_rounded_to_a_tenth_are_slices_still():
    grid = image(2.5)
    heights = grid.origin_lps_mm[2] + 2.5 * np.arange(20, 30)
    outlines = [Outline(np.round(circle(z, 15.0), 1)) for z in heights + np.tile([0.04, -0.04], 5)]
    assert region_of_outlines(outlines, grid).geometry is grid


def test_half_of_every_voxel_at_the_rim_is_half():
    grid = image(5.0)
    edge = grid.origin_lps_mm[0] + 2.0 * 40  # through the centers of a column of pixels
    heights = grid.origin_lps_mm[2] + 5.0 * np.arange(10, 14)
    placed = region_of_outlines(box(20.0, 20.0, [0.0]), grid)
    outlines = [
        Outline(np.array([[edge, 1, z], [edge + 21, 1, z], [edge + 21, 21, z], [edge, 21, z]], dtype=float)) for z in heights
    ]
    placed = region_of_outlines(outlines, grid)
    assert placed.occupancy[11, 55, 40] == pytest.approx(0.5, abs=0.02)
    assert placed.occupancy[11, 55, 41] == 1


def test_a_region_reaches_beyond_the_image():
    placed = region_of_outlines([Outline(circle(z, 15.0, (-95.0, 0.0))) for z in (90.0, 95.0, 100.0, 105.0)], image())
    assert placed.volume_ml == pytest.approx(math.pi * 225 * 20 / 1000, rel=2e-3)


def test_points_meters_away_are_refused_before_memory_is_taken():
    with pytest.raises(DosimetryError, match="received points 50 m from its middle"):
        region_of_outlines([Outline(circle(0.0, 15.0, (5e4, 0.0)))], image())


@pytest.mark.parametrize("angle", [0.02, 0.4, 1.2])
def test_oblique_planes_keep_their_volume_and_place(angle):
    turn = np.array([[1, 0, 0], [0, math.cos(angle), -math.sin(angle)], [0, math.sin(angle), math.cos(angle)]])
    outlines = [Outline(item.points_lps_mm @ turn.T) for item in ball(20.0, 2.5, 0.3, (4.0, 6.0))]
    placed = region_of_outlines(outlines, image())
    assert placed.volume_ml == pytest.approx(polygon_ml(outlines, 2.5), rel=2e-3)
    index = np.argwhere(placed.occupancy > 0.5)[:, ::-1]
    points = index @ placed.geometry.index_to_lps[:3, :3].T + placed.geometry.index_to_lps[:3, 3]
    assert points.mean(axis=0) == pytest.approx(turn @ [4.0, 6.0, 0.0], abs=0.5)


@pytest.mark.parametrize("order", [[1, 2, 0], [2, 0, 1]])
def test_sagittal_and_coronal_contours(order):
    outlines = [Outline(item.points_lps_mm[:, order]) for item in ball(20.0, 2.0, 0.3)]
    placed = region_of_outlines(outlines, image(3.0, 2.0))
    assert placed.volume_ml == pytest.approx(polygon_ml(outlines, 2.0), rel=2e-3)


def test_outlines_that_are_not_planar_are_refused():
    bent = circle(0, 10.0)
    bent[:, 2] = np.linspace(0, 4, len(bent))
    with pytest.raises(DosimetryError, match="Expected outlines in parallel planes"):
        region_of_outlines([Outline(bent)], image())


# --- outlines of one plane (PS3.3 C.8.8.6.3) ---------------------------------------------------------------------------------------

OUTER, INNER = 20.0, 8.0
RING = math.pi * (OUTER**2 - INNER**2)


def combined(*outlines, exclusive=False, pixel_mm=2.0):
    """(area in mm2, what was noticed) of outlines repeated in three planes 5 mm apart."""
    planes = [Outline(points + np.array([0, 0, z]), exclusive) for z in (0.0, 5.0, 10.0) for points in outlines]
    placed = region_of_outlines(planes, image(5.0, pixel_mm))
    return placed.volume_ml / 0.015, kinds(placed)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("exclusive", "said"), [(True, []), (False, ["holes"])])
def test_an_outline_inside_another_is_a_hole_whichever_way_it_runs(reverse, exclusive, said):
    area, noticed = combined(circle(0, OUTER), circle(0, INNER, reverse=reverse), exclusive=exclusive)
    assert area == pytest.approx(RING, rel=2e-3)
    assert noticed == said


@pytest.mark.parametrize("exclusive", [True, False])
def test_an_island_in_a_hole_counts(exclusive):
    area, _ = combined(circle(0, OUTER), circle(0, 3.0), circle(0, INNER), exclusive=exclusive)
    assert area == pytest.approx(RING + math.pi * 9, rel=2e-3)


@pytest.mark.parametrize("thickness", [0.4, 1.0])
def test_a_thin_shell_is_a_shell_and_no_outline_twice(thickness):
    area, _ = combined(circle(0, 60.0), circle(0, 60.0 - thickness))
    assert area == pytest.approx(math.pi * (60**2 - (60 - thickness) ** 2), rel=0.03)


def test_the_same_outline_twice_counts_once_and_by_exclusive_or_cancels():
    first, turned = circle(0, OUTER), np.roll(circle(0, OUTER, reverse=True), 40, axis=0)
    area, noticed = combined(first, turned)
    assert area == pytest.approx(math.pi * OUTER**2, rel=2e-3)
    assert noticed == ["twice"]
    rounded, _ = combined(first, np.round(turned, 1))
    assert rounded == pytest.approx(math.pi * OUTER**2, rel=3e-3)
    with_another = combined(first, turned, circle(0, 5.0, (60.0, 0.0)), exclusive=True)[0]
    assert with_another == pytest.approx(math.pi * 25, rel=5e-3)


def test_crossing_outlines_are_joined_and_by_exclusive_or_taken_apart():
    lens = 2 * OUTER**2 * math.acos(10 / OUTER) - 20 * math.sqrt(OUTER**2 - 100)
    pair = circle(0, OUTER, (-10.0, 0)), circle(0, OUTER, (10.0, 0))
    area, noticed = combined(*pair)
    assert area == pytest.approx(2 * math.pi * OUTER**2 - lens, rel=2e-3)
    assert noticed == ["crossing"]
    area, noticed = combined(*pair, exclusive=True)
    assert area == pytest.approx(2 * (math.pi * OUTER**2 - lens), rel=2e-3)
    assert noticed == []


def test_outlines_side_by_side_are_added():
    area, noticed = combined(circle(0, 10.0, (-30.0, 0)), circle(0, 10.0, (30.0, 0)))
    assert area == pytest.approx(2 * math.pi * 100, rel=2e-3)
    assert noticed == []


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("width", [0.0, 0.3])
def test_a_keyhole_is_a_hole(reverse, width):
    """One outline that goes in by a channel and out again; some writers do not turn round inside."""
    outer, inner = circle(0, OUTER, points=720), circle(0, INNER, points=720, reverse=reverse)
    shift = np.array([0, width, 0])
    keyhole = np.concatenate([outer, outer[:1], inner, inner[:1] + shift, outer[:1] + shift])
    area, noticed = combined(keyhole)
    assert area == pytest.approx(RING, rel=0.01)
    assert noticed == []


def test_an_outline_that_crosses_itself_encloses_both_its_loops():
    eight = np.array([[0, 0, 0], [10, 10, 0], [10, 0, 0], [0, 10, 0]], dtype=float)
    assert Outline(eight).area_mm2 == pytest.approx(0)
    assert combined(eight)[0] == pytest.approx(50, rel=0.01)


def test_outlines_of_both_types_in_one_plane():
    planes = []
    for z in (0.0, 5.0, 10.0):
        planes += [Outline(circle(z, OUTER)), Outline(circle(z, INNER), True)]
    assert region_of_outlines(planes, image()).volume_ml / 0.015 == pytest.approx(RING, rel=2e-3)


# --- planes along the stack --------------------------------------------------------------------------------------------------------


def pillars(heights, radius=10.0, center=(0.0, 0.0)):
    return [Outline(circle(z, radius, center)) for z in heights]


def length_mm(placed, radius=10.0):
    """Length of a pillar of this volume."""
    return placed.volume_ml * 1000 / (math.pi * radius**2)


def test_pieces_apart_stay_apart_and_are_said():
    placed = region_of_outlines(pillars([0, 5, 10, 40, 45, 50]), image())
    assert length_mm(placed) == pytest.approx(30, rel=2e-3)
    assert kinds(placed) == ["apart"]
    aside = region_of_outlines(pillars([0, 5, 10]) + pillars([40, 45, 50], center=(40.0, 0.0)), image())
    assert length_mm(aside) == pytest.approx(30, rel=2e-3)
    assert kinds(aside) == []


def test_a_forgotten_plane_is_filled_and_said():
    placed = region_of_outlines(pillars([0, 5, 10, 20, 25, 30]), image())
    assert length_mm(placed) == pytest.approx(35, rel=2e-3)
    assert placed.notes[0] == ("forgotten", {"count": 1.0, "height_mm": 15.0, "gap_mm": 10.0})


def test_planes_at_uneven_heights_fill_half_the_way_to_each_neighbor():
    placed = region_of_outlines(pillars([0.0, 2.0, 5.0, 7.0, 10.0]), image())
    assert length_mm(placed) == pytest.approx(10 + 1.0 + 1.5, rel=5e-3)


def test_contours_on_every_second_slice_fill_both_and_on_every_fourth_are_said():
    grid = image(2.5)
    first = grid.origin_lps_mm[2]
    second = region_of_outlines(pillars(first + 5.0 * np.arange(8, 14)), grid)
    assert (length_mm(second), kinds(second)) == (pytest.approx(30, rel=2e-3), [])
    fourth = region_of_outlines(pillars(first + 10.0 * np.arange(4, 10)), grid)
    assert (length_mm(fourth), kinds(fourth)) == (pytest.approx(60, rel=2e-3), ["few_planes"])


def test_planes_of_known_distance_leave_what_is_not_there_empty():
    """Source Pixel Planes (PS3.3 C.8.8.6.4): a plane without contour is a gap."""
    placed = region_of_outlines(pillars([0, 5, 10, 20, 25, 30]), image(), Slabs(step_mm=5.0))
    assert length_mm(placed) == pytest.approx(30, rel=2e-3)
    assert placed.notes == ()


def test_one_plane_takes_the_stated_slab_else_the_slice_of_the_image_else_that_of_the_others():
    grid = image(2.5)
    on_slice, between = grid.origin_lps_mm[2] + 50.0, grid.origin_lps_mm[2] + 51.2
    assert length_mm(region_of_outlines(pillars([between]), grid, Slabs(stated_mm=3.0))) == pytest.approx(3.0, rel=5e-3)
    for height, usual_mm, expected in ((on_slice, 4.0, 2.5), (between, 4.0, 4.0), (between, None, 2.5)):
        placed = region_of_outlines(pillars([height]), grid, Slabs(usual_mm=usual_mm))
        assert length_mm(placed) == pytest.approx(expected, rel=5e-3)
        assert placed.notes == (("one_plane", {"slab_mm": expected}),)


def test_single_planes_far_apart_are_no_pillar():
    placed = region_of_outlines(pillars([0.0]) + pillars([40.0], center=(40.0, 0.0)), image())
    assert length_mm(placed) == pytest.approx(10, rel=5e-3)
    assert kinds(placed) == ["one_plane"]


def test_a_stated_slab_that_is_not_the_distance_of_the_planes_is_said():
    placed = region_of_outlines(pillars([0, 2.5, 5, 7.5]), image(), Slabs(stated_mm=5.0))
    assert length_mm(placed) == pytest.approx(10, rel=2e-3)
    assert placed.notes[-1] == ("stated_otherwise", {"stated_mm": 5.0, "gap_mm": 2.5})


def test_an_outline_agrees_with_point_in_polygon():
    # outside truth: vtkPolygon's own point-in-polygon, on 6 x 6 points in each pixel of random star-shaped polygons
    import vtk

    random, grid = np.random.default_rng(11), image(5.0, 4.0)
    for _ in range(2):
        angle, radius = np.sort(random.uniform(0, 2 * np.pi, 17)), random.uniform(6, 25, 17)
        loop = np.stack([7 + radius * np.cos(angle), 2 + radius * np.sin(angle), np.full(17, 2.5)], axis=-1)
        placed = region_of_outlines([Outline(loop + np.array([0, 0, 5.0 * step])) for step in range(3)], grid)
        polygon, flat = vtk.vtkPolygon(), loop.ravel().tolist()
        bounds = [loop[:, 0].min(), loop[:, 0].max(), loop[:, 1].min(), loop[:, 1].max(), 2.5, 2.5]
        offsets = (np.arange(6) + 0.5) / 6 - 0.5
        for row, column in random.integers(20, 30, (8, 2)):
            x, y = grid.origin_lps_mm[0] + 4 * (column + offsets), grid.origin_lps_mm[1] + 4 * (row + offsets)
            inside = np.mean([polygon.PointInPolygon([a, b, 2.5], 17, flat, bounds, [0.0, 0.0, 1.0]) == 1 for a in x for b in y])
            assert placed.occupancy[20, row, column] == pytest.approx(inside, abs=0.08)
