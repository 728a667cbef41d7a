"""A radioembolisation planned: the verb plan."""

from RNTDosimetryLib.roads.plan.outputs import deliver
from RNTDosimetryLib.roads.plan.report import plan_dose_table
from RNTDosimetryLib.roads.plan.request import BodySurface, OrderRequest, PlanRequest, ScoutFiles, request_from_scout
from RNTDosimetryLib.roads.plan.result import PlanResult
from RNTDosimetryLib.roads.plan.rows import plan_rows
from RNTDosimetryLib.roads.plan.run import run_plan
from RNTDosimetryLib.roads.road import Road, answer_of

ROAD = Road(
    verb="plan",
    help="radioembolisation of a plan file",
    description="Plan a radioembolisation.",
    request=PlanRequest,
    compute=run_plan,
    deliver=deliver,
    answer=lambda result: answer_of(plan_dose_table(result), result.warnings, f"{result.activity_gbq:.4g} GBq at administration"),
    result=PlanResult,
    rows=plan_rows,
)
read_request, run, write = ROAD.read_request, ROAD.run, ROAD.write

__all__ = [
    "ROAD",
    "BodySurface",
    "OrderRequest",
    "PlanRequest",
    "PlanResult",
    "ScoutFiles",
    "read_request",
    "request_from_scout",
    "run",
    "run_plan",
    "write",
]
