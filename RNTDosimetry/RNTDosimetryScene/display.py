"""Results as nodes: volumes, transforms, tables, charts, folders. A second run replaces the nodes of the first."""

import numpy as np
import slicer

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.report import Measured, format_cell, json_text
from RNTDosimetryLib.study_report import results_table
from RNTDosimetryLib.study_result import StudyResult
from RNTDosimetryScene import hierarchy, tables, transforms, volumes
from RNTDosimetryScene.parameters import RegistrationMethod

_CURVE_POINTS = 120
_TAIL = 1.5
_RESULT_FOLDER = "Results"
_TIME, _TIME_TITLE = "Time (h)", "Time after administration (h)"


def show_images(ct_node, activity_node) -> None:
    """CT in the background, activity in front of it, where there are slice views."""
    if slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode") is None or slicer.app.layoutManager() is None:
        return
    slicer.util.setSliceViewerLayers(background=ct_node, foreground=activity_node, foregroundOpacity=0.5, fit=True)


def show_result(parameter_node, images, result: StudyResult) -> None:
    """Put everything that was computed into the scene."""
    geometry = result.tia_map.geometry
    parameter_node.tiaVolume = _volume(
        parameter_node.tiaVolume, "TIA map", result.tia_map.tia_mbq_h_ml, geometry, volumes.TIA_UNIT
    )
    dose = parameter_node.doseVolume = _volume(
        parameter_node.doseVolume, "Absorbed dose", np.asarray(result.dose_map), geometry, volumes.DOSE_UNIT
    )
    _color_as_dose(dose, float(result.dose_map.maximum_gy))
    parameter_node.resultTable = _result_table(parameter_node.resultTable, result)
    curve_nodes = show_curves(parameter_node, [item.curve for item in result.regions], [item.fit for item in result.regions])
    parameter_node.histogramChart, histogram_nodes = _histogram_chart(parameter_node.histogramChart, result)
    text = parameter_node.resultText or slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "results.json")
    text.SetText(json_text(result.to_dict()))
    parameter_node.resultText = text
    patient, name = hierarchy.study_names(images.patient, images.nuclide, images.administration_time)
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


def _color_as_dose(node, maximum_gy: float) -> None:
    display = node.GetDisplayNode()
    if display is None:
        return
    # From blue for little to red for much, as dose washes usually are.
    display.SetAndObserveColorNodeID("vtkMRMLPETProceduralColorNodePET-Rainbow2")
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(0.0, maximum_gy or 1.0)
    display.SetLowerThreshold(0.05 * maximum_gy)
    display.SetUpperThreshold(maximum_gy or 1.0)
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
    for index, (matrix, name) in enumerate(zip(matrices, names)):
        nodes = [parameter_node.activityVolumes[index]]
        nodes += [parameter_node.ctVolumes[index]] if index < len(parameter_node.ctVolumes) else []
        transform = nodes[0].GetParentTransformNode()
        if np.allclose(matrix, np.eye(4)) and transform is None:
            continue
        if transform is None:
            transform = transforms.add_registration(f"{name} to reference", matrix)
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


def show_curves(parameter_node, curves, fits=None) -> list:
    """Chart of the measured activities and, where there are fits, of the fitted curves. Returns its nodes."""
    times = np.asarray(curves[0].times_h)
    fine = np.linspace(0.0, _TAIL * times[-1], _CURVE_POINTS)
    measured = {_TIME: times, **{curve.region: np.asarray(curve.activities_mbq) for curve in curves}}
    series = [(curve.region, "Measured activity", _TIME, curve.region, True) for curve in curves]
    content = {"Measured activity": measured}
    if fits is not None:
        content["Fitted activity"] = {
            _TIME: fine, **{curve.region: np.asarray(fit.activity_mbq(fine)) for curve, fit in zip(curves, fits)}
        }
        series += [(f"{curve.region} fit", "Fitted activity", _TIME, curve.region, False) for curve in curves]
    parameter_node.timeActivityChart, nodes = tables.show_chart(
        parameter_node.timeActivityChart, "Time-activity curves", _TIME_TITLE, "Activity (MBq)", content, series, len(curves)
    )
    return nodes


def show_region_curve(parameter_node, name: str, curve, fit=None) -> None:
    """Chart of one region: what was measured, and the fit."""
    times = np.asarray(curve.times_h)
    fine = np.linspace(0.0, _TAIL * times[-1], _CURVE_POINTS)
    content = {"Measured activity of the region": {_TIME: times, "Activity (MBq)": np.asarray(curve.activities_mbq)}}
    series = [("measured", "Measured activity of the region", _TIME, "Activity (MBq)", True)]
    if fit is not None:
        content["Fitted activity of the region"] = {_TIME: fine, "Activity (MBq)": np.asarray(fit.activity_mbq(fine))}
        series.append((fit.label, "Fitted activity of the region", _TIME, "Activity (MBq)", False))
    parameter_node.regionChart, _nodes = tables.show_chart(
        parameter_node.regionChart, f"Curve of {name}", _TIME_TITLE, "Activity (MBq)", content, series, 1
    )


def _histogram_chart(chart, result: StudyResult):
    """Every region has its own dose axis, so its own pair of columns."""
    columns = {}
    longest = max(len(item.histogram.edges_gy) for item in result.regions)
    for item in result.regions:
        missing = longest - len(item.histogram.edges_gy)
        # The curve stays at its last point: a table has one length for all columns.
        columns[f"{item.name} dose (Gy)"] = np.pad(item.histogram.edges_gy, (0, missing), mode="edge")
        columns[f"{item.name} volume (%)"] = 100.0 * np.pad(item.histogram.cumulative_fraction, (0, missing), mode="edge")
    name = "Dose-volume histograms"
    series = [(f"{item.name} DVH", name, f"{item.name} dose (Gy)", f"{item.name} volume (%)", False) for item in result.regions]
    return tables.show_chart(
        chart, "Dose-volume histogram", "Absorbed dose (Gy)", "Volume receiving at least the dose (%)", {name: columns}, series,
        len(result.regions),
    )
