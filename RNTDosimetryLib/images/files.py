"""Volumes from NRRD, NIfTI and MetaImage files, for studies whose times are typed or stand in a file beside."""

import math
import os
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.checks import checked_kind
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import checked_path, read_json_file
from RNTDosimetryLib.images.dicom_timing import LONGEST_SCAN_S
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.intake_ledger import positive_number, relative_number
from RNTDosimetryLib.images.quantification import unit_meaning
from RNTDosimetryLib.images.resampling import geometry_of_sitk
from RNTDosimetryLib.images.volumes import ActivityImage
from RNTDosimetryLib.nuclides.decay import acquisition_average_factor

SUFFIXES = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")


def load_volume_file(path) -> tuple[ImageGeometry, np.ndarray]:
    """Grid and values (z, y, x) of a volume file, in the unit of the file.

    Raises DosimetryError when the file is missing, of another kind, not a volume, or holds NaN or infinite voxels.
    """
    import SimpleITK as sitk

    path = checked_path(path, "a volume file")
    if not os.path.isfile(path):
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


ACTIVITY_KEYS = ("nuclide", "unit", "start_h", "decay_correction", "duration_s", "calibration_uncertainty", "name")
"""What must or may be typed about an activity file: the first four must."""


def load_activity_file(path, typed: dict | None = None) -> ActivityImage:
    """Activity image of a volume file, with what is typed or stands in ``<file name>.json`` beside it (typed values win).

    nuclide; unit (a concentration such as Bq/mL or kBq/mL); start_h, hours from administration to the start of acquisition;
    decay_correction NONE (needs duration_s), START or ADMIN; calibration_uncertainty, relative; name.
    Raises DosimetryError for what is missing, unknown or not readable.
    """
    from RNTDosimetryLib.nuclides import get_nuclide

    path = checked_path(path, "an activity file")
    known = {**read_sidecar(path), **checked_kind({} if typed is None else typed, dict, "what is typed about the file")}
    unknown = sorted(set(known) - set(ACTIVITY_KEYS))
    if unknown:
        raise DosimetryError(
            f"Expected for {path.name} only {', '.join(ACTIVITY_KEYS)}, received {', '.join(unknown)}; correct the name."
        )
    missing = [key for key in ACTIVITY_KEYS[:4] if known.get(key) is None]
    if missing:
        raise DosimetryError(
            f"Expected {', '.join(missing)} for {path.name}, received none; type it, or write it into {path.name}.json."
        )
    geometry, values = load_volume_file(path)
    meaning = unit_meaning(str(known["unit"]))
    if meaning.kind != "concentration":
        raise DosimetryError(
            f"Expected a concentration such as Bq/mL for the unit of {path.name}, received '{known['unit']}'; calibrate it first."
        )
    nuclide = get_nuclide(str(known["nuclide"]))
    start_h = positive_number(known["start_h"], f"start_h of {path.name}", zero_allowed=True)
    duration_s = None if known.get("duration_s") is None else positive_number(known["duration_s"], f"duration_s of {path.name}")
    if duration_s is not None and duration_s >= LONGEST_SCAN_S:
        raise DosimetryError(f"Expected an acquisition of up to a day in {path.name}, received {duration_s:g} s; type duration_s in seconds.")
    factor = meaning.factor * _decay_factor(str(known["decay_correction"]).upper(), nuclide, start_h, duration_s, path.name)
    return ActivityImage(
        name=str(known.get("name") or path.name),
        geometry=geometry,
        concentration_bq_ml=values.astype(np.float64) * factor,
        nuclide=nuclide.name,
        start_h=start_h,
        duration_s=duration_s,
        calibration_uncertainty=relative_number(known.get("calibration_uncertainty") or 0.0, "calibration_uncertainty"),
    )


def _decay_factor(correction: str, nuclide, start_h: float, duration_s: float | None, name: str) -> float:
    if correction == "START":
        return 1.0
    if correction == "ADMIN":
        return math.exp(-nuclide.decay_constant_per_h * start_h)
    if correction != "NONE":
        raise DosimetryError(
            f"Expected decay_correction NONE, START or ADMIN for {name}, received '{correction}'; type one of them."
        )
    if duration_s is None:
        raise DosimetryError(f"Expected duration_s for {name}, which is not decay corrected, received none; type it.")
    return float(acquisition_average_factor(nuclide.decay_constant_per_h / 3600.0, duration_s))


def read_sidecar(path: Path) -> dict:
    """Content of ``<file name>.json`` beside a volume file, {} without one. Raises DosimetryError when it is not a JSON object."""
    beside = path.with_name(path.name + ".json")
    if not os.path.isfile(beside):
        return {}
    content = read_json_file(beside, "a file of typed values")
    if not isinstance(content, dict):
        raise DosimetryError(f"Expected an object in {beside.name}, received something else; see docs/file_formats.md.")
    return content
