"""The steps of the road, each a function from frozen results to a frozen result."""

import math
from dataclasses import replace

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, part, silent
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.dose import (
    DensityMap,
    DoseMap,
    RegionDose,
    density_from_hounsfield,
    dose_map,
    dose_volume_histogram,
    self_dose,
)
from RNTDosimetryLib.dose.maps import photon_dose_gy
from RNTDosimetryLib.images import CtImage, ImageGeometry, Region, occupancy_on_grid, resample_activity
from RNTDosimetryLib.images.resampling import resample_array
from RNTDosimetryLib.kinetics import KineticFit, fit_time_activity, later_cycle, single_time_point, two_points
from RNTDosimetryLib.kinetics.few_points import LATER_CYCLE
from RNTDosimetryLib.kinetics.voxels import fit_voxels
from RNTDosimetryLib.kinetics.voxels.shared import SharedShape
from RNTDosimetryLib.measurement import RegionActivity, TimeActivityCurve, measure_activity, time_activity_curve
from RNTDosimetryLib.roads.therapy.images import EarlierCurves, Scan, StudyImages
from RNTDosimetryLib.roads.therapy.request import RegionSettings, Study, StudySettings
from RNTDosimetryLib.roads.therapy.result import Alignment, RegionResult, TiaMap
from RNTDosimetryLib.roads.therapy.uncertainty import DoseDoubt, dose_doubt, dose_range_gy, has_recovery, with_doubts

REMAINDER = "remainder"
"""The voxels outside all regions: they have a curve of their own in the map."""

_FEW_SCANS = 2
_FULL_COVERAGE = 0.999
_NEARLY_ALL = 0.95


def measure(images: StudyImages, alignments: tuple[Alignment, ...], settings: StudySettings) -> tuple[TimeActivityCurve, ...]:
    """Time-activity curve of every region, each scan measured on its own grid, in the order of ``images.regions``."""
    matrices = [np.asarray(alignment.matrix) for alignment in alignments]
    occupancies = [
        {region.name: occupancy_on_grid(region, scan.activity.geometry, np.linalg.inv(matrix)) for region in images.regions}
        for scan, matrix in zip(images.scans, matrices)
    ]
    by_scan = [_measured(images, *of_scan, settings) for of_scan in zip(images.scans, matrices, occupancies)]
    curves = [_with_scan_uncertainty(time_activity_curve(measurements), settings) for measurements in zip(*by_scan)]
    return with_doubts(curves, images, occupancies, alignments, settings)


def _measured(images: StudyImages, scan: Scan, matrix: np.ndarray, occupancies, settings: StudySettings) -> list[RegionActivity]:
    """All regions in one scan; each knows where the others lie, so that what spills in from them is not taken for noise."""
    return [
        measure_activity(
            scan.activity,
            region,
            matrix,
            resolution_fwhm_mm=settings.spect_resolution_fwhm_mm,
            default_density_g_ml=settings.density_g_ml,
            occupancies=occupancies,
        )
        for region in images.regions
    ]


def _with_scan_uncertainty(curve: TimeActivityCurve, settings: StudySettings) -> TimeActivityCurve:
    if curve.uncertainties_mbq is None:
        return curve
    noise_and_scan = (
        math.hypot(noise, settings.scan_uncertainty * activity)
        for noise, activity in zip(curve.uncertainties_mbq, curve.activities_mbq)
    )
    return replace(curve, uncertainties_mbq=tuple(noise_and_scan))


def fit(
    curves: tuple[TimeActivityCurve, ...], nuclide: str, study: Study, earlier: EarlierCurves | None = None
) -> tuple[KineticFit, ...]:
    """Fit of every curve, with the model of the region where one was chosen, else the study's. earlier: curves of an earlier cycle.

    Raises DosimetryError for a single scan where neither a half-life nor a model for one scan was chosen.
    """
    known = {} if earlier is None else earlier.fits
    fits = []
    for curve in curves:
        found = fit_curve(curve, nuclide, study.settings.model, study.typed(curve.region), known.get(curve.region))
        if earlier is not None and found.model != LATER_CYCLE:
            found = replace(found, warnings=(*found.warnings, warned("earlier_curve_not_used")))
        fits.append(found)
    return tuple(fits)


