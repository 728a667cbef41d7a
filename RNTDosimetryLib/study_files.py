"""The calibration and recovery files that a study names: read, fingerprinted, and the curve applied to the regions."""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.camera import Calibration, RecoveryCurve, apply_recovery, read_calibration, read_recovery
from RNTDosimetryLib.images import Region
from RNTDosimetryLib.measurement.activity import outline_uncertainty
from RNTDosimetryLib.study import RegionSettings, Study

FILE_KEYS = ("calibration_file", "recovery_file")


@dataclass(frozen=True)
class StudyFiles(Record):
    """What the files of a study hold, None where it names none. hashes: SHA-256 of each file by its key in the study.

    paths: absolute, by the same keys.
    """

    calibration: Calibration | None = None
    recovery: RecoveryCurve | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict, metadata=NOT_WRITTEN)


def read_study_files(study: Study, base_folder: str | Path = ".") -> StudyFiles:
    """The files that a study names, relative to ``base_folder``. Raises DosimetryError for one that is missing or of another kind."""
    paths = {key: Path(base_folder, getattr(study, key)) for key in FILE_KEYS if getattr(study, key) is not None}
    readers = {"calibration_file": read_calibration, "recovery_file": read_recovery}
    found = {key: readers[key](path) for key, path in paths.items()}
    return StudyFiles(
        calibration=found.get("calibration_file"),
        recovery=found.get("recovery_file"),
        hashes={key: hashlib.sha256(path.read_bytes()).hexdigest() for key, path in paths.items()},
        paths={key: str(path.resolve()) for key, path in paths.items()},
    )


def check_recovery_setup(curve: RecoveryCurve, nuclide: str, calibration: Calibration | None, typed: dict[str, str]) -> None:
    """Raises DosimetryError when the words of the curve about nuclide, camera and reconstruction are not those of the study."""
    words = {**({} if calibration is None else calibration.setup), **typed, "nuclide": nuclide}
    for key, value in words.items():
        stored = curve.setup.get(key)
        if stored is not None and stored != value:
            raise DosimetryError(f"Expected a recovery curve with {key} '{value}', received one with '{stored}'; measure the curve of that setup.")


def regions_with_recovery(regions: tuple[Region, ...], curve: RecoveryCurve, study: Study) -> tuple[tuple[Region, ...], tuple[str, ...]]:
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
