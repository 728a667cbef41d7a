"""The two maps of a comparison, read: the dose map of an earlier run with its regions and uncertainties, a volume file, or an RT Dose."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.documents import refuse_other_file, sha256_of_array, sha256_of_file
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record, checked_path
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images import CtImage, Region
from RNTDosimetryLib.intake.tags import readable
from RNTDosimetryLib.intake.volume_files import SUFFIXES, DoseVolume, load_dose_file, load_mask_file
from RNTDosimetryLib.report import RtDose, dicom_reference, read_rtdose
from RNTDosimetryLib.roads.compare.request import DoseSource
from RNTDosimetryLib.roads.therapy.images import load_study
from RNTDosimetryLib.roads.therapy.result import StudyResult

_OTHER_TYPES = {
    "EFFECTIVE": "a dose weighted by a biological effect",
    "ERROR": "a difference of two doses",
}
_WHOLE = ("PLAN", "MULTI_PLAN", "PLAN_OVERVIEW", "RECORD")
_OFFSET_TOLERANCE_MM = 0.01


def load_rtdose(path: Path) -> tuple[DoseVolume, RtDose]:
    """Dose map of an RT Dose file, and what its header says of patient and frame of reference.

    Raises DosimetryError for another object, relative or effective dose, a difference of doses, frames without a regular place, no dose.
    """
    name = path.name
    with readable(name):
        stored = read_rtdose(path)
        header = _header(path)
        warnings = [*_checked_type(header, name), *_summation_warnings(stored.summation_type, name)]
        _check_offsets(header, name)
    dose = stored.dose_gy
    if not np.all(np.isfinite(dose)) or dose.max() <= 0 or dose.min() < 0:
        raise DosimetryError(
            f"Expected doses of zero or more with some above it in {name}, received {dose.min():.4g} to {dose.max():.4g} Gy; check Dose Grid Scaling."
        )
    words = stored.series_description or stored.comment
    return DoseVolume(
        name, stored.geometry, dose.astype(np.float32), source=f"RT Dose {words}".strip(), warnings=tuple(warnings)
    ), stored


def _header(path: Path):
    import pydicom

    return pydicom.dcmread(path, stop_before_pixels=True)


def _checked_type(header, name: str) -> tuple[str, ...]:
    """(3004,0004) Dose Type; a missing one is doubtful, another than physical is no absorbed dose."""
    kind = str(header.get("DoseType") or "").upper()
    if kind in _OTHER_TYPES:
        raise DosimetryError(
            f"Expected absorbed dose (Dose Type PHYSICAL) in {name}, received {kind}, {_OTHER_TYPES[kind]}; export the physical dose."
        )
    return (
        ()
        if kind == "PHYSICAL"
        else (f"{name}: no Dose Type PHYSICAL in the file ('{kind}'); its values were taken for absorbed dose",)
    )


def _summation_warnings(summation: str, name: str) -> tuple[str, ...]:
    """(3004,000A) Dose Summation Type: whether the map is the whole treatment."""
    if summation.upper() in _WHOLE:
        return ()
    return (f"{name}: {warned('dose_summation_type', kind=summation or 'missing')}",)


def _check_offsets(header, name: str) -> None:
    """Grid Frame Offset Vector starts at 0, or at the z of the first frame (PS3.3 C.8.8.3.2); another start leaves the place open."""
    offsets = header.get("GridFrameOffsetVector")
    if offsets is None or not hasattr(offsets, "__len__") or not len(offsets):
        return
    first, z = float(offsets[0]), float(header.ImagePositionPatient[2])
    axial = np.allclose(np.abs(np.asarray(header.ImageOrientationPatient, dtype=float)), [1, 0, 0, 0, 1, 0], atol=1e-4)
    if abs(first) > _OFFSET_TOLERANCE_MM and not (axial and abs(first - z) <= _OFFSET_TOLERANCE_MM):
        raise DosimetryError(
            f"Expected Grid Frame Offset Vector of {name} to start at 0 or at the z of the first frame ({z:g} mm), received {first:g}; export it again."
        )


DOSE_FILE, RESULTS_FILE, RTDOSE_FILE = "dose.nrrd", "results.json", "dose.dcm"
_SAME_DOSE = 1e-5


@dataclass(frozen=True, eq=False)
class ComparedMap(Record):
    """One of the two maps. kind: "run", "file" or "RT Dose". hashes: SHA-256 by file.

    relative_uncertainty: common to the whole map; region_relative_uncertainty: of a run, of the dose of each region, and then instead of it.
    uncertainty_of_voxels: how ``dose.uncertainty_gy`` is meant. patient: hash of the patient ID, "" where it is not known.
    """

    name: str
    kind: str
    dose: DoseVolume
    method: str = ""
    nuclide: str = ""
    uncertainty_of_voxels: str = "independent"
    relative_uncertainty: float | None = None
    region_relative_uncertainty: dict[str, float] = field(default_factory=dict)
    frame_of_reference_uid: str = ""
    patient: str = ""
    hashes: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def shares_activity(self) -> bool:
        """Whether its common uncertainty is that of a run, most of it the activity's."""
        return self.kind == "run" and self.relative_uncertainty is None

    def relative_of(self, region: str) -> float | None:
        """Relative uncertainty that is common to the voxels of a region; None when it is not known."""
        return (
            self.relative_uncertainty if self.relative_uncertainty is not None else self.region_relative_uncertainty.get(region)
        )


