"""The plan that the panel types live: one tumor, normal liver and lungs in the partition model."""

from RNTDosimetryLib.planning import Tumour, activity_for_limits, check_limits, list_products, partition_model
from RNTDosimetryLib.planning.limits import read_limits

_TUMOR, _LIVER, _LUNG = "tumor", "normal_liver", "lung"
NAMES = {_TUMOR: "Tumor", _LIVER: "Normal liver", _LUNG: "Lungs"}


def product_names() -> list[str]:
    """Nuclides and products that a plan can be made with."""
    return ["Y-90", "Ho-166", *list_products()]


def plan_rows(parameter_node) -> tuple[list[dict], str, tuple[str, ...], float]:
    """(a row a compartment, what activity the limits allow in words, warnings, that activity in GBq). Raises DosimetryError for values that make no plan."""
    compartments = {
        "tumours": [Tumour(_TUMOR, mass_g=parameter_node.planTumorMassG, tnr=parameter_node.planTumorToNormal)],
        "normal_liver_mass_g": parameter_node.planNormalLiverMassG,
        "lung_shunt_fraction": parameter_node.planLungShuntPercent / 100.0,
        "lung_mass_g": parameter_node.planLungMassG,
    }
    limits = {_LIVER: parameter_node.planLiverLimitGy, _LUNG: parameter_node.planLungLimitGy}
    plan = partition_model(parameter_node.planProduct, parameter_node.planActivityGBq, **compartments)
    largest = activity_for_limits(parameter_node.planProduct, limits=limits, **compartments)
    checks = {check.name: check for check in check_limits(plan.compartments, plan.activity_gbq, read_limits(limits))}
    rows = [{"name": NAMES[_TUMOR], "dose_gy": plan.tumour_dose_gy[_TUMOR], "limit_gy": None, "verdict": "", "broken": False}]
    for name in (_LIVER, _LUNG):
        check = checks[name]
        rows.append({
            "name": NAMES[name], "dose_gy": check.dose_gy, "limit_gy": check.limit_gy, "verdict": check.verdict, "broken": not check.satisfied,
        })
    words = f"Largest activity within the limits: {largest.activity_gbq:.3g} GBq, bound by {NAMES.get(largest.binding, largest.binding).lower()}."
    return rows, words, tuple(plan.warnings), largest.activity_gbq
