"""What the one-page report of a radioembolisation's plan says. How it looks is the report room's business."""

from RNTDosimetryLib.planning import LimitCheck
from RNTDosimetryLib.planning.positions import own_normal_liver
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

_NAMES = {
    "normal_liver": "Normal liver",
    "whole_normal_liver": "Normal liver, whole",
    "perfused": "Perfused tissue",
    "lung": "Lungs, total",
    "lung_session": "Lungs",
}
_MOST_ORDERS = 8


def plan_dose_table(result: PlanResult) -> Table:
    """One row a compartment: mass, ratio, dose with uncertainty, and its limits and goals in words."""
    spreads = {} if result.sampled is None else result.sampled.spreads
    rows = []
    for name, mass, ratio, dose in _compartments(result):
        checks = [check for check in result.checks if check.name == name]
        spread = spreads[name].standard_uncertainty_gy if name in spreads else None
        limits = "; ".join(limit_words(check) for check in checks)
        rows.append((compartment_label(name), mass, ratio, dose, *([spread] if spreads else []), limits, verdict_words(checks)))
    note = "Normal liver: in the territory, without tumours; whole: of the whole liver. Lungs, total: with earlier treatment."
    if result.injections is not None:
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
    shown = [index for index, name in enumerate(table.names) if name != "lung_session" or table.offset_gy["lung"] > 0]
    rows = []
    for activity, doses, broken, missed in zip(table.activities_gbq, table.dose_gy, table.broken, table.missed):
        words = [f"above the limit: {compartment_label(name)}" for name in broken] + [
            f"below the goal: {compartment_label(name)}" for name in missed
        ]
        rows.append((float(activity), *(float(doses[index]) for index in shown), "; ".join(words)))
    columns = (
        Column("Activity", "GBq"),
        *(Column(compartment_label(table.names[index]), "Gy") for index in shown),
        Column("Remark", align="left"),
    )
    return Table("Absorbed dose against activity", columns, tuple(rows))


def sensitivity_table(result: PlanResult) -> Table:
    """Doses with one input lowered and raised by a tenth (the shunt by at least one percentage point)."""
    names = [
        name
        for name in (result.table.names if result.table else ())
        if name not in ("perfused", "lung_session", "whole_normal_liver")
    ]
    rows = []
    for row in result.sensitivity:
        cells = (f"{row.dose_at_low_gy[name]:.4g} … {row.dose_at_high_gy[name]:.4g}" for name in names)
        rows.append((row.input, row.unit, f"{row.low:.4g} … {row.high:.4g}", *cells))
    columns = (
        Column("Input", align="left"),
        Column("Unit", align="left"),
        Column("From … to"),
        *(Column(compartment_label(name), "Gy") for name in names),
    )
    return Table("Sensitivity: doses with one input lowered and raised", columns, tuple(rows))


def uncertainty_table(result: PlanResult) -> Table:
    """Intervals of the sampled doses, and how likely each limit is kept."""
    rows = []
    for name, spread in result.sampled.spreads.items():
        kept = "; ".join(f"{text}: {100 * share:.0f} %" for text, share in spread.probability_kept.items())
        rows.append((compartment_label(name), spread.planned_gy, spread.median_gy, spread.lower_95_gy, spread.upper_95_gy, kept))
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
        (option.slot, option.vial_gbq, f"{option.calibration:%Y-%m-%d %H:%M}", option.activity_gbq, f"{100 * (option.dose_factor - 1):+.1f}",
         None if option.spheres is None else option.spheres / 1e6, option.spheres_per_ml)
        for option in shown
    ]  # fmt: skip
    columns = [
        Column("Treatment", align="left"), Column("Vial at calibration", "GBq"), Column("Calibration", align="left"), Column("Activity", "GBq"),
        Column("Against plan", "%"), Column("Spheres", "million"), Column("Embolic load", "spheres/mL"),
    ]  # fmt: skip
    if names != [""]:
        columns.insert(0, Column("Injection", align="left"))
        rows = [(option.injection, *row) for option, row in zip(shown, rows)]
    left = len(result.orders) - len(shown)
    note = "Local time of the calibration." + (f" {left} more within the deviation are in plan.json." if left > 0 else "")
    return Table(f"Order of {result.orders[0].product}", tuple(columns), tuple(rows), note=note)


