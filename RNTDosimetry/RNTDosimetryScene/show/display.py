"""Results as nodes: volumes, transforms, tables, charts, folders. A second run replaces the nodes of the first."""

import numpy as np
import slicer

from RNTDosimetryLib.base.documents import json_text
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.report import Measured, format_cell
from RNTDosimetryLib.roads.therapy.result import StudyResult
from RNTDosimetryLib.roads.therapy.tables import results_table
from RNTDosimetryScene.nodes import hierarchy, tables, transforms, volumes
from RNTDosimetryScene.show import charts
from RNTDosimetryScene.study.parameters import RegistrationMethod, reference_volume

_CURVE_POINTS = 120
_TAIL = 1.5
_RESULT_FOLDER = "Results"
_FAINTEST = 0.05
DOSE_COLORS = "vtkMRMLPETProceduralColorNodePET-Rainbow2"
_TIME, _TIME_TITLE, _ACTIVITY = "Time (h)", "Time after administration (h)", "Activity (MBq)"
_LEGEND_ROOM = 1.4
"""The x axis goes on so far beyond the curves that the legend covers none of them."""
_CURVE_HEADROOM, _HEADROOM = 1.05, 1.3
"""The y axes go on so far beyond the highest sample that it is seen whole, and that the legend of one region lies above its curve."""


def show_images(ct_node, activity_node) -> None:
    """CT in the background, activity in front of it, where there are slice views."""
    if slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode") is None or slicer.app.layoutManager() is None:
        return
    slicer.util.setSliceViewerLayers(background=ct_node, foreground=activity_node, foregroundOpacity=0.5, fit=True)


def show_result(parameter_node, result: StudyResult) -> None:
    """Put everything that was computed into the scene."""
    geometry = result.tia_map.geometry
    parameter_node.tiaVolume = _volume(
        parameter_node.tiaVolume, "TIA map", result.tia_map.tia_mbq_h_ml, geometry, volumes.TIA_UNIT
    )
    dose = parameter_node.doseVolume = _volume(
        parameter_node.doseVolume, "Absorbed dose", np.asarray(result.dose_map), geometry, volumes.DOSE_UNIT
    )
    color_as_dose(dose)
    for node in (parameter_node.tiaVolume, dose):
        transforms.follow(node, reference_volume(parameter_node))
    parameter_node.resultTable = _result_table(parameter_node.resultTable, result)
    curve_nodes = show_curves(parameter_node, [item.curve for item in result.regions], [item.fit for item in result.regions])
    parameter_node.histogramChart, histogram_nodes = _histogram_chart(parameter_node, result)
    text = parameter_node.resultText or slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "results.json")
    text.SetText(json_text(result.to_dict()))
    parameter_node.resultText = text
    patient, name = hierarchy.study_names(result.patient, result.nuclide, result.administration_time)
    study = hierarchy.add_folders(patient, name)[1]
    folder = hierarchy.add_folder(study, _RESULT_FOLDER)
    for node in (parameter_node.tiaVolume, parameter_node.resultTable, *curve_nodes, *histogram_nodes, text):
        hierarchy.move(node, folder)
    hierarchy.mark_as_dose(dose, study)


def _volume(node, name, array, geometry, unit):
    if node is None:
        return volumes.add_volume(name, array, geometry, unit)
    volumes.update_volume(node, array, geometry, unit)
    return node


def color_as_dose(node) -> None:
    """Colors of a dose volume: from blue for little to red for much, as dose washes usually are; nothing below 5 % of the highest dose."""
    display = node.GetDisplayNode()
    if display is None:
        return
    highest = float(node.GetImageData().GetScalarRange()[1]) or 1.0
    display.SetAndObserveColorNodeID(DOSE_COLORS)
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(0.0, highest)
    display.SetLowerThreshold(_FAINTEST * highest)
    display.SetUpperThreshold(highest)
    display.SetApplyThreshold(True)


def show_alignments(parameter_node, alignments) -> None:
    """Put every scan under the transform that carries it onto the reference. A user's own transforms stay as they are."""
    if parameter_node.registrationMethod is RegistrationMethod.SCENE:
        return
    matrices = [np.asarray(alignment.matrix) for alignment in alignments]
    _put_under_transforms(parameter_node, matrices, [alignment.scan for alignment in alignments])


def take_registrations(parameter_node, matrices) -> None:
    """Put the scans under transforms that a study file gives."""
    names = [f"{float(node.GetAttribute(volumes.ATTRIBUTE + 'StartHours')):.4g} h" for node in parameter_node.activityVolumes]
    if len(matrices) != len(names):
        raise DosimetryError(f"Expected one registration for each of the {len(names)} scans, received {len(matrices)}.")
    _put_under_transforms(parameter_node, [np.asarray(matrix, dtype=float) for matrix in matrices], names)


