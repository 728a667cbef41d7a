"""The workflow: steps, results that run again to the same numbers, refusals, progress and cancel."""

import json
from dataclasses import replace

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Cancelled
from RNTDosimetryLib.base.warnings import ranked
from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.demo.patient import STUDY_FILE
from RNTDosimetryLib.registration import register_rigid
from RNTDosimetryLib.roads.therapy import write
from RNTDosimetryLib.roads.therapy.alignment import align
from RNTDosimetryLib.roads.therapy.images import load_study, regions_with_settings
from RNTDosimetryLib.roads.therapy.report import render_report
from RNTDosimetryLib.roads.therapy.request import RegionSettings, StudySettings, study_from_dict
from RNTDosimetryLib.roads.therapy.run import run_study

OUTPUTS = {"results.json", "results.csv", "report.html", "dose.nrrd", "tia.nrrd", "dose.dcm", "dose_plan.dcm"}


@pytest.fixture(scope="session")
def written(small_run, tmp_path_factory):
    _images, result = small_run
    folder = tmp_path_factory.mktemp("written")
    write(result, folder)
    return folder


def without_time(results: dict) -> dict:
    return {key: value for key, value in results.items() if key not in ("created", "files")}


def test_results_json_runs_again_to_identical_numbers(written, tmp_path):
    """From where it lies: the study inside finds the DICOM folder."""
    stored = json.loads((written / "results.json").read_text())
    assert main(["run", str(written / "results.json"), "--out", str(tmp_path / "again")]) == 0
    again = json.loads((tmp_path / "again" / "results.json").read_text())
    folders = {
        (tmp_path / "again" / again["study"].pop("dicom_folder")).resolve(),
        (written / stored["study"].pop("dicom_folder")).resolve(),
    }
    assert len(folders) == 1
    assert without_time(again) == without_time(stored)
    assert (tmp_path / "again" / "results.csv").read_text() == (written / "results.csv").read_text()


def test_everything_is_written(written):
    assert {path.name for path in written.iterdir()} == OUTPUTS


def test_no_result_is_nan_or_infinite(written):
    def refuse(text):
        raise AssertionError(f"results.json holds {text}")

    json.loads((written / "results.json").read_text(), parse_constant=refuse)


def test_every_result_carries_uncertainty_method_and_versions(small_run):
    _images, result = small_run
    for item in result.regions:
        assert item.tia_uncertainty_mbq_h > 0
        assert item.dose.dose_uncertainty_gy > 0
        assert item.dose.method
        assert item.dose.dose_gy == pytest.approx(sum(item.dose.parts.values()), rel=1e-12)
    assert result.versions["RNTDosimetry"]
    assert result.constants["sources"]
    assert set(result.input_hashes) >= {item.name for item in result.regions}


def test_systematic_uncertainty_is_added_once(small_run):
    """A larger calibration uncertainty adds in quadrature to the TIA's, not per scan."""
    images, result = small_run
    more = replace(result.study, settings=replace(result.study.settings, calibration_uncertainty=0.20))
    scans = tuple(replace(scan, activity=replace(scan.activity, calibration_uncertainty=0.20)) for scan in images.scans)
    matrices = tuple(alignment.matrix for alignment in result.alignments)
    more = replace(more, settings=replace(more.settings, registrations=matrices))
    other = run_study(replace(images, scans=scans), more)
    for before, after in zip(result.regions, other.regions):
        assert after.tia_mbq_h == pytest.approx(before.tia_mbq_h, rel=1e-12)
        added = after.tia_uncertainty_mbq_h**2 - before.tia_uncertainty_mbq_h**2
        assert added == pytest.approx((0.20**2 - 0.05**2) * after.tia_mbq_h**2, rel=1e-9)


def test_given_registrations_replace_the_search(small_run):
    images, result = small_run
    matrices = tuple(alignment.matrix for alignment in result.alignments)
    study = replace(result.study, settings=replace(result.study.settings, registrations=matrices))
    other = run_study(images, study)
    assert [item.method for item in other.alignments] == ["given"] * 4
    for before, after in zip(result.regions, other.regions):
        assert after.dose.dose_gy == pytest.approx(before.dose.dose_gy, rel=1e-12)


def test_recovery_coefficient_scales_the_tia(small_run):
    images, result = small_run
    study = replace(
        result.study, settings=replace(result.study.settings, registrations=tuple(a.matrix for a in result.alignments))
    )
    halved = tuple(replace(region, recovery_coefficient=region.recovery_coefficient / 2) for region in images.regions)
    other = run_study(replace(images, regions=halved), study)
    for before, after in zip(result.regions, other.regions):
        assert after.tia_mbq_h == pytest.approx(2 * before.tia_mbq_h, rel=1e-6)


