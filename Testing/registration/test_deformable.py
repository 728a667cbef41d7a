"""Deformable alignment of a made-up patient whose deformation is known by formula."""

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.moving_patient import motion, patient

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ActivityImage, CtImage, ImageGeometry
from RNTDosimetryLib.registration.deformable import deform_activity, register_deformable

GRID = ImageGeometry((35, 38, 52), (8.0, 8.0, 8.0), (-204.0, -148.0, 1.5))
CENTER, WIDTH_MM = np.array([-30.0, 10.0, 150.0]), 70.0
PUSH_MM = np.array([4.0, -6.0, 12.0])
ORGANS = np.array([[x, y, z] for x in (-90, -60, -30) for y in (-30, 10, 50) for z in (110, 150, 190)], dtype=float)


def displacement(points):
    """Tissue at p in the fixed image lies at p + u(p) in the moving one: a smooth push of the right upper abdomen by 14 mm."""
    distance2 = ((points - CENTER) ** 2).sum(axis=-1, keepdims=True)
    return PUSH_MM * np.exp(-0.5 * distance2 / WIDTH_MM**2)


def points_of(grid):
    z, y, x = np.meshgrid(*(np.arange(n) for n in grid.size), indexing="ij")
    return (np.stack([x, y, z, np.ones_like(x)], axis=-1) @ grid.index_to_lps.T)[..., :3]


def undeformed(points):
    """Where tissue at points of the moving image lies in the fixed one, by fixed-point iteration."""
    found = points
    for _ in range(12):
        found = points - displacement(found)
    return found


def scans(matrix=None, seed=1):
    """Fixed CT, and the CT of the deformed and then moved patient."""
    inverse = np.linalg.inv(np.eye(4) if matrix is None else matrix)
    points = points_of(GRID) @ inverse[:3, :3].T + inverse[:3, 3]
    rng = np.random.default_rng(seed)
    fixed = CtImage("fixed", GRID, patient(points_of(GRID)) + rng.normal(0, 10, GRID.size))
    return fixed, CtImage("moving", GRID, patient(undeformed(points)) + rng.normal(0, 10, GRID.size))


RIGID = motion(6.0, 20.0, seed=3)


@pytest.fixture(scope="module")
def deformed():
    """Moved by 6 degrees and 20 mm, known from the rigid registration, and pushed."""
    fixed, moving = scans(RIGID)
    return fixed, moving, register_deformable(fixed, moving, RIGID)


def errors_mm(result):
    truth = (ORGANS + displacement(ORGANS)) @ RIGID[:3, :3].T + RIGID[:3, 3]
    return np.linalg.norm(result.moving_points(ORGANS) - truth, axis=1)


def test_known_deformation_is_found(deformed):
    """27 points in the right upper abdomen, pushed by 7 to 14 mm on top of the rigid motion: within 3 mm on average.

    The chain is T(p) = rigid(p + u(p)).
    """
    _, _, result = deformed
    before = np.linalg.norm(displacement(ORGANS), axis=1)
    assert before.mean() > 9
    assert errors_mm(result).mean() < 3.0
    assert result.correlation_deformed > result.correlation_rigid + 0.01
    assert 0.5 < result.volume_ratio_min < 1 < result.volume_ratio_max < 2
    assert result.warnings == ()


def test_activity_comes_back_to_the_fixed_grid(deformed):
    """A lesion in the pushed part: its centroid returns to the fixed place within 3 mm, 12 mm away before; its level stays."""
    _, _, result = deformed
    grid = ImageGeometry((60, 66, 90), (4.7, 4.6, 4.7), (-207.0, -147.0, 0.0))
    place = np.array([-60.0, 10.0, 150.0])
    inverse = np.linalg.inv(RIGID)
    before_motion = points_of(grid) @ inverse[:3, :3].T + inverse[:3, 3]
    lump = 1e6 * np.exp(-0.5 * ((undeformed(before_motion) - place) ** 2).sum(axis=-1) / 15.0**2)
    image = ActivityImage("SPECT", grid, lump, "Lu-177", 24.0)
    back = deform_activity(image, GRID, result)
    assert centroid(back.image.concentration_bq_ml, GRID) == pytest.approx(place, abs=3.0)
    assert np.linalg.norm(centroid(lump, grid) - place) > 10
    assert float(back.image.concentration_bq_ml.max()) == pytest.approx(1e6, rel=0.07)
    assert back.coverage > 0.85


def centroid(values, grid):
    return (points_of(grid) * values[..., None]).sum(axis=(0, 1, 2)) / values.sum()


def test_activity_images_are_registered_too_and_alike_with_any_number_of_threads():
    """SPECT to SPECT: several lumps of uptake, pushed; the points of high uptake follow within 4 mm on average."""
    centers = np.array([[-60, 10, 150], [-90, 50, 110], [-30, -30, 190], [60, 50, 110], [0, 0, 60], [-60, -40, 110]], dtype=float)

    def uptake(points):
        return sum(1e6 * np.exp(-0.5 * ((points - center) ** 2).sum(axis=-1) / 18.0**2) for center in centers) + 3e4

    grid = ImageGeometry((26, 22, 30), (10.0, 10.0, 10.0), (-180.0, -100.0, 0.0))
    images = [
        ActivityImage("SPECT", grid, uptake(points), "Lu-177", 24.0) for points in (points_of(grid), undeformed(points_of(grid)))
    ]
    result = register_deformable(*images)
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads + 2)
    try:
        again = register_deformable(*images)
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    assert np.array_equal(again.coefficients, result.coefficients)
    assert np.linalg.norm(result.moving_points(centers) - centers - displacement(centers), axis=1).mean() < 4.0


def test_the_record_is_written(deformed):
    data = deformed[2].to_dict()
    assert data["displacement_max_mm"] > 10
    assert "coefficients" not in data


def test_unusable_images_are_refused(deformed):
    fixed, moving, result = deformed
    spect = ActivityImage("SPECT", GRID, np.ones(GRID.size), "Lu-177", 24.0)
    far = np.eye(4)
    far[:3, 3] = 2000.0
    elsewhere = ImageGeometry((4, 4, 4), (5.0, 5.0, 5.0), (5000.0, 0.0, 0.0))
    for request, message in (
        (lambda: register_deformable(fixed, spect), "register like with like"),
        (lambda: register_deformable(fixed, moving, control_spacing_mm=5.0), "control points 30 mm apart"),
        (lambda: register_deformable(fixed, moving, np.diag([-1, 1, 1, 1])), "mirrors the patient"),
        (lambda: register_deformable(fixed, moving, far), "register rigidly first"),
        (lambda: register_deformable(CtImage("air", GRID, np.full(GRID.size, -1000.0)), moving), "or more voxels"),
        (lambda: deform_activity(spect, elsewhere, result), "to overlap the target grid"),
    ):
        with pytest.raises(DosimetryError, match=message):
            request()
