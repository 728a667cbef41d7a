"""Keys of what each step reads: a result is current while the key that it was made with is the key of now."""

import hashlib
import json
from collections import OrderedDict

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryScene.nodes import segments, transforms, volumes
from RNTDosimetryScene.study.inputs import drop_removed, reference_volume
from RNTDosimetryScene.study.parameters import RegistrationMethod

_KEPT_CONTENTS = 256


class _Contents:
    """What images and segments hold, found once for each modification time, so that the panel may ask at every click."""

    def __init__(self):
        self._kept = OrderedDict()

    def get(self, stamp, make):
        if stamp not in self._kept:
            self._kept[stamp] = make()
        self._kept.move_to_end(stamp)
        while len(self._kept) > _KEPT_CONTENTS:
            self._kept.popitem(last=False)
        return self._kept[stamp]

    def clear(self) -> None:
        self._kept.clear()


_contents = _Contents()


def look_again() -> None:
    """Forget what the images held: a script may have changed voxels without telling the node."""
    _contents.clear()


def step_keys(parameter_node) -> dict[str, str]:
    """Key of every step by name, each holding those of the steps before it."""
    drop_removed(parameter_node)
    by_activity = parameter_node.registrationMethod is RegistrationMethod.ACTIVITY
    register = _hash(
        [
            parameter_node.registrationMethod.value,
            parameter_node.referenceIndex,
            [_ct(node) for node in parameter_node.ctVolumes or []],
            _transforms(parameter_node),
            len(parameter_node.activityVolumes),
            [_activity(node) for node in parameter_node.activityVolumes] if by_activity else [],
        ]
    )
    typed = _typed(parameter_node.segmentation)
    measure = _hash(
        [
            register,
            parameter_node.nuclide,
            [_activity(node) for node in parameter_node.activityVolumes],
            _segments(parameter_node.segmentation),
            {name: {key: value for key, value in settings.items() if key != "model"} for name, settings in typed.items()},
            parameter_node.densityGPerMl,
            parameter_node.calibrationUncertaintyPercent,
            parameter_node.spectResolutionMm,
            parameter_node.scanUncertaintyPercent,
            parameter_node.lesionsOutOfOrgans,
            parameter_node.recoveryJson,
        ]
    )
    fit = _hash([measure, parameter_node.model, {name: settings["model"] for name, settings in typed.items()}])
    dose = _hash(
        [
            fit,
            parameter_node.voxelModel.value,
            parameter_node.doseMethod.value,
            parameter_node.densityFromCt,
            parameter_node.administeredActivityMBq,
            parameter_node.mapFollowsRegions,
            parameter_node.administrationTime,
            parameter_node.radiopharmaceutical,
        ]
    )
    return {"register": register, "measure": measure, "fit": fit, "dose": dose}


def _hash(content) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _ct(node) -> list:
    return [node.GetName(), _voxels(node)]


def _activity(node) -> list:
    described = [node.GetAttribute(volumes.ATTRIBUTE + name) for name in ("StartHours", "DurationSeconds", "Calibration")]
    return [node.GetName(), described, _voxels(node)]


def _voxels(node) -> list:
    """Cheap stand-in for the voxels: enough to notice an edit, and the same after the scene was saved and read again."""

    def make():
        array = volumes.voxels(node)
        return [list(array.shape), float(array.sum(dtype=float)), float(array[::3, ::3, ::3].sum(dtype=float))]

    image = node.GetImageData()
    return make() if image is None else _contents.get(("voxels", image.GetMTime()), make)


def _transforms(parameter_node) -> list:
    """Where the user's own transforms put the scans; those that a registration made are its result and not its input."""
    if parameter_node.registrationMethod is not RegistrationMethod.SCENE:
        return []
    return [_place(parameter_node, node) for node in [*parameter_node.activityVolumes, *parameter_node.ctVolumes]]


def _place(parameter_node, node) -> list | str | None:
    """Where transforms put a node relative to the reference: None for there, a sentence for a transform that cannot be used."""
    reference = reference_volume(parameter_node)
    try:
        matrix = transforms.chain(reference, node).round(6)
    except DosimetryError as error:
        return str(error)
    return None if np.array_equal(matrix, np.eye(4)) else matrix.tolist()


def _typed(segmentation) -> dict:
    return {} if segmentation is None else {name: item.to_dict() for name, item in segments.typed_settings(segmentation).items()}


def _segments(segmentation) -> list:
    if segmentation is None:
        return []
    content = segmentation.GetSegmentation()
    return [_segment(content.GetNthSegment(index)) for index in range(content.GetNumberOfSegments())]


def _segment(segment) -> list:
    labelmap = segment.GetRepresentation("Binary labelmap")
    if labelmap is None:
        return segments.content_of(segment)
    stamp = ("segment", segment.GetName(), segment.GetLabelValue(), labelmap.GetMTime())
    return _contents.get(stamp, lambda: segments.content_of(segment))
