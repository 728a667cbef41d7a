"""Decay data: what a radionuclide emits, from published evaluations.

    from RNTDosimetryLib.nuclides import get_nuclide
    get_nuclide("Lu-177").electron_energy_mev

``get_nuclide("Ac-225+progeny")`` gives a chain in equilibrium per decay of the parent; every dose takes it so, unless ``progeny=False``.
"""

from RNTDosimetryLib.nuclides.records import BetaBranch, Line, Progeny, joule_per_gbq
from RNTDosimetryLib.nuclides.table import Nuclide, get_nuclide, list_nuclides, source_nuclide, standard_name, with_progeny

__all__ = [
    "BetaBranch",
    "Line",
    "Nuclide",
    "Progeny",
    "get_nuclide",
    "joule_per_gbq",
    "list_nuclides",
    "source_nuclide",
    "standard_name",
    "with_progeny",
]
