"""What the header says is looked at, every file is used or named with the reason, and tolerances are in the right quantity.

The truth is the concentration that the fixtures were written from, and the words that a reader must see.
"""

import copy
import math
import shutil

import numpy as np
import pydicom
import pytest
from fixtures.dicom_fixtures import (
    COARSE_CT,
    ROOT,
    Spect,
    _mapping,
    save,
    true_concentration,
    write_ct,
    write_enhanced_ct,
    write_spect,
)
from fixtures.dicom_fixtures import Grid as FixtureGrid
from fixtures.region_fixtures import write_seg

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake import IntakeRefused, read_folder

SMALL = FixtureGrid(size=(6, 7, 8), spacing=(14.0, 10.0, 12.0))
COUNTS = {"calibration_cps_per_mbq": 9.3}


def days(folder, hours=(24, 96), **spect):
    for hour in hours:
        write_ct(folder / f"day{hour}", COARSE_CT, frame=f"{ROOT}.{hour}", uid=f"{ROOT}.1.{hour}", start_h=hour)
        write_spect(
            folder / f"day{hour}",
            Spect(**{"start_h": hour, "frame": f"{ROOT}.{hour}", "uid": f"{ROOT}.2.{hour}", "grid": SMALL} | spect),
        )
    return folder


def edited(path, change):
    dataset = pydicom.dcmread(path)
    change(dataset)
    save(dataset, path)


def setting(**values):
    def edit(dataset):
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return edit


def ratio(intake, point=0):
    """Read over true concentration, median over the grid."""
    image = intake.time_points[point].activity
    truth = true_concentration(SMALL.points(), intake.time_points[point].start_h)
    assert image.concentration_bq_ml.shape == truth.shape
    return float(np.median(image.concentration_bq_ml / truth))


def said(warnings, *words):
    return [text for text in warnings if all(word in text for word in words)]


def read_or_refused(folder, overrides=None):
    """(intake or None, warnings, sentence of the refusal or "")."""
    try:
        intake = read_folder(folder, overrides)
        return intake, intake.warnings, ""
    except IntakeRefused as error:
        return None, error.warnings, str(error)


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


# Completeness


def test_fewer_files_than_the_header_counts_are_said(tmp_path):
    days(tmp_path, (24,), dialect="PT", decay="START", edit=setting(NumberOfSlices=6))
    assert not said(read_folder(tmp_path).warnings, "slices")
    for path in sorted((tmp_path / "day24").glob("pt_*"))[4:]:
        path.unlink()
    assert said(read_folder(tmp_path).warnings, "4", "6")


def with_uid(path, uid):
    edited(path, setting(SOPInstanceUID=uid))


def test_slices_of_one_uid_and_different_content_are_refused(tmp_path):
    days(tmp_path, (24,), dialect="PT", decay="START")
    for path in (tmp_path / "day24").glob("pt_*"):
        with_uid(path, "1.2.3.4")
    with pytest.raises(DosimetryError, match=r"one object for each SOP Instance UID.*6 files of different content"):
        read_folder(tmp_path)


@pytest.mark.parametrize("pattern", ["nm_*", "ct_*"])
def test_scans_of_one_uid_are_refused_and_one_can_be_left_out(tmp_path, pattern):
    days(tmp_path)
    for path in tmp_path.rglob(pattern):
        with_uid(path, "1.2.3.5")
    with pytest.raises(DosimetryError, match=r"UID 1\.2\.3\.5.*override ignore"):
        read_folder(tmp_path)
    if pattern == "nm_*":
        intake = read_folder(tmp_path, {"ignore": [next((tmp_path / "day96").glob("nm_*")).name]})
        assert [round(point.start_h) for point in intake.time_points] == [24]


def test_copies_count_once_and_are_named(tmp_path):
    days(tmp_path)
    shutil.copytree(tmp_path / "day24", tmp_path / "copy of day24")
    intake = read_folder(tmp_path)
    assert len(intake.time_points) == 2
    (row,) = [row for row in intake.table if row.source == "a copy of another file"]
    assert row.what == "file not used"
    assert "day24" in row.value


# Images of another kind


def stray(folder, kind, name, **values):
    days(folder, (24,))
    dataset = pydicom.dcmread(sorted((folder / "day24").glob("ct_*"))[0])
    dataset.SOPInstanceUID += ".77"
    dataset.ImageType, dataset.ImageOrientationPatient, dataset.InstanceNumber = kind, [1, 0, 0, 0, 0, -1], 0
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    save(dataset, folder / "day24" / name)
    return folder


