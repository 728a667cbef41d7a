"""The radioembolisation case as DICOM: CT, planar scout (NM), scout SPECT and 90Y PET (both as PT slices)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.images.volumes import ActivityImage
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.phantom import dicom as common
from RNTDosimetryLib.phantom.dicom import Session
from RNTDosimetryLib.phantom.dicom_images import write_ct
from RNTDosimetryLib.phantom.radioembolisation.case import TareSettings, start_of, tare_positions, tare_protocol
from RNTDosimetryLib.phantom.radioembolisation.scans import PlanarScout, TareScans, simulate_tare

NUCLEAR_MEDICINE_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.20"
POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.128"
# DICOM PS3.16 CID 18 and CID 26, compared with the code tables distributed with pydicom 3.0.
_NUCLIDE_CODES = {"Tc-99m": ("72454006", "SCT", "^99m^Technetium"), "Y-90": ("14691008", "SCT", "^90^Yttrium")}
_VIEWS = (("399321004", "SCT", "Anterior projection"), ("399001007", "SCT", "Posterior projection"))
_CT_BEFORE_S = 300


@dataclass(frozen=True)
class TareFiles(Record):
    """Folders of the case: scout_folder and treatment_folder hold CT and emission slices each; planar is one NM file."""

    scout_folder: Path
    treatment_folder: Path
    planar: Path


def write_tare(folder: str | Path, scans: TareScans | TareSettings | None = None) -> TareFiles:
    """Write the case below ``folder``: "scout" (CT, SPECT), "planar" and "treatment" (CT, PET). Files are the same for the same settings."""
    scans = scans if isinstance(scans, TareScans) else simulate_tare(scans)
    folder = Path(folder)
    scout, treatment = (Session(scans.settings, index, name, start_of(name)) for index, name in enumerate(("scout", "treatment")))
    for session, image in ((scout, scans.scout), (treatment, scans.pet)):
        day = folder / session.name
        ct = SimpleNamespace(ct=scans.ct, name=session.name, ct_start=image.acquisition_start - timedelta(seconds=_CT_BEFORE_S))
        write_ct(day / "CT", session, ct)
        _write_emission(day / "PT", session, image)
    planar = folder / "planar" / "planar.dcm"
    _write_planar(planar, scout, scans.planar)
    return TareFiles(folder / "scout", folder / "treatment", planar)


def _dataset(session: Session, sop_class: str, modality: str, description: str, start: datetime, number: int):
    dataset = common.new_dataset(session, sop_class, session.uid(modality, number), modality)
    common.set_series(dataset, session.uid(modality, "series", number), number, description, start)
    common.set_acquisition(dataset, start)
    common.set_frame_of_reference(dataset, session)
    common.set_lying_supine(dataset)
    return dataset


def _write_emission(folder: Path, session: Session, image: ActivityImage) -> None:
    """One file per slice in Bq/mL, corrected for decay to the start of the acquisition."""
    geometry = image.geometry
    dataset = _dataset(
        session, POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE, "PT", f"{image.name} Bq/mL", image.acquisition_start, 4
    )
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PatientPosition = "HFS"
    dataset.SeriesType = ["STATIC", "IMAGE"]
    dataset.Units, dataset.CountsSource = "BQML", "EMISSION"
    dataset.NumberOfSlices = geometry.size[0]
    dataset.CollimatorType = "NONE"
    dataset.CorrectedImage = ["NORM", "ATTN", "SCAT", "DECY"]
    dataset.DecayCorrection, dataset.DecayFactor = "START", "1"
    dataset.ActualFrameDuration = round(image.duration_s * 1000)
    dataset.FrameReferenceTime = "0"
    dataset.RadiopharmaceuticalInformationSequence = [_radiopharmaceutical(session)]
    dataset.PixelSpacing = common.pixel_spacing(geometry)
    dataset.SliceThickness = common.decimal(geometry.spacing_mm[0])
    dataset.ImageOrientationPatient = common.image_orientation(geometry)
    dataset.RescaleIntercept, dataset.RescaleType = "0", "BQML"
    for index in range(geometry.size[0]):
        stored, slope = common.scaled_pixels(np.maximum(image.concentration_bq_ml[index], 0))
        dataset.SOPInstanceUID = session.uid("PT", "slice", index)
        dataset.InstanceNumber = dataset.ImageIndex = index + 1
        dataset.ImagePositionPatient = common.image_position(geometry, index)
        dataset.RescaleSlope = slope
        common.set_pixels(dataset, stored)
        common.save(dataset, folder / f"pt_{index + 1:03d}.dcm")


def _write_planar(path: Path, session: Session, planar: PlanarScout) -> None:
    """Both views as frames of one static object; rows from head to feet, the posterior view as the camera sees it."""
    start = session.study_start + timedelta(hours=tare_protocol()["scout"]["planar"]["start_h"])
    dataset = _dataset(session, NUCLEAR_MEDICINE_IMAGE_STORAGE, "NM", "99mTc-MAA planar", start, 5)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "STATIC", "EMISSION"]
    dataset.InstanceNumber = 1
    dataset.PixelSpacing = [common.decimal(value) for value in planar.spacing_mm]
    dataset.NumberOfFrames = 2
    dataset.FrameIncrementPointer = [0x00540010, 0x00540020]
    dataset.EnergyWindowVector, dataset.DetectorVector = [1, 1], [1, 2]
    dataset.NumberOfEnergyWindows, dataset.NumberOfDetectors = 1, 2
    dataset.EnergyWindowInformationSequence = [common.item(EnergyWindowName="140 keV")]
    dataset.DetectorInformationSequence = [
        common.item(CollimatorType="PARA", ViewCodeSequence=common.code(*view)) for view in _VIEWS
    ]
    dataset.RadiopharmaceuticalInformationSequence = [_radiopharmaceutical(session)]
    dataset.ActualFrameDuration = round(planar.duration_s * 1000)
    dataset.CountsAccumulated = round(float(planar.anterior_counts.sum() + planar.posterior_counts.sum()))
    views = np.stack([planar.anterior_counts, planar.posterior_counts[:, ::-1]])[:, ::-1]
    common.set_pixels(dataset, np.rint(np.clip(views, 0, common.UINT16_MAXIMUM)).astype(np.uint16))
    common.save(dataset, path)


def _radiopharmaceutical(session: Session):
    """What was given; activity in Bq for PT. The treatment's is what left the catheters."""
    protocol = tare_protocol()[session.name]
    nuclide = get_nuclide(protocol["nuclide"])
    activity_mbq = sum(position.activity_mbq for position in tare_positions(session.name, session.settings))
    return common.item(
        Radiopharmaceutical=protocol.get("radiopharmaceutical", protocol.get("product", "")),
        RadiopharmaceuticalStartDateTime=common.datetime_text(session.study_start),
        RadiopharmaceuticalStartTime=common.time_text(session.study_start),
        RadionuclideTotalDose=common.decimal(activity_mbq * 1e6),
        RadionuclideHalfLife=common.decimal(nuclide.half_life_h * 3600.0),
        RadionuclideCodeSequence=common.code(*_NUCLIDE_CODES[nuclide.name]),
    )
