"""Checks of the input that every part of the dose room shares."""

import numpy as np

from RNTDosimetryLib.errors import DosimetryError

LARGEST_SPACING_MM = 50.0
SMALLEST_LARGEST_SPACING_MM = 0.8
"""A voxel whose longest side is shorter than this is taken for a spacing typed in cm: no activity image of a patient is so fine."""
_SAME_DENSITY_G_ML = 1e-6


def checked_spacing(spacing_mm) -> tuple[float, float, float]:
    """Spacing (z, y, x) in mm as three floats; DosimetryError where it is implausible for an image of a patient."""
    try:
        spacing = tuple(float(side) for side in np.atleast_1d(np.asarray(spacing_mm, dtype=float)))
    except (TypeError, ValueError):
        spacing = ()
    if len(spacing) == 1:
        spacing = spacing * 3
    plausible = len(spacing) == 3 and all(np.isfinite(spacing)) and min(spacing) > 0
    if not plausible or max(spacing) > LARGEST_SPACING_MM or max(spacing) < SMALLEST_LARGEST_SPACING_MM:
        raise DosimetryError(
            f"Expected the voxel spacing (z, y, x) in mm with a longest side of {SMALLEST_LARGEST_SPACING_MM} to "
            f"{LARGEST_SPACING_MM:.0f} mm, received {spacing_mm}; check that the unit is mm and not cm or m."
        )
    return spacing


def positive_number(value, name: str, remedy: str = "type a positive number") -> float:
    """``value`` as a float; DosimetryError unless it is finite and above zero."""
    number = _number(value, name, "a positive number", remedy)
    if not number > 0:
        raise DosimetryError(f"Expected a positive {name}, received {value}; {remedy}.")
    return number


def non_negative_number(value, name: str, remedy: str = "type zero or a positive number") -> float:
    """``value`` as a float; DosimetryError unless it is finite and not negative."""
    number = _number(value, name, "a number of zero or more", remedy)
    if number < 0:
        raise DosimetryError(f"Expected {name} of zero or more, received {value}; {remedy}.")
    return number


def _number(value, name: str, expected: str, remedy: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise DosimetryError(f"Expected {expected} for {name}, received {value}; {remedy}.")
    return number


def finite_array(values, name: str, remedy: str) -> np.ndarray:
    """``values`` as a float array without NaN, infinity or negative numbers; DosimetryError otherwise."""
    try:
        array = np.asarray(values, dtype=float if not isinstance(values, np.ndarray) or values.dtype.kind != "f" else None)
    except (TypeError, ValueError) as error:
        raise DosimetryError(f"Expected numbers in {name}, received {type(values).__name__}; {remedy}.") from error
    if array.size == 0:
        raise DosimetryError(f"Expected values in {name}, received an empty array; {remedy}.")
    smallest, largest = float(array.min()), float(array.max())
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        raise DosimetryError(f"Expected finite values in {name}, received {bad} NaN or infinite values; {remedy}.")
    if smallest < 0:
        bad = int(np.count_nonzero(array < 0))
        raise DosimetryError(f"Expected no negative values in {name}, received {bad} down to {smallest:.3g}; {remedy}.")
    return array


def three_axes(array: np.ndarray, name: str) -> np.ndarray:
    """``array`` itself; DosimetryError unless it has the three axes (z, y, x)."""
    if array.ndim != 3:
        raise DosimetryError(f"Expected {name} with three axes (z, y, x), received shape {array.shape}; give a whole volume.")
    return array


def checked_density(density_g_ml, shape: tuple[int, ...]) -> float | np.ndarray:
    """Mass density in g/mL: a number (also for an array of one value), or an array of the image's shape.

    DosimetryError where zero, negative or not finite, or for another shape.
    """
    density = np.asarray(density_g_ml, dtype=float)
    if density.ndim == 0:
        return positive_number(density_g_ml, "density in g/mL", "soft tissue is near 1.04, lung near 0.3")
    if density.shape != tuple(shape):
        raise DosimetryError(
            f"Expected a density in g/mL as a number or an array of the image's shape {tuple(shape)}, received {density.shape}; "
            "resample the CT to the activity image first."
        )
    bad = int(np.count_nonzero(~(np.isfinite(density) & (density > 0))))
    if bad:
        raise DosimetryError(
            f"Expected positive densities in g/mL, received {bad} voxels that are zero, negative or NaN; "
            "make the density map with density_from_hounsfield, which keeps air above zero."
        )
    return float(density.flat[0]) if np.ptp(density) <= _SAME_DENSITY_G_ML else density
