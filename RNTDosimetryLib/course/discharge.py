"""The way home: dose of contacts of a patient, how long they keep away, and what the travel letter says.

E(T) = R1 [O_res I(t0, T) + O_ord I(T, infinity)], I(a, b) = sum f / l (exp(-l a) - exp(-l b)), O = sum of h / 24 F(d).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from RNTDosimetryLib.base.checks import checked_number, non_negative_number, number_list, one_of, positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.nuclides import get_nuclide

LAWS = ("line", "inverse square", "power 1.5")
_WHOLE = 1e-6
_LONGEST_D = 3650.0


def discharge_data() -> dict:
    """Dose rates, constraints and contacts, each with source and status."""
    return read_json("course", "discharge.json")


@dataclass(frozen=True)
class Retention(Record):
    """Share of the administered activity in the body: sum of shares exp(-rates t), physical decay included. rates_per_d: a day. source: in words."""

    shares: tuple[float, ...]
    rates_per_d: tuple[float, ...]
    source: str = "entered"

    def __post_init__(self) -> None:
        shares, rates = (
            number_list(self.shares, "shares of the retention"),
            number_list(self.rates_per_d, "rates_per_d of the retention"),
        )
        if not shares or len(shares) != len(rates):
            raise DosimetryError(
                f"Expected as many shares as rates_per_d of the retention, received {len(shares)} and {len(rates)}; pair them up."
            )
        for share, rate in zip(shares, rates):
            non_negative_number(share, "a share of the retention", "give 0.44 for 44 %")
            positive_number(rate, "rate of the retention a day", "physical decay alone is ln 2 over the half-life in days")
        if not sum(shares) > 0:
            raise DosimetryError("Expected shares of the retention above zero, received none; give those of the whole body.")

    def at(self, time_d: float) -> float:
        """Share at a time in days after the administration."""
        return sum(share * math.exp(-rate * time_d) for share, rate in zip(self.shares, self.rates_per_d))

    def integral_d(self, start_d: float, end_d: float = math.inf) -> float:
        """Integral of the share over time, days."""
        return sum(
            share / rate * (math.exp(-rate * start_d) - math.exp(-rate * end_d))
            for share, rate in zip(self.shares, self.rates_per_d)
        )


def distance_factor(distance_m: float, law: str = "line") -> float:
    """Dose rate at a distance over that at 1 m. "line": of a line of 1.70 m, (1/d) atan(H/2d) / atan(H/2); "inverse square": 1/d^2; "power 1.5": d^-1.5."""
    distance = checked_number(distance_m, "distance in m", "give meters", 0.05, 100.0)
    one_of(law, LAWS, "a law of distance")
    if law == "line":
        half = discharge_data()["line_source_height_m"]["value"] / 2
        return math.atan(half / distance) / math.atan(half) / distance
    return distance**-2.0 if law == "inverse square" else distance**-1.5


def occupancy(contacts: Sequence[Sequence[float]], law: str = "line") -> float:
    """O = sum of h/24 F(d) of contacts [hours a day, distance in m]. Raises DosimetryError for more than 24 h a day."""
    total_h = sum(non_negative_number(pair[0], "hours a day of a contact") for pair in checked_pairs(contacts))
    if total_h > 24:
        raise DosimetryError(f"Expected contacts of at most 24 h a day, received {total_h:g} h; correct the hours.")
    return sum(hours / 24 * distance_factor(distance, law) for hours, distance in contacts)


def checked_pairs(contacts: Sequence[Sequence[float]]) -> Sequence[Sequence[float]]:
    """Contacts, each of two numbers."""
    for pair in contacts:
        if len(number_list(pair, "a contact")) != 2:
            raise DosimetryError(f"Expected [hours a day, distance in m] for a contact, received {list(pair)}; give both.")
    return contacts


def contact_dose_msv(
    dose_rate_usv_h: float, retention: Retention, release_d: float, restricted_until_d: float, restricted: float, ordinary: float
) -> float:
    """E(T) in mSv. dose_rate_usv_h: at 1 m with the whole administered activity in the body. restricted, ordinary: occupancies O."""
    until = max(restricted_until_d, release_d)
    days = restricted * retention.integral_d(release_d, until) + ordinary * retention.integral_d(until)
    return dose_rate_usv_h * 24 * days / 1000


def restriction_days(
    dose_rate_usv_h: float, retention: Retention, release_d: float, restricted: float, ordinary: float, constraint_msv: float
) -> float | None:
    """Time T after the administration, days, until which the contact stays restricted so that E(T) is the constraint.

    0: no restriction is needed. None: even a restriction without end gives more. Raises DosimetryError for a constraint of zero.
    """
    from scipy.optimize import brentq

    limit = positive_number(constraint_msv, "constraint in mSv", "see the rules of the country")

    def excess(until_d: float) -> float:
        return contact_dose_msv(dose_rate_usv_h, retention, release_d, until_d, restricted, ordinary) - limit

    if excess(release_d) <= 0:
        return 0.0
    if restricted >= ordinary or excess(_LONGEST_D) > 0:
        return None
    return float(brentq(excess, release_d, _LONGEST_D, xtol=1e-6))


@dataclass(frozen=True)
class DoseRate(Record):
    """Dose rate at 1 m with the whole activity in the body, uSv/h, and between what values; measured: whether it was read from the patient."""

    usv_h: float
    low_usv_h: float | None
    high_usv_h: float | None
    measured: bool
    source: str


def predicted_dose_rate(nuclide: str, activity_mbq: float) -> DoseRate:
    """From the activity by the nuclide's dose rate at 1 m. Raises DosimetryError where none is known for the nuclide."""
    known, name = discharge_data()["dose_rate_usv_h_per_gbq_at_1_m"], get_nuclide(nuclide).name
    if name not in known:
        raise DosimetryError(
            f"Expected a measured dose rate at 1 m for {name}, as none a GBq is known here ({', '.join(known)}); enter dose_rate_usv_h and dose_rate_time_h."
        )
    item, gbq = known[name], positive_number(activity_mbq, "administered activity in MBq") / 1000
    low, high = (item[key] * gbq if key in item else None for key in ("low", "high"))
    return DoseRate(item["value"] * gbq, low, high, False, f"{item['value']:g} uSv/h a GBq of {name}, {item['source']}")


