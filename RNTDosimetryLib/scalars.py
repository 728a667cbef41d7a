"""A number that somebody typed: taken as it is, or refused in one sentence. Every room uses these."""

import math
import reprlib

import numpy as np

from RNTDosimetryLib.errors import DosimetryError

LARGEST_NUMBER = 1e20
"""Nothing measured, in the units used here, is larger; squares and products of such numbers stay finite."""
_LONGEST_SHOWN = 60


def shown(value) -> str:
    """A value in a few words for an error text."""
    text = str(value) if isinstance(value, (int, float, str)) else " ".join(reprlib.repr(value).split())
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def any_number(value, name: str, remedy: str = "type a number", expected: str = "a number") -> float:
    """``value`` as a float; DosimetryError for True and False, text that is no number, NaN, infinity or beyond ``LARGEST_NUMBER``."""
    number = math.nan
    of_numpy = isinstance(value, (np.ndarray, np.generic))
    if not isinstance(value, bool) and not (of_numpy and (value.ndim or value.dtype.kind not in "fiu" or np.ma.is_masked(value))):
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
    if not abs(number) <= LARGEST_NUMBER:
        raise DosimetryError(f"Expected {expected} for {name}, received {shown(value)}; {remedy}.")
    return number
