"""Loads a scripted module as the application's factory does, with or without a panel."""

import importlib
import os
import sys

import slicer
import vtk

from host.input_output import ScriptedReader
from host.scene import start_scene


class ModuleParent:
    """The object that a module class describes itself in (qSlicerScriptedLoadableModule)."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.title = ""
        self.icon = None
        self.hidden = False
        self.index = -1
        self.categories = []
        self.dependencies = []
        self.contributors = []
        self.helpText = ""
        self.acknowledgementText = ""
        self.associatedNodeTypes = []
        self.extensions = []
        self.widgetRepresentationCreationEnabled = True


class ScriptedModule:
    """``slicer.modules.<name>`` of a scripted module."""

    def __init__(self, name: str, path: str, instance) -> None:
        self.name = name
        self.path = path
        self.instance = instance
        self._panel = None
        self._logic = slicer.vtkSlicerScriptedLoadableModuleLogic()

    @property
    def title(self) -> str:
        return self.instance.parent.title

    @property
    def python_module(self):
        """The module as it is now: reloading replaces it."""
        return sys.modules[self.name]

    def logic(self):
        """The empty C++ logic that Slicer gives every scripted module; the Python logic is a class of the module file."""
        return self._logic

    def createNewWidgetRepresentation(self):
        from host.qt_standins.module_panel import ModulePanel

        return ModulePanel(self)

    def widgetRepresentation(self):
        """The panel, made and set up when it is first asked for."""
        if self._panel is None:
            self._panel = self.createNewWidgetRepresentation()
            setattr(slicer.modules, self.name + "Widget", self._panel.self())
        return self._panel


def load_module(path, name: str) -> ScriptedModule:
    """Load ``name.py`` of the folder ``path`` into the started host; a module that is loaded already is returned."""
    start_scene()
    loaded = getattr(slicer.modules, name.lower(), None)
    folder = os.path.abspath(os.fspath(path))
    file_name = os.path.join(folder, name + ".py")
    if loaded is not None:
        if os.path.realpath(loaded.path) != os.path.realpath(file_name):
            raise RuntimeError(f"Expected one module of the name {name}, received {file_name} beside {loaded.path}.")
        return loaded
    if not os.path.isfile(file_name):
        raise RuntimeError(f"Expected the module file {file_name}, found none.")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    python_module = importlib.import_module(name)
    instance = getattr(python_module, name)(ModuleParent(file_name))
    if hasattr(python_module, name + "FileReader"):
        slicer.app.coreIOManager().registerIO(ScriptedReader(getattr(python_module, name + "FileReader")))
    module = ScriptedModule(name, file_name, instance)
    setattr(slicer.modules, name.lower(), module)
    setattr(slicer.modules, name + "Instance", instance)
    setattr(slicer.moduleNames, name, name)
    return module


def unload_module(name: str) -> None:
    """Close a module as the end of the application does: its panel is told, then let go."""
    module = getattr(slicer.modules, name.lower())
    slicer.app.moduleManager().emit("moduleAboutToBeUnloaded", name)
    for attribute in (name.lower(), name + "Instance", name + "Widget"):
        if hasattr(slicer.modules, attribute):
            delattr(slicer.modules, attribute)
    delattr(slicer.moduleNames, name)
    slicer.selfTests.pop(name, None)
    sys.modules.pop(name, None)
    folder = os.path.dirname(module.path)
    if folder in sys.path:
        sys.path.remove(folder)


def observer_count(node) -> int:
    """1 when anything observes the modification of a node, else 0. The wrapper of SLICER_SRC observes for itself while it lives."""
    return int(node.HasObserver(vtk.vtkCommand.ModifiedEvent))
