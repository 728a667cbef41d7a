"""``slicer.app`` as a Qt application."""

import qt
import slicer
from PySide6 import QtCore, QtWidgets

from host.qt_standins.pythonqt import PythonQtMixin
from host.services import ApplicationServices, ModuleManager

_application = None


class QtModuleManager(PythonQtMixin, QtCore.QObject):
    """Module manager with Qt signals; what it knows of modules is that of the plain one."""

    moduleAboutToBeUnloaded = QtCore.Signal(str)
    moduleLoaded = QtCore.Signal(str)

    module = ModuleManager.module
    modulesNames = ModuleManager.modulesNames
    loadedModuleNames = ModuleManager.loadedModuleNames
    isLoaded = ModuleManager.isLoaded
    factoryManager = ModuleManager.factoryManager

    def emit(self, signal: str, *arguments) -> None:
        getattr(self, signal).emit(*arguments)


class qSlicerApplication(PythonQtMixin, ApplicationServices, QtWidgets.QApplication):
    startupCompleted = QtCore.Signal()
    applicationName = ApplicationServices.applicationName

    def __init__(self) -> None:
        super().__init__(["slicer-test-host"])
        self.setStyle("Fusion")

    def use(self, host) -> None:
        services = host.application
        self.start_services(
            host.scene,
            host.application_logic,
            services.home,
            QtModuleManager(),
            services.coreIOManager(),
            services.layoutManager(),
        )
        QtCore.QSettings.setDefaultFormat(QtCore.QSettings.IniFormat)
        QtCore.QSettings.setPath(QtCore.QSettings.IniFormat, QtCore.QSettings.UserScope, str(services.home))
        self.setOrganizationName("slicer-test-host")
        self._settings = QtCore.QSettings(self.slicerUserSettingsFilePath, QtCore.QSettings.IniFormat)

    def translate(self, context: str, text: str, *ignored) -> str:
        return text

    def settings(self):
        return self._settings

    def userSettings(self):
        return self._settings

    def revisionUserSettings(self):
        return self._settings

    def mainApplicationDisplayName(self) -> str:
        return self.applicationName

    def launchDesigner(self, *arguments) -> None:
        raise RuntimeError("The test host has no Qt Designer.")


def make_application(host) -> qSlicerApplication:
    """The one Qt application of this process, put in the place of the scene-only one."""
    global _application
    if _application is None:
        if qt.QApplication.instance() is not None:
            raise RuntimeError("Expected no Qt application before the host, found one; start the host first.")
        _application = qSlicerApplication()
        _application.use(host)
        slicer.app = _application
    return _application
