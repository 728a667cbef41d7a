"""The verification file: an image after treatment to dose by compartment, planned against delivered, written as JSON, CSV, page and maps."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, silent
from RNTDosimetryLib.base.provenance import file_hashes, now, versions
from RNTDosimetryLib.images import ActivityImage, CtImage, Region, join_regions, occupancy_on_grid
from RNTDosimetryLib.intake import load_activity_file
from RNTDosimetryLib.intake.volume_files import load_ct_file
from RNTDosimetryLib.measurement import region_mass_g
from RNTDosimetryLib.planning import (
    DeliveredDose,
    LimitCheck,
    SphereDoseMap,
    delivered_dose,
    lung_mass_from_ct,
    verify_plan,
    voxel_plan,
)
from RNTDosimetryLib.planning.limits import limit_check, read_limits
from RNTDosimetryLib.planning.plausibility import checked_dose_gy, plausibility_warnings
from RNTDosimetryLib.planning.positions import own_normal_liver
from RNTDosimetryLib.planning.products import constant_warnings
from RNTDosimetryLib.planning.scout import coverage_warnings
from RNTDosimetryLib.roads.plan.result import PlanResult
from RNTDosimetryLib.roads.plan.run import read_plan, run_plan
from RNTDosimetryLib.roads.plan.scout import read_scan, read_segment, read_segments
from RNTDosimetryLib.roads.verify.request import VerifyRequest
from RNTDosimetryLib.roads.verify.result import LUNGS, NORMAL_LIVER, CompartmentDose, VerifyResult


@dataclass(frozen=True)
class _Planned:
    """What the plan says: doses and limits by name, activities and tumours by territory, net activity and shunt."""

    product: str | None = None
    tumours: dict[str, tuple[str, ...]] = field(default_factory=dict)
    product_file: str | None = None
    dose_constant_j_per_gbq: float | None = None
    dose_gy: dict[str, float] = field(default_factory=dict)
    limits: dict = field(default_factory=dict)
    activities_gbq: dict[str, float] = field(default_factory=dict)
    residuals: dict[str, float] = field(default_factory=dict)
    shunts: dict[str, float] = field(default_factory=dict)
    lung_mass_g: float | None = None
    earlier_lung_gy: float = 0.0
    net_activity_gbq: float | None = None
    lung_shunt_fraction: float | None = None


def compute(request: VerifyRequest, progress: Progress = silent) -> VerifyResult:
    """Dose by compartment of the image after treatment, against the plan. Raises DosimetryError for input that cannot be used."""
    progress(0.0, "Reading plan and image")
    plan = _planned(request)
    image, ct, found = _image(request)
    if request.ct is not None:
        ct = load_ct_file(request.ct)
    here = Path()
    territories, tumours, others = (
        read_segments(item, found, here) for item in (request.territories, request.tumours, request.others)
    )
    normals = _normal_liver(territories, tumours)
    lungs = _lungs(request, plan, ct, found)
    liver = (
        join_regions("liver", [*territories, *tumours])
        if request.liver is None
        else read_segment("liver", request.liver, found, here)
    )
    regions = [*tumours, *normals, *others, *([] if lungs is None else [lungs])]
    net = plan.net_activity_gbq if request.net_activity_gbq is None else request.net_activity_gbq
    shunt = plan.lung_shunt_fraction if request.lung_shunt_fraction is None else request.lung_shunt_fraction
    warnings = [*coverage_warnings(image, regions), *_name_warnings(plan, territories, tumours)]
    if net is not None and shunt is None:
        warnings.append("No lung shunt was given: all of the net activity is expected in the liver.")
    constant = {
        "dose_constant_j_per_gbq": plan.dose_constant_j_per_gbq
        if request.dose_constant_j_per_gbq is None
        else request.dose_constant_j_per_gbq,
        "product_file": request.product_file or plan.product_file,
    }
    product = request.product or plan.product
    warnings += plausibility_warnings(net, region_mass_g(liver), shunt or 0.0, None if lungs is None else lungs.mass_g)
    delivered = delivered_dose(
        image, product, regions, mode=request.mode, liver=liver, net_activity_gbq=net, lung_shunt_fraction=shunt or 0.0, lungs=lungs,
        resolution_fwhm_mm=request.resolution_fwhm_mm, method=request.method, **constant,
    )  # fmt: skip
    warnings += constant_warnings(delivered.map.constant)
    doses = plan.dose_gy | {
        str(name): checked_dose_gy(dose, f"planned dose in Gy of '{name}'", "type what was planned")
        for name, dose in request.planned_dose_gy.items()
    }
    rows = _compartments(regions, normals, doses, delivered)
    unused = sorted(set(request.planned_dose_gy) - {row.name for row in rows})
    if unused:
        raise DosimetryError(
            f"Expected planned doses of {', '.join(row.name for row in rows)}, received one of {', '.join(unused)}; correct the name."
        )
    planned = verification = None
    if request.scout is not None:
        planned = _planned_map(request, plan, product, territories, regions, lungs, constant)
        inside = [region for region in regions if region.name in delivered.region_dose_gy]
        verification = verify_plan(
            planned, delivered.map, inside, planned_region_gy={row.name: row.planned_gy for row in rows if row.planned_gy is not None},
            delivered_region_gy=delivered.region_dose_gy,
        )  # fmt: skip
        warnings += [*verification.warnings, *(f"Planned map: {text}" for text in planned.warnings)]
    return VerifyResult(
        request=request,
        compartments=rows,
        delivered=delivered,
        checks=_checks(plan, rows),
        planned=planned,
        verification=verification,
        net_activity_gbq=net,
        lung_shunt_fraction=shunt,
        input_hashes=file_hashes(request),
        versions=versions(),
        created=now(),
        warnings=tuple(dict.fromkeys((*delivered.warnings, *warnings))),
        regions=tuple(regions),
        ct=ct,
    )


def _planned(request: VerifyRequest) -> _Planned:
    if request.plan is None:
        return _Planned()
    result = run_plan(read_plan(request.plan))
    parts = {NORMAL_LIVER: result.plan} if result.plan is not None else result.injections.plans
    net = {name: part.activity_gbq * (1 - part.compartments.residual_fraction) for name, part in parts.items()}
    shunts = {name: part.compartments.lung_shunt_fraction for name, part in parts.items()}
    total = sum(net.values())
    return _Planned(
        product=result.request.product,
        tumours={name: tuple(tumour.name for tumour in part.compartments.tumours) for name, part in parts.items()},
        product_file=result.request.product_file,
        dose_constant_j_per_gbq=result.request.dose_constant_j_per_gbq,
        dose_gy=_doses(result),
        limits=result.limits,
        activities_gbq={name: part.activity_gbq for name, part in parts.items()},
        residuals={name: part.compartments.residual_fraction for name, part in parts.items()},
        shunts=shunts,
        lung_mass_g=result.request.lung_mass_g,
        earlier_lung_gy=result.request.previous_lung_dose_gy,
        net_activity_gbq=total,
        lung_shunt_fraction=sum(net[name] * shunts[name] for name in net) / total,
    )


def _doses(result: PlanResult) -> dict[str, float]:
    if result.injections is not None:
        return dict(result.injections.dose_gy)
    plan = result.plan
    return plan.tumour_dose_gy | {NORMAL_LIVER: plan.normal_liver_dose_gy, LUNGS: plan.lung_dose_gy}


def _name_warnings(plan: _Planned, territories: list[Region], tumours: list[Region]) -> list[str]:
    """Territories and tumours that are in the plan only, or here only. Raises DosimetryError for a tumour that would count as normal liver."""
    warnings, here = [], {region.name for region in territories}
    several = [name for name in plan.tumours if name != NORMAL_LIVER]
    # Of a plan of several injections only those territories matter that are here, unless all are named otherwise.
    wanted = {name: found for name, found in plan.tumours.items() if name in here} or plan.tumours
    planned_tumours = list(dict.fromkeys(name for found in wanted.values() for name in found))
    for what, planned, regions in (("tumour", planned_tumours, tumours), ("territory", several, territories)):
        names = {region.name for region in regions}
        lacking = [name for name in planned if name not in names]
        if lacking and what == "tumour" and territories:
            raise DosimetryError(
                f"Expected a segment for each tumour of the plan, found none for {', '.join(lacking)} (tumours here: {', '.join(names) or 'none'}); name it as "
                "the plan does, as it would count as normal liver otherwise."
            )
        more = sorted(names - set(planned) - {name for found in plan.tumours.values() for name in found}) if planned else []
        if lacking and regions:
            warnings.append(
                f"The plan has a {what} {', '.join(lacking)} without a segment here: it is not compared with the plan."
            )
        if more:
            warnings.append(f"The plan has no {what} {', '.join(more)}: there is no planned dose of it; check the names.")
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


def _normal_liver(territories: list[Region], tumours: list[Region]) -> list[Region]:
    """Each territory without tumours, by the names of a plan; a tumour that is nowhere near is left alone."""
    found = []
    for territory in territories:
        share = np.array(territory.occupancy, dtype=np.float32)
        for tumour in tumours:
            share = np.minimum(share, 1 - occupancy_on_grid(tumour, territory.geometry))
        if share.any():
            name = NORMAL_LIVER if len(territories) == 1 else own_normal_liver(territory.name)
            found.append(Region(name, territory.geometry, share, density_g_ml=territory.density_g_ml))
    return found


def _lungs(request: VerifyRequest, plan: _Planned, ct: CtImage | None, found: dict[str, Region]) -> Region | None:
    if request.lungs is None:
        return None
    lungs = read_segment(LUNGS, request.lungs, found, Path())
    mass = request.lung_mass_g
    if mass is None and ct is not None:
        mass = lung_mass_from_ct(ct, lungs).mass_g
    mass = plan.lung_mass_g if mass is None else mass
    if mass is None:
        raise DosimetryError(
            "Expected the mass of the lungs from ct, lung_mass_g or plan in the verification file, found none; name one of them."
        )
    return replace(lungs, name=LUNGS, mass_g=mass, density_g_ml=None)


def _compartments(
    regions: list[Region], normals: list[Region], planned: dict[str, float], delivered: DeliveredDose
) -> tuple[CompartmentDose, ...]:
    rows = [
        CompartmentDose(
            region.name, region.volume_ml, region_mass_g(region), planned.get(region.name), delivered.region_dose_gy[region.name],
            delivered.map.histograms[region.name].dose_at_percent_gy,
        )
        for region in regions
        if region.name in delivered.region_dose_gy
    ]  # fmt: skip
    parts = [row for row in rows if row.name in {region.name for region in normals}]
    if len(parts) > 1:
        mass = sum(row.mass_g for row in parts)
        dose = sum(row.mass_g * row.delivered_gy for row in parts) / mass
        rows.append(CompartmentDose(NORMAL_LIVER, sum(row.volume_ml for row in parts), mass, planned.get(NORMAL_LIVER), dose))
    if not rows:
        raise DosimetryError("Expected a segment inside the image after treatment, received none; check the registration.")
    return tuple(rows)


def _checks(plan: _Planned, rows: tuple[CompartmentDose, ...]) -> tuple[LimitCheck, ...]:
    """Limits and goals of the plan at the delivered doses, where there is one."""
    doses = {row.name: row.delivered_gy for row in rows}
    if LUNGS in doses:
        doses["lung"] = doses[LUNGS] + plan.earlier_lung_gy
    return tuple(
        limit_check(limit, doses[limit.name])
        for limit in (read_limits(plan.limits) if plan.limits else ())
        if limit.name in doses
    )


def _planned_map(request: VerifyRequest, plan: _Planned, product, territories, regions, lungs, constant) -> SphereDoseMap:
    """The scout's picture with the activities of the plan; one injection is that of the one territory."""
    names = [territory.name for territory in territories]
    if list(plan.activities_gbq) == [NORMAL_LIVER] and len(names) == 1:
        rename = {NORMAL_LIVER: names[0]}
    else:
        rename = {name: name for name in plan.activities_gbq}
    activities, shunts, residuals = (
        {rename[name]: value for name, value in part.items()} for part in (plan.activities_gbq, plan.shunts, plan.residuals)
    )
    return voxel_plan(
        read_scan(Path(request.scout), "scout")[0], territories, activities, product, lung_shunt_fraction=shunts, residual_fraction=residuals,
        regions=regions, lungs=lungs, method=request.method, **constant,
    )  # fmt: skip
