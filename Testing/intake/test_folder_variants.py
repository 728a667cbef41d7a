"""Every way of writing the same SPECT gives the same Bq/mL at the same place.

Source of the numbers: the true concentration is a formula of the test; the files are encoded from it by DICOM PS3.3 as
written out in dicom_fixtures.py (Decay Correction C.8.9.1, Spacing Between Slices C.8.4.15, real-world values C.7.6.16.2.11).
"""

import itertools
from datetime import timedelta

import numpy as np
import pytest
from fixtures.dicom_fixtures import (
    ADMINISTRATION,
    AXIAL,
    COARSE_CT,
    CORONAL,
    CT_GRID,
    DECAY_PER_S,
    OBLIQUE,
    Grid,
    Spect,
    true_concentration,
    write_ct,
    write_enhanced_ct,
    write_spect,
)

from RNTDosimetryLib.intake import read_folder
from RNTDosimetryLib.nuclides import get_nuclide

ORIENTATIONS = {"axial": AXIAL, "coronal": CORONAL, "oblique": OBLIQUE}
ORDERS = ("ascending", "descending", "shuffled")
VALUES = ("rescale", "mapping", "kbq", "counts", "rate")
DECAYS = ("NONE", "START", "ADMIN")


def variants():
    """54 of the 270 combinations, spread so that every choice occurs."""
    everything = itertools.product(("NM", "PT"), VALUES, DECAYS, ORIENTATIONS, ORDERS)
    return [choice for number, choice in enumerate(everything) if number % 5 == 2]


def largest_deviation(intake, start_h=24.0):
    """Largest relative deviation from the truth at the LPS positions that the library gives its voxels."""
    image = intake.time_points[0].activity
    z, y, x = np.meshgrid(*(np.arange(n) for n in image.geometry.size), indexing="ij")
    index = np.stack([x, y, z, np.ones_like(x)], axis=-1)
    points = (index @ image.geometry.index_to_lps.T)[..., :3]
    truth = true_concentration(points, start_h)
    return float(np.abs(image.concentration_bq_ml / truth - 1)[truth > 0.1 * truth.max()].max())


@pytest.mark.parametrize(("dialect", "value", "decay", "orientation", "order"), variants())
def test_every_variant_gives_the_same_concentration(tmp_path, dialect, value, decay, orientation, order):
    grid = Grid(axes=ORIENTATIONS[orientation])
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(dialect=dialect, value=value, decay=decay, grid=grid, order=order))
    overrides = {"calibration_cps_per_mbq": 9.3} if value in ("counts", "rate") else {}
    intake = read_folder(tmp_path, overrides)
    assert largest_deviation(intake) < 1e-3
    assert intake.time_points[0].start_h == pytest.approx(24.0)
    assert np.linalg.det(intake.time_points[0].activity.geometry.direction) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize(("orientation", "order"), [("axial", "shuffled"), ("oblique", "descending"), ("coronal", "ascending")])
def test_enhanced_pet_gives_the_same_concentration(tmp_path, decay, orientation, order):
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(dialect="ENHANCED", decay=decay, grid=Grid(axes=ORIENTATIONS[orientation]), order=order))
    intake = read_folder(tmp_path)
    assert largest_deviation(intake) < 1e-3
    assert intake.time_points[0].duration_s == pytest.approx(1200)
    assert intake.administration.injected_activity_mbq == pytest.approx(7400)


@pytest.mark.parametrize("decay", DECAYS)
def test_parametric_map_with_typed_administration_gives_the_same_concentration(tmp_path, decay):
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(dialect="MAP", decay=decay, grid=Grid(axes=OBLIQUE), order="descending"))
    typed = {"nuclide": "Lu-177", "administration_time": ADMINISTRATION, "injected_activity_mbq": 7400, "decay_correction": decay}
    assert largest_deviation(read_folder(tmp_path, {**typed, "duration_s": 1200})) < 1e-3


@pytest.mark.parametrize("decay", ["START", "ADMIN"])
@pytest.mark.parametrize("dialect", ["NM", "PT"])
def test_standardized_uptake_values_by_weight_are_turned_back(tmp_path, dialect, decay):
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(dialect=dialect, value="suv", decay=decay))
    intake = read_folder(tmp_path)
    assert largest_deviation(intake) < 1e-3
    assert any("values are SUV" in warning for warning in intake.warnings)


