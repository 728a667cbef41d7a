"""An RT Dose object made elsewhere as a dose map: what its header says of unit, kind and extent of the dose is read before its voxels."""

from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake.tags import readable
from RNTDosimetryLib.intake.volume_files import DoseVolume
from RNTDosimetryLib.report import RtDose, read_rtdose

_OTHER_TYPES = {
    "EFFECTIVE": "a dose weighted by a biological effect",
    "ERROR": "a difference of two doses",
}
_WHOLE = ("PLAN", "MULTI_PLAN", "PLAN_OVERVIEW", "RECORD")
_OFFSET_TOLERANCE_MM = 0.01


def load_rtdose(path: Path) -> tuple[DoseVolume, RtDose]:
    """Dose map of an RT Dose file, and what its header says of patient and frame of reference.

    Raises DosimetryError for another object, relative or effective dose, a difference of doses, frames without a regular place, no dose.
    """
    name = path.name
    with readable(name):
        stored = read_rtdose(path)
        header = _header(path)
        warnings = [*_checked_type(header, name), *_summation_warnings(stored.summation_type, name)]
        _check_offsets(header, name)
    dose = stored.dose_gy
    if not np.all(np.isfinite(dose)) or dose.max() <= 0 or dose.min() < 0:
        raise DosimetryError(
            f"Expected doses of zero or more with some above it in {name}, received {dose.min():.4g} to {dose.max():.4g} Gy; check Dose Grid Scaling."
        )
    words = stored.series_description or stored.comment
    return DoseVolume(name, stored.geometry, dose.astype(np.float32), source=f"RT Dose {words}".strip(), warnings=tuple(warnings)), stored


def _header(path: Path):
    import pydicom

    return pydicom.dcmread(path, stop_before_pixels=True)


def _checked_type(header, name: str) -> tuple[str, ...]:
    """(3004,0004) Dose Type; a missing one is doubtful, another than physical is no absorbed dose."""
    kind = str(header.get("DoseType") or "").upper()
    if kind in _OTHER_TYPES:
        raise DosimetryError(f"Expected absorbed dose (Dose Type PHYSICAL) in {name}, received {kind}, {_OTHER_TYPES[kind]}; export the physical dose.")
    return () if kind == "PHYSICAL" else (f"{name}: no Dose Type PHYSICAL in the file ('{kind}'); its values were taken for absorbed dose",)


def _summation_warnings(summation: str, name: str) -> tuple[str, ...]:
    """(3004,000A) Dose Summation Type: whether the map is the whole treatment."""
    if summation.upper() in _WHOLE:
        return ()
    return (f"{name}: its Dose Summation Type is '{summation or 'missing'}', so it may hold a part of the treatment only",)


def _check_offsets(header, name: str) -> None:
    """Grid Frame Offset Vector starts at 0, or at the z of the first frame (PS3.3 C.8.8.3.2); another start leaves the place open."""
    offsets = header.get("GridFrameOffsetVector")
    if offsets is None or not hasattr(offsets, "__len__") or not len(offsets):
        return
    first, z = float(offsets[0]), float(header.ImagePositionPatient[2])
    axial = np.allclose(np.abs(np.asarray(header.ImageOrientationPatient, dtype=float)), [1, 0, 0, 0, 1, 0], atol=1e-4)
    if abs(first) > _OFFSET_TOLERANCE_MM and not (axial and abs(first - z) <= _OFFSET_TOLERANCE_MM):
        raise DosimetryError(
            f"Expected Grid Frame Offset Vector of {name} to start at 0 or at the z of the first frame ({z:g} mm), received {first:g}; export it again."
        )
