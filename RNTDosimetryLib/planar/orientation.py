"""Which way round two opposite planar views lie: what the detectors' Image Orientation says, what opposite heads do, and what the pictures show.

A head never mirrors the patient: it may only be turned. So of two opposite heads one sees the patient's right on the left, the other on the right, and their
orientations must differ (PS3.3 C.8.4.11, C.7.6.2.1.1). Where the files say otherwise the correlation of the two pictures decides.
"""

from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.records import IntakeRow
from RNTDosimetryLib.planar.frames import ANTERIOR, POSTERIOR, PlanarFrame

_SHORT_SIDE = 48
"""Pictures are brought to about so many columns before they are compared, against the noise of single pixels."""
_DECIDES, _DECIDES_AGAINST_PHYSICS = 0.25, 0.5
_ALIKE = 0.02

Flips = tuple[bool, bool]


@dataclass(frozen=True)
class Likeness:
    """How alike the two views are: correlation with the posterior mirrored, and as it is; and of what is not symmetric in them, from -1 for
    mirrored to 1 for stored the same way round."""

    mirrored: float
    as_stored: float
    asymmetry: float

    def says(self, threshold: float) -> str:
        """ "mirrored", "same" or "" where the pictures do not tell."""
        if abs(self.asymmetry) < threshold:
            return ""
        return "mirrored" if self.asymmetry < 0 else "same"


def orientations(frames: dict[str, PlanarFrame], typed: dict, name: str, ledger: Ledger) -> dict[str, Flips]:
    """Whether rows, columns of each view must be reversed to see the patient from the front with the head up.

    typed: anterior_mirrored, posterior_mirrored: whether that view is stored left to right as seen from the front. Raises DosimetryError where files contradict
    each other and the pictures do not tell.
    """
    rows = {view: bool(frame.flips and frame.flips[0]) for view, frame in frames.items()}
    likeness = likeness_of(*(frames[view].counts[:: -1 if rows[view] else 1] for view in (ANTERIOR, POSTERIOR)))
    text = f"{likeness.mirrored:.3f} mirrored, {likeness.as_stored:.3f} as stored"
    ledger.rows.append(IntakeRow("correlation of the views", text, "", "pictures", name, "derived"))
    columns, source = _columns(frames, rows, typed, likeness, name, ledger)
    for view in (ANTERIOR, POSTERIOR):
        key = f"{view}_mirrored"
        if key in typed:
            columns[view] = typed[key] != rows[view]
        told = f"{key} (typed)" if key in typed else source
        reversed_text = f"rows {_yes(rows[view])}, columns {_yes(columns[view])}"
        ledger.rows.append(
            IntakeRow(f"{view} view reversed", reversed_text, "", told, name, "override" if key in typed else "derived")
        )
    turned_apart = (columns[ANTERIOR] != rows[ANTERIOR]) != (columns[POSTERIOR] != rows[POSTERIOR])
    shown = likeness.says(_DECIDES_AGAINST_PHYSICS)
    if any(f"{view}_mirrored" in typed for view in frames) and shown and turned_apart != (shown == "mirrored"):
        ledger.warn(warned("views_typed_against_pictures", name=name, mirrored=likeness.mirrored, as_stored=likeness.as_stored))
    return {view: (rows[view], columns[view]) for view in frames}


def _columns(
    frames, rows: dict[str, bool], typed: dict, likeness: Likeness, name: str, ledger: Ledger
) -> tuple[dict[str, bool], str]:
    """Columns to be reversed where nothing was typed, and what told it."""
    heads = {ANTERIOR: rows[ANTERIOR], POSTERIOR: not rows[POSTERIOR]}  # of heads that see the patient from both sides
    stated = {view: frame.flips[1] for view, frame in frames.items() if frame.flips is not None}
    header = "(0020,0037) Image Orientation of the detector"
    any_typed = any(f"{view}_mirrored" in typed for view in frames)
    numbers = {"mirrored": likeness.mirrored, "as_stored": likeness.as_stored}
    if len(stated) == len(frames):
        opposite = (stated[ANTERIOR] != rows[ANTERIOR]) != (stated[POSTERIOR] != rows[POSTERIOR])
        if opposite:
            if any_typed or likeness.says(_DECIDES_AGAINST_PHYSICS) != "same":
                return stated, header
            ledger.warn(warned("views_not_mirrored", name=name, **numbers))
            return {**stated, POSTERIOR: (stated[ANTERIOR] != rows[ANTERIOR]) != rows[POSTERIOR]}, "correlation of the views"
        if any_typed:
            return heads, "opposite heads"
        shown = likeness.says(_DECIDES)
        if not shown:
            raise DosimetryError(
                f"Expected opposite orientations of the two opposite heads of '{name}', received one orientation for both, and the views are as alike mirrored ({likeness.mirrored:.3f}) "
                f"as they are stored ({likeness.as_stored:.3f}); type posterior_mirrored: true where it is as its camera sees the patient, else false."
            )
        ledger.warn(warned("views_with_one_orientation", name=name, taken=_TAKEN[shown], **numbers))
        return (heads, "opposite heads; correlation of the views") if shown == "mirrored" else (stated, header)
    if not any_typed and likeness.says(_DECIDES_AGAINST_PHYSICS) == "same":
        ledger.warn(warned("views_not_mirrored", name=name, **numbers))
        return {ANTERIOR: heads[ANTERIOR], POSTERIOR: rows[POSTERIOR]}, "correlation of the views"
    return heads, "head up and as the camera sees it, assumed"


_TAKEN = {
    "mirrored": "the posterior view was turned left to right and the anterior one left as it is",
    "same": "both were taken as that orientation says",
}


def turned(counts: np.ndarray, flips: Flips) -> np.ndarray:
    """Counts as seen from the front with the head up."""
    return counts[:: -1 if flips[0] else 1, :: -1 if flips[1] else 1]


def likeness_of(anterior: np.ndarray, posterior: np.ndarray) -> Likeness:
    """How alike two pictures (rows, columns) with the head up are, mirrored and not."""
    front, back = _coarse(anterior), _coarse(posterior)
    odd_front, odd_back = front - front[:, ::-1], back - back[:, ::-1]
    return Likeness(_correlation(front, back[:, ::-1]), _correlation(front, back), _correlation(odd_front, odd_back))


def _coarse(counts: np.ndarray) -> np.ndarray:
    block = max(1, counts.shape[1] // _SHORT_SIDE)
    height, width = (side // block * block for side in counts.shape)
    row, column = ((side - kept) // 2 for side, kept in zip(counts.shape, (height, width)))
    inner = counts[row : row + height, column : column + width]
    return inner.reshape(height // block, block, width // block, block).sum(axis=(1, 3))


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    first, second = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / norm if norm > 0 else 0.0


def _yes(value: bool) -> str:
    return "yes" if value else "no"
