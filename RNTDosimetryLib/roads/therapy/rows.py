"""The regions of a study as rows of the tidy table: results.csv, and what a cohort collects."""

import re

from RNTDosimetryLib.roads.therapy.result import RegionResult, StudyResult
from RNTDosimetryLib.roads.tidy import RegionRow

_SIDES = {"left", "right", "l", "r"}


def region_rows(result: StudyResult, study: str = "") -> tuple[RegionRow, ...]:
    """One row a region, with a row that says why for each that has no dose. study: its name; its title without one."""
    name = study or result.study.title
    common = {
        "study": name,
        "patient": name,
        "nuclide": result.nuclide,
        "radiopharmaceutical": result.radiopharmaceutical,
        "administered_activity_mbq": result.administered_activity_mbq,
    }
    measured = [_row(item, common) for item in result.regions]
    return (*measured, *(RegionRow(region=name, note=f"no dose: {why}", **common) for name, why in result.unmeasured.items()))


def _row(item: RegionResult, common: dict) -> RegionRow:
    curve, dose = item.curve, item.dose
    spread = curve.uncertainties_mbq or (None,) * len(curve.times_h)
    per_activity = item.dose_per_activity_gy_per_gbq
    known = per_activity is not None and dose.dose_uncertainty_gy is not None and dose.dose_gy > 0
    return RegionRow(
        region=item.name,
        kind=item.kind,
        site=site_of(item.name) if item.kind == "organ" else "",
        scans=len(curve.times_h),
        volume_ml=item.volume_ml,
        mass_g=item.mass_g,
        recovery_coefficient=item.recovery_coefficient,
        tia_mbq_h=item.tia_mbq_h,
        tia_uncertainty_mbq_h=item.tia_uncertainty_mbq_h,
        tia_coefficient_h=item.time_integrated_activity_coefficient_h,
        effective_half_life_h=item.fit.effective_half_life_h,
        effective_half_life_uncertainty_h=item.fit.effective_half_life_uncertainty_h,
        model=item.fit.model,
        dose_gy=dose.dose_gy,
        dose_uncertainty_gy=dose.dose_uncertainty_gy,
        dose_per_activity_gy_per_gbq=per_activity,
        dose_per_activity_uncertainty_gy_per_gbq=per_activity * dose.dose_uncertainty_gy / dose.dose_gy if known else None,
        self_dose_gy=item.self_dose.dose_gy,
        local_dose_gy=item.local.dose_gy,
        map_mean_gy=item.map_mean_gy,
        bed_gy=None if item.biological is None else item.biological.bed_gy,
        eqd2_gy=None if item.biological is None else item.biological.eqd2_gy,
        warnings=" | ".join(item.warnings),
        samples=tuple(zip(curve.times_h, curve.activities_mbq, spread)),
        **common,
    )


def site_of(region: str) -> str:
    """The organ of a region's name, without its side: "kidney" of "kidney_left" and "Left Kidney"."""
    words = [word for word in re.split(r"[^0-9a-zà-ÿ]+", region.lower()) if word]
    return " ".join(word for word in words if word not in _SIDES)
