"""Loader of .ui files that knows the stand-ins and wires the connections written in the file."""

import sys
import xml.etree.ElementTree as ElementTree

from PySide6 import QtCore, QtUiTools

from host.qt_standins.pythonqt import connect_by_text, parse_signal
from host.qt_standins.registry import WIDGET_CLASSES

STAND_IN_PREFIXES = ("ctk", "qMRML", "qSlicer")


class UiLoader(QtUiTools.QUiLoader):
    """``qt.QUiLoader``. A widget class that the host does not know is refused, not replaced."""

    def createWidget(self, className, parent=None, name=""):
        widget_class = WIDGET_CLASSES.get(className) or getattr(sys.modules["qt"], className, None)
        if widget_class is None:
            self._unknown.append(className)
            widget_class = sys.modules["qt"].QWidget
        widget = widget_class(parent) if parent is not None else widget_class()
        widget.setObjectName(name)
        self._made.append(widget)
        return widget

    def load(self, device, parent=None):
        """Widget of a .ui file given as an open QFile or as a path."""
        self._made = []
        self._unknown = []
        if hasattr(device, "readAll"):
            text = bytes(device.readAll().data())
        else:
            with open(device, "rb") as file:
                text = file.read()
        root = ElementTree.fromstring(text)
        connections = _take_connections(root)
        _remove_stand_in_enumerations(root)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(root))
        buffer.open(QtCore.QIODevice.ReadOnly)
        widget = super().load(buffer, parent)
        if self._unknown:
            raise RuntimeError(f"Expected widget classes that the host knows, received {', '.join(sorted(set(self._unknown)))}.")
        if widget is None:
            raise RuntimeError("Expected a .ui file that Qt can read, received one that it cannot.")
        # Python owns the attributes of the stand-ins: keep them as long as the widget.
        widget.__dict__["_ui_children"] = self._made
        _connect(widget, connections)
        return widget


def _take_connections(root) -> list[tuple]:
    connections = []
    for connection in root.iter("connection"):
        connections.append(tuple(connection.findtext(key) for key in ("sender", "signal", "receiver", "slot")))
    for element in root.findall("connections"):
        root.remove(element)
    return connections


def _remove_stand_in_enumerations(root) -> None:
    """Enumerations of CTK and qMRML classes (``ctkPathLineEdit::Dirs``) are unknown to Qt; they change no behavior here."""
    for widget in root.iter("widget"):
        for element in widget.findall("property"):
            value = element.find("set") if element.find("set") is not None else element.find("enum")
            if value is not None and (value.text or "").startswith(STAND_IN_PREFIXES):
                widget.remove(element)


def _connect(widget, connections) -> None:
    objects = {child.objectName: child for child in [widget, *widget.findChildren(QtCore.QObject)]}
    for sender, signal, receiver, slot in connections:
        if sender not in objects or receiver not in objects:
            raise RuntimeError(f"Expected widgets for the connection {sender}.{signal} -> {receiver}.{slot}, found none.")
        connect_by_text(objects[sender], signal, getattr(objects[receiver], parse_signal(slot)[0]))
