"""The plan file computed: what was entered for a radioembolisation, and measured on images where it names them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from RNTDosimetryLib.base.documents import beside
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, silent
from RNTDosimetryLib.base.provenance import file_hashes, now, versions
from RNTDosimetryLib.base.records import checked_path, read_json_file
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.planning import (
    BsaPlan,
    Compartments,
    Limit,
    LimitCheck,
    LimitedActivity,
    OrderOption,
    PartitionPlan,
    Product,
    activity_table,
    bsa_activity,
    check_limits,
    get_product,
    is_product,
    limited_activity,
    limits_for,
    looser_than_product,
    order_options,
    plan_of,
    read_limits,
    sampled_doses,
    sensitivity,
)
from RNTDosimetryLib.planning.conditions import MAX
from RNTDosimetryLib.roads.plan.request import PlanRequest
from RNTDosimetryLib.roads.plan.result import PlanResult
from RNTDosimetryLib.roads.plan.scout import measured_request


def read_plan_result(path: str | Path) -> PlanResult:
    """Result of a plan.json as it stands there, or of a plan file, which is run."""
    path = checked_path(path, "a plan file")
    data = read_json_file(path, "a plan file")
    if isinstance(data, dict) and isinstance(data.get(PlanRequest.HELD_AS), dict):
        result = PlanResult.from_content(data, path.name)
        return replace(result, request=beside(result.request, path.parent))
    return run_plan(PlanRequest.read_beside(path))


def run_plan(entered: PlanRequest, progress: Progress = silent) -> PlanResult:
    """Everything of a plan: doses, limits, table, sensitivity, uncertainty and order. Raises DosimetryError for input that cannot be used."""
    progress(0.0, "Planning" if entered.scout is None else "Measuring the scout")
    request = measured_request(entered)
    progress(0.5, "Planning")
    request.refuse_both_forms()
    product = _product(request)
    compartments = request.compartments(product)
    wanted = _wanted(request, product, compartments)
    allowed = _allowed(request, compartments, wanted.limits)
    if allowed is None or request.activity_is_entered:
        plan = plan_of(compartments)
        checks = check_limits(plan, wanted.limits)
    else:
        plan, checks = allowed.plan, allowed.checks
    compartments = plan.compartments
    sampled = None
    if request.uncertainty is not None:
        sampled = sampled_doses(
            compartments, None, request.uncertainty, limits=wanted.limits, samples=request.samples, seed=request.seed
        )
    orders = _orders(request, product, compartments)
    surface = _body_surface(request, compartments)
    return PlanResult(
        request=entered,
        activity_gbq=plan.activity_gbq,
        plan=plan,
        limits=wanted.limits,
        checks=checks,
        largest_activity_gbq=None if allowed is None else allowed.largest_activity_gbq,
        smallest_activity_gbq=None if allowed is None else allowed.smallest_activity_gbq,
        table=activity_table(compartments, None, wanted.limits, plan.activity_gbq),
        sensitivity=sensitivity(compartments),
        sampled=sampled,
        orders=orders,
        body_surface=surface,
        product=product,
        assumptions=(*plan.assumptions, *wanted.assumptions),
        input_hashes=file_hashes(entered),
        versions=versions(),
        created=now(),
        warnings=_warnings(request, wanted, checks, plan, orders, surface),
        measured=None if request is entered else request,
    )


@dataclass(frozen=True)
class _Wanted:
    """Limits and goals of a plan, and what is to be said of them."""

    limits: tuple[Limit, ...] = ()
    warnings: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = field(default=())


def _wanted(request: PlanRequest, product: Product | None, compartments: Compartments) -> _Wanted:
    """The entered limits, or those of the product under the conditions."""
    own = None if product is None else limits_for(product, compartments, request.conditions)
    entered = read_limits(request.limits) if request.limits else ()
    if own is None or product is None:
        return _Wanted(entered)
    looser = looser_than_product(entered, own, product)
    if request.limits is not None and not request.keep_product_limits:
        return _Wanted(entered, looser)
    places = {(limit.compartment, limit.kind) for limit in entered}
    kept = tuple(limit for limit in own.limits if (limit.compartment, limit.kind) not in places)
    said = f"Limits are those of {product.name} (data file of products){', but for those entered' if entered else ''}."
    return _Wanted((*entered, *kept), (*looser, *own.warnings), (*own.assumptions, said))


def _allowed(request: PlanRequest, compartments: Compartments, limits: Sequence[Limit]) -> LimitedActivity | None:
    """What the limits allow; None where nothing limits the activity, which must have been entered then."""
    several = bool(request.injections)
    if not limits and (several or request.activity_gbq is not None):
        return None
    if not limits:
        raise DosimetryError("Expected an activity or limits in the plan, found neither; type one of them.")
    if not request.activity_is_entered:
        return limited_activity(compartments, limits)
    try:
        return limited_activity(compartments, limits)
    except DosimetryError:
        # Used-up limits: the checks of the entered activity say it.
        check_limits(plan_of(compartments), limits)
        return None


def _body_surface(request: PlanRequest, compartments: Compartments) -> BsaPlan | None:
    if request.body_surface is None:
        return None
    given = request.body_surface
    return bsa_activity(
        given.height_m, given.weight_kg, given.tumour_fraction, given.lobe_fraction, compartments.lung_shunt_fraction
    )


def _orders(request: PlanRequest, product: Product | None, compartments: Compartments) -> tuple[OrderOption, ...]:
    """Each injection has its own."""
    if request.order is None:
        return ()
    if product is None:
        raise DosimetryError(f"Expected a product to order, received the nuclide {request.product}; name the product.")
    density = read_json("images", "measurement.json")["soft_tissue_density_g_ml"]
    found = []
    for item in compartments.injections:
        if item.activity_gbq > 0:
            volume = request.order.perfused_volume_ml
            options = order_options(
                product,
                item.activity_gbq,
                request.order.administrations,
                perfused_volume_ml=item.perfused_mass_g / density if volume is None else volume,
                calibration=request.order.calibration,
                largest_deviation=request.order.largest_deviation,
            )
            found += [replace(option, injection=item.name) if request.injections else option for option in options]
    return tuple(found)


def _product(request: PlanRequest) -> Product | None:
    return get_product(request.product, request.product_file) if is_product(request.product, request.product_file) else None


def _warnings(
    request: PlanRequest,
    wanted: _Wanted,
    checks: Sequence[LimitCheck],
    plan: PartitionPlan,
    orders: Sequence[OrderOption],
    surface: BsaPlan | None,
) -> tuple[str, ...]:
    said = (
        *broken_limits(checks),
        *wanted.warnings,
        *request.scout_warnings,
        *plan.warnings,
        *(text for option in orders[:1] for text in option.warnings),
        *(surface.warnings if surface else ()),
    )
    return tuple(dict.fromkeys(said))


def broken_limits(checks: Sequence[LimitCheck]) -> tuple[str, ...]:
    """A sentence for every limit that is exceeded and every goal that is missed."""
    return tuple(
        warned("limit_broken", compartment=check.compartment.label, dose=check.dose_gy, limit=check.limit_gy)
        if check.kind == MAX
        else warned("goal_missed", compartment=check.compartment.label, dose=check.dose_gy, limit=check.limit_gy)
        for check in checks
        if not check.satisfied
    )
