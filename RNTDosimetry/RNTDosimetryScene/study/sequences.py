"""The scans of a study as a sequence that can be played in hours, and the frames of a sequence as scans of a study."""

import json

import numpy as np
import slicer
import vtk

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryScene.nodes import hierarchy, volumes
from RNTDosimetryScene.study import timepoints

_STUDY, _STAMP = volumes.ATTRIBUTE + "ScansOf", volumes.ATTRIBUTE + "ScansStamp"
_HOURS_PER_UNIT = {
    "h": 1.0,
    "hour": 1.0,
    "hours": 1.0,
    "min": 1 / 60,
    "minutes": 1 / 60,
    "s": 1 / 3600,
    "sec": 1 / 3600,
    "ms": 1 / 3.6e6,
    "d": 24.0,
}
_FAINTEST = 0.05
_SCANS_A_SECOND = 1.0


def show_scans(parameter_node):
    """Sequence browser that plays the scans of a study: activity, CT where there is one, and where each scan lies. Returns the browser.

    The frames share the voxels of the scans: only the frame that is shown is copied, by the sequence logic itself. Calibrated
    scans are the exception, their frames are in Bq/mL. The transform that a scan is under plays along, so that the
    frames lie where the scans lie. The sequences are not saved with the scene. Raises DosimetryError for fewer than two scans.
    """
    if len(parameter_node.activityVolumes or []) < 2:
        raise DosimetryError("Expected at least two scans to play, received fewer; add the scans of the other times first.")
    remove_scans(parameter_node)
    browser = _add("vtkMRMLSequenceBrowserNode", "Scans of the study")
    browser.SetAttribute(_STUDY, parameter_node.parameterNode.GetID())
    activity = _sequence("Activity", [_activity_frame(node) for node in parameter_node.activityVolumes], parameter_node)
    browser.SetAndObserveMasterSequenceNodeID(activity.GetID())
    followers = []
    if parameter_node.ctVolumes:
        followers.append(_sequence("CT", [_frame(node) for node in parameter_node.ctVolumes], parameter_node))
    followers.append(_sequence("Position", [_position(node) for node in parameter_node.activityVolumes], parameter_node))
    for sequence in followers:
        browser.AddSynchronizedSequenceNode(sequence)
    for sequence in (activity, *followers):
        browser.SetSaveChanges(sequence, False)
        browser.SetOverwriteProxyName(sequence, True)
    browser.SetPlaybackRateFps(_SCANS_A_SECOND)
    browser.SetAttribute(_STAMP, _stamp(parameter_node))
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    shown = [browser.GetProxyNode(sequence) for sequence in (activity, *followers)]
    _dress(shown, parameter_node)
    return browser


