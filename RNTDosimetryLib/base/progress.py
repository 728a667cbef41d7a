"""Progress and cancel, the same way in every long step."""

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called with the fraction done (0 to 1) and what is being done now, in words."""


class Cancelled(Exception):
    """The user stopped the work. Not an error: nothing of the unfinished work is kept."""


def silent(fraction: float, message: str) -> None:
    """The progress of nobody."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """Progress of a step that fills only the stretch from ``start`` to ``end`` of the whole."""
    return lambda fraction, message: progress(start + (end - start) * min(max(fraction, 0.0), 1.0), message)


def stopping(progress: Progress, cancel: Callable[[], bool] | None) -> Progress:
    """Progress that also looks whether the user has stopped the work, and then raises Cancelled."""
    if cancel is None:
        return progress

    def checked(fraction: float, message: str) -> None:
        if cancel():
            raise Cancelled
        progress(fraction, message)

    return checked
