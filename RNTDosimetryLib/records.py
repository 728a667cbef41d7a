"""Frozen results: how every dataclass of the library becomes plain JSON data and comes back."""

import dataclasses
import enum
import math
import types
import typing
from datetime import datetime
from pathlib import Path

import numpy as np

from RNTDosimetryLib.errors import DosimetryError

NOT_WRITTEN = {"written": False}
"""Field metadata of arrays too large for JSON (images, masks): ``field(metadata=NOT_WRITTEN)``."""


class Record:
    """Base of the frozen dataclasses: ``to_dict()`` and a tolerant ``from_dict()``.

    Writing is strict: a NaN or an infinity is refused, so that none can reach a report. Reading is tolerant: unknown
    keys, as a newer version may write, are ignored, and fields that are missing take their default.
    """

    def to_dict(self) -> dict:
        return {
            item.name: to_plain(getattr(self, item.name), f"{type(self).__name__}.{item.name}")
            for item in dataclasses.fields(self)
            if item.metadata.get("written", True)
        }

    @classmethod
    def from_dict(cls, data: dict):
        hints = typing.get_type_hints(cls)
        values = {
            item.name: _from_plain(hints[item.name], data[item.name])
            for item in dataclasses.fields(cls)
            if item.init and item.name in data
        }
        try:
            return cls(**values)
        except TypeError as error:
            raise DosimetryError(f"Expected a stored {cls.__name__} with all its fields, received {sorted(data)}: {error}.") from error


def to_plain(value, name: str = "value"):
    """Plain JSON data of a value; raises DosimetryError for a number that is not finite."""
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, enum.Enum):
        return value.value
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


def _from_plain(hint, value):
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if value is None:
        return None
    if origin in (typing.Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        return _from_plain(inner[0], value) if len(inner) == 1 else value
    if hint is np.ndarray:
        return np.asarray(value, dtype=float)
    if hint is datetime:
        return datetime.fromisoformat(value)
    if hint is Path:
        return Path(value)
    if origin is tuple:
        inner = arguments[0] if arguments else None
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_from_plain(inner, item) for item in value)
        return tuple(_from_plain(kind, item) for kind, item in zip(arguments, value)) if arguments else tuple(value)
    if origin is list:
        return [_from_plain(arguments[0], item) for item in value]
    if origin is dict:
        return {key: _from_plain(arguments[1], item) for key, item in value.items()}
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.from_dict(value)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(value)
    if hint is float:
        return float(value)
    return value
