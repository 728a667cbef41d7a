"""Anterior and posterior view of a scout from DICOM (Nuclear Medicine, two views as frames of one object or as two objects)."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images.dicom_guard import readable
from RNTDosimetryLib.records import NOT_WRITTEN, Record, checked_path

_NUCLEAR_MEDICINE = "1.2.840.10008.5.1.4.1.1.20"
# View codes of DICOM PS3.16 CID 26, SNOMED CT and the older values, compared with the code tables distributed with pydicom 3.0.
_VIEW_CODES = {"399321004": "anterior", "399001007": "posterior", "G-5215": "anterior", "G-5216": "posterior"}


@dataclass(frozen=True, eq=False)
class PlanarViews(Record):
    """Counts of both views, (rows, columns), in the orientation of the anterior one: patient's right on the left.

    spacing_mm: (rows, columns). recognised: how the views were told apart.
    """

    anterior_counts: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    posterior_counts: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    spacing_mm: tuple[float, float]
    duration_s: float | None
    recognised: str
    warnings: tuple[str, ...] = ()


def read_planar_views(
    paths: str | Path | Sequence[str | Path], *, anterior_frame: int | None = None, posterior_mirrored: bool = True
) -> PlanarViews:
    """The two views of a planar scout.

    paths: one NM object with two frames, or two objects with one. anterior_frame: 0 or 1 where the files do not say which view is which.
    posterior_mirrored: the posterior view is stored as the camera sees it, with the patient's left on the left, and is turned back.
    Views are known by view code, else by the words ANT and POST in view or series names.
    Raises DosimetryError for other objects, for views that cannot be told apart, and for views of different size.
    """
    named = paths if isinstance(paths, (list, tuple)) else [paths]
    files = [checked_path(path, "a planar scout") for path in named]
    views = [view for path in files for view in _views(path)]
    if len(views) != 2:
        raise DosimetryError(f"Expected two planar views, anterior and posterior, received {len(views)}; choose the static whole acquisition.")
    (first, first_name, spacing, duration, offset), (second, second_name, other_spacing, _, other_offset) = views
    if first.shape != second.shape or not np.allclose(spacing, other_spacing):
        raise DosimetryError(f"Expected two views of one size, received {first.shape} and {second.shape}; choose views of one acquisition.")
    if anterior_frame is None:
        names = (first_name, second_name)
        if set(names) != {"anterior", "posterior"}:
            raise DosimetryError(
                f"Expected one anterior and one posterior view, the files say {names[0] or 'nothing'} and {names[1] or 'nothing'}; "
                "type which frame is anterior."
            )
        order, how = names.index("anterior"), "by view code or name"
    elif anterior_frame in (0, 1):
        order, how = anterior_frame, "typed"
    else:
        raise DosimetryError(f"Expected 0 or 1 for the anterior frame, received {anterior_frame}; count from 0.")
    front, back = (first, second) if order == 0 else (second, first)
    warnings = ("The pixels have a rescale intercept: they may be scaled and no counts.",) if offset or other_offset else ()
    return PlanarViews(front, back[:, ::-1] if posterior_mirrored else back, spacing, duration, how, warnings)


def _views(path: Path) -> list[tuple[np.ndarray, str, tuple[float, float], float | None, bool]]:
    """(counts, "anterior", "posterior" or "", spacing, duration in s, rescaled with an intercept) of every frame."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    if not os.path.isfile(path):
        raise DosimetryError(f"Expected a DICOM file at {path}, found none; check the path.")
    with readable(path.name):
        try:
            dataset = pydicom.dcmread(path)
        except InvalidDicomError as error:
            raise DosimetryError(f"Expected a DICOM file, received {path.name}, which is none; choose another.") from error
        if str(dataset.get("SOPClassUID", "")) != _NUCLEAR_MEDICINE or "TOMO" in [str(part) for part in dataset.get("ImageType", [])]:
            raise DosimetryError(f"Expected a planar NM image in {path.name}, received {dataset.get('Modality', 'another object')}; choose another.")
        pixels = dataset.pixel_array.astype(float) * float(dataset.get("RescaleSlope", 1)) + float(dataset.get("RescaleIntercept", 0))
        frames = pixels[None] if pixels.ndim == 2 else pixels
        spacing = tuple(float(value) for value in dataset.PixelSpacing)
        duration = dataset.get("ActualFrameDuration")
        detectors = list(dataset.get("DetectorInformationSequence", []))
        vector = [int(value) for value in _many(dataset.get("DetectorVector"))] or list(range(1, len(frames) + 1))
        names = [_name(detectors[number - 1] if 0 < number <= len(detectors) else None) for number in vector]
        if len(frames) == 1 and not names[0]:
            names = [_by_words(str(dataset.get("SeriesDescription", "")))]
        seconds = None if duration is None else float(_many(duration)[0]) / 1000.0
    return [(frame, name, spacing, seconds, bool(dataset.get("RescaleIntercept", 0))) for frame, name in zip(frames, names)]


def _name(detector) -> str:
    if detector is None:
        return ""
    for item in detector.get("ViewCodeSequence", []):
        found = _VIEW_CODES.get(str(item.get("CodeValue", "")), "") or _by_words(str(item.get("CodeMeaning", "")))
        if found:
            return found
    return ""


def _by_words(text: str) -> str:
    words = text.upper()
    front, back = "ANT" in words, "POST" in words
    return "" if front == back else ("anterior" if front else "posterior")


def _many(value) -> list:
    if value is None:
        return []
    return list(value) if hasattr(value, "__iter__") and not isinstance(value, str) else [value]
