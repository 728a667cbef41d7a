"""A step that fails or is cancelled leaves the scene as it was."""

import contextlib

import slicer
import vtk

from RNTDosimetryScene.nodes import hierarchy


@contextlib.contextmanager
def undone_on_failure(parameter_node):
    """When the block raises: take away the nodes and folders that it added, and give the parameter node its values back."""
    scene = slicer.mrmlScene
    nodes_before = _node_ids(scene)
    items_before = set(_items(scene))
    node = parameter_node.parameterNode
    parameters = {name: node.GetParameter(name) for name in node.GetParameterNames()}
    references = _references(node)
    try:
        yield
    except BaseException:
        for added in _node_ids(scene) - nodes_before:
            if scene.GetNodeByID(added) is not None:
                hierarchy.remove(scene.GetNodeByID(added))
        tree = scene.GetSubjectHierarchyNode()
        for item in _items(scene):
            if item not in items_before:
                tree.RemoveItem(item)
        with slicer.util.NodeModify(node):
            _restore(node, parameters, references)
        raise


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
