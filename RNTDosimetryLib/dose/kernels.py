"""Dose-point kernel of a nuclide in water: the energy that leaves a point source within a radius, per decay."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.dose.monoenergetic import (
    LARGEST_RADIUS_CM,
    electron_energy_within,
    photon_energy_within,
    positron_range_ratio,
    radiated_fraction,
)
from RNTDosimetryLib.nuclides import Nuclide, get_nuclide
from RNTDosimetryLib.nuclides.beta_spectrum import beta_spectrum

_LOWEST_ENERGY_MEV = 1e-3
_ENERGY_RATIO = 1.03
_SMALLEST_RADIUS_MM = 1e-4
_RADII = 4000
_BREMSSTRAHLUNG_POINTS = 24
_BREMSSTRAHLUNG_POWER = 2.5


@dataclass(frozen=True)
class DosePointKernel(Record):
    """Energy within a radius of a point source in water of 1 g/mL, in MeV per decay.

    radius_mm: radii from 0 to 600 mm (in another density divide them by it). electron_within_mev: by collisions of betas,
    positrons, conversion and Auger electrons, and alphas, which are local. photon_within_mev: by photons and
    bremsstrahlung. The two totals are what is emitted: electron_total_mev plus photon_total_mev is the energy per decay.
    bremsstrahlung_mev is the part of photon_total_mev that electrons radiate.
    """

    nuclide: str
    electron_total_mev: float
    photon_total_mev: float
    alpha_total_mev: float
    bremsstrahlung_mev: float
    radius_mm: np.ndarray = field(metadata=NOT_WRITTEN)
    electron_within_mev: np.ndarray = field(metadata=NOT_WRITTEN)
    photon_within_mev: np.ndarray = field(metadata=NOT_WRITTEN)

    @property
    def total_mev(self) -> float:
        return self.electron_total_mev + self.photon_total_mev

    def energy_within_mev(self, radius_mm) -> np.ndarray:
        """Energy per decay within radii in mm of unit-density water, in MeV."""
        return np.interp(radius_mm, self.radius_mm, self.electron_within_mev + self.photon_within_mev)

    def electron_radius_mm(self, fraction: float) -> float:
        """Smallest tabulated radius that holds a fraction (below 1) of the electron energy; alphas, all local, do not count."""
        wanted = self.alpha_total_mev + fraction * (self.electron_total_mev - self.alpha_total_mev)
        return float(self.radius_mm[np.searchsorted(self.electron_within_mev, wanted * (1.0 - 1e-12))])


def dose_point_kernel(nuclide: str | Nuclide) -> DosePointKernel:
    """Dose-point kernel of a nuclide (of itself; "Ac-225+progeny" for a chain) from the monoenergetic EGSnrc kernels.

    Betas are folded with their spectra, conversion and Auger electrons and photons as lines. Positrons take the electron
    kernels with their own range and annihilate at the source point; alphas (range below 0.1 mm) deposit at the source point.
    Raises DosimetryError for an unknown nuclide.
    """
    return _folded(get_nuclide(nuclide))


@lru_cache(maxsize=64)
def _folded(nuclide: Nuclide) -> DosePointKernel:
    radius_mm = np.concatenate([[0.0], np.geomspace(_SMALLEST_RADIUS_MM, 10.0 * LARGEST_RADIUS_CM, _RADII)])
    radius_cm = radius_mm / 10.0
    energy, electrons, positrons = electron_spectrum(nuclide)
    per_decay = energy * (electrons + positrons)
    radiated = per_decay * radiated_fraction(energy)
    line_energy = np.array([line.energy_mev for line in nuclide.photons])
    line_weight = np.array([line.energy_per_decay_mev for line in nuclide.photons])
    brems_energy, brems_weight = _bremsstrahlung(energy, radiated)
    photon_energy, photon_weight = np.concatenate([line_energy, brems_energy]), np.concatenate([line_weight, brems_weight])
    within = electron_energy_within(energy, energy * electrons, radius_cm) + nuclide.alpha_energy_mev
    within += electron_energy_within(energy, energy * positrons, radius_cm, positron_range_ratio(energy))
    arrays = (radius_mm, within, photon_energy_within(photon_energy, photon_weight, radius_cm))
    for array in arrays:
        array.flags.writeable = False
    return DosePointKernel(
        nuclide=nuclide.name,
        electron_total_mev=float(per_decay.sum() - radiated.sum() + nuclide.alpha_energy_mev),
        photon_total_mev=float(photon_weight.sum()),
        alpha_total_mev=float(nuclide.alpha_energy_mev),
        bremsstrahlung_mev=float(radiated.sum()),
        radius_mm=arrays[0],
        electron_within_mev=arrays[1],
        photon_within_mev=arrays[2],
    )


def electron_spectrum(nuclide: Nuclide) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All electrons of a nuclide on one energy grid: energies in MeV, electrons per decay and positrons per decay at each.

    Every particle is shared between the two neighbouring energies so that number and energy stay the same.
    """
    energies, weights = [line.energy_mev for line in nuclide.electrons], [line.intensity for line in nuclide.electrons]
    is_positron = [False] * len(energies)
    for branch in nuclide.betas:
        spectrum = beta_spectrum(branch, nuclide.mass_number)
        energies.extend(spectrum.energy_mev)
        weights.extend(spectrum.weight)
        is_positron.extend([branch.kind == "beta+"] * len(spectrum.weight))
    if not energies:
        return np.array([_LOWEST_ENERGY_MEV]), np.zeros(1), np.zeros(1)
    energies, weights, is_positron = np.array(energies), np.array(weights), np.array(is_positron)
    top = max(energies.max(), 2 * _LOWEST_ENERGY_MEV)
    steps = int(np.ceil(np.log(top / _LOWEST_ENERGY_MEV) / np.log(_ENERGY_RATIO)))
    grid = np.concatenate([[0.0], np.geomspace(_LOWEST_ENERGY_MEV, top * (1 + 1e-12), steps + 1)])
    electrons = _shared_on_grid(grid, energies[~is_positron], weights[~is_positron])
    positrons = _shared_on_grid(grid, energies[is_positron], weights[is_positron])
    return grid[1:], electrons[1:], positrons[1:]


