"""When the slices of an activity series were acquired, and for how long: as the file says it, and as it is used."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.intake.clock import met
from RNTDosimetryLib.intake.ledger import Ledger, positive_number
from RNTDosimetryLib.intake.series import FoundObject, FoundSeries, found_unless
from RNTDosimetryLib.intake.tags import Found, element_value, number_of, rotation_beds, seconds_between, tag_label

LONGEST_SCAN_S = 86400.0
"""An acquisition is below this: a day."""

_LONGEST_BELIEVABLE_SCAN_S = 7200.0
_LONGEST_SPREAD_S = 12 * 3600.0
_LONGEST_USUAL_SPREAD_S = 2 * 3600.0
_SHORTEST_USUAL_SPECT_S = 60.0
_SAME_DURATION = 0.01


@dataclass(frozen=True)
class Timing:
    """Start of the acquisition, and per slice: seconds from it and duration (None when unknown).

    series_start: of the whole dynamic series, the start itself otherwise. share: of the duration that a gate counted, 1 otherwise.
    written_start: the start as the file says it, by which its writer reckoned; None where it says none. beds_s: durations at several positions of the table.
    """

    start: datetime
    offsets_s: np.ndarray
    duration_s: np.ndarray | None
    series_start: datetime
    share: float = 1.0
    written_start: datetime | None = None
    beds_s: tuple[float, ...] = ()

    @property
    def written(self) -> datetime:
        """The start by which the writer reckoned: the file's, else the one that is used."""
        return self.start if self.written_start is None else self.written_start

    @property
    def written_series_start(self) -> datetime:
        return self.written - timedelta(seconds=seconds_between(self.series_start, self.start))

    @property
    def span_s(self) -> float | None:
        """Seconds from the start to the end of the last slice, at least; None where no duration is known."""
        if self.duration_s is None:
            return None
        return float(np.max(self.offsets_s + self.duration_s)) + sum(self.beds_s) - max(self.beds_s, default=0.0)


def written_start_of(series: FoundSeries) -> datetime | None:
    """Earliest acquisition start among the files of a series, as they say it; None when no file holds one."""
    frame = series.time_frame
    if frame is not None:
        return None if frame.start is None else frame.start + timedelta(seconds=frame.offset_s)
    starts = [found.value for item in series.objects if (found := item.find("acquisition_start")) is not None]
    return min(starts, key=lambda moment: seconds_between(starts[0], moment)) if starts else None


def acquisition_start_of(series: FoundSeries, overrides: dict, ledger: Ledger) -> tuple[datetime | None, datetime | None]:
    """(start that is used, start as the file says it): the entered one first; None where there is none."""
    entered = overrides.get("acquisition_start", overrides.get("series_start"))
    try:
        written = written_start_of(series)
    except DosimetryError:
        if entered is None:
            raise
        written = None
    if entered is None:
        return written, written
    start = met(entered, "acquisition_start", written, ledger, series.label)
    if overrides.get("acquisition_start") is None and series.time_frame is not None:
        start += timedelta(seconds=series.time_frame.offset_s)
    return start, written


def timing_of(series: FoundSeries, objects: list[FoundObject], overrides: dict, ledger: Ledger, where: str) -> Timing:
    """Times of the slices in the order of ``objects``. Raises DosimetryError for a start that is missing and for durations that cannot be."""
    entered, frame = overrides.get("acquisition_start", overrides.get("series_start")), series.time_frame
    start, written = acquisition_start_of(series, overrides, ledger)
    if start is None:
        raise DosimetryError(
            f"Expected the date and time of acquisition in {where}, received none; type the override acquisition_start for this time point."
        )
    found = [found_unless(item, "acquisition_start", entered) for item in objects]
    known = [item for item in found if item is not None]
    earliest = min(known, key=lambda item: seconds_between(known[0].value, item.value), default=None)
    ledger.settle("acquisition start", "", earliest, start if entered is not None else None, where)
    series_start = start
    if frame is not None:
        series_start = start - timedelta(seconds=frame.offset_s)
        text = (
            f"{frame.offset_s:.6g} s after the first, at {start.isoformat(sep=' ')}"
            if frame.kind == "dynamic"
            else f"{frame.share:.1%} of the counting time"
        )
        ledger.record("time frame", f"{frame.number} of {frame.count}, {frame.kind}, {text}", "", frame.source, where, "derived")
    computed = frame is not None and frame.kind == "dynamic" and frame.duration_s is not None
    offsets = np.zeros(len(objects)) if computed or not all(found) else _offsets(objects, found, frame, ledger, where)
    share = 1.0 if frame is None or frame.kind == "dynamic" else frame.share
    durations, beds = _durations(series, objects, overrides, computed, ledger, where)
    return Timing(start, offsets, durations, series_start, share, written, beds)


