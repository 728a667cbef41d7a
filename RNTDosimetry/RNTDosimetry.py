import enum
import logging
import os
import sys
from typing import Annotated

import qt
import slicer
import vtk
from slicer import (
    vtkMRMLPlotChartNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTableNode,
    vtkMRMLTextNode,
)
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


def makeLibraryImportable():
    """Installed, the library lies beside this file; in a clone, one folder up."""
    here = os.path.dirname(os.path.abspath(__file__))
    for folder in (here, os.path.dirname(here)):
        if os.path.isdir(os.path.join(folder, "RNTDosimetryLib")) and folder not in sys.path:
            sys.path.append(folder)
    if here not in sys.path:
        sys.path.append(here)


def _session():
    """The library can be imported only once its folder is on the path, so this import cannot stand at file scope."""
    makeLibraryImportable()
    from RNTDosimetryScene import session

    return session


class RNTDosimetry(ScriptedLoadableModule):
    """Name, category and texts of the module."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("RNT Dosimetry")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Nuclear Medicine")]
        self.parent.dependencies = ["Segmentations", "Volumes", "Tables", "Plots", "Transforms"]
        self.parent.contributors = ["RNTDosimetry contributors"]
        self.parent.helpText = _(
            "Absorbed dose of organs, lesions and voxels in radionuclide therapy, with its uncertainty, from SPECT/CT or PET/CT"
            " at several times. Load a study, look at what was read, run, and write the report. For research only."
        )
        self.parent.acknowledgementText = _("Decay data from the DDEP evaluations; dose kernels computed with EGSnrc.")


class DoseMethod(enum.Enum):
    KERNEL = "kernel"
    LOCAL = "local"

    def label(self):
        return _("Kernel (electrons and photons)") if self is DoseMethod.KERNEL else _("Local deposition (electrons)")


class VoxelModel(enum.Enum):
    SHARED = "shared"
    MONO = "mono"
    AUTO = "auto"

    def label(self):
        names = {
            VoxelModel.SHARED: _("Rates of the region"),
            VoxelModel.MONO: _("Own mono-exponential"),
            VoxelModel.AUTO: _("Own best model"),
        }
        return names[self]


@parameterNodeWrapper
class RNTDosimetryParameterNode:
    """Everything the panel holds; saved with the scene."""

    dicomFolder: str
    overridesJson: str
    intakeJson: str
    nuclide: str
    radiopharmaceutical: str
    administeredActivityMBq: Annotated[float, WithinRange(0, 1000000)] = 0.0
    administrationTime: str
    referenceIndex: int = 0
    activityVolumes: list[vtkMRMLScalarVolumeNode]
    ctVolumes: list[vtkMRMLScalarVolumeNode]
    segmentation: vtkMRMLSegmentationNode
    model: str = "auto"
    doseMethod: DoseMethod = DoseMethod.KERNEL
    voxelModel: VoxelModel = VoxelModel.SHARED
    densityGPerMl: Annotated[float, WithinRange(0.05, 3)] = 1.04
    calibrationUncertaintyPercent: Annotated[float, WithinRange(0, 99)] = 0.0
    spectResolutionMm: Annotated[float, WithinRange(0, 99)] = 0.0
    useSceneTransforms: bool = False
    tiaVolume: vtkMRMLScalarVolumeNode
    doseVolume: vtkMRMLScalarVolumeNode
    resultTable: vtkMRMLTableNode
    intakeTable: vtkMRMLTableNode
    timeActivityChart: vtkMRMLPlotChartNode
    histogramChart: vtkMRMLPlotChartNode
    resultText: vtkMRMLTextNode
    resultFingerprint: str


class RNTDosimetryWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel, in the order of the road. It holds no numbers of its own: they live in the parameter node and the result."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._cancelRequested = False
        self._running = False
        self._fillingTables = False

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/RNTDosimetry.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = self.logic or RNTDosimetryLogic()
        self._fillChoices()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.ui.dicomFolderPathLineEdit.connect("currentPathChanged(QString)", self.onFolderChanged)
        self.ui.loadButton.connect("clicked(bool)", self.onLoadButton)
        self.ui.nuclideComboBox.connect("currentTextChanged(QString)", self.onNuclideChanged)
        self.ui.modelComboBox.connect("currentTextChanged(QString)", self.onModelChanged)
        self.ui.addActivitySelector.connect("currentNodeChanged(vtkMRMLNode*)", self._checkCanApply)
        self.ui.addTimePointButton.connect("clicked(bool)", self.onAddTimePointButton)
        self.ui.clearTimePointsButton.connect("clicked(bool)", self.onClearTimePointsButton)
        self.ui.regionsTableWidget.connect("cellChanged(int,int)", self.onRegionCellChanged)
        self.ui.applyButton.connect("clicked(bool)", self.onApplyButton)
        self.ui.cancelButton.connect("clicked(bool)", self.onCancelButton)
        self.ui.outputFolderPathLineEdit.connect("currentPathChanged(QString)", self._checkCanApply)
        self.ui.writeButton.connect("clicked(bool)", self.onWriteButton)
        self.initializeParameterNode()

    def cleanup(self):
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        self.initializeParameterNode()

    def exit(self):
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event):
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameterNode):
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self._parameterNodeGuiTag = None
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParameterNodeModified)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._parameterNodeGuiTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParameterNodeModified)
            self.onParameterNodeModified()

    def _fillChoices(self):
        for name in self.logic.nuclideNames():
            self.ui.nuclideComboBox.addItem(name)
        for name in self.logic.modelNames():
            self.ui.modelComboBox.addItem(name)
        self.ui.timePointsTableWidget.setColumnCount(5)
        self.ui.timePointsTableWidget.setHorizontalHeaderLabels([_("Scan"), _("Start (h)"), _("Duration (s)"), _("Unit"), _("CT")])
        self.ui.regionsTableWidget.setColumnCount(4)
        self.ui.regionsTableWidget.setHorizontalHeaderLabels([_("Region"), _("Kind"), _("Recovery coefficient"), _("Mass (g)")])

    def onParameterNodeModified(self, caller=None, event=None):
        if self._parameterNode is None:
            return
        if self._parameterNode.dicomFolder and not self.ui.dicomFolderPathLineEdit.currentPath:
            self.ui.dicomFolderPathLineEdit.currentPath = self._parameterNode.dicomFolder
        _selectText(self.ui.nuclideComboBox, self._parameterNode.nuclide)
        _selectText(self.ui.modelComboBox, self._parameterNode.model)
        self._fillTimePoints()
        self._fillRegions()
        self.ui.resultTableView.setMRMLTableNode(self._parameterNode.resultTable)
        self._checkCanApply()

    def _fillTimePoints(self):
        rows = self.logic.timePointRows(self._parameterNode)
        table = self.ui.timePointsTableWidget
        table.setRowCount(len(rows))
        for row, cells in enumerate(rows):
            for column, text in enumerate(cells):
                table.setItem(row, column, qt.QTableWidgetItem(text))

    def _fillRegions(self):
        rows = self.logic.regionRows(self._parameterNode)
        table = self.ui.regionsTableWidget
        self._fillingTables = True
        try:
            table.setRowCount(len(rows))
            for row, cells in enumerate(rows):
                for column, text in enumerate(cells):
                    table.setItem(row, column, qt.QTableWidgetItem(text))
        finally:
            self._fillingTables = False

    def onFolderChanged(self, path):
        self._checkCanApply()

    def onNuclideChanged(self, name):
        if self._parameterNode is not None and name:
            self._parameterNode.nuclide = name

    def onModelChanged(self, name):
        if self._parameterNode is not None and name:
            self._parameterNode.model = name

    def onRegionCellChanged(self, row, column):
        if self._fillingTables or self._parameterNode is None or column not in (2, 3):
            return
        table = self.ui.regionsTableWidget
        try:
            with slicer.util.tryWithErrorDisplay(_("This value cannot be used.")):
                self.logic.typeRegionValue(self._parameterNode, table.item(row, 0).text(), column == 3, table.item(row, column).text())
        finally:
            self._fillRegions()
            self._checkCanApply()

    def onAddTimePointButton(self, checked=False):
        with slicer.util.tryWithErrorDisplay(_("The time point could not be added."), waitCursor=True):
            self.logic.addTimePoint(
                self._parameterNode,
                self.ui.addActivitySelector.currentNode(),
                self.ui.addStartHoursSpinBox.value,
                self.ui.addCtSelector.currentNode(),
            )

    def onClearTimePointsButton(self, checked=False):
        self.logic.clearTimePoints(self._parameterNode)

    def onLoadButton(self, checked=False):
        folder = self.ui.dicomFolderPathLineEdit.currentPath
        with slicer.util.tryWithErrorDisplay(_("The study could not be loaded."), waitCursor=True), self._working():
            self.logic.loadDicomFolder(folder, self._parameterNode, progress=self._showProgress, cancel=self._isCancelled)

    def onApplyButton(self, checked=False):
        with slicer.util.tryWithErrorDisplay(_("The dosimetry could not be finished."), waitCursor=True), self._working():
            result = self.logic.run(self._parameterNode, progress=self._showProgress, cancel=self._isCancelled)
            self.ui.warningsTextEdit.setPlainText("\n".join(result.all_warnings()))

    def onCancelButton(self, checked=False):
        self._cancelRequested = True
        self.ui.runStatusLabel.text = _("Stopping...")

    def onWriteButton(self, checked=False):
        folder = self.ui.outputFolderPathLineEdit.currentPath
        with slicer.util.tryWithErrorDisplay(_("The report could not be written."), waitCursor=True):
            paths = self.logic.writeReport(folder, self._parameterNode)
            self.ui.runStatusLabel.text = _("Wrote {count} files to {folder}").format(count=len(paths), folder=folder)

    def _working(self):
        return _Work(self)

    def _isCancelled(self):
        return self._cancelRequested

    def _showProgress(self, fraction, message):
        self.ui.progressBar.value = round(100 * fraction)
        self.ui.runStatusLabel.text = message
        slicer.app.processEvents()

    def _checkCanApply(self, *unused):
        if self._parameterNode is None:
            return
        folder = self.ui.dicomFolderPathLineEdit.currentPath
        self._enable(self.ui.loadButton, "" if os.path.isdir(folder or "") else _("Choose the folder with the DICOM files first"),
                     _("Read the DICOM files into the scene"))
        activity = self.ui.addActivitySelector.currentNode()
        self._enable(self.ui.addTimePointButton, "" if activity is not None else _("Choose an activity volume first"),
                     _("Add the volume, which must be in Bq/mL at the start of its acquisition"))
        self._enable(self.ui.clearTimePointsButton, "" if self._parameterNode.activityVolumes else _("There are no time points"),
                     _("Take all scans out of the study; the volumes stay in the scene"))
        missing = self.logic.missingInput(self._parameterNode)
        self._enable(self.ui.applyButton, missing, _("Register, measure, fit and compute the absorbed dose"))
        state = self.logic.resultState(self._parameterNode)
        self._enable(self.ui.writeButton, self._reasonNotToWrite(state), _("Write report, tables, dose volume and RTDOSE"))
        self.ui.cancelButton.enabled = self._running
        if not self._running:
            self.ui.runStatusLabel.text = missing or {
                "none": _("Ready to run."),
                "stale": _("Inputs have changed: the results are out of date. Run again."),
                "current": _("The results are up to date."),
            }[state]

    def _reasonNotToWrite(self, state):
        if state == "none":
            return _("Run first")
        if state == "stale":
            return _("The results are out of date: run again first")
        return "" if self.ui.outputFolderPathLineEdit.currentPath else _("Choose a folder first")

    def _enable(self, button, missing, help):
        button.enabled = not missing and not self._running
        button.toolTip = missing or help


class _Work:
    """While the panel works: buttons rest, Cancel is alive; afterwards the panel says what is true now."""

    def __init__(self, widget):
        self.widget = widget

    def __enter__(self):
        self.widget._cancelRequested = False
        self.widget._running = True
        self.widget._checkCanApply()
        return self

    def __exit__(self, kind, error, trace):
        makeLibraryImportable()
        from RNTDosimetryLib.progress import Cancelled

        self.widget._running = False
        self.widget.ui.progressBar.value = 0
        self.widget.onParameterNodeModified()
        if kind is not None and issubclass(kind, Cancelled):
            self.widget.ui.runStatusLabel.text = _("Cancelled: the scene is as it was.")
            return True
        return False


def _selectText(comboBox, text):
    index = comboBox.findText(text) if text else -1
    if index >= 0 and comboBox.currentIndex != index:
        comboBox.currentIndex = index


class RNTDosimetryLogic(ScriptedLoadableModuleLogic):
    """Everything the panel does, without a panel. The work itself is in RNTDosimetryScene and RNTDosimetryLib."""

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        makeLibraryImportable()
        self.lastResult = None

    def getParameterNode(self):
        return RNTDosimetryParameterNode(super().getParameterNode())

    def nuclideNames(self):
        from RNTDosimetryLib.nuclides import list_nuclides

        return list(list_nuclides())

    def modelNames(self):
        from RNTDosimetryLib.kinetics import MODEL_NAMES

        return ["auto", *MODEL_NAMES]

    def loadDicomFolder(self, folder, parameterNode=None, overrides=None, progress=None, cancel=None):
        """Read a folder of DICOM files into the scene: CTs, activity volumes in Bq/mL, segmentation, intake table.

        Nothing is added to the scene when the folder cannot be used. Raises DosimetryError with the reason.
        """
        parameterNode = parameterNode or self.getParameterNode()
        _session().load_dicom_folder(folder, parameterNode, overrides, progress, cancel)
        return parameterNode

    def loadStudyFile(self, path, parameterNode=None, progress=None, cancel=None):
        """Read a study file into the scene: its DICOM folder, what was typed about the regions, and how to compute."""
        parameterNode = parameterNode or self.getParameterNode()
        _session().load_study_file(path, parameterNode, progress, cancel)
        return parameterNode

    def addTimePoint(self, parameterNode, activityVolume, startHours, ctVolume=None, durationSeconds=None):
        """Add a volume in Bq/mL, true at the start of its acquisition, with its time typed."""
        _session().add_time_point(parameterNode, activityVolume, startHours, ctVolume, durationSeconds)

    def clearTimePoints(self, parameterNode):
        """Take all scans out of the study; the volumes stay in the scene."""
        _session().clear_time_points(parameterNode)

    def typeRegionValue(self, parameterNode, regionName, isMass, text):
        """Take a typed recovery coefficient or mass for a region; an empty text takes it back."""
        _session().type_region_value(parameterNode, regionName, "mass_g" if isMass else "recovery_coefficient", text)

    def missingInput(self, parameterNode):
        """What is missing before the dosimetry can run, in words; empty when nothing is."""
        return _session().missing_input(parameterNode)

    def resultState(self, parameterNode):
        """"none", "current", or "stale" when an input has changed since the results were computed."""
        return _session().result_state(parameterNode)

    def timePointRows(self, parameterNode):
        return _session().time_point_rows(parameterNode)

    def regionRows(self, parameterNode):
        return _session().region_rows(parameterNode)

    def run(self, parameterNode=None, progress=None, cancel=None):
        """Register, measure, fit, compute the absorbed dose, and show it in the scene. Returns the StudyResult.

        The scene is changed only when everything has been computed.
        """
        parameterNode = parameterNode or self.getParameterNode()
        self.lastResult = _session().run(parameterNode, progress, cancel)
        return self.lastResult

    def writeReport(self, folder, parameterNode=None):
        """Write report.html, results.json, results.csv, dose.nrrd and RTDOSE of the last result. Returns the paths."""
        return _session().write_report(folder, parameterNode or self.getParameterNode(), self.lastResult)


class RNTDosimetryTest(ScriptedLoadableModuleTest):
    """Self test: a small phantom patient from DICOM to absorbed dose, compared with its known truth."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_PhantomFromDicomToDose()

    def test_PhantomFromDicomToDose(self):
        makeLibraryImportable()
        from RNTDosimetryScene.selftest import phantom_deviations

        self.delayDisplay(_("Making a phantom patient and computing its absorbed doses"))
        deviations = phantom_deviations(RNTDosimetryLogic(), slicer.app.temporaryPath)
        for name, deviation, limit in deviations:
            logging.info(f"{name}: {100 * deviation:+.1f} % from the truth, limit {100 * limit:.0f} %")
            self.assertLess(abs(deviation), limit, name)
        self.delayDisplay(_("Test passed"))
