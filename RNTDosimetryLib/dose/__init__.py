"""From time-integrated activity to absorbed dose: maps, regions, histograms, radiobiology, marrow, whole body, thyroid."""

from RNTDosimetryLib.dose.cross_dose import cross_doses
from RNTDosimetryLib.dose.decay import source_nuclide
from RNTDosimetryLib.dose.density import DensityMap, density_from_hounsfield, hounsfield_curve
from RNTDosimetryLib.dose.engines import EngineComparison, compare_engines
from RNTDosimetryLib.dose.gamma import GammaResult, gamma_index
from RNTDosimetryLib.dose.histograms import DoseVolumeHistogram, dose_volume_histogram, generalised_eud, isodose_levels
from RNTDosimetryLib.dose.kernels import DosePointKernel, dose_point_kernel
from RNTDosimetryLib.dose.maps import DoseMap, dose_map, dose_rate_map
from RNTDosimetryLib.dose.marrow import marrow_dose_from_blood, marrow_dose_from_vertebrae, red_marrow_to_blood_ratio
from RNTDosimetryLib.dose.photons import photon_dose_gy
from RNTDosimetryLib.dose.radiobiology import (
    bed,
    bed_exponentials,
    bed_fractions,
    bed_uncertainty,
    bed_with_factor,
    eqd2,
    lea_catcheside_factor,
    lea_catcheside_mono,
)
from RNTDosimetryLib.dose.rbe import alpha_share, rbe_weighted_dose
from RNTDosimetryLib.dose.regions import RegionDose, doses_from_table, region_doses, self_dose
from RNTDosimetryLib.dose.response import (
    Response,
    logistic_probability,
    ntcp_lkb,
    radiobiology_sets,
    response_probability,
    response_sets,
    tcp_poisson,
)
from RNTDosimetryLib.dose.s_tables import STable, SValue, read_s_table
from RNTDosimetryLib.dose.spheres import SphereDose, sphere_dose, sphere_s_value
from RNTDosimetryLib.dose.thyroid import effective_half_life_from_uptakes_d, thyroid_activity_mbq, thyroid_dose
from RNTDosimetryLib.dose.uncertainty import mass_exponent_of, relative_dose_uncertainty
from RNTDosimetryLib.dose.voxel_s import VoxelKernel, voxel_kernel, voxel_s_kernel
from RNTDosimetryLib.dose.whole_body import whole_body_dose, whole_body_s_gy_per_mbq_h

__all__ = [
    "DensityMap",
    "DoseMap",
    "DosePointKernel",
    "DoseVolumeHistogram",
    "EngineComparison",
    "GammaResult",
    "RegionDose",
    "Response",
    "STable",
    "SValue",
    "SphereDose",
    "VoxelKernel",
    "alpha_share",
    "bed",
    "bed_exponentials",
    "bed_fractions",
    "bed_uncertainty",
    "bed_with_factor",
    "compare_engines",
    "cross_doses",
    "density_from_hounsfield",
    "dose_map",
    "dose_point_kernel",
    "dose_rate_map",
    "dose_volume_histogram",
    "doses_from_table",
    "effective_half_life_from_uptakes_d",
    "eqd2",
    "gamma_index",
    "generalised_eud",
    "hounsfield_curve",
    "isodose_levels",
    "lea_catcheside_factor",
    "lea_catcheside_mono",
    "logistic_probability",
    "marrow_dose_from_blood",
    "marrow_dose_from_vertebrae",
    "mass_exponent_of",
    "ntcp_lkb",
    "photon_dose_gy",
    "radiobiology_sets",
    "rbe_weighted_dose",
    "read_s_table",
    "red_marrow_to_blood_ratio",
    "region_doses",
    "relative_dose_uncertainty",
    "response_probability",
    "response_sets",
    "self_dose",
    "source_nuclide",
    "sphere_dose",
    "sphere_s_value",
    "tcp_poisson",
    "thyroid_activity_mbq",
    "thyroid_dose",
    "voxel_kernel",
    "voxel_s_kernel",
    "whole_body_dose",
    "whole_body_s_gy_per_mbq_h",
]
