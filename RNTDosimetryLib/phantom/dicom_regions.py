"""Drawn regions as a DICOM segmentation on the first CT: binary, one segment a region, only slices that hold it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import Region
from RNTDosimetryLib.phantom import dicom as common
from RNTDosimetryLib.phantom.dicom import Session
from RNTDosimetryLib.phantom.dicom_images import CT_IMAGE_STORAGE, ct_instance_uid, ct_series_uid
from RNTDosimetryLib.phantom.scans import PhantomScan


@dataclass(frozen=True)
class RegionCode:
    """category, type, modifier (left, right): (code value, scheme, meaning). rgb: 0 to 255. cielab: as DICOM stores it, 0 to 65535."""

    meaning: str
    category: tuple[str, str, str]
    type: tuple[str, str, str]
    rgb: tuple[int, int, int]
    modifier: tuple[str, str, str] | None = None

    @property
    def cielab(self) -> tuple[int, int, int]:
        return _cielab(self.rgb)


def region_code(name: str) -> RegionCode:
    """Code of a region of ``Resources/phantom/region_codes.json``."""
    data = read_json("phantom", "region_codes.json")
    item = data["regions"][name]
    return RegionCode(
        meaning=item["meaning"],
        category=tuple(data["categories"][item["category"]]),
        type=tuple(item["type"]),
        rgb=tuple(item["rgb"]),
        modifier=tuple(item["modifier"]) if "modifier" in item else None,
    )


def _cielab(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """sRGB (D65) to CIELab scaled to 16 bit as in DICOM PS3.3 C.10.7.1.1; the D65 white is used without adaptation."""
    linear = [((c / 255 + 0.055) / 1.055) ** 2.4 if c > 10 else c / 255 / 12.92 for c in rgb]
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.9505, 1.0, 1.0890)
    x, y, z = (_lab_curve(sum(a * b for a, b in zip(row, linear)) / w) for row, w in zip(rows, white))
    lightness, a, b = 116 * y - 16, 500 * (x - y), 200 * (y - z)
    scaled = (lightness / 100 * 65535, (a + 128) / 255 * 65535, (b + 128) / 255 * 65535)
    return tuple(min(max(round(value), 0), 65535) for value in scaled)


def _lab_curve(value: float) -> float:
    return value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116


SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
_SEGMENT_NUMBER = 0x0062000B
_SEGMENT_IDENTIFICATION_SEQUENCE = 0x0062000A
_IMAGE_POSITION = 0x00200032
_PLANE_POSITION_SEQUENCE = 0x00209113


def write_seg(folder: Path, session: Session, scan: PhantomScan, regions: tuple[Region, ...]) -> tuple[Path, ...]:
    """One file with all regions."""
    geometry = scan.ct.geometry
    dataset = common.new_dataset(session, SEGMENTATION_STORAGE, session.uid("seg"), "SEG")
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    common.set_series(dataset, session.uid("seg series"), 3, "Regions", scan.ct_start)
    common.set_frame_of_reference(dataset, session)
    dataset.DeviceSerialNumber = "1"
    dataset.InstanceNumber = 1
    dataset.ContentLabel, dataset.ContentDescription, dataset.ContentCreatorName = "REGIONS", "Regions of the phantom", "PHANTOM"
    dataset.SegmentationType = "BINARY"
    dataset.SegmentsOverlap = "NO"
    dataset.LossyImageCompression = "00"
    dataset.SegmentSequence = [_segment(number, region) for number, region in enumerate(regions, start=1)]
    dataset.ReferencedSeriesSequence = [
        common.item(
            SeriesInstanceUID=ct_series_uid(session),
            ReferencedInstanceSequence=[_source(session, index) for index in range(geometry.size[0])],
        )
    ]
    organization = session.uid("seg dimensions")
    dataset.DimensionOrganizationSequence = [common.item(DimensionOrganizationUID=organization)]
    dataset.DimensionIndexSequence = [
        common.item(
            DimensionOrganizationUID=organization,
            DimensionIndexPointer=pointer,
            FunctionalGroupPointer=group,
            DimensionDescriptionLabel=label,
        )
        for pointer, group, label in (
            (_SEGMENT_NUMBER, _SEGMENT_IDENTIFICATION_SEQUENCE, "Segment"),
            (_IMAGE_POSITION, _PLANE_POSITION_SEQUENCE, "Slice"),
        )
    ]
    dataset.SharedFunctionalGroupsSequence = [_shared_groups(geometry)]
    frames = [
        (number, index)
        for number, region in enumerate(regions, start=1)
        for index in np.flatnonzero(region.occupancy.any(axis=(1, 2)))
    ]
    dataset.PerFrameFunctionalGroupsSequence = [_frame_groups(session, geometry, number, int(index)) for number, index in frames]
    _set_bits(dataset, np.stack([regions[number - 1].occupancy[index] for number, index in frames]))
    path = folder / "seg.dcm"
    common.save(dataset, path)
    return (path,)


def _segment(number: int, region: Region):
    coded = region_code(region.name)
    segment = common.item(
        SegmentNumber=number,
        SegmentLabel=region.name,
        SegmentDescription=coded.meaning,
        SegmentAlgorithmType="MANUAL",
        SegmentedPropertyCategoryCodeSequence=common.code(*coded.category),
        SegmentedPropertyTypeCodeSequence=common.code(*coded.type),
        RecommendedDisplayCIELabValue=list(coded.cielab),
    )
    if coded.modifier is not None:
        segment.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = common.code(*coded.modifier)
    return segment


def _source(session: Session, index: int):
    return common.item(ReferencedSOPClassUID=CT_IMAGE_STORAGE, ReferencedSOPInstanceUID=ct_instance_uid(session, index))


def _shared_groups(geometry: ImageGeometry):
    return common.item(
        PixelMeasuresSequence=[
            common.item(
                PixelSpacing=common.pixel_spacing(geometry),
                SliceThickness=common.decimal(geometry.spacing_mm[0]),
                SpacingBetweenSlices=common.decimal(geometry.spacing_mm[0]),
            )
        ],
        PlaneOrientationSequence=[common.item(ImageOrientationPatient=common.image_orientation(geometry))],
    )


def _frame_groups(session: Session, geometry: ImageGeometry, number: int, index: int):
    source = _source(session, index)
    source.PurposeOfReferenceCodeSequence = common.code("121322", "DCM", "Source image for image processing operation")
    return common.item(
        DerivationImageSequence=[
            common.item(SourceImageSequence=[source], DerivationCodeSequence=common.code("113076", "DCM", "Segmentation"))
        ],
        FrameContentSequence=[common.item(DimensionIndexValues=[number, index + 1])],
        PlanePositionSequence=[common.item(ImagePositionPatient=common.image_position(geometry, index))],
        SegmentIdentificationSequence=[common.item(ReferencedSegmentNumber=number)],
    )


def _set_bits(dataset, frames: np.ndarray) -> None:
    """One bit a voxel, the first voxel in the lowest bit, frames without gaps between them (PS3.5 8.1.1)."""
    packed = np.packbits(frames.astype(bool).ravel(), bitorder="little").tobytes()
    dataset.NumberOfFrames = len(frames)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = frames.shape[1:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 1, 1, 0, 0
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    dataset["PixelData"].VR = "OB"


def mask_outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Closed outlines of a (y, x) mask, halfway between voxel centers inside and outside.

    Returns arrays (points, 2) of (x, y) index positions, without repeating the first point. Holes have their own outlines:
    a voxel center is inside the mask when it lies within an odd number of outlines, and then only.
    """
    corners = np.pad(np.asarray(mask, dtype=bool), 1)
    case = corners[:-1, :-1] + 2 * corners[:-1, 1:] + 4 * corners[1:, 1:] + 8 * corners[1:, :-1]
    following = {}
    for y, x in zip(*np.nonzero((case > 0) & (case < 15))):
        for start, end in _SEGMENTS[int(case[y, x])]:
            # Edge midpoints in half steps, so that they are exact keys.
            following[_midpoint(x, y, start)] = _midpoint(x, y, end)
    outlines = []
    while following:
        first = next(iter(following))
        loop, point = [], first
        while point in following:
            loop.append(point)
            point = following.pop(point)
        # Half steps of the padded grid: back to index positions of the mask.
        outlines.append(np.array(loop) / 2.0 - 1.0)
    return outlines


