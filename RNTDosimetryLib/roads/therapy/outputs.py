"""Everything a computed study leaves in a folder."""

import hashlib
import os
from pathlib import Path

import numpy as np

from RNTDosimetryLib import __version__
from RNTDosimetryLib.base.documents import json_text, make_output_folder, write_json, write_text
from RNTDosimetryLib.base.records import to_plain
from RNTDosimetryLib.report import table_csv, write_dose_nrrd, write_rtdose
from RNTDosimetryLib.roads.therapy.images import StudyImages
from RNTDosimetryLib.roads.therapy.report import render_report
from RNTDosimetryLib.roads.therapy.result import StudyResult
from RNTDosimetryLib.roads.therapy.tables import results_table


def write_outputs(result: StudyResult, images: StudyImages, folder: str | Path) -> list[Path]:
    """Write report.html, results.json, results.csv, dose.nrrd, tia.nrrd, dose.dcm (RTDOSE) and dose_plan.dcm (the RT Plan
    that the dose refers to). Returns their paths.

    The page is made before the first file is written, so that a failure leaves nothing half done. Raises DosimetryError when
    the folder cannot be made.
    """
    page = render_report(result, images)
    table = table_csv(results_table(result))
    folder = make_output_folder(folder)
    geometry, dose = result.tia_map.geometry, np.asarray(result.dose_map)
    attributes = {"nuclide": result.nuclide, "method": result.dose_map.method, "software": f"RNTDosimetry {__version__}"}
    paths = [
        write_json(folder / "results.json", _results_of(result, images, folder)),
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
        *_write_rtdose(folder / "dose.dcm", folder / "dose_plan.dcm", dose, result, images),
    ]
    return paths


def _results_of(result: StudyResult, images: StudyImages, folder: Path) -> dict:
    """Content of results.json; its study finds the DICOM folder and its files from where it lies, so that it can be run again."""
    content = result.to_dict()
    place = content["study"] if result.study.volumes is None else content["study"]["volumes"]
    if images.source_folder:
        place["dicom_folder" if result.study.volumes is None else "folder"] = _relative(images.source_folder, folder)
    for key, path in images.source_files.items():
        content["study"][key] = _relative(path, folder)
    return content


def _relative(path: str, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder.resolve())).as_posix()
    except ValueError:
        # Another drive on Windows: there is no relative path.
        return path


def _write_rtdose(path: Path, plan_path: Path, dose: np.ndarray, result: StudyResult, images: StudyImages) -> tuple[Path, Path]:
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
