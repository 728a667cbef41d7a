"""Base of the sections."""

from slicer.i18n import tr as _

from RNTDosimetryPanel.tools import DONE_COLOR, MISSING_COLOR, STALE_COLOR, enable, say, shown_errors


class Section:
    """One step of the road on the panel: connects its widgets, and says what is missing, done or out of date.

    name: prefix of the widgets of the section. step: the step that its main button does.
    """

    name = ""
    step = ""

    def __init__(self, panel):
        self.panel = panel
        self.ui = panel.ui
        self.logic = panel.logic
        self._title = ""

    @property
    def node(self):
        """Parameter node of the chosen study; None while the panel is not entered."""
        return self.panel.parameterNode

    def setup(self) -> None:
        """Extended by the sections: fill choices and connect."""
        self._title = self.widget("CollapsibleButton").text

    def connect(self, widget, signal: str, slot) -> None:
        """Connect a signal to a slot that is called only while there is a study to work on, and whose errors end in the panel."""
        widget.connect(signal, self.panel.guarded(slot))

    def refresh(self) -> None:
        """Extended by the sections: show what is true now."""

    def leave(self) -> None:
        """Extended by the sections that hold something while the panel is open."""

    def widget(self, ending: str):
        return getattr(self.ui, self.name + ending)

    def say(self, status: str, color: str = "", result: str = "", mark: str = "") -> None:
        """Status and result line, and a mark on the header that is seen while the section is closed."""
        say(self.widget("StatusLabel"), status, color)
        say(self.widget("ResultLabel"), result)
        self.widget("CollapsibleButton").text = f"{self._title}  {mark}".rstrip()

    def say_step(self, result: str = "") -> str:
        """Status of the step of this section. Returns its state."""
        state = self.panel.states[self.step]
        missing = self.logic.missingInput(self.node, self.step)
        if missing:
            self.say(missing + ".", MISSING_COLOR)
        elif state == "stale":
            self.say_stale(result)
        elif state == "current":
            self.say(_("Up to date."), DONE_COLOR, result, "\u2713")
        else:
            self.say(_("Not done yet."), MISSING_COLOR, result)
        return state

    def say_stale(self, result: str | None = None) -> None:
        """result: what the step found; None leaves what is shown."""
        shown = self.widget("ResultLabel").text if result is None else result
        self.say(_("Out of date: an input has changed."), STALE_COLOR, shown, _("(out of date)"))

    def enable(self, button, reason: str, help_text: str) -> None:
        enable(button, reason, help_text)

    def run_step(self, message: str):
        """Do the step of this section with progress and Cancel. Returns its result, None when there is none."""
        return self.long(
            message,
            lambda work: self.logic.runStep(self.step, work.node, progress=work.progress, cancel=work.is_cancelled),
        )

    def long(self, message: str, action):
        """Do something long with progress and Cancel, as ``Panel.long`` says."""
        return self.panel.long(message, action)

    def quick(self, message: str, action, *arguments):
        """Do something short, with a wait cursor; bad input is shown. The panel is brought up to date."""
        result = None
        with shown_errors(message):
            result = action(*arguments)
        if self.panel.is_open():
            self.panel.refresh()
        return result
