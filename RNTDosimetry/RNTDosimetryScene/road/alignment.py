"""The registration step in the scene: the library's SimpleITK, Slicer's BRAINSFit, or the user's own transforms."""

import time
from dataclasses import replace

import numpy as np
import slicer

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import part
from RNTDosimetryLib.images.transforms import rotation_angle_degrees, shift_of_point_mm
from RNTDosimetryLib.registration.quality import registration_quality
from RNTDosimetryLib.registration.rigid import judge_registration
from RNTDosimetryLib.roads.therapy.alignment import align as align_scans
from RNTDosimetryLib.roads.therapy.images import Scan
from RNTDosimetryLib.roads.therapy.request import StudySettings
from RNTDosimetryLib.roads.therapy.result import Alignment
from RNTDosimetryScene.nodes import transforms
from RNTDosimetryScene.study.parameters import RegistrationMethod, reference_volume

_BRAINSFIT = "BRAINSFit, rigid, mutual information"
_LOOK_AGAIN_S = 0.05
_KIND = slicer.vtkMRMLCommandLineModuleNode
_BUSY = _KIND.Scheduled | _KIND.Running | _KIND.Completing | _KIND.Cancelling


def has_brainsfit() -> bool:
    return hasattr(slicer.modules, "brainsfit")


def uses_brainsfit(method: RegistrationMethod) -> bool:
    """Only who chooses it gets it: the numbers of docs/registration.md were measured with SimpleITK."""
    return method is RegistrationMethod.BRAINSFIT


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
        return _by_brainsfit(parameter_node, scans, progress)
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


def _by_brainsfit(parameter_node, scans: tuple[Scan, ...], progress) -> tuple[Alignment, ...]:
    """Every CT by BRAINSFit, with the quality and the refusals of our own registration."""
    reference, fixed = scans[parameter_node.referenceIndex], parameter_node.ctVolumes[parameter_node.referenceIndex]
    found = []
    for index, (node, scan) in enumerate(zip(list(parameter_node.ctVolumes), scans)):
        here = part(progress, index / len(scans), (index + 1) / len(scans))
        here(0.0, f"Aligning {scan.name}")
        if scan is reference:
            found.append(Alignment(scan.name, tuple(map(tuple, transforms.IDENTITY.tolist())), "reference"))
            continue
        matrix = transforms.IDENTITY if node is fixed else _brainsfit(fixed, node, scan.name, here)
        judged = judge_registration(reference.ct, scan.ct, matrix, _BRAINSFIT)
        found.append(
            Alignment(
                scan.name, judged.matrix, judged.method, judged.shift_mm, judged.rotation_degrees, judged.quality, judged.warnings
            )
        )
    return tuple(found)


def _brainsfit(fixed, moving, name: str, progress) -> np.ndarray:
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
            wait_for_completion=False,
            update_display=False,
        )
        _wait_for(command, lambda share: progress(share, f"Aligning {name} with BRAINSFit"))
        if command.GetStatus() & command.ErrorsMask:
            raise DosimetryError(
                f"Expected a registration of {name}, received an error of BRAINSFit: {command.GetErrorText()}; try SimpleITK."
            )
        return transforms.registration_matrix(output)
    finally:
        for node, parent in parents.items():
            node.SetAndObserveTransformNodeID(parent)
        if slicer.mrmlScene.IsNodePresent(output):
            slicer.mrmlScene.RemoveNode(output)
        if command is not None:
            remove_command(command)


def _wait_for(command, progress) -> None:
    """Let a command-line module work beside the panel; it is stopped when progress raises, which is how Cancel works."""
    try:
        while command.GetStatus() & _BUSY:
            progress(command.GetProgress() / 100.0)
            # Its result comes through the events of the application.
            slicer.app.processEvents()
            time.sleep(_LOOK_AGAIN_S)
    except BaseException:
        command.Cancel()
        raise


def remove_command(node) -> None:
    if slicer.mrmlScene.IsNodePresent(node):
        slicer.mrmlScene.RemoveNode(node)
