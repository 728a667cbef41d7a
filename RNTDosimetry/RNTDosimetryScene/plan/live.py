"""The live plan of the panel: of the segments with all tumors and territories, or typed, of one injection or several."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.planning import Injection, Tumour, list_products
from RNTDosimetryLib.planning.positions import own_normal_liver
from RNTDosimetryLib.roads import plan as plan_road
from RNTDosimetryLib.roads.plan.request import PlanRequest
from RNTDosimetryLib.roads.plan.result import PlanResult
from RNTDosimetryLib.roads.plan.run import run_plan
from RNTDosimetryScene.plan import from_segments, injections

TYPED, MEASURED, STALE = "typed", "measured", "stale"
_TUMOR, _LIVER, _LUNG = "tumor", "normal_liver", "lung"
_NAMES = {_TUMOR: "Tumor", _LIVER: "Normal liver", _LUNG: "Lungs", "whole_normal_liver": "Whole normal liver"}
_STEP_GBQ, _LARGEST_GBQ = 0.001, 100.0


@dataclass(frozen=True)
class LivePlan:
    """What the table shows. source: TYPED, MEASURED from the segments, or STALE when these have changed since.

    rows: one a compartment with name, dose_gy, limit_gy, verdict, broken. words: what activity the limits allow.
    """

    rows: list[dict]
    words: str
    warnings: tuple[str, ...]
    largest_gbq: float
    source: str
    several: bool


def product_names() -> list[str]:
    """Nuclides and products that a plan can be made with."""
    return ["Y-90", "Ho-166", *list_products()]


def live_plan(parameter_node) -> LivePlan:
    """The plan of now with its limits checked. Raises DosimetryError for values that make no plan."""
    request, source = _request(parameter_node)
    result = run_plan(request)
    largest = run_plan(replace(request, keep_activities=False) if request.injections else replace(request, activity_gbq=None))
    binding = ", ".join(_words(name).lower() for name in largest.binding.split(", "))
    return LivePlan(
        rows=_rows(result),
        words=f"Largest activity within the limits: {largest.activity_gbq:.3g} GBq, bound by {binding}.",
        warnings=(*request.notes, *(text for text in result.warnings if not _is_verdict(text, result))),
        largest_gbq=largest.activity_gbq,
        source=source,
        several=bool(request.injections) or len(request.tumours) > 1,
    )


def injections_of(parameter_node) -> tuple[tuple[Injection, ...], bool]:
    """The injections of the plan, none for a plan of one, and whether all of their values were typed."""
    typed = injections.typed_injections(parameter_node)
    if typed:
        return typed, True
    kept = from_segments.kept_plan(parameter_node)
    return (() if kept is None or kept.typed_over else kept.request.injections), False


def type_injection(parameter_node, row: int, key: str, text: str) -> None:
    """Take a typed value of an injection of the table: its "activity_gbq", or of a typed one any other."""
    found, typed = injections_of(parameter_node)
    if key == "activity_gbq":
        injections.type_activity(parameter_node, found, found[row].name, text)
    elif typed:
        injections.type_injection(parameter_node, row, key, text)


def take_largest(parameter_node) -> None:
    """The largest activity within the limits becomes the typed one. Raises DosimetryError when the panel cannot hold it."""
    largest = live_plan(parameter_node).largest_gbq
    if not _STEP_GBQ <= largest <= _LARGEST_GBQ:
        raise DosimetryError(
            f"Expected limits that allow {_STEP_GBQ:g} to {_LARGEST_GBQ:g} GBq, received {largest:.4g} GBq; check limits and masses."
        )
    # Rounded down to what the panel shows, so that the limit is still kept.
    parameter_node.planActivityGBq = math.floor(largest / _STEP_GBQ) * _STEP_GBQ


def write_plan(parameter_node, folder) -> list[Path]:
    """Write plan_report.html, plan.json and plan.csv of the plan that the table shows. Raises DosimetryError when it is out of date."""
    request, source = _request(parameter_node)
    if source == STALE:
        raise DosimetryError(
            "Expected the plan of the segments as they are, received that of earlier ones; plan from segments again."
        )
    return plan_road.write(run_plan(request), folder)


def _request(parameter_node) -> tuple[PlanRequest, str]:
    typed = injections.typed_injections(parameter_node)
    if typed:
        return _typed_request(parameter_node, typed), TYPED
    kept = from_segments.kept_plan(parameter_node)
    if kept is not None and not kept.typed_over:
        return kept.request, STALE if kept.stale else MEASURED
    mass = parameter_node.planTumorMassG
    request = PlanRequest(
        product=parameter_node.planProduct,
        activity_gbq=parameter_node.planActivityGBq,
        tumours=(Tumour(_TUMOR, mass_g=mass, tnr=parameter_node.planTumorToNormal),) if mass > 0 else (),
        normal_liver_mass_g=parameter_node.planNormalLiverMassG,
        lung_shunt_fraction=parameter_node.planLungShuntPercent / 100.0,
        lung_mass_g=parameter_node.planLungMassG,
        limits={_LIVER: parameter_node.planLiverLimitGy, _LUNG: parameter_node.planLungLimitGy},
    )
    return request, TYPED


def _typed_request(parameter_node, typed: tuple[Injection, ...]) -> PlanRequest:
    """Every injection as typed. The limit of the normal liver holds in each territory: a mean could hide one that receives too much."""
    livers = [own_normal_liver(item.name) for item in typed if item.normal_liver_mass_g > 0]
    return PlanRequest(
        product=parameter_node.planProduct,
        injections=typed,
        keep_activities=True,
        lung_mass_g=parameter_node.planLungMassG,
        limits=dict.fromkeys(livers, parameter_node.planLiverLimitGy) | {_LUNG: parameter_node.planLungLimitGy},
    )


def _rows(result: PlanResult) -> list[dict]:
    checks = {check.name: check for check in result.checks}
    rows = []
    for name, dose in _doses(result).items():
        check = checks.get(name)
        rows.append(
            {
                "name": _words(name),
                "dose_gy": dose,
                "limit_gy": None if check is None else check.limit_gy,
                "verdict": "" if check is None else check.verdict,
                "broken": check is not None and not check.satisfied,
            }
        )
    return rows


def _doses(result: PlanResult) -> dict[str, float]:
    """Doses by compartment; the lungs come last."""
    if result.injections is not None:
        doses = {name: dose for name, dose in result.injections.dose_gy.items() if name not in (_LUNG, "lung_session")}
        return doses | {_LUNG: result.injections.dose_gy[_LUNG]}
    doses = dict(result.plan.tumour_dose_gy) | {_LIVER: result.plan.normal_liver_dose_gy}
    if result.plan.whole_normal_liver_dose_gy is not None:
        doses["whole_normal_liver"] = result.plan.whole_normal_liver_dose_gy
    return doses | {_LUNG: result.plan.cumulative_lung_dose_gy}


def _words(name: str) -> str:
    """Name of a compartment for people; tumors keep theirs."""
    if name.startswith(f"{_LIVER} in "):
        return f"{_NAMES[_LIVER]}{name.removeprefix(_LIVER)}"
    return _NAMES.get(name, name)


def _is_verdict(text: str, result: PlanResult) -> bool:
    """Whether a warning only says what a row of the table says."""
    return any(text.startswith(f"{check.name.replace('_', ' ')}: ") for check in result.checks if not check.satisfied)
