"""Several injection positions, each with its own territory and activity: the energies of each region add up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from RNTDosimetryLib.base.checks import non_negative_number, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.planning.compartments import CONVENTIONAL_LUNG_MASS_G, PartitionPlan, Tumour, make_compartments, plan_of
from RNTDosimetryLib.planning.limits import Limit, LimitCheck, limit_check, read_limits, refuse_unknown_names
from RNTDosimetryLib.planning.plausibility import (
    checked_activity_gbq,
    checked_dose_gy,
    checked_items,
    checked_lung_mass_g,
    checked_mass_g,
    checked_name,
    checked_part_mass_g,
    checked_whole_normal_liver_g,
)

_ROUNDING = 1e-9
_CLOSE = 1e-7
_REMEDY = "take it from its volume"


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
        checked_name(self.name, "an injection")
        object.__setattr__(self, "tumours", checked_items(self.tumours, Tumour, f"the tumours of injection '{self.name}'"))
        if (
            non_negative_number(
                self.activity_gbq, f"activity in GBq of injection '{self.name}'", "type 0 for a position that is not used"
            )
            > 0
        ):
            checked_activity_gbq(self.activity_gbq)


@dataclass(frozen=True)
class InjectionsPlan(Record):
    """Absorbed doses of all injections together, in Gy.

    dose_gy: every tumour, "normal_liver" (mean over all that any injection perfuses), "normal_liver in NAME" (in the territory of injection
    NAME by that injection alone), "whole_normal_liver" (when its mass was given), "lung_session", and "lung" with earlier treatments.
    dose_by_injection_gy: the same by injection, over the same masses. plans: each injection alone, over
    the masses in its own territory.
    """

    activities_gbq: dict[str, float]
    dose_gy: dict[str, float]
    dose_by_injection_gy: dict[str, dict[str, float]]
    masses_g: dict[str, float]
    plans: dict[str, PartitionPlan]
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class LimitedInjections(Record):
    """Activities of several injections that keep the limits; binding: names of the limits and goals met exactly."""

    plan: InjectionsPlan
    checks: tuple[LimitCheck, ...]
    binding: tuple[str, ...]
    goals_reached: bool


def injections_plan(
    nuclide_or_product,
    injections: Sequence[Injection],
    *,
    tumour_masses_g: Mapping[str, float] | None = None,
    perfused_normal_liver_mass_g: float | None = None,
    whole_normal_liver_mass_g: float | None = None,
    lung_mass_g: float = CONVENTIONAL_LUNG_MASS_G,
    previous_lung_dose_gy: float = 0.0,
    dose_constant_j_per_gbq: float | None = None,
    product_file=None,
) -> InjectionsPlan:
    """Partition model of several injections: each shares its activity in its own territory, and doses add per region.

    The dose of a region is the energy from all injections over the region's whole mass: D = sum_p m_p D_p / m. Territories may overlap.
    tumour_masses_g: whole mass by tumour; needed for a tumour in more than one territory, and a tumour named here that lies in none gets
    no dose and a warning. perfused_normal_liver_mass_g: of all territories together, each gram counted once; None takes the sum, as for
    territories that do not overlap. Other arguments as ``partition_model``.
    Raises DosimetryError for names used twice and for masses that do not fit together.
    """
    injections = checked_items(injections, Injection, "the injections")
    if not isinstance(tumour_masses_g, (Mapping, type(None))):
        raise DosimetryError(
            f"Expected whole masses by name of the tumour, received {shown(tumour_masses_g)}; give {{'T1': 200}}."
        )
    names = [item.name for item in injections]
    if not injections or len(set(names)) < len(names):
        raise DosimetryError(f"Expected injections with different names, received {names}; name each position.")
    if not sum(item.activity_gbq for item in injections) > 0:
        raise DosimetryError("Expected at least one injection with activity, received 0 GBq in all; type the activities.")
    assumptions = []
    masses = _tumour_masses(injections, tumour_masses_g or {})
    parts = [item.normal_liver_mass_g for item in injections]
    if perfused_normal_liver_mass_g is None:
        perfused = sum(parts)
        if sum(part > 0 for part in parts) > 1:
            assumptions.append("The territories do not share normal liver: its perfused mass is the sum.")
    else:
        perfused = checked_part_mass_g(
            perfused_normal_liver_mass_g, "mass in g of the perfused normal liver", "leave it empty for the sum"
        )
        if not max(parts) * (1 - _ROUNDING) <= perfused <= sum(parts) * (1 + _ROUNDING):
            raise DosimetryError(
                f"Expected the perfused normal liver of all territories between {max(parts):.4g} g (the largest) and {sum(parts):.4g} g "
                f"(the sum), received {perfused:.4g} g; count each gram once."
            )
    masses["normal_liver"] = perfused
    if whole_normal_liver_mass_g is not None:
        masses["whole_normal_liver"] = checked_whole_normal_liver_g(whole_normal_liver_mass_g, perfused)
    masses["lung_session"] = checked_lung_mass_g(lung_mass_g)
    earlier = checked_dose_gy(previous_lung_dose_gy, "earlier lung dose in Gy", "type 0 without earlier treatment")
    plans = {
        item.name: plan_of(
            make_compartments(
                nuclide_or_product,
                tumours=item.tumours,
                normal_liver_mass_g=item.normal_liver_mass_g,
                lung_shunt_fraction=item.lung_shunt_fraction,
                lung_mass_g=lung_mass_g,
                residual_fraction=item.residual_fraction,
                dose_constant_j_per_gbq=dose_constant_j_per_gbq,
                product_file=product_file,
            ),
            item.activity_gbq,
        )
        for item in injections
    }
    by_injection = {name: _regional_doses(plan, masses) for name, plan in plans.items()}
    for name, plan in plans.items():
        for doses in by_injection.values():
            doses[own_normal_liver(name)] = plan.normal_liver_dose_gy if doses is by_injection[name] else 0.0
    dose = {region: sum(doses[region] for doses in by_injection.values()) for region in next(iter(by_injection.values()))}
    dose["lung"] = dose["lung_session"] + earlier
    missed = [region for region in masses if region in (tumour_masses_g or {}) and dose[region] == 0]
    warnings = [f"Tumour {region} lies in no territory: it gets no dose." for region in missed]
    warnings += [f"{name}: {text}" for name, plan in plans.items() for text in plan.warnings]
    first = next(iter(plans.values()))
    return InjectionsPlan(
        activities_gbq={item.name: item.activity_gbq for item in injections},
        dose_gy=dose,
        dose_by_injection_gy=by_injection,
        masses_g=masses,
        plans=plans,
        assumptions=(*first.assumptions, *assumptions),
        warnings=tuple(warnings),
    )


def own_normal_liver(injection: str) -> str:
    """Name of the normal liver in the territory of one injection, in doses and limits."""
    return f"normal_liver in {injection}"


def scale_injections(
    nuclide_or_product, injections: Sequence[Injection], limits: Mapping[str, object], **shared
) -> LimitedInjections:
    """The largest common factor on all activities that keeps the limits. limits: as ``activity_for_limits``, for doses of all injections.

    shared: the keyword arguments of ``injections_plan``. Raises DosimetryError when no limit depends on the activities.
    """
    wanted = read_limits(limits)
    plan = injections_plan(nuclide_or_product, injections, **shared)
    earlier = plan.dose_gy["lung"] - plan.dose_gy["lung_session"]
    factors = [_room(limit, earlier) / dose for limit, dose in _session_doses(plan, wanted) if limit.kind == "max" and dose > 0]
    if not factors:
        raise DosimetryError(
            "Expected a limit that some injection reaches, received none; give a limit for the normal liver or the lungs."
        )
    factor = min(factors)
    scaled = [replace(item, activity_gbq=item.activity_gbq * factor) for item in injections]
    return _limited(injections_plan(nuclide_or_product, scaled, **shared), wanted)


def injections_for_goals(
    nuclide_or_product, injections: Sequence[Injection], limits: Mapping[str, object], **shared
) -> LimitedInjections:
    """The least total activity, each position's own, that reaches every goal ("min") within every limit ("max"); a linear program.

    The activities of ``injections`` are not used. Raises DosimetryError when no activities reach the goals within the limits.
    """
    from scipy.optimize import linprog

    wanted = read_limits(limits)
    if not any(limit.kind == "min" for limit in wanted):
        raise DosimetryError('Expected at least one goal such as "T1": ("min", 120), received limits only; use scale_injections.')
    injections = checked_items(injections, Injection, "the injections")
    unit = injections_plan(nuclide_or_product, [replace(item, activity_gbq=1.0) for item in injections], **shared)
    earlier = unit.dose_gy["lung"] - unit.dose_gy["lung_session"]
    rows, bounds = [], []
    for limit, _ in _session_doses(unit, wanted):
        sign = 1.0 if limit.kind == "max" else -1.0
        region = "lung_session" if limit.name == "lung" else limit.name
        rows.append([sign * unit.dose_by_injection_gy[item.name][region] for item in injections])
        bounds.append(sign * _room(limit, earlier))
    solution = linprog(np.ones(len(injections)), A_ub=np.array(rows), b_ub=np.array(bounds), bounds=(0, None))
    if not solution.success:
        raise DosimetryError(
            "Expected goals that can be reached within the limits, received "
            + ", ".join(f"{limit.name} {'≤' if limit.kind == 'max' else '≥'} {limit.dose_gy:g} Gy" for limit in wanted)
            + "; lower a goal, or use scale_injections for the largest activities."
        )
    chosen = [replace(item, activity_gbq=max(float(activity), 0.0)) for item, activity in zip(injections, solution.x)]
    return _limited(injections_plan(nuclide_or_product, chosen, **shared), wanted)


def _tumour_masses(injections: Sequence[Injection], typed: Mapping[str, float]) -> dict[str, float]:
    parts: dict[str, list[float]] = {}
    for item in injections:
        for tumour in item.tumours:
            parts.setdefault(tumour.name, []).append(tumour.mass_g)
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


def _regional_doses(plan: PartitionPlan, masses: Mapping[str, float]) -> dict[str, float]:
    compartments = plan.compartments
    energy = {tumour.name: tumour.mass_g * plan.tumour_dose_gy[tumour.name] for tumour in compartments.tumours}
    energy["normal_liver"] = energy["whole_normal_liver"] = compartments.normal_liver_mass_g * plan.normal_liver_dose_gy
    energy["lung_session"] = compartments.lung_mass_g * plan.lung_dose_gy
    return {region: energy.get(region, 0.0) / mass if mass > 0 else 0.0 for region, mass in masses.items()}


def _session_doses(plan: InjectionsPlan, limits: Sequence[Limit]) -> list[tuple[Limit, float]]:
    refuse_unknown_names(limits, plan.dose_gy)
    return [(limit, plan.dose_gy["lung_session" if limit.name == "lung" else limit.name]) for limit in limits]


def _room(limit: Limit, earlier_gy: float) -> float:
    left = limit.dose_gy - (earlier_gy if limit.name == "lung" else 0.0)
    if left <= 0 and limit.kind == "max":
        raise DosimetryError(
            f"Expected the lungs to have received less than the limit of {limit.dose_gy:g} Gy, received {earlier_gy:.4g} Gy before; "
            "no activity is within the limit."
        )
    return max(left, 0.0)


def check_injections(plan: InjectionsPlan, limits: Sequence[Limit]) -> tuple[LimitCheck, ...]:
    """Every limit and goal at the activities of a plan; binding marks those met exactly."""
    refuse_unknown_names(limits, plan.dose_gy)
    checks = [limit_check(limit, plan.dose_gy[limit.name], tolerance=_CLOSE) for limit in limits]
    return tuple(replace(check, binding=abs(check.margin_gy) <= _CLOSE * check.limit_gy) for check in checks)


def _limited(plan: InjectionsPlan, limits: Sequence[Limit]) -> LimitedInjections:
    checks = check_injections(plan, limits)
    return LimitedInjections(
        plan=plan,
        checks=checks,
        binding=tuple(check.name for check in checks if check.binding),
        goals_reached=all(check.satisfied for check in checks if check.kind == "min"),
    )
