"""Where the data of the project lie: constants, kernels, product limits and schemas, each with its provenance."""

import csv
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from RNTDosimetryLib.base.errors import DosimetryError

_LIBRARY_FOLDER = Path(__file__).resolve().parent.parent


@lru_cache(maxsize=1)
def resources_folder() -> Path:
    """Folder ``Resources``: beside the library in a clone and inside Slicer, within it when installed by pip."""
    candidates = (_LIBRARY_FOLDER / "Resources", _LIBRARY_FOLDER.parent / "Resources")
    for folder in candidates:
        if (folder / "README.md").is_file():
            return folder
    raise DosimetryError(
        "Expected the data folder Resources beside or inside RNTDosimetryLib, found none; install the extension again."
    )


def resource_path(*parts: str) -> Path:
    """Path of one data file, e.g. ``resource_path("nuclides", "nuclides.json")``.

    Raises DosimetryError when it is missing.
    """
    path = resources_folder().joinpath(*parts)
    if not path.is_file():
        raise DosimetryError(f"Expected the data file Resources/{'/'.join(parts)}, found none; install the extension again.")
    return path


def read_json(*parts: str) -> Any:
    """Content of a JSON data file."""
    return json.loads(resource_path(*parts).read_text(encoding="utf-8"))


def read_table(*parts: str) -> list[dict[str, str]]:
    """Rows of a CSV data file as dictionaries of text; lines that start with ``#`` are provenance and are skipped."""
    lines = [line for line in resource_path(*parts).read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return list(csv.DictReader(lines))
