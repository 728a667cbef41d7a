"""Finding the DICOM objects of a folder and sorting them into series. Every file is used, or left out with a reason."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

from RNTDosimetryLib.base.documents import sha256_of_file
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake.files import LeftOut, OpenFile, open_dataset, open_header
from RNTDosimetryLib.intake.headers import SliceHeader, words_of
from RNTDosimetryLib.intake.sop_classes import NM, PT, REGION_KINDS, WITH_FRAMES
from RNTDosimetryLib.intake.tags import Found, find, readable
from RNTDosimetryLib.intake.voxels import frames_as_slices

_EVERY = 50
"""Files between two reports of progress."""


@dataclass(frozen=True)
class FoundObject:
    """One DICOM file, or one frame of it: its path and its header without pixels (flat for a frame). frames: those of a Nuclear Medicine
    file that belong to this volume, () for all."""

    path: str
    header: object
    frame: int = 0
    frames: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return Path(self.path).name + (f" frame {self.frame + 1}" if self.frame else "")

    @cached_property
    def slice(self) -> SliceHeader:
        """Its header as a record, read once. Raises DosimetryError for values that are no numbers."""
        with readable(self.name):
            return SliceHeader.of(self.header, self.name)

    @cached_property
    def _found(self) -> dict[str, Found | None]:
        return {}

    def find(self, quantity: str) -> Found | None:
        """First value of a quantity (Resources/images/dicom_sources.json), looked up once. Raises DosimetryError for one that is not readable."""
        if quantity not in self._found:
            with readable(self.name):
                self._found[quantity] = find(self.header, quantity)
        return self._found[quantity]


@dataclass(frozen=True)
class TimeFrame:
    """Which time frame of a dynamic or gated series a volume is.

    number: from 1 to count. start, offset_s: of the series, and of this frame from it. duration_s: None when the headers tell it.
    share: of the counting time, for a gate; 1 for dynamic frames. source: what told the frames apart and when they start.
    """

    number: int
    count: int
    kind: str
    source: str
    start: datetime | None
    offset_s: float
    duration_s: float | None
    share: float
    warning: str = ""


@dataclass(frozen=True)
class FoundSeries:
    """The files of one series that make one volume or one set of regions."""

    uid: str
    sop_class: str
    objects: tuple[FoundObject, ...]
    time_frame: TimeFrame | None = None

    @property
    def header(self):
        return self.objects[0].header

    @property
    def label(self) -> str:
        """Name of the series for people: modality, description, and the last digits of its UID."""
        description = str(self.header.get("SeriesDescription", "")).strip() or "no description"
        uid, _, frame = self.uid.partition("#")
        return f"{self.header.get('Modality', '?')} '{description}' (...{uid[-8:]})" + (f" frame {frame}" if frame else "")

    def find(self, quantity: str) -> Found | None:
        """First value of a quantity in its first object."""
        return self.objects[0].find(quantity)


def found_unless(holder: FoundSeries | FoundObject, quantity: str, entered) -> Found | None:
    """A quantity of a series or object; None for one that is not readable where another was entered in its stead."""
    try:
        return holder.find(quantity)
    except DosimetryError:
        if entered is None:
            raise
        return None


@dataclass(frozen=True)
class FolderScan:
    """What lies in a folder. bare: files without preamble. copies: of a file that is there already. twins: for each SOP Instance UID
    that stands in files of different content, these files."""

    series: tuple[FoundSeries, ...]
    left_out: tuple[LeftOut, ...] = ()
    bare: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    twins: dict[str, tuple[str, ...]] = field(default_factory=dict)


def scan_folder(
    folder, progress: Callable[[float, str], None] | None = None, takes_file: Callable[[Path], bool] | None = None
) -> FolderScan:
    """All series of a folder and of the folders in it, and what became of the other files.

    ``progress(fraction, text)`` is called on the way; files for which ``takes_file(path)`` is true are left out unread. NM and SEG objects, RTSTRUCT
    too, are volumes of their own even when they share a series. Raises DosimetryError when the folder is missing or holds no DICOM.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise DosimetryError(f"Expected a folder of DICOM files at {folder}, found none; check the path.")
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not (takes_file and takes_file(path)))
    left_out: list[LeftOut] = []
    opened: dict[str, list[OpenFile]] = {}
    copies: list[str] = []
    for index, path in enumerate(paths):
        if progress is not None and index % _EVERY == 0:
            progress(index / len(paths), f"reading header {index + 1} of {len(paths)}")
        file = open_header(path)
        if isinstance(file, LeftOut):
            left_out.append(file)
            continue
        same = opened.setdefault(str(file.dataset.get("SOPInstanceUID", "") or path), [])
        if any(_same_content(file, other) for other in same):
            copies.append(file.path)
        else:
            same.append(file)
    if not opened:
        raise DosimetryError(
            f"Expected DICOM files in {folder}, found none among {len(paths)} files; choose the folder of the patient.{_reasons(left_out)}"
        )
    files = [file for same in opened.values() for file in same]
    return FolderScan(
        series=tuple(_with_stacked_slices(_in_series(files, left_out))),
        left_out=tuple(left_out),
        bare=tuple(file.path for file in files if file.bare),
        copies=tuple(copies),
        twins={uid: tuple(file.path for file in same) for uid, same in opened.items() if len(same) > 1},
    )