@pytest.mark.parametrize("name", ["aa.dcm", "zz.dcm"])
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (["ORIGINAL", "PRIMARY", "LOCALIZER"], {}),
        (["DERIVED", "SECONDARY", "OTHER"], {}),
        (["DERIVED", "SECONDARY", "PROJECTION IMAGE"], {}),
        (["ORIGINAL", "PRIMARY", "AXIAL"], {"PixelSpacing": [3.0, 3.0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}),
    ],
)
def test_one_image_of_another_kind_is_set_aside_by_name(tmp_path, kind, values, name):
    intake = read_folder(stray(tmp_path, kind, name, **values))
    assert intake.time_points[0].ct.geometry.size == COARSE_CT.size
    assert said(intake.warnings, name)


def projections(folder, image_type, modality="PT"):
    source = next((folder / "day24").glob("pt_*_000"))
    for number, angle in enumerate(np.linspace(0, math.pi, 8, endpoint=False)):
        dataset = pydicom.dcmread(source)
        dataset.SeriesInstanceUID, dataset.SOPInstanceUID = f"{ROOT}.2.999", f"{ROOT}.2.999.{number}"
        dataset.ImageType, dataset.SeriesDescription = image_type, "MIP"
        dataset.ImageOrientationPatient = [round(math.cos(angle), 6), round(math.sin(angle), 6), 0, 0, 0, -1]
        save(dataset, folder / f"mip{number}.dcm")


@pytest.mark.parametrize("image_type", [["DERIVED", "SECONDARY", "MIP"], ["DERIVED", "SECONDARY"]])
def test_rotating_projections_are_no_volume(tmp_path, image_type):
    days(tmp_path, (24,), dialect="PT", decay="START")
    projections(tmp_path, image_type)
    intake = read_folder(tmp_path)
    assert len(intake.time_points) == 1
    assert any(row.what == "series not used" and "MIP" in row.value for row in intake.table)


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


# Files as some exports write them


def without_preamble(path):
    raw = path.read_bytes()
    path.write_bytes(raw[132 + 12 + int(pydicom.dcmread(path).file_meta.FileMetaInformationGroupLength) :])


@pytest.mark.parametrize("which", ["day96", "."])
def test_files_without_a_preamble_are_read_and_said(tmp_path, which):
    days(tmp_path)
    whole = read_folder(tmp_path)
    count = 0
    for path in [path for path in (tmp_path / which).rglob("*") if path.is_file()]:
        without_preamble(path)
        count += 1
    intake = read_folder(tmp_path)
    assert said(intake.warnings, "preamble", str(count))
    for one, other in zip(intake.time_points, whole.time_points, strict=True):
        assert np.array_equal(one.activity.concentration_bq_ml, other.activity.concentration_bq_ml)


def test_files_of_no_use_are_named_with_the_reason(tmp_path):
    days(tmp_path)
    (tmp_path / "._nm").write_bytes(b"\0\5\x16\7" + bytes(4092))
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "note.dcm").write_text("hello, this is no image")
    (tmp_path / "archive.zip").write_bytes(b"PK\3\4" + bytes(200))
    intake = read_folder(tmp_path)
    assert len(intake.time_points) == 2
    reasons = {row.value: row.source for row in intake.table if row.what == "file not used"}
    assert set(reasons) == {"._nm", "empty.dcm", "note.dcm", "archive.zip"}
    assert all(reasons.values())


def test_every_file_is_used_or_named(tmp_path):
    """A folder of everything: each file stands in the record of the scan as part of a series or as left out."""
    from RNTDosimetryLib.intake.series import scan_folder

    days(tmp_path)
    write_seg(tmp_path / "regions", {"liver": np.ones(COARSE_CT.size, dtype=bool)}, grid=COARSE_CT)
    (tmp_path / "readme.txt").write_text("text")
    cut = next((tmp_path / "day96").glob("ct_*_003.dcm"))
    cut.write_bytes(cut.read_bytes()[:-10])
    shutil.copy(next((tmp_path / "day24").glob("nm_*")), tmp_path / "again")
    scan = scan_folder(tmp_path)
    known = (
        {item.path for series in scan.series for item in series.objects}
        | {item.path for item in scan.left_out}
        | set(scan.copies)
    )
    assert known == {str(path) for path in tmp_path.rglob("*") if path.is_file()}
    assert {item.path: item.serious for item in scan.left_out} == {str(tmp_path / "readme.txt"): False, str(cut): True}


# How much activity there is


@pytest.mark.parametrize(("factor", "seen"), [(1.0, False), (1e-3, True), (1e-2, True)])
def test_an_image_with_too_little_activity_is_said(tmp_path, factor, seen):
    """A thousandth is what a file in kBq/mL under the unit BQML gives."""

    def edit(dataset):
        dataset.RescaleSlope = f"{float(dataset.RescaleSlope) * factor:.10g}"

    intake = read_folder(days(tmp_path, (24, 96), edit=edit))
    assert bool(said(intake.warnings, "administered activity")) == seen
