"""Products of radioembolisation and their dose constants: data with a source for every value."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from RNTDosimetryLib.base.checks import positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record, checked_path, read_json_file
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.dose.decay import decay_warnings
from RNTDosimetryLib.nuclides import Nuclide, get_nuclide, source_nuclide
from RNTDosimetryLib.planning.conditions import LimitRule, read_rule

UNCHECKED = "unchecked"
_LARGEST_CONSTANT_J_PER_GBQ = 1e5
_CREDIBLE_CONSTANT_RATIO = 1.25
_RULED = ("tumor", "normal_liver", "whole_normal_liver", "perfused", "lung_session", "lung")
"""Kinds of compartments that a product can have limits of."""


@dataclass(frozen=True)
class Quantity(Record):
    """A value of a product: a number, or a pair (from, to), with where it comes from.

    status: "read", "computed" or "unchecked", as explained in Resources/planning/README.md.
    """

    value: float | tuple[float, float]
    status: str
    source: str

    @property
    def smallest(self) -> float:
        return float(self.value[0]) if isinstance(self.value, (list, tuple)) else float(self.value)

    @property
    def largest(self) -> float:
        return float(self.value[1]) if isinstance(self.value, (list, tuple)) else float(self.value)

    @property
    def middle(self) -> float:
        return (self.smallest + self.largest) / 2


@dataclass(frozen=True)
class DoseConstant(Record):
    """Energy absorbed per GBq that decays completely in place, with the nuclide or product it was asked for."""

    asked_for: str
    nuclide: str
    product: str | None
    j_per_gbq: float
    source: str
    status: str = "read"


@dataclass(frozen=True)
class Convention(Record):
    """A value that is taken where nothing was given, with its relative standard uncertainty."""

    value: float
    relative_uncertainty: float
    status: str
    source: str


@dataclass(frozen=True)
class Product(Record):
    """A microsphere product. Activity per sphere in Bq; None where the source states nothing.

    rules: limits and goals with the conditions they hold under, see ``limits_for``. hepatic_reserve: share of the liver that should stay untreated
    where a territory gets a high dose. supply: how the activity is delivered, see ``planning.ordering``.
    """

    name: str
    nuclide: str
    material: str
    dose_constant: DoseConstant
    rules: tuple[LimitRule, ...]
    activity_per_sphere_bq: Quantity | None
    labeled_activity_per_sphere_bq: Quantity | None
    supply: dict = field(default_factory=dict)
    hepatic_reserve: float = 0.0
    origin: str = "shipped"


def list_products(product_file=None) -> tuple[str, ...]:
    """Names of the products, the shipped ones and those of the user's file."""
    return tuple(_product_rows(product_file))


def is_product(name, product_file=None) -> bool:
    """Whether a name, whatever its case, is a product's and not a nuclide's."""
    return any(_plain(known) == _plain(name) for known in list_products(product_file))


def get_product(name: str, product_file=None) -> Product:
    """A product by name, whatever its case. product_file: JSON of the form of Resources/planning/products.json, read first.

    Raises DosimetryError for an unknown name or a file of another form.
    """
    names = list_products(product_file)
    found = next((key for key in names if _plain(key) == _plain(name)), None)
    if found is None:
        raise DosimetryError(
            f"Expected one of the products {', '.join(names)}, received '{name}'; choose one or give a product file."
        )
    return _shipped_product(found) if product_file is None else _read_product(found, *_product_rows(product_file)[found])


@lru_cache(maxsize=16)
def _shipped_product(name: str) -> Product:
    return _read_product(name, *_product_rows(None)[name])


