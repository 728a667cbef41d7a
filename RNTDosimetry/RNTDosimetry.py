import logging
import os
import pathlib
import sys
import uuid

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

_STUDY_ID = "RNTDosimetry.StudyID"
DOCUMENTATION = "https://github.com/RNTDosimetry/SlicerRNTDosimetry/blob/main/docs/tutorial.md"


def makeLibraryImportable():
    """Installed, the library lies beside this file; in a clone, one folder up."""
    here = os.path.dirname(os.path.abspath(__file__))
    for folder in (here, os.path.dirname(here)):
        if os.path.isdir(os.path.join(folder, "RNTDosimetryLib")) and folder not in sys.path:
            sys.path.append(folder)
    if here not in sys.path:
        sys.path.append(here)


class RNTDosimetry(ScriptedLoadableModule):
    """Name, category and texts of the module, and what it offers before it is opened."""

    LAYOUT = 7177
    SAMPLE = "RNTDosimetryPhantom"

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("RNT Dosimetry")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Nuclear Medicine")]
        self.parent.dependencies = ["Segmentations", "Volumes", "Tables", "Plots", "Transforms"]
        self.parent.contributors = ["RNTDosimetry contributors"]
        self.parent.helpText = _(
            "Absorbed dose of organs, lesions and voxels in radionuclide therapy, with its uncertainty, from SPECT/CT or PET/CT"
            " at several times. Load a study, look at what was read, run, and write the report. For research only."
        ) + _(' See the <a href="{url}">documentation</a>.').format(url=DOCUMENTATION)
        self.parent.acknowledgementText = _(
            "Decay data from the DDEP evaluations; dose kernels computed with EGSnrc. The sources of every number stand in the"
            " report and in the folder Resources."
        )
        slicer.app.connect("startupCompleted()", self.onStartupCompleted)

    def onStartupCompleted(self):
        """Every user of Slicer waits for this: nothing but this file is loaded for it."""
        self.registerSampleData()
        self.registerLayout()

    def registerSampleData(self):
        """The phantom patient appears in Sample Data; it is generated when it is asked for, by a click or by a script."""
        try:
            import SampleData
        except ImportError:
            return
        sources = getattr(slicer.modules, "sampleDataSources", {}).get(self.moduleName, [])
        if any(source.sampleName == self.SAMPLE for source in sources):
            return
        recipe = self.resourcePath(f"SampleData/{self.SAMPLE}.rntphantom")
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category=self.moduleName,
            sampleName=self.SAMPLE,
            # What is copied is a recipe of a few bytes; RNTDosimetryFileReader makes the patient of it, known by its ending.
            uris=pathlib.Path(recipe).as_uri(),
            thumbnailFileName=self.resourcePath("Icons/RNTDosimetry.png"),
            customDownloader=lambda source=None: loadSample(),
        )

    def registerLayout(self):
        """A scene that was saved in the layout of the results opens with its views only when the layout is known by then."""
        manager = slicer.app.layoutManager()
        node = manager.layoutLogic().GetLayoutNode() if manager is not None else None
        if node is not None and not node.IsLayoutDescription(self.LAYOUT):
            with open(self.resourcePath("Layouts/RNTDosimetry.xml"), encoding="utf-8") as file:
                node.AddLayoutDescription(self.LAYOUT, file.read())


def loadSample():
    """Make the phantom patient and load it as a study of its own, by the logic of the panel where there is one. Returns its nodes."""
    widget = getattr(slicer.modules, "RNTDosimetryWidget", None)
    logic = getattr(widget, "logic", None) or RNTDosimetryLogic()
    return logic.loadSample()


class RNTDosimetryFileReader:
    """Reads the recipe of the phantom patient, so that Sample Data and scripts load it as they load any other sample."""

    FILE_TYPE = "RNTDosimetryPhantom"

    def __init__(self, parent):
        self.parent = parent

    def description(self):
        return _("RNT Dosimetry phantom patient")

    def fileType(self):
        return self.FILE_TYPE

    def extensions(self):
        return [_("RNT Dosimetry phantom patient") + " (*.rntphantom)"]

    def canLoadFile(self, filePath):
        return str(filePath).lower().endswith(".rntphantom")

    def load(self, properties):
        makeLibraryImportable()
        self.parent.loadedNodes = [node.GetID() for node in loadSample()]
        return True


class RNTDosimetryWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Life cycle of the panel. What is on it is in RNTDosimetryPanel, a class a section."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.panel = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._observedInputs = []

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = self.logic or RNTDosimetryLogic()
        from RNTDosimetryPanel.panel import Panel

        uiWidget = slicer.util.loadUI(self.resourcePath("UI/RNTDosimetry.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        self.panel = Panel(self.ui, self.logic, self.setParameterNode, self.onWorkEnded)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.panel.setup()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeRemovedEvent, self.onNodeRemoved)
        self.initializeParameterNode()

    def cleanup(self):
        self.setParameterNode(None)
        self.removeObservers()
        self.panel.cleanup()

    def enter(self):
        self.initializeParameterNode()

    def exit(self):
        self.setParameterNode(None)
        self.panel.leave()

    def onSceneStartClose(self, caller, event):
        if self.panel.work is not None:
            self.panel.work.scene_closes()
        self.setParameterNode(None)
        self.panel.leave()

    def onSceneEndClose(self, caller, event):
        self.initializeIfEntered()

    def onSceneEndImport(self, caller, event):
        self.setParameterNode(None)
        self.logic.chooseImportedStudy()
        self.initializeIfEntered()

    def onNodeRemoved(self, caller, event):
        """A removed study gives way to another one of the scene, or to a new one; while the panel is at work, when that has ended."""
        if self._parameterNode is not None and not caller.IsClosing() and not self.panel.is_open():
            self.setParameterNode(None)
            if self.panel.work is None:
                self.initializeIfEntered()

    def onWorkEnded(self):
        if self._parameterNode is None:
            self.initializeIfEntered()
        else:
            self._checkCanApply()

    def initializeIfEntered(self):
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onReload(self):
        """The sub-packages are read again as well."""
        for name in [name for name in sys.modules if name.split(".")[0] in ("RNTDosimetryPanel", "RNTDosimetryScene")]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def initializeParameterNode(self):
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameterNode):
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self._parameterNodeGuiTag = None
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._checkCanApply)
        self._observeInputs([])
        self._parameterNode = parameterNode
        self.panel.parameterNode = parameterNode
        if parameterNode is not None:
            self._parameterNodeGuiTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self._checkCanApply)
            self._checkCanApply()

    def _checkCanApply(self, caller=None, event=None):
        """Every section says anew what is missing, done or out of date; while the editor is open only after the strokes have settled."""
        if self.panel.work is not None or not self.panel.is_open():
            # What long work needs is watched by its own guard; the panel asks again when it has ended.
            return
        if self.logic.dropRemovedScans(self._parameterNode):
            # Without its removed scans the study has changed, and this is called anew.
            return
        if self.panel.isDrawing(caller):
            self.panel.strokeDrawn()
        else:
            self._observeInputs(self.logic.inputEvents(self._parameterNode))
            self.panel.refresh()

    def _observeInputs(self, inputs):
        """Results go stale visibly: the images and the segments that are in use are watched."""
        if inputs != self._observedInputs:
            for node, event in self._observedInputs:
                self.removeObserver(node, event, self._checkCanApply)
            for node, event in inputs:
                self.addObserver(node, event, self._checkCanApply)
            self._observedInputs = inputs


class RNTDosimetryLogic(ScriptedLoadableModuleLogic):
    """Everything the panel does, without a panel: the studies of the scene here, and every verb of RNTDosimetryScene.verbs.Verbs.

    Methods that take no parameter node work on the study that was chosen last, by default the first of the scene.
    """

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        self.isSingletonParameterNode = False
        makeLibraryImportable()
        self._roads = {}
        self._chosenId = ""
        self._untouched = ("", {})
        from RNTDosimetryScene.verbs import Verbs

        self._verbs = Verbs(self)

    def __getattr__(self, name):
        """What a study can do, by its name: loadDicomFolder, addTimePoint, run, writeReport, ..."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._verbs, name)

    def __dir__(self):
        return [*super().__dir__(), *(name for name in dir(self._verbs) if not name.startswith("_"))]

    def getParameterNode(self):
        """Parameter node of the chosen study; made when the scene has none."""
        nodes = {node.GetID(): node for node in self.getAllParameterNodes()}
        if nodes:
            return self.wrap(nodes.get(self._chosenId) or super().getParameterNode())
        from RNTDosimetryScene.study.parameters import content_of_node

        study = self.wrap(super().getParameterNode())
        self._untouched = (study.parameterNode.GetAttribute(_STUDY_ID), content_of_node(study.parameterNode))
        return study

    def chooseImportedStudy(self):
        """After a scene was read: the study that was made while there was none, and never touched, gives way to one of the scene."""
        from RNTDosimetryScene.study.parameters import content_of_node

        studies, (madeByItself, content) = self.getAllParameterNodes(), self._untouched
        for node in studies:
            if len(studies) > 1 and node.GetAttribute(_STUDY_ID) == madeByItself and content_of_node(node) == content:
                slicer.mrmlScene.RemoveNode(node)

    def addStudy(self, name=""):
        """A further study in the scene, which becomes the chosen one. Returns its parameter node."""
        node = slicer.mrmlScene.AddNode(self.createParameterNode())
        if name:
            node.SetName(slicer.mrmlScene.GenerateUniqueName(name))
        return self.wrap(node)

    def wrap(self, node):
        """Parameter node of a study from its vtkMRMLScriptedModuleNode; the study becomes the chosen one."""
        self._chosenId = node.GetID()
        if not node.GetAttribute(_STUDY_ID):
            node.SetAttribute(_STUDY_ID, uuid.uuid4().hex)
        from RNTDosimetryScene.study.parameters import RNTDosimetryParameterNode

        return RNTDosimetryParameterNode(node)

    def roadOf(self, parameterNode):
        """The steps of a study, with what they have computed in this session."""
        from RNTDosimetryScene.road.road import Road

        return self._roads.setdefault(parameterNode.parameterNode.GetAttribute(_STUDY_ID), Road())


class RNTDosimetryTest(ScriptedLoadableModuleTest):
    """Self test: a small phantom patient from DICOM to absorbed dose, compared with its known truth."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_PhantomFromDicomToDose()

    def test_PhantomFromDicomToDose(self):
        makeLibraryImportable()
        from RNTDosimetryScene.road.selftest import phantom_deviations

        self.delayDisplay(_("Making a phantom patient and computing its absorbed doses"))
        deviations = phantom_deviations(RNTDosimetryLogic(), slicer.app.temporaryPath)
        for name, deviation, limit in deviations:
            logging.info(f"{name}: {100 * deviation:+.1f} % from the truth, limit {100 * limit:.0f} %")
            self.assertLess(abs(deviation), limit, name)
        self.delayDisplay(_("Test passed"))
