"""What a verification gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from RNTDosimetryLib.base.documents import Result
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.images import CtImage, Region
from RNTDosimetryLib.planning import (
    Compartment,
    DeliveredDose,
    LimitCheck,
    SphereDoseMap,
    Verification,
)
from RNTDosimetryLib.roads.plan.former import present_check
from RNTDosimetryLib.roads.verify.request import VerifyRequest


@dataclass(frozen=True)
class CompartmentDose(Record):
    """One compartment after treatment. planned_gy: None where no plan names it. delivered_gy: mean, corrected for blur where asked for.

    dose_at_gy: Dx of the delivered map, with its blur and noise; {} for a compartment that is the sum of others.
    """

    compartment: Compartment
    volume_ml: float
    mass_g: float
    planned_gy: float | None
    delivered_gy: float
    dose_at_gy: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.compartment.key

    @property
    def difference_gy(self) -> float | None:
        return None if self.planned_gy is None else self.delivered_gy - self.planned_gy

    @property
    def percent(self) -> float | None:
        """100 (delivered - planned) / planned."""
        return 100 * self.difference_gy / self.planned_gy if self.planned_gy else None


@dataclass(frozen=True, eq=False)
class VerifyResult(Result):
    """Everything computed of a verification. checks: limits and goals of the plan at the delivered doses. verification: with a planned map only."""

    NAME = "RNTDosimetry verification results"
    VERSION = 2
    FORMER = ("",)
    WHAT = "a verification.json"
    PAGE = "docs/planning_verify_file.md"

    request: VerifyRequest
    compartments: tuple[CompartmentDose, ...]
    delivered: DeliveredDose
    checks: tuple[LimitCheck, ...] = ()
    planned: SphereDoseMap | None = None
    verification: Verification | None = None
    net_activity_gbq: float | None = None
    lung_shunt_fraction: float | None = None
    input_hashes: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    created: datetime | None = None
    warnings: tuple[str, ...] = ()
    regions: tuple[Region, ...] = field(default=(), metadata=NOT_WRITTEN)
    ct: CtImage | None = field(default=None, metadata=NOT_WRITTEN)

    def belongs_to(self) -> dict[str, str]:
        return {"title": self.request.title} if self.request.title else {}

    @classmethod
    def from_dict(cls, data) -> "VerifyResult":
        """Also of what older versions wrote: a compartment and its limit were words there."""
        content = dict(data) if isinstance(data, Mapping) else data
        if isinstance(data, Mapping) and isinstance(data.get("compartments"), list):
            content["compartments"] = [
                row if "compartment" in row else {"compartment": row["name"], **row} for row in data["compartments"]
            ]
            content["checks"] = [present_check(row) for row in data.get("checks") or ()]
        return super().from_dict(content)

    def to_table(self) -> list[dict]:
        """A row for every compartment, with units in the names."""
        return [
            {
                "compartment": item.compartment.label,
                "mass_g": item.mass_g,
                "planned_gy": item.planned_gy,
                "delivered_gy": item.delivered_gy,
                "percent": item.percent,
            }
            for item in self.compartments
        ]
