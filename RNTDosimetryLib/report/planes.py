"""Axial, coronal and sagittal planes through images of any grid, oblique and anisotropic ones too."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry

# How each plane lies on the page, LPS unit vectors: to the right and downwards, with the letters of left, right, top, bottom edge.
_ORIENTATIONS = {
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), "RLAP"),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), "RLSI"),
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), "APSI"),
}
PLANE_NAMES = tuple(_ORIENTATIONS)


@dataclass(frozen=True)
class Plane:
    """A picture plane with square pixels. corner_lps_mm: center of the top left pixel; right, down: LPS unit vectors."""

    name: str
    corner_lps_mm: tuple[float, float, float]
    right: tuple[float, float, float]
    down: tuple[float, float, float]
    rows: int
    columns: int
    pixel_mm: float
    letters: str

    @property
    def width_mm(self) -> float:
        return self.columns * self.pixel_mm

    @property
    def height_mm(self) -> float:
        return self.rows * self.pixel_mm

    def pixel_of(self, point_lps_mm: Sequence[float]) -> tuple[float, float]:
        """(column, row) of a point seen along the plane's normal; pixel centers are whole numbers."""
        offset = (np.asarray(point_lps_mm, dtype=float) - self.corner_lps_mm) / self.pixel_mm
        return float(offset @ self.right), float(offset @ self.down)


def box_of(geometry: ImageGeometry, first: Sequence[float] = (0, 0, 0), last: Sequence[float] | None = None) -> np.ndarray:
    """LPS box, (2, 3) lowest and highest mm, around the voxels from index ``first`` to ``last`` (z, y, x), borders included."""
    last = np.asarray(geometry.size) - 1 if last is None else last
    low, high = np.asarray(first, dtype=float)[::-1] - 0.5, np.asarray(last, dtype=float)[::-1] + 0.5
    corners = np.array([[x, y, z, 1.0] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    points = (geometry.index_to_lps @ corners.T)[:3]
    return np.stack([points.min(axis=1), points.max(axis=1)])


def plane_through(name: str, point_lps_mm: Sequence[float], box_lps_mm: np.ndarray, pixel_mm: float) -> Plane:
    """The anatomical plane ``name`` through a point, as large as the box, (2, 3)."""
    if name not in _ORIENTATIONS:
        raise DosimetryError(f"Expected one of the planes {', '.join(PLANE_NAMES)}, received {name!r}.")
    right, down, letters = _ORIENTATIONS[name]
    size = box_lps_mm[1] - box_lps_mm[0]
    columns, rows = (max(1, round(float(np.abs(axis) @ size) / pixel_mm)) for axis in (right, down))
    corner = np.asarray(point_lps_mm, dtype=float).copy()
    for axis in (right, down):
        axis = np.asarray(axis)
        start = box_lps_mm[0] if axis.sum() > 0 else box_lps_mm[1]
        corner = np.where(axis != 0, start + axis * pixel_mm / 2, corner)
    return Plane(name, tuple(corner.tolist()), right, down, rows, columns, float(pixel_mm), letters)


def sample_plane(
    values: np.ndarray, geometry: ImageGeometry, plane: Plane, outside: float = 0.0, smooth: bool = True
) -> np.ndarray:
    """Values of an image, (z, y, x), on the plane, (rows, columns) float32: linear between voxels, or the nearest one.

    Pixels beyond the outer faces of the grid get ``outside``.
    """
    from scipy.ndimage import map_coordinates

    to_index = np.linalg.inv(geometry.index_to_lps)
    start = to_index[:3, :3] @ plane.corner_lps_mm + to_index[:3, 3]
    right, down = (to_index[:3, :3] @ np.asarray(axis) * plane.pixel_mm for axis in (plane.right, plane.down))
    row, column = np.mgrid[: plane.rows, : plane.columns].reshape(2, 1, -1)
    places = (start[:, None] + row * down[:, None] + column * right[:, None])[::-1]
    sizes = np.asarray(geometry.size)[:, None]
    inside = np.all((places > -0.5 - 1e-6) & (places < sizes - 0.5 + 1e-6), axis=0)
    values = np.asarray(values)
    if not smooth:
        places = np.rint(places)
    sampled = np.full(plane.rows * plane.columns, outside, dtype=np.float32)
    sampled[inside] = map_coordinates(values, places[:, inside], output=np.float32, order=1 if smooth else 0, mode="nearest")
    return sampled.reshape(plane.rows, plane.columns)
