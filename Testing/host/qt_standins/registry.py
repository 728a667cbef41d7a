"""Widget classes by name, as the loader of .ui files and the modules ``ctk`` and ``slicer`` need them."""

import types

import slicer
from PySide6 import QtCore

WIDGET_CLASSES: dict[str, type] = {}


def custom_widget(widget_class):
    """Class decorator: the class can be named in a .ui file."""
    WIDGET_CLASSES[widget_class.__name__] = widget_class
    return widget_class


def plain_property(property_type, name: str, default):
    """A Qt property that only keeps its value."""
    attribute = "_plain_" + name

    def read(self):
        return getattr(self, attribute, default)

    def write(self, value) -> None:
        setattr(self, attribute, value)

    return QtCore.Property(property_type, read, write)


def _public_classes(modules) -> dict[str, type]:
    classes = {}
    for module in modules:
        for name, value in vars(module).items():
            if isinstance(value, type) and value.__module__ == module.__name__ and not name.startswith("_"):
                classes[name] = value
    return classes


def build_module(name: str, modules) -> types.ModuleType:
    """A module that holds the public classes of several files."""
    module = types.ModuleType(name)
    vars(module).update(_public_classes(modules))
    return module


def put_into_slicer(modules) -> None:
    """qMRML and qSlicer widgets are names of the ``slicer`` package."""
    for name, widget_class in _public_classes(modules).items():
        setattr(slicer, name, widget_class)
