"""Calibration and recovery files on the panel: scans in counts become Bq/mL, regions get the recovery of their volume."""

import math
import shutil
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest
from host.errors import collected_errors
from roads.camera.test_calibration import in_counts

from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.camera import fit_recovery, typed_calibration, write_calibration, write_recovery
from RNTDosimetryLib.measurement.uncertainty import sphere_recovery
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.roads.therapy import run_study_file
from RNTDosimetryLib.roads.therapy.images import load_study
from RNTDosimetryLib.roads.therapy.request import read_study

SENSITIVITY = 9.4
DURATION_S = 1200.0
FWHM_MM = 11.0
VOLUMES_ML = (0.5, 1.2, 2.6, 5.6, 11.5, 26.5)


def texts(table) -> list[list[str]]:
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A calibration measured before the scans, one of another nuclide, and the recovery of spheres seen with one resolution."""
    folder = tmp_path_factory.mktemp("camera")
    calibration = typed_calibration("Lu-177", SENSITIVITY, 0.021, datetime(2025, 1, 15))
    values = [sphere_recovery(volume, FWHM_MM) for volume in VOLUMES_ML]
    curve = fit_recovery(VOLUMES_ML, values, [0.01] * len(values), model="gaussian", setup={"nuclide": "Lu-177"})
    return SimpleNamespace(
        folder=folder,
        curve=curve,
        calibration=write_calibration(calibration, folder / "calibration.json"),
        other=write_calibration(typed_calibration("Y-90", 3.0, 0.05), folder / "yttrium.json"),
        renewed=write_calibration(replace(calibration, sensitivity_cps_per_mbq=2 * SENSITIVITY), folder / "renewed.json"),
        recovery=write_recovery(curve, folder / "recovery.json"),
        other_recovery=write_recovery(replace(curve, setup={"nuclide": "Y-90"}), folder / "yttrium_recovery.json"),
    )


def counts_per_bq_ml(voxel_ml: float) -> float:
    """Counts of a voxel at 1 Bq/mL at the start: S x T x V, less the decay while it is scanned. Written out, not by the library."""
    decay = math.log(2) / (get_nuclide("Lu-177").half_life_h * 3600.0) * DURATION_S
    return SENSITIVITY * 1e-6 * DURATION_S * voxel_ml * (1 - math.exp(-decay)) / decay


@pytest.fixture
def case(panel, library_run, monkeypatch):
    """The panel on the phantom's scans as counts, added by hand as from NRRD files; what it says is collected."""
    import slicer
    from RNTDosimetryScene.nodes import segments, volumes

    _container, widget = panel
    images, expected = library_run
    said = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **more: said.append(text))
    ui = widget.ui
    ui.nuclideComboBox.currentText = "Lu-177"
    ui.radiopharmaceuticalLineEdit.text = "177Lu-DOTATATE"
    cts = [volumes.add_ct(scan.ct) for scan in images.scans]
    for scan, ct in zip(images.scans, cts):
        geometry = scan.activity.geometry
        counts = np.array(scan.activity.concentration_bq_ml) * counts_per_bq_ml(geometry.voxel_volume_ml)
        ui.addActivitySelector.setCurrentNode(volumes.add_volume(f"counts {scan.name}", counts, geometry, "Bq/mL"))
        ui.addCtSelector.setCurrentNode(ct)
        ui.addStartHoursSpinBox.value = scan.start_h
        ui.addTimePointButton.click()
    for row in range(len(cts)):
        ui.timePointsTableWidget.item(row, 2).setText(f"{DURATION_S:g}")
    ui.segmentationSelector.setCurrentNode(segments.add_segmentation("Regions", _untyped(images.regions), cts[0]))
    ui.spectResolutionSpinBox.value = FWHM_MM
    with collected_errors() as errors:
        yield SimpleNamespace(ui=ui, widget=widget, node=widget._parameterNode, said=said, expected=expected, images=images)
    assert errors == []


def _untyped(regions):
    return tuple(replace(region, recovery_coefficient=1.0, recovery_coefficient_uncertainty=0.0) for region in regions)


