"""Time-integrated activity of every voxel: ``fit_voxels`` on images (time, z, y, x)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.base.checks import any_number, one_of, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.kinetics.models import rules
from RNTDosimetryLib.kinetics.samples import decay_of
from RNTDosimetryLib.kinetics.voxels.model_error import relative_model_error
from RNTDosimetryLib.kinetics.voxels.parts import MODEL_CODES, PartSettings, VoxelPart, voxel_parts
from RNTDosimetryLib.kinetics.voxels.series import (
    checked_frame,
    checked_grid,
    checked_threads,
    checked_uncertainties,
    run_blocks,
    voxel_series,
)

VOXEL_MODELS = ("auto", "mono", "shared", "physical")
"""Names accepted by ``fit_voxels(model=...)``."""


@dataclass(frozen=True, eq=False)
class VoxelFit(Record):
    """Maps (z, y, x) float32 of a voxel fit; zero outside the fitted voxels.

    tia_mbq_h_ml: time-integrated activity concentration. tia_uncertainty_mbq_h_ml: its standard uncertainty, from the noise of
    the samples and, for shared rates, from the rates; None when it cannot be known. model_map: uint8, see ``models``.
    The uncertainty has the model error, what the images cannot exclude (docs/kinetics.md): model_relative_uncertainty, label -> its mean
    over the TIA of the region; label 1 where no regions were given, empty where it was left out.
    half_life_h: effective half-life of the slowest phase. tail_share: part of the summed TIA after the last time.
    region_discrepancy: label -> mean of the voxels' TIA over the TIA of the region's mean curve, minus 1, before any
    conservation; conserved: whether the voxels were then scaled by it.
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
    model_relative_uncertainty: dict[int, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    tia_mbq_h_ml: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN)
    tia_uncertainty_mbq_h_ml: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN)
    model_map: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN)
    half_life_h: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN)

    def __post_init__(self):
        # JSON knows only text as keys
        for name in ("models", "region_discrepancy", "model_relative_uncertainty"):
            object.__setattr__(self, name, {int(key): value for key, value in getattr(self, name).items()})


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
    effective_half_life_uncertainty_h: float | None = None,
    shortest_half_life_h: float | None = None,
    model_error: bool = True,
    threads: int | None = None,
    progress=None,
    cancel=None,
) -> VoxelFit:
    """Fit every voxel of images over time and integrate the curves analytically; see docs/voxel_fits.md.

    times_h: (time,) hours after the start of administration, any order. images_bq_ml: (time, z, y, x) or a sequence of (z, y, x),
    activity concentration at that time, not corrected for decay; samples at or below zero are data.
    nuclide: name, or an object with ``decay_constant_per_h``.
    model: "auto" (best of mono, uptake and bi-exponential by AICc, with the region fit's rules), "mono", "shared" (rates of the
    region, amplitudes of the voxel), "physical". One image follows physical decay or effective_half_life_h.
    Noise, one kind: uncertainties_bq_ml, standard deviation of a voxel, one or one per time; or relative_uncertainty, a fraction.
    Without, the samples are weighted by ``weighting`` ("relative" to the mean curve of the region, "constant" or "counts").
    mask: (z, y, x), voxels to fit; without it those of the regions. regions: (z, y, x) whole-number labels, 0 outside.
    region_rates: label -> ``KineticFit``, ``SharedShape`` or effective rates per hour; without it the mean curves are fitted.
    conserve_region_tia: scale each region's voxels so that their mean TIA is that of its mean curve, or that of region_tia_mbq_h_ml
    (label -> TIA concentration). effective_half_life_h: known beforehand, used for all voxels. shortest_half_life_h: bound of the
    mono-exponential. model_error: include what the images cannot exclude in the uncertainty. progress: called with the fraction done; cancel: called between blocks, True stops the fit.
    Raises DosimetryError for unusable input and FitCancelled when stopped.
    """
    one_of(model, VOXEL_MODELS, "model")
    for name, given in (("region_rates", region_rates), ("region_tia_mbq_h_ml", region_tia_mbq_h_ml)):
        if not isinstance(given, (Mapping, type(None))):
            raise DosimetryError(
                f"Expected {name} as a dictionary from label to value, received {shown(given)}; give {{1: ...}}."
            )
    threads = checked_threads(threads)
    decay = decay_of(nuclide)
    labels = None if regions is None else _checked_labels(regions)
    if conserve_region_tia and labels is None:
        raise DosimetryError("Expected regions (z, y, x) to conserve their TIA, received none; give the labels.")
    if mask is None and labels is not None:
        mask = labels > 0
    series, order = voxel_series(times_h, images_bq_ml, decay.decay_constant_per_h, mask)
    if labels is not None:
        checked_grid(labels, series.shape, "regions")
    settings = PartSettings(
        model,
        decay,
        checked_uncertainties(uncertainties_bq_ml, relative_uncertainty, order),
        relative_uncertainty,
        weighting,
        region_rates,
        effective_half_life_h,
        effective_half_life_uncertainty_h,
        shortest_half_life_h,
    )
    parts, warnings = voxel_parts(series, labels, settings)
    maps = VoxelMaps(series.shape)
    _run(parts, maps, threads, progress, cancel)
    model_part = add_model_error(parts, maps, settings) if model_error else {}
    warnings += maps.warnings()
    discrepancy = region_discrepancy(parts, maps, region_tia_mbq_h_ml or {}) if labels is not None else {}
    if conserve_region_tia:
        warnings += conserve(parts, maps, discrepancy)
    return VoxelFit(
        model=model,
        method=f"voxel fit, model {model}, {series.times_h.size} times, {_noise_text(settings)}",
        nuclide=decay.name,
        times_h=tuple(series.times_h.tolist()),
        voxel_count=sum(part.series.count for part in parts),
        tail_share=maps.tail_share(),
        models=dict(MODEL_CODES),
        region_discrepancy=discrepancy,
        conserved=conserve_region_tia,
        model_relative_uncertainty=model_part,
        warnings=warnings,
        tia_mbq_h_ml=maps.tia.reshape(series.shape),
        tia_uncertainty_mbq_h_ml=None if maps.uncertainty is None else maps.uncertainty.reshape(series.shape),
        model_map=maps.code.reshape(series.shape),
        half_life_h=maps.half_life_h.reshape(series.shape),
    )


