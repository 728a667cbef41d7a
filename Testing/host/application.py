"""The off-screen Qt application: event loop, settings and the widgets of panels."""

from host.scene import Host, start_scene


def start_application() -> Host:
    """Start the scene and a Qt application without a display; ``slicer.app`` becomes the Qt application."""
    host = start_scene()
    from host.qt_standins import install_widgets

    install_widgets()
    from host.qt_standins.qt_application import make_application

    host.application = make_application(host)
    return host


def finish_startup() -> None:
    """Tell the modules that the application has started: they register their sample data then."""
    application = start_scene().application
    signal = getattr(application, "startupCompleted", None)
    if signal is None:
        application.emit("startupCompleted")
    else:
        signal.emit()
