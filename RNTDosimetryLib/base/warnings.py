"""Warnings as data: every sentence of doubt has a code, a rank and a remedy in ``Resources/warnings``, a file a room.

A warning is a plain sentence that travels with the result, through JSON and the scene too; its rank is found again from the catalog.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import resources_folder

RANKS = {1: "changes the number", 2: "widens the doubt", 3: "good to know"}
UNKNOWN_RANK = 2
"""Of a sentence that is not in the catalog, such as one that an older version wrote."""


@dataclass(frozen=True)
class WarningKind:
    """One kind of warning. text: with {names} for what is filled in; it ends with the remedy. page: of the documentation that explains it."""

    code: str
    rank: int
    text: str
    page: str = ""


@lru_cache(maxsize=1)
def warning_kinds() -> dict[str, WarningKind]:
    """Every kind of warning by its code. Raises DosimetryError for a code that is given twice or a rank that is none."""
    found = {}
    for path in sorted((resources_folder() / "warnings").glob("*.json")):
        for code, content in json.loads(path.read_text(encoding="utf-8")).items():
            if code in found or content["rank"] not in RANKS:
                raise DosimetryError(
                    f"Expected one warning '{code}' of rank {', '.join(map(str, RANKS))}, received another in {path.name}; correct it."
                )
            found[code] = WarningKind(code, content["rank"], content["text"], content.get("page", ""))
    return found


def warned(code: str, **values: Any) -> str:
    """The sentence of a warning with its values filled in; format specifications stand in the catalog ("{share:.0%}")."""
    kind = warning_kinds()[code]
    return kind.text.format(**values)


@lru_cache(maxsize=4096)
def kind_of(text: str) -> WarningKind | None:
    """The kind that a sentence is of, also with a name before it ("kidney: ..."); None when the catalog does not hold it."""
    for pattern, kind in _patterns():
        if pattern.search(text):
            return kind
    return None


def rank_of(text: str) -> int:
    """1 changes the number, 2 widens the doubt, 3 is good to know."""
    kind = kind_of(text)
    return UNKNOWN_RANK if kind is None else kind.rank


def ranked(texts: Iterable[str]) -> tuple[str, ...]:
    """Each sentence once, what changes the number first, else in the order given; one line for names that have the same to say.

    The one order of panel, report and terminal.
    """
    return tuple(sorted(_grouped(texts), key=rank_of))


def _grouped(texts: Iterable[str]) -> tuple[str, ...]:
    """Sentences "name: text" of one text as one line "name, name: text", so that nine regions do not say the same nine times."""
    names: dict[str, list[str]] = {}
    for sentence in dict.fromkeys(texts):
        name, separator, text = sentence.partition(": ")
        if separator:
            names.setdefault(text, []).append(name)
        else:
            names.setdefault(sentence, [])
    return tuple(f"{', '.join(found)}: {text}" if found else text for text, found in names.items())


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern, WarningKind], ...]:
    """The sentences as patterns, those with the most fixed text first: a general one never hides a special one."""
    found = []
    for kind in warning_kinds().values():
        parts = re.split(r"(?<!\{)\{[^{}]+\}(?!\})", kind.text)
        fixed = [re.escape(part.replace("{{", "{").replace("}}", "}")) for part in parts]
        found.append((sum(map(len, parts)), re.compile(".*?".join(fixed), re.DOTALL), kind))
    return tuple((pattern, kind) for _length, pattern, kind in sorted(found, key=lambda item: -item[0]))
