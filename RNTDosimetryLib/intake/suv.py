"""Standardized uptake values turned back into Bq/mL, with what each kind of them needs."""

import math

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.intake.administration import BELIEVABLE
from RNTDosimetryLib.intake.decay import within_frames
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.records import Administration
from RNTDosimetryLib.intake.series import FoundSeries
from RNTDosimetryLib.intake.timing import Timing
from RNTDosimetryLib.intake.writer import Writer, believable_injected_mbq, intervals_of, stated

_OVERRIDES = {"weight": "patient_weight_kg", "height": "patient_height_m", "sex": "patient_sex"}


def body_size(suv_type: str, weight_kg: float | None, height_m: float | None, sex: str, what: str) -> float:
    """Size by which a SUV type divides: g for weight and lean mass, cm2 for surface (Resources/images/suv.json).

    Raises DosimetryError for a type that is not known or ambiguous, and when weight, height or sex that it needs is missing.
    """
    types = read_json("images", "suv.json")["types"]
    if suv_type not in types:
        raise DosimetryError(
            f"Expected SUV Type {', '.join(types)} in {what}, received '{suv_type}', whose formula is not certain; type the override unit."
        )
    table = types[suv_type]
    needed = {"weight": weight_kg}
    if suv_type != "BW":
        needed["height"] = height_m
    if "any" not in table:
        needed["sex"] = sex.strip().upper() if sex.strip().upper() in table else None
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise DosimetryError(
            f"Expected the patient's {' and '.join(missing)} for SUV by {suv_type} in {what}, received none; "
            f"type {' and '.join(_OVERRIDES[name] for name in missing)}, or the override unit."
        )
    formula = table.get("any") or table[sex.strip().upper()]
    if "ratio" in formula:
        numerator, constant, slope = formula["ratio"]
        return numerator * weight_kg / (constant + slope * weight_kg / height_m**2)
    size = sum(
        factor * weight_kg**by_weight * (height_m or 1.0) ** by_height for factor, by_weight, by_height in formula["terms"]
    )
    if size <= 0:
        raise DosimetryError(
            f"Expected a believable weight and height for SUV by {suv_type} in {what}, received {weight_kg} kg and {height_m} m."
        )
    return size


def believable(series: FoundSeries, quantity: str) -> float | None:
    """Weight or height in the file; None for one that no person has: in another unit, or a placeholder."""
    value, (low, high) = stated(series, quantity), BELIEVABLE[quantity]
    return value if value is not None and low <= value <= high else None


def suv_size(series: FoundSeries, unit: str, ledger: Ledger, where: str) -> tuple[str, float]:
    """SUV Type of a series and the size that its writer divided by: of the file, of what was entered where the file says none."""
    surface = "cm2" in unit.lower()
    suv_type = str(series.header.get("SUVType", "") or ("BSA" if surface else "BW")).strip().upper()
    weight, height = (believable(series, key) for key in ("patient_weight_kg", "patient_height_m"))
    sex = stated(series, "patient_sex")
    entered = ledger.overrides
    size = body_size(
        suv_type,
        weight or entered.get("patient_weight_kg"),
        height or entered.get("patient_height_m"),
        str(sex or entered.get("patient_sex") or ""),
        where,
    )
    if (suv_type == "BSA") != surface:
        raise DosimetryError(
            f"Expected SUV Type and Units of {where} to agree, received {suv_type} and {unit}; type the override unit."
        )
    return suv_type, size


def refuse_not_corrected(correction: str, where: str) -> None:
    """Raises DosimetryError for uptake values without decay correction: the moment of the activity that they were divided by is not known."""
    if correction == "NONE":
        raise DosimetryError(
            f"Expected uptake values corrected for decay in {where}, received Decay Correction NONE, so the moment of the activity that they were divided by is not known; "
            "type the override decay_correction: START if it was brought to the scan, or ADMIN, or the override unit."
        )


def suv_to_concentration(
    series: FoundSeries,
    unit: str,
    correction: str,
    administration: Administration,
    writer: Writer,
    timing: Timing,
    overrides: dict,
    ledger: Ledger,
    where: str,
):
    """Bq/mL at the start of acquisition for a SUV of 1, of each slice or for all.

    SUV = C / (A / size) with C and A at the same moment, whatever moment the writer corrected both to, so C at the start
    of acquisition is SUV x A decayed to that start / size: with activity, times, half-life and size of the file, because its writer divided by them;
    with what was entered where the file says none. The correction for decay during the frame is that of the writer's nuclide and is made anew.
    """
    suv_type, size = suv_size(series, unit, ledger, where)
    refuse_not_corrected(correction, where)
    intervals = intervals_of(writer, administration, timing, overrides, False, ledger, where)
    (source, seconds), *_ = intervals.items()
    activity = believable_injected_mbq(writer, administration)
    size_unit = "cm2" if "cm2" in unit.lower() else "g"
    ledger.record("SUV by", f"{suv_type}, {size:.6g}", size_unit, "(0054,1006) SUV Type, patient's size", where, "derived")
    ledger.record("decay of the activity behind SUV", seconds / 3600.0, "h", source, where, "derived")
    ledger.warn(warned("values_are_suv", where=where, activity=activity, size=size, size_unit=size_unit, hours=seconds / 3600.0))
    return (
        activity
        * 1e6
        / size
        * math.exp(-writer.decay_per_s * seconds)
        * within_frames(administration, writer, timing, ledger, where)
    )
