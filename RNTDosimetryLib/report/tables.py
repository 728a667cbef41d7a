"""Tables of results, and the same table as terminal text, HTML and CSV."""

import csv
import io
import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from html import escape

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.words import printable

MISSING = "–"
_BEGIN_FORMULAS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""Also the full-width forms, which spreadsheets in East Asia take for the same."""
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-3, 1e7
_WIDEST = 100.0
"""Uncertainty over value, from which on no digit of the value means anything."""


@dataclass(frozen=True)
class Measured(Record):
    """A value with its standard uncertainty (k = 1) in the same unit; None when the uncertainty is not known."""

    value: float
    uncertainty: float | None = None

    def __post_init__(self):
        if not math.isfinite(self.value):
            raise DosimetryError(f"Expected a finite value, received {self.value}; use None for a value that is not known.")
        if self.uncertainty is not None and not (math.isfinite(self.uncertainty) and self.uncertainty >= 0):
            raise DosimetryError(
                f"Expected an uncertainty of zero or more, received {self.uncertainty}; use None for one that is not known."
            )


def measured(value: float | None, uncertainty: float | None = None) -> Measured | None:
    """``Measured``, or None when there is no value."""
    return None if value is None else Measured(float(value), None if uncertainty is None else float(uncertainty))


def format_number(value: float | None, digits: int = 3) -> str:
    """``value`` with at least ``digits`` significant digits: "0.0123", "12.3", "12345", "1.23×10⁻⁵".

    Digits before the decimal point are never rounded away below ten million. None becomes an en dash.
    Raises DosimetryError for NaN and infinity.
    """
    if value is None:
        return MISSING
    _refuse_unreal(value)
    if value == 0:
        return "0"
    magnitude = _magnitude(value, digits)
    if _SMALLEST_PLAIN <= abs(value) < _LARGEST_PLAIN:
        return _fixed(value, max(0, digits - 1 - magnitude))
    return f"{_fixed(_without_power(value, magnitude), digits - 1)}{power_of_ten(magnitude)}"


def format_measured(value: float | None, uncertainty: float | None, digits: int = 3) -> str:
    """ "12.3 ± 0.4": the uncertainty to one or two digits, the value to the same place.

    The uncertainty keeps two digits when they are 10 to 35 and one above, the rule of the Particle Data Group (Review of
    Particle Physics, introduction). A value that would be lost keeps two digits: 8.8 ± 48.4, not 10 ± 50. Without an uncertainty, ``format_number``.
    """
    if value is None or uncertainty is None:
        return format_number(value, digits)
    _refuse_unreal(value)
    _refuse_unreal(uncertainty)
    if uncertainty == 0:
        return f"{format_number(value, digits)} ± 0"
    largest = max(abs(value), uncertainty)
    exponent = 0 if _SMALLEST_PLAIN <= largest < _LARGEST_PLAIN else _magnitude(largest, 1)
    scaled_value, scaled_uncertainty = _without_power(value, exponent), _without_power(uncertainty, exponent)
    place = _last_place(scaled_uncertainty)
    if scaled_uncertainty < _WIDEST * abs(scaled_value) and place < -_magnitude(scaled_value, 2):
        place = 1 - _magnitude(scaled_value, 2)
    text = f"{_rounded(scaled_value, place)} ± {_rounded(scaled_uncertainty, place)}"
    return text if exponent == 0 else f"({text}){power_of_ten(exponent)}"


def power_of_ten(exponent: int) -> str:
    """ "×10⁻⁵"."""
    return f"×10{str(exponent).translate(_SUPERSCRIPTS)}"


def _refuse_unreal(value: float):
    if not math.isfinite(value):
        raise DosimetryError(f"Expected a finite number to print, received {value}; this result must not be shown.")


def _magnitude(value: float, digits: int) -> int:
    """Power of ten of the first digit, after rounding to ``digits``: 0.9999 with three digits is 1.00, so 0."""
    return int(f"{abs(value):.{max(digits, 1) - 1}e}".split("e")[1])


def _without_power(value: float, exponent: int) -> float:
    """value / 10**exponent, also where the power itself is out of the range of floating point."""
    return float(Decimal(value).scaleb(-exponent))


def _last_place(uncertainty: float) -> int:
    """Decimal places (negative: tens, hundreds) to which an uncertainty is printed."""
    mantissa, exponent = f"{uncertainty:.2e}".split("e")
    leading, exponent = round(float(mantissa) * 100), int(exponent)
    return 1 - exponent if leading < 355 else -exponent


def _rounded(value: float, place: int) -> str:
    return _fixed(round(value, place), max(0, place))


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


_GAP = "  "
_MOST_COLUMNS_AT_FULL_SIZE, _LONGEST_UNBROKEN_NAME = 7, 24


@dataclass(frozen=True)
class Column(Record):
    """A column: its name, the unit of its numbers, significant digits to print, and "left", "right" or "center"."""

    name: str
    unit: str = ""
    digits: int = 3
    align: str = "right"

    def __post_init__(self):
        if self.align not in ("left", "right", "center"):
            raise DosimetryError(f'Expected "left", "right" or "center" for column {self.name}, received {self.align!r}.')
        if self.digits < 1:
            raise DosimetryError(f"Expected at least one significant digit for column {self.name}, received {self.digits}.")

    @property
    def heading(self) -> str:
        """Name with unit: "Absorbed dose (Gy)"."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True)
