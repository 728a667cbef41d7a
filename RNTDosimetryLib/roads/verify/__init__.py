"""Delivered against planned dose after a radioembolisation: the verb verify."""

from RNTDosimetryLib.roads.road import Road, answer_of
from RNTDosimetryLib.roads.verify.outputs import deliver
from RNTDosimetryLib.roads.verify.report import compartment_table
from RNTDosimetryLib.roads.verify.request import VerifyRequest
from RNTDosimetryLib.roads.verify.result import CompartmentDose, VerifyResult
from RNTDosimetryLib.roads.verify.rows import verify_rows
from RNTDosimetryLib.roads.verify.run import compute

ROAD = Road(
    verb="verify",
    help="dose after a radioembolisation",
    description="Planned against delivered dose.",
    request=VerifyRequest,
    compute=compute,
    deliver=deliver,
    answer=lambda result: answer_of(compartment_table(result), result.warnings),
    result=VerifyResult,
    rows=verify_rows,
)
read_request, run, write = ROAD.read_request, ROAD.run, ROAD.write

__all__ = ["ROAD", "CompartmentDose", "VerifyRequest", "VerifyResult", "read_request", "run", "write"]
