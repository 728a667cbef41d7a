"""The plan file: what was typed for a radioembolisation, computed and written as plan.json, plan.csv and plan_report.html."""

from dataclasses import replace
from pathlib import Path

from RNTDosimetryLib.base.documents import beside
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.provenance import file_hashes, now, versions
from RNTDosimetryLib.base.records import checked_path, read_json_file
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.planning import (
    OrderOption,
    Product,
    activity_table,
    bsa_activity,
    check_limits,
    get_product,
    injections_plan,
    list_products,
    make_compartments,
    order_options,
    sampled_doses,
    scale_injections,
    sensitivity,
)
from RNTDosimetryLib.planning.compartments import plan_of
from RNTDosimetryLib.planning.limits import limited_activity, read_limits
from RNTDosimetryLib.planning.positions import check_injections, own_normal_liver
from RNTDosimetryLib.planning.products import UNCHECKED
from RNTDosimetryLib.roads.plan.request import (
    PlanRequest,
    plan_from_dict,
)
from RNTDosimetryLib.roads.plan.result import PlanResult
from RNTDosimetryLib.roads.plan.scout import with_scout


def read_plan(path: str | Path) -> PlanRequest:
    """Request from a JSON file; images of its part "scout" are read and measured, typed numbers win.

    Raises DosimetryError when it is missing, not JSON, or no plan.
    """
    path = checked_path(path, "a plan file")
    data = read_json_file(path, "a plan file")
    if isinstance(data, dict) and data.get("scout"):
        data = with_scout(data, path.parent)
    return beside(plan_from_dict(data), path.parent)


def run_plan(request: PlanRequest) -> PlanResult:
    """Everything of a plan: doses, limits, table, sensitivity, uncertainty and order. Raises DosimetryError for input that cannot be used."""
    product = _product(request)
    limits = dict(request.limits) if request.limits is not None else (product.limits(request.impaired_liver) if product else {})
    stamp = {
        "request": request,
        "product": product,
        "versions": versions(),
        "created": now(),
        "input_hashes": file_hashes(request),
    }
    stamp["body_surface"] = None if request.body_surface is None else bsa_activity(**request.body_surface.to_dict())
    result = _several(request, limits, stamp) if request.injections else _one(request, limits, stamp)
    return result


def _one(request: PlanRequest, limits: dict, stamp: dict) -> PlanResult:
    for name in ("normal_liver_mass_g", "lung_shunt_fraction"):
        if getattr(request, name) is None:
            raise DosimetryError(f"Expected {name} in the plan, found none; type it, 0 if there is none.")
    compartments = make_compartments(
        request.product,
        tumours=request.tumours,
        normal_liver_mass_g=request.normal_liver_mass_g,
        lung_shunt_fraction=request.lung_shunt_fraction,
        lung_mass_g=request.lung_mass_g,
        residual_fraction=request.residual_fraction,
        dose_constant_j_per_gbq=request.dose_constant_j_per_gbq,
        whole_normal_liver_mass_g=request.whole_normal_liver_mass_g,
        previous_lung_dose_gy=request.previous_lung_dose_gy,
        product_file=request.product_file,
    )
    wanted = read_limits(limits) if limits else ()
    limited = None
    if request.activity_gbq is None:
        if not wanted:
            raise DosimetryError("Expected an activity or limits in the plan, found neither; type one of them.")
        limited = limited_activity(compartments, wanted)
        activity, checks = limited.activity_gbq, limited.checks
    else:
        from RNTDosimetryLib.planning.plausibility import checked_activity_gbq

        activity = checked_activity_gbq(request.activity_gbq)
        checks = check_limits(compartments, activity, wanted)
    plan = plan_of(compartments, activity)
    sampled = None
    if request.uncertainty is not None:
        sampled = sampled_doses(
            compartments, activity, request.uncertainty, limits=limits or None, samples=request.samples, seed=request.seed
        )
    orders = _orders(request, stamp["product"], activity, compartments.perfused_mass_g)
    return PlanResult(
        activity_gbq=activity,
        limits=limits,
        checks=checks,
        binding=None if limited is None else limited.binding,
        plan=plan,
        limited=limited,
        table=activity_table(compartments, None, limits or None, activity),
        sensitivity=sensitivity(compartments, activity),
        sampled=sampled,
        orders=orders,
        warnings=_all_warnings(limited.warnings if limited else plan.warnings, checks, orders, stamp),
        **stamp,
    )


