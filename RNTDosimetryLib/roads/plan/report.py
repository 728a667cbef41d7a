"""What the one-page report of a radioembolisation's plan says. How it looks is the report room's business."""

from RNTDosimetryLib.planning import LimitCheck, PlannedDose
from RNTDosimetryLib.planning.compartments import (
    LUNGS,
    LUNGS_SESSION,
    NORMAL_LIVER,
    PERFUSED,
    TUMOR,
    WHOLE_NORMAL_LIVER,
    Compartment,
)
from RNTDosimetryLib.report import (
    Axis,
    Bar,
    Bullets,
    Column,
    Details,
    DoseLine,
    Facts,
    Figure,
    Section,
    Table,
    dose_against_activity_plot,
    limit_plot,
    render_page,
    table_csv,
)
from RNTDosimetryLib.roads.plan.result import PlanResult

_MOST_ORDERS = 8


def plan_dose_table(result: PlanResult) -> Table:
    """One row a compartment: mass, ratio, dose with uncertainty, and its limits and goals in words."""
    spreads = {} if result.sampled is None else result.sampled.spreads
    rows = []
    for item in _shown(result):
        checks = [check for check in result.checks if check.compartment == item.compartment]
        spread = [spreads[item.compartment.key].standard_uncertainty_gy] if spreads else []
        limits = "; ".join(check.limit.words for check in checks)
        ratio = _ratio(result, item.compartment)
        rows.append((item.compartment.label, item.mass_g, ratio, item.dose_gy, *spread, limits, verdict_words(checks)))
    note = "Normal liver: in the territory, without tumours; whole: of the whole liver. Lungs, total: with earlier treatment."
    if _several(result):
        note += " Ratios: to the normal liver of each territory that the tumour lies in."
    if result.sampled is not None:
        note += f" Standard uncertainties from {result.sampled.samples} samples of the stated uncertainties (seed {result.sampled.seed})."
    return Table(
        "Planned absorbed doses",
        (Column("Compartment", align="left"), Column("Mass", "g", 4), Column("Ratio to normal"), Column("Absorbed dose", "Gy", 4),
         *([Column("Standard uncertainty", "Gy", 2)] if spreads else []), Column("Limit or goal", align="left"), Column("Verdict", align="left")),
        tuple(rows),
        note=note,
    )  # fmt: skip


def activity_dose_table(result: PlanResult) -> Table:
    """Every dose against activity; a row says which limit it breaks and which goal it misses."""
    table = result.table
    # Without an earlier dose both numbers of the lungs are the same.
    earlier = table.offset_gy[LUNGS] > 0
    shown = [index for index, place in enumerate(table.compartments) if place.kind != LUNGS_SESSION or earlier]
    rows = []
    for activity, doses, broken, missed in zip(table.activities_gbq, table.dose_gy, table.broken, table.missed):
        words = [f"above the limit: {place.label}" for place in broken] + [f"below the goal: {place.label}" for place in missed]
        rows.append((float(activity), *(float(doses[index]) for index in shown), "; ".join(words)))
    columns = (
        Column("Activity", "GBq"),
        *(Column(table.compartments[index].label, "Gy") for index in shown),
        Column("Remark", align="left"),
    )
    return Table("Absorbed dose against activity", columns, tuple(rows))


def sensitivity_table(result: PlanResult) -> Table:
    """Doses with one input lowered and raised by a tenth (the shunt by at least one percentage point)."""
    places = [
        place for place in result.plan.compartments.masses_g if place.kind not in (PERFUSED, LUNGS_SESSION, WHOLE_NORMAL_LIVER)
    ]
    rows = []
    for row in result.sensitivity:
        cells = (f"{row.dose_at_low_gy[place.key]:.4g} … {row.dose_at_high_gy[place.key]:.4g}" for place in places)
        rows.append((row.input, row.unit, f"{row.low:.4g} … {row.high:.4g}", *cells))
    columns = (
        Column("Input", align="left"),
        Column("Unit", align="left"),
        Column("From … to"),
        *(Column(place.label, "Gy") for place in places),
    )
    return Table("Sensitivity: doses with one input lowered and raised", columns, tuple(rows))


def limit_table(result: PlanResult) -> Table:
    """Every limit and goal that was judged, with what it holds for and where it comes from."""
    rows = tuple(
        (limit.compartment.label, limit.words, limit.condition or "-", limit.status or "entered", limit.source or "-")
        for limit in result.limits
    )
    columns = tuple(Column(name, align="left") for name in ("Compartment", "Limit or goal", "Holds for", "Status", "Source"))
    return Table("Limits and goals", columns, rows)


def uncertainty_table(result: PlanResult) -> Table:
    """Intervals of the sampled doses, and how likely each limit is kept."""
    rows = []
    for spread in result.sampled.spreads.values():
        kept = "; ".join(f"{text}: {100 * share:.0f} %" for text, share in spread.probability_kept.items())
        rows.append((spread.compartment.label, spread.planned_gy, spread.median_gy, spread.lower_95_gy, spread.upper_95_gy, kept))
    return Table(
        "Uncertainty of the planned doses",
        (Column("Compartment", align="left"), Column("Planned", "Gy"), Column("Median", "Gy"), Column("95 % from", "Gy"), Column("to", "Gy"),
         Column("Probability to keep", align="left")),
        tuple(rows),
        note="From the stated uncertainties of masses, ratios, shunt and activity alone; the model itself is not in question here.",
    )  # fmt: skip


