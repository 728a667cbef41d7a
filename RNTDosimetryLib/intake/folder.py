"""A folder of DICOM files becomes an Intake: time points with activity image, CT and regions, and the table of sources."""

import itertools
from dataclasses import replace
from datetime import datetime

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import checked_path
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.intake.activity import forget_pixels, read_activity
from RNTDosimetryLib.intake.administration import read_administration, read_patient
from RNTDosimetryLib.intake.bed_positions import are_bed_positions, join_bed_positions
from RNTDosimetryLib.intake.calibration_use import CalibrationUse
from RNTDosimetryLib.intake.frame_choice import mean_of_frames, scan_uid, scans_of
from RNTDosimetryLib.intake.ignored import Ignored
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.records import Intake, IntakeRefused, IntakeRow, Series, TimePoint
from RNTDosimetryLib.intake.regions import place_regions
from RNTDosimetryLib.intake.series import ACTIVITY_KINDS, CT_KINDS, REGION_KINDS, FoundSeries, is_planar, looks_lost, scan_folder
from RNTDosimetryLib.intake.tags import find, readable, seconds_between
from RNTDosimetryLib.intake.timing import acquisition_start_of
from RNTDosimetryLib.intake.voxels import rescale_of, slices_grid

_LONGEST_CT_TO_SPECT_H = 6.0
_SAME_SCAN_S = 60.0
_SMALLEST_COMMON_SHARE = 0.3
_LONGEST_COURSE_H = 24.0 * 60


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
    found, unused = scan_folder(folder, lambda fraction, text: report(0.4 * fraction, text), ignored.takes_file)
    try:
        return _read_series(folder, ignored.series_left(found), ignored.series_left(unused), ignored, ledger, report)
    except DosimetryError as error:
        rows = [
            IntakeRow("series found", f"files: {len({one.path for one in item.objects})}", "", f"UID {item.uid}", item.label)
            for item in found
        ]
        raise IntakeRefused(str(error), tuple(rows + ledger.rows), tuple(ledger.warnings)) from error


def _read_series(folder, found, unused, ignored: Ignored, ledger: Ledger, report) -> Intake:
    for item in unused:
        why = (
            "planar views, for read_planar_folder"
            if is_planar(item.header)
            else "not a CT, a reconstructed SPECT, a PET or a set of regions"
        )
        ledger.record("series not used", item.label, "", why, "")
        if looks_lost(item):
            ledger.warn(f"{item.label} was not used: it is another kind of object than its modality says, or a single slice")
    scans = _in_order_of_time(scans_of([item for item in found if item.sop_class in ACTIVITY_KINDS], ledger), ledger)
    if not scans:
        raise DosimetryError(
            f"Expected a reconstructed SPECT (NM RECON TOMO) or PT series in {folder.name}, found none; add it to the folder."
        )
    activity_series = [scan[0] for scan in scans]
    patient = read_patient(found, ledger)
    administration = read_administration(activity_series, ledger)
    ct_series = _describe_cts([item for item in found if item.sop_class in CT_KINDS], activity_series, ledger)
    if not ct_series:
        ledger.warn(warned("no_ct_at_all", folder=folder.name))
    points = []
    try:
        for index, scan in enumerate(scans):
            report(0.4 + 0.4 * index / len(scans), f"reading {scan[0].label}")
            with readable(scan[0].label):
                points.append(_read_time_point(index, scan, ct_series, administration, ledger))
    finally:
        forget_pixels()
    if ledger.calibration is not None:
        ledger.calibration.check_used()
    ledger.note_unused([(scan_uid(scan), tuple(part.label for part in scan)) for scan in scans])
    points = _with_unique_names(_with_joined_beds(points, ledger))
    _check_course(points, ledger)
    report(0.8, "reading regions")
    placed = place_regions(points, [item for item in found if item.sop_class in REGION_KINDS], ct_series, found, ignored, ledger)
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


def _in_order_of_time(scans: list[tuple[FoundSeries, ...]], ledger: Ledger) -> list[tuple[FoundSeries, ...]]:
    """Scans by start of acquisition as their files say; those without a start come last, by UID."""
    starts: list[tuple[tuple[FoundSeries, ...], datetime | None]] = []
    for scan in scans:
        starts.append((scan, acquisition_start_of(scan[0], ledger.series_overrides(scan_uid(scan), 0, len(scan) > 1))))
    known = [pair for pair in starts if pair[1] is not None]
    unknown = sorted((pair[0] for pair in starts if pair[1] is None), key=scan_uid)
    ordered = [
        pair[0] for pair in sorted(known, key=lambda pair: (seconds_between(known[0][1], pair[1]), scan_uid(pair[0])))
    ] + unknown
    ledger.check_time_point_keys([scan_uid(scan) for scan in ordered])
    return ordered


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
        ledger.warn(f"{series.label} was not used: {error}")
    return described


