"""Isocontour, threshold, hottest sphere and equal sphere against blurred spheres by formula."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.drawing import (
    equivalent_sphere,
    fixed_threshold,
    hot_sphere,
    isocontour,
    sphere_occupancy,
    sphere_region,
    sphere_volume_ml,
)
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import ActivityImage, Region
from RNTDosimetryLib.phantom.sources import blurred_sphere

GRID = ImageGeometry((46, 48, 50), (2.5, 2.5, 2.5), (-60.0, -60.0, -60.0))
CENTER, RADIUS, SIGMA = (4.0, -6.0, 2.0), 18.0, 5.0


def distance_from(center, grid=GRID):
    z, y, x = (o + s * np.arange(n) for o, s, n in zip(grid.origin_lps_mm[::-1], grid.spacing_mm, grid.size))
    return np.sqrt(
        (x[None, None, :] - center[0]) ** 2 + (y[None, :, None] - center[1]) ** 2 + (z[:, None, None] - center[2]) ** 2
    )


def image_of(values, grid=GRID):
    return ActivityImage("lesions", grid, values, "Lu-177", 24.0)


@pytest.fixture(scope="module")
def two():
    """A hot sphere of 18 mm radius, and a cooler one of 10 mm."""
    values = 1e6 * blurred_sphere(distance_from(CENTER), RADIUS, SIGMA)
    return image_of(values + 6e5 * blurred_sphere(distance_from((40.0, 40.0, 35.0)), 10.0, SIGMA))


@pytest.mark.parametrize("fraction", [0.30, 0.41, 0.42])
def test_isocontour_has_the_radius_of_the_profile(two, fraction):
    """Radius where the blurred profile is that share of its maximum, by root finding: volume within 2 %."""
    top = float(blurred_sphere(0.0, RADIUS, SIGMA))
    radius = brentq(lambda r: float(blurred_sphere(r, RADIUS, SIGMA)) - fraction * top, 1.0, 40.0)
    drawn = isocontour(two, fraction)
    assert drawn.region.volume_ml == pytest.approx(sphere_volume_ml(2 * radius), rel=0.02)
    assert drawn.threshold_bq_ml == pytest.approx(fraction * drawn.maximum_bq_ml)
    assert drawn.warnings == ()


def test_isocontour_above_a_background(two):
    """With a level of 2e5 under everything the contour of maximum minus background is the same."""
    lifted = replace(two, concentration_bq_ml=two.concentration_bq_ml + 2e5)
    assert np.array_equal(isocontour(lifted, 0.41, background_bq_ml=2e5).region.occupancy, isocontour(two, 0.41).region.occupancy)


def test_contour_stays_in_its_region(two):
    """Asked around the cooler sphere, its own maximum counts."""
    around = sphere_region(GRID, (40.0, 40.0, 35.0), 34.0, "around")
    drawn = isocontour(two, 0.42, within=around)
    assert np.linalg.norm(np.subtract(drawn.center_lps_mm, (40, 40, 35))) < 3
    assert drawn.region.volume_ml < 0.4 * isocontour(two, 0.42).region.volume_ml


def test_threshold_with_and_without_other_parts(two):
    one, both = fixed_threshold(two, 2e5), fixed_threshold(two, 2e5, connected=False)
    assert both.region.volume_ml > one.region.volume_ml + 2.0
    assert fixed_threshold(two, 3e5).region.volume_ml < one.region.volume_ml
    assert float(two.concentration_bq_ml[one.region.occupancy > 0].min()) >= 2e5


def test_hot_sphere_finds_the_hottest_place():
    """A small hot spot of high maximum loses against a large lump of higher mean: every place compared by brute force."""
    rng = np.random.default_rng(3)
    grid = ImageGeometry((14, 15, 16), (4.0, 5.0, 3.0), (0.0, 0.0, 0.0))
    image = image_of(rng.gamma(2.0, 1e4, grid.size), grid)
    found = hot_sphere(image, 17.0)
    best = 0.0
    for z in range(14):
        for y in range(15):
            for x in range(16):
                center = (3.0 * x, 5.0 * y, 4.0 * z)
                try:
                    box, share = sphere_occupancy(grid, center, 17.0)
                except DosimetryError:
                    continue
                best = max(best, float((image.concentration_bq_ml[box] * share).sum() / share.sum()))
    assert found.mean_bq_ml == pytest.approx(best, rel=5e-3)
    assert found.region.volume_ml == pytest.approx(sphere_volume_ml(17.0), rel=1e-6)


def test_hot_sphere_of_one_milliliter_in_a_flat_lesion(two):
    """In the middle of a large sphere: the mean of its profile over a ball of 6.2 mm, by quadrature; 12.4 mm hold 1 mL (pi/6 d3)."""
    found = hot_sphere(two)
    assert found.region.volume_ml == pytest.approx(0.99830, abs=1e-4)
    assert np.linalg.norm(np.subtract(found.center_lps_mm, CENTER)) < 2.5
    r = np.linspace(0, 6.2, 200)
    expected = 1e6 * np.trapezoid(3 * r**2 / 6.2**3 * blurred_sphere(r, RADIUS, SIGMA), r)
    assert found.mean_bq_ml == pytest.approx(expected, rel=5e-3)


@settings(deadline=None, max_examples=25)
@given(
    diameter=st.floats(4, 40),
    center=st.tuples(*[st.floats(-25, 25)] * 3),
    spacing=st.tuples(*[st.floats(1.5, 6)] * 3),
)
def test_sphere_region_has_the_volume_of_the_sphere(diameter, center, spacing):
    grid = ImageGeometry(tuple(int(100 / s) for s in spacing), spacing, (-48.0, -48.0, -48.0))
    region = sphere_region(grid, center, diameter, "sphere")
    assert region.volume_ml == pytest.approx(sphere_volume_ml(diameter), rel=1e-5)


def test_equivalent_sphere():
    """A box of 20 x 20 x 60 mm: sphere of 24 mL, second moments 1/12 of the squared sides, so elongation 3."""
    occupancy = np.zeros((30, 20, 20), dtype=np.uint8)
    occupancy[5:25, 5:15, 5:15] = 1
    grid = ImageGeometry(occupancy.shape, (3.0, 2.0, 2.0))
    found = equivalent_sphere(Region("box", grid, occupancy))
    assert found.volume_ml == pytest.approx(24.0)
    assert found.diameter_mm == pytest.approx((6 * 24000 / math.pi) ** (1 / 3))
    assert found.elongation == pytest.approx(3.0, rel=1e-9)
    assert equivalent_sphere(sphere_region(GRID, (0, 0, 0), 40.0, "sphere")).elongation == pytest.approx(1.0, abs=0.01)


def test_doubtful_contours_are_warned_about(two):
    assert "outside the usual" in isocontour(two, 0.6).warnings[0]
    half = image_of(two.concentration_bq_ml[24:], replace(GRID, size=(22, 48, 50)))
    assert any("edge of the image" in text for text in isocontour(half).warnings)
    assert any("fewer than 8 voxels" in text for text in isocontour(two, 0.9999).warnings)
    coarse = ImageGeometry((20, 20, 20), (8.0, 8.0, 8.0), (-80.0, -80.0, -80.0))
    assert "is noisy" in hot_sphere(image_of(np.ones(coarse.size), coarse)).warnings[0]


def test_unusable_requests_are_refused(two):
    far = sphere_region(ImageGeometry((20, 20, 20), (5.0, 5.0, 5.0), (500.0, 0.0, 0.0)), (540, 40, 40), 20.0, "elsewhere")
    for request, message in (
        (lambda: isocontour(two, 41), "above 0 and below 1"),
        (lambda: isocontour(two, 0.4, background_bq_ml=1e9), "above the background"),
        (lambda: isocontour(two, 0.4, within=far), "to hold a voxel"),
        (lambda: fixed_threshold(two, 1e9), "lower the threshold"),
        (lambda: fixed_threshold(two, -1.0), "positive threshold"),
        (lambda: hot_sphere(two, 300.0), "use a smaller one"),
        (lambda: hot_sphere(two, 0.0), "positive diameter"),
        (lambda: sphere_region(GRID, (80.0, 0.0, 0.0), 30.0, "out"), "that leaves it"),
    ):
        with pytest.raises(DosimetryError, match=message):
            request()
