"""Whatever is typed: images, regions and what is measured of them are finite numbers or one sentence."""

import json

import numpy as np
import pytest
from fixtures.hostile import VALUES, answer_or_sentence, arrays_like
from fixtures.rooms import public_names

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ActivityImage, CtImage, ImageGeometry, Region

images = public_names("images", "measurement", "camera", "planar", "registration", "intake")
SHAPE = (6, 6, 6)
GRID = ImageGeometry(SHAPE, (4.0, 4.0, 4.0))
HALF = np.zeros(SHAPE)
HALF[1:5, 1:5, 1:4] = 1.0
VOXELS = 1000.0 + 10.0 * np.arange(216.0).reshape(SHAPE)
IMAGE = ActivityImage("SPECT", GRID, VOXELS, nuclide="Lu-177", start_h=24.0)
REGION = Region("liver", GRID, HALF)
CALIBRATION = images.typed_calibration("Lu-177", 10.0, 0.05)
CURVE = images.fit_recovery([1.0, 5.0, 20.0, 100.0], [0.3, 0.6, 0.8, 0.9], model="logistic")
MEASURED = images.measure_activity(IMAGE, REGION)
TIMES = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
# Paralyzable losses of 1 us at 10 000 cps/MBq.
RATES = 1e4 * TIMES * np.exp(-1e4 * TIMES * 1e-6)

MASKED = np.ma.masked_array(np.ones(SHAPE), mask=HALF.astype(bool))
HOSTILE = (*VALUES, *arrays_like(HALF), 256 * HALF.astype(int))
CALLS = {
    "ImageGeometry": dict(
        size=SHAPE, spacing_mm=(4.0, 4.0, 4.0), origin_lps_mm=(0.0, 0.0, 0.0), direction=((1, 0, 0), (0, 1, 0), (0, 0, 1))
    ),
    "CtImage": dict(geometry=GRID, hounsfield=HALF),
    "ActivityImage": dict(
        geometry=GRID, concentration_bq_ml=HALF, nuclide="Lu-177", start_h=1.0, duration_s=60.0, calibration_uncertainty=0.05
    ),
    "Region": dict(
        geometry=GRID,
        occupancy=HALF,
        mass_g=10.0,
        density_g_ml=1.0,
        recovery_coefficient=0.8,
        recovery_coefficient_uncertainty=0.1,
    ),
    "sphere_volume_ml": dict(diameter_mm=10.0),
    "sphere_region": dict(geometry=GRID, center_lps_mm=(10.0, 10.0, 10.0), diameter_mm=9.0),
    "region_mass_g": dict(region=REGION, default_density_g_ml=1.04),
    "measure_activity": dict(
        image=IMAGE,
        region=REGION,
        region_to_image_matrix=np.eye(4),
        resolution_fwhm_mm=12.0,
        delineation_fwhm_mm=3.0,
        default_density_g_ml=1.04,
    ),
    "time_activity_curve": dict(measurements=[MEASURED]),
    "check_total_activity": dict(
        image=IMAGE, administered_mbq=7400.0, excreted_share=0.4, administered_relative_uncertainty=0.02
    ),
    "isocontour": dict(image=IMAGE, fraction=0.41, within=REGION, background_bq_ml=10.0),
    "fixed_threshold": dict(image=IMAGE, threshold_bq_ml=1500.0, within=REGION),
    "hot_sphere": dict(image=IMAGE, diameter_mm=9.0, within=REGION),
    "equivalent_sphere": dict(region=REGION),
    "observed_rate_cps": dict(true_cps=1e4, dead_time_s=1e-6, model="paralyzable"),
    "true_rate_cps": dict(observed_cps=1e4, dead_time_s=1e-6, model="paralyzable"),
    "fit_dead_time": dict(activities_mbq=TIMES, observed_wide_cps=RATES, duration_s=60.0, model="paralyzable"),
    "DeadTime": dict(dead_time_s=1e-6, model="paralyzable", uncertainty_s=1e-8, wide_spectrum_cps_per_mbq=1e4),
    "fit_recovery": dict(
        volumes_ml=[1.0, 5.0, 20.0, 100.0],
        recoveries=[0.3, 0.6, 0.8, 0.9],
        uncertainties=[0.05] * 4,
        model="logistic",
        systematic_relative_uncertainty=0.02,
    ),
    "apply_recovery": dict(region=REGION, curve=CURVE, relative_volume_uncertainty=0.1),
    "typed_calibration": dict(nuclide="Lu-177", sensitivity_cps_per_mbq=10.0, relative_uncertainty=0.05),
    "apply_calibration": dict(
        counts=HALF, geometry=GRID, calibration=CALIBRATION, nuclide="Lu-177", duration_s=600.0, start_h=24.0
    ),
    "read_folder": dict(folder="none"),
    "load_volume_file": dict(path="none.nrrd"),
    "load_activity_file": dict(path="none.nrrd", typed={}),
    "load_dose_file": dict(path="none.nrrd", typed={}),
    "read_calibration": dict(path="none.json"),
    "read_recovery": dict(path="none.json"),
}
NAMED = {"CtImage", "ActivityImage", "Region", "sphere_region"}


