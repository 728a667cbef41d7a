"""Rigid registration of a made-up patient over random motions: CT to CT and SPECT to SPECT, with different fields of view."""

import time

import numpy as np
from fixtures.moving_activity import activity_scan, field_of_view
from fixtures.moving_patient import GRID, mean_displacement_mm, motion, scan

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ImageGeometry
from RNTDosimetryLib.registration import register_rigid, register_rigid_activity

MOTIONS = 50


def run():
    """50 motions up to 40 mm and 10 degrees of each kind: displacement of the body, share within 2 mm, misses without a flag, time."""
    fixed_ct, fixed_activity = scan(name="fixed"), activity_scan()
    return [
        *measured("CT to CT", _ct_pairs(fixed_ct), register_rigid),
        *measured("SPECT to SPECT", _activity_pairs(fixed_activity), register_rigid_activity),
    ]


def measured(name, pairs, register):
    """Rows of one kind of images. A miss is flagged when its quality is, beside the advice that every SPECT alignment carries."""
    errors, unflagged, seconds = [], 0, []
    for fixed, moving, truth in pairs:
        start = time.perf_counter()
        try:
            result = register(fixed, moving)
        except DosimetryError:
            errors.append(np.inf)
            continue
        seconds.append(time.perf_counter() - start)
        errors.append(mean_displacement_mm(result.matrix, truth))
        unflagged += errors[-1] > 2.0 and not any(text.startswith("registration of") for text in result.warnings)
    errors = np.array(errors)
    return [
        (f"{name}, share of 50 motions within 2 mm", float(100 * np.mean(errors <= 2.0)), "%", ">= 95"),
        (f"{name}, misses that the quality does not flag", float(unflagged), "", "<= 0"),
        (f"{name}, median displacement of the body", float(np.median(errors)), "mm", "<= 0.5"),
        (f"{name}, largest displacement", float(errors.max()), "mm", ""),
        (f"{name}, mean time", float(np.mean(seconds)), "s", "<= 15"),
    ]


def _ct_pairs(fixed):
    random = np.random.default_rng(2024)
    for number in range(MOTIONS):
        truth = motion(random.uniform(0, 10), random.uniform(0, 40), seed=1000 + number)
        yield fixed, scan(truth, _ct_field_of_view(random), couch=random.uniform(-10, 10), seed=number), truth


def _activity_pairs(fixed):
    random = np.random.default_rng(2025)
    for number in range(MOTIONS):
        truth = motion(random.uniform(0, 10), random.uniform(0, 40), seed=2000 + number)
        yield fixed, activity_scan(truth, True, field_of_view(random), seed=number), truth


def _ct_field_of_view(random) -> ImageGeometry:
    """The fixed grid with up to 60 mm less at each end, and other voxels."""
    low, high = random.uniform(0, 60, 2)
    spacing = (random.uniform(3, 5), 4.0, 4.0)
    size = (int((GRID.size[0] * 5 - low - high) / spacing[0]), 80, 110)
    return ImageGeometry(size, spacing, (-217.5, -157.5, float(low)))
