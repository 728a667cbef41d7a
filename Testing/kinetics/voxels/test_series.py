"""What fit_voxels asks of its input, and how it runs: masks, threads, blocks, progress and cancel."""

from types import SimpleNamespace

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.kinetics.voxels.fit import VoxelMaps, fit_voxels
from RNTDosimetryLib.kinetics.voxels.series import FitCancelled, VoxelNoise, products_of, run_blocks

LU_177 = SimpleNamespace(name="Lu-177", half_life_h=159.53, decay_constant_per_h=np.log(2) / 159.53)
FOUR_H = [4.0, 24.0, 96.0, 168.0]
IMAGES = np.exp(-np.log(2) / 60 * np.array(FOUR_H))[:, None, None, None] * np.linspace(1e3, 1e5, 60).reshape(3, 4, 5)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"times_h": [4.0, 24.0, 96.0]}, "received 3 times and 4 images"),
        ({"times_h": [-4.0, 24.0, 96.0, 168.0]}, "finite and not negative"),
        ({"times_h": [np.nan, 24.0, 96.0, 168.0]}, "finite and not negative"),
        ({"times_h": ["a", "b", "c", "d"]}, "Expected numbers in times_h"),
        ({"times_h": [4.0, 4.0, 96.0, 168.0]}, "a different time for each image"),
        ({"images_bq_ml": IMAGES[:, 0]}, r"images \(z, y, x\) of one shape"),
        ({"images_bq_ml": [*IMAGES[:3], IMAGES[3, :2]]}, r"received \[\(2, 4, 5\), \(3, 4, 5\)\]"),
        ({"images_bq_ml": IMAGES.astype(complex)}, "images of numbers in Bq/mL, received complex128"),
        ({"images_bq_ml": 5.0}, "one image per time"),
        ({"images_bq_ml": np.where(IMAGES > 9e4, np.nan, IMAGES)}, "received NaN or infinity in the image at 4 h"),
        ({"model": "linear"}, "received 'linear'"),
        ({"nuclide": SimpleNamespace(name="x")}, "Expected a nuclide"),
        ({"mask": np.ones((2, 2, 2))}, r"mask on the grid of the images \(3, 4, 5\), received \(2, 2, 2\)"),
        ({"mask": np.zeros((3, 4, 5))}, "at least one voxel"),
        ({"regions": np.ones((3, 4, 4), int)}, "received"),
        ({"regions": np.zeros((3, 4, 5), int)}, "whole-number labels"),
        ({"regions": np.ones((3, 4, 5))}, "whole-number labels"),
        ({"uncertainties_bq_ml": [1.0, 2.0]}, "one per time"),
        ({"uncertainties_bq_ml": 0.0}, "one positive uncertainty"),
        ({"uncertainties_bq_ml": 1.0, "relative_uncertainty": 0.05}, "one kind of uncertainty"),
        ({"relative_uncertainty": -0.05}, "relative uncertainty such as 0.05"),
        ({"weighting": "squares"}, "weighting relative, constant or counts"),
        ({"conserve_region_tia": True}, "give the labels"),
        ({"effective_half_life_h": 200.0}, r"up to the physical one \(159.5 h\), received 200"),
        ({"effective_half_life_h": 50.0, "effective_half_life_uncertainty_h": -1.0}, "0 h or more"),
        ({"shortest_half_life_h": 0.0}, "positive shortest half-life"),
        ({"threads": 0}, "at least one thread"),
        (
            {"regions": np.ones((3, 4, 5), int), "conserve_region_tia": True, "region_tia_mbq_h_ml": {1: -1.0}},
            "region 1, received -1",
        ),
    ],
)
def test_input_that_cannot_be_used_gets_a_sentence(changes, text):
    arguments = {"times_h": FOUR_H, "images_bq_ml": IMAGES, "nuclide": LU_177} | changes
    with pytest.raises(DosimetryError, match=text) as caught:
        fit_voxels(**arguments)
    assert str(caught.value).startswith("Expected ")
    assert str(caught.value).endswith(".")


def test_mask_leaves_the_air_out_even_where_it_is_not_a_number():
    mask = np.zeros((3, 4, 5), dtype=bool)
    mask[1, 1:3, 2:4] = True
    images = np.where(mask, IMAGES, np.nan)
    fit = fit_voxels(FOUR_H, images, LU_177, model="mono", mask=mask)
    whole = fit_voxels(FOUR_H, IMAGES, LU_177, model="mono")
    assert fit.voxel_count == 4
    np.testing.assert_allclose(fit.tia_mbq_h_ml[mask], whole.tia_mbq_h_ml[mask], rtol=1e-6)
    assert not fit.tia_mbq_h_ml[~mask].any()
    assert not fit.model_map[~mask].any()


def test_empty_voxels_are_counted_in_a_warning():
    images = IMAGES.copy()
    images[:, :2] = 0
    fit = fit_voxels(FOUR_H, images, LU_177)
    assert any("67 % of the voxels have no activity" in text for text in fit.warnings)
    assert (fit.model_map[:2] == 0).all()


@pytest.mark.parametrize("model", ["auto", "mono"])
def test_threads_blocks_and_layout_do_not_change_the_result(model, monkeypatch):
    rng = np.random.default_rng(1)
    images = (IMAGES * (1 + 0.1 * rng.normal(size=IMAGES.shape))).astype(np.float32)
    one = fit_voxels(FOUR_H, images, LU_177, model=model, threads=1)
    time_last = np.moveaxis(np.ascontiguousarray(np.moveaxis(images, 0, -1)), -1, 0)
    monkeypatch.setattr("RNTDosimetryLib.kinetics.voxels.series.BLOCK_SAMPLES", 28)
    other = fit_voxels(FOUR_H, time_last, LU_177, model=model, threads=3)
    np.testing.assert_allclose(other.tia_mbq_h_ml, one.tia_mbq_h_ml, rtol=1e-5)
    np.testing.assert_array_equal(other.model_map, one.model_map)


