"""The wrapper itself: a class of annotated fields becomes a typed view of one parameter node."""

import typing

import slicer
import vtk

from .annotations import unannotated
from .connectors import connector_for, pack_widgets
from .serializers import default_of, serializer_for

PARAMETER_PROPERTY = "SlicerParameterName"


class _Parameter:
    """One typed field, as a property that reads from and writes to the node of the wrapper."""

    def __init__(self, name: str, datatype, serializer, default) -> None:
        self.name = name
        self.basename = name
        self.unalteredType = datatype
        self.serializer = serializer
        self.default = default

    def __get__(self, wrapper, owner=None):
        if wrapper is None:
            return self
        return self.serializer.read(wrapper.parameterNode, wrapper._prefix + self.name)

    def __set__(self, wrapper, value) -> None:
        self.serializer.write(wrapper.parameterNode, wrapper._prefix + self.name, value)

    def write_default_if_missing(self, wrapper) -> None:
        if not self.serializer.is_in(wrapper.parameterNode, wrapper._prefix + self.name):
            self.__set__(wrapper, self.default.value)


class _WrapperMethods:
    """Methods that every wrapped class gets."""

    _is_parameter_node_wrapper = True

    def __init__(self, parameterNode, prefix: str | None = None) -> None:
        self.parameterNode = parameterNode
        self._prefix = prefix or ""
        self._connected = {}
        self._next_tag = 0
        self._updating_gui = False
        with slicer.util.NodeModify(parameterNode):
            for parameter in self.allParameters.values():
                parameter.write_default_if_missing(self)

    @classmethod
    def dataType(cls, name: str):
        top, _, rest = name.partition(".")
        datatype = cls._parameter(top).unalteredType
        return unannotated(datatype).dataType(rest) if rest else datatype

    @classmethod
    def _parameter(cls, name: str) -> _Parameter:
        if name not in cls.allParameters:
            raise ValueError(f"Expected one of the parameters {', '.join(cls.allParameters)}, received {name!r}.")
        return cls.allParameters[name]

    def default(self, name: str):
        return self._parameter(name).default

    def isCached(self, name: str) -> bool:
        self._parameter(name)
        return False

    def getValue(self, name: str):
        top, _, rest = name.partition(".")
        value = self._parameter(top).__get__(self)
        return value.getValue(rest) if rest else value

    def setValue(self, name: str, value) -> None:
        top, _, rest = name.partition(".")
        parameter = self._parameter(top)
        if rest:
            parameter.__get__(self).setValue(rest, value)
        else:
            parameter.__set__(self, value)

    def connectGui(self, gui) -> int:
        """Connect the widgets that carry the property SlicerParameterName; returns the tag for ``disconnectGui``."""
        if callable(getattr(gui, "isWidgetType", None)):
            import qt

            widgets = gui.findChildren(qt.QWidget)
        else:
            widgets = list(vars(gui).values())
        named = [(widget.property(PARAMETER_PROPERTY), widget) for widget in widgets]
        return self.connectParametersToGui({name: widget for name, widget in named if name})

    def connectParametersToGui(self, mapping: dict) -> int:
        connectors = {name: connector_for(widget, self.dataType(name)) for name, widget in mapping.items()}
        tag = self._next_tag
        self._next_tag += 1
        for name, connector in connectors.items():
            connector.write(self.getValue(name))
            connector.connect(self._gui_to_parameter(name, connector))
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._update_gui())
        self._connected[tag] = (connectors, observer)
        return tag

    def disconnectGui(self, tag) -> None:
        connectors, observer = self._connected.pop(tag, ({}, None))
        for connector in connectors.values():
            connector.disconnect()
        if observer is not None:
            self.RemoveObserver(observer)

    def _gui_to_parameter(self, name: str, connector):
        def changed() -> None:
            if not self._updating_gui:
                with slicer.util.NodeModify(self):
                    self.setValue(name, connector.read())

        return changed

    def _update_gui(self) -> None:
        if self._updating_gui:
            return
        self._updating_gui = True
        try:
            with slicer.util.NodeModify(self):
                for connectors, _ in list(self._connected.values()):
                    for name, connector in connectors.items():
                        connector.write(self.getValue(name))
        finally:
            self._updating_gui = False

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, wasModifying):
        return self.parameterNode.EndModify(wasModifying)

    def AddObserver(self, event, callback, priority: float = 0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag) -> None:
        self.parameterNode.RemoveObserver(tag)

    def Modified(self) -> None:
        self.parameterNode.Modified()


def parameterNodeWrapper(classtype=None):
    """Class decorator that makes a parameter node wrapper of the annotated fields of a class."""
    return _make_wrapper if classtype is None else _make_wrapper(classtype)


def _make_wrapper(classtype):
    parameters = {}
    for name, datatype in typing.get_type_hints(classtype, include_extras=True).items():
        if hasattr(_WrapperMethods, name):
            raise ValueError(f"Expected a name that the wrapper does not use itself, received {name!r}.")
        serializer = serializer_for(datatype)
        parameters[name] = _Parameter(name, datatype, serializer, default_of(classtype, name, datatype, serializer))
    for name, parameter in parameters.items():
        setattr(classtype, name, parameter)
    classtype.allParameters = parameters
    # Methods are copied: the class keeps its own bases and identity, as it does in Slicer.
    for name, member in vars(_WrapperMethods).items():
        if name in (
            "__module__",
            "__dict__",
            "__weakref__",
            "__doc__",
            "__qualname__",
            "__firstlineno__",
            "__static_attributes__",
        ):
            continue
        setattr(classtype, name, member)
    return classtype


def isParameterNodeWrapper(value) -> bool:
    return getattr(value, "_is_parameter_node_wrapper", False)


def findChildWidgetForParameter(widget, parameter: str):
    """The widget that is connected to a parameter, or to a field of a parameter pack; None without."""
    import qt

    for child in widget.findChildren(qt.QWidget):
        if child.property(PARAMETER_PROPERTY) == parameter:
            return child
    top, _, rest = parameter.partition(".")
    if not rest:
        return None
    owner = findChildWidgetForParameter(widget, top)
    return None if owner is None else pack_widgets(owner).get(rest)
