"""Segmentations: frames lie by Image Position, whatever thickness tags say; probabilities, label maps and backgrounds are what the standard says."""

import numpy as np
import pytest
from fixtures.dicom_fixtures import CT_GRID, ROOT, Grid, Spect, write_ct, write_spect
from fixtures.region_fixtures import write_labelmap, write_seg
from pydicom.dataset import Dataset

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import kind_of
from RNTDosimetryLib.intake import read_folder

VOXEL_ML = 0.064


def box(z, y, x, grid=CT_GRID):
    mask = np.zeros(grid.size, dtype=bool)
    mask[z, y, x] = True
    return mask


LIVER = box(slice(10, 20), slice(8, 16), slice(8, 15))
LESION = box(slice(12, 14), slice(18, 21), slice(8, 11))


@pytest.fixture
def folder(tmp_path):
    write_ct(tmp_path / "ct")
    write_spect(tmp_path / "spect", Spect())
    return tmp_path


def read(folder, overrides=None):
    intake = read_folder(folder, overrides)
    return {region.name: region.volume_ml for region in intake.regions}, intake.warnings, intake


def codes(warnings):
    return {kind.code for text in warnings if (kind := kind_of(text)) is not None}


def measures(dataset):
    return dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]


def with_tags(thickness=None, spacing=None):
    """An edit that states other numbers, or none."""

    def edit(dataset):
        for keyword, value in (("SliceThickness", thickness), ("SpacingBetweenSlices", spacing)):
            if value is None:
                delattr(measures(dataset), keyword)
            else:
                setattr(measures(dataset), keyword, value)

    return edit


TAGS = [(1, 1), (10, 10), (None, None), (1, None), (None, 8.0), (4, 4)]


@pytest.mark.parametrize("tags", TAGS)
def test_thickness_tags_do_not_change_a_segment_on_its_image(folder, tags):
    write_seg(folder, {"liver": LIVER, "lesion": LESION}, edit=with_tags(*tags))
    found, warnings, intake = read(folder)
    assert found == pytest.approx({"liver": 560 * VOXEL_ML, "lesion": 18 * VOXEL_ML})
    assert all(region.geometry == intake.time_points[0].ct.geometry for region in intake.regions)
    assert warnings == ()


@pytest.mark.parametrize("tags", TAGS)
def test_thickness_tags_do_not_change_a_segment_on_a_grid_of_its_own(folder, tags):
    grid = Grid(size=(20, 24, 22), spacing=(3.0, 3.0, 3.0), center=(9.0, -21.0, 301.0))
    write_seg(folder, {"liver": box(slice(5, 12), slice(4, 14), slice(6, 12), grid)}, grid=grid, edit=with_tags(*tags))
    found, _, intake = read(folder)
    assert found["liver"] == pytest.approx(7 * 10 * 6 * 0.027)
    np.testing.assert_allclose(intake.regions[0].geometry.origin_lps_mm, grid.position(5), atol=1e-6)


@pytest.mark.parametrize("tags", TAGS)
def test_one_slice_of_the_image_is_one_slice(folder, tags):
    write_seg(folder, {"lesion": box(12, slice(8, 11), slice(8, 11))}, edit=with_tags(*tags))
    found, warnings, _ = read(folder)
    assert found["lesion"] == pytest.approx(9 * VOXEL_ML)
    assert warnings == ()


def test_one_slice_beside_the_grid_of_its_image_takes_what_is_stated_and_says_so(folder):
    grid = Grid(size=(3, 24, 22), spacing=(3.0, 3.0, 3.0), center=(9.0, -21.0, 301.5))
    write_seg(folder, {"lesion": box(1, slice(4, 14), slice(6, 12), grid)}, grid=grid)
    found, warnings, _ = read(folder)
    assert found["lesion"] == pytest.approx(60 * 0.027)
    assert codes(warnings) == {"segmentation_thickness_stated"}


def test_pieces_on_slices_far_apart_are_slices(folder):
    write_seg(folder, {"lesions": box(5, slice(8, 11), slice(8, 11)) | box(18, slice(18, 21), slice(18, 21))})
    assert read(folder)[0]["lesions"] == pytest.approx(18 * VOXEL_ML)