@pytest.mark.parametrize(("function", "name"), [(function, name) for function, call in CALLS.items() for name in call])
def test_hostile_argument(function, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value in HOSTILE:
        arguments = {**CALLS[function], name: value} | ({"name": "a"} if function in NAMED else {})
        answer_or_sentence(getattr(images, function), arguments)


def activity(**typed):
    return ActivityImage("SPECT", GRID, VOXELS, **typed)


def region(**typed):
    return Region("liver", GRID, **{"occupancy": HALF, **typed})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: images.measure_activity(IMAGE, REGION, default_density_g_ml=float("nan")), "soft tissue is near 1.04"),
        (lambda: images.measure_activity(IMAGE, REGION, default_density_g_ml=-1), "soft tissue is near 1.04"),
        (lambda: images.region_mass_g(REGION, 0), "soft tissue is near 1.04"),
        (lambda: images.measure_activity(IMAGE, REGION, resolution_fwhm_mm=0), "resolution in mm of at least 0.01"),
        (lambda: images.measure_activity(IMAGE, "liver"), "a Region for the region"),
        (lambda: region(recovery_coefficient_uncertainty=float("nan")), "uncertainty of region 'liver'"),
        (lambda: region(recovery_coefficient_uncertainty=-1), "uncertainty of region 'liver'"),
        (lambda: region(mass_g=1e12), "mass_g of region 'liver'"),
        (lambda: region(occupancy=256 * HALF.astype(int)), "between 0 and 1"),
        (lambda: activity(calibration_uncertainty=float("nan")), "0.05 for 5 %"),
        (lambda: activity(calibration_uncertainty=-1), "0.05 for 5 %"),
        (lambda: activity(duration_s=-5), "duration_s"),
        (lambda: activity(duration_s=float("nan")), "duration_s"),
        (lambda: activity(nuclide="Xx-999"), "a nuclide of the table"),
        (lambda: images.sphere_volume_ml(float("nan")), "diameter"),
        (lambda: images.sphere_volume_ml(-1), "diameter"),
        (lambda: images.observed_rate_cps(float("nan"), 1e-6), "count rates"),
        (
            lambda: images.check_total_activity(IMAGE, 7400, administered_relative_uncertainty=float("nan")),
            "relative uncertainty of the administered",
        ),
        (lambda: images.isocontour(IMAGE, background_bq_ml=-float("inf")), "background"),
        (lambda: ImageGeometry(SHAPE, (0.4, 0.4, 0.4)), "mm and not cm"),
        (lambda: ImageGeometry((6.5, 6, 6), (4, 4, 4)), "whole numbers of voxels"),
        (lambda: images.fit_recovery("abc", "abc"), "numbers in the volumes"),
        (lambda: images.fit_dead_time("abc", "abc", 60), "numbers in the series"),
        (lambda: images.apply_calibration("abc", GRID, CALIBRATION, "Lu-177", 60, 0), "numbers in the counts"),
    ],
)
def test_the_sentence_names_the_field(call, words):
    with pytest.raises(DosimetryError, match=words):
        call()


@pytest.mark.parametrize("values", [HALF.astype("datetime64[s]"), HALF.astype("timedelta64[s]"), HALF.astype(complex), MASKED])
def test_arrays_that_are_no_voxels_are_refused(values):
    for kind in (ActivityImage, CtImage, Region):
        with pytest.raises(DosimetryError, match=r"masked|numbers in"):
            kind("a", GRID, values)


def test_a_fine_ct_and_a_fully_given_mask_stay_welcome():
    # 0.3 mm in the plane and 0.6 mm slices: a CT of the temporal bone.
    assert ImageGeometry((2, 2, 2), (0.6, 0.3, 0.3)).voxel_volume_ml == pytest.approx(0.6 * 0.3 * 0.3 / 1000)
    assert region(occupancy=np.ma.masked_array(HALF)).volume_ml == pytest.approx(48 * 0.064)
    assert activity(nuclide="177Lu").nuclide == "177Lu"


@pytest.mark.parametrize("reader", [images.read_calibration, images.read_recovery])
def test_deep_brackets_are_refused(reader, tmp_path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100000)
    with pytest.raises(DosimetryError, match="nested too deeply"):
        reader(path)


@pytest.mark.parametrize(("record", "field"), [(CALIBRATION, "sensitivity_cps_per_mbq"), (CURVE, "lack_of_fit")])
def test_a_stored_text_in_the_place_of_a_number_names_its_field(record, field):
    stored = json.loads(json.dumps(record.to_dict()))
    assert type(record).from_dict(stored) == record
    with pytest.raises(DosimetryError, match=f"a number for {field} of a {type(record).__name__}"):
        type(record).from_dict(stored | {field: "12 cps"})


def test_an_image_is_not_in_json():
    with pytest.raises(DosimetryError, match="images of a Region are not in JSON; load them"):
        Region.from_dict(REGION.to_dict())