def test_scan_order_and_region_order_do_not_matter(small_run):
    images, result = small_run
    study = replace(
        result.study, settings=replace(result.study.settings, registrations=tuple(a.matrix for a in result.alignments))
    )
    other = run_study(replace(images, regions=images.regions[::-1]), study)
    for item in result.regions:
        assert other.region(item.name).dose.dose_gy == pytest.approx(item.dose.dose_gy, rel=1e-6)


@pytest.mark.parametrize("stop_at", [0.0, 0.3, 0.7, 0.9])
def test_cancel_stops_within_a_step(small_run, stop_at):
    images, result = small_run
    seen = [0.0]

    def progress(fraction, _message):
        seen.append(fraction)

    with pytest.raises(Cancelled):
        run_study(images, result.study, progress, cancel=lambda: seen[-1] >= stop_at)


def test_progress_rises_from_start_to_end(small_run):
    images, result = small_run
    fractions = []
    run_study(images, result.study, lambda fraction, message: fractions.append(fraction))
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_density_from_ct_follows_the_tissue(small_run):
    """Soft tissue of the phantom is near 1.04 g/mL, so the liver hardly changes; lung is lighter, so its voxels receive more."""
    images, result = small_run
    settings = replace(
        result.study.settings, density_from_ct=True, dose_method="local", registrations=tuple(a.matrix for a in result.alignments)
    )
    study = replace(result.study, settings=settings)
    with_ct = run_study(images, study)
    without = run_study(images, replace(study, settings=replace(settings, density_from_ct=False)))
    assert with_ct.region("liver").map_mean_gy == pytest.approx(without.region("liver").map_mean_gy, rel=0.05)
    ratio = np.asarray(with_ct.dose_map)[without.dose_map.dose_gy > 0] / without.dose_map.dose_gy[without.dose_map.dose_gy > 0]
    assert ratio.max() > 2.0
    assert "per voxel" in with_ct.dose_map.density
    with pytest.raises(DosimetryError, match="density_from_ct"):
        run_study(replace(images, scans=tuple(replace(scan, ct=None) for scan in images.scans)), study)


def single_scan(small_run, **settings):
    images, result = small_run
    return replace(images, scans=images.scans[2:3]), replace(result.study, settings=replace(result.study.settings, **settings))


def test_one_scan_with_hanscheid_is_2t_over_ln2_times_the_activity(small_run):
    """Hanscheid et al. 2018: TIA = A(t) 2 t / ln 2."""
    images, study = single_scan(small_run, model="hanscheid")
    for item in run_study(images, study).regions:
        expected = item.curve.activities_mbq[0] * 2 * images.scans[0].start_h / np.log(2)
        assert item.tia_mbq_h == pytest.approx(expected, rel=1e-9)
        assert item.dose.dose_gy > 0


def test_one_scan_with_an_earlier_half_life(small_run):
    """TIA = A(t) exp(kt)/k."""
    images, study = single_scan(small_run)
    typed = {region.name: replace(study.regions[region.name], effective_half_life_h=50.0) for region in images.regions}
    rate = np.log(2) / 50.0
    for item in run_study(images, replace(study, regions=typed)).regions:
        expected = item.curve.activities_mbq[0] * np.exp(rate * images.scans[0].start_h) / rate
        assert item.tia_mbq_h == pytest.approx(expected, rel=1e-9)


def test_one_scan_without_a_choice_is_refused_with_a_remedy(small_run):
    images, study = single_scan(small_run)
    with pytest.raises(DosimetryError, match="effective_half_life_h"):
        run_study(images, study)


def test_two_scans_at_one_time_are_refused(small_run):
    images, _result = small_run
    with pytest.raises(DosimetryError, match="different scan times"):
        replace(images, scans=(images.scans[0], images.scans[0]))


def test_another_nuclide_in_the_images_is_refused(small_run):
    images, _result = small_run
    with pytest.raises(DosimetryError, match="one study has one nuclide"):
        replace(images, nuclide="Y-90")


def test_settings_of_an_unknown_region_are_refused(small_run):
    images, _result = small_run
    with pytest.raises(DosimetryError, match="kidny"):
        regions_with_settings(images.regions, {"kidny": RegionSettings()})


def test_a_missing_dicom_folder_is_refused(tmp_path):
    with pytest.raises(DosimetryError, match="DICOM folder"):
        load_study(study_from_dict({"dicom_folder": "nowhere"}), tmp_path)


