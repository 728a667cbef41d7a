"""A stack of slices against an even lattice: rounding is none of its faults, a missing slice and a second spacing are told apart."""

import numpy as np
import pytest
from pydicom.dataset import Dataset

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake.headers import SliceHeader
from RNTDosimetryLib.intake.voxels import slices_grid


def headers(heights):
    found = []
    for height in heights:
        header = Dataset()
        header.Rows, header.Columns, header.PixelSpacing = 4, 5, [2.0, 2.0]
        header.ImageOrientationPatient, header.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0.0, 0.0, float(height)]
        found.append(SliceHeader.of(header, f"slice at {height:g}"))
    return found


def bed_joins():
    """Positions of a whole-body PET, 3.27 mm: rounded to 0.01 mm within a bed, and the beds placed with one decimal."""
    beds = [np.round(round(bed * 35 * 3.27, 1) + 3.27 * np.arange(35), 2) for bed in range(6)]
    return np.concatenate(beds)


def test_rounding_at_bed_joins_is_no_missing_slice():
    heights = bed_joins()
    gaps = np.round(np.diff(heights), 2)
    assert np.abs(gaps - 3.27).max() >= 0.02  # more than 0.6 % of a slice, at the joins
    geometry, order = slices_grid(headers(heights[::-1]), "PET")
    assert geometry.size == (210, 4, 5)
    assert geometry.spacing_mm[0] == pytest.approx((heights[-1] - heights[0]) / 209)
    assert order.tolist() == list(range(210))[::-1]


@pytest.mark.parametrize("gone", [[1], [100], [207], [50, 150]])
def test_slices_that_are_missing_are_missed(gone):
    with pytest.raises(DosimetryError, match="a slice is missing; send the complete series"):
        slices_grid(headers(np.delete(bed_joins(), gone)), "PET")


@pytest.mark.parametrize(
    ("heights", "seen"),
    [
        (np.cumsum([0] + [4] * 15 + [8] * 7), "received different spacings: 4 mm (15 times), 8 mm (7 times)"),
        (np.cumsum([0] + [2] * 15 + [5] * 15), "received different spacings: 2 mm (15 times), 5 mm (15 times)"),
        (np.cumsum([0] + [3.0] * 20 + [3.2] * 20), "received different spacings: 3 mm (20 times), 3.2 mm (20 times)"),
        (np.cumsum([0] + [4] * 10 + [6] + [4] * 10), "received different spacings: 4 mm (20 times), 6 mm (1 times)"),
    ],
)
def test_another_spacing_is_no_missing_slice(heights, seen):
    with pytest.raises(DosimetryError) as refusal:
        slices_grid(headers(heights), "CT")
    assert seen in str(refusal.value)
    assert "resample the series to one spacing" in str(refusal.value)


def test_a_slice_twice_is_said():
    with pytest.raises(DosimetryError, match=r"received duplicate slices at 12\.00 mm"):
        slices_grid(headers([0, 4, 8, 12, 12.1, 16, 20]), "CT")
