"""Decay data against the evaluations and against published sums."""

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_table
from RNTDosimetryLib.nuclides import (
    Nuclide,
    get_nuclide,
    joule_per_gbq,
    list_nuclides,
    source_nuclide,
    standard_name,
    with_progeny,
)

THERAPY = ["Lu-177", "Y-90", "Ho-166", "I-131", "Re-188", "Re-186", "Sm-153", "Sr-89", "Tb-161", "Ac-225", "Ra-223", "Pb-212"]
IMAGING = ["Tc-99m", "In-111", "Ga-68", "Cu-64", "I-124", "I-123", "F-18", "Zr-89"]
MORE = ["Cu-67", "P-32", "Er-169", "Sc-47", "Pb-203", "At-211", "Xe-131m"]
ADDED = ["Th-227", "Tb-149", "Tb-152", "Tb-155", "Sc-44", "Y-86", "Ra-224", "Ga-67", "Rn-220", "Po-216"]
PROGENY = [
    "Fr-221",
    "At-217",
    "Bi-213",
    "Po-213",
    "Tl-209",
    "Pb-209",
    "Rn-219",
    "Po-215",
    "Pb-211",
    "Bi-211",
    "Tl-207",
    "Po-211",
    "Bi-212",
    "Po-212",
    "Tl-208",
]


def test_every_nuclide_of_the_field_is_in_the_table():
    assert set(THERAPY + IMAGING + MORE + ADDED + PROGENY) <= set(list_nuclides())


@pytest.mark.parametrize("text", ["Lu-177", "177Lu", "lu177", "LU-177", "177-Lu", " Lu 177 ", "lu_177"])
def test_usual_spellings_mean_the_same_nuclide(text):
    assert get_nuclide(text).name == "Lu-177"


@pytest.mark.parametrize("text", ["Tc-99m", "99mTc", "tc99m", "99m-Tc"])
def test_an_isomer_keeps_its_m(text):
    assert get_nuclide(text).name == "Tc-99m"


def test_a_nuclide_object_is_handed_back():
    nuclide = get_nuclide("Y-90")
    assert get_nuclide(nuclide) is nuclide


def test_an_unknown_nuclide_is_refused_with_suggestions():
    with pytest.raises(DosimetryError, match=r"Expected a nuclide of the table, received 'Lu-176'; did you mean .*Lu-177"):
        get_nuclide("Lu-176")
    with pytest.raises(DosimetryError, match="did you mean"):
        get_nuclide("gold")
    assert standard_name("gold") == ""


# DDEP, BIPM Monographie-5 (the P record of each evaluation); I-124: ENSDF; Tb-161 and Ac-225: measured since. Value and standard uncertainty in h.
HALF_LIVES_H = {
    "Lu-177": (6.647 * 24, 0.004 * 24),
    "Y-90": (2.6684 * 24, 0.0013 * 24),
    "Ho-166": (26.795, 0.029),
    "I-131": (8.0233 * 24, 0.0019 * 24),
    "Re-188": (17.005, 0.004),
    "Re-186": (3.7186 * 24, 0.0017 * 24),
    "Sm-153": (1.92855 * 24, 0.00005 * 24),
    "Sr-89": (50.57 * 24, 0.03 * 24),
    "Tb-161": (6.953 * 24, 0.006 * 24),
    "Ac-225": (9.920 * 24, 0.003 * 24),
    "Ra-223": (11.43 * 24, 0.03 * 24),
    "Pb-212": (10.64, 0.01),
    "Tc-99m": (6.0067, 0.0010),
    "In-111": (2.8049 * 24, 0.0004 * 24),
    "Ga-68": (67.83 / 60, 0.20 / 60),
    "Cu-64": (12.7004, 0.0020),
    "I-124": (4.176 * 24, 0.0003 * 24),
    "I-123": (13.2234, 0.0037),
    "F-18": (1.82890, 0.00023),
    "Zr-89": (78.42, 0.13),
}


@pytest.mark.parametrize("name", sorted(HALF_LIVES_H))
def test_half_lives_are_those_of_the_evaluation(name):
    nuclide, (half_life_h, uncertainty_h) = get_nuclide(name), HALF_LIVES_H[name]
    assert nuclide.half_life_h == pytest.approx(half_life_h, abs=0.01 * uncertainty_h)
    assert nuclide.half_life_uncertainty_h == pytest.approx(uncertainty_h, rel=0.01)
    assert nuclide.decay_constant_per_h * nuclide.half_life_h == pytest.approx(0.693147, rel=1e-5)


