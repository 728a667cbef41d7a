import logging
import os
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


def makeLibraryImportable():
    """Installed, the library lies beside this file; in a clone, one folder up."""
    here = os.path.dirname(os.path.abspath(__file__))
    for folder in (here, os.path.dirname(here)):
        if os.path.isdir(os.path.join(folder, "RNTDosimetryLib")) and folder not in sys.path:
            sys.path.append(folder)
    if here not in sys.path:
        sys.path.append(here)


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
        slicer.app.connect("startupCompleted()", self.registerSampleData)

    def registerSampleData(self):
        """The phantom patient appears in Sample Data; it is generated when it is asked for."""
        makeLibraryImportable()
        from RNTDosimetryScene.study import samples

        samples.register(self.resourcePath("Icons/RNTDosimetry.png"), lambda path: RNTDosimetryLogic().loadSample(path))


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
        self.panel = Panel(self.ui, self.logic, self.setParameterNode)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.panel.setup()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
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
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller, event):
        self.setParameterNode(None)
        self.logic.chooseImportedStudy()
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
        if self._parameterNode is None or self.logic.dropRemovedScans(self._parameterNode):
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
    """Everything the panel does, without a panel. The work itself is in RNTDosimetryScene and RNTDosimetryLib.

    Methods that take no parameter node work on the study that was chosen last, by default the first of the scene.
    """

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        self.isSingletonParameterNode = False
        makeLibraryImportable()
        self._roads = {}
        self._chosenId = ""
        self._untouched = ("", {})

    # --- studies of the scene

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

    def _road(self, parameterNode):
        from RNTDosimetryScene.road.road import Road

        return self._roads.setdefault(parameterNode.parameterNode.GetAttribute(_STUDY_ID), Road())

    # --- load

    def loadDicomFolder(self, folder, parameterNode=None, overrides=None, progress=None, cancel=None):
        """Read a folder of DICOM files into the scene: CTs, activity volumes in Bq/mL, segmentation, intake table.

        Nothing is added to the scene when the folder cannot be used. Raises DosimetryError with the reason.
        """
        from RNTDosimetryScene.study import loading

        parameterNode = parameterNode or self.getParameterNode()
        loading.load_dicom_folder(folder, parameterNode, overrides, progress, cancel)
        return parameterNode

    def loadStudyFile(self, path, parameterNode=None, progress=None, cancel=None):
        """Read a study file into the scene: its DICOM folder, what was typed about the regions, and how to compute."""
        from RNTDosimetryScene.study import loading

        parameterNode = parameterNode or self.getParameterNode()
        loading.load_study_file(path, parameterNode, progress, cancel)
        return parameterNode

    def loadSample(self, path=None, parameterNode=None, progress=None, cancel=None):
        """Make the phantom patient and load it; returns its nodes, as Sample Data wants them."""
        from RNTDosimetryScene.study import samples

        parameterNode = parameterNode or self.getParameterNode()
        parameterNode = self.loadStudyFile(path or samples.make_phantom(progress=progress), parameterNode, progress, cancel)
        return [*parameterNode.ctVolumes, *parameterNode.activityVolumes, parameterNode.segmentation]

    def writeStudyFile(self, path, parameterNode=None):
        """Write what the panel holds as a study file for the command line. Returns its path."""
        from RNTDosimetryScene.study import loading

        return loading.typed_study_file(parameterNode or self.getParameterNode(), path)

    # --- scans and regions

    def addTimePoint(self, parameterNode, activityVolume, startHours, ctVolume=None, durationSeconds=None, calibration=1.0):
        """Add a volume with its time typed. calibration: Bq/mL for a stored value of 1, true at the start of acquisition."""
        from RNTDosimetryScene.study import timepoints

        timepoints.add_time_point(parameterNode, activityVolume, startHours, ctVolume, durationSeconds, calibration)

    def clearTimePoints(self, parameterNode):
        """Take all scans out of the study; the volumes stay in the scene."""
        from RNTDosimetryScene.study import timepoints

        timepoints.clear_time_points(parameterNode)

    def chooseCalibration(self, parameterNode, path):
        """Take a calibration file of the camera; an empty path takes it back. DICOM files in counts are calibrated while they are loaded."""
        from RNTDosimetryScene.study import camera

        camera.choose_calibration(parameterNode, path)

    def calibrateCounts(self, parameterNode):
        """Factors of the scans in counts that were added by hand, from the calibration in use. Returns the names of the scans."""
        from RNTDosimetryScene.study import camera

        return camera.calibrate_counts(parameterNode)

    def chooseRecovery(self, parameterNode, path):
        """Take a recovery file for all regions without a typed coefficient; an empty path takes it back."""
        from RNTDosimetryScene.study import camera

        camera.choose_recovery(parameterNode, path)

    def dropRemovedScans(self, parameterNode):
        """Take out the scans whose volumes were removed from the scene. Returns whether there were any."""
        from RNTDosimetryScene.study import inputs

        return inputs.drop_removed(parameterNode)

    def typeRegionValue(self, parameterNode, regionName, key, text):
        """Take a typed value of a region: "recovery_coefficient", "mass_g", "kind", "model", ... An empty text takes it back."""
        from RNTDosimetryScene.nodes import segments

        segments.type_region_value(parameterNode.segmentation, regionName, key, text)

    def addIsocontour(self, parameterNode, percent, pointRas=None, name=""):
        """New region: the connected voxels above a share of the highest activity. Returns its name."""
        from RNTDosimetryScene.study import contours

        return contours.add_isocontour(parameterNode, percent, name, point_ras=pointRas)

    def addHotSphere(self, parameterNode, volumeMl, pointRas=None, name=""):
        """New region: a sphere around the hottest voxel outside of all regions, or around a point. Returns its name."""
        from RNTDosimetryScene.study import contours

        return contours.add_hot_sphere(parameterNode, volumeMl, name, point_ras=pointRas)

    def addSequence(self, parameterNode, sequence, calibration=1.0):
        """Add every frame of a sequence as a scan at its own time: index values in h, min or s after the start of administration."""
        from RNTDosimetryScene.study import sequences

        sequences.add_frames(parameterNode, sequence, calibration)

    # --- the road

    def inputEvents(self, parameterNode):
        """(node, event) of everything whose change makes results stale, beside the parameter node itself."""
        from RNTDosimetryScene.study import inputs

        return inputs.input_events(parameterNode)

    def missingInput(self, parameterNode, step="dose"):
        """What is missing before a step can run, in words; empty when nothing is."""
        from RNTDosimetryScene.study import inputs

        return inputs.missing_input(parameterNode, step)

    def stepState(self, parameterNode, step):
        """ "none", "current", or "stale" when an input has changed since. Steps: "register", "measure", "fit", "dose"."""
        from RNTDosimetryScene.road import road

        return road.step_state(parameterNode, self._road(parameterNode), step)

    def resultState(self, parameterNode):
        """ "none", "current", or "stale" when an input has changed since the results were computed."""
        return self.stepState(parameterNode, "dose")

    def runStep(self, step, parameterNode=None, progress=None, cancel=None):
        """Do one step, and before it those that are not current. Returns its frozen result: alignments, curves, fits or StudyResult."""
        from RNTDosimetryScene.road import road

        parameterNode = parameterNode or self.getParameterNode()
        return road.run_to(parameterNode, self._road(parameterNode), step, progress, cancel)

    def run(self, parameterNode=None, progress=None, cancel=None):
        """Register, measure, fit, compute the absorbed dose, and show it in the scene. Returns the StudyResult.

        The scene is changed only when everything has been computed.
        """
        return self.runStep("dose", parameterNode, progress, cancel)

    def stepResult(self, step, parameterNode=None):
        """Last result of a step in this session, None when there is none."""
        return self._road(parameterNode or self.getParameterNode()).steps.result(step)

    @property
    def lastResult(self):
        """StudyResult of the chosen study, None when it was not computed in this session."""
        return self.stepResult("dose")

    def regionCurves(self, parameterNode=None):
        """Curve, fit and dose of every region by name; also of a scene that was read from a file."""
        from RNTDosimetryScene.road import road

        parameterNode = parameterNode or self.getParameterNode()
        return road.region_curves(parameterNode, self._road(parameterNode))

    def alignments(self, parameterNode=None):
        """How every scan lies relative to the reference, with the number of its agreement; also of a scene that was read from a file."""
        from RNTDosimetryScene.road import road

        parameterNode = parameterNode or self.getParameterNode()
        return road.alignments(parameterNode, self._road(parameterNode))

    def regionNumbers(self, parameterNode=None):
        """RegionResult of every region of the last computed dose; also of a scene that was read from a file."""
        from RNTDosimetryScene.road import road

        parameterNode = parameterNode or self.getParameterNode()
        return road.regions_of_result(parameterNode, self._road(parameterNode))

    def warnings(self, parameterNode=None):
        """Warnings of the last computed dose; also of a scene that was read from a file."""
        from RNTDosimetryScene.road import road

        parameterNode = parameterNode or self.getParameterNode()
        return road.warnings_of_result(parameterNode, self._road(parameterNode))

    def tryModel(self, parameterNode, regionName, model):
        """Fit of another model for one region and the dose that it would give, without taking it."""
        from RNTDosimetryScene.road import road

        return road.try_model(parameterNode, self._road(parameterNode), regionName, model)

    def writeReport(self, folder, parameterNode=None, progress=None, cancel=None):
        """Write report.html, results.json, results.csv, dose.nrrd, tia.nrrd and dose.dcm of the current results. Returns the paths."""
        from RNTDosimetryScene.road import road

        parameterNode = parameterNode or self.getParameterNode()
        return road.write_report(folder, parameterNode, self._road(parameterNode), progress, cancel)

    # --- views

    def playScans(self, parameterNode=None):
        """Show the scans as a sequence in hours and play it. Returns its vtkMRMLSequenceBrowserNode."""
        from RNTDosimetryScene.show import views
        from RNTDosimetryScene.study import sequences

        parameterNode = parameterNode or self.getParameterNode()
        views.play_scans(parameterNode)
        return sequences.browser_of(parameterNode)

    def stopScans(self, parameterNode=None):
        """Take the played sequence away; the scans stay."""
        from RNTDosimetryScene.show import views

        views.stop_scans(parameterNode or self.getParameterNode())

    def slicerRtHistograms(self, parameterNode=None):
        """Dose-volume histograms by SlicerRT, where it is installed. Returns its vtkMRMLDoseVolumeHistogramNode."""
        from RNTDosimetryScene.show import slicerrt

        return slicerrt.show_histograms(parameterNode or self.getParameterNode())

    def slicerRtIsodoses(self, parameterNode=None):
        """Isodoses by SlicerRT, where it is installed. Returns its vtkMRMLIsodoseNode."""
        from RNTDosimetryScene.show import slicerrt

        return slicerrt.show_isodoses(parameterNode or self.getParameterNode())

    # --- check

    def selfCheck(self, progress=None):
        """Published and analytic cases beside what this installation computes: records with name, expected, found, limit, passed."""
        from RNTDosimetryLib.base.progress import silent
        from RNTDosimetryLib.validation import run_validation

        return run_validation(progress or silent)


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
