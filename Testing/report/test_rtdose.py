"""RT Dose: same dose at the same place in the patient, for us and for other readers."""

from datetime import datetime

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.documents import sha256_of_file
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.report import dicom_reference, read_rtdose, write_rtdose
from RNTDosimetryLib.report.rtdose import right_handed

REFERENCE = {
    "PatientName": "Phantom^Größe", "PatientID": "P1", "StudyInstanceUID": "1.2.3", "FrameOfReferenceUID": "1.2.3.4",
    "SeriesInstanceUID": "1.2.3.5", "SOPInstanceUID": "1.2.3.6", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "StudyDate": "20260105",
}  # fmt: skip


def rotation(a: float, b: float, c: float) -> np.ndarray:
    turns = []
    for (i, j), angle in zip(((0, 1), (0, 2), (1, 2)), (a, b, c)):
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        turns.append(turn)
    return turns[0] @ turns[1] @ turns[2]


DIRECTIONS = {
    "axial": np.eye(3),
    "oblique": rotation(0.2, -0.1, 0.3),
    "left-handed oblique": rotation(0.2, -0.1, 0.3) * [1, 1, -1],
    "feet first": np.diag([1.0, 1.0, -1.0]),
    "coronal": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "sagittal": np.array([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]]),
}


def grid(direction: np.ndarray) -> ImageGeometry:
    return ImageGeometry((5, 7, 9), (4.7952, 2.1, 3.3), (-12.34, 55.5, 1000.25), tuple(map(tuple, direction)))


@pytest.mark.parametrize("name", DIRECTIONS)
def test_every_voxel_keeps_its_dose_and_place_for_us_and_for_simpleitk(tmp_path, name):
    geometry = grid(DIRECTIONS[name])
    dose = np.random.default_rng(0).gamma(1.0, 20.0, geometry.size)
    written = write_rtdose(tmp_path / "dose.dcm", dose, geometry, REFERENCE)
    back = read_rtdose(written.path)
    image = sitk.ReadImage(str(written.path))
    stored = sitk.GetArrayFromImage(image)
    for index in np.ndindex(geometry.size):
        point = (geometry.index_to_lps @ [*index[::-1], 1])[:3]
        ours = np.linalg.inv(back.geometry.index_to_lps) @ [*point, 1]
        np.testing.assert_allclose(ours, np.rint(ours), atol=1e-9)
        ours = tuple(np.rint(ours[:3]).astype(int)[::-1])
        assert abs(back.dose_gy[ours] - dose[index]) < 1e-9 * dose.max()
        theirs = np.array(image.TransformPhysicalPointToContinuousIndex(point.tolist()))
        np.testing.assert_allclose(theirs, np.rint(theirs), atol=1e-9)
        # SimpleITK gives the stored steps of an RT Dose; the header says how many Gy one step is.
        assert stored[tuple(np.rint(theirs).astype(int)[::-1])] * written.dose_grid_scaling_gy == pytest.approx(
            dose[index], abs=1e-9 * dose.max()
        )


@given(st.floats(1e-9, 1e6), st.sampled_from([16, 32]), st.integers(0, 2**31))
@settings(deadline=None, max_examples=25)
def test_quantisation_is_half_a_step(tmp_path_factory, highest, bits, seed):
    geometry = ImageGeometry((2, 3, 5), (1.0, 1.0, 1.0))
    dose = np.random.default_rng(seed).random(geometry.size)
    dose *= highest / dose.max()
    back = read_rtdose(write_rtdose(tmp_path_factory.mktemp("q") / "d.dcm", dose, geometry, REFERENCE, bits=bits).path)
    assert np.abs(back.dose_gy - dose).max() <= highest * (1e-9 if bits == 32 else 0.51 / 65535)


