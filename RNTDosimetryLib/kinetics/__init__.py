"""Time-activity curves to time-integrated activity (TIA), with its uncertainty.

    from RNTDosimetryLib.kinetics import fit_time_activity
    fit = fit_time_activity([4, 24, 96, 168], [40.1, 33.0, 15.8, 7.9], "Lu-177", relative_uncertainty=0.05)
    fit.tia_mbq_h, fit.tia_uncertainty_mbq_h, fit.model

Regions: fits.py (docs/kinetics.md). Voxels: voxels.py (docs/voxel_fits.md).
"""

from RNTDosimetryLib.kinetics.early import EarlyActivity, early_activity
from RNTDosimetryLib.kinetics.few_points import later_cycle, single_time_point, two_points
from RNTDosimetryLib.kinetics.fits import AUTO_MODELS, fit_time_activities, fit_time_activity
from RNTDosimetryLib.kinetics.hybrid import HybridCurve, hybrid_curve
from RNTDosimetryLib.kinetics.models import MODEL_NAMES, TRAPEZOID, ExponentialModel, get_model, list_models, register
from RNTDosimetryLib.kinetics.priors import PopulationPrior, RatePrior, general_rate, list_populations, population_prior
from RNTDosimetryLib.kinetics.results import BootstrapSummary, KineticFit, RankedModel
from RNTDosimetryLib.kinetics.voxels.fit import VoxelFit, fit_voxels
from RNTDosimetryLib.kinetics.voxels.series import FitCancelled

__all__ = [
    "AUTO_MODELS",
    "BootstrapSummary",
    "EarlyActivity",
    "ExponentialModel",
    "FitCancelled",
    "HybridCurve",
    "KineticFit",
    "MODEL_NAMES",
    "PopulationPrior",
    "RankedModel",
    "RatePrior",
    "TRAPEZOID",
    "VoxelFit",
    "early_activity",
    "fit_time_activities",
    "fit_time_activity",
    "fit_voxels",
    "general_rate",
    "get_model",
    "hybrid_curve",
    "later_cycle",
    "list_models",
    "list_populations",
    "population_prior",
    "register",
    "single_time_point",
    "two_points",
]
