import math

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.dose import (
    RegionDose,
    compare_engines,
    cross_doses,
    dose_map,
    dose_volume_histogram,
    doses_from_table,
    read_s_table,
    region_doses,
    self_dose,
    sphere_s_value,
    thyroid_activity_mbq,
    whole_body_s_gy_per_mbq_h,
)
from RNTDosimetryLib.dose.decay import GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import Region

SPACING = (5.0, 5.0, 5.0)
SHAPE = (14, 15, 16)


@pytest.mark.parametrize(
    ("nuclide", "mgy_per_mbq_h"),
    # dosimetry.md section 5 [R]: sphere of 310 g
    [("Lu-177", 0.281), ("Y-90", 1.67), ("I-131", 0.429)],
)
def test_self_dose_of_a_kidney(nuclide, mgy_per_mbq_h):
    assert self_dose(1000.0, nuclide, 310.0).dose_gy == pytest.approx(mgy_per_mbq_h, rel=0.02)


def test_self_dose_is_tia_times_s():
    result = self_dose(2.0e4, "Lu-177", 165.0, region="left kidney")
    s_value = sphere_s_value("Lu-177", 165.0) * GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S
    assert result.dose_gy == pytest.approx(2.0e4 * s_value, rel=1e-9)
    assert sum(result.parts.values()) == pytest.approx(result.dose_gy, rel=1e-12)
    assert result.dose_uncertainty_gy is None
    assert RegionDose.from_dict(result.to_dict()) == result


def test_self_dose_at_the_ends_of_the_sphere_range():
    heavy = self_dose(1.0, "I-131", 1e5, tia_uncertainty_mbq_h=0.1)
    assert 0.8 < heavy.mass_exponent < 1.0
    with pytest.raises(DosimetryError, match="Expected a sphere"):
        self_dose(1.0, "I-131", 2e5)


@pytest.mark.parametrize(("reference_g", "tolerance"), [(310.0, 0.01), (150.0, 0.005)])
def test_mass_scaling_agrees_with_the_sphere_at_the_mass(reference_g, tolerance):
    # dosimetry.md section 5: electrons (m_ref/m), self photons (m_ref/m)^(2/3) [C to 0.7 %]
    direct = self_dose(1000.0, "I-131", 200.0)
    scaled = self_dose(1000.0, "I-131", 200.0, reference_mass_g=reference_g)
    assert scaled.dose_gy == pytest.approx(direct.dose_gy, rel=tolerance)
    assert scaled.warnings == ()
    far = self_dose(1000.0, "Y-90", 5.0, reference_mass_g=310.0)
    assert any("factor of 10" in warning for warning in far.warnings)


def test_uncertainty_has_the_volume_once():
    plain = self_dose(1000.0, "Lu-177", 20.0, tia_uncertainty_mbq_h=387.0)
    assert plain.dose_uncertainty_gy / plain.dose_gy == pytest.approx(0.387, rel=1e-9)
    # dosimetry.md section 6 [C] numbers: u(v)/v 0.662, phi / (2R) = 0.759 / 1.298
    sensitivity = 0.759 / (2 * 0.649)
    both = self_dose(
        1000.0, "Lu-177", 20.0, tia_uncertainty_mbq_h=387.2, volume_uncertainty=0.662, tia_volume_sensitivity=sensitivity
    )
    assert both.mass_exponent == pytest.approx(0.98, abs=0.03)
    expected = math.hypot((both.mass_exponent - sensitivity) * 0.662, math.sqrt(0.3872**2 - (sensitivity * 0.662) ** 2))
    assert both.dose_uncertainty_gy / both.dose_gy == pytest.approx(expected, rel=1e-9)
    assert both.dose_uncertainty_gy < 0.75 * plain.dose_uncertainty_gy


def test_thyroid_formula_is_the_sphere_of_iodine():
    # The 24.7 of dosimetry.md section 5 [M], derived: electrons and self-absorbed photons of a 20 g sphere of 131I
    uptake, half_life_d, mass_g, dose_gy = 60.0, 5.5, 20.0, 300.0
    activity = thyroid_activity_mbq(dose_gy, mass_g, uptake, half_life_d)
    tia = activity * uptake / 100 * half_life_d * 24 / math.log(2)
    assert self_dose(tia, "I-131", mass_g).dose_gy == pytest.approx(dose_gy, rel=0.01)


def _standing_body(side_mm):
    """Legs, trunk and head of the MIRD adult as cones and elliptical cylinders, in voxels of 20 mm shown with another side."""
    z, y, x = np.meshgrid(*[(np.arange(n) + 0.5) * 2.0 - c for n, c in ((88, 0.0), (10, 10.0), (20, 20.0))], indexing="ij")
    trunk = (z >= 80) & (z < 150) & ((x / 20) ** 2 + (y / 10) ** 2 <= 1)
    head = (z >= 150) & (z < 174) & ((x / 8) ** 2 + (y / 10) ** 2 <= 1)
    radius = 2 + 0.1 * z
    legs = (z < 80) & ((np.abs(x) - radius) ** 2 + y**2 <= radius**2)
    body = (trunk | head | legs).astype(float)
    return body, side_mm**3 / 1e6 * body.sum()


