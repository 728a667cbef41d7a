"""Spheres on a grid: occupancy of a sphere of known size and place, exact for the volume of whatever grid."""

import math

import numpy as np

from RNTDosimetryLib.base.checks import checked_array, checked_kind, checked_number, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import Region

_SAMPLES = 6


def sphere_volume_ml(diameter_mm: float) -> float:
    """pi/6 d3. Raises DosimetryError for what is no diameter in mm."""
    return math.pi / 6.0 * checked_diameter_mm(diameter_mm) ** 3 / 1000.0


def checked_diameter_mm(diameter_mm) -> float:
    """A positive diameter of up to a metre; DosimetryError otherwise."""
    return checked_number(diameter_mm, "a positive diameter in mm", "12.4 mm hold 1 mL", 0.01, 1000.0)


def sphere_occupancy(geometry: ImageGeometry, centre_lps_mm, diameter_mm: float) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Box of the grid around a sphere and the share of each of its voxels in the sphere, (z, y, x) float32.

    Voxels are sampled at 6 x 6 x 6 points; partial voxels are then scaled to the volume of the sphere. Raises DosimetryError
    when the sphere does not lie wholly within the grid.
    """
    checked_kind(geometry, ImageGeometry, "the grid of a sphere")
    diameter_mm = checked_diameter_mm(diameter_mm)
    centre_lps_mm = checked_array(centre_lps_mm, "the centre of a sphere")
    if centre_lps_mm.shape != (3,):
        raise DosimetryError(f"Expected the centre of a sphere as (x, y, z) LPS in mm, received {shown(centre_lps_mm)}; give three numbers.")
    to_index = np.linalg.inv(geometry.index_to_lps)
    index = (to_index @ np.append(centre_lps_mm, 1.0))[:3]
    reach = diameter_mm / 2.0 * np.linalg.norm(to_index[:3, :3], axis=1)
    low, high = np.floor(index - reach + 0.5).astype(int), np.ceil(index + reach + 0.5).astype(int)
    if np.any(index - reach < -0.5 - 1e-9) or np.any(index + reach > np.array(geometry.size[::-1]) - 0.5 + 1e-9):
        raise DosimetryError(
            f"Expected a sphere of {diameter_mm:.4g} mm within the image, received one at {np.round(centre_lps_mm, 1).tolist()} that leaves it; "
            "choose another place."
        )
    low, high = np.maximum(low, 0), np.minimum(high, geometry.size[::-1])
    offsets = (np.arange(_SAMPLES) + 0.5) / _SAMPLES - 0.5
    axes = [((np.arange(a, b)[:, None] + offsets).ravel() - c) for a, b, c in zip(low, high, index)]
    scaled = np.asarray(geometry.index_to_lps)[:3, :3]
    # Perpendicular axes: the distance is the sum of squares along them.
    squares = [(axis * np.linalg.norm(scaled[:, number])) ** 2 for number, axis in enumerate(axes)]
    inside = squares[2][:, None, None] + squares[1][None, :, None] + squares[0][None, None, :] <= (diameter_mm / 2.0) ** 2
    shape = [int(b - a) for a, b in zip(low, high)][::-1]
    share = inside.reshape(shape[0], _SAMPLES, shape[1], _SAMPLES, shape[2], _SAMPLES).mean(axis=(1, 3, 5))
    wanted = sphere_volume_ml(diameter_mm) / geometry.voxel_volume_ml
    if not share.any():
        nearest = tuple(np.clip(np.rint(index).astype(int) - low, 0, np.array(shape[::-1]) - 1)[::-1])
        share[nearest] = wanted
    for _ in range(4):
        partial = (share > 0) & (share < 1)
        missing = wanted - share.sum()
        if not partial.any() or abs(missing) < 1e-9 * wanted:
            break
        share[partial] = np.clip(share[partial] * (1.0 + missing / share[partial].sum()), 0.0, 1.0)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low[::-1], high[::-1]))
    return box, share.astype(np.float32)


def sphere_region(geometry: ImageGeometry, centre_lps_mm, diameter_mm: float, name: str, kind: str = "lesion") -> Region:
    """A sphere as a region with partial voxels. Raises DosimetryError when it leaves the grid."""
    box, share = sphere_occupancy(geometry, centre_lps_mm, diameter_mm)
    occupancy = np.zeros(geometry.size, dtype=np.float32)
    occupancy[box] = share
    return Region(name=name, geometry=geometry, occupancy=occupancy, kind=kind)
