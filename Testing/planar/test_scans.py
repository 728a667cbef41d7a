"""Planar views from DICOM, and the hybrid road from planar and SPECT files to the time-integrated activity.

Source of the numbers: pictures of random counts of the test; the phantom's truth (analytic kinetics and volumes). Orientation, views, windows and
whole-body times by DICOM PS3.3 C.8.4.8, C.8.4.9 and C.8.4.11.
"""

from dataclasses import replace

import numpy as np
import pytest
from fixtures.dicom_fixtures import ADMINISTRATION, ROOT
from fixtures.planar_fixtures import BACK, FRONT, SHAPE, WINDOWS_208, pictures, stored, write_planar_object
from scipy import ndimage

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import CtImage, ImageGeometry, Region
from RNTDosimetryLib.intake import read_folder
from RNTDosimetryLib.kinetics import fit_time_activity, hybrid_curve
from RNTDosimetryLib.measurement import measure_activity
from RNTDosimetryLib.phantom import (
    PhantomSettings,
    phantom_regions,
    phantom_truth,
    simulate_planar_scan,
    simulate_scan,
    write_planar,
)
from RNTDosimetryLib.phantom.generator import write_scan
from RNTDosimetryLib.phantom.planar_scans import planar_geometry, planar_protocol
from RNTDosimetryLib.phantom.scans import session_of
from RNTDosimetryLib.planar import conjugate_activity, photon_path, planar_curve, read_planar_folder, read_planar_scan


def same(scan, counts, lower=None, upper=None):
    """Whether both views hold the counts as seen from the front."""
    for number, view in enumerate((scan.anterior, scan.posterior)):
        np.testing.assert_array_equal(view.counts, counts[number])
        for given, expected in ((view.lower, lower), (view.upper, upper)):
            assert (given is None) == (expected is None)
            if given is not None:
                np.testing.assert_array_equal(given, expected[number])


def test_static_object_with_both_views(tmp_path):
    counts = pictures()
    scan = read_planar_scan(write_planar_object(tmp_path / "a", stored(counts)))
    same(scan, counts[0])
    assert (scan.kind, scan.recognized, scan.spacing_mm) == ("spot", "by view code or name", (4.4, 4.6))
    assert scan.anterior.duration_s == scan.elapsed_s == 600
    assert scan.start_h(ADMINISTRATION) == pytest.approx(24.0)
    assert scan.warnings == ()


@pytest.mark.parametrize("first", ["ant", "post"])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_energy_windows_in_any_order_and_views_in_any_order(tmp_path, order, first):
    counts = pictures(3)
    frames, detectors = stored(counts)[list(order)], ("ant", "post")
    if first == "post":
        frames, detectors = frames[:, ::-1], ("post", "ant")
    scan = read_planar_scan(write_planar_object(tmp_path / "a", frames, [WINDOWS_208[number] for number in order], detectors))
    same(scan, counts[0], counts[1], counts[2])
    widths = (scan.anterior.peak_width_kev, scan.anterior.lower_width_kev, scan.anterior.upper_width_kev)
    assert widths == pytest.approx((41.6, 20.8, 20.8))
    assert scan.peak == "peak"


def test_two_photopeaks_need_an_energy(tmp_path):
    """177Lu with six windows: 113 and 208 keV, each with its neighbors."""
    windows = [*WINDOWS_208, ("113", 101.7, 124.3), ("113 below", 90.4, 101.7), ("113 above", 124.3, 135.6)]
    counts = pictures(6)
    path = write_planar_object(tmp_path / "a", stored(counts), windows)
    with pytest.raises(DosimetryError, match=r"received 2 that may be it among peak \(187.2 to 228.8\).*type peak_kev"):
        read_planar_scan(path)
    same(read_planar_scan(path, {"peak_kev": 208}), counts[0], counts[1], counts[2])
    same(read_planar_scan(path, {"peak_kev": 113}), counts[3], counts[4], counts[5])


def test_one_scatter_window_below(tmp_path):
    counts = pictures(2)
    scan = read_planar_scan(write_planar_object(tmp_path / "a", stored(counts), WINDOWS_208[:2]))
    same(scan, counts[0], counts[1])


def test_window_above_alone_is_not_used_and_said(tmp_path):
    counts = pictures(2)
    path = write_planar_object(tmp_path / "a", stored(counts), (WINDOWS_208[0], WINDOWS_208[2]))
    scan = read_planar_scan(path, {"peak_kev": 208})
    same(scan, counts[0])
    assert any("above the photopeak alone was not used" in text for text in scan.warnings)


