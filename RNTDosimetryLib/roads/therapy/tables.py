"""The numbers of a study as tables: for the report, the terminal and the scene."""

from RNTDosimetryLib.base.settings import settings_of
from RNTDosimetryLib.report import (
    Column,
    Table,
    measured,
)
from RNTDosimetryLib.roads.therapy.result import RegionResult, StudyResult
from RNTDosimetryLib.roads.therapy.settings import StudySettings
from RNTDosimetryLib.roads.therapy.uncertainty import PART_KINDS, in_squares


def dose_table(result: StudyResult) -> Table:
    """One row a region: what the therapy did, what the dose may be, and what is not in its uncertainty where there is something to say."""
    ranges, gaps = _has_ranges(result), _has_gaps(result)
    columns = [Column("Region", align="left"), Column("Mass", "g"), Column("Absorbed dose", "Gy")]
    columns += [Column("May be", "Gy")] if ranges else []
    columns += [
        Column("Dose per activity", "Gy/GBq"),
        Column("TIA", "MBq h"),
        Column("Effective half-life", "h"),
        Column("Model", align="left"),
    ]
    columns += [Column("Not included in the uncertainty", align="left")] if gaps else []
    rows = [
        (
            item.name,
            item.mass_g,
            measured(item.dose.dose_gy, item.dose.dose_uncertainty_gy),
            *([_range_text(item)] if ranges else []),
            _dose_per_activity(item),
            measured(item.tia_mbq_h, item.tia_uncertainty_mbq_h),
            measured(item.fit.effective_half_life_h, item.fit.effective_half_life_uncertainty_h),
            item.fit.label,
            *([", ".join(item.not_included)] if gaps else []),
        )
        for item in result.regions
    ]
    note = (
        "Self-dose by the S value of a sphere of the region's mass, plus photons from elsewhere in the field of view. TIA: "
        "time-integrated activity. Uncertainties are standard uncertainties (k = 1), by part in the table below."
    )
    if ranges:
        note += " May be: about 95 % of what agrees with the scans, as askew as that is."
    return Table("Absorbed dose of the regions", tuple(columns), tuple(rows), note=note)


def _has_ranges(result: StudyResult) -> bool:
    return any(item.dose_low_gy is not None for item in result.regions)


def _has_gaps(result: StudyResult) -> bool:
    return any(item.not_included for item in result.regions)


def _range_text(item: RegionResult) -> str | None:
    """Lowest and highest dose, Gy; None for results of older versions."""
    return None if item.dose_low_gy is None or item.dose_high_gy is None else f"{item.dose_low_gy:.3g} to {item.dose_high_gy:.3g}"


def uncertainty_table(result: StudyResult) -> Table | None:
    """Every part of the uncertainty of a dose, in per cent of it; None for results of older versions."""
    if not any(item.uncertainty_parts for item in result.regions):
        return None
    ranges = _has_ranges(result)
    columns = [Column("Region", align="left"), *(Column(f"From {name}", "%") for name in PART_KINDS)]
    columns += [Column("Random", "%"), Column("Common to all cycles", "%"), Column("Total", "%")]
    columns += [Column("Lowest dose", "Gy"), Column("Highest dose", "Gy")] if ranges else []
    rows = []
    for item in result.regions:
        parts = {part.name: part.relative for part in item.uncertainty_parts}
        together = (item.random_uncertainty, item.common_uncertainty, in_squares(item.uncertainty_parts))
        cells = [
            None if value is None else f"{100 * value:.1f}" for value in (*(parts.get(name) for name in PART_KINDS), *together)
        ]
        rows.append((item.name, *cells, *((item.dose_low_gy, item.dose_high_gy) if ranges else ())))
    note = (
        "Of the absorbed dose, relative, k = 1; empty: not known and not included. From samples: noise, scan to scan and the fit through them. From model: other curves that the samples "
        "cannot exclude. From outline: "
        "in content, recovery and mass together. Samples and registration differ from cycle to cycle, the others are the same in every cycle."
    )
    if ranges:
        note += " Lowest and highest dose: about 95 %; other curves and a blur that was not corrected lie more to one side."
    return Table("Uncertainty of the absorbed dose by part", tuple(columns), tuple(rows), note=note)


def _dose_per_activity(item: RegionResult):
    """With the relative uncertainty of the dose; that of the administered activity is not known."""
    value, dose = item.dose_per_activity_gy_per_gbq, item.dose
    if value is None or dose.dose_uncertainty_gy is None or not dose.dose_gy > 0:
        return value
    return measured(value, value * dose.dose_uncertainty_gy / dose.dose_gy)


