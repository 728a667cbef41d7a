"""Standard uncertainty of an organ's dose from that of its time-integrated activity, volume and S value."""

import math

from RNTDosimetryLib.base.checks import any_number, non_negative_number, positive_number
from RNTDosimetryLib.base.errors import DosimetryError


def relative_dose_uncertainty(
    tia_relative: float,
    volume_relative: float = 0.0,
    mass_exponent: float = 1.0,
    tia_volume_sensitivity: float = 0.0,
    s_value_relative: float = 0.0,
) -> float:
    """u(D)/D of D = TIA S(m), with S falling as m^-c2 (c2 = ``mass_exponent``), all relative standard uncertainties.

    The delineated volume enters twice: a larger outline lowers S, u(S)/S = c2 u(v)/v, and changes the measured TIA,
    dTIA/TIA = k dv/v with k = ``tia_volume_sensitivity`` (phi/(2R) for an outline that follows a blurred edge). Both come from the
    same volume, so they are not independent:
    u2(D)/D2 = u2(TIA)/TIA2 + c2^2 u2(v)/v2 - 2 c2 k u2(v)/v2 + u2(S0)/S02. ``tia_relative`` is the whole uncertainty of the TIA,
    the volume's part included. ``s_value_relative``: of the S value itself at a given mass.
    Formula: EANM uncertainty guidance (Gear et al. 2018), re-derived in docs/dose_maps.md. Raises DosimetryError when the TIA's
    uncertainty is smaller than the part its volume brings.
    """
    tia = non_negative_number(tia_relative, "relative uncertainty of the time-integrated activity")
    volume = non_negative_number(volume_relative, "relative uncertainty of the volume")
    exponent = non_negative_number(mass_exponent, "mass exponent of the S value")
    table = non_negative_number(s_value_relative, "relative uncertainty of the S value")
    sensitivity = any_number(tia_volume_sensitivity, "volume sensitivity", "0 leaves it out")
    from_volume = abs(sensitivity) * volume
    if from_volume > tia * (1 + 1e-9):
        raise DosimetryError(
            f"Expected a relative TIA uncertainty that includes its volume part of {from_volume:.3g}, received {tia:.3g}; "
            "give the whole uncertainty of the TIA."
        )
    independent = max(0.0, tia**2 - from_volume**2)
    return math.sqrt(independent + ((sensitivity - exponent) * volume) ** 2 + table**2)


def mass_exponent_of(s_of_mass, mass_g: float) -> float:
    """c2 = -d ln S / d ln m at ``mass_g`` of a function mass in g -> S, by a central difference of 2 % to each side."""
    mass = positive_number(mass_g, "mass in g")
    step = 1.02
    return -math.log(s_of_mass(mass * step) / s_of_mass(mass / step)) / (2 * math.log(step))
