"""Studies from files into the scene."""

import json
import os
from dataclasses import replace
from pathlib import Path

import slicer

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images import read_folder
from RNTDosimetryLib.progress import part, silent, stopping
from RNTDosimetryLib.records import to_plain
from RNTDosimetryLib.report import dicom_reference
from RNTDosimetryLib.study import read_study
from RNTDosimetryLib.study_files import FILE_KEYS, read_study_files
from RNTDosimetryLib.study_images import scans_of_intake
from RNTDosimetryScene import camera, display, hierarchy, segments, tables, volumes
from RNTDosimetryScene.parameters import RegistrationMethod
from RNTDosimetryScene.transaction import undone_on_failure


def load_dicom_folder(folder, parameter_node, overrides=None, progress=None, cancel=None) -> None:
    """Read a DICOM folder into nodes and fill the parameter node. The scene changes only after everything has been read."""
    progress = stopping(progress or silent, cancel)
    use = camera.use_of_calibration(parameter_node)
    intake = read_folder(folder, overrides=overrides or None, progress=part(progress, 0.0, 0.5), calibration=use)
    scans = scans_of_intake(intake, part(progress, 0.5, 0.9))
    reference = dicom_reference(intake.time_points[intake.reference_index].ct.files[0])
    progress(0.9, "Adding the images to the scene")
    with undone_on_failure(parameter_node), slicer.util.NodeModify(parameter_node.parameterNode):
        _put_into_scene(parameter_node, intake, scans, reference)
        parameter_node.dicomFolder = os.fspath(folder)
        parameter_node.overridesJson = json.dumps(overrides) if overrides else ""
    progress(1.0, "Loaded")


def _put_into_scene(parameter_node, intake, scans, reference: dict) -> None:
    ct_nodes = [volumes.add_ct(scan.ct) for scan in scans]
    activity_nodes = [volumes.add_activity(scan.activity) for scan in scans]
    segmentation = segments.add_segmentation("Regions", intake.regions, ct_nodes[intake.reference_index])
    table = tables.add_table("Intake")
    rows = [to_plain(row) for row in intake.table]
    tables.fill_table(table, {name: [row[name] for row in rows] for name in (rows[0] if rows else ())})
    administration = intake.administration
    patient, study = hierarchy.study_names(intake.patient, intake.nuclide, administration.time)
    folder = hierarchy.add_folder(hierarchy.add_folders(patient, study)[1], "Images")
    for node in [*ct_nodes, *activity_nodes, segmentation, table]:
        hierarchy.move(node, folder)
    values = {
        "nuclide": intake.nuclide,
        "radiopharmaceutical": administration.radiopharmaceutical,
        "administeredActivityMBq": float(administration.net_activity_mbq or 0.0),
        "administrationTime": administration.time.isoformat() if administration.time else "",
    }
    parameter_node.intakeJson = json.dumps(to_plain({
        "patient": intake.patient, "warnings": intake.warnings, "table": intake.table, "dicom_reference": reference,
        "calibration_key": camera.intake_key(parameter_node),
        "read": {name: value for name, value in values.items() if name not in _overridden(intake.overrides)},
    }))
    for name, value in values.items():
        setattr(parameter_node, name, value)
    parameter_node.referenceIndex = intake.reference_index
    parameter_node.activityVolumes = activity_nodes
    parameter_node.ctVolumes = ct_nodes
    parameter_node.segmentation = segmentation
    parameter_node.intakeTable = table
    display.show_images(ct_nodes[intake.reference_index], activity_nodes[intake.reference_index])


_OVERRIDES = {
    "nuclide": "nuclide", "radiopharmaceutical": "radiopharmaceutical", "administration_time": "administrationTime",
    "injected_activity_mbq": "administeredActivityMBq", "residual_activity_mbq": "administeredActivityMBq",
}


def _overridden(overrides: dict) -> set[str]:
    """Values of the panel that a person gave before the files were read."""
    return {name for key, name in _OVERRIDES.items() if key in overrides}


def overrides_of_panel(parameter_node) -> dict:
    """What was typed before loading: the values of the study, and the overrides written as JSON.

    Raises DosimetryError when that is no JSON object.
    """
    try:
        overrides = json.loads(parameter_node.overridesJson or "{}")
    except json.JSONDecodeError as error:
        raise DosimetryError(
            f'Expected overrides as JSON such as {{"residual_activity_mbq": 40}}, received text that is not: {error}.'
        ) from error
    if not isinstance(overrides, dict):
        raise DosimetryError('Expected overrides as a JSON object such as {"residual_activity_mbq": 40}, received something else.')
    if parameter_node.activityVolumes:
        return overrides
    typed = {
        "nuclide": parameter_node.nuclide,
        "radiopharmaceutical": parameter_node.radiopharmaceutical,
        "administration_time": parameter_node.administrationTime,
        "injected_activity_mbq": parameter_node.administeredActivityMBq,
    }
    return {**{key: value for key, value in typed.items() if value}, **overrides}


def load_study_file(path, parameter_node, progress=None, cancel=None) -> None:
    """Read a study file: its DICOM folder, what was typed of the regions, and how to compute."""
    study = read_study(path)
    if study.volumes is not None:
        raise DosimetryError(
            "Expected a study file that names a DICOM folder, received one of volume files; load them into the scene and add them as time points."
        )
    folder = Path(path).parent / study.dicom_folder
    files = read_study_files(study, Path(path).parent)
    with undone_on_failure(parameter_node), slicer.util.NodeModify(parameter_node.parameterNode):
        camera.take_files(parameter_node, study, files)
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
        stated = settings.calibration_uncertainty or (files.calibration and files.calibration.relative_uncertainty) or 0.0
        parameter_node.calibrationUncertaintyPercent = 100.0 * stated
        parameter_node.spectResolutionMm = settings.spect_resolution_fwhm_mm or 0.0
        parameter_node.scanUncertaintyPercent = 100.0 * settings.scan_uncertainty
        parameter_node.densityFromCt = settings.density_from_ct
        parameter_node.lesionsOutOfOrgans = settings.lesions_out_of_organs
        parameter_node.mapFollowsRegions = settings.map_follows_regions
        if settings.register_by == "activity":
            parameter_node.registrationMethod = RegistrationMethod.ACTIVITY
        if not settings.register:
            parameter_node.registrationMethod = RegistrationMethod.NONE
        if settings.registrations is not None:
            display.take_registrations(parameter_node, settings.registrations)
            parameter_node.registrationMethod = RegistrationMethod.SCENE


def typed_study_file(parameter_node, path) -> Path:
    """Write what the panel holds as a study file that ``python -m RNTDosimetryLib run`` reads. DICOM studies only."""
    from RNTDosimetryLib.report import write_json
    from RNTDosimetryScene.inputs import study_of_scene

    if not parameter_node.dicomFolder:
        raise DosimetryError("Expected a study that was loaded from a DICOM folder, received volumes of the scene; save the scene instead.")
    path = Path(path)
    study = study_of_scene(parameter_node)
    named = {key: getattr(study, key) for key in FILE_KEYS} | {"dicom_folder": parameter_node.dicomFolder}
    return write_json(path, replace(study, **{key: os.path.relpath(name, path.parent) for key, name in named.items() if name}).to_dict())
