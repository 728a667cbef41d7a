"""Monoenergetic energy-deposition kernels in water as smooth functions of energy and radius.

The tables (Resources/kernels, EGSnrc) give the energy fraction per shell at some energies. Between energies the kernels
are interpolated in a scaled radius, r / R_CSDA for electrons and r times the absorption coefficient for photons, which
keeps the sum of all fractions at 1. Radii are in g/cm2, that is cm in water of 1 g/mL.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.integrate import cumulative_trapezoid
from scipy.interpolate import CubicSpline, PchipInterpolator

from RNTDosimetryLib.base.resources import read_table
from RNTDosimetryLib.nuclides.beta_spectrum import ELECTRON_REST_MEV

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