# Metrology institutes: the rows and references of Resources/nuclides/half_lives.csv, read or quoted as said there.
HOURS = {"d": 24.0, "h": 1.0, "min": 1 / 60, "ms": 1 / 3.6e6}


@pytest.mark.parametrize("row", read_table("nuclides", "half_lives.csv"), ids=lambda row: f"{row['nuclide']}-{row['half_life']}")
def test_half_lives_agree_with_recent_metrology(row):
    nuclide = get_nuclide(row["nuclide"])
    value_h, uncertainty_h = (float(row[name]) * HOURS[row["unit"]] for name in ("half_life", "uncertainty"))
    assert row["source"]
    assert row["status"] in ("read", "second hand")
    assert nuclide.half_life_h == pytest.approx(value_h, abs=3 * np.hypot(uncertainty_h, nuclide.half_life_uncertainty_h))
    assert nuclide.half_life_h == pytest.approx(value_h, rel=0.02 if row["nuclide"] == "At-217" else 0.004)
    if row["used"] == "yes":
        assert nuclide.half_life_h == pytest.approx(value_h, rel=1e-6)
        assert any(text.startswith("half-life: ") for text in nuclide.sources)


# Issue 12 of this project: 161Tb 6.95 d (measured since 2020), 225Ac 9.920 d; the evaluations say 6.89 and 10.0 d
def test_the_half_lives_that_were_wrong():
    assert get_nuclide("Tb-161").half_life_h == pytest.approx(6.95 * 24, rel=0.001)
    assert get_nuclide("Ac-225").half_life_h == pytest.approx(9.920 * 24, rel=1e-4)


# ENSDF (NNDC) half-lives in h of the same nuclides: another evaluation of the same measurements.
@pytest.mark.parametrize(("name", "half_life_h"), [("Lu-177", 159.463), ("Y-90", 64.05), ("I-131", 192.605), ("Ho-166", 26.824)])
def test_half_lives_of_two_evaluations_agree(name, half_life_h):
    assert get_nuclide(name).half_life_h == pytest.approx(half_life_h, rel=0.0015)


# Energy of electrons per decay in MeV and J/GBq for full decay, sums over the ICRP Publication 107 spectra.
ICRP_ELECTRONS = {
    "Lu-177": (0.1479, 19.64),
    "Y-90": (0.933, 49.77),
    "Ho-166": (0.696, 15.53),
    "I-131": (0.192, 30.73),
    "Re-188": (0.779, 11.03),
    "Tb-161": (0.2025, 27.9 * 6.953 / 6.906),  # ICRP 107 has 6.906 d
}


@pytest.mark.parametrize("name", sorted(ICRP_ELECTRONS))
def test_electron_energies_and_dose_constants(name):
    nuclide, (energy_mev, joule_per_gbq) = get_nuclide(name), ICRP_ELECTRONS[name]
    assert nuclide.electron_energy_mev == pytest.approx(energy_mev, rel=0.005)
    assert nuclide.local_dose_constant_j_per_gbq == pytest.approx(joule_per_gbq, rel=0.005)


# Mean beta energy per decay in MeV, ICRP Publication 107: independent of DDEP and of our Fermi theory.
@pytest.mark.parametrize(
    ("name", "beta_mev"),
    [
        ("Lu-177", 0.13327),
        ("Y-90", 0.932905),
        ("Ho-166", 0.664993),
        ("I-131", 0.181868),
        ("Re-188", 0.762616),
        ("Re-186", 0.320674),
        ("Sm-153", 0.223567),
        ("Sr-89", 0.584538),
        ("P-32", 0.694777),
        ("Cu-67", 0.135893),
        ("Pb-212", 0.101713),
        ("Bi-213", 0.424816),
        ("F-18", 0.241608),
        ("Ga-68", 0.737383),
        ("Zr-89", 0.089937),
    ],
)
def test_mean_beta_energies(name, beta_mev):
    assert get_nuclide(name).beta_energy_mev == pytest.approx(beta_mev, rel=0.01)


