"""The next cycle of a course: every limit looked at, the binding one named, what other activities would do beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.course import (
    Contribution,
    CourseLimit,
    NextUptake,
    SampledLimit,
    outlook,
    population,
    protocol_activity_gbq,
    rules,
    sample_limit,
    standard_cycles_left,
    tissue_of,
)
from RNTDosimetryLib.dose import lea_catcheside_mono
from RNTDosimetryLib.roads.course.reading import ReadCycle
from RNTDosimetryLib.roads.course.regions import RegionGiven, is_lesion
from RNTDosimetryLib.roads.course.request import NextCycleEntry
from RNTDosimetryLib.roads.course.result import LimitOutlook, NextCycle

_POINTS = 61
_CAP, _FLOOR = "largest_activity_mbq", "smallest_activity_mbq"


def look_ahead(
    entry: NextCycleEntry,
    cycles: Sequence[ReadCycle],
    regions: Mapping[str, RegionGiven],
    placed: Mapping[str, Sequence[tuple[CourseLimit, float | None]]],
) -> tuple[NextCycle, list[str]]:
    """The next activity within all limits, and what was doubtful."""
    warnings: list[str] = []
    standard = entry.standard_activity_mbq or (cycles[-1].activity_mbq if cycles else None)
    rows, drawn = [], []
    for name, limits in placed.items():
        for limit, repair in limits:
            if limit.session:
                continue
            try:
                past, uptake = _inputs(name, regions.get(name), repair, entry, cycles, warnings)
                curve = sample_limit(past, uptake, limit, entry.cycles_left, seed=entry.seed)
            except DosimetryError as reason:
                warnings.append(warned("course_limit_not_planned", limit=limit.name, reason=str(reason)))
                rows.append(LimitOutlook(name, limit.label, None, None, None, None, reason=str(reason)))
                continue
            drawn.append((len(rows), curve))
            rows.append(_row(past, uptake, curve, entry, standard, warnings))
    found = _binding(entry, rows, warnings)
    activities = _activities(entry, rows, found.activity_mbq, standard)
    for place, curve in drawn:
        rows[place] = replace(
            rows[place],
            probability_at_next=None if found.activity_mbq is None else curve.probability(found.activity_mbq / 1000),
            what_if=tuple(curve.probability(activity / 1000) for activity in activities),
        )
    lefts = [row.standard_cycles_left for row in rows if row.standard_cycles_left is not None]
    bound = next((row for row in rows if f"{row.region} {row.limit}" == found.binding_limit), None)
    doses = {} if found.activity_mbq is None else _expected_doses(entry, regions, found.activity_mbq)
    probability = found.probability
    if found.activity_mbq is not None:
        # Where an end of the activity binds, the probability is that of the limit that is nearest to being broken.
        probability = (
            bound.probability_at_next
            if bound
            else max((row.probability_at_next for row in rows if row.probability_at_next is not None), default=None)
        )
    return replace(
        found,
        probability=probability,
        limits=tuple(rows),
        standard_activity_mbq=standard,
        standard_cycles_left=min(lefts) if lefts and len(lefts) == len(rows) else None,
        protocol_activity_mbq=_protocol(entry, cycles, regions, warnings),
        expected_doses_gy=doses,
        activities_mbq=activities,
    ), warnings


def _row(
    past: Sequence[Contribution],
    uptake: NextUptake,
    curve: SampledLimit,
    entry: NextCycleEntry,
    standard: float | None,
    warnings: list[str],
) -> LimitOutlook:
    limit = curve.limit
    found = outlook(past, uptake, curve, entry.probability, entry.cycles_left)
    if found.exceeded:
        given = sum(item.dose_gy for item in past) if limit.quantity == "dose" else _bed_now(past, limit)
        warnings.append(warned("course_limit_exceeded", limit=limit.name, value=given))
    elif found.sampled_gbq == 0:
        warnings.append(warned("course_no_activity", limit=limit.name, now=found.probability_now, asked=entry.probability))
    left = None
    if standard:
        left = standard_cycles_left(
            past, uptake, limit, standard / 1000, entry.probability, rules()["most_standard_cycles"], entry.seed
        )
    return LimitOutlook(
        region=limit.region,
        limit=limit.label,
        activity_mbq=1000 * found.sampled_gbq,
        normal_activity_mbq=1000 * found.normal_gbq,
        expected_activity_mbq=1000 * found.expected_gbq,
        probability_now=found.probability_now,
        standard_cycles_left=left,
        exceeded=found.exceeded,
        gy_per_gbq=uptake.gy_per_gbq,
        variation=uptake.variation,
        source=uptake.source,
    )


def _bed_now(past: Sequence[Contribution], limit: CourseLimit) -> float:
    from RNTDosimetryLib.course import cumulative

    return cumulative(past, limit.alpha_beta_gy).value_gy


def _binding(entry: NextCycleEntry, rows: Sequence[LimitOutlook], warnings: list[str]) -> NextCycle:
    """The smallest activity of all limits and the cap; 0 below the floor; None where a limit could not be planned for, as nobody knows what it allows."""
    empty = NextCycle(None, "", None, None, entry.cycles_left, entry.probability, ())
    if not rows or any(row.activity_mbq is None for row in rows):
        unplanned = [f"{row.region} {row.limit}" for row in rows if row.activity_mbq is None]
        return replace(empty, binding_limit=", ".join(unplanned))
    first = min(rows, key=lambda row: (row.activity_mbq, not row.exceeded))
    activity, normal, name = first.activity_mbq, min(row.normal_activity_mbq for row in rows), f"{first.region} {first.limit}"
    cap = entry.largest_activity_mbq
    if cap is not None and activity > cap:
        activity, name = cap, _CAP
    normal = normal if cap is None else min(normal, cap)
    floor = entry.smallest_activity_mbq
    if floor is not None and 0 < activity < floor:
        warnings.append(warned("course_activity_below_floor", limit=name, allowed=activity, floor=floor))
        activity = 0.0
    return replace(empty, activity_mbq=activity, normal_activity_mbq=normal, binding_limit=name)


def _inputs(
    name: str,
    region: RegionGiven | None,
    repair: float | None,
    entry: NextCycleEntry,
    cycles: Sequence[ReadCycle],
    warnings: list[str],
) -> tuple[list[Contribution], NextUptake]:
    """What was given, and the uptake to come: of the patient's own cycles, or of a population."""
    if region is not None and region.measured:
        if region.variation_assumed:
            warnings.append(warned("course_variation_assumed", region=name, percent=100 * region.variation))
        return region.contributions(repair), _own(region, repair, entry, len(cycles))
    past = [] if region is None else [item.contribution(repair) for item in region.given]
    if region is not None and any(item.cycle for item in region.given):
        raise DosimetryError(f"Expected administered_activity_mbq of the cycles with doses of {name}, received none; enter it.")
    return past, _of_population(name, repair, entry, cycles, warnings)


