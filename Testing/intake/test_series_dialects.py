"""The same scan in the dialects of known writers gives the same Bq/mL at the same place.

Source of the numbers: the formula of the test, as in test_intake_variants.py; of the quirks: docs/intake.md.
"""

import numpy as np
import pytest
from fixtures.dialect_fixtures import DIALECTS, TYPED, philips_activity_scale, pytheranostics, pytomography_one_file
from fixtures.dicom_fixtures import COARSE_CT, CORONAL, OBLIQUE, ROOT, Grid, Spect, write_ct, write_spect
from intake.test_folder_variants import largest_deviation
from pydicom import dcmread

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake import read_folder


@pytest.mark.parametrize("axes", [CORONAL, OBLIQUE], ids=["coronal", "oblique"])
@pytest.mark.parametrize("name", DIALECTS)
def test_dialect_gives_the_same_concentration(tmp_path, name, axes):
    dialect, value, decay, edit, overrides, warning = DIALECTS[name]
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(dialect=dialect, value=value, decay=decay, grid=Grid(axes=axes), edit=edit))
    intake = read_folder(tmp_path, overrides)
    assert largest_deviation(intake) < 1e-3
    assert not warning or any(warning in text for text in intake.warnings)


def test_sources_of_private_elements_are_in_the_table(tmp_path):
    dialect, value, decay, edit, _, _ = DIALECTS["Philips PET, activity factor"]
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(dialect=dialect, value=value, decay=decay, edit=edit))
    row = next(row for row in read_folder(tmp_path).table if row.what == "slope of stored values")
    assert row.source == "(0028,1053) Rescale Slope x (7053,xx09) private, Philips PET Private Group"
    assert row.unit == "BQML"


def test_vendor_factor_can_be_left_aside(tmp_path):
    # as counts: 0.02 of them stand for 1 Bq/mL, so that 1 MBq in a voxel of 0.21 mL gives 1e6 / 0.21 / 0.02 counts
    dialect, value, decay, edit, _, _ = DIALECTS["Philips PET, activity factor"]
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(dialect=dialect, value=value, decay=decay, edit=edit))
    assert largest_deviation(read_folder(tmp_path, {"value_scale": "rescale", "bq_per_count": 0.02 * 0.21})) < 1e-3


def test_nothing_is_assumed_for_a_file_that_says_nothing(tmp_path):
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(value="rate", edit=pytomography_one_file))
    for missing in TYPED:
        typed = {key: value for key, value in TYPED.items() if key != missing} | {"unit": "CPS", "calibration_cps_per_mbq": 9.3}
        with pytest.raises(DosimetryError, match="type the override"):
            read_folder(tmp_path, typed)
    with pytest.raises(DosimetryError, match="Expected a unit such as BQML"):
        read_folder(tmp_path, TYPED)


def two_mappings(dataset):
    pytheranostics(dataset)
    dataset.RealWorldValueMappingSequence[1].RealWorldValueSlope *= 2


def no_factor(dataset):
    philips_activity_scale(dataset)
    for element in (0x00, 0x09):
        dataset.private_block(0x7053, "Philips PET Private Group")[element].value = "0"


def another_element(dataset):
    pytheranostics(dataset)
    dataset.RadiopharmaceuticalInformationSequence[0].Radiopharmaceutical = "Terbium-PSMA"


def bits(dataset):
    dataset.BitsStored = 12


REFUSED = {
    "mappings for ranges of stored values": ("NM", two_mappings, "received 2 that differ; type the override value_scale"),
    "Philips without a factor": ("PT", no_factor, "received 'CNTS', counts without a calibration"),
    "half-life of another element": ("NM", another_element, "type the override nuclide"),
    "bits that contradict": ("NM", bits, "Expected a High Bit one below Bits Stored"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_doubtful_dialects_are_refused(tmp_path, case):
    dialect, edit, sentence = REFUSED[case]
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(dialect=dialect, decay="START", edit=edit))
    with pytest.raises(DosimetryError, match=sentence):
        read_folder(tmp_path)


@pytest.mark.parametrize("at_the_top", [False, True])
@pytest.mark.parametrize("axes", [CORONAL, OBLIQUE], ids=["coronal", "oblique"])
def test_nm_slices_in_files_of_their_own(tmp_path, axes, at_the_top):
    """One NM object for each slice, its position in the detector item or at the top."""
    grid = Grid(axes=axes)
    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(decay="START", grid=grid))
    whole = dcmread(tmp_path / "nm_1.2.24")
    frames = whole.pixel_array
    for z in np.random.default_rng(2).permutation(grid.size[0]).tolist():
        whole.SOPInstanceUID, whole.NumberOfFrames, whole.InstanceNumber = f"{ROOT}.2.24.{z + 1}", 1, z + 1
        position = [round(float(p), 9) for p in grid.position(z=z)]
        whole.DetectorInformationSequence[0].ImagePositionPatient = position
        if at_the_top:
            whole.ImagePositionPatient, whole.ImageOrientationPatient = (
                position,
                whole.DetectorInformationSequence[0].ImageOrientationPatient,
            )
        whole.PixelData = frames[z].tobytes()
        whole.save_as(tmp_path / f"slice{z}")
    (tmp_path / "nm_1.2.24").unlink()
    assert largest_deviation(read_folder(tmp_path)) < 1e-3


def test_duration_of_one_view_is_doubted(tmp_path):
    def per_view(dataset):
        dataset.ActualFrameDuration = 20_000

    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(dialect="PT", decay="START", edit=per_view))
    assert any("20 s is unusually short for SPECT" in warning for warning in read_folder(tmp_path).warnings)


def test_series_time_stands_for_a_missing_acquisition_time_and_says_so(tmp_path):
    def edit(dataset):
        del dataset.AcquisitionDate, dataset.AcquisitionTime

    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(edit=edit))
    intake = read_folder(tmp_path)
    assert largest_deviation(intake) < 1e-3
    assert any("series date and time were taken" in warning for warning in intake.warnings)


def test_private_date_left_behind_is_doubted_without_a_decay_factor(tmp_path):
    def edit(dataset):
        DIALECTS["Siemens PET, date left behind"][3](dataset)
        del dataset.DecayFactor

    write_ct(tmp_path, COARSE_CT)
    write_spect(tmp_path, Spect(dialect="PT", decay="START", edit=edit))
    assert any("START may mean (0071,xx22) private" in warning for warning in read_folder(tmp_path).warnings)
