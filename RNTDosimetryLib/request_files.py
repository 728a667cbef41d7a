"""Request files of the command line: a frozen record with a format, a version and no unknown keys, at any depth."""

import typing
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.records import Record, read_json_file


def read_request(kind: type[Record], format_name: str, version: int, path, what: str):
    """Record of a JSON file. what: "a calibration request", for the error text.

    Raises DosimetryError for a file that is missing or no JSON, another format, a newer version, unknown or wrong keys.
    """
    return request_from_dict(kind, format_name, version, read_json_file(path, what), what)


def request_from_dict(kind: type[Record], format_name: str, version: int, data, what: str):
    if not isinstance(data, Mapping) or data.get("format", format_name) != format_name:
        raise DosimetryError(f"Expected {what} (format '{format_name}'), received something else; check the file name.")
    found = data.get("version", version)
    if isinstance(found, bool) or not isinstance(found, int) or found > version:
        raise DosimetryError(f"Expected {what} of version {version} or older, received {found!r}; update RNTDosimetry.")
    content = {key: value for key, value in data.items() if key not in ("format", "version")}
    _refuse_unknown(content, kind, what)
    return kind.from_dict(content)


def written_request(request: Record, format_name: str, version: int) -> dict:
    """Content of the file of a request."""
    return {"format": format_name, "version": version, **Record.to_dict(request)}


def beside(path: str | Path, folder: str | Path) -> Path:
    """A path named in a request, relative to the folder of the request."""
    return Path(folder, path)


def _refuse_unknown(content, kind: type[Record], where: str) -> None:
    """A mistyped key would otherwise be ignored, and the default used without a word."""
    if not isinstance(content, Mapping):
        return
    known = {item.name for item in fields(kind)}
    unknown = sorted(str(key) for key in content if key not in known)
    if unknown:
        raise DosimetryError(f"Expected only {', '.join(sorted(known))} in {where}, received also {', '.join(unknown)}; check the spelling.")
    hints = typing.get_type_hints(kind)
    for name, value in content.items():
        for inner in (hints[name], *typing.get_args(hints[name])):
            if isinstance(inner, type) and issubclass(inner, Record):
                _refuse_unknown(value, inner, f"{name} of {where}")
