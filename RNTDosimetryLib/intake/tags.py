"""Values out of DICOM objects, each with the tag it came from: driven by Resources/images/dicom_sources.json."""

import math
import re
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import iso_moment
from RNTDosimetryLib.base.resources import read_json

_SAME_BED_MM = 5.0
_STEP = re.compile(r"^(\w+)(?:\[(\d+)\])?$")


@dataclass(frozen=True)
class Found:
    """A value and where it was read. source: e.g. "(0054,0016)[0].(0018,1078) Radiopharmaceutical Start Date Time"."""

    value: object
    source: str
    note: str = ""


class Unreadable(DosimetryError):
    """A value of a file that is not what it must be. what: the sentence without its remedy."""

    def __init__(self, what: str, remedy: str = "repair the file"):
        super().__init__(f"{what}; {remedy}.")
        self.what = what


@lru_cache(maxsize=1)
def quantities() -> dict:
    """The table of places by quantity."""
    return read_json("images", "dicom_sources.json")["quantities"]


def find(dataset, quantity: str) -> Found | None:
    """First value of a quantity in a DICOM dataset, or None.

    Raises DosimetryError for a value that is not readable, with the override that replaces it where there is one.
    """
    table = quantities()[quantity]
    for place in table["places"]:
        if "modality" in place and place["modality"] != str(dataset.get("Modality", "")):
            continue
        if "sop_class" in place and str(dataset.get("SOPClassUID", "")) not in place["sop_class"]:
            continue
        try:
            found = _READERS[place["reader"]](dataset, place)
        except Unreadable as error:
            override = table.get("override")
            raise Unreadable(error.what, f"type the override {override}" if override else "repair the file") from error
        if found is not None:
            return Found(found[0], found[1], place.get("note", ""))
    return None


