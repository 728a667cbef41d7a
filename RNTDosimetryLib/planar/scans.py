"""Planar acquisitions from DICOM: anterior and posterior view with photopeak and scatter windows, whole body or spot."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record, checked_path
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.intake.inventory import note_files, refuse_twins
from RNTDosimetryLib.intake.ledger import NOT_USED, Ledger, positive_number
from RNTDosimetryLib.intake.records import IntakeRow
from RNTDosimetryLib.intake.series import is_planar, scan_folder
from RNTDosimetryLib.intake.tags import entered_datetime, find, seconds_between
from RNTDosimetryLib.planar.activity import PlanarView
from RNTDosimetryLib.planar.frames import ANTERIOR, POSTERIOR, PlanarFrame, PlanarObject, planar_object
from RNTDosimetryLib.planar.orientation import orientations, turned
from RNTDosimetryLib.planar.views import checked_typed, choose_windows, front_and_back

_SAME_ACQUISITION_S = 900.0
_SLOWEST_MM_S, _FASTEST_MM_S = 0.1, 100.0
_TIMES_AGREE = 1.2


@dataclass(frozen=True, eq=False)
class PlanarScan(Record):
    """One planar acquisition. Both views are seen from the front: patient's right on the left, head up, so that ``conjugate_activity`` takes them
    with ``mirror_posterior=False``.

    spacing_mm: (rows, columns). duration_s of the views: how long each point was looked at (whole body: field of view / velocity).
    elapsed_s: of the whole acquisition. kind: "whole body" or "spot". table: where every value was read.
    """

    name: str
    anterior: PlanarView
    posterior: PlanarView
    spacing_mm: tuple[float, float]
    kind: str
    peak: str
    acquisition_start: datetime | None
    elapsed_s: float | None
    recognized: str
    table: tuple[IntakeRow, ...] = ()
    warnings: tuple[str, ...] = ()
    files: tuple[str, ...] = field(default=(), metadata=NOT_WRITTEN)

    def start_h(self, administration_time) -> float:
        """Hours from the administration to when a point in the middle of the picture came into view (exact for spots).

        Raises DosimetryError when the acquisition has no time or starts before the administration.
        """
        if self.acquisition_start is None:
            raise DosimetryError(
                f"Expected the date and time of acquisition of '{self.name}', received none; type acquisition_start."
            )
        moment = entered_datetime(administration_time, "administration_time")
        waiting = max(0.0, (self.elapsed_s or 0.0) - self.anterior.duration_s) / 2.0 if self.kind == "whole body" else 0.0
        hours = (seconds_between(moment, self.acquisition_start) + waiting) / 3600.0
        if hours < 0:
            raise DosimetryError(
                f"Expected '{self.name}' after the administration at {moment}, received {-hours:.2f} h before it; correct one of them."
            )
        return hours


def read_planar_scan(paths: str | Path | Sequence[str | Path], typed: dict | None = None) -> PlanarScan:
    """The two views of one planar acquisition, from one file with both or two files with one each.

    typed (docs/planar.md): peak_kev, anterior_frame, anterior_mirrored, posterior_mirrored, duration_s, field_of_view_mm, acquisition_start.
    Views are told apart by view code, detector angle or words; photopeak and scatter by the limits of the energy windows; orientation by the
    Image Orientation of the detectors, without which rows run from head to feet and the posterior view is as its camera sees the patient. Where the
    orientations of opposite heads contradict each other or the pictures, the correlation of the two views decides, with a warning.
    Raises DosimetryError for other objects, and for views, windows and durations that are missing, ambiguous or contradict.
    """
    named = paths if isinstance(paths, (list, tuple)) else [paths]
    return _scan([planar_object(checked_path(path, "a planar image")) for path in named], checked_typed(typed))


def read_planar_folder(folder, typed: dict | None = None, progress=None) -> tuple[PlanarScan, ...]:
    """All planar acquisitions of a folder and the folders in it, in the order of time. Views in files of their own are paired by time and size.

    Raises DosimetryError as ``read_planar_scan``, and for a folder without planar images.
    """
    folder, report = checked_path(folder, "a folder of DICOM files"), progress or (lambda fraction, text: None)
    found = scan_folder(folder, lambda fraction, text: report(0.9 * fraction, text))
    planar = [item for series in found.series for item in series.objects if is_planar(item.header)]
    if not planar:
        raise DosimetryError(
            f"Expected planar NM images (STATIC or WHOLE BODY) in {folder.name}, found none among {len(found.series)} series; choose another."
        )
    there = Ledger(None)
    note_files(folder, found, there)
    refuse_twins(folder, found, found.series)
    objects = [planar_object(item.path) for item in planar]
    scans = [_scan(group, checked_typed(typed)) for group in _paired(objects)]
    scans[0] = replace(scans[0], table=(*there.rows, *scans[0].table), warnings=(*there.warnings, *scans[0].warnings))
    report(1.0, f"{len(scans)} planar acquisitions read")
    if len(scans) > 1 and any(scan.acquisition_start is None for scan in scans):
        raise DosimetryError(
            f"Expected the date and time of every planar acquisition in {folder.name}, received one without; read it by itself and type it."
        )
    return tuple(
        sorted(
            scans, key=lambda scan: seconds_between(scans[0].acquisition_start, scan.acquisition_start) if len(scans) > 1 else 0.0
        )
    )


def _paired(objects: list[PlanarObject]) -> list[list[PlanarObject]]:
    """Objects with both views alone; those with one view in pairs of the same size that started together."""
    groups, waiting = [], []
    for item in objects:
        if len({frame.view for frame in item.frames}) > 1 or len(item.frames) > max(1, len(item.windows)):
            groups.append([item])
            continue
        partner = next((other for other in waiting if _belong_together(item, other)), None)
        if partner is None:
            waiting.append(item)
        else:
            waiting.remove(partner)
            groups.append([partner, item])
    return groups + [[item] for item in waiting]


def _belong_together(one: PlanarObject, other: PlanarObject) -> bool:
    starts = [find(item.header, "acquisition_start") for item in (one, other)]
    near = None not in starts and abs(seconds_between(starts[0].value, starts[1].value)) <= _SAME_ACQUISITION_S
    return (
        near
        and one.frames[0].counts.shape == other.frames[0].counts.shape
        and {one.frames[0].view, other.frames[0].view} == {ANTERIOR, POSTERIOR}
    )


def _scan(objects: list[PlanarObject], typed: dict) -> PlanarScan:
    ledger, first = Ledger(None), objects[0]
    name = str(first.header.get("SeriesDescription", "") or "") or Path(first.path).name
    for item in objects:
        for text in item.warnings:
            ledger.warn(text)
    if any(item.windows != first.windows or item.kind != first.kind for item in objects):
        raise DosimetryError(
            f"Expected views of one acquisition with the same energy windows, received different ones in '{name}'; choose files of one acquisition."
        )
    kind = first.kind or "spot"
    peak, lower, upper = choose_windows(first.windows, typed, name, ledger)
    frames = [(item, frame) for item in objects for frame in item.frames]
    numbers = {frame.window for _, frame in frames}
    if not numbers <= set(range(max(1, len(first.windows)))):
        raise DosimetryError(
            f"Expected Energy Window Information for all {len(numbers)} energy windows of '{name}', received {len(first.windows)}; send the acquisition again."
        )
    used = {number for number, _ in (peak, lower, upper) if number is not None}
    views = front_and_back([pair for pair in frames if pair[1].window == peak[0]], typed, name, ledger)
    duration, elapsed = _durations(first, kind, typed, name, ledger)
    flips = orientations({view: frame for view, (_, frame) in views.items()}, typed, name, ledger)
    pictures = {}
    for view, (item, frame) in views.items():
        counts = {}
        for key, (number, _) in (("counts", peak), ("lower", lower), ("upper", upper)):
            found = [
                other
                for owner, other in frames
                if number is not None and owner is item and other.window == number and other.view == frame.view
            ]
            if number is not None and len(used) > 1 and len(found) != 1:
                found = _by_place(item, frame, number, name)
            chosen = frame if key == "counts" else found[0] if found else None
            counts[key] = None if number is None else turned(chosen.counts, flips[view])
        widths = [None if window is None else window.width_kev for _, window in (peak, lower, upper)]
        pictures[view] = PlanarView(
            counts["counts"],
            duration,
            counts["lower"],
            counts["upper"],
            *(widths if lower[0] is not None else (None, None, None)),
        )
    start = _start(objects, typed, name, ledger)
    _note_unused(typed, name, ledger)
    return PlanarScan(
        name=name,
        anterior=pictures[ANTERIOR],
        posterior=pictures[POSTERIOR],
        spacing_mm=first.spacing_mm,
        kind=kind,
        peak=peak[1].name if peak[1] is not None else "",
        acquisition_start=start,
        elapsed_s=elapsed,
        recognized=next(iter(views.values()))[1].how if "anterior_frame" not in typed else "typed",
        table=tuple(ledger.rows),
        warnings=tuple(ledger.warnings),
        files=tuple(item.path for item in objects),
    )


def _note_unused(typed: dict, name: str, ledger: Ledger) -> None:
    """A row and a warning for what was typed and had no effect: a photopeak for one window, a field of view that no velocity goes with."""
    for key, what in (("peak_kev", "photopeak window"), ("field_of_view_mm", "field of view along the body")):
        if key in typed and not any(row.what == what and row.status == "override" for row in ledger.rows):
            ledger.record(f"override {key}", typed[key], "", "", name, NOT_USED)
            ledger.warn(f"{name}: {warned('planar_override_not_used', key=key, value=typed[key])}")


def _by_place(item: PlanarObject, frame: PlanarFrame, number: int, name: str) -> list[PlanarFrame]:
    """Frame of another window that stands at the same place among those of its window."""
    place = [other for other in item.frames if other.window == frame.window].index(frame)
    same = [other for other in item.frames if other.window == number]
    if place >= len(same):
        raise DosimetryError(
            f"Expected every energy window in both views of '{name}', received {len(same)} of window {number + 1}; send the acquisition again."
        )
    return [same[place]]


def _durations(item: PlanarObject, kind: str, typed: dict, name: str, ledger: Ledger) -> tuple[float, float | None]:
    """(s that each point was looked at, s of the whole acquisition)."""
    found = find(item.header, "planar_duration_s")
    value = None if found is None else found.value
    elapsed = None if value is None or not 0 < value < 86400 else float(value)
    if "duration_s" in typed:
        ledger.settle("time at each point", "s", found, positive_number(typed["duration_s"], "duration_s"), name)
        return float(typed["duration_s"]), elapsed
    if kind == "whole body":
        dwell = _dwell(item, typed, name, ledger)
        if dwell is not None:
            if elapsed is None:
                ledger.warn(f"{name}: {warned('planar_duration_not_known')}")
            if elapsed is not None and dwell > elapsed * 1.01:
                raise DosimetryError(
                    f"Expected a field of view that passes each point in less than the {elapsed:g} s of '{name}', received {dwell:g} s; "
                    "type field_of_view_mm or duration_s."
                )
            return dwell, elapsed
        ledger.warn(f"{name}: {warned('planar_speed_not_known')}")
    if elapsed is None:
        raise DosimetryError(
            f"Expected the duration of '{name}' in Actual Frame Duration, received {'none' if value is None else f'{value:g} s'}; type duration_s."
        )
    ledger.settle("acquisition duration", "s", found, None, name)
    return elapsed, elapsed


def _dwell(item: PlanarObject, typed: dict, name: str, ledger: Ledger) -> float | None:
    velocity = find(item.header, "scan_velocity_mm_s")
    if velocity is None or not velocity.value > 0:
        return None
    field_found = find(item.header, "field_of_view_mm")
    length = positive_number(typed["field_of_view_mm"], "field_of_view_mm") if "field_of_view_mm" in typed else None
    if length is None and field_found is None:
        return None
    used = ledger.settle("field of view along the body", "mm", field_found, length, name)
    ledger.settle("scan velocity", "mm/s", velocity, None, name)
    if not (math.isfinite(used) and used > 0):
        return None
    if not _SLOWEST_MM_S <= velocity.value <= _FASTEST_MM_S:
        raise DosimetryError(
            f"Expected a scan velocity of {_SLOWEST_MM_S:g} to {_FASTEST_MM_S:g} mm/s in '{name}', received {velocity.value:.6g}; type duration_s, the time at each point."
        )
    travel, elapsed = find(item.header, "scan_length_mm"), find(item.header, "planar_duration_s")
    if travel is not None and elapsed is not None and travel.value > 0:
        shortest, longest = travel.value / velocity.value, (travel.value + used) / velocity.value
        if not shortest / _TIMES_AGREE <= elapsed.value <= longest * _TIMES_AGREE:
            ledger.warn(
                f"{name}: {warned('planar_speed_contradicts', travel_mm=travel.value, velocity_mm_s=velocity.value, shortest_s=shortest, longest_s=longest, stated_s=elapsed.value)}"
            )
    ledger.record("time at each point", used / velocity.value, "s", "field of view / scan velocity", name, "derived")
    return float(used / velocity.value)


def _start(objects: list[PlanarObject], typed: dict, name: str, ledger: Ledger) -> datetime | None:
    starts = [found for item in objects if (found := find(item.header, "acquisition_start")) is not None]
    found = min(starts, key=lambda item: seconds_between(starts[0].value, item.value)) if starts else None
    override = entered_datetime(typed["acquisition_start"], "acquisition_start") if "acquisition_start" in typed else None
    return ledger.settle("acquisition start", "", found, override, name)
