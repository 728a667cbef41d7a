"""Where the voxels of an image lie in the patient."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.checks import checked_array, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record

_DECIMALS = 9
"""The last bits differ between a file, a scene and a saved scene; an optimizer would make different numbers of them."""

_SMALLEST_SPACING_MM, _LARGEST_SPACING_MM = 0.05, 100.0
SMALLEST_LONGEST_SIDE_MM = 0.5
"""A CT may have 0.3 mm in its plane, but no image of a patient is finer than this on all axes: such a spacing was typed in cm."""


def _rounded(values: Iterable[float], decimals: int) -> tuple[float, ...]:
    return tuple([round(float(value), decimals) for value in values])


@dataclass(frozen=True)
class ImageGeometry(Record):
    """Grid of an image. Array order is (z, y, x); points are LPS in mm, as in DICOM and SimpleITK.

    size, spacing_mm: (z, y, x). origin_lps_mm: (x, y, z) of the center of voxel (0, 0, 0).
    direction: 3 x 3 row tuples; column j is the LPS unit vector of array axis x, y, z for j = 0, 1, 2 (SimpleITK's order).
    Oblique and anisotropic grids are normal. Raises DosimetryError for a grid that cannot be one.
    """

    size: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_lps_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[tuple[float, float, float], ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        self._refuse_other_kinds()
        set_field(self, "size", tuple(map(int, self.size)))
        set_field(self, "spacing_mm", _rounded(self.spacing_mm, _DECIMALS))
        set_field(self, "origin_lps_mm", _rounded(self.origin_lps_mm, _DECIMALS))
        set_field(self, "direction", tuple([_rounded(row, _DECIMALS + 3) for row in self.direction]))
        if len(self.size) != 3 or min(self.size) < 1:
            raise DosimetryError(
                f"Expected an image with three axes (z, y, x), received size {self.size}; load a volume, not a slice."
            )
        spacing = np.asarray(self.spacing_mm)
        if spacing.shape != (3,) or not np.all((spacing >= _SMALLEST_SPACING_MM) & (spacing <= _LARGEST_SPACING_MM)):
            raise DosimetryError(
                f"Expected three voxel spacings between {_SMALLEST_SPACING_MM} and {_LARGEST_SPACING_MM} mm, "
                f"received {self.spacing_mm}; check that the unit is mm."
            )
        if max(self.spacing_mm) < SMALLEST_LONGEST_SIDE_MM:
            raise DosimetryError(
                f"Expected a voxel spacing with a longest side of at least {SMALLEST_LONGEST_SIDE_MM} mm, received {self.spacing_mm}; "
                "check that the unit is mm and not cm."
            )
        if not np.all(np.isfinite(self.origin_lps_mm)) or len(self.origin_lps_mm) != 3:
            raise DosimetryError(
                f"Expected a finite image origin in mm, received {self.origin_lps_mm}; check the image position."
            )
        matrix = np.asarray(self.direction)
        if matrix.shape != (3, 3) or not np.allclose(matrix.T @ matrix, np.eye(3), atol=1e-3):
            raise DosimetryError(
                "Expected perpendicular image axes of unit length, received a sheared or scaled direction matrix; "
                "resample the image to a regular grid first."
            )

    def _refuse_other_kinds(self) -> None:
        """Text would be taken letter by letter, and a size of 10.7 cut to 10."""
        for name, dimensions in (("size", 1), ("spacing_mm", 1), ("origin_lps_mm", 1), ("direction", 2)):
            values = checked_array(getattr(self, name), f"{name} of the image")
            if values.ndim != dimensions:
                raise DosimetryError(
                    f"Expected {'three numbers' if dimensions == 1 else '3 x 3 numbers'} for {name} of the image, "
                    f"received {shown(getattr(self, name))}; give (z, y, x) for size and spacing."
                )
        if list(map(int, self.size)) != list(self.size):
            raise DosimetryError(f"Expected whole numbers of voxels for size, received {tuple(self.size)}; count the voxels.")

    @property
    def voxel_volume_ml(self) -> float:
        return float(np.prod(self.spacing_mm)) / 1000.0

    @property
    def index_to_lps(self) -> np.ndarray:
        """4 x 4 matrix from array index in (x, y, z) order to LPS mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.asarray(self.direction) * np.asarray(self.spacing_mm)[::-1]
        matrix[:3, 3] = self.origin_lps_mm
        return matrix

    def same_grid(self, other: "ImageGeometry", tolerance_mm: float = 1e-3) -> bool:
        """Whether two grids have the same voxels, to a tolerance on every corner."""
        if self.size != other.size:
            return False
        corners = np.array([[x, y, z, 1] for x in (0, self.size[2]) for y in (0, self.size[1]) for z in (0, self.size[0])]).T
        return bool(np.abs((self.index_to_lps - other.index_to_lps) @ corners).max() <= tolerance_mm)


def sphere_diameter_mm(volume_ml: float) -> float:
    """Diameter of the sphere with this volume."""
    return (6000.0 * volume_ml / math.pi) ** (1.0 / 3.0)
