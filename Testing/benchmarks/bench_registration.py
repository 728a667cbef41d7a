"""Rigid registration of a made-up patient over random motions, with different fields of view and a couch that stays."""

import time

import numpy as np
from images.moving_patient import GRID, mean_displacement_mm, motion, scan

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images import ImageGeometry, register_rigid

MOTIONS = 50


def run():
    """50 motions up to 40 mm and 10 degrees: displacement of the body, share within 2 mm, misses without a warning, time."""
    fixed = scan(name="fixed")
    random = np.random.default_rng(2024)
    errors, unflagged, seconds = [], 0, []
    for number in range(MOTIONS):
        truth = motion(random.uniform(0, 10), random.uniform(0, 40), seed=1000 + number)
        moving = scan(truth, _field_of_view(random), couch=random.uniform(-10, 10), seed=number)
        start = time.perf_counter()
        try:
            result = register_rigid(fixed, moving)
        except DosimetryError:
            errors.append(np.inf)
            continue
        seconds.append(time.perf_counter() - start)
        errors.append(mean_displacement_mm(result.matrix, truth))
        unflagged += errors[-1] > 2.0 and not result.warnings
    errors = np.array(errors)
    return [
        ("rigid registration, share of 50 motions within 2 mm", float(100 * np.mean(errors <= 2.0)), "%", ">= 95"),
        ("rigid registration, misses without a warning", float(unflagged), "", "<= 0"),
        ("rigid registration, median displacement of the body", float(np.median(errors)), "mm", "<= 0.5"),
        ("rigid registration, largest displacement", float(errors.max()), "mm", ""),
        ("rigid registration, mean time", float(np.mean(seconds)), "s", "<= 15"),
    ]


def _field_of_view(random) -> ImageGeometry:
    """The fixed grid with up to 60 mm less at each end, and other voxels."""
    low, high = random.uniform(0, 60, 2)
    spacing = (random.uniform(3, 5), 4.0, 4.0)
    size = (int((GRID.size[0] * 5 - low - high) / spacing[0]), 80, 110)
    return ImageGeometry(size, spacing, (-217.5, -157.5, float(low)))
