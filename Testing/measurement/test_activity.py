"""Activity of regions: means on the native grid, fields of view, tiny regions, uncertainty by parts, lesions in and out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ActivityImage, ImageGeometry, Region, exclude_lesions, occupancy_on_grid
from RNTDosimetryLib.images.resampling import centers_inside
from RNTDosimetryLib.measurement import measure_activity, region_mass_g, time_activity_curve
from RNTDosimetryLib.measurement.uncertainty import (
    relative_content_uncertainty,
    relative_volume_uncertainty,
    sphere_recovery,
    surface_share,
)

CT = ImageGeometry((60, 80, 80), (2.0, 1.5, 1.5), (-60.0, -60.0, -60.0))
SPECT = ImageGeometry((26, 26, 26), (4.8, 4.8, 4.8), (-61.13, -59.17, -60.59))


def lps(geometry):
    z, y, x = np.meshgrid(*(np.arange(n) for n in geometry.size), indexing="ij")
    return (np.stack([x, y, z, np.ones_like(x)], axis=-1) @ geometry.index_to_lps.T)[..., :3]


def sphere(radius_mm, center=(0.0, 0.0, 0.0), geometry=CT, name="lesion", **more):
    return Region(name, geometry, np.linalg.norm(lps(geometry) - center, axis=-1) <= radius_mm, **more)


def image(values, geometry=SPECT, **more):
    return ActivityImage("SPECT", geometry, values, **{"nuclide": "Lu-177", "start_h": 24.0, **more})


def shift(x, y, z):
    matrix = np.eye(4)
    matrix[:3, 3] = (x, y, z)
    return matrix


def test_uniform_image_gives_its_concentration_times_the_volume_as_drawn():
    region = sphere(20)
    result = measure_activity(image(np.full(SPECT.size, 5000.0)), region)
    assert result.mean_concentration_bq_ml == pytest.approx(5000)
    assert result.activity_mbq == pytest.approx(5000 * region.volume_ml / 1e6)
    assert result.coverage == 1
    assert result.warnings == ()
    # a sphere of 20 mm on voxels of 1.5 x 1.5 x 2 mm: 4/3 pi r3 to 0.5 %
    assert region.volume_ml == pytest.approx(4 / 3 * math.pi * 8, rel=0.005)


def test_the_mean_is_that_of_the_native_voxels_with_their_center_inside():
    # the sphere itself is the truth: no voxel center may be wrong by more than half a CT voxel (1 mm)
    values = np.random.default_rng(3).uniform(10, 100, SPECT.size)
    region = sphere(17, (4, -3, 6))
    distance = np.linalg.norm(lps(SPECT) - (4, -3, 6), axis=-1)
    picked = centers_inside(region, SPECT)
    assert picked[distance < 16].all()
    assert not picked[distance > 18].any()
    result = measure_activity(image(values), region)
    assert result.voxels == picked.sum()
    assert result.mean_concentration_bq_ml == pytest.approx(np.float32(values)[picked].mean(dtype=float), rel=1e-6)


def test_a_smooth_outline_has_no_bias_from_the_stairs_of_the_mask():
    # many spheres at random places: the centers inside fill the true volume, a little less where the outline is convex
    random = np.random.default_rng(23)
    fine = ImageGeometry((60, 60, 60), (2.0, 2.0, 2.0), (-59.37, -59.21, -59.48))
    coarse = ImageGeometry((36, 54, 54), (3.0, 2.0, 2.0), (-54.0, -54.0, -52.0))
    counted, true = 0, 0
    for _ in range(20):
        center = random.uniform(-10, 10, 3)
        counted += centers_inside(sphere(21, center, coarse), fine).sum()
        true += (np.linalg.norm(lps(fine) - center, axis=-1) <= 21).sum()
    assert 0.985 < counted / true < 1.005


def test_the_matrix_takes_points_of_the_region_to_points_of_the_image():
    # a hot block at x = +30 in the image; the region is drawn at x = 0 and the patient has moved by +30
    values = np.where(np.linalg.norm(lps(SPECT) - (30, 0, 0), axis=-1) < 14, 1000.0, 0.0)
    assert measure_activity(image(values), sphere(8), shift(30, 0, 0)).mean_concentration_bq_ml == pytest.approx(1000)
    assert measure_activity(image(values), sphere(8), shift(-30, 0, 0)).mean_concentration_bq_ml == 0


def test_recovery_divides_and_adds_its_uncertainty():
    region = sphere(20, recovery_coefficient=0.8, recovery_coefficient_uncertainty=0.04)
    result = measure_activity(image(np.full(SPECT.size, 5000.0), calibration_uncertainty=0.03), region)
    assert result.activity_mbq == pytest.approx(5000 * region.volume_ml / 1e6 / 0.8)
    assert result.mean_concentration_bq_ml == pytest.approx(5000)
    assert result.recovery_relative_uncertainty == pytest.approx(0.05)
    assert result.systematic_relative_uncertainty == pytest.approx(math.hypot(0.05, 0.03))


@pytest.mark.parametrize(("edge", "share"), [(0.75, 0.528112), (9.75, 0.836659)])
def test_coverage_is_the_share_of_the_volume_in_the_field_of_view(edge, share):
    # sphere of r = 20 mm cut by a plane at t from its center: 1/2 + 3/4 t/r - 1/4 (t/r)3; planes between voxels of 1.5 mm
    upper_edge = SPECT.origin_lps_mm[0] + 25.5 * 4.8
    region = sphere(20)
    result = measure_activity(image(np.full(SPECT.size, 100.0)), region, shift(upper_edge - edge, 0, 0))
    assert result.coverage == pytest.approx(share, abs=0.003)
    assert result.extrapolated
    assert result.activity_mbq == pytest.approx(100 * region.volume_ml / 1e6)
    assert "extrapolated" in result.warnings[0]


def test_region_outside_the_field_of_view_is_refused():
    with pytest.raises(DosimetryError, match="received one wholly outside it"):
        measure_activity(image(np.ones(SPECT.size)), sphere(10), shift(300, 0, 0))


def test_region_smaller_than_a_voxel_is_measured_by_occupancy():
    values = np.zeros(SPECT.size)
    values[12, 12, 12] = 800.0
    corner = lps(SPECT)[12, 12, 12] + 2.2  # near the corner of the voxel, so that its center is not inside
    result = measure_activity(image(values), sphere(1.9, corner - 0.9))
    assert result.fractional
    assert 0 < result.mean_concentration_bq_ml < 800
    assert "fractional occupancy" in result.warnings[0]


def test_white_noise_of_a_uniform_region_is_that_of_its_voxels():
    # white noise averaged over N voxels has the standard error sigma/sqrt(N); its correlation, which is none, is taken a little wider than found
    random = np.random.default_rng(17)
    region = sphere(25)
    result = measure_activity(image(1000 + random.normal(0, 50, SPECT.size)), region)
    expected = 50 / math.sqrt(result.voxels) * region.volume_ml / 1e6
    assert 0.9 * expected < result.random_uncertainty_mbq < 1.5 * expected


def test_noise_uncertainty_covers_the_truth():
    # 200 images whose noise has the point spread that is assumed: about 68 % of the errors lie within 1 sigma
    from scipy import ndimage

    random, fwhm = np.random.default_rng(29), 12.0
    region, within = sphere(22), 0
    occupancies = {region.name: occupancy_on_grid(region, SPECT)}
    for _ in range(200):
        noise = ndimage.gaussian_filter(random.normal(0, 1, SPECT.size), fwhm / 2.3548 / 4.8)
        result = measure_activity(
            image(1000 + 100 * noise / noise.std()), region, resolution_fwhm_mm=fwhm, occupancies=occupancies
        )
        within += abs(result.mean_concentration_bq_ml - 1000) * region.volume_ml / 1e6 < result.random_uncertainty_mbq
    assert 0.58 <= within / 200 <= 0.80  # binomial, 3 sigma about 0.683


def test_uncertainty_formulas_at_the_worked_point():
    # a 4.42 mm, FWHM 12 mm, v 20 mL: u(v)/v 0.662, phi 0.759, R 0.649, u(C)/C 0.387 (values worked out by hand from the formulas)
    volume_part = relative_volume_uncertainty(20, 4.42, 12)
    assert volume_part == pytest.approx(0.662, abs=5e-4)
    assert surface_share(20, 12) == pytest.approx(0.759, abs=5e-4)
    assert sphere_recovery(20, 12) == pytest.approx(0.649, abs=5e-4)
    assert relative_content_uncertainty(20, volume_part, 12) == pytest.approx(0.387, abs=5e-4)


@pytest.mark.parametrize("volume_ml", [2.0, 20.0, 150.0])
def test_sphere_recovery_agrees_with_a_blurred_sphere(volume_ml):
    # outside truth: a sphere on a 1 mm grid, blurred numerically
    from scipy import ndimage

    fwhm = 9.0
    radius = (3000 * volume_ml / (4 * math.pi)) ** (1 / 3)
    half = int(radius + 2 * fwhm)
    axis = np.arange(-half, half + 1)
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
    inside = (z**2 + y**2 + x**2 <= radius**2).astype(np.float32)
    blurred = ndimage.gaussian_filter(inside, fwhm / 2.3548)
    assert sphere_recovery(volume_ml, fwhm) == pytest.approx(float(blurred[inside > 0].mean()), rel=0.01)


def test_boundary_uncertainty_is_unknown_without_a_resolution():
    result = measure_activity(image(np.ones(SPECT.size)), sphere(20))
    assert result.boundary_relative_uncertainty is None
    assert result.volume_relative_uncertainty is None
    curve = time_activity_curve([result])
    assert any("not included" in warning for warning in curve.warnings)


def test_boundary_uncertainty_uses_the_image_that_was_drawn_on():
    region = sphere(20)
    spect = measure_activity(image(np.ones(SPECT.size)), region, resolution_fwhm_mm=12)
    ct = measure_activity(image(np.ones(SPECT.size)), region, resolution_fwhm_mm=12, delineation_fwhm_mm=1)
    assert ct.volume_relative_uncertainty < 0.2 * spect.volume_relative_uncertainty
    voxel_mm = (2.0 * 1.5 * 1.5) ** (1 / 3)
    assert ct.volume_relative_uncertainty == pytest.approx(relative_volume_uncertainty(region.volume_ml, voxel_mm, 1))


def test_curve_is_in_order_of_time_and_keeps_systematic_parts_apart():
    region = sphere(20, recovery_coefficient_uncertainty=0.1)
    results = [measure_activity(image(np.full(SPECT.size, 100.0 / hours), start_h=hours), region) for hours in (96.0, 4.0, 24.0)]
    curve = time_activity_curve(results)
    assert curve.times_h == (4, 24, 96)
    assert curve.activities_mbq[0] > curve.activities_mbq[2]
    assert curve.systematic_relative_uncertainty == pytest.approx(0.1)
    assert curve.uncertainties_mbq == pytest.approx((0, 0, 0), abs=1e-9)
    assert type(curve).from_dict(curve.to_dict()) == curve


def test_curve_refuses_what_does_not_belong_together():
    one = measure_activity(image(np.ones(SPECT.size)), sphere(20))
    other = measure_activity(image(np.ones(SPECT.size), start_h=50), sphere(20, name="kidney"))
    with pytest.raises(DosimetryError, match="measurements of one region"):
        time_activity_curve([one, other])
    with pytest.raises(DosimetryError, match="one measurement at each time"):
        time_activity_curve([one, one])
    with pytest.raises(DosimetryError, match="at least one measurement"):
        time_activity_curve([])


def test_mass_typed_or_from_density():
    region = sphere(20)
    assert region_mass_g(region) == pytest.approx(region.volume_ml * 1.04)
    assert region_mass_g(region, 1.2) == pytest.approx(region.volume_ml * 1.2)
    assert region_mass_g(sphere(20, density_g_ml=0.3), 1.2) == pytest.approx(region.volume_ml * 0.3)
    assert region_mass_g(sphere(20, mass_g=33.0, density_g_ml=0.3)) == 33


def test_lesions_are_taken_out_of_the_organ_and_the_organ_stays():
    organ, lesion = sphere(30, name="liver"), sphere(10, (5, 0, 0), name="lesion 1", kind="lesion")
    away = sphere(8, (-45, 0, 0), name="lesion 2", kind="lesion")
    (rest,) = exclude_lesions([organ, lesion, away])
    assert rest.name == "liver without lesions"
    assert rest.volume_ml == pytest.approx(organ.volume_ml - lesion.volume_ml)
    assert exclude_lesions([organ, away]) == ()


def test_lesion_on_another_grid_is_taken_out_by_its_share_of_each_voxel():
    fine = ImageGeometry((40, 40, 40), (0.8, 0.8, 0.8), (-16.0, -16.0, -16.0))
    organ, lesion = sphere(30, name="liver"), sphere(7, geometry=fine, name="lesion", kind="lesion")
    (rest,) = exclude_lesions([organ, lesion])
    assert rest.volume_ml == pytest.approx(organ.volume_ml - lesion.volume_ml, rel=1e-4)


@settings(deadline=None, max_examples=15)
@given(
    st.floats(2.5, 14),
    st.tuples(*[st.floats(-12, 12)] * 3),
    st.tuples(*[st.floats(-0.3, 0.3)] * 3),
    st.sampled_from([(4.8, 4.8, 4.8), (2.4, 4.0, 4.4), (1.0, 1.0, 3.0)]),
)
def test_occupancy_conserves_the_volume_of_any_region(radius, center, rotation, spacing):
    from scipy.spatial.transform import Rotation

    region = sphere(radius, center)
    target = ImageGeometry(tuple(int(110 / step) for step in spacing), spacing, (-55.0, -55.0, -55.0))
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(rotation).as_matrix()
    occupancy = occupancy_on_grid(region, target, matrix)
    assert 0 <= occupancy.min() <= occupancy.max() <= 1
    assert occupancy.sum(dtype=float) * target.voxel_volume_ml == pytest.approx(region.volume_ml, rel=0.002)


@settings(deadline=None, max_examples=8)
@given(st.floats(0.01, 1e4), st.floats(0.3, 1.5))
def test_activity_is_linear_in_the_image_and_inverse_in_recovery(scale, recovery):
    base = np.random.default_rng(1).uniform(1, 9, SPECT.size)
    one = measure_activity(image(base), sphere(15))
    other = measure_activity(image(base * scale), sphere(15, recovery_coefficient=recovery))
    assert other.activity_mbq == pytest.approx(one.activity_mbq * scale / recovery, rel=1e-5)
