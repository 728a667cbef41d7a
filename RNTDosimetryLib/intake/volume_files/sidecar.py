"""What a person entered about a volume file, or wrote into ``<file name>.json`` beside it."""

import os
from pathlib import Path

from RNTDosimetryLib.base.checks import checked_kind, refuse_unknown_names
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import read_json_file


def read_sidecar(path: Path) -> dict:
    """Content of ``<file name>.json`` beside a volume file, {} without one. Raises DosimetryError when it is not a JSON object."""
    beside = path.with_name(path.name + ".json")
    if not os.path.isfile(beside):
        return {}
    content = read_json_file(beside, "a file of typed values")
    if not isinstance(content, dict):
        raise DosimetryError(f"Expected an object in {beside.name}, received something else; see docs/file_formats.md.")
    return content


def known_of(path: Path, typed: dict | None, keys: tuple[str, ...]) -> dict:
    """What is known of a volume file: entered values win over the file beside it. Raises DosimetryError for a name that is none of ``keys``."""
    known = {**read_sidecar(path), **checked_kind({} if typed is None else typed, dict, "what is typed about the file")}
    refuse_unknown_names(known, keys, f"what is typed about {path.name}")
    return known
