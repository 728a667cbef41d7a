"""The way back: from dose limits and goals to the activity, which of them binds, and how far the others are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.checks import checked_kind, number_list, positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.planning.compartments import Compartments, PartitionPlan, make_compartments, plan_of
from RNTDosimetryLib.planning.plausibility import checked_dose_gy

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Limit(Record):
    """A dose that a compartment must not exceed ("max") or should reach ("min")."""

    name: str
    kind: str
    dose_gy: float


@dataclass(frozen=True)
class LimitCheck(Record):
    """One limit or goal at an activity.

    dose_gy: what the compartment receives, with what it received before. margin_gy: how far it is on the good side; negative when
    broken. activity_gbq: the activity at which dose and limit are equal, None when no activity gets there.
    """

    name: str
    kind: str
    limit_gy: float
    dose_gy: float
    margin_gy: float
    activity_gbq: float | None
    satisfied: bool
    binding: bool

    @property
    def verdict(self) -> str:
        """The check in words, so that nothing is said by color alone."""
        if self.kind == "max":
            words = "within the limit" if self.satisfied else "above the limit"
        else:
            words = "goal reached" if self.satisfied else "below the goal"
        return f"{words}, binding" if self.binding else words


@dataclass(frozen=True)
class LimitedActivity(Record):
    """The activity of ``activity_for_limits``.

    activity_gbq: the largest within all limits; without limits the smallest that reaches all goals. largest_activity_gbq: None without
    limits that bind. smallest_activity_gbq: the least that reaches all goals, None without goals or when a goal cannot be reached.
    binding: name of the limit or goal that sets the activity. plan: the partition plan at this activity.
    """

    activity_gbq: float
    binding: str
    goals_reached: bool
    largest_activity_gbq: float | None
    smallest_activity_gbq: float | None
    checks: tuple[LimitCheck, ...]
    plan: PartitionPlan
    warnings: tuple[str, ...] = ()

    @property
    def margins_gy(self) -> dict[str, float]:
        """How far each limit or goal is on the good side, by name; 0 for the one that binds, negative for a goal missed."""
        return {check.name: check.margin_gy for check in self.checks}


def activity_for_limits(nuclide_or_product, *, limits: Mapping[str, object], **compartments) -> LimitedActivity:
    """The activity that limits and goals allow. compartments: tumours, normal_liver_mass_g and so on, as ``make_compartments``.

    limits: by name "normal_liver", "whole_normal_liver", "perfused", "lung" (with earlier lung dose), "lung_session" (this treatment
    alone) or a tumour's name: a number or ("max", Gy) must not be exceeded, ("min", Gy) should be reached.
    The result has the largest activity within the limits and says which goals it reaches; with goals only it has the smallest that
    reaches them all. Raises DosimetryError for unknown names, for an earlier lung dose that leaves nothing, and when nothing in
    ``limits`` sets an activity.
    """
    return limited_activity(make_compartments(nuclide_or_product, **compartments), read_limits(limits))


def read_limits(limits: Mapping[str, object]) -> tuple[Limit, ...]:
    """Limits from a mapping as in ``activity_for_limits``; the pairs may be lists, as in JSON."""
    if not isinstance(limits, Mapping) or not limits:
        raise DosimetryError(
            'Expected limits such as {"normal_liver": 40, "T1": ["min", 120]}, received none; give at least one.'
        )
    found = []
    for name, value in limits.items():
        kind, dose = ("max", value) if not isinstance(value, (list, tuple)) else (value if len(value) == 2 else (None, None))
        if kind not in ("max", "min"):
            raise DosimetryError(f'Expected a limit for {name} as a dose in Gy, ("max", Gy) or ("min", Gy), received {value!r}.')
        remedy = "leave it out if there is none"
        positive_number(dose, f"limit in Gy for {name}", remedy)
        found.append(Limit(str(name), kind, checked_dose_gy(dose, f"limit in Gy for {name}", remedy)))
    return tuple(found)


def limited_activity(compartments: Compartments, limits: Sequence[Limit]) -> LimitedActivity:
    """As ``activity_for_limits``, for compartments and limits made before."""
    slopes, offsets = compartments.gy_per_gbq(), compartments.offset_gy()
    refuse_unknown_names(limits, slopes)
    reach = {}
    for limit in limits:
        left = limit.dose_gy - offsets.get(limit.name, 0.0)
        if limit.kind == "max" and left <= 0:
            raise DosimetryError(
                f"Expected {limit.name} to have received less than its limit of {limit.dose_gy:g} Gy, "
                f"received {limit.dose_gy - left:.4g} Gy before; no activity is within the limit."
            )
        slope = slopes[limit.name]
        reach[limit] = max(left, 0.0) / slope if slope > 0 else None
    largest = _pick(min, limits, reach, "max")
    goals = [limit for limit in limits if limit.kind == "min"]
    missed = [limit.name for limit in goals if reach[limit] is None]
    smallest = None if missed else _pick(max, limits, reach, "min")
    setter = largest or smallest
    if setter is None or not reach[setter] > 0:
        raise DosimetryError(
            f"Expected a limit or goal that sets the activity, received only {', '.join(limit.name for limit in limits)}, whose dose does "
            "not depend on it here; give a limit for the normal liver, the lungs or the perfused mean."
        )
    activity = reach[setter]
    checks = check_limits(compartments, activity, limits, setter.name, setter.kind)
    below = [check.name for check in checks if check.kind == "min" and not check.satisfied]
    warnings = []
    if below:
        warnings.append(
            f"Within the limits the goal is not reached for {', '.join(below)}; the limit of {setter.name.replace('_', ' ')} binds."
        )
    plan = plan_of(compartments, activity)
    return LimitedActivity(
        activity_gbq=activity,
        binding=setter.name,
        goals_reached=not below,
        largest_activity_gbq=None if largest is None else reach[largest],
        smallest_activity_gbq=None if smallest is None else reach[smallest],
        checks=checks,
        plan=plan,
        warnings=(*warnings, *plan.warnings),
    )


def check_limits(
    compartments: Compartments,
    activity_gbq: float,
    limits: Sequence[Limit],
    binding: str | None = None,
    binding_kind: str | None = None,
) -> tuple[LimitCheck, ...]:
    """Every limit and goal at an activity, in the order given."""
    slopes, offsets = compartments.gy_per_gbq(), compartments.offset_gy()
    refuse_unknown_names(limits, slopes)
    checks = []
    for limit in limits:
        slope, offset = slopes[limit.name], offsets.get(limit.name, 0.0)
        equal = (limit.dose_gy - offset) / slope if slope > 0 and limit.dose_gy > offset else None
        binds = limit.name == binding and limit.kind == binding_kind
        checks.append(limit_check(limit, offset + slope * activity_gbq, equal, binds))
    return tuple(checks)


def limit_check(
    limit: Limit, dose_gy: float, activity_gbq: float | None = None, binding: bool = False, tolerance: float = _ROUNDING
) -> LimitCheck:
    """One limit or goal at a dose; kept when it is missed by no more than the share ``tolerance`` of it."""
    margin = limit.dose_gy - dose_gy if limit.kind == "max" else dose_gy - limit.dose_gy
    return LimitCheck(
        limit.name, limit.kind, limit.dose_gy, dose_gy, margin, activity_gbq, margin >= -tolerance * limit.dose_gy, binding
    )


def refuse_unknown_names(limits: Sequence[Limit], doses: Mapping[str, float]) -> None:
    """DosimetryError for a limit on something that has no dose."""
    for limit in limits:
        if limit.name not in doses:
            raise DosimetryError(
                f"Expected a limit for one of {', '.join(doses)}, received one for '{limit.name}'; "
                + ("give whole_normal_liver_mass_g too." if limit.name == "whole_normal_liver" else "correct the name.")
            )


def _pick(choose, limits: Sequence[Limit], reach: Mapping[Limit, float | None], kind: str) -> Limit | None:
    found = [limit for limit in limits if limit.kind == kind and reach[limit] is not None]
    return choose(found, key=lambda limit: reach[limit]) if found else None


_STEPS = (0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 50.0)
_ROWS = 12
_SAME = 1e-3


@dataclass(frozen=True, eq=False)
class ActivityTable(Record):
    """Doses in Gy by activity: dose_gy[i, j] belongs to activities_gbq[i] and names[j]; lung includes earlier treatments.

    broken: for every row the names of limits exceeded; missed: of goals not reached.
    """

    activities_gbq: np.ndarray
    names: tuple[str, ...]
    dose_gy: np.ndarray
    gy_per_gbq: dict[str, float]
    offset_gy: dict[str, float]
    broken: tuple[tuple[str, ...], ...]
    missed: tuple[tuple[str, ...], ...]


def activity_table(
    compartments: Compartments,
    activities_gbq: Sequence[float] | None = None,
    limits: Mapping[str, object] | None = None,
    planned_activity_gbq: float | None = None,
) -> ActivityTable:
    """Dose of every compartment at each activity. activities_gbq: None takes round steps to twice the planned
    activity, and the planned activity itself.

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
    slopes, offsets = compartments.gy_per_gbq(), compartments.offset_gy()
    names = tuple(slopes)
    dose = activities[:, None] * np.array([slopes[name] for name in names]) + np.array([offsets.get(name, 0.0) for name in names])
    wanted = () if limits is None or (isinstance(limits, Mapping) and not limits) else read_limits(limits)
    checks = [check_limits(compartments, activity, wanted) for activity in activities]
    return ActivityTable(
        activities_gbq=activities,
        names=names,
        dose_gy=dose,
        gy_per_gbq=slopes,
        offset_gy={name: offsets.get(name, 0.0) for name in names},
        broken=tuple(tuple(c.name for c in row if c.kind == "max" and not c.satisfied) for row in checks),
        missed=tuple(tuple(c.name for c in row if c.kind == "min" and not c.satisfied) for row in checks),
    )


def round_activities(planned_gbq: float) -> tuple[float, ...]:
    """About a dozen round activities up to twice the planned one, and the planned one among them."""
    step = next((step for step in _STEPS if 2 * planned_gbq / step <= _ROWS), 2 * planned_gbq / _ROWS)
    steps = {round(step * number, 9) for number in range(1, int(np.ceil(2 * planned_gbq / step)) + 1)}
    return tuple(sorted([planned_gbq, *(value for value in steps if abs(value - planned_gbq) > _SAME * planned_gbq)]))