@dataclass(frozen=True, eq=False)
class RunSurroundings:
    """Regions and CT of the study of a run."""

    regions: tuple[Region, ...]
    ct: CtImage | None
    frame_of_reference_uid: str
    warnings: tuple[str, ...]


def read_source(source: DoseSource, role: str) -> ComparedMap:
    """The map that was named. role: "reference" or "evaluated", its name where none was typed. Raises DosimetryError for what is no dose map."""
    return _read_run(source, role) if source.run else _read_file(source, role)


def _read_file(source: DoseSource, role: str) -> ComparedMap:
    path = checked_path(source.file, "a dose file")
    common = {
        "name": source.name or role, "relative_uncertainty": source.relative_uncertainty, "uncertainty_of_voxels": source.uncertainty_of_voxels,
    }  # fmt: skip
    if path.name.lower().endswith(SUFFIXES):
        dose = load_dose_file(path, source.typed())
        return ComparedMap(
            kind="file", dose=dose, method=dose.source, hashes={path.name: sha256_of_file(path)}, warnings=dose.warnings, **common
        )
    if not os.path.isfile(path):
        raise DosimetryError(f"Expected a dose map at {path}, found none; check the path.")
    if source.typed():
        raise DosimetryError(
            f"Expected {', '.join(source.typed())} only for a volume file, received it with {path.name}; an RT Dose names its unit itself."
        )
    if path.read_bytes()[128:132] != b"DICM":
        raise DosimetryError(
            f"Expected a dose map as {', '.join(SUFFIXES)} or as RT Dose, received {path.name}, which is neither; convert it first."
        )
    dose, stored = load_rtdose(path)
    return ComparedMap(
        kind="RT Dose", dose=dose, method=dose.source, frame_of_reference_uid=stored.frame_of_reference_uid, patient=_patient_hash(stored.patient_id),
        hashes={path.name: sha256_of_file(path)}, warnings=dose.warnings, **common,
    )  # fmt: skip


