"""Recovery from sphere phantom scans of the generator: spheres found, curve, uncertainty, and the coefficient of a region."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.camera.calibration import apply_calibration, typed_calibration
from RNTDosimetryLib.camera.recovery import (
    RecoveryCurve,
    apply_recovery,
    fit_recovery,
    read_recovery,
    volume_part_of_activity,
    write_recovery,
)
from RNTDosimetryLib.camera.spheres import DetectedSphere, detect_spheres, measure_sphere_recovery, sphere_mean, sphere_weights
from RNTDosimetryLib.images.drawing import sphere_region, sphere_volume_ml
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.measurement.activity import measure_activity
from RNTDosimetryLib.measurement.uncertainty import relative_content_uncertainty, sphere_recovery
from RNTDosimetryLib.phantom import sphere_scan
from RNTDosimetryLib.phantom.sources import blurred_sphere

REPEATS = 200
# 200 draws with probability 0.683: mean 136.6, standard deviation 6.6; three standard deviations.
ONE_SIGMA_RANGE = (117, 156)
VOLUMES_ML = (0.6, 1.0, 3.0, 10.0, 30.0, 100.0, 200.0)


@pytest.fixture(scope="module")
def cold():
    return sphere_scan()


@pytest.fixture(scope="module")
def warm():
    return sphere_scan(background_ratio=0.1)


@pytest.fixture(scope="module")
def exact(cold):
    """Recovery measured without noise at the true centers."""
    return measured(cold, cold.expected_counts, true_spheres(cold))


def image_of(scan, counts, uncertainty=0.02):
    calibration = typed_calibration(scan.nuclide, scan.sensitivity_cps_per_mbq, uncertainty)
    return apply_calibration(counts, scan.geometry, calibration, scan.nuclide, scan.duration_s, 0.0)


def true_spheres(scan):
    return [DetectedSphere(sphere.center_lps_mm, sphere.diameter_mm, 1.0) for sphere in scan.spheres]


def measured(scan, counts, spheres, **more):
    return measure_sphere_recovery(image_of(scan, counts), spheres, scan.concentration_bq_ml, scan.fwhm_mm, 0.01, **more)


def true_recovery(volume_ml, fwhm_mm, voxel_mm):
    """Mean of the generator's blurred sphere over its own ball, by quadrature; the voxels blur by voxel/sqrt(12) more."""
    radius = (volume_ml * 6000 / math.pi) ** (1 / 3) / 2
    sigma = math.hypot(fwhm_mm / 2.354820045, voxel_mm / math.sqrt(12))
    nodes, weights = np.polynomial.legendre.leggauss(200)
    r = radius * (nodes + 1) / 2
    return float((1.5 * weights * (r / radius) ** 2 * blurred_sphere(r, radius, sigma)).sum())


def truth(scan, volumes=VOLUMES_ML):
    return np.array([true_recovery(volume, scan.fwhm_mm, scan.geometry.spacing_mm[0]) for volume in volumes])


@pytest.mark.parametrize("name", ["cold", "warm"])
def test_spheres_are_found(name, request):
    """All seven within half a millimeter (below 20 mm: one) of the generator's centers, each with its diameter."""
    scan = request.getfixturevalue(name)
    found = detect_spheres(image_of(scan, scan.counts(3)), [sphere.diameter_mm for sphere in scan.spheres], scan.fwhm_mm)
    for sphere, true in zip(found, scan.spheres):
        assert sphere.diameter_mm == true.diameter_mm
        assert np.linalg.norm(np.subtract(sphere.center_lps_mm, true.center_lps_mm)) < (1.0 if true.diameter_mm < 20 else 0.5)


def test_spheres_are_found_in_a_turned_image(cold):
    """The order of the axes and their directions do not matter: the same voxels with x and y of the patient swapped and mirrored."""
    grid = cold.geometry
    direction = ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    turned = replace(cold, geometry=ImageGeometry(grid.size, grid.spacing_mm, (10.0, 20.0, 30.0), direction))
    found = detect_spheres(image_of(turned, cold.counts(3)), [sphere.diameter_mm for sphere in cold.spheres], cold.fwhm_mm)
    shift = turned.geometry.index_to_lps @ np.linalg.inv(grid.index_to_lps)
    for sphere, true in zip(found, cold.spheres):
        assert np.linalg.norm(sphere.center_lps_mm - (shift @ np.append(true.center_lps_mm, 1))[:3]) < 1.0


