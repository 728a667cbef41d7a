"""Random damage to valid files: what the intake makes of it. Each case is its seed; the same seed is the same damage."""

import random
import shutil
import warnings
from pathlib import Path

import numpy as np
from images import time_frame_fixtures as frames
from images.dialect_fixtures import hermes_counts_mapping, philips_activity_scale, pytheranostics
from images.dicom_fixtures import COARSE_CT, Grid, Spect, write_ct, write_spect
from images.planar_fixtures import WINDOWS_208, pictures, stored, write_planar_object
from images.region_fixtures import write_rtstruct, write_seg
from pydicom import dcmread
from pydicom.dataset import Dataset

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake import read_folder
from RNTDosimetryLib.planar import read_planar_folder

SPECT_GRID = Grid(size=(4, 5, 6), spacing=(14.0, 12.0, 14.0))
CT_GRID = Grid(size=(5, 8, 8), spacing=(14.0, 14.0, 14.0))
DIALECTS = ("NM", "PT", "ENHANCED")
MORE_KINDS = (
    "dynamic NM", "gated NM", "dynamic PT", "gated PT", "dynamic enhanced", "Hermes", "Philips", "PyTheranostics", "whole body",
)  # fmt: skip
"""Kinds with random numbers of their own, so that the seeds of the first three keep their damage."""
OVERRIDES = {"Hermes": {"calibration_cps_per_mbq": 9.3}}
JUNK = (
    None, "", 0, -1, 1e30, -1e30, "NaN", "abc", [1], [0, 0], [1, 2, 3, 4], "20240101", "999999", "1e999", "\\", "-", "9" * 40, 3.7, [], "ORIGINAL",
)  # fmt: skip


def write_patients(folder: Path) -> None:
    """One small patient in each dialect."""
    mask = np.zeros(CT_GRID.size, dtype=bool)
    mask[1:4, 2:5, 2:6] = True
    for dialect in DIALECTS:
        write_ct(folder / dialect, grid=CT_GRID)
        write_spect(folder / dialect, Spect(dialect=dialect, grid=SPECT_GRID))
        write_seg(folder / dialect, {"liver": mask}, grid=CT_GRID)
        write_rtstruct(folder / dialect, {"kidney": [CT_GRID.points()[z, [2, 2, 5, 5], [2, 5, 5, 2]] for z in (1, 2, 3)]})


def write_more_kinds(folder: Path) -> None:
    """One small patient or planar scan of each further kind."""
    for kind in MORE_KINDS[:5]:
        write_ct(folder / kind, COARSE_CT, start_h=frames.START_H)
    frames.write_nm(folder / "dynamic NM", frames.DYNAMIC, "START", "phases", "shuffled")
    frames.write_nm(folder / "gated NM", frames.GATES, "NONE", "slots")
    frames.write_pt(folder / "dynamic PT", frames.DYNAMIC[:2], "START", "times")
    frames.write_pt(folder / "gated PT", frames.GATES, "NONE", "gates")
    frames.write_enhanced(folder / "dynamic enhanced", frames.DYNAMIC[:3], "NONE")
    for kind, dialect, value, edit in (
        ("Hermes", "NM", "counts", hermes_counts_mapping),
        ("Philips", "PT", "rescale", philips_activity_scale),
        ("PyTheranostics", "NM", "rescale", pytheranostics),
    ):
        write_ct(folder / kind, CT_GRID)
        decay = "NONE" if kind == "Hermes" else "START"
        write_spect(folder / kind, Spect(dialect=dialect, value=value, decay=decay, grid=SPECT_GRID, edit=edit))

    def scan(dataset):
        dataset.ScanVelocity, dataset.ScanLength = 100 / 60, 600
        dataset.DetectorInformationSequence[0].FieldOfViewDimensions = [400, 540]

    (folder / "whole body").mkdir()
    write_planar_object(folder / "whole body" / "planar", stored(pictures(3)), WINDOWS_208, kind="WHOLE BODY", edit=scan)


