"""Section 9: the report, the study file and the self check."""

import os

from slicer.i18n import tr as _

from RNTDosimetryPanel.section import Section
from RNTDosimetryPanel.tools import (
    BAD_COLOR,
    DONE_COLOR,
    MISSING_COLOR,
    enable,
    fill_table,
    number_text,
    on_path,
    prepare_table,
    remember_path,
)

_STUDY_FILE = "study.json"


class ReportSection(Section):
    name = "report"

    def __init__(self, panel):
        super().__init__(panel)
        self._written = ""
        self._checked = ""

    def setup(self):
        super().setup()
        prepare_table(
            self.ui.selfCheckTableWidget,
            [_("Case"), _("Expected"), _("Found"), _("Unit"), _("Verdict"), _("Source")],
            [
                _("What is computed"),
                _("What the source says"),
                _("What this installation computes"),
                _("Unit of both"),
                _("Whether the deviation is within the limit"),
                _("Where the expected number comes from"),
            ],
        )
        on_path(self.ui.outputFolderPathLineEdit, self.panel.guarded(self.onFolder))
        self.connect(self.ui.writeButton, "clicked(bool)", self.onWrite)
        self.connect(self.ui.writeStudyButton, "clicked(bool)", self.onWriteStudy)
        self.connect(self.ui.selfCheckButton, "clicked(bool)", self.onSelfCheck)

    def refresh(self):
        state = self.panel.states["dose"]
        folder = self.ui.outputFolderPathLineEdit.currentPath
        reason = {"none": _("Run first"), "stale": _("The results are out of date: run again first")}.get(state, "")
        reason = reason or ("" if folder else _("Choose a folder first"))
        enable(self.ui.writeButton, reason, _("Write report, tables, dose volume and RTDOSE"))
        no_study = "" if self.node.dicomFolder else _("Load a DICOM study first")
        no_study = no_study or ("" if folder else _("Choose a folder first"))
        enable(
            self.ui.writeStudyButton, no_study, _("Write what the panel holds as study.json, for python -m RNTDosimetryLib run")
        )
        if state == "current" and self._written:
            self.say(_("Written."), DONE_COLOR, "\n".join([self._written, self._checked]).strip(), "\u2713")
        elif reason:
            self.say(reason + ".", MISSING_COLOR, self._checked)
        else:
            self.say(_("Ready to write."), MISSING_COLOR, self._checked)
        if state != "current":
            self._written = ""

    def onFolder(self, path):
        self.panel.refresh()

    def onWrite(self, checked=False):
        folder = self.ui.outputFolderPathLineEdit.currentPath
        self.long(_("The report could not be written."), lambda work: self._write(work, folder))

    def _write(self, work, folder):
        paths = self.logic.writeReport(folder, work.node, progress=work.progress, cancel=work.is_cancelled)
        names = ", ".join(path.name for path in paths)
        self._written = _("{names} in {folder}").format(names=names, folder=folder)
        remember_path(self.ui.outputFolderPathLineEdit)

    def onWriteStudy(self, checked=False):
        path = os.path.join(self.ui.outputFolderPathLineEdit.currentPath, _STUDY_FILE)
        self.quick(_("The study file could not be written."), self._write_study, path)

    def _write_study(self, path):
        self._written = str(self.logic.writeStudyFile(path, self.node))

    def onSelfCheck(self, checked=False):
        cases = self.long(_("The self check could not be finished."), lambda work: self.logic.selfCheck(work.progress))
        if cases is None:
            return
        rows = [
            [
                case.name,
                number_text(case.expected, 4),
                number_text(case.found, 4),
                case.unit,
                _("passed") if case.passed else _("NOT passed"),
                case.source,
            ]
            for case in cases
        ]
        colors = {(index, 4): DONE_COLOR if case.passed else BAD_COLOR for index, case in enumerate(cases)}
        fill_table(self.ui.selfCheckTableWidget, rows, colors=colors)
        passed = sum(case.passed for case in cases)
        self._checked = _("Self check: {passed} of {count} cases passed").format(passed=passed, count=len(cases))
        self.panel.refresh()
