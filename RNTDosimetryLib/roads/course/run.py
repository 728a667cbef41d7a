"""A course read, added up and looked ahead of."""

from collections.abc import Sequence

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, silent
from RNTDosimetryLib.base.provenance import file_hashes, now, versions
from RNTDosimetryLib.base.warnings import ranked, warned
from RNTDosimetryLib.course import CourseLimit, Errors, bed_of, cumulative, in_2_gy_fractions, sampled, shipped_limits, tissue_of
from RNTDosimetryLib.dose import eqd2
from RNTDosimetryLib.roads.course.ahead import look_ahead
from RNTDosimetryLib.roads.course.home import way_home
from RNTDosimetryLib.roads.course.others import read_others
from RNTDosimetryLib.roads.course.reading import ReadCycle, read_cycles
from RNTDosimetryLib.roads.course.regions import RegionGiven, gather
from RNTDosimetryLib.roads.course.request import CourseRequest, LimitEntry
from RNTDosimetryLib.roads.course.result import (
    CourseResult,
    CycleSummary,
    RegionCourse,
    RegionDoseOfCycle,
    VoxelSumResult,
)
from RNTDosimetryLib.roads.course.voxels import means_of, sum_maps
from RNTDosimetryLib.roads.course.when import when_to_scan

_SAMPLES = 200_000
_SHOWN_WITHOUT_REQUEST = ("kidney", "marrow", "salivary")
PlacedLimit = tuple[CourseLimit, float | None]
"""A limit of a region with the repair half-time of its BED."""


def compute(request: CourseRequest, progress: Progress = silent) -> CourseResult:
    """Cumulative doses of every region, the next activity, the sum by voxel and the way home. Raises DosimetryError for input that cannot be used."""
    progress(0.0, "Reading the cycles")
    cycles, warnings = read_cycles(request)
    others = read_others(request)
    regions = gather(request, cycles, others)
    warnings += _unused_names(request, cycles, others)
    placed = _limits(request, regions, warnings)
    progress(0.3, "Adding up the doses")
    seed = 1 if request.next_cycle is None else request.next_cycle.seed
    found = {name: _region(item, cycles, placed.get(name, []), seed, warnings) for name, item in regions.items()}
    ahead = None
    if request.next_cycle is not None:
        progress(0.5, "Sampling the next cycle")
        ahead, more = look_ahead(request.next_cycle, cycles, regions, placed)
        warnings += more
    sums = None
    if request.voxel_sum is not None:
        progress(0.8, "Adding up the dose maps")
        maps = sum_maps(request.voxel_sum)
        warnings += maps.warnings
        sums = VoxelSumResult(maps.names, *means_of(maps), maps.geometry.spacing_mm, maps.geometry.size, maps)
    home = None
    if request.discharge is not None:
        home, more = way_home(request.discharge, cycles)
        warnings += more
    design = None if request.design is None else when_to_scan(request.design)
    progress(1.0, "Computed")
    return CourseResult(
        request=request,
        cycles=tuple(
            CycleSummary(item.number, item.day.isoformat(), item.activity_mbq, item.source, item.nuclide) for item in cycles
        ),
        regions=found,
        next_cycle=ahead,
        voxel_sum=sums,
        discharge=home,
        design=design,
        patient=next((item.patient for item in cycles if item.patient), ""),
        input_hashes=file_hashes(request),
        versions=versions(),
        created=now(),
        warnings=ranked(warnings),
    )


def _unused_names(request: CourseRequest, cycles: Sequence[ReadCycle], others) -> list[str]:
    present = {name for cycle in cycles for name in cycle.regions} | {name for name, _given in others}
    return [warned("course_name_unused", name=name) for name, target in request.region_names.items() if target not in present]


def _limits(request: CourseRequest, regions: dict[str, RegionGiven], warnings: list[str]) -> dict[str, list[PlacedLimit]]:
    """Limits by region. Raises DosimetryError for a BED limit of a region whose alpha/beta or repair half-time nobody knows."""
    entries: Sequence[LimitEntry] = request.limits or ()
    if request.limits is None:
        tissues = {
            *_SHOWN_WITHOUT_REQUEST,
            *(("lung",) if any(item.kind == "radioembolisation" for item in request.others) else ()),
        }
        entries = [LimitEntry(name=name) for name, item in shipped_limits().items() if item["tissue"] in tissues]
    placed: dict[str, list[PlacedLimit]] = {}
    ahead = request.next_cycle is not None and bool(request.next_cycle.population or request.next_cycle.uptakes)
    for entry in entries:
        for name in _regions_of(entry, regions, ahead):
            limit = _placed(entry, name, request, regions)
            if limit[0].name not in {other.name for other, _repair in placed.get(name, [])}:
                placed.setdefault(name, []).append(limit)
        if request.limits is not None and not _regions_of(entry, regions, ahead):
            words = entry.name or f"{entry.region} {entry.dose_gy or entry.bed_gy:g} Gy"
            warnings.append(warned("course_limit_unused", limit=words, regions=", ".join(regions)))
    return placed


def _regions_of(entry: LimitEntry, regions: dict[str, RegionGiven], ahead: bool) -> list[str]:
    """Regions that a limit holds for. ahead: before any dosimetry also one that is in no cycle yet."""
    if entry.name is None:
        return [entry.region] if entry.region in regions or ahead else []
    tissue = shipped_limits()[entry.name]["tissue"]
    found = [name for name, item in regions.items() if item.tissue == tissue and entry.region in (None, name)]
    return found or ([entry.region or tissue] if ahead else [])


