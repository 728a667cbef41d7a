"""Checks of typed input that every plan shares."""

from RNTDosimetryLib.dose.checks import non_negative_number, positive_number
from RNTDosimetryLib.errors import DosimetryError

_SMALLEST_USUAL_LUNG_G, _LARGEST_USUAL_LUNG_G = 300.0, 2500.0
_SMALLEST_USUAL_PERFUSED_G, _LARGEST_USUAL_PERFUSED_G = 20.0, 8000.0
_LARGEST_USUAL_ACTIVITY_GBQ = 40.0
_HIGH_SHUNT = 0.2


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
    return positive_number(value, "activity in GBq", "type the activity to be administered")


def checked_lung_mass_g(value) -> float:
    return positive_number(value, "lung mass in g", "measure it on CT or type it, 1000 g is the convention")


def plausibility_warnings(activity_gbq: float | None, perfused_mass_g: float, shunt: float, lung_mass_g: float) -> tuple[str, ...]:
    """What is possible but unusual, in words."""
    warnings = []
    if activity_gbq is not None and activity_gbq > _LARGEST_USUAL_ACTIVITY_GBQ:
        warnings.append(f"An activity of {activity_gbq:.4g} GBq is unusual: check that the unit is GBq and not MBq.")
    if not _SMALLEST_USUAL_PERFUSED_G <= perfused_mass_g <= _LARGEST_USUAL_PERFUSED_G:
        warnings.append(f"A perfused mass of {perfused_mass_g:.4g} g is unusual: check that masses are in g.")
    if not _SMALLEST_USUAL_LUNG_G <= lung_mass_g <= _LARGEST_USUAL_LUNG_G:
        warnings.append(f"A lung mass of {lung_mass_g:.4g} g is unusual: check that it is in g and that both lungs are in it.")
    if shunt > _HIGH_SHUNT:
        warnings.append(f"A lung shunt fraction of {100 * shunt:.3g} % is high: check the lung dose and the patient's suitability.")
    return tuple(warnings)