def method_table(result: StudyResult) -> Table:
    """The same doses by the other methods, and what went into them."""
    return Table(
        "How the doses came about",
        (
            Column("Region", align="left"),
            Column("Kind", align="left"),
            Column("Volume", "mL"),
            Column("Recovery coefficient"),
            Column("Recovery from", align="left"),
            Column("TIA per activity", "h"),
            Column("TIA after last scan", "%"),
            Column("Self-dose", "Gy"),
            Column("Photons from elsewhere", "Gy"),
            Column("Local deposition", "Gy"),
            Column("Mean of dose map", "Gy"),
            Column("Map against region", "%"),
        ),
        tuple(
            (
                item.name,
                item.kind,
                item.volume_ml,
                _recovery(item),
                item.recovery_source,
                item.time_integrated_activity_coefficient_h,
                100 * item.fit.tail_share,
                measured(item.self_dose.dose_gy, item.self_dose.dose_uncertainty_gy),
                item.dose.parts["photons from elsewhere"],
                measured(item.local.dose_gy, item.local.dose_uncertainty_gy),
                item.map_mean_gy,
                f"{100 * (item.map_mean_gy / item.dose.dose_gy - 1):+.0f}" if item.dose.dose_gy > 0 else None,
            )
            for item in result.regions
        ),
        note=f"Local deposition: electrons only. Mean of dose map: with the dose from other regions, {_of_map(result)}.",
    )


def biological_table(result: StudyResult) -> Table | None:
    """Biologically effective doses; None when no parameters were typed."""
    items = [item for item in result.regions if item.biological is not None]
    if not items:
        return None
    return Table(
        "Biologically effective dose",
        (
            Column("Region", align="left"),
            Column("BED", "Gy"),
            Column("EQD2", "Gy"),
            Column("alpha/beta", "Gy"),
            Column("Repair half-time", "h"),
            Column("Protraction factor G"),
        ),
        tuple(
            (
                item.name,
                measured(item.biological.bed_gy, item.biological.bed_uncertainty_gy),
                item.biological.eqd2_gy,
                item.biological.alpha_beta_gy,
                item.biological.repair_half_time_h,
                item.biological.protraction_factor,
            )
            for item in items
        ),
        note="Of the mean dose, linear-quadratic model, with the typed parameters, which count as exact. The whole dose is taken to fall in with "
        "the region's own curve. Alphas without RBE.",
    )


def _result_tables(result: StudyResult) -> list[Table]:
    tables = (dose_table(result), uncertainty_table(result), biological_table(result), method_table(result))
    return [table for table in tables if table is not None]


def results_table(result: StudyResult) -> Table:
    """All tables of the regions side by side, for the scene. A region without a row in one has empty cells there.

    Where regions could not be measured, each of them has a line that says why in a last column."""
    first, *others = _result_tables(result)
    columns, rows, notes = first.columns, {row[0]: row for row in first.rows}, [first.note]
    for other in others:
        known = {row[0]: row[1:] for row in other.rows}
        columns += other.columns[1:]
        rows = {name: row + known.get(name, (None,) * (len(other.columns) - 1)) for name, row in rows.items()}
        notes.append(other.note)
    lines = tuple(rows.values())
    if result.unmeasured:
        columns += (Column("Note", align="left"),)
        lines = tuple((*row, None) for row in lines)
        lines += tuple((name, *[None] * (len(columns) - 2), f"no dose: {why}") for name, why in result.unmeasured.items())
    return Table(first.title, columns, lines, note=" ".join(notes))


def short_table(result: StudyResult) -> Table:
    """The few columns that fit a terminal; what a dose may be without recovery data, and what is not in its uncertainty, where there is something to say."""
    columns = [
        Column("Region", align="left"),
        Column("Mass", "g"),
        Column("Model", align="left"),
        Column("TIA", "MBq h"),
        Column("Dose", "Gy"),
    ]
    ranges, gaps = _has_ranges(result), _has_gaps(result)
    columns += [Column("May be", "Gy")] if ranges else []
    columns += [Column("Not included", align="left")] if gaps else []
    rows = []
    for item in result.regions:
        tia, dose = (
            measured(item.tia_mbq_h, item.tia_uncertainty_mbq_h),
            measured(item.dose.dose_gy, item.dose.dose_uncertainty_gy),
        )
        row = [item.name, item.mass_g, item.fit.model, tia, dose]
        row += [_range_text(item)] if ranges else []
        rows.append((*row, ", ".join(item.not_included)) if gaps else tuple(row))
    return Table("Absorbed dose", tuple(columns), tuple(rows))


def activity_table(result: StudyResult) -> Table:
    """Measured activities over time."""
    times = result.regions[0].curve.times_h
    columns = (
        Column("Region", align="left"),
        *(Column(f"{time:.2f} h", "MBq") for time in times),
        Column("Common to all times", "%"),
    )
    rows = []
    for item in result.regions:
        spread = item.curve.uncertainties_mbq or (None,) * len(times)
        cells = [measured(value, u) for value, u in zip(item.curve.activities_mbq, spread)]
        rows.append((item.name, *cells, 100.0 * item.curve.systematic_relative_uncertainty))
    return Table(
        "Measured activities",
        columns,
        tuple(rows),
        note=f"Not decay corrected, at the start of each acquisition, {_with_recovery(result)}. Common to all times: calibration, "
        "recovery, outline and registration, which no fit can see and which are added once.",
    )


