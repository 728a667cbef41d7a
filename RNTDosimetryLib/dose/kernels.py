"""Dose-point kernel of a nuclide in water: the energy that leaves a point source within a radius, per decay."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy.integrate import cumulative_trapezoid
from scipy.interpolate import CubicSpline, PchipInterpolator

from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.base.resources import read_table
from RNTDosimetryLib.nuclides import Nuclide, source_nuclide
from RNTDosimetryLib.nuclides.beta_spectrum import ELECTRON_REST_MEV, beta_spectrum

_SCALED_RADII = np.linspace(0.0, 1.2, 601)
LARGEST_RADIUS_CM = 60.0
_SMALLEST_RADIUS_CM = 1e-6
_LOWEST_ENERGY_MEV = 1e-3
_RANGE_AT_1_KEV_G_CM2 = 4.2e-6  # as in the header of electron_kernels_water.csv
_PHOTOELECTRIC_POWER = 3.0  # absorption in water below 10 keV falls as E^-3: 42.6 cm2/g at 5 keV, 5.33 at 10 keV (NISTIR 5632)
_FULL_TRANSPORT_FROM_MEV = 0.2
_WATER_EXCITATION_MEV = 75e-6  # ICRU Report 37, as in the tables


@dataclass(frozen=True)
class ElectronTable:
    """Electron kernels: cumulative fraction over ``_SCALED_RADII`` per energy, CSDA range, and the radiated fraction."""

    energy_mev: np.ndarray
    range_g_cm2: np.ndarray
    cumulative: np.ndarray
    radiated: np.ndarray


@dataclass(frozen=True)
class PhotonTable:
    """Photon kernels: cumulative fraction at ``radius_cm`` per energy, and the absorption length that scales the radius."""

    energy_mev: np.ndarray
    radius_cm: np.ndarray
    cumulative: np.ndarray
    absorption_length_cm: np.ndarray


@lru_cache(maxsize=1)
def electron_table() -> ElectronTable:
    rows = read_table("kernels", "electron_kernels_water.csv")
    edges = [name for name in rows[0] if name.replace(".", "").isdigit()]
    radii = np.array([0.0] + [float(name) for name in edges])
    fractions = np.array([[float(row[name]) for name in edges] for row in rows])
    inside = np.cumsum(np.hstack([np.zeros((len(rows), 1)), fractions]), axis=1)
    return ElectronTable(
        energy_mev=np.array([float(row["energy_mev"]) for row in rows]),
        range_g_cm2=np.array([float(row["csda_range_g_cm2"]) for row in rows]),
        cumulative=PchipInterpolator(radii, inside, axis=1)(_SCALED_RADII),
        radiated=1.0 - inside[:, -1],
    )


@lru_cache(maxsize=1)
def photon_table() -> PhotonTable:
    rows = read_table("kernels", "photon_kernels_water.csv")
    edges = [name for name in rows[0] if name.replace(".", "").isdigit()]
    radii = np.array([0.0] + [float(name) for name in edges])
    by_mode = {(float(row["energy_mev"]), row["mode"]): np.array([float(row[name]) for name in edges]) for row in rows}
    energies = sorted({energy for energy, _ in by_mode})
    kerma = np.array([by_mode[energy, "kerma"] for energy in energies])
    merged = np.array([_merged_shells(energy, radii, by_mode) for energy in energies])
    fine = np.concatenate([[0.0], np.geomspace(_SMALLEST_RADIUS_CM, LARGEST_RADIUS_CM, 1200)])
    cumulative = np.cumsum(np.hstack([np.zeros((len(energies), 1)), merged]), axis=1)
    return PhotonTable(
        energy_mev=np.array(energies),
        radius_cm=fine,
        cumulative=PchipInterpolator(radii, cumulative, axis=1)(fine),
        absorption_length_cm=-radii[1] / np.log1p(-kerma[:, 0]),
    )


def _merged_shells(energy: float, radii: np.ndarray, by_mode: dict) -> np.ndarray:
    """Shell fractions: transported secondary electrons up to their range, and the smooth kerma kernel beyond, with closed sum."""
    kerma = by_mode[energy, "kerma"]
    if energy < _FULL_TRANSPORT_FROM_MEV:
        return kerma
    full = by_mode[energy, "full"]
    join = int(np.searchsorted(radii, 1.2 * float(csda_range(np.array([energy]))[0])))
    outside = (1.0 - full[:join].sum()) / (1.0 - kerma[:join].sum())
    return np.concatenate([full[:join], kerma[join:] * outside])


def csda_range(energy_mev: np.ndarray) -> np.ndarray:
    """CSDA range of electrons in water in g/cm2, by a log-log spline, down to 1 keV (below: in proportion to the energy)."""
    table = electron_table()
    energies = np.concatenate([[_LOWEST_ENERGY_MEV], table.energy_mev])
    ranges = np.concatenate([[_RANGE_AT_1_KEV_G_CM2], table.range_g_cm2])
    energy = np.asarray(energy_mev, dtype=float)
    return _log_spline(np.maximum(energy, _LOWEST_ENERGY_MEV), energies, ranges) * np.minimum(energy / _LOWEST_ENERGY_MEV, 1.0)


def _log_spline(wanted: np.ndarray, grid: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Cubic spline of log values over log grid; beyond the grid the slope of its end goes on."""
    spline = CubicSpline(np.log(grid), np.log(values))
    inside = np.clip(np.log(wanted), np.log(grid[0]), np.log(grid[-1]))
    return np.exp(spline(inside) + spline(inside, 1) * (np.log(wanted) - inside))


