"""Energy that a map of decays leaves in each voxel: the convolution in one density, and its sum over densities."""

import math

import numpy as np

from RNTDosimetryLib.dose.convolution import convolve_octant
from RNTDosimetryLib.dose.kernels import dose_point_kernel
from RNTDosimetryLib.dose.units import GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S
from RNTDosimetryLib.dose.voxel_s import ELECTRON_CUT_FRACTION, VoxelKernel, voxel_kernel

_SOFT_TISSUE_G_ML = 1.04
_NODE_RATIO = 1.3
_SHARE_TO_SKIP = 1e-12


def absorbed_energy(tia, spacing_mm, source, kernel: VoxelKernel, density) -> np.ndarray:
    """Absorbed energy per volume, in Gy times g/mL, (z, y, x): divide by the density of each voxel for the dose.

    tia: (z, y, x), MBq*h/mL. kernel: of the image's shape, in the reference density. density: a number, or (z, y, x) without air; then
    photons spread with the range of the reference density, electrons and alphas with that of the density at the decay: kernels of soft tissue
    times powers of 1.3, shared linearly in the logarithm of the density. The fixed steps let stored kernels serve every patient.
    """
    voxel_ml = math.prod(spacing_mm) / 1000
    to_energy = GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S * voxel_ml
    if np.ndim(density) == 0:
        return np.maximum(convolve_octant(tia, kernel.octant()), 0) * (to_energy * kernel.density_g_ml)
    total = convolve_octant(tia, kernel.photon_s) * kernel.density_g_ml
    for node, share in density_shares(tia, density):
        electrons = _electron_octant(source, spacing_mm, node, tia.shape)
        total += convolve_octant(tia * share, electrons) * node
    return np.maximum(total, 0) * to_energy


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


def _electron_octant(source, spacing_mm, density_g_ml: float, shape) -> np.ndarray:
    reach_mm = dose_point_kernel(source).electron_radius_mm(1 - ELECTRON_CUT_FRACTION) / density_g_ml
    compact = tuple(min(n, int(reach_mm / side) + 2) for n, side in zip(shape, spacing_mm))
    return voxel_kernel(source, spacing_mm, density_g_ml, compact).electron_s