def test_header_says_whose_dose_it_is_and_that_it_is_for_research(tmp_path):
    geometry = grid(DIRECTIONS["oblique"])
    made = datetime(2026, 11, 20, 12, 30)
    written = write_rtdose(
        tmp_path / "d.dcm",
        np.ones(geometry.size),
        geometry,
        REFERENCE,
        "Lu-177 cycle 1",
        "Local deposition, 4 scans.",
        created=made,
    )
    data = pydicom.dcmread(written.path)
    assert (data.PatientName, data.PatientID, data.StudyInstanceUID, data.FrameOfReferenceUID) == (
        "Phantom^Größe", "P1", "1.2.3", "1.2.3.4",
    )  # fmt: skip
    assert data.SeriesInstanceUID not in ("", REFERENCE["SeriesInstanceUID"])
    assert data.SeriesDescription == data.DoseComment == "RESEARCH ONLY Lu-177 cycle 1"
    assert data.DerivationDescription == "RESEARCH ONLY. Radionuclide therapy, Lu-177 cycle 1. Local deposition, 4 scans."
    assert (data.Modality, data.DoseUnits, data.DoseType, data.DoseSummationType) == ("RTDOSE", "GY", "PHYSICAL", "PLAN")
    assert (data.ContentDate, data.ContentTime) == ("20261120", "123000")
    assert data.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.6"
    assert data.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.3.5"
    assert data.FrameIncrementPointer == 0x3004000C
    assert list(data.GridFrameOffsetVector) == pytest.approx([4.7952 * i for i in range(5)], abs=1e-12)
    assert list(data.PixelSpacing) == [2.1, 3.3]
    assert written.warnings == ()


# Type 1 and 2 attributes of the mandatory modules, as the module tables of DICOM PS3.3 are written out in DCMTK (dcmrt/libsrc/drtdose.cc and
# drtplan.cc: Patient, General Study, RT Series, Frame of Reference, General Equipment, SOP Common), and Type 1C whose condition is met.
TYPE_1 = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "Modality",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "SpecificCharacterSet",
)
TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber",
    "SeriesNumber", "OperatorsName", "Manufacturer", "PositionReferenceIndicator",
)  # fmt: skip
DOSE_TYPE_1 = (
    "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData", "NumberOfFrames", "FrameIncrementPointer", "DoseUnits", "DoseType",
    "DoseSummationType", "ReferencedRTPlanSequence", "GridFrameOffsetVector", "DoseGridScaling",
)  # fmt: skip
DOSE_TYPE_2 = ("InstanceNumber", "SliceThickness", "ContentDate", "ContentTime")
PLAN_TYPE_1 = ("RTPlanLabel", "RTPlanGeometry", "ApprovalStatus")
PLAN_TYPE_2 = ("RTPlanDate", "RTPlanTime")


@pytest.mark.parametrize("reference", [REFERENCE, {}])
@pytest.mark.parametrize("summation", ["PLAN", "MULTI_PLAN", "FRACTION"])
def test_dose_and_the_plan_it_names_have_all_that_the_standard_demands(tmp_path, reference, summation):
    geometry = grid(DIRECTIONS["oblique"])
    dose = np.random.default_rng(4).random(geometry.size)
    written = write_rtdose(
        tmp_path / "dose.dcm", dose, geometry, reference, "Lu-177", summation_type=summation, plan_path=tmp_path / "plan.dcm"
    )
    data, plan = pydicom.dcmread(written.path), pydicom.dcmread(written.plan_path)
    for item, first, second in ((data, DOSE_TYPE_1, DOSE_TYPE_2), (plan, PLAN_TYPE_1, PLAN_TYPE_2)):
        assert [name for name in (*TYPE_1, *first) if name not in item or item[name].is_empty] == []
        assert [name for name in (*TYPE_2, *second) if name not in item] == []
        assert item.file_meta.MediaStorageSOPInstanceUID == item.SOPInstanceUID
    # PS3.3 C.8.8.9: TREATMENT_DEVICE where no structure set exists; PATIENT would demand one.
    assert (plan.Modality, plan.RTPlanGeometry, plan.PlanIntent, plan.ApprovalStatus) == (
        "RTPLAN",
        "TREATMENT_DEVICE",
        "RESEARCH",
        "UNAPPROVED",
    )
    assert plan.RTPlanLabel == "RESEARCH ONLY"
    assert all(text.startswith("RESEARCH ONLY") for text in (plan.RTPlanName, plan.RTPlanDescription, plan.SeriesDescription))
    assert "BeamSequence" not in plan
    assert (data.ReferencedRTPlanSequence[0].ReferencedSOPClassUID, data.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID) == (
        plan.SOPClassUID, plan.SOPInstanceUID,
    )  # fmt: skip
    assert plan.ReferencedDoseSequence[0].ReferencedSOPInstanceUID == data.SOPInstanceUID
    for name in ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert plan[name].value == data[name].value
    assert plan.SeriesInstanceUID != data.SeriesInstanceUID
    assert np.abs(read_rtdose(written.path).dose_gy - dose).max() <= 1e-9 * dose.max()


