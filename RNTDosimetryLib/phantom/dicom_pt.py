"""Quantitative SPECT as single-slice PET objects, as some SPECT software exports it."""

import math
from pathlib import Path

from RNTDosimetryLib.phantom import dicom_common as common
from RNTDosimetryLib.phantom.identifiers import Session
from RNTDosimetryLib.phantom.kinetics import phantom_nuclide
from RNTDosimetryLib.phantom.scans import PhantomScan, duration_factor
from RNTDosimetryLib.phantom.settings import load_protocol

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
