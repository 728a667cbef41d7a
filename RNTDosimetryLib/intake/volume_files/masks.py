"""Masks, label maps and CTs of volume files."""

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import checked_path
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import CtImage
from RNTDosimetryLib.intake.volume_files.reading import load_volume_file

_MOST_LABELS_SHOWN = 12


def load_mask_file(path, region: str, label: int | None = None) -> tuple[ImageGeometry, np.ndarray]:
    """Grid and occupancy (z, y, x), 0 to 1, of one region. label: its number in a label map; without one the file is a mask.

    Raises DosimetryError, with the name of the region, for a label that is not there and for values that are none of a mask.
    """
    path = checked_path(path, f"the mask of region '{region}'")
    geometry, values = load_volume_file(path)
    if label is not None:
        occupancy = (values == label).astype(np.uint8)
        if not occupancy.any():
            raise DosimetryError(
                f"Expected label {label} in {path.name} for region '{region}', found {_labels(values)}; correct the label."
            )
        return geometry, occupancy
    if values.min() < 0 or values.max() > 1:
        raise DosimetryError(
            f"Expected a mask from 0 to 1 in {path.name} for region '{region}', received {_labels(values)}; save one segment as a mask, or give its label "
            "where the request has a place for it."
        )
    whole = values.astype(np.uint8)
    return geometry, whole if np.array_equal(values, whole) else values.astype(np.float32)


def load_ct_file(path, name: str = "CT") -> CtImage:
    """CT of a volume file in Hounsfield units."""
    geometry, hounsfield = load_volume_file(path)
    return CtImage(name, geometry, hounsfield.astype(np.float32))


def _labels(values: np.ndarray) -> str:
    found = [f"{value:g}" for value in np.unique(values) if value]
    shown = ", ".join(found[:_MOST_LABELS_SHOWN]) + (", ..." if len(found) > _MOST_LABELS_SHOWN else "")
    return f"the values {shown}" if found else "zeros only"
