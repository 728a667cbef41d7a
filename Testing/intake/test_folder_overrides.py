"""What a person typed: an override without effect is said and in the table, and what cannot be is refused.

The sentences are the outside truth here, and the values that the fixtures were written with.
"""

import json
import re

import pytest
from fixtures.dicom_fixtures import COARSE_CT, ROOT, Spect, write_ct, write_spect
from fixtures.time_frame_fixtures import Frame, write_nm

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.intake import IntakeRefused, format_intake_rows, read_folder
from RNTDosimetryLib.roads.therapy.images import scans_of_intake

UID = f"{ROOT}.2.24"


def scan(folder, **changes):
    write_ct(folder, COARSE_CT)
    write_spect(folder, Spect(**changes))
    return folder


UNUSED = {
    "sensitivity for an image in Bq/mL": ("calibration_cps_per_mbq", 9.3, "the values are in BQML"),
    "volume factor for an image in Bq/mL": ("bq_per_count", 4.5, "the values are in BQML"),
    "reference of a correction that was not made": (
        "decay_reference_time",
        "2024-03-04T10:00:00",
        "the decay correction is NONE",
    ),
    "choice of the only scale there is": ("value_scale", "rescale", "was not used"),
}


@pytest.mark.parametrize("case", UNUSED)
@pytest.mark.parametrize("level", ["all", "number", "uid"])
def test_an_override_without_effect_is_said_and_in_the_table(tmp_path, case, level):
    key, value, why = UNUSED[case]
    values = {key: value}
    overrides = {"all": values, "number": {"time_points": {"1": values}}, "uid": {"time_points": {UID: values}}}[level]
    plain, intake = read_folder(scan(tmp_path)), read_folder(tmp_path, overrides)
    new = [text for text in intake.warnings if text not in plain.warnings]
    assert len(new) == 1
    assert f"the override {key} ({value}) was not used" in new[0]
    assert why in new[0]
    assert [(row.what, row.value, row.status) for row in intake.table if row.status == "not used"] == [
        (f"override {key}", str(value), "not used")
    ]
    assert (intake.time_points[0].activity.concentration_bq_ml == plain.time_points[0].activity.concentration_bq_ml).all()


def test_an_override_with_effect_is_not_called_unused(tmp_path):
    overrides = {
        "acquisition_start": "2024-03-05T11:00:00",
        "unit": "CNTS",
        "calibration_cps_per_mbq": 9.3,
        "calibration_uncertainty": 0.05,
        "decay_correction": "START",
        "decay_reference_time": "2024-03-05T11:00:00",
        "duration_s": 1200,
        "slice_order": "as_written",
        "ct_series": f"{ROOT}.1.24",
    }
    intake = read_folder(scan(tmp_path, value="counts"), overrides)
    assert {row.status for row in intake.table} == {"read", "override", "derived"}
    assert not [text for text in intake.warnings if "not used" in text]
    assert intake.time_points[0].activity.calibration_uncertainty == 0.05


def test_an_override_that_another_one_outranks_is_said(tmp_path):
    intake = read_folder(scan(tmp_path), {"duration_s": 900, "time_points": {"1": {"duration_s": 1000}}})
    assert intake.time_points[0].duration_s == 1000
    (row,) = [row for row in intake.table if row.status == "not used"]
    assert (row.what, row.value) == ("override duration_s", "900")
    assert "another one was given" in intake.warnings[-1]


def test_time_frames_for_a_static_series_are_said(tmp_path):
    intake = read_folder(scan(tmp_path), {"time_frames": "mean", "frame_durations_s": 300})
    assert {row.what for row in intake.table if row.status == "not used"} == {
        "override time_frames",
        "override frame_durations_s",
    }


@pytest.mark.parametrize("uids", [UID, [7], {"uid": UID}])
def test_series_to_ignore_must_be_a_list_of_uids(tmp_path, uids):
    with pytest.raises(DosimetryError, match="Expected a list of names for the override ignore_series"):
        read_folder(scan(tmp_path), {"ignore_series": uids})


def test_series_to_ignore_must_be_there(tmp_path):
    with pytest.raises(DosimetryError, match=re.escape("ignore_series, received '1.2.3', which is not there")):
        read_folder(scan(tmp_path), {"ignore_series": ["1.2.3"]})


def named(name, birth):
    def edit(dataset):
        dataset.PatientName, dataset.PatientBirthDate = name, birth

    return edit


PERSONS = {
    "another name": (("A^B", "19600101"), ("C^D", "19600101"), "different patient names under one patient ID"),
    "another birth date": (("A^B", "19600101"), ("A^B", "19610101"), "different birth dates under one patient ID"),
    "another spelling": (("A^B", "19600101"), ("b a^^^", "19600101"), ""),
    "nothing said": (("A^B", "19600101"), ("", ""), ""),
}


