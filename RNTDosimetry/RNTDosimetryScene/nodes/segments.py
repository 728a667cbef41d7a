"""Segments to regions of the library, and back. What was typed about a region is a tag on its segment."""

from dataclasses import replace

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ImageGeometry, Region, whole_organ_name, whole_voxels
from RNTDosimetryLib.images.resampling import bounding_box
from RNTDosimetryLib.images.transforms import LPS_TO_RAS
from RNTDosimetryLib.kinetics import MODEL_NAMES
from RNTDosimetryLib.roads.therapy.request import RegionSettings
from RNTDosimetryScene.nodes.geometry import (
    array_from_vtk_matrix,
    from_world,
    geometry_of_volume,
    ijk_to_ras,
    to_world,
    vtk_matrix,
)

_TAG = "RNTDosimetry."
_DRAWN = "RNTDosimetryDrawn"
_OTHER_MODELS = ("auto", "hanscheid")
_SAME_VOXELS = 0.01
"""Largest difference of two lattices, as a share of a voxel, at which they are one."""


def add_segmentation(name: str, regions, reference_volume):
    """New segmentation node with one segment a region; segments may overlap."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(reference_volume)
    for region in regions:
        add_region(node, region)
    return node


def add_region(node, region: Region) -> None:
    """New segment of a segmentation node. A segment is a mask: shares of voxels become whole ones of the same volume."""
    region = whole_voxels(region)
    labels = np.asarray(region.occupancy, dtype=np.uint8)
    # Only the box around the region is stored: a scene with nine organs would otherwise hold nine whole CTs of zeros.
    (z0, z1), (y0, y1), (x0, x1) = ((part.start, part.stop - 1) for part in bounding_box(labels))
    image = slicer.vtkOrientedImageData()
    image.SetExtent(x0, x1, y0, y1, z0, z1)
    scalars = numpy_to_vtk(np.ascontiguousarray(labels[z0 : z1 + 1, y0 : y1 + 1, x0 : x1 + 1]).ravel(), deep=True)
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)
    image.SetImageToWorldMatrix(vtk_matrix(ijk_to_ras(region.geometry)))
    color = vtk.vtkNamedColors().GetColor3d(_color_of(region, node.GetSegmentation().GetNumberOfSegments()))
    segment_id = node.AddSegmentFromBinaryLabelmapRepresentation(
        image, region.name, [color.GetRed(), color.GetGreen(), color.GetBlue()]
    )
    segment = node.GetSegmentation().GetSegment(segment_id)
    segment.SetName(region.name)
    segment.SetTag(segment.GetTerminologyEntryTagName(), terminology_of(region.name, region.kind))
    set_region_settings(
        segment,
        RegionSettings(
            kind=region.kind,
            mass_g=region.mass_g,
            density_g_ml=region.density_g_ml,
            recovery_coefficient=region.recovery_coefficient,
            recovery_coefficient_uncertainty=region.recovery_coefficient_uncertainty,
        ),
    )


_COLORS = (
    "DarkOrange",
    "RoyalBlue",
    "MediumSeaGreen",
    "Orchid",
    "Gold",
    "Turquoise",
    "Tomato",
    "YellowGreen",
    "SlateBlue",
    "SandyBrown",
)


def _color_of(region: Region, index: int) -> str:
    return _COLORS[index % len(_COLORS)]


_CODES = {
    "kidney": ("123037004", "Anatomical Structure", "64033007", "Kidney"),
    "liver": ("123037004", "Anatomical Structure", "10200004", "Liver"),
    "spleen": ("123037004", "Anatomical Structure", "78961009", "Spleen"),
    "lesion": ("49755003", "Morphologically Altered Structure", "108369006", "Neoplasm"),
    "": ("85756007", "Tissue", "85756007", "Tissue"),
}
_SIDES = {"left": ("7771000", "Left"), "right": ("24028007", "Right")}
_CONTEXT = "Segmentation category and type - DICOM master list"


def terminology_of(name: str, kind: str = "organ") -> str:
    """Terminology entry of a region by its name, in Slicer's notation: SNOMED CT codes of DICOM PS3.16, CID 7150 to 7165."""
    words = name.lower()
    key = "lesion" if kind == "lesion" else next((organ for organ in _CODES if organ and organ in words), "")
    category, category_name, code, meaning = _CODES[key]
    side = next((_SIDES[word] for word in _SIDES if word in words), None) if key == "kidney" else None
    modifier = f"SCT^{side[0]}^{side[1]}" if side else "^^"
    return f"{_CONTEXT}~SCT^{category}^{category_name}~SCT^{code}^{meaning}~{modifier}~Anatomic codes - DICOM master list~^^~^^"


