"""Voxel plan and verification on the phantom with known truth, and exact on small arrays."""

from dataclasses import replace

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ActivityImage, ImageGeometry, Region
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.planning import (
    delivered_dose,
    dose_area_histogram,
    dose_constant,
    partition_model,
    sphere_dose_map,
    verify_plan,
    voxel_plan,
)
from RNTDosimetryLib.planning.compartments import Tumour

PET_FWHM_MM = 6.5
"""Point spread of the PET in Resources/phantom/tare_protocol.json."""
GRID = ImageGeometry((10, 12, 14), (4.0, 3.0, 3.0))


def block(name, z, y=slice(1, 11), x=slice(1, 13)):
    mask = np.zeros(GRID.size, dtype=bool)
    mask[z, y, x] = True
    return Region(name, GRID, mask, density_g_ml=1.04)


LIVER, TUMOUR = block("liver", slice(1, 9)), block("T", slice(3, 5), slice(4, 8), slice(4, 8))


def picture(tumour=5.0, liver=1.0, nuclide="", start_h=0.0):
    image = liver * np.asarray(LIVER.occupancy, dtype=float)
    image[np.asarray(TUMOUR.occupancy) > 0] = tumour
    return ActivityImage("image", GRID, image, nuclide=nuclide, start_h=start_h)


def test_voxel_plan_of_a_sharp_scout_is_the_partition_model():
    plan = voxel_plan(
        picture(), [LIVER], {"liver": 0.05}, "TheraSphere", lung_shunt_fraction=0.1, residual_fraction=0.02, regions=[TUMOUR],
    )  # fmt: skip
    tumour = np.asarray(TUMOUR.occupancy) > 0
    normal = (np.asarray(LIVER.occupancy) > 0) & ~tumour
    gram = 1.04 * GRID.voxel_volume_ml
    expected = partition_model(
        "TheraSphere", 0.05, tumours=[Tumour("T", tumour.sum() * gram, 5.0)], normal_liver_mass_g=normal.sum() * gram,
        lung_shunt_fraction=0.1, residual_fraction=0.02,
    )  # fmt: skip
    dose = plan.dose.dose_gy
    # float32 voxels: 1e-6.
    assert dose[tumour] == pytest.approx(expected.tumour_dose_gy["T"], rel=1e-6)
    assert dose[normal] == pytest.approx(expected.normal_liver_dose_gy, rel=1e-6)
    assert plan.region_mean_gy["T"] == pytest.approx(expected.tumour_dose_gy["T"], rel=1e-6)
    assert plan.activity_gbq == pytest.approx(0.05 * 0.9 * 0.98, rel=1e-9)
    assert any("lungs are not in the voxel plan" in warning for warning in plan.warnings)
    assert float(dose[~(tumour | normal)].max()) == 0.0


def test_kernel_conserves_energy():
    # Far from the edges of a bigger grid all electrons of 90Y end inside: energy within the remainder and the bremsstrahlung.
    geometry = ImageGeometry((21, 21, 21), (4.0, 4.0, 4.0))
    activity = np.zeros(geometry.size)
    activity[9:12, 9:12, 9:12] = 1.0
    found = sphere_dose_map(activity, geometry, dose_constant("Y-90"), method="kernel")
    energy = float(found.dose.dose_gy.sum(dtype=float)) * 1.04 * geometry.voxel_volume_ml / 1000
    own = get_nuclide("Y-90").local_dose_constant_j_per_gbq * activity.sum() * geometry.voxel_volume_ml / 1000
    assert energy == pytest.approx(own, rel=0.01)
    assert any("decay data" in warning for warning in found.warnings)