def browser_of(parameter_node):
    """Browser of the scans of a study, None when they are not shown."""
    study = parameter_node.parameterNode.GetID()
    return next(
        (node for node in slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode") if node.GetAttribute(_STUDY) == study), None
    )


def shown_nodes(parameter_node) -> list:
    """Activity volume, CT if any, and transform that show the chosen frame; empty when the scans are not shown."""
    browser = browser_of(parameter_node)
    if browser is None:
        return []
    nodes = vtk.vtkCollection()
    browser.GetAllProxyNodes(nodes)
    return [nodes.GetItemAsObject(index) for index in range(nodes.GetNumberOfItems())]


def remove_scans(parameter_node) -> None:
    """Take the sequences of a study and what shows them out of the scene; the scans stay."""
    _remove(browser_of(parameter_node))


def keep_up(parameter_node) -> None:
    """Sequences follow the study: those of removed studies go, those whose scans have changed or moved are made again."""
    for browser in slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode"):
        study = browser.GetAttribute(_STUDY)
        if study and slicer.mrmlScene.GetNodeByID(study) is None:
            _remove(browser)
    browser = browser_of(parameter_node)
    if browser is None or browser.GetAttribute(_STAMP) == _stamp(parameter_node):
        return
    if len(parameter_node.activityVolumes or []) < 2:
        _remove(browser)
        return
    frame = browser.GetSelectedItemNumber()
    show_scans(parameter_node).SetSelectedItemNumber(min(frame, len(parameter_node.activityVolumes) - 1))


def add_frames(parameter_node, sequence, calibration: float = 1.0) -> None:
    """Take every frame of a sequence of volumes as a scan: many-frame studies need no typing of times.

    The times are the index values of the sequence in hours, minutes or seconds after the start of administration. calibration: Bq/mL
    for a stored value of 1. The voxels are shared with the sequence. Nothing is added when one frame cannot be used.
    """
    unit = (sequence.GetIndexUnit() or "").strip().lower()
    if unit not in _HOURS_PER_UNIT:
        raise DosimetryError(
            f"Expected a sequence with times in h, min or s, received the unit '{unit}'; set it in the module Sequences."
        )
    frames = [sequence.GetNthDataNode(index) for index in range(sequence.GetNumberOfDataNodes())]
    if not frames or not all(frame.IsA("vtkMRMLScalarVolumeNode") for frame in frames):
        raise DosimetryError(
            f"Expected a sequence of volumes, received '{sequence.GetName()}', which holds none or something else."
        )
    hours = [_hours(sequence, index, unit) for index in range(len(frames))]
    added = []
    try:
        with slicer.util.NodeModify(parameter_node.parameterNode):
            for frame, time_h in zip(frames, hours):
                node = slicer.mrmlScene.AddNode(_frame(frame))
                node.SetName(f"{sequence.GetName()} {time_h:.4g} h")
                node.CreateDefaultDisplayNodes()
                added.append(node)
                timepoints.add_time_point(parameter_node, node, time_h, calibration=calibration)
    except DosimetryError:
        for node in added:
            while node in parameter_node.activityVolumes:
                timepoints.remove_time_point(parameter_node, list(parameter_node.activityVolumes).index(node))
            hierarchy.remove(node)
        raise


def _hours(sequence, index: int, unit: str) -> float:
    text = sequence.GetNthIndexValue(index)
    try:
        return float(text) * _HOURS_PER_UNIT[unit]
    except ValueError as error:
        raise DosimetryError(
            f"Expected times as index values of '{sequence.GetName()}', received '{text}'; type numbers there."
        ) from error


def _add(class_name: str, name: str):
    """Node that is not written with the scene: it can be made again from the scans at any time."""
    node = slicer.mrmlScene.AddNewNodeByClass(class_name, name)
    node.SetSaveWithScene(False)
    return node


def _sequence(name: str, frames, parameter_node):
    sequence = _add("vtkMRMLSequenceNode", name)
    sequence.SetHideFromEditors(True)
    sequence.SetIndexName("time")
    sequence.SetIndexUnit("h")
    sequence.SetIndexType(slicer.vtkMRMLSequenceNode.NumericIndex)
    for frame, scan in zip(frames, parameter_node.activityVolumes):
        image = frame.GetImageData() if frame.IsA("vtkMRMLVolumeNode") else None
        if image is not None:
            # A sequence copies what it is given: it gets the frame without voxels, which are shared afterwards.
            frame.SetAndObserveImageData(None)
        kept = sequence.SetDataNodeAtValue(frame, f"{float(scan.GetAttribute(volumes.ATTRIBUTE + 'StartHours')):.4g}")
        if image is not None:
            kept.SetAndObserveImageData(image)
    return sequence


def _frame(node):
    """Volume with the same voxels, not copied, at the same place."""
    frame = slicer.vtkMRMLScalarVolumeNode()
    frame.SetName(node.GetName())
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    frame.SetIJKToRASMatrix(matrix)
    frame.SetAndObserveImageData(node.GetImageData())
    return frame


def _activity_frame(node):
    frame, calibration = _frame(node), volumes.calibration_of(node)
    if calibration != 1.0:
        scaled = vtk.vtkImageShiftScale()
        scaled.SetInputData(node.GetImageData())
        scaled.SetScale(calibration)
        scaled.SetOutputScalarTypeToFloat()
        scaled.Update()
        frame.SetAndObserveImageData(scaled.GetOutput())
    return frame


def _position(node):
    frame, transform = slicer.vtkMRMLTransformNode(), node.GetParentTransformNode()
    frame.SetName("Position")
    if transform is not None:
        to_world = vtk.vtkGeneralTransform()
        transform.GetTransformToWorld(to_world)
        frame.SetAndObserveTransformToParent(to_world)
    else:
        frame.SetMatrixTransformToParent(vtk.vtkMatrix4x4())
    return frame


def _dress(shown, parameter_node) -> None:
    """One gray or color scale for all frames, so that the activity is seen to fall, and the frames where the scans lie."""
    position = shown[-1]
    for node in shown:
        node.SetSaveWithScene(False)
    for node in shown[:-1]:
        node.SetAndObserveTransformNodeID(position.GetID())
        node.GetDisplayNode().SetSaveWithScene(False)
        node.GetDisplayNode().SetAutoWindowLevel(False)
    display = shown[0].GetDisplayNode()
    highest = max(
        volumes.calibration_of(node) * float(node.GetImageData().GetScalarRange()[1]) for node in parameter_node.activityVolumes
    )
    display.SetAndObserveColorNodeID("vtkMRMLPETProceduralColorNodePET-Heat")
    display.SetWindowLevelMinMax(0.0, highest or 1.0)
    display.SetLowerThreshold(_FAINTEST * highest)
    display.SetUpperThreshold(highest or 1.0)
    display.SetApplyThreshold(True)
    if len(shown) > 2:
        shown[1].GetDisplayNode().SetWindowLevel(400, 40)


def _stamp(parameter_node) -> str:
    """What the frames were made from: scans, times, calibration, voxels, CTs and places."""
    found = []
    for node in parameter_node.activityVolumes or []:
        place = node.GetParentTransformNode()
        found.append(
            [
                node.GetID(),
                node.GetAttribute(volumes.ATTRIBUTE + "StartHours"),
                volumes.calibration_of(node),
                node.GetImageData().GetMTime(),
                None
                if place is None
                else np.round(volumes.world_matrix(place), 6).tolist()
                if place.IsTransformToWorldLinear()
                else place.GetTransformToWorldMTime(),
            ]
        )
    return json.dumps([found, [node.GetID() for node in parameter_node.ctVolumes or []]])


def _remove(browser) -> None:
    if browser is None:
        return
    nodes, sequences = vtk.vtkCollection(), vtk.vtkCollection()
    browser.GetAllProxyNodes(nodes)
    browser.GetSynchronizedSequenceNodes(sequences, True)
    browser.SetPlaybackActive(False)
    found = [group.GetItemAsObject(index) for group in (nodes, sequences) for index in range(group.GetNumberOfItems())]
    hierarchy.remove(browser)
    for node in found:
        display = node.GetDisplayNode() if node.IsA("vtkMRMLDisplayableNode") else None
        hierarchy.remove(node)
        if display is not None and slicer.mrmlScene.IsNodePresent(display):
            slicer.mrmlScene.RemoveNode(display)
