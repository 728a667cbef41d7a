"""What a plan gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from RNTDosimetryLib.base.documents import Result
from RNTDosimetryLib.planning import (
    ActivityTable,
    BsaPlan,
    Limit,
    LimitCheck,
    OrderOption,
    PartitionPlan,
    Product,
    SampledPlan,
    SensitivityRow,
)
from RNTDosimetryLib.roads.plan.former import present_content
from RNTDosimetryLib.roads.plan.request import PlanRequest


@dataclass(frozen=True, eq=False)
class PlanResult(Result):
    """Everything computed of a plan, of one injection or of several.

    limits, checks: limits and goals, and how the doses keep them. largest_activity_gbq: of all injections, within the limits; None where nothing limits
    it. smallest_activity_gbq: the least that reaches all goals; None without goals and where one cannot be reached.
    measured: the request with what was measured in the place of its scout; None without a scout.
    """

    NAME = "RNTDosimetry plan results"
    VERSION = 2
    FORMER = ("",)
    WHAT = "a plan.json"
    PAGE = "docs/planning_plan_file.md"

    request: PlanRequest
    activity_gbq: float
    plan: PartitionPlan
    limits: tuple[Limit, ...] = ()
    checks: tuple[LimitCheck, ...] = ()
    largest_activity_gbq: float | None = None
    smallest_activity_gbq: float | None = None
    table: ActivityTable | None = None
    sensitivity: tuple[SensitivityRow, ...] = ()
    sampled: SampledPlan | None = None
    orders: tuple[OrderOption, ...] = ()
    body_surface: BsaPlan | None = None
    product: Product | None = None
    assumptions: tuple[str, ...] = ()
    input_hashes: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    created: datetime | None = None
    warnings: tuple[str, ...] = ()
    measured: PlanRequest | None = None

    def belongs_to(self) -> dict[str, str]:
        return {"title": self.request.title} if self.request.title else {}

    @classmethod
    def from_dict(cls, data) -> "PlanResult":
        """Also of what older versions wrote."""
        return super().from_dict(present_content(data) if isinstance(data, Mapping) else data)

    @property
    def planned(self) -> PlanRequest:
        """The numbers that were planned with: the request, or what was measured for it."""
        return self.measured or self.request

    @property
    def binding(self) -> str | None:
        """Names of the limits or goals that set the activity; None where it was entered."""
        names = ", ".join(check.name for check in self.checks if check.binding)
        return None if self.planned.activity_is_entered else names or None

    def to_table(self) -> list[dict]:
        """A row for every compartment, with units in the names."""
        return self.plan.to_table()
