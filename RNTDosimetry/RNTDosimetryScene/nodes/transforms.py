"""Registrations as transform nodes, and transform nodes as registrations."""

import numpy as np
import slicer

from RNTDosimetryScene.nodes.geometry import from_world, lps, matrix_to_world, to_parent_of_registration, to_world, vtk_matrix

IDENTITY = np.eye(4)
_MADE = "RNTDosimetry.Registration"
"""Attribute of the transform nodes that a registration made: these alone are changed by the next one."""


def add_registration(name: str, reference_to_time_point_lps: np.ndarray):
    """New linear transform node that carries the images of a time point onto the reference."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    node.SetAttribute(_MADE, "1")
    update_registration(node, reference_to_time_point_lps)
    return node


def update_registration(node, reference_to_time_point_lps: np.ndarray) -> None:
    node.SetMatrixTransformToParent(vtk_matrix(to_parent_of_registration(reference_to_time_point_lps)))


def registration_matrix(node) -> np.ndarray:
    """Reference-to-time-point matrix (LPS) of a transform node and those above it. Raises DosimetryError unless all are rigid."""
    return lps(np.linalg.inv(matrix_to_world(node, f"the transform '{node.GetName()}'")))


def chain(source, target) -> np.ndarray:
    """From points of one node to the same place in another (LPS), by all the transforms that both are under, one inside the other.

    For a scan and its reference this is the registration that the scene shows. Raises DosimetryError unless all are rigid.
    """
    return lps(from_world(target) @ to_world(source))


def follow(node, leader) -> None:
    """Put a node that was computed on the grid of another under the same transform, so that both are seen in one place."""
    if node is not None and leader is not None:
        node.SetAndObserveTransformNodeID(leader.GetTransformNodeID())


def put_scans_under(scans, reference_index: int, matrices, names) -> None:
    """Carry every scan onto the reference: scans are lists of nodes (activity, CT), matrices are reference to scan (LPS).

    Transforms of the user are neither changed nor built upon, but where the reference itself is under one, the scans go there
    with it. A transform that an earlier registration made is used again.
    """
    above = _own_parent(scans[reference_index][0])
    for index, (nodes, matrix, name) in enumerate(zip(scans, matrices, names)):
        transform = nodes[0].GetParentTransformNode()
        made = transform is not None and transform.GetAttribute(_MADE)
        if np.allclose(matrix, IDENTITY) and not made and (index == reference_index or (transform is None and above is None)):
            continue
        if made:
            update_registration(transform, matrix)
        else:
            transform = add_registration(f"{name} to reference", matrix)
        transform.SetAndObserveTransformNodeID(None if above is None else above.GetID())
        # The frame of a study is that of the reference CT: where the reference has a matrix, its activity alone lies elsewhere.
        for node in nodes[:1] if index == reference_index else nodes:
            node.SetAndObserveTransformNodeID(transform.GetID())


def _own_parent(node):
    """The transform that the user put a node under; not one that a registration made."""
    transform = node.GetParentTransformNode()
    while transform is not None and transform.GetAttribute(_MADE):
        transform = transform.GetParentTransformNode()
    return transform
