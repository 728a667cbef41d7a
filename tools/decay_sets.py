"""Reading of decay evaluations: DDEP files in ENSDF format and ENSDF records as JSON, into one form."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

# fmt: off
SYMBOLS = [
    "n", "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ar", "K", "Ca",
    "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr", "Rb", "Sr", "Y", "Zr",
    "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I", "Xe", "Cs", "Ba", "La", "Ce", "Pr", "Nd",
    "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Hf", "Ta", "W", "Re", "Os", "Ir", "Pt", "Au", "Hg",
    "Tl", "Pb", "Bi", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U",
]
# fmt: on
HOURS = {"Y": 24 * 365.2422, "D": 24.0, "H": 1.0, "M": 1 / 60, "S": 1 / 3600}
HOURS |= {"MS": HOURS["S"] / 1e3, "US": HOURS["S"] / 1e6, "NS": HOURS["S"] / 1e9}
TWO_ELECTRON_MASSES_KEV = 1021.998
# Daughters whose ground level has no half-life in the ENSDF set of the parent.
RADIOACTIVE_WITHOUT_HALF_LIFE = ("Pb-212", "Eu-145")


@dataclass
class Transition:
    """Gamma transition: energy in keV, photons per decay, conversion coefficients by shell K, L, M and N (all the rest)."""

    energy_kev: float
    photons: float
    conversion: dict


@dataclass
class DecaySet:
    """One decay mode of one parent. Energies in keV, intensities per decay of the parent."""

    parent: str
    parent_z: int
    mass_number: int
    half_life_h: float
    half_life_uncertainty_h: float | None
    daughter: str
    daughter_z: int
    daughter_is_radioactive: bool
    branching: float
    source: str
    betas: list = field(default_factory=list)
    captures: list = field(default_factory=list)
    alphas: list = field(default_factory=list)
    transitions: list = field(default_factory=list)
    isomer_transitions: list = field(default_factory=list)
    lines: list = field(default_factory=list)


def number(text: str):
    """Number of an ENSDF field, or None when the field is blank or no number."""
    try:
        return float(text.strip())
    except ValueError:
        return None


def uncertainty(value_text: str, digits_text: str):
    """Uncertainty in the value's unit: ENSDF gives it in units of the last digit."""
    value_text, digits_text = value_text.strip(), digits_text.strip()
    if not digits_text.isdigit():
        return None
    mantissa, _, exponent = value_text.upper().partition("E")
    decimals = len(mantissa.partition(".")[2])
    return int(digits_text) * 10.0 ** (int(exponent or 0) - decimals)


def nucleus(identifier: str) -> tuple[int, int]:
    """Mass and atomic number of an ENSDF identifier such as "177LU"."""
    match = re.match(r"\s*(\d+)([A-Z]+)", identifier)
    return int(match.group(1)), SYMBOLS.index(match.group(2).capitalize())


def read_ddep(path: Path, isomer_levels_kev: dict) -> list[DecaySet]:
    """Decay sets of one DDEP file. Levels in isomer_levels_kev (parent -> energies) are kept apart from prompt emission."""
    sets, block = [], []
    for line in [*path.read_text(encoding="latin-1").splitlines(), ""]:
        if line.strip():
            block.append(line.ljust(80))
        elif block:
            sets.append(_ddep_block(block, path.stem, isomer_levels_kev))
            block = []
    return sets


def _ddep_block(block: list[str], parent: str, isomer_levels_kev: dict) -> DecaySet:
    records = [line for line in block if line[6] == " "]
    parent_line = next(line for line in records if line[7] == "P")
    branching = number(next(line for line in records if line[7] == "N")[31:39])
    mass, parent_z = nucleus(parent_line[:5])
    daughter_mass, daughter_z = nucleus(block[0][:5])
    value, unit = parent_line[39:49].split()
    spread = uncertainty(value, parent_line[49:55])
    cut = re.search(r"CUT=(\d\d-\w{3}-\d{4})", "".join(block))
    result = DecaySet(
        parent=parent,
        parent_z=parent_z,
        mass_number=mass,
        half_life_h=float(value) * HOURS[unit],
        half_life_uncertainty_h=None if spread is None else spread * HOURS[unit],
        daughter=f"{SYMBOLS[daughter_z]}-{daughter_mass}",
        daughter_z=daughter_z,
        daughter_is_radioactive=False,
        branching=branching,
        source=f"DDEP {block[0][9:39].strip()}" + (f" {cut.group(1)}" if cut else ""),
        lines=_xray_block(block),
    )
    q_value = number(parent_line[64:74])
    level, levels_seen = 0.0, 0
    for position, line in enumerate(block):
        if line[6] != " " or line[5] != " ":
            continue
        kind, following = line[7], _continuations(block, position)
        if kind == "L":
            level, levels_seen = number(line[9:19]) or 0.0, levels_seen + 1
            if levels_seen == 1:
                result.daughter_is_radioactive = _is_radioactive(line[39:49])
        elif kind == "B":
            intensity = number(line[21:29])
            mean = re.search(r"EAV=([\d.]+)", following)
            if intensity and mean:
                result.betas.append(("beta-", number(line[9:19]), float(mean.group(1)), intensity / 100, line[77:79].strip()))
        elif kind == "E":
            _add_capture(result, line, following, level, q_value)
        elif kind == "A":
            energy, intensity = number(line[9:19]), number(line[21:29])
            if energy and intensity:
                result.alphas.append((energy, intensity / 100))
        elif kind == "G":
            transition = _ddep_gamma(line, following)
            if transition:
                isomeric = any(abs(level - value) < 0.5 for value in isomer_levels_kev.get(parent, ()))
                (result.isomer_transitions if isomeric else result.transitions).append(transition)
    # Alpha records are per 100 alphas in some files and per 100 decays in others: their sum is the branching.
    total = sum(intensity for _, intensity in result.alphas)
    result.alphas = [(energy, intensity * branching / total) for energy, intensity in result.alphas]
    return result