def _several(request: PlanRequest, limits: dict, stamp: dict) -> PlanResult:
    if request.tumours or request.normal_liver_mass_g is not None or request.lung_shunt_fraction is not None:
        raise DosimetryError(
            "Expected tumours, masses and shunt inside each injection, received them outside too; keep one of them."
        )
    if request.activity_gbq is not None or request.residual_fraction:
        raise DosimetryError(
            "Expected activity_gbq and residual_fraction inside each injection, received one of them outside; type them for each injection."
        )
    if request.uncertainty is not None:
        raise DosimetryError(
            "Expected an uncertainty for plans of one injection only, received one for several; plan each position alone."
        )
    shared = {
        "tumour_masses_g": request.tumour_masses_g or None,
        "perfused_normal_liver_mass_g": request.perfused_normal_liver_mass_g,
        "whole_normal_liver_mass_g": request.whole_normal_liver_mass_g,
        "lung_mass_g": request.lung_mass_g,
        "previous_lung_dose_gy": request.previous_lung_dose_gy,
        "dose_constant_j_per_gbq": request.dose_constant_j_per_gbq,
        "product_file": request.product_file,
    }
    if request.limits is None and "normal_liver" in limits:
        # A mean over all territories could hide one that receives too much.
        limits = limits | {
            own_normal_liver(item.name): limits["normal_liver"] for item in request.injections if item.normal_liver_mass_g > 0
        }
    binding = None
    if limits and not request.keep_activities:
        scaled = scale_injections(request.product, request.injections, limits, **shared)
        plan, checks, binding = scaled.plan, scaled.checks, ", ".join(scaled.binding)
    else:
        plan = injections_plan(request.product, request.injections, **shared)
        checks = check_injections(plan, read_limits(limits)) if limits else ()
    activity = sum(plan.activities_gbq.values())
    orders = tuple(
        replace(option, injection=name)
        for name, part in plan.plans.items()
        if part.activity_gbq > 0
        for option in _orders(request, stamp["product"], part.activity_gbq, part.compartments.perfused_mass_g)
    )
    return PlanResult(
        activity_gbq=activity,
        limits=limits,
        checks=checks,
        binding=binding,
        injections=plan,
        orders=orders,
        warnings=_all_warnings(plan.warnings, checks, orders, stamp),
        **stamp,
    )


def _orders(request: PlanRequest, product: Product | None, activity: float, perfused_mass_g: float) -> tuple[OrderOption, ...]:
    if request.order is None:
        return ()
    if product is None:
        raise DosimetryError(f"Expected a product to order, received the nuclide {request.product}; name the product.")
    volume = request.order.perfused_volume_ml
    if volume is None:
        volume = perfused_mass_g / read_json("images", "measurement.json")["soft_tissue_density_g_ml"]
    return order_options(
        product,
        activity,
        request.order.administrations,
        perfused_volume_ml=volume,
        calibration=request.order.calibration,
        largest_deviation=request.order.largest_deviation,
    )


def _product(request: PlanRequest) -> Product | None:
    plain = "".join(c for c in request.product.lower() if c.isalnum())
    known = {"".join(c for c in name.lower() if c.isalnum()) for name in list_products(request.product_file)}
    return get_product(request.product, request.product_file) if plain in known else None


def _all_warnings(first, checks, orders, stamp) -> tuple[str, ...]:
    broken = [
        f"{check.name.replace('_', ' ')}: {check.dose_gy:.4g} Gy is {check.verdict} of {check.limit_gy:g} Gy."
        for check in checks
        if not check.satisfied
    ]
    surface = stamp["body_surface"].warnings if stamp["body_surface"] else ()
    product = stamp["product"]
    if product is not None and stamp["request"].limits is None:
        unchecked = [
            name for name, item in product.limits_gy.items() if item.status == UNCHECKED and any(c.name == name for c in checks)
        ]
        broken += [
            f"The limit of {name} for {product.name} is in common use but was not checked with its source." for name in unchecked
        ]
    return tuple(
        dict.fromkeys(
            (
                *broken,
                *stamp["request"].scout_warnings,
                *first,
                *(text for option in orders[:1] for text in option.warnings),
                *surface,
            )
        )
    )
