"""From stored pixel values to the true activity concentration at the start of acquisition."""

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.intake.series import FoundObject
from RNTDosimetryLib.intake.tags import element_value, number_of

_MAPPING_AGREEMENT = 1e-3
_HALF_LIFE_AGREEMENT = 0.01


@dataclass(frozen=True)
class UnitMeaning:
    """kind: "concentration" (factor to Bq/mL), "suv", "counts", "count_rate", or "unknown" with the reason."""

    kind: str
    factor: float = 1.0
    reason: str = ""


@dataclass(frozen=True)
class ValueScale:
    """value = slope * stored + intercept, in ``unit``."""

    slope: float
    intercept: float
    unit: str
    source: str


def unit_meaning(unit: str) -> UnitMeaning:
    """What a unit name of an image file means (Resources/images/units.json)."""
    table = _units()
    key = "".join(unit.lower().split())
    if key in table["concentration"]:
        return UnitMeaning("concentration", float(table["concentration"][key]))
    if key in table["counts"]:
        return UnitMeaning("counts")
    if key in table["suv"]:
        return UnitMeaning("suv")
    if key in table["count_rate"]:
        return UnitMeaning("count_rate")
    return UnitMeaning("unknown", reason=table["refused"].get(key, "a unit that is not known here"))


@lru_cache(maxsize=1)
def _units() -> dict:
    return read_json("images", "units.json")


@lru_cache(maxsize=1)
def _nuclide_codes() -> dict:
    return read_json("images", "radionuclide_codes.json")


def nuclide_from_text(text: str) -> str | None:
    """Name such as "Lu-177" from a DICOM code value, a code meaning ("^177^Lutetium") or a free text ("177Lu-DOTATATE")."""
    table = _nuclide_codes()
    text = text.strip()
    if text in table["codes"]:
        return table["codes"][text]
    plain = text.replace("^", " ").replace("[", " ").replace("]", " ")
    elements = {name.lower(): symbol for name, symbol in table["elements"].items()}
    symbols = {symbol.lower(): symbol for symbol in elements.values()}
    for pattern, mass_group, element_group in (
        (r"(?<![a-z0-9])(\d{1,3}m?)[\s\-]*([a-z]+)", 1, 2),
        (r"(?<![a-z])([a-z]+)[\s\-]*(\d{1,3}m?)(?![a-z0-9])", 2, 1),
    ):
        for match in re.finditer(pattern, plain.lower()):
            name = match[element_group]
            symbol = elements.get(name) or symbols.get(name)
            if symbol:
                return f"{symbol}-{match[mass_group]}"
    return None


def nuclide_from_half_life(text: str, half_life_s: float) -> str | None:
    """The nuclide of an element named in a text ("Lutetium-PSMA-617") whose half-life is within 1 %; None unless exactly one is."""
    from RNTDosimetryLib.nuclides import get_nuclide, list_nuclides

    words = re.findall(r"[a-z]+", text.lower())
    symbols = {symbol for name, symbol in _nuclide_codes()["elements"].items() if name.lower() in words}
    names = [name for name in list_nuclides() if name.split("-")[0] in symbols]
    agreeing = [
        name for name in names if abs(half_life_s / (get_nuclide(name).half_life_h * 3600.0) - 1.0) < _HALF_LIFE_AGREEMENT
    ]
    return agreeing[0] if len(agreeing) == 1 else None


VALUE_SCALES = ("rescale", "mapping", "stored")


