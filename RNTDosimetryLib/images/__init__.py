"""What was measured: images and regions from DICOM and other files, aligned, resampled and measured."""

from RNTDosimetryLib.images.drawing import (
    DrawnRegion,
    EquivalentSphere,
    equivalent_sphere,
    fixed_threshold,
    hot_sphere,
    isocontour,
    sphere_region,
    sphere_volume_ml,
)
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.overlaps import exclude_lesions, is_without_lesions, join_regions, overlap_warnings, whole_organ_name
from RNTDosimetryLib.images.resampling import ResampledActivity, occupancy_on_grid, resample_activity, resample_mask, whole_voxels
from RNTDosimetryLib.images.transforms import RigidTransform
from RNTDosimetryLib.images.volumes import ActivityImage, CtImage, Region

__all__ = [
    "ActivityImage",
    "CtImage",
    "DrawnRegion",
    "EquivalentSphere",
    "ImageGeometry",
    "Region",
    "ResampledActivity",
    "RigidTransform",
    "equivalent_sphere",
    "exclude_lesions",
    "fixed_threshold",
    "hot_sphere",
    "is_without_lesions",
    "isocontour",
    "join_regions",
    "occupancy_on_grid",
    "overlap_warnings",
    "resample_activity",
    "resample_mask",
    "sphere_region",
    "sphere_volume_ml",
    "whole_organ_name",
    "whole_voxels",
]
