"""Time-activity curves of every voxel at once."""

from RNTDosimetryLib.kinetics.voxels.fit import VoxelFit, fit_voxels
from RNTDosimetryLib.kinetics.voxels.series import FitCancelled

__all__ = [
    "FitCancelled",
    "VoxelFit",
    "fit_voxels",
]