@pytest.mark.parametrize("name", ["cold", "warm"])
def test_recovery_of_the_spheres(name, request):
    """Without noise, at the true centers: the mean of the blurred sphere by quadrature, within 0.01 (0.5 % for the large ones)."""
    scan = request.getfixturevalue(name)
    result = measured(scan, scan.expected_counts, true_spheres(scan))
    assert result.recoveries == pytest.approx(truth(scan, result.volumes_ml), abs=0.0025)


@pytest.mark.parametrize("name", ["cold", "warm"])
def test_curve_within_three_percent_of_the_truth(name, request):
    """Found, measured and fitted from one noisy scan (required: 3 %; measured: 0.5 %), from 0.6 to 200 mL."""
    scan = request.getfixturevalue(name)
    image = image_of(scan, scan.counts(8))
    found = detect_spheres(image, [sphere.diameter_mm for sphere in scan.spheres], scan.fwhm_mm)
    scanned = measure_sphere_recovery(image, found, scan.concentration_bq_ml, scan.fwhm_mm, 0.01)
    curve = fit_recovery(scanned.volumes_ml, scanned.recoveries, scanned.uncertainties)
    assert curve.model == "gaussian"
    assert curve.value(VOLUMES_ML) == pytest.approx(truth(scan), rel=0.01)
    # The resolution comes out as well: 11 mm and the voxels, in squares.
    assert curve.parameters["fwhm_mm"] == pytest.approx(math.hypot(11.0, 4.8 / math.sqrt(12) * 2.3548), rel=0.01)


def test_logistic_curve_says_where_it_does_not_fit(cold, exact):
    """The two-parameter curve misses a Gaussian camera by more than 3 %: the lack of fit covers it, and a warning says so."""
    scanned = measured(cold, cold.counts(8), true_spheres(cold))
    curve = fit_recovery(scanned.volumes_ml, scanned.recoveries, scanned.uncertainties, "logistic")
    errors = curve.value(VOLUMES_ML) - truth(cold)
    assert np.abs(errors / truth(cold)).max() > 0.03
    stated = np.array([curve.coefficient(volume).uncertainty for volume in VOLUMES_ML])
    assert np.abs(errors / stated).max() < 2
    assert "misses the spheres" in curve.warnings[0]
    spread = np.sqrt(np.mean((curve.value(exact.volumes_ml) - exact.recoveries) ** 2 * 7 / 5))
    assert curve.lack_of_fit == pytest.approx(spread, rel=0.25)


def test_stated_uncertainties_cover_the_truth(cold, exact):
    """200 noisy scans, the filled concentration wrong by 1 % and the calibration by 2 % as stated: about 68 % within 1 sigma.

    A sixth of the counts: noise of the small spheres is several per cent.
    """
    scan = replace(cold, expected_counts=cold.expected_counts / 6, sensitivity_cps_per_mbq=cold.sensitivity_cps_per_mbq / 6)
    spheres = detect_spheres(image_of(scan, scan.counts(1)), [sphere.diameter_mm for sphere in scan.spheres], scan.fwhm_mm)
    rng = np.random.default_rng(20250304)
    true = truth(cold)
    covered, per_sphere = np.zeros(len(VOLUMES_ML)), np.zeros(len(spheres))
    for _ in range(REPEATS):
        common = math.hypot(0.01, 0.02) * rng.standard_normal()
        scanned = measured(scan, scan.counts(rng), spheres, surroundings_bq_ml=0.0)
        per_sphere += np.abs(np.subtract(scanned.recoveries, exact.recoveries)) <= scanned.uncertainties
        curve = fit_recovery(
            scanned.volumes_ml,
            np.multiply(scanned.recoveries, 1 + common),
            scanned.uncertainties,
            "gaussian",
            scanned.systematic_relative_uncertainty,
        )
        stated = [curve.coefficient(volume).uncertainty for volume in VOLUMES_ML]
        covered += np.abs(curve.value(VOLUMES_ML) - true) <= stated
    assert per_sphere.sum() == pytest.approx(0.683 * REPEATS * len(spheres), rel=0.1)
    # One parameter: the error has one sign and one size relative to the stated one at all volumes.
    assert np.all((covered >= ONE_SIGMA_RANGE[0]) & (covered <= ONE_SIGMA_RANGE[1]))


