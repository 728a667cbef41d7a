"""What a course leaves in a folder."""

import hashlib
from dataclasses import replace
from pathlib import Path

from RNTDosimetryLib import __version__
from RNTDosimetryLib.base.documents import json_text, seen_from, write_text
from RNTDosimetryLib.base.provenance import write_document
from RNTDosimetryLib.base.records import to_plain
from RNTDosimetryLib.report import table_csv, write_dose_nrrd, write_rtdose
from RNTDosimetryLib.roads.course.report import render_course
from RNTDosimetryLib.roads.course.result import CourseResult
from RNTDosimetryLib.roads.course.tables import course_table


def deliver(result: CourseResult, folder: Path) -> list[Path]:
    """Write course_results.json, course.csv, course_report.html, and of a sum by voxel sum_dose.nrrd, sum_bed.nrrd, sum_eqd2.nrrd and sum_dose.dcm.

    The page is made before the first file is written.
    """
    page, table = render_course(result), table_csv(course_table(result))
    paths = [
        write_document(folder / "course_results.json", replace(result, request=seen_from(result.request, folder))),
        write_text(folder / "course.csv", table),
        write_text(folder / "course_report.html", page),
    ]
    return paths if result.voxel_sum is None or result.voxel_sum.sums is None else [*paths, *_maps(result, folder)]


def _maps(result: CourseResult, folder: Path) -> list[Path]:
    sums = result.voxel_sum.sums
    paths = []
    for name, quantity, values in (
        ("sum_dose", "Absorbed dose, all therapies", sums.dose_gy),
        ("sum_bed", "Biologically effective dose, all therapies", sums.bed_gy),
        ("sum_eqd2", "Dose in 2 Gy fractions, all therapies", sums.eqd2_gy),
    ):
        words = {"maps": "; ".join(sums.names), "software": f"RNTDosimetry {__version__}"}
        paths.append(write_dose_nrrd(folder / f"{name}.nrrd", values, sums.geometry, quantity=quantity, attributes=words))
    frame = sums.frame_of_reference_uid
    content = {"request": to_plain(result.request), "inputs": result.input_hashes, "software": __version__}
    written = write_rtdose(
        folder / "sum_dose.dcm",
        sums.dose_gy,
        sums.geometry,
        {"FrameOfReferenceUID": frame} if frame else {},
        description="absorbed dose of several therapies",
        method="; ".join(sums.names),
        summation_type="MULTI_PLAN",
        uid_seed=hashlib.sha256(json_text(content).encode()).hexdigest(),
        created=result.created,
        software_version=__version__,
    )
    return [*paths, written.path]
