"""Recovery that nobody gave: what blur may have done to the mean of a region, from its shape, its surroundings and the resolution of the image.

The number is left as it was measured; this is the doubt that belongs to it (docs/recovery.md).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.measurement.uncertainty import FWHM_PER_SIGMA

GIVEN, FROM_IMAGE, USUAL = "given", "from the image", "usual"
"""Where a resolution comes from."""

_REACH = 4.0
_NEAR, _OF_ANOTHER = 0.02, 0.1
_FEWEST_VOXELS = 200
_LEAST_CONTRAST = 3.0
_MOST_UNEXPLAINED = 0.25
_STEPS = 5
_COARSE = 4


@dataclass(frozen=True)
class ImageResolution(Record):
    """Full width at half maximum of an activity image in mm, with the range it may have. origin: "given", "from the image", or "usual" of its kind."""

    fwhm_mm: float
    low_mm: float
    high_mm: float
    origin: str


@dataclass(frozen=True)
class UnknownRecovery(Record):
    """What the true mean of a region may be, over the measured one, where no recovery coefficient was given.

    low, high: with the resolution at both ends of its range, and with uneven surroundings. relative_uncertainty: standard uncertainty of the measured
    mean taken as the true one: root mean square of (ratio - 1) over a uniform distribution from low to high; twice it holds low and high whatever they are.
    """

    low: float
    high: float
    relative_uncertainty: float
    resolution: ImageResolution


def image_resolution(
    image, occupancies: Mapping[str, np.ndarray], given_fwhm_mm: float | None = None, nuclide: str = ""
) -> ImageResolution:
    """Resolution of an ActivityImage: the given one, else the one with which the borders of its regions look as they do, else the usual range.

    occupancies: share of each voxel in every region, (z, y, x) on the grid of the image, by name. Each region that stands out from its surroundings
    is compared with its own blurred outline; the median of what fits best is taken. Outlines that lie beside what they show, and uptake that is uneven,
    look like more blur: what lies above the usual range is not believed. nuclide: of the study, where the image names none.
    """
    data = read_json("images", "resolution.json")
    if given_fwhm_mm is not None:
        return _with_range(float(given_fwhm_mm), data["relative_range"][GIVEN], GIVEN)
    search = data["search_mm"]
    widths = np.arange(search["first"], search["last"] + search["step"], search["step"])
    found = [_best_width(image, name, occupancies, widths) for name in occupancies]
    found = [width for width in found if width is not None]
    usual = data["usual_fwhm_mm"]
    nuclide = image.nuclide or nuclide
    kind = nuclide if nuclide in usual else "positron emitter" if nuclide in data["positron_emitters"] else "other"
    low, high = usual[kind]["low"], usual[kind]["high"]
    if found and np.median(found) <= high:
        return _with_range(float(np.median(found)), data["relative_range"][FROM_IMAGE], FROM_IMAGE, search["step"])
    return ImageResolution((low + high) / 2.0, low, high, USUAL)


def unknown_recovery(
    images: Sequence, occupancies: Sequence[np.ndarray], shares: Sequence[float], resolution: ImageResolution
) -> UnknownRecovery:
    """What blur may have done to the mean of one region over all scans.

    images: ActivityImage of every scan; occupancies: share of each voxel in the region, on the grid of each. shares: of each scan in the integral
    over time of what was measured; they need not add up to 1.
    """
    uneven = read_json("images", "resolution.json")["uneven_surroundings"]["relative"]
    widths = np.linspace(resolution.low_mm, resolution.high_mm, _STEPS)
    weights = np.maximum(np.asarray(shares, dtype=float), 0.0)
    weights = weights / weights.sum() if weights.sum() > 0 else np.full(len(images), 1.0 / len(images))
    by_scan = np.array([_ratios(image, occupancy, widths, uneven) for image, occupancy in zip(images, occupancies)])
    low, high = np.einsum("s,sfe->ef", weights, by_scan)
    return of_range(float(low.min()), float(high.max()), resolution)


def of_range(low: float, high: float, resolution: ImageResolution) -> UnknownRecovery:
    """The unknown recovery of a true mean from ``low`` to ``high`` times the measured one: u2 = (a2 + ab + b2)/3 with a = low - 1, b = high - 1."""
    below, above = low - 1.0, high - 1.0
    return UnknownRecovery(low, high, math.sqrt((below**2 + below * above + above**2) / 3.0), resolution)


def _with_range(fwhm_mm: float, relative: float, origin: str, least_mm: float = 0.0) -> ImageResolution:
    beside = max(relative * fwhm_mm, least_mm)
    return ImageResolution(fwhm_mm, max(fwhm_mm - beside, 0.0), fwhm_mm + beside, origin)


def _box(occupancy: np.ndarray, widest_mm: float, spacing: np.ndarray) -> tuple[slice, ...]:
    """The region with all that the widest point spread can bring in."""
    pad = np.ceil(_REACH * widest_mm / FWHM_PER_SIGMA / spacing).astype(int) + 1
    return tuple(slice(max(int(axis.min()) - rim, 0), int(axis.max()) + rim + 1) for axis, rim in zip(np.nonzero(occupancy), pad))


def _blurred(share: np.ndarray, fwhm_mm: float, spacing: np.ndarray) -> np.ndarray:
    if fwhm_mm <= 0:
        return share
    return gaussian_filter(share, fwhm_mm / FWHM_PER_SIGMA / spacing, mode="constant", truncate=_REACH)


def _ratios(image, occupancy: np.ndarray, widths, uneven: float) -> np.ndarray:
    """True over measured mean, (widths, 2), with the surroundings higher and lower by ``uneven``.

    The mean inside is m = R c + (1 - R) b, that of the surroundings n = T c + (1 - T) b: c the region, b what lies around it, each weighted with what the
    point spread brings into the region; R and T follow from its outline. Both equations give c and b; then c again with b uneven, never below 0 nor
    above m / R, which no surroundings at all would mean.
    """
    spacing = np.asarray(image.geometry.spacing_mm, dtype=float)
    if not occupancy.any():
        return np.ones((len(widths), 2))
    box = _box(occupancy, float(max(widths)), spacing)
    share, values = np.asarray(occupancy[box], dtype=np.float64), np.asarray(image.concentration_bq_ml[box], dtype=np.float64)
    inside, ratios = share.sum(), []
    measured = float((share * values).sum() / inside)
    for width in widths:
        blurred = _blurred(share, float(width), spacing)
        recovery = float((share * blurred).sum() / inside)
        around = (1.0 - share) * blurred
        total = float(around.sum())
        if measured <= 0 or total <= 1e-9 * inside or recovery >= 1.0:
            ratios.append((1.0, 1.0))
            continue
        beside, spilled = float((around * values).sum() / total), float((around * blurred).sum() / total)
        background = 0.0
        if recovery - spilled > 1e-6:
            background = max(0.0, (recovery * beside - spilled * measured) / (recovery - spilled))
        low, high = (
            (measured - (1.0 - recovery) * background * factor) / (recovery * measured) for factor in (1.0 + uneven, 1.0 - uneven)
        )
        ratios.append((min(max(low, 0.0), 1.0 / recovery), min(max(high, 0.0), 1.0 / recovery)))
    return np.array(ratios)


def _best_width(image, name: str, occupancies: Mapping[str, np.ndarray], widths) -> float | None:
    """The width with which a region and uniform surroundings explain the image about its border best; None where nothing stands out."""
    spacing = np.asarray(image.geometry.spacing_mm, dtype=float)
    widest = float(widths[-1])
    if not occupancies[name].any():
        return None
    box = _box(occupancies[name], widest, spacing)
    share = np.asarray(occupancies[name][box], dtype=np.float64)
    near = _blurred(share, widest, spacing) > _NEAR
    for other, occupancy in occupancies.items():
        if other != name and occupancy[box].any():
            near &= _blurred(np.asarray(occupancy[box], dtype=np.float64), widest, spacing) < _OF_ANOTHER
    if np.count_nonzero(near) < _FEWEST_VOXELS or not (near & (share >= 0.5)).any():
        return None
    values = np.asarray(image.concentration_bq_ml[box], dtype=np.float64)[near]

    def explained(width: float) -> tuple[float, float]:
        """Sum of squares left over, and the region over its surroundings."""
        template = _blurred(share, float(width), spacing)[near]
        columns = np.stack([template, 1.0 - template], axis=1)
        levels, *_ = np.linalg.lstsq(columns, values, rcond=None)
        contrast = levels[0] / max(levels[1], 1e-30) if levels[0] > 0 else 0.0
        return float(((values - columns @ levels) ** 2).sum()), float(contrast)

    coarse = min(widths[::_COARSE], key=lambda width: explained(width)[0])
    fine = [width for width in widths if abs(width - coarse) < _COARSE * (widths[1] - widths[0])]
    best = min(fine, key=lambda width: explained(width)[0])
    rest, contrast = explained(best)
    whole = float(((values - values.mean()) ** 2).sum())
    stands_out = contrast >= _LEAST_CONTRAST and whole > 0 and rest <= _MOST_UNEXPLAINED * whole
    return float(best) if stands_out and best < widths[-1] else None
