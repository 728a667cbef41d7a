"""Which model for a region: candidates, corrected Akaike criterion, why one is not admitted, and Akaike weights (see docs/kinetics.md)."""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from RNTDosimetryLib.kinetics.models import ExponentialModel, rules
from RNTDosimetryLib.kinetics.problem import Problem, Solution
from RNTDosimetryLib.kinetics.uncertainty import Analysis

SIMPLEST = "mono"
TOO_FEW_SAMPLES = "too few samples for its parameters (N - K - 1 is not positive)"
EXPLAINED_BY_LESS = "the samples are too few for its criterion, and a model of fewer parameters explains them"
ROUNDING = 1e-18
"""Residuals under this share of the signal's sum of squares are rounding."""


@dataclass(frozen=True)
class Candidate:
    """One model fitted to n curves. criterion (n,); usable (n,): converged, no amplitude at zero, determined; unclear:
    per curve why its parameters are not determined well; stated (n,): an uncertainty can be stated. Without a fit only ``refusal``."""

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
    stated: np.ndarray | None = None


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
    smallest = smallest_residual(samples, problem.model.parameter_count, problem.any_held, rounding(problem))
    misfit = misfit_term(solution.chi2, samples, known, smallest)
    corrected = correction_freedom(samples, free_parameters, known) > 0
    return misfit + solution.penalty + parameter_term(samples, free_parameters, known), corrected


def rounding(problem: Problem) -> np.ndarray:
    """(n,): the chi2 that rounding alone may leave."""
    return ROUNDING * ((problem.activities * problem.weights) ** 2).sum(axis=1)


