"""The way home against a calculation by hand: 7.4 GBq 177Lu, released after 6 h, retention 0.44 and 0.56 with 2.25 and 0.175 a day."""

import math

import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.course import (
    Retention,
    contact_dose_msv,
    detectable_days,
    distance_factor,
    measured_dose_rate,
    occupancy,
    physical_retention,
    predicted_dose_rate,
    restriction_days,
    retention_from_readings,
)

RETENTION = Retention((0.44, 0.56), (2.25, 0.175))
RATE = predicted_dose_rate("Lu-177", 7400.0).usv_h
PARTNER, KEPT_AWAY = occupancy([(8, 0.3), (4, 1.0)]), occupancy([(2, 1.0)])


def test_line_source_of_a_patient():
    """(1/d) atan(0.85/d) / atan(0.85)."""
    found = [distance_factor(d) for d in (0.3, 0.5, 1.0, 2.0, 3.0)]
    assert found == pytest.approx([5.827, 2.950, 1.0, 0.285, 0.131], abs=5e-4)
    assert (distance_factor(2.0, "inverse square"), distance_factor(4.0, "power 1.5")) == (0.25, 0.125)


def test_doses_of_a_partner():
    assert contact_dose_msv(RATE, RETENTION, 0.25, 0.25, 1.0, 1.0) == pytest.approx(2.086, abs=5e-4)
    found = [contact_dose_msv(RATE, RETENTION, 0.25, until, KEPT_AWAY, PARTNER) for until in (1, 3, 7, 10)]
    assert found == pytest.approx([3.78, 2.69, 1.43, 0.91], abs=0.005)


def test_days_until_3_and_1_msv():
    found = [restriction_days(RATE, RETENTION, 0.25, KEPT_AWAY, PARTNER, limit) for limit in (3.0, 1.0)]
    assert found == pytest.approx([2.35, 9.37], abs=0.005)
    assert restriction_days(RATE, RETENTION, 0.25, KEPT_AWAY, PARTNER, 15.0) == 0.0
    # 2 h a day at 1 m without end are 0.174 mSv: no time is enough for less.
    assert restriction_days(RATE, RETENTION, 0.25, KEPT_AWAY, PARTNER, 0.1) is None


def test_a_measured_dose_rate_is_carried_back_by_the_retention():
    found = measured_dose_rate(RATE * RETENTION.at(1.0), 24.0, RETENTION)
    assert (found.usv_h, found.measured) == (pytest.approx(RATE), True)
    with pytest.raises(DosimetryError, match="while activity is in the body"):
        measured_dose_rate(5.0, 24.0 * 400, RETENTION)


def test_retention_of_readings_and_of_decay_alone():
    times = [1.0, 6.0, 24.0, 72.0, 168.0]
    found = retention_from_readings(times, [RATE * RETENTION.at(t / 24) for t in times], "Lu-177", "readings")
    assert found.integral_d(0.25) == pytest.approx(RETENTION.integral_d(0.25), rel=0.01)
    bound = physical_retention("Lu-177")
    assert bound.at(6.647) == pytest.approx(0.5, abs=2e-3)
    assert bound.integral_d(0.25) > RETENTION.integral_d(0.25)
    with pytest.raises(DosimetryError, match="at least two values"):
        retention_from_readings([4.0], [100.0], "Lu-177", "readings")


def test_until_when_it_can_be_detected():
    """7400 MBq to 0.01 MBq by the slow part alone: ln(0.56 7400 / 0.01) / 0.175 days."""
    assert detectable_days(7400.0, RETENTION, 0.01) == pytest.approx(math.log(0.56 * 7400 / 0.01) / 0.175, abs=1e-3)


@pytest.mark.parametrize(
    "broken",
    [
        lambda: Retention((0.5,), (0.2, 0.3)),
        lambda: Retention((0.5,), (0.0,)),
        lambda: Retention((-0.5,), (0.2,)),
        lambda: occupancy([(20, 1.0), (8, 1.0)]),
        lambda: occupancy([(8,)]),
        lambda: distance_factor(0.0),
        lambda: distance_factor(1.0, "cube"),
        lambda: predicted_dose_rate("I-131", 3700.0),
        lambda: restriction_days(RATE, RETENTION, 0.25, KEPT_AWAY, PARTNER, 0.0),
    ],
)
def test_what_cannot_be_is_refused(broken):
    with pytest.raises(DosimetryError, match=r"^Expected "):
        broken()