def outcome(folder: Path, seed: int, kinds=DIALECTS) -> tuple[str, str]:
    """(what happened, what was damaged) for one seed: unwritable, refused, same, warned, changed, or the name of a crash."""
    source = random.Random(seed)
    patient = folder / source.choice(kinds)
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(patient, work)
    everything = work.iterdir() if kinds is DIALECTS else sorted(path for path in work.rglob("*") if path.is_file())
    files = sorted(path for path in everything if source.random() < 0.3 or not path.name.startswith("ct"))
    path = source.choice(files)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        what = f"{path.name}: " + (_damage_bytes(path, source) if source.random() < 0.15 else _damage_elements(path, source))
        if what.endswith("unwritable"):
            return "unwritable", what
        try:
            before, after = _essence(patient, patient.name), _essence(work, patient.name)
        except DosimetryError as refusal:
            good = str(refusal).startswith("Expected") and "\n" not in str(refusal)
            return ("refused" if good else "refused without a sentence"), what
        except Exception as error:
            return f"crash: {type(error).__name__}: {error}", what
    if before[:-1] == after[:-1]:
        return "same", what
    return ("warned" if set(after[-1]) - set(before[-1]) else "changed"), what


def _essence(folder: Path, kind: str) -> tuple:
    """What counts of an intake, comparable: administration, times, voxels, grids, regions; the warnings last."""
    if kind == "whole body":
        return _planar_essence(folder)
    intake = read_folder(folder, OVERRIDES.get(kind))
    intake.to_dict()
    return (
        intake.administration.net_activity_mbq,
        tuple((point.start_h, point.activity.geometry, point.activity.concentration_bq_ml.tobytes()) for point in intake.time_points),
        intake.time_points[0].load_ct().hounsfield.tobytes(),
        tuple((region.name, region.geometry, region.occupancy.tobytes()) for region in intake.regions),
        intake.warnings,
    )


def _planar_essence(folder: Path) -> tuple:
    (scan,) = read_planar_folder(folder)
    views = [
        (view.duration_s, view.peak_width_kev, *(None if image is None else image.tobytes() for image in (view.counts, view.lower, view.upper)))
        for view in (scan.anterior, scan.posterior)
    ]
    return scan.spacing_mm, scan.acquisition_start, scan.elapsed_s, tuple(views), scan.warnings


def _damage_bytes(path: Path, source: random.Random) -> str:
    content = bytearray(path.read_bytes())
    for _ in range(source.randrange(1, 9)):
        content[source.randrange(128, len(content))] = source.randrange(256)
    if source.random() < 0.3:
        content = content[: source.randrange(len(content))]
    path.write_bytes(bytes(content))
    return "bytes"


def _damage_elements(path: Path, source: random.Random) -> str:
    dataset = dcmread(path)
    texts = [_damage_one(dataset, source) for _ in range(source.choice([1, 1, 2]))]
    try:
        dataset.save_as(path)
    except Exception:  # the damage is such that it cannot be written as DICOM at all
        return "unwritable"
    return "; ".join(texts)


def _damage_one(dataset, source: random.Random) -> str:
    holder, tag = source.choice(list(_elements(dataset)))
    element = holder[tag]
    name = element.keyword or str(tag)
    if source.random() < 0.25:
        del holder[tag]
        return f"{name} deleted"
    if element.VR == "SQ":
        element.value = [] if source.random() < 0.5 else [*element.value, Dataset()]
        return f"{name} with {len(element.value)} items"
    if name == "PixelData":
        element.value = element.value[: source.randrange(len(element.value) + 1)]
        return f"{name} cut"
    several = not isinstance(element.value, (str, bytes)) and hasattr(element.value, "__len__") and len(element.value) > 0
    if several and source.random() < 0.5:
        value = list(element.value)
        value[source.randrange(len(value))] = source.choice([0, 1e9, -5.5, 2])
    elif isinstance(element.value, (int, float)) and source.random() < 0.3:
        value = element.value * source.choice([-1, 0, 10, 1e-3, 1.05])
    else:
        value = source.choice(JUNK)
    try:
        element.value = value
    except Exception:  # pydicom refuses this value for this kind of element
        return f"{name} left"
    return f"{name} = {value!r}"


def _elements(dataset):
    for element in dataset:
        yield dataset, element.tag
        if element.VR == "SQ":
            for item in element.value or []:
                yield from _elements(item)