def _offsets(objects: list[FoundObject], found, frame, ledger: Ledger, where: str) -> np.ndarray:
    """Seconds of each slice after the first, as the files say it: also where the start itself was entered."""
    offsets = np.array([seconds_between(found[0].value, item.value) for item in found])
    offsets -= offsets.min()
    if offsets.max() > _LONGEST_SPREAD_S:
        raise DosimetryError(
            f"Expected slices of one acquisition in {where}, received acquisition times {offsets.max() / 3600:.1f} h apart ({objects[int(offsets.argmin())].name} and "
            f"{objects[int(offsets.argmax())].name}); name the files that belong to another in ignore, or split the series."
        )
    if offsets.max() > _LONGEST_USUAL_SPREAD_S:
        names = [objects[int(index)].name for index in (offsets.argmin(), offsets.argmax())]
        ledger.warn(warned("slices_hours_apart", where=where, hours=offsets.max() / 3600, first=names[0], last=names[1]))
    if offsets.max() == 0 and frame is None and len(objects) > 1:
        return _offsets_by_reference(objects, ledger, where)
    return offsets


def _offsets_by_reference(objects: list[FoundObject], ledger: Ledger, where: str) -> np.ndarray:
    """Beds of a scan that carry one acquisition time: Frame Reference Time counts from a moment common to the series (PS3.3 C.8.9.4.1.5)."""
    values = [element_value(item.header, "FrameReferenceTime") for item in objects]
    none = np.zeros(len(objects))
    if None in values:
        return none
    seconds = np.array([number_of(value, tag_label("FrameReferenceTime")) for value in values]) / 1000.0
    seconds -= seconds.min()
    if not 0 < seconds.max() < _LONGEST_SPREAD_S:
        return none
    beds = f"{len(np.unique(seconds.round()))} beds, the last {seconds.max():.6g} s after the first"
    ledger.record("times of slices", beds, "", tag_label("FrameReferenceTime"), where, "derived")
    return seconds


def _durations(series: FoundSeries, objects, overrides: dict, computed: bool, ledger: Ledger, where: str):
    """(duration of each slice or None, durations at several positions of the table)."""
    entered = overrides.get("duration_s")
    entered = None if entered is None else positive_number(entered, "duration_s")
    frame = series.time_frame
    if computed:
        found: list[Found | None] = [Found(frame.duration_s, frame.source)] * len(objects)
    else:
        found = [found_unless(item, "duration_s", entered) for item in objects]
    duration = ledger.settle("acquisition duration", "s", found[0], entered, where)
    if duration is None:
        return None, ()
    if not 0 < duration < LONGEST_SCAN_S:
        raise DosimetryError(
            f"Expected an acquisition of up to a day in {where}, received {duration:g} s; type the override duration_s."
        )
    if duration > _LONGEST_BELIEVABLE_SCAN_S:
        ledger.warn(warned("scan_unusually_long", where=where, hours=duration / 3600))
    collimated = str(objects[0].header.get("CollimatorType", "") or "").upper() not in ("NONE", "RING")
    if duration < _SHORTEST_USUAL_SPECT_S and frame is None and collimated and entered is None:
        ledger.warn(warned("scan_unusually_short", where=where, seconds=duration))
    if entered is not None:
        return np.full(len(objects), float(duration)), ()
    beds = () if frame is not None else tuple(rotation_beds(series.header).values())
    if len(beds) > 1:
        ledger.warn(warned("beds_in_one_object", where=where, count=len(beds), seconds=duration, minutes=sum(beds[:-1]) / 60))
    beds = beds if len(beds) > 1 else ()
    if not all(found):
        return np.full(len(objects), float(duration)), beds
    each = np.array([item.value for item in found])
    if each.max() > 1.001 * each.min():
        ledger.warn(warned("slices_of_different_durations", where=where, shortest=each.min(), longest=each.max()))
    return each, beds


def unequal_beds(timing: Timing) -> bool:
    """Whether several positions of the table took different times, so that no one duration holds for all voxels."""
    return bool(timing.beds_s) and max(timing.beds_s) > (1 + _SAME_DURATION) * min(timing.beds_s)


def time_of_mean_s(item: FoundObject) -> float:
    """When the activity equals its mean over the frame, s after its start (PS3.3 C.8.9.4.1.5); 0 without duration or half-life."""
    duration, half_life = item.find("duration_s"), item.find("half_life_s")
    if duration is None or half_life is None or half_life.value <= 0 or duration.value <= 0:
        return 0.0
    constant = math.log(2.0) / half_life.value
    x = constant * duration.value
    return math.log(x / -math.expm1(-x)) / constant
