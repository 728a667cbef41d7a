"""A lesion in an organ: both numbers are reported, on any grid; what else is shared is said."""

import numpy as np
import pytest
from scipy import ndimage

from RNTDosimetryLib.images import (
    ImageGeometry,
    Region,
    exclude_lesions,
    join_regions,
    occupancy_on_grid,
    overlap_warnings,
    whole_organ_name,
)

GRID = ImageGeometry(size=(20, 24, 28), spacing_mm=(3.0, 2.0, 2.0), origin_lps_mm=(-10.0, 5.0, 0.0))


def block(name, z, y, x, kind="organ", geometry=GRID, **typed):
    occupancy = np.zeros(geometry.size, dtype=np.uint8)
    occupancy[slice(*z), slice(*y), slice(*x)] = 1
    return Region(name, geometry, occupancy, kind=kind, **typed)


LIVER = block("liver", (2, 18), (2, 20), (2, 24), mass_g=1500.0, recovery_coefficient=0.9)
LESION = block("lesion", (5, 9), (5, 9), (5, 9), "lesion")
EDGE = block("edge", (16, 20), (5, 9), (5, 9), "lesion")


def test_organ_without_lesions_is_the_rest_and_belongs_to_the_organ():
    (rest,) = exclude_lesions((LIVER, LESION, EDGE))
    inside_ml = LESION.volume_ml + EDGE.volume_ml / 2
    assert rest.name == "liver without lesions"
    assert whole_organ_name(rest.name) == "liver"
    assert rest.volume_ml == pytest.approx(LIVER.volume_ml - inside_ml, rel=1e-12)
    assert rest.occupancy.dtype == np.uint8
    assert (rest.mass_g, rest.recovery_coefficient) == (None, 0.9)
    assert not np.any(rest.occupancy & LESION.occupancy)


def test_lesion_on_a_finer_grid_takes_out_its_volume():
    fine = ImageGeometry(size=(40, 48, 56), spacing_mm=(1.5, 1.0, 1.0), origin_lps_mm=(-10.5, 4.5, -0.75))
    occupancy = ndimage.zoom(LESION.occupancy, 2, order=0)
    (rest,) = exclude_lesions((LIVER, Region("lesion", fine, occupancy, kind="lesion")))
    assert rest.volume_ml == pytest.approx(LIVER.volume_ml - LESION.volume_ml, rel=1e-3)


def test_order_and_kind_decide_as_they_should():
    assert exclude_lesions((EDGE, LESION, LIVER))[0].volume_ml == exclude_lesions((LIVER, LESION, EDGE))[0].volume_ml
    other = block("couch", (0, 20), (0, 24), (0, 28), "other")
    assert exclude_lesions((other, LESION)) == ()
    drawn = block("liver without lesions", (2, 18), (2, 20), (2, 24))
    assert exclude_lesions((LIVER, drawn, LESION)) == ()
    all_lesion = block("node", (5, 9), (5, 9), (5, 9))
    assert exclude_lesions((all_lesion, LESION)) == ()


def test_overlapping_lesions_are_taken_out_once():
    twin = block("twin", (6, 10), (5, 9), (5, 9), "lesion")
    (rest,) = exclude_lesions((LIVER, LESION, twin))
    union = np.count_nonzero(LESION.occupancy | twin.occupancy) * GRID.voxel_volume_ml
    assert rest.volume_ml == pytest.approx(LIVER.volume_ml - union, rel=1e-12)


def test_organs_that_share_voxels_are_named_and_lesions_in_organs_are_not():
    kidney = block("kidney", (14, 20), (2, 6), (2, 6))
    shared_ml = 4 * 4 * 4 * GRID.voxel_volume_ml
    (text,) = overlap_warnings((LIVER, kidney, LESION))
    assert f"kidney and liver share {shared_ml:.3g} mL (67% of kidney)" in text
    assert overlap_warnings((LIVER, LESION, *exclude_lesions((LIVER, LESION)))) == ()


def test_regions_on_one_grid_are_joined_there():
    joined = join_regions("both", [LIVER, EDGE])
    assert joined.geometry == GRID
    assert joined.volume_ml == pytest.approx(LIVER.volume_ml + EDGE.volume_ml / 2)


def test_regions_on_grids_of_their_own_are_joined_whole():
    """Two lungs of contours have grids that end where they end: on the grid of the first, the second would be lost."""
    left = block("left", (0, 10), (0, 10), (0, 10), geometry=ImageGeometry((10, 10, 10), (3.0, 2.0, 2.0), (-60.0, 0.0, 5.0)))
    right = block("right", (0, 8), (0, 9), (0, 7), geometry=ImageGeometry((8, 9, 7), (4.0, 3.0, 3.0), (31.0, 4.0, -2.0)))
    for regions in ([left, right], [right, left]):
        joined = join_regions("lungs", regions)
        assert joined.volume_ml == pytest.approx(left.volume_ml + right.volume_ml, rel=1e-4)
        for region in regions:
            share = occupancy_on_grid(region, joined.geometry)
            assert float(np.minimum(share, joined.occupancy).sum()) == pytest.approx(float(share.sum()), rel=1e-4)


def test_neighbors_with_one_outline_share_nothing():
    """Two lobes that meet within a column of voxels: each fills its part of them."""
    left, right = np.zeros(GRID.size, np.float32), np.zeros(GRID.size, np.float32)
    left[:, :, 4:10], left[:, :, 10], right[:, :, 10], right[:, :, 11:16] = 1, 0.4, 0.6, 1
    assert overlap_warnings([Region("left", GRID, left), Region("right", GRID, right)]) == ()
    right[:, :, 10] = 0.9
    (warning,) = overlap_warnings([Region("left", GRID, left), Region("right", GRID, right)])
    assert warning.startswith("right and left share")
