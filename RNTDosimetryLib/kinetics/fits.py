"""Fits of the time-activity curves of regions: the public calls."""

from dataclasses import replace

import numpy as np

from RNTDosimetryLib.base.checks import as_numbers, shown, whole_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.kinetics.assembly import Choice, build_fit
from RNTDosimetryLib.kinetics.early import early_clearance_warning, falls_faster_at_first
from RNTDosimetryLib.kinetics.model_error import with_model_error
from RNTDosimetryLib.kinetics.models import TRAPEZOID, ExponentialModel, get_model, rules
from RNTDosimetryLib.kinetics.priors import PopulationPrior, RatePrior, as_population
from RNTDosimetryLib.kinetics.problem import Problem
from RNTDosimetryLib.kinetics.results import BootstrapSummary, KineticFit
from RNTDosimetryLib.kinetics.samples import DecayOnly, Samples, check_samples, decay_of
from RNTDosimetryLib.kinetics.selection import (
    SIMPLEST,
    TOO_FEW_SAMPLES,
    Candidate,
    admission,
    akaike_weights,
    enough_samples,
    free_parameter_count,
    information_criterion,
    noise_scale,
    noise_shown,
    residual_freedom,
    times_needed,
    unclear_parameters,
    usable_curves,
)
from RNTDosimetryLib.kinetics.trapezoid import trapezoid_fit
from RNTDosimetryLib.kinetics.uncertainty import analyze, population_tia_uncertainty
from RNTDosimetryLib.kinetics.varpro import solve

CERTAIN = "physical"
"""The model that states the form of the curve: nothing leaves. Its uncertainty has no part for other forms."""

AUTO_MODELS = ("mono", "uptake_held", "mono_early_clearance", "uptake", "bi", "bi_from_zero", "tri")
"""What "auto" tries, simplest first; of equals the first is taken."""


def fit_time_activity(
    times_h,
    activities_mbq,
    nuclide,
    uncertainties_mbq=None,
    model="auto",
    *,
    relative_uncertainty=None,
    counts=None,
    weighting: str = "relative",
    prior: PopulationPrior | RatePrior | None = None,
    model_averaging: bool = False,
    bootstrap: int = 0,
    seed: int = 0,
    rank_others: bool = True,
    model_error: bool = True,
) -> KineticFit:
    """Fit the time-activity curve of one region and integrate it over all time.

    times_h, activities_mbq: lists of the same length, in any order, activity in the region at that time (not corrected
    for decay); samples at or below zero are data like any other. nuclide: name or Nuclide.
    Uncertainties (1 sigma), one kind: uncertainties_mbq (number or list), relative_uncertainty, or counts per sample.
    Without any, the samples are weighted by ``weighting`` ("relative", "constant" or "counts") and the uncertainty is
    estimated from the residuals where there are enough samples.
    model: "auto" (corrected Akaike criterion with admission rules), a name of ``list_models()``, or a list of names to
    choose from. prior: population of the clearance rate; the fit is then a maximum a posteriori fit.
    model_averaging: average the time-integrated activity over the admitted models with their Akaike weights.
    bootstrap: number of simulated curves to refit, 0 for none.
    rank_others: with a model chosen by name, also fit the models of "auto", for the ranking.
    model_error: include the curves that the samples cannot exclude in the uncertainty and state their interval (docs/kinetics.md,
    Model error). False only where the form of the curve is known; the model "physical" says that itself.

    Sources: NUKFIT family of models (Kletting et al. 2013), AICc (Burnham and Anderson 2002), variable projection
    (Golub and Pereyra 2003); see docs/kinetics.md. Raises DosimetryError for unusable input.
    """
    activities_mbq = as_numbers(activities_mbq, "activities_mbq", "MBq")
    if activities_mbq.ndim != 1:
        raise DosimetryError(
            f"Expected a list of activities in MBq, received shape {activities_mbq.shape}; give one for each time."
        )
    return fit_time_activities(
        times_h,
        [activities_mbq],
        nuclide,
        uncertainties_mbq,
        model,
        relative_uncertainty=relative_uncertainty,
        counts=counts,
        weighting=weighting,
        prior=prior,
        model_averaging=model_averaging,
        bootstrap=bootstrap,
        seed=seed,
        rank_others=rank_others,
        model_error=model_error,
    )[0]


