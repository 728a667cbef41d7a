"""Single-compartment plans, the body-surface-area method for comparison, and what a prescription implies."""

from dataclasses import dataclass

from RNTDosimetryLib.base.checks import non_negative_number, positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.planning.compartments import GRAM_PER_KG
from RNTDosimetryLib.planning.plausibility import checked_activity_gbq, checked_lung_mass_g, checked_residual, checked_shunt
from RNTDosimetryLib.planning.products import dose_constant, lung_mass_convention


@dataclass(frozen=True)
class SingleCompartmentPlan(Record):
    """One perfused mass with one mean dose. dose_gy: of the mass; lung_dose_gy: of this treatment."""

    activity_gbq: float
    dose_gy: float
    lung_dose_gy: float
    mass_g: float
    dose_constant_j_per_gbq: float
    dose_constant_source: str
    lung_shunt_fraction: float
    residual_fraction: float
    lung_mass_g: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class BsaPlan(Record):
    """Activity by body surface area. An empirical rule without any dose: for comparison only.

    activity_gbq: reduced for the lung shunt; None where the rule treats nobody with such a shunt. shunt_factor: that of the reduction, None when no
    shunt was given and for one that is too high. unreduced_activity_gbq: before the reduction.
    """

    activity_gbq: float | None
    body_surface_m2: float
    tumour_fraction: float
    lobe_fraction: float
    unreduced_activity_gbq: float | None = None
    shunt_factor: float | None = None
    warnings: tuple[str, ...] = ()


def single_compartment_dose(
    nuclide_or_product,
    activity_gbq: float,
    mass_g: float,
    *,
    lung_shunt_fraction: float,
    residual_fraction: float = 0.0,
    lung_mass_g: float | None = None,
    dose_constant_j_per_gbq: float | None = None,
) -> SingleCompartmentPlan:
    """Mean dose of a perfused mass, D = K A (1-L)(1-R) / M; arguments and errors as in ``partition_model``."""
    return _single(
        nuclide_or_product, checked_activity_gbq(activity_gbq), None, mass_g, lung_shunt_fraction, residual_fraction, lung_mass_g,
        dose_constant_j_per_gbq,
    )  # fmt: skip


def single_compartment_activity(
    nuclide_or_product,
    dose_gy: float,
    mass_g: float,
    *,
    lung_shunt_fraction: float,
    residual_fraction: float = 0.0,
    lung_mass_g: float | None = None,
    dose_constant_j_per_gbq: float | None = None,
) -> SingleCompartmentPlan:
    """Activity for a mean dose of a perfused mass, A = D M / (K (1-L)(1-R))."""
    return _single(
        nuclide_or_product, None, positive_number(dose_gy, "wanted dose in Gy"), mass_g, lung_shunt_fraction, residual_fraction,
        lung_mass_g, dose_constant_j_per_gbq,
    )  # fmt: skip


def bsa_activity(
    height_m: float,
    weight_kg: float,
    tumour_fraction: float,
    lobe_fraction: float = 1.0,
    lung_shunt_fraction: float | None = None,
) -> BsaPlan:
    """Activity in GBq of 90Y resin spheres by body surface area: (BSA - 0.2 + V_tumour / V_treated) x V_treated / V_liver x reduction.

    BSA = 0.20247 h^0.725 w^0.425 (Du Bois; h in m, w in kg). tumour_fraction: tumour volume over the volume of what is treated: of the liver, and for
    a lobe the tumour in the lobe over the lobe. lobe_fraction: treated share of the liver's volume, 1 for the whole liver.
    lung_shunt_fraction: for the reduction of Resources/planning/bsa.json; None reduces nothing and says so.
    """
    height = positive_number(height_m, "height in m", "type it in m")
    weight = positive_number(weight_kg, "weight in kg")
    if not 0.5 <= height <= 2.5:
        raise DosimetryError(f"Expected a height from 0.5 to 2.5 m, received {height_m}; check that the unit is m and not cm.")
    if non_negative_number(tumour_fraction, "tumour volume over treated volume", "0.2 is 20 %") > 1:
        raise DosimetryError(f"Expected tumour volume over treated volume from 0 to 1, received {tumour_fraction}; 0.2 is 20 %.")
    if positive_number(lobe_fraction, "treated share of the liver", "1 is the whole liver") > 1:
        raise DosimetryError(
            f"Expected the treated share of the liver above 0 and up to 1, received {lobe_fraction}; 1 is the whole liver."
        )
    rule = read_json("planning", "bsa.json")
    surface = rule["surface_factor"] * height ** rule["height_exponent"] * weight ** rule["weight_exponent"]
    activity = positive_number(
        (surface - rule["offset_gbq"] + tumour_fraction) * lobe_fraction,
        "activity by body surface area",
        "the rule does not hold for so small a body",
    )
    warnings = [warned("body_surface_rule")]
    if lobe_fraction < 1:
        warnings.append(warned("body_surface_lobe", tumor=100 * tumour_fraction, lobe=100 * lobe_fraction))
    factor, reduced = None, activity
    if lung_shunt_fraction is None:
        warnings.append(warned("body_surface_shunt_missing"))
    else:
        shunt = checked_shunt(lung_shunt_fraction)
        factor = next((row["factor"] for row in rule["shunt_reductions"]["rows"] if shunt < row["below"]), None)
        reduced = None if factor is None else activity * factor
        if factor is None:
            warnings.append(warned("body_surface_shunt_too_high", percent=100 * shunt))
        elif factor < 1:
            warnings.append(warned("body_surface_shunt_reduced", percent=100 * shunt, reduction=100 * (1 - factor)))
    return BsaPlan(
        activity_gbq=reduced,
        body_surface_m2=surface,
        tumour_fraction=float(tumour_fraction),
        lobe_fraction=float(lobe_fraction),
        unreduced_activity_gbq=activity,
        shunt_factor=factor,
        warnings=tuple(warnings),
    )


