"""Words to a terminal, a pipe or a file of any encoding: they never end a run whose work is done.

A Windows code page or a plain C locale lacks letters that tables need, and a pipe may be closed before the last line (``| head``).
"""

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar

from RNTDosimetryLib.base.words import printable

_PLAIN = str.maketrans({
    "−": "-", "–": "-", "—": "-", "─": "-", "±": "+/-", "×": "x", "·": ".", "≥": ">=", "≤": "<=", "≈": "~", "→": "->", "…": "...", "’": "'",
    "µ": "u", "μ": "u", "²": "^2", "³": "^3", "α": "alpha", "β": "beta", "γ": "gamma",
})  # fmt: skip
_SUPERSCRIPTS = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
_DIGITS = str.maketrans(_SUPERSCRIPTS, "-0123456789")
_RAISED = re.compile(f"[{_SUPERSCRIPTS}]+")

_Function = TypeVar("_Function", bound=Callable[..., Any])


def encodable(text: str, encoding: str) -> str:
    """Text as an encoding can hold it: "×10⁻⁵ ± 2" becomes "x10^-5 +/- 2" where it lacks a letter, what has no plain form \\u0394."""
    try:
        text.encode(encoding)
    except UnicodeError:
        plain = _RAISED.sub(lambda found: f"^{found[0].translate(_DIGITS)}", text).translate(_PLAIN)
        return plain.encode(encoding, "backslashreplace").decode(encoding)
    return text


class Outlet:
    """A stream that prints text as text and outlives the reader at its other end. stream: of text, or None as in a program without a terminal."""

    def __init__(self, stream: Any):
        self._stream = stream
        self._open = stream is not None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        if self._open:
            with self._outliving():
                encoding = getattr(self._stream, "encoding", None) or "utf-8"
                self._stream.write(encodable(printable(text, kept="\n"), encoding))
        return len(text)

    def flush(self) -> None:
        if self._open:
            with self._outliving():
                self._stream.flush()

    @contextlib.contextmanager
    def _outliving(self) -> Iterator[None]:
        """Nobody reads on, or the disk behind a redirection is full: the rest is said to nobody, also what Python flushes at its end."""
        try:
            yield
        except (OSError, ValueError):  # ValueError: the stream was closed
            self._open = False
            with contextlib.suppress(OSError, ValueError, AttributeError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)


def on_any_terminal(function: _Function) -> _Function:
    """The function with stdout and stderr as outlets."""

    @wraps(function)
    def said(*arguments: Any, **named: Any) -> Any:
        out, err = Outlet(sys.stdout), Outlet(sys.stderr)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                return function(*arguments, **named)
            finally:
                out.flush()
                err.flush()

    return said  # type: ignore[return-value]
