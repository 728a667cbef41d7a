"""Cross-check: the activity in a whole image against what was administered and has decayed or left the body, both ways."""

import math
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.checks import checked_kind, checked_number, checked_relative
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.volumes import ActivityImage
from RNTDosimetryLib.nuclides import get_nuclide

_RETENTION = "retention.json"
_COVERAGE_FACTOR = 2.0
_ASSUMED_RELATIVE_UNCERTAINTY = 0.10


@dataclass(frozen=True)
class ActivityBalance(Record):
    """Activity in an image over what is left of the administered activity at that time.

    expected_mbq: administered less excreted, decayed. ratio: image over expected. ratio_uncertainty: of calibration and
    administered activity, 1 sigma; None when neither is known. agrees: within two standard uncertainties (10 % where unknown);
    a part of the body outside the field of view may only make the ratio smaller.
    """

    image_mbq: float
    expected_mbq: float
    ratio: float
    ratio_uncertainty: float | None
    agrees: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExpectedShare(Record):
    """Share of the administered activity, decay taken out, that an image may hold: from low to high (Resources/images/retention.json)."""

    agent: str
    low: float
    high: float
    source: str
    status: str

    def warning(
        self, name: str, total_mbq: float, expected_mbq: float, start_h: float, calibration_uncertainty: float | None = None
    ) -> str:
        """What to say of an image outside; "" for one inside. expected_mbq: what decay leaves of the administered activity.

        calibration_uncertainty: relative, 1 sigma; 10 % where none is known. Twice this is added to the upper side.
        """
        most = self.high * (1.0 + _COVERAGE_FACTOR * (calibration_uncertainty or _ASSUMED_RELATIVE_UNCERTAINTY))
        share = total_mbq / expected_mbq if expected_mbq > 0 else math.inf
        values = {"name": name, "total": total_mbq, "share": share, "agent": self.agent, "hours": start_h}
        if share < self.low:
            return warned("image_holds_too_little", least=self.low, **values)
        return warned("image_holds_too_much", most=self.high, **values) if most < share else ""


def expected_share(radiopharmaceutical: str, start_h: float) -> ExpectedShare:
    """What an image of an agent may hold at a time after the administration, wide on purpose. Raises DosimetryError for a time that is none."""
    start_h = checked_number(start_h, "hours after the administration of zero or more", "check both times", 0.0, 1e6)
    table = read_json("images", _RETENTION)
    name = radiopharmaceutical.lower()
    row = next((row for row in table["agents"] if any(word in name for word in row["words"])), table["general"])
    low, high = (float(np.interp(start_h, row["hours"], row[side])) for side in ("low", "high"))
    return ExpectedShare(
        row["name"], low * row.get("smallest_view", table["smallest_view"]["value"]), high, row["source"], row["status"]
    )


def total_activity_mbq(image: ActivityImage) -> float:
    """Sum of a whole image, in MBq at the start of its acquisition."""
    checked_kind(image, ActivityImage, "the activity image")
    return float(image.concentration_bq_ml.sum(dtype=np.float64)) * image.geometry.voxel_volume_ml / 1e6


def check_total_activity(
    image: ActivityImage,
    administered_mbq: float,
    excreted_share: float = 0.0,
    whole_body_in_view: bool = False,
    administered_relative_uncertainty: float | None = None,
    nuclide: str = "",
) -> ActivityBalance:
    """Compare the sum of an image with the administered activity.

    administered_mbq: net, at the time 0 of the image. excreted_share: of it, lost from the body until this scan. whole_body_in_view:
    when True, too little activity is a disagreement as well; else only too much is. nuclide: of the study, where the image names none.
    Raises DosimetryError for no nuclide.
    """
    checked_kind(image, ActivityImage, "the activity image")
    nuclide = image.nuclide or nuclide
    if not nuclide:
        raise DosimetryError(f"Expected the nuclide of '{image.name}', received none; type it.")
    administered_mbq = checked_number(
        administered_mbq, "a positive administered activity in MBq", "type it", 0.0, 1e9, above=True
    )
    checked_number(excreted_share, "an excreted share", "give 0.4 for 40 %", 0.0, 1.0, below=True)
    checked_relative(administered_relative_uncertainty, "the administered activity")
    decay = math.exp(-get_nuclide(nuclide).decay_constant_per_h * image.start_h)
    expected = administered_mbq * (1.0 - excreted_share) * decay
    total = total_activity_mbq(image)
    ratio = total / expected
    known = [part for part in (image.calibration_uncertainty or None, administered_relative_uncertainty) if part is not None]
    uncertainty = ratio * math.sqrt(sum(part**2 for part in known)) if known else None
    margin = _COVERAGE_FACTOR * (_ASSUMED_RELATIVE_UNCERTAINTY * ratio if uncertainty is None else uncertainty)
    warnings = []
    if ratio - 1.0 > margin:
        warnings.append(warned("more_in_the_image_than_given", name=image.name, total=total, expected=expected))
    elif whole_body_in_view and 1.0 - ratio > margin:
        warnings.append(warned("less_in_the_whole_body_than_given", name=image.name, total=total, expected=expected))
    return ActivityBalance(total, expected, ratio, uncertainty, not warnings, tuple(warnings))
