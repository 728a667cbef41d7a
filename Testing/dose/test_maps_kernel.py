import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.dose import density_from_hounsfield, dose_map, photon_dose_gy, voxel_kernel
from RNTDosimetryLib.dose.decay import GY_G_PER_MBQ_H_MEV, GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S
from RNTDosimetryLib.dose.maps import density_shares
from RNTDosimetryLib.nuclides import get_nuclide

SPACING = (6.0, 5.0, 4.0)
SHAPE = (11, 12, 13)


def _map(tia, nuclide="Lu-177", spacing=SPACING, density=1.0):
    return np.asarray(dose_map(tia, spacing, nuclide, "kernel", density), dtype=float)


def _activity(shape=SHAPE, seed=1):
    return np.random.default_rng(seed).random(shape)


@pytest.mark.parametrize("nuclide", ["Lu-177", "Y-90", "I-131"])
def test_point_source_returns_the_kernel(nuclide):
    tia = np.zeros(SHAPE)
    place = (5, 2, 7)
    tia[place] = 3.0
    octant = voxel_kernel(nuclide, SPACING, 1.0, SHAPE).octant()
    offsets = np.ix_(*[np.abs(np.arange(n) - p) for n, p in zip(SHAPE, place)])
    in_voxel_mbq_h = 3.0 * np.prod(SPACING) / 1000
    expected = octant[offsets] * in_voxel_mbq_h * GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S
    assert _map(tia, nuclide) == pytest.approx(expected, rel=1e-6)


def test_photon_part_is_the_map_without_electrons():
    tia = _activity()
    photons = photon_dose_gy(tia, SPACING, "I-131", 1.05)
    alone = voxel_kernel("I-131", SPACING, 1.05, SHAPE)
    point = np.zeros(SHAPE)
    point[5, 2, 7] = 1.0
    offsets = np.ix_(*[np.abs(np.arange(n) - p) for n, p in zip(SHAPE, (5, 2, 7))])
    expected = alone.photon_s[offsets] * np.prod(SPACING) / 1000 * GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S
    assert photon_dose_gy(point, SPACING, "I-131", 1.05) == pytest.approx(expected, rel=1e-6)
    # Electrons of 131I reach 2 mm: what is left is close to local deposition
    electrons = _map(tia, "I-131", density=1.05) - photons
    assert electrons.mean() == pytest.approx(np.asarray(dose_map(tia, SPACING, "I-131", density_g_ml=1.05)).mean(), rel=0.03)


def test_published_source_voxel_through_the_map():
    # Lanconelli et al. 2012, soft tissue of 1.04 g/mL, 4.42 mm, 90Y: source voxel 0.689, next neighbor 0.0973 mGy/(MBq*s);
    # EGSnrc at that density agrees within 0.3 % (physics/README.md)
    tia = np.zeros((5, 5, 5))
    tia[2, 2, 2] = 1000 / 4.42**3
    dose = _map(tia, "Y-90", (4.42,) * 3, 1.04) / GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S
    assert dose[2, 2, 2] == pytest.approx(0.689, rel=0.02)
    for neighbor in ((1, 2, 2), (2, 3, 2), (2, 2, 1)):
        assert dose[neighbor] == pytest.approx(0.0973, rel=0.04)


def test_shifts_flips_and_axis_swaps_commute():
    tia = np.zeros(SHAPE)
    tia[3:6, 4:7, 5:8] = _activity((3, 3, 3))
    dose = _map(tia)
    scale = dose.max()
    shifted = _map(np.roll(tia, (2, -3, 4), (0, 1, 2)))
    assert shifted[2:, :-3, 4:] == pytest.approx(dose[:-2, 3:, :-4], rel=1e-6, abs=1e-12 * scale)
    for axis in range(3):
        assert _map(np.flip(tia, axis)) == pytest.approx(np.flip(dose, axis), rel=1e-6, abs=1e-12 * scale)
    swapped = _map(tia.transpose(2, 0, 1), spacing=(4.0, 6.0, 5.0))
    assert swapped.transpose(1, 2, 0) == pytest.approx(dose, rel=1e-6, abs=1e-12 * scale)


def test_nothing_wraps_around():
    tia = np.zeros((24, 3, 3))
    tia[0] = 1.0
    dose = _map(tia, spacing=(5.0, 5.0, 5.0))
    along = dose[:, 1, 1]
    assert np.all(np.diff(along) < 0)
    longer = np.zeros((48, 3, 3))
    longer[0] = 1.0
    assert along == pytest.approx(_map(longer, spacing=(5.0, 5.0, 5.0))[:24, 1, 1], rel=1e-6)


def test_linear_in_activity():
    one, two = _activity(seed=1), _activity(seed=2)
    assert _map(2 * one + 5 * two) == pytest.approx(2 * _map(one) + 5 * _map(two), rel=1e-6)


def test_large_uniform_source_gives_equilibrium_dose():
    # Charged-particle equilibrium: far from the edge all electron energy stays, D = TIA E / density, whatever the kernel
    yttrium = get_nuclide("Y-90")
    tia = np.full((16, 16, 16), 2.0)
    for density in (1.0, 1.05):
        center = _map(tia, "Y-90", (5.0, 5.0, 5.0), density)[8, 8, 8]
        local = 2.0 * GY_G_PER_MBQ_H_MEV * yttrium.electron_energy_mev / density
        # Bremsstrahlung (0.6 % of the energy) leaves a cube of 8 cm in part
        assert 0.99 * local < center < 1.0 * local


