"""One activity series (NM reconstruction or PT slices) becomes an ActivityImage in Bq/mL at the start of acquisition."""

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images.dicom_scan import NM, FoundSeries
from RNTDosimetryLib.images.dicom_tags import Found, find
from RNTDosimetryLib.images.dicom_time import seconds_between, typed_datetime
from RNTDosimetryLib.images.dicom_volumes import nm_grid, pixels_of, slices_grid
from RNTDosimetryLib.images.intake_administration import half_life_in_file_s
from RNTDosimetryLib.images.intake_ledger import Ledger, positive_number
from RNTDosimetryLib.images.intake_records import Administration
from RNTDosimetryLib.images.quantification import (
    DECAY_CORRECTIONS,
    acquisition_average_factor,
    check_decay_factor,
    counts_to_bq_ml,
    unit_meaning,
    value_scale,
)
from RNTDosimetryLib.images.suv import suv_to_concentration
from RNTDosimetryLib.images.volumes import ActivityImage

_SERIES_TIME_SLACK_S = 60.0
_NOTABLE_CHANGE = 0.005
_LONGEST_USUAL_SCAN_S = 3600.0
_LONGEST_BELIEVABLE_SCAN_S = 7200.0
_IMPOSSIBLE_SHARE_OF_ADMINISTERED = 10.0


@dataclass(frozen=True)
class _Timing:
    """Start of the acquisition, and per slice: seconds from it and duration (None when unknown)."""

    start: datetime
    offsets_s: np.ndarray
    duration_s: np.ndarray | None


def acquisition_start_of(series: FoundSeries, override=None) -> datetime | None:
    """Earliest acquisition start among the files of a series, None when no file holds one."""
    if override is not None:
        return typed_datetime(override, "acquisition_start")
    starts = [found.value for item in series.objects if (found := find(item.header, "acquisition_start")) is not None]
    return min(starts, key=lambda moment: seconds_between(starts[0], moment)) if starts else None


def read_activity(
    series: FoundSeries, administration: Administration, overrides: dict, ledger: Ledger, name: str
) -> ActivityImage:
    """Activity image of one series. Everything that is missing, unknown or contradicts raises DosimetryError."""
    where, first_warning = series.label, len(ledger.warnings)
    headers = [item.header for item in series.objects]
    reverse = _reversed(overrides, ledger, where)
    if series.sop_class == NM:
        geometry, order = nm_grid(headers[0], where, reverse)
    else:
        geometry, order = slices_grid(headers, where)
        headers = [headers[index] for index in order]
    timing = _timing(series, headers, overrides, ledger, where)
    start_h = seconds_between(administration.time, timing.start) / 3600.0
    if start_h < 0:
        raise DosimetryError(
            f"Expected the scan after the administration at {administration.time}, received {where} at {timing.start}, "
            f"{-start_h:.2f} h before it; correct one of them with administration_time or acquisition_start."
        )
    ledger.record("scan start after administration", start_h, "h", "acquisition start - administration time", where, "derived")
    values, unit = _scaled_values(series, order, overrides, ledger, where)
    if ledger.calibration is not None:
        overrides = ledger.calibration.completed(overrides, unit[0], headers[0], administration.nuclide, timing.start, ledger, where)
    factor = _to_concentration(unit, geometry, timing, overrides, ledger, where)
    decay = _decay_to_start(series, headers, administration, timing, overrides, ledger, where)
    if factor is None:
        unit_name = str(overrides.get("unit") or unit[0])
        factor = suv_to_concentration(headers[0], unit_name, administration, start_h, ledger, where)
    else:
        factor = factor * decay
    with np.errstate(invalid="ignore", over="ignore"):
        values = values * np.broadcast_to(factor, (geometry.size[0],)).reshape(-1, 1, 1)
    _check_values(values, geometry, administration, start_h, where, ledger)
    uncertainty = overrides.get("calibration_uncertainty")
    return ActivityImage(
        name=name,
        geometry=geometry,
        concentration_bq_ml=values,
        nuclide=administration.nuclide,
        start_h=start_h,
        acquisition_start=timing.start,
        duration_s=None if timing.duration_s is None else float(timing.duration_s.max()),
        frame_of_reference_uid=str(headers[0].get("FrameOfReferenceUID", "") or ""),
        calibration_uncertainty=0.0
        if uncertainty is None
        else positive_number(uncertainty, "calibration_uncertainty", zero_allowed=True),
        warnings=tuple(ledger.warnings[first_warning:]),
    )


def _reversed(overrides: dict, ledger: Ledger, where: str) -> bool:
    order = overrides.get("slice_order")
    if order not in (None, "as_written", "reversed"):
        raise DosimetryError(f"Expected slice_order as_written or reversed, received '{order}'.")
    if order == "reversed":
        ledger.settle("slice order", "", None, order, where)
    return order == "reversed"


