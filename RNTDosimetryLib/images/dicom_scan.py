"""Finding the DICOM objects of a folder and sorting them into series."""

from dataclasses import dataclass
from pathlib import Path

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images.dicom_guard import readable

CT = "1.2.840.10008.5.1.4.1.1.2"
NM = "1.2.840.10008.5.1.4.1.1.20"
PT = "1.2.840.10008.5.1.4.1.1.128"
SEG = "1.2.840.10008.5.1.4.1.1.66.4"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"

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
    """One DICOM file: its path and its header without pixels."""

    path: str
    header: object


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
    if not folder.is_dir():
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
        own = instance if sop_class in (NM, SEG, RTSTRUCT) else ""
        uid = str(header.get("SeriesInstanceUID", ""))
        groups.setdefault((sop_class, uid, own), []).append(FoundObject(str(path), header))
    if not groups:
        raise DosimetryError(
            f"Expected DICOM files in {folder}, found none among {len(files)} files; choose the folder of the patient."
        )
    series = [FoundSeries(own or uid, sop_class, tuple(objects)) for (sop_class, uid, own), objects in groups.items()]
    used = tuple(item for item in series if _is_used(item))
    unused = tuple(item for item in series if not _is_used(item))
    return used, unused


def _read_header(path: Path):
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    if path.suffix.lower() in _NOT_DICOM_SUFFIXES or path.name == "DICOMDIR":
        return None
    with readable(str(path)):
        try:
            header = dcmread(path, stop_before_pixels=True)
        except InvalidDicomError:
            return None
        for element in header.iterall():  # values are decoded when they are asked for: damage shows here, not later
            _ = element.value
    return header


def _is_used(series: FoundSeries) -> bool:
    kind = [str(part).upper() for part in series.header.get("ImageType", [])]
    if series.sop_class == CT:
        return "LOCALIZER" not in kind and len(series.objects) > 1
    if series.sop_class == NM:
        return "RECON TOMO" in kind
    return series.sop_class in (PT, SEG, RTSTRUCT)


def looks_lost(series: FoundSeries) -> bool:
    """Whether a series that is not used looks like one that should be: another kind of object than its modality says,
    or a single slice of a CT."""
    expected = {"CT": CT, "NM": NM, "PT": PT, "SEG": SEG, "RTSTRUCT": RTSTRUCT}.get(str(series.header.get("Modality", "")))
    return (expected is not None and series.sop_class != expected) or (series.sop_class == CT and len(series.objects) == 1)
