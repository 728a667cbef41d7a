"""One activity series (NM reconstruction or PT slices) becomes an ActivityImage in Bq/mL at the start of acquisition."""

import math
import sys
from functools import lru_cache

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.volumes import ActivityImage
from RNTDosimetryLib.intake.decay import decay_to_start
from RNTDosimetryLib.intake.ledger import Ledger, positive_number, relative_number
from RNTDosimetryLib.intake.records import Administration
from RNTDosimetryLib.intake.series import NM, FoundSeries
from RNTDosimetryLib.intake.suv import suv_to_concentration
from RNTDosimetryLib.intake.tags import Found, find, seconds_between, typed_datetime
from RNTDosimetryLib.intake.timing import Timing, timing_of
from RNTDosimetryLib.intake.units import counts_to_bq_ml, unit_meaning, value_scale
from RNTDosimetryLib.intake.voxels import nm_grid, pixels_of, slices_grid

_IMPOSSIBLE_SHARE_OF_ADMINISTERED = 10.0


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
    timing = timing_of(series, headers, overrides, ledger, where)
    start_h = seconds_between(administration.time, timing.start) / 3600.0
    if start_h < 0:
        raise DosimetryError(
            f"Expected the scan after the administration at {administration.time}, received {where} at {timing.start}, "
            f"{-start_h:.2f} h before it; correct one of them with administration_time or acquisition_start."
        )
    _warn_of_dropped_zones(administration, timing, overrides, ledger, where)
    ledger.record("scan start after administration", start_h, "h", "acquisition start - administration time", where, "derived")
    values, unit = _scaled_values(series, order, overrides, ledger, where)
    ledger.settle("calibration uncertainty", "", None, overrides.get("calibration_uncertainty"), where)
    if ledger.calibration is not None:
        overrides = ledger.calibration.completed(
            overrides, unit[0], headers[0], administration.nuclide, timing.start, ledger, where
        )
    factor = _to_concentration(unit, geometry, timing, overrides, ledger, where)
    decay = decay_to_start(series, headers, administration, timing, overrides, ledger, where)
    if factor is None:
        unit_name = str(overrides.get("unit") or unit[0])
        factor = suv_to_concentration(headers[0], unit_name, administration, start_h, ledger, where)
    else:
        factor = factor * decay
    with np.errstate(invalid="ignore", over="ignore"):
        values = values * np.broadcast_to(factor, (geometry.size[0],)).reshape(-1, 1, 1)
    _check_values(values, geometry, administration, timing.start, where, ledger)
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
        calibration_uncertainty=0.0 if uncertainty is None else relative_number(uncertainty, "calibration_uncertainty"),
        warnings=tuple(ledger.warnings[first_warning:]),
    )


def _reversed(overrides: dict, ledger: Ledger, where: str) -> bool:
    order = overrides.get("slice_order")
    if order not in (None, "as_written", "reversed"):
        raise DosimetryError(f"Expected slice_order as_written or reversed, received '{order}'.")
    ledger.settle("slice order", "", None, order, where)
    return order == "reversed"


def _warn_of_dropped_zones(administration: Administration, timing: Timing, overrides: dict, ledger: Ledger, where: str) -> None:
    """A typed time zone counts only against a time that has one too; else it is left out, which may be hours."""
    others = {"administration_time": timing.start, "acquisition_start": administration.time, "series_start": administration.time}
    for key, other in (others | {"decay_reference_time": timing.start}).items():
        typed = ledger.overrides.get(key) if key == "administration_time" else overrides.get(key)
        if typed is not None and other.tzinfo is None and typed_datetime(typed, key).tzinfo is not None:
            name = "acquisition_start" if key == "series_start" else key
            ledger.warn(
                f"{where}: the time zone of the override {name} ({typed}) was left out, because the other times have none; "
                "type the clock time of the department, without a zone"
            )


@lru_cache(maxsize=1)
def _pixels(path: str) -> np.ndarray:
    """Pixels of a file, kept for the next time frame in the same file."""
    return pixels_of(path)[0]


def forget_pixels() -> None:
    """Let go of the pixels of the last file."""
    _pixels.cache_clear()