@pytest.mark.parametrize("side_mm", [12.0, 20.0])
def test_whole_body_power_law_against_a_body(side_mm):
    # 1.34e-4 m^-0.921 of dosimetry.md section 5 [M], against our own kernel in bodies of 15 and 72 kg. The kernel has water all around,
    # which scatters back: up to 6 % more
    body, mass_kg = _standing_body(side_mm)
    tia = body / (1000 * mass_kg)
    mean_gy = float(np.asarray(dose_map(tia, (side_mm,) * 3, "I-131", "kernel"))[body > 0].mean())
    assert 1.0 < mean_gy / whole_body_s_gy_per_mbq_h(mass_kg) < 1.06


TABLE = """# made for this test
target,source,s_mgy_per_mbq_s,reference_mass_g
kidneys,kidneys,7.76e-5,310
kidneys,liver,1.5e-7,310
liver,liver,1.4e-5,1800
liver,kidneys,1.5e-7,1800
"""


def _table(tmp_path, text=TABLE):
    path = tmp_path / "own.csv"
    path.write_text(text, encoding="utf-8")
    return read_s_table(path, "Lu-177")


def test_own_s_table_at_the_reference_mass(tmp_path):
    # dosimetry.md section 5 [R]: kidneys 310 g, 177Lu, 7.76e-5 mGy/(MBq*s)
    doses = doses_from_table({"kidneys": 1e4, "liver": 5e4}, _table(tmp_path), {"kidneys": 310.0, "liver": 1800.0})
    expected = 3.6 * (1e4 * 7.76e-5 + 5e4 * 1.5e-7)
    assert doses["kidneys"].dose_gy == pytest.approx(expected, rel=1e-9)
    assert doses["kidneys"].parts["from liver"] == pytest.approx(3.6 * 5e4 * 1.5e-7)
    # The same S from our sphere, within 2 %
    assert sphere_s_value("Lu-177", 310.0) == pytest.approx(7.76e-5, rel=0.02)


def test_own_s_table_scales_self_dose_and_keeps_cross_dose(tmp_path):
    doses = doses_from_table({"kidneys": 1e4, "liver": 5e4}, _table(tmp_path), {"kidneys": 155.0})
    at_reference = doses_from_table({"kidneys": 1e4, "liver": 5e4}, _table(tmp_path), {"kidneys": 310.0})["kidneys"].parts
    parts = doses["kidneys"].parts
    assert parts["electrons and alphas"] == pytest.approx(2 * at_reference["electrons and alphas"])
    assert parts["photons"] == pytest.approx(2 ** (2 / 3) * at_reference["photons"])
    assert parts["from liver"] == pytest.approx(at_reference["from liver"])


def test_own_s_table_uncertainty_needs_every_source(tmp_path):
    arguments = ({"kidneys": 1e4, "liver": 5e4}, _table(tmp_path), {"kidneys": 310.0})
    both = doses_from_table(*arguments, tia_uncertainties_mbq_h={"kidneys": 1e3, "liver": 1e4})["kidneys"]
    assert both.dose_uncertainty_gy == pytest.approx(3.6 * math.hypot(1e3 * 7.76e-5, 1e4 * 1.5e-7))
    assert doses_from_table(*arguments, tia_uncertainties_mbq_h={"kidneys": 1e3})["kidneys"].dose_uncertainty_gy is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("target,source\nkidneys,kidneys\n", "no s_mgy_per_mbq_s, reference_mass_g"),
        (TABLE + "kidneys,liver,1e-7,310\n", "twice"),
        (TABLE.replace("7.76e-5", "high"), "S value in own.csv"),
        (TABLE.replace("310", "0"), "positive reference mass"),
        ("# nothing\ntarget,source,s_mgy_per_mbq_s,reference_mass_g\n", "no row"),
    ],
)
def test_bad_s_table_is_refused(tmp_path, text, words):
    with pytest.raises(DosimetryError, match=words):
        _table(tmp_path, text)


def test_pairs_that_the_table_lacks_are_refused(tmp_path):
    with pytest.raises(DosimetryError, match=r"S\(kidneys <- spleen\)"):
        doses_from_table({"spleen": 1.0}, _table(tmp_path), {"kidneys": 310.0})
    with pytest.raises(DosimetryError, match="found no file"):
        read_s_table(tmp_path / "absent.csv", "Lu-177")