@pytest.mark.parametrize("rows_up", [False, True])
@pytest.mark.parametrize("from_front", [False, True])
def test_orientation_of_the_detectors_tells_the_flips(tmp_path, rows_up, from_front):
    """Feet up, and a posterior view that is stored as seen from the front: the Image Orientation says so, and the pictures agree."""
    counts = pictures()
    counts[:, 1] = counts[:, 0] + 100
    frames = counts.copy() if from_front else stored(counts)
    if rows_up:
        frames = frames[:, :, ::-1]
    orientations = [list(FRONT), list(FRONT if from_front else BACK)]

    def edit(dataset):
        for head, orientation in zip(dataset.DetectorInformationSequence, orientations):
            head.ImageOrientationPatient = [*orientation[:5], 1 if rows_up else -1]

    same(read_planar_scan(write_planar_object(tmp_path / "a", frames, edit=edit)), counts[0])


def test_posterior_stored_from_the_front_can_be_typed(tmp_path):
    counts = pictures()
    path = write_planar_object(tmp_path / "a", counts)
    same(read_planar_scan(path, {"posterior_mirrored": False}), counts[0])


def test_views_by_detector_angle_and_by_name(tmp_path):
    counts = pictures()

    def angles(dataset):
        for head, angle in zip(dataset.DetectorInformationSequence, (180, 0)):
            head.StartAngle = angle

    scan = read_planar_scan(write_planar_object(tmp_path / "a", stored(counts), detectors=(None, None), edit=angles))
    same(scan, counts[0])
    assert any("by the angles of the detectors" in text for text in scan.warnings)
    path = write_planar_object(tmp_path / "b", stored(counts)[:, ::-1], detectors=(None, None))
    with pytest.raises(DosimetryError, match="type which frame is anterior"):
        read_planar_scan(path)
    same(read_planar_scan(path, {"anterior_frame": 1}), counts[0])


def test_whole_body_time_at_each_point(tmp_path):
    """By hand: 400 mm at 100 mm/min is 240 s; the whole scan 600 s; a point in the middle comes into view 180 s after the start."""
    counts = pictures()

    def edit(dataset):
        dataset.ScanVelocity, dataset.ScanLength = 100 / 60, 600
        dataset.DetectorInformationSequence[0].FieldOfViewDimensions = [400, 540]

    path = write_planar_object(tmp_path / "a", stored(counts), kind="WHOLE BODY", edit=edit)
    scan = read_planar_scan(path)
    assert (scan.kind, scan.elapsed_s) == ("whole body", 600)
    assert scan.anterior.duration_s == pytest.approx(240)
    assert scan.start_h(ADMINISTRATION) == pytest.approx(24 + 180 / 3600)
    assert read_planar_scan(path, {"field_of_view_mm": 500}).anterior.duration_s == pytest.approx(300)
    assert read_planar_scan(path, {"duration_s": 111}).anterior.duration_s == 111


def test_whole_body_velocity_in_a_private_element(tmp_path):
    def edit(dataset):  # 12 cm/min is 2 mm/s
        dataset.private_block(0x0019, "SIEMENS MED NM", create=True).add_new(0x64, "SS", 12)

    path = write_planar_object(tmp_path / "a", stored(pictures()), kind="WHOLE BODY", edit=edit)
    assert read_planar_scan(path, {"field_of_view_mm": 380}).anterior.duration_s == pytest.approx(190)
    both = read_planar_scan(path, {"field_of_view_mm": 380, "duration_s": 200})
    assert both.anterior.duration_s == 200
    assert [row.what for row in both.table if row.status == "not used"] == ["override field_of_view_mm"]
    assert any("the override field_of_view_mm (380) was not used" in text for text in both.warnings)


def test_whole_body_without_velocity_is_said(tmp_path):
    scan = read_planar_scan(write_planar_object(tmp_path / "a", stored(pictures()), kind="WHOLE BODY"))
    assert scan.anterior.duration_s == 600
    assert any("not with a sensitivity" in text for text in scan.warnings)


def test_folder_pairs_views_in_files_of_their_own(tmp_path):
    expected = {}
    for number, hours in enumerate((96.0, 24.0)):
        counts = pictures(seed=number)
        expected[hours] = counts[0]
        for view, name in enumerate(("ant", "post")):
            write_planar_object(
                tmp_path / f"{hours:g}{name}",
                stored(counts)[:, view : view + 1],
                detectors=(name,),
                start_h=hours + 0.05 * view,
                uid=f"{ROOT}.6.{number + 1}{view}",
            )
    scans = read_planar_folder(tmp_path)
    assert [scan.start_h(ADMINISTRATION) for scan in scans] == pytest.approx([24, 96])
    for scan, hours in zip(scans, (24.0, 96.0)):
        same(scan, expected[hours])


