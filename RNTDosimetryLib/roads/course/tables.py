"""The tables of a course: for the terminal, course.csv and the page."""

from RNTDosimetryLib.report import Column, Table, measured
from RNTDosimetryLib.roads.course.result import CourseResult, Design, Discharge, NextCycle, RegionCourse

_MARK = " *"
_NOTE = "* estimated: not measured in this cycle, or from a single scan."
_UNCERTAINTY = "Uncertainties are standard uncertainties (k = 1)."


def short_table(result: CourseResult) -> Table:
    """One row a region: cumulative dose, BED, EQD2, and the probability of every limit."""
    rows = tuple(
        (
            item.name,
            measured(item.cumulative_dose_gy, item.cumulative_dose_uncertainty_gy),
            measured(item.cumulative_bed_gy, item.cumulative_bed_uncertainty_gy),
            measured(item.cumulative_eqd2_gy, item.cumulative_eqd2_uncertainty_gy),
            ", ".join(f"{label}: {_percent(value)}" for label, value in item.probability_above.items()) or None,
        )
        for item in result.regions.values()
    )
    columns = (
        Column("Region", align="left"),
        Column("Cumulative dose", "Gy"),
        Column("BED", "Gy"),
        Column("EQD2", "Gy"),
        Column("Probability to be above", align="left"),
    )
    return Table("Course", columns, rows, note=_UNCERTAINTY)


def _percent(value: float | None) -> str:
    if value is None:
        return "not known"
    return "<0.1 %" if value < 0.001 else ">99.9 %" if value > 0.999 else f"{100 * value:.3g} %"


def course_table(result: CourseResult) -> Table:
    """One row for each region and cycle or other therapy, blank where the region is not in it; for course.csv."""
    dates = {item.number: item for item in result.cycles}
    rows = []
    for region in result.regions.values():
        for item in region.doses:
            cycle = dates.get(item.cycle)
            rows.append(
                (region.name, region.kind, item.name, cycle.date if cycle else None, cycle.administered_activity_mbq if cycle else None,
                 measured(item.dose_gy, item.dose_uncertainty_gy), _hundred(item.random_uncertainty), _hundred(item.common_uncertainty),
                 item.gy_per_gbq, item.bed_gy, item.eqd2_gy, item.estimated or None)
            )  # fmt: skip
        rows.append(
            (region.name, region.kind, "cumulative", None, None, measured(region.cumulative_dose_gy, region.cumulative_dose_uncertainty_gy),
             None, None, None, region.cumulative_bed_gy, region.cumulative_eqd2_gy, None)
        )  # fmt: skip
    columns = (
        Column("Region", align="left"), Column("Kind", align="left"), Column("Given", align="left"), Column("Date", align="left"),
        Column("Activity", "MBq", 4), Column("Dose", "Gy"), Column("Random uncertainty", "%", 2), Column("Common uncertainty", "%", 2),
        Column("Dose per activity", "Gy/GBq"), Column("BED", "Gy"), Column("EQD2", "Gy"), Column("Estimated", align="left"),
    )  # fmt: skip
    return Table("Every cycle", columns, tuple(rows), note=_UNCERTAINTY)


def _hundred(value: float | None) -> float | None:
    return None if value is None else 100 * value


def dose_table(result: CourseResult) -> Table:
    """Regions down, cycles across."""
    names = list(dict.fromkeys(item.name for region in result.regions.values() for item in region.doses))
    rows = []
    for region in result.regions.values():
        found = {item.name: item for item in region.doses}
        rows.append((region.name, *(_cell(found.get(name)) for name in names)))
    columns = (Column("Region", align="left"), *(Column(name, "Gy") for name in names))
    return Table("Dose by cycle", columns, tuple(rows), note=f"{_NOTE} {_UNCERTAINTY}")


def _cell(item):
    if item is None or item.dose_gy is None:
        return None
    if not item.estimated:
        return measured(item.dose_gy, item.dose_uncertainty_gy)
    from RNTDosimetryLib.report import format_measured

    return format_measured(item.dose_gy, item.dose_uncertainty_gy) + _MARK


