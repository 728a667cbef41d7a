"""Dose maps: time-integrated activity per voxel to absorbed dose per voxel."""

import math
from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.dose.checks import checked_density, checked_spacing, finite_array, positive_number, three_axes
from RNTDosimetryLib.dose.convolution import convolve_octant, octant_of
from RNTDosimetryLib.dose.units import (
    GY_G_PER_MBQ_H_MEV,
    GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S,
    JOULE_PER_MEV,
    SECONDS_PER_HOUR,
)
from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.records import NOT_WRITTEN, Record

METHODS = ("local", "kernel")


@dataclass(frozen=True, eq=False)
class DoseMap(Record):
    """Absorbed dose per voxel. ``np.asarray(dose_map)`` is the (z, y, x) array in Gy.

    dose_gy: (z, y, x) float32. uncertainty_gy: standard uncertainty per voxel or None. spacing_mm: (z, y, x).
    energy_mev: energy per decay that this method puts into the map. remainder_fraction: share of the energy per decay that the
    method leaves out: photons with local deposition; what lies beyond the kernel's range with the kernel.
    density: what was used, in words.
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
) -> DoseMap:
    """Absorbed dose of a map of time-integrated activity concentration.

    tia_mbq_h_ml: (z, y, x), MBq*h/mL, no negative voxels. spacing_mm: (z, y, x). nuclide: name or Nuclide.
    method: "local" leaves the energy of electrons and alphas in the voxel of the decay, D = TIA E / density, and leaves photons
    out; "kernel" convolves with the voxel S kernel of electrons, alphas and photons (docs/dose_maps.md).
    density_g_ml: a number, or a (z, y, x) array, e.g. from ``density_from_hounsfield``.
    tia_uncertainty_mbq_h_ml: standard uncertainty per voxel, common to all voxels; gives ``uncertainty_gy``.
    local_dose_constant_j_per_gbq: another J/GBq than the nuclide's (e.g. 49.67 for 90Y), with the local method only.
    Raises DosimetryError for negative or NaN TIA, density that is not positive, implausible spacing, unknown nuclide or method.
    """
    spacing = checked_spacing(spacing_mm)
    tia = three_axes(finite_array(tia_mbq_h_ml, "the time-integrated activity map", "set such voxels to zero or fit them again"), "the map")
    density = checked_density(density_g_ml, tia.shape)
    nuclide = _as_nuclide(nuclide)
    if method not in METHODS:
        raise DosimetryError(f"Expected the dose method {' or '.join(METHODS)}, received '{method}'; choose one of them.")
    uncertainty = _checked_uncertainty(tia_uncertainty_mbq_h_ml, tia.shape)
    if method == "local":
        return _local_map(tia, spacing, nuclide, density, uncertainty, local_dose_constant_j_per_gbq)
    if local_dose_constant_j_per_gbq is not None:
        raise DosimetryError("Expected a local dose constant only with the local method, received one with the kernel; leave it empty.")
    return _kernel_map(tia, spacing, nuclide, density, uncertainty)


def describe_density(density) -> str:
    """The density in words, for tables and reports."""
    if np.ndim(density) == 0:
        return f"{density:.4g} g/mL everywhere"
    return f"per voxel, {density.min():.3g} to {density.max():.3g} g/mL, mean {density.mean():.3g} g/mL"


def _local_map(tia, spacing, nuclide, density, uncertainty, constant_j_per_gbq) -> DoseMap:
    warnings = []
    energy = nuclide.electron_energy_mev + nuclide.alpha_energy_mev
    if constant_j_per_gbq is not None:
        constant = positive_number(constant_j_per_gbq, "local dose constant in J/GBq", "leave it empty for the nuclide's own")
        energy = constant / (1e9 * JOULE_PER_MEV * SECONDS_PER_HOUR / nuclide.decay_constant_per_h)
        warnings.append(f"Local dose constant {constant:.4g} J/GBq given by the user.")
    photons = nuclide.photon_energy_mev
    remainder = photons / (energy + photons)
    if remainder > 0.01:
        warnings.append(f"Local deposition leaves out the photons of {nuclide.name}, {100 * remainder:.0f} % of its energy per decay.")
    factor = GY_G_PER_MBQ_H_MEV * energy
    dose = (tia * (factor / density)).astype(np.float32)
    return DoseMap(
        dose_gy=_read_only(dose),
        spacing_mm=spacing,
        nuclide=nuclide.name,
        method="local",
        energy_mev=float(energy),
        remainder_fraction=float(remainder),
        density=describe_density(density),
        mean_gy=float(dose.mean(dtype=float)),
        maximum_gy=float(dose.max()),
        warnings=tuple(warnings),
        uncertainty_gy=None if uncertainty is None else _read_only((uncertainty * (factor / density)).astype(np.float32)),
    )


def _kernel_map(tia, spacing, nuclide, density, uncertainty) -> DoseMap:
    from RNTDosimetryLib.dose.voxel_s import voxel_s_kernel

    reference = reference_density(tia, density)
    octant = octant_of(voxel_s_kernel(nuclide, spacing, density_g_ml=reference))
    voxel_g = reference * math.prod(spacing) / 1000
    in_image = octant[tuple(slice(0, n) for n in tia.shape)]
    counts = [np.where(np.arange(n) > 0, 2, 1) for n in in_image.shape]
    energy = float(np.einsum("zyx,z,y,x", in_image, *counts)) * 1e-9 * voxel_g / 1000 / JOULE_PER_MEV
    total = nuclide.electron_energy_mev + nuclide.alpha_energy_mev + nuclide.photon_energy_mev
    factor = GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S * math.prod(spacing) / 1000 * reference / density
    dose = np.maximum(convolve_octant(tia, in_image), 0) * factor
    shifted = None if uncertainty is None else np.maximum(convolve_octant(uncertainty, in_image), 0) * factor
    return DoseMap(
        dose_gy=_read_only(dose.astype(np.float32)),
        spacing_mm=spacing,
        nuclide=nuclide.name,
        method="kernel",
        energy_mev=energy,
        remainder_fraction=max(0.0, 1 - energy / total),
        density=describe_density(density),
        mean_gy=float(dose.mean()),
        maximum_gy=float(dose.max()),
        uncertainty_gy=None if shifted is None else _read_only(shifted.astype(np.float32)),
    )


def reference_density(tia, density) -> float:
    """Density in g/mL in which the kernel is made: the given one, or the mean weighted by the activity."""
    if np.ndim(density) == 0:
        return float(density)
    total = float(tia.sum(dtype=float))
    return float(np.sum(tia * density, dtype=float) / total) if total > 0 else float(density.mean())


def _checked_uncertainty(values, shape):
    if values is None:
        return None
    array = finite_array(values, "the uncertainty of the time-integrated activity", "leave it empty where it is unknown")
    if array.shape != shape:
        raise DosimetryError(f"Expected an uncertainty map of shape {shape}, received {array.shape}; give one value per voxel.")
    return array


def _read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def _as_nuclide(nuclide):
    if not isinstance(nuclide, str):
        return nuclide
    from RNTDosimetryLib.nuclides import get_nuclide

    return get_nuclide(nuclide)
