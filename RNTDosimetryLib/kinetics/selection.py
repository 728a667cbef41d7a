"""Which model: corrected Akaike criterion, admission rules and Akaike weights (see docs/kinetics.md)."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2 as chi_squared

from RNTDosimetryLib.kinetics.models import ExponentialModel, rules
from RNTDosimetryLib.kinetics.problem import Problem, Solution
from RNTDosimetryLib.kinetics.uncertainty import Analysis

SIMPLEST = "mono"


@dataclass(frozen=True)
class Candidate:
    """One model fitted to n curves. criterion (n,); usable (n,): converged, no amplitude at zero, determined; unclear:
    per curve why its parameters are not determined well. Without a fit only ``refusal``."""

    model: ExponentialModel
    free_parameters: int
    refusal: str = ""
    problem: Problem | None = None
    solution: Solution | None = None
    analysis: Analysis | None = None
    degrees_of_freedom: int = 0
    corrected: bool = False
    criterion: np.ndarray | None = None
    usable: np.ndarray | None = None
    unclear: tuple[str, ...] = ()


def free_parameter_count(model: ExponentialModel, held: np.ndarray) -> int:
    """Fitted parameters; a rate held by a population is not free."""
    return model.parameter_count - int(held.sum())


def noise_scale(chi2: np.ndarray, degrees_of_freedom: int, known: bool) -> np.ndarray:
    """(n,): by how much the noise that the residuals show is larger than the assumed uncertainties.

    Without known uncertainties it is estimated from the residuals; with them it is 1, unless the fit is so poor that they
    or the model must be wrong: then the uncertainties are enlarged to what the residuals show (Birge 1932).
    """
    if degrees_of_freedom <= 0:
        return np.ones(len(chi2))
    ratio = np.sqrt(np.maximum(chi2, 1e-24) / degrees_of_freedom)
    if not known:
        return ratio
    return np.where(chi_squared.sf(chi2, degrees_of_freedom) < rules()["poor_fit_probability"]["value"], ratio, 1.0)


def information_criterion(problem: Problem, solution: Solution, free_parameters: int, known: bool) -> tuple[np.ndarray, bool]:
    """AICc (n,) and True, or AIC and False where the samples are too few for the correction.

    With known uncertainties chi2 + 2K, else N ln(WRSS/N) + 2K with the variance as one more parameter, both plus
    2K(K+1)/(N-K-1) (Burnham and Anderson 2002), plus the population's term for rates held by it.
    """
    samples = problem.times_h.size
    if known:
        misfit, count = solution.chi2, free_parameters
    else:
        # without residual freedom the residuals say nothing of the noise: the nominal uncertainty stands in
        exact = problem.model.parameter_count >= samples and problem.any_held
        size = ((problem.activities * problem.weights) ** 2).sum(axis=1)
        smallest = np.full(len(size), float(samples)) if exact else 1e-18 * size
        misfit, count = samples * np.log(np.maximum(solution.chi2, smallest) / samples), free_parameters + 1
    corrected = samples - count - 1 > 0
    correction = 2 * count * (count + 1) / (samples - count - 1) if corrected else 0.0
    return misfit + solution.penalty + 2 * count + correction, corrected


def unclear_parameters(problem: Problem, solution: Solution, analysis: Analysis, stated: np.ndarray) -> tuple[str, ...]:
    """For each curve why its parameters are not determined, "" where they are. stated (n,): there is a covariance.

    Coefficient of variation at most 50 %, correlation at most 0.8, over the parameters that no population holds. The
    amplitude of each exponential counts at the centre of the samples that carry it: at time 0 its correlation with its
    own rate would only say how far the samples are from there. Two parameters that are both known to 10 % are determined
    however strongly they are correlated, as in dynamic imaging with many frames; they pass.
    """
    model = problem.model
    free = np.concatenate([np.ones(model.amplitude_count, bool), ~problem.held])
    names = np.array(model.parameter_names)[free]
    parameters, covariance = _centred(problem, analysis)
    parameters, covariance = parameters[:, free], covariance[:, free][:, :, free]
    sd = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0))
    magnitude = np.abs(parameters)
    cv = np.where(magnitude > 0, sd / np.where(magnitude > 0, magnitude, 1.0), np.inf)
    product = sd[:, :, None] * sd[:, None, :]
    vague = cv > rules()["well_known_coefficient_of_variation"]["value"]
    counts = (vague[:, :, None] | vague[:, None, :]) & ~np.eye(len(names), dtype=bool)
    correlation = np.abs(covariance) / np.where(product > 0, product, np.inf) * counts
    limit_cv, limit_r = rules()["largest_coefficient_of_variation"]["value"], rules()["largest_correlation"]["value"]
    empty = (solution.coefficients <= 0).any(axis=1)
    reasons = []
    for row in range(len(parameters)):
        reason = ""
        if not solution.converged[row]:
            reason = "the fit did not converge"
        elif empty[row]:
            reason = "an amplitude is zero: the samples do not show this exponential"
        elif solution.at_fastest[row]:
            reason = "a rate is faster than the samples can show"
        elif not analysis.determined[row]:
            reason = "the samples do not determine the parameters"
        elif stated[row] and cv[row].max() > limit_cv:
            worst = int(cv[row].argmax())
            reason = f"{names[worst]} has a coefficient of variation of {100 * min(cv[row, worst], 1e4):.0f} %"
        elif stated[row] and correlation[row].max(initial=0.0) > limit_r:
            first, second = np.unravel_index(correlation[row].argmax(), correlation[row].shape)
            reason = f"{names[first]} and {names[second]} are correlated by {correlation[row, first, second]:.2f}"
        reasons.append(reason)
    return tuple(reasons)


def usable_curves(solution: Solution, analysis: Analysis) -> np.ndarray:
    """(n,) True where the fit converged to parameters that the samples determine, well or badly."""
    return solution.converged & (solution.coefficients > 0).all(axis=1) & ~solution.at_fastest & analysis.determined


def _centred(problem: Problem, analysis: Analysis) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and covariance with each amplitude A_i taken at the weighted mean time of its own exponential."""
    model = problem.model
    size = model.amplitude_count
    exponentials = np.exp(-analysis.rates[..., None] * problem.times_h)
    carried = exponentials[:, :size] - exponentials[:, -1:] if model.starts_at_zero else exponentials
    shapes = (carried * problem.weights[:, None, :]) ** 2
    total = shapes.sum(axis=2)
    centre = (shapes * problem.times_h).sum(axis=2) / np.where(total > 0, total, 1.0)
    pairs = np.arange(min(size, model.fitted_rates))
    change = np.broadcast_to(np.eye(model.parameter_count), analysis.covariance.shape).copy()
    parameters = analysis.parameters.copy()
    fall = np.exp(-analysis.rates[:, :size] * centre)
    change[:, np.arange(size), np.arange(size)] = fall
    change[:, pairs, size + pairs] = -(parameters[:, :size] * centre * fall)[:, pairs]
    parameters[:, :size] *= fall
    return parameters, change @ analysis.covariance @ change.transpose(0, 2, 1)