@pytest.mark.parametrize("model", ["logistic", "gaussian"])
def test_fit_covariance_covers_the_truth(model):
    """200 sets of points about an exact curve with known noise: fit and volume parts cover at the stated rate."""
    rng = np.random.default_rng(1)
    volumes = np.array([0.5, 1.15, 2.6, 5.6, 11.5, 26.5, 113.0])

    def curve_at(v):
        v = np.asarray(v, dtype=float)
        return 1 - 1 / (1 + (v / 4.0) ** 0.9) if model == "logistic" else np.array([sphere_recovery(x, 12.0) for x in v])

    sigma = 0.03 * np.ones(volumes.size)
    fit_covers = with_volume = 0
    for _ in range(REPEATS):
        curve = fit_recovery(
            volumes, np.maximum(curve_at(volumes) + sigma * rng.standard_normal(volumes.size), 0.01), sigma, model
        )
        true = 8.0
        fit_covers += abs(float(curve.value([true])[0]) - curve_at([true])[0]) <= curve.coefficient(true).fit_part
        drawn = true * (1 + 0.15 * rng.standard_normal())
        found = curve.coefficient(drawn, 0.15)
        with_volume += abs(found.value - curve_at([true])[0]) <= found.uncertainty
    assert ONE_SIGMA_RANGE[0] <= fit_covers <= ONE_SIGMA_RANGE[1]
    assert ONE_SIGMA_RANGE[0] <= with_volume <= ONE_SIGMA_RANGE[1]


def test_worked_logistic_coefficient():
    """By hand: b1 = 4 mL, b2 = 1, v = 12 mL: R = 3/4, dR/dv = 4/16^2 = 1/64, dR/db1 = -12/16^2 = -3/64, dR/db2 = 3 ln 3/16."""
    curve = RecoveryCurve(
        "logistic", {"b1_ml": 4.0, "b2": 1.0}, ((0.04, 0.002), (0.002, 0.01)), (1.0, 30.0), (0.2, 0.9), None, 0.01
    )
    found = curve.coefficient(12.0, 0.1)
    a, b = -3 / 64, 3 * math.log(3) / 16
    assert found.value == pytest.approx(0.75)
    assert found.volume_part == pytest.approx(1.2 / 64, rel=1e-6)
    assert found.fit_part == pytest.approx(math.sqrt(a * a * 0.04 + 2 * a * b * 0.002 + b * b * 0.01), rel=1e-6)
    assert found.uncertainty == pytest.approx(math.sqrt(found.fit_part**2 + found.volume_part**2 + 0.01**2), rel=1e-12)
    assert curve.coefficient(12.0).volume_part is None


@settings(deadline=None, max_examples=40)
@given(
    volume=st.floats(0.05, 3000), factor=st.floats(1.01, 3), fwhm=st.floats(3, 25), b1=st.floats(0.2, 30), b2=st.floats(0.3, 2.5)
)
def test_recovery_grows_with_the_volume(volume, factor, fwhm, b1, b2):
    for model, parameters in (("logistic", {"b1_ml": b1, "b2": b2}), ("gaussian", {"fwhm_mm": fwhm})):
        covariance = tuple(tuple(0.01 * (i == j) for j in range(len(parameters))) for i in range(len(parameters)))
        curve = RecoveryCurve(model, parameters, covariance, (1.0, 30.0), (0.2, 0.9), None)
        low, high = curve.value([volume, volume * factor])
        assert 0 < low < high < 1
        assert math.isfinite(curve.coefficient(volume, 0.2).uncertainty)