def test_input_is_not_changed():
    images = IMAGES.astype(np.float32)
    before = images.copy()
    fit_voxels(FOUR_H[::-1], images[::-1], LU_177, regions=np.ones((3, 4, 5), int), conserve_region_tia=True)
    np.testing.assert_array_equal(images, before)


def test_progress_rises_to_one_and_cancel_stops(monkeypatch):
    monkeypatch.setattr("RNTDosimetryLib.kinetics.voxels.series.BLOCK_SAMPLES", 16)
    seen = []
    fit_voxels(FOUR_H, IMAGES, LU_177, model="mono", progress=seen.append, threads=2)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) > 3
    seen.clear()
    with pytest.raises(FitCancelled, match="Voxel fit cancelled after"):
        fit_voxels(FOUR_H, IMAGES, LU_177, model="mono", progress=seen.append, cancel=lambda: len(seen) >= 2, threads=1)
    assert len(seen) == 2


def test_a_fault_in_a_block_reaches_the_caller():
    def work(block):
        raise DosimetryError("Expected a good block, received a bad one; look at it.")

    with pytest.raises(DosimetryError, match="bad one"):
        run_blocks([1, 2, 3], work, threads=2)


def test_products_in_pieces_are_the_whole_product():
    rng = np.random.default_rng(2)
    samples, directions = rng.normal(size=(6, 5003)).astype(np.float32), rng.normal(size=(6, 300)).astype(np.float32)
    np.testing.assert_allclose(products_of(samples, directions), samples.T @ directions, atol=1e-4)


def test_relative_noise_of_the_mean_curve_is_that_share_of_it():
    # The mean curve itself has size 1: its variance in units of the shape is relative^2, by definition.
    mean = np.array([10.0, 8.0, 4.0, 0.2])
    shape = np.maximum(mean, 1.0)
    noise = VoxelNoise(10.0, shape / 10.0, "relative", 0.05, float(np.mean((mean / shape) ** 2)))
    whitened = noise.whiten(mean.astype(np.float32)[:, None])
    np.testing.assert_allclose(noise.nominal_variance(np.hstack([whitened, 3 * whitened])), [0.0025, 0.0225], rtol=1e-6)


@pytest.mark.parametrize(
    "noise", [{}, {"relative_uncertainty": 0.05}, {"uncertainties_bq_ml": 1e-9}, {"uncertainties_bq_ml": 1e15}]
)
@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e18])
def test_sizes_far_from_any_patient_stay_finite(noise, factor):
    # The mono-exponential of 60 h is exact whatever the unit of the samples: TIA = A T / ln 2.
    fit = fit_voxels(FOUR_H, IMAGES * factor, LU_177, **noise)
    truth = np.linspace(1e3, 1e5, 60).reshape(3, 4, 5) * factor * 60 / np.log(2) * 1e-6
    np.testing.assert_allclose(fit.tia_mbq_h_ml, truth, rtol=3e-6 if noise != {"uncertainties_bq_ml": 1e15} else 1e-4)
    assert np.isfinite(fit.tia_uncertainty_mbq_h_ml).all()


def test_voxels_outside_the_regions_are_fitted_under_a_mask_except_with_shared_rates():
    labels = np.zeros((3, 4, 5), int)
    labels[1] = 1
    mask = np.ones((3, 4, 5), bool)
    own = fit_voxels(FOUR_H, IMAGES, LU_177, model="mono", mask=mask, regions=labels)
    assert (own.tia_mbq_h_ml > 0).all()
    assert list(own.region_discrepancy) == [1]
    shared = fit_voxels(FOUR_H, IMAGES, LU_177, model="shared", mask=mask, regions=labels)
    np.testing.assert_array_equal(shared.tia_mbq_h_ml > 0, labels == 1)


def test_the_same_call_gives_identical_numbers(monkeypatch):
    # Blocks end in any order on several threads; nothing may depend on it.
    monkeypatch.setattr("RNTDosimetryLib.kinetics.voxels.series.BLOCK_SAMPLES", 8)
    images = IMAGES * (1 + 0.1 * np.random.default_rng(3).normal(size=IMAGES.shape))
    labels = np.ones((3, 4, 5), int)
    runs = [fit_voxels(FOUR_H, images, LU_177, regions=labels, conserve_region_tia=True, threads=4) for _ in range(5)]
    for run in runs[1:]:
        assert run.to_dict() == runs[0].to_dict()
        np.testing.assert_array_equal(run.tia_mbq_h_ml, runs[0].tia_mbq_h_ml)
        np.testing.assert_array_equal(run.tia_uncertainty_mbq_h_ml, runs[0].tia_uncertainty_mbq_h_ml)


def test_sums_do_not_depend_on_the_order_of_the_blocks():
    rng = np.random.default_rng(4)
    totals = [(tia, 0.3 * tia * share, 0, 0, 1) for tia, share in zip(10.0 ** rng.uniform(-8, 8, 500), rng.random(500))]
    shares = set()
    for _ in range(20):
        maps = VoxelMaps((1, 1, 1))
        maps.totals = [totals[index] for index in rng.permutation(500)]
        shares.add(maps.tail_share())
    assert len(shares) == 1
