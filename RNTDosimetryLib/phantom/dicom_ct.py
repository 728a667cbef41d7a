"""CT of a time point as DICOM slices."""

from pathlib import Path

import numpy as np

from RNTDosimetryLib.phantom import dicom_common as common
from RNTDosimetryLib.phantom.identifiers import Session
from RNTDosimetryLib.phantom.scans import PhantomScan

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
_INTERCEPT = -1024


def ct_instance_uid(session: Session, index: int) -> str:
    return session.uid("ct", index)


def ct_series_uid(session: Session) -> str:
    return session.uid("ct series")


def write_ct(folder: Path, session: Session, scan: PhantomScan) -> tuple[Path, ...]:
    """One file per slice, from feet to head; the paths."""
    geometry = scan.ct.geometry
    stored = (np.rint(scan.ct.hounsfield) - _INTERCEPT).astype(np.uint16)
    dataset = common.new_dataset(session, CT_IMAGE_STORAGE, "", "CT")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    common.set_series(dataset, ct_series_uid(session), 1, f"CT {scan.name}", scan.ct_start)
    common.set_acquisition(dataset, scan.ct_start)
    common.set_frame_of_reference(dataset, session)
    dataset.AcquisitionNumber = 1
    dataset.PatientPosition = "HFS"
    dataset.KVP = "120"
    dataset.ConvolutionKernel = "SIMULATED"
    dataset.SliceThickness = common.decimal(geometry.spacing_mm[0])
    dataset.PixelSpacing = common.pixel_spacing(geometry)
    dataset.ImageOrientationPatient = common.image_orientation(geometry)
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = str(_INTERCEPT), "1", "HU"
    dataset.WindowCenter, dataset.WindowWidth = "40", "400"
    paths = []
    for index in range(geometry.size[0]):
        position = common.image_position(geometry, index)
        dataset.SOPInstanceUID = ct_instance_uid(session, index)
        dataset.InstanceNumber = index + 1
        dataset.ImagePositionPatient = position
        dataset.SliceLocation = position[2]
        common.set_pixels(dataset, stored[index])
        paths.append(folder / f"ct_{index + 1:03d}.dcm")
        common.save(dataset, paths[-1])
    return tuple(paths)