def _is_radioactive(half_life: str) -> bool:
    """Whether the half-life field of a ground level matters to a patient; 1e10 years and more counts as stable."""
    parts = half_life.split()
    return len(parts) == 2 and parts[1] in HOURS and float(parts[0].lstrip("><")) * HOURS[parts[1]] < 1e10 * HOURS["Y"]


def _continuations(block: list[str], position: int) -> str:
    """Text of the continuation records (a mark in column 6) that follow the record at a position."""
    text = ""
    for following in block[position + 1 :]:
        if following[6] != " " or following[5] == " ":
            break
        text += following[9:].strip() + "$"
    return text


def _add_capture(result: DecaySet, line: str, following: str, level: float, q_value: float) -> None:
    positrons, captures = number(line[21:29]), number(line[31:39])
    mean = re.search(r"EAV=([\d.]+)", following)
    if positrons and mean:
        endpoint = q_value - level - TWO_ELECTRON_MASSES_KEV
        result.betas.append(("beta+", endpoint, float(mean.group(1)), positrons / 100, line[77:79].strip()))
    if captures:
        shells = {shell: float(value) for shell, value in re.findall(r"C([KLMN])=([\d.]+(?:E-?\d+)?)", following)}
        total = sum(shells.values())
        result.captures.append({shell: captures / 100 * value / total for shell, value in shells.items()})


def _ddep_gamma(line: str, continuation: str):
    energy, photons, total = number(line[9:19]), number(line[21:29]), number(line[55:62])
    if not photons or not energy:
        return None
    shells = {shell: float(value) for shell, value in re.findall(r"([KLM])C=([\d.]+(?:E-?\d+)?)", continuation)}
    # The printed total of energetic transitions counts internal pair creation, which makes no conversion electron.
    pairs = re.search(r"IPC=([\d.]+(?:E-?\d+)?)", continuation)
    if total is not None and pairs:
        total -= float(pairs.group(1))
    return Transition(energy, photons / 100, _complete_conversion(shells, total))


def _complete_conversion(shells: dict, total) -> dict:
    """The coefficient of N and higher shells is what the inner shells leave of the total (some printed ones have misprints)."""
    shells = {shell: value for shell, value in shells.items() if value > 0.0}
    if total is None:
        return shells
    rest = total - sum(shells.values())
    if rest > 0.0:
        outer = "N" if "L" in shells or not shells else "L"
        shells["N" if "M" in shells else outer] = rest
    return shells


def _xray_block(block: list[str]) -> list[tuple[str, str, float | None]]:
    """Lines (label, energy text, intensity per decay or None) of the X ray and Auger table; bracketed lines share an intensity."""
    found, group = [], []
    for line in [text for text in block if text[6:8] == " T" or text[6:8] == "T "] + ["".ljust(80)]:
        body = line[9:]
        match = re.search(r"(X[KL]\w*(?: \(total\))?|KLL AUGER|KLX AUGER|KXY AUGER|L AUGER)\s*$", body)
        if not match:
            found, group = found + _spread(group), []
            continue
        before = body[: match.start()]
        bracketed = "|]" in before
        intensity = number(before.split("|]")[1][:9]) if bracketed else number(before[25:33])
        row = (match.group(1), before[:20].split("|]")[0].strip(), intensity)
        if bracketed:
            group.append(row)
        else:
            found.append((row[0], row[1], None if row[2] is None else row[2] / 100))
    return found


