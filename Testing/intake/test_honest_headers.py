"""What the header says is looked at, and tolerances are in the right quantity.

The truth is the concentration that the fixtures were written from, and the words that a reader must see.
"""

import copy
import math

import numpy as np
import pydicom
import pytest
from fixtures.dicom_fixtures import (
    COARSE_CT,
    ROOT,
    Spect,
    _mapping,
    write_enhanced_ct,
    write_spect,
)
from fixtures.edited_scans import COUNTS, SMALL, days, edited, ratio, read_or_refused, said, setting

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake import read_folder

# Corrections


NOT_CORRECTED = {
    "PT, listed": ("PT", "START", setting(CorrectedImage=["DECY", "NORM", "RANSNG", "DTIM"]), "attenuation"),
    "NM, listed": ("NM", "NONE", setting(CorrectedImage=["UNIF", "COR"]), "attenuation"),
    "method NONE": ("PT", "START", setting(AttenuationCorrectionMethod="NONE"), "attenuation"),
    "flag of enhanced PET": ("ENHANCED", "START", setting(AttenuationCorrected="NO"), "attenuation"),
    "description": ("PT", "START", setting(SeriesDescription="WB NAC"), "attenuation"),
    "scatter listed": ("PT", "START", setting(CorrectedImage=["DECY", "ATTN", "NORM"]), "scatter"),
    "scatter method none": ("PT", "START", setting(ScatterCorrectionMethod="none"), "scatter"),
}


@pytest.mark.parametrize("case", NOT_CORRECTED)
def test_a_correction_that_was_not_made_is_said(tmp_path, case):
    dialect, decay, edit, word = NOT_CORRECTED[case]
    intake = read_folder(days(tmp_path, (24,), dialect=dialect, decay=decay, edit=edit))
    assert said(intake.warnings, word)


@pytest.mark.parametrize("description", ["NACL THERAPY", "WB AC", "SPECT", "TANAC", "MANACOR"])
def test_all_corrections_made_or_nothing_said_is_no_alarm(tmp_path, description):
    listed = ["DECY", "ATTN", "SCAT", "NORM"]
    for number, edit in enumerate((setting(CorrectedImage=listed), setting(SeriesDescription=description))):
        intake = read_folder(days(tmp_path / str(number), (24,), dialect="PT", decay="START", edit=edit))
        assert not said(intake.warnings, "ttenuation")
        assert not said(intake.warnings, "catter")


# One scan, several reconstructions


@pytest.mark.parametrize("late_s", [0, 65, 300, 900, 1190])
def test_a_scan_that_starts_while_another_is_taken_is_the_same_scan(tmp_path, late_s):
    days(tmp_path)
    write_spect(
        tmp_path / "other",
        Spect(start_h=24 + late_s / 3600, duration_s=1200 - late_s, frame=f"{ROOT}.24", uid=f"{ROOT}.2.240", grid=SMALL),
    )
    _, warnings, refusal = read_or_refused(tmp_path)
    assert said([*warnings, refusal], "reconstruction") or said([*warnings, refusal], "overlap")


def test_a_scan_after_another_is_a_scan_of_its_own(tmp_path):
    days(tmp_path)
    write_spect(tmp_path / "other", Spect(start_h=24 + 1500 / 3600, frame=f"{ROOT}.24", uid=f"{ROOT}.2.240", grid=SMALL))
    intake = read_folder(tmp_path)
    assert len(intake.time_points) == 3
    assert not said(intake.warnings, "overlap")


# Beds of one object


def rotations(*places):
    def edit(dataset):
        (first,) = dataset.RotationInformationSequence
        items = []
        for place in places:
            item = copy.deepcopy(first)
            item.TableTraverse = place
            items.append(item)
        dataset.RotationInformationSequence = items

    return edit


@pytest.mark.parametrize(
    ("places", "duration_s"),
    [
        ((-300.0,), 1200),
        ((-300.0, -690.0), 1200),
        ((-300.0, -690.0, -1080.0), 1200),
        ((-300.0, -300.0), 2400),
        ((-300.0, -301.0, -690.0, -690.0), 2400),
    ],
)
def test_counts_are_divided_by_the_time_at_one_position_of_the_table(tmp_path, places, duration_s):
    """Counts were made during 1200 s, at each position; where two rotations share one they were made during both."""
    intake = read_folder(
        days(tmp_path, (24,), value="counts", duration_s=duration_s, edit=lambda d: (rotations(*places)(d), _each(d, 1200))),
        COUNTS,
    )
    assert intake.time_points[0].duration_s == duration_s
    assert ratio(intake) == pytest.approx(1, abs=1e-3)
    beds = len({round(place / 100) for place in places})
    assert bool(said(intake.warnings, f"{beds} positions of the table")) == (beds > 1)


def _each(dataset, seconds):
    for item in dataset.RotationInformationSequence:
        item.ActualFrameDuration, item.NumberOfFramesInRotation = int(seconds * 1000 / 60), 60


def test_beds_of_different_duration_cannot_be_one_rate(tmp_path):
    def edit(dataset):
        rotations(-300.0, -690.0)(dataset)
        dataset.RotationInformationSequence[1].ActualFrameDuration = 40000

    with pytest.raises(DosimetryError, match="duration_s"):
        read_folder(days(tmp_path, (24,), value="counts", edit=edit), COUNTS)
    assert ratio(read_folder(tmp_path, COUNTS | {"duration_s": 1200})) == pytest.approx(1, abs=1e-3)


# Converted objects


LEGACY_PT, LEGACY_CT = "1.2.840.10008.5.1.4.1.1.128.1", "1.2.840.10008.5.1.4.1.1.2.2"


