import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.dose import DoseMap, alpha_share, bed, density_from_hounsfield, dose_map, dose_rate_map, rbe_weighted_dose
from RNTDosimetryLib.nuclides import get_nuclide

SPACING = (4.42, 4.42, 4.42)


@pytest.mark.parametrize(
    ("nuclide", "joule_per_gbq", "tolerance"),
    # dosimetry.md section 1: J/GBq of electrons for complete decay; evaluations differ by up to some per cent
    [("Y-90", 49.77, 0.005), ("Lu-177", 19.64, 0.01), ("Ho-166", 15.53, 0.01), ("I-131", 30.73, 0.02)],
)
def test_one_gbq_that_decays_in_one_kg(nuclide, joule_per_gbq, tolerance):
    # 1 GBq trapped in 1 kg of density 1: TIA = 1000 MBq / lambda in 1000 mL
    tia = np.full((10, 10, 10), 1000 / get_nuclide(nuclide).decay_constant_per_h / 1000)
    dose = np.asarray(dose_map(tia, (10, 10, 10), nuclide))
    assert dose == pytest.approx(np.full(dose.shape, joule_per_gbq), rel=tolerance)
    assert dose.flat[0] == pytest.approx(get_nuclide(nuclide).local_dose_constant_j_per_gbq, rel=1e-6)


def test_constant_of_a_product_replaces_the_nuclides():
    # dosimetry.md section 8: 90Y convention 49.67 J/GBq
    tia = np.full((2, 2, 2), 1000 / get_nuclide("Y-90").decay_constant_per_h / 1000)
    result = dose_map(tia, SPACING, "Y-90", local_dose_constant_j_per_gbq=49.67)
    assert np.asarray(result) == pytest.approx(np.full((2, 2, 2), 49.67), rel=1e-6)
    assert any("49.67" in warning for warning in result.warnings)


def test_alpha_chain_counts_its_progeny():
    # dosimetry.md section 1 [C]: 27.48 MeV of alphas per decay of 225Ac in equilibrium; electrons come on top
    result = dose_map(np.ones((1, 1, 1)), SPACING, "Ac-225")
    assert 27.48 * 0.99 < result.energy_mev < 27.48 * 1.05
    assert any("equilibrium" in warning for warning in result.warnings)
    assert any("RBE" in warning for warning in result.warnings)
    assert result.energy_mev > 4 * get_nuclide("Ac-225").alpha_energy_mev


def test_rbe_is_apart_and_never_by_itself():
    # dosimetry.md section 1: alphas 27.48 MeV per decay of 225Ac in equilibrium; the rest of the local energy is electrons
    result = dose_map(np.ones((1, 1, 1)), SPACING, "Ac-225")
    assert alpha_share("Ac-225") == pytest.approx(27.48 / result.energy_mev, rel=0.01)
    assert rbe_weighted_dose(10.0, "Ac-225", 5) == pytest.approx(10 * (1 + 4 * alpha_share("Ac-225")))
    assert np.array_equal(rbe_weighted_dose(result, "Ac-225", 1), np.asarray(result))
    assert rbe_weighted_dose(10.0, "Lu-177", 5) == 10.0
    for wrong in (0.5, 0.0, math.nan):
        with pytest.raises(DosimetryError, match="RBE"):
            rbe_weighted_dose(10.0, "Ac-225", wrong)


def test_bed_takes_a_dose_map():
    result = dose_map(np.full((2, 3, 4), 5.0), SPACING, "Lu-177")
    assert bed(result, 50, 2.6, 2.8) == pytest.approx(bed(np.asarray(result), 50, 2.6, 2.8))


def test_map_is_an_array_and_a_record():
    result = dose_map(np.ones((2, 3, 4)), SPACING, "Lu-177", tia_uncertainty_mbq_h_ml=np.full((2, 3, 4), 0.2))
    array = np.asarray(result)
    assert array.shape == result.shape == (2, 3, 4)
    assert array.dtype == np.float32
    assert not array.flags.writeable
    assert np.array(result, dtype=float).dtype == float
    assert np.asarray(result.uncertainty_gy) == pytest.approx(0.2 * array, rel=1e-6)
    stored = result.to_dict()
    assert "dose_gy" not in stored
    assert stored["mean_gy"] == pytest.approx(array.mean(), rel=1e-6)
    assert DoseMap.from_dict(stored).dose_gy is None  # the map itself is in its file


