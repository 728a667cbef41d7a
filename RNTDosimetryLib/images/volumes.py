"""The images and regions that the road works on. Validated when made: one that exists is valid."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from RNTDosimetryLib.base.checks import LARGEST_NUMBER, checked_kind, checked_mass, checked_number, density_number, number_array
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.nuclides.table import checked_nuclide


def _frozen_array(values: Any, geometry: ImageGeometry, what: str, dtype: Any = np.float32) -> np.ndarray:
    checked_kind(geometry, ImageGeometry, f"the geometry of {what}")
    array = number_array(values, what, dtype=dtype)
    if array.shape != geometry.size:
        raise DosimetryError(
            f"Expected {what} of shape {geometry.size} (z, y, x), received {array.shape}; check the image geometry."
        )
    if array.dtype.kind == "f":
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        if bad:
            raise DosimetryError(
                f"Expected finite voxel values in {what}, received {bad} NaN or infinite voxels; repair the image first."
            )
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


@dataclass(frozen=True)
class CtImage(Record):
    """CT of one time point: Hounsfield units, (z, y, x) float32."""

    name: str
    geometry: ImageGeometry
    hounsfield: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    frame_of_reference_uid: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "hounsfield", _frozen_array(self.hounsfield, self.geometry, f"CT '{self.name}'"))


@dataclass(frozen=True)
class ActivityImage(Record):
    """Activity concentration of one time point, Bq/mL, (z, y, x) float32.

    The value is the true concentration at ``start_h`` (hours from the start of administration to the start of
    acquisition): rescale, calibration, decay correction and decay during the acquisition have been dealt with.
    ``duration_s`` is None when it is not known and was not needed. ``calibration_uncertainty`` is relative, 1 sigma,
    common to all time points.
    """

    name: str
    geometry: ImageGeometry
    concentration_bq_ml: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    nuclide: str = ""
    start_h: float = 0.0
    acquisition_start: datetime | None = None
    duration_s: float | None = None
    frame_of_reference_uid: str = ""
    calibration_uncertainty: float = 0.0
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        what = f"activity image '{self.name}'"
        object.__setattr__(self, "concentration_bq_ml", _frozen_array(self.concentration_bq_ml, self.geometry, what))
        if (
            checked_number(
                self.start_h, f"the start of {what} in h", "type the hours from administration to scan", least=-LARGEST_NUMBER
            )
            < 0
        ):
            raise DosimetryError(
                f"Expected {what} to start after the administration, received {self.start_h:.3g} h; check the dates and times of both."
            )
        checked_nuclide(self.nuclide, what)
        if self.duration_s is not None:
            checked_number(
                self.duration_s, f"duration_s of {what}", "type the time of acquisition in s or leave it out", above=True
            )
        checked_number(self.calibration_uncertainty, f"calibration_uncertainty of {what}", "give 0.05 for 5 %")


@dataclass(frozen=True)
class Region(Record):
    """An organ, lesion or other volume on its own grid, with what was typed about it.

    occupancy: (z, y, x), 0 to 1, the fraction of each voxel inside; an ordinary mask is 0 and 1.
    mass_g and density_g_ml are None when the default applies (volume times density of soft tissue).
    recovery_coefficient: measured over true concentration, 1 without correction. recovery_volume_sensitivity: d ln R / d ln v where
    a curve gave the coefficient for the volume, and then recovery_coefficient_uncertainty holds no part from the volume; 0 otherwise.
    """

    name: str
    geometry: ImageGeometry
    occupancy: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    kind: str = "organ"
    mass_g: float | None = None
    density_g_ml: float | None = None
    recovery_coefficient: float = 1.0
    recovery_coefficient_uncertainty: float = 0.0
    recovery_volume_sensitivity: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise DosimetryError(f"Expected a name for each region, received {self.name!r}; name it.")
        what = f"region '{self.name}'"
        occupancy = number_array(self.occupancy, what, dtype=None)
        occupancy = occupancy.astype(np.uint8) if occupancy.dtype == bool else occupancy
        if occupancy.size and (occupancy.min() < 0 or occupancy.max() > 1):
            raise DosimetryError(
                f"Expected occupancies between 0 and 1 in {what}, received {occupancy.min()} to {occupancy.max()}; save one segment as a mask."
            )
        dtype = np.uint8 if occupancy.dtype.kind in "ui" else np.float32
        occupancy = _frozen_array(occupancy, self.geometry, what, dtype)
        object.__setattr__(self, "occupancy", occupancy)
        if not occupancy.any():
            raise DosimetryError(
                f"Expected region '{self.name}' to hold at least one voxel, received an empty one; draw it or leave it out."
            )
        if self.mass_g is not None:
            checked_mass(self.mass_g, f"mass_g of {what}")
        if self.density_g_ml is not None:
            density_number(self.density_g_ml, f"density_g_ml of {what}")
        checked_number(
            self.recovery_coefficient, f"the recovery coefficient of {what}", "1 means no correction", 0.0, 2.0, above=True
        )
        checked_number(
            self.recovery_coefficient_uncertainty, f"the recovery coefficient uncertainty of {what}", "give 0.03 for 0.03 of 1"
        )
        sensitivity = f"the change of the recovery coefficient of {what} with its volume"
        checked_number(self.recovery_volume_sensitivity, sensitivity, "leave it out for a typed coefficient", -10.0, 10.0)

    @property
    def volume_ml(self) -> float:
        return float(self.occupancy.sum(dtype=np.float64)) * self.geometry.voxel_volume_ml