def test_planned_map_of_the_phantom(tare):
    truth = tare.truth
    plan = voxel_plan(
        tare.scans.scout, [tare.right, tare.left], truth.activities_gbq, "TheraSphere", lung_shunt_fraction=truth.position_shunt_fraction,
        residual_fraction=truth.residual_fraction, regions=[tare.right, tare.left, tare.regions["lungs"]], lungs=tare.regions["lungs"],
    )  # fmt: skip
    for position in ("right", "left"):
        parts = [truth.regions[name] for name in (f"normal_{position}", "tumour_1" if position == "right" else "tumour_2")]
        expected = sum(part.planned_dose_gy * part.mass_g for part in parts) / sum(part.mass_g for part in parts)
        assert plan.region_mean_gy[position] == pytest.approx(expected, rel=0.05)
    assert plan.region_mean_gy["lungs"] == pytest.approx(truth.regions["lungs"].planned_dose_gy, rel=0.05)
    assert plan.activity_gbq == pytest.approx(truth.net_activity_gbq, rel=1e-6)
    assert plan.isodoses[0]["level_gy"] > plan.isodoses[-1]["level_gy"]


@pytest.mark.parametrize("mode", ["absolute", "relative"])
def test_delivered_doses_of_the_phantom(tare, mode):
    truth = tare.truth
    found = delivered_dose(
        tare.scans.pet, "TheraSphere", tare.parts, mode=mode, liver=tare.liver, net_activity_gbq=truth.net_activity_gbq,
        lung_shunt_fraction=truth.treatment_lung_shunt_fraction, resolution_fwhm_mm=PET_FWHM_MM,
    )  # fmt: skip
    expected = {region.name: truth.regions[region.name].delivered_dose_gy for region in tare.parts}
    assert found.region_dose_gy == pytest.approx(expected, rel=0.03)
    assert found.recovered_fraction == pytest.approx(1.0, abs=0.02)


def test_planned_against_delivered_of_the_phantom(tare):
    truth, regions = tare.truth, [*tare.tumours, tare.regions["stomach"]]
    plan = voxel_plan(
        tare.scans.scout, [tare.right, tare.left], truth.activities_gbq, "TheraSphere", lung_shunt_fraction=truth.position_shunt_fraction,
        residual_fraction=truth.residual_fraction,
    )  # fmt: skip
    delivered = delivered_dose(tare.scans.pet, "TheraSphere", tare.tumours, resolution_fwhm_mm=PET_FWHM_MM)
    planned = {name: item.planned_dose_gy for name, item in truth.regions.items()}
    found = verify_plan(plan, delivered.map, regions, planned_region_gy=planned, delivered_region_gy=delivered.region_dose_gy)
    for name in ("tumour_1", "tumour_2"):
        item, known = found.regions[name], truth.regions[name]
        assert item.difference_gy == pytest.approx(
            known.delivered_dose_gy - known.planned_dose_gy, abs=0.03 * known.planned_dose_gy
        )
        assert item.correlation > 0.5
        assert len(found.planned_points_gy[name]) == len(found.delivered_points_gy[name]) > 100


def test_absolute_by_hand():
    # 2 MBq/mL one half-life after administration is 4 MBq/mL then: 4 * 49.67 / 1.04 Gy.
    half_life = get_nuclide("Y-90").half_life_h
    image = picture(tumour=2e6, liver=2e5, nuclide="Y-90", start_h=half_life)
    found = delivered_dose(image, "Y-90", [TUMOUR])
    assert found.region_dose_gy["T"] == pytest.approx(4 * 49.67 / 1.04, rel=1e-6)
    later = replace(image, start_h=2 * half_life)
    assert delivered_dose(later, "Y-90", [TUMOUR]).region_dose_gy["T"] == pytest.approx(8 * 49.67 / 1.04, rel=1e-6)


def test_relative_needs_no_calibration():
    case = {"mode": "relative", "liver": LIVER, "net_activity_gbq": 0.1, "lung_shunt_fraction": 0.05}
    one = delivered_dose(picture(), "Y-90", [TUMOUR], **case)
    other = delivered_dose(picture(5e3, 1e3, start_h=30.0), "Y-90", [TUMOUR], **case)
    assert one.region_dose_gy["T"] == pytest.approx(other.region_dose_gy["T"], rel=1e-6)
    assert one.map.activity_gbq == pytest.approx(0.095, rel=1e-6)


