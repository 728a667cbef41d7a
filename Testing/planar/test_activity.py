"""Conjugate views against slabs and ellipsoids whose photons are followed through the body by integration."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.camera.calibration import typed_calibration
from RNTDosimetryLib.camera.dead_time import DeadTime, observed_rate_cps
from RNTDosimetryLib.kinetics import fit_time_activity, hybrid_curve
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.planar.activity import PhotonPath, PlanarView, conjugate_activity, planar_curve

REPEATS = 200
# 200 draws with probability 0.683: mean 136.6, standard deviation 6.6; three standard deviations.
ONE_SIGMA_RANGE = (117, 156)
SHAPE = (24, 32)
SENSITIVITY = 8.0
CALIBRATION = typed_calibration("Lu-177", SENSITIVITY, 0.03)
DECAY_PER_S = get_nuclide("Lu-177").decay_constant_per_h / 3600


def organ_mask():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[6:16, 5:13] = True
    return mask


def beside_mask():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[6:16, 16:20] = True
    return mask


def slab_counts(activity_mbq, depth_mm, organ_mm, body_mm, mu_per_cm, background=0.0, duration_s=600.0):
    """Expected counts of both views, posterior as stored (seen from behind): integrals of exp(-mu x) over organ and background.

    background: MBq per pixel and mm in the body outside the organ.
    """
    mu = mu_per_cm / 10
    inside = organ_mask()
    seconds = -math.expm1(-DECAY_PER_S * duration_s) / DECAY_PER_S
    views = []
    for depth in (depth_mm, body_mm - depth_mm):
        a, b = depth - organ_mm / 2, depth + organ_mm / 2
        organ = quad(lambda x: math.exp(-mu * x), a, b)[0] / organ_mm * activity_mbq / inside.sum()
        column = quad(lambda x: math.exp(-mu * x), 0, body_mm)[0]
        hidden = quad(lambda x: math.exp(-mu * x), a, b)[0]
        image = np.where(inside, organ + background * (column - hidden), background * column)
        views.append(SENSITIVITY * seconds * image)
    return views[0], np.fliplr(views[1])


def views_of(counts, duration_s=600.0):
    return PlanarView(counts[0], duration_s), PlanarView(counts[1], duration_s)


def measured(counts, path, duration_s=600.0, **more):
    values = {"region": "kidney", "start_h": 24.0, "nuclide": "Lu-177", "calibration": CALIBRATION} | more
    return conjugate_activity(*views_of(counts, duration_s), organ_mask(), path, **values)


@settings(deadline=None, max_examples=30)
@given(
    place=st.floats(0, 1), organ=st.floats(5, 150), body=st.floats(160, 350), mu=st.floats(0, 0.18), activity=st.floats(1, 500)
)
def test_activity_of_a_slab_at_any_depth(place, organ, body, mu, activity):
    """The geometric mean of a uniform slab does not depend on its depth; the formula is exact for it."""
    depth = organ / 2 + place * (body - organ)
    result = measured(slab_counts(activity, depth, organ, body, mu), PhotonPath(mu, body, organ))
    assert result.value == pytest.approx(activity, rel=1e-7)
    assert result.unit == "MBq"


def test_worked_factors():
    """By hand: mu 0.12 per cm, body 20 cm: exp(1.2) = 3.320117; organ 5 cm: 0.3/0.3045203 = 0.985156."""
    path = PhotonPath(0.12, 200.0, 50.0)
    assert path.attenuation_factor == pytest.approx(3.320117, rel=1e-6)
    assert path.self_attenuation_factor == pytest.approx(0.985156, rel=1e-6)
    assert PhotonPath(0.12, 200.0, 50.0, transmission=0.16).attenuation_factor == pytest.approx(2.5)


@settings(deadline=None, max_examples=20)
@given(place=st.floats(0.05, 0.95), organ=st.floats(20, 80), mu=st.floats(0, 0.18))
def test_background_in_front_and_behind_is_taken_off(place, organ, mu):
    """Uniform background of a fifth of the organ's counts: exact when the depth is known."""
    depth = organ / 2 + place * (220 - organ)
    counts = slab_counts(50.0, depth, organ, 220.0, mu, background=0.001)
    path = PhotonPath(mu, 220.0, organ, depth_mm=depth)
    assert measured(counts, path, background=beside_mask()).value == pytest.approx(50.0, rel=1e-6)


