"""Dose maps: time-integrated activity per voxel to absorbed dose per voxel."""

import math
import os
from dataclasses import dataclass, field

import numpy as np
from scipy import fft

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
from RNTDosimetryLib.base.records import MAP, NOT_WRITTEN, Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.dose.decay import (
    GY_G_PER_MBQ_H_MEV,
    GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S,
    JOULE_PER_MEV,
    SECONDS_PER_HOUR,
    decay_warnings,
    local_energy_mev,
)
from RNTDosimetryLib.dose.kernels import dose_point_kernel
from RNTDosimetryLib.dose.transport import plane_kernels, transported, uniform_octant
from RNTDosimetryLib.dose.voxel_s import VoxelKernel, electron_octant_mev, voxel_kernel
from RNTDosimetryLib.nuclides import source_nuclide

_SOFT_TISSUE_G_ML = 1.04
_NODE_RATIO = 1.3
_SHARE_TO_SKIP = 1e-12


def kernel_dose(tia, spacing_mm, source, kernel: VoxelKernel, density) -> np.ndarray:
    """Absorbed dose in Gy, (z, y, x), of electrons, alphas, photons and bremsstrahlung.

    tia: (z, y, x), MBq*h/mL. kernel: of the image's shape, in the reference density. density: a number, or (z, y, x) without air; then
    electrons move in mass depth (``electron_energy``) and their energy is divided by the mass of the voxel. Photons arrive as in water of the
    reference density and give every voxel the dose of water in its place: the energy fluence near a border hardly changes, and what a voxel
    takes out of it goes with its mass.
    """
    voxel_ml = math.prod(spacing_mm) / 1000
    to_dose = GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S * voxel_ml
    if np.ndim(density) == 0:
        return np.maximum(convolve_octant(tia, kernel.octant()), 0) * (to_dose * kernel.density_g_ml) * (1 / density)
    photons = np.maximum(convolve_octant(tia, kernel.photon_s), 0) * to_dose
    return photons + electron_energy(tia, spacing_mm, source, density) * (GY_G_PER_MBQ_H_MEV / density)


def electron_energy(tia, spacing_mm, source, density) -> np.ndarray:
    """Energy of electrons and alphas that each voxel absorbs, in MeV times MBq*h/mL, (z, y, x), in a medium of uneven density.

    ``transported`` along the axes in mass depth, and what the voxel kernel has beyond that in a medium of the density at the decay: kernels
    of soft tissue times powers of 1.3, shared linearly in the logarithm of the density, whose fixed steps let stored kernels serve every
    patient. Where the density is even the sum is the kernel; across layers the second part is zero. Beside single voxels of another density
    it can take more than there is: such voxels get zero, and the sum of the energy is kept.
    """
    planes = plane_kernels(source)
    total_mev = dose_point_kernel(source).electron_total_mev
    energy = np.zeros(tia.shape)
    box = _reached(tia, spacing_mm, max((plane.reach_mm for plane in planes), default=0.0) / density.min())
    tia, density = tia[box], density[box]
    part = total_mev * transported(tia, spacing_mm, density, planes)
    octants, shares = [], []
    for node, share in density_shares(tia, density):
        octant = electron_octant_mev(source, spacing_mm, node, tia.shape)
        octants.append(octant - total_mev * uniform_octant(octant.shape, spacing_mm, node, planes))
        shares.append(share)
    part += convolved_sum((tia * share for share in shares), octants, tia.shape)
    kept, positive = float(part.sum()), np.maximum(part, 0)
    energy[box] = positive * (kept / positive.sum()) if kept > 0 else positive
    return energy


def _reached(tia, spacing_mm, reach_mm: float) -> tuple[slice, ...]:
    """The box of voxels (z, y, x) that lie within a distance of any activity."""
    box = []
    for axis, side in enumerate(spacing_mm):
        some = np.flatnonzero(tia.any(axis=tuple(other for other in range(3) if other != axis)))
        margin = int(reach_mm / side) + 2
        box.append(slice(max(0, some[0] - margin), some[-1] + margin + 1) if some.size else slice(0, 1))
    return tuple(box)