def test_a_pet_that_an_archive_converted_is_read(tmp_path):
    days(tmp_path, (24,), dialect="ENHANCED")
    for path in tmp_path.rglob("enhanced_*"):
        edited(path, setting(SOPClassUID=LEGACY_PT))
    assert ratio(read_folder(tmp_path)) == pytest.approx(1, abs=1e-3)


def test_a_ct_that_an_archive_converted_is_read(tmp_path):
    write_spect(tmp_path, Spect(grid=SMALL))
    write_enhanced_ct(tmp_path, COARSE_CT, hounsfield=np.full(COARSE_CT.size, 40.0))
    edited(tmp_path / "enhanced_ct.dcm", setting(SOPClassUID=LEGACY_CT))
    point = read_folder(tmp_path).time_points[0]
    assert point.ct is not None
    assert np.all(point.load_ct().hounsfield == 40)


# Slices that contradict each other


ONE_FOR_ALL = {
    "administration": ({"RadiopharmaceuticalStartDateTime": "20240304080000"}, {"administration_time": "2024-03-04T10:00:00"}),
    "activity": ({"RadionuclideTotalDose": 7.4e8}, {"injected_activity_mbq": 7400}),
    "half-life": ({"RadionuclideHalfLife": "581234"}, {"nuclide": "Lu-177"}),
}


@pytest.mark.parametrize("odd", [1, 4])
@pytest.mark.parametrize("case", ONE_FOR_ALL)
def test_slices_that_contradict_each_other_are_refused(tmp_path, case, odd):
    values, entered = ONE_FOR_ALL[case]

    def edit(dataset):
        if dataset.InstanceNumber == odd:
            setting(**values)(dataset.RadiopharmaceuticalInformationSequence[0])

    days(tmp_path, (24,), dialect="PT", decay="ADMIN", edit=edit)
    with pytest.raises(
        DosimetryError, match=rf"in all slices, received .* and .*; send.*type the override {next(iter(entered))}"
    ):
        read_folder(tmp_path)
    assert ratio(read_folder(tmp_path, entered)) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("decay", ["START", "NONE"])
def test_slices_that_disagree_about_their_decay_correction_are_refused(tmp_path, decay):
    def edit(dataset):
        if dataset.InstanceNumber == 3:
            dataset.DecayCorrection = "ADMIN"

    days(tmp_path, (24,), dialect="PT", decay=decay, edit=edit)
    with pytest.raises(
        DosimetryError, match=rf"one decay correction in all slices, received {decay} in .* and ADMIN in pt_1\.2\.24_002"
    ):
        read_folder(tmp_path)


def test_slices_hours_apart_are_said(tmp_path):
    def edit(dataset):
        if dataset.InstanceNumber == 6:
            dataset.AcquisitionTime = "150000"

    intake = read_folder(days(tmp_path, (24,), dialect="PT", decay="START", edit=edit))
    assert said(intake.warnings, "5 h apart", "pt_1.2.24_005")


# Slopes


def no_slope(dataset):
    dataset.RescaleSlope, dataset.RescaleIntercept = "0", "0"


def test_a_slope_of_zero_over_counts_has_a_way_on(tmp_path):
    days(tmp_path, (24,), value="counts", edit=lambda d: (no_slope(d), delattr(d, "Units")))
    with pytest.raises(DosimetryError, match="value_scale: stored"):
        read_folder(tmp_path, COUNTS | {"unit": "CNTS"})
    intake = read_folder(tmp_path, COUNTS | {"unit": "CNTS", "value_scale": "stored"})
    stored = pydicom.dcmread(next(tmp_path.rglob("nm_*"))).pixel_array
    image = intake.time_points[0].activity
    x = math.log(2) / (6.6443 * 86400) * 1200
    expected = stored / 1200 / 9.3 * 1e6 / image.geometry.voxel_volume_ml * x / (1 - math.exp(-x))
    assert np.allclose(image.concentration_bq_ml, expected, rtol=1e-4)


def test_a_slope_of_zero_beside_a_mapping_says_nothing(tmp_path):
    def edit(dataset):
        slope = float(dataset.RescaleSlope)
        no_slope(dataset)
        del dataset.Units
        _mapping(dataset, slope)

    assert ratio(read_folder(days(tmp_path, (24,), edit=edit))) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("value", ["0", None])
def test_a_slice_without_slope(tmp_path, value):
    """0 in an empty slice is 0 whatever its slope; in a slice with counts, and a slope that is not there in one of many, it is refused."""

    def edit(dataset, empty):
        if dataset.InstanceNumber == 1:
            if value is None:
                del dataset.RescaleSlope
            else:
                no_slope(dataset)
            if empty:
                dataset.PixelData = bytes(len(dataset.PixelData))

    days(tmp_path / "empty", (24,), dialect="PT", decay="START", edit=lambda d: edit(d, True))
    days(tmp_path / "full", (24,), dialect="PT", decay="START", edit=lambda d: edit(d, False))
    with pytest.raises(DosimetryError, match="Rescale Slope"):
        read_folder(tmp_path / "full")
    if value == "0":
        intake = read_folder(tmp_path / "empty")
        assert said(intake.warnings, "Slope of 0")
        assert not intake.time_points[0].activity.concentration_bq_ml[0].any()


# How much activity there is


@pytest.mark.parametrize(("factor", "seen"), [(1.0, False), (1e-3, True), (1e-2, True)])
def test_an_image_with_too_little_activity_is_said(tmp_path, factor, seen):
    """A thousandth is what a file in kBq/mL under the unit BQML gives."""

    def edit(dataset):
        dataset.RescaleSlope = f"{float(dataset.RescaleSlope) * factor:.10g}"

    intake = read_folder(days(tmp_path, (24, 96), edit=edit))
    assert bool(said(intake.warnings, "administered activity")) == seen
