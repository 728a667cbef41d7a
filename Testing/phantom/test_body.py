import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from scipy.special import gamma

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.phantom.body import SampledBox, shape_from_data
from RNTDosimetryLib.phantom.course import rigid_matrix

GRID = SampledBox(np.array([[2.0, 0, 0, -60], [0, 2, 0, -60], [0, 0, 2, -60], [0, 0, 0, 1]]), (0, 0, 0), (61, 61, 61))
SPHERE = {"kind": "ellipsoid", "center_mm": [5, 0, 0], "semi_axes_mm": [30, 30, 30]}
EGG = {"kind": "ellipsoid", "center_mm": [3, -4, 6], "semi_axes_mm": [40, 20, 25], "rotation_deg": [20, -30, 50]}


def inside(data, box=GRID):
    return shape_from_data(data, {}).inside(box)


def coordinates(box):
    z, y, x = np.indices(box.shape)
    index = np.stack([x + box.start[2], y + box.start[1], z + box.start[0], np.ones(box.shape)])
    return np.einsum("ij,jzyx->izyx", box.index_to_patient, index)[:3]


def test_volume_of_a_turned_ellipsoid():
    # 4/3 pi a b c = 83.776 mL; 8 mm3 points give it to about 0.3 %.
    assert inside(EGG).sum() * 0.008 == pytest.approx(4 / 3 * np.pi * 40 * 20 * 25 / 1000, rel=3e-3)


def test_volume_of_a_superellipsoid():
    # Dirichlet's integral: sum |x/a|^n <= 1 has volume 8 abc gamma(1+1/n)^3 / gamma(1+3/n).
    box = {
        "kind": "ellipsoid",
        "center_mm": [0, 0, 0],
        "semi_axes_mm": [40, 30, 20],
        "exponent": 4,
        "rotation_deg": [20, -30, 50],
    }
    assert inside(box).sum() * 0.008 == pytest.approx(8 * 40 * 30 * 20 / 1000 * gamma(1.25) ** 3 / gamma(1.75), rel=4e-3)


def test_sets_are_those_of_logic():
    sphere, egg = inside(SPHERE), inside(EGG)
    for kind, expected in (("union", sphere | egg), ("intersection", sphere & egg), ("difference", sphere & ~egg)):
        np.testing.assert_array_equal(inside({"kind": kind, "of": [SPHERE, EGG]}), expected)


def test_unknown_shape_is_refused():
    with pytest.raises(DosimetryError, match=r"shape of kind ellipsoid, .* received 'cube'"):
        shape_from_data({"kind": "cube"}, {})


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-180, 180), min_size=3, max_size=3), st.sampled_from([2.0, 3.0]))
def test_bounding_box_holds_the_shape(angles, exponent):
    data = {**EGG, "rotation_deg": angles, "exponent": exponent}
    points = coordinates(GRID)[:, inside(data)]
    lower, upper = shape_from_data(data, {}).bounds()
    assert np.all(points.min(axis=1) >= lower - 1e-4)
    assert np.all(points.max(axis=1) <= upper + 1e-4)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-40, 40), min_size=3, max_size=3), st.lists(st.floats(-60, 60), min_size=3, max_size=3))
def test_part_of_a_moved_grid_holds_the_whole_shape(shift, angles):
    """Painting only the part of the grid around a shape must not cut it off, however the patient lies."""
    pose = rigid_matrix(Rotation.from_euler("xyz", angles, degrees=True).as_matrix(), shift, (10, 0, -5))
    box = SampledBox(np.linalg.inv(pose) @ GRID.index_to_patient, GRID.start, GRID.stop)
    shape = shape_from_data(EGG, {})
    whole, part = shape.inside(box), box.within(*shape.bounds())
    painted = np.zeros(box.shape, dtype=bool)
    if part is not None:
        painted[part.slices] = shape.inside(part)
    np.testing.assert_array_equal(painted, whole)
