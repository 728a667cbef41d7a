"""What a cohort gives: its studies, the table, and the statistics over it."""

from dataclasses import dataclass, field
from datetime import datetime

from RNTDosimetryLib.base.documents import Result
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.roads.cohort.jobs import Outcome
from RNTDosimetryLib.roads.cohort.request import CohortRequest
from RNTDosimetryLib.roads.tidy import RegionRow, data_dictionary
from RNTDosimetryLib.statistics import (
    Agreement,
    CoxResult,
    CutOff,
    Distribution,
    DoseResponse,
    LogRank,
    MixedTrend,
    OneScan,
    PairedChange,
    PopulationKinetics,
    RankCorrelation,
    SurvivalCurve,
)


@dataclass(frozen=True)
class GroupSpread(Record):
    """Dose per activity of one site and cycle over all regions, Gy/GBq. cycle: None where it was not stated. patients: that have one."""

    site: str
    cycle: int | None
    patients: int
    distribution: Distribution


@dataclass(frozen=True)
class PatientOutcome(Record):
    """One patient of the follow-up. marker: None where it is not known. event: 1 seen, 0 not seen up to then. covariates: numbers; groups: words."""

    patient: str
    marker: float | None = None
    marker_uncertainty: float | None = None
    months: float | None = None
    event: int | None = None
    response: int | None = None
    covariates: dict[str, float] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TissuePopulation(Record):
    """Population kinetics of a tissue, and what a single scan would have given with those of the other patients."""

    kinetics: PopulationKinetics
    one_scan: tuple[OneScan, ...] = ()


@dataclass(frozen=True)
class CohortStatistics(Record):
    """Everything computed of the table. What could not be computed stands in not_computed, by name, with the reason.

    spreads, trends: of dose per activity, Gy/GBq. changes: from a patient's first cycle to the last. kidney_tumour: per patient, mean kidney
    against mean lesion. cut_off, response: of the marker for the response, where there is one, else for the event.
    """

    spreads: tuple[GroupSpread, ...] = ()
    trends: tuple[MixedTrend, ...] = ()
    changes: tuple[PairedChange, ...] = ()
    kidney_tumour: RankCorrelation | None = None
    patients: tuple[PatientOutcome, ...] = ()
    survival: tuple[SurvivalCurve, ...] = ()
    groups: str = ""
    log_rank: LogRank | None = None
    cox: CoxResult | None = None
    cut_off: CutOff | None = None
    cut_off_outcome: str = ""
    response: DoseResponse | None = None
    agreement: tuple[Agreement, ...] = ()
    populations: tuple[TissuePopulation, ...] = ()
    not_computed: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class CohortResult(Result):
    """Result of a cohort. studies: in the order of the request, each with its rows. columns: unit and meaning of every column of the table.

    All but ``created`` depends on the request and the files that it names only.
    """

    NAME = "RNTDosimetry cohort results"
    WHAT = "a cohort_results.json"
    PAGE = "docs/cohort.md"

    request: CohortRequest
    studies: tuple[Outcome, ...]
    statistics: CohortStatistics
    columns: dict[str, dict[str, str]] = field(default_factory=data_dictionary)
    input_hashes: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    created: datetime | None = None

    @property
    def rows(self) -> tuple[RegionRow, ...]:
        return tuple(row for study in self.studies for row in study.rows)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        return tuple(study for study in self.studies if study.state == "failed")

    def to_table(self) -> list[dict]:
        """The rows of cohort.csv, for ``pandas.DataFrame``."""
        return [{name: getattr(row, name) for name in self.columns} for row in self.rows]