def test_counts_become_the_concentration_of_the_library(case, files):
    ui, node = case.ui, case.node
    assert ui.calibrateButton.toolTip == "Choose a calibration file or type the sensitivity first"
    ui.calibrationPathLineEdit.currentPath = str(files.calibration)
    assert ui.calibrationLabel.text == "9.4 cps/MBq \u00b1 2.1 %, typed, Lu-177, measured 2025-01-15"
    assert ui.sensitivitySpinBox.value == SENSITIVITY
    assert ui.calibrationUncertaintySpinBox.value == pytest.approx(2.1)
    assert [cells[5] for cells in texts(ui.timePointsTableWidget)] == ["1"] * 4
    ui.calibrateButton.click()
    from RNTDosimetryScene.nodes import volumes
    from RNTDosimetryScene.study import inputs

    factors = [volumes.calibration_of(scan) for scan in node.activityVolumes]
    assert factors == pytest.approx(
        [1 / counts_per_bq_ml(scan.activity.geometry.voxel_volume_ml) for scan in case.images.scans], rel=1e-6
    )
    assert ui.timePointsTableWidget.item(0, 5).toolTip() == ui.calibrationLabel.text
    for found, known in zip(inputs.scans_of_scene(node), case.images.scans):
        np.testing.assert_allclose(found.activity.concentration_bq_ml, known.activity.concentration_bq_ml, rtol=1e-5, atol=1e-3)
    rows = [row for row in inputs.typed_rows(node) if row.what == "calibration"]
    assert len(rows) == 4
    assert rows[0].source.startswith("calibration.json: 9.4 cps/MBq")
    assert case.said == []


def test_camera_files_give_the_doses_of_the_study_file(case, files, patient, tmp_path):
    """The same patient by the command line's road, from Bq/mL in DICOM with the recovery file of the study, and by clicks from counts."""
    import json

    ui = case.ui
    ui.calibrationPathLineEdit.currentPath = str(files.calibration)
    ui.calibrateButton.click()
    ui.recoveryPathLineEdit.currentPath = str(files.recovery)
    ui.applyButton.click()
    assert ui.runStatusLabel.text == "The results are up to date."
    study = {
        "dicom_folder": str(patient.dicom_folder),
        "recovery_file": str(files.recovery),
        "settings": {"spect_resolution_fwhm_mm": FWHM_MM, "calibration_uncertainty": 0.021},
    }
    (tmp_path / "study.json").write_text(json.dumps(study))
    _images, expected = run_study_file(tmp_path / "study.json")
    result = case.widget.logic.lastResult
    assert [item.name for item in result.regions] == [item.name for item in expected.regions]
    for item in expected.regions:
        found = result.region(item.name)
        assert found.recovery_coefficient == pytest.approx(item.recovery_coefficient, rel=1e-6)
        assert found.tia_mbq_h == pytest.approx(item.tia_mbq_h, rel=1e-5), item.name
        assert found.dose.dose_gy == pytest.approx(item.dose.dose_gy, rel=1e-5)
        assert found.dose.dose_uncertainty_gy == pytest.approx(item.dose.dose_uncertainty_gy, rel=1e-4)
    assert result.calibration.sensitivity_cps_per_mbq == SENSITIVITY
    assert set(result.input_hashes) >= {"calibration_file", "recovery_file"}
    ui.outputFolderPathLineEdit.currentPath = str(tmp_path / "report")
    ui.writeButton.click()
    assert "9.4" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert case.said == []


def test_what_the_calibration_was_found_with_is_watched(case, files):
    """Another duration, nuclide or file: the scan says so, and nothing can be run before the counts are calibrated again."""
    ui, node = case.ui, case.node
    ui.calibrationPathLineEdit.currentPath = str(files.calibration)
    ui.calibrateButton.click()
    assert ui.applyButton.enabled
    before = ui.timePointsTableWidget.item(1, 5).text()
    ui.timePointsTableWidget.item(1, 2).setText("600")
    assert "incomplete" in ui.timePointsTableWidget.item(1, 3).text()
    assert "click Calibrate counts again" in ui.applyButton.toolTip
    ui.calibrateButton.click()
    assert ui.applyButton.enabled
    # Half the time: half the counts, twice the factor, but for the decay in ten minutes.
    assert float(ui.timePointsTableWidget.item(1, 5).text()) == pytest.approx(2 * float(before), rel=1e-3)
    ui.calibrationPathLineEdit.currentPath = str(files.renewed)
    assert not ui.applyButton.enabled
    ui.calibrateButton.click()
    assert float(ui.timePointsTableWidget.item(1, 5).text()) == pytest.approx(float(before), rel=1e-3)
    ui.timePointsTableWidget.item(2, 5).setText("77")
    ui.calibrateButton.click()
    assert ui.timePointsTableWidget.item(2, 5).text() == "77"
    assert ui.timePointsTableWidget.item(2, 5).font().italic()
    node.nuclide = "I-131"
    assert "calibrated with another" in ui.applyButton.toolTip