def test_without_a_plan_the_dose_still_has_its_reference(tmp_path):
    geometry = grid(DIRECTIONS["axial"])
    written = write_rtdose(tmp_path / "d.dcm", np.ones(geometry.size), geometry, REFERENCE, uid_seed="s")
    beside = write_rtdose(
        tmp_path / "e.dcm", np.ones(geometry.size), geometry, REFERENCE, uid_seed="s", plan_path=tmp_path / "p.dcm"
    )
    assert written.plan_path is None
    first, second = (
        pydicom.dcmread(item.path).ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID for item in (written, beside)
    )
    assert first == second == pydicom.dcmread(beside.plan_path).SOPInstanceUID


def test_decimal_strings_fit_into_sixteen_characters(tmp_path):
    geometry = ImageGeometry((3, 2, 2), (1 / 3, 2 / 3, 0.7), (-1000 / 3, 1 / 7, 1e-7), tuple(map(tuple, DIRECTIONS["oblique"])))
    data = pydicom.dcmread(write_rtdose(tmp_path / "d.dcm", np.full(geometry.size, 1 / 3), geometry, REFERENCE).path)
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "GridFrameOffsetVector", "DoseGridScaling"):
        values = data[name].value
        values = values if isinstance(values, pydicom.multival.MultiValue) else [values]
        assert all(len(str(value)) <= 16 for value in values)


def test_a_seed_makes_the_file_repeatable(tmp_path):
    geometry = grid(DIRECTIONS["axial"])
    made = datetime(2026, 11, 20)

    def write(name, seed):
        return write_rtdose(tmp_path / name, np.ones(geometry.size), geometry, REFERENCE, uid_seed=seed, created=made)

    first, second, other = write("a", "one"), write("b", "one"), write("c", "two")
    assert sha256_of_file(first.path) == sha256_of_file(second.path)
    assert first.sop_instance_uid != other.sop_instance_uid
    assert len(first.sop_instance_uid) <= 64


def test_missing_identifiers_are_made_and_said(tmp_path):
    geometry = grid(DIRECTIONS["axial"])
    written = write_rtdose(tmp_path / "d.dcm", np.ones(geometry.size), geometry, {})
    assert [("StudyInstanceUID" in w, "FrameOfReferenceUID" in w) for w in written.warnings] == [(True, False), (False, True)]
    assert read_rtdose(written.path).study_instance_uid.startswith("2.25.")


def test_reference_comes_from_a_dicom_file(tmp_path):
    geometry = grid(DIRECTIONS["axial"])
    path = write_rtdose(tmp_path / "a.dcm", np.ones(geometry.size), geometry, REFERENCE).path
    reference = dicom_reference(path)
    assert reference["PatientName"] == "Phantom^Größe"
    assert reference["FrameOfReferenceUID"] == "1.2.3.4"
    (tmp_path / "text.txt").write_text("no DICOM")
    with pytest.raises(DosimetryError, match="Expected a DICOM file for the reference"):
        dicom_reference(tmp_path / "text.txt")


