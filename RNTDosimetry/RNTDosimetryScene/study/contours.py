"""Helpers that draw regions from activity with the library: isocontour, hot sphere; and organs by TotalSegmentator."""

from dataclasses import replace

import numpy as np
import slicer

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import silent, stopping
from RNTDosimetryLib.images import ActivityImage, DrawnRegion, Region, hot_sphere, isocontour, occupancy_on_grid
from RNTDosimetryLib.images.drawing import sphere_region
from RNTDosimetryScene.nodes import segments, volumes
from RNTDosimetryScene.nodes.geometry import from_world, geometry_of_volume, lps, moved, to_world
from RNTDosimetryScene.road.transaction import undone_on_failure
from RNTDosimetryScene.study import organs as totalsegmentator
from RNTDosimetryScene.study.parameters import reference_volume

_BACKGROUND_REGIONS = ("background", "body")
ORGANS = ("kidney_left", "kidney_right", "liver", "spleen")


def add_isocontour(parameter_node, percent: float, name: str = "", kind: str = "lesion", point_ras=None) -> str:
    """New segment: the connected voxels of at least ``percent`` of the highest value that lie in no region yet.

    point_ras: in the world; the highest value is then looked for among the voxels that hang together with the point above
    ``percent`` of its own value. Returns the name. Raises DosimetryError when there is no activity image or no free voxel.
    """
    if not 0 < percent < 100:
        raise DosimetryError(f"Expected a threshold above 0 and below 100 %, received {percent:g}; type for example 42.")
    node, image, free = _free_activity(parameter_node)
    if point_ras is not None:
        free = _around(image, free, _seed(node, image, free, point_ras), percent / 100.0)
    drawn = isocontour(image, percent / 100.0, within=_where(image, free))
    return _add(parameter_node, node, drawn.region, name or "lesion", kind, _words_of(drawn))


def add_hot_sphere(parameter_node, volume_ml: float, name: str = "", kind: str = "lesion", point_ras=None) -> str:
    """New segment: the sphere of a given volume with the highest mean whose center lies in no region, or the one around a
    point of the world. Returns its name."""
    if not 0 < volume_ml < 5000:
        raise DosimetryError(f"Expected a volume above 0 and below 5000 mL, received {volume_ml:g}; type for example 4.")
    node, image, free = _free_activity(parameter_node)
    diameter_mm = 2.0 * (volume_ml * 1000.0 * 3.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
    if point_ras is None:
        drawn = hot_sphere(image, diameter_mm, within=_where(image, free))
        center, words = drawn.center_lps_mm, _words_of(drawn)
    else:
        _seed(node, image, free, point_ras)
        center, words = _point_lps(node, point_ras), ""
    # Drawn on the finer grid of the reference, where its volume is nearer to the one that was asked for.
    reference = reference_volume(parameter_node)
    to_reference = lps(from_world(reference) @ to_world(node))
    region = sphere_region(
        geometry_of_volume(reference), (to_reference @ np.append(center, 1.0))[:3], diameter_mm, name or "sphere"
    )
    return _add(parameter_node, reference, region, name or "sphere", kind, words)


def make_segmentation(parameter_node):
    """An empty segmentation on the grid of the reference, for regions that are drawn."""
    volume = reference_volume(parameter_node)
    if volume is None:
        raise DosimetryError("Expected a time point to draw on, found none; load a study first.")
    parameter_node.segmentation = segments.add_segmentation("Regions", (), volume)
    return parameter_node.segmentation


def has_totalsegmentator() -> bool:
    return hasattr(slicer.modules, "totalsegmentator")


def segment_organs(parameter_node, organs=ORGANS, progress=None, cancel=None, fast: bool = False) -> list[str]:
    """Organs of the reference CT by TotalSegmentator, added to the segmentation under their plain names. Returns the names.

    fast: voxels of 3 mm instead of 1.5 mm, much less time without a graphics card, and coarser borders.
    Raises DosimetryError when TotalSegmentator is not installed or there is no CT; Cancelled leaves the scene as it was.
    """
    if not has_totalsegmentator():
        raise DosimetryError("Expected the extension TotalSegmentator, found none; install it in the Extensions Manager.")
    if not parameter_node.ctVolumes:
        raise DosimetryError("Expected a CT to segment, found none; add the CT of the time points.")
    done = progress or silent
    ct = parameter_node.ctVolumes[parameter_node.referenceIndex]
    with undone_on_failure(parameter_node, stopping(done, cancel)) as progress:
        made = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "TotalSegmentator")
        try:
            totalsegmentator.segment(ct, made, organs, progress, fast)
            if parameter_node.segmentation is None:
                make_segmentation(parameter_node)
            names = segments.take_over(made, parameter_node.segmentation, organs)
        finally:
            if slicer.mrmlScene.IsNodePresent(made):
                slicer.mrmlScene.RemoveNode(made)
    done(1.0, "Segmented")
    return names


