"""Recovery that nobody gave: the resolution found in an image, and what blur may have done to a mean, against balls that are blurred exactly."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.images import ActivityImage, ImageGeometry, Region, occupancy_on_grid
from RNTDosimetryLib.measurement.uncertainty import sphere_recovery
from RNTDosimetryLib.measurement.unknown_recovery import ImageResolution, image_resolution, of_range, unknown_recovery
from RNTDosimetryLib.phantom.sources import blurred_sphere

GRID = ImageGeometry((32, 32, 32), (4.0, 4.0, 4.0), (-62.0, -62.0, -62.0))
FINE = ImageGeometry((60, 60, 60), (1.5, 1.5, 1.5), (-44.25, -44.25, -44.25))
GIVEN = ImageResolution(12.0, 12.0, 12.0, "given")


def distance(geometry):
    z, y, x = (np.arange(n) * s + o for n, s, o in zip(geometry.size, geometry.spacing_mm, geometry.origin_lps_mm[::-1]))
    return np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)


def ball(volume_ml, fwhm_mm, background=0.0, noise=0.0, nuclide="Lu-177"):
    """(image of 1e5 Bq/mL in a ball, its occupancy), blurred exactly."""
    radius = (3000 * volume_ml / (4 * math.pi)) ** (1 / 3)
    region = Region("ball", FINE, distance(FINE) <= radius)
    seen = blurred_sphere(distance(GRID), radius, fwhm_mm / 2.3548)
    values = 1e5 * (seen + background * (1 - seen))
    if noise:
        values = values * (1 + noise * np.random.default_rng(5).standard_normal(GRID.size))
    return ActivityImage("SPECT", GRID, values, nuclide, 24.0), occupancy_on_grid(region, GRID)


@pytest.mark.parametrize(("fwhm", "background", "noise"), [(8, 0, 0), (12, 0.1, 0.05), (16, 0.2, 0.05)])
def test_the_resolution_is_found_at_the_border_of_a_region(fwhm, background, noise):
    """The search has steps of 0.5 mm, and the occupancy of voxels of 4 mm is itself blurred."""
    image, occupancy = ball(100, fwhm, background, noise)
    found = image_resolution(image, {"ball": occupancy})
    assert found.origin == "from the image"
    assert abs(found.fwhm_mm - fwhm) <= 1.0
    assert found.low_mm < fwhm < found.high_mm


def test_a_given_resolution_wins_and_an_image_that_shows_nothing_takes_the_usual_range_of_its_kind():
    image, occupancy = ball(100, 12)
    assert image_resolution(image, {"ball": occupancy}, 9.0).fwhm_mm == 9.0
    flat = {
        nuclide: ActivityImage("flat", GRID, np.full(GRID.size, 1e4), nuclide, 24.0) for nuclide in ("Lu-177", "Ga-68", "Y-90")
    }
    found = {nuclide: image_resolution(item, {"ball": occupancy}) for nuclide, item in flat.items()}
    assert {item.origin for item in found.values()} == {"usual"}
    assert found["Ga-68"].high_mm <= found["Lu-177"].low_mm, "positron emission tomography is sharper"
    assert found["Y-90"].low_mm < found["Lu-177"].low_mm < found["Lu-177"].high_mm < found["Y-90"].high_mm


def test_the_usual_range_of_spect_holds_what_recoveries_of_a_small_sphere_say():
    """Hippelainen et al., EJNMMI Res 6 (2016) 16: 0.19 and 0.43 for an insert of 1.3 cm with 177Lu, without and with collimator response."""
    volume = math.pi / 6 * 1.3**3
    assert sphere_recovery(volume, 8.0) == pytest.approx(0.43, abs=0.01)
    assert sphere_recovery(volume, 13.9) == pytest.approx(0.19, abs=0.01)


@pytest.mark.parametrize("background", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("volume", [20.0, 100.0])
def test_the_true_mean_lies_between_low_and_high(volume, background):
    """20 mL at 12 mm: R 0.649 (docs/regions_and_activity.md), so without surroundings 1/R = 1.541 times what is measured."""
    image, occupancy = ball(volume, 12, background)
    measured = float((image.concentration_bq_ml * occupancy).sum() / occupancy.sum())
    found = unknown_recovery([image], [occupancy], [1.0], GIVEN)
    assert found.low <= 1.02 * 1e5 / measured
    assert found.high >= 0.98 * 1e5 / measured
    assert abs(1e5 / measured - 1) < 2 * found.relative_uncertainty
    if background == 0:
        expected = 1 / sphere_recovery(volume, 12)
        assert found.high == pytest.approx(expected, rel=0.03)
        assert found.relative_uncertainty == pytest.approx(expected - 1, rel=0.1)


def test_a_cold_region_in_warm_surroundings_may_hold_less_than_it_shows():
    image, occupancy = ball(20, 12, background=3.0)
    found = unknown_recovery([image], [occupancy], [1.0], GIVEN)
    measured = float((image.concentration_bq_ml * occupancy).sum() / occupancy.sum())
    assert found.low < 1e5 / measured < 1.0


def test_a_sharp_image_and_an_even_one_leave_nothing_unknown():
    image, occupancy = ball(100, 0.01)
    resolution = image_resolution(image, {"ball": occupancy})
    assert resolution.fwhm_mm <= 3
    even = ActivityImage("even", GRID, np.full(GRID.size, 7e3), "Lu-177", 24.0)
    found = unknown_recovery([even], [occupancy], [1.0], GIVEN)
    assert found.low < 1.0 < found.high
    assert 0.5 * (found.low + found.high) == pytest.approx(1.0, abs=0.05)


@settings(max_examples=200, deadline=None)
@given(low=st.floats(0.0, 3.0), width=st.floats(0.0, 5.0))
def test_two_standard_uncertainties_hold_the_whole_range(low, width):
    """u2 = (a2 + ab + b2)/3 is least, (b/2)2, at a = -b/2: twice it reaches b whatever the range."""
    found = of_range(low, low + width, GIVEN)
    assert 2 * found.relative_uncertainty >= max(abs(found.low - 1), abs(found.high - 1)) * (1 - 1e-9)
