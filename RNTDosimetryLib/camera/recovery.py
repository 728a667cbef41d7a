"""Recovery coefficients: a curve fitted to a sphere phantom scan, and the coefficient of a region with its uncertainty.

No curve is preset: recovery belongs to a camera, a nuclide and a reconstruction.
"""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.checks import checked_kind, checked_number, checked_relative, number_array, shown
from RNTDosimetryLib.base.documents import Result
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.provenance import write_document
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.volumes import Region
from RNTDosimetryLib.measurement.uncertainty import content_sensitivity, sphere_recovery

MODELS = ("logistic", "gaussian")
PARAMETERS = {"logistic": ("b1_ml", "b2"), "gaussian": ("fwhm_mm",)}

_STARTS = {"logistic": (5.0, 0.8), "gaussian": (12.0,)}
_STEP = 1e-4
_LACK_OF_FIT_PROBABILITY = 0.01
_FAR_OUTSIDE = 2.0
_STRONG_CORRECTION = 0.3
_PLOT_POINTS = 121


@dataclass(frozen=True)
class RecoveryCoefficient(Record):
    """Recovery of one volume. uncertainty: 1 sigma, absolute, of all known parts: covariance of the fit (with what is common to all
    spheres, concentration and calibration), lack of fit of the model, and volume (dR/dv u(v), None when not known)."""

    value: float
    uncertainty: float
    fit_part: float
    model_part: float
    volume_part: float | None
    warnings: tuple[str, ...] = ()

    @property
    def curve_uncertainty(self) -> float:
        """Of the curve alone, without the volume."""
        return math.hypot(self.fit_part, self.model_part)


@dataclass(frozen=True)
class RecoveryCurve(Result):
    """R(v) fitted to spheres. model: "logistic" R = 1 - 1/(1+(v/b1)^b2), or "gaussian", a sphere seen with one resolution.

    parameters by name; covariance: in their order. volumes_ml, recoveries, uncertainties: the points. lack_of_fit: standard
    deviation of the points about the curve beyond their own uncertainty, 0 when they agree. systematic_relative_uncertainty:
    common to all points (calibration, filled concentration), None when not known; it is in the covariance. chi2: with the points' own uncertainties, None without them.
    """

    NAME = "RNTDosimetry recovery curve"
    FORMER = ("RNTDosimetry recovery curve 1",)
    WHAT = "a recovery file"
    PAGE = "docs/recovery.md"

    model: str
    parameters: dict[str, float]
    covariance: tuple[tuple[float, ...], ...]
    volumes_ml: tuple[float, ...]
    recoveries: tuple[float, ...]
    uncertainties: tuple[float, ...] | None
    lack_of_fit: float = 0.0
    systematic_relative_uncertainty: float | None = None
    chi2: float | None = None
    degrees_of_freedom: int = 0
    setup: dict[str, str] = field(default_factory=dict)
    title: str = ""
    warnings: tuple[str, ...] = ()

    def __post_init__(self):
        if self.model not in MODELS or tuple(self.parameters) != PARAMETERS[self.model]:
            raise DosimetryError(
                f"Expected a recovery curve of model {' or '.join(MODELS)} with its parameters, received {self.model} with {list(self.parameters)}."
            )
        values = np.array(list(self.parameters.values()), dtype=float)
        covariance = np.asarray(self.covariance, dtype=float)
        if not np.all(np.isfinite(values)) or values.min() <= 0 or covariance.shape != (values.size, values.size):
            raise DosimetryError(
                "Expected positive parameters and a covariance of their size in the recovery curve, received others; fit it again."
            )

    def value(self, volumes_ml) -> np.ndarray:
        """R at volumes in mL, without range check."""
        return _values(self.model, tuple(self.parameters.values()), volumes_ml)

    def slope(self, volume_ml: float) -> float:
        """dR/dv, per mL."""
        up, down = self.value([volume_ml * math.exp(_STEP), volume_ml * math.exp(-_STEP)])
        return float(up - down) / (2.0 * _STEP * volume_ml)

    def coefficient(self, volume_ml: float, relative_volume_uncertainty: float | None = None) -> RecoveryCoefficient:
        """R of a volume: u2(R) = g'Vg + s2 + (dR/dv)2 u2(v), g the gradient in the parameters, V their covariance, s the lack of fit."""
        checked_number(volume_ml, "a positive volume in mL", "draw the region", above=True)
        checked_relative(relative_volume_uncertainty, "the volume")
        value = float(self.value([volume_ml])[0])
        gradient = _gradient(self.model, tuple(self.parameters.values()), [volume_ml])[0]
        fit_part = math.sqrt(float(gradient @ np.asarray(self.covariance) @ gradient))
        volume_part = (
            None if relative_volume_uncertainty is None else abs(self.slope(volume_ml)) * relative_volume_uncertainty * volume_ml
        )
        uncertainty = math.hypot(fit_part, self.lack_of_fit, volume_part or 0.0)
        return RecoveryCoefficient(value, uncertainty, fit_part, self.lack_of_fit, volume_part, self._warnings(volume_ml, value))

    def plot_data(self) -> dict[str, np.ndarray]:
        """Curve and points to draw: volume_ml, recovery, lower, upper (1 sigma of fit and lack of fit), and point_volume_ml, point_recovery, point_error."""
        low, high = min(self.volumes_ml) / _FAR_OUTSIDE, max(self.volumes_ml) * _FAR_OUTSIDE
        volumes = np.geomspace(low, high, _PLOT_POINTS)
        gradients = _gradient(self.model, tuple(self.parameters.values()), volumes)
        error = np.sqrt(np.einsum("ni,ij,nj->n", gradients, np.asarray(self.covariance), gradients) + self.lack_of_fit**2)
        curve = self.value(volumes)
        return {
            "volume_ml": volumes,
            "recovery": curve,
            "lower": curve - error,
            "upper": curve + error,
            "point_volume_ml": np.asarray(self.volumes_ml),
            "point_recovery": np.asarray(self.recoveries),
            "point_error": np.zeros(len(self.volumes_ml)) if self.uncertainties is None else np.asarray(self.uncertainties),
        }

    def _warnings(self, volume_ml: float, value: float) -> tuple[str, ...]:
        texts = []
        if not min(self.volumes_ml) / _FAR_OUTSIDE <= volume_ml <= max(self.volumes_ml) * _FAR_OUTSIDE:
            texts.append(
                warned(
                    "recovery_far_outside_the_spheres", volume=volume_ml, least=min(self.volumes_ml), most=max(self.volumes_ml)
                )
            )
        if value < _STRONG_CORRECTION:
            texts.append(warned("strong_recovery_correction", volume=volume_ml, value=value, factor=1 / value))
        return tuple(texts)