def test_energy_balances_in_a_heterogeneous_body():
    tia = np.zeros((15, 15, 15))
    tia[4:11, 4:11, 4:11] = _activity((7, 7, 7))
    density = 0.3 + 0.9 * _activity((15, 15, 15), 3)
    result = dose_map(tia, (5.0,) * 3, "Y-90", "kernel", density)
    emitted = tia.sum() * GY_G_PER_MBQ_H_MEV * get_nuclide("Y-90").electron_energy_mev
    absorbed = float(np.sum(np.asarray(result, dtype=float) * density))
    # What is missing is bremsstrahlung that leaves the image
    assert absorbed == pytest.approx(emitted, rel=0.01)
    assert absorbed < emitted * (1 - 0.5 * result.remainder_fraction)


def test_density_array_of_one_value_is_the_number():
    tia = _activity()
    array = np.full(SHAPE, 1.05, dtype=np.float32)
    assert _map(tia, density=array) == pytest.approx(_map(tia, density=1.05), rel=1e-6)


def test_denser_water_is_the_scaled_problem():
    # Exact scaling of range with density: density 1.05 with spacing s is unit density with spacing 1.05 s, at equal activity
    # per voxel; mass per voxel falls as 1.05 / 1.05^3, so dose at equal concentration rises by 1 / 1.05
    tia = _activity()
    dense = _map(tia, density=1.05)
    stretched = _map(tia, spacing=tuple(1.05 * side for side in SPACING))
    assert dense == pytest.approx(stretched / 1.05, rel=1e-6)


def test_each_decay_spreads_with_the_density_around_it():
    # A source deep in lung and one deep in soft tissue, far from each other: each is that of a medium of its own density
    density = np.full((13, 13, 34), 1.04)
    density[:, :, :20] = 0.26
    lung, tissue = np.zeros(density.shape), np.zeros(density.shape)
    lung[6, 6, 7] = 1.0
    tissue[6, 6, 30] = 1.0
    both = _map(lung + tissue, "Y-90", (5.0,) * 3, density)
    in_lung, in_tissue = _map(lung, "Y-90", (5.0,) * 3, 0.26), _map(tissue, "Y-90", (5.0,) * 3, 1.04)
    near = np.s_[5:8, 5:8]
    # Shares between densities in steps of 1.3: within 2 % in the voxels that carry the dose
    assert both[near][:, :, 6:9] == pytest.approx(in_lung[near][:, :, 6:9], rel=0.02)
    assert both[near][:, :, 29:32] == pytest.approx(in_tissue[near][:, :, 29:32], rel=0.02)
    assert both[6, 6, 7] < 0.5 * in_tissue[6, 6, 30] * 1.04 / 0.26


def test_shares_of_density_add_up():
    density = np.array([[[0.15, 0.26, 0.9, 1.0, 1.04, 1.9]]])
    nodes = list(density_shares(np.ones(density.shape), density))
    assert sum(share for _, share in nodes) == pytest.approx(np.ones(density.shape))
    mean_log = sum(np.log(node) * share for node, share in nodes)
    assert mean_log == pytest.approx(np.log(density))
    assert list(density_shares(np.zeros(density.shape), density)) == []


def test_lung_and_air_from_ct():
    ct = np.full((19, 19, 19), 40.0)
    ct[:11] = -750
    ct[:, :, 0] = -1000
    tia = np.ones(ct.shape)
    tia[:, :, 0] = 0
    result = np.asarray(dose_map(tia, (8.0,) * 3, "Lu-177", "kernel", density_from_hounsfield(ct)))
    # Equal activity per volume, a quarter of the mass: about four times the dose
    lung, tissue = (np.asarray(density_from_hounsfield(np.full((1, 1, 1), value))).item() for value in (-750, 40))
    assert result[5, 9, 9] / result[15, 9, 9] == pytest.approx(tissue / lung, rel=0.08)
    assert result[15, 9, 0] < result[15, 9, 9]


def test_record_states_range_and_uncertainty():
    tia = _activity((6, 6, 6))
    result = dose_map(tia, (5.0,) * 3, "I-131", "kernel", tia_uncertainty_mbq_h_ml=0.1 * tia)
    assert np.asarray(result.uncertainty_gy) == pytest.approx(0.1 * np.asarray(result), rel=1e-5)
    iodine = get_nuclide("I-131")
    total = iodine.electron_energy_mev + iodine.photon_energy_mev
    assert result.energy_mev == pytest.approx((1 - result.remainder_fraction) * total, rel=2e-3)
    # A cube of 3 cm keeps the electrons and loses most of the 364 keV photons
    assert 0.5 < result.remainder_fraction < 0.66
    assert dose_map(tia, (5.0,) * 3, "Y-90", "kernel").remainder_fraction < 0.01


def test_chain_is_not_the_parent_alone():
    tia = np.zeros((3, 3, 3))
    tia[1, 1, 1] = 1.0
    result = dose_map(tia, (5.0,) * 3, "Ac-225", "kernel")
    assert result.energy_mev == pytest.approx(dose_map(tia, (5.0,) * 3, "Ac-225").energy_mev, rel=0.02)


def test_bad_input_is_refused_with_the_kernel_too():
    with pytest.raises(DosimetryError, match="did you mean"):
        _map(np.ones((2, 2, 2)), "Y-91")
    with pytest.raises(DosimetryError, match="zero, negative or NaN"):
        _map(np.ones((2, 2, 2)), density=np.full((2, 2, 2), np.nan))
    with pytest.raises(DosimetryError, match="not cm"):
        _map(np.ones((2, 2, 2)), spacing=(0.4, 0.4, 0.4))