def _put_under_transforms(parameter_node, matrices, names) -> None:
    cts = [[node] for node in parameter_node.ctVolumes] or [[]] * len(matrices)
    scans = [[activity, *ct] for activity, ct in zip(parameter_node.activityVolumes, cts)]
    transforms.put_scans_under(scans, parameter_node.referenceIndex, matrices, names)


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


def show_curves(parameter_node, curves, fits=None) -> list:
    """Chart of the measured activities of all regions and, where there are fits, of the fitted curves. Returns its nodes."""
    names = [curve.region for curve in curves]
    colors = charts.region_colors(parameter_node.segmentation, names)
    times = np.asarray(curves[0].times_h)
    if fits is None:
        content = {"Measured activity": {_TIME: times, **{curve.region: np.asarray(curve.activities_mbq) for curve in curves}}}
        series = [charts.Series(name, "Measured activity", _TIME, name, color, True) for name, color in zip(names, colors)]
    else:
        fine = _fine_times(times)
        content = {
            "Fitted activity": {_TIME: fine, **{name: np.asarray(fit.activity_mbq(fine)) for name, fit in zip(names, fits)}}
        }
        # The samples of all regions are one series: they lie on their own curves, and the legend has half the lines.
        content["All samples"] = {
            "Region": [name for name in names for _time in times],
            _TIME: np.tile(times, len(names)),
            _ACTIVITY: np.concatenate([np.asarray(curve.activities_mbq) for curve in curves]),
        }
        series = [
            charts.Series(name, "Fitted activity", _TIME, name, color, line_style=charts.line_style(index))
            for index, (name, color) in enumerate(zip(names, colors))
        ]
        series.append(charts.Series("measured", "All samples", _TIME, _ACTIVITY, charts.POINTS_COLOR, True))
    parameter_node.timeActivityChart, nodes = charts.show_chart(
        parameter_node.timeActivityChart,
        "Time-activity curves",
        (_TIME_TITLE, _ACTIVITY),
        content,
        series,
        _LEGEND_ROOM * _TAIL * times[-1],
        _CURVE_HEADROOM,
    )
    return nodes


def show_region_curve(parameter_node, name: str, curve, fit=None, foreseen: bool = False) -> None:
    """Chart of one region: what was measured, and the fit. foreseen: the fit is not in the dose map yet, and the title says so."""
    times = np.asarray(curve.times_h)
    color = charts.region_colors(parameter_node.segmentation, [name])[0]
    measured, fitted = "Measured activity of the region", "Fitted activity of the region"
    content = {measured: {_TIME: times, _ACTIVITY: np.asarray(curve.activities_mbq)}}
    series = [charts.Series("measured", measured, _TIME, _ACTIVITY, charts.POINTS_COLOR, True)]
    if fit is not None:
        fine = _fine_times(times)
        content[fitted] = {_TIME: fine, _ACTIVITY: np.asarray(fit.activity_mbq(fine))}
        series.append(charts.Series(fit.label, fitted, _TIME, _ACTIVITY, color))
    title = f"Curve of {name}, not in the dose map yet" if foreseen else f"Curve of {name}"
    parameter_node.regionChart, _nodes = charts.show_chart(
        parameter_node.regionChart, title, (_TIME_TITLE, _ACTIVITY), content, series, _TAIL * times[-1], _HEADROOM
    )


def _fine_times(times) -> np.ndarray:
    """Times to draw a fit at: dense at first, where an uptake is steep, and beyond the last sample, where nothing was measured."""
    return _TAIL * float(times[-1]) * np.linspace(0.0, 1.0, _CURVE_POINTS) ** 2


def _histogram_chart(parameter_node, result: StudyResult):
    """Every region has its own dose axis, so its own pair of columns."""
    columns = {}
    longest = max(len(item.histogram.edges_gy) for item in result.regions)
    for item in result.regions:
        missing = longest - len(item.histogram.edges_gy)
        # The curve stays at its last point: a table has one length for all columns.
        columns[f"{item.name} dose (Gy)"] = np.pad(item.histogram.edges_gy, (0, missing), mode="edge")
        columns[f"{item.name} volume (%)"] = 100.0 * np.pad(item.histogram.cumulative_fraction, (0, missing), mode="edge")
    name = "Dose-volume histograms"
    names = [item.name for item in result.regions]
    series = [
        charts.Series(region, name, f"{region} dose (Gy)", f"{region} volume (%)", color, line_style=charts.line_style(index))
        for index, (region, color) in enumerate(zip(names, charts.region_colors(parameter_node.segmentation, names)))
    ]
    highest = max(float(item.histogram.edges_gy[-1]) for item in result.regions) or 1.0
    return charts.show_chart(
        parameter_node.histogramChart,
        "Dose-volume histogram",
        ("Absorbed dose (Gy)", "Volume receiving at least the dose (%)"),
        {name: columns},
        series,
        _LEGEND_ROOM * highest,
    )
