"""RAS at the border with Slicer, LPS inside the library."""

from dataclasses import replace

import numpy as np
import vtk

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images import ImageGeometry

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def vtk_matrix(matrix: np.ndarray) -> vtk.vtkMatrix4x4:
    result = vtk.vtkMatrix4x4()
    for row in range(4):
        for column in range(4):
            result.SetElement(row, column, float(matrix[row, column]))
    return result


def array_from_vtk_matrix(matrix: vtk.vtkMatrix4x4) -> np.ndarray:
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def ijk_to_ras(geometry: ImageGeometry) -> np.ndarray:
    """4 x 4 matrix from voxel index (i, j, k) to RAS mm."""
    return LPS_TO_RAS @ geometry.index_to_lps


def geometry_of_volume(node) -> ImageGeometry:
    """Grid of a volume node as stored in it; a transform that the node is under is not applied.

    Raises DosimetryError for a volume without voxels or with sheared axes.
    """
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    index_to_lps = LPS_TO_RAS @ array_from_vtk_matrix(matrix)
    spacing_xyz = np.linalg.norm(index_to_lps[:3, :3], axis=0)
    image = node.GetImageData()
    size_xyz = image.GetDimensions() if image is not None else (0, 0, 0)
    return ImageGeometry(
        size=tuple(reversed(size_xyz)),
        spacing_mm=tuple(float(s) for s in reversed(spacing_xyz)),
        origin_lps_mm=tuple(index_to_lps[:3, 3]),
        direction=tuple(map(tuple, index_to_lps[:3, :3] / np.where(spacing_xyz > 0, spacing_xyz, 1.0))),
    )


def to_parent_of_registration(reference_to_time_point_lps: np.ndarray) -> np.ndarray:
    """RAS matrix of a transform node that carries a time point's images onto the reference.

    The library's registration maps points of the reference to points of the time point (LPS, SimpleITK's way). A node
    moves the image itself, so its to-parent matrix is the inverse, in RAS.
    """
    return np.linalg.inv(LPS_TO_RAS @ np.asarray(reference_to_time_point_lps) @ LPS_TO_RAS)


def registration_of_to_parent(to_parent_ras: np.ndarray) -> np.ndarray:
    """Inverse of :func:`to_parent_of_registration`: for transforms that the user made or corrected."""
    return LPS_TO_RAS @ np.linalg.inv(np.asarray(to_parent_ras)) @ LPS_TO_RAS


def to_world(node) -> np.ndarray:
    """4 x 4 RAS matrix of the transforms that a node is under, the identity for none.

    Raises DosimetryError for transforms that are not rigid: regions keep their volume only under rigid ones.
    """
    transform = node.GetParentTransformNode()
    if transform is None:
        return np.eye(4)
    matrix = vtk.vtkMatrix4x4()
    linear = transform.IsTransformToWorldLinear() and transform.GetMatrixTransformToWorld(matrix)
    found = array_from_vtk_matrix(matrix)
    if not linear or not np.allclose(found[:3, :3].T @ found[:3, :3], np.eye(3), atol=1e-3):
        raise DosimetryError(f"Expected '{node.GetName()}' under rigid transforms only, received others; harden them in Transforms first.")
    return found


def from_world(node) -> np.ndarray:
    """Inverse of :func:`to_world`."""
    return np.linalg.inv(to_world(node))


def lps(matrix_ras: np.ndarray) -> np.ndarray:
    """A matrix between RAS points as one between LPS points."""
    return LPS_TO_RAS @ matrix_ras @ LPS_TO_RAS


def moved(geometry: ImageGeometry, matrix_lps: np.ndarray) -> ImageGeometry:
    """The grid carried by a rigid matrix between LPS points."""
    placed = matrix_lps @ geometry.index_to_lps
    spacing_xyz = np.asarray(geometry.spacing_mm)[::-1]
    return replace(geometry, origin_lps_mm=tuple(placed[:3, 3]), direction=tuple(map(tuple, placed[:3, :3] / spacing_xyz)))