def noise_shown(problem: Problem, solution: Solution, degrees_of_freedom: int, known: bool) -> np.ndarray:
    """(n,) True where the noise of the samples is known: given, or from residuals that are more than rounding."""
    return np.full(len(solution.chi2), known) | ((degrees_of_freedom > 0) & (solution.chi2 > rounding(problem)))


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

    The simplest model always is, unless a model of fewer parameters explains the samples and has a criterion where that of the simplest
    does not exist: a choice among named models, with physical decay say. A model with no more free parameters, its further rate held by a population, is not
    richer: it only has to be usable, so that a rise seen by three or four samples is not fitted by a falling curve.
    """
    simplest = next(candidate for candidate in candidates if candidate.model.name == SIMPLEST)
    fewest = min((c.free_parameters for c in candidates if _explains(c, row)), default=None)
    reasons = []
    for candidate in candidates:
        unfounded = fewest is not None and not candidate.corrected and candidate.free_parameters > fewest
        richer = is_richer(candidate.free_parameters, simplest.free_parameters)
        if candidate.refusal:
            reasons.append(candidate.refusal)
        elif unfounded:
            reasons.append(EXPLAINED_BY_LESS)
        elif candidate is simplest:
            reasons.append("")
        elif richer and not candidate.corrected:
            reasons.append(TOO_FEW_SAMPLES)
        elif candidate.unclear[row] and (richer or not candidate.usable[row]):
            reasons.append(candidate.unclear[row])
        elif not simplest.refusal and candidate.criterion[row] > highest_criterion(
            simplest.criterion[row], any(candidate.model.held)
        ):
            reasons.append("the samples do not show what this population rate describes")
        else:
            reasons.append("")
    return reasons


def _explains(candidate: Candidate, row: int) -> bool:
    """Whether a model has a criterion and its residuals are no larger than the uncertainties, nominal where none are given."""
    if candidate.refusal or not candidate.corrected or candidate.degrees_of_freedom <= 0:
        return False
    return bool(candidate.solution.chi2[row] <= chdtri(candidate.degrees_of_freedom, rules()["poor_fit_probability"]["value"]))


def akaike_weights(criteria: np.ndarray) -> np.ndarray:
    """exp(-difference / 2), normalized; not finite means not admitted."""
    usable = np.isfinite(criteria)
    least = criteria[usable].min()
    weights = np.where(usable, np.exp(-0.5 * (np.where(usable, criteria, least) - least)), 0.0)
    return weights / weights.sum()


_LEAST_TIMES_OF_HELD_MODELS = 3
"""A rate held by the general population needs a third time: two samples cannot show that its curve applies."""


def times_needed(free_parameters: int, held_by_general: bool) -> int:
    """How many different times a model needs."""
    return max(free_parameters, _LEAST_TIMES_OF_HELD_MODELS if held_by_general else 1)


def correction_freedom(samples: int, free_parameters: int, known: bool) -> int:
    """N - K - 1, K counting the variance where the uncertainties are not known; above 0 the correction of AICc exists."""
    return samples - free_parameters - (0 if known else 1) - 1


def is_richer(free_parameters: int, simplest_parameters: int) -> bool:
    """Whether a model must show that it is determined. With no more free parameters, its further rate held by a population, it need not."""
    return free_parameters > simplest_parameters


def enough_samples(samples: int, free_parameters: int, simplest_parameters: int, known: bool) -> bool:
    """Whether the samples leave the freedom that a richer model needs."""
    return not is_richer(free_parameters, simplest_parameters) or correction_freedom(samples, free_parameters, known) > 0


def parameter_term(samples: int, free_parameters: int, known: bool) -> float:
    """2K + 2K(K+1)/(N-K-1) of AICc (Burnham and Anderson 2002), the second part only where it exists."""
    count, freedom = free_parameters + (0 if known else 1), correction_freedom(samples, free_parameters, known)
    return 2 * count + (2 * count * (count + 1) / freedom if freedom > 0 else 0.0)


def misfit_term(chi2: np.ndarray, samples: int, known: bool, smallest) -> np.ndarray:
    """chi2 (n,) with known uncertainties, else N ln(chi2/N), not below that of ``smallest``."""
    return chi2 if known else samples * np.log(np.maximum(chi2, smallest) / samples)


def smallest_residual(samples: int, parameters: int, any_held: bool, rounding):
    """The chi2 below which residuals mean nothing: ``rounding``, and where a held rate lets the curve meet every sample, N.

    Without residual freedom the residuals say nothing of the noise: the nominal uncertainty stands in.
    """
    return float(samples) if any_held and parameters >= samples else rounding


def highest_criterion(simplest: np.ndarray, held_by_general: bool) -> np.ndarray:
    """(n,): the criterion that a model must not exceed. One with a rate of the general population has to beat the simplest clearly."""
    return simplest - rules()["least_gain_of_held_models"]["value"] if held_by_general else np.full_like(simplest, np.inf)


def residual_freedom(samples: int, free_parameters: int, parameters: int, known: bool) -> int:
    """Degrees of freedom of the residuals. An exact fit, held rates included, has none that could show unknown noise."""
    return 0 if not known and samples <= parameters else samples - free_parameters


def shown_variance(residual_sum: np.ndarray, nominal, freedom: int, known: bool) -> np.ndarray | None:
    """(n,): variance of the samples after a fit, ``nominal`` before; None where it cannot be known.

    Without known uncertainties it is that of the residuals. With them it is ``nominal``, unless the fit is so poor that they
    or the model must be wrong: then it grows to what the residuals show (Birge 1932).
    """
    if freedom <= 0:
        return nominal if known else None
    shown = np.maximum(residual_sum, 1e-24 * nominal) / freedom
    if not known:
        return shown
    largest = chdtri(freedom, rules()["poor_fit_probability"]["value"])
    return np.where(residual_sum > largest * nominal, shown, nominal)


@dataclass(frozen=True)
class Determination:
    """How well the samples fix the parameters. variation (p, n): coefficients of variation; correlation (p, p, n): 0 where it does not count."""

    variation: np.ndarray
    correlation: np.ndarray

    @property
    def too_vague(self) -> np.ndarray:
        """(n,): a coefficient of variation above the limit."""
        return (self.variation > rules()["largest_coefficient_of_variation"]["value"]).any(axis=0)

    @property
    def too_correlated(self) -> np.ndarray:
        """(n,): a correlation above the limit."""
        return (self.correlation > rules()["largest_correlation"]["value"]).any(axis=(0, 1))


def determination(parameters, covariance, free, rates, times_h, weights, starts_at_zero: bool) -> Determination:
    """How well the free parameters are known. parameters (p, n), covariance (p, p, n), free (p,) without rates that a population holds.

    rates (r, n), times_h (t,), weights (t, n) or (t, 1): one over the standard deviations, up to a factor.

    The amplitude of each exponential counts at the center of the samples that carry it: at time 0 its correlation with its
    own rate would only say how far the samples are from there. Two parameters that are both well known are determined however
    strongly they are correlated, as in dynamic imaging with many frames; their correlation does not count.
    """
    parameters, covariance = _centered(parameters, covariance, rates, times_h, weights, starts_at_zero)
    parameters, covariance = parameters[free], covariance[free][:, free]
    spread = np.sqrt(np.maximum(np.einsum("ppn->pn", covariance), 0.0))
    magnitude = np.abs(parameters)
    variation = np.where(magnitude > 0, spread / np.where(magnitude > 0, magnitude, 1.0), np.inf)
    vague = variation > rules()["well_known_coefficient_of_variation"]["value"]
    counts = (vague[:, None] | vague[None]) & ~np.eye(len(parameters), dtype=bool)[:, :, None]
    product = spread[:, None] * spread[None]
    return Determination(variation, np.abs(covariance) / np.where(product > 0, product, np.inf) * counts)


def _centered(parameters, covariance, rates, times_h, weights, starts_at_zero: bool) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and covariance with each amplitude A_i taken at the weighted mean time of its own exponential."""
    size = len(rates) - int(starts_at_zero)
    parameters, covariance = parameters.copy(), covariance.copy()
    last = np.exp(-times_h[:, None] * rates[-1]) if starts_at_zero else 0.0
    for index in range(size):
        shape = ((np.exp(-times_h[:, None] * rates[index]) - last) * weights) ** 2
        total = shape.sum(axis=0)
        center = times_h @ shape / np.where(total > 0, total, 1.0)
        fall = np.exp(-rates[index] * center)
        covariance[index] *= fall
        covariance[:, index] *= fall
        if size + index < len(parameters):
            slope = -parameters[index] * center * fall
            covariance[index] += slope * covariance[size + index]
            covariance[:, index] += slope * covariance[:, size + index]
        parameters[index] *= fall
    return parameters, covariance
