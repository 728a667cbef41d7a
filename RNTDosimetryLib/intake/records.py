"""What the intake of a folder gives: administration, time points, regions, and the table of where every value came from."""

from dataclasses import dataclass, field
from datetime import datetime

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.base.words import printable
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import ActivityImage, CtImage, Region
from RNTDosimetryLib.intake.voxels import load_ct_files


@dataclass(frozen=True)
class IntakeRow(Record):
    """One line of the intake table.

    status: "read" from the file, "override" typed by a person (``read_value`` keeps what the file said), "derived", or
    "not used" for an override without effect.
    """

    what: str
    value: str
    unit: str = ""
    source: str = ""
    where: str = ""
    status: str = "read"
    read_value: str = ""


class IntakeRefused(DosimetryError):
    """A folder that cannot be used, with what was read of it until then. table: rows; warnings: as of an intake."""

    def __init__(self, message: str, table: tuple[IntakeRow, ...] = (), warnings: tuple[str, ...] = ()):
        super().__init__(message)
        self.table, self.warnings = table, warnings


@dataclass(frozen=True)
class Series(Record):
    """A CT series on disk. The voxels are read by ``load_ct``. files, frames: of each slice, from the lowest position up."""

    uid: str
    modality: str
    description: str
    files: tuple[str, ...]
    geometry: ImageGeometry
    frame_of_reference_uid: str = ""
    start: datetime | None = None
    frames: tuple[int, ...] = ()

    def load_ct(self, name: str = "CT") -> CtImage:
        """CT in Hounsfield units. Raises DosimetryError when a file has changed or cannot be read."""
        hounsfield = load_ct_files(self.files, self.geometry, self.frames)
        return CtImage(name, self.geometry, hounsfield, self.frame_of_reference_uid)


@dataclass(frozen=True)
class Administration(Record):
    """What was given. Activity in MBq at ``time``; net = injected - residual."""

    time: datetime
    nuclide: str
    radiopharmaceutical: str
    injected_activity_mbq: float
    residual_activity_mbq: float = 0.0

    @property
    def net_activity_mbq(self) -> float:
        return self.injected_activity_mbq - self.residual_activity_mbq


@dataclass(frozen=True)
class Patient(Record):
    """The patient, without the name. id_hash: first 16 hexadecimal digits of the SHA-256 of the patient ID."""

    id_hash: str
    weight_kg: float | None = None
    height_m: float | None = None
    sex: str = ""


@dataclass(frozen=True)
class TimePoint(Record):
    """One scan: the activity image and the CT that goes with it, None where there is none.

    start_h: hours from the administration to the start of acquisition. ct_matrix is not needed: SPECT and CT share one
    frame of reference, or are taken to (then a warning says so). regions: those drawn on this CT. span_s: from the start to the end of the last
    slice, at least.
    """

    name: str
    start_h: float
    acquisition_start: datetime
    duration_s: float | None
    series_uid: str
    activity: ActivityImage
    ct: Series | None = None
    regions: tuple[Region, ...] = ()
    warnings: tuple[str, ...] = ()
    series_instance_uid: str = ""
    span_s: float | None = None
    file: str = field(default="", metadata=NOT_WRITTEN)
    frames: tuple[ActivityImage, ...] = field(default=(), metadata=NOT_WRITTEN, repr=False)

    @property
    def frame_of_reference_uid(self) -> str:
        return self.activity.frame_of_reference_uid

    def load_ct(self) -> CtImage | None:
        return None if self.ct is None else self.ct.load_ct(f"CT {self.name}")


@dataclass(frozen=True)
class Intake(Record):
    """A folder of DICOM files, read. Time points are in the order of time.

    reference_index: the time point whose CT carries ``regions`` (0 when there are none).
    table: where every value was read; warnings: everything doubtful but usable. unmeasured: regions that have no dose here, by name, and why.
    """

    administration: Administration
    patient: Patient
    time_points: tuple[TimePoint, ...]
    reference_index: int = 0
    table: tuple[IntakeRow, ...] = ()
    warnings: tuple[str, ...] = ()
    overrides: dict = field(default_factory=dict)
    unmeasured: dict[str, str] = field(default_factory=dict)
    folder: str = field(default="", metadata=NOT_WRITTEN)

    def __post_init__(self):
        if not self.time_points:
            raise DosimetryError("Expected at least one time point with an activity image, received none; add a SPECT series.")

    @property
    def nuclide(self) -> str:
        return self.administration.nuclide

    @property
    def regions(self) -> tuple[Region, ...]:
        return self.time_points[self.reference_index].regions


def format_intake_table(intake: Intake) -> str:
    """The intake table as text: for each series the rows what, value with unit, status, source; then the warnings."""
    return format_intake_rows(intake.table, intake.warnings)


def format_intake_rows(table, warnings=()) -> str:
    """Rows of an intake, or of one that was refused, as text."""
    header = ("what", "value", "status", "source")
    groups: dict[str, list[tuple[str, ...]]] = {}
    for row in table:
        value = f"{row.value} {row.unit}".rstrip() + (f" (file: {row.read_value})" if row.read_value else "")
        cells = tuple(printable(cell) for cell in (row.what, value, row.status, row.source))
        groups.setdefault(printable(row.where) or "folder", []).append(cells)
    cells = [header] + [line for lines in groups.values() for line in lines]
    widths = [max(len(line[column]) for line in cells) for column in range(len(header))]

    def text_of(line) -> str:
        return "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()

    text = [text_of(header)]
    for where, lines in groups.items():
        text += ["", where] + [text_of(line) for line in lines]
    return "\n".join(text + [""] * bool(warnings) + [f"warning: {printable(warning)}" for warning in warnings])