def test_background_without_a_depth_is_an_approximation():
    """In the middle of the body the share of the thickness takes off nearly the right part; nothing taken off is 25 % too much."""
    counts = slab_counts(50.0, 110.0, 40.0, 220.0, 0.11, background=0.001)
    path = PhotonPath(0.11, 220.0, 40.0)
    assert measured(counts, path, background=beside_mask()).value == pytest.approx(50.0, rel=0.03)
    without = measured(counts, path)
    assert without.value > 1.2 * 50.0
    assert "no background" in without.warnings[0]


def test_covered_part_is_replaced_by_the_free_part():
    """Another organ lies over a third of the region: with its pixels marked the activity is right, without it is far too high."""
    counts = [view.copy() for view in slab_counts(80.0, 90.0, 50.0, 210.0, 0.11)]
    other = np.zeros(SHAPE, dtype=bool)
    other[2:9, 3:14] = True
    counts[0][other] *= 3
    counts[1][np.fliplr(other)] *= 3
    path = PhotonPath(0.11, 210.0, 50.0)
    assert measured(counts, path, covered=other).value == pytest.approx(80.0, rel=1e-7)
    assert measured(counts, path).value > 1.4 * 80.0


def test_scatter_windows():
    """By hand: peak 1000 in 40 keV, 120 in 20 keV below, 30 in 10 keV above: scatter (6 + 3) 20 = 180; variance 1000 + 120 + 4 x 30."""
    ones = np.ones((2, 2))
    view = PlanarView(1000 * ones, 60.0, 120 * ones, 30 * ones, 40.0, 20.0, 10.0)
    counts, variance = view.primary()
    assert counts == pytest.approx(820 * ones)
    assert variance == pytest.approx(1240 * ones)
    lower_only, _ = PlanarView(1000 * ones, 60.0, 120 * ones, None, 40.0, 20.0).primary()
    assert lower_only == pytest.approx(880 * ones)


def test_scatter_and_dead_time_reach_the_activity():
    """30 % scatter that fills the windows evenly, and a camera that lost exp(-0.2) of everything."""
    primary = slab_counts(60.0, 100.0, 50.0, 200.0, 0.1)
    factor = DeadTime(1e-6, uncertainty_s=1e-8).factor(float(observed_rate_cps(2e5, 1e-6)))
    views = []
    for counts in primary:
        scatter = 0.3 * counts.mean() * np.ones(SHAPE)
        lost = math.exp(-0.2)
        views.append(
            PlanarView(
                lost * (counts + scatter), 600.0, lost * scatter / 2, lost * scatter / 4, 40.0, 20.0, 10.0, dead_time=factor
            )
        )
    path = PhotonPath(0.1, 200.0, 50.0)
    result = conjugate_activity(*views, organ_mask(), path, "kidney", 24.0, "Lu-177", CALIBRATION)
    assert result.value == pytest.approx(60.0, rel=1e-9)
    assert result.systematic_parts["dead time anterior"] == pytest.approx(0.5 * 2e5 * 1e-8 / 0.8, rel=1e-6)


def test_ellipsoid_in_an_elliptic_body():
    """A kidney of 60 x 50 x 110 mm off center, followed through the body voxel by voxel; mean thicknesses: within 3 %."""
    step, mu = 3.0, 0.011
    z, y, x = np.meshgrid(np.arange(-90, 90, step), np.arange(-110, 110, step), np.arange(-170, 170, step), indexing="ij")
    body = (x / 160) ** 2 + (y / 105) ** 2 <= 1
    organ = ((x + 60) / 30) ** 2 + ((y - 45) / 25) ** 2 + (z / 55) ** 2 <= 1
    path_front = np.cumsum(body, axis=1) * step - 0.5 * step
    path_back = body.sum(axis=1, keepdims=True) * step - path_front
    share = 100.0 / organ.sum()
    seconds = -math.expm1(-DECAY_PER_S * 600) / DECAY_PER_S
    front, back = (SENSITIVITY * seconds * share * (organ * np.exp(-mu * path)).sum(axis=1) for path in (path_front, path_back))
    inside = organ.any(axis=1)
    organ_mm = float((organ.sum(axis=1) * step)[inside].mean())
    body_mm = float((body.sum(axis=1) * step)[inside].mean())
    views = PlanarView(front, 600.0), PlanarView(np.fliplr(back), 600.0)
    result = conjugate_activity(*views, inside, PhotonPath(0.11, body_mm, organ_mm), "kidney", 24.0, "Lu-177", CALIBRATION)
    assert result.value == pytest.approx(100.0, rel=0.03)