def _placed(entry: LimitEntry, name: str, request: CourseRequest, regions: dict[str, RegionGiven]) -> PlacedLimit:
    from RNTDosimetryLib.course import radiobiology_of

    region, shipped = regions.get(name), radiobiology_of(tissue_of(name)) or {}
    own = request.regions.get(name)
    found = {}
    for key in ("alpha_beta_gy", "repair_half_time_h"):
        of_region = getattr(region, key) if region is not None else (own and getattr(own, key)) or shipped.get(key)
        found[key] = getattr(entry, key) or of_region
    limit = entry.limit_of(name, found["alpha_beta_gy"])
    if limit.quantity == "bed":
        missing = [key for key, value in found.items() if value is None]
        if missing:
            raise DosimetryError(
                f"Expected {' and '.join(missing)} for the limit {limit.name}, as none is shipped for this region, received none; enter it in the limit or under regions."
            )
    return limit, found["repair_half_time_h"]


def _region(
    item: RegionGiven, cycles: Sequence[ReadCycle], limits: Sequence[PlacedLimit], seed: int, warnings: list[str]
) -> RegionCourse:
    warnings += item.warnings
    contributions = item.contributions()
    dose = cumulative(contributions)
    unknown = [one.name for one in contributions if not one.is_certain]
    if unknown:
        warnings.append(warned("course_uncertainty_unknown", region=item.name, names=", ".join(unknown)))
    elif dose.uncertainty_gy == 0 and dose.value_gy > 0:
        warnings.append(warned("course_uncertainty_zero", region=item.name))
    ratio = item.alpha_beta_gy
    bed = doubled = None
    missing = [
        word for word, value in (("alpha/beta", ratio), ("the repair half-time", item.repair_half_time_h)) if value is None
    ]
    if not missing:
        bed = cumulative(contributions, ratio)
        doubled = in_2_gy_fractions(bed, ratio)
        missing = ["an effective half-life"] * (bed is None)
    if missing:
        warnings.append(warned("course_bed_unknown", region=item.name, missing=" and ".join(missing)))
    rows = _rows(item, cycles, contributions)
    return RegionCourse(
        name=item.name,
        kind=item.kind,
        tissue=item.tissue,
        doses=rows,
        cumulative_dose_gy=dose.value_gy,
        cumulative_dose_uncertainty_gy=dose.uncertainty_gy,
        cumulative_dose_random_gy=dose.random_gy,
        cumulative_dose_common_gy=dose.common_gy,
        cumulative_bed_gy=None if bed is None else bed.value_gy,
        cumulative_bed_uncertainty_gy=None if bed is None else bed.uncertainty_gy,
        cumulative_eqd2_gy=None if doubled is None else doubled.value_gy,
        cumulative_eqd2_uncertainty_gy=None if doubled is None else doubled.uncertainty_gy,
        alpha_beta_gy=ratio,
        repair_half_time_h=item.repair_half_time_h,
        probability_above={limit.label: _probability(item, limit, repair, seed) for limit, repair in limits},
        limits=tuple(limit for limit, _repair in limits),
        trend=item.trend,
        between_cycle_variation=item.variation if any(one.cycle for one in item.given) else None,
        between_cycle_variation_assumed=item.variation_assumed,
        uncertainty_parts_gy=dose.parts_gy,
    )


def _rows(item: RegionGiven, cycles: Sequence[ReadCycle], contributions) -> tuple[RegionDoseOfCycle, ...]:
    """One row a cycle, blank where the region is not in it, and one for each other therapy."""
    by_cycle = {given.cycle: (given, one) for given, one in zip(item.given, contributions) if given.cycle}
    rows = []
    for cycle in cycles:
        if cycle.number not in by_cycle:
            rows.append(RegionDoseOfCycle(cycle.name, cycle.number))
            continue
        rows.append(_row(item, *by_cycle[cycle.number]))
    rows += [_row(item, given, one) for given, one in zip(item.given, contributions) if not given.cycle]
    return tuple(rows)


def _row(item: RegionGiven, given, one) -> RegionDoseOfCycle:
    bed = None if item.alpha_beta_gy is None else bed_of(one, item.alpha_beta_gy)
    return RegionDoseOfCycle(
        name=given.name,
        cycle=given.cycle,
        dose_gy=given.dose_gy,
        dose_uncertainty_gy=one.uncertainty_gy,
        random_uncertainty=one.random_uncertainty,
        common_uncertainty=one.common_uncertainty,
        gy_per_gbq=given.gy_per_gbq,
        bed_gy=bed,
        eqd2_gy=None if bed is None else eqd2(bed, item.alpha_beta_gy),
        estimated=given.estimated,
    )


def _probability(item: RegionGiven, limit: CourseLimit, repair_half_time_h: float | None, seed: int) -> float | None:
    """Probability to be above a limit now; None where an uncertainty or a half-life is not known."""
    contributions = item.contributions(repair_half_time_h)
    if limit.session:
        contributions = [one for given, one in zip(item.given, contributions) if given.kind == "radioembolisation"]
        each = [_above([one], limit, seed) for one in contributions]
        return None if not each or None in each else max(each)
    return _above(contributions, limit, seed)


def _above(contributions, limit: CourseLimit, seed: int) -> float | None:
    factors = limit.quantity == "bed" and any(one.protraction_factor is None for one in contributions)
    if factors or not all(one.is_certain for one in contributions):
        return None
    found = sampled(contributions, Errors(_SAMPLES, [seed, *limit.region.encode()]), limit.bed_ratio_gy)
    return float(np.mean(found > limit.value_gy))
