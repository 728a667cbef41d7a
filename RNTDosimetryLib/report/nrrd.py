"""Files of results: written whole or not at all, and recognized again by their hash."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.documents import RESEARCH_ONLY, replacing
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry


def write_dose_nrrd(
    path: str | Path,
    values: np.ndarray,
    geometry: ImageGeometry,
    unit: str = "Gy",
    quantity: str = "Absorbed dose",
    attributes: Mapping[str, str] | None = None,
) -> Path:
    """Writes a map, (z, y, x), as compressed NRRD (float32) with its unit and quantity in the header.

    The header has ``quantity``, ``measurement unit``, ``notice`` and the ``attributes`` as key and value.
    Raises DosimetryError when the shape differs from the geometry or a voxel is not finite.
    """
    import SimpleITK as sitk

    array = checked_map(values, geometry, quantity).astype(np.float32)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(geometry.spacing_mm[::-1])
    image.SetOrigin(geometry.origin_lps_mm)
    image.SetDirection([component for row in geometry.direction for component in row])
    header = {"quantity": quantity, "measurement unit": unit, "notice": RESEARCH_ONLY, **(attributes or {})}
    for key, value in header.items():
        image.SetMetaData(str(key), " ".join(str(value).split()))
    path = Path(path)
    if path.suffix != ".nrrd":
        raise DosimetryError(f"Expected a file name that ends in .nrrd, received {path.name}; rename it.")
    with replacing(path) as temporary:
        try:
            sitk.WriteImage(image, str(temporary), True)
        except RuntimeError as error:
            raise DosimetryError(
                f"Expected to write {path.name} into {path.parent}, received an error of the disk; make room or choose another folder."
            ) from error
    return path


def checked_map(values: np.ndarray, geometry: ImageGeometry, what: str) -> np.ndarray:
    """The map as an array, (z, y, x); raises DosimetryError when it does not fit its geometry or is not finite."""
    array = np.asarray(values)
    if array.shape != geometry.size:
        raise DosimetryError(
            f"Expected {what} of shape {geometry.size} (z, y, x), received {array.shape}; give the geometry of this very map."
        )
    if array.dtype.kind not in "fiub" or not np.all(np.isfinite(array)):
        raise DosimetryError(
            f"Expected finite numbers in {what}, received NaN, infinity or another type; it must not be written."
        )
    return array