def take_over(source, target, names) -> list[str]:
    """Move the segments of these names from one segmentation node to another. Returns the names that were there."""
    moved, content = [], target.GetSegmentation()
    taken = segment_names(target)
    for name in names:
        segment_id = _id_by_name_or_code(source, name)
        if not segment_id:
            continue
        segment = source.GetSegmentation().GetSegment(segment_id)
        segment.SetName(
            next(text for text in (name, *(f"{name}_{number}" for number in range(2, len(taken) + 3))) if text not in taken)
        )
        segment.SetTag(segment.GetTerminologyEntryTagName(), terminology_of(name))
        set_region_settings(segment, RegionSettings(kind="organ"))
        moved.append(segment.GetName())
        taken.append(segment.GetName())
        content.CopySegmentFromSegmentation(source.GetSegmentation(), segment_id, False)
    return moved


def _id_by_name_or_code(node, name: str) -> str:
    """Segment of an organ, whatever the tool calls it: by its name, else by its terminology code and side."""
    content, wanted = node.GetSegmentation(), terminology_of(name).split("~")[2:4]
    for index in range(content.GetNumberOfSegments()):
        segment, text = content.GetNthSegment(index), vtk.reference("")
        segment.GetTag(segment.GetTerminologyEntryTagName(), text)
        plain = segment.GetName().strip().lower().replace(" ", "_")
        if plain in (name, "_".join(reversed(name.split("_")))) or str(text).split("~")[2:4] == wanted:
            return content.GetNthSegmentID(index)
    return ""


def segment_by_name(segmentation, name: str):
    """Segment of a name. Raises DosimetryError when there is none."""
    content = segmentation.GetSegmentation()
    segment = content.GetSegment(content.GetSegmentIdBySegmentName(name))
    if segment is None:
        raise DosimetryError(
            f"Expected one of the regions {', '.join(segment_names(segmentation)) or '(none)'}, received '{name}'."
        )
    return segment


def type_region_value(segmentation, name: str, key: str, text: str) -> None:
    """Take a typed value of a region; an empty text brings the default back. key: a field of RegionSettings.

    An organ without its lesions takes what is typed of its organ. Raises DosimetryError for what is no number, no kind or out of range.
    """
    segment = segment_by_name(segmentation, name if name in segment_names(segmentation) else whole_organ_name(name))
    text = text.strip()
    if key not in RegionSettings.__dataclass_fields__:
        raise DosimetryError(
            f"Expected one of {', '.join(RegionSettings.__dataclass_fields__)} to type of a region, received '{key}'; correct it."
        )
    if key == "model" and text and text.lower() not in (*MODEL_NAMES, *_OTHER_MODELS):
        raise DosimetryError(
            f"Expected one of {', '.join((*MODEL_NAMES, *_OTHER_MODELS))} for the model of {name}, received '{text}'; choose one."
        )
    default = RegionSettings.__dataclass_fields__[key].default
    if key in ("kind", "model"):
        value = text.lower() or default
    else:
        value = _typed_number(text.replace(",", "."), key, name) if text else default
    changes = {key: value}
    if key == "recovery_coefficient":
        # A typed 1 wants no correction; nothing typed takes the coefficient of the recovery curve, where there is one.
        changes["recovery_from_file"] = False if text else None
        if not text:
            changes["recovery_coefficient_uncertainty"] = 0.0
    set_region_settings(segment, replace(region_settings(segment), **changes))
    segment.Modified()
    segmentation.Modified()


