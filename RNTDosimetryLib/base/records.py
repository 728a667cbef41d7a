"""Frozen results: how every dataclass of the library becomes plain JSON data and comes back."""

import dataclasses
import enum
import html
import math
import os
import sys
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from RNTDosimetryLib.base.checks import short_repr
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.json_reading import parsed_json
from RNTDosimetryLib.base.words import html_of_rows, one_line, text_of_rows

NOT_WRITTEN = {"written": False}
"""Field metadata of arrays too large for JSON (images, masks): ``field(metadata=NOT_WRITTEN)``."""

MAP = {"written": False, "absent": True}
"""The same for the maps of a result: a result that is read back has None there."""

_SHORTEST_MOMENT = len("2026-11-24T10")
_FORMER_SPELLINGS = (
    ("centre", "center"),
    ("colour", "color"),
    ("labelled", "labeled"),
    ("haematocrit", "hematocrit"),
    ("paralysable", "paralyzable"),
)
_LARGEST_NUMBER = sys.float_info.max


def present_spelling(word: str) -> str:
    """A key or a word as it is spelled today, of a file that an older version wrote."""
    for former, present in _FORMER_SPELLINGS:
        word = word.replace(former, present)
    return word


class Named:
    """Base of a small frozen dataclass that is one word where it is stored or printed: ``key``, and ``of(key)`` that makes it again."""

    @property
    def key(self) -> str:
        raise NotImplementedError

    @classmethod
    def of(cls, key: str) -> Any:
        raise NotImplementedError

    def __str__(self) -> str:
        return self.key


