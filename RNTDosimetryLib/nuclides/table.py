"""The nuclide table of the project and the lookup by name."""

import difflib
import re
import reprlib
from collections import defaultdict
from functools import lru_cache

from RNTDosimetryLib.base.checks import checked_kind
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_table
from RNTDosimetryLib.nuclides.records import BetaBranch, Line, Nuclide, Progeny

PROGENY_SUFFIX = "+progeny"
_SYMBOL_FIRST = re.compile(r"^([a-z]{1,2})-?(\d{1,3})(m?)$")
_MASS_FIRST = re.compile(r"^(\d{1,3})(m?)-?([a-z]{1,2})$")


def list_nuclides() -> tuple[str, ...]:
    """Names of all nuclides in the table, e.g. "Lu-177", in alphabetical order."""
    return tuple(sorted(_all_nuclides()))


def get_nuclide(name: "str | Nuclide") -> Nuclide:
    """Decay data of a nuclide by name: "Lu-177", "177Lu", "lu177" or "Tc-99m" mean what they say.

    "Ac-225+progeny" gives the nuclide with its progeny in equilibrium, see ``with_progeny``. A Nuclide is handed back.
    Raises DosimetryError for a nuclide that is not in the table, with suggestions.
    """
    if isinstance(name, Nuclide):
        return name
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
    close = difflib.get_close_matches(standard or text, table, n=3, cutoff=0.5) or list_nuclides()
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


def with_progeny(name: "str | Nuclide") -> Nuclide:
    """The nuclide with its progeny decaying where the parent decayed: radiation per decay of the parent.

    Every member counts with its share of the parent's decays (the product of the branchings), which holds in equilibrium
    and for the time integral when nothing moves away. Progeny that outlives the parent is left out and named in sources.
    Raises DosimetryError for an unknown nuclide.
    """
    parent = get_nuclide(name)
    return parent if parent.name.endswith(PROGENY_SUFFIX) else _chain(parent)


@lru_cache(maxsize=64)
def _chain(parent: Nuclide) -> Nuclide:
    shares, left_out = _chain_shares(parent)
    members = [(get_nuclide(member), share) for member, share in shares.items()]
    notes = tuple(f"{member}: {share:.6g} per decay of {parent.name}" for member, share in shares.items())
    notes += tuple(f"{member} is not included: it outlives {parent.name} or has no data here" for member in left_out)
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


def _chain_shares(parent: Nuclide) -> tuple[dict[str, float], list[str]]:
    shares, left_out, waiting = {parent.name: 1.0}, [], [(parent, 1.0)]
    while waiting:
        nuclide, share = waiting.pop(0)
        for daughter in nuclide.progeny:
            known = _all_nuclides().get(daughter.name)
            if known is None or known.half_life_h > parent.half_life_h:
                left_out.append(daughter.name)
                continue
            part = share * daughter.branching
            shares[known.name] = shares.get(known.name, 0.0) + part
            waiting.append((known, part))
    return shares, left_out


def _scaled(row, share: float, member: Nuclide):
    values = {**row.to_dict(), "intensity": row.intensity * share, "source": f"{member.name}: {row.source}"}
    return type(row).from_dict(values)


@lru_cache(maxsize=1)
def _all_nuclides() -> dict[str, Nuclide]:
    betas, electrons, photons, alphas, progeny = (defaultdict(list) for _ in range(5))
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
