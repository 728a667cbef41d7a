"""The radioembolisation case: truth by hand, images that hold the true activity, and repeatable noise."""

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.phantom.radioembolisation import TareSettings, simulate_tare, tare_regions, tare_truth
from RNTDosimetryLib.phantom.radioembolisation.case import (
    tare_activities_mbq,
    tare_geometry,
    tare_masses_g,
    tare_positions,
    tare_protocol,
)

SHARP = TareSettings(size="small", blur=False, noise=False)


@pytest.fixture(scope="module")
def truth():
    return tare_truth(SHARP)


def test_doses_by_hand(truth):
    # Left position: 0.9 GBq less 2 % left behind, planned with shunt 5 % and ratio 6, delivered with 4.5 % and 6.5; K 49.67 J/GBq.
    masses = tare_masses_g()
    for tnr, shunt, name in ((6.0, 0.05, "planned_dose_gy"), (6.5, 0.045, "delivered_dose_gy")):
        normal = 49.67 * 0.9 * 0.98 * (1 - shunt) / (masses["normal_left"] + tnr * masses["tumour_2"]) * 1000
        assert getattr(truth.regions["normal_left"], name) == pytest.approx(normal, rel=1e-9)
        assert getattr(truth.regions["tumour_2"], name) == pytest.approx(tnr * normal, rel=1e-9)
    lung = 49.67 * (2.4 * 0.99 * 0.06 + 0.9 * 0.98 * 0.045) / masses["lungs"] * 1000
    assert truth.regions["lungs"].delivered_dose_gy == pytest.approx(lung, rel=1e-9)
    assert truth.lung_shunt_fraction == pytest.approx(0.66 * 0.07 + 0.34 * 0.05, rel=1e-12)


def test_all_activity_is_somewhere(truth):
    assert sum(region.scout_mbq for region in truth.regions.values()) == pytest.approx(160.0, rel=1e-12)
    assert sum(region.treatment_mbq for region in truth.regions.values()) == pytest.approx(2400 * 0.99 + 900 * 0.98, rel=1e-12)
    deposited = TareSettings(size="small", extrahepatic_fraction=0.04)
    assert tare_activities_mbq("scout", deposited)["stomach"] == pytest.approx(6.4, rel=1e-12)
    assert all(position.extrahepatic_fraction == 0 for position in tare_positions("treatment", deposited))


def test_tumour_volumes_are_those_of_ellipsoids(truth):
    # 4/3 pi a b c of the semi-axes in tare_anatomy.json; the tumours lie wholly in the liver.
    assert truth.regions["tumour_1"].volume_ml == pytest.approx(4 / 3 * np.pi * 33 * 30 * 34 / 1000, rel=0.002)
    assert truth.regions["tumour_2"].volume_ml == pytest.approx(4 / 3 * np.pi * 23 * 21 * 22 / 1000, rel=0.002)


def test_organs_have_the_size_of_organs(truth):
    # An adult's liver is 1.2 to 2 kg and the lungs weigh about 1 kg.
    liver = sum(truth.regions[name].mass_g for name in ("normal_right", "normal_left", "tumour_1", "tumour_2"))
    assert 1200 < liver < 2200
    assert 800 < truth.regions["lungs"].mass_g < 1200


@pytest.mark.parametrize("blur", [False, True])
def test_images_hold_the_activity(truth, blur):
    scans = simulate_tare(TareSettings(size="small", blur=blur, noise=False))
    scout = float(scans.scout.concentration_bq_ml.sum(dtype=float)) * scans.scout.geometry.voxel_volume_ml / 1e6
    decayed = 160.0 * 0.5 ** (1.0 / get_nuclide("Tc-99m").half_life_h)
    assert scout == pytest.approx(decayed, rel=0.01)
    # The PET shows the liver and the bases of the lungs: all but most of the 5.6 % in the lungs.
    pet = float(scans.pet.concentration_bq_ml.sum(dtype=float)) * scans.pet.geometry.voxel_volume_ml / 1e6
    at_start = 1000 * truth.net_activity_gbq * 0.5 ** (20 / get_nuclide("Y-90").half_life_h)
    assert (1 - truth.treatment_lung_shunt_fraction) * 0.99 * at_start < pet < at_start


def test_noise_is_that_of_counts():
    still = simulate_tare(TareSettings(size="small", noise=False)).planar.anterior_counts
    noisy = [simulate_tare(TareSettings(size="small", seed=seed)).planar.anterior_counts for seed in (1, 2, 1)]
    np.testing.assert_array_equal(noisy[0], noisy[2])
    bright = still > 50
    # Reduced chi-square of Poisson counts is 1; its spread is sqrt(2 / n).
    ratio = float(((noisy[0] - still)[bright] ** 2 / still[bright]).mean())
    assert ratio == pytest.approx(1.0, abs=5 * np.sqrt(2 / np.count_nonzero(bright)))
    assert not np.array_equal(noisy[0], noisy[1])


def test_regions_do_not_overlap():
    regions = tare_regions(SHARP)
    assert [region.name for region in regions] == ["tumour_1", "tumour_2", "normal_right", "normal_left", "lungs", "stomach"]
    assert max(sum(np.asarray(region.occupancy).astype(int) for region in regions).ravel()) == 1
    assert {region.name for region in tare_regions(SHARP, tare_geometry("small", "pet"))} == {region.name for region in regions}


def test_each_tumour_lies_in_its_territory():
    regions = {region.name: np.asarray(region.occupancy) > 0 for region in tare_regions(SHARP)}
    from scipy.ndimage import binary_dilation

    for position, members in tare_protocol()["territories"].items():
        normal, tumour = members
        rim = binary_dilation(regions[tumour]) & ~regions[tumour]
        assert np.all(regions[normal][rim]), position


@pytest.mark.parametrize("wrong", [{"size": "big"}, {"seed": -1}, {"extrahepatic_fraction": 0.9}, {"lung_shunt_factor": -1}])
def test_refused_settings(wrong):
    with pytest.raises(DosimetryError):
        TareSettings(**wrong)
