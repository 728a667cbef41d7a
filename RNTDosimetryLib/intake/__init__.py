"""Files in: DICOM and volume files to images, times and administration, with a ledger of where every value came from."""

from RNTDosimetryLib.intake.folder import read_folder
from RNTDosimetryLib.intake.records import (
    Administration,
    Intake,
    IntakeRefused,
    IntakeRow,
    Patient,
    Series,
    TimePoint,
    format_intake_rows,
    format_intake_table,
)
from RNTDosimetryLib.intake.volume_files import DoseVolume, dose_on_grid, load_activity_file, load_dose_file, load_volume_file

__all__ = [
    "Administration",
    "DoseVolume",
    "Intake",
    "IntakeRefused",
    "IntakeRow",
    "Patient",
    "Series",
    "TimePoint",
    "dose_on_grid",
    "format_intake_rows",
    "format_intake_table",
    "load_activity_file",
    "load_dose_file",
    "load_volume_file",
    "read_folder",
]
