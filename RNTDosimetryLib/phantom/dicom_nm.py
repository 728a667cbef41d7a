"""Quantitative SPECT as one multi-frame Nuclear Medicine object (reconstructed tomography)."""

from pathlib import Path

import numpy as np

from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.phantom import dicom_common as common
from RNTDosimetryLib.phantom.identifiers import Session
from RNTDosimetryLib.phantom.scans import PhantomScan
from RNTDosimetryLib.phantom.settings import load_protocol

NUCLEAR_MEDICINE_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.20"
_WINDOW_KEV = (187.2, 228.8)
_VIEWS = 60


def write_nm(folder: Path, session: Session, scan: PhantomScan) -> tuple[Path, ...]:
    """One multi-frame file; Bq/mL by real world value map or by rescale, as the settings say."""
    geometry = scan.spect_geometry
    stored, slope = common.scaled_pixels(scan.spect_bq_ml)
    frames = geometry.size[0]
    dataset = common.new_dataset(session, NUCLEAR_MEDICINE_IMAGE_STORAGE, session.uid("nm"), "NM")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]
    common.set_series(dataset, session.uid("nm series"), 2, f"SPECT {scan.name} Bq/mL", scan.acquisition_start)
    common.set_acquisition(dataset, scan.acquisition_start)
    common.set_frame_of_reference(dataset, session)
    dataset.InstanceNumber = 1
    common.set_lying_supine(dataset)
    dataset.PixelSpacing = common.pixel_spacing(geometry)
    dataset.SliceThickness = common.decimal(geometry.spacing_mm[0])
    dataset.SpacingBetweenSlices = common.decimal(geometry.spacing_mm[0])
    dataset.NumberOfFrames = frames
    dataset.FrameIncrementPointer = [0x00540080]
    dataset.SliceVector = list(range(1, frames + 1))
    dataset.NumberOfSlices = frames
    dataset.NumberOfEnergyWindows, dataset.NumberOfDetectors, dataset.NumberOfRotations = 1, 2, 1
    dataset.EnergyWindowInformationSequence = [energy_window()]
    dataset.RadiopharmaceuticalInformationSequence = [common.radiopharmaceutical_item(load_protocol().activity_gbq * 1000.0)]
    dataset.DetectorInformationSequence = [detector(geometry)]
    dataset.RotationInformationSequence = [rotation(scan.duration_s)]
    dataset.AcquisitionTerminationCondition = "TIME"
    corrections = ["UNIF", "COR", "ATTN", "SCAT", *(["DECY"] if scan.decay_correction != "NONE" else [])]
    dataset.CorrectedImage = corrections
    dataset.DecayCorrection = scan.decay_correction
    dataset.DecayFactor = common.decimal(scan.decay_factor)
    _set_scaling(dataset, session.settings.nm_scaling, slope)
    common.set_pixels(dataset, stored)
    path = folder / "nm.dcm"
    common.save(dataset, path)
    return (path,)


def energy_window():
    """The photopeak window of the camera."""
    lower, upper = (common.decimal(limit) for limit in _WINDOW_KEV)
    limits = common.item(EnergyWindowLowerLimit=lower, EnergyWindowUpperLimit=upper)
    return common.item(EnergyWindowName="208 keV", EnergyWindowRangeSequence=[limits])


def detector(geometry: ImageGeometry):
    """Where the first frame lies; the others follow along the normal of rows and columns."""
    return common.item(
        CollimatorGridName="Simulated",
        CollimatorType="PARA",
        ImagePositionPatient=common.image_position(geometry, 0),
        ImageOrientationPatient=common.image_orientation(geometry),
    )


def rotation(duration_s: float):
    """Each view lasts its share of the whole acquisition."""
    return common.item(
        StartAngle="0",
        AngularStep=common.decimal(180.0 / _VIEWS),
        RotationDirection="CW",
        ScanArc="180",
        ActualFrameDuration=int(np.rint(duration_s * 1000.0 / _VIEWS)),
        NumberOfFramesInRotation=_VIEWS,
    )


def _set_scaling(dataset, scaling: str, slope: str) -> None:
    """One way only: Units belong to the rescaled values, and would contradict a map of the stored ones."""
    if scaling == "RESCALE":
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType, dataset.Units = "0", slope, "BQML", "BQML"
        return
    mapping = common.item(RealWorldValueIntercept=0.0, RealWorldValueSlope=float(slope))
    mapping.LUTExplanation, mapping.LUTLabel = "Activity concentration", "BQML"
    mapping.add_new("RealWorldValueFirstValueMapped", "US", 0)
    mapping.add_new("RealWorldValueLastValueMapped", "US", common.UINT16_MAXIMUM)
    mapping.MeasurementUnitsCodeSequence = common.code("Bq/ml", "UCUM", "Becquerels/milliliter")
    dataset.RealWorldValueMappingSequence = [mapping]
