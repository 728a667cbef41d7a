"""Red marrow from blood samples or from vertebrae in the image, whole body, thyroid."""

import math
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.checks import any_number, non_negative_number, one_of, positive_number, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.dose.decay import GY_G_PER_MBQ_H_MEV, decay_warnings, local_energy_mev
from RNTDosimetryLib.dose.kernels import electron_spectrum
from RNTDosimetryLib.dose.regions import RegionDose
from RNTDosimetryLib.nuclides import Nuclide, get_nuclide, source_nuclide


def marrow_constants() -> dict:
    """Constants of marrow dosimetry with source and status."""
    return read_json("dose", "organ_methods.json")["marrow"]


def red_marrow_to_blood_ratio(hematocrit: float | None = None, peptide: bool = False) -> float:
    """RMBLR, activity concentration of red marrow over that of blood: 1 for 177Lu peptides, else 0.19 / (1 - hematocrit).

    hematocrit: 0.1 to 0.7, the patient's own (male about 0.45, female 0.40), needed unless ``peptide``.
    """
    constants = marrow_constants()
    if peptide:
        return float(constants["peptide_rmblr"]["value"])
    fraction = any_number(hematocrit, "a hematocrit between 0.1 and 0.7", "give a fraction, not per cent")
    if not 0.1 <= fraction <= 0.7:
        raise DosimetryError(f"Expected a hematocrit between 0.1 and 0.7, received {hematocrit}; give a fraction, not per cent.")
    return constants["extracellular_fraction"]["value"] / (1 - fraction)


@dataclass(frozen=True)
class AbsorbedFraction(Record):
    """Share of the electron energy of the marrow's activity that the marrow absorbs. relative_uncertainty: None for an entered value."""

    value: float
    relative_uncertainty: float | None
    warnings: tuple[str, ...] = ()


def marrow_absorbed_fraction(nuclide, absorbed_fraction: float | None = None, *, progeny: bool = True) -> AbsorbedFraction:
    """Absorbed fraction of red marrow for activity in it: the entered one, else that of the nuclide, else between those of others.

    Tabulated: Resources/dose/organ_methods.json, of OLINDA/EXM 2. Between: linear in the logarithm of the mean electron energy, weighted with
    the energy (``mean_electron_energy_mev``), with a larger uncertainty and a warning. Raises DosimetryError for a nuclide with alphas, or
    whose electrons are softer or harder than those of all tabulated ones: enter a fraction then.
    """
    if absorbed_fraction is not None:
        entered = positive_number(absorbed_fraction, "absorbed fraction")
        if entered > 1:
            raise DosimetryError(
                f"Expected an absorbed fraction of at most 1, received {absorbed_fraction}; 1 is an upper bound."
            )
        bound = ("All electron energy of the marrow's activity is taken as absorbed in marrow: an upper bound.",)
        return AbsorbedFraction(entered, None, bound if entered == 1 else ())
    source = source_nuclide(nuclide, progeny)
    data = marrow_constants()["absorbed_fraction"]
    if source.name in data["values"]:
        row = data["values"][source.name]
        return AbsorbedFraction(row["value"], row["relative_uncertainty"])
    known = sorted(
        (mean_electron_energy_mev(get_nuclide(name)), row["value"])
        for name, row in data["values"].items()
        if row["of"] == "electrons"
    )
    energy = mean_electron_energy_mev(source) if source.betas or source.electrons else 0.0
    if source.alpha_energy_mev > 0 or not known[0][0] <= energy <= known[-1][0]:
        kind = "alphas" if source.alpha_energy_mev > 0 else f"electrons of {energy:.3g} MeV"
        raise DosimetryError(
            f"Expected a nuclide whose absorbed fraction in marrow is known, or electrons of {known[0][0]:.3g} to {known[-1][0]:.3g} MeV, "
            f"received {source.name} with {kind}; give absorbed_fraction (1 is an upper bound)."
        )
    value = float(np.interp(math.log(energy), [math.log(item[0]) for item in known], [item[1] for item in known]))
    relative = data["interpolated_relative_uncertainty"]["value"]
    told = warned("marrow_fraction_between_nuclides", nuclide=source.name, fraction=value, percent=100 * relative)
    return AbsorbedFraction(value, relative, (told,))