def value_scale(item: FoundObject, what: str, choice: str | None = None) -> ValueScale:
    """Slope, intercept and unit of the stored values: from Rescale with Units and a vendor's factor, or from the real-world value mapping.

    When both lead to a concentration and disagree by more than 0.1 %, ``choice`` (rescale, mapping, or stored: the values as they are) must
    tell. A Rescale Slope of 0 says nothing where there is a mapping. A mapping to counts is used where there is no Rescale Slope. Raises DosimetryError.
    """
    if choice not in (None, *VALUE_SCALES):
        raise DosimetryError(f"Expected value_scale to be {', '.join(VALUE_SCALES)}, received '{choice}'.")
    dataset, found = item.header, item.find("unit")
    unit, unit_source = ("", "(0054,1001) Units") if found is None else (str(found.value), found.source)
    if choice == "stored":
        return ValueScale(1.0, 0.0, unit, f"stored values as they are, {unit_source}")
    if item.slice.has_lut and choice is None:
        raise DosimetryError(
            f"Expected values by (0028,1053) Rescale Slope in {what}, received a table for them, (0028,3000) Modality LUT Sequence, in {item.name}; "
            "send the series without it, or type the override value_scale: stored, mapping or rescale if the table is not meant."
        )
    slope, intercept = (
        default if value is None else value for value, default in ((item.slice.slope, 1.0), (item.slice.intercept, 0.0))
    )
    rescale = ValueScale(slope, intercept, unit, f"(0028,1053) Rescale Slope, {unit_source}")
    if choice == "rescale":
        return rescale
    mapping = concentration_mapping(dataset, what)
    if mapping is None:
        counts = None if item.slice.slope is not None else _mapping_of(dataset, what, ("counts", "count_rate"))
        if choice == "mapping" and counts is None:
            raise DosimetryError(f"Expected a real-world value mapping in {what}, found none; take out the override value_scale.")
        return counts or _with_vendor_factor(item, rescale)
    if choice == "mapping" or slope == 0 or unit_meaning(unit).kind != "concentration":
        return mapping
    ours, theirs = unit_meaning(unit).factor, unit_meaning(mapping.unit).factor
    agree = math.isclose(slope * ours, mapping.slope * theirs, rel_tol=_MAPPING_AGREEMENT) and math.isclose(
        intercept * ours, mapping.intercept * theirs, rel_tol=_MAPPING_AGREEMENT, abs_tol=_MAPPING_AGREEMENT * abs(slope * ours)
    )
    if not agree:
        raise DosimetryError(
            f"Expected Rescale Slope and real-world value mapping of {what} to agree, received slopes {slope * ours:.6g} and "
            f"{mapping.slope * theirs:.6g} Bq/mL; type the override value_scale: rescale or mapping."
        )
    return mapping


def _with_vendor_factor(item: FoundObject, rescale: ValueScale) -> ValueScale:
    """Counts that a private element turns into Bq/mL, or into uptake values by weight; a factor of 0 means none."""
    if unit_meaning(rescale.unit).kind != "counts":
        return rescale
    for quantity, unit in (("activity_scale", "BQML"), ("suv_scale", "GML")):
        found = item.find(quantity)
        if found is not None and found.value > 0:
            return ValueScale(
                rescale.slope * found.value, rescale.intercept * found.value, unit, f"(0028,1053) Rescale Slope x {found.source}"
            )
    return rescale


def concentration_mapping(dataset, what: str = "the object") -> ValueScale | None:
    """The mapping item whose unit is a concentration. It applies to stored values, not to rescaled ones (PS3.3 C.7.6.16.2.11).

    Raises DosimetryError for several that differ (for ranges of stored values).
    """
    return _mapping_of(dataset, what, ("concentration",))


def _mapping_of(dataset, what: str, kinds) -> ValueScale | None:
    for path in (
        "RealWorldValueMappingSequence",
        "SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence",
        "PerFrameFunctionalGroupsSequence[0].RealWorldValueMappingSequence",
    ):
        scales = []
        for item in element_value(dataset, path) or []:
            unit = str(element_value(item, "MeasurementUnitsCodeSequence[0].CodeValue") or "")
            slope = item.get("RealWorldValueSlope")
            if slope is None or unit_meaning(unit).kind not in kinds:
                continue
            intercept = item.get("RealWorldValueIntercept", 0.0) or 0.0
            label = f"{what}, real-world value mapping"
            scales.append(
                ValueScale(number_of(slope, label), number_of(intercept, label), unit, "(0040,9096)[0] Real World Value Mapping")
            )
        factors = {
            (scale.slope * unit_meaning(scale.unit).factor, scale.intercept * unit_meaning(scale.unit).factor) for scale in scales
        }
        if len(factors) > 1:
            raise DosimetryError(
                f"Expected one real-world value mapping to a concentration in {what}, received {len(factors)} that differ; "
                "type the override value_scale: rescale, or export with one mapping."
            )
        if scales:
            return scales[0]
    return None


def counts_to_bq_ml(
    meaning: UnitMeaning, voxel_volume_ml: float, duration_s, cps_per_mbq: float | None, bq_per_count: float | None
):
    """Factor from counts (or counts per second) in a voxel to the mean Bq/mL during the acquisition; duration_s may be an array."""
    if bq_per_count is not None:
        return bq_per_count / voxel_volume_ml
    if meaning.kind == "count_rate":
        return 1e6 / (cps_per_mbq * voxel_volume_ml)
    return 1e6 / (cps_per_mbq * np.asarray(duration_s, dtype=float) * voxel_volume_ml)
