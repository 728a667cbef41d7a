"""Dose maps made elsewhere: units, sidecar, uncertainty, another grid; and their way into histogram and comparison."""

import json
from dataclasses import replace

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.dose import dose_volume_histogram, gamma_index
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.resampling import to_sitk
from RNTDosimetryLib.intake.volume_files import dose_on_grid, load_dose_file

GRID = ImageGeometry((8, 9, 10), (4.0, 3.0, 2.5), (-10.0, 5.0, 20.0))


def ramp(geometry=GRID):
    """2 Gy plus 0.01 Gy per mm along x, 0.02 along y, 0.03 along z."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in geometry.size), indexing="ij")
    points = np.stack([x, y, z, np.ones_like(x)], axis=-1) @ geometry.index_to_lps.T
    return 2 + points[..., :3] @ [0.01, 0.02, 0.03]


def write(folder, values, name="dose.nrrd", geometry=GRID, beside=None):
    import SimpleITK as sitk

    path = folder / name
    sitk.WriteImage(to_sitk(np.asarray(values, dtype=np.float32), geometry), str(path))
    if beside is not None:
        (folder / f"{name}.json").write_text(json.dumps(beside))
    return path


@pytest.mark.parametrize(
    ("typed", "factor"),
    [
        ({"unit": "Gy"}, 1.0),
        ({"unit": "mGy"}, 1e-3),
        ({"unit": "cGy"}, 1e-2),
        # 1 MeV/g = 1.602176634e-13 J / 1e-3 kg (exact elementary charge of the SI)
        ({"unit": "MeV/g"}, 1.602176634e-10),
        ({"unit": "Gy/GBq", "activity_gbq": 7.4}, 7.4),
        ({"unit": "mGy/MBq", "activity_gbq": 2.0}, 2.0),
        # 100 MBq*h = 3.6e11 decays
        ({"unit": "Gy/decay", "decays": 3.6e11}, 3.6e11),
        ({"unit": "mGy/(MBq*s)", "decays": 3.6e11}, 360.0),
    ],
)
@pytest.mark.parametrize("name", ["dose.nrrd", "dose.nii.gz", "dose.mha"])
def test_units_become_gray(tmp_path, typed, factor, name):
    values = ramp() / factor
    dose = load_dose_file(write(tmp_path, values, name), typed)
    assert dose.dose_gy == pytest.approx(ramp(), rel=1e-6)
    assert dose.geometry.same_grid(GRID, tolerance_mm=1e-3)
    assert dose.warnings == ()


def test_sidecar_is_read_and_typed_values_win(tmp_path):
    path = write(tmp_path, ramp(), beside={"unit": "cGy", "source": "Monte Carlo, 1e8 histories", "name": "reference"})
    dose = load_dose_file(path)
    assert (dose.source, dose.name) == ("Monte Carlo, 1e8 histories", "reference")
    assert dose.dose_gy == pytest.approx(0.01 * ramp(), rel=1e-6)
    assert load_dose_file(path, {"unit": "Gy"}).dose_gy == pytest.approx(ramp(), rel=1e-6)


@pytest.mark.parametrize(("kind", "value", "expected"), [("absolute", 20.0, 0.02), ("relative", 0.05, None)])
def test_uncertainty_file(tmp_path, kind, value, expected):
    write(tmp_path, np.full(GRID.size, value), "error.nrrd")
    path = write(tmp_path, 1000 * ramp(), beside={"unit": "mGy", "uncertainty_file": "error.nrrd", "uncertainty_kind": kind})
    expected = 0.05 * ramp() if expected is None else np.full(GRID.size, expected)
    assert load_dose_file(path).uncertainty_gy == pytest.approx(expected, rel=1e-5)
    write(tmp_path, np.full(GRID.size, value), "error.nrrd", replace(GRID, origin_lps_mm=(0.0, 0.0, 0.0)))
    with pytest.raises(DosimetryError, match="write both on one grid"):
        load_dose_file(path)
    write(tmp_path, np.full(GRID.size, -value), "error.nrrd")
    with pytest.raises(DosimetryError, match="uncertainties of zero or more"):
        load_dose_file(path)


def test_another_grid(tmp_path):
    """A linear function comes back exactly on an oblique grid inside; outside it is 0, marked and warned about."""
    c, s = np.cos(0.2), np.sin(0.2)
    direction = ((c, -s, 0.0), (s, c, 0.0), (0.0, 0.0, 1.0))
    target = ImageGeometry((5, 6, 7), (3.0, 2.0, 2.0), (-4.0, 10.0, 24.0), direction)
    dose = load_dose_file(write(tmp_path, ramp()), {"unit": "Gy"})
    moved = dose_on_grid(dose, target)
    assert moved.inside.all()
    assert moved.dose_gy == pytest.approx(ramp(target), rel=1e-5)
    assert dose_on_grid(dose, GRID) is dose
    larger = dose_on_grid(dose, replace(GRID, size=(8, 9, 20)))
    assert np.count_nonzero(larger.inside) == larger.inside.size // 2
    assert "covers 50.0% of the target grid" in larger.warnings[0]
    with pytest.raises(DosimetryError, match="to overlap the target grid"):
        dose_on_grid(dose, replace(GRID, origin_lps_mm=(500.0, 0.0, 0.0)))


def test_histogram_and_comparison_take_it(tmp_path):
    """Mean and maximum of the ramp; gamma index of a map against itself with 1 % more dose passes 3 % / 3 mm everywhere."""
    dose = load_dose_file(write(tmp_path, ramp()), {"unit": "Gy"})
    mask = np.zeros(GRID.size, dtype=bool)
    mask[2:6, 2:7, 3:8] = True
    histogram = dose_volume_histogram(dose, mask, dose.spacing_mm, name="organ")
    assert histogram.mean_gy == pytest.approx(ramp()[mask].mean(), rel=1e-6)
    assert gamma_index(dose, 1.01 * np.asarray(dose), dose.spacing_mm).pass_percent == 100


def test_small_negative_doses_are_set_to_zero(tmp_path):
    values = ramp()
    values[0, 0, 0] = -0.001
    dose = load_dose_file(write(tmp_path, values), {"unit": "Gy"})
    assert dose.dose_gy[0, 0, 0] == 0
    assert "1 voxels slightly below zero" in dose.warnings[0]
    assert "check the unit" in load_dose_file(write(tmp_path, 1e6 * ramp()), {"unit": "Gy"}).warnings[0]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({}, "Expected the unit of dose.nrrd"),
        ({"unit": "Gy/h"}, "a dose rate"),
        ({"unit": "Sv"}, "an equivalent dose"),
        ({"unit": "furlong"}, "not known here"),
        ({"unit": "Gy/GBq"}, "type the administered activity"),
        ({"unit": "Gy/decay"}, "how many decays"),
        ({"unit": "Gy/decay", "decays": -4}, "decays of dose.nrrd"),
        ({"unit": "Gy", "actvity_gbq": 2}, "did you mean activity_gbq"),
        ({"unit": "Gy", "uncertainty_file": "none.nrrd"}, "found none"),
    ],
)
def test_unusable_descriptions_are_refused(tmp_path, typed, message):
    path = write(tmp_path, ramp())
    with pytest.raises(DosimetryError, match=message):
        load_dose_file(path, typed)


def test_unusable_maps_are_refused(tmp_path):
    with pytest.raises(DosimetryError, match="without any above zero"):
        load_dose_file(write(tmp_path, np.zeros(GRID.size)), {"unit": "Gy"})
    with pytest.raises(DosimetryError, match="doses of zero or more"):
        load_dose_file(write(tmp_path, ramp() - 2.9), {"unit": "Gy"})
    values = ramp()
    values[1, 1, 1] = np.nan
    with pytest.raises(DosimetryError, match="1 NaN or infinite voxels"):
        load_dose_file(write(tmp_path, values), {"unit": "Gy"})
