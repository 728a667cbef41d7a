"""Activity images of volume files: their unit, time and decay correction are entered or stand in a file beside."""

import math

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import checked_path
from RNTDosimetryLib.images.volumes import ActivityImage
from RNTDosimetryLib.intake.ledger import positive_number, relative_number
from RNTDosimetryLib.intake.timing import LONGEST_SCAN_S
from RNTDosimetryLib.intake.units import unit_meaning
from RNTDosimetryLib.intake.volume_files.reading import read_volume
from RNTDosimetryLib.intake.volume_files.sidecar import known_of
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.nuclides.decay import acquisition_average_factor

ACTIVITY_KEYS = ("nuclide", "unit", "start_h", "decay_correction", "duration_s", "calibration_uncertainty", "name")
"""What must or may be typed about an activity file: the first four must."""


def load_activity_file(path, typed: dict | None = None) -> ActivityImage:
    """Activity image of a volume file, with what is typed or stands in ``<file name>.json`` beside it (typed values win).

    nuclide; unit (a concentration such as Bq/mL or kBq/mL); start_h, hours from administration to the start of acquisition;
    decay_correction NONE (needs duration_s), START or ADMIN; calibration_uncertainty, relative; name.
    Raises DosimetryError for what is missing, unknown or not readable.
    """
    path = checked_path(path, "an activity file")
    known = known_of(path, typed, ACTIVITY_KEYS)
    missing = [key for key in ACTIVITY_KEYS[:4] if known.get(key) is None]
    if missing:
        raise DosimetryError(
            f"Expected {', '.join(missing)} for {path.name}, received none; type it, or write it into {path.name}.json."
        )
    read = read_volume(path)
    meaning = unit_meaning(str(known["unit"]))
    if meaning.kind != "concentration":
        raise DosimetryError(
            f"Expected a concentration such as Bq/mL for the unit of {path.name}, received '{known['unit']}'; calibrate it first."
        )
    nuclide = get_nuclide(str(known["nuclide"]))
    start_h = positive_number(known["start_h"], f"start_h of {path.name}", zero_allowed=True)
    duration_s = None if known.get("duration_s") is None else positive_number(known["duration_s"], f"duration_s of {path.name}")
    if duration_s is not None and duration_s >= LONGEST_SCAN_S:
        raise DosimetryError(
            f"Expected an acquisition of up to a day in {path.name}, received {duration_s:g} s; type duration_s in seconds."
        )
    factor = meaning.factor * _decay_factor(str(known["decay_correction"]).upper(), nuclide, start_h, duration_s, path.name)
    return ActivityImage(
        name=str(known.get("name") or path.name),
        geometry=read.geometry,
        concentration_bq_ml=read.values.astype(np.float64) * factor,
        nuclide=nuclide.name,
        start_h=start_h,
        duration_s=duration_s,
        calibration_uncertainty=relative_number(known.get("calibration_uncertainty") or 0.0, "calibration_uncertainty"),
        warnings=read.warnings(path.name),
    )


def _decay_factor(correction: str, nuclide, start_h: float, duration_s: float | None, name: str) -> float:
    if correction == "START":
        return 1.0
    if correction == "ADMIN":
        return math.exp(-nuclide.decay_constant_per_h * start_h)
    if correction != "NONE":
        raise DosimetryError(
            f"Expected decay_correction NONE, START or ADMIN for {name}, received '{correction}'; type one of them."
        )
    if duration_s is None:
        raise DosimetryError(f"Expected duration_s for {name}, which is not decay corrected, received none; type it.")
    return float(acquisition_average_factor(nuclide.decay_constant_per_h / 3600.0, duration_s))
