"""The roads of one patient: what the command line lists first, and of which a cohort may run many."""

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.roads.camera import CALIBRATE, RECOVERY
from RNTDosimetryLib.roads.compare import ROAD as COMPARE
from RNTDosimetryLib.roads.course import ROAD as COURSE
from RNTDosimetryLib.roads.plan import ROAD as PLAN
from RNTDosimetryLib.roads.road import Road
from RNTDosimetryLib.roads.therapy import ROAD as THERAPY
from RNTDosimetryLib.roads.verify import ROAD as VERIFY

ROADS = (THERAPY, COURSE, PLAN, VERIFY, COMPARE, CALIBRATE, RECOVERY)
"""In the order of the help. A new road is one row here; with ``result`` and ``rows`` it may be in a cohort."""


def road_for_cohort(stated: str | None, name: str) -> Road:
    """The road of a file by its "format", of its request or its result; of a study where it states none. name: of the file.

    Raises DosimetryError for a format that has no place in a cohort.
    """
    able = [road for road in ROADS if road.rows is not None]
    for road in able:
        results = () if road.result is None else (road.result.NAME,)
        if stated in (None, road.request.NAME, *results):
            return road
    known = ", ".join(road.request.NAME for road in able)
    raise DosimetryError(
        f"Expected a file of a cohort ({known}, or the results of one), received {name} of format '{stated}'; leave it out."
    )


def road_of_verb(verb: str) -> Road:
    return next(road for road in ROADS if road.verb == verb)
