"""Whatever small table comes: a result whose every number is finite, or one sentence of refusal."""

import contextlib

import numpy as np
import pytest
from hypothesis import Phase, given, settings, strategies

from RNTDosimetryLib import statistics
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.nuclides import get_nuclide

VALUES = strategies.one_of(
    strategies.sampled_from([0.0, 1.0, 1.0, 2.0, 3.0, 100.0, -1.0, 1e-12, 1e12]),
    strategies.floats(-1e6, 1e6),
    strategies.sampled_from([float("nan"), float("inf")]),
)
POSITIVE = strategies.sampled_from([0.5, 1.0, 1.0, 2.0, 3.0, 7.5, 20.0, 1e-6, 1e6])
LENGTHS = strategies.integers(0, 14)


def columns(draw, number, values):
    length = draw(LENGTHS)
    return [draw(strategies.lists(values, min_size=length, max_size=length)) for _ in range(number)]


def finite(function, *arguments, **options):
    with contextlib.suppress(DosimetryError):
        result = function(*arguments, **options)
        # Writing refuses NaN and infinity.
        result.to_dict()


# Without shrinking, which takes minutes over so many columns.
QUICK = {"deadline": None, "phases": (Phase.explicit, Phase.generate)}


@settings(max_examples=10, **QUICK)
@given(strategies.data())
def test_statistics_of_any_table(data):
    for values in (VALUES, POSITIVE):
        first, second, third = columns(data.draw, 3, values)
        flags = [data.draw(strategies.sampled_from([0, 1])) for _ in first]
        finite(statistics.distribution, first)
        finite(statistics.kaplan_meier, first, flags)
        finite(statistics.kaplan_meier, first, flags, interval="log-log")
        finite(statistics.log_rank, (first, flags), (second, flags))
        finite(statistics.cox_regression, first, flags, np.array([second, third]).T.reshape(-1, 2), ["a", "b"])
        finite(statistics.spearman, first, second)
        finite(statistics.roc_cut_off, first, flags, bootstraps=10)
        finite(
            statistics.mixed_trend,
            [int(abs(v)) % 3 if abs(v) < 1e9 else 9 for v in third],
            [1, 2] * (len(first) // 2) + [1] * (len(first) % 2),
            second,
        )
        finite(statistics.bland_altman, first, second)
        finite(statistics.paired_change, first, second)


@settings(max_examples=10, **QUICK)
@given(strategies.data())
def test_dose_response_of_any_table(data):
    doses, spread = columns(data.draw, 2, POSITIVE)
    flags = [data.draw(strategies.sampled_from([0, 1])) for _ in doses]
    finite(statistics.dose_response, doses, flags)
    finite(statistics.dose_response, doses, flags, spread)


@settings(max_examples=6, **QUICK)
@given(strategies.data())
def test_population_of_any_table(data):
    curves = [
        statistics.PatientCurve(str(number), (24.0, 72.0, 168.0), tuple(data.draw(POSITIVE) for _ in range(3)))
        for number in range(6)
    ]
    finite(statistics.fit_population, curves, get_nuclide("Lu-177"))


def test_two_patients_are_too_few_for_hazards():
    with pytest.raises(DosimetryError, match="at risk"):
        statistics.cox_regression([3.0, 5.0, 5.0], [0, 1, 1], [[0.0], [1.0], [1.0]], ["marker"])