def fit_recovery(
    volumes_ml,
    recoveries,
    uncertainties=None,
    model: str = "auto",
    systematic_relative_uncertainty: float | None = None,
    setup=None,
) -> RecoveryCurve:
    """Fit a recovery curve to spheres.

    volumes_ml, recoveries: (n,), n of at least one more than the parameters. uncertainties: random, absolute, 1 sigma, (n,) or None.
    systematic_relative_uncertainty: common to all points; it makes the covariance of the points full. model: "logistic",
    "gaussian", or "auto", the one with the lower AICc. Points that scatter about the curve by more than their
    uncertainties allow (probability under 1 %) get a common extra standard deviation s with which chi2 is its expectation;
    it is kept as ``lack_of_fit`` and added to every coefficient. Without uncertainties s is the scatter.
    Raises DosimetryError for too few points, volumes that repeat one another, or values that are no recoveries.
    """
    volumes, values, sigma = _checked_points(volumes_ml, recoveries, uncertainties)
    if systematic_relative_uncertainty is not None:
        checked_number(
            systematic_relative_uncertainty, "a relative uncertainty of all spheres together", "give 0.05 for 5 %", 0.0, 1.0
        )
    if not isinstance(model, str) or model not in (*MODELS, "auto"):
        raise DosimetryError(f"Expected the model {', '.join(MODELS)} or auto, received '{shown(model)}'; choose one.")
    names = [name for name in MODELS if volumes.size > len(PARAMETERS[name]) + 1] if model == "auto" else [model]
    too_few = [name for name in names if volumes.size <= len(PARAMETERS[name])]
    if too_few or not names:
        raise DosimetryError(
            f"Expected at least {len(PARAMETERS[(too_few or MODELS)[0]]) + 1} spheres for this model, received {volumes.size}; scan more."
        )
    common = systematic_relative_uncertainty or 0.0
    points = _Points(volumes, values, np.ones(volumes.size) if sigma is None else sigma, 0.0 if sigma is None else common)
    fits = {name: _fit(name, points) for name in names}
    chosen = min(names, key=lambda name: _aicc(fits[name][1], volumes.size, len(PARAMETERS[name]), sigma is not None))
    chi2, freedom = fits[chosen][1], volumes.size - len(PARAMETERS[chosen])
    extra = math.sqrt(chi2 / freedom) if sigma is None else _lack_of_fit(chosen, points, chi2, freedom)
    # Without uncertainties the scatter is that of the points, and of what lies between them.
    spread = np.full(volumes.size, max(extra, 1e-12)) if sigma is None else np.hypot(sigma, extra)
    parameters, _, covariance = _fit(chosen, replace(points, sigma=spread, common=common))
    warnings = []
    if sigma is None:
        warnings.append(warned("spheres_without_uncertainty"))
    elif extra > 0:
        warnings.append(warned("curve_misses_the_spheres", model=chosen, extra=extra))
    return RecoveryCurve(
        model=chosen,
        parameters=dict(zip(PARAMETERS[chosen], (float(value) for value in parameters))),
        covariance=tuple(tuple(float(value) for value in row) for row in covariance),
        volumes_ml=tuple(volumes.tolist()),
        recoveries=tuple(values.tolist()),
        uncertainties=None if sigma is None else tuple(sigma.tolist()),
        lack_of_fit=extra,
        systematic_relative_uncertainty=systematic_relative_uncertainty,
        chi2=None if sigma is None else chi2,
        degrees_of_freedom=freedom,
        setup=dict(setup or {}),
        warnings=tuple(warnings),
    )


