"""Rigid transforms and chains of them: from image to image, in LPS mm as in DICOM, or in RAS mm as in Slicer.

A registration is kept as the matrix from points of the reference to the same tissue in the scan, which is what a resampler
needs. A Slicer transform node moves the image itself: its matrix is the inverse, in RAS.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from RNTDosimetryLib.base.checks import checked_array
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.images.resampling import rigid_matrix

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""The two systems differ by the signs of x and y, so the same matrix goes both ways."""


def compose(*matrices: Any) -> np.ndarray:
    """One 4 x 4 matrix for several rigid ones; the first is applied first. Raises DosimetryError for flips, scalings and shears."""
    result = np.eye(4)
    for number, matrix in enumerate(matrices, start=1):
        result = rigid_matrix(matrix, f"transform {number} of the chain") @ result
    return result


def inverse(matrix: Any) -> np.ndarray:
    """The way back. Raises DosimetryError for a matrix that is not rigid."""
    return np.linalg.inv(rigid_matrix(matrix))


def to_ras(matrix_lps: Any) -> np.ndarray:
    """The same transform for points in RAS. Its own inverse: it brings RAS to LPS as well."""
    return LPS_TO_RAS @ rigid_matrix(matrix_lps) @ LPS_TO_RAS


def moved_points(matrix: Any, points_mm: Any) -> np.ndarray:
    """Points (n, 3), or one point (3,), through a rigid matrix, in the system of the matrix."""
    points = checked_array(points_mm, "the points to transform")
    if points.ndim not in (1, 2) or points.shape[-1] != 3:
        raise DosimetryError(f"Expected points with three coordinates in mm, received shape {points.shape}; give (n, 3).")
    found = rigid_matrix(matrix)
    return points @ found[:3, :3].T + found[:3, 3]


def rotation_angle_degrees(matrix: Any) -> float:
    """Angle of the rotation of a 4 x 4 rigid matrix."""
    cosine = (np.trace(np.asarray(matrix)[:3, :3]) - 1.0) / 2.0
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def shift_of_point_mm(matrix: Any, point_mm: Any) -> float:
    """How far a rigid matrix moves a point: that of the middle of a body says more than the translation, which depends on the origin."""
    return float(np.linalg.norm(moved_points(matrix, point_mm) - np.asarray(point_mm, dtype=float)))


@dataclass(frozen=True)
class RigidTransform(Record):
    """From points of the image ``source`` to the same tissue in the image ``target``; 4 x 4, LPS mm.

    The names keep a chain from being put together the wrong way round:
    ``spect_to_ct.then(ct_to_reference)`` is refused unless the one ends where the other starts.
    Raises DosimetryError for a matrix that mirrors, scales or shears.
    """

    source: str
    target: str
    matrix: Any = tuple(map(tuple, np.eye(4).tolist()))

    def __post_init__(self) -> None:
        checked = rigid_matrix(self.matrix, f"the transform from {self.source} to {self.target}")
        object.__setattr__(self, "matrix", tuple(map(tuple, checked.tolist())))

    def then(self, following: "RigidTransform") -> "RigidTransform":
        """This transform and the following one as one."""
        if following.source != self.target:
            raise DosimetryError(
                f"Expected a transform that starts at {self.target}, received one from {following.source} to {following.target}; "
                "take another or its inverse."
            )
        return RigidTransform(self.source, following.target, compose(self.matrix, following.matrix))

    def inverse(self) -> "RigidTransform":
        return RigidTransform(self.target, self.source, inverse(self.matrix))

    def points(self, points_lps_mm: Any) -> np.ndarray:
        """Points (n, 3) of the source in the target, LPS mm."""
        return moved_points(self.matrix, points_lps_mm)

    @property
    def matrix_ras(self) -> np.ndarray:
        return to_ras(self.matrix)