@pytest.mark.parametrize("case", PERSONS)
def test_another_name_or_birth_date_is_a_warning(tmp_path, case):
    first, second, sentence = PERSONS[case]
    scan(tmp_path, edit=named(*first))
    write_spect(tmp_path, Spect(start_h=96, uid=f"{ROOT}.2.96", edit=named(*second)))
    warnings = [text for text in read_folder(tmp_path).warnings if "under one patient ID" in text]
    assert len(warnings) == (sentence != "")
    assert all(sentence in text for text in warnings)
    assert not any(word in text for text in warnings for word in ("A^B", "C^D", "1960", "1961"))


def test_two_persons_under_one_patient_id_are_refused(tmp_path):
    scan(tmp_path, edit=named("A^B", "19600101"))
    write_spect(tmp_path, Spect(start_h=96, uid=f"{ROOT}.2.96", edit=named("C^D", "19610101")))
    with pytest.raises(DosimetryError, match="different names and birth dates under one patient ID") as refusal:
        read_folder(tmp_path)
    assert not any(word in str(refusal.value) for word in ("A^B", "C^D", "1960", "1961"))


@pytest.mark.parametrize("year", ["2025", "2524"])
def test_a_scan_start_in_the_wrong_year_is_refused_with_both_dates(tmp_path, year):
    typed = f"{year}-03-05T10:00:00"
    with pytest.raises(DosimetryError, match="check both dates") as refusal:
        read_folder(scan(tmp_path), {"acquisition_start": typed})
    assert "2024-03-04 10:00:00" in str(refusal.value)
    assert typed.replace("T", " ") in str(refusal.value)


def test_a_typed_time_zone_that_files_lack_is_a_warning(tmp_path):
    intake = read_folder(scan(tmp_path), {"administration_time": "2024-03-04T10:00:00+01:00"})
    assert intake.time_points[0].start_h == 24
    assert "time zone of the override administration_time (2024-03-04T10:00:00+01:00) was left out" in " ".join(intake.warnings)
    assert "time zone" not in " ".join(read_folder(tmp_path, {"administration_time": "2024-03-04T10:00:00"}).warnings)


@pytest.mark.parametrize(
    ("value", "name"),
    [("rescale", "Rescale Intercept is 1000"), ("mapping", "the intercept of the real-world value mapping is 1000")],
)
def test_an_intercept_is_called_by_its_element(tmp_path, value, name):
    def edit(dataset):
        if value == "rescale":
            dataset.RescaleIntercept = 1000
        else:
            dataset.RealWorldValueMappingSequence[0].RealWorldValueIntercept = 1000.0

    assert name in " ".join(read_folder(scan(tmp_path, value=value, edit=edit)).warnings)


def test_a_calibration_uncertainty_of_one_is_refused(tmp_path):
    with pytest.raises(DosimetryError, match="calibration_uncertainty below 1, received 5"):
        read_folder(scan(tmp_path), {"calibration_uncertainty": 5})


def without_administration_time(dataset):
    del dataset.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartDateTime


def test_a_refusal_has_the_rows_read_so_far(tmp_path, capsys):
    scan(tmp_path / "dicom", edit=without_administration_time)
    with pytest.raises(IntakeRefused, match="type the override administration_time") as refusal:
        read_folder(tmp_path / "dicom")
    table = format_intake_rows(refusal.value.table, refusal.value.warnings)
    assert f"UID {UID}" in table
    assert "Lu-177" in table  # the nuclide comes before the time

    assert main(["intake", str(tmp_path / "dicom")]) == 2
    printed = capsys.readouterr()
    assert printed.out.strip() == table.strip()
    assert printed.err.startswith("error: Expected the time of administration")
    assert printed.err.count("\n") == 1

    (tmp_path / "typed.json").write_text(json.dumps({"administration_time": "2024-03-04T10:00:00"}))
    assert main(["intake", str(tmp_path / "dicom"), "--overrides", str(tmp_path / "typed.json")]) == 0
    assert "(file: nothing)" in capsys.readouterr().out

    (tmp_path / "typed.json").write_text("[]")
    assert main(["intake", str(tmp_path / "dicom"), "--overrides", str(tmp_path / "typed.json")]) == 2
    assert "Expected an object in typed.json" in capsys.readouterr().err


def test_frames_that_start_close_together_have_names_of_their_own(tmp_path):
    write_ct(tmp_path, COARSE_CT)
    write_nm(tmp_path, tuple(Frame(0.01 * number, 0.01) for number in range(4)), "START", "bare")
    intake = read_folder(tmp_path, {"frame_durations_s": 0.01, "time_frames": "each"})
    assert "not used" not in {row.status for row in intake.table}
    names = [point.name for point in intake.time_points]
    assert len(set(names)) == 4
    assert [one.name for one in scans_of_intake(intake)] == names
    assert [float(name.removesuffix(" h")) for name in names] == pytest.approx(
        [1.5 + 0.01 * number / 3600 for number in range(4)], abs=5e-7
    )
