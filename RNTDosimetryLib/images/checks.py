"""Checks of typed input that every part of the images room shares."""


import numpy as np

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.scalars import LARGEST_NUMBER, shown

_LIGHTEST_G_ML, _HEAVIEST_G_ML = 1e-4, 25.0
_LARGEST_MASS_G = 5e5
_SMALLEST_FWHM_MM, _LARGEST_FWHM_MM = 0.01, 100.0


def checked_number(
    value, name: str, remedy: str, least: float = 0.0, most: float = LARGEST_NUMBER, above: bool = False, below: bool = False
) -> float:
    """``value`` as a float from ``least`` to ``most``; above, below: without the end itself.

    DosimetryError for NaN, infinity, text, True and False, dates, lists, and outside the range.
    """
    number = np.nan
    try:
        array = np.asarray(value)
        if array.ndim == 0 and array.dtype.kind in "iuf" and not np.ma.is_masked(value):
            number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = np.nan
    if not least <= number <= most or (above and number == least) or (below and number == most):
        bounds = [f"{'above' if above else 'of at least'} {least:g}"] * (least > -LARGEST_NUMBER)
        bounds += [f"{'below' if below else 'at most'} {most:g}"] * (most < LARGEST_NUMBER)
        raise DosimetryError(f"Expected {name} {' and '.join(bounds) or 'as a number'}, received {shown(value)}; {remedy}.")
    return number


def checked_density(value, name: str = "density in g/mL") -> float:
    """A density of matter in g/mL; DosimetryError otherwise."""
    return checked_number(value, name, "soft tissue is near 1.04, lung near 0.3", _LIGHTEST_G_ML, _HEAVIEST_G_ML)


def checked_mass(value, name: str) -> float:
    """A mass in g of up to a whole body; DosimetryError otherwise."""
    return checked_number(value, name, "type it in g or leave it empty", 0.0, _LARGEST_MASS_G, above=True)


def checked_fwhm(value, name: str = "resolution in mm") -> float | None:
    """A resolution (FWHM) in mm, or None when not known; DosimetryError otherwise."""
    return None if value is None else checked_number(value, name, "leave it out if it is not known", _SMALLEST_FWHM_MM, _LARGEST_FWHM_MM)


def checked_relative(value, name: str) -> float | None:
    """A relative standard uncertainty of 0 or more, or None when not known; DosimetryError otherwise."""
    return None if value is None else checked_number(value, f"a relative uncertainty of {name}", "give 0.05 for 5 %")


def number_array(values, name: str, dtype=float) -> np.ndarray:
    """``values`` as an array of ``dtype``, NaN allowed; DosimetryError for text, ragged lists, complex numbers, dates and masked elements."""
    if np.ma.is_masked(values):
        raise DosimetryError(f"Expected a value everywhere in {name}, received masked elements; fill them in first.")
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise TypeError
        # A number beyond the range of dtype becomes infinite, which is refused where NaN is.
        with np.errstate(over="ignore"):
            return np.asarray(array, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise DosimetryError(f"Expected numbers in {name}, received {shown(values)}; convert them first.") from error


def checked_array(values, name: str) -> np.ndarray:
    """``values`` as a float array without NaN and infinity; DosimetryError otherwise."""
    array = number_array(values, name)
    if not np.all(np.isfinite(array)):
        raise DosimetryError(f"Expected finite numbers in {name}, received {shown(values)}; correct them first.")
    return array


def checked_kind(value, kind: type, name: str):
    """``value`` itself; DosimetryError unless it is a ``kind``."""
    if not isinstance(value, kind):
        raise DosimetryError(f"Expected a {kind.__name__} for {name}, received {shown(value)}; make one first.")
    return value


def checked_nuclide(name: str, where: str) -> str:
    """The name of a nuclide of the table as it was given, or "" for none; DosimetryError otherwise."""
    checked_kind(name, str, f"the nuclide of {where}")
    if name:
        get_nuclide(name)
    return name