class VoxelMaps:
    """The result images while the blocks fill them, flat; each block writes its own voxels only."""

    def __init__(self, shape: tuple[int, int, int]):
        size = int(np.prod(shape))
        self.tia = np.zeros(size, dtype=np.float32)
        self.uncertainty: np.ndarray | None = np.zeros(size, dtype=np.float32)
        self.half_life_h = np.zeros(size, dtype=np.float32)
        self.code = np.zeros(size, dtype=np.uint8)
        self.totals: list[tuple[float, float, int, int, int, int]] = []

    def write(self, block, result) -> None:
        """Fill in the voxels of a block; DosimetryError for a number that is not finite or too large for float32."""
        known = result.tia_uncertainty is not None
        for name, values in zip(_NAMES, (result.tia, result.tia_uncertainty if known else 0.0, result.half_life_h)):
            # False for NaN too
            if not np.all(np.abs(values) <= _LARGEST):
                raise DosimetryError(
                    f"Expected samples that give a finite {name} in every voxel, received others; check the units: hours, Bq/mL."
                )
        self.tia[block] = result.tia * _MBQ_PER_BQ
        uncertainty = self.uncertainty
        if not known:
            self.uncertainty = None
        elif uncertainty is not None:
            uncertainty[block] = result.tia_uncertainty * _MBQ_PER_BQ
        self.half_life_h[block] = result.half_life_h
        self.code[block] = result.code
        assumed = 0 if result.assumed_noise is None else int(np.count_nonzero(result.assumed_noise))
        counts = int(np.count_nonzero(result.code == 0)), int(np.count_nonzero(result.at_bound)), assumed, result.tia.size
        self.totals.append((float(result.tia.sum(dtype=float)), float(result.tail.sum(dtype=float)), *counts))

    def tail_share(self) -> float:
        # Blocks end in any order; fsum does not depend on it, so that a study runs again to identical numbers.
        tia, tail = (math.fsum(column) for column in list(zip(*self.totals))[:2])
        return tail / tia if tia > 0 else 0.0

    def warnings(self) -> tuple[str, ...]:
        empty, bound, assumed, count = (sum(column) for column in list(zip(*self.totals))[2:])
        found = []
        if self.tail_share() > rules()["tail_share_warning"]["value"]:
            found.append(warned("map_tail_large", percent=100 * self.tail_share()))
        if bound > _CONSPICUOUS_SHARE * count:
            found.append(warned("voxels_held_at_physical_decay", percent=100 * bound / count))
        if empty > _CONSPICUOUS_SHARE * count:
            found.append(warned("voxels_without_activity", percent=100 * empty / count))
        if self.uncertainty is None:
            found.append(warned("voxel_uncertainty_not_known"))
        elif assumed:
            nominal = rules()["nominal_relative_uncertainty"]["value"]
            found.append(warned("voxel_uncertainty_assumed", percent=100 * assumed / count, sample_percent=100 * nominal))
        return tuple(found)


