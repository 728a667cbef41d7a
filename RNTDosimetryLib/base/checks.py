"""The one vocabulary of checks: a value that somebody entered is taken as it is, or refused in one sentence.

Values are checked where they enter (a request, a constructor, a public function); what has been checked is not checked again.
"""

import difflib
import math
import reprlib
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError

_Item = TypeVar("_Item")

LARGEST_NUMBER = 1e20
SMALLEST_NUMBER = 1e-20
"""Nothing measured, in the units used here, is larger or, above zero, smaller; squares and products of such numbers stay finite."""
LARGEST_SPACING_MM = 50.0
SMALLEST_LARGEST_SPACING_MM = 0.8
"""A voxel whose longest side is shorter than this is taken for a spacing entered in cm: no activity image of a patient is so fine."""
SMALLEST_SPACING_MM = 0.05
LIGHTEST_G_ML, HEAVIEST_G_ML = 1e-4, 25.0
"""Below air at any altitude and above every metal a density is a mistake, such as one in kg/m3."""
_LONGEST_SHOWN = 60
_LONGEST_WHOLE = 10**300
_SAME_DENSITY_G_ML = 1e-6
_DENSITY_REMEDY = "soft tissue is near 1.04, lung near 0.3"
_LARGEST_MASS_G = 5e5
_SMALLEST_FWHM_MM, _LARGEST_FWHM_MM = 0.01, 100.0


def short_repr(value: Any) -> str:
    """``reprlib.repr``, also of a whole number with more digits than Python prints."""
    try:
        return reprlib.repr(value)
    except ValueError:
        return "a whole number of thousands of digits"


def shown(value: Any) -> str:
    """A value in a few words for an error text."""
    number_or_text = isinstance(value, float | str) or (isinstance(value, int) and abs(value) < _LONGEST_WHOLE)
    text = str(value) if number_or_text else " ".join(short_repr(value).split())
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


# --- one number


def any_number(value: Any, name: str, remedy: str = "type a number", expected: str = "a number") -> float:
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


def checked_number(
    value: Any, name: str, remedy: str, least: float = 0.0, most: float = LARGEST_NUMBER, above: bool = False, below: bool = False
) -> float:
    """``value`` as a float from ``least`` to ``most``; above, below: without the end itself.

    DosimetryError for NaN, infinity, text, True and False, dates, lists, and outside the range.
    """
    number = math.nan
    try:
        array = np.asarray(value)
        if array.ndim == 0 and array.dtype.kind in "iuf" and not np.ma.is_masked(value):
            number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not least <= number <= most or (above and number == least) or (below and number == most):
        bounds = [f"{'above' if above else 'of at least'} {least:g}"] * (least > -LARGEST_NUMBER)
        bounds += [f"{'below' if below else 'at most'} {most:g}"] * (most < LARGEST_NUMBER)
        raise DosimetryError(f"Expected {name} {' and '.join(bounds) or 'as a number'}, received {shown(value)}; {remedy}.")
    return number


def positive_number(value: Any, name: str, remedy: str = "type a positive number") -> float:
    """``value`` as a float; DosimetryError unless it is finite and above zero."""
    number = any_number(value, name, remedy, "a positive number")
    if not number > 0:
        raise DosimetryError(f"Expected a positive {name}, received {shown(value)}; {remedy}.")
    return number


def non_negative_number(value: Any, name: str, remedy: str = "type zero or a positive number") -> float:
    """``value`` as a float; DosimetryError unless it is finite and not negative."""
    number = any_number(value, name, remedy, "a number of zero or more")
    if number < 0:
        raise DosimetryError(f"Expected {name} of zero or more, received {shown(value)}; {remedy}.")
    return number


def whole_number(value: Any, name: str, least: int, most: int, remedy: str) -> int:
    """``value`` as an int; DosimetryError unless it is whole and from ``least`` to ``most``."""
    number = any_number(value, name, remedy, "a whole number")
    if number != int(number) or not least <= number <= most:
        raise DosimetryError(f"Expected a whole number from {least} to {most} for {name}, received {shown(value)}; {remedy}.")
    return int(number)


