"""Numbers as people read them: significant digits, uncertainties, superscripts; never "nan"."""

import math
from dataclasses import dataclass
from decimal import Decimal

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record

MISSING = "–"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-3, 1e7


@dataclass(frozen=True)
class Measured(Record):
    """A value with its standard uncertainty (k = 1) in the same unit; None when the uncertainty is not known."""

    value: float
    uncertainty: float | None = None

    def __post_init__(self):
        if not math.isfinite(self.value):
            raise DosimetryError(f"Expected a finite value, received {self.value}; use None for a value that is not known.")
        if self.uncertainty is not None and not (math.isfinite(self.uncertainty) and self.uncertainty >= 0):
            raise DosimetryError(
                f"Expected an uncertainty of zero or more, received {self.uncertainty}; use None for one that is not known."
            )


def measured(value: float | None, uncertainty: float | None = None) -> Measured | None:
    """``Measured``, or None when there is no value."""
    return None if value is None else Measured(float(value), None if uncertainty is None else float(uncertainty))


def format_number(value: float | None, digits: int = 3) -> str:
    """``value`` with at least ``digits`` significant digits: "0.0123", "12.3", "12345", "1.23×10⁻⁵".

    Digits before the decimal point are never rounded away below ten million. None becomes an en dash.
    Raises DosimetryError for NaN and infinity.
    """
    if value is None:
        return MISSING
    _refuse_unreal(value)
    if value == 0:
        return "0"
    magnitude = _magnitude(value, digits)
    if _SMALLEST_PLAIN <= abs(value) < _LARGEST_PLAIN:
        return _fixed(value, max(0, digits - 1 - magnitude))
    return f"{_fixed(_without_power(value, magnitude), digits - 1)}{power_of_ten(magnitude)}"


def format_measured(value: float | None, uncertainty: float | None, digits: int = 3) -> str:
    """ "12.3 ± 0.4": the uncertainty to one or two digits, the value to the same place.

    The uncertainty keeps two digits when they are 10 to 35 and one above, the rule of the Particle Data Group (Review of
    Particle Physics, introduction). Without an uncertainty, ``format_number``.
    """
    if value is None or uncertainty is None:
        return format_number(value, digits)
    _refuse_unreal(value)
    _refuse_unreal(uncertainty)
    if uncertainty == 0:
        return f"{format_number(value, digits)} ± 0"
    largest = max(abs(value), uncertainty)
    exponent = 0 if _SMALLEST_PLAIN <= largest < _LARGEST_PLAIN else _magnitude(largest, 1)
    scaled_value, scaled_uncertainty = _without_power(value, exponent), _without_power(uncertainty, exponent)
    place = _last_place(scaled_uncertainty)
    text = f"{_rounded(scaled_value, place)} ± {_rounded(scaled_uncertainty, place)}"
    return text if exponent == 0 else f"({text}){power_of_ten(exponent)}"


def power_of_ten(exponent: int) -> str:
    """ "×10⁻⁵"."""
    return f"×10{str(exponent).translate(_SUPERSCRIPTS)}"


def _refuse_unreal(value: float):
    if not math.isfinite(value):
        raise DosimetryError(f"Expected a finite number to print, received {value}; this result must not be shown.")


def _magnitude(value: float, digits: int) -> int:
    """Power of ten of the first digit, after rounding to ``digits``: 0.9999 with three digits is 1.00, so 0."""
    return int(f"{abs(value):.{max(digits, 1) - 1}e}".split("e")[1])


def _without_power(value: float, exponent: int) -> float:
    """value / 10**exponent, also where the power itself is out of the range of floating point."""
    return float(Decimal(value).scaleb(-exponent))


def _last_place(uncertainty: float) -> int:
    """Decimal places (negative: tens, hundreds) to which an uncertainty is printed."""
    mantissa, exponent = f"{uncertainty:.2e}".split("e")
    leading, exponent = round(float(mantissa) * 100), int(exponent)
    return 1 - exponent if leading < 355 else -exponent


def _rounded(value: float, place: int) -> str:
    return _fixed(round(value, place), max(0, place))


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")
