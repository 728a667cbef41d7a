"""Studies from files into the scene."""

import json
import os
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import slicer

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import part, silent, stopping
from RNTDosimetryLib.base.records import to_plain
from RNTDosimetryLib.images import exclude_lesions, whole_organ_name
from RNTDosimetryLib.intake import Patient, read_folder
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.roads import therapy
from RNTDosimetryLib.roads.therapy.images import (
    Scan,
    read_study_files,
    reference_of_intake,
    regions_with_settings,
    scans_of_intake,
)
from RNTDosimetryLib.roads.therapy.volumes import read_volumes
from RNTDosimetryScene.nodes import hierarchy, segments, tables, volumes
from RNTDosimetryScene.road.transaction import undone_on_failure
from RNTDosimetryScene.show import display
from RNTDosimetryScene.study import camera
from RNTDosimetryScene.study.inputs import entered_overrides, reference_volume
from RNTDosimetryScene.study.settings import take_settings


def load_dicom_folder(folder, parameter_node, overrides=None, progress=None, cancel=None) -> None:
    """Read a DICOM folder into nodes and fill the parameter node. The scene changes only after everything has been read."""
    done = progress or silent
    with undone_on_failure(parameter_node, stopping(done, cancel), inputs=False) as progress:
        _load_dicom(folder, parameter_node, overrides, progress)
    done(1.0, "Loaded")


def _load_dicom(folder, parameter_node, overrides, progress) -> None:
    use = camera.use_of_calibration(parameter_node)
    intake = read_folder(folder, overrides=overrides or None, progress=part(progress, 0.0, 0.5), calibration=use)
    scans = scans_of_intake(intake, part(progress, 0.5, 0.9))
    reference = reference_of_intake(intake)
    progress(0.9, "Adding the images to the scene")
    with slicer.util.NodeModify(parameter_node.parameterNode):
        _put_into_scene(parameter_node, _content_of_intake(intake, scans, reference))
        parameter_node.dicomFolder = os.fspath(folder)
        parameter_node.overridesJson = json.dumps(overrides) if overrides else ""


def load_volumes(study, parameter_node, progress=None, cancel=None) -> None:
    """Read the volume files that a study file names into nodes and fill the parameter node."""
    done = progress or silent
    with undone_on_failure(parameter_node, stopping(done, cancel), inputs=False) as progress:
        _load_volumes(study, parameter_node, progress)
    done(1.0, "Loaded")


def _load_volumes(study, parameter_node, progress) -> None:
    content = read_volumes(study.volumes, progress=part(progress, 0.0, 0.9))
    without = [activity.name for activity, ct in content.scans if ct is None]
    if without and len(without) < len(content.scans):
        raise DosimetryError(
            f"Expected a CT for every scan or for none, received none for {', '.join(without)}; name them in the study file."
        )
    progress(0.9, "Adding the images to the scene")
    with slicer.util.NodeModify(parameter_node.parameterNode):
        _put_into_scene(parameter_node, _content_of_volumes(content, study.volumes))
        parameter_node.dicomFolder = ""
        parameter_node.overridesJson = ""


def _content_of_volumes(content, given) -> "_Content":
    return _Content(
        scans=tuple(Scan(activity, ct) for activity, ct in content.scans),
        regions=content.regions,
        reference_index=given.reference,
        nuclide=get_nuclide(given.nuclide).name,
        radiopharmaceutical=given.radiopharmaceutical,
        administered_activity_mbq=given.administered_activity_mbq,
        administration_time=given.administration_time,
        table=content.table,
        typed=set(_OVERRIDES.values()),
    )


@dataclass(frozen=True)
class _Content:
    """What files gave of one study. typed: names of the panel's values that a person gave, not the files."""

    scans: tuple[Scan, ...]
    regions: tuple
    reference_index: int
    nuclide: str
    radiopharmaceutical: str
    administered_activity_mbq: float | None
    administration_time: datetime | None
    table: tuple = ()
    typed: set[str] = field(default_factory=set)
    patient: Patient | None = None
    warnings: tuple[str, ...] = ()
    dicom_reference: dict[str, str] = field(default_factory=dict)


def _content_of_intake(intake, scans, reference: dict) -> _Content:
    administration = intake.administration
    return _Content(
        scans,
        intake.regions,
        intake.reference_index,
        intake.nuclide,
        administration.radiopharmaceutical,
        administration.net_activity_mbq,
        administration.time,
        intake.table,
        _overridden(intake.overrides),
        intake.patient,
        intake.warnings,
        reference,
    )