def _timing(series, headers, overrides, ledger: Ledger, where: str) -> _Timing:
    override = overrides.get("acquisition_start")
    start = acquisition_start_of(series, override)
    if start is None:
        raise DosimetryError(
            f"Expected the date and time of acquisition in {where}, received none; type the override acquisition_start for this time point."
        )
    found = [find(header, "acquisition_start") for header in headers]
    earliest = min((item for item in found if item), key=lambda item: seconds_between(start, item.value), default=None)
    ledger.settle("acquisition start", "", earliest, start if override is not None else None, where)
    offsets = np.zeros(len(headers))
    if override is None and all(found):
        offsets = np.array([seconds_between(start, item.value) for item in found])
        if offsets.max() > 12 * 3600.0:
            raise DosimetryError(
                f"Expected slices of one acquisition in {where}, received acquisition times {offsets.max() / 3600:.1f} h apart; split the series."
            )
    durations = [find(header, "duration_s") for header in headers]
    typed = overrides.get("duration_s")
    typed = None if typed is None else positive_number(typed, "duration_s")
    duration = ledger.settle("acquisition duration", "s", durations[0], typed, where)
    if duration is None:
        return _Timing(start, offsets, None)
    if not 0 < duration < 86400:
        raise DosimetryError(
            f"Expected an acquisition of up to a day in {where}, received {duration:g} s; type the override duration_s."
        )
    if duration > _LONGEST_BELIEVABLE_SCAN_S:
        ledger.warn(f"{where}: an acquisition of {duration / 3600:.1f} h is unusually long; check the duration")
    if typed is not None or not all(durations):
        return _Timing(start, offsets, np.full(len(headers), float(duration)))
    each = np.array([item.value for item in durations])
    if each.max() > 1.001 * each.min():
        ledger.warn(f"{where}: slices were acquired for different times, {each.min():g} to {each.max():g} s")
    return _Timing(start, offsets, each)


def _scaled_values(series, order, overrides, ledger: Ledger, where: str):
    """Stored values times scale, (z, y, x) float64, and the unit name (None when there is none)."""
    choice = overrides.get("value_scale")
    if choice is not None:
        ledger.settle("value scale", "", None, choice, where)
    objects = [series.objects[0]] if series.sop_class == NM else [series.objects[index] for index in order]
    planes, units, scale, path = [], set(), None, None
    for item in objects:
        if item.path != path:
            path, frames = item.path, pixels_of(item.path)[0]
        scale = _believable_scale(item.header, where, choice, ledger)
        units.add(scale.unit)
        if item.frame >= len(frames):
            raise DosimetryError(
                f"Expected frame {item.frame + 1} in {where}, received {len(frames)} frames; the file is cut off."
            )
        stored = frames if series.sop_class == NM else frames[item.frame : item.frame + 1]
        with np.errstate(invalid="ignore", over="ignore"):
            planes.append(stored.astype(np.float64) * scale.slope + scale.intercept)
    if len(units) > 1:
        raise DosimetryError(f"Expected one unit in {where}, received {', '.join(sorted(units))}; send one reconstruction.")
    if series.sop_class == NM:
        if len(planes[0]) != len(order):
            raise DosimetryError(f"Expected {len(order)} frames in {where}, received {len(planes[0])}; the file is cut off.")
        planes = [planes[0][order]]
    ledger.record("slope of stored values", scale.slope, scale.unit, scale.source, where)
    return np.concatenate(planes), (scale.unit or None, scale.source)


def _believable_scale(header, where: str, choice, ledger: Ledger):
    scale = value_scale(header, where, choice)
    if scale.slope <= 0:
        raise DosimetryError(f"Expected a positive slope in {where}, received {scale.slope:g}; repair the file.")
    if header.get("RescaleSlope") in (None, "") and scale.source.endswith("Units"):
        ledger.warn(f"{where}: no Rescale Slope in a file; its stored values were taken as they are")
    if scale.intercept != 0 and unit_meaning(scale.unit).kind == "concentration":
        ledger.warn(f"{where}: Rescale Intercept is {scale.intercept:g} and not 0, as it should be for activity")
    return scale