def admission(candidates: list[Candidate], row: int) -> list[str]:
    """For one curve, why each candidate is not admitted; "" where it is.

    The simplest model always is. A model with no more free parameters, its further rate held by a population, is not
    richer: it only has to be usable, so that a rise seen by three or four samples is not fitted by a falling curve.
    """
    simplest = next(candidate for candidate in candidates if candidate.model.name == SIMPLEST)
    least = rules()["least_gain_of_held_models"]["value"]
    reasons = []
    for candidate in candidates:
        if candidate.refusal:
            reasons.append(candidate.refusal)
        elif candidate is simplest:
            reasons.append("")
        elif not candidate.corrected and candidate.free_parameters > simplest.free_parameters:
            reasons.append("too few samples for its parameters (N - K - 1 is not positive)")
        elif candidate.unclear[row] and (candidate.free_parameters > simplest.free_parameters or not candidate.usable[row]):
            reasons.append(candidate.unclear[row])
        elif any(candidate.model.held) and candidate.criterion[row] > simplest.criterion[row] - least:
            reasons.append("the samples do not show what this population rate describes")
        else:
            reasons.append("")
    return reasons


def akaike_weights(criteria: np.ndarray) -> np.ndarray:
    """exp(-difference / 2), normalised; not finite means not admitted."""
    usable = np.isfinite(criteria)
    least = criteria[usable].min()
    weights = np.where(usable, np.exp(-0.5 * (np.where(usable, criteria, least) - least)), 0.0)
    return weights / weights.sum()