_EDGES = {"top": (1, 0), "right": (2, 1), "bottom": (1, 2), "left": (0, 1)}

# Marching squares: corners 1 upper left, 2 upper right, 4 lower right, 8 lower left; each segment keeps the inside on the same
# hand, so that every edge midpoint starts one segment only. The two saddles (5, 10) keep their inside corners apart.
_SEGMENTS = {
    1: [("left", "top")],
    2: [("top", "right")],
    3: [("left", "right")],
    4: [("right", "bottom")],
    5: [("left", "top"), ("right", "bottom")],
    6: [("top", "bottom")],
    7: [("left", "bottom")],
    8: [("bottom", "left")],
    9: [("bottom", "top")],
    10: [("top", "right"), ("bottom", "left")],
    11: [("bottom", "right")],
    12: [("right", "left")],
    13: [("right", "top")],
    14: [("top", "left")],
}


def _midpoint(x: int, y: int, edge: str) -> tuple[int, int]:
    right, down = _EDGES[edge]
    return 2 * int(x) + right, 2 * int(y) + down


RT_STRUCTURE_SET_STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"
DETACHED_STUDY_MANAGEMENT = "1.2.840.10008.3.1.2.3.1"


def write_rtstruct(folder: Path, session: Session, scan: PhantomScan, regions: tuple[Region, ...]) -> tuple[Path, ...]:
    """One file with all regions. Holes are contours of their own, inside those around them (even-odd rule)."""
    dataset = common.new_dataset(session, RT_STRUCTURE_SET_STORAGE, session.uid("rtstruct"), "RTSTRUCT")
    common.set_series(dataset, session.uid("rtstruct series"), 5, "Regions", scan.ct_start)
    common.set_frame_of_reference(dataset, session)
    dataset.InstanceNumber = 1
    dataset.OperatorsName = ""
    dataset.ApprovalStatus = "UNAPPROVED"
    dataset.StructureSetLabel, dataset.StructureSetName = "REGIONS", "Regions of the phantom"
    dataset.StructureSetDate, dataset.StructureSetTime = common.date_text(scan.ct_start), common.time_text(scan.ct_start)
    dataset.ReferencedFrameOfReferenceSequence = [_referenced_frame(session, scan.ct.geometry.size[0])]
    dataset.StructureSetROISequence = [_structure(session, number, region) for number, region in enumerate(regions, start=1)]
    dataset.ROIContourSequence = [_contours(session, number, region) for number, region in enumerate(regions, start=1)]
    dataset.RTROIObservationsSequence = [
        common.item(ObservationNumber=number, ReferencedROINumber=number, RTROIInterpretedType="", ROIInterpreter="")
        for number in range(1, len(regions) + 1)
    ]
    path = folder / "rtstruct.dcm"
    common.save(dataset, path)
    return (path,)