def test_wrong_files_are_refused_and_change_nothing(case, files, study_path):
    ui, node = case.ui, case.node
    ui.calibrationPathLineEdit.currentPath = str(files.calibration)
    kept = node.calibrationJson
    for path, words in (
        (files.other, "received one for Y-90"),
        (files.recovery, "camera calibration"),
        (study_path, "camera calibration"),
    ):
        ui.calibrationPathLineEdit.currentPath = str(path)
        assert words in case.said.pop()
        assert node.calibrationJson == kept
        assert ui.calibrationPathLineEdit.currentPath == str(files.calibration)
    for path, words in ((files.other_recovery, "nuclide 'Lu-177'"), (files.calibration, "recovery curve")):
        ui.recoveryPathLineEdit.currentPath = str(path)
        assert words in case.said.pop()
        assert node.recoveryJson == ""
        assert ui.recoveryPathLineEdit.currentPath == ""
    for row in range(4):
        ui.timePointsTableWidget.item(row, 5).setText("3")
    ui.calibrateButton.click()
    assert "typed factors stay" in case.said.pop()


def test_a_scan_without_duration_leaves_all_scans_as_they_were(case, files):
    ui = case.ui
    case.node.activityVolumes[3].SetAttribute("RNTDosimetry.DurationSeconds", "")
    ui.calibrationPathLineEdit.currentPath = str(files.calibration)
    ui.calibrateButton.click()
    assert "type Time (s) in the table" in case.said.pop()
    assert [cells[5] for cells in texts(ui.timePointsTableWidget)] == ["1"] * 4


def test_a_typed_sensitivity_stands_for_a_file(case, files):
    ui, node = case.ui, case.node
    ui.sensitivitySpinBox.value = SENSITIVITY
    assert ui.calibrationLabel.text == "9.4 cps/MBq of unknown uncertainty, typed, Lu-177, date unknown"
    ui.calibrateButton.click()
    ui.calibrationUncertaintySpinBox.value = 4.0
    from RNTDosimetryScene.study import inputs

    image = inputs.scans_of_scene(node)[0].activity
    assert image.calibration_uncertainty == 0.04
    np.testing.assert_allclose(image.concentration_bq_ml, case.images.scans[0].activity.concentration_bq_ml, rtol=1e-5, atol=1e-3)
    assert warned("calibration_uncertainty_not_known") in image.warnings
    ui.sensitivitySpinBox.value = 0
    assert not ui.calibrateButton.enabled
    node.nuclide = ""
    ui.sensitivitySpinBox.value = 5
    assert "choose it under Study" in case.said.pop()
    assert ui.sensitivitySpinBox.value == 0


def test_recovery_follows_the_volume_and_typed_values_stay(case, files):
    """The coefficients of the curve, by the volume that the table shows; a region that is drawn anew has another one."""
    from RNTDosimetryScene.nodes import segments

    ui, node = case.ui, case.node
    table = ui.regionsTableWidget
    names = [cells[0] for cells in texts(table)]
    spleen, lesion = names.index("spleen"), names.index("lesion_2")
    ui.recoveryPathLineEdit.currentPath = str(files.recovery)
    whole = table.item(spleen, 3).text()
    table.item(spleen, 3).setText("1")
    shown = {cells[0]: cells for cells in texts(table)}
    assert shown["spleen"][3] == "1"
    segment = segments.segment_by_name(node.segmentation, "lesion_2")
    assert float(shown["lesion_2"][3]) == pytest.approx(
        sphere_recovery(segments.volume_ml(segment), files.curve.parameters["fwhm_mm"]), abs=6e-4
    )
    assert "Recovery: gaussian curve of 6 spheres, 0.5 to 26.5 mL" in ui.regionsResultLabel.text
    assert "From the recovery curve" in table.item(lesion, 3).toolTip()
    table.item(spleen, 3).setText("")
    assert table.item(spleen, 3).text() == whole != "1"
    table.item(lesion, 4).setText("0.07")
    assert table.item(lesion, 3).font().italic()
    assert segments.region_settings(segment).recovery_coefficient == pytest.approx(float(shown["lesion_2"][3]))
    table.item(lesion, 3).setText("")
    assert texts(table)[lesion][3:5] == shown["lesion_2"][3:5]
    ui.recoveryPathLineEdit.currentPath = ""
    assert table.item(lesion, 3).text() == "1"


