"""Dose maps: time-integrated activity per voxel to absorbed dose per voxel."""

from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.base.checks import (
    checked_density,
    checked_spacing,
    density_number,
    finite_array,
    one_of,
    positive_number,
    three_axes,
)
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.dose.decay import decay_warnings, local_energy_mev, source_nuclide
from RNTDosimetryLib.dose.superposition import absorbed_energy
from RNTDosimetryLib.dose.units import GY_G_PER_MBQ_H_MEV, JOULE_PER_MEV, SECONDS_PER_HOUR
from RNTDosimetryLib.dose.voxel_s import voxel_kernel

METHODS = ("local", "kernel")
AIR_BELOW_G_ML = 0.1
"""Below this a voxel is air: energy over its own mass would be no dose of tissue. The emptiest lung is above."""
_DENSITY_STEP_G_ML = 0.05
_LARGEST_DOSE_GY = 1e20
_PHOTON_SHARE_TO_MENTION = 0.01
_AIR_SHARE_TO_MENTION = 0.001


@dataclass(frozen=True, eq=False)
class DoseMap(Record):
    """Absorbed dose per voxel. ``np.asarray(dose_map)`` is the (z, y, x) array in Gy, ``dose_map[z, y, x]`` one of its voxels.

    dose_gy: (z, y, x) float32. uncertainty_gy: standard uncertainty per voxel or None. spacing_mm: (z, y, x).
    energy_mev: energy per decay that the method puts into the map's range. remainder_fraction: share of the energy per decay that it
    leaves out: photons with local deposition; what falls beyond the kernel's range with the kernel. density: what was used, in words.
    """

    dose_gy: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    spacing_mm: tuple[float, float, float]
    nuclide: str
    method: str
    energy_mev: float
    remainder_fraction: float
    density: str
    mean_gy: float
    maximum_gy: float
    warnings: tuple[str, ...] = ()
    uncertainty_gy: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN, repr=False)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.dose_gy, dtype=dtype, copy=copy)

    def __getitem__(self, index):
        return self.dose_gy[index]

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.dose_gy.shape


def dose_map(
    tia_mbq_h_ml,
    spacing_mm,
    nuclide,
    method: str = "local",
    density_g_ml=1.0,
    *,
    tia_uncertainty_mbq_h_ml=None,
    local_dose_constant_j_per_gbq: float | None = None,
    kernel_density_g_ml: float | None = None,
) -> DoseMap:
    """Absorbed dose of a map of time-integrated activity concentration.

    tia_mbq_h_ml: (z, y, x), MBq*h/mL, no negative voxels. spacing_mm: (z, y, x). nuclide: name or Nuclide; short-lived progeny counts
    as in equilibrium. method: "local" leaves the energy of electrons and alphas in the voxel of the decay, D = TIA E / density, and
    leaves photons out; "kernel" convolves with the voxel S kernel of electrons, alphas and photons (docs/dose_maps.md).
    density_g_ml: a number, a (z, y, x) array, or the DensityMap of ``density_from_hounsfield``.
    tia_uncertainty_mbq_h_ml: standard uncertainty per voxel, taken as common to all voxels; gives ``uncertainty_gy``.
    local_dose_constant_j_per_gbq: another J/GBq than the nuclide's (e.g. 49.67 for 90Y), for the local method only.
    kernel_density_g_ml: density in which photons spread (and electrons, where it is uniform); None takes ``reference_density``.
    Raises DosimetryError for negative or NaN TIA, density that is not positive, implausible spacing, unknown nuclide or method.
    """
    spacing = checked_spacing(spacing_mm)
    remedy = "set such voxels to zero or fit them again"
    tia = three_axes(finite_array(tia_mbq_h_ml, "the map of time-integrated activity", remedy), "the map of time-integrated activity")
    density = checked_density(density_g_ml, tia.shape)
    source = source_nuclide(nuclide)
    uncertainty = _checked_uncertainty(tia_uncertainty_mbq_h_ml, tia.shape)
    warnings = decay_warnings(source) + tuple(getattr(density_g_ml, "warnings", ()))
    one_of(method, METHODS, "the dose method")
    if kernel_density_g_ml is None:
        reference = reference_density(tia, density)
    else:
        reference = density_number(kernel_density_g_ml)
    mass_density = tissue_density(density, reference)
    if method == "local":
        energy = local_energy_mev(source)
        if local_dose_constant_j_per_gbq is not None:
            constant = positive_number(local_dose_constant_j_per_gbq, "local dose constant in J/GBq", "leave it empty for the nuclide's own")
            energy = _energy_of_constant(constant, source)
            warnings += (f"Local dose constant {constant:.4g} J/GBq given by the user.",)
        remainder = source.photon_energy_mev / (energy + source.photon_energy_mev)
        if remainder > _PHOTON_SHARE_TO_MENTION:
            warnings += (f"Local deposition leaves out the photons of {source.name}, {100 * remainder:.0f} % of its energy per decay.",)
        per_tia = GY_G_PER_MBQ_H_MEV * energy / mass_density
        spread = [tia, uncertainty]
    else:
        if local_dose_constant_j_per_gbq is not None:
            raise DosimetryError("Expected a local dose constant with the local method only, received one with the kernel; leave it empty.")
        kernel = voxel_kernel(source, spacing, reference, tia.shape)
        energy = kernel.electron_inside_mev + kernel.photon_inside_mev
        remainder = kernel.remainder
        per_tia = 1 / mass_density
        spread = [None if image is None else absorbed_energy(image, spacing, source, kernel, mass_density) for image in (tia, uncertainty)]
    dose, shifted = (None if image is None else _as_dose(image * per_tia) for image in spread)
    return DoseMap(
        dose_gy=dose,
        spacing_mm=spacing,
        nuclide=source.name,
        method=method,
        energy_mev=float(energy),
        remainder_fraction=float(remainder),
        density=describe_density(density),
        mean_gy=float(dose.mean(dtype=float)),
        maximum_gy=float(dose.max()),
        warnings=warnings + _air_warnings(tia, density),
        uncertainty_gy=shifted,
    )


