"""Regions of a segmentation (SEG): what each frame holds, and where it lies by Image Position (Patient) (PS3.3 C.8.20.2, C.7.6.16.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.plane_stack import PlacedMask, PlaneFrame, Slabs, is_on_grid, planes_of, region_of_planes
from RNTDosimetryLib.intake.drawn_on import ImagesOfFolder, References
from RNTDosimetryLib.intake.region_kinds import codes_of, is_background, meanings_of, region_kind
from RNTDosimetryLib.intake.region_parts import Drawn, RegionsOfFile
from RNTDosimetryLib.intake.series import FoundSeries
from RNTDosimetryLib.intake.tags import element_value, number_of
from RNTDosimetryLib.intake.voxels import pixels_of, unit_normal

_HALF = 0.5
_SIDEWAYS = 0.05
"""Largest shift of a frame within its plane, as a share of a pixel."""
_SAME_SPACING = 0.05
_COMB = 1.5
_SEGMENT_CODES = ("SegmentedPropertyTypeCodeSequence", "SegmentedPropertyCategoryCodeSequence")

Frames = list[tuple[int, np.ndarray]]
"""(index of the frame in the file, its mask) of one segment."""


def read_segmentation(series: FoundSeries, images: ImagesOfFolder, read: RegionsOfFile) -> None:
    """Put the segments of one SEG object into ``read``. Raises DosimetryError for an object that cannot be read or placed at all."""
    stored, dataset = pixels_of(series.objects[0].path)
    kind = _kind_of(dataset, len(stored), read.where)
    found = images.find(_references(dataset, len(stored)))
    if found is None:
        raise DosimetryError(
            f"Expected {read.where} to be drawn on a CT or SPECT of this folder, received another reference; add that image, or name the file in ignore."
        )
    segments = list(dataset.get("SegmentSequence") or [])
    if not segments:
        raise DosimetryError(f"Expected regions in {read.where}, received none; draw them or take the file away.")
    frames_of = _frames_by_segment(dataset, stored, kind, segments, read)
    background = _background(dataset, kind)
    kept: list[tuple[_Segment, Frames]] = []
    for segment in (_Segment.of(item, read) for item in segments):
        if is_background(segment.codes) or segment.number == background:
            read.warn(warned("segment_is_background", region=segment.name, where=read.where))
            continue
        with read.leaving_out(segment.name):
            frames = [(index, frame) for index, frame in frames_of(segment.number) if np.any(frame)]
            if not frames:
                raise DosimetryError("it encloses nothing: draw it if it is wanted")
            kept.append((segment, frames))
    planes = _Planes.of(dataset, len(stored), [frames for _segment, frames in kept], found.geometry, read)
    for segment, frames in kept:
        with read.leaving_out(segment.name):
            placed = planes.region(frames, found.geometry)
            read.add(Drawn(segment.name, segment.number, "segment", segment.kind, placed, found))


@dataclass(frozen=True)
class _Segment:
    """What a segmentation says of one segment."""

    number: int
    name: str
    codes: tuple[str, ...]
    kind: str

    @classmethod
    def of(cls, item, read: RegionsOfFile) -> "_Segment":
        number, name = int(item.SegmentNumber), str(item.get("SegmentLabel", "") or "").strip()
        if not name:
            name = f"segment {number}"
            read.warn(warned("region_without_name", region=name, where=read.where))
        sequences = [item.get(key) for key in _SEGMENT_CODES]
        codes = tuple(code for items in sequences for code in codes_of(items))
        meanings = tuple(text for items in sequences for text in meanings_of(items))
        return cls(number, name, codes, region_kind(name, "", codes, meanings))


def _kind_of(dataset, frames: int, where: str) -> str:
    kind = str(dataset.get("SegmentationType", "BINARY") or "BINARY").upper()
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        raise DosimetryError(
            f"Expected a BINARY, FRACTIONAL or LABELMAP segmentation in {where}, received {kind}; export it as BINARY."
        )
    groups = len(dataset.get("PerFrameFunctionalGroupsSequence") or [])
    if groups != frames:
        raise DosimetryError(
            f"Expected one functional group for each frame in {where}, received {groups} for {frames}; repair the file."
        )
    return kind


def _background(dataset, kind: str) -> int | None:
    """Pixel value of a label map that is no segment: Pixel Padding Value, 0 where there is none (C.8.20.2.3.3)."""
    if kind != "LABELMAP":
        return None
    value = dataset.get("PixelPaddingValue")
    return 0 if value in (None, "") else int(number_of(value, "(0028,0120) Pixel Padding Value"))


def _references(dataset, frames: int) -> References:
    """What a segmentation names: the images that its frames were derived from, then series, then its frame of reference."""
    instances, series = [], []
    for index in range(min(frames, 3)):  # the first frames tell the image
        for derivation in element_value(dataset, f"PerFrameFunctionalGroupsSequence[{index}].DerivationImageSequence") or []:
            for source in derivation.get("SourceImageSequence") or []:
                instances.append(str(source.get("ReferencedSOPInstanceUID", "") or ""))
    for item in dataset.get("ReferencedSeriesSequence") or []:
        series.append(str(item.get("SeriesInstanceUID", "") or ""))
        instances += [str(one.get("ReferencedSOPInstanceUID", "") or "") for one in item.get("ReferencedInstanceSequence") or []]
    return References(tuple(instances), tuple(series), str(dataset.get("FrameOfReferenceUID", "") or ""))


def _frames_by_segment(dataset, stored: np.ndarray, kind: str, segments, read: RegionsOfFile) -> Callable[[int], Frames]:
    """A function from a segment number to its frames."""
    known = [int(segment.SegmentNumber) for segment in segments]
    if kind == "LABELMAP":  # each frame holds all segments, as their numbers
        strangers = sorted(set(np.unique(stored).tolist()) - {*known, _background(dataset, kind)})
        if strangers:
            values = ", ".join(map(str, strangers[:5]))
            read.warn(warned("values_of_no_segment", where=read.where, values=values))
        return lambda number: [(index, frame == number) for index, frame in enumerate(stored)]
    path = "SegmentIdentificationSequence[0].ReferencedSegmentNumber"
    numbers = np.array([int(_needed(dataset, index, path, read.where)) for index in range(len(stored))])
    count = int(np.count_nonzero(~np.isin(numbers, known)))
    if count:
        read.warn(warned("frames_of_no_segment", where=read.where, count=count))
    occupancy = _occupancy_of(dataset, kind, read)
    return lambda number: [(int(index), occupancy(stored[index])) for index in np.flatnonzero(numbers == number)]


def _occupancy_of(dataset, kind: str, read: RegionsOfFile) -> Callable[[np.ndarray], np.ndarray]:
    """What a frame's pixels mean: inside or not, the share that is inside, or how probable it is to be inside (C.8.20.2.3)."""
    if kind == "BINARY":
        return lambda frame: frame > 0
    meaning = str(dataset.get("SegmentationFractionalType", "") or "").upper()
    value = dataset.get("MaximumFractionalValue")
    if value in (None, "") or not number_of(value, "(0062,000E) Maximum Fractional Value") > 0:
        raise DosimetryError(
            f"Expected a positive Maximum Fractional Value in the fractional segmentation {read.where}, received {value}; export it as BINARY."
        )
    if meaning not in ("PROBABILITY", "OCCUPANCY"):
        raise DosimetryError(
            f"Expected PROBABILITY or OCCUPANCY as Segmentation Fractional Type in {read.where}, received '{meaning}'; export it as BINARY."
        )
    full = float(value)
    if meaning == "PROBABILITY":
        read.warn(warned("segmentation_of_probabilities", where=read.where))

    def occupancy(frame: np.ndarray) -> np.ndarray:
        if frame.max() > full:
            raise DosimetryError(
                f"its largest value {frame.max()} is above the Maximum Fractional Value {full:g}: export it again"
            )
        return frame >= _HALF * full if meaning == "PROBABILITY" else frame / np.float32(full)

    return occupancy


