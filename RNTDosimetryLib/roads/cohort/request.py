"""What is named for a cohort: its studies, who computes them, the follow-up, and what is asked of the table."""

from dataclasses import dataclass, field

from RNTDosimetryLib.base.checks import one_of, whole_number
from RNTDosimetryLib.base.documents import PATH, PATHS, Request
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record

QUANTITIES = ("dose_gy", "dose_per_activity_gy_per_gbq", "bed_gy")
OVER_REGIONS = ("mean", "smallest", "largest")
_MOST_WORKERS = 1024


@dataclass(frozen=True)
class Marker(Record):
    """The number of a patient that outcome is related to: a quantity of regions, summed over cycles (Gy/GBq: their mean), then over regions.

    kind: of the regions; site, region: instead of all of the kind those of a site or a name, "*" for any letters. over: "mean" of the regions (each counts once), "smallest" or "largest".
    """

    quantity: str = "dose_gy"
    kind: str = "lesion"
    site: str | None = None
    region: str | None = None
    over: str = "mean"

    def __post_init__(self):
        one_of(self.quantity, QUANTITIES, "the quantity of a cohort's marker")
        one_of(self.over, OVER_REGIONS, "over of a cohort's marker")

    @property
    def words(self) -> str:
        what = {"dose_gy": "absorbed dose", "dose_per_activity_gy_per_gbq": "absorbed dose per activity", "bed_gy": "BED"}
        where = self.region or self.site or f"regions of kind {self.kind}"
        return f"{what[self.quantity]} of {where}, {self.over} of the regions"

    @property
    def unit(self) -> str:
        return "Gy/GBq" if self.quantity == "dose_per_activity_gy_per_gbq" else "Gy"


@dataclass(frozen=True)
class CohortRequest(Request):
    """Many studies to compute and to look at together. Paths are relative to the cohort file.

    studies: files of studies, plans or courses, or results of them, also by pattern ("p*/study.json"); or a CSV with one row a file (columns study, and where
    wanted name, patient, cycle). workers: processes; None takes every core. scheduler: address of a Dask scheduler instead of them.
    follow_up: CSV with one row a patient, see docs/cohort.md. marker: what outcome is related to. group_by: column of follow_up
    for the survival curves; None takes the marker below and above its median. covariates: columns of follow_up for the Cox regression beside the marker.
    sites: by name of a region, "*" for any letters, the site it belongs to. compare_with: cohort.csv of another program, reader or protocol.
    populations: whether population kinetics are fitted, and what one scan would have given.
    """

    NAME = "RNTDosimetry cohort"
    WHAT = "a cohort file"
    PAGE = "docs/cohort.md"

    studies: str | list[str] = field(metadata=PATHS)
    title: str = ""
    workers: int | None = None
    scheduler: str | None = None
    follow_up: str | None = field(default=None, metadata=PATH)
    marker: Marker = field(default_factory=Marker)
    group_by: str | None = None
    covariates: tuple[str, ...] = ()
    sites: dict[str, str] = field(default_factory=dict)
    compare_with: str | None = field(default=None, metadata=PATH)
    populations: bool = True

    def __post_init__(self):
        if not self.studies or not (
            isinstance(self.studies, str) or all(isinstance(item, str) and item for item in self.studies)
        ):
            raise DosimetryError("Expected the files of studies in the cohort, received none; name them in studies.")
        if self.workers is not None:
            whole_number(self.workers, "workers of the cohort", 1, _MOST_WORKERS, "leave it out for every core")
        if (self.group_by is not None or self.covariates) and self.follow_up is None:
            raise DosimetryError(
                "Expected follow_up together with group_by and covariates of the cohort, received them alone; name the file."
            )
