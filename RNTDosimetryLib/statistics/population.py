"""Population kinetics of the own cohort: log-normal rates and amplitudes with residual error, and what one scan would have given with them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from RNTDosimetryLib.base.checks import as_numbers, positive_number
from RNTDosimetryLib.base.documents import Result
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.kinetics import PopulationPrior, RatePrior, fit_time_activity, single_time_point
from RNTDosimetryLib.statistics.curvature import curvature

FEWEST_PATIENTS = 5
_NODES = 31
_NARROWEST = 0.02
_SMALLEST_LOG_SD, _LARGEST_LOG_SD = 0.01, 2.0
_WIDE = 2.0
"""Number of standard uncertainties within which an estimate counts as covering the truth: 95 % of a normal distribution."""


@dataclass(frozen=True)
class PatientCurve(Record):
    """Activity of one tissue of one patient. times_h, activities_mbq: (n,), after the end of uptake; not decay corrected."""

    patient: str
    times_h: tuple[float, ...]
    activities_mbq: tuple[float, ...]


@dataclass(frozen=True)
class PopulationKinetics(Record):
    """Mono-exponential clearance of a tissue over patients: A(t) = a exp(-(decay + k) t), ln k and ln a normal with a correlation, relative residual error.

    biological_rate_per_h: median of k. Uncertainties are standard uncertainties of the logarithms (of the correlation: of itself), from the curvature of the marginal likelihood; None where
    it has none.
    """

    radiopharmaceutical: str
    tissue: str
    physical_half_life_h: float
    patients: int
    samples: int
    biological_rate_per_h: float
    rate_log_uncertainty: float | None
    rate_log_sd: float
    rate_log_sd_uncertainty: float | None
    amplitude_mbq: float
    amplitude_log_sd: float
    correlation: float
    residual_relative: float
    log_likelihood: float
    date: str = ""
    source: str = ""

    @property
    def effective_half_life_h(self) -> float:
        return math.log(2.0) / (self.biological_rate_per_h + math.log(2.0) / self.physical_half_life_h)

    def prior(self) -> PopulationPrior:
        """The population as one-, two- and three-scan dosimetry takes it.

        What a further patient may have is wider than the spread between patients by the uncertainty of the median.
        """
        spread = math.hypot(self.rate_log_sd, self.rate_log_uncertainty or 0.0)
        return PopulationPrior(
            f"{self.radiopharmaceutical} {self.tissue}",
            clearance=RatePrior(self.biological_rate_per_h, max(spread, _SMALLEST_LOG_SD), self.source or self.words, "C"),
        )

    @property
    def words(self) -> str:
        return f"own cohort of {self.patients} patients{', ' + self.date if self.date else ''}"


@dataclass(frozen=True)
class PriorsFile(Result):
    """Populations of a clinic's own cohort, for single-scan dosimetry by name."""

    NAME = "RNTDosimetry population kinetics"
    WHAT = "a file of population kinetics"
    PAGE = "docs/cohort.md"

    populations: tuple[PopulationKinetics, ...]

    def prior(self, radiopharmaceutical: str, tissue: str) -> PopulationPrior:
        """Population by name; case, spaces and hyphens do not matter. Raises DosimetryError where there is none."""
        for item in self.populations:
            if _plain(item.radiopharmaceutical) == _plain(radiopharmaceutical) and _plain(item.tissue) == _plain(tissue):
                return item.prior()
        known = "; ".join(f"{item.radiopharmaceutical} {item.tissue}" for item in self.populations) or "none"
        raise DosimetryError(
            f"Expected a population of the file ({known}), received '{radiopharmaceutical}' '{tissue}'; use one of them or a wider cohort."
        )


@dataclass(frozen=True)
class OneScan(Record):
    """What a single scan at one time would have given, each patient with the population of the others.

    bias_percent, deviation_percent: of TIA by one scan over TIA by all, mean and standard deviation. coverage: share within two stated standard
    uncertainties of the difference. stated_percent: mean stated relative uncertainty of the single scan by noise and population
    (``tia_fit_uncertainty_mbq_h``), without that of other kinds of curves.
    """

    time_h: float
    patients: int
    bias_percent: float
    deviation_percent: float
    stated_percent: float
    coverage: float


def fit_population(
    curves: Sequence[PatientCurve], nuclide, radiopharmaceutical: str = "", tissue: str = "", date: str = "", source: str = ""
) -> PopulationKinetics:
    """Population of a tissue by maximum marginal likelihood. curves: one a patient, samples after uptake.

    Given its rate, the logarithms of a patient's samples are normal, and the amplitude is integrated in closed form; the rate by Gauss-Hermite quadrature around each patient's
    best value. Source: Davidian and Giltinan, Nonlinear Models for Repeated Measurement Data, 1995. Raises DosimetryError for too few patients or samples.
    """
    decay = positive_number(nuclide.decay_constant_per_h, "decay constant of the nuclide")
    return _fitted([_logs_of(curve, decay) for curve in curves], decay, (radiopharmaceutical, tissue, date, source))


