"""TotalSegmentator at work beside the panel: its own words as progress, and Cancel."""

import queue
import subprocess
import threading

import slicer

from RNTDosimetryLib.base.errors import DosimetryError

_LOOK_AGAIN_S = 0.1
_SHARE_A_LINE = 0.02
"""Nobody knows how long it takes: each line of its log fills this share of what is left of the bar."""


class _Watch:
    """Hands on what TotalSegmentator says, and lets the user stop it."""

    def __init__(self, progress):
        self._progress = progress
        self._share = 0.0
        self._text = "TotalSegmentator is at work"

    def say(self, text: str) -> None:
        text = (text or "").strip()
        if text:
            self._text = f"TotalSegmentator: {text.splitlines()[-1][:80]}"
            self._share += _SHARE_A_LINE * (0.95 - self._share)
        self._progress(self._share, self._text)

    def process(self, process, returnOutput=False):
        """In the place of TotalSegmentator's own waiting, which blocks until the process says something."""
        lines: queue.Queue = queue.Queue()
        threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
        said = []
        try:
            while (line := self._next(lines)) is not None:
                said.append(line)
                self.say(line)
            process.wait()
        except BaseException:
            process.kill()
            raise
        if process.returncode:
            last = next((text.strip() for text in reversed(said) if text.strip()), "nothing")
            raise DosimetryError(
                f"Expected organs of TotalSegmentator, received exit code {process.returncode} after '{last[:200]}'; try the fast mode,"
                " or run it in its own module to see more."
            )
        return "".join(said) if returnOutput else None

    def _next(self, lines):
        """Next line, None at the end; while there is none the user has the word."""
        while True:
            try:
                return lines.get(timeout=_LOOK_AGAIN_S)
            except queue.Empty:
                self.say("")


def _read(stream, lines) -> None:
    while True:
        try:
            line = stream.readline()
        except UnicodeDecodeError:
            # The console may not speak UTF-8: such a line is not needed.
            continue
        except ValueError:
            # The process was stopped and its output closed.
            line = ""
        lines.put(line or None)
        if not line:
            return


def segment(ct, segmentation, organs, progress, fast: bool = False) -> None:
    """Segments of the organs of a CT by TotalSegmentator. Raises Cancelled when progress does, with the process stopped."""
    from TotalSegmentator import TotalSegmentatorLogic

    watch, logic = _Watch(progress), TotalSegmentatorLogic()
    logic.logCallback = watch.say
    logic.logProcessOutput = watch.process
    watch.say("")
    quality = {"quality": "fast"} if fast else {}
    try:
        logic.setupPythonRequirements()
        logic.process(ct, segmentation, task="total", subset=list(organs), **quality)
    except subprocess.CalledProcessError as error:
        raise DosimetryError(
            f"Expected TotalSegmentator to run, received exit code {error.returncode}; run it in its own module to see why."
        ) from error
    slicer.app.processEvents()