def _own(region: RegionGiven, repair: float | None, entry: NextCycleEntry, cycles: int) -> NextUptake:
    """Weighted mean or trend of Gy/GBq of the nuclide given last; what the cycles share goes on as in the last of them."""
    last = region.measured[-1]
    k = region.trend.mean_gy_per_gbq
    if entry.follow_trend and region.trend.slope_gy_per_gbq is not None:
        own = [item for item in region.measured if item.nuclide == last.nuclide]
        center = float(np.mean([item.cycle for item in own]))
        k = max(k + region.trend.slope_gy_per_gbq * (cycles + (entry.cycles_left + 1) / 2 - center), 0.0)
    if not k > 0:
        raise DosimetryError(
            f"Expected a dose of {region.name} above zero in the cycles, received none; there is no Gy/GBq for the next."
        )
    if last.common is None:
        raise DosimetryError(
            f"Expected the uncertainties of {last.name} of {region.name}, received none; enter both (0 where there is none)."
        )
    words = "trend" if entry.follow_trend else "weighted mean"
    return NextUptake(
        k,
        region.variation,
        dict(last.common),
        last.contribution(repair).protraction_factor,
        last.rbe_factor,
        source=f"{words} of {len(region.measured)} cycles",
    )


def _of_population(
    name: str, repair: float | None, entry: NextCycleEntry, cycles: Sequence[ReadCycle], warnings: list[str]
) -> NextUptake:
    tissue = tissue_of(name)
    entered = entry.uptakes.get(name) or entry.uptakes.get(tissue)
    shipped = population(entry.population).get(tissue) if entry.population else None
    found = entered or shipped
    if found is None:
        raise DosimetryError(
            f"Expected doses of {name} in a cycle, or a population of it under next_cycle (population or uptakes), received neither; enter one."
        )
    if found.sd is None:
        raise DosimetryError(
            f"Expected the spread of {name} between patients, as the population has none, received none; enter gy_per_gbq and sd under uptakes."
        )
    half_life = None if entered is None else entered.effective_half_life_h
    factor = lea_catcheside_mono(half_life, repair) if half_life and repair else None
    source = "entered" if entered else shipped.source
    warnings.append(warned("course_population", region=name, source=source))
    activities = []
    for cycle in cycles:
        if not cycle.activity_mbq:
            raise DosimetryError(
                f"Expected administered_activity_mbq of cycle {cycle.number}, which has no dosimetry, received none; enter it."
            )
        activities.append(cycle.activity_mbq / 1000)
    return NextUptake(found.gy_per_gbq, found.sd / found.gy_per_gbq, {}, factor, given_gbq=tuple(activities), source=source)


def _activities(
    entry: NextCycleEntry, rows: Sequence[LimitOutlook], activity: float | None, standard: float | None
) -> tuple[float, ...]:
    """Activities of the what-if plot: to beyond the expectation of every limit, or the cap."""
    known = [row.expected_activity_mbq for row in rows if row.expected_activity_mbq]
    end = 1.2 * max([*known, activity or 0.0, standard or 0.0, entry.largest_activity_mbq or 0.0], default=0.0)
    return tuple(float(value) for value in np.linspace(0.0, end, _POINTS)) if end > 0 else ()


def _expected_doses(entry: NextCycleEntry, regions: Mapping[str, RegionGiven], activity_mbq: float) -> dict[str, float]:
    """Expected dose of every region with own cycles from all cycles left; lesions by their last Gy/GBq: they shrink and take up less.

    A lesion that is blank in the last cycle has vanished.
    """
    doses = {}
    last = max((item.cycle for region in regions.values() for item in region.given), default=0)
    for name, region in regions.items():
        if region.measured and not (is_lesion(region) and last in region.blank):
            k = region.measured[-1].gy_per_gbq if is_lesion(region) else region.trend.mean_gy_per_gbq
            doses[name] = k * activity_mbq / 1000 * entry.cycles_left
    return doses


def _protocol(
    entry: NextCycleEntry, cycles: Sequence[ReadCycle], regions: Mapping[str, RegionGiven], warnings: list[str]
) -> float | None:
    """Activity that the protocol asks for; None without one and when it is finished."""
    if entry.protocol is None:
        return None
    name = entry.protocol.region
    _past, uptake = _inputs(name, regions.get(name), None, entry, cycles, warnings)
    found = protocol_activity_gbq(uptake, entry.protocol.cycle_doses_gy, len(cycles))
    return None if found is None else 1000 * found
