"""Dose-volume histograms: exact statistics of the voxels, with bins that follow the dose range."""

import math
from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.base.checks import any_number, checked_spacing, finite_array, number_list, positive_number, whole_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.base.warnings import warned

DEFAULT_DOSE_AT_PERCENT = (2.0, 5.0, 50.0, 70.0, 90.0, 95.0, 98.0)
_FEWEST_BINS, _MOST_BINS, _LARGEST_BINS = 20, 1000, 100_000


@dataclass(frozen=True, eq=False)
class DoseVolumeHistogram(Record):
    """Dose-volume histogram of one region.

    edges_gy: n + 1 bin edges from 0 to the maximum; the first bin ends at the minimum dose, the others are equal.
    differential_fraction: n shares of the volume per bin. cumulative_fraction: n + 1 shares with at least the edge's dose.
    lower_fraction, upper_fraction: the cumulative curve with every dose one standard uncertainty lower and higher, or None.
    dose_at_percent_gy: "D95" -> dose that 95 % of the volume receives at least. volume_at_dose_percent: "V20" -> per cent of
    the volume that receives at least 20 Gy. volume_ml: None when the voxel size was not given. A histogram that was read back knows these
    exactly; other Dx and Vx then follow the bins.
    """

    name: str
    volume_ml: float | None
    minimum_gy: float
    maximum_gy: float
    mean_gy: float
    mean_uncertainty_gy: float | None
    standard_deviation_gy: float
    edges_gy: np.ndarray
    differential_fraction: np.ndarray
    cumulative_fraction: np.ndarray
    dose_at_percent_gy: dict[str, float]
    volume_at_dose_percent: dict[str, float]
    geud_gy: dict[str, float]
    lower_fraction: np.ndarray | None = None
    upper_fraction: np.ndarray | None = None
    warnings: tuple[str, ...] = ()
    sorted_dose_gy: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN, repr=False)
    sorted_weight: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN, repr=False)

    def dose_at_volume_percent(self, percent: float) -> float:
        """Dose in Gy that the hottest ``percent`` % of the volume receives at least (D95 for 95)."""
        percent = _checked_percent(percent)
        if percent in (0, 100):
            return self.maximum_gy if percent == 0 else self.minimum_gy
        if self.sorted_dose_gy is None:
            known = self.dose_at_percent_gy.get(f"D{percent:g}")
            if known is not None:
                return known
            return float(np.interp(-percent / 100, -self.cumulative_fraction, self.edges_gy))
        return _dose_at_percent(self.sorted_dose_gy, self.sorted_weight, percent)

    def volume_percent_at_dose(self, dose_gy: float) -> float:
        """Per cent of the volume that receives at least ``dose_gy`` (V20 for 20)."""
        dose_gy = any_number(dose_gy, "the dose of Vx in Gy")
        if self.sorted_dose_gy is None:
            known = self.volume_at_dose_percent.get(f"V{dose_gy:g}")
            if known is not None:
                return known
            return float(100 * np.interp(dose_gy, self.edges_gy, self.cumulative_fraction, left=1.0, right=0.0))
        return _volume_percent(self.sorted_dose_gy, self.sorted_weight, dose_gy)


