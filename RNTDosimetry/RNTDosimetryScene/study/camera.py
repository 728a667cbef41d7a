"""Calibration and recovery of the camera: kept with the study, applied to counts and regions by the library."""

import hashlib
import json
from pathlib import Path

import numpy as np
import slicer

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.camera import (
    Calibration,
    RecoveryCurve,
    apply_calibration,
    read_calibration,
    read_recovery,
    typed_calibration,
)
from RNTDosimetryLib.camera.calibration import check_calibration
from RNTDosimetryLib.images import ImageGeometry
from RNTDosimetryLib.intake import IntakeRow
from RNTDosimetryLib.intake.calibration_use import CalibrationUse
from RNTDosimetryLib.roads.therapy.earlier import EARLIER_KEY, check_earlier, read_earlier
from RNTDosimetryLib.roads.therapy.images import EarlierCurves, check_recovery_setup
from RNTDosimetryScene.nodes import volumes
from RNTDosimetryScene.nodes.geometry import geometry_of_volume

_CALIBRATED = volumes.ATTRIBUTE + "Calibrated"
"""Attribute of a scan in counts: as JSON, what its factor was found with."""


# --- calibration


def calibration_of(parameter_node) -> Calibration | None:
    """The calibration in use, as it was read; it is saved with the scene."""
    text = parameter_node.calibrationJson
    return Calibration.from_dict(json.loads(text)["record"]) if text else None


def choose_calibration(parameter_node, path: str) -> None:
    """Take a calibration file and its uncertainty; an empty path takes it back.

    Raises DosimetryError for a file that is none, or of another nuclide; nothing is changed then.
    """
    if not path:
        _keep_calibration(parameter_node, None, "")
        return
    calibration = read_calibration(path)
    if parameter_node.nuclide:
        check_calibration(calibration, parameter_node.nuclide)
    _keep_calibration(parameter_node, calibration, str(path))


def type_sensitivity(parameter_node, cps_per_mbq: float) -> None:
    """Take a typed sensitivity instead of a file; 0 takes it back."""
    if cps_per_mbq > 0 and not parameter_node.nuclide:
        raise DosimetryError("Expected the nuclide that the sensitivity belongs to, found none; choose it under Study.")
    calibration = typed_calibration(parameter_node.nuclide, cps_per_mbq) if cps_per_mbq > 0 else None
    _keep_calibration(parameter_node, calibration, "")


def _keep_calibration(parameter_node, calibration: Calibration | None, path: str) -> None:
    with slicer.util.NodeModify(parameter_node.parameterNode):
        parameter_node.calibrationPath = path
        parameter_node.calibrationJson = _kept(calibration, path)
        if calibration is not None and calibration.relative_uncertainty is not None:
            parameter_node.calibrationUncertaintyPercent = round(100.0 * calibration.relative_uncertainty, 4)


def words_of_calibration(calibration: Calibration) -> str:
    """Sensitivity, uncertainty, kind and date, for people."""
    relative = calibration.relative_uncertainty
    uncertainty = "of unknown uncertainty" if relative is None else f"\u00b1 {100 * relative:.2g} %"
    measured = "date unknown" if calibration.measured is None else f"measured {calibration.measured:%Y-%m-%d}"
    return (
        f"{calibration.sensitivity_cps_per_mbq:.5g} cps/MBq {uncertainty}, {calibration.kind}, {calibration.nuclide}, {measured}"
    )


def calibrate_counts(parameter_node) -> list[str]:
    """Factor of every scan in counts from the calibration, its duration and its voxels. Returns the names of the scans.

    Scans in counts are those that were added by hand and whose factor nobody typed. Raises DosimetryError for none, for no
    duration and for another nuclide; nothing is changed then.
    """
    calibration = calibration_of(parameter_node)
    if calibration is None:
        raise DosimetryError("Expected a calibration, found none; choose the file or type the sensitivity.")
    scans = [node for node in parameter_node.activityVolumes or [] if _is_in_counts(node)]
    if not scans:
        raise DosimetryError(
            "Expected scans in counts that were added by hand, found none; images from DICOM are calibrated while they are loaded, "
            "and typed factors stay."
        )
    found = [(node, *_factor(parameter_node, node, calibration)) for node in scans]
    with slicer.util.NodeModify(parameter_node.parameterNode):
        for node, factor, warnings in found:
            others = [line for line in _warnings(node) if line not in _stamp_of(node).get("warnings", ())]
            node.SetAttribute(volumes.ATTRIBUTE + "Calibration", repr(factor))
            node.SetAttribute(volumes.ATTRIBUTE + "Warnings", "\n".join([*others, *warnings]))
            stamp = {"key": _key(parameter_node, node), "warnings": warnings, "words": words_of_calibration(calibration)}
            node.SetAttribute(_CALIBRATED, json.dumps(stamp))
        parameter_node.parameterNode.Modified()
    return [node.GetName() for node in scans]