def tag_label(path: str) -> str:
    """Tags and name of a keyword path, for the intake table."""
    from pydicom.datadict import dictionary_description, tag_for_keyword

    if ":" in path:
        group, creator, element = path.split(":")
        return f"({group},xx{element}) private, {creator}" if creator else f"({group},{element}) private"
    tags, name = [], ""
    for step in path.split("."):
        keyword, index = _STEP.match(step).groups()
        tag = tag_for_keyword(keyword)
        tags.append(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" + (f"[{index}]" if index is not None else ""))
        name = dictionary_description(tag)
    return f"{'.'.join(tags)} {name}"


def element_value(dataset, path: str):
    """Value at a keyword path or private path, None when it is missing or empty."""
    if ":" in path:
        group, creator, element = path.split(":")
        try:
            if creator:
                value = dataset.private_block(int(group, 16), creator)[int(element, 16)].value
            else:
                value = dataset[int(group, 16), int(element, 16)].value
        except KeyError:
            return None
        value = value.decode("ascii", "replace").strip("\0 ") if isinstance(value, bytes) else value
    else:
        value = dataset
        for step in path.split("."):
            keyword, index = _STEP.match(step).groups()
            value = value.get(keyword)
            if index is not None:
                value = value[int(index)] if value is not None and len(value) > int(index) else None
            if value is None:
                return None
    return None if value is None or str(value).strip() == "" else value


def number_of(value, label: str) -> float:
    """A finite number; raises DosimetryError otherwise."""
    if isinstance(value, bytes) or (hasattr(value, "__len__") and not isinstance(value, str)):
        value = value[0] if len(value) == 1 else None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise Unreadable(f"Expected one finite number in {label}, received '{value}'")
    return number


def _text(dataset, place):
    value = element_value(dataset, place["path"])
    if value is None:
        return None
    if not isinstance(value, str) and hasattr(value, "__iter__"):
        value = "\\".join(str(item) for item in value)
    return str(value).strip(), tag_label(place["path"])


def _number(dataset, place):
    value = element_value(dataset, place["path"])
    if value is None:
        return None
    label = tag_label(place["path"])
    return number_of(value, label) * place.get("factor", 1.0), label


def _number_by_size(dataset, place):
    """A number whose unit is told by its size: the first factor that brings it into the limits."""
    found = _number(dataset, place)
    if found is None:
        return None
    low, high = place["limits"]
    scaled = [found[0] * factor for factor in place["factors"]]
    return next((value for value in scaled if low <= value <= high), scaled[0]), found[1]


def _datetime(dataset, place):
    value = element_value(dataset, place["path"])
    if value is None:
        return None
    label = tag_label(place["path"])
    return datetime_of(str(value), dataset, label), label


def _date_time(dataset, place):
    date, time = (element_value(dataset, path) for path in place["path"])
    if date is None or time is None:
        return None
    label = " + ".join(tag_label(path) for path in place["path"])
    return date_time_of(str(date), str(time), dataset, label), label


def _pattern(dataset, place):
    text = element_value(dataset, place["path"])
    match = re.search(place["pattern"], str(text), re.IGNORECASE) if text is not None else None
    return None if match is None else (float(match[1]) * place["factor"], tag_label(place["path"]))


def _flag(dataset, place):
    text = element_value(dataset, place["path"])
    value = None if text is None else place["values"].get(str(text).strip().upper())
    return None if value is None else (value, tag_label(place["path"]))


def _rotations(dataset, place):
    """Acquisition time of a tomography at one position of the table, the longest of several (``rotation_beds``)."""
    beds = rotation_beds(dataset)
    if not beds:
        return None
    count = len(dataset.get(place["path"]))
    source = f"{tag_label(place['path'] + '[0].ActualFrameDuration')} x Number of Frames in Rotation, {count} rotation(s)"
    if len(beds) > 1:
        source += f", {len(beds)} positions of {tag_label(place['path'] + '[0].TableTraverse')}"
    return max(beds.values()), source


def rotation_beds(dataset) -> dict[float, float]:
    """Acquisition time in s at each position of the table in mm: time per view times views, summed over the rotations there.

    DICOM PS3.3 C.8.4.12: Number of Frames in Rotation counts the angular views of one detector, so detectors that work at the same time
    are not counted twice; Table Traverse tells the beds of a scan apart. {} where a rotation does not say how long it took.
    """
    items = dataset.get("RotationInformationSequence") or []
    places = [_element_number(item, "TableTraverse") for item in items]
    beds: dict[float, float] = {}
    for item, place in zip(items, places if None not in places else [0.0] * len(items)):
        each, views = (_element_number(item, key) for key in ("ActualFrameDuration", "NumberOfFramesInRotation"))
        if each is None or views is None:
            return {}
        bed = next((known for known in beds if abs(known - place) < _SAME_BED_MM), place)
        beds[bed] = beds.get(bed, 0.0) + each / 1000.0 * views
    return beds if all(seconds > 0 for seconds in beds.values()) else {}


def _element_number(item, keyword: str) -> float | None:
    value = item.get(keyword)
    return None if value in (None, "") else number_of(value, f"(0054,0052) Rotation Information Sequence, {tag_label(keyword)}")


def _smallest(dataset, place):
    value = element_value(dataset, place["path"])
    if value is None:
        return None
    label = tag_label(place["path"])
    several = value if hasattr(value, "append") else [value]
    return min(number_of(item, label) for item in several) * place.get("factor", 1.0), label


_READERS = {
    "text": _text,
    "number": _number,
    "number_by_size": _number_by_size,
    "datetime": _datetime,
    "date_time": _date_time,
    "pattern": _pattern,
    "flag": _flag,
    "rotations": _rotations,
    "smallest": _smallest,
}


_DAMAGE = (
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    IndexError,
    NotImplementedError,
    OverflowError,
    EOFError,
    OSError,
    MemoryError,
    RecursionError,
)


@contextmanager
def readable(what: str):
    """Turn the errors of parsing a damaged file into a DosimetryError that names it; our own sentences pass through."""
    from pydicom.errors import BytesLengthException

    try:
        yield
    except DosimetryError:
        raise
    except (*_DAMAGE, struct.error, BytesLengthException) as error:
        raise DosimetryError(
            f"Expected a readable DICOM object in {what}, received a damaged one ({type(error).__name__}: {str(error)[:120]}); "
            "send it again or take it out of the folder."
        ) from error


_DATE = re.compile(r"^(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})$")
_TIME = re.compile(r"^(\d{2}):?(\d{2})?:?(\d{2})?(?:\.(\d{1,6}))?$")
_DATETIME = re.compile(r"^(\d{8})(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?([+-]\d{4})?$")


def datetime_of(text: str, dataset, label: str) -> datetime:
    """Moment of a DICOM DT value; without an offset of its own it takes the object's Timezone Offset From UTC.

    Raises DosimetryError for a value that is not a date with a time.
    """
    match = _DATETIME.match(text.strip())
    if match is None or match[2] is None:
        raise Unreadable(f"Expected a date with a time in {label}, received '{text}'")
    zone = _offset(match[3], label) if match[3] else _zone_of(dataset)
    return _moment(match[1], match[2], zone, label)


def date_time_of(date: str, time: str, dataset, label: str) -> datetime:
    """Moment of a DICOM DA and a TM value. Raises DosimetryError when they are not readable."""
    return _moment(date.strip(), time.strip(), _zone_of(dataset), label)


def entered_datetime(value, label: str) -> datetime:
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
        raise Unreadable(f"Expected a date and a time in {label}, received '{date} {time}'") from error


def _zone_of(dataset):
    value = dataset.get("TimezoneOffsetFromUTC")
    return None if value in (None, "") else _offset(str(value), "(0008,0201) Timezone Offset From UTC")


def _offset(text: str, label: str) -> timezone:
    match = re.match(r"^([+-])(\d{2})(\d{2})$", text.strip())
    if match is None or int(match[2]) > 14 or int(match[3]) > 59:
        raise Unreadable(f"Expected a time zone such as +0100 in {label}, received '{text}'")
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-offset if match[1] == "-" else offset)
