"""Section 1: what was given, to whom it is not said; read from DICOM, every value can be typed over."""

import os

from RNTDosimetryScene.study import inputs, loading, samples, timepoints
from slicer.i18n import tr as _

from RNTDosimetryLib.base.progress import part
from RNTDosimetryLib.nuclides import list_nuclides
from RNTDosimetryPanel.section import Section
from RNTDosimetryPanel.tools import DONE_COLOR, MISSING_COLOR, STALE_COLOR, enable, on_path, remember_path, say, select_text

_ORIGIN_LABELS = {
    "nuclide": "nuclideOriginLabel",
    "radiopharmaceutical": "radiopharmaceuticalOriginLabel",
    "administeredActivityMBq": "administeredActivityOriginLabel",
    "administrationTime": "administrationTimeOriginLabel",
}


class StudySection(Section):
    name = "study"

    def __init__(self, panel):
        super().__init__(panel)
        self._shown_study = None

    def setup(self):
        super().setup()
        self.ui.studySelector.addAttribute("vtkMRMLScriptedModuleNode", "ModuleName", self.logic.moduleName)
        self.ui.studySelector.setNodeTypeLabel(_("dosimetry study"), "vtkMRMLScriptedModuleNode")
        for name in list_nuclides():
            self.ui.nuclideComboBox.addItem(name)
        self.ui.nuclideComboBox.setCurrentIndex(-1)
        self.connect(self.ui.studySelector, "currentNodeChanged(vtkMRMLNode*)", self.onStudyChosen)
        on_path(self.ui.dicomFolderPathLineEdit, self.panel.guarded(self.onFolderChanged))
        self.connect(self.ui.loadButton, "clicked(bool)", self.onLoad)
        self.connect(self.ui.phantomButton, "clicked(bool)", self.onPhantom)
        self.connect(self.ui.nuclideComboBox, "currentTextChanged(QString)", self.onNuclide)
        self.connect(self.ui.administrationTimeLineEdit, "editingFinished()", self.onAdministrationTime)

    def refresh(self):
        node = self.node
        self._show_study(node)
        if self._shown_study is not node.parameterNode or (node.dicomFolder and not self.ui.dicomFolderPathLineEdit.currentPath):
            self._shown_study = node.parameterNode
            self.ui.dicomFolderPathLineEdit.currentPath = node.dicomFolder
        select_text(self.ui.nuclideComboBox, node.nuclide)
        if self.ui.administrationTimeLineEdit.text != node.administrationTime:
            self.ui.administrationTimeLineEdit.text = node.administrationTime
        self.ui.intakeTableView.setMRMLTableNode(node.intakeTable)
        for name, label in _ORIGIN_LABELS.items():
            self._show_origin(name, getattr(self.ui, label))
        folder = self.ui.dicomFolderPathLineEdit.currentPath
        reason = "" if os.path.isdir(folder or "") else _("Choose the folder with the DICOM files first")
        enable(self.ui.loadButton, reason, _("Read the DICOM files into the scene"))
        enable(self.ui.phantomButton, "", _("A small made-up patient with known truth, to learn with; nothing is downloaded"))
        self._show_status(node)

    def _show_study(self, node):
        selector = self.ui.studySelector
        if selector.currentNode() is not node.parameterNode:
            blocked = selector.blockSignals(True)
            selector.setCurrentNode(node.parameterNode)
            selector.blockSignals(blocked)

    def _show_origin(self, name, label):
        kind, read = inputs.origin(self.node, name)
        if kind == "read":
            say(label, _("read"), DONE_COLOR)
        elif kind == "typed":
            say(label, _("typed"), STALE_COLOR)
        else:
            say(label, _("missing"), MISSING_COLOR)
        said = _("The files say {value}").format(value=read) if read else _("The files do not say it, or none were read")
        label.toolTip = said

    def _show_status(self, node):
        count = len(node.activityVolumes or [])
        if not count:
            self.say(_("Choose a DICOM folder, or go on to Time points for volumes that are in the scene."), MISSING_COLOR)
            return
        regions = 0 if node.segmentation is None else node.segmentation.GetSegmentation().GetNumberOfSegments()
        result = _("{scans} scans, {regions} regions").format(scans=count, regions=regions)
        warnings = timepoints.reading_warnings(node)
        if warnings:
            result += "\n" + "\n".join(warnings)
        self.say(_("Loaded."), DONE_COLOR, result, "\u2713")

    def onStudyChosen(self, scriptedNode):
        """None comes while the only study is being removed: the widget then makes another when it is gone."""
        if scriptedNode is not None and scriptedNode is not self.node.parameterNode:
            self.panel.choose_study(self.logic.wrap(scriptedNode))

    def leave(self):
        self._shown_study = None

    def onFolderChanged(self, path):
        self.panel.refresh()

    def onLoad(self, checked=False):
        folder = self.ui.dicomFolderPathLineEdit.currentPath
        self.long(_("The study could not be loaded."), lambda work: self._load(work, folder))

    def _load(self, work, folder):
        overrides = loading.overrides_of_panel(work.node)
        self.logic.loadDicomFolder(folder, work.node, overrides, progress=work.progress, cancel=work.is_cancelled)
        remember_path(self.ui.dicomFolderPathLineEdit)

    def onPhantom(self, checked=False):
        study = self.long(_("The phantom could not be made."), self._phantom)
        if study is not None and study.parameterNode is not self.node.parameterNode:
            self.panel.choose_study(study)

    def _phantom(self, work):
        path = samples.make_phantom(progress=part(work.progress, 0.0, 0.6))
        study = samples.study_for_sample(self.logic, work.node)
        self.logic.loadSample(path, study, part(work.progress, 0.6, 1.0), work.is_cancelled)
        return study

    def onNuclide(self, name):
        if name:
            self.node.nuclide = name

    def onAdministrationTime(self):
        if self.ui.administrationTimeLineEdit.text == self.node.administrationTime:
            return
        text = self.ui.administrationTimeLineEdit.text
        self.quick(_("This time cannot be used."), timepoints.type_administration_time, self.node, text)
