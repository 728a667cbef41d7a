"""Which decays a dose is made of: the nuclide, and its short-lived progeny in equilibrium at the place of the decay."""

from scipy.constants import electron_volt

from RNTDosimetryLib.nuclides import Nuclide, get_nuclide, with_progeny

_SUFFIX = "+progeny"


def source_nuclide(nuclide) -> Nuclide:
    """The nuclide by name or as a Nuclide; progeny that does not outlive it is included, in equilibrium (see ``with_progeny``).

    Dose of 225Ac, 223Ra or 212Pb without their progeny would be a fraction of the true one.
    """
    parent = get_nuclide(nuclide)
    if parent.name.endswith(_SUFFIX) or not parent.progeny:
        return parent
    chain = with_progeny(parent.name)
    grown = len(chain.betas) + len(chain.electrons) + len(chain.photons) + len(chain.alphas)
    alone = len(parent.betas) + len(parent.electrons) + len(parent.photons) + len(parent.alphas)
    return chain if grown > alone else parent


def local_energy_mev(nuclide: Nuclide) -> float:
    """Energy per decay in MeV that stays near the decay: electrons, positrons and alphas, without RBE."""
    return nuclide.electron_energy_mev + nuclide.alpha_energy_mev


def decay_warnings(nuclide: Nuclide) -> tuple[str, ...]:
    """What a dose of this nuclide assumes: progeny in place, alphas without RBE."""
    warnings = []
    if nuclide.name.endswith(_SUFFIX):
        warnings.append(f"{nuclide.name}: progeny in equilibrium is taken to decay where its parent decayed.")
    if nuclide.alpha_energy_mev > 0:
        warnings.append(f"{nuclide.name}: absorbed dose without RBE of the alphas.")
    return tuple(warnings)


SECONDS_PER_HOUR = 3600.0

JOULE_PER_MEV = 1.0e6 * electron_volt

GY_G_PER_MBQ_H_MEV = 1.0e6 * SECONDS_PER_HOUR * JOULE_PER_MEV / 1.0e-3
"""Absorbed dose in Gy of 1 MeV per decay, 1 MBq*h, in 1 g: 0.57678. The electronvolt is exact in the SI of 2019."""

GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S = SECONDS_PER_HOUR / 1000.0
"""S value in Gy/(MBq*h) from one in mGy/(MBq*s)."""