def _is_in_counts(node) -> bool:
    typed = (node.GetAttribute(volumes.ATTRIBUTE + "Typed") or "").split()
    return bool(_stamp_of(node)) or ("Calibration" in typed and volumes.calibration_of(node) == 1.0)


def _factor(parameter_node, node, calibration: Calibration) -> tuple[float, list[str]]:
    """Bq/mL for one stored count of a scan: the library's calibration of a single voxel that holds one."""
    duration = node.GetAttribute(volumes.ATTRIBUTE + "DurationSeconds")
    if not duration:
        raise DosimetryError(
            f"Expected the duration of '{node.GetName()}' to calibrate its counts, found none; type Time (s) in the table."
        )
    one_voxel = ImageGeometry((1, 1, 1), geometry_of_volume(node).spacing_mm)
    start_h = float(node.GetAttribute(volumes.ATTRIBUTE + "StartHours") or 0.0)
    image = apply_calibration(
        np.ones((1, 1, 1)),
        one_voxel,
        calibration,
        parameter_node.nuclide or calibration.nuclide,
        float(duration),
        start_h,
        name=node.GetName(),
    )
    return float(image.concentration_bq_ml[0, 0, 0]), list(image.warnings)


def calibration_problem(parameter_node, node) -> str:
    """Why the factor of a scan that was calibrated is out of date, in a few words; empty when it is not."""
    stamp = _stamp_of(node)
    if not stamp or stamp["key"] == _key(parameter_node, node):
        return ""
    return f"volume '{node.GetName()}' was calibrated with another sensitivity, nuclide or duration; click Calibrate counts again"


def forget_calibration(node) -> None:
    """The factor of a scan was typed: it does not come from the calibration any more."""
    if _stamp_of(node):
        warnings = [line for line in _warnings(node) if line not in _stamp_of(node).get("warnings", ())]
        node.SetAttribute(volumes.ATTRIBUTE + "Warnings", "\n".join(warnings))
        node.RemoveAttribute(_CALIBRATED)


def calibration_words(node) -> str:
    """What the factor of a scan comes from, empty when it was typed or read."""
    return _stamp_of(node).get("words", "")


def calibration_rows(parameter_node) -> list[IntakeRow]:
    """A line of the intake table for every scan in counts that was calibrated."""
    file = Path(parameter_node.calibrationPath).name if parameter_node.calibrationPath else "typed in the panel"
    return [
        IntakeRow(
            "calibration",
            f"{volumes.calibration_of(node):.6g}",
            "Bq/mL per count",
            f"{file}: {calibration_words(node)}",
            node.GetName(),
            "override",
        )
        for node in parameter_node.activityVolumes or []
        if _stamp_of(node)
    ]


def _stamp_of(node) -> dict:
    return json.loads(node.GetAttribute(_CALIBRATED) or "{}")


def _warnings(node) -> list[str]:
    return [line for line in (node.GetAttribute(volumes.ATTRIBUTE + "Warnings") or "").split("\n") if line]


