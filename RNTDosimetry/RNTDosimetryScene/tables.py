"""Result tables and charts of the scene."""

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from RNTDosimetryScene import hierarchy

_SERIES_COLORS = (
    (0.00, 0.45, 0.70), (0.84, 0.37, 0.00), (0.00, 0.62, 0.45), (0.80, 0.47, 0.65), (0.90, 0.62, 0.00),
    (0.34, 0.71, 0.91), (0.35, 0.35, 0.35), (0.55, 0.34, 0.16), (0.20, 0.20, 0.60), (0.60, 0.60, 0.10),
)
"""Distinguishable with the common color vision deficiencies; markers and line types differ as well."""


def fill_table(node, columns: dict[str, list | np.ndarray]) -> None:
    """Replace the columns of a table node: numbers become double columns, text string columns; None is an empty cell."""
    node.RemoveAllColumns()
    for name, values in columns.items():
        if isinstance(values, np.ndarray):
            array = numpy_to_vtk(np.ascontiguousarray(values, dtype=float), deep=True)
        else:
            array = vtk.vtkStringArray()
            for value in values:
                array.InsertNextValue("" if value is None else str(value))
        array.SetName(name)
        node.AddColumn(array)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.Modified()


def add_table(name: str):
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)


def add_chart(name: str, x_title: str, y_title: str):
    chart = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotChartNode", name)
    chart.SetTitle(name)
    chart.SetXAxisTitle(x_title)
    chart.SetYAxisTitle(y_title)
    return chart


def add_series(chart, name: str, table, x_column: str, y_column: str, index: int, points: bool) -> object:
    """One series of a chart: points for what was measured, a line for what was computed."""
    series = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotSeriesNode")
    series.SetName(name)
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName(x_column)
    series.SetYColumnName(y_column)
    series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
    series.SetColor(*_SERIES_COLORS[index % len(_SERIES_COLORS)])
    if points:
        series.SetLineStyle(slicer.vtkMRMLPlotSeriesNode.LineStyleNone)
        series.SetMarkerStyle(1 + index % 5)
        series.SetMarkerSize(9)
    else:
        series.SetLineStyle(1 + index // len(_SERIES_COLORS) % 4)
        series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
        series.SetLineWidth(2)
    chart.AddAndObservePlotSeriesNodeID(series.GetID())
    return series


def show_chart(chart, name, x_title, y_title, content, series, colors):
    """Chart with its tables and series, made or brought up to date. Returns (chart, all its nodes).

    content: columns by table name. series: (name, table name, x column, y column, points) of each. colors: after so many
    series the colors begin again, so that a fit has the color of its points. A chart with the same series is only refilled, so
    that a view that shows it goes on showing it.
    """
    if chart is not None and _series_names(chart) != [item[0] for item in series]:
        _empty_chart(chart)
    if chart is None:
        chart = add_chart(name, x_title, y_title)
    chart.SetTitle(name)
    old = {chart.GetNthPlotSeriesNode(index).GetName(): chart.GetNthPlotSeriesNode(index) for index in range(chart.GetNumberOfPlotSeriesNodes())}
    table_nodes = {}
    for item_name, table_name, *_columns in series:
        if item_name in old and old[item_name].GetTableNode() is not None:
            table_nodes.setdefault(table_name, old[item_name].GetTableNode())
    for table_name, columns in content.items():
        if table_name not in table_nodes:
            table_nodes[table_name] = add_table(table_name)
        fill_table(table_nodes[table_name], columns)
    nodes = [chart, *table_nodes.values()]
    for index, (item_name, table_name, x_column, y_column, points) in enumerate(series):
        if item_name not in old:
            old[item_name] = add_series(chart, item_name, table_nodes[table_name], x_column, y_column, index % colors, points)
        nodes.append(old[item_name])
    return chart, nodes


def _series_names(chart) -> list[str]:
    return [chart.GetNthPlotSeriesNode(index).GetName() for index in range(chart.GetNumberOfPlotSeriesNodes())]


def _empty_chart(chart) -> None:
    table_nodes = set()
    for index in reversed(range(chart.GetNumberOfPlotSeriesNodes())):
        series = chart.GetNthPlotSeriesNode(index)
        table_nodes.add(series.GetTableNode())
        hierarchy.remove(series)
    for node in table_nodes:
        if node is not None:
            hierarchy.remove(node)
    chart.RemoveAllPlotSeriesNodeIDs()