@dataclass(frozen=True, eq=False)
class _Planes:
    """Where the frames of a segmentation lie. heights_mm: of each frame along the normal. step_mm: thickness of a frame."""

    heights_mm: np.ndarray
    frame: PlaneFrame
    step_mm: float

    @classmethod
    def of(cls, dataset, count: int, segments: list[Frames], reference: ImageGeometry, read: RegionsOfFile) -> "_Planes":
        where, path = read.where, "PlanePositionSequence[0].ImagePositionPatient"
        positions = np.array([_numbers(dataset, index, path, 3, where) for index in range(count)])
        axes = np.array(_numbers(dataset, 0, "PlaneOrientationSequence[0].ImageOrientationPatient", 6, where)).reshape(2, 3)
        if any(
            np.abs(
                np.array(_numbers(dataset, index, "PlaneOrientationSequence[0].ImageOrientationPatient", 6, where)) - axes.ravel()
            ).max()
            > 1e-3
            for index in range(1, count)
        ):
            raise DosimetryError(
                f"Expected frames of one orientation in {where}, received several; export it on the grid of its image."
            )
        rows_mm, columns_mm = _numbers(dataset, 0, "PixelMeasuresSequence[0].PixelSpacing", 2, where)
        normal = unit_normal(axes, where)
        aside = np.abs((positions - positions[0]) @ axes.T).max()
        if aside > _SIDEWAYS * min(rows_mm, columns_mm):
            raise DosimetryError(
                f"Expected the frames of {where} one above the other, received frames that lie up to {aside:.2f} mm aside; export it on the grid of its image."
            )
        frame = PlaneFrame(axes, normal, (columns_mm, rows_mm), positions[0])
        heights = positions @ normal
        stated = [
            _frame_value(dataset, 0, f"PixelMeasuresSequence[0].{key}") for key in ("SpacingBetweenSlices", "SliceThickness")
        ]
        return cls(heights, frame, _step(heights, segments, frame, reference, stated, read))

    def region(self, frames: Frames, reference: ImageGeometry) -> PlacedMask:
        heights = self.heights_mm[[index for index, _mask in frames]]
        return region_of_planes(heights, [mask for _index, mask in frames], self.frame, reference, Slabs(step_mm=self.step_mm))


