"""Drawn regions as a DICOM segmentation on the first CT: binary, one segment a region, only slices that hold it."""

from pathlib import Path

import numpy as np

from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import Region
from RNTDosimetryLib.phantom import dicom_common as common
from RNTDosimetryLib.phantom.dicom_ct import CT_IMAGE_STORAGE, ct_instance_uid, ct_series_uid
from RNTDosimetryLib.phantom.identifiers import Session
from RNTDosimetryLib.phantom.region_codes import region_code
from RNTDosimetryLib.phantom.scans import PhantomScan

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
    organisation = session.uid("seg dimensions")
    dataset.DimensionOrganizationSequence = [common.item(DimensionOrganizationUID=organisation)]
    dataset.DimensionIndexSequence = [
        common.item(
            DimensionOrganizationUID=organisation,
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
        (number, index) for number, region in enumerate(regions, start=1) for index in np.flatnonzero(region.occupancy.any(axis=(1, 2)))
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
