"""The host for tests: the real MRML scene of slicer-core with just enough application around it to run a scripted module.

Three levels, each started once per process and safe to call again:

- ``start_scene()``: scene, module logics, file reading and writing. No Qt is imported.
- ``start_application()``: the same with an off-screen Qt application and stand-ins of the PythonQt, CTK and qMRML widgets.
- ``load_module(path, name)``: loads a scripted module as the application's module factory does; ``finish_startup()`` then
  tells the modules that the application has started, ``unload_module(name)`` closes one.

``host.views`` draws slice, 3D and plot views to PNG through the real displayable managers. ``host.errors.collected_errors()``
collects what slots and observers raise: Qt and VTK only print it.

Slicer's own Python files (ScriptedLoadableModule, parameterNodeWrapper, ...) are not in the slicer-core package: the
project's small stand-ins in ``framework_files`` take their place. When the environment variable ``SLICER_SRC`` names an
exported tree of the Slicer sources, those files are used instead, unmodified.
"""

from host.application import finish_startup, start_application
from host.modules import load_module, unload_module
from host.scene import start_scene

__all__ = ["finish_startup", "load_module", "start_application", "start_scene", "unload_module"]
