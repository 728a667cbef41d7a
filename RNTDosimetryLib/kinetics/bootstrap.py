"""Parametric bootstrap: simulate curves from the fit, fit them again the same way, look at the spread."""

from dataclasses import replace

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.kinetics.results import BootstrapSummary, KineticFit
from RNTDosimetryLib.kinetics.samples import Samples

MOST_CURVES = 100000
"""More simulated curves than this add nothing but waiting."""


def add_bootstrap(fit: KineticFit, samples: Samples, row: int, count: int, seed: int, refit, arguments: dict) -> KineticFit:
    """The fit with the spread of its time-integrated activity over ``count`` simulated curves.

    The choice of the model is repeated for each curve, so its uncertainty is included. Rates held by a population are
    drawn from their data only, so the spread is that for this patient, not for the population.
    refit: ``fit_time_activities``; arguments: its keywords. Raises DosimetryError where the noise is not known.
    """
    if count < 2:
        raise DosimetryError(f"Expected at least 2 bootstrap curves, received {count}; 500 is usual.")
    sigmas = samples.sigmas_mbq[row]
    if not samples.known:
        if fit.degrees_of_freedom == 0:
            raise DosimetryError("Expected uncertainties or more samples than parameters for a bootstrap, received neither; give uncertainties.")
        residuals = (samples.activities_mbq[row] - fit.activity_mbq(samples.times_h)) / sigmas
        sigmas = sigmas * np.sqrt((residuals**2).sum() / fit.degrees_of_freedom)
    generator = np.random.default_rng(seed)
    simulated = fit.activity_mbq(samples.times_h) + sigmas * generator.standard_normal((count, sigmas.size))
    simulated = simulated[simulated.max(axis=1) > 0]
    if len(simulated) < 2:
        raise DosimetryError("Expected activities above their noise for a bootstrap, received none; the region shows nothing to fit.")
    uncertainties = sigmas if samples.known else None
    again = refit(samples.times_h, simulated, uncertainties_mbq=uncertainties, weighting=_plain_weighting(samples), **arguments)
    tias = np.array([item.tia_mbq_h for item in again])
    low, high = np.percentile(tias, [15.865, 84.135])
    summary = BootstrapSummary(len(tias), seed, float(tias.mean()), float(tias.std(ddof=1)), float(low), float(high))
    return replace(fit, bootstrap=summary)


def _plain_weighting(samples: Samples) -> str:
    return "relative" if samples.known else samples.weighting
