"""The phantom patient's body: structures with shape, Hounsfield value, density and the region whose kinetics they follow."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial.transform import Rotation

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.images.geometry import ImageGeometry

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
        """``row . patient point + offset`` at every voxel center, (z, y, x) float32."""
        coefficients = row @ self.index_to_patient[:3, :3]
        constant = row @ self.index_to_patient[:3, 3] + offset
        z, y, x = (np.arange(a, b, dtype=np.float64) for a, b in zip(self.start, self.stop))
        plane = (coefficients[2] * z + constant)[:, None] + (coefficients[1] * y)[None, :]
        return plane.astype(np.float32)[:, :, None] + (coefficients[0] * x).astype(np.float32)[None, None, :]

    def within(self, lower: np.ndarray, upper: np.ndarray) -> "SampledBox | None":
        """The part that can hold points between two corners in patient mm, or None."""
        corners = np.array(
            [[x, y, z, 1.0] for x in (lower[0], upper[0]) for y in (lower[1], upper[1]) for z in (lower[2], upper[2])]
        )
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

    center_mm, semi_axes_mm: (x, y, z). rotation: 3 x 3, columns are the local axes in patient coordinates.
    """

    center_mm: np.ndarray
    semi_axes_mm: np.ndarray
    rotation: np.ndarray
    exponent: float = 2.0

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        scaled = self.rotation * self.semi_axes_mm
        half = np.sqrt((scaled**2).sum(axis=1)) if self.exponent == 2.0 else np.abs(scaled).sum(axis=1)
        return self.center_mm - half, self.center_mm + half

    def inside(self, box: SampledBox) -> np.ndarray:
        total = np.zeros(box.shape, dtype=np.float32)
        for axis in range(3):
            row = self.rotation[:, axis] / self.semi_axes_mm[axis]
            local = box.linear(row, -float(row @ self.center_mm))
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
            np.asarray(data["center_mm"], dtype=float),
            np.asarray(data["semi_axes_mm"], dtype=float),
            Rotation.from_euler("xyz", data.get("rotation_deg", [0, 0, 0]), degrees=True).as_matrix(),
            float(data.get("exponent", 2.0)),
        )
    if kind == "vertebrae":
        x, y, z = data["center_mm"]
        single = {**data, "kind": "ellipsoid"}
        return Union(tuple(shape_from_data({**single, "center_mm": [x, y, z + level]}, named) for level in data["levels_mm"]))
    sets = {"union": Union, "intersection": Intersection, "difference": Difference}
    if kind not in sets:
        raise DosimetryError(f"Expected a shape of kind ellipsoid, vertebrae, named or {', '.join(sets)}, received '{kind}'.")
    return sets[kind](tuple(shape_from_data(part, named) for part in data["of"]))


AIR_HOUNSFIELD = -1000.0
AIR_DENSITY_G_ML = 0.0012
NO_REGION = "none"

_POINTS_PER_REGION = 3_000_000


@dataclass(frozen=True)
class Structure:
    """One painted part of the body. region: name in kinetics.json, or "none" without activity."""

    name: str
    region: str
    hounsfield: float
    density_g_ml: float
    shape: object


@dataclass(frozen=True)
class CouchPart:
    """Part of the scanner's couch: it stays when the patient moves."""

    name: str
    hounsfield: float
    shape: object


