"""Images and segments that a plan or verification file names: a DICOM folder with segments in it, or volume files."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ActivityImage, CtImage, Region, occupancy_on_grid
from RNTDosimetryLib.intake import load_volume_file, read_folder


def read_scan(path: Path, what: str) -> tuple[ActivityImage, CtImage | None, dict[str, Region]]:
    """Image, CT and segments of a DICOM folder; of a volume file the image alone, in the unit of the file.

    Raises DosimetryError for a folder with more or less than one scan. what: the scan in words.
    """
    if not os.path.isdir(path):
        geometry, values = load_volume_file(path)
        return ActivityImage(path.name, geometry, values), None, {}
    points = read_folder(path).time_points
    if len(points) != 1:
        raise DosimetryError(f"Expected one scan in the {what} folder {path.name}, received {len(points)}; name the folder of the {what} alone.")
    point = points[0]
    return point.activity, point.ct.load_ct(), {region.name: region for region in point.regions}


def read_segments(items, found: dict[str, Region], folder: Path) -> list[Region]:
    """Segments by name and place: {"T1": "tumour.nrrd"}, or a list of names among the segments ``found`` in the DICOM folder."""
    pairs = items.items() if isinstance(items, Mapping) else [(name, name) for name in items]
    return [read_segment(str(name), str(where), found, folder) for name, where in pairs]


def read_segment(name: str, where: str, found: dict[str, Region], folder: Path) -> Region:
    """One segment: of that name in the DICOM folder, or a file beside the request. Raises DosimetryError when it is neither."""
    if where in found:
        return found[where]
    if not os.path.isfile(folder / where):
        known = ", ".join(found) or "none"
        raise DosimetryError(f"Expected a segment '{where}' in the DICOM folder (it has {known}) or a file of that name, found neither; check the name.")
    geometry, values = load_volume_file(folder / where)
    if values.min() < 0 or values.max() > 1:
        raise DosimetryError(f"Expected a segment of 0 and 1 in {where}, received {values.min():g} to {values.max():g}; save one segment as a mask.")
    return Region(name, geometry, np.asarray(values))


def joined_region(name: str, regions: list[Region]) -> Region:
    """Regions as one, on the grid of the first."""
    grid = regions[0].geometry
    occupancy = np.maximum.reduce([occupancy_on_grid(region, grid) for region in regions])
    return Region(name, grid, occupancy, density_g_ml=regions[0].density_g_ml)
