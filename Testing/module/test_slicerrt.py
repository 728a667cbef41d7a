"""What is handed to SlicerRT. The stand-in has the names, checks and effects of SlicerRT's sources at revision df6ef69cfeaa:

DoseVolumeHistogram/Logic/vtkSlicerDoseVolumeHistogramModuleLogic.cxx, DoseVolumeHistogram/MRML/vtkMRMLDoseVolumeHistogramNode.cxx,
Isodose/Logic/vtkSlicerIsodoseModuleLogic.cxx, Isodose/MRML/vtkMRMLIsodoseNode.cxx and SlicerRtCommon/vtkSlicerRtCommon.cxx.
"""

import types

import numpy as np
import pytest
import vtk


def stand_ins():
    """Parameter node classes and logics; made when the host runs, because they are nodes of the scene."""
    import slicer

    def same_scene(node, other):
        if other is not None and node.GetScene() is not other.GetScene():
            raise AssertionError("Cannot set reference: the referenced and referencing node are not in the same scene")

    def oversampled(dose, array):
        """Voxels of half the size, as SlicerRT's default: factor 2."""
        finer = np.repeat(np.repeat(np.repeat(array, 2, axis=0), 2, axis=1), 2, axis=2)
        matrix, halved = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
        dose.GetIJKToRASMatrix(matrix)
        for axis in range(3):
            halved.SetElement(axis, axis, 0.5)
            halved.SetElement(axis, 3, -0.25)
        vtk.vtkMatrix4x4.Multiply4x4(matrix, halved, halved)
        return slicer.util.addVolumeFromArray(finer, ijkToRAS=halved), finer

    class vtkMRMLDoseVolumeHistogramNode(slicer.vtkMRMLScriptedModuleNode):
        def SetAndObserveDoseVolumeNode(self, node):
            same_scene(self, node)
            self.SetNodeReferenceID("doseVolumeRef", node.GetID())

        def GetDoseVolumeNode(self):
            return self.GetNodeReference("doseVolumeRef")

        def SetAndObserveSegmentationNode(self, node):
            same_scene(self, node)
            self.SetNodeReferenceID("segmentationRef", node.GetID())

        def GetSegmentationNode(self):
            return self.GetNodeReference("segmentationRef")

        def _unique(self, role, class_name, name):
            if self.GetNodeReference(role) is None:
                self.SetNodeReferenceID(role, self.GetScene().AddNewNodeByClass(class_name, name).GetID())
            return self.GetNodeReference(role)

        def GetMetricsTableNode(self):
            return self._unique("dvhMetricsTableRef", "vtkMRMLTableNode", "DvhMetrics")

        def GetChartNode(self):
            return self._unique("chartRef", "vtkMRMLPlotChartNode", "DvhChart")

    class DvhLogic:
        def __init__(self):
            self.start, self.step, self.means, self.bins = 0.1, 0.2, {}, {}

        def GetStartValue(self):
            return self.start

        def SetStartValue(self, value):
            self.start = value

        def GetStepSize(self):
            return self.step

        def SetStepSize(self, value):
            self.step = value

        def ComputeDvh(self, node):
            dose, segmentation = node.GetDoseVolumeNode(), node.GetSegmentationNode()
            if dose is None or segmentation is None:
                return "Both segmentation node and dose volume node need to be set"
            array = slicer.util.arrayFromVolume(dose)
            if dose.GetAttribute("DicomRtImport.DoseVolume") and array.min() < 0:
                return "The dose volume contains negative dose values"
            content, metrics = segmentation.GetSegmentation(), node.GetMetricsTableNode()
            fine, fine_array = oversampled(dose, array)
            for segment_id in content.GetSegmentIDs():
                labels = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, fine)
                if not labels.any():
                    return "Dose volume and the structure do not overlap"
                role = f"DoseVolumeHistogram.{dose.GetID()}_{segmentation.GetID()}_{segment_id}"
                if metrics.GetNodeReference(role) is None:
                    table = node.GetScene().AddNewNodeByClass("vtkMRMLTableNode", f"{segment_id}_DvhTable")
                    table.SetAttribute("DoseVolumeHistogram.SegmentID", segment_id)
                    metrics.SetNodeReferenceID(role, table.GetID())
                self.means[content.GetSegment(segment_id).GetName()] = float(fine_array[labels > 0].mean())
            slicer.mrmlScene.RemoveNode(fine)
            self.bins = {
                "start": self.start,
                "step": self.step,
                "count": int(np.ceil((array.max() - self.start) / self.step)) + 1,
            }
            return ""

        def AddDvhToChart(self, chart, table):
            series = chart.GetScene().AddNewNodeByClass(
                "vtkMRMLPlotSeriesNode", table.GetAttribute("DoseVolumeHistogram.SegmentID")
            )
            if not any(
                chart.GetNthPlotSeriesNode(i).GetName() == series.GetName() for i in range(chart.GetNumberOfPlotSeriesNodes())
            ):
                chart.AddAndObservePlotSeriesNodeID(series.GetID())
            return series

    class vtkMRMLIsodoseNode(slicer.vtkMRMLScriptedModuleNode):
        Unknown, Gy, Relative = -1, 0, 1

        def SetAndObserveDoseVolumeNode(self, node):
            same_scene(self, node)
            self.SetNodeReferenceID("doseVolumeRef", node.GetID())

        def GetDoseVolumeNode(self):
            return self.GetNodeReference("doseVolumeRef")

        def GetColorTableNode(self):
            return self.GetDoseVolumeNode().GetNodeReference("colorTableRef")

        def SetDoseUnits(self, units):
            self.SetAttribute("units", str(units))

        def SetReferenceDoseValue(self, value):
            self.SetAttribute("reference", repr(value))

        def SetRelativeRepresentationFlag(self, flag):
            self.SetAttribute("relative", str(flag))

    class IsodoseLogic:
        def __init__(self):
            self.levels_gy, self.units = [], ""

        def SetupColorTableNodeForDoseVolumeNode(self, dose):
            if dose.GetNodeReference("colorTableRef") is None:
                table = dose.GetScene().AddNewNodeByClass("vtkMRMLColorTableNode", dose.GetName() + "_IsodoseColorTable")
                table.SetTypeToUser()
                table.SetNumberOfColors(7)
                dose.SetNodeReferenceID("colorTableRef", table.GetID())
            return dose.GetNodeReference("colorTableRef")

        def SetNumberOfIsodoseLevels(self, node, count):
            node.GetColorTableNode().SetNumberOfColors(count)
            node.GetColorTableNode().GetLookupTable().SetTableRange(0, count - 1)

        def CreateIsodoseSurfaces(self, node):
            dose, table = node.GetDoseVolumeNode(), node.GetColorTableNode()
            tree = slicer.mrmlScene.GetSubjectHierarchyNode()
            self.units = tree.GetAttributeFromItemAncestor(tree.GetItemByDataNode(dose), "DicomRtImport.DoseUnitName", "Study")
            relative = node.GetAttribute("relative") == "True" and int(node.GetAttribute("units")) in (node.Gy, node.Unknown)
            levels = [float(table.GetColorName(index)) for index in range(table.GetNumberOfColors())]
            self.levels_gy = [level * float(node.GetAttribute("reference")) / 100 if relative else level for level in levels]
            dose.GetDisplayNode().SetAndObserveColorNodeID(table.GetID())
            return any(level <= dose.GetImageData().GetScalarRange()[1] for level in self.levels_gy)

    return vtkMRMLDoseVolumeHistogramNode, DvhLogic, vtkMRMLIsodoseNode, IsodoseLogic