def test_photons_left_out_are_stated():
    lutetium = get_nuclide("Lu-177")
    result = dose_map(np.ones((1, 1, 1)), SPACING, lutetium)
    total = lutetium.electron_energy_mev + lutetium.photon_energy_mev
    assert result.remainder_fraction == pytest.approx(lutetium.photon_energy_mev / total)
    assert any("leaves out the photons" in warning for warning in result.warnings)
    assert dose_map(np.ones((1, 1, 1)), SPACING, "Y-90").warnings == ()


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 1e4), st.floats(0.2, 3.0), st.integers(0, 2**32 - 1))
def test_linear_in_activity_inverse_in_density_and_energy_balance(scale, density, seed):
    tia = np.random.default_rng(seed).random((3, 4, 5))
    one = np.asarray(dose_map(tia, SPACING, "I-131"), dtype=float)
    assert np.asarray(dose_map(scale * tia, SPACING, "I-131", density_g_ml=density)) == pytest.approx(
        scale / density * one, rel=1e-6
    )
    densities = density * (0.5 + np.random.default_rng(seed).random(tia.shape))
    result = dose_map(tia, SPACING, "I-131", density_g_ml=np.maximum(densities, 0.1))
    energy = np.sum(np.asarray(result, dtype=float) * np.maximum(densities, 0.1))
    assert energy == pytest.approx(one.sum(), rel=1e-6)


def test_air_does_not_get_a_dose_of_thousands():
    ct = np.full((3, 3, 3), 40.0)
    ct[0] = -1000
    density = density_from_hounsfield(ct)
    result = dose_map(np.ones((3, 3, 3)), SPACING, "Y-90", density_g_ml=density)
    assert np.asarray(result).max() == pytest.approx(np.asarray(result)[1, 1, 1], rel=2e-3)
    assert any("lies in air" in warning for warning in result.warnings)


def test_warnings_of_the_ct_travel_with_the_dose():
    ct = np.full((3, 3, 3), 40.0)
    ct[2] = 5000
    result = dose_map(np.ones((3, 3, 3)), SPACING, "Y-90", density_g_ml=density_from_hounsfield(ct))
    assert any("metal" in warning for warning in result.warnings)


def test_dose_rate_at_one_moment():
    # 1 MBq/mL of 90Y in density 1: E * 1.602e-13 J * 1e6 /s * 3600 s in 1e-3 kg
    energy = get_nuclide("Y-90").electron_energy_mev
    rate = dose_rate_map(np.full((1, 1, 1), 1e6), SPACING, "Y-90")
    assert rate.item() == pytest.approx(energy * 1.602176634e-13 * 1e6 * 3600 / 1e-3, rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"nuclide": "Lu-717"}, "Lu-177"),
        ({"density_g_ml": 0.0}, "positive density"),
        ({"density_g_ml": -1.0}, "positive density"),
        ({"density_g_ml": math.nan}, "density"),
        ({"density_g_ml": np.zeros((2, 2, 2))}, "8 voxels that are zero"),
        ({"density_g_ml": np.ones((2, 2, 3))}, "image's shape"),
        ({"spacing_mm": (0.442, 0.442, 0.442)}, "not cm"),
        ({"spacing_mm": (0.00442,) * 3}, "not cm"),
        ({"spacing_mm": (442.0, 442.0, 442.0)}, "not cm"),
        ({"spacing_mm": (4.0, -4.0, 4.0)}, "voxel spacing"),
        ({"spacing_mm": (4.0, 4.0)}, "voxel spacing"),
        ({"tia_mbq_h_ml": np.full((2, 2, 2), math.nan)}, "8 NaN or infinite"),
        ({"tia_mbq_h_ml": np.array([[[1.0, -0.1]]])}, "1 down to -0.1"),
        ({"tia_mbq_h_ml": np.ones((2, 2))}, "three axes"),
        ({"tia_mbq_h_ml": np.ones((0, 2, 2))}, "empty"),
        ({"method": "magic"}, "local or kernel"),
        ({"method": "kernel", "local_dose_constant_j_per_gbq": 49.67}, "local method only"),
        ({"local_dose_constant_j_per_gbq": 0}, "positive local dose constant"),
        ({"tia_uncertainty_mbq_h_ml": np.ones((2, 2, 1))}, "uncertainty map of shape"),
        ({"tia_uncertainty_mbq_h_ml": -np.ones((2, 2, 2))}, "no negative"),
    ],
)
def test_bad_input_is_refused(changes, text):
    arguments = {"tia_mbq_h_ml": np.ones((2, 2, 2)), "spacing_mm": SPACING, "nuclide": "Lu-177", **changes}
    with pytest.raises(DosimetryError, match=text) as refusal:
        dose_map(**arguments)
    assert "\n" not in str(refusal.value)
