"""Volume files: grid and values as written, and activity images with typed or neighboring data.

The written files come from SimpleITK; expected Bq/mL from the decay law written out here (177Lu 6.647 d, DDEP).
"""

import json
import math

import numpy as np
import pytest
import SimpleITK as sitk

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ImageGeometry
from RNTDosimetryLib.intake import load_activity_file, load_volume_file

DECAY_PER_H = math.log(2) / (6.647 * 24)
COSINE, SINE = math.cos(0.3), math.sin(0.3)
GEOMETRY = ImageGeometry((4, 5, 6), (3.0, 2.0, 2.5), (10.0, -20.0, 30.0), ((COSINE, -SINE, 0), (SINE, COSINE, 0), (0, 0, 1)))
VALUES = np.arange(120, dtype=np.float32).reshape(4, 5, 6) + 1
TYPED = {"nuclide": "Lu-177", "unit": "kBq/mL", "start_h": 24, "decay_correction": "START"}


def write(path, values=VALUES, components=False):
    image = sitk.GetImageFromArray(values, isVector=components)
    if image.GetDimension() == 3:
        image.SetSpacing(GEOMETRY.spacing_mm[::-1])
        image.SetOrigin(GEOMETRY.origin_lps_mm)
        image.SetDirection(np.asarray(GEOMETRY.direction).ravel().tolist())
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("name", ["a.nrrd", "a.nii", "a.nii.gz", "a.mha", "a.mhd"])
def test_volume_keeps_its_place_and_values(tmp_path, name):
    geometry, values = load_volume_file(write(tmp_path / name))
    assert geometry.same_grid(GEOMETRY, tolerance_mm=0.001)
    assert np.array_equal(values, VALUES)


def test_activity_with_typed_data(tmp_path):
    image = load_activity_file(write(tmp_path / "a.nrrd"), TYPED)
    np.testing.assert_allclose(image.concentration_bq_ml, VALUES * 1000, rtol=1e-6)
    assert (image.nuclide, image.start_h, image.duration_s) == ("Lu-177", 24, None)


def test_activity_with_a_file_beside_it_and_typed_values_on_top(tmp_path):
    path = write(tmp_path / "a.nii.gz")
    (tmp_path / "a.nii.gz.json").write_text(json.dumps({**TYPED, "unit": "Bq/mL", "calibration_uncertainty": 0.05}))
    image = load_activity_file(path, {"decay_correction": "ADMIN"})
    np.testing.assert_allclose(image.concentration_bq_ml, VALUES * math.exp(-DECAY_PER_H * 24), rtol=1e-5)
    assert image.calibration_uncertainty == 0.05


def test_activity_that_is_not_decay_corrected(tmp_path):
    image = load_activity_file(write(tmp_path / "a.mha"), {**TYPED, "decay_correction": "NONE", "duration_s": 7200})
    expected = 2 * DECAY_PER_H / (1 - math.exp(-2 * DECAY_PER_H))
    np.testing.assert_allclose(image.concentration_bq_ml, VALUES * 1000 * expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"unit": None}, "Expected unit for a.nrrd, received none"),
        ({"start_h": None, "nuclide": None}, "Expected nuclide, start_h for a.nrrd"),
        ({"unit": "counts"}, "Expected a concentration"),
        ({"decay_correction": "MIDDLE"}, "received 'MIDDLE'"),
        ({"decay_correction": "NONE"}, "Expected duration_s"),
        ({"start_h": -2}, "Expected a non-negative number"),
        ({"weight": 70}, "received also weight; check the spelling"),
        ({"duration_s": 86400}, "Expected an acquisition of up to a day in a.nrrd, received 86400 s"),
        ({"calibration_uncertainty": 1.0}, "Expected a relative calibration_uncertainty below 1, received 1"),
    ],
)
def test_what_is_missing_or_wrong_is_refused(tmp_path, typed, sentence):
    with pytest.raises(DosimetryError, match=sentence):
        load_activity_file(write(tmp_path / "a.nrrd"), {**TYPED, **typed})


def test_files_that_cannot_be_used_are_refused(tmp_path):
    holes = VALUES.copy()
    holes[1, 1, 1] = np.nan
    (tmp_path / "text.nrrd").write_text("not a volume")
    (tmp_path / "text.docx").write_text("not a volume")
    (tmp_path / "b.nrrd.json").write_text("{")
    cases = [
        (tmp_path / "none.nrrd", "found none"),
        (tmp_path / "text.docx", "convert it first"),
        (tmp_path / "text.nrrd", "cannot be read"),
        (write(tmp_path / "nan.nrrd", holes), "1 NaN or infinite voxels"),
        (write(tmp_path / "flat.mha", VALUES[0]), "received 2 axes"),
        (write(tmp_path / "color.nrrd", np.zeros((4, 5, 6, 3), np.float32), components=True), "3 components"),
    ]
    for path, sentence in cases:
        with pytest.raises(DosimetryError, match=sentence):
            load_volume_file(path)
    with pytest.raises(DosimetryError, match=r"Expected JSON in b.nrrd.json"):
        load_activity_file(write(tmp_path / "b.nrrd"), TYPED)
