"""Volumes from NRRD, NIfTI and MetaImage files, for studies whose times are typed or stand in a file beside."""

import math
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.checks import checked_kind
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import MAP, NOT_WRITTEN, Record, checked_path, read_json_file
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.resampling import geometry_of_sitk, resample_array, rigid_matrix
from RNTDosimetryLib.images.volumes import ActivityImage
from RNTDosimetryLib.intake.ledger import positive_number, relative_number
from RNTDosimetryLib.intake.timing import LONGEST_SCAN_S
from RNTDosimetryLib.intake.units import unit_meaning
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
        raise DosimetryError(
            f"Expected an acquisition of up to a day in {path.name}, received {duration_s:g} s; type duration_s in seconds."
        )
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


DOSE_KEYS = ("unit", "activity_gbq", "decays", "uncertainty_file", "uncertainty_kind", "source", "name")
"""What must (unit) or may be typed about a dose file."""

_NEGATIVE_SHARE = 0.01
_UNCERTAINTY_KINDS = ("absolute", "relative")
_IMPLAUSIBLE_GY = 1e5


@dataclass(frozen=True, eq=False)
class DoseVolume(Record):
    """An absorbed dose map from a file. dose_gy, uncertainty_gy: (z, y, x) float32, uncertainty 1 sigma or None.

    source: where it comes from, in words. np.asarray gives the dose, so ``dose_volume_histogram`` and ``gamma_index`` take it.
    inside: (z, y, x) bool, where the file has data, after ``dose_on_grid``; None means everywhere.
    """

    name: str
    geometry: ImageGeometry
    dose_gy: np.ndarray = field(metadata=MAP, repr=False)
    uncertainty_gy: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN, repr=False)
    source: str = ""
    inside: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN, repr=False)
    warnings: tuple[str, ...] = ()

    def __array__(self, dtype=None, copy=None):
        return np.array(self.dose_gy, dtype=dtype, copy=copy)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        return self.geometry.spacing_mm


def load_dose_file(path, typed: dict | None = None) -> DoseVolume:
    """Dose map of a volume file (NRRD, NIfTI, MetaImage), with what is typed or stands in ``<file name>.json`` beside it.

    unit: of absorbed dose (Gy, mGy, ...), per administered activity (Gy/GBq; needs activity_gbq), or per decay (Gy/decay, as
    Monte Carlo programs write; needs decays, the number of decays in the whole volume). uncertainty_file: a volume on the
    same grid, beside it; uncertainty_kind: "absolute" in the same unit (default) or "relative". source, name: words.
    Raises DosimetryError for an unknown unit, a dose rate, negative doses, or an uncertainty on another grid.
    """
    path = checked_path(path, "a dose file")
    known = {**read_sidecar(path), **checked_kind({} if typed is None else typed, dict, "what is typed about the file")}
    unknown = sorted(set(known) - set(DOSE_KEYS))
    if unknown:
        raise DosimetryError(
            f"Expected for {path.name} only {', '.join(DOSE_KEYS)}, received {', '.join(unknown)}; correct the name."
        )
    factor = _factor_to_gy(known, path.name)
    geometry, values = load_volume_file(path)
    dose = values.astype(np.float64) * factor
    warnings = []
    if dose.max() <= 0:
        raise DosimetryError(f"Expected dose in {path.name}, received a map without any above zero; check the file.")
    if dose.min() < 0:
        if dose.min() < -_NEGATIVE_SHARE * dose.max():
            raise DosimetryError(
                f"Expected doses of zero or more in {path.name}, received {dose.min():.4g} Gy; check unit and interpolation."
            )
        warnings.append(f"{path.name}: {np.count_nonzero(dose < 0)} voxels slightly below zero were set to 0")
        dose = np.maximum(dose, 0.0)
    if dose.max() > _IMPLAUSIBLE_GY:
        warnings.append(f"{path.name}: the largest dose is {dose.max():.3g} Gy; check the unit and the number of decays")
    return DoseVolume(
        name=str(known.get("name") or path.name),
        geometry=geometry,
        dose_gy=dose.astype(np.float32),
        uncertainty_gy=_uncertainty(path, known, geometry, dose, factor),
        source=str(known.get("source") or path.name),
        warnings=tuple(warnings),
    )


