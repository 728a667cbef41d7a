"""Structure sets: each region on the image it names, by contours of the types that the standard knows, and one bad part leaves the rest."""

import math

import numpy as np
import pytest
from fixtures.dicom_fixtures import CT_GRID, ROOT, Grid, Spect, write_ct, write_spect
from fixtures.region_fixtures import write_rtstruct, write_seg
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import kind_of
from RNTDosimetryLib.intake import read_folder

SPECT_FRAME = f"{ROOT}.99"
CT_FRAME = f"{ROOT}.24"
SPECT_UID = f"{ROOT}.2.24"  # the SPECT is an object of its own in a series of its own: its series has .9 behind
RADIUS = 20.0
DISC_ML = math.pi * RADIUS**2 * 4 / 1000
"""Of one contour on a 4 mm slice of the CT."""


def circle(z, radius=RADIUS, center=(10.0, -20.0), points=240):
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([center[0] + radius * np.cos(angle), center[1] + radius * np.sin(angle), np.full(points, float(z))], axis=1)


def pillar(slices=range(10, 20), grid=CT_GRID, **kwargs):
    return [circle(grid.position(z=k)[2], **kwargs) for k in slices]


@pytest.fixture
def folder(tmp_path):
    """A CT and a SPECT in a frame of reference of its own."""
    write_ct(tmp_path / "ct")
    write_spect(tmp_path / "spect", Spect(frame=SPECT_FRAME))
    return tmp_path


def read(folder, contours, **kwargs):
    """(volumes by name, warnings, intake) with a structure set."""
    overrides = kwargs.pop("overrides", None)
    write_rtstruct(folder / "rt", contours, **kwargs)
    intake = read_folder(folder, overrides)
    return {region.name: region.volume_ml for region in intake.regions}, intake.warnings, intake


def codes(warnings):
    return {kind.code for text in warnings if (kind := kind_of(text)) is not None}


def contours_of(dataset, number=0):
    return dataset.ROIContourSequence[number].ContourSequence


# --- which image -------------------------------------------------------------------------------------------------------------------


def test_on_the_spect_that_it_names_in_a_frame_of_its_own(folder):
    grid = Grid()
    found, warnings, intake = read(folder, {"lesion": pillar(range(3, 8), grid)}, ct_uid=f"{SPECT_UID}.9", frame=SPECT_FRAME)
    assert intake.regions[0].geometry == intake.time_points[0].activity.geometry
    assert found["lesion"] == pytest.approx(math.pi * RADIUS**2 * 7 * 5 / 1000, rel=1e-3)
    assert "regions_in_the_frame_of_the_scan" in codes(warnings)


def test_regions_of_two_frames_of_reference_in_one_file(folder):
    grid = Grid()

    def edit(dataset):
        first = dataset.ReferencedFrameOfReferenceSequence[0]
        series, study, second = Dataset(), Dataset(), Dataset()
        series.SeriesInstanceUID = f"{SPECT_UID}.9"
        study.RTReferencedSeriesSequence = [series]
        second.FrameOfReferenceUID, second.RTReferencedStudySequence = SPECT_FRAME, [study]
        dataset.ReferencedFrameOfReferenceSequence = Sequence([first, second])
        dataset.StructureSetROISequence[1].ReferencedFrameOfReferenceUID = SPECT_FRAME

    found, _, intake = read(folder, {"liver": pillar(), "lesion": pillar(range(3, 8), grid)}, edit=edit)
    geometries = {region.name: region.geometry for region in intake.regions}
    assert geometries["liver"] == intake.time_points[0].ct.geometry
    assert geometries["lesion"] == intake.time_points[0].activity.geometry
    assert found == pytest.approx({"liver": 10 * DISC_ML, "lesion": math.pi * RADIUS**2 * 35 / 1000}, rel=1e-3)


def test_a_region_names_its_source_series(folder):
    def edit(dataset):
        source = Dataset()
        source.SeriesInstanceUID = f"{SPECT_UID}.9"
        dataset.ROIContourSequence[0].SourceSeriesSequence = [source]

    _, _, intake = read(folder, {"lesion": pillar(range(3, 8), Grid())}, edit=edit)
    assert intake.regions[0].geometry == intake.time_points[0].activity.geometry


