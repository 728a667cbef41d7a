"""Charts of the scene: series in the colors of the segments, a legend beside the curves, linear or logarithmic."""

from dataclasses import dataclass

import numpy as np
import slicer
from vtk.util.numpy_support import vtk_to_numpy

from RNTDosimetryScene.nodes import hierarchy, tables

_COLORS = (
    (0.00, 0.45, 0.70),
    (0.84, 0.37, 0.00),
    (0.00, 0.62, 0.45),
    (0.80, 0.47, 0.65),
    (0.90, 0.62, 0.00),
    (0.34, 0.71, 0.91),
    (0.35, 0.35, 0.35),
    (0.55, 0.34, 0.16),
    (0.20, 0.20, 0.60),
    (0.60, 0.60, 0.10),
)
"""For regions without a segment: distinguishable with the common color vision deficiencies."""

POINTS_COLOR = (0.15, 0.15, 0.15)
_SOLID_SERIES = 5
_LIGHTEST = 0.55
_TITLE_SIZE, _AXIS_TITLE_SIZE, _LABEL_SIZE, _LEGEND_SIZE = 14, 12, 11, 11
_HEADROOM = "RNTDosimetry.Headroom"
_DECADES = 4
_LOG_ROOM = 2.0


@dataclass(frozen=True)
class Series:
    """One series of a chart. points: markers for what was measured, otherwise a line for what was computed."""

    name: str
    table: str
    x_column: str
    y_column: str
    color: tuple[float, float, float]
    points: bool = False
    line_style: int = 1


def region_colors(segmentation, names) -> list[tuple[float, float, float]]:
    """Color of each region: that of its segment, darkened where it would not be seen on white."""
    content = None if segmentation is None else segmentation.GetSegmentation()
    found = []
    for index, name in enumerate(names):
        segment = None if content is None else content.GetSegment(content.GetSegmentIdBySegmentName(name))
        found.append(_on_white(_COLORS[index % len(_COLORS)] if segment is None else tuple(segment.GetColor())))
    return found


def _on_white(color) -> tuple[float, float, float]:
    # Weights of ITU-R BT.709 for the lightness that the eye sees.
    lightness = float(np.dot((0.2126, 0.7152, 0.0722), color))
    return tuple(float(part) * min(1.0, _LIGHTEST / lightness) if lightness > 0 else 0.0 for part in color)


def line_style(index: int) -> int:
    """Solid for the first regions, then dashed and so on: color is not the only difference."""
    return 1 + index // _SOLID_SERIES % 4


def show_chart(
    chart, title: str, axis_titles: tuple[str, str], content: dict, series: list[Series], x_end: float, headroom: float = 1.0
):
    """Chart with its tables and series, made or brought up to date. Returns (chart, all its nodes).

    content: columns by table name. x_end: where the x axis ends; choose it so that the legend lies beside the curves. headroom: how
    far a linear y axis goes beyond the highest value, for a legend above the curves. A chart with the same series is only refilled, so
    that a view that shows it goes on showing it.
    """
    if chart is not None and _series_names(chart) != [item.name for item in series]:
        _empty(chart)
    if chart is None:
        chart = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotChartNode", title)
    with slicer.util.NodeModify(chart):
        nodes = _fill(chart, content, series)
        _dress(chart, title, axis_titles, x_end)
        chart.SetAttribute(_HEADROOM, repr(headroom))
        set_log_scale(chart, bool(chart.GetYAxisLogScale()))
    return chart, [chart, *nodes]


def _fill(chart, content, series) -> list:
    old = {node.GetName(): node for node in series_of(chart)}
    table_nodes = {}
    for item in series:
        if item.name in old and old[item.name].GetTableNode() is not None:
            table_nodes.setdefault(item.table, old[item.name].GetTableNode())
    for name, columns in content.items():
        if name not in table_nodes:
            table_nodes[name] = tables.add_table(name)
        tables.fill_table(table_nodes[name], columns)
    nodes = list(table_nodes.values())
    for item in series:
        node = old.get(item.name) or _add_series(chart, item, table_nodes[item.table])
        node.SetXColumnName(item.x_column)
        node.SetYColumnName(item.y_column)
        node.SetColor(*item.color)
        nodes.append(node)
    return nodes


def _add_series(chart, item: Series, table):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotSeriesNode")
    node.SetName(item.name)
    node.SetAndObserveTableNodeID(table.GetID())
    node.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
    if item.points:
        node.SetLineStyle(slicer.vtkMRMLPlotSeriesNode.LineStyleNone)
        node.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleCircle)
        node.SetMarkerSize(7)
    else:
        node.SetLineStyle(item.line_style)
        node.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
        node.SetLineWidth(2)
    chart.AddAndObservePlotSeriesNodeID(node.GetID())
    return node


def _dress(chart, title, axis_titles, x_end) -> None:
    chart.SetTitle(title)
    chart.SetXAxisTitle(axis_titles[0])
    chart.SetYAxisTitle(axis_titles[1])
    chart.SetTitleFontSize(_TITLE_SIZE)
    chart.SetAxisTitleFontSize(_AXIS_TITLE_SIZE)
    chart.SetAxisLabelFontSize(_LABEL_SIZE)
    chart.SetLegendFontSize(_LEGEND_SIZE)
    chart.SetXAxisRangeAuto(False)
    chart.SetXAxisRange(0.0, x_end)


def set_log_scale(chart, logarithmic: bool) -> None:
    """Logarithmic y axis over at most four decades, so that a curve that starts at zero does not stretch it; or linear again."""
    values = np.concatenate([np.zeros(0), *(_y_values(node) for node in series_of(chart))])
    values = values[values > 0]
    with slicer.util.NodeModify(chart):
        highest, headroom = float(values.max()) if values.size else 1.0, float(chart.GetAttribute(_HEADROOM) or 1.0)
        chart.SetYAxisRangeAuto(False)
        if not logarithmic or not values.size:
            chart.SetYAxisLogScale(False)
            chart.SetYAxisRange(0.0, highest * headroom)
            return
        lowest = max(float(values.min()) / _LOG_ROOM, highest * 10.0**-_DECADES)
        chart.SetYAxisRange(lowest, highest * _LOG_ROOM * (highest / lowest) ** (headroom - 1.0))
        chart.SetYAxisLogScale(True)


def _y_values(series) -> np.ndarray:
    table = series.GetTableNode()
    column = None if table is None else table.GetTable().GetColumnByName(series.GetYColumnName())
    return np.zeros(0) if column is None else vtk_to_numpy(column)


def series_of(chart) -> list:
    return [chart.GetNthPlotSeriesNode(index) for index in range(chart.GetNumberOfPlotSeriesNodes())]


def _series_names(chart) -> list[str]:
    return [node.GetName() for node in series_of(chart)]


def _empty(chart) -> None:
    table_nodes = set()
    for series in reversed(series_of(chart)):
        table_nodes.add(series.GetTableNode())
        hierarchy.remove(series)
    for node in table_nodes:
        if node is not None:
            hierarchy.remove(node)
    chart.RemoveAllPlotSeriesNodeIDs()
