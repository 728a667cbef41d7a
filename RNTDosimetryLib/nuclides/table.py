"""The nuclide table of the project, the lookup by name, and a nuclide with its progeny."""

import difflib
import re
import reprlib
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import inf
from numbers import Real

from RNTDosimetryLib.base.checks import checked_kind
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json, read_table
from RNTDosimetryLib.nuclides.records import _LN2, BetaBranch, Line, Progeny, joule_per_gbq

PROGENY_SUFFIX = "+progeny"
_EXAMPLES = ("Lu-177", "Y-90", "I-131", "or another of list_nuclides()")
_SYMBOL_FIRST = re.compile(r"^([a-z]{1,2})-?(\d{1,3})(m?)$")
_MASS_FIRST = re.compile(r"^(\d{1,3})(m?)-?([a-z]{1,2})$")


@dataclass(frozen=True)
class Nuclide(Record):
    """Decay data of one radionuclide.

    betas include positrons; electrons are conversion and Auger electrons; photons are gammas, X rays and annihilation
    photons; alphas carry no recoil energy. Means per decay in MeV are properties, of this nuclide alone, except in the object that
    ``with_progeny`` makes. Every dose counts the progeny too (progeny: daughters and branching); a Nuclide of
    ``get_nuclide(name, progeny=False)`` has none, and its doses are those of the nuclide alone. sources name the evaluation of each part.
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

        By momentum balance: alpha energy times 4 / (A - 4), A the mass number of the nucleus that decays.
        """
        if not self.name.endswith(PROGENY_SUFFIX):
            return self.alpha_energy_mev * 4.0 / (self.mass_number - 4.0) if self.alphas else 0.0
        shares, _ = _chain_shares(self)
        members = [(get_nuclide(member), share) for member, share in list(shares.items())[1:]]
        own_alphas = self.alpha_energy_mev - sum(share * member.alpha_energy_mev for member, share in members)
        later = sum(share * member.recoil_energy_mev for member, share in members)
        return own_alphas * 4.0 / (self.mass_number - 4.0) + later

    @property
    def local_dose_constant_j_per_gbq(self) -> float:
        """Energy of electrons and alphas in J released by the complete decay of 1 GBq; divided by a mass in kg it is a dose.

        With the progeny in equilibrium, as every dose; ``get_nuclide(name, progeny=False)`` has that of the nuclide alone.
        """
        whole = source_nuclide(self)
        return joule_per_gbq(whole.electron_energy_mev + whole.alpha_energy_mev, self.half_life_h)


def list_nuclides() -> tuple[str, ...]:
    """Names of all nuclides in the table, e.g. "Lu-177", in alphabetical order."""
    return tuple(sorted(_all_nuclides()))


def get_nuclide(name: "str | Nuclide", progeny: bool = True) -> Nuclide:
    """Decay data of a nuclide by name: "Lu-177", "177Lu", "lu177" or "Tc-99m" mean what they say.

    Energies are of the nuclide itself, doses of it and its progeny. progeny: False gives the nuclide without daughters, so that whatever
    is computed with it is of the nuclide alone. "Ac-225+progeny" gives the nuclide with its progeny in equilibrium, see ``with_progeny``.
    A Nuclide is handed back. Raises DosimetryError for a nuclide that is not in the table, with suggestions.
    """
    found = name if isinstance(name, Nuclide) else _named(name)
    if checked_kind(progeny, bool, "progeny, true or false"):
        return found
    if found.name.endswith(PROGENY_SUFFIX):
        raise DosimetryError(
            f"Expected a nuclide alone, since its progeny is not wanted, received '{found.name}'; name it without '{PROGENY_SUFFIX}'."
        )
    return replace(found, progeny=()) if found.progeny else found


