"""Dead time from a decaying source into calibration.json, and from there to a patient's scans that lost a fifth of their counts."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from roads.camera.test_calibration import in_counts, source_of

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.camera import fit_dead_time, read_calibration, write_calibration
from RNTDosimetryLib.camera.dead_time import MODELS
from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.phantom import decaying_source, uniform_scan
from RNTDosimetryLib.phantom.sources import write_calibration_scan
from RNTDosimetryLib.roads.therapy.images import load_study
from RNTDosimetryLib.roads.therapy.request import Study

PATIENT_LOSS, SOURCE_LOSS = 0.20, 0.05


def observed_rate(loss: float, dead_time_s: float, model: str) -> float:
    """Observed rate at which a share of the counts is lost: n (1 - loss), with n T = -ln(1 - loss) or loss / (1 - loss), by the two models."""
    busy = -np.log(1 - loss) if model == "paralyzable" else loss / (1 - loss)
    return float(busy / dead_time_s * (1 - loss))


@pytest.fixture(scope="module")
def truth(small_patient):
    """Activity in the image of every scan, Bq, of the patient in Bq/mL."""
    return sums(load_study(Study(dicom_folder="dicom"), small_patient.dicom_folder.parent))


@pytest.fixture(scope="module")
def lossy_patient(small_patient, tmp_path_factory):
    """The same scans in counts of the calibrated camera, a fifth of them lost."""
    folder = tmp_path_factory.mktemp("lossy")
    shutil.copytree(small_patient.dicom_folder, folder / "dicom")
    in_counts(folder, uniform_scan().sensitivity_cps_per_mbq * (1 - PATIENT_LOSS))
    return folder


def sums(images) -> np.ndarray:
    return np.array(
        [
            float(scan.activity.concentration_bq_ml.sum(dtype=float)) * scan.activity.geometry.voxel_volume_ml
            for scan in images.scans
        ]
    )


def calibrated(folder, model: str):
    """calibration.json by the verb ``calibrate``, of a scan that lost 5 % of its counts, with the dead time that a decaying source shows."""
    series, scan = decaying_source(model), uniform_scan()
    dead_time = fit_dead_time(series.activities_mbq, series.observed_cps(4), series.duration_s, model)
    lost = replace(scan, expected_counts=scan.expected_counts * (1 - SOURCE_LOSS))
    write_calibration_scan(folder, lost, seed=7)
    content = {
        "kind": "uniform", "scan": "uniform.dcm", "source": source_of(scan), "fwhm_mm": 11.0, "volume_ml": scan.volume_ml,
        "volume_relative_uncertainty": 0.005, "dead_time": dead_time.to_dict(),
        "observed_wide_cps": observed_rate(SOURCE_LOSS, series.dead_time_s, model),
    }  # fmt: skip
    (folder / "CALIBRATION.json").write_text(json.dumps(content), encoding="utf-8")
    assert main(["calibrate", str(folder / "CALIBRATION.json"), "--out", str(folder)]) == 0
    return read_calibration(folder / "calibration.json"), series


@pytest.mark.parametrize("model", MODELS)
def test_activity_of_a_scan_with_a_fifth_of_its_counts_lost_is_true_within_one_percent(model, lossy_patient, truth, capsys):
    calibration, series = calibrated(lossy_patient, model)
    assert f", {model}" in capsys.readouterr().out
    assert calibration.dead_time.dead_time_s == pytest.approx(series.dead_time_s, rel=0.01)
    assert calibration.sensitivity_cps_per_mbq == pytest.approx(uniform_scan().sensitivity_cps_per_mbq, rel=0.01)
    rate = observed_rate(PATIENT_LOSS, series.dead_time_s, model)
    images = load_study(
        Study(dicom_folder="dicom", calibration_file="calibration.json", overrides={"observed_rate_cps": rate}), lossy_patient
    )
    np.testing.assert_allclose(sums(images), truth, rtol=0.01)
    factors = [float(row.value) for row in images.intake_table if row.what == "dead-time factor"]
    assert factors == pytest.approx([1 / (1 - PATIENT_LOSS)] * len(truth), rel=0.005)
    # The uncertainty of the dead time is in that of the calibration.
    expected = np.hypot(calibration.relative_uncertainty, calibration.dead_time.factor(rate).relative_uncertainty)
    assert images.scans[0].activity.calibration_uncertainty == pytest.approx(expected, rel=1e-9)


def test_a_rate_of_one_time_point_corrects_that_one_and_the_others_are_warned_about(lossy_patient, truth):
    _calibration, series = calibrated(lossy_patient, "paralyzable")
    rate = observed_rate(PATIENT_LOSS, series.dead_time_s, "paralyzable")
    overrides = {"time_points": {"1": {"observed_rate_cps": rate}}}
    images = load_study(Study(dicom_folder="dicom", calibration_file="calibration.json", overrides=overrides), lossy_patient)
    expected = np.full(len(truth), 1 - PATIENT_LOSS)
    expected[0] = 1.0
    np.testing.assert_allclose(sums(images) / truth, expected, rtol=0.01)
    assert sum("no observed_rate_cps was typed" in text for text in images.warnings) == len(truth) - 1


def test_rates_without_what_they_need_are_refused(lossy_patient, small_patient):
    calibration, series = calibrated(lossy_patient, "paralyzable")
    write_calibration(replace(calibration, dead_time=None), lossy_patient / "without.json")
    rate = observed_rate(PATIENT_LOSS, series.dead_time_s, "paralyzable")
    for calibration_file, value, words in (
        (None, rate, "Expected observed_rate_cps with a calibration file that holds a dead time"),
        ("without.json", rate, "received one without; calibrate with dead_time"),
        ("calibration.json", 1 / series.dead_time_s, "the highest of a paralyzable dead time"),
        ("calibration.json", -rate, "observed_rate_cps of"),
    ):
        with pytest.raises(DosimetryError, match=words):
            load_study(
                Study(dicom_folder="dicom", calibration_file=calibration_file, overrides={"observed_rate_cps": value}),
                lossy_patient,
            )
