"""The one guard of every long step in the scene: what it needs must stay, and what fails or is cancelled leaves the scene as it was."""

import contextlib

import slicer
import vtk

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Cancelled, silent
from RNTDosimetryScene.nodes import hierarchy

_INPUTS = ("activityVolumes", "ctVolumes", "segmentation", "planScoutVolume", "planCtVolume", "planSegmentation")


class Interrupted(DosimetryError):
    """What a step works on was removed from the scene meanwhile."""


class _Guard:
    """Progress of a step that looks, each time the user could have done anything, whether everything is still there."""

    def __init__(self, parameter_node, progress, inputs):
        node = parameter_node.parameterNode
        self._progress = progress or silent
        self._needed = [(node, "the study"), *(_inputs(parameter_node) if inputs else ())]
        self.of_others: set[str] = set()

    def progress(self, fraction: float, message: str) -> None:
        before = _node_ids(slicer.mrmlScene)
        try:
            self._progress(fraction, message)
        finally:
            # What was made while the user had the word is not ours to take away.
            self.of_others |= _node_ids(slicer.mrmlScene) - before
        reason = self.reason()
        if reason:
            raise Interrupted(reason)

    def reason(self) -> str:
        """Why the step cannot go on; empty when it can."""
        gone = [name for node, name in self._needed if not slicer.mrmlScene.IsNodePresent(node)]
        if not gone:
            return ""
        return (
            f"Expected {gone[0]} to stay in the scene while it was worked on, found it removed; load or choose it, and run again."
        )


@contextlib.contextmanager
def undone_on_failure(parameter_node, progress=None, inputs=True):
    """Guard a step that reads or changes the scene. Gives the progress that the step has to use.

    When the step raises: the nodes and folders that it added are taken away, and the parameter node gets its values back. When
    that was because the study or an input was removed, or the scene closed, the error is Interrupted and says which.
    inputs: whether the step reads what the study holds; a step that replaces it needs the study alone.
    """
    scene = slicer.mrmlScene
    guard = _Guard(parameter_node, progress, inputs)
    nodes_before = _node_ids(scene)
    items_before = set(_items(scene))
    node = parameter_node.parameterNode
    parameters = {name: node.GetParameter(name) for name in node.GetParameterNames()}
    references = _references(node)
    try:
        yield guard.progress
    except BaseException as error:
        reason = guard.reason()
        for added in _node_ids(scene) - nodes_before - guard.of_others:
            if scene.GetNodeByID(added) is not None:
                hierarchy.remove(scene.GetNodeByID(added))
        _remove_items(scene, items_before, guard.of_others)
        with slicer.util.NodeModify(node):
            _restore(node, parameters, references)
        if reason and isinstance(error, Exception) and not isinstance(error, Interrupted | Cancelled):
            raise Interrupted(reason) from error
        raise


def _remove_items(scene, before: set[int], of_others: set[str]) -> None:
    """Folders that the step made; an item in which something of the user's lies stays."""
    tree = scene.GetSubjectHierarchyNode()
    if tree is None:
        return
    for item in reversed(_items(scene)):
        data = tree.GetItemDataNode(item)
        children = vtk.vtkIdList()
        tree.GetItemChildren(item, children)
        if item not in before and not children.GetNumberOfIds() and (data is None or data.GetID() not in of_others):
            tree.RemoveItem(item)


def _inputs(parameter_node) -> list[tuple]:
    """(node, its name in quotes) of everything a study reads."""
    found = []
    for name in _INPUTS:
        value = getattr(parameter_node, name)
        found += [value] if value is None or isinstance(value, slicer.vtkMRMLNode) else list(value)
    return [(node, f"'{node.GetName()}'") for node in found if node is not None]


def _restore(node, parameters: dict[str, str], references: dict[str, list[str]]) -> None:
    for name in node.GetParameterNames():
        if name not in parameters:
            node.UnsetParameter(name)
    for name, value in parameters.items():
        node.SetParameter(name, value)
    for role in set(_references(node)) | set(references):
        node.RemoveNodeReferenceIDs(role)
        for index, node_id in enumerate(references.get(role, ())):
            node.SetNthNodeReferenceID(role, index, node_id)


def _references(node) -> dict[str, list[str]]:
    roles: list[str] = []
    node.GetNodeReferenceRoles(roles)
    return {
        role: [node.GetNthNodeReferenceID(role, index) for index in range(node.GetNumberOfNodeReferences(role))] for role in roles
    }


def _node_ids(scene) -> set[str]:
    return {scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())}


def _items(scene) -> list[int]:
    tree = scene.GetSubjectHierarchyNode()
    if tree is None:
        return []
    found = vtk.vtkIdList()
    tree.GetItemChildren(tree.GetSceneItemID(), found, True)
    return [found.GetId(index) for index in range(found.GetNumberOfIds())]
