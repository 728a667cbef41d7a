"""Schedules of scans against formulas by hand and a plain simulation."""

import math
from datetime import datetime

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.course import best_schedule, opening_times_h, schedule_uncertainty
from RNTDosimetryLib.kinetics import RatePrior
from RNTDosimetryLib.nuclides import get_nuclide

DECAY = get_nuclide("Lu-177").decay_constant_per_h
NARROW = RatePrior(math.log(2) / 51.0 - DECAY, 0.01)
KIDNEY = RatePrior(math.log(2) / 51.0 - DECAY, 0.29)


def test_one_scan_by_hand():
    """var = u^2 + s^2 (k t - k/(k + l))^2: least at t = 1/(k + l) = T_eff / ln 2 = 73.6 h, where the half-life does not matter."""
    k, rate = NARROW.median_per_h, NARROW.median_per_h + DECAY
    for time in (24.0, 73.6, 168.0):
        expected = math.sqrt(0.05**2 + (0.01 * k * (time - 1 / rate)) ** 2)
        assert schedule_uncertainty([time], NARROW, DECAY, 0.05).uncertainty == pytest.approx(expected, rel=2e-4)
    assert best_schedule(1, np.arange(10.0, 200.0, 0.5), NARROW, DECAY, 0.05).times_h[0] == pytest.approx(
        51 / math.log(2), abs=0.5
    )


def test_two_scans_by_hand():
    """ln TIA = y1 + L t1 - ln L with L = (y1 - y2)/(t2 - t1): its derivatives by y1 and y2, times u. Physical decay apart: l to 0."""
    rate, first, last, u = 0.0136, 24.0, 120.0, 0.05
    apart = last - first
    one = 1 + first / apart - 1 / (rate * apart)
    expected = u * math.hypot(one, 1 - one)
    found = schedule_uncertainty([first, last], RatePrior(rate, 1e-4), 1e-12, u)
    assert found.alone == pytest.approx(expected, rel=1e-3)
    assert found.uncertainty < found.alone


def test_a_simulation_of_single_scans_agrees():
    """20 000 patients, one scan at 96 h, the population's half-life taken: spread of the time-integrated activity."""
    random = np.random.default_rng(3)
    k = KIDNEY.median_per_h * np.exp(KIDNEY.log_sd * random.standard_normal(20_000))
    rate, taken = k + DECAY, KIDNEY.median_per_h + DECAY
    measured = np.exp(-rate * 96) * (1 + 0.05 * random.standard_normal(k.size))
    ratio = measured * np.exp(taken * 96) / taken * rate
    found = schedule_uncertainty([96.0], KIDNEY, DECAY, 0.05).uncertainty
    assert found == pytest.approx(np.std(np.log(ratio)), rel=0.15)


def test_more_scans_and_more_spread():
    candidates = (4.0, 24.0, 48.0, 72.0, 96.0, 120.0, 144.0, 168.0)
    found = [best_schedule(n, candidates, KIDNEY, DECAY, 0.05) for n in (1, 2, 3)]
    assert found[0].uncertainty > found[1].uncertainty > found[2].uncertainty
    assert found[1].alone > found[2].alone
    assert found[0].alone is None
    wide = best_schedule(1, candidates, RatePrior(KIDNEY.median_per_h, 0.6), DECAY, 0.05)
    assert wide.uncertainty > found[0].uncertainty
    with pytest.raises(DosimetryError, match="candidate times for 3 scans"):
        best_schedule(3, (24.0, 25.0), KIDNEY, DECAY, 0.05)


def test_opening_hours():
    """Thursday 10:00; open 8 to 17 on weekdays: nothing on Saturday and Sunday, Monday from 94 h on."""
    found = opening_times_h(datetime(2026, 3, 19, 10), 8, 17, 4)
    assert found[:3] == (1.0, 4.0, 7.0)
    assert [hours for hours in found if 38 <= hours < 86] == []
    assert (min(h for h in found if h > 80), max(found)) == (94.0, 103.0)
    assert 46.0 in opening_times_h(datetime(2026, 3, 19, 10), 8, 17, 4, weekend=True)
    with pytest.raises(DosimetryError, match="opening hours"):
        opening_times_h(datetime(2026, 3, 19, 10), 17, 8, 4)


@pytest.mark.parametrize("times", [[], [24.0, 24.0], [-1.0], [math.nan]])
def test_schedules_that_cannot_be_are_refused(times):
    with pytest.raises(DosimetryError, match=r"^Expected "):
        schedule_uncertainty(times, KIDNEY, DECAY, 0.05)