@dataclass(frozen=True)
class Anatomy:
    """Structures in painting order (later ones replace earlier ones), and the regions that are drawn for dosimetry."""

    structures: tuple[Structure, ...]
    drawn_regions: tuple[str, ...]
    couch: tuple[CouchPart, ...] = ()

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of all regions with activity."""
        return tuple(dict.fromkeys(item.region for item in self.structures if item.region != NO_REGION))

    def labels(self, index_to_patient: np.ndarray, size: tuple[int, int, int]) -> np.ndarray:
        """Structure at each voxel center, (z, y, x) uint8: 0 is air, n the n-th structure.

        index_to_patient: 4 x 4, array index (x, y, z) to patient mm; for a moved patient the inverse pose is part of it.
        """
        return self.labels_in(SampledBox(np.asarray(index_to_patient, dtype=float), (0, 0, 0), tuple(size)))

    def labels_in(self, box: SampledBox) -> np.ndarray:
        """As ``labels`` for a part of a grid, whose index range may start anywhere."""
        return _painted([item.shape for item in self.structures], box)

    def couch_labels(self, index_to_lps: np.ndarray, size: tuple[int, int, int]) -> np.ndarray:
        """Part of the couch at each voxel center, (z, y, x) uint8: 0 is none, n the n-th part; it takes no pose."""
        return _painted(
            [item.shape for item in self.couch], SampledBox(np.asarray(index_to_lps, dtype=float), (0, 0, 0), tuple(size))
        )

    def table(self, values: dict[str, float]) -> np.ndarray:
        """Value per label from a value per region; air and structures without activity have 0. float32."""
        return np.array([0.0] + [values.get(item.region, 0.0) for item in self.structures], dtype=np.float32)

    def hounsfield_table(self) -> np.ndarray:
        return np.array([AIR_HOUNSFIELD] + [item.hounsfield for item in self.structures], dtype=np.float32)

    def couch_hounsfield_table(self) -> np.ndarray:
        return np.array([AIR_HOUNSFIELD] + [item.hounsfield for item in self.couch], dtype=np.float32)

    def density_table(self) -> np.ndarray:
        return np.array([AIR_DENSITY_G_ML] + [item.density_g_ml for item in self.structures], dtype=np.float32)

    def region_mask(self, labels: np.ndarray, region: str) -> np.ndarray:
        """Boolean (z, y, x) mask of a region in a label image."""
        return np.isin(labels, [number for number, item in enumerate(self.structures, start=1) if item.region == region])

    def region_bounds(self, region: str) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper corner of a region in patient mm."""
        lower, upper = zip(*(item.shape.bounds() for item in self.structures if item.region == region))
        return np.min(lower, axis=0), np.max(upper, axis=0)

    def counted_volume_ml(self, region: str, points: int) -> float:
        """Volume of a region by counting about so many points in its bounding box."""
        lower, upper = self.region_bounds(region)
        # Points at half steps, so that the sampled boxes fill the bounding box exactly.
        extent = upper - lower
        counts = np.maximum(np.ceil(extent / (np.prod(extent) / points) ** (1 / 3)).astype(int), 8)
        step = extent / counts
        matrix = np.eye(4)
        matrix[:3, :3] = np.diag(step)
        matrix[:3, 3] = lower + step / 2
        labels = self.labels(matrix, tuple(counts[::-1]))
        return float(np.count_nonzero(self.region_mask(labels, region))) * float(np.prod(step)) / 1000.0

    def region_density_g_ml(self, region: str) -> float:
        """Density of a region whose structures share one."""
        return next(item.density_g_ml for item in self.structures if item.region == region)


def _painted(shapes: list, box: SampledBox) -> np.ndarray:
    """Number of the last shape at each point, counted from 1; 0 is none."""
    labels = np.zeros(box.shape, dtype=np.uint8)
    for number, shape in enumerate(shapes, start=1):
        part = box.within(*shape.bounds())
        if part is None:
            continue
        for slab in part.slabs():
            view = labels[tuple(slice(a - o, b - o) for a, b, o in zip(slab.start, slab.stop, box.start))]
            view[shape.inside(slab)] = number
    return labels


def load_anatomy() -> Anatomy:
    """The anatomy of ``Resources/phantom/anatomy.json``."""
    return read_anatomy("anatomy.json")


@lru_cache(maxsize=2)
def read_anatomy(name: str) -> Anatomy:
    """The anatomy of a file in ``Resources/phantom``."""
    data = read_json("phantom", name)
    structures = tuple(
        Structure(
            item["name"],
            item["region"],
            float(item["hounsfield"]),
            float(item["density_g_ml"]),
            shape_from_data(item["shape"], data["named_shapes"]),
        )
        for item in data["structures"]
    )
    couch = tuple(
        CouchPart(item["name"], float(item["hounsfield"]), shape_from_data(item["shape"], {})) for item in data["couch"]
    )
    return Anatomy(structures, tuple(data["drawn_regions"]), couch)


def index_to_patient(geometry: ImageGeometry, pose: np.ndarray | None = None) -> np.ndarray:
    """4 x 4 matrix from array index (x, y, z) of a scan to reference patient mm; pose: reference patient to scan."""
    return geometry.index_to_lps if pose is None else np.linalg.inv(pose) @ geometry.index_to_lps


@lru_cache(maxsize=32)
def region_volume_ml(region: str) -> float:
    """Volume of a region by counting about three million points in its bounding box (error below 0.1 %)."""
    return load_anatomy().counted_volume_ml(region, _POINTS_PER_REGION)
