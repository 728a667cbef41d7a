"""A voxel fit in parts: each region's voxels with the way to fit them and the course of their noise."""

import math
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.checks import any_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.kinetics.fits import fit_time_activity
from RNTDosimetryLib.kinetics.samples import MOST_HALF_LIVES, SHORTEST_TIME_H, DecayOnly
from RNTDosimetryLib.kinetics.voxels.auto import PAIR_MODELS, AutoEngine, pair_candidate
from RNTDosimetryLib.kinetics.voxels.engines import MonoEngine, SharedEngine
from RNTDosimetryLib.kinetics.voxels.series import VoxelNoise, VoxelSeries, voxel_noise
from RNTDosimetryLib.kinetics.voxels.shared import SharedShape, shared_shape

MODEL_CODES = {
    0: "none",
    1: "mono",
    2: "uptake_held",
    3: "mono_early_clearance",
    4: "uptake",
    5: "bi",
    6: "physical",
    7: "shared",
}
"""Meaning of the numbers in ``VoxelFit.model_map``; 0 is a voxel outside the fit or without activity."""

_CODES = {name: code for code, name in MODEL_CODES.items()}
_MBQ_PER_BQ = 1e-6


@dataclass(frozen=True)
class VoxelPart:
    """The voxels of one region (label 0: in the mask but in no region) and the engine that fits them."""

    label: int
    series: VoxelSeries
    engine: SharedEngine | MonoEngine | AutoEngine

    def mean_tia_mbq_h_ml(self) -> float:
        """TIA concentration of the region's mean curve, fitted as its voxels are."""
        mean = self.series.mean_curve()[:, None].astype(np.float32)
        return float(self.engine.fit(mean).tia[0]) * _MBQ_PER_BQ


@dataclass(frozen=True)
class PartSettings:
    """What the caller asked for, the same for every part. uncertainties_bq_ml is in the order of the series."""

    model: str
    decay: DecayOnly
    uncertainties_bq_ml: np.ndarray | None
    relative_uncertainty: float | None
    weighting: str
    region_rates: dict | None
    effective_half_life_h: float | None
    effective_half_life_uncertainty_h: float | None
    shortest_half_life_h: float | None


def voxel_parts(
    series: VoxelSeries, labels: np.ndarray | None, settings: PartSettings
) -> tuple[list[VoxelPart], tuple[str, ...]]:
    """One part per label with voxels to fit, and warnings. A shared fit leaves label 0 out; without labels all voxels are label 1."""
    if labels is None:
        members = {1: series}
    else:
        voxels = np.arange(labels.size) if series.voxels is None else series.voxels
        found = labels.reshape(-1)[voxels]
        members = {
            int(label): VoxelSeries(series.times_h, series.frames, series.shape, voxels[found == label])
            for label in np.unique(found)
        }
        if settings.model == "shared":
            members.pop(0, None)
    if not members:
        raise DosimetryError("Expected regions with voxels inside the mask, received none; check mask and regions.")
    warnings: list[str] = []
    parts = [VoxelPart(label, member, _engine(label, member, settings, warnings)) for label, member in members.items()]
    return parts, tuple(dict.fromkeys(warnings))


def _engine(label: int, series: VoxelSeries, settings: PartSettings, warnings: list[str]):
    noise = voxel_noise(series, settings.uncertainties_bq_ml, settings.relative_uncertainty, settings.weighting)
    if settings.effective_half_life_h is not None:
        return SharedEngine(_known_half_life(settings), _CODES["shared"], series.times_h, noise)
    if settings.model == "shared" and settings.region_rates is not None:
        if label not in settings.region_rates:
            raise DosimetryError(f"Expected rates for every region, received none for label {label}; fit this region too.")
        return SharedEngine(shared_shape(settings.region_rates[label], settings.decay), _CODES["shared"], series.times_h, noise)
    if settings.model == "physical" or series.times_h.size == 1:
        if settings.model != "physical":
            warnings.append(warned("one_image_no_rate"))
        return SharedEngine(SharedShape.free(settings.decay.decay_constant_per_h), _CODES["physical"], series.times_h, noise)
    if settings.model == "shared":
        return _fitted_region(label, series, settings, noise, warnings)
    return _own_rates(series.times_h, noise, settings)


