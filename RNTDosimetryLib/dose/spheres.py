"""Self-dose of spheres: absorbed fractions and S values from the dose-point kernel of a nuclide."""

from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.checks import density_number, positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.dose.kernels import DosePointKernel, dose_point_kernel
from RNTDosimetryLib.dose.units import JOULE_PER_MEV
from RNTDosimetryLib.nuclides import Nuclide

SMALLEST_MASS_G, LARGEST_MASS_G = 1e-3, 1e5
_MGY_G_PER_MBQ_S_MEV = JOULE_PER_MEV * 1e6 * 1e3 * 1e3


@dataclass(frozen=True)
class SphereDose(Record):
    """Self-dose of a sphere with uniform activity in infinite water of the same density.

    electron_fraction: of the energy of electrons and alphas without bremsstrahlung; photon_fraction: of photons and
    bremsstrahlung; each is absorbed in the sphere divided by emitted, None when nothing of it is emitted.
    """

    nuclide: str
    mass_g: float
    density_g_ml: float
    radius_mm: float
    electron_absorbed_mev: float
    photon_absorbed_mev: float
    electron_fraction: float | None
    photon_fraction: float | None
    s_value_mgy_per_mbq_s: float


def sphere_s_value(nuclide: str | Nuclide, mass_g: float, density_g_ml: float = 1.0) -> float:
    """Absorbed dose to a sphere per decay in it, in mGy/(MBq*s): S = sum(E phi) / m.

    Of the nuclide itself: "Ac-225" is without its progeny, "Ac-225+progeny" the chain in equilibrium, as ``self_dose`` takes it.
    Raises DosimetryError for an unknown nuclide, or a mass or density that cannot be.
    """
    return sphere_dose(nuclide, mass_g, density_g_ml).s_value_mgy_per_mbq_s


def sphere_dose(nuclide: str | Nuclide, mass_g: float, density_g_ml: float = 1.0) -> SphereDose:
    """S value of a sphere with its absorbed fractions; mass in g, density in g/mL.

    The chance that a point at distance r from a uniform point of a sphere of radius R lies in it is
    1 - 3r/4R + r^3/16R^3 for r < 2R; the kernel is averaged with it, which is exact for a homogeneous medium.
    """
    mass = positive_number(mass_g, "mass in g", "type the mass of the organ or lesion")
    density = density_number(density_g_ml)
    if not SMALLEST_MASS_G <= mass <= LARGEST_MASS_G:
        raise DosimetryError(
            f"Expected a sphere of {SMALLEST_MASS_G} g to {LARGEST_MASS_G / 1000:.0f} kg, received {mass:g} g; "
            "the kernels cover no other size."
        )
    kernel = dose_point_kernel(nuclide)
    radius_mm = 10.0 * (3.0 * mass / (4.0 * np.pi * density)) ** (1.0 / 3.0)
    electron, photon = absorbed_in_sphere(kernel, radius_mm * density)
    return SphereDose(
        nuclide=kernel.nuclide,
        mass_g=mass,
        density_g_ml=density,
        radius_mm=float(radius_mm),
        electron_absorbed_mev=electron,
        photon_absorbed_mev=photon,
        electron_fraction=electron / kernel.electron_total_mev if kernel.electron_total_mev else None,
        photon_fraction=photon / kernel.photon_total_mev if kernel.photon_total_mev else None,
        s_value_mgy_per_mbq_s=(electron + photon) * _MGY_G_PER_MBQ_S_MEV / mass,
    )


def absorbed_in_sphere(kernel: DosePointKernel, radius_mm: float) -> tuple[float, float]:
    """Energy per decay absorbed in a sphere of unit-density water, of electrons with alphas and of photons, in MeV."""
    edges = kernel.radius_mm
    middle = 0.5 * (edges[1:] + edges[:-1])
    ratio = np.minimum(middle / radius_mm, 2.0)
    stays = 1.0 - 0.75 * ratio + ratio**3 / 16.0
    at_origin = float(kernel.electron_within_mev[0])
    electron = at_origin + float(np.sum(np.diff(kernel.electron_within_mev) * stays))
    return electron, float(np.sum(np.diff(kernel.photon_within_mev) * stays))
