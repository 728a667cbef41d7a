"""The registration step in the scene: the library's SimpleITK, Slicer's BRAINSFit, or the user's own transforms."""

from dataclasses import replace

import numpy as np
import slicer

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.transforms import rotation_angle_degrees, shift_of_point_mm
from RNTDosimetryLib.registration.quality import registration_quality
from RNTDosimetryLib.roads.therapy.alignment import align as align_scans
from RNTDosimetryLib.roads.therapy.images import Scan
from RNTDosimetryLib.roads.therapy.request import StudySettings
from RNTDosimetryLib.roads.therapy.result import Alignment
from RNTDosimetryScene.nodes import transforms
from RNTDosimetryScene.study.inputs import reference_volume
from RNTDosimetryScene.study.parameters import RegistrationMethod


def has_brainsfit() -> bool:
    return hasattr(slicer.modules, "brainsfit")


def uses_brainsfit(method: RegistrationMethod) -> bool:
    return method is RegistrationMethod.BRAINSFIT or (method is RegistrationMethod.AUTOMATIC and has_brainsfit())


def align(parameter_node, scans: tuple[Scan, ...], progress) -> tuple[Alignment, ...]:
    """Alignment of every scan by the chosen method, each with its number where both scans have a CT."""
    index, method = parameter_node.referenceIndex, parameter_node.registrationMethod
    if method is RegistrationMethod.SCENE:
        reference = reference_volume(parameter_node)
        matrices = [transforms.chain(reference, node) for node in parameter_node.activityVolumes]
        of_cts = [transforms.chain(reference, node) for node in parameter_node.ctVolumes]
        return _described(scans, index, matrices, "transform of the scene", of_cts)
    if uses_brainsfit(method) and parameter_node.ctVolumes:
        if not has_brainsfit():
            raise DosimetryError("Expected the module BRAINSFit, found none in this Slicer; choose SimpleITK.")
        matrices = _brainsfit_matrices(parameter_node, scans, progress)
        return _described(scans, index, matrices, "BRAINSFit, rigid, mutual information")
    by = "activity" if method is RegistrationMethod.ACTIVITY else "ct"
    return align_scans(scans, index, StudySettings(register=method is not RegistrationMethod.NONE, register_by=by), progress)


def registrations_of(parameter_node, alignments) -> tuple | None:
    """Matrices that the study must repeat to give the same numbers; None where the library finds them itself."""
    method = parameter_node.registrationMethod
    if method is RegistrationMethod.SCENE or (uses_brainsfit(method) and parameter_node.ctVolumes):
        return tuple(alignment.matrix for alignment in alignments)
    return None


def _described(scans, index: int, matrices, method: str, of_cts=None) -> tuple[Alignment, ...]:
    """Alignments by known matrices, with the number that the CTs give. of_cts: where the CTs lie, when not where the activity does."""
    given = align_scans(
        scans, index, StudySettings(registrations=tuple(tuple(map(tuple, matrix.tolist())) for matrix in matrices))
    )
    reference, found = scans[index], []
    for scan, alignment, of_ct in zip(scans, given, of_cts or matrices):
        if scan is reference:
            found.append(replace(alignment, method="reference"))
            continue
        matrix = np.asarray(alignment.matrix)
        quality, warnings, shift = None, (), alignment.shift_mm
        if scan.ct is not None and reference.ct is not None:
            quality, center = registration_quality(reference.ct, scan.ct, of_ct)
            shift = shift_of_point_mm(matrix, center)
            warnings = quality.warnings(scan.name)
        found.append(
            replace(
                alignment,
                method=method,
                shift_mm=shift,
                rotation_degrees=rotation_angle_degrees(matrix),
                quality=quality,
                warnings=warnings,
            )
        )
    return tuple(found)


def _brainsfit_matrices(parameter_node, scans, progress) -> list[np.ndarray]:
    fixed, matrices = parameter_node.ctVolumes[parameter_node.referenceIndex], []
    for index, (node, scan) in enumerate(zip(parameter_node.ctVolumes, scans)):
        progress(index / len(scans), f"Aligning {scan.name}")
        matrices.append(transforms.IDENTITY if node is fixed else _brainsfit(fixed, node, scan.name))
    return matrices


def _brainsfit(fixed, moving, name: str) -> np.ndarray:
    """Reference-to-scan matrix (LPS). The transforms that the scans are under are not used, so that a second run gives the same."""
    parents = {node: node.GetTransformNodeID() for node in (fixed, moving)}
    output = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Registration")
    command = None
    try:
        for node in parents:
            node.SetAndObserveTransformNodeID(None)
        command = slicer.cli.run(
            slicer.modules.brainsfit,
            None,
            {
                "fixedVolume": fixed.GetID(),
                "movingVolume": moving.GetID(),
                "linearTransform": output.GetID(),
                "transformType": "Rigid",
                "initializeTransformMode": "useMomentsAlign",
                "samplingPercentage": 0.02,
                "backgroundFillValue": -1000.0,
            },
            wait_for_completion=True,
            update_display=False,
        )
        if command.GetStatus() & command.ErrorsMask:
            raise DosimetryError(
                f"Expected a registration of {name}, received an error of BRAINSFit: {command.GetErrorText()}; try SimpleITK."
            )
        return transforms.registration_matrix(output)
    finally:
        for node, parent in parents.items():
            node.SetAndObserveTransformNodeID(parent)
        slicer.mrmlScene.RemoveNode(output)
        if command is not None:
            remove_command(command)


def remove_command(node) -> None:
    slicer.mrmlScene.RemoveNode(node)
