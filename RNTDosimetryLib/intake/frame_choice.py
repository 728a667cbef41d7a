"""Which time frames of a dynamic or gated series become time points, and the mean of frames as one image."""

import math
from dataclasses import replace

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.volumes import ActivityImage
from RNTDosimetryLib.intake.headers import words_of
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.series import FoundSeries, TimeFrame
from RNTDosimetryLib.intake.sop_classes import NM
from RNTDosimetryLib.intake.time_frames import time_frames
from RNTDosimetryLib.nuclides.decay import acquisition_average_factor

EACH, MEAN = "each", "mean"
_SAME_SCAN_S = 1.0


def scans_of(series_list, ledger: Ledger) -> list[tuple[FoundSeries, ...]]:
    """Of each time point the volumes that it is made of: one, or the frames whose mean it is.

    By default every frame of a dynamic series is a time point and a gated series gives the mean of its gates, with a warning. The override
    ``time_frames`` (each, mean, or the number of a frame) says otherwise. Raises DosimetryError for another choice.
    """
    scans = []
    for series in _with_gates_in_files(series_list):
        overrides = ledger.series_overrides(series[0].uid, 0)
        parts = series if len(series) > 1 else time_frames(series[0], overrides.get("frame_durations_s"))
        if parts[0].time_frame is None:
            _refuse_choice_of_static(overrides, series[0], ledger)
            scans.append(parts)
            continue
        scans += _chosen(parts, series[0].label, overrides.get("time_frames"), ledger)
    return scans


def scan_uid(scan: tuple[FoundSeries, ...]) -> str:
    """UID of a time point: of its volume, of the whole series for the mean of frames."""
    return scan[0].uid.split("#")[0] if len(scan) > 1 else scan[0].uid


def mean_of_frames(images, shares, decay_constant_per_h: float, name: str) -> ActivityImage:
    """Mean of frames of one series as one image at the start of the first.

    shares: counting time of each gate over all; None for dynamic frames, which count by their duration. With m_i the mean during frame i of
    duration d_i and start t_i, C = sum d_i m_i / sum d_i exp(-lambda (t_i - t_0)) / f_i, f = lambda d / (1 - exp(-lambda d)):
    exact for a distribution that only decays, and for gates, which all have t_0 and d, the mean weighted by counting time.
    Raises DosimetryError for frames on different grids, and for dynamic frames without duration.
    """
    first = images[0]
    if any(not first.geometry.same_grid(image.geometry) for image in images[1:]):
        raise DosimetryError(
            f"Expected time frames on one grid in '{name}', received different ones; choose one frame with the override time_frames."
        )
    weights = shares
    if weights is None:
        if any(image.duration_s is None for image in images):
            raise DosimetryError(
                f"Expected the duration of every time frame of '{name}' for their mean, received none; type the override frame_durations_s."
            )
        weights = [image.duration_s for image in images]
    total, norm = np.zeros(first.geometry.size), 0.0
    for image, weight in zip(images, weights):
        average = float(acquisition_average_factor(decay_constant_per_h / 3600.0, image.duration_s or 0.0))
        total += weight / average * image.concentration_bq_ml
        norm += weight / average * math.exp(-decay_constant_per_h * (image.start_h - first.start_h))
    end_h = max(image.start_h + (image.duration_s or 0.0) / 3600.0 for image in images)
    duration = None if first.duration_s is None else (end_h - first.start_h) * 3600.0
    warnings = tuple(dict.fromkeys(text for image in images for text in image.warnings))
    return replace(first, name=name, concentration_bq_ml=total / norm, duration_s=duration, warnings=warnings)


def _chosen(parts, where: str, choice, ledger: Ledger) -> list[tuple[FoundSeries, ...]]:
    frame, count = parts[0].time_frame, len(parts)
    number = isinstance(choice, int) and not isinstance(choice, bool)
    if choice not in (None, EACH, MEAN) and not (number and 1 <= choice <= count):
        raise DosimetryError(
            f"Expected time_frames each, mean or a number from 1 to {count} for {where}, received {choice!r}; correct it."
        )
    used = choice if choice is not None else MEAN if frame.kind == "gated" else EACH
    uses = {EACH: "each a time point", MEAN: "their time-weighted mean is the image"}
    text = f"{count} {frame.kind}, {uses.get(used, f'only frame {used} is used')}"
    ledger.record("time frames", text, "", frame.source, where, "derived" if choice is None else "override")
    if frame.warning:
        ledger.warn(frame.warning)
    if number:
        return [(parts[choice - 1],)]
    if used == EACH:
        if frame.kind == "gated":
            raise DosimetryError(
                f"Expected the mean or one gate of {where}, whose {count} gates were taken at the same time, received each; type mean or a number."
            )
        return [(part,) for part in parts]
    if choice is None:
        ledger.warn(f"{where}: {warned('gates_averaged', count=count)}")
    return [tuple(parts)]


def _refuse_choice_of_static(overrides, series: FoundSeries, ledger: Ledger) -> None:
    own = ledger.overrides.get("time_points", {}).get(series.uid, {})
    if own.get("time_frames") is not None or own.get("frame_durations_s") is not None:
        raise DosimetryError(
            f"Expected a dynamic or gated series for time_frames and frame_durations_s, received {series.label}, which is static; take them out."
        )


def _with_gates_in_files(series_list) -> list[tuple[FoundSeries, ...]]:
    """Gated reconstructions of which every gate is a file of its own: files of one series that started together, as one."""
    groups: dict[tuple, list[FoundSeries]] = {}
    for series in series_list:
        key: tuple = (series.uid,)
        if (
            series.sop_class == NM
            and any("GATED" in word for word in words_of(series.header))
            and int(series.header.get("NumberOfTimeSlots", 1) or 1) <= 1
        ):
            start = series.find("acquisition_start")
            key = (str(series.header.get("SeriesInstanceUID", "")), None if start is None else start.value)
        groups.setdefault(key, []).append(series)
    return [tuple(group) if len(group) == 1 else _as_gates(group) for group in groups.values()]


def _as_gates(group) -> tuple[FoundSeries, ...]:
    ordered = sorted(group, key=lambda series: (int(series.header.get("InstanceNumber", 0) or 0), series.uid))
    start = ordered[0].find("acquisition_start")
    warning = f"{ordered[0].label}: {warned('gates_in_files_without_times', count=len(ordered))}"
    return tuple(
        replace(
            series,
            uid=f"{ordered[0].uid}#{number}",
            time_frame=TimeFrame(
                number,
                len(ordered),
                "gated",
                "one file for each gate",
                None if start is None else start.value,
                0.0,
                None,
                1.0 / len(ordered),
                warning,
            ),
        )
        for number, series in enumerate(ordered, start=1)
    )
