"""Whole-body planar scans as Nuclear Medicine objects: three energy windows and two detectors in one file."""

from pathlib import Path

import numpy as np

from RNTDosimetryLib.phantom import dicom_common as common
from RNTDosimetryLib.phantom.identifiers import Session
from RNTDosimetryLib.phantom.planar_scans import WINDOWS, PhantomPlanar, planar_protocol
from RNTDosimetryLib.phantom.settings import PhantomSettings, load_protocol

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
