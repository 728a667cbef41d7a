"""JSON that a person wrote: what JSON allows and a person cannot mean is refused where it stands.

RFC 8259 leaves open what a name given twice means (4), how deep values may nest (9) and how large a number may be (6); Python takes the last of two,
reads 1e400 as infinity, and accepts NaN, which is no JSON. All four become a number that nobody entered.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

from RNTDosimetryLib.base.errors import DosimetryError

DEEPEST = 64
"""Levels of lists and objects; the deepest of our own files has ten."""
_MOST_DIGITS = 308
_LONGEST_SHOWN = 24


@dataclass(frozen=True)
class _NoNumber:
    """A number that cannot be used, as it was written."""

    text: str


class _Doubled(dict):
    """An object in which a name stands twice."""

    name = ""


def parsed_json(text: str, where: str) -> Any:
    """What a JSON text holds. where: for the error text, "study.json".

    Raises DosimetryError, with the place inside the text, for a name given twice in one object, a number that is not finite, brackets nested deeper than
    ``DEEPEST`` levels, and text that is no JSON.
    """
    try:
        content = json.loads(text, object_pairs_hook=_object, parse_constant=_NoNumber, parse_float=_finite, parse_int=_whole)
    except RecursionError as error:
        raise _too_deep(where) from error
    except ValueError as error:
        raise DosimetryError(
            f"Expected JSON in {where}, received text that cannot be read as such ({error}); correct the file."
        ) from error
    waiting: list[tuple[Any, str, int]] = [(content, "", 1)]
    while waiting:
        value, place, level = waiting.pop()
        if isinstance(value, _Doubled):
            raise DosimetryError(
                f"Expected every key once in {where}, received '{value.name}' twice{_at(place)}; keep the one that is meant."
            )
        if isinstance(value, _NoNumber):
            raise DosimetryError(
                f"Expected JSON in {where} with finite numbers, received {value.text}{_at(place)}; correct the number, or write null for one that is not known."
            )
        if isinstance(value, dict | list) and level > DEEPEST:
            raise _too_deep(where)
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        waiting += [(item, _below(place, key), level + 1) for key, item in items if isinstance(item, dict | list | _NoNumber)]
    return content


def _below(place: str, key: str | int) -> str:
    return f"{place}[{key}]" if isinstance(key, int) else f"{place}.{key}" if place else key


def _at(place: str) -> str:
    return f" at {place}" if place else ""


def _too_deep(where: str) -> DosimetryError:
    return DosimetryError(
        f"Expected JSON in {where} of at most {DEEPEST} levels, received brackets nested too deeply; write the file again."
    )


def _object(pairs: list[tuple[str, Any]]) -> dict:
    content = dict(pairs)
    if len(content) == len(pairs):
        return content
    names = [name for name, _value in pairs]
    doubled = _Doubled(content)
    doubled.name = next(name for number, name in enumerate(names) if name in names[:number])
    return doubled


def _finite(text: str) -> Any:
    number = float(text)
    return number if math.isfinite(number) else _NoNumber(_short(text))


def _whole(text: str) -> Any:
    return int(text) if len(text.lstrip("-")) <= _MOST_DIGITS else _NoNumber(_short(text))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}... ({len(text)} characters)"
