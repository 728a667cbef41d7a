"""The result images of a voxel fit while they are filled, and the sums of regions in them."""

import numpy as np

from RNTDosimetryLib.kinetics.models import rules
from RNTDosimetryLib.kinetics.voxel_series import VoxelSeries

_CONSPICUOUS_SHARE = 0.2
_CONSPICUOUS_DISCREPANCY = 0.05
_MBQ_PER_BQ = 1e-6


class VoxelMaps:
    """The result images while the blocks fill them, flat; each block writes its own voxels only."""

    def __init__(self, shape: tuple[int, int, int]):
        size = int(np.prod(shape))
        self.tia = np.zeros(size, dtype=np.float32)
        self.uncertainty: np.ndarray | None = np.zeros(size, dtype=np.float32)
        self.half_life_h = np.zeros(size, dtype=np.float32)
        self.code = np.zeros(size, dtype=np.uint8)
        self.totals: list[tuple[float, float, int, int, int]] = []

    def write(self, block, result):
        self.tia[block] = result.tia * _MBQ_PER_BQ
        if result.tia_uncertainty is None:
            self.uncertainty = None
        elif self.uncertainty is not None:
            self.uncertainty[block] = result.tia_uncertainty * _MBQ_PER_BQ
        self.half_life_h[block] = result.half_life_h
        self.code[block] = result.code
        counts = int(np.count_nonzero(result.code == 0)), int(np.count_nonzero(result.at_bound)), result.tia.size
        self.totals.append((float(result.tia.sum(dtype=float)), float(result.tail.sum(dtype=float)), *counts))

    def tail_share(self) -> float:
        tia, tail = (sum(column) for column in list(zip(*self.totals))[:2])
        return tail / tia if tia > 0 else 0.0

    def warnings(self) -> tuple[str, ...]:
        empty, bound, count = (sum(column) for column in list(zip(*self.totals))[2:])
        found = []
        if self.tail_share() > rules()["tail_share_warning"]["value"]:
            found.append(f"{100 * self.tail_share():.0f} % of the TIA lies after the last image; a later image would support it.")
        if bound > _CONSPICUOUS_SHARE * count:
            found.append(f"{100 * bound / count:.0f} % of the voxels fall no faster than physical decay and were held at it.")
        if empty > _CONSPICUOUS_SHARE * count:
            found.append(f"{100 * empty / count:.0f} % of the voxels have no activity above zero; a mask would leave them out.")
        if self.uncertainty is None:
            found.append("The TIA uncertainty of the voxels is unknown: too few images for residuals and no uncertainty was given.")
        return tuple(found)


def region_discrepancy(parts, series: VoxelSeries, labels, maps: VoxelMaps, region_tia) -> dict[int, float]:
    """Label -> (sum of the voxels' TIA) / (TIA of the region's mean curve) - 1; labels without a positive TIA are left out."""
    fitted = np.ones(labels.size, dtype=bool)
    if series.voxels is not None:
        fitted[:] = False
        fitted[series.voxels] = True
    flat, result = labels.reshape(-1), {}
    for label in np.unique(flat[fitted]).tolist():
        voxels = np.flatnonzero(fitted & (flat == label))
        if label == 0:
            continue
        if region_tia is not None and label in region_tia:
            target = float(region_tia[label])
        else:
            region = VoxelSeries(series.times_h, series.frames, series.shape, voxels)
            engine = next(engine for part, engine in parts if part.voxels is None or voxels[0] in part.voxels)
            target = float(engine.fit(region.mean_curve()[:, None].astype(np.float32)).tia[0]) * _MBQ_PER_BQ
        if target > 0:
            result[int(label)] = float(maps.tia[voxels].mean(dtype=float)) / target - 1
    return result


def conserve(labels, maps: VoxelMaps, discrepancy: dict[int, float]) -> tuple[str, ...]:
    flat, warnings = labels.reshape(-1), []
    for label, excess in discrepancy.items():
        inside = flat == label
        if excess <= -1:
            warnings.append(f"Region {label} has no activity in its voxels; its TIA could not be conserved.")
            continue
        maps.tia[inside] /= np.float32(1 + excess)
        if maps.uncertainty is not None:
            maps.uncertainty[inside] /= np.float32(1 + excess)
        if abs(excess) > _CONSPICUOUS_DISCREPANCY:
            warnings.append(f"Region {label}: the voxels' TIA was {100 * excess:+.1f} % of the region's before it was scaled to it.")
    return tuple(warnings)
