"""The measured samples: checked, and weighted by given uncertainties, a relative error or counts."""

import math
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.checks import SMALLEST_NUMBER, as_numbers, one_of, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.kinetics.models import rules
from RNTDosimetryLib.nuclides import get_nuclide

WEIGHTINGS = ("relative", "constant", "counts")
MOST_HALF_LIVES = 30.0
"""After 30 physical half-lives a billionth is left: such a time was not measured but typed in minutes or seconds."""
SHORTEST_TIME_H = 1e-6


@dataclass(frozen=True)
class Samples:
    """times_h (t,), activities_mbq and sigmas_mbq (n, t). known: the sigmas are uncertainties, not only relative weights."""

    times_h: np.ndarray
    activities_mbq: np.ndarray
    sigmas_mbq: np.ndarray
    known: bool
    weighting: str

    @property
    def count(self) -> int:
        return self.times_h.size

    @property
    def distinct_times(self) -> int:
        return np.unique(self.times_h).size


@dataclass(frozen=True)
class DecayOnly:
    """Stands for a nuclide where only its name and decay constant are needed."""

    name: str
    decay_constant_per_h: float


def decay_of(nuclide) -> DecayOnly:
    """Name and decay constant of a nuclide given by name or as an object with ``decay_constant_per_h``."""
    if isinstance(nuclide, str):
        nuclide = get_nuclide(nuclide)
    try:
        constant = float(nuclide.decay_constant_per_h)
    except (AttributeError, TypeError, ValueError) as error:
        raise DosimetryError(
            f"Expected a nuclide name such as 'Lu-177' or a Nuclide, received {shown(nuclide)}; choose one."
        ) from error
    if not (np.isfinite(constant) and constant > 0):
        raise DosimetryError(
            f"Expected a radioactive nuclide with a positive decay constant, received {constant} per hour; choose another."
        )
    return DecayOnly(str(getattr(nuclide, "name", "unnamed")), constant)


def check_unit_of_times(times_h: np.ndarray, decay_constant_per_h: float) -> None:
    """DosimetryError for times that cannot be hours: long after the nuclide is gone, or under a millisecond or so."""
    half_life_h = math.log(2.0) / decay_constant_per_h
    if times_h.max() > MOST_HALF_LIVES * half_life_h:
        raise DosimetryError(
            f"Expected times within {MOST_HALF_LIVES:g} physical half-lives ({half_life_h:.4g} h each), received {times_h.max():g} h; check the "
            "unit: hours expected."
        )
    if ((times_h > 0) & (times_h < SHORTEST_TIME_H)).any():
        shortest = times_h[times_h > 0].min()
        raise DosimetryError(
            f"Expected times of 0 or at least {SHORTEST_TIME_H:g} h, received {shortest:g} h; check the unit: hours expected."
        )


def as_times(times_h, decay: DecayOnly) -> np.ndarray:
    """Times as a flat array of hours, none before the administration or after the nuclide is gone."""
    times = as_numbers(times_h, "times_h", "hours")
    if times.ndim != 1 or times.size == 0:
        raise DosimetryError(f"Expected a list of times in hours, received shape {times.shape}; give one time for each sample.")
    if times.min() < 0:
        raise DosimetryError(
            f"Expected times in hours after the start of administration, received {times.min():g} h; check the dates and times."
        )
    check_unit_of_times(times, decay.decay_constant_per_h)
    return times


def check_samples(
    times_h,
    activities_mbq,
    decay: DecayOnly,
    uncertainties_mbq=None,
    relative_uncertainty=None,
    counts=None,
    weighting="relative",
) -> Samples:
    """Samples of n curves. activities_mbq: (n, t); uncertainties_mbq and counts: a number, (t,) or (n, t).

    Raises DosimetryError for values that are not finite, shapes that do not fit, times before 0 or not in hours, no positive
    activity, uncertainties or counts that are not positive, relative ones above 1, or more than one kind of uncertainty.
    """
    times = as_times(times_h, decay)
    activities = as_numbers(activities_mbq, "activities_mbq", "MBq")
    if activities.ndim != 2 or activities.shape[1] != times.size or not len(activities):
        raise DosimetryError(
            f"Expected one activity for each of the {times.size} times, received shape {activities.shape[1:]}; check that none is missing."
        )
    if (activities.max(axis=1) <= SMALLEST_NUMBER).any():
        raise DosimetryError("Expected at least one positive activity, received none; the region shows nothing to fit.")
    one_of(weighting, WEIGHTINGS, "weighting")
    given = [
        name
        for name, value in (
            ("uncertainties_mbq", uncertainties_mbq),
            ("relative_uncertainty", relative_uncertainty),
            ("counts", counts),
        )
        if value is not None
    ]
    if len(given) > 1:
        raise DosimetryError(f"Expected one kind of uncertainty, received {' and '.join(given)}; give one of them.")
    floor = np.maximum(activities, rules()["smallest_weight_share"]["value"] * activities.max(axis=1, keepdims=True))
    if uncertainties_mbq is not None:
        sigmas = _positive(uncertainties_mbq, "uncertainties_mbq", "MBq", activities.shape)
    elif relative_uncertainty is not None:
        relative = _positive(relative_uncertainty, "relative_uncertainty", "parts of 1", activities.shape)
        if relative.max() > 1:
            raise DosimetryError(
                f"Expected relative_uncertainty in parts of 1, at most 1, received {relative.max():g}; give 0.05 for 5 %."
            )
        sigmas = relative * floor
    elif counts is not None:
        sigmas = floor / np.sqrt(_positive(counts, "counts", "counts", activities.shape))
    else:
        sigmas = rules()["nominal_relative_uncertainty"]["value"] * _shape_of_weights(floor, weighting)
    order = np.argsort(times, kind="stable")
    return Samples(times[order], activities[:, order], sigmas[:, order], bool(given), given[0] if given else weighting)


def _positive(values, name: str, unit: str, shape: tuple) -> np.ndarray:
    array = as_numbers(values, name, unit)
    if array.ndim > 2 or array.shape[-1:] not in ((), (1,), shape[1:]) or (array.ndim == 2 and len(array) not in (1, shape[0])):
        raise DosimetryError(
            f"Expected {name} as one number or one for each of the {shape[1]} samples, received shape {array.shape}."
        )
    if array.min() < SMALLEST_NUMBER:
        raise DosimetryError(f"Expected positive {name} in {unit}, received {array.min():g}; leave it out where it is not known.")
    return np.broadcast_to(array, shape).copy()


def _shape_of_weights(floor: np.ndarray, weighting: str) -> np.ndarray:
    largest = floor.max(axis=1, keepdims=True)
    if weighting == "relative":
        return floor
    if weighting == "constant":
        return np.broadcast_to(largest, floor.shape).copy()
    return np.sqrt(floor * largest)
