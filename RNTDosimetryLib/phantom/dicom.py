"""What every DICOM object of the phantom patient shares: patient, study, equipment, pixels and saving."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.phantom.course import phantom_nuclide, radiopharmaceutical_name
from RNTDosimetryLib.phantom.settings import PhantomSettings, load_protocol

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_OID, "RNTDosimetry phantom patient")


def make_uid(settings: PhantomSettings, *parts) -> str:
    """UID of a name-based UUID (root 2.25, DICOM PS3.5 B.2) of the settings and the parts."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, repr((sorted(settings.to_dict().items()), parts))).int}"


def implementation_uid() -> str:
    """The program that writes the files."""
    return f"2.25.{_NAMESPACE.int}"


@dataclass(frozen=True)
class Session:
    """One time point in DICOM: its study, frame of reference and start."""

    settings: PhantomSettings
    index: int
    name: str
    study_start: datetime

    def uid(self, *parts) -> str:
        return make_uid(self.settings, self.index, *parts)

    @property
    def study_uid(self) -> str:
        return self.uid("study")

    @property
    def frame_of_reference_uid(self) -> str:
        """Shared by the CT and the SPECT of the time point, and by nothing else."""
        return self.uid("frame of reference")


IMPLEMENTATION_VERSION = "RNTDOSIMETRY"
UINT16_MAXIMUM = 65535

# DICOM PS3.16 CID 18 and CID 25, compared with the code tables distributed with pydicom 3.0.
RADIONUCLIDE_CODES = {"Lu-177": ("447553000", "SCT", "^177^Lutetium")}
RADIOPHARMACEUTICAL_CODES = {"177Lu-DOTATATE": ("781259000", "SCT", "Lutetium^177^ DOTATATE")}
INTRAVENOUS = ("47625008", "SCT", "Intravenous route")


def date_text(moment: datetime) -> str:
    return moment.strftime("%Y%m%d")


def time_text(moment: datetime) -> str:
    return moment.strftime("%H%M%S.%f")


def datetime_text(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S.%f")


def decimal(value: float) -> str:
    """Decimal string of at most 16 characters, as precise as fits."""
    from pydicom.valuerep import format_number_as_ds

    return format_number_as_ds(float(value))


def item(**attributes):
    """Dataset with attributes by DICOM keyword."""
    from pydicom.dataset import Dataset

    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def code(value: str, scheme: str, meaning: str) -> list:
    """Sequence of one coded concept."""
    return [item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)]


def new_dataset(session: Session, sop_class_uid: str, sop_instance_uid: str, modality: str):
    """Patient, study and equipment of every object."""
    protocol = load_protocol()
    dataset = item()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = sop_class_uid, sop_instance_uid, modality
    dataset.PatientName = protocol.patient["name"]
    dataset.PatientID = f"RNT-PHANTOM-{session.settings.seed}"
    dataset.PatientBirthDate = protocol.patient["birth_date"]
    dataset.PatientSex = protocol.patient["sex"]
    dataset.PatientWeight = decimal(protocol.patient["weight_kg"])
    dataset.PatientSize = decimal(protocol.patient["height_m"])
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "Simulated phantom, no person"
    dataset.StudyInstanceUID = session.study_uid
    dataset.StudyID = str(session.index + 1)
    dataset.StudyDescription = f"Phantom SPECT/CT {session.name}"
    dataset.StudyDate, dataset.StudyTime = date_text(session.study_start), time_text(session.study_start)
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.Manufacturer = "RNTDosimetry phantom"
    dataset.ManufacturerModelName = "Simulated SPECT/CT"
    dataset.SoftwareVersions = "1"
    return dataset


def set_series(dataset, uid: str, number: int, description: str, start: datetime) -> None:
    dataset.SeriesInstanceUID = uid
    dataset.SeriesNumber = number
    dataset.SeriesDescription = description
    dataset.SeriesDate, dataset.SeriesTime = date_text(start), time_text(start)
    dataset.ContentDate, dataset.ContentTime = date_text(start), time_text(start)


