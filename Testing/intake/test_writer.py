"""What a writer did is undone with the writer's own values, whatever is entered for what comes after.

The truth is the concentration that the fixtures were written from, decayed by formula; every file here was written with wrong times, another
weight, activity or isotope, so a reader that undoes it with what was entered comes out wrong by the factor in the case.
"""

import math
from datetime import timedelta

import numpy as np
import pytest
from fixtures.dicom_fixtures import (
    ADMINISTRATION,
    COARSE_CT,
    DECAY_PER_S,
    ROOT,
    Spect,
    dicom_datetime,
    true_concentration,
    write_ct,
    write_spect,
)

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake import read_folder

RIGHT_TIME = {"administration_time": "2024-03-04T10:00:00"}


def isotope(dataset):
    return dataset.RadiopharmaceuticalInformationSequence[0]


def scaled(dataset, factor):
    dataset.RescaleSlope = f"{float(dataset.RescaleSlope) * factor:.10g}"


def ratio(folder, overrides=None, **spect):
    """Read over true concentration at 24 h: (median over the voxels, warnings)."""
    write_ct(folder / "ct", COARSE_CT)
    spect = Spect(**spect)
    write_spect(folder / "spect", spect)
    intake = read_folder(folder, overrides)
    values = intake.time_points[0].activity.concentration_bq_ml
    truth = true_concentration(spect.grid.points(), 24.0)
    bright = truth > 0.1 * truth.max()
    return float(np.median((values / truth)[bright])), intake.warnings


def administered_earlier(hours, decay):
    """The time of administration in the file is wrong, and the writer reckoned with it."""

    def edit(dataset):
        isotope(dataset).RadiopharmaceuticalStartDateTime = dicom_datetime(ADMINISTRATION - timedelta(hours=hours))
        if decay == "ADMIN":
            scaled(dataset, math.exp(DECAY_PER_S * 3600 * hours))

    return edit


@pytest.mark.parametrize("dialect", ["NM", "PT"])
@pytest.mark.parametrize("hours", [1, 24])
def test_admin_is_undone_to_the_time_in_the_file(tmp_path, dialect, hours):
    edit = administered_earlier(hours, "ADMIN")
    assert ratio(tmp_path, RIGHT_TIME, dialect=dialect, decay="ADMIN", edit=edit)[0] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("decay", ["START", "ADMIN"])
@pytest.mark.parametrize("dialect", ["NM", "PT"])
def test_uptake_values_by_the_activity_at_the_times_in_the_file(tmp_path, decay, dialect):
    def edit(dataset):  # the activity of the file is decayed 24 h longer, so its uptake values are larger
        administered_earlier(24, "START")(dataset)
        scaled(dataset, math.exp(DECAY_PER_S * 3600 * 24))

    found, warnings = ratio(tmp_path, RIGHT_TIME, value="suv", decay=decay, dialect=dialect, edit=edit)
    assert found == pytest.approx(1, abs=1e-3)
    assert any("uptake" in text or "SUV" in text for text in warnings)


@pytest.mark.parametrize("entered", [{"patient_weight_kg": 80}, {"injected_activity_mbq": 7000}, {"residual_activity_mbq": 400}])
@pytest.mark.parametrize("decay", ["START", "ADMIN"])
def test_uptake_values_by_weight_and_activity_of_the_file(tmp_path, entered, decay):
    assert ratio(tmp_path, entered, value="suv", decay=decay)[0] == pytest.approx(1, abs=1e-3)


def clock_off(hours, decay):
    """Dates of acquisition and series in the file are wrong, and the writer reckoned with them."""

    def edit(dataset):
        moment = ADMINISTRATION + timedelta(hours=24 + hours)
        dataset.AcquisitionDate = dataset.SeriesDate = moment.strftime("%Y%m%d")
        dataset.AcquisitionTime = dataset.SeriesTime = moment.strftime("%H%M%S")
        if decay == "ADMIN":
            scaled(dataset, math.exp(DECAY_PER_S * 3600 * hours))

    return edit


@pytest.mark.parametrize("decay", ["START", "ADMIN", "NONE"])
@pytest.mark.parametrize("hours", [-12, 12])
@pytest.mark.parametrize("dialect", ["NM", "PT"])
def test_a_scan_time_that_is_entered_moves_the_scan_and_not_the_correction(tmp_path, decay, hours, dialect):
    entered = {"time_points": {"1": {"acquisition_start": "2024-03-05T10:00:00"}}}
    found, _ = ratio(tmp_path, entered, dialect=dialect, decay=decay, edit=clock_off(hours, decay))
    assert found == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("decay", ["NONE", "START", "ADMIN"])
