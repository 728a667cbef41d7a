"""The folder that results go to."""

import os
from pathlib import Path

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.records import checked_path


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
