"""X rays and Auger electrons that follow inner-shell vacancies, closed to the binding energy of the vacancies."""

import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

# Shares of KLL, KLX and KXY Auger groups, and the electron energies a vacancy leaves; only where no evaluation gives them.
_AUGER_GROUP_SHARES = (("KLL", 0.65), ("KLX", 0.31), ("KXY", 0.04))
_L_LINE_SHARES = (("XLA", 0.46), ("XLB", 0.42), ("XLG", 0.09), ("XLL", 0.03))
LOW_ENERGY_GROUP_KEV = 1.0


@dataclass(frozen=True)
class Atom:
    """Mean binding energies in keV by shell (K, L, M, N) and, for missing evaluations, fluorescence yields and line energies."""

    binding_kev: dict
    k_yield: float
    l_yield: float
    k_alpha_kev: float
    k_beta_kev: float
    k_beta_share: float
    l_lines_kev: dict


def read_atoms(xraydb_file: Path) -> dict[int, Atom]:
    """Atoms by atomic number from the XrayDB file (Elam, Ravel and Sieber 2002; energies of Bearden and Burr 1967)."""
    connection = sqlite3.connect(f"file:{xraydb_file}?mode=ro", uri=True)
    atoms = {}
    for number, symbol in connection.execute("select atomic_number, element from elements").fetchall():
        levels = dict(
            (name, (edge / 1000, fluorescence))
            for name, edge, fluorescence in connection.execute(
                "select iupac_symbol, absorption_edge, fluorescence_yield from xray_levels where element = ?", (symbol,)
            )
        )
        lines = connection.execute(
            "select initial_level, siegbahn_symbol, emission_energy, intensity from xray_transitions where element = ?", (symbol,)
        ).fetchall()
        if "K" in levels:
            atoms[number] = _atom(levels, lines)
    connection.close()
    return atoms


def _atom(levels: dict, lines: list) -> Atom:
    def mean(names):
        present = [levels[name][0] for name in names if name in levels]
        return sum(present) / len(present) if present else 0.0

    k_lines = [(name, energy / 1000, intensity) for level, name, energy, intensity in lines if level == "K"]
    alpha = [row for row in k_lines if row[0].startswith("Ka")]
    beta = [row for row in k_lines if row[0].startswith("Kb")]
    alpha_total, beta_total = sum(row[2] for row in alpha), sum(row[2] for row in beta)
    named = {name: energy / 1000 for _, name, energy, _ in lines}
    l_lines = {"XLA": named.get("La1"), "XLB": named.get("Lb1"), "XLG": named.get("Lg1"), "XLL": named.get("Ll")}
    yields = [levels[name][1] for name in ("L2", "L3") if name in levels]
    return Atom(
        binding_kev={
            "K": levels["K"][0],
            "L": mean(("L1", "L2", "L3")),
            "M": mean(("M1", "M2", "M3", "M4", "M5")),
            "N": mean(("N1", "N2", "N3")),
        },
        k_yield=levels["K"][1],
        l_yield=sum(yields) / len(yields) if yields else 0.0,
        k_alpha_kev=sum(row[1] * row[2] for row in alpha) / alpha_total if alpha_total else 0.0,
        k_beta_kev=sum(row[1] * row[2] for row in beta) / beta_total if beta_total else 0.0,
        k_beta_share=beta_total / (alpha_total + beta_total) if alpha_total else 0.0,
        l_lines_kev={name: energy for name, energy in l_lines.items() if energy},
    )


def vacancies(decay_set, atom: Atom, isomer: bool = False) -> tuple[dict, list]:
    """Vacancies per decay by shell, and the conversion electrons (shell, energy in keV, intensity), of one decay set."""
    holes = dict.fromkeys("KLMN", 0.0)
    electrons = []
    if not isomer:
        for capture in decay_set.captures:
            for shell, intensity in capture.items():
                holes[shell] += intensity
    for transition in decay_set.isomer_transitions if isomer else decay_set.transitions:
        for shell, coefficient in transition.conversion.items():
            kinetic = transition.energy_kev - atom.binding_kev[shell]
            intensity = transition.photons * coefficient
            if kinetic > 0.0 and intensity > 1e-9:
                electrons.append((shell, kinetic, intensity))
                holes[shell] += intensity
    return holes, electrons


