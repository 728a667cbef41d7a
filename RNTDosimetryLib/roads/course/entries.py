"""What is named beside the cycles of a course: maps to add up by voxel, the way home, when to scan."""

from dataclasses import dataclass, field
from datetime import datetime

from RNTDosimetryLib.base.checks import non_negative_number, one_of, positive_number, whole_number
from RNTDosimetryLib.base.documents import PATH
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.images.resampling import rigid_matrix
from RNTDosimetryLib.nuclides import get_nuclide

OTHERS = ("external_beam", "radioembolisation")
MAP_KINDS = ("systemic", *OTHERS)


@dataclass(frozen=True)
class MapEntry(Record):
    """One dose map of the sum by voxel. run: folder of a run; file: a volume file or RT Dose instead, with its unit.

    kind: "systemic" needs a half-life for the whole map, effective_half_life_h; "radioembolisation" its nuclide; "external_beam" its fractions.
    registration: 4 x 4, LPS mm, from a point of the sum's grid to the same tissue in this map; None where both have one frame.
    ct: volume file of a CT in the frame of this map, to find the registration with that of the first map.
    """

    kind: str
    name: str = ""
    run: str | None = field(default=None, metadata=PATH)
    file: str | None = field(default=None, metadata=PATH)
    unit: str | None = None
    times: int = 1
    effective_half_life_h: float | None = None
    nuclide: str | None = None
    fractions: int | None = None
    registration: tuple[tuple[float, ...], ...] | None = None
    ct: str | None = field(default=None, metadata=PATH)

    def __post_init__(self):
        one_of(self.kind, MAP_KINDS, "kind of a dose map")
        if bool(self.run) == bool(self.file):
            raise DosimetryError(
                f"Expected run or file for a dose map of voxel_sum, received {'both' if self.run else 'neither'}; name one."
            )
        needed = {"systemic": "effective_half_life_h", "radioembolisation": "nuclide", "external_beam": "fractions"}[self.kind]
        if getattr(self, needed) is None:
            raise DosimetryError(f"Expected {needed} for a map of kind {self.kind}, received none; its BED needs it.")
        whole_number(self.times, "times of a dose map", 1, 100, "enter how often this dose was given")
        if self.fractions is not None:
            whole_number(self.fractions, "fractions of a dose map", 1, 1000, "enter how many fractions the dose was given in")
        if self.nuclide is not None:
            get_nuclide(self.nuclide)
        if self.registration is not None and self.ct is not None:
            raise DosimetryError("Expected registration or ct of a dose map, received both; take one of them out.")
        if self.registration is not None:
            rigid_matrix(self.registration, "registration of a dose map")


@dataclass(frozen=True)
class VoxelSum(Record):
    """Sum of dose maps by voxel. Each map becomes BED before it is resampled. regions: mask files by name, in the frame of the first map."""

    maps: tuple[MapEntry, ...]
    alpha_beta_gy: float
    repair_half_time_h: float
    regions: dict[str, str] = field(default_factory=dict, metadata=PATH)

    def __post_init__(self):
        if not self.maps:
            raise DosimetryError("Expected maps of voxel_sum, received none; name one or more.")
        if any(item.ct for item in self.maps) and not self.maps[0].ct:
            raise DosimetryError("Expected the ct of the first map of voxel_sum, as another has one, received none; name it.")
        positive_number(self.alpha_beta_gy, "alpha_beta_gy of voxel_sum")
        positive_number(self.repair_half_time_h, "repair_half_time_h of voxel_sum")


@dataclass(frozen=True)
class ContactEntry(Record):
    """A contact: [hours a day, distance in m] while the patient is not, and while the patient is restricted. constraint_msv: None takes that of the country."""

    ordinary_h_per_day_at_m: tuple[tuple[float, ...], ...]
    restricted_h_per_day_at_m: tuple[tuple[float, ...], ...] = ()
    constraint_msv: float | None = None
    constraint: str = "public"


@dataclass(frozen=True)
class DischargeEntry(Record):
    """The way home after the last cycle. release_h: hours after the administration. shares, rates_per_d: retention of the whole body that was entered.

    readings_h, readings_usv_h: dose rates at 1 m, without background. whole_body_h, whole_body_mbq: activity in the whole body. from_images: that of the
    whole images of the last run. One of these, and physical decay alone, an upper bound, without any. contacts: entered, or shipped ones by name with null.
    """

    nuclide: str | None = None
    activity_mbq: float | None = None
    release_h: float = 0.0
    country: str = "NL"
    shares: tuple[float, ...] = ()
    rates_per_d: tuple[float, ...] = ()
    readings_h: tuple[float, ...] = ()
    readings_usv_h: tuple[float, ...] = ()
    whole_body_h: tuple[float, ...] = ()
    whole_body_mbq: tuple[float, ...] = ()
    from_images: bool = False
    distance_law: str = "line"
    contacts: dict[str, ContactEntry | None] = field(default_factory=dict)
    clearance_mbq: float | None = None
    contact_line: str = ""

    def __post_init__(self):
        non_negative_number(self.release_h, "release_h of the discharge")
        given = [name for name in ("shares", "readings_h", "whole_body_h") if getattr(self, name)] + [
            "from_images"
        ] * self.from_images
        if len(given) > 1:
            raise DosimetryError(f"Expected one source of the retention, received {', '.join(given)}; keep one.")
        for times, values in (("readings_h", "readings_usv_h"), ("whole_body_h", "whole_body_mbq")):
            if len(getattr(self, times)) != len(getattr(self, values)):
                raise DosimetryError(f"Expected as many {times} as {values}, received others; pair them up.")


@dataclass(frozen=True)
class DesignEntry(Record):
    """When to scan: an agent and tissue of the shipped populations, or a nuclide with effective_half_life_h and log_sd of its own.

    administration: date and time of it; opens, closes: hours of the day; weekend: whether it is open then; last_day, earliest_h: ends, after the administration; None takes 20 h, as a single
    exponential does not hold before.
    scan_uncertainty: relative, of the activity of each scan by itself. schedules_h: to compare with the best ones.
    """

    administration: datetime
    agent: str | None = None
    tissue: str | None = None
    nuclide: str | None = None
    effective_half_life_h: float | None = None
    log_sd: float | None = None
    opens: float = 8.0
    closes: float = 17.0
    weekend: bool = False
    last_day: int = 8
    earliest_h: float | None = None
    scan_uncertainty: float = 0.05
    schedules_h: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self):
        own = [name for name in ("nuclide", "effective_half_life_h", "log_sd") if getattr(self, name) is not None]
        shipped = [name for name in ("agent", "tissue") if getattr(self, name) is not None]
        if (len(own), len(shipped)) not in ((3, 0), (0, 2)):
            raise DosimetryError(
                f"Expected agent and tissue, or nuclide, effective_half_life_h and log_sd of the design, received {', '.join(own + shipped) or 'none'}; give one set."
            )
