"""Dynamic and gated series: what tells their time frames apart, and one series for each frame.

Nuclear Medicine objects hold all frames in one file, ordered by index vectors (PS3.3 C.8.4.8); PET series hold each position
several times, told apart by time, trigger or temporal position (PS3.3 C.8.9.1, C.8.9.4, C.7.6.16.2.2).
"""

import itertools
import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.intake.headers import words_of
from RNTDosimetryLib.intake.nm_frame_times import dynamic_times, gate_weights, index_vectors
from RNTDosimetryLib.intake.series import FoundObject, FoundSeries, TimeFrame
from RNTDosimetryLib.intake.sop_classes import NM
from RNTDosimetryLib.intake.tags import element_value, number_of, readable, seconds_between, tag_label
from RNTDosimetryLib.intake.timing import time_of_mean_s
from RNTDosimetryLib.intake.voxels import put

_SAME_START_S = 0.5
_POSITION_DIGITS = 2
_LONGEST_SERIES_S = 86400.0
_LARGEST_USUAL_SHARE = 0.6
_GATE_TIMES = ("TriggerTime", "NominalCardiacTriggerDelayTime", "NominalRespiratoryTriggerDelayTime")


@dataclass(frozen=True)
class _Timing:
    """Of the frames of a series, in their order: offsets from the start of the series, durations (None: as in the headers), shares of the counting time."""

    kind: str
    source: str
    start: datetime | None
    offsets_s: list[float]
    durations_s: list[float | None]
    shares: list[float]
    warning: str = ""


def time_frames(series: FoundSeries, typed_durations_s=None) -> tuple[FoundSeries, ...]:
    """The time frames of an activity series, each as a series of its own with "#1", "#2" after the UID; a static one as it is.

    typed_durations_s: a number, or one for each frame, in s; the frames of a dynamic series then follow each other without pause.
    Raises DosimetryError for frames that are incomplete, and for a dynamic series that does not tell when its frames start.
    """
    with readable(series.label):
        if series.sop_class == NM:
            return _nm_time_frames(series, typed_durations_s)
        return _slice_time_frames(series, typed_durations_s)


def _nm_time_frames(series: FoundSeries, typed) -> tuple[FoundSeries, ...]:
    header, where = series.header, series.label
    vectors = index_vectors(header, where)
    if not vectors.keys:
        return (series,)
    groups: dict[tuple, list[int]] = {}
    for frame, key in enumerate(vectors.keys):
        groups.setdefault(key, []).append(frame)
    keys = sorted(groups)
    slices = [
        sorted(vectors.slices[frame] for frame in groups[key]) if vectors.slices else list(range(len(groups[key])))
        for key in keys
    ]
    if any(numbers != slices[0] for numbers in slices[1:]) or len(set(slices[0])) != len(slices[0]):
        raise DosimetryError(
            f"Expected every slice once in each of the {len(keys)} time frames of {where}, received {min(map(len, slices))} to {max(map(len, slices))} "
            "slices in a frame; send the object again."
        )
    found = series.find("acquisition_start")
    timing = _believable(_nm_timing(header, vectors, keys, typed, where, None if found is None else found.value), header, where)
    parts = []
    for number, key in enumerate(keys):
        flat = _copy(header)
        put(flat, "NumberOfFrames", len(groups[key]))
        if vectors.slices:
            put(flat, "SliceVector", [vectors.slices[frame] for frame in groups[key]])
        item = replace(series.objects[0], header=flat, frames=tuple(groups[key]))
        parts.append(replace(series, uid=f"{series.uid}#{number + 1}", objects=(item,), time_frame=_frame(timing, number)))
    return tuple(parts)


def _nm_timing(header, vectors, keys, typed, where: str, start) -> _Timing:
    count = len(keys)
    if vectors.kind == "gated":
        weights, source, doubt = gate_weights(header, keys)
        warning = f"{where}: {doubt}" if doubt else ""
        total = sum(weights)
        shares = [weight / total for weight in weights]
        return _Timing("gated", source or vectors.source, start, [0.0] * count, [None] * count, shares, warning)
    times, source, doubt = (None, "", "") if typed is not None else dynamic_times(header, vectors, keys, where)
    if times is None:
        times, source = _typed_times(typed, count, where), "frame_durations_s"
    text, warning = f"{vectors.source}; {source}", f"{where}: {doubt}" if doubt else ""
    return _Timing("dynamic", text, start, [time[0] for time in times], [time[1] for time in times], [1.0] * count, warning)