def test_contours_name_their_slices(folder):
    """No series and no frame of reference: the instances of the contours tell the image."""

    def edit(dataset):
        del dataset.ReferencedFrameOfReferenceSequence, dataset.FrameOfReferenceUID
        del dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID
        for contour, k in zip(contours_of(dataset), range(10, 20)):
            image = Dataset()
            image.ReferencedSOPInstanceUID = f"{ROOT}.1.24.{k + 1}"
            contour.ContourImageSequence = [image]

    found, _, intake = read(folder, {"liver": pillar()}, edit=edit)
    assert intake.regions[0].geometry == intake.time_points[0].ct.geometry
    assert found["liver"] == pytest.approx(10 * DISC_ML, rel=1e-3)


def test_on_a_thin_ct_that_goes_with_no_scan(folder):
    thin = Grid(size=(120, 28, 28), spacing=(1.0, 4.0, 4.0))
    write_ct(folder / "thin", grid=thin, uid=f"{ROOT}.1.25", start_h=20)
    found, warnings, intake = read(folder, {"liver": pillar(range(40, 80), thin)}, ct_uid=f"{ROOT}.1.25")
    assert intake.time_points[0].ct.uid == f"{ROOT}.1.24"
    assert intake.regions[0].geometry.spacing_mm[0] == 1.0
    assert found["liver"] == pytest.approx(math.pi * RADIUS**2 * 40 / 1000, rel=1e-3)
    assert "regions_by_frame_of_reference" not in codes(warnings)


def test_an_image_that_is_not_there_is_said_and_the_volume_stays(folder):
    found, warnings, _ = read(folder, {"liver": [circle(z) for z in np.arange(280.3, 320, 1.5)]}, ct_uid="1.2.3.4")
    assert found["liver"] == pytest.approx(math.pi * RADIUS**2 * 27 * 1.5 / 1000, rel=1e-3)
    assert "regions_by_frame_of_reference" in codes(warnings)


def test_a_region_on_an_image_elsewhere_is_left_out_by_name(folder):
    def edit(dataset):
        dataset.StructureSetROISequence[1].ReferencedFrameOfReferenceUID = "1.2.3.4"
        dataset.ReferencedFrameOfReferenceSequence.append(Dataset())
        dataset.ReferencedFrameOfReferenceSequence[1].FrameOfReferenceUID = "1.2.3.4"

    found, warnings, intake = read(folder, {"liver": pillar(), "brain": pillar()}, edit=edit)
    assert list(found) == ["liver"]
    assert any("'brain'" in text and "drawn on no CT or SPECT" in text for text in warnings)
    assert "drawn on no CT or SPECT" in intake.unmeasured["brain"]


# --- what contours enclose ---------------------------------------------------------------------------------------------------------


def test_contour_types(folder):
    """POINT and OPEN enclose nothing; XOR takes out what both share; a type that is not there encloses nothing known."""

    def edit(dataset):
        for contour in contours_of(dataset, 1):
            contour.ContourGeometricType = "CLOSEDPLANAR_XOR" if contour.ContourData[0] > 25 else "CLOSED_PLANAR_XOR"
        contours_of(dataset, 2)[0].ContourGeometricType = "OPEN_PLANAR"
        contours_of(dataset, 3)[0].ContourGeometricType = "POINT"
        del contours_of(dataset, 4)[0].ContourGeometricType
        contours_of(dataset, 5)[0].ContourGeometricType = "OPEN_NONPLANAR"

    rings = [loop for k in range(10, 20) for loop in (*pillar([k]), *pillar([k], radius=10.0))]
    contours = {"liver": pillar(), "ring": rings, "line": pillar([12]), "isocenter": [[[10, -20, 300.0]]], "odd": pillar([12])}
    contours["mixed"] = [circle(CT_GRID.position(z=9)[2]), *pillar()]
    found, warnings, intake = read(folder, contours, edit=edit)
    expected = {"liver": 10 * DISC_ML, "ring": 10 * DISC_ML * 0.75, "mixed": 10 * DISC_ML}
    assert found == pytest.approx(expected, rel=2e-3)
    for name, word in (("line", "OPEN_PLANAR"), ("isocenter", "POINT"), ("odd", "no type"), ("mixed", "OPEN_NONPLANAR")):
        assert any(f"'{name}'" in text and word in text for text in warnings)
    assert set(intake.unmeasured) == {"line", "isocenter", "odd"}
    assert "region_with_holes" not in codes(warnings)


