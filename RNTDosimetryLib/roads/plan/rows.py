"""The compartments of a radioembolisation as rows of the tidy table."""

from RNTDosimetryLib.roads.plan.result import PlanResult
from RNTDosimetryLib.roads.tidy import RegionRow


def compartment_row(name: str, study: str, **values) -> RegionRow:
    """A row of one compartment: lungs and normal liver are organs, tumours lesions, sums of them other."""
    site = next((organ for organ in ("lung", "liver") if organ in name and not name.startswith("tumour")), "")
    kind = "organ" if site else "other" if name == "perfused" else "lesion"
    return RegionRow(study=study, patient=study, region=name, kind=kind, site=site, **values)


def plan_rows(result: PlanResult, study: str = "") -> tuple[RegionRow, ...]:
    """Planned doses of tumours, normal liver and lungs (of this treatment alone), which share no gram; without uncertainty."""
    name, plan, activity = study or result.request.title, result.plan, result.activity_gbq
    doses = plan.dose_gy
    return tuple(
        compartment_row(
            key, name, nuclide=plan.nuclide, administered_activity_mbq=1000 * activity, mass_g=mass, model="planned", dose_gy=doses[key],
            dose_per_activity_gy_per_gbq=doses[key] / activity if activity > 0 else None,
        )
        for key, mass in plan.masses_g.items()
        if mass > 0
    )  # fmt: skip
