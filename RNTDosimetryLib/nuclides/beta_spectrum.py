"""Shape of beta spectra by Fermi theory.

N(W) = p W (W0 - W)^2 F(Z, W) C(W), with the Fermi function F of a point charge taken at the nuclear radius and the shape
factor C of the forbiddenness (Konopinski and Uhlenbeck; Gove and Martin, Nucl. Data Tables 10 (1971) 205). Non-unique
forbidden branches take the allowed shape. See docs/nuclides.md.
"""

from dataclasses import dataclass
from math import factorial

import numpy as np
from scipy.constants import fine_structure, physical_constants
from scipy.optimize import brentq
from scipy.special import loggamma

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.nuclides.records import BetaBranch

ELECTRON_REST_MEV = physical_constants["electron mass energy equivalent in MeV"][0]
_REDUCED_COMPTON_FM = physical_constants["reduced Compton wavelength"][0] * 1e15
_RADIUS_FM = 1.2
_POINTS = 200
_LARGEST_TILT = 100.0


@dataclass(frozen=True)
class BetaSpectrum:
    """Spectrum of one branch on Gauss-Legendre points: kinetic energy in MeV and particles per decay at each point."""

    energy_mev: np.ndarray
    weight: np.ndarray
    mean_before_scaling_mev: float


def beta_spectrum(branch: BetaBranch, mass_number: int, points: int = _POINTS) -> BetaSpectrum:
    """Spectrum of a branch with the intensity and the mean energy of the evaluation.

    The Fermi shape is multiplied by exp(b T), with b such that the mean is the evaluated one; the mean before that is
    kept, and tells how well theory and evaluation agree. Raises DosimetryError when the evaluated mean is not between
    a tenth and nine tenths of the endpoint.
    """
    endpoint, mean = branch.endpoint_mev, branch.mean_mev
    if not 0.1 * endpoint < mean < 0.9 * endpoint:
        raise DosimetryError(
            f"Expected a mean beta energy between 0.1 and 0.9 of the endpoint {endpoint} MeV, received {mean} MeV; correct the data."
        )
    nodes, gauss = np.polynomial.legendre.leggauss(points)
    energy = endpoint * (nodes + 1.0) / 2.0
    density = gauss * _shape(energy, branch, mass_number)
    before = float(np.sum(energy * density) / np.sum(density))
    density = density * np.exp(_tilt(energy, density, mean) * energy / energy.max())
    return BetaSpectrum(energy, branch.intensity * density / np.sum(density), before)


def _tilt(energy: np.ndarray, density: np.ndarray, mean: float) -> float:
    """Exponent b for which the mean of density * exp(b T / endpoint) is the wanted one; the mean rises with b."""
    scale = float(energy.max())

    def excess(exponent: float) -> float:
        weight = density * np.exp(exponent * energy / scale)
        return float(np.sum(weight * (energy - mean)) / np.sum(weight))

    return brentq(excess, -_LARGEST_TILT, _LARGEST_TILT, xtol=1e-12)


def _shape(kinetic_mev: np.ndarray, branch: BetaBranch, mass_number: int) -> np.ndarray:
    total = 1.0 + kinetic_mev / ELECTRON_REST_MEV
    momentum = np.sqrt(total**2 - 1.0)
    neutrino = (branch.endpoint_mev - kinetic_mev) / ELECTRON_REST_MEV
    charge = branch.daughter_z if branch.kind == "beta-" else -branch.daughter_z
    radius = _RADIUS_FM * mass_number ** (1.0 / 3.0) / _REDUCED_COMPTON_FM
    fermi = _log_coulomb(1, charge, total, momentum, radius)
    shape = momentum * total * neutrino**2 * np.exp(fermi - fermi.max())
    order = int(branch.forbiddenness[0]) if branch.forbiddenness.endswith("U") else 0
    if order:
        ratios = [np.exp(_log_coulomb(k, charge, total, momentum, radius) - fermi) for k in range(1, order + 2)]
        shape = shape * _unique_factor(order, momentum, neutrino, ratios)
    return shape


def _log_coulomb(k: int, charge: int, total: np.ndarray, momentum: np.ndarray, radius: float) -> np.ndarray:
    """Logarithm of the Coulomb function F_(k-1) of the electron's k-th partial wave at the nuclear radius; k = 1 is the Fermi function."""
    strength = fine_structure * charge
    gamma = np.sqrt(k * k - strength**2)
    eta = strength * total / momentum
    front = (factorial(2 * k) / factorial(k - 1)) ** 2 * (k + gamma) / (2.0 * k)
    log_gammas = np.real(loggamma(gamma + 1j * eta)) * 2.0 - 2.0 * loggamma(2.0 * gamma + 1.0)
    powers = 2.0 * (gamma - k) * np.log(2.0 * momentum * radius)
    return np.log(front) + powers + np.pi * eta + log_gammas


def _unique_factor(order: int, momentum: np.ndarray, neutrino: np.ndarray, ratios: list) -> np.ndarray:
    """Shape factor of a unique forbidden transition of the given order, with Coulomb ratios lambda_k = F_(k-1) / F_0."""
    total = np.zeros_like(momentum)
    for k in range(1, order + 2):
        powers = momentum ** (2 * (k - 1)) * neutrino ** (2 * (order + 1 - k))
        total += ratios[k - 1] * powers / (factorial(2 * k - 1) * factorial(2 * (order - k + 1) + 1))
    return total
