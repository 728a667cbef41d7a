"""Files that are missing something, contradict themselves or are absurd: each is refused with its own sentence.

The sentence is the outside truth here: it says what was expected, what came, and what to do.
"""

import re
from copy import deepcopy

import numpy as np
import pytest
from fixtures.dicom_fixtures import COARSE_CT, CT_GRID, ROOT, Spect, write_ct, write_spect
from fixtures.region_fixtures import write_rtstruct, write_seg

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake import read_folder


def isotope(dataset):
    return dataset.RadiopharmaceuticalInformationSequence[0]


def without(keyword):
    return lambda dataset: dataset.__delattr__(keyword)


def setting(**values):
    def edit(dataset):
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return edit


def isotope_setting(**values):
    return lambda dataset: setting(**values)(isotope(dataset))


def clock_without_date(dataset):
    del isotope(dataset).RadiopharmaceuticalStartDateTime
    isotope(dataset).RadiopharmaceuticalStartTime = "100000"


def two_isotopes(dataset):
    dataset.RadiopharmaceuticalInformationSequence.append(deepcopy(isotope(dataset)))
    dataset.RadiopharmaceuticalInformationSequence[1].RadionuclideTotalDose = 3700


def no_times(dataset):
    for keyword in ("AcquisitionDate", "AcquisitionTime", "SeriesDate", "SeriesTime"):
        delattr(dataset, keyword)


def not_a_number(dataset):
    values = np.frombuffer(dataset.PixelData, "<u2").astype("<f4")
    values[7] = np.nan
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.BitsAllocated, dataset.FloatPixelData = 32, values.tobytes()


def conflicting_mapping(dataset):
    from pydicom.dataset import Dataset

    code, mapping = Dataset(), Dataset()
    code.CodeValue = "Bq/ml"
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = float(dataset.RescaleSlope) * 1.2, 0.0
    mapping.MeasurementUnitsCodeSequence = [code]
    dataset.RealWorldValueMappingSequence = [mapping]


def huge(dataset):
    dataset.RescaleSlope = float(dataset.RescaleSlope) * 1000


def empty(dataset):
    dataset.PixelData = bytes(len(dataset.PixelData))


