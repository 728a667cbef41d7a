"""Radioiodine therapy of the thyroid from uptake and effective half-life."""

import math

from RNTDosimetryLib.base.checks import positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.dose.regions import RegionDose
from RNTDosimetryLib.nuclides import get_nuclide


def thyroid_constant() -> float:
    """24.7 MBq*d*%/(Gy*g) of 131I, with source and status in Resources/dose/organ_methods.json."""
    return read_json("dose", "organ_methods.json")["thyroid"]["I-131"]["activity_mbq_d_percent_per_gy_g"]


def thyroid_activity_mbq(dose_gy: float, mass_g: float, uptake_percent: float, effective_half_life_d: float) -> float:
    """Activity of 131I in MBq for a dose to the thyroid: A = 24.7 D M / (U Teff).

    dose_gy: wanted dose. mass_g: of the target tissue. uptake_percent: largest share of the given activity in it, 0 to 100.
    effective_half_life_d: in days, at most the physical 8.02 d. Uptake is taken as immediate.
    """
    dose = positive_number(dose_gy, "dose in Gy")
    mass, uptake, half_life = _checked(mass_g, uptake_percent, effective_half_life_d)
    return thyroid_constant() * dose * mass / (uptake * half_life)


def thyroid_dose(activity_mbq: float, mass_g: float, uptake_percent: float, effective_half_life_d: float) -> RegionDose:
    """Dose to the thyroid of a given activity of 131I in MBq: D = A U Teff / (24.7 M); arguments as ``thyroid_activity_mbq``."""
    activity = positive_number(activity_mbq, "activity in MBq")
    mass, uptake, half_life = _checked(mass_g, uptake_percent, effective_half_life_d)
    tia = activity * uptake / 100 * half_life * 24 / math.log(2)
    return RegionDose(
        region="thyroid",
        mass_g=mass,
        tia_mbq_h=tia,
        dose_gy=activity * uptake * half_life / (thyroid_constant() * mass),
        dose_uncertainty_gy=None,
        nuclide="I-131",
        method="uptake and effective half-life",
    )


def effective_half_life_from_uptakes_d(uptake_early_percent: float, early_h: float, uptake_late_percent: float, late_h: float) -> float:
    """Effective half-life in days from two uptakes after the maximum (e.g. 24 h and 120 h or later), not decay corrected."""
    first, second = positive_number(uptake_early_percent, "early uptake in %"), positive_number(uptake_late_percent, "late uptake in %")
    begin, end = positive_number(early_h, "early time in h"), positive_number(late_h, "late time in h")
    if end <= begin or second >= first:
        raise DosimetryError(
            f"Expected an uptake that falls between two times, received {first} % at {begin} h and {second} % at {end} h; measure later."
        )
    return (end - begin) / 24 * math.log(2) / math.log(first / second)


def _checked(mass_g, uptake_percent, effective_half_life_d) -> tuple[float, float, float]:
    mass = positive_number(mass_g, "thyroid mass in g")
    uptake = positive_number(uptake_percent, "uptake in %")
    half_life = positive_number(effective_half_life_d, "effective half-life in days")
    if uptake > 100:
        raise DosimetryError(f"Expected an uptake of at most 100 %, received {uptake_percent}; give per cent of the activity.")
    physical_d = _physical_half_life_d()
    if half_life > physical_d * 1.001:
        raise DosimetryError(
            f"Expected an effective half-life of at most {physical_d:.3g} days (physical, 131I), received {effective_half_life_d}; check the unit."
        )
    return mass, uptake, half_life


def _physical_half_life_d() -> float:
    return get_nuclide("I-131").half_life_h / 24