def test_frames_on_every_second_slice(folder):
    """Image and file say that a slice is 4 mm: what lies between is empty, and said. Without a word of the file the planes tell: 8 mm."""
    comb = LIVER.copy()
    comb[11:20:2] = False
    write_seg(folder, {"liver": comb})
    found, warnings, _ = read(folder)
    assert found["liver"] == pytest.approx(280 * VOXEL_ML)
    assert codes(warnings) == {"segmentation_on_some_slices"}
    write_seg(folder, {"liver": comb}, edit=with_tags(8, 8))
    assert read(folder)[0]["liver"] == pytest.approx(560 * VOXEL_ML)


def test_uneven_frames_fill_half_the_way(folder):
    """Frames of a grid of their own whose distances differ were refused before; each fills its slab."""
    grid = Grid(size=(5, 24, 22), spacing=(3.0, 3.0, 3.0), center=(9.0, -21.0, 301.0))

    def edit(dataset):
        for item, height in zip(dataset.PerFrameFunctionalGroupsSequence, (290.0, 292.0, 295.0, 297.0, 300.0)):
            item.PlanePositionSequence[0].ImagePositionPatient[2] = height

    write_seg(folder, {"liver": box(slice(0, 5), slice(4, 14), slice(6, 12), grid)}, grid=grid, edit=edit)
    assert read(folder)[0]["liver"] == pytest.approx(60 * 0.009 * 12.5, rel=1e-4)


def test_the_order_of_frames_does_not_matter(folder):
    random = np.random.default_rng(3)

    def edit(dataset):
        order = random.permutation(int(dataset.NumberOfFrames)).tolist()
        dataset.PerFrameFunctionalGroupsSequence = [dataset.PerFrameFunctionalGroupsSequence[index] for index in order]
        bits = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")
        frames = bits[: len(order) * dataset.Rows * dataset.Columns].reshape(len(order), -1)
        packed = np.packbits(frames[order].ravel(), bitorder="little").tobytes()
        dataset.PixelData = packed + b"\0" * (len(packed) % 2)

    cone = LIVER.copy()
    cone[15:, 12:] = False
    write_seg(folder, {"liver": cone}, edit=edit)
    assert np.array_equal(read(folder)[2].regions[0].occupancy > 0, cone)


def test_the_image_is_told_by_the_frames_it_was_derived_from(folder):
    grid = Grid()

    def edit(dataset):
        del dataset.ReferencedSeriesSequence, dataset.FrameOfReferenceUID
        for item in dataset.PerFrameFunctionalGroupsSequence:
            source, derivation = Dataset(), Dataset()
            source.ReferencedSOPInstanceUID = f"{ROOT}.2.24"
            derivation.SourceImageSequence = [source]
            item.DerivationImageSequence = [derivation]

    write_seg(folder, {"lesion": box(slice(4, 8), slice(4, 9), slice(5, 9), grid)}, grid=grid, edit=edit)
    intake = read(folder)[2]
    assert intake.regions[0].geometry == intake.time_points[0].activity.geometry


# --- what pixels mean --------------------------------------------------------------------------------------------------------------


def setting(**values):
    def edit(dataset):
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return edit


SHARES = LIVER * 0.25 + box(slice(10, 20), slice(8, 16), slice(8, 11)) * 0.5


def test_occupancy_is_a_share_and_probability_is_not(folder):
    write_seg(folder, {"liver": SHARES}, fractional=True)
    assert read(folder)[0]["liver"] == pytest.approx((240 * 0.75 + 320 * 0.25) * VOXEL_ML, rel=1e-3)
    write_seg(folder, {"liver": SHARES}, fractional=True, edit=setting(SegmentationFractionalType="PROBABILITY"))
    found, warnings, _ = read(folder)
    assert found["liver"] == pytest.approx(240 * VOXEL_ML)
    assert codes(warnings) == {"segmentation_of_probabilities"}


