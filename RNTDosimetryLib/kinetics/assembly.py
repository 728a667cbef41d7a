"""From fitted candidates to the frozen result of one curve: numbers, ranking and warnings."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr
from scipy.stats import t as student_t

from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.kinetics.models import rules
from RNTDosimetryLib.kinetics.priors import PopulationPrior, status_words
from RNTDosimetryLib.kinetics.results import KineticFit, RankedModel
from RNTDosimetryLib.kinetics.samples import DecayOnly, Samples
from RNTDosimetryLib.kinetics.selection import Candidate, noise_scale


@dataclass(frozen=True)
class Choice:
    """The candidates of one curve, why each is not admitted, Akaike weights, the index taken and who took it."""

    candidates: list[Candidate]
    reasons: list[str]
    weights: np.ndarray
    best: int
    chosen_by: str
    average: bool


def build_fit(choice: Choice, samples: Samples, row: int, decay: DecayOnly, population: PopulationPrior | None) -> KineticFit:
    """The result of curve ``row``."""
    candidate = choice.candidates[choice.best]
    model, solution, analysis = candidate.model, candidate.solution, candidate.analysis
    names = model.parameter_names
    stated = bool(candidate.stated[row])
    covariance = analysis.covariance[row] if stated else None
    sd = np.sqrt(np.maximum(np.diagonal(covariance), 0.0)) if stated else None
    tia, tia_sd = float(analysis.tia[row]), float(analysis.tia_sd[row]) if stated else None
    amplitudes, rates, tail = analysis.amplitudes[row], analysis.rates[row], float(analysis.tail[row])
    half_life, half_life_sd = _effective_half_life(amplitudes, rates, model.amplitude_count, sd)
    admitted = [k for k, weight in enumerate(choice.weights) if weight > 0]
    averaged = choice.average and choice.chosen_by == "auto" and len(admitted) > 1
    if averaged:
        tia, tia_sd, amplitudes, rates, tail = _average(choice, row, admitted)
    tail_share = min(max(tail / tia, 0.0), 1.0) if tia > 0 else 0.0
    return KineticFit(
        model=model.name,
        label=model.label,
        chosen_by=choice.chosen_by,
        nuclide=decay.name,
        decay_constant_per_h=decay.decay_constant_per_h,
        times_h=tuple(samples.times_h.tolist()),
        activities_mbq=tuple(samples.activities_mbq[row].tolist()),
        uncertainties_mbq=tuple(samples.sigmas_mbq[row].tolist()) if samples.known else None,
        weighting=samples.weighting,
        parameters=dict(zip(names, analysis.parameters[row].tolist())),
        standard_errors=dict(zip(names, sd.tolist())) if stated else None,
        covariance=covariance,
        correlation=_correlation(covariance, sd) if stated else None,
        amplitudes_mbq=tuple(amplitudes.tolist()),
        rates_per_h=tuple(rates.tolist()),
        chi2=float(solution.chi2[row]) if samples.known else None,
        degrees_of_freedom=max(candidate.degrees_of_freedom, 0),
        aicc=float(candidate.criterion[row]) if candidate.corrected else None,
        tia_mbq_h=tia,
        tia_uncertainty_mbq_h=tia_sd,
        effective_half_life_h=half_life,
        effective_half_life_uncertainty_h=half_life_sd,
        tail_share=tail_share,
        identifiable=not candidate.unclear[row],
        converged=bool(solution.converged[row]),
        averaged=averaged,
        ranking=_ranking(choice, samples, row),
        population=population.name if population is not None and population.clearance is not None else "",
        warnings=_warnings(choice, samples, row, population, tail_share, stated),
    )


def _effective_half_life(amplitudes, rates, fitted, sd) -> tuple[float | None, float | None]:
    """Half-life of the slowest exponential that the curve has, and its standard error where known."""
    present = np.flatnonzero(amplitudes > 0)
    if not present.size:
        return None, None
    index = int(present[0])
    half_life = float(np.log(2.0) / rates[index])
    is_fitted = sd is not None and fitted + index < len(sd)
    return half_life, float(half_life * sd[fitted + index] / rates[index]) if is_fitted else None


def _correlation(covariance: np.ndarray, sd: np.ndarray) -> np.ndarray:
    product = np.outer(sd, sd)
    correlation = np.where(product > 0, covariance / np.where(product > 0, product, 1.0), 0.0)
    np.fill_diagonal(correlation, 1.0)
    return np.clip(correlation, -1.0, 1.0)


def _average(choice: Choice, row: int, admitted: list[int]):
    """Average over models with their weights; the spread between the models adds to the variance (Burnham and Anderson 2002)."""
    weights = choice.weights[admitted]
    chosen = [choice.candidates[k].analysis for k in admitted]
    tias = np.array([analysis.tia[row] for analysis in chosen])
    sds = np.array([analysis.tia_sd[row] for analysis in chosen])
    mean = float(weights @ tias)
    return (
        mean,
        float(np.sqrt(weights @ (sds**2 + (tias - mean) ** 2))),
        np.concatenate([weight * analysis.amplitudes[row] for weight, analysis in zip(weights, chosen)]),
        np.concatenate([analysis.rates[row] for analysis in chosen]),
        float(weights @ np.array([analysis.tail[row] for analysis in chosen])),
    )


def _ranking(choice: Choice, samples: Samples, row: int) -> tuple[RankedModel, ...]:
    """Every model that was tried: admitted ones by weight, then the others."""
    ranked = []
    for candidate, reason, weight in zip(choice.candidates, choice.reasons, choice.weights):
        fitted = candidate.problem is not None
        stated = fitted and bool(candidate.stated[row])
        ranked.append(
            RankedModel(
                candidate.model.name,
                candidate.model.label,
                not reason,
                reason,
                float(weight),
                float(candidate.criterion[row]) if fitted and candidate.corrected else None,
                float(candidate.solution.chi2[row]) if fitted and samples.known else None,
                float(candidate.analysis.tia[row]) if fitted else None,
                float(candidate.analysis.tia_sd[row]) if stated else None,
            )
        )
    return tuple(sorted(ranked, key=lambda item: (not item.admitted, -item.weight)))


def _warnings(choice: Choice, samples: Samples, row: int, population, tail_share: float, stated: bool) -> tuple[str, ...]:
    candidate = choice.candidates[choice.best]
    solution, degrees = candidate.solution, candidate.degrees_of_freedom
    limits = rules()
    texts = []
    if not candidate.solution.coefficients[row].any():
        texts.append(warned("fitted_activity_zero"))
    if not solution.converged[row]:
        texts.append(warned("fit_not_converged"))
    if choice.chosen_by == "user" and choice.reasons[choice.best]:
        texts.append(warned("model_not_admitted", reason=choice.reasons[choice.best]))
    if solution.at_slowest[row]:
        texts.append(warned("falls_with_physical_decay"))
    if tail_share > limits["tail_share_warning"]["value"]:
        texts.append(warned("tail_large", percent=100 * tail_share, time_h=samples.times_h[-1]))
    if population is not None and population.clearance is not None and candidate.model.fitted_rates:
        texts.append(
            warned("clearance_held_by_population", population=population.name, status=status_words(population.clearance.status))
        )
    for kind in filter(None, candidate.model.held):
        rate = (population or PopulationPrior("")).rate(kind)
        words = kind.replace("_", " ")
        texts.append(
            warned(
                "rate_held_by_population",
                which=words,
                half_life_h=np.log(2) / rate.median_per_h,
                status=status_words(rate.status),
            )
        )
    if solution.penalty[row] > 4:
        texts.append(warned("rate_pulled_from_population", deviations=np.sqrt(solution.penalty[row])))
    enlarged = float(noise_scale(solution.chi2[row : row + 1], degrees, True)[0])
    if samples.known and enlarged > 1:
        texts.append(warned("poor_fit", chi2=solution.chi2[row], degrees=degrees, factor=enlarged))
    if not samples.known and stated:
        factor = student_t.ppf(ndtr(1.0), degrees)
        texts.append(warned("uncertainty_from_residuals", degrees=degrees, factor=factor))
    if solution.at_fastest[row]:
        texts.append(warned("rate_at_limit_of_times"))
    if not candidate.analysis.determined[row]:
        texts.append(warned("parameters_not_determined"))
    elif not stated:
        texts.append(warned("fit_uncertainty_not_known"))
    values = samples.activities_mbq[row]
    below = int(np.count_nonzero(values <= 0))
    if below:
        texts.append(warned("samples_below_zero_fitted", count=below))
    peak = int(values.argmax())
    rise = values[peak] - values[0]
    if candidate.model.name == "mono" and peak and rise > 2 * np.hypot(samples.sigmas_mbq[row, peak], samples.sigmas_mbq[row, 0]):
        texts.append(warned("rise_not_followed", time_h=samples.times_h[peak]))
    return tuple(texts)
