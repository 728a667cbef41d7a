"""A sentence that offers an override is kept to its word: the override that it names makes the folder usable, with the right number.

The truth is the concentration that the fixtures were written from.
"""

import math
from copy import deepcopy

import numpy as np
import pydicom
import pytest
from fixtures.dicom_fixtures import (
    COARSE_CT,
    DECAY_PER_S,
    ROOT,
    Grid,
    Spect,
    _mapping,
    save,
    true_concentration,
    write_ct,
    write_spect,
)

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake import read_folder
from RNTDosimetryLib.intake.ledger import SERIES_KEYS, STUDY_KEYS

SMALL = Grid(size=(6, 7, 8), spacing=(14.0, 10.0, 12.0))
BODY = {"PatientSize": 1.70, "PatientSex": "M"}


def isotope(dataset):
    return dataset.RadiopharmaceuticalInformationSequence[0]


def setting(**values):
    def edit(dataset):
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return edit


def without(*keywords):
    def edit(dataset):
        for keyword in keywords:
            delattr(dataset, keyword)

    return edit


def scaled(dataset, factor):
    dataset.RescaleSlope = f"{float(dataset.RescaleSlope) * factor:.10g}"


def injection(**values):
    return lambda dataset: setting(**values)(isotope(dataset))


def second_injection(dataset):
    dataset.RadiopharmaceuticalInformationSequence.append(deepcopy(isotope(dataset)))
    isotope(dataset).RadionuclideTotalDose = 3700


def two_mappings(dataset):
    _mapping(dataset, float(dataset.RescaleSlope))
    items = list(dataset.RealWorldValueMappingSequence)
    other = deepcopy(items[0])
    other.RealWorldValueSlope = items[0].RealWorldValueSlope * 2
    dataset.RealWorldValueMappingSequence = [items[0], other]


def as_stored(dataset):
    """Values in the unit of the file with a slope that has the wrong sign."""
    values = np.frombuffer(dataset.PixelData, "<u2").astype(float) * float(dataset.RescaleSlope)
    dataset.PixelData = np.rint(values / 100).astype("<u2").tobytes()
    dataset.RescaleSlope, dataset.Units = "-1", "BQML"


def surface(dataset):
    """Uptake values by surface (Du Bois and Du Bois 1916: 0.007184 W^0.425 H^0.725 m2, H in cm) from those by 70 kg."""
    setting(Units="GML", SUVType="BSA", PatientSize=1.70)(dataset)
    scaled(dataset, 0.007184 * 70**0.425 * 170**0.725 * 1e4 / 70e3)


def lean(dataset):
    """Uptake values by lean mass (James, men: 1.10 W - 128 (W/H)^2, H in cm; SUV Type LBMJAMES128) from those by 70 kg."""
    setting(SUVType="LBMJAMES128", **BODY)(dataset)
    scaled(dataset, (1.10 * 70 - 128 * (70 / 170) ** 2) / 70)


def fluorine(dataset):
    """18F by the file, with which nothing was corrected: the mean over the frame is that of 177Lu, so only the decay in the frame differs."""
    item = isotope(dataset)
    item.RadionuclideCodeSequence[0].CodeValue, item.RadionuclideCodeSequence[0].CodeMeaning = "77004003", "^18^Fluorine"
    item.RadionuclideHalfLife, item.Radiopharmaceutical = "6586.2", "18F-FDG"


