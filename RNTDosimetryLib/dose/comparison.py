"""Several dose engines side by side on one activity map."""

import math
from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.base.checks import (
    checked_spacing,
    density_number,
    finite_array,
    non_negative_number,
    one_of,
    positive_number,
    three_axes,
    whole_number,
)
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import MAP, NOT_WRITTEN, Record
from RNTDosimetryLib.dose.histograms import dose_volume_histogram
from RNTDosimetryLib.dose.maps import DoseMap, dose_map
from RNTDosimetryLib.dose.regions import named_occupancies, region_doses

_LONGEST_SEARCH_MM = 100.0


@dataclass(frozen=True, eq=False)
class GammaResult(Record):
    """Gamma index per voxel of the reference map, (z, y, x) float32; 0 where the voxel was below the threshold.

    evaluated: (z, y, x) bool. pass_percent: share of evaluated voxels with gamma <= 1, None when none was evaluated.
    """

    gamma: np.ndarray = field(metadata=MAP, repr=False)
    evaluated: np.ndarray = field(metadata=MAP, repr=False)
    dose_difference_percent: float
    distance_mm: float
    threshold_percent: float
    local: bool
    evaluated_voxels: int
    pass_percent: float | None
    mean: float | None
    maximum_considered: float


def gamma_index(
    reference_gy,
    evaluated_gy,
    spacing_mm,
    dose_difference_percent: float = 3.0,
    distance_mm: float = 3.0,
    *,
    threshold_percent: float = 10.0,
    local: bool = False,
    maximum: float = 2.0,
    steps_per_distance: int = 4,
) -> GammaResult:
    """Gamma index (Low et al. 1998) of ``evaluated_gy`` against ``reference_gy``, both (z, y, x) on one grid.

    gamma(r) = min over r' of sqrt(|r' - r|^2 / distance^2 + (D_eval(r') - D_ref(r))^2 / dose^2), with D_eval interpolated linearly
    at ``steps_per_distance`` points per ``distance_mm``. The dose criterion is per cent of the reference maximum, or of the voxel's own
    dose when ``local``. Voxels below ``threshold_percent`` of the maximum are left out. Search ends at gamma = ``maximum``.
    Raises DosimetryError for shapes that differ, NaN, or a reference without dose.
    """
    spacing = checked_spacing(spacing_mm)
    remedy = "repair the dose map first"
    reference = three_axes(finite_array(reference_gy, "the reference dose", remedy), "the reference dose").astype(float)
    evaluated = finite_array(evaluated_gy, "the evaluated dose", remedy).astype(float)
    if evaluated.shape != reference.shape:
        raise DosimetryError(
            f"Expected two dose maps of one shape, received {reference.shape} and {evaluated.shape}; resample one of them."
        )
    dose_difference_percent = positive_number(dose_difference_percent, "dose difference in %", "3 is usual")
    distance_mm = positive_number(distance_mm, "distance in mm", "3 is usual")
    maximum = positive_number(maximum, "maximum gamma", "2 is usual")
    steps = whole_number(steps_per_distance, "steps per distance", 1, 100, "4 is usual")
    threshold_percent = non_negative_number(threshold_percent, "threshold in %", "10 is usual")
    if threshold_percent > 100:
        raise DosimetryError(f"Expected a threshold of 0 to 100 %, received {threshold_percent:g}; 10 is usual.")
    if distance_mm * maximum > _LONGEST_SEARCH_MM:
        raise DosimetryError(
            f"Expected a search of at most {_LONGEST_SEARCH_MM:.0f} mm, received {distance_mm:g} mm up to a gamma of {maximum:g}; 3 mm and 2 are usual."
        )
    if reference.max() <= 0:
        raise DosimetryError("Expected a reference map with dose, received one of zeros; choose another reference.")
    chosen = (reference >= threshold_percent / 100 * reference.max()) & (reference > 0)
    doses = reference[chosen]
    criterion = dose_difference_percent / 100 * (doses if local else reference.max())
    values = _search(evaluated, np.nonzero(chosen), doses, criterion, spacing, distance_mm, maximum, steps)
    gamma = np.zeros(reference.shape, dtype=np.float32)
    gamma[chosen] = values
    return GammaResult(
        gamma=gamma,
        evaluated=chosen,
        dose_difference_percent=dose_difference_percent,
        distance_mm=distance_mm,
        threshold_percent=threshold_percent,
        local=bool(local),
        evaluated_voxels=int(values.size),
        pass_percent=float(100 * np.count_nonzero(values <= 1 + 1e-9) / values.size),
        mean=float(values.mean()),
        maximum_considered=maximum,
    )


def _search(evaluated, index, doses, criterion, spacing, distance_mm, maximum, steps) -> np.ndarray:
    """Smallest gamma per point. Offsets come in order of distance; a point leaves the search when distance alone exceeds its gamma."""
    offsets, radii = _offsets(evaluated.shape, spacing, distance_mm, maximum, steps)
    margin = np.ceil(np.abs(offsets).max(axis=0)).astype(int) + 1
    padded = np.pad(evaluated, [(m, m) for m in margin], mode="edge")
    inside_low, inside_high = margin, margin + np.array(evaluated.shape) - 1
    points = np.stack([axis + m for axis, m in zip(index, margin)])
    flat = np.ravel_multi_index(points, padded.shape)
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    source = padded.ravel()
    best = np.full(doses.size, maximum**2)
    active = np.arange(doses.size)
    for offset, radius in zip(offsets, radii):
        distance_part = (radius / distance_mm) ** 2
        active = active[best[active] > distance_part]
        if active.size == 0:
            break
        whole = np.floor(offset).astype(int)
        part = offset - whole
        where = points[:, active] + offset[:, None]
        here = np.all((where >= inside_low[:, None] - 1e-9) & (where <= inside_high[:, None] + 1e-9), axis=0)
        candidates = active[here]
        value = _interpolate(source, flat[candidates] + int(whole @ strides), strides, part)
        scale = criterion if np.ndim(criterion) == 0 else criterion[candidates]
        squared = distance_part + ((value - doses[candidates]) / scale) ** 2
        best[candidates] = np.minimum(best[candidates], squared)
    return np.sqrt(best)


