"""Time-integrated activity of every voxel: ``fit_voxels`` on images (time, z, y, x)."""

import math
from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.kinetics.voxel_auto import PAIR_MODELS, AutoEngine, pair_candidate
from RNTDosimetryLib.kinetics.voxel_engines import MonoEngine, SharedEngine
from RNTDosimetryLib.kinetics.voxel_maps import VoxelMaps, conserve, region_discrepancy
from RNTDosimetryLib.kinetics.voxel_series import VoxelNoise, VoxelSeries, checked_grid, run_blocks, voxel_noise, voxel_series
from RNTDosimetryLib.kinetics.voxel_shared import SharedShape
from RNTDosimetryLib.records import NOT_WRITTEN, Record

MODEL_CODES = {0: "none", 1: "mono", 2: "uptake_held", 3: "mono_early_clearance", 4: "uptake", 5: "bi", 6: "physical", 7: "shared"}
"""Meaning of the numbers in ``VoxelFit.model_map``; 0 is a voxel outside the fit or without activity."""

_MODELS = ("auto", "mono", "shared", "physical")


@dataclass(frozen=True)
class VoxelFit(Record):
    """Maps (z, y, x) float32 of a voxel fit; zero outside the fitted voxels.

    tia_mbq_h_ml: time-integrated activity concentration. tia_uncertainty_mbq_h_ml: its standard uncertainty from the noise of
    the samples, None when it cannot be known. model_map: uint8, see ``models``. half_life_h: effective half-life of the last
    phase. tail_share: part of the summed TIA after the last time. region_discrepancy: label -> sum of the voxels' TIA over
    that of the region's curve, minus 1, before any conservation.
    """

    model: str
    method: str
    nuclide: str
    times_h: tuple[float, ...]
    voxel_count: int
    tail_share: float
    models: dict[int, str]
    region_discrepancy: dict[int, float] = field(default_factory=dict)
    conserved: bool = False
    warnings: tuple[str, ...] = ()
    tia_mbq_h_ml: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN)
    tia_uncertainty_mbq_h_ml: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN)
    model_map: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN)
    half_life_h: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN)


def fit_voxels(
    times_h,
    images_bq_ml,
    nuclide,
    model: str = "auto",
    *,
    uncertainties_bq_ml=None,
    relative_uncertainty: float | None = None,
    weighting: str = "relative",
    mask=None,
    regions=None,
    region_rates: dict | None = None,
    conserve_region_tia: bool = False,
    region_tia_mbq_h_ml: dict | None = None,
    effective_half_life_h: float | None = None,
    shortest_half_life_h: float | None = None,
    threads: int | None = None,
    progress=None,
    cancel=None,
) -> VoxelFit:
    """Fit every voxel of images over time and integrate the curves analytically.

    times_h: (time,) hours after the start of administration, any order. images_bq_ml: (time, z, y, x), or a sequence of (z, y, x).
    nuclide: name, or an object with ``decay_constant_per_h``. model: "mono", "shared" (rates of ``region_rates``, amplitudes per
    voxel), "physical", or "auto". uncertainties_bq_ml: standard deviation of a voxel, one or one per time; or
    relative_uncertainty, a fraction; or weighting "relative" (to the mean curve), "counts" or "constant" when only its course is known.
    mask: (z, y, x), voxels to fit. regions: (z, y, x) integer labels, 0 is outside. region_rates: label -> ``SharedShape`` or effective
    rates per hour. conserve_region_tia: scale each region to the TIA of its mean curve, or of region_tia_mbq_h_ml (label -> mean).
    effective_half_life_h: for a single time. progress: called with the fraction done; cancel: called, True stops the fit.
    Raises DosimetryError for input that cannot be fitted and FitCancelled when stopped.
    """
    if model not in _MODELS:
        raise DosimetryError(f"Expected model {', '.join(_MODELS)}, received {model!r}; choose one of them.")
    physical_per_h, nuclide_name = _decay_constant(nuclide)
    labels = None if regions is None else _checked_labels(regions)
    if mask is None and labels is not None:
        mask = labels > 0
    series, order = voxel_series(times_h, images_bq_ml, mask)
    if labels is not None:
        checked_grid(labels, series.shape, "regions")
    noise = voxel_noise(series, order, uncertainties_bq_ml, relative_uncertainty, weighting)
    if model == "shared":
        parts = _shared_parts(series, labels, region_rates, noise)
    elif model == "physical" or series.times_h.size == 1:
        parts = [(series, _one_rate_engine(series, noise, physical_per_h, effective_half_life_h))]
    else:
        parts = [(series, _own_rates_engine(model, series.times_h, noise, physical_per_h, shortest_half_life_h))]

    maps = VoxelMaps(series.shape)
    _run(parts, maps, threads, progress, cancel)
    warnings = maps.warnings()
    discrepancy = {}
    if labels is not None:
        discrepancy = region_discrepancy(parts, series, labels, maps, region_tia_mbq_h_ml)
        if conserve_region_tia:
            warnings += conserve(labels, maps, discrepancy)
    elif conserve_region_tia:
        raise DosimetryError("Expected regions (z, y, x) to conserve their TIA, received none; give the labels.")
    return VoxelFit(
        model=model,
        method=_method(model, series, noise),
        nuclide=nuclide_name,
        times_h=tuple(series.times_h.tolist()),
        voxel_count=sum(part.count for part, _ in parts),
        tail_share=maps.tail_share(),
        models=dict(MODEL_CODES),
        region_discrepancy=discrepancy,
        conserved=conserve_region_tia,
        warnings=warnings,
        tia_mbq_h_ml=maps.tia.reshape(series.shape),
        tia_uncertainty_mbq_h_ml=None if maps.uncertainty is None else maps.uncertainty.reshape(series.shape),
        model_map=maps.code.reshape(series.shape),
        half_life_h=maps.half_life_h.reshape(series.shape),
    )


