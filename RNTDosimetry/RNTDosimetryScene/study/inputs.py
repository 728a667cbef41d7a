"""What the scene holds of a study, as the library's types."""

import json
from dataclasses import replace
from datetime import datetime

import slicer
import vtk

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.json_reading import parsed_json
from RNTDosimetryLib.intake import IntakeRow, Patient
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.roads.therapy.images import Scan, StudyImages, with_overlap_rule, with_recovery
from RNTDosimetryLib.roads.therapy.request import Study
from RNTDosimetryScene.nodes import segments, volumes
from RNTDosimetryScene.study import camera
from RNTDosimetryScene.study.parameters import reference_volume
from RNTDosimetryScene.study.settings import settings_of_node

_TYPED_BY_HAND = "typed in the panel"


def drop_removed(parameter_node) -> bool:
    """Take out the scans whose activity volume or CT is in the scene no more. Returns whether there were any."""
    activities, cts = list(parameter_node.activityVolumes or []), list(parameter_node.ctVolumes or [])
    if None not in activities and None not in cts:
        return False
    reference = activities[parameter_node.referenceIndex] if parameter_node.referenceIndex < len(activities) else None
    kept = [scan for scan in zip(activities, cts or [True] * len(activities)) if None not in scan]
    left = [activity for activity, _ct in kept]
    with slicer.util.NodeModify(parameter_node.parameterNode):
        parameter_node.activityVolumes = left
        parameter_node.ctVolumes = [ct for _activity, ct in kept] if cts else []
        parameter_node.referenceIndex = left.index(reference) if reference in left else 0
    return True


def missing_input(parameter_node, step: str = "dose") -> str:
    """What is missing before a step can run, for people; empty when nothing is."""
    drop_removed(parameter_node)
    if not parameter_node.activityVolumes:
        return "Load a study or add time points first"
    if not parameter_node.nuclide:
        return "Choose the nuclide first"
    problems = [scan_problem(parameter_node, node) for node in parameter_node.activityVolumes]
    problem = next((found for found in problems if found), "")
    if problem:
        return problem[0].upper() + problem[1:]
    if camera.is_intake_outdated(parameter_node):
        return "The calibration has changed since the study was loaded: load it again first"
    if step == "register":
        return ""
    if parameter_node.segmentation is None:
        return "Choose or make the segmentation with the organs and lesions first"
    if not segments.segment_names(parameter_node.segmentation):
        return "Draw at least one region first"
    return ""


def scan_problem(parameter_node, node) -> str:
    """What is missing on a scan or out of date, in a few words; empty when nothing is."""
    return volumes.activity_problem(node) or camera.calibration_problem(parameter_node, node)


def study_of_scene(parameter_node, registrations=None) -> Study:
    """The study file that says what the panel holds. registrations: matrices that were found, so that a re-run takes the same.

    Raises DosimetryError when the overrides are no JSON object.
    """
    files = camera.source_files(parameter_node)
    return replace(
        choices_of_scene(parameter_node, registrations),
        dicom_folder=parameter_node.dicomFolder,
        calibration_file=files.get("calibration_file"),
        calibration_setup=camera.setup_words(parameter_node) if "calibration_file" in files else {},
        recovery_file=files.get("recovery_file"),
        earlier_results=files.get("earlier_results"),
        overrides=entered_overrides(parameter_node),
    )


def choices_of_scene(parameter_node, registrations=None) -> Study:
    """Settings and what was entered for regions: the part of a study that the steps read once the images are there."""
    return Study(
        regions={} if parameter_node.segmentation is None else segments.typed_settings(parameter_node.segmentation),
        settings=settings_of_node(parameter_node, registrations),
    )


def entered_overrides(parameter_node) -> dict:
    """The overrides written as JSON. Raises DosimetryError when that is no JSON object, or none that can be meant."""
    overrides = parsed_json(parameter_node.overridesJson or "{}", "the overrides")
    if not isinstance(overrides, dict):
        raise DosimetryError(
            'Expected overrides as a JSON object such as {"residual_activity_mbq": 40}, received something else.'
        )
    return overrides


