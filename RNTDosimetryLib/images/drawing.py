"""Regions drawn by the image: isocontour, fixed threshold, the hottest sphere of a fixed size, and the sphere of equal volume."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from RNTDosimetryLib.base.checks import LARGEST_NUMBER, checked_array, checked_kind, checked_number, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.geometry import ImageGeometry, sphere_diameter_mm
from RNTDosimetryLib.images.resampling import centers_inside
from RNTDosimetryLib.images.volumes import ActivityImage, Region

USUAL_FRACTIONS = (0.30, 0.42)
"""Share of the maximum that is common for isocontours of lesions."""

_KERNEL_SAMPLES = 5
_FEW_VOXELS = 8


@dataclass(frozen=True)
class DrawnRegion(Record):
    """A region drawn by the image. threshold_bq_ml: None for a sphere. maximum_bq_ml, mean_bq_ml: in the region, of the image.
    center_lps_mm: of the hottest voxel, or of the sphere."""

    region: Region
    mean_bq_ml: float
    maximum_bq_ml: float
    center_lps_mm: tuple[float, float, float]
    threshold_bq_ml: float | None = None
    warnings: tuple[str, ...] = ()


def isocontour(
    image: ActivityImage,
    fraction: float = 0.41,
    within: Region | None = None,
    background_bq_ml: float = 0.0,
    name: str = "isocontour",
) -> DrawnRegion:
    """Voxels at or above a share of the maximum that hang together with it (by faces).

    within: where to look for the maximum and how far to draw; the whole image when None. background_bq_ml: then the threshold is
    b + fraction x (maximum - b). Raises DosimetryError for a share not between 0 and 1, and when nothing is above the background.
    """
    checked_number(fraction, "a share of the maximum", "give 0.41 for 41 %", 0.0, 1.0, above=True, below=True)
    checked_number(background_bq_ml, "a background in Bq/mL", "measure it near the lesion", least=-LARGEST_NUMBER)
    allowed = _allowed(image, within)
    place, maximum = _hottest(image, allowed)
    if not maximum > background_bq_ml:
        raise DosimetryError(
            f"Expected a maximum above the background of {background_bq_ml:.4g} Bq/mL, received {maximum:.4g}; look elsewhere."
        )
    threshold = background_bq_ml + fraction * (maximum - background_bq_ml)
    warnings = []
    if not USUAL_FRACTIONS[0] <= fraction <= USUAL_FRACTIONS[1]:
        warnings.append(
            warned("unusual_contour_fraction", name=name, fraction=fraction, least=USUAL_FRACTIONS[0], most=USUAL_FRACTIONS[1])
        )
    return _drawn(image, allowed, threshold, place, name, warnings)


def fixed_threshold(
    image: ActivityImage, threshold_bq_ml: float, within: Region | None = None, connected: bool = True, name: str = "threshold"
) -> DrawnRegion:
    """Voxels at or above a concentration; connected: only those that hang together with the hottest one.

    Raises DosimetryError when no voxel reaches it.
    """
    checked_number(threshold_bq_ml, "a positive threshold in Bq/mL", "type one", above=True)
    allowed = _allowed(image, within)
    place, maximum = _hottest(image, allowed)
    if maximum < threshold_bq_ml:
        raise DosimetryError(
            f"Expected voxels at or above {threshold_bq_ml:.4g} Bq/mL, received a maximum of {maximum:.4g}; lower the threshold."
        )
    return _drawn(image, allowed, threshold_bq_ml, place, name, [], connected)


def hot_sphere(
    image: ActivityImage, diameter_mm: float = 12.4, within: Region | None = None, name: str = "hot sphere"
) -> DrawnRegion:
    """The sphere of a fixed size with the highest mean, its center on a voxel center.

    diameter_mm: 12.4 holds 1 mL. within: where the center may lie. The mean is over partial voxels. Only places where the
    whole sphere lies in the image count. Raises DosimetryError when there is none.
    """
    from scipy.signal import fftconvolve

    diameter_mm = checked_diameter_mm(diameter_mm)
    checked_kind(image, ActivityImage, "the activity image")
    geometry = image.geometry
    reach = np.ceil(diameter_mm / 2.0 / np.asarray(geometry.spacing_mm) - 0.5 + 1e-9).astype(int)
    size = np.array(geometry.size)
    allowed = _allowed(image, within)
    whole = np.zeros(geometry.size, dtype=bool)
    if np.all(size > 2 * reach):
        whole[tuple(slice(int(r), int(n - r)) for r, n in zip(reach, size))] = True
    if not (allowed & whole).any():
        raise DosimetryError(f"Expected a place for a whole sphere of {diameter_mm:.4g} mm, received none; use a smaller one.")
    # Only the part of the image that a sphere at an allowed place can touch.
    filled = np.argwhere(allowed & whole)
    low, high = filled.min(axis=0) - reach, filled.max(axis=0) + reach + 1
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high))
    means = fftconvolve(
        image.concentration_bq_ml[box].astype(np.float64), _sphere_kernel(geometry.spacing_mm, diameter_mm, reach), mode="valid"
    )
    inner = tuple(slice(int(a + r), int(b - r)) for a, b, r in zip(low, high, reach))
    means[~(allowed & whole)[inner]] = -np.inf
    index = np.array(np.unravel_index(int(np.argmax(means)), means.shape)) + low + reach
    center = (geometry.index_to_lps @ np.append(index[::-1], 1.0))[:3]
    region = sphere_region(geometry, center, diameter_mm, name)
    share = region.occupancy.astype(np.float64)
    values = image.concentration_bq_ml[share > 0].astype(np.float64)
    mean = float((values * share[share > 0]).sum() / share.sum())
    warnings = []
    if sphere_volume_ml(diameter_mm) < geometry.voxel_volume_ml * _FEW_VOXELS:
        warnings.append(warned("small_sphere", name=name, diameter=diameter_mm, count=_FEW_VOXELS))
    return DrawnRegion(
        region, mean, float(values.max()), (float(center[0]), float(center[1]), float(center[2])), None, tuple(warnings)
    )


@dataclass(frozen=True)
class EquivalentSphere(Record):
    """The sphere with the volume of a region. elongation: longest over shortest axis of the ellipsoid with the same second
    moments, 1 for a sphere; far from 1 a sphere is a poor model of the region's dose and partial volume."""

    volume_ml: float
    diameter_mm: float
    elongation: float


