"""One activity series (NM reconstruction or PT slices) becomes an ActivityImage in Bq/mL at the start of acquisition.

First its headers are described, so that a refusal names all that is missing; then its pixels are read.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import ActivityImage
from RNTDosimetryLib.intake.agreement import check_slices_agree, warn_of_two_moments
from RNTDosimetryLib.intake.decay import decay_to_start, stated_correction
from RNTDosimetryLib.intake.header_checks import look_at_header
from RNTDosimetryLib.intake.ledger import Ledger, Problems, positive_number, relative_number
from RNTDosimetryLib.intake.plausibility import check_values
from RNTDosimetryLib.intake.records import Administration
from RNTDosimetryLib.intake.series import FoundObject, FoundSeries
from RNTDosimetryLib.intake.sop_classes import NM
from RNTDosimetryLib.intake.suv import refuse_not_corrected, suv_size, suv_to_concentration
from RNTDosimetryLib.intake.tags import Found, seconds_between
from RNTDosimetryLib.intake.timing import Timing, timing_of, unequal_beds
from RNTDosimetryLib.intake.units import ValueScale, counts_to_bq_ml, unit_meaning, value_scale
from RNTDosimetryLib.intake.voxels import nm_grid, pixels_of, slices_grid
from RNTDosimetryLib.intake.writer import Writer, writer_of


@dataclass(frozen=True, eq=False)
class DescribedScan:
    """What the headers of one volume say, before its pixels are read. objects, order: from the lowest slice up."""

    series: FoundSeries
    geometry: ImageGeometry
    order: np.ndarray
    objects: tuple[FoundObject, ...]
    timing: Timing
    scales: tuple[ValueScale, ...]
    unit: str | None
    correction: str
    overrides: dict
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ReadScan:
    """The image, and how long the scan took at least, from its start to the end of its last slice."""

    activity: ActivityImage
    span_s: float | None


def describe_activity(series: FoundSeries, overrides: dict, ledger: Ledger, problems: Problems) -> DescribedScan | None:
    """The headers of one series. What is missing, unknown or contradicts goes to ``problems``; None then."""
    where, first_warning, before = series.label, len(ledger.warnings), len(problems.texts)
    placed = problems.attempt(_placed, series, overrides, ledger, where)
    geometry, order, objects = placed or (None, None, list(series.objects))
    timing = problems.attempt(timing_of, series, objects, overrides, ledger, where)
    problems.attempt(check_slices_agree, series, ledger.overrides | overrides, where)
    correction = problems.attempt(stated_correction, series, overrides, ledger, where)
    scales = problems.attempt(_scales, series, objects, overrides, ledger, where)
    unit = None
    if scales is not None:
        unit = problems.attempt(_settled_unit, scales, timing, overrides, ledger, where)
    if unit is not None and unit_meaning(unit).kind == "suv":
        problems.attempt(suv_size, series, unit, ledger, where)
        problems.attempt(refuse_not_corrected, correction, where)
    if len(problems.texts) > before:
        return None
    look_at_header(series, geometry, ledger, where)
    warn_of_two_moments(series, ledger.overrides | overrides, ledger, where)
    warnings = tuple(ledger.warnings[first_warning:])
    return DescribedScan(series, geometry, order, tuple(objects), timing, tuple(scales), unit, correction, overrides, warnings)


def _placed(series: FoundSeries, overrides: dict, ledger: Ledger, where: str):
    reverse = _reversed(overrides, ledger, where)
    if series.sop_class == NM:
        geometry, order = nm_grid(series.header, where, reverse)
        return geometry, order, list(series.objects[:1])
    geometry, order = slices_grid([item.slice for item in series.objects], where)
    return geometry, order, [series.objects[index] for index in order]


def _reversed(overrides: dict, ledger: Ledger, where: str) -> bool:
    order = overrides.get("slice_order")
    if order not in (None, "as_written", "reversed"):
        raise DosimetryError(f"Expected slice_order as_written or reversed, received '{order}'.")
    ledger.settle("slice order", "", None, order, where)
    return order == "reversed"


def _scales(series: FoundSeries, objects: list[FoundObject], overrides: dict, ledger: Ledger, where: str) -> list[ValueScale]:
    """Slope, intercept and unit of each object."""
    choice = overrides.get("value_scale")
    if choice is not None and _choice_matters(objects[0], where, choice):
        ledger.settle("value scale", "", None, choice, where)
    scales = [_believable_scale(item, where, choice, ledger) for item in objects]
    units = {scale.unit for scale in scales}
    if len(units) > 1:
        raise DosimetryError(f"Expected one unit in {where}, received {', '.join(sorted(units))}; send one reconstruction.")
    without = [item for item, scale in zip(objects, scales) if item.slice.slope is None and "Rescale Slope" in scale.source]
    if without and len(without) < len(objects):
        raise DosimetryError(
            f"Expected a Rescale Slope in every slice of {where}, received {len(without)} without, first {without[0].name}; "
            "send the series again, or type the override value_scale: stored, if no slope holds for any of them."
        )
    if without:
        ledger.warn(warned("no_rescale_slope", where=where))
    found = objects[0].find("unit")
    if found is not None and found.note and found.source in scales[0].source:
        ledger.warn(f"{where}: {found.note}")
    slopes = [scale.slope for scale in scales]
    text = f"{min(slopes):.8g}" + (f" to {max(slopes):.8g}" if max(slopes) > min(slopes) else "")
    ledger.record("slope of stored values", text, scales[0].unit, scales[0].source, where)
    return scales


def _choice_matters(item: FoundObject, where: str, choice) -> bool:
    chosen = value_scale(item, where, choice)
    try:
        return chosen != value_scale(item, where)
    except DosimetryError:
        return True


def _believable_scale(item: FoundObject, where: str, choice, ledger: Ledger) -> ValueScale:
    scale = value_scale(item, where, choice)
    if scale.slope < 0:
        raise DosimetryError(
            f"Expected a positive slope in {where}, received {scale.slope:g} in {item.name}; repair the file, or type the override value_scale: stored."
        )
    if " x " in scale.source:
        into = "Bq/mL" if scale.unit == "BQML" else "uptake values"
        ledger.warn(warned("vendors_factor", where=where, into=into, source=scale.source))
    if scale.intercept != 0 and scale.slope != 0 and unit_meaning(scale.unit).kind == "concentration":
        name = "Rescale Intercept" if "Rescale" in scale.source else "the intercept of the real-world value mapping"
        ledger.warn(warned("intercept_of_activity", where=where, name=name, value=scale.intercept))
    return scale


def _settled_unit(scales: list[ValueScale], timing: Timing | None, overrides: dict, ledger: Ledger, where: str) -> str | None:
    """Unit that is used. Raises DosimetryError for one that does not lead to Bq/mL without more; a calibration file may still come."""
    name, source = scales[0].unit or None, scales[0].source
    used = ledger.settle("unit", "", None if name is None else Found(name, source), overrides.get("unit"), where)
    meaning = None if used is None else unit_meaning(str(used))
    if ledger.calibration is None and (meaning is None or meaning.kind not in ("concentration", "suv")):
        _check_calibration(used, meaning, timing, overrides, where)
    return None if used is None else str(used)


def _check_calibration(used, meaning, timing: Timing | None, overrides: dict, where: str) -> None:
    given = [key for key in ("calibration_cps_per_mbq", "bq_per_count") if overrides.get(key) is not None]
    for key in given:
        positive_number(overrides[key], key)
    if len(given) == 2:
        raise DosimetryError("Expected one calibration, received calibration_cps_per_mbq and bq_per_count; keep one of them.")
    per_time = "calibration_cps_per_mbq"
    if timing is not None and timing.duration_s is None and (meaning is None or meaning.kind != "count_rate"):
        per_time += " (with duration_s, which is missing too)"
    if not given and meaning is None:
        raise DosimetryError(
            f"Expected a unit such as BQML in {where}, received none; type the override unit, {per_time} or bq_per_count."
        )
    if not given:
        raise DosimetryError(
            f"Expected a unit that leads to Bq/mL in {where}, received '{used}', {meaning.reason or 'counts without a calibration'}; "
            f"type the override unit, {per_time} or bq_per_count."
        )
    counted = given == ["calibration_cps_per_mbq"] and (meaning is None or meaning.kind != "count_rate")
    if counted and timing is not None and timing.duration_s is None:
        raise DosimetryError(
            f"Expected the acquisition duration in {where} to use calibration_cps_per_mbq, received none; type the override duration_s."
        )
    if counted and timing is not None and unequal_beds(timing):
        raise DosimetryError(
            f"Expected one duration for all positions of the table in {where}, received {min(timing.beds_s):g} to {max(timing.beds_s):g} s, so counts cannot be "
            "turned into rates; type the override duration_s."
        )


def read_activity(scan: DescribedScan, administration: Administration, ledger: Ledger, name: str) -> ReadScan:
    """Activity image of one series. Raises DosimetryError for pixels that cannot be read, and for what contradicts the administration."""
    series, timing, overrides, where = scan.series, scan.timing, scan.overrides, scan.series.label
    first_warning = len(ledger.warnings)
    start_h = seconds_between(administration.time, timing.start) / 3600.0
    if start_h < 0:
        raise DosimetryError(
            f"Expected the scan after the administration at {administration.time}, received {where} at {timing.start}, "
            f"{-start_h:.2f} h before it; correct one of them with administration_time or acquisition_start."
        )
    ledger.record("scan start after administration", start_h, "h", "acquisition start - administration time", where, "derived")
    values = _stored_values(scan, ledger, where)
    ledger.settle("calibration uncertainty", "", None, overrides.get("calibration_uncertainty"), where)
    header = scan.objects[0].header
    if ledger.calibration is not None:
        overrides = ledger.calibration.completed(
            overrides, scan.unit, header, administration.nuclide, timing.start, ledger, where
        )
    scan = replace(scan, overrides=overrides)
    factor = _to_start(scan, administration, writer_of(series, administration, timing), ledger, where)
    with np.errstate(invalid="ignore", over="ignore"):
        values = values * np.broadcast_to(factor, (scan.geometry.size[0],)).reshape(-1, 1, 1)
    check_values(values, scan.geometry, administration, timing.start, where, ledger)
    uncertainty = overrides.get("calibration_uncertainty")
    image = ActivityImage(
        name=name,
        geometry=scan.geometry,
        concentration_bq_ml=values,
        nuclide=administration.nuclide,
        start_h=start_h,
        acquisition_start=timing.start,
        duration_s=None if timing.duration_s is None else float(timing.duration_s.max()),
        frame_of_reference_uid=str(header.get("FrameOfReferenceUID", "") or ""),
        calibration_uncertainty=0.0 if uncertainty is None else relative_number(uncertainty, "calibration_uncertainty"),
        warnings=tuple(dict.fromkeys((*scan.warnings, *ledger.warnings[first_warning:]))),
    )
    return ReadScan(image, timing.span_s)


@lru_cache(maxsize=1)
def _pixels(path: str) -> np.ndarray:
    """Pixels of a file, kept for the next time frame in the same file."""
    return pixels_of(path)[0]


def forget_pixels() -> None:
    """Let go of the pixels of the last file."""
    _pixels.cache_clear()


def _stored_values(scan: DescribedScan, ledger: Ledger, where: str) -> np.ndarray:
    """Stored values times scale, (z, y, x) float64."""
    planes, path = [], None
    frames: np.ndarray = np.empty(0)
    for item, scale in zip(scan.objects, scan.scales):
        if item.path != path:
            path, frames = item.path, _pixels(item.path)
        last = max(item.frames, default=item.frame)
        if last >= len(frames):
            raise DosimetryError(
                f"Expected frame {last + 1} in {item.name} of {where}, received {len(frames)} frames; the file is cut off."
            )
        stored = frames[item.frame : item.frame + 1]
        if scan.series.sop_class == NM:
            stored = frames[list(item.frames)] if item.frames else frames
        planes.append(_scaled(item, scale, stored, ledger, where))
    if scan.series.sop_class == NM:
        if len(planes[0]) != len(scan.order):
            raise DosimetryError(f"Expected {len(scan.order)} frames in {where}, received {len(planes[0])}; the file is cut off.")
        planes = [planes[0][scan.order]]
    return np.concatenate(planes)


def _scaled(item: FoundObject, scale: ValueScale, stored: np.ndarray, ledger: Ledger, where: str) -> np.ndarray:
    if scale.slope == 0:
        if stored.any():
            raise DosimetryError(
                f"Expected a Rescale Slope above 0 in {where}, received 0 in {item.name}, whose pixels are not all 0; "
                "type the override value_scale: stored, to take its values as they are (with their unit or calibration), or send the series again."
            )
        ledger.warn(warned("empty_slices_without_slope", where=where))
        return np.zeros(stored.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        values = stored.astype(np.float64) * scale.slope + scale.intercept
    if item.slice.padding is not None:
        padded = stored == item.slice.padding
        if np.any(values[padded] != 0):
            ledger.warn(warned("padding_taken_as_zero", where=where, value=item.slice.padding))
            values[padded] = 0.0
    return values


def _to_start(scan: DescribedScan, administration: Administration, writer: Writer, ledger: Ledger, where: str):
    """Factor from image values to Bq/mL at the start of acquisition: a number, or one for each slice."""
    series, timing, overrides = scan.series, scan.timing, scan.overrides
    meaning = None if scan.unit is None else unit_meaning(scan.unit)
    positrons = _positron_ratio(series, administration, overrides, ledger, where)
    if meaning is not None and meaning.kind == "suv":
        return positrons * suv_to_concentration(
            series, scan.unit, scan.correction, administration, writer, timing, overrides, ledger, where
        )
    decay = decay_to_start(series, list(scan.objects), scan.correction, administration, writer, timing, overrides, ledger, where)
    if meaning is not None and meaning.kind == "concentration":
        return meaning.factor * decay * positrons
    return _by_calibration(scan, meaning, ledger, where) * decay


def _positron_ratio(series: FoundSeries, administration: Administration, overrides: dict, ledger: Ledger, where: str) -> float:
    """Positron fraction that the writer divided by over that of the nuclide that was given (PS3.3 C.8.9.2); 1 where they are one."""
    entered = overrides.get("positron_fraction")
    found = series.find("positron_fraction")
    if entered is not None:
        entered = positive_number(entered, "positron_fraction")
        if found is None or found.value <= 0 or entered > 1:
            raise DosimetryError(
                f"Expected Radionuclide Positron Fraction in {where} and a positron_fraction up to 1, received {'none' if found is None else f'{found.value:g}'} and {entered:g}; "
                "take out the override positron_fraction."
            )
        ledger.settle("positron fraction", "", found, entered, where)
        return found.value / entered
    from RNTDosimetryLib.intake.administration import nuclide_in_file

    written = nuclide_in_file(series)
    if found is not None and found.value > 0 and written not in (None, administration.nuclide):
        ledger.warn(
            warned(
                "positrons_of_another_nuclide", where=where, written=written, fraction=found.value, nuclide=administration.nuclide
            )
        )
    return 1.0


def _by_calibration(scan: DescribedScan, meaning, ledger: Ledger, where: str):
    """Factor from counts to Bq/mL, mean over the acquisition."""
    timing, overrides = scan.timing, scan.overrides
    _check_calibration(scan.unit, meaning, timing, overrides, where)
    cps_per_mbq, bq_per_count = (
        None if overrides.get(key) is None else positive_number(overrides[key], key)
        for key in ("calibration_cps_per_mbq", "bq_per_count")
    )
    meaning = meaning or unit_meaning("CNTS")
    if meaning.kind == "unknown":
        ledger.warn(warned("unit_taken_for_counts", where=where, unit=scan.unit))
    key = "calibration_cps_per_mbq" if cps_per_mbq is not None else "bq_per_count"
    ledger.settle("calibration", "cps/MBq" if cps_per_mbq is not None else "Bq/count", None, overrides[key], where)
    counting = None if timing.duration_s is None else timing.duration_s * timing.share
    return counts_to_bq_ml(meaning, scan.geometry.voxel_volume_ml, counting, cps_per_mbq, bq_per_count)