def _spread(group):
    if not group:
        return []
    intensity = next((row[2] for row in group if row[2] is not None), None)
    labels = "+".join(row[0] for row in group)
    return [(labels, "; ".join(row[1] for row in group), None if intensity is None else intensity / 100)]


def read_ensdf_json(path: Path) -> DecaySet:
    """Decay set of one ENSDF decay data set in the JSON form of the paceENSDF package."""
    data = json.loads(path.read_text(encoding="utf-8"))
    parent, norm = data["parentDecay"][0], data["decaySchemeNormalization"][0]["normalizationRecord"][0]
    half_life, scale = parent["halfLife"][0], norm["multiplerPhotonIntensity"] * norm["multiplerBranchingRatio"] / 100
    symbol = SYMBOLS[data["parentAtomicNumber"]]
    daughter = f"{SYMBOLS[data['daughterAtomicNumber']]}-{data['daughterAtomicMass']}"
    ground = data["levelScheme"][0].get("isomerDecay") or []
    result = DecaySet(
        parent=f"{symbol}-{data['parentAtomicMass']}",
        parent_z=data["parentAtomicNumber"],
        mass_number=data["parentAtomicMass"],
        half_life_h=half_life["halfLifeConverted"] / 3600,
        half_life_uncertainty_h=half_life["dHalfLifeConverted"] / 3600,
        daughter=daughter,
        daughter_z=data["daughterAtomicNumber"],
        daughter_is_radioactive=bool(ground) or daughter in RADIOACTIVE_WITHOUT_HALF_LIFE,
        branching=norm["multiplerBranchingRatio"],
        source=f"ENSDF {data['parentAtomicMass']}{symbol.upper()} decay",
    )
    if data["decayMode"] == "alphaDecay":
        result.source = f"ENSDF {data['parentAtomicMass']}{symbol.upper()} alpha decay"
    for level in data["levelScheme"]:
        for gamma in level["gammaDecay"] or []:
            if gamma["gammaIntensity"]:
                result.transitions.append(_json_gamma(gamma, scale))
        for beta in level.get("betaMinusDecay") or []:
            forbidden = _json_forbiddenness(beta)
            intensity = beta["betaMinusIntensity"] / 100
            result.betas.append(("beta-", beta["endPointBetaMinusEnergy"], beta["averageBetaMinusEnergy"], intensity, forbidden))
        for branch in level.get("betaPlusDecay") or level.get("electronCaptureDecay") or []:
            _json_capture(result, branch)
        for alpha in level.get("alphaDecay") or []:
            if alpha["alphaEnergy"] and alpha["alphaIntensity"]:
                result.alphas.append((alpha["alphaEnergy"], alpha["alphaIntensity"]))
    total = sum(intensity for _, intensity in result.alphas)
    result.alphas = [(energy, intensity * result.branching / total) for energy, intensity in result.alphas]
    return result


def _json_gamma(gamma: dict, scale: float) -> Transition:
    name = "calculatedInternalConversionCoefficientAtomicShell"
    table = (gamma["calculatedAtomicShellConversionCoefficients"] or [{}])[0]
    shells = {shell: table.get(name + shell) or 0.0 for shell in "KLM"}
    total = gamma["calculatedTotalInternalConversionCoefficient"]
    return Transition(gamma["gammaEnergy"], gamma["gammaIntensity"] * scale, _complete_conversion(shells, total))


def _json_forbiddenness(branch: dict) -> str:
    names = {"firstForbidden": "1", "firstForbiddenUnique": "1U", "secondForbidden": "2", "secondForbiddenUnique": "2U"}
    return names.get(branch["forbiddennessClassification"], "")


def _json_capture(result: DecaySet, branch: dict) -> None:
    positrons, captures = branch.get("betaPlusIntensity"), branch.get("electronCaptureIntensity")
    if positrons and branch.get("averageBetaPlusEnergy"):
        endpoint = branch["electronCaptureEnergy"] - TWO_ELECTRON_MASSES_KEV
        forbidden = _json_forbiddenness(branch)
        result.betas.append(("beta+", endpoint, branch["averageBetaPlusEnergy"], positrons / 100, forbidden))
    if captures:
        single = branch["calculatedAtomicShellElectronCaptureFractions"][0]
        summed = branch["sumCalculatedAtomicShellElectronCaptureFractions"][0]
        name = "calculatedElectronCaptureFractionAtomicShell"
        shells = {shell: single[name + shell] for shell in "KLM"}
        shells["M"] += summed["sumElectronCaptureFractionAtomicShellPlusM"]
        total = sum(shells.values())
        result.captures.append(
            {shell: captures / 100 * value / total for shell, value in shells.items()} if total else {"K": captures / 100}
        )
