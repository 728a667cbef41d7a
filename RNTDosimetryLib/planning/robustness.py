"""How the planned doses move with the activity and with each input, and their uncertainty by sampling."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from RNTDosimetryLib.base.checks import checked_kind, non_negative_number, number_list, positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.planning.compartments import ONLY, Compartment, Compartments
from RNTDosimetryLib.planning.conditions import MAX, MIN
from RNTDosimetryLib.planning.limits import Limit, judged, read_limits, refuse_unknown_limits
from RNTDosimetryLib.planning.partition import Numbers, numbers_of, total_doses
from RNTDosimetryLib.planning.plausibility import checked_activity_gbq
from RNTDosimetryLib.planning.products import lung_mass_convention

_SMALLEST_SHUNT_STEP = 0.01
_FEWEST_SAMPLES, _MOST_SAMPLES = 100, 2_000_000
_STEPS = (0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 50.0)
_ROWS = 12
_SAME = 1e-3


@dataclass(frozen=True, eq=False)
class ActivityTable(Record):
    """Doses in Gy by activity of all injections: dose_gy[i, j] belongs to activities_gbq[i] and compartments[j]; lung includes earlier treatments.

    broken: for every row the compartments above a limit; missed: below a goal.
    """

    activities_gbq: np.ndarray
    compartments: tuple[Compartment, ...]
    dose_gy: np.ndarray
    gy_per_gbq: dict[str, float]
    offset_gy: dict[str, float]
    broken: tuple[tuple[Compartment, ...], ...]
    missed: tuple[tuple[Compartment, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(place.key for place in self.compartments)


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

    tumour_mass, tnr: one number for every tumour (independent), or by tumour name. lung_mass: None takes 0 for a mass that was given, and
    that of the convention for one that was not.
    """

    tumour_mass: float | dict[str, float] = 0.0
    tnr: float | dict[str, float] = 0.0
    normal_liver_mass: float = 0.0
    lung_mass: float | None = None
    lung_shunt_absolute: float = 0.0
    dose_constant: float = 0.0
    activity: float = 0.0


@dataclass(frozen=True)
class DoseSpread(Record):
    """Distribution of one dose: mean, standard uncertainty, median and the interval that holds 95 %.

    probability_kept: by limit text, the share of samples that keep the limit or reach the goal.
    """

    compartment: Compartment
    planned_gy: float
    mean_gy: float
    standard_uncertainty_gy: float
    median_gy: float
    lower_95_gy: float
    upper_95_gy: float
    probability_kept: dict[str, float]


@dataclass(frozen=True)
class SampledPlan(Record):
    """Result of ``sampled_doses``; spreads by the key of the compartment."""

    spreads: dict[str, DoseSpread]
    samples: int
    seed: int
    uncertainty: PlanUncertainty


# --- against activity


def activity_table(
    compartments: Compartments,
    activities_gbq: Sequence[float] | None = None,
    limits: Mapping[str, object] | Sequence[Limit] | None = None,
    planned_activity_gbq: float | None = None,
) -> ActivityTable:
    """Dose of every compartment at each activity of all injections together, in their shares of now. activities_gbq: None takes round steps to
    twice the planned activity, and the planned activity itself. limits: as in ``activity_for_limits``, or records.

    Raises DosimetryError without activities or a planned one.
    """
    checked_kind(compartments, Compartments, "the compartments")
    if activities_gbq is None:
        activities_gbq = round_activities(positive_number(planned_activity_gbq, "planned activity in GBq"))
    activities = np.array(
        [positive_number(value, "activity in GBq") for value in number_list(activities_gbq, "the activities in GBq")]
    )
    if activities.size == 0:
        raise DosimetryError("Expected at least one activity for the table, received none; leave it empty for round steps.")
    wanted = _limits(limits)
    refuse_unknown_limits(wanted, compartments)
    total = compartments.activity_gbq
    slopes = {place: dose / total for place, dose in total_doses(numbers_of(compartments)).items()}
    places = tuple(place for place in compartments.masses_g if place in slopes)
    offsets = [compartments.before_gy(place) for place in places]
    doses = activities[:, None] * np.array([slopes[place] for place in places]) + np.array(offsets)
    column = {place: index for index, place in enumerate(places)}

    def failed(kind: str) -> tuple[tuple[Compartment, ...], ...]:
        return tuple(
            tuple(
                limit.compartment
                for limit in wanted
                if limit.kind == kind and not judged(limit, float(row[column[limit.compartment]])).satisfied
            )
            for row in doses
        )

    return ActivityTable(
        activities_gbq=activities,
        compartments=places,
        dose_gy=doses,
        gy_per_gbq={place.key: slopes[place] for place in places},
        offset_gy={place.key: offset for place, offset in zip(places, offsets)},
        broken=failed(MAX),
        missed=failed(MIN),
    )


