"""The phantom patient through the whole road, and how far each number is from the truth."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.documents import write_json
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, part, silent
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.phantom import PhantomPatient, PhantomTruth, make_phantom
from RNTDosimetryLib.report import Column, Table, table_text
from RNTDosimetryLib.roads.therapy.request import RegionSettings, Study, StudySettings
from RNTDosimetryLib.roads.therapy.result import StudyResult
from RNTDosimetryLib.roads.therapy.tables import short_table

STUDY_FILE = "study.json"
_MARKER = "phantom.marker"
_TITLE = "Phantom patient, 177Lu-DOTATATE"
_CALIBRATION_UNCERTAINTY = 0.05
_RECOVERY_UNCERTAINTY = 0.03
"""What a careful department would state for its camera; the phantom's own calibration is exact."""


@dataclass(frozen=True)
class RegionDeviation(Record):
    """Relative deviations from the truth (0.05 is 5 % too high); without: as if no recovery coefficient had been typed."""

    region: str
    kind: str
    tia: float
    tia_without_recovery: float
    dose: float
    dose_without_recovery: float


@dataclass(frozen=True)
class AlignmentDeviation(Record):
    """How far the alignment of a scan is from the truth: at the middle of the patient in mm, and in degrees."""

    scan: str
    shift_mm: float
    rotation_degrees: float


def make_demo_patient(folder: Path, size: str = "full", progress: Progress = silent, **settings) -> PhantomPatient:
    """Phantom patient with a study file beside it; an earlier one in the folder is replaced.

    Only a folder that this function made is removed. Raises DosimetryError when another one is in the way.
    """
    folder = Path(folder)
    if folder.exists():
        if not (folder / _MARKER).exists() and any(folder.iterdir()):
            raise DosimetryError(
                f"Expected an empty folder {folder} or an earlier phantom, found other files; choose another folder."
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARKER).write_text("Made by the phantom generator; replaced by the next demo.\n", encoding="utf-8")
    patient = make_phantom(folder, size=size, progress=progress, **settings)
    write_json(folder / STUDY_FILE, study_of_phantom(patient).to_dict())
    return patient


def study_of_phantom(patient: PhantomPatient) -> Study:
    """The study that a physicist would type for the phantom: recovery coefficients where the camera blurs."""
    if not patient.settings.blur:
        return Study(dicom_folder=patient.dicom_folder.name, title=_TITLE)
    typed = {
        name: RegionSettings(
            recovery_coefficient=round(truth.recovery_coefficient, 3), recovery_coefficient_uncertainty=_RECOVERY_UNCERTAINTY
        )
        for name, truth in patient.truth.regions.items()
    }
    settings = StudySettings(calibration_uncertainty=_CALIBRATION_UNCERTAINTY, spect_resolution_fwhm_mm=patient.truth.psf_fwhm_mm)
    return Study(dicom_folder=patient.dicom_folder.name, title=_TITLE, regions=typed, settings=settings)


def region_deviations(result: StudyResult, truth: PhantomTruth) -> list[RegionDeviation]:
    """Deviation of every region that the truth knows."""
    found = []
    for item in result.regions:
        known = truth.regions.get(item.name)
        if known is None:
            continue
        tia, dose = item.tia_mbq_h / known.tia_mbq_h, item.dose.dose_gy / known.dose_kernel_gy
        recovery = item.recovery_coefficient
        uncorrected = (item.dose.dose_gy - (1 - recovery) * item.self_dose.dose_gy) / known.dose_kernel_gy
        found.append(RegionDeviation(item.name, known.kind, tia - 1, tia * recovery - 1, dose - 1, uncorrected - 1))
    return found


def alignment_deviations(result: StudyResult, truth: PhantomTruth) -> list[AlignmentDeviation]:
    """Deviation of every alignment from the motion that the phantom made."""
    found = []
    for alignment, scan in zip(result.alignments, truth.scans):
        matrix, known = np.asarray(alignment.matrix), np.asarray(scan.reference_to_scan)
        center = np.append(scan.rotation_center_lps_mm, 1.0)
        rotation = matrix[:3, :3] @ known[:3, :3].T
        # The sine form: the arc cosine of the trace loses all digits at small angles.
        sine = np.linalg.norm(rotation - rotation.T) / (2.0 * np.sqrt(2.0))
        shift = float(np.linalg.norm((matrix - known) @ center))
        found.append(AlignmentDeviation(alignment.scan, shift, float(np.degrees(np.arcsin(min(1.0, sine))))))
    return found


def truth_tables(result: StudyResult, truth: PhantomTruth) -> tuple[Table, Table]:
    """The deviations as tables for the terminal."""
    regions = Table(
        "Deviation from the truth, with and without recovery correction",
        (Column("Region", align="left"), Column("TIA", "%"), Column("without", "%"), Column("Dose", "%"), Column("without", "%")),
        tuple(
            (
                item.region,
                *(
                    f"{100 * value:+.1f}"
                    for value in (item.tia, item.tia_without_recovery, item.dose, item.dose_without_recovery)
                ),
            )
            for item in region_deviations(result, truth)
        ),
    )
    scans = Table(
        "Alignment, distance from the truth",
        (Column("Scan", align="left"), Column("Shift", "mm"), Column("Rotation", "degrees")),
        tuple(
            (item.scan, f"{item.shift_mm:.2f}", f"{item.rotation_degrees:.2f}") for item in alignment_deviations(result, truth)
        ),
    )
    return regions, scans


def write_deviations(result: StudyResult, truth: PhantomTruth, folder: Path) -> Path:
    """Write deviations.json: how far every region and every alignment is from the truth."""
    return write_json(
        Path(folder) / "deviations.json",
        {
            "regions": [item.to_dict() for item in region_deviations(result, truth)],
            "alignments": [item.to_dict() for item in alignment_deviations(result, truth)],
        },
    )


def summary(result: StudyResult, truth: PhantomTruth) -> str:
    """What the demo prints at its end."""
    return "\n\n".join(table_text(table) for table in (short_table(result), *truth_tables(result, truth)))


def run_demo(out: Path, size: str = "full", progress: Progress = silent) -> str:
    """Phantom patient, study file, results and truth, without any scene. Returns what to print."""
    from RNTDosimetryLib.demo.course import run_course_demo
    from RNTDosimetryLib.demo.radioembolisation import run_plan_demo
    from RNTDosimetryLib.roads.therapy import run_study_file, write

    patient = make_demo_patient(Path(out) / "phantom", size, part(progress, 0.0, 0.2))
    _images, result = run_study_file(patient.folder / STUDY_FILE, part(progress, 0.2, 0.8))
    write(result, out)
    write_deviations(result, patient.truth, out)
    plan = run_plan_demo(Path(out) / "radioembolisation", size, part(progress, 0.8, 0.9))
    cycles = run_course_demo(Path(out) / "course", part(progress, 0.9, 1.0))
    return "\n\n".join((summary(result, patient.truth), table_text(plan.table()), table_text(cycles.table())))
