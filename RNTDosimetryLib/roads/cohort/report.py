"""What the page of a cohort says."""

import numpy as np

from RNTDosimetryLib.report import (
    Axis,
    Band,
    Box,
    Bullets,
    Column,
    Details,
    Facts,
    Figure,
    ReferenceLine,
    Section,
    Series,
    Table,
    box_plot,
    format_number,
    line_plot,
    measured,
    render_page,
)
from RNTDosimetryLib.roads.cohort.result import CohortResult, CohortStatistics
from RNTDosimetryLib.roads.tidy import RegionRow, dictionary_table
from RNTDosimetryLib.statistics import Agreement, CutOff, DoseResponse

_TITLE = "Cohort"
_FIGURES_OF_SITES, _STUDIES_SHOWN = 40, 20
_OPTIMISTIC = (
    "The cut-off was chosen on these patients and is judged on them: sensitivity, specificity and their sum are optimistic. The optimism is the mean over bootstraps of "
    "how much better a cut-off does on the bootstrap it was chosen on than on these patients. Confirm the cut-off on other patients before it is used."
)


def short_table(result: CohortResult) -> Table:
    """One row a study, for the terminal and the page."""
    return Table(
        "Studies",
        (Column("Study", align="left"), Column("State", align="left"), Column("Cycle"), Column("Regions"), Column("Kidney", "Gy/GBq"), Column("Lesions", "Gy/GBq"),
         Column("Warnings"), Column("Remark", align="left")),
        tuple(
            (item.name, item.state, item.rows[0].cycle if item.rows else None, len(item.rows), _mean(item.rows, lambda row: row.site in ("kidney", "kidneys")),
             _mean(item.rows, lambda row: row.kind == "lesion"), len(item.warnings) + sum(bool(row.warnings) for row in item.rows), item.sentence or None)
            for item in result.studies
        ),
        note="Kidney, lesions: mean of the regions of the study.",
    )  # fmt: skip


def _mean(rows: tuple[RegionRow, ...], chosen) -> float | None:
    values = [row.dose_per_activity_gy_per_gbq for row in rows if chosen(row) and row.dose_per_activity_gy_per_gbq is not None]
    return float(np.mean(values)) if values else None


def sentence(result: CohortResult) -> str:
    done = len(result.studies) - len(result.failed)
    return f"{done} of {len(result.studies)} studies, {len(result.rows)} regions" + (
        f"; {len(result.failed)} failed" if result.failed else ""
    )


def render_cohort(result: CohortResult) -> str:
    """The whole page of a computed cohort."""
    statistics = result.statistics
    sections = [
        Section("Studies", _study_blocks(result)),
        Section("Dose per activity", _spread_blocks(statistics)),
        *_optional("Over the cycles", _cycle_blocks(statistics)),
        *_optional("Outcome", _outcome_blocks(result)),
        *_optional("Agreement", [block for item in statistics.agreement for block in _agreement_blocks(item, result)]),
        *_optional("Population kinetics", _population_blocks(statistics)),
        *_optional(
            "Not computed",
            [Bullets([f"{name}: {why}" for name, why in statistics.not_computed.items()])] if statistics.not_computed else [],
        ),
        Section("Assumptions", [Bullets(_assumptions(result)), Details("Columns of the table", [dictionary_table()])]),
    ]
    when = "" if result.created is None else f"computed {result.created:%Y-%m-%d %H:%M}"
    return render_page(result.request.title or _TITLE, sections, when, result.warnings, result.versions)


def _study_blocks(result: CohortResult) -> list:
    table = short_table(result)
    lost = [Bullets([f"{item.name}: {item.sentence}" for item in result.failed])] if result.failed else []
    return [f"{sentence(result)}.", *lost, table if len(result.studies) <= _STUDIES_SHOWN else Details("Every study", [table])]


def _optional(title: str, blocks: list) -> list[Section]:
    return [Section(title, blocks)] if blocks else []