def equivalent_sphere(region: Region) -> EquivalentSphere:
    """Sphere of equal volume, and how far the region is from one."""
    weights = np.asarray(checked_kind(region, Region, "the region").occupancy, dtype=np.float64)
    index = np.nonzero(weights)
    share = weights[index] / weights[index].sum()
    points = np.stack([part * step for part, step in zip(index, region.geometry.spacing_mm)])
    points = points - (points * share).sum(axis=1, keepdims=True)
    # Each voxel is a box with a second moment of its own, so that one voxel is no point.
    moments = (points * share) @ points.T + np.diag(np.asarray(region.geometry.spacing_mm) ** 2 / 12.0)
    axes = np.sqrt(np.linalg.eigvalsh(moments))
    return EquivalentSphere(region.volume_ml, sphere_diameter_mm(region.volume_ml), float(axes[-1] / axes[0]))


def _allowed(image: ActivityImage, within: Region | None) -> np.ndarray:
    checked_kind(image, ActivityImage, "the activity image")
    if within is None:
        return np.ones(image.geometry.size, dtype=bool)
    allowed = centers_inside(checked_kind(within, Region, "the region to look in"), image.geometry)
    if not allowed.any():
        raise DosimetryError(
            f"Expected region '{within.name}' to hold a voxel of '{image.name}', received none; check that they are aligned."
        )
    return allowed


def _hottest(image: ActivityImage, allowed: np.ndarray) -> tuple[tuple[int, ...], float]:
    masked = np.where(allowed, image.concentration_bq_ml, -np.inf)
    place = np.unravel_index(int(np.argmax(masked)), masked.shape)
    return tuple(int(value) for value in place), float(masked[place])


