"""Partition model of radioembolisation: every tumour, the normal liver and the lungs solved together."""

from collections.abc import Sequence
from dataclasses import dataclass

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.planning.plausibility import (
    at_least_a_speck,
    checked_activity_gbq,
    checked_dose_gy,
    checked_items,
    checked_lung_mass_g,
    checked_mass_g,
    checked_name,
    checked_part_mass_g,
    checked_ratio,
    checked_residual,
    checked_shunt,
    checked_whole_normal_liver_g,
    mass_warnings,
    plausibility_warnings,
)
from RNTDosimetryLib.planning.products import DoseConstant, constant_warnings, dose_constant

GRAM_PER_KG = 1000.0
CONVENTIONAL_LUNG_MASS_G = 1000.0
RESERVED_NAMES = ("normal_liver", "whole_normal_liver", "perfused", "lung", "lung_session")


@dataclass(frozen=True)
class Tumour(Record):
    """A tumour in the territory. mass_g: perfused mass. tnr: its concentration over that of the normal liver of the territory."""

    name: str
    mass_g: float
    tnr: float

    def __post_init__(self):
        object.__setattr__(self, "name", checked_name(self.name, "a tumour"))
        if self.name in RESERVED_NAMES:
            raise DosimetryError(
                f"Expected a tumour name other than {', '.join(RESERVED_NAMES)}, received '{self.name}'; rename the tumour."
            )
        mass = checked_mass_g(
            self.mass_g, f"mass in g of tumour '{self.name}'", "take it from its volume, or leave the tumour out"
        )
        tnr = checked_ratio(self.tnr, f"tumour-to-normal ratio of '{self.name}'")
        object.__setattr__(self, "mass_g", mass)
        object.__setattr__(self, "tnr", tnr)


@dataclass(frozen=True)
class Compartments(Record):
    """What an activity is shared among. Every absorbed dose is proportional to the activity; see ``gy_per_gbq``.

    normal_liver_mass_g: normal liver in the territory, 0 if there is none. whole_normal_liver_mass_g: of the whole liver, None when
    not given. residual_fraction: of the activity, stays in vial and lines. previous_lung_dose_gy: of earlier treatments.
    """

    constant: DoseConstant
    tumours: tuple[Tumour, ...]
    normal_liver_mass_g: float
    lung_shunt_fraction: float
    lung_mass_g: float
    residual_fraction: float = 0.0
    whole_normal_liver_mass_g: float | None = None
    previous_lung_dose_gy: float = 0.0

    @property
    def perfused_mass_g(self) -> float:
        """Normal liver and tumours in the territory."""
        return self.normal_liver_mass_g + sum(tumour.mass_g for tumour in self.tumours)

    @property
    def weighted_mass_g(self) -> float:
        """Mass with each tumour counted as often as its concentration exceeds that of the normal liver."""
        return self.normal_liver_mass_g + sum(tumour.tnr * tumour.mass_g for tumour in self.tumours)

    @property
    def liver_energy_j_per_gbq(self) -> float:
        return self.constant.j_per_gbq * (1 - self.lung_shunt_fraction) * (1 - self.residual_fraction)

    @property
    def lung_energy_j_per_gbq(self) -> float:
        return self.constant.j_per_gbq * self.lung_shunt_fraction * (1 - self.residual_fraction)

    def gy_per_gbq(self) -> dict[str, float]:
        """Absorbed dose per GBq of this treatment by name: every tumour, and "normal_liver", "perfused", "lung", "lung_session".

        "whole_normal_liver" is there when its mass was given. "lung" is this treatment's part of the cumulative lung dose.
        """
        per_concentration = GRAM_PER_KG * self.liver_energy_j_per_gbq / self.weighted_mass_g
        doses = {tumour.name: per_concentration * tumour.tnr for tumour in self.tumours}
        doses["normal_liver"] = per_concentration if self.normal_liver_mass_g > 0 else 0.0
        if self.whole_normal_liver_mass_g is not None:
            doses["whole_normal_liver"] = doses["normal_liver"] * self.normal_liver_mass_g / self.whole_normal_liver_mass_g
        doses["perfused"] = GRAM_PER_KG * self.liver_energy_j_per_gbq / self.perfused_mass_g
        doses["lung"] = doses["lung_session"] = GRAM_PER_KG * self.lung_energy_j_per_gbq / self.lung_mass_g
        return doses

    def offset_gy(self) -> dict[str, float]:
        """Dose already received, by the names of ``gy_per_gbq``; names without one are absent."""
        return {"lung": self.previous_lung_dose_gy}