def density_number(value: Any, name: str = "a positive density in g/mL") -> float:
    """One mass density in g/mL as a float; DosimetryError unless there is matter of it."""
    return checked_number(value, name, f"check the unit: {_DENSITY_REMEDY}", LIGHTEST_G_ML, HEAVIEST_G_ML)


def checked_mass(value: Any, name: str) -> float:
    """A mass in g of up to a whole body; DosimetryError otherwise."""
    return checked_number(value, name, "type it in g or leave it empty", 0.0, _LARGEST_MASS_G, above=True)


def checked_fwhm(value: Any, name: str = "resolution in mm") -> float | None:
    """A resolution (FWHM) in mm, or None when not known; DosimetryError otherwise."""
    return (
        None
        if value is None
        else checked_number(value, name, "leave it out if it is not known", _SMALLEST_FWHM_MM, _LARGEST_FWHM_MM)
    )


def checked_relative(value: Any, name: str) -> float | None:
    """A relative standard uncertainty of 0 or more, or None when not known; DosimetryError otherwise."""
    return None if value is None else checked_number(value, f"a relative uncertainty of {name}", "give 0.05 for 5 %")


# --- words and kinds


def one_of(value: Any, choices: Any, what: str, remedy: str = "choose one of them") -> str:
    """``value`` itself; DosimetryError unless it is one of the words in ``choices``."""
    if not isinstance(value, str) or value not in choices:
        words = list(choices)
        listed = " or ".join([", ".join(words[:-1])] * (len(words) > 1) + words[-1:])
        raise DosimetryError(f"Expected {what} {listed}, received '{shown(value)}'; {remedy}.")
    return value


def checked_kind(value: Any, kind: type, name: str) -> Any:
    """``value`` itself; DosimetryError unless it is a ``kind``."""
    if not isinstance(value, kind):
        raise DosimetryError(f"Expected a {kind.__name__} for {name}, received {shown(value)}; make one first.")
    return value


def refuse_unknown_names(given: Any, known: Any, where: str) -> None:
    """DosimetryError for a name in ``given`` that is not ``known``, with the nearest known one: it would be a default without a word."""
    known = [str(name) for name in known]
    unknown = sorted(str(name) for name in given if str(name) not in known)
    if unknown:
        lower = {name.lower(): name for name in known}
        near = [lower[close[0]] for name in unknown if (close := difflib.get_close_matches(name.lower(), lower, n=1))]
        remedy = f"check the spelling, did you mean {', '.join(near)}?" if near else "check the spelling."
        raise DosimetryError(
            f"Expected only {', '.join(known)} in {where}, received also {', '.join(map(shown, unknown))}; {remedy}"
        )


# --- lists and arrays


def number_list(values: Any, name: str, remedy: str = "give a list of numbers") -> tuple[float, ...]:
    """Numbers of a list or array; DosimetryError for one number alone, text, or anything that is no number."""
    try:
        items = None if isinstance(values, (str, bytes, dict)) else tuple(values)
    except TypeError:
        items = None
    if items is None:
        raise DosimetryError(f"Expected a list of numbers for {name}, received {shown(values)}; {remedy}.")
    return tuple(any_number(item, name, remedy) for item in items)