def scans_of_scene(parameter_node) -> tuple[Scan, ...]:
    """Activity images and CTs of the time points. Raises DosimetryError for what cannot be used."""
    missing = missing_input(parameter_node, "register")
    if missing:
        raise DosimetryError(f"{missing}.")
    calibration = parameter_node.calibrationUncertaintyPercent / 100.0
    activities = [volumes.activity_image(node, calibration) for node in parameter_node.activityVolumes]
    cts = [volumes.ct_image(node) for node in parameter_node.ctVolumes] or [None] * len(activities)
    return tuple(Scan(activity, ct) for activity, ct in zip(activities, cts))


def images_of_scene(parameter_node) -> StudyImages:
    """The nodes that the parameter node names, as the library's images. Raises DosimetryError for what cannot be used."""
    missing = missing_input(parameter_node)
    if missing:
        raise DosimetryError(f"{missing}.")
    stored = json.loads(parameter_node.intakeJson or "{}")
    images = StudyImages(
        nuclide=get_nuclide(parameter_node.nuclide).name,
        scans=scans_of_scene(parameter_node),
        regions=segments.regions_of_segmentation(parameter_node.segmentation, reference_volume(parameter_node)),
        reference_index=parameter_node.referenceIndex,
        radiopharmaceutical=parameter_node.radiopharmaceutical,
        administered_activity_mbq=parameter_node.administeredActivityMBq or None,
        administration_time=typed_time(parameter_node.administrationTime),
        patient=Patient.from_dict(stored["patient"]) if stored.get("patient") else None,
        intake_table=(*(IntakeRow.from_dict(row) for row in stored.get("table", ())), *typed_rows(parameter_node)),
        warnings=tuple(stored.get("warnings", ())),
        dicom_reference=stored.get("dicom_reference", {}),
        calibration=camera.calibration_of(parameter_node) if camera.is_calibration_used(parameter_node) else None,
        earlier=camera.earlier_of(parameter_node),
        file_hashes=camera.file_hashes(parameter_node),
    )
    images = with_overlap_rule(images, parameter_node.lesionsOutOfOrgans, segments.typed_settings(parameter_node.segmentation))
    curve = camera.recovery_of(parameter_node)
    return images if curve is None else with_recovery(images, study_of_scene(parameter_node), curve)


def typed_time(text: str) -> datetime | None:
    """Date and time from ISO text, None for none. Raises DosimetryError for anything else."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise DosimetryError(f"Expected the administration as 2026-11-20T09:30:00, received '{text}'; type it again.") from error


def input_events(parameter_node) -> list[tuple]:
    """(node, event) of the images and segments in use."""
    volume_events = (vtk.vtkCommand.ModifiedEvent, slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent)
    # One CT may belong to several scans, and is watched once all the same.
    nodes = dict.fromkeys([*(parameter_node.activityVolumes or []), *(parameter_node.ctVolumes or [])])
    found = [(node, event) for node in nodes for event in volume_events]
    if parameter_node.segmentation is not None:
        kind = slicer.vtkSegmentation
        events = (kind.SourceRepresentationModified, kind.SegmentAdded, kind.SegmentRemoved, kind.SegmentModified)
        found += [(parameter_node.segmentation, event) for event in events]
    return found


READ_VALUES = ("nuclide", "radiopharmaceutical", "administeredActivityMBq", "administrationTime")
_UNITS = {"administeredActivityMBq": "MBq"}
_NAMES = {
    "nuclide": "nuclide",
    "radiopharmaceutical": "radiopharmaceutical",
    "administeredActivityMBq": "administered activity",
    "administrationTime": "administration time",
}


def origin(parameter_node, name: str) -> tuple[str, object]:
    """("read" | "typed" | "missing", what the files say or None) of one value of the study."""
    value = getattr(parameter_node, name)
    read = json.loads(parameter_node.intakeJson or "{}").get("read", {}).get(name)
    if not value:
        return "missing", read
    return ("read" if value == read else "typed"), read


def typed_rows(parameter_node) -> tuple[IntakeRow, ...]:
    """A line of the intake table for every value that was typed over or beside what the files say."""
    rows = []
    for name in READ_VALUES:
        kind, read = origin(parameter_node, name)
        if kind == "typed":
            said = "" if read in (None, "", 0.0) else str(read)
            rows.append(
                IntakeRow(
                    _NAMES[name],
                    str(getattr(parameter_node, name)),
                    _UNITS.get(name, ""),
                    _TYPED_BY_HAND,
                    "study",
                    "override",
                    said,
                )
            )
    return (*rows, *camera.calibration_rows(parameter_node))
