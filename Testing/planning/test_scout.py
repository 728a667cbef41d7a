"""From scout to compartments, on the phantom whose truth is known, and by closed forms."""

from dataclasses import replace

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ActivityImage, CtImage, ImageGeometry, Region
from RNTDosimetryLib.measurement import region_means
from RNTDosimetryLib.phantom.radioembolisation import TareSettings, simulate_tare, tare_truth
from RNTDosimetryLib.planning import (
    extrahepatic_deposits,
    injections_plan,
    lung_mass_from_ct,
    lung_shunt_from_counts,
    lung_shunt_planar,
    lung_shunt_spect,
    measure_scout,
)

SPECT_FWHM_MM = 10.0
"""Point spread of the scout in Resources/phantom/tare_protocol.json."""
GRID = ImageGeometry((12, 12, 12), (5.0, 5.0, 5.0))


def block(name, z, y=slice(2, 10), x=slice(2, 10), **typed):
    mask = np.zeros(GRID.size, dtype=bool)
    mask[z, y, x] = True
    return Region(name, GRID, mask, density_g_ml=1.0, **typed)


def picture(values):
    image = np.zeros(GRID.size)
    for region, value in values:
        image[np.asarray(region.occupancy) > 0] = value
    return ActivityImage("scout", GRID, image)


@pytest.fixture(scope="module")
def measured(tare):
    others = [tare.regions["lungs"], tare.regions["stomach"]]
    return measure_scout(
        tare.scans.scout, [tare.right, tare.left], tare.tumours, liver=tare.liver, others=others, resolution_fwhm_mm=SPECT_FWHM_MM
    )


def test_ratios_and_masses_of_the_phantom(tare, measured):
    # Truth of the phantom: ratios 4 and 6, masses from two hundred thousand points and more in each shape.
    found = {name: value for item in measured.territories for name, value in item.tnr.items()}
    assert found == pytest.approx(tare.truth.tnr, rel=0.03)
    masses = {name: value for item in measured.territories for name, value in item.tumour_mass_g.items()}
    assert masses == pytest.approx({name: tare.truth.regions[name].mass_g for name in masses}, rel=0.02)
    normal = [tare.truth.regions[name].mass_g for name in ("normal_right", "normal_left")]
    assert [item.normal_mass_g for item in measured.territories] == pytest.approx(normal, rel=0.01)
    assert measured.whole_normal_mass_g == pytest.approx(sum(normal), rel=0.01)
    assert measured.perfused_normal_mass_g == pytest.approx(measured.whole_normal_mass_g, rel=1e-9)


def test_blur_lowers_ratios_without_correction(tare):
    plain = measure_scout(tare.scans.scout, [tare.right, tare.left], tare.tumours)
    assert plain.territories[0].tnr["tumour_1"] < 0.92 * tare.truth.tnr["tumour_1"]
    assert any("blur is not corrected" in warning for warning in plain.warnings)


def test_planned_doses_of_the_phantom(tare, measured):
    truth = tare.truth
    lung = lung_mass_from_ct(tare.scans.ct, tare.regions["lungs"])
    injections = measured.injections(truth.activities_gbq, truth.position_shunt_fraction, truth.residual_fraction)
    plan = injections_plan(
        "TheraSphere", injections, tumour_masses_g=measured.tumour_masses_g, lung_mass_g=lung.mass_g,
        perfused_normal_liver_mass_g=measured.perfused_normal_mass_g,
    )  # fmt: skip
    for name in ("tumour_1", "tumour_2"):
        assert plan.dose_gy[name] == pytest.approx(truth.regions[name].planned_dose_gy, rel=0.03)
    for position in ("right", "left"):
        expected = truth.regions[f"normal_{position}"].planned_dose_gy
        assert plan.dose_gy[f"normal_liver in {position}"] == pytest.approx(expected, rel=0.02)
    assert plan.dose_gy["lung"] == pytest.approx(truth.regions["lungs"].planned_dose_gy, rel=0.03)


def test_lung_mass_of_the_phantom(tare):
    lung = lung_mass_from_ct(tare.scans.ct, tare.regions["lungs"])
    assert lung.mass_g == pytest.approx(tare.truth.regions["lungs"].mass_g, rel=0.03)
    assert lung.mean_density_g_ml == pytest.approx(0.26, rel=0.03)
    with pytest.raises(DosimetryError, match="Expected lungs"):
        lung_mass_from_ct(tare.scans.ct, tare.liver)


