"""Which decays a dose is made of: the nuclide, and its short-lived progeny in equilibrium at the place of the decay."""

from scipy.constants import electron_volt

from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.nuclides import Nuclide, list_nuclides, source_nuclide
from RNTDosimetryLib.nuclides.table import PROGENY_SUFFIX, progeny_left_out, progeny_that_may_move


def local_energy_mev(nuclide: Nuclide) -> float:
    """Energy per decay in MeV that stays near the decay: electrons, positrons and alphas, without RBE."""
    return nuclide.electron_energy_mev + nuclide.alpha_energy_mev


def decay_warnings(nuclide: Nuclide) -> tuple[str, ...]:
    """What a dose of this nuclide assumes: progeny in place or left out, alphas without RBE."""
    warnings = []
    if nuclide.name.endswith(PROGENY_SUFFIX):
        warnings.append(warned("progeny_in_equilibrium", nuclide=nuclide.name))
        warnings += [
            warned("progeny_may_move", nuclide=nuclide.name, daughter=name, days=half_life_h / 24)
            for name, half_life_h in progeny_that_may_move(nuclide)
        ]
    elif not nuclide.progeny and nuclide.name in list_nuclides() and source_nuclide(nuclide.name).name != nuclide.name:
        warnings.append(warned("progeny_left_out", nuclide=nuclide.name))
    if left_out := progeny_left_out(nuclide):
        warnings.append(warned("progeny_not_counted", nuclide=nuclide.name, daughters=", ".join(left_out)))
    if nuclide.alpha_energy_mev > 0:
        warnings.append(warned("without_rbe", nuclide=nuclide.name))
    return tuple(warnings)


SECONDS_PER_HOUR = 3600.0

JOULE_PER_MEV = 1.0e6 * electron_volt

GY_G_PER_MBQ_H_MEV = 1.0e6 * SECONDS_PER_HOUR * JOULE_PER_MEV / 1.0e-3
"""Absorbed dose in Gy of 1 MeV per decay, 1 MBq*h, in 1 g: 0.57678. The electronvolt is exact in the SI of 2019."""

GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S = SECONDS_PER_HOUR / 1000.0
"""S value in Gy/(MBq*h) from one in mGy/(MBq*s)."""
