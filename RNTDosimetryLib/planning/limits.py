"""Limits and goals as records: read from what was entered, chosen from a product's rules by what is known of the treatment, and judged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from RNTDosimetryLib.base.checks import positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.planning.compartments import (
    LUNGS,
    LUNGS_SESSION,
    NORMAL_LIVER,
    PERFUSED,
    TUMOR,
    WHOLE_NORMAL_LIVER,
    Compartment,
    Compartments,
)
from RNTDosimetryLib.planning.conditions import MAX, MIN, LimitRule, TreatmentConditions
from RNTDosimetryLib.planning.partition import PartitionPlan
from RNTDosimetryLib.planning.plausibility import checked_dose_gy
from RNTDosimetryLib.planning.products import UNCHECKED, Product

_ROUNDING = 1e-9
_ALL_PERFUSED = 0.05
"""Where less than this share of the normal liver stays untreated, the treatment is of both lobes."""
_ASKED = {
    "scenario": "the scenario (segmentectomy, lobectomy, unilobar or bilobar)",
    "bilirubin_mg_dl": "the total bilirubin in mg/dL",
    "impaired_liver": "whether the liver is pre-treated or impaired",
    "disease": "the disease",
}


@dataclass(frozen=True)
class Limit(Record):
    """A dose that a compartment must not exceed ("max") or should reach ("min").

    condition: what it holds for, in words. source, status: of a product's limit; empty for an entered one.
    """

    compartment: Compartment
    kind: str
    dose_gy: float
    condition: str = ""
    source: str = ""
    status: str = ""

    @property
    def name(self) -> str:
        return self.compartment.key

    @property
    def words(self) -> str:
        """In signs."""
        return f"{'≤' if self.kind == MAX else '≥'} {self.dose_gy:g} Gy"


@dataclass(frozen=True)
class LimitCheck(Record):
    """One limit or goal at a dose.

    dose_gy: what the compartment receives, with what it received before. margin_gy: how far it is on the good side; negative when
    broken. activity_gbq: of all injections, at which dose and limit are equal; None when no activity gets there.
    """

    limit: Limit
    dose_gy: float
    margin_gy: float
    activity_gbq: float | None
    satisfied: bool
    binding: bool

    @property
    def compartment(self) -> Compartment:
        return self.limit.compartment

    @property
    def name(self) -> str:
        return self.limit.name

    @property
    def kind(self) -> str:
        return self.limit.kind

    @property
    def limit_gy(self) -> float:
        return self.limit.dose_gy

    @property
    def verdict(self) -> str:
        """The check in words, so that nothing is said by color alone."""
        if self.kind == MAX:
            words = "within the limit" if self.satisfied else "above the limit"
        else:
            words = "goal reached" if self.satisfied else "below the goal"
        return f"{words}, binding" if self.binding else words


def read_limits(limits: Mapping[str, object]) -> tuple[Limit, ...]:
    """Limits from a mapping by the key of the compartment: a number or ("max", Gy) must not be exceeded, ("min", Gy) should be reached."""
    if not isinstance(limits, Mapping) or not limits:
        raise DosimetryError(
            'Expected limits such as {"normal_liver": 40, "T1": ["min", 120]}, received none; give at least one.'
        )
    found = []
    for name, value in limits.items():
        kind, dose = (MAX, value) if not isinstance(value, (list, tuple)) else (value if len(value) == 2 else (None, None))
        if kind not in (MAX, MIN):
            raise DosimetryError(f'Expected a limit for {name} as a dose in Gy, ("max", Gy) or ("min", Gy), received {value!r}.')
        remedy = "leave it out if there is none"
        positive_number(dose, f"limit in Gy for {name}", remedy)
        found.append(Limit(Compartment.of(str(name)), kind, checked_dose_gy(dose, f"limit in Gy for {name}", remedy)))
    return tuple(found)


def refuse_unknown_limits(limits: Iterable[Limit], compartments: Compartments) -> None:
    """DosimetryError for a limit on something that has no dose here."""
    known = compartments.masses_g
    for limit in limits:
        if limit.compartment not in known:
            raise DosimetryError(
                f"Expected a limit for one of {', '.join(place.key for place in known)}, received one for '{limit.name}'; "
                + ("give whole_normal_liver_mass_g too." if limit.compartment.kind == WHOLE_NORMAL_LIVER else "correct the name.")
            )


def judged(limit: Limit, dose_gy: float, activity_gbq: float | None = None, binding: bool = False) -> LimitCheck:
    """One limit or goal at a dose; what rounding misses counts as kept."""
    margin = limit.dose_gy - dose_gy if limit.kind == MAX else dose_gy - limit.dose_gy
    return LimitCheck(limit, dose_gy, margin, activity_gbq, margin >= -_ROUNDING * limit.dose_gy, binding)


def check_limits(plan: PartitionPlan, limits: Sequence[Limit]) -> tuple[LimitCheck, ...]:
    """Every limit and goal at the activities of a plan, in the order given; those met exactly are binding."""
    refuse_unknown_limits(limits, plan.compartments)
    doses, checks = {item.compartment: item for item in plan.doses}, []
    for limit in limits:
        before, item = plan.compartments.before_gy(limit.compartment), doses[limit.compartment]
        session = sum(item.by_injection_gy.values())
        equal = (limit.dose_gy - before) / session * plan.activity_gbq if session > 0 and limit.dose_gy > before else None
        check = judged(limit, item.dose_gy, equal)
        checks.append(replace(check, binding=abs(check.margin_gy) <= _ROUNDING * limit.dose_gy))
    return tuple(checks)


# --- a product's limits


@dataclass(frozen=True)
class ProductLimits(Record):
    """What a product's rules ask of a plan. warnings: what was not given and what was judged instead. assumptions: what was derived."""

    limits: tuple[Limit, ...]
    warnings: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


