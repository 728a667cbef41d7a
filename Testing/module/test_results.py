"""What a computed study looks like in the scene; nothing here changes it."""

import numpy as np
import pytest
import vtk


def test_the_scene_gives_the_numbers_of_the_library(computed_scene, library_run):
    _logic, _parameter_node, result = computed_scene
    _images, expected = library_run
    for item in expected.regions:
        found = result.region(item.name)
        assert found.tia_mbq_h == pytest.approx(item.tia_mbq_h, rel=1e-6)
        assert found.dose.dose_gy == pytest.approx(item.dose.dose_gy, rel=1e-6)
        assert found.dose.dose_uncertainty_gy == pytest.approx(item.dose.dose_uncertainty_gy, rel=1e-6)
        assert found.map_mean_gy == pytest.approx(item.map_mean_gy, rel=1e-6)
    np.testing.assert_allclose(
        np.asarray(result.dose_map), np.asarray(expected.dose_map), rtol=1e-6, atol=1e-6 * expected.dose_map.maximum_gy
    )


def test_the_nodes_of_the_scene_hold_the_result(computed_scene):
    import slicer

    _logic, parameter_node, result = computed_scene
    dose = parameter_node.doseVolume
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(dose), np.asarray(result.dose_map))
    assert dose.GetVoxelValueUnits().GetCodeValue() == "Gy"
    assert parameter_node.tiaVolume.GetVoxelValueUnits().GetCodeValue() == "MBq.h/ml"
    assert parameter_node.activityVolumes[0].GetVoxelValueUnits().GetCodeValue() == "Bq/ml"
    table = parameter_node.resultTable
    assert table.GetNumberOfRows() == len(result.regions)
    headings = [table.GetColumnName(index) for index in range(table.GetNumberOfColumns())]
    column = headings.index("Absorbed dose (Gy)")
    assert float(table.GetCellText(0, column)) == pytest.approx(result.regions[0].dose.dose_gy, rel=5e-3)
    assert parameter_node.timeActivityChart.GetNumberOfPlotSeriesNodes() == len(result.regions) + 1
    assert parameter_node.histogramChart.GetNumberOfPlotSeriesNodes() == len(result.regions)


def test_the_dose_lies_where_the_activity_lies(computed_scene):
    """RAS of a voxel of the dose node is the mirrored LPS of the library's grid."""
    _logic, parameter_node, result = computed_scene
    matrix = vtk.vtkMatrix4x4()
    parameter_node.doseVolume.GetIJKToRASMatrix(matrix)
    ras = matrix.MultiplyPoint((3, 5, 7, 1))[:3]
    lps = (result.tia_map.geometry.index_to_lps @ [3, 5, 7, 1])[:3]
    np.testing.assert_allclose(ras, lps * [-1, -1, 1], atol=1e-9)


def test_transforms_bring_the_scans_onto_the_reference(computed_scene, patient):
    """A landmark of the reference, carried to a scan by the truth, comes back through the node's transform."""
    _logic, parameter_node, _result = computed_scene
    for node, scan in list(zip(parameter_node.activityVolumes, patient.truth.scans))[1:]:
        point = np.append(scan.rotation_center_lps_mm, 1.0)
        moved_ras = (np.asarray(scan.reference_to_scan) @ point) * [-1, -1, 1, 1]
        to_world = vtk.vtkMatrix4x4()
        node.GetParentTransformNode().GetMatrixTransformToWorld(to_world)
        back_lps = np.array(to_world.MultiplyPoint(moved_ras)) * [-1, -1, 1, 1]
        assert np.linalg.norm(back_lps - point) < 1.5


def test_curves_and_histograms_have_the_colors_of_the_segments(computed_scene):
    """Same hue as the segment, and dark enough to be seen on white."""
    _logic, parameter_node, result = computed_scene
    from RNTDosimetryScene.show import charts

    content = parameter_node.segmentation.GetSegmentation()
    for chart in (parameter_node.timeActivityChart, parameter_node.histogramChart):
        series = {node.GetName(): node for node in charts.series_of(chart)}
        for item in result.regions:
            segment = np.array(content.GetSegment(content.GetSegmentIdBySegmentName(item.name)).GetColor())
            found = np.array(series[item.name].GetColor())
            np.testing.assert_allclose(found / found.max(), segment / segment.max(), atol=0.01)
            assert found @ (0.2126, 0.7152, 0.0722) < 0.56


def test_the_samples_lie_on_one_series_of_all_regions(computed_scene):
    _logic, parameter_node, result = computed_scene
    from RNTDosimetryScene.show import charts

    table = charts.series_of(parameter_node.timeActivityChart)[-1].GetTableNode()
    found = [float(table.GetCellText(row, 2)) for row in range(table.GetNumberOfRows())]
    expected = [activity for item in result.regions for activity in item.curve.activities_mbq]
    assert found == pytest.approx(expected, rel=1e-4)
    assert [table.GetCellText(row, 0) for row in range(0, len(found), 4)] == [item.name for item in result.regions]