def test_numbers_that_are_none_leave_the_region_out(folder):
    def edit(dataset):
        contours_of(dataset, 1)[3].ContourData = ["1", "2", "3", "4", "5", "6", "nan", "7", "8"]
        contours_of(dataset, 2)[3].ContourData = contours_of(dataset, 2)[3].ContourData[:-1]

    found, warnings, _ = read(folder, {"liver": pillar(), "broken": pillar(), "short": pillar()}, edit=edit)
    assert list(found) == ["liver", "short"]
    assert found["short"] == pytest.approx(10 * DISC_ML, rel=1e-3)  # nine of ten contours, the gap filled from both sides
    assert any("'broken'" in text and "finite number" in text for text in warnings)
    assert any("'short'" in text and "numbers that are no points" in text for text in warnings)
    assert "region_plane_forgotten" in codes(warnings)


def test_stated_slab_of_a_single_plane_and_offset_vector(folder):
    def edit(dataset):
        contours_of(dataset, 0)[0].ContourSlabThickness = 3
        for contour in contours_of(dataset, 1):
            contour.ContourOffsetVector = [0, 0, 8]

    height = CT_GRID.position(z=12)[2]
    found, warnings, intake = read(folder, {"disc": [circle(height + 1)], "moved": pillar()}, edit=edit)
    assert found["disc"] == pytest.approx(0.75 * DISC_ML, rel=5e-3)
    assert found["moved"] == pytest.approx(10 * DISC_ML, rel=1e-3)
    moved = intake.regions[1]
    assert np.flatnonzero(moved.occupancy.any(axis=(1, 2))).tolist() == list(range(12, 22))
    assert "contours_with_offset" in codes(warnings)


def test_planes_without_contours_are_gaps_where_the_file_says_on_which_planes_it_was_drawn(folder):
    def edit(dataset):
        planes = Dataset()
        planes.SpacingBetweenSlices = 4
        dataset.ROIContourSequence[1].SourcePixelPlanesCharacteristicsSequence = [planes]

    slices = [10, 11, 12, 14, 15, 16]
    found, warnings, _ = read(folder, {"filled": pillar(slices), "gap": pillar(slices)}, edit=edit)
    assert found == pytest.approx({"filled": 7 * DISC_ML, "gap": 6 * DISC_ML}, rel=1e-3)
    assert sum("misses contours" in text for text in warnings) == 1


def test_a_contour_beyond_the_ct_keeps_its_volume_and_one_beside_it_is_left_out(folder):
    beyond = [circle(CT_GRID.position(z=k)[2]) for k in range(26, 34)]
    found, warnings, intake = read(folder, {"beyond": beyond, "beside": pillar(center=(910.0, -20.0))})
    assert found == pytest.approx({"beyond": 8 * DISC_ML}, rel=1e-3)
    assert any("'beside'" in text and "wholly beside the image" in text for text in warnings)
    assert "wholly beside" in intake.unmeasured["beside"]


# --- one bad part never refuses the whole ------------------------------------------------------------------------------------------


def test_names_twice_and_numbers_twice(folder):
    def edit(dataset):
        dataset.StructureSetROISequence[1].ROIName = "lesion"
        dataset.StructureSetROISequence[2].ROIName = ""
        dataset.StructureSetROISequence[3].ROINumber = 1

    contours = {"lesion": pillar(), "b": pillar(range(20, 24)), "c": pillar([5, 6]), "d": pillar()}
    found, warnings, intake = read(folder, contours, edit=edit)
    assert list(found) == ["lesion (ROI 1)", "lesion (ROI 2)", "ROI 3", "ROI 4"]
    assert found["lesion (ROI 2)"] == pytest.approx(4 * DISC_ML, rel=1e-3)
    assert "its number 1 is that of 'lesion' too" in intake.unmeasured["d"]
    assert {"region_named_twice", "region_without_name", "region_left_out"} <= codes(warnings)


