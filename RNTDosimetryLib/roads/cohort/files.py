"""The files of a cohort: which studies it names, and tables that people keep."""

import csv
import glob
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from RNTDosimetryLib.base.checks import shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import checked_path, read_json_file
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.roads.cohort.request import CohortRequest
from RNTDosimetryLib.roads.table import road_for_cohort

_PATTERN = re.compile(r"[*?\[]")
_COMMON_NAMES = {"study", "plan", "course", "results", "verification"}
_SEPARATORS = ",;\t"
_KNOWN_COLUMNS = {"study", "name", "patient", "cycle"}


@dataclass(frozen=True)
class Source:
    """One file of a cohort. name: of its folder and its rows. reads: it holds results, and nothing is computed."""

    name: str
    path: str
    verb: str
    reads: bool
    patient: str = ""
    cycle: int | None = None


def sources_of(request: CohortRequest) -> tuple[tuple[Source, ...], tuple[str, ...]]:
    """Every file that a cohort names, in its order, and warnings. Raises DosimetryError for none, one named twice, or one that has no place in a cohort."""
    listed, warnings = _listed(request.studies)
    resolved = Counter(str(Path(path).resolve()) for path, _row in listed)
    twice = sorted(path for path, times in resolved.items() if times > 1)
    if twice:
        raise DosimetryError(
            f"Expected each study once in the cohort, received {Path(twice[0]).name} of {Path(twice[0]).parent} twice; leave one out."
        )
    names = _names(listed)
    return tuple(_source(name, path, row) for name, (path, row) in zip(names, listed)), warnings


def _listed(studies: str | list[str]) -> tuple[list[tuple[str, dict]], tuple[str, ...]]:
    """(path, row of the CSV or {}) of every file, and warnings."""
    if isinstance(studies, str) and studies.lower().endswith(".csv"):
        rows = read_table(studies, "a list of studies")
        if any(not row.get("study") for row in rows):
            raise DosimetryError(
                f"Expected a column study with the path of a file in every row of {Path(studies).name}, received none; add it."
            )
        other = sorted(set(rows[0]) - _KNOWN_COLUMNS)
        warnings = (warned("cohort_columns_unused", columns=", ".join(other), file=Path(studies).name),) if other else ()
        return [(str(Path(studies).parent / row["study"]), row) for row in rows], warnings
    found = []
    for item in [studies] if isinstance(studies, str) else studies:
        matches = [item] if os.path.exists(item) or not _PATTERN.search(item) else sorted(glob.glob(item, recursive=True))
        if not matches:
            raise DosimetryError(f"Expected files of studies at {item}, found none; check the pattern.")
        found += [(path, {}) for path in matches]
    return found, ()


def _names(listed) -> list[str]:
    """Names of folders: that of the CSV, else of the file, or of its folder where files are all called study.json. Different from one another."""
    given = [row.get("name") or "" for _path, row in listed]
    short = [name or _short_name(Path(path)) for name, (path, _row) in zip(given, listed)]
    seen = Counter(name.lower() for name in short)
    long = [
        name if seen[name.lower()] == 1 or given[i] else f"{Path(listed[i][0]).resolve().parent.name}_{Path(listed[i][0]).stem}"
        for i, name in enumerate(short)
    ]
    names = [re.sub(r"[^\w.-]+", "_", name).strip("._") or "study" for name in long]
    repeated = sorted(name for name, times in Counter(name.lower() for name in names).items() if times > 1)
    if repeated:
        raise DosimetryError(
            f"Expected studies of different names in the cohort, received several of '{repeated[0]}'; name them in a CSV with the columns study and name."
        )
    return names


def _short_name(path: Path) -> str:
    return path.resolve().parent.name if path.stem.lower() in _COMMON_NAMES else path.stem


def _source(name: str, path: str, row: dict) -> Source:
    content = read_json_file(path, f"a file of the cohort for {name}")
    stated = content.get("format") if isinstance(content, dict) else None
    road = road_for_cohort(stated, Path(path).name)
    cycle = row.get("cycle") or None
    if cycle is not None and not (str(cycle).isdigit() and int(cycle) > 0):
        raise DosimetryError(f"Expected a whole cycle from 1 for {name}, received {shown(cycle)}; correct the list of studies.")
    reads = road.result is not None and stated == road.result.NAME
    return Source(
        name, str(Path(path).resolve()), road.verb, reads, row.get("patient") or "", None if cycle is None else int(cycle)
    )


def read_table(path: str | Path, what: str) -> list[dict[str, str]]:
    """Rows of a CSV by its headings, texts stripped; comma, semicolon or tabulator, UTF-8. Raises DosimetryError for one that is missing, empty or ragged."""
    path = checked_path(path, what)
    if not path.is_file():
        raise DosimetryError(f"Expected {what} at {path}, found none; check the path.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DosimetryError(
            f"Expected {what} as CSV in UTF-8 in {path.name}, received another file ({error}); save it so."
        ) from error
    head = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=head.count)
    lines = [
        [cell.strip() for cell in line]
        for line in csv.reader(text.splitlines(), delimiter=separator)
        if any(cell.strip() for cell in line)
    ]
    names = lines[0] if lines else []
    if len(lines) < 2 or "" in names or len(set(names)) < len(names):
        raise DosimetryError(
            f"Expected {what} with different headings and at least one row in {path.name}, received others; correct it."
        )
    ragged = next((number for number, line in enumerate(lines[1:], 2) if len(line) != len(names)), None)
    if ragged:
        raise DosimetryError(
            f"Expected {len(names)} fields in row {ragged} of {path.name}, received {len(lines[ragged - 1])}; correct it."
        )
    return [dict(zip(names, (_plain_number(cell, separator) for cell in line))) for line in lines[1:]]


def _plain_number(cell: str, separator: str) -> str:
    """A decimal comma as a point, where commas do not separate the fields."""
    return cell.replace(",", ".") if separator != "," and re.fullmatch(r"[-+]?\d+,\d+", cell) else cell
