"""What the stand-ins know, held against the headers of CTK and Slicer, where their sources are at hand (CTK_SRC, SLICER_SRC)."""

import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from PySide6 import QtCore, QtWidgets

import host

host.start_application()

from host.qt_standins.registry import WIDGET_CLASSES  # noqa: E402

PANEL = Path(__file__).resolve().parents[2] / "RNTDosimetry" / "Resources" / "UI" / "RNTDosimetry.ui"
# Of Qt's own classes, which the real widgets inherit from: QAbstractButton (ctkCollapsibleButton), QTableView, QFrame.
NATIVE = {
    kind.staticMetaObject.property(index).name()
    for kind in (QtWidgets.QPushButton, QtWidgets.QTableView, QtWidgets.QMenu)
    for index in range(kind.staticMetaObject.propertyCount())
}


SOURCES = {name: Path(os.environ[name]) for name in ("CTK_SRC", "SLICER_SRC") if os.environ.get(name)}
AT_HAND = [SOURCES] if len(SOURCES) == 2 else []
# Without the sources there is no case: pytest says that the set of parameters is empty.


def header_of(name: str) -> str:
    """Text of the header of a class and of those that it inherits from in the same project."""
    root = SOURCES["CTK_SRC"] if name.startswith("ctk") else SOURCES["SLICER_SRC"]
    text = ""
    while name.startswith(("ctk", "qMRML", "qSlicer")):
        found = next(iter(sorted(root.rglob(f"{name}.h"))), None)
        if found is None:
            break
        own = found.read_text(encoding="utf-8", errors="replace")
        text += own
        parent = re.search(rf"class\s+(?:\w+\s+)?{name}\s*:\s*public\s+(\w+)", own)
        name = parent.group(1) if parent else ""
    return text


def classes_of_panel() -> list[str]:
    names = {widget.get("class") for widget in ElementTree.parse(PANEL).iter("widget")}
    return sorted(name for name in names if name.startswith(("ctk", "qMRML")))


def test_the_panel_uses_stand_ins_that_are_checked():
    assert {"ctkPathLineEdit", "ctkCollapsibleButton", "qMRMLNodeComboBox"} <= set(classes_of_panel()) <= set(WIDGET_CLASSES)


@pytest.mark.parametrize("name", classes_of_panel() if AT_HAND else [])
def test_signals_and_properties_are_those_of_the_header(name):
    text, meta = header_of(name), WIDGET_CLASSES[name].staticMetaObject
    properties = {meta.property(index).name() for index in range(meta.propertyOffset(), meta.propertyCount())}
    declared = set(re.findall(r"Q_PROPERTY\(\s*[\w:<>]+\s+(\w+)", text))
    assert properties - declared - NATIVE == set()
    for index in range(meta.methodOffset(), meta.methodCount()):
        method = meta.method(index)
        if method.methodType() == QtCore.QMetaMethod.MethodType.Signal:
            signal = bytes(method.name()).decode()
            assert re.search(rf"void\s+{signal}\s*\(", text) or signal in ("clicked", "toggled"), signal


@pytest.mark.parametrize("name", classes_of_panel() if AT_HAND else [])
def test_properties_in_the_panel_are_those_of_the_header(name):
    """A misspelled property in the .ui file is ignored by Qt without a word."""
    text = header_of(name)
    declared = set(re.findall(r"Q_PROPERTY\(\s*[\w:<>]+\s+(\w+)", text))
    for widget in ElementTree.parse(PANEL).iter("widget"):
        if widget.get("class") == name:
            used = {item.get("name") for item in widget.findall("property")} - {"SlicerParameterName"}
            assert used - declared - NATIVE == set(), widget.get("name")


@pytest.mark.parametrize("found", AT_HAND)
def test_a_path_is_told_only_while_it_is_acceptable(found):
    """The lines of CTK that the stand-in follows."""
    text = (found["CTK_SRC"] / "Libs" / "Widgets" / "ctkPathLineEdit.cpp").read_text(encoding="utf-8")
    body = text.partition("void ctkPathLineEdit::updateHasValidInput()")[2].partition("\n}\n")[0]
    told = body.index("emit currentPathChanged")
    assert body.index("if (d->HasValidInput)") < told < body.index("emit validInputChanged")
    assert text.count("emit currentPathChanged") == 1


@pytest.mark.parametrize("found", AT_HAND)
def test_the_choice_changes_while_the_node_leaves(found):
    folder = found["SLICER_SRC"] / "Libs" / "MRML" / "Widgets"
    text = (folder / "qMRMLSceneModel.cxx").read_text(encoding="utf-8")
    body = text.partition("void qMRMLSceneModel::onMRMLSceneNodeAboutToBeRemoved(")[2].partition("\n}\n")[0]
    assert "removeRow(" in body
    assert "IsClosing()" in body
