"""Whether all slices of a series say the same of what is one for all of them: injection, nuclide, patient, decay correction (PS3.3 C.7.3.1, C.8.9.1, C.8.9.2)."""

import math

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake.series import FoundObject, FoundSeries
from RNTDosimetryLib.intake.tags import Found, seconds_between

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
