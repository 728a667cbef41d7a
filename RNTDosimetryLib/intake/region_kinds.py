"""What a region is: organ, lesion or other, from what its file says of it (Resources/images/region_kinds.json)."""

import re
from functools import lru_cache

from RNTDosimetryLib.base.resources import read_json

KINDS = ("organ", "lesion", "other")


def region_kind(name: str, interpreted_type: str = "", codes: tuple[str, ...] = (), meanings: tuple[str, ...] = ()) -> str:
    """organ, lesion or other.

    A code of a lesion counts first, then words in the name, then other codes, then the words of codes that the table does not hold, then the
    interpreted type (PS3.3 C.8.8.8.1). ORGAN is what some planning systems write for everything, so it says nothing against a name.
    """
    table = _table()
    by_code = next((table["codes"][code] for code in codes if code in table["codes"]), None)
    if by_code == "lesion":
        return by_code
    by_meaning = next((kind for meaning in meanings if (kind := _kind_of_words(meaning)) is not None), None)
    found = _kind_of_words(name) or by_code or by_meaning or table["interpreted_types"].get(interpreted_type.strip().upper())
    return found or "organ"


def is_background(codes: tuple[str, ...]) -> bool:
    """Whether a segment is coded as what is left over (PS3.16 CID 7151: 125040, DCM)."""
    return any(code in _table()["background_codes"] for code in codes)


def codes_of(items) -> tuple[str, ...]:
    """Code values of a code sequence; () without one."""
    return tuple(str(code.get("CodeValue", "") or "") for code in items or [])


def meanings_of(items) -> tuple[str, ...]:
    """Code meanings of a code sequence; () without one."""
    return tuple(str(code.get("CodeMeaning", "") or "") for code in items or [])


def _kind_of_words(text: str) -> str | None:
    table, lower = _table(), text.lower()
    whole = set(re.split(r"[^a-zà-ÿ]+", lower))
    by_part = next((kind for word, kind in table["words"].items() if word in lower), None)
    return by_part or next((kind for word, kind in table["whole_words"].items() if word in whole), None)


@lru_cache(maxsize=1)
def _table() -> dict:
    return read_json("images", "region_kinds.json")