def _fitted(data, decay: float, names=("", "", "", ""), start: np.ndarray | None = None) -> PopulationKinetics:
    """start: parameters of nearly the same cohort, so that the search is short."""
    radiopharmaceutical, tissue, date, source = names
    samples = sum(times.size for times, _logs in data)
    if (
        len(data) < FEWEST_PATIENTS
        or sum(times.size >= 2 for times, _logs in data) < FEWEST_PATIENTS
        or samples < 2 * len(data) + 2
    ):
        raise DosimetryError(
            f"Expected at least {FEWEST_PATIENTS} patients with two samples or more, and some with three, for population kinetics of {tissue or 'a tissue'}, received "
            f"{len(data)} with {samples} samples; use a larger cohort."
        )
    bounds, sums = _bounds(_start(data)), _sums(data)

    def minus(parameters):
        return -_log_likelihood(parameters, sums)

    found = minimize(minus, _start(data) if start is None else start, method="L-BFGS-B", bounds=bounds)
    errors = _errors(minus, found.x)
    rate, log_spread, amplitude, log_between, angle, residual = found.x
    return PopulationKinetics(
        radiopharmaceutical=radiopharmaceutical,
        tissue=tissue,
        physical_half_life_h=math.log(2.0) / decay,
        patients=len(data),
        samples=samples,
        biological_rate_per_h=math.exp(rate),
        rate_log_uncertainty=errors[0],
        rate_log_sd=math.exp(log_spread),
        rate_log_sd_uncertainty=None if errors[1] is None else errors[1] * math.exp(log_spread),
        amplitude_mbq=math.exp(amplitude),
        amplitude_log_sd=math.exp(log_between),
        correlation=math.tanh(angle),
        residual_relative=math.exp(residual),
        log_likelihood=-float(found.fun),
        date=date,
        source=source,
    )


def _parameters(population: PopulationKinetics) -> np.ndarray:
    return np.array(
        [
            math.log(population.biological_rate_per_h), math.log(population.rate_log_sd), math.log(population.amplitude_mbq),
            math.log(population.amplitude_log_sd), math.atanh(population.correlation), math.log(population.residual_relative),
        ]
    )  # fmt: skip


def _logs_of(curve: PatientCurve, decay: float) -> tuple[np.ndarray, np.ndarray]:
    times, values = as_numbers(curve.times_h, "times_h", "h"), as_numbers(curve.activities_mbq, "activities_mbq", "MBq")
    if times.ndim != 1 or times.shape != values.shape or times.size == 0 or (values <= 0).any() or (times < 0).any():
        raise DosimetryError(
            f"Expected positive activities at times of zero or more for {curve.patient}, received others; leave out samples without activity."
        )
    return times, np.log(values) + decay * times


def _start(data) -> np.ndarray:
    """From a straight line through each patient's logarithms."""
    lines = [np.polyfit(times, logs, 1) for times, logs in data if times.size >= 2 and np.ptp(times) > 0]
    rates = np.log(np.maximum([-line[0] for line in lines], 1e-4))
    levels = np.array([line[1] for line in lines])
    rate_sd, level_sd = max(float(np.std(rates)), 0.1), max(float(np.std(levels)), 0.1)
    return np.array(
        [np.median(rates), math.log(min(rate_sd, 1.0)), np.median(levels), math.log(min(level_sd, 1.5)), 0.0, math.log(0.08)]
    )


def _bounds(start):
    spread = math.log(_SMALLEST_LOG_SD), math.log(_LARGEST_LOG_SD)
    return [
        (start[0] - 4, start[0] + 4),
        spread,
        (start[2] - 4, start[2] + 4),
        spread,
        (-2.0, 2.0),
        (math.log(0.003), math.log(1.0)),
    ]


_GRID, _WEIGHTS = np.polynomial.hermite_e.hermegauss(_NODES)
_COARSE = np.linspace(-6.0, 6.0, 49)


def _sums(data) -> np.ndarray:
    """(6, patients): number of samples, and sums of t, y, t^2, t y, y^2, with y the logarithms without physical decay."""
    rows = [(t.size, t.sum(), y.sum(), (t * t).sum(), (t * y).sum(), (y * y).sum()) for t, y in data]
    return np.array(rows, dtype=float).T


