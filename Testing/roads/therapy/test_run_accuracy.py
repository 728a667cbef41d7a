"""The road against the truth of the phantom patient at full size. The truth is analytic; the doses are by kernel on a fine grid."""

from dataclasses import replace

import numpy as np
import pytest

from RNTDosimetryLib.demo.patient import STUDY_FILE, alignment_deviations, make_demo_patient, region_deviations
from RNTDosimetryLib.roads.therapy import run_study, run_study_file, steps
from RNTDosimetryLib.roads.therapy.images import with_settings
from RNTDosimetryLib.roads.therapy.request import RegionSettings, StudySettings

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
    images, result = run_study_file(patient.folder / STUDY_FILE)
    return patient, result, limit, images


def test_tia_and_dose_of_the_organs_are_within_the_limit(evaluated):
    patient, result, limit, _images = evaluated
    found = {item.region: item for item in region_deviations(result, patient.truth)}
    for name in ORGANS:
        assert abs(found[name].tia) < limit, (name, found[name])
        assert abs(found[name].dose) < limit, (name, found[name])


def test_every_scan_is_brought_back_within_1_5_mm_and_half_a_degree(evaluated):
    patient, result, _limit, _images = evaluated
    deviations = alignment_deviations(result, patient.truth)
    assert len(deviations) == 4
    for item in deviations:
        assert item.shift_mm < 1.5, item
        assert item.rotation_degrees < 0.5, item


def test_the_stated_uncertainty_holds_the_truth(evaluated):
    """Two standard uncertainties, and only where a camera makes the stated parts real."""
    patient, result, _limit, _images = evaluated
    if not patient.settings.blur:
        return
    for item in result.regions:
        known = patient.truth.regions[item.name]
        if item.name in ORGANS or item.kind == "lesion":
            assert abs(item.tia_mbq_h - known.tia_mbq_h) < 2 * item.tia_uncertainty_mbq_h, item.name
            assert abs(item.dose.dose_gy - known.dose_kernel_gy) < 2 * item.dose.dose_uncertainty_gy, item.name


def test_without_recovery_data_the_stated_uncertainty_holds_the_truth_all_the_same(evaluated):
    """The same patient as if nobody had entered a coefficient or a resolution: the number is low, and says by how much it may be."""
    patient, result, _limit, images = evaluated
    if not patient.settings.blur:
        return
    plain = tuple(replace(item, recovery_coefficient=1.0, recovery_coefficient_uncertainty=0.0) for item in images.regions)
    images, study = replace(images, regions=plain), replace(result.study, regions={}, settings=StudySettings())
    curves = steps.measure(images, result.alignments, study.settings)
    fits = steps.fit(curves, images.nuclide, study)
    for item, region, curve, fit in zip(result.regions, images.regions, curves, fits):
        known = patient.truth.regions[item.name]
        photons = item.dose.parts["photons from elsewhere"]
        dose = steps.preview_dose(images, region, curve, fit, study.settings, photons)
        assert abs(dose.dose_gy - known.dose_kernel_gy) < 2 * dose.dose_uncertainty_gy, item.name
        if item.name in ORGANS or item.kind == "lesion":
            unknown = curve.unknown_recovery
            assert unknown.low < 1 / known.recovery_coefficient < unknown.high, item.name
        if "kidney" in item.name:
            assert dose.dose_gy < 0.85 * known.dose_kernel_gy, "3.56 Gy where 4.40 is true: without the doubt this test fails"
            assert dose.dose_uncertainty_gy < 0.35 * dose.dose_gy, "not wide for nothing"


def test_without_recovery_correction_blur_costs_the_kidneys_more_than_the_limit(evaluated):
    """The correction is needed, so the test above could fail."""
    patient, result, limit, _images = evaluated
    if patient.settings.blur:
        found = {item.region: item for item in region_deviations(result, patient.truth)}
        assert found["kidney_left"].tia_without_recovery < -limit
        assert found["kidney_left"].dose_without_recovery < -limit


def test_liver_with_its_lesions_is_reported_with_and_without_them(evaluated):
    """The liver drawn over its lesions, as most people and tools draw it. The truth of both is analytic."""
    patient, result, limit, images = evaluated
    if patient.settings.motion and not patient.settings.blur:
        return
    lesions = [region for region in images.regions if region.kind == "lesion"]
    liver = next(region for region in images.regions if region.name == "liver")
    whole = np.maximum.reduce([np.asarray(region.occupancy) for region in (liver, *lesions)])
    drawn = tuple(
        replace(liver, occupancy=whole) if region is liver else region
        for region in images.regions
        if "without" not in region.name
    )
    with_lesions, without = patient.truth.combined["liver_with_lesions"], patient.truth.regions["liver"]
    typed = dict(result.study.regions)
    if patient.settings.blur:
        typed["liver"] = RegionSettings(recovery_coefficient=with_lesions.recovery_coefficient)
        typed["liver without lesions"] = RegionSettings(recovery_coefficient=without.recovery_coefficient)
    registered = replace(result.study.settings, registrations=tuple(item.matrix for item in result.alignments))
    study = replace(result.study, regions=typed, settings=registered)
    found = {item.name: item for item in run_study(with_settings(replace(images, regions=drawn), study), study).regions}
    assert abs(found["liver"].tia_mbq_h / with_lesions.tia_mbq_h - 1) < limit
    assert abs(found["liver without lesions"].tia_mbq_h / without.tia_mbq_h - 1) < limit
    assert abs(found["liver without lesions"].dose.dose_gy / without.dose_kernel_gy - 1) < limit
    assert found["liver without lesions"].volume_ml == pytest.approx(liver.volume_ml, rel=1e-6)
    assert with_lesions.tia_mbq_h > 1.05 * without.tia_mbq_h  # the two differ by more than what is asked here
