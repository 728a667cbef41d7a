"""A folder becomes an Intake: time points in order, CT paired, regions, table with sources, overrides on record."""

from dataclasses import replace

import numpy as np
import pytest
from fixtures.dicom_fixtures import CT_GRID, ROOT, Grid, Spect, true_concentration, write_ct, write_spect
from fixtures.region_fixtures import write_labelmap, write_rtstruct, write_seg

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake import Intake, format_intake_table, read_folder


def box(z, y, x):
    mask = np.zeros(CT_GRID.size, dtype=bool)
    mask[z, y, x] = True
    return mask


LIVER = box(slice(10, 20), slice(8, 16), slice(8, 15))


@pytest.fixture
def two_days(tmp_path):
    """Scans at 24 and 96 h, each with its CT and frame of reference; regions on the first CT."""
    for hours in (96, 24):
        write_ct(tmp_path / f"day{hours}", frame=f"{ROOT}.{hours}", uid=f"{ROOT}.1.{hours}", start_h=hours)
        write_spect(tmp_path / f"day{hours}", Spect(start_h=hours, frame=f"{ROOT}.{hours}", uid=f"{ROOT}.2.{hours}"))
    write_seg(tmp_path / "regions", {"liver": LIVER, "lesion 1": box(12, slice(9, 12), slice(9, 12))})
    return tmp_path


def test_two_days_are_read_in_order_of_time(two_days):
    intake = read_folder(two_days)
    assert [point.start_h for point in intake.time_points] == pytest.approx([24, 96])
    assert [point.ct.uid for point in intake.time_points] == [f"{ROOT}.1.24", f"{ROOT}.1.96"]
    assert intake.nuclide == "Lu-177"
    assert intake.administration.net_activity_mbq == pytest.approx(7400)
    assert intake.administration.radiopharmaceutical == "177Lu-DOTATATE"
    assert intake.patient.weight_kg == 70
    assert intake.warnings == ()
    assert intake.reference_index == 0
    for point in intake.time_points:
        assert point.activity.concentration_bq_ml.max() == pytest.approx(
            true_concentration(Grid().points(), point.start_h).max(), rel=1e-3
        )


def test_ct_is_read_in_hounsfield_units(two_days):
    ct = read_folder(two_days).time_points[0].load_ct()
    assert ct.hounsfield.min() == -1000
    assert ct.hounsfield.max() == 600
    assert ct.geometry.spacing_mm == pytest.approx((4, 4, 4))
    np.testing.assert_allclose(ct.geometry.origin_lps_mm, CT_GRID.position(0, 0, 0), atol=1e-6)


def test_regions_lie_on_the_ct_and_have_a_kind(two_days):
    intake = read_folder(two_days)
    liver, lesion = intake.regions
    assert (liver.name, liver.kind, lesion.name, lesion.kind) == ("liver", "organ", "lesion 1", "lesion")
    assert liver.geometry == intake.time_points[0].ct.geometry
    assert np.array_equal(liver.occupancy.astype(bool), LIVER)
    assert liver.volume_ml == pytest.approx(LIVER.sum() * 0.064)


def test_order_of_files_makes_no_difference(tmp_path):
    for order in ("ascending", "descending"):
        folder = tmp_path / order
        write_ct(folder, order=order)
        write_spect(folder, Spect())
        write_seg(folder, {"liver": LIVER})
    up, down = (read_folder(tmp_path / order) for order in ("ascending", "descending"))
    assert np.array_equal(up.time_points[0].load_ct().hounsfield, down.time_points[0].load_ct().hounsfield)
    assert np.array_equal(up.regions[0].occupancy, down.regions[0].occupancy)


def test_table_says_where_every_value_was_read(two_days):
    intake = read_folder(two_days)
    text = format_intake_table(intake)
    sources = {row.what: row.source for row in intake.table}
    assert sources["administration time"].startswith("(0054,0016)[0].(0018,1078)")
    assert sources["injected activity"].startswith("(0054,0016)[0].(0018,1074)")
    assert sources["decay correction"].startswith("(0054,1102)")
    assert "2024-03-04 10:00:00" in text
    assert "override" not in {row.status for row in intake.table}
    assert "TEST-1" not in text  # the patient ID leaves only as a hash


def test_every_override_is_on_record_with_both_values(two_days):
    overrides = {
        "administration_time": "2024-03-04T08:00:00",
        "injected_activity_mbq": 7000.0,
        "residual_activity_mbq": 50.0,
        "time_points": {"2": {"duration_s": 900.0}, f"{ROOT}.2.24": {"decay_correction": "START"}},
    }
    intake = read_folder(two_days, overrides)
    rows = {row.what: row for row in intake.table if row.status == "override"}
    assert rows["administration time"].read_value == "2024-03-04 10:00:00"
    assert rows["injected activity"].read_value == "7400"
    assert rows["acquisition duration"].read_value == "1200"
    assert rows["decay correction"].read_value == "NONE"
    assert intake.administration.net_activity_mbq == pytest.approx(6950)
    assert [point.start_h for point in intake.time_points] == pytest.approx([26, 98])
    assert intake.time_points[1].duration_s == 900
    assert intake.overrides == overrides