def fit_time_activities(
    times_h,
    activities_mbq,
    nuclide,
    uncertainties_mbq=None,
    model="auto",
    *,
    relative_uncertainty=None,
    counts=None,
    weighting: str = "relative",
    prior: PopulationPrior | RatePrior | None = None,
    model_averaging: bool = False,
    bootstrap: int = 0,
    seed: int = 0,
    rank_others: bool = True,
    model_error: bool = True,
) -> tuple[KineticFit, ...]:
    """``fit_time_activity`` for many curves with the same times: activities_mbq (curves, times). Much faster than one by one."""
    decay = decay_of(nuclide)
    samples = check_samples(times_h, activities_mbq, decay, uncertainties_mbq, relative_uncertainty, counts, weighting)
    population = as_population(prior)
    bootstrap = whole_number(bootstrap, "bootstrap", 0, MOST_CURVES, "500 is usual, 0 for none")
    seed = whole_number(seed, "seed", 0, 2**53, "any such number gives the same answer again")
    names, chosen = _requested(model, samples, rank_others)
    if chosen == TRAPEZOID:
        fits = tuple(trapezoid_fit(samples, row, decay) for row in range(len(samples.activities_mbq)))
    else:
        fits = _fit_exponentials(samples, decay, population, names, chosen, model_averaging)
    if chosen == CERTAIN:
        fits = tuple(replace(fit, warnings=(*fit.warnings, warned("curve_certain"))) for fit in fits)
    elif model_error:
        fits = tuple(with_model_error(fit, samples, row, population) for row, fit in enumerate(fits))
    if bootstrap:
        again = {"nuclide": nuclide, "model": model, "prior": prior, "model_averaging": model_averaging}
        again |= {"rank_others": False, "model_error": False}
        fits = tuple(
            add_bootstrap(fit, samples, row, bootstrap, seed, fit_time_activities, again) for row, fit in enumerate(fits)
        )
    return fits


def _requested(model, samples: Samples, rank_others: bool) -> tuple[list, object]:
    """Models to try and the one the user chose, None for "auto" or a list to choose from."""
    early = samples.times_h.min() < 10 * rules()["circulation_half_life_h"]["value"]
    auto = [name for name in AUTO_MODELS if name != "bi_from_zero" or early]
    if isinstance(model, str) and model == "auto":
        return auto, None
    auto = auto if rank_others else [SIMPLEST]
    if isinstance(model, ExponentialModel):
        return [*auto, model], model
    if isinstance(model, str):
        if model == TRAPEZOID:
            return [], TRAPEZOID
        get_model(model)
        return auto if model in auto else [*auto, model], model
    if isinstance(model, (list, tuple)) and model and TRAPEZOID not in model:
        named = {get_model(item).name: item for item in model}
        return list(named.values()) if SIMPLEST in named else [SIMPLEST, *named.values()], None
    raise DosimetryError(
        f"Expected 'auto', the name of a model or a list of names to choose from, received {shown(model)}; see list_models()."
    )


def _fit_exponentials(
    samples: Samples, decay: DecayOnly, population: PopulationPrior | None, names: list, chosen, model_averaging: bool
) -> tuple[KineticFit, ...]:
    candidates = [_candidate(get_model(name), samples, decay, population, name == chosen) for name in names]
    wanted = None if chosen is None else next(k for k, c in enumerate(candidates) if c.model == get_model(chosen))
    needed = candidates[wanted] if wanted is not None else next(c for c in candidates if c.model.name == SIMPLEST)
    if needed.problem is None:
        raise DosimetryError(_too_few(needed, samples))
    fits = []
    for row in range(len(samples.activities_mbq)):
        reasons = admission(candidates, row)
        criteria = np.array([c.criterion[row] if not reason else np.inf for c, reason in zip(candidates, reasons)])
        if not np.isfinite(criteria).any():
            criteria[wanted] = 0.0
        weights = akaike_weights(criteria)
        best = int(criteria.argmin()) if wanted is None else wanted
        choice = Choice(candidates, reasons, weights, best, "auto" if wanted is None else "user", model_averaging)
        fits.append(_with_early_warning(build_fit(choice, samples, row, decay, population), samples, row, decay))
    return tuple(fits)


def _with_early_warning(fit: KineticFit, samples: Samples, row: int, decay: DecayOnly) -> KineticFit:
    """Says what an early clearance would change, where the samples show one that is not in the fit."""
    if not falls_faster_at_first(fit, samples.sigmas_mbq[row]):
        return fit
    model, pick = get_model("mono_early_clearance"), slice(row, row + 1)
    alone = replace(samples, activities_mbq=samples.activities_mbq[pick], sigmas_mbq=samples.sigmas_mbq[pick])
    with_clearance = _candidate(model, alone, decay, None, True)
    if with_clearance.analysis is None:
        return fit
    half_life_h = float(np.log(2.0) / PopulationPrior("").rate("early_clearance").median_per_h)
    text = early_clearance_warning(fit, float(with_clearance.analysis.tia[0]), half_life_h)
    return replace(fit, warnings=(*fit.warnings, text))