def _step(heights, segments: list[Frames], frame: PlaneFrame, reference: ImageGeometry, stated, read: RegionsOfFile) -> float:
    """Thickness of a frame: the distance of frames next to each other. A tag decides only where no two frames of a segment are neighbors."""
    slice_mm = float(reference.spacing_mm[0])
    spacing_mm, thickness_mm = (abs(float(value)) if value not in (None, "") else None for value in stated)
    on_grid = is_on_grid(planes_of(heights, reference)[0], frame, reference)
    gaps = np.sort(np.concatenate([np.zeros(0), *(_gaps_of_neighbors(heights, frames, reference) for frames in segments)]))
    if len(gaps):
        gap = float(gaps[(len(gaps) - 1) // 2])
        as_image = on_grid and spacing_mm is not None and abs(spacing_mm / slice_mm - 1) <= _SAME_SPACING
        if as_image and gap > _COMB * slice_mm:  # frames that are not there are empty: image and tag say so both
            read.warn(warned("segmentation_on_some_slices", where=read.where, gap_mm=gap, slice_mm=slice_mm))
            return slice_mm
        return gap
    if on_grid:
        return slice_mm
    taken = spacing_mm or thickness_mm or slice_mm
    apart = np.diff(planes_of(heights, reference)[0])
    taken = min(taken, float(apart.min())) if len(apart) else taken
    read.warn(warned("segmentation_thickness_stated", where=read.where, thickness_mm=taken))
    return taken


def _gaps_of_neighbors(heights, frames: Frames, reference: ImageGeometry) -> np.ndarray:
    """Distances of planes of one segment that follow each other and share pixels."""
    planes, members = planes_of(heights[[index for index, _mask in frames]], reference)
    masks = [np.any([frames[number][1] > 0 for number in group], axis=0) for group in members]
    touching = [bool(np.any(one & other)) for one, other in pairwise(masks)]
    return np.diff(planes)[touching] if touching else np.zeros(0)


def _frame_value(dataset, index: int, path: str):
    """Value of a functional group: of the frame, or shared by all."""
    value = element_value(dataset, f"PerFrameFunctionalGroupsSequence[{index}].{path}")
    return value if value is not None else element_value(dataset, f"SharedFunctionalGroupsSequence[0].{path}")


def _needed(dataset, index: int, path: str, what: str):
    value = _frame_value(dataset, index, path)
    if value is None:
        raise DosimetryError(f"Expected {path.split('.')[-1]} for every frame of {what}, received none; repair the file.")
    return value


def _numbers(dataset, index: int, path: str, count: int, what: str) -> list[float]:
    values = _needed(dataset, index, path, what)
    name = path.split(".")[-1]
    if isinstance(values, str) or not hasattr(values, "__len__") or len(values) != count:
        raise DosimetryError(f"Expected {count} numbers for {name} of {what}, received {values}; repair the file.")
    return [number_of(value, f"{name} of {what}") for value in values]
