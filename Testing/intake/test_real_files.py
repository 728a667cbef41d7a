"""Files of real scanners and clinical software: each folder's expected values (case.json) hold.

The files are other people's and not part of the project: they are looked for in RNT_REAL_FILES, else in ../shared/real beside the clone.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from fixtures.dicom_fixtures import Grid, Spect, write_spect

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.intake import read_folder
from RNTDosimetryLib.intake.ignored import Ignored
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.records import Series
from RNTDosimetryLib.intake.regions import place_regions
from RNTDosimetryLib.intake.series import scan_folder
from RNTDosimetryLib.intake.voxels import load_ct_files, nm_grid, slices_grid

REAL = Path(os.environ.get("RNT_REAL_FILES") or Path(__file__).resolve().parents[3] / "shared" / "real")

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason=f"the real files are not there ({REAL}; set RNT_REAL_FILES)")


def expected(name):
    return json.loads((REAL / name / "case.json").read_text())["expected"]


def linked(tmp_path, name, part="."):
    """A folder of the test's own with links to the files of a case."""
    for path in sorted((REAL / name / "files" / part).rglob("*")):
        if path.is_file():
            target = tmp_path / path.relative_to(REAL / name / "files")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path)
    return tmp_path


def with_spect(tmp_path, name, part="."):
    """The case with a small SPECT in the frame of reference of its CT, so that its regions belong to a scan."""
    folder = linked(tmp_path, name, part)
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in folder.rglob("*") if path.is_file()]
    cts = [header for header in headers if header.Modality == "CT"]
    corners = np.array([header.ImagePositionPatient for header in cts], dtype=float)
    side, height = float(cts[0].PixelSpacing[0]) * (int(cts[0].Rows) - 1), max(float(np.ptp(corners[:, 2])), 50.0)
    center = (corners.min(axis=0) + corners.max(axis=0) + [side, side, 0]) / 2
    grid = Grid(size=(10, 10, 10), spacing=(height / 8, side / 8, side / 8), center=tuple(center))
    write_spect(folder / "spect", Spect(frame=str(cts[0].FrameOfReferenceUID), patient=str(cts[0].PatientID), grid=grid))
    return folder


def volumes(points):
    return {region.name: region.volume_ml for point in points for region in point.regions}


def place(name, part, point):
    """(regions of a case on one time point, warnings)."""
    found = scan_folder(REAL / name / "files" / part).series
    ledger = Ledger(None)
    return place_regions([point], found, [point.ct], found, Ignored.of(ledger, REAL / name), ledger), ledger.warnings


def check_grid(geometry, size, spacing, first):
    assert geometry.size == tuple(size)
    assert geometry.spacing_mm == pytest.approx(spacing, abs=1e-5)
    assert geometry.origin_lps_mm == pytest.approx(first, abs=2e-3)


LUTETIUM = "lu177_spect_scan1_siemens_xspect_pt_mim_rtstruct"


@pytest.fixture(scope="module")
def lutetium():
    return read_folder(REAL / LUTETIUM / "files", overrides={"decay_correction": "START"})


def test_lesions_drawn_on_a_spect_without_a_ct(lutetium):
    values = expected(LUTETIUM)
    image = values["image"]
    check_grid(lutetium.time_points[0].activity.geometry, image["size_zyx"], image["spacing_zyx"], image["first_voxel_lps"])
    assert lutetium.time_points[0].ct is None
    assert volumes(lutetium.time_points) == pytest.approx(values["regions_ml_by_polygon"], rel=1e-3)
    assert {region.kind for region in lutetium.regions} == {"lesion"}
    assert all(region.geometry == lutetium.time_points[0].activity.geometry for region in lutetium.regions)


@pytest.mark.parametrize("slice_mm", [1.0, 2.0, 3.0, 5.0])
@pytest.mark.parametrize("own_frame", [True, False])
def test_they_hold_the_same_beside_a_ct_of_any_slices(lutetium, slice_mm, own_frame):
    (point,) = lutetium.time_points
    size = (int(389 / slice_mm), 500, 500)
    grid = ImageGeometry(size, (slice_mm, 1.0, 1.0), (-249.3, -410.4, 1157.2))
    frame = "1.2.826.0.1.3680043.10.1.77" if own_frame else point.frame_of_reference_uid
    ct = Series("1.2.826.0.1.3680043.10.1.78", "CT", "CT", (), grid, frame)
    placed, warnings = place(LUTETIUM, "rtstruct", replace(point, ct=ct, regions=()))
    assert volumes(placed.points) == pytest.approx(expected(LUTETIUM)["regions_ml_by_polygon"], rel=2e-3)
    assert all(region.geometry == point.activity.geometry for region in placed.points[0].regions)
    assert any("another frame of reference than its CT" in text for text in warnings) == own_frame


@pytest.mark.parametrize("slice_mm", [1.0, 2.0, 3.0, 5.0])
def test_and_when_the_spect_they_were_drawn_on_is_known_by_its_frame_only(lutetium, slice_mm):
    """Without the name of the image their planes are neither slices of the CT nor of the SPECT."""
    (point,) = lutetium.time_points
    grid = ImageGeometry((int(389 / slice_mm), 500, 500), (slice_mm, 1.0, 1.0), (-249.3, -410.4, 1157.2))
    ct = Series("1.2.826.0.1.3680043.10.1.78", "CT", "CT", (), grid, point.frame_of_reference_uid)
    unknown = replace(point, ct=ct, regions=(), series_uid="1.2.3", series_instance_uid="1.2.3")
    placed, warnings = place(LUTETIUM, "rtstruct", unknown)
    assert volumes(placed.points) == pytest.approx(expected(LUTETIUM)["regions_ml_by_polygon"], rel=2e-3)
    assert any("placed by its frame of reference" in text for text in warnings)