def _spread_blocks(statistics: CohortStatistics) -> list:
    items = statistics.spreads[:_FIGURES_OF_SITES]
    if not items:
        return ["No study states its administered activity."]
    sites = list(dict.fromkeys(item.site for item in items))
    boxes = [
        Box(
            item.distribution.label, item.distribution.number, item.distribution.median, item.distribution.quartiles, item.distribution.whiskers,
            item.distribution.outliers, sites.index(item.site),
        )
        for item in items
    ]  # fmt: skip
    positive = min(min(box.whiskers[0], *box.outliers, box.median) for box in boxes) > 0
    wide = positive and max(box.whiskers[1] for box in boxes) > 10 * min(box.whiskers[0] for box in boxes)
    plot = box_plot("Absorbed dose per activity", Axis("Absorbed dose per activity", "Gy/GBq", log=wide), boxes)
    table = Table(
        "Spread between regions",
        (Column("Group", align="left"), Column("Regions"), Column("Patients"), Column("Mean", "Gy/GBq"), Column("Standard deviation", "Gy/GBq"), Column("Median", "Gy/GBq"),
         Column("Quartiles", "Gy/GBq", align="left"), Column("Geometric standard deviation")),
        tuple(
            (item.distribution.label, item.distribution.number, item.patients, item.distribution.mean, item.distribution.deviation, item.distribution.median,
             " to ".join(format_number(value) for value in item.distribution.quartiles), item.distribution.geometric_deviation)
            for item in statistics.spreads
        ),
        note="The spread holds that between patients and the uncertainty of each dose.",
    )  # fmt: skip
    caption = "Box: quartiles, with the median. Whiskers: to the last value within 1.5 times the length of the box; rings: beyond. Color: site."
    blocks = [Figure(plot, caption), table]
    if statistics.kidney_tumour is not None:
        found = statistics.kidney_tumour
        blocks.append(
            f"Kidney against lesions, per patient: Spearman's coefficient {found.coefficient:.2f} ({found.lower:.2f} to {found.upper:.2f}, 95 %), "
            f"p {_p(found.p_value)}, {found.pairs} patients."
        )
    return blocks


def _cycle_blocks(statistics: CohortStatistics) -> list:
    blocks = []
    if statistics.trends:
        blocks.append(Table(
            "Trend over the cycles",
            (Column("Site", align="left"), Column("Patients"), Column("Values"), Column("First cycle", "Gy/GBq"), Column("Change per cycle", "Gy/GBq", 2), Column("95 %", "Gy/GBq", align="left"),
             Column("Change per cycle", "%", 2), Column("p", align="left"), Column("Between patients", "Gy/GBq"), Column("Within", "Gy/GBq")),
            tuple(
                (item.label, item.patients, item.values, measured(item.level, item.level_uncertainty), measured(item.slope, item.slope_uncertainty),
                 f"{format_number(item.slope_lower, 2)} to {format_number(item.slope_upper, 2)}", 100 * item.slope / item.level if item.level else None, _p(item.p_value),
                 item.between_deviation, item.within_deviation)
                for item in statistics.trends
            ),
            note="Straight line with a level of its own for every patient (random intercept, restricted maximum likelihood), of a patient's mean of the site.",
        ))  # fmt: skip
    if statistics.changes:
        blocks.append(Table(
            "First against last cycle of the same regions",
            (Column("Site", align="left"), Column("Patients"), Column("First cycle", "Gy/GBq"), Column("Change", "Gy/GBq", 2), Column("95 %", "Gy/GBq", align="left"), Column("p (Wilcoxon)", align="left")),
            tuple(
                (item.label, item.pairs, item.mean_before, measured(item.mean, item.uncertainty), f"{format_number(item.lower, 2)} to {format_number(item.upper, 2)}",
                 _p(item.p_value))
                for item in statistics.changes
            ),
        ))  # fmt: skip
    return blocks


def _p(value: float | None) -> str:
    return "–" if value is None else "below 0.0001" if value < 1e-4 else f"{value:.2g}"


def _outcome_blocks(result: CohortResult) -> list:
    statistics, blocks = result.statistics, []
    if statistics.survival:
        blocks += _survival_blocks(statistics)
    if statistics.cox is not None:
        blocks.append(Table(
            "Cox regression",
            (Column("Covariate", align="left"), Column("Hazard ratio"), Column("95 %", align="left"), Column("Logarithm", "", 4), Column("p", align="left")),
            tuple(
                (item.name, item.hazard_ratio, f"{format_number(item.lower)} to {format_number(item.upper)}", measured(item.coefficient, item.uncertainty), _p(item.p_value))
                for item in statistics.cox.effects
            ),
            note=f"{statistics.cox.events} events in {statistics.cox.patients} patients. {statistics.cox.method}. Proportional hazards are assumed. Fewer than about ten events a covariate say little.",
        ))  # fmt: skip
    marker = result.request.marker
    if statistics.response is not None:
        blocks.append(_response_figure(statistics, statistics.response, marker))
    if statistics.cut_off is not None:
        blocks += _cut_off_blocks(statistics.cut_off, statistics.cut_off_outcome, marker)
    return blocks


