"""What the page of a course says."""

import numpy as np

from RNTDosimetryLib.base.documents import RESEARCH_ONLY
from RNTDosimetryLib.course.limits import LESION
from RNTDosimetryLib.report import (
    Axis,
    Band,
    Bar,
    Bullets,
    Details,
    DoseLine,
    DoseVolumeCurve,
    Facts,
    Figure,
    ReferenceLine,
    Section,
    Series,
    dose_against_activity_plot,
    dvh_plot,
    limit_plot,
    line_plot,
    render_page,
)
from RNTDosimetryLib.roads.course.result import CourseResult, Design, Discharge, NextCycle, RegionCourse, VoxelSumResult
from RNTDosimetryLib.roads.course.tables import (
    budget_table,
    contacts_table,
    course_table,
    design_table,
    dose_table,
    limits_table,
    short_table,
    trend_table,
)

_PER_PLOT, _BUDGETS = 6, 8
_WORST_SHOWN_PERCENT = 100.0


def render_course(result: CourseResult) -> str:
    """The whole page of a computed course."""
    sections = []
    if result.regions:
        sections += [
            Section("Result", [_facts(result), short_table(result), *_course_plots(result)]),
            Section(
                "Cycles",
                [dose_table(result), *_uptake_plots(result), trend_table(result), Details("All numbers", [course_table(result)])],
            ),
        ]
    if result.next_cycle is not None:
        sections.append(
            Section(
                "Next cycle", _ahead(result.next_cycle, [item.name for item in result.regions.values() if item.kind == LESION])
            )
        )
    budgets = [item for region in result.regions.values() for item in _budget(region)]
    if budgets:
        sections.append(Section("Uncertainty budget", budgets[: 2 * _BUDGETS]))
    if result.voxel_sum is not None:
        sections.append(Section("Sum by voxel", _voxels(result.voxel_sum)))
    if result.design is not None:
        sections.append(Section("When to scan", _design(result.design)))
    if result.discharge is not None:
        sections += [Section("Way home", _home(result.discharge)), Section("Travel letter", [_letter(result.discharge)])]
    sections.append(Section("Assumptions and data", [Bullets(_assumptions(result))]))
    when = "" if result.created is None else f"computed {result.created:%Y-%m-%d %H:%M}"
    return render_page(result.request.title or "Course of radionuclide therapy", sections, when, result.warnings, result.versions)


def _facts(result: CourseResult) -> Facts:
    given = [item.administered_activity_mbq for item in result.cycles]
    total = "not known" if None in given else f"{sum(given) / 1000:.4g} GBq in {len(given)} cycles"
    facts = {
        "Patient": f"{result.patient} (hash of the patient ID)" if result.patient else "not stated",
        "Cycles": ", ".join(item.date for item in result.cycles) or "none yet",
        "Administered": total if given else "nothing yet",
    }
    if result.next_cycle is not None:
        facts["Next cycle"] = sentence(result)
    return Facts(facts)


def sentence(result: CourseResult) -> str:
    """The next activity in one sentence; "" without one."""
    ahead = result.next_cycle
    if ahead is None:
        return ""
    if ahead.activity_mbq is None:
        return f"No activity can be given for the next cycle: {ahead.binding_limit} could not be planned for; see the warnings."
    if ahead.activity_mbq == 0:
        return f"Next cycle: 0 MBq, {ahead.binding_limit} allows no more."
    each = "" if ahead.cycles_left == 1 else f" in each of {ahead.cycles_left} cycles"
    probability = "" if ahead.probability is None else f", probability to be above a limit {100 * ahead.probability:.2g} %"
    return f"Next cycle: {ahead.activity_mbq:.0f} MBq{each}, bound by {ahead.binding_limit}{probability}."