def mean_electron_energy_mev(nuclide: Nuclide) -> float:
    """Energy in MeV of the electrons and positrons that carry the energy: the mean of ln E, weighted with the energy, as an energy."""
    energy, electrons, positrons = electron_spectrum(nuclide)
    weight = energy * (electrons + positrons)
    return math.exp(float(np.sum(np.log(energy) * weight) / np.sum(weight)))


def marrow_dose_from_blood(
    blood_tia_mbq_h_ml: float,
    nuclide,
    rmblr: float,
    *,
    blood_tia_uncertainty_mbq_h_ml: float | None = None,
    absorbed_fraction: float | None = None,
    remainder_tia_mbq_h: float = 0.0,
    s_remainder_gy_per_mbq_h: float = 0.0,
    red_marrow_mass_g: float | None = None,
    blood_density_g_ml: float = 1.0,
    progeny: bool = True,
) -> RegionDose:
    """Red marrow dose from the time-integrated activity concentration of blood, for activity that does not bind to marrow or bone.

    blood_tia_mbq_h_ml: MBq*h per mL of blood. Self-dose: TIA_RM = C_blood / density_blood * RMBLR * m_RM, S = E phi / m_RM, so that the
    marrow mass cancels: D = C_blood / density_blood * RMBLR * E phi. E: electrons and alphas. absorbed_fraction phi: None takes
    ``marrow_absorbed_fraction``, whose uncertainty is in that of the dose; 1 is an upper bound.
    blood_density_g_ml: the usual formula takes 1 mL of blood as 1 g; 1.06 lowers the dose by 6 %.
    Photon cross dose of the rest of the body: remainder_tia_mbq_h times s_remainder_gy_per_mbq_h, from the user's S table; left out when
    not given, and said so. red_marrow_mass_g: only for the record; None takes the reference male's. progeny: as every dose.
    """
    constants = marrow_constants()
    concentration = non_negative_number(blood_tia_mbq_h_ml, "blood TIA in MBq*h/mL", "fit the blood samples first")
    ratio = positive_number(rmblr, "red marrow to blood ratio", "see red_marrow_to_blood_ratio")
    source = source_nuclide(nuclide, progeny)
    fraction = marrow_absorbed_fraction(source, absorbed_fraction)
    reference = constants["reference_red_marrow_mass_g"]["male"]
    mass = reference if red_marrow_mass_g is None else positive_number(red_marrow_mass_g, "red marrow mass in g")
    per_g = concentration / positive_number(blood_density_g_ml, "density of blood in g/mL") * ratio
    self_gy = per_g * GY_G_PER_MBQ_H_MEV * local_energy_mev(source) * fraction.value
    cross_gy = non_negative_number(remainder_tia_mbq_h, "remainder TIA in MBq*h") * non_negative_number(
        s_remainder_gy_per_mbq_h, "S(red marrow <- remainder) in Gy/(MBq*h)"
    )
    relative = _relative(concentration, blood_tia_uncertainty_mbq_h_ml, "uncertainty of the blood TIA", fraction)
    warnings = () if cross_gy > 0 else (warned("remainder_to_marrow_left_out"),)
    return RegionDose(
        region="red marrow",
        mass_g=mass,
        tia_mbq_h=per_g * mass,
        dose_gy=self_gy + cross_gy,
        dose_uncertainty_gy=None if relative is None else relative * self_gy,
        nuclide=source.name,
        method=f"blood based, RMBLR {ratio:.3g}, absorbed fraction {fraction.value:.3g}",
        parts={"electrons and alphas": self_gy, "from remainder": cross_gy},
        warnings=warnings + fraction.warnings + decay_warnings(source),
    )


def _relative(tia: float, tia_uncertainty: float | None, name: str, fraction: AbsorbedFraction) -> float | None:
    """Relative uncertainty of TIA and absorbed fraction together, None where that of the TIA is not known."""
    if tia_uncertainty is None or tia <= 0:
        return None
    return math.hypot(non_negative_number(tia_uncertainty, name) / tia, fraction.relative_uncertainty or 0.0)


