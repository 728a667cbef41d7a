"""Voxel maps carry what the images cannot exclude, as the fits of regions do."""

import numpy as np
import pytest
from fixtures.simulation import LU177_HALF_LIFE_H, Lu177

from RNTDosimetryLib.kinetics import fit_time_activity, fit_voxels
from RNTDosimetryLib.kinetics.voxels import VoxelFit

LU = Lu177()
TIMES_H = np.array([24.0, 48.0, 120.0])


def images(half_lives_h):
    return 1e5 * 2.0 ** (-TIMES_H[:, None, None, None] / np.asarray(half_lives_h, float)[None, None, None])


@pytest.mark.parametrize("steps", [2, 4])
def test_the_model_part_is_that_of_the_region_fit(steps):
    # a half-life of the table; those between are interpolated
    half_life = LU177_HALF_LIFE_H * 1.4**-steps
    given = {"model": "mono", "relative_uncertainty": 0.05}
    with_error, without = (fit_voxels(TIMES_H, images([half_life]), LU, model_error=error, **given) for error in (True, False))
    np.testing.assert_array_equal(with_error.tia_mbq_h_ml, without.tia_mbq_h_ml)
    part = np.sqrt(with_error.tia_uncertainty_mbq_h_ml**2 - without.tia_uncertainty_mbq_h_ml**2) / with_error.tia_mbq_h_ml
    # As measured samples do, these differ from a curve by more than rounding; the ends of an interval hang on a few hundred shapes.
    curve = images([half_life]).ravel() * [1.0001, 0.9998, 1.0001]
    region = fit_time_activity(TIMES_H, curve, LU, 0.05 * np.maximum(curve, 0.1 * curve.max()), model="mono")
    expected = region.tia_model_uncertainty_mbq_h / region.tia_mbq_h
    assert part.ravel()[0] == pytest.approx(expected, rel=0.06)
    assert with_error.model_relative_uncertainty == {1: pytest.approx(expected, rel=0.06)}
    assert without.model_relative_uncertainty == {}


def test_every_voxel_has_that_of_its_half_life_and_the_label_their_mean():
    fit = fit_voxels(TIMES_H, images([30.0, 90.0]), LU, model="mono", relative_uncertainty=0.05)
    plain = fit_voxels(TIMES_H, images([30.0, 90.0]), LU, model="mono", relative_uncertainty=0.05, model_error=False)
    part = np.sqrt(fit.tia_uncertainty_mbq_h_ml**2 - plain.tia_uncertainty_mbq_h_ml**2)
    assert fit.model_relative_uncertainty[1] == pytest.approx(part.sum() / fit.tia_mbq_h_ml.sum(), rel=1e-4)
    relative = (part / fit.tia_mbq_h_ml).ravel()
    assert abs(relative[0] / relative[1] - 1) > 0.05
    assert VoxelFit.from_dict(fit.to_dict()).model_relative_uncertainty == fit.model_relative_uncertainty


def test_shared_rates_of_a_fit_bring_its_own_model_part():
    curve = images([40.0]).ravel()
    region = fit_time_activity(TIMES_H, curve, LU, 0.1 * curve)
    given = {"model": "shared", "regions": np.ones((1, 1, 1), int), "region_rates": {1: region}, "relative_uncertainty": 0.1}
    fit = fit_voxels(TIMES_H, images([40.0]), LU, **given)
    assert fit.model_relative_uncertainty[1] == pytest.approx(region.tia_model_uncertainty_mbq_h / region.tia_mbq_h, rel=1e-5)


def test_one_image_with_a_known_half_life_has_what_one_image_cannot_show():
    image = np.full((1, 1, 1, 2), 3e4)
    fit = fit_voxels([24.0], image, LU, effective_half_life_h=55.0, relative_uncertainty=0.05)
    assert 0.2 < fit.model_relative_uncertainty[1] < 1.0
    chosen = fit_voxels([24.0], image, LU, model="physical", relative_uncertainty=0.05)
    assert chosen.model_relative_uncertainty == {1: 0.0}
