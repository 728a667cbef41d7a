"""The radioembolisation case on disk is the case in memory."""

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake import read_folder
from RNTDosimetryLib.phantom.radioembolisation import TareSettings, simulate_tare, write_tare
from RNTDosimetryLib.planar import read_planar_views


@pytest.fixture(scope="module")
def scans():
    return simulate_tare(TareSettings(size="small", seed=5))


@pytest.fixture(scope="module")
def files(scans, tmp_path_factory):
    return write_tare(tmp_path_factory.mktemp("tare"), scans)


@pytest.mark.parametrize(("folder", "name"), [("scout_folder", "scout"), ("treatment_folder", "pet")])
def test_emission_images_come_back(scans, files, folder, name):
    intake = read_folder(getattr(files, folder))
    expected = getattr(scans, name)
    found = intake.time_points[0].activity
    assert found.nuclide == expected.nuclide
    assert found.start_h == pytest.approx(expected.start_h, abs=1e-6)
    assert found.geometry.same_grid(expected.geometry)
    # Stored in 16 bit steps of each slice's maximum.
    step = expected.concentration_bq_ml.max() / 65535
    np.testing.assert_allclose(found.concentration_bq_ml, expected.concentration_bq_ml, atol=step)
    assert np.abs(intake.time_points[0].ct.load_ct().hounsfield - scans.ct.hounsfield).max() <= 0.51


def test_planar_views_come_back(scans, files):
    views = read_planar_views(files.planar)
    # Rows of the phantom run from feet to head, rows of the picture from head to feet.
    np.testing.assert_array_equal(views.anterior_counts[::-1], scans.planar.anterior_counts)
    np.testing.assert_array_equal(views.posterior_counts[::-1], scans.planar.posterior_counts)
    assert views.duration_s == 300
    assert views.spacing_mm == pytest.approx(scans.planar.spacing_mm)
    swapped = read_planar_views(files.planar, anterior_frame=1, posterior_mirrored=False)
    np.testing.assert_array_equal(swapped.posterior_counts[::-1], scans.planar.anterior_counts)


def test_two_files_and_unnamed_views(scans, files, tmp_path):
    import pydicom

    for index, name in enumerate(("ANT", "POST")):
        dataset = pydicom.dcmread(files.planar)
        frame = dataset.pixel_array[index]
        dataset.NumberOfFrames = 1
        del dataset.DetectorInformationSequence
        dataset.DetectorVector = [1]
        dataset.PixelData, dataset.SeriesDescription = frame.tobytes(), f"MAA {name}"
        dataset.save_as(tmp_path / f"{name}.dcm")
    views = read_planar_views([tmp_path / "POST.dcm", tmp_path / "ANT.dcm"])
    np.testing.assert_array_equal(views.anterior_counts[::-1], scans.planar.anterior_counts)
    dataset.SeriesDescription = "MAA"
    dataset.save_as(tmp_path / "unnamed.dcm")
    with pytest.raises(DosimetryError, match="type which frame is anterior"):
        read_planar_views([tmp_path / "ANT.dcm", tmp_path / "unnamed.dcm"])


def test_other_files_are_refused(files, tmp_path):
    with pytest.raises(DosimetryError, match="found none"):
        read_planar_views(tmp_path / "none.dcm")
    (tmp_path / "text.dcm").write_text("text", encoding="utf-8")
    with pytest.raises(DosimetryError, match="which is none"):
        read_planar_views(tmp_path / "text.dcm")
    (tmp_path / "cut.dcm").write_bytes(files.planar.read_bytes()[:-500])
    with pytest.raises(DosimetryError, match="damaged"):
        read_planar_views(tmp_path / "cut.dcm")
    with pytest.raises(DosimetryError, match="planar NM image"):
        read_planar_views(next(files.scout_folder.rglob("ct_*.dcm")))
    with pytest.raises(DosimetryError, match="two planar views"):
        read_planar_views([files.planar, files.planar])
