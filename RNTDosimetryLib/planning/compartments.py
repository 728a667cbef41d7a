"""What the activities of one or several injections are shared among: tumors, normal liver and lungs as records, checked when they are made."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

from RNTDosimetryLib.base.checks import non_negative_number, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Named, Record
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
)
from RNTDosimetryLib.planning.products import DoseConstant, dose_constant, lung_mass_convention

GRAM_PER_KG = 1000.0
TUMOR, NORMAL_LIVER, WHOLE_NORMAL_LIVER = "tumor", "normal_liver", "whole_normal_liver"
PERFUSED, LUNGS_SESSION, LUNGS, OTHER = "perfused", "lung_session", "lung", "other"
KINDS = (TUMOR, NORMAL_LIVER, WHOLE_NORMAL_LIVER, PERFUSED, LUNGS_SESSION, LUNGS, OTHER)
ONLY = "injection"
"""Name of the one injection of a plan whose territory was not named."""

_WORDS = {
    NORMAL_LIVER: "Normal liver",
    WHOLE_NORMAL_LIVER: "Normal liver, whole",
    PERFUSED: "Perfused tissue",
    LUNGS_SESSION: "Lungs",
    LUNGS: "Lungs, total",
}
_IN, _OTHER_MARK = f"{NORMAL_LIVER} in ", f"{OTHER}: "
_ROUNDING = 1e-9
_REMEDY = "take it from its volume"


@dataclass(frozen=True)
class Compartment(Named):
    """One thing that has a dose.

    kind: "tumor" (name: its own), "normal_liver" (in ``territory``, or in all of them together), "whole_normal_liver", "perfused" (the mean of
    everything in the territories), "lung_session" (lungs by this treatment), "lung" (with earlier ones), "other" (another region, by name).
    ``key`` is its word in files and limits: "T1", "normal_liver in right", "lung".
    """

    kind: str
    name: str = ""
    territory: str = ""

    @property
    def key(self) -> str:
        if self.kind == TUMOR:
            return self.name
        if self.kind == OTHER:
            return _OTHER_MARK + self.name
        return _IN + self.territory if self.territory else self.kind

    @property
    def label(self) -> str:
        """For a reader."""
        if self.kind in (TUMOR, OTHER):
            return self.name
        return f"{_WORDS[self.kind]}, {self.territory}" if self.territory else _WORDS[self.kind]

    @classmethod
    def of(cls, key: str) -> "Compartment":
        """The compartment of a key; any word that names none of the others is a tumor."""
        if key.startswith(_IN):
            return cls(NORMAL_LIVER, territory=key.removeprefix(_IN))
        if key.startswith(_OTHER_MARK):
            return cls(OTHER, key.removeprefix(_OTHER_MARK))
        return cls(key) if key in _WORDS else cls(TUMOR, key)


@dataclass(frozen=True)
class Tumour(Record):
    """A tumour in the territory. mass_g: perfused mass. tnr: its concentration over that of the normal liver of the territory."""

    name: str
    mass_g: float
    tnr: float

    def __post_init__(self):
        object.__setattr__(self, "name", checked_name(self.name, "a tumour"))
        if Compartment.of(self.name).kind != TUMOR:
            raise DosimetryError(
                f"Expected a tumour name other than {', '.join(_WORDS)}, received '{self.name}'; rename the tumour."
            )
        mass = checked_mass_g(
            self.mass_g, f"mass in g of tumour '{self.name}'", "take it from its volume, or leave the tumour out"
        )
        object.__setattr__(self, "mass_g", mass)
        object.__setattr__(self, "tnr", checked_ratio(self.tnr, f"tumour-to-normal ratio of '{self.name}'"))

    @property
    def compartment(self) -> Compartment:
        return Compartment(TUMOR, self.name)


@dataclass(frozen=True)
class Injection(Record):
    """One injection position. tumours: with the masses and ratios inside this territory; normal_liver_mass_g: inside it too.

    activity_gbq: at administration, 0 for a position that is not used. lung_shunt_fraction, residual_fraction: of this injection.
    """

    name: str
    activity_gbq: float
    tumours: tuple[Tumour, ...]
    normal_liver_mass_g: float
    lung_shunt_fraction: float
    residual_fraction: float = 0.0

    def __post_init__(self):
        tumours = checked_items(self.tumours, Tumour, f"the tumours of injection {shown(self.name)}")
        names = [tumour.name for tumour in tumours]
        if len(set(names)) < len(names):
            raise DosimetryError(f"Expected tumours with different names, received {', '.join(names)}; rename them.")
        activity = non_negative_number(
            self.activity_gbq, f"activity in GBq of injection {shown(self.name)}", "type 0 for a position that is not used"
        )
        found = {
            "name": checked_name(self.name, "an injection"),
            "tumours": tumours,
            "activity_gbq": checked_activity_gbq(activity) if activity > 0 else activity,
            "normal_liver_mass_g": checked_part_mass_g(
                self.normal_liver_mass_g, "mass in g of the normal liver in the territory", "type 0 if there is none"
            ),
            "lung_shunt_fraction": checked_shunt(self.lung_shunt_fraction),
            "residual_fraction": checked_residual(self.residual_fraction),
        }
        for name, value in found.items():
            object.__setattr__(self, name, value)
        if not self.weighted_mass_g > 0:
            raise DosimetryError(
                "Expected normal liver or a tumour with a tumour-to-normal ratio above 0 in the territory, received neither; "
                "the activity has nowhere to go."
            )
        at_least_a_speck(min(self.perfused_mass_g, self.weighted_mass_g), "perfused mass, also weighted with the ratios,")

    @property
    def perfused_mass_g(self) -> float:
        """Normal liver and tumours in the territory."""
        return self.normal_liver_mass_g + sum(tumour.mass_g for tumour in self.tumours)

    @property
    def weighted_mass_g(self) -> float:
        """Mass with each tumour counted as often as its concentration exceeds that of the normal liver."""
        return self.normal_liver_mass_g + sum(tumour.tnr * tumour.mass_g for tumour in self.tumours)

    def at(self, activity_gbq: float) -> "Injection":
        """The same position with another activity; nothing else is checked again."""
        changed = copy(self)
        object.__setattr__(changed, "activity_gbq", activity_gbq)
        return changed

    @property
    def net_activity_gbq(self) -> float:
        """What leaves the vial."""
        return self.activity_gbq * (1 - self.residual_fraction)


@dataclass(frozen=True)
class Compartments(Record):
    """What the activities of the injections are shared among; with one injection whose activity is not set yet, that is 1 GBq.

    tumour_masses_g: whole mass by tumour. perfused_normal_liver_mass_g: of all territories, each gram once. whole_normal_liver_mass_g: of the
    whole liver, None when not given. lung_mass_assumed: the convention, because no mass was given. previous_lung_dose_gy: of earlier treatments.
    """

    constant: DoseConstant
    injections: tuple[Injection, ...]
    tumour_masses_g: dict[str, float]
    perfused_normal_liver_mass_g: float
    lung_mass_g: float
    lung_mass_assumed: bool = False
    whole_normal_liver_mass_g: float | None = None
    previous_lung_dose_gy: float = 0.0
    assumptions: tuple[str, ...] = ()

    @property
    def activity_gbq(self) -> float:
        return sum(item.activity_gbq for item in self.injections)

    @property
    def net_activity_gbq(self) -> float:
        """What leaves the vials."""
        return sum(item.net_activity_gbq for item in self.injections)

    @property
    def lung_shunt_fraction(self) -> float:
        """Of all that leaves the vials."""
        return _mean([item.lung_shunt_fraction for item in self.injections], [item.net_activity_gbq for item in self.injections])

    @property
    def residual_fraction(self) -> float:
        """Of all activity."""
        return _mean([item.residual_fraction for item in self.injections], [item.activity_gbq for item in self.injections])

    @cached_property
    def perfused_tumour_masses_g(self) -> dict[str, float]:
        """What lies in a territory of each tumour that lies in any; parts that overlap count once."""
        parts = _parts(self.injections)
        return {
            name: found[0] if len(found) == 1 else min(self.tumour_masses_g[name], sum(found)) for name, found in parts.items()
        }

    @property
    def perfused_mass_g(self) -> float:
        """Normal liver and tumours in the territories."""
        return self.perfused_normal_liver_mass_g + sum(self.perfused_tumour_masses_g.values())

    @property
    def untreated_fraction(self) -> float | None:
        """Share of the normal liver outside every territory (hepatic reserve); None when the whole was not given."""
        whole = self.whole_normal_liver_mass_g
        return None if whole is None else max(0.0, 1 - self.perfused_normal_liver_mass_g / whole)

    @cached_property
    def territories(self) -> dict[str, Compartment]:
        """Normal liver of each territory by the name of the injection; that of all for the only one."""
        if len(self.injections) == 1 and self.injections[0].name == ONLY:
            return {ONLY: Compartment(NORMAL_LIVER)}
        return {item.name: Compartment(NORMAL_LIVER, territory=item.name) for item in self.injections}

    @cached_property
    def masses_g(self) -> dict[Compartment, float]:
        """Mass of every compartment, in the order of tables."""
        found = {Compartment(TUMOR, name): mass for name, mass in self.tumour_masses_g.items()}
        found[Compartment(NORMAL_LIVER)] = self.perfused_normal_liver_mass_g
        found |= {
            place: item.normal_liver_mass_g for place, item in zip(self.territories.values(), self.injections) if place.territory
        }
        if self.whole_normal_liver_mass_g is not None:
            found[Compartment(WHOLE_NORMAL_LIVER)] = self.whole_normal_liver_mass_g
        return found | {
            Compartment(PERFUSED): self.perfused_mass_g,
            Compartment(LUNGS_SESSION): self.lung_mass_g,
            Compartment(LUNGS): self.lung_mass_g,
        }

    def before_gy(self, compartment: Compartment) -> float:
        """Dose already received."""
        return self.previous_lung_dose_gy if compartment.kind == LUNGS else 0.0

    def scaled(self, factor: float) -> "Compartments":
        """All activities times a factor."""
        return self.with_activities([item.activity_gbq * factor for item in self.injections])

    def with_activities(self, activities_gbq: Sequence[float]) -> "Compartments":
        """Other activities that were checked or computed, in the order of the injections."""
        return replace(self, injections=tuple(item.at(value) for item, value in zip(self.injections, activities_gbq)))


def make_compartments(
    nuclide_or_product,
    *,
    tumours: Sequence[Tumour] = (),
    normal_liver_mass_g: float,
    lung_shunt_fraction: float,
    lung_mass_g: float | None = None,
    residual_fraction: float = 0.0,
    dose_constant_j_per_gbq: float | None = None,
    whole_normal_liver_mass_g: float | None = None,
    previous_lung_dose_gy: float = 0.0,
    product_file=None,
) -> Compartments:
    """The compartments of a plan of one injection without an activity. The functions that plan hand their keyword arguments on to here.

    nuclide_or_product: "Y-90", "Ho-166", a Nuclide, or a product such as "TheraSphere"; gives K unless dose_constant_j_per_gbq (J/GBq)
    does. normal_liver_mass_g: in the territory, 0 for none: tumours share by TNR then. whole_normal_liver_mass_g: of the whole liver.
    lung_mass_g: None takes the convention of 1 kg, and says so. lung_shunt_fraction, residual_fraction: from 0 to below 1. product_file: the
    user's own products. Raises DosimetryError for values that are not possible.
    """
    # Injection takes any list of tumours, and refuses what is none.
    only = Injection(ONLY, 1.0, tumours, normal_liver_mass_g, lung_shunt_fraction, residual_fraction)  # type: ignore[arg-type]
    return join_injections(
        nuclide_or_product,
        [only],
        whole_normal_liver_mass_g=whole_normal_liver_mass_g,
        lung_mass_g=lung_mass_g,
        previous_lung_dose_gy=previous_lung_dose_gy,
        dose_constant_j_per_gbq=dose_constant_j_per_gbq,
        product_file=product_file,
    )


def join_injections(
    nuclide_or_product,
    injections: Sequence[Injection],
    *,
    tumour_masses_g: Mapping[str, float] | None = None,
    perfused_normal_liver_mass_g: float | None = None,
    whole_normal_liver_mass_g: float | None = None,
    lung_mass_g: float | None = None,
    previous_lung_dose_gy: float = 0.0,
    dose_constant_j_per_gbq: float | None = None,
    product_file=None,
) -> Compartments:
    """The compartments of several injections, each with its own territory. Territories may overlap.

    tumour_masses_g: whole mass by tumour; needed for a tumour in more than one territory. perfused_normal_liver_mass_g: of all territories
    together, each gram counted once; None takes the sum, as for territories that do not overlap. Other arguments as ``make_compartments``.
    Raises DosimetryError for names used twice and for masses that do not fit together.
    """
    injections = checked_items(injections, Injection, "the injections")
    if not isinstance(tumour_masses_g, Mapping | None):
        raise DosimetryError(
            f"Expected whole masses by name of the tumour, received {shown(tumour_masses_g)}; give {{'T1': 200}}."
        )
    names = [item.name for item in injections]
    if not injections or len(set(names)) < len(names):
        raise DosimetryError(f"Expected injections with different names, received {names}; name each position.")
    if not sum(item.activity_gbq for item in injections) > 0:
        raise DosimetryError("Expected at least one injection with activity, received 0 GBq in all; type the activities.")
    masses = _tumour_masses(injections, tumour_masses_g or {})
    perfused, assumed = _perfused_normal_liver(injections, perfused_normal_liver_mass_g)
    whole = whole_normal_liver_mass_g
    return Compartments(
        constant=dose_constant(nuclide_or_product, dose_constant_j_per_gbq, product_file),
        injections=injections,
        tumour_masses_g=masses,
        perfused_normal_liver_mass_g=perfused,
        lung_mass_g=lung_mass_convention().value if lung_mass_g is None else checked_lung_mass_g(lung_mass_g),
        lung_mass_assumed=lung_mass_g is None,
        whole_normal_liver_mass_g=None if whole is None else checked_whole_normal_liver_g(whole, perfused),
        previous_lung_dose_gy=checked_dose_gy(
            previous_lung_dose_gy, "earlier lung dose in Gy", "type 0 without earlier treatment"
        ),
        assumptions=assumed,
    )


def _perfused_normal_liver(injections: Sequence[Injection], given: float | None) -> tuple[float, tuple[str, ...]]:
    """Its mass, and what was assumed about it."""
    parts = [item.normal_liver_mass_g for item in injections]
    if given is None:
        several = sum(part > 0 for part in parts) > 1
        return sum(parts), ("The territories do not share normal liver: its perfused mass is the sum.",) if several else ()
    perfused = checked_part_mass_g(given, "mass in g of the perfused normal liver", "leave it empty for the sum")
    if not max(parts) * (1 - _ROUNDING) <= perfused <= sum(parts) * (1 + _ROUNDING):
        raise DosimetryError(
            f"Expected the perfused normal liver of all territories between {max(parts):.4g} g (the largest) and {sum(parts):.4g} g "
            f"(the sum), received {perfused:.4g} g; count each gram once."
        )
    return perfused, ()


def _parts(injections: Sequence[Injection]) -> dict[str, list[float]]:
    """Masses of each tumour in the territories that it lies in."""
    parts: dict[str, list[float]] = {}
    for item in injections:
        for tumour in item.tumours:
            parts.setdefault(tumour.name, []).append(tumour.mass_g)
    return parts


def _tumour_masses(injections: Sequence[Injection], typed: Mapping[str, float]) -> dict[str, float]:
    parts = _parts(injections)
    masses = {}
    for name, found in parts.items():
        if name not in typed and len(found) > 1:
            raise DosimetryError(
                f"Expected the whole mass of tumour {name}, which lies in {len(found)} territories, received none; "
                "give it in tumour_masses_g, because the parts may overlap."
            )
        whole = found[0] if name not in typed else checked_mass_g(typed[name], f"mass in g of tumour {name}", _REMEDY)
        if whole < max(found) * (1 - _ROUNDING):
            raise DosimetryError(
                f"Expected tumour {name} to have at least the {max(found):.4g} g that lie in one territory, received {whole:.4g} g; "
                "correct one of them."
            )
        masses[name] = whole
    outside = {
        name: checked_mass_g(mass, f"mass in g of tumour {name}", _REMEDY) for name, mass in typed.items() if name not in parts
    }
    return masses | outside


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """Weighted; equal values stay as they are."""
    if len(set(values)) == 1 or not sum(weights) > 0:
        return values[0]
    return sum(value * weight for value, weight in zip(values, weights)) / sum(weights)
