"""Everything a computed study leaves in a folder."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from RNTDosimetryLib import __version__
from RNTDosimetryLib.base.documents import json_text, seen_from, write_text
from RNTDosimetryLib.base.provenance import write_document
from RNTDosimetryLib.base.records import to_plain
from RNTDosimetryLib.report import write_dose_nrrd, write_rtdose
from RNTDosimetryLib.roads.therapy.report import render_report
from RNTDosimetryLib.roads.therapy.result import StudyResult
from RNTDosimetryLib.roads.therapy.rows import region_rows
from RNTDosimetryLib.roads.tidy import tidy_csv


def deliver(result: StudyResult, folder: Path) -> list[Path]:
    """Write report.html, results.json, results.csv, dose.nrrd, tia.nrrd, dose.dcm (RTDOSE) and dose_plan.dcm (the RT Plan
    that the dose refers to). The page is made before the first file is written, so that a failure leaves nothing half done.
    """
    page = render_report(result)
    table = tidy_csv(region_rows(result))
    geometry, dose = result.tia_map.geometry, np.asarray(result.dose_map)
    attributes = {"nuclide": result.nuclide, "method": result.dose_map.method, "software": f"RNTDosimetry {__version__}"}
    return [
        write_document(folder / "results.json", replace(result, study=seen_from(result.study, folder))),
        write_text(folder / "results.csv", table),
        write_text(folder / "report.html", page),
        write_dose_nrrd(folder / "dose.nrrd", dose, geometry, attributes=attributes),
        write_dose_nrrd(
            folder / "tia.nrrd",
            result.tia_map.tia_mbq_h_ml,
            geometry,
            "MBq*h/mL",
            "Time-integrated activity concentration",
            attributes,
        ),
        *_write_rtdose(folder / "dose.dcm", folder / "dose_plan.dcm", dose, result),
    ]


def _write_rtdose(path: Path, plan_path: Path, dose: np.ndarray, result: StudyResult) -> tuple[Path, Path]:
    images = result.images
    reference = dict(images.dicom_reference)
    frame = images.scans[images.reference_index].activity.frame_of_reference_uid
    if frame:
        reference.setdefault("FrameOfReferenceUID", frame)
    written = write_rtdose(
        path,
        dose,
        result.tia_map.geometry,
        reference,
        description=f"{result.nuclide} absorbed dose",
        method=f"{result.dose_map.method}, {result.dose_map.density}",
        uid_seed=_identity(result),
        created=result.created,
        software_version=__version__,
        plan_path=plan_path,
    )
    return written.path, written.plan_path


def _identity(result: StudyResult) -> str:
    """The same study of the same images writes the same identifiers; anything else writes others."""
    content = {"study": to_plain(result.study), "inputs": result.input_hashes, "software": __version__}
    return hashlib.sha256(json_text(content).encode()).hexdigest()
