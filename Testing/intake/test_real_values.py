"""Files of real scanners: the values that their case.json expects, or the refusal that it asks for, and the way on that the refusal offers.

The files are other people's and not part of the project: they are looked for in RNT_REAL_FILES, else in ../shared/real beside the clone.
"""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from RNTDosimetryLib.intake import IntakeRefused, read_folder
from RNTDosimetryLib.planar import read_planar_folder
from RNTDosimetryLib.report import read_rtdose

REAL = Path(os.environ.get("RNT_REAL_FILES") or Path(__file__).resolve().parents[3] / "shared" / "real")

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason=f"the real files are not there ({REAL}; set RNT_REAL_FILES)")

LUTETIUM = "lu177_spect_scan1_siemens_xspect_pt_mim_rtstruct"
LUNGS = "siemens_encore2_planar_lungs_both_views_one_orientation"


def expected(name):
    return json.loads((REAL / name / "case.json").read_text())["expected"]


def refused(name, overrides=None):
    with pytest.raises(IntakeRefused) as caught:
        read_folder(REAL / name / "files", overrides)
    return caught.value


def rows(table):
    return {row.what: row.value for row in table}


def check_volume(image, values):
    """Grid, sum and largest value of an image against those of independent readers."""
    grid = image.geometry
    assert grid.size == tuple(values["size_zyx"])
    assert grid.spacing_mm == pytest.approx(values["spacing_zyx"], abs=1e-5)
    assert grid.origin_lps_mm == pytest.approx(values["first_voxel_lps"], abs=2e-3)
    assert float(image.concentration_bq_ml.sum()) * grid.voxel_volume_ml == pytest.approx(
        values["sum_of_values_times_ml"], rel=1e-6
    )
    assert image.concentration_bq_ml.max() == pytest.approx(values["max_value"], rel=1e-6)


def test_a_decay_factor_of_one_is_a_contradiction_of_admin():
    refusal = refused(LUTETIUM)
    for words in ("Decay Correction ADMIN", "received 1", "contradiction", "type the override decay_correction"):
        assert words in str(refusal)
    table = rows(refusal.table)
    assert table["administration time"] == expected(LUTETIUM)["administration"].replace("T", " ")
    assert "Lu-177" in table["nuclide"]
    assert float(table["injected activity"]) == pytest.approx(expected(LUTETIUM)["administered_mbq"])


def test_each_way_out_of_the_contradiction_gives_its_own_value():
    values = expected(LUTETIUM)
    start = read_folder(REAL / LUTETIUM / "files", {"decay_correction": "START"})
    (point,) = start.time_points
    check_volume(point.activity, values["image"])
    assert point.start_h == pytest.approx(values["hours"], abs=1e-6)
    assert point.duration_s == pytest.approx(values["duration_s"])
    assert not [text for text in start.warnings if "weight" in text]
    by_reference = {"decay_correction": "ADMIN"}, {"decay_reference_time": values["administration"]}
    half_life_h = 574300 / 3600  # of the file, with which its writer reckoned
    for overrides in by_reference:
        other = read_folder(REAL / LUTETIUM / "files", overrides).time_points[0].activity.concentration_bq_ml
        factor = math.exp(-math.log(2) / half_life_h * values["hours"])
        assert other.sum() / point.activity.concentration_bq_ml.sum() == pytest.approx(factor, rel=1e-6)


def test_bed_joins_are_no_missing_slices_and_a_date_is_asked_for():
    name = "ge_discovery_st_pet_267_slices_bed_joins"
    values = expected(name)
    refusal = refused(name)
    assert "time of day without a date" in str(refusal)
    assert "administration_time" in str(refusal)
    table = rows(refusal.table)
    assert float(table["injected activity"]) == pytest.approx(values["injected_mbq"], rel=1e-6)
    assert table["decay correction"] == values["decay"]
    intake = read_folder(REAL / name / "files", {"administration_time": f"2000-09-07T{values['administration_time_of_day']}"})
    (point,) = intake.time_points
    grid = point.activity.geometry
    assert grid.size == tuple(values["image"]["size_zyx"])
    assert grid.spacing_mm == pytest.approx(values["image"]["spacing_zyx"], abs=1e-5)
    assert not [text for text in intake.warnings if "missing" in text]
    # START of a GE PET: the start of the scan; later beds were taken up to 1215 s later, and each is brought to the start by the factor of its slice
    stated = float(point.activity.concentration_bq_ml.sum()) * grid.voxel_volume_ml
    assert stated == pytest.approx(values["image"]["sum_of_values_times_ml"], rel=2e-3)
    assert point.activity.concentration_bq_ml.max() == pytest.approx(values["image"]["max_value"], rel=2e-3)