def limits_for(product: Product, compartments: Compartments, conditions: TreatmentConditions | None = None) -> ProductLimits:
    """The limits and goals of a product for these compartments, under what is known of treatment and patient.

    Of limits that could hold, the strictest is judged, and where a condition that was not given decides, a warning names it and what would
    follow. Goals of a scenario or a disease hold only where it was given. A limit of the normal liver holds in each territory too: a mean over
    all could hide one that receives too much. The whole normal liver without its mass is judged by the perfused one, whose dose is higher, unless a
    scenario says that part of the liver is spared; then a warning says that it was not judged.
    """
    known, assumptions = _completed(conditions or TreatmentConditions(), compartments)
    warnings: list[str] = []
    found: dict[Compartment, Limit] = {}
    for what in (NORMAL_LIVER, PERFUSED, LUNGS_SESSION, LUNGS, WHOLE_NORMAL_LIVER):
        limit = _strictest(product, what, known, warnings)
        if limit is None:
            continue
        if what == WHOLE_NORMAL_LIVER and compartments.whole_normal_liver_mass_g is None:
            limit = _by_perfused(product, limit, known, found.get(Compartment(NORMAL_LIVER)), warnings)
        if limit is not None:
            found[limit.compartment] = limit
    normal = found.get(Compartment(NORMAL_LIVER))
    if normal is not None:
        if compartments.perfused_normal_liver_mass_g == 0:
            del found[Compartment(NORMAL_LIVER)]
        inside = zip(compartments.territories.values(), compartments.injections)
        found |= {
            place: replace(normal, compartment=place)
            for place, item in inside
            if item.normal_liver_mass_g > 0 and place.territory
        }
    limits = [*_in_order(found, compartments), *_goals(product, known, compartments)]
    unchecked = [limit for limit in limits if limit.status == UNCHECKED]
    warnings += [warned("limit_unchecked", compartment=item.compartment.label, product=product.name) for item in unchecked]
    untreated = compartments.untreated_fraction
    if untreated is not None and untreated < product.hepatic_reserve and known.scenario in (None, "lobectomy", "unilobar"):
        warnings.append(warned("hepatic_reserve_low", percent=100 * untreated, least=100 * product.hepatic_reserve))
    return ProductLimits(tuple(limits), tuple(dict.fromkeys(warnings)), assumptions)


