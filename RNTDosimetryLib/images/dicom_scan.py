"""Finding the DICOM objects of a folder and sorting them into series."""

import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images.dicom_frames import frames_as_slices
from RNTDosimetryLib.images.dicom_guard import readable
from RNTDosimetryLib.images.dicom_tags import find
from RNTDosimetryLib.images.quantification import concentration_mapping

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
    """One DICOM file, or one frame of it: its path and its header without pixels (flat for a frame)."""

    path: str
    header: object
    frame: int = 0


@dataclass(frozen=True)
class FoundSeries:
    """The files of one series that make one volume or one set of regions."""

    uid: str
    sop_class: str
    objects: tuple[FoundObject, ...]

    @property
    def header(self):
        return self.objects[0].header

    @property
    def label(self) -> str:
        """Name of the series for people: modality, description, and the last digits of its UID."""
        description = str(self.header.get("SeriesDescription", "")).strip() or "no description"
        return f"{self.header.get('Modality', '?')} '{description}' (...{self.uid[-8:]})"


def scan_folder(folder, progress=None) -> tuple[tuple[FoundSeries, ...], tuple[FoundSeries, ...]]:
    """Series of a folder and of all folders in it, and the series that are of no use here.

    ``progress(fraction, text)`` is called on the way. NM and SEG objects, RTSTRUCT too, are volumes of their own even when
    they share a series. Raises DosimetryError when the folder is missing or holds no DICOM.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise DosimetryError(f"Expected a folder of DICOM files at {folder}, found none; check the path.")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    groups: dict[tuple, list[FoundObject]] = {}
    seen_instances = set()
    for index, path in enumerate(files):
        if progress is not None and index % 50 == 0:
            progress(index / len(files), f"reading header {index + 1} of {len(files)}")
        header = _read_header(path)
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
    series = [part for item in whole for part in time_frames(item)]
    used = tuple(item for item in series if _is_used(item))
    unused = tuple(item for item in series if not _is_used(item))
    return used, unused


def _read_header(path: Path):
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


def time_frames(series: FoundSeries) -> tuple[FoundSeries, ...]:
    """The time frames of a dynamic PT series, each as a series of its own with "#1", "#2" after the UID; others as they are.

    A series is dynamic when slice positions come more than once and the start of acquisition tells them apart.
    """
    if series.sop_class not in (PT, ENHANCED_PT):
        return (series,)
    positions = [str(item.header.get("ImagePositionPatient", "")) for item in series.objects]
    if len(set(positions)) == len(positions):
        return (series,)
    frames: dict[str, list[FoundObject]] = {}
    for item in series.objects:
        with readable(series.label):
            start = find(item.header, "acquisition_start")
        frames.setdefault("" if start is None else start.value.isoformat(), []).append(item)
    expected = sorted(set(positions))
    complete = all(
        sorted(str(item.header.get("ImagePositionPatient", "")) for item in frame) == expected for frame in frames.values()
    )
    if not complete:
        return (series,)
    return tuple(
        replace(series, uid=f"{series.uid}#{number}", objects=tuple(frames[key]))
        for number, key in enumerate(sorted(frames), start=1)
    )


def _is_used(series: FoundSeries) -> bool:
    kind = [str(part).upper() for part in series.header.get("ImageType") or []]
    if series.sop_class in CT_KINDS:
        return "LOCALIZER" not in kind and len(series.objects) > 1
    if series.sop_class == NM:
        return "RECON TOMO" in kind
    if series.sop_class == PARAMETRIC_MAP:
        return concentration_mapping(series.header) is not None
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