def _log_likelihood(parameters, sums: np.ndarray) -> float:
    """Marginal likelihood of all patients, from the sums of their samples. Nodes of each are laid around the best ln k of that patient."""
    rate, log_spread, amplitude, log_between, angle, residual = parameters
    spread, between, correlation, error = math.exp(log_spread), math.exp(log_between), math.tanh(angle), math.exp(residual)
    left = between**2 * (1 - correlation**2)
    number, t, y, tt, ty, yy = (row[:, None] for row in sums)

    def exponent(z):
        """(patients, nodes). z: standard normal of ln k. Given it: y ~ N(level(z) - k(z) t, error^2 I + left 11')."""
        level, k = amplitude + correlation * between * z, np.exp(rate + spread * z)
        squares = yy + number * level**2 + k**2 * tt - 2 * level * y + 2 * k * ty - 2 * level * k * t
        total = y - number * level + k * t
        return -0.5 * ((squares - left * total**2 / (error**2 + number * left)) / error**2 + z**2)

    values = exponent(_COARSE[None, :])
    weights = np.exp(values - values.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    center = weights @ _COARSE
    width = np.maximum(np.sqrt((weights * (_COARSE - center[:, None]) ** 2).sum(axis=1)), _NARROWEST)
    places = center[:, None] + width[:, None] * _GRID
    integral = logsumexp(exponent(places) + 0.5 * _GRID**2, b=_WEIGHTS * width[:, None], axis=1)
    logdet = (sums[0] - 1) * math.log(error**2) + np.log(error**2 + sums[0] * left)
    return float((integral - 0.5 * (logdet + (sums[0] + 1) * math.log(2 * math.pi))).sum())


def _errors(minus, place) -> list[float | None]:
    """Standard uncertainties; None where a parameter lies at its bound and the curvature has no inverse."""
    try:
        variances = np.diag(np.linalg.inv(curvature(minus, place)))
    except np.linalg.LinAlgError:
        return [None] * place.size
    return [math.sqrt(value) if np.isfinite(value) and value > 0 else None for value in variances]


def one_scan_instead(
    curves: Sequence[PatientCurve], nuclide, population: PopulationKinetics | None = None
) -> tuple[OneScan, ...]:
    """Leave-one-out: TIA of each patient by a single scan at each time that most have, with the population of the others, against that by all scans.

    population: of all, as start and for its residual error; fitted where None. TIA by all: the same fit with the population of the others and all samples. Raises DosimetryError as ``fit_population``.
    """
    population = fit_population(curves, nuclide) if population is None else population
    times, decay = _common_times(curves), nuclide.decay_constant_per_h
    data = [_logs_of(curve, decay) for curve in curves]
    found: dict[float, list[tuple[float, float, float]]] = {time: [] for time in times}
    for index, curve in enumerate(curves):
        others = _fitted([*data[:index], *data[index + 1 :]], decay, start=_parameters(population))
        prior = others.prior()
        truth = _tia_by_all(curve, nuclide, others)
        for time in times:
            nearest = int(np.argmin(np.abs(np.array(curve.times_h) - time)))
            if abs(curve.times_h[nearest] - time) > 0.15 * time:
                continue
            value = curve.activities_mbq[nearest]
            one = single_time_point(
                curve.times_h[nearest], value, nuclide, "prior", uncertainty_mbq=others.residual_relative * value, prior=prior
            )
            # Noise and population: other curves are no part of it, because TIA by all scans is of the same kind of curve.
            if one.tia_fit_uncertainty_mbq_h is not None:
                found[time].append((one.tia_mbq_h, one.tia_fit_uncertainty_mbq_h, truth))
    return tuple(_one_scan(time, rows) for time, rows in found.items() if len(rows) >= FEWEST_PATIENTS)


def _tia_by_all(curve: PatientCurve, nuclide, others: PopulationKinetics) -> float:
    values = np.array(curve.activities_mbq)
    fit = fit_time_activity(curve.times_h, values, nuclide, others.residual_relative * values, model="mono", prior=others.prior())
    return float(fit.tia_mbq_h)


def _common_times(curves) -> tuple[float, ...]:
    """Times at which at least half of the patients were scanned, within 15 %: means of each."""
    times = np.sort(np.concatenate([curve.times_h for curve in curves]))
    groups: list[list[float]] = []
    for time in times[times > 0]:
        if groups and time <= 1.3 * groups[-1][0]:
            groups[-1].append(time)
        else:
            groups.append([time])
    return tuple(float(np.median(group)) for group in groups if len(group) >= len(curves) / 2)


def _one_scan(time: float, rows) -> OneScan:
    one, stated, truth = np.array(rows).T
    ratio = 100 * (one / truth - 1)
    return OneScan(
        time, len(rows), float(ratio.mean()), float(ratio.std(ddof=1)), float(100 * (stated / one).mean()),
        float((np.abs(one - truth) <= _WIDE * stated).mean()),
    )  # fmt: skip


def _plain(text: Any) -> str:
    return "".join(letter for letter in str(text).lower() if letter.isalnum())