def test_a_structure_set_of_nothing_beside_good_regions(folder):
    write_seg(folder / "seg", {"liver": np.pad(np.ones((5, 8, 8), bool), ((10, 15), (8, 12), (8, 12)))})
    found, warnings, intake = read(folder, {"kidney": [], "marker": [[[10, -20, 300.0]]]})
    assert list(found) == ["liver"]
    assert set(intake.unmeasured) == {"kidney", "marker"}
    assert sum("was left out and has no dose here" in text for text in warnings) == 2


def test_an_object_that_cannot_be_placed_is_set_aside_by_name(folder):
    write_seg(folder / "seg", {"brain": np.ones(CT_GRID.size, bool)}, ct_uid="1.2.3", frame="1.2.4", uid=f"{ROOT}.5.7")
    found, warnings, _ = read(folder, {"liver": pillar()})
    assert list(found) == ["liver"]
    assert any("none of its regions has a dose here" in text and "drawn on a CT or SPECT" in text for text in warnings)


def test_the_same_name_in_two_files_gets_a_number(folder):
    write_rtstruct(folder / "more", {"liver": pillar(range(12, 15)), "liver (2)": pillar([5])}, uid=f"{ROOT}.6.2", name="a.dcm")
    found, warnings, _ = read(folder, {"liver": pillar()})
    assert sorted(found) == ["liver", "liver (2)", "liver (3)"]
    assert "region_in_several_files" in codes(warnings)


# --- what a person leaves out ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["kidney", "rtstruct.dcm", "rt/rtstruct.dcm", f"{ROOT}.6.1", f"{ROOT}.6.1.1"])
def test_ignore_takes_regions_files_series_and_instances(folder, name):
    write_rtstruct(folder / "other", {"liver": pillar()}, uid=f"{ROOT}.6.2", name="other.dcm")
    found, _, intake = read(folder, {"kidney": pillar(range(12, 15))}, overrides={"ignore": [name]})
    assert list(found) == ["liver"]
    assert any(row.what == "ignored" and row.value == name for row in intake.table)


def test_ignore_takes_all_of_one_name_or_one_of_them(folder):
    contours = {"lesion": pillar(), "b": pillar(range(20, 24)), "liver": pillar()}

    def edit(dataset):
        dataset.StructureSetROISequence[1].ROIName = "lesion"

    assert list(read(folder, contours, edit=edit, overrides={"ignore": ["lesion"]})[0]) == ["liver"]
    assert list(read(folder, contours, edit=edit, overrides={"ignore": ["lesion (ROI 2)"]})[0]) == ["lesion (ROI 1)", "liver"]


def test_ignore_takes_one_damaged_file_unread(folder):
    damaged = folder / "ct" / "damaged.dcm"
    damaged.write_bytes((folder / "ct" / f"ct_{f'{ROOT}.1.24'[-6:]}_003.dcm").read_bytes()[:700])
    found, _, intake = read(folder, {"liver": pillar()}, overrides={"ignore": ["ct/damaged.dcm"]})
    assert list(found) == ["liver"]
    assert intake.time_points[0].ct.geometry.size[0] == 30


def test_what_is_to_be_ignored_must_be_there(folder):
    with pytest.raises(DosimetryError, match="for the override ignore, received 'spleen', which is not there"):
        read(folder, {"liver": pillar()}, overrides={"ignore": ["spleen"]})


def test_all_regions_ignored_is_no_refusal_and_none_left_is(folder):
    assert read(folder, {"liver": pillar()}, overrides={"ignore": ["liver"]})[0] == {}
    with pytest.raises(DosimetryError, match=r"received none that can be used.*'marker': it encloses nothing \(1 of no area\)"):
        read(folder, {"marker": [[[10, -20, 300.0]]]})
