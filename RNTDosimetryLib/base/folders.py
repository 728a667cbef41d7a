"""A folder of results is one thing: its files are written aside, sealed, and take their places together; one writer at a time.

While files are written they lie in ``.writing`` inside the folder, which also is the lock: who makes it writes. When all are there a note of
what goes where is laid beside them; from then on the new results count, and whoever comes next finishes a move that was cut off.
Before the note the old results count, and what a dead writer left is swept.
"""

import contextlib
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError

_WRITING, _WHO, _NOTE = ".writing", "who.json", "moves.json"
_SILENT_S = 600.0
"""A writer on another computer is taken for dead when its folder has been still for so long."""


@dataclass
class _Writing:
    """Files on their way into a folder, in the order in which they were written."""

    folder: Path
    staged: dict[str, Path] = field(default_factory=dict)

    @property
    def aside(self) -> Path:
        return self.folder / _WRITING


_active: ContextVar[_Writing | None] = ContextVar("writing", default=None)


def place_aside(path: Path) -> Path | None:
    """Where a file of a folder that is being written as a whole goes for now; None outside of one."""
    writing = _active.get()
    if writing is None or path.parent.resolve() != writing.folder:
        return None
    writing.staged[path.name] = writing.aside / path.name
    return writing.staged[path.name]


@contextlib.contextmanager
def written_whole(
    folder: str | Path, seal: Callable[[dict[str, Path]], None], former: Callable[[Path], set[str]]
) -> Iterator[None]:
    """Everything that is written into the folder within the block takes its place together, or nothing does.

    seal: given the files by name where they lie for now, the first written being the one that holds the seal. former: given the file with the
    seal of earlier results, names of its files that are still as they were written: those that are not written again go.
    Raises DosimetryError while another process writes there.
    """
    folder = Path(folder).resolve()
    settle(folder)
    writing = _Writing(folder)
    _lock(writing.aside)
    token = _active.set(writing)
    try:
        yield
        if writing.staged:
            seal(writing.staged)
            main = next(iter(writing.staged))
            gone = former(folder / main) - writing.staged.keys()
            _note(writing.aside, {"main": main, "files": list(writing.staged), "gone": sorted(gone)})
            _move(folder)
    finally:
        _active.reset(token)
        _unlock(writing.aside)


def settle(folder: str | Path) -> None:
    """Finish or sweep what a dead writer left in a folder. Raises DosimetryError while a living one writes there."""
    for unnamed in Path(folder).glob(f"{_WRITING}-*"):
        if _who(unnamed) and _is_dead(unnamed):
            shutil.rmtree(unnamed, ignore_errors=True)
    aside = Path(folder) / _WRITING
    if not aside.is_dir():
        return
    if not _is_dead(aside):
        raise _occupied(aside)
    if (aside / _NOTE).is_file():
        _move(Path(folder))
    _unlock(aside)


def _lock(aside: Path) -> None:
    """Make the lock, signed from its first moment: two of one name cannot be."""
    who = {"host": socket.gethostname(), "process": os.getpid(), "since": datetime.now().isoformat(timespec="seconds")}
    unnamed = aside.with_name(f"{_WRITING}-{os.getpid()}")
    try:
        unnamed.mkdir(exist_ok=True)
        (unnamed / _WHO).write_text(json.dumps(who), encoding="utf-8")
        unnamed.rename(aside)
    except OSError as error:
        shutil.rmtree(unnamed, ignore_errors=True)
        if aside.is_dir():
            raise _occupied(aside) from None
        raise DosimetryError(
            f"Expected a folder to write to, received {aside.parent}: {error.strerror}; make room or choose another."
        ) from error


def _occupied(aside: Path) -> DosimetryError:
    who = _who(aside)
    words = f"process {who['process']} on {who['host']} (since {who['since']})" if len(who) == 3 else "another process"
    return DosimetryError(
        f"Expected to be alone in {aside.parent}, received {words} writing there; wait, or choose another folder."
    )


def _unlock(aside: Path) -> None:
    """Take the lock away, its signature last: without one it is a dead writer's."""
    for item in aside.glob("*"):
        if item.name != _WHO:
            item.unlink(missing_ok=True)
    shutil.rmtree(aside, ignore_errors=True)


def _note(aside: Path, moves: dict) -> None:
    """From the moment that the note has its name the new results count."""
    unnamed = aside / f"{_NOTE}.part"
    try:
        with unnamed.open("w", encoding="utf-8") as stream:
            json.dump(moves, stream)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise DosimetryError(
            f"Expected to write into {aside.parent}, received: {error.strerror}; make room or choose another folder."
        ) from error
    os.replace(unnamed, aside / _NOTE)


def _move(folder: Path) -> None:
    """Bring the files to their places. The old seal goes first and the new one comes last: between them nothing is taken for whole."""
    aside = folder / _WRITING
    moves = json.loads((aside / _NOTE).read_text(encoding="utf-8"))
    main = moves["main"]
    if (aside / main).exists():
        (folder / main).unlink(missing_ok=True)
    for name in moves["gone"]:
        (folder / name).unlink(missing_ok=True)
    for name in [*(name for name in moves["files"] if name != main), main]:
        if (aside / name).exists():
            os.replace(aside / name, folder / name)
    (aside / _NOTE).unlink(missing_ok=True)


def _who(aside: Path) -> dict:
    try:
        found = json.loads((aside / _WHO).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def _is_dead(aside: Path) -> bool:
    who = _who(aside)
    if who.get("host") == socket.gethostname() and isinstance(who.get("process"), int):
        return not _runs(who["process"])
    try:
        still_s = time.time() - max(item.stat().st_mtime for item in (aside, *aside.iterdir()))
    except OSError:
        return False
    return not who or still_s > _SILENT_S


def _runs(process: int) -> bool:
    """Whether a process of this computer runs. Asking by a signal would end it under Windows."""
    if sys.platform == "win32":
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, process)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
