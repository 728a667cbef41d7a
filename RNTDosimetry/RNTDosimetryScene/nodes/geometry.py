"""RAS at the border with Slicer, LPS inside the library."""

from dataclasses import replace

import numpy as np
import vtk

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ImageGeometry
from RNTDosimetryLib.images.transforms import LPS_TO_RAS, inverse, to_ras


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
    return inverse(to_ras(reference_to_time_point_lps))


def to_world(node) -> np.ndarray:
    """4 x 4 RAS matrix of the transforms that a node is under, the identity for none.

    Raises DosimetryError for transforms that are not rigid: regions keep their volume only under rigid ones.
    """
    transform = node.GetParentTransformNode()
    return np.eye(4) if transform is None else matrix_to_world(transform, f"'{node.GetName()}'")


def matrix_to_world(transform, what: str) -> np.ndarray:
    """4 x 4 RAS matrix of a transform node together with those above it. what: is under it, for the message.

    Raises DosimetryError for one that bends, scales, shears or mirrors, with its name and what to do.
    """
    bent, above = None, transform
    while above is not None and bent is None:
        bent, above = (None if above.IsLinear() else above), above.GetParentTransformNode()
    if bent is not None:
        raise DosimetryError(
            f"Expected {what} under rigid transforms only, received '{bent.GetName()}', which is not linear; "
            "harden it on the volume in Transforms, which resamples the volume, or take a rigid one."
        )
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(matrix)
    found = array_from_vtk_matrix(matrix)
    if not np.allclose(found[:3, :3].T @ found[:3, :3], np.eye(3), atol=1e-3) or np.linalg.det(found[:3, :3]) < 0:
        raise DosimetryError(
            f"Expected {what} under rigid transforms only, received '{transform.GetName()}', which scales, shears or mirrors; take a rigid one."
        )
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