@dataclass(frozen=True)
class PartitionPlan(Record):
    """Absorbed doses of an activity in the compartments.

    activity_gbq: at administration, with what stays behind. normal_liver_dose_gy: of the perfused normal liver.
    whole_normal_liver_dose_gy: averaged over all normal liver, None when its mass was not given. perfused_mean_dose_gy: over
    everything in the territory. lung_dose_gy: of this treatment; cumulative_lung_dose_gy: with earlier ones.
    delivered_energy_j: in liver and lungs, balanced by the doses times their masses. assumptions: what the numbers rest on.
    """

    activity_gbq: float
    compartments: Compartments
    tumour_dose_gy: dict[str, float]
    normal_liver_dose_gy: float
    whole_normal_liver_dose_gy: float | None
    perfused_mean_dose_gy: float
    lung_dose_gy: float
    cumulative_lung_dose_gy: float
    delivered_energy_j: float
    method: str = "partition model"
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def nuclide(self) -> str:
        return self.compartments.constant.nuclide

    @property
    def dose_constant_j_per_gbq(self) -> float:
        return self.compartments.constant.j_per_gbq


def make_compartments(
    nuclide_or_product,
    *,
    tumours: Sequence[Tumour] = (),
    normal_liver_mass_g: float,
    lung_shunt_fraction: float,
    lung_mass_g: float = CONVENTIONAL_LUNG_MASS_G,
    residual_fraction: float = 0.0,
    dose_constant_j_per_gbq: float | None = None,
    whole_normal_liver_mass_g: float | None = None,
    previous_lung_dose_gy: float = 0.0,
    product_file=None,
) -> Compartments:
    """The compartments of a plan without an activity. The functions that plan hand their keyword arguments on to here.

    nuclide_or_product: "Y-90", "Ho-166", a Nuclide, or a product such as "TheraSphere"; gives K unless dose_constant_j_per_gbq (J/GBq)
    does. normal_liver_mass_g: in the territory, 0 for none: tumours share by TNR then. whole_normal_liver_mass_g: of the whole liver.
    lung_shunt_fraction, residual_fraction: from 0 to below 1. product_file: the user's own products.
    Raises DosimetryError for values that are not possible.
    """
    tumours = checked_items(tumours, Tumour, "the tumours")
    names = [tumour.name for tumour in tumours]
    if len(set(names)) < len(names):
        raise DosimetryError(f"Expected tumours with different names, received {', '.join(names)}; rename them.")
    normal = checked_part_mass_g(normal_liver_mass_g, "mass in g of the normal liver in the territory", "type 0 if there is none")
    whole = None
    if whole_normal_liver_mass_g is not None:
        whole = checked_whole_normal_liver_g(whole_normal_liver_mass_g, normal)
    compartments = Compartments(
        constant=dose_constant(nuclide_or_product, dose_constant_j_per_gbq, product_file),
        tumours=tumours,
        normal_liver_mass_g=normal,
        lung_shunt_fraction=checked_shunt(lung_shunt_fraction),
        lung_mass_g=checked_lung_mass_g(lung_mass_g),
        residual_fraction=checked_residual(residual_fraction),
        whole_normal_liver_mass_g=whole,
        previous_lung_dose_gy=checked_dose_gy(
            previous_lung_dose_gy, "earlier lung dose in Gy", "type 0 without earlier treatment"
        ),
    )
    if not compartments.weighted_mass_g > 0:
        raise DosimetryError(
            "Expected normal liver or a tumour with a tumour-to-normal ratio above 0 in the territory, received neither; "
            "the activity has nowhere to go."
        )
    at_least_a_speck(
        min(compartments.perfused_mass_g, compartments.weighted_mass_g), "perfused mass, also weighted with the ratios,"
    )
    return compartments


