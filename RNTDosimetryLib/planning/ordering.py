"""From the planned activity to what is ordered: vial, calibration, treatment slot, number of spheres and embolic load."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from RNTDosimetryLib.base.checks import any_number, non_negative_number, positive_number, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.planning.compartments import Compartment, make_compartments
from RNTDosimetryLib.planning.conditions import TreatmentConditions
from RNTDosimetryLib.planning.limits import LimitCheck, check_limits, limits_for
from RNTDosimetryLib.planning.partition import numbers_of, plan_of, total_doses
from RNTDosimetryLib.planning.plausibility import checked_activity_gbq, checked_items, checked_name
from RNTDosimetryLib.planning.products import UNCHECKED, Product, Quantity, get_product, list_products

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class OrderOption(Record):
    """One way to get the activity at one time.

    vial_gbq: what is ordered, at calibration, or vial_stated_h hours after it (before, when negative). activity_gbq: at administration. needed_gbq: what was wanted.
    dose_factor: activity over needed, so dose over planned dose. spheres: number given, None when the product states none.
    spheres_per_ml: embolic load of the perfused volume. draw_fraction: share of the vial to draw, 1 for the whole vial.
    injection: which position it is for, empty for all.
    """

    product: str
    vial_gbq: float
    calibration: datetime
    administration: datetime
    hours_after_calibration: float
    activity_gbq: float
    needed_gbq: float
    dose_factor: float
    spheres: float | None
    spheres_per_ml: float | None
    activity_per_sphere_bq: float | None
    draw_fraction: float = 1.0
    injection: str = ""
    vial_stated_h: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def slot(self) -> str:
        """Day and hour of the treatment in words."""
        return f"{_WEEKDAYS[self.administration.weekday()]} {self.administration:%Y-%m-%d %H:%M}"


def decayed_gbq(activity_gbq: float, nuclide, hours: float) -> float:
    """Activity after (or, with negative hours, before) a time."""
    hours = any_number(hours, "the time in h", "check both dates")
    activity_gbq = non_negative_number(activity_gbq, "an activity in GBq")
    return activity_gbq * math.exp(-get_nuclide(nuclide).decay_constant_per_h * hours)


def order_options(
    product: Product | str,
    needed_gbq: float,
    administrations: Sequence[datetime],
    *,
    perfused_volume_ml: float | None = None,
    calibration: datetime | None = None,
    largest_deviation: float = 0.1,
    product_file=None,
) -> tuple[OrderOption, ...]:
    """What to order for an activity at administration, for every treatment slot, nearest to the wanted activity first.

    product: with a ``supply`` of kind "vials" (sizes in steps, calibrated on a weekday: every vial and every calibration within shelf
    life), "draw" (one vial, of which a share is drawn) or "patient" (made to measure). needed_gbq: with the share that stays
    behind. administrations: treatment slots, in the local time of the calibration. calibration: given by the supplier; required for
    "draw", optional for "vials" and "patient" (there the default is the treatment time). perfused_volume_ml: for the embolic load.
    largest_deviation: vials whose activity is further from the wanted one are left out.
    Raises DosimetryError when nothing fits, with the nearest activity that can be had.
    """
    product = product if isinstance(product, Product) else get_product(product, product_file)
    needed = checked_activity_gbq(needed_gbq)
    deviation = non_negative_number(largest_deviation, "largest deviation", "0.1 is 10 %")
    slots = checked_items(administrations, datetime, "the treatment slots")
    if not isinstance(calibration, (datetime, type(None))):
        raise DosimetryError(
            f"Expected the date and time of the calibration, received {shown(calibration)}; leave it empty if the supplier states none."
        )
    if not slots:
        raise DosimetryError(
            "Expected at least one treatment slot with date and time, received none; type when the treatment can be."
        )
    if len({slot.tzinfo is None for slot in (*slots, *([calibration] if calibration else []))}) > 1:
        raise DosimetryError("Expected all times with or all without a time zone, received both; type local times.")
    volume = None if perfused_volume_ml is None else positive_number(perfused_volume_ml, "perfused volume in mL")
    kind = product.supply.get("kind")
    if kind not in _SUPPLIES:
        raise DosimetryError(
            f"Expected a supply of kind {', '.join(_SUPPLIES)} for {product.name}, received {kind!r}; correct the product file."
        )
    options = [option for slot in slots for option in _SUPPLIES[kind](product, needed, slot, calibration, volume)]
    fitting = [option for option in options if abs(option.dose_factor - 1) <= deviation]
    if not fitting:
        nearest = min(options, key=lambda option: abs(math.log(option.dose_factor)), default=None)
        words = (
            "nothing within shelf life" if nearest is None else f"{nearest.activity_gbq:.3g} GBq at the nearest ({nearest.slot})"
        )
        raise DosimetryError(
            f"Expected {needed:.3g} GBq of {product.name} to within {100 * deviation:g} % in one of the slots, received {words}; "
            "choose another slot, another activity or a wider deviation."
        )
    return tuple(sorted(fitting, key=lambda option: (abs(option.dose_factor - 1), option.hours_after_calibration)))


def _vials(product, needed, slot, calibration, volume):
    """Every vial of every calibration within shelf life."""
    sizes = product.supply["vial_gbq"]
    count = round((sizes["largest"] - sizes["smallest"]) / sizes["step"])
    vials = np.round(sizes["smallest"] + sizes["step"] * np.arange(count + 1), 6)
    shelf_life_h = product.supply["shelf_life_h"]["value"]
    options = []
    for moment in [calibration] if calibration is not None else _calibrations(product, slot, shelf_life_h):
        hours = (slot - moment).total_seconds() / 3600.0
        if 0 <= hours <= shelf_life_h:
            options += [_option(product, float(vial), moment, slot, needed, volume, 1.0) for vial in vials]
    return options


def _calibrations(product, slot, shelf_life_h) -> list[datetime]:
    rule = product.supply["calibration"]
    day = slot.replace(hour=int(rule["hour"]), minute=0, second=0, microsecond=0)
    back = (day.weekday() - _WEEKDAYS.index(rule["weekday"])) % 7
    latest = day - timedelta(days=back)
    if latest > slot:
        latest -= timedelta(days=7)
    return [latest - timedelta(days=7 * week) for week in range(int(shelf_life_h // 168) + 1)]


def _draw(product, needed, slot, calibration, volume):
    """A share of one vial; the bigger vial of early calibration when the smaller does not hold enough.

    The activity of a vial is stated at its calibration, or so many hours after it as its row says (before, when negative).
    """
    if calibration is None:
        raise DosimetryError(
            f"Expected the calibration time of the {product.name} vial, received none; type what the supplier states."
        )
    options = []
    for key in ("vial_gbq", "early_vial_gbq"):
        row = product.supply.get(key)
        hours = (slot - calibration).total_seconds() / 3600.0
        if row is None or hours > product.supply["shelf_life_h"]["value"]:
            continue
        stated_h = float(row.get("at_h_after_calibration", 0.0))
        there = decayed_gbq(float(row["value"]), product.nuclide, hours - stated_h)
        unchecked = ()
        if row["status"] == UNCHECKED:
            unchecked = (warned("vial_unchecked", product=product.name, vial=float(row["value"]), hours=-stated_h, there=there),)
        draw = min(1.0, needed / there)
        options.append(_option(product, float(row["value"]), calibration, slot, needed, volume, draw, stated_h, unchecked))
    return options[:1] if options and options[0].draw_fraction < 1 else options


def _patient(product, needed, slot, calibration, volume):
    """Made to measure: ordered for the treatment time, or for an earlier calibration."""
    moment = slot if calibration is None else calibration
    hours = (slot - moment).total_seconds() / 3600.0
    return [_option(product, decayed_gbq(needed, product.nuclide, -hours), moment, slot, needed, volume, 1.0)]


_SUPPLIES = {"vials": _vials, "draw": _draw, "patient": _patient}


def _option(product: Product, vial_gbq, calibration, slot, needed, volume, draw, stated_h=0.0, said=()) -> OrderOption:
    hours = (slot - calibration).total_seconds() / 3600.0
    activity = draw * decayed_gbq(vial_gbq, product.nuclide, hours - stated_h)
    stated = product.activity_per_sphere_bq
    spheres = per_sphere = None
    warnings = list(said)
    if stated is not None:
        # Stated at treatment time for spheres made to measure, at calibration for others.
        at_calibration = product.supply["kind"] != "patient"
        per_sphere = stated.middle * (
            math.exp(-get_nuclide(product.nuclide).decay_constant_per_h * hours) if at_calibration else 1.0
        )
        spheres = activity * 1e9 / per_sphere
        warnings += _sphere_warnings(product, stated)
    if draw < 1:
        warnings.append(warned("draw_of_the_vial", percent=100 * draw))
    shelf_life = product.supply.get("shelf_life_h", {})
    if shelf_life.get("status") == UNCHECKED:
        warnings.append(warned("shelf_life_unchecked", product=product.name, hours=shelf_life["value"]))
    return OrderOption(
        product=product.name,
        vial_gbq=vial_gbq,
        calibration=calibration,
        administration=slot,
        hours_after_calibration=hours,
        activity_gbq=activity,
        needed_gbq=needed,
        dose_factor=activity / needed,
        spheres=spheres,
        spheres_per_ml=None if spheres is None or volume is None else spheres / volume,
        activity_per_sphere_bq=per_sphere,
        draw_fraction=draw,
        vial_stated_h=stated_h,
        warnings=tuple(warnings),
    )


def _sphere_warnings(product: Product, stated: Quantity) -> list[str]:
    if stated.largest > stated.smallest:
        spread = 100 * (stated.largest - stated.smallest) / (stated.largest + stated.smallest)
        return [
            warned("spheres_stated_as_range", product=product.name, least=stated.smallest, most=stated.largest, percent=spread)
        ]
    labeled = product.labeled_activity_per_sphere_bq
    if labeled is not None:
        return [warned("spheres_as_labeled", labeled=labeled.middle, factor=stated.middle / labeled.middle)]
    return []


@dataclass(frozen=True)
class ProductChoice(Record):
    """A wanted dose with one product. checks: at the activity that is delivered, with the product's own limits.

    order: the nearest that can be ordered, None with the reason in ``remark``. doses_gy: as delivered by the order, else as planned.
    warnings: what was not given that the limits depend on.
    """

    product: str
    needed_gbq: float
    order: OrderOption | None
    doses_gy: dict[str, float]
    checks: tuple[LimitCheck, ...]
    remark: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def within_limits(self) -> bool:
        return all(check.satisfied for check in self.checks if check.kind == "max")


def choose_product(
    wanted: tuple[str, float],
    administrations: Sequence[datetime],
    *,
    products: Sequence[str] | None = None,
    calibrations: Mapping[str, datetime] | None = None,
    perfused_volume_ml: float | None = None,
    largest_deviation: float = 0.1,
    conditions: TreatmentConditions | None = None,
    product_file=None,
    **compartments,
) -> tuple[ProductChoice, ...]:
    """Every product for a wanted dose: activity, nearest order, doses and limits; those that can be had within limits first.

    wanted: (name, Gy), e.g. ("T1", 205), names as in the limits. calibrations: by product, where the supplier states one. conditions: what the
    limits of the products depend on, see ``limits_for``.
    compartments: tumours, normal_liver_mass_g, lung_shunt_fraction and so on, as ``partition_model``. The ratios are taken as the same for all
    products, which the number and size of spheres may change. Raises DosimetryError for a name that receives no dose.
    """
    if not isinstance(wanted, (tuple, list)) or len(wanted) != 2:
        raise DosimetryError(f"Expected what is wanted as a name and a dose in Gy, received {shown(wanted)}; give ('T1', 205).")
    name, dose_gy = checked_name(wanted[0], "what is wanted"), positive_number(wanted[1], "wanted dose in Gy")
    if not isinstance(calibrations, (Mapping, type(None))):
        raise DosimetryError(
            f"Expected calibrations by product, received {shown(calibrations)}; leave them out where the supplier states none."
        )
    choices = []
    for item in checked_items(products, str, "the products") if products is not None else list_products(product_file):
        product = get_product(item, product_file)
        case = make_compartments(product.name, product_file=product_file, **compartments)
        place = Compartment.of(name)
        slopes, offset = (
            total_doses(numbers_of(case)),
            case.before_gy(place),
        )
        if not slopes.get(place, 0.0) > 0 or not dose_gy > offset:
            raise DosimetryError(
                f"Expected a wanted dose above what was received, of one of {', '.join(key.key for key in slopes if slopes[key] > 0)}, "
                f"received {dose_gy} Gy for '{name}'."
            )
        needed = (dose_gy - offset) / slopes[place]
        order, remark = None, ""
        try:
            order = order_options(
                product,
                needed,
                administrations,
                perfused_volume_ml=perfused_volume_ml,
                calibration=(calibrations or {}).get(product.name),
                largest_deviation=largest_deviation,
            )[0]
        except DosimetryError as error:
            remark = str(error)
        activity = needed if order is None else order.activity_gbq
        plan, wanted_limits = plan_of(case.scaled(activity)), limits_for(product, case, conditions)
        checks = check_limits(plan, wanted_limits.limits)
        choices.append(ProductChoice(product.name, needed, order, plan.dose_gy, checks, remark, wanted_limits.warnings))
    return tuple(sorted(choices, key=lambda choice: (choice.order is None, not choice.within_limits)))
