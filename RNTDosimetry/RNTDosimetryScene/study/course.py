"""A course file in the scene: a study appended as a cycle, the course computed, its report written. Nothing that is there is overwritten."""

import os
import shutil
from pathlib import Path

from RNTDosimetryLib.base.documents import write_json
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import checked_path
from RNTDosimetryLib.roads import course as road
from RNTDosimetryLib.roads.course import CourseRequest, Cycle, course_content, with_cycle

RESULTS_FILE, COURSE_RESULTS = "results.json", "course_results.json"


def compute(path, progress=None, cancel=None):
    """CourseResult of a course file, as the command line computes it. Raises DosimetryError for what cannot be used."""
    request = road.read_request(checked_course_file(path))
    return road.run(request, *(() if progress is None else (progress,)), cancel=cancel)


def checked_course_file(path) -> Path:
    """The path of a course file, .json. Raises DosimetryError for another name and for a folder."""
    found = checked_path(path, "a course file")
    if found.suffix.lower() != ".json" or os.path.isdir(found):
        raise DosimetryError(f"Expected a course file with the ending .json, received {found.name}; choose or name one.")
    return found


def append_study(logic, path, parameter_node=None, progress=None, cancel=None) -> Path:
    """The current results of a study as one more cycle of a course file, which is begun where it is not there yet.

    The results go into a new folder beside it, cycle_DATE; the file as it was is kept as NAME_1.json, NAME_2.json and so on. Returns the folder.
    Raises DosimetryError without current results or a date, for a cycle that is there already, and for another patient; nothing is written then.
    """
    path, node = checked_course_file(path), parameter_node or logic.getParameterNode()
    if logic.resultState(node) != "current":
        raise DosimetryError("Expected results that belong to the inputs, received none or outdated ones; run the study first.")
    result = logic.stepResult("dose", node) or logic.run(node, progress, cancel)
    if result.administration_time is None:
        raise DosimetryError(
            "Expected the time of administration of the study, for the date of the cycle, received none; enter it under Study."
        )
    day = result.administration_time.date().isoformat()
    folder = path.parent / f"cycle_{day}"
    if folder.exists():
        raise DosimetryError(
            f"Expected a cycle that is not in the course yet, found the folder {folder}; remove it or choose another course file."
        )
    before = road.read_request(path) if path.exists() else None
    _refuse_what_does_not_belong(before, result, day)
    logic.writeReport(folder, node, progress, cancel)
    cycle = Cycle(date=day, results=str(folder / RESULTS_FILE))
    request = CourseRequest(cycles=(cycle,)) if before is None else with_cycle(before, cycle)
    if before is not None:
        shutil.copy2(path, _free_name(path))
    write_json(path, course_content(request, path.parent))
    return folder


def _refuse_what_does_not_belong(before: CourseRequest | None, result, day: str) -> None:
    """The course as it would be is looked at before anything is written: of one patient, no day twice."""
    if before is None:
        return
    if any(cycle.date is not None and cycle.date[:10] == day for cycle in before.cycles):
        raise DosimetryError(f"Expected a cycle on another day, the course has one on {day} already; check the study.")
    known = road.run(before).patient if any(cycle.results for cycle in before.cycles) else ""
    own = "" if result.patient is None else result.patient.id_hash
    if known and own and known != own:
        raise DosimetryError(
            "Expected a study of the patient of the course, received one of another patient; choose the patient's course file."
        )


def _free_name(path: Path) -> Path:
    number = 1
    while (kept := path.with_name(f"{path.stem}_{number}{path.suffix}")).exists():
        number += 1
    return kept


def write(result, folder) -> list[Path]:
    """Write the report of a course into a folder that holds none yet. Returns the paths."""
    target = checked_path(folder, "a folder to write to")
    if (target / COURSE_RESULTS).exists():
        raise DosimetryError(
            f"Expected a folder without a course report, found one in {target}; choose another, nothing is overwritten."
        )
    return road.write(result, target)


def rows_of(result) -> list[dict]:
    """One row a region for the table: numbers, and the probability of every limit in words; above: whether the expectation is beyond one of dose."""
    rows = []
    for item in result.regions.values():
        limits = {limit.label: limit for limit in item.limits}
        values = {
            label: (item.cumulative_bed_gy if limits[label].quantity == "bed" else item.cumulative_dose_gy)
            for label in item.probability_above
        }
        rows.append(
            {
                "name": item.name,
                "dose_gy": item.cumulative_dose_gy,
                "dose_uncertainty_gy": item.cumulative_dose_uncertainty_gy,
                "bed_gy": item.cumulative_bed_gy,
                "eqd2_gy": item.cumulative_eqd2_gy,
                "probabilities": dict(item.probability_above),
                "above": any(
                    value is not None and value > limits[label].value_gy and not limits[label].session
                    for label, value in values.items()
                ),
            }
        )
    return rows
