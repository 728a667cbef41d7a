"""Segments to regions of the library, and back. What was typed about a region is a tag on its segment."""

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images import Region
from RNTDosimetryLib.study import RegionSettings
from RNTDosimetryScene.geometry import geometry_of_volume, ijk_to_ras, vtk_matrix

_TAG = "RNTDosimetry."


def add_segmentation(name: str, regions, reference_volume):
    """New segmentation node with one segment a region; segments may overlap."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(reference_volume)
    for region in regions:
        _add_segment(node, region)
    return node


def _add_segment(node, region: Region) -> None:
    labels = (np.asarray(region.occupancy) >= 0.5).astype(np.uint8)
    # Only the box around the region is stored: a scene with nine organs would otherwise hold nine whole CTs of zeros.
    box = []
    for axis in range(3):
        filled = np.flatnonzero(labels.any(axis=tuple(other for other in range(3) if other != axis)))
        if filled.size == 0:
            raise DosimetryError(f"Expected region '{region.name}' to fill at least half of one voxel, received less; draw it larger.")
        box.append((int(filled[0]), int(filled[-1])))
    (z0, z1), (y0, y1), (x0, x1) = box
    image = slicer.vtkOrientedImageData()
    image.SetExtent(x0, x1, y0, y1, z0, z1)
    scalars = numpy_to_vtk(np.ascontiguousarray(labels[z0 : z1 + 1, y0 : y1 + 1, x0 : x1 + 1]).ravel(), deep=True)
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)
    image.SetImageToWorldMatrix(vtk_matrix(ijk_to_ras(region.geometry)))
    color = vtk.vtkNamedColors().GetColor3d(_color_of(region, node.GetSegmentation().GetNumberOfSegments()))
    segment_id = node.AddSegmentFromBinaryLabelmapRepresentation(image, region.name, [color.GetRed(), color.GetGreen(), color.GetBlue()])
    segment = node.GetSegmentation().GetSegment(segment_id)
    segment.SetName(region.name)
    set_region_settings(segment, RegionSettings(
        kind=region.kind,
        mass_g=region.mass_g,
        density_g_ml=region.density_g_ml,
        recovery_coefficient=region.recovery_coefficient,
        recovery_coefficient_uncertainty=region.recovery_coefficient_uncertainty,
    ))


_COLORS = ("DarkOrange", "RoyalBlue", "MediumSeaGreen", "Orchid", "Gold", "Turquoise", "Tomato", "YellowGreen", "SlateBlue", "SandyBrown")


def _color_of(region: Region, index: int) -> str:
    return _COLORS[index % len(_COLORS)]


def set_region_settings(segment, settings: RegionSettings) -> None:
    """Write what was typed about a region onto its segment; it is saved with the scene."""
    for key, value in settings.to_dict().items():
        segment.SetTag(_TAG + key, "" if value is None else repr(value) if isinstance(value, float) else str(value))


def region_settings(segment) -> RegionSettings:
    """What was typed about a region; the defaults for a segment that nothing was typed on."""
    values = {}
    for key in RegionSettings.__dataclass_fields__:
        text = vtk.reference("")
        if segment.GetTag(_TAG + key, text) and str(text):
            values[key] = str(text) if key in ("kind", "model") else _number(str(text), key, segment.GetName())
    return RegionSettings(**values)


def _number(text: str, key: str, name: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise DosimetryError(f"Expected a number for {key} of segment '{name}', received '{text}'; type it again.") from error


def content_of(segment) -> list:
    """Name, number of voxels, where they start in RAS mm and the sum of their positions: changes with nearly every stroke of
    the brush, and stays the same when the scene is saved and read again, which may crop the labelmap."""
    labelmap = segment.GetRepresentation("Binary labelmap")
    scalars = None if labelmap is None else labelmap.GetPointData().GetScalars()
    if scalars is None:
        return [segment.GetName()]
    extent = labelmap.GetExtent()
    size = [extent[2 * axis + 1] - extent[2 * axis] + 1 for axis in (2, 1, 0)]
    where = np.argwhere(vtk_to_numpy(scalars).reshape(size) == segment.GetLabelValue())
    if not len(where):
        return [segment.GetName()]
    first = where.min(axis=0)
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    corner = matrix.MultiplyPoint([first[2] + extent[0], first[1] + extent[2], first[0] + extent[4], 1.0])[:3]
    return [segment.GetName(), len(where), [round(c, 2) for c in corner], (where - first).sum(axis=0).tolist()]


def segment_names(segmentation) -> list[str]:
    content = segmentation.GetSegmentation()
    return [content.GetNthSegment(index).GetName() for index in range(content.GetNumberOfSegments())]


def typed_settings(segmentation) -> dict[str, RegionSettings]:
    """Settings of every segment by name."""
    content = segmentation.GetSegmentation()
    return {
        content.GetNthSegment(index).GetName(): region_settings(content.GetNthSegment(index))
        for index in range(content.GetNumberOfSegments())
    }


def regions_of_segmentation(segmentation, reference_volume) -> tuple[Region, ...]:
    """Every segment as a region on the grid of the reference volume.

    Structure sets come as closed surfaces or contours: they are converted first, so that no organ has mass 0.
    Raises DosimetryError for no or empty segments and for two segments of one name.
    """
    content = segmentation.GetSegmentation()
    names = segment_names(segmentation)
    if not names:
        raise DosimetryError(f"Expected at least one segment in '{segmentation.GetName()}', received none; draw or load regions.")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DosimetryError(f"Expected different segment names, received {', '.join(repeated)} more than once; rename one.")
    if not content.ContainsRepresentation("Binary labelmap"):
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(reference_volume)
        if not segmentation.CreateBinaryLabelmapRepresentation():
            raise DosimetryError(f"Expected segments that can be drawn on a grid, received none in '{segmentation.GetName()}'.")
    geometry = geometry_of_volume(reference_volume)
    regions = []
    for index, name in enumerate(names):
        segment = content.GetNthSegment(index)
        settings = region_settings(segment)
        labels = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, content.GetNthSegmentID(index), reference_volume)
        if labels is None:
            raise DosimetryError(f"Expected region '{name}' to hold at least one voxel, received an empty one; draw it or remove it.")
        regions.append(Region(
            name=name,
            geometry=geometry,
            occupancy=np.asarray(labels) > 0,
            kind=settings.kind or "organ",
            mass_g=settings.mass_g,
            density_g_ml=settings.density_g_ml,
            recovery_coefficient=settings.recovery_coefficient,
            recovery_coefficient_uncertainty=settings.recovery_coefficient_uncertainty,
        ))
    return tuple(regions)
