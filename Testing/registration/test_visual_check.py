"""The checkerboard and the middle of the patient, which the panel shows."""

import numpy as np
import pytest
from fixtures.moving_activity import activity_scan
from fixtures.moving_patient import GRID, motion, scan

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ActivityImage, CtImage, ImageGeometry
from RNTDosimetryLib.registration import checkerboard, middle_of_patient

SMALL = ImageGeometry((8, 16, 12), (5.0, 5.0, 5.0))


def flat(value, geometry=SMALL) -> CtImage:
    return CtImage("flat", geometry, np.full(geometry.size, value))


def test_cubes_of_the_wanted_side_in_turn():
    board, grid = checkerboard(flat(10.0), flat(-20.0), square_mm=20.0)
    assert grid == SMALL
    expected = np.indices(SMALL.size).reshape(3, -1) // 4
    np.testing.assert_array_equal(board.ravel(), np.where(expected.sum(axis=0) % 2 == 0, 10.0, -20.0))


def test_the_moving_image_is_carried_by_the_matrix_and_is_air_outside():
    """Shifted by 30 mm along x: what lies beyond its field of view is shown as air."""
    matrix = np.eye(4)
    matrix[0, 3] = 30.0
    board, _grid = checkerboard(flat(10.0), flat(-20.0), matrix, square_mm=20.0)
    assert set(np.unique(board[:, :, :6])) == {10.0, -20.0}
    assert set(np.unique(board[:, :, 7:])) == {10.0, -1000.0}


def test_a_fine_ct_is_shown_on_about_2_mm():
    fine = ImageGeometry((40, 200, 200), (1.0, 0.9, 0.9))
    board, grid = checkerboard(flat(0.0, fine), flat(0.0, fine))
    assert board.shape == grid.size == (13, 100, 100)
    np.testing.assert_allclose(grid.spacing_mm, (3.0, 1.8, 1.8))


def test_activity_of_days_later_is_seen_beside_the_first():
    """Each in percent of nearly its highest: both fields of the board have the same scale though the activity fell to a third."""
    first, later = activity_scan(), activity_scan(later=True, seed=2)
    board, grid = checkerboard(first, later)
    squares = [np.floor(np.arange(size) * step / 40.0).astype(int) for size, step in zip(grid.size, grid.spacing_mm)]
    odd = (squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :]) % 2 == 1
    for field in (odd, ~odd):
        assert np.percentile(board[field], 99.5) == pytest.approx(100.0, abs=15.0)


def test_the_middle_follows_the_patient():
    """The trunk lies around x = y = 0; moved by 25 mm, its middle moves by 25 mm less what leaves the field of view."""
    matrix = motion(0, 25, 3)
    shift = middle_of_patient(scan(matrix, couch=5)) - middle_of_patient(scan())
    np.testing.assert_allclose(shift[:2], matrix[:2, 3], atol=3.0)
    assert np.abs(middle_of_patient(activity_scan())[:2]).max() < 12
    assert middle_of_patient(CtImage("air", GRID, np.full(GRID.size, -1000.0)))[2] == pytest.approx(137.5)


def test_what_cannot_be_compared_is_refused():
    spect = ActivityImage("SPECT", SMALL, np.ones(SMALL.size), "Lu-177", 24.0)
    for request, message in (
        (lambda: checkerboard(flat(0.0), spect), "compare like with like"),
        (lambda: checkerboard(flat(0.0), flat(0.0), square_mm=0.0), "side of the squares in mm"),
        (lambda: checkerboard(flat(0.0), flat(0.0), np.diag([-1, 1, 1, 1])), "mirrors the patient"),
    ):
        with pytest.raises(DosimetryError, match=message):
            request()
