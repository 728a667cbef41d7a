"""Checks of the input that every part of the dose room shares."""


import numpy as np

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.scalars import LARGEST_NUMBER, any_number, shown

LARGEST_SPACING_MM = 50.0
SMALLEST_LARGEST_SPACING_MM = 0.8
"""A voxel whose longest side is shorter than this is taken for a spacing typed in cm: no activity image of a patient is so fine."""
SMALLEST_SPACING_MM = 0.05
LIGHTEST_G_ML, HEAVIEST_G_ML = 1e-4, 25.0
"""Below air at any altitude and above every metal a density is a mistake, such as one in kg/m3."""
_SAME_DENSITY_G_ML = 1e-6
_DENSITY_REMEDY = "soft tissue is near 1.04, lung near 0.3"


def checked_spacing(spacing_mm) -> tuple[float, float, float]:
    """Spacing (z, y, x) in mm as three floats; DosimetryError where it is implausible for an image of a patient."""
    try:
        spacing = tuple(float(side) for side in np.atleast_1d(_float_array(spacing_mm, "the voxel spacing", "give (z, y, x) in mm")))
    except (TypeError, DosimetryError):
        spacing = ()
    if len(spacing) == 1 and not isinstance(spacing_mm, (bool, np.bool_)):
        spacing = spacing * 3
    plausible = len(spacing) == 3 and all(np.isfinite(spacing)) and min(spacing) >= SMALLEST_SPACING_MM
    if not plausible or max(spacing) > LARGEST_SPACING_MM or max(spacing) < SMALLEST_LARGEST_SPACING_MM:
        raise DosimetryError(
            f"Expected the voxel spacing (z, y, x) in mm with a longest side of {SMALLEST_LARGEST_SPACING_MM} to "
            f"{LARGEST_SPACING_MM:.0f} mm and no side under {SMALLEST_SPACING_MM} mm, received {shown(spacing_mm)}; check that the unit "
            "is mm and not cm or m."
        )
    return spacing


def positive_number(value, name: str, remedy: str = "type a positive number") -> float:
    """``value`` as a float; DosimetryError unless it is finite and above zero."""
    number = any_number(value, name, remedy, "a positive number")
    if not number > 0:
        raise DosimetryError(f"Expected a positive {name}, received {shown(value)}; {remedy}.")
    return number


def non_negative_number(value, name: str, remedy: str = "type zero or a positive number") -> float:
    """``value`` as a float; DosimetryError unless it is finite and not negative."""
    number = any_number(value, name, remedy, "a number of zero or more")
    if number < 0:
        raise DosimetryError(f"Expected {name} of zero or more, received {shown(value)}; {remedy}.")
    return number


def whole_number(value, name: str, least: int, most: int, remedy: str) -> int:
    """``value`` as an int; DosimetryError unless it is whole and from ``least`` to ``most``."""
    number = any_number(value, name, remedy, "a whole number")
    if number != int(number) or not least <= number <= most:
        raise DosimetryError(f"Expected a whole number of {name} from {least} to {most}, received {shown(value)}; {remedy}.")
    return int(number)


def number_list(values, name: str, remedy: str = "give a list of numbers") -> tuple[float, ...]:
    """Numbers of a list or array; DosimetryError for one number alone, text, or anything that is no number."""
    try:
        items = None if isinstance(values, (str, bytes, dict)) else tuple(values)
    except TypeError:
        items = None
    if items is None:
        raise DosimetryError(f"Expected a list of numbers for {name}, received {shown(values)}; {remedy}.")
    return tuple(any_number(item, name, remedy) for item in items)


def one_of(value, choices, what: str, remedy: str = "choose one of them") -> str:
    """``value`` itself; DosimetryError unless it is one of the words in ``choices``."""
    if not isinstance(value, str) or value not in choices:
        words = list(choices)
        listed = " or ".join([", ".join(words[:-1])] * (len(words) > 1) + words[-1:])
        raise DosimetryError(f"Expected {what} {listed}, received '{shown(value)}'; {remedy}.")
    return value


def numbers_array(values, name: str, remedy: str) -> np.ndarray:
    """``values`` as a float array without NaN or infinity, of any sign; DosimetryError otherwise."""
    array = _float_array(values, name, remedy)
    if array.size == 0:
        raise DosimetryError(f"Expected values in {name}, received an empty array; {remedy}.")
    smallest, largest = float(array.min()), float(array.max())
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        raise DosimetryError(f"Expected finite values in {name}, received {bad} NaN or infinite values; {remedy}.")
    if max(-smallest, largest) > LARGEST_NUMBER:
        raise DosimetryError(f"Expected values up to {LARGEST_NUMBER:g} in {name}, received {max(-smallest, largest):.3g}; check the unit.")
    return array


def finite_array(values, name: str, remedy: str) -> np.ndarray:
    """``values`` as a float array without NaN, infinity or negative numbers; DosimetryError otherwise."""
    array = numbers_array(values, name, remedy)
    smallest = float(array.min())
    if smallest < 0:
        bad = int(np.count_nonzero(array < 0))
        raise DosimetryError(f"Expected no negative values in {name}, received {bad} down to {smallest:.3g}; {remedy}.")
    return array


def _float_array(values, name: str, remedy: str) -> np.ndarray:
    """``values`` as a float array, NaN allowed; DosimetryError for ragged lists, complex numbers, dates and masked elements."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise DosimetryError(f"Expected a value everywhere in {name}, received masked elements; fill them in, or {remedy}.")
    try:
        array = np.asarray(values)
        if array.dtype.kind in "cmM":
            raise TypeError
        # half precision would overflow at 65504
        return array if array.dtype.kind == "f" and array.dtype.itemsize > 2 else array.astype(float)
    except (TypeError, ValueError, OverflowError) as error:
        raise DosimetryError(f"Expected numbers in {name}, received {shown(values)}; {remedy}.") from error


def three_axes(array: np.ndarray, name: str) -> np.ndarray:
    """``array`` itself; DosimetryError unless it has the three axes (z, y, x)."""
    if array.ndim != 3:
        raise DosimetryError(f"Expected {name} with three axes (z, y, x), received shape {array.shape}; give a whole volume.")
    return array


def density_number(density_g_ml) -> float:
    """One mass density in g/mL as a float; DosimetryError unless there is matter of it."""
    density = positive_number(density_g_ml, "density in g/mL", _DENSITY_REMEDY)
    if not LIGHTEST_G_ML <= density <= HEAVIEST_G_ML:
        raise DosimetryError(
            f"Expected a density of {LIGHTEST_G_ML} to {HEAVIEST_G_ML:.0f} g/mL, received {density:g}; check the unit: {_DENSITY_REMEDY}."
        )
    return density


def checked_density(density_g_ml, shape: tuple[int, ...]) -> float | np.ndarray:
    """Mass density in g/mL: a number (also for an array of one value), or an array of the image's shape.

    DosimetryError where zero, negative, not finite or beyond that of matter, or for another shape.
    """
    density = np.asarray(_float_array(density_g_ml, "the density in g/mL", _DENSITY_REMEDY), dtype=float)
    if density.ndim == 0:
        return density_number(density_g_ml)
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
    if density.max() > HEAVIEST_G_ML:
        raise DosimetryError(
            f"Expected densities of at most {HEAVIEST_G_ML:.0f} g/mL, received up to {density.max():.4g}; check that the unit is not kg/m3."
        )
    return float(density.flat[0]) if np.ptp(density) <= _SAME_DENSITY_G_ML else density
