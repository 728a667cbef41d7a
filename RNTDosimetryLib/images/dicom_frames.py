"""Multi-frame objects with functional groups (enhanced PET, enhanced CT, parametric maps) as if they were slices."""

from RNTDosimetryLib.images.dicom_tags import element_value

_MACROS = (
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "FrameContentSequence",
    "TemporalPositionSequence",
    "CardiacSynchronizationSequence",
    "RespiratorySynchronizationSequence",
    "RadiopharmaceuticalUsageSequence",
)
_LEFT_OUT = {
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "PixelData",
    "FloatPixelData",
    "DoubleFloatPixelData",
}


def frames_as_slices(header) -> list:
    """One flat header for each frame: the object's own elements, with those of the frame's functional groups on top.

    Frame acquisition times become Acquisition DateTime and Actual Frame Duration (ms), and a parametric map's Rescale Type
    counts as Units, so that the readers of classic slices work on frames too.
    """
    from pydicom.dataset import Dataset

    common = Dataset()
    for element in header:
        if element.keyword not in _LEFT_OUT:
            common.add(element)
    shared = element_value(header, "SharedFunctionalGroupsSequence[0]")
    slices = []
    for group in header.get("PerFrameFunctionalGroupsSequence") or []:
        flat = Dataset()
        flat.update(common)
        for source in (shared, group):
            if source is not None:
                _take_macros(flat, source)
        slices.append(flat)
    return slices


def _take_macros(flat, source) -> None:
    for macro in _MACROS:
        for element in element_value(source, f"{macro}[0]") or ():
            flat.add(element)
    if "RealWorldValueMappingSequence" in source:
        put(flat, "RealWorldValueMappingSequence", source.RealWorldValueMappingSequence)
    if flat.get("FrameAcquisitionDateTime"):
        put(flat, "AcquisitionDateTime", flat.FrameAcquisitionDateTime)
    if flat.get("FrameAcquisitionDuration") is not None:
        put(flat, "ActualFrameDuration", round(float(flat.FrameAcquisitionDuration)))


def put(flat, keyword: str, value) -> None:
    """Set an element of a header that shares its elements with others: a new element, never another value in the old one."""
    if keyword in flat:
        delattr(flat, keyword)
    setattr(flat, keyword, value)
