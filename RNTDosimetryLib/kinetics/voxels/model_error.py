"""The model error of voxel fits: what the images cannot exclude, by the half-life of the voxel, from the fits of regions.

A voxel's noise is in its fit. Its model error is that of a curve of its half-life at these times with the nominal uncertainty,
computed at a few half-lives and interpolated: millions of voxels cost a few fits.
"""

import math
from functools import lru_cache

import numpy as np

from RNTDosimetryLib.kinetics.fits import fit_time_activity
from RNTDosimetryLib.kinetics.model_error import coverage_factor, interval_of, with_family
from RNTDosimetryLib.kinetics.models import rules
from RNTDosimetryLib.kinetics.results import KineticFit
from RNTDosimetryLib.kinetics.samples import DecayOnly, check_samples
from RNTDosimetryLib.kinetics.shapes import Family, family_of, family_of_half_life
from RNTDosimetryLib.kinetics.voxels.parts import PartSettings, VoxelPart

_STEP = 1.4
"""Ratio of neighboring half-lives of the table."""
_MOST_LOOKED_AT = 5000


def relative_model_error(part: VoxelPart, settings: PartSettings, half_life_h: np.ndarray) -> np.ndarray | float:
    """Of the voxels of a part, relative to their TIA, 1 sigma. half_life_h (voxel,): of the fit, 0 where it has none."""
    times = tuple(part.series.times_h.tolist())
    decay = settings.decay.decay_constant_per_h
    if settings.effective_half_life_h is not None:
        half_life, spread = float(settings.effective_half_life_h), settings.effective_half_life_uncertainty_h
        log_sd = rules()["half_life_log_sd"]["value"] if spread is None else max(float(spread) / half_life, 1e-3)
        return _of_given_half_life(times, half_life, family_of_half_life(decay, half_life, log_sd))
    if settings.model == "shared" and settings.region_rates is not None:
        fit = settings.region_rates[part.label]
        if isinstance(fit, KineticFit) and fit.tia_model_uncertainty_mbq_h is not None and fit.tia_mbq_h > 0:
            return fit.tia_model_uncertainty_mbq_h / fit.tia_mbq_h
    if settings.model == "physical":
        return 0.0
    if len(times) == 1:
        return _of_given_half_life(times, math.log(2) / decay, family_of(decay, None))
    return _interpolated(times, settings.decay, half_life_h)


def _interpolated(times: tuple[float, ...], decay: DecayOnly, half_life_h: np.ndarray) -> np.ndarray | float:
    some = half_life_h[:: max(1, half_life_h.size // _MOST_LOOKED_AT)]
    some = some[some > 0]
    if some.size == 0:
        return 0.0
    physical = math.log(2) / decay.decay_constant_per_h
    slowest, fastest = (math.log(physical / value) / math.log(_STEP) for value in np.quantile(some, [0.99, 0.01]))
    steps = np.arange(math.floor(max(slowest, 0.0)), math.ceil(max(fastest, 0.0)) + 1)[::-1]
    nodes = physical * _STEP ** -steps.astype(float)
    errors = [_of_curve(times, decay, float(node)) for node in nodes]
    return np.interp(np.log(np.maximum(half_life_h, nodes[0])), np.log(nodes), errors).astype(np.float32)


@lru_cache(maxsize=256)
def _of_curve(times: tuple[float, ...], decay: DecayOnly, half_life_h: float) -> float:
    """Relative model error of a mono-exponential of this half-life with the nominal uncertainty."""
    curve = np.exp2(-(np.array(times) - times[0]) / half_life_h)
    sigmas = rules()["nominal_relative_uncertainty"]["value"] * np.maximum(curve, rules()["smallest_weight_share"]["value"])
    fit = fit_time_activity(times, curve, decay, sigmas, model="mono", rank_others=False, model_error=False)
    samples = check_samples(times, [curve], decay, [sigmas])
    error = with_family(fit, samples, 0, family_of(decay.decay_constant_per_h, None)).tia_model_uncertainty_mbq_h
    return 0.0 if error is None else error / fit.tia_mbq_h


@lru_cache(maxsize=64)
def _of_given_half_life(times: tuple[float, ...], half_life_h: float, family: Family) -> float:
    """Relative model error of curves whose half-life was given, with all that the family allows beside it."""
    rate = math.log(2) / half_life_h
    curve = np.exp(-rate * np.array(times))
    sigmas = rules()["nominal_relative_uncertainty"]["value"] * np.maximum(
        curve, rules()["smallest_weight_share"]["value"] * curve.max()
    )
    found = interval_of(family, times, curve, sigmas, True, 1 / rate)
    if found is None:
        return 0.0
    return max(found.high * rate - 1, 1 - found.low * rate) / coverage_factor()