def _named(name: str) -> Nuclide:
    if not isinstance(name, str):
        raise DosimetryError(
            f"Expected the name of a nuclide such as 'Lu-177', received {reprlib.repr(name)}; give text or a Nuclide."
        )
    text = name.strip()
    if text.lower().replace(" ", "").endswith(PROGENY_SUFFIX):
        return with_progeny(text.replace(" ", "")[: -len(PROGENY_SUFFIX)])
    standard = standard_name(text)
    table = _all_nuclides()
    if standard in table:
        return table[standard]
    close = difflib.get_close_matches(standard or text, table, n=3, cutoff=0.5) or _EXAMPLES
    raise DosimetryError(f"Expected a nuclide of the table, received {reprlib.repr(name)}; did you mean {', '.join(close)}?")


def standard_name(text: str) -> str:
    """Name in the form "Tc-99m" of any usual spelling, or "" when the text is no nuclide name."""
    if not isinstance(text, str):
        return ""
    compact = re.sub(r"[\s_]", "", text).lower()
    if match := _SYMBOL_FIRST.match(compact):
        symbol, mass, isomer = match.groups()
    elif match := _MASS_FIRST.match(compact):
        mass, isomer, symbol = match.groups()
    else:
        return ""
    return f"{symbol.capitalize()}-{int(mass)}{isomer}"


def source_nuclide(nuclide: "str | Nuclide", progeny: bool = True) -> Nuclide:
    """What a dose of this nuclide is made of: the nuclide with its progeny in equilibrium, or with progeny False the nuclide alone.

    A nuclide whose daughters are stable, or do not count at its place, is itself. Dose of 225Ac, 223Ra or 212Pb without
    their progeny would be a fraction of the true one. Raises DosimetryError for an unknown nuclide.
    """
    parent = get_nuclide(nuclide, progeny)
    if parent.name.endswith(PROGENY_SUFFIX) or not parent.progeny:
        return parent
    shares, _ = _chain_shares(parent)
    return with_progeny(parent) if len(shares) > 1 else parent


def with_progeny(name: "str | Nuclide") -> Nuclide:
    """The nuclide with its progeny decaying where the parent decayed: radiation per decay of the parent.

    Every member counts with its share of the parent's decays (the product of the branchings), which holds in equilibrium, and for
    the time integral whatever the half-lives, when nothing moves away. Progeny that outlives its parent counts up to the half-life
    of Resources/nuclides/progeny_rules.json; what lives longer, leaves the tissue, or has no data is left out and named in sources.
    Raises DosimetryError for an unknown nuclide.
    """
    parent = get_nuclide(name)
    return parent if parent.name.endswith(PROGENY_SUFFIX) else _chain(parent)  # type: ignore[arg-type]


def progeny_that_may_move(name: "str | Nuclide") -> tuple[tuple[str, float], ...]:
    """Members of the chain that count where the parent decayed but live long enough to move, with their half-lives in h."""
    shares, _ = _chain_shares(get_nuclide(name))
    limit = read_json("nuclides", "progeny_rules.json")["may_move_from_h"]["value"]
    members = [get_nuclide(member) for member in list(shares)[1:]]
    return tuple((member.name, member.half_life_h) for member in members if member.half_life_h > limit)


def progeny_left_out(name: "str | Nuclide") -> tuple[str, ...]:
    """Daughters of the chain that do not count although they would matter, each with the reason: "Gd-149 (it has no data here)"."""
    rules = read_json("nuclides", "progeny_rules.json")
    _, left_out = _chain_shares(get_nuclide(name))
    return tuple(
        f"{daughter} ({reason})"
        for daughter, (reason, share) in left_out.items()
        if share >= rules["named_from_share"]["value"] and daughter not in rules["of_no_matter"]
    )


@lru_cache(maxsize=64)
def _chain(parent: Nuclide) -> Nuclide:
    shares, left_out = _chain_shares(parent)
    members = [(parent if member == parent.name else get_nuclide(member), share) for member, share in shares.items()]
    notes = tuple(f"{member}: {share:.6g} per decay of {parent.name}" for member, share in shares.items())
    notes += tuple(f"{member} is not included: {reason}" for member, (reason, _) in left_out.items())
    return Nuclide(
        name=parent.name + PROGENY_SUFFIX,
        atomic_number=parent.atomic_number,
        mass_number=parent.mass_number,
        half_life_h=parent.half_life_h,
        half_life_uncertainty_h=parent.half_life_uncertainty_h,
        betas=tuple(_scaled(row, share, member) for member, share in members for row in member.betas),
        electrons=tuple(_scaled(row, share, member) for member, share in members for row in member.electrons),
        photons=tuple(_scaled(row, share, member) for member, share in members for row in member.photons),
        alphas=tuple(_scaled(row, share, member) for member, share in members for row in member.alphas),
        progeny=parent.progeny,
        sources=parent.sources + notes,
    )