def dose_rate_map(activity_bq_ml, spacing_mm, nuclide, method: str = "local", density_g_ml=1.0) -> np.ndarray:
    """Dose rate in Gy/h, (z, y, x) float32, of an activity concentration in Bq/mL at one moment; arguments as ``dose_map``."""
    activity = finite_array(activity_bq_ml, "the activity image", "set negative voxels to zero")
    return np.asarray(dose_map(activity * 1e-6, spacing_mm, nuclide, method, density_g_ml))


def describe_density(density) -> str:
    """The density in words, for tables and reports."""
    if np.ndim(density) == 0:
        return f"{density:.4g} g/mL everywhere"
    return f"per voxel, {density.min():.3g} to {density.max():.3g} g/mL, mean {density.mean():.3g} g/mL"


def reference_density(tia, density) -> float:
    """Density in g/mL of the kernel: the given one, or the mean outside air weighted by the activity, to 0.05."""
    if np.ndim(density) == 0:
        return float(density)
    tissue = density >= AIR_BELOW_G_ML
    weight = np.where(tissue, tia, 0.0)
    total = float(weight.sum(dtype=float))
    if total > 0:
        mean = float(np.sum(weight * density, dtype=float)) / total
    else:
        mean = float(density[tissue].mean()) if tissue.any() else 1.0
    return max(_DENSITY_STEP_G_ML, round(mean / _DENSITY_STEP_G_ML) * _DENSITY_STEP_G_ML)


def tissue_density(density, reference_g_ml: float):
    """Density for energy over mass: as given, with air (in an array) replaced by the reference density."""
    return density if np.ndim(density) == 0 else np.where(density < AIR_BELOW_G_ML, reference_g_ml, density)


def _energy_of_constant(constant_j_per_gbq: float, source) -> float:
    decays_per_gbq = 1e9 * SECONDS_PER_HOUR / source.decay_constant_per_h
    return constant_j_per_gbq / (decays_per_gbq * JOULE_PER_MEV)


def _checked_uncertainty(values, shape):
    if values is None:
        return None
    array = finite_array(values, "the uncertainty of the time-integrated activity", "leave it empty where it is unknown")
    if array.shape != shape:
        raise DosimetryError(f"Expected an uncertainty map of shape {shape}, received {array.shape}; give one value per voxel.")
    return array


def _air_warnings(tia, density) -> tuple[str, ...]:
    if np.ndim(density) == 0:
        return ()
    total = float(tia.sum(dtype=float))
    in_air = float(np.sum(np.where(density < AIR_BELOW_G_ML, tia, 0.0), dtype=float))
    if total <= 0 or in_air / total <= _AIR_SHARE_TO_MENTION:
        return ()
    return (
        f"{100 * in_air / total:.2g} % of the activity lies in air (below {AIR_BELOW_G_ML} g/mL): its dose is given as in tissue; "
        "check that CT and activity image are aligned.",
    )


def _as_dose(values_gy: np.ndarray) -> np.ndarray:
    """A read-only float32 array."""
    if values_gy.max() > _LARGEST_DOSE_GY:
        raise DosimetryError(
            f"Expected an absorbed dose up to {_LARGEST_DOSE_GY:g} Gy, received {values_gy.max():.3g} Gy; check the units of activity and density."
        )
    array = np.asarray(values_gy, dtype=np.float32)
    array.flags.writeable = False
    return array
