"""Standardized uptake values turned back into Bq/mL, with what each kind of them needs."""

import math

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.records import Administration
from RNTDosimetryLib.intake.tags import find


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
        needed["sex"] = sex if sex in table else None
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise DosimetryError(
            f"Expected the patient's {' and '.join(missing)} for SUV by {suv_type} in {what}, received none; "
            "type patient_weight_kg or patient_height_m, or the override unit."
        )
    formula = table.get("any") or table[sex]
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


def suv_to_concentration(header, unit: str, administration: Administration, start_h: float, ledger: Ledger, where: str) -> float:
    """Bq/mL at the start of acquisition for a SUV of 1.

    SUV = C / (A / size) with C and A at the same moment, whatever moment the writer corrected both to, so C at the start
    of acquisition is SUV x A decayed to that start / size. A is what the file gives, because the writer divided by it.
    """
    from RNTDosimetryLib.nuclides import get_nuclide

    surface = "cm2" in unit.lower()
    suv_type = str(header.get("SUVType", "") or ("BSA" if surface else "BW")).strip().upper()
    weight, height = (_patient_value(header, key, ledger) for key in ("patient_weight_kg", "patient_height_m"))
    size = body_size(suv_type, weight, height, str(header.get("PatientSex", "") or ""), where)
    if (suv_type == "BSA") != surface:
        raise DosimetryError(
            f"Expected SUV Type and Units of {where} to agree, received {suv_type} and {unit}; type the override unit."
        )
    written = find(header, "injected_activity_mbq")
    activity = written.value if written is not None else administration.injected_activity_mbq
    size_unit = "cm2" if surface else "g"
    ledger.record("SUV by", f"{suv_type}, {size:.6g}", size_unit, "(0054,1006) SUV Type, patient's size", where, "derived")
    ledger.warn(
        f"{where}: values are SUV; they were turned into Bq/mL with {activity:g} MBq and {size:.5g} {size_unit}, as their writer must have done"
    )
    return activity * 1e6 / size * math.exp(-get_nuclide(administration.nuclide).decay_constant_per_h * start_h)


def _patient_value(header, key: str, ledger: Ledger) -> float | None:
    found = find(header, key)
    return ledger.overrides.get(key) or (found.value if found is not None else None)
