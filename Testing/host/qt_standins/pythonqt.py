"""The module ``qt``: PySide6 with the manners of PythonQt.

- Qt properties are attributes (``label.text = "a"``); the setters stay callable.
- ``widget.connect("clicked(bool)", function)`` and ``disconnect`` take the signal as text.
- ``widget.name`` is the object name; ``className()``, ``delete()`` and ``exec_()`` exist.
- ``qt.QUiLoader`` makes the CTK and qMRML stand-ins.
"""

import inspect
import types

import shiboken6
from PySide6 import QtCore, QtGui, QtWidgets

# PySide6 classes that are used as they are: singletons and classes that PySide6 does not let be extended twice.
UNCHANGED = {"QObject", "QCoreApplication", "QGuiApplication", "QApplication", "QMetaObject"}

_native_object_name = QtCore.QObject.objectName
_native_set_object_name = QtCore.QObject.setObjectName
_native_find_children = QtCore.QObject.findChildren


def _native_classes() -> dict[str, type]:
    classes = {}
    for module in (QtCore, QtGui, QtWidgets):
        for name in dir(module):
            if name.startswith("Q"):
                classes.setdefault(name, getattr(module, name))
    return classes


# --- properties as attributes


def _property_attribute(widget_class, name: str) -> property:
    setter = getattr(widget_class, "set" + name[0].upper() + name[1:], None)

    def read(self):
        return QtCore.QObject.property(self, name)

    def write(self, value) -> None:
        if setter is not None:
            try:
                setter(self, value)
            except TypeError:
                pass
            else:
                return
        QtCore.QObject.setProperty(self, name, value)

    return property(read, write)


def _make_properties_attributes(native_classes) -> None:
    """Patched on PySide6's own classes, so that objects made inside Qt behave the same."""
    done = set()
    for native in native_classes:
        for widget_class in reversed(native.__mro__):
            is_qobject = isinstance(widget_class, type) and issubclass(widget_class, QtCore.QObject)
            if not is_qobject or widget_class in done or not hasattr(widget_class, "staticMetaObject"):
                continue
            done.add(widget_class)
            meta_object = widget_class.staticMetaObject
            for index in range(meta_object.propertyOffset(), meta_object.propertyCount()):
                name = meta_object.property(index).name()
                if not isinstance(getattr(widget_class, name, None), property):
                    setattr(widget_class, name, _property_attribute(widget_class, name))
    QtCore.QObject.name = property(_native_object_name, _native_set_object_name)
    QtCore.QObject.className = lambda self: type(self).__name__
    QtCore.QObject.delete = lambda self: shiboken6.delete(self)


# --- signals named by text


def parse_signal(text: str) -> tuple[str, int]:
    """(name, number of arguments) of ``"valueChanged(double)"``."""
    name, _, rest = text.partition("(")
    arguments = [argument for argument in rest.rstrip(")").split(",") if argument.strip()]
    return name.strip(), len(arguments)


def _accepted_count(function, offered: int) -> int:
    """How many of the offered arguments a function takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return offered
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return offered
    positional = [
        parameter for parameter in parameters if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return min(offered, len(positional))


# PySide6 sends as many arguments as the function has parameters, so each count needs a function of its own.
_CALLERS = (
    lambda function: lambda: function(),
    lambda function: lambda first: function(first),
    lambda function: lambda first, second: function(first, second),
    lambda function: lambda first, second, third: function(first, second, third),
    lambda function: lambda first, second, third, fourth: function(first, second, third, fourth),
)


def connect_by_text(sender, signal: str, *target) -> bool:
    """Connect ``signal`` to a function, or to the slot ``target[1]`` of the object ``target[0]``."""
    name, offered = parse_signal(signal)
    function = target[0] if len(target) == 1 else getattr(target[0], parse_signal(target[1])[0])
    call = _CALLERS[_accepted_count(function, offered)](function)
    sender.__dict__.setdefault("_text_connections", []).append((name, function, call))
    getattr(sender, name).connect(call)
    return True


def disconnect_by_text(sender, signal: str | None = None, *target) -> bool:
    """Undo ``connect_by_text``; without a function all functions of the signal, without a signal all signals."""
    name = parse_signal(signal)[0] if signal else None
    connections = sender.__dict__.setdefault("_text_connections", [])
    found = [
        connection for connection in connections if name in (None, connection[0]) and (not target or connection[1] == target[-1])
    ]
    for connection in found:
        getattr(sender, connection[0]).disconnect(connection[2])
        connections.remove(connection)
    return bool(found)


class PythonQtMixin:
    """Text connections and look-up of children for every class of the module ``qt``."""

    def __init_subclass__(cls, **keywords) -> None:
        super().__init_subclass__(**keywords)
        # PySide6 looks for connect and disconnect in the class itself only, not along its bases.
        for name in ("connect", "disconnect"):
            if name not in cls.__dict__:
                setattr(cls, name, getattr(PythonQtMixin, name))

    def connect(self, signal, *target) -> bool:
        return connect_by_text(self, signal, *target)

    def disconnect(self, signal=None, *target) -> bool:
        return disconnect_by_text(self, signal, *target)

    def findChildren(self, kind=None, name=None) -> list:
        kind = kind or QtCore.QObject
        children = [child for child in _native_find_children(self, _native_of(kind)) if isinstance(child, kind)]
        return [child for child in children if name is None or child.name == name]

    def findChild(self, kind=None, name=None):
        return next(iter(self.findChildren(kind, name)), None)


def _native_of(kind) -> type:
    return next(base for base in kind.__mro__ if base.__module__.startswith("PySide6"))


class _QtType(type(QtCore.QObject)):
    """A widget made inside Qt counts as an instance of the class of the module ``qt``."""

    def __instancecheck__(cls, instance) -> bool:
        native = cls.__dict__.get("_native")
        return type.__instancecheck__(cls, instance) or (native is not None and isinstance(instance, native))

    def __subclasscheck__(cls, subclass) -> bool:
        native = cls.__dict__.get("_native")
        return type.__subclasscheck__(cls, subclass) or (native is not None and issubclass(subclass, native))


def build_module() -> types.ModuleType:
    """The module ``qt``."""
    module = types.ModuleType("qt", __doc__)
    natives = _native_classes()
    qobjects = {name: cls for name, cls in natives.items() if isinstance(cls, type) and issubclass(cls, QtCore.QObject)}
    _make_properties_attributes(qobjects.values())
    for name, native in natives.items():
        value = native
        if name in qobjects and name not in UNCHANGED:
            try:
                value = _QtType(name, (PythonQtMixin, native), {"_native": native, "__module__": "qt"})
            except TypeError:
                value = native
        setattr(module, name, value)
    for name in ("Qt", "Signal", "Slot", "Property"):
        setattr(module, name, getattr(QtCore, name))
    for name in ("QDialog", "QMessageBox", "QProgressDialog", "QFileDialog", "QMenu", "QInputDialog"):
        widget_class = getattr(module, name)
        widget_class.exec_ = widget_class.exec

    from host.qt_standins.ui_loader import UiLoader

    module.QUiLoader = UiLoader
    return module
