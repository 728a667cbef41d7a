"""Nothing vanishes: every file of a folder is used or named with the reason; one image of another kind is set aside, copies count once.

The truth is what the fixtures wrote, and the words that a reader must see.
"""

import math
import shutil

import numpy as np
import pydicom
import pytest
from fixtures.dicom_fixtures import (
    COARSE_CT,
    ROOT,
    save,
)
from fixtures.edited_scans import days, edited, said, setting
from fixtures.region_fixtures import write_seg

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake import read_folder

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
