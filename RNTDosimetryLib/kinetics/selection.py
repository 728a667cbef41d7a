"""Which model for a region: candidates, corrected Akaike criterion, why one is not admitted, and Akaike weights (see docs/kinetics.md)."""

from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.kinetics.admission import (
    correction_freedom,
    determination,
    highest_criterion,
    is_richer,
    misfit_term,
    parameter_term,
    shown_variance,
    smallest_residual,
)
from RNTDosimetryLib.kinetics.models import ExponentialModel
from RNTDosimetryLib.kinetics.problem import Problem, Solution
from RNTDosimetryLib.kinetics.uncertainty import Analysis

SIMPLEST = "mono"
TOO_FEW_SAMPLES = "too few samples for its parameters (N - K - 1 is not positive)"
_ROUNDING = 1e-18
"""Residuals under this share of the signal's sum of squares are rounding."""


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
    """(n,): by how much the noise that the residuals show is larger than the assumed uncertainties; 1 where they cannot show it."""
    variance = shown_variance(chi2, np.ones(len(chi2)), degrees_of_freedom, known)
    return np.ones(len(chi2)) if variance is None else np.sqrt(variance)


def information_criterion(problem: Problem, solution: Solution, free_parameters: int, known: bool) -> tuple[np.ndarray, bool]:
    """AICc (n,) and True, or AIC and False where the samples are too few for the correction.

    With known uncertainties chi2 + 2K, else N ln(WRSS/N) + 2K with the variance as one more parameter, both plus
    2K(K+1)/(N-K-1) (Burnham and Anderson 2002), plus the population's term for rates held by it.
    """
    samples = problem.times_h.size
    rounding = _ROUNDING * ((problem.activities * problem.weights) ** 2).sum(axis=1)
    smallest = smallest_residual(samples, problem.model.parameter_count, problem.any_held, rounding)
    misfit = misfit_term(solution.chi2, samples, known, smallest)
    corrected = correction_freedom(samples, free_parameters, known) > 0
    return misfit + solution.penalty + parameter_term(samples, free_parameters, known), corrected


def unclear_parameters(problem: Problem, solution: Solution, analysis: Analysis, stated: np.ndarray) -> tuple[str, ...]:
    """For each curve why its parameters are not determined, "" where they are. stated (n,): there is a covariance."""
    model = problem.model
    free = np.concatenate([np.ones(model.amplitude_count, bool), ~problem.held])
    names = np.array(model.parameter_names)[free]
    known = determination(
        analysis.parameters.T, analysis.covariance.transpose(1, 2, 0), free, analysis.rates.T, problem.times_h, problem.weights.T,
        model.starts_at_zero,
    )  # fmt: skip
    vague, correlated = stated & known.too_vague, stated & known.too_correlated
    empty = (solution.coefficients <= 0).any(axis=1)
    reasons = []
    for row in range(len(stated)):
        reason = ""
        if not solution.converged[row]:
            reason = "the fit did not converge"
        elif empty[row]:
            reason = "an amplitude is zero: the samples do not show this exponential"
        elif solution.at_fastest[row]:
            reason = "a rate is faster than the samples can show"
        elif not analysis.determined[row]:
            reason = "the samples do not determine the parameters"
        elif vague[row]:
            worst = int(known.variation[:, row].argmax())
            reason = f"{names[worst]} has a coefficient of variation of {100 * min(known.variation[worst, row], 1e4):.0f} %"
        elif correlated[row]:
            correlation = np.triu(known.correlation[..., row])
            first, second = np.unravel_index(correlation.argmax(), correlation.shape)
            reason = f"{names[first]} and {names[second]} are correlated by {correlation[first, second]:.2f}"
        reasons.append(reason)
    return tuple(reasons)


def usable_curves(solution: Solution, analysis: Analysis) -> np.ndarray:
    """(n,) True where the fit converged to parameters that the samples determine, well or badly."""
    return solution.converged & (solution.coefficients > 0).all(axis=1) & ~solution.at_fastest & analysis.determined


def admission(candidates: list[Candidate], row: int) -> list[str]:
    """For one curve, why each candidate is not admitted; "" where it is.

    The simplest model always is. A model with no more free parameters, its further rate held by a population, is not
    richer: it only has to be usable, so that a rise seen by three or four samples is not fitted by a falling curve.
    """
    simplest = next(candidate for candidate in candidates if candidate.model.name == SIMPLEST)
    reasons = []
    for candidate in candidates:
        richer = is_richer(candidate.free_parameters, simplest.free_parameters)
        if candidate.refusal:
            reasons.append(candidate.refusal)
        elif candidate is simplest:
            reasons.append("")
        elif richer and not candidate.corrected:
            reasons.append(TOO_FEW_SAMPLES)
        elif candidate.unclear[row] and (richer or not candidate.usable[row]):
            reasons.append(candidate.unclear[row])
        elif not simplest.refusal and candidate.criterion[row] > highest_criterion(simplest.criterion[row], any(candidate.model.held)):
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
