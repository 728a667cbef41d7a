"""Request files of the command line: a frozen record with a format, a version and no unknown keys, at any depth."""

import contextlib
import hashlib
import json
import os
import typing
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record, checked_path, present_spelling, read_json_file, to_plain


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
    unknown = sorted(str(key) for key in content if key not in known and present_spelling(str(key)) not in known)
    if unknown:
        raise DosimetryError(
            f"Expected only {', '.join(sorted(known))} in {where}, received also {', '.join(unknown)}; check the spelling."
        )
    hints = typing.get_type_hints(kind)
    for name, value in content.items():
        name = present_spelling(str(name))
        for inner in (hints[name], *typing.get_args(hints[name])):
            if isinstance(inner, type) and issubclass(inner, Record):
                _refuse_unknown(value, inner, f"{name} of {where}")


def checked_output_folder(folder: str | Path) -> Path:
    """The folder, which is there or can be made; nothing is made yet. Raises DosimetryError before anything has been computed for nothing."""
    folder = checked_path(folder, "a folder to write to")
    try:
        nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        usable = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    except (OSError, ValueError) as error:
        raise DosimetryError(f"Expected a folder to write to, received {folder}: {error}; choose another.") from error
    if not usable:
        kind = "a folder without the right to write" if nearest.is_dir() else "a file"
        raise DosimetryError(f"Expected a folder to write to, received {folder}, and {nearest} is {kind}; choose another.")
    return folder


def make_output_folder(folder: str | Path) -> Path:
    """The folder, made with those above it when it is not there yet. Raises DosimetryError when it cannot be made."""
    folder = checked_output_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DosimetryError(f"Expected a folder to write to, received {folder}: {error.strerror}; choose another.") from error
    return folder


def write_record(record: Record, format_name: str, path) -> Path:
    """Write a record as JSON with its format."""
    path = checked_path(path, "a file to write")
    path.write_text(json.dumps({"format": format_name, **record.to_dict()}, indent=1) + "\n", encoding="utf-8")
    return path


def read_record(kind: type[Record], format_name: str, path, what: str, writer: str):
    """Read a file of ``write_record``. what: "calibration", for the error text; writer: the function that makes such a file.

    Raises DosimetryError for a file that is missing, of another format, or damaged.
    """
    path = checked_path(path, f"a {what} file")
    data = read_json_file(path, f"a {what} file")
    if not isinstance(data, dict) or data.get("format") != format_name:
        raise DosimetryError(
            f"Expected a file of the format '{format_name}' in {path.name}, received another; write it with {writer}."
        )
    try:
        return kind.from_dict(data)
    except (ValueError, TypeError, AttributeError) as error:
        raise DosimetryError(f"Expected a whole {what} in {path.name}, received a damaged one: {error}") from error


RESEARCH_ONLY = "For research only. Not a medical device."


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Path of a temporary file beside ``path`` that takes its place when the block ends well, and is removed when not.

    So a reader sees the old file or the whole new one. The suffix is kept, because some writers choose the format by it.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise DosimetryError(
            f"Expected an existing folder for {path.name}, received {path.parent}; create it or choose another one."
        )
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> Path:
    """Writes UTF-8 text as it is (no change of line ends), whole or not at all. Returns the path."""
    with replacing(path) as temporary:
        try:
            temporary.write_bytes(text.encode("utf-8"))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise DosimetryError(
                f"Expected to write {Path(path).name} into {Path(path).parent}, received: {reason}; make room or choose another folder."
            ) from error
    return Path(path)


def json_text(data) -> str:
    """JSON of plain data or records: keys in the order given, numbers at full precision, newline at the end.

    Raises DosimetryError for NaN, infinity and objects that are not data.
    """
    return json.dumps(to_plain(data), ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def write_json(path: str | Path, data) -> Path:
    """Writes ``json_text(data)``; nothing is written when the data are refused."""
    return write_text(path, json_text(data))


def sha256_of_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    path = Path(path)
    if not path.is_file():
        raise DosimetryError(f"Expected a file to hash, found none at {path}; check the path.")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_array(array: np.ndarray) -> str:
    """SHA-256 of an array's type, shape and values, hexadecimal; independent of memory order and byte order."""
    array = np.asarray(array)
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{little.dtype.str}{array.shape}".encode())
    digest.update(little.tobytes())
    return digest.hexdigest()