def add_model_error(parts: list[VoxelPart], maps: VoxelMaps, settings: PartSettings) -> dict[int, float]:
    """Widen the uncertainty of the voxels by their model error; label -> its mean over the TIA of the region."""
    found = {}
    for part in parts:
        voxels = slice(None) if part.series.voxels is None else part.series.voxels
        tia = maps.tia[voxels]
        relative = relative_model_error(part, settings, maps.half_life_h[voxels])
        error = relative * tia
        if maps.uncertainty is not None:
            maps.uncertainty[voxels] = np.hypot(maps.uncertainty[voxels], error)
        total = float(tia.sum(dtype=float))
        found[part.label] = float(np.sum(error, dtype=float)) / total if total > 0 else 0.0
    return found


def _run(parts: list[VoxelPart], maps: VoxelMaps, threads, progress, cancel) -> None:
    blocks = [(part, block) for part in parts for block in part.series.blocks()]

    def work(item):
        part, block = item
        maps.write(block, part.engine.fit(part.series.samples(block)))

    run_blocks(blocks, work, threads, progress, cancel)


def _checked_labels(regions) -> np.ndarray:
    labels = checked_frame(regions, "regions")
    whole = labels.dtype.kind in "iub" and labels.size > 0
    if not whole or int(labels.min()) < 0 or not labels.any():
        raise DosimetryError(
            f"Expected regions as whole-number labels, 0 outside and 1, 2, ... inside, received {labels.dtype} "
            f"{'without labels' if whole and not labels.any() else 'with others'}; relabel them."
        )
    return labels


def _noise_text(settings: PartSettings) -> str:
    if settings.uncertainties_bq_ml is not None:
        return "uncertainties given"
    if settings.relative_uncertainty is not None:
        return f"relative uncertainty {settings.relative_uncertainty:g} given"
    return f"{settings.weighting} weights, uncertainty from residuals"


_CONSPICUOUS_SHARE = 0.2
_CONSPICUOUS_DISCREPANCY = 0.05
_MBQ_PER_BQ = 1e-6
_LARGEST = float(np.finfo(np.float32).max)
_NAMES = ("TIA", "uncertainty", "half-life")


def region_discrepancy(parts: list[VoxelPart], maps: VoxelMaps, region_tia_mbq_h_ml: dict) -> dict[int, float]:
    """Label -> (mean of the voxels' TIA) / (TIA of the region's mean curve) - 1; labels without a positive TIA are left out."""
    result = {}
    for part in parts:
        if part.label == 0:
            continue
        given = region_tia_mbq_h_ml.get(part.label)
        target = (
            part.mean_tia_mbq_h_ml() if given is None else any_number(given, f"the TIA of region {part.label}", "fit it again")
        )
        if target < 0:
            raise DosimetryError(
                f"Expected a TIA of 0 MBq*h/mL or more for region {part.label}, received {target}; fit it again."
            )
        if target > 0:
            result[part.label] = float(maps.tia[part.series.voxels].mean(dtype=float)) / target - 1
    return result


def conserve(parts: list[VoxelPart], maps: VoxelMaps, discrepancy: dict[int, float]) -> tuple[str, ...]:
    """Scale the voxels of each region by its discrepancy; texts on what could not be scaled and on what changed much."""
    warnings = []
    for part in parts:
        if part.label == 0:
            continue
        excess = discrepancy.get(part.label, -1.0)
        if excess <= -1:
            warnings.append(warned("region_without_activity", region=part.label))
            continue
        maps.tia[part.series.voxels] /= np.float32(1 + excess)
        if maps.uncertainty is not None:
            maps.uncertainty[part.series.voxels] /= np.float32(1 + excess)
        if abs(excess) > _CONSPICUOUS_DISCREPANCY:
            warnings.append(warned("voxels_scaled_to_region", region=part.label, percent=100 * excess))
    return tuple(warnings)
