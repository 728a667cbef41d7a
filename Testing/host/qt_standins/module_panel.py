"""The widget that the application gives a scripted module for its panel."""

import qt
import slicer


class ModulePanel(qt.QWidget):
    """Stand-in of qSlicerScriptedLoadableModuleWidget: makes the module's widget class and passes enter and exit on."""

    def __init__(self, module) -> None:
        super().__init__()
        self.setLayout(qt.QVBoxLayout())
        self._module = module
        self.isEntered = False
        self._python_widget = self._make_python_widget()

    def _make_python_widget(self):
        widget = getattr(self._module.python_module, self._module.name + "Widget")(self)
        widget.setup()
        return widget

    def self(self):
        return self._python_widget

    def setMRMLScene(self, scene) -> None:
        """The panel reads the scene from ``slicer.mrmlScene``."""

    def mrmlScene(self):
        return slicer.mrmlScene

    def module(self):
        return self._module

    def enter(self) -> None:
        self.isEntered = True
        if hasattr(self._python_widget, "enter"):
            self._python_widget.enter()

    def exit(self) -> None:
        self.isEntered = False
        if hasattr(self._python_widget, "exit"):
            self._python_widget.exit()

    def reload(self) -> None:
        """What ``slicer.util.reloadScriptedModule`` ends with: a new widget of the reloaded class."""
        self._python_widget = self._make_python_widget()
        setattr(slicer.modules, self._module.name + "Widget", self._python_widget)


slicer.qSlicerScriptedLoadableModuleWidget = ModulePanel
