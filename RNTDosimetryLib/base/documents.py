"""Files that we read and write as JSON: requests and results with format and version, paths in them, and one writer for whatever is written."""

import contextlib
import hashlib
import json
import os
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from RNTDosimetryLib.base.checks import refuse_unknown_names
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.folders import place_aside, settle, written_whole
from RNTDosimetryLib.base.records import Record, checked_path, present_spelling, read_json_file, to_plain

PATH = {"path": "always"}
PATH_IF_THERE = {"path": "if there"}
"""Field metadata of what names a file or folder; with the second it may be another name too, such as a segment's."""
PATHS = {"path": "always", "each": True}
"""The same of a list in which every text is a path."""


class Document(Record):
    """A record that is a file of its own: its content begins with format and version.

    NAME: the format. VERSION: that is written; older ones are read. FORMER: names of the format in older versions, "" for files that named none.
    WHAT: for the error text, "a study file".
    """

    NAME: ClassVar[str]
    VERSION: ClassVar[int] = 1
    FORMER: ClassVar[tuple[str, ...]] = ()
    WHAT: ClassVar[str]
    PAGE: ClassVar[str] = "the documentation"

    def to_dict(self) -> dict:
        return {"format": self.NAME, "version": self.VERSION, **super().to_dict()}

    @classmethod
    def checked_content(cls, data: Any) -> dict:
        """What stands in the file below format and version. Raises DosimetryError for another format and for a newer version."""
        if not isinstance(data, Mapping) or data.get("format", cls.NAME) not in (cls.NAME, *cls.FORMER):
            found = f"one of format '{data['format']}'" if isinstance(data, Mapping) else "no JSON object"
            raise DosimetryError(
                f"Expected {cls.WHAT} (format '{cls.NAME}'), received {found}; check the file name, or see {cls.PAGE}."
            )
        version = data.get("version", cls.VERSION)
        if isinstance(version, bool) or not isinstance(version, int) or version > cls.VERSION:
            raise DosimetryError(
                f"Expected {cls.WHAT} of version {cls.VERSION} or older, received version {version!r}; update RNTDosimetry."
            )
        return {key: value for key, value in data.items() if key not in ("format", "version", "research_only")}


class Request(Document):
    """What a person writes for a road. Unknown keys are refused at any depth: a mistyped one would otherwise be a default without a word.

    HELD_AS: the key under which results keep their request, so that they can be run again.
    """

    HELD_AS: ClassVar[str] = "request"

    @classmethod
    def from_content(cls, data: Any) -> Any:
        """Request of the content of its file, or of a result that holds it. Raises DosimetryError for what cannot be used."""
        if isinstance(data, Mapping) and isinstance(data.get(cls.HELD_AS), Mapping):
            data = data[cls.HELD_AS]
        content = cls.checked_content(data)
        refuse_unknown(content, cls, cls.WHAT)
        return cls.from_dict(content)

    @classmethod
    def read(cls, path: Any) -> Any:
        """Request of a JSON file as it stands there, its paths relative to the file."""
        return cls.from_content(read_json_file(path, cls.WHAT))

    @classmethod
    def read_beside(cls, path: Any) -> Any:
        """Request of a JSON file, its paths seen from the working folder."""
        request = cls.read(path)
        return beside(request, Path(path).parent)


class Result(Document):
    """What a road gives: its content is marked for research."""

    def to_dict(self) -> dict:
        content = super().to_dict()
        return {"format": content.pop("format"), "version": content.pop("version"), "research_only": True, **content}

    def belongs_to(self) -> dict[str, str]:
        """Whose result it is, by what is known of that ("patient", "administration"): its folder takes no other's."""
        return {}

    @classmethod
    def from_content(cls, data: Any, file_name: str = "") -> Any:
        """Result of the content of its file. Raises DosimetryError for another format, and by the name of the field for a damaged one."""
        content = cls.checked_content(data)
        try:
            return cls.from_dict(content)
        except (ValueError, TypeError, AttributeError) as error:
            where = f" in {file_name}" if file_name else ""
            raise DosimetryError(f"Expected {cls.WHAT} that is whole{where}, received a damaged one: {error}") from error

    @classmethod
    def read(cls, path: Any) -> Any:
        """Result of a file."""
        settle(checked_path(path, cls.WHAT).parent)
        data = read_json_file(path, cls.WHAT)
        if not isinstance(data, Mapping) or ("format" not in data and "" not in cls.FORMER):
            raise DosimetryError(
                f"Expected {cls.WHAT} (format '{cls.NAME}') in {Path(path).name}, received something else; check the file name."
            )
        return cls.from_content(data, Path(path).name)


