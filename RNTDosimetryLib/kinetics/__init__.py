"""Time-activity curves to time-integrated activity (TIA), with its uncertainty."""

from RNTDosimetryLib.kinetics.fits import fit_time_activities, fit_time_activity
from RNTDosimetryLib.kinetics.models import ExponentialModel, get_model, list_models
from RNTDosimetryLib.kinetics.priors import PopulationPrior, RatePrior, list_populations, population_prior
from RNTDosimetryLib.kinetics.results import BootstrapSummary, KineticFit, RankedModel

__all__ = [
    "BootstrapSummary",
    "ExponentialModel",
    "KineticFit",
    "PopulationPrior",
    "RankedModel",
    "RatePrior",
    "fit_time_activities",
    "fit_time_activity",
    "get_model",
    "list_models",
    "list_populations",
    "population_prior",
]
