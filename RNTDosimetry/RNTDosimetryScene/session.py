"""The road in the scene: nodes in, the library's workflow, nodes out. No panel, no physics."""

import hashlib
import json
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images import IntakeRow, Patient, read_folder
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.outputs import write_outputs
from RNTDosimetryLib.progress import Cancelled, part, silent
from RNTDosimetryLib.records import to_plain
from RNTDosimetryLib.study import RegionSettings, Study, StudySettings, read_study
from RNTDosimetryLib.study_images import Scan, StudyImages, images_of_intake
from RNTDosimetryLib.workflow import run_study
from RNTDosimetryScene import display, hierarchy, segments, tables, transforms, volumes


def load_dicom_folder(folder, parameter_node, overrides=None, progress=None, cancel=None) -> None:
    """Read a DICOM folder into nodes and fill the parameter node. The scene changes only after everything has been read."""
    progress = progress or silent
    intake = read_folder(folder, overrides=overrides or None, progress=part(progress, 0.0, 0.5))
    images = images_of_intake(intake, part(progress, 0.5, 0.9))
    if cancel is not None and cancel():
        raise Cancelled
    progress(0.9, "Adding the images to the scene")
    ct_nodes = [volumes.add_ct(scan.ct) for scan in images.scans]
    activity_nodes = [volumes.add_activity(scan.activity) for scan in images.scans]
    segmentation = segments.add_segmentation("Regions", images.regions, ct_nodes[images.reference_index])
    table = tables.add_table("Intake")
    rows = [to_plain(row) for row in images.intake_table]
    tables.fill_table(table, {name: [row[name] for row in rows] for name in (rows[0] if rows else ())})
    _sort_into_folders(images, [*ct_nodes, *activity_nodes, segmentation, table], "Images")
    parameter_node.dicomFolder = os.fspath(folder)
    parameter_node.overridesJson = json.dumps(overrides or {})
    parameter_node.intakeJson = json.dumps(to_plain({
        "patient": images.patient, "warnings": images.warnings, "table": images.intake_table,
        "dicom_reference": images.dicom_reference,
    }))
    parameter_node.nuclide = images.nuclide
    parameter_node.radiopharmaceutical = images.radiopharmaceutical
    parameter_node.administeredActivityMBq = images.administered_activity_mbq or 0.0
    parameter_node.administrationTime = images.administration_time.isoformat() if images.administration_time else ""
    parameter_node.referenceIndex = images.reference_index
    parameter_node.activityVolumes = activity_nodes
    parameter_node.ctVolumes = ct_nodes
    parameter_node.segmentation = segmentation
    parameter_node.intakeTable = table
    display.show_images(ct_nodes[images.reference_index], activity_nodes[images.reference_index])
    progress(1.0, "Loaded")


def load_study_file(path, parameter_node, progress=None, cancel=None) -> None:
    """Read a study file: its DICOM folder, what was typed of the regions, and how to compute."""
    study = read_study(path)
    folder = Path(path).parent / study.dicom_folder
    load_dicom_folder(folder, parameter_node, study.overrides, progress, cancel)
    content = parameter_node.segmentation.GetSegmentation()
    unknown = sorted(set(study.regions) - set(segments.segment_names(parameter_node.segmentation)))
    if unknown:
        raise DosimetryError(f"Expected settings of regions that exist, received settings for {', '.join(unknown)}; check the names.")
    for name, typed in study.regions.items():
        segment = content.GetSegment(content.GetSegmentIdBySegmentName(name))
        segments.set_region_settings(segment, replace(typed, kind=typed.kind or segments.region_settings(segment).kind))
    settings = study.settings
    parameter_node.model = settings.model
    parameter_node.voxelModel = type(parameter_node.voxelModel)(settings.voxel_model)
    parameter_node.doseMethod = type(parameter_node.doseMethod)(settings.dose_method)
    parameter_node.densityGPerMl = settings.density_g_ml
    parameter_node.calibrationUncertaintyPercent = 100.0 * settings.calibration_uncertainty
    parameter_node.spectResolutionMm = settings.spect_resolution_fwhm_mm or 0.0


def _sort_into_folders(images: StudyImages, nodes, folder_name: str) -> None:
    folder = hierarchy.add_folder(display.study_item(images), folder_name)
    for node in nodes:
        hierarchy.move(node, folder)


