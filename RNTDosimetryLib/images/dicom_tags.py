"""Values out of DICOM objects, each with the tag it came from: driven by Resources/images/dicom_sources.json."""

import math
import re
from dataclasses import dataclass
from functools import lru_cache

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.images.dicom_time import date_time_of, datetime_of

_STEP = re.compile(r"^(\w+)(?:\[(\d+)\])?$")


@dataclass(frozen=True)
class Found:
    """A value and where it was read. source: e.g. "(0054,0016)[0].(0018,1078) Radiopharmaceutical Start Date Time"."""

    value: object
    source: str
    note: str = ""


@lru_cache(maxsize=1)
def quantities() -> dict:
    """The table of places by quantity."""
    return read_json("images", "dicom_sources.json")["quantities"]


def find(dataset, quantity: str) -> Found | None:
    """First value of a quantity in a DICOM dataset, or None. Raises DosimetryError for a value that is not readable."""
    table = quantities()[quantity]
    for place in table["places"]:
        if "modality" in place and place["modality"] != str(dataset.get("Modality", "")):
            continue
        if "sop_class" in place and place["sop_class"] != str(dataset.get("SOPClassUID", "")):
            continue
        found = _READERS[place["reader"]](dataset, place)
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
        raise DosimetryError(f"Expected one finite number in {label}, received '{value}'; repair the file or type an override.")
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
    """Acquisition time of a tomography: time per view times views in the rotation, summed over the rotations.

    DICOM PS3.3 C.8.4.12: Number of Frames in Rotation counts the angular views of one detector, so detectors that work
    at the same time are not counted twice.
    """
    items = dataset.get(place["path"]) or []
    seconds = 0.0
    for index, item in enumerate(items):
        each, views = item.get("ActualFrameDuration"), item.get("NumberOfFramesInRotation")
        if each is None or views is None:
            return None
        label = tag_label(f"{place['path']}[{index}].ActualFrameDuration")
        seconds += number_of(each, label) * place["factor"] * number_of(views, "Number of Frames in Rotation")
    if not items or seconds == 0:
        return None
    return (
        seconds,
        f"{tag_label(place['path'] + '[0].ActualFrameDuration')} x Number of Frames in Rotation, {len(items)} rotation(s)",
    )


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
