"""Drawn regions as a DICOM structure set on the first CT: closed planar contours on every slice that holds a region."""

from pathlib import Path

import numpy as np

from RNTDosimetryLib.images.volumes import Region
from RNTDosimetryLib.phantom import dicom_common as common
from RNTDosimetryLib.phantom.contours import mask_outlines
from RNTDosimetryLib.phantom.dicom_ct import ct_series_uid
from RNTDosimetryLib.phantom.identifiers import Session
from RNTDosimetryLib.phantom.region_codes import region_code
from RNTDosimetryLib.phantom.scans import PhantomScan

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
