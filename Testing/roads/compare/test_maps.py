"""Comparison of two dose maps whose difference is known: scaled, shifted, finer, noisy, cut, of other units."""

from dataclasses import replace

import numpy as np
import pytest
from fixtures.compare_fixtures import GRADIENT_GY_PER_MM, GRID, compare, map_file, middle, ramp, save
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake.volume_files import DoseVolume
from RNTDosimetryLib.roads.compare.maps import STATISTICS, VoxelUncertainty, compared_value, on_grid, statistic_uncertainties

FLOAT32 = 1e-6


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "reference.nrrd", ramp())
    save(tmp_path / "middle.nrrd", middle())
    return tmp_path


def against(folder, values, geometry=GRID, typed=None, name="evaluated.nrrd", **content):
    save(folder / name, values, geometry)
    content = {"regions": {"middle": "middle.nrrd"}} | content
    return compare(folder, reference=map_file("reference.nrrd"), evaluated={"file": name} | (typed or {"unit": "Gy"}), **content)


def test_a_map_against_itself_differs_nowhere_and_passes_everywhere(folder):
    found = compare(
        folder, reference=map_file("reference.nrrd"), evaluated=map_file("reference.nrrd"), regions={"middle": "middle.nrrd"}
    )
    region = found.comparison.regions[0]
    for name in STATISTICS:
        assert region.values[name].difference_gy == region.values[name].percent == 0.0, name
    assert region.root_mean_square_gy == 0.0
    assert region.gamma_pass_percent == found.comparison.gamma.pass_percent == 100.0
    assert found.comparison.gamma.mean == 0.0
    assert found.comparison.center_shift_mm == (0.0, 0.0, 0.0)
    assert region.coverage == 1.0
    # The middle of a ramp that is symmetric about 35 Gy.
    assert region.values["mean"].reference_gy == pytest.approx(35.0, rel=FLOAT32)
    assert region.volume_ml == pytest.approx(8 * 10 * 8 * 0.064, rel=1e-12)


def test_three_per_cent_more_are_three_per_cent_in_every_number(folder):
    region = against(folder, 1.03 * ramp()).comparison.regions[0]
    for name in STATISTICS:
        assert region.values[name].percent == pytest.approx(3.0, abs=1e-4), name
        assert region.values[name].difference_gy == pytest.approx(0.03 * region.values[name].reference_gy, rel=1e-4), name


def test_gamma_of_a_flat_map_is_the_difference_over_the_criterion(folder):
    # Without a gradient no distance helps: gamma = 3 % / 3 % = 1 and 3 % / 2 % = 1.5.
    save(folder / "flat.nrrd", np.full(GRID.size, 10.0))
    save(folder / "flat_3.nrrd", np.full(GRID.size, 10.3))
    for criterion, gamma, share in ((3.001, 1.0, 100.0), (2.0, 1.5, 0.0)):
        content = {"gamma": {"dose_difference_percent": criterion}, "regions": {"middle": "middle.nrrd"}}
        found = compare(folder, reference=map_file("flat.nrrd"), evaluated=map_file("flat_3.nrrd"), **content)
        assert found.comparison.gamma.mean == pytest.approx(gamma, rel=1e-3)
        assert found.comparison.regions[0].gamma_pass_percent == share


def test_gamma_of_a_shifted_ramp_is_that_of_the_line(folder):
    # A ramp of slope g shifted by s: in units of the criteria (d mm, D Gy) the distance from a point to the line is (g s / D) / sqrt(1 + (g d / D)^2).
    # Here D = 3 % of 50 Gy = g d, and the nearest point lies s / 2 away, which is one of the points searched.
    for voxels, passed in ((1, 100.0), (2, 0.0)):
        shift_mm = 4.0 * voxels
        geometry = replace(GRID, origin_lps_mm=(GRID.origin_lps_mm[0] + shift_mm, *GRID.origin_lps_mm[1:]))
        found = against(folder, ramp(), geometry)
        inside = middle().astype(bool)
        expected = (GRADIENT_GY_PER_MM * shift_mm / 1.5) / np.sqrt(2)
        np.testing.assert_allclose(found.comparison.gamma.gamma[inside], expected, rtol=1e-4)
        assert found.comparison.regions[0].gamma_pass_percent == passed
        assert found.comparison.regions[0].values["D50"].difference_gy == pytest.approx(-GRADIENT_GY_PER_MM * shift_mm, rel=1e-4)
        # The registration that undoes it leaves no difference.
        matrix = np.eye(4)
        matrix[0, 3] = shift_mm
        undone = against(folder, ramp(), geometry, registration=matrix.tolist())
        assert undone.comparison.regions[0].root_mean_square_gy == pytest.approx(0.0, abs=1e-4)
        assert undone.comparison.gamma.pass_percent == 100.0


