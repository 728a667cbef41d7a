"""Every dose against activity, with where limits are reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.checks import checked_kind, number_list, positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.planning.compartments import Compartments
from RNTDosimetryLib.planning.limits import check_limits, read_limits

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
    activities = np.array([positive_number(value, "activity in GBq") for value in number_list(activities_gbq, "the activities in GBq")])
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
