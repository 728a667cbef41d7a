"""One nuclide through every public door: the chain in equilibrium by default, the nuclide alone by ``progeny=False``."""

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import kind_of
from RNTDosimetryLib.dose import (
    STable,
    SValue,
    alpha_share,
    compare_engines,
    cross_doses,
    dose_map,
    dose_point_kernel,
    dose_rate_map,
    doses_from_table,
    marrow_dose_from_blood,
    marrow_dose_from_vertebrae,
    photon_dose_gy,
    rbe_weighted_dose,
    s_value_uncertainty,
    self_dose,
    sphere_dose,
    sphere_s_value,
    voxel_kernel,
    voxel_s_kernel,
)
from RNTDosimetryLib.dose.decay import GY_G_PER_MBQ_H_MEV, GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S
from RNTDosimetryLib.nuclides import get_nuclide, list_nuclides, source_nuclide

PARENTS = [name for name in list_nuclides() if get_nuclide(name).progeny]
SPACING = (5.0, 5.0, 5.0)
POINT = np.zeros((3, 3, 3))
POINT[1, 1, 1] = 1.0
IN_VOXEL_MBQ_H = 0.125
CENTER = {"center": POINT}


@pytest.mark.parametrize("progeny", [True, False])
@pytest.mark.parametrize("name", PARENTS)
def test_every_door_gives_the_same_dose(name, progeny):
    nuclide = source_nuclide(name, progeny)
    s_value = sphere_s_value(name, 20.0, progeny=progeny)
    dose = self_dose(100.0, name, 20.0, progeny=progeny)
    assert dose.nuclide == nuclide.name == sphere_dose(name, 20.0, progeny=progeny).nuclide
    assert dose.dose_gy == pytest.approx(100.0 * s_value * GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S, rel=1e-9)
    kernel = dose_map(POINT, SPACING, name, "kernel", progeny=progeny)
    source_voxel = voxel_s_kernel(name, SPACING, extent_mm=1.0, progeny=progeny).item()
    assert kernel[1, 1, 1] == pytest.approx(source_voxel * IN_VOXEL_MBQ_H * GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S, rel=1e-6)
    assert voxel_kernel(name, SPACING, shape=(1, 1, 1), progeny=progeny).octant().item() == pytest.approx(source_voxel)
    # Local deposition of 1 GBq in 1 kg for ever is the local dose constant in Gy
    tia = np.full((1, 1, 1), 1000.0 / nuclide.decay_constant_per_h / 1000.0)
    local = dose_map(tia, SPACING, name, progeny=progeny)
    constant = get_nuclide(name, progeny=progeny).local_dose_constant_j_per_gbq
    assert local[0, 0, 0] == pytest.approx(constant, rel=1e-6)
    rate = dose_rate_map(tia * 1e6, SPACING, name, progeny=progeny)
    assert rate == pytest.approx(np.asarray(local), rel=1e-6)
    point = dose_point_kernel(name, progeny=progeny)
    assert point.total_mev == pytest.approx(
        nuclide.electron_energy_mev + nuclide.alpha_energy_mev + nuclide.photon_energy_mev, rel=1e-6
    )


@pytest.mark.parametrize("progeny", [True, False])
@pytest.mark.parametrize("name", ["Ac-225", "Pb-212", "Bi-213"])
def test_the_other_doors_know_the_same_nuclide(name, progeny):
    whole = dose_map(POINT, SPACING, name, "kernel", progeny=progeny)
    crossed = cross_doses(POINT, SPACING, name, CENTER, progeny=progeny)["center"]["center"]
    assert crossed == pytest.approx(float(whole[1, 1, 1]), rel=1e-6)
    engines = compare_engines(POINT, SPACING, name, progeny=progeny)
    assert np.array_equal(engines.maps["kernel"], whole)
    photons = photon_dose_gy(POINT, SPACING, name, progeny=progeny)
    alone = voxel_kernel(name, SPACING, shape=(3, 3, 3), progeny=progeny).photon_s[0, 0, 0]
    assert photons[1, 1, 1] == pytest.approx(alone * IN_VOXEL_MBQ_H * GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S, rel=1e-6)
    share = alpha_share(name, progeny=progeny)
    assert rbe_weighted_dose(1.0, name, 5.0, progeny=progeny) == pytest.approx(1 + 4 * share)
    nuclide = source_nuclide(name, progeny)
    energy = nuclide.electron_energy_mev + nuclide.alpha_energy_mev
    assert share == pytest.approx(nuclide.alpha_energy_mev / energy)
    blood = marrow_dose_from_blood(1.0, name, 1.0, absorbed_fraction=0.5, progeny=progeny)
    assert blood.dose_gy == pytest.approx(0.5 * GY_G_PER_MBQ_H_MEV * energy)
    bone = marrow_dose_from_vertebrae(0.067, name, absorbed_fraction=0.5, progeny=progeny)
    assert bone.dose_gy == pytest.approx(0.5 * GY_G_PER_MBQ_H_MEV * energy / 1170)
    table = STable(name, "t", (SValue("liver", "liver", 1.0, 1000.0),))
    electrons = doses_from_table({"liver": 1.0}, table, {"liver": 1000.0}, progeny=progeny)["liver"].parts["electrons and alphas"]
    assert electrons == pytest.approx(GY_G_PER_MBQ_H_MEV * energy / 1000.0)


# Issue 12 of this project: the bare parent was 4.8 times too low for 225Ac and 46 times for 212Pb
@pytest.mark.parametrize(("name", "factor"), [("Ac-225", 4.8), ("Pb-212", 46.0)])
def test_the_default_is_the_chain(name, factor):
    assert sphere_s_value(name, 310.0) / sphere_s_value(name, 310.0, progeny=False) == pytest.approx(factor, rel=0.03)


def test_a_nuclide_object_goes_through_the_doors_like_its_name():
    for given in (get_nuclide("Ac-225"), get_nuclide("Ac-225+progeny"), "Ac-225+progeny"):
        assert sphere_s_value(given, 20.0) == pytest.approx(sphere_s_value("Ac-225", 20.0), rel=1e-12)
    alone = get_nuclide("Ac-225", progeny=False)
    assert sphere_s_value(alone, 20.0) == sphere_s_value("Ac-225", 20.0, progeny=False)
    assert dose_map(POINT, SPACING, alone).nuclide == "Ac-225"


def test_what_counts_and_what_does_not_is_said():
    def codes(nuclide, **how):
        return {kind.code for kind in map(kind_of, self_dose(1.0, nuclide, 20.0, **how).warnings) if kind}

    assert "progeny_left_out" in codes("Ac-225", progeny=False)
    assert "progeny_left_out" not in codes("Ac-225") | codes("Lu-177", progeny=False)
    assert "progeny_may_move" in codes("Th-227")  # 223Ra, 11.4 d
    assert "progeny_may_move" not in codes("Ac-225") | codes("Ra-224")
    assert codes("Tb-149") == {"progeny_not_counted", "without_rbe"}  # 149Gd and 145Eu, days
    assert codes("At-211") == {"without_rbe", "progeny_in_equilibrium"}
    assert codes("I-131") == codes("Tc-99m") == set()


@pytest.mark.parametrize("function", [sphere_s_value, s_value_uncertainty])
def test_a_chain_cannot_be_taken_alone(function):
    with pytest.raises(DosimetryError, match="Expected a nuclide alone"):
        function("Ac-225+progeny", 20.0, progeny=False)
