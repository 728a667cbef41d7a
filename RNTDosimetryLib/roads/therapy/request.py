"""The study file: what to read, what was typed over it, and how to compute."""

from dataclasses import dataclass, field, fields
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record, read_json_file
from RNTDosimetryLib.images.overlaps import whole_organ_name
from RNTDosimetryLib.images.resampling import rigid_matrix
from RNTDosimetryLib.roads.therapy.volumes import VolumeFiles, VolumeRegion, VolumeScan

STUDY_FORMAT = "RNTDosimetry study"
STUDY_VERSION = 1

_REGION_RANGES = {
    "mass_g": (1e-6, 5e5, "g"),
    "density_g_ml": (1e-4, 25.0, "g/mL"),
    "effective_half_life_h": (1e-3, 1e6, "h"),
    "alpha_beta_gy": (0.1, 100.0, "Gy"),
    "repair_half_time_h": (0.01, 1000.0, "h"),
}
"""Smallest and largest that can be meant: a whole body is up to 500 kg, no matter is denser than metal; others are slips of the unit."""

_SMALLEST_RECOVERY = 0.01
"""A region that shows less than a hundredth of its activity cannot be measured."""

VOXEL_MODELS = ("shared", "mono", "auto")
DOSE_METHODS = ("local", "kernel")
REGISTER_BY = ("ct", "activity")