def test_intake_can_be_written_and_read_again(two_days):
    plain = read_folder(two_days).to_dict()
    assert plain["time_points"][0]["ct"]["geometry"]["size"] == list(CT_GRID.size)
    assert plain["administration"]["injected_activity_mbq"] == 7400
    assert "folder" not in plain


def test_progress_is_told(two_days):
    told = []
    read_folder(two_days, progress=lambda fraction, text: told.append((fraction, text)))
    assert told[-1][0] == 1.0
    assert all(0 <= fraction <= 1 for fraction, _ in told)
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)


def test_spect_in_another_frame_takes_the_ct_nearest_in_time_with_a_warning(tmp_path):
    for hours in (24, 25, 40):
        write_ct(tmp_path, frame=f"{ROOT}.7{hours}", uid=f"{ROOT}.1.{hours}", start_h=hours)
    write_spect(tmp_path, Spect())
    intake = read_folder(tmp_path)
    assert intake.time_points[0].ct.uid == f"{ROOT}.1.24"
    assert any("different frames of reference" in warning for warning in intake.warnings)
    chosen = read_folder(tmp_path, {"time_points": {"1": {"ct_series": f"{ROOT}.1.25"}}})
    assert chosen.time_points[0].ct.uid == f"{ROOT}.1.25"
    assert any("named in ct_series" in warning for warning in chosen.warnings)


@pytest.mark.parametrize("overlap", [0, 3])
def test_bed_positions_of_one_session_are_joined(tmp_path, overlap):
    # the upper bed lies 12 - overlap slices of 7 mm higher and is taken 20 minutes later
    upper = replace(Grid(), center=(10.0, -20.0, 300.0 + 7.0 * (12 - overlap)))
    write_ct(tmp_path)
    write_spect(tmp_path, Spect(decay="START"))
    write_spect(tmp_path, Spect(decay="START", start_h=24 + 1 / 3, grid=upper, uid=f"{ROOT}.2.25"))
    (point,) = read_folder(tmp_path).time_points
    geometry = point.activity.geometry
    assert geometry.size[0] == 24 - overlap
    z, y, x = np.meshgrid(*(np.arange(n) for n in geometry.size), indexing="ij")
    points = (np.stack([x, y, z, np.ones_like(x)], axis=-1) @ geometry.index_to_lps.T)[..., :3]
    truth = true_concentration(points, 24.0)
    high = truth > 0.1 * truth.max()
    np.testing.assert_allclose(point.activity.concentration_bq_ml[high], truth[high], rtol=1e-3)
    assert any("2 bed positions were joined" in warning for warning in point.warnings)


def test_bed_positions_with_a_gap_are_refused(tmp_path):
    write_ct(tmp_path)
    write_spect(tmp_path, Spect())
    write_spect(tmp_path, Spect(start_h=24.5, grid=replace(Grid(), center=(10.0, -20.0, 300.0 + 7.0 * 14)), uid=f"{ROOT}.2.25"))
    with pytest.raises(DosimetryError, match=r"a gap of 14\.0 mm"):
        read_folder(tmp_path)


def test_broken_ct_that_is_not_needed_is_only_a_warning(two_days):
    def skip(dataset, z):
        if z == 11:
            dataset.SOPInstanceUID = ""

    write_ct(two_days, frame=f"{ROOT}.24", uid=f"{ROOT}.1.25", edit=skip)
    intake = read_folder(two_days)
    assert intake.time_points[0].ct.uid == f"{ROOT}.1.24"
    assert any("a slice is missing" in warning for warning in intake.warnings)


def test_slices_stacked_against_the_rule_are_noticed_and_can_be_reversed(tmp_path):
    # the first slice lies at the top, but the sign of the spacing says that the next one lies above it
    def edit(dataset):
        dataset.SpacingBetweenSlices = -dataset.SpacingBetweenSlices

    tall = replace(Grid(), size=(40, 14, 16), spacing=(3.0, 5.0, 6.0))
    write_ct(tmp_path)
    write_spect(tmp_path, Spect(grid=tall, order="descending", edit=edit))
    assert any("order of the slices" in warning for warning in read_folder(tmp_path).warnings)
    intake = read_folder(tmp_path, {"slice_order": "reversed"})
    assert intake.warnings == ()
    np.testing.assert_allclose(intake.time_points[0].activity.geometry.origin_lps_mm, tall.position(), atol=1e-6)


def test_series_can_be_left_out(two_days):
    intake = read_folder(two_days, {"ignore_series": [f"{ROOT}.2.96"]})
    assert [point.start_h for point in intake.time_points] == pytest.approx([24])


