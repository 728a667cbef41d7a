"""What the scene holds as plain data, so that the library can tell which step has to be done again."""

from collections import OrderedDict

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.roads.therapy.run import Stamps, step_keys
from RNTDosimetryScene.nodes import segments, transforms, volumes
from RNTDosimetryScene.study.inputs import choices_of_scene, drop_removed, reference_volume
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


def stamps(parameter_node) -> Stamps:
    """What the scene holds of a study, as plain data that changes when it does."""
    drop_removed(parameter_node)
    return Stamps(
        reference_index=parameter_node.referenceIndex,
        activities=tuple(map(_activity, parameter_node.activityVolumes or [])),
        cts=tuple(map(_ct, parameter_node.ctVolumes or [])),
        regions=tuple(_segments(parameter_node.segmentation)),
        nuclide=parameter_node.nuclide,
        therapy=(parameter_node.administeredActivityMBq, parameter_node.administrationTime, parameter_node.radiopharmaceutical),
        recovery=parameter_node.recoveryJson,
        earlier=parameter_node.earlierResultsJson,
        places=(parameter_node.registrationMethod.value, *_transforms(parameter_node)),
    )


def keys_of(parameter_node) -> dict[str, str]:
    """Key of every step by name, each holding those of the steps before it."""
    found = stamps(parameter_node)
    return step_keys(choices_of_scene(parameter_node), found)


def _ct(node) -> list:
    return [node.GetName(), _voxels(node)]


def _activity(node) -> list:
    described = [node.GetAttribute(volumes.ATTRIBUTE + name) for name in ("StartHours", "DurationSeconds", "Calibration")]
    return [node.GetName(), described, _voxels(node)]


def _voxels(node) -> list:
    """Cheap stand-in for the voxels: enough to notice an edit, and the same after the scene was saved and read again."""

    def make():
        array = volumes.voxels(node)
        return [list(array.shape), repr(float(array.sum(dtype=float))), repr(float(array[::3, ::3, ::3].sum(dtype=float)))]

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