def _scaled_values(series, order, overrides, ledger: Ledger, where: str):
    """Stored values times scale, (z, y, x) float64, and the unit name (None when there is none)."""
    choice = overrides.get("value_scale")
    if choice is not None and _choice_matters(series.header, where, choice):
        ledger.settle("value scale", "", None, choice, where)
    objects = [series.objects[0]] if series.sop_class == NM else [series.objects[index] for index in order]
    planes, units, scale, path = [], set(), None, None
    for item in objects:
        if item.path != path:
            path, frames = item.path, _pixels(item.path)
        scale = _believable_scale(item.header, where, choice, ledger)
        units.add(scale.unit)
        if item.frame >= len(frames):
            raise DosimetryError(
                f"Expected frame {item.frame + 1} in {where}, received {len(frames)} frames; the file is cut off."
            )
        if item.frames and max(item.frames) >= len(frames):
            raise DosimetryError(
                f"Expected {max(item.frames) + 1} frames in {where}, received {len(frames)}; the file is cut off."
            )
        stored = frames[item.frame : item.frame + 1]
        if series.sop_class == NM:
            stored = frames[list(item.frames)] if item.frames else frames
        with np.errstate(invalid="ignore", over="ignore"):
            planes.append(stored.astype(np.float64) * scale.slope + scale.intercept)
    if len(units) > 1:
        raise DosimetryError(f"Expected one unit in {where}, received {', '.join(sorted(units))}; send one reconstruction.")
    if series.sop_class == NM:
        if len(planes[0]) != len(order):
            raise DosimetryError(f"Expected {len(order)} frames in {where}, received {len(planes[0])}; the file is cut off.")
        planes = [planes[0][order]]
    unit = find(objects[0].header, "unit")
    if unit is not None and unit.note and unit.source in scale.source:
        ledger.warn(f"{where}: {unit.note}")
    ledger.record("slope of stored values", scale.slope, scale.unit, scale.source, where)
    return np.concatenate(planes), (scale.unit or None, scale.source)


def _choice_matters(header, where: str, choice) -> bool:
    chosen = value_scale(header, where, choice)
    try:
        return chosen != value_scale(header, where)
    except DosimetryError:
        return True


def _believable_scale(header, where: str, choice, ledger: Ledger):
    scale = value_scale(header, where, choice)
    if scale.slope <= 0:
        raise DosimetryError(f"Expected a positive slope in {where}, received {scale.slope:g}; repair the file.")
    if header.get("RescaleSlope") in (None, "") and "Rescale Slope" in scale.source:
        ledger.warn(f"{where}: no Rescale Slope in a file; its stored values were taken as they are")
    if " x " in scale.source:
        ledger.warn(
            f"{where}: counts were turned into {'Bq/mL' if scale.unit == 'BQML' else 'uptake values'} with the vendor's factor, {scale.source}"
        )
    if scale.intercept != 0 and unit_meaning(scale.unit).kind == "concentration":
        name = "Rescale Intercept" if "Rescale" in scale.source else "the intercept of the real-world value mapping"
        ledger.warn(f"{where}: {name} is {scale.intercept:g} and not 0, as it should be for activity")
    return scale


def _to_concentration(unit, geometry, timing: Timing, overrides, ledger: Ledger, where: str):
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
    counting = None if timing.duration_s is None else timing.duration_s * timing.share
    return counts_to_bq_ml(meaning, geometry.voxel_volume_ml, counting, cps_per_mbq, bq_per_count)


def _check_values(values, geometry, administration, scan_start, where: str, ledger: Ledger) -> None:
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
    start_h = seconds_between(administration.time, scan_start) / 3600.0
    expected = administration.net_activity_mbq * math.exp(-get_nuclide(administration.nuclide).decay_constant_per_h * start_h)
    share = total / max(expected, sys.float_info.min)  # decades of a short-lived nuclide leave 0
    ledger.record("activity in the image", total, "MBq", f"{share:.1%} of the administered activity, decayed", where, "derived")
    if total > _IMPOSSIBLE_SHARE_OF_ADMINISTERED * expected:
        raise DosimetryError(
            f"Expected at most {expected:.4g} MBq in {where}, the administered activity after decay from the administration "
            f"({administration.time}) to the scan ({scan_start}), received {total:.4g} MBq; "
            "check both dates, then check unit, calibration and injected activity."
        )
    if total > 1.1 * expected:
        ledger.warn(
            f"{where}: the image holds {total:.4g} MBq, more than the {expected:.4g} MBq left of the administered activity"
        )
