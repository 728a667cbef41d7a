"""What is named for a course of therapy: the request that a course file holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

from RNTDosimetryLib.base.checks import (
    checked_number,
    checked_relative,
    non_negative_number,
    one_of,
    positive_number,
    whole_number,
)
from RNTDosimetryLib.base.documents import PATH, Request, seen_from
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.course import CourseLimit, rules, shipped_limits
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.roads.course.entries import OTHERS, DesignEntry, DischargeEntry, VoxelSum

KINDS = ("organ", "lesion", "other")


def checked_day(text, what: str) -> date:
    """A date, with or without a time of day. Raises DosimetryError for anything else."""
    try:
        return datetime.fromisoformat(text).date()
    except (TypeError, ValueError) as error:
        raise DosimetryError(f"Expected a date such as 2026-03-21 for {what}, received {text!r}; enter it.") from error


@dataclass(frozen=True)
class EnteredDose(Record):
    """Dose of one region that was entered. random_uncertainty, common_uncertainty: relative, 1 sigma; None where not known, 0 where there is none.

    effective_half_life_h: for the BED. mass_g: for kidneys looked at together. kind: None follows from the name.
    """

    dose_gy: float
    random_uncertainty: float | None = None
    common_uncertainty: float | None = None
    effective_half_life_h: float | None = None
    mass_g: float | None = None
    kind: str | None = None

    def __post_init__(self):
        non_negative_number(self.dose_gy, "dose_gy of a region", "enter the absorbed dose in Gy")
        for name in ("random_uncertainty", "common_uncertainty"):
            relative = checked_relative(getattr(self, name), f"{name} of a region")
            if relative is not None and relative >= 1:
                raise DosimetryError(f"Expected {name} of a region below 1, received {relative:g}; give 0.06 for 6 %.")
        for name, most in (("effective_half_life_h", 1e6), ("mass_g", 5e5)):
            if getattr(self, name) is not None:
                checked_number(getattr(self, name), f"{name} of a region", "correct it or leave it out", 0.0, most, above=True)
        if self.kind is not None:
            one_of(self.kind, KINDS, "kind of a region")


@dataclass(frozen=True)
class Cycle(Record):
    """One cycle. results: results.json of its run, or the folder; regions: doses instead; neither: estimated from the nearest cycle.

    date: of the administration; None takes that of the results. nuclide: of entered doses, for alphas. alpha_rbe: of alphas in the BED, named, never assumed.
    """

    date: str | None = None
    results: str | None = field(default=None, metadata=PATH)
    administered_activity_mbq: float | None = None
    regions: dict[str, EnteredDose] = field(default_factory=dict)
    nuclide: str | None = None
    alpha_rbe: float | None = None

    def __post_init__(self):
        if self.results is not None and self.regions:
            raise DosimetryError("Expected results or regions of a cycle, received both; take one of them out.")
        if self.date is None and self.results is None:
            raise DosimetryError("Expected a date of every cycle without results, received none; enter date, such as 2026-03-21.")
        if self.date is not None:
            checked_day(self.date, "a cycle")
        if self.administered_activity_mbq is not None:
            activity = positive_number(self.administered_activity_mbq, "administered_activity_mbq of a cycle", "enter it in MBq")
            if activity > rules()["largest_activity_mbq"]:
                raise DosimetryError(
                    f"Expected administered_activity_mbq of a cycle in MBq, received {activity:g}; check the unit."
                )
        if self.nuclide is not None:
            get_nuclide(self.nuclide)
        if self.alpha_rbe is not None:
            checked_number(self.alpha_rbe, "alpha_rbe of a cycle", "1 leaves the absorbed dose", 1.0, 100.0)


@dataclass(frozen=True)
class LimitEntry(Record):
    """A limit: dose_gy or bed_gy of a region, or name of a shipped one, for the region or all regions of its tissue."""

    region: str | None = None
    dose_gy: float | None = None
    bed_gy: float | None = None
    name: str | None = None
    alpha_beta_gy: float | None = None
    repair_half_time_h: float | None = None

    def __post_init__(self):
        given = [name for name in ("dose_gy", "bed_gy", "name") if getattr(self, name) is not None]
        if len(given) != 1:
            raise DosimetryError(
                f"Expected one of dose_gy, bed_gy or name for a limit, received {', '.join(given) or 'none'}; give one."
            )
        if self.name is not None:
            one_of(self.name, shipped_limits(), "the name of a limit", "choose one of them, or enter region and dose_gy")
        elif self.region is None:
            raise DosimetryError("Expected the region of a limit, received none; name it, or 'kidneys' for both.")
        for key in ("dose_gy", "bed_gy", "alpha_beta_gy", "repair_half_time_h"):
            if getattr(self, key) is not None:
                positive_number(getattr(self, key), f"{key} of a limit")

    def limit_of(self, region: str, alpha_beta_gy: float | None) -> CourseLimit:
        """This limit for one region."""
        data = shipped_limits()[self.name] if self.name else {"dose_gy": self.dose_gy, "bed_gy": self.bed_gy}
        quantity = "bed" if data.get("bed_gy") is not None else "dose"
        value = data[f"{quantity}_gy"]
        words = {key: data[key] for key in ("condition", "status", "source", "session") if key in data}
        return CourseLimit(region, quantity, value, f"{'BED ' if quantity == 'bed' else ''}{value:g} Gy", alpha_beta_gy, **words)


@dataclass(frozen=True)
class RegionEntry(Record):
    """What was entered about a region for the whole course. None: of the results, or of the shipped data."""

    kind: str | None = None
    alpha_beta_gy: float | None = None
    repair_half_time_h: float | None = None
    effective_half_life_h: float | None = None

    def __post_init__(self):
        if self.kind is not None:
            one_of(self.kind, KINDS, "kind of a region")
        for name in ("alpha_beta_gy", "repair_half_time_h", "effective_half_life_h"):
            if getattr(self, name) is not None:
                positive_number(getattr(self, name), f"{name} of a region")


@dataclass(frozen=True)
class UptakeEntry(Record):
    """Dose per activity between patients: mean and standard deviation, Gy/GBq, of a region or tissue. effective_half_life_h: for a BED."""

    gy_per_gbq: float
    sd: float
    effective_half_life_h: float | None = None

    def __post_init__(self):
        positive_number(self.gy_per_gbq, "gy_per_gbq of a population")
        non_negative_number(self.sd, "sd of a population", "enter the spread between patients in Gy/GBq")


@dataclass(frozen=True)
class Protocol(Record):
    """Doses that a protocol gives a region cycle by cycle, such as 5, 6, 6 and 6 Gy."""

    region: str
    cycle_doses_gy: tuple[float, ...]

    def __post_init__(self):
        if not self.cycle_doses_gy:
            raise DosimetryError("Expected cycle_doses_gy of the protocol, received none; enter the dose of every cycle.")
        for dose in self.cycle_doses_gy:
            positive_number(dose, "a dose of the protocol in Gy")


@dataclass(frozen=True)
class NextCycleEntry(Record):
    """How the next activity is found. probability: to exceed a limit after all cycles left, each of the same activity.

    between_cycle_variation: relative; None takes the patient's own spread from three measured cycles, else the shipped assumption. follow_trend: the
    weighted slope goes on; without it the weighted mean holds. standard_activity_mbq: for the count of cycles left; None takes that of the last cycle.
    population: name of a shipped one, for regions without dosimetry of this patient. uptakes: the same, entered by region or tissue.
    """

    cycles_left: int = 1
    probability: float = 0.05
    between_cycle_variation: float | None = None
    largest_activity_mbq: float | None = None
    smallest_activity_mbq: float | None = None
    standard_activity_mbq: float | None = None
    follow_trend: bool = False
    protocol: Protocol | None = None
    population: str | None = None
    uptakes: dict[str, UptakeEntry] = field(default_factory=dict)
    seed: int = 1

    def __post_init__(self):
        whole_number(self.cycles_left, "cycles_left", 1, 100, "enter the number of cycles that are still planned")
        checked_number(self.probability, "probability of the next cycle", "enter 0.05 for 5 %", 0.0, 0.5, above=True)
        whole_number(self.seed, "seed of the next cycle", 0, 2**31, "enter 1")
        if self.between_cycle_variation is not None:
            checked_number(self.between_cycle_variation, "between_cycle_variation", "enter 0.12 for 12 %", 0.0, 1.0, below=True)
        for name in ("largest_activity_mbq", "smallest_activity_mbq", "standard_activity_mbq"):
            if getattr(self, name) is not None:
                positive_number(getattr(self, name), f"{name} of the next cycle", "enter it in MBq")
        if (self.smallest_activity_mbq or 0) > (self.largest_activity_mbq or float("inf")):
            raise DosimetryError(
                f"Expected smallest_activity_mbq below largest_activity_mbq, received {self.smallest_activity_mbq:g} and {self.largest_activity_mbq:g}; correct them."
            )


@dataclass(frozen=True)
class Other(Record):
    """External beam or an earlier radioembolisation. regions: doses by region; results: plan.json or verification.json of a radioembolisation instead.

    fractions: of external beam. nuclide: of entered doses of a radioembolisation. alpha_rbe: as of a cycle.
    """

    kind: str
    name: str = ""
    date: str | None = None
    results: str | None = field(default=None, metadata=PATH)
    regions: dict[str, EnteredDose] = field(default_factory=dict)
    fractions: int | None = None
    nuclide: str | None = None
    random_uncertainty: float | None = None
    common_uncertainty: float | None = None

    def __post_init__(self):
        one_of(self.kind, OTHERS, "kind of another therapy")
        if self.date is not None:
            checked_day(self.date, "another therapy")
        if bool(self.results) == bool(self.regions):
            raise DosimetryError(
                f"Expected results or regions of {self.kind}, received {'both' if self.results else 'neither'}; give one of them."
            )
        if self.kind == "external_beam":
            if self.results:
                raise DosimetryError(
                    "Expected regions with doses for external_beam, received results; enter doses, and its RTDOSE under voxel_sum."
                )
            whole_number(self.fractions, "fractions of external_beam", 1, 1000, "enter how many fractions the dose was given in")
        elif self.fractions is not None:
            raise DosimetryError(
                "Expected fractions only for external_beam, received them for radioembolisation; leave them out."
            )
        elif self.regions and self.nuclide is None:
            raise DosimetryError(
                "Expected the nuclide of a radioembolisation with entered doses, received none; enter Y-90 or Ho-166."
            )
        if self.nuclide is not None:
            get_nuclide(self.nuclide)
        for name in ("random_uncertainty", "common_uncertainty"):
            checked_relative(getattr(self, name), f"{name} of {self.kind}")


@dataclass(frozen=True)
class CourseRequest(Request):
    """What was named. region_names: name in a file to the name of the course. limits: None takes the shipped ones of kidneys, marrow and salivary glands.

    others: external beam and radioembolisations, which count in dose and BED. voxel_sum: dose maps added up voxel by voxel. discharge: the way home.
    design: when to scan the next cycle.
    """

    NAME = "RNTDosimetry course"
    WHAT = "a course file"
    PAGE = "docs/course.md"

    cycles: tuple[Cycle, ...] = ()
    title: str = ""
    region_names: dict[str, str] = field(default_factory=dict)
    regions: dict[str, RegionEntry] = field(default_factory=dict)
    limits: tuple[LimitEntry, ...] | None = None
    next_cycle: NextCycleEntry | None = None
    others: tuple[Other, ...] = ()
    voxel_sum: VoxelSum | None = None
    discharge: DischargeEntry | None = None
    design: DesignEntry | None = None

    def __post_init__(self):
        if (
            not self.cycles
            and not self.others
            and self.voxel_sum is None
            and self.design is None
            and not (self.next_cycle and self._has_population())
        ):
            raise DosimetryError(
                "Expected cycles of the course, received none; enter them, or a population under next_cycle before the first."
            )
        if self.next_cycle is not None and not self.limits:
            raise DosimetryError(
                f"Expected limits for the next cycle, received none; enter region and dose_gy or bed_gy, or a name: {', '.join(shipped_limits())}."
            )

    def _has_population(self) -> bool:
        return bool(self.next_cycle.population or self.next_cycle.uptakes)

    @classmethod
    def from_content(cls, data) -> "CourseRequest":
        """Request of the content of a course file or a course_results.json; a limit may be a shipped name alone."""
        held = data.get(cls.HELD_AS) if isinstance(data, Mapping) else None
        data = held if isinstance(held, Mapping) else data
        if isinstance(data, Mapping) and isinstance(data.get("limits"), list):
            data = {**data, "limits": [{"name": item} if isinstance(item, str) else item for item in data["limits"]]}
        return super().from_content(data)


def with_cycle(request: CourseRequest, cycle: Cycle) -> CourseRequest:
    """The course with one more cycle. Raises DosimetryError for results that are in it already."""
    if cycle.results is not None and any(
        item.results is not None and Path(item.results).resolve() == Path(cycle.results).resolve() for item in request.cycles
    ):
        raise DosimetryError(
            f"Expected results that are not in the course yet, received {cycle.results} again; it is there already."
        )
    return replace(request, cycles=(*request.cycles, cycle))


def course_content(request: CourseRequest, folder: str | Path) -> dict:
    """Content of a course file that lies in ``folder``: what was entered, without the defaults."""
    return pruned(seen_from(request, folder).to_dict())


def pruned(value):
    """Plain data without None, "", [] and {}, at any depth."""
    if isinstance(value, Mapping):
        kept = {key: pruned(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item != "" and item != [] and item != {}}
    return [pruned(item) for item in value] if isinstance(value, list) else value