def _key(parameter_node, node) -> str:
    content = [
        parameter_node.calibrationJson,
        parameter_node.nuclide,
        node.GetAttribute(volumes.ATTRIBUTE + "DurationSeconds"),
        node.GetSpacing(),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


# --- recovery


def recovery_of(parameter_node) -> RecoveryCurve | None:
    """The recovery curve in use, as it was read; it is saved with the scene."""
    text = parameter_node.recoveryJson
    return RecoveryCurve.from_dict(json.loads(text)["record"]) if text else None


def choose_recovery(parameter_node, path: str) -> None:
    """Take a recovery file for all regions without a typed coefficient; an empty path takes it back.

    Raises DosimetryError for a file that is none, or of another nuclide or camera; nothing is changed then.
    """
    curve = read_recovery(path) if path else None
    if curve is not None:
        check_recovery_setup(curve, parameter_node.nuclide or curve.setup.get("nuclide", ""), calibration_of(parameter_node), {})
    with slicer.util.NodeModify(parameter_node.parameterNode):
        parameter_node.recoveryPath = str(path)
        parameter_node.recoveryJson = _kept(curve, path)


def words_of_recovery(curve: RecoveryCurve) -> str:
    """Model and spheres of a curve, for people."""
    smallest, largest = min(curve.volumes_ml), max(curve.volumes_ml)
    return f"{curve.model} curve of {len(curve.volumes_ml)} spheres, {smallest:.3g} to {largest:.3g} mL"


# --- DICOM files in counts, calibrated while they are loaded


def use_of_calibration(parameter_node) -> CalibrationUse | None:
    """The calibration in use for one reading of a folder."""
    calibration = calibration_of(parameter_node)
    return None if calibration is None else CalibrationUse(calibration, setup_words(parameter_node))


def setup_words(parameter_node) -> dict[str, str]:
    """Words about the scans that must be those of the calibration, from a study file."""
    return json.loads(parameter_node.calibrationSetupJson or "{}")


def intake_key(parameter_node) -> str:
    """What the intake keeps of the calibration that it used, empty for none."""
    return hashlib.sha256(parameter_node.calibrationJson.encode()).hexdigest() if parameter_node.calibrationJson else ""


def _used_key(parameter_node) -> str | None:
    return json.loads(parameter_node.intakeJson or "{}").get("calibration_key")


def is_intake_outdated(parameter_node) -> bool:
    """Whether the DICOM files were calibrated with another calibration than the one in use."""
    used = _used_key(parameter_node)
    return bool(used) and used != intake_key(parameter_node)


def is_calibration_used(parameter_node) -> bool:
    """Whether a scan of the study was calibrated with the calibration in use."""
    return bool(_used_key(parameter_node)) or any(_stamp_of(node) for node in parameter_node.activityVolumes or [])


def take_files(parameter_node, study, files) -> None:
    """The calibration and recovery files of a study file. files: as ``read_study_files`` gives them."""
    parameter_node.calibrationSetupJson = json.dumps(study.calibration_setup) if study.calibration_setup else ""
    parameter_node.calibrationPath = study.calibration_file or ""
    parameter_node.calibrationJson = _kept(files.calibration, parameter_node.calibrationPath)
    parameter_node.recoveryPath = study.recovery_file or ""
    parameter_node.recoveryJson = _kept(files.recovery, parameter_node.recoveryPath)
    _take_earlier(parameter_node, study.earlier_results or "")


# --- earlier cycle


def earlier_of(parameter_node) -> EarlierCurves | None:
    """The curves of an earlier cycle in use, as they were read; they are saved with the scene."""
    text = parameter_node.earlierResultsJson
    return EarlierCurves.from_dict(json.loads(text)["record"]) if text else None


def choose_earlier(parameter_node, path: str) -> None:
    """Take the curves of an earlier cycle's results.json for regions with one scan or two; an empty path takes it back.

    Raises DosimetryError for a file that is none, or of another nuclide or patient; nothing is changed then.
    """
    with slicer.util.NodeModify(parameter_node.parameterNode):
        _take_earlier(parameter_node, str(path))


def _take_earlier(parameter_node, path: str) -> None:
    earlier = read_earlier(path) if path else None
    if earlier is not None:
        patient = json.loads(parameter_node.intakeJson or "{}").get("patient") or {}
        check_earlier(earlier, parameter_node.nuclide, patient.get("id_hash", ""))
    parameter_node.earlierResultsPath = path
    parameter_node.earlierResultsJson = _kept(earlier, path)


# --- all


def _kept(record, path) -> str:
    """What a file held, with its fingerprint: the file may change or go while the scene stays."""
    return "" if record is None else json.dumps({"record": record.to_dict(), "sha256": _sha256(path) if path else ""})


def _sha256(path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def file_hashes(parameter_node) -> dict[str, str]:
    """SHA-256 of the files in use, as they were when they were chosen, by their key in a study file."""
    calibration = parameter_node.calibrationJson if is_calibration_used(parameter_node) else ""
    texts = {
        "calibration_file": calibration,
        "recovery_file": parameter_node.recoveryJson,
        EARLIER_KEY: parameter_node.earlierResultsJson,
    }
    hashes = {key: json.loads(text)["sha256"] for key, text in texts.items() if text}
    return {key: value for key, value in hashes.items() if value}


def source_files(parameter_node) -> dict[str, str]:
    """Absolute paths of the files that a study file can name and that are still what they were, by their key there."""
    paths = {"recovery_file": parameter_node.recoveryPath, EARLIER_KEY: parameter_node.earlierResultsPath}
    if _used_key(parameter_node):
        paths["calibration_file"] = parameter_node.calibrationPath
    return {
        key: str(Path(paths[key]).resolve())
        for key, value in file_hashes(parameter_node).items()
        if key in paths and Path(paths[key]).is_file() and _sha256(paths[key]) == value
    }