def _course_plots(result: CourseResult) -> list[Figure]:
    """Cumulative dose by cycle, regions of one tissue together with their limits; lesions apart."""
    figures = []
    for title, regions in _groups(result):
        series, bands, references = [], [], {}
        for style, region in enumerate(regions):
            numbers, doses, spreads = _steps(region)
            series.append(Series(region.name, numbers, doses, markers=True, style=style))
            if spreads is not None:
                bands.append(Band(region.name, numbers, np.maximum(doses - spreads, 0.0), doses + spreads, style=style))
            references |= {item.label: item.value_gy for item in region.limits if item.quantity == "dose" and not item.session}
        highest = max(float(item.y.max()) for item in series)
        lines = [ReferenceLine(label, value) for label, value in references.items() if value < 3 * highest]
        plot = line_plot(
            f"Cumulative dose, {title}", _cycle_axis(series), Axis("Cumulative dose", "Gy", lower=0.0), series, bands, lines
        )
        figures.append(
            Figure(
                plot, "Bands: standard uncertainty of the sum (k = 1). Lines: limits of dose. Other therapies stand at cycle 0."
            )
        )
    return figures


def _cycle_axis(series: list[Series]) -> Axis:
    """Whole cycles, with room at both ends."""
    ends = [float(end) for item in series for end in (item.x.min(), item.x.max())]
    return Axis("Cycle", lower=min(ends) - 0.5, upper=max(ends) + 0.5, step=1)


def _groups(result: CourseResult) -> list[tuple[str, list[RegionCourse]]]:
    groups: dict[str, list[RegionCourse]] = {}
    for item in result.regions.values():
        key = "lesions" if item.kind == LESION else item.tissue or "other regions"
        groups.setdefault(key, []).append(item)
    return [
        (title, items[start : start + _PER_PLOT]) for title, items in groups.items() for start in range(0, len(items), _PER_PLOT)
    ]


