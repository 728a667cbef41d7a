"""The phantom patient on disk: DICOM files and the truth beside them."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from RNTDosimetryLib.base.documents import write_text
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, silent
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.phantom.dicom import Session
from RNTDosimetryLib.phantom.dicom_images import write_ct, write_nm, write_pt
from RNTDosimetryLib.phantom.dicom_regions import write_rtstruct, write_seg
from RNTDosimetryLib.phantom.scans import PhantomScan, phantom_regions, session_of, simulate_scans
from RNTDosimetryLib.phantom.settings import PhantomSettings, load_protocol
from RNTDosimetryLib.phantom.truth import PhantomTruth, phantom_truth

_SPECT_WRITERS = {"NM": write_nm, "PT": write_pt}
_CONTOUR_WRITERS = {"SEG": write_seg, "RTSTRUCT": write_rtstruct}


@dataclass(frozen=True)
class WrittenSeries(Record):
    """One DICOM series on disk. kind: CT, NM, PT, SEG or RTSTRUCT. scan: name of the time point. files: in slice order."""

    kind: str
    scan: str
    folder: Path
    files: tuple[Path, ...]


def write_scan(folder: Path, session: Session, scan: PhantomScan) -> tuple[WrittenSeries, ...]:
    """CT and SPECT of a time point, and on the first one the regions, below ``folder``."""
    day = folder / f"{scan.index + 1}_{scan.name.replace(' ', '')}"
    series = [_written("CT", scan, day / "CT", write_ct(day / "CT", session, scan))]
    for kind in session.settings.spect_format:
        series.append(_written(kind, scan, day / kind, _SPECT_WRITERS[kind](day / kind, session, scan)))
    if scan.index == 0:
        regions = phantom_regions(session.settings, scan.ct.geometry)
        for kind in session.settings.contour_format:
            series.append(_written(kind, scan, day / kind, _CONTOUR_WRITERS[kind](day / kind, session, scan, regions)))
    return tuple(series)


def _written(kind: str, scan: PhantomScan, folder: Path, files: tuple[Path, ...]) -> WrittenSeries:
    return WrittenSeries(kind, scan.name, folder, files)


TRUTH_FILE = "truth.json"
DICOM_FOLDER = "dicom"


@dataclass(frozen=True)
class PhantomPatient(Record):
    """What ``make_phantom`` has written. series: ``WrittenSeries`` of every DICOM series."""

    folder: Path
    dicom_folder: Path
    truth_path: Path
    settings: PhantomSettings
    truth: PhantomTruth
    series: tuple

    def series_of(self, kind: str) -> tuple:
        """The series of a kind (CT, NM, PT, SEG, RTSTRUCT), in the order of the time points."""
        return tuple(item for item in self.series if item.kind == kind)


def make_phantom(
    folder: str | Path, settings: PhantomSettings | None = None, *, progress: Progress = silent, **changes
) -> PhantomPatient:
    """Write the phantom patient: DICOM files below ``folder/dicom`` and ``folder/truth.json``.

    settings: which patient, ``PhantomSettings()`` if left out; changes: single settings by name, e.g. ``size="small"``.
    The same settings write the same files, byte for byte. Raises DosimetryError for an unknown setting, or when the DICOM
    folder exists and is not empty.
    """
    settings = _changed(PhantomSettings() if settings is None else settings, changes)
    folder = Path(folder)
    dicom_folder = folder / DICOM_FOLDER
    if dicom_folder.exists() and any(dicom_folder.iterdir()):
        raise DosimetryError(
            f"Expected an empty folder {dicom_folder} for the phantom patient, found files; choose another folder."
        )

    progress(0.0, "Phantom patient: truth")
    truth = phantom_truth(settings)
    count, series = len(load_protocol().scans), []
    for scan in simulate_scans(settings):
        progress((scan.index + 0.5) / count, f"Phantom patient: scan at {scan.name}")
        series += write_scan(dicom_folder, session_of(settings, scan.index), scan)
    truth_path = folder / TRUTH_FILE
    write_text(truth_path, json.dumps(truth.to_dict(), indent=1, sort_keys=True) + "\n")
    progress(1.0, "Phantom patient: done")
    return PhantomPatient(folder, dicom_folder, truth_path, settings, truth, tuple(series))


def _changed(settings: PhantomSettings, changes: dict) -> PhantomSettings:
    known = {field.name for field in dataclasses.fields(settings)}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise DosimetryError(
            f"Expected settings named {', '.join(sorted(known))}, received {', '.join(unknown)}; check the spelling."
        )
    return dataclasses.replace(settings, **changes)


def read_truth(path: str | Path) -> PhantomTruth:
    """The truth of a phantom patient from its ``truth.json``. Raises DosimetryError when it is not there."""
    path = Path(path)
    if not path.is_file():
        raise DosimetryError(f"Expected the truth of a phantom patient at {path}, found none; make the phantom patient first.")
    return PhantomTruth.from_dict(json.loads(path.read_text(encoding="utf-8")))
