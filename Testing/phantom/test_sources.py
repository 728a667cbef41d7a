"""Calibration scans of the generator against what a camera with a Gaussian point spread must give."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.phantom.sources import (
    blurred_disc,
    blurred_point,
    blurred_slab,
    blurred_sphere,
    decaying_source,
    planar_scan,
    point_scan,
    sphere_scan,
    uniform_scan,
)

SIGMA = 11.0 / 2.3548


def sampled(inside, step, half):
    """A shape on a fine grid, blurred numerically; gives coordinates and values along the x axis through the center."""
    axis = np.arange(-half, half + step / 2, step)
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    image = gaussian_filter(inside(x, y, z).astype(float), SIGMA / step, truncate=6)
    middle = len(axis) // 2
    return axis, image[middle, middle]


def test_sphere_profile_is_a_blurred_ball():
    """Against a numerical convolution on a 1 mm grid."""
    axis, values = sampled(lambda x, y, z: x**2 + y**2 + z**2 <= 14.0**2, 1.0, 40.0)
    assert blurred_sphere(np.abs(axis), 14.0, SIGMA) == pytest.approx(values, abs=0.006)


def test_disc_profile_against_the_closed_form_at_the_center():
    """At the center 1 - exp(-R2/2s2) (Rayleigh distribution)."""
    for radius in (5.0, 20.0, 108.0):
        assert float(blurred_disc(0.0, radius, SIGMA)) == pytest.approx(-np.expm1(-0.5 * (radius / SIGMA) ** 2), rel=1e-9)


def test_profiles_hold_the_content_of_their_shape():
    """A blur moves activity and keeps its amount: pi R2, 4/3 pi R3, 1, 2h."""
    r = np.linspace(0, 150, 30001)
    assert np.trapezoid(2 * np.pi * r * blurred_disc(r, 30.0, SIGMA), r) == pytest.approx(np.pi * 30.0**2, rel=1e-5)
    assert np.trapezoid(4 * np.pi * r**2 * blurred_sphere(r, 9.0, SIGMA), r) == pytest.approx(4 / 3 * np.pi * 9.0**3, rel=1e-6)
    assert np.trapezoid(4 * np.pi * r**2 * blurred_point(r, SIGMA), r) == pytest.approx(1.0, rel=1e-6)
    assert 2 * np.trapezoid(blurred_slab(r, 40.0, SIGMA), r) == pytest.approx(80.0, rel=1e-6)


@pytest.mark.parametrize("make", [planar_scan, point_scan, uniform_scan, sphere_scan])
def test_counts_are_sensitivity_times_activity_times_time(make):
    """Total counts = S A (1 - exp(-lambda t)) / lambda, plus the room background of the planar image."""
    scan = make()
    decay = get_nuclide(scan.nuclide).decay_constant_per_h / 3600
    expected = scan.sensitivity_cps_per_mbq * scan.activity_mbq * -np.expm1(-decay * scan.duration_s) / decay
    background = 0.004 * scan.duration_s * scan.expected_counts.size if scan.kind == "planar" else 0.0
    assert scan.expected_counts.sum() - background == pytest.approx(expected, rel=2e-4)
    hours = (scan.start - scan.source_measured).total_seconds() / 3600
    half_life_h = get_nuclide(scan.nuclide).half_life_h
    assert scan.source_activity_mbq * 0.5 ** (hours / half_life_h) == pytest.approx(scan.activity_mbq, rel=1e-12)


def test_background_fills_the_sphere_phantom():
    scan = sphere_scan(background_ratio=0.1)
    decay = get_nuclide(scan.nuclide).decay_constant_per_h / 3600
    expected = scan.sensitivity_cps_per_mbq * scan.activity_mbq * -np.expm1(-decay * scan.duration_s) / decay
    assert scan.expected_counts.sum() == pytest.approx(expected, rel=2e-3)
    with pytest.raises(DosimetryError, match="Expected a background of 0 to less than 1"):
        sphere_scan(background_ratio=1.2)


def test_noise_is_poisson_and_repeats():
    scan = point_scan()
    once, again, other = scan.counts(3), scan.counts(3), scan.counts(4)
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    bright = scan.expected_counts > 25
    chi2 = float((((once - scan.expected_counts) ** 2) / np.maximum(scan.expected_counts, 1e-9))[bright].mean())
    assert chi2 == pytest.approx(1.0, abs=5 * np.sqrt(2 / bright.sum()))


def test_rates_have_their_dead_time():
    """At n tau = 0.48: exp(-0.48) is lost by a paralyzable camera, 1/1.48 by the other."""
    paralyzable, other = decaying_source(), decaying_source("non-paralyzable")
    true = paralyzable.wide_spectrum_cps_per_mbq * paralyzable.activities_mbq[0]
    assert true * paralyzable.dead_time_s == pytest.approx(0.48)
    assert paralyzable.expected_cps[0] / true == pytest.approx(0.618783, rel=1e-5)
    assert other.expected_cps[0] / true == pytest.approx(1 / 1.48, rel=1e-9)
    with pytest.raises(DosimetryError, match="paralyzable or non-paralyzable"):
        decaying_source("hybrid")
