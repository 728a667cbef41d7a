"""Results as nodes: volumes, transforms, tables, charts, folders. A second run replaces the nodes of the first."""

import numpy as np
import slicer

from RNTDosimetryLib.report import Measured, format_cell, json_text
from RNTDosimetryLib.study_report import results_table
from RNTDosimetryLib.study_result import StudyResult
from RNTDosimetryScene import hierarchy, tables, transforms, volumes

_CURVE_POINTS = 120
_TAIL = 1.5
_RESULT_FOLDER = "Results"


def show_images(ct_node, activity_node) -> None:
    """CT in the background, activity in front of it, where there are slice views."""
    if slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode") is None or slicer.app.layoutManager() is None:
        return
    slicer.util.setSliceViewerLayers(background=ct_node, foreground=activity_node, foregroundOpacity=0.5, fit=True)


def show_result(parameter_node, images, result: StudyResult) -> None:
    """Put everything that was computed into the scene."""
    _show_alignments(parameter_node, result)
    geometry = result.tia_map.geometry
    parameter_node.tiaVolume = _volume(
        parameter_node.tiaVolume, "TIA map", result.tia_map.tia_mbq_h_ml, geometry, volumes.TIA_UNIT
    )
    dose = parameter_node.doseVolume = _volume(
        parameter_node.doseVolume, "Absorbed dose", np.asarray(result.dose_map), geometry, volumes.DOSE_UNIT
    )
    _color_as_dose(dose, float(result.dose_map.maximum_gy))
    parameter_node.resultTable = _result_table(parameter_node.resultTable, result)
    charts = _charts(parameter_node, result)
    text = parameter_node.resultText or slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "results.json")
    text.SetText(json_text(result.to_dict()))
    parameter_node.resultText = text
    study = study_item(images)
    folder = hierarchy.add_folder(study, _RESULT_FOLDER)
    for node in (parameter_node.tiaVolume, parameter_node.resultTable, *charts, text):
        hierarchy.move(node, folder)
    hierarchy.mark_as_dose(dose, study)


def study_item(images) -> int:
    """Subject-hierarchy item of the study, below its patient; made when it is not there."""
    name = f"Patient {images.patient.id_hash[:8]}" if images.patient is not None else "Patient"
    when = f" {images.administration_time:%Y-%m-%d}" if images.administration_time else ""
    return hierarchy.add_folders(name, f"{images.nuclide} therapy{when}")[1]


def _volume(node, name, array, geometry, unit):
    if node is None:
        return volumes.add_volume(name, array, geometry, unit)
    volumes.update_volume(node, array, geometry, unit)
    return node


def _color_as_dose(node, maximum_gy: float) -> None:
    display = node.GetDisplayNode()
    if display is None:
        return
    display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeFilePlasma.txt")
    if display.GetColorNode() is None:
        display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeRainbow")
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(0.0, maximum_gy or 1.0)
    display.SetLowerThreshold(0.05 * maximum_gy)
    display.SetUpperThreshold(maximum_gy or 1.0)
    display.SetApplyThreshold(True)


def _show_alignments(parameter_node, result: StudyResult) -> None:
    """Put every scan under the transform that carries it onto the reference. A user's own transforms stay as they are."""
    if parameter_node.useSceneTransforms:
        return
    for index, alignment in enumerate(result.alignments):
        nodes = [parameter_node.activityVolumes[index]]
        nodes += [parameter_node.ctVolumes[index]] if index < len(parameter_node.ctVolumes) else []
        matrix = np.asarray(alignment.matrix)
        transform = nodes[0].GetParentTransformNode()
        if np.allclose(matrix, np.eye(4)) and transform is None:
            continue
        if transform is None:
            transform = transforms.add_registration(f"{alignment.scan} to reference", matrix)
        else:
            transforms.update_registration(transform, matrix)
        for node in nodes:
            node.SetAndObserveTransformNodeID(transform.GetID())


