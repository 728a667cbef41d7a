"""Long work on the panel: progress, time left, Cancel."""

import time

import slicer
from RNTDosimetryScene.road.transaction import Interrupted
from slicer.i18n import tr as _

from RNTDosimetryLib.base.progress import Cancelled
from RNTDosimetryPanel.tools import MISSING_COLOR, say

_SPEAK_AFTER_S = 3.0


class Work:
    """While it lasts the sections rest and Cancel is alive; afterwards the panel says what is true now.

    node: parameter node of the study that is worked on, whatever the panel shows meanwhile.
    """

    def __init__(self, panel):
        self.panel = panel
        self.node = panel.parameterNode
        self.cancelled = False
        self.started = 0.0
        self._asked = False
        self._scene_closed = False

    def __enter__(self):
        self.started = time.monotonic()
        self.panel.work = self
        self.panel.rest(True)
        return self

    def __exit__(self, kind, error, trace):
        self.panel.work = None
        self.panel.rest(False)
        self.panel.ui.progressBar.value = 0
        self.panel.work_ended()
        self.panel.refresh()
        self.cancelled = isinstance(error, Cancelled | Interrupted)
        if self.cancelled:
            say(self.panel.ui.runStatusLabel, self._reason(error), MISSING_COLOR)
        return self.cancelled

    def _reason(self, error) -> str:
        if self._scene_closed:
            return _("Stopped: the scene was closed.")
        if isinstance(error, Interrupted):
            return _("Stopped. {reason}").format(reason=error)
        return _("Cancelled: the scene is as it was.")

    def cancel(self) -> None:
        self._asked = True
        say(self.panel.ui.runStatusLabel, _("Stopping..."), MISSING_COLOR)

    def scene_closes(self) -> None:
        """What is worked on goes away."""
        self._asked = self._scene_closed = True

    def is_cancelled(self) -> bool:
        return self._asked

    def progress(self, fraction: float, message: str) -> None:
        self.panel.ui.progressBar.value = round(100 * fraction)
        if not self._asked:
            say(self.panel.ui.runStatusLabel, f"{message}. {self._time_left(fraction)}".strip())
        slicer.app.processEvents()
        if self._asked and fraction < 1.0:
            # What was clicked in these events counts at once: the nodes may be gone. At the end everything is kept already.
            raise Cancelled

    def _time_left(self, fraction: float) -> str:
        elapsed = time.monotonic() - self.started
        if fraction < 0.05 or elapsed < _SPEAK_AFTER_S:
            return ""
        return _("About {seconds} s left.").format(seconds=max(1, round(elapsed * (1.0 - fraction) / fraction)))
