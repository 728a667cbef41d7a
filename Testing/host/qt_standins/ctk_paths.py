"""CTK widgets for files and folders."""

import fnmatch
import os

import qt
from PySide6.QtCore import Property, Signal

from host.qt_standins.registry import custom_widget, plain_property


@custom_widget
class ctkPathLineEdit(qt.QWidget):
    """As strict as CTK: a path is told only while it is acceptable, never when the field was cleared or holds half a path.

    The history of the field is kept in the settings under its key, and the last path of it is there at the beginning.
    """

    validInputChanged = Signal(bool)
    currentPathChanged = Signal(str)

    # Flags of the filters, as in QDir.
    Dirs = 0x001
    Files = 0x002
    Writable = 0x020

    def __init__(self, *arguments) -> None:
        super().__init__(*[argument for argument in arguments if isinstance(argument, qt.QWidget)])
        layout = qt.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._combo_box = qt.QComboBox()
        self._combo_box.setEditable(True)
        self._combo_box.setInsertPolicy(qt.QComboBox.NoInsert)
        self._line_edit = qt.QLineEdit()
        self._combo_box.setLineEdit(self._line_edit)
        self._line_edit.setCompleter(None)
        layout.addWidget(self._combo_box, 1)
        browse = qt.QToolButton()
        browse.setText("...")
        layout.addWidget(browse)
        self._name_filters = []
        self._setting_key = ""
        self._has_valid_input = False
        self._line_edit.textChanged.connect(self.updateHasValidInput)

    def updateHasValidInput(self, *ignored) -> None:
        before, self._has_valid_input = self._has_valid_input, self._is_acceptable(self._line_edit.text)
        if self._has_valid_input:
            self.currentPathChanged.emit(self._line_edit.text)
        if self._has_valid_input != before:
            self.validInputChanged.emit(self._has_valid_input)

    def _is_acceptable(self, text: str) -> bool:
        """Whether the text passes the validator that CTK makes of the name filters."""
        patterns = [pattern for item in self._name_filters for pattern in item.partition("(")[2].rstrip(")").split()]
        return bool(text) and (not patterns or any(fnmatch.fnmatch(text, pattern) for pattern in patterns))

    def comboBox(self):
        return self._combo_box

    def setCurrentPath(self, path: str) -> None:
        self._line_edit.setText(str(path))

    def _history_key(self) -> str:
        return "ctkPathLineEdit/" + (self._setting_key or self.objectName)

    def setSettingKey(self, key: str) -> None:
        self._setting_key = key
        self.retrieveHistory()

    def retrieveHistory(self) -> None:
        path, blocked = self.currentPath, self.blockSignals(True)
        self._combo_box.clear()
        self._combo_box.addItems(list(qt.QSettings().value(self._history_key()) or []))
        if not path:
            self.blockSignals(blocked)
            self._combo_box.setCurrentIndex(0)
        else:
            self.setCurrentPath(path)
            self.blockSignals(blocked)

    def addCurrentPathToHistory(self) -> None:
        """As in CTK, the field shows another path of its history for a moment, and says so."""
        path = self.currentPath
        if not path:
            return
        kept = [item for item in (qt.QSettings().value(self._history_key()) or []) if item != path]
        qt.QSettings().setValue(self._history_key(), [path, *kept])
        index = self._combo_box.findText(path)
        if index >= 0:
            self._combo_box.removeItem(index)
        self._combo_box.insertItem(0, path)
        self._combo_box.setCurrentIndex(0)

    def setNameFilters(self, filters) -> None:
        self._name_filters = list(filters)

    currentPath = Property(str, lambda self: self._line_edit.text, setCurrentPath)
    settingKey = Property(str, lambda self: self._setting_key, setSettingKey)
    filters = plain_property(int, "filters", 0)
    nameFilters = Property("QStringList", lambda self: self._name_filters, setNameFilters)
    label = plain_property(str, "label", "")
    showBrowseButton = plain_property(bool, "showBrowseButton", True)
    showHistoryButton = plain_property(bool, "showHistoryButton", True)


@custom_widget
class ctkDirectoryButton(qt.QPushButton):
    directoryChanged = Signal(str)
    directorySelected = Signal(str)

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self._directory = ""

    def setDirectory(self, directory: str) -> None:
        text = str(directory)
        directory = os.path.abspath(text) if text not in ("", ".") else text
        if directory != self._directory:
            self._directory = directory
            self.setText(directory)
            self.directoryChanged.emit(directory)

    directory = Property(str, lambda self: self._directory, setDirectory)
    caption = plain_property(str, "caption", "")
