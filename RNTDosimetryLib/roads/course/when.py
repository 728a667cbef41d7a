"""When to scan the next cycle: the best schedules of a population within the opening hours."""

import numpy as np

from RNTDosimetryLib.course import best_schedule, opening_times_h, rules, schedule_uncertainty
from RNTDosimetryLib.course.design import MOST_SCANS
from RNTDosimetryLib.kinetics import RatePrior, population_prior
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.roads.course.entries import DesignEntry
from RNTDosimetryLib.roads.course.result import Design

_POINTS, _SHORT = 80, 0.5


def when_to_scan(entry: DesignEntry) -> Design:
    """The best one, two and three times, entered schedules beside them. Raises DosimetryError for a population that is not known."""
    if entry.agent is not None:
        words, prior = f"{entry.agent}, {entry.tissue}", population_prior(entry.agent, entry.tissue).clearance
        # Populations are named by their nuclide first: 177Lu-PSMA-617.
        decay = get_nuclide(entry.agent.split("-")[0]).decay_constant_per_h
    else:
        decay = get_nuclide(entry.nuclide).decay_constant_per_h
        words, prior = (
            f"{entry.nuclide}, entered",
            RatePrior.from_effective_half_life(entry.effective_half_life_h, decay, entry.log_sd),
        )
    earliest_h = rules()["earliest_scan_h"] if entry.earliest_h is None else entry.earliest_h
    open_h = tuple(
        time
        for time in opening_times_h(entry.administration, entry.opens, entry.closes, entry.last_day, entry.weekend)
        if time >= earliest_h
    )
    single_h = np.linspace(_SHORT, 24.0 * entry.last_day, _POINTS)
    return Design(
        population=words,
        median_half_life_h=prior.effective_half_life_h(decay),
        log_sd=prior.log_sd,
        scan_uncertainty=entry.scan_uncertainty,
        best=tuple(best_schedule(count, open_h, prior, decay, entry.scan_uncertainty) for count in range(1, MOST_SCANS + 1)),
        compared=tuple(schedule_uncertainty(times, prior, decay, entry.scan_uncertainty) for times in entry.schedules_h),
        single_h=tuple(float(time) for time in single_h),
        single=tuple(schedule_uncertainty([time], prior, decay, entry.scan_uncertainty).uncertainty for time in single_h),
        open_h=open_h,
    )