def round_activities(planned_gbq: float) -> tuple[float, ...]:
    """About a dozen round activities up to twice the planned one, and the planned one among them."""
    step = next((step for step in _STEPS if 2 * planned_gbq / step <= _ROWS), 2 * planned_gbq / _ROWS)
    steps = {round(step * number, 9) for number in range(1, int(np.ceil(2 * planned_gbq / step)) + 1)}
    return tuple(sorted([planned_gbq, *(value for value in steps if abs(value - planned_gbq) > _SAME * planned_gbq)]))


def _limits(limits: Mapping[str, object] | Sequence[Limit] | None) -> tuple[Limit, ...]:
    if limits is None or (isinstance(limits, Mapping | Sequence) and not isinstance(limits, str) and not limits):
        return ()
    if isinstance(limits, Sequence) and all(isinstance(limit, Limit) for limit in limits):
        return tuple(limits)
    return read_limits(limits)  # type: ignore[arg-type]


# --- one input at a time


def sensitivity(
    compartments: Compartments, activity_gbq: float | None = None, relative_change: float = 0.1
) -> tuple[SensitivityRow, ...]:
    """Doses with each input lowered and raised by a share (the shunt by at least one percentage point), one at a time.

    activity_gbq: of all injections in their shares of now; None takes that of the compartments.
    """
    compartments = _at(compartments, activity_gbq)
    share = positive_number(relative_change, "relative change", "0.1 is 10 %")
    if share >= 1:
        raise DosimetryError(f"Expected a relative change below 1, received {relative_change}; 0.1 is 10 %.")
    numbers, known = numbers_of(compartments), _known(compartments)
    rows = []
    for name, unit, value, low, high, change in _inputs(compartments, numbers, share):
        doses = [_doses(known, change(numbers, moved / value if value else moved, moved)) for moved in (low, high)]
        rows.append(SensitivityRow(name, unit, value, low, high, *doses))
    return tuple(rows)


_Change = Callable[[Numbers, Any, Any], Numbers]
_Row = tuple[str, str, float, float, float, _Change]


def _inputs(compartments: Compartments, numbers: Numbers, share: float) -> list[_Row]:
    """(name, unit, value, low, high, change) of every input; change takes the numbers, the factor and the new value."""
    rows: list[_Row] = []
    several = len(compartments.injections) > 1 or compartments.injections[0].name != ONLY
    for index, item in enumerate(compartments.injections):
        where = f", {item.name}" if several else ""
        shunt = item.lung_shunt_fraction
        step = max(share * shunt, _SMALLEST_SHUNT_STEP)
        low, high = max(shunt - step, 0.0), min(shunt + step, 0.999)
        rows.append((f"lung shunt fraction{where}", "", shunt, low, high, _with_shunt(index)))
    for index, item in enumerate(compartments.injections):
        where = f", {item.name}" if several else ""
        for tumour in item.tumours:
            rows.append(
                (f"ratio of {tumour.name}{where}", "", tumour.tnr, *_around(tumour.tnr, share), _with_ratio(index, tumour.name))
            )
    for name, mass in compartments.tumour_masses_g.items():
        rows.append((f"mass of {name}", "g", mass, *_around(mass, share), _with_tumour_mass(name)))
    normal = compartments.perfused_normal_liver_mass_g
    if normal > 0:
        rows.append(("mass of perfused normal liver", "g", normal, *_around(normal, share), _with_normal_liver))
    lung, constant = numbers.lung, numbers.j_per_gbq
    rows.append(("lung mass", "g", lung, *_around(lung, share), lambda numbers, factor, value: replace(numbers, lung=value)))
    rows.append(
        (
            "dose constant",
            "J/GBq",
            constant,
            *_around(constant, share),
            lambda numbers, factor, value: replace(numbers, j_per_gbq=value),
        )
    )
    return rows