def _interpolate(source, start, strides, part) -> np.ndarray:
    value = np.zeros(start.size)
    for corner in np.ndindex(2, 2, 2):
        weight = math.prod(p if c else 1 - p for c, p in zip(corner, part))
        if weight > 0:
            value += weight * source[start + int(np.dot(corner, strides))]
    return value


def _offsets(shape, spacing, distance_mm, maximum, steps) -> tuple[np.ndarray, np.ndarray]:
    """Search offsets in voxels (n, 3) and their lengths in mm, nearest first; voxel centers are among them, none leaves the image."""
    reach = maximum * distance_mm
    axes = []
    for size, side in zip(shape, spacing):
        per_voxel = max(1, math.ceil(side * steps / distance_mm))
        count = min(math.floor(reach / side * per_voxel), (size - 1) * per_voxel)
        axes.append(np.arange(-count, count + 1) / per_voxel)
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    radii = np.sqrt(((grid * spacing) ** 2).sum(axis=1))
    near = radii <= reach * (1 + 1e-12)
    order = np.argsort(radii[near], kind="stable")
    return grid[near][order], radii[near][order]


ENGINES = ("local", "kernel", "kernel with density")


@dataclass(frozen=True, eq=False)
class EngineComparison(Record):
    """Dose maps of several engines, each compared with the reference engine.

    maps: by engine. difference_gy: (z, y, x) float32 by engine, that engine minus the reference. gamma: by engine. region_table: rows with
    region, mass_g, engine, mean_gy, d98_gy, d2_gy, maximum_gy and difference_percent of the mean against the reference (None where that has no dose).
    """

    reference: str
    maps: dict[str, DoseMap]
    difference_gy: dict[str, np.ndarray] = field(metadata=NOT_WRITTEN, repr=False)
    gamma: dict[str, GammaResult]
    region_table: tuple[dict, ...] = ()
    warnings: tuple[str, ...] = ()


def compare_engines(
    tia_mbq_h_ml,
    spacing_mm,
    nuclide,
    density_g_ml=1.0,
    regions=None,
    *,
    reference: str = "kernel",
    uniform_density_g_ml: float = 1.0,
    dose_difference_percent: float = 3.0,
    distance_mm: float = 3.0,
    threshold_percent: float = 10.0,
    progeny: bool = True,
) -> EngineComparison:
    """Local deposition, kernel, and kernel with density on one map of time-integrated activity, in one call.

    tia_mbq_h_ml: (z, y, x). density_g_ml: number or (z, y, x), for "kernel with density"; the other two use ``uniform_density_g_ml``.
    regions: dictionary of name to occupancy on the same grid, or Region objects; None gives no table. The gamma index compares
    each other engine with ``reference``. progeny: as ``dose_map``. Raises DosimetryError as ``dose_map`` and ``gamma_index``.
    """
    one_of(reference, ENGINES, "a reference engine")
    uniform = density_number(uniform_density_g_ml)
    occupancies = None if regions is None else named_occupancies(regions)
    maps = {
        "local": dose_map(tia_mbq_h_ml, spacing_mm, nuclide, "local", uniform, progeny=progeny),
        "kernel": dose_map(tia_mbq_h_ml, spacing_mm, nuclide, "kernel", uniform, progeny=progeny),
        "kernel with density": dose_map(tia_mbq_h_ml, spacing_mm, nuclide, "kernel", density_g_ml, progeny=progeny),
    }
    base = maps[reference]
    others = [name for name in ENGINES if name != reference]
    gamma = {}
    if base.maximum_gy > 0:
        gamma = {
            name: gamma_index(
                base, maps[name], base.spacing_mm, dose_difference_percent, distance_mm, threshold_percent=threshold_percent
            )
            for name in others
        }
    return EngineComparison(
        reference=reference,
        maps=maps,
        difference_gy={name: maps[name].dose_gy - base.dose_gy for name in others},
        gamma=gamma,
        region_table=() if occupancies is None else tuple(_table(maps, reference, occupancies, density_g_ml)),
        warnings=tuple(dict.fromkeys(warning for one in maps.values() for warning in one.warnings)),
    )


def _table(maps: dict[str, DoseMap], reference: str, occupancies: dict[str, np.ndarray], density_g_ml) -> list[dict]:
    means = {engine: region_doses(one, occupancies, density_g_ml=density_g_ml) for engine, one in maps.items()}
    rows = []
    for name in occupancies:
        base = means[reference][name].dose_gy
        for engine, one in maps.items():
            dose = means[engine][name]
            histogram = dose_volume_histogram(one, occupancies[name], name=name)
            rows.append(
                {
                    "region": name,
                    "mass_g": dose.mass_g,
                    "engine": engine,
                    "mean_gy": dose.dose_gy,
                    "d98_gy": histogram.dose_at_percent_gy["D98"],
                    "d2_gy": histogram.dose_at_percent_gy["D2"],
                    "maximum_gy": histogram.maximum_gy,
                    "difference_percent": 100 * (dose.dose_gy - base) / base if base > 0 else None,
                }
            )
    return rows