def _read_product(found: str, row: dict, origin: str, constants: dict) -> Product:
    try:
        nuclide = get_nuclide(row["nuclide"]).name
        constant = row.get("dose_constant") or constants.get(nuclide)
        return Product(
            name=found,
            nuclide=nuclide,
            material=str(row.get("material", "")),
            dose_constant=_constant(found, nuclide, found, constant),
            rules=_rules(row),
            activity_per_sphere_bq=_quantity(row.get("activity_per_sphere_bq")),
            labeled_activity_per_sphere_bq=_quantity(row.get("labeled_activity_per_sphere_bq")),
            supply=row.get("supply", {}),
            hepatic_reserve=float(row.get("hepatic_reserve", {"value": 0.0})["value"]),
            origin=origin,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise DosimetryError(
            f"Expected the product '{found}' in the form of Resources/planning/products.json, received another ({error!r}); "
            "every value needs value, status and source."
        ) from error


def dose_constant(nuclide_or_product, dose_constant_j_per_gbq: float | None = None, product_file=None) -> DoseConstant:
    """K in J/GBq: the given one, the product's, the convention for the nuclide, or the nuclide's own from its decay data.

    nuclide_or_product: "Y-90", "90Y", a Nuclide, "TheraSphere", or a Product. Raises DosimetryError for an unknown name and for a
    constant that is not positive.
    """
    if isinstance(nuclide_or_product, Product):
        found = nuclide_or_product.dose_constant
    elif isinstance(nuclide_or_product, Nuclide):
        found = _nuclide_constant(nuclide_or_product.name, nuclide_or_product)
    elif is_product(nuclide_or_product, product_file):
        found = get_product(nuclide_or_product, product_file).dose_constant
    else:
        found = _nuclide_constant(str(nuclide_or_product), _known_nuclide(nuclide_or_product, product_file))
    if dose_constant_j_per_gbq is None:
        return found
    value = positive_number(dose_constant_j_per_gbq, "dose constant in J/GBq", "leave it empty for the default of the nuclide")
    if value > _LARGEST_CONSTANT_J_PER_GBQ:
        raise DosimetryError(
            f"Expected a dose constant in J/GBq of at most {_LARGEST_CONSTANT_J_PER_GBQ:g}, received {value:g}; check the unit, 90Y has 49.67."
        )
    return DoseConstant(found.asked_for, found.nuclide, found.product, value, "given by the user")


def constant_warnings(constant: DoseConstant) -> tuple[str, ...]:
    """What is doubtful about a dose constant, in words: not checked, far from that of the nuclide, alphas and progeny."""
    warnings = []
    if constant.status == UNCHECKED:
        warnings.append(warned("dose_constant_unchecked", name=constant.asked_for))
    usual = _own_constant(constant.nuclide)["j_per_gbq"]
    ratio = constant.j_per_gbq / usual
    if not 1 / _CREDIBLE_CONSTANT_RATIO <= ratio <= _CREDIBLE_CONSTANT_RATIO:
        warnings.append(
            warned("dose_constant_unusual", constant=constant.j_per_gbq, ratio=ratio, nuclide=constant.nuclide, usual=usual)
        )
    return (*warnings, *decay_warnings(source_nuclide(constant.nuclide)))


@lru_cache(maxsize=1)
def lung_mass_convention() -> Convention:
    """The mass of the lungs in g where none was given."""
    return Convention.from_dict(read_json("planning", "products.json")["assumed"]["lung_mass_g"])


def _rules(row: dict) -> tuple[LimitRule, ...]:
    """Of a product's row; the form of older files, one dose a compartment, is read too."""
    former: list[tuple[str, str, Any, dict]] = [(name, "at_most_gy", item, {}) for name, item in row.get("limits_gy", {}).items()]
    former += [
        ("normal_liver", "at_most_gy", row.get("impaired_normal_liver_limit_gy"), {"impaired_liver": True}),
        ("tumor", "at_least_gy", row.get("tumour_goal_gy"), {}),
        ("perfused", "at_least_gy", row.get("ablative_goal_gy"), {"scenario": ["segmentectomy"]}),
    ]
    rows = [
        {"what": name, key: item["value"], **more, "status": item["status"], "source": item["source"]}
        for name, key, item, more in former
        if item is not None
    ]
    return tuple(read_rule(each, _RULED) for each in (*row.get("limits", ()), *rows))


def _known_nuclide(name, product_file) -> Nuclide:
    try:
        return get_nuclide(name)
    except DosimetryError as error:
        known = ", ".join(list_products(product_file))
        raise DosimetryError(
            f"Expected a nuclide such as Y-90 or one of the products {known}, received '{name}'; choose one."
        ) from error


def _nuclide_constant(asked_for: str, nuclide: Nuclide) -> DoseConstant:
    row = read_json("planning", "products.json")["dose_constants"].get(nuclide.name)
    if row is None:
        # As everywhere in doses: the progeny of 225Ac gives most of the energy.
        whole = source_nuclide(nuclide)
        progeny = "" if whole.name == nuclide.name else ", progeny in equilibrium with it"
        row = {
            "j_per_gbq": whole.local_dose_constant_j_per_gbq,
            "status": "computed",
            "source": f"electrons and alphas of the decay data{progeny}",
        }
    return _constant(asked_for, nuclide.name, None, row)


def _constant(asked_for: str, nuclide: str, product: str | None, row: dict | None) -> DoseConstant:
    if row is None:
        return DoseConstant(asked_for, nuclide, product, **_own_constant(nuclide))
    value = positive_number(row["j_per_gbq"], f"dose constant in J/GBq of {asked_for}")
    return DoseConstant(asked_for, nuclide, product, value, str(row["source"]), str(row["status"]))


@lru_cache(maxsize=32)
def _own_constant(nuclide: str) -> dict:
    own = _nuclide_constant(nuclide, get_nuclide(nuclide))
    return {"j_per_gbq": own.j_per_gbq, "source": own.source, "status": own.status}


def _quantity(row) -> Quantity | None:
    if row is None:
        return None
    value = row["value"]
    numbers = value if isinstance(value, (list, tuple)) else [value]
    for number in numbers:
        positive_number(number, f"product value ({row['source']})")
    if len(numbers) not in (1, 2) or list(numbers) != sorted(numbers):
        raise DosimetryError(
            f"Expected a product value as a number or a rising pair, received {value}; correct the product file."
        )
    value = tuple(float(number) for number in numbers) if isinstance(value, (list, tuple)) else float(value)
    return Quantity(value, str(row["status"]), str(row["source"]))


def _product_rows(product_file) -> dict[str, tuple[dict, str, dict]]:
    shipped = read_json("planning", "products.json")
    rows = {name: (row, "shipped", shipped["dose_constants"]) for name, row in shipped["products"].items()}
    if product_file is None:
        return rows
    path = checked_path(product_file, "a product file")
    own = read_json_file(path, "a product file")
    try:
        products, constants = own["products"].items(), {**shipped["dose_constants"], **own.get("dose_constants", {})}
    except (KeyError, TypeError, AttributeError) as error:
        raise DosimetryError(
            f"Expected a product file in JSON with a list 'products', received {path.name} ({type(error).__name__}); "
            "copy Resources/planning/products.json and change it."
        ) from error
    return rows | {name: (row, path.name, constants) for name, row in products}


def _plain(name) -> str:
    return "".join(character for character in str(name).lower() if character.isalnum())