def test_region_gets_its_coefficient():
    """A 3 cm sphere in a blurred image: with the curve of the camera its activity is right, without it 45 % are lost."""
    grid = ImageGeometry((40, 40, 40), (4.0, 4.0, 4.0), (-78.0, -78.0, -78.0))
    z, y, x = np.meshgrid(*[np.arange(40) * 4.0 - 78.0] * 3, indexing="ij")
    region = sphere_region(grid, (0.7, -1.1, 0.4), 30.0, "lesion")
    region = replace(region, occupancy=(region.occupancy >= 0.5).astype(np.uint8))
    distance = np.sqrt((x - 0.7) ** 2 + (y + 1.1) ** 2 + (z - 0.4) ** 2)
    spheres = [DetectedSphere((0, 0, 0), diameter, 1.0) for diameter in (10.0, 17.0, 28.0, 45.0)]
    curve = fit_recovery(
        [s.volume_ml for s in spheres], [sphere_recovery(s.volume_ml, 13.0) for s in spheres], [0.01] * 4, "gaussian"
    )
    corrected, coefficient = apply_recovery(region, curve, 0.05)
    image = image_of(sphere_scan(), np.zeros((44, 64, 64)))
    image = replace(image, geometry=grid, concentration_bq_ml=1e6 * blurred_sphere(distance, 15.0, 13.0 / 2.3548))
    result = measure_activity(image, corrected)
    assert result.activity_mbq == pytest.approx(sphere_volume_ml(30.0), rel=0.02)
    assert measure_activity(image, region).activity_mbq < 0.6 * sphere_volume_ml(30.0)
    assert result.recovery_relative_uncertainty == pytest.approx(coefficient.curve_uncertainty / coefficient.value)
    assert coefficient.uncertainty == pytest.approx(math.hypot(coefficient.curve_uncertainty, coefficient.volume_part))


def test_volume_counts_once_in_content_and_recovery():
    """Monte Carlo: outlines of spheres with a wrong radius, content by the blurred sphere, recovery by the curve."""
    fwhm, volume, relative = 12.0, 14.0, 0.06
    radius, sigma = (volume * 6000 / math.pi) ** (1 / 3) / 2, fwhm / 2.3548
    curve = RecoveryCurve("gaussian", {"fwhm_mm": fwhm}, ((0.0,),), (1.0, 100.0), (0.2, 0.9), None)
    rng = np.random.default_rng(2)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    activities = []
    for drawn in volume * (1 + relative * rng.standard_normal(1500)):
        outline = (drawn * 6000 / math.pi) ** (1 / 3) / 2
        r = outline * (nodes + 1) / 2
        content = float((2 * math.pi * outline * weights * r**2 * blurred_sphere(r, radius, sigma)).sum()) / 1000
        activities.append(content / float(curve.value([drawn])[0]))
    spread = np.std(activities) / np.mean(activities)
    assert volume_part_of_activity(curve, volume, relative, fwhm) == pytest.approx(spread, rel=0.1)
    assert spread < relative_content_uncertainty(volume, relative, fwhm)


def test_sphere_mean_is_exact_for_smooth_functions():
    """A linear function over a ball has the value at its center; a square has 3/5 r2 (mean of the squared radius) more; weights sum to 1."""
    grid = ImageGeometry((24, 26, 28), (3.0, 4.0, 5.0), (0.0, 0.0, 0.0))
    z, y, x = np.meshgrid(np.arange(24) * 3.0, np.arange(26) * 4.0, np.arange(28) * 5.0, indexing="ij")
    center, diameter = (61.3, 49.2, 33.7), 25.0
    linear = 2 * x - 3 * y + z
    assert sphere_mean(linear, grid, center, diameter) == pytest.approx(2 * 61.3 - 3 * 49.2 + 33.7, abs=0.01)
    squared = (x - 61.3) ** 2 + (y - 49.2) ** 2 + (z - 33.7) ** 2
    assert sphere_mean(squared, grid, center, diameter) == pytest.approx(0.6 * 12.5**2, rel=1e-3)
    assert sphere_weights(grid, center, diameter)[1].sum() == pytest.approx(1.0)


