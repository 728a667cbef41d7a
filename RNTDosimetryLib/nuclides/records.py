"""Rows of the decay data as frozen records: branches, lines, daughters; and energy from decays."""

import reprlib
from dataclasses import dataclass
from numbers import Real

from scipy.constants import elementary_charge

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record

JOULE_PER_MEV = elementary_charge * 1e6
_LN2 = 0.6931471805599453


@dataclass(frozen=True)
class BetaBranch(Record):
    """One beta transition. kind is "beta-" or "beta+"; daughter_z is the atomic number after the decay.

    Energies are kinetic, in MeV; mean_mev is the mean of the evaluation; intensity is per decay of the nuclide.
    forbiddenness: "" allowed (or not known), "1", "2" non-unique, "1U", "2U", "3U" unique forbidden.
    """

    kind: str
    daughter_z: int
    endpoint_mev: float
    mean_mev: float
    intensity: float
    forbiddenness: str = ""
    source: str = ""


@dataclass(frozen=True)
class Line(Record):
    """One discrete radiation: electron, photon or alpha. energy_mev is kinetic; intensity is per decay of the nuclide."""

    energy_mev: float
    intensity: float
    origin: str
    source: str = ""

    @property
    def energy_per_decay_mev(self) -> float:
        return self.energy_mev * self.intensity


@dataclass(frozen=True)
class Progeny(Record):
    """A radioactive daughter and the fraction of the parent's decays that leads to it."""

    name: str
    branching: float


def joule_per_gbq(energy_mev: float, half_life_h: float) -> float:
    """Energy in J from the complete decay of 1 GBq that releases energy_mev in MeV per decay.

    Raises DosimetryError for an energy that is negative or a half-life that is not positive.
    """
    for value, name, least in (
        (energy_mev, "an energy in MeV per decay", 0.0),
        (half_life_h, "a half-life in h above zero", 1e-20),
    ):
        if isinstance(value, bool) or not isinstance(value, Real) or not least <= value < 1e20:
            raise DosimetryError(f"Expected {name}, received {reprlib.repr(value)}; correct the number.")
    return energy_mev * JOULE_PER_MEV * 1e9 * half_life_h * 3600.0 / _LN2
