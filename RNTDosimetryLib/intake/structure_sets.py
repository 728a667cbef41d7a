"""Regions of a structure set (RTSTRUCT): closed contours by region, and the image that each region was drawn on (PS3.3 C.8.8.5, C.8.8.6, C.8.8.8)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.outlines import Outline, heights_of, outline_of, region_of_outlines
from RNTDosimetryLib.images.plane_stack import Slabs, usual_gap
from RNTDosimetryLib.intake.drawn_on import DrawnOn, ImagesOfFolder, References
from RNTDosimetryLib.intake.region_kinds import codes_of, meanings_of, region_kind
from RNTDosimetryLib.intake.region_parts import Drawn, RegionsOfFile
from RNTDosimetryLib.intake.series import FoundSeries
from RNTDosimetryLib.intake.tags import element_value, number_of

_CLOSED, _CLOSED_XOR = "CLOSEDPLANAR", "CLOSEDPLANARXOR"
"""Contour Geometric Type without its underscore, which is written in several places."""
_OBSERVED_CODES = (
    "SegmentedPropertyTypeCodeSequence",
    "SegmentedPropertyCategoryCodeSequence",
    "RTROIIdentificationCodeSequence",
    "TherapeuticRoleTypeCodeSequence",
    "TherapeuticRoleCategoryCodeSequence",
)


def read_structure_set(series: FoundSeries, images: ImagesOfFolder, read: RegionsOfFile) -> None:
    """Put the regions of one RTSTRUCT object into ``read``; one that encloses nothing or cannot be placed is left out by name."""
    header = series.header
    regions = list(_regions_of(header, read))
    kept = []
    for region in regions:
        with read.leaving_out(region.name):
            region.take_contours(read)
            found = images.find(_references(header, region))
            if found is None:
                raise DosimetryError("it was drawn on no CT or SPECT of this folder: add that image, or name the file in ignore")
            kept.append((region, found))
    usual_mm = _usual_step([(region.outlines, found) for region, found in kept])
    for region, found in kept:
        with read.leaving_out(region.name):
            slabs = Slabs(step_mm=region.planes_mm, stated_mm=region.slab_mm, usual_mm=usual_mm)
            placed = region_of_outlines(region.outlines, found.geometry, slabs)
            read.add(Drawn(region.name, region.number, "ROI", region.kind, placed, found))


@dataclass(eq=False)
class _Roi:
    """One region of the structure set: its items in the three sequences, and what its contours hold."""

    number: int
    name: str
    frame: str
    observed: object | None
    items: list = field(default_factory=list)
    outlines: list[Outline] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)
    slab_mm: float | None = None

    @property
    def kind(self) -> str:
        sequences = [] if self.observed is None else [self.observed.get(key) for key in _OBSERVED_CODES]
        return region_kind(
            self.name,
            "" if self.observed is None else str(self.observed.get("RTROIInterpretedType", "") or ""),
            tuple(code for items in sequences for code in codes_of(items)),
            tuple(text for items in sequences for text in meanings_of(items)),
        )

    @property
    def planes_mm(self) -> float | None:
        """Distance of the planes that the contours were made on, where the file has it: then a plane without contour is empty (C.8.8.6.4)."""
        for item in self.items:
            value = element_value(item, "SourcePixelPlanesCharacteristicsSequence[0].SpacingBetweenSlices")
            if value is not None and number_of(value, f"Spacing Between Slices of '{self.name}'") > 0:
                return float(value)
        return None

    def take_contours(self, read: RegionsOfFile) -> None:
        """Sort the contours. Raises DosimetryError where none encloses anything, and for numbers that are none."""
        left: Counter[str] = Counter()
        slabs, moved = set(), False
        for item in self.items:
            for contour in item.get("ContourSequence") or []:
                kind = str(contour.get("ContourGeometricType", "") or "").strip().upper()
                plain = kind.replace("_", "")
                self.instances += [
                    str(one.get("ReferencedSOPInstanceUID", "") or "") for one in contour.get("ContourImageSequence") or []
                ]
                values = [number_of(value, f"Contour Data of '{self.name}'") for value in contour.get("ContourData") or []]
                if len(values) % 3:
                    left["numbers that are no points"] += 1
                    continue
                outline = outline_of(values, plain == _CLOSED_XOR)
                if plain not in (_CLOSED, _CLOSED_XOR):
                    left[kind or "no type"] += 1
                elif not outline.encloses_something:
                    left["no area"] += 1
                else:
                    offset = _offset_of(contour, self.name)
                    moved = moved or bool(offset.any())
                    self.outlines.append(Outline(outline.points_lps_mm + offset, outline.exclusive))
                    slabs.add(contour.get("ContourSlabThickness"))
        if not self.outlines:
            kinds = ", ".join(f"{count} of {kind}" for kind, count in sorted(left.items()))
            raise DosimetryError("it encloses nothing" + (f" ({kinds})" if kinds else "") + ": draw it if it is wanted")
        for kind, count in sorted(left.items()):
            read.warn(warned("contours_left_out", region=self.name, count=count, kind=kind, where=read.where))
        if moved:
            read.warn(warned("contours_with_offset", region=self.name, where=read.where))
        slab = slabs.pop() if len(slabs) == 1 else None
        if slab not in (None, ""):
            self.slab_mm = abs(number_of(slab, f"Contour Slab Thickness of '{self.name}'")) or None


def _offset_of(contour, name: str) -> np.ndarray:
    """Contour Offset Vector, retired: from the points to the middle of the slab (C.8.8.6.2)."""
    values = contour.get("ContourOffsetVector")
    if values is None or len(values) != 3:
        return np.zeros(3)
    return np.array([number_of(value, f"Contour Offset Vector of '{name}'") for value in values])


def _regions_of(header, read: RegionsOfFile) -> Iterator[_Roi]:
    """The regions in the order of the file. One without a name is called by its number."""
    observed: dict[int, object] = {}
    for item in header.get("RTROIObservationsSequence") or []:
        if item.get("ReferencedROINumber") is not None:
            observed.setdefault(int(item.ReferencedROINumber), item)
    rois: dict[int, _Roi] = {}
    for item in header.get("StructureSetROISequence") or []:
        if item.get("ROINumber") is None:
            continue
        number, name = int(item.ROINumber), str(item.get("ROIName", "") or "").strip()
        if number in rois:
            read.leave_out(
                name or f"ROI {number}", f"its number {number} is that of '{rois[number].name}' too: give each region its own"
            )
            continue
        rois[number] = _Roi(number, name, str(item.get("ReferencedFrameOfReferenceUID", "") or ""), observed.get(number))
    for item in header.get("ROIContourSequence") or []:
        if item.get("ReferencedROINumber") is not None:
            number = int(item.ReferencedROINumber)
            rois.setdefault(number, _Roi(number, "", "", observed.get(number))).items.append(item)
    for roi in rois.values():
        if not roi.name:
            roi.name = f"ROI {roi.number}"
            read.warn(warned("region_without_name", region=roi.name, where=read.where))
        yield roi


def _references(header, roi: _Roi) -> References:
    """What a region names: images of its contours, its source series, the series of its frame of reference, then any."""
    own = [str(one.get("SeriesInstanceUID", "") or "") for item in roi.items for one in item.get("SourceSeriesSequence") or []]
    frames = list(header.get("ReferencedFrameOfReferenceSequence") or [])
    of_region = [item for item in frames if roi.frame and str(item.get("FrameOfReferenceUID", "") or "") == roi.frame]
    meant = of_region or frames
    series, instances = [], []
    for frame in meant:
        for study in frame.get("RTReferencedStudySequence") or []:
            for item in study.get("RTReferencedSeriesSequence") or []:
                series.append(str(item.get("SeriesInstanceUID", "") or ""))
                instances += [
                    str(one.get("ReferencedSOPInstanceUID", "") or "") for one in item.get("ContourImageSequence") or []
                ]
    whole = [
        str(header.get("FrameOfReferenceUID", "") or ""),
        *(str(item.get("FrameOfReferenceUID", "") or "") for item in frames),
    ]
    frame = roi.frame or next((uid for uid in whole if uid), "")
    return References(tuple([*roi.instances, *([] if own else instances)]), tuple([*own, *series]), frame)


def _usual_step(regions: list[tuple[list[Outline], DrawnOn]]) -> float | None:
    """Distance of planes that most regions of the structure set have, for a plane that stands alone."""
    steps = []
    for outlines, found in regions:
        try:
            gap = usual_gap(heights_of(outlines, found.geometry))
        except DosimetryError:
            continue
        steps += [] if gap is None else [round(gap, 3)]
    return Counter(steps).most_common(1)[0][0] if steps else None
