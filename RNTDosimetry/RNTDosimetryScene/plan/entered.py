"""What was entered of a plan on the panel; nothing stands for a value that nobody entered or measured."""

from dataclasses import dataclass

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.planning import TreatmentConditions
from RNTDosimetryLib.planning.compartments import LUNGS, LUNGS_SESSION, NORMAL_LIVER, Compartment, Compartments


@dataclass(frozen=True)
class Entered:
    """Values of the fields, None where they are not given. Masses in g, shares as fractions, limits in Gy."""

    product: str | None
    activity_gbq: float | None
    tumor_mass_g: float | None
    tumor_to_normal: float | None
    normal_liver_mass_g: float | None
    whole_normal_liver_mass_g: float | None
    lung_shunt_fraction: float | None
    lung_mass_g: float | None
    liver_limit_gy: float | None
    lung_limit_gy: float | None
    conditions: TreatmentConditions | None

    def missing(self, *names: str) -> list[str]:
        """What is not given of these, for people."""
        return [_WORDS[name] for name in names if getattr(self, name) is None]

    def limits_for(self, compartments: Compartments) -> dict | None:
        """The entered limits by name; that of the liver in each territory too, as a mean could hide one that receives too much."""
        limits: dict[str, float] = {}
        if self.liver_limit_gy is not None:
            places = [Compartment(NORMAL_LIVER), *compartments.territories.values()]
            masses = compartments.masses_g
            limits |= {place.key: self.liver_limit_gy for place in places if masses[place] > 0}
        if self.lung_limit_gy is not None:
            limits |= dict.fromkeys((LUNGS_SESSION, LUNGS), self.lung_limit_gy)
        return limits or None


_WORDS = {
    "product": "the product or nuclide",
    "activity_gbq": "the activity",
    "tumor_mass_g": "the tumor mass (0 for none)",
    "tumor_to_normal": "the tumor to normal ratio",
    "normal_liver_mass_g": "the mass of the perfused normal liver (0 for none)",
    "lung_shunt_fraction": "the lung shunt",
}


def entered_of(parameter_node) -> Entered:
    """The fields of the panel as they are."""
    return Entered(
        product=parameter_node.planProduct or None,
        activity_gbq=parameter_node.planActivityGBq or None,
        tumor_mass_g=_zero_or_more(parameter_node.planTumorMassG),
        tumor_to_normal=_zero_or_more(parameter_node.planTumorToNormal),
        normal_liver_mass_g=_zero_or_more(parameter_node.planNormalLiverMassG),
        whole_normal_liver_mass_g=parameter_node.planWholeNormalLiverMassG or None,
        lung_shunt_fraction=None if parameter_node.planLungShuntPercent < 0 else parameter_node.planLungShuntPercent / 100.0,
        lung_mass_g=parameter_node.planLungMassG or None,
        liver_limit_gy=parameter_node.planLiverLimitGy or None,
        lung_limit_gy=parameter_node.planLungLimitGy or None,
        conditions=_conditions(parameter_node),
    )


def refuse_missing(missing: list[str]) -> None:
    """DosimetryError that names what is not given yet."""
    if missing:
        raise DosimetryError(f"Expected {_listed(missing)}, received nothing yet; enter them, or plan from segments.")


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1])] * (len(names) > 1) + names[-1:])


def _zero_or_more(value: float) -> float | None:
    return None if value < 0 else value


def _conditions(parameter_node) -> TreatmentConditions | None:
    liver = parameter_node.planLiver.value
    found = TreatmentConditions(
        scenario=parameter_node.planScenario.value or None,
        bilirubin_mg_dl=parameter_node.planBilirubinMgDl or None,
        impaired_liver=None if not liver else liver == "impaired",
        disease=parameter_node.planDisease.value or None,
    )
    return None if found == TreatmentConditions() else found