def test_units_per_decay_and_per_activity_are_scaled(folder):
    # 7.4 GBq of a nuclide with 3.6e14 decays in all: dose divided by either, and given back.
    for values, typed in (
        (ramp() / 7.4, {"unit": "Gy/GBq", "activity_gbq": 7.4}),
        (ramp() / 3.6e14 * 1e12, {"unit": "mGy/(MBq*s)", "decays": 3.6e14 * 1e-3}),
        (ramp() * 1000, {"unit": "mGy"}),
    ):
        found = against(folder, values, typed=typed)
        assert found.comparison.regions[0].values["mean"].percent == pytest.approx(0.0, abs=1e-4), typed


def test_nifti_and_metaimage_give_the_same_numbers(folder):
    for name in ("evaluated.nii.gz", "evaluated.mha"):
        assert against(folder, 1.03 * ramp(), name=name).comparison.regions[0].values["mean"].percent == pytest.approx(
            3.0, abs=1e-4
        ), name


def test_a_finer_map_is_averaged_over_the_voxels_of_the_reference():
    fine = replace(
        GRID, size=(20, 24, 32), spacing_mm=(2.0, 2.0, 2.0), origin_lps_mm=tuple(place - 1.0 for place in GRID.origin_lps_mm)
    )
    values = np.random.default_rng(3).gamma(2.0, 5.0, fine.size).astype(np.float32)
    dose = DoseVolume("fine", fine, values, uncertainty_gy=np.ones(fine.size, dtype=np.float32))
    blocks = values.reshape(10, 2, 12, 2, 16, 2).mean(axis=(1, 3, 5))
    found = on_grid(dose, GRID)
    np.testing.assert_allclose(found.dose_gy, blocks, rtol=1e-5)
    assert found.inside.all()
    assert found.finer == pytest.approx(8.0)
    # Independent noise of eight voxels falls by the root of eight, a common uncertainty stays.
    np.testing.assert_allclose(found.uncertainty_gy, 1 / np.sqrt(8), rtol=1e-5)
    np.testing.assert_allclose(on_grid(dose, GRID, independent=False).uncertainty_gy, 1.0, rtol=1e-6)


def test_only_what_both_cover_is_compared(folder):
    half = replace(GRID, size=(10, 12, 8))
    found = against(folder, 1.03 * ramp()[:, :, :8], half)
    region = found.comparison.regions[0]
    assert region.coverage == pytest.approx(0.5, rel=1e-9)
    assert region.values["mean"].percent == pytest.approx(3.0, abs=1e-4)
    # Columns 4 to 7: 28, 30, 32, 34 Gy.
    assert region.values["mean"].reference_gy == pytest.approx(31.0, rel=FLOAT32)
    assert not found.comparison.difference_gy[:, :, 8:].any()
    warnings = " ".join(found.warnings)
    assert "middle: 50.0 % of the region lies outside one of the maps" in warnings
    assert "'evaluated' does not cover 50.0 % of the voxels of 'reference'" in warnings


def test_a_region_outside_the_other_map_is_left_out_and_said(folder):
    far = np.zeros(GRID.size, dtype=np.uint8)
    far[:, :, 12:] = 1
    save(folder / "far.nrrd", far)
    found = against(
        folder, ramp()[:, :, :8], replace(GRID, size=(10, 12, 8)), regions={"middle": "middle.nrrd", "far": "far.nrrd"}
    )
    assert [item.name for item in found.comparison.regions] == ["middle"]
    assert any(text.startswith("far: lies outside") for text in found.warnings)


def test_without_regions_the_dose_above_the_threshold_is_compared(folder):
    found = against(folder, 1.03 * ramp(), regions=None, gamma={"threshold_percent": 60})
    region = found.comparison.regions[0]
    assert region.name == "above 60 % of the highest dose"
    # Above 30 Gy: 32, 34, ... 50 Gy.
    assert region.values["mean"].reference_gy == pytest.approx(41.0, rel=FLOAT32)
    assert region.values["minimum"].reference_gy == pytest.approx(32.0, rel=FLOAT32)


def test_factors_and_shifts_are_said(folder):
    assert any("differ by a factor of 1e+03; check unit" in text for text in against(folder, 1000 * ramp()).warnings)
    blob = np.zeros(GRID.size)
    blob[4:6, 5:7, 5:7] = 50.0
    save(folder / "reference.nrrd", blob)
    found = against(folder, np.roll(blob, 1, axis=2), regions=None)
    assert found.comparison.center_shift_mm == pytest.approx((4.0, 0.0, 0.0), abs=1e-6)
    assert any("the centers of the doses lie 4.0 mm apart" in text for text in found.warnings)


