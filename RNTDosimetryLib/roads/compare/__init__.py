"""Two dose maps against each other: the verb compare."""

from RNTDosimetryLib.roads.compare.outputs import deliver
from RNTDosimetryLib.roads.compare.report import short_table
from RNTDosimetryLib.roads.compare.request import CompareRequest
from RNTDosimetryLib.roads.compare.result import CompareResult
from RNTDosimetryLib.roads.compare.run import compute
from RNTDosimetryLib.roads.compare.sources import load_rtdose
from RNTDosimetryLib.roads.road import Road, answer_of

ROAD = Road(
    verb="compare",
    help="two dose maps against each other",
    description="Compare two dose maps.",
    request=CompareRequest,
    compute=compute,
    deliver=deliver,
    answer=lambda result: answer_of(short_table(result), result.warnings),
)
read_request, run, write = ROAD.read_request, ROAD.run, ROAD.write

__all__ = ["ROAD", "CompareRequest", "CompareResult", "load_rtdose", "read_request", "run", "write"]
