"""Analytic shapes in patient coordinates, sampled on any grid in any pose.

A grid is a 4 x 4 matrix from array index (x, y, z) to patient mm, with index ranges. Every shape needs only linear
functions of the patient coordinates, and these are sums of one term per array axis: so no coordinate arrays are made.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from RNTDosimetryLib.base.errors import DosimetryError

_SLAB_VOXELS = 1_500_000


@dataclass(frozen=True)
class SampledBox:
    """Part of a grid: index_to_patient 4 x 4, and the index range [start, stop) of each array axis (z, y, x)."""

    index_to_patient: np.ndarray
    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        return tuple(b - a for a, b in zip(self.start, self.stop))

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        return tuple(slice(a, b) for a, b in zip(self.start, self.stop))

    def linear(self, row: np.ndarray, offset: float) -> np.ndarray:
        """``row . patient point + offset`` at every voxel centre, (z, y, x) float32."""
        coefficients = row @ self.index_to_patient[:3, :3]
        constant = row @ self.index_to_patient[:3, 3] + offset
        z, y, x = (np.arange(a, b, dtype=np.float64) for a, b in zip(self.start, self.stop))
        plane = (coefficients[2] * z + constant)[:, None] + (coefficients[1] * y)[None, :]
        return plane.astype(np.float32)[:, :, None] + (coefficients[0] * x).astype(np.float32)[None, None, :]

    def within(self, lower: np.ndarray, upper: np.ndarray) -> "SampledBox | None":
        """The part that can hold points between two corners in patient mm, or None."""
        corners = np.array([[x, y, z, 1.0] for x in (lower[0], upper[0]) for y in (lower[1], upper[1]) for z in (lower[2], upper[2])])
        index = (np.linalg.inv(self.index_to_patient) @ corners.T)[:3][::-1]
        start = tuple(max(a, int(np.ceil(low))) for a, low in zip(self.start, index.min(axis=1)))
        stop = tuple(min(b, int(np.floor(high)) + 1) for b, high in zip(self.stop, index.max(axis=1)))
        return None if any(a >= b for a, b in zip(start, stop)) else SampledBox(self.index_to_patient, start, stop)

    def slabs(self):
        """The box in slabs along z, so that temporary arrays stay small."""
        depth, height, width = self.shape
        step = max(1, _SLAB_VOXELS // (height * width))
        for first in range(0, depth, step):
            start = (self.start[0] + first, *self.start[1:])
            stop = (min(self.start[0] + first + step, self.stop[0]), *self.stop[1:])
            yield SampledBox(self.index_to_patient, start, stop)


@dataclass(frozen=True)
class Ellipsoid:
    """Sum of |local coordinate / semi-axis|**exponent <= 1; exponent 2 is an ellipsoid, larger ones approach a box.

    centre_mm, semi_axes_mm: (x, y, z). rotation: 3 x 3, columns are the local axes in patient coordinates.
    """

    centre_mm: np.ndarray
    semi_axes_mm: np.ndarray
    rotation: np.ndarray
    exponent: float = 2.0

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        scaled = self.rotation * self.semi_axes_mm
        half = np.sqrt((scaled**2).sum(axis=1)) if self.exponent == 2.0 else np.abs(scaled).sum(axis=1)
        return self.centre_mm - half, self.centre_mm + half

    def inside(self, box: SampledBox) -> np.ndarray:
        total = np.zeros(box.shape, dtype=np.float32)
        for axis in range(3):
            row = self.rotation[:, axis] / self.semi_axes_mm[axis]
            local = box.linear(row, -float(row @ self.centre_mm))
            total += local * local if self.exponent == 2.0 else np.abs(local) ** np.float32(self.exponent)
        return total <= 1.0


@dataclass(frozen=True)
class Union:
    parts: tuple

    def bounds(self):
        lower, upper = zip(*(part.bounds() for part in self.parts))
        return np.min(lower, axis=0), np.max(upper, axis=0)

    def inside(self, box: SampledBox) -> np.ndarray:
        result = np.zeros(box.shape, dtype=bool)
        for part in self.parts:
            sub = box.within(*part.bounds())
            if sub is not None:
                local = tuple(slice(a - o, b - o) for a, b, o in zip(sub.start, sub.stop, box.start))
                result[local] |= part.inside(sub)
        return result


@dataclass(frozen=True)
class Intersection:
    parts: tuple

    def bounds(self):
        lower, upper = zip(*(part.bounds() for part in self.parts))
        return np.max(lower, axis=0), np.min(upper, axis=0)

    def inside(self, box: SampledBox) -> np.ndarray:
        return np.logical_and.reduce([part.inside(box) for part in self.parts])


@dataclass(frozen=True)
class Difference:
    """The first part without the others."""

    parts: tuple

    def bounds(self):
        return self.parts[0].bounds()

    def inside(self, box: SampledBox) -> np.ndarray:
        return self.parts[0].inside(box) & ~Union(self.parts[1:]).inside(box)


def shape_from_data(data: dict, named: dict):
    """Shape from its JSON description (Resources/phantom/anatomy.json). Raises DosimetryError for an unknown kind."""
    kind = data["kind"]
    if kind == "named":
        return shape_from_data(named[data["name"]], named)
    if kind == "ellipsoid":
        return Ellipsoid(
            np.asarray(data["centre_mm"], dtype=float),
            np.asarray(data["semi_axes_mm"], dtype=float),
            Rotation.from_euler("xyz", data.get("rotation_deg", [0, 0, 0]), degrees=True).as_matrix(),
            float(data.get("exponent", 2.0)),
        )
    if kind == "vertebrae":
        x, y, z = data["centre_mm"]
        single = {**data, "kind": "ellipsoid"}
        return Union(tuple(shape_from_data({**single, "centre_mm": [x, y, z + level]}, named) for level in data["levels_mm"]))
    sets = {"union": Union, "intersection": Intersection, "difference": Difference}
    if kind not in sets:
        raise DosimetryError(f"Expected a shape of kind ellipsoid, vertebrae, named or {', '.join(sets)}, received '{kind}'.")
    return sets[kind](tuple(shape_from_data(part, named) for part in data["of"]))
