import pytest
from workflow.calibration_fixtures import sphere_request, uniform_request

from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.demo.patient import STUDY_FILE, make_demo_patient
from RNTDosimetryLib.phantom import planar_scan, point_scan, sphere_scan, uniform_scan
from RNTDosimetryLib.phantom.sources import write_calibration_scan
from RNTDosimetryLib.roads.therapy.run import run_study_file


@pytest.fixture(scope="session")
def small_patient(tmp_path_factory):
    """Blur, noise and motion on coarse grids, with its study file."""
    return make_demo_patient(tmp_path_factory.mktemp("small") / "phantom", "small")


@pytest.fixture(scope="session")
def small_run(small_patient):
    """(StudyImages, StudyResult) of the small patient."""
    return run_study_file(small_patient.folder / STUDY_FILE)


@pytest.fixture(scope="session")
def camera(tmp_path_factory):
    """Folder with the scans as DICOM, calibration.json and recovery.json, made by the two verbs."""
    folder = tmp_path_factory.mktemp("camera")
    for scan in (uniform_scan(), planar_scan(), point_scan(), sphere_scan()):
        write_calibration_scan(folder, scan, seed=7)
    assert main(["calibrate", str(uniform_request(folder)), "--out", str(folder)]) == 0
    assert main(["recovery", str(sphere_request(folder)), "--out", str(folder)]) == 0
    return folder
