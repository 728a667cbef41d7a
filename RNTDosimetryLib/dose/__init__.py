"""From time-integrated activity to absorbed dose: maps, regions, histograms, radiobiology, marrow, whole body, thyroid."""

from RNTDosimetryLib.dose.histograms import (
    DoseVolumeHistogram,
    dose_volume_histogram,
    generalised_eud,
    isodose_levels,
)
from RNTDosimetryLib.dose.maps import DoseMap, dose_map
from RNTDosimetryLib.dose.radiobiology import (
    bed,
    bed_exponentials,
    bed_fractions,
    bed_with_factor,
    eqd2,
    lea_catcheside_factor,
    lea_catcheside_mono,
)

__all__ = [
    "DoseMap",
    "DoseVolumeHistogram",
    "bed",
    "bed_exponentials",
    "bed_fractions",
    "bed_with_factor",
    "dose_map",
    "dose_volume_histogram",
    "eqd2",
    "generalised_eud",
    "isodose_levels",
    "lea_catcheside_factor",
    "lea_catcheside_mono",
]
