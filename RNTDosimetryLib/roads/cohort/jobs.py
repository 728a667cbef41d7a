"""One study of a cohort: computed into its folder and sealed, or taken as it is where it is sealed already."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from RNTDosimetryLib import __version__
from RNTDosimetryLib.base.documents import json_text, sha256_of_file, write_json, write_text
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Cancelled, silent
from RNTDosimetryLib.base.provenance import file_hashes
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.roads.cohort.files import Source
from RNTDosimetryLib.roads.table import road_of_verb
from RNTDosimetryLib.roads.tidy import RegionRow

SEAL = "seal.json"
_UNFINISHED = ".unfinished"
_SEAL_FORMAT = "RNTDosimetry seal"


@dataclass(frozen=True)
class Outcome(Record):
    """What became of one file of a cohort. state: "done" or "failed"; sentence: why it failed.

    key: SHA-256 of the request, of every file it names, and of the version that computed it; "" for results that were read. rows: its regions. warnings: of the whole study.
    """

    name: str
    file: str
    state: str
    sentence: str = ""
    key: str = ""
    rows: tuple[RegionRow, ...] = ()
    warnings: tuple[str, ...] = ()


def do(source: Source, folder: str, cancel: Callable[[], bool] | None = None) -> Outcome:
    """Compute one study into its folder unless it is there whole. Never raises but for Cancelled: what fails is an outcome with its sentence."""
    try:
        return _done(source, Path(folder), cancel)
    except (Cancelled, KeyboardInterrupt):
        raise
    except DosimetryError as error:
        return failed(source, str(error))
    except MemoryError:
        return failed(
            source, "Expected memory for the study, received less than it needs; use fewer workers or another computer."
        )
    except Exception as error:
        return failed(source, f"A fault of the program ({type(error).__name__}: {error}); run the study alone and report it.")


def failed(source: Source, sentence: str) -> Outcome:
    return Outcome(source.name, source.path, "failed", " ".join(sentence.split()))


def _done(source: Source, folder: Path, cancel) -> Outcome:
    road = road_of_verb(source.verb)
    if source.reads:
        result, key = road.result.read(source.path), ""
    else:
        key = key_of(source)
        place = sealed_result(folder, key)
        if place is None:
            computed = road.run_file(source.path, silent, cancel)
            _make_room(folder)
            paths = road.write(computed, folder)
            _seal(folder, key, paths)
            place = paths[0]
        # Read back whether it was computed now or before, so that the rows are of the file.
        result = road.result.read(place)
    rows = tuple(
        replace(row, patient=source.patient or row.patient, cycle=source.cycle or row.cycle)
        for row in road.rows(result, source.name)
    )
    own = {text for row in rows for text in row.warnings.split(" | ")}
    warnings = tuple(text for text in road.answer(result).warnings if text not in own)
    return Outcome(source.name, source.path, "done", "", key, rows, warnings)


def key_of(source: Source) -> str:
    """SHA-256 of what the numbers of a study depend on: its request, every file that it names, and the version."""
    road = road_of_verb(source.verb)
    content = json.loads(Path(source.path).read_text(encoding="utf-8-sig"))
    stated = {
        "request": content,
        "files": file_hashes(road.read_request(source.path)),
        "version": __version__,
        "verb": source.verb,
    }
    return hashlib.sha256(json_text(stated).encode()).hexdigest()


def sealed_result(folder: Path, key: str) -> Path | None:
    """Path of the result in a folder that is whole and of this key; None where anything is missing, changed, or of another request."""
    try:
        seal = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        whole = seal["format"] == _SEAL_FORMAT and seal["key"] == key
        whole = whole and all(sha256_of_file(folder / name) == digest for name, digest in seal["files"].items())
        return folder / seal["result"] if whole else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _make_room(folder: Path) -> None:
    """An empty folder that is known for ours. Raises DosimetryError for one that holds something else."""
    ours = (folder / SEAL).is_file() or (folder / _UNFINISHED).is_file()
    if folder.exists() and not ours and (not folder.is_dir() or any(folder.iterdir())):
        raise DosimetryError(
            f"Expected a free folder {folder.name} for the study, received one with other files in it; move them or choose another --out."
        )
    if folder.is_dir():
        (folder / _UNFINISHED).touch()
        for item in folder.iterdir():
            if item.name != _UNFINISHED:
                shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / _UNFINISHED, "A study is being written here.\n")


def _seal(folder: Path, key: str, paths: list[Path]) -> None:
    files = {path.relative_to(folder).as_posix(): sha256_of_file(path) for path in paths}
    write_json(folder / SEAL, {"format": _SEAL_FORMAT, "version": 1, "key": key, "result": paths[0].name, "files": files})
    (folder / _UNFINISHED).unlink(missing_ok=True)