def positron_range_ratio(energy_mev: np.ndarray) -> np.ndarray:
    """CSDA range of positrons in water divided by that of electrons of the same energy.

    From the Bethe formula with the Bhabha instead of the Moller cross section (ICRU Report 37, I = 75 eV); the density
    effect, the same for both, is left out.
    """
    grid = np.geomspace(_LOWEST_ENERGY_MEV, 5.0, 400)
    ranges = [cumulative_trapezoid(1.0 / _stopping_number(grid, positron), grid, initial=0.0) for positron in (True, False)]
    start = _stopping_number(grid[:1], False) / _stopping_number(grid[:1], True)
    ratio = np.concatenate([start, ranges[0][1:] / ranges[1][1:]])
    return np.interp(np.log(np.maximum(energy_mev, _LOWEST_ENERGY_MEV)), np.log(grid), ratio)


def _stopping_number(energy_mev: np.ndarray, positron: bool) -> np.ndarray:
    """Collision stopping power of water for electrons or positrons, up to a common factor."""
    tau = energy_mev / ELECTRON_REST_MEV
    beta_squared = 1.0 - 1.0 / (1.0 + tau) ** 2
    if positron:
        series = 23.0 + 14.0 / (tau + 2.0) + 10.0 / (tau + 2.0) ** 2 + 4.0 / (tau + 2.0) ** 3
        exchange = 2.0 * np.log(2.0) - beta_squared / 12.0 * series
    else:
        exchange = (1.0 - beta_squared) * (1.0 + tau**2 / 8.0 - (2.0 * tau + 1.0) * np.log(2.0))
    return (2.0 * np.log(energy_mev / _WATER_EXCITATION_MEV) + np.log1p(tau / 2.0) + exchange) / beta_squared


def electron_energy_within(energy_mev, energy_per_decay_mev, radius_cm, range_ratio=None) -> np.ndarray:
    """Energy in MeV per decay that electrons leave within each radius by collisions (radiated energy is not in it).

    energy_mev: kinetic energies; energy_per_decay_mev: energy times intensity of each; radius_cm: radii in g/cm2;
    range_ratio: factor on the range of each, for positrons.
    """
    table = electron_table()
    total = np.zeros(len(radius_cm))
    lower, share = _energy_position(table.energy_mev, energy_mev)
    ranges = csda_range(energy_mev) * (1.0 if range_ratio is None else range_ratio)
    for i, energy in enumerate(energy_per_decay_mev):
        if energy == 0.0:
            continue
        curve = (1.0 - share[i]) * table.cumulative[lower[i]] + share[i] * table.cumulative[lower[i] + 1]
        total += energy * np.interp(radius_cm / ranges[i], _SCALED_RADII, curve)
    return total


def radiated_fraction(energy_mev: np.ndarray) -> np.ndarray:
    """Fraction of the electron energy that leaves as bremsstrahlung and is deposited beyond 1.2 CSDA ranges."""
    table = electron_table()
    lower, share = _energy_position(table.energy_mev, energy_mev)
    return (1.0 - share) * table.radiated[lower] + share * table.radiated[lower + 1]


def photon_energy_within(energy_mev, energy_per_decay_mev, radius_cm) -> np.ndarray:
    """Energy in MeV per decay that photons leave within each radius (g/cm2, up to ``LARGEST_RADIUS_CM``)."""
    table = photon_table()
    total = np.zeros(len(radius_cm))
    lower, share = _energy_position(table.energy_mev, energy_mev)
    lengths = _absorption_length(energy_mev)
    for i, energy in enumerate(energy_per_decay_mev):
        for row, weight in ((lower[i], 1.0 - share[i]), (lower[i] + 1, share[i])):
            if weight > 0.0:
                scaled = radius_cm * (table.absorption_length_cm[row] / lengths[i])
                total += energy * weight * np.interp(scaled, table.radius_cm, table.cumulative[row])
    return total


def _absorption_length(energy_mev: np.ndarray) -> np.ndarray:
    table = photon_table()
    energy = np.asarray(energy_mev, dtype=float)
    inside = _log_spline(np.clip(energy, table.energy_mev[0], table.energy_mev[-1]), table.energy_mev, table.absorption_length_cm)
    return inside * np.minimum(energy / table.energy_mev[0], 1.0) ** _PHOTOELECTRIC_POWER


def _energy_position(grid: np.ndarray, energy_mev) -> tuple[np.ndarray, np.ndarray]:
    """Row below each energy and the share of the row above, linear in log energy; outside the grid its end row is used."""
    position = np.interp(np.log(np.maximum(energy_mev, 1e-9)), np.log(grid), np.arange(len(grid)))
    lower = np.minimum(position.astype(int), len(grid) - 2)
    return lower, position - lower


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


def dose_point_kernel(nuclide: str | Nuclide, *, progeny: bool = True) -> DosePointKernel:
    """Dose-point kernel of a nuclide from the monoenergetic EGSnrc kernels. progeny: in equilibrium, or False for the nuclide alone.

    Betas are folded with their spectra, conversion and Auger electrons and photons as lines. Positrons take the electron
    kernels with their own range and annihilate at the source point; alphas (range below 0.1 mm) deposit at the source point.
    Raises DosimetryError for an unknown nuclide.
    """
    return _folded(source_nuclide(nuclide, progeny))


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

    Every particle is shared between the two neighboring energies so that number and energy stay the same.
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