SUV = {"value": "suv", "decay": "START"}
TIME = {"administration_time": "2024-03-04T10:00:00"}
START = {"acquisition_start": "2024-03-05T10:00:00"}
CALIBRATION = {"calibration_cps_per_mbq": 9.3}
OFFERS = {
    # what: (how it is written, edit, words of the sentence, overrides that it offers, read over true)
    "administration not readable": ({}, injection(RadiopharmaceuticalStartDateTime="20240304"), "administration_time", TIME, 1),
    "zone not readable": ({}, setting(TimezoneOffsetFromUTC="CET"), "administration_time.*acquisition_start", TIME | START, 1),
    "MBq in a PT object": ({"dialect": "PT"}, injection(RadionuclideTotalDose=7400.0), "injected_activity_mbq", {"injected_activity_mbq": 7400}, 1),
    "two injections": ({}, second_injection, "nuclide, administration_time and injected_activity_mbq", TIME | {"nuclide": "Lu-177", "injected_activity_mbq": 7400}, 1),
    "half-life of another": ({}, injection(RadionuclideHalfLife=21600), "override nuclide", {"nuclide": "Lu-177"}, 1),
    "proportional counts, unit": ({}, setting(Units="PROPCNTS"), "override unit", {"unit": "BQML"}, 1),
    "proportional counts, calibration": ({"value": "counts"}, setting(Units="PROPCNTS"), "calibration_cps_per_mbq", CALIBRATION, 1),
    "no unit, calibration": ({"value": "counts"}, without("Units"), "calibration_cps_per_mbq", CALIBRATION, 1),
    "counts, factor": ({"value": "counts"}, lambda d: None, "bq_per_count", {"bq_per_count": 1e6 / 9.3 / 1200}, 1),
    "counts of no known duration": ({"value": "counts"}, without("RotationInformationSequence"), "duration_s", CALIBRATION | {"duration_s": 1200}, 1),
    "uptake without weight": (SUV, setting(PatientWeight=None), "patient_weight_kg", {"patient_weight_kg": 70}, 1),
    "uptake by surface, unit": (SUV, surface, "override unit", {"unit": "CM2ML"}, 1),
    "uptake by lean mass without height": (SUV, lambda d: (lean(d), delattr(d, "PatientSize")), "patient_height_m", {"patient_height_m": 1.70}, 1),
    "uptake by lean mass without sex": (SUV, lambda d: (lean(d), setattr(d, "PatientSex", "")), "patient_sex", {"patient_sex": "M"}, 1),
    "uptake by an unknown mass": ({}, setting(Units="GML", SUVType="LBM"), "override unit", {"unit": "BQML"}, 1),
    "uptake without correction": (SUV, setting(DecayCorrection="NONE"), "decay_correction: START", {"decay_correction": "START"}, 1),
    "no correction stated": ({}, without("DecayCorrection"), "override decay_correction", {"decay_correction": "NONE"}, 1),
    "correction unheard of": ({}, setting(DecayCorrection="MIDDLE"), "override decay_correction", {"decay_correction": "NONE"}, 1),
    "two statements of it": ({}, setting(CorrectedImage=["ATTN", "DECY"]), "override decay_correction", {"decay_correction": "NONE"}, 1),
    "factor against NONE": ({}, setting(DecayFactor=1.5), "override decay_correction", {"decay_correction": "NONE"}, 1),
    "factor of zero": ({}, setting(DecayFactor=0.0), "override decay_correction", {"decay_correction": "NONE"}, 1),
    "factor against ADMIN": ({"decay": "ADMIN"}, setting(DecayFactor=1.5), "override decay_correction", {"decay_correction": "ADMIN"}, 1),
    "factor against ADMIN, moment": ({"decay": "ADMIN"}, setting(DecayFactor=1.5), "decay_reference_time", {"decay_reference_time": "2024-03-04T10:00:00"}, 1),
    "a moment that is none": ({"decay": "START"}, setting(DecayCorrectionDateTime="2024"), "decay_reference_time", {"decay_reference_time": "2024-03-05T10:00:00"}, 1),
    "a moment against ADMIN": ({"decay": "ADMIN"}, setting(DecayCorrectionDateTime="20240305100000"), "a contradiction.*decay_correction", {"decay_correction": "ADMIN"}, 1),
    "a moment against ADMIN, START": ({"decay": "START"}, setting(DecayCorrection="ADMIN", DecayCorrectionDateTime="20240305100000"), "a contradiction.*decay_correction", {"decay_correction": "START"}, 1),
    "start not there": ({}, without("AcquisitionDate", "AcquisitionTime", "SeriesDate", "SeriesTime"), "acquisition_start", START, 1),
    "start not readable": ({}, setting(AcquisitionDate="20240230"), "acquisition_start", START, 1),
    "scan before administration": ({}, setting(AcquisitionDate="20240303", SeriesDate="20240303"), "acquisition_start", START, 1),
    "longer than a day": ({"dialect": "PT"}, setting(ActualFrameDuration=90_000_000), "duration_s", {"duration_s": 1200}, 1),
    "duration that is no number": ({"dialect": "PT"}, setting(ActualFrameDuration=-5), "duration_s", {"duration_s": 1200}, 1),
    "two mappings, rescale": ({}, two_mappings, "value_scale: rescale", {"value_scale": "rescale"}, 1),
    "slope below zero": ({}, as_stored, "value_scale: stored", {"value_scale": "stored"}, 0.01),
    "frame of another isotope without duration": ({"dialect": "PT", "decay": "START"}, lambda d: (fluorine(d), delattr(d, "ActualFrameDuration")), "duration_s", {"nuclide": "Lu-177", "duration_s": 1200}, None),
}  # fmt: skip


