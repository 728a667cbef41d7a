"""Builds Resources/nuclides/*.csv from published decay evaluations.

    python tools/build_nuclide_data.py --ddep FOLDER --ensdf FOLDER --xraydb FILE --out Resources/nuclides

--ddep: DDEP files in ENSDF format, one per nuclide, named like Lu-177.txt (LNE-LNHB, BIPM Monographie-5).
--ensdf: ENSDF decay data sets as JSON (paceENSDF package), for 161Tb, 67Cu, 124I, 155Tb, 152Tb, 149Tb, 44Sc, 86Y, 67Ga, 227Th and 224Ra with 220Rn
and 216Po, and for the beta means of 90Y. Half-lives that were measured since are read from Resources/nuclides/half_lives.csv.
--xraydb: xraydb.sqlite of the XrayDB package (Elam, Ravel and Sieber 2002), for electron binding energies and for lines
that the evaluations do not give. None of the inputs is part of this project; the written table is.
"""

import argparse
import csv
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from atomic_relaxation import read_atoms, relaxation, vacancies
from decay_sets import HOURS, SYMBOLS, DecaySet, read_ddep, read_ensdf_json

from RNTDosimetryLib.nuclides.beta_spectrum import beta_spectrum
from RNTDosimetryLib.nuclides.records import BetaBranch

