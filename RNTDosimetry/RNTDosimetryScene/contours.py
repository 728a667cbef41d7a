"""Helpers that draw regions from activity: isocontour around the hottest point, sphere at the hottest point; and organs by TotalSegmentator."""

import numpy as np
import slicer

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images import Region, occupancy_on_grid
from RNTDosimetryScene import segments, volumes
from RNTDosimetryScene.geometry import geometry_of_volume
from RNTDosimetryScene.inputs import reference_volume

_BACKGROUND_REGIONS = ("background", "body")
ORGANS = ("kidney_left", "kidney_right", "liver", "spleen")


def add_isocontour(parameter_node, percent: float, name: str = "", kind: str = "lesion", point_ras=None) -> str:
    """New segment: the connected voxels of at least ``percent`` of the highest value, around a point or the hottest free voxel.

    Returns its name. Raises DosimetryError when there is no activity image or no free voxel.
    """
    if not 0 < percent < 100:
        raise DosimetryError(f"Expected a threshold above 0 and below 100 %, received {percent:g}; type for example 42.")
    from scipy import ndimage

    activity, array, free = _free_activity(parameter_node)
    seed = _seed(activity, array, free, point_ras)
    labels, _count = ndimage.label(free & (array >= percent / 100.0 * array[seed]))
    return _add(parameter_node, activity, labels == labels[seed], name or "lesion", kind)


def add_hot_sphere(parameter_node, volume_ml: float, name: str = "", kind: str = "lesion", point_ras=None) -> str:
    """New segment: a sphere of a given volume around a point or the hottest free voxel. Returns its name."""
    if not 0 < volume_ml < 5000:
        raise DosimetryError(f"Expected a volume above 0 and below 5000 mL, received {volume_ml:g}; type for example 4.")
    activity, array, free = _free_activity(parameter_node)
    seed = _seed(activity, array, free, point_ras)
    geometry = geometry_of_volume(activity)
    radius_mm = (volume_ml * 1000.0 * 3.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
    axes = [(np.arange(count) - center) * step for count, center, step in zip(array.shape, seed, geometry.spacing_mm)]
    distance2 = axes[0][:, None, None] ** 2 + axes[1][None, :, None] ** 2 + axes[2][None, None, :] ** 2
    return _add(parameter_node, activity, distance2 <= radius_mm**2, name or "sphere", kind)


def make_segmentation(parameter_node):
    """An empty segmentation on the grid of the reference, for regions that are drawn."""
    volume = reference_volume(parameter_node)
    if volume is None:
        raise DosimetryError("Expected a time point to draw on, found none; load a study first.")
    parameter_node.segmentation = segments.add_segmentation("Regions", (), volume)
    return parameter_node.segmentation


def has_totalsegmentator() -> bool:
    return hasattr(slicer.modules, "totalsegmentator")


def segment_organs(parameter_node, organs=ORGANS) -> list[str]:
    """Organs of the reference CT by TotalSegmentator, added to the segmentation under their plain names. Returns the names.

    Raises DosimetryError when TotalSegmentator is not installed or there is no CT.
    """
    if not has_totalsegmentator():
        raise DosimetryError("Expected the extension TotalSegmentator, found none; install it in the Extensions Manager.")
    if not parameter_node.ctVolumes:
        raise DosimetryError("Expected a CT to segment, found none; add the CT of the time points.")
    from TotalSegmentator import TotalSegmentatorLogic

    made = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "TotalSegmentator")
    try:
        logic = TotalSegmentatorLogic()
        logic.setupPythonRequirements()
        logic.process(parameter_node.ctVolumes[parameter_node.referenceIndex], made, task="total", subset=list(organs))
        if parameter_node.segmentation is None:
            make_segmentation(parameter_node)
        return segments.take_over(made, parameter_node.segmentation, organs)
    finally:
        slicer.mrmlScene.RemoveNode(made)


def _free_activity(parameter_node):
    """Activity image of the reference, its voxels, and where no region lies yet."""
    if not parameter_node.activityVolumes:
        raise DosimetryError("Expected an activity image, found none; load a study first.")
    activity = parameter_node.activityVolumes[parameter_node.referenceIndex]
    array = np.asarray(volumes.voxels(activity), dtype=np.float32)
    free = np.ones(array.shape, dtype=bool)
    if parameter_node.segmentation is not None and segments.segment_names(parameter_node.segmentation):
        geometry = geometry_of_volume(activity)
        for region in segments.regions_of_segmentation(parameter_node.segmentation, reference_volume(parameter_node)):
            if region.name.lower() not in _BACKGROUND_REGIONS:
                free &= occupancy_on_grid(region, geometry) < 0.5
    return activity, array, free


def _seed(activity, array, free, point_ras) -> tuple[int, int, int]:
    if point_ras is None:
        hot = np.where(free, array, -np.inf)
        seed = np.unravel_index(int(hot.argmax()), array.shape)
        if not free[seed] or array[seed] <= 0:
            raise DosimetryError("Expected activity outside of the regions, found none; choose a point.")
        return tuple(int(index) for index in seed)
    geometry = geometry_of_volume(activity)
    lps = np.append(np.asarray(point_ras, dtype=float) * [-1, -1, 1], 1.0)
    ijk = np.rint((np.linalg.inv(geometry.index_to_lps) @ lps)[:3]).astype(int)
    seed = tuple(int(index) for index in ijk[::-1])
    if any(not 0 <= index < count for index, count in zip(seed, array.shape)):
        raise DosimetryError("Expected a point within the activity image, received one outside; move it.")
    if array[seed] <= 0 or not free[seed]:
        raise DosimetryError("Expected a point with activity outside of the other regions, received one without; move it.")
    return seed


def _add(parameter_node, activity, mask, name: str, kind: str) -> str:
    if parameter_node.segmentation is None:
        make_segmentation(parameter_node)
    taken = set(segments.segment_names(parameter_node.segmentation))
    unique = next(text for text in (f"{name}_{number}" for number in range(1, len(taken) + 2)) if text not in taken)
    region = Region(name=unique, geometry=geometry_of_volume(activity), occupancy=mask, kind=kind)
    segments.add_region(parameter_node.segmentation, region)
    return unique
