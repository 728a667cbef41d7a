"""A phantom or source scan as the camera stored it: counts with their grid, start and duration, from DICOM or a volume file."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.checks import checked_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record, checked_path
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.intake.calibration_use import setup_of
from RNTDosimetryLib.intake.files import LeftOut, open_header
from RNTDosimetryLib.intake.series import FoundObject
from RNTDosimetryLib.intake.tags import entered_datetime, readable, seconds_between
from RNTDosimetryLib.intake.units import nuclide_from_text, unit_meaning, value_scale
from RNTDosimetryLib.intake.volume_files import SUFFIXES, load_volume_file, read_sidecar
from RNTDosimetryLib.intake.voxels import nm_grid, pixels_of, slices_grid
from RNTDosimetryLib.nuclides import get_nuclide

TYPED_KEYS = ("unit", "start", "duration_s", "nuclide", "decay_correction", "frames")
"""What may be typed about a scan; it comes before what the file says."""

_PROPORTIONAL = "propcnts"
_SAME_WITHIN, _SAME_WITHIN_S = 1e-3, 1.0
_PLANE_MM = 1.0
"""A projection has no thickness; a grid needs one."""


@dataclass(frozen=True)
class StoredScan(Record):
    """Values of one scan as stored, (z, y, x) float64; a planar image has one plane.

    unit: "counts" over the whole acquisition, or "Bq/mL", mean over the acquisition. setup: words about the camera from the file.
    """

    name: str
    geometry: ImageGeometry
    values: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    unit: str
    start: datetime
    duration_s: float
    nuclide: str = ""
    planar: bool = False
    setup: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_stored_scan(path, typed: Mapping | None = None) -> StoredScan:
    """A scan from a DICOM file, a folder that holds one series, or a volume file with typed values (or a .json beside it).

    typed: unit, start, duration_s, nuclide, decay_correction, frames (of a planar file with several: from 1, summed).
    Raises DosimetryError for what is missing, and for values that were decay corrected: the counts themselves are needed.
    """
    path = checked_path(path, "a phantom scan")
    typed = {key: value for key, value in dict(typed or {}).items() if value is not None}
    if not path.exists():
        raise DosimetryError(f"Expected a phantom scan at {path}, found none; check the path.")
    if path.is_file() and path.name.lower().endswith(SUFFIXES):
        return _of_volume_file(path, typed)
    with readable(path.name):
        return _of_dicom(path, typed)


def _of_volume_file(path: Path, typed: dict) -> StoredScan:
    stored = read_sidecar(path)
    geometry, values = load_volume_file(path)
    return _scan(path.name, geometry, values.astype(np.float64), stored, typed, {}, planar=geometry.size[0] == 1)


def _of_dicom(path: Path, typed: dict) -> StoredScan:
    items = _items(path)
    first, name = items[0], path.name
    header = first.header
    planar = header.get("Modality") == "NM" and not any("TOMO" in str(part).upper() for part in header.get("ImageType") or [])
    if planar:
        geometry, values = _planar(items, typed.get("frames"), name)
    elif header.get("Modality") == "NM":
        if len(items) > 1:
            raise DosimetryError(f"Expected one reconstruction in {name}, received {len(items)} files; name the file.")
        geometry, order = nm_grid(header, name)
        values = _scaled(first, name)[order]
    else:
        geometry, order = slices_grid([item.slice for item in items], name)
        values = np.concatenate([_scaled(items[index], name)[:1] for index in order])
    known = {
        "unit": value_scale(first, name).unit or None,
        "start": _value(first, "acquisition_start"),
        "duration_s": _value(first, "duration_s") or _frame_duration_s(header),
        "nuclide": nuclide_from_text(str(_value(first, "nuclide") or _value(first, "nuclide_meaning") or "")),
        "decay_correction": _value(first, "decay_correction"),
    }
    return _scan(name, geometry, values, known, typed, setup_of(header), planar)


def _scan(
    name: str, geometry: ImageGeometry, values: np.ndarray, stored: dict, typed: dict, setup: dict, planar: bool
) -> StoredScan:
    known = {**stored, **typed}
    for key in ("start", "duration_s"):
        if known.get(key) is None:
            raise DosimetryError(f"Expected {key} of {name}, found none; type it in the request.")
    duration_s = checked_number(
        known["duration_s"], f"a positive duration_s of {name}", "type the time of acquisition in s", 0.0, 86400.0, above=True
    )
    start = known["start"] if isinstance(known["start"], datetime) else entered_datetime(known["start"], "start")
    correction = str(known.get("decay_correction") or "NONE").strip().upper()
    if correction != "NONE":
        raise DosimetryError(
            f"Expected values without decay correction in {name}, received {correction}; reconstruct it without, or type decay_correction NONE if it was not."
        )
    unit, factor, warnings = _unit(name, known.get("unit"), duration_s)
    nuclide = known.get("nuclide")
    return StoredScan(
        name=name,
        geometry=geometry,
        values=values * factor,
        unit=unit,
        start=start,
        duration_s=duration_s,
        nuclide=get_nuclide(str(nuclide)).name if nuclide else "",
        planar=planar,
        setup=setup,
        warnings=(*_contradictions(name, stored, typed), *warnings),
    )


def _contradictions(name: str, stored: dict, typed: dict) -> tuple[str, ...]:
    """A sentence for every typed value that is not the one of the file."""
    alike = {"unit": _same_unit, "start": _same_moment, "duration_s": _same_number, "decay_correction": _same_word}
    return tuple(
        f"{name}: {key} {_in_words(typed[key])} was typed and used, the file says {_in_words(stored[key])}; check which is right"
        for key, same in alike.items()
        if stored.get(key) is not None and typed.get(key) is not None and not same(stored[key], typed[key])
    )


def _same_unit(first, second) -> bool:
    meanings = [unit_meaning(str(unit)) for unit in (first, second)]
    known = all(meaning.kind != "unknown" for meaning in meanings)
    return meanings[0] == meanings[1] if known else _same_word(first, second)


def _same_moment(first, second) -> bool:
    return abs(seconds_between(entered_datetime(first, "start"), entered_datetime(second, "start"))) < _SAME_WITHIN_S


def _same_number(first, second) -> bool:
    try:
        return math.isclose(float(first), float(second), rel_tol=_SAME_WITHIN)
    except (TypeError, ValueError):
        return False


def _same_word(first, second) -> bool:
    return "".join(str(first).lower().split()) == "".join(str(second).lower().split())


def _in_words(value) -> str:
    return (
        f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else f"{value:g}" if isinstance(value, float) else str(value)
    )


def _unit(name: str, unit, duration_s: float) -> tuple[str, float, tuple[str, ...]]:
    """Unit of the scan, factor to it, warnings."""
    if unit is None:
        return "counts", 1.0, (f"{name}: {warned('values_taken_for_counts')}",)
    meaning = unit_meaning(str(unit))
    if meaning.kind == "counts":
        return "counts", 1.0, ()
    if meaning.kind == "count_rate":
        return "counts", duration_s, ()
    if meaning.kind == "concentration":
        return "Bq/mL", meaning.factor, ()
    if "".join(str(unit).lower().split()) == _PROPORTIONAL:
        return (
            "counts",
            1.0,
            (f"{name}: values in PROPCNTS were taken for counts; scans in the same unit only can use this calibration",),
        )
    raise DosimetryError(f"Expected counts, counts per second or Bq/mL in {name}, received '{unit}'; type the unit.")


def _items(path: Path) -> list[FoundObject]:
    """The files of one series; the CT of the scan may lie in the folder too. Raises DosimetryError for a file that is cut short."""
    found = []
    for file in [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file()):
        opened = open_header(file)
        if isinstance(opened, LeftOut):
            if opened.serious:
                raise DosimetryError(
                    f"Expected whole DICOM files in {path.name}, received {file.name}: {opened.reason}; send it again."
                )
            continue
        if str(opened.dataset.get("Modality", "")) in ("NM", "PT"):
            found.append(FoundObject(str(file), opened.dataset))
    if not found:
        raise DosimetryError(f"Expected a DICOM image of a gamma camera in {path.name}, found none; name the file of the scan.")
    series = {str(item.header.get("SeriesInstanceUID", "")) for item in found}
    if len(series) > 1:
        raise DosimetryError(
            f"Expected one series in {path.name}, received {len(series)}; name the file of the scan, or move the others away."
        )
    return found


def _planar(items: list[FoundObject], frames, name: str) -> tuple[ImageGeometry, np.ndarray]:
    """Sum of the frames named, or of the only one, (1, y, x)."""
    if len(items) > 1:
        raise DosimetryError(f"Expected one planar file in {name}, received {len(items)}; name the file.")
    stored = _scaled(items[0], name)
    if frames is None and len(stored) > 1:
        raise DosimetryError(
            f"Expected one frame in {name}, received {len(stored)}; name those to sum in frames, counted from 1."
        )
    numbers = [1] if frames is None else list(frames)
    if not numbers or any(isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= len(stored) for n in numbers):
        raise DosimetryError(f"Expected frames from 1 to {len(stored)} of {name}, received {numbers}; correct the request.")
    spacing = items[0].slice.spacing_mm
    if spacing is None or len(spacing) != 2:
        raise DosimetryError(f"Expected Pixel Spacing in {name}, received none; repair the file.")
    image = stored[[number - 1 for number in numbers]].sum(axis=0, keepdims=True)
    return ImageGeometry(image.shape, (_PLANE_MM, *spacing)), image


def _scaled(item: FoundObject, name: str) -> np.ndarray:
    scale = value_scale(item, name)
    if scale.slope == 0:
        raise DosimetryError(f"Expected a Rescale Slope above 0 in {name}, received 0; repair the file.")
    return pixels_of(item.path)[0].astype(np.float64) * scale.slope + scale.intercept


def _value(item: FoundObject, quantity: str):
    found = item.find(quantity)
    return None if found is None else found.value


def _frame_duration_s(header) -> float | None:
    """Of a static planar image: Actual Frame Duration in ms, DICOM PS3.3 C.8.4.9."""
    duration = header.get("ActualFrameDuration")
    return None if duration in (None, "") else float(duration) / 1000.0