def fit_curve(
    curve: TimeActivityCurve,
    nuclide: str,
    model: str,
    typed: RegionSettings | None = None,
    earlier: KineticFit | None = None,
) -> KineticFit:
    """Fit of one curve. typed: what was typed of its region, which comes before ``model``. earlier: fit of the region in an earlier cycle.

    Two scans or one of the model "auto" take a typed half-life, else the earlier cycle's curve.
    """
    model = (typed.model if typed is not None else None) or model
    half_life_h = typed.effective_half_life_h if typed is not None else None
    uncertainties = _usable(curve.uncertainties_mbq, curve)
    few = len(curve.times_h) <= _FEW_SCANS and model == "auto"
    if few and half_life_h is None and earlier is not None:
        return later_cycle(curve.times_h, curve.activities_mbq, nuclide, earlier, uncertainties)
    if few and half_life_h is not None and len(curve.times_h) == _FEW_SCANS:
        return two_points(curve.times_h, curve.activities_mbq, nuclide, uncertainties, effective_half_life_h=half_life_h)
    if len(curve.times_h) > 1:
        return fit_time_activity(curve.times_h, curve.activities_mbq, nuclide, uncertainties, model=model)
    sample = (curve.times_h[0], curve.activities_mbq[0], nuclide)
    uncertainty = None if uncertainties is None else uncertainties[0]
    if half_life_h is not None:
        return single_time_point(*sample, method="madsen", effective_half_life_h=half_life_h, uncertainty_mbq=uncertainty)
    if model == "hanscheid":
        return single_time_point(*sample, method="hanscheid", uncertainty_mbq=uncertainty)
    if model == "auto":
        raise DosimetryError(
            f"Expected scans at two times or more for {curve.region}, received one at {curve.times_h[0]:.4g} h; type its "
            "effective_half_life_h (an earlier cycle's or a population's), name the earlier_results that hold it, or choose the model hanscheid or physical."
        )
    return fit_time_activity(curve.times_h, curve.activities_mbq, nuclide, uncertainties, model=model)


def _usable(uncertainties, curve: TimeActivityCurve):
    """A region of one voxel has no spread of its own, and a noise-free image has none at all: then nothing is known."""
    if uncertainties is None or not all(math.isfinite(value) and value > 0 for value in uncertainties):
        return None
    return uncertainties


