"""The list of scans of a study: adding, typing, taking away."""

import json
import math
from datetime import datetime

import slicer

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryScene.nodes import volumes
from RNTDosimetryScene.study import camera
from RNTDosimetryScene.study.inputs import scan_problem, typed_time

_START, _DURATION, _CALIBRATION = "StartHours", "DurationSeconds", "Calibration"
TYPED = "Typed"
"""Attribute that names, separated by blanks, which values of a scan were typed."""


def add_time_point(parameter_node, activity_volume, start_hours, ct_volume=None, duration_seconds=None, calibration=1.0) -> None:
    """Add a scan with typed time; the scans are kept in the order of time.

    calibration: Bq/mL for a stored value of 1, so that the volume is true at the start of its acquisition.
    Raises DosimetryError for numbers below zero, a time that is taken, and volumes that cannot be a scan.
    """
    if activity_volume is None:
        raise DosimetryError("Expected an activity volume, received none; choose the volume of the scan.")
    if activity_volume in parameter_node.activityVolumes:
        raise DosimetryError(f"Expected a new volume, received '{activity_volume.GetName()}', which is a time point already.")
    if activity_volume is ct_volume:
        raise DosimetryError("Expected a CT of its own, received the activity volume itself; choose the CT or none.")
    if (ct_volume is None) != (not parameter_node.ctVolumes) and parameter_node.activityVolumes:
        raise DosimetryError(
            "Expected a CT for every scan or for none, received a mixture; choose a CT or clear the time points."
        )
    for value, what in ((start_hours, "start"), (duration_seconds, "duration"), (calibration, "calibration")):
        if value is not None:
            _number(str(value), what)
    if _hours_taken(parameter_node, float(start_hours)):
        raise DosimetryError(
            f"Expected another time than the other scans, received {float(start_hours):g} h again; type the hours."
        )
    volumes.voxels(activity_volume)
    volumes.describe_activity(
        activity_volume, start_hours, duration_seconds, nuclide=parameter_node.nuclide, calibration=calibration
    )
    activity_volume.SetAttribute(volumes.ATTRIBUTE + TYPED, f"{_START} {_DURATION} {_CALIBRATION}")
    scans = [*_scans(parameter_node), (activity_volume, ct_volume)]
    _keep(parameter_node, scans, 0)


def remove_time_point(parameter_node, index: int) -> None:
    """Take one scan out of the study; its volumes stay in the scene."""
    scans = _scans(parameter_node)
    if not 0 <= index < len(scans):
        raise DosimetryError("Expected a time point of the table, received none; click one first.")
    reference = parameter_node.referenceIndex
    del scans[index]
    _keep(parameter_node, scans, reference - 1 if index < reference else 0 if index == reference else reference)


def clear_time_points(parameter_node) -> None:
    with slicer.util.NodeModify(parameter_node.parameterNode):
        _keep(parameter_node, [], 0)
        parameter_node.intakeJson = ""


def type_time_point(parameter_node, index: int, what: str, text: str) -> None:
    """Take a typed start ("start", hours), duration ("duration", seconds) or calibration ("calibration", Bq/mL per stored value).

    Raises DosimetryError for anything that is not such a number.
    """
    node = parameter_node.activityVolumes[index]
    attribute = {"start": _START, "duration": _DURATION, "calibration": _CALIBRATION}[what]
    value = _number(text, what)
    if what == "start" and _hours_taken(parameter_node, value, except_index=index):
        raise DosimetryError(f"Expected another time than the other scans, received {value:g} h again; type the hours.")
    reference_node = parameter_node.activityVolumes[parameter_node.referenceIndex]
    if what == "calibration":
        camera.forget_calibration(node)
    node.SetAttribute(volumes.ATTRIBUTE + attribute, repr(value))
    if not node.GetAttribute(volumes.ATTRIBUTE + "Unit"):
        node.SetAttribute(volumes.ATTRIBUTE + "Unit", volumes.ACTIVITY_UNIT)
    typed = set((node.GetAttribute(volumes.ATTRIBUTE + TYPED) or "").split()) | {attribute}
    node.SetAttribute(volumes.ATTRIBUTE + TYPED, " ".join(sorted(typed)))
    scans = _scans(parameter_node)
    ordered = sorted(range(len(scans)), key=lambda number: _start_hours(scans[number][0]))
    position = next(place for place, number in enumerate(ordered) if scans[number][0] is reference_node)
    _keep(parameter_node, scans, position)
    parameter_node.parameterNode.Modified()


