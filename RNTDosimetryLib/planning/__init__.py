"""Plans of radioembolisation, from scout scan to ordered activity to verified dose.

    from RNTDosimetryLib.planning import Tumour, partition_model, activity_for_limits
    plan = partition_model("Y-90", 2.0, tumours=[Tumour("T1", mass_g=200, tnr=5.0)], normal_liver_mass_g=1300,
                           lung_shunt_fraction=0.05, lung_mass_g=1000)
    plan.tumour_dose_gy["T1"], plan.normal_liver_dose_gy, plan.lung_dose_gy
"""

from RNTDosimetryLib.planning.activity_table import ActivityTable, activity_table
from RNTDosimetryLib.planning.compartments import Compartments, PartitionPlan, Tumour, make_compartments, partition_model
from RNTDosimetryLib.planning.limits import Limit, LimitCheck, LimitedActivity, activity_for_limits, check_limits
from RNTDosimetryLib.planning.positions import (
    Injection,
    InjectionsPlan,
    LimitedInjections,
    injections_for_goals,
    injections_plan,
    scale_injections,
)
from RNTDosimetryLib.planning.products import DoseConstant, Product, Quantity, dose_constant, get_product, list_products
from RNTDosimetryLib.planning.sensitivity import (
    DoseSpread,
    PlanUncertainty,
    SampledPlan,
    SensitivityRow,
    sampled_doses,
    sensitivity,
)
from RNTDosimetryLib.planning.single import (
    BsaPlan,
    SingleCompartmentPlan,
    bsa_activity,
    implied_tumour_mass_g,
    single_compartment_activity,
    single_compartment_dose,
)

__all__ = [
    "ActivityTable",
    "BsaPlan",
    "Compartments",
    "DoseConstant",
    "DoseSpread",
    "Injection",
    "InjectionsPlan",
    "Limit",
    "LimitCheck",
    "LimitedActivity",
    "LimitedInjections",
    "PartitionPlan",
    "PlanUncertainty",
    "Product",
    "Quantity",
    "SampledPlan",
    "SensitivityRow",
    "SingleCompartmentPlan",
    "Tumour",
    "activity_for_limits",
    "activity_table",
    "bsa_activity",
    "check_limits",
    "dose_constant",
    "get_product",
    "implied_tumour_mass_g",
    "injections_for_goals",
    "injections_plan",
    "list_products",
    "make_compartments",
    "partition_model",
    "sampled_doses",
    "scale_injections",
    "sensitivity",
    "single_compartment_activity",
    "single_compartment_dose",
]