# DDEP gamma emission intensities (per decay) and conversion coefficients of the 80.57 keV transition of 166Ho.
def test_conversion_electrons_of_ho_166_are_there():
    nuclide = get_nuclide("Ho-166")
    electrons = sum(
        line.intensity for line in nuclide.electrons if line.origin.startswith("conversion") and line.energy_mev < 0.081
    )
    assert electrons == pytest.approx(0.0655 * 6.90, rel=0.001)
    without = nuclide.beta_energy_mev / nuclide.electron_energy_mev
    assert 0.94 < without < 0.96  # the part of published constants that forget them: 4 to 6 % low


# DDEP: 177Lu 208.4 keV 10.38 %, 131I 364.5 keV 81.2 %, 99mTc 140.5 keV 88.5 %, 111In 245.4 keV 94.12 %, 68Ga positrons 88.88 %.
@pytest.mark.parametrize(
    ("name", "energy_mev", "intensity"),
    [("Lu-177", 0.20837, 0.1038), ("I-131", 0.36449, 0.812), ("Tc-99m", 0.14051, 0.885), ("Ga-68", 0.510999, 2 * 0.8888)],
)
def test_main_photon_lines(name, energy_mev, intensity):
    line = max(get_nuclide(name).photons, key=lambda row: row.energy_per_decay_mev)
    assert line.energy_mev == pytest.approx(energy_mev, rel=1e-4)
    assert line.intensity == pytest.approx(intensity, rel=2e-3)


def test_annihilation_photons_are_two_per_positron():
    for name in ("F-18", "Ga-68", "Cu-64", "I-124", "Zr-89"):
        nuclide = get_nuclide(name)
        lines = [line for line in nuclide.photons if line.origin == "annihilation"]
        assert len(lines) == 1
        assert lines[0].intensity == pytest.approx(2 * nuclide.positron_intensity, rel=1e-4)


# Sum of conversion electrons, X rays, Auger electrons and gammas = level energy, exactly, for an isomeric transition:
# 131mXe 163.930 keV (DDEP).
def test_an_isomeric_transition_releases_the_level_energy():
    nuclide = get_nuclide("Xe-131m")
    assert nuclide.electron_energy_mev + nuclide.photon_energy_mev == pytest.approx(0.163930, rel=0.003)


# 99mTc: isomer at 142.683 keV (DDEP), 140.5 keV gammas and electrons.
def test_technetium_releases_the_level_energy():
    nuclide = get_nuclide("Tc-99m")
    assert nuclide.electron_energy_mev + nuclide.photon_energy_mev == pytest.approx(0.142683, rel=0.005)


def test_iodine_131_leaves_its_isomer_to_xenon_131m():
    nuclide = get_nuclide("I-131")
    assert [(row.name, row.branching) for row in nuclide.progeny] == [("Xe-131m", pytest.approx(0.01087, rel=0.01))]
    assert not any(abs(line.energy_mev - 0.16393) < 1e-4 for line in nuclide.photons)


# Alpha energy per parent decay in equilibrium, MeV, from ICRP Publication 107 energies and branchings.
@pytest.mark.parametrize(("name", "alpha_mev"), [("Ac-225", 27.48), ("Pb-212", 7.80), ("Ra-223", 26.38)])
def test_alpha_energy_of_chains_in_equilibrium(name, alpha_mev):
    chain = get_nuclide(f"{name}+progeny")
    assert chain.alpha_energy_mev == pytest.approx(alpha_mev, rel=0.001)
    assert chain.half_life_h == get_nuclide(name).half_life_h
    assert chain is with_progeny(name)
    assert with_progeny(chain.name) is chain  # progeny is counted once


# Recoil per decay in MeV, ICRP Publication 107; kept apart from the alphas.
@pytest.mark.parametrize(
    ("name", "alpha_mev", "recoil_mev"),
    [
        ("Ac-225", 5.78718, 0.104813),
        ("Ra-223", 5.6666, 0.103567),
        ("Po-212", 8.78508, 0.169054),
        ("Bi-213", 0.122183, 0.00233996),
        ("Th-227", 5.88271, 0.105588),
    ],
)
def test_recoil_is_separate(name, alpha_mev, recoil_mev):
    nuclide = get_nuclide(name)
    # the ratio is 4.0026 / (A - 4.03), so that A for A - 4 (2 % off) shows
    assert nuclide.recoil_energy_mev / nuclide.alpha_energy_mev == pytest.approx(recoil_mev / alpha_mev, rel=0.002)
    assert get_nuclide("Lu-177").recoil_energy_mev == 0.0