def dose_on_grid(dose: DoseVolume, target_geometry: ImageGeometry, matrix=None) -> DoseVolume:
    """The dose on another grid, by linear interpolation, to be compared voxel by voxel.

    matrix: 4 x 4 LPS, from points of the target to points of the dose. The uncertainty is interpolated as if common to neighbors.
    Voxels without data are 0 and False in ``inside``, with a warning. Raises DosimetryError when the grids do not meet.
    """
    matrix = rigid_matrix(matrix)
    if dose.geometry.same_grid(target_geometry) and np.allclose(matrix, np.eye(4), atol=1e-9):
        return dose
    inside = resample_array(np.ones(dose.geometry.size, dtype=np.uint8), dose.geometry, target_geometry, matrix, linear=False) > 0
    if not inside.any():
        raise DosimetryError(
            f"Expected '{dose.name}' to overlap the target grid, received no common voxel; check the geometry of the file."
        )
    warnings = list(dose.warnings)
    if not inside.all():
        warnings.append(f"{dose.name}: covers {np.count_nonzero(inside) / inside.size:.1%} of the target grid; the rest is 0")
    uncertainty = dose.uncertainty_gy
    return DoseVolume(
        name=dose.name,
        geometry=target_geometry,
        dose_gy=resample_array(dose.dose_gy, dose.geometry, target_geometry, matrix),
        uncertainty_gy=None if uncertainty is None else resample_array(uncertainty, dose.geometry, target_geometry, matrix),
        source=dose.source,
        inside=inside,
        warnings=tuple(warnings),
    )


@lru_cache(maxsize=1)
def _units() -> dict:
    return read_json("images", "dose_units.json")


def _factor_to_gy(known: dict, name: str) -> float:
    table, unit = _units(), known.get("unit")
    if unit is None:
        raise DosimetryError(f"Expected the unit of {name}, received none; type it, or write it into {name}.json.")
    key = "".join(str(unit).lower().split())
    if key in table["dose"]:
        return float(table["dose"][key])
    if key in table["per_activity"]:
        if known.get("activity_gbq") is None:
            raise DosimetryError(
                f"Expected activity_gbq for {name}, whose unit is {unit}, received none; type the administered activity."
            )
        return float(table["per_activity"][key]) * positive_number(known["activity_gbq"], f"activity_gbq of {name}")
    if key in table["per_decay"]:
        if known.get("decays") is None:
            raise DosimetryError(
                f"Expected decays for {name}, whose unit is {unit}, received none; type how many decays the source stands for."
            )
        return float(table["per_decay"][key]) * positive_number(known["decays"], f"decays of {name}")
    reason = table["refused"].get(key, "a unit that is not known here")
    raise DosimetryError(
        f"Expected an absorbed dose such as Gy for the unit of {name}, received '{unit}' ({reason}); convert the map first."
    )


def _uncertainty(path: Path, known: dict, geometry: ImageGeometry, dose: np.ndarray, factor: float) -> np.ndarray | None:
    file, kind = known.get("uncertainty_file"), str(known.get("uncertainty_kind") or "absolute")
    if file is None:
        return None
    if kind not in _UNCERTAINTY_KINDS:
        raise DosimetryError(f"Expected uncertainty_kind absolute or relative for {path.name}, received '{kind}'; type one.")
    other, values = load_volume_file(path.parent / str(file))
    if not other.same_grid(geometry):
        raise DosimetryError(
            f"Expected the uncertainty {file} on the grid of {path.name}, received another; write both on one grid."
        )
    if values.min() < 0:
        raise DosimetryError(f"Expected uncertainties of zero or more in {file}, received {values.min():.4g}; check the file.")
    return (values.astype(np.float64) * (dose if kind == "relative" else factor)).astype(np.float32)