# --- paths in requests


def beside(request: Record, folder: str | Path) -> Record:
    """The request with its paths, relative to ``folder``, as seen from the working folder."""

    def joined(name: str, always: bool) -> str:
        place = Path(folder, name)
        return str(place) if always or os.path.isfile(place) else name

    return _with_paths(request, joined)


def seen_from(request: Record, folder: str | Path) -> Record:
    """The request with its paths as seen from ``folder``, where it will be written. Another drive keeps its whole path."""

    def relative(name: str, always: bool) -> str:
        if not always and not os.path.isfile(name):
            return name
        try:
            return Path(os.path.relpath(Path(name).resolve(), Path(folder).resolve())).as_posix()
        except ValueError:
            return str(Path(name).resolve())

    return _with_paths(request, relative)


def named_files(request: Record) -> dict[str, str]:
    """Every path that a request names, by the key that names it."""
    found = {}

    def noted(name: str, always: bool, key: str) -> str:
        if always or os.path.isfile(name):
            found[key] = name
        return name

    _with_paths(request, noted, keyed=True)
    return found


def _with_paths(record: Record, change: Any, keyed: bool = False, at: str = "") -> Record:
    """The record with every path changed; keyed: ``change`` also hears the key, "reference.file"."""
    changed: dict[str, Any] = {}
    for item in fields(record):
        value, kind, key = getattr(record, item.name), item.metadata.get("path"), f"{at}{item.name}"
        if isinstance(value, Record):
            changed[item.name] = _with_paths(value, change, keyed, f"{key}.")
        elif isinstance(value, tuple) and any(isinstance(each, Record) for each in value):
            changed[item.name] = tuple(
                _with_paths(each, change, keyed, f"{key}.{number}.") for number, each in enumerate(value, start=1)
            )
        elif kind is not None and isinstance(value, str | dict | (list if item.metadata.get("each") else str)) and value:
            many = value if isinstance(value, dict) else {"": value} if isinstance(value, str) else dict(enumerate(value))
            told = {
                name: change(str(place), kind == "always", *([key if name == "" else f"{key}.{name}"] * keyed))
                for name, place in many.items()
            }
            changed[item.name] = told if isinstance(value, dict) else told[""] if isinstance(value, str) else list(told.values())
    return replace(record, **changed) if changed else record


# --- folders and files


def refuse_unknown(content: Any, kind: type[Record], where: str) -> None:
    """DosimetryError for a key that a record does not have, at any depth of lists, objects and records, with the nearest known one."""
    if not isinstance(content, Mapping):
        return
    known = sorted(item.name for item in fields(kind) if item.init)
    given = {str(key): str(key) if key in known else present_spelling(str(key)) for key in content}
    refuse_unknown_names([key for key, present in given.items() if present not in known], known, where)
    doubled = [key for key, present in given.items() if key != present and present in given]
    if doubled:
        raise DosimetryError(
            f"Expected {given[doubled[0]]} once in {where}, received it also as {doubled[0]}; keep the one that is meant."
        )
    hints = typing.get_type_hints(kind)
    for key, value in content.items():
        _refuse_unknown_below(hints[given[str(key)]], value, f"{key} of {where}")


