"""A study whose images are volume files (NRRD, NIfTI, MetaImage) instead of DICOM: what a study file says of them, and the reading."""

from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path

from RNTDosimetryLib.base.checks import checked_number
from RNTDosimetryLib.base.documents import PATH
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, silent
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.images import ActivityImage, CtImage, Region
from RNTDosimetryLib.intake import IntakeRow, load_activity_file
from RNTDosimetryLib.intake.region_kinds import region_kind
from RNTDosimetryLib.intake.volume_files import load_ct_file, load_mask_file, read_sidecar
from RNTDosimetryLib.nuclides import get_nuclide

_UNITS = {"start_h": "h", "duration_s": "s"}


@dataclass(frozen=True)
class VolumeScan(Record):
    """One time point. activity, ct: files. What is None must stand in ``<activity>.json`` beside it (see docs/file_formats.md)."""

    activity: str
    ct: str | None = None
    start_h: float | None = None
    unit: str | None = None
    decay_correction: str | None = None
    duration_s: float | None = None
    calibration_uncertainty: float | None = None

    def typed(self) -> dict:
        """What was typed about the activity file."""
        given = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in ("activity", "ct")}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class VolumeRegion(Record):
    """One organ or lesion. label: its number in a label map; without one the file is a mask, 0 to 1."""

    file: str
    label: int | None = None


@dataclass(frozen=True)
class VolumeFiles(Record):
    """Images and regions of one therapy as volume files in ``folder``, which is relative to the study file.

    regions: by name, drawn on the scan ``reference`` (counted from 0 in the order of time), on any grid.
    """

    nuclide: str
    scans: tuple[VolumeScan, ...]
    regions: dict[str, VolumeRegion]
    folder: str = field(default=".", metadata=PATH)
    reference: int = 0
    administered_activity_mbq: float | None = None
    administration_time: datetime | None = None
    radiopharmaceutical: str = ""

    def __post_init__(self):
        get_nuclide(self.nuclide)
        if not self.scans:
            raise DosimetryError(
                "Expected at least one scan in volumes of the study file, received none; name the activity files."
            )
        if not self.regions:
            raise DosimetryError("Expected at least one region in volumes of the study file, received none; name the masks.")
        if not 0 <= self.reference < len(self.scans):
            raise DosimetryError(
                f"Expected a reference from 0 to {len(self.scans) - 1} in volumes, received {self.reference}; count the scans from 0."
            )
        if self.administered_activity_mbq is not None:
            checked_number(
                self.administered_activity_mbq,
                "administered_activity_mbq in volumes",
                "type it in MBq or leave it out",
                0.0,
                1e9,
                above=True,
            )


@dataclass(frozen=True)
class VolumeContent:
    """What the files hold: (activity, CT or None) of every scan in the order of time, the regions, and where each value came from."""

    scans: tuple[tuple[ActivityImage, CtImage | None], ...]
    regions: tuple[Region, ...]
    table: tuple[IntakeRow, ...] = field(default=())


def read_volumes(volumes: VolumeFiles, base_folder: str | Path = ".", progress: Progress = silent) -> VolumeContent:
    """Voxels and typed values of all files. Raises DosimetryError for a file that is missing or cannot be used, naming it."""
    folder = Path(base_folder, volumes.folder)
    nuclide = get_nuclide(volumes.nuclide).name
    found, table = [], []
    for index, scan in enumerate(volumes.scans):
        progress(index / len(volumes.scans), f"Reading {scan.activity}")
        found.append(_read_scan(scan, folder, nuclide))
        table += _rows(scan, folder)
    times = [activity.start_h for activity, _ct in found]
    if times != sorted(times):
        raise DosimetryError(f"Expected the scans of volumes in the order of time, received {times} h; sort them.")
    regions = tuple(_read_region(name, region, folder) for name, region in volumes.regions.items())
    return VolumeContent(tuple(found), regions, (*_therapy_rows(volumes), *table))


def _read_scan(scan: VolumeScan, folder: Path, nuclide: str) -> tuple[ActivityImage, CtImage | None]:
    path = folder / scan.activity
    stated = read_sidecar(path).get("nuclide")
    if stated is not None and get_nuclide(str(stated)).name != nuclide:
        raise DosimetryError(
            f"Expected {nuclide} in {path.name}.json as in the study file, received {stated}; correct one of them."
        )
    activity = load_activity_file(path, {"nuclide": nuclide, **scan.typed()})
    named = replace(activity, name=f"Activity {activity.start_h:.4g} h")
    if scan.ct is None:
        return named, None
    return named, load_ct_file(folder / scan.ct, f"CT {activity.start_h:.4g} h")


def _read_region(name: str, region: VolumeRegion, folder: Path) -> Region:
    return Region(name, *load_mask_file(folder / region.file, name, region.label), kind=region_kind(name))


def _rows(scan: VolumeScan, folder: Path) -> list[IntakeRow]:
    """Where each value of a scan came from: typed in the study file, which wins, or the file beside the image."""
    typed, beside = scan.typed(), read_sidecar(folder / scan.activity)
    rows = []
    for name in dict.fromkeys((*typed, *beside)):
        if name in typed:
            said = "" if beside.get(name) in (None, typed[name]) else str(beside[name])
            rows.append(IntakeRow(name, str(typed[name]), _UNITS.get(name, ""), "study file", scan.activity, "override", said))
        else:
            rows.append(
                IntakeRow(name, str(beside[name]), _UNITS.get(name, ""), f"{Path(scan.activity).name}.json", scan.activity)
            )
    return rows


def _therapy_rows(volumes: VolumeFiles) -> list[IntakeRow]:
    values = {
        "nuclide": (volumes.nuclide, ""),
        "radiopharmaceutical": (volumes.radiopharmaceutical, ""),
        "administered activity": (volumes.administered_activity_mbq, "MBq"),
        "administration time": (volumes.administration_time, ""),
    }
    return [
        IntakeRow(what, str(value), unit, "study file", "study", "override") for what, (value, unit) in values.items() if value
    ]
