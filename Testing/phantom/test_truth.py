import itertools
import json

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.ndimage import binary_dilation

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.phantom import (
    PhantomSettings,
    blurred_map,
    load_anatomy,
    load_kinetics,
    load_protocol,
    make_phantom,
    phantom_regions,
    phantom_truth,
    read_truth,
    simulate_scans,
)
from RNTDosimetryLib.phantom.body import region_volume_ml
from RNTDosimetryLib.phantom.course import scan_pose
from RNTDosimetryLib.phantom.scans import simulate_scan
from RNTDosimetryLib.phantom.truth import LIVER_WITH_LESIONS, activity_in_body_mbq

DRAWN = load_anatomy().drawn_regions


@pytest.fixture(scope="module")
def truth():
    return phantom_truth(PhantomSettings(size="small", seed=7))


@pytest.mark.parametrize("name", DRAWN)
def test_tia_is_the_integral_of_the_curve(truth, name):
    region = truth.regions[name]
    curve = region.kinetics.concentration_mbq_ml
    pieces = [0, 2, 10, 50, 200, 1000, 6000]
    integral = sum(quad(curve, a, b, epsabs=0, epsrel=1e-10)[0] for a, b in itertools.pairwise(pieces))
    assert region.tia_mbq_h == pytest.approx(region.volume_ml * integral, rel=1e-7)


@pytest.mark.parametrize("name", DRAWN)
def test_mean_activity_is_the_mean_of_the_curve_over_the_scan(truth, name):
    region = truth.regions[name]
    for scan, mean in zip(truth.scans, region.mean_activity_mbq):
        hours = scan.duration_s / 3600.0
        integral = quad(region.kinetics.concentration_mbq_ml, scan.start_h, scan.start_h + hours, epsrel=1e-12)[0]
        assert mean == pytest.approx(region.volume_ml * integral / hours, rel=1e-9)


def test_lesion_1_takes_up_slowly_and_no_curve_is_negative():
    times = np.linspace(0, 500, 2001)
    for curve in load_kinetics(7.4).values():
        assert curve.concentration_mbq_ml(times).min() >= 0
    lesion = load_kinetics(7.4)["lesion_1"].concentration_mbq_ml(times)
    assert 24 < times[lesion.argmax()] < 72


def test_local_dose_by_hand(truth):
    """Left kidney: 0.098 MBq/mL/GBq * 7.4 GBq, effective rate ln2/73 h + physical decay; 1 MeV per decay and MBq*h in 1 g is
    1e6 * 3600 s * 1.602176634e-13 J / 1e-3 kg = 0.576784 Gy (SI value of the electronvolt)."""
    nuclide = get_nuclide("Lu-177")
    rate = np.log(2) / 73.0 + np.log(2) / nuclide.half_life_h
    expected = 0.576784 * nuclide.electron_energy_mev * 0.098 * 7.4 / rate / 1.04
    assert truth.regions["kidney_left"].dose_local_gy == pytest.approx(expected, rel=1e-5)


def test_kernel_dose_of_the_kidneys_against_a_published_s_value(truth):
    """Self-dose S of kidneys of 310 g for 177Lu 7.76e-5 mGy/(MBq*s) (organ tables, with photons), scaled by mass. The map holds
    some 1 % more from liver and spleen, and two kidneys lose what the photons of one give to the other."""
    kidneys = [truth.regions[name] for name in ("kidney_left", "kidney_right")]
    mass = sum(region.mass_g for region in kidneys)
    from_map = sum(region.dose_kernel_gy * region.mass_g for region in kidneys) / mass
    from_table = sum(region.tia_mbq_h for region in kidneys) * 3600 * 7.76e-8 * 310 / mass
    assert from_map == pytest.approx(from_table, rel=0.03)


def test_doses_per_administered_activity_are_of_the_intended_size(truth):
    """The protocol wants kidneys and spleen 0.5 to 0.8, liver 0.2 to 0.5 and lesions 2 to 6 Gy/GBq."""
    ranges = {"kidney": (0.5, 0.8), "spleen": (0.5, 0.8), "liver": (0.2, 0.5), "lesion": (2, 6), "marrow": (0.01, 0.05)}
    for name, region in truth.regions.items():
        for start, (low, high) in ranges.items():
            if name.startswith(start):
                assert low < region.dose_kernel_gy / 7.4 < high, name


def test_body_holds_no_more_than_was_administered_and_only_loses():
    """Decay-corrected activity in the body starts within 7.4 GBq and never rises: lesions fill from the rest of the body."""
    rate = get_nuclide("Lu-177").decay_constant_per_h
    times = np.concatenate([np.linspace(0, 12, 49), np.linspace(13, 400, 130)])
    corrected = np.array([activity_in_body_mbq(time) * np.exp(rate * time) for time in times])
    assert 0.85 * 7400 < corrected[0] <= 7400
    assert np.all(np.diff(corrected) < 0)


