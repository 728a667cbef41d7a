"""Volumes from NRRD, NIfTI and MetaImage files, for studies whose times are typed."""

from pathlib import Path

import numpy as np

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.resampling import geometry_of_sitk

SUFFIXES = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")


def load_volume_file(path) -> tuple[ImageGeometry, np.ndarray]:
    """Grid and values (z, y, x) of a volume file, in the unit of the file.

    Raises DosimetryError when the file is missing, of another kind, not a volume, or holds NaN or infinite voxels.
    """
    import SimpleITK as sitk

    path = Path(path)
    if not path.is_file():
        raise DosimetryError(f"Expected a volume file at {path}, found none; check the path.")
    if not path.name.lower().endswith(SUFFIXES):
        raise DosimetryError(f"Expected a volume file ({', '.join(SUFFIXES)}), received {path.name}; convert it first.")
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise DosimetryError(
            f"Expected a readable volume in {path.name}, received one that cannot be read; write the file again."
        ) from error
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[..., 0]
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise DosimetryError(
            f"Expected one value per voxel on three axes in {path.name}, received {image.GetDimension()} axes and "
            f"{image.GetNumberOfComponentsPerPixel()} components; save one time point as one volume."
        )
    array = sitk.GetArrayFromImage(image)
    bad = int(array.size - np.count_nonzero(np.isfinite(array)))
    if bad:
        raise DosimetryError(
            f"Expected finite voxel values in {path.name}, received {bad} NaN or infinite voxels; repair the image first."
        )
    return geometry_of_sitk(image), array