@pytest.mark.parametrize(
    ("name", "logarithmic"),
    [
        ("timeActivityChart", False),
        ("timeActivityChart", True),
        ("histogramChart", False),
        ("regionChart", False),
        ("regionChart", True),
    ],
)
def test_the_legend_covers_no_curve(computed_scene, name, logarithmic):
    """Under the box that the legend fills there is nothing but white and grid, at the size of the result layout."""
    _logic, parameter_node, result = computed_scene
    from host import views
    from RNTDosimetryScene.show import charts, display

    item = result.region("lesion_1")
    display.show_region_curve(parameter_node, item.name, item.curve, item.fit)
    chart = getattr(parameter_node, name)
    charts.set_log_scale(chart, logarithmic)
    with_legend = views.plot_to_png(chart, size=(460, 380)).astype(int)
    chart.SetLegendVisibility(False)
    without = views.plot_to_png(chart, size=(460, 380)).astype(int)
    chart.SetLegendVisibility(True)
    charts.set_log_scale(chart, False)
    rows, columns = np.nonzero(np.abs(with_legend - without).max(axis=2) > 60)
    box = without[rows.min() + 2 : rows.max() - 1, columns.min() + 2 : columns.max() - 1]
    assert box.shape[0] > 15
    assert box.shape[1] > 60
    assert (box.max(axis=2) - box.min(axis=2)).max() < 20


def test_a_logarithmic_axis_keeps_what_was_measured_in_sight(computed_scene):
    """Lesion 1 starts at zero: the axis spans four decades at most, and every sample of more than a thousandth is on it."""
    _logic, parameter_node, result = computed_scene
    from RNTDosimetryScene.show import charts, display

    chart = parameter_node.timeActivityChart
    charts.set_log_scale(chart, True)
    low, high = chart.GetYAxisRange()
    measured = np.concatenate([item.curve.activities_mbq for item in result.regions])
    assert chart.GetYAxisLogScale()
    assert low < measured[measured > measured.max() / 1000].min()
    assert measured.max() < high <= 4e4 * low
    display.show_curves(parameter_node, [item.curve for item in result.regions], [item.fit for item in result.regions])
    assert chart.GetYAxisLogScale()
    charts.set_log_scale(chart, False)
    assert not chart.GetYAxisLogScale()
    assert chart.GetYAxisRange()[0] == 0


def test_slicerrt_recognizes_the_dose(computed_scene):
    _logic, parameter_node, _result = computed_scene
    import slicer

    tree = slicer.mrmlScene.GetSubjectHierarchyNode()
    assert parameter_node.doseVolume.GetAttribute("DicomRtImport.DoseVolume") == "1"
    parent = tree.GetItemParent(tree.GetItemByDataNode(parameter_node.doseVolume))
    assert tree.GetItemAttribute(parent, "DicomRtImport.DoseUnitName") == "GY"
    assert tree.GetItemAttribute(parent, "DicomRtImport.DoseUnitValue") == "1.0"
    assert tree.GetItemLevel(parent) == "Study"


def test_report_is_written_from_the_scene(computed_scene, tmp_path):
    logic, parameter_node, _result = computed_scene
    paths = logic.writeReport(tmp_path / "report", parameter_node)
    assert {path.name for path in paths} == {
        "report.html",
        "results.json",
        "results.csv",
        "dose.nrrd",
        "tia.nrrd",
        "dose.dcm",
        "dose_plan.dcm",
    }


def test_every_setting_of_a_study_file_reaches_the_scene_and_comes_back(logic, patient, tmp_path):
    """A setting that the panel forgot would silently become its default."""
    import dataclasses
    import json

    from RNTDosimetryScene.study.inputs import study_of_scene

    from RNTDosimetryLib.roads.therapy.request import StudySettings, read_study

    study = json.loads((patient.folder / "study.json").read_text())
    study["dicom_folder"] = str(patient.dicom_folder)
    typed = {
        "model": "mono",
        "voxel_model": "mono",
        "dose_method": "local",
        "density_g_ml": 1.0,
        "density_from_ct": True,
        "register_by": "activity",
        "lesions_out_of_organs": False,
        "map_follows_regions": True,
        "calibration_uncertainty": 0.07,
        "scan_uncertainty": 0.11,
        "spect_resolution_fwhm_mm": 9.0,
        "alignment_uncertainty_mm": 2.5,
    }
    assert {item.name for item in dataclasses.fields(StudySettings)} - {"registrations", "register"} == set(typed)
    study["settings"] = typed
    path = tmp_path / "study.json"
    path.write_text(json.dumps(study))
    settings = study_of_scene(logic.loadStudyFile(path)).settings
    for key, value in typed.items():
        assert getattr(settings, key) == pytest.approx(value) if isinstance(value, float) else getattr(settings, key) == value, (
            key
        )
    assert read_study(path).settings.scan_uncertainty == 0.11
    study["settings"] = {"register": False}
    path.write_text(json.dumps(study))
    assert not study_of_scene(logic.loadStudyFile(path)).settings.register
