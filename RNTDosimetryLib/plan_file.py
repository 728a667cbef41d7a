"""The plan file: what was typed for a radioembolisation, computed and written as plan.json, plan.csv and plan_report.html."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.planning import (
    ActivityTable,
    BsaPlan,
    Injection,
    InjectionsPlan,
    LimitCheck,
    LimitedActivity,
    OrderOption,
    PartitionPlan,
    PlanUncertainty,
    Product,
    SampledPlan,
    ScoutMeasurement,
    SensitivityRow,
    Tumour,
    activity_table,
    bsa_activity,
    check_limits,
    get_product,
    injections_plan,
    list_products,
    make_compartments,
    order_options,
    sampled_doses,
    scale_injections,
    sensitivity,
)
from RNTDosimetryLib.planning.compartments import CONVENTIONAL_LUNG_MASS_G, plan_of
from RNTDosimetryLib.planning.limits import limited_activity, read_limits
from RNTDosimetryLib.planning.positions import check_injections, own_normal_liver
from RNTDosimetryLib.planning.products import UNCHECKED
from RNTDosimetryLib.records import Record
from RNTDosimetryLib.report import write_json, write_text
from RNTDosimetryLib.resources import read_json

PLAN_FORMAT = "RNTDosimetry plan"
PLAN_VERSION = 1


@dataclass(frozen=True)
class OrderRequest(Record):
    """When the treatment can be; several injections are ordered one by one. administrations, calibration: local dates and times, ISO 8601. perfused_volume_ml: None takes the mass."""

    administrations: tuple[datetime, ...] = ()
    calibration: datetime | None = None
    perfused_volume_ml: float | None = None
    largest_deviation: float = 0.1


@dataclass(frozen=True)
class BodySurface(Record):
    """For the body-surface rule; see ``bsa_activity``."""

    height_m: float
    weight_kg: float
    tumour_fraction: float
    lobe_fraction: float = 1.0


@dataclass(frozen=True)
class PlanRequest(Record):
    """What was typed. Masses in g, doses in Gy, fractions as fractions.

    product: "TheraSphere" or a nuclide such as "Y-90". activity_gbq: None takes the largest activity within the limits.
    limits: as ``activity_for_limits``; None takes those of the product. impaired_liver: the product's stricter limit.
    injections: several positions instead of tumours, normal_liver_mass_g and lung_shunt_fraction; their activities are scaled with a common
    factor when limits are given and keep_activities is not set. uncertainty: of the inputs, for the sampled doses.
    notes, scout_warnings: where the numbers come from, and what was doubtful there.
    """

    product: str
    title: str = ""
    activity_gbq: float | None = None
    tumours: tuple[Tumour, ...] = ()
    normal_liver_mass_g: float | None = None
    whole_normal_liver_mass_g: float | None = None
    lung_shunt_fraction: float | None = None
    lung_mass_g: float = CONVENTIONAL_LUNG_MASS_G
    residual_fraction: float = 0.0
    previous_lung_dose_gy: float = 0.0
    limits: dict | None = None
    impaired_liver: bool = False
    dose_constant_j_per_gbq: float | None = None
    product_file: str | None = None
    injections: tuple[Injection, ...] = ()
    keep_activities: bool = False
    tumour_masses_g: dict[str, float] = field(default_factory=dict)
    perfused_normal_liver_mass_g: float | None = None
    uncertainty: PlanUncertainty | None = None
    samples: int = 20000
    seed: int = 1
    order: OrderRequest | None = None
    body_surface: BodySurface | None = None
    notes: tuple[str, ...] = ()
    scout_warnings: tuple[str, ...] = ()

    def __post_init__(self):
        for name in ("notes", "scout_warnings"):
            if not all(isinstance(text, str) for text in getattr(self, name)):
                raise DosimetryError(f"Expected a list of sentences for {name} of the plan, received {getattr(self, name)!r}.")

    def to_dict(self) -> dict:
        return {"format": PLAN_FORMAT, "version": PLAN_VERSION, **super().to_dict()}


@dataclass(frozen=True, eq=False)
class PlanResult(Record):
    """Everything computed of a plan. plan, limited, table, ...: of one injection; injections: of several. checks: limits and goals."""

    request: PlanRequest
    activity_gbq: float
    limits: dict
    checks: tuple[LimitCheck, ...]
    binding: str | None = None
    plan: PartitionPlan | None = None
    limited: LimitedActivity | None = None
    table: ActivityTable | None = None
    sensitivity: tuple[SensitivityRow, ...] = ()
    sampled: SampledPlan | None = None
    injections: InjectionsPlan | None = None
    orders: tuple[OrderOption, ...] = ()
    body_surface: BsaPlan | None = None
    product: Product | None = None
    versions: dict[str, str] = field(default_factory=dict)
    created: datetime | None = None
    warnings: tuple[str, ...] = ()


def plan_from_dict(data) -> PlanRequest:
    """Request from the content of a plan file, or of a plan.json written before. Raises DosimetryError for unknown or wrong keys."""
    if isinstance(data, Mapping) and isinstance(data.get("request"), Mapping):
        data = data["request"]
    if not isinstance(data, Mapping) or data.get("format", PLAN_FORMAT) != PLAN_FORMAT:
        raise DosimetryError(f"Expected a plan file (format '{PLAN_FORMAT}'), received something else; see docs/planning_plan_file.md.")
    if not isinstance(data.get("version", PLAN_VERSION), int) or data.get("version", PLAN_VERSION) > PLAN_VERSION:
        raise DosimetryError(
            f"Expected a plan file of version {PLAN_VERSION} or older, received {data['version']!r}; update RNTDosimetry."
        )
    content = {key: _without_nulls(value) for key, value in data.items() if key not in ("format", "version") and value is not None}
    _known(content, PlanRequest, "the plan file")
    if not isinstance(content.get("product"), str) or not content["product"]:
        raise DosimetryError(f"Expected product in the plan file, found none; name one of {', '.join(list_products())} or a nuclide.")
    parts = {"order": OrderRequest, "body_surface": BodySurface, "uncertainty": PlanUncertainty}
    for key, kind in parts.items():
        if content.get(key) is not None:
            _known(content[key], kind, f"'{key}' of the plan file")
    if not isinstance(content.get("product_file"), (str, type(None))):
        raise DosimetryError(f"Expected the name of a product file, received {content['product_file']!r}; leave it out for the shipped products.")
    if not isinstance(content.get("limits"), (Mapping, type(None))):
        raise DosimetryError(f"Expected limits by name in the plan file, received {content['limits']!r}; leave them out for the product's.")
    for key, kind in (("tumours", Tumour), ("injections", Injection)):
        if not isinstance(content.get(key, []), list):
            raise DosimetryError(f"Expected a list for '{key}' in the plan file, received {content[key]!r}.")
        for item in content.get(key, []):
            _known(item, kind, f"'{key}' of the plan file")
            for tumour in item.get("tumours", []) if kind is Injection else []:
                _known(tumour, Tumour, "the tumours of an injection")
    try:
        return PlanRequest.from_dict(content)
    except DosimetryError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise DosimetryError(f"Expected numbers, texts and ISO dates in the plan file, received something else ({error}); correct it.") from error


def read_plan(path: str | Path) -> PlanRequest:
    """Request from a JSON file; images of its part "scout" are read and measured, typed numbers win.

    Raises DosimetryError when it is missing, not JSON, or no plan.
    """
    path = Path(path)
    if not path.is_file():
        raise DosimetryError(f"Expected a plan file at {path}, found none; check the path.")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DosimetryError(f"Expected JSON in {path.name}, received text that is not: {error}.") from error
    if isinstance(data, dict) and data.get("scout"):
        from RNTDosimetryLib.plan_scout import with_scout

        data = with_scout(data, path.parent)
    request = plan_from_dict(data)
    if request.product_file and not Path(request.product_file).is_absolute():
        beside = path.parent / request.product_file
        if beside.is_file():
            return PlanRequest.from_dict({**request.to_dict(), "product_file": str(beside)})
    return request


def run_plan(request: PlanRequest) -> PlanResult:
    """Everything of a plan: doses, limits, table, sensitivity, uncertainty and order. Raises DosimetryError for input that cannot be used."""
    from RNTDosimetryLib.workflow import versions

    product = _product(request)
    limits = dict(request.limits) if request.limits is not None else (product.limits(request.impaired_liver) if product else {})
    stamp = {"request": request, "product": product, "versions": versions(), "created": datetime.now().replace(microsecond=0)}
    stamp["body_surface"] = None if request.body_surface is None else bsa_activity(**request.body_surface.to_dict())
    result = _several(request, limits, stamp) if request.injections else _one(request, limits, stamp)
    return result


def _one(request: PlanRequest, limits: dict, stamp: dict) -> PlanResult:
    for name in ("normal_liver_mass_g", "lung_shunt_fraction"):
        if getattr(request, name) is None:
            raise DosimetryError(f"Expected {name} in the plan, found none; type it, 0 if there is none.")
    compartments = make_compartments(
        request.product,
        tumours=request.tumours,
        normal_liver_mass_g=request.normal_liver_mass_g,
        lung_shunt_fraction=request.lung_shunt_fraction,
        lung_mass_g=request.lung_mass_g,
        residual_fraction=request.residual_fraction,
        dose_constant_j_per_gbq=request.dose_constant_j_per_gbq,
        whole_normal_liver_mass_g=request.whole_normal_liver_mass_g,
        previous_lung_dose_gy=request.previous_lung_dose_gy,
        product_file=request.product_file,
    )
    wanted = read_limits(limits) if limits else ()
    limited = None
    if request.activity_gbq is None:
        if not wanted:
            raise DosimetryError("Expected an activity or limits in the plan, found neither; type one of them.")
        limited = limited_activity(compartments, wanted)
        activity, checks = limited.activity_gbq, limited.checks
    else:
        from RNTDosimetryLib.planning.checks import checked_activity_gbq

        activity = checked_activity_gbq(request.activity_gbq)
        checks = check_limits(compartments, activity, wanted)
    plan = plan_of(compartments, activity)
    sampled = None
    if request.uncertainty is not None:
        sampled = sampled_doses(compartments, activity, request.uncertainty, limits=limits or None, samples=request.samples, seed=request.seed)
    orders = _orders(request, stamp["product"], activity, compartments.perfused_mass_g)
    return PlanResult(
        activity_gbq=activity,
        limits=limits,
        checks=checks,
        binding=None if limited is None else limited.binding,
        plan=plan,
        limited=limited,
        table=activity_table(compartments, None, limits or None, activity),
        sensitivity=sensitivity(compartments, activity),
        sampled=sampled,
        orders=orders,
        warnings=_all_warnings(limited.warnings if limited else plan.warnings, checks, orders, stamp),
        **stamp,
    )


def _several(request: PlanRequest, limits: dict, stamp: dict) -> PlanResult:
    if request.tumours or request.normal_liver_mass_g is not None or request.lung_shunt_fraction is not None:
        raise DosimetryError("Expected tumours, masses and shunt inside each injection, received them outside too; keep one of them.")
    if request.uncertainty is not None:
        raise DosimetryError("Expected an uncertainty for plans of one injection only, received one for several; plan each position alone.")
    shared = {
        "tumour_masses_g": request.tumour_masses_g or None,
        "perfused_normal_liver_mass_g": request.perfused_normal_liver_mass_g,
        "whole_normal_liver_mass_g": request.whole_normal_liver_mass_g,
        "lung_mass_g": request.lung_mass_g,
        "previous_lung_dose_gy": request.previous_lung_dose_gy,
        "dose_constant_j_per_gbq": request.dose_constant_j_per_gbq,
        "product_file": request.product_file,
    }
    if request.limits is None and "normal_liver" in limits:
        # A mean over all territories could hide one that receives too much.
        limits = limits | {own_normal_liver(item.name): limits["normal_liver"] for item in request.injections if item.normal_liver_mass_g > 0}
    binding = None
    if limits and not request.keep_activities:
        scaled = scale_injections(request.product, request.injections, limits, **shared)
        plan, checks, binding = scaled.plan, scaled.checks, ", ".join(scaled.binding)
    else:
        plan = injections_plan(request.product, request.injections, **shared)
        checks = check_injections(plan, read_limits(limits)) if limits else ()
    activity = sum(plan.activities_gbq.values())
    orders = tuple(
        replace(option, injection=name)
        for name, part in plan.plans.items()
        if part.activity_gbq > 0
        for option in _orders(request, stamp["product"], part.activity_gbq, part.compartments.perfused_mass_g)
    )
    return PlanResult(
        activity_gbq=activity,
        limits=limits,
        checks=checks,
        binding=binding,
        injections=plan,
        orders=orders,
        warnings=_all_warnings(plan.warnings, checks, orders, stamp),
        **stamp,
    )


def _orders(request: PlanRequest, product: Product | None, activity: float, perfused_mass_g: float) -> tuple[OrderOption, ...]:
    if request.order is None:
        return ()
    if product is None:
        raise DosimetryError(f"Expected a product to order, received the nuclide {request.product}; name the product.")
    volume = request.order.perfused_volume_ml
    if volume is None:
        volume = perfused_mass_g / read_json("images", "measurement.json")["soft_tissue_density_g_ml"]
    return order_options(
        product,
        activity,
        request.order.administrations,
        perfused_volume_ml=volume,
        calibration=request.order.calibration,
        largest_deviation=request.order.largest_deviation,
    )


def request_from_scout(
    scout: ScoutMeasurement,
    product: str,
    activities_gbq: Mapping[str, float] | None = None,
    *,
    lung_shunt_fraction: float | Mapping[str, float],
    lung_mass_g: float,
    residual_fraction: float | Mapping[str, float] = 0.0,
    **typed,
) -> PlanRequest:
    """The plan file of a measured scout: segments to plan in one step.

    One territory gives a plan of one injection (activities_gbq may be None: from the limits); several give injections, whose activities
    default to the share of the scout that each territory holds, in GBq, to be scaled to the limits. typed: other fields of PlanRequest.
    """
    shared = {"product": product, "whole_normal_liver_mass_g": scout.whole_normal_mass_g, "lung_mass_g": lung_mass_g, **typed}
    given = activities_gbq or {item.name: item.share for item in scout.territories}
    injections = scout.injections(given, lung_shunt_fraction, residual_fraction)
    if len(injections) > 1:
        return PlanRequest(
            injections=injections,
            tumour_masses_g=scout.tumour_masses_g,
            perfused_normal_liver_mass_g=scout.perfused_normal_mass_g,
            **shared,
        )
    only = injections[0]
    return PlanRequest(
        activity_gbq=only.activity_gbq if activities_gbq else None,
        tumours=only.tumours,
        normal_liver_mass_g=only.normal_liver_mass_g,
        lung_shunt_fraction=only.lung_shunt_fraction,
        residual_fraction=only.residual_fraction,
        **shared,
    )


def write_plan_outputs(result: PlanResult, folder: str | Path) -> list[Path]:
    """Write plan.json, plan.csv and plan_report.html; the page is made first, so that a failure leaves nothing half done."""
    from RNTDosimetryLib.plan_report import plan_csv, render_plan_report

    folder = Path(folder)
    page, table = render_plan_report(result), plan_csv(result)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DosimetryError(f"Expected a folder to write to, received {folder}: {error.strerror}; choose another.") from error
    return [
        write_json(folder / "plan.json", result.to_dict()),
        write_text(folder / "plan.csv", table),
        write_text(folder / "plan_report.html", page),
    ]


def _product(request: PlanRequest) -> Product | None:
    plain = "".join(c for c in request.product.lower() if c.isalnum())
    known = {"".join(c for c in name.lower() if c.isalnum()) for name in list_products(request.product_file)}
    return get_product(request.product, request.product_file) if plain in known else None


def _all_warnings(first, checks, orders, stamp) -> tuple[str, ...]:
    broken = [
        f"{check.name.replace('_', ' ')}: {check.dose_gy:.4g} Gy is {check.verdict} of {check.limit_gy:g} Gy." for check in checks if not check.satisfied
    ]
    surface = stamp["body_surface"].warnings if stamp["body_surface"] else ()
    product = stamp["product"]
    if product is not None and stamp["request"].limits is None:
        unchecked = [name for name, item in product.limits_gy.items() if item.status == UNCHECKED and any(c.name == name for c in checks)]
        broken += [f"The limit of {name} for {product.name} is in common use but was not checked with its source." for name in unchecked]
    return tuple(dict.fromkeys((*broken, *stamp["request"].scout_warnings, *first, *(text for option in orders[:1] for text in option.warnings), *surface)))


def _without_nulls(value):
    """The same without keys that hold null: null is as good as left out."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _known(content, kind: type, where: str) -> None:
    if not isinstance(content, Mapping):
        raise DosimetryError(f"Expected an object in {where}, received {content!r}.")
    known = {item.name for item in fields(kind)}
    unknown = sorted(set(content) - known)
    if unknown:
        raise DosimetryError(f"Expected only {', '.join(sorted(known))} in {where}, received also {', '.join(unknown)}; check the spelling.")