def dose_volume_histogram(
    dose_gy,
    occupancy=None,
    spacing_mm=None,
    *,
    name: str = "",
    dose_uncertainty_gy=None,
    dose_at_percent=DEFAULT_DOSE_AT_PERCENT,
    volume_at_dose_gy=(),
    geud_exponents=(),
    bins: int | None = None,
) -> DoseVolumeHistogram:
    """Dose-volume histogram of the voxels of a region.

    dose_gy: array of any shape, (z, y, x) for a map, or a DoseMap; a sequence of voxel doses will do.
    occupancy: same shape, the share 0 to 1 of each voxel inside the region (a mask is 0 and 1), or a Region; None takes all voxels.
    spacing_mm: (z, y, x); taken from a DoseMap; None leaves the volume unknown.
    dose_uncertainty_gy: standard uncertainty per voxel, or one number for all, taken as common to all voxels (a shift of the
    whole curve); gives the band and the uncertainty of the mean. A DoseMap brings its own.
    dose_at_percent, volume_at_dose_gy: the Dx and Vx wanted. geud_exponents: a of each gEUD. bins: None adapts.

    Mean, Dx, Vx and gEUD come from the voxels, not from the bins. Dx interpolates between voxels sorted by dose, each standing
    at the middle of its share of the volume, so that a linear ramp comes out exactly.
    Raises DosimetryError for NaN or negative dose, shapes that differ, an empty region.
    """
    spacing_mm = getattr(dose_gy, "spacing_mm", None) if spacing_mm is None else spacing_mm
    if dose_uncertainty_gy is None:
        dose_uncertainty_gy = getattr(dose_gy, "uncertainty_gy", None)
    dose = finite_array(dose_gy, "the absorbed dose in Gy", "repair the dose map first")
    name = str(getattr(occupancy, "name", "") if isinstance(name, str) and not name else name)
    inside, weight = _inside_and_weight(dose, getattr(occupancy, "occupancy", occupancy), name)
    values = dose[inside].astype(float)
    order = np.argsort(values, kind="stable")
    values, weight = values[order], weight[order]
    edges = _edges(values, bins)
    cumulative = _cumulative(values, weight, edges)
    uncertainty = _uncertainty_inside(dose_uncertainty_gy, dose.shape, inside)
    lower = upper = mean_uncertainty = None
    total = float(weight.sum())
    if uncertainty is not None:
        uncertainty = uncertainty[order]
        lower, upper = (_shifted(values, weight, sign * uncertainty, edges) for sign in (-1, 1))
        mean_uncertainty = float(weight @ uncertainty) / total
    mean = float(np.clip(weight @ values / total, values[0], values[-1]))
    volume = None if spacing_mm is None else total * math.prod(checked_spacing(spacing_mm)) / 1000
    return DoseVolumeHistogram(
        name=name,
        volume_ml=volume,
        minimum_gy=float(values[0]),
        maximum_gy=float(values[-1]),
        mean_gy=mean,
        mean_uncertainty_gy=mean_uncertainty,
        standard_deviation_gy=float(np.sqrt(weight @ (values - mean) ** 2 / total)),
        edges_gy=edges,
        differential_fraction=0.0 - np.diff(np.append(cumulative[:-1], 0.0)),
        cumulative_fraction=cumulative,
        dose_at_percent_gy={
            f"D{percent:g}": _dose_at_percent(values, weight, percent)
            for percent in number_list(dose_at_percent, "the volumes of Dx in %")
        },
        volume_at_dose_percent={
            f"V{level:g}": _volume_percent(values, weight, level)
            for level in number_list(volume_at_dose_gy, "the doses of Vx in Gy")
        },
        geud_gy={f"{a:g}": generalized_eud(values, a, weight) for a in number_list(geud_exponents, "the gEUD exponents")},
        lower_fraction=lower,
        upper_fraction=upper,
        warnings=_warnings(total, name),
        sorted_dose_gy=values,
        sorted_weight=weight,
    )


def generalized_eud(dose_gy, exponent: float, weights=None) -> float:
    """Generalized equivalent uniform dose in Gy, (sum v_i D_i^a)^(1/a) with v_i the share of the volume (Niemierko 1999).

    dose_gy: voxel doses, any shape. exponent a: 1 is the mean, large positive for serial organs, negative for tumours.
    weights: same shape, share of each voxel, None for equal. Raises DosimetryError for a = 0, NaN or negative dose.
    """
    dose = finite_array(dose_gy, "the absorbed dose in Gy", "repair the dose map first").astype(float).ravel()
    weight = np.ones_like(dose) if weights is None else finite_array(weights, "the weights", "give shares").ravel()
    exponent = any_number(exponent, "the gEUD exponent", "1 gives the mean dose")
    if exponent == 0:
        raise DosimetryError(f"Expected a gEUD exponent other than zero, received {exponent}; 1 gives the mean dose.")
    if weight.shape != dose.shape or weight.sum() <= 0:
        raise DosimetryError(
            "Expected one weight per voxel dose with a positive sum, received others; give the occupancy of the voxels."
        )
    dose, weight = dose[weight > 0], weight[weight > 0]
    reference = dose.max() if exponent > 0 else dose.min()
    if reference <= 0:
        return 0.0
    share = weight / weight.sum()
    return float(reference * (share @ (dose / reference) ** exponent) ** (1 / exponent))


