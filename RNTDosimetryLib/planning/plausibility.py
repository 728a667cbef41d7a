"""Checks of typed input that every plan shares."""

from collections.abc import Iterable, Mapping

import numpy as np

from RNTDosimetryLib.base.checks import non_negative_number, positive_number, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned

_SMALLEST_USUAL_LUNG_G, _LARGEST_USUAL_LUNG_G = 300.0, 2500.0
_SMALLEST_USUAL_PERFUSED_G, _LARGEST_USUAL_PERFUSED_G = 20.0, 8000.0
_SMALLEST_USUAL_NORMAL_G, _SMALLEST_USUAL_TUMOUR_G = 20.0, 0.5
_LARGEST_USUAL_ACTIVITY_GBQ = 40.0
_HIGH_SHUNT = 0.2
_ROUNDING = 1e-9
# No patient and no vial is beyond these; larger numbers are slips of the unit or of the keyboard.
_LARGEST_ACTIVITY_GBQ, _SMALLEST_MASS_G, _LARGEST_MASS_G, _LARGEST_RATIO, _LARGEST_DOSE_GY = 1e5, 1e-6, 1e6, 1e6, 1e9


def checked_fraction(value, name: str, example: str) -> float:
    """``value`` as a float from 0 to below 1; DosimetryError otherwise, also for per cent."""
    number = non_negative_number(value, name, example)
    if number >= 1:
        raise DosimetryError(f"Expected {name} from 0 to below 1, received {value}; {example}.")
    return number


def checked_shunt(value) -> float:
    return checked_fraction(value, "the lung shunt fraction", "type a fraction, 0.05 for 5 %")


def checked_residual(value) -> float:
    return checked_fraction(value, "the residual fraction", "type the share left in vial and lines as a fraction, 0.01 for 1 %")


def checked_activity_gbq(value) -> float:
    remedy = "type the activity to be administered"
    return _bounded(positive_number(value, "activity in GBq", remedy), _LARGEST_ACTIVITY_GBQ, "an activity in GBq")


def checked_mass_g(value, name: str, remedy: str) -> float:
    """``value`` as a float above zero that can be a mass in g."""
    return _bounded(positive_number(value, name, remedy), _LARGEST_MASS_G, name)


def checked_part_mass_g(value, name: str, remedy: str) -> float:
    """As ``checked_mass_g``, or 0."""
    return 0.0 if non_negative_number(value, name, remedy) == 0 else checked_mass_g(value, name, remedy)


def checked_whole_normal_liver_g(value, perfused_g: float) -> float:
    """Mass of the whole normal liver; DosimetryError for less than what is perfused of it."""
    whole = checked_mass_g(value, "mass in g of the whole normal liver", "leave it empty if it is not known")
    if whole < perfused_g * (1 - _ROUNDING):
        raise DosimetryError(
            f"Expected the whole normal liver to hold at least the perfused {perfused_g:.4g} g, received {whole:.4g} g; correct one of them."
        )
    return whole


def checked_ratio(value, name: str) -> float:
    """A ratio of concentrations, 0 or more."""
    return _bounded(non_negative_number(value, name, "measure it on the scout scan or type it"), _LARGEST_RATIO, name)


def checked_dose_gy(value, name: str, remedy: str) -> float:
    """An absorbed dose of 0 or more."""
    return _bounded(non_negative_number(value, name, remedy), _LARGEST_DOSE_GY, name)


def checked_lung_mass_g(value) -> float:
    return at_least_a_speck(
        checked_mass_g(value, "lung mass in g", "measure it on CT or type it, 1000 g is the convention"), "lung mass"
    )


def at_least_a_speck(mass_g: float, name: str) -> float:
    """A mass that a dose can be computed of; DosimetryError for less than a microgram."""
    if mass_g < _SMALLEST_MASS_G:
        raise DosimetryError(
            f"Expected a {name} of at least {_SMALLEST_MASS_G:g} g, received {mass_g:g} g; check that masses are in g."
        )
    return mass_g


def checked_name(value, what: str) -> str:
    """``value`` without spaces around it; DosimetryError for anything but text, and for none."""
    if not isinstance(value, str) or not value.strip():
        raise DosimetryError(f"Expected a name for {what}, received {shown(value)}; type one.")
    return value.strip()


def checked_items(values, kind: type, name: str) -> tuple:
    """``values`` as a tuple; DosimetryError unless it is a list of ``kind``."""
    good = isinstance(values, Iterable) and not isinstance(values, (str, bytes, Mapping, np.ndarray))
    items = tuple(values) if good else ()
    if not good or not all(isinstance(item, kind) for item in items):
        raise DosimetryError(
            f"Expected a list of {kind.__name__} for {name}, received {shown(values)}; make each of them a {kind.__name__}."
        )
    return items


def _bounded(value: float, largest: float, name: str) -> float:
    if value > largest:
        raise DosimetryError(f"Expected {name} of at most {largest:g}, received {value:g}; check the unit.")
    return value


def plausibility_warnings(
    activity_gbq: float | None, perfused_mass_g: float, shunt: float, lung_mass_g: float | None
) -> tuple[str, ...]:
    """What is possible but unusual, in words. activity_gbq, lung_mass_g: None where there is none."""
    warnings = []
    if activity_gbq is not None and activity_gbq > _LARGEST_USUAL_ACTIVITY_GBQ:
        warnings.append(warned("activity_unusual_gbq", activity=activity_gbq))
    if not _SMALLEST_USUAL_PERFUSED_G <= perfused_mass_g <= _LARGEST_USUAL_PERFUSED_G:
        warnings.append(warned("perfused_mass_unusual", mass=perfused_mass_g))
    if lung_mass_g is not None and not _SMALLEST_USUAL_LUNG_G <= lung_mass_g <= _LARGEST_USUAL_LUNG_G:
        warnings.append(warned("lung_mass_unusual", mass=lung_mass_g))
    if shunt > _HIGH_SHUNT:
        warnings.append(warned("lung_shunt_high", percent=100 * shunt))
    return tuple(warnings)


def mass_warnings(normal_liver_mass_g: float, tumour_masses_g: Mapping[str, float]) -> tuple[str, ...]:
    """Masses that look like kg, one by one: the sum can look usual beside one of them. A sphere of 0.5 g has a diameter of 1 cm."""
    found = {f"tumour '{name}'": mass for name, mass in tumour_masses_g.items() if mass < _SMALLEST_USUAL_TUMOUR_G}
    if 0 < normal_liver_mass_g < _SMALLEST_USUAL_NORMAL_G:
        found["the normal liver in the territory"] = normal_liver_mass_g
    return tuple(warned("part_mass_unusual", mass=mass, name=name) for name, mass in found.items())