def _steps(region: RegionCourse) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Cumulative dose after every cycle; its uncertainty from the random and common part of each."""
    before = [item for item in region.doses if not item.cycle and item.dose_gy is not None]
    cycles = [item for item in region.doses if item.cycle]
    start = sum(item.dose_gy for item in before)
    doses = start + np.cumsum([item.dose_gy or 0.0 for item in cycles]) if cycles else np.array([start])
    numbers = np.array([item.cycle for item in cycles] or [0], dtype=float)
    if before and cycles:
        numbers, doses = np.append(0.0, numbers), np.append(start, doses)
    if before or any(item.dose_gy is not None and item.random_uncertainty is None for item in cycles):
        return numbers, doses, None
    random = np.cumsum([((item.random_uncertainty or 0.0) * (item.dose_gy or 0.0)) ** 2 for item in cycles])
    common = np.cumsum([(item.common_uncertainty or 0.0) * (item.dose_gy or 0.0) for item in cycles])
    return numbers, doses, np.sqrt(random + common**2)


def _uptake_plots(result: CourseResult) -> list[Figure]:
    figures = []
    for title, regions in _groups(result):
        series = []
        for style, region in enumerate(regions):
            points = [item for item in region.doses if item.cycle and item.gy_per_gbq is not None]
            if not points:
                continue
            x, y = np.array([item.cycle for item in points], dtype=float), np.array([item.gy_per_gbq for item in points])
            spread = [item.random_uncertainty for item in points]
            error = None if None in spread else np.array(spread) * y
            series.append(Series(region.name, x, y, error, line=False, markers=True, style=style))
            if region.trend is not None and region.trend.slope_gy_per_gbq is not None:
                measured = [item.cycle for item in points if not item.estimated.startswith("no ")]
                middle = float(np.mean(measured))
                ends = np.array([min(measured), max(measured)], dtype=float)
                line = np.maximum(region.trend.mean_gy_per_gbq + region.trend.slope_gy_per_gbq * (ends - middle), 0.0)
                series.append(Series(region.name, ends, line, style=style, dash="4 3"))
        if series:
            plot = line_plot(
                f"Dose per activity, {title}", _cycle_axis(series), Axis("Dose per activity", "Gy/GBq", lower=0.0), series
            )
            figures.append(Figure(plot, "Error bars: random part (k = 1). Broken lines: weighted trend."))
    return figures


def _expected_plot(ahead: NextCycle, lesions: list[str]) -> list[Figure]:
    """What tumors would gain by other activities, beside the probabilities."""
    if not ahead.activity_mbq:
        return []
    planned = ahead.activity_mbq / 1000
    lines = [DoseLine(name, ahead.expected_doses_gy[name] / planned) for name in lesions if name in ahead.expected_doses_gy][
        :_PER_PLOT
    ]
    if not lines:
        return []
    title = "What tumors would gain"
    return [
        Figure(
            dose_against_activity_plot(lines, ahead.activities_mbq[-1] / 1000, planned, title),
            "Expected dose of the cycles left, by the last dose per activity.",
        )
    ]


def _ahead(ahead: NextCycle, lesions: list[str]) -> list:
    facts = {
        "Activity": "none can be given"
        if ahead.activity_mbq is None
        else f"{ahead.activity_mbq:.0f} MBq" + (f" in each of {ahead.cycles_left} cycles" if ahead.cycles_left > 1 else ""),
        "Bound by": ahead.binding_limit,
        "By the normal approximation": "–" if ahead.normal_activity_mbq is None else f"{ahead.normal_activity_mbq:.0f} MBq",
    }
    if ahead.standard_cycles_left is not None:
        facts["Standard cycles left"] = f"{ahead.standard_cycles_left} of {ahead.standard_activity_mbq:.0f} MBq"
    if ahead.protocol_activity_mbq is not None:
        facts["Protocol asks for"] = f"{ahead.protocol_activity_mbq:.0f} MBq"
    for name, dose in ahead.expected_doses_gy.items():
        facts[f"Expected, {name}"] = f"{dose:.3g} Gy"
    blocks = [Facts(facts), limits_table(ahead)]
    drawn = [row for row in ahead.limits if row.what_if]
    if drawn and ahead.activities_mbq:
        x = np.array(ahead.activities_mbq) / 1000
        series = [
            Series(f"{row.region} {row.limit}", x, 100 * np.array(row.what_if), style=style) for style, row in enumerate(drawn)
        ]
        lines = [ReferenceLine(f"{100 * ahead.asked_probability:g} % asked for", 100 * ahead.asked_probability)]
        if ahead.activity_mbq:
            lines.append(ReferenceLine(f"next {ahead.activity_mbq / 1000:.3g} GBq", ahead.activity_mbq / 1000, "x"))
        axis = Axis("Probability to be above", "%", lower=0.0, upper=100.0)
        plot = line_plot(
            "What other activities would do", Axis("Activity of each cycle left", "GBq", lower=0.0), axis, series, (), lines
        )
        blocks.append(Figure(plot, f"After {ahead.cycles_left} more of this activity; sampled."))
        blocks += _expected_plot(ahead, lesions)
    return blocks


def _budget(region: RegionCourse) -> list:
    table = budget_table(region)
    if table is None:
        return []
    bars = [Bar(name, percent) for name, _value, percent, _share, _rest in table.rows[:10]]
    return [
        Figure(limit_plot(f"Uncertainty of {region.name}", Axis("Part of the dose", "%", lower=0.0), bars)),
        Details("Numbers", [table]),
    ]


def _voxels(sums: VoxelSumResult) -> list:
    rows = {
        f"{name}": f"{item['dose_gy']:.4g} Gy absorbed, {item['bed_gy']:.4g} Gy BED, {item['eqd2_gy']:.4g} Gy EQD2"
        for name, item in sums.means.items()
    }
    curves = [
        DoseVolumeCurve(name, item.edges_gy, 100 * item.cumulative_fraction, style=style)
        for style, (name, item) in enumerate(sums.histograms.items())
    ]
    grid = f"{' x '.join(str(n) for n in sums.size[::-1])} voxels of {' x '.join(f'{side:.3g}' for side in sums.spacing_mm[::-1])} mm"
    return [
        Facts({"Maps": "; ".join(sums.maps), "Grid": f"{grid}, the coarsest of the maps", **rows}),
        Figure(
            dvh_plot(curves, "Cumulative histograms of the BED", dose_label="BED"),
            'Voxels that every map covers; "all" is all of them.',
        ),
        "Each map was turned into BED on its own grid before it was resampled. One alpha/beta and repair half-time hold for all voxels.",
    ]


def _design(design: Design) -> list:
    x, y = np.array(design.single_h), 100 * np.array(design.single)
    series = [Series("one scan", x, np.minimum(y, _WORST_SHOWN_PERCENT))]
    for item in design.best:
        times = np.array(item.times_h)
        label = f"best {len(times)}" if len(times) > 1 else "best one"
        series.append(Series(label, times, np.full(times.size, 100 * item.uncertainty), line=False, markers=True))
    step = 24 if design.single_h[-1] <= 240 else 48
    plot = line_plot(
        "Expected uncertainty of a schedule", Axis("Time of the scan after administration", "h", lower=0.0, step=step),
        Axis("Expected uncertainty", "%", lower=0.0), series,
    )  # fmt: skip
    facts = {
        "Population": f"{design.population}: effective half-life {design.median_half_life_h:.3g} h, spread of the logarithm of the biological rate {design.log_sd:.2g}",
        "Uncertainty of each scan": f"{100 * design.scan_uncertainty:g} %",
    }
    caption = "Line: one scan at this time with the half-life of the population. Markers: the best times within the opening hours, at their uncertainty."
    return [Facts(facts), design_table(design), Figure(plot, caption)]


def _home(home: Discharge) -> list:
    rate = f"{home.dose_rate_at_release_usv_h:.3g} uSv/h at 1 m"
    if home.dose_rate_low_usv_h is not None and home.dose_rate_usv_h:
        low, high = (
            home.dose_rate_at_release_usv_h * end / home.dose_rate_usv_h
            for end in (home.dose_rate_low_usv_h, home.dose_rate_high_usv_h)
        )
        rate += f" ({low:.3g} to {high:.3g})"
    references = "; ".join(
        f"{value:g} uSv/h of {name}: {'below' if home.dose_rate_at_release_usv_h <= value else 'ABOVE'}"
        for name, value in home.references_usv_h.items()
    )
    terms = " + ".join(
        f"{share:.3g} exp(-{rate:.3g} t)" for share, rate in zip(home.retention_shares, home.retention_rates_per_d)
    )
    return [
        Facts({
            "Dose rate at release": f"{rate}, {'measured' if home.dose_rate_measured else 'predicted'}: {home.dose_rate_source}",
            "References for discharge": references,
            "Retention, t in days": f"{terms}; {home.retention_source}",
            "Law of distance": home.distance_law,
        }),
        contacts_table(home),
    ]  # fmt: skip


def _letter(home: Discharge) -> Facts:
    return Facts({
        "To whom it may concern": f"The bearer was treated with {home.nuclide}. {RESEARCH_ONLY}",
        "Activity left": f"{home.activity_at_release_mbq:.4g} MBq {home.release_h:g} h after the administration",
        "Can be detected": f"for up to {home.detectable_days:.0f} days after the administration (until {home.detectable_mbq:g} MBq are left)",
        "Contact": home.contact_line or "not entered",
    })  # fmt: skip


def _assumptions(result: CourseResult) -> tuple[str, ...]:
    lines = [
        "Cycles lie weeks apart: their BED add, and no repair is carried from one to the next.",
        "Random parts of the uncertainty add in squares, what the cycles share linearly. Half-lives, alpha/beta and repair are taken as known.",
        "Probabilities are sampled with log-normal errors around the doses; those of limits are each by itself, not of any of them.",
    ]
    if result.next_cycle is not None:
        lines.append(
            "The dose per activity of the cycles left is one number around the mean (or trend) of those before; all of them get the same activity."
        )
    for region in result.regions.values():
        if region.alpha_beta_gy is not None and region.repair_half_time_h is not None:
            lines.append(
                f"{region.name}: alpha/beta {region.alpha_beta_gy:g} Gy, repair half-time {region.repair_half_time_h:g} h."
            )
    limits = {item.name: item for region in result.regions.values() for item in region.limits}
    for item in limits.values():
        condition = f", {item.condition}" if item.condition else ""
        lines.append(f"Limit {item.name}{condition}: {item.source} ({item.status}).")
    return tuple(lines)