def test_recoil_of_a_chain_is_that_of_its_members():
    # ICRP 107 members of 225Ac with their branchings: 221Fr, 217At, 213Bi, 213Po
    members = 0.104813 + 0.116271 + 0.132818 + 0.00233996 + 0.9791 * 0.160421
    assert get_nuclide("Ac-225+progeny").recoil_energy_mev == pytest.approx(members, rel=0.003)


# Electrons per decay of 225Ac with progeny, MeV: ICRP 107 members weighted with their branchings
# (0.02476 + 0.00891 + 0.44405 + 0.0209 * 0.68755 + 0.19744).
def test_electron_energy_of_the_actinium_chain():
    assert get_nuclide("225Ac+progeny").electron_energy_mev == pytest.approx(0.6895, rel=0.005)


def test_a_chain_names_its_members_and_what_it_leaves_out():
    sources = " ".join(with_progeny("At-211").sources)
    assert "Po-211: 0.5822 per decay of At-211" in sources
    assert "Bi-207 is not included" in sources


# Progeny that outlives its parent but decays in place: 209Pb (3.2 h) of 213Bi (46 min), 213Bi of 221Fr (5 min), 207Tl of 211Bi, 212Pb of 216Po
@pytest.mark.parametrize(
    ("name", "member", "share"),
    [
        ("Bi-213", "Pb-209", 1.0),
        ("Po-213", "Pb-209", 1.0),
        ("Tl-209", "Pb-209", 1.0),
        ("Fr-221", "Bi-213", 0.99988),
        ("Bi-211", "Tl-207", 0.99724),
        ("Po-215", "Pb-211", 0.999998),
        ("Po-216", "Bi-212", 1.0),
        ("Th-227", "Ra-223", 1.0),
        ("Ra-224", "Po-212", 0.6407),
    ],
)
def test_progeny_that_decays_in_place_counts(name, member, share):
    (note,) = [text for text in with_progeny(name).sources if text.startswith(f"{member}: ")]
    assert float(note.split()[1]) == pytest.approx(share, abs=1e-4)


def test_the_energy_of_a_parent_is_its_own_plus_that_of_its_daughters():
    # by the table's branchings, one step at a time: nothing in the chain is lost or counted twice
    for name in list_nuclides():
        parent = get_nuclide(name)
        expected = parent.electron_energy_mev + parent.alpha_energy_mev
        for row in parent.progeny:
            if row.name in list_nuclides() and row.name != "Xe-131m":
                daughter = with_progeny(row.name)
                expected += row.branching * (daughter.electron_energy_mev + daughter.alpha_energy_mev)
        whole = with_progeny(name)
        assert whole.electron_energy_mev + whole.alpha_energy_mev == pytest.approx(expected, rel=1e-9), name


def test_one_name_says_whether_progeny_counts():
    # ICRP 107 alphas: 27.48 MeV per decay of 225Ac in equilibrium, 5.787 of itself; electrons come on top
    alone = get_nuclide("Ac-225", progeny=False)
    whole = get_nuclide("Ac-225")
    ratio = whole.local_dose_constant_j_per_gbq / alone.local_dose_constant_j_per_gbq
    assert ratio == pytest.approx((27.48 + 0.6895) / (5.787 + 0.0248), rel=0.005)
    assert whole.local_dose_constant_j_per_gbq == get_nuclide("Ac-225+progeny").local_dose_constant_j_per_gbq
    assert source_nuclide(alone) is alone
    assert source_nuclide(whole).name == "Ac-225+progeny"
    assert get_nuclide("Lu-177", progeny=False) is get_nuclide("Lu-177")
    with pytest.raises(DosimetryError, match="Expected a nuclide alone"):
        get_nuclide("Ac-225+progeny", progeny=False)
    with pytest.raises(DosimetryError, match="true or false"):
        get_nuclide("Ac-225", progeny="no")


def test_a_nuclide_of_ones_own_keeps_its_data_in_the_chain():
    table = get_nuclide("Ac-225")
    own = Nuclide.from_dict(table.to_dict() | {"alphas": [], "half_life_h": 200.0})
    assert source_nuclide(own).alpha_energy_mev == pytest.approx(source_nuclide(table).alpha_energy_mev - table.alpha_energy_mev)
    assert source_nuclide(own).half_life_h == 200.0