def _with_shunt(index: int) -> _Change:
    return lambda numbers, factor, value: replace(
        numbers, shunt=[value if place == index else shunt for place, shunt in enumerate(numbers.shunt)]
    )


def _with_ratio(index: int, name: str) -> _Change:
    return lambda numbers, factor, value: replace(
        numbers, ratio=[ratios | {name: value} if place == index else ratios for place, ratios in enumerate(numbers.ratio)]
    )


def _with_tumour_mass(name: str) -> _Change:
    """Everywhere that the tumour lies."""

    def change(numbers: Numbers, factor: Any, value: Any) -> Numbers:
        def scaled(masses: dict[str, Any]) -> dict[str, Any]:
            return masses | {name: masses[name] * factor} if name in masses else masses

        whole = numbers.whole_tumour[name] * factor
        own = [scaled(masses) for masses in numbers.mass]
        # What was all of it stays all of it, to the last bit.
        own = [
            masses | {name: whole} if name in masses and numbers.mass[index][name] == numbers.whole_tumour[name] else masses
            for index, masses in enumerate(own)
        ]
        return replace(
            numbers, mass=own, whole_tumour=numbers.whole_tumour | {name: whole}, perfused_tumour=scaled(numbers.perfused_tumour)
        )

    return change


def _with_normal_liver(numbers: Numbers, factor: Any, value: Any) -> Numbers:
    """All normal liver: one outline is behind its parts and the whole."""
    whole = numbers.perfused_normal * factor
    return replace(
        numbers,
        normal=[whole if mass == numbers.perfused_normal else mass * factor for mass in numbers.normal],
        perfused_normal=whole,
        whole_normal=None if numbers.whole_normal is None else numbers.whole_normal * factor,
    )


def _around(value: float, share: float) -> tuple[float, float]:
    return value * (1 - share), value * (1 + share)


def _at(compartments: Compartments, activity_gbq: float | None) -> Compartments:
    checked_kind(compartments, Compartments, "the compartments")
    if activity_gbq is None:
        return compartments
    return compartments.scaled(checked_activity_gbq(activity_gbq) / compartments.activity_gbq)


def _known(compartments: Compartments) -> dict[Compartment, tuple[str, float]]:
    """Key and dose received before of every compartment."""
    return {place: (place.key, compartments.before_gy(place)) for place in compartments.masses_g}


def _doses(known: Mapping[Compartment, tuple[str, float]], numbers: Numbers) -> dict[str, Any]:
    found = total_doses(numbers)
    return {key: found[place] + before for place, (key, before) in known.items()}


# --- all inputs together


