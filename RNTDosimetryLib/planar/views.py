"""Anterior and posterior view of a planar acquisition: which is which, and both as seen from the front."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record, checked_path
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.intake.ledger import Ledger, positive_number
from RNTDosimetryLib.intake.tags import find
from RNTDosimetryLib.planar.frames import ANTERIOR, POSTERIOR, EnergyWindow, planar_object
from RNTDosimetryLib.planar.orientation import orientations, turned

PLANAR_KEYS = (
    "peak_kev",
    "anterior_frame",
    "anterior_mirrored",
    "posterior_mirrored",
    "duration_s",
    "field_of_view_mm",
    "acquisition_start",
)
"""What may be typed about a planar acquisition."""


@dataclass(frozen=True, eq=False)
class PlanarViews(Record):
    """Counts of both views, (rows, columns), in the orientation of the anterior one: patient's right on the left.

    spacing_mm: (rows, columns). recognized: how the views were told apart.
    """

    anterior_counts: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    posterior_counts: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    spacing_mm: tuple[float, float]
    duration_s: float | None
    recognized: str
    warnings: tuple[str, ...] = ()


def read_planar_views(
    paths: str | Path | Sequence[str | Path],
    *,
    anterior_frame: int | None = None,
    posterior_mirrored: bool | None = None,
    anterior_mirrored: bool | None = None,
) -> PlanarViews:
    """The two views of a planar scout with one energy window: counts alone, a duration where there is one.

    paths: one NM object with two frames, or two objects with one. anterior_frame: 0 or 1 where the files do not say which view is which.
    posterior_mirrored, anterior_mirrored: whether that view is stored left to right as seen from the front; the posterior one is, as its camera sees
    the patient. None: as orientation, opposite heads and the pictures say.
    Raises DosimetryError for other objects, for views that cannot be told apart or turned, and for views of different size.
    """
    named = paths if isinstance(paths, (list, tuple)) else [paths]
    objects = [planar_object(checked_path(path, "a planar scout")) for path in named]
    typed = checked_typed(
        {"anterior_frame": anterior_frame, "posterior_mirrored": posterior_mirrored, "anterior_mirrored": anterior_mirrored}
    )
    frames = [(item, frame) for item in objects for frame in item.frames]
    ledger = Ledger(None)
    views = front_and_back(frames, typed, "planar scout", ledger)
    flips = orientations({view: frame for view, (_, frame) in views.items()}, typed, "planar scout", ledger)
    pictures = {view: turned(frame.counts, flips[view]) for view, (_, frame) in views.items()}
    duration = find(objects[0].header, "planar_duration_s")
    how = "typed" if anterior_frame is not None else views[ANTERIOR][1].how
    warnings = tuple(dict.fromkeys([text for item in objects for text in item.warnings] + ledger.warnings))
    return PlanarViews(
        pictures[ANTERIOR],
        pictures[POSTERIOR],
        objects[0].spacing_mm,
        None if duration is None else duration.value,
        how,
        warnings,
    )


def checked_typed(typed) -> dict:
    typed = {} if typed is None else typed
    if not isinstance(typed, dict) or set(typed) - set(PLANAR_KEYS):
        raise DosimetryError(
            f"Expected only {', '.join(PLANAR_KEYS)} to be typed for a planar image, received {typed!r}; correct the name."
        )
    if typed.get("anterior_frame") not in (None, 0, 1) or isinstance(typed.get("anterior_frame"), bool):
        raise DosimetryError(f"Expected 0 or 1 for the anterior frame, received {typed['anterior_frame']}; count from 0.")
    for key in ("anterior_mirrored", "posterior_mirrored"):
        if not isinstance(typed.get(key, False), (bool, type(None))):
            raise DosimetryError(f"Expected true or false for {key}, received {typed[key]!r}; correct it.")
    return {key: value for key, value in typed.items() if value is not None}


def front_and_back(frames, typed: dict, name: str, ledger: Ledger) -> dict:
    """(object, frame) of the anterior and the posterior view."""
    if len(frames) != 2:
        raise DosimetryError(
            f"Expected two planar views, anterior and posterior, received {len(frames)} in '{name}'; choose the static whole acquisition."
        )
    (one, first), (two, second) = frames
    if first.counts.shape != second.counts.shape or not np.allclose(one.spacing_mm, two.spacing_mm):
        raise DosimetryError(
            f"Expected two views of one size, received {first.counts.shape} and {second.counts.shape}; choose views of one acquisition."
        )
    if "anterior_frame" in typed:
        order = typed["anterior_frame"]
    elif {first.view, second.view} == {ANTERIOR, POSTERIOR}:
        order = (first.view, second.view).index(ANTERIOR)
    else:
        raise DosimetryError(
            f"Expected one anterior and one posterior view, the files say {first.view or 'nothing'} and {second.view or 'nothing'}; "
            "type which frame is anterior."
        )
    how = "typed" if "anterior_frame" in typed else first.how
    ledger.record("anterior view", f"frame {order}", "", how, name, "override" if how == "typed" else "read")
    if how == "by detector angle":
        ledger.warn(warned("views_by_angle", name=name))
    return {ANTERIOR: frames[order], POSTERIOR: frames[1 - order]}


_NEIGHBOR_SHARE = 0.02
_WIDEST_SCATTER = 2.0
"""A scatter window is narrower than this many photopeak windows."""


def choose_windows(windows: tuple[EnergyWindow, ...], typed: dict, name: str, ledger: Ledger):
    """((number, window) of the photopeak, of scatter below, of scatter above); (None, None) without one."""
    none = (None, None)
    if len(windows) <= 1:
        return (0, windows[0] if windows else None), none, none
    unknown = [window.name for window in windows if window.width_kev is None or window.width_kev <= 0]
    if unknown:
        ledger.warn(f"{name}: {warned('planar_windows_not_used', names=', '.join(unknown))}")
    limited = [(number, window) for number, window in enumerate(windows) if window.width_kev is not None and window.width_kev > 0]
    around = {number: (_neighbor(window, limited, "below"), _neighbor(window, limited, "above")) for number, window in limited}
    if "peak_kev" in typed:
        energy = positive_number(typed["peak_kev"], "peak_kev")
        found = [(number, window) for number, window in limited if window.lower_kev <= energy <= window.upper_kev]
    else:
        found = [
            (number, window) for number, window in limited if around[number][0] is not None and around[number][1] is not None
        ]
        # Without windows on both sides: a scatter window below alone (two windows).
        found = found or [(number, window) for number, window in limited if around[number][0] is not None]
    if len(found) != 1:
        text = ", ".join(f"{window.name} ({_shown(window)})" for window in windows)
        raise DosimetryError(
            f"Expected one photopeak window in '{name}', received {len(found)} that may be it among {text}; type peak_kev, an energy in keV."
        )
    peak = found[0]
    ledger.record(
        "photopeak window",
        _shown(peak[1]),
        "keV",
        "(0054,0012) Energy Window Information Sequence",
        name,
        "override" if "peak_kev" in typed else "read",
    )
    lower, upper = ((number, windows[number]) if number is not None else none for number in around[peak[0]])
    if lower[0] is None and upper[0] is not None:
        ledger.warn(f"{name}: {warned('planar_one_scatter_window')}")
        upper = none
    for text, part in (("below", lower), ("above", upper)):
        if part[1] is not None:
            ledger.record(
                f"scatter window {text}", _shown(part[1]), "keV", "(0054,0012) Energy Window Information Sequence", name
            )
    if lower[0] is None:
        ledger.warn(f"{name}: {warned('planar_no_scatter_window')}")
    return peak, lower, upper


def _neighbor(window: EnergyWindow, limited, side: str) -> int | None:
    """The window that ends where this one begins, or begins where it ends, to 2 % of the energy; the narrowest of several."""
    edge = window.lower_kev if side == "below" else window.upper_kev
    touching = []
    for number, other in limited:
        its = other.upper_kev if side == "below" else other.lower_kev
        if (
            other is not window
            and abs(its - edge) <= _NEIGHBOR_SHARE * edge
            and other.width_kev < _WIDEST_SCATTER * window.width_kev
        ):
            touching.append((other.width_kev, number))
    return min(touching)[1] if touching else None


def _shown(window: EnergyWindow) -> str:
    return "no limits" if window.width_kev is None else f"{window.lower_kev:g} to {window.upper_kev:g}"