def measured_dose_rate(reading_usv_h: float, time_h: float, retention: Retention) -> DoseRate:
    """From a reading at 1 m at a time after the administration, carried back by the retention to the whole activity."""
    reading = positive_number(reading_usv_h, "dose rate at 1 m in uSv/h", "enter the reading without background")
    share = retention.at(non_negative_number(time_h, "time of the reading in h") / 24)
    if share <= _WHOLE:
        raise DosimetryError(f"Expected a reading while activity is in the body, received one at {time_h:g} h; read earlier.")
    return DoseRate(reading / share, None, None, True, f"{reading:g} uSv/h read at {time_h:g} h")


def retention_from_readings(times_h: Sequence[float], values: Sequence[float], nuclide: str, source: str) -> Retention:
    """Retention of whole-body activities or dose rates at 1 m, fitted with one or two exponentials that fall no slower than physical decay.

    Scaled to 1 at the administration where the first value was read there, and by the fitted curve otherwise. Raises DosimetryError for one value.
    """
    from RNTDosimetryLib.kinetics import fit_time_activity

    if len(values) < 2:
        raise DosimetryError(
            f"Expected at least two values for the retention from {source}, received {len(values)}; enter shares and rates_per_d."
        )
    fit = fit_time_activity(list(times_h), list(values), nuclide, model="bi" if len(values) > 4 else "mono")
    start = sum(fit.amplitudes_mbq)
    if not fit.rates_per_h or start <= 0:
        raise DosimetryError(f"Expected values that fall for the retention from {source}, received others; check them.")
    return Retention(tuple(a / start for a in fit.amplitudes_mbq), tuple(24 * rate for rate in fit.rates_per_h), source)


def physical_retention(nuclide: str) -> Retention:
    """All of the activity stays in the body and decays: the upper bound, where nothing was measured."""
    item = get_nuclide(nuclide)
    return Retention((1.0,), (24 * item.decay_constant_per_h,), "physical decay alone: an upper bound")


def detectable_days(activity_mbq: float, retention: Retention, smallest_mbq: float) -> float:
    """Days after the administration until which more than an activity is in the body."""
    from scipy.optimize import brentq

    given = positive_number(activity_mbq, "administered activity in MBq")
    if given * retention.at(0.0) <= smallest_mbq:
        return 0.0
    slowest = min(retention.rates_per_d)
    end = math.log(given * sum(retention.shares) / smallest_mbq) / slowest + 1
    return float(brentq(lambda time_d: given * retention.at(time_d) - smallest_mbq, 0.0, end, xtol=1e-6))


def contact_of(name: str, entered: Mapping | None) -> Mapping:
    """A contact that was entered, or the shipped one of this name."""
    if entered:
        return entered
    known = discharge_data()["contacts"]
    one_of(name, known, "a contact", "choose one of them, or enter its hours and distances")
    return known[name]
