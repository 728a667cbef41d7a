import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.dose import density_from_hounsfield, gamma_index, hounsfield_curve
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import CtImage


def test_density_of_known_materials():
    # Air and the points of Schneider 2000 as listed in the data file; soft tissue and lung lie where anatomy tables put them
    density = np.asarray(density_from_hounsfield(np.array([[[-1000.0, -98.0, 14.0, 1600.0]]])))
    assert density.ravel() == pytest.approx([0.00121, 0.93, 1.03, 1.9642], rel=1e-6)
    tissue = np.asarray(density_from_hounsfield(np.array([[[-750.0, -100.0, 0.0, 50.0, 300.0]]]))).ravel()
    assert 0.2 < tissue[0] < 0.32
    assert 0.9 < tissue[1] < 0.95
    assert tissue[2:4] == pytest.approx([1.018, 1.047], abs=0.005)
    assert 1.15 < tissue[4] < 1.25


def test_padding_and_metal_never_become_bone_of_another_world():
    # Known fault of other software: padding of -2000 or -3024 HU turned into 2.9 g/mL
    image = np.full((4, 10, 10), 40.0)
    image[0] = -3024
    image[1, 0] = -2000
    image[2, 0, :5] = 12000
    result = density_from_hounsfield(image)
    density = np.asarray(result)
    assert density[0].max() == density[1, 0].max() == pytest.approx(0.00121, rel=1e-5)
    assert density.max() == pytest.approx(hounsfield_curve()["density_g_ml"][-1], rel=1e-6)
    assert result.below_range_fraction == pytest.approx(110 / 400)
    assert result.above_range_fraction == pytest.approx(5 / 400)
    assert ["padding" in result.warnings[0], "metal" in result.warnings[1]] == [True, True]


def test_density_never_falls_with_hounsfield():
    axis = np.arange(-1100, 1700.0).reshape(1, 1, -1)
    assert np.all(np.diff(np.asarray(density_from_hounsfield(axis))) >= 0)


def test_noise_in_air_is_no_padding_and_a_ct_image_is_taken_as_it_is():
    ct = CtImage("ct", ImageGeometry((1, 2, 2), (3.0, 3.0, 3.0)), np.array([[[-1024.0, -1010.0], [-1000.0, 30.0]]]))
    result = density_from_hounsfield(ct)
    assert result.warnings == ()
    assert result.below_range_fraction == 0.5
    assert "rescale intercept" in density_from_hounsfield(np.full((2, 2, 2), 1000)).warnings[0]


def test_own_curve():
    result = density_from_hounsfield(np.array([[[-500.0]]]), [(-1000, 0.001), (0, 1.0), (1000, 1.6)])
    assert np.asarray(result).item() == pytest.approx(0.5005)
    assert result.curve == "given by the user"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: density_from_hounsfield(np.array([[[np.nan]]])), "finite Hounsfield"),
        (lambda: density_from_hounsfield(np.zeros((1, 1, 1)), [(0, 1.0), (-10, 0.9)]), "rising HU"),
        (lambda: density_from_hounsfield(np.zeros((1, 1, 1)), [(-1000, 0.0), (0, 1.0)]), "positive densities"),
        (lambda: density_from_hounsfield(np.zeros((1, 1, 1)), [(-1000, 0.001)]), "two or more"),
    ],
)
def test_bad_ct_is_refused(call, text):
    with pytest.raises(DosimetryError, match=text):
        call()


def _peak(shape=(9, 12, 15), spacing=(4.0, 3.0, 2.0), center_mm=(16.0, 16.0, 14.0), width_mm=9.0):
    axes = np.meshgrid(*[np.arange(n) * s for n, s in zip(shape, spacing)], indexing="ij")
    return 50 * np.exp(-sum((axis - c) ** 2 for axis, c in zip(axes, center_mm)) / (2 * width_mm**2))


def test_gamma_of_a_map_with_itself_is_zero():
    dose = _peak()
    result = gamma_index(dose, dose, (4, 3, 2))
    assert result.gamma.max() == 0
    assert result.pass_percent == 100
    assert result.evaluated_voxels == np.count_nonzero(dose >= 0.1 * dose.max())


