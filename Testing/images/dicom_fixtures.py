"""Tiny DICOM files for the tests of the images room: a SPECT (NM or PT), a CT, a SEG and an RTSTRUCT of a made-up object.

The files are encoded here from a known concentration by formulas written out again, not by the library's own.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

CT, NM = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.20"
ENHANCED_PT, PARAMETRIC_MAP, ENHANCED_CT = (
    "1.2.840.10008.5.1.4.1.1.130",
    "1.2.840.10008.5.1.4.1.1.30",
    "1.2.840.10008.5.1.4.1.1.2.1",
)
PT, SEG, RTSTRUCT = "1.2.840.10008.5.1.4.1.1.128", "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.481.3"

ROOT = "1.2.826.0.1.3680043.10.1"
ADMINISTRATION = datetime(2024, 3, 4, 10, 0, 0)
INJECTED_MBQ = 7400.0
HALF_LIFE_S = 6.647 * 86400  # DDEP (BIPM Monographie-5): 177Lu 6.647 d
DECAY_PER_S = math.log(2) / HALF_LIFE_S

AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
CORONAL = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0))
_c, _s = math.cos(math.radians(12)), math.sin(math.radians(12))
OBLIQUE = ((_c, _s, 0.0), (-_s * _c, _c * _c, _s))


@dataclass(frozen=True)
class Grid:
    """Rows, columns and slices of a test image; position of the centre in LPS mm."""

    size: tuple = (12, 14, 16)
    spacing: tuple = (7.0, 5.0, 6.0)
    axes: tuple = AXIAL
    centre: tuple = (10.0, -20.0, 300.0)

    @property
    def normal(self):
        return np.cross(self.axes[0], self.axes[1])

    def position(self, z=0, y=0, x=0):
        middle = (np.array(self.size) - 1) / 2
        steps = (np.array([z, y, x]) - middle) * np.array(self.spacing)
        return (
            np.array(self.centre) + steps[0] * self.normal + steps[1] * np.array(self.axes[1]) + steps[2] * np.array(self.axes[0])
        )

    def points(self):
        """LPS of every voxel centre, (z, y, x, 3)."""
        middle = (np.array(self.size) - 1) / 2
        index = np.stack(np.meshgrid(*(np.arange(n) for n in self.size), indexing="ij"), axis=-1)
        steps = (index - middle) * np.array(self.spacing)
        return np.array(self.centre) + steps @ np.array([self.normal, self.axes[1], self.axes[0]])


CT_GRID = Grid(size=(30, 28, 28), spacing=(4.0, 4.0, 4.0))
COARSE_CT = Grid(size=(6, 8, 8), spacing=(20.0, 14.0, 14.0))


def true_concentration(points, start_h=24.0):
    """Bq/mL at LPS points: a smooth lump on a slope, everywhere above zero, different along every axis."""
    offset = np.asarray(points) - np.array([10.0, -20.0, 300.0])
    lump = np.exp(-((offset[..., 0] - 6) ** 2 / 400 + (offset[..., 1] + 4) ** 2 / 600 + (offset[..., 2] - 9) ** 2 / 500))
    slope = 0.05 + 0.0008 * offset[..., 0] + 0.0003 * offset[..., 1] + 0.0001 * offset[..., 2]
    return 2.0e6 * (lump + np.maximum(slope, 0.01)) * math.exp(-DECAY_PER_S * 3600 * start_h)


@dataclass
class Spect:
    """One SPECT to write. The defaults give a plain quantitative NM object of 177Lu, 24 h after administration."""

    start_h: float = 24.0
    duration_s: float = 1200.0
    dialect: str = "NM"
    value: str = "rescale"  # rescale, mapping, kbq, counts, rate, suv
    decay: str = "NONE"
    grid: Grid = field(default_factory=Grid)
    order: str = "ascending"  # ascending, descending, shuffled
    frame: str = f"{ROOT}.24"
    uid: str = f"{ROOT}.2.24"
    patient: str = "TEST-1"
    half_life_s: float = HALF_LIFE_S
    sensitivity_cps_per_mbq: float = 9.3
    decay_per_s: float = DECAY_PER_S
    points_of: object = true_concentration
    edit: object = None  # called with the dataset before it is written


def encoded_values(spect: Spect):
    """(z, y, x) values as a scanner would store them, before the slope."""
    values = spect.points_of(spect.grid.points(), spect.start_h)
    x = spect.decay_per_s * spect.duration_s
    mean_over_start = (1 - math.exp(-x)) / x
    if spect.decay == "NONE":
        values = values * mean_over_start
    elif spect.decay == "ADMIN":
        values = values * math.exp(spect.decay_per_s * spect.start_h * 3600)
    voxel_ml = float(np.prod(spect.grid.spacing)) / 1000
    if spect.value in ("counts", "rate"):
        values = values * voxel_ml / 1e6 * spect.sensitivity_cps_per_mbq * (spect.duration_s if spect.value == "counts" else 1.0)
    if spect.value == "suv":  # C over activity per gram, both at the moment of the decay correction; 70 kg
        at_h = 0.0 if spect.decay == "ADMIN" else spect.start_h
        values = values / (INJECTED_MBQ * 1e6 * math.exp(-spect.decay_per_s * 3600 * at_h) / 70e3)
    return values / 1000 if spect.value == "kbq" else values


def write_spect(folder, spect: Spect) -> None:
    """Write the NM object or the PT slices."""
    values = encoded_values(spect)
    slope = float(f"{values.max() / 60000:.10g}")
    stored = np.rint(values / slope).astype(np.uint16)
    writers = {"NM": _write_nm, "PT": _write_pt, "ENHANCED": _write_enhanced, "MAP": _write_map}
    writers[spect.dialect](Path(folder), spect, stored, slope)


def write_ct(
    folder,
    grid=CT_GRID,
    frame=f"{ROOT}.24",
    uid=f"{ROOT}.1.24",
    start_h=24.0,
    patient="TEST-1",
    order="ascending",
    edit=None,
    hounsfield=None,
) -> None:
    """CT slices: a cylinder of tissue with a rod of bone, or the Hounsfield values given."""
    if hounsfield is None:
        points = grid.points() - np.array(grid.centre)
        hounsfield = np.where(points[..., 0] ** 2 + points[..., 1] ** 2 < 45**2, 40, -1000)
        hounsfield = np.where((points[..., 0] - 5) ** 2 + (points[..., 1] - 20) ** 2 < 8**2, 600, hounsfield)
    slices = list(range(grid.size[0]))
    for number, z in enumerate(reversed(slices) if order == "descending" else slices):
        dataset = _base(
            CT, "CT", f"{uid}.{number + 1}", uid, patient, frame, ADMINISTRATION + timedelta(hours=start_h, minutes=-5)
        )
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.SeriesDescription = "CT"
        _plane(dataset, grid, z, number)
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        _pixels(dataset, (np.rint(hounsfield[z]) + 1024).astype(np.uint16))
        if edit is not None:
            edit(dataset, z)
        if dataset.get("SOPInstanceUID"):
            _save(dataset, Path(folder) / f"ct_{uid[-6:]}_{number:03d}.dcm")


def write_seg(
    folder,
    masks: dict,
    grid=CT_GRID,
    ct_uid=f"{ROOT}.1.24",
    frame=f"{ROOT}.24",
    fractional=False,
    patient="TEST-1",
    uid=f"{ROOT}.5.1",
    edit=None,
) -> None:
    """SEG of masks (z, y, x) by name; only the planes with voxels are written, as usual."""
    dataset = _base(SEG, "SEG", f"{uid}.1", uid, patient, frame, ADMINISTRATION)
    dataset.SeriesDescription = "regions"
    dataset.SegmentationType = "FRACTIONAL" if fractional else "BINARY"
    reference = Dataset()
    reference.SeriesInstanceUID = ct_uid
    dataset.ReferencedSeriesSequence = [reference]
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness, measures.SpacingBetweenSlices = (
        list(grid.spacing[1:]),
        grid.spacing[0],
        grid.spacing[0],
    )
    orientation.ImageOrientationPatient = [float(c) for axis in grid.axes for c in axis]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.SegmentSequence, frames, planes = [], [], []
    for number, (name, mask) in enumerate(masks.items(), start=1):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = number, name, "MANUAL"
        dataset.SegmentSequence.append(segment)
        for z in np.flatnonzero(mask.any(axis=(1, 2))):
            item, identity, place = Dataset(), Dataset(), Dataset()
            identity.ReferencedSegmentNumber = number
            place.ImagePositionPatient = [float(p) for p in grid.position(z=int(z))]
            item.SegmentIdentificationSequence, item.PlanePositionSequence = [identity], [place]
            planes.append(item)
            frames.append(mask[z])
    dataset.PerFrameFunctionalGroupsSequence = planes
    dataset.NumberOfFrames = len(frames)
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = grid.size[1], grid.size[2], 1
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
    stack = np.stack(frames)
    if fractional:
        dataset.MaximumFractionalValue, dataset.SegmentationFractionalType = 200, "OCCUPANCY"
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PixelData = 7, np.rint(stack * 200).astype(np.uint8).tobytes()
    else:
        dataset.BitsAllocated = dataset.BitsStored = 1
        dataset.HighBit = 0
        packed = np.packbits(stack.astype(np.uint8).ravel(), bitorder="little").tobytes()
        dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    if edit is not None:
        edit(dataset)
    _save(dataset, Path(folder) / f"seg_{uid[-4:]}.dcm")


def write_labelmap(folder, masks: dict, grid=CT_GRID, ct_uid=f"{ROOT}.1.24", frame=f"{ROOT}.24") -> None:
    """Label map segmentation: one frame a plane, the value is the segment number."""
    dataset = _base("1.2.840.10008.5.1.4.1.1.66.7", "SEG", f"{ROOT}.5.9.1", f"{ROOT}.5.9", "TEST-1", frame, ADMINISTRATION)
    dataset.SegmentationType, dataset.SeriesDescription = "LABELMAP", "labels"
    reference = Dataset()
    reference.SeriesInstanceUID = ct_uid
    dataset.ReferencedSeriesSequence, dataset.SegmentSequence = [reference], []
    labels = np.zeros(grid.size, dtype=np.uint16)
    for number, (name, mask) in enumerate(masks.items(), start=1):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = number, name, "MANUAL"
        dataset.SegmentSequence.append(segment)
        labels[mask] = number
    functional_groups(dataset, grid, list(range(grid.size[0])))
    _pixels(dataset, labels)
    _save(dataset, Path(folder) / "labelmap.dcm")


def write_rtstruct(
    folder, contours: dict, ct_uid=f"{ROOT}.1.24", frame=f"{ROOT}.24", patient="TEST-1", uid=f"{ROOT}.6.1", types=None
) -> None:
    """Structure set of lists of (points, 3) LPS contours by name."""
    dataset = _base(RTSTRUCT, "RTSTRUCT", f"{uid}.1", uid, patient, frame, ADMINISTRATION)
    series, study, reference = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = ct_uid
    study.RTReferencedSeriesSequence = [series]
    reference.FrameOfReferenceUID, reference.RTReferencedStudySequence = frame, [study]
    dataset.ReferencedFrameOfReferenceSequence = [reference]
    dataset.StructureSetROISequence, dataset.ROIContourSequence, dataset.RTROIObservationsSequence = [], [], []
    for number, (name, loops) in enumerate(contours.items(), start=1):
        roi, holder, observation = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, frame
        observation.ReferencedROINumber, observation.RTROIInterpretedType = number, (types or {}).get(name, "ORGAN")
        holder.ReferencedROINumber, holder.ContourSequence = number, []
        for loop in loops:
            contour = Dataset()
            contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", len(loop)
            contour.ContourData = [f"{value:.6f}" for value in np.asarray(loop).ravel()]
            holder.ContourSequence.append(contour)
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(holder)
        dataset.RTROIObservationsSequence.append(observation)
    _save(dataset, Path(folder) / "rtstruct.dcm")


def dicom_datetime(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S")


def _write_nm(folder: Path, spect: Spect, stored, slope) -> None:
    grid = spect.grid
    dataset = _base(
        NM, "NM", spect.uid, f"{spect.uid}.9", spect.patient, spect.frame, ADMINISTRATION + timedelta(hours=spect.start_h)
    )
    dataset.ImageType = ["DERIVED", "PRIMARY", "RECON TOMO", "EMISSION"]
    dataset.SeriesDescription = "SPECT"
    detector, rotation = Dataset(), Dataset()
    first = grid.size[0] - 1 if spect.order == "descending" else 0
    detector.ImagePositionPatient = [float(p) for p in grid.position(z=first)]
    detector.ImageOrientationPatient = [float(c) for axis in grid.axes for c in axis]
    dataset.DetectorInformationSequence = [detector]
    rotation.ActualFrameDuration, rotation.NumberOfFramesInRotation = int(spect.duration_s * 1000 / 60), 60
    dataset.RotationInformationSequence = [rotation]
    dataset.PixelSpacing = list(grid.spacing[1:])
    dataset.SliceThickness = grid.spacing[0]
    dataset.SpacingBetweenSlices = grid.spacing[0] * (-1 if spect.order == "descending" else 1)
    frames = np.arange(grid.size[0])
    if spect.order == "descending":
        frames = frames[::-1]
    elif spect.order == "shuffled":
        frames = np.random.default_rng(5).permutation(frames)
        dataset.SliceVector = [int(z) + 1 for z in frames]
    dataset.NumberOfFrames = grid.size[0]
    dataset.DecayCorrection = spect.decay
    _isotope(dataset, spect, INJECTED_MBQ)
    _value_tags(dataset, spect, slope)
    _pixels(dataset, stored[frames])
    _finish(dataset, spect, folder / f"nm_{spect.uid[-6:]}")


def _write_pt(folder: Path, spect: Spect, stored, slope) -> None:
    grid = spect.grid
    order = list(range(grid.size[0]))
    if spect.order == "descending":
        order.reverse()
    elif spect.order == "shuffled":
        order = np.random.default_rng(5).permutation(order).tolist()
    for number, z in enumerate(order):
        dataset = _base(
            PT,
            "PT",
            f"{spect.uid}.{number + 1}",
            spect.uid,
            spect.patient,
            spect.frame,
            ADMINISTRATION + timedelta(hours=spect.start_h),
        )
        dataset.ImageType = ["ORIGINAL", "PRIMARY"]
        dataset.SeriesDescription = "PT"
        _plane(dataset, grid, z, number)
        dataset.ActualFrameDuration = int(spect.duration_s * 1000)
        dataset.DecayCorrection = spect.decay
        _isotope(dataset, spect, INJECTED_MBQ * 1e6)
        _value_tags(dataset, spect, slope)
        _pixels(dataset, stored[z])
        _finish(dataset, spect, folder / f"pt_{spect.uid[-6:]}_{number:03d}")


def _frames(spect: Spect) -> list:
    """Slice of each frame, as a multi-frame object would hold them."""
    order = list(range(spect.grid.size[0]))
    if spect.order == "descending":
        return order[::-1]
    return np.random.default_rng(5).permutation(order).tolist() if spect.order == "shuffled" else order


def functional_groups(dataset, grid: Grid, order) -> None:
    """Shared and per-frame groups with spacing, orientation and position."""
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = list(grid.spacing[1:]), grid.spacing[0]
    orientation.ImageOrientationPatient = [round(float(c), 9) for axis in grid.axes for c in axis]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    dataset.SharedFunctionalGroupsSequence, dataset.PerFrameFunctionalGroupsSequence = [shared], []
    for z in order:
        item, place = Dataset(), Dataset()
        place.ImagePositionPatient = [round(float(p), 9) for p in grid.position(z=z)]
        item.PlanePositionSequence = [place]
        dataset.PerFrameFunctionalGroupsSequence.append(item)
    dataset.NumberOfFrames = len(order)


def _write_enhanced(folder: Path, spect: Spect, stored, slope) -> None:
    """Enhanced PET: one file, functional groups, decay correction as a flag with a moment."""
    start = ADMINISTRATION + timedelta(hours=spect.start_h)
    dataset = _base(ENHANCED_PT, "PT", spect.uid, spect.uid, spect.patient, spect.frame, start)
    del dataset.AcquisitionDate, dataset.AcquisitionTime
    dataset.ImageType, dataset.SeriesDescription = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], "enhanced PET"
    order = _frames(spect)
    functional_groups(dataset, spect.grid, order)
    for item in dataset.PerFrameFunctionalGroupsSequence:
        content = Dataset()
        content.FrameAcquisitionDateTime, content.FrameAcquisitionDuration = dicom_datetime(start), spect.duration_s * 1000
        item.FrameContentSequence = [content]
    dataset.DecayCorrected = "NO" if spect.decay == "NONE" else "YES"
    if spect.decay != "NONE":
        dataset.DecayCorrectionDateTime = dicom_datetime(ADMINISTRATION if spect.decay == "ADMIN" else start)
    _isotope(dataset, spect, INJECTED_MBQ)
    target = dataset.SharedFunctionalGroupsSequence[0]
    _mapping(target, slope)
    _pixels(dataset, stored[order])
    _finish(dataset, spect, folder / f"enhanced_{spect.uid[-6:]}")


def _write_map(folder: Path, spect: Spect, stored, slope) -> None:
    """Parametric map: 32-bit floating point, real-world mapping with slope 1, no word about the patient's injection."""
    start = ADMINISTRATION + timedelta(hours=spect.start_h)
    dataset = _base(PARAMETRIC_MAP, "NM", spect.uid, spect.uid, spect.patient, spect.frame, start)
    dataset.ImageType, dataset.SeriesDescription = ["DERIVED", "PRIMARY", "QUANT", "NONE"], "map"
    order = _frames(spect)
    functional_groups(dataset, spect.grid, order)
    _mapping(dataset.SharedFunctionalGroupsSequence[0], 1.0)
    _pixels(dataset, stored[order])
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.BitsAllocated, dataset.FloatPixelData = 32, (stored[order] * slope).astype("<f4").tobytes()
    _finish(dataset, spect, folder / f"map_{spect.uid[-6:]}")


