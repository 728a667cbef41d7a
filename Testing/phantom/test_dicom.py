import hashlib

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.phantom import PhantomSettings, make_phantom, phantom_regions, simulate_scan
from RNTDosimetryLib.phantom.dicom_regions import mask_outlines

LU177_PER_H = get_nuclide("Lu-177").decay_constant_per_h


def headers(series):
    return [pydicom.dcmread(path, stop_before_pixels=True) for path in series.files]


def read_with_gdcm(series):
    return sitk.ReadImage([str(path) for path in series.files], imageIO="GDCMImageIO")


def digests(patient):
    return {
        str(path.relative_to(patient.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(patient.folder.rglob("*"))
        if path.is_file()
    }


def test_same_settings_write_the_same_bytes_and_another_seed_does_not(default_patient, tmp_path):
    again = make_phantom(tmp_path / "again", size="small", seed=7)
    assert digests(again) == digests(default_patient)
    other = simulate_scan(PhantomSettings(size="small", seed=8), 1)
    scan = simulate_scan(PhantomSettings(size="small", seed=7), 1)
    assert not np.array_equal(other.spect_bq_ml, scan.spect_bq_ml)
    assert other.reference_to_scan != scan.reference_to_scan


def test_every_file_is_read_by_pydicom_and_names_a_phantom(default_patient, plain_patient):
    for patient in (default_patient, plain_patient):
        uids = []
        for series in patient.series:
            for dataset in headers(series):
                assert dataset.PatientName == "PHANTOM^ABDOMEN"
                assert dataset.PatientID == "RNT-PHANTOM-7"
                assert dataset.PatientIdentityRemoved == "YES"
                assert (dataset.PatientWeight, dataset.PatientSize, dataset.PatientSex) == (75, 1.75, "O")
                assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
                assert dataset.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
                assert dataset.SOPInstanceUID.is_valid
                uids.append(dataset.SOPInstanceUID)
        assert len(set(uids)) == len(uids) == sum(1 for path in patient.dicom_folder.rglob("*.dcm"))


def test_ct_and_spect_share_a_frame_of_reference_that_no_other_time_point_has(default_patient):
    frames = []
    for ct, nm, scan in zip(default_patient.series_of("CT"), default_patient.series_of("NM"), default_patient.truth.scans):
        found = {dataset.FrameOfReferenceUID for dataset in headers(ct) + headers(nm)}
        assert found == {scan.frame_of_reference_uid}
        frames += found
    assert len(set(frames)) == 4
    seg = headers(default_patient.series_of("SEG")[0])[0]
    assert seg.FrameOfReferenceUID == frames[0]


def test_ct_is_read_by_gdcm_with_its_geometry_and_values(default_patient):
    for index, series in enumerate(default_patient.series_of("CT")):
        scan, image = simulate_scan(default_patient.settings, index), read_with_gdcm(series)
        geometry = scan.ct.geometry
        assert image.GetSize() == geometry.size[::-1]
        np.testing.assert_allclose(image.GetSpacing(), geometry.spacing_mm[::-1], rtol=1e-6)
        np.testing.assert_allclose(image.GetOrigin(), geometry.origin_lps_mm, atol=1e-5)
        np.testing.assert_allclose(image.GetDirection(), np.eye(3).ravel(), atol=1e-9)
        np.testing.assert_allclose(sitk.GetArrayFromImage(image), scan.ct.hounsfield, atol=0.5001)


def test_pt_is_read_by_gdcm_with_its_geometry_and_values(plain_patient):
    for index, series in enumerate(plain_patient.series_of("PT")):
        scan, image = simulate_scan(plain_patient.settings, index), read_with_gdcm(series)
        geometry = scan.spect_geometry
        assert image.GetSize() == geometry.size[::-1]
        np.testing.assert_allclose(image.GetSpacing(), geometry.spacing_mm[::-1], rtol=1e-6)
        np.testing.assert_allclose(image.GetOrigin(), geometry.origin_lps_mm, atol=1e-5)
        # Each slice has its own slope: half a step of its own maximum / 65535.
        steps = scan.spect_bq_ml.max(axis=(1, 2), keepdims=True) / 65535
        assert np.all(np.abs(sitk.GetArrayFromImage(image) - scan.spect_bq_ml) <= 0.51 * steps + 1e-3)


@pytest.mark.parametrize("which", ["default_patient", "plain_patient"])
def test_nm_holds_the_values_and_where_they_lie(which, request):
    patient = request.getfixturevalue(which)
    for index, series in enumerate(patient.series_of("NM")):
        dataset, scan = pydicom.dcmread(series.files[0]), simulate_scan(patient.settings, index)
        if patient.settings.nm_scaling == "RWVM":
            mapping = dataset.RealWorldValueMappingSequence[0]
            assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "Bq/ml"
            slope = mapping.RealWorldValueSlope
            assert "RescaleSlope" not in dataset
            assert "Units" not in dataset
        else:
            slope = float(dataset.RescaleSlope)
            assert dataset.Units == "BQML"
            assert "RealWorldValueMappingSequence" not in dataset
        values = dataset.pixel_array * slope
        assert np.abs(values - scan.spect_bq_ml).max() <= 0.51 / 65535 * scan.spect_bq_ml.max()
        detector = dataset.DetectorInformationSequence[0]
        np.testing.assert_allclose(detector.ImagePositionPatient, scan.spect_geometry.origin_lps_mm, atol=1e-5)
        assert list(detector.ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
        assert dataset.SpacingBetweenSlices == scan.spect_geometry.spacing_mm[0]
        assert list(dataset.SliceVector) == list(range(1, dataset.NumberOfFrames + 1))
        rotation = dataset.RotationInformationSequence[0]
        assert rotation.ActualFrameDuration * rotation.NumberOfFramesInRotation == 1000 * scan.duration_s
        radiopharmaceutical = dataset.RadiopharmaceuticalInformationSequence[0]
        assert radiopharmaceutical.RadionuclideTotalDose == 7400
        assert radiopharmaceutical.RadiopharmaceuticalStartDateTime.startswith("20250310090000")
        assert radiopharmaceutical.RadionuclideHalfLife == pytest.approx(np.log(2) / LU177_PER_H * 3600, rel=1e-6)
        assert radiopharmaceutical.RadionuclideCodeSequence[0].CodeValue == "447553000"


def test_pt_gives_the_administration_in_bq_and_times_in_ms(plain_patient):
    for series, scan in zip(plain_patient.series_of("PT"), plain_patient.truth.scans):
        dataset = headers(series)[0]
        assert dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose == 7.4e9
        assert dataset.ActualFrameDuration == 1000 * scan.duration_s
        # Slow decay: the activity equals its mean just before half of the scan.
        assert 0.499 * dataset.ActualFrameDuration < dataset.FrameReferenceTime < 0.5 * dataset.ActualFrameDuration
        assert (dataset.Units, dataset.DecayCorrection) == ("BQML", "ADMIN")
        assert "DECY" in dataset.CorrectedImage


@pytest.mark.parametrize("dialect", ["NONE", "START", "ADMIN"])
def test_decay_correction_dialects_differ_by_physical_decay_alone(dialect, tmp_path):
    settings = PhantomSettings(size="small", noise=False, decay_correction=dialect)
    scan = simulate_scan(settings, 2)
    plain = simulate_scan(PhantomSettings(size="small", noise=False), 2)
    x = LU177_PER_H * scan.duration_s / 3600
    factor = {"NONE": 1.0, "START": x / (1 - np.exp(-x)), "ADMIN": x / (1 - np.exp(-x)) * np.exp(LU177_PER_H * scan.start_h)}[
        dialect
    ]
    assert scan.decay_factor == pytest.approx(factor, rel=1e-9)
    assert scan.spect_bq_ml.sum(dtype=float) == pytest.approx(factor * plain.spect_bq_ml.sum(dtype=float), rel=1e-6)
    np.testing.assert_allclose(scan.activity_image().concentration_bq_ml, plain.activity_image().concentration_bq_ml, rtol=1e-5)


def test_ct_is_taken_just_before_spect(default_patient):
    for ct, nm, scan in zip(default_patient.series_of("CT"), default_patient.series_of("NM"), default_patient.truth.scans):
        first, second = headers(ct)[0], headers(nm)[0]
        assert first.StudyInstanceUID == second.StudyInstanceUID
        assert second.AcquisitionDate + second.AcquisitionTime == scan.acquisition_start.strftime("%Y%m%d%H%M%S.%f")
        assert float(second.AcquisitionTime) > float(first.AcquisitionTime)


def test_seg_holds_the_masks_bit_by_bit(default_patient):
    dataset = pydicom.dcmread(default_patient.series_of("SEG")[0].files[0])
    ct = {item.SOPInstanceUID: item for item in headers(default_patient.series_of("CT")[0])}
    regions = phantom_regions(default_patient.settings)
    assert [segment.SegmentLabel for segment in dataset.SegmentSequence] == [region.name for region in regions]
    bits = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")
    frames = bits[: dataset.NumberOfFrames * dataset.Rows * dataset.Columns].reshape(-1, dataset.Rows, dataset.Columns)
    masks = {region.name: np.zeros_like(region.occupancy) for region in regions}
    origin, spacing = regions[0].geometry.origin_lps_mm, regions[0].geometry.spacing_mm
    for frame, groups in zip(frames, dataset.PerFrameFunctionalGroupsSequence):
        position = groups.PlanePositionSequence[0].ImagePositionPatient
        source = ct[groups.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID]
        assert source.ImagePositionPatient == position
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        index = round((float(position[2]) - origin[2]) / spacing[0])
        masks[dataset.SegmentSequence[number - 1].SegmentLabel][index] = frame
    for region in regions:
        np.testing.assert_array_equal(masks[region.name], region.occupancy)


def even_odd(points, outlines):
    """Which points (n, 2) lie within an odd number of closed outlines: crossings of a ray to the right."""
    inside = np.zeros(len(points), dtype=bool)
    for outline in outlines:
        for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0)):
            if y0 != y1:
                crosses = (points[:, 1] >= min(y0, y1)) & (points[:, 1] < max(y0, y1))
                inside ^= crosses & (points[:, 0] < x0 + (points[:, 1] - y0) * (x1 - x0) / (y1 - y0))
    return inside


@settings(deadline=None, max_examples=60)
@given(arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.booleans()))
def test_outlines_hold_exactly_the_voxels_of_any_mask(mask):
    points = np.argwhere(np.ones_like(mask))[:, ::-1].astype(float)
    outlines = mask_outlines(mask)
    np.testing.assert_array_equal(even_odd(points, outlines), mask.ravel())
    assert all(len(outline) >= 4 for outline in outlines)


