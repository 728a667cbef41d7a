"""Sensitivity from calibration scans of the generator, the calibration file, its application, and the cross-check."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.camera.calibration import (
    Calibration,
    apply_calibration,
    check_calibration,
    combine_calibrations,
    read_calibration,
    typed_calibration,
    write_calibration,
)
from RNTDosimetryLib.camera.dead_time import DeadTime, observed_rate_cps
from RNTDosimetryLib.camera.sensitivity import CalibrationSource, calibrate_planar, calibrate_point, calibrate_uniform
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.measurement.balance import check_total_activity
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.phantom import planar_scan, point_scan, uniform_scan

REPEATS = 200
# 200 draws with probability 0.683: mean 136.6, standard deviation 6.6; three standard deviations.
ONE_SIGMA_RANGE = (117, 156)
HALF_LIFE_H = 6.647 * 24  # DDEP (BIPM Monographie-5): 177Lu 6.647 d


@pytest.fixture(scope="module")
def planar():
    return planar_scan()


@pytest.fixture(scope="module")
def point():
    return point_scan()


@pytest.fixture(scope="module")
def uniform():
    return uniform_scan()


def source_of(scan, error=0.0, uncertainty=0.02):
    return CalibrationSource(scan.nuclide, scan.source_activity_mbq * (1 + error), scan.source_measured, uncertainty)


def planar_masks(scan):
    _, y, x = scan.geometry.size
    distance = (
        np.hypot(*np.meshgrid(np.arange(y) - (y - 1) / 2, np.arange(x) - (x - 1) / 2, indexing="ij"))
        * scan.geometry.spacing_mm[1]
    )
    return distance < 75, distance > 110


def planar_result(scan, counts, **more):
    inside, background = planar_masks(scan)
    return calibrate_planar(counts[0], source_of(scan, **more), scan.start, scan.duration_s, inside, background)


def point_result(scan, counts, **more):
    return calibrate_point(counts, scan.geometry, source_of(scan, **more), scan.start, scan.duration_s, scan.fwhm_mm)


def uniform_result(scan, counts, volume_error=0.0, **more):
    volume = scan.volume_ml * (1 + volume_error)
    return calibrate_uniform(
        counts, scan.geometry, source_of(scan, **more), scan.start, scan.duration_s, volume, scan.fwhm_mm, 0.01
    )


@pytest.mark.parametrize("kind", ["planar", "point", "uniform"])
def test_sensitivity_within_one_percent(kind, request):
    """One noisy scan of each kind, the source known exactly: within 1 % of the generator's sensitivity (required)."""
    scan = request.getfixturevalue(kind)
    result = {"planar": planar_result, "point": point_result, "uniform": uniform_result}[kind](scan, scan.counts(seed=11))
    assert result.sensitivity_cps_per_mbq == pytest.approx(scan.sensitivity_cps_per_mbq, rel=0.005)
    assert result.kind == kind
    assert result.measured == scan.start
    assert not result.warnings


@pytest.mark.parametrize("kind", ["planar", "point", "uniform"])
def test_without_noise_the_sensitivity_is_that_of_the_generator(kind, request):
    scan = request.getfixturevalue(kind)
    result = {"planar": planar_result, "point": point_result, "uniform": uniform_result}[kind](scan, scan.expected_counts)
    assert result.sensitivity_cps_per_mbq == pytest.approx(scan.sensitivity_cps_per_mbq, rel=5e-4)


