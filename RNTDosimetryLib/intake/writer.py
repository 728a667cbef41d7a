"""What the writer of a series reckoned with: its own times, half-life, activity and patient, whatever is entered for what comes after.

A correction that stands in the values was made with the writer's numbers, so it is undone with them.
"""

import math
from dataclasses import dataclass
from datetime import datetime

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake.administration import LARGEST_ACTIVITY_MBQ, SMALLEST_ACTIVITY_MBQ, nuclide_in_file
from RNTDosimetryLib.intake.agreement import disagreement
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.records import Administration
from RNTDosimetryLib.intake.series import FoundSeries
from RNTDosimetryLib.intake.tags import seconds_between
from RNTDosimetryLib.intake.timing import Timing
from RNTDosimetryLib.nuclides import get_nuclide, list_nuclides

WRITER_TIMES = ("file", "entered")
_SAME_TIME_S = 60.0


@dataclass(frozen=True)
class Writer:
    """Of one series. administration: None where the file says none. start: of the acquisition as the file says it.

    decay_per_s: of the nuclide that the writer was set to. injected_mbq: None where the file says none.
    """

    administration: datetime | None
    start: datetime
    decay_per_s: float
    injected_mbq: float | None


def writer_of(series: FoundSeries, administration: Administration, timing: Timing) -> Writer:
    """What the file says, as far as it can be read."""
    return Writer(
        administration=stated(series, "administration_time"),
        start=timing.written,
        decay_per_s=_decay_per_s(series, administration.nuclide),
        injected_mbq=stated(series, "injected_activity_mbq"),
    )


def stated(series: FoundSeries, quantity: str):
    """Value of a quantity in the file; None where there is none, one that cannot be read, or another in some slices."""
    try:
        found = series.find(quantity) if disagreement(series, quantity) is None else None
    except DosimetryError:  # one that was needed and could not be read has been refused, or replaced by an override, before
        return None
    return None if found is None else found.value


def _decay_per_s(series: FoundSeries, nuclide: str) -> float:
    """Half-life in the file, else of the nuclide that the file names, else of the nuclide that is used."""
    half_life = stated(series, "half_life_s")
    if half_life is not None and half_life > 0:
        return math.log(2.0) / half_life
    named = nuclide_in_file(series)
    return get_nuclide(named if named in list_nuclides() else nuclide).decay_constant_per_h / 3600.0


def table_decay_per_s(nuclide: str) -> float:
    """Decay constant of the nuclide that was given, from the table."""
    return get_nuclide(nuclide).decay_constant_per_h / 3600.0


def intervals_of(
    writer: Writer,
    administration: Administration,
    timing: Timing,
    overrides: dict,
    factor_decides: bool,
    ledger: Ledger,
    where: str,
) -> dict[str, float]:
    """Seconds from administration to start of acquisition that the writer may have reckoned with, by where they are from, the most likely first.

    They lie between the times of the writer's own file; where it says no administration, between those that are used. Both come where they differ
    and a Decay Factor can decide. Where the scan of the file lies before its administration, its dates were changed after the values
    were written, and ``writer_times`` must say which interval holds. Raises DosimetryError then.
    """
    entered_s = seconds_between(administration.time, timing.start)
    choice = overrides.get("writer_times")
    if choice not in (None, *WRITER_TIMES):
        raise DosimetryError(f"Expected writer_times {' or '.join(WRITER_TIMES)}, received '{choice}'.")
    ledger.settle("times of the writer", "", None, choice, where)
    used = {"administration time": entered_s}
    if writer.administration is None or choice == "entered":
        return used
    written_s = seconds_between(writer.administration, writer.start)
    file = {"administration time in the file": written_s}
    if abs(written_s - entered_s) <= _SAME_TIME_S and choice is None:
        return used
    if factor_decides:
        return file | used
    if written_s < 0 and choice is None:
        raise DosimetryError(
            f"Expected the scan after the administration in the files of {where}, received {writer.administration} and {writer.start}, so it cannot be told "
            f"to which administration its values were corrected; type the override writer_times: entered ({entered_s / 3600:.4g} h), or file ({written_s / 3600:.4g} h)."
        )
    return file


def believable_injected_mbq(writer: Writer, administration: Administration) -> float:
    """The activity that uptake values were divided by: the file's, unless it is one in another unit."""
    written = writer.injected_mbq
    good = written is not None and SMALLEST_ACTIVITY_MBQ <= written <= LARGEST_ACTIVITY_MBQ
    return written if good else administration.injected_activity_mbq
