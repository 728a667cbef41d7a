"""The result images of a voxel fit while they are filled, and the sums of regions in them."""

import math

import numpy as np

from RNTDosimetryLib.base.checks import any_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.kinetics.models import rules
from RNTDosimetryLib.kinetics.voxel_parts import VoxelPart

_CONSPICUOUS_SHARE = 0.2
_CONSPICUOUS_DISCREPANCY = 0.05
_MBQ_PER_BQ = 1e-6
_LARGEST = float(np.finfo(np.float32).max)
_NAMES = ("TIA", "uncertainty", "half-life")


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
                raise DosimetryError(f"Expected samples that give a finite {name} in every voxel, received others; check the units: hours, Bq/mL.")
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
            found.append(f"{100 * self.tail_share():.0f} % of the TIA lies after the last image; a later image would support it.")
        if bound > _CONSPICUOUS_SHARE * count:
            found.append(f"{100 * bound / count:.0f} % of the voxels fall no faster than physical decay and were held at it.")
        if empty > _CONSPICUOUS_SHARE * count:
            found.append(f"{100 * empty / count:.0f} % of the voxels have no activity above zero; a mask would leave them out.")
        if self.uncertainty is None:
            found.append("The TIA uncertainty of the voxels is unknown: too few images for residuals and no uncertainty was given.")
        elif assumed:
            nominal = rules()["nominal_relative_uncertainty"]["value"]
            found.append(
                f"{100 * assumed / count:.2g} % of the voxels have a curve that meets every sample: their TIA uncertainty rests on an assumed "
                f"{100 * nominal:g} % of the samples; give relative_uncertainty."
            )
        return tuple(found)


def region_discrepancy(parts: list[VoxelPart], maps: VoxelMaps, region_tia_mbq_h_ml: dict) -> dict[int, float]:
    """Label -> (mean of the voxels' TIA) / (TIA of the region's mean curve) - 1; labels without a positive TIA are left out."""
    result = {}
    for part in parts:
        if part.label == 0:
            continue
        given = region_tia_mbq_h_ml.get(part.label)
        target = part.mean_tia_mbq_h_ml() if given is None else any_number(given, f"the TIA of region {part.label}", "fit it again")
        if target < 0:
            raise DosimetryError(f"Expected a TIA of 0 MBq*h/mL or more for region {part.label}, received {target}; fit it again.")
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
            warnings.append(f"Region {part.label} has no activity in its voxels or its curve; its TIA could not be conserved.")
            continue
        maps.tia[part.series.voxels] /= np.float32(1 + excess)
        if maps.uncertainty is not None:
            maps.uncertainty[part.series.voxels] /= np.float32(1 + excess)
        if abs(excess) > _CONSPICUOUS_DISCREPANCY:
            warnings.append(f"Region {part.label}: the voxels' TIA was {100 * excess:+.1f} % off the region's before it was scaled to it.")
    return tuple(warnings)