def relaxation(decay_set, atom: Atom, holes: dict, share: float) -> tuple[list, list]:
    """X rays and Auger electrons as (label, energy in keV, intensity, origin of the number).

    Lines of the evaluation are used where it gives them, multiplied by share (the part of the vacancies that is prompt);
    the others follow from fluorescence yields. What is left of the vacancies' binding energy goes to one group of
    low-energy electrons, so that the atom's energy closes.
    """
    xrays, augers = _evaluated_lines(decay_set.lines, atom, share)
    if not any(label.startswith("XK") for label, *_ in xrays):
        xrays += _k_xrays(atom, holes["K"])
    if not any(label.startswith("Auger K") for label, *_ in augers):
        augers += _k_augers(atom, holes["K"] * (1.0 - atom.k_yield))
    if not any(label.startswith("XL") for label, *_ in xrays):
        l_holes = _l_holes(atom, holes)
        xrays += _l_xrays(atom, l_holes * atom.l_yield)
    if not any(label.startswith("Auger L") for label, *_ in augers):
        augers += [("Auger L", _l_auger_kev(atom), _l_holes(atom, holes) * (1.0 - atom.l_yield), "yield")]
    released = sum(holes[shell] * atom.binding_kev[shell] for shell in holes)
    rest = released - sum(energy * intensity for _, energy, intensity, _ in xrays + augers)
    if rest > 0.0:
        augers.append(("Auger and Coster-Kronig, low energy", LOW_ENERGY_GROUP_KEV, rest / LOW_ENERGY_GROUP_KEV, "closure"))
    elif rest < 0.0:
        augers = _reduced(augers, rest)
    keep = 1e-9
    return [row for row in xrays if row[2] > keep and row[1] > 0], [row for row in augers if row[2] > keep and row[1] > 0]


def _reduced(augers: list, excess: float) -> list:
    """L Auger intensities lowered so that X rays and Auger electrons do not exceed the energy of the vacancies."""
    available = sum(energy * intensity for label, energy, intensity, _ in augers if label == "Auger L")
    factor = max(0.0, 1.0 + excess / available) if available else 1.0
    return [
        (label, energy, intensity * (factor if label == "Auger L" else 1.0), origin)
        for label, energy, intensity, origin in augers
    ]


def _l_holes(atom: Atom, holes: dict) -> float:
    from_k_xrays = atom.k_yield * (1.0 - atom.k_beta_share)
    shares = dict(_AUGER_GROUP_SHARES)
    from_k_augers = (1.0 - atom.k_yield) * (2.0 * shares["KLL"] + shares["KLX"])
    return holes["L"] + holes["K"] * (from_k_xrays + from_k_augers)


def _l_auger_kev(atom: Atom) -> float:
    return max(atom.binding_kev["L"] - 2.0 * atom.binding_kev["M"], 0.3 * atom.binding_kev["L"])


def _k_xrays(atom: Atom, holes: float) -> list:
    photons = holes * atom.k_yield
    rows = [("XKA", atom.k_alpha_kev, photons * (1.0 - atom.k_beta_share), "yield")]
    return [*rows, ("XKB", atom.k_beta_kev, photons * atom.k_beta_share, "yield")]


def _l_xrays(atom: Atom, photons: float) -> list:
    present = [(name, share) for name, share in _L_LINE_SHARES if name in atom.l_lines_kev]
    total = sum(share for _, share in present)
    return [(name, atom.l_lines_kev[name], photons * share / total, "yield") for name, share in present]


def _k_augers(atom: Atom, electrons: float) -> list:
    k, l_shell, m = (atom.binding_kev[shell] for shell in "KLM")
    energies = {"KLL": k - 2 * l_shell, "KLX": k - l_shell - m, "KXY": k - 2 * m}
    return [(f"Auger {name}", energies[name], electrons * share, "yield") for name, share in _AUGER_GROUP_SHARES]


def _evaluated_lines(lines: list, atom: Atom, share: float) -> tuple[list, list]:
    xrays, augers = [], []
    l_total = next((intensity for label, _, intensity in lines if label == "XL (total)"), None)
    l_parts = [row for row in lines if row[0].startswith("XL") and row[0] != "XL (total)" and row[2] is not None]
    for label, energies, intensity in lines:
        if intensity is None:
            continue
        if label.startswith("XK") or label in {row[0] for row in l_parts}:
            xrays.append((label, _middle(energies), intensity * share, "evaluation"))
        elif label == "L AUGER":
            limits = _numbers(energies)
            energy = min(max(_l_auger_kev(atom), min(limits)), max(limits)) if limits else _l_auger_kev(atom)
            augers.append(("Auger L", energy, intensity * share, "evaluation"))
        elif label.startswith("KLL") and _middle(energies.split(";")[0]) > 0.5 * atom.binding_kev["K"]:
            augers += [(name, energy, part * share, "evaluation") for name, energy, part, _ in _k_augers(atom, intensity)]
    if not l_parts and l_total is not None:
        xrays += [(name, energy, part, "evaluation") for name, energy, part, _ in _l_xrays(atom, l_total * share)]
    return xrays, augers


def _numbers(text: str) -> list[float]:
    return [float(value) for value in re.findall(r"\d+\.?\d*", text)]


def _middle(text: str) -> float:
    values = _numbers(text)
    return sum(values) / len(values) if values else 0.0