def test_a_camera_set_to_another_isotope(tmp_path, decay):
    """68Ga measured with the camera set to 18F: the correction of 18F, also that within the frame, is undone and made anew for 68Ga.

    Half-lives by DDEP (Monographie BIPM-5): 68Ga 67.83 min, 18F 109.77 min. The positron fraction is entered, so it is one here.
    """
    gallium, fluorine = math.log(2) / (67.83 * 60), math.log(2) / (109.77 * 60)
    seconds = 1200.0

    def average(per_s):
        return (1 - math.exp(-per_s * seconds)) / (per_s * seconds)

    def edit(dataset):
        item = isotope(dataset)
        item.RadionuclideCodeSequence[0].CodeValue, item.RadionuclideCodeSequence[0].CodeMeaning = "77004003", "^18^Fluorine"
        item.RadionuclideHalfLife, item.Radiopharmaceutical = f"{109.77 * 60:.6g}", "18F-FDG"
        # stored as NONE of 177Lu; in truth the mean over the frame of 68Ga, times the writer's correction
        x = DECAY_PER_S * seconds
        factor = average(gallium) / ((1 - math.exp(-x)) / x)
        if decay != "NONE":
            factor /= average(fluorine)
        if decay == "ADMIN":
            factor *= math.exp(fluorine * 3600)
        scaled(dataset, factor)
        dataset.DecayCorrection = decay
        isotope(dataset).RadiopharmaceuticalStartDateTime = dicom_datetime(ADMINISTRATION + timedelta(hours=23))
        isotope(dataset).RadionuclideTotalDose = 7.4e9

    entered = {"nuclide": "Ga-68", "decay_correction": decay}
    found, warnings = ratio(tmp_path, entered, dialect="PT", decay="NONE", edit=edit)
    assert found == pytest.approx(1, abs=1e-3)
    assert any("half-life" in text for text in warnings)


def test_zones_of_files_and_of_entered_times_meet(tmp_path):
    """The file says +0100; the same moment entered in UTC, in its zone, and as a clock without a zone."""

    def edit(dataset):
        dataset.TimezoneOffsetFromUTC = "+0100"

    for number, text in enumerate(("2024-03-04T09:00:00+00:00", "2024-03-04T10:00:00+01:00", "2024-03-04T10:00:00")):
        folder = tmp_path / str(number)
        found, warnings = ratio(folder, {"administration_time": text}, decay="ADMIN", dialect="PT", edit=edit)
        assert found == pytest.approx(1, abs=1e-3)
        assert read_folder(folder, {"administration_time": text}).time_points[0].start_h == pytest.approx(24)
        assert any("zone" in line for line in warnings) == ("+" not in text)


def factor_one(dataset):
    dataset.DecayFactor = 1


def test_admin_with_a_factor_of_one_is_a_contradiction_even_within_an_hour(tmp_path):
    """3.74 h of 177Lu are 1.6 %: inside any tolerance of 2 % on the factor itself."""

    def edit(dataset):
        factor_one(dataset)
        isotope(dataset).RadiopharmaceuticalStartDateTime = dicom_datetime(ADMINISTRATION + timedelta(hours=20.26))

    with pytest.raises(DosimetryError, match=r"Decay Factor of 1.016.*received 1 .*nothing was corrected.*decay_correction"):
        ratio(tmp_path / "none", dialect="PT", decay="ADMIN", edit=edit)
    start = ratio(tmp_path / "start", {"decay_correction": "START"}, dialect="PT", decay="START", edit=edit)[0]
    assert start == pytest.approx(1, abs=1e-3)
    admin = ratio(tmp_path / "admin", {"decay_correction": "ADMIN"}, dialect="PT", decay="START", edit=edit)[0]
    assert admin == pytest.approx(math.exp(-DECAY_PER_S * 3600 * 3.74), abs=1e-3)


def test_start_with_a_factor_of_one_is_what_start_means(tmp_path):
    assert ratio(tmp_path, dialect="PT", decay="START", edit=factor_one)[0] == pytest.approx(1, abs=1e-3)


def test_half_lives_and_digits_are_no_contradiction(tmp_path):
    def edit(dataset):
        dataset.DecayFactor = round(math.exp(DECAY_PER_S * 24 * 3600), 4)
        isotope(dataset).RadionuclideHalfLife = "574300"  # 6.6470 d

    assert ratio(tmp_path, dialect="PT", decay="ADMIN", edit=edit)[0] == pytest.approx(1, abs=1e-3)


def test_dates_that_an_anonymizer_shifted_need_a_word(tmp_path):
    """Administration after the scan in the file: to which administration its values were corrected cannot be told."""

    def edit(dataset):
        isotope(dataset).RadiopharmaceuticalStartDateTime = dicom_datetime(ADMINISTRATION + timedelta(hours=48))

    with pytest.raises(DosimetryError, match="writer_times: entered"):
        ratio(tmp_path, RIGHT_TIME, dialect="PT", decay="ADMIN", edit=edit)
    for choice, hours in (("entered", 24.0), ("file", -24.0)):
        found, _ = ratio(tmp_path, RIGHT_TIME | {"writer_times": choice}, dialect="PT", decay="ADMIN", edit=edit)
        assert found == pytest.approx(math.exp(DECAY_PER_S * 3600 * (24.0 - hours)), rel=1e-3)
    assert f"{ROOT}.2.24" in {
        point.series_uid for point in read_folder(tmp_path, RIGHT_TIME | {"writer_times": "entered"}).time_points
    }
