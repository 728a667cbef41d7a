"""The scans of a folder as a course: in order of time, bed positions joined, each scan once."""

import itertools
from dataclasses import replace
from datetime import datetime

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.intake.bed_positions import are_bed_positions, join_bed_positions
from RNTDosimetryLib.intake.frame_choice import scan_uid
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.records import TimePoint
from RNTDosimetryLib.intake.series import FoundSeries
from RNTDosimetryLib.intake.tags import seconds_between
from RNTDosimetryLib.intake.timing import acquisition_start_of
from RNTDosimetryLib.nuclides import get_nuclide

_SAME_SCAN_S = 60.0
_OVERLAP_SLACK_S = 5.0
"""Clocks are written in whole seconds, and frames that follow each other may touch."""
_LONGEST_COURSE_H = 24.0 * 60


def in_order_of_time(scans: list[tuple[FoundSeries, ...]], ledger: Ledger) -> list[tuple[FoundSeries, ...]]:
    """Scans by start of acquisition as their files say; those without a start come last, by UID."""
    starts: list[tuple[tuple[FoundSeries, ...], datetime | None]] = []
    for scan in scans:
        overrides = ledger.series_overrides(scan_uid(scan), 0, len(scan) > 1)
        try:
            start, _ = acquisition_start_of(scan[0], overrides, ledger)
        except DosimetryError:  # named with all else that is missing, when the headers are described
            start = None
        starts.append((scan, start))
    known = [pair for pair in starts if pair[1] is not None]
    unknown = sorted((pair[0] for pair in starts if pair[1] is None), key=scan_uid)
    ordered = [
        pair[0] for pair in sorted(known, key=lambda pair: (seconds_between(known[0][1], pair[1]), scan_uid(pair[0])))
    ] + unknown
    ledger.check_time_point_keys([scan_uid(scan) for scan in ordered])
    return ordered


def with_joined_beds(points: list[TimePoint], ledger: Ledger) -> list[TimePoint]:
    """Neighboring bed positions of one session as one time point."""
    groups: list[list[TimePoint]] = []
    for point in points:
        if groups and are_bed_positions(groups[-1][-1].activity, point.activity):
            groups[-1].append(point)
        else:
            groups.append([point])
    joined = []
    for group in groups:
        if len(group) == 1:
            joined.append(group[0])
            continue
        activity = join_bed_positions(
            [point.activity for point in group], get_nuclide(group[0].activity.nuclide).decay_constant_per_h
        )
        ledger.warn(activity.warnings[-1])
        end_s = max(
            seconds_between(group[0].acquisition_start, point.acquisition_start) + (point.span_s or 0.0) for point in group
        )
        joined.append(replace(group[0], activity=activity, warnings=activity.warnings, frames=(), span_s=end_s))
    return joined


def with_unique_names(points: list[TimePoint]) -> list[TimePoint]:
    """Names with as many digits as tell the time points apart: frames may start seconds apart after days."""
    for digits in range(5, 13):
        names = [point.name for point in points]
        if len(set(names)) == len(names):
            break
        points = [
            replace(point, name=f"{point.start_h:.{digits}g} h") if names.count(point.name) > 1 else point for point in points
        ]
    return points


def check_course(points: list[TimePoint], labels: dict[str, str], ledger: Ledger) -> None:
    """Raises DosimetryError for two images of one scan, and for another order of time than the files'. labels: of series by UID."""
    for earlier, later in itertools.pairwise(points):
        if later.start_h < earlier.start_h:
            raise DosimetryError(
                "Expected the time points in order of time after the overrides, received another order; "
                "type acquisition_start under the series UID instead of its number."
            )
    for earlier, later in itertools.combinations(points, 2):
        same_series = "#" in later.series_uid and earlier.series_uid.split("#")[0] == later.series_uid.split("#")[0]
        if not same_series:
            _refuse_one_scan_twice(earlier, later, labels)
    if points[-1].start_h > _LONGEST_COURSE_H:
        ledger.warn(warned("last_scan_is_late", days=points[-1].start_h / 24))


def _refuse_one_scan_twice(earlier: TimePoint, later: TimePoint, labels: dict[str, str]) -> None:
    """A patient lies in one camera at a time: two images that start together, or while the first is still being taken, are of one scan."""
    apart_s = (later.start_h - earlier.start_h) * 3600.0
    names = [f"{labels.get(point.series_uid, 'series')}, UID {point.series_uid}" for point in (earlier, later)]
    choose = f"name the UID of the one to leave out in the override ignore_series ({names[0]}; or {names[1]})"
    if apart_s < _SAME_SCAN_S:
        raise DosimetryError(
            f"Expected one reconstruction for each scan, received two that start at {later.acquisition_start}; {choose}."
        )
    if earlier.span_s is not None and apart_s + _OVERLAP_SLACK_S < earlier.span_s:
        raise DosimetryError(
            f"Expected one reconstruction for each scan, received two acquisitions that overlap: the first starts at {earlier.acquisition_start} and "
            f"takes {earlier.span_s:g} s, the second starts {apart_s:g} s later; {choose}."
        )
