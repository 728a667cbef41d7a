"""The photon part of a dose map: what reaches a region from everywhere, itself included."""

import math

import numpy as np

from RNTDosimetryLib.base.checks import checked_spacing, density_number, finite_array, three_axes
from RNTDosimetryLib.dose.convolution import convolve_octant
from RNTDosimetryLib.dose.decay import source_nuclide
from RNTDosimetryLib.dose.units import GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S
from RNTDosimetryLib.dose.voxel_s import voxel_kernel


def photon_dose_gy(tia_mbq_h_ml, spacing_mm, nuclide, density_g_ml: float = 1.0) -> np.ndarray:
    """Absorbed dose from photons and bremsstrahlung alone, (z, y, x) Gy float32.

    tia_mbq_h_ml: (z, y, x), MBq*h/mL. spacing_mm: (z, y, x). density_g_ml: one number. Photons go far compared with the blur of a
    camera, so this part of the dose hardly depends on recovery; the electron part does, and is better taken from the
    region's own corrected TIA. Raises DosimetryError for NaN, an unknown nuclide, implausible spacing or density.
    """
    spacing = checked_spacing(spacing_mm)
    tia = three_axes(finite_array(tia_mbq_h_ml, "the time-integrated activity map", "set such voxels to zero"), "the map")
    density = density_number(density_g_ml)
    kernel = voxel_kernel(source_nuclide(nuclide), spacing, density, tia.shape)
    to_dose = GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S * math.prod(spacing) / 1000
    return (np.maximum(convolve_octant(tia, kernel.photon_s), 0) * to_dose).astype(np.float32)
