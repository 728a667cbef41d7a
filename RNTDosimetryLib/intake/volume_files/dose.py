"""Absorbed dose maps of volume files, made elsewhere: their unit is entered or stands in a file beside."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import MAP, NOT_WRITTEN, Record, checked_path
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.resampling import resample_array, rigid_matrix
from RNTDosimetryLib.intake.ledger import positive_number
from RNTDosimetryLib.intake.volume_files.header import neighbor_file
from RNTDosimetryLib.intake.volume_files.reading import load_volume_file, read_volume
from RNTDosimetryLib.intake.volume_files.sidecar import known_of

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
    known = known_of(path, typed, DOSE_KEYS)
    factor = _factor_to_gy(known, path.name)
    read = read_volume(path)
    geometry, dose = read.geometry, read.values.astype(np.float64) * factor
    warnings = list(read.warnings(path.name))
    if dose.max() <= 0:
        raise DosimetryError(f"Expected dose in {path.name}, received a map without any above zero; check the file.")
    if dose.min() < 0:
        if dose.min() < -_NEGATIVE_SHARE * dose.max():
            raise DosimetryError(
                f"Expected doses of zero or more in {path.name}, received {dose.min():.4g} Gy; check unit and interpolation."
            )
        warnings.append(f"{path.name}: {warned('dose_below_zero_set_to_zero', count=np.count_nonzero(dose < 0))}")
        dose = np.maximum(dose, 0.0)
    if dose.max() > _IMPLAUSIBLE_GY:
        warnings.append(f"{path.name}: {warned('dose_implausible', dose_gy=dose.max())}")
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
        warnings.append(f"{dose.name}: {warned('dose_covers_a_part', share=np.count_nonzero(inside) / inside.size)}")
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
    other, values = load_volume_file(neighbor_file(path, str(file), "uncertainty_file"))
    if not other.same_grid(geometry):
        raise DosimetryError(
            f"Expected the uncertainty {file} on the grid of {path.name}, received another; write both on one grid."
        )
    if values.min() < 0:
        raise DosimetryError(f"Expected uncertainties of zero or more in {file}, received {values.min():.4g}; check the file.")
    return (values.astype(np.float64) * (dose if kind == "relative" else factor)).astype(np.float32)
