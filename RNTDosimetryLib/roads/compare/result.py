"""What a comparison of two dose maps gives."""

from dataclasses import dataclass, field
from datetime import datetime

from RNTDosimetryLib.base.documents import Result
from RNTDosimetryLib.base.records import NOT_WRITTEN
from RNTDosimetryLib.images import CtImage
from RNTDosimetryLib.roads.compare.maps import MapComparison
from RNTDosimetryLib.roads.compare.request import CompareRequest
from RNTDosimetryLib.roads.compare.sources import ComparedMap


@dataclass(frozen=True, eq=False)
class CompareResult(Result):
    """Everything computed of a comparison. ``to_dict`` is the content of compare.json; created: when. All else depends on request and files only."""

    NAME = "RNTDosimetry dose comparison"
    WHAT = "a compare.json"
    PAGE = "docs/compare.md"

    request: CompareRequest
    reference: ComparedMap
    evaluated: ComparedMap
    comparison: MapComparison
    input_hashes: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    created: datetime | None = None
    ct: CtImage | None = field(default=None, metadata=NOT_WRITTEN)
