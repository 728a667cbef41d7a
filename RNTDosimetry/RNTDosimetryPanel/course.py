"""Section 8: the course of cycles, opened, appended to and computed; the numbers are those of the command line."""

import os

from RNTDosimetryScene.study import course
from slicer.i18n import tr as _

from RNTDosimetryPanel.section import Section
from RNTDosimetryPanel.tools import (
    BAD_COLOR,
    DONE_COLOR,
    MISSING_COLOR,
    STALE_COLOR,
    enable,
    fill_table,
    measured_text,
    number_text,
    prepare_table,
    shown_errors,
)
from RNTDosimetryPanel.work import Work


class CourseSection(Section):
    name = "course"

    def __init__(self, panel):
        super().__init__(panel)
        self._result, self._of, self._written = None, None, ""

    def setup(self):
        super().setup()
        prepare_table(
            self.ui.courseTableWidget,
            [_("Region"), _("Dose (Gy)"), _("BED (Gy)"), _("EQD2 (Gy)"), _("Probability to be above")],
            [
                _("As named in the course"),
                _("Cumulative absorbed dose with its standard uncertainty"),
                _("Biologically effective dose of all cycles and other therapies"),
                _("The same in fractions of 2 Gy"),
                _("Of each limit, by itself"),
            ],
        )
        self.ui.coursePathLineEdit.connect("currentPathChanged(QString)", self.onPath)
        self.ui.courseFolderPathLineEdit.connect("currentPathChanged(QString)", self.onPath)
        self.ui.courseAppendButton.connect("clicked(bool)", self.onAppend)
        self.ui.courseComputeButton.connect("clicked(bool)", self.onCompute)
        self.ui.courseWriteButton.connect("clicked(bool)", self.onWrite)

    def refresh(self):
        path = self.ui.coursePathLineEdit.currentPath
        state = self.panel.states["dose"]
        no_file = "" if path else _("Choose a course file first")
        not_run = {"none": _("Run the study first"), "stale": _("The results are out of date: run again first")}.get(state, "")
        append_help = _(
            "Write the results of this study beside the course file and add them as a cycle; the file as it was is kept"
        )
        enable(self.ui.courseAppendButton, no_file or not_run, append_help)
        not_there = "" if os.path.isfile(path or "") else _("This course file is not there yet: append a study to begin it")
        enable(self.ui.courseComputeButton, no_file or not_there, _("Add up the cycles and look ahead to the next"))
        stale = self._result is not None and self._of != self._stamp(path)
        no_result = _("Compute the course first") if self._result is None else ""
        no_result = no_result or (_("The course file has changed: compute the course again") if stale else "")
        no_folder = "" if self.ui.courseFolderPathLineEdit.currentPath else _("Choose a folder for the course report first")
        enable(
            self.ui.courseWriteButton, no_result or no_folder, _("Write course_report.html, course_results.json and course.csv")
        )
        self._show()
        if self._result is None:
            self.say(no_file + "." if no_file else _("Not computed yet."), MISSING_COLOR)
        elif stale:
            self.say(_("Out of date: the course file has changed."), STALE_COLOR, self._words(), _("(out of date)"))
        else:
            self.say(_("Computed."), DONE_COLOR, self._words(), "\u2713")

    def _stamp(self, path):
        """What changes when the file does."""
        return (path, os.stat(path).st_mtime_ns, os.stat(path).st_size) if os.path.isfile(path or "") else (path, 0, 0)

    def _show(self):
        rows = [] if self._result is None else course.rows_of(self._result)
        cells = [
            [
                row["name"],
                measured_text(row["dose_gy"], row["dose_uncertainty_gy"]),
                number_text(row["bed_gy"]),
                number_text(row["eqd2_gy"]),
                ", ".join(
                    label + ": " + (_("not known") if value is None else f"{100 * value:.2g} %")
                    for label, value in row["probabilities"].items()
                ),
            ]
            for row in rows
        ]
        colors = {(index, column): BAD_COLOR for index, row in enumerate(rows) if row["above"] for column in range(5)}
        fill_table(self.ui.courseTableWidget, cells, colors=colors)

    def _words(self):
        from RNTDosimetryLib.roads.course.report import sentence

        return "\n".join(text for text in (sentence(self._result), *self._result.warnings, self._written) if text)

    def onPath(self, path):
        self.panel.refresh()

    def onAppend(self, checked=False):
        path = self.ui.coursePathLineEdit.currentPath
        with shown_errors(_("The study could not be appended.")), Work(self.panel) as work:
            course.append_study(self.logic, path, self.node, work.progress, work.is_cancelled)
        if os.path.isfile(path or ""):
            self.onCompute()

    def onCompute(self, checked=False):
        path = self.ui.coursePathLineEdit.currentPath
        with shown_errors(_("The course could not be computed.")), Work(self.panel) as work:
            # What was computed before must not stand beside a file that cannot be used.
            self._result, self._written = None, ""
            self._result = course.compute(path, work.progress, work.is_cancelled)
            self._of = self._stamp(path)

    def onWrite(self, checked=False):
        folder = self.ui.courseFolderPathLineEdit.currentPath
        self.quick(_("The course report could not be written."), self._write, folder)

    def _write(self, folder):
        paths = course.write(self._result, folder)
        self._written = _("Written: {names} in {folder}.").format(names=", ".join(path.name for path in paths), folder=folder)
