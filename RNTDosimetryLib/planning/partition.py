"""Partition model of radioembolisation: every injection solved in its own territory, all tumours together, and the doses add per region."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.planning.compartments import (
    GRAM_PER_KG,
    LUNGS,
    LUNGS_SESSION,
    NORMAL_LIVER,
    ONLY,
    PERFUSED,
    TUMOR,
    WHOLE_NORMAL_LIVER,
    Compartment,
    Compartments,
    Injection,
    join_injections,
    make_compartments,
)
from RNTDosimetryLib.planning.plausibility import checked_activity_gbq, mass_warnings, plausibility_warnings
from RNTDosimetryLib.planning.products import constant_warnings, lung_mass_convention


@dataclass(frozen=True)
class PlannedDose(Record):
    """One compartment of a plan. dose_gy: of all injections, and of what it received before. by_injection_gy: of each, by name."""

    compartment: Compartment
    mass_g: float
    dose_gy: float
    by_injection_gy: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PartitionPlan(Record):
    """Absorbed doses of the activities of one or several injections in the compartments.

    doses: every compartment once, see ``Compartment``. delivered_energy_j: in liver and lungs, balanced by the doses times their masses.
    assumptions: what the numbers rest on. The properties give the doses by name, in Gy.
    """

    compartments: Compartments
    doses: tuple[PlannedDose, ...]
    delivered_energy_j: float
    method: str = "partition model"
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def activity_gbq(self) -> float:
        """At administration, with what stays behind, of all injections."""
        return self.compartments.activity_gbq

    @property
    def activities_gbq(self) -> dict[str, float]:
        """The same of each injection."""
        return {item.name: item.activity_gbq for item in self.compartments.injections}

    @property
    def nuclide(self) -> str:
        return self.compartments.constant.nuclide

    @property
    def dose_constant_j_per_gbq(self) -> float:
        return self.compartments.constant.j_per_gbq

    def dose_of(self, compartment: Compartment) -> float | None:
        """Gy, None for a compartment that the plan does not have."""
        return next((item.dose_gy for item in self.doses if item.compartment == compartment), None)

    @property
    def dose_gy(self) -> dict[str, float]:
        """Every dose by the key of its compartment: "T1", "normal_liver", "normal_liver in right", "lung"."""
        return {item.compartment.key: item.dose_gy for item in self.doses}

    @property
    def masses_g(self) -> dict[str, float]:
        """Of the regions that share no gram: their doses times these masses are the energy of all injections."""
        apart = (TUMOR, NORMAL_LIVER, LUNGS_SESSION)
        return {
            item.compartment.key: item.mass_g
            for item in self.doses
            if item.compartment.kind in apart and not item.compartment.territory
        }

    @property
    def dose_by_injection_gy(self) -> dict[str, dict[str, float]]:
        """The part of each injection in every dose, over the same masses."""
        names = [item.name for item in self.compartments.injections]
        return {name: {item.compartment.key: item.by_injection_gy[name] for item in self.doses} for name in names}

    @property
    def tumour_dose_gy(self) -> dict[str, float]:
        return {item.compartment.name: item.dose_gy for item in self.doses if item.compartment.kind == TUMOR}

    @property
    def normal_liver_dose_gy(self) -> float:
        """Mean of the perfused normal liver."""
        return self.dose_gy[NORMAL_LIVER]

    @property
    def whole_normal_liver_dose_gy(self) -> float | None:
        """Mean over all normal liver, None when its mass was not given."""
        return self.dose_gy.get(WHOLE_NORMAL_LIVER)

    @property
    def perfused_mean_dose_gy(self) -> float:
        """Mean over everything in the territories."""
        return self.dose_gy[PERFUSED]

    @property
    def lung_dose_gy(self) -> float:
        """By this treatment."""
        return self.dose_gy[LUNGS_SESSION]

    @property
    def cumulative_lung_dose_gy(self) -> float:
        """With earlier treatments."""
        return self.dose_gy[LUNGS]

    def to_dict(self) -> dict:
        """The doses that people ask for first stand by name too."""
        said = ("activity_gbq", "tumour_dose_gy", "normal_liver_dose_gy", "whole_normal_liver_dose_gy", "perfused_mean_dose_gy", "lung_dose_gy",
                "cumulative_lung_dose_gy")  # fmt: skip
        return {name: getattr(self, name) for name in said} | super().to_dict()

    def to_table(self) -> list[dict]:
        """A row for every compartment, with units in the names."""
        return [{"compartment": item.compartment.label, "mass_g": item.mass_g, "dose_gy": item.dose_gy} for item in self.doses]


def partition_model(nuclide_or_product, activity_gbq: float, **compartments) -> PartitionPlan:
    """Absorbed doses of one injection by the partition model, all tumours solved together (Ho et al. 1996, extended).

    D_N = K A (1-L)(1-R) / (m_N + sum TNR_i m_i), D_i = TNR_i D_N, D_lung = K A L (1-R) / m_lung, with permanent trapping and the
    energy of electrons absorbed where the sphere lies.
    activity_gbq: at administration. compartments: tumours, normal_liver_mass_g, lung_shunt_fraction and so on, as ``make_compartments``.
    Raises DosimetryError for values that are not possible; unusual ones become warnings of the plan.
    """
    return plan_of(make_compartments(nuclide_or_product, **compartments).with_activities([checked_activity_gbq(activity_gbq)]))


def injections_plan(nuclide_or_product, injections: Sequence[Injection], **shared) -> PartitionPlan:
    """Partition model of several injections: each shares its activity in its own territory, and doses add per region.

    The dose of a region is the energy from all injections over the region's whole mass: D = sum_p m_p D_p / m. A tumour that lies in no
    territory gets no dose and a warning. shared: the keyword arguments of ``join_injections``.
    Raises DosimetryError for names used twice and for masses that do not fit together.
    """
    return plan_of(join_injections(nuclide_or_product, injections, **shared))


def plan_of(compartments: Compartments) -> PartitionPlan:
    """The plan of the activities in compartments that were checked before."""
    names = [item.name for item in compartments.injections]
    parts, masses = session_doses(numbers_of(compartments)), compartments.masses_g
    session = parts[Compartment(LUNGS_SESSION)]
    doses = {place: sum(found) for place, found in parts.items()}
    doses[Compartment(LUNGS)] = sum(session) + compartments.previous_lung_dose_gy
    parts[Compartment(LUNGS)] = session
    constant = compartments.constant.j_per_gbq
    return PartitionPlan(
        compartments=compartments,
        doses=tuple(PlannedDose(place, masses[place], doses[place], dict(zip(names, parts[place]))) for place in masses),
        delivered_energy_j=sum(
            (constant * (1 - item.lung_shunt_fraction) * (1 - item.residual_fraction)
             + constant * item.lung_shunt_fraction * (1 - item.residual_fraction)) * item.activity_gbq
            for item in compartments.injections
        ),
        assumptions=compartment_assumptions(compartments),
        warnings=compartment_warnings(compartments),
    )  # fmt: skip


# --- the model itself, for numbers and for arrays of samples alike


@dataclass
class Numbers:
    """The numbers of compartments, unchecked: floats, or arrays of samples of one length. Lists go by injection, names are those of tumors.

    mass, ratio: in the territory of each injection. whole_tumour, perfused_tumour: of each tumor in all. territories: normal liver of each.
    """

    j_per_gbq: Any
    activity: list
    shunt: list
    residual: list
    normal: list
    mass: list[dict[str, Any]]
    ratio: list[dict[str, Any]]
    whole_tumour: dict[str, Any]
    perfused_tumour: dict[str, Any]
    perfused_normal: Any
    whole_normal: Any
    lung: Any
    territories: list[Compartment]


def numbers_of(compartments: Compartments) -> Numbers:
    injections = compartments.injections
    return Numbers(
        j_per_gbq=compartments.constant.j_per_gbq,
        activity=[item.activity_gbq for item in injections],
        shunt=[item.lung_shunt_fraction for item in injections],
        residual=[item.residual_fraction for item in injections],
        normal=[item.normal_liver_mass_g for item in injections],
        mass=[{tumour.name: tumour.mass_g for tumour in item.tumours} for item in injections],
        ratio=[{tumour.name: tumour.tnr for tumour in item.tumours} for item in injections],
        whole_tumour=dict(compartments.tumour_masses_g),
        perfused_tumour=compartments.perfused_tumour_masses_g,
        perfused_normal=compartments.perfused_normal_liver_mass_g,
        whole_normal=compartments.whole_normal_liver_mass_g,
        lung=compartments.lung_mass_g,
        territories=list(compartments.territories.values()),
    )


def session_doses(numbers: Numbers) -> dict[Compartment, list]:
    """Gy of this treatment by compartment, one entry an injection; the lungs once, without earlier treatments."""
    count = len(numbers.activity)
    found: dict[Compartment, list] = {Compartment(TUMOR, name): [0.0] * count for name in numbers.whole_tumour}
    found |= {place: [0.0] * count for place in (Compartment(NORMAL_LIVER), *numbers.territories, Compartment(PERFUSED))}
    if numbers.whole_normal is not None:
        found[Compartment(WHOLE_NORMAL_LIVER)] = [0.0] * count
    found[Compartment(LUNGS_SESSION)] = [0.0] * count
    perfused = numbers.perfused_normal + sum(numbers.perfused_tumour.values())
    for index in range(count):
        masses, ratios, activity = numbers.mass[index], numbers.ratio[index], numbers.activity[index]
        stays = 1 - numbers.residual[index]
        liver_j = numbers.j_per_gbq * (1 - numbers.shunt[index]) * stays
        weighted = numbers.normal[index] + sum(ratios[name] * mass for name, mass in masses.items())
        per_ratio = GRAM_PER_KG * liver_j / weighted
        for name, mass in masses.items():
            own = per_ratio * ratios[name] * activity
            found[Compartment(TUMOR, name)][index] = _over(mass, own, numbers.whole_tumour[name])
        if _any(numbers.normal[index]):
            own = per_ratio * activity
            found[Compartment(NORMAL_LIVER)][index] = _over(numbers.normal[index], own, numbers.perfused_normal)
            found[numbers.territories[index]][index] = own
            if numbers.whole_normal is not None:
                found[Compartment(WHOLE_NORMAL_LIVER)][index] = _over(numbers.normal[index], own, numbers.whole_normal)
        found[Compartment(PERFUSED)][index] = GRAM_PER_KG * liver_j / perfused * activity
        lung_j = numbers.j_per_gbq * numbers.shunt[index] * stays
        found[Compartment(LUNGS_SESSION)][index] = GRAM_PER_KG * lung_j / numbers.lung * activity
    return found


def total_doses(numbers: Numbers) -> dict[Compartment, Any]:
    """Gy of this treatment by all injections; the lungs twice: of the session, and as part of all treatments."""
    found = {place: sum(parts) for place, parts in session_doses(numbers).items()}
    return found | {Compartment(LUNGS): found[Compartment(LUNGS_SESSION)]}


def _any(mass) -> bool:
    return mass > 0 if isinstance(mass, float) else bool((mass > 0).any())


def _over(part, dose, whole):
    """The dose of a part as mean over the whole."""
    return dose if part is whole or (isinstance(part, float) and part == whole) else part * dose / whole


# --- in words


def compartment_assumptions(compartments: Compartments) -> tuple[str, ...]:
    """What a plan rests on, in words."""
    constant = compartments.constant
    lines = [
        f"Dose constant {constant.j_per_gbq:.5g} J/GBq: {constant.source}.",
        "Spheres stay where they lodge until all has decayed; electrons are absorbed where they are emitted; photons are left out.",
        "Each compartment has one uniform concentration; the treatment spreads as the scout did.",
        f"Lung mass {compartments.lung_mass_g:.4g} g{', by convention' if compartments.lung_mass_assumed else ''}.",
    ]
    if compartments.residual_fraction == 0:
        lines.append("Nothing is left in vial and lines.")
    if compartments.previous_lung_dose_gy == 0:
        lines.append("The lungs have received no dose before.")
    return (*lines, *compartments.assumptions)


def compartment_warnings(compartments: Compartments) -> tuple[str, ...]:
    """What is doubtful but usable, in words; of an injection that has a name, with it."""
    found = [*constant_warnings(compartments.constant)]
    inside = {tumour.name for item in compartments.injections for tumour in item.tumours}
    found += [warned("tumor_in_no_territory", tumor=name) for name in compartments.tumour_masses_g if name not in inside]
    if compartments.lung_mass_assumed and compartments.lung_shunt_fraction > 0:
        convention = lung_mass_convention()
        found.append(warned("lung_mass_by_convention", mass=convention.value, percent=100 * convention.relative_uncertainty))
    for item in compartments.injections:
        said = _injection_warnings(item, compartments)
        found += said if item.name == ONLY else [f"{item.name}: {text}" for text in said]
    return tuple(dict.fromkeys(found))


def _injection_warnings(item: Injection, compartments: Compartments) -> list[str]:
    said = [] if item.normal_liver_mass_g > 0 else [warned("territory_without_normal_liver")]
    said += [warned("tumor_below_normal", tumor=tumour.name, ratio=tumour.tnr) for tumour in item.tumours if tumour.tnr < 1]
    said += plausibility_warnings(item.activity_gbq, item.perfused_mass_g, item.lung_shunt_fraction, compartments.lung_mass_g)
    return [*said, *mass_warnings(item.normal_liver_mass_g, {tumour.name: tumour.mass_g for tumour in item.tumours})]
