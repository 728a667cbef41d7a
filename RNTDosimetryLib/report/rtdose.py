"""Dose maps as DICOM RT Dose, and back. Written strictly (positive, in Gy, marked for research), read tolerantly."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.report.nrrd import checked_map
from RNTDosimetryLib.report.rt_header import (
    LONG_STRING,
    RT_PLAN_STORAGE,
    SHORT_TEXT,
    identified,
    instance_role,
    make_rtplan,
    save,
    uid_maker,
)

RT_DOSE_STORAGE = "1.2.840.10008.5.1.4.1.1.481.2"
_GRID_FRAME_OFFSET_VECTOR = 0x3004000C
_NEGLIGIBLE_NEGATIVE = 1e-6
_SMALLEST_DOSE_GY = 1e-30
_SUMMATION_TYPES = ("PLAN", "MULTI_PLAN", "FRACTION")


@dataclass(frozen=True)
class RtDoseFile(Record):
    """What was written: the path, the identifiers, Gy for each stored step, what was doubtful, and the plan where one was wanted."""

    path: Path
    sop_instance_uid: str
    series_instance_uid: str
    dose_grid_scaling_gy: float
    warnings: tuple[str, ...] = ()
    plan_path: Path | None = None


@dataclass(frozen=True, eq=False)
class RtDose(Record):
    """A dose read from a file: dose_gy (z, y, x) float64, its grid, and the header's texts and identifiers."""

    geometry: ImageGeometry
    dose_gy: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    frame_of_reference_uid: str = ""
    summation_type: str = ""
    series_description: str = ""
    comment: str = ""
    patient_id: str = ""
    study_instance_uid: str = ""


def write_rtdose(
    path: str | Path,
    dose_gy: np.ndarray,
    geometry: ImageGeometry,
    reference: Mapping[str, str],
    description: str = "absorbed dose",
    method: str = "",
    summation_type: str = "PLAN",
    bits: int = 32,
    uid_seed: str | None = None,
    created: datetime | None = None,
    software_version: str = "",
    plan_path: str | Path | None = None,
) -> RtDoseFile:
    """Writes a dose map, (z, y, x) Gy, as RT Dose with physical dose in Gy.

    reference: DICOM keywords of the image that the dose belongs to, as ``dicom_reference`` gives them. Without
    StudyInstanceUID or FrameOfReferenceUID a new one is made, with a warning. ``description`` (nuclide, region of interest)
    goes into the series description and dose comment, ``method`` into the derivation description. The grid keeps its
    orientation; a left-handed grid is turned so that frames follow the normal of rows and columns. With ``uid_seed`` the
    identifiers depend only on it, for repeatable files. plan_path: where the RT Plan goes that the dose refers to; None writes
    none, and the reference names an object that does not exist, which some planning systems refuse.

    Raises DosimetryError for values that are not finite or negative beyond rounding, and for a wrong shape.
    """
    if bits not in (16, 32):
        raise DosimetryError(f"Expected 16 or 32 bits for a stored dose, received {bits}.")
    if summation_type not in _SUMMATION_TYPES:
        raise DosimetryError(
            f"Expected one of {', '.join(_SUMMATION_TYPES)} as dose summation type, received {summation_type!r}."
        )
    array, geometry = right_handed(checked_map(dose_gy, geometry, "the dose map"), geometry)
    _refuse_negative(array)
    created = created or datetime.now()
    make_uid = uid_maker(uid_seed)
    warnings = []
    dataset = identified(reference, RT_DOSE_STORAGE, "RTDOSE", 1, make_uid, warnings, created, software_version)
    dataset.ContentDate, dataset.ContentTime = dataset.SeriesDate, dataset.SeriesTime
    _describe(dataset, description, method, summation_type, make_uid)
    _place(dataset, geometry)
    scaling = _store_pixels(dataset, array, bits)
    if reference.get("SOPInstanceUID") and reference.get("SOPClassUID"):
        _refer(dataset, reference)
    if plan_path is not None:
        own = {name: getattr(dataset, name) for name in ("StudyInstanceUID", "FrameOfReferenceUID")}
        plan = make_rtplan({**reference, **own}, description, make_uid, created, software_version, RT_DOSE_STORAGE)
        save(plan, plan_path)
    save(dataset, path)
    made = None if plan_path is None else Path(plan_path)
    return RtDoseFile(Path(path), str(dataset.SOPInstanceUID), str(dataset.SeriesInstanceUID), scaling, tuple(warnings), made)