def test_a_voxel_counts_for_the_lungs_with_its_share():
    """By hand with a straight curve of 1 + HU/1000 g/mL: 512 voxels of 0.125 mL at 0.3 g/mL and 64 at 0.5 g/mL of which a quarter is lung."""
    share, hounsfield = np.zeros(GRID.size, dtype=np.float32), np.full(GRID.size, 40.0)
    share[2:10, 2:10, 2:10], hounsfield[2:10, 2:10, 2:10] = 1.0, -700.0
    share[10, 2:10, 2:10], hounsfield[10, 2:10, 2:10] = 0.25, -500.0
    lungs = Region("lungs", GRID, share)
    found = lung_mass_from_ct(CtImage("CT", GRID, hounsfield), lungs, [(-999.0, 0.001), (1000.0, 2.0)])
    assert found.mass_g == pytest.approx(0.125 * (512 * 0.3 + 64 * 0.25 * 0.5), rel=1e-6)
    assert found.volume_ml == pytest.approx(0.125 * (512 + 16), rel=1e-6)


def test_lung_shunt_of_the_phantom(tare):
    truth, lungs = tare.truth.lung_shunt_fraction, tare.regions["lungs"]
    spect = lung_shunt_spect(tare.scans.scout, lungs, tare.liver, resolution_fwhm_mm=SPECT_FWHM_MM)
    assert spect.fraction == pytest.approx(truth, rel=0.03)
    planar = tare.scans.planar
    liver = sum(planar.region_exponent[region.name] for region in tare.parts)
    masks = (planar.region_exponent["lungs"] > 0, liver > 0)
    corrected = lung_shunt_planar(
        planar.anterior_counts, planar.posterior_counts, *masks, attenuation_exponent=planar.attenuation_exponent,
        lung_exponent=planar.region_exponent["lungs"], liver_exponent=liver,
    )  # fmt: skip
    assert corrected.fraction == pytest.approx(truth, rel=0.03)
    raw = lung_shunt_planar(planar.anterior_counts, planar.posterior_counts, *masks)
    assert raw.fraction > 1.5 * truth
    assert "too high" in raw.warnings[0]


def test_planar_by_hand():
    # sqrt(40 * 90) = 60; sqrt(400 * 900) = 600; 60 / 660.
    found = lung_shunt_from_counts(40, 90, 400, 900)
    assert found.fraction == pytest.approx(60 / 660, rel=1e-12)
    # Background 10 and 15 in the lungs: sqrt(30 * 75).
    less = lung_shunt_from_counts(40, 90, 400, 900, lung_background_anterior=10, lung_background_posterior=15)
    assert less.fraction == pytest.approx(np.sqrt(2250) / (np.sqrt(2250) + 600), rel=1e-12)
    assert lung_shunt_from_counts(0, 0, 400, 900).fraction == 0.0
    with pytest.raises(DosimetryError, match="counts in the liver"):
        lung_shunt_from_counts(40, 90, 0, 900)
    with pytest.raises(DosimetryError, match="lungs"):
        lung_shunt_from_counts(-1, 90, 400, 900)


def test_counting_uncertainty_of_the_planar_shunt():
    # Spread of 4000 repetitions with Poisson counts; its own error is 1.1 %.
    random = np.random.default_rng(5)
    counts = [400, 900, 4000, 9000]
    repeated = [lung_shunt_from_counts(*random.poisson(counts)).fraction for _ in range(4000)]
    assert lung_shunt_from_counts(*counts).uncertainty == pytest.approx(np.std(repeated), rel=0.04)


def test_planar_attenuation_is_exact_for_a_slab():
    # A slab source of thickness l in a body of thickness T with attenuation mu: front counts A exp(-mu a) (1 - exp(-mu l)) / (mu l), where
    # a lies before it; the geometric mean is A exp(-mu T / 2) sinh(mu l / 2) / (mu l / 2).
    mu, before, thick, behind = 0.15, 4.0, 12.0, 6.0
    share = (1 - np.exp(-mu * thick)) / (mu * thick)
    front, back = np.exp(-mu * before) * share, np.exp(-mu * behind) * share
    lungs, liver = np.array([[True, False]]), np.array([[False, True]])
    views = np.array([[100.0, 1e5 * front]]), np.array([[100.0, 1e5 * back]])
    path = np.array([[0.0, mu * (before + thick + behind) / 2]])
    own = np.array([[0.0, mu * thick / 2]])
    found = lung_shunt_planar(*views, lungs, liver, attenuation_exponent=path, liver_exponent=own)
    assert found.liver_counts == pytest.approx(1e5, rel=1e-12)
    assert found.fraction == pytest.approx(100 / 100100, rel=1e-12)


def test_no_shunt_is_found_as_none():
    settings = TareSettings(size="small", noise=False, lung_shunt_factor=0.0)
    scans = simulate_tare(settings)
    regions = {region.name: region for region in scans.regions}
    liver = replace(regions["normal_right"], name="liver", occupancy=sum(
        np.asarray(regions[name].occupancy) for name in ("normal_right", "normal_left", "tumour_1", "tumour_2")
    ))  # fmt: skip
    assert tare_truth(settings).lung_shunt_fraction == 0.0
    assert lung_shunt_spect(scans.scout, regions["lungs"], liver, resolution_fwhm_mm=SPECT_FWHM_MM).fraction < 0.002


