"""Many patients: computed side by side, one table, and what it says. The verb cohort."""

from RNTDosimetryLib.roads.cohort.outputs import deliver
from RNTDosimetryLib.roads.cohort.report import sentence, short_table
from RNTDosimetryLib.roads.cohort.request import CohortRequest, Marker
from RNTDosimetryLib.roads.cohort.result import CohortResult, CohortStatistics
from RNTDosimetryLib.roads.cohort.run import compute
from RNTDosimetryLib.roads.road import Road, answer_of
from RNTDosimetryLib.statistics import PriorsFile

ROAD = Road(
    verb="cohort",
    help="many studies, their table and statistics",
    description="Compute many studies and look at them together.",
    request=CohortRequest,
    compute=compute,
    deliver=deliver,
    answer=lambda result: answer_of(short_table(result), result.warnings, sentence(result)),
    options=("workers", "scheduler"),
    works_in_folder=True,
)
read_request, run, write = ROAD.read_request, ROAD.run, ROAD.write

__all__ = ["ROAD", "CohortRequest", "CohortResult", "CohortStatistics", "Marker", "PriorsFile", "read_request", "run", "write"]
