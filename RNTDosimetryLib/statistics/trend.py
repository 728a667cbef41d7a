"""Trend over cycles of patients who each have a level of their own."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from scipy.optimize import minimize_scalar

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.statistics.survival import CONFIDENCE
from RNTDosimetryLib.statistics.values import values_of

_FEWEST_PATIENTS, _LARGEST_LOG_RATIO = 3, 12.0


@dataclass(frozen=True)
class MixedTrend(Record):
    """y = level + slope (cycle - 1) + patient's own shift + residual, by restricted maximum likelihood.

    level: at the first cycle; slope: per cycle, with standard uncertainty, 95 % interval and two-sided p (t, degrees of freedom within patients).
    between_deviation, within_deviation: of the patients' shifts and of the residuals.
    """

    label: str
    patients: int
    values: int
    level: float
    level_uncertainty: float
    slope: float
    slope_uncertainty: float
    slope_lower: float
    slope_upper: float
    p_value: float
    between_deviation: float
    within_deviation: float


def mixed_trend(patients: Any, cycles: Any, values: Any, label: str = "") -> MixedTrend:
    """Trend of (n,) values at (n,) cycles of (n,) patients (names). Raises DosimetryError for fewer than three patients, or without anyone in two cycles.

    Random intercepts; the likelihood is profiled over the ratio of the two variances. Source: Laird and Ware, Biometrics 1982.
    """
    cycles, values = values_of(cycles, "the cycles"), values_of(values, "the values over cycles")
    names, index = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    if not cycles.shape == values.shape == index.shape or values.ndim != 1:
        raise DosimetryError(
            f"Expected a patient, a cycle and a value in each row, received {index.size}, {cycles.size} and {values.size}; correct the table."
        )
    within = sum(len(np.unique(cycles[index == number])) - 1 for number in range(names.size))
    freedom = values.size - names.size - 1
    if names.size < _FEWEST_PATIENTS or within < 1 or freedom < 1:
        raise DosimetryError(
            f"Expected at least {_FEWEST_PATIENTS} patients and some of them in several cycles for a trend, received {names.size} patients with "
            f"{values.size} values; add cycles."
        )
    design = np.column_stack([np.ones(values.size), cycles - 1])
    scale = float(values.std()) or 1.0
    groups = [index == number for number in range(names.size)]

    def restricted(log_ratio: float) -> float:
        return _restricted(design, values / scale, groups, math.exp(log_ratio))[0]

    found = minimize_scalar(restricted, bounds=(-_LARGEST_LOG_RATIO, _LARGEST_LOG_RATIO), method="bounded")
    # A variance of zero between patients lies at the edge, beyond any logarithm.
    ratio = 0.0 if _restricted(design, values / scale, groups, 0.0)[0] <= found.fun else math.exp(found.x)
    _minus, beta, covariance, variance = _restricted(design, values / scale, groups, ratio)
    errors = np.sqrt(np.diag(covariance)) * scale
    level, slope = beta * scale
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom) * errors[1])
    p_value = float(2 * stats.t.sf(abs(slope) / errors[1], freedom)) if errors[1] > 0 else 1.0
    return MixedTrend(
        label, names.size, values.size, float(level), float(errors[0]), float(slope), float(errors[1]), float(slope - half), float(slope + half),
        p_value, math.sqrt(variance * ratio) * scale, math.sqrt(variance) * scale,
    )  # fmt: skip


def _restricted(design, values, groups, ratio: float):
    """Minus twice the restricted log likelihood (but for a constant), estimates, their covariance and the residual variance.

    ratio: variance between patients over that within. The inverse of I + ratio 11' is I - ratio/(1 + n ratio) 11'.
    """
    normal, right, square, logs = np.zeros((2, 2)), np.zeros(2), 0.0, 0.0
    for group in groups:
        x, y = design[group], values[group]
        shrink = ratio / (1 + len(y) * ratio)
        sums = x.sum(axis=0)
        normal += x.T @ x - shrink * np.outer(sums, sums)
        right += x.T @ y - shrink * sums * y.sum()
        square += y @ y - shrink * y.sum() ** 2
        logs += math.log1p(len(y) * ratio)
    beta = np.linalg.solve(normal, right)
    freedom = values.size - 2
    variance = max((square - right @ beta) / freedom, np.finfo(float).tiny)
    minus = freedom * math.log(variance) + logs + np.linalg.slogdet(normal)[1]
    return float(minus), beta, variance * np.linalg.inv(normal), float(variance)
