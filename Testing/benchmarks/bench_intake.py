"""Reading DICOM: four scans of clinical size from files to resampled activity, and twice 2000 damaged files.

The clinical case runs in a process of its own, so that its peak memory is that of reading, aligning and resampling only.
"""

import collections
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FUZZ_CASES = 2000
HOURS = (4, 24, 72, 168)


def run():
    """Rows (name, value, unit, requirement)."""
    with tempfile.TemporaryDirectory() as folder:
        _write_clinical(Path(folder))
        answer = subprocess.run(
            [sys.executable, __file__, folder], check=True, capture_output=True, text=True, env=_environment()
        )
        seconds, gigabytes, error_mm = json.loads(answer.stdout.splitlines()[-1])
    rows = [row for kinds in ("SPECT and PET", "time frames, dialects, planar") for row in _fuzz_rows(kinds)]
    return [
        ("four SPECT 128^3 with CT 512 x 512 x 150: intake, registration, resampling", seconds, "s", "<= 90"),
        ("the same, peak memory", gigabytes, "GB", "<= 4"),
        ("the same, largest displacement of the body after registration", error_mm, "mm", "<= 1.5"),
        *rows,
    ]


def _fuzz_rows(kinds: str):
    counts, slowest = _fuzz(kinds)
    name = f"{FUZZ_CASES} damaged files of {kinds}"
    return [
        (f"{name}, crashes", float(sum(n for what, n in counts.items() if what.startswith("crash"))), "", "<= 0"),
        (f"{name}, refused with a sentence", float(counts["refused"]), "", ""),
        (f"{name}, refused without", float(counts["refused without a sentence"]), "", "<= 0"),
        (f"{name}, slowest", slowest, "s", "<= 10"),
    ]


def _fuzz(kinds: str):
    from fixtures.fuzz_dicom import DIALECTS, MORE_KINDS, outcome, write_more_kinds, write_patients

    write, names = (write_patients, DIALECTS) if kinds == "SPECT and PET" else (write_more_kinds, MORE_KINDS)
    counts, slowest = collections.Counter(), 0.0
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        for seed in range(FUZZ_CASES):
            start = time.perf_counter()
            counts[outcome(Path(folder), seed, names)[0].split(":")[0]] += 1
            slowest = max(slowest, time.perf_counter() - start)
    return counts, slowest


def _write_clinical(folder: Path) -> None:
    from fixtures.dicom_fixtures import ROOT, Grid, Spect, write_ct, write_spect

    spect = Grid(size=(128, 128, 128), spacing=(4.8, 4.8, 4.8), center=(0.0, 0.0, 140.0))
    ct = Grid(size=(150, 512, 512), spacing=(2.0, 0.97, 0.97), center=(0.0, 0.0, 140.0))
    for number, hours in enumerate(HOURS):
        frame, hounsfield = f"{ROOT}.{hours}", _hounsfield(ct, number)
        write_ct(folder / f"ct{hours}", ct, frame=frame, uid=f"{ROOT}.1.{hours}", start_h=hours, hounsfield=hounsfield)
        write_spect(
            folder / f"spect{hours}",
            Spect(start_h=hours, grid=spect, frame=frame, uid=f"{ROOT}.2.{hours}", points_of=_small_activity),
        )


def _small_activity(points, start_h):
    from fixtures.dicom_fixtures import true_concentration

    return true_concentration(points, start_h) / 10


def _hounsfield(grid, number: int):
    import numpy as np
    from fixtures.moving_patient import scan

    from RNTDosimetryLib.images import ImageGeometry

    geometry = ImageGeometry(grid.size, grid.spacing, tuple(grid.position()))
    return np.clip(scan(_motion(number), geometry, seed=number).hounsfield, -1024, 3000)


def _motion(number: int):
    from fixtures.moving_patient import motion

    return motion(1.0 + number, 6.0 * number, seed=number)


def _environment() -> dict:
    root = Path(__file__).resolve().parents[2]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "Testing")])}


def _measure(folder: str) -> None:
    import numpy as np
    from fixtures.moving_patient import mean_displacement_mm

    from benchmarks.memory import peak_memory_gb
    from RNTDosimetryLib.images import resample_activity
    from RNTDosimetryLib.intake import read_folder
    from RNTDosimetryLib.registration import register_rigid

    start = time.perf_counter()
    intake = read_folder(folder)
    reference = intake.time_points[0].load_ct()
    errors = []
    for number, point in enumerate(intake.time_points):
        result = register_rigid(reference, point.load_ct() if number else reference)
        truth = _motion(number) @ np.linalg.inv(_motion(0))
        errors.append(mean_displacement_mm(result.matrix, truth))
        resample_activity(point.activity, intake.time_points[0].activity.geometry, result.matrix)
    seconds = time.perf_counter() - start
    print(json.dumps([seconds, peak_memory_gb(), max(errors)]))


if __name__ == "__main__":
    _measure(sys.argv[1])
