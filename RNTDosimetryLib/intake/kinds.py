"""What each series and each image of it is: a volume that is read, or something else, with the reason."""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.intake.headers import words_of
from RNTDosimetryLib.intake.series import FoundObject, FoundSeries, is_planar, is_reconstruction, without_objects
from RNTDosimetryLib.intake.sop_classes import ACTIVITY_KINDS, CT_KINDS, NM, PARAMETRIC_MAP, PT, REGION_KINDS, name_of
from RNTDosimetryLib.intake.units import concentration_mapping
from RNTDosimetryLib.intake.voxels import slices_grid

_LARGEST_STRAY_SHARE = 0.1
_FEW_STRAYS = 2
_STACKED = (*CT_KINDS, *(kind for kind in ACTIVITY_KINDS if kind != NM))
_OF_ONE_FRAME = (CT_KINDS[0], PT)
_IMAGES = {"CT": CT_KINDS, "NM": (NM, PARAMETRIC_MAP), "PT": ACTIVITY_KINDS, "SEG": REGION_KINDS, "RTSTRUCT": REGION_KINDS}


@dataclass(frozen=True)
class SetAside:
    """A series, or images of it, that are not read. lost: it looks like one that should be."""

    label: str
    reason: str
    lost: bool = False


def sorted_out(series: FoundSeries) -> tuple[FoundSeries | None, list[SetAside]]:
    """The series as far as it is one that is read, and what of it is not. An image of another kind in it is judged by itself."""
    reason, lost = _no_use(series)
    if reason:
        return None, [SetAside(series.label, reason, lost)]
    if series.sop_class not in _STACKED:
        return series, []
    aside: dict[str, list[FoundObject]] = {}
    for item in series.objects:
        what = _kind_of_image(item, series.sop_class)
        if what:
            aside.setdefault(what, []).append(item)
    left = without_objects(series, [item for items in aside.values() for item in items])
    if left is None:
        return None, [SetAside(series.label, " and ".join(aside), any("in an object of one frame" in what for what in aside))]
    strays = _strays(left)
    if strays is None:
        return None, [
            SetAside(series.label, "images of many orientations, such as rotating projections, that make no volume", True)
        ]
    if strays:
        aside["an image of another size or orientation than the others"] = strays
        left = without_objects(left, strays)
    found = [SetAside(f"{series.label}: {', '.join(_names(items))}", what, True) for what, items in aside.items()]
    if left.sop_class in CT_KINDS and len(left.objects) < 2:
        return None, [*found, SetAside(series.label, "a single slice", True)]
    return left, found


def said(aside: SetAside) -> str:
    """The warning about something that looks like what should have been read."""
    return warned("set_aside", label=aside.label, reason=aside.reason)


def _names(items: list[FoundObject], most: int = 5) -> list[str]:
    names = [item.name for item in items]
    return names if len(names) <= most else [*names[:most], f"and {len(names) - most} more"]


def _no_use(series: FoundSeries) -> tuple[str, bool]:
    """Why a series is not read, "" for one that is; and whether it looks like one that should be."""
    header = series.header
    modality = str(header.get("Modality", "") or "")
    if series.sop_class == NM and not is_reconstruction(header):
        if is_planar(header):
            return "planar views, for read_planar_folder", False
        words = words_of(header)
        projections = any("TOMO" in word for word in words)
        text = (
            "projections, not a reconstruction"
            if projections
            else f"Image Type {', '.join(words) or 'missing'} is no reconstruction"
        )
        return text, not projections
    if series.sop_class == PARAMETRIC_MAP and concentration_mapping(header) is None:
        return "a parametric map without a real-world value mapping to Bq/mL", modality in ("NM", "PT")
    if series.sop_class == NM and _kind_of_image(series.objects[0], NM):
        return _kind_of_image(series.objects[0], NM), False
    if series.sop_class in (*CT_KINDS, *ACTIVITY_KINDS, *REGION_KINDS):
        return "", False
    return f"{name_of(series.sop_class)}, which is not read here", modality in _IMAGES


@lru_cache(maxsize=1)
def image_kinds() -> dict:
    return read_json("images", "image_kinds.json")


def _kind_of_image(item: FoundObject, series_class: str) -> str:
    """What an image is, where it is no slice of a measured volume; "" for a slice."""
    table, header = image_kinds(), item.header
    modality = str(header.get("Modality", "") or "").upper()
    words = [*item.slice.kinds, *words_of(header, "SeriesType"), *words_of(header, "CountsSource")]
    known = table["words"] | table["only"].get(modality, {})
    found = next((known[word] for word in words if word in known), "")
    if not found:
        technique = str(header.get("VolumeBasedCalculationTechnique", "") or "").upper()
        found = table["techniques"].get(technique, "")
    if not found and item.slice.samples > 1:
        found = "a picture in color"
    if not found and item.slice.frames > 1 and series_class in _OF_ONE_FRAME:
        found = f"{item.slice.frames} frames in an object of one frame, whose places are not known"
    if not found and modality == "CT":
        found = table["rescale_types"].get(item.slice.rescale_type, "")
    return found


def _strays(series: FoundSeries) -> list[FoundObject] | None:
    """The few images that are of another size or orientation than all others; [] for none, None where hardly two of the images are alike.

    They are left in where the rest is no stack without them: then the grid says what is wrong.
    """
    groups: list[list[FoundObject]] = []
    for item in series.objects:
        group = next((group for group in groups if _alike(group[0], item)), None)
        if group is None:
            groups.append([item])
        else:
            group.append(item)
    count = len(series.objects)
    if len(groups) == 1:
        return []
    usual = max(groups, key=len)
    if count > 2 and len(groups) > count / 2:
        return None
    strays = [item for group in groups if group is not usual for item in group]
    if len(strays) > max(_FEW_STRAYS, _LARGEST_STRAY_SHARE * count):
        return []
    rest = {item.slice.position_lps_mm: item.slice for item in usual}
    try:
        slices_grid(list(rest.values()), series.label)
    except DosimetryError:
        return []
    return strays


def _alike(one: FoundObject, other: FoundObject) -> bool:
    """Whether two images may be slices of one stack."""
    try:
        a, b = one.slice, other.slice
    except DosimetryError:
        return False
    if a.shape != b.shape or (a.position_lps_mm is None) != (b.position_lps_mm is None):
        return False
    return _near(a.spacing_mm, b.spacing_mm, rtol=1e-3, atol=0.0) and _near(a.axes, b.axes, rtol=0.0, atol=1e-3)


def _near(one, other, rtol: float, atol: float) -> bool:
    if one is None or other is None:
        return one is other
    return len(one) == len(other) and bool(np.allclose(one, other, rtol=rtol, atol=atol))


def says_uncorrected(description: str) -> bool:
    """Whether a description says that attenuation was not corrected."""
    return any(re.search(pattern, description.upper()) for pattern in image_kinds()["uncorrected_words"])
