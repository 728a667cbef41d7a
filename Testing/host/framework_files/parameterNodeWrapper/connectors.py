"""Between a widget and a parameter: which widget may show which type, and how it is read, written and listened to.

The pairs and the refusals are those of Slicer: a panel that connects here connects there.
"""

import enum
import typing

import slicer

from .annotations import (
    Choice,
    Decimals,
    Default,
    Maximum,
    Minimum,
    RangeBounds,
    SingleStep,
    WithinRange,
    find_annotation,
    split_annotations,
    unannotated,
)
from .packs import FloatRange, isParameterPack, nestedParameterNames
from .serializers import PATH_TYPES

PACK_PROPERTY = "SlicerPackParameterName"
LARGEST_INTEGER = 2**31 - 1


class Connector:
    """Reads and writes one widget; ``signal`` is None for a widget that the user cannot change."""

    def __init__(self, signal, read, write) -> None:
        self._signal = signal
        self._callback = None
        self.read = read
        self.write = write

    def connect(self, callback) -> None:
        self._callback = callback
        if self._signal is not None:
            self._signal.connect(self._changed)

    def disconnect(self) -> None:
        self._callback = None
        if self._signal is not None:
            self._signal.disconnect(self._changed)

    def _changed(self, *ignored) -> None:
        if self._callback is not None:
            self._callback()


class PackConnector:
    """The widgets of all fields of a parameter pack, found by their property SlicerPackParameterName."""

    def __init__(self, pack_class, widgets: dict) -> None:
        self._pack_class = pack_class
        names = nestedParameterNames(pack_class)
        self._connectors = {name: connector_for(widgets[name], pack_class.dataType(name)) for name in names}

    def connect(self, callback) -> None:
        for connector in self._connectors.values():
            connector.connect(callback)

    def disconnect(self) -> None:
        for connector in self._connectors.values():
            connector.disconnect()

    def read(self):
        pack = self._pack_class()
        for name, connector in self._connectors.items():
            pack.setValue(name, connector.read())
        return pack

    def write(self, value) -> None:
        for name, connector in self._connectors.items():
            connector.write(value.getValue(name))


def pack_widgets(widget) -> dict:
    """Dotted field name -> widget, for the children of a widget that shows a parameter pack."""
    import qt

    found = {}
    for child in widget.findChildren(qt.QWidget):
        names = []
        ancestor = child
        while ancestor is not None and ancestor is not widget:
            name = ancestor.property(PACK_PROPERTY)
            if name:
                names.insert(0, name)
            ancestor = ancestor.parent()
        if child.property(PACK_PROPERTY):
            found[".".join(names)] = child
    return found


def connector_for(widget, datatype):
    """Connector of a widget to a type that may be annotated. RuntimeError when Slicer would not connect them."""
    bare, annotations = split_annotations(datatype)
    name = type(widget).__name__
    maker = _maker_for(name, bare)
    if maker is not None:
        return maker(widget, bare, annotations)
    if isParameterPack(bare):
        widgets = pack_widgets(widget)
        if set(nestedParameterNames(bare)) <= set(widgets):
            return PackConnector(bare, widgets)
    raise RuntimeError(f"Expected a widget that can show {datatype}, received {name} {widget.objectName!r}.")


def _maker_for(widget_name: str, bare):
    for names, accepts, maker in _MAKERS:
        if widget_name in names and accepts(bare):
            return maker
    return None


def _of_property(widget, name: str, signal) -> Connector:
    return Connector(signal, lambda: getattr(widget, name), lambda value: setattr(widget, name, value))


def _check_box(widget, bare, annotations) -> Connector:
    return _of_property(widget, "checked", widget.toggled)


def _push_button(widget, bare, annotations) -> Connector:
    widget.checkable = True
    return _of_property(widget, "checked", widget.toggled)


def _limits(annotations) -> tuple:
    """(minimum, maximum) of the annotations, None where there is no limit."""
    within = find_annotation(annotations, WithinRange)
    if within is not None:
        return within.minimum, within.maximum
    minimum = find_annotation(annotations, Minimum)
    maximum = find_annotation(annotations, Maximum)
    return (None if minimum is None else minimum.minimum), (None if maximum is None else maximum.maximum)


def _refuse_unbounded(widget, limits) -> None:
    if None in limits:
        raise RuntimeError(f"Expected a range for the slider {widget.objectName!r}, received none: annotate with WithinRange.")


def _set_step(widget, annotations) -> None:
    step = find_annotation(annotations, SingleStep)
    if step is not None:
        widget.singleStep = step.value


def _integer_widget(widget, bare, annotations) -> Connector:
    limits = _limits(annotations)
    if type(widget).__name__ == "QSlider":
        _refuse_unbounded(widget, limits)
    _set_step(widget, annotations)
    widget.setMinimum(-LARGEST_INTEGER - 1 if limits[0] is None else limits[0])
    widget.setMaximum(LARGEST_INTEGER if limits[1] is None else limits[1])
    return _of_property(widget, "value", widget.valueChanged)