def cut_off(dataset):
    dataset.PixelData = dataset.PixelData[: len(dataset.PixelData) // 2]


SPECT_CASES = {
    "no administration time": ("NM", lambda d: isotope(d).__delattr__("RadiopharmaceuticalStartDateTime"), "type the override administration_time"),
    "administration without a date": ("NM", clock_without_date, "a time of day without a date"),
    "administration time unreadable": ("NM", isotope_setting(RadiopharmaceuticalStartDateTime="20240304"), "Expected a date with a time"),
    "no injected activity": ("NM", lambda d: isotope(d).__delattr__("RadionuclideTotalDose"), "type the override injected_activity_mbq"),
    "activity in Bq in an NM object": ("NM", isotope_setting(RadionuclideTotalDose=7.4e9), "received 7.4e+09 MBq"),
    "activity in MBq in a PT object": ("PT", isotope_setting(RadionuclideTotalDose=7400.0), "received 0.0074 MBq"),
    "unit proportional to counts": ("NM", setting(Units="PROPCNTS"), "received 'PROPCNTS', proportional to counts"),
    "SUV by surface without height": ("PT", setting(Units="CM2ML"), "Expected the patient's height for SUV by BSA"),
    "SUV by a lean mass of unknown formula": ("PT", setting(Units="GML", SUVType="LBM"), "received 'LBM', whose formula is not certain"),
    "SUV without a weight": ("PT", setting(Units="GML", PatientWeight=None), "Expected the patient's weight for SUV by BW"),
    "SUV by lean mass without sex": ("PT", setting(Units="GML", SUVType="LBMJANMA", PatientSize=1.7), "Expected the patient's sex for SUV"),
    "SUV type against unit": ("PT", setting(Units="GML", SUVType="BSA", PatientSize=1.7), "received BSA and GML"),
    "unit unheard of": ("NM", setting(Units="XYZ"), "received 'XYZ', a unit that is not known here"),
    "counts without calibration": ("NM", setting(Units="CNTS"), "counts without a calibration"),
    "no unit": ("NM", without("Units"), "Expected a unit such as BQML in NM 'SPECT' (...0.1.2.24), received none"),
    "unknown decay correction": ("NM", setting(DecayCorrection="MIDDLE"), "received 'MIDDLE'"),
    "no decay correction": ("NM", without("DecayCorrection"), "Expected Decay Correction NONE, START or ADMIN"),
    "decay correction against corrected image": ("NM", setting(CorrectedImage=["ATTN", "DECY"]), "to agree, received NONE and ATTN, DECY"),
    "corrected image against decay correction": ("NM", setting(DecayCorrection="START", CorrectedImage=["ATTN"]), "received START and ATTN"),
    "decay factor against NONE": ("NM", setting(DecayFactor=1.5), "Expected Decay Factor 1"),
    "decay factor against ADMIN": ("PT", setting(DecayCorrection="ADMIN", DecayFactor=1.5), "received 1.5"),
    "decay factor zero": ("NM", setting(DecayFactor=0.0), "Expected a Decay Factor above 0"),
    "scan before administration": ("NM", setting(AcquisitionDate="20240303"), "24.00 h before it"),
    "two isotopes in one file": ("NM", two_isotopes, "received 2: two nuclides or two injections"),
    "no nuclide": ("NM", lambda d: [isotope(d).__delattr__(k) for k in ("RadionuclideCodeSequence", "Radiopharmaceutical")], "Expected the nuclide"),
    "half-life of another nuclide": ("NM", isotope_setting(RadionuclideHalfLife=21600), "received 21600 s"),
    "no acquisition time": ("NM", no_times, "Expected the date and time of acquisition"),
    "date that is none": ("NM", setting(AcquisitionDate="20240230"), "received '20240230 100000'"),
    "time zone that is none": ("NM", setting(TimezoneOffsetFromUTC="CET"), "Expected a time zone such as +0100"),
    "duration beyond a day": ("PT", setting(ActualFrameDuration=90_000_000), "Expected an acquisition of up to a day"),
    "NaN voxels": ("PT", not_a_number, "NaN or infinite voxels"),
    "slope and mapping disagree": ("NM", conflicting_mapping, "type the override value_scale"),
    "more activity than was given": ("NM", huge, "check unit, calibration and injected activity"),
    "empty image": ("NM", empty, "Expected activity in NM"),
    "half a file": ("NM", cut_off, "Expected readable pixels"),
    "gated object": ("NM", setting(SliceVector=[1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]), "gated, dynamic and multi-window"),
    "no pixel spacing": ("NM", without("PixelSpacing"), "Expected 2 numbers for PixelSpacing"),
    "no slice spacing": ("NM", lambda d: [d.__delattr__(k) for k in ("SpacingBetweenSlices", "SliceThickness")], "Expected Spacing Between Slices"),
    "orientation that is skewed": ("PT", setting(ImageOrientationPatient=[1, 0, 0, 0.5, 1, 0]), "Expected perpendicular unit directions"),
    "slope that is no number": ("NM", setting(RescaleSlope="1e999"), "Expected one finite number in (0028,1053) Rescale Slope"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPECT_CASES)
def test_broken_spect_is_refused(tmp_path, case):
    dialect, edit, sentence = SPECT_CASES[case]
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(dialect=dialect, edit=edit))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DosimetryError, match=re.escape(sentence)) as refusal:
        read_folder(tmp_path)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).startswith("Expected")
    assert sorted(tmp_path.rglob("*")) == before


def test_every_refusal_has_its_own_sentence():
    assert len({sentence for _, _, sentence in SPECT_CASES.values()}) == len(SPECT_CASES) >= 30


OVERRIDES_THAT_HELP = {
    "no administration time": {"administration_time": "2024-03-04 10:00:00"},
    "administration without a date": {"administration_time": "2024-03-04 10:00:00"},
    "no injected activity": {"injected_activity_mbq": 7400},
    "activity in Bq in an NM object": {"injected_activity_mbq": 7400},
    "unit unheard of": {"unit": "BQML"},
    "no unit": {"unit": "BQML"},
    "unknown decay correction": {"decay_correction": "NONE"},
    "no decay correction": {"decay_correction": "NONE"},
    "decay correction against corrected image": {"decay_correction": "NONE"},
    "decay factor against NONE": {"decay_correction": "NONE"},
    "scan before administration": {"acquisition_start": "2024-03-05T10:00"},
    "no acquisition time": {"acquisition_start": "2024-03-05T10:00"},
    "no nuclide": {"nuclide": "Lu-177"},
    "half-life of another nuclide": {"nuclide": "Lu-177"},
    "slope and mapping disagree": {"value_scale": "rescale"},
}


@pytest.mark.parametrize("case", OVERRIDES_THAT_HELP)
def test_a_recorded_override_makes_it_usable(tmp_path, case):
    from intake.test_folder_variants import largest_deviation

    dialect, edit, _ = SPECT_CASES[case]
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(dialect=dialect, edit=edit))
    intake = read_folder(tmp_path, OVERRIDES_THAT_HELP[case])
    assert largest_deviation(intake) < 1e-3
    assert any(row.status == "override" for row in intake.table)


