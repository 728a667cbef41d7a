"""Parameter packs: several typed values as one parameter, kept under ``name.field``."""

import typing

from .annotations import IsInstance, NotNone, unannotated
from .serializers import Serializer, default_of, serializer_for


class _Field:
    """One typed value of a pack, as a property that validates and saves."""

    def __init__(self, name: str, datatype, serializer: Serializer, default) -> None:
        self.name = name
        self.datatype = datatype
        self.serializer = serializer
        self.default = default

    def __get__(self, pack, owner=None):
        return self if pack is None else pack._values[self.name]

    def __set__(self, pack, value) -> None:
        self.serializer.validate(value)
        pack._values[self.name] = value
        if pack._save is not None:
            pack._save(pack)


class PackSerializer(Serializer):
    """Every field under its own name; a pack read from a node writes its changes back."""

    def __init__(self, pack_class) -> None:
        super().__init__([NotNone(), IsInstance(pack_class)])
        self._pack_class = pack_class

    def default(self):
        return self._pack_class()

    def is_in(self, node, name) -> bool:
        field = next(iter(self._pack_class.allParameters.values()))
        return field.serializer.is_in(node, f"{name}.{field.name}")

    def _write(self, node, name, value) -> None:
        for field in self._pack_class.allParameters.values():
            field.serializer.write(node, f"{name}.{field.name}", getattr(value, field.name))

    def read(self, node, name):
        fields = self._pack_class.allParameters.values()
        pack = self._pack_class.__new__(self._pack_class)
        pack.__dict__["_values"] = {field.name: field.serializer.read(node, f"{name}.{field.name}") for field in fields}
        pack.__dict__["_save"] = lambda changed: self.write(node, name, changed)
        return pack

    def remove(self, node, name) -> None:
        for field in self._pack_class.allParameters.values():
            field.serializer.remove(node, f"{name}.{field.name}")


def parameterPack(classtype=None):
    """Class decorator that makes a parameter pack of the annotated fields of a class."""
    return _make_pack if classtype is None else _make_pack(classtype)


def _make_pack(classtype):
    fields = {}
    for name, datatype in typing.get_type_hints(classtype, include_extras=True).items():
        serializer = serializer_for(datatype)
        default = default_of(classtype, name, datatype, serializer)
        serializer.validate(default.value)
        fields[name] = _Field(name, datatype, serializer, default)
    if not fields:
        raise ValueError(f"Expected typed fields in the parameter pack {classtype.__name__}, found none.")
    own_init = classtype.__dict__.get("__init__")
    for name, field in fields.items():
        setattr(classtype, name, field)
    classtype.allParameters = fields
    classtype._is_parameterPack = True
    classtype.make_serializer = classmethod(PackSerializer)
    classtype.dataType = classmethod(_data_type)
    classtype.getValue = _get_value
    classtype.setValue = _set_value
    classtype.__init__ = _make_init(own_init)
    if "__eq__" not in classtype.__dict__ or classtype.__eq__ is object.__eq__:
        classtype.__eq__ = _equal
        classtype.__hash__ = None
    if "__repr__" not in classtype.__dict__:
        classtype.__repr__ = _representation
    return classtype


def _make_init(own_init):
    def initialize(self, *arguments, **keywords) -> None:
        self.__dict__["_save"] = None
        self.__dict__["_values"] = {name: field.default.value for name, field in self.allParameters.items()}
        if own_init is not None:
            own_init(self, *arguments, **keywords)
            return
        names = list(self.allParameters)
        if len(arguments) > len(names):
            raise TypeError(f"Expected at most {len(names)} values, received {len(arguments)}.")
        given = dict(zip(names, arguments, strict=False))
        for name, value in keywords.items():
            if name not in self.allParameters or name in given:
                raise TypeError(f"Expected each field of {type(self).__name__} at most once, received {name}.")
            given[name] = value
        for name, value in given.items():
            setattr(self, name, value)

    return initialize


def _equal(self, other) -> bool:
    return type(self) is type(other) and self._values == other._values


def _representation(self) -> str:
    return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"


def _check_field(pack_class, name: str) -> None:
    if name not in pack_class.allParameters:
        raise ValueError(f"Expected a field of {pack_class.__name__}, received {name!r}.")


def _data_type(cls, name: str):
    top, _, rest = name.partition(".")
    _check_field(cls, top)
    datatype = cls.allParameters[top].datatype
    return unannotated(datatype).dataType(rest) if rest else datatype


def _get_value(self, name: str):
    top, _, rest = name.partition(".")
    _check_field(type(self), top)
    value = getattr(self, top)
    return value.getValue(rest) if rest else value


def _set_value(self, name: str, value) -> None:
    top, _, rest = name.partition(".")
    _check_field(type(self), top)
    if rest:
        getattr(self, top).setValue(rest, value)
    else:
        setattr(self, top, value)


def isParameterPack(value) -> bool:
    return getattr(value, "_is_parameterPack", False)


def nestedParameterNames(pack) -> list[str]:
    """Dotted names of all values of a pack and of the packs in it."""
    names = []
    for name, field in unannotated(pack).allParameters.items():
        bare = unannotated(field.datatype)
        names += [f"{name}.{inner}" for inner in nestedParameterNames(bare)] if isParameterPack(bare) else [name]
    return names


@parameterPack
class FloatRange:
    """A range of numbers; the lower end is never above the upper end."""

    _minimum: float
    _maximum: float

    def __init__(self, minimum: float = 0, maximum: float = 0) -> None:
        self.setRange(minimum, maximum)

    def setRange(self, minimum: float, maximum: float) -> None:
        if not minimum <= maximum:
            raise ValueError(f"Expected minimum <= maximum, received {minimum} and {maximum}.")
        self._minimum = minimum
        self._maximum = maximum

    @property
    def minimum(self) -> float:
        return self._minimum

    @minimum.setter
    def minimum(self, value: float) -> None:
        self.setRange(value, self.maximum)

    @property
    def maximum(self) -> float:
        return self._maximum

    @maximum.setter
    def maximum(self, value: float) -> None:
        self.setRange(self.minimum, value)
