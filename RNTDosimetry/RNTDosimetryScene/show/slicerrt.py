"""Dose and segments handed to SlicerRT, where that extension is installed: its dose-volume histograms and its isodoses.

Written against SlicerRT at revision df6ef69cfeaa (June 2026): vtkSlicerDoseVolumeHistogramModuleLogic, vtkSlicerIsodoseModuleLogic and
their parameter nodes. Our own histograms and isodoses need none of it and stay the default.
"""

import slicer

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryScene.nodes import hierarchy
from RNTDosimetryScene.show import isodose

DVH_MODULE, ISODOSE_MODULE = "DoseVolumeHistogram", "Isodose"
_TABLE_ROLE = "DoseVolumeHistogram."
_STEPS = 400
"""Steps of a histogram up to the highest dose. SlicerRT's own step, 0.2 Gy, is as much as the whole dose of the marrow."""


def is_there(module: str) -> bool:
    """Whether a module of SlicerRT is loaded."""
    return getattr(slicer.modules, module.lower(), None) is not None


def show_histograms(parameter_node):
    """Dose-volume histograms of all segments by SlicerRT, in its chart and its table of metrics. Returns its parameter node.

    Raises DosimetryError without SlicerRT, without dose or segments, and with SlicerRT's own words when it fails.
    """
    logic = _logic(DVH_MODULE)
    dose = _dose(parameter_node)
    if parameter_node.segmentation is None:
        raise DosimetryError("Expected regions for dose-volume histograms, found none; choose a segmentation first.")
    node = _node_of(dose, "vtkMRMLDoseVolumeHistogramNode", "DVH of RNTDosimetry")
    node.SetAndObserveDoseVolumeNode(dose)
    node.SetAndObserveSegmentationNode(parameter_node.segmentation)
    before = logic.GetStartValue(), logic.GetStepSize()
    step = min(before[1], dose.GetImageData().GetScalarRange()[1] / _STEPS)
    logic.SetStartValue(step / 2)
    logic.SetStepSize(step)
    try:
        message = logic.ComputeDvh(node)
    finally:
        logic.SetStartValue(before[0])
        logic.SetStepSize(before[1])
    if message:
        raise DosimetryError(
            f"Expected dose-volume histograms of SlicerRT, received its message '{message}'; use Curves and table instead."
        )
    chart, metrics = node.GetChartNode(), node.GetMetricsTableNode()
    roles: list[str] = []
    metrics.GetNodeReferenceRoles(roles)
    for role in sorted(role for role in roles if role.startswith(_TABLE_ROLE)):
        table = metrics.GetNodeReference(role)
        if table is not None:
            logic.AddDvhToChart(chart, table)
    _open(DVH_MODULE, node)
    return node


def show_isodoses(parameter_node):
    """Isodoses of SlicerRT at the levels of the panel, in percent of the highest dose. Returns its parameter node.

    SlicerRT gives the dose volume the colors of its levels; "Show dose over CT" brings ours back. Raises DosimetryError
    without SlicerRT or dose, and when SlicerRT makes no surface.
    """
    logic = _logic(ISODOSE_MODULE)
    percents = isodose.levels_of(parameter_node.isodosePercents)
    dose = _dose(parameter_node)
    node = _node_of(dose, "vtkMRMLIsodoseNode", "Isodoses of RNTDosimetry")
    node.SetAndObserveDoseVolumeNode(dose)
    node.SetDoseUnits(node.Gy)
    node.SetReferenceDoseValue(dose.GetImageData().GetScalarRange()[1])
    node.SetRelativeRepresentationFlag(True)
    colors = logic.SetupColorTableNodeForDoseVolumeNode(dose)
    logic.SetNumberOfIsodoseLevels(node, len(percents))
    for index, percent in enumerate(percents):
        colors.SetColor(index, f"{percent:g}", *isodose.color_of_level(index, len(percents)), 1.0)
    if not logic.CreateIsodoseSurfaces(node):
        raise DosimetryError("Expected isodoses of SlicerRT, received none; choose lower levels, or use Isodoses instead.")
    _open(ISODOSE_MODULE, node)
    return node


def _logic(module: str):
    if not is_there(module):
        raise DosimetryError(f"Expected the module {module} of the extension SlicerRT, found none; install SlicerRT first.")
    return getattr(slicer.modules, module.lower()).logic()


def _dose(parameter_node):
    """Dose volume in a state that SlicerRT knows as absorbed dose in Gy, also after somebody has moved it in the hierarchy."""
    dose = parameter_node.doseVolume
    if dose is None or dose.GetImageData() is None:
        raise DosimetryError("Expected a dose volume, found none; compute the dose first.")
    if dose.GetImageData().GetScalarRange()[0] < 0:
        raise DosimetryError(
            "Expected a dose without negative voxels, received some, which SlicerRT refuses; compute the dose again."
        )
    hierarchy.mark_as_dose(dose, hierarchy.study_of(dose, "Absorbed dose"))
    return dose


def _node_of(dose, class_name: str, name: str):
    """Parameter node of SlicerRT for this dose: the one of the last time, or a new one."""
    role = f"RNTDosimetry.{class_name}"
    node = dose.GetNodeReference(role)
    if node is None:
        node = slicer.mrmlScene.AddNode(getattr(slicer, class_name)())
        node.SetName(slicer.mrmlScene.GenerateUniqueName(name))
        dose.SetNodeReferenceID(role, node.GetID())
    return node


def _open(module: str, node) -> None:
    """Go to SlicerRT's panel with what was computed in it, where there is a window."""
    if slicer.util.mainWindow() is not None:
        slicer.util.selectModule(module)
        getattr(slicer.modules, module.lower()).widgetRepresentation().setParameterNode(node)
