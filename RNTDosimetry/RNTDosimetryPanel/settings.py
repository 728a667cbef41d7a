"""Fields for the declared settings: a label, a widget of the right kind with its range and unit, in the section that the declaration names."""

import re

import qt
from RNTDosimetryScene.study.settings import shown_settings
from slicer.i18n import tr as _translated

from RNTDosimetryLib.base.settings import Setting

_UNIT_IN_NAME = re.compile(r"(GPerMl|Percent|Mm)$")


def add_settings(ui) -> None:
    """A row for every declared setting, first in its section, where it is found as ``ui.<parameter><kind of widget>``."""
    rows = {}
    for item in shown_settings():
        if not item.section:
            continue
        widget = _widget(item)
        widget.objectName = name_of(item)
        widget.toolTip = _translated(item.help)
        widget.setProperty("SlicerParameterName", item.parameter)
        row = rows[item.section] = rows.get(item.section, -1) + 1
        getattr(ui, f"{item.section}CollapsibleButton").layout().insertRow(row, qt.QLabel(f"{_translated(item.label)}:"), widget)
        setattr(ui, widget.objectName, widget)


def name_of(item: Setting) -> str:
    """Name of the widget of a setting."""
    kind = "ComboBox" if item.choices else {bool: "CheckBox", float: "SpinBox"}.get(item.kind, "LineEdit")
    return _UNIT_IN_NAME.sub("", item.parameter) + kind


def _widget(item: Setting):
    if item.choices:
        return qt.QComboBox()
    if item.kind is bool:
        return qt.QCheckBox()
    if item.kind is not float:
        return qt.QLineEdit()
    box = qt.QDoubleSpinBox()
    box.decimals = item.decimals
    box.minimum = 0.0 if item.optional else item.least * item.shown_times
    box.maximum = item.most * item.shown_times
    box.singleStep = 10.0 ** (1 - item.decimals)
    box.suffix = f" {item.shown_unit or item.unit}".rstrip()
    box.keyboardTracking = False
    return box