def injection_table(result: PlanResult) -> Table:
    """Several injections: the dose that each one gives to each region."""
    plan = result.injections
    names = list(plan.dose_by_injection_gy)
    rows = [
        (compartment_label(region), mass, *(plan.dose_by_injection_gy[name][region] for name in names), plan.dose_gy[region])
        for region, mass in plan.masses_g.items()
    ]
    columns = (
        Column("Region", align="left"),
        Column("Mass", "g", 4),
        *(Column(name, "Gy") for name in names),
        Column("Together", "Gy"),
    )
    return Table("Absorbed dose by injection, over the whole region", columns, tuple(rows))


def plan_csv(result: PlanResult) -> str:
    """The dose table, and for one injection the table against activity below it, as CSV."""
    parts = [table_csv(plan_dose_table(result))]
    if result.table is not None:
        parts.append(table_csv(activity_dose_table(result)))
    if result.injections is not None:
        parts.append(table_csv(injection_table(result)))
    return "\n".join(parts)


def render_plan_report(result: PlanResult) -> str:
    """The whole report as one HTML page that opens offline."""
    sections = [
        Section(
            "Plan", [_facts(result), plan_dose_table(result), Figure(_bars(result), "Planned doses against limits and goals.")]
        )
    ]
    if result.injections is not None:
        sections.append(Section("Injections", [injection_table(result)]))
    if result.table is not None:
        figure = Figure(
            dose_plot(result), "Lines across are limits (≤) and goals (≥); the upright line is the plan. Logarithmic doses."
        )
        sections.append(Section("Dose against activity", [figure, activity_dose_table(result)]))
    if result.orders:
        sections.append(Section("Order", [order_table(result)]))
    robust = [sensitivity_table(result)] if result.sensitivity else []
    if result.sampled is not None:
        robust.insert(0, uncertainty_table(result))
    if robust:
        sections.append(Section("How sure", robust))
    sections.append(Section("Assumptions", [Bullets(_assumptions(result)), *_product_details(result)]))
    when = "" if result.created is None else f"computed {result.created:%Y-%m-%d %H:%M}"
    title = result.request.title or "Radioembolisation plan"
    return render_page(title, sections, when, result.warnings, result.versions)


def dose_plot(result: PlanResult) -> str:
    """The dose of every compartment as activity grows, with limits, goals and the planned activity."""
    table = result.table
    limits = {check.name: check for check in result.checks}
    lines = [
        DoseLine(
            compartment_label(name),
            table.gy_per_gbq[name],
            limits[name].limit_gy if name in limits else None,
            limits[name].kind if name in limits else "max",
            table.offset_gy[name],
        )
        for name in table.names
        if name in limits or name not in ("perfused", "lung_session", "whole_normal_liver")
    ]
    return dose_against_activity_plot(lines, float(table.activities_gbq[-1]), result.activity_gbq, log=True)


def _bars(result: PlanResult) -> str:
    spreads = {} if result.sampled is None else result.sampled.spreads
    bars = []
    for name, _, _, dose in _compartments(result):
        spread = spreads[name].standard_uncertainty_gy if name in spreads else None
        checks = [check for check in result.checks if check.name == name]
        bars += [Bar(compartment_label(name), dose, spread, check.limit_gy, check.kind) for check in checks] or [
            Bar(compartment_label(name), dose, spread)
        ]
    return limit_plot("Planned absorbed doses", Axis("Absorbed dose", "Gy"), bars)


def _ratios(result: PlanResult, tumour: str) -> str | None:
    """The ratio of a tumour to the normal liver of each territory that it lies in."""
    plans = result.injections.plans
    found = [
        f"{name}: {item.tnr:.3g}" for name, part in plans.items() for item in part.compartments.tumours if item.name == tumour
    ]
    return "; ".join(found) or None