def change(**values):
    def edit(dataset):
        for keyword, value in values.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)

    return edit


BROKEN = {
    "reconstruction": (change(ImageType=["DERIVED", "PRIMARY", "RECON TOMO"]), {}, "Expected a planar NM image"),
    "dynamic": (change(ImageType=["ORIGINAL", "PRIMARY", "DYNAMIC"]), {}, "a dynamic or gated one; export the sum of its frames"),
    "no pixel spacing": (change(PixelSpacing=None), {}, "Expected 2 numbers for PixelSpacing"),
    "detector vector too long": (change(DetectorVector=[1, 2, 1]), {}, r"Expected 2 entries, one for each view, in \(0054,0020\) Detector Vector"),
    "no duration": (change(ActualFrameDuration=None), {}, "in Actual Frame Duration, received none; type duration_s"),
    "absurd duration": (change(ActualFrameDuration=900_000_000), {}, "received 900000 s; type duration_s"),
    "two anterior views": (lambda d: d.DetectorInformationSequence.__setitem__(1, d.DetectorInformationSequence[0]), {}, "the files say anterior and anterior"),
    "slope that is none": (change(RescaleSlope="1e999"), {}, r"Expected one finite number in \(0028,1053\) Rescale Slope"),
    "cut off": (lambda d: setattr(d, "PixelData", d.PixelData[:-100]), {}, "received a damaged one"),
    "date that is none": (change(AcquisitionDate="20240230"), {}, "received '20240230 100000'"),
    "field of view too long": (change(ImageType=["ORIGINAL", "PRIMARY", "WHOLE BODY"], ScanVelocity=0.5), {"field_of_view_mm": 400}, "received 800 s"),
    "no energy windows though six are counted": (
        lambda d: [setattr(d, "EnergyWindowVector", [1, 2]), setattr(d, "EnergyWindowInformationSequence", [])], {}, "for all 2 energy windows",
    ),
    "absurd velocity": (
        change(ImageType=["ORIGINAL", "PRIMARY", "WHOLE BODY"], ScanVelocity=1e9), {"field_of_view_mm": 400}, "Expected a scan velocity of 0.1 to 100 mm/s",
    ),
    "bits that contradict": (change(HighBit=7), {}, "received 7 and 16; send the image again"),
    "negative spacing": (change(PixelSpacing=[4.4, -4.6]), {}, "Expected positive pixel spacings"),
    "unknown key": (change(), {"peak": 208}, "Expected only peak_kev, anterior_frame"),
    "a third frame": (change(), {"anterior_frame": 2}, "Expected 0 or 1 for the anterior frame"),
    "negative field of view": (change(ImageType=["ORIGINAL", "PRIMARY", "WHOLE BODY"], ScanVelocity=1), {"field_of_view_mm": -4}, "positive number for the override field_of"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_planar_files_are_refused(tmp_path, case):
    edit, typed, sentence = BROKEN[case]
    path = write_planar_object(tmp_path / "a", stored(pictures()), edit=edit)
    with pytest.raises(DosimetryError, match=sentence) as refusal:
        read_planar_scan(path, typed)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).startswith("Expected")


def test_scan_before_the_administration_and_folder_without_planar_images(tmp_path):
    scan = read_planar_scan(write_planar_object(tmp_path / "a" / "a", stored(pictures()), start_h=-2.0))
    with pytest.raises(DosimetryError, match=r"2\.00 h before it"):
        scan.start_h(ADMINISTRATION)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "text").write_text("nothing")
    with pytest.raises(DosimetryError, match="found none among 1 files"):
        read_planar_folder(tmp_path / "b")


def test_photon_path_of_a_slab():
    """By hand: 240 mm of water with an organ of 48 mm of density 1.05 whose front lies 96 mm deep: 96 + 50.4 + 96 mm of water, middle at 121.2 mm."""
    geometry = ImageGeometry((4, 60, 8), (5.0, 4.0, 5.0))
    hounsfield = np.zeros(geometry.size)
    hounsfield[:, 24:36, 2:5] = 50.0
    mask = hounsfield > 0
    path = photon_path(CtImage("CT", geometry, hounsfield), Region("kidney", geometry, mask), 0.13, mu_uncertainty_per_cm=0.004)
    assert (path.body_mm, path.organ_mm, path.depth_mm) == pytest.approx((242.4, 50.4, 121.2))
    assert path.mu_uncertainty_per_cm == 0.004
    outside = Region("away", replace(geometry, origin_lps_mm=(500.0, 0.0, 0.0)), mask)
    with pytest.raises(DosimetryError, match="received one outside it"):
        photon_path(CtImage("CT", geometry, hounsfield), outside, 0.13)