def integrate_voxels(
    images: StudyImages,
    alignments: tuple[Alignment, ...],
    fits: tuple[KineticFit, ...],
    settings: StudySettings,
    progress: Progress = silent,
) -> TiaMap:
    """Time-integrated activity of every voxel on the activity grid of the reference scan.

    With "shared", a voxel follows the curve of the smallest region that holds it, scaled to its own values; the rest of the
    body follows its own mean curve. With ``map_follows_regions`` the voxels of each region are then scaled to its recovery-corrected
    mean; what blur has carried out of it stays where it is. A region that is mostly other regions is left as it is.
    """
    geometry = images.scans[images.reference_index].activity.geometry
    times_h = [scan.start_h for scan in images.scans]
    frames, covered, active = [], np.ones(geometry.size, dtype=bool), np.zeros(geometry.size, dtype=bool)
    for index, (scan, alignment) in enumerate(zip(images.scans, alignments)):
        progress(0.5 * index / len(images.scans), f"Resampling {scan.name}")
        moved = resample_activity(scan.activity, geometry, alignment.matrix)
        frames.append(moved.image.concentration_bq_ml)
        covered &= moved.inside
        active |= moved.image.concentration_bq_ml > 0
    occupancies = region_occupancies(images.regions, geometry)
    labels = _labels(images.regions, occupancies, covered)
    progress(0.6, "Fitting the voxels")
    options = {
        "mask": covered & active,
        "progress": lambda fraction, *_: part(progress, 0.6, 1.0)(fraction, "Fitting the voxels"),
    }
    if settings.voxel_model == "shared":
        labels = np.where(active, labels, 0)
        shapes = {index + 1: _shape_of(found) for index, found in enumerate(fits) if np.any(labels == index + 1)}
        remainder = len(images.regions) + 1
        if np.any(labels == remainder):
            shapes[remainder] = _shape_of(_remainder_fit(times_h, frames, labels == remainder, images.nuclide))
        options |= {"regions": labels, "region_rates": shapes}
    followed = {}
    if settings.map_follows_regions or settings.voxel_model == "shared":
        followed = _followed(images.regions, fits, labels, occupancies, covered, settings.map_follows_regions)
    if followed:
        options |= {"regions": labels, "conserve_region_tia": True, "region_tia_mbq_h_ml": followed}
        if settings.voxel_model != "shared":
            options["regions"] = np.where(np.isin(labels, list(followed)), labels, 0)
    voxel_fit = fit_voxels(times_h, frames, images.nuclide, model=settings.voxel_model, **options)
    coverage = {
        region.name: float((occupancy * covered).sum(dtype=float) / max(occupancy.sum(dtype=float), 1e-30))
        for region, occupancy in zip(images.regions, occupancies)
    }
    warnings = tuple(
        warned("outside_common_field_of_view", region=name, share=100 * (1 - share))
        for name, share in coverage.items()
        if share < _FULL_COVERAGE
    )
    if followed:
        warnings += _said_of_following(images.regions, followed, voxel_fit.region_discrepancy, settings.map_follows_regions)
        voxel_fit = replace(voxel_fit, warnings=tuple(text for text in voxel_fit.warnings if not text.startswith("Region ")))
    return TiaMap(geometry, voxel_fit.tia_mbq_h_ml, covered, voxel_fit, coverage, warnings + voxel_fit.warnings)


def _followed(regions, fits, labels, occupancies, covered, follow_all: bool) -> dict[int, float]:
    """Label -> TIA concentration of the region in MBq*h/mL, of the regions whose voxels are nearly all their own."""
    found = {}
    for index, (region, fit, occupancy) in enumerate(zip(regions, fits, occupancies)):
        if not follow_all and fit.rates_per_h:
            continue
        own, all_of_it = np.count_nonzero(labels == index + 1), np.count_nonzero((occupancy >= 0.5) & covered)
        if all_of_it and own >= _NEARLY_ALL * all_of_it and fit.tia_mbq_h > 0:
            # A curve without rates, as the trapezoid, gives the voxels its integral only, so it is always followed: by what was measured.
            corrected = 1.0 if follow_all else region.recovery_coefficient
            found[index + 1] = corrected * fit.tia_mbq_h / region.volume_ml
    return found


def _said_of_following(regions, followed: dict[int, float], discrepancy: dict[int, float], all_follow: bool) -> tuple[str, ...]:
    said = []
    if all_follow:
        said.append(
            warned("map_follows_regions", corrected=", with recovery correction" if all(map(has_recovery, regions)) else "")
        )
    for index, region in enumerate(regions):
        if index + 1 in followed and index + 1 in discrepancy:
            said.append(warned("voxels_scaled", region=region.name, factor=1 / (1 + discrepancy[index + 1])))
        elif all_follow:
            said.append(warned("voxels_not_scaled", region=region.name))
    return tuple(said)


def region_occupancies(regions: tuple[Region, ...], geometry: ImageGeometry) -> list[np.ndarray]:
    """Share of every voxel of a grid in the frame of the regions, (z, y, x) float32, one for each region."""
    return [occupancy_on_grid(region, geometry) for region in regions]