def test_statistical_noise_goes_into_the_uncertainties_and_is_said(folder):
    rng = np.random.default_rng(8)
    noise = 0.1 * ramp()
    save(folder / "sigma.nrrd", noise)
    found = against(
        folder, ramp() + noise * rng.standard_normal(GRID.size), typed={"unit": "Gy", "uncertainty_file": "sigma.nrrd"}
    )
    region = found.comparison.regions[0]
    inside = middle().astype(bool)
    # In closed form: root of the sum of squares over the number of voxels.
    expected = np.sqrt((noise[inside] ** 2).sum()) / inside.sum()
    assert region.values["mean"].evaluated_uncertainty_gy == pytest.approx(expected, rel=1e-5)
    assert abs(region.values["mean"].difference_gy) < 3 * expected
    assert region.noise["evaluated"].voxel_gy == pytest.approx(np.median(noise[inside]), rel=1e-5)
    assert region.noise["evaluated"].d98_gy < 0 < region.noise["evaluated"].d2_gy
    assert region.values["mean"].reference_uncertainty_gy is region.values["mean"].difference_uncertainty_gy is None
    words = " ".join(found.warnings)
    assert "statistical noise of the voxels of 'evaluated' in middle (10 % of the mean)" in words
    assert "no uncertainty of the voxels of 'reference' was given" in words
    # The same numbers as relative values, and a typed uncertainty of the reference that all of its voxels share.
    save(folder / "relative.nrrd", np.full(GRID.size, 0.1))
    typed = {"unit": "Gy", "uncertainty_file": "relative.nrrd", "uncertainty_kind": "relative", "uncertainty_of_voxels": "common"}
    save(folder / "evaluated.nrrd", ramp())
    reference = map_file("reference.nrrd", relative_uncertainty=0.05)
    common = compare(folder, reference=reference, evaluated={"file": "evaluated.nrrd"} | typed, regions={"middle": "middle.nrrd"})
    value = common.comparison.regions[0].values["D50"]
    assert value.evaluated_uncertainty_gy == pytest.approx(0.1 * value.evaluated_gy, rel=1e-5)
    assert value.reference_uncertainty_gy == pytest.approx(0.05 * value.reference_gy, rel=1e-5)
    assert value.percent_uncertainty == pytest.approx(100 * np.hypot(0.1, 0.05), rel=1e-5)


def test_uncertainties_of_dx_and_extremes_are_the_scatter_of_repeated_maps():
    # 200 noisy maps of one truth: the scatter of their numbers is what the uncertainty of each should say.
    rng = np.random.default_rng(21)
    truth = rng.gamma(20.0, 1.0, 500)
    weight, sigma = np.ones(500), np.full(500, 0.6)
    maps = [truth + sigma * rng.standard_normal(500) for _ in range(200)]
    said = [statistic_uncertainties(values, weight, VoxelUncertainty(independent_gy=sigma))[0] for values in maps[:20]]
    numbers = [
        {"mean": item.mean(), "D50": np.median(item), "D98": np.quantile(item, 0.02), "D2": np.quantile(item, 0.98)}
        for item in maps
    ]
    for name in ("mean", "D50", "D98", "D2"):
        scatter = np.std([item[name] for item in numbers], ddof=1)
        assert np.mean([item[name] for item in said]) == pytest.approx(scatter, rel=0.25), name
    # What the noise has done to D98 of the maps is about the stated shift.
    shift = np.mean(
        [statistic_uncertainties(values, weight, VoxelUncertainty(independent_gy=sigma))[1]["D98"] for values in maps[:20]]
    )
    assert shift == pytest.approx(np.mean([item["D98"] for item in numbers]) - np.quantile(truth, 0.02), rel=0.35)


@given(st.floats(0.01, 1e4), st.floats(0.01, 1e4), st.floats(0.0, 0.3), st.floats(0.0, 0.3))
@settings(deadline=None, max_examples=50)
def test_a_difference_and_its_per_cent_belong_together(reference, evaluated, first, second):
    value = compared_value(reference, first * reference, evaluated, second * evaluated)
    assert value.difference_gy == pytest.approx(evaluated - reference, abs=1e-12)
    assert reference * (1 + value.percent / 100) == pytest.approx(evaluated, rel=1e-9)
    # Relative uncertainty of a ratio.
    assert value.percent_uncertainty == pytest.approx(100 * evaluated / reference * np.hypot(first, second), rel=1e-9, abs=1e-12)


def test_maps_that_do_not_meet_are_refused(folder):
    with pytest.raises(DosimetryError, match="to overlap the target grid"):
        against(folder, ramp(), replace(GRID, origin_lps_mm=(900.0, 0.0, 0.0)))
