"""Regions from DICOM: segmentations (SEG) and structure sets (RTSTRUCT), placed by their positions.

A part that encloses nothing is left out by its name; an object is refused only where nothing of it remains.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.contours import Outline, PlacedMask, region_of_outlines, region_of_planes
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import Region
from RNTDosimetryLib.intake.series import RTSTRUCT, FoundSeries
from RNTDosimetryLib.intake.tags import element_value, number_of
from RNTDosimetryLib.intake.voxels import pixels_of, unit_normal

_HALF = 0.5
_SIDEWAYS = 0.05
"""Largest shift of a frame within its plane, as a share of a pixel."""


def referenced_series_uids(series: FoundSeries) -> tuple[str, ...]:
    """Series UIDs of the images that the regions were drawn on; () when the file does not say (PS3.3 C.8.8.5, C.7.6.16)."""
    header = series.header
    found = [str(item.get("SeriesInstanceUID", "") or "") for item in header.get("ReferencedSeriesSequence") or []]
    for frame in header.get("ReferencedFrameOfReferenceSequence") or []:
        for study in frame.get("RTReferencedStudySequence") or []:
            found += [str(item.get("SeriesInstanceUID", "") or "") for item in study.get("RTReferencedSeriesSequence") or []]
    return tuple(uid for uid in dict.fromkeys(found) if uid)


def frame_of_reference_uid(series: FoundSeries) -> str:
    """Frame of reference of a SEG or RTSTRUCT."""
    paths = (
        "FrameOfReferenceUID",
        "ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID",
        "StructureSetROISequence[0].ReferencedFrameOfReferenceUID",
    )
    return next((str(value) for path in paths if (value := element_value(series.header, path)) is not None), "")


def read_regions(
    series: FoundSeries, grids: Mapping[str, ImageGeometry], default: ImageGeometry, warnings: list[str]
) -> tuple[Region, ...]:
    """Regions of one SEG or RTSTRUCT object. grids: of the images of the folder by series UID; default: where the object names none of them.

    Raises DosimetryError where no region remains, and for an object that cannot be placed.
    """
    first = len(warnings)
    reference = next((grids[uid] for uid in referenced_series_uids(series) if uid in grids), default)
    drawn = (_structures if series.sop_class == RTSTRUCT else _segments)(series, reference, warnings)
    names = [item.name for item in drawn]
    regions = []
    for item in drawn:
        name = item.name
        if names.count(name) > 1:
            name = f"{item.name} ({item.number_word} {item.number})"
            warnings.append(warned("region_named_twice", region=item.name, name=name, where=series.label))
        regions.append(Region(name, item.placed.geometry, item.placed.occupancy, kind=item.kind))
        warnings.extend(_said(name, item.placed))
    if not regions:
        raise DosimetryError(
            f"Expected regions in {series.label}, received none that encloses anything; draw them, or name the file in ignore. {' '.join(warnings[first:])}"
        )
    return tuple(regions)


@dataclass(frozen=True)
class _Drawn:
    """One region as it was read, before its name is made unique."""

    name: str
    number: int
    number_word: str
    kind: str
    placed: PlacedMask


def _said(name: str, placed: PlacedMask) -> list[str]:
    said = {
        "holes": lambda numbers: warned("region_with_holes", region=name, share=numbers["share"]),
        "one_plane": lambda numbers: warned("region_in_one_plane", region=name, slab_mm=numbers["slab_mm"]),
        "forgotten": lambda numbers: warned("region_plane_forgotten", region=name, height_mm=numbers["height_mm"]),
    }
    return [said[kind](numbers) for kind, numbers in placed.notes]


def region_kind(name: str, interpreted_type: str = "", codes: tuple[str, ...] = ()) -> str:
    """organ, lesion or other (Resources/images/region_kinds.json): from codes, from words in the name, then from the interpreted type.

    ORGAN is what some planning systems write for everything, so it says nothing against a name.
    """
    table = _kinds()
    by_code = next((table["codes"][code] for code in codes if code in table["codes"]), None)
    if by_code == "lesion":
        return by_code
    by_name = next((kind for word, kind in table["words"].items() if word in name.lower()), None)
    return by_name or by_code or table["interpreted_types"].get(interpreted_type.upper(), "organ")


def _structures(series: FoundSeries, reference: ImageGeometry, warnings: list[str]) -> list[_Drawn]:
    header = series.header
    items = {
        int(item.ROINumber): item for item in header.get("StructureSetROISequence") or [] if item.get("ROINumber") is not None
    }
    observations = {
        int(item.ReferencedROINumber): item
        for item in header.get("RTROIObservationsSequence") or []
        if item.get("ReferencedROINumber") is not None
    }
    contours: dict[int, list] = {number: [] for number in items}
    for roi in header.get("ROIContourSequence") or []:
        if roi.get("ReferencedROINumber") is not None:
            contours.setdefault(int(roi.ReferencedROINumber), []).extend(roi.get("ContourSequence") or [])
    drawn = []
    for number, sequence in contours.items():
        name = str(items[number].get("ROIName", "") or "").strip() if number in items else ""
        if not name:
            name = f"ROI {number}"
            warnings.append(warned("region_without_name", region=name, where=series.label))
        outlines, slab_mm = _outlines(sequence, name, series.label, warnings)
        if not outlines:
            warnings.append(warned("region_encloses_nothing", region=name, where=series.label))
            continue
        try:
            placed = region_of_outlines(outlines, reference, slab_mm)
        except DosimetryError as error:
            warnings.append(warned("region_left_out", region=name, where=series.label, reason=str(error).rstrip(".")))
            continue
        observed = observations.get(number)
        interpreted = str(observed.get("RTROIInterpretedType", "") or "") if observed is not None else ""
        drawn.append(_Drawn(name, number, "ROI", region_kind(name, interpreted, _codes(observed)), placed))
    return drawn


def _outlines(sequence, name: str, where: str, warnings: list[str]) -> tuple[list[Outline], float | None]:
    """Closed outlines with an area, and the thickness that the file states for all of them."""
    found, left, slabs = [], {}, set()
    for contour in sequence:
        kind = str(contour.get("ContourGeometricType", "") or "").upper()
        data = np.array([number_of(value, f"Contour Data of '{name}'") for value in contour.get("ContourData") or []])
        if len(data) % 3:
            left["numbers that are no points"] = left.get("numbers that are no points", 0) + 1
            continue
        outline = Outline(data.reshape(-1, 3), kind == "CLOSEDPLANAR_XOR")
        if not kind.startswith("CLOSED"):
            left[kind or "no type"] = left.get(kind or "no type", 0) + 1
        elif len(outline.points_lps_mm) < 3 or not np.linalg.norm(outline.area_vector_mm2) > 0:
            left["no area"] = left.get("no area", 0) + 1
        else:
            found.append(outline)
            slabs.add(contour.get("ContourSlabThickness"))
    if found:
        for kind, count in left.items():
            warnings.append(warned("contours_left_out", region=name, count=count, kind=kind, where=where))
    slab = slabs.pop() if len(slabs) == 1 else None
    return found, float(slab) if slab not in (None, "") and float(slab) > 0 else None


def _segments(series: FoundSeries, reference: ImageGeometry, warnings: list[str]) -> list[_Drawn]:
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
    probability = kind == "FRACTIONAL" and str(dataset.get("SegmentationFractionalType", "")).upper() == "PROBABILITY"
    if probability:
        warnings.append(warned("segmentation_of_probabilities", where=series.label))
    background = dataset.get("PixelPaddingValue") if kind == "LABELMAP" else None
    occupancy_of = _segment_frames(dataset, stored, kind, probability, segments, series.label, warnings)
    place = _SegmentPlanes.of(dataset, len(frames), series.label)
    drawn = []
    for segment in segments:
        number = int(segment.SegmentNumber)
        name = str(segment.get("SegmentLabel", "") or "").strip()
        if not name:
            name = f"segment {number}"
            warnings.append(warned("region_without_name", region=name, where=series.label))
        if kind == "LABELMAP" and (number == 0 or (background is not None and number == int(background))):
            warnings.append(warned("segment_is_background", region=name, where=series.label))
            continue
        found = [(index, frame) for index, frame in occupancy_of(number) if np.any(frame)]
        if not found:
            warnings.append(warned("region_encloses_nothing", region=name, where=series.label))
            continue
        codes = tuple(
            code
            for path in ("SegmentedPropertyCategoryCodeSequence", "SegmentedPropertyTypeCodeSequence")
            for code in _code_of(segment, path)
        )
        words = str(element_value(segment, "SegmentedPropertyTypeCodeSequence[0].CodeMeaning") or "")
        by_name = region_kind(name, "", codes)
        drawn.append(
            _Drawn(name, number, "segment", by_name if by_name != "organ" else region_kind(words), place.region(found, reference))
        )
    return drawn


def _segment_frames(dataset, stored: np.ndarray, kind: str, probability: bool, segments, what: str, warnings: list[str]):
    """A function from a segment number to its (frame index, occupancy of the frame)."""
    if kind == "LABELMAP":  # each frame holds all segments, as their numbers
        return lambda number: [(index, frame == number) for index, frame in enumerate(stored)]
    path = "SegmentIdentificationSequence[0].ReferencedSegmentNumber"
    numbers = np.array([int(_frame_value(dataset, index, path)) for index in range(len(stored))])
    strangers = int(np.count_nonzero(~np.isin(numbers, [int(segment.SegmentNumber) for segment in segments])))
    if strangers:
        warnings.append(warned("frames_of_no_segment", where=what, count=strangers))
    full = np.float32(dataset.get("MaximumFractionalValue", 255))

    def occupancy(frame: np.ndarray) -> np.ndarray:
        if kind == "BINARY":
            return frame > 0
        return frame >= _HALF * full if probability else frame / full

    return lambda number: [(index, occupancy(stored[index])) for index in np.flatnonzero(numbers == number)]


@dataclass(frozen=True, eq=False)
class _SegmentPlanes:
    """Where the frames of a segmentation lie: by Image Position (Patient), whatever its thickness tags say (PS3.3 C.8.20.2)."""

    along_mm: np.ndarray
    frame: tuple[np.ndarray, np.ndarray]
    spacing_mm: tuple[float, float]
    corner_lps_mm: np.ndarray
    step_mm: float | None

    @classmethod
    def of(cls, dataset, frames: int, what: str) -> "_SegmentPlanes":
        path = "PlanePositionSequence[0].ImagePositionPatient"
        positions = np.array([[float(p) for p in _needed(dataset, index, path, what)] for index in range(frames)])
        orientation = [float(c) for c in _needed(dataset, 0, "PlaneOrientationSequence[0].ImageOrientationPatient", what)]
        axes = np.array(orientation).reshape(2, 3)
        spacing = [float(s) for s in _needed(dataset, 0, "PixelMeasuresSequence[0].PixelSpacing", what)]
        normal = unit_normal(axes, what)
        along = positions @ normal
        drift = np.abs((positions - positions[0]) @ axes.T).max()
        if drift > _SIDEWAYS * min(spacing):
            raise DosimetryError(
                f"Expected the frames of {what} one above the other, received frames that lie up to {drift:.2f} mm aside; export it on the grid of its image."
            )
        gaps = np.diff(np.unique(along.round(4)))
        gaps = gaps[gaps > 1e-2]
        stated = _frame_value(dataset, 0, "PixelMeasuresSequence[0].SpacingBetweenSlices") or _frame_value(
            dataset, 0, "PixelMeasuresSequence[0].SliceThickness"
        )
        step = float(gaps.min()) if len(gaps) else None if stated in (None, "") else float(stated)
        return cls(along, (axes, normal), (spacing[1], spacing[0]), positions[0], step)

    def region(self, found, reference: ImageGeometry) -> PlacedMask:
        indices = [index for index, _frame in found]
        masks = [np.asarray(frame, dtype=np.float32) for _index, frame in found]
        return region_of_planes(
            self.along_mm[indices], masks, self.frame, self.spacing_mm, self.corner_lps_mm, reference, self.step_mm
        )


def _codes(item) -> tuple[str, ...]:
    """Code values of a structure set's region: anatomic or therapeutic role."""
    return () if item is None else _code_of(item, "RTROIIdentificationCodeSequence")


def _code_of(item, path: str) -> tuple[str, ...]:
    return tuple(str(code.get("CodeValue", "") or "") for code in item.get(path) or [])


def _frame_value(dataset, index: int, path: str):
    """Value of a functional group: of the frame, or shared by all."""
    value = element_value(dataset, f"PerFrameFunctionalGroupsSequence[{index}].{path}")
    return value if value is not None else element_value(dataset, f"SharedFunctionalGroupsSequence[0].{path}")


def _needed(dataset, index: int, path: str, what: str):
    value = _frame_value(dataset, index, path)
    if value is None:
        raise DosimetryError(f"Expected {path.split('.')[-1]} for every frame of {what}, received none; repair the file.")
    return value


@lru_cache(maxsize=1)
def _kinds() -> dict:
    return read_json("images", "region_kinds.json")