def _result_table(node, result: StudyResult):
    """The dose table of the report. Numbers are number columns, so that they can be sorted and plotted."""
    node = node or tables.add_table("Absorbed dose of regions")
    table = results_table(result)
    columns: dict[str, list | np.ndarray] = {}
    for index, column in enumerate(table.columns):
        cells = [row[index] for row in table.rows]
        if any(isinstance(cell, Measured) for cell in cells):
            columns[column.heading] = [None if cell is None else format_cell(cell.value, column) for cell in cells]
            columns[f"u({column.name}) ({column.unit})"] = [
                None if cell is None or cell.uncertainty is None else format_cell(cell.uncertainty, column) for cell in cells
            ]
        else:
            columns[column.heading] = [None if cell is None else format_cell(cell, column) for cell in cells]
    tables.fill_table(node, columns)
    return node


def _charts(parameter_node, result: StudyResult) -> list:
    """Time-activity and dose-volume charts, made anew: their series and tables follow the regions."""
    for chart in (parameter_node.timeActivityChart, parameter_node.histogramChart):
        if chart is not None:
            _remove_chart(chart)
    parameter_node.timeActivityChart, activity_nodes = _time_activity_chart(result)
    parameter_node.histogramChart, histogram_nodes = _histogram_chart(result)
    return [*activity_nodes, *histogram_nodes]


def _remove_chart(chart) -> None:
    scene, table_nodes = slicer.mrmlScene, set()
    for index in reversed(range(chart.GetNumberOfPlotSeriesNodes())):
        series = chart.GetNthPlotSeriesNode(index)
        table_nodes.add(series.GetTableNode())
        scene.RemoveNode(series)
    for node in [*table_nodes, chart]:
        if node is not None:
            scene.RemoveNode(node)


def _time_activity_chart(result: StudyResult):
    measured, fitted = tables.add_table("Measured activity"), tables.add_table("Fitted activity")
    times = np.asarray(result.regions[0].curve.times_h)
    fine = np.linspace(0.0, _TAIL * times[-1], _CURVE_POINTS)
    tables.fill_table(measured, {"Time (h)": times, **{item.name: np.asarray(item.curve.activities_mbq) for item in result.regions}})
    tables.fill_table(fitted, {"Time (h)": fine, **{item.name: np.asarray(item.fit.activity_mbq(fine)) for item in result.regions}})
    chart = tables.add_chart("Time-activity curves", "Time after administration (h)", "Activity (MBq)")
    series = []
    for index, item in enumerate(result.regions):
        series.append(tables.add_series(chart, item.name, measured, "Time (h)", item.name, index, points=True))
        series.append(tables.add_series(chart, f"{item.name} fit", fitted, "Time (h)", item.name, index, points=False))
    return chart, [chart, measured, fitted, *series]


def _histogram_chart(result: StudyResult):
    """Every region has its own dose axis, so its own pair of columns."""
    table = tables.add_table("Dose-volume histograms")
    columns = {}
    longest = max(len(item.histogram.edges_gy) for item in result.regions)
    for item in result.regions:
        missing = longest - len(item.histogram.edges_gy)
        # The curve stays at its last point: a table has one length for all columns.
        columns[f"{item.name} dose (Gy)"] = np.pad(item.histogram.edges_gy, (0, missing), mode="edge")
        columns[f"{item.name} volume (%)"] = 100.0 * np.pad(item.histogram.cumulative_fraction, (0, missing), mode="edge")
    tables.fill_table(table, columns)
    chart = tables.add_chart("Dose-volume histogram", "Absorbed dose (Gy)", "Volume receiving at least the dose (%)")
    series = [
        tables.add_series(chart, f"{item.name} DVH", table, f"{item.name} dose (Gy)", f"{item.name} volume (%)", index, points=False)
        for index, item in enumerate(result.regions)
    ]
    return chart, [chart, table, *series]
