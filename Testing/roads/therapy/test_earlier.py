"""A later cycle with few scans takes the curves of an earlier one from its results.json, region by region."""

import json
import math
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import kind_of
from RNTDosimetryLib.images import ActivityImage, ImageGeometry, Region
from RNTDosimetryLib.roads import therapy
from RNTDosimetryLib.roads.therapy import RegionSettings, Study, StudyImages, StudySettings
from RNTDosimetryLib.roads.therapy.images import Scan

GRID = ImageGeometry((6, 6, 6), (8.0, 8.0, 8.0))
HALF_LIVES_H = {"kidney_left": 50.0, "liver": 80.0}
SETTINGS = StudySettings(register=False, dose_method="local", calibration_uncertainty=0.05, scan_uncertainty=0.04)


def images(times_h, scale=1.0, nuclide="Lu-177"):
    masks = {name: np.zeros(GRID.size) for name in HALF_LIVES_H}
    masks["kidney_left"][:, :, :2], masks["liver"][:, :, 3:] = 1.0, 1.0
    rng = np.random.default_rng(20261201)
    scans = []
    for hours in times_h:
        mean = sum(1e5 * scale * 0.5 ** (hours / HALF_LIVES_H[name]) * mask for name, mask in masks.items())
        values = mean * (1 + 0.01 * rng.standard_normal(GRID.size))
        scans.append(Scan(ActivityImage(f"Activity {hours:g} h", GRID, values, nuclide, hours)))
    return StudyImages(nuclide, tuple(scans), tuple(Region(name, GRID, mask) for name, mask in masks.items()))


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cycle1")
    therapy.write(therapy.run_study(images((4.0, 24.0, 96.0, 168.0)), Study(settings=SETTINGS)), folder)
    return folder / "results.json"


def later(first, times_h, **more):
    return therapy.run_study(images(times_h, scale=0.8), Study(earlier_results=str(first), settings=SETTINGS, **more))


@pytest.mark.parametrize("times_h", [(24.0,), (24.0, 96.0)])
def test_each_region_follows_its_own_curve(first, times_h):
    """By hand: TIA = A(0) T / ln 2 with 0.8 of the first cycle's activity. One scan at 24 h: a half-life that changes by 10 % moves it by (1 - k t) 10 %."""
    result = later(first, times_h)
    for item in result.regions:
        half_life = HALF_LIVES_H[item.name]
        truth = 0.8 * 0.1 * item.volume_ml * half_life / math.log(2)
        assert item.fit.model == "later_cycle"
        assert item.tia_mbq_h == pytest.approx(truth, rel=0.06)
        assert item.fit.tia_low_mbq_h < truth < item.fit.tia_high_mbq_h
        if len(times_h) == 1:
            between = 0.1 * (1 - math.log(2) * 24.0 / half_life)
            samples = next(part.relative for part in item.uncertainty_parts if part.name == "samples")
            assert between < samples < math.hypot(between, 0.07)


def test_the_file_is_named_hashed_and_run_again(first, tmp_path):
    result = later(first, (24.0,))
    assert set(result.input_hashes) >= {"earlier_results"}
    therapy.write(result, tmp_path)
    stored = json.loads((tmp_path / "results.json").read_text())
    assert (tmp_path / stored["study"]["earlier_results"]).resolve() == first.resolve()


def test_three_scans_and_typed_values_come_first(first):
    own = later(first, (4.0, 24.0, 96.0))
    assert {item.fit.model for item in own.regions} == {"mono"}
    assert all(
        "earlier_curve_not_used" in {kind.code for kind in map(kind_of, item.fit.warnings) if kind} for item in own.regions
    )
    typed = later(first, (24.0,), regions={"liver": RegionSettings(effective_half_life_h=60.0)})
    assert [item.fit.model for item in typed.regions] == ["later_cycle", "madsen"]


def test_a_typed_half_life_serves_two_scans():
    study = Study(
        settings=SETTINGS, regions={name: RegionSettings(effective_half_life_h=value) for name, value in HALF_LIVES_H.items()}
    )
    with_it, without = (therapy.run_study(images((4.0, 24.0)), study_) for study_ in (study, Study(settings=SETTINGS)))
    for item, plain in zip(with_it.regions, without.regions):
        truth = 0.1 * item.volume_ml * HALF_LIVES_H[item.name] / math.log(2)
        assert item.tia_mbq_h == pytest.approx(truth, rel=0.1)
        assert item.tia_uncertainty_mbq_h < plain.tia_uncertainty_mbq_h


def test_results_of_another_nuclide_or_patient_are_refused(first, tmp_path):
    with pytest.raises(DosimetryError, match="earlier_results of I-131, received results of Lu-177"):
        therapy.run_study(images((24.0,), nuclide="I-131"), Study(earlier_results=str(first), settings=SETTINGS))
    with pytest.raises(DosimetryError, match="path of a file for earlier_results"):
        Study(earlier_results="")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DosimetryError, match=r"a results\.json"):
        later(tmp_path / "other.json", (24.0,))


def test_one_scan_without_anything_says_what_would_help():
    with pytest.raises(DosimetryError, match="name the earlier_results that hold it"):
        therapy.run_study(images((24.0,)), Study(settings=SETTINGS))


def test_every_warning_of_a_result_is_in_the_catalog(first):
    for times_h in ((24.0,), (4.0, 24.0), (4.0, 24.0, 96.0)):
        result = later(first, times_h)
        assert [text for text in result.all_warnings() if kind_of(text) is None] == []


def test_results_of_another_administration_go_into_another_folder(first, tmp_path):
    """The second cycle would silently take the place of the first."""
    cycles = [replace(images((4.0, 24.0, 96.0)), administration_time=datetime(2026, month, 10, 9)) for month in (1, 3)]
    results = [therapy.run_study(cycle, Study(settings=SETTINGS)) for cycle in cycles]
    therapy.write(results[0], tmp_path)
    with pytest.raises(DosimetryError, match=r"another administration.*results\.json is of administration 2026-01-10T09:00:00"):
        therapy.write(results[1], tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["administration_time"].startswith("2026-01-10")
    therapy.write(results[0], tmp_path)
