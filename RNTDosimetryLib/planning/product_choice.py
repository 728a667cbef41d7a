"""Which product, vial and time for a wanted dose: the same patient planned with every product."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from RNTDosimetryLib.base.checks import positive_number, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.planning.checks import checked_items, checked_name
from RNTDosimetryLib.planning.compartments import make_compartments, plan_of
from RNTDosimetryLib.planning.limits import LimitCheck, check_limits, read_limits
from RNTDosimetryLib.planning.ordering import OrderOption, order_options
from RNTDosimetryLib.planning.products import get_product, list_products


@dataclass(frozen=True)
class ProductChoice(Record):
    """A wanted dose with one product. checks: at the activity that is delivered, with the product's own limits.

    order: the nearest that can be ordered, None with the reason in ``remark``. doses_gy: as delivered by the order, else as planned.
    """

    product: str
    needed_gbq: float
    order: OrderOption | None
    doses_gy: dict[str, float]
    checks: tuple[LimitCheck, ...]
    remark: str = ""

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
    product_file=None,
    **compartments,
) -> tuple[ProductChoice, ...]:
    """Every product for a wanted dose: activity, nearest order, doses and limits; those that can be had within limits first.

    wanted: (name, Gy), e.g. ("T1", 205), names as in the limits. calibrations: by product, where the supplier states one.
    compartments: tumours, normal_liver_mass_g, lung_shunt_fraction and so on, as ``partition_model``. The ratios are taken as the same for all
    products, which the number and size of spheres may change. Raises DosimetryError for a name that receives no dose.
    """
    if not isinstance(wanted, (tuple, list)) or len(wanted) != 2:
        raise DosimetryError(f"Expected what is wanted as a name and a dose in Gy, received {shown(wanted)}; give ('T1', 205).")
    name, dose_gy = checked_name(wanted[0], "what is wanted"), positive_number(wanted[1], "wanted dose in Gy")
    if not isinstance(calibrations, (Mapping, type(None))):
        raise DosimetryError(f"Expected calibrations by product, received {shown(calibrations)}; leave them out where the supplier states none.")
    choices = []
    for item in checked_items(products, str, "the products") if products is not None else list_products(product_file):
        product = get_product(item, product_file)
        case = make_compartments(product.name, product_file=product_file, **compartments)
        slopes, offset = case.gy_per_gbq(), case.offset_gy().get(name, 0.0)
        if not slopes.get(name, 0.0) > 0 or not dose_gy > offset:
            raise DosimetryError(
                f"Expected a wanted dose above what was received, of one of {', '.join(key for key in slopes if slopes[key] > 0)}, "
                f"received {dose_gy} Gy for '{name}'."
            )
        needed = (dose_gy - offset) / slopes[name]
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
        plan = plan_of(case, activity)
        doses = {**plan.tumour_dose_gy, "normal_liver": plan.normal_liver_dose_gy, "lung": plan.cumulative_lung_dose_gy}
        choices.append(ProductChoice(product.name, needed, order, doses, check_limits(case, activity, read_limits(product.limits())), remark))
    return tuple(sorted(choices, key=lambda choice: (choice.order is None, not choice.within_limits)))