def test_uptake_values_of_a_sarcoma_become_activity():
    """Uptake values by weight do not depend on the moment they were corrected to, so ADMIN with a Decay Factor left over from START is none of their matter."""
    name = "sts_003_ct_pet_suv_gml_rtstruct"
    intake = read_folder(REAL / name / "files")
    (point,) = intake.time_points
    hours, half_life_h, mbq, weight_g = (
        60.8 / 60,
        6588 / 3600,
        359.88496,
        80000.0,
    )  # times, half-life, activity and weight as they stand in the file
    per_uptake = mbq * 1e6 * 2 ** (-hours / half_life_h) / weight_g
    values = expected(name)["pet"]
    image = point.activity
    assert float(image.concentration_bq_ml.sum()) * image.geometry.voxel_volume_ml / per_uptake == pytest.approx(
        values["sum_of_values_times_ml"], rel=1e-4
    )
    assert image.concentration_bq_ml.max() / per_uptake == pytest.approx(values["max_value"], rel=1e-4)
    assert point.load_ct().hounsfield.max() == expected(name)["ct"]["max_value"]
    assert [text for text in intake.warnings if "values are SUV" in text]


def test_a_reconstruction_without_units_asks_for_all_at_once_and_is_read_then():
    name = "mediso_jaszczak_nm_recon_tomo_negative_spacing"
    values = expected(name)
    refusal = refused(name)
    wanted = ("administration_time", "injected_activity_mbq", "decay_correction", "calibration_cps_per_mbq")
    assert all(word in str(refusal) for word in wanted)
    assert values["nuclide"] in rows(refusal.table)["nuclide"]
    entered = {
        "administration_time": "2014-11-14T12:00:00",
        "injected_activity_mbq": 600,
        "decay_correction": "NONE",
        "calibration_cps_per_mbq": 60.0,
    }
    (point,) = read_folder(REAL / name / "files", entered).time_points
    grid = point.activity.geometry
    assert (list(grid.size), point.duration_s) == (values["size"], values["duration_s"])
    assert grid.spacing_mm == pytest.approx(values["spacing"])
    assert grid.origin_lps_mm == pytest.approx(values["first_voxel_lps"])


def test_a_scan_of_1993_names_what_it_lacks():
    refusal = refused("nm_heart_1993_no_orientation")
    assert "ImageOrientationPatient" in str(refusal)
    assert rows(refusal.table)["acquisition start"].startswith("1993-11-24")


def geometric_total(scan):
    return float(np.sqrt(scan.anterior.counts * scan.posterior.counts).sum())


def test_two_heads_with_one_orientation_are_decided_by_the_pictures():
    values = expected(LUNGS)
    (scan,) = read_planar_folder(REAL / LUNGS / "files")
    assert geometric_total(scan) == pytest.approx(values["geomean_total"], rel=1e-4)
    assert [scan.anterior.counts.sum(), scan.posterior.counts.sum()] == values["counts"]
    assert scan.anterior.duration_s == pytest.approx(values["duration_s"])
    assert [text for text in scan.warnings if "one Image Orientation contradict" in text and "was turned left to right" in text]


def test_and_what_is_entered_comes_first_with_both_right_way_round():
    values = expected(LUNGS)
    (decided,) = read_planar_folder(REAL / LUNGS / "files")
    (agreed,) = read_planar_folder(REAL / LUNGS / "files", {"posterior_mirrored": True})
    assert np.array_equal(agreed.anterior.counts, decided.anterior.counts)
    assert np.array_equal(agreed.posterior.counts, decided.posterior.counts)
    (against,) = read_planar_folder(REAL / LUNGS / "files", {"posterior_mirrored": False})
    assert geometric_total(against) == pytest.approx(values["product_geomean_total"], rel=1e-4)
    assert np.array_equal(against.anterior.counts, decided.anterior.counts)
    assert [text for text in against.warnings if "typed to lie the other way" in text]


def test_doses_of_a_planning_system():
    values = expected("varian_aria_rtdose_explicit")
    for path in sorted((REAL / "varian_aria_rtdose_explicit" / "files").iterdir()):
        dose = read_rtdose(path)
        assert list(dose.geometry.size) == values["size"]
        assert dose.geometry.spacing_mm == pytest.approx([values["spacing"][0]] * 3, abs=1e-6)
        assert dose.geometry.origin_lps_mm == pytest.approx(values["first_voxel_lps"], abs=1e-6)
        (largest,) = [value for key, value in values["max_gy"].items() if path.stem.endswith(key)]
        assert dose.dose_gy.max() == pytest.approx(largest, abs=1e-4)