def test_a_refused_study_leaves_nothing_behind(small_patient, tmp_path, capsys):
    study = json.loads((small_patient.folder / STUDY_FILE).read_text())
    study["overrides"] = {"administration_time": "2030-01-01T00:00:00"}
    path = small_patient.folder / "wrong.json"
    path.write_text(json.dumps(study))
    assert main(["run", str(path), "--out", str(tmp_path / "out")]) == 2
    # The progress went to stdout, so that the reason stands alone.
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 1
    assert captured.err.startswith("error: ")
    assert "%" in captured.out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[1, 2]", "JSON object"),
        ("{", "Expected JSON"),
        ('{"dicom_folder": "a", "modle": 1}', "modle"),
        ('{"dicom_folder": "a", "version": 99}', "version 99"),
        ('{"dicom_folder": "a", "format": "other"}', "other"),
        ("{}", "dicom_folder"),
        ('{"dicom_folder": "a", "settings": {"dose_method": "monte carlo"}}', "monte carlo"),
        ('{"dicom_folder": "a", "settings": {"density_g_ml": 1040}}', "1040"),
        ('{"dicom_folder": "a", "settings": {"calibration_uncertainty": 5}}', "0.05 means 5 %"),
        ('{"dicom_folder": "a", "regions": {"liver": {"mass_g": -3}}}', "mass_g"),
        ('{"dicom_folder": "a", "regions": {"liver": {"recovery_coefficient": 0}}}', "recovery coefficient"),
        ('{"dicom_folder": "a", "regions": {"liver": {"mass": 3}}}', "mass"),
    ],
)
def test_a_wrong_study_file_is_refused_in_one_line(tmp_path, capsys, content, words):
    path = tmp_path / "study.json"
    path.write_text(content)
    assert main(["run", str(path), "--out", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert words in lines[0]


def test_study_settings_survive_a_round_trip(small_run):
    _images, result = small_run
    assert study_from_dict(json.loads(json.dumps(result.study.to_dict()))) == result.study


def test_unknown_voxel_model_is_refused():
    with pytest.raises(DosimetryError, match="voxel_model"):
        StudySettings(voxel_model="spline")


def test_equal_warnings_of_several_regions_are_one_line():
    assert ranked(["a: high", "b: high", "whole", "a: high", "b: low"]) == ("a, b: high", "whole", "b: low")


def test_the_report_is_one_offline_page(written):
    page = (written / "report.html").read_text()
    for words in ("research only", "kidney_left", "Half-life", "Sphere", "Warnings".lower()):
        assert words.lower() in page.lower()
    assert 'src="http' not in page
    assert "nan" not in {word.strip("<>(),.;").lower() for word in page.split()}


def test_the_report_says_when_the_rtdose_belongs_to_no_study(small_run, written):
    images, result = small_run
    words = "The RTDOSE belongs to no study"
    assert words not in (written / "report.html").read_text()
    assert words in render_report(replace(result, images=replace(images, dicom_reference={})))


def test_dose_files_agree_with_the_result(small_run, written):
    import SimpleITK as sitk

    from RNTDosimetryLib.report import read_rtdose

    _images, result = small_run
    expected = np.asarray(result.dose_map)
    image = sitk.ReadImage(str(written / "dose.nrrd"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), expected)
    assert image.GetOrigin() == pytest.approx(result.tia_map.geometry.origin_lps_mm)
    stored = read_rtdose(written / "dose.dcm")
    np.testing.assert_allclose(stored.dose_gy, expected, atol=1e-6 * expected.max())


@pytest.mark.parametrize(
    ("axis", "words"), [(2, "mirrored left to right"), (1, "mirrored front to back"), (0, "mirrored head to feet")]
)
def test_a_mirrored_ct_is_refused_though_a_trunk_is_nearly_its_mirror_image(small_run, axis, words):
    """Kidneys and lesions would change sides without a word: mirrored left to right, bones and correlation stay high."""
    images, _result = small_run
    reference, other = images.scans[0].ct, images.scans[1].ct
    mirrored = replace(other, hounsfield=np.ascontiguousarray(np.flip(other.hounsfield, axis)))
    with pytest.raises(DosimetryError, match=words):
        register_rigid(reference, mirrored)


def test_a_registration_that_moves_the_reference_is_said(small_run):
    """The regions lie on the reference: a matrix other than the identity there is a slip of order or direction."""
    images, result = small_run
    matrices = [item.matrix for item in result.alignments]
    settings = replace(result.study.settings, registrations=tuple(matrices))
    assert not any(item.warnings for item in align(images.scans, images.reference_index, settings))
    swapped = replace(settings, registrations=(matrices[1], matrices[0], *matrices[2:]))
    said = [text for item in align(images.scans, images.reference_index, swapped) for text in item.warnings]
    assert "moves the regions on the very scan" in said[0]
    assert all(text.startswith("registration of 23.7 h: ") for text in said[1:])


def test_a_region_has_a_name(small_run):
    images, _result = small_run
    with pytest.raises(DosimetryError, match="name for each region"):
        replace(images.regions[0], name=" ")
