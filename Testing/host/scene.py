"""Start-up of the real MRML scene: application logic, module logics and what reading a scene bundle needs.

The order matters. The color logic comes first, since every display node asks it for a color table. The share directory is
relative to the home directory. A scene bundle is read through the data and remote input/output logics, which the scene does
not own: they are kept here.
"""

import atexit
import shutil
import sys
import tempfile
import types
from dataclasses import dataclass, field
from pathlib import Path

import slicer
import vtk

from host import framework
from host.input_output import CoreIOManager
from host.services import LayoutManager, ModuleManager, SceneApplication
from host.shared_files import prepare_share

MODULE_LOGICS = {
    "Units": "vtkSlicerUnitsLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Models": "vtkSlicerModelsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
    "SceneViews": "vtkSlicerSceneViewsModuleLogic",
    "Data": "vtkSlicerDataModuleLogic",
}


class LoadableModule:
    """Stand-in of a C++ module object: ``slicer.modules.volumes`` and the like. It has a logic and no panel."""

    def __init__(self, name: str, logic) -> None:
        self.name = name
        self.title = name
        self.path = ""
        self._logic = logic

    def logic(self):
        return self._logic

    def widgetRepresentation(self):
        return None

    def createNewWidgetRepresentation(self):
        return None


@dataclass
class Host:
    """What was started: one per process."""

    scene: object
    application_logic: object
    logics: dict = field(default_factory=dict)
    application: object = None


_host: Host | None = None


def current_host() -> Host | None:
    """The host of this process, None before ``start_scene``."""
    return _host


def start_scene() -> Host:
    """Start the MRML scene without Qt and set ``slicer.mrmlScene``, ``slicer.app`` and ``slicer.modules``."""
    global _host
    if _host is not None:
        return _host
    _send_vtk_messages_to_stderr()
    slicer.modules = _new_namespace("slicer.modules")
    slicer.moduleNames = _new_namespace("slicer.moduleNames")
    scene = slicer.vtkMRMLScene()
    slicer.mrmlScene = scene
    _alias_compiled_modules()

    home = Path(tempfile.mkdtemp(prefix="slicer-test-host-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    prepare_share(home, framework.slicer_sources())
    application_logic = _application_logic(scene, home)
    host = Host(scene, application_logic)
    host.application = SceneApplication(scene, application_logic, home, ModuleManager(), CoreIOManager(), LayoutManager(scene))
    slicer.app = host.application
    _start_logics(host, home)
    host.application.layoutManager().start(application_logic)
    framework.install()
    _host = host
    return host


def _new_namespace(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    sys.modules[name] = module
    return module


def _send_vtk_messages_to_stderr() -> None:
    window = vtk.vtkOutputWindow()
    window.SetDisplayModeToAlwaysStdErr()
    vtk.vtkOutputWindow.SetInstance(window)


def _alias_compiled_modules() -> None:
    """Slicer names its compiled modules ``vtkSegmentationCorePython``; slicer-core keeps them inside its package."""
    for name in [name for name in sys.modules if name.startswith("slicer_core.")]:
        short = name.split(".")[1]
        sys.modules.setdefault(short + "Python", sys.modules[name])
        if short in ("vtkITK", "vtkTeem", "vtkSegmentationCore"):
            sys.modules.setdefault(short, sys.modules[name])


def _folder_in(home: Path, name: str) -> str:
    (home / name).mkdir()
    return str(home / name)


def _application_logic(scene, home: Path):
    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetCrosshairName("default")
    scene.AddNode(crosshair)
    logic = slicer.vtkSlicerApplicationLogic()
    logic.SetMRMLScene(scene)
    logic.SetSliceLogics(vtk.vtkCollection())
    logic.SetViewLogics(vtk.vtkCollection())
    logic.SetTemporaryPath(_folder_in(home, "temporary"))
    logic.SetHomeDirectory(str(home))
    logic.SetShareDirectory("share")
    slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance().SetMRMLApplicationLogic(logic)
    slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance().SetMRMLApplicationLogic(logic)
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    return logic


def _start_logics(host: Host, home: Path) -> None:
    sources = framework.slicer_sources()
    share = {"Terminologies": home / "share" / "terminologies"}
    if sources is not None:
        share["Volumes"] = sources / "Modules/Loadable/Volumes/Resources"
    _start_logic(host, "Colors", slicer.vtkSlicerColorLogic())
    for name, class_name in MODULE_LOGICS.items():
        logic = getattr(slicer, class_name)()
        if name in share and hasattr(logic, "SetModuleShareDirectory"):
            logic.SetModuleShareDirectory(str(share[name]))
        _start_logic(host, name, logic)

    remote = slicer.vtkMRMLRemoteIOLogic()
    remote.SetMRMLScene(host.scene)
    remote.SetMRMLApplicationLogic(host.application_logic)
    remote.GetCacheManager().SetRemoteCacheDirectory(_folder_in(home, "cache"))
    data = slicer.vtkDataIOManagerLogic()
    data.SetMRMLScene(host.scene)
    data.SetMRMLApplicationLogic(host.application_logic)
    data.SetAndObserveDataIOManager(remote.GetDataIOManager())
    remote.AddDataIOToScene()
    host.logics.update({"RemoteIO": remote, "DataIOManager": data})


def _start_logic(host: Host, name: str, logic) -> None:
    logic.SetMRMLApplicationLogic(host.application_logic)
    logic.SetMRMLScene(host.scene)
    host.application_logic.SetModuleLogic(name, logic)
    host.logics[name] = logic
    setattr(slicer.modules, name.lower(), LoadableModule(name, logic))
    setattr(slicer.moduleNames, name, name)