def type_administration_time(parameter_node, text: str) -> None:
    """Take a typed start of administration: the scans whose acquisition time is known are timed anew.

    Raises DosimetryError when it is no date and time, or lies after a scan.
    """
    text = text.strip()
    administration = typed_time(text)
    starts = {}
    for node in parameter_node.activityVolumes if administration is not None else ():
        acquired = node.GetAttribute(volumes.ATTRIBUTE + "AcquisitionStart")
        if acquired:
            hours = _hours_between(administration, datetime.fromisoformat(acquired))
            if hours < 0:
                raise DosimetryError(
                    f"Expected an administration before the scans, received {text}, after '{node.GetName()}'; type it again."
                )
            starts[node] = hours
    with slicer.util.NodeModify(parameter_node.parameterNode):
        for node, hours in starts.items():
            node.SetAttribute(volumes.ATTRIBUTE + _START, repr(hours))
        parameter_node.administrationTime = text
        parameter_node.parameterNode.Modified()


def _hours_between(start: datetime, end: datetime) -> float:
    if (start.tzinfo is None) != (end.tzinfo is None):
        start, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
    return (end - start).total_seconds() / 3600.0


def time_point_rows(parameter_node) -> list[dict]:
    """What the table of time points shows, a row a scan: text by column, and which of them were typed."""
    rows = []
    cts = parameter_node.ctVolumes or []
    for index, node in enumerate(parameter_node.activityVolumes or []):
        start = node.GetAttribute(volumes.ATTRIBUTE + _START)
        duration = node.GetAttribute(volumes.ATTRIBUTE + _DURATION)
        typed = (node.GetAttribute(volumes.ATTRIBUTE + TYPED) or "").split()
        problem = scan_problem(parameter_node, node)
        warnings = [line for line in (node.GetAttribute(volumes.ATTRIBUTE + "Warnings") or "").split("\n") if line]
        state = "incomplete" if problem else f"{len(warnings)} warnings" if warnings else "ready"
        rows.append(
            {
                "scan": node.GetName(),
                "start": f"{float(start):.2f}" if start else "",
                "duration": f"{float(duration):.0f}" if duration else "",
                "unit": node.GetAttribute(volumes.ATTRIBUTE + "Unit") or "unknown",
                "calibration": f"{volumes.calibration_of(node):g}",
                "ct": cts[index].GetName() if index < len(cts) else "none",
                "status": _status(state, index == parameter_node.referenceIndex),
                "calibration_help": camera.calibration_words(node),
                "help": problem or "\n".join(warnings),
                "typed": {"start": _START in typed, "duration": _DURATION in typed, "calibration": _CALIBRATION in typed},
            }
        )
    return rows


def _status(state: str, is_reference: bool) -> str:
    """In one word where one will do: the table is narrow."""
    if not is_reference:
        return state
    return "reference" if state == "ready" else f"{state}, reference"


def reading_warnings(parameter_node) -> tuple[str, ...]:
    return tuple(json.loads(parameter_node.intakeJson or "{}").get("warnings", ()))


def _scans(parameter_node) -> list[tuple]:
    activities = list(parameter_node.activityVolumes)
    return list(zip(activities, list(parameter_node.ctVolumes) or [None] * len(activities)))


def _keep(parameter_node, scans, reference_index: int) -> None:
    scans = sorted(scans, key=lambda scan: _start_hours(scan[0]))
    with slicer.util.NodeModify(parameter_node.parameterNode):
        parameter_node.activityVolumes = [activity for activity, _ct in scans]
        parameter_node.ctVolumes = [ct for _activity, ct in scans if ct is not None]
        parameter_node.referenceIndex = max(0, min(reference_index, len(scans) - 1))


def _start_hours(node) -> float:
    return float(node.GetAttribute(volumes.ATTRIBUTE + _START) or math.inf)


def _hours_taken(parameter_node, hours: float, except_index: int = -1) -> bool:
    return any(_start_hours(node) == hours for index, node in enumerate(parameter_node.activityVolumes) if index != except_index)


def _number(text: str, what: str) -> float:
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError as error:
        raise DosimetryError(f"Expected a number for the {what} of a scan, received '{text}'; type for example 24.5.") from error
    if not math.isfinite(value) or value < 0 or (value == 0 and what != "start"):
        raise DosimetryError(f"Expected a positive number for the {what} of a scan, received '{text}'; type for example 24.5.")
    return value
