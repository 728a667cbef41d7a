"""Every file of a folder in the intake table: what is read, what is set aside, and why."""

from collections import defaultdict
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.intake.files import LeftOut
from RNTDosimetryLib.intake.kinds import said, sorted_out
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.series import FolderScan, FoundSeries

_NAMED = 8
"""File names in one row of the table; more are counted, by folder."""


def note_files(folder: Path, scan: FolderScan, ledger: Ledger) -> None:
    """Rows for all files that are not read, and warnings about those that look like images or regions."""
    by_reason: dict[str, list[LeftOut]] = defaultdict(list)
    for item in scan.left_out:
        by_reason[item.reason].append(item)
    for reason, items in by_reason.items():
        names = named([item.path for item in items], folder)
        ledger.record("file not used", names, "", reason, "")
        if items[0].serious:
            again = "it" if len(items) == 1 else "them"
            ledger.warn(warned("files_not_read", names=names, reason=reason, again=again))
    if scan.copies:
        ledger.record("file not used", named(list(scan.copies), folder), "", "a copy of another file", "")
    if scan.bare:
        first = _relative(scan.bare[0], folder)
        ledger.record("file without preamble", named(list(scan.bare), folder), "", "PS3.10 7.1", "")
        ledger.warn(warned("files_without_preamble", count=len(scan.bare), first=first))


def refuse_twins(folder: Path, scan: FolderScan, left: tuple[FoundSeries, ...]) -> None:
    """Refuse files of different content with one SOP Instance UID, unless all but one are left out: which of them is meant cannot be told (PS3.5 9)."""
    paths = {item.path for series in left for item in series.objects}
    for uid, files in scan.twins.items():
        there = [path for path in files if path in paths]
        if len(there) > 1:
            raise DosimetryError(
                f"Expected one object for each SOP Instance UID, received {len(there)} files of different content with the UID {uid}: {named(there, folder)}; "
                "send them again with UIDs of their own, or name all but one in the override ignore."
            )


def read_kinds(series_list: tuple[FoundSeries, ...], ledger: Ledger) -> tuple[FoundSeries, ...]:
    """The series that are read, as far as they are; the rest in the table, and in the warnings where it looks like what should be read."""
    used = []
    for series in series_list:
        left, aside = sorted_out(series)
        for item in aside:
            ledger.record("series not used", item.label, "", item.reason, "")
            if item.lost:
                ledger.warn(said(item))
        if left is not None:
            used.append(left)
    return tuple(used)


def named(paths: list[str], folder: Path) -> str:
    """File names for people: all of a few, else how many in which folders."""
    names = [_relative(path, folder) for path in paths]
    if len(names) <= _NAMED:
        return ", ".join(names)
    counts: dict[str, int] = defaultdict(int)
    for name in names:
        counts[str(Path(name).parent.as_posix())] += 1
    return ", ".join(
        f"{count} in {'this folder' if place == '.' else place}, such as {_first_in(names, place)}"
        for place, count in counts.items()
    )


def _first_in(names: list[str], place: str) -> str:
    return next(Path(name).name for name in names if Path(name).parent.as_posix() == place)


def _relative(path: str, folder: Path) -> str:
    return Path(path).relative_to(folder).as_posix() if Path(path).is_relative_to(folder) else Path(path).name
