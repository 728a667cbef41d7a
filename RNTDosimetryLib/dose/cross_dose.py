"""Dose that regions give each other, through the dose map."""

import numpy as np

from RNTDosimetryLib.base.checks import checked_density, finite_array
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.dose.histograms import dose_volume_histogram
from RNTDosimetryLib.dose.maps import dose_map, reference_density
from RNTDosimetryLib.dose.regions import named_occupancies

REMAINDER = "remainder"
"""Name of the activity outside all regions."""


def cross_doses(tia_mbq_h_ml, spacing_mm, nuclide, regions, density_g_ml=1.0) -> dict[str, dict[str, float]]:
    """Mean dose in Gy of each region by the region that the activity lies in: doses[target][source], with the kernel.

    tia_mbq_h_ml: (z, y, x). regions: dictionary of name to occupancy on the same grid, or Region objects, that do not overlap (activity must
    have one owner). The activity outside all regions is the source "remainder". Over the sources the doses add up to that of the whole map.
    Raises DosimetryError as ``dose_map``, and for regions that overlap.
    """
    tia = finite_array(tia_mbq_h_ml, "the map of time-integrated activity", "set such voxels to zero or fit them again")
    occupancies = named_occupancies(regions)
    for name, occupancy in occupancies.items():
        if occupancy.shape != tia.shape:
            raise DosimetryError(
                f"Expected region '{name}' on the activity map's grid {tia.shape}, received {occupancy.shape}; resample it first."
            )
    owned = sum(occupancy.astype(float) for occupancy in occupancies.values())
    if owned.max() > 1 + 1e-6:
        raise DosimetryError(
            f"Expected regions that do not overlap, received {int(np.count_nonzero(owned > 1 + 1e-6))} voxels with two owners; "
            "take lesions out of the organ first."
        )
    density = checked_density(density_g_ml, tia.shape)
    kernel_density = reference_density(tia, density)
    sources = {**occupancies, REMAINDER: np.maximum(1 - owned, 0)}
    doses = {name: {} for name in occupancies}
    for source, share in sources.items():
        one = dose_map(tia * share, spacing_mm, nuclide, "kernel", density, kernel_density_g_ml=kernel_density)
        for target, occupancy in occupancies.items():
            doses[target][source] = dose_volume_histogram(one, occupancy, name=target).mean_gy
    return doses