ELECTRON_REST_MEV = 0.51099895
SMALLEST_INTENSITY = 1e-7
# An isomer that is a nuclide of its own in the table: its transitions do not belong to the parent.
ISOMERS = {"I-131": {"Xe-131m": 163.93}}
# DDEP gives 926.7 keV for 90Y from an older program; ENSDF (932.4), ICRP 107 and our own spectrum agree within 0.2 %.
BETA_MEANS_FROM_ENSDF = ("Y-90",)
# The ENSDF means of 67Cu (uncertainty 3 keV) are 3 to 8 % above the spectra of their own endpoints: Fermi theory instead.
# Of 86Y one weak branch (0.3 %, endpoint in keV) is 1.1 % below the spectrum of its endpoint.
BETA_MEANS_FROM_THEORY = {"Cu-67": None, "Y-86": (572.952,)}
HALF_LIVES = Path(__file__).resolve().parent.parent / "Resources" / "nuclides" / "half_lives.csv"
HEADER = """# Decay data of RNTDosimetry, built by tools/build_nuclide_data.py; intensities are per decay of the nuclide, energies in MeV.
# DDEP: Table of Radionuclides, BIPM Monographie-5 (LNE-LNHB); ENSDF: Evaluated Nuclear Structure Data File (NNDC) via paceENSDF;
# Elam: binding energies and fluorescence yields of Elam, Ravel and Sieber, Radiat. Phys. Chem. 63 (2002) 121 (XrayDB).
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for option in ("--ddep", "--ensdf", "--xraydb", "--out"):
        parser.add_argument(option, type=Path, required=True)
    arguments = parser.parse_args()
    atoms = read_atoms(arguments.xraydb)
    rows = defaultdict(list)
    measured, references = measured_half_lives(), {}
    for name, sets in sorted(read_sets(arguments.ddep, arguments.ensdf).items()):
        if name in measured:
            sets[0].half_life_h, sets[0].half_life_uncertainty_h, reference = measured[name]
            references[name] = f" | half-life: {reference}"
        add_nuclide(rows, name, sets, atoms, references.get(name, ""))
    arguments.out.mkdir(parents=True, exist_ok=True)
    for table, content in rows.items():
        write_table(arguments.out / f"{table}.csv", content)
        print(f"{table}: {len(content)} rows")


def measured_half_lives() -> dict[str, tuple[float, float, str]]:
    """Half-life and standard uncertainty in h, and the reference, of the nuclides whose evaluation a measurement has overtaken."""
    with HALF_LIVES.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    hours = HOURS | {"MIN": HOURS["M"]}
    return {
        row["nuclide"]: (
            float(row["half_life"]) * hours[row["unit"].upper()],
            float(row["uncertainty"]) * hours[row["unit"].upper()],
            row["source"],
        )
        for row in rows
        if row["used"] == "yes"
    }


def read_sets(ddep_folder: Path, ensdf_folder: Path) -> dict[str, list[DecaySet]]:
    """Decay sets by nuclide; the file names a nuclide, except that isomers keep their name."""
    levels = {parent: tuple(isomers.values()) for parent, isomers in ISOMERS.items()}
    sets = defaultdict(list)
    for file in sorted(ddep_folder.glob("*.txt")):
        for decay_set in read_ddep(file, levels):
            sets[decay_set.parent].append(decay_set)
    means, from_ddep = {}, set(sets)
    for file in sorted(ensdf_folder.glob("*_0keV.json")):
        decay_set = read_ensdf_json(file)
        if decay_set.parent in BETA_MEANS_FROM_ENSDF:
            means[decay_set.parent] = decay_set
        elif decay_set.parent not in from_ddep:
            sets[decay_set.parent].append(decay_set)
    for name, decay_set in means.items():
        replace_means(sets[name][0], decay_set)
    for name, endpoints_kev in BETA_MEANS_FROM_THEORY.items():
        if name in sets:
            replace_means_by_theory(sets[name][0], endpoints_kev)
    return sets


def replace_means(target: DecaySet, source: DecaySet) -> None:
    for position, (kind, endpoint, _, intensity, forbidden) in enumerate(target.betas):
        nearest = min(source.betas, key=lambda row: abs(row[1] - endpoint))
        target.betas[position] = (kind, endpoint, nearest[2], intensity, forbidden)
    target.source += f", beta means {source.source}"


def replace_means_by_theory(decay_set: DecaySet, endpoints_kev: tuple[float, ...] | None) -> None:
    """Means of the branches with these endpoints, or of all, from the spectrum of the endpoint."""
    for position, (kind, endpoint, _, intensity, forbidden) in enumerate(decay_set.betas):
        if endpoints_kev is not None and not any(abs(endpoint - wanted) < 0.01 for wanted in endpoints_kev):
            continue
        branch = BetaBranch(kind, decay_set.daughter_z, endpoint / 1000, endpoint / 3000, intensity, forbidden)
        mean = 1000 * beta_spectrum(branch, decay_set.mass_number).mean_before_scaling_mev
        decay_set.betas[position] = (kind, endpoint, mean, intensity, forbidden)
    decay_set.source += ", beta means from Fermi theory" if endpoints_kev is None else ", one beta mean from Fermi theory"


def add_nuclide(rows: dict, name: str, sets: list[DecaySet], atoms: dict, reference: str) -> None:
    first = sets[0]
    sources = " | ".join(decay_set.source for decay_set in sets) + " | Elam 2002 binding energies" + reference
    rows["nuclides"].append(
        {
            "nuclide": name,
            "atomic_number": first.parent_z,
            "mass_number": first.mass_number,
            "half_life_h": f"{first.half_life_h:.9g}",
            "half_life_uncertainty_h": "" if first.half_life_uncertainty_h is None else f"{first.half_life_uncertainty_h:.3g}",
            "source": sources,
        }
    )
    for decay_set in sets:
        add_set(rows, name, decay_set, atoms[decay_set.daughter_z])
    add_annihilation(rows, name, sets)
    add_progeny(rows, name, sets)


def add_set(rows: dict, name: str, decay_set: DecaySet, atom) -> None:
    source = decay_set.source
    for kind, endpoint, mean, intensity, forbidden in decay_set.betas:
        rows["betas"].append(
            {
                "nuclide": name,
                "kind": kind,
                "daughter_z": decay_set.daughter_z,
                "endpoint_mev": f"{endpoint / 1000:.6g}",
                "mean_mev": f"{mean / 1000:.6g}",
                "intensity": f"{intensity:.6g}",
                "forbiddenness": forbidden,
                "source": source,
            }
        )
    for energy, intensity in decay_set.alphas:
        add_line(rows["alphas"], name, "alpha", energy, intensity, source)
    for transition in decay_set.transitions:
        add_line(rows["photons"], name, "gamma", transition.energy_kev, transition.photons, source)
    holes, electrons = vacancies(decay_set, atom)
    for shell, energy, intensity in electrons:
        add_line(rows["electrons"], name, f"conversion {shell}{'+' if shell == 'N' else ''}", energy, intensity, source)
    later, _ = vacancies(decay_set, atom, isomer=True)
    share = holes["K"] / (holes["K"] + later["K"]) if later["K"] else 1.0
    symbol = SYMBOLS[decay_set.daughter_z]
    named = {"evaluation": source, "yield": f"Elam 2002 yields of {symbol}", "closure": f"energy closure of {symbol}"}
    xrays, augers = relaxation(decay_set, atom, holes, share)
    for label, energy, intensity, origin in xrays:
        add_line(rows["photons"], name, f"{label} of {symbol}", energy, intensity, named[origin])
    for label, energy, intensity, origin in augers:
        add_line(rows["electrons"], name, f"{label} of {symbol}", energy, intensity, named[origin])


def add_line(table: list, name: str, origin: str, energy_kev: float, intensity: float, source: str) -> None:
    if intensity >= SMALLEST_INTENSITY:
        table.append(
            {
                "nuclide": name,
                "origin": origin,
                "energy_mev": f"{energy_kev / 1000:.6g}",
                "intensity": f"{intensity:.5g}",
                "source": source,
            }
        )


def add_annihilation(rows: dict, name: str, sets: list[DecaySet]) -> None:
    positrons = sum(intensity for decay_set in sets for kind, _, _, intensity, _ in decay_set.betas if kind == "beta+")
    if positrons:
        source = "two photons per positron of this table"
        add_line(rows["photons"], name, "annihilation", 1000 * ELECTRON_REST_MEV, 2 * positrons, source)


def add_progeny(rows: dict, name: str, sets: list[DecaySet]) -> None:
    for decay_set in sets:
        isomeric = sum(t.photons * (1 + sum(t.conversion.values())) for t in decay_set.isomer_transitions)
        for isomer in ISOMERS.get(name, ()):
            rows["progeny"].append(
                {"nuclide": name, "daughter": isomer, "branching": f"{isomeric:.5g}", "source": decay_set.source}
            )
        if decay_set.daughter_is_radioactive:
            branching = f"{decay_set.branching:.8g}"
            rows["progeny"].append(
                {"nuclide": name, "daughter": decay_set.daughter, "branching": branching, "source": decay_set.source}
            )


def write_table(path: Path, content: list[dict]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(HEADER)
        writer = csv.DictWriter(file, fieldnames=list(content[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(content)


if __name__ == "__main__":
    main()