def test_counting_uncertainty_covers_the_truth():
    """200 Poisson pairs with background and scatter windows: about 68 % within the stated random uncertainty."""
    path = PhotonPath(0.11, 220.0, 40.0, depth_mm=120.0)
    expected = [0.01 * view for view in slab_counts(50.0, 120.0, 40.0, 220.0, 0.11, background=0.001)]
    low_sensitivity = typed_calibration("Lu-177", 0.01 * SENSITIVITY, 0.03)
    rng = np.random.default_rng(9)
    covered = 0
    for _ in range(REPEATS):
        views = []
        for counts in expected:
            scatter = 0.2 * counts.mean()
            lower = rng.poisson(scatter / 2, SHAPE)
            upper = rng.poisson(scatter / 2, SHAPE)
            views.append(PlanarView(rng.poisson(counts + scatter), 600.0, lower, upper, 40.0, 20.0, 20.0))
        result = conjugate_activity(
            *views, organ_mask(), path, "kidney", 24.0, "Lu-177", low_sensitivity, background=beside_mask()
        )
        covered += abs(result.value - 50.0) <= result.random_uncertainty
    assert ONE_SIGMA_RANGE[0] <= covered <= ONE_SIGMA_RANGE[1]


def test_systematic_uncertainty_covers_wrong_inputs():
    """200 draws of thickness, coefficient and sensitivity as stated: about 68 % within the stated systematic uncertainty."""
    counts = slab_counts(50.0, 90.0, 60.0, 210.0, 0.11)
    rng = np.random.default_rng(10)
    covered = 0
    for _ in range(REPEATS):
        draw = rng.standard_normal(4)
        path = PhotonPath(
            0.11 + 0.004 * draw[0],
            210.0 + 5.0 * draw[1],
            60.0 + 6.0 * draw[2],
            mu_uncertainty_per_cm=0.004,
            body_uncertainty_mm=5.0,
            organ_uncertainty_mm=6.0,
        )
        calibration = replace(CALIBRATION, sensitivity_cps_per_mbq=SENSITIVITY * (1 + 0.03 * draw[3]))
        result = measured(counts, path, calibration=calibration)
        covered += abs(result.value - 50.0) <= result.systematic_relative_uncertainty * result.value
    assert ONE_SIGMA_RANGE[0] <= covered <= ONE_SIGMA_RANGE[1]


@pytest.mark.parametrize("transmission", [None, 0.1])
def test_uncertainty_of_the_factors_is_their_slope(transmission):
    """Each part against the difference of the two factors together."""
    path = PhotonPath(0.12, 210.0, 60.0, transmission, None, 1e-6, 1e-4, 1e-4, 1e-7 if transmission else None)
    fields = {
        "attenuation coefficient": ("mu_per_cm", 1e-6),
        "body thickness": ("body_mm", 1e-4),
        "organ thickness": ("organ_mm", 1e-4),
        "transmission": ("transmission", 1e-7),
    }
    parts = path.relative_parts()
    assert set(parts) == set(fields) - ({"transmission"} if transmission is None else {"body thickness"})
    for cause, part in parts.items():
        name, step = fields[cause]
        both = [replace(path, **{name: getattr(path, name) + sign * step}) for sign in (-1, 1)]
        logs = [math.log(item.attenuation_factor * item.self_attenuation_factor) for item in both]
        assert part == pytest.approx(abs(logs[1] - logs[0]) / 2, rel=1e-3)


def test_unknown_parts_stay_unknown():
    result = measured(slab_counts(50.0, 90.0, 60.0, 210.0, 0.11), PhotonPath(0.11, 210.0, 60.0))
    assert result.systematic_relative_uncertainty is None
    assert result.systematic_parts["calibration"] == pytest.approx(0.03)


