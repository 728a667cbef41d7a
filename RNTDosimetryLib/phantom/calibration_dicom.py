"""Scans of calibration sources as Nuclear Medicine objects: counts, as a camera that was never calibrated stores them."""

from pathlib import Path

import numpy as np

from RNTDosimetryLib.phantom import dicom_common as common
from RNTDosimetryLib.phantom.calibration_scans import CalibrationScan
from RNTDosimetryLib.phantom.dicom_nm import NUCLEAR_MEDICINE_IMAGE_STORAGE, detector, energy_window, rotation
from RNTDosimetryLib.phantom.identifiers import Session
from RNTDosimetryLib.phantom.settings import PhantomSettings


def write_calibration_scan(folder: str | Path, scan: CalibrationScan, seed: int | None = 1) -> Path:
    """One NM file in counts: a static image of a planar source, else a reconstruction. seed: of the noise; None writes the expected counts.

    Counts above 65535 in a voxel are stored with a slope.
    """
    counts = scan.expected_counts if seed is None else scan.counts(seed)
    stored, slope = common.scaled_pixels(counts) if seed is None or counts.max() > common.UINT16_MAXIMUM else (counts.astype(np.uint16), "1")
    planar, frames = scan.kind == "planar", scan.geometry.size[0]
    session = Session(PhantomSettings(seed=0 if seed is None else seed), 0, f"{scan.kind} source", scan.start)
    dataset = common.new_dataset(session, NUCLEAR_MEDICINE_IMAGE_STORAGE, session.uid(scan.kind), "NM")
    dataset.PatientName, dataset.PatientID = "PHANTOM^CALIBRATION", "RNT-CALIBRATION"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "STATIC" if planar else "RECON TOMO", "EMISSION"]
    common.set_series(dataset, session.uid(scan.kind, "series"), 1, f"{scan.kind} source, counts", scan.start)
    common.set_acquisition(dataset, scan.start)
    common.set_frame_of_reference(dataset, session)
    dataset.InstanceNumber = 1
    dataset.PixelSpacing = common.pixel_spacing(scan.geometry)
    dataset.NumberOfFrames = frames
    dataset.NumberOfEnergyWindows, dataset.NumberOfDetectors = 1, 1
    dataset.EnergyWindowInformationSequence = [energy_window()]
    dataset.DetectorInformationSequence = [detector(scan.geometry)]
    dataset.RadiopharmaceuticalInformationSequence = [common.item(
        RadionuclideCodeSequence=common.code(*common.RADIONUCLIDE_CODES[scan.nuclide]),
    )]
    if planar:
        dataset.FrameIncrementPointer = [0x00540010, 0x00540020]
        dataset.EnergyWindowVector, dataset.DetectorVector = [1] * frames, [1] * frames
        dataset.ActualFrameDuration = round(scan.duration_s * 1000.0)
    else:
        dataset.SliceThickness = dataset.SpacingBetweenSlices = common.decimal(scan.geometry.spacing_mm[0])
        dataset.FrameIncrementPointer = [0x00540080]
        dataset.SliceVector, dataset.NumberOfSlices = list(range(1, frames + 1)), frames
        dataset.NumberOfRotations = 1
        dataset.RotationInformationSequence = [rotation(scan.duration_s)]
    dataset.AcquisitionTerminationCondition = "TIME"
    dataset.CorrectedImage = ["UNIF", *([] if planar else ["COR", "ATTN", "SCAT"])]
    dataset.DecayCorrection = "NONE"
    dataset.Units, dataset.RescaleIntercept, dataset.RescaleSlope = "CNTS", "0", slope
    common.set_pixels(dataset, stored)
    path = Path(folder) / f"{scan.kind}.dcm"
    common.save(dataset, path)
    return path
