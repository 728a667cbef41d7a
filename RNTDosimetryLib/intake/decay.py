"""Decay correction as a writer applied it, undone and brought to the start of the acquisition."""

import math
from datetime import datetime, timedelta

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake.administration import half_life_in_file_s
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.series import NM
from RNTDosimetryLib.intake.tags import element_value, find, number_of, seconds_between, tag_label, typed_datetime
from RNTDosimetryLib.intake.timing import Timing, time_of_mean_s
from RNTDosimetryLib.intake.units import DECAY_CORRECTIONS, check_decay_factor
from RNTDosimetryLib.nuclides.decay import acquisition_average_factor

_SERIES_TIME_SLACK_S = 60.0
_NOTABLE_CHANGE = 0.005
_LONGEST_USUAL_SCAN_S = 3600.0
_LONGEST_SERIES_S = 86400.0
_PRIVATE = ") private, "
_TYPED_REFERENCE = "decay_reference_time (override)"


def decay_to_start(series, headers, administration, timing: Timing, overrides, ledger: Ledger, where: str):
    """Factor that turns values as decay corrected by the writer into the true ones at the start of acquisition, per slice."""
    from RNTDosimetryLib.nuclides import get_nuclide

    correction = _decay_correction(headers[0], overrides, ledger, where)
    table_constant = get_nuclide(administration.nuclide).decay_constant_per_h / 3600.0
    in_file = half_life_in_file_s(series)
    constant = math.log(2.0) / in_file if in_file is not None else table_constant
    duration = None if timing.duration_s is None else float(timing.duration_s[0])
    found = find(headers[0], "decay_factor")
    stored_factor = found.value if found is not None else None
    if series.sop_class == NM and series.time_frame is not None and series.time_frame.number > 1:
        stored_factor = None  # one factor for all frames of the object: it tells of the first alone
    if stored_factor is not None:
        ledger.record("decay factor", stored_factor, "", found.source, where)
        if not 0.01 < stored_factor < 1e6:
            raise DosimetryError(
                f"Expected a Decay Factor above 0 in {where}, received {stored_factor:g}; type the override decay_correction."
            )
    typed = "decay_correction" in overrides
    if correction == "NONE":
        if stored_factor is not None and abs(stored_factor - 1.0) > 0.02 and not typed:
            raise DosimetryError(
                f"Expected Decay Factor 1 with Decay Correction NONE in {where}, received {stored_factor:g}; type the override decay_correction."
            )
        average = _average_factor(table_constant, timing, ledger, where)
        return average * np.exp(table_constant * timing.offsets_s)
    candidates = _reference_candidates(headers[0], correction, administration, timing, overrides, where)
    offset = {name: seconds_between(moment, timing.start) for name, moment in candidates.items()}
    chosen = next(iter(candidates))
    if stored_factor is not None and not typed:
        frame_offset = float(timing.offsets_s[0])
        agrees = check_decay_factor(
            stored_factor, {name: value + frame_offset for name, value in offset.items()}, constant, duration
        )
        if agrees is None:
            raise DosimetryError(
                f"Expected a Decay Factor of {math.exp(constant * (offset[chosen] + frame_offset)):.4g} for Decay Correction {correction} in {where}, "
                f"received {stored_factor:g}; type the override decay_correction or decay_reference_time."
            )
        chosen = agrees
    change = [math.exp(-constant * value) for value in offset.values()]
    if len(change) > 1 and max(change) / min(change) - 1 > _NOTABLE_CHANGE and stored_factor is None:
        ledger.warn(
            f"{where}: START may mean {' or '.join(offset)}, which differ by {max(change) / min(change) - 1:.1%}; {chosen} was taken"
        )
    ledger.record(
        "decay reference", candidates[chosen], "", chosen, where, "override" if chosen == _TYPED_REFERENCE else "derived"
    )
    return math.exp(-constant * offset[chosen])