class Table(Record):
    """Title, columns, rows and a note. A cell is text, a number, ``Measured``, a boolean or None (not known).

    Raises DosimetryError when a row does not fit the columns or a number is not finite.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple, ...] = ()
    note: str = ""

    def __post_init__(self):
        columns = tuple(Column(column, align="left") if isinstance(column, str) else column for column in self.columns)
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "rows", tuple(tuple(self._cell(cell) for cell in row) for row in self.rows))
        if not columns:
            raise DosimetryError(f"Expected at least one column in table '{self.title}', received none.")
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(columns):
                raise DosimetryError(
                    f"Expected {len(columns)} cells in row {number} of table '{self.title}', received {len(row)}; use None for an unknown one."
                )

    def _cell(self, cell):
        if isinstance(cell, np.generic):
            cell = cell.item()
        if isinstance(cell, Mapping):
            cell = Measured.from_dict(cell)
        if cell is None or isinstance(cell, (str, int, Measured)):
            return cell
        if isinstance(cell, float) and math.isfinite(cell):
            return cell
        raise DosimetryError(
            f"Expected text, finite numbers or None in table '{self.title}', received {cell!r}; use None for a value that is not known."
        )


def format_cell(cell, column: Column) -> str:
    """What people read: "12.3 ± 0.4", "yes", an en dash for None or empty text. Control characters are replaced."""
    if cell is None or cell == "":
        return MISSING
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return str(cell).replace("-", "−")
    if isinstance(cell, float):
        return format_number(cell, column.digits)
    if isinstance(cell, Measured):
        return format_measured(cell.value, cell.uncertainty, column.digits)
    return printable(cell)


def table_text(table: Table) -> str:
    """The table for a terminal: aligned columns, heading and unit above a rule, the note below. Ends with a newline."""
    body = [[format_cell(cell, column) for cell, column in zip(row, table.columns)] for row in table.rows]
    names = [printable(column.name) for column in table.columns]
    units = [printable(column.unit) for column in table.columns]
    head = [names, units] if any(units) else [names]
    widths = [max(map(_display_width, cells)) for cells in zip(*head, *body)]
    lines = [printable(table.title)] if table.title else []
    lines += [_text_line(row, widths, table.columns) for row in head]
    lines.append(_GAP.join("─" * width for width in widths))
    lines += [_text_line(row, widths, table.columns) for row in body]
    if table.note:
        lines.append(printable(table.note))
    return "\n".join(lines) + "\n"


def _text_line(cells: Iterable[str], widths: Iterable[int], columns: Iterable[Column]) -> str:
    return _GAP.join(_padded(cell, width, column.align) for cell, width, column in zip(cells, widths, columns)).rstrip()


def _padded(text: str, width: int, align: str) -> str:
    free = width - _display_width(text)
    left = {"left": 0, "right": free, "center": free // 2}[align]
    return " " * left + text + " " * (free - left)


def _display_width(text: str) -> int:
    """Terminal cells: two for wide East Asian letters, none for combining marks."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def table_html(table: Table) -> str:
    """The table as an HTML ``<table>`` with caption and header cells; every text is escaped."""
    head = "".join(
        f'<th scope="col" class="{column.align}">{_html(column.name)}'
        + (f'<br/><span class="unit">{_html(column.unit)}</span>' if column.unit else "")
        + "</th>"
        for column in table.columns
    )
    body = "\n".join(f"<tr>{_html_row(row, table.columns)}</tr>" for row in table.rows)
    caption = f"<caption>{_html(table.title)}</caption>" if table.title else ""
    note = f'<p class="note">{_html(table.note)}</p>' if table.note else ""
    width = " wide" if len(table.columns) > _MOST_COLUMNS_AT_FULL_SIZE else ""
    return (
        f'<div class="table{width}"><table>{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>{note}</div>'
    )


def _html_row(row: tuple, columns: tuple[Column, ...]) -> str:
    first_is_name = columns[0].align == "left"
    cells = []
    for position, (cell, column) in enumerate(zip(row, columns)):
        text = _html(format_cell(cell, column))
        if position == 0 and first_is_name:
            short = " short" if len(text) <= _LONGEST_UNBROKEN_NAME else ""
            cells.append(f'<th scope="row" class="left{short}">{text}</th>')
        else:
            number = " number" if isinstance(cell, (int, float, Measured)) else ""
            cells.append(f'<td class="{column.align}{number}">{text}</td>')
    return "".join(cells)


def _html(text: str) -> str:
    return escape(printable(text), quote=True)


def table_csv(table: Table) -> str:
    """The table as CSV (RFC 4180: CRLF, quotes doubled), numbers at full precision, None as an empty field.

    A column that holds an uncertainty becomes two: "Dose (Gy)" and "Dose standard uncertainty (Gy)". Text is text: see ``defused``.
    """
    with_uncertainty = [
        any(isinstance(row[i], Measured) and row[i].uncertainty is not None for row in table.rows)
        for i in range(len(table.columns))
    ]
    head = []
    for column, wide in zip(table.columns, with_uncertainty):
        head.append(_csv_field(column.heading))
        if wide:
            head.append(_csv_field(Column(f"{column.name} standard uncertainty", column.unit).heading))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(head)
    for row in table.rows:
        fields = []
        for cell, wide in zip(row, with_uncertainty):
            value, uncertainty = (cell.value, cell.uncertainty) if isinstance(cell, Measured) else (cell, None)
            fields.append(_csv_field(value))
            if wide:
                fields.append(_csv_field(uncertainty))
        writer.writerow(fields)
    return stream.getvalue()


def _csv_field(value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return defused(printable(value)) if isinstance(value, str) else repr(value)


def defused(text: str) -> str:
    """Text of a table field that no spreadsheet takes for a formula: an apostrophe comes before =, +, - and @ (owasp.org, CSV injection).

    What is a number stays one.
    """
    if not text.lstrip().startswith(_BEGIN_FORMULAS):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
