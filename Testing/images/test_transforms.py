"""Chains of rigid transforms: what must always hold, and the chain of a study by hand."""

import numpy as np
import pytest
from fixtures.moving_patient import motion
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import RigidTransform
from RNTDosimetryLib.images.transforms import compose, inverse, moved_points, rotation_angle_degrees, shift_of_point_mm, to_ras

MOTIONS = st.builds(motion, st.floats(0, 180), st.floats(0, 400), st.integers(0, 10_000))
POINTS = np.array([[0.0, 0.0, 0.0], [120.0, -80.0, 300.0], [-7.5, 33.0, -900.0]])


@settings(deadline=None, max_examples=40)
@given(MOTIONS, MOTIONS, MOTIONS)
def test_a_chain_is_its_steps_one_after_the_other(first, second, third):
    step_by_step = moved_points(third, moved_points(second, moved_points(first, POINTS)))
    np.testing.assert_allclose(moved_points(compose(first, second, third), POINTS), step_by_step, atol=1e-8)
    np.testing.assert_allclose(compose(compose(first, second), third), compose(first, compose(second, third)), atol=1e-8)
    np.testing.assert_allclose(compose(first, inverse(first)), np.eye(4), atol=1e-8)
    np.testing.assert_allclose(inverse(compose(first, second)), compose(inverse(second), inverse(first)), atol=1e-8)


@settings(deadline=None, max_examples=40)
@given(MOTIONS)
def test_lps_and_ras_are_two_names_of_one_place(matrix):
    flip = np.array([-1.0, -1.0, 1.0])
    np.testing.assert_allclose(moved_points(to_ras(matrix), POINTS * flip), moved_points(matrix, POINTS) * flip, atol=1e-8)
    np.testing.assert_allclose(to_ras(to_ras(matrix)), matrix, atol=1e-12)


def test_spect_to_reference_over_both_cts():
    """SPECT and CT of a session share their frame; the registration maps the reference CT to the CT of the scan."""
    registration = motion(6, 20, 3)
    to_ct = RigidTransform("SPECT 24 h", "CT 24 h")
    to_reference = RigidTransform("CT 4 h", "CT 24 h", registration).inverse()
    chain = to_ct.then(to_reference)
    assert (chain.source, chain.target) == ("SPECT 24 h", "CT 4 h")
    lesion = np.array([30.0, -40.0, 120.0])
    np.testing.assert_allclose(chain.points(moved_points(registration, lesion)), lesion, atol=1e-9)
    np.testing.assert_allclose(chain.inverse().matrix, registration, atol=1e-12)
    np.testing.assert_allclose(chain.matrix_ras, to_ras(chain.matrix))
    assert RigidTransform.from_dict(chain.to_dict()) == chain


def test_a_chain_put_together_the_wrong_way_is_refused():
    to_ct, registration = RigidTransform("SPECT 24 h", "CT 24 h"), RigidTransform("CT 4 h", "CT 24 h", motion(6, 20, 3))
    with pytest.raises(
        DosimetryError, match="starts at CT 24 h, received one from CT 4 h to CT 24 h; take another or its inverse"
    ):
        to_ct.then(registration)


def test_angle_and_shift_are_those_put_in():
    """``motion`` turns about (0, 0, 137.5) and shifts by so many mm."""
    matrix = motion(7.0, 25.0, 3)
    assert rotation_angle_degrees(matrix) == pytest.approx(7.0, abs=1e-9)
    assert shift_of_point_mm(matrix, (0.0, 0.0, 137.5)) == pytest.approx(25.0, abs=1e-9)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.diag([-1.0, 1, 1, 1]), "mirrors the patient"),
        (np.diag([1.1, 1, 1, 1]), "scales or shears"),
        (np.eye(4) + np.eye(4, k=1) * [[1], [0], [0], [0]], "scales or shears"),
        (np.eye(3), "4 x 4 matrix"),
        (np.full((4, 4), np.nan), "4 x 4 matrix"),
        ("rigid", "Expected numbers"),
    ],
)
def test_what_is_not_rigid_is_refused(matrix, message):
    for use in (
        compose,
        inverse,
        to_ras,
        lambda found: moved_points(found, POINTS),
        lambda found: RigidTransform("CT 4 h", "CT 24 h", found),
    ):
        with pytest.raises(DosimetryError, match=message):
            use(matrix)


def test_points_that_are_none_are_refused():
    for points in ([1.0, 2.0], [[1.0, 2.0]], [[1.0, np.nan, 2.0]], "here"):
        with pytest.raises(DosimetryError, match="points"):
            moved_points(np.eye(4), points)
