"""The parts of the application that need no Qt: module manager, layout manager and ``slicer.app`` itself."""

import types
from pathlib import Path

import slicer
import vtk


class ModuleManager:
    """Stand-in of qSlicerModuleManager; also its own factory manager."""

    def __init__(self) -> None:
        self._connections = []

    def module(self, name: str):
        return getattr(slicer.modules, name.lower(), None)

    def modulesNames(self) -> list[str]:
        return [name for name in vars(slicer.moduleNames) if not name.startswith("_")]

    def loadedModuleNames(self) -> list[str]:
        return self.modulesNames()

    def isLoaded(self, name: str) -> bool:
        return name in self.modulesNames()

    def factoryManager(self):
        return self

    def connect(self, signal: str, function) -> bool:
        self._connections.append((signal.partition("(")[0], function))
        return True

    def disconnect(self, signal: str, function) -> bool:
        connection = (signal.partition("(")[0], function)
        if connection not in self._connections:
            return False
        self._connections.remove(connection)
        return True

    def emit(self, signal: str, *arguments) -> None:
        for name, function in list(self._connections):
            if name == signal:
                function(*arguments)


class SliceWidget:
    """What scripts ask of a slice widget: its node and its logic."""

    def __init__(self, logic) -> None:
        self._logic = logic

    def sliceLogic(self):
        return self._logic

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        return self._logic.GetSliceCompositeNode()

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToBackground()


class LayoutManager:
    """Stand-in of qSlicerLayoutManager: three slice views with their real logics, no windows."""

    SLICE_VIEWS = (("Red", "Axial"), ("Yellow", "Sagittal"), ("Green", "Coronal"))

    def __init__(self, scene) -> None:
        self._scene = scene
        self._slice_logics = vtk.vtkCollection()
        self._slice_widgets = {}
        self._layout_logic = slicer.vtkMRMLLayoutLogic()

    def start(self, application_logic) -> None:
        """Create the slice, 3D and layout nodes that a started application has."""
        application_logic.SetSliceLogics(self._slice_logics)
        self._layout_logic.SetMRMLScene(self._scene)
        self.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView)
        for name, orientation in self.SLICE_VIEWS:
            logic = slicer.vtkMRMLSliceLogic()
            logic.SetMRMLApplicationLogic(application_logic)
            self._slice_logics.AddItem(logic)
            logic.SetMRMLScene(self._scene)
            node = self._scene.GetSingletonNode(name, "vtkMRMLSliceNode")
            if node is None:
                node = logic.AddSliceNode(name)
            else:
                logic.SetSliceNode(node)
            node.SetOrientation(orientation)
            self._slice_widgets[name] = SliceWidget(logic)

    def layoutLogic(self):
        return self._layout_logic

    @property
    def layout(self) -> int:
        return self._layout_logic.GetLayoutNode().GetViewArrangement()

    @layout.setter
    def layout(self, arrangement: int) -> None:
        self.setLayout(arrangement)

    def setLayout(self, arrangement: int) -> None:
        self._layout_logic.GetLayoutNode().SetViewArrangement(arrangement)

    def sliceViewNames(self) -> tuple[str, ...]:
        return tuple(self._slice_widgets)

    def sliceWidget(self, name: str):
        return self._slice_widgets.get(name)

    def mrmlSliceLogics(self):
        return self._slice_logics

    def resetSliceViews(self) -> None:
        for widget in self._slice_widgets.values():
            widget.sliceLogic().FitSliceToAll()

    def resetThreeDViews(self) -> None:
        """No window is open, so there is no camera to move."""

    def threeDWidget(self, index):
        return None

    def plotWidget(self, index):
        return None

    def tableWidget(self, index):
        return None

    threeDViewCount = 0
    plotViewCount = 0
    tableViewCount = 0


class ApplicationServices:
    """What ``slicer.app`` answers with or without Qt."""

    applicationName = "Slicer"
    documentationBaseUrl = "https://slicer.readthedocs.io/en/latest/"
    majorVersion = 5
    minorVersion = 12
    applicationVersion = "5.12.0"
    testing = True

    def start_services(self, scene, application_logic, home: Path, module_manager, io_manager, layout_manager) -> None:
        self._scene = scene
        self._application_logic = application_logic
        self._module_manager = module_manager
        self._io_manager = io_manager
        self._layout_manager = layout_manager
        self.home = home
        self.slicerHome = str(home)
        self.temporaryPath = application_logic.GetTemporaryPath()
        self.slicerUserSettingsFilePath = str(home / "Slicer.ini")

    def mrmlScene(self):
        return self._scene

    def applicationLogic(self):
        return self._application_logic

    def moduleManager(self):
        return self._module_manager

    def coreIOManager(self):
        return self._io_manager

    def ioManager(self):
        return self._io_manager

    def layoutManager(self):
        return self._layout_manager

    def testingEnabled(self) -> bool:
        """True: message boxes are logged, not shown. Set ``slicer.app.testing`` to False to test their display."""
        return self.testing

    def commandOptions(self):
        return types.SimpleNamespace(noMainWindow=True, testingEnabled=True)

    def moduleDocumentationUrl(self, module_name: str) -> str:
        return f"{self.documentationBaseUrl}user_guide/modules/{module_name.lower()}.html"

    def translate(self, context: str, text: str, *ignored) -> str:
        return text

    def restart(self) -> None:
        raise RuntimeError("The test host cannot be restarted; start a new process.")

    def setRenderPaused(self, paused: bool) -> None:
        """No window draws itself: views are drawn when a picture is asked for."""

    def pauseRender(self) -> None:
        self.setRenderPaused(True)

    def resumeRender(self) -> None:
        self.setRenderPaused(False)


class SceneApplication(ApplicationServices):
    """``slicer.app`` without Qt: no events, no cursor, no windows."""

    def __init__(self, scene, application_logic, home: Path, module_manager, io_manager, layout_manager) -> None:
        self.start_services(scene, application_logic, home, module_manager, io_manager, layout_manager)
        self._connections = []

    def connect(self, signal: str, function) -> bool:
        self._connections.append((signal.partition("(")[0], function))
        return True

    def disconnect(self, signal: str, function) -> bool:
        connection = (signal.partition("(")[0], function)
        if connection not in self._connections:
            return False
        self._connections.remove(connection)
        return True

    def emit(self, signal: str, *arguments) -> None:
        for name, function in list(self._connections):
            if name == signal:
                function(*arguments)

    def processEvents(self, *ignored) -> None:
        """Nothing waits: there is no event loop."""

    def setOverrideCursor(self, *ignored) -> None:
        """There is no cursor."""

    def restoreOverrideCursor(self) -> None:
        """There is no cursor."""

    def topLevelWidgets(self) -> list:
        return []