def test_hybrid_curve_from_planar_values():
    """Planar values without calibration at 1 to 168 h and one SPECT give the time-integrated activity of the truth."""
    half_life_h, first = 50.0, 120.0
    truth = [(hours, first * 2 ** (-hours / half_life_h)) for hours in (1.0, 24.0, 48.0, 96.0, 168.0)]
    path = PhotonPath(0.11, 220.0, 40.0)
    points = [
        measured(slab_counts(activity, 120.0, 40.0, 220.0, 0.11), path, calibration=None, start_h=hours)
        for hours, activity in truth
    ]
    assert points[0].unit == "cps"
    curve = planar_curve(reversed(points))
    assert curve.times_h == (1.0, 24.0, 48.0, 96.0, 168.0)
    hybrid = hybrid_curve(
        curve.times_h, curve.values, 24.0, truth[1][1], planar_uncertainties=curve.uncertainties, spect_uncertainties_mbq=2.0
    )
    assert hybrid.activities_mbq == pytest.approx([activity for _, activity in truth], rel=1e-6)
    fit = fit_time_activity(hybrid.times_h, hybrid.activities_mbq, "Lu-177", hybrid.uncertainties_mbq, model="mono")
    assert fit.tia_mbq_h == pytest.approx(first * half_life_h / math.log(2), rel=1e-4)


def test_posterior_is_mirrored_unless_told():
    counts = slab_counts(50.0, 90.0, 60.0, 210.0, 0.11)
    path = PhotonPath(0.11, 210.0, 60.0)
    same = measured((counts[0], np.fliplr(counts[1])), path, mirror_posterior=False)
    assert same.value == pytest.approx(50.0, rel=1e-7)
    with pytest.raises(DosimetryError, match="in the posterior view"):
        measured((counts[0], np.fliplr(counts[1])), path)


def test_doubts_are_told():
    path = PhotonPath(0.15, 300.0, 50.0)
    result = measured(slab_counts(50.0, 30.0, 50.0, 300.0, 0.15), path, covered=np.arange(SHAPE[1])[None, :] * np.ones(SHAPE) > 7)
    assert any("covers 62%" in text for text in result.warnings)
    assert any("the two views differ" in text for text in result.warnings)
    assert any("of the photons pass" in text for text in result.warnings)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PhotonPath(12.0, 200.0, 50.0), "check the units"),
        (lambda: PhotonPath(0.1, 40.0, 50.0), "no thicker than the body"),
        (lambda: PhotonPath(0.1, 200.0, 50.0, transmission=1.4), "Expected a transmission"),
        (lambda: PhotonPath(0.1, 200.0, 50.0, depth_mm=190.0), "within the body"),
        (lambda: PhotonPath(0.1, 200.0, 50.0, body_uncertainty_mm=float("nan")), "uncertainties of zero or more"),
        (lambda: PlanarView(np.ones((4, 4)), 0.0), "positive duration"),
        (lambda: PlanarView(-np.ones((4, 4)), 10.0), "raw counts"),
        (lambda: PlanarView(np.ones((4, 4)), 10.0, np.ones((4, 4))), "widths in keV"),
        (lambda: PlanarView(np.ones((4, 4)), 10.0, None, np.ones((4, 4)), 40.0, None, 20.0), "lower scatter window"),
        (lambda: planar_curve([]), "at least one planar value"),
    ],
)
def test_impossible_inputs_are_refused(make, message):
    with pytest.raises(DosimetryError, match=message):
        make()


def test_unusable_regions_are_refused():
    counts, path = slab_counts(50.0, 90.0, 60.0, 210.0, 0.11), PhotonPath(0.11, 210.0, 60.0)
    point = measured(counts, path)
    for request, message in (
        (lambda: measured(counts, path, background=organ_mask()), "apart from it"),
        (lambda: measured(counts, path, covered=organ_mask()), "that no other organ covers"),
        (lambda: measured(counts, path, nuclide="Y-90"), "Expected a calibration for Y-90"),
        (lambda: measured((np.zeros(SHAPE), counts[1]), path), "in the anterior view"),
        (lambda: measured((counts[0], counts[1][:, :-1]), path), "two views of one size"),
        (lambda: planar_curve([point, replace(point, region="liver")]), "one region in one unit"),
        (lambda: planar_curve([point, point]), "one planar value at each time"),
    ):
        with pytest.raises(DosimetryError, match=message):
            request()