def _survival_blocks(statistics: CohortStatistics) -> list:
    curves = statistics.survival[1:] or statistics.survival
    end = max(max(curve.months) for curve in curves)
    series, bands = [], []
    for curve in curves:
        label = f"{curve.group} ({curve.patients})"
        series.append(Series(label, *_steps(curve.months, curve.survival, end)))
        bands.append(
            Band(
                label,
                _steps(curve.months, curve.survival, end)[0],
                *(_steps(curve.months, _closed(part, curve.survival), end)[1] for part in (curve.lower, curve.upper)),
            )
        )
    plot = line_plot(
        "Survival without event",
        Axis("Time", "months", lower=0.0),
        Axis("Share without event", "", lower=0.0, upper=1.0),
        series,
        bands,
    )
    words = (
        f"Kaplan-Meier with 95 % limits (Greenwood). Groups: {statistics.groups}."
        if len(statistics.survival) > 1
        else "Kaplan-Meier with 95 % limits (Greenwood)."
    )
    table = Table(
        "Time to the event",
        (Column("Group", align="left"), Column("Patients"), Column("Events"), Column("Median", "months"), Column("95 %", "months", align="left")),
        tuple(
            (curve.group, curve.patients, curve.events, curve.median_months, _range(curve.median_lower_months, curve.median_upper_months)) for curve in statistics.survival
        ),
        note="Median: first time at which at most one half is left; an end that is not reached stands as a dash.",
    )  # fmt: skip
    test = statistics.log_rank
    said = (
        []
        if test is None
        else [f"Log-rank test: chi-square {format_number(test.statistic)} of one degree of freedom, p {_p(test.p_value)}."]
    )
    if test is not None and "median" in statistics.groups:
        said[0] += " The median was fixed before the outcome was looked at, so that it is not optimistic."
    return [Figure(plot, words), table, *said]


def _closed(limits, survival) -> tuple[float, ...]:
    """Limits to draw; where there is none, the estimate itself."""
    return tuple(value if limit is None else limit for limit, value in zip(limits, survival))


