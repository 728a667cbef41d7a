"""What RT Dose and RT Plan have in common: patient, study and identifiers from the image that they belong to, and how they are saved."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from RNTDosimetryLib.base.documents import replacing
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned

LONG_STRING, SHORT_TEXT = 64, 1024
"""Characters that the value representations LO and ST hold."""
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_IMPLEMENTATION_NAME = "RNTDOSIMETRY"

# Attributes that a dose or plan takes over from the image it belongs to: patient and study, written also when empty.
_PATIENT_AND_STUDY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
    "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID",
)  # fmt: skip
_OPTIONAL = (
    "StudyDescription",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "IssuerOfPatientID",
    "PositionReferenceIndicator",
    "TimezoneOffsetFromUTC",
)
_IDENTIFIERS = ("StudyInstanceUID", "FrameOfReferenceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")


def dicom_reference(source) -> dict[str, str]:
    """Patient, study, frame of reference and identifiers of an image, from a DICOM path or pydicom dataset.

    For the ``reference`` of ``write_rtdose``.
    """
    if isinstance(source, (str, Path)):
        import pydicom

        try:
            source = pydicom.dcmread(source, stop_before_pixels=True)
        except (OSError, pydicom.errors.InvalidDicomError) as error:
            raise DosimetryError(f"Expected a DICOM file for the reference, received {Path(source).name}: {error}.") from error
    names = (*_PATIENT_AND_STUDY, *_OPTIONAL, *_IDENTIFIERS)
    return {name: str(source[name].value or "") for name in names if name in source}


def uid_maker(seed: str | None):
    """Function of a role that gives an identifier under 2.25 (a UUID): the same for the same role, and with a seed in every run."""

    seed = str(uuid.uuid4()) if seed is None else seed

    def make(role: str) -> str:
        return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'RNTDosimetry/{role}/{seed}').int}"

    return make


def instance_role(modality: str) -> str:
    """The role for ``uid_maker`` of an object, so that one can name the other before it is made."""
    return "instance" if modality == "RTDOSE" else "plan"


def identified(
    reference: Mapping[str, str],
    sop_class: str,
    modality: str,
    number: int,
    make_uid,
    warnings: list[str],
    created: datetime,
    software_version: str,
):
    """A dataset with patient, study, frame of reference, series and equipment. number: of the series; what had to be made up goes into warnings."""
    from pydicom.dataset import Dataset, FileMetaDataset

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for name in _PATIENT_AND_STUDY:
        setattr(dataset, name, reference.get(name) or "")
    for name in _OPTIONAL:
        if reference.get(name):
            setattr(dataset, name, reference[name])
    for name in ("StudyInstanceUID", "FrameOfReferenceUID"):
        if not reference.get(name):
            warnings.append(warned("dose_apart_from_its_images", name=name))
        setattr(dataset, name, reference.get(name) or make_uid(name))
    dataset.PositionReferenceIndicator = reference.get("PositionReferenceIndicator") or ""
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = make_uid(instance_role(modality))
    dataset.SeriesInstanceUID = make_uid("series" if modality == "RTDOSE" else f"{modality} series")
    dataset.Modality = modality
    dataset.SeriesNumber, dataset.InstanceNumber = number, 1
    dataset.OperatorsName = ""
    dataset.Manufacturer = "RNTDosimetry"
    dataset.ManufacturerModelName = "RNTDosimetry, research only"
    if software_version:
        dataset.SoftwareVersions = software_version
    day, clock = created.strftime("%Y%m%d"), created.strftime("%H%M%S")
    for part in ("InstanceCreation", "Series"):
        setattr(dataset, f"{part}Date", day)
        setattr(dataset, f"{part}Time", clock)
    return dataset


def save(dataset, path: str | Path) -> None:
    """Write a dataset, all or nothing."""
    import pydicom

    meta = dataset.file_meta
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = _EXPLICIT_LITTLE_ENDIAN
    meta.ImplementationClassUID = f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, 'RNTDosimetry').int}"
    meta.ImplementationVersionName = _IMPLEMENTATION_NAME
    with replacing(path) as temporary:
        if int(pydicom.__version__.split(".")[0]) >= 3:
            pydicom.dcmwrite(str(temporary), dataset, enforce_file_format=True)
        else:
            dataset.is_little_endian, dataset.is_implicit_VR = True, False
            pydicom.dcmwrite(str(temporary), dataset, write_like_original=False)


RT_PLAN_STORAGE = "1.2.840.10008.5.1.4.1.1.481.5"
_LABEL = "RESEARCH ONLY"


def make_rtplan(
    reference: Mapping[str, str], description: str, make_uid, created: datetime, software_version: str, dose_class: str
):
    """RT Plan dataset of the mandatory modules (DICOM PS3.3 A.20.3, C.8.8.9), its geometry without a structure set, not approved."""
    from pydicom.dataset import Dataset

    dataset = identified(reference, RT_PLAN_STORAGE, "RTPLAN", 2, make_uid, [], created, software_version)
    dataset.SeriesDescription = f"{_LABEL} {description}"[:LONG_STRING]
    dataset.RTPlanLabel, dataset.RTPlanName = _LABEL, f"{_LABEL} {description}"[:LONG_STRING]
    text = f"{_LABEL}. Radionuclide therapy, {description}. No beams and no prescription: this plan stands for the therapy that the dose belongs to."
    dataset.RTPlanDescription = " ".join(text.split())[:SHORT_TEXT]
    dataset.RTPlanDate, dataset.RTPlanTime = dataset.SeriesDate, dataset.SeriesTime
    dataset.PlanIntent, dataset.RTPlanGeometry, dataset.ApprovalStatus = "RESEARCH", "TREATMENT_DEVICE", "UNAPPROVED"
    dose = Dataset()
    dose.ReferencedSOPClassUID, dose.ReferencedSOPInstanceUID = dose_class, make_uid(instance_role("RTDOSE"))
    dataset.ReferencedDoseSequence = [dose]
    return dataset
