import dataclasses

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.ndimage import maximum_filter, minimum_filter
from scipy.special import erf

from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.phantom import PhantomSettings, blurred_map, load_anatomy, load_protocol, simulate_scan, true_map
from RNTDosimetryLib.phantom.body import Anatomy, Structure, index_to_patient, shape_from_data
from RNTDosimetryLib.phantom.camera import FWHM_PER_SIGMA, ct_image, with_counting_noise
from RNTDosimetryLib.phantom.course import scan_pose
from RNTDosimetryLib.phantom.scans import mean_concentrations_bq_ml, phantom_regions

FWHM_MM = 11.0


def one_sphere(radius_mm, center_mm=(0.0, 0.0, 0.0)):
    data = {"kind": "ellipsoid", "center_mm": list(center_mm), "semi_axes_mm": [radius_mm] * 3}
    return Anatomy((Structure("sphere", "sphere", 50.0, 1.04, shape_from_data(data, {})),), ("sphere",))


def centered_grid(voxels, spacing):
    half = [(n - 1) / 2 * s for n, s in zip(voxels, spacing)]
    return ImageGeometry(tuple(voxels), tuple(spacing), (-half[2], -half[1], -half[0]))


def blurred_sphere(distance, radius, sigma):
    """Gaussian convolution of a unit sphere, at a distance from its center: the radial integral done by hand."""
    near, far, width = radius - distance, radius + distance, sigma * np.sqrt(2)
    edge = sigma / (distance * np.sqrt(2 * np.pi)) * (np.exp(-((near / width) ** 2)) - np.exp(-((far / width) ** 2)))
    return (erf(near / width) + erf(far / width)) / 2 - edge


@pytest.mark.parametrize("radius_mm", [12.0, 20.0, 35.0])
def test_recovery_of_a_sphere_is_that_of_the_convolution_integral(radius_mm):
    """Voxel averaging of 4 mm adds 4^2 / 12 to the variance of the point spread on each axis."""
    grid = centered_grid((41, 41, 41), (4.0, 4.0, 4.0))
    anatomy = one_sphere(radius_mm, (0.7, -1.1, 0.4))
    image = blurred_map(anatomy, {"sphere": 1.0}, grid, FWHM_MM)
    measured = image[true_map(anatomy, {"sphere": 1.0}, grid) > 0].mean()
    sigma = np.sqrt((FWHM_MM / FWHM_PER_SIGMA) ** 2 + 4.0**2 / 12)
    expected = 3 / radius_mm**3 * quad(lambda d: blurred_sphere(d, radius_mm, sigma) * d * d, 1e-6, radius_mm)[0]
    assert measured == pytest.approx(expected, rel=0.02)


def test_profile_of_a_blurred_sphere():
    grid = centered_grid((41, 41, 41), (4.0, 4.0, 4.0))
    image = blurred_map(one_sphere(24.0), {"sphere": 1.0}, grid, FWHM_MM)
    sigma = np.sqrt((FWHM_MM / FWHM_PER_SIGMA) ** 2 + 4.0**2 / 12)
    distances = 4.0 * np.arange(1, 12)
    np.testing.assert_allclose(image[20, 20, 21:32], [blurred_sphere(d, 24.0, sigma) for d in distances], atol=0.01)


@pytest.mark.parametrize("spacing", [(4.8, 4.8, 4.8), (6.0, 4.0, 5.0)])
def test_blur_moves_activity_but_keeps_it(spacing):
    """All kidneys, liver, spleen and lesions lie well inside the field of view: nothing may be lost or gained."""
    anatomy = load_anatomy()
    voxels = tuple(round(extent / s) for extent, s in zip((380, 320, 400), spacing))
    grid = centered_grid(voxels, spacing)
    values = {"kidney_left": 3.0, "liver": 1.0, "lesion_3": 5.0, "spleen": 2.0}
    blurred = blurred_map(anatomy, values, grid, FWHM_MM).sum(dtype=float)
    fine = centered_grid(tuple(2 * n for n in voxels), tuple(s / 2 for s in spacing))
    assert blurred == pytest.approx(true_map(anatomy, values, fine).sum(dtype=float) / 8, rel=1e-5)


def test_activity_beyond_the_ends_of_the_field_of_view_spills_in():
    """The end slices of a long body must not fade: the patient goes on beyond the field of view."""
    anatomy, grid = load_anatomy(), centered_grid((10, 60, 80), (5.0, 5.0, 5.0))
    uniform = dict.fromkeys(anatomy.regions, 1.0)
    image = blurred_map(anatomy, uniform, grid, FWHM_MM)
    assert image[0, 42, 25] == pytest.approx(1.0, abs=1e-3)
    assert image[-1, 42, 25] == pytest.approx(1.0, abs=1e-3)


