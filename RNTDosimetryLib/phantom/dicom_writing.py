"""One phantom time point as DICOM files in its own folders."""

from dataclasses import dataclass
from pathlib import Path

from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.phantom.dicom_ct import write_ct
from RNTDosimetryLib.phantom.dicom_nm import write_nm
from RNTDosimetryLib.phantom.dicom_pt import write_pt
from RNTDosimetryLib.phantom.dicom_rtstruct import write_rtstruct
from RNTDosimetryLib.phantom.dicom_seg import write_seg
from RNTDosimetryLib.phantom.identifiers import Session
from RNTDosimetryLib.phantom.scans import PhantomScan, phantom_regions

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
