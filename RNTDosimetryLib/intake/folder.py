"""A folder of DICOM files becomes an Intake: time points with activity image, CT and regions, and the table of sources."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import checked_path
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.intake.activity import DescribedScan, describe_activity, forget_pixels, read_activity
from RNTDosimetryLib.intake.administration import read_administration, read_patient
from RNTDosimetryLib.intake.calibration_use import CalibrationUse
from RNTDosimetryLib.intake.clock import warn_of_mixed_zones
from RNTDosimetryLib.intake.course import check_course, in_order_of_time, with_joined_beds, with_unique_names
from RNTDosimetryLib.intake.frame_choice import mean_of_frames, scan_uid, scans_of
from RNTDosimetryLib.intake.ignored import Ignored
from RNTDosimetryLib.intake.inventory import note_files, read_kinds, refuse_twins
from RNTDosimetryLib.intake.ledger import Ledger, Problems
from RNTDosimetryLib.intake.records import Intake, IntakeRefused, IntakeRow, Series, TimePoint
from RNTDosimetryLib.intake.regions import place_regions
from RNTDosimetryLib.intake.series import FolderScan, FoundSeries, scan_folder
from RNTDosimetryLib.intake.sop_classes import ACTIVITY_KINDS, CT_KINDS, REGION_KINDS
from RNTDosimetryLib.intake.tags import element_value, readable, seconds_between
from RNTDosimetryLib.intake.voxels import slices_grid
from RNTDosimetryLib.nuclides import get_nuclide

_LONGEST_CT_TO_SPECT_H = 6.0
_SMALLEST_COMMON_SHARE = 0.3
_HOUNSFIELD_TYPES = ("", "HU", "HU_MOD")


def read_folder(folder, overrides: dict | None = None, progress=None, calibration: CalibrationUse | None = None) -> Intake:
    """Read all DICOM files of a folder and of the folders in it.

    overrides: values that replace or complete what the files say, by the names in docs/intake.md; each is recorded.
    progress: called as ``progress(fraction, text)``. calibration: for the series in counts.
    Raises DosimetryError with one sentence for anything missing, unknown or contradicting; nothing is returned then. Once the series
    are found it is an IntakeRefused, which has the rows read so far.
    """
    folder = checked_path(folder, "a folder of DICOM files")
    ledger = Ledger(overrides, calibration)
    report = progress or (lambda fraction, text: None)
    ignored = Ignored.of(ledger, folder)
    scan = scan_folder(folder, lambda fraction, text: report(0.4 * fraction, text), ignored.takes_file)
    try:
        with readable(folder.name):
            return _read_series(folder, scan, ignored, ledger, report)
    except DosimetryError as error:
        rows = [
            IntakeRow("series found", f"files: {len({one.path for one in item.objects})}", "", f"UID {item.uid}", item.label)
            for item in scan.series
        ]
        raise IntakeRefused(str(error), tuple(rows + ledger.rows), tuple(ledger.warnings)) from error


def _read_series(
    folder: Path, scan: FolderScan, ignored: Ignored, ledger: Ledger, report: Callable[[float, str], None]
) -> Intake:
    note_files(folder, scan, ledger)
    left = ignored.series_left(scan.series)
    refuse_twins(folder, scan, left)
    found = read_kinds(left, ledger)
    scans = in_order_of_time(scans_of([item for item in found if item.sop_class in ACTIVITY_KINDS], ledger), ledger)
    if not scans:
        raise DosimetryError(
            f"Expected a reconstructed SPECT (NM RECON TOMO) or PT series in {folder.name}, found none among {_what_is_there(scan, ledger)}; add it to the folder."
        )
    activity_series = [frames[0] for frames in scans]
    problems = Problems()
    patient = problems.attempt(read_patient, found, ledger)
    administration = read_administration(activity_series, ledger, problems)
    _check_zones(activity_series, ledger)
    described = [_described(index, frames, ledger, problems) for index, frames in enumerate(scans)]
    problems.raise_if_any()
    ct_series = _describe_cts([item for item in found if item.sop_class in CT_KINDS], activity_series, ledger)
    if not ct_series:
        ledger.warn(warned("no_ct_at_all", folder=folder.name))
    points = []
    try:
        for index, (frames, headers) in enumerate(zip(scans, described)):
            report(0.4 + 0.4 * index / len(scans), f"reading {frames[0].label}")
            with readable(frames[0].label):
                points.append(_read_time_point(index, frames, headers, ct_series, administration, ledger))
    finally:
        forget_pixels()
    if ledger.calibration is not None:
        ledger.calibration.check_used()
    ledger.note_unused([(scan_uid(frames), tuple(part.label for part in frames)) for frames in scans])
    points = with_unique_names(with_joined_beds(points, ledger))
    check_course(points, {scan_uid(frames): frames[0].label for frames in scans}, ledger)
    report(0.8, "reading regions")
    region_series = [item for item in found if item.sop_class in REGION_KINDS]
    placed = place_regions(points, region_series, ct_series, found, ignored, ledger)
    ignored.check()
    with_regions = [index for index, point in enumerate(placed.points) if point.regions]
    report(1.0, f"{len(points)} time points read")
    return Intake(
        administration=administration,
        patient=patient,
        time_points=placed.points,
        reference_index=with_regions[0] if with_regions else 0,
        table=tuple(ledger.rows),
        warnings=tuple(ledger.warnings),
        overrides=ledger.overrides,
        unmeasured=placed.unmeasured,
        folder=str(folder),
    )


def _what_is_there(scan: FolderScan, ledger: Ledger) -> str:
    """The series of a folder that has no activity, in words: those that were not used first, with the reason."""
    reasons = {row.value: row.source for row in ledger.rows if row.what == "series not used"}
    labels = [f"{label} ({reason})" for label, reason in reasons.items()]
    labels += [item.label for item in scan.series if item.label not in reasons]
    damaged = sum(item.serious for item in scan.left_out)
    text = ", ".join(labels[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")
    return text + (f", and {damaged} files that cannot be read" if damaged else "")


def _check_zones(activity_series: list[FoundSeries], ledger: Ledger) -> None:
    moments = {}
    for series in activity_series:
        for quantity, key in (("administration_time", "administration"), ("acquisition_start", "acquisition")):
            try:
                found = series.find(quantity)
            except DosimetryError:
                continue
            if found is not None:
                moments[f"{key} in {series.label}"] = found.value
    warn_of_mixed_zones(moments, ledger)


def _described(index: int, frames: tuple[FoundSeries, ...], ledger: Ledger, problems: Problems) -> list[DescribedScan]:
    overrides = ledger.series_overrides(scan_uid(frames), index + 1, len(frames) > 1)
    found = []
    for series in frames:
        with readable(series.label):
            found.append(describe_activity(series, overrides, ledger, problems))
    return [item for item in found if item is not None]


def _describe_cts(found: list[FoundSeries], activity_series: list[FoundSeries], ledger: Ledger) -> list[Series]:
    """The CTs that can be used. One that cannot is refused when it is needed: alone, or in the frame of a SPECT that has no other."""
    described, broken = [], []
    for series in found:
        try:
            described.append(_describe_ct(series, ledger))
        except DosimetryError as error:
            broken.append((series, error))
    frames = {str(item.header.get("FrameOfReferenceUID", "") or "") for item in activity_series}
    covered = {ct.frame_of_reference_uid for ct in described}
    for series, error in broken:
        if not described or str(series.header.get("FrameOfReferenceUID", "") or "") in frames - covered:
            raise error
        ledger.warn(warned("ct_was_not_used", where=series.label, reason=error))
    return described


def _describe_ct(series: FoundSeries, ledger: Ledger) -> Series:
    with readable(series.label):
        _check_hounsfield_scale(series, ledger)
        geometry, order = slices_grid([item.slice for item in series.objects], series.label)
    objects = [series.objects[index] for index in order]
    start = objects[0].find("acquisition_start")
    return Series(
        uid=series.uid,
        modality="CT",
        description=str(objects[0].header.get("SeriesDescription", "") or ""),
        files=tuple(item.path for item in objects),
        frames=tuple(item.frame for item in objects),
        geometry=geometry,
        frame_of_reference_uid=str(objects[0].header.get("FrameOfReferenceUID", "") or ""),
        start=None if start is None else start.value,
    )


def _check_hounsfield_scale(series: FoundSeries, ledger: Ledger) -> None:
    headers = [item.slice for item in series.objects]
    slopes = {1.0 if header.slope is None else header.slope for header in headers}
    if min(slopes) <= 0:
        raise DosimetryError(f"Expected a positive Rescale Slope in {series.label}, received {min(slopes):g}; repair the file.")
    if any(header.has_lut for header in headers):
        raise DosimetryError(
            f"Expected Hounsfield units by (0028,1053) Rescale Slope in {series.label}, received a table for them, (0028,3000) Modality LUT Sequence; send the series without it."
        )
    if any(header.intercept is None for header in headers):
        ledger.warn(warned("hounsfield_without_intercept", where=series.label))
    if len(slopes) > 1 or len({header.intercept for header in headers}) > 1:
        ledger.warn(warned("hounsfield_scales_differ", where=series.label))
    rescale_type = headers[0].rescale_type
    unit = str(element_value(series.header, "RealWorldValueMappingSequence[0].MeasurementUnitsCodeSequence[0].CodeValue") or "")
    if rescale_type not in _HOUNSFIELD_TYPES and unit not in ("", "[hnsf'U]"):
        why = f"Rescale Type {rescale_type}, real-world values in {unit}"
        ledger.warn(warned("perhaps_no_hounsfield", where=series.label, why=why))


def _read_time_point(
    index: int, frames: tuple[FoundSeries, ...], described: list[DescribedScan], ct_series, administration, ledger: Ledger
) -> TimePoint:
    series, first_warning = frames[0], len(ledger.warnings)
    read = [read_activity(headers, administration, ledger, f"SPECT {index + 1}") for headers in described]
    images = [item.activity for item in read]
    activity = images[0] if len(images) == 1 else _mean(frames, images)
    ct = _ct_for(series, activity, ct_series, described[0].overrides.get("ct_series"), ledger)
    common = 1.0
    if ct is not None:
        common = max(_share_inside(activity.geometry, ct.geometry), _share_inside(ct.geometry, activity.geometry))
    if common < _SMALLEST_COMMON_SHARE:
        ledger.warn(warned("little_common_space", where=series.label, share=common))
    spans = [item.span_s + (item.activity.start_h - activity.start_h) * 3600.0 for item in read if item.span_s is not None]
    return TimePoint(
        name=f"{activity.start_h:.4g} h" if "#" not in scan_uid(frames) else f"{activity.start_h:.6g} h",
        start_h=activity.start_h,
        acquisition_start=activity.acquisition_start,
        duration_s=activity.duration_s,
        series_uid=scan_uid(frames),
        file=series.objects[0].path,
        series_instance_uid=str(series.header.get("SeriesInstanceUID", "") or ""),
        activity=activity,
        ct=ct,
        warnings=tuple(dict.fromkeys((*described[0].warnings, *ledger.warnings[first_warning:]))),
        frames=tuple(images) if len(images) > 1 else (),
        span_s=max(spans, default=None),
    )


def _mean(scan, images):
    shares = [frame.time_frame.share for frame in scan] if scan[0].time_frame.kind == "gated" else None
    return mean_of_frames(images, shares, get_nuclide(images[0].nuclide).decay_constant_per_h, images[0].name)


def _share_inside(one: ImageGeometry, other: ImageGeometry) -> float:
    """Share of a grid that lies within another, from 12 points along each axis."""
    steps = [(np.arange(12) + 0.5) / 12 * count - 0.5 for count in one.size[::-1]]
    index = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    matrix = np.linalg.inv(other.index_to_lps) @ one.index_to_lps
    there = index @ matrix[:3, :3].T + matrix[:3, 3]
    return float(np.all((there >= -0.5) & (there <= np.array(other.size[::-1]) - 0.5), axis=1).mean())


def _ct_for(series: FoundSeries, activity, ct_series, chosen: str | None, ledger: Ledger) -> Series | None:
    """CT of a SPECT: the one named, else by frame of reference, else the nearest in time within six hours; None where there is none."""
    where = series.label
    if chosen is not None:
        named = [ct for ct in ct_series if ct.uid == chosen]
        if not named:
            raise DosimetryError(
                f"Expected the UID of a CT series for the override ct_series, received '{chosen}'; see the intake table."
            )
        ledger.record("CT", f"{named[0].description} (...{named[0].uid[-8:]})", "", "", where, "override")
        if named[0].frame_of_reference_uid != activity.frame_of_reference_uid:
            ledger.warn(warned("named_ct_in_another_frame", where=where))
        return named[0]

    def hours_apart(ct: Series) -> float:
        return abs(seconds_between(ct.start, activity.acquisition_start)) / 3600.0 if ct.start is not None else float("inf")

    same_frame = [
        ct for ct in ct_series if ct.frame_of_reference_uid and ct.frame_of_reference_uid == activity.frame_of_reference_uid
    ]
    candidates, reason = (same_frame, "(0020,0052) Frame of Reference UID") if same_frame else (ct_series, "nearest in time")
    if not candidates:
        return None
    best = min(candidates, key=lambda ct: (round(hours_apart(ct), 3), -len(ct.files), ct.uid))
    if not same_frame:
        if hours_apart(best) > _LONGEST_CT_TO_SPECT_H:
            ledger.warn(warned("scan_without_ct", where=where, hours=_LONGEST_CT_TO_SPECT_H))
            return None
        ledger.warn(warned("ct_in_another_frame", where=where, hours=hours_apart(best)))
    elif same_frame and hours_apart(best) > 12 and best.start is not None:
        ledger.warn(warned("ct_hours_apart", where=where, hours=hours_apart(best)))
    ledger.record("CT", f"{best.description} (...{best.uid[-8:]})", "", reason, where, "derived")
    return best
