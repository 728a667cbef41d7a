"""The RT Plan that a dose refers to: no beams, no prescription, marked research; it exists so that readers find what the dose names."""

from collections.abc import Mapping
from datetime import datetime

from RNTDosimetryLib.report.rt_header import LONG_STRING, SHORT_TEXT, identified, instance_role

RT_PLAN_STORAGE = "1.2.840.10008.5.1.4.1.1.481.5"
_LABEL = "RESEARCH ONLY"


def make_rtplan(reference: Mapping[str, str], description: str, make_uid, created: datetime, software_version: str, dose_class: str):
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
