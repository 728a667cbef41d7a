"""Frozen results of the fits."""

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtri

from RNTDosimetryLib.base.checks import as_numbers
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.kinetics.models import TRAPEZOID


@dataclass(frozen=True)
class RankedModel(Record):
    """One model that was tried. aicc is None where the samples are too few for it; weight is 0 where it was not admitted."""

    model: str
    label: str
    admitted: bool
    reason: str
    weight: float
    aicc: float | None
    chi2: float | None
    tia_mbq_h: float | None
    tia_uncertainty_mbq_h: float | None


@dataclass(frozen=True)
class BootstrapSummary(Record):
    """Parametric bootstrap: spread of the time-integrated activity over refitted simulated curves, MBq h."""

    samples: int
    seed: int
    tia_mean_mbq_h: float
    tia_sd_mbq_h: float
    tia_16th_percentile_mbq_h: float
    tia_84th_percentile_mbq_h: float


@dataclass(frozen=True, eq=False)
class KineticFit(Record):
    """A time-activity curve of one region, its integral over all time and what is known of its uncertainty.

    Activities in MBq, times in hours after the start of administration, rates per hour (effective: with physical decay).
    covariance, correlation and standard_errors are in the order of ``parameters``; they and the uncertainties are None
    where the samples cannot give them. tail_share is the part of the integral beyond the last sample.
    tia_uncertainty_mbq_h is the whole standard uncertainty: tia_fit_uncertainty_mbq_h, the noise of the samples through this model (its
    covariance), and tia_model_uncertainty_mbq_h, other curves that the samples cannot exclude. The same curves give the interval from
    tia_low_mbq_h to tia_high_mbq_h, which holds tia_coverage of what is possible; it lies as askew as these are. None in fits of older
    versions, and where the model was said to be certain; tia_uncertainty_mbq_h is then that of the fit.
    The curve is sum(amplitudes_mbq * exp(-rates_per_h * t)), or straight lines between the samples for the trapezoid.
    """

    model: str
    label: str
    chosen_by: str
    nuclide: str
    decay_constant_per_h: float
    times_h: tuple[float, ...]
    activities_mbq: tuple[float, ...]
    uncertainties_mbq: tuple[float, ...] | None
    weighting: str
    parameters: dict[str, float]
    standard_errors: dict[str, float] | None
    covariance: np.ndarray | None
    correlation: np.ndarray | None
    amplitudes_mbq: tuple[float, ...]
    rates_per_h: tuple[float, ...]
    chi2: float | None
    degrees_of_freedom: int
    aicc: float | None
    tia_mbq_h: float
    tia_uncertainty_mbq_h: float | None
    effective_half_life_h: float | None
    effective_half_life_uncertainty_h: float | None
    tail_share: float
    identifiable: bool = True
    converged: bool = True
    averaged: bool = False
    ranking: tuple[RankedModel, ...] = ()
    population: str = ""
    bootstrap: BootstrapSummary | None = None
    warnings: tuple[str, ...] = field(default=())
    tia_fit_uncertainty_mbq_h: float | None = None
    tia_model_uncertainty_mbq_h: float | None = None
    tia_low_mbq_h: float | None = None
    tia_high_mbq_h: float | None = None
    tia_coverage: float | None = None

    def __post_init__(self):
        for name in ("covariance", "correlation"):
            matrix = getattr(self, name)
            if matrix is not None:
                matrix = np.array(matrix, dtype=float)
                matrix.setflags(write=False)
                object.__setattr__(self, name, matrix)

    def activity_mbq(self, times_h):
        """Activity of the fitted curve, MBq, at times in hours (a number or an array), none before the administration."""
        times = as_numbers(times_h, "times_h", "hours")
        if (times < 0).any():
            raise DosimetryError(
                f"Expected times in hours after the start of administration, received {times.min():g} h; give 0 or later."
            )
        if self.model == TRAPEZOID:
            order = np.argsort(self.times_h, kind="stable")
            knots, values = np.array(self.times_h)[order], np.array(self.activities_mbq)[order]
            beyond = np.maximum(times - knots[-1], 0.0)
            result = np.interp(times, knots, values) * np.exp(-self.decay_constant_per_h * beyond)
        else:
            result = np.exp(-times[..., None] * np.array(self.rates_per_h)) @ np.array(self.amplitudes_mbq)
            # rounding where two nearly equal exponentials cancel
            result = np.maximum(result, 0.0)
        return float(result) if np.ndim(result) == 0 else result

    @property
    def tia_relative_uncertainty(self) -> float | None:
        if self.tia_uncertainty_mbq_h is None or self.tia_mbq_h <= 0:
            return None
        return self.tia_uncertainty_mbq_h / self.tia_mbq_h

    def tia_uncertainty_with(self, systematic_relative: float) -> float | None:
        """MBq h: that of the fit and a relative part common to all samples, which no fit can see; None when the fit's is not known."""
        if self.tia_uncertainty_mbq_h is None:
            return None
        return math.hypot(self.tia_uncertainty_mbq_h, systematic_relative * self.tia_mbq_h)

    def tia_interval_with(self, systematic_relative: float) -> tuple[float, float] | None:
        """Low and high ends in MBq h with a relative part common to all samples added to each side; None when not known."""
        if self.tia_low_mbq_h is None or self.tia_high_mbq_h is None or self.tia_coverage is None:
            return None
        common = float(ndtri(0.5 + 0.5 * self.tia_coverage)) * systematic_relative * self.tia_mbq_h
        low = self.tia_mbq_h - math.hypot(self.tia_mbq_h - self.tia_low_mbq_h, common)
        return max(low, 0.0), self.tia_mbq_h + math.hypot(self.tia_high_mbq_h - self.tia_mbq_h, common)

    @property
    def physical_half_life_h(self) -> float:
        return math.log(2.0) / self.decay_constant_per_h