def test_the_largest_value_is_what_the_file_says(folder):
    write_seg(folder, {"liver": SHARES}, fractional=True, edit=setting(MaximumFractionalValue=150))
    assert read(folder)[0]["liver"] == pytest.approx((240 + 320 / 3) * VOXEL_ML, rel=1e-3)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"MaximumFractionalValue": 100}, "largest value 150 is above the Maximum Fractional Value 100"),
        ({"MaximumFractionalValue": None}, "Expected a positive Maximum Fractional Value"),
        ({"SegmentationFractionalType": ""}, "Expected PROBABILITY or OCCUPANCY as Segmentation Fractional Type"),
        ({"SegmentationType": "SURFACE"}, "Expected a BINARY, FRACTIONAL or LABELMAP segmentation"),
    ],
)
def test_fractions_that_mean_nothing_known_are_refused_and_set_aside_beside_good_ones(folder, values, sentence):
    write_seg(folder, {"liver": SHARES}, fractional=True, edit=setting(**values))
    with pytest.raises(DosimetryError, match=sentence):
        read(folder)
    write_seg(folder, {"lesion": LESION}, uid=f"{ROOT}.5.2")
    found, warnings, _ = read(folder)
    assert list(found) == ["lesion"]
    assert any(sentence in text for text in warnings)


def test_a_damaged_segmentation_is_set_aside_beside_a_good_one(folder):
    write_seg(folder, {"liver": LIVER}, edit=lambda dataset: setattr(dataset, "PixelData", dataset.PixelData[:100]))
    with pytest.raises(DosimetryError, match="Expected readable pixels"):
        read(folder)
    write_seg(folder, {"lesion": LESION}, uid=f"{ROOT}.5.2")
    found, warnings, _ = read(folder)
    assert list(found) == ["lesion"]
    assert "regions_of_a_file_left_out" in codes(warnings)


@pytest.mark.parametrize("edit", [None, setting(PixelPaddingValue=0)])
def test_a_label_map_without_its_background(folder, edit):
    write_labelmap(folder, {"rest": ~(LIVER | LESION), "liver": LIVER, "lesion": LESION}, first=0, edit=edit)
    found, warnings, _ = read(folder)
    assert found == pytest.approx({"liver": 560 * VOXEL_ML, "lesion": 18 * VOXEL_ML})
    assert codes(warnings) == {"segment_is_background"}


def test_a_label_map_whose_background_is_another_value(folder):
    """Pixel Padding Value 255: then 0 is a segment like any other."""
    edit = setting(PixelPaddingValue=255)
    write_labelmap(folder, {"liver": LIVER, "lesion": LESION}, first=0, background=255, edit=edit)
    found, warnings, _ = read(folder)
    assert found == pytest.approx({"liver": 560 * VOXEL_ML, "lesion": 18 * VOXEL_ML})
    assert warnings == ()


def test_label_numbers_need_not_follow_and_strange_values_are_said(folder):
    def edit(dataset):
        dataset.SegmentSequence[0].SegmentNumber = 40
        labels = np.frombuffer(dataset.PixelData, np.uint16).copy()
        labels[labels == 1] = 40
        dataset.PixelData = labels.tobytes()
        del dataset.SegmentSequence[1]

    write_labelmap(folder, {"liver": LIVER, "lesion": LESION}, edit=edit)
    found, warnings, _ = read(folder)
    assert found == pytest.approx({"liver": 560 * VOXEL_ML})
    assert any("the pixel values 2 belong to no segment" in text for text in warnings)


def test_a_segment_coded_as_background_is_none(folder):
    def edit(dataset):
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "125040", "DCM", "Background"
        dataset.SegmentSequence[1].SegmentedPropertyTypeCodeSequence = [code]

    write_seg(folder, {"liver": LIVER, "rest": ~LIVER}, edit=edit)
    found, warnings, _ = read(folder)
    assert list(found) == ["liver"]
    assert codes(warnings) == {"segment_is_background"}


def test_segments_of_one_name_and_empty_ones(folder):
    def edit(dataset):
        dataset.SegmentSequence[1].SegmentLabel = "lesion"

    masks = {"lesion": LESION, "second": box(5, slice(8, 11), slice(8, 11)), "never drawn": np.zeros(CT_GRID.size, bool)}
    write_seg(folder, masks, edit=edit)
    found, warnings, intake = read(folder)
    assert found == pytest.approx({"lesion (segment 1)": 18 * VOXEL_ML, "lesion (segment 2)": 9 * VOXEL_ML})
    assert codes(warnings) == {"region_named_twice", "region_left_out"}
    assert list(intake.unmeasured) == ["never drawn"]