def sampled_doses(
    compartments: Compartments,
    activity_gbq: float | None,
    uncertainty: PlanUncertainty,
    *,
    limits: Mapping[str, object] | Sequence[Limit] | None = None,
    samples: int = 20000,
    seed: int = 1,
) -> SampledPlan:
    """Distribution of every dose from the stated uncertainties of the inputs, by Monte Carlo; the same seed gives the same numbers.

    Masses, ratios, constant and activity are log-normal and the shunt is beta distributed, each with the planned value as mean. All are
    independent, except that a mass error of the normal liver is carried to all of it, and that of a tumour to each of its parts.
    activity_gbq: of all injections in their shares of now; None takes that of the compartments.
    Raises DosimetryError for uncertainties that no such distribution has.
    """
    compartments = _at(compartments, activity_gbq)
    checked_kind(uncertainty, PlanUncertainty, "the uncertainty")
    if not _FEWEST_SAMPLES <= positive_number(samples, "number of samples", "20000 is usual") <= _MOST_SAMPLES:
        raise DosimetryError(f"Expected {_FEWEST_SAMPLES} to {_MOST_SAMPLES} samples, received {samples}; 20000 is usual.")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise DosimetryError(f"Expected a seed that is a whole number of 0 or more, received {seed!r}; any will do.")
    wanted = _limits(limits)
    refuse_unknown_limits(wanted, compartments)
    known = _known(compartments)
    doses = _doses(known, _drawn(np.random.default_rng(seed), compartments, uncertainty, int(samples)))
    planned = _doses(known, numbers_of(compartments))
    spreads = {
        key: _spread(Compartment.of(key), planned[key], np.broadcast_to(np.asarray(values, dtype=float), int(samples)), wanted)
        for key, values in doses.items()
    }
    return SampledPlan(spreads, int(samples), int(seed), uncertainty)


def _drawn(random: np.random.Generator, compartments: Compartments, uncertainty: PlanUncertainty, size: int) -> Numbers:
    """The numbers with every uncertain input as an array of samples."""
    numbers = numbers_of(compartments)
    for name in compartments.tumour_masses_g:
        factor = _log_normal(random, 1.0, _of(uncertainty.tumour_mass, name, "mass"), size)
        numbers = _with_tumour_mass(name)(numbers, factor, None)
    numbers.ratio = [
        {name: _log_normal(random, ratio, _of(uncertainty.tnr, name, "ratio"), size) for name, ratio in ratios.items()}
        for ratios in numbers.ratio
    ]
    if compartments.perfused_normal_liver_mass_g > 0:
        factor = _log_normal(random, 1.0, uncertainty.normal_liver_mass, size)
        numbers = _with_normal_liver(numbers, factor, None)
    of_lungs = uncertainty.lung_mass
    if of_lungs is None:
        of_lungs = lung_mass_convention().relative_uncertainty if compartments.lung_mass_assumed else 0.0
    numbers.lung = _log_normal(random, numbers.lung, of_lungs, size)
    numbers.shunt = [_beta(random, shunt, uncertainty.lung_shunt_absolute, size) for shunt in numbers.shunt]
    numbers.j_per_gbq = _log_normal(random, numbers.j_per_gbq, uncertainty.dose_constant, size)
    factor = _log_normal(random, 1.0, uncertainty.activity, size)
    numbers.activity = [activity * factor for activity in numbers.activity]
    return numbers


def _spread(place: Compartment, planned: float, values: np.ndarray, limits: Sequence[Limit]) -> DoseSpread:
    lower, median, upper = np.percentile(values, [2.5, 50, 97.5])
    kept = {
        limit.words: float(np.mean(values <= limit.dose_gy if limit.kind == MAX else values >= limit.dose_gy))
        for limit in limits
        if limit.compartment == place
    }
    spread = float(values.std(ddof=1))
    return DoseSpread(place, planned, float(values.mean()), spread, float(median), float(lower), float(upper), kept)


def _of(stated: Any, name: str, what: str) -> float:
    if not isinstance(stated, Mapping):
        return stated
    if name not in stated:
        raise DosimetryError(
            f"Expected the relative uncertainty of the {what} of every tumour, received none for {name}; type 0 if exact."
        )
    return stated[name]


def _log_normal(random: np.random.Generator, mean: float, relative: Any, size: int) -> np.ndarray:
    spread = non_negative_number(relative, "relative standard uncertainty", "0.1 is 10 %")
    if spread > 2:
        raise DosimetryError(f"Expected a relative standard uncertainty of at most 2, received {relative}; 0.1 is 10 %.")
    if spread == 0 or mean == 0:
        return np.full(size, float(mean))
    variance = np.log1p(spread**2)
    return mean * np.exp(np.sqrt(variance) * random.standard_normal(size) - variance / 2)


def _beta(random: np.random.Generator, mean: float, absolute: Any, size: int) -> np.ndarray:
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