def _decay_correction(header, overrides, ledger: Ledger, where: str) -> str:
    found, typed = find(header, "decay_correction"), overrides.get("decay_correction")
    corrections = find(header, "corrected_image")
    listed = [] if corrections is None else [part.strip().upper() for part in str(corrections.value).split("\\")]
    if found is None and typed is None and listed and "DECY" not in listed:
        ledger.record("decay correction", "NONE", "", f"{corrections.source} without DECY", where)
        ledger.warn(f"{where}: taken as not decay corrected, because Corrected Image lists {', '.join(listed)} and not DECY")
        return "NONE"
    value = ledger.settle("decay correction", "", found, typed, where)
    if value is None:
        raise DosimetryError(
            f"Expected Decay Correction NONE, START or ADMIN in {where}, received none; type the override decay_correction."
        )
    value = str(value).strip().upper()
    if value not in DECAY_CORRECTIONS:
        raise DosimetryError(
            f"Expected Decay Correction NONE, START or ADMIN in {where}, received '{value}'; type the override decay_correction."
        )
    if typed is None and listed and (value == "NONE") == ("DECY" in listed):
        raise DosimetryError(
            f"Expected Decay Correction and Corrected Image of {where} to agree, received {value} and {', '.join(listed)}; "
            "type the override decay_correction."
        )
    return value


def _average_factor(decay_constant_per_s: float, timing: Timing, ledger: Ledger, where: str):
    if timing.duration_s is not None:
        return acquisition_average_factor(decay_constant_per_s, timing.duration_s)
    bound = float(acquisition_average_factor(decay_constant_per_s, _LONGEST_USUAL_SCAN_S)) - 1.0
    if bound > _NOTABLE_CHANGE:
        raise DosimetryError(
            f"Expected the acquisition duration in {where}, received none, and decay during the scan matters; type the override duration_s."
        )
    ledger.warn(
        f"{where}: the acquisition duration is not known; decay during the acquisition was neglected, at most {bound:.2%} for an hour"
    )
    return 1.0


def _reference_candidates(header, correction: str, administration, timing: Timing, overrides, where: str) -> dict[str, datetime]:
    """Moments to which the values may have been corrected, the most likely first."""
    override = overrides.get("decay_reference_time")
    if override is not None:
        return {_TYPED_REFERENCE: typed_datetime(override, "decay_reference_time")}
    named = find(header, "decay_reference_time")
    private = named is not None and _PRIVATE in named.source
    if named is not None and not private and correction in ("START", "TIME"):
        return {named.source: named.value}
    if correction == "TIME":
        raise DosimetryError(
            f"Expected the moment of decay correction in {where}, received none; type the override decay_reference_time."
        )
    if correction == "ADMIN":
        return {"administration time": administration.time}
    own = {} if timing.start == timing.series_start else {"start of this frame": timing.start}
    begin = {"acquisition start": timing.series_start}
    scanned = find(header, "series_scan_time")
    if scanned is not None and seconds_between(scanned.value, timing.series_start) > -_SERIES_TIME_SLACK_S:
        begin = {scanned.source: scanned.value, **begin}
    if private:  # dates of private elements may have been left behind when a file was made anonymous
        begin = {named.source: named.value, **begin}
    series_time = find(header, "series_time")
    if series_time is None or abs(seconds_between(series_time.value, timing.series_start)) <= _SERIES_TIME_SLACK_S:
        return begin | own
    by_reference = _by_reference_time(header, timing)
    if seconds_between(series_time.value, timing.series_start) < 0:  # a series time after the scan is the time of processing
        stated = begin if private or scanned is not None else by_reference | begin
        return stated | by_reference | own | {"series time": series_time.value}
    if private:
        return begin | {"series time": series_time.value} | own
    return {"series time": series_time.value} | begin | own | by_reference


def _by_reference_time(header, timing: Timing) -> dict[str, datetime]:
    """Start of the series by Frame Reference Time, which counts from it to when the activity equals its mean over the frame (PS3.3 C.8.9.4.1.5)."""
    reference = element_value(header, "FrameReferenceTime")
    if reference is None:
        return {}
    seconds = number_of(reference, tag_label("FrameReferenceTime")) / 1000.0
    if not 0 < seconds < _LONGEST_SERIES_S:
        return {}
    moment = timing.start + timedelta(seconds=float(timing.offsets_s[0]) + time_of_mean_s(header) - seconds)
    return {f"acquisition start - {tag_label('FrameReferenceTime')}": moment}
