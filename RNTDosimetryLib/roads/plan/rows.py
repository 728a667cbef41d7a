"""The compartments of a radioembolisation as rows of the tidy table."""

from RNTDosimetryLib.planning import PartitionPlan
from RNTDosimetryLib.roads.plan.result import PlanResult
from RNTDosimetryLib.roads.tidy import RegionRow


def compartment_row(name: str, study: str, **values) -> RegionRow:
    """A row of one compartment: lungs and normal liver are organs, tumours lesions, sums of them other."""
    site = next((organ for organ in ("lung", "liver") if organ in name and not name.startswith("tumour")), "")
    kind = "organ" if site else "other" if name == "perfused" else "lesion"
    return RegionRow(study=study, patient=study, region=name, kind=kind, site=site, **values)


def plan_rows(result: PlanResult, study: str = "") -> tuple[RegionRow, ...]:
    """Planned doses of tumours, normal liver and lungs (of this treatment alone), without uncertainty."""
    name = study or result.request.title
    plan, injections = result.plan, result.injections
    if injections is not None:
        nuclide = next(iter(injections.plans.values())).nuclide
        doses = {key: dose for key, dose in injections.dose_gy.items() if key not in ("lung", "perfused", "whole_normal_liver")}
        masses = injections.masses_g
    elif plan is not None:
        nuclide, (doses, masses) = plan.nuclide, _of_one(plan)
    else:
        return ()
    activity = result.activity_gbq
    return tuple(
        compartment_row(
            key, name, nuclide=nuclide, administered_activity_mbq=1000 * activity, mass_g=masses.get(key) or None, model="planned", dose_gy=dose,
            dose_per_activity_gy_per_gbq=dose / activity if activity > 0 else None,
        )
        for key, dose in doses.items()
    )  # fmt: skip


def _of_one(plan: PartitionPlan) -> tuple[dict[str, float], dict[str, float]]:
    masses = {tumour.name: tumour.mass_g for tumour in plan.compartments.tumours}
    masses |= {"normal_liver": plan.compartments.normal_liver_mass_g, "lung_session": plan.compartments.lung_mass_g}
    doses = {**plan.tumour_dose_gy, "lung_session": plan.lung_dose_gy}
    return doses | ({"normal_liver": plan.normal_liver_dose_gy} if masses["normal_liver"] > 0 else {}), masses
