"""Kernels kept on disk between runs. A missing, foreign or damaged file is as good as none: the kernel is made again."""

import hashlib
import json
import os
import sys
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from RNTDosimetryLib import __version__
from RNTDosimetryLib.base.resources import resource_path

CACHE_VARIABLE = "RNTDOSIMETRY_CACHE"
"""Environment variable with the folder of the cache; "off" keeps nothing on disk."""

_MEMORY_BYTES = 256 * 2**20
_FILE_BYTES = 64 * 2**20
_FILES = 32
_memory: dict[str, tuple] = {}


def cache_folder() -> Path | None:
    """Folder of the cache, or None when it is switched off."""
    chosen = os.environ.get(CACHE_VARIABLE, "").strip()
    if chosen.lower() == "off":
        return None
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "RNTDosimetry"


def load_arrays(key: dict) -> tuple[np.ndarray, ...] | None:
    """Arrays stored for a key, from memory or disk, or None. Contents are checked against the digest kept with them."""
    name = _name(key)
    if name in _memory:
        return _memory[name]
    folder = cache_folder()
    if folder is None:
        return None
    try:
        with np.load(folder / f"{name}.npz", allow_pickle=False) as stored:
            count = int(stored["count"])
            arrays = tuple(stored[f"array_{i}"] for i in range(count))
            intact = str(stored["digest"]) == _digest(arrays)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if not intact:
        return None
    _remember(name, arrays)
    return arrays


def store_arrays(key: dict, arrays: tuple[np.ndarray, ...]) -> None:
    """Keep arrays for a key; a folder that cannot be written is no error."""
    name = _name(key)
    _remember(name, arrays)
    folder = cache_folder()
    if folder is None or _size(arrays) > _FILE_BYTES:
        return
    temporary = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
            temporary = file.name
            contents = {f"array_{i}": array for i, array in enumerate(arrays)}
            np.savez(file, count=len(arrays), digest=_digest(arrays), **contents)
        os.replace(temporary, folder / f"{name}.npz")
        for old in sorted(folder.glob("*.npz"), key=lambda file: file.stat().st_mtime)[:-_FILES]:
            old.unlink(missing_ok=True)
    except OSError:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def forget_memory() -> None:
    """Drop what is kept in memory, so that the next kernel comes from disk or is made again."""
    _memory.clear()


def _remember(name: str, arrays: tuple[np.ndarray, ...]) -> None:
    _memory[name] = arrays
    while _memory and sum(_size(kept) for kept in _memory.values()) > _MEMORY_BYTES:
        _memory.pop(next(iter(_memory)))


def _size(arrays: tuple[np.ndarray, ...]) -> int:
    return sum(array.nbytes for array in arrays)


def _name(key: dict) -> str:
    text = json.dumps({**key, "tables": _data_version()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=1)
def _data_version() -> str:
    """Digest of all that makes a kernel besides the nuclide and the grid: tables, the code that folds them, library version."""
    tables = [resource_path("kernels", name) for name in ("electron_kernels_water.csv", "photon_kernels_water.csv")]
    library = Path(__file__).resolve().parent.parent
    code = [library / "dose" / name for name in ("monoenergetic.py", "kernels.py", "voxel_s.py")]
    code.append(library / "nuclides" / "beta_spectrum.py")
    digest = hashlib.sha256(__version__.encode())
    for file in tables + [name for name in code if name.is_file()]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _digest(arrays: tuple[np.ndarray, ...]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
