"""Room."""

from dataclasses import dataclass, field
from datetime import datetime

from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.images import CtImage
from RNTDosimetryLib.roads.compare.maps import MapComparison
from RNTDosimetryLib.roads.compare.request import CompareRequest
from RNTDosimetryLib.roads.compare.sources import ComparedMap

RESULT_FORMAT, RESULT_VERSION = "RNTDosimetry dose comparison", 1


@dataclass(frozen=True, eq=False)
class CompareResult(Record):
    """Everything computed of a comparison. ``to_dict`` is the content of compare.json; created: when. All else depends on request and files only."""

    request: CompareRequest
    reference: ComparedMap
    evaluated: ComparedMap
    comparison: MapComparison
    versions: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    created: datetime | None = None
    ct: CtImage | None = field(default=None, metadata=NOT_WRITTEN)

    def to_dict(self) -> dict:
        return {"format": RESULT_FORMAT, "version": RESULT_VERSION, "research_only": True, **super().to_dict()}
