"""The regions of a folder: read from segmentations and structure sets, and given to the time points that they were drawn at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import Region
from RNTDosimetryLib.intake.drawn_on import ImagesOfFolder
from RNTDosimetryLib.intake.ignored import Ignored
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.records import Series, TimePoint
from RNTDosimetryLib.intake.region_parts import ReadRegion, RegionsOfFile
from RNTDosimetryLib.intake.segmentations import read_segmentation
from RNTDosimetryLib.intake.series import FoundSeries
from RNTDosimetryLib.intake.sop_classes import RTSTRUCT
from RNTDosimetryLib.intake.structure_sets import read_structure_set
from RNTDosimetryLib.intake.tags import readable


@dataclass(frozen=True)
class PlacedRegions:
    """points: the time points with their regions. unmeasured: regions that have no dose here, by name, and why."""

    points: tuple[TimePoint, ...]
    unmeasured: dict[str, str]


def place_regions(
    points: Sequence[TimePoint],
    region_series: Sequence[FoundSeries],
    cts: Sequence[Series],
    found: Sequence[FoundSeries],
    ignored: Ignored,
    ledger: Ledger,
) -> PlacedRegions:
    """Each region on the image that it names, else on the CT, or the SPECT, of its frame of reference.

    A region or a file that cannot be used is left out by name. Raises DosimetryError where there are files with regions and none remains.
    """
    images = ImagesOfFolder(points, cts, found)
    by_point: dict[int, list[ReadRegion]] = {}
    left_out: dict[str, str] = {}
    refused: list[tuple[FoundSeries, DosimetryError]] = []
    ignored_some = False
    for series in region_series:
        read = RegionsOfFile(series.label, ledger.warnings)
        try:
            with readable(series.label):
                (read_structure_set if series.sop_class == RTSTRUCT else read_segmentation)(series, images, read)
                regions = read.regions()
        except DosimetryError as error:
            refused.append((series, error))
            continue
        left_out |= read.left_out
        kept = ignored.regions_left(regions, read.left_out)
        ignored_some = ignored_some or len(kept) < len(regions)
        for item in _near_their_image(kept, points, read):
            by_point.setdefault(item.on.time_point, []).append(item)
        left_out |= read.left_out
        _say_frames(kept, points, series.label, ledger)
        _record(kept, points, series, ledger)
    if region_series and not by_point and not ignored_some:
        raise _nothing_remains(region_series, refused, left_out)
    for series, reason in refused:
        ledger.warn(warned("regions_of_a_file_left_out", where=series.label, reason=str(reason).rstrip(".")))
    told = {index: _told_apart(items, points[index].name, ledger) for index, items in by_point.items()}
    placed = tuple(replace(point, regions=tuple(told.get(index, ()))) for index, point in enumerate(points))
    return PlacedRegions(placed, _unmeasured(placed, left_out, ledger))


def _nothing_remains(region_series, refused, left_out: dict[str, str]) -> DosimetryError:
    if refused:
        return refused[0][1]
    reasons = "; ".join(f"'{name}': {reason}" for name, reason in list(left_out.items())[:5])
    return DosimetryError(
        f"Expected regions in {region_series[0].label}, received none that can be used; draw them, or name the file in ignore ({reasons or 'it is empty'})."
    )


def _near_their_image(regions: Sequence[ReadRegion], points: Sequence[TimePoint], read: RegionsOfFile) -> list[ReadRegion]:
    """The regions without those that lie wholly beside the image that they were drawn on."""
    kept = []
    for item in regions:
        point = points[item.on.time_point]
        images = [point.activity.geometry, *([] if item.on.on_activity or point.ct is None else [point.ct.geometry])]
        if any(item.region.geometry is image or _reaches_into(item.region, image) for image in (item.on.geometry, *images)):
            kept.append(item)
        else:
            read.leave_out(
                item.region.name, "it lies wholly beside the image that it was drawn on: check which image it belongs to"
            )
    return kept


def _reaches_into(region: Region, image: ImageGeometry) -> bool:
    """Whether a voxel of a region has its center in an image."""
    index = np.argwhere(region.occupancy > 0)[:, ::-1]
    matrix = np.linalg.inv(image.index_to_lps) @ region.geometry.index_to_lps
    there = index @ matrix[:3, :3].T + matrix[:3, 3]
    return bool(np.any(np.all((there >= -0.5) & (there <= np.array(image.size[::-1]) - 0.5), axis=1)))


def _say_frames(regions: Sequence[ReadRegion], points: Sequence[TimePoint], where: str, ledger: Ledger) -> None:
    for index in sorted({item.on.time_point for item in regions if item.on.on_activity}):
        point = points[index]
        if point.ct is not None and point.ct.frame_of_reference_uid != point.activity.frame_of_reference_uid:
            ledger.warn(warned("regions_in_the_frame_of_the_scan", where=where, scan=point.name))
    if any(not item.on.named for item in regions):
        ledger.warn(warned("regions_by_frame_of_reference", where=where))


def _record(regions: Sequence[ReadRegion], points: Sequence[TimePoint], series: FoundSeries, ledger: Ledger) -> None:
    for item in regions:
        image = "SPECT" if item.on.on_activity else "CT"
        source = f"{series.header.get('Modality')} on the {image} of {points[item.on.time_point].name}"
        ledger.record(f"region {item.region.name}", item.region.volume_ml, "mL", source, series.label)


def _told_apart(items: Sequence[ReadRegion], scan: str, ledger: Ledger) -> list[Region]:
    """Regions of one name from several files get a number from the second on."""
    told: list[Region] = []
    for item in items:
        region, number = item.region, 2
        while any(other.name == region.name for other in told):
            region = replace(region, name=f"{item.region.name} ({number})")
            number += 1
        if region is not item.region:
            ledger.warn(warned("region_in_several_files", region=item.region.name, scan=scan, name=region.name))
        told.append(region)
    return told


def _unmeasured(points: Sequence[TimePoint], left_out: dict[str, str], ledger: Ledger) -> dict[str, str]:
    """Regions that have no dose: those left out, and those of later scans that the reference does not have."""
    with_regions = [point for point in points if point.regions]
    there = {region.name for point in with_regions[:1] for region in point.regions}
    missing = {name: reason for name, reason in left_out.items() if name not in there}
    for point in with_regions[1:]:
        names = ", ".join(f"'{region.name}'" for region in point.regions)
        ledger.warn(warned("regions_of_a_later_scan", regions=names, scan=point.name, reference=with_regions[0].name))
        missing |= {region.name: f"drawn at {point.name} only" for region in point.regions if region.name not in there}
    return missing