class Record:
    """Base of the frozen dataclasses: ``to_dict()`` and a tolerant ``from_dict()``.

    Writing is strict: a NaN or an infinity is refused, so that none can reach a report. Reading is tolerant: unknown
    keys, as a newer version may write, are ignored, and fields that are missing or null take their default. A value of another
    kind than the field's is refused by the name of the field.
    """

    __dataclass_fields__: typing.ClassVar[dict[str, dataclasses.Field[Any]]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """A dataclass would write its own representation, of thousands of characters for a fit."""
        super().__init_subclass__(**kwargs)
        if "__repr__" not in cls.__dict__:
            setattr(cls, "__repr__", Record.__repr__)  # noqa: B010

    def __repr__(self) -> str:
        shown = {item.name: getattr(self, item.name) for item in dataclasses.fields(self) if item.repr}
        return one_line(type(self).__name__, shown)

    def to_table(self) -> list[dict]:
        """Plain rows that ``pandas.DataFrame`` takes: here name and value of every field that is one number, word or truth."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return [
            {"name": name, "value": value}
            for name, value in values.items()
            if isinstance(value, str | int | float) and value != ""
        ]

    def _said(self) -> tuple[str, ...]:
        """The warnings that the record holds; a record may have a function of that name instead."""
        found = getattr(self, "warnings", ())
        return () if callable(found) else tuple(found)

    def __str__(self) -> str:
        return "\n".join((type(self).__name__, text_of_rows(self.to_table()), *(f"warning: {text}" for text in self._said())))

    def _repr_html_(self) -> str:
        said = "".join(f"<li>{html.escape(text)}</li>" for text in self._said())
        return f"<h4>{type(self).__name__}</h4>{html_of_rows(self.to_table())}{f'<ul>{said}</ul>' if said else ''}"

    def to_dict(self) -> dict:
        return {
            item.name: to_plain(getattr(self, item.name), f"{type(self).__name__}.{item.name}")
            for item in dataclasses.fields(self)
            if item.metadata.get("written", True)
        }

    def __eq__(self, other: Any) -> bool:
        """Records that hold arrays are equal when what is written of them is; the others compare field by field."""
        return self.to_dict() == other.to_dict() if type(self) is type(other) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def from_dict(cls, data: dict) -> Any:
        """The record of stored data. Raises DosimetryError, with the name of the field, for a value of another kind and for one that is missing."""
        if not isinstance(data, Mapping):
            raise DosimetryError(f"Expected an object with the fields of a {cls.__name__}, received {_shown(data)}; correct it.")
        hints, values, names = typing.get_type_hints(cls), {}, {item.name for item in dataclasses.fields(cls)}
        data = {key if key in names else present_spelling(str(key)): value for key, value in data.items()}
        for item in dataclasses.fields(cls):
            required = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
            if not item.init:
                continue
            if item.name in data and (data[item.name] is not None or required or _may_be_none(hints[item.name])):
                values[item.name] = _from_plain(hints[item.name], data[item.name], f"{item.name} of a {cls.__name__}")
            elif required and item.metadata.get("absent"):
                values[item.name] = None
            elif required and not item.metadata.get("written", True):
                raise DosimetryError(
                    f"Expected a stored {cls.__name__} with its {item.name}, received none: the images of a {cls.__name__} are not in JSON; "
                    "load them from their files."
                )
            elif required:
                received = ", ".join(sorted(str(name) for name in data)) or "none"
                raise DosimetryError(
                    f"Expected a stored {cls.__name__} with all its fields, received {received} without {item.name}; add it."
                )
        return cls(**values)


def read_json_file(path: Any, what: str) -> Any:
    """Content of a JSON file that somebody names. what: "a study file", for the error text.

    Raises DosimetryError when the path is no path, nothing is there, or what is there is not JSON that can be meant (``parsed_json``).
    """
    path = checked_path(path, what)
    if not os.path.isfile(path):
        raise DosimetryError(f"Expected {what} at {path}, found none; check the path.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        raise DosimetryError(
            f"Expected JSON in {path.name}, received text that cannot be read as such ({error}); correct the file."
        ) from error
    return parsed_json(text, path.name)


def checked_path(path: Any, what: str) -> Path:
    """The path that was named; DosimetryError for anything that is neither text nor a path. what: what should lie there."""
    if isinstance(path, bytes) or not isinstance(path, (str, os.PathLike)) or not str(path):
        raise DosimetryError(f"Expected the path of {what}, received {_shown(path)}; name it as text or as a Path.")
    return Path(path)


def iso_moment(text: Any) -> datetime:
    """The moment of an ISO 8601 text. Raises ValueError or TypeError for anything else, a date without a time too: midnight would be a guess."""
    if isinstance(text, str) and len(text.strip()) < _SHORTEST_MOMENT:
        raise ValueError("no time of day")
    return datetime.fromisoformat(text.strip() if isinstance(text, str) else text)


def to_plain(value: Any, name: str = "value") -> Any:
    """Plain JSON data of a value; raises DosimetryError for a number that is not finite."""
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Named):
        return value.key
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, (float, np.floating)):
        if not math.isfinite(value):
            raise DosimetryError(f"Expected a finite number for {name}, received {value}; this result must not be written.")
        return float(value)
    if isinstance(value, (np.integer, np.bool_)):
        return value.item()
    if isinstance(value, np.ndarray):
        return [to_plain(item, name) for item in value.tolist()]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): to_plain(item, f"{name}[{key}]") for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_plain(item, name) for item in value]
    raise DosimetryError(f"Expected plain data for {name}, received {type(value).__name__}; this is a fault of the program.")


def _from_plain(hint: Any, value: Any, name: str) -> Any:
    """``value`` as the type of a field says; DosimetryError with the field's name for data of another kind."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _one_of_kinds(arguments, value, name)
    if hint is type(None) and value is not None:
        raise _refusal("nothing", value, name)
    if origin in (tuple, list) or hint in (tuple, list):
        return _sequence(origin or hint, arguments, value, name)
    if origin is dict or hint is dict:
        if not isinstance(value, Mapping):
            raise _refusal("an object with names and values", value, name)
        return {key: _from_plain(arguments[1], item, f"'{key}' in {name}") for key, item in value.items()} if arguments else value
    if isinstance(hint, type) and issubclass(hint, Record):
        return value if isinstance(value, hint) else hint.from_dict(_checked(Mapping, "an object", value, name))
    if isinstance(hint, type) and issubclass(hint, Named):
        return value if isinstance(value, hint) else hint.of(_checked(str, "a name", value, name))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _converted(hint, value, f"one of {', '.join(str(item.value) for item in hint)}", name)
    if hint is np.ndarray:
        return _converted(lambda item: np.asarray(item, dtype=float), value, "numbers", name)
    if hint is datetime:
        return (
            value
            if isinstance(value, datetime)
            else _converted(iso_moment, value, "a date with a time such as 2026-11-24T10:00", name)
        )
    if hint is Path:
        return Path(_checked((str, Path), "a path as text", value, name))
    if hint is str:
        return _checked(str, "text", value, name)
    if hint is bool:
        return bool(_checked((bool, np.bool_), "true or false", value, name))
    if hint in (float, int):
        return _number(hint, value, name)
    return value


def _one_of_kinds(kinds: Any, value: Any, name: str) -> Any:
    kinds = [kind for kind in kinds if kind is not type(None)]
    if value is None:
        return None
    if len(kinds) == 1:
        return _from_plain(kinds[0], value, name)
    refusals = []
    for kind in kinds:
        try:
            _from_plain(kind, value, name)
        except DosimetryError as error:
            refusals.append(error)
        else:
            return value
    raise refusals[0]


def _sequence(kind: type, inner: Any, value: Any, name: str) -> Any:
    items = _checked((list, tuple), "a list", value, name)
    if kind is tuple and inner and inner[-1] is not Ellipsis:
        if len(items) != len(inner):
            raise _refusal(f"{len(inner)} values", value, name)
        return tuple(_from_plain(hint, item, name) for hint, item in zip(inner, items))
    return kind(_from_plain(inner[0], item, name) for item in items) if inner else kind(items)


def _number(hint: type, value: Any, name: str) -> Any:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise _refusal("a number", value, name)
    try:
        finite = abs(float(value)) <= _LARGEST_NUMBER
    except OverflowError:  # a whole number of more than 308 digits
        finite = False
    if not finite:
        raise _refusal("a finite number", value, name)
    if hint is int and value != int(value):
        raise _refusal("a whole number", value, name)
    return hint(value)


def _converted(convert: Any, value: Any, expected: str, name: str) -> Any:
    try:
        return convert(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _refusal(expected, value, name) from error


def _checked(kinds: Any, expected: str, value: Any, name: str) -> Any:
    if not isinstance(value, kinds):
        raise _refusal(expected, value, name)
    return value


def _may_be_none(hint: Any) -> bool:
    return hint is typing.Any or type(None) in typing.get_args(hint)


def _refusal(expected: str, value: Any, name: str) -> DosimetryError:
    return DosimetryError(f"Expected {expected} for {name}, received {_shown(value)}; correct it.")


def _shown(value: Any) -> str:
    return "nothing" if value is None else short_repr(value)
