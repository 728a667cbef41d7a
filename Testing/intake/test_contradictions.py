"""Headers that contradict themselves or say what a reader must not pass over: refused, set aside or said, with file and field.

The words are the outside truth here, and the concentration that the fixtures were written from.
"""

import numpy as np
import pytest
from fixtures.dicom_fixtures import COARSE_CT, Grid, Spect, true_concentration, write_ct, write_spect
from pydicom.dataset import Dataset

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake import read_folder

SMALL = Grid(size=(6, 7, 8), spacing=(14.0, 10.0, 12.0))
PT, NM = {"dialect": "PT", "decay": "START"}, {}
SUV = {"value": "suv", "decay": "START"}


def setting(**values):
    def edit(dataset):
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return edit


def injection(**values):
    return lambda dataset: setting(**values)(dataset.RadiopharmaceuticalInformationSequence[0])


def write(folder, how, edit):
    write_ct(folder, COARSE_CT)
    write_spect(folder, Spect(**{"grid": SMALL, "edit": edit, **how}))
    return folder


def ratio(intake):
    return float(np.median(intake.time_points[0].activity.concentration_bq_ml / true_concentration(SMALL.points(), 24.0)))


def three_frames(dataset):
    dataset.NumberOfFrames, dataset.PixelData = 3, dataset.PixelData * 3


def table_of_values(dataset):
    item = Dataset()
    item.LUTDescriptor, item.ModalityLUTType, item.LUTData = [256, 0, 16], "US", bytes(512)
    dataset.ModalityLUTSequence = [item]


def lean(dataset):
    setting(SUVType="LBMJAMES128", PatientSex="M", PatientSize=170)(dataset)  # cm, where DICOM has m


REFUSED = {
    "several frames in an object of one": (PT, three_frames, r"none among PT .*\(3 frames in an object of one frame"),
    "a table for the values": (PT, table_of_values, r"\(0028,3000\) Modality LUT Sequence, in pt_1\.2\.24_000"),
    "a table for the values of NM": (NM, table_of_values, r"\(0028,3000\) Modality LUT Sequence, in nm_1\.2\.24"),
    "fewer frames counted than there are": (NM, setting(NumberOfFrames=3), r"336 bytes of \(7FE0,0010\) Pixel Data for 3 frames in .*nm_1\.2\.24, received 672"),
    "twice the pixels": (PT, lambda d: setattr(d, "PixelData", d.PixelData * 2), r"112 bytes .* for 1 frames in .*pt_1\.2\.24_000, received 224"),
    "pixels without size": (NM, setting(PixelSpacing=[0, 0]), r"positive Pixel Spacing in NM"),
    "pixels of negative size": (PT, setting(PixelSpacing=[-10, 12]), r"positive Pixel Spacing .* in pt_1\.2\.24_000"),
    "no rows": (PT, setting(Rows=0), r"Rows and Columns of at least 1 .* in pt_1\.2\.24_000"),
    "a standard deviation": (PT, setting(ImageType=["DERIVED", "SECONDARY", "STD_DEVIATION"]), r"a calculated image, a standard deviation"),
    "a difference": (PT, setting(ImageType=["DERIVED", "SECONDARY", "SUBTRACTION"]), r"a calculated image, a difference"),
    "transmission": (NM, setting(ImageType=["DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION"]), r"a transmission image"),
    "a reprojection": (PT, setting(SeriesType=["WHOLE BODY", "REPROJECTION"]), r"a reprojection"),
    "uptake by a height in cm": (SUV, lean, r"patient's height for SUV.*patient_height_m"),
    "uptake by a weight in g": (SUV, setting(PatientWeight=70000), r"patient's weight for SUV.*patient_weight_kg"),
    "hour 24": (PT, setting(AcquisitionTime="240000"), r"Acquisition Time, received '20240305 240000'"),
    "half-life of nothing": (PT, injection(RadionuclideHalfLife=0), r"received 0 s in PT"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_by_file_and_field(tmp_path, case):
    how, edit, words = REFUSED[case]
    with pytest.raises(DosimetryError, match=words):
        read_folder(write(tmp_path, how, edit))


SAID = {
    "two starts": (PT, setting(AcquisitionDateTime="20240305140000"), ("(0008,002A)", "20240305140000", "20240305100000", "acquisition_start")),
    "two times of administration": (PT, injection(RadiopharmaceuticalStartTime="140000"), ("(0018,1072)", "140000", "administration_time")),
    "slices closer than thick": (NM, setting(SpacingBetweenSlices=7.0), ("7 mm apart", "Slice Thickness is 14 mm")),
    "slices thinner than apart": (NM, setting(SliceThickness=7.0), ("14 mm apart", "Slice Thickness is 7 mm")),
    "an intercept": (PT, setting(RescaleIntercept=-1000), ("Rescale Intercept is -1000",)),
    "values below zero": (PT, setting(PixelRepresentation=1), ("voxels below zero",)),
    "a gate alone": (PT, setting(SeriesType=["GATED", "IMAGE"]), ("gated acquisition",)),
    "lossy compression": (PT, setting(LossyImageCompression="01"), ("compress",)),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_what_is_doubtful_is_said(tmp_path, case):
    how, edit, words = SAID[case]
    warnings = read_folder(write(tmp_path, how, edit)).warnings
    assert [text for text in warnings if all(word in text for word in words)], warnings


QUIET = {
    "the same start twice": (PT, setting(AcquisitionDateTime="20240305100000.000")),
    "the same start with a zone": (PT, setting(AcquisitionDateTime="20240305100000+0100", TimezoneOffsetFromUTC="+0100")),
    "the same administration twice": (PT, injection(RadiopharmaceuticalStartTime="100000.00")),
    "an empty time": (PT, injection(RadiopharmaceuticalStartTime="")),
    "corrections in one text": (PT, setting(CorrectedImage="DECY,ATTN,SCAT")),
    "colors the other way round": (PT, setting(PhotometricInterpretation="MONOCHROME1")),
    "a dynamic series of one frame": (PT, setting(SeriesType=["DYNAMIC", "IMAGE"])),
    "one frame, said": (PT, setting(NumberOfFrames=1)),
    "a byte of padding": (PT, lambda d: setattr(d, "PixelData", d.PixelData + bytes(2))),
}


@pytest.mark.parametrize("case", QUIET)
def test_what_is_sound_is_no_alarm(tmp_path, case):
    how, edit = QUIET[case]
    intake = read_folder(write(tmp_path, how, edit))
    assert ratio(intake) == pytest.approx(1, abs=1e-3)
    assert intake.warnings == ()


@pytest.mark.parametrize("edit", [lambda d, z: table_of_values(d), lambda d, z: three_frames(d)])
def test_a_ct_whose_values_or_frames_are_not_plain_is_not_used(tmp_path, edit):
    write_ct(tmp_path, COARSE_CT, edit=edit)
    write_spect(tmp_path, Spect(grid=SMALL))
    try:
        warnings = read_folder(tmp_path).warnings
    except DosimetryError as refusal:
        warnings = (str(refusal),)
    assert [text for text in warnings if "Modality LUT" in text or "frames in an object of one frame" in text]