# Published sums beside our own from ENSDF: ICRP 107 for 227Th; 44Sc and 86Y positrons from the ENSDF branches by hand
# (0.9427 * 632 keV; 31.9 % at 664 keV), 67Ga 93 keV of 39.2 %, alphas of 149Tb 16.7 % at 3.967 MeV.
@pytest.mark.parametrize(
    ("name", "quantity", "value"),
    [
        ("Th-227", "alpha_energy_mev", 5.88271),
        ("Sc-44", "beta_energy_mev", 0.9427 * 0.632),
        ("Y-86", "beta_energy_mev", 0.319 * 0.664),
        ("Tb-149", "alpha_energy_mev", 0.167 * 3.967),
        ("Ra-224", "alpha_energy_mev", 0.9492 * 5.6854 + 0.0506 * 5.4486),
    ],
)
def test_nuclides_added_from_ensdf(name, quantity, value):
    assert getattr(get_nuclide(name), quantity) == pytest.approx(value, rel=0.01)


# Electrons and photons of a decay that ends in the ground state release what the levels were fed with (ENSDF feedings, keV):
# 67Ga 186.3, 155Tb 175.6, 86Y 3241, 44Sc 1172.5, 152Tb 1140. Binding energy of the captured shell comes on top.
@pytest.mark.parametrize(
    ("name", "level_mev", "binding_mev"),
    [
        ("Ga-67", 0.1863, 0.0086),
        ("Tb-155", 0.1756, 0.0437),
        ("Y-86", 3.241, 0.0102),
        ("Sc-44", 1.1725, 0.0002),
        ("Tb-152", 1.140, 0.034),
    ],
)
def test_levels_release_their_energy(name, level_mev, binding_mev):
    nuclide = get_nuclide(name)
    annihilation = sum(line.energy_per_decay_mev for line in nuclide.photons if line.origin == "annihilation")
    released = nuclide.photon_energy_mev - annihilation + nuclide.electron_energy_mev - nuclide.beta_energy_mev
    assert released == pytest.approx(level_mev + binding_mev, rel=0.02)


def test_every_row_has_a_source_and_possible_values():
    for name in list_nuclides():
        nuclide = get_nuclide(name)
        assert nuclide.sources
        for row in nuclide.betas + nuclide.electrons + nuclide.photons + nuclide.alphas:
            assert row.source
            assert row.intensity > 0.0
        for line in nuclide.electrons + nuclide.photons + nuclide.alphas:
            assert 0.0 < line.energy_mev < 10.0


def test_decay_modes_add_up_to_one():
    for name in [*THERAPY, "P-32", "Er-169", "Sc-47", "Cu-67"]:
        nuclide = get_nuclide(name)
        modes = sum(row.intensity for row in nuclide.betas) + sum(row.intensity for row in nuclide.alphas)
        captures = 0.0753 if name == "Re-186" else 0.0  # electron capture branch of 186Re, DDEP
        assert modes + captures == pytest.approx(1.0, abs=0.012), name  # 161Tb: ENSDF intensities add up to 1.009


def test_a_nuclide_goes_to_plain_data_and_back():
    nuclide = get_nuclide("Lu-177")
    assert Nuclide.from_dict(nuclide.to_dict()) == nuclide


def test_a_half_life_of_zero_is_refused():
    data = get_nuclide("Lu-177").to_dict() | {"half_life_h": 0.0}
    with pytest.raises(DosimetryError, match="positive half-life"):
        Nuclide.from_dict(data)


@pytest.mark.parametrize(
    "wrong", [None, True, 177, float("nan"), b"Lu-177", [], ["Lu-177"], {}, 1 + 2j, object(), np.array(["Lu-177"])]
)
def test_what_is_no_name_is_refused(wrong):
    assert standard_name(wrong) == ""
    for function in (get_nuclide, with_progeny):
        with pytest.raises(DosimetryError, match="Expected the name of a nuclide"):
            function(wrong)


@pytest.mark.parametrize("wrong", [None, "1", float("nan"), float("inf"), -1.0, True, 1 + 2j, []])
def test_joule_per_gbq_refuses_what_is_no_energy_or_half_life(wrong):
    with pytest.raises(DosimetryError, match="Expected an energy"):
        joule_per_gbq(wrong, 64.0)
    with pytest.raises(DosimetryError, match="Expected a half-life"):
        joule_per_gbq(1.0, wrong)