def marrow_dose_from_vertebrae(
    vertebrae_tia_mbq_h: float,
    nuclide,
    *,
    vertebrae: str = "L2-L4",
    red_marrow_mass_g: float | None = None,
    sex: str = "male",
    absorbed_fraction: float | None = None,
    tia_uncertainty_mbq_h: float | None = None,
    progeny: bool = True,
) -> RegionDose:
    """Red marrow dose from the activity seen in vertebrae, for activity that binds to marrow (or where blood samples are missing).

    vertebrae_tia_mbq_h: MBq*h in the vertebral bodies named, all of it taken to be in their red marrow. Their share f of the
    body's active marrow gives TIA_RM = TIA / f; D = TIA_RM E phi / m_RM. The mass does not cancel: give the patient's own where known.
    absorbed_fraction phi, progeny: as ``marrow_dose_from_blood``.
    """
    constants = marrow_constants()
    shares = {name: value for name, value in constants["vertebra_red_marrow_fraction"].items() if isinstance(value, float)}
    one_of(vertebrae, sorted(shares), "vertebrae", "outline these")
    masses = {name: value for name, value in constants["reference_red_marrow_mass_g"].items() if isinstance(value, float)}
    if red_marrow_mass_g is None and (not isinstance(sex, str) or sex not in masses):
        raise DosimetryError(
            f"Expected sex {' or '.join(sorted(masses))} or a red marrow mass, received {shown(sex)}; give one of them."
        )
    mass = masses[sex] if red_marrow_mass_g is None else positive_number(red_marrow_mass_g, "red marrow mass in g")
    measured = non_negative_number(vertebrae_tia_mbq_h, "TIA in MBq*h of the vertebrae")
    source = source_nuclide(nuclide, progeny)
    fraction = marrow_absorbed_fraction(source, absorbed_fraction)
    tia = measured / shares[vertebrae]
    dose = tia * GY_G_PER_MBQ_H_MEV * local_energy_mev(source) * fraction.value / mass
    relative = _relative(measured, tia_uncertainty_mbq_h, "uncertainty of the TIA in MBq*h", fraction)
    warnings = [warned("marrow_share_unchecked", vertebrae=vertebrae, share=shares[vertebrae])]
    if red_marrow_mass_g is None:
        warnings.append(warned("reference_marrow_mass", sex=sex, mass=mass))
    return RegionDose(
        region="red marrow",
        mass_g=mass,
        tia_mbq_h=tia,
        dose_gy=dose,
        dose_uncertainty_gy=None if relative is None else relative * dose,
        nuclide=source.name,
        method=f"image based, {vertebrae}, absorbed fraction {fraction.value:.3g}",
        parts={"electrons and alphas": dose},
        warnings=(*warnings, *fraction.warnings, *decay_warnings(source)),
    )


_LIGHTEST_KG, _HEAVIEST_KG = 2.0, 300.0


def whole_body_s_gy_per_mbq_h(body_mass_kg: float, nuclide: str = "I-131") -> float:
    """Whole-body S value in Gy/(MBq*h): 1.34e-4 m^-0.921 for 131I, m in kg (Resources/dose/organ_methods.json).

    Raises DosimetryError for a mass outside 2 to 300 kg, or a nuclide without a power law.
    """
    mass = positive_number(body_mass_kg, "body mass in kg")
    if not _LIGHTEST_KG <= mass <= _HEAVIEST_KG:
        raise DosimetryError(
            f"Expected a body mass of {_LIGHTEST_KG:.0f} to {_HEAVIEST_KG:.0f} kg, received {body_mass_kg}; check that the unit is kg."
        )
    laws = read_json("dose", "organ_methods.json")["whole_body"]
    name = get_nuclide(nuclide).name
    if name not in laws:
        raise DosimetryError(
            f"Expected a nuclide with a whole-body power law ({', '.join(sorted(laws))}), received {name}; use self_dose with the body mass."
        )
    return laws[name]["coefficient_gy_per_mbq_h"] * mass ** laws[name]["exponent"]


