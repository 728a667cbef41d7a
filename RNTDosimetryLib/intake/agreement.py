"""Whether all slices of a series say the same of what is one for all of them: injection, nuclide, patient, decay correction (PS3.3 C.7.3.1, C.8.9.1, C.8.9.2)."""

import math
from datetime import datetime

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.series import FoundObject, FoundSeries
from RNTDosimetryLib.intake.tags import Found, element_value, seconds_between, tag_label

_TIMES_AGREE_S, _NUMBERS_AGREE = 60.0, 1e-3
_ONE_FOR_ALL = {  # quantity: the override that says it for all
    "administration_time": "administration_time",
    "injected_activity_mbq": "injected_activity_mbq",
    "nuclide": "nuclide",
    "half_life_s": "nuclide",
    "decay_correction": "decay_correction",
}


def disagreement(series: FoundSeries, quantity: str) -> tuple[FoundObject, FoundObject] | None:
    """The first slice and one that says something else of a quantity; None where all agree. Raises DosimetryError for a value that is not readable."""
    first = series.objects[0]
    value = first.find(quantity)
    for item in series.objects[1:]:
        if not same_value(value, item.find(quantity)):
            return first, item
    return None


def check_slices_agree(series: FoundSeries, entered: dict, where: str) -> None:
    """Raises DosimetryError where slices of one series contradict each other and nothing was entered instead. entered: overrides."""
    told = []
    for quantity, override in _ONE_FOR_ALL.items():
        if entered.get(override) is not None:
            continue
        pair = disagreement(series, quantity)
        if pair is not None:
            texts = [_shown(item.find(quantity)) + f" in {item.name}" for item in pair]
            told.append(
                f"one {quantity.removesuffix('_s').removesuffix('_mbq').replace('_', ' ')} in all slices, received {' and '.join(texts)}; send the series again, or type the override {override}"
            )
    if told:
        raise DosimetryError(f"Expected {where} to say {'; '.join(told)}.")


def same_value(one: Found | None, other: Found | None) -> bool:
    """Whether two statements are one: numbers to a thousandth, times to a minute, texts to the letter."""
    if one is None or other is None:
        return one is other
    a, b = one.value, other.value
    if hasattr(a, "isoformat"):
        return abs(seconds_between(a, b)) <= _TIMES_AGREE_S
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=_NUMBERS_AGREE)
    return str(a) == str(b)


def _shown(found: Found | None) -> str:
    return "none" if found is None else f"{found.value:.8g}" if isinstance(found.value, float) else str(found.value)


_TWO_PLACES = {  # two places of one moment, of which readers take the first
    "acquisition_start": (("AcquisitionDateTime",), ("AcquisitionDate", "AcquisitionTime")),
    "administration_time": (
        ("RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartDateTime",),
        ("RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartTime",),
    ),
}


def warn_of_two_moments(series: FoundSeries, entered: dict, ledger: Ledger, where: str) -> None:
    """A warning where one moment stands in two places of a header that do not agree (PS3.3 C.7.6.1, C.8.9.2); only the time of day is compared
    where one place has no date. Moments with a time zone of their own are left alone."""
    for quantity, places in _TWO_PLACES.items():
        texts = [[str(element_value(series.header, path) or "").strip() for path in place] for place in places]
        if entered.get(quantity) is not None or not all(all(parts) for parts in texts):
            continue
        first, second = ("".join(parts) for parts in texts)
        dated = len(second) > 8 and len(texts[1]) == 2
        moments = [_seconds(text, dated) for text in (first if dated else first[8:], second)]
        if None in moments or set("+-") & set(first + second):
            continue
        apart = abs(moments[0] - moments[1])
        if min(apart, apart if dated else 86400 - apart) > _TIMES_AGREE_S:
            sources = [" + ".join(tag_label(path) for path in place) for place in places]
            ledger.warn(
                warned(
                    "two_moments", where=where, first=first, source=sources[0], other=second, there=sources[1], override=quantity
                )
            )


def _seconds(text: str, dated: bool) -> float | None:
    """Seconds of a DICOM date and time, or time of day, from a moment common to all; None for one that is not readable."""
    day, clock = (text[:8], text[8:]) if dated else ("20000101", text)
    for form in ("%Y%m%d%H%M%S.%f", "%Y%m%d%H%M%S", "%Y%m%d%H%M"):
        try:
            return (datetime.strptime(day + clock, form) - datetime(2000, 1, 1)).total_seconds()
        except ValueError:
            continue
    return None