def write_enhanced_ct(folder, grid=CT_GRID, frame=f"{ROOT}.24", uid=f"{ROOT}.1.24", start_h=24.0, hounsfield=None) -> None:
    """The CT in one file."""
    dataset = _base(ENHANCED_CT, "CT", uid, uid, "TEST-1", frame, ADMINISTRATION + timedelta(hours=start_h))
    dataset.ImageType, dataset.SeriesDescription = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], "CT"
    functional_groups(dataset, grid, list(range(grid.size[0]))[::-1])
    transformation = Dataset()
    transformation.RescaleSlope, transformation.RescaleIntercept = 1, -1024
    dataset.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence = [transformation]
    _pixels(dataset, (np.rint(hounsfield[::-1]) + 1024).astype(np.uint16))
    _save(dataset, Path(folder) / "enhanced_ct.dcm")


def _mapping(target, slope) -> None:
    code, mapping = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "Bq/ml", "UCUM", "Becquerels/milliliter"
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = slope, 0.0
    mapping.RealWorldValueFirstValueMapped, mapping.RealWorldValueLastValueMapped = 0, 65535
    mapping.MeasurementUnitsCodeSequence = [code]
    target.RealWorldValueMappingSequence = [mapping]


def _value_tags(dataset, spect: Spect, slope) -> None:
    units = {"rescale": "BQML", "kbq": "KBQML", "counts": "CNTS", "rate": "CPS", "suv": "GML"}
    if spect.value == "mapping":
        _mapping(dataset, slope)
        return
    dataset.Units = units[spect.value]
    dataset.RescaleSlope, dataset.RescaleIntercept = f"{slope:.10g}", 0