@pytest.mark.parametrize("name", DRAWN)
def test_volume_agrees_with_the_drawn_mask(name):
    """The mask on the full CT grid (11 mm3 voxels) counts the same volume; small regions scatter more."""
    geometry = load_protocol().geometry("full", "ct_reference")
    mask = load_anatomy().labels(geometry.index_to_lps, geometry.size)
    counted = load_anatomy().region_mask(mask, name).sum() * geometry.voxel_volume_ml
    assert region_volume_ml(name) == pytest.approx(counted, rel=0.02 if counted < 200 else 0.003)


@pytest.mark.parametrize(
    ("name", "semi_axes"), [("lesion_1", (20, 17, 18)), ("lesion_2", (13, 12, 13)), ("lesion_3", (24, 21, 22))]
)
def test_lesions_lie_wholly_in_the_liver(name, semi_axes):
    assert region_volume_ml(name) == pytest.approx(4 / 3 * np.pi * np.prod(semi_axes) / 1000, rel=1e-3)
    region = next(item for item in phantom_regions(PhantomSettings(size="small")) if item.name == name)
    liver = load_anatomy().structures
    outside = load_anatomy().labels(region.geometry.index_to_lps, region.geometry.size)[
        binary_dilation(region.occupancy) & (region.occupancy == 0)
    ]
    assert {liver[label - 1].region for label in np.unique(outside)} == {"liver"}


def test_regions_do_not_overlap():
    total = sum(region.occupancy.astype(int) for region in phantom_regions(PhantomSettings(size="small")))
    assert total.max() == 1


def test_liver_with_lesions_is_the_sum(truth):
    name, members = LIVER_WITH_LESIONS
    whole, parts = truth.combined[name], [truth.regions[member] for member in members]
    for quantity in ("volume_ml", "mass_g", "tia_mbq_h"):
        assert getattr(whole, quantity) == pytest.approx(sum(getattr(part, quantity) for part in parts))
    np.testing.assert_allclose(whole.activity_mbq, np.sum([part.activity_mbq for part in parts], axis=0))
    # Energy: dose times mass adds up, so the dose lies between that of liver and lesions.
    assert whole.dose_local_gy == pytest.approx(0.576784 * truth.electron_energy_mev * whole.tia_mbq_h / whole.mass_g, rel=1e-5)


def test_matrices_are_recovered_from_landmarks():
    """Centroids of seven regions in the images of each time point, and the rigid transform through them (Kabsch)."""
    settings, anatomy = PhantomSettings(size="small", seed=7), load_anatomy()
    truth, grid = phantom_truth(settings), load_protocol().geometry("small", "spect")
    names = [name for name in DRAWN if name not in ("marrow", "blood")]

    def centroids(pose):
        points = []
        for name in names:
            image = blurred_map(anatomy, {name: 1.0}, grid, 6.0, pose).astype(float)
            index = np.array([(image * axis).sum() / image.sum() for axis in np.indices(image.shape)])[::-1]
            points.append((grid.index_to_lps @ [*index, 1.0])[:3])
        return np.array(points)

    reference = centroids(np.eye(4))
    for scan in truth.scans[1:]:
        pose = np.array(scan.reference_to_scan)
        moved = centroids(pose)
        u, _, vt = np.linalg.svd((moved - moved.mean(0)).T @ (reference - reference.mean(0)))
        rotation = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
        shift = moved.mean(0) - rotation @ reference.mean(0)
        difference = rotation @ pose[:3, :3].T
        assert np.degrees(np.arccos(min((np.trace(difference) - 1) / 2, 1.0))) < 0.1
        center = np.array(scan.rotation_center_lps_mm)
        np.testing.assert_allclose(rotation @ center + shift - center, scan.shift_mm, atol=0.2)


@pytest.mark.parametrize("seed", [0, 1, 2, 99])
def test_motion_is_small_and_differs_between_time_points(seed):
    truth = phantom_truth(PhantomSettings(size="small", seed=seed))
    assert truth.scans[0].reference_to_scan == tuple(map(tuple, np.eye(4)))
    shifts = [scan.shift_mm for scan in truth.scans[1:]]
    for scan in truth.scans[1:]:
        assert 4.0 <= np.linalg.norm(scan.shift_mm) <= 15.0
        assert 0.8 - 1e-6 <= scan.rotation_deg <= 3.0 + 1e-6
        matrix = np.array(scan.reference_to_scan)
        np.testing.assert_allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-12)
        assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1.0)
    assert len(set(shifts)) == len(shifts)