def _labels(regions, occupancies, covered: np.ndarray) -> np.ndarray:
    """Which curve each voxel follows: that of the smallest region it lies in, so that a lesion is not lost in its organ."""
    labels = np.where(covered, len(regions) + 1, 0).astype(np.int16)
    for index in sorted(range(len(regions)), key=lambda number: -regions[number].volume_ml):
        labels[(occupancies[index] >= 0.5) & covered] = index + 1
    return labels


def _shape_of(found: KineticFit) -> SharedShape:
    """The whole curve of a region as one shape, so that only its height is left to the voxel."""
    if found.tia_mbq_h <= 0 or not found.rates_per_h:
        return SharedShape.free(found.decay_constant_per_h, name="physical")
    return SharedShape.of_fit(found, one_amplitude=True)


def _remainder_fit(times_h, frames, inside: np.ndarray, nuclide: str) -> KineticFit:
    means = [float(frame[inside].mean(dtype=float)) for frame in frames]
    return fit_time_activity(times_h, means, nuclide, model="auto" if len(times_h) > 1 else "physical")


def deposit(tia: TiaMap, nuclide: str, settings: StudySettings, ct: CtImage | None = None) -> DoseMap:
    """Absorbed dose of every voxel. ct: of the reference scan, needed when the density is to come from it."""
    density = _density_on(tia.geometry, ct) if settings.density_from_ct else settings.density_g_ml
    return dose_map(
        np.maximum(tia.tia_mbq_h_ml, 0), tia.geometry.spacing_mm, nuclide, method=settings.dose_method, density_g_ml=density
    )


def _density_on(geometry: ImageGeometry, ct: CtImage | None) -> DensityMap:
    """Density of the CT on the grid of the dose map: converted first, then interpolated, because density is what adds up."""
    if ct is None:
        raise DosimetryError("Expected a CT of the reference scan for the density, found none; set density_from_ct to false.")
    found = density_from_hounsfield(ct)
    air = float(np.min(found.density_g_ml))
    values = resample_array(np.asarray(found.density_g_ml), ct.geometry, geometry, outside=air)
    return replace(found, density_g_ml=np.maximum(values, air))


def assess(
    images: StudyImages,
    curves: tuple[TimeActivityCurve, ...],
    fits: tuple[KineticFit, ...],
    tia: TiaMap,
    dose: DoseMap,
    settings: StudySettings,
) -> tuple[RegionResult, ...]:
    """Dose of every region with its uncertainty, next to what the dose map says of it."""
    occupancies = region_occupancies(images.regions, tia.geometry)
    photons = photon_dose_gy(np.maximum(tia.tia_mbq_h_ml, 0), tia.geometry.spacing_mm, images.nuclide, settings.density_g_ml)
    return tuple(
        _assess_region(images, region, curve, found, occupancy, dose, float(np.average(photons, weights=occupancy)), settings)
        for region, curve, found, occupancy in zip(images.regions, curves, fits, occupancies)
    )