def _slice_time_frames(series: FoundSeries, typed) -> tuple[FoundSeries, ...]:
    where = series.label
    places: dict[tuple, list] = {}
    for item in series.objects:
        places.setdefault(_position(item.header), []).append(item)
    counts = {len(items) for items in places.values()}
    if counts == {1}:
        return (series,)
    named = _named_kind(series.header)
    if len(counts) > 1:
        if not named:
            return (series,)  # nothing says time frames: the grid refuses slices that come twice
        raise DosimetryError(
            f"Expected every slice in each of the {max(counts)} time frames of {where}, received one position only {min(counts)} times; "
            "send the complete series."
        )
    count = counts.pop()
    columns = []
    for items in places.values():
        ranked = sorted(((_rank(item, named), item) for item in items), key=lambda pair: pair[0])
        if any(first[0] == second[0] for first, second in itertools.pairwise(ranked)):
            return (series,)  # nothing tells them apart: the grid refuses slices that come twice
        columns.append([item for _, item in ranked])
    frames = [tuple(column[number] for column in columns) for number in range(count)]
    _check_alike(frames, where)
    timing = _believable(_slice_timing(frames, named, typed, where), series.header, where)
    return tuple(
        replace(series, uid=f"{series.uid}#{number + 1}", objects=objects, time_frame=_frame(timing, number))
        for number, objects in enumerate(frames)
    )


def _check_alike(frames, where: str) -> None:
    """Refuse slices that do not carry what tells frames apart, or carry another gate than their frame: they could be in the wrong one."""
    items = [item for objects in frames for item in objects]
    headers = [item.header for item in items]
    sources = {"" if (found := item.find("acquisition_start")) is None else found.source for item in items}
    if len(sources) > 1:
        raise DosimetryError(
            f"Expected the acquisition time of every slice of {where} in one place, received it in {len(sources)}; send the complete series."
        )
    for keyword in ("FrameReferenceTime", "TemporalPositionIndex", *_GATE_TIMES):
        known = [_number(header, keyword) for header in headers]
        if None in known and len(set(known)) > 1:
            raise DosimetryError(
                f"Expected {tag_label(keyword)} in every slice of {where}, received {known.count(None)} without; send the complete series."
            )
        for objects in frames if keyword != "FrameReferenceTime" else ():
            if len({_number(item.header, keyword) for item in objects}) > 1:
                raise DosimetryError(
                    f"Expected one {tag_label(keyword)} for all slices of a time frame of {where}, received several; send the complete series."
                )


def _slice_timing(frames, named: str, typed, where: str) -> _Timing:
    count = len(frames)
    starts = [_earliest(objects) for objects in frames]
    known = all(start is not None for start in starts)
    offsets = [seconds_between(starts[0], start) for start in starts] if known else [0.0] * count
    apart = known and all(second - first > _SAME_START_S for first, second in itertools.pairwise(offsets))
    gates = [_gate_time(objects[0].header) for objects in frames]
    if named == "gated" or (not named and not apart and None not in gates and len(set(gates)) == count):
        weights = [_number(objects[0].header, "FrameTime") for objects in frames]
        same = None in weights or min(weights) <= 0
        shares = [1.0 / count] * count if same else [weight / sum(weights) for weight in weights]
        warning = f"{where}: {warned('gates_without_times')}" if same else ""
        source = _gate_source(frames[0][0].header)
        return _Timing("gated", source, starts[0], [0.0] * count, [None] * count, shares, warning)
    if typed is not None:
        times = _typed_times(typed, count, where)
        return _Timing("dynamic", "frame_durations_s", starts[0], [t[0] for t in times], [t[1] for t in times], [1.0] * count)
    if apart:
        source = frames[0][0].find("acquisition_start").source
        return _Timing("dynamic", source, starts[0], offsets, [None] * count, [1.0] * count)
    return _other_start(frames, starts[0], where)


def _other_start(frames, start, where: str) -> _Timing:
    """Starts of frames whose acquisition times do not tell: from the reference times, or from temporal positions."""
    count, items = len(frames), [objects[0] for objects in frames]
    headers = [item.header for item in items]
    series_time, references = items[0].find("series_time"), [_number(header, "FrameReferenceTime") for header in headers]
    if series_time is not None and None not in references and all(b > a for a, b in itertools.pairwise(references)):
        moments = [reference / 1000.0 - time_of_mean_s(item) for reference, item in zip(references, items)]
        if max(abs(moment) for moment in moments) > _LONGEST_SERIES_S:
            raise _no_times(where, count)
        first = series_time.value + timedelta(seconds=moments[0])
        source = f"{tag_label('FrameReferenceTime')} - time of the mean activity"
        return _Timing("dynamic", source, first, [moment - moments[0] for moment in moments], [None] * count, [1.0] * count)
    steps = [_number(header, "TemporalPositionTimeOffset") for header in headers]
    if None not in steps and all(b > a for a, b in itertools.pairwise(steps)):
        return _Timing(
            "dynamic",
            tag_label("TemporalPositionTimeOffset"),
            start,
            [s - steps[0] for s in steps],
            [None] * count,
            [1.0] * count,
        )
    raise _no_times(where, count)


