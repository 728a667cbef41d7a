"""Exceptions that nobody catches: Qt and VTK print what a slot or an observer raises, and go on."""

import contextlib
import sys


@contextlib.contextmanager
def collected_errors():
    """List of the exceptions raised in slots and observers while the block runs; a test asserts that it is empty."""
    errors = []
    previous = sys.excepthook

    def remember(kind, error, trace) -> None:
        errors.append(error)
        previous(kind, error, trace)

    sys.excepthook = remember
    try:
        yield errors
    finally:
        sys.excepthook = previous
