"""What every section needs of Qt: tables that keep their selection, buttons that say why they rest, errors in a sentence."""

import contextlib

import qt
import slicer

from RNTDosimetryLib.base.errors import DosimetryError

DONE_COLOR, STALE_COLOR, MISSING_COLOR, BAD_COLOR = "#1a7f37", "#b35900", "#6b7280", "#b91c1c"


_ROW_HEIGHT, _NARROWEST_COLUMN = 22, 48


@contextlib.contextmanager
def shown_errors(message: str, wait_cursor: bool = True):
    """Bad input is shown as its sentence; a fault of the program goes on to Slicer."""
    with slicer.util.tryWithErrorDisplay(message, waitCursor=wait_cursor):
        try:
            yield
        except DosimetryError as error:
            slicer.util.errorDisplay(f"{message}\n\n{error}")


def enable(button, reason: str, help_text: str) -> None:
    """A button rests while there is a reason, and its tooltip says which."""
    button.enabled = not reason
    button.toolTip = reason or help_text


def say(label, text: str, color: str = "") -> None:
    label.text = text
    label.styleSheet = f"color: {color}" if color else ""


def prepare_table(table, headers: list[str], helps: list[str] | None = None) -> None:
    # The last column takes what is left; what it takes at least is the size that columns begin with.
    table.horizontalHeader().setDefaultSectionSize(_NARROWEST_COLUMN)
    table.setColumnCount(len(headers))
    for column, text in enumerate(headers):
        item = qt.QTableWidgetItem(text)
        item.setToolTip(helps[column] if helps else text)
        table.setHorizontalHeaderItem(column, item)
    table.verticalHeader().setVisible(False)
    table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
    table.setWordWrap(False)
    table.horizontalHeader().setStretchLastSection(True)


def fill_table(table, rows: list[list[str]], editable=(), italic=(), helps=None, colors=None) -> None:
    """Show rows of text; what is the same stays untouched, so that selection and cursor stay.

    editable: columns that can be typed in. italic: (row, column) of typed values. helps, colors: by (row, column).
    """
    blocked = table.blockSignals(True)
    try:
        changed = table.rowCount != len(rows)
        table.setRowCount(len(rows))
        for row, cells in enumerate(rows):
            for column, text in enumerate(cells):
                item = table.item(row, column)
                if item is None:
                    item = qt.QTableWidgetItem()
                    table.setItem(row, column, item)
                if item.text() != text:
                    item.setText(text)
                    changed = True
                flags = qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable
                item.setFlags(flags | qt.Qt.ItemIsEditable if column in editable else flags)
                font = item.font()
                font.setItalic((row, column) in italic)
                item.setFont(font)
                item.setToolTip((helps or {}).get((row, column), text))
                color = (colors or {}).get((row, column))
                item.setForeground(qt.QBrush(qt.QColor(color)) if color else qt.QBrush())
        if changed:
            table.resizeColumnsToContents()
    finally:
        table.blockSignals(blocked)


def selected_row(table) -> int:
    """Row of the clicked cell, -1 for none."""
    row = table.currentRow()
    return row if 0 <= row < table.rowCount else -1


def select_text(combo_box, text: str) -> None:
    """Choose an entry by its text without telling anyone."""
    index = combo_box.findText(text) if text else -1
    if combo_box.currentIndex != index:
        blocked = combo_box.blockSignals(True)
        combo_box.setCurrentIndex(index)
        combo_box.blockSignals(blocked)


def set_quietly(widget, name: str, value) -> None:
    """Show a value without telling anyone."""
    if getattr(widget, name) != value:
        blocked = widget.blockSignals(True)
        setattr(widget, name, value)
        widget.blockSignals(blocked)


def number_text(value, digits: int = 3) -> str:
    """A number with so many significant digits; a dash for none."""
    if value is None:
        return "-"
    if value != 0 and abs(value) < 10 ** (digits - 1):
        return f"{value:#.{digits}g}".rstrip(".")
    return f"{value:.0f}"


def measured_text(value, uncertainty, unit: str = "") -> str:
    """Value and standard uncertainty with matching digits."""
    from RNTDosimetryLib.report import Column, format_cell, measured

    text = format_cell(measured(value, uncertainty), Column("", unit))
    return f"{text} {unit}".strip()
