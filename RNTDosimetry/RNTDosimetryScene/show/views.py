"""How the views show a study: dose over CT with legend, and a layout with curves and table."""

import slicer

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryScene.nodes import geometry
from RNTDosimetryScene.show import display
from RNTDosimetryScene.study import inputs, sequences

_LEGEND_SIZE, _LEGEND_POSITION = (0.07, 0.45), (0.98, 0.8)
"""Shares of the view: the text is as large as this width allows, and lies in the corner, where there is little of the patient."""


def has_views() -> bool:
    return (
        slicer.app.layoutManager() is not None and slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode") is not None
    )


def _composites() -> list:
    return slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")


def link_slices(linked: bool = True) -> None:
    for composite in _composites():
        composite.SetLinkedControl(linked)


def show_dose(parameter_node, ct_node, opacity: float = 0.6) -> None:
    """Dose over CT in linked slices, with its legend, at the slices of the highest dose; the segments as outlines, not over the dose."""
    dose = parameter_node.doseVolume
    if dose is None:
        raise DosimetryError("Expected a dose volume, found none; compute the dose first.")
    display.color_as_dose(dose)
    _legend(dose)
    if parameter_node.segmentation is not None and parameter_node.segmentation.GetDisplayNode() is not None:
        parameter_node.segmentation.GetDisplayNode().SetVisibility2DFill(False)
    if not has_views():
        return
    slicer.util.setSliceViewerLayers(background=ct_node, foreground=dose, foregroundOpacity=opacity, fit=True)
    link_slices()
    for composite in _composites():
        composite.SetCompositing(composite.Alpha)
    slicer.modules.markups.logic().JumpSlicesToLocation(*_hottest_point(dose), True)


def _hottest_point(volume) -> list[float]:
    """In the world, RAS: the dose may lie under the transform of its reference."""
    import numpy as np

    array = slicer.util.arrayFromVolume(volume)
    k, j, i = np.unravel_index(int(array.argmax()), array.shape)
    point = geometry.to_world(volume) @ geometry.ijk_to_ras(geometry.geometry_of_volume(volume)) @ (i, j, k, 1.0)
    return point[:3].tolist()


def _legend(volume):
    """Color legend of the dose in Gy."""
    colors = getattr(slicer.modules, "colors", None)
    if colors is None or volume.GetDisplayNode() is None:
        return None
    legend = colors.logic().AddDefaultColorLegendDisplayNode(volume)
    legend.SetAndObserveColorNodeID(volume.GetDisplayNode().GetColorNodeID())
    legend.SetTitleText("Absorbed dose (Gy)")
    legend.SetLabelFormat("%.1f")
    for text in (legend.GetTitleTextProperty(), legend.GetLabelTextProperty()):
        text.SetFontFamilyToArial()
    legend.SetSize(*_LEGEND_SIZE)
    legend.SetPosition(*_LEGEND_POSITION)
    legend.SetVisibility(True)
    return legend


def play_scans(parameter_node) -> None:
    """Play the scans in the slice views; the bar of the module Sequences, where there is one, steps and stops them."""
    browser = sequences.show_scans(parameter_node)
    if hasattr(slicer.modules.sequences, "showSequenceBrowser"):
        slicer.modules.sequences.showSequenceBrowser(browser)
    if has_views():
        activity, *others = sequences.shown_nodes(parameter_node)
        ct = next((node for node in others if node.IsA("vtkMRMLVolumeNode")), None)
        slicer.util.setSliceViewerLayers(
            background=ct or activity, foreground=activity if ct else None, foregroundOpacity=0.5, fit=True
        )
        link_slices()
    browser.SetPlaybackActive(True)


def stop_scans(parameter_node) -> None:
    """Take the played scans away and show those of the reference again."""
    sequences.remove_scans(parameter_node)
    activity = parameter_node.activityVolumes[parameter_node.referenceIndex]
    display.show_images(inputs.reference_volume(parameter_node), activity)


def show_result_layout(parameter_node) -> None:
    """Slices above, the curves, the dose-volume histograms and the result table below."""
    manager = slicer.app.layoutManager()
    if manager is None:
        return
    module = slicer.modules.RNTDosimetryInstance
    module.registerLayout()
    manager.setLayout(module.LAYOUT)
    show_chart("RNTDosimetryCurves", parameter_node.timeActivityChart)
    show_chart("RNTDosimetryHistogram", parameter_node.histogramChart)
    view = slicer.mrmlScene.GetSingletonNode("RNTDosimetryTable", "vtkMRMLTableViewNode")
    if view is not None and parameter_node.resultTable is not None:
        view.SetTableNodeID(parameter_node.resultTable.GetID())


def show_chart(view_tag: str, chart) -> None:
    """Show a chart in one plot view of the result layout, where that view is."""
    view = slicer.mrmlScene.GetSingletonNode(view_tag, "vtkMRMLPlotViewNode")
    if view is not None and chart is not None:
        view.SetPlotChartNodeID(chart.GetID())
