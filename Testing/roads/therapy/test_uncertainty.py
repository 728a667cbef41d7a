"""Uncertainty by part: each once, with the covariance of the outline; what was not given is named; the warning that changes the number is the first."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from RNTDosimetryLib.base.warnings import kind_of, rank_of
from RNTDosimetryLib.dose import self_dose
from RNTDosimetryLib.images import ActivityImage, ImageGeometry, Region
from RNTDosimetryLib.measurement.uncertainty import relative_volume_uncertainty, sphere_diameter_mm, sphere_recovery
from RNTDosimetryLib.measurement.unknown_recovery import ImageResolution
from RNTDosimetryLib.phantom.sources import blurred_sphere
from RNTDosimetryLib.roads.therapy.images import Scan, StudyImages
from RNTDosimetryLib.roads.therapy.report import render_report
from RNTDosimetryLib.roads.therapy.request import Study, StudySettings
from RNTDosimetryLib.roads.therapy.result import StudyResult
from RNTDosimetryLib.roads.therapy.run import run_study
from RNTDosimetryLib.roads.therapy.tables import short_table
from RNTDosimetryLib.roads.therapy.uncertainty import PART_KINDS, dose_doubt, registration_part

FWHM_MM, VOLUME_ML, HALF_LIFE_H = 12.0, 20.0, 60.0
GRID = ImageGeometry((24, 24, 24), (4.42, 4.42, 4.42), (-11.5 * 4.42,) * 3)
RADIUS_MM = (3000 * VOLUME_ML / (4 * math.pi)) ** (1 / 3)


def distance():
    axes = [np.arange(24) * 4.42 - 11.5 * 4.42] * 3
    return np.sqrt(axes[0][:, None, None] ** 2 + axes[1][None, :, None] ** 2 + axes[2][None, None, :] ** 2)


def images(calibration=0.0, **more) -> StudyImages:
    """A ball of 20 mL with 1 MBq/mL at the start, in three scans with 12 mm of blur and 5 % of noise."""
    rng, seen = np.random.default_rng(11), blurred_sphere(distance(), RADIUS_MM, FWHM_MM / 2.3548)
    scans = []
    for hours in (24.0, 72.0, 120.0):
        values = 1e6 * 0.5 ** (hours / HALF_LIFE_H) * seen * (1 + 0.05 * rng.standard_normal(GRID.size))
        scans.append(
            Scan(ActivityImage(f"Activity {hours:g} h", GRID, values, "Lu-177", hours, calibration_uncertainty=calibration))
        )
    return StudyImages("Lu-177", tuple(scans), (Region("lesion", GRID, distance() <= RADIUS_MM, kind="lesion", **more),))


def study(**settings) -> Study:
    return Study(".", settings=StudySettings(model="mono", dose_method="local", register=False, **settings))


@pytest.fixture(scope="module")
def plain():
    return run_study(images(), study())


@pytest.fixture(scope="module")
def full():
    given = images(0.05, recovery_coefficient=0.649, recovery_coefficient_uncertainty=0.03)
    return run_study(given, study(spect_resolution_fwhm_mm=FWHM_MM))


def true_dose_gy() -> float:
    volume = images().regions[0].volume_ml
    return self_dose(volume * HALF_LIFE_H / math.log(2), "Lu-177", 1.04 * volume).dose_gy


def test_without_recovery_data_the_first_warning_says_so_and_the_truth_is_inside(plain):
    first = plain.all_warnings()[0]
    assert kind_of(first).code == "recovery_not_given"
    assert "lesion (" in first
    item, truth = plain.regions[0], true_dose_gy()
    assert item.dose.dose_gy < 0.75 * truth, "blur took a third: the test could fail"
    assert abs(item.dose.dose_gy - truth) < 2 * item.dose.dose_uncertainty_gy
    assert item.dose_low_gy <= item.dose.dose_gy < truth <= item.dose_high_gy
    assert abs(item.tia_mbq_h - item.volume_ml * HALF_LIFE_H / math.log(2)) < 2 * item.tia_uncertainty_mbq_h


def test_with_a_coefficient_nothing_of_it_is_left(plain, full):
    item = full.regions[0]
    assert not any(kind_of(text) and kind_of(text).code == "recovery_not_given" for text in full.all_warnings())
    assert item.curve.unknown_recovery is None
    assert item.dose_low_gy < true_dose_gy() < item.dose_high_gy
    parts = {part.name: part.relative for part in item.uncertainty_parts}
    assert parts["recovery"] == pytest.approx(0.03 / 0.649)
    assert parts["calibration"] == pytest.approx(0.05)
    assert {part.name for part in item.uncertainty_parts} == set(PART_KINDS)
    assert item.not_included == ()
    assert plain.regions[0].not_included == ("calibration", "outline")


def test_the_parts_add_up_to_the_stated_uncertainty_each_once(full):
    item = full.regions[0]
    total = math.sqrt(sum(part.relative**2 for part in item.uncertainty_parts))
    assert item.dose.dose_uncertainty_gy / item.dose.dose_gy == pytest.approx(total)
    assert math.hypot(item.random_uncertainty, item.common_uncertainty) == pytest.approx(total)


def test_the_warnings_are_ranked_alike_in_panel_report_and_terminal(plain):
    texts = plain.all_warnings()
    assert [rank_of(text) for text in texts] == sorted(rank_of(text) for text in texts)
    page = render_report(plain)
    first = page.index(texts[0].split(": ")[0])
    assert page.index("Changes the number") < first < page.index("Widens the doubt")


def test_what_is_not_included_stands_in_the_line_of_the_dose(plain):
    table = short_table(plain)
    assert [column.name for column in table.columns][-2:] == ["May be", "Not included"]
    assert table.rows[0][-1] == "calibration, outline"
    assert "without recovery correction" in render_report(plain)
    assert "with recovery correction" not in render_report(plain).replace("Without", "without").replace(
        "without recovery correction", ""
    )


def test_results_carry_the_parts_and_those_of_older_versions_still_load(full):
    stored = json.loads(json.dumps(full.to_dict()))
    back = StudyResult.from_dict(stored)
    assert back.regions[0].random_uncertainty == pytest.approx(full.regions[0].random_uncertainty)
    for item in stored["regions"]:
        for name in ("uncertainty_parts", "not_included", "dose_low_gy", "dose_high_gy"):
            del item[name]
        for name in ("systematic_parts", "unknown_recovery"):
            del item["curve"][name]
    old = StudyResult.from_dict(stored)
    assert (old.regions[0].random_uncertainty, old.regions[0].common_uncertainty) == (None, None)
    assert old.regions[0].dose == full.regions[0].dose


def test_outline_in_content_and_mass_against_a_sampling_of_the_chain():
    """therapy.md: v 20 mL, FWHM 12 mm, voxel 4.42 mm, u(v)/v 0.662, sampled u(D)/D 0.239. Stated to first order: above the sampled, by less than a quarter."""
    relative, radii = relative_volume_uncertainty(VOLUME_ML, 4.42, FWHM_MM), np.linspace(0, 3 * RADIUS_MM, 6001)
    assert relative == pytest.approx(0.662, abs=0.001)
    shell = blurred_sphere(radii, RADIUS_MM, FWHM_MM / 2.3548) * radii**2
    content = np.concatenate([[0], np.cumsum((shell[1:] + shell[:-1]) / 2 * np.diff(radii))])
    drawn = RADIUS_MM * (1 + relative / 3 * np.random.default_rng(3).standard_normal(50000))
    drawn = drawn[(drawn > 1) & (drawn < 3 * RADIUS_MM)]
    doses = np.interp(drawn, radii, content) / drawn**3
    sampled = doses.std() / doses.mean()
    assert sampled == pytest.approx(0.239, abs=0.01)
    found = run_study(images(), study()).regions[0]
    settings = StudySettings(spect_resolution_fwhm_mm=FWHM_MM)
    doubt = dose_doubt(images().regions[0], found.curve, found.fit, "Lu-177", 1.0, settings)
    stated = next(part.relative for part in doubt.parts if part.name == "outline")
    assert sampled < stated < 1.25 * sampled


def test_an_entered_mass_takes_no_part_in_the_covariance_of_the_outline():
    """The activity follows the outline, the mass does not: phi/(2R) u(v)/v alone, 0.387 for 20 mL (therapy.md), not |phi/(2R) - 1| u(v)/v."""
    settings = StudySettings(spect_resolution_fwhm_mm=FWHM_MM)
    found, region = run_study(images(), study()).regions[0], images().regions[0]
    entered = replace(region, mass_g=20.0)
    parts = {
        name: {part.name: part.relative for part in dose_doubt(item, found.curve, found.fit, "Lu-177", 1.0, settings).parts}
        for name, item in (("drawn", region), ("entered", entered))
    }
    assert parts["entered"]["outline"] == pytest.approx(0.387, rel=0.06)
    assert parts["drawn"]["outline"] < 0.8 * parts["entered"]["outline"]
    assert "density" not in parts["entered"]
    assert "entered mass" in dose_doubt(entered, found.curve, found.fit, "Lu-177", 1.0, settings).not_included


def test_registration_against_shifted_balls():
    """Outlines shifted by 3 mm along each axis on two of three scans: mean and scatter of the integral, sampled, against the stated part."""
    rng, resolution = np.random.default_rng(9), ImageResolution(FWHM_MM, FWHM_MM, FWHM_MM, "given")
    points = rng.uniform(-RADIUS_MM, RADIUS_MM, (4000, 3))
    points = points[np.linalg.norm(points, axis=1) <= RADIUS_MM]
    radii = np.linspace(0, 4 * RADIUS_MM, 2001)
    seen = blurred_sphere(radii, RADIUS_MM, FWHM_MM / 2.3548)

    def mean(shift):
        return np.interp(np.linalg.norm(points + shift, axis=1), radii, seen).mean()

    still, shares = mean(np.zeros(3)), (0.3, 0.4, 0.3)
    ratios = np.array(
        [shares[0] + sum(share * mean(3.0 * rng.standard_normal(3)) / still for share in shares[1:]) for _ in range(400)]
    )
    sampled = math.sqrt(float(np.mean((ratios - 1) ** 2)))
    assert registration_part(VOLUME_ML, resolution, (0.0, 3.0, 3.0), shares) == pytest.approx(sampled, rel=0.15)
    assert registration_part(VOLUME_ML, resolution, (0.0, 0.0, 0.0), shares) == 0.0
    assert sphere_diameter_mm(VOLUME_ML) / 2 == pytest.approx(RADIUS_MM)
    assert sphere_recovery(VOLUME_ML, FWHM_MM) == pytest.approx(still, rel=0.02)