@pytest.mark.parametrize(
    ("suv_type", "sex", "size"),
    [
        # worked by hand for 70 kg and 1.75 m: Janmahasatian 9270 x 70 / (6680 + 216 x 22.857) = 55.857 kg (M), 9270 x 70 / (8780 + 244 x 22.857) = 45.197 kg (F);
        # James 1.10 x 70 - 128 (70/175)2 = 56.52 kg, 1.07 x 70 - 148 (70/175)2 = 51.22 kg; DuBois 0.007184 x 70^0.425 x 175^0.725 = 1.848 m2
        ("LBMJANMA", "M", 55857.1),
        ("LBMJANMA", "F", 45197.0),
        ("LBMJAMES128", "M", 56520.0),
        ("LBMJAMES128", "F", 51220.0),
        ("BSA", "O", 18481.0),
    ],
)
def test_standardized_uptake_values_by_other_sizes(tmp_path, suv_type, sex, size):
    def edit(dataset):  # the fixture divides by activity over 70 kg
        dataset.Units, dataset.SUVType = ("CM2ML" if suv_type == "BSA" else "GML"), suv_type
        dataset.PatientSize, dataset.PatientSex = 1.75, sex
        dataset.RescaleSlope = f"{float(dataset.RescaleSlope) * size / 70e3:.10g}"

    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(dialect="PT", value="suv", decay="ADMIN", edit=edit))
    assert largest_deviation(read_folder(tmp_path)) < 1e-3


def test_dynamic_series_becomes_time_points(tmp_path):
    write_ct(tmp_path, COARSE_CT)
    for number, hours in enumerate((24.0, 24.5, 25.0)):

        def edit(dataset, number=number):
            dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.10.1.2.700"
            dataset.SOPInstanceUID = f"{dataset.SOPInstanceUID}.{number}"

        write_spect(tmp_path / str(number), Spect(dialect="PT", start_h=hours, edit=edit))
    intake = read_folder(tmp_path)
    assert [point.start_h for point in intake.time_points] == pytest.approx([24, 24.5, 25])
    for point in intake.time_points:
        truth = true_concentration(Grid().points(), point.start_h)
        assert point.activity.concentration_bq_ml.max() == pytest.approx(truth.max(), rel=1e-3)


def test_ct_in_one_file_and_ct_in_slices_are_the_same(tmp_path):
    hounsfield = np.random.default_rng(8).integers(-1000, 1500, CT_GRID.size)
    for folder, write in ((tmp_path / "one", write_enhanced_ct), (tmp_path / "slices", write_ct)):
        write(folder, hounsfield=hounsfield)
        write_spect(folder, Spect())
        intake = read_folder(folder)
        assert np.array_equal(intake.time_points[0].load_ct().hounsfield, hounsfield)
        np.testing.assert_allclose(intake.time_points[0].ct.geometry.origin_lps_mm, CT_GRID.position(), atol=1e-6)


@pytest.mark.parametrize("compressor", ["JPEG2000", "JPEG"])
def test_lossless_compressed_ct_is_read(tmp_path, compressor):
    # compressed here by GDCM through SimpleITK; the values must come back as they were
    import SimpleITK as sitk
    from pydicom import dcmread

    grid = Grid(size=(3, 28, 28), spacing=(40.0, 4.0, 4.0))
    hounsfield = np.random.default_rng(8).integers(-1000, 1500, grid.size)
    write_ct(tmp_path, grid, hounsfield=hounsfield)
    write_spect(tmp_path, Spect())
    for path in tmp_path.glob("ct_*.dcm"):
        original = dcmread(path)
        writer = sitk.ImageFileWriter()
        writer.SetFileName(str(path))
        writer.UseCompressionOn()
        writer.SetCompressor(compressor)
        writer.Execute(sitk.GetImageFromArray(original.pixel_array[np.newaxis]))
        compressed = dcmread(path)
        for keyword in ("PixelData", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
            setattr(original, keyword, getattr(compressed, keyword))
        original.file_meta.TransferSyntaxUID = compressed.file_meta.TransferSyntaxUID
        original["PixelData"].is_undefined_length = True
        assert original.file_meta.TransferSyntaxUID.is_compressed
        original.save_as(path)
    intake = read_folder(tmp_path)
    assert np.array_equal(intake.time_points[0].load_ct().hounsfield, hounsfield)


def test_variants_cover_what_they_say():
    assert len(variants()) >= 24
    for column, choices in enumerate((("NM", "PT"), VALUES, DECAYS, ORIENTATIONS, ORDERS)):
        assert {choice[column] for choice in variants()} == set(choices)


def test_counts_with_a_factor_in_bq_per_count(tmp_path):
    # 1 count in 1200 s at 9.3 cps/MBq stands for 1e6 / (9.3 * 1200) Bq
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(value="counts"))
    intake = read_folder(tmp_path, {"bq_per_count": 1e6 / (9.3 * 1200)})
    assert largest_deviation(intake) < 1e-3


