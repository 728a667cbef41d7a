"""Records in words: one line, a short table for the terminal, and the same for a notebook."""

import html
import reprlib
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

_LONGEST_LINE = 160
_JOINERS = "\u200c\u200d"
"""Format characters that words of some languages and joined symbols need; they move nothing."""
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 40
_short.maxtuple = _short.maxlist = _short.maxdict = 3
_short.maxlevel = 2


def printable(text: str, kept: str = "") -> str:
    """Text that shows what it holds: control characters, which could move a terminal's cursor or break XML, and marks of direction, which could turn
    "exe.txt" round, appear as \\x1b and \\u202e; ends of lines and tabs as a blank, unless ``kept``.
    """
    return text if text.isascii() and text.isprintable() else "".join(_printable(letter, kept) for letter in text)


def _printable(letter: str, kept: str) -> str:
    if letter in kept:
        return letter
    if letter.isspace() and letter in "\t\n\v\f\r\x85\u2028\u2029":
        return " "
    if letter not in _JOINERS and (unicodedata.category(letter) in ("Cc", "Cs", "Cf") or letter in "\ufffe\uffff"):
        return ascii(letter)[1:-1]
    return letter


def one_line(name: str, values: Mapping) -> str:
    """``Name(a=1, b=2, ...)`` in one line that fits on a screen."""
    parts = []
    for key, value in values.items():
        parts.append(f"{key}={_short.repr(value) if not isinstance(value, float) else f'{value:.6g}'}")
        if len(name) + sum(map(len, parts)) > _LONGEST_LINE:
            parts[-1] = "..."
            break
    return " ".join(f"{name}({', '.join(parts)})".split())


def shown_value(value: Any) -> str:
    """A value of a table for people; nothing for None."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def text_of_rows(rows: Sequence[Mapping]) -> str:
    """Rows of one kind as text with aligned columns under their names."""
    if not rows:
        return ""
    lines = [list(rows[0]), *([printable(shown_value(row[key])) for key in rows[0]] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in lines)


def html_of_rows(rows: Sequence[Mapping]) -> str:
    """The same as an HTML table."""
    if not rows:
        return ""
    head = "".join(f"<th>{html.escape(key)}</th>" for key in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(shown_value(value))}</td>" for value in row.values()) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
