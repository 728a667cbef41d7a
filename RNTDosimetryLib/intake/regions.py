"""Regions from DICOM: segmentations (SEG) and structure sets (RTSTRUCT), on the grid of the CT they were drawn on."""

from functools import lru_cache

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import Region
from RNTDosimetryLib.intake.series import RTSTRUCT, FoundSeries
from RNTDosimetryLib.intake.tags import element_value, number_of
from RNTDosimetryLib.intake.voxels import pixels_of, regular_grid, unit_normal

_ALIGNMENT = 0.02
"""Largest offset from a voxel center, as a share of a voxel, at which two grids count as one lattice."""


def referenced_series_uid(series: FoundSeries) -> str:
    """Series UID of the image that the regions were drawn on, "" when the file does not say."""
    header = series.header
    paths = (
        "ReferencedSeriesSequence[0].SeriesInstanceUID",
        "ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0].RTReferencedSeriesSequence[0].SeriesInstanceUID",
    )
    return next((str(value) for path in paths if (value := element_value(header, path)) is not None), "")


def frame_of_reference_uid(series: FoundSeries) -> str:
    """Frame of reference of a SEG or RTSTRUCT."""
    paths = (
        "FrameOfReferenceUID",
        "ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID",
        "StructureSetROISequence[0].ReferencedFrameOfReferenceUID",
    )
    return next((str(value) for path in paths if (value := element_value(series.header, path)) is not None), "")


def read_regions(series: FoundSeries, ct_geometry: ImageGeometry, warnings: list[str]) -> tuple[Region, ...]:
    """Regions of one SEG or RTSTRUCT object. Raises DosimetryError for an empty region or one that is not on the CT."""
    reader = _read_structure_set if series.sop_class == RTSTRUCT else _read_segmentation
    return reader(series, ct_geometry, warnings)


def region_kind(name: str, interpreted_type: str = "") -> str:
    """organ, lesion or other, from the interpreted type or from words in the name (Resources/images/region_kinds.json)."""
    table = _kinds()
    if interpreted_type.upper() in table["interpreted_types"]:
        return table["interpreted_types"][interpreted_type.upper()]
    return next((kind for word, kind in table["words"].items() if word in name.lower()), "organ")


def rasterize_contours(contours, geometry: ImageGeometry, what: str) -> np.ndarray:
    """Mask (z, y, x) bool of closed planar contours on the slices of a grid, a voxel being inside when its center is.

    contours: sequence of (points, 3) LPS mm arrays. Contours of one slice are combined by exclusive or, so an inner contour
    makes a hole and a keyhole contour needs nothing special. Scan lines: each edge toggles all pixels to its right.
    Raises DosimetryError for a contour that does not lie in a slice of the grid.
    """
    size_z, size_y, size_x = geometry.size
    toggles: dict[int, np.ndarray] = {}
    inverse = np.linalg.inv(geometry.index_to_lps)
    for points in contours:
        index = points @ inverse[:3, :3].T + inverse[:3, 3]
        plane = int(np.rint(index[:, 2].mean()))
        if np.abs(index[:, 2] - plane).max() > 0.5 or not 0 <= plane < size_z:
            raise DosimetryError(
                f"Expected the contours of {what} in slices of its CT, received one between or outside them; "
                "choose the CT that it was drawn on."
            )
        layer = toggles.setdefault(plane, np.zeros((size_y, size_x + 1), dtype=np.int32))
        _toggle_polygon(layer, index[:, 0], index[:, 1], size_x)
    mask = np.zeros(geometry.size, dtype=bool)
    for plane, layer in toggles.items():
        mask[plane] = (np.cumsum(layer, axis=1)[:, :size_x] % 2).astype(bool)
    return mask