def binned(scan):
    """The scan with voxels twice as large, so that 200 repeats are quick."""
    z, y, x = scan.geometry.size
    counts = scan.expected_counts.reshape(z // 2, 2, y // 2, 2, x // 2, 2).sum(axis=(1, 3, 5))
    spacing = tuple(2 * step for step in scan.geometry.spacing_mm)
    return replace(scan, expected_counts=counts, geometry=ImageGeometry(counts.shape, spacing, scan.geometry.origin_lps_mm))


@pytest.mark.parametrize(
    ("kind", "share"), [("planar", 1.0), ("planar", 0.01), ("point", 1.0), ("point", 0.01), ("uniform", 0.01)]
)
def test_stated_uncertainty_covers_the_truth(kind, share, request):
    """200 repeats with errors of source (2 %) and volume (1 %) drawn as stated, with many counts and with few: about 68 % within 1 sigma."""
    scan = request.getfixturevalue(kind)
    scan = scan if kind == "planar" else binned(scan)
    scan = replace(
        scan, expected_counts=scan.expected_counts * share, sensitivity_cps_per_mbq=scan.sensitivity_cps_per_mbq * share
    )
    rng = np.random.default_rng(20250303)
    covered = 0
    for _ in range(REPEATS):
        source_error, volume_error = 0.02 * rng.standard_normal(), 0.01 * rng.standard_normal()
        counts = scan.counts(rng)
        if kind == "uniform":
            result = uniform_result(scan, counts, volume_error, error=source_error)
        else:
            result = {"planar": planar_result, "point": point_result}[kind](scan, counts, error=source_error)
        covered += abs(result.sensitivity_cps_per_mbq - scan.sensitivity_cps_per_mbq) <= result.uncertainty_cps_per_mbq
    assert ONE_SIGMA_RANGE[0] <= covered <= ONE_SIGMA_RANGE[1]


def test_count_noise_alone_is_covered(uniform):
    """Source and volume exact: what is left is counting noise, from the scatter of blocks."""
    scan = binned(uniform)
    scan = replace(scan, expected_counts=scan.expected_counts * 0.01, sensitivity_cps_per_mbq=scan.sensitivity_cps_per_mbq * 0.01)
    rng = np.random.default_rng(5)
    results = [uniform_result(scan, scan.counts(rng)) for _ in range(REPEATS)]
    values = np.array([item.sensitivity_cps_per_mbq for item in results])
    stated = np.array([item.parts["counts"] for item in results]) * values
    assert values.std(ddof=1) == pytest.approx(stated.mean(), rel=0.2)
    assert ONE_SIGMA_RANGE[0] <= np.sum(np.abs(values - scan.sensitivity_cps_per_mbq) <= stated) <= ONE_SIGMA_RANGE[1]


def test_the_source_decays_with_its_half_life():
    """After one half-life half is left; a residual measured later counts more at the first time. By hand."""
    measured = datetime(2025, 3, 3, 8)
    source = CalibrationSource("Lu-177", 100.0, measured, residual_mbq=2.0, residual_measured=measured + timedelta(hours=1))
    assert source.half_life_h == pytest.approx(HALF_LIFE_H, rel=1e-4)
    later = measured + timedelta(hours=source.half_life_h)
    assert source.activity_at(later) == pytest.approx(50.0 - 2.0 * 0.5 * 2 ** (1 / source.half_life_h), rel=1e-9)
    with pytest.raises(DosimetryError, match="within 10 half-lives"):
        source.activity_at(measured + timedelta(days=100))
    with pytest.raises(DosimetryError, match="timezone"):
        source.activity_at(datetime.fromisoformat("2025-03-03T10:00:00+01:00"))


def test_wrong_volume_is_noticed(uniform):
    result = uniform_result(uniform, uniform.expected_counts, volume_error=0.10)
    assert any("check filled volume" in text for text in result.warnings)


def test_dead_time_is_corrected_before_the_sensitivity(planar):
    """A camera that loses counts by a known dead time: the factor of the wide spectrum restores them."""
    dead_time = DeadTime(6e-7, uncertainty_s=3e-8)
    true_rate = 4e5
    lost = float(observed_rate_cps(true_rate, 6e-7))
    inside, background = planar_masks(planar)
    counts = planar.expected_counts[0] * lost / true_rate
    factor = dead_time.factor(lost)
    result = calibrate_planar(counts, source_of(planar), planar.start, planar.duration_s, inside, background, factor)
    assert result.sensitivity_cps_per_mbq == pytest.approx(planar.sensitivity_cps_per_mbq, rel=5e-4)
    assert result.parts["dead time"] == pytest.approx(4e5 * 3e-8 / (1 - 0.24), rel=1e-9)


def test_an_unknown_part_makes_the_uncertainty_unknown(planar):
    result = planar_result(planar, planar.expected_counts, uncertainty=None)
    assert result.relative_uncertainty is None
    assert result.unknown_parts == ("source",)
    assert result.parts["counts"] > 0


def test_file_gives_back_the_calibration(uniform, tmp_path):
    result = replace(uniform_result(uniform, uniform.counts(1)), setup={"collimator": "medium energy", "window": "208 keV 20 %"})
    path = write_calibration(result, tmp_path / "camera.json")
    assert read_calibration(path) == result
    data = json.loads(path.read_text())
    data["sensitivity_cps_per_mbq"] = -3
    path.write_text(json.dumps(data))
    with pytest.raises(DosimetryError, match="Expected a calibration file that is whole in camera"):
        read_calibration(path)
    data.pop("half_life_h")
    path.write_text(json.dumps(data))
    with pytest.raises(DosimetryError, match="Expected a calibration file that is whole in camera"):
        read_calibration(path)
    path.write_text('{"format": "other"}')
    with pytest.raises(DosimetryError, match="Expected a calibration file"):
        read_calibration(path)
    path.write_text("{")
    with pytest.raises(DosimetryError, match="cannot be read"):
        read_calibration(path)
    with pytest.raises(DosimetryError, match="found none"):
        read_calibration(tmp_path / "none.json")


def test_applied_calibration_gives_the_concentration(uniform):
    """Counts of the cylinder become its concentration at the start of acquisition (generator's truth)."""
    calibration = typed_calibration("Lu-177", uniform.sensitivity_cps_per_mbq, 0.04, uniform.start - timedelta(days=30))
    image = apply_calibration(
        uniform.expected_counts, uniform.geometry, calibration, "177Lu", uniform.duration_s, 5.0, uniform.start
    )
    middle = tuple(size // 2 for size in uniform.geometry.size)
    assert image.concentration_bq_ml[middle] == pytest.approx(uniform.concentration_bq_ml, rel=2e-4)
    assert image.calibration_uncertainty == 0.04
    assert image.warnings == ()
    loss = DeadTime(6e-7, uncertainty_s=2.25e-8).factor(float(observed_rate_cps(4e5, 6e-7)))
    corrected = apply_calibration(
        uniform.expected_counts, uniform.geometry, calibration, "177Lu", uniform.duration_s, 5.0, uniform.start, dead_time=loss
    )
    assert corrected.concentration_bq_ml[middle] == pytest.approx(uniform.concentration_bq_ml * np.exp(0.24), rel=2e-4)
    # 4 % and 4e5 * 2.25e-8 / 0.76 = 1.184 % in squares.
    assert corrected.calibration_uncertainty == pytest.approx(0.041715, rel=1e-4)


def test_short_lived_nuclide_is_corrected_for_decay_during_the_scan():
    """99mTc, 6.0 h, over 6 h: mean over start is 0.5/ln 2, whatever the sensitivity."""
    half_life_h = get_nuclide("Tc-99m").half_life_h
    calibration = typed_calibration("Tc-99m", 90.0, 0.03)
    grid = ImageGeometry((1, 1, 1), (10.0, 10.0, 10.0))
    seconds = half_life_h * 3600
    mean_bq_ml = 4000.0
    counts = np.full((1, 1, 1), mean_bq_ml * 1e-6 * 90.0 * seconds)
    image = apply_calibration(counts, grid, calibration, "Tc-99m", seconds, 0.0)
    assert image.concentration_bq_ml[0, 0, 0] == pytest.approx(4000.0 * np.log(2) / 0.5, rel=1e-6)


def test_date_setup_and_nuclide_are_watched():
    grid, counts = ImageGeometry((1, 1, 1), (10.0, 10.0, 10.0)), np.ones((1, 1, 1))
    start = datetime(2025, 3, 3)
    calibration = typed_calibration("Lu-177", 9.3, None, start, {"collimator": "medium energy"})

    def apply(**more):
        values = {"nuclide": "Lu-177", "duration_s": 600, "start_h": 24.0, "acquisition_start": start} | more
        return apply_calibration(counts, grid, calibration, **values)

    assert apply().warnings == (warned("calibration_uncertainty_not_known"),)
    assert any("450 days before the scan" in text for text in apply(acquisition_start=start + timedelta(days=450)).warnings)
    assert any("3 days after the scan" in text for text in apply(acquisition_start=start - timedelta(days=3)).warnings)
    with pytest.raises(DosimetryError, match="Expected a calibration for Y-90, received one for Lu-177"):
        apply(nuclide="Y-90")
    with pytest.raises(DosimetryError, match="'high energy', received one with 'medium energy'"):
        apply(setup={"collimator": "high energy"})
    with pytest.raises(DosimetryError, match="positive acquisition duration"):
        apply(duration_s=0)
    other = replace(calibration, half_life_h=160.8)
    image = apply_calibration(counts, grid, other, "Lu-177", 600, 24.0)
    assert any("half-life of 160.8 h" in text for text in image.warnings)


def test_repeated_calibrations_are_combined():
    """Weighted mean of 10.0 (1 %) and 10.2 (1 %): 10.1 with 0.707 %, times sqrt(chi2) = 1.400 for the scatter; the source part stays."""
    first = Calibration("Lu-177", 10.0, HALF_LIFE_H, "uniform", parts={"counts": 0.01, "source": 0.02})
    second = replace(first, sensitivity_cps_per_mbq=10.2)
    both = combine_calibrations([first, second])
    assert both.sensitivity_cps_per_mbq == pytest.approx(10.1, rel=1e-9)
    chi2 = 2 * (0.1 / 0.101) ** 2
    assert both.parts["counts"] == pytest.approx(0.01 / np.sqrt(2) * np.sqrt(chi2), rel=1e-9)
    assert both.parts["source"] == 0.02
    with pytest.raises(DosimetryError, match="one nuclide and one setup"):
        combine_calibrations([first, replace(first, nuclide="Y-90")])
    with pytest.raises(DosimetryError, match="uncertainty from counts"):
        combine_calibrations([first, replace(first, parts={})])


def test_whole_image_is_checked_against_the_administered_activity(uniform):
    """The cylinder holds what was filled in; 12 % more activity than administered is noticed, less only with the whole body in view."""
    calibration = typed_calibration("Lu-177", uniform.sensitivity_cps_per_mbq, 0.02)
    image = apply_calibration(uniform.expected_counts, uniform.geometry, calibration, "Lu-177", uniform.duration_s, 24.0)
    at_start = uniform.activity_mbq * 2 ** (24.0 / get_nuclide("Lu-177").half_life_h)
    balance = check_total_activity(image, at_start, administered_relative_uncertainty=0.01)
    assert balance.ratio == pytest.approx(1.0, rel=1e-3)
    assert balance.ratio_uncertainty == pytest.approx(np.hypot(0.02, 0.01), rel=1e-3)
    assert balance.agrees
    assert not check_total_activity(image, at_start / 1.12).agrees
    assert check_total_activity(image, at_start / 1.12 / 0.5, excreted_share=0.5).warnings[0].startswith("SPECT: ")
    assert check_total_activity(image, at_start * 1.4).agrees
    assert not check_total_activity(image, at_start * 1.4, whole_body_in_view=True).agrees
    assert check_total_activity(image, at_start * 1.4, excreted_share=1 - 1 / 1.4, whole_body_in_view=True).agrees


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "phantom"}, "Expected a calibration of kind"),
        ({"sensitivity_cps_per_mbq": float("nan")}, "positive sensitivity_cps_per_mbq"),
        ({"half_life_h": 0.0}, "positive half_life_h"),
        ({"parts": {"source": 3.0}}, "relative uncertainty of source of at least 0 and below 1"),
    ],
)
def test_impossible_calibrations_are_refused(change, message):
    with pytest.raises(DosimetryError, match=message):
        replace(Calibration("Lu-177", 9.3, HALF_LIFE_H), **change)


