"""Files are whole or absent, and known again by their hash."""

import json

import numpy as np
import pytest
import SimpleITK as sitk

from RNTDosimetryLib.base.documents import replacing, sha256_of_array, sha256_of_file, write_json, write_text
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.report import write_dose_nrrd

_C, _S = np.cos(0.3), np.sin(0.3)
OBLIQUE = ImageGeometry((3, 4, 5), (4.8, 2.0, 3.0), (-10.0, 20.0, 1000.5), ((_C, -_S, 0), (_S, _C, 0), (0, 0, 1)))


def test_json_is_ordered_strict_and_ends_with_a_newline(tmp_path):
    path = write_json(tmp_path / "results.json", {"b": 1, "a": [0.1, None, "Größe"], "array": np.arange(2)})
    text = path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert list(json.loads(text)) == ["b", "a", "array"]
    assert json.loads(text)["a"] == [0.1, None, "Größe"]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.float32("nan"), np.array([1.0, np.nan])])
def test_json_with_a_number_that_is_none_leaves_the_old_file(tmp_path, bad):
    path = write_json(tmp_path / "results.json", {"dose_gy": 1.0})
    with pytest.raises(DosimetryError, match="Expected a finite number"):
        write_json(path, {"dose_gy": bad})
    assert json.loads(path.read_text(encoding="utf-8")) == {"dose_gy": 1.0}
    assert [item.name for item in tmp_path.iterdir()] == ["results.json"]


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    def write_half():
        with replacing(tmp_path / "dose.nrrd") as temporary:
            temporary.write_bytes(b"half")
            assert temporary.suffix == ".nrrd"
            raise OSError("disk full")

    with pytest.raises(DosimetryError, match=r"Expected to write dose\.nrrd .* received: disk full"):
        write_half()
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DosimetryError, match=r"Expected an existing folder for a\.txt"):
        write_text(tmp_path / "none" / "a.txt", "text")


def test_text_keeps_its_line_ends(tmp_path):
    assert write_text(tmp_path / "a.csv", "a\r\nb\r\n").read_bytes() == b"a\r\nb\r\n"


def test_nrrd_keeps_voxels_places_and_units(tmp_path):
    dose = np.random.default_rng(1).gamma(2.0, 5.0, OBLIQUE.size)
    image = sitk.ReadImage(str(write_dose_nrrd(tmp_path / "dose.nrrd", dose, OBLIQUE, attributes={"nuclide": "Lu-177"})))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), dose.astype(np.float32))
    index = (2, 3, 4)
    np.testing.assert_allclose(
        image.TransformIndexToPhysicalPoint(index[::-1]), (OBLIQUE.index_to_lps @ [*index[::-1], 1])[:3], atol=1e-9
    )
    header = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    assert header["measurement unit"] == "Gy"
    assert header["quantity"] == "Absorbed dose"
    assert header["nuclide"] == "Lu-177"
    assert "research only" in header["notice"]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("dose.nrrd", np.zeros((3, 4)), r"Expected Absorbed dose of shape \(3, 4, 5\)"),
        ("dose.nrrd", np.full((3, 4, 5), np.nan), "Expected finite numbers in Absorbed dose"),
        ("dose.mha", np.zeros((3, 4, 5)), r"ends in \.nrrd, received dose\.mha"),
    ],
)
def test_maps_that_cannot_be_written_are_refused(tmp_path, name, values, message):
    with pytest.raises(DosimetryError, match=message):
        write_dose_nrrd(tmp_path / name, values, OBLIQUE)
    assert not list(tmp_path.iterdir())


def test_file_hash_is_sha256(tmp_path):
    # FIPS 180-2, appendix B.1: SHA-256 of "abc".
    path = write_text(tmp_path / "abc", "abc")
    assert sha256_of_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(DosimetryError, match="Expected a file to hash"):
        sha256_of_file(tmp_path / "none")


def test_array_hash_depends_on_values_type_and_shape_only():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    same = [np.asfortranarray(array), array.astype(">f4"), np.ascontiguousarray(array.T).T]
    assert {sha256_of_array(item) for item in same} == {sha256_of_array(array)}
    other = [array.astype(np.float64), array.reshape(4, 3), array + 1]
    assert sha256_of_array(array) not in {sha256_of_array(item) for item in other}
