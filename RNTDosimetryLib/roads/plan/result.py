"""What a plan gives."""

from dataclasses import dataclass, field
from datetime import datetime

from RNTDosimetryLib.base.documents import Result
from RNTDosimetryLib.planning import (
    ActivityTable,
    BsaPlan,
    InjectionsPlan,
    LimitCheck,
    LimitedActivity,
    OrderOption,
    PartitionPlan,
    Product,
    SampledPlan,
    SensitivityRow,
)
from RNTDosimetryLib.roads.plan.request import PlanRequest


@dataclass(frozen=True, eq=False)
class PlanResult(Result):
    """Everything computed of a plan. plan, limited, table, ...: of one injection; injections: of several. checks: limits and goals."""

    NAME = "RNTDosimetry plan results"
    FORMER = ("",)
    WHAT = "a plan.json"
    PAGE = "docs/planning_plan_file.md"

    request: PlanRequest
    activity_gbq: float
    limits: dict
    checks: tuple[LimitCheck, ...]
    binding: str | None = None
    plan: PartitionPlan | None = None
    limited: LimitedActivity | None = None
    table: ActivityTable | None = None
    sensitivity: tuple[SensitivityRow, ...] = ()
    sampled: SampledPlan | None = None
    injections: InjectionsPlan | None = None
    orders: tuple[OrderOption, ...] = ()
    body_surface: BsaPlan | None = None
    product: Product | None = None
    input_hashes: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    created: datetime | None = None
    warnings: tuple[str, ...] = ()