def right_handed(array: np.ndarray, geometry: ImageGeometry) -> tuple[np.ndarray, ImageGeometry]:
    """The same voxels at the same places, slices turned around where needed so that the axes are right-handed.

    DICOM readers build the slice axis from rows and columns, so a left-handed grid would come back mirrored.
    """
    direction = np.asarray(geometry.direction)
    if np.linalg.det(direction) > 0:
        return array, geometry
    origin = geometry.index_to_lps @ [0, 0, geometry.size[0] - 1, 1]
    turned = direction * [1, 1, -1]
    return array[::-1], ImageGeometry(geometry.size, geometry.spacing_mm, tuple(origin[:3]), tuple(map(tuple, turned)))


def _refuse_negative(array: np.ndarray):
    """Raises DosimetryError for negative dose beyond the rounding noise that a convolution leaves."""
    lowest, highest = float(array.min()), float(array.max())
    if lowest < -_NEGLIGIBLE_NEGATIVE * max(highest, 0.0):
        raise DosimetryError(
            f"Expected absorbed dose of zero or more, received {lowest:.3g} Gy; a negative dose must not be exported."
        )


def _describe(dataset, description: str, method: str, summation_type: str, make_uid):
    from pydicom.dataset import Dataset

    words = " ".join(f"RESEARCH ONLY {description}".split())
    dataset.SeriesDescription = words[:LONG_STRING]
    dataset.DoseComment = words[:LONG_STRING]
    text = " ".join(f"RESEARCH ONLY. Radionuclide therapy, {description}. {method}".split())
    dataset.DerivationDescription = text[:SHORT_TEXT]
    dataset.DoseUnits, dataset.DoseType, dataset.DoseSummationType = "GY", "PHYSICAL", summation_type
    # Radionuclide therapy has no beams to plan, but the standard demands the reference for all summation types in use.
    plan = Dataset()
    plan.ReferencedSOPClassUID, plan.ReferencedSOPInstanceUID = RT_PLAN_STORAGE, make_uid(instance_role("RTPLAN"))
    dataset.ReferencedRTPlanSequence = [plan]


def _place(dataset, geometry: ImageGeometry):
    direction = np.asarray(geometry.direction)
    dataset.ImageType = ["DERIVED", "SECONDARY", "DOSE"]
    dataset.ImagePositionPatient = [_decimal(v) for v in geometry.origin_lps_mm]
    dataset.ImageOrientationPatient = [_decimal(v) for v in (*direction[:, 0], *direction[:, 1])]
    dataset.PixelSpacing = [_decimal(geometry.spacing_mm[1]), _decimal(geometry.spacing_mm[2])]
    dataset.SliceThickness = _decimal(geometry.spacing_mm[0])
    dataset.NumberOfFrames = geometry.size[0]
    dataset.FrameIncrementPointer = _GRID_FRAME_OFFSET_VECTOR
    dataset.GridFrameOffsetVector = [_decimal(i * geometry.spacing_mm[0]) for i in range(geometry.size[0])]


def _store_pixels(dataset, array: np.ndarray, bits: int) -> float:
    largest = 2**bits - 1
    highest = float(array.max())
    # A few steps of room, because the scaling factor is a decimal string of 16 characters and may round down.
    text = _decimal(highest / (largest - 64 if bits == 32 else largest - 0.5)) if highest > _SMALLEST_DOSE_GY else "1.0"
    stored = np.empty(array.shape, dtype=f"<u{bits // 8}")
    for frame, doses in zip(stored, array):
        frame[...] = np.clip(np.rint(doses / np.float64(text)), 0, largest)
    dataset.DoseGridScaling = text
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.Rows, dataset.Columns = array.shape[1:]
    data = stored.tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW"
    return float(text)


