"""The panel as a whole: its sections, what is chosen, and what is being worked on."""

import functools

import qt
import slicer
from slicer.i18n import tr as _

from RNTDosimetryPanel.course import CourseSection
from RNTDosimetryPanel.dose import DoseSection
from RNTDosimetryPanel.kinetics import KineticsSection
from RNTDosimetryPanel.planning import PlanningSection
from RNTDosimetryPanel.regions import RegionsSection
from RNTDosimetryPanel.registration import RegistrationSection
from RNTDosimetryPanel.report import ReportSection
from RNTDosimetryPanel.settings import add_settings
from RNTDosimetryPanel.study import StudySection
from RNTDosimetryPanel.timepoints import TimePointsSection
from RNTDosimetryPanel.tools import DONE_COLOR, MISSING_COLOR, STALE_COLOR, enable, say, shown_errors
from RNTDosimetryPanel.work import Work

_SECTIONS = (
    StudySection,
    TimePointsSection,
    RegistrationSection,
    RegionsSection,
    KineticsSection,
    DoseSection,
    PlanningSection,
    CourseSection,
    ReportSection,
)
_STEPS = ("register", "measure", "fit", "dose")
_STROKES_SETTLE_MS = 1000


class Panel:
    """What the sections share. choose_study: called with a parameter node when another study is chosen.

    work_ended: called when long work has ended, before the panel says what is true then.
    """

    def __init__(self, ui, logic, choose_study, work_ended=None):
        self.ui = ui
        self.logic = logic
        self.choose_study = choose_study
        self.work_ended = work_ended or (lambda: None)
        self.parameterNode = None
        self.work = None
        self.states = dict.fromkeys(_STEPS, "none")
        self.sections = [section(self) for section in _SECTIONS]
        self._refreshing = False
        self._strokes = None

    def setup(self) -> None:
        add_settings(self.ui)
        for section in self.sections:
            section.setup()
        self._strokes = qt.QTimer()
        self._strokes.setSingleShot(True)
        self._strokes.setInterval(_STROKES_SETTLE_MS)
        self._strokes.connect("timeout()", self.refresh)
        self.ui.applyButton.connect("clicked(bool)", self.guarded(self.onRunAll))
        self.ui.cancelButton.connect("clicked(bool)", self.onCancel)

    def section(self, name: str):
        return next(section for section in self.sections if section.name == name)

    def is_open(self) -> bool:
        """Whether there is a study to work on: not while the module is left, the scene closes, or the study was removed."""
        node = self.parameterNode
        return node is not None and bool(slicer.mrmlScene.IsNodePresent(node.parameterNode))

    def guarded(self, slot):
        """The one guard of all slots: left, closed or removed studies are not worked on, and bad input is shown as its sentence."""

        @functools.wraps(slot)
        def call(*arguments):
            if self.is_open():
                with shown_errors(_("This cannot be done."), wait_cursor=False):
                    slot(*arguments)

        return call

    def long(self, message: str, action):
        """Do something long with progress and Cancel. action: called with the Work, whose node is the study for as long as it lasts.

        Returns its result; None when it failed or was stopped, or when the panel was left meanwhile.
        """
        result = None
        with shown_errors(message), Work(self) as work:
            result = action(work)
        return result if self.is_open() else None

    def rest(self, resting: bool) -> None:
        """While work goes on nothing but Cancel can be clicked."""
        for section in self.sections:
            section.widget("CollapsibleButton").enabled = not resting
        self.ui.applyButton.enabled = not resting
        self.ui.cancelButton.enabled = resting
        self.ui.cancelButton.toolTip = _("Stop the work and leave the scene as it was") if resting else _("Nothing is being done")

    def refresh(self, *unused) -> None:
        """Show what is true now; asked for again by what it shows, it does nothing."""
        if self._refreshing or self.work is not None or not self.is_open():
            return
        self._strokes.stop()
        self._refreshing = True
        try:
            self.states = {step: self.logic.stepState(self.parameterNode, step) for step in _STEPS}
            for section in self.sections:
                section.refresh()
            self._refresh_run()
        finally:
            self._refreshing = False

    def _refresh_run(self) -> None:
        missing = self.logic.missingInput(self.parameterNode)
        enable(self.ui.applyButton, missing, _("Register, measure, fit and compute the absorbed dose"))
        enable(self.ui.cancelButton, _("Nothing is being done"), "")
        text, color = {
            "none": (_("Ready to run."), ""),
            "stale": (_("Inputs have changed: the results are out of date. Run again."), STALE_COLOR),
            "current": (_("The results are up to date."), DONE_COLOR),
        }[self.states["dose"]]
        say(self.ui.runStatusLabel, missing or text, MISSING_COLOR if missing else color)

    def isDrawing(self, caller) -> bool:
        """Whether a change comes from strokes of the open segment editor: reading large labelmaps each time would make it slow."""
        return caller is not None and caller is self.parameterNode.segmentation and self.ui.editSegmentsButton.checked

    def strokeDrawn(self) -> None:
        """A stroke of the open editor: what hangs on the regions is out of date at once, and looked at when the strokes have settled."""
        self._strokes.start()
        outdated = [step for step in _STEPS[1:] if self.states[step] == "current"]
        if not outdated:
            return
        self.states.update(dict.fromkeys(outdated, "stale"))
        for section in self.sections:
            if section.step in outdated:
                section.say_stale()
        enable(self.ui.writeButton, _("The results are out of date: run again first"), "")
        self._refresh_run()

    def leave(self) -> None:
        self._strokes.stop()
        for section in self.sections:
            section.leave()

    def cleanup(self) -> None:
        self.leave()
        self.parameterNode = None

    def onRunAll(self, checked=False) -> None:
        self.long(
            _("The dosimetry could not be finished."),
            lambda work: self.logic.run(work.node, progress=work.progress, cancel=work.is_cancelled),
        )

    def onCancel(self, checked=False) -> None:
        if self.work is not None:
            self.work.cancel()
