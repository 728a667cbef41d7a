"""CTK widgets for files and folders."""

import os

import qt
from PySide6.QtCore import Property, Signal

from host.qt_standins.registry import custom_widget, plain_property


@custom_widget
class ctkPathLineEdit(qt.QWidget):
    currentPathChanged = Signal(str)
    validInputChanged = Signal(bool)

    # Flags of the filters, as in QDir.
    Dirs = 0x001
    Files = 0x002
    Writable = 0x020

    def __init__(self, *arguments) -> None:
        super().__init__(*[argument for argument in arguments if isinstance(argument, qt.QWidget)])
        layout = qt.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._line_edit = qt.QLineEdit()
        layout.addWidget(self._line_edit)
        browse = qt.QToolButton()
        browse.setText("...")
        layout.addWidget(browse)
        self._line_edit.textChanged.connect(self.currentPathChanged)

    def setCurrentPath(self, path: str) -> None:
        self._line_edit.setText(str(path))

    def addCurrentPathToHistory(self) -> None:
        """The host keeps no history."""

    currentPath = Property(str, lambda self: self._line_edit.text, setCurrentPath)
    filters = plain_property(int, "filters", 0)
    nameFilters = plain_property("QStringList", "nameFilters", [])
    settingKey = plain_property(str, "settingKey", "")
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