def test_lungs_outside_the_field(tare):
    # The scout cut 200 mm above the middle of the liver shows about half of the lungs; the PET of the phantom only their bases.
    geometry, values = tare.scans.scout.geometry, tare.scans.scout.concentration_bq_ml
    slices = int((200 - geometry.origin_lps_mm[2]) / geometry.spacing_mm[0])
    cut = ActivityImage("cut", replace(geometry, size=(slices, *geometry.size[1:])), values[:slices])
    half = lung_shunt_spect(cut, tare.regions["lungs"], tare.liver, resolution_fwhm_mm=SPECT_FWHM_MM)
    assert any("in the field of view" in warning for warning in half.warnings)
    assert half.fraction == pytest.approx(tare.truth.lung_shunt_fraction, rel=0.05)
    with pytest.raises(DosimetryError, match="planar counts"):
        lung_shunt_spect(tare.scans.pet, tare.regions["lungs"], tare.liver)


def test_extrahepatic_deposit_is_flagged():
    settings = TareSettings(size="small", seed=3, extrahepatic_fraction=0.03)
    scans = simulate_tare(settings)
    regions = {region.name: region for region in scans.regions}
    liver = Region("liver", regions["lungs"].geometry, sum(
        np.asarray(regions[name].occupancy) for name in ("normal_right", "normal_left", "tumour_1", "tumour_2")
    ))  # fmt: skip
    found = extrahepatic_deposits(scans.scout, liver, regions["lungs"])
    assert len(found) == 1
    # The stomach of the phantom is centered at (112, 20, -10) mm; part of its 3 % lies within the margin of the liver.
    assert found[0].center_lps_mm == pytest.approx((112, 20, -10), abs=6)
    assert 0.015 < found[0].share < 0.031


def test_nothing_is_flagged_without_deposit(tare):
    assert extrahepatic_deposits(tare.scans.scout, tare.liver, tare.regions["lungs"]) == ()


def test_ratio_by_hand():
    territory, tumour = block("territory", slice(2, 10)), block("T", slice(2, 4))
    found = measure_scout(picture([(territory, 10.0), (tumour, 45.0)]), [territory], [tumour])
    item = found.territories[0]
    # 8 x 8 x 8 voxels of 0.125 mL, of which 8 x 8 x 2 are tumour, 1 g/mL.
    assert item.tnr == pytest.approx({"T": 4.5}, rel=1e-9)
    assert item.tumour_mass_g == pytest.approx({"T": 16.0}, rel=1e-9)
    assert item.normal_mass_g == pytest.approx(48.0, rel=1e-9)
    assert item.share == pytest.approx(1.0)


def test_overlapping_territories_by_hand():
    first, second = block("A", slice(2, 7)), block("B", slice(5, 10))
    tumour = block("T", slice(4, 6))
    found = measure_scout(
        picture([(first, 10.0), (second, 10.0), (tumour, 40.0)]), [first, second], [tumour], liver=block("liver", slice(1, 11))
    )
    a, b = found.territories
    # Slices of 8 x 8 x 0.125 mL = 8 g: T is 4 and 5; A is 2 to 6 with both, B is 5 to 9 with slice 5.
    assert a.tumour_mass_g["T"] == pytest.approx(16.0)
    assert b.tumour_mass_g["T"] == pytest.approx(8.0)
    assert (a.normal_mass_g, b.normal_mass_g) == pytest.approx((24.0, 32.0))
    assert found.perfused_normal_mass_g == pytest.approx(48.0)
    assert found.whole_normal_mass_g == pytest.approx(64.0)
    assert a.tnr["T"] == b.tnr["T"] == pytest.approx(4.0)
    plan = injections_plan(
        "Y-90", found.injections({"A": 1.0, "B": 1.0}, 0.0), tumour_masses_g=found.tumour_masses_g,
        perfused_normal_liver_mass_g=found.perfused_normal_mass_g,
    )  # fmt: skip
    energy = sum(plan.masses_g[name] * plan.dose_gy[name] for name in plan.masses_g) / 1000
    assert energy == pytest.approx(2 * 49.67, rel=1e-9)