def _believable(timing: _Timing, header, where: str) -> _Timing:
    """The timing with its doubts. Raises DosimetryError for frames that are days apart."""
    span, count = (
        max(offset + (duration or 0.0) for offset, duration in zip(timing.offsets_s, timing.durations_s)),
        len(timing.offsets_s),
    )
    if not 0 <= span < _LONGEST_SERIES_S:
        raise DosimetryError(
            f"Expected time frames within a day in {where}, received some over {span:.6g} s; type the override frame_durations_s."
        )
    doubts = [timing.warning] * bool(timing.warning)
    if max(timing.shares) > _LARGEST_USUAL_SHARE and timing.kind == "gated":
        doubts.append(f"{where}: {warned('gate_holds_most_of_the_time', count=count, share=max(timing.shares))}")
    names = ("NumberOfTimeSlices",) if timing.kind == "dynamic" else ("NumberOfTimeSlots", "NumberOfRRIntervals")
    stated = [_number(header, name) for name in names]
    if (
        stated[0] is not None
        and _counts_all(header, timing.kind)
        and math.prod(1.0 if number is None else number for number in stated) != count
    ):
        doubts.append(
            f"{where}: {warned('frames_differ_from_stated_number', count=count, tag=tag_label(names[0]), stated=stated[0])}"
        )
    return replace(timing, warning="; ".join(doubts))


def _counts_all(header, kind: str) -> bool:
    """Whether the number of time frames is that of the series: Number of Time Slices of a Nuclear Medicine object counts in one phase."""
    return kind == "gated" or str(header.get("Modality", "")) == "PT"


def _typed_times(typed, count: int, where: str) -> list[tuple[float, float]]:
    """(offset, duration) of frames that follow each other."""
    if typed is None:
        raise _no_times(where, count)
    given = list(typed) if isinstance(typed, (list, tuple)) else [typed] * count
    good = all(isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf for value in given)
    if len(given) != count or not good:
        raise DosimetryError(
            f"Expected frame_durations_s as one number or {count} positive numbers in s for {where}, received {typed!r}."
        )
    ends = np.cumsum(given)
    return [(float(end - value), float(value)) for end, value in zip(ends, given)]


def _no_times(where: str, count: int) -> DosimetryError:
    return DosimetryError(
        f"Expected the start of each of the {count} time frames of {where}, received none; type the override frame_durations_s."
    )


def _frame(timing: _Timing, number: int) -> TimeFrame:
    return TimeFrame(
        number + 1,
        len(timing.offsets_s),
        timing.kind,
        timing.source,
        timing.start,
        timing.offsets_s[number],
        timing.durations_s[number],
        timing.shares[number],
        timing.warning,
    )


def _named_kind(header) -> str:
    """Kind that the file names: "dynamic", "gated" or ""."""
    words = words_of(header, "SeriesType") + words_of(header)
    return next((kind for kind in ("gated", "dynamic") if kind.upper() in words), "")


def _position(header) -> tuple:
    value = header.get("ImagePositionPatient")
    if value is None or isinstance(value, str) or not hasattr(value, "__iter__"):
        return (str(value),)
    return tuple(round(number_of(part, "Image Position"), _POSITION_DIGITS) + 0.0 for part in value)


def _rank(item: FoundObject, named: str) -> tuple:
    start, header = item.find("acquisition_start"), item.header
    numbers = [_number(header, key) for key in ("FrameReferenceTime", *_GATE_TIMES, "TemporalPositionIndex")]
    if named:  # Image Index counts through the time frames only where there are some
        numbers.append(_number(header, "ImageIndex"))
    return ("" if start is None else start.value.isoformat(), *(-math.inf if number is None else number for number in numbers))


def _earliest(objects) -> datetime | None:
    starts = [found.value for item in objects if (found := item.find("acquisition_start")) is not None]
    return min(starts, key=lambda moment: seconds_between(starts[0], moment)) if len(starts) == len(objects) else None


def _gate_time(header) -> float | None:
    return next((value for key in _GATE_TIMES if (value := _number(header, key)) is not None), None)


def _gate_source(header) -> str:
    key = next((key for key in _GATE_TIMES if _number(header, key) is not None), "SeriesType")
    return tag_label(key)


def _number(header, keyword: str) -> float | None:
    value = element_value(header, keyword)
    return None if value is None else number_of(value, tag_label(keyword))


def _copy(header):
    from pydicom.dataset import Dataset

    flat = Dataset()
    flat.update(header)
    return flat