def test_the_same_injection_written_twice_counts_once(tmp_path):
    def edit(dataset):
        dataset.RadiopharmaceuticalInformationSequence.append(deepcopy(isotope(dataset)))

    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(edit=edit))
    intake = read_folder(tmp_path)
    assert intake.administration.injected_activity_mbq == pytest.approx(7400)
    assert any("written 2 times" in warning for warning in intake.warnings)


def second(folder, **changes):
    """A second scan at 96 h, changed."""
    write_ct(folder, COARSE_CT, frame=f"{ROOT}.96", uid=f"{ROOT}.1.96", start_h=96)
    write_spect(folder, Spect(**{"start_h": 96, "frame": f"{ROOT}.96", "uid": f"{ROOT}.2.96", **changes}))


def other_nuclide(dataset):
    isotope(dataset).RadionuclideCodeSequence[0].CodeValue = "14691008"
    isotope(dataset).RadionuclideHalfLife = 64.1 * 3600


PAIR_CASES = {
    "two nuclides": ({"edit": other_nuclide}, "Expected one nuclide, received Lu-177"),
    "mixed patients": ({"patient": "TEST-2"}, "received 2 different patient IDs"),
    "two administration times": (
        {"edit": isotope_setting(RadiopharmaceuticalStartDateTime="20240304110000")},
        "Expected one time of administration",
    ),
    "two activities": ({"edit": isotope_setting(RadionuclideTotalDose=7000)}, "Expected one injected activity"),
    "one scan reconstructed twice": ({"start_h": 24}, "Expected one reconstruction for each scan"),
}


@pytest.mark.parametrize("case", PAIR_CASES)
def test_scans_that_do_not_belong_together_are_refused(tmp_path, case):
    changes, sentence = PAIR_CASES[case]
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect())
    second(tmp_path, **changes)
    with pytest.raises(DosimetryError, match=re.escape(sentence)):
        read_folder(tmp_path)


def drop(number):
    def edit(dataset, z):
        if z == number:
            dataset.SOPInstanceUID = ""

    return edit


def at(number, **values):
    def edit(dataset, z):
        if z == number:
            setting(**values)(dataset)

    return edit


def tilt(dataset, z):
    dataset.ImagePositionPatient = [
        dataset.ImagePositionPatient[0],
        dataset.ImagePositionPatient[1] + 1.2 * z,
        dataset.ImagePositionPatient[2],
    ]


CT_CASES = {
    "missing slice": (drop(11), "a slice is missing"),
    "duplicate slice": (
        at(11, ImagePositionPatient=[round(float(p), 9) for p in CT_GRID.position(12)]),
        "received duplicate slices",
    ),
    "tilted gantry": (tilt, "a stack that is sheared (tilted gantry)"),
    "two pixel sizes": (at(11, PixelSpacing=[3.0, 3.0]), "Expected slices of one size, spacing and orientation"),
    "position without numbers": (at(11, ImagePositionPatient=None), "Expected 3 numbers for ImagePositionPatient"),
}


@pytest.mark.parametrize("case", CT_CASES)
def test_broken_ct_is_refused(tmp_path, case):
    edit, sentence = CT_CASES[case]
    write_ct(tmp_path, edit=edit)
    write_spect(tmp_path, Spect())
    with pytest.raises(DosimetryError, match=re.escape(sentence)):
        read_folder(tmp_path)


def test_missing_slice_of_pt_is_refused(tmp_path):
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(dialect="PT"))
    next(iter(sorted(tmp_path.glob("pt_*_005")))).unlink()
    with pytest.raises(DosimetryError, match="a slice is missing"):
        read_folder(tmp_path)


def test_no_spect(tmp_path):
    write_ct(tmp_path, COARSE_CT)
    with pytest.raises(DosimetryError, match="Expected a reconstructed SPECT"):
        read_folder(tmp_path)


def test_no_ct_is_read_with_one_density(tmp_path):
    write_spect(tmp_path, Spect())
    intake = read_folder(tmp_path)
    assert intake.time_points[0].ct is None
    assert any("holds no CT: one density is taken" in text for text in intake.warnings)


def test_no_ct_near_in_time_is_no_ct(tmp_path):
    write_spect(tmp_path, Spect())
    write_ct(tmp_path, frame=f"{ROOT}.7", start_h=48)
    intake = read_folder(tmp_path)
    assert intake.time_points[0].ct is None
    assert any("has no CT of its frame of reference or within 6 h" in text for text in intake.warnings)


def test_no_dicom_at_all(tmp_path):
    (tmp_path / "readme").write_text("nothing here")
    with pytest.raises(DosimetryError, match="found none among 1 files"):
        read_folder(tmp_path)


def mask_with_one_voxel():
    mask = np.zeros(CT_GRID.size, dtype=bool)
    mask[10, 10, 10] = True
    return mask


def clear(dataset):
    dataset.PixelData = bytes(len(dataset.PixelData))