def trend_table(result: CourseResult) -> Table:
    """Gy/GBq of every region with its trend."""
    rows = tuple(
        (
            item.name,
            item.trend.mean_gy_per_gbq,
            measured(item.trend.slope_gy_per_gbq, item.trend.slope_uncertainty_gy_per_gbq),
            item.trend.spearman,
            _hundred(item.trend.spread),
            _hundred(item.between_cycle_variation),
            "assumed" if item.between_cycle_variation_assumed else "entered or own",
        )
        for item in result.regions.values()
        if item.trend is not None
    )
    columns = (
        Column("Region", align="left"), Column("Weighted mean", "Gy/GBq"), Column("Slope a cycle", "Gy/GBq", 2), Column("Spearman", "", 2),
        Column("Spread", "%", 2), Column("Variation used", "%", 2), Column("It is", align="left"),
    )  # fmt: skip
    return Table("Dose per activity over the cycles", columns, rows)


def limits_table(ahead: NextCycle) -> Table:
    """Every limit: activity by sampling, by the normal approximation, and where the expectation reaches it."""
    rows = tuple(
        (
            row.region, row.limit, row.gy_per_gbq, _hundred(row.variation), _hundred(row.probability_now), row.activity_mbq, row.normal_activity_mbq,
            row.expected_activity_mbq, _hundred(row.probability_at_next), row.standard_cycles_left, row.source or row.reason,
        )
        for row in ahead.limits
    )  # fmt: skip
    columns = (
        Column("Region", align="left"), Column("Limit", align="left"), Column("Dose per activity", "Gy/GBq"), Column("Variation", "%", 2),
        Column("Above now", "%", 2), Column("Activity, sampled", "MBq", 4), Column("By normal approximation", "MBq", 4), Column("Expectation at the limit", "MBq", 4),
        Column("Above after the next activity", "%", 2), Column("Standard cycles left"), Column("From", align="left"),
    )  # fmt: skip
    asked = f"Activities keep the probability of exceeding each limit at {100 * ahead.asked_probability:g} %"
    standard = "" if ahead.standard_activity_mbq is None else f" A standard cycle: {ahead.standard_activity_mbq:.0f} MBq."
    return Table("Limits ahead", columns, rows, note=f"{asked} after {ahead.cycles_left} more of the same activity.{standard}")


def budget_table(region: RegionCourse) -> Table | None:
    """What the uncertainty of a cumulative dose is made of, and what it would be without each part; None where it is not known."""
    parts, total = region.uncertainty_parts_gy, region.cumulative_dose_uncertainty_gy
    if not parts or not total or not region.cumulative_dose_gy:
        return None
    rows = tuple(
        (name, value, 100 * value / region.cumulative_dose_gy, 100 * value**2 / total**2, max(total**2 - value**2, 0.0) ** 0.5)
        for name, value in sorted(parts.items(), key=lambda pair: -pair[1])
        if value > 0
    )
    columns = (
        Column("Part", align="left"), Column("Uncertainty", "Gy", 2), Column("of the dose", "%", 2), Column("Share of the variance", "%", 2),
        Column("Whole uncertainty without it", "Gy", 2),
    )  # fmt: skip
    return Table(
        f"Uncertainty of {region.name}",
        columns,
        rows,
        note="Each part once; shared parts add linearly over the cycles, random ones in squares.",
    )


def design_table(design: Design) -> Table:
    """The best schedules, and those that were entered."""
    rows = tuple(
        (name, ", ".join(f"{time:g}" for time in item.times_h), 100 * item.uncertainty, _hundred(item.alone))
        for name, found in (("best within the opening hours", design.best), ("entered", design.compared))
        for item in found
    )
    columns = (
        Column("Schedule", align="left"), Column("Scans after", "h", align="left"), Column("Expected uncertainty, with the population", "%", 2),
        Column("by the scans alone", "%", 2),
    )  # fmt: skip
    return Table(
        "When to scan",
        columns,
        rows,
        note="Of the time-integrated activity of a single exponential; early and late phases that no scan sees are not in it, nor that late scans hold fewer counts.",
    )


def contacts_table(home: Discharge) -> Table:
    """Restriction days for each kind of contact."""
    rows = tuple((item.name, item.constraint_msv, item.dose_without_msv, "never" if item.restriction_days is None else item.restriction_days, item.source)
                 for item in home.contacts)  # fmt: skip
    columns = (
        Column("Contact", align="left"), Column("Constraint", "mSv"), Column("Without restriction", "mSv"), Column("Restricted until", "d"),
        Column("Hours and distances", align="left"),
    )  # fmt: skip
    return Table("Contacts", columns, rows, note="Days after the administration; 0: no restriction is needed.")
