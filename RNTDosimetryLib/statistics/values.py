"""What every statistic takes: numbers, neither too large nor too small to be squared, and whether they vary."""

from typing import Any

import numpy as np

from RNTDosimetryLib.base.checks import LARGEST_NUMBER, SMALLEST_NUMBER, checked_array
from RNTDosimetryLib.base.errors import DosimetryError

_SAME = 1e-9
"""Relative spread below which values are equal but for their last digits."""


def values_of(values: Any, name: str) -> np.ndarray:
    """``values`` as a float array; what is next to nothing is 0. DosimetryError for NaN, infinity, and beyond ``LARGEST_NUMBER``."""
    array = checked_array(values, name)
    if array.size and np.abs(array).max() > LARGEST_NUMBER:
        raise DosimetryError(f"Expected {name} up to {LARGEST_NUMBER:g}, received {np.abs(array).max():.3g}; check the unit.")
    return np.where(np.abs(array) < SMALLEST_NUMBER, 0.0, array)


def vary(values: np.ndarray) -> bool:
    """Whether values differ by more than their last digits."""
    return bool(values.size and np.ptp(values) > _SAME * np.abs(values).max())