def isodose_levels(dose_gy, levels_gy, spacing_mm=None) -> list[dict]:
    """Volume inside each isodose: rows of level_gy, percent_of_maximum, voxels, volume_ml (None without spacing).

    dose_gy: (z, y, x) array or DoseMap. levels_gy: positive doses. The surface itself is drawn at these levels by the viewer.
    """
    spacing_mm = getattr(dose_gy, "spacing_mm", None) if spacing_mm is None else spacing_mm
    dose = finite_array(dose_gy, "the absorbed dose in Gy", "repair the dose map first")
    voxel_ml = None if spacing_mm is None else math.prod(checked_spacing(spacing_mm)) / 1000
    maximum = float(dose.max())
    rows = []
    for level in sorted(
        {positive_number(level, "isodose level in Gy") for level in number_list(levels_gy, "the isodose levels in Gy")},
        reverse=True,
    ):
        voxels = int(np.count_nonzero(dose >= level))
        rows.append(
            {
                "level_gy": level,
                "percent_of_maximum": 100 * level / maximum if maximum > 0 else None,
                "voxels": voxels,
                "volume_ml": None if voxel_ml is None else voxels * voxel_ml,
            }
        )
    return rows


def _inside_and_weight(dose: np.ndarray, occupancy, name: str) -> tuple[np.ndarray, np.ndarray]:
    if occupancy is None:
        return np.ones(dose.shape, dtype=bool), np.ones(dose.size)
    share = finite_array(occupancy, f"the occupancy of region '{name}'", "draw the region again")
    if share.shape != dose.shape:
        raise DosimetryError(
            f"Expected an occupancy of the dose map's shape {dose.shape}, received {share.shape}; bring the region to the dose map's grid."
        )
    if share.max() > 1:
        raise DosimetryError(
            f"Expected occupancies between 0 and 1, received up to {share.max():g}; give one region, not a label map."
        )
    inside = share > 0
    if not inside.any():
        raise DosimetryError(
            f"Expected region '{name}' to hold at least one voxel, received an empty one; draw it or leave it out."
        )
    return inside, share[inside].astype(float)


def _edges(values: np.ndarray, bins: int | None) -> np.ndarray:
    low, high = float(values[0]), float(values[-1])
    if bins is None:
        bins = int(np.clip(math.ceil(2 * math.sqrt(values.size)), _FEWEST_BINS, _MOST_BINS))
    bins = whole_number(bins, "bins", 1, _LARGEST_BINS, "leave it empty for bins that adapt")
    if high <= low or low + (high - low) / bins <= low:
        return np.array([0.0, high]) if high > 0 else np.array([0.0, 1.0])
    inner = np.linspace(low, high, int(bins) + 1)
    return inner if low == 0 else np.concatenate([[0.0], inner])


def _cumulative(values: np.ndarray, weight: np.ndarray, edges: np.ndarray) -> np.ndarray:
    remaining = np.append(np.cumsum(weight[::-1])[::-1], 0.0)
    return remaining[np.searchsorted(values, edges, side="left")] / remaining[0]


def _shifted(values: np.ndarray, weight: np.ndarray, shift: np.ndarray, edges: np.ndarray) -> np.ndarray:
    moved = np.maximum(values + shift, 0.0)
    order = np.argsort(moved, kind="stable")
    return _cumulative(moved[order], weight[order], edges)


def _dose_at_percent(values: np.ndarray, weight: np.ndarray, percent: float) -> float:
    percent = _checked_percent(percent)
    if percent in (0, 100):
        return float(values[-1] if percent == 0 else values[0])
    total = weight.sum()
    middle = (np.cumsum(weight) - weight / 2) / total
    return float(np.interp(1 - percent / 100, middle, values))


def _checked_percent(percent) -> float:
    number = any_number(percent, "the volume of Dx in %", "give per cent of the region")
    if not 0 <= number <= 100:
        raise DosimetryError(f"Expected a volume between 0 and 100 %, received {percent}; give per cent of the region.")
    return number


def _volume_percent(values: np.ndarray, weight: np.ndarray, dose_gy: float) -> float:
    first = int(np.searchsorted(values, dose_gy, side="left"))
    return float(100 * weight[first:].sum() / weight.sum())


def _uncertainty_inside(uncertainty_gy, shape: tuple[int, ...], inside: np.ndarray) -> np.ndarray | None:
    if uncertainty_gy is None:
        return None
    values = finite_array(uncertainty_gy, "the dose uncertainty in Gy", "leave it empty where it is unknown")
    if values.ndim == 0:
        return np.full(int(np.count_nonzero(inside)), float(values))
    if values.shape != shape:
        raise DosimetryError(
            f"Expected a dose uncertainty of the dose map's shape {shape}, received {values.shape}; give one per voxel."
        )
    return values[inside].astype(float)


def _warnings(voxels: float, name: str) -> tuple[str, ...]:
    if voxels >= 10:
        return ()
    return (warned("histogram_of_few_voxels", name=name, voxels=voxels),)
