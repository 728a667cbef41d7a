"""The eyes' check of a registration: a blend of two scans, or a checkerboard of both. Nothing of it stays in the scene or the views."""

import numpy as np
import slicer

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.transforms import LPS_TO_RAS
from RNTDosimetryLib.registration import checkerboard, middle_of_patient
from RNTDosimetryScene.nodes import hierarchy, transforms, volumes
from RNTDosimetryScene.nodes.geometry import to_world
from RNTDosimetryScene.show.views import has_views

ATTRIBUTE = "RNTDosimetry.VisualCheck"
BLEND, CHECKERBOARD = "blend", "checkerboard"
_CT_WINDOW, _ACTIVITY_WINDOW = (400.0, 40.0), (60.0, 30.0)


class VisualCheck:
    """Two scans in the slice views. mode: "blend", "checkerboard", or "" while nothing is compared."""

    def __init__(self):
        self.mode = ""
        self._pair = ("", "")
        self._matrix = None
        self._before = {}
        self._shown = {}
        self._node_id = ""

    def show(self, parameter_node, index: int, mode: str, share: float = 0.5) -> None:
        """Compare a scan with the reference. share: of the scan in the blend, 0 to 1. The slices are linked and centered on the patient.

        Raises DosimetryError when there is nothing to compare, and for transforms that are not rigid.
        """
        reference, other = _pair_of(parameter_node, index)
        matrix = transforms.chain(reference, other)
        board = self._board(parameter_node, reference, other, matrix) if mode == CHECKERBOARD else None
        pair = (reference.GetID(), other.GetID())
        moved_here = not self.mode or pair[0] != self._pair[0]
        if not self.mode:
            self._before = {node.GetID(): _layers(node) for node in _composites()}
        if board is None:
            self._remove_board()
        self.mode, self._pair, self._matrix = mode, pair, matrix
        for node in _composites():
            node.SetCompositing(node.Alpha)
            node.SetLinkedControl(True)
            _set_layers(node, *((reference.GetID(), other.GetID(), share) if board is None else (board.GetID(), None, 0.0)))
        if moved_here and has_views():
            slicer.util.resetSliceViews()
            slicer.modules.markups.logic().JumpSlicesToLocation(*_middle_ras(reference), True)
        self._shown = {node.GetID(): _layers(node)[:2] for node in _composites()}

    def fade(self, share: float) -> None:
        """How much of the scan lies over the reference, 0 to 1, while they are blended."""
        if self.mode == BLEND:
            for node in _composites():
                node.SetForegroundOpacity(share)

    def is_true(self, parameter_node) -> bool:
        """Whether the views still show what is compared, at the place where the scan lies now."""
        if not self.mode:
            return False
        reference, other = (slicer.mrmlScene.GetNodeByID(node_id) for node_id in self._pair)
        if reference is None or other is None or self._shown != {node.GetID(): _layers(node)[:2] for node in _composites()}:
            return False
        nodes = [*(parameter_node.activityVolumes or []), *(parameter_node.ctVolumes or [])]
        if other not in nodes or reference not in nodes:
            return False
        try:
            return bool(self.mode == BLEND or np.allclose(transforms.chain(reference, other), self._matrix, atol=1e-6))
        except DosimetryError:
            return False

    def end(self) -> None:
        """Give the views that still show the comparison back what they showed, and take the checkerboard out of the scene."""
        for node in _composites():
            if self.mode and node.GetID() in self._before and _layers(node)[:2] == self._shown.get(node.GetID()):
                background, foreground, opacity, linked, compositing = self._before[node.GetID()]
                _set_layers(node, background, foreground, opacity)
                node.SetLinkedControl(linked)
                node.SetCompositing(compositing)
        self._remove_board()
        self.mode, self._pair, self._matrix, self._before, self._shown = "", ("", ""), None, {}, {}

    def _board(self, parameter_node, reference, other, matrix):
        """The volume node of the checkerboard: made once, filled anew for another scan."""
        make, unit, window = (
            (volumes.ct_image, "HU", _CT_WINDOW)
            if parameter_node.ctVolumes
            else (volumes.activity_image, volumes.ACTIVITY_UNIT, _ACTIVITY_WINDOW)
        )
        values, geometry = checkerboard(make(reference), make(other), matrix)
        node = slicer.mrmlScene.GetNodeByID(self._node_id) if self._node_id else None
        if node is None:
            node = volumes.add_volume("Checkerboard", values, geometry, unit)
            node.SetAttribute(ATTRIBUTE, "1")
            node.SetSaveWithScene(False)
            node.SetHideFromEditors(True)
            self._node_id = node.GetID()
        else:
            volumes.update_volume(node, values, geometry, unit)
        node.SetName(f"Checkerboard of {reference.GetName()} and {other.GetName()}")
        transforms.follow(node, reference)
        display = node.GetDisplayNode()
        if display is not None:
            display.SetSaveWithScene(False)
            display.SetAutoWindowLevel(False)
            display.SetWindowLevel(*window)
            if not parameter_node.ctVolumes:
                display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeInvertedGrey")
        return node

    def _remove_board(self) -> None:
        node = slicer.mrmlScene.GetNodeByID(self._node_id) if self._node_id else None
        if node is not None:
            hierarchy.remove(node)
        self._node_id = ""


def _pair_of(parameter_node, index: int) -> tuple:
    nodes = parameter_node.ctVolumes or parameter_node.activityVolumes or []
    if not 0 <= index < len(nodes) or index == parameter_node.referenceIndex:
        raise DosimetryError("Expected a scan other than the reference, received none; click a row of another scan.")
    return nodes[parameter_node.referenceIndex], nodes[index]


def _middle_ras(reference) -> list[float]:
    """Middle of the patient in the world."""
    image = volumes.ct_image(reference) if volumes.activity_problem(reference) else volumes.activity_image(reference)
    return (to_world(reference) @ LPS_TO_RAS @ np.append(middle_of_patient(image), 1.0))[:3].tolist()


def _composites() -> list:
    return slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")


def _layers(node) -> tuple:
    return (
        node.GetBackgroundVolumeID(),
        node.GetForegroundVolumeID(),
        node.GetForegroundOpacity(),
        node.GetLinkedControl(),
        node.GetCompositing(),
    )


def _set_layers(node, background, foreground, opacity: float) -> None:
    """Volumes that are not in the scene any more are left out."""
    known = [
        volume_id if volume_id and slicer.mrmlScene.GetNodeByID(volume_id) is not None else None
        for volume_id in (background, foreground)
    ]
    node.SetBackgroundVolumeID(known[0])
    node.SetForegroundVolumeID(known[1])
    node.SetForegroundOpacity(opacity)
