"""Stand-in of Slicer's base classes of scripted modules: module, widget, logic and test.

Qt is imported when a widget is made, not before: the module and its logic run on the scene alone.
"""

import importlib
import logging
import sys
import unittest
from pathlib import Path

import slicer

__all__ = ["ScriptedLoadableModule", "ScriptedLoadableModuleLogic", "ScriptedLoadableModuleTest", "ScriptedLoadableModuleWidget"]

PARAMETER_NODE_CLASS = "vtkMRMLScriptedModuleNode"


def _resource_path(module_file: str, file_name: str) -> str:
    return str(Path(module_file).parent / "Resources" / file_name)


def _name_without(ending: str, instance) -> str:
    return type(instance).__name__.removesuffix(ending)


class ScriptedLoadableModule:
    """Description of a module: title, category, help. ``parent`` is the application's object of the module."""

    def __init__(self, parent) -> None:
        super().__init__()
        self.parent = parent
        self.moduleName = type(self).__name__
        parent.title = ""
        parent.categories = []
        parent.dependencies = []
        parent.contributors = []
        parent.helpText = ""
        parent.acknowledgementText = ""
        self._set_icon()
        if not hasattr(slicer, "selfTests"):
            slicer.selfTests = {}
        slicer.selfTests[self.moduleName] = self.runTest

    def _set_icon(self) -> None:
        if "qt" not in sys.modules:
            return
        import qt

        if qt.QApplication.instance() is None:
            return
        for ending in (".svg", ".png"):
            icon = self.resourcePath(f"Icons/{self.moduleName}{ending}")
            if Path(icon).is_file():
                self.parent.icon = qt.QIcon(icon)
                return

    def resourcePath(self, filename: str) -> str:
        return _resource_path(self.parent.path, filename)

    def getDefaultModuleDocumentationLink(self, docPage=None) -> str:
        address = slicer.app.documentationBaseUrl + docPage if docPage else slicer.app.moduleDocumentationUrl(self.moduleName)
        return f'<p>For more information, see the <a href="{address}">online documentation</a>.</p>'

    def runTest(self, msec: int = 100, **arguments) -> None:
        """Run the class ``<ModuleName>Test`` of the module's file; ``msec`` is the display time of its messages."""
        python_module = importlib.import_module(self.__module__)
        test_class = getattr(python_module, self.moduleName + "Test", None)
        if test_class is None:
            raise AssertionError(f"Expected a class {self.moduleName}Test in {self.__module__}, found none.")
        test = test_class()
        test.messageDelay = msec
        test.runTest(**arguments)


class ScriptedLoadableModuleWidget:
    """The panel of a module. Made with a parent widget that has a layout; without one it makes its own and sets itself up."""

    def __init__(self, parent=None) -> None:
        super().__init__()
        import qt

        self.moduleName = _name_without("Widget", self)
        self.developerMode = slicer.util.settingsValue("Developer/DeveloperMode", False, converter=slicer.util.toBool)
        self.parent = parent
        if parent is None:
            self.parent = slicer.qMRMLWidget()
            self.parent.setLayout(qt.QVBoxLayout())
            self.parent.setMRMLScene(slicer.mrmlScene)
        self.layout = self.parent.layout()
        if parent is None:
            self.setup()
            self.parent.show()
        slicer.app.moduleManager().connect("moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded)

    def resourcePath(self, filename: str) -> str:
        return _resource_path(slicer.util.modulePath(self.moduleName), filename)

    def setup(self) -> None:
        """Extended by the module: load the panel and connect it."""

    def cleanup(self) -> None:
        """Extended by the module: let go of observers."""

    def _onModuleAboutToBeUnloaded(self, moduleName: str) -> None:
        if moduleName != self.moduleName:
            return
        self.cleanup()
        slicer.app.moduleManager().disconnect("moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded)

    def onReload(self) -> None:
        slicer.util.reloadScriptedModule(self.moduleName)

    def onTest(self, **arguments) -> None:
        with slicer.util.tryWithErrorDisplay("Test failed."):
            slicer.selfTests[self.moduleName](msec=1, **arguments)

    def onReloadAndTest(self, **arguments) -> None:
        self.onReload()
        self.onTest(**arguments)


class ScriptedLoadableModuleLogic:
    """What a module computes, without a panel; it owns the module's parameter nodes."""

    def __init__(self, parent=None) -> None:
        super().__init__()
        self.moduleName = _name_without("Logic", self)
        self.isSingletonParameterNode = True

    def getParameterNode(self):
        """The parameter node of the scene, made when there is none."""
        if self.isSingletonParameterNode:
            node = slicer.mrmlScene.GetSingletonNode(self.moduleName, PARAMETER_NODE_CLASS)
            if node is not None:
                node.SetAttribute("ModuleName", self.moduleName)
                return node
        else:
            nodes = self.getAllParameterNodes()
            if nodes:
                return nodes[0]
        return slicer.mrmlScene.AddNode(self.createParameterNode())

    def getAllParameterNodes(self) -> list:
        nodes = slicer.util.getNodesByClass(PARAMETER_NODE_CLASS)
        return [node for node in nodes if node.GetAttribute("ModuleName") == self.moduleName]

    def createParameterNode(self):
        """A new parameter node, not yet in the scene."""
        node = slicer.mrmlScene.CreateNodeByClass(PARAMETER_NODE_CLASS)
        node.UnRegister(None)
        if self.isSingletonParameterNode:
            node.SetSingletonTag(self.moduleName)
        node.SetAttribute("ModuleName", self.moduleName)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    """The self test of a module: every method whose name starts with ``test`` is run by ``runTest``."""

    def __init__(self, *arguments, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        self.messageDelay = 50
        self.enableScreenshots = False
        self.screenshotScaleFactor = 1.0
        self.moduleTestNames = [name for name in dir(self) if name.startswith("test") and callable(getattr(self, name))]

    def delayDisplay(self, message: str, requestedDelay=None, msec=None) -> None:
        """Log a message and let the application draw itself."""
        logging.info(message)
        slicer.app.processEvents()

    def takeScreenshot(self, name: str, description: str = "", type: int = -1) -> None:
        """There is no main window to take a picture of."""

    def setUp(self) -> None:
        """Extended by the module: start from a known scene."""

    def tearDown(self) -> None:
        """Extended by the module."""

    def runTest(self) -> None:
        self.setUpClass()
        for name in self.moduleTestNames:
            self.setUp()
            logging.info("Running %s", name)
            getattr(self, name)()
            self.tearDown()
        self.tearDownClass()
