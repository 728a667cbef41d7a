"""Decay correction as a writer applied it, undone and brought to the start of the acquisition."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.intake.clock import met
from RNTDosimetryLib.intake.headers import words_of
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.records import Administration
from RNTDosimetryLib.intake.series import FoundObject, FoundSeries, found_unless
from RNTDosimetryLib.intake.sop_classes import NM
from RNTDosimetryLib.intake.tags import element_value, number_of, seconds_between, tag_label
from RNTDosimetryLib.intake.timing import Timing, time_of_mean_s
from RNTDosimetryLib.intake.writer import Writer, intervals_of, table_decay_per_s
from RNTDosimetryLib.nuclides.decay import acquisition_average_factor

DECAY_CORRECTIONS = ("NONE", "START", "ADMIN", "TIME")
"""TIME: corrected to a moment that the file or an override names."""

_SERIES_TIME_SLACK_S = 60.0
_NOTABLE_CHANGE = 0.005
_LONGEST_USUAL_SCAN_S = 3600.0
_LONGEST_SERIES_S = 86400.0
_SMALLEST_FACTOR, _LARGEST_FACTOR = 0.01, 1e6
_HALF_LIVES_AGREE, _CLOCKS_AGREE_S, _DIGITS = 0.02, 60.0, 1e-3
_PRIVATE = ") private, "
_ENTERED_REFERENCE = "decay_reference_time (override)"


@dataclass(frozen=True)
class Reference:
    """A moment to which values may have been corrected: seconds from it to the start of acquisition are counted by the clock of the writer."""

    moment: datetime
    before_start_s: float


def stated_correction(series: FoundSeries, overrides: dict, ledger: Ledger, where: str) -> str:
    """NONE, START, ADMIN or TIME. Raises DosimetryError for none, another, and a Corrected Image that says otherwise."""
    entered = overrides.get("decay_correction")
    found = found_unless(series, "decay_correction", entered)
    corrections = found_unless(series, "corrected_image", entered)
    listed = [] if corrections is None else [word for word in words_of(series.header, "CorrectedImage") if word]
    if found is None and entered is None and listed and "DECY" not in listed:
        ledger.record("decay correction", "NONE", "", f"{corrections.source} without DECY", where)
        ledger.warn(warned("taken_as_not_decay_corrected", where=where, listed=", ".join(listed)))
        return "NONE"
    value = ledger.settle("decay correction", "", found, entered, where)
    if value is None:
        raise DosimetryError(
            f"Expected Decay Correction NONE, START or ADMIN in {where}, received none; type the override decay_correction."
        )
    value = str(value).strip().upper()
    if value not in DECAY_CORRECTIONS:
        raise DosimetryError(
            f"Expected Decay Correction NONE, START or ADMIN in {where}, received '{value}'; type the override decay_correction."
        )
    if entered is None and listed and (value == "NONE") == ("DECY" in listed):
        raise DosimetryError(
            f"Expected Decay Correction and Corrected Image of {where} to agree, received {value} and {', '.join(listed)}; "
            "type the override decay_correction."
        )
    return value


def decay_to_start(
    series: FoundSeries,
    objects: list[FoundObject],
    correction: str,
    administration: Administration,
    writer: Writer,
    timing: Timing,
    overrides: dict,
    ledger: Ledger,
    where: str,
):
    """Factor that turns values as decay corrected by the writer into the true ones at the start of acquisition, per slice or one for all."""
    entered = any(overrides.get(key) is not None for key in ("decay_correction", "decay_reference_time"))
    factors = [] if entered else _stored_factors(series, objects, ledger, where)
    known = [(index, factor) for index, factor in enumerate(factors) if factor is not None]
    if correction == "NONE":
        odd = next(((index, value) for index, value in known if abs(value - 1.0) > _HALF_LIVES_AGREE), None)
        if odd is not None:
            raise DosimetryError(
                f"Expected Decay Factor 1 with Decay Correction NONE in {where}, received {odd[1]:g} in {objects[odd[0]].name}; type the override decay_correction."
            )
        return not_corrected(administration.nuclide, timing, ledger, where)
    references = _references(series, objects, correction, administration, writer, timing, overrides, bool(known), ledger, where)
    chosen = next(iter(references))
    if known:
        chosen = _by_factor(known, objects, references, correction, writer, timing, where)
    change = [math.exp(-writer.decay_per_s * item.before_start_s) for item in references.values()]
    if len(change) > 1 and max(change) / min(change) - 1 > _NOTABLE_CHANGE and not known:
        ledger.warn(
            warned(
                "start_may_mean",
                where=where,
                moments=" or ".join(references),
                change=max(change) / min(change) - 1,
                chosen=chosen,
            )
        )
    ledger.record(
        "decay reference", references[chosen].moment, "", chosen, where, "override" if chosen == _ENTERED_REFERENCE else "derived"
    )
    return math.exp(-writer.decay_per_s * references[chosen].before_start_s) * within_frames(
        administration, writer, timing, ledger, where
    )


def within_frames(administration: Administration, writer: Writer, timing: Timing, ledger: Ledger, where: str):
    """What undoes the correction for decay during the frame, and makes it anew for the nuclide that was given: 1 where they are one nuclide.

    A correction to any moment holds the factor l d / (1 - exp(-l d)) of the writer's nuclide too (PS3.3 C.8.9.4, Decay Factor).
    """
    true = table_decay_per_s(administration.nuclide)
    if math.isclose(true, writer.decay_per_s, rel_tol=_HALF_LIVES_AGREE):
        return 1.0
    if timing.duration_s is None:
        raise DosimetryError(
            f"Expected the acquisition duration in {where}, received none, and its writer corrected for decay of another nuclide during it; type the override duration_s."
        )
    ratio = acquisition_average_factor(true, timing.duration_s) / acquisition_average_factor(
        writer.decay_per_s, timing.duration_s
    )
    ledger.record(
        "decay of another nuclide in the frame", float(np.ravel(ratio)[0]), "", "half-life in the file", where, "derived"
    )
    return ratio


def not_corrected(nuclide: str, timing: Timing, ledger: Ledger, where: str):
    """Factor from the mean over the acquisition of each slice to the start of the scan, for values that were not corrected for decay."""
    per_s = table_decay_per_s(nuclide)
    if timing.duration_s is None:
        bound = float(acquisition_average_factor(per_s, _LONGEST_USUAL_SCAN_S)) - 1.0
        if bound > _NOTABLE_CHANGE:
            raise DosimetryError(
                f"Expected the acquisition duration in {where}, received none, and decay during the scan matters; type the override duration_s."
            )
        ledger.warn(warned("duration_not_known", where=where, bound=bound))
        return np.exp(per_s * timing.offsets_s)
    if timing.beds_s:
        later = 1.0 - math.exp(-per_s * sum(timing.beds_s[:-1]))
        ledger.warn(warned("later_beds_decayed", where=where, share=later))
    return acquisition_average_factor(per_s, timing.duration_s) * np.exp(per_s * timing.offsets_s)


def _stored_factors(series: FoundSeries, objects: list[FoundObject], ledger: Ledger, where: str) -> list[float | None]:
    """Decay Factor of every slice, None without one."""
    frame = series.time_frame
    if series.sop_class == NM and frame is not None and frame.number > 1:
        return []  # one factor for all frames of the object: it tells of the first alone
    found = [item.find("decay_factor") for item in (objects[:1] if series.sop_class == NM else objects)]
    values = [None if item is None else float(item.value) for item in found]
    known = [value for value in values if value is not None]
    if known:
        text = f"{min(known):.8g}" + (f" to {max(known):.8g}" if max(known) > min(known) else "")
        ledger.record("decay factor", text, "", next(item.source for item in found if item is not None), where)
    for value in known:
        if not _SMALLEST_FACTOR < value < _LARGEST_FACTOR:
            raise DosimetryError(
                f"Expected a Decay Factor above 0 in {where}, received {value:g}; type the override decay_correction."
            )
    return values


def _by_factor(
    known, objects, references: dict[str, Reference], correction: str, writer: Writer, timing: Timing, where: str
) -> str:
    """The moment that the Decay Factors of all slices agree with. Raises DosimetryError when none does."""
    worst = {name: 0.0 for name in references}
    culprit = dict.fromkeys(references, known[0])
    for index, factor in known:
        duration = None if timing.duration_s is None else float(timing.duration_s[index])
        for name, item in references.items():
            miss = factor_miss(factor, item.before_start_s + float(timing.offsets_s[index]), writer.decay_per_s, duration)
            if miss > worst[name]:
                worst[name], culprit[name] = miss, (index, factor)
    best = min(worst, key=lambda name: worst[name])
    if worst[best] < 1.0:
        return best
    index, factor = culprit[best]
    seconds = references[best].before_start_s + float(timing.offsets_s[index])
    expected = math.exp(writer.decay_per_s * seconds)
    placeholder = " (which says that nothing was corrected)" if factor == 1.0 else ""
    ways = f"{correction} multiplies by {1 / expected:.4g}" if correction == "ADMIN" else f"{correction} was meant to {best}"
    raise DosimetryError(
        f"Expected a Decay Factor of {expected:.4g} for Decay Correction {correction} in {where}, received {factor:g}{placeholder} in {objects[index].name}: "
        f"a contradiction ({ways}, START with Decay Factor 1 leaves the values as they are); type the override decay_correction or decay_reference_time."
    )


def factor_miss(factor: float, before_s: float, decay_per_s: float, duration_s: float | None) -> float:
    """How far a stored Decay Factor is from exp(lambda before_s), with or without the decay during the frame; below 1 it agrees.

    Compared as logarithms: half-lives may differ by 2 %, clocks by a minute, digits by a thousandth. A factor of 1 for a correction that is more
    than this does not agree, however small the correction is beside the value.
    """
    within = (1.0,) if duration_s is None else (1.0, float(acquisition_average_factor(decay_per_s, duration_s)))
    misses = []
    for part in within:
        expected = decay_per_s * before_s + math.log(part)
        slack = _HALF_LIVES_AGREE * abs(expected) + decay_per_s * _CLOCKS_AGREE_S + _DIGITS
        misses.append(abs(math.log(factor) - expected) / slack)
    return min(misses)


def _references(
    series: FoundSeries,
    objects: list[FoundObject],
    correction: str,
    administration: Administration,
    writer: Writer,
    timing: Timing,
    overrides: dict,
    factor_decides: bool,
    ledger: Ledger,
    where: str,
) -> dict[str, Reference]:
    """Moments to which the values may have been corrected, the most likely first."""
    entered = overrides.get("decay_reference_time")
    if entered is not None:
        moment = met(entered, "decay_reference_time", timing.start, ledger, where)
        return {_ENTERED_REFERENCE: Reference(moment, seconds_between(moment, timing.start))}
    if correction == "ADMIN":
        if writer.administration is None:
            ledger.warn(warned("correction_to_unknown_administration", where=where, time=administration.time.isoformat(sep=" ")))
        intervals = intervals_of(writer, administration, timing, overrides, factor_decides, ledger, where)
        _check_named_moment(series, writer, intervals, overrides, where)
        return {name: Reference(timing.start - timedelta(seconds=seconds), seconds) for name, seconds in intervals.items()}
    moments = _moments_of_start(series, objects[0], correction, writer, timing, where)
    return {name: Reference(moment, seconds_between(moment, writer.start)) for name, moment in moments.items()}


def _check_named_moment(series: FoundSeries, writer: Writer, intervals: dict[str, float], overrides: dict, where: str) -> None:
    """Raises DosimetryError where the file names a moment of decay correction that is another than the administration of ADMIN."""
    if overrides.get("decay_correction") is not None:
        return
    named = series.find("decay_reference_time")
    if named is None or _PRIVATE in named.source:
        return
    before_s = seconds_between(named.value, writer.start)
    if all(abs(before_s - seconds) * writer.decay_per_s > _NOTABLE_CHANGE for seconds in intervals.values()):
        raise DosimetryError(
            f"Expected the administration as the moment of Decay Correction ADMIN in {where}, received {named.value} in {named.source}: a contradiction; "
            "type the override decay_correction or decay_reference_time."
        )


def _moments_of_start(
    series: FoundSeries, lowest: FoundObject, correction: str, writer: Writer, timing: Timing, where: str
) -> dict[str, datetime]:
    """What START, or a named moment, may mean, by the clock of the file."""
    named = series.find("decay_reference_time")
    private = named is not None and _PRIVATE in named.source
    if named is not None and not private:
        return {named.source: named.value}
    if correction == "TIME":
        raise DosimetryError(
            f"Expected the moment of decay correction in {where}, received none; type the override decay_reference_time."
        )
    begun = timing.written_series_start
    own = {} if writer.start == begun else {"start of this frame": writer.start}
    begin = {"acquisition start": begun}
    scanned = series.find("series_scan_time")
    if scanned is not None and seconds_between(scanned.value, begun) > -_SERIES_TIME_SLACK_S:
        begin = {scanned.source: scanned.value, **begin}
    if private:  # dates of private elements may have been left behind when a file was made anonymous
        begin = {named.source: named.value, **begin}
    series_time = series.find("series_time")
    if series_time is None or abs(seconds_between(series_time.value, begun)) <= _SERIES_TIME_SLACK_S:
        return begin | own
    by_reference = _by_reference_time(lowest, writer, timing)
    if seconds_between(series_time.value, begun) < 0:  # a series time after the scan is the time of processing
        stated = begin if private or scanned is not None else by_reference | begin
        return stated | by_reference | own | {"series time": series_time.value}
    if private:
        return begin | {"series time": series_time.value} | own
    return {"series time": series_time.value} | begin | own | by_reference


def _by_reference_time(lowest: FoundObject, writer: Writer, timing: Timing) -> dict[str, datetime]:
    """Start of the series by Frame Reference Time, which counts from it to when the activity equals its mean over the frame (PS3.3 C.8.9.4.1.5)."""
    reference = element_value(lowest.header, "FrameReferenceTime")
    if reference is None:
        return {}
    seconds = number_of(reference, tag_label("FrameReferenceTime")) / 1000.0
    if not 0 < seconds < _LONGEST_SERIES_S:
        return {}
    moment = writer.start + timedelta(seconds=float(timing.offsets_s[0]) + time_of_mean_s(lowest) - seconds)
    return {f"acquisition start - {tag_label('FrameReferenceTime')}": moment}