def _refuse_unknown_below(hint: Any, value: Any, where: str) -> None:
    if isinstance(hint, type) and issubclass(hint, Record):
        refuse_unknown(value, hint, where)
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is dict and isinstance(value, Mapping) and inner:
        for key, item in value.items():
            _refuse_unknown_below(inner[1], item, f"'{key}' in {where}")
    elif typing.get_origin(hint) in (tuple, list) and isinstance(value, list | tuple) and inner:
        for item in value:
            _refuse_unknown_below(inner[0], item, where)
    elif typing.get_origin(hint) in (typing.Union, types.UnionType):
        records = [kind for kind in inner if kind is not type(None)]
        if len(records) == 1:
            _refuse_unknown_below(records[0], value, where)


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
    aside = place_aside(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}") if aside is None else aside
    try:
        yield temporary
        if aside is None:
            os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error) or type(error).__name__
        raise DosimetryError(
            f"Expected to write {path.name} into {path.parent}, received: {reason}; make room or choose another folder."
        ) from error


@contextlib.contextmanager
def whole_folder(folder: str | Path, belongs_to: Mapping[str, str] = types.MappingProxyType({})) -> Iterator[Path]:
    """The folder, made where it is not there yet; what is written into it within the block takes its place together, or nothing does.

    The first file written is the JSON that says what the folder holds: it gets ``files``, the SHA-256 of all the others by name, and ``belongs_to``.
    Raises DosimetryError for a folder with results that belong to another, and while another process writes there; what a dead one left is
    finished or swept.
    """
    folder = make_output_folder(folder)
    _refuse_results_of_another(folder, belongs_to)
    with written_whole(folder, lambda staged: _seal(staged, belongs_to), _former_files):
        yield folder


def _refuse_results_of_another(folder: Path, belongs_to: Mapping[str, str]) -> None:
    """DosimetryError where a file in the folder says that it belongs to another patient or administration."""
    for path in sorted(folder.glob("*.json")) if belongs_to else ():
        try:
            known = json.loads(path.read_text(encoding="utf-8"))["belongs_to"]
            differ = [name for name in belongs_to if known.get(name, belongs_to[name]) != belongs_to[name]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        if differ:
            raise DosimetryError(
                f"Expected a folder without results of another {' and '.join(differ)}, received {folder}, where {path.name} is of "
                f"{', '.join(f'{name} {known[name]}' for name in differ)} and this is of {', '.join(belongs_to[name] for name in differ)}; "
                "choose another folder."
            )


def _seal(staged: dict[str, Path], belongs_to: Mapping[str, str]) -> None:
    main, *others = staged
    if Path(main).suffix != ".json":
        raise ValueError(f"the first file of a folder is {main}, which cannot hold the seal")
    content = json.loads(staged[main].read_text(encoding="utf-8"))
    files = {name: sha256_of_file(staged[name]) for name in others}
    write_text(staged[main], json_text(content | {"belongs_to": dict(belongs_to), "files": files}))


def _former_files(main: Path) -> set[str]:
    """Files of earlier results that are still as they were written; what somebody changed since is kept."""
    try:
        files = json.loads(main.read_text(encoding="utf-8")).get("files", {})
        return {name for name, digest in files.items() if Path(name).name == name and _is_file_of(main.with_name(name), digest)}
    except (OSError, ValueError, AttributeError):
        return set()


def _is_file_of(path: Path, digest: str) -> bool:
    return path.is_file() and sha256_of_file(path) == digest


def refuse_other_file(path: str | Path, document: str | Path) -> None:
    """DosimetryError for a file that is not the one which the results beside it were written with."""
    digest = read_json_file(document, "a file of results").get("files", {}).get(Path(path).name)
    if digest is not None and not _is_file_of(Path(path), digest):
        raise DosimetryError(
            f"Expected {Path(path).name} as it was written with {Path(document).name}, received another or a changed file; run it again."
        )


def write_text(path: str | Path, text: str) -> Path:
    """Writes UTF-8 text as it is (no change of line ends), whole or not at all. Returns the path.

    The name of a file may hold bytes that are no letter; they are written as \\udc.., which JSON reads back as they were.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))
    return Path(path)


def json_text(data: Any) -> str:
    """JSON of plain data or records: keys in the order given, numbers at full precision, newline at the end.

    Raises DosimetryError for NaN, infinity and objects that are not data.
    """
    return json.dumps(to_plain(data), ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def write_json(path: str | Path, data: Any) -> Path:
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