def apply_recovery(
    region: Region, curve: RecoveryCurve, relative_volume_uncertainty: float | None = None
) -> tuple[Region, RecoveryCoefficient]:
    """The region with the recovery coefficient of its volume, and the coefficient with its parts and warnings.

    The region carries the uncertainty of the curve and how the coefficient changes with the volume, not the volume part itself:
    a wrong outline changes content and recovery together, and ``measure_activity`` adds what is left of both once.
    """
    checked_kind(curve, RecoveryCurve, "the recovery curve")
    volume_ml = checked_kind(region, Region, "the region").volume_ml
    coefficient = curve.coefficient(volume_ml, relative_volume_uncertainty)
    changed = replace(
        region,
        recovery_coefficient=coefficient.value,
        recovery_coefficient_uncertainty=coefficient.curve_uncertainty,
        recovery_volume_sensitivity=curve.slope(volume_ml) * volume_ml / coefficient.value,
    )
    return changed, coefficient


def volume_part_of_activity(curve: RecoveryCurve, volume_ml: float, relative_volume_uncertainty: float, fwhm_mm: float) -> float:
    """Relative uncertainty of an activity A = C / R from the volume of its region, in content C and recovery R together.

    A larger outline holds more counts, and a larger volume has a higher recovery: |phi/(2R) - dlnR/dlnv| u(v)/v. The
    two parts in squares, as if independent, are an upper estimate.
    """
    sensitivity = curve.slope(volume_ml) * volume_ml / float(curve.value([volume_ml])[0])
    return abs(content_sensitivity(volume_ml, fwhm_mm) - sensitivity) * relative_volume_uncertainty


def write_recovery(curve: RecoveryCurve, path) -> Path:
    """Write a curve as JSON."""
    return write_document(path, curve)


def read_recovery(path) -> RecoveryCurve:
    """Read a recovery file. Raises DosimetryError for a file that is missing, another kind, or damaged."""
    return RecoveryCurve.read(path)


def _checked_points(volumes_ml, recoveries, uncertainties):
    volumes, values = (
        number_array(item, f"the {what} of the spheres").ravel()
        for item, what in ((volumes_ml, "volumes"), (recoveries, "recoveries"))
    )
    if volumes.size != values.size or volumes.size == 0:
        raise DosimetryError(f"Expected one recovery per volume, received {values.size} for {volumes.size}; pair them up.")
    if not np.all(np.isfinite(volumes)) or volumes.min() <= 0 or np.unique(volumes).size < volumes.size:
        raise DosimetryError(
            f"Expected different positive volumes in mL, received {shown(volumes.tolist())}; average repeated spheres first."
        )
    if not np.all(np.isfinite(values)) or values.min() <= 0 or values.max() > 2:
        raise DosimetryError(
            f"Expected recoveries between 0 and 2, received {shown(values.tolist())}; leave out spheres without signal."
        )
    if uncertainties is None:
        return volumes, values, None
    sigma = number_array(uncertainties, "the uncertainties of the spheres").ravel()
    if sigma.shape != values.shape or not np.all(np.isfinite(sigma)) or sigma.min() <= 0:
        raise DosimetryError(
            f"Expected a positive uncertainty for each recovery, received {shown(sigma.tolist())}; leave them all out if not known."
        )
    return volumes, values, sigma