def number_array(values: Any, name: str, remedy: str = "convert them first", dtype: Any = float) -> np.ndarray:
    """``values`` as an array of ``dtype`` (None keeps its own), NaN allowed.

    DosimetryError for text, ragged lists, complex numbers, dates, durations and masked elements.
    """
    if _holds_masked(values):
        raise DosimetryError(f"Expected numbers in {name}, received masked elements; fill them in or leave them out.")
    try:
        array = np.asarray(values)
        # A duration or a date would become its number of seconds, days or whatever its unit is.
        if array.dtype.kind not in "biufO":
            raise TypeError
        # A number beyond the range of dtype becomes infinite, which is refused where NaN is.
        with np.errstate(over="ignore"):
            return np.asarray(array, dtype=float if dtype is None and array.dtype.kind == "O" else dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise DosimetryError(f"Expected numbers in {name}, received {shown(values)}; {remedy}.") from error


def _holds_masked(values: Any) -> bool:
    if isinstance(values, (list, tuple)):
        return any(map(_holds_masked, [value for value in values if not isinstance(value, (int, float))]))
    return bool(np.ma.is_masked(values))


def checked_array(values: Any, name: str, remedy: str = "correct them first") -> np.ndarray:
    """``values`` as a float array without NaN and infinity; DosimetryError otherwise."""
    array = number_array(values, name)
    if not np.all(np.isfinite(array)):
        bad = int(np.count_nonzero(~np.isfinite(array)))
        raise DosimetryError(f"Expected finite numbers in {name}, received {bad} NaN or infinite values; {remedy}.")
    return array


def as_numbers(values: Any, name: str, unit: str) -> np.ndarray:
    """Samples of a curve as a finite float array; DosimetryError otherwise, also beyond ``LARGEST_NUMBER``."""
    array = checked_array(values, f"{name} ({unit})", "leave these samples out")
    if (np.abs(array) > LARGEST_NUMBER).any():
        raise DosimetryError(
            f"Expected {name} up to {LARGEST_NUMBER:g} {unit}, received {np.abs(array).max():.3g}; check the unit."
        )
    return array


def numbers_array(values: Any, name: str, remedy: str) -> np.ndarray:
    """``values`` as a float array without NaN or infinity, of any sign, single precision kept; DosimetryError otherwise."""
    array = _float_array(values, name, remedy)
    if array.size == 0:
        raise DosimetryError(f"Expected values in {name}, received an empty array; {remedy}.")
    smallest, largest = float(array.min()), float(array.max())
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        raise DosimetryError(f"Expected finite values in {name}, received {bad} NaN or infinite values; {remedy}.")
    if max(-smallest, largest) > LARGEST_NUMBER:
        raise DosimetryError(
            f"Expected values up to {LARGEST_NUMBER:g} in {name}, received {max(-smallest, largest):.3g}; check the unit."
        )
    return array


def finite_array(values: Any, name: str, remedy: str) -> np.ndarray:
    """``values`` as a float array without NaN, infinity or negative numbers; DosimetryError otherwise."""
    array = numbers_array(values, name, remedy)
    smallest = float(array.min())
    if smallest < 0:
        bad = int(np.count_nonzero(array < 0))
        raise DosimetryError(f"Expected no negative values in {name}, received {bad} down to {smallest:.3g}; {remedy}.")
    return array


def _float_array(values: Any, name: str, remedy: str) -> np.ndarray:
    """``values`` as floats of single or double precision: half precision would overflow at 65504."""
    array = number_array(values, name, remedy, None)
    return array if array.dtype.kind == "f" and array.dtype.itemsize > 2 else array.astype(float)


def three_axes(array: np.ndarray, name: str) -> np.ndarray:
    """``array`` itself; DosimetryError unless it has the three axes (z, y, x)."""
    if array.ndim != 3:
        raise DosimetryError(f"Expected {name} with three axes (z, y, x), received shape {array.shape}; give a whole volume.")
    return array


def triple(values: Iterable[_Item]) -> tuple[_Item, _Item, _Item]:
    """Three values as a tuple of three, for what has three axes."""
    first, second, third = values
    return first, second, third


def checked_spacing(spacing_mm: Any) -> tuple[float, float, float]:
    """Spacing (z, y, x) in mm as three floats; DosimetryError where it is implausible for an image of a patient."""
    try:
        spacing = tuple(
            float(side) for side in np.atleast_1d(_float_array(spacing_mm, "the voxel spacing", "give (z, y, x) in mm"))
        )
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
    return spacing[0], spacing[1], spacing[2]


def checked_density(density_g_ml: Any, shape: tuple[int, ...]) -> float | np.ndarray:
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
