"""A course of therapy: cycles, other therapies, the next activity, the sum by voxel, the way home. The verb course."""

from RNTDosimetryLib.roads.course.outputs import deliver
from RNTDosimetryLib.roads.course.report import sentence
from RNTDosimetryLib.roads.course.request import CourseRequest, Cycle, EnteredDose, course_content, with_cycle
from RNTDosimetryLib.roads.course.result import CourseResult
from RNTDosimetryLib.roads.course.rows import course_rows
from RNTDosimetryLib.roads.course.run import compute
from RNTDosimetryLib.roads.course.tables import short_table
from RNTDosimetryLib.roads.road import Road, answer_of

ROAD = Road(
    verb="course",
    help="cumulative dose and next activity",
    description="Cycles of a therapy added up, with what was given beside them, and the activity of the next.",
    request=CourseRequest,
    compute=compute,
    deliver=deliver,
    answer=lambda result: answer_of(short_table(result), result.warnings, sentence(result)),
    result=CourseResult,
    rows=course_rows,
)
read_request, run, write = ROAD.read_request, ROAD.run, ROAD.write

__all__ = [
    "ROAD",
    "CourseRequest",
    "CourseResult",
    "Cycle",
    "EnteredDose",
    "course_content",
    "read_request",
    "run",
    "with_cycle",
    "write",
]
