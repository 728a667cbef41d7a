"""Quantitative SPECT as one multi-frame Nuclear Medicine object (reconstructed tomography)."""

import math
from pathlib import Path

import numpy as np

from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.phantom import dicom as common
from RNTDosimetryLib.phantom.course import phantom_nuclide
from RNTDosimetryLib.phantom.dicom import Session
from RNTDosimetryLib.phantom.planar_scans import WINDOWS, PhantomPlanar, planar_protocol
from RNTDosimetryLib.phantom.scans import PhantomScan, duration_factor
from RNTDosimetryLib.phantom.settings import PhantomSettings, load_protocol

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


POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.128"


def write_pt(folder: Path, session: Session, scan: PhantomScan) -> tuple[Path, ...]:
    """One file per slice, from feet to head, each with its own rescale slope to Bq/mL."""
    geometry = scan.spect_geometry
    dataset = common.new_dataset(session, POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE, "", "PT")
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    common.set_series(dataset, session.uid("pt series"), 4, f"SPECT {scan.name} Bq/mL as PT", scan.acquisition_start)
    common.set_acquisition(dataset, scan.acquisition_start)
    common.set_frame_of_reference(dataset, session)
    dataset.AcquisitionNumber = 1
    dataset.PatientPosition = "HFS"
    common.set_lying_supine(dataset)
    dataset.SeriesType = ["STATIC", "IMAGE"]
    dataset.Units = "BQML"
    dataset.CountsSource = "EMISSION"
    dataset.NumberOfSlices = geometry.size[0]
    dataset.CollimatorType = "PARA"
    dataset.AttenuationCorrectionMethod = "simulated"
    dataset.ScatterCorrectionMethod = "simulated"
    dataset.RandomsCorrectionMethod = "NONE"
    dataset.ReconstructionMethod = "simulated"
    dataset.CorrectedImage = ["NORM", "ATTN", "SCAT", *(["DECY"] if scan.decay_correction != "NONE" else [])]
    dataset.DecayCorrection = scan.decay_correction
    dataset.DecayFactor = common.decimal(scan.decay_factor)
    dataset.ActualFrameDuration = round(scan.duration_s * 1000.0)
    dataset.FrameReferenceTime = common.decimal(_mean_activity_time_ms(scan))
    dataset.RadiopharmaceuticalInformationSequence = [common.radiopharmaceutical_item(load_protocol().activity_gbq * 1e9)]
    dataset.PixelSpacing = common.pixel_spacing(geometry)
    dataset.SliceThickness = common.decimal(geometry.spacing_mm[0])
    dataset.ImageOrientationPatient = common.image_orientation(geometry)
    dataset.RescaleIntercept, dataset.RescaleType = "0", "BQML"
    paths = []
    for index in range(geometry.size[0]):
        stored, slope = common.scaled_pixels(scan.spect_bq_ml[index])
        position = common.image_position(geometry, index)
        dataset.SOPInstanceUID = session.uid("pt", index)
        dataset.InstanceNumber = dataset.ImageIndex = index + 1
        dataset.ImagePositionPatient = position
        dataset.SliceLocation = position[2]
        dataset.RescaleSlope = slope
        common.set_pixels(dataset, stored)
        paths.append(folder / f"pt_{index + 1:03d}.dcm")
        common.save(dataset, paths[-1])
    return tuple(paths)


def _mean_activity_time_ms(scan: PhantomScan) -> float:
    """When the activity equals its mean over the acquisition, from the start of the series (PS3.3 C.8.9.4)."""
    decay_constant = phantom_nuclide().decay_constant_per_h
    return math.log(duration_factor(decay_constant, scan.duration_s)) / decay_constant * 3.6e6


# DICOM PS3.16 CID 26; row and column directions in LPS as each head sees the patient with the head up.
_PLANAR_VIEWS = (
    (("399321004", "SCT", "Anterior projection"), ("1", "0", "0", "0", "0", "-1"), "180"),
    (("399001007", "SCT", "Posterior projection"), ("-1", "0", "0", "0", "0", "-1"), "0"),
)


def write_planar(path: str | Path, scan: PhantomPlanar, settings: PhantomSettings | None = None) -> Path:
    """Write one scan. The same scan gives the same file."""
    settings, path, camera = settings or PhantomSettings(), Path(path), planar_protocol()
    session = Session(settings, 100 + round(scan.start_h), scan.name, scan.acquisition_start)
    dataset = common.new_dataset(session, NUCLEAR_MEDICINE_IMAGE_STORAGE, session.uid("planar"), "NM")
    common.set_series(dataset, session.uid("planar series"), 1, f"whole body {scan.start_h:g} h", scan.acquisition_start)
    common.set_acquisition(dataset, scan.acquisition_start)
    common.set_frame_of_reference(dataset, session)
    common.set_lying_supine(dataset)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "WHOLE BODY", "EMISSION"]
    dataset.InstanceNumber = 1
    dataset.PixelSpacing = [common.decimal(scan.geometry.spacing_mm[0]), common.decimal(scan.geometry.spacing_mm[2])]
    dataset.NumberOfFrames = 2 * len(WINDOWS)
    dataset.FrameIncrementPointer = [0x00540010, 0x00540020]
    dataset.EnergyWindowVector = [window + 1 for window in range(len(WINDOWS)) for _ in range(2)]
    dataset.DetectorVector = [1, 2] * len(WINDOWS)
    dataset.NumberOfEnergyWindows, dataset.NumberOfDetectors = len(WINDOWS), 2
    dataset.EnergyWindowInformationSequence = [_window(name, *camera["windows_kev"][name]) for name in WINDOWS]
    dataset.DetectorInformationSequence = [
        common.item(
            CollimatorType="PARA",
            FieldOfViewShape="RECTANGLE",
            FieldOfViewDimensions=[str(round(camera["field_of_view_mm"])), "540"],
            StartAngle=angle,
            ViewCodeSequence=common.code(*view),
            ImageOrientationPatient=list(orientation),
        )
        for view, orientation, angle in _PLANAR_VIEWS
    ]
    dataset.RadiopharmaceuticalInformationSequence = [common.radiopharmaceutical_item(load_protocol().activity_gbq * 1000.0)]
    dataset.ScanVelocity = common.decimal(camera["scan_velocity_mm_s"])
    dataset.ScanLength = round(scan.geometry.size[0] * scan.geometry.spacing_mm[0])
    dataset.WholeBodyTechnique = "1PS"
    dataset.ActualFrameDuration = round(scan.duration_s * 1000)
    dataset.CountsAccumulated = round(float(scan.counts.sum()))
    frames = np.clip(np.rint(scan.counts.reshape(-1, *scan.counts.shape[2:])), 0, common.UINT16_MAXIMUM)
    common.set_pixels(dataset, frames.astype(np.uint16))
    common.save(dataset, path)
    return path


def _window(name: str, lower: float, upper: float):
    limits = common.item(EnergyWindowLowerLimit=common.decimal(lower), EnergyWindowUpperLimit=common.decimal(upper))
    return common.item(EnergyWindowName=name, EnergyWindowRangeSequence=[limits])
