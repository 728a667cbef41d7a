"""A radionuclide as frozen records: half-life and every radiation it emits."""

import reprlib
from dataclasses import dataclass
from functools import cached_property
from math import inf
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


@dataclass(frozen=True)
class Nuclide(Record):
    """Decay data of one radionuclide.

    betas include positrons; electrons are conversion and Auger electrons; photons are gammas, X rays and annihilation
    photons; alphas carry no recoil energy. Nothing of the progeny is included, except in the object that
    ``with_progeny`` makes. Means per decay in MeV are properties. sources name the evaluation of each part.
    """

    name: str
    atomic_number: int
    mass_number: int
    half_life_h: float
    half_life_uncertainty_h: float | None
    betas: tuple[BetaBranch, ...]
    electrons: tuple[Line, ...]
    photons: tuple[Line, ...]
    alphas: tuple[Line, ...]
    progeny: tuple[Progeny, ...]
    sources: tuple[str, ...]

    def __post_init__(self):
        if not isinstance(self.half_life_h, Real) or not 0.0 < self.half_life_h < inf:
            raise DosimetryError(
                f"Expected a positive half-life for {self.name}, received {self.half_life_h} h; correct the data."
            )

    @property
    def decay_constant_per_h(self) -> float:
        return _LN2 / self.half_life_h

    @cached_property
    def beta_energy_mev(self) -> float:
        """Mean energy of beta particles, positrons included, per decay in MeV."""
        return sum(branch.mean_mev * branch.intensity for branch in self.betas)

    @cached_property
    def positron_intensity(self) -> float:
        """Positrons per decay."""
        return sum(branch.intensity for branch in self.betas if branch.kind == "beta+")

    @cached_property
    def electron_energy_mev(self) -> float:
        """Mean energy of betas, positrons, conversion and Auger electrons per decay in MeV."""
        return self.beta_energy_mev + sum(line.energy_per_decay_mev for line in self.electrons)

    @cached_property
    def photon_energy_mev(self) -> float:
        """Mean energy of gammas, X rays and annihilation photons per decay in MeV; bremsstrahlung belongs to the electrons."""
        return sum(line.energy_per_decay_mev for line in self.photons)

    @cached_property
    def alpha_energy_mev(self) -> float:
        """Mean kinetic energy of alpha particles per decay in MeV, without the recoil of the daughter, without RBE."""
        return sum(line.energy_per_decay_mev for line in self.alphas)

    @cached_property
    def recoil_energy_mev(self) -> float:
        """Mean recoil energy of the nuclei that emit alphas, per decay in MeV; in no other energy of this record.

        By momentum balance: alpha energy times 4 / (A - 4).
        """
        return self.alpha_energy_mev * 4.0 / (self.mass_number - 4.0) if self.alphas else 0.0

    @property
    def local_dose_constant_j_per_gbq(self) -> float:
        """Energy of electrons and alphas in J released by the complete decay of 1 GBq; divided by a mass in kg it is a dose."""
        return joule_per_gbq(self.electron_energy_mev + self.alpha_energy_mev, self.half_life_h)


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