def _typed_number(text: str, key: str, name: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise DosimetryError(f"Expected a number for {key} of '{name}', received '{text}'; type for example 0.85.") from error


def describe_drawing(segmentation, name: str, words: str) -> None:
    """Keep on a segment how a helper drew it; the table of regions shows it."""
    segment_by_name(segmentation, name).SetTag(_DRAWN, words)


def drawing_of(segment) -> str:
    """How a helper drew the segment, empty when it was not drawn by one."""
    text = vtk.reference("")
    return str(text) if segment.GetTag(_DRAWN, text) else ""


def volume_ml(segment) -> float:
    """Volume of the labelmap of a segment; 0 where there is none yet."""
    labelmap = segment.GetRepresentation("Binary labelmap")
    scalars = None if labelmap is None else labelmap.GetPointData().GetScalars()
    if scalars is None:
        return 0.0
    count = int(np.count_nonzero(vtk_to_numpy(scalars) == segment.GetLabelValue()))
    return count * float(np.prod(labelmap.GetSpacing())) / 1000.0


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
            if key == "recovery_from_file":
                values[key] = str(text) == "True"
            else:
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
    """Every segment as a region: on the grid of the reference volume, or on its own where its voxels are not those of the volume.

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
        own = _on_own_grid(segmentation, segment, reference_volume)
        labels = (
            slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, content.GetNthSegmentID(index), reference_volume)
            if own is None
            else own[1]
        )
        if labels is None:
            raise DosimetryError(
                f"Expected region '{name}' to hold at least one voxel, received an empty one; draw it or remove it."
            )
        regions.append(
            Region(
                name=name,
                geometry=geometry if own is None else own[0],
                occupancy=np.asarray(labels) > 0,
                kind=settings.kind or "organ",
                mass_g=settings.mass_g,
                density_g_ml=settings.density_g_ml,
                recovery_coefficient=settings.recovery_coefficient,
                recovery_coefficient_uncertainty=settings.recovery_coefficient_uncertainty,
            )
        )
    return tuple(regions)


def _on_own_grid(segmentation, segment, reference_volume):
    """(grid, mask) of a segment whose voxels are not those of the volume, None for one whose are: resampling would change its volume."""
    labelmap = segment.GetRepresentation("Binary labelmap")
    scalars = None if labelmap is None else labelmap.GetPointData().GetScalars()
    if scalars is None or not scalars.GetNumberOfTuples():
        return None
    reference = geometry_of_volume(reference_volume)
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    placed = LPS_TO_RAS @ from_world(reference_volume) @ to_world(segmentation) @ array_from_vtk_matrix(matrix)
    to_reference = np.linalg.inv(reference.index_to_lps) @ placed
    shift = to_reference[:3, 3]
    if np.allclose(to_reference[:3, :3], np.eye(3), atol=_SAME_VOXELS) and np.abs(shift - np.rint(shift)).max() < _SAME_VOXELS:
        return None
    extent = labelmap.GetExtent()
    size = tuple(extent[2 * axis + 1] - extent[2 * axis] + 1 for axis in (2, 1, 0))
    spacing_xyz = np.linalg.norm(placed[:3, :3], axis=0)
    geometry = ImageGeometry(
        size=size,
        spacing_mm=tuple(float(s) for s in spacing_xyz[::-1]),
        origin_lps_mm=tuple((placed @ [extent[0], extent[2], extent[4], 1.0])[:3]),
        direction=tuple(map(tuple, placed[:3, :3] / spacing_xyz)),
    )
    return geometry, vtk_to_numpy(scalars).reshape(size) == segment.GetLabelValue()