def _free_activity(parameter_node) -> tuple[object, ActivityImage, np.ndarray]:
    """Activity volume of the reference, its image, and where no region lies yet."""
    if not parameter_node.activityVolumes:
        raise DosimetryError("Expected an activity image, found none; load a study first.")
    node = parameter_node.activityVolumes[parameter_node.referenceIndex]
    image = ActivityImage(node.GetName(), geometry_of_volume(node), np.asarray(volumes.voxels(node), dtype=np.float32))
    free = np.ones(image.geometry.size, dtype=bool)
    if parameter_node.segmentation is not None and segments.segment_names(parameter_node.segmentation):
        reference = reference_volume(parameter_node)
        to_reference = lps(from_world(reference) @ to_world(node))
        for region in segments.regions_of_segmentation(parameter_node.segmentation, reference):
            if region.name.lower() not in _BACKGROUND_REGIONS:
                free &= occupancy_on_grid(region, image.geometry, to_reference) < 0.5
    return node, image, free


def _where(image: ActivityImage, free: np.ndarray) -> Region:
    if not (free & (image.concentration_bq_ml > 0)).any():
        raise DosimetryError("Expected activity outside of the regions, found none; choose a point.")
    return Region("outside of the regions", image.geometry, free)


def _point_lps(node, point_ras) -> np.ndarray:
    if np.shape(point_ras) != (3,):
        raise DosimetryError(f"Expected a point as three numbers, R, A and S in mm, received {point_ras!r}; place it again.")
    """Point of the world in the frame that a volume is stored in."""
    return (from_world(node) @ np.append(np.asarray(point_ras, dtype=float), 1.0))[:3] * (-1.0, -1.0, 1.0)


def _seed(node, image: ActivityImage, free: np.ndarray, point_ras) -> tuple[int, int, int]:
    ijk = (np.linalg.inv(image.geometry.index_to_lps) @ np.append(_point_lps(node, point_ras), 1.0))[:3]
    seed = tuple(int(index) for index in np.rint(ijk).astype(int)[::-1])
    if any(not 0 <= index < count for index, count in zip(seed, image.geometry.size)):
        raise DosimetryError("Expected a point within the activity image, received one outside; move it.")
    if image.concentration_bq_ml[seed] <= 0 or not free[seed]:
        raise DosimetryError("Expected a point with activity outside of the other regions, received one without; move it.")
    return seed


def _around(image: ActivityImage, free: np.ndarray, seed, fraction: float) -> np.ndarray:
    """The free voxels that hang together with the seed above a share of its value."""
    from scipy import ndimage

    labels, _count = ndimage.label(free & (image.concentration_bq_ml >= fraction * image.concentration_bq_ml[seed]))
    return labels == labels[seed]


def _words_of(drawn: DrawnRegion) -> str:
    threshold = (
        "" if drawn.threshold_bq_ml is None else f"Threshold {drawn.threshold_bq_ml:.4g} of {drawn.maximum_bq_ml:.4g} as stored"
    )
    warnings = (text.removeprefix(f"{drawn.region.name}: ") for text in drawn.warnings)
    return "; ".join(text for text in (threshold, *warnings) if text)


def _add(parameter_node, drawn_on, region: Region, name: str, kind: str, words: str) -> str:
    """A region drawn on a volume, at its place in the world, as a segment of a name that is free."""
    if parameter_node.segmentation is None:
        make_segmentation(parameter_node)
    taken = set(segments.segment_names(parameter_node.segmentation))
    unique = next(text for text in (f"{name}_{number}" for number in range(1, len(taken) + 2)) if text not in taken)
    geometry = moved(region.geometry, lps(from_world(parameter_node.segmentation) @ to_world(drawn_on)))
    segments.add_region(parameter_node.segmentation, replace(region, name=unique, kind=kind, geometry=geometry))
    segments.describe_drawing(parameter_node.segmentation, unique, words)
    return unique
