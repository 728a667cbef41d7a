"""The way back: from limits and goals to the activities, which of them binds, and how far the others are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.planning.compartments import (
    LUNGS,
    LUNGS_SESSION,
    Compartment,
    Compartments,
    Injection,
    join_injections,
    make_compartments,
)
from RNTDosimetryLib.planning.conditions import MAX, MIN
from RNTDosimetryLib.planning.limits import Limit, LimitCheck, check_limits, read_limits, refuse_unknown_limits
from RNTDosimetryLib.planning.partition import PartitionPlan, numbers_of, plan_of, session_doses, total_doses
from RNTDosimetryLib.planning.plausibility import checked_items


@dataclass(frozen=True)
class LimitedActivity(Record):
    """The activity of all injections that limits and goals allow; with several, their shares are kept.

    plan: at the largest activity within all limits; without limits at the smallest that reaches all goals. largest_activity_gbq: None
    without limits that bind. smallest_activity_gbq: the least that reaches all goals, None without goals or when a goal cannot be reached.
    """

    plan: PartitionPlan
    checks: tuple[LimitCheck, ...]
    largest_activity_gbq: float | None
    smallest_activity_gbq: float | None
    warnings: tuple[str, ...] = ()

    @property
    def activity_gbq(self) -> float:
        return self.plan.activity_gbq

    @property
    def binding(self) -> str:
        """Names of the limits or goals that set the activity."""
        return ", ".join(check.name for check in self.checks if check.binding)

    @property
    def goals_reached(self) -> bool:
        return all(check.satisfied for check in self.checks if check.kind == MIN)

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


def scale_injections(
    nuclide_or_product, injections: Sequence[Injection], limits: Mapping[str, object], **shared
) -> LimitedActivity:
    """The largest common factor on all activities that keeps the limits. limits: as ``activity_for_limits``, for doses of all injections.

    shared: the keyword arguments of ``join_injections``. Raises DosimetryError when no limit or goal depends on the activities.
    """
    return limited_activity(join_injections(nuclide_or_product, injections, **shared), read_limits(limits))


def limited_activity(compartments: Compartments, limits: Sequence[Limit]) -> LimitedActivity:
    """As ``activity_for_limits`` and ``scale_injections``, for compartments and limits made before."""
    reach = reached_by(compartments, limits)
    largest = min((reach[limit] for limit in limits if limit.kind == MAX and reach[limit] is not None), default=None)
    goals = [reach[limit] for limit in limits if limit.kind == MIN]
    smallest = None if None in goals else max(goals, default=None)
    factor = largest if largest is not None else smallest
    if factor is None or not factor > 0:
        raise DosimetryError(
            f"Expected a limit or goal that sets the activity, received only {', '.join(limit.name for limit in limits)}, whose dose does "
            "not depend on it here; give a limit for the normal liver, the lungs or the perfused mean."
        )
    plan = plan_of(compartments.scaled(factor))
    checks = check_limits(plan, limits)
    below = [check.compartment.label for check in checks if check.kind == MIN and not check.satisfied]
    binding = " and ".join(check.compartment.label for check in checks if check.binding)
    warnings = [warned("goal_not_reached", goals=", ".join(below), binding=binding)] if below else []
    given = compartments.activity_gbq
    return LimitedActivity(
        plan=plan,
        checks=checks,
        largest_activity_gbq=None if largest is None else largest * given,
        smallest_activity_gbq=None if smallest is None else smallest * given,
        warnings=(*warnings, *plan.warnings),
    )


def reached_by(compartments: Compartments, limits: Sequence[Limit]) -> dict[Limit, float | None]:
    """The factor on the activities at which each limit or goal is met; None when no activity gets there.

    Raises DosimetryError for a limit that earlier treatments have used up, and for one on something that has no dose here.
    """
    refuse_unknown_limits(limits, compartments)
    session = total_doses(numbers_of(compartments))
    reach: dict[Limit, float | None] = {}
    for limit in limits:
        before = compartments.before_gy(limit.compartment)
        left = limit.dose_gy - before
        if limit.kind == MAX and left <= 0:
            raise DosimetryError(
                f"Expected {limit.name} to have received less than its limit of {limit.dose_gy:g} Gy, "
                f"received {before:.4g} Gy before; no activity is within the limit."
            )
        dose = session[limit.compartment]
        reach[limit] = max(left, 0.0) / dose if dose > 0 else None
    return reach


def injections_for_goals(
    nuclide_or_product, injections: Sequence[Injection], limits: Mapping[str, object], **shared
) -> LimitedActivity:
    """The least total activity, each position's own, that reaches every goal ("min") within every limit ("max"); a linear program.

    The activities of ``injections`` are not used. Raises DosimetryError when no activities reach the goals within the limits.
    """
    from scipy.optimize import linprog

    wanted = read_limits(limits)
    if not any(limit.kind == MIN for limit in wanted):
        raise DosimetryError('Expected at least one goal such as "T1": ("min", 120), received limits only; use scale_injections.')
    injections = [replace(item, activity_gbq=1.0) for item in checked_items(injections, Injection, "the injections")]
    unit = join_injections(nuclide_or_product, injections, **shared)
    reached_by(unit, wanted)
    parts = session_doses(numbers_of(unit))
    rows, bounds = [], []
    for limit in wanted:
        sign = 1.0 if limit.kind == MAX else -1.0
        place = Compartment(LUNGS_SESSION) if limit.compartment.kind == LUNGS else limit.compartment
        rows.append([sign * dose for dose in parts[place]])
        bounds.append(sign * max(limit.dose_gy - unit.before_gy(limit.compartment), 0.0))
    solution = linprog(np.ones(len(injections)), A_ub=np.array(rows), b_ub=np.array(bounds), bounds=(0, None))
    if not solution.success:
        raise DosimetryError(
            "Expected goals that can be reached within the limits, received "
            + ", ".join(f"{limit.name} {limit.words}" for limit in wanted)
            + "; lower a goal, or use scale_injections for the largest activities."
        )
    plan = plan_of(unit.with_activities([max(float(activity), 0.0) for activity in solution.x]))
    total = plan.activity_gbq
    return LimitedActivity(plan, _nearly(check_limits(plan, wanted)), None, total, plan.warnings)


def _nearly(checks: tuple[LimitCheck, ...], tolerance: float = 1e-7) -> tuple[LimitCheck, ...]:
    """With what the solver misses by its rounding counted as met."""
    return tuple(
        replace(
            check,
            satisfied=check.margin_gy >= -tolerance * check.limit_gy,
            binding=abs(check.margin_gy) <= tolerance * check.limit_gy,
        )
        for check in checks
    )