def test_file_and_plot_data(exact, tmp_path):
    curve = fit_recovery(
        exact.volumes_ml, exact.recoveries, [0.01] * 7, systematic_relative_uncertainty=0.02, setup={"window": "208 keV"}
    )
    path = write_recovery(curve, tmp_path / "recovery.json")
    assert read_recovery(path) == curve
    data = curve.plot_data()
    assert np.all(data["lower"] < data["recovery"])
    assert np.all(np.diff(data["recovery"]) > 0)
    assert data["point_error"].tolist() == [0.01] * 7
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"model": "spline"}))
    with pytest.raises(DosimetryError, match="Expected a recovery file that is whole in"):
        read_recovery(path)
    path.write_text("[]")
    with pytest.raises(DosimetryError, match="Expected a recovery file"):
        read_recovery(path)
    path.write_text("{")
    with pytest.raises(DosimetryError, match="cannot be read"):
        read_recovery(path)
    with pytest.raises(DosimetryError, match="found none"):
        read_recovery(tmp_path / "none.json")


def test_without_uncertainties_the_scatter_is_taken(exact):
    rng = np.random.default_rng(4)
    values = np.array(exact.recoveries) + 0.02 * rng.standard_normal(7)
    curve = fit_recovery(exact.volumes_ml, values, model="gaussian")
    assert 0.01 < curve.lack_of_fit < 0.04
    assert curve.chi2 is None
    assert "scatter" in curve.warnings[0]


def test_far_volumes_and_strong_corrections_are_warned_about(exact):
    curve = fit_recovery(exact.volumes_ml, exact.recoveries, [0.01] * 7)
    assert curve.coefficient(20.0).warnings == ()
    assert "far outside" in curve.coefficient(1800.0).warnings[0]
    assert "multiplied by" in curve.coefficient(0.5).warnings[0]


@pytest.mark.parametrize(
    ("volumes", "values", "sigma", "message"),
    [
        ([1, 2, 3], [0.3, 0.5], None, "one recovery per volume"),
        ([1, 1, 3], [0.3, 0.3, 0.5], None, "different positive volumes"),
        ([1, 2, 3], [0.3, -0.1, 0.5], None, "between 0 and 2"),
        ([1, 2, 3], [0.3, 0.4, 0.5], [0.1, 0, 0.1], "positive uncertainty for each"),
        ([1, 2], [0.3, 0.4], [0.1, 0.1], "Expected at least 3 spheres"),
    ],
)
def test_unusable_points_are_refused(volumes, values, sigma, message):
    with pytest.raises(DosimetryError, match=message):
        fit_recovery(volumes, values, sigma)


def test_unusable_scans_are_refused(cold):
    image = image_of(cold, cold.counts(3))
    diameters = [sphere.diameter_mm for sphere in cold.spheres]
    with pytest.raises(DosimetryError, match="Expected 9 spheres that stand out"):
        detect_spheres(image, [*diameters, 50.0, 44.0], cold.fwhm_mm)
    with pytest.raises(DosimetryError, match="differ by 5 %"):
        detect_spheres(image, [10.0, 10.2], cold.fwhm_mm)
    with pytest.raises(DosimetryError, match="filled with one concentration"):
        detect_spheres(image, [60.0, 50.0, 45.0, 40.0, 35.0, 33.0, 30.0], cold.fwhm_mm)
    with pytest.raises(DosimetryError, match="that leaves it"):
        measure_sphere_recovery(image, [DetectedSphere((150.0, 0, 0), 30.0, 1.0)], 1e6, 11.0)
    with pytest.raises(DosimetryError, match="above their surroundings"):
        measure_sphere_recovery(image, true_spheres(cold), 1e6, 11.0, surroundings_bq_ml=2e6)
    with pytest.raises(DosimetryError, match="positive concentration"):
        measure_sphere_recovery(image, true_spheres(cold), 0.0, 11.0)