def _chain_shares(parent: Nuclide) -> tuple[dict[str, float], dict[str, tuple[str, float]]]:
    """Decays per decay of the parent of every member that counts, the parent first; why each other daughter does not, and its decays."""
    rules = read_json("nuclides", "progeny_rules.json")
    longest_h = max(parent.half_life_h, rules["counts_within_h"]["value"])
    shares, waiting = {parent.name: 1.0}, [(parent, 1.0)]
    left_out: dict[str, tuple[str, float]] = {}
    while waiting:
        nuclide, share = waiting.pop(0)
        for daughter in nuclide.progeny:
            part, known = share * daughter.branching, _all_nuclides().get(daughter.name)
            reason = rules["leaves"].get(daughter.name, "")
            if known is None:
                reason = "it has no data here"
            elif not reason and known.half_life_h > longest_h:
                reason = f"it outlives {parent.name}, {known.half_life_h:.3g} h"
            if reason or known is None:
                left_out[daughter.name] = (reason, part + left_out.get(daughter.name, ("", 0.0))[1])
            else:
                shares[known.name] = shares.get(known.name, 0.0) + part
                waiting.append((known, part))
    return shares, left_out


def _scaled(row, share: float, member: Nuclide):
    values = {**row.to_dict(), "intensity": row.intensity * share, "source": f"{member.name}: {row.source}"}
    return type(row).from_dict(values)


@lru_cache(maxsize=1)
def _all_nuclides() -> dict[str, Nuclide]:
    tables: list[defaultdict[str, list]] = [defaultdict(list) for _ in range(5)]
    betas, electrons, photons, alphas, progeny = tables
    for row in read_table("nuclides", "betas.csv"):
        betas[row["nuclide"]].append(
            BetaBranch(
                kind=row["kind"],
                daughter_z=int(row["daughter_z"]),
                endpoint_mev=float(row["endpoint_mev"]),
                mean_mev=float(row["mean_mev"]),
                intensity=float(row["intensity"]),
                forbiddenness=row["forbiddenness"],
                source=row["source"],
            )
        )
    for table, file in ((electrons, "electrons.csv"), (photons, "photons.csv"), (alphas, "alphas.csv")):
        for row in read_table("nuclides", file):
            line = Line(float(row["energy_mev"]), float(row["intensity"]), row["origin"], row["source"])
            table[row["nuclide"]].append(line)
    for row in read_table("nuclides", "progeny.csv"):
        progeny[row["nuclide"]].append(Progeny(row["daughter"], float(row["branching"])))
    return {
        row["nuclide"]: Nuclide(
            name=row["nuclide"],
            atomic_number=int(row["atomic_number"]),
            mass_number=int(row["mass_number"]),
            half_life_h=float(row["half_life_h"]),
            half_life_uncertainty_h=float(row["half_life_uncertainty_h"]) if row["half_life_uncertainty_h"] else None,
            betas=tuple(betas[row["nuclide"]]),
            electrons=tuple(electrons[row["nuclide"]]),
            photons=tuple(photons[row["nuclide"]]),
            alphas=tuple(alphas[row["nuclide"]]),
            progeny=tuple(progeny[row["nuclide"]]),
            sources=tuple(row["source"].split(" | ")),
        )
        for row in read_table("nuclides", "nuclides.csv")
    }


def checked_nuclide(name: str, where: str) -> str:
    """The name of a nuclide of the table as it was given, or "" for none; DosimetryError otherwise."""
    checked_kind(name, str, f"the nuclide of {where}")
    if name:
        get_nuclide(name)
    return name