def write(folder, how, edit, **more):
    write_ct(folder, COARSE_CT)
    write_spect(folder, Spect(**{"grid": SMALL, "edit": edit, **how, **more}))
    return folder


def ratio(intake, hours=24.0):
    values = intake.time_points[0].activity.concentration_bq_ml
    return float(np.median(values / true_concentration(SMALL.points(), hours)))


@pytest.mark.parametrize("case", OFFERS)
def test_an_override_that_a_refusal_offers_works(tmp_path, case):
    how, edit, words, offered, expected = OFFERS[case]
    write(tmp_path, how, edit)
    nuclide = {key: value for key, value in offered.items() if expected is None and key == "nuclide"}
    with pytest.raises(DosimetryError, match=words) as refusal:
        read_folder(tmp_path, nuclide or None)
    assert all(key in str(refusal.value) for key in offered if key not in ("nuclide", *CALIBRATION))
    intake = read_folder(tmp_path, offered)
    if expected is None:  # START of 18F in the file: its factor within the frame is undone and that of 177Lu made
        x, y = DECAY_PER_S * 1200, math.log(2) / 6586.2 * 1200
        expected = (x / (1 - math.exp(-x))) / (y / (1 - math.exp(-y)))
    assert ratio(intake) == pytest.approx(expected, rel=2e-3)
    assert not [text for text in intake.warnings if "was not used" in text]
    assert any(row.status == "override" for row in intake.table)


def with_other_file(folder, **values):
    """A PET with one more file of its series, changed."""
    write(folder, {"dialect": "PT", "decay": "START"}, None)
    dataset = pydicom.dcmread(next(folder.glob("pt_*_000")))
    dataset.SOPInstanceUID, dataset.InstanceNumber = f"{ROOT}.2.24.99", 99
    setting(**values)(dataset)
    save(dataset, folder / "odd.dcm")
    return folder


SET_ASIDE = ("another size", "no position")
"""A single image of another form is set aside by name."""
ODD_FILES = {
    "twice at one place": {"PixelData": bytes(2 * 7 * 8)},
    "another size": {"PixelSpacing": [10.0, 12.5], "ImageType": ["ORIGINAL", "PRIMARY"]},
    "a day later": {"AcquisitionDate": "20240306", "ImagePositionPatient": [-32.0, -50.0, 349.0]},
    "no position": {"ImagePositionPatient": None},
    "a gap before it": {"ImagePositionPatient": [-32.0, -50.0, 391.0]},
}


@pytest.mark.parametrize("case", ODD_FILES)
def test_a_file_that_spoils_its_series_can_be_left_out(tmp_path, case):
    with_other_file(tmp_path, **ODD_FILES[case])
    if case in SET_ASIDE:
        assert [text for text in read_folder(tmp_path).warnings if "odd.dcm" in text]
    else:
        with pytest.raises(DosimetryError, match=r"odd\.dcm.*ignore"):
            read_folder(tmp_path)
    intake = read_folder(tmp_path, {"ignore": ["odd.dcm"]})
    assert ratio(intake) == pytest.approx(1, rel=2e-3)
    assert ratio(read_folder(tmp_path, {"ignore": [f"{ROOT}.2.24.99"]})) == pytest.approx(1, rel=2e-3)


def test_of_two_nuclides_one_series_is_left_out(tmp_path):
    write(tmp_path, {}, None)
    write_spect(tmp_path, Spect(start_h=96, uid=f"{ROOT}.2.96", frame=f"{ROOT}.24", grid=SMALL, edit=fluorine))
    with pytest.raises(DosimetryError, match=r"Expected one nuclide.*ignore_series"):
        read_folder(tmp_path)
    for key in ("ignore_series", "ignore"):
        assert len(read_folder(tmp_path, {key: [f"{ROOT}.2.96"]}).time_points) == 1


def test_of_two_reconstructions_the_named_one_is_left_out(tmp_path):
    write(tmp_path, {}, None)
    write_spect(tmp_path, Spect(uid=f"{ROOT}.2.240", frame=f"{ROOT}.24", grid=SMALL))
    with pytest.raises(DosimetryError, match="ignore_series") as refusal:
        read_folder(tmp_path)
    assert f"{ROOT}.2.240" in str(refusal.value)
    assert len(read_folder(tmp_path, {"ignore_series": [f"{ROOT}.2.240"]}).time_points) == 1


def test_every_override_is_known_by_its_name():
    """What the table offers are overrides that there are."""
    assert {key for _, _, _, offered, _ in OFFERS.values() for key in offered} <= {*SERIES_KEYS, *STUDY_KEYS}
