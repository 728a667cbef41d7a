"""Time to an event: Kaplan-Meier, log-rank test and Cox regression."""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from RNTDosimetryLib.base.checks import one_of, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.statistics.values import values_of, vary

CONFIDENCE = 0.95
"""Of every interval of this room."""
INTERVALS = ("linear", "log-log")
_MOST_STEPS, _CONVERGED, _LARGEST_EFFECT = 50, 1e-9, 20.0


@dataclass(frozen=True)
class SurvivalCurve(Record):
    """Kaplan-Meier estimate. months: of the events and censorings, (n,); survival: just after each, with its 95 % interval, None where it has none.

    median_months: first time at which survival is at most one half, None where it stays above; its interval is where the curve's limits cross one half.
    """

    group: str
    patients: int
    events: int
    months: tuple[float, ...]
    at_risk: tuple[int, ...]
    survival: tuple[float, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    median_months: float | None
    median_lower_months: float | None = None
    median_upper_months: float | None = None


@dataclass(frozen=True)
class LogRank(Record):
    """Log-rank test of two groups: statistic is chi-square of one degree of freedom."""

    statistic: float
    p_value: float


@dataclass(frozen=True)
class CoxEffect(Record):
    """One covariate: log hazard ratio per unit with standard uncertainty, hazard ratio with 95 % interval, two-sided p of Wald."""

    name: str
    coefficient: float
    uncertainty: float
    hazard_ratio: float
    lower: float
    upper: float
    p_value: float


@dataclass(frozen=True)
class CoxResult(Record):
    """Proportional hazards regression, ties after Efron. log_likelihood: partial, at the estimate and without covariates."""

    effects: tuple[CoxEffect, ...]
    patients: int
    events: int
    log_likelihood: float
    null_log_likelihood: float
    method: str = "Cox, partial likelihood, ties after Efron"


def follow_up_arrays(months: Any, events: Any) -> tuple[np.ndarray, np.ndarray]:
    """(n,) months as floats and events as bools. Raises DosimetryError for negative times, other events than 0 and 1, or different lengths."""
    months, events = values_of(months, "the months of follow-up"), values_of(events, "the events")
    if months.ndim != 1 or months.shape != events.shape or months.size == 0:
        raise DosimetryError(
            f"Expected one event for each time of follow-up, received {events.size} for {months.size}; leave out who was not followed."
        )
    if (months < 0).any() or not np.isin(events, (0, 1)).all():
        raise DosimetryError(
            "Expected months of zero or more and events of 0 (censored) or 1, received others; correct the table of follow-up."
        )
    return months, events.astype(bool)


def kaplan_meier(months: Any, events: Any, group: str = "all", interval: str = "linear") -> SurvivalCurve:
    """Survival of one group. months, events: (n,), event 1, censored 0. interval: after Greenwood, "linear" or on the "log-log" scale.

    Source: Kaplan and Meier, J Am Stat Assoc 1958; computed by scipy.stats.ecdf. Raises DosimetryError for input that cannot be used.
    """
    months, events = follow_up_arrays(months, events)
    found = stats.ecdf(stats.CensoredData(uncensored=months[events], right=months[~events])).sf
    one_of(interval, INTERVALS, "the interval of a survival curve")
    with warnings.catch_warnings():
        # Where all or none survive, the interval has no value: None below.
        warnings.simplefilter("ignore", RuntimeWarning)
        limits = found.confidence_interval(CONFIDENCE, method=interval)
    times, survival = found.quantiles, found.probabilities
    lower, upper = limits.low.probabilities, limits.high.probabilities
    return SurvivalCurve(
        group=group,
        patients=months.size,
        events=int(events.sum()),
        months=tuple(times.tolist()),
        at_risk=tuple(int((months >= time).sum()) for time in times),
        survival=tuple(survival.tolist()),
        lower=_known(lower),
        upper=_known(upper),
        median_months=_first_below(times, survival),
        median_lower_months=_first_below(times, lower),
        median_upper_months=_first_below(times, upper),
    )


def survival_at(curve: SurvivalCurve, month: float) -> tuple[float, float | None, float | None]:
    """Survival at a time with its interval; 1 before the first event."""
    before = [index for index, time in enumerate(curve.months) if time <= month]
    return (curve.survival[before[-1]], curve.lower[before[-1]], curve.upper[before[-1]]) if before else (1.0, None, None)


def log_rank(first: tuple[Any, Any], second: tuple[Any, Any]) -> LogRank:
    """Two groups, each (months, events). Raises DosimetryError for input that cannot be used, and where nobody had an event.

    Source: Mantel, Cancer Chemother Rep 1966; computed by scipy.stats.logrank.
    """
    pair = [follow_up_arrays(*group) for group in (first, second)]
    if not any(events.any() for _months, events in pair):
        raise DosimetryError("Expected at least one event for the log-rank test, received none; follow the patients for longer.")
    with np.errstate(all="ignore"):
        found = stats.logrank(*(stats.CensoredData(uncensored=months[events], right=months[~events]) for months, events in pair))
    if not math.isfinite(found.statistic):
        raise DosimetryError(
            "Expected two groups at risk together, received groups that are never followed at one time; compare other groups."
        )
    return LogRank(float(found.statistic) ** 2, float(found.pvalue))


def cox_regression(months: Any, events: Any, covariates: Any, names: Any) -> CoxResult:
    """Log hazard ratios per unit of each covariate. covariates: (n, covariates); names: of the columns.

    Newton's method on the partial likelihood with ties after Efron (J Am Stat Assoc 1977); intervals from its curvature.
    Raises DosimetryError for covariates that do not vary or depend on one another, too few events, and where a covariate separates who had an event.
    """
    months, events = follow_up_arrays(months, events)
    values = values_of(covariates, "the covariates")
    names = tuple(names)
    if values.shape != (months.size, len(names)) or not names:
        raise DosimetryError(
            f"Expected covariates as {months.size} rows of {len(names)} values, received shape {values.shape}; give one row a patient."
        )
    spread = values.std(axis=0)
    if not all(vary(column) for column in values.T) or np.linalg.matrix_rank(
        (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)
    ) < len(names):
        raise DosimetryError(
            f"Expected covariates that vary and do not follow from one another, received {', '.join(names)}; leave one out."
        )
    if events.sum() <= len(names):
        raise DosimetryError(
            f"Expected more events than covariates for a Cox regression, received {int(events.sum())} and {len(names)}; use fewer covariates."
        )
    scaled = (values - values.mean(axis=0)) / spread
    order = np.argsort(months, kind="stable")
    scaled, months, events = scaled[order], months[order], events[order]
    beta = np.zeros(len(names))
    null, gradient, information = _efron(scaled, months, events, beta)
    likelihood = null
    for _ in range(_MOST_STEPS):
        if np.linalg.matrix_rank(information, hermitian=True) < len(names):
            raise DosimetryError(
                f"Expected events at which patients of different {', '.join(names)} are at risk, received none or too few; use more patients."
            )
        step = np.linalg.solve(information, gradient)
        # Half steps until the likelihood rises: it is concave, so that one is found.
        while True:
            tried = _efron(scaled, months, events, beta + step)
            if tried[0] >= likelihood - _CONVERGED or np.abs(step).max() < _CONVERGED:
                break
            step = step / 2
        beta, (likelihood, gradient, information) = beta + step, tried
        if np.abs(beta).max() > _LARGEST_EFFECT:
            break
        if np.abs(step).max() < _CONVERGED:
            return _cox_result(
                beta / spread, np.linalg.inv(information) / np.outer(spread, spread), names, events, likelihood, null
            )
    raise DosimetryError(
        f"Expected covariates that do not separate who had an event, received {', '.join(names)}, whose hazard ratio grows without end; leave one out."
    )


def _efron(values, months, events, beta) -> tuple[float, np.ndarray, np.ndarray]:
    """Log partial likelihood, its gradient and minus its curvature; rows in the order of time."""
    effects = values @ beta
    # Hazards relative to the largest, so that none overflows; one that vanishes beside it makes the step too long.
    top = float(effects.max())
    risk = np.exp(effects - top)
    # Sums over who is still at risk: from each row to the last.
    zero = np.cumsum(risk[::-1])[::-1]
    one = np.cumsum((risk[:, None] * values)[::-1], axis=0)[::-1]
    two = np.cumsum((risk[:, None, None] * values[:, :, None] * values[:, None, :])[::-1], axis=0)[::-1]
    likelihood, gradient, information = 0.0, np.zeros(beta.size), np.zeros((beta.size, beta.size))
    for time in np.unique(months[events]):
        start = int(np.searchsorted(months, time))
        tied = np.flatnonzero((months == time) & events)
        tied_risk, tied_values = risk[tied], values[tied]
        tied_one = tied_risk @ tied_values
        tied_two = np.einsum("i,ij,ik->jk", tied_risk, tied_values, tied_values)
        likelihood += float((effects[tied] - top).sum())
        gradient = gradient + tied_values.sum(axis=0)
        for share in np.arange(tied.size) / tied.size:
            total = zero[start] - share * tied_risk.sum()
            if not total > 0:
                return -math.inf, gradient, information
            mean = (one[start] - share * tied_one) / total
            likelihood -= math.log(total)
            gradient = gradient - mean
            information = information + (two[start] - share * tied_two) / total - np.outer(mean, mean)
    return likelihood, gradient, information


def _cox_result(beta, covariance, names, events, likelihood, null) -> CoxResult:
    width = stats.norm.ppf(0.5 + CONFIDENCE / 2)
    effects = []
    for name, value, variance in zip(names, beta, np.diag(covariance)):
        error = math.sqrt(variance)
        low, high = (math.exp(min(value + sign * width * error, 700.0)) for sign in (-1, 1))
        p_value = float(2 * stats.norm.sf(abs(value) / error))
        effects.append(CoxEffect(name, float(value), error, math.exp(value), low, high, p_value))
    return CoxResult(tuple(effects), events.size, int(events.sum()), likelihood, null)


def _known(values) -> tuple[float | None, ...]:
    return tuple(float(value) if math.isfinite(value) else None for value in values)


def _first_below(times, survival) -> float | None:
    below = np.flatnonzero(np.nan_to_num(survival, nan=1.0) <= 0.5)
    return float(times[below[0]]) if below.size else None


def group_names(values: Any) -> tuple[str, ...]:
    """The different groups in the order of their names. Raises DosimetryError unless there are two or more."""
    found = tuple(sorted({str(value) for value in values}))
    if len(found) < 2:
        raise DosimetryError(f"Expected two groups at least, received {shown(found)}; choose another column.")
    return found