def test_tumour_outside_and_territory_without_normal_liver():
    territory, inside, outside = block("A", slice(2, 5)), block("in", slice(2, 5)), block("out", slice(8, 10))
    found = measure_scout(picture([(territory, 10.0)]), [territory], [inside, outside])
    assert found.territories[0].normal_mass_g == 0.0
    assert found.territories[0].tnr == {"in": pytest.approx(1.0)}
    assert any("out lies in no territory" in warning for warning in found.warnings)
    plan = injections_plan("Y-90", found.injections({"A": 1.0}, 0.0), tumour_masses_g=found.tumour_masses_g)
    assert plan.dose_gy["out"] == 0.0
    assert plan.dose_gy["in"] == pytest.approx(49.67 / (3 * 8e-3), rel=1e-9)


def test_a_small_territory_beside_a_large_one_keeps_its_normal_liver():
    large, small = (
        block("large", slice(0, 12), slice(0, 12), slice(0, 11)),
        block("small", slice(5, 7), slice(5, 7), slice(11, 12)),
    )
    tumour = block("T", slice(5, 6), slice(5, 7), slice(11, 12))
    found = measure_scout(picture([(large, 10.0), (small, 20.0), (tumour, 60.0)]), [large, small], [tumour])
    item = found.territories[1]
    # Two voxels of 0.125 g each are 0.25 g: 0.016 % of all perfused liver, half of the small territory.
    assert item.normal_mass_g == pytest.approx(0.25)
    assert item.tnr == {"T": pytest.approx(3.0)}


def test_tumour_on_another_grid_still_fits_its_territory():
    territory = block("A", slice(1, 11))
    fine = ImageGeometry((40, 40, 40), (1.5, 1.5, 1.5), (1.0, 1.0, 1.0))
    z, y, x = np.indices(fine.size)
    ball = Region("T", fine, ((z - 20) ** 2 + (y - 19) ** 2 + (x - 18) ** 2) < 36, density_g_ml=1.0)
    found = measure_scout(picture([(territory, 10.0)]), [territory], [ball])
    plan = injections_plan("Y-90", found.injections({"A": 1.0}, 0.0), tumour_masses_g=found.tumour_masses_g)
    assert plan.dose_gy["T"] > 0


def test_territory_partly_outside_is_mentioned():
    territory = block("A", slice(1, 11))
    image = picture([(territory, 10.0)])
    cut = ActivityImage("cut", replace(GRID, size=(8, 12, 12)), image.concentration_bq_ml[:8])
    assert any("A: only 70.0 %" in warning for warning in measure_scout(cut, [territory], []).warnings)


def test_refusals():
    territory, tumour = block("A", slice(2, 8)), block("T", slice(2, 4))
    with pytest.raises(DosimetryError, match="at least one territory"):
        measure_scout(picture([]), [], [tumour])
    with pytest.raises(DosimetryError, match="type the ratios"):
        measure_scout(picture([(tumour, 5.0)]), [territory], [tumour])
    with pytest.raises(DosimetryError, match="different names"):
        measure_scout(picture([(territory, 5.0)]), [territory], [replace(tumour, name="A")])
    found = measure_scout(picture([(territory, 5.0)]), [territory], [tumour])
    with pytest.raises(DosimetryError, match="one for each"):
        found.injections({"B": 1.0}, 0.05)


def test_transfer_matrix_recovers_uniform_regions_exactly():
    # A blurred image of uniform regions is what the matrix assumes: only rounding is left.
    from scipy.ndimage import gaussian_filter

    big, small = block("big", slice(2, 10)), block("small", slice(5, 7), slice(5, 7), slice(5, 7))
    shares = {
        "big": (np.asarray(big.occupancy) - np.asarray(small.occupancy)).astype(float),
        "small": np.asarray(small.occupancy, dtype=float),
    }
    sharp = 10.0 * shares["big"] + 60.0 * shares["small"] + 2.0 * (1 - sum(shares.values()))
    sigma = 8.0 / np.sqrt(8 * np.log(2)) / 5.0
    blurred = gaussian_filter(sharp, sigma, mode="nearest", truncate=4.0)
    found = region_means(blurred, shares, GRID.spacing_mm, 8.0)
    assert found.mean == pytest.approx({"big": 10.0, "small": 60.0}, rel=1e-4)
    assert found.measured["small"] < 45
    assert region_means(blurred, shares, GRID.spacing_mm).mean == found.measured


def test_regions_that_cannot_be_told_apart():
    one, two = block("one", slice(2, 3), slice(5, 6), slice(5, 6)), block("two", slice(3, 4), slice(5, 6), slice(5, 6))
    shares = {region.name: np.asarray(region.occupancy, dtype=float) for region in (one, two)}
    with pytest.raises(DosimetryError, match="tell apart"):
        region_means(np.ones(GRID.size), shares, GRID.spacing_mm, 40.0)
    with pytest.raises(DosimetryError, match="do not overlap"):
        region_means(np.ones(GRID.size), {"a": shares["one"], "b": shares["one"]}, GRID.spacing_mm)