def add_time_point(parameter_node, activity_volume, start_hours, ct_volume=None, duration_seconds=None) -> None:
    """Add a scan with typed time; the scans are kept in the order of time."""
    if activity_volume is None:
        raise DosimetryError("Expected an activity volume, received none; choose the volume of the scan.")
    if activity_volume in parameter_node.activityVolumes:
        raise DosimetryError(f"Expected a new volume, received '{activity_volume.GetName()}', which is a time point already.")
    if (ct_volume is None) != (not parameter_node.ctVolumes) and parameter_node.activityVolumes:
        raise DosimetryError("Expected a CT for every scan or for none, received a mixture; choose a CT or clear the time points.")
    volumes.describe_activity(activity_volume, start_hours, duration_seconds, nuclide=parameter_node.nuclide)
    volumes.activity_image(activity_volume)
    scans = list(zip(parameter_node.activityVolumes, parameter_node.ctVolumes or [None] * len(parameter_node.activityVolumes)))
    scans = sorted([*scans, (activity_volume, ct_volume)], key=lambda scan: float(scan[0].GetAttribute(volumes.ATTRIBUTE + "StartHours")))
    parameter_node.activityVolumes = [activity for activity, _ct in scans]
    parameter_node.ctVolumes = [ct for _activity, ct in scans if ct is not None]
    parameter_node.referenceIndex = 0


def clear_time_points(parameter_node) -> None:
    parameter_node.activityVolumes = []
    parameter_node.ctVolumes = []
    parameter_node.intakeJson = ""


def type_region_value(parameter_node, region_name: str, key: str, text: str) -> None:
    """Take a typed number for a region; an empty text brings the default back. Raises DosimetryError for no number."""
    content = parameter_node.segmentation.GetSegmentation()
    segment = content.GetSegment(content.GetSegmentIdBySegmentName(region_name))
    text = text.strip().replace(",", ".")
    try:
        value = float(text) if text else RegionSettings.__dataclass_fields__[key].default
    except ValueError as error:
        raise DosimetryError(f"Expected a number for {key} of '{region_name}', received '{text}'; type for example 0.85.") from error
    segments.set_region_settings(segment, replace(segments.region_settings(segment), **{key: value}))


def missing_input(parameter_node) -> str:
    """What is missing before the dosimetry can run, for people; empty when nothing is."""
    if not parameter_node.activityVolumes:
        return "Load a study or add time points first"
    if not parameter_node.nuclide:
        return "Choose the nuclide first"
    if parameter_node.segmentation is None:
        return "Choose the segmentation with the organs and lesions first"
    if not segments.segment_names(parameter_node.segmentation):
        return "Draw at least one region first"
    problems = [volumes.activity_problem(node) for node in parameter_node.activityVolumes]
    return next((problem[0].upper() + problem[1:] for problem in problems if problem), "")


def time_point_rows(parameter_node) -> list[list[str]]:
    """Cells of the table of time points: name, start, duration, unit, CT."""
    rows = []
    for index, node in enumerate(parameter_node.activityVolumes or []):
        start = node.GetAttribute(volumes.ATTRIBUTE + "StartHours")
        duration = node.GetAttribute(volumes.ATTRIBUTE + "DurationSeconds")
        ct = parameter_node.ctVolumes[index].GetName() if index < len(parameter_node.ctVolumes or []) else "none"
        rows.append([
            node.GetName(),
            f"{float(start):.2f}" if start else "missing",
            f"{float(duration):.0f}" if duration else "unknown",
            node.GetAttribute(volumes.ATTRIBUTE + "Unit") or "unknown",
            ct,
        ])
    return rows


def region_rows(parameter_node) -> list[list[str]]:
    """Cells of the table of regions: name, kind, recovery coefficient, typed mass."""
    if parameter_node.segmentation is None:
        return []
    return [
        [name, typed.kind or "organ", f"{typed.recovery_coefficient:g}", "" if typed.mass_g is None else f"{typed.mass_g:g}"]
        for name, typed in segments.typed_settings(parameter_node.segmentation).items()
    ]


def study_of_scene(parameter_node) -> Study:
    """The study file that says what the panel holds."""
    return Study(
        dicom_folder=parameter_node.dicomFolder,
        overrides=json.loads(parameter_node.overridesJson or "{}"),
        regions=segments.typed_settings(parameter_node.segmentation),
        settings=StudySettings(
            model=parameter_node.model,
            voxel_model=parameter_node.voxelModel.value,
            dose_method=parameter_node.doseMethod.value,
            density_g_ml=parameter_node.densityGPerMl,
            calibration_uncertainty=parameter_node.calibrationUncertaintyPercent / 100.0,
            spect_resolution_fwhm_mm=parameter_node.spectResolutionMm or None,
            registrations=_typed_registrations(parameter_node) if parameter_node.useSceneTransforms else None,
        ),
    )