@pytest.fixture
def slicerrt(computed_panel, monkeypatch):
    """(widget, DVH logic, isodose logic) with SlicerRT in the application."""
    import slicer

    _container, widget = computed_panel
    dvh_node, dvh_logic, isodose_node, isodose_logic = stand_ins()
    logics = dvh_logic(), isodose_logic()
    monkeypatch.setattr(slicer, "vtkMRMLDoseVolumeHistogramNode", dvh_node, raising=False)
    monkeypatch.setattr(slicer, "vtkMRMLIsodoseNode", isodose_node, raising=False)
    for name, logic in zip(("dosevolumehistogram", "isodose"), logics):
        monkeypatch.setattr(slicer.modules, name, types.SimpleNamespace(logic=lambda logic=logic: logic), raising=False)
    widget.panel.refresh()
    yield widget, *logics
    monkeypatch.undo()
    widget.panel.refresh()


def test_without_slicerrt_the_buttons_rest_and_say_why(computed_panel):
    from RNTDosimetryScene.show import slicerrt

    from RNTDosimetryLib.base.errors import DosimetryError

    _container, widget = computed_panel
    widget.panel.refresh()
    for button in (widget.ui.slicerRtDvhButton, widget.ui.slicerRtIsodoseButton):
        assert not button.enabled
        assert button.toolTip == "Install the extension SlicerRT first"
    with pytest.raises(DosimetryError, match="found none; install SlicerRT first"):
        slicerrt.show_histograms(widget._parameterNode)


