"""Voxel S values: the dose-point kernel of a nuclide averaged over source and target voxel, for any spacing.

The displacement between two random points of two boxes k voxels apart has the density of a triangle along each axis. So the
energy E(r) of the point kernel goes to the voxels with the weights of a trilinear interpolation, averaged over directions,
which closes the energy exactly. Far from the source the kernel is smooth over a voxel and is sampled instead.
"""

import math
from dataclasses import dataclass, field
from itertools import permutations

import numpy as np

from RNTDosimetryLib.base.checks import checked_spacing, density_number, positive_number, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.dose.decay import JOULE_PER_MEV
from RNTDosimetryLib.dose.kernel_cache import load_arrays, store_arrays
from RNTDosimetryLib.dose.kernels import DosePointKernel, dose_point_kernel
from RNTDosimetryLib.nuclides import Nuclide, source_nuclide

ELECTRON_CUT_FRACTION = 1e-5
"""Fraction of the electron energy that the electron part may leave out; it is counted in the remainder."""

DEFAULT_EXTENT_MM = 200.0
_DEFAULT_VOXELS = 10_000_000
_LARGEST_OCTANT = 100_000_000
_MGY_G_PER_MBQ_S_MEV = JOULE_PER_MEV * 1e6 * 1e3 * 1e3
_SHELL_RATIO = 1.02
_JOIN_FROM, _JOIN_TO = 3.0, 6.0
_SMOOTH_FROM, _FLAT_FROM = 6.0, 15.0
_MOST_SUBDIVISIONS = 10


@dataclass(frozen=True)
class VoxelKernel(Record):
    """Voxel S values of one nuclide in one grid, in mGy/(MBq*s), as octants: offsets 0, 1, 2, ... along (z, y, x).

    electron_s holds the compact part of electrons and alphas, photon_s the wide part of photons and bremsstrahlung; the
    S value is their sum. Energies are per decay in MeV; what lies outside the arrays is the remainder.
    """

    nuclide: str
    spacing_mm: tuple[float, float, float]
    density_g_ml: float
    electron_total_mev: float
    photon_total_mev: float
    electron_inside_mev: float
    photon_inside_mev: float
    electron_s: np.ndarray = field(metadata=NOT_WRITTEN)
    photon_s: np.ndarray = field(metadata=NOT_WRITTEN)

    @property
    def voxel_mass_g(self) -> float:
        return self.density_g_ml * math.prod(self.spacing_mm) / 1000.0

    @property
    def electron_remainder(self) -> float:
        """Fraction of the electron and alpha energy outside the arrays."""
        return _remainder(self.electron_inside_mev, self.electron_total_mev)

    @property
    def photon_remainder(self) -> float:
        """Fraction of the photon and bremsstrahlung energy outside the arrays."""
        return _remainder(self.photon_inside_mev, self.photon_total_mev)

    @property
    def remainder(self) -> float:
        """Fraction of all energy per decay outside the arrays."""
        return _remainder(self.electron_inside_mev + self.photon_inside_mev, self.electron_total_mev + self.photon_total_mev)

    def octant(self) -> np.ndarray:
        """Octant (z, y, x) of all S values, offsets 0, 1, 2, ... along each axis."""
        shape = tuple(max(n, m) for n, m in zip(self.electron_s.shape, self.photon_s.shape))
        total = np.zeros(shape)
        for part in (self.electron_s, self.photon_s):
            total[tuple(slice(0, n) for n in part.shape)] += part
        return total

    def full(self) -> np.ndarray:
        """All S values (z, y, x) with odd sides and the source voxel in the middle."""
        values = self.octant()
        for axis, length in enumerate(values.shape):
            values = np.take(values, np.abs(np.arange(1 - length, length)), axis=axis)
        return values


def voxel_s_kernel(
    nuclide: str | Nuclide, spacing_mm, density_g_ml: float = 1.0, extent_mm: float | None = None, *, progeny: bool = True
) -> np.ndarray:
    """Voxel S values (z, y, x) in mGy/(MBq*s), with odd sides and the source voxel in the middle.

    progeny: in equilibrium with the nuclide, as in every dose, or False for the nuclide alone.
    spacing_mm: (z, y, x) or one number. The array reaches extent_mm to each side; by default as far as the electrons and
    200 mm for photons, less where that is over 10 million voxels. ``voxel_kernel`` states the energy that lies outside.
    Raises DosimetryError for an unknown nuclide, an implausible spacing or a density that cannot be.
    """
    spacing = checked_spacing(spacing_mm)
    shape = None
    if extent_mm is not None:
        reach = positive_number(extent_mm, "extent in mm", "type how far the kernel shall reach")
        shape = tuple(int(reach / side + 0.5) + 1 for side in spacing)
    return voxel_kernel(nuclide, spacing, density_g_ml, shape, progeny=progeny).full()


