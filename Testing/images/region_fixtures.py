"""Tiny DICOM files with regions for the tests of the images room: segmentations and structure sets."""

from pathlib import Path

import numpy as np
from images.dicom_fixtures import ADMINISTRATION, CT_GRID, ROOT, base_object, functional_groups, save, set_pixels
from pydicom.dataset import Dataset

SEG, RTSTRUCT = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.481.3"


def write_seg(
    folder,
    masks: dict,
    grid=CT_GRID,
    ct_uid=f"{ROOT}.1.24",
    frame=f"{ROOT}.24",
    fractional=False,
    patient="TEST-1",
    uid=f"{ROOT}.5.1",
    edit=None,
) -> None:
    """SEG of masks (z, y, x) by name; only the planes with voxels are written, as usual."""
    dataset = base_object(SEG, "SEG", f"{uid}.1", uid, patient, frame, ADMINISTRATION)
    dataset.SeriesDescription = "regions"
    dataset.SegmentationType = "FRACTIONAL" if fractional else "BINARY"
    reference = Dataset()
    reference.SeriesInstanceUID = ct_uid
    dataset.ReferencedSeriesSequence = [reference]
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness, measures.SpacingBetweenSlices = (
        list(grid.spacing[1:]),
        grid.spacing[0],
        grid.spacing[0],
    )
    orientation.ImageOrientationPatient = [float(c) for axis in grid.axes for c in axis]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.SegmentSequence, frames, planes = [], [], []
    for number, (name, mask) in enumerate(masks.items(), start=1):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = number, name, "MANUAL"
        dataset.SegmentSequence.append(segment)
        for z in np.flatnonzero(mask.any(axis=(1, 2))):
            item, identity, place = Dataset(), Dataset(), Dataset()
            identity.ReferencedSegmentNumber = number
            place.ImagePositionPatient = [float(p) for p in grid.position(z=int(z))]
            item.SegmentIdentificationSequence, item.PlanePositionSequence = [identity], [place]
            planes.append(item)
            frames.append(mask[z])
    dataset.PerFrameFunctionalGroupsSequence = planes
    dataset.NumberOfFrames = len(frames)
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = grid.size[1], grid.size[2], 1
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
    stack = np.stack(frames)
    if fractional:
        dataset.MaximumFractionalValue, dataset.SegmentationFractionalType = 200, "OCCUPANCY"
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PixelData = 7, np.rint(stack * 200).astype(np.uint8).tobytes()
    else:
        dataset.BitsAllocated = dataset.BitsStored = 1
        dataset.HighBit = 0
        packed = np.packbits(stack.astype(np.uint8).ravel(), bitorder="little").tobytes()
        dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    if edit is not None:
        edit(dataset)
    save(dataset, Path(folder) / f"seg_{uid[-4:]}.dcm")


def write_labelmap(folder, masks: dict, grid=CT_GRID, ct_uid=f"{ROOT}.1.24", frame=f"{ROOT}.24") -> None:
    """Label map segmentation: one frame a plane, the value is the segment number."""
    dataset = base_object("1.2.840.10008.5.1.4.1.1.66.7", "SEG", f"{ROOT}.5.9.1", f"{ROOT}.5.9", "TEST-1", frame, ADMINISTRATION)
    dataset.SegmentationType, dataset.SeriesDescription = "LABELMAP", "labels"
    reference = Dataset()
    reference.SeriesInstanceUID = ct_uid
    dataset.ReferencedSeriesSequence, dataset.SegmentSequence = [reference], []
    labels = np.zeros(grid.size, dtype=np.uint16)
    for number, (name, mask) in enumerate(masks.items(), start=1):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = number, name, "MANUAL"
        dataset.SegmentSequence.append(segment)
        labels[mask] = number
    functional_groups(dataset, grid, list(range(grid.size[0])))
    set_pixels(dataset, labels)
    save(dataset, Path(folder) / "labelmap.dcm")


def write_rtstruct(
    folder, contours: dict, ct_uid=f"{ROOT}.1.24", frame=f"{ROOT}.24", patient="TEST-1", uid=f"{ROOT}.6.1", types=None
) -> None:
    """Structure set of lists of (points, 3) LPS contours by name."""
    dataset = base_object(RTSTRUCT, "RTSTRUCT", f"{uid}.1", uid, patient, frame, ADMINISTRATION)
    series, study, reference = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = ct_uid
    study.RTReferencedSeriesSequence = [series]
    reference.FrameOfReferenceUID, reference.RTReferencedStudySequence = frame, [study]
    dataset.ReferencedFrameOfReferenceSequence = [reference]
    dataset.StructureSetROISequence, dataset.ROIContourSequence, dataset.RTROIObservationsSequence = [], [], []
    for number, (name, loops) in enumerate(contours.items(), start=1):
        roi, holder, observation = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, frame
        observation.ReferencedROINumber, observation.RTROIInterpretedType = number, (types or {}).get(name, "ORGAN")
        holder.ReferencedROINumber, holder.ContourSequence = number, []
        for loop in loops:
            contour = Dataset()
            contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", len(loop)
            contour.ContourData = [f"{value:.6f}" for value in np.asarray(loop).ravel()]
            holder.ContourSequence.append(contour)
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(holder)
        dataset.RTROIObservationsSequence.append(observation)
    save(dataset, Path(folder) / "rtstruct.dcm")