def test_recovery_coefficient_brings_the_blurred_image_back_to_the_truth():
    """Mean of the noise-free blurred scan in the region over the coefficient is the true concentration; the coefficient belongs
    to the TIA image, single scans deviate by some per cent where neighbors clear differently."""
    settings = PhantomSettings(size="small", noise=False, motion=False)
    truth, scan = phantom_truth(settings), simulate_scan(settings, 2)
    for region in phantom_regions(settings, scan.spect_geometry):
        if region.name in ("kidney_left", "kidney_right", "liver", "spleen", "lesion_3"):
            expected = truth.regions[region.name]
            mean = scan.spect_bq_ml[region.occupancy > 0].mean(dtype=float) / 1e6
            assert mean / expected.recovery_coefficient == pytest.approx(
                expected.mean_activity_mbq[2] / expected.volume_ml, rel=0.02
            )
            assert abs(expected.recovery_coefficient - 1) > 0.05


def test_activity_images_hold_the_activity_at_the_start_of_each_scan():
    """Without blur, noise and motion the mean in each region is the true concentration when the scan starts; biological clearance
    during the scan, which physical decay cannot correct, is the only difference."""
    settings = PhantomSettings(size="small", blur=False, noise=False, motion=False, decay_correction="ADMIN")
    truth = phantom_truth(settings)
    for index, scan in enumerate(simulate_scans(settings)):
        image = scan.activity_image()
        for region in phantom_regions(settings, image.geometry):
            if region.name in ("kidney_left", "liver", "spleen", "lesion_3"):
                expected = truth.regions[region.name]
                mean = image.concentration_bq_ml[region.occupancy > 0].mean(dtype=float) / 1e6
                assert mean == pytest.approx(expected.activity_mbq[index] / expected.volume_ml, rel=5e-3)


def test_truth_file_comes_back_as_it_was(default_patient):
    assert read_truth(default_patient.truth_path) == default_patient.truth
    plain = json.loads(default_patient.truth_path.read_text())
    assert plain["format"] == "RNTDosimetry phantom truth"
    assert set(plain["regions"]) == set(DRAWN)


def test_missing_truth_is_refused(tmp_path):
    with pytest.raises(DosimetryError, match="make the phantom patient first"):
        read_truth(tmp_path / "truth.json")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seed": -1}, "a seed that is an integer of 0 or more, received -1"),
        ({"seed": True}, "a seed that is an integer"),
        ({"spect_format": "MR"}, "spect_format to be one or more of NM, PT"),
        ({"contour_format": ()}, "contour_format to be one or more of SEG, RTSTRUCT"),
        ({"decay_correction": "DAY"}, "decay_correction to be one of NONE, START, ADMIN, received 'DAY'"),
        ({"size": "huge"}, "size to be one of full, small"),
        ({"color": "red"}, "received color; check the spelling"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_written(tmp_path, changes, sentence):
    with pytest.raises(DosimetryError, match=sentence):
        make_phantom(tmp_path / "patient", **changes)
    assert not (tmp_path / "patient").exists()


def test_folder_with_files_is_refused(default_patient):
    before = sorted(default_patient.folder.rglob("*"))
    with pytest.raises(DosimetryError, match="an empty folder"):
        make_phantom(default_patient.folder, size="small")
    assert sorted(default_patient.folder.rglob("*")) == before


@pytest.mark.parametrize("size", ["full", "small"])
def test_drawn_regions_stay_in_every_field_of_view(size):
    """However the seed moves the patient, corners of the regions' bounding boxes stay inside SPECT and CT."""
    anatomy, protocol = load_anatomy(), load_protocol()
    corners = []
    for name in DRAWN:
        (x0, y0, z0), (x1, y1, z1) = anatomy.region_bounds(name)
        corners += [(x, y, z, 1.0) for x in (x0, x1) for y in (y0, y1) for z in (z0, z1)]
    for seed in range(40):
        for index in (0, 1, 2, 3):
            moved = scan_pose(PhantomSettings(seed=seed), protocol, index) @ np.array(corners).T
            for kind in ("spect", "ct_follow_up" if index else "ct_reference"):
                geometry = protocol.geometry(size, kind)
                voxels = (np.linalg.inv(geometry.index_to_lps) @ moved)[:3]
                assert voxels.min() > -0.5
                assert np.all(voxels.max(axis=1) < np.array(geometry.size[::-1]) - 0.5)


def test_the_doses_kept_for_the_cycles_are_those_of_the_kernel_map():
    """Resources/phantom/cycles.json holds them because the map takes half a minute."""
    from RNTDosimetryLib.base.resources import read_json

    truth = phantom_truth(PhantomSettings(size="small"))
    for name, dose in read_json("phantom", "cycles.json")["shipped_dose_kernel_gy"].items():
        assert truth.regions[name].dose_kernel_gy == pytest.approx(dose, rel=1e-5)
