"""Dose maps with known differences, as files."""

import json

import numpy as np

from RNTDosimetryLib.images import ImageGeometry
from RNTDosimetryLib.images.resampling import to_sitk
from RNTDosimetryLib.roads.compare.run import read_comparison, run_comparison

GRID = ImageGeometry((10, 12, 16), (4.0, 4.0, 4.0), (-30.0, 10.0, 200.0))
GRADIENT_GY_PER_MM = 0.5


def ramp():
    """20 Gy at the first column, rising by 0.5 Gy/mm along x to 50 Gy at the last."""
    return np.broadcast_to(20.0 + GRADIENT_GY_PER_MM * 4.0 * np.arange(16), GRID.size).copy()


def middle(margin=4):
    """Mask of the grid without ``margin`` voxels at each end of x, and one at the others."""
    mask = np.zeros(GRID.size, dtype=np.uint8)
    mask[1:-1, 1:-1, margin:-margin] = 1
    return mask


def save(path, values, geometry=GRID):
    import SimpleITK as sitk

    values = np.asarray(values)
    sitk.WriteImage(to_sitk(values if values.dtype == np.uint8 else values.astype(np.float32), geometry), str(path))
    return path


def compare(folder, **content):
    """Result of a comparison file with this content, written into ``folder``."""
    (folder / "compare_request.json").write_text(json.dumps(content), encoding="utf-8")
    return run_comparison(read_comparison(folder / "compare_request.json"))


def map_file(path, /, **typed):
    return {"file": path, "unit": "Gy"} | typed