def _referenced_frame(session: Session, slices: int):
    series = common.item(
        SeriesInstanceUID=ct_series_uid(session),
        ContourImageSequence=[_source(session, index) for index in range(slices)],
    )
    study = common.item(
        ReferencedSOPClassUID=DETACHED_STUDY_MANAGEMENT,
        ReferencedSOPInstanceUID=session.study_uid,
        RTReferencedSeriesSequence=[series],
    )
    return common.item(FrameOfReferenceUID=session.frame_of_reference_uid, RTReferencedStudySequence=[study])


def _structure(session: Session, number: int, region: Region):
    return common.item(
        ROINumber=number,
        ReferencedFrameOfReferenceUID=session.frame_of_reference_uid,
        ROIName=region.name,
        ROIDescription=region_code(region.name).meaning,
        ROIGenerationAlgorithm="MANUAL",
    )


def _contours(session: Session, number: int, region: Region):
    items = []
    for index in np.flatnonzero(region.occupancy.any(axis=(1, 2))):
        for outline in mask_outlines(region.occupancy[index]):
            points = np.column_stack([outline, np.full(len(outline), index), np.ones(len(outline))])
            lps = (points @ region.geometry.index_to_lps.T)[:, :3]
            items.append(
                common.item(
                    ContourImageSequence=[_source(session, int(index))],
                    ContourGeometricType="CLOSED_PLANAR",
                    NumberOfContourPoints=len(outline),
                    ContourData=[f"{value:.4f}" for value in lps.ravel()],
                )
            )
    return common.item(ROIDisplayColor=list(region_code(region.name).rgb), ReferencedROINumber=number, ContourSequence=items)