def whole_body_dose(
    tia_mbq_h: float, body_mass_kg: float, nuclide: str = "I-131", *, tia_uncertainty_mbq_h: float | None = None
) -> RegionDose:
    """Mean whole-body dose of 131I therapy: TIA in MBq*h times S(m). ``body_mass_kg``: the patient's mass."""
    tia = non_negative_number(tia_mbq_h, "whole-body TIA in MBq*h", "fit the retention first")
    s_value = whole_body_s_gy_per_mbq_h(body_mass_kg, nuclide)
    uncertainty = None
    if tia_uncertainty_mbq_h is not None:
        uncertainty = non_negative_number(tia_uncertainty_mbq_h, "uncertainty of the TIA in MBq*h") * s_value
    return RegionDose(
        region="whole body",
        mass_g=1000 * float(body_mass_kg),
        tia_mbq_h=tia,
        dose_gy=tia * s_value,
        dose_uncertainty_gy=uncertainty,
        nuclide=get_nuclide(nuclide).name,
        method="whole-body power law of the mass",
    )


def thyroid_constant() -> float:
    """24.7 MBq*d*%/(Gy*g) of 131I, with source and status in Resources/dose/organ_methods.json."""
    return read_json("dose", "organ_methods.json")["thyroid"]["I-131"]["activity_mbq_d_percent_per_gy_g"]


def thyroid_activity_mbq(dose_gy: float, mass_g: float, uptake_percent: float, effective_half_life_d: float) -> float:
    """Activity of 131I in MBq for a dose to the thyroid: A = 24.7 D M / (U Teff).

    dose_gy: wanted dose. mass_g: of the target tissue. uptake_percent: largest share of the given activity in it, 0 to 100.
    effective_half_life_d: in days, at most the physical 8.02 d. Uptake is taken as immediate.
    """
    dose = positive_number(dose_gy, "dose in Gy")
    mass, uptake, half_life = _checked(mass_g, uptake_percent, effective_half_life_d)
    return thyroid_constant() * dose * mass / (uptake * half_life)


def thyroid_dose(activity_mbq: float, mass_g: float, uptake_percent: float, effective_half_life_d: float) -> RegionDose:
    """Dose to the thyroid of a given activity of 131I in MBq: D = A U Teff / (24.7 M); arguments as ``thyroid_activity_mbq``."""
    activity = positive_number(activity_mbq, "activity in MBq")
    mass, uptake, half_life = _checked(mass_g, uptake_percent, effective_half_life_d)
    tia = activity * uptake / 100 * half_life * 24 / math.log(2)
    return RegionDose(
        region="thyroid",
        mass_g=mass,
        tia_mbq_h=tia,
        dose_gy=activity * uptake * half_life / (thyroid_constant() * mass),
        dose_uncertainty_gy=None,
        nuclide="I-131",
        method="uptake and effective half-life",
    )


def effective_half_life_from_uptakes_d(
    uptake_early_percent: float, early_h: float, uptake_late_percent: float, late_h: float
) -> float:
    """Effective half-life in days from two uptakes after the maximum (e.g. 24 h and 120 h or later), not decay corrected."""
    first, second = (
        positive_number(uptake_early_percent, "early uptake in %"),
        positive_number(uptake_late_percent, "late uptake in %"),
    )
    begin, end = positive_number(early_h, "early time in h"), positive_number(late_h, "late time in h")
    if end <= begin or second >= first:
        raise DosimetryError(
            f"Expected an uptake that falls between two times, received {first} % at {begin} h and {second} % at {end} h; measure later."
        )
    return (end - begin) / 24 * math.log(2) / math.log(first / second)


def _checked(mass_g, uptake_percent, effective_half_life_d) -> tuple[float, float, float]:
    mass = positive_number(mass_g, "thyroid mass in g")
    uptake = positive_number(uptake_percent, "uptake in %")
    half_life = positive_number(effective_half_life_d, "effective half-life in days")
    if uptake > 100:
        raise DosimetryError(f"Expected an uptake of at most 100 %, received {uptake_percent}; give per cent of the activity.")
    physical_d = _physical_half_life_d()
    if half_life > physical_d * 1.001:
        raise DosimetryError(
            f"Expected an effective half-life of at most {physical_d:.3g} days (physical, 131I), received {effective_half_life_d}; check the unit."
        )
    return mass, uptake, half_life


def _physical_half_life_d() -> float:
    return get_nuclide("I-131").half_life_h / 24
