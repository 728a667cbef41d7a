"""The verification file: an image after treatment to dose by compartment, planned against delivered, written as JSON, CSV, page and maps."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, silent
from RNTDosimetryLib.base.provenance import file_hashes, now, versions
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images import ActivityImage, CtImage, Region, join_regions, occupancy_on_grid
from RNTDosimetryLib.intake import load_activity_file
from RNTDosimetryLib.intake.volume_files import load_ct_file
from RNTDosimetryLib.measurement import region_mass_g
from RNTDosimetryLib.planning import (
    Compartment,
    DeliveredDose,
    LimitCheck,
    SphereDoseMap,
    delivered_dose,
    judged,
    lung_mass_from_ct,
    verify_plan,
    voxel_plan,
)
from RNTDosimetryLib.planning.compartments import LUNGS, LUNGS_SESSION, NORMAL_LIVER, ONLY, OTHER, TUMOR
from RNTDosimetryLib.planning.plausibility import checked_dose_gy, plausibility_warnings
from RNTDosimetryLib.planning.products import constant_warnings
from RNTDosimetryLib.planning.scout import coverage_warnings
from RNTDosimetryLib.roads.plan.result import PlanResult
from RNTDosimetryLib.roads.plan.run import broken_limits, read_plan_result
from RNTDosimetryLib.roads.plan.scout import read_scan, read_segment, read_segments
from RNTDosimetryLib.roads.verify.request import VerifyRequest
from RNTDosimetryLib.roads.verify.result import CompartmentDose, VerifyResult

Parts = dict[Compartment, Region]
"""What is reported, by compartment; a region has the key of its compartment as name, another region its own."""


def compute(request: VerifyRequest, progress: Progress = silent) -> VerifyResult:
    """Dose by compartment of the image after treatment, against the plan. Raises DosimetryError for input that cannot be used."""
    progress(0.0, "Reading plan and image")
    plan = None if request.plan is None else read_plan_result(request.plan)
    image, ct, found = _image(request)
    if request.ct is not None:
        ct = load_ct_file(request.ct)
    here = Path()
    territories, tumours, others = (
        read_segments(item, found, here) for item in (request.territories, request.tumours, request.others)
    )
    lungs = _lungs(request, plan, ct, found)
    normals = _normal_liver(plan, territories, tumours)
    parts: Parts = {Compartment(TUMOR, region.name): region for region in tumours} | normals
    parts |= {Compartment(OTHER, region.name): region for region in others}
    if lungs is not None:
        parts[Compartment(LUNGS_SESSION)] = lungs
    liver = (
        join_regions("liver", [*territories, *tumours])
        if request.liver is None
        else read_segment("liver", request.liver, found, here)
    )
    regions = list(parts.values())
    net, shunt = request.net_activity_gbq, request.lung_shunt_fraction
    if plan is not None:
        net = plan.plan.compartments.net_activity_gbq if net is None else net
        shunt = plan.plan.compartments.lung_shunt_fraction if shunt is None else shunt
    warnings = [*coverage_warnings(image, regions), *_name_warnings(plan, territories, tumours)]
    if net is not None and shunt is None:
        warnings.append(warned("verification_without_shunt"))
    product, constant = request.product or plan.request.product, _constant(request, plan)
    warnings += plausibility_warnings(net, region_mass_g(liver), shunt or 0.0, None if lungs is None else lungs.mass_g)
    delivered = delivered_dose(
        image, product, regions, mode=request.mode, liver=liver, net_activity_gbq=net, lung_shunt_fraction=shunt or 0.0, lungs=lungs,
        resolution_fwhm_mm=request.resolution_fwhm_mm, method=request.method, **constant,
    )  # fmt: skip
    warnings += constant_warnings(delivered.map.constant)
    entered = _entered_doses(request)
    planned_gy = {} if plan is None else {item.compartment: item.dose_gy for item in plan.plan.doses}
    rows = _compartments(parts, normals, planned_gy | entered, delivered)
    _refuse_unused(entered, rows)
    planned = verification = None
    if request.scout is not None:
        planned = _planned_map(request, plan, product, territories, regions, lungs, constant)
        inside = [region for region in regions if region.name in delivered.region_dose_gy]
        named = {parts[row.compartment].name: row.planned_gy for row in rows if row.compartment in parts}
        verification = verify_plan(
            planned, delivered.map, inside, planned_region_gy={name: dose for name, dose in named.items() if dose is not None},
            delivered_region_gy=delivered.region_dose_gy,
        )  # fmt: skip
        warnings += [*verification.warnings, *(f"Planned map: {text}" for text in planned.warnings)]
    checks = _checks(plan, rows)
    return VerifyResult(
        request=request,
        compartments=rows,
        delivered=delivered,
        checks=checks,
        planned=planned,
        verification=verification,
        net_activity_gbq=net,
        lung_shunt_fraction=shunt,
        input_hashes=file_hashes(request),
        versions=versions(),
        created=now(),
        warnings=tuple(dict.fromkeys((*broken_limits(checks), *delivered.warnings, *warnings))),
        regions=tuple(regions),
        ct=ct,
    )


def _constant(request: VerifyRequest, plan: PlanResult | None) -> dict:
    """The dose constant and the product file that were named here, else those of the plan."""
    constant, file = request.dose_constant_j_per_gbq, request.product_file
    if plan is not None:
        constant = plan.request.dose_constant_j_per_gbq if constant is None else constant
        file = file or plan.request.product_file
    return {"dose_constant_j_per_gbq": constant, "product_file": file}


def _entered_doses(request: VerifyRequest) -> dict[Compartment, float]:
    """Planned doses that were entered here."""
    others = set(request.others)
    return {
        Compartment(OTHER, str(name)) if name in others else Compartment.of(str(name)): checked_dose_gy(
            dose, f"planned dose in Gy of '{name}'", "type what was planned"
        )
        for name, dose in request.planned_dose_gy.items()
    }


def _refuse_unused(entered: dict[Compartment, float], rows: tuple[CompartmentDose, ...]) -> None:
    unused = sorted(place.key for place in set(entered) - {row.compartment for row in rows})
    if unused:
        raise DosimetryError(
            f"Expected planned doses of {', '.join(row.name for row in rows)}, received one of {', '.join(unused)}; correct the name."
        )


def _name_warnings(plan: PlanResult | None, territories: list[Region], tumours: list[Region]) -> list[str]:
    """Territories and tumours that are in the plan only, or here only. Raises DosimetryError for a tumour that would count as normal liver."""
    if plan is None:
        return []
    warnings, here = [], {region.name for region in territories}
    inside = {item.name: [tumour.name for tumour in item.tumours] for item in plan.plan.compartments.injections}
    several = [name for name in inside if name != ONLY]
    # Of a plan of several injections only those territories matter that are here, unless all are named otherwise.
    wanted = {name: found for name, found in inside.items() if name in here} or inside
    planned_tumours = list(dict.fromkeys(name for found in wanted.values() for name in found))
    for what, planned, regions in (("tumour", planned_tumours, tumours), ("territory", several, territories)):
        names = {region.name for region in regions}
        lacking = [name for name in planned if name not in names]
        if lacking and what == "tumour" and territories:
            raise DosimetryError(
                f"Expected a segment for each tumour of the plan, found none for {', '.join(lacking)} (tumours here: {', '.join(names) or 'none'}); name it as "
                "the plan does, as it would count as normal liver otherwise."
            )
        more = sorted(names - set(planned) - {name for found in inside.values() for name in found}) if planned else []
        if lacking and regions:
            warnings.append(warned("planned_without_segment", what=what, names=", ".join(lacking)))
        if more:
            warnings.append(warned("segment_without_plan", what=what, names=", ".join(more)))
    return warnings


def _image(request: VerifyRequest) -> tuple[ActivityImage, CtImage | None, dict[str, Region]]:
    path = Path(request.image)
    if not os.path.exists(path):
        raise DosimetryError(f"Expected an image after treatment at {path}, found none; check the path.")
    if os.path.isdir(path) or request.mode == "relative":
        if request.activity:
            raise DosimetryError(
                "Expected activity in the verification file only for a volume file in absolute terms, received it too; leave it out."
            )
        return read_scan(path, "treatment")
    return load_activity_file(path, request.activity), None, {}


def _normal_liver(plan: PlanResult | None, territories: list[Region], tumours: list[Region]) -> Parts:
    """Each territory without tumours; a tumour that is nowhere near is left alone. The only territory is all of them, but for a plan that has more."""
    planned = () if plan is None else [item.name for item in plan.plan.compartments.injections]
    alone = len(territories) == 1 and not (len(planned) > 1 and territories[0].name in planned)
    found = {}
    for territory in territories:
        share = np.array(territory.occupancy, dtype=np.float32)
        for tumour in tumours:
            share = np.minimum(share, 1 - occupancy_on_grid(tumour, territory.geometry))
        if share.any():
            place = Compartment(NORMAL_LIVER, territory="" if alone else territory.name)
            found[place] = Region(place.key, territory.geometry, share, density_g_ml=territory.density_g_ml)
    return found


def _lungs(request: VerifyRequest, plan: PlanResult | None, ct: CtImage | None, found: dict[str, Region]) -> Region | None:
    if request.lungs is None:
        return None
    lungs = read_segment(LUNGS_SESSION, request.lungs, found, Path())
    mass = request.lung_mass_g
    if mass is None and ct is not None:
        mass = lung_mass_from_ct(ct, lungs).mass_g
    if mass is None and plan is not None:
        mass = plan.plan.compartments.lung_mass_g
    if mass is None:
        raise DosimetryError(
            "Expected the mass of the lungs from ct, lung_mass_g or plan in the verification file, found none; name one of them."
        )
    return replace(lungs, name=LUNGS_SESSION, mass_g=mass, density_g_ml=None)


def _compartments(
    parts: Parts, normals: Parts, planned: dict[Compartment, float], delivered: DeliveredDose
) -> tuple[CompartmentDose, ...]:
    rows = [
        CompartmentDose(
            place, region.volume_ml, region_mass_g(region), planned.get(place), delivered.region_dose_gy[region.name],
            delivered.map.histograms[region.name].dose_at_percent_gy,
        )
        for place, region in parts.items()
        if region.name in delivered.region_dose_gy
    ]  # fmt: skip
    inside = [row for row in rows if row.compartment in normals]
    if len(inside) > 1:
        mass, place = sum(row.mass_g for row in inside), Compartment(NORMAL_LIVER)
        dose = sum(row.mass_g * row.delivered_gy for row in inside) / mass
        rows.append(CompartmentDose(place, sum(row.volume_ml for row in inside), mass, planned.get(place), dose))
    if not rows:
        raise DosimetryError("Expected a segment inside the image after treatment, received none; check the registration.")
    return tuple(rows)


def _checks(plan: PlanResult | None, rows: tuple[CompartmentDose, ...]) -> tuple[LimitCheck, ...]:
    """Limits and goals of the plan at the delivered doses, where there is one."""
    if plan is None:
        return ()
    doses = {row.compartment: row.delivered_gy for row in rows}
    if Compartment(LUNGS_SESSION) in doses:
        doses[Compartment(LUNGS)] = doses[Compartment(LUNGS_SESSION)] + plan.plan.compartments.previous_lung_dose_gy
    return tuple(judged(limit, doses[limit.compartment]) for limit in plan.limits if limit.compartment in doses)


def _planned_map(request: VerifyRequest, plan: PlanResult, product, territories, regions, lungs, constant) -> SphereDoseMap:
    """The scout's picture with the activities of the plan; one injection is that of the one territory."""
    injections = plan.plan.compartments.injections
    alone = len(territories) == 1 and [item.name for item in injections] == [ONLY]
    of = {territories[0].name if alone else item.name: item for item in injections}
    return voxel_plan(
        read_scan(Path(request.scout), "scout")[0], territories, {name: item.activity_gbq for name, item in of.items()}, product,
        lung_shunt_fraction={name: item.lung_shunt_fraction for name, item in of.items()},
        residual_fraction={name: item.residual_fraction for name, item in of.items()},
        regions=regions, lungs=lungs, method=request.method, **constant,
    )  # fmt: skip
