"""A cohort: two workers against one in the same run, growth to a thousand studies, and coverage of single scans with the cohort's own population.

``run()`` gives rows (name, value, unit, requirement); ``python Testing/benchmarks/bench_cohort.py`` prints them.
"""

import math
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.memory import peak_memory_gb
from RNTDosimetryLib.kinetics import single_time_point
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.phantom import make_cohort
from RNTDosimetryLib.roads import cohort
from RNTDosimetryLib.roads.cohort import workers
from RNTDosimetryLib.roads.cohort.files import Source
from RNTDosimetryLib.statistics import PatientCurve, fit_population

PATIENTS, MANY, FEW = 24, 1000, 100
TIMES_H = (24.0, 72.0, 168.0)


def run() -> list[tuple[str, float, str, str]]:
    """Rows (name, value, unit, requirement); the requirement is empty where there is none."""
    return [*_speed(), *_growth(), *_coverage()]


def _speed():
    with tempfile.TemporaryDirectory() as place:
        folder, seconds, tables = Path(place), {}, {}
        make_cohort(folder, PATIENTS)
        for count in (1, 2):
            start = time.perf_counter()
            result = cohort.ROAD.run_file(folder / "cohort.json", folder=folder / f"out{count}", workers=count)
            seconds[count], tables[count] = time.perf_counter() - start, result
        start = time.perf_counter()
        cohort.ROAD.run_file(folder / "cohort.json", folder=folder / "out1", workers=1)
        kept = time.perf_counter() - start
    same = tables[1].rows == tables[2].rows and tables[1].statistics == tables[2].statistics
    return [
        (f"{PATIENTS} small studies: one worker over two", seconds[1] / seconds[2], "", ""),
        ("the same again, all kept, over computed", kept / seconds[1], "", "< 0.6"),
        ("table and statistics of both equal", float(same), "", ">= 1"),
    ]


def _growth():
    """What two worker processes cost a study beside its own work, with files that are not there, and how memory grows with their number."""
    found, memory = {}, {}
    for number in (FEW, MANY):
        sources = [Source(f"s{index}", f"s{index}.json", "run", False) for index in range(number)]
        start = time.perf_counter()
        outcomes = workers.outcomes(sources, Path("."), 2, None, lambda: False, lambda outcome: None)
        found[number], memory[number] = time.perf_counter() - start, peak_memory_gb()
        assert len(outcomes) == number
    return [
        (f"cost of one more study, from {FEW} to {MANY}", 1000 * (found[MANY] - found[FEW]) / (MANY - FEW), "ms", "< 50"),
        (f"peak memory with {MANY} over {FEW} studies", memory[MANY] / memory[FEW], "", "< 1.1"),
    ]


def _coverage():
    """A population from 24 patients with three scans; 200 new patients with one scan at each time. True values as in Testing/statistics."""
    nuclide, random = get_nuclide("Lu-177"), np.random.default_rng(11)

    def patients(number, times):
        curves, tia = [], []
        for index in range(number):
            z = random.normal(size=2)
            rate = math.log(2) / 75 * math.exp(0.25 * z[0]) + nuclide.decay_constant_per_h
            level = 120 * math.exp(0.4 * (0.3 * z[0] + math.sqrt(0.91) * z[1]))
            values = level * np.exp(-rate * np.array(times) + 0.06 * random.normal(size=len(times)))
            curves.append(PatientCurve(f"p{index}", times, tuple(values)))
            tia.append(level / rate)
        return curves, tia

    population = fit_population(patients(PATIENTS, TIMES_H)[0], nuclide)
    rows = []
    for at in TIMES_H:
        curves, truth = patients(200, (at,))
        within = 0
        for curve, tia in zip(curves, truth, strict=True):
            (value,) = curve.activities_mbq
            one = single_time_point(
                at, value, nuclide, "prior", uncertainty_mbq=population.residual_relative * value, prior=population.prior()
            )
            within += abs(one.tia_mbq_h - tia) <= 2 * one.tia_fit_uncertainty_mbq_h
        rows.append((f"TIA of one scan at {at:g} h within two stated", within / 2.0, "%", ">= 90"))
    return rows


if __name__ == "__main__":
    for row in run():
        print(*row)