def density_shares(tia, density):
    """Pairs (density in g/mL, share of each voxel (z, y, x)) that stand for the densities at the decays; the shares add up to 1."""
    position = np.log(density / _SOFT_TISSUE_G_ML) / math.log(_NODE_RATIO)
    active = position[tia > 0]
    if active.size == 0:
        return
    total = float(tia.sum(dtype=float))
    for step in range(math.floor(active.min()), math.ceil(active.max()) + 1):
        share = np.maximum(0, 1 - np.abs(position - step))
        if float(np.sum(tia * share, dtype=float)) > _SHARE_TO_SKIP * total:
            yield _SOFT_TISSUE_G_ML * _NODE_RATIO**step, share


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

    dose_gy: np.ndarray = field(metadata=MAP, repr=False)
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
    progeny: bool = True,
) -> DoseMap:
    """Absorbed dose of a map of time-integrated activity concentration.

    tia_mbq_h_ml: (z, y, x), MBq*h/mL, no negative voxels. spacing_mm: (z, y, x). nuclide: name or Nuclide. progeny: in equilibrium
    with it, or False for the nuclide alone. method: "local" leaves the energy of electrons and alphas in the voxel of the decay, D = TIA E / density, and
    leaves photons out; "kernel" convolves with the voxel S kernel of electrons, alphas and photons (docs/dose_maps.md).
    density_g_ml: a number, a (z, y, x) array, or the DensityMap of ``density_from_hounsfield``.
    tia_uncertainty_mbq_h_ml: standard uncertainty per voxel, taken as common to all voxels; gives ``uncertainty_gy``.
    local_dose_constant_j_per_gbq: another J/GBq than the nuclide's (e.g. 49.67 for 90Y), for the local method only.
    kernel_density_g_ml: density in which photons spread (and electrons, where it is uniform); None takes ``reference_density``.
    Raises DosimetryError for negative or NaN TIA, density that is not positive, implausible spacing, unknown nuclide or method.
    """
    spacing = checked_spacing(spacing_mm)
    remedy = "set such voxels to zero or fit them again"
    tia = three_axes(
        finite_array(tia_mbq_h_ml, "the map of time-integrated activity", remedy), "the map of time-integrated activity"
    )
    density = checked_density(density_g_ml, tia.shape)
    source = source_nuclide(nuclide, progeny)
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
            constant = positive_number(
                local_dose_constant_j_per_gbq, "local dose constant in J/GBq", "leave it empty for the nuclide's own"
            )
            energy = _energy_of_constant(constant, source)
            warnings += (warned("constant_entered", value=constant),)
        remainder = source.photon_energy_mev / (energy + source.photon_energy_mev)
        if remainder > _PHOTON_SHARE_TO_MENTION:
            warnings += (warned("photons_left_out", nuclide=source.name, percent=100 * remainder),)
        per_tia = GY_G_PER_MBQ_H_MEV * energy / mass_density
        doses = [None if image is None else image * per_tia for image in (tia, uncertainty)]
    else:
        if local_dose_constant_j_per_gbq is not None:
            raise DosimetryError(
                "Expected a local dose constant with the local method only, received one with the kernel; leave it empty."
            )
        kernel = voxel_kernel(source, spacing, reference, tia.shape)
        energy = kernel.electron_inside_mev + kernel.photon_inside_mev
        remainder = kernel.remainder
        if np.ndim(density) > 0:
            warnings += (density_warning(),)
        doses = [
            None if image is None else kernel_dose(image, spacing, source, kernel, mass_density) for image in (tia, uncertainty)
        ]
    dose, shifted = (None if image is None else _as_dose(image) for image in doses)
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


def dose_rate_map(
    activity_bq_ml, spacing_mm, nuclide, method: str = "local", density_g_ml=1.0, *, progeny: bool = True
) -> np.ndarray:
    """Dose rate in Gy/h, (z, y, x) float32, of an activity concentration in Bq/mL at one moment; arguments as ``dose_map``."""
    activity = finite_array(activity_bq_ml, "the activity image", "set negative voxels to zero")
    return np.asarray(dose_map(activity * 1e-6, spacing_mm, nuclide, method, density_g_ml, progeny=progeny))


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


def density_warning() -> str:
    """What the kernel method leaves of the borders between densities, with the numbers of docs/dose_maps.md."""
    errors = read_json("dose", "density_transport.json")
    return warned("dose_beside_other_density", **{name: item["percent"] for name, item in errors["errors"].items()})


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
    return (warned("activity_in_air", share=100 * in_air / total, density=AIR_BELOW_G_ML),)


def _as_dose(values_gy: np.ndarray) -> np.ndarray:
    """A read-only float32 array."""
    if values_gy.max() > _LARGEST_DOSE_GY:
        raise DosimetryError(
            f"Expected an absorbed dose up to {_LARGEST_DOSE_GY:g} Gy, received {values_gy.max():.3g} Gy; check the units of activity and density."
        )
    array = np.asarray(values_gy, dtype=np.float32)
    array.flags.writeable = False
    return array


_BLOCK = 8