def set_acquisition(dataset, start: datetime) -> None:
    dataset.AcquisitionDate, dataset.AcquisitionTime = date_text(start), time_text(start)


def set_frame_of_reference(dataset, session: Session) -> None:
    dataset.FrameOfReferenceUID = session.frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""


def set_lying_supine(dataset) -> None:
    """Head first and supine, as coded in PS3.16 CID 19 to 21."""
    recumbent = code("102538003", "SCT", "recumbent")
    recumbent[0].PatientOrientationModifierCodeSequence = code("40199007", "SCT", "supine")
    dataset.PatientOrientationCodeSequence = recumbent
    dataset.PatientGantryRelationshipCodeSequence = code("102540008", "SCT", "headfirst")


def set_pixels(dataset, stored: np.ndarray) -> None:
    """Unsigned 16 bit pixels; stored: (rows, columns) or (frames, rows, columns)."""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.PixelData = np.ascontiguousarray(stored, dtype="<u2").tobytes()
    dataset["PixelData"].VR = "OW"


def scaled_pixels(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Values of 0 or more as uint16 with the slope that gives them back; the slope is rounded as the file holds it."""
    maximum = float(values.max())
    slope = decimal(maximum / UINT16_MAXIMUM * (1.0 + 1e-9) if maximum > 0 else 1.0)
    stored = np.clip(np.rint(values.astype(np.float64) / float(slope)), 0, UINT16_MAXIMUM)
    return stored.astype(np.uint16), slope


def image_position(geometry: ImageGeometry, index: int) -> list[str]:
    """Center of the first voxel of a slice, LPS mm."""
    return [decimal(round(float(v), 6)) for v in (geometry.index_to_lps @ [0.0, 0.0, index, 1.0])[:3]]


def image_orientation(geometry: ImageGeometry) -> list[str]:
    """Direction of the rows, then of the columns."""
    direction = np.asarray(geometry.direction)
    return [decimal(v) for v in (*direction[:, 0], *direction[:, 1])]


def pixel_spacing(geometry: ImageGeometry) -> list[str]:
    """Between rows, then between columns, mm."""
    return [decimal(geometry.spacing_mm[1]), decimal(geometry.spacing_mm[2])]


def radiopharmaceutical_item(total_dose: float):
    """What was administered; the unit of total_dose depends on the object: MBq in NM, Bq in PT."""
    protocol, nuclide = load_protocol(), phantom_nuclide()
    start = protocol.administration_start
    stop = start + timedelta(minutes=protocol.administration_duration_min)
    return item(
        Radiopharmaceutical=radiopharmaceutical_name(),
        RadiopharmaceuticalRoute="Intravenous route",
        RadiopharmaceuticalStartDateTime=datetime_text(start),
        RadiopharmaceuticalStartTime=time_text(start),
        RadiopharmaceuticalStopDateTime=datetime_text(stop),
        RadiopharmaceuticalStopTime=time_text(stop),
        RadionuclideTotalDose=decimal(total_dose),
        RadionuclideHalfLife=decimal(nuclide.half_life_h * 3600.0),
        RadionuclideCodeSequence=code(*RADIONUCLIDE_CODES[nuclide.name]),
        RadiopharmaceuticalCodeSequence=code(*RADIOPHARMACEUTICAL_CODES[radiopharmaceutical_name()]),
        AdministrationRouteCodeSequence=code(*INTRAVENOUS),
    )


def save(dataset, path: Path) -> None:
    """Write a valid DICOM file (explicit little endian) with pydicom 2.4 as with 3.0."""
    import pydicom
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = implementation_uid()
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    dataset.file_meta = meta
    dataset.preamble = b"\0" * 128
    path.parent.mkdir(parents=True, exist_ok=True)
    if int(pydicom.__version__.split(".")[0]) >= 3:
        dataset.save_as(path, enforce_file_format=True)
    else:
        dataset.is_little_endian, dataset.is_implicit_VR = True, False
        dataset.save_as(path, write_like_original=False)