REGION_CASES = {
    "empty region in a segmentation": (lambda f: write_seg(f, {"liver": mask_with_one_voxel()}, edit=clear), "received none that can be used; draw them, or name the file in ignore ('liver': it encloses nothing"),
    "structure without contours": (lambda f: write_rtstruct(f, {"liver": []}), "('liver': it encloses nothing: draw it if it is wanted)"),
    "contour of two points": (lambda f: write_rtstruct(f, {"liver": [CT_GRID.points()[10, 10, 4:6]]}), "('liver': it encloses nothing (1 of no area)"),
    "contour outside the CT": (lambda f: write_rtstruct(f, {"liver": [CT_GRID.points()[10, 10:13, 4] + [0, 0, 999]]}), "('liver': it encloses nothing (1 of no area)"),
    "contour beside the CT": (lambda f: write_rtstruct(f, {"liver": [CT_GRID.points()[10, [9, 9, 12], [4, 8, 8]] + [0, 0, 999]]}), "('liver': it lies wholly beside the image that it was drawn on"),
    "drawn on another CT": (lambda f: write_seg(f, {"liver": mask_with_one_voxel()}, ct_uid=f"{ROOT}.8", frame=f"{ROOT}.9"), "to be drawn on a CT or SPECT of this folder"),
    "no segments": (lambda f: write_seg(f, {"liver": mask_with_one_voxel()}, edit=setting(SegmentSequence=[])), "Expected regions in"),
}  # fmt: skip


@pytest.mark.parametrize("case", REGION_CASES)
def test_broken_regions_are_refused(tmp_path, case):
    write_regions, sentence = REGION_CASES[case]
    write_ct(tmp_path)
    write_spect(tmp_path, Spect())
    write_regions(tmp_path)
    with pytest.raises(DosimetryError, match=re.escape(sentence)):
        read_folder(tmp_path)


OVERRIDE_CASES = {
    "unknown name": ({"injected_activity": 7400}, "did you mean injected_activity_mbq?"),
    "unknown name for a time point": ({"time_points": {"1": {"nuclide": "Lu-177"}}}, "received also nuclide"),
    "no such time point": ({"time_points": {"3": {"duration_s": 900}}}, "received time point '3'"),
    "text for a number": ({"injected_activity_mbq": "7400"}, "Expected a positive number for the override injected_activity_mbq"),
    "negative activity": ({"injected_activity_mbq": -1}, "Expected a positive number"),
    "activity in Bq": ({"injected_activity_mbq": 7.4e9}, "Expected injected_activity_mbq between"),
    "residual above injected": ({"residual_activity_mbq": 7400}, "Expected a residual activity below"),
    "time without a date": ({"administration_time": "10:00"}, "Expected a date and time such as"),
    "unknown nuclide": ({"nuclide": "Xy-177"}, "Xy-177"),
    "no such CT": ({"ct_series": "1.2.3"}, "Expected the UID of a CT series"),
    "slice order": ({"slice_order": "upwards"}, "Expected slice_order as_written or reversed"),
    "decay correction": ({"decay_correction": "LATER"}, "received 'LATER'"),
}


@pytest.mark.parametrize("case", OVERRIDE_CASES)
def test_overrides_that_cannot_be_are_refused(tmp_path, case):
    overrides, sentence = OVERRIDE_CASES[case]
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect())
    with pytest.raises(DosimetryError, match=re.escape(sentence)):
        read_folder(tmp_path, overrides)


def test_counts_with_a_sensitivity_need_the_duration(tmp_path):
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(value="counts", edit=without("RotationInformationSequence")))
    with pytest.raises(DosimetryError, match="Expected the acquisition duration"):
        read_folder(tmp_path, {"calibration_cps_per_mbq": 9.3})


def test_unknown_duration_of_a_slow_nuclide_is_a_warning_with_its_bound(tmp_path):
    # lambda * 3600 s / 2 = 0.217 % for 6.647 d: the most that an hour's scan can be wrong
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(edit=without("RotationInformationSequence")))
    intake = read_folder(tmp_path)
    assert intake.time_points[0].duration_s is None
    assert any("at most 0.22%" in warning for warning in intake.warnings)


def test_unknown_duration_of_a_fast_nuclide_is_refused(tmp_path):
    def edit(dataset):
        del dataset.ActualFrameDuration
        isotope(dataset).RadionuclideCodeSequence[0].CodeValue = "77004003"
        isotope(dataset).RadionuclideHalfLife = 6586.2

    write_ct(tmp_path, COARSE_CT, start_h=1)
    write_spect(tmp_path, Spect(dialect="PT", start_h=1, edit=edit))
    with pytest.raises(DosimetryError, match="decay during the scan matters"):
        read_folder(tmp_path)
