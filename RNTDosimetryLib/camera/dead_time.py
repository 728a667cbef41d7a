"""Count-rate losses of a gamma camera: from the rate that was observed to the true one, and the dead time from a decaying source.

The dead time belongs to every event in the crystal, so the rate is that of the wide spectrum, not of the photopeak; the
factor true over observed of the wide spectrum applies to the photopeak counts.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import lambertw

from RNTDosimetryLib.base.checks import checked_array, checked_number, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record, present_spelling
from RNTDosimetryLib.base.warnings import warned

MODELS = ("paralyzable", "non-paralyzable")

_HEAVY_LOSS = 0.3
_FEWEST_RATES = 4


@dataclass(frozen=True)
class DeadTime(Record):
    """Dead time of a camera. uncertainty_s: 1 sigma, None when not known. wide_spectrum_cps_per_mbq: true rate per activity of
    the source it was measured with (None when typed). chi2, degrees_of_freedom: of the fit."""

    dead_time_s: float
    model: str = "paralyzable"
    uncertainty_s: float | None = None
    wide_spectrum_cps_per_mbq: float | None = None
    chi2: float | None = None
    degrees_of_freedom: int | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: dict) -> "DeadTime":
        """Also of a file that an older version wrote, with its spelling of the model."""
        model = data.get("model") if isinstance(data, Mapping) else None
        return super().from_dict({**data, "model": present_spelling(model)} if isinstance(model, str) else data)

    def __post_init__(self):
        _check_model(self.model)
        _checked_dead_time(self.dead_time_s)
        for value, name in ((self.uncertainty_s, "uncertainty_s"), (self.wide_spectrum_cps_per_mbq, "wide_spectrum_cps_per_mbq")):
            if value is not None:
                checked_number(value, f"{name} of the dead time", "leave it out if it is not known")

    @property
    def largest_observed_cps(self) -> float:
        """Highest rate that can be observed: 1/(e tau) paralyzable, 1/tau non-paralyzable (never reached)."""
        if self.dead_time_s == 0:
            return math.inf
        return 1.0 / self.dead_time_s / (math.e if self.model == "paralyzable" else 1.0)

    def factor(self, observed_wide_cps: float) -> "DeadTimeFactor":
        """What counts at this wide-spectrum rate must be multiplied by. Raises DosimetryError beyond the highest rate."""
        rate = checked_number(observed_wide_cps, "a count rate in cps", "check the rates")
        true = float(true_rate_cps(rate, self.dead_time_s, self.model))
        busy = true * self.dead_time_s
        value = true / rate if rate > 0 else 1.0
        relative = None
        if self.uncertainty_s is not None:
            # d ln n / d tau at a fixed observed rate: n / (1 - n tau), and n.
            relative = true * self.uncertainty_s / (max(1.0 - busy, 1e-9) if self.model == "paralyzable" else 1.0)
        warnings = []
        if 1.0 - 1.0 / value > _HEAVY_LOSS:
            warnings.append(warned("heavy_dead_time", share=1.0 - 1.0 / value))
        return DeadTimeFactor(value, relative, rate, true, self.model, self.dead_time_s, tuple(warnings))


@dataclass(frozen=True)
class DeadTimeFactor(Record):
    """True over observed counts at one wide-spectrum rate. relative_uncertainty: from the dead time's, None when not known."""

    factor: float
    relative_uncertainty: float | None
    observed_wide_cps: float
    true_wide_cps: float
    model: str
    dead_time_s: float
    warnings: tuple[str, ...] = ()


def observed_rate_cps(true_cps, dead_time_s: float, model: str = "paralyzable") -> np.ndarray:
    """Rate that is observed at a true rate n: n exp(-n tau) paralyzable, n / (1 + n tau) non-paralyzable."""
    true = _checked_rates(true_cps)
    _check_model(model)
    dead_time_s = _checked_dead_time(dead_time_s)
    return true * np.exp(-true * dead_time_s) if model == "paralyzable" else true / (1.0 + true * dead_time_s)


