"""Registrations as transform nodes, and transform nodes as registrations."""

import numpy as np
import slicer
import vtk

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryScene.geometry import array_from_vtk_matrix, registration_of_to_parent, to_parent_of_registration, vtk_matrix

IDENTITY = np.eye(4)


def add_registration(name: str, reference_to_time_point_lps: np.ndarray):
    """New linear transform node that carries the images of a time point onto the reference."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    update_registration(node, reference_to_time_point_lps)
    return node


def update_registration(node, reference_to_time_point_lps: np.ndarray) -> None:
    node.SetMatrixTransformToParent(vtk_matrix(to_parent_of_registration(reference_to_time_point_lps)))


def registration_matrix(node) -> np.ndarray:
    """Reference-to-time-point matrix (LPS) of a linear transform node.

    Raises DosimetryError for a transform that is not linear, scales or mirrors.
    """
    matrix = vtk.vtkMatrix4x4()
    if not node.IsLinear() or not node.GetMatrixTransformToWorld(matrix):
        raise DosimetryError(f"Expected a rigid transform, received '{node.GetName()}', which is not linear; choose or make a rigid one.")
    result = registration_of_to_parent(array_from_vtk_matrix(matrix))
    rotation = result[:3, :3]
    if not np.allclose(rotation.T @ rotation, np.eye(3), atol=1e-3) or np.linalg.det(rotation) < 0:
        raise DosimetryError(f"Expected a rigid transform, received '{node.GetName()}', which scales or mirrors; choose a rigid one.")
    return result