def partition_model(nuclide_or_product, activity_gbq: float, **compartments) -> PartitionPlan:
    """Absorbed doses of one injection by the partition model, all tumours solved together (Ho et al. 1996, extended).

    D_N = K A (1-L)(1-R) / (m_N + sum TNR_i m_i), D_i = TNR_i D_N, D_lung = K A L (1-R) / m_lung, with permanent trapping and the
    energy of electrons absorbed where the sphere lies.
    activity_gbq: at administration. compartments: tumours, normal_liver_mass_g, lung_shunt_fraction and so on, as ``make_compartments``.
    Raises DosimetryError for values that are not possible; unusual ones become warnings of the plan.
    """
    return plan_of(make_compartments(nuclide_or_product, **compartments), checked_activity_gbq(activity_gbq))


def plan_of(compartments: Compartments, activity_gbq: float) -> PartitionPlan:
    """The plan of an activity in compartments that were checked before."""
    slopes = compartments.gy_per_gbq()
    whole = slopes.get("whole_normal_liver")
    lung = slopes["lung_session"] * activity_gbq
    return PartitionPlan(
        activity_gbq=activity_gbq,
        compartments=compartments,
        tumour_dose_gy={tumour.name: slopes[tumour.name] * activity_gbq for tumour in compartments.tumours},
        normal_liver_dose_gy=slopes["normal_liver"] * activity_gbq,
        whole_normal_liver_dose_gy=None if whole is None else whole * activity_gbq,
        perfused_mean_dose_gy=slopes["perfused"] * activity_gbq,
        lung_dose_gy=lung,
        cumulative_lung_dose_gy=lung + compartments.previous_lung_dose_gy,
        delivered_energy_j=(compartments.liver_energy_j_per_gbq + compartments.lung_energy_j_per_gbq) * activity_gbq,
        assumptions=compartment_assumptions(compartments),
        warnings=compartment_warnings(compartments, activity_gbq),
    )


def compartment_assumptions(compartments: Compartments) -> tuple[str, ...]:
    """What a plan rests on, in words."""
    constant = compartments.constant
    lines = [
        f"Dose constant {constant.j_per_gbq:.5g} J/GBq: {constant.source}.",
        "Spheres stay where they lodge until all has decayed; electrons are absorbed where they are emitted; photons are left out.",
        "Each compartment has one uniform concentration; the treatment spreads as the scout did.",
        f"Lung mass {compartments.lung_mass_g:.4g} g.",
    ]
    if compartments.residual_fraction == 0:
        lines.append("Nothing is left in vial and lines.")
    if compartments.previous_lung_dose_gy == 0:
        lines.append("The lungs have received no dose before.")
    return tuple(lines)


def compartment_warnings(compartments: Compartments, activity_gbq: float | None) -> tuple[str, ...]:
    """What is doubtful but usable, in words."""
    warnings = [*constant_warnings(compartments.constant)]
    if compartments.normal_liver_mass_g == 0:
        warnings.append(
            "There is no normal liver in the territory: its dose is 0, and the tumours share the activity by their ratios."
        )
    for tumour in compartments.tumours:
        if tumour.tnr < 1:
            warnings.append(f"Tumour {tumour.name} takes up less than normal liver (ratio {tumour.tnr:.3g}).")
    warnings += plausibility_warnings(
        activity_gbq, compartments.perfused_mass_g, compartments.lung_shunt_fraction, compartments.lung_mass_g
    )
    warnings += mass_warnings(compartments.normal_liver_mass_g, {tumour.name: tumour.mass_g for tumour in compartments.tumours})
    return tuple(warnings)
