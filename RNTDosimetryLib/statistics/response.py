"""Dose and response of a cohort: logistic curve fitted to who responded, with errors in the doses."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.statistics.curvature import curvature
from RNTDosimetryLib.statistics.survival import CONFIDENCE
from RNTDosimetryLib.statistics.values import values_of, vary

_NODES = 25
_FEWEST_EACH = 4
_STEEPEST = 30.0
"""Largest logistic slope per unit of ln dose that is a slope: 1 % to 99 % within a third of the dose. Above, the groups are separate."""

_SEPARATE = "Expected doses of responders and others that overlap, received groups that a dose separates, where the slope has no end; use more patients."


@dataclass(frozen=True)
class DoseResponse(Record):
    """P(D) = 1/(1 + (D50/D)^slope), slope = 4 gamma50. D50 with 95 % interval, both on the logarithm; slope with standard uncertainty.

    p_value: of a slope of 0 (likelihood ratio). curve_*: (points,) dose, probability, 95 % limits. errors_in_dose: whether uncertainties of the doses were used: without
    them a slope comes out too flat.
    """

    label: str
    number: int
    responses: int
    d50_gy: float
    d50_lower_gy: float
    d50_upper_gy: float
    slope: float
    slope_uncertainty: float
    gamma50: float
    p_value: float
    errors_in_dose: bool
    curve_dose_gy: tuple[float, ...]
    curve_probability: tuple[float, ...]
    curve_lower: tuple[float, ...]
    curve_upper: tuple[float, ...]


def dose_response(dose_gy: Any, response: Any, dose_uncertainty_gy: Any = None, label: str = "") -> DoseResponse:
    """Logistic fit of (n,) responses (0, 1) on ln of (n,) doses. dose_uncertainty_gy: (n,), 1 sigma, or None.

    Errors in dose: ln true dose of the group is normal, and the measured one is it with a normal error of u/D, so that given the measured one the true one is normal
    around a value drawn to the group's mean; the likelihood is integrated over it by Gauss-Hermite quadrature (structural model, Carroll et al. 2006).
    Raises DosimetryError for doses not above 0, too few with and without response, and where a dose separates them.
    """
    dose, response = values_of(dose_gy, "the doses"), values_of(response, "the responses")
    known = dose_uncertainty_gy is not None
    spread = values_of(dose_uncertainty_gy, "the uncertainties of the doses") if known else np.zeros_like(dose)
    if dose.ndim != 1 or not dose.shape == response.shape == spread.shape or not np.isin(response, (0, 1)).all():
        raise DosimetryError(
            f"Expected a response of 0 or 1 for each of {dose.size} doses, received others or another number; correct the table."
        )
    yes = response == 1
    if (
        min(yes.sum(), (~yes).sum()) < _FEWEST_EACH
        or (dose <= 0).any()
        or (spread < 0).any()
        or not vary(np.log(np.maximum(dose, np.finfo(float).tiny)))
    ):
        raise DosimetryError(
            f"Expected positive doses that vary and at least {_FEWEST_EACH} with and without response, received {int(yes.sum())} and {int((~yes).sum())}; "
            "use more patients."
        )
    if dose[yes].min() > dose[~yes].max() or dose[yes].max() < dose[~yes].min():
        raise DosimetryError(_SEPARATE)
    logs, places, weights = _true_log_doses(dose, spread)
    signs = np.where(yes, 1.0, -1.0)[:, None]

    def minus(parameters, slope_free=True):
        level, slope = parameters if slope_free else (parameters[0], 0.0)
        return -float(np.log(np.exp(log_expit(signs * (level + slope * places))) @ weights).sum())

    found = minimize(minus, np.zeros(2), method="BFGS")
    level, slope = found.x
    if abs(slope) > _STEEPEST or not np.isfinite(found.fun):
        raise DosimetryError(_SEPARATE)
    if slope == 0:
        raise DosimetryError(
            "Expected a response that depends on dose, received one that does not at all; there is no curve to draw."
        )
    flat = minimize(lambda p: minus(p, False), np.zeros(1), method="BFGS")
    bend = curvature(minus, found.x)
    if not np.all(np.isfinite(bend)) or np.linalg.eigvalsh(bend)[0] <= 0:
        raise DosimetryError(
            "Expected responses that tell level and slope apart, received too few for an uncertainty; use more patients."
        )
    covariance = np.linalg.inv(bend)
    p_value = float(stats.chi2.sf(2 * max(flat.fun - found.fun, 0.0), 1))
    return _described(label, yes, logs, level, slope, covariance, p_value, known)


def _true_log_doses(dose, spread):
    """Mean of ln dose; (n, nodes) places of the true ln dose less that mean, given the measured one; weights of the nodes."""
    measured, error = np.log(dose), spread / dose
    middle = measured.mean()
    between = max(measured.var(ddof=1) - float((error**2).mean()), 0.0)
    total = between + error**2
    reliability = np.where(total > 0, between / np.where(total > 0, total, 1), 1.0)
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    center = reliability * (measured - middle)
    return middle, center[:, None] + np.sqrt(reliability * error**2)[:, None] * nodes, weights / weights.sum()


def _described(label, yes, middle, level, slope, covariance, p_value, known) -> DoseResponse:
    width = stats.norm.ppf(0.5 + CONFIDENCE / 2)
    log_d50 = middle - level / slope
    gradient = np.array([-1 / slope, level / slope**2])
    half = width * math.sqrt(max(gradient @ covariance @ gradient, 0.0))
    low, high = (math.exp(min(max(log_d50 + sign * half, -600.0), 600.0)) for sign in (-1, 1))
    reach = math.log(9.0) / abs(slope)
    places = np.linspace(min(log_d50 - reach, middle - 2), max(log_d50 + reach, middle + 2), 60)
    rows = np.column_stack([np.ones(places.size), places - middle])
    line = rows @ np.array([level, slope])
    band = width * np.sqrt(np.einsum("ij,jk,ik->i", rows, covariance, rows))
    doses, middles, lows, highs = (
        tuple(values.tolist()) for values in (np.exp(places), expit(line), expit(line - band), expit(line + band))
    )
    return DoseResponse(
        label, yes.size, int(yes.sum()), math.exp(log_d50), low, high, float(slope), math.sqrt(covariance[1, 1]), float(slope) / 4, p_value, known, doses, middles, lows, highs,
    )  # fmt: skip