def _isotope(dataset, spect: Spect, total_dose) -> None:
    item, code = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "447553000", "SCT", "^177^Lutetium"
    item.RadionuclideCodeSequence = [code]
    item.Radiopharmaceutical = "177Lu-DOTATATE"
    item.RadiopharmaceuticalStartDateTime = dicom_datetime(ADMINISTRATION)
    item.RadionuclideTotalDose = total_dose
    item.RadionuclideHalfLife = f"{spect.half_life_s:.10g}"
    dataset.RadiopharmaceuticalInformationSequence = [item]


def _base(sop_class, modality, instance, series, patient, frame, moment) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, instance
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = f"{ROOT}.0", series, frame
    dataset.Modality, dataset.PatientID, dataset.PatientWeight, dataset.PatientSex = modality, patient, 70, "O"
    dataset.AcquisitionDate, dataset.AcquisitionTime = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
    dataset.SeriesDate, dataset.SeriesTime = dataset.AcquisitionDate, dataset.AcquisitionTime
    return dataset


def _plane(dataset, grid: Grid, z, number) -> None:
    dataset.InstanceNumber = number + 1
    dataset.ImagePositionPatient = [round(float(p), 9) for p in grid.position(z=z)]
    dataset.ImageOrientationPatient = [round(float(c), 9) for axis in grid.axes for c in axis]
    dataset.PixelSpacing, dataset.SliceThickness = list(grid.spacing[1:]), grid.spacing[0]


def _pixels(dataset, stored: np.ndarray) -> None:
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelData = 15, stored.astype("<u2").tobytes()


def _finish(dataset, spect: Spect, path: Path) -> None:
    if spect.edit is not None:
        spect.edit(dataset)
    _save(dataset, path)


def _save(dataset: Dataset, path: Path) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta, dataset.preamble = meta, b"\0" * 128
    path.parent.mkdir(parents=True, exist_ok=True)
    if int(pydicom.__version__.split(".")[0]) < 3:
        dataset.is_little_endian, dataset.is_implicit_VR = True, False
        dataset.save_as(path, write_like_original=False)
    else:
        dataset.save_as(path, enforce_file_format=True)
