"""What one therapy's computation gives, step by step and as a whole."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from RNTDosimetryLib.base.documents import Result
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import MAP, NOT_WRITTEN, Record
from RNTDosimetryLib.base.warnings import ranked
from RNTDosimetryLib.camera import Calibration, RecoveryCurve
from RNTDosimetryLib.dose import DoseMap, DoseVolumeHistogram, RegionDose
from RNTDosimetryLib.images import ImageGeometry
from RNTDosimetryLib.intake import IntakeRow, Patient
from RNTDosimetryLib.kinetics import KineticFit
from RNTDosimetryLib.kinetics.voxels.fit import VoxelFit
from RNTDosimetryLib.measurement import TimeActivityCurve
from RNTDosimetryLib.registration import RegistrationQuality
from RNTDosimetryLib.roads.therapy.images import StudyImages
from RNTDosimetryLib.roads.therapy.judgment import BiologicalDose, ScanBalance
from RNTDosimetryLib.roads.therapy.request import Study
from RNTDosimetryLib.roads.therapy.uncertainty import COMMON, RANDOM, UncertaintyPart, in_squares


@dataclass(frozen=True)
class Alignment(Record):
    """How one scan lies relative to the reference.

    matrix: 4 x 4, LPS mm, from a point of the reference to the same tissue in this scan. method: how it was found.
    quality: None where there was nothing to compare.
    """

    scan: str
    matrix: tuple[tuple[float, ...], ...]
    method: str
    shift_mm: float = 0.0
    rotation_degrees: float = 0.0
    quality: RegistrationQuality | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class TiaMap(Record):
    """Time-integrated activity of every voxel on the reference grid, MBq*h/mL, (z, y, x) float32.

    covered: (z, y, x) bool, voxels that lie in the field of view of every scan; the others are 0.
    region_coverage: share of each region's volume within ``covered``.
    """

    geometry: ImageGeometry
    tia_mbq_h_ml: np.ndarray = field(metadata=MAP, repr=False)
    covered: np.ndarray = field(metadata=MAP, repr=False)
    fit: VoxelFit
    region_coverage: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class RegionResult(Record):
    """Everything about one region: measured curve, fit, dose by each method, histogram.

    dose: the number that the table leads with: self-dose plus the photons from elsewhere in the field of view.
    self_dose: the region alone, by the S value of a sphere of its mass. local: its TIA with local deposition.
    recovery_source: where the coefficient comes from: "curve" (the study's recovery file), "typed", or "none".
    uncertainty_parts: what the uncertainty of the dose is made of; not_included: what is not known and not in it. dose_low_gy, dose_high_gy: about
    95 % of what the dose may be, as askew as the curves and the blur that nobody excluded; None where the uncertainty of the samples is not known.
    biological: BED, where its parameters were typed. map_mean_gy: mean of the dose map over the region, without recovery correction and with the dose from other regions.
    time_integrated_activity_coefficient_h: TIA over administered activity. Uncertainties are 1 sigma and hold the
    random parts from the fit and the systematic parts, added once; None when they cannot be known.
    """

    name: str
    kind: str
    volume_ml: float
    mass_g: float
    recovery_coefficient: float
    curve: TimeActivityCurve
    fit: KineticFit
    tia_mbq_h: float
    tia_uncertainty_mbq_h: float | None
    dose: RegionDose
    self_dose: RegionDose
    local: RegionDose
    map_mean_gy: float
    histogram: DoseVolumeHistogram
    dose_per_activity_gy_per_gbq: float | None = None
    time_integrated_activity_coefficient_h: float | None = None
    recovery_coefficient_uncertainty: float = 0.0
    recovery_source: str = "none"
    biological: BiologicalDose | None = None
    warnings: tuple[str, ...] = ()
    uncertainty_parts: tuple[UncertaintyPart, ...] = ()
    not_included: tuple[str, ...] = ()
    dose_low_gy: float | None = None
    dose_high_gy: float | None = None

    @property
    def random_uncertainty(self) -> float | None:
        """Of the dose, relative, 1 sigma: what differs from cycle to cycle. None when it is not known."""
        return in_squares(self.uncertainty_parts, RANDOM)

    @property
    def common_uncertainty(self) -> float | None:
        """Of the dose, relative, 1 sigma: what is the same in every cycle of a patient. None when it is not known, as in results of older versions."""
        return in_squares(self.uncertainty_parts, COMMON)


@dataclass(frozen=True, eq=False)
class StudyResult(Result):
    """Result of a study. ``to_dict`` is the content of results.json; the images stay out of it.

    balances: activity in the whole image of every scan beside the administered activity. calibration, recovery: what the study's calibration and recovery files hold, None without one. unmeasured: regions that have no dose here, by name, and why. created: when it was computed. images: what it was computed from, None where results were read back. All else depends on the study and its images only, so that running the study of a
    results.json again gives the same numbers.
    """

    NAME = "RNTDosimetry results"
    WHAT = "a results.json"
    PAGE = "docs/report.md"

    study: Study
    nuclide: str
    radiopharmaceutical: str
    administered_activity_mbq: float | None
    administration_time: datetime | None
    patient: Patient | None
    alignments: tuple[Alignment, ...]
    tia_map: TiaMap
    dose_map: DoseMap
    regions: tuple[RegionResult, ...]
    constants: dict = field(default_factory=dict)
    input_hashes: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    intake_table: tuple[IntakeRow, ...] = ()
    calibration: Calibration | None = None
    recovery: RecoveryCurve | None = None
    balances: tuple[ScanBalance, ...] = ()
    unmeasured: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    created: datetime | None = None
    images: StudyImages | None = field(default=None, metadata=NOT_WRITTEN, repr=False)

    def belongs_to(self) -> dict[str, str]:
        known = {
            "patient": "" if self.patient is None else self.patient.id_hash,
            "administration": "" if self.administration_time is None else self.administration_time.isoformat(),
        }
        return {name: value for name, value in known.items() if value}

    def to_table(self) -> list[dict]:
        """A row for every region, with units in the names."""
        return [
            {
                "region": item.name,
                "kind": item.kind,
                "mass_g": item.mass_g,
                "dose_gy": item.dose.dose_gy,
                "dose_uncertainty_gy": item.dose.dose_uncertainty_gy,
                "dose_per_activity_gy_per_gbq": item.dose_per_activity_gy_per_gbq,
                "tia_mbq_h": item.tia_mbq_h,
                "tia_uncertainty_mbq_h": item.tia_uncertainty_mbq_h,
                "effective_half_life_h": item.fit.effective_half_life_h,
                "model": item.fit.model,
            }
            for item in self.regions
        ]

    def region(self, name: str) -> RegionResult:
        """Result of one region by name. Raises DosimetryError when there is none of this name."""
        for item in self.regions:
            if item.name == name:
                return item
        raise DosimetryError(f"Expected one of the regions {', '.join(item.name for item in self.regions)}, received '{name}'.")

    def all_warnings(self) -> tuple[str, ...]:
        """Warnings of every step, what changes the number first; one line for regions that have the same to say."""
        found = [*self.warnings]
        for balance in self.balances:
            found += balance.warnings
        for alignment in self.alignments:
            found += alignment.warnings
        for item in self.regions:
            found += item.warnings
        found += self.tia_map.warnings
        found += self.dose_map.warnings
        return ranked(found)
