"""Whole-body dose from whole-body retention, by the power law of the body mass."""

from RNTDosimetryLib.base.checks import non_negative_number, positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.dose.regions import RegionDose
from RNTDosimetryLib.nuclides import get_nuclide

_LIGHTEST_KG, _HEAVIEST_KG = 2.0, 300.0


def whole_body_s_gy_per_mbq_h(body_mass_kg: float, nuclide: str = "I-131") -> float:
    """Whole-body S value in Gy/(MBq*h): 1.34e-4 m^-0.921 for 131I, m in kg (Resources/dose/organ_methods.json).

    Raises DosimetryError for a mass outside 2 to 300 kg, or a nuclide without a power law.
    """
    mass = positive_number(body_mass_kg, "body mass in kg")
    if not _LIGHTEST_KG <= mass <= _HEAVIEST_KG:
        raise DosimetryError(
            f"Expected a body mass of {_LIGHTEST_KG:.0f} to {_HEAVIEST_KG:.0f} kg, received {body_mass_kg}; check that the unit is kg."
        )
    laws = read_json("dose", "organ_methods.json")["whole_body"]
    name = get_nuclide(nuclide).name
    if name not in laws:
        raise DosimetryError(
            f"Expected a nuclide with a whole-body power law ({', '.join(sorted(laws))}), received {name}; use self_dose with the body mass."
        )
    return laws[name]["coefficient_gy_per_mbq_h"] * mass ** laws[name]["exponent"]


def whole_body_dose(
    tia_mbq_h: float, body_mass_kg: float, nuclide: str = "I-131", *, tia_uncertainty_mbq_h: float | None = None
) -> RegionDose:
    """Mean whole-body dose of 131I therapy: TIA in MBq*h times S(m). ``body_mass_kg``: the patient's mass."""
    tia = non_negative_number(tia_mbq_h, "whole-body TIA in MBq*h", "fit the retention first")
    s_value = whole_body_s_gy_per_mbq_h(body_mass_kg, nuclide)
    uncertainty = None
    if tia_uncertainty_mbq_h is not None:
        uncertainty = non_negative_number(tia_uncertainty_mbq_h, "uncertainty of the TIA in MBq*h") * s_value
    return RegionDose(
        region="whole body",
        mass_g=1000 * float(body_mass_kg),
        tia_mbq_h=tia,
        dose_gy=tia * s_value,
        dose_uncertainty_gy=uncertainty,
        nuclide=get_nuclide(nuclide).name,
        method="whole-body power law of the mass",
    )