def _known_half_life(settings: PartSettings) -> SharedShape:
    half_life_h = any_number(settings.effective_half_life_h, "effective_half_life_h", "give hours")
    spread_h = settings.effective_half_life_uncertainty_h
    if spread_h is not None:
        spread_h = any_number(spread_h, "effective_half_life_uncertainty_h", "give one sigma in hours")
    longest_h = math.log(2) / settings.decay.decay_constant_per_h
    if not SHORTEST_TIME_H < half_life_h <= longest_h * (1 + 1e-9):
        raise DosimetryError(
            f"Expected an effective half-life up to the physical one ({longest_h:.4g} h), received {half_life_h:g}; check value and nuclide."
        )
    if spread_h is not None and not 0 <= spread_h <= longest_h:
        raise DosimetryError(
            f"Expected an uncertainty of the half-life of 0 h or more, up to the physical one, received {spread_h}; give one sigma in hours."
        )
    rate = math.log(2) / half_life_h
    covariance = None if spread_h is None else (((rate * spread_h / half_life_h) ** 2,),)
    return SharedShape((rate,), ((1.0,),), "half-life given", covariance)


def _fitted_region(
    label: int, series: VoxelSeries, settings: PartSettings, noise: VoxelNoise, warnings: list[str]
) -> SharedEngine:
    """Rates of the region's mean curve, fitted here; a region without activity follows physical decay."""
    mean = series.mean_curve() * _MBQ_PER_BQ
    if mean.max() <= 0:
        warnings.append(warned("region_without_rate", region=label))
        return SharedEngine(SharedShape.free(settings.decay.decay_constant_per_h), _CODES["physical"], series.times_h, noise)
    fit = fit_time_activity(series.times_h, mean, settings.decay, weighting=settings.weighting)
    warnings.extend(f"Region {label}: {text}" for text in fit.warnings)
    if fit.tia_mbq_h <= 0:
        return SharedEngine(SharedShape.free(settings.decay.decay_constant_per_h), _CODES["physical"], series.times_h, noise)
    return SharedEngine(SharedShape.of_fit(fit), _CODES["shared"], series.times_h, noise)


def _own_rates(times_h: np.ndarray, noise: VoxelNoise, settings: PartSettings):
    """Samples say nothing about what has gone before the first of them, so the rates end there.

    The mono-exponential is carried back to time zero, where a rate from noise would make any TIA; it ends at a quarter of the
    first time or of the shortest gap. The second exponential of a pair may be faster, as in the fit of a region.
    """
    decay = settings.decay.decay_constant_per_h
    shortest_h = settings.shortest_half_life_h
    if shortest_h is None:
        shortest_h = max(times_h[0], np.diff(times_h).min()) / 4
    else:
        shortest_h = any_number(shortest_h, "shortest_half_life_h", "leave it out")
        if shortest_h < max(times_h[0] / MOST_HALF_LIVES, SHORTEST_TIME_H):
            raise DosimetryError(
                f"Expected a positive shortest half-life in hours, at least a {MOST_HALF_LIVES:g}th of the first time, received {shortest_h:g}; "
                "leave it out."
            )
    mono = MonoEngine(_CODES["mono"], times_h, noise, decay, max(math.log(2) / shortest_h, 1.5 * decay))
    if settings.model == "mono":
        return mono
    gaps = np.diff(times_h, prepend=0.0)
    fastest = max(math.log(2) / min(gaps[gaps > 0].min() / 10, shortest_h), 1.5 * decay)
    candidates = tuple(pair_candidate(name, _CODES[name], times_h, noise, decay, fastest) for name in PAIR_MODELS)
    return AutoEngine(mono, candidates, times_h, noise)