def test_impossible_scans_are_refused(planar, point, uniform):
    inside, _ = planar_masks(planar)
    source = source_of(planar)
    with pytest.raises(DosimetryError, match="apart from the source"):
        calibrate_planar(planar.expected_counts[0], source, planar.start, 300, inside, inside)
    with pytest.raises(DosimetryError, match="Expected counts on 2 axes"):
        calibrate_planar(planar.expected_counts, source, planar.start, 300, inside)
    with pytest.raises(DosimetryError, match="sum above 0"):
        calibrate_planar(np.zeros((96, 96)), source, planar.start, 300, inside)
    with pytest.raises(DosimetryError, match="more counts in the source than in its background"):
        calibrate_planar(np.where(inside, 1.0, 2.0), source, planar.start, 300, inside, ~inside)
    with pytest.raises(DosimetryError, match="mm inside the image"):
        calibrate_point(
            point.expected_counts[18:], replace(point.geometry, size=(22, 40, 40)), source_of(point), point.start, 900, 11.0
        )
    with pytest.raises(DosimetryError, match="voxels deeper than"):
        calibrate_uniform(point.expected_counts, point.geometry, source, point.start, 900, 100.0, 11.0)
    with pytest.raises(DosimetryError, match="positive acquisition duration"):
        calibrate_uniform(uniform.expected_counts, uniform.geometry, source_of(uniform), uniform.start, 0.0, 6900.0, 11.0)
    with pytest.raises(DosimetryError, match="Expected a residual below"):
        replace(source, residual_mbq=1e6)


def test_a_sensitivity_that_no_camera_has_is_said_once():
    """The range of Resources/images/camera.json; 9.3 cps/MBq with the activity in GBq is 9300."""
    assert check_calibration(typed_calibration("Lu-177", 9.3, 0.03), "Lu-177") == ()
    for value in (9300.0, 9.3e-6):
        made = typed_calibration("Lu-177", value, 0.03)
        found = check_calibration(made, "Lu-177")
        assert len(found) == 1
        assert "outside 1 to 1000 cps/MBq" in found[0]
        assert check_calibration(replace(made, warnings=()), "Lu-177") == found