def _to_concentration(unit, geometry, timing: _Timing, overrides, ledger: Ledger, where: str):
    """Factor from image values to Bq/mL: a number, or one for each slice; None when the values are SUV."""
    name, source = unit
    typed = overrides.get("unit")
    used = ledger.settle("unit", "", None if name is None else Found(name, source), typed, where)
    meaning = unit_meaning(str(used)) if used is not None else None
    if meaning is not None and meaning.kind == "concentration":
        return meaning.factor
    if meaning is not None and meaning.kind == "suv":
        return None
    cps_per_mbq, bq_per_count = (
        None if overrides.get(key) is None else positive_number(overrides[key], key)
        for key in ("calibration_cps_per_mbq", "bq_per_count")
    )
    if cps_per_mbq is None and bq_per_count is None:
        if meaning is None:
            raise DosimetryError(
                f"Expected a unit such as BQML in {where}, received none; type the override unit, calibration_cps_per_mbq or bq_per_count."
            )
        raise DosimetryError(
            f"Expected a unit that leads to Bq/mL in {where}, received '{used}', {meaning.reason or 'counts without a calibration'}; "
            "type the override unit, calibration_cps_per_mbq or bq_per_count."
        )
    if cps_per_mbq is not None and bq_per_count is not None:
        raise DosimetryError("Expected one calibration, received calibration_cps_per_mbq and bq_per_count; keep one of them.")
    meaning = meaning or unit_meaning("CNTS")
    if cps_per_mbq is not None and timing.duration_s is None and meaning.kind != "count_rate":
        raise DosimetryError(
            f"Expected the acquisition duration in {where} to use calibration_cps_per_mbq, received none; type the override duration_s."
        )
    if meaning.kind == "unknown":
        ledger.warn(f"{where}: values in '{used}' were taken for counts, because a calibration was given")
    key = "calibration_cps_per_mbq" if cps_per_mbq is not None else "bq_per_count"
    ledger.settle("calibration", "cps/MBq" if cps_per_mbq is not None else "Bq/count", None, overrides[key], where)
    return counts_to_bq_ml(meaning, geometry.voxel_volume_ml, timing.duration_s, cps_per_mbq, bq_per_count)


def _decay_to_start(series, headers, administration, timing: _Timing, overrides, ledger: Ledger, where: str):
    """Factor that turns values as decay corrected by the writer into the true ones at the start of acquisition, per slice."""
    from RNTDosimetryLib.nuclides import get_nuclide

    correction = _decay_correction(headers[0], overrides, ledger, where)
    table_constant = get_nuclide(administration.nuclide).decay_constant_per_h / 3600.0
    in_file = half_life_in_file_s(series)
    constant = math.log(2.0) / in_file if in_file is not None else table_constant
    duration = None if timing.duration_s is None else float(timing.duration_s[0])
    found = find(headers[0], "decay_factor")
    stored_factor = found.value if found is not None else None
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
    ledger.record("decay reference", candidates[chosen], "", chosen, where, "derived")
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


def _average_factor(decay_constant_per_s: float, timing: _Timing, ledger: Ledger, where: str):
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


def _reference_candidates(header, correction: str, administration, timing: _Timing, overrides, where: str) -> dict[str, datetime]:
    """Moments to which the values may have been corrected, the most likely first."""
    override = overrides.get("decay_reference_time")
    if override is not None:
        return {"decay_reference_time (override)": typed_datetime(override, "decay_reference_time")}
    named = find(header, "decay_reference_time")
    if named is not None and correction in ("START", "TIME"):
        return {named.source: named.value}
    if correction == "TIME":
        raise DosimetryError(
            f"Expected the moment of decay correction in {where}, received none; type the override decay_reference_time."
        )
    if correction == "ADMIN":
        return {"administration time": administration.time}
    series_time = find(header, "series_time")
    if series_time is None or abs(seconds_between(series_time.value, timing.start)) <= _SERIES_TIME_SLACK_S:
        return {"acquisition start": timing.start}
    if seconds_between(series_time.value, timing.start) < 0:  # a series time after the scan is the time of processing
        return {"acquisition start": timing.start, "series time": series_time.value}
    return {"series time": series_time.value, "acquisition start": timing.start}


def _check_values(values, geometry, administration, start_h: float, where: str, ledger: Ledger) -> None:
    from RNTDosimetryLib.nuclides import get_nuclide

    bad = int(values.size - np.count_nonzero(np.isfinite(values)))
    if bad:
        raise DosimetryError(
            f"Expected finite voxel values in {where}, received {bad} NaN or infinite voxels; repair the image first."
        )
    total = float(values.sum()) * geometry.voxel_volume_ml / 1e6
    if total <= 0:
        raise DosimetryError(
            f"Expected activity in {where}, received an image whose sum is {total:g} MBq; check the reconstruction."
        )
    negative = float(-values[values < 0].sum() / values[values > 0].sum())
    if negative > 0.01:
        ledger.warn(f"{where}: voxels below zero hold {negative:.1%} of the activity")
    expected = administration.net_activity_mbq * math.exp(-get_nuclide(administration.nuclide).decay_constant_per_h * start_h)
    ledger.record(
        "activity in the image", total, "MBq", f"{total / expected:.1%} of the administered activity, decayed", where, "derived"
    )
    if total > _IMPOSSIBLE_SHARE_OF_ADMINISTERED * expected:
        raise DosimetryError(
            f"Expected at most {expected:.4g} MBq in {where}, the administered activity after decay, received {total:.4g} MBq; "
            "check unit, calibration and injected activity."
        )
    if total > 1.1 * expected:
        ledger.warn(
            f"{where}: the image holds {total:.4g} MBq, more than the {expected:.4g} MBq left of the administered activity"
        )
