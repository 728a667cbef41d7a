"""The road against the truth of the phantom patient at full size. The truth is analytic; the doses are by kernel on a fine grid."""

import pytest

from RNTDosimetryLib.demo import STUDY_FILE, alignment_deviations, make_demo_patient, region_deviations
from RNTDosimetryLib.workflow import run_study_file

ORGANS = {"kidney_left", "kidney_right", "liver", "spleen"}
CASES = {
    "ideal": ({"blur": False, "noise": False, "motion": False}, 0.03),
    "noise and motion": ({"blur": False, "noise": True, "motion": True}, 0.05),
    "camera": ({"blur": True, "noise": True, "motion": True}, 0.10),
}


@pytest.fixture(scope="module", params=CASES)
def evaluated(request, tmp_path_factory):
    settings, limit = CASES[request.param]
    patient = make_demo_patient(tmp_path_factory.mktemp("full") / "phantom", "full", **settings)
    _images, result = run_study_file(patient.folder / STUDY_FILE)
    return patient, result, limit


def test_tia_and_dose_of_the_organs_are_within_the_limit(evaluated):
    patient, result, limit = evaluated
    found = {item.region: item for item in region_deviations(result, patient.truth)}
    for name in ORGANS:
        assert abs(found[name].tia) < limit, (name, found[name])
        assert abs(found[name].dose) < limit, (name, found[name])


def test_every_scan_is_brought_back_within_1_5_mm_and_half_a_degree(evaluated):
    patient, result, _limit = evaluated
    deviations = alignment_deviations(result, patient.truth)
    assert len(deviations) == 4
    for item in deviations:
        assert item.shift_mm < 1.5, item
        assert item.rotation_degrees < 0.5, item


def test_the_stated_uncertainty_holds_the_truth(evaluated):
    """Two standard uncertainties, and only where a camera makes the stated parts real."""
    patient, result, _limit = evaluated
    if not patient.settings.blur:
        return
    for item in result.regions:
        known = patient.truth.regions[item.name]
        if item.name in ORGANS or item.kind == "lesion":
            assert abs(item.tia_mbq_h - known.tia_mbq_h) < 2 * item.tia_uncertainty_mbq_h, item.name
            assert abs(item.dose.dose_gy - known.dose_kernel_gy) < 2 * item.dose.dose_uncertainty_gy, item.name


def test_without_recovery_correction_blur_costs_the_kidneys_more_than_the_limit(evaluated):
    """The correction is needed, so the test above could fail."""
    patient, result, limit = evaluated
    if patient.settings.blur:
        found = {item.region: item for item in region_deviations(result, patient.truth)}
        assert found["kidney_left"].tia_without_recovery < -limit
        assert found["kidney_left"].dose_without_recovery < -limit
