"""Volume files mean what they say: a header that contradicts itself, leaves its place open or does not fit its bytes is refused by file and field.

Fields and their places are those of nifti1.h, of the NRRD definition and of the MetaIO documentation; the whole files come from SimpleITK.
"""

import gzip
import math
import os
import random
import re
import struct
import zlib

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.volume_fixtures import KINDS, SIZE, VALUES, change_bytes, change_line, data_of, write_kind

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import rank_of
from RNTDosimetryLib.intake import load_activity_file, load_volume_file
from RNTDosimetryLib.intake.volume_files import load_mask_file
from RNTDosimetryLib.intake.volume_files.reading import volume_header

TYPED = {"nuclide": "Lu-177", "unit": "kBq/mL", "start_h": 24, "decay_correction": "START"}
DIM, TYPE, PIXDIM, VOX_OFFSET, SLOPE, INTERCEPT, UNITS, CODES, QUATERNION, QOFFSET, SROW, MAGIC = (
    40, 70, 76, 108, 112, 116, 123, 252, 256, 268, 280, 344,
)  # fmt: skip


def refusal(path) -> str:
    """The sentence with which a file is refused; it names the file."""
    with pytest.raises(DosimetryError, match=re.escape(path.name)) as caught:
        load_volume_file(path)
    sentence = str(caught.value)
    assert "Expected " in sentence
    assert sentence.endswith(".")
    return sentence