def _compartments(result: PlanResult) -> list[tuple[str, float | None, float | str | None, float]]:
    """(name, mass, ratio, dose) of every compartment, lungs once unless there was an earlier dose."""
    if result.injections is not None:
        plan = result.injections
        found = [(name, mass, _ratios(result, name), plan.dose_gy[name]) for name, mass in plan.masses_g.items()]
        for name, part in plan.plans.items():
            own = own_normal_liver(name)
            found.append((own, part.compartments.normal_liver_mass_g, 1.0, plan.dose_gy[own]))
        if plan.dose_gy["lung"] != plan.dose_gy["lung_session"] or any(check.name == "lung" for check in result.checks):
            found.append(("lung", plan.masses_g["lung_session"], None, plan.dose_gy["lung"]))
        return found
    plan, compartments = result.plan, result.plan.compartments
    found = [(tumour.name, tumour.mass_g, tumour.tnr, plan.tumour_dose_gy[tumour.name]) for tumour in compartments.tumours]
    found.append(("normal_liver", compartments.normal_liver_mass_g, 1.0, plan.normal_liver_dose_gy))
    if plan.whole_normal_liver_dose_gy is not None:
        found.append(("whole_normal_liver", compartments.whole_normal_liver_mass_g, None, plan.whole_normal_liver_dose_gy))
    found.append(("perfused", compartments.perfused_mass_g, None, plan.perfused_mean_dose_gy))
    found.append(("lung_session", compartments.lung_mass_g, None, plan.lung_dose_gy))
    if compartments.previous_lung_dose_gy > 0 or any(check.name == "lung" for check in result.checks):
        found.append(("lung", compartments.lung_mass_g, None, plan.cumulative_lung_dose_gy))
    return found


def _facts(result: PlanResult) -> Facts:
    plan = result.plan
    constant = (plan or next(iter(result.injections.plans.values()))).compartments.constant
    facts = {
        "Product": constant.product or "not stated",
        "Nuclide": constant.nuclide,
        "Activity at administration": f"{result.activity_gbq:.4g} GBq",
        "Set by": _setter(result),
        "Dose constant": f"{constant.j_per_gbq:.5g} J/GBq, {constant.source}",
    }
    if result.injections is not None:
        facts["Injections"] = ", ".join(
            f"{name} {activity:.4g} GBq" for name, activity in result.injections.activities_gbq.items()
        )
    else:
        facts["Lung shunt"] = f"{100 * plan.compartments.lung_shunt_fraction:.3g} %"
        facts["Left in vial and lines"] = f"{100 * plan.compartments.residual_fraction:.3g} %"
        facts["Earlier lung dose"] = f"{plan.compartments.previous_lung_dose_gy:.3g} Gy"
    if result.limited is not None and result.limited.smallest_activity_gbq is not None:
        facts["Least activity for the goals"] = f"{result.limited.smallest_activity_gbq:.4g} GBq"
    if result.body_surface is not None:
        facts["By body surface, to compare"] = (
            f"{result.body_surface.activity_gbq:.4g} GBq ({result.body_surface.body_surface_m2:.3g} m²)"
        )
    return Facts(facts)


def _setter(result: PlanResult) -> str:
    if result.request.activity_gbq is not None or result.binding is None:
        return "typed"
    check = next(check for check in result.checks if check.binding)
    return f"{'limit' if check.kind == 'max' else 'goal'} of {compartment_label(check.name)}, {check.limit_gy:g} Gy"


def _assumptions(result: PlanResult) -> tuple[str, ...]:
    found = [*result.request.notes, *(result.plan or result.injections).assumptions]
    if result.limits and result.request.limits is None:
        found.append(f"Limits are those of {result.product.name} (data file of products).")
    return tuple(found)


def _product_details(result: PlanResult) -> list:
    product = result.product
    if product is None:
        return []
    named = {f"limit, {compartment_label(name)}": quantity for name, quantity in product.limits_gy.items()}
    named |= {"limit, impaired liver": product.impaired_normal_liver_limit_gy, "tumour goal": product.tumour_goal_gy,
              "ablative goal": product.ablative_goal_gy, "activity per sphere": product.activity_per_sphere_bq}  # fmt: skip
    rows = tuple(
        (name, f"{item.smallest:g}" if item.smallest == item.largest else f"{item.smallest:g} to {item.largest:g}",
         "Bq" if "sphere" in name else "Gy", item.status, item.source)
        for name, item in named.items() if item is not None
    )  # fmt: skip
    columns = tuple(Column(name, align="left") for name in ("What", "Value", "Unit", "Status", "Source"))
    return [Details(f"Data of {product.name}", [Table(f"{product.name}, {product.origin}", columns, rows)])]


def limit_words(check: LimitCheck) -> str:
    """A limit or goal in signs."""
    return f"{'≤' if check.kind == 'max' else '≥'} {check.limit_gy:g} Gy"


def verdict_words(checks: list[LimitCheck]) -> str:
    """How limits and goals are kept, in words."""
    return "; ".join(check.verdict for check in checks)


def compartment_label(name: str) -> str:
    """Name of a compartment for a reader."""
    return _NAMES.get(name, name.replace("normal_liver in", "Normal liver,"))