def _shared_on_grid(grid: np.ndarray, energies: np.ndarray, weights: np.ndarray) -> np.ndarray:
    lower = np.clip(np.searchsorted(grid, energies, side="right") - 1, 0, len(grid) - 2)
    share = (energies - grid[lower]) / (grid[lower + 1] - grid[lower])
    return np.bincount(lower, weights * (1.0 - share), len(grid)) + np.bincount(lower + 1, weights * share, len(grid))


def _bremsstrahlung(energy: np.ndarray, radiated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Photon energies and energy per decay of bremsstrahlung, with energy per photon energy k as (E - k) to a power.

    A thick target of Kramers has power 1; 2.5 follows the EGSnrc kernel of 90Y beyond the beta range within 10 %.
    """
    points = (np.arange(_BREMSSTRAHLUNG_POINTS) + 0.5) / _BREMSSTRAHLUNG_POINTS
    share = (1.0 - points) ** _BREMSSTRAHLUNG_POWER
    share /= share.sum()
    some = radiated > 0.0
    photon, weight = np.outer(energy[some], points).ravel(), np.outer(radiated[some], share).ravel()
    if not weight.size:
        return np.zeros(0), np.zeros(0)
    edges = np.geomspace(photon.min(), photon.max() * (1 + 1e-9), 60)
    index = np.clip(np.searchsorted(edges, photon, side="right") - 1, 0, len(edges) - 2)
    energy_sum = np.bincount(index, weight, len(edges) - 1)
    number = np.bincount(index, weight / photon, len(edges) - 1)
    filled = energy_sum > 0.0
    return energy_sum[filled] / number[filled], energy_sum[filled]