def _run(parts, maps: VoxelMaps, threads, progress, cancel) -> None:
    blocks = [(part, engine, block) for part, engine in parts for block in part.blocks()]

    def work(item):
        part, engine, block = item
        maps.write(block, engine.fit(part.samples(block)))

    run_blocks(blocks, work, threads, progress, cancel)


def _decay_constant(nuclide) -> tuple[float, str]:
    if isinstance(nuclide, str):
        from RNTDosimetryLib.nuclides import get_nuclide

        nuclide = get_nuclide(nuclide)
    constant = getattr(nuclide, "decay_constant_per_h", None)
    if constant is None or not (math.isfinite(constant) and constant > 0):
        raise DosimetryError(f"Expected a nuclide with a decay constant per hour, received {nuclide!r}; give a name such as 'Lu-177'.")
    return float(constant), str(getattr(nuclide, "name", nuclide))


def _checked_labels(regions) -> np.ndarray:
    labels = np.asarray(regions)
    if labels.dtype.kind not in "iub" or labels.size == 0 or int(labels.min()) < 0 or not labels.any():
        raise DosimetryError("Expected regions as whole-number labels, 0 outside and 1, 2, ... inside, received others; relabel them.")
    return labels


def _own_rates_engine(model: str, times_h: np.ndarray, noise: VoxelNoise, physical_per_h: float, shortest_half_life_h: float | None):
    """Samples say nothing about what has gone before the first of them, so the rates end there.

    The mono-exponential is carried back to time zero, where a rate from noise would make any TIA; it ends at a quarter of the
    first time or of the shortest gap. The second exponential of a pair may be faster: it only has to be seen.
    """
    gaps = np.diff(times_h, prepend=0.0)
    shortest_h = max(times_h[0], np.diff(times_h).min()) / 4
    if shortest_half_life_h is not None:
        if not (math.isfinite(shortest_half_life_h) and shortest_half_life_h > 0):
            raise DosimetryError(f"Expected a positive shortest half-life in hours, received {shortest_half_life_h}; leave it out.")
        shortest_h = shortest_half_life_h
    mono = MonoEngine(1, times_h, noise, physical_per_h, max(math.log(2) / shortest_h, 1.5 * physical_per_h))
    if model == "mono":
        return mono
    fastest = max(math.log(2) / min(gaps[gaps > 0].min() / 10, shortest_h), 1.5 * physical_per_h)
    codes = {name: code for code, name in MODEL_CODES.items()}
    candidates = tuple(pair_candidate(name, codes[name], times_h, noise, physical_per_h, fastest) for name in PAIR_MODELS)
    return AutoEngine(mono, candidates, times_h, noise)


def _one_rate_engine(series: VoxelSeries, noise: VoxelNoise, physical_per_h: float, half_life_h: float | None) -> SharedEngine:
    if half_life_h is None:
        return SharedEngine(SharedShape.free(physical_per_h), 6, series.times_h, noise)
    if not 0 < half_life_h <= math.log(2) / physical_per_h * (1 + 1e-9):
        raise DosimetryError(
            f"Expected an effective half-life up to the physical one ({math.log(2) / physical_per_h:.4g} h), received {half_life_h}; check it."
        )
    return SharedEngine(SharedShape.free(math.log(2) / half_life_h), 7, series.times_h, noise)


def shared_shape(value) -> SharedShape:
    """The shared curve in what a caller gives: a ``SharedShape``, or effective rates per hour."""
    if isinstance(value, SharedShape):
        return value
    try:
        return SharedShape.free(*np.atleast_1d(np.asarray(value, dtype=float)).tolist())
    except (TypeError, ValueError) as error:
        raise DosimetryError(f"Expected rates per hour of a region, received {value!r}; fit its curve first.") from error


def _shared_parts(series: VoxelSeries, labels, region_rates, noise: VoxelNoise) -> list:
    if labels is None or not region_rates:
        raise DosimetryError("Expected regions and region_rates for model 'shared', received none; give labels and their rates.")
    voxels = np.arange(labels.size) if series.voxels is None else series.voxels
    found = labels.reshape(-1)[voxels]
    missing = sorted(set(np.unique(found).tolist()) - {0} - set(region_rates))
    if missing:
        raise DosimetryError(f"Expected rates for every region, received none for labels {missing}; fit these regions too.")
    parts = []
    for label in sorted(set(np.unique(found).tolist()) & set(region_rates)):
        part = VoxelSeries(series.times_h, series.frames, series.shape, voxels[found == label])
        parts.append((part, SharedEngine(shared_shape(region_rates[label]), 7, series.times_h, noise)))
    return parts


def _method(model: str, series: VoxelSeries, noise: VoxelNoise) -> str:
    noises = {"given": "given uncertainty", "relative": "given relative uncertainty", "residuals": "uncertainty from residuals"}
    return f"voxel fit, model {model}, {series.times_h.size} times, variable projection, {noises[noise.known]}"
