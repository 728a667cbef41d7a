"""Checks of the input that every part of the kinetics room shares."""

import math

import numpy as np

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.scalars import LARGEST_NUMBER, any_number, shown

SMALLEST_NUMBER = 1e-20
"""Nothing measured, in the units used here, is larger or, above zero, smaller; squares and products of such numbers stay finite."""
MOST_HALF_LIVES = 30.0
"""After 30 physical half-lives a billionth is left: such a time was not measured but typed in minutes or seconds."""
SHORTEST_TIME_H = 1e-6


def float_array(values, name: str, remedy: str) -> np.ndarray:
    """``values`` as a float array, NaN allowed; DosimetryError for text, ragged lists, complex numbers, dates and masked elements."""
    if _holds_masked(values):
        raise DosimetryError(f"Expected numbers for {name}, received masked elements; leave them out.")
    try:
        array = np.asarray(values)
        # a duration or a date would become its number of seconds, days or whatever its unit is
        if array.dtype.kind in "cmM":
            raise TypeError
        return array.astype(float)
    except (TypeError, ValueError, OverflowError) as error:
        raise DosimetryError(f"Expected numbers for {name}, received {shown(values)}; {remedy}.") from error


def _holds_masked(values) -> bool:
    return np.ma.is_masked(values) or (isinstance(values, (list, tuple)) and any(map(_holds_masked, values)))


def as_numbers(values, name: str, unit: str) -> np.ndarray:
    """Finite float array. Raises DosimetryError otherwise."""
    array = float_array(values, f"{name} in {unit}", "convert them")
    if not np.isfinite(array).all():
        bad = int(np.count_nonzero(~np.isfinite(array)))
        raise DosimetryError(f"Expected finite {name} in {unit}, received {bad} NaN or infinite values; leave these samples out.")
    if (np.abs(array) > LARGEST_NUMBER).any():
        raise DosimetryError(f"Expected {name} up to {LARGEST_NUMBER:g} {unit}, received {np.abs(array).max():.3g}; check the unit.")
    return array


def whole_number(value, name: str, least: int, most: int, remedy: str) -> int:
    """``value`` as an int; DosimetryError unless it is whole and from ``least`` to ``most``."""
    number = any_number(value, name, remedy, "a whole number")
    if number != int(number) or not least <= number <= most:
        raise DosimetryError(f"Expected a whole number from {least} to {most} for {name}, received {shown(value)}; {remedy}.")
    return int(number)


def one_of(value, choices: tuple[str, ...], name: str) -> str:
    """``value`` itself; DosimetryError unless it is one of the words in ``choices``."""
    if not isinstance(value, str) or value not in choices:
        raise DosimetryError(f"Expected {name} out of {', '.join(choices)}, received {shown(value)!r}; choose one of these.")
    return value


def check_unit_of_times(times_h: np.ndarray, decay_constant_per_h: float) -> None:
    """DosimetryError for times that cannot be hours: long after the nuclide is gone, or under a millisecond or so."""
    half_life_h = math.log(2.0) / decay_constant_per_h
    if times_h.max() > MOST_HALF_LIVES * half_life_h:
        raise DosimetryError(
            f"Expected times within {MOST_HALF_LIVES:g} physical half-lives ({half_life_h:.4g} h each), received {times_h.max():g} h; check the "
            "unit: hours expected."
        )
    if ((times_h > 0) & (times_h < SHORTEST_TIME_H)).any():
        shortest = times_h[times_h > 0].min()
        raise DosimetryError(f"Expected times of 0 or at least {SHORTEST_TIME_H:g} h, received {shortest:g} h; check the unit: hours expected.")
