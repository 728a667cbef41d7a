"""Two dose maps compared: numbers of every region, histograms, gamma index, and what is doubtful about the comparison."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import MAP, Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.dose import DoseVolumeHistogram, GammaResult, dose_volume_histogram, gamma_index
from RNTDosimetryLib.images import ImageGeometry, Region, occupancy_on_grid
from RNTDosimetryLib.images.resampling import resample_array, rigid_matrix
from RNTDosimetryLib.intake.volume_files import DoseVolume, dose_on_grid
from RNTDosimetryLib.roads.compare.request import GammaCriteria
from RNTDosimetryLib.roads.compare.sources import ComparedMap

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
    reference: float,
    reference_uncertainty: float | None,
    evaluated: float,
    evaluated_uncertainty: float | None,
    own: tuple | None = None,
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


def region_histogram(
    dose_gy: np.ndarray, weight: np.ndarray, name: str, spacing_mm, uncertainty: VoxelUncertainty
) -> DoseVolumeHistogram:
    """Histogram of voxel doses (n,) with their shares (n,); the band is that of the common part of the uncertainty. spacing_mm: (z, y, x)."""
    band = None
    if uncertainty.common_gy is not None or uncertainty.relative is not None:
        band = _common(dose_gy, uncertainty)
    return dose_volume_histogram(
        dose_gy, weight, spacing_mm, name=name, dose_uncertainty_gy=band, dose_at_percent=_DOSE_AT_PERCENT
    )


def statistics_of(histogram: DoseVolumeHistogram) -> dict[str, float]:
    """The numbers of STATISTICS of a histogram."""
    return {
        "mean": histogram.mean_gy,
        "minimum": histogram.minimum_gy,
        "maximum": histogram.maximum_gy,
        **histogram.dose_at_percent_gy,
    }


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
    found = [
        _numbers(np.maximum(dose_gy + noise_gy * generator.standard_normal(dose_gy.size), 0.0), weight) for _ in range(draws)
    ]
    spread = {name: float(np.std([item[name] for item in found], ddof=1)) for name in STATISTICS}
    spread["mean"] = math.sqrt(float(((weight * noise_gy) ** 2).sum())) / float(weight.sum())
    bias = {name: float(np.mean([item[name] for item in found])) - central[name] for name in STATISTICS}
    return spread, bias | {"mean": 0.0}


def _numbers(dose_gy: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    return statistics_of(dose_volume_histogram(dose_gy, weight, dose_at_percent=_DOSE_AT_PERCENT, bins=1))


_MOST_SAMPLES_PER_AXIS = 5
_MOST_SHARE_OUTSIDE = 0.5


@dataclass(frozen=True, eq=False)
class GriddedDose:
    """A dose map on the grid of the comparison. dose_gy, uncertainty_gy (None if not known), inside: (z, y, x).

    voxels_per_sample: how many voxels of the grid share one voxel of a coarser map, 1 for a finer one.
    finer: how many voxels of the map lie in one of the grid, 1 for a coarser one.
    """

    dose_gy: np.ndarray
    uncertainty_gy: np.ndarray | None
    inside: np.ndarray
    voxels_per_sample: float = 1.0
    finer: float = 1.0


def on_grid(dose: DoseVolume, target: ImageGeometry, matrix=None, independent: bool = True) -> GriddedDose:
    """The dose on ``target``. matrix: 4 x 4 LPS, from points of the target to points of the dose. independent: noise of its voxels averages out.

    A coarser map is interpolated linearly. A finer one is averaged over each voxel of the target, at up to 5 x 5 x 5 places in it, and independent
    uncertainties fall with the root of the number of its voxels there. Raises DosimetryError when the grids do not meet.
    """
    matrix = rigid_matrix(matrix)
    moved = dose_on_grid(dose, target, matrix)
    inside = np.ones(target.size, dtype=bool) if moved.inside is None else moved.inside
    ratio = target.voxel_volume_ml / dose.geometry.voxel_volume_ml
    counts = _samples_per_axis(dose.geometry, target, matrix)
    if moved is dose or max(counts) == 1:
        return GriddedDose(moved.dose_gy, moved.uncertainty_gy, inside, max(1.0, 1 / ratio), max(1.0, ratio))
    arrays = [
        dose.dose_gy,
        *([] if dose.uncertainty_gy is None else [dose.uncertainty_gy**2 if independent else dose.uncertainty_gy]),
    ]
    means, share = _averages(arrays, dose.geometry, target, matrix, counts)
    uncertainty = None
    if dose.uncertainty_gy is not None:
        uncertainty = np.sqrt(means[1] / max(1.0, ratio)) if independent else means[1]
    return GriddedDose(means[0], uncertainty, share >= _MOST_SHARE_OUTSIDE, max(1.0, 1 / ratio), max(1.0, ratio))


def _samples_per_axis(source: ImageGeometry, target: ImageGeometry, matrix: np.ndarray) -> tuple[int, int, int]:
    """Places (x, y, z) in a target voxel: about one for each voxel of the source along each axis."""
    steps = (np.linalg.inv(source.index_to_lps) @ matrix @ target.index_to_lps)[:3, :3]
    return tuple(int(np.clip(round(length), 1, _MOST_SAMPLES_PER_AXIS)) for length in np.linalg.norm(steps, axis=0))


def _averages(arrays, source: ImageGeometry, target: ImageGeometry, matrix, counts) -> tuple[list[np.ndarray], np.ndarray]:
    """Means of each array over the places of a target voxel that lie in the source, and the share of places that do."""
    totals, share = [np.zeros(target.size, dtype=np.float64) for _ in arrays], np.zeros(target.size, dtype=np.float64)
    ones = np.ones(source.size, dtype=np.uint8)
    for places in product(*((np.arange(count) + 0.5) / count - 0.5 for count in counts)):
        shifted = replace(target, origin_lps_mm=tuple((target.index_to_lps @ [*places, 1.0])[:3]))
        share += resample_array(ones, source, shifted, matrix, linear=False)
        for total, array in zip(totals, arrays):
            total += resample_array(array, source, shifted, matrix)
    met = np.maximum(share, 1)
    return [(total / met).astype(np.float32) for total in totals], share / float(np.prod(counts))


_FULL_COVERAGE = 0.999
_MOST_RATIO = 5.0
_NOISE_TO_MENTION, _SHIFT_TO_MENTION = 0.05, 0.02
_HALF = 0.5


@dataclass(frozen=True)
class NoiseShift(Record):
    """Statistical noise of a voxel of a region (median, 1 sigma), and by how much such noise moves D98 and D2."""

    voxel_gy: float
    d98_gy: float
    d2_gy: float


@dataclass(frozen=True, eq=False)
class RegionComparison(Record):
    """One region in both maps. values: by name of STATISTICS. volume_ml: of the part that both maps cover; coverage: its share of the region.

    gamma_pass_percent: of the region's voxels (at least half inside) that the gamma index evaluated, None without any; gamma_voxels: their number.
    root_mean_square_gy: of the differences of voxels. noise: by name of a map with statistical noise of its voxels.
    """

    name: str
    volume_ml: float
    coverage: float
    values: dict[str, ComparedValue]
    root_mean_square_gy: float
    gamma_pass_percent: float | None
    gamma_voxels: int
    reference_histogram: DoseVolumeHistogram
    evaluated_histogram: DoseVolumeHistogram
    noise: dict[str, NoiseShift] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class MapComparison(Record):
    """Both maps on the grid of the reference, (z, y, x): reference_gy, evaluated_gy, difference_gy (evaluated minus reference, 0 where not compared).

    compared: voxels that both maps cover. gamma: over the whole common part. center_shift_mm: from the center of the reference's dose to that of
    the evaluated one, LPS (x, y, z). occupancies: of the regions, by name.
    """

    geometry: ImageGeometry
    regions: tuple[RegionComparison, ...]
    gamma: GammaResult
    center_shift_mm: tuple[float, float, float]
    covered_share: float
    reference_gy: np.ndarray = field(metadata=MAP, repr=False)
    evaluated_gy: np.ndarray = field(metadata=MAP, repr=False)
    difference_gy: np.ndarray = field(metadata=MAP, repr=False)
    compared: np.ndarray = field(metadata=MAP, repr=False)
    occupancies: dict[str, np.ndarray] = field(metadata=MAP, repr=False)
    warnings: tuple[str, ...] = ()


def compare_maps(
    reference: ComparedMap,
    evaluated: ComparedMap,
    regions: Sequence[Region],
    *,
    registration=None,
    regions_follow: bool = False,
    same_activity: bool = False,
    criteria: GammaCriteria | None = None,
) -> MapComparison:
    """Evaluated against reference over the voxels that both cover, on the reference's grid.

    registration: 4 x 4 LPS, from points of the reference to the same tissue in the evaluated map. regions_follow: the regions lie in the frame of
    the evaluated map. same_activity: the uncertainties of a run's regions are common to both maps. Raises DosimetryError when the maps or all of the regions do not meet, or the reference has no dose there.
    """
    criteria = criteria or GammaCriteria()
    grid = reference.dose.geometry
    first = on_grid(reference.dose, grid)
    second = on_grid(evaluated.dose, grid, registration, evaluated.uncertainty_of_voxels == "independent")
    compared = second.inside
    base, other = (np.where(compared, part.dose_gy, 0).astype(np.float32) for part in (first, second))
    if not base.any() or not other.any():
        which = reference.name if not base.any() else evaluated.name
        raise DosimetryError(
            f"Expected dose of '{which}' where the maps meet, received none; check frames of reference and registration."
        )
    gamma = gamma_index(
        base, other, grid.spacing_mm, criteria.dose_difference_percent, criteria.distance_mm, threshold_percent=criteria.threshold_percent,
        local=criteria.local, maximum=criteria.maximum,
    )  # fmt: skip
    occupancies, found, warnings = {}, [], []
    for region in regions:
        occupancy = occupancy_on_grid(region, grid, registration if regions_follow else None)
        share = np.where(compared, occupancy, 0)
        if not share.any():
            warnings.append(f"{region.name}: {warned('region_not_compared')}")
            continue
        occupancies[region.name] = occupancy
        found.append(_compare_region(region, share, (reference, first), (evaluated, second), grid, gamma, same_activity))
    if not found:
        raise DosimetryError(
            f"Expected a region where both maps have voxels, received none of {len(regions)}; check frames of reference and registration."
        )
    shift = _center(other, grid) - _center(base, grid)
    return MapComparison(
        geometry=grid, regions=tuple(found), gamma=gamma, center_shift_mm=tuple(float(part) for part in shift),
        covered_share=float(np.count_nonzero(compared)) / compared.size, reference_gy=base, evaluated_gy=other, difference_gy=other - base,
        compared=compared, occupancies=occupancies,
        warnings=(*warnings, *_map_warnings(reference, evaluated, first, second, criteria, shift),
            *_noise_warnings(reference, found), *_noise_warnings(evaluated, found), *(text for item in found for text in item.warnings)),
    )  # fmt: skip


def _compare_region(
    region: Region, share: np.ndarray, reference, evaluated, grid: ImageGeometry, gamma: GammaResult, same_activity
) -> RegionComparison:
    inside = share > 0
    weight, numbers, spreads, own, histograms, doses, shifts = share[inside].astype(float), [], [], [], [], [], {}
    for which, part in (reference, evaluated):
        dose = part.dose_gy[inside].astype(float)
        uncertainty = _uncertainty_inside(which, part, region.name, inside)
        histogram = region_histogram(dose, weight, region.name, grid.spacing_mm, uncertainty)
        spread, bias = statistic_uncertainties(dose, weight, uncertainty)
        if uncertainty.independent_gy is not None:
            shifts[which.name] = NoiseShift(float(np.median(uncertainty.independent_gy)), bias["D98"], bias["D2"])
        unshared = spread
        if same_activity and which.shares_activity:
            unshared, _ = statistic_uncertainties(dose, weight, replace(uncertainty, relative=0.0))
        for into, item in zip(
            (numbers, spreads, own, histograms, doses), (statistics_of(histogram), spread, unshared, histogram, dose)
        ):
            into.append(item)
    coverage = min(1.0, float(weight.sum()) * grid.voxel_volume_ml / region.volume_ml)
    values = {
        name: compared_value(numbers[0][name], spreads[0][name], numbers[1][name], spreads[1][name], (own[0][name], own[1][name]))
        for name in STATISTICS
    }
    judged = (share >= _HALF) & gamma.evaluated
    count = int(np.count_nonzero(judged))
    warnings = []
    if coverage < _FULL_COVERAGE:
        warnings.append(f"{region.name}: {warned('region_partly_compared', percent=100 * (1 - coverage))}")
    mean = values["mean"]
    if mean.reference_gy > 0 and not 1 / _MOST_RATIO < mean.evaluated_gy / mean.reference_gy < _MOST_RATIO:
        warnings.append(f"{region.name}: {warned('means_far_apart', factor=mean.evaluated_gy / mean.reference_gy)}")
    warnings += histograms[0].warnings
    return RegionComparison(
        name=region.name,
        volume_ml=float(weight.sum()) * grid.voxel_volume_ml,
        coverage=coverage,
        values=values,
        root_mean_square_gy=float(np.sqrt(weight @ (doses[1] - doses[0]) ** 2 / weight.sum())),
        gamma_pass_percent=float(100 * np.count_nonzero(gamma.gamma[judged] <= 1 + 1e-6) / count) if count else None,
        gamma_voxels=count,
        reference_histogram=histograms[0],
        evaluated_histogram=histograms[1],
        noise=shifts,
        warnings=tuple(warnings),
    )


def _uncertainty_inside(which: ComparedMap, part: GriddedDose, region: str, inside: np.ndarray) -> VoxelUncertainty:
    voxels = None if part.uncertainty_gy is None else part.uncertainty_gy[inside].astype(float)
    independent = which.uncertainty_of_voxels == "independent"
    return VoxelUncertainty(
        independent_gy=voxels if independent else None,
        common_gy=None if independent else voxels,
        relative=which.relative_of(region),
        voxels_per_sample=part.voxels_per_sample,
    )


def _noise_warnings(which: ComparedMap, found: Sequence[RegionComparison]) -> list[str]:
    """Noise of single voxels widens a histogram: it lowers D98 and minimum, raises D2 and maximum, and leaves the mean."""
    noisy = []
    for item in found:
        mean, noise = item.reference_histogram.mean_gy, item.noise.get(which.name)
        if noise is None or mean <= 0:
            continue
        if noise.voxel_gy >= _NOISE_TO_MENTION * mean or max(abs(noise.d98_gy), abs(noise.d2_gy)) >= _SHIFT_TO_MENTION * mean:
            noisy.append(f"{item.name} ({100 * noise.voxel_gy / mean:.2g} % of the mean)")
    if not noisy:
        return []
    return [warned("voxel_noise_moves_histograms", name=which.name, regions=", ".join(noisy))]


def _map_warnings(
    reference: ComparedMap, evaluated: ComparedMap, first: GriddedDose, second: GriddedDose, criteria: GammaCriteria, shift
) -> list[str]:
    warnings = [*reference.warnings, *evaluated.warnings]
    above = first.dose_gy >= criteria.threshold_percent / 100 * first.dose_gy.max()
    lost = np.count_nonzero(above & ~second.inside) / np.count_nonzero(above)
    if lost > 0:
        warnings.append(
            warned(
                "map_does_not_cover",
                evaluated=evaluated.name,
                percent=max(100 * lost, 0.1),
                reference=reference.name,
                threshold=criteria.threshold_percent,
            )
        )
    frames = reference.frame_of_reference_uid, evaluated.frame_of_reference_uid
    if all(frames) and frames[0] != frames[1]:
        warnings.append(warned("frames_of_reference_differ"))
    if all((reference.patient, evaluated.patient)) and reference.patient != evaluated.patient:
        warnings.append(warned("patient_ids_differ"))
    if all((reference.nuclide, evaluated.nuclide)) and reference.nuclide != evaluated.nuclide:
        warnings.append(warned("nuclides_differ", reference=reference.nuclide, evaluated=evaluated.nuclide))
    for which in (reference, evaluated):
        if which.kind != "run" and which.dose.uncertainty_gy is None:
            warnings.append(warned("voxel_noise_not_given", name=which.name))
    if second.voxels_per_sample > 1.5:
        warnings.append(
            warned("voxels_of_other_size", evaluated=evaluated.name, factor=second.voxels_per_sample, reference=reference.name)
        )
    distance, side = float(np.linalg.norm(shift)), min(reference.dose.geometry.spacing_mm)
    if distance > side / 2:
        warnings.append(warned("centers_apart", distance=distance))
    return warnings


def _center(dose: np.ndarray, grid: ImageGeometry) -> np.ndarray:
    """Center of the dose, LPS (x, y, z) in mm."""
    total = float(dose.sum(dtype=float))
    index = [
        float(np.arange(dose.shape[axis]) @ dose.sum(axis=tuple(a for a in range(3) if a != axis), dtype=float)) / total
        for axis in range(3)
    ]
    return (grid.index_to_lps @ np.array([*index[::-1], 1.0]))[:3]
