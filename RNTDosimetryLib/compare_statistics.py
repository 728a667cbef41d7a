"""Mean, extremes and Dx of two dose maps over one region, with what their uncertainties make of them."""

import math
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.dose import DoseVolumeHistogram, dose_volume_histogram

STATISTICS = ("mean", "minimum", "maximum", "D98", "D50", "D2")
_DOSE_AT_PERCENT = (98.0, 50.0, 2.0)
_DRAWS, _FEWEST_DRAWS, _VOXELS_DRAWN = 60, 20, 3_000_000
_SEED = 20261120


@dataclass(frozen=True)
class VoxelUncertainty:
    """Standard uncertainty of the voxels of a region. independent_gy, common_gy: (n,) or None; relative: common to all, or None.

    voxels_per_sample: how many voxels share one value of a coarser map, so that their noise is one.
    """

    independent_gy: np.ndarray | None = None
    common_gy: np.ndarray | None = None
    relative: float | None = None
    voxels_per_sample: float = 1.0

    @property
    def known(self) -> bool:
        return self.independent_gy is not None or self.common_gy is not None or self.relative is not None


@dataclass(frozen=True)
class ComparedValue(Record):
    """One number of a region in both maps, Gy, 1 sigma. Difference: evaluated minus reference; per cent: of the reference, None where that is 0.

    The uncertainty of the difference takes both maps for independent, but for what was said to be shared.
    """

    reference_gy: float
    reference_uncertainty_gy: float | None
    evaluated_gy: float
    evaluated_uncertainty_gy: float | None
    difference_gy: float
    difference_uncertainty_gy: float | None
    percent: float | None
    percent_uncertainty: float | None


def compared_value(
    reference: float, reference_uncertainty: float | None, evaluated: float, evaluated_uncertainty: float | None, own: tuple | None = None
) -> ComparedValue:
    """Difference of two doses in Gy and per cent of the first, with uncertainty when both have one.

    own: the parts of both uncertainties that the maps do not share; None when they share nothing.
    """
    own_reference, own_evaluated = (reference_uncertainty, evaluated_uncertainty) if own is None else own
    both = own_reference is not None and own_evaluated is not None
    percent = 100 * (evaluated - reference) / reference if reference > 0 else None
    percent_uncertainty = None
    if both and reference > 0:
        # Of the ratio: the parts of numerator and denominator in squares.
        percent_uncertainty = 100 * math.hypot(own_evaluated / reference, evaluated * own_reference / reference**2)
    return ComparedValue(
        reference, reference_uncertainty, evaluated, evaluated_uncertainty, evaluated - reference,
        math.hypot(own_reference, own_evaluated) if both else None, percent, percent_uncertainty,
    )  # fmt: skip


def region_histogram(dose_gy: np.ndarray, weight: np.ndarray, name: str, spacing_mm, uncertainty: VoxelUncertainty) -> DoseVolumeHistogram:
    """Histogram of voxel doses (n,) with their shares (n,); the band is that of the common part of the uncertainty. spacing_mm: (z, y, x)."""
    band = None
    if uncertainty.common_gy is not None or uncertainty.relative is not None:
        band = _common(dose_gy, uncertainty)
    return dose_volume_histogram(dose_gy, weight, spacing_mm, name=name, dose_uncertainty_gy=band, dose_at_percent=_DOSE_AT_PERCENT)


def statistics_of(histogram: DoseVolumeHistogram) -> dict[str, float]:
    """The numbers of STATISTICS of a histogram."""
    return {"mean": histogram.mean_gy, "minimum": histogram.minimum_gy, "maximum": histogram.maximum_gy, **histogram.dose_at_percent_gy}


def statistic_uncertainties(
    dose_gy: np.ndarray, weight: np.ndarray, uncertainty: VoxelUncertainty
) -> tuple[dict[str, float] | dict[str, None], dict[str, float]]:
    """Standard uncertainty of each of STATISTICS, None where nothing is known, and by how much noise moves each of them.

    Common parts shift all voxels together: the change of the number itself. Independent noise: the mean in closed form, the others from
    draws of the noise on top of the map (fixed seed); the mean change in them is about what the noise in the map has done already.
    """
    if not uncertainty.known:
        return dict.fromkeys(STATISTICS), dict.fromkeys(STATISTICS, 0.0)
    central = _numbers(dose_gy, weight)
    squares, bias = dict.fromkeys(STATISTICS, 0.0), dict.fromkeys(STATISTICS, 0.0)
    if uncertainty.common_gy is not None or uncertainty.relative is not None:
        shifted = _numbers(dose_gy + _common(dose_gy, uncertainty), weight)
        squares = {name: (shifted[name] - central[name]) ** 2 for name in STATISTICS}
    if uncertainty.independent_gy is not None:
        noise, bias = _noise_of(dose_gy, weight, uncertainty.independent_gy, central)
        squares = {name: squares[name] + noise[name] ** 2 * uncertainty.voxels_per_sample for name in STATISTICS}
    return {name: math.sqrt(square) for name, square in squares.items()}, bias


def _common(dose_gy: np.ndarray, uncertainty: VoxelUncertainty) -> np.ndarray:
    part = 0.0 if uncertainty.common_gy is None else uncertainty.common_gy
    return np.hypot(part, (uncertainty.relative or 0.0) * dose_gy)


def _noise_of(dose_gy, weight, noise_gy, central) -> tuple[dict[str, float], dict[str, float]]:
    """Standard deviation of each number under the noise, and its mean change."""
    draws = int(np.clip(_VOXELS_DRAWN / dose_gy.size, _FEWEST_DRAWS, _DRAWS))
    generator = np.random.default_rng(_SEED)
    found = [_numbers(np.maximum(dose_gy + noise_gy * generator.standard_normal(dose_gy.size), 0.0), weight) for _ in range(draws)]
    spread = {name: float(np.std([item[name] for item in found], ddof=1)) for name in STATISTICS}
    spread["mean"] = math.sqrt(float(((weight * noise_gy) ** 2).sum())) / float(weight.sum())
    bias = {name: float(np.mean([item[name] for item in found])) - central[name] for name in STATISTICS}
    return spread, bias | {"mean": 0.0}


def _numbers(dose_gy: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    return statistics_of(dose_volume_histogram(dose_gy, weight, dose_at_percent=_DOSE_AT_PERCENT, bins=1))