def _refer(dataset, reference: Mapping[str, str]):
    from pydicom.dataset import Dataset

    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = reference["SOPClassUID"], reference["SOPInstanceUID"]
    dataset.ReferencedImageSequence = [image]
    if reference.get("SeriesInstanceUID"):
        series = Dataset()
        series.SeriesInstanceUID, series.ReferencedInstanceSequence = reference["SeriesInstanceUID"], [image]
        dataset.ReferencedSeriesSequence = [series]


def _decimal(value: float) -> str:
    """Decimal string of at most 16 characters, with as many digits as fit."""
    from pydicom.valuerep import format_number_as_ds

    return format_number_as_ds(float(value))


def read_rtdose(path: str | Path) -> RtDose:
    """Reads an RT Dose file in Gy on a regular grid.

    Raises DosimetryError for another kind of object, relative dose, or frames that are unevenly spaced.
    """
    import pydicom

    name = Path(path).name
    try:
        dataset = pydicom.dcmread(path)
    except (OSError, pydicom.errors.InvalidDicomError) as error:
        raise DosimetryError(f"Expected a readable DICOM file, received {name}: {error}.") from error
    if dataset.get("SOPClassUID") != RT_DOSE_STORAGE:
        raise DosimetryError(f"Expected an RT Dose object, received {name} of another kind; choose the dose file.")
    if dataset.get("DoseUnits") != "GY" or not dataset.get("DoseGridScaling"):
        raise DosimetryError(
            f"Expected dose in GY with a grid scaling, received {dataset.get('DoseUnits')!r} in {name}; export absorbed dose."
        )
    try:
        stored = dataset.pixel_array
    except (AttributeError, NotImplementedError, RuntimeError, ValueError) as error:
        raise DosimetryError(
            f"Expected pixels that can be decoded in {name}, received {error}; export the dose uncompressed."
        ) from error
    array = (stored if stored.ndim == 3 else stored[None]).astype(np.float64) * float(dataset.DoseGridScaling)
    return RtDose(
        _geometry_of(dataset, array.shape, name), array,
        str(dataset.get("FrameOfReferenceUID", "")), str(dataset.get("DoseSummationType", "")),
        str(dataset.get("SeriesDescription", "")), str(dataset.get("DoseComment", "")),
        str(dataset.get("PatientID", "")), str(dataset.get("StudyInstanceUID", "")),
    )  # fmt: skip


def _geometry_of(dataset, shape: tuple[int, ...], name: str) -> ImageGeometry:
    missing = [item for item in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing") if not dataset.get(item)]
    if missing:
        raise DosimetryError(
            f"Expected the place of the dose grid in {name}, received no {' or '.join(missing)}; export it with its geometry."
        )
    rows, columns = np.asarray(dataset.ImageOrientationPatient, dtype=float).reshape(2, 3)
    offsets = np.asarray(dataset.get("GridFrameOffsetVector") or [0.0], dtype=float).ravel()
    steps = np.diff(offsets)
    if offsets.size != shape[0] or (steps.size and np.ptp(steps) > 1e-3 * abs(steps[0])) or np.any(steps == 0):
        raise DosimetryError(
            f"Expected one offset for each of {shape[0]} evenly spaced frames in {name}, received {offsets.size} that differ."
        )
    step = float(steps.mean()) if steps.size else float(dataset.get("SliceThickness") or 1.0)
    normal = np.cross(rows, columns) * np.sign(step)
    spacing = (abs(step), *(float(s) for s in dataset.PixelSpacing))
    direction = np.stack([rows, columns, normal], axis=1)
    return ImageGeometry(
        tuple(shape), spacing, tuple(float(v) for v in dataset.ImagePositionPatient), tuple(map(tuple, direction))
    )