def test_structure_set_holds_the_masks_contour_by_contour(plain_patient):
    dataset = pydicom.dcmread(plain_patient.series_of("RTSTRUCT")[0].files[0])
    ct = {item.SOPInstanceUID: item for item in headers(plain_patient.series_of("CT")[0])}
    regions = phantom_regions(plain_patient.settings)
    assert [item.ROIName for item in dataset.StructureSetROISequence] == [region.name for region in regions]
    for region, contours in zip(regions, dataset.ROIContourSequence):
        if region.name not in ("liver", "lesion_1", "kidney_left"):
            continue
        to_index = np.linalg.inv(region.geometry.index_to_lps)
        by_slice = {}
        for contour in contours.ContourSequence:
            assert contour.ContourGeometricType == "CLOSED_PLANAR"
            points = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
            assert len(points) == contour.NumberOfContourPoints
            source = ct[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
            np.testing.assert_allclose(points[:, 2], source.ImagePositionPatient[2], atol=1e-4)
            index = (np.column_stack([points, np.ones(len(points))]) @ to_index.T)[:, :3]
            by_slice.setdefault(round(index[0, 2]), []).append(index[:, :2])
        depth, height, width = region.geometry.size
        grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(-1, 2).astype(float)
        for k in range(depth):
            np.testing.assert_array_equal(even_odd(grid, by_slice.get(k, [])), region.occupancy[k].ravel() > 0)
