"""What may stand in ``Annotated[type, ...]``: validators, the default value and hints for spin boxes."""

import abc
import dataclasses
import typing


def split_annotations(datatype) -> tuple:
    """(bare type, tuple of annotations) of a type that may be annotated."""
    if typing.get_origin(datatype) is typing.Annotated:
        bare, *annotations = typing.get_args(datatype)
        return bare, tuple(annotations)
    return datatype, ()


def unannotated(datatype):
    """The bare type."""
    return split_annotations(datatype)[0]


def find_annotation(annotations, kind):
    """First annotation of one kind, None without."""
    return next((annotation for annotation in annotations if isinstance(annotation, kind)), None)


class Default:
    """Default value of a parameter; ``generator`` is called each time a default is needed."""

    def __init__(self, value=None, *, generator=None) -> None:
        self._value = value
        self._generator = generator

    @property
    def value(self):
        return self._generator() if self._generator else self._value


@dataclasses.dataclass
class Decimals:
    """Decimals shown by a spin box or slider."""

    value: int


@dataclasses.dataclass
class SingleStep:
    """Step of a spin box or slider."""

    value: float


class Validator(abc.ABC):
    """Refuses a value by raising an exception."""

    @abc.abstractmethod
    def validate(self, value) -> None:
        """Raise ValueError or TypeError when the value is not allowed."""


class NotNone(Validator):
    def validate(self, value) -> None:
        if value is None:
            raise ValueError("Expected a value, received None.")


class IsInstance(Validator):
    """None passes: a missing value is the concern of NotNone."""

    def __init__(self, classtype) -> None:
        self.classtype = classtype

    def validate(self, value) -> None:
        if value is not None and not isinstance(value, self.classtype):
            raise TypeError(f"Expected a value of type {self.classtype}, received {value!r} of type {type(value)}.")


class WithinRange(Validator):
    def __init__(self, minimum, maximum) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def validate(self, value) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Expected a value within [{self.minimum}, {self.maximum}], received {value}.")


class Minimum(Validator):
    def __init__(self, minimum) -> None:
        self.minimum = minimum

    def validate(self, value) -> None:
        if not value >= self.minimum:
            raise ValueError(f"Expected a value of at least {self.minimum}, received {value}.")


class Maximum(Validator):
    def __init__(self, maximum) -> None:
        self.maximum = maximum

    def validate(self, value) -> None:
        if not value <= self.maximum:
            raise ValueError(f"Expected a value of at most {self.maximum}, received {value}.")


class Choice(Validator):
    def __init__(self, choices) -> None:
        self.choices = choices

    def validate(self, value) -> None:
        if value not in self.choices:
            raise ValueError(f"Expected one of {self.choices}, received {value!r}.")


class Exclude(Validator):
    def __init__(self, excludedValues) -> None:
        self.excludedValues = excludedValues

    def validate(self, value) -> None:
        if value in self.excludedValues:
            raise ValueError(f"Expected none of {self.excludedValues}, received {value!r}.")


class RangeBounds(Validator):
    """Both ends of a range lie within the bounds."""

    def __init__(self, minimum, maximum) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def validate(self, value) -> None:
        if value.minimum < self.minimum or value.maximum > self.maximum:
            raise ValueError(
                f"Expected a range within [{self.minimum}, {self.maximum}], received [{value.minimum}, {value.maximum}]."
            )