def test_gamma_of_a_uniform_offset_is_the_dose_difference():
    # In a uniform map no neighbor is closer in dose: gamma = difference / criterion = (2 % of 10 Gy) / (3 % of 10 Gy)
    dose = np.full((5, 5, 5), 10.0)
    result = gamma_index(dose, dose * 1.02, (3, 3, 3), 3.0, 3.0)
    assert result.gamma == pytest.approx(np.full(dose.shape, 2 / 3), rel=1e-6)
    local = gamma_index(
        np.stack([dose, dose / 2]).reshape(10, 5, 5), np.stack([dose, dose / 2]).reshape(10, 5, 5) * 1.02, (3, 3, 3), local=True
    )
    assert local.gamma == pytest.approx(np.full((10, 5, 5), 2 / 3), rel=1e-6)


def test_gamma_of_a_shifted_ramp_is_the_closed_form():
    # Two parallel planes of slope g shifted by s: the nearest point in (distance, dose) space gives
    # gamma = g s / sqrt((g dta)^2 + dd^2) along the gradient
    spacing, slope, shift = (1.0, 1.0, 1.0), 2.0, 1.0
    x = np.arange(40.0)
    reference = (slope * x + 20).reshape(1, 1, 40)
    evaluated = reference + slope * shift
    dose_criterion = 0.03 * reference.max()
    expected = slope * shift / np.hypot(slope * 3.0, dose_criterion)
    result = gamma_index(reference, evaluated, spacing, 3.0, 3.0, steps_per_distance=60, maximum=1.0)
    assert result.gamma[0, 0, 10:30] == pytest.approx(np.full(20, expected), rel=1e-3)


def test_gamma_matches_a_search_voxel_by_voxel():
    reference = _peak()
    evaluated = _peak(center_mm=(17.0, 15.0, 14.6), width_mm=9.5)
    result = gamma_index(reference, evaluated, (4, 3, 2), 3, 4, steps_per_distance=1, maximum=3.0)
    points = np.stack(np.meshgrid(*[np.arange(n) * s for n, s in zip(reference.shape, (4, 3, 2))], indexing="ij"), -1).reshape(
        -1, 3
    )
    criterion = 0.03 * reference.max()
    brute = np.empty(reference.size)
    for i, (point, dose) in enumerate(zip(points, reference.ravel())):
        squared = ((points - point) ** 2).sum(1) / 16 + ((evaluated.ravel() - dose) / criterion) ** 2
        brute[i] = np.sqrt(squared.min())
    # With one step per distance the search visits voxel centers only, so both are the same up to the cap
    expected = np.where(result.evaluated.ravel(), np.minimum(brute, 3.0), 0.0)
    assert result.gamma.ravel() == pytest.approx(expected, abs=1e-6)
    finer = gamma_index(reference, evaluated, (4, 3, 2), 3, 4, steps_per_distance=4, maximum=3.0)
    assert np.all(finer.gamma <= result.gamma + 1e-6)
    assert finer.mean < result.mean


def test_gamma_does_not_depend_on_axis_order():
    reference, evaluated = _peak(), _peak(width_mm=9.8)
    first = gamma_index(reference, evaluated, (4, 3, 2)).gamma
    swapped = gamma_index(reference.transpose(2, 0, 1), evaluated.transpose(2, 0, 1), (2, 4, 3)).gamma
    assert swapped.transpose(1, 2, 0) == pytest.approx(first, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: gamma_index(np.ones((2, 2, 2)), np.ones((2, 2, 3)), (3, 3, 3)), "one shape"),
        (lambda: gamma_index(np.zeros((2, 2, 2)), np.ones((2, 2, 2)), (3, 3, 3)), "reference map with dose"),
        (lambda: gamma_index(np.ones((2, 2, 2)), np.ones((2, 2, 2)), (3, 3, 3), 0.0), "positive dose difference"),
        (lambda: gamma_index(np.ones((2, 2, 2)), np.ones((2, 2, 2)), (3, 3, 3), steps_per_distance=0), "steps per distance"),
        (lambda: gamma_index(np.full((2, 2, 2), np.nan), np.ones((2, 2, 2)), (3, 3, 3)), "NaN"),
    ],
)
def test_bad_gamma_input_is_refused(call, text):
    with pytest.raises(DosimetryError, match=text):
        call()