def _drawn(
    image: Any, allowed: Any, threshold: float, place: Any, name: str, warnings: list[str], connected: bool = True
) -> DrawnRegion:
    from scipy import ndimage

    geometry = image.geometry
    mask = allowed & (image.concentration_bq_ml >= threshold)
    if connected:
        labels, _ = ndimage.label(mask)
        mask = labels == labels[place]
    at_edge = [mask.take(end, axis=axis).any() for axis in range(3) for end in (0, -1) if geometry.size[axis] > 1]
    if any(at_edge):
        warnings.append(warned("contour_at_the_edge", name=name))
    if np.count_nonzero(mask) < _FEW_VOXELS:
        warnings.append(warned("contour_of_few_voxels", name=name, count=_FEW_VOXELS))
    values = image.concentration_bq_ml[mask].astype(np.float64)
    center = (geometry.index_to_lps @ np.append(place[::-1], 1.0))[:3]
    region = Region(name=name, geometry=geometry, occupancy=mask, kind="lesion")
    return DrawnRegion(
        region,
        float(values.mean()),
        float(values.max()),
        (float(center[0]), float(center[1]), float(center[2])),
        float(threshold),
        tuple(warnings),
    )


def _sphere_kernel(spacing_mm: Any, diameter_mm: float, reach: np.ndarray) -> np.ndarray:
    """Share of each voxel around the center of one in a sphere, over all, (z, y, x)."""
    n = _KERNEL_SAMPLES
    offsets = (np.arange(n) + 0.5) / n - 0.5
    axes = [((np.arange(-r, r + 1)[:, None] + offsets).ravel() * step) ** 2 for r, step in zip(reach, spacing_mm)]
    inside = axes[0][:, None, None] + axes[1][None, :, None] + axes[2][None, None, :] <= (diameter_mm / 2.0) ** 2
    kernel = inside.reshape(2 * reach[0] + 1, n, 2 * reach[1] + 1, n, 2 * reach[2] + 1, n).mean(axis=(1, 3, 5))
    if not kernel.any():
        kernel[tuple(reach)] = 1.0
    return kernel / kernel.sum()


_SAMPLES = 6


def sphere_volume_ml(diameter_mm: float) -> float:
    """pi/6 d3. Raises DosimetryError for what is no diameter in mm."""
    return math.pi / 6.0 * checked_diameter_mm(diameter_mm) ** 3 / 1000.0


def checked_diameter_mm(diameter_mm: Any) -> float:
    """A positive diameter of up to a meter; DosimetryError otherwise."""
    return checked_number(diameter_mm, "a positive diameter in mm", "12.4 mm hold 1 mL", 0.01, 1000.0)


def sphere_occupancy(
    geometry: ImageGeometry, center_lps_mm: Any, diameter_mm: float
) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Box of the grid around a sphere and the share of each of its voxels in the sphere, (z, y, x) float32.

    Voxels are sampled at 6 x 6 x 6 points; partial voxels are then scaled to the volume of the sphere. Raises DosimetryError
    when the sphere does not lie wholly within the grid.
    """
    checked_kind(geometry, ImageGeometry, "the grid of a sphere")
    diameter_mm = checked_diameter_mm(diameter_mm)
    center_lps_mm = checked_array(center_lps_mm, "the center of a sphere")
    if center_lps_mm.shape != (3,):
        raise DosimetryError(
            f"Expected the center of a sphere as (x, y, z) LPS in mm, received {shown(center_lps_mm)}; give three numbers."
        )
    to_index = np.linalg.inv(geometry.index_to_lps)
    index = (to_index @ np.append(center_lps_mm, 1.0))[:3]
    reach = diameter_mm / 2.0 * np.linalg.norm(to_index[:3, :3], axis=1)
    low, high = np.floor(index - reach + 0.5).astype(int), np.ceil(index + reach + 0.5).astype(int)
    if np.any(index - reach < -0.5 - 1e-9) or np.any(index + reach > np.array(geometry.size[::-1]) - 0.5 + 1e-9):
        raise DosimetryError(
            f"Expected a sphere of {diameter_mm:.4g} mm within the image, received one at {np.round(center_lps_mm, 1).tolist()} that leaves it; "
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
    box = [slice(int(a), int(b)) for a, b in zip(low[::-1], high[::-1])]
    return (box[0], box[1], box[2]), share.astype(np.float32)


def sphere_region(geometry: ImageGeometry, center_lps_mm: Any, diameter_mm: float, name: str, kind: str = "lesion") -> Region:
    """A sphere as a region with partial voxels. Raises DosimetryError when it leaves the grid."""
    box, share = sphere_occupancy(geometry, center_lps_mm, diameter_mm)
    occupancy = np.zeros(geometry.size, dtype=np.float32)
    occupancy[box] = share
    return Region(name=name, geometry=geometry, occupancy=occupancy, kind=kind)
