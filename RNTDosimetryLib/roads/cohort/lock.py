"""One process a folder: a lock file that says who works there, and gives way when that process is gone."""

import contextlib
import json
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.provenance import now

LOCK = ".cohort.lock"
_TRIES = 5
_QUERY_LIMITED = 0x1000
_STILL_ACTIVE = 259


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder for this process alone. Raises DosimetryError where another one works there, with host, process and since when."""
    path, mine = folder / LOCK, _own()
    _take(path, mine)
    try:
        yield
    finally:
        if _read(path) == mine:
            path.unlink(missing_ok=True)


def _own() -> dict:
    return {
        "host": socket.gethostname(), "pid": os.getpid(), "started": _start_of(os.getpid()), "since": now().isoformat(), "token": uuid.uuid4().hex,
    }  # fmt: skip


def _take(path: Path, mine: dict) -> None:
    # Written whole under another name and linked: nobody ever reads half a lock.
    ready = path.with_name(f"{LOCK}.{mine['token']}")
    try:
        ready.write_text(json.dumps(mine), encoding="utf-8")
        for _ in range(_TRIES):
            try:
                _place(ready, path)
                return
            except FileExistsError:
                there = _read(path)
                if there is not None and _lives(there):
                    raise _refusal(path, there) from None
                _put_away(path, there)
        raise _refusal(path, _read(path) or {})
    except OSError as error:
        raise DosimetryError(f"Expected to lock the folder {path.parent}, received: {error}; choose another --out.") from error
    finally:
        ready.unlink(missing_ok=True)


def _place(ready: Path, path: Path) -> None:
    try:
        os.link(ready, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links: the name is taken first, the content follows.
        with path.open("x", encoding="utf-8") as stream:
            stream.write(ready.read_text(encoding="utf-8"))


def _put_away(path: Path, seen: dict | None) -> None:
    """Take a dead lock away, and only that one: another process may have replaced it meanwhile."""
    aside = path.with_name(f"{LOCK}.{uuid.uuid4().hex}.old")
    with contextlib.suppress(FileNotFoundError):
        os.rename(path, aside)
        if _read(aside) != seen:
            with contextlib.suppress(OSError):
                os.link(aside, path)
        aside.unlink(missing_ok=True)


def _read(path: Path) -> dict | None:
    """Content of a lock; None where there is none or it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _lives(lock: dict) -> bool:
    """Whether the holder may still be there. Of another host nobody can tell, so it counts as there."""
    pid = lock.get("pid")
    if lock.get("host") != socket.gethostname() or not isinstance(pid, int):
        return lock.get("host") != socket.gethostname()
    return _is_running(pid) and (lock.get("started") is None or lock["started"] == _start_of(pid))


def _is_running(pid: int) -> bool:
    if os.name == "nt":
        return _is_running_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _is_running_on_windows(pid: int) -> bool:
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    handle = kernel.OpenProcess(_QUERY_LIMITED, False, pid)
    if not handle:
        return False
    code = ctypes.c_ulong()
    known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return not known or code.value == _STILL_ACTIVE


def _start_of(pid: int) -> str | None:
    """When a process began, so that another one of the same number is not taken for it; None where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
    # A zombie holds nothing any more.
    return "zombie" if fields[0] == "Z" else fields[19]


def _refusal(path: Path, lock: dict) -> DosimetryError:
    who = f"process {lock.get('pid', '?')} on {lock.get('host', '?')} since {lock.get('since', '?')}"
    return DosimetryError(
        f"Expected a folder in which nobody else computes a cohort, received {path.parent}, where {who} works; wait for it, choose another --out, "
        f"or delete {LOCK} there if that process is gone."
    )
