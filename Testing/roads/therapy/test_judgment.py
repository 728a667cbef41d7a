"""Wrong calibration, unit, dates or decay correction leave a trace in the total activity: it is looked for in every run."""

import json
from dataclasses import replace
from math import exp, log

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ActivityImage, ImageGeometry, Region
from RNTDosimetryLib.roads.therapy import run_study, run_study_file, write
from RNTDosimetryLib.roads.therapy.images import Scan, StudyImages, with_settings
from RNTDosimetryLib.roads.therapy.judgment import decay_warnings, scan_balances
from RNTDosimetryLib.roads.therapy.request import RegionSettings, Study, StudySettings

GRID = ImageGeometry(size=(10, 10, 10), spacing_mm=(10.0, 10.0, 10.0))
LAMBDA_PER_H = log(2.0) / 159.528  # 177Lu, DDEP 6.647 d
ADMINISTERED_MBQ = 7000.0


def study_images(shares, times_h=(4.0, 24.0, 96.0), administered_mbq=ADMINISTERED_MBQ, calibration_uncertainty=0.05):
    """1 L of uniform images that hold these shares of what decay leaves of the administered activity."""
    scans = []
    for share, time_h in zip(shares, times_h):
        concentration = share * ADMINISTERED_MBQ * 1e6 * exp(-LAMBDA_PER_H * time_h) / 1000.0
        image = ActivityImage(
            f"Activity {time_h:g} h",
            GRID,
            np.full(GRID.size, concentration),
            "Lu-177",
            time_h,
            calibration_uncertainty=calibration_uncertainty,
        )
        scans.append(Scan(image))
    region = Region("block", GRID, np.ones(GRID.size, dtype=np.uint8))
    return StudyImages("Lu-177", tuple(scans), (region,), administered_activity_mbq=administered_mbq)


def texts(images) -> list[str]:
    return [text for item in scan_balances(images) for text in item.warnings]


def test_shares_are_those_of_the_administered_activity():
    balances = scan_balances(study_images((0.9, 0.6, 0.3)))
    assert [item.ratio for item in balances] == pytest.approx([0.9, 0.6, 0.3], rel=1e-6)
    assert [item.image_mbq for item in balances] == pytest.approx(
        [share * ADMINISTERED_MBQ * exp(-LAMBDA_PER_H * time) for share, time in zip((0.9, 0.6, 0.3), (4.0, 24.0, 96.0))],
        rel=1e-6,
    )
    assert not texts(study_images((0.9, 0.6, 0.3)))


@pytest.mark.parametrize(
    ("share", "uncertainty", "warned"),
    [(1.09, 0.05, False), (1.2, 0.05, True), (1.2, 0.15, False), (1.15, 0.0, False), (1.3, 0.0, True)],
)
def test_more_than_was_administered_is_said_beyond_two_uncertainties(share, uncertainty, warned):
    found = texts(study_images((share, 0.9, 0.5), calibration_uncertainty=uncertainty))
    assert bool(found) is warned
    assert all("4 h: the image holds" in text for text in found)


def test_one_scan_corrected_to_administration_is_seen_as_activity_that_appears():
    """The 96 h image multiplied by exp(lambda t), 1.52: decay corrected once too often."""
    (text,) = texts(study_images((0.5, 0.5, 0.5 * exp(LAMBDA_PER_H * 96.0))))
    assert text.startswith("96 h: the image holds 1.52 times what decay leaves of the activity at 4 h")


def test_nothing_is_expected_of_an_unknown_administered_activity():
    balances = scan_balances(study_images((0.9, 0.6, 0.3), administered_mbq=None))
    assert [(item.expected_mbq, item.ratio, item.warnings) for item in balances] == [(None, None, ())] * 3


def test_more_decays_than_atoms_are_said_in_the_result():
    images = study_images((2.0, 2.0, 2.0))
    result = run_study(images, Study("."))
    assert len(result.balances) == 3
    found = "\n".join(result.all_warnings())
    assert "the image holds" in found
    assert "2 times that of all the administered activity" in found
    assert decay_warnings(result.regions, "Lu-177", None) == ()
    assert decay_warnings(result.regions, "Lu-177", 2.1 * ADMINISTERED_MBQ) == ()


