"""Finding the DICOM objects of a folder and sorting them into series."""

import os
import re
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake.tags import readable
from RNTDosimetryLib.intake.units import concentration_mapping
from RNTDosimetryLib.intake.voxels import frames_as_slices

CT = "1.2.840.10008.5.1.4.1.1.2"
NM = "1.2.840.10008.5.1.4.1.1.20"
PT = "1.2.840.10008.5.1.4.1.1.128"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
ENHANCED_PT = "1.2.840.10008.5.1.4.1.1.130"
PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
SEG = "1.2.840.10008.5.1.4.1.1.66.4"
LABELMAP_SEG = "1.2.840.10008.5.1.4.1.1.66.7"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"

CT_KINDS = (CT, ENHANCED_CT)
ACTIVITY_KINDS = (NM, PT, ENHANCED_PT, PARAMETRIC_MAP)
REGION_KINDS = (SEG, LABELMAP_SEG, RTSTRUCT)
_WITH_FRAMES = (ENHANCED_CT, ENHANCED_PT, PARAMETRIC_MAP)

_NOT_DICOM_SUFFIXES = {
    ".json",
    ".txt",
    ".csv",
    ".md",
    ".html",
    ".nrrd",
    ".nii",
    ".gz",
    ".mha",
    ".png",
    ".jpg",
    ".zip",
    ".mrb",
    ".py",
}


@dataclass(frozen=True)
class FoundObject:
    """One DICOM file, or one frame of it: its path and its header without pixels (flat for a frame). frames: those of a Nuclear Medicine
    file that belong to this volume, () for all."""

    path: str
    header: object
    frame: int = 0
    frames: tuple[int, ...] = ()


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


def scan_folder(folder, progress=None, takes_file=None) -> tuple[tuple[FoundSeries, ...], tuple[FoundSeries, ...]]:
    """Series of a folder and of all folders in it, and the series that are of no use here.

    ``progress(fraction, text)`` is called on the way; files for which ``takes_file(path)`` is true are left out unread. NM and SEG objects, RTSTRUCT too, are volumes of their own even when
    they share a series. Raises DosimetryError when the folder is missing or holds no DICOM.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise DosimetryError(f"Expected a folder of DICOM files at {folder}, found none; check the path.")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not (takes_file and takes_file(path)))
    groups: dict[tuple, list[FoundObject]] = {}
    seen_instances = set()
    for index, path in enumerate(files):
        if progress is not None and index % 50 == 0:
            progress(index / len(files), f"reading header {index + 1} of {len(files)}")
        header = read_header(path)
        if header is None:
            continue
        instance = str(header.get("SOPInstanceUID", "") or path)
        if instance in seen_instances:  # the same object twice in the folder
            continue
        seen_instances.add(instance)
        sop_class = str(header.get("SOPClassUID", ""))
        own = instance if sop_class in (NM, *REGION_KINDS) else ""
        uid = str(header.get("SeriesInstanceUID", ""))
        groups.setdefault((sop_class, uid, own), []).extend(_objects_of(str(path), header, sop_class))
    if not groups:
        raise DosimetryError(
            f"Expected DICOM files in {folder}, found none among {len(files)} files; choose the folder of the patient."
        )
    whole = [FoundSeries(own or uid, sop_class, tuple(objects)) for (sop_class, uid, own), objects in groups.items()]
    whole = _with_stacked_slices(whole)
    used = tuple(item for item in whole if _is_used(item))
    unused = tuple(item for item in whole if not _is_used(item))
    return used, unused


def read_header(path: Path):
    """Header of a DICOM file without its pixels, None for other files. Raises DosimetryError for a damaged one."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    if path.suffix.lower() in _NOT_DICOM_SUFFIXES or path.name == "DICOMDIR":
        return None
    with readable(str(path)), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of every value that is not quite to the standard
        try:
            header = dcmread(path, stop_before_pixels=True)
        except InvalidDicomError:
            return None
        for element in header.iterall():  # values are decoded when they are asked for: damage shows here, not later
            _ = element.value
    return header


def _objects_of(path: str, header, sop_class: str) -> list[FoundObject]:
    if sop_class not in _WITH_FRAMES:
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


def words_of(header, keyword: str = "ImageType") -> list[str]:
    """Values of a text element in capitals; also when a writer put a whole list with brackets and quotes into one value."""
    value = header.get(keyword)
    values = [] if value is None else list(value) if hasattr(value, "append") else [value]
    parts = [part for item in values for part in re.split(r"[\\,]", str(item))]
    return [part.strip(" []'\"").upper() for part in parts]


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


def _is_used(series: FoundSeries) -> bool:
    kind = words_of(series.header)
    if series.sop_class in CT_KINDS:
        return "LOCALIZER" not in kind and len(series.objects) > 1
    if series.sop_class == NM:
        return is_reconstruction(series.header)
    if series.sop_class == PARAMETRIC_MAP:
        return concentration_mapping(series.header) is not None
    if series.sop_class == PT:
        return "REPROJECTION" not in words_of(series.header, "SeriesType")
    return series.sop_class in (*ACTIVITY_KINDS, *REGION_KINDS)


def looks_lost(series: FoundSeries) -> bool:
    """Whether a series that is not used looks like one that should be: another kind of object than its modality says,
    or a single slice of a CT."""
    kinds = {
        "CT": CT_KINDS,
        "NM": (NM, PARAMETRIC_MAP),
        "PT": ACTIVITY_KINDS,
        "SEG": (SEG, LABELMAP_SEG),
        "RTSTRUCT": (RTSTRUCT,),
    }
    expected = kinds.get(str(series.header.get("Modality", "")))
    return (expected is not None and series.sop_class not in expected) or (series.sop_class == CT and len(series.objects) == 1)


def is_planar(header) -> bool:
    """Whether a DICOM header is of a static or whole-body planar Nuclear Medicine image."""
    return str(header.get("SOPClassUID", "")) == NM and any(word in ("STATIC", "WHOLE BODY") for word in words_of(header))
