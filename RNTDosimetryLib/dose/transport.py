"""Electrons in a medium of uneven density: energy moves in mass depth, the density times the way along a line.

The voxel kernel spreads every decay as if the density at the decay went on for ever. Here the same energy moves along the lines of
voxels by the plane kernel of the nuclide, as a function of the mass between two voxels, along one axis after the other. For layers
of any density, on any axis, that is exact; what it misses of the kernel in three dimensions is the same as in uniform water, so that
the convolution adds it (docs/dose_maps.md).
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from RNTDosimetryLib.dose.kernels import DosePointKernel, dose_point_kernel
from RNTDosimetryLib.nuclides import Nuclide

_STEPS = 4096
_CLASSES = 2
_CUT_FRACTION = 1e-7
_VOXELS_AT_ONCE = 2**16


@dataclass(frozen=True, eq=False)
class PlaneKernel:
    """The part ``share`` of the electron energy whose ranges lie together, as seen from a plane source.

    leaving_mm[i] is the energy that a half-space of unit activity per mass sends beyond a mass depth of i * step_mm (mm times g/mL, as
    a fraction of this part's energy per decay): the second integral of the plane kernel, zero from the range on.
    """

    share: float
    step_mm: float
    leaving_mm: np.ndarray

    @property
    def reach_mm(self) -> float:
        return self.step_mm * (len(self.leaving_mm) - 2)


@lru_cache(maxsize=32)
def plane_kernels(nuclide: Nuclide) -> tuple[PlaneKernel, ...]:
    """Plane kernels of the electrons of a nuclide in two classes, short and long ranges, each with half of the mean range.

    In a class the ways along the three axes are taken as independent. Two classes keep that long ways along one axis go with long ways
    along the others, as in the point kernel; more classes gain nothing beside a border.
    """
    point = dose_point_kernel(nuclide)
    radius, energy = _shells(point)
    if not energy.sum() > 0:
        return ()
    moment = np.cumsum(energy * radius)
    number = (
        np.minimum((_CLASSES * moment / moment[-1] * (1 - 1e-12)).astype(int), _CLASSES - 1)
        if moment[-1] > 0
        else moment.astype(int)
    )
    parts = [np.where(number == part, energy, 0.0) for part in range(_CLASSES)]
    return tuple(_plane_kernel(radius, part, energy.sum()) for part in parts if part.sum() > 0)


def _shells(point: DosePointKernel) -> tuple[np.ndarray, np.ndarray]:
    """Radius in mm of unit density and electron energy per decay of the shells of a point kernel, the energy at the origin first."""
    middle = np.concatenate([[0.0], 0.5 * (point.radius_mm[1:] + point.radius_mm[:-1])])
    return middle, np.diff(point.electron_within_mev, prepend=0.0)


def _plane_kernel(radius_mm: np.ndarray, energy_mev: np.ndarray, total_mev: float) -> PlaneKernel:
    """A shell of radius r lies evenly between -r and r along an axis: beyond the depth t the half-space sends (r - t)^2 / 4 r."""
    kept = energy_mev / energy_mev.sum()
    reach = float(radius_mm[np.searchsorted(np.cumsum(kept), 1 - _CUT_FRACTION)])
    depth = np.linspace(0.0, reach, _STEPS)
    some = (kept > 0) & (radius_mm > 0)
    r, weight = radius_mm[some], kept[some]
    # sum over r > t of w (r - 2 t + t^2 / r) / 4, by sums from the largest radius down
    first, second, third = (np.append(np.cumsum(values[::-1])[::-1], 0.0) for values in (weight * r, weight, weight / r))
    place = np.searchsorted(r, depth)
    leaving = (first[place] - 2 * depth * second[place] + depth**2 * third[place]) / 4
    leaving = np.append(np.maximum(leaving - leaving[-1], 0.0), 0.0)
    leaving.flags.writeable = False
    return PlaneKernel(float(energy_mev.sum() / total_mev), reach / (_STEPS - 1) if reach > 0 else 1.0, leaving)


def transported(energy, spacing_mm, density, kernels: tuple[PlaneKernel, ...]) -> np.ndarray:
    """Energy per voxel after the electrons have moved; what leaves the image is lost, all else is kept.

    energy: (z, y, x), electron energy released per voxel. density: (z, y, x), g/mL, positive. The axes are taken in all six orders and
    the mean is given, so that no axis comes first.
    """
    masses = [density * side for side in spacing_mm]
    total = np.zeros(energy.shape)
    for kernel in kernels:
        part = energy * (kernel.share / 6)
        once = [along([part], masses[axis], kernel, axis)[0] for axis in range(3)]
        twice = [along([once[axis - 2], once[axis - 1]], masses[axis], kernel, axis) for axis in range(3)]
        for last in range(3):
            # once[axis - 1] moved along axis and once[axis] moved along axis - 1: the two others in both orders
            both = twice[last - 1][1] + twice[last - 2][0]
            total += along([both], masses[last], kernel, last)[0]
    return total


def uniform_octant(shape, spacing_mm, density_g_ml: float, kernels: tuple[PlaneKernel, ...]) -> np.ndarray:
    """What ``transported`` makes of one unit of energy in a voxel of uniform density: octant (z, y, x) of offsets 0, 1, 2, ..."""
    total = np.zeros(shape)
    for kernel in kernels:
        sides = []
        for count, side in zip(shape, spacing_mm):
            line = np.zeros(2 * count - 1)
            line[count - 1] = 1.0
            sides.append(along([line], np.full(line.shape, density_g_ml * side), kernel, 0)[0][count - 1 :])
        total += kernel.share * np.einsum("z,y,x->zyx", *sides)
    return total


def along(energies: list[np.ndarray], mass: np.ndarray, kernel: PlaneKernel, axis: int) -> list[np.ndarray]:
    """Energies per voxel after they have moved along one axis, exact for layers: a uniform source in each voxel, the mean of each voxel.

    mass: density times voxel side along the axis. From voxel i to a voxel j on its right goes the second difference of ``leaving_mm``
    at the mass depths between their faces; the same by symmetry to the left.
    """
    slope = np.append(np.diff(kernel.leaving_mm), 0.0)
    start = kernel.leaving_mm - slope * np.arange(len(slope))
    results = [np.zeros(mass.shape) for _ in energies]
    across = [np.moveaxis(array, axis, 0) for array in (mass, *energies, *results)]
    rows = mass.size // (across[0].shape[0] * across[0].shape[-1]) if mass.ndim > 2 else 1
    at_once = max(1, _VOXELS_AT_ONCE * rows // mass.size)

    def run(first: int) -> None:
        block = np.s_[:, first : first + at_once] if mass.ndim > 2 else np.s_[:]
        parts = [array[block] for array in across]
        if any(part.any() for part in parts[1 : 1 + len(energies)]):
            lines = [np.ascontiguousarray(part).reshape(len(part), -1) for part in parts[: 1 + len(energies)]]
            for target, values in zip(parts[1 + len(energies) :], _moved(lines[1:], lines[0], kernel.step_mm, start, slope)):
                target[...] = values.reshape(target.shape)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(run, range(0, rows, at_once)))
    return results


def _moved(energies: list[np.ndarray], mass: np.ndarray, step: float, start: np.ndarray, slope: np.ndarray) -> list[np.ndarray]:
    """The lines (along the first axis) of ``along``; start + slope * position is ``leaving_mm`` between its points."""

    def leaving(depth: np.ndarray) -> np.ndarray:
        position = depth * (1 / step)
        index = position.astype(np.intp)
        position *= np.take(slope, index, mode="clip")
        position += np.take(start, index, mode="clip")
        return position

    face = np.concatenate([np.zeros((1, mass.shape[1])), np.cumsum(mass, axis=0)])
    per_mass = [energy / mass for energy in energies]
    nearer, here = np.full(face.shape, start[0]), leaving(mass)
    moved = [energy - 2 * density * (start[0] - here) for energy, density in zip(energies, per_mass)]
    for offset in range(1, len(mass)):
        farther = leaving(face[offset + 1 :] - face[: -offset - 1])
        transfer = nearer[1:-1]
        transfer -= here[:-1]
        transfer -= here[1:]
        transfer += farther
        for target, density in zip(moved, per_mass):
            target[offset:] += density[:-offset] * transfer
            target[:-offset] += density[offset:] * transfer
        if not here.any():
            break
        nearer, here = here, farther
    return moved