def test_total_does_not_depend_on_the_grid():
    images = study_images((0.5, 0.4, 0.3))
    fine = ImageGeometry(size=(20, 20, 20), spacing_mm=(5.0, 5.0, 5.0), origin_lps_mm=(-2.5, -2.5, -2.5))
    scans = tuple(
        replace(
            scan,
            activity=replace(
                scan.activity, geometry=fine, concentration_bq_ml=np.kron(scan.activity.concentration_bq_ml, np.ones((2, 2, 2)))
            ),
        )
        for scan in images.scans
    )
    assert [item.ratio for item in scan_balances(replace(images, scans=scans))] == pytest.approx(
        [item.ratio for item in scan_balances(images)], rel=1e-6
    )


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"mass_g": 10.0}, "is 0.01 g/mL; check the typed mass"),
        ({"mass_g": 10000.0}, "is 10 g/mL; check the typed mass"),
        ({"density_g_ml": 0.05}, "is 0.05 g/mL; check the typed mass or density"),
        ({"recovery_coefficient": 0.2}, "multiplies the activity by 5; check it"),
        ({"recovery_coefficient": 0.8, "recovery_coefficient_uncertainty": 0.3}, "has an uncertainty of 0.3"),
        ({"effective_half_life_h": 50.0}, "was not used: it serves single scans"),
        ({"mass_g": 2000.0}, "the dose map has a mean of"),
    ],
)
def test_what_was_typed_and_can_hardly_be_meant_is_said(typed, words):
    images = study_images((0.9, 0.6, 0.3))
    study = Study(".", regions={"block": RegionSettings(**typed)})
    plain = run_study(images, Study("."))
    assert not any(words in text for text in plain.all_warnings())
    found = run_study(with_settings(images, study), study)
    assert any(text.startswith("block: ") and words in text for text in found.all_warnings())


@pytest.mark.parametrize("mass_g", [0.9, 26000.0])
def test_a_mass_that_cannot_be_is_refused_with_the_volume(mass_g):
    study = Study(".", regions={"block": RegionSettings(mass_g=mass_g)})
    with pytest.raises(DosimetryError, match="mass_g of block near its volume of 1000 mL"):
        with_settings(study_images((0.9, 0.6, 0.3)), study)


def test_a_recovery_coefficient_below_its_uncertainty_is_refused():
    with pytest.raises(DosimetryError, match=r"below the coefficient 0\.8"):
        RegionSettings(recovery_coefficient=0.8, recovery_coefficient_uncertainty=3.0)
    with pytest.raises(DosimetryError, match=r"from 0\.01 to 2"):
        RegionSettings(recovery_coefficient=1e-3)


def test_a_curve_without_rates_gives_the_map_its_integral():
    """The trapezoid's voxels would otherwise fall by physical decay from one height, and the map would contradict the region."""
    images = study_images((0.9, 0.3, 0.1))
    result = run_study(images, Study(".", settings=StudySettings(model="trapezoid", dose_method="local")))
    (block,) = result.regions
    assert block.map_mean_gy == pytest.approx(block.local.dose_gy, rel=1e-4)
    assert any("its voxels were scaled by" in text for text in result.all_warnings())


def test_scans_without_a_stated_calibration_are_named():
    images = study_images((0.9, 0.6, 0.3), calibration_uncertainty=0.0)
    assert any("not stated and is not included" in text for text in run_study(images, Study(".")).warnings)
    one = replace(
        images,
        scans=(
            replace(images.scans[0], activity=replace(images.scans[0].activity, calibration_uncertainty=0.3)),
            *images.scans[1:],
        ),
    )
    assert any(
        "not stated for 24 h, 96 h; the largest of the others was taken" in text for text in run_study(one, Study(".")).warnings
    )
    study = Study(".", settings=StudySettings(calibration_uncertainty=0.05))
    assert any("4 h: its own calibration uncertainty of 30 % was replaced" in text for text in with_settings(one, study).warnings)


def test_inputs_that_changed_since_are_named(small_run, tmp_path):
    _images, result = small_run
    write(result, tmp_path)
    content = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    content["input_hashes"]["spleen"] = "0" * 64
    (tmp_path / "results.json").write_text(json.dumps(content), encoding="utf-8-sig")  # as an editor with a byte order mark does
    assert any(
        text.startswith("spleen changed since these results") for text in run_study_file(tmp_path / "results.json")[1].warnings
    )
