"""Biologically effective dose of the regions for which its parameters were typed."""

from dataclasses import dataclass, replace

from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.dose import bed_uncertainty, bed_with_factor, eqd2, lea_catcheside_factor
from RNTDosimetryLib.kinetics import KineticFit
from RNTDosimetryLib.study import RegionSettings, Study


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
        return replace(item, warnings=(*item.warnings, f"{item.name}: no biologically effective dose: {missing}"))
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
