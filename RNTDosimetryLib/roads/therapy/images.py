"""The images and regions of one therapy, ready to compute with, wherever they came from: DICOM files or a Slicer scene."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from RNTDosimetryLib.base.documents import beside, sha256_of_array
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, part, silent
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.camera import Calibration, RecoveryCurve, apply_recovery, read_calibration, read_recovery
from RNTDosimetryLib.images import ActivityImage, CtImage, Region, exclude_lesions, is_without_lesions, overlap_warnings
from RNTDosimetryLib.intake import Intake, IntakeRow, Patient, read_folder
from RNTDosimetryLib.intake.calibration_use import CalibrationUse
from RNTDosimetryLib.kinetics import KineticFit
from RNTDosimetryLib.measurement.activity import outline_uncertainty
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.report import dicom_reference
from RNTDosimetryLib.roads.therapy.request import RegionSettings, Study
from RNTDosimetryLib.roads.therapy.volumes import read_volumes

FILE_KEYS = ("calibration_file", "recovery_file")


@dataclass(frozen=True)
class EarlierCurves(Record):
    """Fits of an earlier cycle by region, with its nuclide and the patient that it is of; "" where that is not known."""

    fits: dict[str, KineticFit]
    nuclide: str
    patient_hash: str = ""


@dataclass(frozen=True)
class StudyFiles(Record):
    """What the files of a study hold, None where it names none. hashes: SHA-256 of each file by its key in the study."""

    calibration: Calibration | None = None
    recovery: RecoveryCurve | None = None
    hashes: dict[str, str] = field(default_factory=dict)


def read_study_files(study: Study) -> StudyFiles:
    """The files that a study names. Raises DosimetryError for one that is missing or of another kind."""
    paths = {key: Path(getattr(study, key)) for key in FILE_KEYS if getattr(study, key) is not None}
    readers = {"calibration_file": read_calibration, "recovery_file": read_recovery}
    found = {key: readers[key](path) for key, path in paths.items()}
    return StudyFiles(
        calibration=found.get("calibration_file"),
        recovery=found.get("recovery_file"),
        hashes={key: hashlib.sha256(path.read_bytes()).hexdigest() for key, path in paths.items()},
    )


def check_recovery_setup(curve: RecoveryCurve, nuclide: str, calibration: Calibration | None, typed: dict[str, str]) -> None:
    """Raises DosimetryError when the words of the curve about nuclide, camera and reconstruction are not those of the study."""
    words = {**({} if calibration is None else calibration.setup), **typed, "nuclide": nuclide}
    for key, value in words.items():
        stored = curve.setup.get(key)
        if stored is not None and stored != value:
            raise DosimetryError(
                f"Expected a recovery curve with {key} '{value}', received one with '{stored}'; measure the curve of that setup."
            )


def regions_with_recovery(
    regions: tuple[Region, ...], curve: RecoveryCurve, study: Study
) -> tuple[tuple[Region, ...], tuple[str, ...]]:
    """The regions with the coefficient of their volume, but for those with a typed one or without wish for it; and warnings.

    The part from the volume is known where the resolution of the images is; ``measure_activity`` adds it to that of the outline.
    """
    fwhm_mm = study.settings.spect_resolution_fwhm_mm
    changed, warnings = [], [f"recovery curve: {text.removeprefix('recovery: ')}" for text in curve.warnings]
    for region in regions:
        typed = study.typed(region.name) or RegionSettings()
        if not typed.takes_recovery_from_file:
            changed.append(region)
            continue
        corrected, coefficient = apply_recovery(region, curve, None if fwhm_mm is None else outline_uncertainty(region, fwhm_mm))
        changed.append(corrected)
        warnings += [f"{region.name}: {text}" for text in coefficient.warnings]
    return tuple(changed), tuple(warnings)


def with_recovery(images, study: Study, curve: RecoveryCurve):
    """The images of a study with the recovery curve applied to their regions. Raises DosimetryError for a curve of another nuclide or setup."""
    check_recovery_setup(curve, images.nuclide, images.calibration, study.calibration_setup)
    regions, warnings = regions_with_recovery(images.regions, curve, study)
    return replace(images, regions=regions, recovery=curve, warnings=(*images.warnings, *warnings))


_LATEST_PLAUSIBLE_START_H = 2000.0
_POSSIBLE_DENSITIES_G_ML = (1e-3, 25.0)
"""Beyond these a typed mass is a slip of the unit: no tissue is lighter than air or denser than metal."""


@dataclass(frozen=True)
class Scan(Record):
    """One time point: the activity image and, for the alignment, the CT of the same session."""

    activity: ActivityImage
    ct: CtImage | None = None

    @property
    def start_h(self) -> float:
        return self.activity.start_h

    @property
    def name(self) -> str:
        """Scans are called by their time, the same in files, scene and report: with the digits that the image has in its name,
        which tell frames seconds apart from each other, else with four."""
        named = re.fullmatch(r"Activity ([0-9.]+(?:e[+-]?[0-9]+)? h)", self.activity.name)
        return named[1] if named else f"{self.start_h:.4g} h"


@dataclass(frozen=True)
class StudyImages(Record):
    """Everything the computation reads. Scans are in the order of time; regions lie on the CT of ``scans[reference_index]``.

    administered_activity_mbq: net, None when it is not known; the absorbed dose does not need it, Gy/GBq does.
    calibration: of the camera, where a file calibrated series in counts; recovery: curve that coefficients of regions come from;
    earlier: curves of an earlier cycle, for regions with one scan or two.
    file_hashes: SHA-256 of the files that the study names besides the images, by key. unmeasured: regions that have no dose here, and why.
    dicom_reference: keywords of the reference CT that an RTDOSE must repeat to belong to the patient; never in results.json.
    Raises DosimetryError for no scan, no region, two regions of one name, two scans at one time, two nuclides.
    """

    nuclide: str
    scans: tuple[Scan, ...]
    regions: tuple[Region, ...]
    reference_index: int = 0
    radiopharmaceutical: str = ""
    administered_activity_mbq: float | None = None
    administration_time: datetime | None = None
    patient: Patient | None = None
    intake_table: tuple[IntakeRow, ...] = ()
    warnings: tuple[str, ...] = ()
    calibration: Calibration | None = None
    recovery: RecoveryCurve | None = None
    earlier: EarlierCurves | None = None
    file_hashes: dict[str, str] = field(default_factory=dict)
    unmeasured: dict[str, str] = field(default_factory=dict)
    dicom_reference: dict[str, str] = field(default_factory=dict, metadata=NOT_WRITTEN, repr=False)

    def __post_init__(self):
        if not self.nuclide:
            raise DosimetryError("Expected a nuclide, found none; choose the therapy nuclide.")
        if not self.scans:
            raise DosimetryError("Expected at least one activity image, received none; add a time point.")
        if not self.regions:
            raise DosimetryError("Expected at least one region, received none; draw or load the organs and lesions.")
        names = [region.name for region in self.regions]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DosimetryError(f"Expected regions of different names, received several of {', '.join(twice)}; rename them.")
        starts = [scan.start_h for scan in self.scans]
        if starts != sorted(starts):
            raise DosimetryError(f"Expected the scans in the order of time, received {starts} h; sort them.")
        if len(set(starts)) != len(starts):
            raise DosimetryError(f"Expected different scan times, received {starts} h; two scans start at the same time.")
        if starts[-1] > _LATEST_PLAUSIBLE_START_H:
            raise DosimetryError(
                f"Expected scans within {_LATEST_PLAUSIBLE_START_H:.0f} h of the administration, received one at {starts[-1]:.0f} h; check the dates."
            )
        others = sorted({scan.activity.nuclide for scan in self.scans if scan.activity.nuclide not in ("", self.nuclide)})
        if others:
            raise DosimetryError(f"Expected images of {self.nuclide}, received {', '.join(others)}; one study has one nuclide.")
        if not 0 <= self.reference_index < len(self.scans):
            raise DosimetryError(
                f"Expected a reference time point from 0 to {len(self.scans) - 1}, received {self.reference_index}."
            )

    def input_hashes(self) -> dict[str, str]:
        """SHA-256 of the voxels of every image and region, by name, and of the files that the study names, by key."""
        hashes = {}
        for scan in self.scans:
            hashes[scan.activity.name] = sha256_of_array(scan.activity.concentration_bq_ml)
            if scan.ct is not None:
                hashes[scan.ct.name] = sha256_of_array(scan.ct.hounsfield)
        for region in self.regions:
            hashes[region.name] = sha256_of_array(region.occupancy)
        return hashes | self.file_hashes


def scans_of_intake(intake: Intake, progress: Progress = silent) -> tuple[Scan, ...]:
    """Read the voxels of the time points of an intake."""
    scans = []
    for index, point in enumerate(intake.time_points):
        progress(index / len(intake.time_points), f"Reading {point.name}")
        ct = point.load_ct()
        named = None if ct is None else replace(ct, name=f"CT {point.name}")
        scans.append(Scan(replace(point.activity, name=f"Activity {point.name}"), named))
    return tuple(scans)


def reference_of_intake(intake: Intake) -> dict[str, str]:
    """Keywords of the image that the regions lie on, which an RTDOSE repeats to belong to the patient."""
    point = intake.time_points[intake.reference_index]
    return dicom_reference(point.file if point.ct is None else point.ct.files[0])


def images_of_intake(intake: Intake, progress: Progress = silent) -> StudyImages:
    """Read the voxels of an intake. Raises DosimetryError when it holds no region."""
    return StudyImages(
        nuclide=intake.nuclide,
        scans=scans_of_intake(intake, progress),
        regions=intake.regions,
        reference_index=intake.reference_index,
        radiopharmaceutical=intake.administration.radiopharmaceutical,
        administered_activity_mbq=intake.administration.net_activity_mbq,
        administration_time=intake.administration.time,
        patient=intake.patient,
        intake_table=intake.table,
        warnings=intake.warnings,
        unmeasured=intake.unmeasured,
        dicom_reference=reference_of_intake(intake),
    )


def load_study(study: Study, base_folder: str | Path = ".", progress: Progress = silent) -> StudyImages:
    """Images of a study file, with what the study says of its regions and images. Raises DosimetryError for what cannot be used."""
    study = beside(study, base_folder)
    files = read_study_files(study)
    read = _images_of_dicom if study.volumes is None else _images_of_volumes
    images = replace(read(study, files, progress), file_hashes=files.hashes)
    images = with_settings(images, study)
    return images if files.recovery is None else with_recovery(images, study, files.recovery)


def _images_of_volumes(study: Study, files: StudyFiles, progress: Progress) -> StudyImages:
    volumes, content = study.volumes, read_volumes(study.volumes, progress=progress)
    return StudyImages(
        nuclide=get_nuclide(volumes.nuclide).name,
        scans=tuple(Scan(activity, ct) for activity, ct in content.scans),
        regions=content.regions,
        reference_index=volumes.reference,
        radiopharmaceutical=volumes.radiopharmaceutical,
        administered_activity_mbq=volumes.administered_activity_mbq,
        administration_time=volumes.administration_time,
        intake_table=content.table,
    )


def _images_of_dicom(study: Study, files: StudyFiles, progress: Progress) -> StudyImages:
    folder = Path(study.dicom_folder)
    if not os.path.isdir(folder):
        raise DosimetryError(f"Expected the DICOM folder {folder}, found none; correct dicom_folder in the study file.")
    use = None if files.calibration is None else CalibrationUse(files.calibration, study.calibration_setup)
    intake = read_folder(folder, overrides=study.overrides or None, progress=part(progress, 0.0, 0.5), calibration=use)
    return replace(
        images_of_intake(intake, part(progress, 0.5, 1.0)),
        calibration=files.calibration,
    )


def with_settings(images: StudyImages, study: Study) -> StudyImages:
    """The images with the region settings and the calibration uncertainty of the study applied.

    A calibration uncertainty that belongs to one series stays where the study states none.
    """
    stated = study.settings.calibration_uncertainty
    replaced = tuple(
        warned("series_calibration_replaced", scan=scan.name, own=100 * own, stated=100 * stated)
        for scan in images.scans
        if stated and (own := scan.activity.calibration_uncertainty) > stated
    )
    images = replace(images, warnings=(*images.warnings, *replaced))
    scans = tuple(
        replace(scan, activity=replace(scan.activity, calibration_uncertainty=stated or scan.activity.calibration_uncertainty))
        for scan in images.scans
    )
    drawn = {name: typed for name, typed in study.regions.items() if not is_without_lesions(name, images.regions)}
    images = replace(images, scans=scans, regions=regions_with_settings(images.regions, drawn, images.unmeasured))
    images = with_overlap_rule(images, study.settings.lesions_out_of_organs, study.regions)
    return replace(images, regions=regions_with_settings(images.regions, study.regions, images.unmeasured))


def with_overlap_rule(
    images: StudyImages, lesions_out_of_organs: bool = True, settings: Mapping[str, RegionSettings] = MappingProxyType({})
) -> StudyImages:
    """The images with organs without their lesions as extra regions, where wished, and a warning for what is counted twice.

    settings: what was typed, by region name; an organ without its lesions that is not named there has its organ's recovery.
    """
    extra = exclude_lesions(images.regions) if lesions_out_of_organs else ()
    inherited = tuple(
        warned("recovery_of_the_whole_organ", region=region.name, value=region.recovery_coefficient)
        for region in extra
        if region.recovery_coefficient != 1.0 and region.name not in settings
    )
    return replace(
        images, regions=images.regions + extra, warnings=(*images.warnings, *overlap_warnings(images.regions), *inherited)
    )


def regions_with_settings(
    regions: tuple[Region, ...], settings: Mapping[str, RegionSettings], unmeasured: Mapping[str, str] = MappingProxyType({})
) -> tuple[Region, ...]:
    """Regions with what was typed about them. unmeasured: why regions of the files cannot be used, by name.

    Raises DosimetryError for settings of a region that does not exist, or that was asked for so and cannot be used.
    """
    names = {region.name for region in regions}
    unknown = sorted(set(settings) - names)
    for region in regions:
        _refuse_impossible_mass(region, settings.get(region.name))
    if unknown:
        why = next((f" '{name}' was left out: {unmeasured[name]}." for name in unknown if name in unmeasured), "")
        raise DosimetryError(
            f"Expected settings for the regions {', '.join(sorted(names))}, received settings for {', '.join(unknown)}; check the names.{why}"
        )
    return tuple(_with_settings(region, settings[region.name]) if region.name in settings else region for region in regions)


def _refuse_impossible_mass(region: Region, typed: RegionSettings | None) -> None:
    mass_g = None if typed is None else typed.mass_g
    least, most = _POSSIBLE_DENSITIES_G_ML
    if mass_g is not None and not least * region.volume_ml <= mass_g <= most * region.volume_ml:
        raise DosimetryError(
            f"Expected mass_g of {region.name} near its volume of {region.volume_ml:.4g} mL, received {mass_g:.4g} g; type it in g, or draw the whole organ."
        )


def _with_settings(region: Region, typed: RegionSettings) -> Region:
    return replace(
        region,
        kind=typed.kind or region.kind,
        mass_g=typed.mass_g if typed.mass_g is not None else region.mass_g,
        density_g_ml=typed.density_g_ml if typed.density_g_ml is not None else region.density_g_ml,
        recovery_coefficient=typed.recovery_coefficient,
        recovery_coefficient_uncertainty=typed.recovery_coefficient_uncertainty,
    )