def _steps(months, values, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Corners of a step curve that starts at 1."""
    x = np.repeat(np.concatenate([[0.0], months]), 2)
    y = np.repeat(np.concatenate([[1.0], values]), 2)
    return np.concatenate([x[1:], [max(end, x[-1])]]), y[: x.size]


def _range(low: float | None, high: float | None) -> str:
    return f"{format_number(low)} to {format_number(high)}"


def _response_figure(statistics: CohortStatistics, found: DoseResponse, marker) -> Figure:
    known = [item for item in statistics.patients if item.marker and item.marker > 0 and item.response is not None]
    points = [
        Series(
            label, np.array([item.marker for item in items]), np.full(len(items), float(value)), line=False, markers=True,
            x_error=np.array([item.marker_uncertainty or 0.0 for item in items]),
        )
        for value, label in ((1, "response"), (0, "no response"))
        if (items := [item for item in known if item.response == value])
    ]  # fmt: skip
    dose = np.array(found.curve_dose_gy)
    shown = (dose >= 0.5 * min(item.marker for item in known)) & (dose <= 2 * max(item.marker for item in known))
    lines = [Series("fit", dose[shown], np.array(found.curve_probability)[shown])]
    bands = [Band("fit", dose[shown], np.array(found.curve_lower)[shown], np.array(found.curve_upper)[shown])]
    plot = line_plot(
        "Dose and response",
        Axis("Marker", marker.unit, log=True),
        Axis("Probability", "", lower=0.0, upper=1.0),
        [*lines, *points],
        bands,
    )
    errors = (
        "with the uncertainties of the doses in the fit"
        if found.errors_in_dose
        else "doses taken as exact, so that the curve is too flat"
    )
    return Figure(
        plot,
        f"Marker: {marker.words}. Logistic in ln dose, {errors}: dose of 50 % {format_number(found.d50_gy)} {marker.unit} ({_range(found.d50_lower_gy, found.d50_upper_gy)}, 95 %), "
        f"gamma50 {format_number(found.gamma50)}, p {_p(found.p_value)}. {found.responses} responses in {found.number} patients. Bars: standard uncertainty.",
    )


def _cut_off_blocks(found: CutOff, outcome: str, marker) -> list:
    diagonal = Series("by chance", np.array([0.0, 1.0]), np.array([0.0, 1.0]), dash="3 3")
    curve = Series("marker", np.array(found.false_positive), np.array(found.sensitivity))
    plot = line_plot(
        "ROC", Axis("1 - specificity", "", lower=0.0, upper=1.0), Axis("Sensitivity", "", lower=0.0, upper=1.0), [curve, diagonal]
    )
    side = "at or above" if found.higher else "below"
    facts = {
        "Marker": marker.words,
        "Outcome": f"{outcome} in {found.positive} of {found.patients} patients, expected {side} the cut-off",
        "Area under the curve": f"{found.area:.2f} ({found.area_lower:.2f} to {found.area_upper:.2f}, 95 % of {found.bootstraps} bootstraps)",
        "Cut-off": f"{format_number(found.cut_off)} {marker.unit} ({_range(found.cut_off_lower, found.cut_off_upper)}, 95 % of bootstraps)",
        "Sensitivity, specificity": f"{found.sensitivity_at_cut_off:.2f}, {found.specificity_at_cut_off:.2f} at the cut-off",
        "Youden's index": f"{found.youden:.2f}; optimism {found.youden_optimism:.2f}; without it {found.youden_corrected:.2f}",
    }
    return [Figure(plot, "Receiver operating characteristic of the marker."), Facts(facts), _OPTIMISTIC]


_QUANTITY = {"dose_gy": ("Absorbed dose", "Gy"), "tia_mbq_h": ("Time-integrated activity", "MBq h")}


def _agreement_blocks(item: Agreement, result: CohortResult) -> list:
    words, unit = _QUANTITY.get(item.label, (item.label, ""))
    points = Series("regions", np.array(item.means), np.array(item.differences), line=False, markers=True)
    lines = [
        ReferenceLine("mean", item.bias),
        *(ReferenceLine(f"{sign}1.96 SD", limit) for sign, limit in zip("−+", item.limits)),
    ]
    plot = line_plot(
        f"{words}: difference against mean",
        Axis("Mean of both", unit),
        Axis("This minus the other", unit),
        [points],
        references=lines,
    )
    relative = "" if item.relative_bias_percent is None else (
        f" As a ratio: {item.relative_bias_percent:+.1f} % ({item.relative_limits_percent[0]:+.1f} to {item.relative_limits_percent[1]:+.1f} %)."
    )  # fmt: skip
    caption = (
        f"{item.pairs} regions. Bias {format_number(item.bias)} ± {format_number(item.bias_uncertainty, 2)} {unit}, limits of agreement "
        f"{_range(*item.limits)} {unit}, each ± {format_number(item.limit_uncertainty, 2)}.{relative} Concordance {item.concordance:.3f} "
        f"({item.concordance_lower:.3f} to {item.concordance_upper:.3f}). Slope of the difference over the mean {item.slope:+.2g}, p {_p(item.slope_p_value)}."
    )
    return [Figure(plot, caption)]


def _population_blocks(statistics: CohortStatistics) -> list:
    if not statistics.populations:
        return []
    table = Table(
        "Clearance of the tissues",
        (Column("Tissue", align="left"), Column("Patients"), Column("Samples"), Column("Effective half-life", "h"), Column("Biological rate", "1/h"), Column("Uncertainty", "%", 2),
         Column("Spread of ln rate"), Column("Correlation with amplitude", "", 2), Column("Residual", "%", 2)),
        tuple(
            (f"{found.radiopharmaceutical} {found.tissue}", found.patients, found.samples, found.effective_half_life_h, found.biological_rate_per_h,
             None if found.rate_log_uncertainty is None else 100 * found.rate_log_uncertainty, measured(found.rate_log_sd, found.rate_log_sd_uncertainty), found.correlation,
             100 * found.residual_relative)
            for found in (item.kinetics for item in statistics.populations)
        ),
        note="One exponential from 12 h on, log-normal rates and amplitudes, maximum marginal likelihood. Medians. In priors.json, for dosimetry with one to three scans.",
    )  # fmt: skip
    rows = [
        (f"{item.kinetics.radiopharmaceutical} {item.kinetics.tissue}", one)
        for item in statistics.populations
        for one in item.one_scan
    ]
    if not rows:
        return [table]
    scans = Table(
        "Can we scan once?",
        (Column("Tissue", align="left"), Column("Scan at", "h"), Column("Patients"), Column("Bias", "%", 2), Column("Standard deviation", "%", 2), Column("Stated uncertainty", "%", 2),
         Column("Within two stated", "%")),
        tuple((name, one.time_h, one.patients, one.bias_percent, one.deviation_percent, one.stated_percent, 100 * one.coverage) for name, one in rows),
        note="TIA by the scan alone and the population of the other patients, against TIA by all scans. About 95 % should lie within two stated standard uncertainties.",
    )  # fmt: skip
    return [table, scans]


def _assumptions(result: CohortResult) -> tuple[str, ...]:
    return (
        "Every number of a study is that of the same study run alone; nothing is computed again for the table.",
        "What is not known is empty in the table and left out of the statistics, never taken as zero.",
        f"Marker: {result.request.marker.words}. Doses are summed over the cycles that are in the cohort; the uncertainties of a patient's regions and cycles are taken as common.",
        "p values are two-sided and not corrected for how many there are on this page.",
    )
