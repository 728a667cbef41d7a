"""What can be done with a study of the scene, in the order of the road: the panel, the console and scripts call these names."""

from RNTDosimetryLib.base.progress import part, silent
from RNTDosimetryLib.validation import run_validation
from RNTDosimetryScene.nodes import segments
from RNTDosimetryScene.road import road
from RNTDosimetryScene.show import slicerrt, views
from RNTDosimetryScene.study import camera, contours, inputs, loading, samples, sequences, timepoints


class Verbs:
    """Verbs of the module's logic. Those that take no parameter node work on the study that the logic has chosen."""

    def __init__(self, logic):
        self._logic = logic

    # --- load

    def loadDicomFolder(self, folder, parameterNode=None, overrides=None, progress=None, cancel=None):
        """Read a folder of DICOM files into the scene: CTs, activity volumes in Bq/mL, segmentation, intake table.

        Nothing is added to the scene when the folder cannot be used. Raises DosimetryError with the reason.
        """
        parameterNode = parameterNode or self._logic.getParameterNode()
        loading.load_dicom_folder(folder, parameterNode, overrides, progress, cancel)
        return parameterNode

    def loadStudyFile(self, path, parameterNode=None, progress=None, cancel=None):
        """Read a study file into the scene: its DICOM folder, what was typed about the regions, and how to compute."""
        parameterNode = parameterNode or self._logic.getParameterNode()
        loading.load_study_file(path, parameterNode, progress, cancel)
        return parameterNode

    def loadSample(self, path=None, parameterNode=None, progress=None, cancel=None):
        """Make the phantom patient and load it; returns its nodes, as Sample Data wants them.

        Without a parameter node a study that holds something stays as it is: the phantom becomes a study of its own.
        """
        path = path or samples.make_phantom(**({} if progress is None else {"progress": part(progress, 0.0, 0.6)}))
        parameterNode = parameterNode or samples.study_for_sample(self._logic, self._logic.getParameterNode())
        parameterNode = self.loadStudyFile(path, parameterNode, part(progress or silent, 0.6, 1.0), cancel)
        return [*parameterNode.ctVolumes, *parameterNode.activityVolumes, parameterNode.segmentation]

    def writeStudyFile(self, path, parameterNode=None):
        """Write what the panel holds as a study file for the command line. Returns its path."""
        return loading.typed_study_file(parameterNode or self._logic.getParameterNode(), path)

    # --- scans and regions

    def addTimePoint(self, parameterNode, activityVolume, startHours, ctVolume=None, durationSeconds=None, calibration=1.0):
        """Add a volume with its time typed. calibration: Bq/mL for a stored value of 1, true at the start of acquisition."""
        timepoints.add_time_point(parameterNode, activityVolume, startHours, ctVolume, durationSeconds, calibration)

    def clearTimePoints(self, parameterNode):
        """Take all scans out of the study; the volumes stay in the scene."""
        timepoints.clear_time_points(parameterNode)

    def chooseCalibration(self, parameterNode, path):
        """Take a calibration file of the camera; an empty path takes it back. DICOM files in counts are calibrated while they are loaded."""
        camera.choose_calibration(parameterNode, path)

    def calibrateCounts(self, parameterNode):
        """Factors of the scans in counts that were added by hand, from the calibration in use. Returns the names of the scans."""
        return camera.calibrate_counts(parameterNode)

    def chooseRecovery(self, parameterNode, path):
        """Take a recovery file for all regions without a typed coefficient; an empty path takes it back."""
        camera.choose_recovery(parameterNode, path)

    def chooseEarlierResults(self, parameterNode, path):
        """Take the curves of an earlier cycle's results.json for regions with one scan or two; an empty path takes it back."""
        camera.choose_earlier(parameterNode, path)

    def dropRemovedScans(self, parameterNode):
        """Take out the scans whose volumes were removed from the scene. Returns whether there were any."""
        return inputs.drop_removed(parameterNode)

    def typeRegionValue(self, parameterNode, regionName, key, text):
        """Take a typed value of a region: "recovery_coefficient", "mass_g", "kind", "model", ... An empty text takes it back."""
        segments.type_region_value(parameterNode.segmentation, regionName, key, text)

    def addIsocontour(self, parameterNode, percent, pointRas=None, name=""):
        """New region: the connected voxels above a share of the highest activity. Returns its name."""
        return contours.add_isocontour(parameterNode, percent, name, point_ras=pointRas)

    def addHotSphere(self, parameterNode, volumeMl, pointRas=None, name=""):
        """New region: a sphere around the hottest voxel outside of all regions, or around a point. Returns its name."""
        return contours.add_hot_sphere(parameterNode, volumeMl, name, point_ras=pointRas)

    def addSequence(self, parameterNode, sequence, calibration=1.0):
        """Add every frame of a sequence as a scan at its own time: index values in h, min or s after the start of administration."""
        sequences.add_frames(parameterNode, sequence, calibration)

    # --- the road

    def inputEvents(self, parameterNode):
        """(node, event) of everything whose change makes results stale, beside the parameter node itself."""
        return inputs.input_events(parameterNode)

    def missingInput(self, parameterNode, step="dose"):
        """What is missing before a step can run, in words; empty when nothing is."""
        return inputs.missing_input(parameterNode, step)

    def stepState(self, parameterNode, step):
        """ "none", "current", or "stale" when an input has changed since. Steps: "register", "measure", "fit", "dose"."""
        return road.step_state(parameterNode, self._logic.roadOf(parameterNode), step)

    def resultState(self, parameterNode):
        """ "none", "current", or "stale" when an input has changed since the results were computed."""
        return self.stepState(parameterNode, "dose")

    def runStep(self, step, parameterNode=None, progress=None, cancel=None):
        """Do one step, and before it those that are not current. Returns its frozen result: alignments, curves, fits or StudyResult."""
        parameterNode = parameterNode or self._logic.getParameterNode()
        return road.run_to(parameterNode, self._logic.roadOf(parameterNode), step, progress, cancel)

    def run(self, parameterNode=None, progress=None, cancel=None):
        """Register, measure, fit, compute the absorbed dose, and show it in the scene. Returns the StudyResult.

        The scene is changed only when everything has been computed.
        """
        return self.runStep("dose", parameterNode, progress, cancel)

    def stepResult(self, step, parameterNode=None):
        """Last result of a step in this session, None when there is none."""
        return self._logic.roadOf(parameterNode or self._logic.getParameterNode()).steps.result(step)

    @property
    def lastResult(self):
        """StudyResult of the chosen study, None when it was not computed in this session."""
        return self.stepResult("dose")

    def regionCurves(self, parameterNode=None):
        """Curve, fit and dose of every region by name; also of a scene that was read from a file."""
        parameterNode = parameterNode or self._logic.getParameterNode()
        return road.region_curves(parameterNode, self._logic.roadOf(parameterNode))

    def alignments(self, parameterNode=None):
        """How every scan lies relative to the reference, with the number of its agreement; also of a scene that was read from a file."""
        parameterNode = parameterNode or self._logic.getParameterNode()
        return road.alignments(parameterNode, self._logic.roadOf(parameterNode))

    def regionNumbers(self, parameterNode=None):
        """RegionResult of every region of the last computed dose; also of a scene that was read from a file."""
        parameterNode = parameterNode or self._logic.getParameterNode()
        return road.regions_of_result(parameterNode, self._logic.roadOf(parameterNode))

    def warnings(self, parameterNode=None):
        """Warnings of the last computed dose; also of a scene that was read from a file."""
        parameterNode = parameterNode or self._logic.getParameterNode()
        return road.warnings_of_result(parameterNode, self._logic.roadOf(parameterNode))

    def tryModel(self, parameterNode, regionName, model):
        """Fit of another model for one region and the dose that it would give, without taking it."""
        return road.try_model(parameterNode, self._logic.roadOf(parameterNode), regionName, model)

    def writeReport(self, folder, parameterNode=None, progress=None, cancel=None):
        """Write report.html, results.json, results.csv, dose.nrrd, tia.nrrd and dose.dcm of the current results. Returns the paths."""
        parameterNode = parameterNode or self._logic.getParameterNode()
        return road.write_report(folder, parameterNode, self._logic.roadOf(parameterNode), progress, cancel)

    # --- views

    def playScans(self, parameterNode=None):
        """Show the scans as a sequence in hours and play it. Returns its vtkMRMLSequenceBrowserNode."""
        parameterNode = parameterNode or self._logic.getParameterNode()
        views.play_scans(parameterNode)
        return sequences.browser_of(parameterNode)

    def stopScans(self, parameterNode=None):
        """Take the played sequence away; the scans stay."""
        views.stop_scans(parameterNode or self._logic.getParameterNode())

    def slicerRtHistograms(self, parameterNode=None):
        """Dose-volume histograms by SlicerRT, where it is installed. Returns its vtkMRMLDoseVolumeHistogramNode."""
        return slicerrt.show_histograms(parameterNode or self._logic.getParameterNode())

    def slicerRtIsodoses(self, parameterNode=None):
        """Isodoses by SlicerRT, where it is installed. Returns its vtkMRMLIsodoseNode."""
        return slicerrt.show_isodoses(parameterNode or self._logic.getParameterNode())

    # --- check

    def selfCheck(self, progress=None):
        """Published and analytic cases beside what this installation computes: records with name, expected, found, limit, passed."""
        return run_validation(progress or silent)
