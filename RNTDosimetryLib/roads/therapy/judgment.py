"""What cannot be: more activity in the images than was administered, activity that appears between scans, more decays than atoms."""

import math
from dataclasses import dataclass, replace

from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import kind_of, warned
from RNTDosimetryLib.dose import bed_uncertainty, bed_with_factor, eqd2, lea_catcheside_factor
from RNTDosimetryLib.kinetics import KineticFit
from RNTDosimetryLib.measurement import check_total_activity, expected_share, total_activity_mbq
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.roads.therapy.images import StudyImages
from RNTDosimetryLib.roads.therapy.request import RegionSettings, Study

_CREDIBLE_RISE = 1.25
_CREDIBLE_DENSITIES_G_ML = (0.2, 2.0)
_STRONG_CORRECTION, _LARGE_UNCERTAINTY = 0.3, 0.3
_MAP_AGREES_WITHIN = 0.25


@dataclass(frozen=True)
class ScanBalance(Record):
    """Activity in the whole image of one scan, and what decay alone has left of the administered activity.

    image_mbq: sum over the image, at the start of acquisition. expected_mbq, ratio: None when the administered activity is not known.
    """

    scan: str
    start_h: float
    image_mbq: float
    expected_mbq: float | None = None
    ratio: float | None = None
    warnings: tuple[str, ...] = ()


def scan_balances(images: StudyImages) -> tuple[ScanBalance, ...]:
    """Balance of every scan, in the order of time, with a warning for what cannot be.

    More activity than was administered, beyond twice the calibration's uncertainty (10 % where it is not stated); more or less than the agent
    leaves in a body at that time, as far as the intake has not said so already; or, in a later scan, more than 1.25 times what decay leaves of
    an earlier one: blood and urine may bring some into the field of view, not more.
    """
    said = {kind.code for text in images.warnings if (kind := kind_of(text)) is not None}
    decay_per_h = get_nuclide(images.nuclide).decay_constant_per_h
    balances: list[ScanBalance] = []
    for scan in images.scans:
        total_mbq, expected_mbq, ratio, warnings = total_activity_mbq(scan.activity), None, None, []
        if images.administered_activity_mbq is not None:
            found = check_total_activity(scan.activity, images.administered_activity_mbq, nuclide=images.nuclide)
            expected_mbq, ratio = found.expected_mbq, found.ratio
            if not found.agrees:
                warnings.append(warned("holds_more_than_decay_leaves", name=scan.name, total=total_mbq, ratio=ratio))
            else:
                share = expected_share(images.radiopharmaceutical, max(scan.start_h, 0.0))
                text = share.warning(scan.name, total_mbq, expected_mbq, scan.start_h, scan.activity.calibration_uncertainty)
                kind = kind_of(text) if text else None
                if kind is not None and kind.code not in said:
                    warnings.append(text)
        for earlier in balances:
            left_mbq = earlier.image_mbq * math.exp(-decay_per_h * (scan.start_h - earlier.start_h))
            if earlier.image_mbq > 0 and total_mbq > _CREDIBLE_RISE * left_mbq:
                warnings.append(warned("activity_appears", name=scan.name, ratio=total_mbq / left_mbq, earlier=earlier.scan))
                break
        balances.append(ScanBalance(scan.name, scan.start_h, total_mbq, expected_mbq, ratio, tuple(warnings)))
    return tuple(balances)


def decay_warnings(regions, nuclide: str, administered_activity_mbq: float | None) -> tuple[str, ...]:
    """A sentence for every region in which more decays are counted than the administered activity can give: TIA > A / lambda."""
    if not administered_activity_mbq:
        return ()
    most_mbq_h = administered_activity_mbq / get_nuclide(nuclide).decay_constant_per_h
    return tuple(
        warned("more_decays_than_atoms", region=item.name, ratio=item.tia_mbq_h / most_mbq_h)
        for item in regions
        if item.tia_mbq_h > most_mbq_h
    )


_NO_MATTER = 0.01


def recovery_warnings(regions) -> tuple[str, ...]:
    """One sentence for all regions that have no recovery coefficient, those first that blur changes most; none where it changes nothing."""
    at_risk = [item for item in regions if (found := item.curve.unknown_recovery) and found.relative_uncertainty >= _NO_MATTER]
    if not at_risk:
        return ()
    at_risk.sort(key=lambda item: -item.curve.unknown_recovery.relative_uncertainty)
    resolution = at_risk[0].curve.unknown_recovery.resolution
    return (
        warned(
            "recovery_not_given",
            fwhm=resolution.fwhm_mm,
            low=resolution.low_mm,
            high=resolution.high_mm,
            origin=_ORIGINS[resolution.origin],
            regions=", ".join(_at_risk(item) for item in at_risk),
        ),
    )


_ORIGINS = {"given": "as entered", "from the image": "by the borders of the regions", "usual": "usual for such images"}


