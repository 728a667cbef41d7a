"""What cannot be: more activity in the images than was administered, activity that appears between scans, more decays than atoms."""

import math
from dataclasses import dataclass

from RNTDosimetryLib.images import check_total_activity, total_activity_mbq
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.records import Record
from RNTDosimetryLib.study_images import StudyImages

_CREDIBLE_RISE = 1.25


@dataclass(frozen=True)
class ScanBalance(Record):
    """Activity in the whole image of one scan, and what decay alone has left of the administered activity.

    image_mbq: sum over the image, at the start of acquisition. expected_mbq, ratio: None when the administered activity is not known.
    """

    scan: str
    start_h: float
    image_mbq: float
    expected_mbq: float | None = None
    ratio: float | None = None
    warnings: tuple[str, ...] = ()


def scan_balances(images: StudyImages) -> tuple[ScanBalance, ...]:
    """Balance of every scan, in the order of time, with a warning for what cannot be.

    More activity than was administered, beyond twice the calibration's uncertainty (10 % where it is not stated); or, in a later
    scan, more than 1.25 times what decay leaves of an earlier one: blood and urine may bring some into the field of view, not more.
    """
    decay_per_h = get_nuclide(images.nuclide).decay_constant_per_h
    balances: list[ScanBalance] = []
    for scan in images.scans:
        total_mbq, expected_mbq, ratio, warnings = total_activity_mbq(scan.activity), None, None, []
        if images.administered_activity_mbq is not None:
            found = check_total_activity(scan.activity, images.administered_activity_mbq, nuclide=images.nuclide)
            expected_mbq, ratio = found.expected_mbq, found.ratio
            if not found.agrees:
                warnings.append(
                    f"{scan.name}: the image holds {total_mbq:.4g} MBq, {ratio:.3g} times what decay leaves of the administered activity; "
                    "check calibration, unit, decay correction and administered activity"
                )
        for earlier in balances:
            left_mbq = earlier.image_mbq * math.exp(-decay_per_h * (scan.start_h - earlier.start_h))
            if earlier.image_mbq > 0 and total_mbq > _CREDIBLE_RISE * left_mbq:
                warnings.append(
                    f"{scan.name}: the image holds {total_mbq / left_mbq:.3g} times what decay leaves of the activity at {earlier.scan}; "
                    "check calibration, decay correction and field of view of both"
                )
                break
        balances.append(ScanBalance(scan.name, scan.start_h, total_mbq, expected_mbq, ratio, tuple(warnings)))
    return tuple(balances)


def decay_warnings(regions, nuclide: str, administered_activity_mbq: float | None) -> tuple[str, ...]:
    """A sentence for every region in which more decays are counted than the administered activity can give: TIA > A / lambda."""
    if not administered_activity_mbq:
        return ()
    most_mbq_h = administered_activity_mbq / get_nuclide(nuclide).decay_constant_per_h
    return tuple(
        f"{item.name}: its time-integrated activity is {item.tia_mbq_h / most_mbq_h:.3g} times that of all the administered activity "
        "decaying there; check calibration, fit and administered activity"
        for item in regions if item.tia_mbq_h > most_mbq_h
    )