@dataclass(frozen=True)
class RegionSettings(Record):
    """What was typed about one region. None and the defaults mean: nothing was typed.

    kind: "organ", "lesion" or "other". mass_g: instead of volume times density. density_g_ml: instead of soft tissue.
    recovery_coefficient: measured over true concentration. recovery_from_file: None takes the coefficient from the study's
    recovery_file unless one was typed here; false never takes it from there (in a study file, so does any typed coefficient, 1 as well).
    model: time-activity model instead of the study's.
    effective_half_life_h: of an earlier cycle or a population, used when there is a single scan.
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
class StudySettings(Record):
    """How to compute. The defaults are stated in every report.

    model: time-activity model of the regions ("auto" chooses by AICc; "hanscheid" takes a single scan without a half-life). voxel_model: "shared" region rates, "mono" own
    rate, "auto" own best model. dose_method: of the dose map, "kernel" or "local". density_g_ml: of the dose map.
    register: align the time points onto the one that the regions were drawn on. register_by: "ct", their CTs, and a scan without one is
    taken as aligned with a warning; "activity", the activity images themselves, for scans without a CT.
    registrations: known 4 x 4 LPS matrices instead, one per time point (from the reference to the time point).
    density_from_ct: density of every voxel of the dose map from the reference CT; density_g_ml then serves the masses only.
    map_follows_regions: scale the voxels of every region so that their mean is that of the region's recovery-corrected curve.
    lesions_out_of_organs: an organ that lesions lie in is given a second time, without them; both are reported.
    calibration_uncertainty: relative, 1 sigma, common to all images.
    scan_uncertainty: relative, 1 sigma, of each scan for itself: how well a measurement of the same activity repeats
    (repositioning, reconstruction, alignment), beside the noise of the voxels.
    """

    model: str = "auto"
    voxel_model: str = "shared"
    dose_method: str = "kernel"
    density_g_ml: float = 1.04
    density_from_ct: bool = False
    register: bool = True
    register_by: str = "ct"
    registrations: tuple[tuple[tuple[float, ...], ...], ...] | None = None
    map_follows_regions: bool = False
    lesions_out_of_organs: bool = True
    calibration_uncertainty: float = 0.0
    scan_uncertainty: float = 0.03
    spect_resolution_fwhm_mm: float | None = None

    def __post_init__(self):
        _refuse_other_than(str, "text", self, "the settings", "model")
        _refuse_other_than(
            bool,
            "true or false",
            self,
            "the settings",
            "density_from_ct",
            "register",
            "map_follows_regions",
            "lesions_out_of_organs",
        )
        _refuse_other_than((tuple, list), "a list of 4 x 4 matrices", self, "the settings", "registrations")
        for matrix in self.registrations or ():
            rigid_matrix(matrix, "registrations of the settings")
        if self.voxel_model not in VOXEL_MODELS:
            raise DosimetryError(f"Expected voxel_model to be one of {', '.join(VOXEL_MODELS)}, received '{self.voxel_model}'.")
        if self.dose_method not in DOSE_METHODS:
            raise DosimetryError(f"Expected dose_method to be one of {', '.join(DOSE_METHODS)}, received '{self.dose_method}'.")
        if self.register_by not in REGISTER_BY:
            raise DosimetryError(f"Expected register_by to be one of {', '.join(REGISTER_BY)}, received '{self.register_by}'.")
        if not (_is_number(self.density_g_ml) and 0.05 <= self.density_g_ml <= 3.0):
            raise DosimetryError(
                f"Expected density_g_ml between 0.05 and 3 g/mL, received {self.density_g_ml!r}; soft tissue is 1.04."
            )
        if not (_is_number(self.calibration_uncertainty) and 0 <= self.calibration_uncertainty < 1):
            raise DosimetryError(
                f"Expected a relative calibration_uncertainty between 0 and 1, received {self.calibration_uncertainty!r}; 0.05 means 5 %."
            )
        if not (_is_number(self.scan_uncertainty) and 0 <= self.scan_uncertainty < 1):
            raise DosimetryError(
                f"Expected a relative scan_uncertainty between 0 and 1, received {self.scan_uncertainty!r}; 0.03 means 3 %."
            )
        fwhm = self.spect_resolution_fwhm_mm
        if fwhm is not None and not (_is_number(fwhm) and 0 < fwhm < 100):
            raise DosimetryError(
                f"Expected spect_resolution_fwhm_mm between 0 and 100 mm, received {fwhm!r}; leave it out if unknown."
            )


@dataclass(frozen=True)
class Study(Record):
    """One therapy to evaluate. Paths are relative to the study file.

    dicom_folder: holds the DICOM files of all scans; or volumes: images and regions as volume files, with what must be typed of them.
    calibration_file: sensitivity of the camera, for series in counts; its uncertainty is the calibration uncertainty of the study
    unless one is typed. calibration_setup: words about the scans that must be those of the calibration, before what the files say.
    recovery_file: recovery curve, for every region without a typed coefficient, by its volume.
    overrides: values that replace or complete what the files say; each one is recorded in the intake table.
    regions: settings by region name; regions that are not named here use the defaults.
    """

    dicom_folder: str = ""
    volumes: VolumeFiles | None = None
    title: str = ""
    calibration_file: str | None = None
    calibration_setup: dict[str, str] = field(default_factory=dict)
    recovery_file: str | None = None
    overrides: dict = field(default_factory=dict)
    regions: dict[str, RegionSettings] = field(default_factory=dict)
    settings: StudySettings = field(default_factory=StudySettings)

    def __post_init__(self):
        _refuse_other_than(str, "text", self, "the study", "dicom_folder", "title", "calibration_file", "recovery_file")
        for name in ("calibration_file", "recovery_file"):
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

    def to_dict(self) -> dict:
        return {"format": STUDY_FORMAT, "version": STUDY_VERSION, **super().to_dict()}


def study_from_dict(data: dict) -> Study:
    """Study from the content of a study file, or of a ``results.json``, which holds its study.

    Raises DosimetryError for another format, a newer version, unknown or missing keys.
    """
    if not isinstance(data, dict):
        raise DosimetryError("Expected a study file with a JSON object, received something else; see the README for an example.")
    if "study" in data and isinstance(data["study"], dict):
        data = data["study"]
    if data.get("format", STUDY_FORMAT) != STUDY_FORMAT:
        raise DosimetryError(f"Expected a file of format '{STUDY_FORMAT}', received '{data['format']}'; check the file name.")
    version = data.get("version", STUDY_VERSION)
    if not _is_number(version):
        raise DosimetryError(f"Expected the version of the study file as a number, received {version!r}; write {STUDY_VERSION}.")
    if version > STUDY_VERSION:
        raise DosimetryError(
            f"Expected a study file of version {STUDY_VERSION} or older, received version {version}; update RNTDosimetry."
        )
    content = {key: value for key, value in data.items() if key not in ("format", "version")}
    _refuse_unknown_keys(content, Study, "the study file")
    if content.get("dicom_folder") in (None, "") and content.get("volumes") is None:
        raise DosimetryError(
            "Expected dicom_folder in the study file, found none; name the folder that holds the DICOM files, or volumes."
        )
    _refuse_unknown_volume_keys(content.get("volumes"))
    for key in ("overrides", "regions", "settings", "calibration_setup"):
        if not isinstance(content.get(key, {}), dict):
            raise DosimetryError(f"Expected an object for '{key}' in the study file, received {content[key]!r}.")
    for name, region in content.get("regions", {}).items():
        _refuse_unknown_keys(region, RegionSettings, f"region '{name}' of the study file")
    _refuse_unknown_keys(content.get("settings", {}), StudySettings, "the settings of the study file")
    regions = {name: _with_typed_recovery(region) for name, region in content.get("regions", {}).items()}
    return Study.from_dict({**content, "regions": regions})


def _refuse_unknown_volume_keys(volumes) -> None:
    if volumes is None:
        return
    _refuse_unknown_keys(volumes, VolumeFiles, "volumes of the study file")
    scans, regions = volumes.get("scans"), volumes.get("regions")
    for scan in scans if isinstance(scans, list) else ():
        _refuse_unknown_keys(scan, VolumeScan, "a scan in volumes of the study file")
    for name, region in regions.items() if isinstance(regions, dict) else ():
        _refuse_unknown_keys(region, VolumeRegion, f"region '{name}' in volumes of the study file")


def read_study(path: str | Path) -> Study:
    """Study from a JSON file. Raises DosimetryError when it is missing, not JSON, or not a study."""
    return study_from_dict(read_json_file(path, "a study file"))


def _with_typed_recovery(region: dict) -> dict:
    """A coefficient of 1 in a file was typed, and means that the region wants no correction; one that was never typed is not there."""
    if "recovery_from_file" in region or region.get("recovery_coefficient") is None:
        return region
    return {**region, "recovery_from_file": False}


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value and abs(value) != float("inf")


def _refuse_other_than(kind, words: str, settings: Record, where: str, *names: str) -> None:
    """ "no" would otherwise count as true, and 0 as nothing typed."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and not isinstance(value, kind):
            raise DosimetryError(f"Expected {words} for {name} of {where}, received {value!r}; correct it or leave it out.")


def _refuse_unknown_keys(content, kind: type, where: str) -> None:
    """A mistyped key would otherwise be ignored, and the default used without a word."""
    if not isinstance(content, dict):
        raise DosimetryError(f"Expected an object in {where}, received {content!r}.")
    known = {item.name for item in fields(kind)}
    unknown = sorted(set(content) - known)
    if unknown:
        raise DosimetryError(
            f"Expected only {', '.join(sorted(known))} in {where}, received also {', '.join(unknown)}; check the spelling."
        )