def _values(model: str, parameters, volumes_ml) -> np.ndarray:
    volumes = np.asarray(volumes_ml, dtype=float).ravel()
    if model == "logistic":
        b1, b2 = parameters
        return 1.0 - 1.0 / (1.0 + (volumes / b1) ** b2)
    return np.array([sphere_recovery(volume, parameters[0]) for volume in volumes])


def _gradient(model: str, parameters, volumes_ml) -> np.ndarray:
    """dR over each parameter, (n, parameters)."""
    columns = []
    for number, value in enumerate(parameters):
        shifted = [[*parameters[:number], value * math.exp(sign * _STEP), *parameters[number + 1 :]] for sign in (-1.0, 1.0)]
        low, high = (_values(model, item, volumes_ml) for item in shifted)
        columns.append((high - low) / (2.0 * _STEP * value))
    return np.stack(columns, axis=-1)


@dataclass(frozen=True)
class _Points:
    """Spheres to fit. sigma: (n,) independent standard uncertainties; common: relative, of all together."""

    volumes: np.ndarray
    values: np.ndarray
    sigma: np.ndarray
    common: float

    def whitening(self, expected: np.ndarray) -> np.ndarray:
        """Matrix that makes residuals independent with variance 1. The common part scales the expected values, not the measured
        ones: these would pull the fit low (Peelle's puzzle)."""
        return np.linalg.inv(np.linalg.cholesky(np.diag(self.sigma**2) + np.outer(expected, expected) * self.common**2))


def _fit(model: str, points: _Points) -> tuple[np.ndarray, float, np.ndarray]:
    """Parameters, chi-squared, covariance. Fitted as logarithms, so that they stay positive."""
    from scipy.optimize import least_squares

    logs, chi2, whitening = np.log(_STARTS[model]), 0.0, np.diag(1.0 / points.sigma)
    for _ in range(1 if points.common == 0 else 3):
        fit = least_squares(
            lambda x, w: w @ (_values(model, tuple(np.exp(np.clip(x, -20.0, 20.0))), points.volumes) - points.values),
            logs,
            jac=lambda x, w: w @ (_gradient(model, tuple(np.exp(np.clip(x, -20.0, 20.0))), points.volumes) * np.exp(x)),
            args=(whitening,),
        )
        logs, chi2, used = fit.x, float(2.0 * fit.cost), whitening
        whitening = points.whitening(_values(model, tuple(np.exp(logs)), points.volumes))
    parameters = np.exp(logs)
    normal = used @ _gradient(model, tuple(parameters), points.volumes)
    information = normal.T @ normal
    if not np.all(np.isfinite(information)) or np.linalg.cond(information) > 1e14:
        raise DosimetryError(
            f"Expected spheres that determine the {model} curve, received points that do not; use spheres of more different sizes."
        )
    return parameters, chi2, np.linalg.inv(information)


def _aicc(chi2: float, points: int, parameters: int, known: bool) -> float:
    count = parameters if known else parameters + 1
    fit = chi2 if known else points * math.log(max(chi2, 1e-300) / points)
    rest = points - count - 1
    return math.inf if rest <= 0 else fit + 2.0 * count + 2.0 * count * (count + 1) / rest


def _lack_of_fit(model: str, points: _Points, chi2: float, freedom: int) -> float:
    """Extra standard deviation of each point with which chi2 is the degrees of freedom; 0 when the points agree."""
    from scipy import stats
    from scipy.optimize import brentq

    if stats.chi2.sf(chi2, freedom) >= _LACK_OF_FIT_PROBABILITY:
        return 0.0
    upper = 4.0 * math.sqrt(chi2 / freedom) * float(points.sigma.max())
    extra = brentq(lambda s: _fit(model, replace(points, sigma=np.hypot(points.sigma, s)))[1] - freedom, 0.0, upper, xtol=1e-6)
    return float(extra)
