"""Time zones of files and of entered times, brought together so that no hour is lost without a word.

A file's times are in the zone of its Timezone Offset From UTC (PS3.3 C.12.1.1.8), of a DT value's own suffix (PS3.5 6.2), or in none.
"""

from datetime import datetime

from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.tags import entered_datetime


def met(value, key: str, other: datetime | None, ledger: Ledger, where: str) -> datetime:
    """The entered moment of an override, in the zone of a moment of the files where it has none, and without one where they have none."""
    moment = entered_datetime(value, key)
    if other is None or (moment.tzinfo is None) == (other.tzinfo is None):
        return moment
    if moment.tzinfo is None:
        ledger.warn(warned("entered_time_takes_zone", where=where, key=key, value=value, zone=_zone(other)))
        return moment.replace(tzinfo=other.tzinfo)
    ledger.warn(warned("entered_zone_left_out", where=where, key=key, value=value))
    return moment.replace(tzinfo=None)


def warn_of_mixed_zones(moments: dict[str, datetime], ledger: Ledger) -> None:
    """A warning where some moments of the files have a time zone and others have none. moments: by what they are the time of."""
    with_zone = [name for name, moment in moments.items() if moment.tzinfo is not None]
    without = [name for name, moment in moments.items() if moment.tzinfo is None]
    if with_zone and without:
        zone = _zone(moments[with_zone[0]])
        ledger.warn(warned("mixed_zones", with_zone=with_zone[0], zone=zone, without=without[0]))


def _zone(moment: datetime) -> str:
    return f"{moment:%z}" or "UTC"