def _put_into_scene(parameter_node, content: _Content) -> None:
    ct_nodes = [volumes.add_ct(scan.ct) for scan in content.scans if scan.ct is not None]
    activity_nodes = [volumes.add_activity(scan.activity) for scan in content.scans]
    activity_node = activity_nodes[content.reference_index]
    reference_node = ct_nodes[content.reference_index] if ct_nodes else activity_node
    segmentation = segments.add_segmentation("Regions", content.regions, reference_node)
    table = tables.add_table("Intake")
    rows = [to_plain(row) for row in content.table]
    tables.fill_table(table, {name: [row[name] for row in rows] for name in (rows[0] if rows else ())})
    patient, study = hierarchy.study_names(content.patient, content.nuclide, content.administration_time)
    folder = hierarchy.add_folder(hierarchy.add_folders(patient, study)[1], "Images")
    for node in [*ct_nodes, *activity_nodes, segmentation, table]:
        hierarchy.move(node, folder)
    values = {
        "nuclide": content.nuclide,
        "radiopharmaceutical": content.radiopharmaceutical,
        "administeredActivityMBq": float(content.administered_activity_mbq or 0.0),
        "administrationTime": content.administration_time.isoformat() if content.administration_time else "",
    }
    parameter_node.intakeJson = json.dumps(
        to_plain(
            {
                "patient": content.patient,
                "warnings": content.warnings,
                "table": content.table,
                "dicom_reference": content.dicom_reference,
                "calibration_key": camera.intake_key(parameter_node),
                "read": {name: value for name, value in values.items() if name not in content.typed},
            }
        )
    )
    for name, value in values.items():
        setattr(parameter_node, name, value)
    parameter_node.referenceIndex = content.reference_index
    parameter_node.activityVolumes = activity_nodes
    parameter_node.ctVolumes = ct_nodes
    parameter_node.segmentation = segmentation
    parameter_node.intakeTable = table
    display.show_images(reference_node, activity_node)


_OVERRIDES = {
    "nuclide": "nuclide",
    "radiopharmaceutical": "radiopharmaceutical",
    "administration_time": "administrationTime",
    "injected_activity_mbq": "administeredActivityMBq",
    "residual_activity_mbq": "administeredActivityMBq",
}


def _overridden(overrides: dict) -> set[str]:
    """Values of the panel that a person gave before the files were read."""
    return {name for key, name in _OVERRIDES.items() if key in overrides}


def overrides_of_panel(parameter_node) -> dict:
    """What was typed before loading: the values of the study, and the overrides written as JSON.

    Raises DosimetryError when that is no JSON object.
    """
    overrides = entered_overrides(parameter_node)
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
    """Read a study file: its DICOM folder or volume files, what was typed of the regions, and how to compute."""
    study = therapy.read_request(os.path.abspath(path))
    files = read_study_files(study)
    done = progress or silent
    with (
        undone_on_failure(parameter_node, stopping(done, cancel), inputs=False) as progress,
        slicer.util.NodeModify(parameter_node.parameterNode),
    ):
        camera.take_files(parameter_node, study, files)
        if study.volumes is None:
            _load_dicom(study.dicom_folder, parameter_node, study.overrides, progress)
        else:
            _load_volumes(study, parameter_node, progress)
        content = parameter_node.segmentation.GetSegmentation()
        _add_organs_without_lesions(parameter_node, study)
        unknown = sorted(set(study.regions) - set(segments.segment_names(parameter_node.segmentation)))
        if unknown:
            raise DosimetryError(
                f"Expected settings of regions that exist, received settings for {', '.join(unknown)}; check the names."
            )
        for name, typed in study.regions.items():
            segment = content.GetSegment(content.GetSegmentIdBySegmentName(name))
            segments.set_region_settings(segment, replace(typed, kind=typed.kind or segments.region_settings(segment).kind))
        stated = study.settings.calibration_uncertainty or (files.calibration and files.calibration.relative_uncertainty) or 0.0
        take_settings(parameter_node, replace(study.settings, calibration_uncertainty=stated))
    done(1.0, "Loaded")


def _add_organs_without_lesions(parameter_node, study) -> None:
    """What was typed of an organ without its lesions needs a segment to be kept on: then that region is drawn."""
    named = set(study.regions) - set(segments.segment_names(parameter_node.segmentation))
    if any(name != whole_organ_name(name) for name in named):
        regions = regions_with_settings(
            segments.regions_of_segmentation(parameter_node.segmentation, reference_volume(parameter_node)),
            {name: typed for name, typed in study.regions.items() if name not in named},
        )
        for region in exclude_lesions(regions):
            if region.name in named:
                segments.add_region(parameter_node.segmentation, region)


def typed_study_file(parameter_node, path) -> Path:
    """Write what the panel holds as a study file that ``python -m RNTDosimetryLib run`` reads. DICOM studies only."""
    from RNTDosimetryLib.base.documents import seen_from, write_json
    from RNTDosimetryScene.study.inputs import study_of_scene

    if not parameter_node.dicomFolder:
        raise DosimetryError(
            "Expected a study that was loaded from a DICOM folder, received volumes of the scene; save the scene instead."
        )
    path = Path(path)
    return write_json(path, seen_from(study_of_scene(parameter_node), path.parent).to_dict())