def test_wrong_calibration_is_mentioned():
    image = picture(2e6, 2e5, "Y-90")
    net = float(np.asarray(image.concentration_bq_ml, dtype=float).sum()) * GRID.voxel_volume_ml * 1e-9
    right = delivered_dose(image, "Y-90", [TUMOUR], liver=LIVER, net_activity_gbq=net)
    assert right.recovered_fraction == pytest.approx(1.0, rel=1e-6)
    assert not any("calibration" in warning for warning in right.warnings)
    wrong = delivered_dose(image, "Y-90", [TUMOUR], liver=LIVER, net_activity_gbq=2 * net)
    assert any("50 %" in warning for warning in wrong.warnings)


def test_same_map_agrees_with_itself():
    found = sphere_dose_map(np.asarray(picture().concentration_bq_ml), GRID, dose_constant("Y-90"), regions=[LIVER])
    item = verify_plan(found, found, [LIVER]).regions["liver"]
    assert item.difference_gy == 0.0
    assert item.correlation == pytest.approx(1.0)
    assert item.root_mean_square_gy == item.histogram_difference_gy == 0.0
    twice = sphere_dose_map(2 * np.asarray(picture().concentration_bq_ml), GRID, dose_constant("Y-90"))
    other = verify_plan(found, twice, [LIVER]).regions["liver"]
    assert other.percent == pytest.approx(100, rel=1e-5)
    assert other.delivered_dose_at_gy["D70"] == pytest.approx(2 * other.planned_dose_at_gy["D70"], rel=1e-5)


def test_dose_area_histogram_by_hand():
    # The largest slice of the liver has 10 x 12 pixels of 0.09 cm2, 4 x 4 of them tumour with five times the dose.
    found = sphere_dose_map(np.asarray(picture().concentration_bq_ml), GRID, dose_constant("Y-90"))
    areas = dose_area_histogram(found, LIVER, slice_index=3)
    assert areas.area_cm2[0] == pytest.approx(10.8)
    assert areas.area_cm2[np.searchsorted(areas.dose_gy, 2 * 49.67 / 1.04)] == pytest.approx(1.44)
    assert areas.area_cm2[-1] == pytest.approx(1.44)
    assert dose_area_histogram(found, TUMOUR).slice_index in (3, 4)
    with pytest.raises(DosimetryError, match="slice"):
        dose_area_histogram(found, TUMOUR, slice_index=8)


def test_refusals():
    with pytest.raises(DosimetryError, match="image of Y-90"):
        delivered_dose(picture(nuclide="Tc-99m"), "Y-90", [TUMOUR])
    with pytest.raises(DosimetryError, match="absolute or relative"):
        delivered_dose(picture(), "Y-90", [TUMOUR], mode="both")
    with pytest.raises(DosimetryError, match="net administered activity"):
        delivered_dose(picture(), "Y-90", [TUMOUR], mode="relative")
    with pytest.raises(DosimetryError, match="received none; check the registration"):
        voxel_plan(picture(0.0, 0.0), [LIVER], {"liver": 1.0}, "Y-90", lung_shunt_fraction=0.0)
    with pytest.raises(DosimetryError, match="one for each"):
        voxel_plan(picture(), [LIVER], {"other": 1.0}, "Y-90", lung_shunt_fraction=0.0)
    found = sphere_dose_map(np.asarray(picture().concentration_bq_ml), GRID, dose_constant("Y-90"))
    far = replace(TUMOUR, geometry=replace(GRID, origin_lps_mm=(900.0, 0.0, 0.0)))
    with pytest.raises(DosimetryError, match="inside both images"):
        verify_plan(found, found, [far])
