"""What a header says of an activity series as a whole is looked at: corrections made and not made, slices that should be there, gates, compression."""

from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.intake.headers import words_of
from RNTDosimetryLib.intake.kinds import says_uncorrected
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.series import FoundSeries
from RNTDosimetryLib.intake.sop_classes import NM, WITH_FRAMES
from RNTDosimetryLib.intake.tags import element_value, number_of, tag_label

_THICKNESS_AGREES = 0.02
_NONE = ("NONE", "NO", "OFF", "N", "FALSE", "NOT APPLIED", "NOT CORRECTED", "UNCORRECTED", "0")
_CORRECTIONS = {
    "ATTN": ("AttenuationCorrectionMethod", "AttenuationCorrected"),
    "SCAT": ("ScatterCorrectionMethod", "ScatterCorrected"),
}


def look_at_header(series: FoundSeries, geometry: ImageGeometry, ledger: Ledger, where: str) -> None:
    """Warnings about what the header of a series says; one that cannot be quantitative is named. geometry: of the volume that was found."""
    _corrections(series, ledger, where)
    _completeness(series, geometry.size[0], ledger, where)
    _thickness(series, geometry.spacing_mm[0], ledger, where)
    _gates(series, ledger, where)
    if str(series.header.get("LossyImageCompression", "") or "").strip() == "01":
        ledger.warn(warned("lossy_compression", where=where))


def _corrections(series: FoundSeries, ledger: Ledger, where: str) -> None:
    """Corrected Image (PS3.3 C.8.4.9, C.8.9.1), the methods of PET Series (C.8.9.1), the flags of enhanced PET (C.8.22.6), and the description."""
    listed = [word for word in words_of(series.header, "CorrectedImage") if word]
    why = {word: _why_not_corrected(series.header, word, listed) for word in _CORRECTIONS}
    if why["ATTN"]:
        ledger.warn(warned("not_corrected_for_attenuation", where=where, why="; ".join(why["ATTN"])))
    if why["SCAT"]:
        ledger.warn(warned("not_corrected_for_scatter", where=where, why="; ".join(why["SCAT"])))
    ledger.record("corrections", ", ".join(listed) or "not stated", "", tag_label("CorrectedImage"), where)


def _why_not_corrected(header, word: str, listed: list[str]) -> list[str]:
    method, flag = _CORRECTIONS[word]
    method_text, flag_text = (str(element_value(header, key) or "").strip() for key in (method, flag))
    reasons = []
    if listed and word not in listed:
        reasons.append(f"{tag_label('CorrectedImage')} lists {', '.join(listed)} and not {word}")
    if method_text.upper() in _NONE:
        reasons.append(f"{tag_label(method)} is {method_text}")
    if flag_text.upper() == "NO":
        reasons.append(f"{tag_label(flag)} is {flag_text}")
    description = str(header.get("SeriesDescription", "") or "")
    if word == "ATTN" and not (word in listed or method_text or flag_text) and says_uncorrected(description):
        reasons.append(f"its description is '{description}'")
    return reasons


def _completeness(series: FoundSeries, slices: int, ledger: Ledger, where: str) -> None:
    """Number of Slices counts those of one volume (PS3.3 C.8.4.8, C.8.9.4); a gap shows on the grid, a missing end only here."""
    value = series.header.get("NumberOfSlices")
    if series.sop_class in WITH_FRAMES or value in (None, ""):
        return
    stated = int(value)
    if stated > slices:
        ledger.warn(warned("slices_missing", where=where, found=slices, stated=stated))
    elif 1 < stated < slices:
        ledger.warn(warned("slices_too_many", where=where, found=slices, stated=stated))


def _thickness(series: FoundSeries, step_mm: float, ledger: Ledger, where: str) -> None:
    """Reconstructed slices are as thick as they are apart; a Nuclear Medicine object has no positions of its slices that tell which of two numbers is right."""
    value = series.header.get("SliceThickness")
    thickness = None if value in (None, "") else number_of(value, tag_label("SliceThickness"))
    if series.sop_class == NM and thickness and abs(thickness / step_mm - 1) > _THICKNESS_AGREES:
        ledger.warn(warned("spacing_and_thickness_differ", where=where, step=step_mm, thickness=thickness))


def _gates(series: FoundSeries, ledger: Ledger, where: str) -> None:
    """One gate by itself: the file names a gated acquisition, but only one volume of it is there (PS3.3 C.8.4.9.1.1, C.8.9.1)."""
    if series.time_frame is not None:
        return
    words = (*words_of(series.header), *words_of(series.header, "SeriesType"))
    value = series.header.get("NumberOfTimeSlots")
    stated = None if value in (None, "") else int(value)
    if stated is None and any("GATED" in word for word in words):
        ledger.warn(warned("one_gate_alone", where=where, of="one gate, or their sum"))
    elif stated is not None and stated > 1:
        ledger.warn(warned("one_gate_alone", where=where, of=f"one of {stated} gates"))