def _scene():
    tia = np.zeros(SHAPE)
    regions = {"organ": np.zeros(SHAPE), "lesion": np.zeros(SHAPE)}
    regions["organ"][2:10, 3:11, 2:9] = 1
    regions["lesion"][4:7, 5:8, 10:13] = 1
    tia += 0.02 + regions["organ"] + 8 * regions["lesion"]
    return tia, regions


def test_cross_doses_add_up_to_the_map():
    tia, regions = _scene()
    density = np.where(np.arange(SHAPE[0])[:, None, None] < 3, 0.4, 1.05) * np.ones(SHAPE)
    doses = cross_doses(tia, SPACING, "I-131", regions, density)
    whole = region_doses(dose_map(tia, SPACING, "I-131", "kernel", density), regions, density_g_ml=density)
    for name in regions:
        assert sum(doses[name].values()) == pytest.approx(whole[name].dose_gy, rel=1e-5)
    assert doses["organ"]["lesion"] > 0
    with pytest.raises(DosimetryError, match="do not overlap"):
        cross_doses(tia, SPACING, "I-131", {"a": regions["organ"], "b": np.ones(SHAPE)})
    with pytest.raises(DosimetryError, match="resample it first"):
        cross_doses(tia, SPACING, "I-131", {"a": np.ones((2, 2, 2))})


def test_region_doses_take_regions_and_masses():
    tia, regions = _scene()
    geometry = ImageGeometry(SHAPE, SPACING)
    as_regions = [Region(name, geometry, occupancy) for name, occupancy in regions.items()]
    one = dose_map(tia, SPACING, "Lu-177", tia_uncertainty_mbq_h_ml=0.1 * tia)
    doses = region_doses(one, as_regions, density_g_ml=1.05, tia_mbq_h={"lesion": 7.0})
    assert list(doses) == ["organ", "lesion"]
    histogram = dose_volume_histogram(one, as_regions[1])
    assert (histogram.name, histogram.mean_gy) == ("lesion", doses["lesion"].dose_gy)
    assert one[5, 6, 11] == np.asarray(one)[5, 6, 11]
    assert doses["lesion"].mass_g == pytest.approx(27 * 0.125 * 1.05)
    assert doses["lesion"].dose_gy == pytest.approx(float(np.asarray(one)[regions["lesion"] > 0].mean()), rel=1e-6)
    assert doses["lesion"].dose_uncertainty_gy == pytest.approx(0.1 * doses["lesion"].dose_gy, rel=1e-5)
    assert (doses["lesion"].tia_mbq_h, doses["organ"].tia_mbq_h) == (7.0, None)
    with pytest.raises(DosimetryError, match="name twice"):
        region_doses(one, [as_regions[0], as_regions[0]])


def test_engines_side_by_side():
    tia, regions = _scene()
    density = np.full(SHAPE, 1.05)
    result = compare_engines(tia, SPACING, "Y-90", density, regions, dose_difference_percent=3, distance_mm=3)
    assert set(result.maps) == {"local", "kernel", "kernel with density"}
    assert set(result.gamma) == set(result.difference_gy) == {"local", "kernel with density"}
    kernel, local = (np.asarray(result.maps[name]) for name in ("kernel", "local"))
    assert np.array_equal(result.difference_gy["local"], local - kernel)
    rows = {(row["region"], row["engine"]): row for row in result.region_table}
    assert len(rows) == 6
    # Ranges of 90Y in mm blur the small lesion: local deposition overstates it, more than the large organ
    assert rows["lesion", "local"]["difference_percent"] > rows["organ", "local"]["difference_percent"] > 0
    assert rows["lesion", "kernel"]["difference_percent"] == 0
    # 5 % more mass with nearly the same energy
    assert rows["organ", "kernel with density"]["difference_percent"] == pytest.approx(-100 * (1 - 1 / 1.05), abs=1.5)
    assert rows["organ", "kernel with density"]["mass_g"] == pytest.approx(8 * 8 * 7 * 0.125 * 1.05)
    assert result.gamma["local"].pass_percent < 100
    assert result.to_dict()["region_table"][0]["region"] == "organ"


def test_engines_without_activity_or_regions():
    result = compare_engines(np.zeros((3, 3, 3)), SPACING, "Y-90")
    assert result.gamma == {}
    assert result.region_table == ()
    with pytest.raises(DosimetryError, match="reference engine local, kernel or kernel with density"):
        compare_engines(np.zeros((3, 3, 3)), SPACING, "Y-90", reference="best")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((1.0, "Lu-177", 0.0), "positive mass"),
        ((1.0, "Lu-177", -5.0), "positive mass"),
        ((1.0, "Lu-177", math.nan), "mass in g"),
        ((-1.0, "Lu-177", 20.0), "zero or more"),
        ((math.inf, "Lu-177", 20.0), "time-integrated activity"),
        ((1.0, "Lu-771", 20.0), "did you mean"),
    ],
)
def test_bad_input_is_refused(arguments, text):
    with pytest.raises(DosimetryError, match=text):
        self_dose(*arguments)
