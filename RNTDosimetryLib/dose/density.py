"""Mass density per voxel from CT."""

from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.base.checks import numbers_array, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned


@dataclass(frozen=True, eq=False)
class DensityMap(Record):
    """Mass density in g/mL, (z, y, x) float32; ``np.asarray(density_map)`` is the array, and ``dose_map`` takes it as it is.

    curve: name of the Hounsfield curve. below_range_fraction, above_range_fraction: shares of voxels clipped to its ends.
    """

    density_g_ml: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    curve: str
    below_range_fraction: float
    above_range_fraction: float
    warnings: tuple[str, ...] = ()

    def __array__(self, dtype=None, copy=None):
        return np.array(self.density_g_ml, dtype=dtype, copy=copy)


def hounsfield_curve() -> dict:
    """The shipped curve with its source: Resources/dose/hounsfield_density.json."""
    return read_json("dose", "hounsfield_density.json")


def density_from_hounsfield(hounsfield, curve_points=None) -> DensityMap:
    """Mass density of a CT by a piecewise linear curve.

    hounsfield: (z, y, x) array in HU, or a CtImage. curve_points: the scanner's own curve as rows (HU, g/mL), rising in HU;
    None takes the shipped one. Values below the first point become its density (air), so that padding of -2000 or -3024 stays
    air; values above the last (metal, dense contrast medium) become its density. Both are counted and warned about.
    Raises DosimetryError for NaN, a curve that does not rise, or densities that are not positive.
    """
    values = numbers_array(getattr(hounsfield, "hounsfield", hounsfield), "a CT of finite Hounsfield units", "load the CT again")
    shipped = hounsfield_curve()
    if curve_points is None:
        points = np.array([shipped["hounsfield"], shipped["density_g_ml"]], dtype=float)
        name = shipped["name"]
    else:
        points, name = _checked_points(curve_points), "given by the user"
    low, high = points[0, 0], points[0, -1]
    padding = float(np.count_nonzero(values < min(low, shipped["padding_below_hounsfield"]))) / values.size
    above = float(np.count_nonzero(values > high)) / values.size
    warnings = []
    if padding > shipped["warn_above_fraction"]:
        warnings.append(warned("ct_padding_taken_as_air", percent=100 * padding, limit=shipped["padding_below_hounsfield"]))
    if above > 0:
        warnings.append(warned("ct_above_the_curve", percent=100 * above, limit=high, density=float(points[1, -1])))
    if values.min() >= 0:
        warnings.append(warned("ct_without_air"))
    return DensityMap(
        density_g_ml=np.interp(values, points[0], points[1]).astype(np.float32),
        curve=name,
        below_range_fraction=float(np.count_nonzero(values < low)) / values.size,
        above_range_fraction=above,
        warnings=tuple(warnings),
    )


def _checked_points(curve_points) -> np.ndarray:
    points = numbers_array(curve_points, "rows of (HU, density in g/mL)", "correct the curve")
    if points.ndim != 2 or points.shape[0] < 2 or points.shape[1] != 2:
        raise DosimetryError(
            f"Expected rows of (HU, density in g/mL), two or more, received {shown(curve_points)}; correct the curve."
        )
    if np.any(np.diff(points[:, 0]) <= 0) or np.any(points[:, 1] <= 0):
        raise DosimetryError("Expected a curve with rising HU and positive densities, received another; correct the curve.")
    return points.T
