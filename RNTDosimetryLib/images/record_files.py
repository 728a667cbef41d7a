"""Files of one frozen record each, with the name of their format: calibration and recovery."""

import json
from pathlib import Path

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.records import Record, checked_path, read_json_file


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
        raise DosimetryError(f"Expected a file of the format '{format_name}' in {path.name}, received another; write it with {writer}.")
    try:
        return kind.from_dict(data)
    except (ValueError, TypeError, AttributeError) as error:
        raise DosimetryError(f"Expected a whole {what} in {path.name}, received a damaged one: {error}") from error
