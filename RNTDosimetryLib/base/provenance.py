"""What computed a result, from what: one header for every file that is written."""

import os
import platform
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from RNTDosimetryLib import __version__
from RNTDosimetryLib.base.documents import Document, named_files, sha256_of_file, write_json
from RNTDosimetryLib.base.records import Record

_HEADER = ("format", "version", "research_only", "created", "versions", "input_hashes")


def versions() -> dict[str, str]:
    """Versions of everything that computes."""
    import numpy
    import scipy
    import SimpleITK

    return {
        "RNTDosimetry": __version__,
        "Python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "SimpleITK": SimpleITK.Version_VersionString(),
    }


def now() -> datetime:
    """The moment of a computation, to the second."""
    return datetime.now().replace(microsecond=0)


def file_hashes(request: Record) -> dict[str, str]:
    """SHA-256 of every file that a request names, by the key that names it; of a folder the files directly in it, together by name."""
    return {key: digest for key, path in named_files(request).items() if (digest := _hash_of(Path(path)))}


def _hash_of(path: Path) -> str:
    if path.is_file():
        return sha256_of_file(path)
    if not path.is_dir():
        return ""
    import hashlib

    below = sorted(Path(folder, name) for folder, _folders, names in os.walk(path) for name in names)
    lines = [f"{item.relative_to(path).as_posix()} {sha256_of_file(item)}\n" for item in below]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def changed_inputs(stored: Mapping | None, present: Mapping[str, str]) -> tuple[str, ...]:
    """A warning that names what has changed since results were computed; none where nothing was stored."""
    if not isinstance(stored, Mapping) or not stored or dict(stored) == dict(present):
        return ()
    changed = sorted(name for name in stored.keys() | present.keys() if stored.get(name) != present.get(name))
    return (
        f"{', '.join(changed)} changed since these results were computed: the numbers below are of the present files, not of those then.",
    )


def with_header(document: Document, input_hashes: Mapping[str, str] | None = None) -> dict:
    """Content of a file: format, version, the mark for research, moment, versions and input hashes first, those of the record before those of now."""
    content = document.to_dict()
    header = {
        "format": document.NAME,
        "version": document.VERSION,
        "research_only": True,
        "created": content.get("created") or now().isoformat(),
        "versions": content.get("versions") or versions(),
        "input_hashes": content.get("input_hashes") or dict(input_hashes or {}),
    }
    return header | {key: value for key, value in content.items() if key not in _HEADER}


def write_document(path: str | Path, document: Document, input_hashes: Mapping[str, str] | None = None) -> Path:
    """Write a record as JSON under its header, whole or not at all. Returns the path."""
    return write_json(path, with_header(document, input_hashes))
