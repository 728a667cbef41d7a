"""Room."""

from dataclasses import dataclass, field
from datetime import datetime

from RNTDosimetryLib.base.records import Record
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
class PlanResult(Record):
    """Everything computed of a plan. plan, limited, table, ...: of one injection; injections: of several. checks: limits and goals."""

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
    versions: dict[str, str] = field(default_factory=dict)
    created: datetime | None = None
    warnings: tuple[str, ...] = ()
