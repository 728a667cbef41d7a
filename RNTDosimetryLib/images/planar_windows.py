"""Photopeak and scatter windows of a planar acquisition, told apart by their limits."""

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.planar_frames import EnergyWindow
from RNTDosimetryLib.intake.ledger import Ledger, positive_number

_NEIGHBOUR_SHARE = 0.02
_WIDEST_SCATTER = 2.0
"""A scatter window is narrower than this many photopeak windows."""


def choose_windows(windows: tuple[EnergyWindow, ...], typed: dict, name: str, ledger: Ledger):
    """((number, window) of the photopeak, of scatter below, of scatter above); (None, None) without one."""
    none = (None, None)
    if len(windows) <= 1:
        return (0, windows[0] if windows else None), none, none
    unknown = [window.name for window in windows if window.width_kev is None or window.width_kev <= 0]
    if unknown:
        ledger.warn(f"{name}: energy windows without two limits of one range were not used: {', '.join(unknown)}")
    limited = [(number, window) for number, window in enumerate(windows) if window.width_kev is not None and window.width_kev > 0]
    around = {number: (_neighbour(window, limited, "below"), _neighbour(window, limited, "above")) for number, window in limited}
    if "peak_kev" in typed:
        energy = positive_number(typed["peak_kev"], "peak_kev")
        found = [(number, window) for number, window in limited if window.lower_kev <= energy <= window.upper_kev]
    else:
        found = [(number, window) for number, window in limited if around[number][0] is not None and around[number][1] is not None]
        # Without windows on both sides: a scatter window below alone (two windows).
        found = found or [(number, window) for number, window in limited if around[number][0] is not None]
    if len(found) != 1:
        text = ", ".join(f"{window.name} ({_shown(window)})" for window in windows)
        raise DosimetryError(f"Expected one photopeak window in '{name}', received {len(found)} that may be it among {text}; type peak_kev, an energy in keV.")
    peak = found[0]
    ledger.record("photopeak window", _shown(peak[1]), "keV", "(0054,0012) Energy Window Information Sequence", name, "override" if "peak_kev" in typed else "read")
    lower, upper = ((number, windows[number]) if number is not None else none for number in around[peak[0]])
    if lower[0] is None and upper[0] is not None:
        ledger.warn(f"{name}: a scatter window above the photopeak alone was not used; the counts hold their scatter")
        upper = none
    for text, part in (("below", lower), ("above", upper)):
        if part[1] is not None:
            ledger.record(f"scatter window {text}", _shown(part[1]), "keV", "(0054,0012) Energy Window Information Sequence", name)
    if lower[0] is None:
        ledger.warn(f"{name}: no scatter window touches the photopeak; the counts hold their scatter")
    return peak, lower, upper


def _neighbour(window: EnergyWindow, limited, side: str) -> int | None:
    """The window that ends where this one begins, or begins where it ends, to 2 % of the energy; the narrowest of several."""
    edge = window.lower_kev if side == "below" else window.upper_kev
    touching = []
    for number, other in limited:
        its = other.upper_kev if side == "below" else other.lower_kev
        if other is not window and abs(its - edge) <= _NEIGHBOUR_SHARE * edge and other.width_kev < _WIDEST_SCATTER * window.width_kev:
            touching.append((other.width_kev, number))
    return min(touching)[1] if touching else None


def _shown(window: EnergyWindow) -> str:
    return "no limits" if window.width_kev is None else f"{window.lower_kev:g} to {window.upper_kev:g}"