def test_the_histograms_are_those_of_our_dose_in_our_regions(slicerrt):
    """SlicerRT gets the same voxels: its means are the means of our dose map, up to the parts of voxels at the edges."""
    import slicer

    widget, logic, _isodose = slicerrt
    assert widget.ui.slicerRtDvhButton.enabled
    widget.ui.slicerRtDvhButton.click()
    for item in widget.logic.lastResult.regions:
        assert logic.means[item.name] == pytest.approx(item.map_mean_gy, rel=0.02 if item.mass_g > 20 else 0.05), item.name
    charts = [node for node in slicer.util.getNodesByClass("vtkMRMLPlotChartNode") if node.GetName() == "DvhChart"]
    assert [chart.GetNumberOfPlotSeriesNodes() for chart in charts] == [9]
    assert logic.bins["step"] == pytest.approx(widget._parameterNode.doseVolume.GetImageData().GetScalarRange()[1] / 400)
    assert logic.bins["count"] > 400
    assert (logic.start, logic.step) == (0.1, 0.2)


def test_a_second_click_uses_the_nodes_of_the_first(slicerrt):
    import slicer

    widget, _dvh, _isodose = slicerrt
    widget.ui.slicerRtDvhButton.click()
    widget.logic.slicerRtIsodoses(widget._parameterNode)
    before = len(slicer.util.getNodesByClass("vtkMRMLTableNode"))
    widget.logic.slicerRtHistograms(widget._parameterNode)
    widget.ui.slicerRtIsodoseButton.click()
    assert len(slicer.util.getNodesByClass("vtkMRMLTableNode")) == before


def test_the_words_of_slicerrt_are_shown(slicerrt, monkeypatch):
    import slicer

    widget, logic, _isodose = slicerrt
    shown = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **more: shown.append(text))
    monkeypatch.setattr(logic, "ComputeDvh", lambda node: "Dose volume and the structure do not overlap")
    widget.ui.slicerRtDvhButton.click()
    assert len(shown) == 1
    assert "received its message 'Dose volume and the structure do not overlap'" in shown[0]
    assert (logic.start, logic.step) == (0.1, 0.2)


def test_the_isodoses_have_the_levels_of_the_panel_in_gray(slicerrt):
    widget, _dvh, logic = slicerrt
    node = widget._parameterNode
    widget.ui.isodosePercentsLineEdit.text = "25, 50, 90"
    widget.ui.slicerRtIsodoseButton.click()
    highest = node.doseVolume.GetImageData().GetScalarRange()[1]
    assert logic.levels_gy == pytest.approx([0.25 * highest, 0.5 * highest, 0.9 * highest])
    assert logic.units == "GY"
    assert node.doseVolume.GetDisplayNode().GetColorNode().GetName().endswith("_IsodoseColorTable")
    widget.ui.showDoseButton.click()
    assert "PET-Rainbow2" in node.doseVolume.GetDisplayNode().GetColorNodeID()
    widget.ui.isodosePercentsLineEdit.text = "20, 40, 60, 80"


def test_a_dose_that_was_moved_is_a_dose_again(slicerrt):
    """Somebody drags the volume out of its study: SlicerRT would not know its unit any more."""
    import slicer

    widget, _dvh, logic = slicerrt
    tree = slicer.mrmlScene.GetSubjectHierarchyNode()
    item = tree.GetItemByDataNode(widget._parameterNode.doseVolume)
    study = tree.GetItemParent(item)
    tree.SetItemParent(item, tree.GetSceneItemID())
    widget.ui.slicerRtIsodoseButton.click()
    assert logic.units == "GY"
    added = tree.GetItemParent(item)
    tree.SetItemParent(item, study)
    tree.RemoveItem(added)


def test_our_dose_has_no_negative_voxel_and_such_are_refused(slicerrt):
    import slicer
    from RNTDosimetryScene.show import slicerrt as handed

    from RNTDosimetryLib.base.errors import DosimetryError

    widget, _dvh, _isodose = slicerrt
    array = slicer.util.arrayFromVolume(widget._parameterNode.doseVolume)
    assert array.min() >= 0
    kept, array[0, 0, 0] = array[0, 0, 0], -1.0
    widget._parameterNode.doseVolume.GetImageData().GetPointData().GetScalars().Modified()
    with pytest.raises(DosimetryError, match="without negative voxels"):
        handed.show_histograms(widget._parameterNode)
    array[0, 0, 0] = kept
    widget._parameterNode.doseVolume.GetImageData().GetPointData().GetScalars().Modified()
