"""Volume files, NRRD, NIfTI and MetaImage: what their header says is checked before they are read as an activity image, a CT, a mask or a dose map."""

from RNTDosimetryLib.intake.volume_files.activity import load_activity_file
from RNTDosimetryLib.intake.volume_files.dose import DoseVolume, dose_on_grid, load_dose_file
from RNTDosimetryLib.intake.volume_files.masks import load_ct_file, load_mask_file
from RNTDosimetryLib.intake.volume_files.reading import SUFFIXES, load_volume_file
from RNTDosimetryLib.intake.volume_files.sidecar import read_sidecar

__all__ = [
    "SUFFIXES",
    "DoseVolume",
    "dose_on_grid",
    "load_activity_file",
    "load_ct_file",
    "load_dose_file",
    "load_mask_file",
    "load_volume_file",
    "read_sidecar",
]