def order_table(result: PlanResult) -> Table:
    """What can be ordered, nearest to the planned activity first, for each injection."""
    names = list(dict.fromkeys(option.injection for option in result.orders))
    shown = [
        option
        for name in names
        for option in [item for item in result.orders if item.injection == name][: _MOST_ORDERS // len(names) + 1]
    ]
    rows = [
        (option.slot, _vial_words(option), f"{option.calibration:%Y-%m-%d %H:%M}", option.activity_gbq, f"{100 * (option.dose_factor - 1):+.1f}",
         None if option.spheres is None else option.spheres / 1e6, option.spheres_per_ml)
        for option in shown
    ]  # fmt: skip
    columns = [
        Column("Treatment", align="left"), Column("Vial at calibration", "GBq", align="right"), Column("Calibration", align="left"), Column("Activity", "GBq"),
        Column("Against plan", "%"), Column("Spheres", "million"), Column("Embolic load", "spheres/mL"),
    ]  # fmt: skip
    if names != [""]:
        columns.insert(0, Column("Injection", align="left"))
        rows = [(option.injection, *row) for option, row in zip(shown, rows)]
    left = len(result.orders) - len(shown)
    note = "Local time of the calibration." + (f" {left} more within the deviation are in plan.json." if left > 0 else "")
    return Table(f"Order of {result.orders[0].product}", tuple(columns), tuple(rows), note=note)


def _vial_words(option) -> float | str:
    """What is ordered; of a vial that is stated at another moment than its calibration, with that moment."""
    hours = option.vial_stated_h
    return option.vial_gbq if hours == 0 else f"{option.vial_gbq:g} ({abs(hours):g} h {'before' if hours < 0 else 'after'})"


def injection_table(result: PlanResult) -> Table:
    """Several injections: the dose that each one gives to each region."""
    names = list(result.plan.activities_gbq)
    rows = [
        (item.compartment.label, item.mass_g, *(item.by_injection_gy[name] for name in names), sum(item.by_injection_gy.values()))
        for item in result.plan.doses
        if item.compartment.kind in (TUMOR, NORMAL_LIVER, WHOLE_NORMAL_LIVER, LUNGS_SESSION) and not item.compartment.territory
    ]
    columns = (
        Column("Region", align="left"),
        Column("Mass", "g", 4),
        *(Column(name, "Gy") for name in names),
        Column("Together", "Gy"),
    )
    return Table("Absorbed dose by injection, over the whole region", columns, tuple(rows))


def plan_csv(result: PlanResult) -> str:
    """The dose table, the table against activity below it, and for several injections that of each, as CSV."""
    parts = [table_csv(plan_dose_table(result))]
    if result.table is not None:
        parts.append(table_csv(activity_dose_table(result)))
    if _several(result):
        parts.append(table_csv(injection_table(result)))
    return "\n".join(parts)


def render_plan_report(result: PlanResult) -> str:
    """The whole report as one HTML page that opens offline."""
    sections = [
        Section(
            "Plan", [_facts(result), plan_dose_table(result), Figure(_bars(result), "Planned doses against limits and goals.")]
        )
    ]
    if _several(result):
        sections.append(Section("Injections", [injection_table(result)]))
    if result.table is not None:
        figure = Figure(
            dose_plot(result), "Lines across are limits (≤) and goals (≥); the upright line is the plan. Logarithmic doses."
        )
        sections.append(Section("Dose against activity", [figure, activity_dose_table(result)]))
    if result.limits:
        sections.append(Section("Limits", [limit_table(result)]))
    if result.orders:
        sections.append(Section("Order", [order_table(result)]))
    robust = [sensitivity_table(result)] if result.sensitivity else []
    if result.sampled is not None:
        robust.insert(0, uncertainty_table(result))
    if robust:
        sections.append(Section("How sure", robust))
    sections.append(Section("Assumptions", [Bullets((*result.planned.notes, *result.assumptions)), *_product_details(result)]))
    when = "" if result.created is None else f"computed {result.created:%Y-%m-%d %H:%M}"
    title = result.request.title or "Radioembolisation plan"
    return render_page(title, sections, when, result.warnings, result.versions)


def dose_plot(result: PlanResult) -> str:
    """The dose of every compartment as activity grows, with limits, goals and the planned activity."""
    table = result.table
    limits = {check.compartment: check for check in result.checks}
    lines = [
        DoseLine(
            place.label,
            table.gy_per_gbq[place.key],
            limits[place].limit_gy if place in limits else None,
            limits[place].kind if place in limits else "max",
            table.offset_gy[place.key],
        )
        for place in table.compartments
        if place in limits or place.kind not in (PERFUSED, LUNGS_SESSION, WHOLE_NORMAL_LIVER)
    ]
    return dose_against_activity_plot(lines, float(table.activities_gbq[-1]), result.activity_gbq, log=True)


def _bars(result: PlanResult) -> str:
    spreads = {} if result.sampled is None else result.sampled.spreads
    bars = []
    for item in _shown(result):
        label, spread = item.compartment.label, spreads[item.compartment.key].standard_uncertainty_gy if spreads else None
        checks = [check for check in result.checks if check.compartment == item.compartment]
        bars += [Bar(label, item.dose_gy, spread, check.limit_gy, check.kind) for check in checks] or [
            Bar(label, item.dose_gy, spread)
        ]
    return limit_plot("Planned absorbed doses", Axis("Absorbed dose", "Gy"), bars)


def _several(result: PlanResult) -> bool:
    """Whether the injections are named, one by one."""
    return bool(result.planned.injections)


def _ratio(result: PlanResult, compartment: Compartment) -> float | str | None:
    """Of a tumour to the normal liver of each territory that it lies in; 1 for the normal liver of a territory."""
    injections = result.plan.compartments.injections
    if compartment.kind == NORMAL_LIVER:
        return 1.0 if compartment.territory or not _several(result) else None
    found = [(item.name, tumour.tnr) for item in injections for tumour in item.tumours if tumour.compartment == compartment]
    if not found or not _several(result):
        return found[0][1] if found else None
    return "; ".join(f"{name}: {ratio:.3g}" for name, ratio in found)


def _shown(result: PlanResult) -> list[PlannedDose]:
    """Every dose, the lungs once unless there was an earlier dose or a limit on both."""
    earlier = result.plan.compartments.previous_lung_dose_gy > 0
    judged = {check.compartment for check in result.checks}
    return [item for item in result.plan.doses if item.compartment.kind != LUNGS or earlier or item.compartment in judged]


def _facts(result: PlanResult) -> Facts:
    compartments = result.plan.compartments
    constant = compartments.constant
    facts = {
        "Product": constant.product or "not stated",
        "Nuclide": constant.nuclide,
        "Activity at administration": f"{result.activity_gbq:.4g} GBq",
        "Set by": _setter(result),
        "Dose constant": f"{constant.j_per_gbq:.5g} J/GBq, {constant.source}",
        "Conditions": _conditions(result),
    }
    if _several(result):
        facts["Injections"] = ", ".join(f"{name} {activity:.4g} GBq" for name, activity in result.plan.activities_gbq.items())
    facts["Lung shunt"] = f"{100 * compartments.lung_shunt_fraction:.3g} %"
    facts["Left in vial and lines"] = f"{100 * compartments.residual_fraction:.3g} %"
    facts["Earlier lung dose"] = f"{compartments.previous_lung_dose_gy:.3g} Gy"
    if result.largest_activity_gbq is not None:
        facts["Largest activity within the limits"] = f"{result.largest_activity_gbq:.4g} GBq"
    if result.smallest_activity_gbq is not None:
        facts["Least activity for the goals"] = f"{result.smallest_activity_gbq:.4g} GBq"
    if result.body_surface is not None:
        activity = result.body_surface.activity_gbq
        facts["By body surface, to compare"] = (
            f"{'none' if activity is None else f'{activity:.4g} GBq'} ({result.body_surface.body_surface_m2:.3g} m²)"
        )
    return Facts(facts)


def _conditions(result: PlanResult) -> str:
    given = result.request.conditions
    found = [] if given is None else [
        *([given.scenario] if given.scenario else []),
        *([f"bilirubin {given.bilirubin_mg_dl:g} mg/dL"] if given.bilirubin_mg_dl is not None else []),
        *([f"liver {'' if given.impaired_liver else 'not '}pre-treated or impaired"] if given.impaired_liver is not None else []),
        *([given.disease] if given.disease else []),
    ]  # fmt: skip
    return ", ".join(found) or "not given"


def _setter(result: PlanResult) -> str:
    check = next((check for check in result.checks if check.binding), None)
    if result.planned.activity_is_entered or check is None:
        return "entered"
    return f"{'limit' if check.kind == 'max' else 'goal'} of {check.compartment.label}, {check.limit_gy:g} Gy"


def _product_details(result: PlanResult) -> list:
    product = result.product
    if product is None:
        return []
    rows = [
        (f"{'limit' if rule.kind == 'max' else 'goal'}, {Compartment(rule.what).label or 'each tumor'}", f"{rule.dose_gy:g}", "Gy",
         rule.condition, rule.status, rule.source)
        for rule in product.rules
    ]  # fmt: skip
    item = product.activity_per_sphere_bq
    if item is not None:
        value = f"{item.smallest:g}" if item.smallest == item.largest else f"{item.smallest:g} to {item.largest:g}"
        rows.append(("activity per sphere", value, "Bq", "", item.status, item.source))
    columns = tuple(Column(name, align="left") for name in ("What", "Value", "Unit", "Holds for", "Status", "Source"))
    return [Details(f"Data of {product.name}", [Table(f"{product.name}, {product.origin}", columns, tuple(rows))])]


def verdict_words(checks: list[LimitCheck]) -> str:
    """How limits and goals are kept, in words."""
    return "; ".join(check.verdict for check in checks)