def _toggle_polygon(layer: np.ndarray, x: np.ndarray, y: np.ndarray, size_x: int) -> None:
    x2, y2 = np.roll(x, -1), np.roll(y, -1)
    low, high = np.minimum(y, y2), np.maximum(y, y2)
    first = np.maximum(np.ceil(low), 0).astype(int)
    last = np.minimum(np.ceil(high) - 1, layer.shape[0] - 1).astype(int)  # half open, so that a vertex counts once
    counts = np.maximum(last - first + 1, 0)
    edges = np.repeat(np.arange(len(x)), counts)
    if not len(edges):
        return
    rows = first[edges] + np.arange(len(edges)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = (rows - y[edges]) / (y2[edges] - y[edges])
    crossing = x[edges] + share * (x2[edges] - x[edges])
    np.add.at(layer, (rows, np.clip(np.ceil(crossing), 0, size_x).astype(int)), 1)


def _read_structure_set(series: FoundSeries, ct_geometry, warnings) -> tuple[Region, ...]:
    header = series.header
    names = {
        int(item.ROINumber): str(item.get("ROIName", "") or f"ROI {item.ROINumber}")
        for item in header.get("StructureSetROISequence") or []
    }
    kinds = {
        int(item.ReferencedROINumber): str(item.get("RTROIInterpretedType", "") or "")
        for item in header.get("RTROIObservationsSequence") or []
        if item.get("ReferencedROINumber") is not None
    }
    contours_of: dict[int, list] = {number: [] for number in names}
    for roi in header.get("ROIContourSequence") or []:
        number = int(roi.ReferencedROINumber)
        for contour in roi.get("ContourSequence") or []:
            kind = str(contour.get("ContourGeometricType", ""))
            if not kind.startswith("CLOSED"):
                warnings.append(
                    f"region '{names.get(number, number)}': a contour of kind '{kind}' encloses nothing and was left out"
                )
                continue
            data = np.array([number_of(value, "Contour Data") for value in contour.get("ContourData") or []])
            if len(data) % 3 or len(data) < 9:
                raise DosimetryError(
                    f"Expected contours of three points or more in {series.label}, received {len(data)} numbers; repair the file."
                )
            contours_of.setdefault(number, []).append(data.reshape(-1, 3))
    regions = []
    for number, contours in contours_of.items():
        name = names.get(number, f"ROI {number}")
        if names.get(number, f"ROI {number}") == f"ROI {number}":
            warnings.append(f"{series.label}: region {number} has no name and is called '{name}'")
        if not contours:
            raise DosimetryError(
                f"Expected contours for region '{name}' in {series.label}, received an empty region; draw it or delete it."
            )
        mask = rasterize_contours(contours, ct_geometry, f"region '{name}'")
        _warn_of_gaps(mask, name, warnings)
        regions.append(Region(name, ct_geometry, mask, kind=region_kind(name, kinds.get(number, ""))))
    if not regions:
        raise DosimetryError(f"Expected regions in {series.label}, received none; draw them or take the file away.")
    return tuple(regions)


def _warn_of_gaps(mask: np.ndarray, name: str, warnings: list[str]) -> None:
    """Contours on every second or third slice lose volume; separate pieces, as of the spine, do not."""
    filled = np.flatnonzero(mask.any(axis=(1, 2)))
    runs = 1 + int(np.count_nonzero(np.diff(filled) > 1))
    if runs >= 3 and len(filled) < 2 * runs:
        warnings.append(
            f"region '{name}' has contours on {len(filled)} of {filled[-1] - filled[0] + 1} slices; its volume may be too small"
        )


def _read_segmentation(series: FoundSeries, ct_geometry, warnings) -> tuple[Region, ...]:
    stored, dataset = pixels_of(series.objects[0].path)
    kind = str(dataset.get("SegmentationType", "BINARY")).upper()
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        raise DosimetryError(
            f"Expected a BINARY, FRACTIONAL or LABELMAP segmentation in {series.label}, received {kind}; export it as BINARY."
        )
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or []
    if len(frames) != len(stored):
        raise DosimetryError(
            f"Expected one functional group for each frame in {series.label}, received {len(frames)} for {len(stored)}; repair the file."
        )
    segments = list(dataset.get("SegmentSequence") or [])
    if not segments:
        raise DosimetryError(f"Expected regions in {series.label}, received none; draw them or take the file away.")
    occupancy_of = _segment_frames(dataset, stored, kind, segments, series.label, warnings)
    (grid, offset), planes = _segmentation_grid(dataset, len(frames), ct_geometry, series.label, warnings)
    regions = []
    for segment in segments:
        name = str(segment.get("SegmentLabel", "") or f"segment {segment.SegmentNumber}")
        if not segment.get("SegmentLabel"):
            warnings.append(f"{series.label}: segment {segment.SegmentNumber} has no label and is called '{name}'")
        volume = np.zeros(grid.size, dtype=np.float32 if kind == "FRACTIONAL" else np.uint8)
        for index, frame in occupancy_of(int(segment.SegmentNumber)):
            _place(volume, planes[index], offset, frame)
        if not volume.any():
            raise DosimetryError(
                f"Expected voxels in region '{name}' of {series.label}, received an empty region; draw it or delete it."
            )
        words = str(element_value(segment, "SegmentedPropertyTypeCodeSequence[0].CodeMeaning") or "")
        by_name = region_kind(name)
        regions.append(Region(name, grid, volume, kind=by_name if by_name != "organ" else region_kind(words)))
    return tuple(regions)


def _segment_frames(dataset, stored: np.ndarray, kind: str, segments, what: str, warnings: list[str]):
    """A function from a segment number to its (frame index, occupancy of the frame)."""
    if kind == "LABELMAP":  # each frame holds all segments, as their numbers
        return lambda number: [(index, frame == number) for index, frame in enumerate(stored) if np.any(frame == number)]
    path = "SegmentIdentificationSequence[0].ReferencedSegmentNumber"
    numbers = np.array([int(_frame_value(dataset, index, path)) for index in range(len(stored))])
    strangers = int(np.count_nonzero(~np.isin(numbers, [int(segment.SegmentNumber) for segment in segments])))
    if strangers:
        warnings.append(f"{what}: {strangers} frames belong to no segment and were left out")
    full = np.float32(dataset.get("MaximumFractionalValue", 255)) if kind == "FRACTIONAL" else 1
    return lambda number: [
        (index, stored[index] / full if kind == "FRACTIONAL" else stored[index] > 0)
        for index in np.flatnonzero(numbers == number)
    ]


def _frame_value(dataset, index: int, path: str):
    """Value of a functional group: of the frame, or shared by all."""
    value = element_value(dataset, f"PerFrameFunctionalGroupsSequence[{index}].{path}")
    return value if value is not None else element_value(dataset, f"SharedFunctionalGroupsSequence[0].{path}")


def _segmentation_grid(dataset, frames: int, ct_geometry: ImageGeometry, what: str, warnings):
    """((grid, (row, column) offset), plane index of each frame): the CT's grid when the frames lie on it, else one of their own."""
    positions = np.array(
        [
            [float(p) for p in _needed(dataset, index, "PlanePositionSequence[0].ImagePositionPatient", what)]
            for index in range(frames)
        ]
    )
    axes = np.array([float(c) for c in _needed(dataset, 0, "PlaneOrientationSequence[0].ImageOrientationPatient", what)]).reshape(
        2, 3
    )
    spacing = np.array([float(s) for s in _needed(dataset, 0, "PixelMeasuresSequence[0].PixelSpacing", what)])
    direction = np.asarray(ct_geometry.direction)
    inverse = np.linalg.inv(ct_geometry.index_to_lps)
    index = positions @ inverse[:3, :3].T + inverse[:3, 3]
    aligned = np.allclose(axes, direction[:, :2].T, atol=1e-3) and np.allclose(spacing, ct_geometry.spacing_mm[1:], rtol=1e-3)
    if aligned and np.abs(index - np.rint(index)).max() < _ALIGNMENT:
        corner = np.rint(index[0]).astype(int)
        planes = np.rint(index[:, 2]).astype(int)
        inside = corner[0] >= 0 and corner[1] >= 0 and corner[1] + int(dataset.Rows) <= ct_geometry.size[1]
        inside = inside and corner[0] + int(dataset.Columns) <= ct_geometry.size[2]
        if inside and planes.min() >= 0 and planes.max() < ct_geometry.size[0]:
            return (ct_geometry, (corner[1], corner[0])), planes
    warnings.append(f"{what} does not lie on the voxels of its CT; its regions keep a grid of their own")
    normal = unit_normal(axes, what)
    along = positions @ normal
    thickness = _frame_value(dataset, 0, "PixelMeasuresSequence[0].SpacingBetweenSlices") or _needed(
        dataset, 0, "PixelMeasuresSequence[0].SliceThickness", what
    )
    step = float(thickness)
    planes = np.rint((along - along.min()) / step).astype(int)
    if np.abs((along - along.min()) / step - planes).max() > 0.1:
        raise DosimetryError(
            f"Expected evenly spaced frames in {what}, received other positions; export it on the grid of its CT."
        )
    size = (int(planes.max()) + 1, int(dataset.Rows), int(dataset.Columns))
    return (regular_grid(size, step, spacing, positions[int(np.argmin(along))], axes, normal), (0, 0)), planes


def _needed(dataset, index: int, path: str, what: str):
    value = _frame_value(dataset, index, path)
    if value is None:
        raise DosimetryError(f"Expected {path.split('.')[-1]} for every frame of {what}, received none; repair the file.")
    return value


def _place(volume: np.ndarray, plane: int, offset, frame: np.ndarray) -> None:
    rows, columns = frame.shape
    target = volume[plane, offset[0] : offset[0] + rows, offset[1] : offset[1] + columns]
    np.maximum(target, frame.astype(volume.dtype), out=target)


@lru_cache(maxsize=1)
def _kinds() -> dict:
    return read_json("images", "region_kinds.json")