@pytest.mark.parametrize("kind", KINDS)
def test_the_header_of_a_whole_file_says_what_the_reader_finds(tmp_path, kind):
    path = write_kind(tmp_path, kind)
    header, (geometry, values) = volume_header(path), load_volume_file(path)
    assert header.geometry.same_grid(geometry, 1e-3)
    assert header.data_bytes == VALUES.nbytes
    assert np.array_equal(values, VALUES)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_short_at_any_tenth_is_refused(tmp_path, kind):
    path = write_kind(tmp_path, kind)
    data = data_of(path)
    whole = data.read_bytes()
    for tenth in range(10):
        data.write_bytes(whole[: len(whole) * tenth // 10])
        refusal(path)
    data.write_bytes(whole[:-1])
    refusal(path)
    data.write_bytes(whole + b"\1\2\3\4")
    refusal(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_voxel_that_is_no_number_is_found_before_a_reader_makes_it_zero(tmp_path, kind, hole):
    values = VALUES.copy()
    values[1, 2, 3] = hole
    assert "1 NaN or infinite voxels" in refusal(write_kind(tmp_path, kind, values))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("packed") or kind.endswith("gz")])
def test_a_damaged_stream_is_refused(tmp_path, kind):
    path = write_kind(tmp_path, kind, np.random.default_rng(3).normal(size=SIZE).astype(np.float32))
    data = data_of(path)
    whole = data.read_bytes()
    for place in range(len(whole) - 200, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        data.write_bytes(damaged)
        refusal(path)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_of_a_header_that_flip_are_refused_or_change_nothing_but_one_statement(tmp_path, kind):
    """Seeded. What is still read has every voxel; where it lies elsewhere, the header says that, once and plausibly: no other copy of it is in the file."""
    path = write_kind(tmp_path, kind)
    whole = path.read_bytes()
    text = not kind.startswith("a.nii")
    end = (
        len(whole)
        if data_of(path) != path
        else len(whole) - VALUES.nbytes
        if kind in ("a.nrrd", "a.mha")
        else min(len(whole), 348)
    )
    # Of a NIfTI header those bytes that say anything: the others are descriptions.
    places = [*range(4), *range(40, 124), *range(252, 348)] if kind == "a.nii" else range(end)
    dice, refused = random.Random(11), 0
    for _turn in range(100):
        place = dice.choice(places)
        changed = bytearray(whole)
        changed[place] ^= 1 << dice.randrange(8)
        path.write_bytes(changed)
        geometry = sentence = None
        try:
            geometry, values = load_volume_file(path)
        except DosimetryError as error:
            sentence = str(error)
            refused += 1
        if geometry is not None:
            assert values.shape == SIZE
            scaled = not text and SLOPE <= place < SLOPE + 8
            assert scaled or np.array_equal(values, VALUES)
        else:
            assert path.name in sentence
    assert refused > 20


def sform_of(matrix) -> list[float]:
    return list(np.asarray(matrix, dtype=float)[:3].ravel())


NIFTI = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.array([[2.5 * math.cos(0.3), -2 * math.sin(0.3), 0, 10], [2.5 * math.sin(0.3), 2 * math.cos(0.3), 0, -20],
                                                    [0, 0, 3, 30], [0, 0, 0, 1]])  # fmt: skip
SHIFTED = NIFTI + np.array([[0, 0, 0, 4.0]] + [[0, 0, 0, 0]] * 3)
MIRRORED = NIFTI @ np.diag([-1.0, 1, 1, 1])
SHEARED = NIFTI @ np.array([[1, 0.2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
LARGER = NIFTI @ np.diag([2.0, 2, 2, 1])
NIFTI_CASES = {
    "sform shifted": ([("12f", SROW, *sform_of(SHIFTED))], "received two: qform (code 1) and sform (code 1) are up to 4 mm apart"),
    "sform shifted, of another space": ([("12f", SROW, *sform_of(SHIFTED)), ("2h", CODES, 1, 4)], "sform (code 4) are up to 4 mm apart"),
    "sform mirrored": ([("12f", SROW, *sform_of(MIRRORED))], "received two: qform"),
    "sform sheared": ([("12f", SROW, *sform_of(SHEARED))], "in sform"),
    "sform sheared alone": ([("12f", SROW, *sform_of(SHEARED)), ("2h", CODES, 0, 1)], "sform"),
    "sform of another voxel size": ([("12f", SROW, *sform_of(LARGER)), ("2h", CODES, 0, 1)], "5, 4, 6 mm in sform and 2.5, 2, 3 mm in pixdim"),
    "sform NaN": ([("f", SROW + 12, math.nan)], "in sform"),
    "sform nothing": ([("12f", SROW, *[0.0] * 12)], "sform"),
    "qform shifted": ([("f", QOFFSET, 60.0)], "mm apart"),
    "qform NaN": ([("f", QUATERNION, math.nan)], "quatern_b"),
    "qform no rotation": ([("3f", QUATERNION, 0.9, 0.9, 0.9)], "quatern_b"),
    "qform far": ([("f", QOFFSET, 1e30), ("2h", CODES, 1, 0)], "kilometer"),
    "pixdim[0]": ([("f", PIXDIM, 7.0)], "pixdim[0]"),
    "no place": ([("2h", CODES, 0, 0)], "qform_code and sform_code are 0"),
    "a code that is none": ([("2h", CODES, 1, 77)], "sform_code"),
    "pixdim zero": ([("f", PIXDIM + 8, 0.0)], "pixdim"),
    "pixdim NaN": ([("f", PIXDIM + 12, math.nan)], "pixdim"),
    "pixdim negative": ([("f", PIXDIM + 4, -2.5)], "pixdim"),
    "pixdim of another size": ([("f", PIXDIM + 12, 6.0)], "in sform and 2.5, 2, 6 mm in pixdim"),
    "m": ([("B", UNITS, 1)], "received m;"),
    "um": ([("B", UNITS, 3)], "received um;"),
    "slope NaN": ([("f", SLOPE, math.nan)], "scl_slope"),
    "slope infinite": ([("f", SLOPE, math.inf)], "scl_slope"),
    "slope zero with an intercept": ([("2f", SLOPE, 0.0, 5.0)], "scl_inter"),
    "intercept NaN": ([("f", INTERCEPT, math.nan)], "scl_inter"),
    "fewer voxels": ([("h", DIM + 6, 3)], "more than the header says"),
    "more voxels": ([("h", DIM + 6, 5)], "cut short or says another size"),
    "a negative size": ([("h", DIM + 2, -6)], "dim"),
    "two scans": ([("5h", DIM, 4, 6, 5, 2, 2)], "received 4 axes (dim)"),
    "a plane": ([("4h", DIM, 2, 30, 4, 1)], "received 2 axes (dim)"),
    "another type": ([("2h", TYPE, 4, 16)], "more than the header says"),
    "a type of another length": ([("h", TYPE, 64)], "bitpix"),
    "complex": ([("2h", TYPE, 32, 64)], "complex numbers"),
    "voxels elsewhere": ([("f", VOX_OFFSET, 348.0)], "vox_offset"),
    "vox_offset NaN": ([("f", VOX_OFFSET, math.nan)], "vox_offset"),
    "voxels in another file": ([("4s", MAGIC, b"ni1\0")], "lie in another file"),
    "Analyze": ([("4s", MAGIC, b"\0\0\0\0")], "Analyze"),
    "NIfTI-2": ([("i", 0, 540)], "NIfTI-2"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("case", NIFTI_CASES)
def test_a_nifti_header_that_cannot_be_meant_is_refused_by_its_field(tmp_path, kind, case):
    changes, words = NIFTI_CASES[case]
    path = write_kind(tmp_path, kind)
    for form, place, *values in changes:
        change_bytes(path, form, place, *values)
    sentence = refusal(path)
    assert words in sentence or (kind.endswith("gz") and "says another size" in words and "cut short" in sentence)


@pytest.mark.parametrize("codes", [(0, 1), (1, 0), (1, 4), (2, 2)])
def test_either_form_of_nifti_is_enough_and_two_that_agree_are_one(tmp_path, codes):
    path = change_bytes(write_kind(tmp_path, "a.nii"), "2h", CODES, *codes)
    assert load_volume_file(path)[0].same_grid(load_volume_file(write_kind(tmp_path, "a.mha"))[0], 1e-3)


def test_whole_numbers_without_a_slope_are_said_where_they_are_an_image(tmp_path):
    """nifti1.h: a scl_slope of 0 means that nothing is scaled; a mask needs no more, an activity may lack its scale."""
    path = change_bytes(write_kind(tmp_path, "a.nii", VALUES.astype(np.int16)), "f", SLOPE, 0.0)
    image = load_activity_file(path, TYPED)
    assert image.concentration_bq_ml[0, 0, 0] == 1000
    (sentence,) = image.warnings
    assert "a.nii: scl_slope is 0" in sentence
    assert rank_of(sentence) == 1
    assert not load_activity_file(write_kind(tmp_path, "a.nii.gz"), TYPED).warnings


def test_the_nii_gz_that_was_named_is_read_also_beside_a_nii(tmp_path):
    path = write_kind(tmp_path, "a.nii.gz")
    write_kind(tmp_path, "a.nii", 5 * VALUES)
    assert np.array_equal(load_volume_file(path)[1], VALUES)
    assert np.array_equal(load_volume_file(tmp_path / "a.nii")[1], 5 * VALUES)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.nii", "a.nii.gz"]


NRRD_CASES = {
    "cm": ("space units", 'space units: "cm" "cm" "cm"', "mm in space units"),
    "one of three": ("space units", 'space units: "mm" "mm" "um"', "mm in space units"),
    "no directions": ("space directions", "space directions: none none none", "space directions"),
    "one direction missing": ("space directions", "space directions: (2,0,0) (0,2,0) none", "space directions"),
    "directions of nothing": ("space directions", "space directions: (2,0,0) (0,0,0) (0,0,3)", "above zero"),
    "a direction NaN": ("space directions", "space directions: (2,0,0) (0,nan,0) (0,0,3)", "space directions"),
    "sheared": ("space directions", "space directions: (2,0,0) (1,2,0) (0,0,3)", "sheared"),
    "two directions": ("space directions", "space directions: (2,0,0) (0,2,0)", "space directions"),
    "directions twice": ("spacings", "spacings: 1 1 1", "spacings too"),
    "without directions": ("space directions", None, "no space directions"),
    "without a space": ("space", None, "the space"),
    "a space without sides": ("space", "space: scanner-xyz", "'scanner-xyz'"),
    "a space that only counts": ("space", "space dimension: 3", "the space"),
    "without an origin": ("space origin", None, "space origin"),
    "an origin NaN": ("space origin", "space origin: (10,nan,30)", "space origin"),
    "an origin of text": ("space origin", "space origin: (10,-2O,30)", "space origin"),
    "a field twice": ("content", "encoding: raw", "encoding once"),
    "a field that is none": ("content", "spbce units: \"cm\"", "fields that NRRD has"),
    "a list as axis": ("kinds", "kinds: domain domain list", "4 components (kinds)"),
    "two scans": ("dimension", "dimension: 4", "sizes"),
    "more voxels": ("sizes", "sizes: 6 5 5", "cut short or says another size"),
    "fewer voxels": ("sizes", "sizes: 6 5 3", "more than the header says"),
    "no voxel": ("sizes", "sizes: 6 5 0", "sizes"),
    "another type": ("type", "type: short", "more than the header says"),
    "blocks": ("type", "type: block", "type"),
    "no byte order": ("endian", None, "endian"),
    "quantized": ("content", "old max: 1000", "old max"),
    "as text": ("encoding", "encoding: ascii", "encoding"),
    "packed as said": ("encoding", "encoding: gzip", "gzip"),
    "bytes before": ("content", "byte skip: 4", "cut short or says another size"),
    "a long line": ("content", "content: " + "x" * 2_000_000, "header with lines of up to"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["a.nrrd", "a.nhdr"])
@pytest.mark.parametrize("case", NRRD_CASES)
def test_a_nrrd_header_that_cannot_be_meant_is_refused_by_its_field(tmp_path, kind, case):
    field, line, words = NRRD_CASES[case]
    assert words in refusal(change_line(write_kind(tmp_path, kind), field, line))


@pytest.mark.parametrize(("space", "signs"), [("RAS", (-1, -1, 1)), ("left-anterior-superior", (1, -1, 1)), ("LPS", (1, 1, 1))])
def test_the_sides_of_a_nrrd_space_are_those_it_names(tmp_path, space, signs):
    path = change_line(write_kind(tmp_path, "a.nrrd"), "space", f"space: {space}")
    assert load_volume_file(path)[0].origin_lps_mm == tuple(np.array([10.0, -20.0, 30.0]) * signs)


META_CASES = {
    "no spacing": ("ElementSpacing", None, "ElementSpacing"),
    "spacing zero": ("ElementSpacing", "ElementSpacing = 2.5 0 3", "ElementSpacing"),
    "spacing NaN": ("ElementSpacing", "ElementSpacing = 2.5 nan 3", "ElementSpacing"),
    "spacing negative": ("ElementSpacing", "ElementSpacing = 2.5 2 -3", "ElementSpacing"),
    "two of three": ("ElementSpacing", "ElementSpacing = 2.5 2", "3 numbers in ElementSpacing"),
    "spacing against size": ("ElementSize", "ElementSize = 1 1 1", "ElementSpacing and ElementSize"),
    "no offset": ("Offset", None, "Offset"),
    "offset twice": ("Offset ", "Offset = 1 2 3", "Offset once"),
    "offset against position": ("Position", "Position = 0 0 0", "Offset and Position"),
    "offset NaN": ("Offset", "Offset = nan 0 0", "Offset"),
    "no matrix": ("TransformMatrix", None, "TransformMatrix"),
    "matrix sheared": ("TransformMatrix", "TransformMatrix = 1 0 0 0.3 1 0 0 0 1", "TransformMatrix"),
    "matrix of nothing": ("TransformMatrix", "TransformMatrix = 0 0 0 0 0 0 0 0 0", "TransformMatrix"),
    "matrix against rotation": ("Rotation", "Rotation = 1 0 0 0 1 0 0 0 1", "TransformMatrix and Rotation"),
    "about another center": ("CenterOfRotation", "CenterOfRotation = 5 0 0", "CenterOfRotation"),
    "against its anatomy": ("AnatomicalOrientation", "AnatomicalOrientation = LAI", "AnatomicalOrientation"),
    "cm": ("DistanceUnits", "DistanceUnits = cm", "DistanceUnits"),
    "byte orders": ("ElementByteOrderMSB", "ElementByteOrderMSB = True", "BinaryDataByteOrderMSB and ElementByteOrderMSB"),
    "no byte order": ("BinaryDataByteOrderMSB", None, "BinaryDataByteOrderMSB"),
    "a slope": ("ElementToIntensityFunctionSlope", "ElementToIntensityFunctionSlope = 2", "ElementToIntensityFunctionSlope"),
    "as text": ("BinaryData", "BinaryData = False", "BinaryData"),
    "more voxels": ("DimSize", "DimSize = 6 5 5", "cut short or says another size"),
    "fewer voxels": ("DimSize", "DimSize = 6 5 3", "more than the header says"),
    "no voxel": ("DimSize", "DimSize = 6 5 0", "DimSize"),
    "half a voxel": ("DimSize", "DimSize = 6 5 4.5", "DimSize"),
    "another type": ("ElementType", "ElementType = MET_SHORT", "more than the header says"),
    "components": ("ElementNumberOfChannels", "ElementNumberOfChannels = 3", "3 components"),
    "packed": ("CompressedData", "CompressedData = True", "zlib"),
    "no image": ("ObjectType", "ObjectType = Mesh", "ObjectType"),
    "a long line": ("Comment", "Comment = " + "x" * 2_000_000, "header with lines of up to"),
}


@pytest.mark.parametrize("kind", ["a.mha", "a.mhd"])
@pytest.mark.parametrize("case", META_CASES)
def test_a_metaimage_header_that_cannot_be_meant_is_refused_by_its_key(tmp_path, kind, case):
    field, line, words = META_CASES[case]
    assert words in refusal(change_line(write_kind(tmp_path, kind), field, line, "="))


@pytest.mark.parametrize(("kind", "field", "separator"), [("a.nhdr", "data file", ": "), ("a.mhd", "ElementDataFile", " = ")])
def test_a_detached_header_names_a_plain_file_of_its_own_folder(tmp_path, kind, field, separator):
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.mkdir()
    other.mkdir()
    path = write_kind(mine, kind)
    data = data_of(path)
    (other / "theirs.raw").write_bytes(data.read_bytes())
    (mine / "link.raw").symlink_to(other / "theirs.raw")
    (mine / "device.raw").symlink_to("/dev/zero")
    (mine / "folder.raw").mkdir()
    os.mkfifo(mine / "pipe.raw")
    named = ("../other/theirs.raw", str(other / "theirs.raw"), "/dev/zero", "link.raw", "device.raw", "folder.raw", "pipe.raw", "none.raw",
             "..", "", "..\\other\\theirs.raw", "C:theirs.raw", "LIST", "a%03d.raw 1 4 1")  # fmt: skip
    for name in named:
        refusal(change_line(path, field, f"{field}{separator}{name}", separator.strip()))
    (mine / "renamed.raw").write_bytes(data.read_bytes())
    change_line(path, field, f"{field}{separator}renamed.raw", separator.strip())
    assert np.array_equal(load_volume_file(path)[1], VALUES)


def test_a_bomb_is_refused_before_it_unfolds(tmp_path):
    """Files of a few kilobytes that declare, and could unfold to, gigabytes."""
    zeros = gzip.compress(bytes(2_000_000))
    nrrd = write_kind(tmp_path, "a.nrrd").read_bytes().split(b"\n\n")[0]
    bomb = tmp_path / "bomb.nrrd"
    bomb.write_bytes(nrrd.replace(b"encoding: raw", b"encoding: gzip").replace(b"6 5 4", b"40000 40000 40000") + b"\n\n" + zeros)
    assert "40000 x 40000 x 40000 (sizes)" in refusal(bomb)
    bomb.write_bytes(nrrd.replace(b"encoding: raw", b"encoding: gzip").replace(b"6 5 4", b"500 500 500") + b"\n\n" + zeros)
    assert "packed bytes that cannot become 500000000" in refusal(bomb)
    bomb.write_bytes(nrrd.replace(b"encoding: raw", b"encoding: gzip") + b"\n\n" + zeros)
    assert "more than the header says" in refusal(bomb)
    nifti = write_kind(tmp_path, "a.nii.gz")
    change_bytes(nifti, "4h", DIM, 3, 32000, 32000, 32000)
    assert "32000 x 32000 x 32000 (dim)" in refusal(nifti)
    meta = write_kind(tmp_path, "packed.mha")
    head = meta.read_bytes().split(b"ElementDataFile = LOCAL\n")[0]
    packed = zlib.compress(bytes(50_000_000))
    meta.write_bytes(
        re.sub(rb"CompressedDataSize = \d+", b"CompressedDataSize = %d" % len(packed), head)
        + b"ElementDataFile = LOCAL\n"
        + packed
    )
    assert "more than the header says" in refusal(meta)


def test_a_mask_and_a_label_map_are_what_they_are(tmp_path):
    labels = np.zeros(SIZE, dtype=np.uint8)
    labels[0, 0], labels[1, 1] = 1, 7
    path = write_kind(tmp_path, "a.nrrd", labels)
    assert load_mask_file(path, "kidney", 7)[1].sum() == 6
    with pytest.raises(DosimetryError, match=r"Expected label 3 in a\.nrrd for region 'kidney', found the values 1, 7"):
        load_mask_file(path, "kidney", 3)
    with pytest.raises(
        DosimetryError, match=r"Expected a mask from 0 to 1 in a\.nrrd for region 'kidney', received the values 1, 7"
    ):
        load_mask_file(path, "kidney")


def test_big_endian_files_are_read(tmp_path):
    whole = write_kind(tmp_path, "a.nrrd").read_bytes()
    head, data = whole.split(b"\n\n", 1)
    swapped = np.frombuffer(data, "<f4").astype(">f4")
    swapped_path = tmp_path / "big.nrrd"
    swapped_path.write_bytes(head.replace(b"little", b"big") + b"\n\n" + swapped.tobytes())
    assert np.array_equal(load_volume_file(swapped_path)[1], VALUES)
    swapped_path.write_bytes(head.replace(b"little", b"big") + b"\n\n" + struct.pack(">120f", *[math.nan] * 120))
    assert "120 NaN" in refusal(swapped_path)


def test_a_file_of_four_axes_with_one_scan_is_one_volume(tmp_path):
    for name in ("a.nii", "a.mha"):
        image = sitk.JoinSeries([sitk.ReadImage(str(write_kind(tmp_path, name)))])
        path = tmp_path / f"four_{name}"
        sitk.WriteImage(image, str(path))
        assert np.array_equal(load_volume_file(path)[1], VALUES)