def _read_run(source: DoseSource, role: str) -> ComparedMap:
    folder, run = _results(source)
    path = folder / DOSE_FILE
    if not os.path.isfile(path):
        raise DosimetryError(
            f"Expected {DOSE_FILE} beside {RESULTS_FILE} in {folder}, found none; name the folder as the run wrote it, or run the study again."
        )
    known = run.dose_map
    dose = load_dose_file(path, {"unit": "Gy", "source": f"{known.method} method, {known.density}"})
    found_maximum = float(dose.dose_gy.max())
    same = abs(found_maximum - known.maximum_gy) <= _SAME_DOSE * max(abs(known.maximum_gy), found_maximum)
    if not (same and dose.geometry.same_grid(run.tia_map.geometry)):
        raise DosimetryError(
            f"Expected the {DOSE_FILE} of these {RESULTS_FILE} (highest dose {known.maximum_gy} Gy), received another map "
            f"(highest {found_maximum:.6g} Gy, or another grid) in {folder}; run the study again."
        )
    refuse_other_file(path, folder / RESULTS_FILE)
    rtdose = folder / RTDOSE_FILE
    return ComparedMap(
        name=source.name or role,
        kind="run",
        dose=replace(dose, name=f"{folder.name}/{DOSE_FILE}"),
        method=dose.source,
        nuclide=run.nuclide,
        uncertainty_of_voxels="common",
        relative_uncertainty=source.relative_uncertainty,
        region_relative_uncertainty=_region_uncertainties(run),
        frame_of_reference_uid=dicom_reference(rtdose).get("FrameOfReferenceUID", "") if os.path.isfile(rtdose) else "",
        patient="" if run.patient is None else run.patient.id_hash,
        hashes={RESULTS_FILE: sha256_of_file(folder / RESULTS_FILE), DOSE_FILE: sha256_of_file(path)},
        warnings=(*dose.warnings, *(text for text in run.tia_map.warnings if "common field of view" in text)),
    )


def run_surroundings(source: DoseSource) -> RunSurroundings:
    """Regions and CT of the study that a run's results.json holds. Raises DosimetryError when its images are no longer there."""
    folder, run = _results(source)
    try:
        images = load_study(run.study, folder)
    except DosimetryError as error:
        raise DosimetryError(
            f"Expected the images of the study of {folder / RESULTS_FILE}, for its regions; or give regions as mask files. {error}"
        ) from error
    hashes = run.input_hashes
    changed = [
        region.name for region in images.regions if hashes.get(region.name) not in (None, sha256_of_array(region.occupancy))
    ]
    reference = images.scans[images.reference_index]
    warnings = (warned("regions_drawn_otherwise", names=", ".join(changed), file=RESULTS_FILE),) if changed else ()
    return RunSurroundings(images.regions, reference.ct, reference.activity.frame_of_reference_uid, warnings)


def _results(source: DoseSource) -> tuple[Path, StudyResult]:
    """Folder and results of a run, which is named by either."""
    path = checked_path(source.run, "a run")
    path = path / RESULTS_FILE if os.path.isdir(path) else path
    return path.parent, StudyResult.read(path)


def _region_uncertainties(run: StudyResult) -> dict[str, float]:
    """Relative standard uncertainty of the dose of each region that has one."""
    doses = {item.name: item.dose for item in run.regions}
    return {
        name: dose.dose_uncertainty_gy / dose.dose_gy
        for name, dose in doses.items()
        if dose.dose_uncertainty_gy is not None and dose.dose_gy > 0
    }


def _patient_hash(patient_id: str) -> str:
    return hashlib.sha256(patient_id.encode()).hexdigest()[:16] if patient_id else ""


def named_regions(items, run_regions: tuple[Region, ...]) -> list[Region]:
    """The regions that were named: all of the run, some of it by name, or mask files. Raises DosimetryError for unknown names and for no masks."""
    known = {region.name: region for region in run_regions}
    if items is None:
        return list(run_regions)
    if isinstance(items, Mapping):
        return [Region(str(name), *load_mask_file(where, str(name))) for name, where in items.items()]
    unknown = [str(name) for name in items if name not in known]
    if unknown:
        raise DosimetryError(f"Expected regions of the run ({', '.join(known)}), received {', '.join(unknown)}; check the names.")
    return [known[name] for name in items]


def thresholded_region(dose: DoseVolume, threshold_percent: float) -> Region:
    """All voxels of a map above a share of its highest dose, where no region was named."""
    values = np.asarray(dose.dose_gy)
    return Region(
        f"above {threshold_percent:g} % of the highest dose",
        dose.geometry,
        (values > threshold_percent / 100 * values.max()).astype(np.uint8),
    )
