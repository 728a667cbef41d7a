"""What is named for a comparison of two dose maps: the request that a comparison file holds."""

from dataclasses import dataclass, field

from RNTDosimetryLib.base.checks import non_negative_number, positive_number
from RNTDosimetryLib.base.documents import PATH, Request
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.images.resampling import rigid_matrix

NOISE_KINDS = ("independent", "common")
_FILE_KEYS = ("unit", "activity_gbq", "decays", "uncertainty_file", "uncertainty_kind")


@dataclass(frozen=True)
class DoseSource(Record):
    """One of the two maps. Paths are relative to the comparison file.

    run: folder of an earlier run, or its results.json; dose.nrrd lies beside it. file: instead of it, a dose map made elsewhere, as NRRD, NIfTI,
    MetaImage or RT Dose. unit, activity_gbq, decays, uncertainty_file, uncertainty_kind: of a volume file (docs/file_formats.md).
    uncertainty_of_voxels: whether the uncertainties of its voxels are "independent" (statistical noise of a Monte Carlo run) or "common".
    relative_uncertainty: 1 sigma, common to the whole map; of a run the regions' own are taken without it. name: short, for tables and plots.
    """

    run: str | None = field(default=None, metadata=PATH)
    file: str | None = field(default=None, metadata=PATH)
    name: str = ""
    unit: str | None = None
    activity_gbq: float | None = None
    decays: float | None = None
    uncertainty_file: str | None = None
    uncertainty_kind: str | None = None
    uncertainty_of_voxels: str = "independent"
    relative_uncertainty: float | None = None

    def __post_init__(self):
        if bool(self.run) == bool(self.file):
            found = "both" if self.run else "neither"
            raise DosimetryError(f"Expected run or file for a dose map of the comparison, received {found}; name one.")
        typed = [name for name in _FILE_KEYS if getattr(self, name) is not None]
        if self.run and typed:
            raise DosimetryError(
                f"Expected {', '.join(typed)} only with file in the comparison, received it with run; a run is in Gy, leave it out."
            )
        if self.uncertainty_of_voxels not in NOISE_KINDS:
            raise DosimetryError(
                f"Expected uncertainty_of_voxels {' or '.join(NOISE_KINDS)} in the comparison, received '{self.uncertainty_of_voxels}'; choose one of them."
            )
        if self.relative_uncertainty is not None:
            relative = non_negative_number(
                self.relative_uncertainty, "relative_uncertainty in the comparison", "give 0.05 for 5 %"
            )
            if relative >= 1:
                raise DosimetryError(
                    f"Expected relative_uncertainty below 1 in the comparison, received {relative:g}; give 0.05 for 5 %."
                )

    def typed(self) -> dict:
        """What was typed about a volume file."""
        return {name: getattr(self, name) for name in _FILE_KEYS if getattr(self, name) is not None}


@dataclass(frozen=True)
class GammaCriteria(Record):
    """Criteria of the gamma index. dose_difference_percent: of the reference's highest dose, or of each voxel's own with ``local``.

    threshold_percent: voxels below this share of the highest dose are left out. maximum: where the search ends.
    """

    dose_difference_percent: float = 3.0
    distance_mm: float = 3.0
    threshold_percent: float = 10.0
    local: bool = False
    maximum: float = 2.0

    def __post_init__(self):
        for name in ("dose_difference_percent", "distance_mm", "maximum"):
            positive_number(getattr(self, name), f"{name} of gamma in the comparison", "3 % and 3 mm up to 2 are usual")
        if (
            not 0
            <= non_negative_number(self.threshold_percent, "threshold_percent of gamma in the comparison", "10 is usual")
            < 100
        ):
            raise DosimetryError(
                f"Expected threshold_percent of gamma from 0 to below 100, received {self.threshold_percent:g}; 10 is usual."
            )

    @property
    def words(self) -> str:
        kind = "local" if self.local else "global"
        return f"{self.dose_difference_percent:g} %/{self.distance_mm:g} mm, {kind}, above {self.threshold_percent:g} % of the highest dose"


@dataclass(frozen=True)
class CompareRequest(Request):
    """What was named. Differences are evaluated minus reference, per cent are of the reference, on the grid of the reference.

    regions: by name a mask file, or a list of names of regions of the run's study; None takes all of them, and without a run the voxels above
    gamma's threshold. Masks lie in the frame of the reference. registration: 4 x 4, LPS mm, from a point of the reference to the same
    tissue in the evaluated map; None where both have one frame. same_activity: both doses come from one
    activity distribution, so that a run's uncertainties of region doses are left out of the difference. ct: volume file for the pictures; None takes the run's.
    """

    NAME = "RNTDosimetry dose comparison request"
    WHAT = "a comparison file"
    PAGE = "docs/compare.md"

    reference: DoseSource
    evaluated: DoseSource
    title: str = ""
    regions: dict[str, str] | list[str] | None = field(default=None, metadata=PATH)
    registration: tuple[tuple[float, ...], ...] | None = None
    same_activity: bool = False
    ct: str | None = field(default=None, metadata=PATH)
    gamma: GammaCriteria = field(default_factory=GammaCriteria)

    def __post_init__(self):
        if self.registration is not None:
            rigid_matrix(self.registration, "registration of the comparison")
        if self.regions is not None and not self.regions:
            raise DosimetryError(
                "Expected regions of the comparison by name, received none; name them, or leave regions out for those of the run."
            )
        if isinstance(self.regions, list) and not (self.reference.run or self.evaluated.run):
            raise DosimetryError("Expected a run for regions by name alone, received two files; give each region its mask file.")
