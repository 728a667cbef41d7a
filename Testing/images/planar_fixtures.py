"""Planar Nuclear Medicine objects of known counts: static and whole body, one or several windows, any view order and orientation."""

from datetime import timedelta

import numpy as np
from images.dicom_fixtures import ADMINISTRATION, NM, ROOT, base_object, save, set_pixels
from pydicom.dataset import Dataset

SHAPE = (40, 24)
WINDOWS_208 = (("peak", 187.2, 228.8), ("below", 166.4, 187.2), ("above", 228.8, 249.6))
FRONT = [1, 0, 0, 0, 0, -1]
BACK = [-1, 0, 0, 0, 0, -1]


def pictures(count=1, seed=4):
    """(window, view, rows, columns) counts as seen from the front with the head up; no symmetry."""
    return np.random.default_rng(seed).integers(1, 900, (count, 2, *SHAPE)).astype(float)


def stored(counts):
    """As both heads store them: the posterior view left to right."""
    result = counts.copy()
    result[:, 1] = result[:, 1, :, ::-1]
    return result


def item(**values):
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def view_code(name):
    return [item(CodeValue={"ant": "399321004", "post": "399001007"}[name], CodingSchemeDesignator="SCT", CodeMeaning=name)]


def write_planar_object(path, frames, windows=WINDOWS_208[:1], detectors=("ant", "post"), start_h=24.0, kind="STATIC", edit=None, uid=f"{ROOT}.6.1"):
    """frames: (window, view, rows, columns) as stored. detectors: "ant", "post" or None for a head that does not say its view."""
    dataset = base_object(NM, "NM", uid, f"{uid}.9", "TEST-1", f"{ROOT}.24", ADMINISTRATION + timedelta(hours=start_h))
    dataset.ImageType = ["ORIGINAL", "PRIMARY", kind, "EMISSION"]
    dataset.SeriesDescription = "planar"
    dataset.PixelSpacing, dataset.NumberOfFrames = [4.4, 4.6], len(windows) * len(detectors)
    dataset.FrameIncrementPointer = [0x00540010, 0x00540020]
    dataset.EnergyWindowVector = [1 + window for window in range(len(windows)) for _ in detectors]
    dataset.DetectorVector = [1 + number for _ in windows for number in range(len(detectors))]
    dataset.EnergyWindowInformationSequence = [
        item(EnergyWindowName=name, EnergyWindowRangeSequence=[item(EnergyWindowLowerLimit=lower, EnergyWindowUpperLimit=upper)])
        for name, lower, upper in windows
    ]
    dataset.DetectorInformationSequence = [item(CollimatorType="PARA") for _ in detectors]
    for head, name in zip(dataset.DetectorInformationSequence, detectors):
        if name is not None:
            head.ViewCodeSequence = view_code(name)
    dataset.ActualFrameDuration = 600_000
    set_pixels(dataset, np.asarray(frames).reshape(-1, *SHAPE).astype(np.uint16))
    if edit is not None:
        edit(dataset)
    save(dataset, path)
    return path
