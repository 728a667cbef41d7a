"""What a course gives."""

from dataclasses import dataclass, field
from datetime import datetime

from RNTDosimetryLib.base.documents import Result
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.course import CourseLimit, Schedule, Trend
from RNTDosimetryLib.dose import DoseVolumeHistogram
from RNTDosimetryLib.roads.course.request import CourseRequest
from RNTDosimetryLib.roads.course.voxels import SummedMaps


@dataclass(frozen=True)
class CycleSummary(Record):
    """One cycle. source: path of its results, "entered", or "" where nothing was measured. date: ISO 8601."""

    number: int
    date: str
    administered_activity_mbq: float | None
    source: str = ""
    nuclide: str = ""


@dataclass(frozen=True)
class RegionDoseOfCycle(Record):
    """Dose of a region from one cycle or other therapy (cycle 0). dose_gy: None, blank, where the region is not in it.

    random_uncertainty, common_uncertainty: relative, None where not known. estimated: how, where it was not measured, "" otherwise.
    """

    name: str
    cycle: int
    dose_gy: float | None = None
    dose_uncertainty_gy: float | None = None
    random_uncertainty: float | None = None
    common_uncertainty: float | None = None
    gy_per_gbq: float | None = None
    bed_gy: float | None = None
    eqd2_gy: float | None = None
    estimated: str = ""


@dataclass(frozen=True)
class RegionCourse(Record):
    """One region over the course. Uncertainties are standard uncertainties; None where one of a contribution is not known.

    cumulative_bed_gy, cumulative_eqd2_gy: None where alpha/beta, repair half-time or a half-life is not known. probability_above: by limit, None where it
    cannot be told. uncertainty_parts_gy: of the cumulative dose, by what they come from. between_cycle_variation: relative.
    """

    name: str
    kind: str
    tissue: str
    doses: tuple[RegionDoseOfCycle, ...]
    cumulative_dose_gy: float
    cumulative_dose_uncertainty_gy: float | None
    cumulative_dose_random_gy: float | None
    cumulative_dose_common_gy: float | None
    cumulative_bed_gy: float | None = None
    cumulative_bed_uncertainty_gy: float | None = None
    cumulative_eqd2_gy: float | None = None
    cumulative_eqd2_uncertainty_gy: float | None = None
    alpha_beta_gy: float | None = None
    repair_half_time_h: float | None = None
    probability_above: dict[str, float | None] = field(default_factory=dict)
    limits: tuple[CourseLimit, ...] = ()
    trend: Trend | None = None
    between_cycle_variation: float | None = None
    between_cycle_variation_assumed: bool = True
    uncertainty_parts_gy: dict[str, float] | None = None


@dataclass(frozen=True)
class LimitOutlook(Record):
    """What one limit leaves. Activities in MBq of each cycle left. what_if: probability to be above the limit at ``NextCycle.activities_mbq``."""

    region: str
    limit: str
    activity_mbq: float | None
    normal_activity_mbq: float | None
    expected_activity_mbq: float | None
    probability_now: float | None
    probability_at_next: float | None = None
    standard_cycles_left: int | None = None
    exceeded: bool = False
    gy_per_gbq: float | None = None
    variation: float | None = None
    source: str = ""
    what_if: tuple[float, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class NextCycle(Record):
    """The next activity, MBq, for each of the cycles left, within every limit and between the entered ends; None where no limit could be planned for.

    binding_limit: the limit that gives it, or the end. probability: to be above that limit after the cycles left. normal_activity_mbq: the same by the normal
    approximation. protocol_activity_mbq: what the protocol asks for. expected_doses_gy: by region, from all cycles left, tumours too.
    """

    activity_mbq: float | None
    binding_limit: str
    probability: float | None
    normal_activity_mbq: float | None
    cycles_left: int
    asked_probability: float
    limits: tuple[LimitOutlook, ...]
    standard_activity_mbq: float | None = None
    standard_cycles_left: int | None = None
    protocol_activity_mbq: float | None = None
    expected_doses_gy: dict[str, float] = field(default_factory=dict)
    activities_mbq: tuple[float, ...] = ()


@dataclass(frozen=True)
class ContactOutcome(Record):
    """One contact. restriction_days: after the administration; 0 none needed, None no time is enough. dose_without_msv: without any restriction."""

    name: str
    constraint_msv: float
    dose_without_msv: float
    restriction_days: float | None
    source: str = "entered"


@dataclass(frozen=True)
class Discharge(Record):
    """The way home. dose_rate_usv_h: at 1 m with all the activity; at_release: of both at the release. detectable_days: None without a clearance level."""

    nuclide: str
    activity_mbq: float
    release_h: float
    dose_rate_usv_h: float
    dose_rate_low_usv_h: float | None
    dose_rate_high_usv_h: float | None
    dose_rate_measured: bool
    dose_rate_source: str
    dose_rate_at_release_usv_h: float
    activity_at_release_mbq: float
    retention_shares: tuple[float, ...]
    retention_rates_per_d: tuple[float, ...]
    retention_source: str
    distance_law: str
    contacts: tuple[ContactOutcome, ...]
    references_usv_h: dict[str, float]
    detectable_mbq: float
    detectable_days: float
    contact_line: str = ""


@dataclass(frozen=True)
class Design(Record):
    """When to scan. best: one, two and three scans within the opening hours. compared: entered schedules. single_h, single: expected uncertainty of one scan
    at any time. All of a single exponential of the population.
    """

    population: str
    median_half_life_h: float
    log_sd: float
    scan_uncertainty: float
    best: tuple[Schedule, ...]
    compared: tuple[Schedule, ...]
    single_h: tuple[float, ...]
    single: tuple[float, ...]
    open_h: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class VoxelSumResult(Record):
    """The sum by voxel. means: by region (and "all") of dose, BED and EQD2, Gy. histograms: of the BED by region."""

    maps: tuple[str, ...]
    means: dict[str, dict[str, float]]
    histograms: dict[str, DoseVolumeHistogram]
    spacing_mm: tuple[float, float, float]
    size: tuple[int, int, int]
    sums: SummedMaps | None = field(default=None, metadata=NOT_WRITTEN, repr=False)


@dataclass(frozen=True, eq=False)
class CourseResult(Result):
    """Everything computed of a course. ``to_dict`` is the content of course_results.json."""

    NAME = "RNTDosimetry course results"
    WHAT = "a course_results.json"
    PAGE = "docs/course.md"

    request: CourseRequest
    cycles: tuple[CycleSummary, ...]
    regions: dict[str, RegionCourse]
    next_cycle: NextCycle | None = None
    voxel_sum: VoxelSumResult | None = None
    discharge: Discharge | None = None
    design: Design | None = None
    patient: str = ""
    input_hashes: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    created: datetime | None = None
    warnings: tuple[str, ...] = ()

    def belongs_to(self) -> dict[str, str]:
        return {"patient": self.patient} if self.patient else {}

    def region(self, name: str) -> RegionCourse:
        """One region by name. Raises DosimetryError when there is none of this name."""
        if name not in self.regions:
            raise DosimetryError(f"Expected one of the regions {', '.join(self.regions)}, received '{name}'.")
        return self.regions[name]

    def to_table(self) -> list[dict]:
        """A row for every region, with units in the names."""
        return [
            {
                "region": item.name,
                "cumulative_dose_gy": item.cumulative_dose_gy,
                "cumulative_dose_uncertainty_gy": item.cumulative_dose_uncertainty_gy,
                "cumulative_bed_gy": item.cumulative_bed_gy,
                "cumulative_eqd2_gy": item.cumulative_eqd2_gy,
            }
            for item in self.regions.values()
        ]
