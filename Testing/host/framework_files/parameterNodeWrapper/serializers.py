"""How a value of each type is written into a parameter node and read from it, with Slicer's names and texts."""

import enum
import pathlib
import types
import typing

import slicer

from .annotations import Default, IsInstance, NotNone, Validator, split_annotations
from .containers import ObservedDict, ObservedList

PATH_TYPES = (
    pathlib.Path,
    pathlib.PosixPath,
    pathlib.WindowsPath,
    pathlib.PurePath,
    pathlib.PurePosixPath,
    pathlib.PureWindowsPath,
)


class Serializer:
    """One typed value in a node. ``validators`` are asked before every write."""

    def __init__(self, validators=()) -> None:
        self.validators = list(validators)

    def validate(self, value) -> None:
        for validator in self.validators:
            validator.validate(value)

    def write(self, node, name: str, value) -> None:
        self.validate(value)
        with slicer.util.NodeModify(node):
            self._write(node, name, value)

    def is_in(self, node, name: str) -> bool:
        return bool(node.HasParameter(name))

    def remove(self, node, name: str) -> None:
        node.UnsetParameter(name)

    def default(self):
        raise NotImplementedError

    def read(self, node, name: str):
        raise NotImplementedError

    def _write(self, node, name: str, value) -> None:
        raise NotImplementedError


class TextSerializer(Serializer):
    """A value that is one text in the node."""

    def __init__(self, value_type, default, to_text, from_text) -> None:
        super().__init__([NotNone(), IsInstance(value_type)])
        self._default = default
        self._to_text = to_text
        self._from_text = from_text

    def default(self):
        return self._default

    def _write(self, node, name, value) -> None:
        node.SetParameter(name, self._to_text(value))

    def read(self, node, name):
        return self._from_text(node.GetParameter(name))


class NodeSerializer(Serializer):
    """A node reference; an empty parameter of the same name tells "set to None" from "never set"."""

    def __init__(self, node_class) -> None:
        super().__init__([IsInstance(node_class)])

    def default(self):
        return None

    def _write(self, node, name, value) -> None:
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, None if value is None else value.GetID())

    def read(self, node, name):
        return node.GetNodeReference(name)

    def remove(self, node, name) -> None:
        node.UnsetParameter(name)
        node.RemoveNodeReferenceIDs(name)


class NoneSerializer(Serializer):
    """The value None as a member of a union."""

    def validate(self, value) -> None:
        if value is not None:
            raise TypeError(f"Expected None, received {value!r}.")

    def default(self):
        return None

    def _write(self, node, name, value) -> None:
        node.SetParameter(name, "True")

    def read(self, node, name):
        return None


class ListSerializer(Serializer):
    """Elements under ``name.0``, ``name.1``, ...; their number under ``name.len``."""

    def __init__(self, element: Serializer) -> None:
        super().__init__([NotNone()])
        self._element = element

    def default(self):
        return []

    def is_in(self, node, name) -> bool:
        return bool(node.HasParameter(f"{name}.len"))

    def validate(self, value) -> None:
        super().validate(value)
        for item in value:
            self._element.validate(item)

    def _length(self, node, name) -> int:
        return int(node.GetParameter(f"{name}.len")) if self.is_in(node, name) else 0

    def _write(self, node, name, value) -> None:
        # The old values may be what is written: take them before anything is removed.
        items = list(value)
        for index in range(len(items), self._length(node, name)):
            self._element.remove(node, f"{name}.{index}")
        for index, item in enumerate(items):
            self._element.write(node, f"{name}.{index}", item)
        node.SetParameter(f"{name}.len", str(len(items)))

    def _read_items(self, node, name) -> list:
        return [self._element.read(node, f"{name}.{index}") for index in range(self._length(node, name))]

    def read(self, node, name):
        items = self._read_items(node, name)
        return ObservedList(items, lambda changed: self.write(node, name, changed))

    def remove(self, node, name) -> None:
        for index in range(self._length(node, name)):
            self._element.remove(node, f"{name}.{index}")
        node.UnsetParameter(f"{name}.len")


class TupleSerializer(Serializer):
    """Elements under ``name.0``, ``name.1``, ..., each with its own type."""

    def __init__(self, elements: list[Serializer]) -> None:
        super().__init__([NotNone()])
        self._elements = elements

    def default(self):
        return tuple(element.default() for element in self._elements)

    def is_in(self, node, name) -> bool:
        return self._elements[0].is_in(node, f"{name}.0")

    def validate(self, value) -> None:
        super().validate(value)
        items = tuple(value)
        if len(items) != len(self._elements):
            raise ValueError(f"Expected {len(self._elements)} values, received {len(items)}.")
        for element, item in zip(self._elements, items, strict=True):
            element.validate(item)

    def _write(self, node, name, value) -> None:
        for index, (element, item) in enumerate(zip(self._elements, tuple(value), strict=True)):
            element.write(node, f"{name}.{index}", item)

    def read(self, node, name):
        return tuple(element.read(node, f"{name}.{index}") for index, element in enumerate(self._elements))

    def remove(self, node, name) -> None:
        for index, element in enumerate(self._elements):
            element.remove(node, f"{name}.{index}")


