"""The study file: what to read, what was typed over it, and how to compute."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from RNTDosimetryLib.base.documents import PATH, Request
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.images.overlaps import whole_organ_name
from RNTDosimetryLib.roads.therapy.settings import StudySettings
from RNTDosimetryLib.roads.therapy.volumes import VolumeFiles

_REGION_RANGES = {
    "mass_g": (1e-6, 5e5, "g"),
    "density_g_ml": (1e-4, 25.0, "g/mL"),
    "effective_half_life_h": (1e-3, 1e6, "h"),
    "alpha_beta_gy": (0.1, 100.0, "Gy"),
    "repair_half_time_h": (0.01, 1000.0, "h"),
}
"""Smallest and largest that can be meant: a whole body is up to 500 kg, no matter is denser than metal; others are slips of the unit."""

REGION_STEPS = {"model": "fit", "effective_half_life_h": "fit", "alpha_beta_gy": "dose", "repair_half_time_h": "dose"}
"""Step of the road that reads a value of a region first; what is not named here is read when the regions are measured."""

_FILES = ("calibration_file", "recovery_file", "earlier_results")

_SMALLEST_RECOVERY = 0.01
"""A region that shows less than a hundredth of its activity cannot be measured."""


@dataclass(frozen=True)
class RegionSettings(Record):
    """What was typed about one region. None and the defaults mean: nothing was typed.

    kind: "organ", "lesion" or "other". mass_g: instead of volume times density. density_g_ml: instead of soft tissue.
    recovery_coefficient: measured over true concentration. recovery_from_file: None takes the coefficient from the study's
    recovery_file unless one was typed here; false never takes it from there (in a study file, so does any typed coefficient, 1 as well).
    model: time-activity model instead of the study's.
    effective_half_life_h: of an earlier cycle or a population, used when there are one scan or two.
    alpha_beta_gy, repair_half_time_h: with both, the biologically effective dose of the region is given too.
    """

    kind: str | None = None
    mass_g: float | None = None
    density_g_ml: float | None = None
    recovery_coefficient: float = 1.0
    recovery_coefficient_uncertainty: float = 0.0
    recovery_from_file: bool | None = None
    model: str | None = None
    effective_half_life_h: float | None = None
    alpha_beta_gy: float | None = None
    repair_half_time_h: float | None = None

    @classmethod
    def from_dict(cls, data: dict) -> "RegionSettings":
        """A coefficient of 1 in a file was typed, and means that the region wants no correction; one that was never typed is not there."""
        typed = isinstance(data, Mapping) and data.get("recovery_coefficient") is not None and "recovery_from_file" not in data
        return super().from_dict({**data, "recovery_from_file": False} if typed else data)

    def __post_init__(self):
        if self.kind not in (None, "organ", "lesion", "other"):
            raise DosimetryError(
                f"Expected kind organ, lesion or other for a region, received '{self.kind}'; choose one of them."
            )
        _refuse_other_than(str, "text", self, "a region", "model")
        _refuse_other_than(bool, "true or false", self, "a region", "recovery_from_file")
        for name, (least, most, unit) in _REGION_RANGES.items():
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and least <= value <= most):
                raise DosimetryError(
                    f"Expected a positive number for {name} of a region, from {least:g} to {most:g} {unit}, received {value!r}; type it or leave it out."
                )
        if not (_is_number(self.recovery_coefficient) and _SMALLEST_RECOVERY <= self.recovery_coefficient <= 2):
            raise DosimetryError(
                f"Expected a recovery coefficient from {_SMALLEST_RECOVERY:g} to 2, received {self.recovery_coefficient!r}; 1 means no correction."
            )
        if not (_is_number(self.recovery_coefficient_uncertainty) and self.recovery_coefficient_uncertainty >= 0):
            raise DosimetryError(
                f"Expected a recovery coefficient uncertainty of 0 or more, received {self.recovery_coefficient_uncertainty!r}."
            )
        if self.recovery_coefficient_uncertainty >= self.recovery_coefficient:
            raise DosimetryError(
                f"Expected a recovery coefficient uncertainty below the coefficient {self.recovery_coefficient!r}, received "
                f"{self.recovery_coefficient_uncertainty!r}; it is 1 sigma, absolute, such as 0.03."
            )
        if self.recovery_from_file and self.recovery_is_typed:
            raise DosimetryError(
                f"Expected the recovery coefficient of a region from the file or typed, received both ({self.recovery_coefficient:g} is typed); keep one."
            )

    @property
    def recovery_is_typed(self) -> bool:
        """Whether a coefficient other than 1 was typed, or an uncertainty of it."""
        return self.recovery_coefficient != 1.0 or self.recovery_coefficient_uncertainty > 0

    @property
    def takes_recovery_from_file(self) -> bool:
        return not self.recovery_is_typed if self.recovery_from_file is None else self.recovery_from_file


@dataclass(frozen=True)
class Study(Request):
    """One therapy to evaluate. Paths are relative to the study file.

    dicom_folder: holds the DICOM files of all scans; or volumes: images and regions as volume files, with what must be typed of them.
    calibration_file: sensitivity of the camera, for series in counts; its uncertainty is the calibration uncertainty of the study
    unless one is typed. calibration_setup: words about the scans that must be those of the calibration, before what the files say.
    recovery_file: recovery curve, for every region without a typed coefficient, by its volume.
    earlier_results: results.json of an earlier cycle; regions with one scan or two take its curves, scaled, where no model and no half-life was typed.
    overrides: values that replace or complete what the files say; each one is recorded in the intake table.
    regions: settings by region name; regions that are not named here use the defaults.
    """

    NAME = "RNTDosimetry study"
    WHAT = "a study file"
    PAGE = "docs/study_file.md"
    HELD_AS = "study"

    dicom_folder: str = field(default="", metadata=PATH)
    volumes: VolumeFiles | None = None
    title: str = ""
    calibration_file: str | None = field(default=None, metadata=PATH)
    calibration_setup: dict[str, str] = field(default_factory=dict)
    recovery_file: str | None = field(default=None, metadata=PATH)
    earlier_results: str | None = field(default=None, metadata=PATH)
    overrides: dict = field(default_factory=dict)
    regions: dict[str, RegionSettings] = field(default_factory=dict)
    settings: StudySettings = field(default_factory=StudySettings)

    def __post_init__(self):
        _refuse_other_than(str, "text", self, "the study", "dicom_folder", "title", *_FILES)
        for name in _FILES:
            if getattr(self, name) == "":
                raise DosimetryError(
                    f"Expected the path of a file for {name} of the study, received an empty text; leave it out if there is none."
                )
        if self.dicom_folder and self.volumes is not None:
            raise DosimetryError("Expected dicom_folder or volumes in the study, received both; leave one out.")
        if self.volumes is not None and (self.overrides or self.calibration_file is not None):
            raise DosimetryError(
                "Expected volumes without overrides and calibration_file, received them; volumes are calibrated, and their values typed in volumes."
            )
        if self.calibration_setup and self.calibration_file is None:
            raise DosimetryError(
                "Expected calibration_setup together with calibration_file, received it alone; name the file or leave it out."
            )

    def typed(self, region: str) -> RegionSettings | None:
        """What was typed about a region, None for nothing. An organ without its lesions follows the whole organ."""
        return self.regions.get(region, self.regions.get(whole_organ_name(region)))

    @classmethod
    def from_content(cls, data) -> "Study":
        """Study of the content of a study file, or of a ``results.json``, which holds its study. Raises DosimetryError for one without images."""
        study = super().from_content(data)
        if not study.dicom_folder and study.volumes is None:
            raise DosimetryError(
                "Expected dicom_folder in the study file, found none; name the folder that holds the DICOM files, or volumes."
            )
        return study


def study_from_dict(data: dict) -> Study:
    """Study from the content of a study file or of a ``results.json``. Raises DosimetryError for another format, a newer version, unknown or missing keys."""
    return Study.from_content(data)


def read_study(path: str | Path) -> Study:
    """Study of a JSON file, its paths seen from the working folder. Raises DosimetryError when it is missing, not JSON, or not a study."""
    return Study.read_beside(path)


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value and abs(value) != float("inf")


def _refuse_other_than(kind, words: str, settings: Record, where: str, *names: str) -> None:
    """ "no" would otherwise count as true, and 0 as nothing typed."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and not isinstance(value, kind):
            raise DosimetryError(f"Expected {words} for {name} of {where}, received {value!r}; correct it or leave it out.")