def implied_tumour_mass_g(
    nuclide_or_product,
    activity_gbq: float,
    tumour_dose_gy: float,
    tnr: float,
    perfused_mass_g: float,
    *,
    lung_shunt_fraction: float = 0.0,
    residual_fraction: float = 0.0,
    dose_constant_j_per_gbq: float | None = None,
) -> float:
    """Tumour mass in g that a prescription by the partition model implies when it states only activity, dose, ratio and territory.

    From D_T = TNR K A (1-L)(1-R) / (M + (TNR - 1) m_T), with M the perfused mass, tumour included.
    Raises DosimetryError when no mass from 0 to M fits, or when the ratio is 1 and every mass does.
    """
    constant = dose_constant(nuclide_or_product, dose_constant_j_per_gbq).j_per_gbq
    energy = constant * checked_activity_gbq(activity_gbq) * (1 - checked_shunt(lung_shunt_fraction))
    energy *= 1 - checked_residual(residual_fraction)
    ratio, perfused = positive_number(tnr, "tumour-to-normal ratio"), positive_number(perfused_mass_g, "perfused mass in g")
    if ratio == 1:
        raise DosimetryError(
            "Expected a tumour-to-normal ratio other than 1, received 1; with it every tumour mass gives the same dose."
        )
    mass = (ratio * energy * GRAM_PER_KG / positive_number(tumour_dose_gy, "tumour dose in Gy") - perfused) / (ratio - 1)
    if not 0 <= mass <= perfused:
        raise DosimetryError(
            f"Expected a tumour between 0 and the perfused {perfused:.4g} g, the prescription implies {mass:.4g} g; "
            "check activity, dose and ratio."
        )
    return mass


def _single(asked_for, activity, dose, mass_g, shunt, residual, lung_mass_g, constant_j_per_gbq) -> SingleCompartmentPlan:
    constant = dose_constant(asked_for, constant_j_per_gbq)
    mass = positive_number(mass_g, "perfused mass in g")
    shunt, residual = checked_shunt(shunt), checked_residual(residual)
    warnings: tuple[str, ...] = ()
    if lung_mass_g is None:
        convention = lung_mass_convention()
        lung_mass_g = convention.value
        if shunt > 0:
            warnings = (warned("lung_mass_by_convention", mass=convention.value, percent=100 * convention.relative_uncertainty),)
    lung_mass = checked_lung_mass_g(lung_mass_g)
    per_gbq = GRAM_PER_KG * constant.j_per_gbq * (1 - shunt) * (1 - residual) / mass
    activity = dose / per_gbq if activity is None else activity
    return SingleCompartmentPlan(
        activity_gbq=activity,
        dose_gy=per_gbq * activity,
        lung_dose_gy=GRAM_PER_KG * constant.j_per_gbq * activity * shunt * (1 - residual) / lung_mass,
        mass_g=mass,
        dose_constant_j_per_gbq=constant.j_per_gbq,
        dose_constant_source=constant.source,
        lung_shunt_fraction=shunt,
        residual_fraction=residual,
        lung_mass_g=lung_mass,
        warnings=warnings,
    )
