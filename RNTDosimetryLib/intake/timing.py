"""When the slices of an activity series were acquired, and for how long."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake.ledger import Ledger, positive_number
from RNTDosimetryLib.intake.series import FoundSeries
from RNTDosimetryLib.intake.tags import Found, find, seconds_between, typed_datetime

LONGEST_SCAN_S = 86400.0
"""An acquisition is below this: a day."""

_LONGEST_BELIEVABLE_SCAN_S = 7200.0
_SHORTEST_USUAL_SPECT_S = 60.0


@dataclass(frozen=True)
class Timing:
    """Start of the acquisition, and per slice: seconds from it and duration (None when unknown).

    series_start: of the whole dynamic series, the start itself otherwise. share: of the duration that a gate counted, 1 otherwise.
    """

    start: datetime
    offsets_s: np.ndarray
    duration_s: np.ndarray | None
    series_start: datetime
    share: float = 1.0


def acquisition_start_of(series: FoundSeries, overrides: dict) -> datetime | None:
    """Earliest acquisition start among the files of a series, None when no file holds one and none is typed."""
    if overrides.get("acquisition_start") is not None:
        return typed_datetime(overrides["acquisition_start"], "acquisition_start")
    frame = series.time_frame
    if frame is not None:
        typed = overrides.get("series_start")
        start = frame.start if typed is None else typed_datetime(typed, "acquisition_start")
        return None if start is None else start + timedelta(seconds=frame.offset_s)
    starts = [found.value for item in series.objects if (found := find(item.header, "acquisition_start")) is not None]
    return min(starts, key=lambda moment: seconds_between(starts[0], moment)) if starts else None


def timing_of(series, headers, overrides, ledger: Ledger, where: str) -> Timing:
    typed_start, frame = overrides.get("acquisition_start", overrides.get("series_start")), series.time_frame
    start = acquisition_start_of(series, overrides)
    if start is None:
        raise DosimetryError(
            f"Expected the date and time of acquisition in {where}, received none; type the override acquisition_start for this time point."
        )
    found = [find(header, "acquisition_start") for header in headers]
    earliest = min((item for item in found if item), key=lambda item: seconds_between(start, item.value), default=None)
    ledger.settle("acquisition start", "", earliest, start if typed_start is not None else None, where)
    series_start = start
    if frame is not None:
        series_start = start - timedelta(seconds=frame.offset_s)
        text = (
            f"{frame.offset_s:.6g} s after the first, at {start.isoformat(sep=' ')}"
            if frame.kind == "dynamic"
            else f"{frame.share:.1%} of the counting time"
        )
        ledger.record("time frame", f"{frame.number} of {frame.count}, {frame.kind}, {text}", "", frame.source, where, "derived")
    offsets = np.zeros(len(headers))
    computed = frame is not None and frame.kind == "dynamic" and frame.duration_s is not None
    if typed_start is None and all(found) and not computed:
        offsets = np.array([seconds_between(start, item.value) for item in found])
        offsets -= min(offsets.min(), 0.0) if frame is not None else 0.0
        offsets = offsets if offsets.max() > 0 else np.zeros(len(headers))
        if offsets.max() > 12 * 3600.0:
            raise DosimetryError(
                f"Expected slices of one acquisition in {where}, received acquisition times {offsets.max() / 3600:.1f} h apart; split the series."
            )
    share = 1.0 if frame is None or frame.kind == "dynamic" else frame.share
    durations = [Found(frame.duration_s, frame.source) if computed else find(header, "duration_s") for header in headers]
    typed = overrides.get("duration_s")
    typed = None if typed is None else positive_number(typed, "duration_s")
    duration = ledger.settle("acquisition duration", "s", durations[0], typed, where)
    if duration is None:
        return Timing(start, offsets, None, series_start, share)
    if not 0 < duration < LONGEST_SCAN_S:
        raise DosimetryError(
            f"Expected an acquisition of up to a day in {where}, received {duration:g} s; type the override duration_s."
        )
    if duration > _LONGEST_BELIEVABLE_SCAN_S:
        ledger.warn(f"{where}: an acquisition of {duration / 3600:.1f} h is unusually long; check the duration")
    collimated = str(headers[0].get("CollimatorType", "") or "").upper() not in ("NONE", "RING")
    if duration < _SHORTEST_USUAL_SPECT_S and frame is None and collimated and typed is None:
        ledger.warn(
            f"{where}: an acquisition of {duration:g} s is unusually short for SPECT; check that it is that of the whole scan and not of one view"
        )
    if typed is not None or not all(durations):
        return Timing(start, offsets, np.full(len(headers), float(duration)), series_start, share)
    each = np.array([item.value for item in durations])
    if each.max() > 1.001 * each.min():
        ledger.warn(f"{where}: slices were acquired for different times, {each.min():g} to {each.max():g} s")
    return Timing(start, offsets, each, series_start, share)


def time_of_mean_s(header) -> float:
    """When the activity equals its mean over the frame, s after its start (PS3.3 C.8.9.4.1.5); 0 without duration or half-life."""
    duration, half_life = find(header, "duration_s"), find(header, "half_life_s")
    if duration is None or half_life is None or half_life.value <= 0 or duration.value <= 0:
        return 0.0
    constant = math.log(2.0) / half_life.value
    x = constant * duration.value
    return math.log(x / -math.expm1(-x)) / constant