def _typed_registrations(parameter_node):
    matrices = []
    for node in parameter_node.activityVolumes:
        transform = node.GetParentTransformNode()
        matrix = transforms.registration_matrix(transform) if transform is not None else transforms.IDENTITY
        matrices.append(tuple(map(tuple, matrix.tolist())))
    return tuple(matrices)


def images_of_scene(parameter_node) -> StudyImages:
    """The nodes that the parameter node names, as the library's images. Raises DosimetryError for what cannot be used."""
    missing = missing_input(parameter_node)
    if missing:
        raise DosimetryError(f"{missing}.")
    nuclide = get_nuclide(parameter_node.nuclide).name
    calibration = parameter_node.calibrationUncertaintyPercent / 100.0
    activities = [volumes.activity_image(node, calibration) for node in parameter_node.activityVolumes]
    cts = [volumes.ct_image(node) for node in parameter_node.ctVolumes] or [None] * len(activities)
    index = parameter_node.referenceIndex
    grid = parameter_node.ctVolumes[index] if parameter_node.ctVolumes else parameter_node.activityVolumes[index]
    stored = json.loads(parameter_node.intakeJson or "{}")
    return StudyImages(
        nuclide=nuclide,
        scans=tuple(Scan(activity, ct) for activity, ct in zip(activities, cts)),
        regions=segments.regions_of_segmentation(parameter_node.segmentation, grid),
        reference_index=index,
        radiopharmaceutical=parameter_node.radiopharmaceutical,
        administered_activity_mbq=parameter_node.administeredActivityMBq or None,
        administration_time=_typed_time(parameter_node.administrationTime),
        patient=Patient.from_dict(stored["patient"]) if stored.get("patient") else None,
        intake_table=tuple(IntakeRow.from_dict(row) for row in stored.get("table", ())),
        warnings=tuple(stored.get("warnings", ())),
        dicom_reference=stored.get("dicom_reference", {}),
    )


def _typed_time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise DosimetryError(f"Expected the administration as 2026-11-20T09:30:00, received '{text}'; type it again.") from error


def fingerprint(parameter_node) -> str:
    """Changes whenever an input of the computation changes: settings, segments, images."""
    state = [to_plain(study_of_scene(parameter_node)), parameter_node.nuclide, parameter_node.administeredActivityMBq,
             parameter_node.administrationTime, parameter_node.referenceIndex]
    for node in [*parameter_node.activityVolumes, *(parameter_node.ctVolumes or [])]:
        state.append([node.GetName(), node.GetAttribute(volumes.ATTRIBUTE + "StartHours"), _content_of(node)])
    state.append(_content_of_segments(parameter_node.segmentation))
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _content_of(volume) -> list:
    """Cheap stand-in for the voxels: enough to notice an edit, fast enough to ask at every click, the same after a reload."""
    array = volumes.voxels(volume)
    return [list(array.shape), float(array.sum(dtype=float)), float(array[::3, ::3, ::3].sum(dtype=float))]


def _content_of_segments(segmentation) -> list:
    content = segmentation.GetSegmentation()
    return [segments.content_of(content.GetNthSegment(index)) for index in range(content.GetNumberOfSegments())]


def result_state(parameter_node) -> str:
    """"none", "current" or "stale"."""
    if parameter_node.resultText is None or not parameter_node.resultFingerprint:
        return "none"
    if missing_input(parameter_node):
        return "stale"
    return "current" if fingerprint(parameter_node) == parameter_node.resultFingerprint else "stale"


def run(parameter_node, progress=None, cancel=None):
    """The whole road on the nodes of the scene; results become nodes only when everything has been computed."""
    progress = progress or silent
    progress(0.0, "Reading the scene")
    images = images_of_scene(parameter_node)
    result = run_study(images, study_of_scene(parameter_node), part(progress, 0.02, 0.95), cancel)
    progress(0.95, "Showing the results")
    display.show_result(parameter_node, images, result)
    parameter_node.resultFingerprint = fingerprint(parameter_node)
    progress(1.0, "Done")
    return result


def write_report(folder, parameter_node, result) -> list[Path]:
    """Report, tables and dose files of the last result, and the scene's own images in them."""
    if result is None or result_state(parameter_node) != "current":
        raise DosimetryError("Expected results that belong to the inputs, received none or outdated ones; run again first.")
    return write_outputs(result, images_of_scene(parameter_node), folder)


def stored_results(parameter_node) -> dict:
    """Content of results.json as it is saved with the scene."""
    if parameter_node.resultText is None:
        raise DosimetryError("Expected results in the scene, found none; run first.")
    return json.loads(parameter_node.resultText.GetText())


