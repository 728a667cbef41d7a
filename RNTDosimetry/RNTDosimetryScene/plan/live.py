"""The live plan of the panel: of the segments with all tumors and territories, or entered, of one injection or several."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import kind_of, ranked
from RNTDosimetryLib.planning import Injection, Tumour, get_product, is_product, list_products
from RNTDosimetryLib.planning.compartments import LUNGS, LUNGS_SESSION, PERFUSED
from RNTDosimetryLib.roads import plan as plan_road
from RNTDosimetryLib.roads.plan.request import PlanRequest
from RNTDosimetryLib.roads.plan.result import PlanResult
from RNTDosimetryLib.roads.plan.run import run_plan
from RNTDosimetryScene.plan import from_segments, injections
from RNTDosimetryScene.plan.entered import Entered, entered_of, refuse_missing

ENTERED, MEASURED, STALE = "entered", "measured", "stale"
_TUMOR = "tumor"
_STEP_GBQ, _LARGEST_GBQ = 0.001, 100.0
_IN_THE_ROWS = ("limit_broken", "goal_missed")
"""Warnings that a row of the table says."""


@dataclass(frozen=True)
class LivePlan:
    """What the table shows. source: ENTERED, MEASURED from the segments, or STALE when these have changed since.

    rows: one a compartment with name, dose_gy, limits, verdict, broken, missed. words: what activity the limits allow. overruled: fields whose
    measured value was overruled, with the measured value.
    """

    rows: list[dict]
    words: str
    warnings: tuple[str, ...]
    source: str
    several: bool
    overruled: dict[str, float]


def product_names() -> list[str]:
    """Nuclides and products that a plan can be made with."""
    return ["Y-90", "Ho-166", *list_products()]


def live_plan(parameter_node) -> LivePlan:
    """The plan of now with its limits checked. Raises DosimetryError for what is not given yet, and for values that make no plan."""
    given = entered_of(parameter_node)
    request, source, overruled = _request(parameter_node, given)
    refuse_missing(given.missing("activity_gbq"))
    result = run_plan(request)
    return LivePlan(
        rows=_rows(result),
        words=_largest_words(result),
        warnings=(*request.notes, *(text for text in ranked(result.warnings) if not _said_in_the_rows(text))),
        source=source,
        several=bool(request.injections) or len(request.tumours) > 1,
        overruled=overruled,
    )


def largest_gbq(parameter_node) -> float:
    """The largest activity within the limits, which needs no activity. Raises DosimetryError for what is not given yet, and without such limits."""
    request, _source, _overruled = _request(parameter_node, entered_of(parameter_node))
    result = run_plan(replace(request, keep_activities=False) if request.injections else replace(request, activity_gbq=None))
    if result.largest_activity_gbq is None:
        raise DosimetryError(
            "Expected a limit that bounds the activity, received none; choose a product, or enter the limit of the liver or the lungs."
        )
    return result.largest_activity_gbq


def injections_of(parameter_node) -> tuple[tuple[Injection, ...], bool]:
    """The injections of the plan, none for a plan of one, and whether all of their values were entered."""
    entered = injections.typed_injections(parameter_node)
    if entered:
        return entered, True
    kept = from_segments.kept_plan(parameter_node)
    return (() if kept is None else kept.request.injections), False


def type_injection(parameter_node, row: int, key: str, text: str) -> None:
    """Take an entered value of an injection of the table: its "activity_gbq", or of an entered one any other."""
    found, entered = injections_of(parameter_node)
    if key == "activity_gbq":
        injections.type_activity(parameter_node, found, found[row].name, text)
    elif entered:
        injections.type_injection(parameter_node, row, key, text)


def take_largest(parameter_node) -> None:
    """The largest activity within the limits becomes the entered one. Raises DosimetryError when the panel cannot hold it."""
    largest = largest_gbq(parameter_node)
    if not _STEP_GBQ <= largest <= _LARGEST_GBQ:
        raise DosimetryError(
            f"Expected limits that allow {_STEP_GBQ:g} to {_LARGEST_GBQ:g} GBq, received {largest:.4g} GBq; check limits and masses."
        )
    # Rounded down to what the panel shows, so that the limit is still kept.
    parameter_node.planActivityGBq = math.floor(largest / _STEP_GBQ) * _STEP_GBQ


def write_plan(parameter_node, folder) -> list[Path]:
    """Write plan_report.html, plan.json and plan.csv of the plan that the table shows. Raises DosimetryError when it is out of date."""
    given = entered_of(parameter_node)
    request, source, _overruled = _request(parameter_node, given)
    refuse_missing(given.missing("activity_gbq"))
    if source == STALE:
        raise DosimetryError(
            "Expected the plan of the segments as they are, received that of earlier ones; plan from segments again."
        )
    return plan_road.write(run_plan(request), folder)


def _request(parameter_node, given: Entered) -> tuple[PlanRequest, str, dict[str, float]]:
    """The request of now, where it comes from, and what was overruled of it."""
    entered = injections.typed_injections(parameter_node)
    kept = None if entered else from_segments.kept_plan(parameter_node)
    if entered:
        refuse_missing(given.missing("product"))
        request, source, overruled = PlanRequest(injections=entered), ENTERED, {}
        request = replace(request, whole_normal_liver_mass_g=given.whole_normal_liver_mass_g, lung_mass_g=given.lung_mass_g)
    elif kept is not None:
        refuse_missing(given.missing("product"))
        request, source, overruled = kept.request, STALE if kept.stale else MEASURED, kept.overruled
    else:
        request, source, overruled = _one_injection(given), ENTERED, {}
    request = replace(request, product=given.product, conditions=given.conditions, keep_activities=bool(request.injections))
    if not request.injections:
        request = replace(request, activity_gbq=given.activity_gbq)
    product = get_product(given.product) if is_product(given.product) else None
    limits = given.limits_for(request.compartments(product))
    return replace(request, limits=limits, keep_product_limits=limits is not None), source, overruled


def _one_injection(given: Entered) -> PlanRequest:
    needed = ["product", "tumor_mass_g", "normal_liver_mass_g", "lung_shunt_fraction"]
    if given.tumor_mass_g:
        needed.insert(2, "tumor_to_normal")
    refuse_missing(given.missing(*needed))
    return PlanRequest(
        tumours=(Tumour(_TUMOR, mass_g=given.tumor_mass_g, tnr=given.tumor_to_normal),) if given.tumor_mass_g else (),
        normal_liver_mass_g=given.normal_liver_mass_g,
        whole_normal_liver_mass_g=given.whole_normal_liver_mass_g,
        lung_shunt_fraction=given.lung_shunt_fraction,
        lung_mass_g=given.lung_mass_g,
    )


def _rows(result: PlanResult) -> list[dict]:
    """Every dose with what is asked of it; the lungs come last, and once where both of their numbers are the same."""
    asked = {check.compartment for check in result.checks}
    earlier = result.plan.compartments.previous_lung_dose_gy > 0
    rows = []
    for item in result.plan.doses:
        place = item.compartment
        if place.kind == PERFUSED and place not in asked:
            continue
        if place.kind == LUNGS_SESSION and not earlier:
            continue
        both = (LUNGS, LUNGS_SESSION) if place.kind == LUNGS and not earlier else (place.kind,)
        checks = [
            check
            for check in result.checks
            if check.compartment == place or (place.kind == LUNGS and check.compartment.kind in both)
        ]
        # Of two limits on one number the strictest says all.
        checks = _strictest(checks)
        rows.append(
            {
                "name": "Lungs" if place.kind == LUNGS and not earlier else place.label,
                "dose_gy": item.dose_gy,
                "limits": "; ".join(check.limit.words.removesuffix(" Gy") for check in checks),
                "verdict": "; ".join(check.verdict for check in checks),
                "broken": any(check.kind == "max" and not check.satisfied for check in checks),
                "missed": any(check.kind == "min" and not check.satisfied for check in checks),
            }
        )
    return rows


def _strictest(checks: list) -> list:
    highest = [min(group, key=lambda check: check.limit_gy) for group in [[c for c in checks if c.kind == "max"]] if group]
    lowest = [max(group, key=lambda check: check.limit_gy) for group in [[c for c in checks if c.kind == "min"]] if group]
    return highest + lowest


def _largest_words(result: PlanResult) -> str:
    if result.largest_activity_gbq is None:
        return "No limit bounds the activity: choose a product, or enter limits."
    reached = [check for check in result.checks if check.kind == "max" and check.activity_gbq is not None]
    binding = min(reached, key=lambda check: check.activity_gbq).compartment.label
    binding = binding if binding in result.plan.tumour_dose_gy else binding.lower()
    return f"Largest activity within the limits: {result.largest_activity_gbq:.3g} GBq, bound by {binding}."


def _said_in_the_rows(text: str) -> bool:
    kind = kind_of(text)
    return kind is not None and kind.code in _IN_THE_ROWS