def _candidate(
    model: ExponentialModel, samples: Samples, decay: DecayOnly, population: PopulationPrior | None, chosen: bool
) -> Candidate:
    """Fit one model to all curves, unless the samples are too few for it, or for admitting it where it was not chosen by name."""
    log_rate, log_sd = np.zeros(model.fitted_rates), np.full(model.fitted_rates, np.inf)
    for index in range(model.fitted_rates):
        kind = model.held[index] if model.held else ""
        rate = (population or PopulationPrior("")).rate(kind) if kind else None
        if index == 0 and population is not None and population.clearance is not None:
            rate = population.clearance
        if rate is not None:
            log_rate[index], log_sd[index] = np.log(rate.median_per_h), rate.log_sd
    held = np.isfinite(log_sd)
    free = free_parameter_count(model, held)
    general = any(model.held) and (population is None or population.clearance is None)
    needed_times = times_needed(free, general)
    if samples.distinct_times < needed_times:
        return Candidate(model, free, f"needs samples at {needed_times} times or more")
    simplest = get_model(SIMPLEST).parameter_count - int(population is not None and population.clearance is not None)
    if not chosen and not enough_samples(samples.count, free, simplest, samples.known):
        return Candidate(model, free, TOO_FEW_SAMPLES)
    problem = Problem(
        model, samples.times_h, samples.activities_mbq, 1.0 / samples.sigmas_mbq, decay.decay_constant_per_h, log_rate, log_sd
    )
    solution = solve(problem)
    degrees = residual_freedom(samples.count, free, model.parameter_count, samples.known)
    scale = noise_scale(solution.chi2, degrees, samples.known)
    analysis = analyze(problem, solution, scale)
    if population is not None and population.clearance is not None and model.fitted_rates:
        analysis = replace(analysis, tia_sd=population_tia_uncertainty(problem, solution, analysis))
    criterion, corrected = information_criterion(problem, solution, free, samples.known)
    stated = noise_shown(problem, solution, degrees, samples.known)
    unclear = unclear_parameters(problem, solution, analysis, stated)
    usable = usable_curves(solution, analysis)
    stated &= analysis.determined
    return Candidate(model, free, "", problem, solution, analysis, degrees, corrected, criterion, usable, unclear, stated)


def _too_few(candidate: Candidate, samples: Samples) -> str:
    if samples.distinct_times == 1 and candidate.model.name == SIMPLEST:
        return (
            f"Expected samples at two times or more for a fit, received one time ({samples.times_h[0]:g} h); use single_time_point, or "
            "give a population prior."
        )
    return (
        f"Expected samples at more times for the model '{candidate.model.name}' ({candidate.refusal}), received "
        f"{samples.distinct_times}; choose a simpler model or 'auto'."
    )


MOST_CURVES = 20000
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
            raise DosimetryError(
                "Expected uncertainties or more samples than parameters for a bootstrap, received neither; give uncertainties."
            )
        residuals = (samples.activities_mbq[row] - fit.activity_mbq(samples.times_h)) / sigmas
        sigmas = sigmas * np.sqrt((residuals**2).sum() / fit.degrees_of_freedom)
    generator = np.random.default_rng(seed)
    simulated = fit.activity_mbq(samples.times_h) + sigmas * generator.standard_normal((count, sigmas.size))
    simulated = simulated[simulated.max(axis=1) > 0]
    if len(simulated) < 2:
        raise DosimetryError(
            "Expected activities above their noise for a bootstrap, received none; the region shows nothing to fit."
        )
    uncertainties = sigmas if samples.known else None
    again = refit(samples.times_h, simulated, uncertainties_mbq=uncertainties, weighting=_plain_weighting(samples), **arguments)
    tias = np.array([item.tia_mbq_h for item in again])
    low, high = np.percentile(tias, [15.865, 84.135])
    summary = BootstrapSummary(len(tias), seed, float(tias.mean()), float(tias.std(ddof=1)), float(low), float(high))
    return replace(fit, bootstrap=summary)


def _plain_weighting(samples: Samples) -> str:
    return "relative" if samples.known else samples.weighting
