"""Alpha dose weighted with a relative biological effectiveness: always apart from the absorbed dose, never by default."""

import numpy as np

from RNTDosimetryLib.base.checks import finite_array, positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.dose.decay import local_energy_mev, source_nuclide


def alpha_share(nuclide) -> float:
    """Share of alphas in the energy per decay of electrons and alphas, progeny in equilibrium included. 0 without alphas."""
    source = source_nuclide(nuclide)
    local = local_energy_mev(source)
    return source.alpha_energy_mev / local if local > 0 else 0.0


def rbe_weighted_dose(dose_gy, nuclide, rbe: float):
    """RBE-weighted dose in Gy (RBE): D (1 + (RBE - 1) f), f the alphas' share of the local energy. Number or array as given.

    dose_gy: absorbed dose of electrons and alphas, e.g. of a local dose map; the photons of alpha emitters, under 1 % of the dose, would be
    counted with the electrons. rbe: at least 1, the user's own (5 is common for cell killing); it is never assumed, and S tables that hold it
    already must not be weighted again. Raises DosimetryError for an RBE below 1 or NaN.
    """
    factor = positive_number(rbe, "RBE of alphas", "give 1 or more")
    if factor < 1:
        raise DosimetryError(f"Expected an RBE of alphas of at least 1, received {rbe}; 1 leaves the absorbed dose.")
    dose = np.asarray(finite_array(dose_gy, "the absorbed dose in Gy", "repair the dose first"), dtype=float)
    result = dose * (1 + (factor - 1) * alpha_share(nuclide))
    return float(result) if result.ndim == 0 else result
