"""Source of a small scripted module for the tests: the mean of a volume in each segment, written into a table."""

NAME = "HostMini"
FILE_NAME = f"{NAME}.py"

SOURCE = """
import enum
from typing import Annotated

import qt
import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkMRMLTableNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Minimum, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin


class HostMini(ScriptedLoadableModule):
    started = False

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Host Mini")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Nuclear Medicine")]
        self.parent.contributors = ["RNTDosimetry contributors"]
        slicer.app.connect("startupCompleted()", self.onStartup)

    def onStartup(self):
        HostMini.started = True


class Statistic(enum.Enum):
    MEAN = "Mean"
    MAXIMUM = "Maximum"

    def label(self):
        return self.value


@parameterNodeWrapper
class HostMiniParameters:
    volume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    table: vtkMRMLTableNode
    statistic: Statistic = Statistic.MEAN
    factor: Annotated[float, WithinRange(0.1, 1000)] = 1.5
    density: Annotated[float, Minimum(0.1)] = 1.03
    rounded: bool = True
    note: str = ""
    times: list[float] = [4.0, 24.0]


class HostMiniWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.parameters = None
        self.guiTag = None
        self.cleanedUp = False

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        panel = slicer.util.loadUI(self.resourcePath("UI/HostMini.ui"))
        self.layout.addWidget(panel)
        self.ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        self.logic = HostMiniLogic()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onEndClose)
        self.ui.applyButton.connect("clicked(bool)", self.onApply)
        self.connectParameters(self.logic.getParameterNode())

    def cleanup(self):
        self.connectParameters(None)
        self.removeObservers()
        self.cleanedUp = True

    def enter(self):
        self.connectParameters(self.logic.getParameterNode())

    def exit(self):
        self.connectParameters(None)

    def onStartClose(self, caller, event):
        self.connectParameters(None)

    def onEndClose(self, caller, event):
        if self.parent.isEntered:
            self.connectParameters(self.logic.getParameterNode())

    def connectParameters(self, parameters):
        if self.parameters:
            self.parameters.disconnectGui(self.guiTag)
            self.removeObserver(self.parameters, vtk.vtkCommand.ModifiedEvent, self.checkCanApply)
        self.parameters = parameters
        if parameters:
            self.guiTag = parameters.connectGui(self.ui)
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self.checkCanApply)
            self.checkCanApply()

    def checkCanApply(self, caller=None, event=None):
        ready = bool(self.parameters.volume and self.parameters.segmentation)
        self.ui.applyButton.enabled = ready
        self.ui.applyButton.toolTip = _("Compute") if ready else _("Select volume and segmentation")

    def onApply(self):
        with slicer.util.tryWithErrorDisplay(_("Failed."), waitCursor=True):
            self.ui.tableView.setMRMLTableNode(self.logic.process(self.parameters))


class HostMiniLogic(ScriptedLoadableModuleLogic):
    def getParameterNode(self):
        return HostMiniParameters(super().getParameterNode())

    def process(self, parameters):
        if parameters.note == "fail":
            raise ValueError("Expected another note.")
        if not parameters.table:
            parameters.table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "Result")
        values = slicer.util.arrayFromVolume(parameters.volume)
        segmentation = parameters.segmentation.GetSegmentation()
        table = parameters.table
        table.RemoveAllColumns()
        table.AddColumn().SetName("Segment")
        table.AddColumn(vtk.vtkDoubleArray()).SetName("Value")
        for index in range(segmentation.GetNumberOfSegments()):
            segmentId = segmentation.GetNthSegmentID(index)
            mask = slicer.util.arrayFromSegmentBinaryLabelmap(parameters.segmentation, segmentId, parameters.volume) > 0
            value = values[mask].max() if parameters.statistic == Statistic.MAXIMUM else values[mask].mean()
            row = table.AddEmptyRow()
            table.SetCellText(row, 0, segmentation.GetNthSegment(index).GetName())
            table.SetCellText(row, 1, str(float(value) * parameters.factor))
        return table


class HostMiniTest(ScriptedLoadableModuleTest):
    ran = 0

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_defaults()

    def test_defaults(self):
        self.delayDisplay("defaults")
        self.assertEqual(HostMiniLogic().getParameterNode().factor, 1.5)
        HostMiniTest.ran += 1
"""


def _row(row: int, widget: str, parameter: str, properties: str = "") -> str:
    """A form row whose widget is named after its parameter and connected to it."""
    return (
        f'<item row="{row}" column="0"><widget class="QLabel" name="{parameter}Label">'
        f'<property name="text"><string>{parameter}:</string></property></widget></item>'
        f'<item row="{row}" column="1"><widget class="{widget}" name="{parameter}">{properties}'
        f'<property name="SlicerParameterName" stdset="0"><string>{parameter}</string></property></widget></item>'
    )


NODE_TYPES = '<property name="nodeTypes"><stringlist notr="true"><string>{}</string></stringlist></property>'
ROWS = "".join(
    (
        _row(0, "qMRMLNodeComboBox", "volume", NODE_TYPES.format("vtkMRMLScalarVolumeNode")),
        _row(
            1,
            "qMRMLNodeComboBox",
            "segmentation",
            NODE_TYPES.format("vtkMRMLSegmentationNode") + '<property name="noneEnabled"><bool>true</bool></property>',
        ),
        _row(2, "ctkSliderWidget", "factor", '<property name="decimals"><number>2</number></property>'),
        _row(3, "QComboBox", "statistic"),
        _row(4, "QLineEdit", "note"),
        _row(5, "QDoubleSpinBox", "density"),
        _row(6, "QCheckBox", "rounded"),
    )
)
CONNECTIONS = "".join(
    f"<connection><sender>HostMini</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>"
    f"<receiver>{receiver}</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection>"
    for receiver in ("volume", "segmentation")
)
PANEL = f"""<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0"><class>HostMini</class>
<widget class="qMRMLWidget" name="HostMini"><layout class="QVBoxLayout" name="panelLayout">
<item><widget class="ctkCollapsibleButton" name="inputs"><property name="text"><string>Inputs</string></property>
<layout class="QFormLayout" name="inputsLayout">{ROWS}</layout></widget></item>
<item><widget class="ctkCollapsibleButton" name="advanced"><property name="text"><string>Advanced</string></property>
<property name="collapsed"><bool>true</bool></property><layout class="QFormLayout" name="advancedLayout">
<item row="0" column="1"><widget class="ctkPathLineEdit" name="folder">
<property name="filters"><set>ctkPathLineEdit::Dirs|ctkPathLineEdit::Writable</set></property></widget></item>
</layout></widget></item>
<item><widget class="QPushButton" name="applyButton"><property name="text"><string>Apply</string></property></widget></item>
<item><widget class="qMRMLTableView" name="tableView"/></item>
</layout></widget><connections>{CONNECTIONS}</connections></ui>
"""
