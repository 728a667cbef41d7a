"""From a study to absorbed dose: load, calibrate, register, delineate, measure, fit, dose, assess, report. The verb run."""

from RNTDosimetryLib.roads.road import Road, answer_of
from RNTDosimetryLib.roads.therapy.earlier import read_earlier
from RNTDosimetryLib.roads.therapy.images import StudyImages, load_study
from RNTDosimetryLib.roads.therapy.outputs import deliver
from RNTDosimetryLib.roads.therapy.request import RegionSettings, Study, read_study
from RNTDosimetryLib.roads.therapy.result import RegionResult, StudyResult
from RNTDosimetryLib.roads.therapy.rows import region_rows
from RNTDosimetryLib.roads.therapy.run import compute, run_study
from RNTDosimetryLib.roads.therapy.settings import StudySettings
from RNTDosimetryLib.roads.therapy.tables import short_table

ROAD = Road(
    verb="run",
    help="absorbed dose of a study file",
    description="Absorbed dose of a study.",
    request=Study,
    compute=compute,
    deliver=deliver,
    answer=lambda result: answer_of(short_table(result), result.all_warnings()),
    result=StudyResult,
    rows=region_rows,
)
read_request, run, write = ROAD.read_request, ROAD.run, ROAD.write


def run_study_file(path, progress=None, cancel=None) -> tuple[StudyImages, StudyResult]:
    """Load and run a study file, or the results.json of an earlier run: what has changed since is named in a warning."""
    result = ROAD.run_file(path, *(() if progress is None else (progress,)), cancel=cancel)
    return result.images, result


__all__ = [
    "ROAD",
    "RegionResult",
    "RegionSettings",
    "Study",
    "StudyImages",
    "StudyResult",
    "StudySettings",
    "load_study",
    "read_earlier",
    "read_request",
    "read_study",
    "run",
    "run_study",
    "run_study_file",
    "write",
]