def convolve_octant(image, octant) -> np.ndarray:
    """Linear convolution of ``image`` (z, y, x) with the kernel of ``octant``, same shape as the image, float64.

    result[i] = sum_j octant[|i - j|] image[j], with zero outside the octant. Offsets beyond the image are not needed and ignored.
    """
    image = np.asarray(image, dtype=float)
    octant = np.asarray(octant, dtype=float)[tuple(slice(0, n) for n in image.shape)]
    padded = padded_shape(image.shape, octant.shape)
    workers = os.cpu_count() or 1
    half = np.zeros(tuple(n // 2 + 1 for n in padded))
    half[tuple(slice(0, n) for n in octant.shape)] = octant
    response = fft.dctn(half, type=1, overwrite_x=True, workers=workers)
    spectrum = fft.rfft(image, padded[2], axis=2, workers=workers)
    for first in range(0, spectrum.shape[2], _BLOCK):
        block = slice(first, first + _BLOCK)
        spectrum[:, :, block] = _filtered(spectrum[:, :, block], response[:, :, block], padded, workers)
    return fft.irfft(spectrum, padded[2], axis=2, overwrite_x=True, workers=workers)[:, :, : image.shape[2]]


def convolved_sum(images, octants, shape) -> np.ndarray:
    """Sum of the convolutions of several images (z, y, x) of one shape, each with its octant: one transform back for all."""
    largest = tuple(max((octant.shape[axis] for octant in octants), default=1) for axis in range(3))
    padded = padded_shape(shape, largest)
    workers, total = os.cpu_count() or 1, 0
    for image, octant in zip(images, octants):
        half = np.zeros(tuple(n // 2 + 1 for n in padded))
        half[tuple(slice(0, n) for n in octant.shape)] = octant
        spectrum = fft.rfftn(image, padded, workers=workers)
        _multiply_mirrored(spectrum, fft.dctn(half, type=1, overwrite_x=True, workers=workers))
        total = spectrum if np.ndim(total) == 0 else np.add(total, spectrum, out=total)
    if np.ndim(total) == 0:
        return np.zeros(shape)
    return fft.irfftn(total, padded, overwrite_x=True, workers=workers)[tuple(slice(0, n) for n in shape)]


def _filtered(columns: np.ndarray, response: np.ndarray, padded: tuple[int, ...], workers: int) -> np.ndarray:
    """The convolution along z and y of some frequencies of x, cropped back to the image."""
    depth, height = columns.shape[:2]
    spectrum = fft.fft(columns, padded[1], axis=1, workers=workers)
    spectrum = fft.fft(spectrum, padded[0], axis=0, overwrite_x=True, workers=workers)
    _multiply_mirrored(spectrum, response)
    spectrum = fft.ifft(spectrum, axis=0, overwrite_x=True, workers=workers)[:depth]
    return fft.ifft(spectrum, axis=1, overwrite_x=True, workers=workers)[:, :height]


def padded_shape(image_shape, octant_shape) -> tuple[int, ...]:
    """Even, fast transform lengths of at least image + largest offset on each axis: long enough that nothing wraps around."""
    return tuple(_even_fast_length(image + min(image, octant) - 1) for image, octant in zip(image_shape, octant_shape))


def _even_fast_length(least: int) -> int:
    length = fft.next_fast_len(max(least, 2), real=True)
    while length % 2:
        length = fft.next_fast_len(length + 1, real=True)
    return length


def _multiply_mirrored(spectrum: np.ndarray, response: np.ndarray) -> None:
    """spectrum *= response, with the response of the negative frequencies taken from the positive ones, in place."""
    half_z, half_y = response.shape[0], response.shape[1]
    mirror = slice(-2, 0, -1)
    spectrum[:half_z, :half_y] *= response
    spectrum[half_z:, :half_y] *= response[mirror]
    spectrum[:half_z, half_y:] *= response[:, mirror]
    spectrum[half_z:, half_y:] *= response[mirror, mirror]


def photon_dose_gy(tia_mbq_h_ml, spacing_mm, nuclide, density_g_ml: float = 1.0, *, progeny: bool = True) -> np.ndarray:
    """Absorbed dose from photons and bremsstrahlung alone, (z, y, x) Gy float32.

    tia_mbq_h_ml: (z, y, x), MBq*h/mL. spacing_mm: (z, y, x). density_g_ml: one number. Photons go far compared with the blur of a
    camera, so this part of the dose hardly depends on recovery; the electron part does, and is better taken from the
    region's own corrected TIA. Raises DosimetryError for NaN, an unknown nuclide, implausible spacing or density.
    """
    spacing = checked_spacing(spacing_mm)
    tia = three_axes(finite_array(tia_mbq_h_ml, "the time-integrated activity map", "set such voxels to zero"), "the map")
    density = density_number(density_g_ml)
    kernel = voxel_kernel(nuclide, spacing, density, tia.shape, progeny=progeny)
    to_dose = GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S * math.prod(spacing) / 1000
    return (np.maximum(convolve_octant(tia, kernel.photon_s), 0) * to_dose).astype(np.float32)