def _number_widget(widget, bare, annotations) -> Connector:
    limits = _limits(annotations)
    if type(widget).__name__ in ("ctkSliderWidget", "qMRMLSliderWidget"):
        _refuse_unbounded(widget, limits)
    decimals = Decimals(0) if bare is int else find_annotation(annotations, Decimals)
    if decimals is not None and type(widget).__name__ != "ctkDoubleSlider":
        widget.decimals = decimals.value
    _set_step(widget, annotations)
    widget.minimum = float("-inf") if limits[0] is None else limits[0]
    widget.maximum = float("inf") if limits[1] is None else limits[1]
    return Connector(widget.valueChanged, lambda: bare(widget.value), lambda value: setattr(widget, "value", bare(value)))


def _combo_box(widget, values: list, labels: list[str], select_first_value) -> Connector:
    def write(value) -> None:
        if value not in values:
            raise ValueError(f"Expected one of {values}, received {value!r}.")
        widget.currentIndex = values.index(value)

    selected = widget.currentIndex
    widget.clear()
    for label in labels:
        widget.addItem(label)
    if 0 <= selected < len(values) and not select_first_value:
        widget.currentIndex = selected
    return Connector(widget.currentIndexChanged, lambda: values[widget.currentIndex], write)


def _choice_box(widget, bare, annotations) -> Connector:
    choice = find_annotation(annotations, Choice)
    if choice is None:
        raise RuntimeError(f"Expected the annotation Choice for the combo box {widget.objectName!r}, received none.")
    values = list(choice.choices)
    return _combo_box(widget, values, [str(value) for value in values], select_first_value=True)


def _enum_box(widget, bare, annotations) -> Connector:
    label = getattr(bare, "label", lambda value: value.name)
    return _combo_box(widget, list(bare), [label(value) for value in bare], select_first_value=False)


def _line_edit(widget, bare, annotations) -> Connector:
    def write(value: str) -> None:
        # Writing the same text again would move the cursor while the user types.
        if value != widget.text:
            widget.text = value

    return Connector(widget.textChanged, lambda: widget.text, write)


def _label(widget, bare, annotations) -> Connector:
    return _of_property(widget, "text", None)


def _text_edit(widget, bare, annotations) -> Connector:
    return Connector(widget.textChanged, widget.toPlainText, widget.setPlainText)


def _range_widget(widget, bare, annotations) -> Connector:
    bounds = find_annotation(annotations, RangeBounds)
    if bounds is None:
        raise RuntimeError(f"Expected the annotation RangeBounds for {widget.objectName!r}, received none.")
    if find_annotation(annotations, Default) is None and not bounds.minimum <= 0 <= bounds.maximum:
        raise RuntimeError(f"Expected a Default for {widget.objectName!r}, since its bounds do not hold 0.")
    _set_step(widget, annotations)
    widget.setRange(bounds.minimum, bounds.maximum)
    return Connector(
        widget.valuesChanged,
        lambda: bare(widget.minimumValue, widget.maximumValue),
        lambda value: widget.setValues(value.minimum, value.maximum),
    )


def _path_edit(widget, bare, annotations) -> Connector:
    return Connector(
        widget.currentPathChanged, lambda: bare(widget.currentPath), lambda value: setattr(widget, "currentPath", str(value))
    )


def _directory_button(widget, bare, annotations) -> Connector:
    return Connector(
        widget.directoryChanged, lambda: bare(widget.directory), lambda value: setattr(widget, "directory", str(value))
    )


def _node_selector(widget, bare, annotations) -> Connector:
    widget.nodeTypes = tuple(node_class().GetClassName() for node_class in _node_classes(bare))
    return Connector(widget.currentNodeChanged, widget.currentNode, widget.setCurrentNode)


def _node_classes(bare) -> list:
    """Node classes of a node type or of a union of node types and None; empty for any other type."""
    members = [unannotated(member) for member in typing.get_args(bare)] or [bare]
    nodes = [member for member in members if isinstance(member, type) and issubclass(member, slicer.vtkMRMLNode)]
    others = [member for member in members if member not in nodes and member is not type(None)]
    return [] if others else nodes


def _is(*types):
    return lambda bare: bare in types


_MAKERS = (
    (("QCheckBox", "ctkCheckBox"), _is(bool), _check_box),
    (("QPushButton", "ctkCheckablePushButton"), _is(bool), _push_button),
    (("QSlider", "QSpinBox"), _is(int), _integer_widget),
    (
        ("QDoubleSpinBox", "ctkSliderWidget", "qMRMLSliderWidget", "ctkDoubleSlider", "ctkDoubleSpinBox", "qMRMLSpinBox"),
        _is(int, float),
        _number_widget,
    ),
    (("QComboBox", "ctkComboBox"), _is(int, float, str, bool), _choice_box),
    (("QComboBox", "ctkComboBox"), lambda bare: isinstance(bare, type) and issubclass(bare, enum.Enum), _enum_box),
    (("QLineEdit",), _is(str), _line_edit),
    (("QLabel",), _is(str), _label),
    (("QTextEdit",), _is(str), _text_edit),
    (("ctkRangeWidget", "ctkDoubleRangeSlider", "qMRMLRangeWidget"), _is(FloatRange), _range_widget),
    (("ctkPathLineEdit",), _is(*PATH_TYPES), _path_edit),
    (("ctkDirectoryButton",), _is(*PATH_TYPES), _directory_button),
    (("qMRMLNodeComboBox",), lambda bare: bool(_node_classes(bare)), _node_selector),
)
