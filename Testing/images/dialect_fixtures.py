"""The same SPECT or PET as different writers put it into DICOM, with the quirks that public descriptions tell of.

Each function changes the plain object of dicom_fixtures.py; docs/intake.md says where each quirk is known from.
"""

import math
from datetime import timedelta

from images.dicom_fixtures import ADMINISTRATION, DECAY_PER_S, dicom_datetime
from pydicom.dataset import Dataset

COUNTS_PER_BQ_ML = 0.02
SUV_WEIGHT_G = 70e3


def hermes_counts_mapping(dataset):
    """Counts only in a real-world value mapping: no Rescale Slope and no Units."""
    slope = float(dataset.RescaleSlope)
    del dataset.RescaleSlope, dataset.RescaleIntercept, dataset.Units
    code, mapping = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "{counts}", "UCUM", "Counts"
    mapping.MeasurementUnitsCodeSequence = [code]
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = slope, 0.0
    mapping.RealWorldValueFirstValueMapped, mapping.RealWorldValueLastValueMapped = 0, 65535
    dataset.RealWorldValueMappingSequence = [mapping]


def siemens_private_unit(dataset):
    """The unit in a private element of the block SIEMENS MED NM, the decay correction too."""
    dataset.private_block(0x0057, "SIEMENS MED NM", create=True).add_new(0x03, "LO", dataset.Units)
    dataset.private_block(0x0057, "SIEMENS MED NM").add_new(0x04, "LO", dataset.DecayCorrection)
    del dataset.Units, dataset.DecayCorrection


def calibspect_unit(dataset):
    """The same element written without the creator of its block."""
    dataset.add_new(0x00571003, "LO", dataset.Units)
    del dataset.Units


def pytheranostics(dataset):
    """Two equal mapping items, signed pixels, no Units, no radionuclide code: an element without mass number and a half-life."""
    slope = float(dataset.RescaleSlope)
    dataset.RealWorldValueMappingSequence = []
    for _ in range(2):
        code, mapping = Dataset(), Dataset()
        code.CodeValue = "Bq/ml"
        mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept, mapping.LUTLabel = slope, 0.0, "BQML"
        mapping.MeasurementUnitsCodeSequence = [code]
        dataset.RealWorldValueMappingSequence.append(mapping)
    del dataset.Units
    isotope = dataset.RadiopharmaceuticalInformationSequence[0]
    del isotope.RadionuclideCodeSequence
    isotope.Radiopharmaceutical, isotope.RadionuclideHalfLife = "Lutetium-PSMA-617", "574300"
    dataset.CorrectedImage = ["DECY", "ATTN", "SCAT"]


def pytomography_one_file(dataset):
    """Image Type as the text of a list, geometry at the top, nothing of unit, decay, injection and duration."""
    dataset.ImageType = "['ORIGINAL', 'PRIMARY', 'RECON TOMO', 'EMISSION']"
    detector = dataset.DetectorInformationSequence[0]
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = detector.ImagePositionPatient, detector.ImageOrientationPatient
    for keyword in (
        "DetectorInformationSequence", "RotationInformationSequence", "Units", "DecayCorrection", "RescaleIntercept", "RadiopharmaceuticalInformationSequence",
    ):  # fmt: skip
        delattr(dataset, keyword)


def pytomography_slices(dataset):
    """One PT file for each slice with an empty Image Type, no unit, decay, injection or duration."""
    dataset.ImageType = None
    dataset.SpacingBetweenSlices = dataset.SliceThickness
    for keyword in ("Units", "DecayCorrection", "RescaleIntercept", "ActualFrameDuration", "RadiopharmaceuticalInformationSequence"):
        delattr(dataset, keyword)


def philips_activity_scale(dataset):
    """Counts, and the factor to Bq/mL in a private element; the factor to uptake values is there too."""
    _philips(dataset, 0x09, COUNTS_PER_BQ_ML)
    dataset.private_block(0x7053, "Philips PET Private Group").add_new(0x00, "DS", "0.5")


def philips_suv_scale(dataset):
    """Counts, with the factor to uptake values by weight alone (the one to Bq/mL is 0)."""
    isotope = dataset.RadiopharmaceuticalInformationSequence[0]
    start = ADMINISTRATION + timedelta(hours=24)
    activity_bq = float(isotope.RadionuclideTotalDose) * math.exp(-DECAY_PER_S * (start - ADMINISTRATION).total_seconds())
    _philips(dataset, 0x00, COUNTS_PER_BQ_ML * SUV_WEIGHT_G / activity_bq)
    dataset.private_block(0x7053, "Philips PET Private Group").add_new(0x09, "DS", "0")


def _philips(dataset, element, factor):
    dataset.Units = "CNTS"
    dataset.RescaleSlope = f"{float(dataset.RescaleSlope) / COUNTS_PER_BQ_ML:.10g}"
    dataset.private_block(0x7053, "Philips PET Private Group", create=True).add_new(element, "DS", f"{factor:.10g}")


def ge_processed_later(dataset):
    """Corrected to the scan time in a private element, two hours before the slices were taken; the series time is that of processing."""
    moment = ADMINISTRATION + timedelta(hours=22)
    dataset.private_block(0x0009, "GEMS_PETD_01", create=True).add_new(0x0D, "DT", dicom_datetime(moment))
    dataset.SeriesDate, dataset.SeriesTime = "20240312", "090000"
    _corrected_to(dataset, moment)


