"""Monte Carlo through the whole chain: the stated uncertainty of a dose covers the truth as often as it says."""

import numpy as np
import pytest

from RNTDosimetryLib.images import ActivityImage, ImageGeometry, Region
from RNTDosimetryLib.study import Study, StudySettings
from RNTDosimetryLib.study_images import Scan, StudyImages
from RNTDosimetryLib.workflow import run_study

REPEATS = 200
CALIBRATION, SCAN, VOXEL_NOISE = 0.05, 0.04, 0.05
TIMES_H = (4.0, 24.0, 72.0, 168.0)
HALF_LIFE_H = 55.0
CONCENTRATION_BQ_ML = 5e5
GEOMETRY = ImageGeometry((14, 14, 14), (4.0, 4.0, 4.0))


def sphere() -> Region:
    z, y, x = np.indices(GEOMETRY.size) - 6.5
    return Region("sphere", GEOMETRY, (z**2 + y**2 + x**2 <= 16).astype(np.uint8))


def simulated(rng, region: Region) -> StudyImages:
    """One patient: a calibration error common to all scans, an error of each scan for itself, and noise of the voxels."""
    inside = np.asarray(region.occupancy, dtype=float)
    common = 1 + CALIBRATION * rng.standard_normal()
    scans = []
    for time_h in TIMES_H:
        level = CONCENTRATION_BQ_ML * 0.5 ** (time_h / HALF_LIFE_H) * common * (1 + SCAN * rng.standard_normal())
        values = inside * level * (1 + VOXEL_NOISE * rng.standard_normal(GEOMETRY.size))
        scans.append(Scan(ActivityImage(f"{time_h} h", GEOMETRY, values, "Lu-177", time_h, calibration_uncertainty=CALIBRATION)))
    return StudyImages("Lu-177", tuple(scans), (region,))


@pytest.fixture(scope="module")
def pulls():
    """(TIA - truth) / stated uncertainty of every repeat, and the stated relative uncertainties."""
    rng, region = np.random.default_rng(20261120), sphere()
    settings = StudySettings(
        model="mono", dose_method="local", register=False, calibration_uncertainty=CALIBRATION, scan_uncertainty=SCAN
    )
    truth = CONCENTRATION_BQ_ML * 1e-6 * region.volume_ml * HALF_LIFE_H / np.log(2)
    found, stated = [], []
    for _ in range(REPEATS):
        item = run_study(simulated(rng, region), Study("unused", settings=settings)).regions[0]
        found.append((item.tia_mbq_h - truth) / item.tia_uncertainty_mbq_h)
        stated.append(item.tia_uncertainty_mbq_h / item.tia_mbq_h)
        assert item.dose.dose_uncertainty_gy / item.dose.dose_gy == pytest.approx(stated[-1], rel=1e-6)
    return np.array(found), np.array(stated)


def test_one_standard_uncertainty_covers_two_thirds(pulls):
    """68.3 % expected; +-10 % is three standard deviations of 200 repeats."""
    found, _stated = pulls
    assert 0.58 <= np.mean(np.abs(found) < 1) <= 0.78
    assert np.mean(np.abs(found) < 2) >= 0.90


def test_no_bias_beyond_the_statistics_of_the_repeats(pulls):
    found, _stated = pulls
    assert abs(found.mean()) < 3 / np.sqrt(REPEATS)


def test_the_common_part_is_there_once(pulls):
    """More than the calibration alone, less than calibration and one scan's error added up."""
    _found, stated = pulls
    assert np.all(stated > CALIBRATION)
    assert np.all(stated < CALIBRATION + SCAN)


