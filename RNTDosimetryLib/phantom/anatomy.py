"""The phantom patient's body: structures with shape, Hounsfield value, density and the region whose kinetics they follow."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.phantom.shapes import SampledBox, shape_from_data

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
        """Structure at each voxel centre, (z, y, x) uint8: 0 is air, n the n-th structure.

        index_to_patient: 4 x 4, array index (x, y, z) to patient mm; for a moved patient the inverse pose is part of it.
        """
        return self.labels_in(SampledBox(np.asarray(index_to_patient, dtype=float), (0, 0, 0), tuple(size)))

    def labels_in(self, box: SampledBox) -> np.ndarray:
        """As ``labels`` for a part of a grid, whose index range may start anywhere."""
        return _painted([item.shape for item in self.structures], box)

    def couch_labels(self, index_to_lps: np.ndarray, size: tuple[int, int, int]) -> np.ndarray:
        """Part of the couch at each voxel centre, (z, y, x) uint8: 0 is none, n the n-th part; it takes no pose."""
        return _painted([item.shape for item in self.couch], SampledBox(np.asarray(index_to_lps, dtype=float), (0, 0, 0), tuple(size)))

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
    couch = tuple(CouchPart(item["name"], float(item["hounsfield"]), shape_from_data(item["shape"], {})) for item in data["couch"])
    return Anatomy(structures, tuple(data["drawn_regions"]), couch)


def index_to_patient(geometry: ImageGeometry, pose: np.ndarray | None = None) -> np.ndarray:
    """4 x 4 matrix from array index (x, y, z) of a scan to reference patient mm; pose: reference patient to scan."""
    return geometry.index_to_lps if pose is None else np.linalg.inv(pose) @ geometry.index_to_lps


@lru_cache(maxsize=32)
def region_volume_ml(region: str) -> float:
    """Volume of a region by counting about three million points in its bounding box (error below 0.1 %)."""
    return load_anatomy().counted_volume_ml(region, _POINTS_PER_REGION)