class DictSerializer(ListSerializer):
    """A list of (key, value) pairs, which keeps their order."""

    def __init__(self, key: Serializer, value: Serializer) -> None:
        super().__init__(TupleSerializer([key, value]))

    def default(self):
        return {}

    def validate(self, value) -> None:
        super().validate(None if value is None else list(value.items()))

    def _write(self, node, name, value) -> None:
        super()._write(node, name, list(value.items()))

    def read(self, node, name):
        items = dict(self._read_items(node, name))
        return ObservedDict(items, lambda changed: self.write(node, name, changed))


class UnionSerializer(Serializer):
    """The member that is used lies under ``name.<its index in the union>``."""

    def __init__(self, members: list[Serializer]) -> None:
        super().__init__()
        self._members = members

    def default(self):
        optional = len(self._members) == 2 and isinstance(self._members[1], NoneSerializer)
        return None if optional else self._members[0].default()

    def is_in(self, node, name) -> bool:
        return any(member.is_in(node, f"{name}.{index}") for index, member in enumerate(self._members))

    def _member_for(self, value) -> tuple[int, Serializer]:
        """None belongs to the None member, although a node reference would take it too."""
        refusal = None
        for index, member in enumerate(self._members):
            if value is None and not isinstance(member, NoneSerializer):
                continue
            try:
                member.validate(value)
            except (TypeError, ValueError, AttributeError) as error:
                refusal = error
            else:
                return index, member
        raise refusal or TypeError(f"Expected a value that fits one type of the union, received {value!r}.")

    def validate(self, value) -> None:
        super().validate(value)
        self._member_for(value)

    def _write(self, node, name, value) -> None:
        index, member = self._member_for(value)
        self.remove(node, name)
        member.write(node, f"{name}.{index}", value)

    def read(self, node, name):
        for index, member in enumerate(self._members):
            if member.is_in(node, f"{name}.{index}"):
                return member.read(node, f"{name}.{index}")
        raise KeyError(f"Expected a value of {name} in the parameter node, found none.")

    def remove(self, node, name) -> None:
        for index, member in enumerate(self._members):
            member.remove(node, f"{name}.{index}")


def _enum_serializer(enum_type) -> Serializer:
    members = list(enum_type)

    def from_text(text):
        if text not in enum_type.__members__:
            raise ValueError(f"Expected a name of {enum_type.__name__} in the parameter node, found {text!r}.")
        return enum_type[text]

    return TextSerializer(enum_type, members[0], lambda value: value.name, from_text)


def _serializer_of_bare_type(datatype) -> Serializer:
    origin = typing.get_origin(datatype)
    arguments = [serializer_for(argument) for argument in typing.get_args(datatype)] if origin is not None else []
    if origin is list:
        return ListSerializer(arguments[0])
    if origin is tuple:
        return TupleSerializer(arguments)
    if origin is dict:
        return DictSerializer(*arguments)
    if origin is typing.Union or origin is types.UnionType:
        return UnionSerializer(arguments)
    if datatype is type(None):
        return NoneSerializer()
    if datatype is bool:
        return TextSerializer(bool, False, lambda value: "True" if value else "False", lambda text: text == "True")
    if datatype is int:
        return TextSerializer(int, 0, str, int)
    if datatype is float:
        return TextSerializer((int, float), 0, str, float)
    if datatype is str:
        return TextSerializer(str, "", str, str)
    if datatype in PATH_TYPES:
        return TextSerializer(datatype, datatype(), str, datatype)
    if isinstance(datatype, type) and issubclass(datatype, enum.Enum):
        return _enum_serializer(datatype)
    if isinstance(datatype, type) and issubclass(datatype, slicer.vtkMRMLNode):
        return NodeSerializer(datatype)
    if hasattr(datatype, "make_serializer"):
        return datatype.make_serializer()
    raise TypeError(f"Expected a type that a parameter node can keep, received {datatype}.")


def serializer_for(datatype) -> Serializer:
    """Serializer of a type that may be annotated with validators."""
    bare, annotations = split_annotations(datatype)
    serializer = _serializer_of_bare_type(bare)
    serializer.validators += [annotation for annotation in annotations if isinstance(annotation, Validator)]
    return serializer


def default_of(owner, name: str, datatype, serializer: Serializer) -> Default:
    """The default by assignment in the class, else by annotation, else of the type."""
    if name in owner.__dict__:
        return Default(owner.__dict__[name])
    for annotation in split_annotations(datatype)[1]:
        if isinstance(annotation, Default):
            return annotation
    return Default(generator=serializer.default)
