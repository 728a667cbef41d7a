"""Plans of radioembolisation, from scout scan to ordered activity to verified dose.

from RNTDosimetryLib.planning import Tumour, partition_model, activity_for_limits
plan = partition_model("Y-90", 2.0, tumours=[Tumour("T1", mass_g=200, tnr=5.0)], normal_liver_mass_g=1300,
                       lung_shunt_fraction=0.05, lung_mass_g=1000)
plan.tumour_dose_gy["T1"], plan.normal_liver_dose_gy, plan.lung_dose_gy
"""

from RNTDosimetryLib.planning.compartments import Compartments, PartitionPlan, Tumour, make_compartments, partition_model
from RNTDosimetryLib.planning.holmium import (
    HolmiumMap,
    IntratumoralDose,
    RelaxationMap,
    activity_from_holmium,
    fit_r2_star,
    holmium_from_ct,
    holmium_from_r2_star,
    intratumoral_activity_gbq,
    intratumoral_dose,
)
from RNTDosimetryLib.planning.limits import (
    ActivityTable,
    Limit,
    LimitCheck,
    LimitedActivity,
    activity_for_limits,
    activity_table,
    check_limits,
)
from RNTDosimetryLib.planning.ordering import OrderOption, ProductChoice, choose_product, decayed_gbq, order_options
from RNTDosimetryLib.planning.positions import (
    Injection,
    InjectionsPlan,
    LimitedInjections,
    injections_for_goals,
    injections_plan,
    scale_injections,
)
from RNTDosimetryLib.planning.products import DoseConstant, Product, Quantity, dose_constant, get_product, list_products
from RNTDosimetryLib.planning.robustness import (
    DoseSpread,
    PlanUncertainty,
    SampledPlan,
    SensitivityRow,
    sampled_doses,
    sensitivity,
)
from RNTDosimetryLib.planning.scout import (
    ExtrahepaticDeposit,
    ScoutMeasurement,
    TerritoryMeasurement,
    extrahepatic_deposits,
    measure_scout,
)
from RNTDosimetryLib.planning.shunt import (
    LungMass,
    LungShunt,
    lung_mass_from_ct,
    lung_shunt_from_counts,
    lung_shunt_planar,
    lung_shunt_spect,
)
from RNTDosimetryLib.planning.single import (
    BsaPlan,
    SingleCompartmentPlan,
    bsa_activity,
    implied_tumour_mass_g,
    single_compartment_activity,
    single_compartment_dose,
)
from RNTDosimetryLib.planning.verification import (
    DeliveredDose,
    DoseAreaHistogram,
    RegionAgreement,
    Verification,
    delivered_dose,
    dose_area_histogram,
    verify_plan,
)
from RNTDosimetryLib.planning.voxel_plan import SphereDoseMap, sphere_dose_map, voxel_plan

__all__ = [
    "ActivityTable",
    "BsaPlan",
    "Compartments",
    "DeliveredDose",
    "DoseAreaHistogram",
    "DoseConstant",
    "DoseSpread",
    "ExtrahepaticDeposit",
    "HolmiumMap",
    "Injection",
    "InjectionsPlan",
    "IntratumoralDose",
    "Limit",
    "LimitCheck",
    "LimitedActivity",
    "LimitedInjections",
    "LungMass",
    "LungShunt",
    "OrderOption",
    "PartitionPlan",
    "PlanUncertainty",
    "Product",
    "ProductChoice",
    "Quantity",
    "RegionAgreement",
    "RelaxationMap",
    "SampledPlan",
    "ScoutMeasurement",
    "SensitivityRow",
    "SingleCompartmentPlan",
    "SphereDoseMap",
    "TerritoryMeasurement",
    "Tumour",
    "Verification",
    "activity_for_limits",
    "activity_from_holmium",
    "activity_table",
    "bsa_activity",
    "check_limits",
    "choose_product",
    "decayed_gbq",
    "delivered_dose",
    "dose_area_histogram",
    "dose_constant",
    "extrahepatic_deposits",
    "fit_r2_star",
    "get_product",
    "holmium_from_ct",
    "holmium_from_r2_star",
    "implied_tumour_mass_g",
    "injections_for_goals",
    "injections_plan",
    "intratumoral_activity_gbq",
    "intratumoral_dose",
    "list_products",
    "lung_mass_from_ct",
    "lung_shunt_from_counts",
    "lung_shunt_planar",
    "lung_shunt_spect",
    "make_compartments",
    "measure_scout",
    "order_options",
    "partition_model",
    "sampled_doses",
    "scale_injections",
    "sensitivity",
    "single_compartment_activity",
    "single_compartment_dose",
    "sphere_dose_map",
    "verify_plan",
    "voxel_plan",
]