def true_rate_cps(observed_cps, dead_time_s: float, model: str = "paralyzable") -> np.ndarray:
    """True rate of an observed one (a number or an array, for example one for each projection).

    Paralyzable: n = m exp(-W(-m tau)), W the main branch of Lambert's function: the solution below the maximum, so a camera
    beyond its maximum (more activity, fewer counts) is not described. Non-paralyzable: m / (1 - m tau).
    Raises DosimetryError for rates that this dead time cannot give.
    """
    observed = _checked_rates(observed_cps)
    _check_model(model)
    dead_time_s = _checked_dead_time(dead_time_s)
    if dead_time_s == 0:
        return observed
    busy = observed * dead_time_s
    largest = 1.0 / math.e if model == "paralyzable" else 1.0
    if np.any(busy >= largest):
        raise DosimetryError(
            f"Expected a wide-spectrum rate below {largest / dead_time_s:.4g} cps, the highest of a {model} dead time of {dead_time_s:.3g} s, "
            f"received {observed.max():.4g} cps; check rate, dead time and model."
        )
    return observed * np.exp(-lambertw(-busy).real) if model == "paralyzable" else observed / (1.0 - busy)


def fit_dead_time(activities_mbq, observed_wide_cps, duration_s: float, model: str = "paralyzable") -> DeadTime:
    """Dead time and sensitivity from one source at several activities (a decaying source).

    activities_mbq, observed_wide_cps: (n,), n >= 4, from low to high rates in any order. Poisson counts over duration_s weight
    the points; when they scatter by more than that, the uncertainty grows by sqrt(chi2 / (n - 2)).
    Raises DosimetryError for too few points, and when no dead time can be seen in them.
    """
    from scipy.optimize import least_squares

    activity, rate = (
        checked_array(values, "the series of activities and rates").ravel() for values in (activities_mbq, observed_wide_cps)
    )
    _check_model(model)
    checked_number(duration_s, "positive activities, rates and a duration in s", "check the series", above=True)
    if activity.size != rate.size or activity.size < _FEWEST_RATES:
        raise DosimetryError(
            f"Expected at least {_FEWEST_RATES} pairs of activity and rate, received {activity.size} and {rate.size}; measure more."
        )
    if not (activity.min() > 0 and rate.min() > 0):
        raise DosimetryError("Expected positive activities, rates and duration, received others; check the series.")
    sigma = np.sqrt(rate / duration_s)
    slope = float((rate / activity).max())
    # In units of the largest rate, so that both parameters are near 1.
    scale = np.array([slope, 1.0 / (slope * activity.max())])

    def residuals(parameters):
        sensitivity, dead_time = parameters * scale
        return (observed_rate_cps(sensitivity * activity, dead_time, model) - rate) / sigma

    fit = least_squares(
        residuals, (1.0, 0.2), bounds=((0.0, 0.0), (np.inf, np.inf)), x_scale=(1.0, 0.2), xtol=1e-14, ftol=1e-14, gtol=1e-12
    )
    sensitivity, dead_time = (float(value) for value in fit.x * scale)
    chi2, freedom = float(2.0 * fit.cost), activity.size - 2
    information = fit.jac.T @ fit.jac
    if not np.all(np.isfinite(information)) or np.linalg.matrix_rank(information) < len(information):
        raise DosimetryError(
            "Expected activities whose rates show both sensitivity and dead time, received ones that do not; measure from low to high rates."
        )
    covariance = np.linalg.inv(information) * max(1.0, chi2 / freedom)
    uncertainty = float(math.sqrt(covariance[1, 1]) * scale[1])
    if dead_time < 2.0 * uncertainty:
        raise DosimetryError(
            f"Expected losses that show the dead time, received a fit of {dead_time:.2g} +- {uncertainty:.2g} s; measure at higher activity."
        )
    warnings = []
    if chi2 / freedom > 4.0:
        warnings.append(warned("dead_time_model_misses", model=model, factor=math.sqrt(chi2 / freedom)))
    return DeadTime(dead_time, model, uncertainty, sensitivity, chi2, freedom, tuple(warnings))


def _checked_rates(rates) -> np.ndarray:
    array = checked_array(rates, "the count rates")
    if np.any(array < 0):
        raise DosimetryError("Expected count rates of zero or more, received negative ones; check the rates.")
    return array


def _checked_dead_time(dead_time_s) -> float:
    return checked_number(dead_time_s, "a dead time in s", "give 6e-7 for 0.6 microseconds", 0.0, 1e-2, below=True)


def _check_model(model: str) -> None:
    if not isinstance(model, str) or model not in MODELS:
        raise DosimetryError(f"Expected the model {' or '.join(MODELS)}, received '{shown(model)}'; choose one.")