def _at_risk(item) -> str:
    found = item.curve.unknown_recovery
    volume = f"{item.volume_ml:.0f}" if item.volume_ml >= 100 else f"{item.volume_ml:.3g}"
    return f"{item.name} ({volume} mL) {found.low:.2f} to {found.high:.2f}"


def region_warnings(regions, study: Study) -> tuple[str, ...]:
    """What was typed of a region and can hardly be meant, and where the dose map says something else than the region's dose."""
    return tuple(text for item in regions for text in (*_typed_warnings(item, study), *_map_warnings(item, study)))


def _typed_warnings(item, study: Study) -> list[str]:
    typed, found = study.typed(item.name) or RegionSettings(), []
    density_g_ml = item.mass_g / item.volume_ml
    if not _CREDIBLE_DENSITIES_G_ML[0] <= density_g_ml <= _CREDIBLE_DENSITIES_G_ML[1]:
        found.append(
            warned("density_not_believable", region=item.name, mass=item.mass_g, volume=item.volume_ml, density=density_g_ml)
        )
    if item.recovery_source == "typed":
        if item.recovery_coefficient < _STRONG_CORRECTION:
            found.append(
                warned(
                    "small_recovery_entered",
                    region=item.name,
                    value=item.recovery_coefficient,
                    factor=1 / item.recovery_coefficient,
                )
            )
        if item.recovery_coefficient_uncertainty > _LARGE_UNCERTAINTY * item.recovery_coefficient:
            found.append(
                warned(
                    "uncertain_recovery_entered",
                    region=item.name,
                    value=item.recovery_coefficient,
                    uncertainty=item.recovery_coefficient_uncertainty,
                )
            )
    if typed.effective_half_life_h is not None and len(item.curve.times_h) > 1:
        found.append(warned("half_life_not_used", region=item.name, hours=typed.effective_half_life_h))
    return found


def _map_warnings(item, study: Study) -> list[str]:
    """The map holds no recovery correction unless it follows the regions, and no typed mass: both are looked for here."""
    expected_gy = item.dose.dose_gy * (1.0 if study.settings.map_follows_regions else item.recovery_coefficient)
    if expected_gy <= 0 or abs(item.map_mean_gy / expected_gy - 1) <= _MAP_AGREES_WITHIN:
        return []
    without = "" if study.settings.map_follows_regions or item.recovery_coefficient == 1.0 else ", without recovery correction,"
    return [warned("map_differs_from_region", region=item.name, mean=item.map_mean_gy, without=without, expected=expected_gy)]


@dataclass(frozen=True)
class BiologicalDose(Record):
    """BED and EQD2 of one region, Gy, from its mean dose; linear-quadratic model with mono-exponential repair.

    protraction_factor: G of Lea and Catcheside of the fitted curve, all its exponentials. uncertainty: of the absorbed dose
    alone, 1 sigma; None where that is not known. Alphas are without RBE.
    """

    bed_gy: float
    bed_uncertainty_gy: float | None
    eqd2_gy: float
    protraction_factor: float
    alpha_beta_gy: float
    repair_half_time_h: float


def with_biological_dose(regions, study: Study) -> tuple:
    """The region results with the BED of those for which alpha/beta and repair half-time were typed; a warning where it cannot be given."""
    return tuple(_with_biological_dose(item, study.typed(item.name)) for item in regions)


def _with_biological_dose(item, typed: RegionSettings | None):
    if typed is None or (typed.alpha_beta_gy is None and typed.repair_half_time_h is None):
        return item
    missing = _missing(item.fit, typed)
    if missing:
        return replace(item, warnings=(*item.warnings, warned("no_biological_dose", region=item.name, reason=missing)))
    factor = lea_catcheside_factor(item.fit.amplitudes_mbq, item.fit.rates_per_h, typed.repair_half_time_h)
    bed_gy = bed_with_factor(item.dose.dose_gy, factor, typed.alpha_beta_gy)
    spread = item.dose.dose_uncertainty_gy
    biological = BiologicalDose(
        bed_gy=bed_gy,
        bed_uncertainty_gy=None if spread is None else bed_uncertainty(item.dose.dose_gy, spread, factor, typed.alpha_beta_gy),
        eqd2_gy=eqd2(bed_gy, typed.alpha_beta_gy),
        protraction_factor=factor,
        alpha_beta_gy=typed.alpha_beta_gy,
        repair_half_time_h=typed.repair_half_time_h,
    )
    return replace(item, biological=biological)


def _missing(fit: KineticFit, typed: RegionSettings) -> str:
    if typed.alpha_beta_gy is None:
        return "a repair half-time was typed without alpha/beta; type both"
    if typed.repair_half_time_h is None:
        return "alpha/beta was typed without a repair half-time; type both"
    if not fit.rates_per_h or fit.tia_mbq_h <= 0:
        return f"the model {fit.model} has no rates; choose one of exponentials"
    return ""