def _completed(known: TreatmentConditions, compartments: Compartments) -> tuple[TreatmentConditions, tuple[str, ...]]:
    """With the scenario that the masses show, where none was given."""
    untreated = compartments.untreated_fraction
    if known.scenario is None and untreated is not None and untreated < _ALL_PERFUSED:
        said = f"Judged as bilobar: {100 * (1 - untreated):.0f} % of the normal liver lies in the territories."
        return replace(known, scenario="bilobar"), (said,)
    return known, ()


def _strictest(product: Product, what: str, known: TreatmentConditions, warnings: list[str]) -> Limit | None:
    """The limit of one kind of compartment that is judged, with a warning where another could hold."""
    rules = [rule for rule in product.rules if rule.what == what and rule.kind == MAX and rule.can_hold(known)]
    if not rules:
        return None
    chosen = min(rules, key=lambda rule: rule.dose_gy)
    others = sorted({rule.dose_gy for rule in rules} - {chosen.dose_gy})
    limit = _limit(chosen, Compartment(what))
    if others and chosen.missing(known):
        missing = list(dict.fromkeys(name for rule in rules for name in rule.missing(known)))
        asked = " and ".join(_ASKED[name] for name in missing)
        others_text = " or ".join(f"{dose:g} Gy" for dose in others)
        warnings.append(
            warned("limit_condition_missing", compartment=limit.compartment.label, product=product.name, missing=asked, limit=chosen.dose_gy,
                   condition=chosen.condition, others=others_text, keys=", ".join(missing))
        )  # fmt: skip
        limit = replace(limit, condition=f"{limit.condition} (strictest, {', '.join(missing)} not given)")
    return limit


def _by_perfused(
    product: Product, limit: Limit, known: TreatmentConditions, perfused: Limit | None, warnings: list[str]
) -> Limit | None:
    """The limit of the whole normal liver, whose mass is not known, on the perfused one; None where that says nothing new."""
    if perfused is not None and perfused.dose_gy <= limit.dose_gy:
        return None
    if known.scenario not in (None, "bilobar"):
        warnings.append(warned("whole_liver_not_judged", product=product.name, limit=limit.dose_gy))
        return None
    if known.scenario is None:
        warnings.append(warned("whole_liver_by_perfused", product=product.name, limit=limit.dose_gy))
    else:
        warnings.append(warned("bilobar_by_perfused", product=product.name, limit=limit.dose_gy))
    return replace(
        limit, compartment=Compartment(NORMAL_LIVER), condition=f"of the whole normal liver, {limit.condition}".rstrip(", ")
    )


def _goals(product: Product, known: TreatmentConditions, compartments: Compartments) -> list[Limit]:
    """Of each kind of compartment the goal that is known to hold; that of the disease before the general one."""
    goals = []
    for what in (TUMOR, NORMAL_LIVER, PERFUSED):
        rules = [
            rule
            for rule in product.rules
            if rule.what == what and rule.kind == MIN and rule.can_hold(known) and not rule.missing(known)
        ]
        if not rules:
            continue
        chosen = max(rules, key=lambda rule: (bool(rule.diseases), rule.dose_gy))
        inside = {tumour.name for item in compartments.injections for tumour in item.tumours}
        places = [Compartment(TUMOR, name) for name in compartments.tumour_masses_g if name in inside]
        goals += [_limit(chosen, place) for place in (places if what == TUMOR else [Compartment(what)])]
    return goals


def _limit(rule: LimitRule, compartment: Compartment) -> Limit:
    return Limit(compartment, rule.kind, rule.dose_gy, rule.condition, rule.source, rule.status)


def _in_order(found: Mapping[Compartment, Limit], compartments: Compartments) -> list[Limit]:
    return [found[place] for place in compartments.masses_g if place in found]


def looser_than_product(limits: Sequence[Limit], wanted: ProductLimits, product: Product) -> tuple[str, ...]:
    """A sentence for each entered limit that allows more than the product's."""
    own = {limit.compartment: limit for limit in wanted.limits if limit.kind == MAX}
    return tuple(
        warned("limit_looser_than_product", compartment=limit.compartment.label, limit=limit.dose_gy, product=product.name,
               own=own[limit.compartment].dose_gy)
        for limit in limits
        if limit.kind == MAX and limit.compartment in own and limit.dose_gy > own[limit.compartment].dose_gy
    )  # fmt: skip
