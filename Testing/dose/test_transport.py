"""Electrons across borders of density, against references that know nothing of the voxel kernel: layers in mass depth, and straight rays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.warnings import kind_of
from RNTDosimetryLib.dose import dose_map, dose_point_kernel
from RNTDosimetryLib.dose.decay import GY_G_PER_MBQ_H_MEV
from RNTDosimetryLib.dose.maps import electron_energy
from RNTDosimetryLib.dose.transport import plane_kernels, transported, uniform_octant
from RNTDosimetryLib.nuclides import get_nuclide

LUNG, TISSUE, BONE = 0.26, 1.04, 1.6  # g/mL


def shells(name):
    """Radius in mm of unit density and electron energy per decay in MeV of the shells of the EGSnrc point kernel."""
    point = dose_point_kernel(name)
    middle = np.concatenate([[0.0], 0.5 * (point.radius_mm[1:] + point.radius_mm[:-1])])
    return middle, np.diff(point.electron_within_mev, prepend=0.0)


def layers(name, decays, density, side_mm):
    """Electron energy per layer in MeV: every decay of a layer, taken at 40 depths, sends a shell of radius r evenly over -r to r in mass depth.

    Exact for layers without end, whatever their densities: dose depends on mass depth alone (Fano).
    """
    radius, energy = shells(name)
    faces = np.concatenate([[0.0], np.cumsum(density * side_mm)])
    total = np.zeros(len(decays))
    for number in np.flatnonzero(decays):
        for part in (np.arange(40) + 0.5) / 40:
            start = faces[number] + part * (faces[number + 1] - faces[number])
            depth = (faces - start)[:, None]
            below = np.clip((depth + radius) / (2 * np.maximum(radius, 1e-12)), 0, 1)
            below[:, radius == 0] = depth >= 0
            total += decays[number] / 40 * np.diff(below @ energy)
    return total


def rays(name, decays, density, side_mm, count, seed):
    """Electron energy per voxel in MeV: straight rays from random points, as long in mass depth as a random shell is wide. An estimate."""
    generator = np.random.default_rng(seed)
    radius, energy = shells(name)
    source = generator.choice(decays.size, count, p=(decays / decays.sum()).ravel())
    place = (np.stack(np.unravel_index(source, decays.shape), 1) + generator.random((count, 3))) * side_mm
    ways = generator.normal(size=(count, 3))
    ways /= np.linalg.norm(ways, axis=1)[:, None]
    left = np.interp(generator.random(count), np.cumsum(energy) / energy.sum(), radius)
    total = np.zeros(decays.shape)
    while len(left):
        index = np.floor(place / side_mm).astype(int)
        inside = np.all((index >= 0) & (index < decays.shape), axis=1)
        place, ways, left, index = place[inside], ways[inside], left[inside], index[inside]
        to_face = ((index + (ways > 0)) * side_mm - place) / ways
        step = np.maximum(to_face.min(axis=1), 0.0) + 1e-7
        here = density[tuple(index.T)]
        stops = left <= step * here
        np.add.at(total, tuple(index[stops].T), 1.0)
        go = ~stops
        place, left = place[go] + step[go, None] * ways[go], left[go] - (step * here)[go]
        ways = ways[go]
    return total * decays.sum() * energy.sum() / count


def _along(profile, axis, wide):
    """The layers as a (z, y, x) array, wide in the other axes."""
    shape = [wide] * 3
    shape[axis] = len(profile)
    return np.broadcast_to(profile.reshape([-1 if i == axis else 1 for i in range(3)]), shape).copy()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    ("name", "side", "profile"),
    [
        ("Y-90", 4.0, [TISSUE] * 9 + [LUNG] * 9),
        ("Y-90", 4.0, [TISSUE] * 6 + [BONE] * 2 + [TISSUE] * 5),
        ("Y-90", 4.0, [LUNG] * 3 + [TISSUE, BONE, LUNG, LUNG, BONE] * 2),
        ("Lu-177", 4.0, [TISSUE] * 4 + [LUNG] * 4),
        ("I-131", 4.0, [LUNG] * 4 + [BONE] * 4),
    ],
)
def test_layers_of_any_density_on_any_axis(name, side, profile, axis):
    density = np.array(profile)
    decays = np.where(np.arange(len(profile)) < len(profile) // 2, 1.0, 0.0) + 0.1
    wide = 33 if name == "Y-90" else 9
    energy = electron_energy(_along(decays, axis, wide), (side,) * 3, get_nuclide(name), _along(density, axis, wide))
    middle = np.moveaxis(energy, axis, 0)[:, wide // 2, wide // 2]
    expected = layers(name, decays, density, side)
    kept = np.s_[1:-1]
    if wide * side * LUNG / 2 > 12:  # wide enough for the electrons in lung too
        assert middle[kept] == pytest.approx(expected[kept], rel=0.005)
    assert middle[kept] / density[kept] == pytest.approx(expected[kept] / density[kept], abs=0.01 * (expected / density).max())


# Issue 12 of this project: 90Y in tissue beside lung, voxels of 4 mm. Equal mass depth asks for 8.6, 4.2, 2.1 Gy in the first three
# voxels of lung; a kernel of the density at the decay gives 15.9, 0.63, 0.035.
def test_the_first_voxels_of_lung():
    density = np.full((24, 29, 29), TISSUE)
    density[12:] = LUNG
    tia = np.where(np.arange(24) < 12, 1.0, 0.0)[:, None, None] * np.ones(density.shape)
    dose = np.asarray(dose_map(tia, (4.0,) * 3, "Y-90", "kernel", density))[:, 14, 14]
    assert dose[12:15] / dose[12] * 8.6 == pytest.approx([8.6, 4.2, 2.1], rel=0.03)
    expected = GY_G_PER_MBQ_H_MEV * layers("Y-90", tia[:, 0, 0], density[:, 0, 0], 4.0) / density[:, 0, 0]
    # electrons alone; bremsstrahlung adds 0.1 to 0.2 % of the dose in the source
    assert dose[2:16] == pytest.approx(expected[2:16], rel=0.01, abs=0.002 * expected.max())


def test_a_lesion_in_lung_and_a_hole_in_the_liver_against_straight_rays():
    # 90Y, voxels of 4 mm, radius 12 mm; 3e5 rays are good to 1 to 3 % for the mean of a shell
    place = np.indices((23, 23, 23)) - 11
    distance = np.sqrt((place**2).sum(axis=0))
    inside = distance <= 3.05
    for density, decays in (
        (np.where(inside, TISSUE, LUNG), inside.astype(float)),
        (np.where(inside, LUNG, TISSUE), (~inside & (distance < 7)).astype(float)),
    ):
        energy = electron_energy(decays, (4.0,) * 3, get_nuclide("Y-90"), density)
        expected = rays("Y-90", decays, density, 4.0, 300_000, 12)
        assert energy.sum() == pytest.approx(expected.sum(), rel=0.01)
        largest = (expected / density).max()
        for shell in range(1, 7):
            there = np.round(distance) == shell
            assert (energy / density)[there].mean() == pytest.approx((expected / density)[there].mean(), abs=0.04 * largest)


def _uneven(shape, seed):
    """Lung, tissue and bone voxel by voxel, and activity; the densities lie on few kernels, which take their time."""
    generator = np.random.default_rng(seed)
    return generator.choice([LUNG, TISSUE, TISSUE * 1.3], shape), generator.random(shape)


@pytest.mark.parametrize("name", ["Y-90", "Ac-225"])
def test_energy_is_kept(name):
    density, decays = _uneven((24, 24, 24), 4)
    tia = np.zeros(density.shape)
    tia[10:14, 10:14, 10:14] = decays[:4, :4, :4]
    side = 10.0  # 10 cm of lung to each side: nothing leaves the image
    energy = electron_energy(tia, (side,) * 3, get_nuclide(name), density)
    assert energy.sum() == pytest.approx(tia.sum() * dose_point_kernel(name).electron_total_mev, rel=1e-4)
    dose = np.asarray(dose_map(tia, (side,) * 3, name, "kernel", density), dtype=float)
    electrons = tia.sum() * GY_G_PER_MBQ_H_MEV * dose_point_kernel(get_nuclide(name)).electron_total_mev
    if name == "Y-90":  # bremsstrahlung adds up to 0.5 % of the energy
        assert 1.0 - 1e-3 < np.sum(dose * density) / electrons < 1.0 + 4e-3


def test_turning_the_patient_changes_nothing():
    density, tia = _uneven((10, 12, 9), 7)
    sides = (5.0, 4.0, 4.0)
    dose = np.asarray(dose_map(tia, sides, "Y-90", "kernel", density), dtype=float)
    reference = dose.max()
    for axis in range(3):
        flipped = dose_map(np.flip(tia, axis), sides, "Y-90", "kernel", np.flip(density, axis))
        assert np.flip(np.asarray(flipped, dtype=float), axis) == pytest.approx(dose, abs=1e-6 * reference)
    turned = dose_map(tia.transpose(1, 2, 0), (4.0, 4.0, 5.0), "Y-90", "kernel", density.transpose(1, 2, 0))
    assert np.asarray(turned, dtype=float).transpose(2, 0, 1) == pytest.approx(dose, abs=1e-5 * reference)


def test_even_density_is_todays_kernel_to_the_bit():
    tia = _uneven((9, 10, 11), 3)[1]
    number = dose_map(tia, (4.0,) * 3, "Y-90", "kernel", 1.04)
    array = dose_map(tia, (4.0,) * 3, "Y-90", "kernel", np.full(tia.shape, 1.04))
    assert np.array_equal(number, array)
    assert number.warnings == array.warnings == ()


@pytest.mark.parametrize(("name", "middle"), [("Y-90", LUNG), ("Y-90", TISSUE), ("Y-90", 1.2), ("I-131", LUNG)])
def test_nearly_even_density_is_nearly_the_kernel(name, middle):
    tia = _uneven((12, 12, 12), 3)[1]
    density = middle * (1 + 1e-5 * _uneven(tia.shape, 5)[1])
    uneven = electron_energy(tia, (4.0,) * 3, get_nuclide(name), density)
    dose = np.asarray(dose_map(tia, (4.0,) * 3, name, "kernel", middle), dtype=float)
    photons = np.asarray(dose_map(tia, (4.0,) * 3, name, "kernel", density), dtype=float) - GY_G_PER_MBQ_H_MEV * uneven / density
    assert GY_G_PER_MBQ_H_MEV * uneven / middle == pytest.approx(dose - photons, rel=0.01)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["Y-90", "Lu-177", "Ga-68"]))
def test_even_activity_per_mass_gives_an_even_dose(seed, name):
    # Fano's theorem, here for transport along lines; a margin of two ranges in the thinnest medium
    density = np.exp(np.random.default_rng(seed).uniform(np.log(0.5), np.log(1.9), (25, 25, 25)))
    energy = transported(density.copy(), (8.0,) * 3, density, plane_kernels(get_nuclide(name)))
    assert (energy / density)[6:-6, 6:-6, 6:-6] == pytest.approx(1.0, rel=1e-4)


def test_the_octant_is_what_the_transport_does_to_one_voxel():
    planes = plane_kernels(get_nuclide("Y-90"))
    one = np.zeros((7, 7, 7))
    one[3, 3, 3] = 1.0
    moved = transported(one, (4.0, 3.0, 5.0), np.full(one.shape, 0.5), planes)
    assert moved[3:, 3:, 3:] == pytest.approx(uniform_octant((4, 4, 4), (4.0, 3.0, 5.0), 0.5, planes), abs=1e-12)
    assert sum(plane.share for plane in planes) == pytest.approx(1.0)


def half_space_of_photons(name, beyond_mm, in_source, beyond):
    """Photon energy per mass and decay per volume at a depth beyond an active half-space, by rings: the point kernel at equal mass depth."""
    point = dose_point_kernel(name)
    into, ring = np.arange(0.25, 250.0, 0.5), np.concatenate([[0.0], np.geomspace(0.2, 500.0, 300)])
    middle, area = 0.5 * (ring[1:] + ring[:-1]), np.pi * np.diff(ring**2)
    straight = into[:, None] + beyond_mm
    distance = np.hypot(straight, middle)
    depth = (in_source * into[:, None] + beyond * beyond_mm) * distance / straight
    per_mm = (
        np.interp(1.01 * depth, point.radius_mm, point.photon_within_mev)
        - np.interp(0.99 * depth, point.radius_mm, point.photon_within_mev)
    ) / (0.02 * depth)
    return float(np.sum(per_mm / (4 * np.pi * distance**2) * area) * 0.5)


@pytest.mark.parametrize("name", ["Lu-177", "I-131"])
@pytest.mark.parametrize(
    ("beyond", "depth_mm", "low", "high"),
    [(LUNG, 10, 0.90, 1.0), (LUNG, 30, 0.75, 1.0), (BONE, 10, 1.0, 1.1), (BONE, 30, 1.0, 1.25)],
)
def test_photons_beyond_a_border(name, beyond, depth_mm, low, high):
    # Photons take the reference density all the way; energy over the mass of lung would be 2 to 4 times too high
    taken = half_space_of_photons(name, depth_mm, TISSUE, TISSUE)
    assert low < taken / half_space_of_photons(name, depth_mm, TISSUE, beyond) < high


def test_photons_of_the_map_are_those_of_the_reference_density():
    # Far from the activity there are photons alone; the density of the voxel itself changes nothing
    tia = np.zeros((9, 9, 30))
    tia[3:6, 3:6, 2:5] = 1.0
    density = np.full(tia.shape, TISSUE)
    density[:, :, 15:] = LUNG
    dose = np.asarray(dose_map(tia, (5.0,) * 3, "I-131", "kernel", density, kernel_density_g_ml=TISSUE), dtype=float)
    even = np.asarray(dose_map(tia, (5.0,) * 3, "I-131", "kernel", TISSUE), dtype=float)
    assert dose[:, :, 18:] == pytest.approx(even[:, :, 18:], rel=1e-6)


def test_a_map_of_uneven_density_says_what_is_left():
    density, tia = np.full((4, 4, 4), TISSUE), np.ones((4, 4, 4))
    density[2:] = LUNG
    told = [kind_of(text) for text in dose_map(tia, (4.0,) * 3, "Y-90", "kernel", density).warnings]
    assert [kind.code for kind in told if kind] == ["dose_beside_other_density"]
    assert dose_map(tia, (4.0,) * 3, "Y-90", "local", density).warnings == ()