def test_files_of_other_kinds_are_passed_over(two_days):
    (two_days / "notes.txt").write_text("not DICOM")
    (two_days / "noise").write_bytes(bytes(range(256)) * 4)
    write_spect(
        two_days,
        Spect(uid=f"{ROOT}.2.77", edit=lambda d: d.__setattr__("ImageType", ["ORIGINAL", "PRIMARY", "TOMO", "EMISSION"])),
    )
    intake = read_folder(two_days)
    assert len(intake.time_points) == 2
    assert any(row.what == "series not used" for row in intake.table)


def test_fractional_segmentation_keeps_its_fractions(tmp_path):
    write_ct(tmp_path)
    write_spect(tmp_path, Spect())
    share = np.zeros(CT_GRID.size, dtype=np.float32)
    share[5, 5, 5:8] = (0.25, 1.0, 0.5)
    write_seg(tmp_path, {"lesion": share}, fractional=True)
    region = read_folder(tmp_path).regions[0]
    np.testing.assert_allclose(region.occupancy[5, 5, 5:8], (0.25, 1.0, 0.5), atol=0.003)  # 200 steps in the file
    assert region.volume_ml == pytest.approx(1.75 * 0.064, rel=0.01)


def test_label_map_segmentation(tmp_path):
    write_ct(tmp_path)
    write_spect(tmp_path, Spect())
    other = box(slice(10, 12), slice(20, 24), slice(20, 22))
    write_labelmap(tmp_path, {"liver": LIVER, "tumour": other})
    liver, tumour = read_folder(tmp_path).regions
    assert np.array_equal(liver.occupancy.astype(bool), LIVER)
    assert np.array_equal(tumour.occupancy.astype(bool), other)
    assert tumour.kind == "lesion"


def test_segmentation_on_a_part_of_the_ct_grid(tmp_path):
    write_ct(tmp_path)
    write_spect(tmp_path, Spect())
    part = replace(CT_GRID, size=(10, 12, 14), center=tuple(CT_GRID.position(9.5, 10.5, 12.5)))
    mask = np.zeros(part.size, dtype=bool)
    mask[2:5, 3:7, 4:9] = True
    write_seg(tmp_path, {"spleen": mask}, grid=part)
    region = read_folder(tmp_path).regions[0]
    assert region.geometry.size == CT_GRID.size
    assert [int(np.flatnonzero(region.occupancy.any(axis=axes))[0]) for axes in ((1, 2), (0, 2), (0, 1))] == [7, 8, 10]


def test_segmentation_on_another_grid_keeps_it(tmp_path):
    grid = Grid(size=(20, 20, 20), spacing=(3.0, 3.0, 3.0))
    write_ct(tmp_path)
    write_spect(tmp_path, Spect())
    mask = np.zeros(grid.size, dtype=bool)
    mask[5:9, 6:9, 7:12] = True
    write_seg(tmp_path, {"spleen": mask}, grid=grid)
    intake = read_folder(tmp_path)
    assert intake.regions[0].geometry.spacing_mm == pytest.approx((3, 3, 3))
    assert intake.regions[0].volume_ml == pytest.approx(4 * 3 * 5 * 0.027)
    np.testing.assert_allclose(intake.regions[0].geometry.origin_lps_mm, grid.position(5), atol=1e-6)


def circle(z, radius_mm, points=180):
    """Contour around the center of the CT in its slice z."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    center = CT_GRID.position(z, 13.5, 13.5)
    return center + radius_mm * np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=-1)


def test_contours_become_masks_with_holes(tmp_path):
    write_ct(tmp_path)
    write_spect(tmp_path, Spect())
    slices = range(8, 20)
    contours = {"ring": [loop for z in slices for loop in (circle(z, 40), circle(z, 20))], "GTV": [circle(z, 12) for z in slices]}
    write_rtstruct(tmp_path, contours, types={"GTV": "GTV"})
    ring, gtv = read_folder(tmp_path).regions
    assert gtv.kind == "lesion"
    # area of a ring: pi (R2 - r2); pixels of 4 mm count it to about 1 %
    assert ring.volume_ml == pytest.approx(12 * 4 * np.pi * (40**2 - 20**2) / 1000, rel=0.01)
    assert ring.occupancy[10, 14, 14] == 0
    assert gtv.occupancy[10, 14, 14] == 1


def test_folder_that_is_not_there():
    with pytest.raises(DosimetryError, match="Expected a folder of DICOM files"):
        read_folder("/nowhere/at/all")


def test_frozen(two_days):
    intake = read_folder(two_days)
    assert isinstance(intake, Intake)
    with pytest.raises(AttributeError):
        intake.reference_index = 1
    with pytest.raises(ValueError, match="read-only"):
        intake.time_points[0].activity.concentration_bq_ml[0, 0, 0] = 1
