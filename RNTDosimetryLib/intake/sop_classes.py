"""Kinds of DICOM objects by their SOP Class UID (PS3.4 B.5, PS3.6 A)."""

CT = "1.2.840.10008.5.1.4.1.1.2"
NM = "1.2.840.10008.5.1.4.1.1.20"
PT = "1.2.840.10008.5.1.4.1.1.128"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
ENHANCED_PT = "1.2.840.10008.5.1.4.1.1.130"
LEGACY_CT = "1.2.840.10008.5.1.4.1.1.2.2"
LEGACY_PT = "1.2.840.10008.5.1.4.1.1.128.1"
PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
SEG = "1.2.840.10008.5.1.4.1.1.66.4"
LABELMAP_SEG = "1.2.840.10008.5.1.4.1.1.66.7"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
RTDOSE = "1.2.840.10008.5.1.4.1.1.481.2"

CT_KINDS = (CT, ENHANCED_CT, LEGACY_CT)
ACTIVITY_KINDS = (NM, PT, ENHANCED_PT, LEGACY_PT, PARAMETRIC_MAP)
REGION_KINDS = (SEG, LABELMAP_SEG, RTSTRUCT)
WITH_FRAMES = (ENHANCED_CT, ENHANCED_PT, LEGACY_CT, LEGACY_PT, PARAMETRIC_MAP)
"""Several slices in one file, told apart by functional groups (PS3.3 C.7.6.16)."""

WITH_PIXELS = (*CT_KINDS, *ACTIVITY_KINDS, SEG, LABELMAP_SEG, RTDOSE)


def name_of(uid: str) -> str:
    """The standard's name of a class, "another object" for one that it does not know."""
    from pydicom.uid import UID

    name = UID(uid).name if uid else ""
    return name if name and name != uid else f"another object ({uid})" if uid else "an object without SOP Class UID"
