"""A made-up patient for registration: Hounsfield units by formula, so that any motion and grid can be scanned."""

import numpy as np
from scipy.spatial.transform import Rotation

from RNTDosimetryLib.images import CtImage, ImageGeometry

GRID = ImageGeometry((56, 60, 84), (5.0, 5.0, 5.0), (-207.5, -147.5, 0.0))


def patient(points):
    """Hounsfield units at LPS points: an elliptic trunk with spine, ribs, liver, kidneys and lungs that end at different heights."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    value = np.where((x / 165) ** 2 + (y / 110) ** 2 < 1, -80.0, -1000.0)
    value = np.where((x / 150) ** 2 + (y / 95) ** 2 < 1, 45.0, value)

    def ellipsoid(cx, cy, cz, rx, ry, rz, hounsfield):
        return np.where(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 < 1, hounsfield, value)

    value = ellipsoid(-70, 0, 260, 55, 70, 60, -800.0)
    value = ellipsoid(75, 5, 265, 50, 65, 70, -800.0)
    value = ellipsoid(-65, -10, 170, 70, 65, 55, 110.0)
    value = ellipsoid(-60, 55, 95, 28, 24, 50, 160.0)
    value = ellipsoid(62, 55, 110, 28, 24, 52, 160.0)
    value = ellipsoid(20, -40, 60, 60, 30, 25, -300.0)
    for level in range(10):
        value = ellipsoid(0, 70, 15 + 29 * level, 24, 20, 10, 350.0)
    ring = np.abs(np.hypot(x / 140, y / 88) - 1) < 0.04
    return np.where(ring & (np.mod(z - 0.25 * y + 0.1 * x, 30) < 9) & (z > 120), 400.0, value)


def scan(matrix=None, grid=GRID, couch=0.0, noise=15.0, seed=1, name="CT"):
    """CT of the moved patient: tissue at p in the reference lies at matrix @ p. The couch does not move with the patient."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in grid.size), indexing="ij")
    points = (np.stack([x, y, z, np.ones_like(x)], axis=-1) @ grid.index_to_lps.T)[..., :3]
    inverse = np.linalg.inv(np.eye(4) if matrix is None else matrix)
    value = patient(points @ inverse[:3, :3].T + inverse[:3, 3])
    table = (np.abs(points[..., 1] - 128 - couch) < 6) & (np.abs(points[..., 0]) < 190)
    value = np.where(table & (value < -500), 200.0, value)
    return CtImage(name, grid, value + np.random.default_rng(seed).normal(0, noise, grid.size))


def motion(degrees, shift_mm, seed):
    random = np.random.default_rng(seed)
    axis, direction = (vector / np.linalg.norm(vector) for vector in random.normal(size=(2, 3)))
    rotation = Rotation.from_rotvec(np.radians(degrees) * axis).as_matrix()
    centre = np.array([0.0, 0.0, 137.5])
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = centre + shift_mm * direction - rotation @ centre
    return matrix


def body_points():
    return np.array([[x, y, z, 1.0] for x in (-110, 0, 110) for y in (-60, 0, 60) for z in (40, 140, 240)])


def mean_displacement_mm(found, truth):
    return float(np.linalg.norm(((np.asarray(found) - truth) @ body_points().T)[:3], axis=0).mean())