def _describe_ct(series: FoundSeries, ledger: Ledger) -> Series:
    with readable(series.label):
        _check_hounsfield_scale(series, ledger)
        geometry, order = slices_grid([item.header for item in series.objects], series.label)
    objects = [series.objects[index] for index in order]
    start = find(objects[0].header, "acquisition_start")
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
    missing = any(item.header.get("RescaleIntercept") in (None, "") for item in series.objects)
    scales = {rescale_of(item.header) for item in series.objects}
    if min(slope for slope, _ in scales) <= 0:
        raise DosimetryError(
            f"Expected a positive Rescale Slope in {series.label}, received {min(scales)[0]:g}; repair the file."
        )
    if missing:
        ledger.warn(f"{series.label}: slices without Rescale Intercept were taken as Hounsfield units without an offset")
    if len(scales) > 1:
        ledger.warn(f"{series.label}: slices have different Rescale Slopes or Intercepts; check the Hounsfield units")


def _read_time_point(index: int, scan: tuple[FoundSeries, ...], ct_series, administration, ledger: Ledger) -> TimePoint:
    series = scan[0]
    overrides = ledger.series_overrides(scan_uid(scan), index + 1, len(scan) > 1)
    first_warning = len(ledger.warnings)
    images = [read_activity(frame, administration, overrides, ledger, f"SPECT {index + 1}") for frame in scan]
    activity = images[0] if len(images) == 1 else _mean(scan, images)
    ct = _ct_for(series, activity, ct_series, overrides.get("ct_series"), ledger)
    common = 1.0
    if ct is not None:
        common = max(_share_inside(activity.geometry, ct.geometry), _share_inside(ct.geometry, activity.geometry))
    if common < _SMALLEST_COMMON_SHARE:
        ledger.warn(
            f"{series.label} and its CT have only {common:.0%} of their space in common; check that they belong together, and the order "
            "of the slices (override slice_order)"
        )
    return TimePoint(
        name=f"{activity.start_h:.4g} h" if "#" not in scan_uid(scan) else f"{activity.start_h:.6g} h",
        start_h=activity.start_h,
        acquisition_start=activity.acquisition_start,
        duration_s=activity.duration_s,
        series_uid=scan_uid(scan),
        file=series.objects[0].path,
        series_instance_uid=str(series.header.get("SeriesInstanceUID", "") or ""),
        activity=activity,
        ct=ct,
        warnings=tuple(ledger.warnings[first_warning:]),
        frames=tuple(images) if len(images) > 1 else (),
    )


def _mean(scan, images):
    from RNTDosimetryLib.nuclides import get_nuclide

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
            ledger.warn(f"{where} and the CT named in ct_series have different frames of reference: check their alignment")
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
        ledger.warn(
            f"{where} and its CT have different frames of reference; the CT taken {hours_apart(best):.2g} h apart was used "
            "as if both lay in one frame: check their alignment"
        )
    elif same_frame and hours_apart(best) > 12 and best.start is not None:
        ledger.warn(
            f"{where} and its CT share a frame of reference, but were taken {hours_apart(best):.0f} h apart; check that they belong together"
        )
    ledger.record("CT", f"{best.description} (...{best.uid[-8:]})", "", reason, where, "derived")
    return best


def _with_joined_beds(points: list[TimePoint], ledger: Ledger) -> list[TimePoint]:
    """Neighboring bed positions of one session as one time point."""
    from RNTDosimetryLib.nuclides import get_nuclide

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
        joined.append(replace(group[0], activity=activity, warnings=activity.warnings, frames=()))
    return joined


def _with_unique_names(points: list[TimePoint]) -> list[TimePoint]:
    """Names with as many digits as tell the time points apart: frames may start seconds apart after days."""
    for digits in range(5, 13):
        names = [point.name for point in points]
        if len(set(names)) == len(names):
            break
        points = [
            replace(point, name=f"{point.start_h:.{digits}g} h") if names.count(point.name) > 1 else point for point in points
        ]
    return points


def _check_course(points: list[TimePoint], ledger: Ledger) -> None:
    for earlier, later in itertools.pairwise(points):
        same_series = "#" in later.series_uid and earlier.series_uid.split("#")[0] == later.series_uid.split("#")[0]
        if abs(later.start_h - earlier.start_h) * 3600 < _SAME_SCAN_S and not same_series:
            raise DosimetryError(
                f"Expected one reconstruction for each scan, received two that start at {later.acquisition_start}; "
                f"name the one to leave out (...{earlier.series_uid[-8:]} or ...{later.series_uid[-8:]}) in the override ignore_series."
            )
        if later.start_h < earlier.start_h:
            raise DosimetryError(
                "Expected the time points in order of time after the overrides, received another order; "
                "type acquisition_start under the series UID instead of its number."
            )
    if points[-1].start_h > _LONGEST_COURSE_H:
        ledger.warn(f"the last scan starts {points[-1].start_h / 24:.0f} days after the administration; check the dates")