def _assess_region(images, region, curve, found, occupancy, dose, photon_gy, settings) -> RegionResult:
    tia_uncertainty = found.tia_uncertainty_with(curve.systematic_relative_uncertainty)
    own, doubt = _own_dose(images, region, curve, found, settings)
    total = _with_cross_dose(own, photon_gy)
    local = _local_dose(images.nuclide, region, curve, found, settings)
    low_high = dose_range_gy(total.dose_gy, curve, found, doubt)
    histogram = dose_volume_histogram(dose, occupancy, name=region.name)
    administered = images.administered_activity_mbq
    warnings = [*curve.warnings, *(f"{region.name}: {text}" for text in found.warnings), *own.warnings, *histogram.warnings]
    if tia_uncertainty is None:
        warnings.append(warned("tia_uncertainty_not_known", region=region.name))
    return RegionResult(
        name=region.name,
        kind=region.kind,
        volume_ml=curve.volume_ml,
        mass_g=curve.mass_g,
        recovery_coefficient=region.recovery_coefficient,
        recovery_coefficient_uncertainty=region.recovery_coefficient_uncertainty,
        recovery_source=_recovery_source(region),
        curve=curve,
        fit=found,
        tia_mbq_h=found.tia_mbq_h,
        tia_uncertainty_mbq_h=tia_uncertainty,
        dose=total,
        self_dose=own,
        local=local,
        map_mean_gy=histogram.mean_gy,
        histogram=histogram,
        dose_per_activity_gy_per_gbq=None if not administered else total.dose_gy / administered * 1000.0,
        time_integrated_activity_coefficient_h=None if not administered else found.tia_mbq_h / administered,
        uncertainty_parts=doubt.parts,
        not_included=doubt.not_included,
        dose_low_gy=None if low_high is None else low_high[0],
        dose_high_gy=None if low_high is None else low_high[1],
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _recovery_source(region: Region) -> str:
    return "curve" if region.recovery_volume_sensitivity else "typed" if has_recovery(region) else "none"


def preview_dose(
    images: StudyImages,
    region: Region,
    curve: TimeActivityCurve,
    found: KineticFit,
    settings: StudySettings,
    photons_elsewhere_gy: float,
) -> RegionDose:
    """Dose of one region with another fit before the maps are made anew: the photons from elsewhere stay as they were."""
    own, _doubt = _own_dose(images, region, curve, found, settings)
    return _with_cross_dose(own, own.parts["photons"] + photons_elsewhere_gy)


def _own_dose(images, region, curve, found, settings) -> tuple[RegionDose, DoseDoubt]:
    own = self_dose(
        found.tia_mbq_h, images.nuclide, curve.mass_g, region=region.name, density_g_ml=curve.mass_g / curve.volume_ml
    )
    doubt = dose_doubt(region, curve, found, images.nuclide, own.mass_exponent, settings)
    return _with_uncertainty(own, doubt), doubt


def _with_uncertainty(dose: RegionDose, doubt: DoseDoubt) -> RegionDose:
    return replace(dose, dose_uncertainty_gy=None if doubt.relative is None else doubt.relative * dose.dose_gy)


def _with_cross_dose(own: RegionDose, photon_gy: float) -> RegionDose:
    """Electrons from the region's own TIA, photons from everything in the field of view.

    The sphere knows nothing of the neighbors; the photon map does, and it holds the region's own photons with its true shape.
    """
    elsewhere = max(0.0, photon_gy - own.parts["photons"])
    dose_gy = own.dose_gy + elsewhere
    relative = None if own.dose_uncertainty_gy is None or own.dose_gy <= 0 else own.dose_uncertainty_gy / own.dose_gy
    return replace(
        own,
        dose_gy=dose_gy,
        dose_uncertainty_gy=None if relative is None else relative * dose_gy,
        method=f"{own.method}, and photons from elsewhere by the photon kernel",
        parts={**own.parts, "photons from elsewhere": elsewhere},
    )


def _local_dose(nuclide: str, region: Region, curve: TimeActivityCurve, found: KineticFit, settings: StudySettings) -> RegionDose:
    """Local deposition for a region: the energy of electrons and alphas stays in its mass, photons are left out."""
    concentration = np.full((1, 1, 1), found.tia_mbq_h / curve.mass_g)
    one = dose_map(concentration, (1.0, 1.0, 1.0), nuclide, method="local", density_g_ml=1.0)
    dose = RegionDose(
        region=region.name,
        mass_g=curve.mass_g,
        tia_mbq_h=found.tia_mbq_h,
        dose_gy=one.mean_gy,
        dose_uncertainty_gy=None,
        nuclide=nuclide,
        method="local deposition of the region's TIA",
        warnings=one.warnings,
    )
    return _with_uncertainty(dose, dose_doubt(region, curve, found, nuclide, 1.0, settings, by_s_value=False))