def test_slices_taken_one_after_the_other_are_brought_to_one_start(tmp_path):
    # without decay correction each bed position holds its own moment; 18F, so that a mistake would show
    constant = get_nuclide("F-18").decay_constant_per_h / 3600

    def edit(dataset):
        bed = (dataset.InstanceNumber - 1) // 4
        moment = ADMINISTRATION + timedelta(hours=2, minutes=20 * bed)
        dataset.AcquisitionDate, dataset.AcquisitionTime = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
        dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideCodeSequence[0].CodeValue = "77004003"
        dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideHalfLife = f"{np.log(2) / constant:.10g}"
        dataset.RescaleSlope = f"{float(dataset.RescaleSlope) * np.exp(-constant * 1200 * bed):.10g}"

    write_ct(tmp_path, COARSE_CT, start_h=2.0)
    write_spect(tmp_path, Spect(dialect="PT", start_h=2.0, decay_per_s=constant, edit=edit))
    intake = read_folder(tmp_path)
    assert largest_deviation(intake, start_h=2.0) < 1e-3


def test_scan_after_midnight_and_in_another_time_zone(tmp_path):
    # administration 10:00 +0100; scan next day 08:30 written as 09:30 +0200: 23.5 - 1 = 22.5 h
    def edit(dataset):
        dataset.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartDateTime = "20240304100000+0100"
        dataset.AcquisitionDate, dataset.AcquisitionTime, dataset.TimezoneOffsetFromUTC = "20240305", "093000", "+0200"

    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(edit=edit))
    assert read_folder(tmp_path).time_points[0].start_h == pytest.approx(22.5)


def test_start_means_the_series_time_when_the_decay_factor_says_so(tmp_path):
    # series time 3 h before the acquisition; the stored factor exp(lambda 3 h) fits only the series time
    def edit(dataset):
        dataset.SeriesDate, dataset.SeriesTime = "20240305", "070000"
        dataset.DecayFactor = f"{np.exp(DECAY_PER_S * 3 * 3600):.8g}"
        dataset.RescaleSlope = f"{float(dataset.RescaleSlope) * np.exp(DECAY_PER_S * 3 * 3600):.10g}"

    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(dialect="PT", decay="START", edit=edit))
    assert largest_deviation(read_folder(tmp_path)) < 1e-3


def test_start_means_the_acquisition_when_the_series_time_is_that_of_processing(tmp_path):
    def edit(dataset):
        dataset.SeriesDate, dataset.SeriesTime = "20240309", "070000"

    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(decay="START", edit=edit))
    intake = read_folder(tmp_path)
    assert largest_deviation(intake) < 1e-3
    assert any("START may mean" in warning for warning in intake.warnings)


@pytest.mark.parametrize(
    ("edit", "source"),
    [
        (lambda d: d.__setattr__("ImageComments", "EM, acquisition duration: 1200000 ms"), "(0020,4000)"),
        (lambda d: d.__setattr__("AcquisitionDuration", 1200.0), "(0018,9073)"),
        (lambda d: d.private_block(0x0055, "PMOD_1", create=True).add_new(0x04, "FD", 1200000.0), "(0055,xx04)"),
    ],
)
def test_duration_hidden_in_other_places(tmp_path, edit, source):
    def change(dataset):
        del dataset.RotationInformationSequence
        edit(dataset)

    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(edit=change))
    intake = read_folder(tmp_path)
    assert intake.time_points[0].duration_s == pytest.approx(1200.0)
    assert any(row.what == "acquisition duration" and row.source.startswith(source) for row in intake.table)
    assert largest_deviation(intake) < 1e-3


@pytest.mark.parametrize(
    ("meaning", "name"),
    [
        ("^177^Lutetium", "Lu-177"),
        ("Lu-177", "Lu-177"),
        ("177Lu-DOTATATE", "Lu-177"),
        ("Lutetium 177", "Lu-177"),
        ("99mTc MAA", "Tc-99m"),
        ("Y90 microspheres", "Y-90"),
        ("I-131", "I-131"),
        ("C-162A7", "Y-90"),
        ("iodine", None),
        ("", None),
    ],
)
def test_nuclide_names_met_in_files(meaning, name):
    from RNTDosimetryLib.intake.units import nuclide_from_text

    assert nuclide_from_text(meaning) == name
