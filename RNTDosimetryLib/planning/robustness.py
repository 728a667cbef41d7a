"""How the planned doses move with each input, and their uncertainty by sampling."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from RNTDosimetryLib.base.checks import checked_kind, non_negative_number, positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.planning.compartments import GRAM_PER_KG, Compartments
from RNTDosimetryLib.planning.limits import read_limits
from RNTDosimetryLib.planning.plausibility import checked_activity_gbq

_SMALLEST_SHUNT_STEP = 0.01
_FEWEST_SAMPLES, _MOST_SAMPLES = 100, 2_000_000


@dataclass(frozen=True)
class SensitivityRow(Record):
    """One input moved down and up, everything else held: doses in Gy by compartment."""

    input: str
    unit: str
    value: float
    low: float
    high: float
    dose_at_low_gy: dict[str, float]
    dose_at_high_gy: dict[str, float]


@dataclass(frozen=True)
class PlanUncertainty(Record):
    """Relative standard uncertainties of the inputs of a plan, but for the shunt, which is absolute. 0 holds an input exactly.

    tumour_mass, tnr: one number for every tumour (independent), or by tumour name.
    """

    tumour_mass: float | dict[str, float] = 0.0
    tnr: float | dict[str, float] = 0.0
    normal_liver_mass: float = 0.0
    lung_mass: float = 0.0
    lung_shunt_absolute: float = 0.0
    dose_constant: float = 0.0
    activity: float = 0.0


@dataclass(frozen=True)
class DoseSpread(Record):
    """Distribution of one dose: mean, standard uncertainty, median and the interval that holds 95 %.

    probability_kept: by limit text, the share of samples that keep the limit or reach the goal.
    """

    name: str
    planned_gy: float
    mean_gy: float
    standard_uncertainty_gy: float
    median_gy: float
    lower_95_gy: float
    upper_95_gy: float
    probability_kept: dict[str, float]


@dataclass(frozen=True)
class SampledPlan(Record):
    """Result of ``sampled_doses``."""

    spreads: dict[str, DoseSpread]
    samples: int
    seed: int
    uncertainty: PlanUncertainty


def sensitivity(compartments: Compartments, activity_gbq: float, relative_change: float = 0.1) -> tuple[SensitivityRow, ...]:
    """Doses with each input lowered and raised by a share (the shunt by at least one percentage point), one at a time."""
    checked_kind(compartments, Compartments, "the compartments")
    activity = checked_activity_gbq(activity_gbq)
    share = positive_number(relative_change, "relative change", "0.1 is 10 %")
    if share >= 1:
        raise DosimetryError(f"Expected a relative change below 1, received {relative_change}; 0.1 is 10 %.")
    shunt = compartments.lung_shunt_fraction
    step = max(share * shunt, _SMALLEST_SHUNT_STEP)
    rows = [("lung shunt fraction", "", shunt, max(shunt - step, 0.0), min(shunt + step, 0.999), _with("lung_shunt_fraction"))]
    for index, tumour in enumerate(compartments.tumours):
        rows.append((f"ratio of {tumour.name}", "", tumour.tnr, *_around(tumour.tnr, share), _with_tumour(index, "tnr")))
        rows.append((f"mass of {tumour.name}", "g", tumour.mass_g, *_around(tumour.mass_g, share), _with_tumour(index, "mass_g")))
    if compartments.normal_liver_mass_g > 0:
        normal = compartments.normal_liver_mass_g
        rows.append(("mass of perfused normal liver", "g", normal, *_around(normal, share), _with_normal_liver))
    rows.append(("lung mass", "g", compartments.lung_mass_g, *_around(compartments.lung_mass_g, share), _with("lung_mass_g")))
    constant = compartments.constant.j_per_gbq
    rows.append(("dose constant", "J/GBq", constant, *_around(constant, share), _with_constant))
    return tuple(
        SensitivityRow(name, unit, value, low, high, *(_doses(change(compartments, moved), activity) for moved in (low, high)))
        for name, unit, value, low, high, change in rows
    )


def sampled_doses(
    compartments: Compartments,
    activity_gbq: float,
    uncertainty: PlanUncertainty,
    *,
    limits: Mapping[str, object] | None = None,
    samples: int = 20000,
    seed: int = 1,
) -> SampledPlan:
    """Distribution of every dose from the stated uncertainties of the inputs, by Monte Carlo; the same seed gives the same numbers.

    Masses, ratios, constant and activity are log-normal and the shunt is beta distributed, each with the planned value as mean. All are
    independent, except that a mass error of the normal liver is carried to the whole normal liver.
    Raises DosimetryError for uncertainties that no such distribution has.
    """
    checked_kind(compartments, Compartments, "the compartments")
    checked_kind(uncertainty, PlanUncertainty, "the uncertainty")
    activity = checked_activity_gbq(activity_gbq)
    if not _FEWEST_SAMPLES <= positive_number(samples, "number of samples", "20000 is usual") <= _MOST_SAMPLES:
        raise DosimetryError(f"Expected {_FEWEST_SAMPLES} to {_MOST_SAMPLES} samples, received {samples}; 20000 is usual.")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise DosimetryError(f"Expected a seed that is a whole number of 0 or more, received {seed!r}; any will do.")
    random = np.random.default_rng(seed)
    tumours, size = compartments.tumours, int(samples)
    mass = np.array([
        _log_normal(random, tumour.mass_g, _of(uncertainty.tumour_mass, tumour.name, "mass"), size) for tumour in tumours
    ]).reshape(len(tumours), size)  # fmt: skip
    ratio = np.array(
        [_log_normal(random, tumour.tnr, _of(uncertainty.tnr, tumour.name, "ratio"), size) for tumour in tumours]
    ).reshape(len(tumours), size)
    normal = _log_normal(random, compartments.normal_liver_mass_g, uncertainty.normal_liver_mass, size)
    lung = _log_normal(random, compartments.lung_mass_g, uncertainty.lung_mass, size)
    shunt = _beta(random, compartments.lung_shunt_fraction, uncertainty.lung_shunt_absolute, size)
    constant = _log_normal(random, compartments.constant.j_per_gbq, uncertainty.dose_constant, size)
    given = _log_normal(random, activity, uncertainty.activity, size)
    energy = GRAM_PER_KG * constant * given * (1 - compartments.residual_fraction)
    liver = energy * (1 - shunt)
    per_ratio = liver / (normal + (ratio * mass).sum(axis=0))
    doses = {tumour.name: per_ratio * ratio[index] for index, tumour in enumerate(tumours)}
    doses["normal_liver"] = per_ratio if compartments.normal_liver_mass_g > 0 else np.zeros(size)
    if compartments.whole_normal_liver_mass_g is not None:
        doses["whole_normal_liver"] = (
            doses["normal_liver"] * compartments.normal_liver_mass_g / compartments.whole_normal_liver_mass_g
        )
    doses["perfused"] = liver / (normal + mass.sum(axis=0))
    doses["lung_session"] = energy * shunt / lung
    doses["lung"] = doses["lung_session"] + compartments.previous_lung_dose_gy
    planned = _doses(compartments, activity)
    wanted = () if limits is None or (isinstance(limits, Mapping) and not limits) else read_limits(limits)
    return SampledPlan(
        {name: _spread(name, planned[name], values, wanted) for name, values in doses.items()}, size, int(seed), uncertainty
    )


def _spread(name: str, planned: float, values: np.ndarray, limits) -> DoseSpread:
    lower, median, upper = np.percentile(values, [2.5, 50, 97.5])
    kept = {}
    for limit in limits:
        if limit.name == name:
            good = values <= limit.dose_gy if limit.kind == "max" else values >= limit.dose_gy
            kept[f"{'≤' if limit.kind == 'max' else '≥'} {limit.dose_gy:g} Gy"] = float(np.mean(good))
    spread = float(values.std(ddof=1))
    return DoseSpread(name, planned, float(values.mean()), spread, float(median), float(lower), float(upper), kept)


def _doses(compartments: Compartments, activity: float) -> dict[str, float]:
    offsets = compartments.offset_gy()
    return {name: slope * activity + offsets.get(name, 0.0) for name, slope in compartments.gy_per_gbq().items()}


def _around(value: float, share: float) -> tuple[float, float]:
    return value * (1 - share), value * (1 + share)


def _with(name: str):
    return lambda compartments, value: replace(compartments, **{name: value})


def _with_tumour(index: int, name: str):
    def change(compartments: Compartments, value: float) -> Compartments:
        tumours = list(compartments.tumours)
        tumours[index] = replace(tumours[index], **{name: value})
        return replace(compartments, tumours=tuple(tumours))

    return change


def _with_normal_liver(compartments: Compartments, value: float) -> Compartments:
    whole = compartments.whole_normal_liver_mass_g
    whole = None if whole is None else whole * value / compartments.normal_liver_mass_g
    return replace(compartments, normal_liver_mass_g=value, whole_normal_liver_mass_g=whole)


def _with_constant(compartments: Compartments, value: float) -> Compartments:
    return replace(compartments, constant=replace(compartments.constant, j_per_gbq=value))


def _of(stated, name: str, what: str) -> float:
    if not isinstance(stated, Mapping):
        return stated
    if name not in stated:
        raise DosimetryError(
            f"Expected the relative uncertainty of the {what} of every tumour, received none for {name}; type 0 if exact."
        )
    return stated[name]


def _log_normal(random: np.random.Generator, mean: float, relative, size: int) -> np.ndarray:
    spread = non_negative_number(relative, "relative standard uncertainty", "0.1 is 10 %")
    if spread > 2:
        raise DosimetryError(f"Expected a relative standard uncertainty of at most 2, received {relative}; 0.1 is 10 %.")
    if spread == 0 or mean == 0:
        return np.full(size, float(mean))
    variance = np.log1p(spread**2)
    return mean * np.exp(np.sqrt(variance) * random.standard_normal(size) - variance / 2)


def _beta(random: np.random.Generator, mean: float, absolute, size: int) -> np.ndarray:
    spread = non_negative_number(absolute, "standard uncertainty of the lung shunt fraction", "0.01 is one percentage point")
    if spread == 0:
        return np.full(size, float(mean))
    if mean == 0 or spread**2 >= mean * (1 - mean):
        raise DosimetryError(
            f"Expected a standard uncertainty of the lung shunt below {np.sqrt(mean * (1 - mean)):.3g} for a shunt of {mean:.3g}, "
            f"received {absolute}; it is absolute, 0.01 is one percentage point."
        )
    weight = mean * (1 - mean) / spread**2 - 1
    return random.beta(mean * weight, (1 - mean) * weight, size)