def voxel_kernel(
    nuclide: str | Nuclide, spacing_mm, density_g_ml: float = 1.0, shape=None, *, progeny: bool = True
) -> VoxelKernel:
    """Voxel S values as electron and photon octants with the energy they hold and the remainder.

    shape: offsets (z, y, x) that the octants may have at most. The shape of an image covers every pair of its voxels,
    so that nothing is cut that the image could receive. progeny: as ``voxel_s_kernel``. The kernel is stored on disk and read again for the same data.
    """
    nuclide = source_nuclide(nuclide, progeny)
    spacing = checked_spacing(spacing_mm)
    density = density_number(density_g_ml)
    point = dose_point_kernel(nuclide)
    scaled = tuple(side * density for side in spacing)
    reach = point.electron_radius_mm(1.0 - ELECTRON_CUT_FRACTION)
    electron_shape = tuple(int(reach / side) + 2 for side in scaled)
    photon_shape = _default_photon_shape(spacing, electron_shape) if shape is None else _checked_shape(shape)
    photon_shape = tuple(min(n, int(point.radius_mm[-1] / side) + 2) for n, side in zip(photon_shape, scaled))
    if shape is not None:
        electron_shape = tuple(min(n, m) for n, m in zip(electron_shape, photon_shape))
    key = {
        "nuclide": nuclide.to_dict(),
        "spacing_mm": list(scaled),
        "electron_shape": list(electron_shape),
        "photon_shape": list(photon_shape),
    }
    arrays = load_arrays(key)
    if arrays is None:
        arrays = _energies(point, scaled, electron_shape, photon_shape)
        store_arrays(key, arrays)
    return _as_kernel(point, spacing, density, *arrays)


def electron_octant_mev(nuclide: Nuclide, spacing_mm, density_g_ml: float, shape) -> np.ndarray:
    """Energy per decay in MeV of electrons and alphas alone, by offset (z, y, x), as far as they reach and at most ``shape``."""
    point = dose_point_kernel(nuclide)
    scaled = tuple(side * density_g_ml for side in spacing_mm)
    reach = point.electron_radius_mm(1.0 - ELECTRON_CUT_FRACTION)
    compact = tuple(min(n, int(reach / side) + 2) for n, side in zip(shape, scaled))
    key = {"nuclide": nuclide.to_dict(), "spacing_mm": list(scaled), "electron_shape": list(compact)}
    arrays = load_arrays(key)
    if arrays is None:
        arrays = (_in_rising_order(_electron_energy, point, scaled, compact),)
        store_arrays(key, arrays)
    return arrays[0]


def _energies(point: DosePointKernel, spacing, electron_shape, photon_shape) -> tuple[np.ndarray, np.ndarray]:
    """Electron and photon energy octants."""
    electrons = _in_rising_order(_electron_energy, point, spacing, electron_shape)
    return electrons, _in_rising_order(_photon_energy, point, spacing, photon_shape)


def _in_rising_order(energy_of, point: DosePointKernel, spacing, shape) -> np.ndarray:
    """An octant made with the spacings in rising order, so that swapping axes swaps the result."""
    order = np.argsort(spacing, kind="stable")
    octant = energy_of(point, tuple(spacing[axis] for axis in order), tuple(shape[axis] for axis in order))
    return np.ascontiguousarray(octant.transpose(np.argsort(order)))


def _as_kernel(point: DosePointKernel, spacing, density: float, electron: np.ndarray, photon: np.ndarray) -> VoxelKernel:
    mass_g = density * math.prod(spacing) / 1000.0
    electron_s, photon_s = (energy * (_MGY_G_PER_MBQ_S_MEV / mass_g) for energy in (electron, photon))
    for array in (electron_s, photon_s):
        array.flags.writeable = False
    return VoxelKernel(
        nuclide=point.nuclide,
        spacing_mm=spacing,
        density_g_ml=density,
        electron_total_mev=point.electron_total_mev,
        photon_total_mev=point.photon_total_mev,
        electron_inside_mev=_sum_of_octant(electron),
        photon_inside_mev=_sum_of_octant(photon),
        electron_s=electron_s,
        photon_s=photon_s,
    )


def _remainder(inside: float, total: float) -> float:
    return max(0.0, 1.0 - inside / total) if total else 0.0


def _sum_of_octant(octant: np.ndarray) -> float:
    counts = [np.where(np.arange(n) > 0, 2.0, 1.0) for n in octant.shape]
    return float(np.einsum("zyx,z,y,x", octant, *counts))


