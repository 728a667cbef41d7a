"""Frames of planar Nuclear Medicine objects: counts, view, energy window and orientation of each (PS3.3 C.8.4.8, C.8.4.9, C.8.4.11)."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.intake.files import open_dataset
from RNTDosimetryLib.intake.headers import words_of
from RNTDosimetryLib.intake.series import is_reconstruction
from RNTDosimetryLib.intake.sop_classes import NM
from RNTDosimetryLib.intake.tags import element_value, number_of, readable, tag_label

ANTERIOR, POSTERIOR = "anterior", "posterior"
# View codes of DICOM PS3.16 CID 26, SNOMED CT and the older values, compared with the code tables distributed with pydicom 3.0.
_VIEW_CODES = {"399321004": ANTERIOR, "399001007": POSTERIOR, "G-5215": ANTERIOR, "G-5216": POSTERIOR}
_ANGLE_TOLERANCE_DEG = 10.0
_ALONG_AN_AXIS = 0.9


@dataclass(frozen=True)
class EnergyWindow:
    """Limits in keV; None where the file has none, or several ranges."""

    name: str
    lower_kev: float | None
    upper_kev: float | None

    @property
    def width_kev(self) -> float | None:
        return None if self.lower_kev is None or self.upper_kev is None else self.upper_kev - self.lower_kev


@dataclass(frozen=True, eq=False)
class PlanarFrame:
    """One picture: counts (rows, columns) as stored. view: "anterior", "posterior" or "". how: what told it.

    flips: whether rows, columns must be reversed to see the patient from the front with the head up; None when the file does not say.
    """

    counts: np.ndarray
    window: int
    view: str
    how: str
    flips: tuple[bool, bool] | None


@dataclass(frozen=True, eq=False)
class PlanarObject:
    """One planar file. kind: "whole body", "spot" (static), or "" when Image Type says neither."""

    path: str
    header: object
    kind: str
    frames: tuple[PlanarFrame, ...]
    windows: tuple[EnergyWindow, ...]
    spacing_mm: tuple[float, float]
    warnings: tuple[str, ...]


def planar_object(path) -> PlanarObject:
    """The frames of a planar file. Raises DosimetryError for other objects and for files that are damaged or cut off."""
    path = Path(path)
    if not os.path.isfile(path):
        raise DosimetryError(f"Expected a DICOM file at {path}, found none; check the path.")
    with readable(path.name):
        dataset = open_dataset(path)
        words = words_of(dataset)
        if str(dataset.get("SOPClassUID", "")) != NM or any("TOMO" in word for word in words) or is_reconstruction(dataset):
            raise DosimetryError(
                f"Expected a planar NM image in {path.name}, received {dataset.get('Modality', 'another object')}; choose another."
            )
        if "DYNAMIC" in words or "GATED" in words:
            raise DosimetryError(
                f"Expected a static or whole-body planar image in {path.name}, received a dynamic or gated one; export the sum of its frames."
            )
        return _object(str(path), dataset, words)


def _object(path: str, dataset, words) -> PlanarObject:
    name = Path(path).name
    slope, intercept = (
        number_of(dataset.get(key, default), tag_label(key)) for key, default in (("RescaleSlope", 1), ("RescaleIntercept", 0))
    )
    bits, high = (number_of(dataset.get(key), tag_label(key)) for key in ("BitsStored", "HighBit"))
    if high != bits - 1:
        raise DosimetryError(
            f"Expected a High Bit one below Bits Stored in {name}, received {high:g} and {bits:g}; send the image again."
        )
    pixels = dataset.pixel_array.astype(np.float64)
    stack = pixels.reshape(-1, *pixels.shape[-2:]) * slope + intercept
    warnings = []
    if intercept != 0:
        warnings.append(f"{name}: {warned('planar_intercept')}")
    if slope != 1:
        warnings.append(f"{name}: {warned('planar_slope', slope=slope)}")
    detectors = list(dataset.get("DetectorInformationSequence") or [])
    windows = tuple(
        _window(item, number) for number, item in enumerate(dataset.get("EnergyWindowInformationSequence") or [], start=1)
    )
    window_numbers, detector_numbers = _numbers(dataset, len(stack), max(1, len(windows)), name)
    frames = []
    for counts, window, number in zip(stack, window_numbers, detector_numbers):
        detector = detectors[number - 1] if 0 < number <= len(detectors) else None
        view, how = _view(dataset, detector, len(stack))
        frames.append(PlanarFrame(counts, window - 1, view, how, _flips(detector)))
    spacing = dataset.get("PixelSpacing")
    if spacing is None or isinstance(spacing, str) or len(spacing) != 2:
        raise DosimetryError(f"Expected 2 numbers for PixelSpacing in {name}, received {spacing}; repair the file.")
    sides = tuple(number_of(value, "Pixel Spacing") for value in spacing)
    if min(sides) <= 0:
        raise DosimetryError(f"Expected positive pixel spacings in {name}, received {sides}; repair the file.")
    kind = "whole body" if "WHOLE BODY" in words else "spot" if "STATIC" in words else ""
    return PlanarObject(path, dataset, kind, tuple(frames), windows, sides, tuple(warnings))


def _numbers(dataset, frames: int, windows: int, name: str) -> tuple[list[int], list[int]]:
    """Window and detector number of each frame: from the vectors, else windows one after the other (PS3.3 C.8.4.8.1.1)."""
    given = [[int(value) for value in _many(dataset.get(key))] for key in ("EnergyWindowVector", "DetectorVector")]
    for numbers, key in zip(given, ("EnergyWindowVector", "DetectorVector")):
        if len(set(numbers)) > 1 and len(numbers) != frames:
            raise DosimetryError(
                f"Expected {frames} entries, one for each view, in {tag_label(key)} of {name}, received {len(numbers)}; send the object again."
            )
    each = frames // windows if frames % windows == 0 else frames
    default = [1 + index // each for index in range(frames)], [1 + index % each for index in range(frames)]
    windows_of, detectors_of = (
        numbers if len(numbers) == frames else numbers[:1] * frames or other for numbers, other in zip(given, default)
    )
    return windows_of, detectors_of


def _window(item, number: int) -> EnergyWindow:
    ranges = item.get("EnergyWindowRangeSequence") or []
    limits = [None, None]
    if len(ranges) == 1:
        keys = ("EnergyWindowLowerLimit", "EnergyWindowUpperLimit")
        limits = [None if ranges[0].get(key) in (None, "") else number_of(ranges[0].get(key), tag_label(key)) for key in keys]
    return EnergyWindow(str(item.get("EnergyWindowName", "") or f"window {number}"), *limits)


def _view(dataset, detector, frames: int) -> tuple[str, str]:
    """View of a frame: by view code, by words, or by the angle of the detector (0 degrees at the patient's back)."""
    if detector is not None:
        for item in detector.get("ViewCodeSequence") or []:
            found = _VIEW_CODES.get(str(item.get("CodeValue", ""))) or _by_words(str(item.get("CodeMeaning", "")))
            if found:
                return found, "by view code or name"
        angle = detector.get("StartAngle")
        if angle not in (None, ""):
            degrees = number_of(angle, tag_label("StartAngle")) % 360.0
            for view, at in ((POSTERIOR, 0.0), (ANTERIOR, 180.0), (POSTERIOR, 360.0)):
                if abs(degrees - at) <= _ANGLE_TOLERANCE_DEG:
                    return view, "by detector angle"
    if frames == 1:
        for keyword in ("SeriesDescription", "ImageID", "ProtocolName"):
            found = _by_words(str(element_value(dataset, keyword) or ""))
            if found:
                return found, "by view code or name"
    return "", ""


def _by_words(text: str) -> str:
    words = text.upper()
    front, back = "ANT" in words, "POST" in words
    return "" if front == back else (ANTERIOR if front else POSTERIOR)


def _flips(detector) -> tuple[bool, bool] | None:
    """Whether rows and columns run against feet and left: from the Image Orientation of the detector, None without one along the body."""
    value = None if detector is None else detector.get("ImageOrientationPatient")
    if value is None or isinstance(value, str) or len(value) != 6:
        return None
    along_row, along_column = (
        np.array([number_of(part, "Image Orientation") for part in value[start : start + 3]]) for start in (0, 3)
    )
    if abs(along_row[0]) < _ALONG_AN_AXIS or abs(along_column[2]) < _ALONG_AN_AXIS:
        return None
    return bool(along_column[2] > 0), bool(along_row[0] < 0)


def _many(value) -> list:
    if value is None:
        return []
    return list(value) if hasattr(value, "__iter__") and not isinstance(value, str) else [value]