@pytest.fixture(scope="module")
def hybrid_patient(tmp_path_factory):
    """Planar whole-body DICOM at five times, CT and SPECT DICOM at 24 h, truth."""
    folder, settings = tmp_path_factory.mktemp("hybrid"), PhantomSettings(size="small", motion=False)
    write_scan(folder / "spect", session_of(settings, 1), simulate_scan(settings, 1))
    for hours in planar_protocol()["times_h"]:
        write_planar(folder / "planar" / f"{hours:g}.dcm", simulate_planar_scan(hours, settings), settings)
    grid = planar_geometry("small")
    masks = {
        region.name: np.asarray(region.occupancy).astype(bool).any(axis=1)[::-1] for region in phantom_regions(settings, grid)
    }
    regions = {region.name: region for region in phantom_regions(settings)}
    return read_folder(folder / "spect"), read_planar_folder(folder / "planar"), regions, masks, phantom_truth(settings)


def hybrid_tia(hybrid_patient, name, overlapping, overlap=True):
    """TIA by conjugate views of five planar files and one SPECT file, over the truth."""
    intake, scans, regions, masks, truth = hybrid_patient
    inside, point = masks[name], intake.time_points[0]
    others = np.any([mask for other, mask in masks.items() if other != name], axis=0)
    near = ndimage.binary_dilation(inside, iterations=5) & ~ndimage.binary_dilation(inside, iterations=3)
    background = near & ~ndimage.binary_dilation(others, iterations=2)
    covered = np.any([masks[other] for other in overlapping], axis=0) if overlap else None
    path = photon_path(point.load_ct(), regions[name], planar_protocol()["attenuation_cm2_per_g"])
    points = [
        conjugate_activity(
            scan.anterior, scan.posterior, inside, path, name, scan.start_h(intake.administration.time), "Lu-177",
            background=background, covered=covered, mirror_posterior=False,
        )
        for scan in scans
    ]  # fmt: skip
    curve = planar_curve(points)
    spect = measure_activity(
        point.activity, replace(regions[name], recovery_coefficient=truth.regions[name].recovery_coefficient)
    )
    uncertainties = [max(value, 0.03 * activity) for value, activity in zip(curve.uncertainties, curve.values)]
    hybrid = hybrid_curve(
        curve.times_h,
        curve.values,
        point.start_h,
        spect.activity_mbq,
        planar_uncertainties=uncertainties,
        spect_uncertainties_mbq=0.03 * spect.activity_mbq,
    )
    fit = fit_time_activity(hybrid.times_h, hybrid.activities_mbq, "Lu-177", hybrid.uncertainties_mbq)
    return fit.tia_mbq_h / truth.regions[name].tia_mbq_h


# Largest deviation of the TIA that is accepted; measured with seed 1: kidneys +3.4 and +2.4 %, spleen +0.8 %.
HYBRID = {"kidney_left": ((), 0.05), "kidney_right": (("liver",), 0.05), "spleen": (("kidney_left",), 0.05)}


@pytest.mark.parametrize("name", HYBRID)
def test_hybrid_road_from_dicom_to_time_integrated_activity(hybrid_patient, name):
    """Scatter windows, attenuation from CT, background and overlap, five whole-body files scaled by one SPECT file."""
    overlapping, tolerance = HYBRID[name]
    covered = overlapping or ("spleen",)
    assert hybrid_tia(hybrid_patient, name, covered) == pytest.approx(1.0, abs=tolerance)


def test_hybrid_road_needs_the_overlap_correction(hybrid_patient):
    """The right kidney under the liver: counts of the liver, which clears more slowly, raise its late part."""
    assert hybrid_tia(hybrid_patient, "kidney_right", ("liver",), overlap=False) > 1.08


def test_hybrid_files_hold_what_was_simulated(hybrid_patient, tmp_path):
    scan = hybrid_patient[1][1]
    simulated = simulate_planar_scan(24.0, PhantomSettings(size="small", motion=False))
    np.testing.assert_array_equal(scan.anterior.counts, simulated.counts[0, 0])
    np.testing.assert_array_equal(scan.posterior.lower, simulated.counts[1, 1][:, ::-1])
    assert scan.anterior.counts.shape == (90, 64) != SHAPE
    assert scan.anterior.duration_s == pytest.approx(240, rel=1e-6)