def model_table(result: StudyResult) -> Table:
    """Every model tried for every region, and why it was taken or not."""
    rows = [
        (
            item.name,
            ranked.label,
            ranked.aicc,
            ranked.weight if ranked.admitted else None,
            measured(ranked.tia_mbq_h, ranked.tia_uncertainty_mbq_h),
            "chosen" if ranked.model == item.fit.model else ranked.reason,
        )
        for item in result.regions
        for ranked in item.fit.ranking
    ]
    return Table(
        "Models tried",
        (
            Column("Region", align="left"),
            Column("Model", align="left"),
            Column("AICc"),
            Column("Akaike weight"),
            Column("TIA", "MBq h"),
            Column("Remark", align="left"),
        ),
        tuple(rows),
    )


def alignment_table(result: StudyResult) -> Table:
    rows = [
        (
            item.scan,
            item.method,
            item.shift_mm,
            item.rotation_degrees,
            *(
                (item.quality.correlation, item.quality.bone_dice, item.quality.mutual_information, 100 * item.quality.overlap)
                if item.quality is not None
                else (None,) * 4
            ),
        )
        for item in result.alignments
    ]
    return Table(
        "Alignment of the scans",
        (
            Column("Scan", align="left"),
            Column("Method", align="left"),
            Column("Shift", "mm"),
            Column("Rotation", "degrees"),
            Column("Correlation"),
            Column("Dice of bones"),
            Column("Mutual information", "nat"),
            Column("Common field of view", "%"),
        ),
        tuple(rows),
    )


def balance_table(result: StudyResult) -> Table:
    """Activity in the whole image of every scan: a wrong calibration or unit shows here first."""
    rows = [
        (item.scan, item.image_mbq, item.expected_mbq, None if item.ratio is None else 100 * item.ratio)
        for item in result.balances
    ]
    return Table(
        "Activity in the images",
        (
            Column("Scan", align="left"),
            Column("In the image", "MBq"),
            Column("Left by decay of the administered", "MBq"),
            Column("Share", "%"),
        ),
        tuple(rows),
        note="Sum over the whole image. Above 100 % cannot be; below, the rest was excreted or lies outside the field of view.",
    )


def histogram_table(result: StudyResult) -> Table:
    names = list(result.regions[0].histogram.dose_at_percent_gy)
    rows = [
        (
            item.name,
            item.histogram.volume_ml,
            item.histogram.minimum_gy,
            item.histogram.mean_gy,
            item.histogram.maximum_gy,
            *(item.histogram.dose_at_percent_gy[name] for name in names),
        )
        for item in result.regions
    ]
    return Table(
        "Dose-volume histogram of the dose map",
        (
            Column("Region", align="left"),
            Column("Volume", "mL"),
            *(Column(name, "Gy") for name in ("Minimum", "Mean", "Maximum", *names)),
        ),
        tuple(rows),
        note=f"From the dose map, {_of_map(result)}: blur of the camera lowers the maximum and smears the edges.",
    )


def intake_table(result: StudyResult) -> Table:
    rows = [
        (
            row.what,
            f"{row.value} (file: {row.read_value})" if row.read_value else row.value,
            row.unit,
            row.status,
            row.source,
            row.where,
        )
        for row in result.intake_table
    ]
    return Table(
        "What was read, and from where",
        tuple(Column(name, align="left") for name in ("What", "Value", "Unit", "Status", "Source", "File")),
        tuple(rows),
    )


def _of_map(result: StudyResult) -> str:
    if result.study.settings.map_follows_regions:
        return "whose voxels were scaled to the activity of their regions"
    return "without recovery correction, so that camera blur and resampling lower it in small regions"


def _with_recovery(result: StudyResult) -> str:
    without = [item.name for item in result.regions if item.recovery_source == "none"]
    if not without:
        return "with recovery correction"
    return (
        "without recovery correction"
        if len(without) == len(result.regions)
        else f"with recovery correction, but for {', '.join(without)}"
    )


def _recovery(item: RegionResult):
    """The coefficient with the uncertainty of the curve or as typed; the part from the volume is added with that of the outline."""
    return measured(item.recovery_coefficient, item.recovery_coefficient_uncertainty or None)


def settings_table(result: StudyResult) -> Table:
    """How it was computed: every declared setting with its value, marked where it is not the default."""
    rows = []
    for item in settings_of(StudySettings):
        value = getattr(result.study.settings, item.name)
        shown = (
            "none"
            if value is None
            else "given"
            if isinstance(value, tuple)
            else str(value).lower()
            if isinstance(value, bool)
            else value
        )
        rows.append((item.label, shown, item.unit, "" if value == item.default else "not the default"))
    columns = (
        Column("Setting", align="left"),
        Column("Value", align="left"),
        Column("Unit", align="left"),
        Column("", align="left"),
    )
    return Table("Settings", columns, tuple(rows))