def test_aria_water_phantom(tmp_path):
    intake = read_folder(with_spect(tmp_path, "varian_aria_water_ct_rtstruct"))
    values = expected("varian_aria_water_ct_rtstruct")
    assert list(intake.time_points[0].ct.geometry.size) == values["ct_size"]
    assert volumes(intake.time_points) == pytest.approx({"Water": values["water_ml"]}, rel=1e-4)


def test_ibsi_phantom_of_cerr(tmp_path):
    intake = read_folder(with_spect(tmp_path, "ibsi_ct_phantom_rtstruct_cerr"))
    assert volumes(intake.time_points) == pytest.approx({"GTV-1": expected("ibsi_ct_phantom_rtstruct_cerr")["gtv_ml"]}, rel=1e-4)
    assert intake.regions[0].kind == "lesion"


def test_segmentation_of_dcmqi(tmp_path):
    intake = read_folder(with_spect(tmp_path, "ct_seg_dcmqi_3_slices"))
    assert volumes(intake.time_points) == pytest.approx({"Liver": expected("ct_seg_dcmqi_3_slices")["liver_ml"]}, abs=5e-4)
    assert intake.regions[0].kind == "organ"


def test_sarcoma_with_a_structure_set_on_ct_and_one_on_pet():
    name = "sts_003_ct_pet_suv_gml_rtstruct"
    values = expected(name)
    intake = read_folder(REAL / name / "files", overrides={"decay_correction": "START"})
    point = intake.time_points[0]
    for geometry, key in ((point.activity.geometry, "pet"), (point.ct.geometry, "ct")):
        check_grid(geometry, values[key]["size_zyx"], values[key]["spacing_zyx"], values[key]["first_voxel_lps"])
    found = volumes(intake.time_points)
    assert found["GTV_Mass_CT"] == pytest.approx(values["gtv_ct_ml"]["GTV_Mass_CT"], rel=1e-4)
    assert found["GTV_Mass_PET"] == pytest.approx(80.084, rel=2e-3)  # shoelace sum of the same file
    # The images were written anew: the series that both files name are not there, so their frame of reference tells where they lie.
    assert sum("placed by its frame of reference" in text for text in intake.warnings) == 2
    assert {region.kind for region in intake.regions} == {"lesion"}


def test_positions_rounded_at_bed_joins_are_a_complete_series(lutetium):
    name = "ge_discovery_st_pet_267_slices_bed_joins"
    image = expected(name)["image"]
    (series,) = scan_folder(REAL / name / "files" / "pet").series
    geometry, order = slices_grid([item.slice for item in series.objects], name)
    check_grid(geometry, image["size_zyx"], image["spacing_zyx"], image["first_voxel_lps"])
    along = np.array([series.objects[index].slice.position_lps_mm[2] for index in order])
    assert np.abs(along - along[0] - geometry.spacing_mm[0] * np.arange(267)).max() < 0.09
    first = lutetium.time_points[0]
    pet = Series(series.uid, "PT", "PET", (), geometry, str(series.header.FrameOfReferenceUID))
    placed, _ = place(name, "rtstruct", replace(first, ct=pet, regions=()))
    assert volumes(placed.points) == pytest.approx({"GTV_Mass": 365.181, "GTV_Edema": 580.595}, rel=1e-3)  # shoelace sums


def test_negative_spacing_between_slices():
    values = expected("mediso_jaszczak_nm_recon_tomo_negative_spacing")
    header = pydicom.dcmread(
        REAL / "mediso_jaszczak_nm_recon_tomo_negative_spacing" / "files" / "Jaszack.dcm", stop_before_pixels=True
    )
    geometry, order = nm_grid(header, "Mediso")
    check_grid(geometry, values["size"], values["spacing"], values["first_voxel_lps"])
    first_frame = int(np.flatnonzero(order == 0)[0])
    assert geometry.origin_lps_mm[2] + first_frame * geometry.spacing_mm[0] == pytest.approx(values["first_frame_z"], abs=1e-3)


def test_enhanced_ct_of_two_frames():
    name = "enhanced_ct_two_frames"
    values = expected(name)
    (series,) = scan_folder(REAL / name / "files").series
    geometry, order = slices_grid([item.slice for item in series.objects], name)
    check_grid(geometry, values["size"], values["spacing"], values["first_voxel_lps"])
    objects = [series.objects[index] for index in order]
    hounsfield = load_ct_files([item.path for item in objects], geometry, [item.frame for item in objects])
    assert [hounsfield.min(), hounsfield.max()] == values["hu"]


def test_a_file_without_orientation_is_refused():
    header = pydicom.dcmread(REAL / "nm_heart_1993_no_orientation" / "files" / "NM-MONO2-16-13x-heart", stop_before_pixels=True)
    with pytest.raises(DosimetryError, match="ImageOrientationPatient"):
        nm_grid(header, "the scan of 1993")