def test_noise_is_poisson_of_the_stated_counts():
    """200 000 voxels of 640 expected counts: mean within 4 standard errors, variance = mean counts within 1.5 %."""
    counts_per_bq_ml = 0.110592 * 1e-6 * 20.0 * 1500.0
    mean = np.full((20, 100, 100), 640.0 / counts_per_bq_ml)
    noisy = with_counting_noise(mean, 0.110592, 1500.0, 20.0, np.random.default_rng(3)) * counts_per_bq_ml
    assert noisy.mean(dtype=float) == pytest.approx(640.0, abs=4 * np.sqrt(640.0 / mean.size))
    assert noisy.var(dtype=float) == pytest.approx(640.0, rel=0.015)
    np.testing.assert_allclose(noisy, np.rint(noisy), atol=1e-3)


def test_scan_noise_has_the_size_that_the_protocol_states():
    """Noisy minus noise-free image, in units of the Poisson standard deviation, has mean 0 and variance 1."""
    settings = PhantomSettings(size="small", seed=5)
    scan, clean = (simulate_scan(dataclasses.replace(settings, noise=noise), 1) for noise in (True, False))
    protocol = load_protocol()
    per_bq_ml = scan.spect_geometry.voxel_volume_ml * 1e-6 * protocol.sensitivity_cps_per_mbq * scan.duration_s
    expected = clean.spect_bq_ml.astype(float) * per_bq_ml
    inside = expected > 20
    score = (scan.spect_bq_ml[inside] * per_bq_ml - expected[inside]) / np.sqrt(expected[inside])
    assert inside.sum() > 5000
    assert score.mean() == pytest.approx(0.0, abs=4 / np.sqrt(inside.sum()))
    assert score.var() == pytest.approx(1.0, abs=4 * np.sqrt(2 / inside.sum()))
    ct_noise = scan.ct.hounsfield - clean.ct.hounsfield
    liver = clean.ct.hounsfield > 0
    assert ct_noise[liver].std() == pytest.approx(protocol.ct_noise_hu["follow_up"], rel=0.02)


def test_without_blur_a_voxel_is_the_true_concentration_at_its_center():
    settings = PhantomSettings(size="small", blur=False, noise=False, motion=False)
    scan = simulate_scan(settings, 2)
    truth = mean_concentrations_bq_ml(load_protocol().scans[2])
    for region in phantom_regions(settings, scan.spect_geometry):
        values = scan.spect_bq_ml[region.occupancy > 0]
        assert np.unique(values).size == 1
        assert values[0] == pytest.approx(truth[region.name], rel=1e-6)


def test_truth_matrix_takes_tissue_of_the_first_scan_to_its_place_in_ct_and_spect():
    """Points at least two voxels inside one structure: carried by the matrix of the truth they meet the same structure."""
    settings = PhantomSettings(size="small", blur=False, noise=False, seed=11)
    anatomy, scan = load_anatomy(), simulate_scan(settings, 3)
    grid = load_protocol().geometry("small", "spect")
    labels = anatomy.labels(grid.index_to_lps, grid.size)
    interior = np.argwhere((minimum_filter(labels, 5) == maximum_filter(labels, 5)) & (labels > 0))
    own = labels[tuple(interior.T)]
    moved = np.array(scan.reference_to_scan) @ grid.index_to_lps @ np.column_stack([interior[:, ::-1], np.ones(len(interior))]).T
    table = anatomy.table(mean_concentrations_bq_ml(load_protocol().scans[3]))
    for image, geometry, values, tolerance in (
        (scan.ct.hounsfield, scan.ct.geometry, anatomy.hounsfield_table(), 1.0),
        (scan.spect_bq_ml, scan.spect_geometry, table, 0.01),
    ):
        index = np.rint((np.linalg.inv(geometry.index_to_lps) @ moved)[:3][::-1]).astype(int)
        seen = np.all((index >= 0) & (index < np.array(geometry.size)[:, None]), axis=0)
        assert seen.sum() > 4000
        np.testing.assert_allclose(image[tuple(index[:, seen])], values[own[seen]], atol=tolerance)


def test_couch_stays_while_the_patient_moves():
    """Where both patients leave air, two CTs of one grid with other poses are the same, couch included."""
    settings = PhantomSettings(size="full", noise=False, seed=4)
    anatomy, protocol = load_anatomy(), load_protocol()
    geometry = dataclasses.replace(protocol.geometry("full", "ct_follow_up"), size=(8, 224, 224))
    poses = [scan_pose(settings, protocol, index) for index in (1, 2)]
    first, second = (ct_image(anatomy, geometry, 0.0, 0.0, None, pose) for pose in poses)
    air = np.logical_and.reduce([anatomy.labels(index_to_patient(geometry, pose), geometry.size) == 0 for pose in poses])
    np.testing.assert_array_equal(first[air], second[air])
    assert (first[air] > -100).sum() > 1000
    assert not np.array_equal(first, second)