def _checked_shape(shape) -> tuple[int, int, int]:
    try:
        sides = tuple(int(n) for n in shape)
    except (TypeError, ValueError, OverflowError):
        sides = ()
    if len(sides) != 3 or min(sides) < 1 or math.prod(sides) > _LARGEST_OCTANT:
        raise DosimetryError(
            f"Expected three numbers of voxels (z, y, x), together at most {_LARGEST_OCTANT}, received {shown(shape)}; use coarser voxels."
        )
    return sides


def _default_photon_shape(spacing, electron_shape) -> tuple[int, ...]:
    reach = min(DEFAULT_EXTENT_MM, 0.5 * (_DEFAULT_VOXELS * math.prod(spacing)) ** (1.0 / 3.0))
    return tuple(max(int(reach / side) + 1, n) for side, n in zip(spacing, electron_shape))


def _electron_energy(point: DosePointKernel, spacing, shape) -> np.ndarray:
    """Electron and alpha energy per decay in each voxel of the octant, in MeV, by trilinear weights."""
    radius, energy = _steps(point.radius_mm, point.electron_within_mev)
    inside = radius <= point.electron_radius_mm(1.0 - ELECTRON_CUT_FRACTION)
    return _deposit(radius[inside], energy[inside], spacing, shape)


def _steps(radius_mm: np.ndarray, within_mev: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Radius and energy of the thin shells between the radii of a point kernel, the energy at the origin first."""
    middle = np.concatenate([[0.0], 0.5 * (radius_mm[1:] + radius_mm[:-1])])
    return middle, np.diff(within_mev, prepend=0.0)


def _photon_energy(point: DosePointKernel, spacing, shape) -> np.ndarray:
    """Photon energy per decay in each voxel of the octant, in MeV: trilinear weights near the source, samples far from it."""
    parts = [min(int(np.ceil(side / min(spacing))), _MOST_SUBDIVISIONS) for side in spacing]
    step = max(side / count for side, count in zip(spacing, parts))
    start, stop = _JOIN_FROM * step, _JOIN_TO * step
    radius, energy = _steps(point.radius_mm, point.photon_within_mev)
    inside = radius < stop
    near = _deposit(radius[inside], (energy * _near_share(radius, start, stop))[inside], spacing, shape)
    middle = np.sqrt(point.radius_mm[1:-1] * point.radius_mm[2:])
    per_mm = np.diff(point.photon_within_mev[1:]) / np.diff(point.radius_mm[1:])
    density = per_mm * (1.0 - _near_share(middle, start, stop)) / (4.0 * np.pi * middle**2)
    return near + _sampled(middle, density, spacing, shape, parts) * math.prod(spacing)


def _near_share(radius: np.ndarray, start: float, stop: float) -> np.ndarray:
    """Share of the near method: 1 up to start, 0 from stop, with a smooth step between."""
    position = np.clip((radius - start) / (stop - start), 0.0, 1.0)
    return 1.0 - position**3 * (10.0 - 15.0 * position + 6.0 * position**2)


def _deposit(radius_mm: np.ndarray, energy_mev: np.ndarray, spacing, shape) -> np.ndarray:
    """Energy of thin shells around the origin, shared among the voxels of the octant by trilinear weights over directions."""
    smallest, reach = min(spacing), float(radius_mm[-1])
    padded = tuple(int(reach / side) + 3 for side in spacing)
    total = np.zeros(padded)
    inner = radius_mm <= smallest
    total[:2, :2, :2] = _inner_cell(radius_mm[inner], energy_mev[inner], spacing)
    group = (np.log(np.maximum(radius_mm[~inner] / smallest, 1.0)) / np.log(_SHELL_RATIO)).astype(int)
    energies = np.bincount(group, energy_mev[~inner])
    moments = np.bincount(group, energy_mev[~inner] * radius_mm[~inner])
    for number in np.nonzero(energies > 0.0)[0]:
        radius = moments[number] / energies[number]
        count = int(min(40.0 + 8.0 * radius / smallest, 160.0))
        points = _octant_directions(count, int(number)) * (radius / np.asarray(spacing))
        total += _trilinear(points, energies[number] / len(points), padded)
    for axis, length in enumerate(padded):
        halves = np.where(np.arange(length) > 0, 0.5, 1.0)
        total = total * halves.reshape([-1 if i == axis else 1 for i in range(3)])
    total = _symmetric(total, spacing)
    result = np.zeros(shape)
    kept = tuple(slice(0, min(n, m)) for n, m in zip(shape, padded))
    result[kept] = total[kept]
    return result


def _inner_cell(radius_mm: np.ndarray, energy_mev: np.ndarray, spacing) -> np.ndarray:
    """Trilinear shares (2, 2, 2) of shells no larger than any spacing, in closed form.

    There the weights are polynomials in the direction cosines, whose means over an octant are 1/2 for one,
    2 / (3 pi) for a product of two and 1 / (4 pi) for all three.
    """
    means = (1.0, 0.5, 2.0 / (3.0 * np.pi), 1.0 / (4.0 * np.pi))
    moments = [mean * float(np.sum(energy_mev * radius_mm**power)) for power, mean in enumerate(means)]
    shares = np.zeros((2, 2, 2))
    for corner in np.ndindex(2, 2, 2):
        for taken in np.ndindex(2, 2, 2):
            if all(t >= c for c, t in zip(corner, taken)):
                sign = (-1.0) ** (sum(taken) - sum(corner))
                shares[corner] += sign * moments[sum(taken)] / math.prod(side for side, t in zip(spacing, taken) if t)
    return shares


def _symmetric(octant: np.ndarray, spacing) -> np.ndarray:
    """Mean over the orders of axes with equal spacing, so that the kernel is the same along them."""
    same = [order for order in permutations(range(3)) if all(spacing[i] == spacing[j] for i, j in enumerate(order))]
    return sum(octant.transpose(order) for order in same) / len(same)


def _octant_directions(count: int, number: int) -> np.ndarray:
    """count^2 directions (z, y, x) of one octant with equal weights; the grid is shifted from shell to shell."""
    shift_cosine, shift_angle = (0.5 + number * 0.7548776662466927) % 1.0, (0.5 + number * 0.5698402909980532) % 1.0
    cosine = (np.arange(count) + shift_cosine) / count
    angle = (np.arange(count) + shift_angle) / count * (np.pi / 2.0)
    sine = np.sqrt(1.0 - cosine**2)
    grid = np.empty((count, count, 3))
    grid[..., 0] = cosine[:, None]
    grid[..., 1] = sine[:, None] * np.sin(angle)
    grid[..., 2] = sine[:, None] * np.cos(angle)
    return grid.reshape(-1, 3)


def _trilinear(points: np.ndarray, energy: float, shape) -> np.ndarray:
    lower = points.astype(int)
    upper_share = points - lower
    total = np.zeros(math.prod(shape))
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, upper_share, 1.0 - upper_share), axis=1)
        index = np.ravel_multi_index((lower + corner).T, shape)
        total += np.bincount(index, weight, len(total))
    return total.reshape(shape) * energy


def _sampled(radius_mm, density, spacing, shape, parts) -> np.ndarray:
    """Mean over the displacement of source and target voxel of a density that is smooth over a voxel part, per voxel."""
    log_radius = np.log(radius_mm)
    axes = [np.arange(n) * side for n, side in zip(shape, spacing)]
    result = np.empty(shape)
    largest = max(spacing)
    two_points = [_displacements(side, 1) for side in spacing]
    fine_points = [_displacements(side, count) for side, count in zip(spacing, parts)]
    for plane, z in enumerate(axes[0]):
        squared = axes[1][:, None] ** 2 + axes[2][None, :] ** 2 + z * z
        values = _at(squared, log_radius, density)
        distance = np.sqrt(squared)
        for low, high, points in ((-1.0, _SMOOTH_FROM, fine_points), (_SMOOTH_FROM, _FLAT_FROM, two_points)):
            y, x = np.nonzero((distance > low * largest) & (distance <= high * largest))
            if y.size:
                values[y, x] = _averaged(z, axes[1][y], axes[2][x], points, log_radius, density)
        result[plane] = values
    return result


def _averaged(z, y, x, points, log_radius, density) -> np.ndarray:
    total = np.zeros(len(y))
    for offset_z, weight_z in zip(*points[0]):
        for offset_y, weight_y in zip(*points[1]):
            for offset_x, weight_x in zip(*points[2]):
                squared = (z + offset_z) ** 2 + (y + offset_y) ** 2 + (x + offset_x) ** 2
                total += weight_z * weight_y * weight_x * _at(squared, log_radius, density)
    return total


def _at(squared_radius, log_radius, density) -> np.ndarray:
    return np.interp(0.5 * np.log(np.maximum(squared_radius, 1e-12)), log_radius, density, right=0.0)


def _displacements(side: float, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of the displacement along one axis: the triangle of full width 2 side, from equal parts of a voxel.

    Each part is replaced by two points at its own standard deviation, part / sqrt(6).
    """
    steps = np.arange(1 - parts, parts)
    weight = (parts - np.abs(steps)) / parts**2
    part = side / parts
    offsets = np.add.outer(steps * part, np.array([-1.0, 1.0]) * part / math.sqrt(6.0))
    return offsets.ravel(), np.repeat(weight / 2.0, 2)
