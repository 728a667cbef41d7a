"""Dates and times of DICOM objects, with time zones."""

import re
from datetime import datetime, timedelta, timezone

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import iso_moment

_DATE = re.compile(r"^(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})$")
_TIME = re.compile(r"^(\d{2}):?(\d{2})?:?(\d{2})?(?:\.(\d{1,6}))?$")
_DATETIME = re.compile(r"^(\d{8})(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?([+-]\d{4})?$")


def datetime_of(text: str, dataset, label: str) -> datetime:
    """Moment of a DICOM DT value; without an offset of its own it takes the object's Timezone Offset From UTC.

    Raises DosimetryError for a value that is not a date with a time.
    """
    match = _DATETIME.match(text.strip())
    if match is None or match[2] is None:
        raise DosimetryError(f"Expected a date with a time in {label}, received '{text}'; type the time as an override.")
    zone = _offset(match[3], label) if match[3] else _zone_of(dataset)
    return _moment(match[1], match[2], zone, label)


def date_time_of(date: str, time: str, dataset, label: str) -> datetime:
    """Moment of a DICOM DA and a TM value. Raises DosimetryError when they are not readable."""
    return _moment(date.strip(), time.strip(), _zone_of(dataset), label)


def typed_datetime(value, label: str) -> datetime:
    """Moment that a person typed: ISO 8601 with date and time. Raises DosimetryError for anything else."""
    if isinstance(value, datetime):
        return value
    try:
        return iso_moment(str(value))
    except ValueError as error:
        raise DosimetryError(
            f"Expected a date and time such as 2024-03-05T10:30:00 for {label}, received '{value}'; type both date and time."
        ) from error


def seconds_between(start: datetime, end: datetime) -> float:
    """Elapsed seconds. When only one of the two carries a time zone, both are taken as clocks in the same zone."""
    if (start.tzinfo is None) != (end.tzinfo is None):
        start, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
    return (end - start).total_seconds()


def _moment(date: str, time: str, zone, label: str) -> datetime:
    day, clock = _DATE.match(date), _TIME.match(time)
    try:
        if day is None or clock is None:
            raise ValueError("not a DICOM date and time")
        hour, minute, second = (int(clock[i] or 0) for i in (1, 2, 3))
        microsecond = int((clock[4] or "0").ljust(6, "0"))
        leap = second == 60  # DICOM allows the leap second; Python does not
        moment = datetime(*(int(part) for part in day.groups()), hour, minute, 59 if leap else second, microsecond, tzinfo=zone)
        return moment + timedelta(seconds=1) if leap else moment
    except ValueError as error:
        raise DosimetryError(
            f"Expected a date and a time in {label}, received '{date} {time}'; type the time as an override."
        ) from error


def _zone_of(dataset):
    value = dataset.get("TimezoneOffsetFromUTC")
    return None if value in (None, "") else _offset(str(value), "(0008,0201) Timezone Offset From UTC")


def _offset(text: str, label: str) -> timezone:
    match = re.match(r"^([+-])(\d{2})(\d{2})$", text.strip())
    if match is None or int(match[2]) > 14 or int(match[3]) > 59:
        raise DosimetryError(f"Expected a time zone such as +0100 in {label}, received '{text}'; type the time as an override.")
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-offset if match[1] == "-" else offset)
