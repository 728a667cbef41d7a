"""CTK buttons, boxes and text widgets."""

import qt
from PySide6.QtCore import Property, Signal

from host.qt_standins.registry import custom_widget, plain_property

HEADER_HEIGHT = 24
UNLIMITED_HEIGHT = 16777215


@custom_widget
class ctkCheckBox(qt.QCheckBox):
    pass


@custom_widget
class ctkPushButton(qt.QPushButton):
    pass


@custom_widget
class ctkMenuButton(qt.QPushButton):
    pass


@custom_widget
class ctkCheckablePushButton(qt.QPushButton):
    checkBoxControlsButtonToggleState = plain_property(bool, "checkBoxControlsButtonToggleState", True)
    checkBoxControlsButton = plain_property(bool, "checkBoxControlsButton", False)


@custom_widget
class ctkComboBox(qt.QComboBox):
    defaultText = plain_property(str, "defaultText", "")


@custom_widget
class ctkSearchBox(qt.QLineEdit):
    pass


@custom_widget
class ctkFittedTextBrowser(qt.QTextBrowser):
    collapsible = plain_property(bool, "collapsible", False)
    collapsed = plain_property(bool, "collapsed", True)


class ctkMessageBox(qt.QMessageBox):
    dontShowAgainSettingsKey = plain_property(str, "dontShowAgainSettingsKey", "")


class ctkWidgetsUtils:
    @staticmethod
    def grabWidget(widget, *ignored):
        return widget.grab().toImage()


@custom_widget
class ctkColorPickerButton(qt.QPushButton):
    colorChanged = Signal(object)

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self._color = qt.QColor()

    def _read_color(self):
        return self._color

    def setColor(self, color) -> None:
        if color != self._color:
            self._color = qt.QColor(color)
            self.colorChanged.emit(self._color)

    color = Property(qt.QColor, _read_color, setColor)


def _without_text(arguments) -> list:
    """Constructor arguments that are widgets; CTK widgets also take their text."""
    return [argument for argument in arguments if not isinstance(argument, str)]


@custom_widget
class ctkCollapsibleGroupBox(qt.QGroupBox):
    """A group box whose check mark shows and hides its content."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.setCheckable(True)
        self.toggled.connect(self._show_content)

    def _show_content(self, shown: bool) -> None:
        for child in self.children():
            if child.isWidgetType():
                child.setVisible(shown)

    def _read_collapsed(self) -> bool:
        return not self.checked

    def setCollapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    collapsed = Property(bool, _read_collapsed, setCollapsed)


@custom_widget
class ctkCollapsibleButton(qt.QWidget):
    """A header button above its content. As in CTK the layout is set on the widget itself."""

    clicked = Signal(bool)
    toggled = Signal(bool)
    contentsCollapsed = Signal(bool)

    def __init__(self, *arguments) -> None:
        super().__init__(*_without_text(arguments))
        self._text = next((argument for argument in arguments if isinstance(argument, str)), "")
        self._collapsed = False
        self._header = qt.QToolButton(self)
        self._header.setToolButtonStyle(qt.Qt.ToolButtonTextBesideIcon)
        self._header.clicked.connect(lambda: self.click())
        self.setContentsMargins(0, HEADER_HEIGHT, 0, 0)
        self._draw_header()

    def _draw_header(self) -> None:
        self._header.setText(self._text.replace("&&", "&"))
        self._header.setArrowType(qt.Qt.RightArrow if self._collapsed else qt.Qt.DownArrow)

    def _show_content(self) -> None:
        for child in self.children():
            if child.isWidgetType() and child is not self._header:
                child.setVisible(not self._collapsed)
        self.setMaximumHeight(HEADER_HEIGHT if self._collapsed else UNLIMITED_HEIGHT)

    def resizeEvent(self, event) -> None:
        self._header.setGeometry(0, 0, self.width, HEADER_HEIGHT)

    def showEvent(self, event) -> None:
        self._show_content()

    def click(self) -> None:
        self.setCollapsed(not self._collapsed)
        self.clicked.emit(not self._collapsed)

    def setCollapsed(self, collapsed: bool) -> None:
        if bool(collapsed) == self._collapsed:
            return
        self._collapsed = bool(collapsed)
        self._draw_header()
        self._show_content()
        self.contentsCollapsed.emit(self._collapsed)
        self.toggled.emit(not self._collapsed)

    def setChecked(self, checked: bool) -> None:
        self.setCollapsed(not checked)

    def setText(self, text: str) -> None:
        self._text = text
        self._draw_header()

    def _read_collapsed(self) -> bool:
        return self._collapsed

    def _read_checked(self) -> bool:
        return not self._collapsed

    def _read_text(self) -> str:
        return self._text

    text = Property(str, _read_text, setText)
    collapsed = Property(bool, _read_collapsed, setCollapsed)
    checked = Property(bool, _read_checked, setChecked)
    collapsedHeight = plain_property(int, "collapsedHeight", 0)
    contentsFrameShape = plain_property(int, "contentsFrameShape", 0)
    checkable = plain_property(bool, "checkable", True)


@custom_widget
class ctkExpandButton(qt.QToolButton):
    mirrorOnExpand = plain_property(bool, "mirrorOnExpand", False)


@custom_widget
class ctkExpandableWidget(qt.QFrame):
    orientations = plain_property(int, "orientations", 2)
