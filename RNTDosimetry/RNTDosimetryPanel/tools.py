"""What every section needs of Qt: tables that keep their selection, buttons that say why they rest, errors in a sentence."""

import contextlib

import qt
import slicer

from RNTDosimetryLib.base.errors import DosimetryError

DONE_COLOR, STALE_COLOR, MISSING_COLOR, BAD_COLOR = "#1a7f37", "#b35900", "#6b7280", "#b91c1c"


_ROW_HEIGHT, _NARROWEST_COLUMN = 22, 48
_FITTED = "RNTDosimetryFittedWidths"


@contextlib.contextmanager
def shown_errors(message: str, wait_cursor: bool = True):
    """Bad input is shown as its sentence; a fault of the program goes on to Slicer."""
    refused = None
    with slicer.util.tryWithErrorDisplay(message, waitCursor=wait_cursor):
        try:
            yield
        except DosimetryError as error:
            refused = error
    if refused is not None:
        # Only now: the wait cursor is gone, and the box can be clicked.
        slicer.util.errorDisplay(f"{message}\n\n{refused}")


def enable(button, reason: str, help_text: str) -> None:
    """A button rests while there is a reason, and its tooltip says which."""
    button.enabled = not reason
    button.toolTip = reason or help_text


def say(label, text: str, color: str = "") -> None:
    label.text = text
    label.styleSheet = f"color: {color}" if color else ""


def on_path(widget, changed) -> None:
    """Call ``changed`` with every path of a ctkPathLineEdit, and with "" when it was cleared.

    The widget itself tells of acceptable paths only: without this a file, once chosen, could not be taken back.
    """

    def on_valid(valid):
        if not valid and not widget.currentPath:
            changed("")

    def on_edited(text):
        if not text:
            changed("")

    widget.connect("currentPathChanged(QString)", changed)
    widget.connect("validInputChanged(bool)", on_valid)
    for line in widget.findChildren(qt.QLineEdit):
        line.clearButtonEnabled = True
        line.connect("textEdited(QString)", on_edited)


def remember_path(widget) -> None:
    """Offer the path of a ctkPathLineEdit again in the next session. While its list is sorted the widget tells of other paths."""
    blocked = widget.blockSignals(True)
    widget.addCurrentPathToHistory()
    widget.blockSignals(blocked)


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
            fit_columns(table)
    finally:
        table.blockSignals(blocked)


def fit_columns(table) -> None:
    """Make columns as wide as their content, except those that the user has set: a width that was drawn stays."""
    fitted = table.property(_FITTED) or ""
    known = [int(width) for width in fitted.split()] if fitted else []
    widths = [table.columnWidth(column) for column in range(table.columnCount)]
    table.resizeColumnsToContents()
    last = table.columnCount - 1
    for column, width in enumerate(widths):
        # The last column takes what is left: its width is the table's, not the user's.
        if column < len(known) and known[column] != width and column != last:
            table.setColumnWidth(column, width)
    kept = [
        known[column] if column < len(known) and known[column] != width and column != last else table.columnWidth(column)
        for column, width in enumerate(widths)
    ]
    table.setProperty(_FITTED, " ".join(map(str, kept)))


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