def siemens_correction_moment(dataset):
    """Corrected to a moment in a private element, three hours before the slices were taken."""
    moment = ADMINISTRATION + timedelta(hours=21)
    dataset.private_block(0x0071, "SIEMENS MED PT", create=True).add_new(0x22, "DT", dicom_datetime(moment))
    _corrected_to(dataset, moment)


def siemens_late_window(dataset):
    """Reconstructed from the end of a longer list: the series time is 50 min before the acquisition time, and the reference of START."""
    moment = ADMINISTRATION + timedelta(hours=24) - timedelta(minutes=50)
    dataset.SeriesDate, dataset.SeriesTime = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
    _corrected_to(dataset, moment)


def processed_with_reference_time(dataset):
    """Corrected to the start of a series two hours before, which only Frame Reference Time tells: the series time is that of processing."""
    x = DECAY_PER_S * 1200
    dataset.SeriesDate, dataset.SeriesTime = "20240312", "090000"
    dataset.FrameReferenceTime = 1000 * (7200 + math.log(x / -math.expm1(-x)) / DECAY_PER_S)
    _corrected_to(dataset, ADMINISTRATION + timedelta(hours=22))


def siemens_date_left_behind(dataset):
    """The private moment of correction is a day off, as an anonymizer left it; the decay factor tells that the series time counts."""
    siemens_late_window(dataset)
    moment = ADMINISTRATION + timedelta(hours=-1)
    dataset.private_block(0x0071, "SIEMENS MED PT", create=True).add_new(0x22, "DT", dicom_datetime(moment))


def _corrected_to(dataset, moment):
    """From START at the acquisition, as the fixture writes it, to another moment."""
    hours = (ADMINISTRATION + timedelta(hours=24) - moment).total_seconds()
    dataset.RescaleSlope = f"{float(dataset.RescaleSlope) * math.exp(DECAY_PER_S * hours):.10g}"
    dataset.DecayFactor = f"{math.exp(DECAY_PER_S * hours):.8g}"


def ring_camera(dataset):
    """Twelve detector items, the position in the first; left-over index vectors of the projections; duration for the whole acquisition."""
    dataset.DetectorInformationSequence = [dataset.DetectorInformationSequence[0], *(Dataset() for _ in range(11))]
    dataset.NumberOfDetectors, dataset.DetectorVector = 12, [1 + number % 12 for number in range(120)]
    dataset.AngularViewVector = [1 + number // 12 for number in range(120)]
    dataset.FrameIncrementPointer, dataset.SliceVector = 0x00540080, list(range(1, int(dataset.NumberOfFrames) + 1))
    del dataset.RotationInformationSequence
    dataset.AcquisitionDuration = 1200.0


def tomo_with_slices(dataset):
    """Image Type says TOMO, but the frames are ordered by slice."""
    dataset.ImageType = ["DERIVED", "SECONDARY", "TOMO", "EMISSION"]
    dataset.FrameIncrementPointer, dataset.SliceVector = 0x00540080, list(range(1, int(dataset.NumberOfFrames) + 1))


# name: (dialect of the fixture, value, decay correction, change, overrides that the user must type, warning that must come or "")
TYPED = {
    "nuclide": "Lu-177", "administration_time": "2024-03-04T10:00:00", "injected_activity_mbq": 7400, "decay_correction": "NONE",
}  # fmt: skip
DIALECTS = {
    "Hermes, counts in a mapping": ("NM", "counts", "NONE", hermes_counts_mapping, {"calibration_cps_per_mbq": 9.3}, ""),
    "Siemens NM, private unit": ("NM", "rescale", "START", siemens_private_unit, {}, ""),
    "calibspect": ("NM", "rescale", "NONE", calibspect_unit, {}, "private element without its creator"),
    "PyTheranostics": ("NM", "rescale", "START", pytheranostics, {}, "Lu-177 was taken by the half-life"),
    "PyTomography, one file": (
        "NM", "rate", "NONE", pytomography_one_file, {**TYPED, "unit": "CPS", "calibration_cps_per_mbq": 9.3, "duration_s": 1200}, "",
    ),
    "PyTomography, slices": (
        "PT", "counts", "NONE", pytomography_slices, {**TYPED, "calibration_cps_per_mbq": 9.3, "unit": "CNTS", "duration_s": 1200}, "",
    ),
    "Philips PET, activity factor": ("PT", "rescale", "START", philips_activity_scale, {}, "vendor's factor"),
    "Philips PET, uptake factor": ("PT", "rescale", "START", philips_suv_scale, {}, "vendor's factor"),
    "GE PET, processed later": ("PT", "rescale", "START", ge_processed_later, {}, ""),
    "Siemens PET, moment of correction": ("PT", "rescale", "START", siemens_correction_moment, {}, ""),
    "Siemens PET, late window": ("PT", "rescale", "START", siemens_late_window, {}, ""),
    "PET, processed later, reference time": ("PT", "rescale", "START", processed_with_reference_time, {}, ""),
    "Siemens PET, date left behind": ("PT", "rescale", "START", siemens_date_left_behind, {}, ""),
    "ring camera": ("NM", "rescale", "NONE", ring_camera, {}, ""),
    "TOMO with slices": ("NM", "rescale", "NONE", tomo_with_slices, {}, ""),
}  # fmt: skip