def test_files_are_saved_with_the_scene(case, files, tmp_path):
    """The scene holds what the files held: it gives the same without them."""
    import slicer

    ui = case.ui
    ui.calibrationPathLineEdit.currentPath = str(files.calibration)
    ui.calibrateButton.click()
    ui.recoveryPathLineEdit.currentPath = str(files.recovery)
    regions, scans, words = texts(ui.regionsTableWidget), texts(ui.timePointsTableWidget), ui.calibrationLabel.text
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear()
    assert ui.calibrationPathLineEdit.currentPath == ""
    moved = files.recovery.rename(files.folder / "moved.json")
    try:
        slicer.util.loadScene(str(tmp_path / "scene.mrb"))
        assert texts(ui.regionsTableWidget) == regions
        assert texts(ui.timePointsTableWidget) == scans
        assert ui.calibrationLabel.text == words
        assert ui.applyButton.enabled
    finally:
        moved.rename(files.recovery)


def test_dicom_files_in_counts_are_calibrated_while_they_are_loaded(panel, files, patient, library_run, tmp_path, monkeypatch):
    """The file is chosen before Load study; the study file that is written names it, and gives the command line the same images."""
    import slicer
    from RNTDosimetryScene.study import inputs

    _container, widget = panel
    ui, said = widget.ui, []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **more: said.append(text))
    shutil.copytree(patient.dicom_folder, tmp_path / "dicom")
    in_counts(tmp_path / "dicom", SENSITIVITY)
    ui.dicomFolderPathLineEdit.currentPath = str(tmp_path / "dicom")
    ui.loadButton.click()
    assert "counts" in said.pop()
    ui.calibrationPathLineEdit.currentPath = str(files.calibration)
    ui.recoveryPathLineEdit.currentPath = str(files.recovery)
    ui.loadButton.click()
    assert said == []
    node = widget._parameterNode
    images, _expected = library_run
    found = inputs.scans_of_scene(node)
    for item, scan in zip(found, images.scans):
        highest = float(np.max(scan.activity.concentration_bq_ml))
        np.testing.assert_allclose(
            item.activity.concentration_bq_ml, scan.activity.concentration_bq_ml, rtol=1e-4, atol=1e-4 * highest
        )
    ui.calibrateButton.click()
    assert "calibrated while they are loaded" in said.pop()
    path = widget.logic.writeStudyFile(tmp_path / "study.json", node)
    study = read_study(path)
    assert study.calibration_file.endswith("calibration.json")
    again = load_study(study, tmp_path)
    for item, scan in zip(found, again.scans):
        np.testing.assert_allclose(item.activity.concentration_bq_ml, scan.activity.concentration_bq_ml, rtol=1e-6)
    assert again.file_hashes == inputs.images_of_scene(node).file_hashes
    loaded = widget.logic.loadStudyFile(path, widget.logic.addStudy("again"))
    assert inputs.study_of_scene(loaded).recovery_file == inputs.study_of_scene(node).recovery_file
    assert inputs.study_of_scene(loaded).calibration_file == inputs.study_of_scene(node).calibration_file
    ui.calibrationPathLineEdit.currentPath = str(files.renewed)
    assert "load it again" in ui.applyButton.toolTip


def test_the_curves_of_an_earlier_cycle_are_chosen_kept_and_taken_back(case, patient, tmp_path):
    """Of three scans none needs them, and says so; the file of another nuclide changes nothing."""
    import json

    from RNTDosimetryScene.study import inputs

    ui, node, logic = case.ui, case.widget._parameterNode, case.widget.logic
    result = logic.run(node)
    from RNTDosimetryLib.roads import therapy

    therapy.write(result, tmp_path / "cycle1")
    path = tmp_path / "cycle1" / "results.json"
    ui.earlierResultsPathLineEdit.currentPath = str(path)
    assert inputs.study_of_scene(node).earlier_results == str(path)
    assert set(inputs.images_of_scene(node).earlier.fits) == {item.name for item in result.regions}
    assert logic.stepState(node, "measure") == "current"
    assert logic.stepState(node, "fit") != "current"
    again = logic.run(node)
    assert "earlier_results" in again.input_hashes
    stored = json.loads(path.read_text())
    (tmp_path / "other.json").write_text(json.dumps(stored | {"nuclide": "I-131"}))
    ui.earlierResultsPathLineEdit.currentPath = str(tmp_path / "other.json")
    assert any("results of I-131" in text for text in case.said)
    assert inputs.study_of_scene(node).earlier_results == str(path)
    case.said.clear()
    ui.earlierResultsPathLineEdit.currentPath = ""
    assert node.earlierResultsJson == ""
    assert logic.stepState(node, "fit") != "current"