def test_noise_below_zero_is_cleared_and_negative_dose_is_refused(tmp_path):
    geometry = grid(DIRECTIONS["axial"])
    dose = np.ones(geometry.size)
    dose[0, 0, 0] = -1e-9
    assert read_rtdose(write_rtdose(tmp_path / "d.dcm", dose, geometry, REFERENCE).path).dose_gy[0, 0, 0] == 0
    dose[0, 0, 0] = -0.1
    with pytest.raises(DosimetryError, match=r"Expected absorbed dose of zero or more, received -0\.1 Gy"):
        write_rtdose(tmp_path / "e.dcm", dose, geometry, REFERENCE)
    dose[0, 0, 0] = np.nan
    with pytest.raises(DosimetryError, match="Expected finite numbers in the dose map"):
        write_rtdose(tmp_path / "e.dcm", dose, geometry, REFERENCE)
    assert [item.name for item in tmp_path.iterdir()] == ["d.dcm"]


def test_a_dose_of_zero_everywhere_is_written(tmp_path):
    geometry = grid(DIRECTIONS["axial"])
    for dose in (np.zeros(geometry.size), np.full(geometry.size, 1e-320), np.zeros(geometry.size, dtype=np.float32)):
        assert not read_rtdose(write_rtdose(tmp_path / "d.dcm", dose, geometry, REFERENCE).path).dose_gy.any()


def _changed(tmp_path, **changes):
    geometry = grid(DIRECTIONS["oblique"])
    path = write_rtdose(tmp_path / "d.dcm", np.arange(315.0).reshape(geometry.size), geometry, REFERENCE).path
    data = pydicom.dcmread(path)
    for name, value in changes.items():
        setattr(data, name, value)
    data.save_as(path)
    return path


def test_absolute_and_falling_offsets_are_read(tmp_path):
    normal = DIRECTIONS["oblique"][:, 2]
    falling = read_rtdose(_changed(tmp_path, GridFrameOffsetVector=[1000 - 4.7952 * i for i in range(5)]))
    np.testing.assert_allclose(np.asarray(falling.geometry.direction)[:, 2], -normal, atol=1e-9)
    assert falling.geometry.spacing_mm[0] == pytest.approx(4.7952)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"DoseUnits": "RELATIVE"}, "Expected dose in GY with a grid scaling, received 'RELATIVE'"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "Expected an RT Dose object"),
        ({"GridFrameOffsetVector": [0, 1, 2, 3, 5]}, "Expected one offset for each of 5 evenly spaced frames"),
        ({"GridFrameOffsetVector": [0, 1]}, "Expected one offset for each of 5 evenly spaced frames"),
        (
            {"ImageOrientationPatient": None},
            r"Expected the place of the dose grid in d\.dcm, received no ImageOrientationPatient",
        ),
        ({"PixelData": b"\0\0"}, "Expected pixels that can be decoded"),
    ],
)
def test_other_objects_are_refused(tmp_path, changes, message):
    with pytest.raises(DosimetryError, match=message):
        read_rtdose(_changed(tmp_path, **changes))


def test_bits_and_file_kind_are_checked(tmp_path):
    geometry = grid(DIRECTIONS["axial"])
    with pytest.raises(DosimetryError, match="Expected 16 or 32 bits"):
        write_rtdose(tmp_path / "d.dcm", np.ones(geometry.size), geometry, REFERENCE, bits=8)
    with pytest.raises(DosimetryError, match="Expected one of PLAN, MULTI_PLAN, FRACTION as dose summation type, received 'SUM'"):
        write_rtdose(tmp_path / "d.dcm", np.ones(geometry.size), geometry, REFERENCE, summation_type="SUM")
    (tmp_path / "text.txt").write_text("no DICOM")
    with pytest.raises(DosimetryError, match="Expected a readable DICOM file"):
        read_rtdose(tmp_path / "text.txt")


def test_turning_a_left_handed_grid_twice_changes_nothing_more():
    geometry = grid(DIRECTIONS["feet first"])
    array, turned = right_handed(np.arange(315).reshape(geometry.size), geometry)
    assert np.linalg.det(turned.direction) == pytest.approx(1.0)
    again, same = right_handed(array, turned)
    assert same == turned
    np.testing.assert_array_equal(again, array)