def _reasons(left_out: list[LeftOut]) -> str:
    """The first reason why files of a folder without DICOM could not be read."""
    serious = [item for item in left_out if item.serious]
    return f" {len(serious)} could not be read; {Path(serious[0].path).name}: {serious[0].reason}" if serious else ""


def _same_content(one: OpenFile, other: OpenFile) -> bool:
    """Whether two files of one SOP Instance UID hold the same object: bytes alike, or every element (the meta information may differ)."""
    if sha256_of_file(Path(one.path)) == sha256_of_file(Path(other.path)):
        return True
    if one.dataset != other.dataset:
        return False
    return open_dataset(one.path) == open_dataset(other.path)


def _in_series(files: list[OpenFile], left_out: list[LeftOut]) -> list[FoundSeries]:
    groups: dict[tuple, list[FoundObject]] = {}
    for file in files:
        header = file.dataset
        sop_class = str(header.get("SOPClassUID", ""))
        own = str(header.get("SOPInstanceUID", "") or file.path) if sop_class in (NM, *REGION_KINDS) else ""
        try:
            objects = _objects_of(file.path, header, sop_class)
        except DosimetryError as error:
            left_out.append(LeftOut(file.path, str(error), True))
            continue
        groups.setdefault((sop_class, str(header.get("SeriesInstanceUID", "")), own), []).extend(objects)
    return [FoundSeries(own or uid, sop_class, tuple(objects)) for (sop_class, uid, own), objects in groups.items()]


def _objects_of(path: str, header, sop_class: str) -> list[FoundObject]:
    if sop_class not in WITH_FRAMES:
        return [FoundObject(path, header)]
    with readable(path):
        flat = frames_as_slices(header)
    if not flat:
        raise DosimetryError(f"Expected functional groups for every frame of {path}, received none; send the file again.")
    return [FoundObject(path, item, frame) for frame, item in enumerate(flat)]


def _with_stacked_slices(whole: list[FoundSeries]) -> list[FoundSeries]:
    """Reconstructed Nuclear Medicine objects of one frame each, in one series, are slices: one volume, read as slices in files of their own."""
    single: dict[str, list[FoundSeries]] = {}
    for item in whole:
        if item.sop_class == NM and str(item.header.get("NumberOfFrames", 1) or 1) == "1" and is_reconstruction(item.header):
            single.setdefault(str(item.header.get("SeriesInstanceUID", "")), []).append(item)
    stacks = {uid: items for uid, items in single.items() if len(items) > 1}
    stacked = {id(item) for items in stacks.values() for item in items}
    slices = []
    for uid, items in stacks.items():
        objects = tuple(FoundObject(item.objects[0].path, _with_plane(item.header)) for item in items)
        slices.append(FoundSeries(uid, PT, objects))
    return [item for item in whole if id(item) not in stacked] + slices


def _with_plane(header):
    """A header with the plane of its detector item, where it has none of its own."""
    detectors = header.get("DetectorInformationSequence") or []
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient"):
        if keyword not in header and detectors and keyword in detectors[0]:
            header.add(detectors[0][keyword])
    return header


def without_objects(series: FoundSeries, away) -> FoundSeries | None:
    """The series without some of its objects, None when none is left."""
    gone = {id(item) for item in away}
    left = tuple(item for item in series.objects if id(item) not in gone)
    return series if len(left) == len(series.objects) else replace(series, objects=left) if left else None


def is_reconstruction(header) -> bool:
    """Whether a Nuclear Medicine object holds slices: its Image Type says so, or its frames are ordered by slice and not by view."""
    kind = words_of(header)
    if any(word.startswith("RECON") for word in kind):
        return True
    return (
        any("TOMO" in word or word == "DYNAMIC" for word in kind)
        and bool(header.get("SliceVector"))
        and not header.get("AngularViewVector")
    )


def is_planar(header) -> bool:
    """Whether a DICOM header is of a static or whole-body planar Nuclear Medicine image."""
    return str(header.get("SOPClassUID", "")) == NM and any(word in ("STATIC", "WHOLE BODY") for word in words_of(header))
